"""Words and their vectors: neighbours and analogies, by the sum and by the product.

A `KeyedVectors` is what is left when training is over: a list of words and a float32 matrix with one row per word. It
knows nothing of how the rows came about. It leaves out training, word counts and approximate search. Its scores against
people's judgement are those of `evaluation`, its files those of `vector_files`. A model that can make a vector for a
word that it has never seen (fastText's, out of the word's parts) overrides `unknown_vector`.

Papers: Mikolov, Chen, Corrado & Dean (2013), "Efficient Estimation of Word Representations in Vector Space" (analogies
as sums, 3CosAdd); Levy & Goldberg (2014), "Linguistic Regularities in Sparse and Explicit Word Representations"
(3CosMul).

Shapes: V words, D numbers a word, Q queries.
"""

import difflib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from unicodedata import normalize

import numpy as np
from jaxtyping import Float, Int, Real

from course_lib import evaluation, vector_files
from course_lib.settings import Size, require, require_as_many, require_once
from course_lib.shapes import shaped

QUERY_BLOCK = 512  # queries and
WORD_BLOCK = 2048  # words in one matrix product: 4 MB of scores, whatever the size of the vocabulary
EPSILON = 0.001  # of 3CosMul, so that nothing is divided by zero; the value of Levy & Goldberg


class UnknownWordError(KeyError):
    """A word without a vector. A KeyError, but one that prints as a sentence, without quotes around it.

    `hint` ends the sentence. It is asked for when the error is printed: to look for near spellings takes long.
    """

    def __init__(self, sentence: str, hint: Callable[[], str] = str):
        super().__init__(sentence)
        self.hint = hint

    def __str__(self) -> str:
        return self.args[0] + self.hint()


