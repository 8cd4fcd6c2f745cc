"""Checks of lesson 22: the FLOPs of a step, its bytes, a gradient out of parts, a power law through two logs.

Papers. Kaplan et al. (2020), "Scaling Laws for Neural Language Models"; Kingma & Ba (2015), "Adam: A Method for
Stochastic Optimization".
"""

import torch

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip


def _numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).round(decimals=1)


# --- step_flops -------------------------------------------------------------------------------------------------------


def _step_flops(V, D, L, B, T):
    weights = L * 12 * D * D + V * D
    attention = L * 2 * T * D
    return 3 * 2 * B * T * (weights + attention)


step_flops = Exercise(
    _step_flops,
    Round([
        Case((10, 4, 1, 1, 2), "V = 10, D = 4, 1 block, 1 text of 2 tokens"),
        Case((80, 32, 2, 8, 64), "V = 80, D = 32, 2 blocks, 8 texts of 64 tokens"),
        Case((7, 24, 3, 5, 9), "V = 7, D = 24, 3 blocks, 5 texts of 9 tokens"),
    ], [
        slip("forward-alone", "only the way there was counted: the way back costs twice as much again, so a step is "
             "three times the way there", "3 * 2 * B -> 2 * B"),
        slip("back-as-there", "the way back was counted once. It has two products for each one of the way there: the "
             "slope of what came in, and that of the weight", "3 * 2 * B -> 2 * 2 * B"),
        slip("multiplications-alone", "only multiplications were counted: each has its addition, so that a weight and "
             "a token make two FLOPs", "3 * 2 * B -> 3 * B"),
        slip("no-head", "the head is missing: its V rows of D numbers meet each token, too", "+ V * D ->"),
        slip("no-attention", "attention's scores are missing: they multiply no weight, but queries by keys",
             "(weights + attention) -> weights"),
        slip("half-of-attention", "half of attention is missing. A token's query meets all T keys, later ones too, "
             "with T D multiplications; and its weights meet the T values, with as many",
             "L * 2 * T * D -> L * T * D"),
        slip("attention-twice", "attention was counted twice: 2 T D are a token's *multiplications* in a block, and "
             "the 2 for multiply and add comes once, for weights and attention alike",
             "L * 2 * T * D -> L * 4 * T * D"),
        slip("attention-of-all-tokens", "attention was counted T times too often: 2 T D are for one token, which meets "
             "T keys, and there are B T tokens", "L * 2 * T * D -> L * 2 * T * T * D"),
        slip("attention-without-width", "attention was counted as if query and key were one number each: each product "
             "has D", "L * 2 * T * D -> L * 2 * T"),
        slip("attention-there-alone", "attention was counted on the way there alone: on the way back it costs twice as "
             "much again, as the weights do", "3 * 2 * B * T * (weights + attention) -> 2 * B * T * (3 * weights + "
             "attention)"),
        slip("blocks-alone", "only the weights of the blocks were counted: the head meets each token as well, and "
             "attention multiplies without weights", "(weights + attention) -> (weights - V * D)"),
        slip("biases", "biases were counted as if they multiplied: each is one addition, and the task leaves them out",
             "L * 12 * D * D -> L * (12 * D * D + 9 * D)"),
        slip("attention-once-a-text", "attention was counted for one token: each of the T tokens meets T keys",
             "L * 2 * T * D -> L * 2 * D"),
        slip("attention-of-one-block", "attention was counted in one block only", "L * 2 * T * D -> 2 * T * D"),
        slip("one-block", "the weights of one block were counted: there are L of them", "L * 12 * D -> 12 * D"),
        slip("head-in-each-block", "the head was counted in each block: there is one, at the end",
             "L * 12 * D * D + V * D -> L * (12 * D * D + V * D)"),
        slip("embedding-multiplied", "the token table was counted twice. To look up a row multiplies nothing; only as "
             "the head does it meet each token", "+ V * D -> + 2 * V * D"),
        slip("four-squares", "a block has 12 D D weights: four of D x D in attention, and two of D x 4 D in the "
             "network; the network is missing", "12 * D -> 4 * D"),
        slip("network-alone", "a block has 12 D D weights: four of D x D in attention, and two of D x 4 D in the "
             "network; attention's are missing", "12 * D -> 8 * D"),
        slip("no-batch", "one text was counted: there are B of them", "B * T * (weights -> T * (weights"),
        slip("one-token", "one token a text was counted: there are T of them", "B * T * (weights -> B * (weights"),
    ]),
)  # fmt: skip


