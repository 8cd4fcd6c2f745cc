"""One plain training loop, for every model of the course from here on.

What it is. `train` takes a model, a stream of batches and a function that says how wrong the model is on a batch, and
repeats: forward, backward, clip, step. It knows nothing of the model. Around these four lines stand the things that
make a run worth trusting: a learning rate that warms up and then falls, weight decay only where it helps, a loss on
held-out batches, and checkpoints from which a broken-off run ends in the very same bits as one that was left alone.

Several processes. Under `torchrun --nproc-per-node N script.py` the same script trains on N devices: the processes deal
the `accumulate` batches of a step among them, so that a step is the same whatever N (see `Team`).

What it leaves out. Models too large for one device, early stopping, and averaging of weights.

Papers. Loshchilov & Hutter (2019), "Decoupled Weight Decay Regularization" (AdamW); Loshchilov & Hutter (2017), "SGDR:
Stochastic Gradient Descent with Warm Restarts" (cosine decay); Pascanu, Mikolov & Bengio (2013), "On the Difficulty of
Training Recurrent Neural Networks" (clipping); Micikevicius et al. (2018), "Mixed Precision Training".

`batches` is a collection of batches that can be read again and again (a list, a DataLoader), or a function that takes a
`torch.Generator` and gives the batches of one epoch. `loss_fn(model, batch)` returns the mean loss of the batch; or a
pair (mean loss, how many things it is the mean over), which weighs batches of unequal size rightly. That number may be
a tensor: it is not read before the loss is. A batch of 0 things is left out, unless all are such.
"""

import atexit
import contextlib
import json
import math
import numbers
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
import torch.distributed as dist
from jaxtyping import Shaped
from safetensors import SafetensorError
from torch import Tensor, nn
from tqdm.auto import tqdm

from course_lib import device as devices
from course_lib.settings import require, whole

