"""What stands between the attentions of a Transformer: the norm, the feed-forward network, and how their weights start.

What it leaves out. Llama's norm and its network with a gate: see `llama`. Dropout and the residual: see the blocks.

Papers. Ba, Kiros, Hinton (2016), "Layer Normalization"; Vaswani et al. (2017), "Attention Is All You Need"; Glorot &
Bengio (2010), "Understanding the Difficulty of Training Deep Feedforward Neural Networks".

Shapes: D = d_model numbers a vector.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.settings import Positive, Size
from course_lib.shapes import shaped, wide

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,  # the Transformer of 2017
    "gelu": F.gelu,  # BERT
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # GPT-2: close to gelu and, then, faster
}
Activation = Literal[tuple(ACTIVATIONS)]


@shaped
def layer_norm(
    x: Float[Tensor, "*batch D"], weight: Float[Tensor, " D"], bias: Float[Tensor, " D"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "*batch D"]:  # fmt: skip
    """Each vector to mean 0 and variance 1 (over its own D numbers, divided by D), then a trained scale and shift."""
    centred = wide(x) - wide(x).mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)
    normed = (centred / torch.sqrt(variance + eps)).to(x.dtype) * weight  # (..., D)
    return normed if bias is None else normed + bias


class LayerNorm(nn.Module):
    """`layer_norm` with its trained scale and shift, by torch's kernel, which reads the vectors once."""

    def __init__(self, d_model: int, eps: float = 1e-5, bias: bool = True):
        super().__init__()
        self.d_model, self.eps = d_model, eps
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model)) if bias else None

    @shaped
    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class FeedForward(nn.Module):
    """The same two-layer network for every position: activation(x W1 + b1) W2 + b2 (2017, equation 2)."""

    @shaped
    def __init__(self, d_model: Size, d_ff: Size | None = None, activation: Activation = "relu", bias: bool = True):
        super().__init__()
        self.d_model, d_ff = d_model, d_ff or 4 * d_model
        self.hidden = nn.Linear(d_model, d_ff, bias=bias)
        self.output = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = ACTIVATIONS[activation]

    @shaped
    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        return self.output(self.activation(self.hidden(x)))


@torch.no_grad()
@shaped
def initialise(module: nn.Module, init: Literal["xavier", "normal"], std: Positive = 0.02) -> nn.Module:
    """Draw the weights of all linear layers and embeddings anew; their biases become zeros. Returns the module.

    "xavier", for the model of 2017: matrices uniform with variance 2 / (inputs + outputs) (Glorot & Bengio 2010), and
    embeddings normal with variance 1 / d_model. "normal", for BERT and GPT: all normal with standard deviation `std`.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight) if init == "xavier" else nn.init.normal_(part.weight, std=std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=part.embedding_dim**-0.5 if init == "xavier" else std)
    return module
