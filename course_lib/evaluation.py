"""Do word vectors agree with people? Scores of pairs and of analogies, with what they leave out.

A score comes out of a set of questions, a seed and a corpus, and each of them moves it. `score_pairs` and
`score_analogies` give the usual scores with their coverage; `evaluate_word_pairs` and `evaluate_word_analogies` give
gensim's, and `KeyedVectors` has them as methods; `frequency_strata` says how a score depends on the words' counts. How
far it moves with the seed and the pairs (`intervals`), and what vectors have learned unasked (`associations`), can be
had from here as well. Left out: tasks beyond single words.

Papers: Finkelstein et al. (2002), "Placing Search in Context: The Concept Revisited" (WordSim-353, scored by rank
correlation); Mikolov et al. (2013), "Efficient Estimation of Word Representations in Vector Space" (the analogy
questions); Levy & Goldberg (2014), "Linguistic Regularities in Sparse and Explicit Word Representations" (3CosMul).

Shapes: N pairs, V words, D numbers a word, Q questions.
"""

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal
from unicodedata import normalize

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

from course_lib.associations import MOST_PARTITIONS, WEAT, WeatResult, weat  # noqa: F401  (to be had from here, too)
from course_lib.evaluation_sets import is_finite, read_analogies, read_pairs
from course_lib.intervals import Interval, bootstrap_interval, pearson, ranks, seed_interval, spearman  # noqa: F401
from course_lib.settings import Size, require, whole
from course_lib.shapes import shaped

Pairs = Iterable[tuple[str, str, float]]
Method = Literal["3cosadd", "3cosmul"]
Vectors = Any  # a KeyedVectors; it stands on these functions, so it cannot be imported here


# ---- What vectors say of pairs and questions ---------------------------------------------------------------------


@shaped
def pair_cosines(vectors: Vectors, pairs: Iterable[Sequence], restrict_vocab: Size | None = 300_000,
                 case_insensitive: bool = True, unknown_too: bool = False) -> Float[np.ndarray, " N"]:
    """The cosine of each pair (word, word, anything more); NaN where a word is unknown.

    Arguments as in `evaluate_word_pairs`.
    """
    rows = _Rows(vectors, restrict_vocab, case_insensitive)

    def vector(word: str) -> np.ndarray | None:
        row = rows.find(word)
        if row is not None:
            return vectors.vectors[row]
        return vectors.unknown_vector(word) if unknown_too else None

    found = ((vector(first), vector(second)) for first, second, *_ in pairs)
    return np.array([np.nan if one is None or other is None else _cosine(one, other) for one, other in found])


def _cosine(one: Float[np.ndarray, " D"], other: Float[np.ndarray, " D"]) -> float:
    """Cosine of two vectors, in float64; 0 if one of them is zero."""
    one, other = one.astype(np.float64), other.astype(np.float64)
    length = np.sqrt(one @ one) * np.sqrt(other @ other)
    return float(one @ other / length) if length else 0.0


@shaped
def answer_analogies(vectors: Vectors, questions: Sequence[Sequence[str]], restrict_vocab: Size | None = 300_000,
                     case_insensitive: bool = True, method: Method = "3cosadd", exclude: bool = True,
                     ) -> list[str | None]:
    """The word that answers each question (a, b, c, ...): "a is to b as c is to ?"; None where one is unknown.

    All words of a question must be known, also a fourth, the right answer, where it is given; and None stands,
    too, where `exclude` leaves no word. Arguments as in `evaluate_word_analogies`.
    """
    for words in questions:
        require(not isinstance(words, str) and len(words) in (3, 4), "question", words, "three words, or four")
    rows = _Rows(vectors, restrict_vocab, case_insensitive)
    ids = [[rows.find(word) for word in words] for words in questions]
    answers = iter(_answers(vectors, [one for one in ids if None not in one], rows, restrict_vocab, method, exclude))
    found = [-1 if None in one else next(answers) for one in ids]
    return [vectors.index_to_key[row] if row >= 0 else None for row in found]


