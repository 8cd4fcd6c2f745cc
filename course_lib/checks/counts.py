"""Checks of lesson 01: counting neighbours, surprise, and vectors of k numbers.

Each runs the learner's function on small tables of unequal sizes. The tables for PMI are not symmetric, because on a
symmetric one the sums of the rows and of the columns are equal, and who took the wrong ones would never know.

Papers. Church & Hanks (1990), "Word Association Norms, Mutual Information, and Lexicography"; Bullinaria & Levy (2007),
"Extracting Semantic Representations from Word Co-occurrence Statistics"; Eckart & Young (1936), "The Approximation of
One Matrix by Another of Lower Rank".
"""

from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from course_lib import counts as reference
from course_lib.checks.base import Case, Misconception, Result, compare, numbers


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- window_counts ------------------------------------------------------------------------------------------------


def _counted(neighbours: Callable, weight: Callable = lambda sentence, i, j: 1) -> Callable:
    """A counter of the places j that `neighbours(length, i, window)` gives for place i."""

    def count(sentences, vocab_size, window):
        table = np.zeros((vocab_size, vocab_size), dtype=np.int64)
        for sentence in sentences:
            for i, word in enumerate(sentence):
                for j in neighbours(len(sentence), i, window):
                    table[word, sentence[j]] += weight(sentence, i, j)
        return table

    return count


def _both(length: int, i: int, window: int) -> list[int]:
    return [j for j in range(max(0, i - window), min(length, i + window + 1)) if j != i]


def _crossing(sentences, vocab_size, window):
    return reference.window_counts([list(chain.from_iterable(sentences))], vocab_size, window)


def _repeats_lost(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=np.int64)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in {sentence[j] for j in _both(len(sentence), i, window)}:
                table[word, context] += 1
    return table


def _numbered_by_place(column: Callable) -> Callable:
    def count(sentences, vocab_size, window):
        table = np.zeros((vocab_size, vocab_size), dtype=np.int64)
        for sentence in sentences:
            for i in range(len(sentence)):
                for j in _both(len(sentence), i, window):
                    table[i, column(sentence, j)] += 1
        return table

    return count


def _only_the_last_sentence(sentences, vocab_size, window):
    return reference.window_counts(sentences[-1:], vocab_size, window)


def _only_the_first_sentence(sentences, vocab_size, window):
    return reference.window_counts(sentences[:1], vocab_size, window)


_ONE_SIDE = "only one side of the window was counted, the words {0}. Company stands on both sides"

