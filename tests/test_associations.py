"""associations: WEAT against the formulas written out again, the published lists, and every bad input."""

import itertools
import math

import numpy as np
import pytest

from course_lib.associations import (
    MOST_PARTITIONS,
    WEAT,
    weat,
)
from course_lib.keyed_vectors import KeyedVectors


@pytest.fixture
def fan():
    """Words at 0, 10, 30, 60 and 80 degrees: the cosine falls as the angle grows."""
    angles = np.radians([0, 10, 30, 60, 80])
    return KeyedVectors(["a", "b", "c", "d", "e"], np.stack([np.cos(angles), np.sin(angles)], axis=1))


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
    monkeypatch.setattr("course_lib.associations.MOST_PARTITIONS", 10)
    sampled = weat(vectors, *lists, samples=20_000)
    assert (sampled.partitions, sampled.exact) == (20_000, False)
    assert sampled.p_value == pytest.approx(every.p_value, abs=0.015)
    assert weat(vectors, *lists, seed=3, samples=99) == weat(vectors, *lists, seed=3, samples=99)
    assert (weat(vectors, *lists, samples=99).p_value * 100) % 1 == pytest.approx(0, abs=1e-9)  # (larger + 1) / 100
    with pytest.raises(ValueError, match="samples=0 cannot be used"):
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
    (("ab", ["c", "d"], ["e"], ["b"]), "targets_x must be a list of texts, in brackets"),
    ((["a", "unseen"], ["c", "d"], ["e"], ["b"]), r"targets_x=\['a'\] .* two words .*, not \['unseen'\]"),
    ((["a", "b"], ["c", "d"], ["e"], ["b", "c"]), r"attributes_a=\['e'\] .* vector or more, not \[\]"),
    ((["a", "b"], ["b", "d"], ["e", "a"], ["c", "d"]), "b is in targets_x and in targets_y"),
    ((["A", "b"], ["a", "d"], ["e", "a"], ["c", "d"]), "A is in targets_x and in targets_y"),
    ((["A", "a"], ["c", "d"], ["e", "a"], ["b", "c"]), r"targets_x=\['A'\] cannot"),
    ((["a", "b"], ["c", "d"], ["e", "a"], ["e", "a"]), "every target word has the same association"),
])
def test_weat_refuses(fan, lists, says):
    with pytest.raises(ValueError, match=says):
        weat(fan, *lists)
