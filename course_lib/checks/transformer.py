"""Checks of lesson 12: LayerNorm, the wiring of a pre-norm block, the number of its parameters.

Every wrong answer below is computed on the check's own inputs, and named only when it alone explains what came back.
The wiring is asked with small stand-ins for attention, network and norms, each with numbers of its own, so that no two
ways of wiring them give the same stream.

Papers. Ba, Kiros, Hinton (2016), "Layer Normalization"; Xiong et al. (2020), "On Layer Normalization in the Transformer
Architecture", figure 1, for the two places of the norm.
"""

from collections.abc import Callable

import torch

from course_lib import transformer
from course_lib.checks.base import Case, Misconception, Result, compare


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- layer_norm -------------------------------------------------------------------------------------------------------


def _norm_case(shape: tuple, eps: float, seed: int, words: str) -> Case:
    """Random vectors that are not centred, and a weight and a bias that are neither 1 nor 0."""
    rng = torch.Generator().manual_seed(seed)
    x = (1 + 2 * torch.randn(shape, generator=rng)).round(decimals=1)
    weight, bias = (torch.randn(shape[-1], generator=rng).round(decimals=1) for _ in range(2))
    return Case((x, weight + 2, bias - 1, eps), words)


_ONES, _ZEROS = torch.ones(3), torch.zeros(3)
_NORM_CASES = [
    Case((torch.tensor([5.0, 5, 8]), _ONES, _ZEROS, 1e-5), "x [5, 5, 8], weight 1, bias 0, eps 0.00001"),
    Case((torch.tensor([0.2, 0.6, -0.2]), _ONES, _ZEROS, 0.5), "x [0.2, 0.6, -0.2], weight 1, bias 0, eps 0.5 (large)"),
    Case((torch.tensor([2.0, 2, 2]), _ONES, torch.tensor([1.0, 0, -1]), 1e-5),
         "x [2, 2, 2], weight 1, bias [1, 0, -1] (all numbers alike: the variance is 0)"),
    _norm_case((2, 4), 1e-3, 2, "2 vectors with D=4, eps 0.001"),
    _norm_case((2, 3, 5), 1e-5, 3, "2 sequences of 3 vectors with D=5, eps 0.00001"),
]  # fmt: skip


def _mean(x, axes):
    return x.mean() if axes is None else x.mean(axes, keepdim=True)


def _variance(x, axes, divisor=0):
    return x.var(correction=divisor) if axes is None else x.var(axes, correction=divisor, keepdim=True)


def _norm(axes=-1, divisor=0, root=lambda v, eps: (v + eps).sqrt(), finish=None) -> Callable:
    """LayerNorm with one of its parts changed; `axes` may be a function of x."""

    def wrong(x, weight, bias, eps):
        over = axes(x) if callable(axes) else axes
        normed = (x - _mean(x, over)) / root(_variance(x, over, divisor), eps)
        return normed * weight + bias if finish is None else finish(normed, weight, bias)

    return wrong


def _outside(variance, eps):
    return variance.sqrt() + eps


def _plain(variance, eps):
    return variance.sqrt()


def _without_keepdim(divisor: int, root: Callable = lambda v, eps: (v + eps).sqrt()) -> Callable:
    def wrong(x, weight, bias, eps):
        return (x - x.mean(-1)) / root(x.var(-1, correction=divisor), eps) * weight + bias

    return wrong


def _all_but_last(x):
    return tuple(range(x.dim() - 1)) or 0


