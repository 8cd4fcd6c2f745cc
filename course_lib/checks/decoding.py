"""Checks of lesson 18: scores made sharper or flatter, top-p, a reader with a cache, a penalty for repetition.

The reader with a cache is played token by token and piece by piece; its logits and what it kept are compared with those
of a reader that sees the whole text at once.

Papers. Holtzman et al. (2020), "The Curious Case of Neural Text Degeneration"; Keskar et al. (2019), "CTRL"; Vaswani et
al. (2017), "Attention Is All You Need".
"""

from collections.abc import Callable, Sequence

import torch

from course_lib.checks.base import Case, Unfit, a_type
from course_lib.checks.slips import Exercise, Round, slip

# --- temper -----------------------------------------------------------------------------------------------------------


def _temper(scores, temperature):
    if temperature == 0:
        return torch.nn.functional.one_hot(scores.argmax(), len(scores)).float()
    return (scores / temperature).softmax(0)


_ZERO = "if temperature == 0:"
_SHARES = "(scores / temperature).softmax(0)"
temper = Exercise(
    _temper,
    Round([
        Case((torch.tensor([2.0, 1.0, 0.0, -1.0]), 0.5), "scores [2, 1, 0, -1], temperature 0.5"),
        Case((torch.tensor([0.3, -1.2, 0.9]), 2.0), "scores [0.3, -1.2, 0.9], temperature 2"),
        Case((torch.tensor([1.0, 3.0, -2.0, 0.5, 1.5]), 1.0), "scores [1, 3, -2, 0.5, 1.5], temperature 1"),
    ], [
        slip("multiplied", "the scores were multiplied by the temperature, so that a hot one makes the draw sharper. "
             "Divide them", "scores / temperature -> scores * temperature"),
        slip("shares-divided", "the probabilities were divided by the temperature, so their sum is no longer 1. The "
             "scores are divided, before the softmax", f"{_SHARES} -> scores.softmax(0) / temperature"),
        slip("shares-heated", "the softmax was taken twice: of the scores, and of the probabilities that it gave. "
             "Divide the scores, and take it once", f"{_SHARES} -> (scores.softmax(0) / temperature).softmax(0)"),
        slip("ignored", "the temperature changes nothing: it divides the scores, and a number added to all of them "
             "moves no probability", f"{_SHARES} -> scores.softmax(0)", "scores / temperature -> scores + temperature"),
        slip("logarithms", "these are logarithms of the probabilities", ".softmax(0) -> .log_softmax(0)"),
        slip("unnormalised", "e was raised to the scores, and the sum was not divided out",
             ".softmax(0) -> .exp()"),
    ]),
    Round([
        Case((torch.tensor([0.1, 0.4, 0.3]), 0), "temperature 0"),
        Case((torch.tensor([-3.0, -5.0]), 0.0), "temperature 0.0, scores below 0"),
    ], [
        slip("divided-by-zero", "the scores were divided by 0. At 0 all of the probability is the highest score's: "
             "that case needs a line of its own", f"{_ZERO} -> if False:"),
        slip("flat-at-zero", "at temperature 0 all tokens are alike. That is what a very hot draw gives; the coldest "
             "gives everything to the highest score",
             "torch.nn.functional.one_hot(scores.argmax(), len(scores)).float() -> (scores * 0).softmax(0)"),
        slip("lowest-at-zero", "at temperature 0 the lowest score wins", ".argmax() -> .argmin()"),
        slip("place-at-zero", "at temperature 0 this is the place of the highest score. Asked are probabilities, one "
             "for each token: 1 there, 0 elsewhere",
             "torch.nn.functional.one_hot(scores.argmax(), len(scores)).float() -> scores.argmax()"),
    ], held="above 0 all is right"),
    Round([Case((torch.tensor([400.0, 200.0, 399.0]), 0.5), "scores in the hundreds, temperature 0.5")], [
        slip("overflow", "e to such a power is more than float32 holds. Take away the highest score first, as softmax "
             "does", f"{_SHARES} -> (scores / temperature).exp() / (scores / temperature).exp().sum()"),
    ], held="for small scores all is right"),
)  # fmt: skip


# --- top_p ------------------------------------------------------------------------------------------------------------


def _top_p(shares, p):
    order = shares.argsort(descending=True)
    before = shares[order].cumsum(0) - shares[order]
    kept = torch.zeros_like(shares)
    kept[order[before < p]] = shares[order[before < p]]
    return kept / kept.sum()


def _one_too_many(shares, p):
    order = shares.argsort(descending=True)
    number = int((shares[order].cumsum(0) - shares[order] < p).sum()) + 1
    kept = torch.zeros_like(shares)
    kept[order[:number]] = shares[order[:number]]
    return kept / kept.sum()


