"""Words and their vectors: neighbours, analogies, scores against people's judgement, and files.

A `KeyedVectors` is what is left when training is over: a list of words and a float32 matrix with one row per word. It
knows nothing of how the rows came about. It leaves out training, word counts and approximate search. A model that can
make a vector for a word that it has never seen (fastText's, out of the word's parts) overrides `unknown_vector`.

Papers: Mikolov, Chen, Corrado & Dean (2013), "Efficient Estimation of Word Representations in Vector Space" (the
analogy questions and how they are scored, 3CosAdd); Levy & Goldberg (2014), "Linguistic Regularities in Sparse and
Explicit Word Representations" (3CosMul); Finkelstein et al. (2002), "Placing Search in Context: The Concept
Revisited" (WordSim-353, scored by rank correlation).

Shapes: V words, D numbers a word, Q queries.
"""

import difflib
import functools
import io
import mmap
import os
import secrets
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

QUERY_BLOCK = 512  # queries and
WORD_BLOCK = 2048  # words in one matrix product: 4 MB of scores, whatever the size of the vocabulary
LONGEST_WORD = 4096  # bytes; a "word" beyond this is not a word but the middle of a vector
EPSILON = 0.001  # of 3CosMul, so that nothing is divided by zero; the value of Levy & Goldberg
METHODS = ("3cosadd", "3cosmul")
C_WHITESPACE = " \t\n\v\f\r"  # what word2vec.c's reader takes for the end of a word


class UnknownWordError(KeyError):
    """A word without a vector. A KeyError, but one that prints as a sentence, without quotes around it."""

    def __str__(self) -> str:
        return str(self.args[0])


