"""Checks of lesson 20: RMSNorm, rotary positions, shared keys and values, a network with a gate, a cache, a chat.

Papers. Zhang & Sennrich (2019), "Root Mean Square Layer Normalization"; Su et al. (2021), "RoFormer"; Ainslie et al.
(2023), "GQA"; Shazeer (2020), "GLU Variants Improve Transformer".
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.checks.base import Case, Misconception, Outcome, numbers
from course_lib.checks.slips import Exercise, Round, slip

# --- rms_norm ---------------------------------------------------------------------------------------------------------


def _rms_norm(x, weight, eps):
    mean_square = (x**2).mean(-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps) * weight


def _vectors(shape: tuple[int, ...], eps: float, seed: int, zero: bool = False) -> Case:
    """Vectors of unlike size, none with mean 0, and a weight of its own for each number."""
    rng = torch.Generator().manual_seed(seed)
    x = (torch.randn(shape, generator=rng) + 0.7).round(decimals=1)
    if len(shape) > 1:
        x = x * 3.0 ** torch.arange(shape[-2])[:, None]  # each vector three times the one before
        x = torch.cat([x[..., :-1, :], 0 * x[..., -1:, :]], -2) if zero else x
    weight = (1 + torch.randn(shape[-1], generator=rng) / 2).round(decimals=1)
    last = ", the last vector all 0" if zero else ""
    return Case((x, weight, eps), f"x of shape {list(shape)}, eps = {eps}{last}")


rms_norm = Exercise(_rms_norm, Round([
    _vectors((4,), 0.5, seed=1), _vectors((3, 5), 0.1, seed=2), _vectors((2, 3, 4), 0.02, seed=3),
    _vectors((3, 2), 0.3, seed=4, zero=True),
], [
    slip("layer-norm",
         "the mean is taken away first. That is LayerNorm: RMSNorm leaves the level of a vector as it is, and divides",
         "mean_square = (x**2) -> x = x - x.mean(-1, keepdim=True); mean_square = (x**2)",
         lambda x, weight, eps: F.layer_norm(x, x.shape[-1:], weight, None, eps)),
    slip("standard-deviation",
         "x is divided by its standard deviation, which measures from the mean. RMSNorm measures from 0: the mean of "
         "the squares themselves",
         "(x**2).mean(-1, keepdim=True) -> x.var(-1, keepdim=True, correction=0)",
         "(x**2).mean(-1, keepdim=True) -> x.var(-1, keepdim=True)",
         "torch.sqrt(mean_square + eps) -> (x.std(-1, keepdim=True) + eps)",
         "torch.sqrt(mean_square + eps) -> (x.std(-1, keepdim=True, correction=0) + eps)"),
    slip("eps-outside",
         "eps is added to the root. It is added to the mean square, under the root: published weights were trained "
         "like that", "torch.sqrt(mean_square + eps) -> (torch.sqrt(mean_square) + eps)"),
    slip("eps-added-last", "eps is added to the result. It belongs under the root, where it keeps 0 / 0 away",
         ("torch.sqrt(mean_square + eps) * weight -> torch.sqrt(mean_square).clamp(min=1e-30) * weight + eps")),
    slip("no-eps", "eps is not used: a vector of zeros then becomes 0 / 0, which is NaN", "mean_square + eps -> "
         "mean_square"),
    slip("own-eps", "eps is a number of your own. Use the one that comes in",
         "+ eps -> + 1e-5", "+ eps -> + 1e-6", "+ eps -> + 1e-8", "+ eps -> + torch.finfo(x.dtype).eps"),
    slip("summed",
         "the squares are added up, and not averaged. Vectors come out with length 1, where their numbers should have "
         "a mean square of 1", ".mean(-1 -> .sum(-1",
         lambda x, weight, eps: F.normalize(x, dim=-1) * weight),
    slip("no-root", "the root is missing: x is divided by its mean square", "torch.sqrt(mean_square + eps) -> "
         "(mean_square + eps)"),
    slip("not-squared", "the numbers are averaged without their squares, so that those below 0 cancel the others",
         "(x**2) -> x", "torch.sqrt(mean_square + eps) -> (x.mean(-1, keepdim=True) + eps)"),
    slip("mean-size", "the mean of the absolute numbers is taken. RMS is the root of the mean of the squares",
         "torch.sqrt(mean_square + eps) -> (x.abs().mean(-1, keepdim=True) + eps)",
         "(x**2) -> x.abs()"),
    slip("root-of-the-mean",
         "the mean is squared. It is the other way round: square first, then take the mean",
         "(x**2).mean(-1, keepdim=True) -> x.mean(-1, keepdim=True) ** 2"),
    slip("one-for-all",
         "one mean square is taken over all vectors together. Each vector, the last axis, has its own: a large one "
         "must not press the small ones down", ".mean(-1, keepdim=True) -> .mean()"),
    slip("wrong-axis", "the mean runs over the vectors and not over the numbers of a vector: the last axis is -1",
         ".mean(-1, -> .mean(0,"),
    slip("no-weight", "the weight is not used. Each number is multiplied by its own at the end", "* weight -> "),
    slip("one-plus-weight",
         "it is multiplied by 1 + weight. Some later models keep their weights like that; Llama multiplies by the "
         "weight", "* weight -> * (1 + weight)"),
    slip("weight-added", "the weight is added. It multiplies: RMSNorm adds nothing", "* weight -> + weight"),
    slip("weight-divides", "it is divided by the weight", "* weight -> / weight"),
    slip("weight-first",
         "x is multiplied by the weight before its mean square is taken. Then the weight's size cancels: it comes last",
         lambda x, weight, eps: _rms_norm(x * weight, torch.ones_like(weight), eps)),
    slip("multiplied", "x is multiplied by the root. Divide by it", "x / torch -> x * torch"),
]))  # fmt: skip


# --- rotate -----------------------------------------------------------------------------------------------------------


def _rotate(x, positions, theta):
    half = x.shape[-1] // 2
    speeds = theta ** (-torch.arange(half) / half)
    angles = positions[:, None] * speeds
    a, b = x[:, :half], x[:, half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], dim=-1)


def _places(positions: list[int], d: int, theta: float, seed: int) -> Case:
    x = torch.randn(len(positions), d, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    return Case((x, torch.tensor(positions), theta), f"positions {positions}, d = {d}, theta = {theta:g}")


def _neighbours(x, positions, theta):
    """Pairs of neighbours, as in the paper."""
    d = x.shape[-1]
    angles = positions[:, None] * theta ** (-torch.arange(0, d, 2) / d)
    a, b = x[:, 0::2], x[:, 1::2]
    turned = torch.stack([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)
    return turned.flatten(1)


def _neighbours_taken(x, positions, theta):
    return _rotate(torch.cat([x[:, 0::2], x[:, 1::2]], -1), positions, theta)


def _neighbours_put(x, positions, theta):
    return _rotate(x, positions, theta).view(len(x), 2, -1).transpose(1, 2).flatten(1)


def _absolute(answers: Sequence[Outcome]) -> Misconception | None:
    """The first two inputs are the same vectors at places 7 farther on: do the scores between them stay?"""
    one, other = (None if answer.error else numbers(answer.value) for answer in answers[:2])
    if one is None or other is None or one.shape != other.shape or one.ndim != 2:
        return None
    if np.allclose(one @ one.T, other @ other.T, atol=1e-3):
        return None
    return Misconception("not-relative", _absolute,
                         "what comes out is not relative: all places moved on by 7, and the products of the turned "
                         "vectors with each other changed. Only the distance of two places may matter")  # fmt: skip


rotate = Exercise(_rotate, Round([
    _places([0, 1, 2, 5], 4, 100.0, seed=1), _places([7, 8, 9, 12], 4, 100.0, seed=1),
    _places([3, 0, 40], 6, 10_000.0, seed=2), _places([2, 2], 2, 7.0, seed=3), _places([11], 8, 500.0, seed=4),
], [
    slip("pairs-are-neighbours",
         "neighbours are turned together, numbers 0 and 1, 2 and 3, as in the paper. Here a pair is number i and "
         "number i + d / 2: Hugging Face's files have their weights in that order, and the wrong order reads as noise",
         _neighbours),
    slip("half-in-pairs",
         "the pairs are taken apart in one order and put together in the other. First halves in, first halves out",
         _neighbours_taken, _neighbours_put),
    slip("turned-backwards",
         "the vectors are turned the other way round. A positive angle goes from the first number of a pair to the "
         "second: (a cos - b sin, b cos + a sin)",
         "positions[:, None] * speeds -> -positions[:, None] * speeds",
         ("a * angles.cos() - b -> a * angles.cos() + b", "b * angles.cos() + a -> b * angles.cos() - a")),
    slip("no-turn-both-plus", "both sums have a plus. Then it is no turn, and vectors change their length: the first "
         "is a cos MINUS b sin", "a * angles.cos() - b -> a * angles.cos() + b"),
    slip("no-turn-both-minus", "both sums have a minus. Then it is no turn, and vectors change their length: the "
         "second is b cos PLUS a sin", "b * angles.cos() + a -> b * angles.cos() - a"),
    slip("cos-and-sin-exchanged", "sine and cosine changed places: at place 0 nothing turns, and the cosine of 0 is 1",
         ("angles.cos() - b * angles.sin() -> angles.sin() - b * angles.cos()",
          "angles.cos() + a * angles.sin() -> angles.sin() + a * angles.cos()")),
    slip("numbered-anew",
         "the places are numbered from 0 in each call. With a cache the new token's place is not 0: use the positions "
         "that come in", "positions[:, None] -> torch.arange(len(x))[:, None]"),
    slip("one-place-on", "every vector is turned as if it stood one place on: at place 0 nothing turns",
         "positions[:, None] -> (positions[:, None] + 1)"),
    slip("half-exponent",
         "the exponent goes to 1/2 and not to 1: pair i of d / 2 has the speed theta to the -2i / d, or -i / half",
         "/ half) -> / (2 * half))"),
    slip("double-exponent", "the exponent is twice as large: with half = d / 2, -2i / d is -i / half",
         "-torch.arange(half) / half -> -2 * torch.arange(half) / half"),
    slip("up-to-the-end", "the last pair's exponent is -1. The steps are 1 / half: it has -(half - 1) / half",
         "-torch.arange(half) / half -> -torch.linspace(0, 1, half)"),
    slip("one-pair-on", "the pairs are counted from 1. The first pair has exponent 0: it turns by 1 a place",
         "-torch.arange(half) / half -> -(torch.arange(half) + 1) / half"),
    slip("faster-and-faster", "the speeds rise from pair to pair: the exponent is negative",
         "(-torch.arange(half) -> (torch.arange(half)"),
    slip("own-theta", "theta is a number of your own. Models differ in it: use the one that comes in",
         "theta ** -> 10_000.0 **", "theta ** -> 100_000.0 **"),
    slip("one-speed", "all pairs turn at the same speed", "-torch.arange(half) / half -> 0 * torch.arange(half)",),
    slip("degrees", "the angles were taken for degrees. A speed of 1 is one radian a place",
         "positions[:, None] * speeds -> torch.deg2rad(positions[:, None] * speeds)"),
    slip("waves-added",
         "the waves are added, as in lesson 13. Here nothing is added: each pair of numbers is turned by its angle",
         lambda x, positions, theta: x + _rotate(torch.ones_like(x), positions, theta),
         lambda x, positions, theta: x + _waves(x, positions, theta)),
    slip("waves-multiplied", "the numbers are multiplied by the waves, each on its own. A turn mixes the two of a pair",
         lambda x, positions, theta: x * _waves(x, positions, theta),
         "- b * angles.sin(), b * angles.cos() + a * angles.sin() -> , b * angles.cos()"),
    slip("only-the-first", "only the first half comes out turned. The second is b cos + a sin",
         "b * angles.cos() + a * angles.sin() -> b"),
    slip("only-the-second", "only the second half comes out turned. The first is a cos - b sin",
         "a * angles.cos() - b * angles.sin() -> a"),
    slip("turned-twice", "the second half is made of the first one's new numbers. Both are made of the old ones",
         "return torch -> a = a * angles.cos() - b * angles.sin(); "
         "return torch.cat([a, b * angles.cos() + a * angles.sin()], dim=-1); torch"),
], otherwise=_absolute))  # fmt: skip


def _waves(x, positions, theta):
    """Cosines in the first half, sines in the second."""
    half = x.shape[-1] // 2
    angles = positions[:, None] * theta ** (-torch.arange(half) / half)
    return torch.cat([angles.cos(), angles.sin()], -1)


# --- grouped_attention ------------------------------------------------------------------------------------------------


def _grouped_attention(q, k, v):
    H, T, d = q.shape
    times = H // k.shape[0]
    k, v = k.repeat_interleave(times, dim=0), v.repeat_interleave(times, dim=0)
    scores = q @ k.mT / d**0.5
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -torch.inf).softmax(-1) @ v


def _heads(H: int, K: int, T: int, d: int, seed: int) -> Case:
    rng = torch.Generator().manual_seed(seed)
    q, k, v = ((torch.randn(n, T, d, generator=rng) * 1.5).round(decimals=1) for n in (H, K, K))
    return Case((q, k, v), f"{H} heads of queries, {K} of keys and values, T = {T}, d = {d}")


_SHARED = "k, v = k.repeat_interleave(times, dim=0), v.repeat_interleave(times, dim=0) -> "
_K, _V = "k.repeat_interleave(times, dim=0), -> ", "v.repeat_interleave(times, dim=0) -> "
_SOFTMAX = ".masked_fill(future, -torch.inf).softmax(-1) -> "
grouped_attention = Exercise(_grouped_attention, Round([
    _heads(4, 2, 3, 4, seed=1), _heads(6, 3, 4, 2, seed=2), _heads(6, 2, 2, 3, seed=3), _heads(3, 1, 5, 2, seed=4),
    _heads(2, 2, 3, 6, seed=5),
], [
    slip("repeat-for-repeat-interleave",
         "the heads of keys stand in the order 0, 1, 0, 1. Neighbours share: 0, 0, 1, 1, which is `repeat_interleave` "
         "and not `repeat`. No shape tells the two apart, and published weights read as noise",
         _SHARED + "k, v = k.repeat(times, 1, 1), v.repeat(times, 1, 1)"),
    slip("keys-in-another-order", "keys are in the order 0, 1, 0, 1, values in 0, 0, 1, 1. Both are shared by "
         "neighbours", _K + "k.repeat(times, 1, 1),"),
    slip("values-in-another-order", "values are in the order 0, 1, 0, 1, keys in 0, 0, 1, 1. Both are shared by "
         "neighbours", _V + "v.repeat(times, 1, 1)"),
    slip("one-head-for-all", "all heads read the first head of keys and values: each group has its own",
         _SHARED + "k, v = k[:1], v[:1]", _SHARED + "k, v = k[:1].expand(H, T, d), v[:1].expand(H, T, d)"),
    slip("mean-of-the-heads", "the heads of keys and values were averaged into one. Each group has its own",
         _SHARED + "k, v = k.mean(0, keepdim=True), v.mean(0, keepdim=True)"),
    slip("queries-averaged",
         "the queries of a group were averaged. They share what is *asked of*, and each asks for itself",
         "times = H // k.shape[0] -> times = H // k.shape[0]; "
         "q = q.view(-1, times, T, d).mean(1).repeat_interleave(times, dim=0)"),
    slip("no-mask", "nothing is masked: each token sees what comes after it", _SOFTMAX + ".softmax(-1)"),
    slip("mask-inverted", "the mask is inverted: each token sees what comes after it, and its past is hidden",
         "masked_fill(future -> masked_fill(~future", "triu(1) -> tril(-1)"),
    slip("diagonal-missing", "the diagonal is missing: a token sees itself too", "triu(1) -> triu(0)",
         ("triu(1) -> triu(0)", ".softmax(-1) -> .softmax(-1).nan_to_num(0)")),
    slip("one-too-far", "each token sees one token of its future", "triu(1) -> triu(2)"),
    slip("masked-with-zero", "the scores of the future are set to 0. e to the 0 is 1, a share like any other: set them "
         "to minus infinity", "-torch.inf -> 0.0"),
    slip("mask-after-softmax", "the mask was applied after the softmax: what is left does not add up to 1",
         _SOFTMAX + ".softmax(-1).masked_fill(future, 0)"),
    slip("not-scaled", "the scores are not divided by the root of d", "/ d**0.5 -> "),
    slip("scaled-by-d", "the scores are divided by d instead of its root", "d**0.5 -> d"),
    slip("scaled-by-all-heads", "the scores are divided by the root of all heads' numbers together. d is the size of "
         "one head", "d**0.5 -> (H * d) ** 0.5"),
    slip("softmax-over-queries", "the softmax runs over the queries: the columns add up to 1, and not the rows",
         "softmax(-1) -> softmax(-2)"),
    slip("softmax-over-heads", "the softmax runs over the heads", "softmax(-1) -> softmax(0)"),
    slip("keys-mixed", "the keys were mixed. What comes out is a mix of the values", "softmax(-1) @ v -> softmax(-1) "
         "@ k"),
]))  # fmt: skip


# --- swiglu -----------------------------------------------------------------------------------------------------------


def _swiglu(x, gate, up, down):
    opened = F.silu(x @ gate.T)
    return (opened * (x @ up.T)) @ down.T


def _network(T: int, D: int, d_ff: int, seed: int, size: float = 1.0) -> Case:
    rng = torch.Generator().manual_seed(seed)
    x, gate, up, down = (torch.randn(shape, generator=rng).round(decimals=1)
                         for shape in ((T, D), (d_ff, D), (d_ff, D), (D, d_ff)))  # fmt: skip
    return Case((x * size, gate, up, down), f"{T} tokens, D = {D}, d_ff = {d_ff}")


_OPEN = "F.silu(x @ gate.T) -> "
swiglu = Exercise(_swiglu, Round([
    _network(3, 4, 6, seed=1), _network(2, 3, 5, seed=2), _network(1, 2, 2, seed=3), _network(2, 3, 4, seed=4, size=9),
], [
    slip("gate-and-up-exchanged",
         "gate and up changed places: the curve belongs on the gate. In a new model nobody would notice; published "
         "weights know which is which",
         ("F.silu(x @ gate.T) -> F.silu(x @ up.T)", "(opened * (x @ up.T)) -> (opened * (x @ gate.T))")),
    slip("curve-on-both", "SiLU is on both. It bends the gate alone: what is let through stays as it is",
         "(x @ up.T) -> F.silu(x @ up.T)"),
    slip("curve-on-the-product", "SiLU is on the product. It bends the gate alone, before the two are multiplied",
         (_OPEN + "x @ gate.T", "(opened * (x @ up.T)) -> F.silu(opened * (x @ up.T))")),
    slip("no-curve", "there is no curve: the gate is multiplied as it is", _OPEN + "x @ gate.T"),
    slip("sigmoid", "the gate is a sigmoid. That is GLU, of 2017; SiLU is x times its sigmoid: `F.silu`",
         _OPEN + "torch.sigmoid(x @ gate.T)"),
    slip("gelu", "the gate is bent by GELU. That is GEGLU, a sister of SwiGLU: take `F.silu`",
         _OPEN + "F.gelu(x @ gate.T)", _OPEN + "F.gelu(x @ gate.T, approximate='tanh')"),
    slip("relu", "the gate is bent by ReLU. Take `F.silu`", _OPEN + "torch.relu(x @ gate.T)"),
    slip("tanh", "the gate is bent by tanh. Take `F.silu`", _OPEN + "torch.tanh(x @ gate.T)"),
    slip("softmax", "the gate went through a softmax. Each number of it opens or closes for itself: take `F.silu`",
         _OPEN + "(x @ gate.T).softmax(-1)"),
    slip("added", "gate and up are added. A gate multiplies", "opened * -> opened +"),
    slip("gate-alone", "`up` was not used: this is a network of one matrix up and one down, with another curve",
         "(opened * (x @ up.T)) -> opened"),
    slip("up-alone", "the gate was not used", "(opened * (x @ up.T)) -> (x @ up.T)"),
    slip("up-twice", "`up` makes the gate as well, and `gate` was not used", _OPEN + "F.silu(x @ up.T)"),
    slip("gate-twice", "`gate` makes both, and `up` was not used", "(x @ up.T) -> (x @ gate.T)"),
    slip("no-way-down", "`down` was not used: d_ff numbers a token came back, where D are expected", "@ down.T -> "),
    slip("stream-added", "x was added. The block adds the network's answer to the stream, not the network itself",
         "@ down.T -> @ down.T + x"),
    slip("curve-at-the-end", "SiLU bends what comes out of `down`. It bends the gate",
         (_OPEN + "x @ gate.T", "return (opened * (x @ up.T)) @ down.T -> "
          "return F.silu((opened * (x @ up.T)) @ down.T)")),
]))  # fmt: skip


# --- cache_bytes ------------------------------------------------------------------------------------------------------


def _cache_bytes(num_layers, num_kv_heads, head_size, tokens, bytes_per_number):
    numbers_per_token = 2 * num_layers * num_kv_heads * head_size
    return numbers_per_token * tokens * bytes_per_number


_TWO = "2 * num_layers * num_kv_heads * head_size -> "
cache_bytes = Exercise(_cache_bytes, Round([
    Case((30, 3, 64, 1, 4), "SmolLM2's sizes, 1 token of 4 bytes a number"),
    Case((2, 5, 3, 7, 2), "2 layers, 5 heads of 3 numbers, 7 tokens, 2 bytes"),
    Case((3, 1, 4, 10, 1), "3 layers, 1 head of 4 numbers, 10 tokens, 1 byte"),
], [
    slip("keys-alone", "only one of the two was counted. Keys *and* values are kept", _TWO + "num_layers * "
         "num_kv_heads * head_size"),
    slip("queries-too", "queries were counted as well. A query is asked once, and nobody needs it again: keys and "
         "values are kept", _TWO + "3 * num_layers * num_kv_heads * head_size"),
    slip("one-layer", "one layer was counted. Each layer has keys and values of its own",
         _TWO + "2 * num_kv_heads * head_size"),
    slip("one-head", "one head was counted", _TWO + "2 * num_layers * head_size"),
    slip("one-number-a-head", "a head was counted as one number. It has head_size of them",
         _TWO + "2 * num_layers * num_kv_heads"),
    slip("one-token", "one token was counted", "numbers_per_token * tokens -> numbers_per_token"),
    slip("pairs-of-tokens", "tokens were counted squared. The *scores* are a table of tokens by tokens; what is kept "
         "grows with the tokens", "* tokens -> * tokens * tokens"),
    slip("numbers", "these are numbers, not bytes: multiply by the bytes that a number takes",
         "* bytes_per_number -> "),
    slip("bits", "these are bits. A byte has eight of them, and bytes are asked",
         "* bytes_per_number -> * bytes_per_number * 8"),
    slip("head-size-squared", "head_size came in twice", _TWO + "2 * num_layers * num_kv_heads * head_size**2"),
    slip("kilobytes", "this is in kilobytes. Bytes are asked", "* bytes_per_number -> * bytes_per_number / 1000",
         "* bytes_per_number -> * bytes_per_number / 1024"),
    slip("megabytes", "this is in megabytes. Bytes are asked", "* bytes_per_number -> * bytes_per_number / 1e6",
         "* bytes_per_number -> * bytes_per_number / 2**20"),
]))  # fmt: skip


# --- chat_prompt ------------------------------------------------------------------------------------------------------


def _chat_prompt(messages, system):
    if messages[0][0] != "system":
        messages = [("system", system), *messages]
    text = "".join(f"<|im_start|>{role}\n{words}<|im_end|>\n" for role, words in messages)
    return text + "<|im_start|>assistant\n"


_HELPFUL, _ONE = "You are helpful.", 'f"<|im_start|>{role}\\n{words}<|im_end|>\\n" -> '
_LAST = 'text + "<|im_start|>assistant\\n" -> '
chat_prompt = Exercise(_chat_prompt, Round([
    Case(([("user", "Hello!")], _HELPFUL), "one message of a user"),
    Case(([("system", "Answer in French."), ("user", "Who are you?")], _HELPFUL), "a system message, then a user's"),
    Case(([("user", "One?"), ("assistant", "Two."), ("user", " Three? ")], "Count."), "a talk of three messages"),
    Case(([("user", "a\nb"), ("system", "Stop."), ("user", "c")], "Go."), "a system message in the middle"),
], [
    slip("nobody-is-asked",
         "the last line is missing: <|im_start|>assistant and a new line. Without it the model may well go on as the "
         "user", _LAST + "text"),
    slip("no-line-after-assistant", "the new line after the last `assistant` is missing", _LAST + "text + "
         '"<|im_start|>assistant"'),
    slip("answer-closed", "the assistant's turn is closed before it has begun: no <|im_end|> there",
         _LAST + 'text + "<|im_start|>assistant\\n<|im_end|>"',
         _LAST + 'text + "<|im_start|>assistant\\n<|im_end|>\\n"'),
    slip("no-line-after-the-end", "a new line is missing behind <|im_end|>",
         _ONE + 'f"<|im_start|>{role}\\n{words}<|im_end|>"'),
    slip("no-line-after-the-role", "a new line is missing between the role and its words",
         _ONE + 'f"<|im_start|>{role}{words}<|im_end|>\\n"'),
    slip("space-after-the-role", "a space stands between the role and its words where a new line belongs",
         _ONE + 'f"<|im_start|>{role} {words}<|im_end|>\\n"'),
    slip("colon", "a colon stands behind the role. The template has a new line alone",
         _ONE + 'f"<|im_start|>{role}:\\n{words}<|im_end|>\\n"', _ONE + 'f"<|im_start|>{role}: {words}<|im_end|>\\n"'),
    slip("line-before-the-end", "a new line stands between the words and <|im_end|>: there is none",
         _ONE + 'f"<|im_start|>{role}\\n{words}\\n<|im_end|>\\n"'),
    slip("no-end", "<|im_end|> is missing: the model cannot see where somebody stops",
         _ONE + 'f"<|im_start|>{role}\\n{words}\\n"'),
    slip("no-roles", "the roles are missing", _ONE + 'f"<|im_start|>\\n{words}<|im_end|>\\n"',
         _ONE + 'f"<|im_start|>{words}<|im_end|>\\n"'),
    slip("no-start", "<|im_start|> is missing in front of the messages",
         _ONE + 'f"{role}\\n{words}<|im_end|>\\n"'),
    slip("no-system", "no system message was put in front where none comes in",
         'messages[0][0] != "system" -> False'),
    slip("always-a-system", "a system message is put in front though one comes in first",
         'messages[0][0] != "system" -> True'),
    slip("any-system",
         "you looked for a system message anywhere. One is put in front unless the *first* message is one",
         'messages[0][0] != "system" -> "system" not in [role for role, _ in messages]'),
    slip("system-turned", "the system message goes in front where one is there, and not where none is",
         'messages[0][0] != "system" -> messages[0][0] == "system"'),
    slip("system-last", "the system message stands at the end. It comes first",
         '[("system", system), *messages] -> [*messages, ("system", system)]'),
    slip("system-in-place-of-the-first", "the system message has taken the place of the first one: it goes in front",
         '[("system", system), *messages] -> [("system", system), *messages[1:]]'),
    slip("words-stripped", "the words lost their spaces at the ends. They go in as they came",
         "{words} -> {words.strip()}"),
    slip("last-message-alone", "only the last message is there. The model remembers nothing: the whole talk goes in",
         "for role, words in messages) -> for role, words in [messages[0], messages[-1]])"),
    slip("list", "a list came back. One text is asked", 'return text + "<|im_start|>assistant\\n" -> '
         'return [*text.splitlines(True), "<|im_start|>assistant\\n"]'),
]))  # fmt: skip