def _a_share_of_the_tokens(shares, p):
    order = shares.argsort(descending=True)[: max(1, round(p * len(shares)))]
    kept = torch.zeros_like(shares)
    kept[order] = shares[order]
    return kept / kept.sum()


_KEEP, _DIVIDE = "before < p", "return kept / kept.sum()"
_CROSSING = "shares[order].cumsum(0) < p"
_SIX = torch.tensor([0.05, 0.3, 0.1, 0.35, 0.05, 0.15])
top_p = Exercise(
    _top_p,
    Round([
        Case((_SIX, 0.7), "shares [.05, .3, .1, .35, .05, .15], p = 0.7"),
        Case((torch.tensor([0.5, 0.3, 0.2]), 0.6), "shares [.5, .3, .2], p = 0.6"),
        Case((torch.tensor([0.1, 0.2, 0.3, 0.4]), 0.85), "shares [.1, .2, .3, .4], p = 0.85"),
        Case((torch.tensor([0.15, 0.05, 0.2, 0.6]), 0.7), "shares [.15, .05, .2, .6], p = 0.7"),
    ], [
        slip("crossing-dropped", "the token that crosses p is missing: tokens are kept until their sum *reaches* p, so "
             "the one with which it gets there stays", f"{_KEEP} -> {_CROSSING}",
             f"{_KEEP} -> (before + shares[order]) <= p"),
        slip("not-renormalised", "the right tokens are kept, and their probabilities no longer sum to 1: divide by "
             "what is left", f"{_DIVIDE} -> return kept"),
        slip("divided-by-p", "the right tokens are kept, and divided by p. What was kept sums to a little more than p: "
             "divide by its own sum", f"{_DIVIDE} -> return kept / p"),
        slip("softmax-again", "the right tokens are kept, and a softmax was taken of their probabilities, which are "
             "no scores: that flattens them. Divide by their sum",
             f"{_DIVIDE} -> return kept.masked_fill(kept == 0, -torch.inf).softmax(0)",
             f"{_DIVIDE} -> return kept.softmax(0)"),
        slip("from-the-bottom", "the *unlikeliest* tokens were kept: sort from the largest probability down",
             "descending=True -> descending=False"),
        slip("unsorted", "the tokens were taken in the order of the vocabulary. Sort by probability first",
             "shares.argsort(descending=True) -> torch.arange(len(shares))"),
        slip("order-not-undone", "the probabilities stand in the order in which they were sorted. Put each back to its "
             "own token", "kept[order[before < p]] -> kept[before < p]"),
        slip("threshold", "p was taken for the smallest probability that a token may have. It is what those that are "
             "kept have together", f"{_KEEP} -> shares[order] >= p"),
        slip("rest-kept", "what comes after p was kept, and what comes before thrown away", f"{_KEEP} -> before >= p"),
        slip("summed-unsorted", "the running sum was taken in the vocabulary's order, though the tokens are sorted: "
             "sum up the sorted ones", "shares[order].cumsum(0) -> shares.cumsum(0)"),
        slip("one-too-many", "one token too many was kept: the one that crosses p is the last", _one_too_many),
        slip("share-of-the-tokens", "p was taken as a share of the tokens. It is a share of the probability",
             _a_share_of_the_tokens),
    ]),
    Round([
        Case((torch.tensor([0.02, 0.9, 0.08]), 0.3), "shares [.02, .9, .08], p = 0.3: one token is above p alone"),
        Case((torch.tensor([0.25, 0.4, 0.35]), 1.0), "shares [.25, .4, .35], p = 1"),
        Case((torch.tensor([0.0, 0.6, 0.4, 0.0]), 0.9), "shares [0, .6, .4, 0], p = 0.9"),
    ], held="where several tokens are kept all is right"),
)  # fmt: skip


# --- penalised --------------------------------------------------------------------------------------------------------


def _penalised(scores, seen, penalty):
    scores = scores.clone()
    some = scores[seen]
    scores[seen] = torch.where(some > 0, some / penalty, some * penalty)
    return scores


def _once_for_each_time(scores, seen, penalty):
    scores = scores.clone()
    for i in seen.tolist():
        scores[i] = scores[i] / penalty if scores[i] > 0 else scores[i] * penalty
    return scores


