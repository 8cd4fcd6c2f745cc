"""intervals: ranks and intervals worked by hand and against SciPy's, and every bad input."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from course_lib import intervals
from course_lib.evaluation import (
    bootstrap_interval,
    ranks,
    seed_interval,
    spearman,
)

few_values = st.lists(st.integers(-3, 3) | st.floats(-1e9, 1e9), min_size=2, max_size=30)  # small integers make ties


def test_equal_values_share_the_mean_of_their_places():
    assert ranks([30, 10, 20, 10]).tolist() == [4, 1.5, 3, 1.5]
    assert ranks([5, 5, 5]).tolist() == [2, 2, 2]
    assert ranks([]).tolist() == []


@given(few_values)
def test_ranks_equal_scipys(values):
    assert ranks(values).tolist() == stats.rankdata(values).tolist()


@given(st.lists(st.tuples(st.integers(-3, 3), st.floats(-100, 100) | st.integers(-2, 2)), min_size=2, max_size=30))
def test_spearman_equals_scipys(pairs):
    x, y = zip(*pairs, strict=True)
    if min(x) == max(x) or min(y) == max(y):
        with pytest.raises(ValueError, match="all values of one side are equal"):
            spearman(x, y)
    else:
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-12)


def test_spearman_by_hand():
    assert spearman([1, 2, 3], [10, 100, 1000]) == 1  # only the order counts
    assert spearman([1, 2, 3], [3, 2, 1]) == -1
    assert spearman([1, 2, 3], [1, 3, 2]) == pytest.approx(1 - 6 * (0 + 1 + 1) / (3 * 8))  # 1 - 6 sum d^2 / (n^3 - n)


@pytest.mark.parametrize(("x", "y", "says"), [
    ([1, 2], [1, 2, 3], r"y has shape \(3,\): give \(N=2\)"),
    ([1], [2], "all values of one side are equal"),
    ([1, math.nan], [1, 2], "\\[1\\]=nan cannot"),
    ([[1, 2]], [1, 2], r"x has shape \(1, 2\): give \(N\)"),
])
def test_what_has_no_correlation(x, y, says):
    with pytest.raises(ValueError, match=says):
        spearman(x, y)


def test_students_interval_by_hand_and_as_scipys():
    interval = seed_interval([0.60, 0.62, 0.64])
    assert interval.value == pytest.approx(0.62)
    assert interval.high - interval.value == pytest.approx(4.3027 * 0.02 / math.sqrt(3), rel=1e-4)  # t, 2 degrees
    values = np.random.default_rng(0).normal(size=7)
    for confidence in (0.5, 0.95, 0.99):
        peer = stats.t.interval(confidence, 6, values.mean(), stats.sem(values))
        assert seed_interval(values, confidence)[1:] == pytest.approx(peer)
    assert seed_interval([1, 1, 1]) == (1, 1, 1)
    for values, confidence, says in (([0.6], 0.95, "values=.* two seeds"), ([1, 2], 95, "confidence=95"),
                                     ([1, math.nan], 0.95, "\\[1\\]=nan cannot")):
        with pytest.raises(ValueError, match=says):
            seed_interval(values, confidence)


def test_the_interval_over_seeds_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = [low <= 3 <= high for _, low, high in (seed_interval(rng.normal(3, 2, size=3), 0.8) for _ in range(1000))]
    assert 0.76 < np.mean(held) < 0.84


def linked(size: int, noise: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    gold = rng.normal(size=size)
    return gold + noise * rng.normal(size=size), gold


def test_the_bootstrap_is_repeatable_and_narrows_with_more_pairs():
    wide, narrow = (bootstrap_interval(*linked(size, 1), samples=300) for size in (50, 800))
    assert wide == bootstrap_interval(*linked(50, 1), samples=300)
    assert wide != bootstrap_interval(*linked(50, 1), samples=300, seed=2)
    assert wide.value == pytest.approx(stats.spearmanr(*linked(50, 1))[0])
    for interval in (wide, narrow):
        assert interval.low < interval.value < interval.high
    assert 2.5 < (wide.high - wide.low) / (narrow.high - narrow.low) < 6.5  # as the root of 16


def test_the_bootstrap_is_near_scipys():
    scores, gold = linked(120, 1)
    ours = bootstrap_interval(scores, gold, confidence=0.9, samples=2000)
    peer = stats.bootstrap((scores, gold), lambda x, y: stats.spearmanr(x, y)[0], paired=True, vectorized=False,
                           n_resamples=500, confidence_level=0.9, method="percentile", random_state=0)
    assert ours[1:] == pytest.approx(tuple(peer.confidence_interval), abs=0.03)


def test_the_difference_of_two_models_on_the_same_pairs():
    good, gold = linked(300, 0.5)
    bad = gold + 2 * np.random.default_rng(5).normal(size=300)
    better = bootstrap_interval(good, gold, bad, samples=300)
    assert better.low > 0
    assert better.value == pytest.approx(spearman(good, gold) - spearman(bad, gold))
    same = bootstrap_interval(good, gold, good, samples=50)
    assert same == (0, 0, 0)


@pytest.mark.parametrize(("scores", "options", "says"), [
    ([1, 2, math.nan], {}, "\\[2\\]=nan cannot .* leave out the pairs"),
    ([1, 2], {}, r"gold has shape \(3,\): give \(N=2\)"),
    ([1, 2, 3], {"samples": 0}, "samples=0 cannot be used"),
    ([1, 2, 3], {"confidence": 1}, "confidence=1 cannot be used"),
    ([1, 1, 1], {}, "all values of one side are equal"),
])
def test_the_bootstrap_refuses(scores, options, says):
    with pytest.raises(ValueError, match=says):
        bootstrap_interval(scores, [1, 2, 3], **options)


# ---- right or wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "asked", "confidence"), [(7, 10, 0.95), (0, 4, 0.9), (85, 100, 0.95), (3, 3, 0.99)])
def test_wilsons_interval_is_scipys(right, asked, confidence):
    theirs = stats.binomtest(right, asked).proportion_ci(confidence, method="wilson")
    ours = intervals.wilson_interval(right, asked, confidence)
    assert ours == pytest.approx((right / asked, theirs.low, theirs.high), abs=1e-12)


def test_wilsons_interval_refuses_more_right_than_asked():
    for right in (-1, 11):
        with pytest.raises(ValueError, match=f"right={right} cannot be used"):
            intervals.wilson_interval(right, 10)


def test_mcnemar_counts_coins():
    assert intervals.mcnemar(1, 6) == pytest.approx(16 / 128)
    assert intervals.mcnemar(6, 1) == pytest.approx(16 / 128)
    assert intervals.mcnemar(0, 0) == intervals.mcnemar(3, 3) == 1
    with pytest.raises(ValueError, match="=-1 cannot be used: only_.* 0 or more"):
        intervals.mcnemar(-1, 2)