_NORM_MISCONCEPTIONS = [
    *_each(
        "unbiased-variance",
        "the variance is divided by D - 1 (torch's var and std do that unless told not to). LayerNorm divides by D, as "
        "it estimates nothing: ((x - mean) ** 2).mean(-1, keepdim=True), or say correction=0",
        _norm(divisor=1),
    ),
    *_each(
        "unbiased-variance",
        "the variance is divided by D - 1 (torch's std does that unless told not to), and eps is not inside the root. "
        "Take the mean of the squared deviations, add eps, then take the root",
        _norm(divisor=1, root=_outside),
        _norm(divisor=1, root=_plain),
    ),
    *_each(
        "eps-outside-the-root",
        "eps was added after the root. It belongs inside: sqrt(variance + eps). With a variance of 0 the two divide by "
        "numbers that are hundreds of times apart, and a released model expects the one inside",
        _norm(root=_outside),
    ),
    *_each(
        "eps-forgotten",
        "eps is missing: a vector whose numbers are all alike has the variance 0, and 0 / 0 is NaN",
        _norm(root=_plain),
    ),
    *_each(
        "over-the-batch",
        "mean and variance were taken over the first axis, across the vectors. Each vector is normalised by its own D "
        "numbers, the last axis: what stands beside it in the batch must not matter",
        _norm(axes=0),
        _norm(axes=0, divisor=1),
        _norm(axes=0, root=_outside),
        _norm(axes=_all_but_last),
        _norm(axes=_all_but_last, divisor=1),
    ),
    *_each(
        "over-the-sequence",
        "mean and variance were taken across the positions of a sequence. Each position is normalised by its own D "
        "numbers, the last axis (-1). Across positions, the past would also learn about the future",
        _norm(axes=1),
        _norm(axes=1, divisor=1),
        _norm(axes=-2),
        _norm(axes=-2, divisor=1),
        _norm(axes=lambda x: -2 if x.dim() > 1 else -1),
    ),
    *_each(
        "over-everything",
        "one mean and one variance were taken over all the numbers at once. Each vector has its own: the last axis, -1",
        _norm(axes=None),
        _norm(axes=None, divisor=1),
        _norm(axes=None, root=_outside),
        _norm(axes=None, divisor=1, root=_outside),
        _norm(axes=lambda x: (-2, -1) if x.dim() > 1 else -1),
    ),
    *_each(
        "keepdim-forgotten",
        "the mean has lost its axis: x is (2, 4) and x.mean(-1) is (2,), which does not line up with the vectors. "
        "keepdim=True leaves (2, 1)",
        _without_keepdim(0),
        _without_keepdim(1),
        _without_keepdim(0, _outside),
        _without_keepdim(1, _outside),
    ),
    *_each(
        "root-forgotten",
        "you divided by the variance. Divide by its root",
        _norm(root=lambda v, eps: v + eps),
    ),
    *_each(
        "root-of-the-std",
        "the root was taken twice: std is already the root of the variance. Take the root of variance + eps, once",
        _norm(root=lambda v, eps: (v.sqrt() + eps).sqrt()),
        _norm(divisor=1, root=lambda v, eps: (v.sqrt() + eps).sqrt()),
    ),
    *_each(
        "division-forgotten",
        "the mean was subtracted and nothing was divided. Divide by the root of variance + eps",
        lambda x, weight, bias, eps: (x - _mean(x, -1)) * weight + bias,
    ),
    *_each(
        "brackets-forgotten",
        "only the mean was divided by the root: Python divides before it subtracts. Brackets: (x - mean) / root",
        lambda x, weight, bias, eps: x - _mean(x, -1) / (_variance(x, -1) + eps).sqrt() * weight + bias,
        lambda x, weight, bias, eps: (x - _mean(x, -1) / (_variance(x, -1) + eps).sqrt()) * weight + bias,
        lambda x, weight, bias, eps: weight * x - _mean(x, -1) / (_variance(x, -1) + eps).sqrt() + bias,
    ),
    *_each(
        "squares-of-x",
        "the mean was subtracted above the line, and below it the squares are those of x itself. The variance is the "
        "mean of the squared deviations, (x - mean) ** 2",
        lambda x, weight, bias, eps: (x - _mean(x, -1)) / (_mean(x**2, -1) + eps).sqrt() * weight + bias,
    ),
    *_each(
        "mean-not-subtracted",
        "the mean was not subtracted. Centre the vector, then divide. (Dividing alone, by the root of the mean square, "
        "is RMSNorm: lesson 20)",
        lambda x, weight, bias, eps: x / ((x**2).mean(-1, keepdim=True) + eps).sqrt() * weight + bias,
        lambda x, weight, bias, eps: x / (_variance(x, -1) + eps).sqrt() * weight + bias,
    ),
    *_each(
        "mean-subtracted-last",
        "the whole vector was divided and the mean subtracted only from what came out. Brackets: (x - mean) / root",
        lambda x, weight, bias, eps: (x / (_variance(x, -1) + eps).sqrt() - _mean(x, -1)) * weight + bias,
    ),
    *_each(
        "summed-not-averaged",
        "the squared deviations were added up and not averaged. Vectors come out with length 1 instead of variance 1",
        lambda x, weight, bias, eps: (x - _mean(x, -1)) / (_variance(x, -1) * x.shape[-1] + eps).sqrt() * weight + bias,
        lambda x, weight, bias, eps: (x - _mean(x, -1)) / ((x - _mean(x, -1)).norm(dim=-1, keepdim=True) + eps) * weight
        + bias,
        lambda x, weight, bias, eps: torch.nn.functional.normalize(x - _mean(x, -1), dim=-1) * weight + bias,
    ),
    *_each(
        "not-squared",
        "the deviations were averaged without their squares. They always sum to 0: square each first",
        lambda x, weight, bias, eps: (x - _mean(x, -1)) / (_mean(x - _mean(x, -1), -1) + eps).sqrt() * weight + bias,
    ),
    *_each(
        "weight-and-bias-forgotten",
        "the vectors are normalised, and weight and bias are not used. Multiply by the weight, then add the bias",
        _norm(finish=lambda normed, weight, bias: normed),
    ),
    *_each(
        "weight-and-bias-forgotten",
        "the bias is not used. Add it at the end",
        _norm(finish=lambda normed, weight, bias: normed * weight),
    ),
    *_each(
        "weight-and-bias-forgotten",
        "the weight is not used. Multiply by it before the bias is added",
        _norm(finish=lambda normed, weight, bias: normed + bias),
    ),
    *_each(
        "weight-and-bias-forgotten",
        "a LayerNorm of torch's was called with a weight, a bias and an eps of its own. Use the three that come in",
        lambda x, weight, bias, eps: torch.nn.functional.layer_norm(x, x.shape[-1:]),
    ),
    *_each(
        "bias-before-weight",
        "the bias was added before the weight multiplied, so it was scaled too. First the weight, then the bias",
        _norm(finish=lambda normed, weight, bias: (normed + bias) * weight),
    ),
    *_each(
        "weight-and-bias-exchanged",
        "weight and bias have changed places: the weight multiplies, the bias is added",
        _norm(finish=lambda normed, weight, bias: normed * bias + weight),
    ),
    *_each(
        "eps-fixed",
        "eps is a number of your own. Use the one that comes in",
        lambda x, weight, bias, eps: transformer.layer_norm(x, weight, bias),
        lambda x, weight, bias, eps: transformer.layer_norm(x, weight, bias, 1e-6),
        lambda x, weight, bias, eps: transformer.layer_norm(x, weight, bias, 1e-12),
    ),
]


