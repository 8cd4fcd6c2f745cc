"""Do word vectors agree with people, how sure is that, and what else did they learn? Scores, intervals, WEAT.

A score comes out of a set of questions, a seed and a corpus, and each of them moves it. `score_pairs` and
`score_analogies` give the usual scores with their coverage, `seed_interval` says how far a score moves with the seed,
`bootstrap_interval` how far with the choice of pairs, `frequency_strata` how it depends on the words' counts, and
`weat` measures an association that nobody asked the vectors to learn. Left out: tasks beyond single words.

Papers: Spearman (1904), "The Proof and Measurement of Association between Two Things"; Student (1908), "The Probable
Error of a Mean"; Efron (1979), "Bootstrap Methods"; Mikolov et al. (2013), "Efficient Estimation of Word
Representations in Vector Space" (the analogy questions); Caliskan, Bryson & Narayanan (2017), "Semantics derived
automatically from language corpora contain human-like biases" (WEAT).

Shapes: N values or pairs.
"""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from course_lib.keyed_vectors import KeyedVectors

Pairs = Iterable[tuple[str, str, float]]
MOST_PARTITIONS = 200_000  # up to so many are all tried (C(20, 10) is 184,756); of more, a sample


class Interval(NamedTuple):
    """A number and the interval around it."""

    value: float
    low: float
    high: float


# ---- Rank correlation --------------------------------------------------------------------------------------------


def ranks(values: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """The place of each value among all, 1 for the smallest; equal values share the mean of their places.

    >>> ranks([7, 3, 7, 9]).tolist()
    [2.5, 1.0, 2.5, 4.0]
    """
    _, groups, sizes = np.unique(_finite(values, "values"), return_inverse=True, return_counts=True)
    last = np.cumsum(sizes)  # the last place of each group of equal values
    return (last - (sizes - 1) / 2)[groups]


def spearman(x: Float[np.ndarray, " N"], y: Float[np.ndarray, " N"]) -> float:
    """Spearman's rho: the (Pearson) correlation of the ranks. 1 same order, -1 opposite order, 0 no monotone relation.

    Raises ValueError for fewer than two values, unequal lengths, NaN, and where all values of one side are equal.
    """
    x, y = ranks(x), ranks(y)
    if len(x) != len(y):
        raise ValueError(f"there are {len(x)} values on one side and {len(y)} on the other: give them in pairs.")
    if len(x) < 2:
        raise ValueError(f"a correlation needs two pairs of values, and there are {len(x)}.")
    rho = _correlation(x, y)
    if math.isnan(rho):
        raise ValueError("all values of one side are equal, so there is no order to compare.")
    return rho


def _correlation(x: Float[np.ndarray, " N"], y: Float[np.ndarray, " N"]) -> float:
    """Pearson's r; NaN where one side is constant."""
    x, y = x - x.mean(), y - y.mean()
    length = math.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / length, -1, 1)) if length else math.nan


def _finite(values, name: str) -> Float[np.ndarray, " N"]:
    """`values` as a float64 array, or a sentence: no list of numbers, NaN, infinity."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one list of numbers, not an array of shape {array.shape}.")
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(f"{name} hold {array[place]} at place {place}: leave out the pairs that have no number "
                         "(an unknown word's cosine is NaN).")
    return array


# ---- Scores ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairScore:
    """Spearman's rho over the pairs whose words are both known. A score without its coverage says little."""

    rho: float  # NaN where it is not defined (in a stratum of too few pairs)
    known: int
    asked: int

    def __str__(self) -> str:
        return f"{self.rho:.3f} ({self.known} of {self.asked} pairs)"


def score_pairs(vectors: KeyedVectors, pairs: Pairs, unknown_too: bool = False) -> PairScore:
    """Does the order of the cosines agree with the order of people's judgements?

    `unknown_too`: words outside the vocabulary, too, where the vectors can make them up (fastText's can).
    Raises ValueError where fewer than two pairs are known, and where all cosines or all judgements are equal.
    """
    pairs = list(pairs)
    cosines = vectors.pair_cosines(pairs, unknown_too=unknown_too)
    known = np.isfinite(cosines)
    if known.sum() < 2:
        raise ValueError(f"only {int(known.sum())} of the {len(pairs)} pairs have both words in the vocabulary, and a "
                         "correlation needs two: is it the same language, and spelled the same way?")
    gold = np.array([score for *_, score in pairs])
    return PairScore(spearman(cosines[known], gold[known]), int(known.sum()), len(pairs))


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


