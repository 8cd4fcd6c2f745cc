"""Checks of lesson 10: the causal mask, scaled dot-product attention, the padding mask.

Attention is asked in rounds: without a mask, with a batch, with masks, and with a query that may look at nothing. Each
round has its own slips, so that a wrong scale and a forgotten mask do not hide one another. A wrong scale is read off
the answer itself: log weights, centred in each row, rise with the centred dot products by the factor that was used.

Paper. Vaswani et al. (2017), "Attention Is All You Need", equation 1.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from course_lib.checks.base import Case, Misconception, Outcome, numbers
from course_lib.checks.slips import Exercise, Round, slip

# --- causal_mask ------------------------------------------------------------------------------------------------------


def _causal_mask(length):
    place = torch.arange(length)
    return place <= place[:, None]


causal_mask = Exercise(_causal_mask, Round([Case((n,), f"length = {n}") for n in (3, 1, 6, 2)], [
    slip("cannot-see-itself",
         "the triangle is one diagonal too small: no word may look at itself, and the first word at nothing. A word is "
         "not its own future: the diagonal is True", "<= -> <"),
    slip("sees-the-next",
         "the triangle is one diagonal too large: every word sees the next one, the very word that a language model "
         "has to guess", "place <= -> place - 1 <="),
    slip("sees-the-future",
         "the triangle lies on the other side of the diagonal: every word sees itself and what comes after it. Rows "
         "are the words that look, columns the words looked at", "<= -> >="),
    slip("inverted",
         "True and False have changed places: this marks what is hidden. Ours is True where a word may look",
         "<= -> >"),
    slip("nothing-hidden", "every word sees every word. Who stands in row i may look at columns 0 to i",
         "place <= place -> place < length + 0 * place"),
    slip("only-itself", "every word sees itself alone. It may look at the words before it too", "<= -> =="),
    slip("everything-hidden", "nobody may look at anything. Who stands in row i may look at columns 0 to i",
         "place <= -> place + length <="),
    slip("scores-not-booleans",
         "this is what is added to scores, 0 and minus infinity. That works as well, and many programs do it; our "
         "masks are of True (may look) and False",
         "place <= place[:, None] -> (place <= place[:, None]).float().log()",
         "place <= place[:, None] -> (place > place[:, None]) * -1e9"),
    slip("averages-not-booleans",
         "these are the weights of the averages themselves, each row divided by its number of words. The mask only "
         "says who may look at whom: True or False",
         "place <= place[:, None] -> (place <= place[:, None]) / (place[:, None] + 1)"),
]))  # fmt: skip


# --- scaled_dot_product_attention -------------------------------------------------------------------------------------


def _scaled_dot_product_attention(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # [..., T, S]
    if mask is None:
        weights = scores.softmax(-1)
    else:
        weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
        weights = torch.where(mask.any(-1, keepdim=True), weights, 0.0)
    return weights @ value, weights


def _inputs(*shapes: tuple, seed: int) -> list[torch.Tensor]:
    """Random numbers with one decimal: scores of about 1 after scaling, so that no softmax is saturated."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng).round(decimals=1) for shape in shapes]


