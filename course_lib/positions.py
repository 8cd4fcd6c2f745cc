"""Positions: what tells attention where a token stands, for its own equation does not.

What it is. Three ways. `SinusoidalPositions` and `LearnedPositions` are tables, of which a row is added to each token's
vector; `RotaryPositions` turns queries and keys, so that their product knows how far apart they are.

What it leaves out. Llama's form of turning, which pairs other numbers (see `llama.turn`), and biases for distance.

Papers. Vaswani et al. (2017), "Attention Is All You Need", 3.5; Su et al. (2021), "RoFormer".

Shapes: T positions, D numbers a vector.
"""

from typing import Annotated

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.settings import Count, Rule, Size, require, require_context, whole
from course_lib.shapes import shaped

Even = Annotated[int, Rule(lambda value: whole(value, 2) and value % 2 == 0, "an even whole number: sines, cosines")]


def sinusoidal_positions(context_length: Size, d_model: Even) -> Float[Tensor, "context_length d_model"]:
    """Row t: sin(t / 10000^(2i / d_model)) in column 2i, the cosine of the same angle in column 2i + 1 (2017, 3.5)."""
    angles = _angles(context_length, d_model)  # (T, D / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()  # (T, D)


@shaped
def _angles(context_length: Size, size: Even) -> Float[Tensor, "context_length size/2"]:
    """Position times frequency, for frequencies that fall from 1 to nearly 1 / 10000. In float64: angles grow large."""
    frequencies = 10_000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)  # (size / 2,)
    return torch.arange(context_length, dtype=torch.float64)[:, None] * frequencies


def require_so_far(attention_mask: Bool[Tensor, "B S"], length: int) -> None:
    """ValueError for a mask of other places than those so far."""
    what = f"of shape {(len(attention_mask), length)}, one boolean for each token so far"
    require(attention_mask.shape[1] == length, "attention_mask", tuple(attention_mask.shape), what)


def _rows(length: int, start: int, attention_mask: Bool[Tensor, "B S"] | None) -> slice | Int[Tensor, "B T"]:
    """Which rows of a table: start, start + 1, ...; with a mask how many of a text's tokens come before each place."""
    here = slice(start, start + length)
    if attention_mask is None:
        return here
    require_so_far(attention_mask, start + length)
    return (attention_mask.cumsum(1) - 1).clamp(min=0)[:, here]


class SinusoidalPositions(nn.Module):
    """The fixed table of `sinusoidal_positions`, one row a position."""

    def __init__(self, context_length: int, d_model: int):
        super().__init__()
        self.register_buffer("table", sinusoidal_positions(context_length, d_model), persistent=False)

    @shaped
    def forward(
        self, length: Size, start: Count = 0, attention_mask: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "*B length d_model"]:
        """The rows of `length` places from `start` on. With a mask of all places so far padding does not count."""
        require_context(start + length, len(self.table))
        return self.table[_rows(length, start, attention_mask)]


class LearnedPositions(nn.Module):
    """A trained table, one row a position."""

    def __init__(self, context_length: int, d_model: int):
        super().__init__()
        self.table = nn.Embedding(context_length, d_model)

    @shaped
    def forward(
        self, length: Size, start: Count = 0, attention_mask: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "*B length d_model"]:
        """As `SinusoidalPositions.forward`."""
        require_context(start + length, self.table.num_embeddings)
        return self.table.weight[_rows(length, start, attention_mask)]


class RotaryPositions(nn.Module):
    """Turns each pair of numbers of a query or key by an angle that grows with its position (2021, equation 34).

    A query's product with a key then depends on how far apart they are, not on where they stand. The pairs are
    neighbours, (0, 1), (2, 3) and so on, as in the paper. Hugging Face's Llama pairs i with i + D / 2: the same, after
    the rows of its query and key projections have been put in another order.
    """

    def __init__(self, context_length: int, head_size: int):
        super().__init__()
        angles = _angles(context_length, head_size)  # (T, D / 2)
        self.head_size = head_size
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    @shaped
    def forward(self, x: Float[Tensor, "*batch T D"], start: Count = 0) -> Float[Tensor, "*batch T D"]:
        """The vectors of positions start, start + 1, ..., each turned by its own angles; ValueError beyond the last."""
        T, D = x.shape[-2:]
        # By hand, as attention calls this from within its own door, and size 2 would broadcast.
        require(self.head_size == D, "x", tuple(x.shape), f"vectors of size {self.head_size}")
        require_context(start + T, len(self.cos))
        cos, sin = (table[start : start + T].to(x.dtype) for table in (self.cos, self.sin))  # (T, D / 2)
        even, odd = x[..., 0::2], x[..., 1::2]  # (..., T, D / 2)
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)  # (..., T, D)
