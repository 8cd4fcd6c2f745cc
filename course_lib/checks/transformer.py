"""Checks of lesson 12: LayerNorm, the wiring of a pre-norm block, the number of its parameters.

The wiring is asked with small stand-ins for attention, network and norms, each with numbers of its own, so that no two
ways of wiring them give the same stream.

Papers. Ba, Kiros, Hinton (2016), "Layer Normalization"; Xiong et al. (2020), "On Layer Normalization in the Transformer
Architecture", figure 1, for the two places of the norm.
"""

import torch
import torch.nn.functional as F

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip

# --- layer_norm -------------------------------------------------------------------------------------------------------


def _layer_norm(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias


def _norm_case(shape: tuple, eps: float, seed: int, words: str) -> Case:
    """Random vectors that are not centred, and a weight and a bias that are neither 1 nor 0."""
    rng = torch.Generator().manual_seed(seed)
    x = (1 + 2 * torch.randn(shape, generator=rng)).round(decimals=1)
    weight, bias = (torch.randn(shape[-1], generator=rng).round(decimals=1) for _ in range(2))
    return Case((x, weight + 2, bias - 1, eps), words)


_MEAN, _ROOT = "x.mean(-1, keepdim=True)", "torch.sqrt(variance + eps)"
_BY_D_MINUS_1 = "(centred**2).mean( -> x.var("
_OUTSIDE, _NO_EPS = f"{_ROOT} -> (torch.sqrt(variance) + eps)", f"{_ROOT} -> torch.sqrt(variance)"
_TWO_ROOTS = f"{_ROOT} -> torch.sqrt(torch.sqrt(variance) + eps)"
_DIFFERENCE = f"(x**2).mean(-1, keepdim=True) - {_MEAN} ** 2"


def _with(edit: str) -> list[tuple]:
    """An edit of mean and variance with each of the usual ways to go on: var or std, by D or D - 1."""
    ways = [(), (_BY_D_MINUS_1,), ("(centred**2).mean( -> x.var(correction=0, dim=",)]
    return [(edit, *way, *root) for way in ways for root in [(), (_OUTSIDE,)]]


layer_norm = Exercise(_layer_norm, Round([
    Case((torch.tensor([5.0, 5, 8]), torch.ones(3), torch.zeros(3), 1e-5),
         "x [5, 5, 8], weight 1, bias 0, eps 0.00001"),
    Case((torch.tensor([0.2, 0.6, -0.2]), torch.ones(3), torch.zeros(3), 0.5),
         "x [0.2, 0.6, -0.2], weight 1, bias 0, eps 0.5 (large)"),
    Case((torch.tensor([2.0, 2, 2]), torch.ones(3), torch.tensor([1.0, 0, -1]), 1e-5),
         "x [2, 2, 2], weight 1, bias [1, 0, -1] (all numbers alike: the variance is 0)"),
    _norm_case((2, 4), 1e-3, 2, "2 vectors with D=4, eps 0.001"),
    _norm_case((2, 3, 5), 1e-5, 3, "2 sequences of 3 vectors with D=5, eps 0.00001"),
], [
    slip("unbiased-variance",
         "the variance is divided by D - 1 (torch's var and std do that unless told not to). LayerNorm divides by D, "
         "as it estimates nothing: ((x - mean) ** 2).mean(-1, keepdim=True), or say correction=0", _BY_D_MINUS_1),
    slip("unbiased-variance",
         "the variance is divided by D - 1 (torch's std does that unless told not to), and eps is not inside the root. "
         "Take the mean of the squared deviations, add eps, then take the root",
         (_BY_D_MINUS_1, _OUTSIDE), (_BY_D_MINUS_1, _NO_EPS)),
    slip("eps-outside-the-root",
         "eps was added after the root. It belongs inside: sqrt(variance + eps). With a variance of 0 the two divide "
         "by numbers that are hundreds of times apart, and a released model expects the one inside", _OUTSIDE),
    slip("eps-forgotten",
         "eps is missing: a vector whose numbers are all alike has the variance 0, and 0 / 0 is NaN", _NO_EPS),
    slip("over-the-batch",
         "mean and variance were taken over the first axis, across the vectors. Each vector is normalised by its own D "
         "numbers, the last axis: what stands beside it in the batch must not matter",
         *_with("-1, -> 0,"), *_with("-1, -> tuple(range(x.dim() - 1)) or 0,")),
    slip("over-the-sequence",
         "mean and variance were taken across the positions of a sequence. Each position is normalised by its own D "
         "numbers, the last axis (-1). Across positions, the past would also learn about the future",
         *_with("-1, -> 1,"), *_with("-1, -> -2,"), *_with("-1, -> -2 if x.dim() > 1 else -1,")),
    slip("over-everything",
         "one mean and one variance were taken over all the numbers at once. Each vector has its own: the last axis, "
         "-1", *_with("-1, -> None,"), *_with("-1, -> (-2, -1) if x.dim() > 1 else -1,")),
    slip("keepdim-forgotten",
         "an axis is lost: x is (2, 4), and a mean or a variance over -1 is (2,), which does not line up with the "
         "vectors. keepdim=True leaves (2, 1)", *_with(", keepdim=True ->"), f"{_MEAN} -> x.mean(-1)",
         *_with("(centred**2).mean(-1, keepdim=True) -> (centred**2).mean(-1)")),
    slip("root-forgotten", "you divided by the variance. Divide by its root", f"{_ROOT} -> (variance + eps)"),
    slip("root-of-the-std",
         "the root was taken twice: std is already the root of the variance. Take the root of variance + eps, once",
         _TWO_ROOTS, (_BY_D_MINUS_1, _TWO_ROOTS)),
    slip("division-forgotten",
         "the mean was subtracted and nothing was divided. Divide by the root of variance + eps", f"/ {_ROOT} ->"),
    slip("multiplied-by-the-root", "the deviations are multiplied by the root. Divide by it", "centred / -> centred *"),
    slip("brackets-forgotten",
         "only the mean was divided by the root: Python divides before it subtracts. Brackets: (x - mean) / root",
         f"centred / -> x - {_MEAN} /", f"centred / {_ROOT} -> (x - {_MEAN} / {_ROOT})",
         f"centred / {_ROOT} * weight -> weight * x - {_MEAN} / {_ROOT}"),
    slip("squares-of-x",
         "the mean was subtracted above the line, and below it the squares are those of x itself. The variance is the "
         "mean of the squared deviations, (x - mean) ** 2", "centred**2 -> x**2"),
    slip("mean-not-subtracted",
         "the mean was not subtracted. Centre the vector, then divide. (Dividing alone, by the root of the mean "
         "square, is RMSNorm: lesson 20)", f"- {_MEAN} ->", "centred / -> x /"),
    slip("mean-subtracted-last",
         "the whole vector was divided and the mean subtracted only from what came out. Brackets: (x - mean) / root",
         f"centred / {_ROOT} -> (x / {_ROOT} - {_MEAN})"),
    slip("summed-not-averaged",
         "the squared deviations were added up and not averaged. Vectors come out with length 1 instead of variance 1",
         "(centred**2).mean -> (centred**2).sum", f"{_ROOT} -> (centred.norm(dim=-1, keepdim=True) + eps)",
         f"centred / {_ROOT} -> F.normalize(centred, dim=-1)"),
    slip("not-squared", "the deviations were averaged without their squares. They always sum to 0: square each first",
         "centred**2 -> centred"),
    slip("absolute-deviations",
         "the deviations were made positive and averaged. The spread meant here is the root of their mean square",
         f"{_ROOT} -> (centred.abs().mean(-1, keepdim=True) + eps)"),
    slip("weight-and-bias-forgotten",
         "the vectors are normalised, and weight and bias are not used. Multiply by the weight, then add the bias",
         "* weight + bias ->"),
    slip("weight-and-bias-forgotten", "the bias is not used. Add it at the end", "+ bias ->"),
    slip("weight-and-bias-forgotten", "the weight is not used. Multiply by it before the bias is added", "* weight ->"),
    slip("weight-and-bias-forgotten",
         "a LayerNorm of torch's was called with a weight, a bias and an eps of its own. Use the three that come in",
         ("* weight + bias ->", "+ eps -> + 1e-5")),
    slip("bias-before-weight",
         "the bias was added before the weight multiplied, so it was scaled too. First the weight, then the bias",
         f"centred / {_ROOT} * weight + bias -> (centred / {_ROOT} + bias) * weight"),
    slip("weight-and-bias-exchanged",
         "weight and bias have changed places: the weight multiplies, the bias is added",
         "* weight + bias -> * bias + weight"),
    slip("eps-fixed", "eps is a number of your own. Use the one that comes in",
         *[f"+ eps -> + {own}" for own in ("1e-5", "1e-6", "1e-8", "1e-12")]),
]), Round([
    Case((torch.tensor([[20_001.0, 19_999, 20_003, 19_997], [-3_000, -3_002, -3_004, -2_994]]),
          torch.tensor([1.0, 2, 3, 4]), torch.zeros(4), 1e-5), "2 vectors with D=4, all numbers near 20000 or -3000"),
], [
    slip("squares-cancel",
         "the variance is the mean of the squares minus the square of the mean. On paper that is the same; in float32 "
         "two numbers near 400,000,000 are subtracted, and nothing is left of their difference. Subtract the mean "
         "first, then square",
         *[f"(centred**2).mean(-1, keepdim=True) -> {way}" for way in (
             _DIFFERENCE, f"({_DIFFERENCE}).clamp(min=0)", f"({_DIFFERENCE}).abs()")]),
], held="for numbers near 0 all is right"))  # fmt: skip


# --- pre_norm_block ---------------------------------------------------------------------------------------------------


def _pre_norm_block(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))