# --- training_bytes ---------------------------------------------------------------------------------------------------


def _training_bytes(parameters, kept):
    return 4 * (4 * parameters + kept)


training_bytes = Exercise(
    _training_bytes,
    Round([
        Case((1000, 300), "1,000 parameters, 300 numbers kept"),
        Case((7, 5000), "7 parameters, 5,000 numbers kept"),
        Case((124_000_000, 0), "124,000,000 parameters, nothing kept"),
    ], [
        slip("weights-alone", "only the weights were counted: each has a gradient and two means of AdamW's beside it",
             "(4 * parameters -> (parameters"),
        slip("no-optimizer", "AdamW's two means are missing: one of the gradients, one of their squares, for each "
             "parameter", "(4 * parameters -> (2 * parameters"),
        slip("three-of-four", "one of four is missing for each parameter: itself, its gradient, and *two* means",
             "(4 * parameters -> (3 * parameters"),
        slip("numbers-not-bytes", "these are numbers, not bytes: one of float32 takes four bytes",
             "return 4 * ( -> return ("),
        slip("bits", "these are bits: a byte has eight of them", "return 4 * ( -> return 32 * ("),
        slip("half", "two bytes a number were counted: float32 takes four", "return 4 * ( -> return 2 * ("),
        slip("kept-not-bytes", "what is kept was not brought to bytes: these are float32, too",
             "4 * (4 * parameters + kept) -> 16 * parameters + kept"),
        slip("kept-is-gone", "what the forward pass keeps is missing", "+ kept ->"),
        slip("kept-four-times", "what is kept was counted four times: it has no gradient in store and no means",
             "(4 * parameters + kept) -> (4 * (parameters + kept))"),
        slip("kept-twice", "what is kept was counted twice: it has no gradient in store", "+ kept -> + 2 * kept"),
        slip("eight-bytes", "eight bytes a number were counted: float32 takes four", "return 4 * ( -> return 8 * ("),
    ]),
)  # fmt: skip


# --- accumulated ------------------------------------------------------------------------------------------------------


def _accumulated(gradients, counts):
    whole = sum(counts)
    return sum(count / whole * gradient for gradient, count in zip(gradients, counts))


def _parts(shape: tuple, counts: list[int], seed: int) -> tuple:
    return [_numbers(*shape, seed=seed + i) for i in range(len(counts))], counts


accumulated = Exercise(
    _accumulated,
    Round([
        Case(_parts((3,), [2, 2, 2], 0), "three parts of 2"),
        Case(_parts((2, 3), [4, 4], 10), "two parts of 4"),
    ], [
        slip("summed", "the parts were added up and never divided: that is a gradient of the *sum*, and a step so many "
             "times too long", "count / whole * gradient -> gradient"),
        slip("counted-not-divided", "each part was weighed by its count, and nothing divided by all of them",
             "count / whole * gradient -> count * gradient"),
        slip("means-taken-for-sums", "each part's gradient was divided by all tokens as if it were a sum. It is a mean "
             "already: times its count it is a sum again", "count / whole * gradient -> gradient / whole"),
        slip("divided-by-the-parts", "each part was weighed by its count, and the sum divided by how many *parts* "
             "there are, not how many tokens", "count / whole -> count / len(counts)"),
        slip("first-alone", "only the first part is there", "zip(gradients, counts) -> [(gradients[0], counts[0])]"),
        slip("last-alone", "only the last part is there, as when the gradient is set to zero between the parts",
             "zip(gradients, counts) -> [(gradients[-1], counts[-1])]",
             lambda gradients, counts: gradients[-1]),
        slip("divided-twice", "it was divided twice: by all counts, and by how many parts there are",
             "return sum( -> return 1 / len(counts) * sum("),
    ]),
    Round([
        Case(_parts((3,), [1, 5], 20), "a part of 1 and a part of 5"),
        Case(_parts((2, 2), [3, 1, 8, 0], 30), "parts of 3, 1, 8 and 0"),
    ], [
        slip("mean-of-means", "each part counts alike. A short part has few tokens, and each of them would weigh more "
             "than one of a long part", "count / whole -> 1 / len(counts)"),
        slip("weighed-upside-down", "short parts weigh more than long ones: the weight is count / all",
             "count / whole -> (whole - count) / whole / max(1, len(counts) - 1)"),
        slip("largest-counts", "it was divided by the largest count instead of all of them",
             "whole = sum(counts) -> whole = len(counts) * max(counts)"),
    ], held="parts of equal size are right"),
)  # fmt: skip