class KeyedVectors:
    """`keys` (V distinct words, most frequent first by custom) and `vectors` (V x D), kept as read-only float32.

    A matrix that is float32 already is not copied, so do not go on changing it: the lengths of the rows are computed
    once, here. A zero vector has cosine 0 with everything.

    >>> vectors = KeyedVectors(["north", "east", "northeast"], [[0, 1], [1, 0], [1, 1]])
    >>> vectors.most_similar("north", topn=1)
    [('northeast', 0.7071067690849304)]

    Raises ValueError for an empty or repeated word, a wrong shape, unequal numbers, and NaN or infinite vectors.
    """

    def __init__(self, keys: Iterable[str], vectors: Float[np.ndarray, "V D"]):
        self.index_to_key = list(keys)
        with np.errstate(over="ignore"):  # a float64 too large for float32 becomes inf and is named below
            self.vectors = _as_matrix(vectors).view()
        self.vectors.flags.writeable = False
        if len(self.index_to_key) != len(self.vectors):
            raise ValueError(f"there are {len(self.index_to_key)} words but {len(self.vectors)} vectors: "
                             "give one row for each word.")
        self.key_to_index = _index(self.index_to_key)
        self.vector_size = self.vectors.shape[1]
        self.norms = _norms(self.vectors)  # [V]
        if not np.isfinite(self.norms).all():
            row = int(np.flatnonzero(~np.isfinite(self.norms))[0])
            raise ValueError(f"the vector of {self.index_to_key[row]!r} (row {row}) holds NaN or infinity: "
                             "did the training diverge? Try a smaller learning rate.")

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and word in self.key_to_index

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
        if word in self:
            return self.key_to_index[word]
        raise UnknownWordError(self._unknown(word))

    def get_vector(self, word: str, norm: bool = False) -> Float[np.ndarray, " D"]:
        """The vector of a word; with `norm`, scaled to length 1 (a zero vector stays zero).

        A word outside the vocabulary has one only if `unknown_vector` makes it; else a KeyError names near spellings.
        """
        vector = self.vectors[self.key_to_index[word]] if word in self else self.unknown_vector(word)
        if vector is None:
            raise UnknownWordError(self._unknown(word))
        return _unit(vector[None], _norms(vector[None]))[0] if norm else vector

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

    def most_similar(self, positive=(), negative=(), topn: int = 10, restrict_vocab: int | None = None,
                     exclude: bool = True) -> list[tuple[str, float]]:
        """The `topn` words nearest to the sum of `positive` minus `negative`: [(word, cosine), ...], nearest first.

        Each side is a word, a vector [D], or a list of them. Words enter with length 1, vectors as they are (so in
        gensim). Words of the question never answer it, unless `exclude` is False. `restrict_vocab` looks only at the
        first so many words. Where fewer than `topn` words are left, all of them come back. Raises ValueError for
        `topn` below 1, for an empty question and for one that sums to zero, as king - king does.
        """
        plus, minus, asked = self._question(positive, negative, topn)
        query = np.sum(plus, axis=0) - np.sum(minus, axis=0)
        if not query.any():
            raise ValueError("the question adds up to a zero vector, which points nowhere: "
                             "ask with other words or with a vector that is not zero.")
        return self._spelled(*self.nearest(query[None], topn, [asked] if exclude else None, restrict_vocab))

    def most_similar_cosmul(self, positive=(), negative=(), topn: int = 10, restrict_vocab: int | None = None,
                            exclude: bool = True) -> list[tuple[str, float]]:
        """The `topn` words near to all of `positive` and far from all of `negative`, by 3CosMul: [(word, score), ...].

        The score of a word is the product of its nearness to each of `positive`, over the product of its nearness to
        each of `negative` plus EPSILON; nearness is (1 + cosine) / 2, so that none is negative. One large difference
        cannot outvote the rest, as in a sum. Arguments and errors as in `most_similar`. Levy & Goldberg (2014).
        """
        plus, minus, asked = self._question(positive, negative, topn)
        terms = np.array([*plus, *minus]).reshape(-1, self.vector_size)
        terms = _unit(terms, np.linalg.norm(terms, axis=1)).astype(np.float32)  # [T, D]
        if not terms.any():
            raise ValueError("the question holds no word and no vector that points anywhere: ask with other words.")
        places = np.arange(len(terms))[None]  # [1, T]
        score = _cosmul(terms, places[:, :len(plus)], places[:, len(plus):])
        return self._spelled(*self._search(score, 1, topn, [asked] if exclude else None, restrict_vocab))

    def _question(self, positive, negative, topn: int) -> tuple[list[np.ndarray], list[np.ndarray], list[int]]:
        """The vectors of both sides of a question, and the rows of its words."""
        if isinstance(topn, bool) or not isinstance(topn, (int, np.integer)) or topn < 1:
            raise ValueError(f"topn is {topn!r}: ask for 1 neighbour or more.")
        sides = _as_list(positive), _as_list(negative)
        plus, minus = ([self._query_vector(item) for item in side] for side in sides)
        asked = [self.key_to_index[item] for side in sides for item in side if isinstance(item, str) and item in self]
        return plus, minus, asked

    def _spelled(self, ids: Int[np.ndarray, "1 N"], scores: Float[np.ndarray, "1 N"]) -> list[tuple[str, float]]:
        return [(self.index_to_key[i], float(score)) for i, score in zip(ids[0], scores[0], strict=True)
                if score > -np.inf]

    def nearest(self, queries: Float[np.ndarray, "Q D"], topn: int = 10, exclude: Sequence[Sequence[int]] | None = None,
                restrict_vocab: int | None = None) -> tuple[Int[np.ndarray, "Q N"], Float[np.ndarray, "Q N"]]:
        """Rows of the `topn` nearest words to each of many vectors, and their cosines; N = min(topn, words looked at).

        `exclude[q]` are rows that must not answer query q; where too few others are left, the cosine is -inf.
        Words are taken in blocks, so memory does not grow with the vocabulary. This is the one search of the module.
        """
        queries = np.asarray(queries, dtype=np.float64)
        queries = _unit(queries, np.linalg.norm(queries, axis=1)).astype(np.float32)  # [Q, D]
        return self._search(lambda rows, words: queries[rows] @ words.T, len(queries), topn, exclude, restrict_vocab)

    def _search(self, score: Callable, num_queries: int, topn: int, exclude, restrict_vocab):
        """`nearest` by any score: `score(a slice of the queries, unit vectors of w words [w, D])` -> [q, w]."""
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
            block = score(_unit(self.vectors[words], self.norms[words]))  # [q, w]
            here = (banned >= low) & (banned < words.stop)
            block[rows[here], banned[here] - low] = -np.inf
            best = _largest(block, topn)  # [q, n]
            ids.append(best + low)
            scores.append(np.take_along_axis(block, best, axis=1))
        ids, scores = np.concatenate(ids, axis=1), np.concatenate(scores, axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :topn]  # stable: the more frequent word wins a tie
        return np.take_along_axis(ids, order, axis=1), np.take_along_axis(scores, order, axis=1)

    # ---- Scores ------------------------------------------------------------------------------------------------

    def evaluate_word_pairs(self, pairs: str | os.PathLike | Iterable, delimiter: str = "\t",
                            restrict_vocab: int | None = 300_000, case_insensitive: bool = True,
                            dummy4unknown: bool = False, unknown_too: bool = False,
                            ) -> tuple[tuple[float, float], tuple[float, float], float]:
        """Do the cosines agree with people? -> ((pearson, p), (spearman, p), percentage of pairs left out).

        `pairs`: (word, word, score) triples, or a file with one such triple a line, `#` for comments. A pair with an
        unknown word is left out and counted; with `dummy4unknown` its cosine counts as 0. Case-insensitive means that
        the first (most frequent) spelling of a word speaks for it. Meanings and defaults are gensim's. `unknown_too`
        asks `unknown_vector` for words outside the vocabulary first.
        Raises ValueError where fewer than two pairs are known or all cosines (or all judgements) are equal.
        """
        pairs, name = list(_read_pairs(pairs, delimiter)), _name(pairs)
        cosines = self.pair_cosines(pairs, restrict_vocab, case_insensitive, unknown_too)
        known = np.isfinite(cosines)
        kept = known | dummy4unknown
        gold, model = np.array([score for *_, score in pairs])[kept], np.where(known, cosines, 0)[kept]
        _check_correlation(gold, model, len(pairs), int((~known).sum()), name)
        with np.errstate(all="ignore"):  # two pairs alone have no p-value
            pearson, spearman = stats.pearsonr(gold, model), stats.spearmanr(gold, model)
        left_out = 100 * float((~known).mean())
        return (float(pearson[0]), float(pearson[1])), (float(spearman[0]), float(spearman[1])), left_out

    def pair_cosines(self, pairs: Iterable[Sequence], restrict_vocab: int | None = 300_000,
                     case_insensitive: bool = True, unknown_too: bool = False) -> Float[np.ndarray, " P"]:
        """The cosine of each pair (word, word, anything more); NaN where a word is unknown.

        Arguments as in `evaluate_word_pairs`.
        """
        rows = self._known_rows(restrict_vocab, case_insensitive)

        def vector(word: str) -> np.ndarray | None:
            row = rows.get(word.upper() if case_insensitive else word)
            if row is not None:
                return self.vectors[row]
            return self.unknown_vector(word) if unknown_too else None

        found = ((vector(first), vector(second)) for first, second, *_ in pairs)
        return np.array([np.nan if one is None or other is None else _cosine(one, other) for one, other in found])

    def evaluate_word_analogies(self, analogies: str | os.PathLike | Mapping[str, Sequence],
                                restrict_vocab: int | None = 300_000, case_insensitive: bool = True,
                                dummy4unknown: bool = False, method: str = "3cosadd",
                                exclude: bool = True) -> tuple[float, list[dict]]:
        """Share of questions "a is to b as c is to ?" whose nearest word to b - a + c is right -> (score, sections).

        `analogies`: section -> list of (a, b, c, answer), or a file with `: section` lines and four words a line.
        Each section is {'section': name, 'correct': [...], 'incorrect': [...]}; the last one, 'Total accuracy', holds
        all. a, b and c (in any case, if `case_insensitive`) never answer, unless `exclude` is False. A question with
        an unknown word is left out; with `dummy4unknown` it counts as incorrect. Meanings and defaults are gensim's.
        `method` is "3cosadd" (the word nearest to b - a + c) or "3cosmul" (see `most_similar_cosmul`).
        Raises ValueError where no question has all its words in the vocabulary, and for an unknown method.
        """
        rows = self._known_rows(restrict_vocab, case_insensitive)
        sections, asked = [], []
        for name, questions in _read_analogies(analogies):
            sections.append({"section": name, "correct": [], "incorrect": []})
            for words in questions:
                words = tuple(word.upper() for word in words) if case_insensitive else tuple(words)
                known = all(word in rows for word in words)
                if known or dummy4unknown:
                    asked.append((sections[-1], words, known))
        if not asked:
            raise ValueError(f"no question of {_name(analogies)} has all four words in the vocabulary: "
                             "is it the same language, and spelled the same way?")
        questions = [[rows[word] for word in words] for _, words, known in asked if known]
        answers = iter(self._answers(questions, rows, restrict_vocab, method, exclude))
        for section, words, known in asked:
            section["correct" if known and next(answers) == rows[words[3]] else "incorrect"].append(words)
        return _with_total(sections)

    def answer_analogies(self, questions: Sequence[Sequence[str]], restrict_vocab: int | None = 300_000,
                         case_insensitive: bool = True, method: str = "3cosadd",
                         exclude: bool = True) -> list[str | None]:
        """The word that answers each question (a, b, c, ...): "a is to b as c is to ?"; None where one is unknown.

        All words of a question must be known, also a fourth, the right answer, where it is given; and None stands,
        too, where `exclude` leaves no word. Arguments as in `evaluate_word_analogies`.
        """
        if odd := [words for words in questions if isinstance(words, str) or len(words) not in (3, 4)]:
            raise ValueError(f"a question must be three or four words (a, b, c and the answer), not {odd[0]!r}.")
        rows = self._known_rows(restrict_vocab, case_insensitive)
        spelled = ([word.upper() if case_insensitive else word for word in words] for words in questions)
        ids = [[rows[word] for word in words] if all(word in rows for word in words) else None for words in spelled]
        answers = iter(self._answers([one for one in ids if one], rows, restrict_vocab, method, exclude))
        found = [next(answers) if one else -1 for one in ids]
        return [self.index_to_key[row] if row >= 0 else None for row in found]

    def _answers(self, questions: list[list[int]], rows: dict[str, int], restrict_vocab: int | None, method: str,
                 exclude: bool) -> list[int]:
        """The row that answers each question (rows of a, b, c, ...), of its first spelling; -1 where none is left."""
        if method not in METHODS:
            raise ValueError(f"method is {method!r}: choose {' or '.join(map(repr, METHODS))}.")
        if not questions:
            return []
        asked = np.array([question[:3] for question in questions])  # [Q, 3]
        first = np.arange(len(self))  # the row that speaks for each row: its own, or its first other spelling
        if len(rows) < len(self.index_to_key[:restrict_vocab]):
            upper = (word.upper() for word in self.index_to_key[:restrict_vocab])
            first[:restrict_vocab] = np.fromiter((rows[word] for word in upper), dtype=np.int64)
        banned = _spellings(first, asked) if exclude else None
        if method == "3cosmul":
            used, places = np.unique(asked, return_inverse=True)
            places = places.reshape(asked.shape)
            score = _cosmul(_unit(self.vectors[used], self.norms[used]), places[:, 1:], places[:, :1])
            ids, scores = self._search(score, len(asked), 1, banned, restrict_vocab)
        else:
            a, b, c = (_unit(self.vectors[column], self.norms[column]) for column in asked.T)  # each [Q, D]
            ids, scores = self.nearest(b - a + c, 1, banned, restrict_vocab)
        return np.where(scores[:, 0] > -np.inf, first[ids[:, 0]], -1).tolist()

    def _known_rows(self, restrict_vocab: int | None, case_insensitive: bool) -> dict[str, int]:
        """Word (in capitals, if case does not matter) -> row, the first one where several spellings fall together."""
        rows: dict[str, int] = {}
        for row, word in enumerate(self.index_to_key[:restrict_vocab]):
            rows.setdefault(word.upper() if case_insensitive else word, row)
        return rows

    def _query_vector(self, item) -> Float[np.ndarray, " D"]:
        if isinstance(item, str):
            return self.get_vector(item, norm=True).astype(np.float64)
        vector = np.asarray(item)
        if vector.dtype.kind not in "fiu" or vector.shape != (self.vector_size,):
            raise ValueError(f"a question is made of words and of vectors of {self.vector_size} numbers, "
                             f"not of {type(item).__name__} {np.shape(item) or repr(item)}.")
        if not np.isfinite(vector).all():
            raise ValueError("a vector of the question holds NaN or infinity: look where it was computed.")
        return vector.astype(np.float64)

    def _unknown(self, word: object) -> str:
        """The sentence for a word that is not there."""
        if not isinstance(word, str):
            return f"{word!r} is a {type(word).__name__}, not a word: ask with a string."
        near = _nearest_spellings(word, self.index_to_key)
        hint = f"nearest spellings: {', '.join(near)}." if near else "and no word is spelled like it."
        return f"{word!r} is not among the {len(self):,} words that have a vector; {hint}"

    # ---- Files -------------------------------------------------------------------------------------------------

    def save_word2vec_format(self, path: str | os.PathLike, binary: bool = False) -> None:
        """Write word2vec.c's file: a line "V D", then each word with its D numbers, as text or as raw float32.

        Text keeps nine significant digits, so that float32 comes back bit for bit (word2vec.c keeps six decimals).
        The file appears when it is complete, never half-written. Raises ValueError for a word with white space, which
        the format cannot hold.
        """
        words = [_encode(word) for word in self.index_to_key]
        template = b" ".join([b"%.9g"] * self.vector_size)
        with _complete_or_absent(Path(path)) as file:
            file.write(b"%d %d\n" % self.vectors.shape)
            for word, row in zip(words, self.vectors, strict=True):
                numbers = row.astype("<f4").tobytes() if binary else template % tuple(row.tolist())
                file.write(b"%b %b\n" % (word, numbers))

    @classmethod
    def load_word2vec_format(cls, path: str | os.PathLike, binary: bool = False, limit: int | None = None,
                             unicode_errors: str = "strict") -> "KeyedVectors":
        """Read word2vec.c's file, text or `binary` (with or without a line end after each vector).

        `limit` stops after so many words. Of a word that appears twice, the first vector is kept and one warning
        given. `unicode_errors="replace"` admits words that are not UTF-8. Raises FileNotFoundError, and ValueError,
        naming the row, for a file that is empty, truncated, of the other kind, or not what its first line promises.
        """
        path = Path(path)
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit!r}: read 1 word or more, or None for all.")
        if not path.is_file():
            raise FileNotFoundError(f"there is no vector file at {path}: check the path"
                                    f"{' (it is a folder)' if path.is_dir() else ''}.")
        with open(path, "rb") as file:
            count, size = _read_header(file, path)
            _refuse_other_kind(file, path, size, binary)
            room = path.stat().st_size // (2 + (4 if binary else 2) * size)  # rows that fit, whatever the header says
            vectors = np.empty((min(count, room, limit or count), size), dtype=np.float32)
            rows = (_binary_rows if binary else _text_rows)(file, path, count, size, limit)
            words = _fill(vectors, rows, path, unicode_errors)
        return cls(words, vectors[:len(words)])

    def save_npz(self, path: str | os.PathLike, dtype: str = "float16") -> None:
        """Write words and vectors into one compressed NumPy archive; float16 takes half the room of "float32".

        Each number then keeps eleven of its 24 significant bits, which moves a cosine by about 0.0001. The file appears
        when it is complete, never half-written; equal vectors give equal bytes. Raises ValueError for another dtype,
        for numbers beyond 65,504 in float16, and for a word that cannot be written as UTF-8.
        """
        if dtype not in ("float16", "float32"):
            raise ValueError(f"dtype is {dtype!r}: choose 'float16' or 'float32'.")
        with np.errstate(over="ignore"):
            vectors = self.vectors.astype(dtype)
        if not np.isfinite(vectors).all():
            word = self.index_to_key[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
            raise ValueError(f"the vector of {word!r} holds a number that float16 cannot (beyond 65,504): "
                             'save it with dtype="float32".')
        words = [_utf8(word) for word in self.index_to_key]
        arrays = {"words": np.frombuffer(b"".join(words), dtype=np.uint8),
                  "lengths": np.array([len(word) for word in words], dtype=np.uint32)}  # of each word, in bytes
        with _complete_or_absent(Path(path)) as file:
            np.savez_compressed(file, vectors=vectors, **arrays)

    @classmethod
    def load_npz(cls, path: str | os.PathLike) -> "KeyedVectors":
        """Read what `save_npz` wrote. FileNotFoundError; ValueError for a damaged, truncated or other file."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no vector file at {path}: check the path"
                                    f"{' (it is a folder)' if path.is_dir() else ''}.")
        try:
            with np.load(path, allow_pickle=False) as archive:
                words, lengths, vectors = (archive[name] for name in ("words", "lengths", "vectors"))
            ends = np.cumsum(lengths, dtype=np.int64)
            if not len(ends) == len(vectors) or not ends[-1] == len(words) or vectors.ndim != 2:
                raise ValueError
            raw = words.tobytes()
            keys = [raw[end - length:end].decode("utf-8") for end, length in zip(ends.tolist(), lengths.tolist())]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error):
            raise ValueError(f"{path} is not a whole file of save_npz: it is truncated, damaged or of another kind; "
                             "write or download it again.") from None
        return cls(keys, vectors)


# ---- Small numerical helpers -----------------------------------------------------------------------------------

def _as_matrix(vectors) -> Float[np.ndarray, "V D"]:
    try:
        matrix = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"vectors must be a matrix of numbers, one row per word: {error}.") from None
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"vectors have shape {matrix.shape}: expected (words, numbers a word), none of them 0.")
    return np.ascontiguousarray(matrix)


def _norms(vectors: Float[np.ndarray, "V D"]) -> Float[np.ndarray, " V"]:
    """Length of each row; summed in float64, where no float32 square overflows or vanishes."""
    squares = np.einsum("vd,vd->v", vectors, vectors, dtype=np.float64)
    lengths = np.sqrt(squares)
    most = np.finfo(np.float32).max
    return np.where(np.isfinite(lengths), np.minimum(lengths, most), lengths).astype(np.float32)


def _unit(vectors: Float[np.ndarray, "N D"], norms: Float[np.ndarray, " N"]) -> Float[np.ndarray, "N D"]:
    """Rows scaled to length 1; zero rows stay zero."""
    return vectors / np.where(norms == 0, 1, norms)[:, None]


def _cosine(one: Float[np.ndarray, " D"], other: Float[np.ndarray, " D"]) -> float:
    """Cosine of two vectors, in float64; 0 if one of them is zero."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    length = np.sqrt(one @ one) * np.sqrt(other @ other)
    return float(one @ other / length) if length else 0.0


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


def _spellings(first: Int[np.ndarray, " V"], asked: Int[np.ndarray, "Q K"]) -> list[list[int]]:
    """For each question the rows of all spellings of its words; `first` is the row that speaks for each row."""
    rows: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.isin(first, asked)):
        rows.setdefault(int(first[row]), []).append(int(row))
    return [sum((rows[row] for row in set(question)), []) for question in asked.tolist()]


