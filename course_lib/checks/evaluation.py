"""Checks of lesson 06: ranks with ties, the sum behind an analogy, and the size of a bias.

An answer to a question of analogy is one number, the row of a word, so a single case says little about how it was
found. The cases were chosen so that each of the known wrong ways answers them in a pattern of its own.

Papers. Spearman (1904), "The Proof and Measurement of Association between Two Things"; Levy and Goldberg (2014),
"Linguistic Regularities in Sparse and Explicit Word Representations" (3CosAdd, and its name); Caliskan, Bryson and
Narayanan (2017), "Semantics derived automatically from language corpora contain human-like biases" (WEAT).
"""

import numpy as np

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip

# --- ranks ------------------------------------------------------------------------------------------------------------


def _ranks(values):
    smaller = (values[None, :] < values[:, None]).sum(axis=1)  # [N]: how many come before
    equal = (values[None, :] == values[:, None]).sum(axis=1)  # [N]: how many share, itself included
    return smaller + (equal + 1) / 2


def _instead(*answers: str) -> list[str]:
    """Edits that return something else."""
    return [f"return smaller + (equal + 1) / 2 -> return {answer}" for answer in answers]


def _listed(values: list, why: str) -> Case:
    return Case((np.array(values),), f"values {values}, {why}")


ranks = Exercise(
    _ranks,
    Round([
        _listed([0.4, 0.9, -0.1, 0.6], "where no two are equal"),
        _listed([7.0, 3.0, 7.0, 9.5, 1.0], "where two are equal"),
        _listed([2, 8, 2, 5, 8, 2, 8], "whole numbers"),
        _listed([4, 1, 4], "whole numbers"),
        _listed([1.5, 1.5], "where all are equal"),
    ], [
        # The last of these sorts promises no order among equals: what it does depends on the processor.
        slip("ties-by-order",
             "equal values got different ranks, by the order in which they stand or by the accident of the sort. "
             "Neither says which of two equal judgements is the smaller one, and the same pairs in another order would "
             "give another correlation: equal values share the mean of the places that they take up",
             *_instead(*(f"{places} + {start}" for start in (0, 1) for places in (
                 'values.argsort(kind="stable").argsort()',
                 'values[::-1].argsort(kind="stable").argsort()[::-1]', "values.argsort().argsort()")))),
        slip("dense-ranks",
             "equal values share a rank, and the next value gets the very next one, as if the equal ones were a single "
             "word. Two that share the places 3 and 4 get 3.5 each, and whoever follows gets 5",
             *_instead("np.unique(values, return_inverse=True)[1] + 1")),
        slip("dense-ranks", "equal values count as one, and the ranks start from 0",
             *_instead("np.unique(values, return_inverse=True)[1]")),
        slip("min-ranks",
             "equal values all get the best of their places, as in sport, where two share the gold. Then the ranks no "
             "longer have the mean (N + 1) / 2, and ties pull the correlation: give them the mean of their places",
             "(equal + 1) / 2 -> 1"),
        slip("min-ranks",
             "this counts how many values are smaller. Equal values then all stand at the first of their places; they "
             "share the mean of them, and the smallest value has rank 1", "+ (equal + 1) / 2 ->"),
        slip("max-ranks", "equal values all get the last of their places (how many values are not larger). They share "
             "the mean of them", "(equal + 1) / 2 -> equal"),
        slip("from-zero",
             "you count from 0. The correlation would not notice, since adding 1 to all ranks changes nothing in it; "
             "but a rank is a place, and we asked for 1 at the smallest value", "(equal + 1) / 2 -> (equal - 1) / 2"),
        slip("itself-forgotten", "each value was left out of the equal ones. It takes up one of their places itself: "
             "the shared places run from smaller + 1 to smaller + equal", "(equal + 1) / 2 -> equal / 2"),
        slip("ties-right-in-pairs", "every value that has an equal got smaller + 1.5. That is right for two equal "
             "ones; for n of them it is smaller + (n + 1) / 2", "(equal + 1) / 2 -> np.where(equal > 1, 1.5, 1)"),
        slip("argsort",
             "this is `argsort`, which says for each place who stands there. We asked for the opposite, for each value "
             "the place at which it stands: sort once more, or write the places back with `ranks[order] = ...`",
             *_instead(*(f"values.argsort({how}) + {start}" for how in ('kind="stable"', "") for start in (0, 1)))),
        slip("descending",
             "the largest value has rank 1. Where both lists are turned round, the correlation is the same; with only "
             "one of them turned it changes its sign. The smallest value has rank 1", "< -> >"),
        slip("descending", "the largest value has rank 1, and equal values all get the best of their places. The "
             "smallest has rank 1, and equal values share the mean of their places",
             ("< -> >", "(equal + 1) / 2 -> 1")),
        slip("halves-cut",
             "the ranks are right until the values are whole numbers: then the halves are cut off, because the ranks "
             "went into an array of the same type as `values`. Make it of floats, `np.zeros(len(values))`",
             *_instead("(smaller + (equal + 1) / 2).astype(values.dtype)")),
        slip("halves-cut", "the halves are cut off or rounded. The mean of the places 3 and 4 is 3.5",
             "/ 2 -> // 2", *_instead("np.round(smaller + (equal + 1) / 2)", "np.ceil(smaller + (equal + 1) / 2)")),
        slip("shares", "the ranks were divided by N. A rank is a place, 1 to N",
             *_instead("(smaller + (equal + 1) / 2) / len(values)")),
        slip("sorted-values", "these are the values in order. We asked for the place of each of them",
             *_instead("np.sort(values)")),
        slip("ranks-in-order", "these are ranks in the order of the places. The first number out belongs to the first "
             "value in", *_instead("np.sort(smaller + (equal + 1) / 2)", "np.arange(1, len(values) + 1)")),
    ]),
    Round([
        _listed([0.5, 0.5 + 1e-9, -3.0, 0.5], "of which three differ by a billionth or not at all"),
        _listed([1e200, -1e200, 0.0, 3e200, 0.0], "large numbers of either sign"),
        _listed([-2.5], "a single one"),
        Case((np.array([*range(40, 0, -2), 7, 8, 9]),), "the even numbers from 40 down to 2, then 7, 8, 9"),
        _listed([], "none at all"),
    ], [
        slip("nearly-equal-taken-for-equal", "values that differ by very little were taken for equal, or rounded "
             "first. Only equal values share their places",
             "(values[None, :] == values[:, None]) -> np.isclose(values[None, :], values[:, None])",
             "smaller = -> values = values.round(4); smaller =",
             "smaller = -> values = values.astype(np.float32); smaller ="),
    ], held="on short lists with plain values all is right"),
)  # fmt: skip