T, S, D, V = 3, 5, 4, 9  # queries, keys, size of a query, size of a value: none alike, none of their roots alike
_ONE = _inputs((T, D), (S, D), (S, V), seed=1)
_BATCH = _inputs((2, 3, 6), (2, 4, 6), (2, 4, 5), seed=3)
_LOUD = [_ONE[0] * torch.tensor([[90.0], [1], [-90]]), torch.cat([_ONE[1][:3], _ONE[1][:2]]), _ONE[2]]
_SEEN = torch.tensor([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
_ALSO = torch.tensor([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 1]], dtype=torch.bool)
_FULL = [_ONE[0], *(x.masked_fill(torch.tensor([0, 0, 1, 0, 1], dtype=torch.bool)[:, None], 1000.0) for x in _ONE[1:])]
_FAR = [torch.cat([torch.full((T, 1), 240.0), _ONE[0][:, 1:]], 1),  # the keys that may be seen have scores near -120
        torch.cat([-torch.tensor([[1.0], [1], [0], [1], [0]]), _ONE[1][:, 1:]], 1), _ONE[2]]  # fmt: skip
_SQUARE = _inputs((4, 3), (4, 3), (4, 2), seed=5)
_WORDS = torch.tensor([[[1, 1, 0, 0]], [[1, 1, 1, 0]]], dtype=torch.bool)


def _wrong_scale(answers: Sequence[Outcome]) -> Misconception | None:
    """By what the dot products were multiplied, if that alone is wrong: the slope of log weights on dot products."""
    query, key, value = (x.double().numpy() for x in _ONE)
    output, weights = map(numbers, answers[0].value) if answers[0].error is None else (None, None)
    if weights is None or weights.shape != (T, S) or np.shape(output) != (T, V) or not (weights > 0).all():
        return None
    logs, products = (x - x.mean(-1, keepdims=True) for x in (np.log(weights), query @ key.T))
    slope = float((logs * products).sum() / (products**2).sum())
    straight = np.allclose(logs, slope * products, atol=1e-4) and np.allclose(weights.sum(-1), 1, atol=1e-4)
    if not straight or not np.allclose(output, weights @ value, atol=1e-4) or abs(slope - 1 / math.sqrt(D)) < 1e-3:
        return None
    text = (f"for queries of size {D} the dot products are multiplied by {slope:.3f}, and not by 1 / sqrt({D}) = "
            f"{1 / math.sqrt(D):.3f}. The rest is right")  # fmt: skip
    return Misconception("scaled-by-something-else", _wrong_scale, text)


def _count_from_the_end(answers: Sequence[Outcome]) -> Misconception:
    return Misconception("batch-in-front", _count_from_the_end,
                         "axes are counted from the front. Count them from the end: key.mT exchanges the *last two*, "
                         "the softmax runs over the last (-1), and D is query.shape[-1]")  # fmt: skip


_SCALE = [
    slip("not-scaled", "the scaling is missing: divide the dot products by the square root of D, the size of a query",
         "/ math.sqrt(query.shape[-1]) ->"),
    slip("scaled-by-d",
         "the dot products are divided by D and not by its square root. The sum of D random products grows like the "
         "root of D; divided by D, all words soon weigh alike", "math.sqrt(query.shape[-1]) -> query.shape[-1]"),
    slip("scaled-by-the-values-size",
         "the dot products are divided by the square root of another vector's size (the values', which is often "
         "d_model). D is the size of what was multiplied: a query or a key", "query.shape[-1] -> value.shape[-1]"),
    slip("scaled-by-a-length",
         "the dot products are divided by the square root of a number of words. D is the size of a query, the last "
         "axis", "query.shape[-1] -> query.shape[-2]", "query.shape[-1] -> key.shape[-2]"),
    slip("root-of-the-example",
         "the dot products are always divided by 2, the root of the 4 that our six words had. Read D off the query: "
         "query.shape[-1]", "query.shape[-1] -> 4"),
    slip("scaled-the-wrong-way",
         "the dot products are multiplied by the square root of D. Divide: they are too large already",
         "/ math.sqrt -> * math.sqrt"),
    slip("scaled-after-softmax",
         "the softmax came before the division, so that the weights of a query sum to 1 / sqrt(D) and not to 1",
         ("/ math.sqrt(query.shape[-1]) ->", "softmax(-1) -> softmax(-1) / math.sqrt(query.shape[-1])")),
    slip("output-divided",
         "the output was divided by the square root of D, and not the scores. The division comes before the softmax: "
         "it is what keeps the weights from staring at one key",
         ("/ math.sqrt(query.shape[-1]) ->", "weights @ value -> weights @ value / math.sqrt(query.shape[-1])")),
    slip("softmax-over-queries",
         "the softmax runs over the queries: each column sums to 1. Each query shares out a weight of 1 among the "
         "keys, so each row must: dim=-1", "softmax(-1) -> softmax(-2)"),
    slip("softmax-over-everything", "the softmax runs over the whole table. Each row has a weight of 1 of its own",
         "scores.softmax(-1) -> scores.flatten().softmax(-1).view(scores.shape)"),
    slip("no-softmax",
         "the scores themselves were used as weights, or only divided by their sum. They are no shares: some are "
         "negative. The softmax makes shares of them",
         "scores.softmax(-1) -> scores", "scores.softmax(-1) -> scores / scores.sum(-1, keepdim=True)"),
    slip("exponentials-not-divided",
         "these are the exponentials, before the division by their sum: the weights of a query must sum to 1",
         "scores.softmax(-1) -> scores.exp()"),
    slip("scores-returned",
         "the output is right, and beside it stand the scores. Return the weights: what came out of the softmax",
         "value, weights -> value, scores", "value, weights -> value, query @ key.mT"),
    slip("returned-in-the-other-order", "the two came back in the other order: first the output, then the weights",
         "weights @ value, weights -> weights, weights @ value"),
    slip("one-of-the-two", "only one of the two came back. Return both: output, weights",
         "value, weights -> value", "weights @ value, weights -> weights"),
]  # fmt: skip
_UNMENDED = "torch.where(mask.any(-1, keepdim=True), weights, 0.0) -> weights"
_MASK = [
    slip("mask-ignored",
         "the mask changes nothing: hidden keys keep their weight (`masked_fill` returns a new tensor and leaves the "
         "old one as it is)", ".masked_fill(~mask, -math.inf) ->"),
    slip("mask-after-softmax",
         "the mask was applied after the softmax. What it took away is missing now: the weights of a row no longer sum "
         "to 1. Hide the keys before the softmax, and the others share out the whole",
         ".masked_fill(~mask, -math.inf).softmax(-1) -> .softmax(-1) * mask"),
    slip("filled-with-zero",
         "the hidden scores were set to 0. A score of 0 is no small score: exp(0) is 1, and a hidden key gets a good "
         "weight. Only minus infinity becomes a weight of exactly 0", "-math.inf -> 0.0"),
    slip("mask-inverted",
         "the mask is upside down: exactly what it should hide is seen. True means that a query may look; "
         "masked_fill fills where it is told True, so hand it ~mask",
         "else: -> else:\n        mask = ~mask", ("~mask -> mask", _UNMENDED), ("~mask, -math.inf -> mask, -1e9",
         _UNMENDED), (_UNMENDED, "~mask, -math.inf).softmax(-1) -> mask, -math.inf).softmax(-1).nan_to_num(0.0)")),
    slip("all-for-any",
         "a row becomes zeros as soon as one of its keys is hidden. Only a row that sees nothing should: `mask.any(-1, "
         "keepdim=True)` is True where there is at least one key to look at", "mask.any -> mask.all"),
    slip("one-added",
         "the mask was added to the scores: True counts as 1 and False as 0, so hidden keys only lose a little",
         "scores.masked_fill(~mask, -math.inf) -> (scores + mask)"),
    slip("zero-times-infinity",
         "the mask was multiplied with minus infinity. What may be seen gives 0 times infinity, and that is NaN, not "
         "0. Fill where the mask tells you to: masked_fill(~mask, -math.inf)",
         "scores.masked_fill(~mask, -math.inf) -> (scores + ~mask * -math.inf)"),
    slip("output-masked-alone", "the weights that came back still show the hidden keys",
         "value, weights -> value, scores.softmax(-1)"),
    slip("hidden-scores-small", "the hidden scores are merely small. They must weigh nothing at all: use -math.inf",
         "-math.inf -> -1.0", "-math.inf -> -10.0", "-math.inf -> -100.0"),
]  # fmt: skip
_NAN = "weights if mask is None else scores.masked_fill(~mask, -math.inf).softmax(-1)"
_EMPTY = [
    slip("nan-on-an-empty-row",
         "a query that may look at nothing got NaN: all its scores are minus infinity, and its softmax is 0 / 0. Ours "
         "gets zeros, because one NaN spoils every number it meets later. Set the weights of such a row to 0 "
         "(`mask.any(-1, keepdim=True)` says which rows have a key)", _UNMENDED,
         f"value, weights -> value, {_NAN}"),
    slip("looks-at-everything-on-an-empty-row",
         "a query that may look at nothing looks at everything: with a large negative number in place of minus "
         "infinity, a row of nothing else becomes a plain average of what is hidden. Set its weights to 0",
         ("-math.inf -> -1e9", _UNMENDED), (_UNMENDED, "~mask, -> ~(mask | ~mask.any(-1, keepdim=True)),")),
    slip("ones-on-an-empty-row",
         "each weight of a query that may look at nothing is 1: it takes in all that is hidden, and in full. Set its "
         "weights to 0", "weights, 0.0 -> weights, 1.0"),
    slip("zeros-too-late",
         "the weights of a query that may look at nothing were set to 0 after the output had been made of them, so "
         "that the output is still NaN. Mend the weights first, then multiply them by the values",
         f"weights @ value, -> ({_NAN}) @ value,"),
]  # fmt: skip
_NO_MASK = [
    ("Boolean value of Tensor with more", "To ask whether a mask was given, write `if mask is not None`.", None),
    ("'NoneType'", "Without a mask, `mask` is None: hide keys only `if mask is not None`.", None),
]  # fmt: skip
scaled_dot_product_attention = Exercise(
    _scaled_dot_product_attention,
    Round([
        Case((*_ONE,), f"{T} queries and {S} keys of size {D}, values of size {V}"),
        Case((*_inputs((4, 7), (2, 7), (2, 3), seed=2),), "4 queries and 2 keys of size 7, values of size 3"),
    ], _SCALE, hints=_NO_MASK, otherwise=_wrong_scale),
    Round([
        Case((*_LOUD,), "queries a hundred times as large, and two keys that come twice"),
    ], hints=[("yours is nan", "The exponentials of such scores overflow: take the row's largest score away first, or "
               "let `softmax` do it.", "exponentials-overflow")], held="for scores of usual size all is right"),
    Round([
        Case((*_BATCH,), "a batch of 2: 3 queries, 4 keys of size 6"),
    ], held="without a batch in front all is right", otherwise=_count_from_the_end),
    Round([
        Case((*_ONE, _SEEN), "3 queries, 5 keys and a mask that hides some of them"),
        Case((*_BATCH, torch.stack([_ALSO, _ALSO.flip(0)])), "a batch of 2, each with its own mask"),
        Case((*_SQUARE, torch.ones(4, 4, dtype=torch.bool).tril()), "4 words under a causal mask"),
        Case((*_BATCH, _ALSO), "a batch of 2 with one mask for both"),
        Case((*_BATCH, _WORDS), "a batch of 2 and a padding mask of shape [2, 1, 4]"),
        Case((*_FULL, torch.tensor([[True, True, False, True, False]])),
             "one row of mask for 3 queries, and padding that holds thousands"),
        Case((*_FAR, torch.tensor([[True, True, False, True, False]])),
             "one row of mask for 3 queries, which find all that they may see far off: scores near -120"),
    ], _MASK, hints=_NO_MASK[:1], held="without a mask all is right"),
    Round([
        Case((*_ONE, _SEEN & torch.tensor([[True], [False], [True]])), "a mask whose second row is all False"),
        Case((*_BATCH, torch.stack([_ALSO & False, _ALSO])), "a batch whose first mask is all False"),
        Case((*_BATCH, torch.stack([_ALSO, _ALSO & torch.tensor([[True], [False], [True]])])),
             "a batch whose second mask has one row that is all False"),
        Case((*_BATCH, _WORDS & torch.tensor([[[False]], [[True]]])), "a padding mask whose first text has no word"),
    ], _EMPTY, held="without a mask and with one all is right"),
    parts=("output", "weights"),
)  # fmt: skip


# --- padding_mask -----------------------------------------------------------------------------------------------------


def _padding_mask(attention_mask):
    return attention_mask[:, None, None]


def _words(*rows):
    return torch.tensor([[letter == "w" for letter in row] for row in rows])


padding_mask = Exercise(_padding_mask, Round([
    Case((_words("www..", "wwwww", "w...."),), "3 texts of at most 5 words"),
    Case((_words("ww..", "wwww", "w...", "www."),), "4 texts of at most 4 words"),
    Case((_words("..w", "w.w", "...", "ww."),), "4 texts, one padded in front, one in the middle, one without a word"),
], [
    slip("axis-missing",
         "the values are right and both axes of 1 are missing. From the right, [B, S] meets the last two axes of the "
         "weights [B, H, T, S]: a batch of T texts would even pass, with each *query* cut to another text's length",
         "[:, None, None] -> [:]"),
    slip("one-axis-missing",
         "the values are right and one axis of 1 is missing. From the right, [B, 1, S] meets [H, T, S]: in a batch of "
         "H texts each *head* would be cut to another text's length", "[:, None, None] -> [:, None]"),
    slip("queries-masked",
         "this hides queries and not keys: its shape is [B, 1, S, 1]. Padding must not be looked *at*, so the last "
         "axis, that of the keys, tells words from padding", "[:, None, None] -> [:, None, :, None]"),
    slip("queries-masked-too",
         "this hides the padding as a query too. We ask for the keys alone, [B, 1, 1, S], which fits any number of "
         "queries", "return attention_mask[:, None, None] -> mask = attention_mask[:, None, None]\n    "
         "return mask & mask.mT"),
    slip("axis-in-front",
         "the values are right and the axes of 1 stand in front of the batch. They belong between the texts and the "
         "keys", "[:, None, None] -> [None, None]"),
    slip("axis-behind", "the values are right and the axes of 1 stand behind the keys. They belong between the texts "
         "and the keys", "[:, None, None] -> [..., None, None]"),
    slip("inverted",
         "True and False have changed places: this marks the padding. Ours is True where there is a word to look at",
         "return -> return ~"),
    slip("padding-behind",
         "this counts the words and takes it that they stand first. Padding may stand anywhere: keep each True where "
         "it is", "return attention_mask[:, None, None] -> return (torch.arange(attention_mask.shape[1]) < "
         "attention_mask.sum(1, keepdim=True))[:, None, None]"),
    slip("scores-not-booleans",
         "this is what is added to scores, 0 and minus infinity. Our masks are of True (may look) and False",
         "[:, None, None] -> [:, None, None].float().log()"),
]))  # fmt: skip