def _largest(scores: Float[np.ndarray, "Q W"], topn: int) -> Int[np.ndarray, "Q N"]:
    """Columns of the `topn` largest entries of each row, in no order."""
    if topn == 1:
        return scores.argmax(axis=1)[:, None]
    if topn >= scores.shape[1]:
        return np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    return np.sort(np.argpartition(scores, -topn, axis=1)[:, -topn:], axis=1)


def _index(words: list[str]) -> dict[str, int]:
    """Word -> row, or one sentence about the first word that cannot be a key."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        if not isinstance(word, str) or not word:
            raise ValueError(f"word number {row} is {word!r}: every key must be a string that is not empty.")
        if rows.setdefault(word, row) != row:
            raise ValueError(f"the word {word!r} appears twice, as number {rows[word]} and {row}: keep one of them.")
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


def _nearest_spellings(word: str, words: Sequence[str], most: int = 3) -> list[str]:
    """Up to three words spelled like `word`, first the same word in another case."""
    words = words[:200_000]  # the frequent ones; more would take seconds
    same = [other for other in words if other.lower() == word.lower()]
    close = [other for other in words if abs(len(other) - len(word)) <= 2 and other not in same]
    return (same + difflib.get_close_matches(word.lower(), close, n=most, cutoff=0.7))[:most]


# ---- Evaluation sets -------------------------------------------------------------------------------------------

def _name(source) -> str:
    return str(source) if isinstance(source, (str, os.PathLike)) else "the set"


def _lines(path: str | os.PathLike) -> Iterator[tuple[int, str]]:
    """Numbered lines of a UTF-8 file, or one sentence why not."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no evaluation set at {path}: check the path, or data.path(name).")
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise ValueError(f"line {number} of {path} is not UTF-8: {line[:40]!r}; convert the file.") from None