# --- three_cos_add ----------------------------------------------------------------------------------------------------


def _three_cos_add(rows, a, b, c):
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)  # [V, D]
    scores = unit @ (unit[b] - unit[a] + unit[c])  # [V]
    scores[[a, b, c]] = -np.inf
    return int(scores.argmax())


def _question(seed: int, V: int, D: int, a: int, b: int, c: int) -> Case:
    """Rows of very unequal lengths that lean to one side, as trained ones do."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(V, D)) + 0.6
    rows = (rows * rng.uniform(0.4, 3.0, size=(V, 1))).round(2)
    label = f"{V} random rows of {D} numbers (lengths from short to long), a = {a}, b = {b}, c = {c}"
    return Case((rows, a, b, c), label)


def _away(degrees: list[int], a: int, b: int, c: int, below: int) -> Case:
    """Rows at these angles, so that every word that may answer scores below `below`."""
    angles, lengths = np.radians(degrees), np.array([1.0, 2.5, 0.8, 1.7, 1.2, 0.5])[: len(degrees), None]
    rows = (lengths * np.stack([np.cos(angles), np.sin(angles)], axis=1)).round(2)
    label = f"{len(rows)} rows, all but a = {a}, b = {b} and c = {c} with scores below {below}"
    return Case((rows, a, b, c), label)


_STEP = "unit[b] - unit[a] + unit[c]"
_BAN = "scores[[a, b, c]] = -np.inf"
three_cos_add = Exercise(
    _three_cos_add,
    Round([
        _question(545, 12, 3, 1, 10, 11), _question(160, 15, 4, 6, 7, 2), _question(758, 11, 5, 2, 1, 5),
        _question(351, 14, 3, 5, 6, 2), _question(693, 13, 4, 0, 11, 4), _question(583, 16, 6, 13, 1, 11),
        _question(9, 11, 6, 1, 5, 7),
    ], [
        slip("not-excluded",
             "the words of the question may answer, and they do: your answer is mostly c itself. That is no slip of "
             "your sum, it is what the sum says, and the lesson counts how often. The method, though, leaves a, b and "
             "c out: set their scores to -np.inf before you look for the largest", f"{_BAN} -> pass"),
        *[slip("partly-excluded", f"only {' and '.join(out)} {'is' if len(out) == 1 else 'are'} left out of the "
               "answers. All three words of the question are: a, b and c", f"[[a, b, c]] -> [[{', '.join(out)}]]")
          for out in ("a", "b", "c", "ab", "ac", "bc")],
        slip("unnormalised",
             "no row was divided by its length. Then the longest of a, b and c decides where the sum points, and a "
             "long row wins over a near one: a cosine is between rows of length 1",
             "rows / np.linalg.norm(rows, axis=1, keepdims=True) -> rows"),
        slip("columns-normalised", "the columns were divided by their lengths. A row is a word: axis=1",
             "axis=1, keepdims=True -> axis=0"),
        slip("question-unnormalised",
             "a, b and c entered the sum with their own lengths, so the longest of them decides where it points. Each "
             "of the three counts the same: divide their rows by their lengths before you add",
             f"{_STEP} -> rows[b] - rows[a] + rows[c]"),
        slip("answers-unnormalised", "the words that may answer kept their own lengths, so a long row wins over a near "
             "one. Divide every row by its length", "unit @ ( -> rows @ ("),
        slip("distance",
             "this is the word at the smallest distance, between rows of their own lengths. 3CosAdd asks for the "
             "smallest angle; for rows of length 1 the two would agree",
             f"unit @ ({_STEP}) -> -np.linalg.norm(rows - (rows[b] - rows[a] + rows[c]), axis=1)"),
        slip("signs-swapped",
             "a and b changed places: this is a - b + c. For man : king = woman : ? it takes king away from woman. "
             "From a to b is b - a; add that step to c", f"{_STEP} -> unit[a] - unit[b] + unit[c]"),
        slip("wrong-signs", "this is a + b - c. From a to b is b - a; add that step to c",
             f"{_STEP} -> unit[a] + unit[b] - unit[c]"),
        slip("wrong-signs", "all three rows were added. From a to b is b - a, with a minus; add that step to c",
             f"{_STEP} -> unit[a] + unit[b] + unit[c]"),
        slip("step-forgotten", "this is the word nearest to c alone: a and b change nothing. Add the step from a to b, "
             "b - a", f"{_STEP} -> unit[c]"),
        slip("step-alone", "this is the word nearest to b - a. Add that step to c", f"{_STEP} -> unit[b] - unit[a]"),
        slip("shifted",
             "a, b and c were deleted, and the rows behind them moved up: the number that you return is no longer the "
             "row's. Keep them and give them the score -np.inf",
             f"{_BAN} -> scores = np.delete(scores, [a, b, c])"),
        slip("a-forgotten", "this is the word nearest to b + c. From a to b is b - a: take a off",
             f"{_STEP} -> unit[b] + unit[c]"),
        slip("score-not-row", "the scores came back, or the largest of them. Asked is the number of the row that has "
             "it: argmax", "int(scores.argmax()) -> scores.max()", "int(scores.argmax()) -> scores"),
        slip("second-nearest", "the second nearest was taken, since c comes first as a rule. It does not always, and b "
             "is often second: leave all three out, then take the first",
             (f"{_BAN} -> pass", "scores.argmax() -> scores.argsort()[-2]")),
        slip("smallest", "this is the word farthest away. The answer has the largest score: argmax",
             ("-np.inf -> np.inf", "argmax -> argmin")),
    ], hints=[("could not be broadcast", "For one length a row, `keepdims=True` keeps the axis: [V, 1].", None)]),
    Round([
        _away([0, 30, 150, 15, 230, 270], 3, 0, 1, below=0),
        _away([40, -30, 215, 120, 200, 150], 3, 0, 1, below=-1),
        _away([170, 205, -25, 195, 25, 180], 5, 4, 2, below=-2),
        _away([25, -25, 170, 180], 2, 0, 1, below=-2),
    ], [
        slip("zero-is-not-low",
             "the words of the question got the score 0. The sum is up to 3 long, so scores go down to -3, and where "
             "all others are below 0 a word of the question wins after all: use -np.inf", "-np.inf -> 0.0"),
        slip("not-low-enough",
             "the words of the question got a score that the others fall below. The sum is not of length 1 but up to 3 "
             "long, and so scores go down to -3: use -np.inf", "-np.inf -> -1.0", "-np.inf -> -2.0"),
        slip("lowest-of-all", "the words of the question got the lowest score of all. Where one word alone may answer, "
             "that is its own score as well: use -np.inf", "-np.inf -> scores.min()"),
    ], held="where the answer lies in front, all is right"),
)  # fmt: skip


# --- effect_size ------------------------------------------------------------------------------------------------------


def _effect_size(X, Y, A, B):
    X, Y, A, B = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (X, Y, A, B))
    x = (X @ A.T).mean(axis=1) - (X @ B.T).mean(axis=1)  # [nx]
    y = (Y @ A.T).mean(axis=1) - (Y @ B.T).mean(axis=1)  # [ny]
    return (x.mean() - y.mean()) / np.concatenate([x, y]).std(ddof=1)


def _groups(nx: int, ny: int, na: int, nb: int, D: int, seed: int) -> Case:
    """Rows of unequal lengths."""
    rng = np.random.default_rng(seed)
    lots = [(rng.normal(size=(n, D)) * rng.uniform(0.4, 3, size=(n, 1))).round(2) for n in (nx, ny, na, nb)]
    return Case(tuple(lots), f"{nx} rows in X, {ny} in Y, {na} in A, {nb} in B, of {D} numbers each")


_GAP, _SPREAD, _UNIT = "x.mean() - y.mean()", "np.concatenate([x, y]).std(ddof=1)", "X, Y, A, B = ("
_INSIDE = "((len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)) / (len(x) + len(y) - 2)"
_CENTRE = "one.mean(axis=0, keepdims=True) / np.linalg.norm(one.mean(axis=0)) for one in (A, B)"
effect_size = Exercise(
    _effect_size,
    Round([
        _groups(3, 5, 2, 4, 3, seed=6), _groups(4, 2, 5, 3, 6, seed=7), _groups(2, 3, 1, 2, 4, seed=9),
        _groups(3, 3, 2, 2, 5, seed=10),
    ], [
        slip("population-spread",
             "the spread was divided by n and not by n - 1. NumPy's `std` does so unless you say ddof=1. The words are "
             "a sample of those that could have been asked; with eight of them the difference is 7 per cent",
             "ddof=1 -> ddof=0"),
        slip("not-divided", "this is the difference of the means, not yet divided by the spread. Undivided, two spaces "
             "whose cosines lie closer together cannot be compared", f"/ {_SPREAD} ->"),
        slip("brackets-missing", "only the second mean was divided by the spread. Brackets round the difference: (mean "
             "of x - mean of y) / spread", f"return ({_GAP}) / -> return {_GAP} /"),
        slip("sign", "the sign is turned round: X and Y, or A and B, changed places. Positive means that X leans to A",
             f"{_GAP} -> y.mean() - x.mean()"),
        slip("sign-lost", "the sign is lost. Positive means that X leans to A, negative that Y does",
             f"return ({_GAP}) -> return abs({_GAP})"),
        slip("unnormalised",
             "dot products stand where the cosines should: the rows were not divided by their lengths",
             "rows / np.linalg.norm(rows, axis=1, keepdims=True) for -> rows for"),
        slip("columns-normalised", "the columns were divided by their lengths. A row is a word: axis=1",
             "axis=1, keepdims=True -> axis=0"),
        slip("partly-unnormalised", "the rows of X and Y were divided by their lengths, but not those of A and B. A "
             "cosine wants both", f"{_UNIT} -> X, Y, _, _ = ("),
        slip("partly-unnormalised", "the rows of A and B were divided by their lengths, but not those of X and Y. A "
             "cosine wants both", f"{_UNIT} -> _, _, A, B = ("),
        slip("pooled-spread",
             "the spread was taken inside X and inside Y and then averaged, as Cohen's d does. WEAT takes it over all "
             "the words of X and Y together; so with groups of equal size it stays below 2",
             f"{_SPREAD} -> np.sqrt({_INSIDE})", f"{_SPREAD} -> np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)",
             f"{_SPREAD} -> ((x.std(ddof=1) + y.std(ddof=1)) / 2)"),
        slip("one-group-spread", "the spread is that of one group only. Take it over X and Y together",
             f"{_SPREAD} -> x.std(ddof=1)", f"{_SPREAD} -> y.std(ddof=1)"),
        slip("variance", "it was divided by the variance; its square root, the standard deviation, has the same unit "
             "as the means", "std(ddof=1) -> var(ddof=1)"),
        slip("sums",
             "the associations of X and of Y were summed, not averaged (the paper's test statistic is a sum, its "
             "effect size is not): with unequal numbers of words the larger group wins",
             f"{_GAP} -> x.sum() - y.sum()"),
        slip("sums-of-cosines", "a word's cosines with A and with B were summed, not averaged: with unequal numbers of "
             "words the longer list wins", "mean(axis=1) -> sum(axis=1)"),
        slip("centroids", "each word was compared with the mean arrow of A and of B. We asked for the mean of its "
             "cosines with the single words", f"x = (X -> A, B = ({_CENTRE}); x = (X",
             f"{_UNIT} -> A, B = ({_CENTRE}); {_UNIT}"),
        slip("b-forgotten", "B was left out. Take a word's mean cosine with B off its mean cosine with A",
             ("- (X @ B.T).mean(axis=1) ->", "- (Y @ B.T).mean(axis=1) ->")),
        slip("mean-over-the-words", "the mean ran over the words of X, and of Y. The one that belongs to a word runs "
             "over its cosines, the row of the table: axis=1", "mean(axis=1) -> mean(axis=0)"),
    ]),
)  # fmt: skip
