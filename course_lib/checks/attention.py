"""Checks of lesson 10: the causal mask, scaled dot-product attention, the padding mask.

Attention is asked in three rounds: without a mask, with one, and with a query that may look at nothing. Each round
names its own misconceptions, so that a wrong scale and a forgotten mask do not hide one another. A wrong scale is read
off the answer itself: log weights, centred in each row, rise with the centred dot products by the factor that was used.

Paper. Vaswani et al. (2017), "Attention Is All You Need", equation 1.
"""

import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import torch

from course_lib import attention
from course_lib.checks.base import Case, Misconception, Result, call, compare, failed, guarded, numbers, passed


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- causal_mask ------------------------------------------------------------------------------------------------------


def _ones(length: int) -> torch.Tensor:
    return torch.ones(length, length, dtype=torch.bool)


_CAUSAL_MISCONCEPTIONS = [
    *_each(
        "cannot-see-itself",
        "the triangle is one diagonal too small: no word may look at itself, and the first word at nothing. A word is "
        "not its own future: the diagonal is True",
        lambda length: _ones(length).tril(-1),
    ),
    *_each(
        "sees-the-next",
        "the triangle is one diagonal too large: every word sees the next one, the very word that a language model has "
        "to guess",
        lambda length: _ones(length).tril(1),
    ),
    *_each(
        "sees-the-future",
        "the triangle lies on the other side of the diagonal: every word sees itself and what comes after it. Rows are "
        "the words that look, columns the words looked at",
        lambda length: _ones(length).triu(),
    ),
    *_each(
        "inverted",
        "True and False have changed places: this marks what is hidden. Ours is True where a word may look",
        lambda length: _ones(length).triu(1),
    ),
    *_each(
        "nothing-hidden",
        "every word sees every word. Who stands in row i may look at columns 0 to i",
        lambda length: _ones(length),
    ),
    *_each(
        "only-itself",
        "every word sees itself alone. It may look at the words before it too",
        lambda length: torch.eye(length, dtype=torch.bool),
    ),
    *_each(
        "everything-hidden",
        "nobody may look at anything. Who stands in row i may look at columns 0 to i",
        lambda length: ~_ones(length),
    ),
    *_each(
        "scores-not-booleans",
        "this is what is added to scores, 0 and minus infinity. That works as well, and many programs do it; our masks "
        "are of True (may look) and False",
        lambda length: torch.zeros(length, length).masked_fill(~_ones(length).tril(), -math.inf),
        lambda length: torch.zeros(length, length).masked_fill(~_ones(length).tril(), -1e9),
    ),
    *_each(
        "averages-not-booleans",
        "these are the weights of the averages themselves, each row divided by its number of words. The mask only says "
        "who may look at whom: True or False",
        lambda length: _ones(length).tril() / torch.arange(1, length + 1)[:, None],
    ),
]


@guarded("causal_mask")
def causal_mask(function: Callable) -> Result:
    """Compare with the lower triangle, diagonal included, of booleans."""
    cases = [Case((length,), f"length = {length}") for length in (3, 1, 6)]
    result = compare("causal_mask", function, attention.causal_mask, cases, _CAUSAL_MISCONCEPTIONS)
    got = call(function, 3, name="causal_mask")
    if result.status == "passed" and getattr(got.value, "dtype", None) not in (torch.bool, np.dtype(bool)):
        return failed("causal_mask", "the triangle is right, but it is no boolean tensor: make it one (for instance "
                      "with `dtype=torch.bool`), or `~mask` will not turn it round.", "not-boolean")  # fmt: skip
    return result


# --- scaled_dot_product_attention -------------------------------------------------------------------------------------

NAME = "scaled_dot_product_attention"
T, S, D, V = 3, 5, 4, 9  # queries, keys, size of a query, size of a value: none alike, none of their roots alike