_RULE = "torch.where(some > 0, some / penalty, some * penalty)"
penalised = Exercise(
    _penalised,
    Round([
        Case((torch.tensor([2, 1, 3, 0.5]), torch.tensor([0, 2, 3]), 1.5), "scores [2, 1, 3, .5], seen [0, 2, 3]"),
        Case((torch.tensor([1.0, 4.0]), torch.tensor([1]), 2.0), "scores [1, 4], seen [1], penalty 2"),
    ], [
        slip("helped", "the scores were multiplied: tokens that have been seen are likelier than before",
             f"{_RULE} -> some * penalty"),
        slip("subtracted", "the penalty was taken off the scores. It divides them", f"{_RULE} -> some - penalty"),
        slip("all-penalised", "every token was penalised, so nothing changes but the temperature: only those in `seen`",
             ("some = scores[seen] -> some = scores", "scores[seen] = -> scores =")),
        slip("unseen-penalised", "the tokens that have *not* been seen were penalised",
             (f"scores[seen] = {_RULE} -> seen = torch.tensor([i for i in range(len(scores)) if i not in seen]); "
              "some = scores[seen]; scores[seen] = some / penalty")),
        slip("forbidden", "what has been seen can never come again. A penalty of 1.2 is a nudge, not a ban",
             f"{_RULE} -> -torch.inf"),
    ]),
    Round([
        Case((torch.tensor([2.0, -1.0, -3.0]), torch.tensor([0, 1]), 1.5), "scores [2, -1, -3], seen [0, 1]"),
        Case((torch.tensor([-0.5, -4, 2]), torch.tensor([1, 0]), 2.0), "scores [-.5, -4, 2], seen [1, 0], penalty 2"),
    ], [
        slip("below-zero-helped", "a score below 0 was divided: -3 / 1.5 is -2, which is higher. Below 0, multiply",
             f"{_RULE} -> some / penalty"),
        slip("below-zero-left", "scores below 0 were left as they are. Multiply those",
             "some * penalty -> some"),
    ], held="above 0 all is right"),
    Round([
        Case((torch.tensor([2.0, -1.0, 1.0]), torch.tensor([0, 0, 1, 0, 1]), 1.5), "seen [0, 0, 1, 0, 1]"),
        Case((torch.tensor([2.0, 1.0]), torch.tensor([], dtype=torch.int64), 1.5), "nothing seen"),
    ], [
        slip("once-for-each-time", "a token that came three times was penalised three times. Once is the rule, however "
             "often it came", _once_for_each_time),
    ], held="where each token came once all is right"),
)  # fmt: skip


# --- read_on ----------------------------------------------------------------------------------------------------------


def _read_on(model, ids, cache):
    start = 0 if cache is None else len(cache[0])
    x = model.embed(ids, torch.arange(start, start + len(ids)))
    keys, values = model.key(x), model.value(x)
    if cache is not None:
        keys, values = torch.cat([cache[0], keys]), torch.cat([cache[1], values])
    future = torch.arange(len(keys)) > torch.arange(start, len(keys))[:, None]
    scores = model.query(x) @ keys.T / keys.shape[1] ** 0.5
    weights = scores.masked_fill(future, -torch.inf).softmax(-1)
    return model.head(x + weights @ values), (keys, values)