_WINDOW_MISTAKES = [
    *_each(
        "crosses-sentences",
        "the window looks across the end of a sentence. A sentence is a wall: nothing behind it is a neighbour",
        _crossing,
    ),
    *_each("one-sided", _ONE_SIDE.format("behind"), _counted(lambda n, i, r: range(i + 1, min(n, i + r + 1)))),
    *_each("one-sided", _ONE_SIDE.format("before"), _counted(lambda n, i, r: range(max(0, i - r), i))),
    *_each(
        "own-neighbour",
        "each word is counted as its own neighbour, at its own place: leave out j == i. (The same word at another "
        "place is a neighbour)",
        _counted(lambda n, i, r: range(max(0, i - r), min(n, i + r + 1))),
    ),
    *_each(
        "same-word-skipped",
        "a second occurrence of the same word was left out. It is the *place* i that is not its own neighbour, so "
        "compare j with i and not the words",
        _counted(_both, lambda sentence, i, j: sentence[i] != sentence[j]),
    ),
    *_each(
        "repeats-lost",
        "a word that stands twice in one window is counted once. (NumPy does that in silence: table[i, [2, 2]] += 1 "
        "adds 1, not 2)",
        _repeats_lost,
    ),
    *_each(
        "not-counted",
        "the table says whether two words ever met, not how often: add 1 each time",
        lambda *args: (reference.window_counts(*args) > 0).astype(int),
    ),
    *_each(
        "counted-twice",
        "each meeting was counted twice. Every place has its turn in the middle, so the row of the word in the middle "
        "is the only one that grows",
        lambda *args: 2 * reference.window_counts(*args),
    ),
    *_each(
        "one-short",
        "the window stops one place early on the right: range(a, b) leaves b out",
        _counted(lambda n, i, r: [j for j in _both(n, i, r) if j != i + r]),
    ),
    *_each(
        "wraps-around",
        "the first word of a sentence is paired with the last: a negative index counts from the end. Start at "
        "max(0, i - window)",
        _counted(lambda n, i, r: [j for j in range(i - r, min(n, i + r + 1)) if j != i]),
        _counted(lambda n, i, r: [j for j in range(i - r, min(n, i + r + 1)) if j != i and j >= -n]),
    ),
    *_each(
        "start-lost",
        "the first words of a sentence see nothing to their left: sentence[i - window:i] is empty when i - window is "
        "negative. Start at max(0, i - window)",
        _counted(lambda n, i, r: [j for j in _both(n, i, r) if j > i or i >= r]),
    ),
    *_each(
        "whole-sentence",
        "the whole sentence is the window. Only words at most `window` places away are neighbours",
        lambda sentences, vocab_size, window: reference.window_counts(sentences, vocab_size, 1000),
    ),
    *_each(
        "places-not-words",
        "the table was filled by *places* in the sentence, i or j. It has a row and a column for each *word*: the row "
        "is sentence[i], the column sentence[j]",
        _numbered_by_place(lambda sentence, j: j),
        _numbered_by_place(lambda sentence, j: sentence[j]),
    ),
    *_each(
        "one-sentence",
        "only the last sentence was counted: the table starts anew with each sentence. Make it once, before the loop",
        _only_the_last_sentence,
    ),
    *_each(
        "one-sentence",
        "only the first sentence was counted: `return` stands inside the loop, and ends it",
        _only_the_first_sentence,
    ),
]


def window_counts(learner: Callable) -> Result:
    """(sentences, vocab_size, window) -> whole numbers [V, V]: both sides, inside each sentence."""
    cases = [
        Case(([[0, 1, 2, 0, 3], [0, 4, 5]], 6, 2), "the two sentences above, at window 2"),
        Case(([[3, 1, 4, 1, 0, 2, 2], [2], [4, 1, 3, 3]], 5, 1)),
        Case(([[1, 1, 2, 1], [], [0, 2, 6, 5, 3, 4, 0, 5]], 7, 3)),
        Case(([[0, 1], [2]], 4, 5), "sentences [[0, 1], [2]], four words in all and window 5"),
    ]
    return compare("window_counts", learner, reference.window_counts, cases, _WINDOW_MISTAKES)


# --- ppmi -----------------------------------------------------------------------------------------------------------


def _right(table: np.ndarray) -> np.ndarray:
    return reference.ppmi(np.asarray(table, dtype=np.float64), smoothing=1.0).toarray()


def _pmi(expected: Callable, log: Callable = np.log) -> list[Callable]:
    """PPMI with another idea of what chance expects, or another logarithm: with the empty row mended, and without."""

    def mended(table):
        table = np.asarray(table, dtype=np.float64)
        return np.maximum(log(np.where(table > 0, table / expected(table), 1)), 0)

    return [mended, lambda table: np.maximum(log(table / expected(table)), 0)]


def _chance(table: np.ndarray) -> np.ndarray:
    return table.sum(1, keepdims=True) * table.sum(0, keepdims=True) / table.sum()


def _unclipped(table):
    return np.log(np.asarray(table) / _chance(table))


def _smoothed(table):
    return reference.ppmi(np.asarray(table, dtype=np.float64), smoothing=0.75).toarray()


_MARGIN = (
    "{0}. How often chance puts word i beside context j: sum of *row* i times sum of *column* j, over the sum of all. "
    "(On a symmetric table the two sums are equal, and this would never show)"
)
_NAN = (
    "the log of zero was kept: 0/0 in an empty row leaves NaN, and every sum that it enters becomes NaN too. Words "
    "that never met get 0"
)

