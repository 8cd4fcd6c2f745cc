"""Checks of lesson 06: ranks with ties, the sum behind an analogy, and the size of a bias.

An answer to a question of analogy is one number, the row of a word, so a single case says little about how it was
found. The cases were chosen so that each of the known wrong ways answers them in a pattern of its own.

Papers. Spearman (1904), "The Proof and Measurement of Association between Two Things"; Levy and Goldberg (2014),
"Linguistic Regularities in Sparse and Explicit Word Representations" (3CosAdd, and its name); Caliskan, Bryson and
Narayanan (2017), "Semantics derived automatically from language corpora contain human-like biases" (WEAT).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from course_lib.checks.base import Case, Misconception, Result, compare

# --- ranks ------------------------------------------------------------------------------------------------------------

_RANK_CASES = [
    Case((np.array([0.4, 0.9, -0.1, 0.6]),), "values [0.4, 0.9, -0.1, 0.6], where no two are equal"),
    Case((np.array([7.0, 3.0, 7.0, 9.5, 1.0]),), "values [7, 3, 7, 9.5, 1], where two are equal"),
    Case((np.array([2, 8, 2, 5, 8, 2, 8]),), "values [2, 8, 2, 5, 8, 2, 8], whole numbers"),
    Case((np.array([4, 1, 4]),), "values [4, 1, 4], whole numbers"),
    Case((np.array([1.5, 1.5]),), "values [1.5, 1.5]"),
]


def _ranks(values: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    return stats.rankdata(values)


def _by(method: str, start: int = 1) -> Callable:
    return lambda values: stats.rankdata(values, method=method) - 1 + start


def _later_first(values):
    return stats.rankdata(values[::-1], method="ordinal")[::-1]


def _unstable(values):
    """NumPy's own choice of sort: what it does with equal values depends on the processor."""
    return np.argsort(values)


def _halves_cut(values):
    """Average ranks written into an array of the values' own type: whole numbers hold no halves."""
    return stats.rankdata(values).astype(values.dtype)


_BY_ORDER = (
    "equal values got different ranks, by the order in which they stand. Nothing says that the first of two equal "
    "judgements is the smaller one, and another order of the same pairs would give another correlation: equal values "
    "share the mean of the places that they take up"
)
_BY_ACCIDENT = (
    "equal values got different ranks, by the accident of the sort, which promises no order among equals. Another "
    "machine may give another correlation: equal values share the mean of the places that they take up"
)
_ARGSORT = (
    "this is `argsort`, which says for each place who stands there. We asked for the opposite, for each value the "
    "place at which it stands: sort once more, or write the places back with `ranks[order] = ...`"
)
_RANK_MISCONCEPTIONS = [
    Misconception("ties-by-order", _by("ordinal"), _BY_ORDER),
    Misconception("ties-by-order", _by("ordinal", start=0), _BY_ORDER),
    Misconception("ties-by-order", _later_first, _BY_ORDER.replace("the first", "the last")),
    Misconception("ties-by-order", lambda values: _unstable(_unstable(values)), _BY_ACCIDENT),
    Misconception("ties-by-order", lambda values: _unstable(_unstable(values)) + 1, _BY_ACCIDENT),
    Misconception(
        "dense-ranks",
        _by("dense"),
        "equal values share a rank, and the next value gets the very next one, as if the equal ones were a single "
        "word. Two that share the places 3 and 4 get 3.5 each, and whoever follows gets 5",
    ),
    Misconception("dense-ranks", _by("dense", start=0), "equal values count as one, and the ranks start from 0"),
    Misconception(
        "min-ranks",
        _by("min"),
        "equal values all get the best of their places, as in sport, where two share the gold. Then the ranks no "
        "longer have the mean (N + 1) / 2, and ties pull the correlation: give them the mean of their places",
    ),
    Misconception(
        "min-ranks",
        _by("min", start=0),
        "this counts how many values are smaller. Equal values then all stand at the first of their places; they "
        "share the mean of them, and the smallest value has rank 1",
    ),
    Misconception(
        "max-ranks",
        _by("max"),
        "equal values all get the last of their places (how many values are not larger). They share the mean of them",
    ),
    Misconception(
        "from-zero",
        _by("average", start=0),
        "you count from 0. The correlation would not notice, since adding 1 to all ranks changes nothing in it; but a "
        "rank is a place, and we asked for 1 at the smallest value",
    ),
    Misconception("argsort", lambda values: values.argsort(kind="stable"), _ARGSORT),
    Misconception("argsort", lambda values: values.argsort(kind="stable") + 1, _ARGSORT),
    Misconception("argsort", lambda values: _unstable(values), _ARGSORT),
    Misconception("argsort", lambda values: _unstable(values) + 1, _ARGSORT),
    Misconception(
        "descending",
        lambda values: len(values) + 1 - stats.rankdata(values),
        "the largest value has rank 1. Where both lists are turned round, the correlation is the same; with only one "
        "of them turned it changes its sign. The smallest value has rank 1",
    ),
    Misconception(
        "halves-cut",
        _halves_cut,
        "the ranks are right until the values are whole numbers: then the halves are cut off, because the ranks went "
        "into an array of the same type as `values`. Make it of floats, `np.zeros(len(values))`",
    ),
    Misconception("sorted-values", np.sort, "these are the values in order. We asked for the place of each of them"),
]