def _inputs(*shapes: tuple, seed: int) -> list[torch.Tensor]:
    """Random numbers with one decimal: scores of about 1 after scaling, so that no softmax is saturated."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng).round(decimals=1) for shape in shapes]


_PLAIN = [
    Case(tuple(_inputs((T, D), (S, D), (S, V), seed=1)), f"{T} queries and {S} keys of size {D}, values of size {V}"),
    Case(tuple(_inputs((4, 7), (2, 7), (2, 3), seed=2)), "4 queries and 2 keys of size 7, values of size 3"),
    Case(tuple(_inputs((2, 3, 6), (2, 4, 6), (2, 4, 5), seed=3)), "a batch of 2: 3 queries, 4 keys of size 6"),
]
_MASK = torch.tensor([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
_SECOND = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 1]], dtype=torch.bool)
_MASKED = [
    Case((*_PLAIN[0].args, _MASK), "3 queries, 5 keys and a mask that hides some of them"),
    Case((*_PLAIN[2].args, torch.stack([_SECOND, _SECOND.flip(0)])), "a batch of 2, each with its own mask"),
]
_EMPTY = [
    Case((*_PLAIN[0].args, _MASK & torch.tensor([[True], [False], [True]])), "a mask whose second row is all False"),
    Case((*_PLAIN[2].args, torch.stack([_SECOND & False, _SECOND])), "a batch whose first mask is all False"),
]


def _variant(scale=lambda q, k, v: math.sqrt(q.shape[-1]), weigh=None, mix=None) -> Callable:
    """Attention with one of its parts changed: what scores are divided by, scores to weights, weights to output."""

    def wrong(query, key, value, mask=None):
        scores = query @ key.mT / scale(query, key, value)
        weights = attention.masked_softmax(scores, mask) if weigh is None else weigh(scores, mask)
        return (weights @ value if mix is None else mix(weights, query, key, value)), weights

    return wrong


_SCALED_BY_D = _each(
    "scaled-by-d",
    "the dot products are divided by D and not by its square root. The sum of D random products grows like the root of "
    "D; divided by D, all words soon weigh alike",
    _variant(scale=lambda q, k, v: q.shape[-1]),
)
_PLAIN_MISCONCEPTIONS = [
    *_each(
        "not-scaled",
        "the scaling is missing: divide the dot products by the square root of D, the size of a query",
        _variant(scale=lambda q, k, v: 1.0),
    ),
    *_SCALED_BY_D,
    *_each(
        "scaled-by-the-values-size",
        "the dot products are divided by the square root of another vector's size (the values', which is often "
        "d_model). D is the size of what was multiplied: a query or a key",
        _variant(scale=lambda q, k, v: math.sqrt(v.shape[-1])),
    ),
    *_each(
        "scaled-by-a-length",
        "the dot products are divided by the square root of a number of words. D is the size of a query, the last axis",
        _variant(scale=lambda q, k, v: math.sqrt(q.shape[-2])),
        _variant(scale=lambda q, k, v: math.sqrt(k.shape[-2])),
    ),
    *_each(
        "root-of-the-example",
        "the dot products are always divided by 2, the root of the 4 that our six words had. Read D off the query: "
        "query.shape[-1]",
        _variant(scale=lambda q, k, v: 2.0),
    ),
    *_each(
        "scaled-the-wrong-way",
        "the dot products are multiplied by the square root of D. Divide: they are too large already",
        _variant(scale=lambda q, k, v: 1 / math.sqrt(q.shape[-1])),
    ),
    *_each(
        "scaled-after-softmax",
        "the softmax came before the division, so that the weights of a query sum to 1 / sqrt(D) and not to 1",
        _variant(lambda q, k, v: 1.0, lambda s, m: s.softmax(-1) / 2.0),
        lambda q, k, v: ((w := (q @ k.mT).softmax(-1) / math.sqrt(q.shape[-1])) @ v, w),
    ),
    *_each(
        "output-divided",
        "the output was divided by the square root of D, and not the scores. The division comes before the softmax: "
        "it is what keeps the weights from staring at one key",
        lambda q, k, v: ((w := (q @ k.mT).softmax(-1)) @ v / math.sqrt(q.shape[-1]), w),
    ),
    *_each(
        "softmax-over-queries",
        "the softmax runs over the queries: each column sums to 1. Each query shares out a weight of 1 among the keys, "
        "so each row must: dim=-1",
        _variant(weigh=lambda s, m: s.softmax(-2)),
        lambda q, k, v: ((w := (q @ k.mT / math.sqrt(q.shape[-1])).softmax(0)) @ v, w),
    ),
    *_each(
        "softmax-over-everything",
        "the softmax runs over the whole table. Each row has a weight of 1 of its own",
        _variant(weigh=lambda s, m: s.flatten(-2).softmax(-1).view(s.shape)),
        _variant(weigh=lambda s, m: s.flatten().softmax(-1).view(s.shape)),
    ),
    *_each(
        "no-softmax",
        "the scores themselves were used as weights, or only divided by their sum. They are no shares: some are "
        "negative. The softmax makes shares of them",
        _variant(weigh=lambda s, m: s),
        _variant(weigh=lambda s, m: s / s.sum(-1, keepdim=True)),
    ),
    *_each(
        "exponentials-not-divided",
        "these are the exponentials, before the division by their sum: the weights of a query must sum to 1",
        _variant(weigh=lambda s, m: s.exp()),
    ),
    *_each(
        "scores-returned",
        "the output is right, and beside it stand the scores. Return the weights: what came out of the softmax",
        lambda q, k, v: (_right(q, k, v)[0], q @ k.mT / math.sqrt(q.shape[-1])),
        lambda q, k, v: (_right(q, k, v)[0], q @ k.mT),
    ),
    *_each(
        "returned-in-the-other-order",
        "the two came back in the other order: first the output, then the weights",
        lambda q, k, v: _right(q, k, v)[::-1],
    ),
    *_each(
        "one-of-the-two",
        "only one of the two came back. Return both: output, weights",
        lambda q, k, v: _right(q, k, v)[0],
        lambda q, k, v: _right(q, k, v)[1],
    ),
]


def _right(query, key, value, mask=None):
    return attention.scaled_dot_product_attention(query, key, value, mask)


def _filled(scores, mask, number, softmax=True):
    scores = scores.masked_fill(~mask, number)
    return scores.softmax(-1) if softmax else scores


_MASKED_MISCONCEPTIONS = [
    *_each(
        "mask-ignored",
        "the mask changes nothing: hidden keys keep their weight (`masked_fill` returns a new tensor and leaves the "
        "old one as it is)",
        _variant(weigh=lambda s, m: s.softmax(-1)),
    ),
    *_each(
        "mask-after-softmax",
        "the mask was applied after the softmax. What it took away is missing now: the weights of a row no longer sum "
        "to 1. Hide the keys before the softmax, and the others share out the whole",
        _variant(weigh=lambda s, m: s.softmax(-1) * m),
    ),
    *_each(
        "filled-with-zero",
        "the hidden scores were set to 0. A score of 0 is no small score: exp(0) is 1, and a hidden key gets a good "
        "weight. Only minus infinity becomes a weight of exactly 0",
        _variant(weigh=lambda s, m: _filled(s, m, 0.0)),
        _variant(weigh=lambda s, m: (s * m).softmax(-1)),
    ),
    *_each(
        "mask-inverted",
        "the mask is upside down: exactly what it should hide is seen. True means that a query may look; "
        "masked_fill fills where it is told True, so hand it ~mask",
        _variant(weigh=lambda s, m: attention.masked_softmax(s, ~m)),
        _variant(weigh=lambda s, m: s.masked_fill(m, -math.inf).softmax(-1)),
        _variant(weigh=lambda s, m: s.masked_fill(m, -math.inf).softmax(-1).nan_to_num(0.0)),
        _variant(weigh=lambda s, m: s.masked_fill(m, -1e9).softmax(-1)),
    ),
    *_each(
        "all-for-any",
        "a row becomes zeros as soon as one of its keys is hidden. Only a row that sees nothing should: `mask.any(-1, "
        "keepdim=True)` is True where there is at least one key to look at",
        _variant(weigh=lambda s, m: torch.where(m.all(-1, keepdim=True), attention.masked_softmax(s, m), 0.0)),
    ),
    *_each(
        "one-added",
        "the mask was added to the scores: True counts as 1 and False as 0, so hidden keys only lose a little",
        _variant(weigh=lambda s, m: (s + m).softmax(-1)),
    ),
    *_each(
        "zero-times-infinity",
        "the mask was multiplied with minus infinity. What may be seen gives 0 times infinity, and that is NaN, not 0. "
        "Fill where the mask tells you to: masked_fill(~mask, -math.inf)",
        _variant(weigh=lambda s, m: (s + ~m * -math.inf).softmax(-1)),
    ),
    *_each(
        "output-masked-alone",
        "the weights that came back still show the hidden keys",
        lambda q, k, v, m: (_right(q, k, v, m)[0], _right(q, k, v)[1]),
    ),
    *_each(
        "hidden-scores-small",
        "the hidden scores are merely small. They must weigh nothing at all: use -math.inf",
        _variant(weigh=lambda s, m: _filled(s, m, -1.0)),
        _variant(weigh=lambda s, m: _filled(s, m, -10.0)),
    ),
]
_EMPTY_MISCONCEPTIONS = [
    *_each(
        "nan-on-an-empty-row",
        "a query that may look at nothing got NaN: all its scores are minus infinity, and its softmax is 0 / 0. Ours "
        "gets zeros, because one NaN spoils every number it meets later. Set the weights of such a row to 0 "
        "(`mask.any(-1, keepdim=True)` says which rows have a key)",
        _variant(weigh=lambda s, m: _filled(s, m, -math.inf)),
        lambda q, k, v, m: (_right(q, k, v, m)[0], _filled(q @ k.mT / math.sqrt(q.shape[-1]), m, -math.inf)),
    ),
    *_each(
        "looks-at-everything-on-an-empty-row",
        "a query that may look at nothing looks at everything: with a large negative number in place of minus "
        "infinity, a row of nothing else becomes a plain average of what is hidden. Set its weights to 0",
        _variant(weigh=lambda s, m: _filled(s, m, -1e9)),
        _variant(weigh=lambda s, m: _filled(s, m, torch.finfo(s.dtype).min)),
        _variant(weigh=lambda s, m: _filled(s, m | ~m.any(-1, keepdim=True), -math.inf)),
    ),
    *_each(
        "ones-on-an-empty-row",
        "each weight of a query that may look at nothing is 1: it takes in all that is hidden, and in full. Set its "
        "weights to 0",
        _variant(weigh=lambda s, m: _filled(s, m, -math.inf).nan_to_num(1.0)),
    ),
    *_each(
        "zeros-too-late",
        "the weights of a query that may look at nothing were set to 0 after the output had been made of them, so that "
        "the output is still NaN. Mend the weights first, then multiply them by the values",
        lambda q, k, v, m: (_filled(q @ k.mT / math.sqrt(q.shape[-1]), m, -math.inf) @ v, _right(q, k, v, m)[1]),
    ),
]


@guarded(NAME)
def scaled_dot_product_attention(function: Callable) -> Result:
    """Compare with softmax(Q K^T / sqrt(D)) V and its weights: plain, masked, and with rows that see nothing."""
    rounds = [(_PLAIN, _PLAIN_MISCONCEPTIONS), (_MASKED, _MASKED_MISCONCEPTIONS), (_EMPTY, _EMPTY_MISCONCEPTIONS)]
    for number, (cases, misconceptions) in enumerate(rounds):
        result = compare(NAME, function, _right, cases, misconceptions)
        if result.status != "passed":
            result = _more(function, result) if number == 0 and result.status == "failed" else result
            return _in_words(result, number)
    return passed(NAME, "all 7 cases hold, with masks and without.")


def _more(function: Callable, result: Result) -> Result:
    """What an answer of the first round that is no known misconception has in itself: a wrong scale, a lost batch."""
    if result.diagnosis:
        return result
    if compare(NAME, function, _right, _PLAIN[:2]).status == "passed":
        return Result(result.status, f"{result.message} Without a batch in front all is right, so count axes from the "
                      "end: key.mT exchanges the *last two*, the softmax runs over the last (-1), and D is "
                      "query.shape[-1].", "batch-in-front")  # fmt: skip
    factor = _factor(function)
    return _wrong_scale(factor) if factor else result


def _factor(function: Callable) -> float | None:
    """By what the dot products were multiplied, if that alone is wrong: the slope of log weights on dot products."""
    query, key, value = _PLAIN[0].args
    answer = call(function, query, key, value).value
    weights = numbers(answer[1]) if isinstance(answer, Sequence) and len(answer) == 2 else None
    if weights is None or weights.shape != (T, S) or np.shape(numbers(answer[0])) != (T, V) or not (weights > 0).all():
        return None
    logs, products = np.log(weights), (query @ key.mT).double().numpy()
    logs, products = (x - x.mean(-1, keepdims=True) for x in (logs, products))
    slope = float((logs * products).sum() / (products**2).sum())
    straight = np.allclose(logs, slope * products, atol=1e-4) and np.allclose(weights.sum(-1), 1, atol=1e-4)
    output = straight and np.allclose(numbers(answer[0]), weights @ value.double().numpy(), atol=1e-4)
    return slope if output and abs(slope - 1 / math.sqrt(D)) > 1e-3 else None


def _wrong_scale(factor: float) -> Result:
    return failed(NAME, f"queries of size {D} should have their dot products multiplied by 1 / sqrt({D}) = "
                  f"{1 / math.sqrt(D):.3f}, and yours are multiplied by {factor:.3f}. The rest is right.",
                  "scaled-by-something-else")  # fmt: skip


def _in_words(result: Result, number: int) -> Result:
    """Which of the two that were returned, and for a later round what holds already."""
    text = re.sub(r"\bin item ([01])\b", lambda found: f"in the {('output', 'weights')[int(found[1])]}", result.message)
    if "Boolean value of Tensor with more than one value" in text:
        text += " To ask whether a mask was given, write `if mask is not None`."
    if number == 0 and "'NoneType'" in text:
        text += " Without a mask, `mask` is None: hide keys only `if mask is not None`."
    done = ["", "without a mask all is right. ", "without a mask and with one all is right. "][number]
    if result.status == "failed" and done:
        text = f"{NAME}: {done[0].upper()}{done[1:]}" + text.removeprefix(f"{NAME}: ")
    return Result(result.status, text, result.diagnosis)


# --- padding_mask -----------------------------------------------------------------------------------------------------


def _padding(lengths, longest):
    return (torch.arange(longest) < lengths[:, None])[:, None]


_PADDING_MISCONCEPTIONS = [
    *_each(
        "one-too-many",
        "one place too many is True. Places count from 0: a text of 3 words has places 0, 1 and 2",
        lambda lengths, longest: (torch.arange(longest) <= lengths[:, None])[:, None],
    ),
    *_each(
        "one-too-few",
        "the last word of each text is hidden. A text of 3 words has places 0, 1 and 2",
        lambda lengths, longest: (torch.arange(longest) < lengths[:, None] - 1)[:, None],
        lambda lengths, longest: (torch.arange(1, longest + 1) < lengths[:, None])[:, None],
    ),
    *_each(
        "inverted",
        "True and False have changed places: this marks the padding. Ours is True where there is a word to look at",
        lambda lengths, longest: ~_padding(lengths, longest),
    ),
    *_each(
        "axis-missing",
        "the values are right and the shape is [B, S]. The weights are [B, T, S]; without an axis for the queries, a "
        "batch of T texts would even pass, with each *query* cut to another text's length: add it, mask[:, None]",
        lambda lengths, longest: _padding(lengths, longest)[:, 0],
    ),
    *_each(
        "queries-masked",
        "this hides queries and not keys: its shape is [B, S, 1]. Padding must not be looked *at*, so the last axis, "
        "that of the keys, tells words from padding: [B, 1, S]",
        lambda lengths, longest: _padding(lengths, longest).mT,
    ),
    *_each(
        "queries-masked-too",
        "this hides the padding as a query too. We ask for the keys alone, [B, 1, S], which fits any number of queries",
        lambda lengths, longest: _padding(lengths, longest) & _padding(lengths, longest).mT,
    ),
    *_each(
        "axis-in-front",
        "the values are right and the axis for the queries stands in front of the batch. It belongs between the texts "
        "and the keys: mask[:, None]",
        lambda lengths, longest: _padding(lengths, longest)[:, 0][None],
    ),
    *_each(
        "scores-not-booleans",
        "this is what is added to scores, 0 and minus infinity. Our masks are of True (may look) and False",
        lambda lengths, longest: torch.zeros(len(lengths), 1, longest).masked_fill(
            ~_padding(lengths, longest), -math.inf),
    ),
    *_each(
        "padding-in-front",
        "the padding lies in front of the words. Ours comes after them",
        lambda lengths, longest: _padding(lengths, longest).flip(-1),
    ),
]


@guarded("padding_mask")
def padding_mask(function: Callable) -> Result:
    """Compare with place < length, as booleans [B, 1, S]."""
    cases = [
        Case((torch.tensor([3, 5, 1]), 5), "lengths [3, 5, 1] and longest 5"),
        Case((torch.tensor([2, 4]), 6), "lengths [2, 4] and longest 6"),
        Case((torch.tensor([0, 2, 3, 1]), 3), "lengths [0, 2, 3, 1] and longest 3"),
    ]
    result = compare("padding_mask", function, _padding, cases, _PADDING_MISCONCEPTIONS)
    if result.status == "failed" and "must match the size of tensor b" in result.message:
        return Result("failed", f"{result.message} Each length must meet each place: make a column of the lengths, "
                      "`lengths[:, None]`, and compare it with the row of places.", "row-against-row")  # fmt: skip
    got = call(function, *cases[0].args, name="padding_mask")
    if result.status == "passed" and getattr(got.value, "dtype", None) not in (torch.bool, np.dtype(bool)):
        return failed("padding_mask", "the places are right, but it is no boolean tensor: make it one of True and "
                      "False, as a comparison of tensors does.", "not-boolean")  # fmt: skip
    return result
