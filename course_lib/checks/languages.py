"""Checks of lesson 24: the rotation between two languages, CSLS, precision among the first k, the price of a text.

Papers. Schönemann (1966), "A generalized solution of the orthogonal Procrustes problem"; Conneau et al. (2018), "Word
Translation Without Parallel Data", for CSLS and precision at k.
"""

import numpy as np

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip


def _numbers(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal(shape)).round(2)


# --- procrustes -------------------------------------------------------------------------------------------------------


def _procrustes(X, Y):
    U, S, Vt = np.linalg.svd(X.T @ Y)
    return U @ Vt


def _languages(N: int, D: int, seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Two languages of N words that a turn and some noise tell apart; rows of unlike length."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((D, D)))
    X = rng.standard_normal((N, D)) * rng.uniform(0.5, 2, (N, 1))
    return X.round(2), (X @ turn + noise * rng.standard_normal((N, D))).round(2)


procrustes = Exercise(
    _procrustes,
    Round([
        Case(_languages(7, 3, 0), "7 pairs of words, 3 numbers each"),
        Case(_languages(5, 4, 1), "5 pairs of words, 4 numbers each"),
        Case(_languages(9, 2, 2, noise=2.0), "9 pairs of words that fit badly, 2 numbers each"),
    ], [
        slip("the-way-back", "this turns the second language into the first: it is the transpose of what is asked, "
             "V U' for U V'", "return U @ Vt -> return (U @ Vt).T", "X.T @ Y -> Y.T @ X"),
        slip("vt-transposed", "`np.linalg.svd` gives V already transposed, as its third result: it is transposed once "
             "too often", "U @ Vt -> U @ Vt.T"),
        slip("least-squares", "this is the best matrix of any kind (least squares). It may stretch and squeeze; a "
             "rotation may not: W W' = 1", "return U @ Vt -> return np.linalg.lstsq(X, Y, rcond=None)[0]",
             "return U @ Vt -> return np.linalg.pinv(X) @ Y"),
        slip("not-cut", "the singular values are still in it: U S V' is X' Y again. Leave S out, and only the turn is "
             "left", "U @ Vt -> U * S @ Vt", "return U @ Vt -> return X.T @ Y"),
        slip("u-alone", "only U came back: the turn is U V'", "return U @ Vt -> return U"),
        slip("v-alone", "only V' came back: the turn is U V'", "return U @ Vt -> return Vt"),
        slip("factors-swapped", "the two factors stand in the wrong order: U V', and not V' U", "U @ Vt -> Vt @ U"),
        slip("no-reflection", "mirrors were forbidden: the sign of a row was turned to make the determinant 1. "
             "Schönemann's W may be a reflection",
             "return U @ Vt -> Vt[-1] *= np.sign(np.linalg.det(U @ Vt)); return U @ Vt"),
        slip("identity", "this changes nothing", "return U @ Vt -> return np.eye(len(U))"),
        slip("centred", "the means were taken out first. Here X and Y are as they should be",
             "X.T @ Y -> (X - X.mean(0)).T @ (Y - Y.mean(0))"),
        slip("one-pair", "only the first pair was used", "X.T @ Y -> X[:1].T @ Y[:1]"),
        slip("answers", "this is X W, the turned words: asked is W", "return U @ Vt -> return X @ U @ Vt"),
    ]),
)  # fmt: skip


# --- csls -------------------------------------------------------------------------------------------------------------


def _csls(S, k):
    rows = np.sort(S, axis=1)[:, -k:].mean(axis=1, keepdims=True)
    columns = np.sort(S, axis=0)[-k:].mean(axis=0)
    return 2 * S - rows - columns


def _cosines(Q: int, V: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.uniform(-0.6, 0.6, (Q, V)) + rng.uniform(-0.3, 0.3, V)).round(2)


csls = Exercise(
    _csls,
    Round([
        Case((_cosines(4, 6, 0), 2), "4 words, 6 candidates, k = 2"),
        Case((_cosines(6, 3, 1), 3), "6 words, 3 candidates, k = 3"),
        Case((_cosines(5, 5, 2), 1), "5 words, 5 candidates, k = 1"),
    ], [
        slip("not-twice", "the cosine counts once here, as each of the two crowds does: it is twice the cosine",
             "2 * S -> S"),
        slip("columns-missing", "the candidate's crowd is missing: how near it is to its k nearest words",
             "- columns ->"),
        slip("rows-missing", "the word's own crowd is missing: how near it is to its k nearest candidates",
             "- rows ->"),
        slip("all-not-k", "the mean is over everybody: only the k nearest make a crowd", ("[:, -k:] ->", "[-k:] ->")),
        slip("farthest", "these are the k farthest: sorted, the nearest stand at the end",
             ("[:, -k:] -> [:, :k]", "[-k:] -> [:k]")),
        slip("nearest-alone", "only the nearest one was taken, not the mean of k",
             ("[:, -k:] -> [:, -1:]", "[-k:] -> [-1:]")),
        slip("kth-alone", "only the k-th nearest was taken, not the mean of the k nearest",
             ("[:, -k:] -> [:, -k:][:, :1]", "[-k:] -> [-k:][:1]")),
        slip("sums", "the k nearest were added up and not averaged",
             (".mean(axis=1, keepdims=True) -> .sum(axis=1, keepdims=True)", ".mean(axis=0) -> .sum(axis=0)")),
        slip("added", "the crowds were added: who stands in a crowd should lose", ("- rows -> + rows",
             "- columns -> + columns")),
        slip("halved", "half of it: the mean of the crowds was taken off the cosine. It orders as well, but CSLS is "
             "2 cosine - crowd - crowd", "2 * S - rows - columns -> S - (rows + columns) / 2"),
        slip("divided", "the cosine was divided by the crowds: they are taken off",
             "2 * S - rows - columns -> 2 * S / (rows + columns)"),
        slip("self-left-out", "the nearest one was left out, as if it were the word itself. The two languages share no "
             "word: all k count", ("[:, -k:] -> [:, -k - 1:-1]", "[-k:] -> [-k - 1:-1]")),
    ]),
)  # fmt: skip


# --- precision_at -----------------------------------------------------------------------------------------------------


def _precision_at(S, gold, k):
    best = np.argsort(-S, axis=1)[:, :k]
    return sum(bool(right & set(row)) for row, right in zip(best.tolist(), gold)) / len(gold)


def _answers(Q: int, V: int, seed: int) -> tuple[np.ndarray, list[set[int]]]:
    """Scores without ties, and one to three right answers a word."""
    rng = np.random.default_rng(seed)
    scores = rng.permutation(Q * V).reshape(Q, V) / (Q * V) - 0.5
    return scores, [set(rng.permutation(V)[: rng.integers(1, min(V, 4))].tolist()) for _ in range(Q)]


precision_at = Exercise(
    _precision_at,
    Round([
        Case((*_answers(9, 7, 0), 2), "9 words, 7 candidates, k = 2"),
        Case((*_answers(11, 8, 1), 1), "11 words, 8 candidates, k = 1"),
        Case((*_answers(8, 6, 5), 3), "8 words, 6 candidates, k = 3"),
    ], [
        slip("farthest", "these are the k lowest scores: a high score is near", "-S -> S"),
        slip("first-k", "the first k candidates were taken, whatever their scores", "np.argsort(-S, axis=1)[:, :k] -> "
             "np.argsort(0 * S, axis=1, kind='stable')[:, :k]"),
        slip("all-right-ones", "every translation must be among the k: one is enough",
             "bool(right & set(row)) -> right <= set(row)"),
        slip("all-k-right", "all k answers must be right: one is enough",
             "bool(right & set(row)) -> set(row) <= right"),
        slip("counted", "each right answer was counted, so a word may count twice: a word is answered or not",
             "bool(right & set(row)) -> len(right & set(row))"),
        slip("of-the-answers", "right answers were divided by all answers, k a word: asked is the share of *words*",
             "bool(right & set(row)) -> len(right & set(row)) / k"),
        slip("divided-by-k", "it was divided by k, too: asked is the share of words", "/ len(gold) -> / len(gold) / k"),
        slip("recall", "this is the share of all translations that were found, word by word",
             "bool(right & set(row)) -> len(right & set(row)) / len(right)"),
        slip("first-alone", "only the first answer counts: it is any of the k", "[:, :k] -> [:, :1]"),
        slip("not-divided", "this is a count: asked is a share", "/ len(gold) ->"),
        slip("wrong-ones", "this is the share of words *without* a right answer", "sum(bool(right & set(row)) -> "
             "sum(not right & set(row)"),
        slip("one-more", "one answer too many counts", "[:, :k] -> [:, :k + 1]"),
        slip("columns", "the words were ranked for each candidate: a row is a word", "axis=1 -> axis=0"),
    ]),
)  # fmt: skip


# --- price ------------------------------------------------------------------------------------------------------------


def _price(tokens, english):
    return sum(tokens) / sum(english)


price = Exercise(
    _price,
    Round([
        Case(([12, 30, 9], [10, 12, 8]), "three texts"),
        Case(([40, 3], [20, 4]), "two texts, one of them long"),
        Case(([7], [9]), "one text"),
        Case(([5, 60, 14, 21], [6, 20, 7, 30]), "four texts"),
    ], [
        slip("mean-of-ratios", "this is the mean of each text's own ratio: a short text then counts as much as a long "
             "one. Whoever pays, pays for all tokens together",
             "sum(tokens) / sum(english) -> sum(a / b for a, b in zip(tokens, english)) / len(tokens)"),
        slip("upside-down", "it is upside down: English is what one divides by",
             "sum(tokens) / sum(english) -> sum(english) / sum(tokens)"),
        slip("difference", "this is how many tokens more: asked is how many *times* as many",
             "sum(tokens) / sum(english) -> sum(tokens) - sum(english)"),
        slip("share-more", "this is how much more, as a share: twice the price is 2, not 1",
             "sum(tokens) / sum(english) -> sum(tokens) / sum(english) - 1"),
        slip("per-text", "this is tokens a text: English is missing",
             "sum(tokens) / sum(english) -> sum(tokens) / len(english)"),
        slip("first-alone", "only the first text was counted", "sum(tokens) / sum(english) -> tokens[0] / english[0]"),
        slip("per-cent", "this is in per cent: asked is a multiple, 2 for twice the price",
             "sum(tokens) / sum(english) -> 100 * sum(tokens) / sum(english)"),
        slip("rounded", "it was rounded to a whole number",
             "sum(tokens) / sum(english) -> sum(tokens) // sum(english)"),
        slip("of-both", "this is the share of the tokens of both", "/ sum(english) -> / (sum(english) + sum(tokens))"),
        slip("longest-alone", "only the longest texts were compared",
             "sum(tokens) / sum(english) -> max(tokens) / max(english)"),
        slip("a-list", "this is a list, one ratio a text: asked is one number for all",
             "sum(tokens) / sum(english) -> [a / b for a, b in zip(tokens, english)]"),
    ]),
)  # fmt: skip