def ranks(function: Callable) -> Result:
    """`ranks(values [N]) -> [N]`: 1 for the smallest; equal values share the mean of their places."""
    return compare("ranks", function, _ranks, _RANK_CASES, _RANK_MISCONCEPTIONS)


# --- three_cos_add ----------------------------------------------------------------------------------------------------


def _unit(rows: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _word_rows(seed: int, V: int, D: int) -> Float[np.ndarray, "V D"]:
    """Rows of very unequal lengths that lean to one side, as trained ones do."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(V, D)) + 0.6
    return (rows * rng.uniform(0.4, 3.0, size=(V, 1))).round(2)


def _sum_cases() -> list[Case]:
    """Six lots of rows, and one where every allowed word scores below zero."""
    cases = []
    for seed, V, D, a, b, c in _SUMS:
        label = f"{V} random rows of {D} numbers (lengths from short to long), a = {a}, b = {b}, c = {c}"
        cases.append(Case((_word_rows(seed, V, D), a, b, c), label))
    away = np.array([[1.0, 0.2], [1.0, 0.1], [-1.0, 0.1], [1.0, 0.0], [-1.0, 0.4]])
    cases.append(Case((away, 3, 0, 1), "five rows of which only a, b and c point to the right, a = 3, b = 0, c = 1"))
    return cases


_SUMS = [(545, 12, 3, 1, 10, 11), (160, 15, 4, 6, 7, 2), (758, 11, 5, 2, 1, 5),
         (351, 14, 3, 5, 6, 2), (693, 13, 4, 0, 11, 4), (583, 16, 6, 13, 1, 11)]


def _sum_of(rows: Float[np.ndarray, "V D"], a: int, b: int, c: int, signs=(-1, 1, 1)) -> Float[np.ndarray, " D"]:
    return signs[0] * rows[a] + signs[1] * rows[b] + signs[2] * rows[c]


def _answer(scores: Float[np.ndarray, " V"], banned: list[int], low: float = -np.inf) -> Int[np.ndarray, ""]:
    scores = scores.copy()
    scores[banned] = low
    return scores.argmax()


def _three_cos_add(rows, a, b, c):
    unit = _unit(rows)
    return _answer(unit @ _sum_of(unit, a, b, c), [a, b, c])


def _signs(*signs: int) -> Callable:
    def wrong(rows, a, b, c):
        unit = _unit(rows)
        return _answer(unit @ _sum_of(unit, a, b, c, signs), [a, b, c])

    return wrong


def _banning(banned: str) -> Callable:
    """3CosAdd with only some of a, b, c left out."""

    def wrong(rows, a, b, c):
        unit, places = _unit(rows), {"a": a, "b": b, "c": c}
        return _answer(unit @ _sum_of(unit, a, b, c), [places[one] for one in banned])

    return wrong


def _lengths(question: Callable, answers: Callable) -> Callable:
    """3CosAdd with rows of other lengths in the question, in the answers, or in both."""
    return lambda rows, a, b, c: _answer(answers(rows) @ _sum_of(question(rows), a, b, c), [a, b, c])


def _as_it_is(rows):
    return rows


def _nearest_raw(rows, a, b, c):
    return _answer(-np.linalg.norm(rows - _sum_of(rows, a, b, c), axis=1), [a, b, c])


def _deleted(rows, a, b, c):
    unit = _unit(rows)
    return np.delete(unit @ _sum_of(unit, a, b, c), [a, b, c]).argmax()


def _zeroed(rows, a, b, c):
    unit = _unit(rows)
    return _answer(unit @ _sum_of(unit, a, b, c), [a, b, c], low=0.0)


def _smallest(rows, a, b, c):
    unit = _unit(rows)
    return _answer(-(unit @ _sum_of(unit, a, b, c)), [a, b, c])


_NOT_EXCLUDED = (
    "the words of the question may answer, and they do: your answer is mostly c itself. That is no slip of your sum, "
    "it is what the sum says, and the lesson counts how often. The method, though, leaves a, b and c out: set their "
    "scores to -np.inf before you look for the largest"
)
_SUM_MISCONCEPTIONS = [
    Misconception("not-excluded", _banning(""), _NOT_EXCLUDED),
    *[
        Misconception(
            "partly-excluded",
            _banning(banned),
            f"only {' and '.join(banned)} {'is' if len(banned) == 1 else 'are'} left out of the answers. All three "
            "words of the question are: a, b and c",
        )
        for banned in ("a", "b", "c", "ab", "ac", "bc")
    ],
    Misconception(
        "unnormalised",
        _lengths(_as_it_is, _as_it_is),
        "no row was divided by its length. Then the longest of a, b and c decides where the sum points, and a long "
        "row wins over a near one: a cosine is between rows of length 1",
    ),
    Misconception(
        "question-unnormalised",
        _lengths(_as_it_is, _unit),
        "a, b and c entered the sum with their own lengths, so the longest of them decides where it points. Each "
        "of the three counts the same: divide their rows by their lengths before you add",
    ),
    Misconception(
        "answers-unnormalised",
        _lengths(_unit, _as_it_is),
        "the words that may answer kept their own lengths, so a long row wins over a near one. Divide every row by "
        "its length",
    ),
    Misconception(
        "distance",
        _nearest_raw,
        "this is the word at the smallest distance, between rows of their own lengths. 3CosAdd asks for the smallest "
        "angle; for rows of length 1 the two would agree",
    ),
    Misconception(
        "signs-swapped",
        _signs(1, -1, 1),
        "a and b changed places: this is a - b + c. For man : king = woman : ? it takes king away from woman. From a "
        "to b is b - a; add that step to c",
    ),
    Misconception(
        "wrong-signs",
        _signs(1, 1, -1),
        "this is a + b - c. From a to b is b - a; add that step to c",
    ),
    Misconception(
        "wrong-signs",
        _signs(1, 1, 1),
        "all three rows were added. From a to b is b - a, with a minus; add that step to c",
    ),
    Misconception(
        "shifted",
        _deleted,
        "a, b and c were deleted, and the rows behind them moved up: the number that you return is no longer the "
        "row's. Keep them and give them the score -np.inf",
    ),
    Misconception(
        "zero-is-not-low",
        _zeroed,
        "the words of the question got the score 0. A cosine goes down to -1, so where all others are below 0 a "
        "word of the question wins after all: use -np.inf",
    ),
    Misconception(
        "smallest",
        _smallest,
        "this is the word farthest away. The answer has the largest score: argmax",
    ),
]


def three_cos_add(function: Callable) -> Result:
    """`three_cos_add(rows [V, D], a, b, c) -> row`: the word nearest to b - a + c, all of length 1, but not a, b, c."""
    return compare("three_cos_add", function, _three_cos_add, _sum_cases(), _SUM_MISCONCEPTIONS)


# --- effect_size ------------------------------------------------------------------------------------------------------


def _bias_cases() -> list[Case]:
    """X, Y, A and B of unequal numbers of words, and rows of unequal lengths."""
    rng = np.random.default_rng(6)
    cases = []
    for nx, ny, na, nb, D in [(3, 5, 2, 4, 3), (4, 2, 5, 3, 6), (2, 3, 1, 2, 4)]:
        lots = [(rng.normal(size=(n, D)) * rng.uniform(0.4, 3, size=(n, 1))).round(2) for n in (nx, ny, na, nb)]
        cases.append(Case(tuple(lots), f"{nx} rows in X, {ny} in Y, {na} in A, {nb} in B, of {D} numbers each"))
    return cases


def _associations(words, A, B, unit: Callable = _unit) -> Float[np.ndarray, " N"]:
    return (unit(words) @ unit(A).T).mean(axis=1) - (unit(words) @ unit(B).T).mean(axis=1)


def _effect(divide: Callable, unit: Callable = _unit, gap: Callable = lambda x, y: x.mean() - y.mean()) -> Callable:
    """An effect size with its gap between x and y, divided by `divide(x, y)`."""

    def effect(X, Y, A, B):
        x, y = _associations(X, A, B, unit), _associations(Y, A, B, unit)
        return gap(x, y) / divide(x, y)

    return effect


def _spread(x, y, ddof: int = 1) -> float:
    return np.concatenate([x, y]).std(ddof=ddof)


def _pooled(x, y) -> float:
    """Cohen's: the spread inside the two groups."""
    squares = (len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)
    return np.sqrt(squares / (len(x) + len(y) - 2))


def _centroids(X, Y, A, B):
    """Cosines with the mean of A and of B, instead of the mean of the cosines."""
    means = [_unit(_unit(one).mean(axis=0, keepdims=True)) for one in (A, B)]
    x, y = _associations(X, *means), _associations(Y, *means)
    return (x.mean() - y.mean()) / _spread(x, y)


_effect_size = _effect(_spread)
_BIAS_MISCONCEPTIONS = [
    Misconception(
        "population-spread",
        _effect(lambda x, y: _spread(x, y, ddof=0)),
        "the spread was divided by n and not by n - 1. NumPy's `std` does so unless you say ddof=1. The words are a "
        "sample of those that could have been asked; with eight of them the difference is 7 per cent",
    ),
    Misconception(
        "not-divided",
        _effect(lambda x, y: 1.0),
        "this is the difference of the means, not yet divided by the spread. Undivided, two spaces whose cosines lie "
        "closer together cannot be compared",
    ),
    Misconception(
        "sign",
        lambda X, Y, A, B: -_effect_size(X, Y, A, B),
        "the sign is turned round: X and Y, or A and B, changed places. Positive means that X leans to A",
    ),
    Misconception(
        "unnormalised",
        _effect(_spread, unit=_as_it_is),
        "dot products stand where the cosines should: the rows were not divided by their lengths",
    ),
    Misconception(
        "pooled-spread",
        _effect(_pooled),
        "the spread was taken inside X and inside Y and then averaged, as Cohen's d does. WEAT takes it over all the "
        "words of X and Y together; so with groups of equal size it stays below 2",
    ),
    *[
        Misconception(
            "one-group-spread",
            _effect(divide),
            "the spread is that of one group only. Take it over X and Y together",
        )
        for divide in (lambda x, y: x.std(ddof=1), lambda x, y: y.std(ddof=1))
    ],
    Misconception(
        "variance",
        _effect(lambda x, y: _spread(x, y) ** 2),
        "it was divided by the variance; its square root, the standard deviation, has the same unit as the means",
    ),
    Misconception(
        "sums",
        _effect(_spread, gap=lambda x, y: x.sum() - y.sum()),
        "the associations of X and of Y were summed, not averaged (the paper's test statistic is a sum, its effect "
        "size is not): with unequal numbers of words the larger group wins",
    ),
    Misconception(
        "centroids",
        _centroids,
        "each word was compared with the mean arrow of A and of B. We asked for the mean of its cosines with the "
        "single words",
    ),
]


def effect_size(function: Callable) -> Result:
    """`effect_size(X, Y, A, B) -> number`: WEAT's, with the sample's standard deviation over X and Y together."""
    return compare("effect_size", function, _effect_size, _bias_cases(), _BIAS_MISCONCEPTIONS)