def score_analogies(vectors: KeyedVectors, questions: Mapping[str, Sequence[Sequence[str]]], method: str = "3cosadd",
                    exclude: bool = True) -> dict[str, AnalogyScore]:
    """The score of each section of questions (a, b, c, answer), then "semantic", "syntactic" (where there are such
    sections) and "total".

    method "3cosadd": the word nearest to b - a + c; "3cosmul": near to b and c and far from a, multiplied. `exclude`:
    a, b and c may not answer, as is usual; without it, `echoes` tells how often they do. Sections that word2vec calls
    "gram..." and MSR's pairs of tags ("JJ_JJR") are syntactic. Raises ValueError where no question is known.
    """
    asked = [question for section in questions.values() for question in section]
    answers = iter(vectors.answer_analogies(asked, method=method, exclude=exclude))
    scores = {name: sum((_score(question, next(answers)) for question in section), AnalogyScore(0, 0, 0))
              for name, section in questions.items()}
    total = sum(scores.values(), AnalogyScore(0, 0, 0))
    if not total.known:
        raise ValueError(f"none of the {total.asked} questions has all its words in the vocabulary: "
                         "is it the same language, and spelled the same way?")
    groups: dict[str, AnalogyScore] = {}
    for name, score in scores.items():
        group = "syntactic" if _is_syntactic(name) else "semantic"
        groups[group] = groups.get(group, AnalogyScore(0, 0, 0)) + score
    return scores | groups | {"total": total}


def _score(question: Sequence[str], answer: str | None) -> AnalogyScore:
    if answer is None:
        return AnalogyScore(0, 0, 1)
    same = [word.upper() == answer.upper() for word in question]
    return AnalogyScore(int(same[3]), 1, 1, tuple(map(int, same[:3])))


def _is_syntactic(section: str) -> bool:
    return section.startswith("gram") or re.fullmatch(r"[A-Z]+_[A-Z]+", section) is not None


# ---- How sure is a score? ----------------------------------------------------------------------------------------


def seed_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    """Mean of the scores of several seeds, and Student's interval: mean +- t * s / sqrt(n), n - 1 degrees of freedom.

    It says where the mean over all seeds lies, not where the next seed falls; with three seeds t is 4.3, so it is wide.
    """
    values = _finite(list(values), "scores")
    if len(values) < 2:
        raise ValueError(f"an interval over seeds needs two or more, and there are {len(values)}: train with more.")
    _check_confidence(confidence)
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return Interval(float(values.mean()), float(values.mean() - half), float(values.mean() + half))


def bootstrap_interval(model_scores: Float[np.ndarray, " N"], gold: Float[np.ndarray, " N"],
                       other_scores: Float[np.ndarray, " N"] | None = None, confidence: float = 0.95,
                       samples: int = 1000, seed: int = 1) -> Interval:
    """Spearman's rho of one model, and how far it moves when the pairs are drawn again, with replacement (Efron 1979).

    With `other_scores`, a second model's on the same pairs: the difference of the two rhos, each sample the same pairs
    for both, so that what makes a pair hard falls out. An interval without 0 then says that the first is better (or
    worse) on pairs like these. The interval lies between the percentiles of the samples.
    """
    models = [_finite(scores, "scores") for scores in (model_scores, other_scores) if scores is not None]
    gold = _finite(gold, "judgements")
    rhos = [spearman(scores, gold) for scores in models]
    _check_confidence(confidence)
    if samples < 1:
        raise ValueError(f"samples is {samples}: draw 1 or more, better 1,000.")
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(samples):
        pairs = rng.integers(0, len(gold), len(gold))
        judged = ranks(gold[pairs])
        drawn.append([_correlation(ranks(scores[pairs]), judged) for scores in models])
    sign = [1, -1][:len(models)]
    low, high = np.nanquantile(np.array(drawn) @ sign, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(np.dot(rhos, sign)), float(low), float(high))


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}: choose a share between 0 and 1, such as 0.95.")


@dataclass(frozen=True)
class Stratum:
    """The pairs whose rarer word was seen `low` to `high` times, and the score on them."""

    low: int
    high: int
    score: PairScore


