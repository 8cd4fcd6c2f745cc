"""Padded sequences: how long each is, and the way back to front; for models that read a batch one place after another.

What it leaves out. Masks of attention: see `attention.padding_mask`.

Shapes: B sequences, T places in the longest, D numbers a place.
"""

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

from course_lib.settings import require
from course_lib.shapes import shaped


@shaped
def lengths_of(attention_mask: Bool[Tensor, "B T"] | None) -> Int[Tensor, " B"] | None:
    """How long each sequence is, from its mask: True for the text, then False for the padding after it."""
    if attention_mask is None:
        return None
    lengths = attention_mask.sum(1)
    require(all_hold(lengths > 0), "lengths", lengths, "1 or more: leave an empty sequence out, or give it a token")
    ends = all_hold(~(attention_mask[:, 1:] & ~attention_mask[:, :-1]).any(1))
    require(ends, "attention_mask", attention_mask, "without True after False: padding comes after a text")
    return lengths


@shaped
def reverse(x: Shaped[Tensor, "B T D"], lengths: Int[Tensor, " B"] | None = None) -> Shaped[Tensor, "B T D"]:
    """Each sequence back to front, its padding left at the end."""
    if lengths is None:
        return x.flip(1)
    places = torch.arange(x.shape[1], device=x.device)[None, :]
    back = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)  # (B, T)
    return x.gather(1, back[:, :, None].expand_as(x))


def all_hold(holds: Bool[Tensor, " B"]) -> bool:
    """Do all hold? Told on the CPU alone: elsewhere the answer would have to be waited for, in every step.

    There it is True. A GPU of CUDA looks by itself and, where it is not, stops as at a token that does not exist.
    """
    if holds.device.type == "cpu":
        return all(holds.tolist())
    if holds.device.type == "cuda":
        torch._assert_async(holds.all())
    return True