class KeyedVectors:
    """`keys` (V distinct words, most frequent first by custom) and `vectors` (V x D), kept as read-only float32.

    A matrix that is float32 already is not copied, so do not go on changing it: the lengths of the rows are computed
    once, here. A zero vector has cosine 0 with everything.

    >>> vectors = KeyedVectors(["north", "east", "northeast"], [[0, 1], [1, 0], [1, 1]])
    >>> vectors.most_similar("north", topn=1)
    [('northeast', 0.7071067690849304)]

    Raises ValueError for an empty or repeated word, a wrong shape, unequal numbers, and NaN or infinite vectors.
    """

    @shaped
    def __init__(self, keys: Iterable[str], vectors: Real[np.ndarray, "V D"]):
        self.index_to_key = list(keys)
        with np.errstate(over="ignore"):  # a float64 too large for float32 becomes inf and is named below
            self.vectors = np.ascontiguousarray(vectors, dtype=np.float32).view()
        self.vectors.flags.writeable = False
        require_as_many(words=self.index_to_key, vectors=self.vectors)
        self.key_to_index = _index(self.index_to_key)
        self.vector_size = self.vectors.shape[1]
        self.norms = _norms(self.vectors)  # [V]
        for row in np.flatnonzero(~np.isfinite(self.norms)):
            raise ValueError(f"the vector of {self.index_to_key[row]!r} (row {row}) holds NaN or infinity: drop it.")

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return self._row(word) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.index_to_key)

    def __repr__(self) -> str:
        return f"KeyedVectors({len(self):,} words x {self.vector_size})"

    def __getitem__(self, word: str | Sequence[str]) -> Float[np.ndarray, "*N D"]:
        """The vector of a word [D], or of a list of words [N, D]."""
        if isinstance(word, str):
            return self.get_vector(word)
        if isinstance(word, (list, tuple)):
            return np.array([self.get_vector(one) for one in word], dtype=np.float32).reshape(-1, self.vector_size)
        return self.get_vector(word)

    def get_index(self, word: str) -> int:
        """Row of a word. An unknown word raises a KeyError that names the nearest spellings."""
        if (row := self._row(word)) is None:
            raise self._unknown(word)
        return row

    def _row(self, word: object) -> int | None:
        """The row of a word as it is spelled, else with each accent and its letter as one character (NFC)."""
        if not isinstance(word, str):
            return None
        row = self.key_to_index.get(word)
        return self.key_to_index.get(normalize("NFC", word)) if row is None else row

    def get_vector(self, word: str, norm: bool = False) -> Float[np.ndarray, " D"]:
        """The vector of a word; with `norm`, scaled to length 1 (a zero vector stays zero).

        A word outside the vocabulary has one only if `unknown_vector` makes it; else a KeyError names near spellings.
        """
        row = self._row(word)
        vector = self.unknown_vector(word) if row is None else self.vectors[row]
        if vector is None:
            raise self._unknown(word)
        return _unit(vector[None], _norms(vector[None]))[0] if norm else vector

    def units(self, rows: slice | Int[np.ndarray, " N"]) -> Float[np.ndarray, "N D"]:
        """The vectors of some rows, scaled to length 1; zero vectors stay zero."""
        return _unit(self.vectors[rows], self.norms[rows])

    def unknown_vector(self, word: str) -> Float[np.ndarray, " D"] | None:
        """The vector of a word outside the vocabulary; None, as here, where there is none.

        The one method to override in a model that makes vectors out of parts of words: `get_vector`, `similarity`,
        `most_similar` and, with `unknown_too`, the scores of pairs then take any word. `in` stays "in the vocabulary".
        """
        return None

    def similarity(self, first: str, second: str) -> float:
        """Cosine of the angle between two words, -1 to 1; 0 if one of them has a zero vector."""
        units = [self.get_vector(word, norm=True).astype(np.float64) for word in (first, second)]
        return float(units[0] @ units[1])

    @shaped
    def most_similar(self, positive=(), negative=(), topn: Size = 10, restrict_vocab: Size | None = None,
                     exclude: bool = True) -> list[tuple[str, float]]:
        """The `topn` words nearest to the sum of `positive` minus `negative`: [(word, cosine), ...], nearest first.

        Each side is a word, a vector [D], or a list of them. Words enter with length 1, vectors as they are (so in
        gensim). Words of the question never answer it, unless `exclude` is False. `restrict_vocab` looks only at the
        first so many words. Where fewer than `topn` words are left, all of them come back. Raises ValueError for
        `topn` below 1, for an empty question and for one that sums to zero, as king - king does.
        """
        plus, minus, asked = self._question(positive, negative)
        query = np.sum(plus, axis=0) - np.sum(minus, axis=0)
        require(query.any(), "question", (positive, negative), "one that does not add up to a zero vector")
        return self._spelled(*self.nearest(query[None], topn, [asked] if exclude else None, restrict_vocab))

    @shaped
    def most_similar_cosmul(self, positive=(), negative=(), topn: Size = 10, restrict_vocab: Size | None = None,
                            exclude: bool = True) -> list[tuple[str, float]]:
        """The `topn` words near to all of `positive` and far from all of `negative`, by 3CosMul: [(word, score), ...].

        The score of a word is the product of its nearness to each of `positive`, over the product of its nearness to
        each of `negative` plus EPSILON; nearness is (1 + cosine) / 2, so that none is negative. One large difference
        cannot outvote the rest, as in a sum. Arguments and errors as in `most_similar`. Levy & Goldberg (2014).
        """
        plus, minus, asked = self._question(positive, negative)
        terms = np.array([*plus, *minus]).reshape(-1, self.vector_size)
        require(terms.any(), "question", (positive, negative), "one with a word or a vector that points anywhere")
        sides = np.split(np.arange(len(terms))[None], [len(plus)], axis=1)  # [1, P], [1, N]
        banned = [asked] if exclude else None
        return self._spelled(*self.nearest_cosmul(terms, *sides, topn, banned, restrict_vocab))

    def _question(self, positive, negative) -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
        """The vectors of both sides of a question, and the rows of its words."""
        sides = _as_list(positive), _as_list(negative)
        plus, minus = ([self._query_vector(item) for item in side] for side in sides)
        rows = (self._row(item) for side in sides for item in side)
        return plus, minus, [row for row in rows if row is not None]

    def _spelled(self, ids: Int[np.ndarray, "1 N"], scores: Float[np.ndarray, "1 N"]) -> list[tuple[str, float]]:
        return [(self.index_to_key[i], float(score)) for i, score in zip(ids[0], scores[0], strict=True)
                if score > -np.inf]

    @shaped
    def nearest(self, queries: Real[np.ndarray, "Q vector_size"], topn: Size = 10,
                exclude: Sequence[Sequence[int]] | None = None, restrict_vocab: Size | None = None,
                ) -> tuple[Int[np.ndarray, "Q N"], Float[np.ndarray, "Q N"]]:
        """Rows of the `topn` nearest words to each of many vectors, and their cosines; N = min(topn, words looked at).

        `exclude[q]` are rows that must not answer query q; where too few others are left, the cosine is -inf.
        Words are taken in blocks, so memory does not grow with the vocabulary.
        """
        queries = _of_length_one(queries)
        return self._search(lambda rows, words: queries[rows] @ words.T, len(queries), topn, exclude, restrict_vocab)

    @shaped
    def nearest_cosmul(self, terms: Real[np.ndarray, "T D"], positive: Int[np.ndarray, "Q P"],
                       negative: Int[np.ndarray, "Q N"], topn: Size = 10,
                       exclude: Sequence[Sequence[int]] | None = None, restrict_vocab: Size | None = None,
                       ) -> tuple[Int[np.ndarray, "Q n"], Float[np.ndarray, "Q n"]]:
        """`nearest` by 3CosMul: which of `terms` each query wants near and far, by their places in it."""
        score = _cosmul(_of_length_one(terms), positive, negative)
        return self._search(score, len(positive), topn, exclude, restrict_vocab)

    def _search(self, score: Callable, num_queries: int, topn: int, exclude, restrict_vocab):
        """The one search, by any score: `score(a slice of the queries, unit vectors of w words [w, D])` -> [q, w]."""
        num_words = len(self.vectors[:restrict_vocab])
        topn, exclude = min(topn, num_words), exclude or [()] * num_queries
        ids = np.zeros((num_queries, topn), dtype=np.int64)
        scores = np.full((num_queries, topn), -np.inf, dtype=np.float32)
        for low in range(0, num_queries, QUERY_BLOCK):
            rows = slice(low, low + QUERY_BLOCK)
            block = functools.partial(score, rows)
            ids[rows], scores[rows] = self._search_block(block, topn, exclude[rows], num_words)
        return ids, scores

    def _search_block(self, score: Callable, topn: int, exclude, num_words: int):
        """`_search` for one block of queries: keep the best of every block of words, then of those."""
        rows = np.repeat(np.arange(len(exclude)), [len(one) for one in exclude])
        banned = np.array([i for one in exclude for i in one], dtype=np.int64)
        ids, scores = [], []
        for low in range(0, num_words, WORD_BLOCK):
            words = slice(low, min(low + WORD_BLOCK, num_words))
            block = score(self.units(words))  # [q, w]
            here = (banned >= low) & (banned < words.stop)
            block[rows[here], banned[here] - low] = -np.inf
            best = _largest(block, topn)  # [q, n]
            ids.append(best + low)
            scores.append(np.take_along_axis(block, best, axis=1))
        ids, scores = np.concatenate(ids, axis=1), np.concatenate(scores, axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :topn]  # stable: the more frequent word wins a tie
        return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)

    def _query_vector(self, item) -> Float[np.ndarray, " D"]:
        if isinstance(item, str):
            return self.get_vector(item, norm=True).astype(np.float64)
        vector = np.asarray(item)
        fits = vector.dtype.kind in "fiu" and vector.shape == (self.vector_size,) and np.isfinite(vector).all()
        require(fits, "question", item, f"of words and of vectors of {self.vector_size} finite numbers")
        return vector.astype(np.float64)

    def _unknown(self, word: object) -> UnknownWordError:
        """The error for a word that is not there."""
        if not isinstance(word, str):
            return UnknownWordError(f"{word!r} is a {type(word).__name__}, not a word: ask with a string.")
        sentence = f"{word!r} is not among the {len(self):,} words that have a vector"
        return UnknownWordError(sentence, functools.partial(_hint, word, self.index_to_key))

    # ---- Scores and files ----------------------------------------------------------------------------------------

    pair_cosines = evaluation.pair_cosines
    answer_analogies = evaluation.answer_analogies
    evaluate_word_pairs = evaluation.evaluate_word_pairs
    evaluate_word_analogies = evaluation.evaluate_word_analogies

    def save_word2vec_format(self, path: str | os.PathLike, binary: bool = False) -> None:
        """Write word2vec.c's file: a line "V D", then each word with its D numbers, as text or as raw float32.

        The file appears when it is complete, never half-written. Raises ValueError for a word with white space, which
        the format cannot hold.
        """
        vector_files.write_word2vec(path, self.index_to_key, self.vectors, binary)

    @classmethod
    def load_word2vec_format(cls, path: str | os.PathLike, binary: bool = False, limit: int | None = None,
                             unicode_errors: str = "strict") -> "KeyedVectors":
        """Read word2vec.c's file, text or `binary` (with or without a line end after each vector).

        `limit` stops after so many words. Of a word that appears twice, the first vector is kept and one warning
        given. `unicode_errors="replace"` admits words that are not UTF-8. Raises FileNotFoundError, and ValueError,
        naming the row, for a file that is empty, truncated, of the other kind, or not what its first line promises.
        """
        return cls(*vector_files.read_word2vec(path, binary, limit, unicode_errors))

    def save_npz(self, path: str | os.PathLike, dtype: str = "float16") -> None:
        """Write words and vectors into one compressed NumPy archive; float16 takes half the room of "float32".

        Each number then keeps eleven of its 24 significant bits, which moves a cosine by about 0.0001. The file appears
        when it is complete, never half-written; equal vectors give equal bytes. Raises ValueError for another dtype,
        for numbers beyond 65,504 in float16, and for a word that cannot be written as UTF-8.
        """
        vector_files.write_npz(path, self.index_to_key, self.vectors, dtype)

    @classmethod
    def load_npz(cls, path: str | os.PathLike) -> "KeyedVectors":
        """Read what `save_npz` wrote. FileNotFoundError; ValueError for a damaged, truncated or other file."""
        return cls(*vector_files.read_npz(path))