def _parts(B: int, T: int, D: int, seed: int) -> tuple:
    """A stream, and stand-ins for a block's four parts: each a pure function with random numbers of its own."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(B, T, D, generator=rng)
    mix, wide, back = (torch.randn(shape, generator=rng) / 2 for shape in ((D, D), (D, D + 2), (D + 2, D)))
    w_1, w_2 = (1 + torch.randn(D, generator=rng) / 2 for _ in range(2))
    b_1, b_2 = (torch.randn(D, generator=rng) / 2 for _ in range(2))
    past = torch.ones(T, T).tril()
    past = past / past.sum(1, keepdim=True)  # every position reads the mean of itself and the past
    return (x, lambda x: past @ x @ mix, lambda x: torch.relu(x @ wide) @ back,
            lambda x: F.layer_norm(x, (D,), w_1, b_1), lambda x: F.layer_norm(x, (D,), w_2, b_2))  # fmt: skip


def _stream(B: int, T: int, D: int, seed: int) -> Case:
    return Case(_parts(B, T, D, seed), f"a stream of shape ({B}, {T}, {D}) and four small parts")


def _either(first: str, second: str) -> tuple:
    """A slip in one sublayer, in the other, in both: what "x + attention(attention_norm(x))" becomes in each."""
    first = f"x + attention(attention_norm(x)) -> {first}"
    second = f"x + feed_forward(feed_forward_norm(x)) -> {second}"
    return first, second, (first, second)


_WRITES = "x = x + attention(attention_norm(x)) ->"
pre_norm_block = Exercise(_pre_norm_block, Round([_stream(2, 3, 4, seed=1), _stream(1, 4, 6, seed=2)], [
    slip("adds-the-normed-input",
         "the normed x was added back. Then the stream itself has gone through the norm, and no gradient passes "
         "untouched: norm only what the sublayer reads, and add its answer to x as it was",
         *_either("attention_norm(x) + attention(attention_norm(x))",
                  "feed_forward_norm(x) + feed_forward(feed_forward_norm(x))")),
    slip("norm-after-the-sum",
         "the norm stands after the sum. That is the post-norm block of 2017. In a pre-norm block the sublayer reads "
         "norm(x), and the sum is left as it is",
         *_either("attention_norm(x + attention(x))", "feed_forward_norm(x + feed_forward(x))")),
    slip("norm-after-the-sum",
         "the sum was normed too. In a pre-norm block only what a sublayer reads is normed; the stream never is",
         *_either("attention_norm(x + attention(attention_norm(x)))",
                  "feed_forward_norm(x + feed_forward(feed_forward_norm(x)))")),
    slip("norms-what-is-written",
         "the norm stands behind the sublayer, on what it writes. It belongs before it, on what it reads: "
         "x + attention(attention_norm(x))",
         *_either("x + attention_norm(attention(x))", "x + feed_forward_norm(feed_forward(x))")),
    slip("norm-forgotten",
         "a sublayer reads the stream without its norm. Both read through one: attention(attention_norm(x)), then "
         "feed_forward(feed_forward_norm(x))", *_either("x + attention(x)", "x + feed_forward(x)")),
    slip("residual-forgotten", "a sublayer's answer has replaced the stream. Add it to x",
         *_either("attention(attention_norm(x))", "feed_forward(feed_forward_norm(x))")),
    slip("side-by-side",
         "both sublayers read the same x. (There are models built so, and ours is not one.) The feed-forward network "
         "reads the stream *after* attention has written to it",
         (f"{_WRITES} old, x = x, x + attention(attention_norm(x))", "feed_forward_norm(x) -> feed_forward_norm(old)"),
         (f"{_WRITES} old, x = x, x + attention(attention_norm(x))", "feed_forward_norm(x) -> attention_norm(old)")),
    slip("network-reads-the-change",
         "the feed-forward network read only what attention wrote. It reads the whole stream, x plus what attention "
         "wrote, through its norm",
         (f"{_WRITES} wrote = attention(attention_norm(x)); x = x + wrote",
          "feed_forward_norm(x) -> feed_forward_norm(wrote)")),
    slip("one-residual-around-both",
         "one residual goes around both sublayers, and what attention wrote reaches only the network. Each sublayer "
         "adds its own answer to the stream",
         (f"{_WRITES} wrote = attention(attention_norm(x))", "feed_forward_norm(x) -> feed_forward_norm(wrote)")),
    slip("attention-left-behind",
         "the feed-forward network read the new stream, and its answer was added to the old x. What attention wrote is "
         "lost: carry the new x on",
         (f"{_WRITES} new = x + attention(attention_norm(x))", "feed_forward_norm(x) -> feed_forward_norm(new)")),
    slip("added-twice", "the input x was added a second time at the end. It is in the stream already",
         ("x = x + -> old, x = x, x +", "return x + -> return old + x +")),
    slip("norms-exchanged", "the two norms have changed places. Each has a weight and a bias of its own",
         "attention_norm, feed_forward_norm): -> feed_forward_norm, attention_norm):"),
    slip("one-norm-twice", "one norm serves both sublayers. There are two, each with a weight and a bias of its own",
         "feed_forward_norm(x) -> attention_norm(x)", "(attention_norm(x)) -> (feed_forward_norm(x))"),
    slip("feed-forward-first",
         "the feed-forward network comes first. First attention gathers, then the network works on what was gathered",
         "attention, feed_forward, attention_norm, feed_forward_norm -> "
         "feed_forward, attention, feed_forward_norm, attention_norm"),
    slip("one-sublayer",
         "only one of the two sublayers is there: attention writes to the stream, then the feed-forward network does",
         "+ feed_forward(feed_forward_norm(x)) ->", "+ attention(attention_norm(x)) ->"),
    slip("changes-not-added", "only the changes came back, without the x that they are changes of",
         ("x = x + -> old, x = x, x +", "return x + -> return x - old +")),
]))  # fmt: skip


# --- block_parameters -------------------------------------------------------------------------------------------------


def _block_parameters(d_model, d_ff, num_heads):
    attention = 4 * (d_model * d_model + d_model)
    network = (d_model * d_ff + d_ff) + (d_ff * d_model + d_model)
    norms = 2 * (d_model + d_model)
    return attention + network + norms


def _biases(square: str, up: str, down: str) -> tuple[str, ...]:
    """Other biases for a projection, and for the network's way up and its way down."""
    return (f"d_model * d_model + d_model -> d_model * d_model {square}", f"* d_ff + d_ff -> * d_ff {up}",
            f"d_ff * d_model + d_model -> d_ff * d_model {down}")  # fmt: skip


