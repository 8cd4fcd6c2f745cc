"""LoRA: a model adapts by two thin matrices beside each large one, and the large ones stay as they are.

    add(model, rank=4)                 # all else stands still; "90,112 of 6,174,784 parameters learn"
    training.train(model, batches, loss_fn)
    save(model, "my_voice.safetensors")           # some hundred kilobytes
    with off(model): ...               # within it the old model, bit for bit
    merge(model)                       # the same answers, and plain linear layers again

What it is. `LoRALinear` adds scale * B A x to what a linear layer says of x; A is random and B is 0 to begin with, so
that at first nothing changes. `add` puts one in the place of each linear layer that it finds in a model (GPT, BERT,
Llama, the Transformer of 2017); `merge` adds the product to the weight. `save` and `load` keep the thin matrices alone.

What it leaves out. Dropout on the way in, layers in fewer bits (QLoRA), several adapters at a time.

Paper. Hu et al. (2022), "LoRA: Low-Rank Adaptation of Large Language Models", equation 3.

Shapes: D numbers go in, N come out, r = rank.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.files import write_whole
from course_lib.settings import Positive, Rule, Size, Texts, require
from course_lib.shapes import require_tensors, shaped

Linear = Annotated[nn.Linear, Rule(lambda part: isinstance(part, nn.Linear), "an nn.Linear of float numbers")]


class LoRALinear(nn.Module):
    """A linear layer that stands still, and beside it the way through r numbers: W x + b + scale * B (A x).

    `scale` is alpha / rank. ValueError for what is no `nn.Linear`, as layers in 8 or 4 bits, which pass no slopes on.
    """

    @shaped
    def __init__(self, linear: Linear, rank: Size, alpha: Positive, generator: torch.Generator | None = None):
        super().__init__()
        self.linear, self.scale, self.on = linear.requires_grad_(False), alpha / rank, True
        N, D = linear.weight.shape
        self.A = nn.Parameter((torch.randn(rank, D, generator=generator) / D**0.5).to(linear.weight))
        self.B = nn.Parameter(linear.weight.new_zeros(N, rank))

    @property
    def weight(self) -> Float[Tensor, "N D"]:
        """The weight that does the same in one product."""
        return self.linear.weight + self.scale * self.B @ self.A if self.on else self.linear.weight

    @property
    def bias(self) -> Float[Tensor, " N"] | None:
        return self.linear.bias

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... N"]:
        y = self.linear(x)
        return y + self.scale * F.linear(F.linear(x, self.A), self.B) if self.on else y


class Learning(NamedTuple):
    """How many of a model's parameters learn."""

    learning: int
    all: int

    def __str__(self) -> str:
        return f"{self.learning:,} of {self.all:,} parameters learn"


def adapters(model: nn.Module) -> dict[str, LoRALinear]:
    """All of a model's adapted layers, by name."""
    return {name: part for name, part in model.named_modules() if isinstance(part, LoRALinear)}


def _wanted(model: nn.Module, targets: Sequence[str], train: Sequence[str]) -> list[str]:
    """Names of the linear layers to adapt: all, or those with a part of `targets` in their name."""
    tables = {id(part.weight) for part in model.modules() if isinstance(part, nn.Embedding)}
    names = [name for name, part in model.named_modules() if name and isinstance(part, nn.Linear)
             and id(part.weight) not in tables and not any(word in name for word in train)]  # fmt: skip
    return [name for name in names if not targets or any(word in name for word in targets)]


@shaped
def add(model: nn.Module, rank: Size = 4, alpha: Positive | None = None, targets: Texts = (),
        train: Texts = ("classifier",), seed: int = 0) -> Learning:  # fmt: skip
    """Adapt a model in its place, and say how many of its parameters learn from here on.

    `targets`: parts of names, as ("attention",); none for all linear layers but a head tied to the token table.
    `train`: parts that learn as a whole, as a fresh head must. `alpha`: None for 2 * rank. ValueError for a model
    that is adapted already, and for targets that are in no name.
    """
    require(not adapters(model), "model", type(model).__name__, "merged or loaded anew first: it is adapted already")
    names = _wanted(model, targets, train)
    require(bool(names), "targets", targets, "parts of the names of linear layers, in a model of float numbers")
    model.requires_grad_(False)
    generator, alpha = torch.Generator().manual_seed(seed), 2 * rank if alpha is None else alpha
    for linear in map(model.get_submodule, names):
        _put(model, linear, LoRALinear(linear, rank, alpha, generator))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith((".A", ".B")) or any(word in name for word in train))
    sizes = [(p.numel() if p.requires_grad else 0, p.numel()) for p in model.parameters()]
    return Learning(*map(sum, zip(*sizes)))