def _answers(vectors: Vectors, questions: list[list[int]], rows: "_Rows", restrict_vocab: int | None,
             method: str, exclude: bool) -> list[int]:
    """The row that answers each question (rows of a, b, c, ...), of its first spelling; -1 where none is left."""
    if not questions:
        return []
    asked = np.array([question[:3] for question in questions])  # [Q, 3]
    banned = _spellings(rows.first, rows.first[asked]) if exclude else None
    if method == "3cosmul":
        used, places = np.unique(asked, return_inverse=True)
        places = places.reshape(asked.shape)
        ids, scores = vectors.nearest_cosmul(vectors.units(used), places[:, 1:], places[:, :1], 1, banned,
                                             restrict_vocab)
    else:
        a, b, c = map(vectors.units, asked.T)  # each [Q, D]
        ids, scores = vectors.nearest(b - a + c, 1, banned, restrict_vocab)
    return np.where(scores[:, 0] > -np.inf, rows.first[ids[:, 0]], -1).tolist()


class _Rows:
    """Which row speaks for a word: that of its own spelling, else of the first that differs in case (or accents' form).

    `first` [V]: for each row the first of all that are the same word.
    """

    def __init__(self, vectors: Vectors, restrict_vocab: int | None, case_insensitive: bool):
        words = vectors.index_to_key[:restrict_vocab]
        self._own, self._case_insensitive = {word: row for row, word in enumerate(words)}, case_insensitive
        self._folded: dict[str, int] = {}
        self.first = np.array([self._folded.setdefault(self._fold(word), row) for row, word in enumerate(words)])

    def find(self, word: str) -> int | None:
        require(isinstance(word, str), "word", word, "a string, as all in a set of questions")
        row = self._own.get(word)
        return self._folded.get(self._fold(word)) if row is None else row

    def _fold(self, word: str) -> str:
        return _fold(word) if self._case_insensitive else normalize("NFC", word)


def _fold(word: str) -> str:
    """A word without regard to case. In small letters: in capitals Maße would be Masse."""
    return normalize("NFC", word).lower()


def _spellings(first: Int[np.ndarray, " V"], asked: Int[np.ndarray, "Q K"]) -> list[list[int]]:
    """For each question the rows of all spellings of its words, of which `asked` are the first ones."""
    rows: dict[int, list[int]] = {}
    for row in np.flatnonzero(np.isin(first, asked)):
        rows.setdefault(int(first[row]), []).append(int(row))
    return [sum((rows[row] for row in set(question)), []) for question in asked.tolist()]


# ---- The scores as gensim gives them -----------------------------------------------------------------------------


@shaped
def evaluate_word_pairs(vectors: Vectors, pairs: str | os.PathLike | Pairs, delimiter: str = "\t",
                        restrict_vocab: Size | None = 300_000, case_insensitive: bool = True,
                        dummy4unknown: bool = False, unknown_too: bool = False,
                        ) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Do the cosines agree with people? -> ((pearson, p), (spearman, p), percentage of pairs left out).

    `pairs`: (word, word, score) triples, or a file with one such triple a line, `#` for comments. A pair with an
    unknown word is left out and counted; with `dummy4unknown` its cosine counts as 0. Case-insensitive means that
    for a word without a vector the first (most frequent) other spelling speaks; gensim asks that one even where the
    word has a vector. Else meanings and defaults are gensim's. `unknown_too` asks `unknown_vector` for words outside
    the vocabulary first.
    Raises ValueError where fewer than two pairs are known or all cosines (or all judgements) are equal.
    """
    pairs = read_pairs(pairs, delimiter) if isinstance(pairs, (str, os.PathLike)) else list(pairs)
    least = 1 if dummy4unknown else 2
    cosines, gold = _judged(vectors, pairs, least, restrict_vocab, case_insensitive, unknown_too)
    known = np.isfinite(cosines)
    kept = known | dummy4unknown
    gold, model = gold[kept], np.where(known, cosines, 0)[kept]
    spearman(model, gold)  # refuses what has no order, in words rather than as NaN
    with np.errstate(all="ignore"):  # two pairs alone have no p-value
        r, rho = stats.pearsonr(gold, model), stats.spearmanr(gold, model)
    left_out = 100 * float((~known).mean())
    return (float(r[0]), float(r[1])), (float(rho[0]), float(rho[1])), left_out


@shaped
def evaluate_word_analogies(vectors: Vectors, analogies: str | os.PathLike | Mapping[str, Sequence],
                            restrict_vocab: Size | None = 300_000, case_insensitive: bool = True,
                            dummy4unknown: bool = False, method: Method = "3cosadd", exclude: bool = True,
                            ) -> tuple[float, list[dict]]:
    """Share of questions "a is to b as c is to ?" whose nearest word to b - a + c is right -> (score, sections).

    `analogies`: section -> list of (a, b, c, answer), or a file with `: section` lines and four words a line.
    Each section is {'section': name, 'correct': [...], 'incorrect': [...]}; the last one, 'Total accuracy', holds
    all. a, b and c (in any case, if `case_insensitive`) never answer, unless `exclude` is False. A question with
    an unknown word is left out; with `dummy4unknown` it counts as incorrect. Meanings and defaults are gensim's.
    `method` is "3cosadd" (the word nearest to b - a + c) or "3cosmul" (see `KeyedVectors.most_similar_cosmul`).
    Raises ValueError where no question has all its words in the vocabulary, and for an unknown method.
    """
    rows = _Rows(vectors, restrict_vocab, case_insensitive)
    sections, asked = [], []
    for name, questions in (sets := _questions(analogies)).items():
        sections.append({"section": name, "correct": [], "incorrect": []})
        for words in questions:
            ids = [rows.find(word) for word in words]
            known = None not in ids
            if known or dummy4unknown:
                spelled = tuple(word.upper() for word in words) if case_insensitive else tuple(words)
                asked.append((sections[-1], spelled, ids if known else None))
    _require_known(len(asked), sum(map(len, sets.values())), "questions")
    answers = iter(_answers(vectors, [ids for *_, ids in asked if ids], rows, restrict_vocab, method, exclude))
    for section, words, ids in asked:
        section["correct" if ids and next(answers) == rows.first[ids[3]] else "incorrect"].append(words)
    return _with_total(sections)


def _questions(analogies: str | os.PathLike | Mapping[str, Sequence]) -> Mapping[str, Sequence]:
    if isinstance(analogies, (str, os.PathLike)):
        return read_analogies(analogies)
    require(isinstance(analogies, Mapping), "analogies", analogies, "a file, or a mapping: section -> questions")
    for words in chain.from_iterable(analogies.values()):
        require(not isinstance(words, str) and len(words) == 4, "question", words, "four words (a, b, c, answer)")
    return analogies


def _with_total(sections: list[dict]) -> tuple[float, list[dict]]:
    """Add gensim's last section, and the share of right answers."""
    total = {"section": "Total accuracy"}
    for outcome in ("correct", "incorrect"):
        total[outcome] = [words for section in sections for words in section[outcome]]
    return len(total["correct"]) / (len(total["correct"]) + len(total["incorrect"])), [*sections, total]