def frequency_strata(vectors: KeyedVectors, pairs: Pairs, counts: Mapping[str, int], edges: int | Sequence[float] = 4,
                     unknown_too: bool = False) -> list[Stratum]:
    """`score_pairs` by how often the rarer word of a pair was seen, rarest first.

    counts: word -> how often it stands in the corpus (a word that is not there: 0 times)
    edges:  so many strata with about as many known pairs each; or the counts at which a new stratum begins (give these
            to compare models, so that all have the same strata)
    In a stratum with fewer than three known pairs, or without an order, rho is NaN. Raises as `score_pairs`.
    """
    pairs = list(pairs)
    score_pairs(vectors, pairs, unknown_too)  # refuses a set that cannot be scored at all
    known = np.isfinite(vectors.pair_cosines(pairs, unknown_too=unknown_too))
    rarer = np.array([min(counts.get(first, 0), counts.get(second, 0)) for first, second, _ in pairs])
    if isinstance(edges, int):
        if edges < 1:
            raise ValueError(f"edges is {edges}: ask for 1 stratum or more, or give the counts between strata.")
        edges = np.quantile(rarer[known], np.arange(1, edges) / edges, method="lower") + 1  # equal counts stay together
    groups = np.searchsorted(np.unique(edges), rarer, side="right")
    strata = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        score = _stratum_score(vectors, [pairs[row] for row in rows], unknown_too)
        strata.append(Stratum(int(rarer[rows].min()), int(rarer[rows].max()), score))
    return strata


def _stratum_score(vectors: KeyedVectors, pairs: list, unknown_too: bool) -> PairScore:
    cosines = vectors.pair_cosines(pairs, unknown_too=unknown_too)
    known = np.isfinite(cosines)
    gold = np.array([score for *_, score in pairs])
    rho = _correlation(ranks(cosines[known]), ranks(gold[known])) if known.sum() > 2 else math.nan
    return PairScore(rho, int(known.sum()), len(pairs))


# ---- Associations that nobody asked for --------------------------------------------------------------------------

_PLEASANT = """caress freedom health love peace cheer friend heaven loyal pleasure diamond gentle honest lucky rainbow
    diploma gift honor miracle sunrise family happy laughter paradise vacation""".split()
_UNPLEASANT = """abuse crash filth murder sickness accident death grief poison stink assault disaster hatred pollute
    tragedy divorce jail poverty ugly cancer kill rotten vomit agony prison""".split()

# The word lists of Caliskan, Bryson & Narayanan (2017), supplement, under their numbers: `weat(vectors, **WEAT[6])`.
WEAT: dict[int, dict[str, list[str]]] = {
    1: {  # flowers and insects (Greenwald, McGhee & Schwartz 1998)
        "targets_x": """aster clover hyacinth marigold poppy azalea crocus iris orchid rose bluebell daffodil lilac
            pansy tulip buttercup daisy lily peony violet carnation gladiola magnolia petunia zinnia""".split(),
        "targets_y": """ant caterpillar flea locust spider bedbug centipede fly maggot tarantula bee cockroach gnat
            mosquito termite beetle cricket hornet moth wasp blackfly dragonfly horsefly roach weevil""".split(),
        "attributes_a": _PLEASANT,
        "attributes_b": _UNPLEASANT,
    },
    2: {  # musical instruments and weapons (Greenwald, McGhee & Schwartz 1998)
        "targets_x": """bagpipe cello guitar lute trombone banjo clarinet harmonica mandolin trumpet bassoon drum harp
            oboe tuba bell fiddle harpsichord piano viola bongo flute horn saxophone violin""".split(),
        "targets_y": """arrow club gun missile spear axe dagger harpoon pistol sword blade dynamite hatchet rifle tank
            bomb firearm knife shotgun teargas cannon grenade mace slingshot whip""".split(),
        "attributes_a": _PLEASANT,
        "attributes_b": _UNPLEASANT,
    },
    6: {  # men's and women's names, career and family (Nosek, Banaji & Greenwald 2002)
        "targets_x": "John Paul Mike Kevin Steve Greg Jeff Bill".split(),
        "targets_y": "Amy Joan Lisa Sarah Diana Kate Ann Donna".split(),
        "attributes_a": "executive management professional corporation salary office business career".split(),
        "attributes_b": "home parents children family cousins marriage wedding relatives".split(),
    },
}