def _put(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """The new layer wherever the old one stands: blocks may share it."""
    for parent in list(model.modules()):
        for name, part in list(parent._modules.items()):
            if part is old and parent is not new:
                setattr(parent, name, new)


@contextmanager
def off(model: nn.Module) -> Iterator[None]:
    """Within it the adapters say nothing: the model that was adapted, bit for bit."""
    before = {part: part.on for part in adapters(model).values()}
    try:
        for part in before:
            part.on = False
        yield
    finally:
        for part, on in before.items():
            part.on = on


@torch.no_grad()
def merge(model: nn.Module) -> nn.Module:
    """Add each product to its weight, in place: the same answers (up to rounding) from plain layers that all learn."""
    for part in adapters(model).values():
        part.linear.weight += part.scale * part.B @ part.A
        _put(model, part, part.linear.requires_grad_(True))
    return model.requires_grad_(True)


def save(model: nn.Module, file: str | Path) -> int:
    """Write what learned, and nothing else; returns the bytes of the file. ValueError for a model without adapters."""
    found = adapters(model)
    require(bool(found), "model", type(model).__name__, "adapted first, by add: it has no adapters to save")
    tensors = {name: p.detach().contiguous() for name, p in model.named_parameters() if p.requires_grad}
    scales = {f"scale.{name}": repr(part.scale) for name, part in found.items()}
    write_whole(file, safetensors.torch.save(tensors, scales | {"sum": _sum(scales, tensors)}))
    return Path(file).stat().st_size


def _sum(scales: dict[str, str], tensors: dict[str, Tensor]) -> str:
    return hashlib.sha256(repr(sorted(scales.items())).encode() + safetensors.torch.save(tensors)).hexdigest()


@torch.no_grad()
def load(model: nn.Module, file: str | Path) -> nn.Module:
    """Put a saved adapter beside a model's layers, in place. ValueError for that of another model, or a damaged one."""
    try:
        with safetensors.safe_open(file, "pt") as opened:
            told = opened.metadata() or {}
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}
        if told.pop("sum", None) not in (None, _sum(told, tensors)):  # files of before have none
            raise ValueError("it is damaged: copy it again")
        scales = {key.removeprefix("scale."): float(value) for key, value in told.items()
                  if key.startswith("scale.")}  # fmt: skip
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{file} holds no adapter ({error}): give a file that lora.save wrote.") from None
    require(bool(scales), "file", str(file), "one that lora.save wrote: it holds no adapter")
    whole = {key: value for key, value in tensors.items() if key.rpartition(".")[0] not in scales}
    pairs = {name: [tensors.get(f"{name}.{part}", torch.empty(0, 0)) for part in "BA"] for name in scales}
    found = whole | {name: torch.empty(len(B), A.shape[1], device="meta") for name, (B, A) in pairs.items()}
    own = dict(model.named_parameters())
    places = own | {name: part.weight for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    require_tensors(found, {name: places[name] for name in found if name in places}, str(file))
    model.requires_grad_(False)
    for name, scale in scales.items():
        rank = len(tensors[f"{name}.A"])
        linear = model.get_submodule(name)
        part = LoRALinear(linear, rank, scale * rank, torch.Generator())
        part.scale = scale  # to the last bit
        part.A.copy_(tensors[f"{name}.A"])
        part.B.copy_(tensors[f"{name}.B"])
        _put(model, linear, part)
    for key, value in whole.items():
        own[key].copy_(value)
        own[key].requires_grad_(True)
    return model
