"""What a GPT costs, counted before it is built; and a power law through what its smaller siblings have reached.

    parameters(gpt.SIZES["gpt2"])                     124,439,808, without taking any memory
    training_flops(config, batch_size=8)              additions and multiplications of one step
    training_memory(config, batch_size=8)             bytes: weights, gradients, AdamW's means, and what is kept
    fit = fit_power_law(sizes, losses)
    fit.predict(2 * sizes.max())                      Interval(value, low, high) for one more run

What it is. Counts by hand for `gpt.GPT`, as formulas that one can check with a pencil: a linear layer from m numbers to
n multiplies m n times and adds as often, for each token; the way back costs twice the way there. `fit_power_law` finds
floor + scale * size ** -exponent by least squares and says how far one more run may fall from it.

What it leaves out. What is not a product of matrices (norms, GELU, softmax: a few per cent), the half of the attention
scores that a causal kernel may skip, dropout's masks, memory that the system adds. How to share a budget between size
and text: that is Hoffmann's question, and needs runs of both kinds.

Papers. Kaplan et al. (2020), "Scaling Laws for Neural Language Models" (6 FLOPs a parameter and token; the law);
Hoffmann et al. (2022), "Training Compute-Optimal Large Language Models" (the floor); Chen et al. (2016), "Training Deep
Nets with Sublinear Memory Cost" (activation checkpointing).

Shapes: B texts, T tokens each, D = d_model, L = num_layers, F = d_ff, V = vocab_size; N sizes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real
from scipy import optimize, stats

from course_lib.gpt import GPTConfig
from course_lib.intervals import Confidence, Interval
from course_lib.settings import Positive, Size, number, require, require_context
from course_lib.shapes import shaped

# --- Counts -----------------------------------------------------------------------------------------------------------


def parameters(config: GPTConfig) -> int:
    """How many numbers a GPT of this size learns; the tied head is the token table.

    >>> parameters(GPTConfig(vocab_size=10, context_length=8, d_model=4, num_layers=1, num_heads=2))
    324
    """
    D, F = config.d_model, config.d_ff or 4 * config.d_model
    tables = (config.vocab_size + config.context_length) * D
    attention = D * 3 * D + 3 * D + D * D + D
    network = D * F + F + F * D + D
    norm = 2 * D
    return tables + config.num_layers * (attention + network + 2 * norm) + norm


@shaped
def forward_flops(config: GPTConfig, batch_size: Size, length: Size | None = None) -> int:
    """Additions and multiplications in the matrix products of one reading; `length` None for a full context."""
    T = _length(config, batch_size, length)
    D, F = config.d_model, config.d_ff or 4 * config.d_model
    weights = config.num_layers * (4 * D * D + 2 * D * F) + config.vocab_size * D  # each meets each token once
    attention = config.num_layers * 2 * T * D  # a query meets T keys, and its weights T values
    return 2 * batch_size * T * (weights + attention)


@shaped
def training_flops(config: GPTConfig, batch_size: Size, length: Size | None = None, checkpointing: bool = False) -> int:
    """Those of one training step: there, and twice as many on the way back; with checkpointing the blocks once more.

    (All but each block's last product: the way back needs nothing that comes out of it, and torch stops there.)


    >>> training_flops(GPTConfig(vocab_size=10, context_length=8, d_model=4, num_layers=1, num_heads=2), 3, 2)
    8928
    """
    forward = forward_flops(config, batch_size, length)
    last = config.num_layers * (config.d_ff or 4 * config.d_model) * config.d_model
    not_again = 2 * batch_size * _length(config, batch_size, length) * (config.vocab_size * config.d_model + last)
    return 3 * forward + (forward - not_again if checkpointing else 0)


class Memory(NamedTuple):
    """Bytes that a training step needs, in float32."""

    weights: int
    gradients: int
    optimizer: int  # AdamW's two means for each parameter
    activations: int  # what the forward pass keeps for the way back

    @property
    def total(self) -> int:
        return sum(self)


@shaped
def training_memory(
    config: GPTConfig, batch_size: Size, length: Size | None = None, checkpointing: bool = False
) -> Memory:
    """Bytes of one training step without dropout, with the fused attention kernel, which keeps no T x T scores.

    With checkpointing a block keeps what came in, and one block at a time all that it needs.
    """
    T = _length(config, batch_size, length)
    D, F, L = config.d_model, config.d_ff or 4 * config.d_model, config.num_layers
    # A token in a block: into each norm and out of it, query, key and value, what attention says; around the GELU.
    block = 8 * D + 2 * F + config.num_heads + 4  # the last: a sum for each head's softmax, mean and width of two norms
    kept = L * D + block if checkpointing else L * block
    kept += 2 * D + 2 + config.vocab_size  # into the last norm and out of it, and the log of each p
    weights = 4 * parameters(config)
    return Memory(weights, weights, 2 * weights, 4 * batch_size * T * kept)


def _length(config: GPTConfig, batch_size: int, length: int | None) -> int:
    require_context(length or 1, config.context_length)
    return config.context_length if length is None else length


# --- A law ------------------------------------------------------------------------------------------------------------


class PowerLaw(NamedTuple):
    """loss = floor + scale * size ** -exponent, fitted to N runs."""

    floor: float
    scale: float
    exponent: float
    covariance: Float[np.ndarray, "P P"]  # of floor (if it was fitted), log(scale), exponent
    noise: float  # how far a run falls from the law, a standard deviation
    freedom: int  # N minus what was fitted

    def __call__(self, size: float) -> float:
        return self.floor + self.scale * size**-self.exponent

    @shaped
    def predict(self, size: Positive, confidence: Confidence = 0.95) -> Interval:
        """Where one more run of this size falls, by Student's t: the fit's own error and a run's noise together.

        It knows nothing of a law that bends outside of the sizes it was fitted on.
        """
        rise = self.scale * size**-self.exponent
        slopes = np.array([1.0, rise, -rise * np.log(size)])[-len(self.covariance) :]
        spread = np.sqrt(self.noise**2 + slopes @ self.covariance @ slopes)
        half = float(stats.t.ppf((1 + confidence) / 2, self.freedom) * spread)
        return Interval(self(size), self(size) - half, self(size) + half)

    @shaped
    def floor_interval(self, confidence: Confidence = 0.95) -> Interval:
        """The floor, and how little the runs may know of it. ValueError for a law that was fitted without one."""
        require(len(self.covariance) == 3, "floor", False, "True in fit_power_law")
        half = float(stats.t.ppf((1 + confidence) / 2, self.freedom) * np.sqrt(self.covariance[0, 0]))
        return Interval(self.floor, self.floor - half, self.floor + half)


@shaped
def fit_power_law(sizes: Real[np.ndarray, " N"], losses: Real[np.ndarray, " N"], floor: bool = True) -> PowerLaw:
    """The power law nearest to these runs, by least squares of the losses; without `floor` it falls to 0.

    ValueError for numbers that are not above 0, and for fewer runs or sizes than there are numbers to find.
    """
    sizes, losses = np.asarray(sizes, np.float64), np.asarray(losses, np.float64)
    for size, loss in zip(sizes.tolist(), losses.tolist()):
        require(number(size) and size > 0, "sizes", size, "numbers above 0")
        require(number(loss) and loss > 0, "losses", loss, "numbers above 0")
    found = 3 if floor else 2
    fit = len(set(sizes)) >= found < len(sizes)
    require(fit, "sizes", len(set(sizes)), f"at least {found} different ones, in more than {found} runs")
    middle = np.exp(np.log(sizes).mean())

    def law(x, *numbers):  # in units of the middle size, so that the numbers can be told apart
        rest, height, exponent = (0.0, *numbers)[-3:]
        return rest + np.exp(height - exponent * np.log(x / middle))

    slope = -np.polyfit(np.log(sizes), np.log(losses), 1)[0]
    start = [0.5 * losses.min(), np.log(losses.mean() / 2), 2 * slope] if floor else [np.log(losses.mean()), slope]
    low = [0.0, -np.inf, -np.inf][-found:]
    numbers, covariance = optimize.curve_fit(law, sizes, losses, p0=np.maximum(start, low), bounds=(low, np.inf))
    turn = np.eye(found)  # log(scale) in units of 1 is height + exponent * log(middle)
    turn[-2, -1] = np.log(middle)
    rest, height, exponent = (0.0, *numbers)[-3:]
    freedom = len(sizes) - found
    noise = np.sqrt(((losses - law(sizes, *numbers)) ** 2).sum() / freedom)
    return PowerLaw(float(rest), float(np.exp(height + exponent * np.log(middle))), float(exponent),
                    turn @ covariance @ turn.T, float(noise), freedom)  # fmt: skip