@dataclass(frozen=True)
class WeatResult:
    """What `weat` found."""

    effect: float  # Cohen's d: by how many standard deviations the mean associations of X and Y differ, -2 to 2
    p_value: float  # the share of partitions of X and Y that differ at least as much, in the same direction
    partitions: int  # how many were tried
    exact: bool  # whether these were all there are
    associations: dict[str, float] = field(repr=False)  # of each target word that is known
    missing: dict[str, list[str]]  # list -> its words without a vector

    def __str__(self) -> str:
        tried = f"{'all' if self.exact else 'a sample of'} {self.partitions:,} partitions"
        absent = sum(map(len, self.missing.values()))
        return f"d = {self.effect:.2f}, p = {self.p_value:.2g} ({tried}; {absent} words without a vector)"


def weat(vectors: KeyedVectors, targets_x: Sequence[str], targets_y: Sequence[str], attributes_a: Sequence[str],
         attributes_b: Sequence[str], samples: int = 10_000, seed: int = 1) -> WeatResult:
    """Word Embedding Association Test: do the words X stand nearer to A than to B, compared with the words Y?

    The association of a word: s(w) = mean cosine to A - mean cosine to B. The effect: d = (mean s over X - mean s over
    Y) / standard deviation of s over both (with n - 1). The p-value: were X and Y one pile, dealt anew into piles of
    these sizes, how often would X get a sum of s as large? All deals are tried where there are at most MOST_PARTITIONS
    of them, else `samples` drawn with `seed`. The deal that was found counts as one of them, so p is never 0.

    A word is looked up as it is written, then in small letters; words without a vector are left out and named in
    `missing`. Raises ValueError where fewer than two words of a list are left, or a word is in both X and Y.
    """
    lists = {"targets_x": targets_x, "targets_y": targets_y, "attributes_a": attributes_a, "attributes_b": attributes_b}
    units, found, missing = {}, {}, {}
    for name, words in lists.items():
        spelled = {word: word if word in vectors else word.lower() for word in words}
        found[name] = [word for word in spelled if spelled[word] in vectors]
        missing[name] = [word for word in spelled if spelled[word] not in vectors]
        if len(found[name]) < 2:
            raise ValueError(f"of {name} only {found[name]} have a vector, and two words are the least: "
                             f"missing are {', '.join(missing[name]) or 'none'}; give more words.")
        units[name] = np.array([vectors.get_vector(spelled[word], norm=True) for word in found[name]], dtype=np.float64)
    if both := set(found["targets_x"]) & set(found["targets_y"]):
        raise ValueError(f"{', '.join(sorted(both))} is in targets_x and in targets_y: keep it in one of them.")
    targets = np.concatenate([units["targets_x"], units["targets_y"]])  # [X + Y, D]
    s = (targets @ units["attributes_a"].T).mean(axis=1) - (targets @ units["attributes_b"].T).mean(axis=1)  # [X + Y]
    num_x = len(found["targets_x"])
    if not s.std():
        raise ValueError("every target word has the same association, so there is no effect to measure: "
                         "are the vectors trained?")
    effect = (s[:num_x].mean() - s[num_x:].mean()) / s.std(ddof=1)
    p_value, partitions, exact = _permutation_test(s, num_x, samples, seed)
    words = found["targets_x"] + found["targets_y"]
    return WeatResult(float(effect), p_value, partitions, exact, dict(zip(words, s.tolist(), strict=True)), missing)


def _permutation_test(s: Float[np.ndarray, " N"], num_x: int, samples: int, seed: int) -> tuple[float, int, bool]:
    """One-sided p: how often do `num_x` of the values, dealt at random, sum up to what the first ones do? -> p, deals.

    Of a given number of values the sum alone decides: where X's is larger, Y's is smaller by as much.
    """
    observed = s[:num_x].sum() - 1e-9 * np.abs(s).sum()  # equal sums, added up in another order, count as equal
    partitions = math.comb(len(s), num_x)
    if partitions <= MOST_PARTITIONS:
        deals = np.array(list(itertools.combinations(range(len(s)), num_x)))  # [partitions, X]
        return float((s[deals].sum(axis=1) >= observed).mean()), partitions, True
    if samples < 1:
        raise ValueError(f"samples is {samples}: draw 1 partition or more, better 10,000.")
    rng = np.random.default_rng(seed)
    deals = rng.random((samples, len(s))).argpartition(num_x, axis=1)[:, :num_x]
    larger = int((s[deals].sum(axis=1) >= observed).sum())
    return (larger + 1) / (samples + 1), samples, False