# ---- The scores with their coverage ------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairScore:
    """Spearman's rho over the pairs whose words are both known. A score without its coverage says little."""

    rho: float  # NaN where it is not defined (in a stratum of too few pairs)
    known: int
    asked: int

    def __str__(self) -> str:
        return f"{self.rho:.3f} ({self.known} of {self.asked} pairs)"


def score_pairs(vectors: Vectors, pairs: Pairs, unknown_too: bool = False) -> PairScore:
    """Does the order of the cosines agree with the order of people's judgements?

    `unknown_too`: words outside the vocabulary, too, where the vectors can make them up (fastText's can).
    Raises ValueError where fewer than two pairs are known, and where all cosines or all judgements are equal.
    """
    cosines, gold = _judged(vectors, list(pairs), unknown_too=unknown_too)
    known = np.isfinite(cosines)
    return PairScore(spearman(cosines[known], gold[known]), int(known.sum()), len(known))


def _judged(vectors: Vectors, pairs: Sequence[tuple], least: int = 2, *how, **named) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (see `pair_cosines`) and people's scores of some pairs, of which at least so many must be known."""
    for pair in pairs:
        require(len(pair) == 3 and is_finite(pair[2]), "pair", pair, "(word, word, score)")
    cosines = pair_cosines(vectors, pairs, *how, **named)
    _require_known(int(np.isfinite(cosines).sum()), len(pairs), "pairs", least)
    return cosines, np.array([float(score) for *_, score in pairs])


@dataclass(frozen=True)
class AnalogyScore:
    """Counts of questions "a is to b as c is to ?"; `echoes` counts the answers that were a, b or c themselves."""

    correct: int
    known: int
    asked: int
    echoes: tuple[int, int, int] = (0, 0, 0)

    @property
    def accuracy(self) -> float:
        """The share of right answers among the questions whose words are all known; NaN where there is none."""
        return self.correct / self.known if self.known else math.nan

    @property
    def echoed(self) -> float:
        """The share of answers that only repeat a word of the question; 0 unless such answers are allowed."""
        return sum(self.echoes) / self.known if self.known else math.nan

    def __add__(self, other: "AnalogyScore") -> "AnalogyScore":
        echoes = tuple(map(sum, zip(self.echoes, other.echoes, strict=True)))
        return AnalogyScore(self.correct + other.correct, self.known + other.known, self.asked + other.asked, echoes)

    def __str__(self) -> str:
        return f"{self.accuracy:.1%} ({self.correct} of {self.known} known, {self.asked} asked)"