Batches = Iterable[Any] | Callable[[torch.Generator], Iterable[Any]]
LossFunction = Callable[[nn.Module, Any], Tensor | tuple[Tensor, float | Tensor]]


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of `train`; a step is one change of the weights.

    `warmup_steps`: the learning rate rises in a straight line to `learning_rate`, then falls to `min_learning_rate` as
    `decay` says ("cosine", "linear", or "constant": not at all). `weight_decay`: see `decay_groups`. `clip_norm`: a
    longer gradient is shortened to it (None: never). `accumulate`: batches a step, for a large batch in little memory,
    or to share among several processes.
    `mixed_precision`: compute in 16 bits where the device is made for it (elsewhere it changes nothing).
    `evaluate_every`, `checkpoint_every`: steps between two of them (0: only at the end). `log_every`: steps between two
    looks at the loss. Each look waits until a GPU has caught up: there, look every 10th step or so.
    """

    steps: int = 1000
    learning_rate: float = 1e-3
    min_learning_rate: float = 0.0
    warmup_steps: int = 0
    decay: str = "cosine"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    clip_norm: float | None = 1.0
    accumulate: int = 1
    mixed_precision: bool = True
    evaluate_every: int = 0
    checkpoint_every: int = 0
    log_every: int = 1
    seed: int = 1

    def __post_init__(self):
        for name in ("steps", "accumulate", "log_every"):
            self._require(name, whole(getattr(self, name), 1), "a whole number of 1 or more")
        for name in ("warmup_steps", "evaluate_every", "checkpoint_every", "seed"):
            self._require(name, whole(getattr(self, name), 0), "a whole number of 0 or more")
        self._require("seed", self.seed < 2**63, "below 2**63")
        self._require("warmup_steps", self.warmup_steps <= self.steps, f"at most steps ({self.steps})")
        for name in ("learning_rate", "epsilon"):
            value = getattr(self, name)
            self._require(name, _between(value, 0, math.inf) and value > 0, "a number above 0")
        lowest = _between(self.min_learning_rate, 0, self.learning_rate)
        self._require("min_learning_rate", lowest, f"between 0 and learning_rate ({self.learning_rate})")
        self._require("decay", self.decay in DECAYS, f"one of {', '.join(map(repr, DECAYS))}")
        self._require("weight_decay", _between(self.weight_decay, 0, math.inf), "a number of 0 or more")
        pair = isinstance(self.betas, tuple) and len(self.betas) == 2
        below_one = pair and all(_between(beta, 0, 1) and beta < 1 for beta in self.betas)
        self._require("betas", below_one, "two numbers of at least 0 and below 1, as in (0.9, 0.999)")
        clips = self.clip_norm is None or (_between(self.clip_norm, 0, math.inf) and self.clip_norm > 0)
        self._require("clip_norm", clips, "above 0, or None for no clipping")

    def _require(self, name: str, holds: bool, what: str) -> None:
        require(holds, name, getattr(self, name), what)


def _between(value, low: float, high: float) -> bool:
    return isinstance(value, numbers.Real) and low <= value <= high and value != math.inf


# --- The pieces (lesson 08) -----------------------------------------------------------------------------------------

# How much of the way down is still to go, when a share `done` of it, from 0 to 1, lies behind.
DECAYS: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
    "constant": lambda done: 1.0,
}


def learning_rate(step: int, config: TrainingConfig) -> float:
    """The learning rate of a step, counted from 0: up over `warmup_steps` (never 0), then down over the rest.

    >>> config = TrainingConfig(steps=6, warmup_steps=2, learning_rate=1.0, decay="linear")
    >>> [learning_rate(step, config) for step in range(7)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    done = min(1.0, (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps))
    span = config.learning_rate - config.min_learning_rate
    return config.min_learning_rate + span * DECAYS[config.decay](done)


NEVER_DECAYED = (nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """AdamW's two groups of trainable parameters: the matrices, which decay, and the rest, which do not.

    The rule: a parameter decays if it has two axes or more, is not called a bias, and belongs to no embedding or norm.
    (A bias or a gain of 0 is no simpler than another; a rare word's vector would decay all the time and learn seldom.)
    An output layer tied to an embedding is the embedding. Raises ValueError where nothing can be trained.
    """
    spared = {id(p) for module in model.modules() if isinstance(module, NEVER_DECAYED) for p in module.parameters()}
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim >= 2 and "bias" not in name.rsplit(".", 1)[-1] and id(parameter) not in spared
            (decayed if decays else others).append(parameter)
    if not decayed and not others:
        raise ValueError(f"The {type(model).__name__} has no parameter to train, for it has none or all are frozen: "
                         "set requires_grad=True where it shall learn.")  # fmt: skip
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def shuffled(
    *tensors: Shaped[Tensor, "N ..."], batch_size: int
) -> Callable[[torch.Generator], Iterator[tuple[Tensor, ...]]]:
    """Batches for `train` out of tensors that belong together row by row: each epoch in a new order, every row once."""
    require(whole(batch_size, 1), "batch_size", batch_size, "a whole number of 1 or more")
    if not tensors or any(len(tensor) != len(tensors[0]) for tensor in tensors):
        raise ValueError(f"The tensors have {[len(t) for t in tensors]} rows: give some, each with as many rows.")

    def epoch(generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        for rows in torch.randperm(len(tensors[0]), generator=generator).split(batch_size):
            yield tuple(tensor[_move(rows, tensor.device)] for tensor in tensors)

    return epoch


def evaluate(model: nn.Module, batches: Batches, loss_fn: LossFunction, mixed_precision: bool = False) -> float:
    """The mean loss over all batches, with dropout off and no gradients; afterwards each module is in its mode again.

    `loss_fn` may as well return an accuracy with its count: what is returned is the mean. ValueError without a batch,
    or where nothing counts in any.
    """
    return _evaluate(model, batches, loss_fn, mixed_precision, Team())


def _evaluate(model: nn.Module, batches: Batches, loss_fn: LossFunction, mixed_precision: bool, team: "Team") -> float:
    place, losses, counts = _place(model), [], []
    with evaluation_mode(model), torch.no_grad():
        for number, batch in enumerate(batches(torch.Generator().manual_seed(0)) if callable(batches) else batches):
            if team.is_mine(number):
                with _precision(place, mixed_precision):
                    loss, count = _loss_and_count(loss_fn(model, _move(batch, place)))
                losses.append(loss)
                counts.append(count)
    total, weight = 0.0, 0.0
    for loss, count in zip(_read(losses), _read(counts)):
        total, weight = total + loss * count, weight + count
    total, weight, number = team.sum(torch.tensor([total, weight, len(losses)], dtype=torch.float64)).tolist()
    if not number:
        raise ValueError("There is no held-out batch to evaluate on: the collection is empty, or was read before.")
    if not weight:
        raise ValueError(NOTHING)
    return total / weight


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def _place(model: nn.Module) -> torch.device:
    """Where the model is: batches go there too."""
    return next((tensor.device for tensor in model.parameters()), torch.device("cpu"))


def _precision(place: torch.device, mixed: bool):
    dtype = devices.autocast_dtype(place)
    return torch.autocast(place.type, dtype) if mixed and dtype != torch.float32 else contextlib.nullcontext()


def _move(batch, place: torch.device):
    """The batch on the device: a tensor (or anything with `.to`), or a tuple, list or dict of such; the rest stays."""
    if isinstance(batch, Tensor):
        return batch.to(place, non_blocking=place.type == "cuda")  # a GPU gets its copy while we go on
    if hasattr(batch, "to"):
        return batch.to(place)
    if isinstance(batch, dict):
        return {key: _move(value, place) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        parts = [_move(part, place) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return batch


NOTHING = "loss_fn returned a mean over 0 things: a batch must hold at least one that counts."


def _loss_and_count(answer: Tensor | tuple[Tensor, float | Tensor]) -> tuple[Tensor, float | Tensor]:
    """What loss_fn returned, looked at without reading a tensor. Where nothing counts the loss is 0."""
    loss, count = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, 1.0)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise ValueError(f"loss_fn returned {got}: it must return one number as a tensor, the mean loss of the batch.")
    loss = loss.reshape(())
    if not isinstance(count, Tensor):
        try:
            count = float(count)
        except (TypeError, ValueError):
            raise _no_number(count) from None
        if not 0 <= count < math.inf:
            raise ValueError(f"loss_fn returned a mean over {count:g} things: give how many things count in the batch.")
        if count:
            return loss, count
        count = torch.zeros((), device=loss.device)
    if count.numel() != 1 or count.is_complex():
        raise _no_number(count)
    count = _move(count.detach().reshape(()), loss.device)
    return loss.masked_fill(count == 0, 0.0), count  # the mean over nothing is NaN


def _no_number(count: object) -> ValueError:
    return ValueError(f"loss_fn returned a {type(count).__name__} beside the loss, which is no number: return the "
                      "loss alone, or with it how many things it is the mean over.")  # fmt: skip


def _read(values: list[float | Tensor]) -> list[float]:
    """Plain numbers out of numbers and tensors. Here a GPU is waited for, once for all of them."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    read = iter(torch.stack(tensors).tolist() if tensors else [])
    return [next(read) if isinstance(value, Tensor) else value for value in values]


# --- Several processes ----------------------------------------------------------------------------------------------


class Team:
    """The processes that train one model together, each with a copy of it: torchrun's, or this one alone.

    Every process reads all batches and computes those whose turn it is. Their gradients are added up, each mean with
    the weight of how many things it is the mean over, once a step; so all take the same step from the same weights.

    This is what torch's DistributedDataParallel does, in one plain sum for each parameter. That class hides the sums
    behind the backward pass, which pays for models larger than ours; but it wants its wrapper called in the place of
    the model (a method such as `BertForPreTraining.loss` passes it by), weighs all processes alike whatever counts in
    their batches, and waits forever where one has a batch less.
    """

    rank, size = 0, 1

    def __init__(self, place: torch.device | None = None):
        self.place, self.together = place, place is not None and _join(place)
        if self.together:
            self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def is_mine(self, number: int) -> bool:
        return number % self.size == self.rank

    def begin(self, model: nn.Module, step: int) -> None:
        """All start from the weights of the first process. RuntimeError where they do not start at the same step."""
        if self.together:
            steps = self.sum(torch.eye(self.size)[self.rank] * step).int().tolist()
            if len(set(steps)) > 1:
                raise RuntimeError(f"The processes would go on from the steps {steps}: name a checkpoint folder that "
                                   "all of them see.")  # fmt: skip
            for tensor in [*model.parameters(), *model.buffers()]:
                dist.broadcast(tensor.detach(), 0)

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, the same bits in each of them."""
        if not self.together:
            return values
        values = values.to(self.place)  # nccl adds up on GPUs alone
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


def _join(place: torch.device) -> bool:
    """Whether there are processes to work with. Those that torchrun has started are brought together first."""
    if not dist.is_available():
        return False
    if not dist.is_initialized() and {"RANK", "WORLD_SIZE", "LOCAL_RANK"} <= os.environ.keys():
        dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)
    return dist.is_initialized()


# --- The loop -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step: its loss and gradient's length (before clipping), the latest held-out loss."""

    step: int
    steps: int
    loss: float
    gradient_norm: float
    learning_rate: float
    held_out: float | None
    steps_per_second: float


@dataclass
class History:
    """What a run has seen: each step's loss and gradient's length (before clipping); (step, held-out loss) pairs."""

    losses: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)


def train(
    model: nn.Module,
    batches: Batches,
    loss_fn: LossFunction,
    config: TrainingConfig | None = None,
    *,
    held_out: Batches | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    progress: bool | Callable[[Progress], None] = True,
    on_step: Callable[[Progress], None] | None = None,
) -> History:
    """Train the model in place, where it is (its device is kept), and leave it in evaluation mode.

    held_out:   batches to evaluate on, every `evaluate_every` steps (then also before the first) and at the end.
    checkpoint: a folder that holds the run's latest checkpoint, written every `checkpoint_every` steps and at the end.
    resume:     go on from that checkpoint; from the beginning where there is none yet. The end is the same, bit for
                bit, as without the break, if all chance is torch's (`generator`'s in `batches`, dropout's in the model;
                not that of a DataLoader with a generator of its own) and the kind of device has not changed.
    progress:   True shows a bar with the live loss; a function is called with a `Progress` a few times a second.
    on_step:    the one hook: called with a `Progress` after each step, its (clipped) gradients still in place.

    With `log_every` above 1 all three see only the steps whose loss is read: every `log_every`-th, the last, and those
    with an evaluation or a checkpoint. The losses of the others come into the history at the next of these.

    Under torchrun only the first process writes checkpoints and shows progress; `on_step` is called in each, and each
    returns the same history. The losses are those of one process: of one without torchrun if there is no dropout, whose
    chance is there a matter of seed, step and batch. Numbers that a model counts up by itself, as BatchNorm does, are
    not brought together.

    torch's random numbers start from `config.seed`, and afterwards go on as if nothing had been trained. Raises
    ValueError for batches, a loss or a checkpoint that cannot be used, and RuntimeError when a loss or a gradient is no
    longer a number: the model then has the weights of the step before (with `log_every` above 1, of a later one). In
    float16, which overflows easily, a gradient costs its step instead, and the next is scaled down.
    """
    config = config or TrainingConfig()
    run = Run(model, batches, config)
    store = None if checkpoint is None else Path(checkpoint)
    if resume and store is None:
        raise ValueError("resume=True needs a checkpoint to go on from: name its folder with checkpoint=.")
    with _own_numbers(run.place, config.seed), _reporter(progress if run.team.rank == 0 else False, run) as report:
        if resume and (store / RECORD).exists():
            run.load(store)
        run.team.begin(model, run.step)
        if store is not None and run.step < config.steps:
            _make_folder(store)
        model.train()
        try:
            if held_out is not None and config.evaluate_every and run.step == 0:
                run.evaluate(held_out, loss_fn)
            while run.step < config.steps:
                run.take_step(loss_fn)
                if _due(run.step, TIDY_EVERY):
                    devices.give_back_memory()
                last = run.step == config.steps
                if held_out is not None and (last or _due(run.step, config.evaluate_every)):
                    run.evaluate(held_out, loss_fn)
                if not run.unread:
                    report(on_step)
                if store is not None and (last or _due(run.step, config.checkpoint_every)):
                    if run.team.rank == 0:
                        run.save(store)
                    run.team.wait()
        finally:
            model.eval()
            devices.give_back_memory()
    return run.history


TIDY_EVERY = 20  # steps; batches of unlike sizes leave holes in memory, which grew to 5 GB in a run of BERT's mini


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


class Run:
    """A training run: everything that the next step depends on, and what is needed to put it on a disk and back."""

    def __init__(self, model: nn.Module, batches: Batches, config: TrainingConfig):
        self.model, self.config, self.place = model, config, _place(model)
        self.team = Team(self.place)
        if config.accumulate < self.team.size:
            raise ValueError(f"accumulate={config.accumulate} leaves some of the {self.team.size} processes without "
                             f"a batch: give accumulate={self.team.size} or more, and smaller batches.")  # fmt: skip
        groups = decay_groups(model, config.weight_decay)
        half = config.mixed_precision and devices.autocast_dtype(self.place) == torch.float16
        # One kernel a step: faster, and where a float16 gradient has overflowed it finds out without the host waiting.
        self.fused = half or self.place.type == "cpu"
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, betas=config.betas, eps=config.epsilon, fused=self.fused or None
        )
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        self.scaler = torch.amp.GradScaler(self.place.type, enabled=half)  # float16 alone is too narrow for gradients
        self.data = Data(batches, config.seed)
        self.step, self.first, self.history = 0, 0, History()
        self.unread: list[tuple] = []  # (loss, gradient's length, weight) of the steps since the last look

    def take_step(self, loss_fn: LossFunction) -> None:
        """Forward and backward on `accumulate` batches, clip, step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        total, weight, unit = 0.0, 0.0, None
        for number in range(self.config.accumulate):
            batch = next(self.data)
            if not self.team.is_mine(number):
                continue
            if self.team.together:
                chance = np.random.SeedSequence((self.config.seed, self.step, number))
                torch.manual_seed(int(chance.generate_state(1)[0]))
            with _precision(self.place, self.config.mixed_precision):
                loss, count = _loss_and_count(loss_fn(self.model, _move(batch, self.place)))
            if not loss.requires_grad:
                raise ValueError("The loss depends on no parameter of the model: loss_fn must call the model, "
                                 "and neither detach its output nor turn it into a plain number.")  # fmt: skip
            if unit is None:
                unit = torch.where(count > 0, count, 1) if isinstance(count, Tensor) else count
            share = count / unit  # 1 where counts are alike; the mean over all is taken once the last is in
            self.scaler.scale(loss * share).backward()
            total, weight = total + loss.detach() * share, weight + share
        if all(parameter.grad is None for parameter in self.parameters):
            raise ValueError("The loss depends on no parameter of this model: loss_fn must call the model it is given, "
                             "not another of the same name.")  # fmt: skip
        if self.team.together:
            sums = [torch.as_tensor(x, dtype=torch.float64, device=self.place) for x in (total * unit, weight * unit)]
            total, weight = self.team.sum(torch.stack(sums))
            self.team.add_up(self.parameters, unit / weight)
        elif self.config.accumulate > 1:
            for parameter in self.parameters:
                if parameter.grad is not None:
                    parameter.grad.div_(weight)
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm or math.inf)
        self.unread.append((total / weight, norm, weight))
        step, config = self.step + 1, self.config
        looks = (config.log_every, config.evaluate_every, config.checkpoint_every)
        if step == config.steps or any(_due(step, every) for every in looks):
            self.look()
        self.scaler.step(self.optimizer)  # skips a step whose 16-bit gradients have overflowed
        self.scaler.update()
        self.step = step

    def look(self) -> None:
        """Bring the losses of the last steps into the history: a GPU is waited for here and nowhere else in a step."""
        numbers = iter(_read([number for step in self.unread for number in step]))
        for loss, norm, weight in zip(numbers, numbers, numbers):
            self._check(loss, norm, weight)
            self.history.losses.append(loss)
            self.history.gradient_norms.append(norm)
        self.unread = []

    def _check(self, loss: float, norm: float, weight: float) -> None:
        if not weight:
            raise ValueError(NOTHING)
        for what, value in (("loss", loss), ("gradient's length", 0.0 if self.scaler.is_enabled() else norm)):
            if not math.isfinite(value):
                raise RuntimeError(
                    f"The {what} is {value} at step {len(self.history.losses) + 1}: lower "
                    f"learning_rate={self.config.learning_rate}, or look in the model and loss_fn for a logarithm of "
                    "0, a division by 0 or a row of only padding."
                )

    def evaluate(self, held_out: Batches, loss_fn: LossFunction) -> None:
        """Add the held-out loss to the history. Its chance is the same every time, and the training's is untouched."""
        with _own_numbers(self.place, self.config.seed):
            loss = _evaluate(self.model, held_out, loss_fn, self.config.mixed_precision, self.team)
        if not math.isfinite(loss):
            raise RuntimeError(f"The held-out loss is {loss} after step {self.step}: look for a batch of only padding.")
        self.history.held_out.append((self.step, loss))

    def save(self, folder: Path) -> None:
        """Write the run into its folder; a break at any moment leaves this checkpoint there or the one before."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, state in self._moments().items():
            tensors |= {f"optimizer.{name}.{key}": value for key, value in state.items()}
        tensors |= {f"numbers.{kind}": state for kind, state in _numbers(self.place).items()}
        for name in ("losses", "gradient_norms"):
            tensors[f"history.{name}"] = torch.tensor(getattr(self.history, name), dtype=torch.float64)
        record = {
            "step": self.step,
            "epoch": self.data.epoch,
            "batches_read": self.data.read,
            "held_out": self.history.held_out,
            "scaler": self.scaler.state_dict(),
            "config": asdict(self.config),
            "torch": str(torch.__version__),
        }
        write_checkpoint(folder, record, tensors)

    def _moments(self) -> dict[str, dict[str, Tensor]]:
        """AdamW's state by the name of the parameter."""
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        return {names[id(parameter)]: state for parameter, state in self.optimizer.state.items()}

    def load(self, folder: Path) -> None:
        """Take up the run where `save` left it."""
        record, tensors = read_checkpoint(folder)
        _check_config(folder, record["config"], self.config)
        self.data.move_to(record["epoch"], record["batches_read"])
        _load_weights(folder, tensors, self.model)
        for name, parameter in self.model.named_parameters():
            prefix = f"optimizer.{name}."
            state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            if state:  # AdamW keeps `step` on the CPU, unless it is fused
                stay = set() if self.fused else {"step"}
                self.optimizer.state[parameter] = {k: v if k in stay else v.to(self.place) for k, v in state.items()}
        if record["scaler"]:
            self.scaler.load_state_dict(record["scaler"])
        self.step = self.first = record["step"]
        self.history = History(
            tensors["history.losses"].tolist(),
            tensors["history.gradient_norms"].tolist(),
            [tuple(pair) for pair in record["held_out"]],
        )
        saved = {key.removeprefix("numbers."): value for key, value in tensors.items() if key.startswith("numbers.")}
        _set_numbers(self.place, _numbers(self.place) | saved)  # a checkpoint made elsewhere lacks this device's


class Data:
    """Batch after batch, epoch after epoch. The chance in it is a matter of seed and epoch alone.

    So a place in the data is two numbers, and to come back to it is to read the epoch again up to there. What draws
    from torch's own numbers, such as a DataLoader that shuffles, gets a stream apart from the model's dropout.
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
            if self._read() is None:
                raise ValueError(f"The data ended after {self.read} batches, of which the checkpoint had read {read}: "
                                 "resume with the batches that the run began with.")  # fmt: skip

    def __next__(self):
        found = self._read()
        if found is None:
            if not self.read:
                raise ValueError("There is no batch to train on: give at least one, in something that can be read "
                                 "again for the next epoch (a list, a DataLoader or a function of a torch.Generator).")
            self.move_to(self.epoch + 1, 0)
            return next(self)
        return found[0]

    def _read(self) -> tuple | None:
        """The next batch of this epoch, in a tuple; None at its end."""
        outside = torch.get_rng_state()
        torch.set_rng_state(self.stream)
        try:
            if self.iterator is None:
                self.iterator = iter(self.batches(self.generator) if callable(self.batches) else self.batches)
            batch = next(self.iterator)
        except StopIteration:
            return None
        finally:
            self.stream = torch.get_rng_state()
            torch.set_rng_state(outside)
        self.read += 1
        return (batch,)


def _numbers(place: torch.device) -> dict[str, Tensor]:
    """The state of torch's random numbers, on the CPU and on the device."""
    states = {"cpu": torch.get_rng_state()}
    if place.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(place)
    elif place.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def _set_numbers(place: torch.device, states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if place.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], place)
    elif place.type == "mps":
        torch.mps.set_rng_state(states["mps"])


