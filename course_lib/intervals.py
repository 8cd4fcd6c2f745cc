"""Ranks, their correlation, and the interval around a score: over seeds, or over what was drawn to be scored.

A score moves with the seed of the training and with the choice of the questions. `seed_interval` says how far it moves
with the one (Student's t), `bootstrap_interval` how far with the other (draw the pairs again). Shares of right answers
have `wilson_interval`, and two methods that were asked the same questions `mcnemar`. What is left out: corrections for
many comparisons.

Papers: Spearman (1904), "The Proof and Measurement of Association between Two Things"; Student (1908), "The Probable
Error of a Mean"; Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference"; McNemar (1947),
"Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages"; Efron (1979), "Bootstrap
Methods".

Shapes: N values or pairs.
"""

import math
from collections.abc import Iterable
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Float, Real
from scipy import stats

from course_lib.settings import Count, NotNegative, Rule, Size, at_most, number, require
from course_lib.shapes import shaped

Confidence = Annotated[float, Rule(lambda share: number(share) and 0 < share < 1, "a share between 0 and 1, as 0.95")]
Right = Annotated[NotNegative, at_most("asked")]


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


@shaped
def spearman(x: Real[np.ndarray, " N"], y: Real[np.ndarray, " N"]) -> float:
    """Spearman's rho: the (Pearson) correlation of the ranks. 1 same order, -1 opposite order, 0 no monotone relation.

    Raises ValueError for fewer than two values, unequal lengths, NaN, and where all values of one side are equal.
    """
    x, y = ranks(x), ranks(y)
    rho = pearson(x, y)
    if math.isnan(rho):
        raise ValueError("all values of one side are equal, so there is no order to compare.")
    return rho


def pearson(x: Float[np.ndarray, " N"], y: Float[np.ndarray, " N"]) -> float:
    """Pearson's correlation r; NaN where one side is constant."""
    x, y = x - x.mean(), y - y.mean()
    length = math.sqrt((x @ x) * (y @ y))
    return float(np.clip(x @ y / length, -1, 1)) if length else math.nan


def _finite(values: Real[np.ndarray, " N"], name: str) -> Float[np.ndarray, " N"]:
    """`values` as a float64 array, or a sentence where one is NaN or infinite."""
    array = np.asarray(values, dtype=np.float64)
    for place in np.flatnonzero(~np.isfinite(array)):
        require(False, f"{name}[{place}]", array[place].item(), "finite: leave out the pairs without one")
    return array


# ---- How sure is a score? ----------------------------------------------------------------------------------------


@shaped
def seed_interval(values: Iterable[float], confidence: Confidence = 0.95) -> Interval:
    """Mean of the scores of several seeds, and Student's interval: mean +- t * s / sqrt(n), n - 1 degrees of freedom.

    It says where the mean over all seeds lies, not where the next seed falls; with three seeds t is 4.3, so it is wide.
    """
    values = list(values)
    require(len(values) > 1, "values", values, "scores of two seeds or more: train with more")
    values = _finite(values, "scores")
    half = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return Interval(float(values.mean()), float(values.mean() - half), float(values.mean() + half))


@shaped
def bootstrap_interval(model_scores: Real[np.ndarray, " N"], gold: Real[np.ndarray, " N"],
                       other_scores: Real[np.ndarray, " N"] | None = None, confidence: Confidence = 0.95,
                       samples: Size = 1000, seed: int = 1) -> Interval:
    """Spearman's rho of one model, and how far it moves when the pairs are drawn again, with replacement (Efron 1979).

    With `other_scores`, a second model's on the same pairs: the difference of the two rhos, each sample the same pairs
    for both, so that what makes a pair hard falls out. An interval without 0 then says that the first is better (or
    worse) on pairs like these. The interval lies between the percentiles of the samples.
    """
    models = [_finite(scores, "scores") for scores in (model_scores, other_scores) if scores is not None]
    gold = _finite(gold, "judgements")
    rhos = [spearman(scores, gold) for scores in models]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(samples):
        pairs = rng.integers(0, len(gold), len(gold))
        judged = ranks(gold[pairs])
        drawn.append([pearson(ranks(scores[pairs]), judged) for scores in models])
    sign = [1, -1][:len(models)]
    low, high = np.nanquantile(np.array(drawn) @ sign, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(np.dot(rhos, sign)), float(low), float(high))


# ---- Right or wrong ----------------------------------------------------------------------------------------------


@shaped
def wilson_interval(right: Right, asked: Size, confidence: Confidence = 0.95) -> Interval:
    """The share of right answers, and Wilson's interval: all true shares within z of their standard errors of it.

    Unlike share +- z * sqrt(share * (1 - share) / asked) it never leaves [0, 1], and has a width where all are right.
    ValueError unless 0 <= right <= asked.

    >>> wilson_interval(10, 10).low.__round__(3)
    0.722
    """
    share, z = right / asked, float(stats.norm.ppf((1 + confidence) / 2))
    shrink = 1 + z**2 / asked
    middle = (share + z**2 / (2 * asked)) / shrink
    half = z * math.sqrt(share * (1 - share) / asked + z**2 / (4 * asked**2)) / shrink
    return Interval(float(share), max(0.0, middle - half), min(1.0, middle + half))


@shaped
def mcnemar(only_one: Count, only_other: Count) -> float:
    """McNemar's exact p for two methods asked the same: how many answers the one alone has right, and the other alone.

    Where both are right or both wrong they do not differ. Were they equally good, each other question would be a throw
    of a coin; p is how often that many coins fall at least so unevenly. 1 where they never differ.

    >>> mcnemar(5, 0)
    0.0625
    """
    thrown = only_one + only_other
    return float(stats.binomtest(only_one, thrown).pvalue) if thrown else 1.0
