"""evaluation: hand-worked cases, SciPy and the formulas written out again as oracles, and every bad input."""

import contextlib
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from course_lib import data
from course_lib.evaluation import (
    MOST_PARTITIONS,
    WEAT,
    AnalogyScore,
    bootstrap_interval,
    frequency_strata,
    ranks,
    score_analogies,
    score_pairs,
    seed_interval,
    spearman,
    weat,
)
from course_lib.keyed_vectors import KeyedVectors

few_values = st.lists(st.integers(-3, 3) | st.floats(-1e9, 1e9), min_size=2, max_size=30)  # small integers make ties


# ---- Ranks and rank correlation ------------------------------------------------------------------------------------


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
    ([1, 2], [1, 2, 3], "2 values on one side and 3 on the other"),
    ([1], [2], "needs two pairs of values, and there are 1"),
    ([1, math.nan], [1, 2], "hold nan at place 1"),
    ([[1, 2]], [1, 2], "not an array of shape"),
])
def test_what_has_no_correlation(x, y, says):
    with pytest.raises(ValueError, match=says):
        spearman(x, y)


# ---- Scores --------------------------------------------------------------------------------------------------------


@pytest.fixture
def fan():
    """Words at 0, 10, 30, 60 and 80 degrees: the cosine falls as the angle grows."""
    angles = np.radians([0, 10, 30, 60, 80])
    return KeyedVectors(["a", "b", "c", "d", "e"], np.stack([np.cos(angles), np.sin(angles)], axis=1))


def test_pairs_with_their_coverage(fan):
    pairs = [("a", "b", 9), ("a", "c", 7), ("a", "d", 8), ("a", "e", 1), ("a", "unseen", 10)]
    score = score_pairs(fan, pairs)
    assert (score.known, score.asked) == (4, 5)
    assert score.rho == pytest.approx(0.8)  # one swap of neighbours: 1 - 6 * 2 / (64 - 4)
    assert str(score) == "0.800 (4 of 5 pairs)"
    assert score_pairs(fan, iter(pairs)) == score


def test_a_model_that_makes_up_unknown_vectors_is_asked_for_them():
    class Made(KeyedVectors):
        def unknown_vector(self, word):
            return np.float32([1, 1]) if word == "unseen" else None

    vectors = Made(["a", "b", "c"], [[1, 0], [0, 1], [1, 0.1]])
    pairs = [("a", "b", 1), ("a", "c", 9), ("a", "unseen", 5), ("a", "nowhere", 0)]
    assert score_pairs(vectors, pairs).known == 2
    score = score_pairs(vectors, pairs, unknown_too=True)
    assert (score.known, score.asked, score.rho) == (3, 4, 1)


def test_pair_scores_equal_keyed_vectors():
    words = sorted({word for pair in data.load("wordsim353") for word in pair[:2]})[:300]
    vectors = KeyedVectors(words, np.random.default_rng(0).normal(size=(300, 8)))
    _, (rho, _), left_out = vectors.evaluate_word_pairs(data.load("wordsim353"))
    score = score_pairs(vectors, data.load("wordsim353"))
    assert score.rho == pytest.approx(rho)
    assert 1 - score.known / score.asked == pytest.approx(left_out / 100)
    assert 0 < score.known < 353


@pytest.mark.parametrize(("pairs", "says"), [
    ([("x", "y", 1), ("a", "y", 2)], "only 0 of the 2 pairs have both words"),
    ([("a", "b", 1), ("a", "y", 2)], "only 1 of the 2 pairs have both words"),
    ([], "only 0 of the 0 pairs"),
    ([("a", "b", 1), ("a", "c", 1)], "all values of one side are equal"),
])
def test_pairs_that_cannot_be_scored(fan, pairs, says):
    with pytest.raises(ValueError, match=says):
        score_pairs(fan, pairs)


@pytest.fixture
def court():
    """Of the others, queen is nearest to king - man + woman; king itself is nearer."""
    words = {"man": [1, 0, 0], "woman": [1, .1, 0], "king": [1, 0, 1], "queen": [1, .5, 1.2], "cat": [-1, 0, .2],
             "cats": [-1, .1, .3]}
    return KeyedVectors(words, list(words.values()))


ROYAL = {"family": [("man", "woman", "king", "queen"), ("Man", "King", "Woman", "Queen"),
                    ("man", "woman", "duke", "duchess")],
         "gram8-plural": [("cat", "cats", "king", "queen")], "JJ_JJR": [("man", "woman", "cat", "king")]}