class Reader:
    """One head over 9 tokens of size 4: embed(ids, places) [T, 4]; query, key, value [T, 4]; head [T, 9]."""

    def __init__(self):
        rng = torch.Generator().manual_seed(5)
        self._tokens, self._places = (torch.randn(n, 4, generator=rng).round(decimals=1) for n in (9, 16))
        self._maps = [torch.randn(4, 4, generator=rng).round(decimals=1) for _ in range(3)]

    def embed(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        for name, x in (("ids", ids), ("places", places)):
            if not isinstance(x, torch.Tensor) or x.ndim != 1 or x.is_floating_point():
                raise ValueError(f"model.embed wants {name} as a tensor of whole numbers, one for each token.")
        if len(ids) != len(places):
            raise ValueError(f"model.embed got {len(ids)} ids and {len(places)} places: one place for each token.")
        return self._tokens[ids] + self._places[places]

    def query(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self._maps[0]

    def key(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self._maps[1]

    def value(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self._maps[2]

    def head(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self._tokens.T


def _piece_by_piece(function: Callable, *pieces: Sequence[int]) -> tuple | None:
    """The logits of all pieces, each read with what the one before left; and the keys and values at the end."""
    model, cache, logits = Reader(), None, []
    for piece in pieces:
        ids = torch.tensor(piece)
        answer = function(model, ids, cache)
        if ids.tolist() != list(piece):
            raise Unfit("it changed its input `ids` in place. The caller still needs it: work on a copy.")
        if answer is None:
            return None
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise Unfit(f"expected a pair, the logits and the new cache, and got {a_type(answer)}: return both.")
        found, cache = answer
        if not isinstance(cache, tuple | list) or len(cache) != 2:
            raise Unfit(f"the cache that came back is {a_type(cache)}: return a pair (keys, values), each [S, D].")
        logits.append(torch.as_tensor(found))
    if len({part.shape[1:] for part in logits}) > 1 or any(part.ndim != 2 for part in logits):
        raise Unfit(f"the logits have the shapes {[tuple(part.shape) for part in logits]}: give [T, 9] for T tokens.")
    return torch.cat(logits), *cache


_START = "0 if cache is None else len(cache[0])"
_FUTURE = "torch.arange(len(keys)) > torch.arange(start, len(keys))[:, None]"
_JOIN = "torch.cat([cache[0], keys]), torch.cat([cache[1], values])"
read_on = Exercise(
    _read_on,
    Round([
        Case(([3, 1, 4, 1],), "the ids 3, 1, 4, 1 at once, no cache"),
        Case(([8, 0, 2, 7, 5, 6],), "the ids 8, 0, 2, 7, 5, 6 at once, no cache"),
    ], [
        slip("sees-the-future", "nothing hides the tokens that come later", ".masked_fill(future, -torch.inf) ->"),
        slip("sees-only-the-future", "the mask is upside down: it hides the past",
             f"{_FUTURE} -> torch.arange(len(keys)) < torch.arange(start, len(keys))[:, None]"),
        slip("not-itself", "a token does not see itself: its own place is not in the future",
             "torch.arange(len(keys)) > -> torch.arange(len(keys)) >="),
        slip("not-scaled", "the products were not divided by the root of a key's size", "/ keys.shape[1] ** 0.5 ->"),
        slip("stream-left-out", "the vectors themselves are missing: what attention found is added to x",
             "model.head(x + weights @ values) -> model.head(weights @ values)"),
        slip("keys-mixed", "keys were mixed where values belong", "weights @ values -> weights @ keys"),
        slip("over-the-queries", "the softmax runs over the queries. Each query's weights over its keys sum to 1: the "
             "last axis", ".softmax(-1) -> .softmax(0)"),
        slip("queries-for-keys", "the queries' table was used for the keys", "model.key(x) -> model.query(x)"),
        slip("vectors-kept", "the vectors x were kept instead of keys and values", "(keys, values) -> (x, x)"),
    ]),
    Round([
        Case(([3, 1, 4], [1], [5]), "the ids 3, 1, 4 first, then 1, then 5"),
        Case(([2], [7], [1], [8], [2]), "the ids 2, 7, 1, 8, 2 one by one"),
    ], [
        slip("positions-restart", "the places start at 0 again in every call. The new tokens stand behind those in the "
             "cache: count on from len(cache[0])",
             "torch.arange(start, start + len(ids)) -> torch.arange(len(ids))"),
        slip("mask-of-the-new-alone", "the mask was made as if the new tokens were the first of the text, so that they "
             "see the first keys alone. Row i of it belongs to place start + i",
             f"{_FUTURE} -> torch.arange(len(keys)) > torch.arange(len(ids))[:, None]"),
        slip("past-forgotten", "the new tokens look at themselves alone: the keys and values of the cache were not put "
             "in front of the new ones", f"{_JOIN} -> keys, values"),
        slip("cache-not-extended", "the logits are right at first, and then the same past comes again and again: "
             "return the keys and values *with* the new ones",
             "(keys, values) -> (keys, values) if cache is None else cache"),
        slip("only-the-new-kept", "only the new keys and values came back, so the next call has forgotten what was "
             "before", "values), (keys, values) -> values), (keys[start:], values[start:])"),
        slip("new-in-front", "the new keys stand in front of the old ones",
             f"{_JOIN} -> torch.cat([keys, cache[0]]), torch.cat([values, cache[1]])"),
        slip("values-forgotten", "the keys go on and the values do not: both are cached",
             f"{_JOIN} -> torch.cat([cache[0], keys]), torch.cat([cache[1] * 0, values])"),
        slip("cache-swapped", "keys and values have changed places in the cache",
             f"{_JOIN} -> torch.cat([cache[1], keys]), torch.cat([cache[0], values])"),
        slip("place-too-far", "the new tokens stand one place too far. The first place that is free is len(cache[0])",
             f"{_START} -> 0 if cache is None else len(cache[0]) + 1"),
    ], held="without a cache all is right"),
    Round([
        Case(([3, 1], [4, 1, 5]), "the ids 3, 1 first, then 4, 1, 5 at once"),
        Case(([6, 2, 8], [3, 1], [8, 5]), "the ids 6, 2, 8, then 3, 1, then 8, 5"),
    ], [
        slip("no-mask-with-a-cache", "with a cache nothing is hidden. For one new token that is right; of several, the "
             "first may not see the second",
             "scores.masked_fill(future, -torch.inf) -> (scores if cache is not None else scores.masked_fill(future, "
             "-torch.inf))"),
    ], held="one token after the other all is right",
        hints=[("must match", "The mask needs a row for each new token and a column for each key, those of the cache "
                "too: [T, S].", "mask-shape")]),
    play=_piece_by_piece,
    parts=("logits", "keys", "values"),
)  # fmt: skip
