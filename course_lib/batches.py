"""Batches for a loop that trains: shuffled, moved to the model's device, and read on from where a run broke off.

What it is. `Batches` are a collection that can be read again and again (a list, a DataLoader), or a function that takes
a `torch.Generator` and gives the batches of one epoch, as `shuffled` makes one. `BatchStream` reads them epoch after
epoch and knows where it stands: two numbers, from which another process comes back to the same place.

What it leaves out. Reading ahead in other processes (a DataLoader does that), and batches by length: see `finetuning`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from course_lib.settings import Size, require
from course_lib.shapes import check_tensor, shaped

Batches = Iterable[Any] | Callable[[torch.Generator], Iterable[Any]]


@shaped
def shuffled(*tensors: Shaped[Tensor, "N ..."], batch_size: Size) -> Callable[[torch.Generator], Iterator[tuple]]:
    """Batches out of tensors that belong together row by row: each epoch in a new order, every row once."""
    for number, tensor in enumerate(tensors):
        check_tensor(f"tensors[{number}]", tensor)
    sizes = [tensor.shape[0] if tensor.ndim else 0 for tensor in tensors]
    require(len(set(sizes)) == 1 and sizes[0] > 0, "tensors", sizes, "of as many rows each, and of one at least")

    def epoch(generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        for rows in torch.randperm(sizes[0], generator=generator).split(batch_size):
            yield tuple(tensor[moved(rows, tensor.device)] for tensor in tensors)

    return epoch


def epoch_of(batches: Batches, generator: torch.Generator) -> Iterator[Any]:
    return iter(batches(generator) if callable(batches) else batches)


def moved(batch: Any, device: torch.device) -> Any:
    """The batch on the device: a tensor (or anything with `.to`), or a tuple, list or dict of such; the rest stays."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=device.type == "cuda")  # a GPU gets its copy while we go on
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, dict):
        return {key: moved(value, device) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [moved(part, device) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


class BatchStream:
    """Batch after batch, epoch after epoch. The chance in it is a matter of seed and epoch alone.

    So a place in the data is two numbers, `epoch` and `read`, and to come back to it is to read the epoch again up to
    there. What draws from torch's own random numbers, such as a DataLoader that shuffles, gets a stream of them apart
    from the model's dropout.
    """

    def __init__(self, batches: Batches, seed: int):
        self.batches, self.seed = batches, seed
        self.move_to(0, 0)

    def move_to(self, epoch: int, read: int) -> None:
        """Go to the place after `read` batches of an epoch."""
        self.epoch, self.read, self.iterator = epoch, 0, None
        seeds = np.random.SeedSequence((self.seed, epoch)).generate_state(2)
        self.generator = torch.Generator().manual_seed(int(seeds[0]))
        self.stream = torch.Generator().manual_seed(int(seeds[1])).get_state()
        while self.read < read:
            require(self._read() is not None, "batches", self.read, f"the {read} or more that the checkpoint had read")

    def __next__(self) -> Any:
        found = self._read()
        require(found or self.read, "batches", self.batches, "one to train on, in what can be read again, as a list")
        if found is None:
            self.move_to(self.epoch + 1, 0)
            return next(self)
        return found[0]

    def _read(self) -> tuple | None:
        """The next batch of this epoch, in a tuple; None at its end."""
        outside = torch.get_rng_state()
        torch.set_rng_state(self.stream)
        try:
            self.iterator = self.iterator or epoch_of(self.batches, self.generator)
            batch = next(self.iterator)
        except StopIteration:
            return None
        finally:
            self.stream = torch.get_rng_state()
            torch.set_rng_state(outside)
        self.read += 1
        return (batch,)