@contextmanager
def _own_numbers(place: torch.device, seed: int) -> Iterator[None]:
    """Within it torch's random numbers start from `seed`; afterwards they go on from where they were."""
    before = _numbers(place)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        _set_numbers(place, before)


@contextmanager
def _reporter(progress: bool | Callable[[Progress], None], run: Run) -> Iterator[Callable]:
    """Turns each step into a progress bar, into calls of a function (at most four a second), or into nothing."""
    began, said, steps = time.perf_counter(), 0.0, run.config.steps
    with tqdm(total=steps, unit=" steps", desc="training", disable=progress is not True) as bar:
        first = None

        def report(on_step: Callable[[Progress], None] | None) -> None:
            nonlocal said, first
            if first is None:
                first = bar.n = bar.initial = run.first  # a resumed run begins late
            now = time.perf_counter()
            held_out = run.history.held_out[-1][1] if run.history.held_out else None
            loss, norm = run.history.losses[-1], run.history.gradient_norms[-1]
            rate, speed = run.optimizer.param_groups[0]["lr"], (run.step - first) / max(now - began, 1e-9)
            state = Progress(run.step, steps, loss, norm, rate, held_out, speed)
            said_held_out = "" if held_out is None else f", held-out {held_out:.3f}"
            bar.set_postfix_str(f"loss {loss:.3f}{said_held_out}", refresh=False)
            bar.update(run.step - bar.n)
            if callable(progress) and (now - said > 0.25 or run.step == steps):
                said = now
                progress(state)
            if on_step is not None:
                on_step(state)

        yield report