@shaped
def score_analogies(vectors: Vectors, questions: Mapping[str, Sequence[Sequence[str]]], method: Method = "3cosadd",
                    exclude: bool = True) -> dict[str, AnalogyScore]:
    """The score of each section of questions (a, b, c, answer), then "semantic", "syntactic" (where there are such
    sections) and "total".

    method "3cosadd": the word nearest to b - a + c; "3cosmul": near to b and c and far from a, multiplied. `exclude`:
    a, b and c may not answer, as is usual; without it, `echoes` tells how often they do. Sections that word2vec calls
    "gram..." and MSR's pairs of tags ("JJ_JJR") are syntactic. Raises ValueError where no question is known.
    """
    asked = [question for section in questions.values() for question in section]
    answers = iter(answer_analogies(vectors, asked, method=method, exclude=exclude))
    scores = {name: sum((_score(question, next(answers)) for question in section), AnalogyScore(0, 0, 0))
              for name, section in questions.items()}
    total = sum(scores.values(), AnalogyScore(0, 0, 0))
    _require_known(total.known, total.asked, "questions")
    groups: dict[str, AnalogyScore] = {}
    for name, score in scores.items():
        group = "syntactic" if _is_syntactic(name) else "semantic"
        groups[group] = groups.get(group, AnalogyScore(0, 0, 0)) + score
    return scores | groups | {"total": total}


def _require_known(known: int, asked: int, what: str, least: int = 1) -> None:
    if known < least:
        raise ValueError(f"only {known} of the {asked} {what} have all words in the vocabulary: give {least} or more.")


def _score(question: Sequence[str], answer: str | None) -> AnalogyScore:
    if answer is None:
        return AnalogyScore(0, 0, 1)
    same = [_fold(word) == _fold(answer) for word in question]
    return AnalogyScore(int(same[3]), 1, 1, tuple(map(int, same[:3])))


def _is_syntactic(section: str) -> bool:
    return section.startswith("gram") or re.fullmatch(r"[A-Z]+_[A-Z]+", section) is not None


# ---- By frequency --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stratum:
    """The pairs whose rarer word was seen `low` to `high` times, and the score on them."""

    low: int
    high: int
    score: PairScore


def frequency_strata(vectors: Vectors, pairs: Pairs, counts: Mapping[str, int], edges: int | Sequence[float] = 4,
                     unknown_too: bool = False) -> list[Stratum]:
    """`score_pairs` by how often the rarer word of a pair was seen, rarest first.

    counts: word -> how often it stands in the corpus (a word that is not there: 0 times)
    edges:  so many strata with about as many known pairs each; or the counts at which a new stratum begins (give these
            to compare models, so that all have the same strata)
    In a stratum with fewer than three known pairs, or without an order, rho is NaN. Raises as `score_pairs`.
    """
    pairs = list(pairs)
    score_pairs(vectors, pairs, unknown_too)  # refuses a set that cannot be scored at all
    known = np.isfinite(pair_cosines(vectors, pairs, unknown_too=unknown_too))
    rarer = np.array([min(counts.get(first, 0), counts.get(second, 0)) for first, second, _ in pairs])
    if isinstance(edges, int):
        require(whole(edges, 1), "edges", edges, "a whole number of 1 or more, or several numbers")
        edges = np.quantile(rarer[known], np.arange(1, edges) / edges, method="lower") + 1  # equal counts stay together
    groups = np.searchsorted(np.unique(edges), rarer, side="right")
    strata = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        score = _stratum_score(vectors, [pairs[row] for row in rows], unknown_too)
        strata.append(Stratum(int(rarer[rows].min()), int(rarer[rows].max()), score))
    return strata


def _stratum_score(vectors: Vectors, pairs: list, unknown_too: bool) -> PairScore:
    cosines = pair_cosines(vectors, pairs, unknown_too=unknown_too)
    known = np.isfinite(cosines)
    gold = np.array([score for *_, score in pairs])
    rho = pearson(ranks(cosines[known]), ranks(gold[known])) if known.sum() > 2 else math.nan
    return PairScore(rho, int(known.sum()), len(pairs))
