"""Checks of lesson 01: counting neighbours, surprise, and vectors of k numbers.

Each runs the learner's function on small tables of unequal sizes. The tables for PMI are not symmetric, because on a
symmetric one the sums of the rows and of the columns are equal, and who took the wrong ones would never know.

Papers. Church & Hanks (1990), "Word Association Norms, Mutual Information, and Lexicography"; Bullinaria & Levy (2007),
"Extracting Semantic Representations from Word Co-occurrence Statistics"; Eckart & Young (1936), "The Approximation of
One Matrix by Another of Lower Rank".
"""

from collections.abc import Callable, Sequence

import numpy as np

from course_lib.checks.base import Case, Misconception, Outcome, numbers
from course_lib.checks.slips import Exercise, Round, slip

# --- window_counts ----------------------------------------------------------------------------------------------------


def _window_counts(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
                if j != i:
                    table[word, sentence[j]] += 1
    return table


def _by_distance(sentences, vocab_size, window):
    """All words and those a few places on at a time, by lists of places."""
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for away in range(1, window + 1):
            table[sentence[:-away], sentence[away:]] += 1
    return table + table.T


_AROUND = "range(max(0, i - window), min(len(sentence), i + window + 1))"
_EACH = "for i, word in enumerate(sentence):"
_ONE_SIDE = "only one side of the window was counted, the words {0}. Company stands on both sides"
window_counts = Exercise(_window_counts, Round([
    Case(([[0, 1, 2, 0, 3], [0, 4, 5]], 6, 2), "the two sentences above, at window 2"),
    Case(([[3, 1, 4, 1, 0, 2, 2], [2], [4, 1, 3, 3]], 5, 1)),
    Case(([[1, 1, 2, 1], [], [0, 2, 6, 5, 3, 4, 0, 5]], 7, 3)),
    Case(([[0, 1], [2]], 4, 5), "sentences [[0, 1], [2]], four words in all and window 5"),
    Case(([[2, 0, 2, 0, 2, 1]], 3, 2)),
], [
    slip("crosses-sentences", "the window looks across the end of a sentence. A sentence is a wall: nothing behind it "
         "is a neighbour", "in sentences: -> in [sum(sentences, [])]:"),
    slip("one-sided", _ONE_SIDE.format("behind"), "j != i -> j > i"),
    slip("one-sided", _ONE_SIDE.format("before"), "j != i -> j < i"),
    slip("own-neighbour", "each word is counted as its own neighbour, at its own place: leave out j == i. (The same "
         "word at another place is a neighbour)", "if j != i -> if True"),
    slip("same-word-skipped", "a second occurrence of the same word was left out. It is the *place* i that is not its "
         "own neighbour, so compare j with i and not the words", "j != i -> sentence[j] != word"),
    slip("repeats-lost", "a word that stands twice in one window is counted once. (NumPy does that in silence: "
         "table[i, [2, 2]] += 1 adds 1, not 2)",
         f"in {_AROUND} -> in {{sentence[j]: j for j in {_AROUND} if j != i}}.values()"),
    slip("repeats-lost", "a pair that comes twice in a sentence, with the same distance, is counted once. NumPy does "
         "that in silence: table[a, b] += 1, for lists a and b, adds 1 once to each cell, where np.add.at(table, (a, "
         "b), 1) adds it every time", _by_distance),
    slip("not-counted", "the table says whether two words ever met, not how often: add 1 each time", "+= 1 -> = 1"),
    slip("counted-twice", "each meeting was counted twice. Every place has its turn in the middle, so the row of the "
         "word in the middle is the only one that grows", "+= 1 -> += 2"),
    slip("one-short", "the window stops one place early on the right: range(a, b) leaves b out",
         "window + 1 -> window"),
    slip("wraps-around", "the first word of a sentence is paired with the last: a negative index counts from the end. "
         "Start at max(0, i - window)", "max(0, i - window) -> i - window", "max(0, -> max(-len(sentence),"),
    slip("start-lost", "the first words of a sentence see nothing to their left: sentence[i - window:i] is empty when "
         "i - window is negative. Start at max(0, i - window)", "j != i -> j > i or j < i and i >= window"),
    slip("whole-sentence", "the whole sentence is the window. Only words at most `window` places away are neighbours",
         f"{_AROUND} -> range(len(sentence))"),
    slip("places-not-words", "the table was filled by *places* in the sentence, i or j. It has a row and a column for "
         "each *word*: the row is sentence[i], the column sentence[j]", "word, sentence[j] -> i, j",
         "word, sentence[j] -> i, sentence[j]", "word, sentence[j] -> word, j"),
    slip("one-sentence", "only the last sentence was counted: the table starts anew with each sentence. Make it once, "
         "before the loop", "in sentences: -> in sentences[-1:]:"),
    slip("one-sentence", "only the first sentence was counted: `return` stands inside the loop, and ends it",
         "in sentences: -> in sentences[:1]:"),
    slip("near-counts-more", "near words count for more than far ones. Here every word in the window counts 1 (what "
         "you did has its use, in lesson 04)", ("dtype=int -> dtype=float", "+= 1 -> += 1 / abs(i - j)"),
         ("dtype=int -> dtype=float", "+= 1 -> += 1 - (abs(i - j) - 1) / window")),
    slip("ends-skipped", "only words with a whole window on both sides had their turn. Near the ends of a sentence the "
         "window is cut short, and what is left of it counts",
         f"{_EACH} -> for i, word in list(enumerate(sentence))"
         "[window:max(0, len(sentence) - window)]:"),
]))  # fmt: skip


# --- ppmi -------------------------------------------------------------------------------------------------------------


def _ppmi(table):
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    pmi = np.zeros(table.shape)
    seen = table > 0
    pmi[seen] = np.log(table[seen] / expected[seen])
    return np.maximum(pmi, 0)


_TABLES = [
    np.array([[0, 3, 1], [1, 2, 6], [2, 0, 1]]),
    np.array([[5, 1, 0, 2], [0, 4, 3, 0], [7, 0, 1, 1], [2, 2, 0, 9]]),
    np.array([[1, 0, 4], [0, 0, 0], [3, 0, 2]]),
    np.array([[9, 0, 0.5, 0], [0, 0, 7.5, 1], [0.5, 0, 0, 3], [0, 0.5, 0, 0]]),
]
_USED = 777.0


def _on_used_memory(function: Callable, table: np.ndarray) -> object:
    """The answer where memory is not zero by luck: NumPy hands small blocks out again as they were left."""
    blocks = [np.full(table.shape, _USED) for _ in range(8)]
    del blocks
    return function(table)


def _unfilled(answers: Sequence[Outcome]) -> Misconception | None:
    """Whether the cells of words that met are right, and others hold what stood in memory, or NumPy warns of that."""
    found = set()
    for table, answer in zip(_TABLES, answers, strict=True):
        value = None if answer.error else numbers(answer.value)
        if value is None or value.shape != table.shape or not np.isfinite(value).all():
            return None
        if not np.allclose(value[table > 0], _ppmi(table)[table > 0]):
            return None
        found |= set(value[table == 0].tolist())
    if _USED not in found and not any("'where' used without 'out'" in answer.warned for answer in answers):
        return None
    return Misconception("never-filled", _unfilled,
                         "cells of words that never met were not filled, and hold what stood in memory before. `where=`"
                         " passes over them: `out=np.zeros(table.shape)` fills them first")


_NATURAL = "the logarithm is to base {0}. Ours is the natural one, so that it adds up with the losses of later lessons"
_MARGIN = (
    "{0}. How often chance puts word i beside context j: sum of *row* i times sum of *column* j, over the sum of all. "
    "(On a symmetric table the two sums are equal, and this would never show)")  # fmt: skip
_WORDS, _CONTEXTS = "table.sum(axis=1, keepdims=True)", "table.sum(axis=0, keepdims=True)"
_RATIO = "table[seen] / expected[seen]"
_ALL = "seen = table > 0 -> seen = table >= 0"  # every cell goes to the logarithm
_KEPT, _CLIP = "np.maximum(pmi, 0) -> pmi", "np.maximum(pmi, 0)"
_CLEANED = f"{_CLIP} -> np.nan_to_num(pmi)"


def _mended_or_not(*edits: str) -> tuple:
    """A mistake in what is seen alone, and in every cell, where 0/0 leaves NaN."""
    return edits, (*edits, _ALL)


ppmi = Exercise(_ppmi, Round([
    Case((_TABLES[0],)), Case((_TABLES[1],)), Case((_TABLES[2],)), Case((_TABLES[3],)),
], [
    slip("log-of-zero", "the log of zero was kept: -inf, where two words never met. One -inf spoils every product that "
         "it enters; never met says little, so it gets 0", (_ALL, _KEPT),
         (_ALL, f"{_CLIP} -> np.where(np.isnan(pmi), 0, pmi)")),
    slip("log-of-zero", "the log of zero was kept: 0/0 in an empty row leaves NaN, and every sum that it enters "
         "becomes NaN too. Words that never met get 0", _ALL),
    slip("log-of-zero", "a small number stands in for zero, and its log, large and negative, was kept. Never met gets "
         "0", *((_ALL, _CLEANED, f"{_RATIO} -> {_RATIO} + {tiny}") for tiny in ("0", "1e-12", "1e-9", "1e-8", "1e-6"))),
    slip("negative-kept", "values below zero were kept. The first P of PPMI is *positive*: pairs rarer than chance get "
         "0", _KEPT),
    slip("base-2", _NATURAL.format(2), *_mended_or_not("np.log -> np.log2")),
    slip("base-10", _NATURAL.format(10), *_mended_or_not("np.log -> np.log10")),
    slip("one-added", "1 is added before the logarithm (log1p does so). Take the log of observed over expected itself",
         "np.log -> np.log1p"),
    slip("wrong-margin", _MARGIN.format("P(word) was taken from the columns, like P(context)"),
         *_mended_or_not(f"{_WORDS} -> table.sum(axis=0)[:, None]")),
    slip("wrong-margin", _MARGIN.format("P(context) was taken from the rows, like P(word)"),
         *_mended_or_not(f"{_CONTEXTS} -> table.sum(axis=1)")),
    slip("wrong-margin",
         _MARGIN.format("P(word) was taken from the columns and P(context) from the rows: they changed places"),
         *_mended_or_not("/ table.sum() -> / table.sum(); expected = expected.T")),
    slip("margin-lies-down", "both sums lie down as rows of numbers, [V] and [V], so each *column* was divided by "
         "both. A sum over a row must stand up, [V, 1]: keepdims=True (lesson 00, cell 6)",
         *_mended_or_not("axis=1, keepdims=True -> axis=1", "expected[seen] -> (expected + 0 * table)[seen]")),
    slip("total-forgotten", "the sum of all counts is missing: a row's sum times a column's sum is not yet what chance "
         "expects. Divide it by the sum of the table", *_mended_or_not("/ table.sum() ->")),
    slip("share-beside-count", "an observed count was divided by an expected share, P(w) P(c). Take two counts, or two "
         "shares", *_mended_or_not("/ table.sum() -> / table.sum() ** 2")),
    slip("logarithm-forgotten", "this is observed over expected, before the logarithm. Its log makes 'twice as often' "
         "and 'half as often' equally far from 0", *_mended_or_not(f"np.log({_RATIO}) -> {_RATIO}")),
    slip("smoothed", "the contexts' sums were raised to the power 0.75. That comes next; here we asked for the plain "
         "ones", f"{_CONTEXTS} / table.sum() -> {_CONTEXTS} ** 0.75 / (table.sum(axis=0) ** 0.75).sum()"),
    slip("whole-numbers", "the answer can hold whole numbers only: `np.zeros_like(table)` takes over the type of the "
         "counts, and every log loses what stands behind its point. `np.zeros(table.shape)` holds fractions",
         "np.zeros(table.shape) -> np.zeros_like(table)"),
    slip("weighted-by-its-share", "each value was multiplied by the pair's share of all. That is a term of the mean of "
         "PMI over the text; here we asked for the PMI", f"{_CLIP} -> {_CLIP} * table / table.sum()"),
], hints=[("boolean index did not match", "`expected` should have the table's shape, [V, V]: the rows' sums must stand "
           "up, [V, 1], and keepdims=True makes them.", None)], otherwise=_unfilled), play=_on_used_memory)  # fmt: skip


# --- rank_k_vectors ---------------------------------------------------------------------------------------------------


def _rank_k_vectors(matrix, k):
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    return U[:, :k] * S[:k]


def _any_sign(function: Callable, matrix: np.ndarray, k: int) -> object:
    """The answer with each column's sign fixed: an SVD may turn any of them round, and all are right."""
    value = function(matrix, k)
    array = numbers(value)
    if array is None or array.ndim != 2 or array.dtype.kind == "c" or not array.size:
        return value
    largest = np.abs(array).argmax(axis=0)
    return array * np.where(array[largest, np.arange(array.shape[1])] < 0, -1, 1)


def _table(shape: tuple[int, int], k: int, least: int = 0) -> Case:
    words = f"a table of shape {shape} and k = {k} (a column's sign is free)"
    return Case((np.random.default_rng(1).integers(least, 9, shape).astype(float), k), words)


_US = "U[:, :k] * S[:k]"
rank_k_vectors = Exercise(_rank_k_vectors, Round([
    _table((4, 3), 2), _table((5, 7), 3), _table((6, 6), 1),
], [
    slip("singular-values-forgotten", "the singular values were forgotten: this is U alone, where every direction is "
         "as long as every other, the weakest like the strongest", "* S[:k] ->"),
    slip("singular-values-squared", "the singular values are squared: each was multiplied in twice, and the first "
         "direction drowns the others", "* S[:k] -> * S[:k] ** 2"),
    slip("root-of-singular-values", "the square root of the singular values was taken. The lesson comes to that, and "
         "to whether it is better; here we asked for U S", "* S[:k] -> * S[:k] ** 0.5"),
    slip("v-instead-of-u", "V was taken instead of U: these are vectors of the contexts (columns), not of the words "
         "(rows)",
         *(f"{_US} -> {vectors}" for vectors in (
             "Vt[:k].T * S[:k]", "Vt[:k].T", "Vt[:k]", "Vt[:k] * S[:k, None]", "Vt[:, :k] * S[:k]"))),
    slip("transposed", "the answer is turned: one *row* a word, [V, k]", f"{_US} -> ({_US}).T"),
    slip("rows-cut", "the first k *rows* of U were taken, which are k words. Take the first k columns: U[:, :k]",
         f"{_US} -> U[:k] * S", f"{_US} -> U[:k]"),
    slip("not-cut", "all directions were kept. Keep the k strongest: the first k columns of U, and the first k of S",
         f"{_US} -> U * S"),
    slip("weakest-kept", "the weakest directions were kept. NumPy sorts singular values from the largest down: take "
         "the first k", ":k] -> -k:]"),
    slip("ascending", "the weakest of the k directions comes first (scipy's svds returns them so). The strongest "
         "should be column 0", f"{_US} -> ({_US})[:, ::-1]"),
    slip("table-itself", "this is the table again, U S Vt with k directions, with as many columns as before. The "
         "vectors are U S", f"{_US} -> {_US} @ Vt[:k]"),
    slip("centred", "each column's mean was taken off first, as principal components do. Take the table as it is",
         "svd(matrix -> svd(matrix - matrix.mean(axis=0)"),
]), Round([
    _table((7, 4), 4, least=-9), _table((3, 5), 3),
], held="where k is below the number of rows and of columns all is right"), play=_any_sign)  # fmt: skip