def _read_pairs(pairs, delimiter: str) -> Iterator[tuple[str, str, float]]:
    """(word, word, score) triples of a loaded set or a file; lines of a file that hold none are passed over."""
    if not isinstance(pairs, (str, os.PathLike)):
        for pair in pairs:
            try:
                first, second, score = pair
                yield first, second, _finite(score)
            except (TypeError, ValueError):
                raise ValueError(f"a pair must be (word, word, score), not {pair!r}.") from None
        return
    for _, line in _lines(pairs):
        parts = line.split(delimiter)
        if line.startswith("#") or len(parts) != 3:
            continue
        try:
            score = _finite(parts[2])
        except ValueError:
            continue  # a heading, such as "Word 1, Word 2, Human (mean)"
        yield parts[0], parts[1], score


def _finite(score) -> float:
    if not np.isfinite(value := float(score)):
        raise ValueError(f"the score {score!r} is not a finite number.")
    return value


def _check_correlation(gold: Float[np.ndarray, " N"], model: Float[np.ndarray, " N"], asked: int, unknown: int,
                       name: str) -> None:
    """Refuse what has no correlation, in words rather than as NaN."""
    if asked == 0:
        raise ValueError(f"{name} holds no line of the form word, word, score: is it the right file and delimiter?")
    if asked == unknown or len(gold) < 2:
        raise ValueError(f"only {asked - unknown} of the {asked} pairs of {name} have both words in the vocabulary, "
                         "and a correlation needs two: is it the same language, and spelled the same way?")
    for values, what in ((gold, "judgements"), (model, "cosines")):
        if values.min() == values.max():
            raise ValueError(f"all {len(values)} {what} are {values[0]:g}, so there is no order to compare: "
                             "are the vectors trained?")