_NONE = _biases("", "", "")
_HALF_NORMS = "norms = 2 * -> norms ="
_HEADS = ["attention = 4 * -> attention = 4 * num_heads *", "attention = 4 * -> attention = (3 * num_heads + 1) *"]
block_parameters = Exercise(_block_parameters, Round([
    Case((4, 10, 2), "d_model 4, d_ff 10 and 2 heads"),
    Case((6, 7, 3), "d_model 6, d_ff 7 and 3 heads"),
    Case((6, 7, 1), "d_model 6, d_ff 7 and 1 head"),
    Case((512, 2048, 8), "d_model 512, d_ff 2048 and 8 heads (a block of 2017)"),
], [
    slip("heads-multiply",
         "the projections were counted once a head. Heads share out the d_model numbers of a projection: however many "
         "there are, it is one matrix of d_model by d_model", *_HEADS, *[(heads, *_NONE) for heads in _HEADS]),
    slip("one-head-counted",
         "the projections of a single head were counted. All heads together make d_model by d_model",
         "4 * (d_model * d_model + d_model) -> 4 * (d_model + 1) * (d_model // num_heads)",
         "4 * (d_model * -> (3 * (d_model + 1) * (d_model // num_heads) + d_model *"),
    slip("biases-forgotten",
         "the biases are missing: d_model for each of the four projections, d_ff and d_model in the network",
         _NONE, (*_NONE, _HALF_NORMS)),
    slip("network-biases",
         "the network's biases are missing: d_ff numbers on the way up, d_model on the way back",
         _biases("+ d_model", "", "")),
    slip("network-biases",
         "the network's two biases were given the same size. A bias is as long as what comes out of its matrix: d_ff "
         "on the way up, d_model on the way back",
         _biases("+ d_model", "+ d_model", "+ d_model"), _biases("+ d_model", "+ d_ff", "+ d_ff")),
    slip("one-bias-a-matrix",
         "each matrix was given one bias number. A bias has one for each number that comes out",
         _biases("+ 1", "+ 1", "+ 1")),
    slip("biases-and-norms-forgotten",
         "you counted the matrices alone. The biases are missing, and the norms' weights and biases",
         (*_NONE, "+ norms ->")),
    slip("rule-of-thumb",
         "this is the rule of thumb, 12 * d_model**2. It takes d_ff to be 4 * d_model and leaves out biases and norms. "
         "Good for a guess; here the network has the d_ff that comes in, and every number counts",
         (*_NONE, "+ norms ->", "attention = 4 -> d_ff = 4 * d_model; attention = 4")),
    slip("output-projection-forgotten",
         "attention was counted with three projections. After query, key and value comes a fourth, to mix the heads",
         "4 * -> 3 *", ("4 * -> 3 *", *_NONE)),
    slip("norms-forgotten",
         "4 times d_model are missing: those of the two norms, a weight and a bias each (or, if you have them, the "
         "biases of the four projections)", "+ norms ->"),
    slip("norms-forgotten",
         "2 times d_model are missing. A block has two norms, one for each sublayer, and each has a weight and a bias",
         _HALF_NORMS),
    slip("one-network-matrix",
         "the network was counted with one matrix. It has two: up to d_ff numbers, and back to d_model",
         "+ (d_ff * d_model + d_model) ->", "d_ff * d_model + d_model -> d_model", (*_NONE, "+ (d_ff * d_model) ->")),
    slip("d_ff-fixed", "d_ff was taken to be 4 * d_model. It often is; use the one that comes in",
         "attention = 4 -> d_ff = 4 * d_model; attention = 4"),
    slip("network-square",
         "the network was counted as two matrices of d_model by d_model. In between it has d_ff numbers",
         "attention = 4 -> d_ff = d_model; attention = 4"),
]))  # fmt: skip