# --- Checkpoints ----------------------------------------------------------------------------------------------------

RECORD = "checkpoint.json"


def write_checkpoint(folder: str | Path, record: dict, tensors: dict[str, Tensor]) -> None:
    """Put tensors and a small record into a folder, in the place of the checkpoint that it held.

    Both files are written in a folder of their own and brought to the disk before they take their places. The record
    names the file of tensors and is replaced last, in one stroke: it always points to a whole file.
    """
    folder = Path(folder)
    _make_folder(folder)
    name = f"step_{record['step']}_{secrets.token_hex(4)}.safetensors"
    unfinished = folder / f"{RECORD}.part"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed in the middle of this
    try:
        unfinished.mkdir()
        safetensors.torch.save_file(_unshared(tensors), unfinished / name)
        (unfinished / RECORD).write_text(_json(record | {"tensors": name}), "utf-8")
        for file in (name, RECORD):
            _bring_to_disk(unfinished / file)
            os.replace(unfinished / file, folder / file)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        current = _named_by_record(folder)
        for file in folder.glob("step_*_????????.safetensors"):
            if file.name != current and (file.name == name or current == name):
                file.unlink(missing_ok=True)  # the old one if all went well, else the new one


def _make_folder(folder: Path) -> None:
    """ValueError where no checkpoint can be written: `train` asks before its first step, not after its last."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: a checkpoint is a folder; give another name.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"No checkpoint can be written in {folder} ({error.strerror}): name another folder.") from None


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU. Tied ones become two, as safetensors allows no memory under two names."""
    apart, seen = {}, set()
    for key, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        apart[key] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return apart