def _read_analogies(analogies) -> list[tuple[str, list[Sequence[str]]]]:
    """[(section, questions)] of a loaded set or a file; lines of a file without four words are passed over."""
    if not isinstance(analogies, (str, os.PathLike)):
        for name, questions in analogies.items():
            for words in questions:
                if isinstance(words, str) or len(words) != 4:
                    raise ValueError(f"a question of {name!r} must be four words (a, b, c, answer), not {words!r}.")
        return [(name, list(questions)) for name, questions in analogies.items()]
    sections: list[tuple[str, list[Sequence[str]]]] = []
    for number, line in _lines(analogies):
        if line.startswith(": "):
            sections.append((line.lstrip(": ").strip(), []))
        elif not sections:
            raise ValueError(f"line {number} of {analogies} comes before any ': section' line: is it an analogy set?")
        elif len(words := line.split()) == 4:
            sections[-1][1].append(words)
    return sections


def _with_total(sections: list[dict]) -> tuple[float, list[dict]]:
    """Add gensim's last section, and the share of right answers."""
    total = {"section": "Total accuracy"}
    for outcome in ("correct", "incorrect"):
        total[outcome] = [words for section in sections for words in section[outcome]]
    return len(total["correct"]) / (len(total["correct"]) + len(total["incorrect"])), [*sections, total]


