"""Several processes that train one model: those that torchrun has started, or this one alone.

What it is. Under `torchrun --nproc-per-node N script.py` the same script runs in N processes, each with a device and a
copy of the model. Every process reads all batches and computes those whose turn it is. Their gradients are added up,
each mean with the weight of how many things it is the mean over, once a step; so all take the same step from the same
weights.

What it leaves out. This is what torch's DistributedDataParallel does, in one plain sum for each parameter. That class
hides the sums behind the backward pass, which pays for models larger than ours; but it wants its wrapper called in the
place of the model (a method such as `BertForPreTraining.loss` passes it by), weighs all processes alike whatever counts
in their batches, and waits forever where one has a batch less. Models too large for one device.

Paper. Li et al. (2020), "PyTorch Distributed: Experiences on Accelerating Data Parallel Training".
"""

import atexit
import os

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Team:
    """The processes that train one model together, and which of them this is; on its own without a device."""

    rank, size = 0, 1

    def __init__(self, device: torch.device | None = None):
        self.device, self.together = device, device is not None and join(device)
        if self.together:
            self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def is_mine(self, number: int) -> bool:
        """Whether this process computes the batch of this number."""
        return number % self.size == self.rank

    def begin(self, model: nn.Module, step: int) -> None:
        """All start from the weights of the first process. RuntimeError where they do not start at the same step."""
        if self.together:
            steps = self.sum(torch.eye(self.size)[self.rank] * step).int().tolist()
            if len(set(steps)) > 1:
                raise RuntimeError(
                    f"The processes would go on from the steps {steps}: name a checkpoint folder that all of them see."
                )
            for tensor in [*model.parameters(), *model.buffers()]:
                dist.broadcast(tensor.detach(), 0)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each of them."""
        if not self.together:
            return values
        values = values.to(self.device)  # nccl adds up on GPUs alone
        dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Go on when all have come here."""
        self.sum(torch.zeros(1)).tolist()

    def add_up(self, parameters: list[nn.Parameter], weight: Tensor) -> None:
        """Each gradient becomes the sum over all processes of weight * gradient. What none of them used has none."""
        used = self.sum(torch.tensor([float(p.grad is not None) for p in parameters]))
        for i, parameter in enumerate(parameters):
            if parameter.grad is None and used[i]:  # looked at, and a GPU waited for, only where one is missing here
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for sum_ in [dist.all_reduce(gradient.mul_(weight), async_op=True) for gradient in gradients]:
            sum_.wait()


def join(device: torch.device) -> bool:
    """Whether there are processes to work with. Those that torchrun has started are brought together first."""
    if not dist.is_available():
        return False
    if not dist.is_initialized() and {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    return dist.is_initialized()
