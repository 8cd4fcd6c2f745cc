"""One plain training loop, for every model of the course from here on.

What it is. `train` takes a model, a stream of batches and a function that says how wrong the model is on a batch, and
repeats: forward, backward, clip, step. It knows nothing of the model. Around these four lines stand the things that
make a run worth trusting: a learning rate that warms up and then falls, weight decay only where it helps, a loss on
held-out batches, and checkpoints from which a broken-off run ends in the very same bits as one that was left alone.

Several processes. Under `torchrun --nproc-per-node N script.py` the same script trains on N devices: the processes deal
the `accumulate` batches of a step among them, so that a step is the same whatever N (see `distributed`).

What it leaves out. Models too large for one device, early stopping, and averaging of weights.

Papers. Loshchilov & Hutter (2019), "Decoupled Weight Decay Regularization" (AdamW); Loshchilov & Hutter (2017), "SGDR:
Stochastic Gradient Descent with Warm Restarts" (cosine decay); Pascanu, Mikolov & Bengio (2013), "On the Difficulty of
Training Recurrent Neural Networks" (clipping); Micikevicius et al. (2018), "Mixed Precision Training".

`batches`: see the module of that name. `loss_fn(model, batch)` returns the mean loss of the batch; or a pair (mean
loss, how many things it is the mean over), which weighs batches of unequal size rightly. That number may be a tensor:
it is not read before the loss is. A batch of 0 things is left out, unless all are such.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor, nn

from course_lib import device as devices
from course_lib import training_files as files
from course_lib.batches import Batches, BatchStream, epoch_of, moved, shuffled  # noqa: F401  (lessons)
from course_lib.distributed import Team
from course_lib.losses import COUNTED, LossFunction, loss_and_count
from course_lib.progress import Listener, Progress, reporter  # noqa: F401
from course_lib.settings import Count, NotNegative, Positive, Rule, Settings, Size, at_most, number, require, whole
from course_lib.training_files import load_weights, read_checkpoint, write_checkpoint  # noqa: F401  (lessons)

# How much of the way down is still to go, when a share `done` of it, from 0 to 1, lies behind.
DECAYS: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "linear": lambda done: 1 - done,
    "constant": lambda done: 1.0,
}

Betas = Annotated[tuple[float, float], Rule(
    lambda value: isinstance(value, tuple) and len(value) == 2 and all(number(b) and 0 <= b < 1 for b in value),
    "two numbers of at least 0 and below 1, as in (0.9, 0.999)")]  # fmt: skip
Seed = Annotated[int, Rule(lambda value: whole(value, 0) and value < 2**63, "a whole number from 0 to below 2**63")]


@dataclass(frozen=True)
class TrainingConfig(Settings):
    """Settings of `train`; a step is one change of the weights.

    `warmup_steps`: the learning rate rises in a straight line to `learning_rate`, then falls to `min_learning_rate` as
    `decay` says ("cosine", "linear", or "constant": not at all). `weight_decay`: see `decay_groups`. `clip_norm`: a
    longer gradient is shortened to it (None: never). `accumulate`: batches a step, for a large batch in little memory,
    or to share among several processes.
    `mixed_precision`: compute in 16 bits where the device is made for it (elsewhere it changes nothing).
    `evaluate_every`, `checkpoint_every`: steps between two of them (0: only at the end). `log_every`: steps between two
    looks at the loss. Each look waits until a GPU has caught up: there, look every 10th step or so.
    """

    steps: Size = 1000
    learning_rate: Positive = 1e-3
    min_learning_rate: Annotated[NotNegative, at_most("learning_rate")] = 0.0
    warmup_steps: Annotated[Count, at_most("steps")] = 0
    decay: Literal[tuple(DECAYS)] = "cosine"
    weight_decay: NotNegative = 0.01
    betas: Betas = (0.9, 0.999)
    epsilon: Positive = 1e-8
    clip_norm: Positive | None = 1.0
    accumulate: Size = 1
    mixed_precision: bool = True
    evaluate_every: Count = 0
    checkpoint_every: Count = 0
    log_every: Size = 1
    seed: Seed = 1


# --- The pieces (lesson 08) -----------------------------------------------------------------------------------------


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


def decay_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """AdamW's two groups of trainable parameters: the matrices, which decay, and the rest, which do not.

    The rule: a parameter decays if it has two axes or more, is not called a bias, and belongs to no embedding and to no
    norm (of which those that can have two axes are told by their `normalized_shape`).
    For a bias or gain near 0 makes no model simpler, and the vector of a rare word would shrink at every step and learn
    at few. An output layer tied to an embedding is the embedding. Raises ValueError where nothing can be trained.
    """
    spared = {id(p) for module in model.modules() for p in module.parameters()
              if isinstance(module, nn.Embedding | nn.EmbeddingBag) or hasattr(module, "normalized_shape")}  # fmt: skip
    decayed, others = [], []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim >= 2 and "bias" not in name.rsplit(".", 1)[-1] and id(parameter) not in spared
            (decayed if decays else others).append(parameter)
    least = "one with a parameter to train: set requires_grad=True for some"
    require(bool(decayed or others), "model", type(model).__name__, least)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def evaluate(model: nn.Module, batches: Batches, loss_fn: LossFunction, mixed_precision: bool = True) -> float:
    """The mean loss over all batches, with dropout off and no gradients; afterwards each module is in its mode again.

    `mixed_precision`: as in `TrainingConfig`, with the same default, so that a model has one number here and there.

    `loss_fn` may as well return an accuracy with its count: what is returned is the mean. ValueError without a batch,
    or where nothing counts in any.
    """
    return _evaluate(model, batches, loss_fn, mixed_precision, Team())


def _evaluate(model: nn.Module, batches: Batches, loss_fn: LossFunction, mixed_precision: bool, team: Team) -> float:
    device, losses, counts = devices.of(model), [], []
    with evaluation_mode(model), torch.no_grad():
        for turn, batch in enumerate(epoch_of(batches, torch.Generator().manual_seed(0))):
            if team.is_mine(turn):
                with devices.autocast(device, mixed_precision):
                    loss, count = loss_and_count(loss_fn(model, moved(batch, device)))
                losses.append(loss)
                counts.append(count)
    total, weight = 0.0, 0.0
    for loss, count in zip(devices.as_numbers(losses), devices.as_numbers(counts)):
        total, weight = total + loss * count, weight + count
    total, weight, batches_read = team.sum(torch.tensor([total, weight, len(losses)], dtype=torch.float64)).tolist()
    require(batches_read > 0, "batches", batches, "one held-out batch at least (what was read before may be empty)")
    require(weight != 0, "what loss_fn returned", weight, COUNTED)
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


# --- The loop -------------------------------------------------------------------------------------------------------


@dataclass
class History:
    """What a run has seen: each step's loss and gradient's length (before clipping); (step, held-out loss) pairs."""

    losses: list[float] = field(default_factory=list)
    gradient_norms: list[float] = field(default_factory=list)
    held_out: list[tuple[int, float]] = field(default_factory=list)


def train(
    model: nn.Module, batches: Batches, loss_fn: LossFunction, config: TrainingConfig | None = None, *,
    held_out: Batches | None = None, checkpoint: str | Path | None = None, resume: bool = False,
    progress: bool | Listener = True, on_step: Listener | None = None,
) -> History:  # fmt: skip
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
    require(store is not None or not resume, "checkpoint", checkpoint, "a folder, for resume=True to go on from")
    writes = store is not None and run.team.rank == 0
    with devices.own_random_numbers(run.device, config.seed), files.alone(store) if writes else nullcontext():
        if resume and (store / files.RECORD).exists():
            run.load(store)
        run.team.begin(model, run.step)
        if store is not None and run.step < config.steps:
            files.make_folder(store)
        shows = progress if run.team.rank == 0 else False
        with reporter(shows, config.steps, unit="steps", name="training", first=run.step, digits=3,
                      scaled=False) as report, _training_mode(model):  # fmt: skip
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
                    state = report(run.step, **run.latest())
                    if on_step is not None:
                        on_step(state)
                if store is not None and (last or _due(run.step, config.checkpoint_every)):
                    if run.team.rank == 0:
                        run.save(store)
                    run.team.wait()
    return run.history


TIDY_EVERY = 20  # steps; batches of unlike sizes leave holes in memory, which grew to 5 GB in a run of BERT's mini


@contextmanager
def _training_mode(model: nn.Module) -> Iterator[None]:
    model.train()
    try:
        yield
    finally:
        model.eval()
        devices.give_back_memory()


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


class Run:
    """A training run: everything that the next step depends on, and what is needed to put it on a disk and back."""

    def __init__(self, model: nn.Module, batches: Batches, config: TrainingConfig):
        self.model, self.config, self.device = model, config, devices.of(model)
        self.team = Team(self.device)
        least = f"{self.team.size} or more, a batch for each process"
        require(config.accumulate >= self.team.size, "accumulate", config.accumulate, least)
        groups = decay_groups(model, config.weight_decay)
        half = config.mixed_precision and devices.autocast_dtype(self.device) == torch.float16
        # One kernel a step: faster, and where a float16 gradient has overflowed it finds out without the host waiting.
        self.fused = half or self.device.type == "cpu"
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, eps=config.epsilon,
                                           fused=self.fused or None)  # fmt: skip
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=half)  # float16 alone is too narrow for gradients
        self.data = BatchStream(batches, config.seed)
        self.step, self.history = 0, History()
        self.unread: list[tuple] = []  # (loss, gradient's length, weight) of the steps since the last look

    def take_step(self, loss_fn: LossFunction) -> None:
        """Forward and backward on `accumulate` batches, clip, step."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        total, weight, unit = 0.0, 0.0, None
        for turn in range(self.config.accumulate):
            batch = next(self.data)
            if not self.team.is_mine(turn):
                continue
            if self.team.together:
                chance = np.random.SeedSequence((self.config.seed, self.step, turn))
                devices.start_random_numbers(self.device, int(chance.generate_state(1)[0]))
            with devices.autocast(self.device, self.config.mixed_precision):
                loss, count = loss_and_count(loss_fn(self.model, moved(batch, self.device)))
            require(loss.requires_grad, "loss", loss, "dependent on parameters: loss_fn must call the model")
            if unit is None:
                unit = torch.where(count > 0, count, 1) if isinstance(count, Tensor) else count
            share = count / unit  # 1 where counts are alike; the mean over all is taken once the last is in
            self.scaler.scale(loss * share).backward()
            total, weight = total + loss.detach() * share, weight + share
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        require(bool(gradients), "loss", total, "dependent on this model: loss_fn must call the one it is given")
        sparse = any(gradient.is_sparse for gradient in gradients)
        require(not sparse, "sparse", sparse, "False in an embedding, as AdamW reads no sparse gradient")
        if self.team.together:
            sums = [torch.as_tensor(x, dtype=torch.float64, device=self.device) for x in (total * unit, weight * unit)]
            total, weight = self.team.sum(torch.stack(sums))
            self.team.add_up(self.parameters, unit / weight)
        elif self.config.accumulate > 1:
            for gradient in gradients:
                gradient.div_(weight)
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
        read = iter(devices.as_numbers([value for step in self.unread for value in step]))
        for loss, norm, weight in zip(read, read, read):
            self._check(loss, norm, weight)
            self.history.losses.append(loss)
            self.history.gradient_norms.append(norm)
        self.unread = []

    def latest(self) -> dict[str, float | None]:
        """What there is to say about the last step."""
        rate, held_out = self.optimizer.param_groups[0]["lr"], self.history.held_out
        return {"loss": self.history.losses[-1], "gradient_norm": self.history.gradient_norms[-1],
                "learning_rate": rate, "held_out": held_out[-1][1] if held_out else None}  # fmt: skip

    def _check(self, loss: float, norm: float, weight: float) -> None:
        require(weight != 0, "what loss_fn returned", weight, COUNTED)
        for what, value in (("loss", loss), ("gradient's length", 0.0 if self.scaler.is_enabled() else norm)):
            if not math.isfinite(value):
                step, rate = len(self.history.losses) + 1, self.config.learning_rate
                raise RuntimeError(f"The {what} is {value} at step {step}: lower learning_rate={rate}, or look for a "
                                   "logarithm of 0, a division by 0 or a row of only padding.")  # fmt: skip

    def evaluate(self, held_out: Batches, loss_fn: LossFunction) -> None:
        """Add the held-out loss to the history. Its chance is the same every time, and the training's is untouched."""
        with devices.own_random_numbers(self.device, self.config.seed):
            loss = _evaluate(self.model, held_out, loss_fn, self.config.mixed_precision, self.team)
        if not math.isfinite(loss):
            raise RuntimeError(f"The held-out loss is {loss} after step {self.step}: look for a batch of only padding.")
        self.history.held_out.append((self.step, loss))

    def save(self, folder: Path) -> None:
        """Write the run into its folder; a break at any moment leaves this checkpoint there or the one before."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, state in self._moments().items():
            tensors |= {f"optimizer.{name}.{key}": value for key, value in state.items()}
        tensors |= {f"numbers.{kind}": state for kind, state in devices.random_state(self.device).items()}
        for name in ("losses", "gradient_norms"):
            tensors[f"history.{name}"] = torch.tensor(getattr(self.history, name), dtype=torch.float64)
        record = {"step": self.step, "epoch": self.data.epoch, "batches_read": self.data.read,
                  "held_out": self.history.held_out, "scaler": self.scaler.state_dict(),
                  "config": asdict(self.config), "torch": str(torch.__version__)}  # fmt: skip
        files.write_checkpoint(folder, record, tensors)

    def _moments(self) -> dict[str, dict[str, Tensor]]:
        """AdamW's state by the name of the parameter."""
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        return {names[id(parameter)]: state for parameter, state in self.optimizer.state.items()}

    def load(self, folder: Path) -> None:
        """Take up the run where `save` left it."""
        record, tensors = files.read_checkpoint(folder)
        files.require_same(folder, record["config"], self.config)
        self.data.move_to(record["epoch"], record["batches_read"])
        files.load_model(folder, tensors, self.model)
        for name, parameter in self.model.named_parameters():
            prefix = f"optimizer.{name}."
            state = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            if state:  # AdamW keeps `step` on the CPU, unless it is fused
                stay = set() if self.fused else {"step"}
                self.optimizer.state[parameter] = {k: v if k in stay else v.to(self.device) for k, v in state.items()}
        if record["scaler"]:
            self.scaler.load_state_dict(record["scaler"])
        self.step = record["step"]
        losses, norms = (tensors[f"history.{name}"].tolist() for name in ("losses", "gradient_norms"))
        self.history = History(losses, norms, [tuple(pair) for pair in record["held_out"]])
        saved = {key.removeprefix("numbers."): value for key, value in tensors.items() if key.startswith("numbers.")}
        here = devices.random_state(self.device)  # a checkpoint made elsewhere lacks this device's
        devices.set_random_state(self.device, here | saved)