def test_analogies_by_section(court):
    scores = score_analogies(court, ROYAL)
    assert list(scores) == ["family", "gram8-plural", "JJ_JJR", "semantic", "syntactic", "total"]
    assert scores["family"] == AnalogyScore(2, 2, 3)
    assert scores["semantic"] == scores["family"]
    assert scores["syntactic"] == scores["gram8-plural"] + scores["JJ_JJR"]
    assert scores["syntactic"].asked == 2
    assert scores["total"] == scores["semantic"] + scores["syntactic"]
    assert scores["family"].accuracy == 1
    assert scores["total"].echoed == 0
    assert str(scores["family"]) == "100.0% (2 of 2 known, 3 asked)"


def test_without_exclusion_the_question_answers_itself(court):
    score = score_analogies(court, ROYAL, exclude=False)["family"]
    assert score.echoes == (0, 1, 1)  # king both times: c of the first question, b of the second
    assert score.correct == 0
    assert score.echoed == 1


def test_both_methods_are_those_of_keyed_vectors(court):
    questions = {"family": ROYAL["family"][:2] + [("king", "man", "queen", "woman"), ("cat", "cats", "man", "queen")]}
    for method in ("3cosadd", "3cosmul"):
        share, _ = court.evaluate_word_analogies(questions, method=method)
        assert score_analogies(court, questions, method)["total"].accuracy == share
    with pytest.raises(ValueError, match="method is 'cos'"):
        score_analogies(court, questions, "cos")


def test_a_section_without_a_known_question_has_no_accuracy(court):
    scores = score_analogies(court, ROYAL | {"strange": [("w", "x", "y", "z")], "empty": []})
    assert math.isnan(scores["strange"].accuracy)
    assert scores["empty"].asked == 0
    with pytest.raises(ValueError, match="none of the 1 questions has all its words"):
        score_analogies(court, {"strange": [("w", "x", "y", "z")]})


# ---- How sure is a score? ------------------------------------------------------------------------------------------


def test_students_interval_by_hand_and_as_scipys():
    interval = seed_interval([0.60, 0.62, 0.64])
    assert interval.value == pytest.approx(0.62)
    assert interval.high - interval.value == pytest.approx(4.3027 * 0.02 / math.sqrt(3), rel=1e-4)  # t, 2 degrees
    values = np.random.default_rng(0).normal(size=7)
    for confidence in (0.5, 0.95, 0.99):
        peer = stats.t.interval(confidence, 6, values.mean(), stats.sem(values))
        assert seed_interval(values, confidence)[1:] == pytest.approx(peer)
    assert seed_interval([1, 1, 1]) == (1, 1, 1)
    for values, confidence, says in (([0.6], 0.95, "two or more, and there are 1"), ([1, 2], 95, "confidence is 95"),
                                     ([1, math.nan], 0.95, "hold nan at place 1")):
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
    ([1, 2, math.nan], {}, "hold nan at place 2: leave out the pairs"),
    ([1, 2], {}, "2 values on one side and 3"),
    ([1, 2, 3], {"samples": 0}, "samples is 0"),
    ([1, 2, 3], {"confidence": 1}, "confidence is 1"),
    ([1, 1, 1], {}, "all values of one side are equal"),
])
def test_the_bootstrap_refuses(scores, options, says):
    with pytest.raises(ValueError, match=says):
        bootstrap_interval(scores, [1, 2, 3], **options)


# ---- Strata --------------------------------------------------------------------------------------------------------


def strata_case():
    """Pairs of frequent words follow the judgements, pairs with a rare word run against them."""
    angles = np.radians(np.arange(0, 90, 5))
    words = [f"w{i}" for i in range(18)]
    vectors = KeyedVectors(words, np.stack([np.cos(angles), np.sin(angles)], axis=1))
    counts = {word: 1000 if i < 9 else 10 for i, word in enumerate(words)}
    frequent = [("w0", f"w{i}", -i) for i in range(1, 9)]
    rare = [("w0", f"w{i}", i) for i in range(9, 18)]
    return vectors, frequent + rare + [("w0", "unseen", 3)], counts


def test_strata_go_by_the_rarer_word():
    vectors, pairs, counts = strata_case()
    rare, frequent = frequency_strata(vectors, pairs, counts, edges=[100])
    assert (rare.low, rare.high, frequent.low, frequent.high) == (0, 10, 1000, 1000)
    assert (rare.score.rho, rare.score.known, rare.score.asked) == (-1, 9, 10)
    assert (frequent.score.rho, frequent.score.known, frequent.score.asked) == (1, 8, 8)
    assert frequency_strata(vectors, pairs, counts, edges=2) == [rare, frequent]  # the median falls between them
    (whole,) = frequency_strata(vectors, pairs, counts, edges=1)
    assert whole.score == score_pairs(vectors, pairs)
    assert [stratum.low for stratum in frequency_strata(vectors, pairs, counts, edges=[10])] == [0, 10]  # 10 begins one
    below, *_ = frequency_strata(vectors, pairs, counts, edges=[5, 100])
    assert math.isnan(below.score.rho)
    assert (below.score.known, below.score.asked) == (0, 1)