# ---- Files -----------------------------------------------------------------------------------------------------

def _encode(word: str) -> bytes:
    """The word's bytes, or a sentence why the format cannot hold it."""
    if any(mark in word for mark in C_WHITESPACE + "\0"):
        raise ValueError(f"the word {word!r} holds white space or a zero byte, which ends a word in the word2vec "
                         "format: join its parts first, for instance with '_'.")
    return _utf8(word)


def _utf8(word: str) -> bytes:
    try:
        return word.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the word {word!r} cannot be written as UTF-8: it holds half of a character.") from None


@contextmanager
def _complete_or_absent(path: Path) -> Iterator[IO[bytes]]:
    """A file to write beside `path`, renamed onto it when all is written and removed when anything goes wrong."""
    path = path.resolve()  # through a link, to the file itself
    if not path.parent.is_dir() or path.is_dir():
        raise FileNotFoundError(f"cannot write {path}: " + ("it is a folder." if path.is_dir() else
                                                            f"there is no folder {path.parent}; make it first."))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _read_header(file: IO[bytes], path: Path) -> tuple[int, int]:
    """The two numbers of the first line: how many words, how many numbers each."""
    line = file.readline(1000)
    parts = line.split()
    if not line.strip():
        raise ValueError(f"{path} is empty: write or download it again." if not line + file.read(1) else
                         f"the first line of {path} is blank: expected the number of words and of numbers a word.")
    if line.startswith(b"\x1f\x8b"):
        raise ValueError(f"{path} is compressed with gzip: unpack it first.")
    if len(parts) != 2 or not all(part.isdigit() and len(part) < 16 for part in parts) or not line.endswith(b"\n"):
        raise ValueError(f"the first line of {path} is {line[:40]!r}: expected two whole numbers, how many words and "
                         "how many numbers a word (GloVe's own files lack this line).")
    count, size = map(int, parts)
    if count == 0 or size == 0:
        raise ValueError(f"the first line of {path} promises {count} words of {size} numbers: nothing to read.")
    return count, size