_PPMI_MISTAKES = [
    *_each(
        "log-of-zero",
        "the log of zero was kept: -inf, where two words never met. One -inf spoils every product that it enters; "
        "never met says little, so it gets 0",
        _unclipped,
        lambda table: np.where(np.isnan(_unclipped(table)), 0, _unclipped(table)),
    ),
    *_each("log-of-zero", _NAN, lambda table: np.maximum(_unclipped(table), 0)),
    *_each(
        "log-of-zero",
        "a small number stands in for zero, and its log, large and negative, was kept. Never met gets 0",
        *(lambda table, tiny=tiny: np.nan_to_num(np.log(table / _chance(table) + tiny)) for tiny in (1e-12, 1e-9, 1e-8,
                                                                                                      1e-6)),
        lambda table: np.nan_to_num(_unclipped(table)),
    ),
    *_each(
        "negative-kept",
        "values below zero were kept. The first P of PPMI is *positive*: pairs rarer than chance get 0",
        lambda table: np.log(np.where(table > 0, table / _chance(table), 1)),
    ),
    *_each(
        "base-2",
        "the logarithm is to base 2. Ours is the natural one, so that it adds up with the losses of the next lessons",
        *_pmi(_chance, log=np.log2),
    ),
    *_each(
        "base-10",
        "the logarithm is to base 10. Ours is the natural one, so that it adds up with the losses of the next lessons",
        *_pmi(_chance, log=np.log10),
    ),
    *_each(
        "wrong-margin",
        _MARGIN.format("P(word) was taken from the columns, like P(context)"),
        *_pmi(lambda t: t.sum(0)[:, None] * t.sum(0)[None, :] / t.sum()),
    ),
    *_each(
        "wrong-margin",
        _MARGIN.format("P(context) was taken from the rows, like P(word)"),
        *_pmi(lambda t: t.sum(1)[:, None] * t.sum(1)[None, :] / t.sum()),
    ),
    *_each(
        "wrong-margin",
        _MARGIN.format("P(word) was taken from the columns and P(context) from the rows: they changed places"),
        *_pmi(lambda t: t.sum(0)[:, None] * t.sum(1)[None, :] / t.sum()),
    ),
    *_each(
        "margin-lies-down",
        "both sums lie down as rows of numbers, [V] and [V], so each *column* was divided by both. A sum over a row "
        "must stand up, [V, 1]: keepdims=True (lesson 00, cell 6)",
        *_pmi(lambda t: t.sum(1) * t.sum(0) / t.sum()),
    ),
    *_each(
        "total-forgotten",
        "the sum of all counts is missing: a row's sum times a column's sum is not yet what chance expects. Divide it "
        "by the sum of the table",
        *_pmi(lambda t: t.sum(1, keepdims=True) * t.sum(0, keepdims=True)),
    ),
    *_each(
        "logarithm-forgotten",
        "this is observed over expected, before the logarithm. Its log makes 'twice as often' and 'half as often' "
        "equally far from 0",
        lambda table: np.nan_to_num(table / _chance(table)),
        lambda table: table / _chance(table),
    ),
    *_each(
        "smoothed",
        "the contexts' sums were raised to the power 0.75. That comes next; here we asked for the plain ones",
        _smoothed,
    ),
]


def ppmi(learner: Callable) -> Result:
    """Counts [V, V] (rows: words, columns: contexts) -> positive PMI [V, V], natural logarithm, 0 where never met."""
    cases = [
        Case((np.array([[0, 3, 1], [1, 2, 6], [2, 0, 1]]),), "counts [[0, 3, 1], [1, 2, 6], [2, 0, 1]]"),
        Case((np.array([[5, 1, 0, 2], [0, 4, 3, 0], [7, 0, 1, 1], [2, 2, 0, 9]]),),
             "counts [[5, 1, 0, 2], [0, 4, 3, 0], [7, 0, 1, 1], [2, 2, 0, 9]]"),
        Case((np.array([[1, 0, 4], [0, 0, 0], [3, 0, 2]]),),
             "counts [[1, 0, 4], [0, 0, 0], [3, 0, 2]], where word 1 met nobody"),
    ]
    return compare("ppmi", learner, _right, cases, _PPMI_MISTAKES)


# --- rank_k_vectors -------------------------------------------------------------------------------------------------