def test_quantiles_make_strata_of_about_as_many_known_pairs():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(200)]
    vectors = KeyedVectors(words, rng.normal(size=(200, 5)))
    pairs = [(words[i], words[i + 1], float(rng.normal())) for i in range(199)] + [("w0", "none", 1)] * 50
    strata = frequency_strata(vectors, pairs, {word: i for i, word in enumerate(words)}, edges=4)
    assert [stratum.score.known for stratum in strata] == pytest.approx([50] * 4, abs=1)
    assert strata[0].score.asked == strata[0].score.known + 50
    assert all(one.high < other.low for one, other in itertools.pairwise(strata))


def test_strata_refuse(fan):
    with pytest.raises(ValueError, match="only 0 of the 1 pairs"):
        frequency_strata(fan, [("x", "y", 1)], {})
    with pytest.raises(ValueError, match="edges is 0"):
        frequency_strata(fan, [("a", "b", 1), ("a", "c", 2)], {}, edges=0)


# ---- WEAT ----------------------------------------------------------------------------------------------------------


def textbook_weat(vectors, x, y, a, b):
    """The formulas of Caliskan et al. written out word by word: d, and p over all partitions of equal size."""
    def s(word):
        to_a, to_b = ([vectors.similarity(word, one) for one in attributes] for attributes in (a, b))
        return np.mean(to_a) - np.mean(to_b)

    effect = (np.mean([s(w) for w in x]) - np.mean([s(w) for w in y])) / np.std([s(w) for w in x + y], ddof=1)
    observed = sum(map(s, x)) - sum(map(s, y))
    larger = []
    for part in itertools.combinations(x + y, len(x)):
        rest = [word for word in x + y if word not in part]
        larger.append(sum(map(s, part)) - sum(map(s, rest)) >= observed - 1e-9)
    return effect, np.mean(larger), len(larger)


@pytest.mark.parametrize(("num_x", "num_y"), [(4, 4), (2, 5)])
def test_weat_equals_the_formulas(num_x, num_y):
    words = [f"w{i}" for i in range(num_x + num_y + 7)]
    vectors = KeyedVectors(words, np.random.default_rng(num_x).normal(size=(len(words), 6)))
    x, y, rest = words[:num_x], words[num_x:num_x + num_y], words[num_x + num_y:]
    result = weat(vectors, x, y, rest[:3], rest[3:])
    effect, p_value, partitions = textbook_weat(vectors, x, y, rest[:3], rest[3:])
    assert result.effect == pytest.approx(effect, abs=1e-6)
    assert result.p_value == pytest.approx(p_value, abs=1e-12)
    assert (result.partitions, result.exact) == (partitions, True)
    assert list(result.associations) == x + y
    swapped = weat(vectors, y, x, rest[:3], rest[3:])
    assert swapped.effect == pytest.approx(-effect, abs=1e-6)
    assert swapped.p_value > result.p_value or p_value > 0.5


def test_weat_by_hand():
    """X lies on A, Y on B: s is 1 and -1, so d = 2 / sqrt(4 / 3); one of the six partitions is as large."""
    vectors = KeyedVectors(["x1", "x2", "y1", "y2", "a1", "a2", "b1", "b2"], [[1, 0]] * 2 + [[0, 1]] * 2
                           + [[2, 0]] * 2 + [[0, 3]] * 2)
    result = weat(vectors, ["x1", "x2"], ["y1", "y2"], ["a1", "a2"], ["b1", "b2"])
    assert result.effect == pytest.approx(2 / math.sqrt(4 / 3))
    assert result.p_value == pytest.approx(1 / 6)
    assert result.associations == pytest.approx({"x1": 1, "x2": 1, "y1": -1, "y2": -1})
    assert str(result) == "d = 1.73, p = 0.17 (all 6 partitions; 0 words without a vector)"