def _bring_to_disk(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _json(record: dict) -> str:
    return json.dumps(record, indent=1, default=lambda number: number.item())  # NumPy's numbers become Python's


def _named_by_record(folder: Path) -> str | None:
    try:
        return json.loads((folder / RECORD).read_text("utf-8"))["tensors"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_checkpoint(folder: str | Path) -> tuple[dict, dict[str, Tensor]]:
    """The record and the tensors of a folder. FileNotFoundError where there is none, ValueError where it is damaged."""
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        raise FileNotFoundError(f"There is no checkpoint in {folder}, for {RECORD} is missing: "
                                "train with checkpoint= first, or name another folder.")  # fmt: skip
    advice = "delete the folder and train anew, or copy the checkpoint again."
    name = _named_by_record(folder)
    if name is None:
        raise ValueError(f"{folder / RECORD} is damaged or cut off: {advice}")
    try:
        tensors = safetensors.torch.load((folder / name).read_bytes())
    except FileNotFoundError:
        raise ValueError(f"{folder / RECORD} names {name}, which is not there: {advice}") from None
    except (SafetensorError, ValueError):
        raise ValueError(f"{folder / name} is damaged or cut off: {advice}") from None
    return json.loads((folder / RECORD).read_text("utf-8")), tensors


def load_weights(folder: str | Path, model: nn.Module) -> int:
    """Put the weights of a checkpoint into the model; returns the step that they are from."""
    record, tensors = read_checkpoint(folder)
    _load_weights(Path(folder), tensors, model)
    return record["step"]


def _load_weights(folder: Path, tensors: dict[str, Tensor], model: nn.Module) -> None:
    load_tensors({key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")},
                 model, f"The checkpoint in {folder}")  # fmt: skip


def load_tensors(tensors: dict[str, Tensor], model: nn.Module, origin: str) -> None:
    """Put tensors into the model, every one by its name; ValueError, with `origin` in it, for one that does not fit."""
    wanted = model.state_dict()
    for name in sorted(tensors.keys() | wanted.keys()):
        a, b = (f"{tuple(part[name].shape)}" if name in part else "none" for part in (tensors, wanted))
        if a != b:
            raise ValueError(f"{origin} is of another model, its {name} is {a} and this model's {b}: "
                             "build the model that was saved, or name another folder.")  # fmt: skip
    model.load_state_dict(tensors)


MAY_CHANGE = {"evaluate_every", "checkpoint_every", "log_every"}  # they change no weight


def _check_config(folder: Path, saved: dict, config: TrainingConfig) -> None:
    now = json.loads(_json(asdict(config)))  # tuples become lists, as in the file
    for name in now:
        if name not in MAY_CHANGE and saved.get(name) != now[name]:
            raise ValueError(f"The checkpoint in {folder} was made with {name}={saved.get(name)!r}, not {now[name]!r}: "
                             "resume with the same settings, or name another folder.")  # fmt: skip
