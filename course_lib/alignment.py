"""Two languages' word vectors laid on top of each other by one rotation, and how well that translates.

    X, Y = normalise(english.vectors), normalise(french.vectors)
    lexicon = Lexicon.of(pairs, english, french)          # rows of words that both know
    train, test = lexicon.split()                         # no word of one stands in the other
    W = procrustes(X[train.rows], Y[train.partners])      # English, turned into French
    nearest(X[:1] @ W, Y, 10, density(Y, X @ W))          # the first word's ten answers, by CSLS
    evaluate(X, Y, W, test)                               # shares of words that are answered right, with intervals

What it is. `procrustes` finds the rotation (or reflection) that brings pairs closest; `nearest` asks for neighbours, by
cosine or by CSLS, which takes from a cosine what everybody is close to anyway; `precision` counts right answers among
the first k. `refine` goes on without more pairs: whom both sides call each other's nearest becomes a pair.

What it leaves out. Finding a first rotation with no pair at all (Conneau's adversary, Artetxe's sorted similarities);
vectors of words in a sentence; phrases.

Papers. Schönemann (1966), "A generalized solution of the orthogonal Procrustes problem"; Mikolov, Le & Sutskever
(2013), "Exploiting Similarities among Languages for Machine Translation"; Artetxe, Labaka & Agirre (2016), "Learning
principled bilingual mappings of word embeddings while preserving monolingual invariance" (lengths and means), and
(2017), "Learning bilingual word embeddings with (almost) no bilingual data" (`refine`); Conneau et al. (2018), "Word
Translation Without Parallel Data" (CSLS); Wilson (1927), for the interval of a share.

Shapes: N pairs, U and V words of the two languages, Q words that are asked for, D numbers a word.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from course_lib.intervals import Interval
from course_lib.keyed_vectors import KeyedVectors
from course_lib.settings import Size, require, require_as_many
from course_lib.shapes import shaped

BLOCK = 256  # rows in one matrix product: 20 MB of scores for 20,000 words


# ---- the rotation ----------------------------------------------------------------------------------------------------


@shaped
def normalise(vectors: Real[np.ndarray, "V D"]) -> Float[np.ndarray, "V D"]:
    """Rows of length 1, then of mean 0, then of length 1 again: a product of two rows is a cosine. Zero rows stay."""
    units = _units(np.asarray(vectors, np.float32))
    return _units(units - units.mean(0))


def _units(rows: Float[np.ndarray, "V D"]) -> Float[np.ndarray, "V D"]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths == 0, 1, lengths)


@shaped
def procrustes(X: Real[np.ndarray, "N D"], Y: Real[np.ndarray, "N E"]) -> Float[np.ndarray, "D E"]:
    """The W with W W' = 1 that makes the rows of X W and Y nearest: U V', where X' Y = U S V' (Schönemann 1966).

    Row i of X and row i of Y are a pair. X may be narrower than Y (D up to E). ValueError for no pair, a wider X, NaN.

    >>> procrustes(np.array([[1, 0], [0, 1]]), np.array([[0, 1], [-1, 0]])).tolist()  # a quarter turn
    [[0.0, 1.0], [-1.0, 0.0]]
    """
    require(X.shape[1] <= Y.shape[1], "the width of X", X.shape[1], f"at most Y's, {Y.shape[1]}")
    product = X.T.astype(np.float64) @ Y
    require(np.isfinite(product).all(), "X or Y", product, "without NaN or infinity: leave out words with no vector")
    U, _, Vt = np.linalg.svd(product, full_matrices=False)
    return (U @ Vt).astype(np.float32)


# ---- who is near -----------------------------------------------------------------------------------------------------


@shaped
def density(of: Float[np.ndarray, "V D"], among: Float[np.ndarray, "U D"], k: Size = 10) -> Float[np.ndarray, " V"]:
    """The mean cosine of each row with its k nearest rows of the other language: large for a word in a crowd."""
    k = min(k, len(among))
    blocks = (of[i : i + BLOCK] @ among.T for i in range(0, len(of), BLOCK))
    return np.concatenate([np.partition(block, -k, axis=1)[:, -k:].mean(1) for block in blocks])


@shaped
def nearest(queries: Float[np.ndarray, "Q D"], targets: Float[np.ndarray, "V D"], topn: Size = 10,
            crowd: Float[np.ndarray, " V"] | None = None) -> Int[np.ndarray, "Q n"]:
    """The `topn` rows of `targets` nearest to each query, nearest first.

    Without `crowd` by cosine; with it, the density of each target, by CSLS: 2 cosine - density. (CSLS takes off the
    query's own density, too. That is the same for all targets, and changes no order.)
    """
    found = []
    for i in range(0, len(queries), BLOCK):
        scores = queries[i : i + BLOCK] @ targets.T
        scores = scores if crowd is None else 2 * scores - crowd
        best = np.argpartition(-scores, min(topn, len(targets)) - 1, axis=1)[:, :topn]
        order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, order, 1))
    return np.concatenate(found)


# ---- pairs of words --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lexicon:
    """Translations, as pairs of rows: word `rows[i]` of one language may be said as word `partners[i]` of the other."""

    rows: Int[np.ndarray, " N"]
    partners: Int[np.ndarray, " N"]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], source: KeyedVectors, target: KeyedVectors) -> "Lexicon":
        """The pairs whose words both have a vector, each once. ValueError where there is none."""
        known = {(source.get_index(one), target.get_index(other)) for one, other in pairs
                 if one in source and other in target}  # fmt: skip
        require(bool(known), "pairs", pairs, "words with vectors on both sides: are they the right way round?")
        return cls(*np.array(sorted(known)).T)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def gold(self) -> dict[int, set[int]]:
        """Each word of the one language, and all that would be right for it."""
        found: dict[int, set[int]] = {}
        for row, partner in zip(self.rows.tolist(), self.partners.tolist()):
            found.setdefault(row, set()).add(partner)
        return found

    @shaped
    def only(self, keep: Bool[np.ndarray, " N"]) -> "Lexicon":
        """The pairs at the places that are True."""
        return Lexicon(self.rows[keep], self.partners[keep])

    def split(self, asked: Size = 500, seed: int = 0) -> tuple["Lexicon", "Lexicon"]:
        """Pairs to learn from, and all pairs of so many other words: no word of either language stands in both.

        ValueError where there are not more words than that.
        """
        words = np.unique(self.rows)
        require(asked < len(words), "the number of words to ask for", asked, f"below {len(words)}, all that there are")
        held = np.isin(self.rows, np.random.default_rng(seed).permutation(words)[:asked])
        test = self.only(held)
        return self.only(~held & ~np.isin(self.partners, test.partners)), test

    def some(self, count: Size, seed: int = 0) -> "Lexicon":
        """So many of the pairs, drawn at random."""
        keep = np.random.default_rng(seed).permutation(len(self))[:count]
        return Lexicon(self.rows[keep], self.partners[keep])

    def shuffled(self, seed: int = 0) -> "Lexicon":
        """The control: the same words on both sides, paired at random."""
        return Lexicon(self.rows, self.partners[np.random.default_rng(seed).permutation(len(self))])


@shaped
def precision(found: Int[np.ndarray, "Q n"], gold: Sequence[set[int]], k: Size = 1) -> Interval:
    """The share of queries with a right answer among the first k, and Wilson's 95% interval: the words are a sample."""
    require_as_many(queries=found, gold=gold)
    return share(sum(bool(set(right) & set(row[:k].tolist())) for row, right in zip(found, gold)), len(gold))


def share(right: int, all: int) -> Interval:
    """So many of all, and Wilson's 95% interval (1927): where the share of many more such questions would lie."""
    z, p = 1.96, right / all
    middle, half = p + z * z / (2 * all), z * math.sqrt(p * (1 - p) / all + z * z / (4 * all * all))
    return Interval(p, max(0.0, (middle - half) / (1 + z * z / all)), min(1.0, (middle + half) / (1 + z * z / all)))


class Scores(NamedTuple):
    """Shares of words with their intervals: right at once by cosine, by CSLS, and among the first ten by CSLS."""

    cosine: Interval
    csls: Interval
    ten: Interval


@shaped
def evaluate(X: Float[np.ndarray, "U D"], Y: Float[np.ndarray, "V E"], W: Float[np.ndarray, "D E"], test: Lexicon,
             frequent: Size = 4000) -> Scores:
    """How well X W translates the words of `test` into any word of Y. A crowd is of the first `frequent` rows of X."""
    asked, gold = _units(X[list(test.gold)] @ W), list(test.gold.values())
    crowded = nearest(asked, Y, 10, density(Y, _units(X[:frequent] @ W)))
    return Scores(precision(nearest(asked, Y, 1), gold), precision(crowded, gold), precision(crowded, gold, k=10))


# ---- without more pairs ----------------------------------------------------------------------------------------------


@shaped
def mutual(X: Float[np.ndarray, "U D"], Y: Float[np.ndarray, "V D"]) -> Lexicon:
    """The pairs of rows that are each other's nearest by CSLS: what two mapped languages believe of each other."""
    here, there = density(X, Y), density(Y, X)
    forth, back = nearest(X, Y, 1, there)[:, 0], nearest(Y, X, 1, here)[:, 0]
    rows = np.flatnonzero(back[forth] == np.arange(len(X)))
    return Lexicon(rows, forth[rows])


@shaped
def refine(X: Float[np.ndarray, "U D"], Y: Float[np.ndarray, "V D"], W: Float[np.ndarray, "D D"], rounds: Size = 3,
           frequent: Size = 3000) -> Float[np.ndarray, "D D"]:
    """Turn, look who is mutual among the first `frequent` words of both, turn by these; so many rounds."""
    X, Y = X[:frequent], Y[:frequent]
    for _ in range(rounds):
        pairs = mutual(X @ W, Y)
        W = procrustes(X[pairs.rows], Y[pairs.partners])
    return W