def test_a_sample_of_partitions_comes_near_all_of_them(monkeypatch):
    words = [f"w{i}" for i in range(20)]
    vectors = KeyedVectors(words, np.random.default_rng(8).normal(size=(20, 5)))
    lists = words[:6], words[6:12], words[12:16], words[16:]
    every = weat(vectors, *lists)
    monkeypatch.setattr("course_lib.evaluation.MOST_PARTITIONS", 10)
    sampled = weat(vectors, *lists, samples=20_000)
    assert (sampled.partitions, sampled.exact) == (20_000, False)
    assert sampled.p_value == pytest.approx(every.p_value, abs=0.015)
    assert weat(vectors, *lists, seed=3, samples=99) == weat(vectors, *lists, seed=3, samples=99)
    assert (weat(vectors, *lists, samples=99).p_value * 100) % 1 == pytest.approx(0, abs=1e-9)  # (larger + 1) / 100
    with pytest.raises(ValueError, match="samples is 0"):
        weat(vectors, *lists, samples=0)


def test_the_largest_sets_are_sampled_and_the_p_value_is_never_zero():
    lists = WEAT[1]
    words = [word for part in lists.values() for word in part]
    half = {"targets_x": [1, 0.1], "attributes_a": [1, 0], "targets_y": [0.1, 1], "attributes_b": [0, 1]}
    noise = np.random.default_rng(0).normal(scale=0.02, size=(len(words), 2))
    vectors = KeyedVectors(words, np.array([half[name] for name, part in lists.items() for _ in part]) + noise)
    result = weat(vectors, **lists, samples=999)
    assert not result.exact
    assert math.comb(50, 25) > MOST_PARTITIONS
    assert result.p_value == 1 / 1000
    assert result.effect > 1.9


def test_the_published_lists_are_whole():
    assert sorted(WEAT) == [1, 2, 6]
    for number, lists in WEAT.items():
        assert list(lists) == ["targets_x", "targets_y", "attributes_a", "attributes_b"]
        assert {len(words) for words in lists.values()} == ({8} if number == 6 else {25})
        assert all(len(set(words)) == len(words) for words in lists.values())
        assert not set(lists["targets_x"]) & set(lists["targets_y"])
    assert "gladiola" in WEAT[1]["targets_x"]
    assert "teargas" in WEAT[2]["targets_y"]
    assert "cousins" in WEAT[6]["attributes_b"]


def test_missing_words_are_named_and_small_letters_found(fan):
    result = weat(fan, ["A", "b", "unseen"], ["c", "d"], ["e", "a"], ["b", "c"])
    assert result.missing == {"targets_x": ["unseen"], "targets_y": [], "attributes_a": [], "attributes_b": []}
    assert list(result.associations) == ["A", "b", "c", "d"]


@pytest.mark.parametrize(("lists", "says"), [
    ((["a", "unseen"], ["c", "d"], ["e"], ["b"]), r"of targets_x only \['a'\] have a vector.* missing are unseen"),
    ((["a", "b"], ["c", "d"], ["e"], ["b", "c"]), r"of attributes_a only \['e'\] have a vector.* missing are none"),
    ((["a", "b"], ["b", "d"], ["e", "a"], ["c", "d"]), "b is in targets_x and in targets_y"),
    ((["a", "b"], ["c", "d"], ["e", "a"], ["e", "a"]), "every target word has the same association"),
])
def test_weat_refuses(fan, lists, says):
    with pytest.raises(ValueError, match=says):
        weat(fan, *lists)


# ---- Real vectors --------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_any_small_model_and_set_gives_a_score_or_a_sentence(source):
    words = source.draw(st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1, max_size=6))
    numbers = st.floats(-1, 1, width=32)
    vectors = KeyedVectors(words, source.draw(st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=len(words),
                                                       max_size=len(words))))
    word = st.sampled_from("abcdefghij")
    pairs = source.draw(st.lists(st.tuples(word, word, st.integers(0, 10)), max_size=8))
    with contextlib.suppress(ValueError):
        assert -1 <= score_pairs(vectors, pairs).rho <= 1


def test_googlenews_is_asked_everything():
    vectors = KeyedVectors.load_word2vec_format(data.path("googlenews"), binary=True)
    assert score_pairs(vectors, data.load("men")).rho > 0.75
    weapons = weat(vectors, **WEAT[2])
    assert weapons.effect > 1.3
    assert weapons.p_value < 0.001
    assert "bagpipe" in weapons.missing["targets_x"]
    questions = {name: part[:200] for name, part in data.load("google_analogies").items() if name.startswith("gram")}
    usual, open_to_all = (score_analogies(vectors, questions, exclude=exclude)["total"] for exclude in (True, False))
    assert usual.accuracy > 0.5 > 0.2 > open_to_all.accuracy
    assert open_to_all.echoes[2] > 0.7 * open_to_all.known  # c answers itself