# ---- Small numerical helpers -----------------------------------------------------------------------------------

def _norms(vectors: Float[np.ndarray, "V D"]) -> Float[np.ndarray, " V"]:
    """Length of each row; summed in float64, where no float32 square overflows or vanishes."""
    squares = np.einsum("vd,vd->v", vectors, vectors, dtype=np.float64)
    lengths = np.sqrt(squares)
    most = np.finfo(np.float32).max
    return np.where(np.isfinite(lengths), np.minimum(lengths, most), lengths).astype(np.float32)


def _unit(vectors: Float[np.ndarray, "N D"], norms: Float[np.ndarray, " N"]) -> Float[np.ndarray, "N D"]:
    """Rows scaled to length 1; zero rows stay zero."""
    return vectors / np.where(norms == 0, 1, norms)[:, None]


def _of_length_one(vectors: Real[np.ndarray, "N D"]) -> Float[np.ndarray, "N D"]:
    """The same for vectors from outside, whose lengths are not known yet."""
    vectors = np.asarray(vectors, dtype=np.float64)
    return _unit(vectors, np.linalg.norm(vectors, axis=1)).astype(np.float32)


def _cosmul(terms: Float[np.ndarray, "T D"], positive: Int[np.ndarray, "Q P"],
            negative: Int[np.ndarray, "Q N"]) -> Callable:
    """3CosMul as a score for `_search`: each query's places of its positive and negative terms in `terms`."""
    def score(rows: slice, words: Float[np.ndarray, "w D"]) -> Float[np.ndarray, "q w"]:
        places = np.hstack([positive[rows], negative[rows]])
        used, columns = np.unique(places, return_inverse=True)  # questions share words: each meets `words` once
        near = (1 + terms[used] @ words.T) / 2  # [u, w]
        columns = columns.reshape(places.shape).T
        above, below = (_product(near, part) for part in np.split(columns, [positive.shape[1]]))
        below += np.float32(EPSILON)
        return np.divide(above, below, out=above)
    return score