# --- power_law --------------------------------------------------------------------------------------------------------


def _power_law(sizes, losses):
    x, y = sizes.log(), losses.log()
    from_mean = x - x.mean()
    exponent = -(from_mean * (y - y.mean())).sum() / (from_mean**2).sum()
    scale = (y.mean() + exponent * x.mean()).exp()
    return scale, exponent


def _runs(sizes: list[float], losses: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(sizes, dtype=torch.float64), torch.tensor(losses, dtype=torch.float64)


power_law = Exercise(
    _power_law,
    Round([
        Case(_runs([1.0, 4.0, 16.0], [8.0, 4.0, 2.0]), "sizes 1, 4, 16, losses 8, 4, 2"),
        Case(_runs([20.0, 3.0, 7.0, 90.0], [2.1, 3.9, 2.6, 1.7]), "four runs in no order, sizes 20, 3, 7, 90"),
        Case(_runs([5.0, 5.0, 40.0, 80.0, 80.0], [3.0, 3.2, 2.5, 2.2, 2.3]), "five runs, two sizes twice"),
    ], [
        slip("sign", "the exponent has the other sign: loss = scale * size ** -exponent, and where losses fall it is "
             "above 0", "return scale, exponent -> return scale, -exponent"),
        slip("log-of-scale", "this is the logarithm of the scale: bring it back with exp",
             "(y.mean() + exponent * x.mean()).exp() -> (y.mean() + exponent * x.mean())"),
        slip("no-logs", "the line goes through the numbers themselves: a power law is a line between their "
             "*logarithms*", "x, y = sizes.log(), losses.log() -> x, y = sizes, losses"),
        slip("log-of-sizes-alone", "only the sizes were brought to logarithms: the losses need it, too",
             "losses.log() -> losses"),
        slip("log-of-losses-alone", "only the losses were brought to logarithms: the sizes need it, too",
             "sizes.log() -> sizes"),
        slip("ends-alone", "the line goes through the first and the last run and passes the others by",
             "x, y = sizes.log(), losses.log() -> x, y = sizes.log()[[0, -1]], losses.log()[[0, -1]]"),
        slip("swapped", "scale and exponent changed places", "return scale, exponent -> return exponent, scale"),
        slip("axes-swapped", "sizes and losses changed places: the line says the loss of a size",
             "x, y = sizes.log(), losses.log() -> y, x = sizes.log(), losses.log()"),
        slip("scale-at-the-middle", "the scale is the loss in the middle of the runs; asked is that of size 1: go back "
             "along the line", "(y.mean() + exponent * x.mean()) -> y.mean()"),
        slip("wrong-way-back", "the scale was found by going along the line the wrong way: at size 1 the loss is "
             "higher than in the middle", "y.mean() + exponent -> y.mean() - exponent"),
        slip("base-ten", "the way back was taken with another base than the logarithms: exp goes with log, 10 ** with "
             "log10", "(y.mean() + exponent * x.mean()).exp() -> 10 ** (y.mean() + exponent * x.mean())",
             "sizes.log(), losses.log() -> sizes.log10(), losses.log10()"),
        slip("squares-not-from-the-mean", "the sum below was taken of x squared: it is of (x - mean x) squared",
             "(from_mean**2).sum() -> (x**2).sum()"),
        slip("square-of-the-sum", "first all was added up and then squared: each (x - mean x) is squared, and then "
             "they are added (their own sum is 0)", "(from_mean**2).sum() -> from_mean.sum() ** 2"),
        slip("mean-over-sum", "above is a mean and below a sum: take the same on both sides",
             "(from_mean * (y - y.mean())).sum() -> (from_mean * (y - y.mean())).mean()",
             "(from_mean**2).sum() -> (from_mean**2).mean()"),
        slip("logs-of-means", "the line was put through the means of the numbers: it goes through the means of their "
             "*logarithms*", "(y.mean() + exponent * x.mean()).exp() -> losses.mean() * sizes.mean() ** exponent"),
        slip("through-the-first", "the line was put through the first run: it goes through the point of both means",
             "(y.mean() + exponent * x.mean()) -> (y[0] + exponent * x[0])"),
    ]),
    parts=("scale", "exponent"),
)  # fmt: skip