def layer_norm(function: Callable) -> Result:
    """Compare with `nn.LayerNorm`'s equation: over the last axis, divided by D, eps inside the root."""
    return compare("layer_norm", function, transformer.layer_norm, _NORM_CASES, _NORM_MISCONCEPTIONS)


# --- pre_norm_block ---------------------------------------------------------------------------------------------------


def _block_case(B: int, T: int, D: int, seed: int) -> Case:
    """A stream, and stand-ins for a block's four parts: each a pure function with random numbers of its own."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(B, T, D, generator=rng)
    mix, wide, back = (torch.randn(shape, generator=rng) / 2 for shape in ((D, D), (D, D + 2), (D + 2, D)))
    w_1, w_2 = (1 + torch.randn(D, generator=rng) / 2 for _ in range(2))
    b_1, b_2 = (torch.randn(D, generator=rng) / 2 for _ in range(2))
    past = torch.ones(T, T).tril()
    past = past / past.sum(1, keepdim=True)  # every position reads the mean of itself and the past

    def attention(x):
        return past @ x @ mix

    def feed_forward(x):
        return torch.relu(x @ wide) @ back

    def attention_norm(x):
        return transformer.layer_norm(x, w_1, b_1)

    def feed_forward_norm(x):
        return transformer.layer_norm(x, w_2, b_2)

    words = f"a stream of shape ({B}, {T}, {D}) and four small parts"
    return Case((x, attention, feed_forward, attention_norm, feed_forward_norm), words)


_BLOCK_CASES = [_block_case(2, 3, 4, 1), _block_case(1, 4, 6, 2)]


def _wired(first: Callable, second: Callable | None = None) -> Callable:
    """Two sublayers one after the other, each wired as `wire(x, sublayer, norm)` says."""
    second = second or first

    def block(x, attention, feed_forward, attention_norm, feed_forward_norm):
        return second(first(x, attention, attention_norm), feed_forward, feed_forward_norm)

    return block


def _pre(x, f, norm):
    return x + f(norm(x))


def _post(x, f, norm):
    return norm(x + f(x))


def _adds_normed(x, f, norm):
    return norm(x) + f(norm(x))


def _both_norms(x, f, norm):
    return norm(x + f(norm(x)))


def _norms_change(x, f, norm):
    return x + norm(f(x))


def _no_norm(x, f, norm):
    return x + f(x)


def _no_residual(x, f, norm):
    return f(norm(x))


def _with_order(build: Callable) -> Callable:
    """A block out of its five parts under short names: build(x, attention, feed_forward, norm_1, norm_2)."""
    return lambda x, attention, feed_forward, attention_norm, feed_forward_norm: build(
        x, attention, feed_forward, attention_norm, feed_forward_norm
    )


def _after_attention(x, a, n1):
    return x + a(n1(x))


_BLOCK_MISCONCEPTIONS = [
    *_each(
        "adds-the-normed-input",
        "the normed x was added back. Then the stream itself has gone through the norm, and no gradient passes "
        "untouched: norm only what the sublayer reads, and add its answer to x as it was",
        _wired(_adds_normed),
        _wired(_adds_normed, _pre),
        _wired(_pre, _adds_normed),
    ),
    *_each(
        "norm-after-the-sum",
        "the norm stands after the sum. That is the post-norm block of 2017. In a pre-norm block the sublayer reads "
        "norm(x), and the sum is left as it is",
        _wired(_post),
        _wired(_post, _pre),
        _wired(_pre, _post),
    ),
    *_each(
        "norm-after-the-sum",
        "the sum was normed too. In a pre-norm block only what a sublayer reads is normed; the stream never is",
        _wired(_both_norms),
        _wired(_pre, _both_norms),
        _wired(_both_norms, _pre),
    ),
    *_each(
        "norms-what-is-written",
        "the norm stands behind the sublayer, on what it writes. It belongs before it, on what it reads: "
        "x + attention(attention_norm(x))",
        _wired(_norms_change),
        _wired(_norms_change, _pre),
        _wired(_pre, _norms_change),
    ),
    *_each(
        "norm-forgotten",
        "a sublayer reads the stream without its norm. Both read through one: attention(attention_norm(x)), then "
        "feed_forward(feed_forward_norm(x))",
        _wired(_no_norm),
        _wired(_no_norm, _pre),
        _wired(_pre, _no_norm),
    ),
    *_each(
        "residual-forgotten",
        "a sublayer's answer has replaced the stream. Add it to x",
        _wired(_no_residual),
        _wired(_no_residual, _pre),
        _wired(_pre, _no_residual),
    ),
    *_each(
        "side-by-side",
        "both sublayers read the same x. (There are models built so, and ours is not one.) The feed-forward network "
        "reads the stream *after* attention has written to it",
        _with_order(lambda x, a, f, n1, n2: x + a(n1(x)) + f(n2(x))),
        _with_order(lambda x, a, f, n1, n2: x + a(n1(x)) + f(n1(x))),
    ),
    *_each(
        "network-reads-the-change",
        "the feed-forward network read only what attention wrote. It reads the whole stream, x plus what attention "
        "wrote, through its norm",
        _with_order(lambda x, a, f, n1, n2: x + a(n1(x)) + f(n2(a(n1(x))))),
    ),
    *_each(
        "one-residual-around-both",
        "one residual goes around both sublayers, and what attention wrote reaches only the network. Each sublayer "
        "adds its own answer to the stream",
        _with_order(lambda x, a, f, n1, n2: x + f(n2(a(n1(x))))),
    ),
    *_each(
        "attention-left-behind",
        "the feed-forward network read the new stream, and its answer was added to the old x. What attention wrote is "
        "lost: carry the new x on",
        _with_order(lambda x, a, f, n1, n2: x + f(n2(_after_attention(x, a, n1)))),
    ),
    *_each(
        "added-twice",
        "the input x was added a second time at the end. It is in the stream already",
        _with_order(lambda x, a, f, n1, n2: x + _wired(_pre)(x, a, f, n1, n2)),
    ),
    *_each(
        "norms-exchanged",
        "the two norms have changed places. Each has a weight and a bias of its own",
        _with_order(lambda x, a, f, n1, n2: _wired(_pre)(x, a, f, n2, n1)),
    ),
    *_each(
        "one-norm-twice",
        "one norm serves both sublayers. There are two, each with a weight and a bias of its own",
        _with_order(lambda x, a, f, n1, n2: _wired(_pre)(x, a, f, n1, n1)),
        _with_order(lambda x, a, f, n1, n2: _wired(_pre)(x, a, f, n2, n2)),
    ),
    *_each(
        "feed-forward-first",
        "the feed-forward network comes first. First attention gathers, then the network works on what was gathered",
        _with_order(lambda x, a, f, n1, n2: _pre(_pre(x, f, n2), a, n1)),
    ),
    *_each(
        "one-sublayer",
        "only one of the two sublayers is there: attention writes to the stream, then the feed-forward network does",
        _with_order(lambda x, a, f, n1, n2: _pre(x, a, n1)),
        _with_order(lambda x, a, f, n1, n2: _pre(x, f, n2)),
    ),
    *_each(
        "changes-not-added",
        "only the changes came back, without the x that they are changes of",
        _with_order(lambda x, a, f, n1, n2: _wired(_pre)(x, a, f, n1, n2) - x),
    ),
]


def pre_norm_block(function: Callable) -> Result:
    """Compare with x + attention(norm(x)), then x + feed_forward(norm(x))."""
    return compare("pre_norm_block", function, _wired(_pre), _BLOCK_CASES, _BLOCK_MISCONCEPTIONS)


# --- block_parameters -------------------------------------------------------------------------------------------------


def _count(D: int, F: int, H: int, *, projections=4, matrices=2, biases=True, norms=2, shift=True, size=None) -> int:
    """The numbers in `transformer.Block(D, H, F)`, or in one that is counted wrongly."""
    size = D if size is None else size
    attention = projections * (D * size + biases * size)
    network = matrices * D * F + biases * ((F + D) if matrices == 2 else F)
    return attention + network + norms * D * (2 if shift else 1)


_COUNT_CASES = [
    Case((4, 10, 2), "d_model 4, d_ff 10 and 2 heads"),
    Case((6, 7, 3), "d_model 6, d_ff 7 and 3 heads"),
    Case((6, 7, 1), "d_model 6, d_ff 7 and 1 head"),
    Case((512, 2048, 8), "d_model 512, d_ff 2048 and 8 heads (a block of 2017)"),
]

_COUNT_MISCONCEPTIONS = [
    *_each(
        "heads-multiply",
        "the projections were counted once a head. Heads share out the d_model numbers of a projection: however many "
        "there are, it is one matrix of d_model by d_model",
        lambda D, F, H: _count(D, F, H, projections=4 * H),
        lambda D, F, H: _count(D, F, H, projections=3 * H + 1),
        lambda D, F, H: _count(D, F, H, projections=4 * H, biases=False),
        lambda D, F, H: _count(D, F, H, projections=3 * H + 1, biases=False),
    ),
    *_each(
        "one-head-counted",
        "the projections of a single head were counted. All heads together make d_model by d_model",
        lambda D, F, H: _count(D, F, H, size=D // H),
        lambda D, F, H: _count(D, F, H, projections=3, size=D // H) + D * D + D,
    ),
    *_each(
        "biases-forgotten",
        "the biases are missing: d_model for each of the four projections, d_ff and d_model in the network",
        lambda D, F, H: _count(D, F, H, biases=False),
        lambda D, F, H: _count(D, F, H, biases=False, shift=False),
    ),
    *_each(
        "network-biases",
        "the network's biases are missing: d_ff numbers on the way up, d_model on the way back",
        lambda D, F, H: _count(D, F, H) - F - D,
    ),
    *_each(
        "network-biases",
        "the network's two biases were given the same size. A bias is as long as what comes out of its matrix: d_ff on "
        "the way up, d_model on the way back",
        lambda D, F, H: _count(D, F, H) - D + F,
        lambda D, F, H: _count(D, F, H) - F + D,
    ),
    *_each(
        "one-bias-a-matrix",
        "each matrix was given one bias number. A bias has one for each number that comes out",
        lambda D, F, H: _count(D, F, H, biases=False) + 6,
    ),
    *_each(
        "biases-and-norms-forgotten",
        "you counted the matrices alone. The biases are missing, and the norms' weights and biases",
        lambda D, F, H: _count(D, F, H, biases=False, norms=0),
    ),
    *_each(
        "output-projection-forgotten",
        "attention was counted with three projections. After query, key and value comes a fourth, to mix the heads",
        lambda D, F, H: _count(D, F, H, projections=3),
        lambda D, F, H: _count(D, F, H, projections=3, biases=False),
    ),
    *_each(
        "norms-forgotten",
        "4 times d_model are missing: those of the two norms, a weight and a bias each (or, if you have them, the "
        "biases of the four projections)",
        lambda D, F, H: _count(D, F, H, norms=0),
    ),
    *_each(
        "norms-forgotten",
        "2 times d_model are missing. A block has two norms, one for each sublayer, and each has a weight and a bias",
        lambda D, F, H: _count(D, F, H, norms=1),
        lambda D, F, H: _count(D, F, H, shift=False),
    ),
    *_each(
        "one-network-matrix",
        "the network was counted with one matrix. It has two: up to d_ff numbers, and back to d_model",
        lambda D, F, H: _count(D, F, H, matrices=1),
        lambda D, F, H: _count(D, F, H, matrices=1) + D,
        lambda D, F, H: _count(D, F, H, matrices=1, biases=False),
    ),
    *_each(
        "d_ff-fixed",
        "d_ff was taken to be 4 * d_model. It often is; use the one that comes in",
        lambda D, F, H: _count(D, 4 * D, H),
    ),
    *_each(
        "network-square",
        "the network was counted as two matrices of d_model by d_model. In between it has d_ff numbers",
        lambda D, F, H: _count(D, D, H),
    ),
]


def block_parameters(function: Callable) -> Result:
    """Compare with the number of parameters of `transformer.Block`."""
    return compare("block_parameters", function, _count, _COUNT_CASES, _COUNT_MISCONCEPTIONS)