def _product(near: Float[np.ndarray, "u w"], columns: Int[np.ndarray, "K q"]) -> Float[np.ndarray, "q w"]:
    """For each query the product of its K rows of `near`, in place: the sizes make every copy felt."""
    if not len(columns):
        return np.ones((columns.shape[1], near.shape[1]), dtype=np.float32)
    product = near[columns[0]]
    for column in columns[1:]:
        product *= near[column]
    return product


def _largest(scores: Float[np.ndarray, "Q W"], topn: int) -> Int[np.ndarray, "Q N"]:
    """Columns of the `topn` largest entries of each row, in no order."""
    if topn == 1:
        return scores.argmax(axis=1)[:, None]
    if topn >= scores.shape[1]:
        return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return np.sort(np.argpartition(scores, -topn, axis=1)[:, -topn:], axis=1)


def _index(words: list[str]) -> dict[str, int]:
    """Word -> row, or one sentence about the first word that cannot be a key."""
    odd = [word for word in words if not isinstance(word, str) or not word]
    require(not odd, "words", odd, "strings that are not empty")
    rows = {word: row for row, word in enumerate(words)}
    if len(rows) < len(words):
        require_once(words, "word")
    return rows


def _as_list(side) -> list:
    """A word, a vector, or several of them -> a list of words and vectors."""
    if isinstance(side, str):
        return [side]
    if isinstance(side, np.ndarray):
        return [side] if side.ndim == 1 else list(side)
    try:
        return list(side)
    except TypeError:
        return [side]


def _hint(word: str, words: Sequence[str]) -> str:
    near = _nearest_spellings(word, words)
    return f"; nearest spellings: {', '.join(near)}." if near else "; and no word is spelled like it."


def _nearest_spellings(word: str, words: Sequence[str], most: int = 3) -> list[str]:
    """Up to three words spelled like `word`, first the same word in another case."""
    words = words[:200_000]  # the frequent ones; more would take seconds
    same = [other for other in words if other.lower() == word.lower()]
    close = [other for other in words if abs(len(other) - len(word)) <= 2 and other not in same]
    return (same + difflib.get_close_matches(word.lower(), close, n=most, cutoff=0.7))[:most]
