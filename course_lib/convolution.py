"""A convolution over words: filters that slide along a text, and each one's strongest answer decides.

What it is. `CNNClassifier`, the whole model of the paper for one fixed text length and for padded batches alike.

What it leaves out. Deeper stacks, and vectors that are held fixed beside those that learn (the paper's two channels).

Paper. Kim (2014), "Convolutional Neural Networks for Sentence Classification".

Shapes: B sequences, T places in the longest, D vector size.
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.padding import lengths_of
from course_lib.settings import Rule, Share, Size, whole
from course_lib.shapes import look_up, shaped

Widths = Annotated[tuple[int, ...], Rule(
    lambda value: isinstance(value, tuple | list) and len(value) > 0 and all(whole(width, 1) for width in value),
    "one or more whole numbers of 1 or more, as in (3, 4, 5)")]  # fmt: skip


class CNNClassifier(nn.Module):
    """Kim's classifier: filters that look at 3, 4 and 5 words at once, and of each only its strongest answer.

    Embedding (B, T, D) -> for each width a convolution with ReLU -> maximum over the places -> dropout -> scores. No
    filter sees padding, unless the text is shorter than the filter is wide: a text's scores are the same in any batch.
    """

    @shaped
    def __init__(self, vocab_size: Size, num_classes: Size, d_model: Size = 100, widths: Widths = (3, 4, 5),
                 filters: Size = 100, dropout: Share = 0.5):  # fmt: skip
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.convolutions = nn.ModuleList(nn.Conv1d(d_model, filters, width) for width in widths)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(filters * len(widths), num_classes)

    @shaped
    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B num_classes"]:
        lengths = lengths_of(attention_mask)
        B, T = input_ids.shape
        lengths = torch.full((B,), T, device=input_ids.device) if lengths is None else lengths
        places = torch.arange(T, device=input_ids.device)
        x = look_up(self.embedding, input_ids) * (places < lengths[:, None])[:, :, None]  # (B, T, D), zeros on padding
        strongest = [self._strongest(convolution, x.transpose(1, 2), lengths) for convolution in self.convolutions]
        return self.output(self.dropout(torch.cat(strongest, dim=-1)))

    @staticmethod
    def _strongest(convolution: nn.Conv1d, x: Float[Tensor, "B D T"], lengths: Int[Tensor, " B"]) -> Tensor:
        """(B, filters): the largest answer of each filter over the places where it lies within the text."""
        (width,) = convolution.kernel_size
        answers = convolution(F.pad(x, (0, max(0, width - x.shape[2])))).relu()  # (B, filters, T - width + 1)
        starts = torch.arange(answers.shape[2], device=x.device)
        inside = starts <= (lengths - width).clamp(min=0)[:, None]  # (B, T - width + 1); the first always is
        return answers.masked_fill(~inside[:, None, :], 0.0).amax(2)  # no answer is below 0