class _Signed:
    """The learner's function with each column's sign fixed: an SVD may turn any of them round, and all are right."""

    def __init__(self, function: Callable):
        self.function = self.__wrapped__ = function
        self.__name__, self.__code__ = getattr(function, "__name__", ""), getattr(function, "__code__", None)

    def __call__(self, *args, **kwargs):
        value = self.function(*args, **kwargs)
        array = numbers(value)
        if array is None or array.ndim != 2 or array.dtype.kind == "c" or not array.size:
            return value
        largest = np.abs(array).argmax(axis=0)
        return array * np.where(array[largest, np.arange(array.shape[1])] < 0, -1, 1)


def _vectors(matrix, k: int) -> np.ndarray:
    U, S, _ = np.linalg.svd(matrix, full_matrices=False)
    return U[:, :k] * S[:k]


def _of(make: Callable) -> Callable:
    """A wrong answer made of U [V, n], S [n] and Vt [n, C]."""
    return _Signed(lambda matrix, k: make(*np.linalg.svd(matrix, full_matrices=False), k))


_RANK_MISTAKES = [
    *_each(
        "singular-values-forgotten",
        "the singular values were forgotten: this is U alone, where every direction is as long as every other, the "
        "weakest like the strongest",
        _of(lambda U, S, Vt, k: U[:, :k]),
    ),
    *_each(
        "singular-values-squared",
        "the singular values are squared: each was multiplied in twice, and the first direction drowns the others",
        _of(lambda U, S, Vt, k: U[:, :k] * S[:k] ** 2),
    ),
    *_each(
        "root-of-singular-values",
        "the square root of the singular values was taken. The lesson comes to that, and to whether it is better; "
        "here we asked for U S",
        _of(lambda U, S, Vt, k: U[:, :k] * np.sqrt(S[:k])),
    ),
    *_each(
        "v-instead-of-u",
        "V was taken instead of U: these are vectors of the contexts (columns), not of the words (rows)",
        _of(lambda U, S, Vt, k: Vt[:k].T * S[:k]),
        _of(lambda U, S, Vt, k: Vt[:k].T),
        _of(lambda U, S, Vt, k: Vt[:k]),
        _of(lambda U, S, Vt, k: Vt[:k] * S[:k, None]),
        _of(lambda U, S, Vt, k: Vt[:, :k] * S[:k]),
    ),
    *_each(
        "transposed",
        "the answer is turned: one *row* a word, [V, k]",
        lambda matrix, k: _vectors(matrix, k).T,
        _of(lambda U, S, Vt, k: (U[:, :k] * S[:k]).T),
    ),
    *_each(
        "rows-cut",
        "the first k *rows* of U were taken, which are k words. Take the first k columns: U[:, :k]",
        _of(lambda U, S, Vt, k: U[:k] * S),
        _of(lambda U, S, Vt, k: U[:k]),
    ),
    *_each(
        "weakest-kept",
        "the weakest directions were kept. NumPy sorts singular values from the largest down: take the first k",
        _of(lambda U, S, Vt, k: U[:, -k:] * S[-k:]),
    ),
    *_each(
        "ascending",
        "the weakest of the k directions comes first (scipy's svds returns them so). The strongest should be column 0",
        _of(lambda U, S, Vt, k: (U[:, :k] * S[:k])[:, ::-1]),
    ),
    *_each(
        "table-itself",
        "this is the table again, U S Vt with k directions, with as many columns as before. The vectors are U S",
        _of(lambda U, S, Vt, k: U[:, :k] * S[:k] @ Vt[:k]),
    ),
]


def _tables() -> Sequence[tuple[np.ndarray, int]]:
    rng = np.random.default_rng(1)
    return [(rng.integers(0, 9, shape).astype(float), k) for shape, k in [((4, 3), 2), ((5, 7), 3), ((6, 6), 1)]]


def rank_k_vectors(learner: Callable) -> Result:
    """(matrix [V, C], k) -> U S, the strongest k directions, strongest first: [V, k]; any sign of a column is right."""
    cases = [Case((matrix, k), f"a table of shape {matrix.shape} and k = {k} (a column's sign is free)")
             for matrix, k in _tables()]
    learner = _Signed(learner) if callable(learner) else learner
    return compare("rank_k_vectors", learner, _Signed(_vectors), cases, _RANK_MISTAKES)