def _refuse_other_kind(file: IO[bytes], path: Path, size: int, binary: bool) -> None:
    """Look at the first row: numbers in digits, or raw float32? Leaves the file where it was."""
    place = file.tell()
    _, _, rest = file.readline(min(LONGEST_WORD + 64 * size, 1 << 20)).partition(b" ")
    file.seek(place)
    if not rest:
        return  # cut off; the reader names the row
    in_digits = not rest.strip(b"0123456789+-.eEinfaNIFA \t\r\n")
    if binary and in_digits and len(rest.split()) >= min(size, 2):
        raise ValueError(f"{path} is a text file, opened as a binary one: pass binary=False.")
    if not binary and (b"\0" in rest or not _is_utf8(rest)):
        raise ValueError(f"{path} is a binary file, opened as a text one: pass binary=True.")


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end == len(raw) and error.reason == "unexpected end of data"
    return True


def _text_rows(file: IO[bytes], path: Path, count: int, size: int, limit: int | None) -> Iterator[tuple[bytes, list]]:
    """(word, numbers) of each line; one sentence, with its line, at the first thing that is wrong."""
    for number in range(2, 2 + min(count, limit or count)):
        line = file.readline()
        word, _, rest = line.partition(b" ")
        if not line:
            raise ValueError(f"{path} ends before line {number}, after {number - 2} of the {count} words that its "
                             "first line promises: it is truncated, or that line is wrong.")
        try:
            numbers = list(map(float, rest.split()))
        except ValueError:
            raise ValueError(f"line {number} of {path} holds something that is not a number: {rest[:40]!r}.") from None
        if not word.strip() or len(numbers) != size:
            cut = "" if line.endswith(b"\n") else ", and the file ends there: it is truncated"
            raise ValueError(f"line {number} of {path} holds {'a word' if word.strip() else 'no word'} and "
                             f"{len(numbers)} numbers, where its first line promises a word and {size}{cut}.")
        yield word, numbers
    if not line.endswith(b"\n"):
        warnings.warn(f"the last line of {path} has no line end: its last number may be cut short.", stacklevel=4)
    if (limit is None or limit >= count) and _more(file):
        raise ValueError(f"{path} holds more than the {count} words that its first line promises: "
                         "correct that line, or pass limit= to read so many.")


