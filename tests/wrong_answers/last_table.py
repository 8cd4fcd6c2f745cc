"""Lesson 27: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
from scipy import stats

from course_lib import last_table
from course_lib.intervals import wilson_interval
from wrong_answers import Wrong

BANK = {
    "wilson": [
        Wrong("the share alone", "return middle - half, middle + half -> return share"),
        Wrong("nothing", "return middle -> middle"),
        Wrong("pulled away from a half", "(share + z**2 -> (share - z**2"),
        Wrong("three numbers", "return middle - half, -> return share, middle - half,"),
    ],
    "mcnemar": [
        Wrong("the difference", "min(1, 2 * tail) -> only_one - only_other"),
        Wrong("in per cent", "min(1, 2 * tail) -> min(100, 200 * tail)"),
        Wrong("nothing", "return min -> min"),
    ],
    "front": [
        Wrong("places instead of truths",
              "[not beaten(cost, score) for cost, score in zip(costs, scores)] -> [i for i, (cost, score) in "
              "enumerate(zip(costs, scores)) if not beaten(cost, score)]"),
        Wrong("everyone", "not beaten(cost, score) -> True", "always-the-same-truth"),
        Wrong("nothing", "return [not -> [not"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def by_the_quadratic(right, asked):
    """The two shares at which (p - share)^2 = z^2 p (1 - p) / n."""
    z, share = 1.96, right / asked
    a, b, c = 1 + z * z / asked, -(2 * share + z * z / asked), share * share
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def with_made_up_answers(right, asked):
    """z^2 / 2 right and as many wrong answers more, and the textbook's error with another spread."""
    z = np.float64(1.96)
    n = asked + z**2
    p = (right + z**2 / 2) / n
    half = z / n * np.sqrt(right * (asked - right) / asked + z**2 / 4)
    return [p - half, p + half]


def of_the_library(right, asked):
    found = wilson_interval(right, asked, confidence=2 * stats.norm.cdf(1.96) - 1)
    return found.low, found.high


def in_arrays(one, other):
    one, other = np.array(one), np.array(other)
    few = min((one & ~other).sum(), (other & ~one).sum())
    return min(1.0, 2 * stats.binom.cdf(few, (one != other).sum(), 0.5))


def by_binomtest(one, other):
    pairs = [a for a, b in zip(one, other) if a != b]
    return stats.binomtest(sum(pairs), len(pairs)).pvalue if pairs else 1.0


def by_ways(one, other):
    ahead = [int(a) - int(b) for a, b in zip(one, other) if a != b]
    n, few = len(ahead), min(ahead.count(1), ahead.count(-1))
    ways = [1]
    for _ in range(n):
        ways = [a + b for a, b in zip([0, *ways], [*ways, 0])]
    return min(sum(ways[: few + 1]) * 2 / sum(ways), 1)


def sorted_walk(costs, scores):
    best, kept = -math.inf, set()
    for cost, score in sorted({*zip(costs, scores)}, key=lambda pair: (pair[0], -pair[1])):
        if score > best:
            best = score
            kept.add((cost, score))
    return [pair in kept for pair in zip(costs, scores)]


def as_arrays(costs, scores):
    c, s = np.array(costs), np.array(scores)
    no_worse = (c[None] <= c[:, None]) & (s[None] >= s[:, None])
    better = (c[None] < c[:, None]) | (s[None] > s[:, None])
    return ~(no_worse & better).any(1)


RIGHT = {
    "wilson": [by_the_quadratic, with_made_up_answers, of_the_library],
    "mcnemar": [in_arrays, by_binomtest, by_ways],
    "front": [sorted_walk, as_arrays, last_table.front],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_share(rng):
    asked = int(rng.integers(1, 200))
    return int(rng.integers(0, asked + 1)), asked


def draw_answers(rng):
    number = int(rng.integers(1, 30))
    return [[bool(x) for x in rng.random(number) < rng.random()] for _ in range(2)]


def draw_methods(rng):
    number = int(rng.integers(1, 7))
    return [float(x) for x in rng.integers(1, 5, number)], [float(x) / 10 for x in rng.integers(5, 9, number)]


INPUTS = {"wilson": draw_share, "mcnemar": draw_answers, "front": draw_methods}