def _more(file: IO[bytes]) -> bool:
    """Is anything but line ends left?"""
    return any(block.strip() for block in iter(lambda: file.read(io.DEFAULT_BUFFER_SIZE), b""))


def _binary_rows(file: IO[bytes], path: Path, count: int, size: int,
                 limit: int | None) -> Iterator[tuple[bytes, np.ndarray]]:
    """(word, numbers) of each row; the file is mapped, not read, so that memory holds only the result."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        place, end = file.tell(), len(raw)
        for row in range(1, 1 + min(count, limit or count)):
            while raw[place:place + 1] == b"\n":  # word2vec.c ends each vector with one, gensim does not
                place += 1
            space = raw.find(b" ", place, place + LONGEST_WORD)
            start, place_after = space + 1, space + 1 + 4 * size
            if end - place <= LONGEST_WORD and space < 0 or place_after > end:
                raise ValueError(f"{path} ends inside row {row} of the {count} that its first line promises, at {size} "
                                 "numbers each: it is truncated, or the first line is wrong.")
            word = raw[place:space] if space >= 0 else b""
            if not word or any(byte in word for byte in b"\0\n"):
                raise ValueError(f"row {row} of {path} does not start with a word: the file is damaged, or its vectors "
                                 f"do not have the {size} numbers that its first line promises.")
            yield word, np.frombuffer(raw[start:place_after], dtype="<f4")
            place = place_after
        if (limit is None or limit >= count) and raw[place:place + io.DEFAULT_BUFFER_SIZE].strip(b"\n"):
            raise ValueError(f"{path} holds more than the {count} rows of {size} numbers that its first line promises: "
                             "correct that line, or pass limit= to read so many.")


def _fill(vectors: Float[np.ndarray, "V D"], rows: Iterable, path: Path, unicode_errors: str) -> list[str]:
    """Copy the rows into `vectors`, the first one of each word; -> the words, as many as rows were filled."""
    words: dict[str, None] = {}
    repeated = []
    for number, (raw, row) in enumerate(rows, start=1):
        try:
            word = raw.decode("utf-8", errors=unicode_errors)
        except UnicodeDecodeError:
            raise ValueError(f"the word of row {number} of {path}, {raw[:40]!r}, is not UTF-8: the file is damaged or "
                             "its first line wrong, or pass unicode_errors='replace'.") from None
        if word in words:
            repeated.append(word)
            continue
        with np.errstate(over="ignore"):
            vectors[len(words)] = row
        if not np.isfinite(vectors[len(words)]).all():
            raise ValueError(f"the vector of {word!r}, row {number} of {path}, holds NaN or infinity: it is damaged or "
                             "its training diverged.")
        words[word] = None
    if repeated:
        warnings.warn(f"{path} repeats {len(repeated)} of its words, the first of them {repeated[0]!r}: "
                      "the first vector of each is kept.", stacklevel=3)
    return list(words)
