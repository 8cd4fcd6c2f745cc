"""Alignment: the turn against scipy's, CSLS by hand, lexicons without a word on both sides, Wilson's interval."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import orthogonal_procrustes

from course_lib import alignment
from course_lib.keyed_vectors import KeyedVectors

rng = np.random.default_rng(0)


def turn_of(size, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((size, size)))[0].astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 30), st.integers(0, 99))
def test_the_turn_is_scipys_and_orthogonal(D, N, seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((2, N, D))
    W = alignment.procrustes(X, Y)
    assert np.allclose(W @ W.T, np.eye(D), atol=1e-5)
    theirs, _ = orthogonal_procrustes(X, Y)
    assert np.isclose(np.square(X @ W - Y).sum(), np.square(X @ theirs - Y).sum(), rtol=1e-4, atol=1e-4)
    for other in range(5):  # no other turn is better
        assert np.square(X @ W - Y).sum() <= np.square(X @ turn_of(D, other) - Y).sum() + 1e-3


def test_a_hidden_turn_is_found_by_the_narrow_too():
    X = rng.standard_normal((40, 4)).astype(np.float32)
    assert np.allclose(alignment.procrustes(X, X @ turn_of(4)), turn_of(4), atol=1e-5)
    wide = turn_of(6)[:4]  # 4 numbers into 6
    assert np.allclose(alignment.procrustes(X, X @ wide), wide, atol=1e-5)


@pytest.mark.parametrize(("X", "Y", "words"), [
    (np.zeros((0, 2)), np.zeros((0, 2)), "0"), (np.zeros((2, 3)), np.zeros((2, 2)), "width of X.*at most"),
    (np.array([[np.nan]]), np.ones((1, 1)), "NaN or infinity"), (np.ones((2, 2)), np.ones((3, 2)), "3|N"),
])  # fmt: skip
def test_what_cannot_be_turned_is_refused(X, Y, words):
    with pytest.raises(ValueError, match=words):
        alignment.procrustes(X, Y)


def test_rows_get_length_one_and_mean_nought_before_it():
    rows = alignment.normalise(np.array([[3, 4], [0, 2], [0, 0.0]]))
    units = np.array([[0.6, 0.8], [0, 1], [0, 0]]) - np.array([0.2, 0.6])
    assert np.allclose(rows, units / np.linalg.norm(units, axis=1, keepdims=True), atol=1e-6)
    assert not alignment.normalise(np.ones((2, 3))).any(), "what is left of equal rows is nothing"


def test_density_and_nearest_are_csls_by_hand():
    S = np.array([[0.8, 0.7, 0.1], [0.9, 0.2, 0.6]], np.float32)
    targets = np.eye(3, dtype=np.float32)
    assert np.allclose(alignment.density(targets, S, k=1), S.max(0))
    assert np.allclose(alignment.density(S, targets, k=2), [0.75, 0.75])
    assert np.allclose(alignment.density(S, targets, k=9), S.mean(1)), "no more neighbours than there are"
    assert alignment.nearest(S, targets, 2).tolist() == [[0, 1], [0, 2]]
    crowd = np.array([0.9, 0.0, 0.6], np.float32)
    scores = 2 * S - crowd
    assert alignment.nearest(S, targets, 3, crowd).tolist() == np.argsort(-scores, axis=1).tolist()
    assert alignment.nearest(S, targets, 8).shape == (2, 3)


def test_blocks_change_nothing(monkeypatch):
    X, Y = alignment.normalise(rng.standard_normal((30, 5))), alignment.normalise(rng.standard_normal((20, 5)))
    whole = alignment.density(X, Y), alignment.nearest(X, Y, 4)
    monkeypatch.setattr(alignment, "BLOCK", 7)
    assert np.allclose(alignment.density(X, Y), whole[0], atol=1e-6)
    assert (alignment.nearest(X, Y, 4) == whole[1]).all()


ENGLISH = KeyedVectors(["a", "b", "c", "d", "e"], np.eye(5))
FRENCH = KeyedVectors(["a", "v", "w", "x", "y"], np.eye(5))
PAIRS = [("a", "v"), ("b", "w"), ("b", "x"), ("c", "x"), ("d", "y"), ("a", "v"), ("z", "v"), ("e", "nowhere")]


def test_a_lexicon_holds_what_both_know_once():
    lexicon = alignment.Lexicon.of(PAIRS, ENGLISH, FRENCH)
    assert list(zip(lexicon.rows.tolist(), lexicon.partners.tolist())) == [(0, 1), (1, 2), (1, 3), (2, 3), (3, 4)]
    assert lexicon.gold == {0: {1}, 1: {2, 3}, 2: {3}, 3: {4}}
    assert len(lexicon) == 5
    with pytest.raises(ValueError, match="pairs=.* words with vectors on both sides"):
        alignment.Lexicon.of([("q", "r")], ENGLISH, FRENCH)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 9))
def test_no_word_is_learned_and_asked(seed, asked):
    drawn = np.unique(np.random.default_rng(seed).integers(0, 12, (40, 2)), axis=0)
    lexicon = alignment.Lexicon(*drawn.T)
    learned, test = lexicon.split(asked, seed)
    assert len(test.gold) == asked
    assert not set(learned.rows) & set(test.rows)
    assert not set(learned.partners) & set(test.partners)
    assert {*zip(*test.only(test.rows == test.rows[0]).__dict__.values())} == {
        pair for pair in zip(*lexicon.__dict__.values()) if pair[0] == test.rows[0]}  # fmt: skip
    same, _ = lexicon.split(asked, seed)
    assert (same.rows == learned.rows).all()


def test_a_split_needs_more_words_than_are_asked():
    with pytest.raises(ValueError, match="below 4"):
        alignment.Lexicon.of(PAIRS, ENGLISH, FRENCH).split(4)


def test_shuffled_pairs_have_the_same_words():
    lexicon = alignment.Lexicon(np.arange(50), np.arange(50))
    shuffled = lexicon.shuffled(1)
    assert sorted(shuffled.partners) == list(range(50))
    assert (shuffled.partners == lexicon.partners).sum() < 5
    assert len(lexicon.some(7)) == 7
    assert len(lexicon.some(99)) == 50


def test_precision_counts_words_not_translations():
    found = np.array([[1, 2], [3, 4], [5, 6], [7, 8]])
    gold = [{2, 1}, {4}, {9}, {7}]
    assert alignment.precision(found, gold, 1).value == 0.5
    assert alignment.precision(found, gold, 2).value == 0.75
    with pytest.raises(ValueError, match="queries and .* gold"):
        alignment.precision(found, gold[:2])


def test_wilsons_interval_of_the_textbook():
    value, low, high = alignment.share(900, 1000)
    assert (value, round(low, 3), round(high, 3)) == (0.9, 0.88, 0.917)
    assert alignment.share(0, 10).low == 0
    assert alignment.share(10, 10).high == 1


def language(words=300, D=8, noise=0.05):
    """A language, and the same under a turn with some noise."""
    X = alignment.normalise(rng.standard_normal((words, D)))
    return X, alignment.normalise(X @ turn_of(D) + noise * rng.standard_normal((words, D)))


def test_evaluate_finds_a_turned_language_and_shuffled_pairs_do_not():
    X, Y = language()
    learned, test = alignment.Lexicon(np.arange(300), np.arange(300)).split(100)
    good, bad = (alignment.evaluate(X, Y, alignment.procrustes(X[some.rows], Y[some.partners]), test)
                 for some in (learned, learned.shuffled()))  # fmt: skip
    assert min(good.cosine.value, good.csls.value, good.ten.value) > 0.95
    assert max(bad.cosine.value, bad.csls.value) < 0.1


def test_refining_gets_further_from_few_pairs():
    X, Y = language(noise=0.12)
    everything = alignment.Lexicon(np.arange(300), np.arange(300))
    few = everything.some(9, seed=3)
    W = alignment.procrustes(X[few.rows], Y[few.partners])
    refined = alignment.refine(X, Y, W, rounds=5)
    before, after = (alignment.evaluate(X, Y, turn, everything).csls.value for turn in (W, refined))
    assert after > before + 0.02
    pairs = alignment.mutual(X @ refined, Y)
    assert (pairs.rows == pairs.partners).mean() > 0.9
    assert np.allclose(refined @ refined.T, np.eye(8), atol=1e-5)


def test_places_are_no_choice_of_true_and_false():
    pairs = alignment.Lexicon(np.arange(3), np.arange(3))
    assert pairs.only([True, False, True]).rows.tolist() == [0, 2]
    with pytest.raises(ValueError, match="booleans"):
        pairs.only([0, 2, 1])


def test_words_are_found_however_their_accents_are_written():
    one, other = KeyedVectors(["caf\u00e9"], [[1, 0]]), KeyedVectors(["coffee"], [[0, 1]])
    assert len(alignment.Lexicon.of([("cafe\u0301", "coffee"), ("caf\u00e9", "coffee")], one, other)) == 1


def test_lists_and_tensors_are_as_good_as_arrays():
    turn = alignment.procrustes([[1, 0], [0, 1]], torch.tensor([[0, 1], [-1, 0]]))
    assert turn.tolist() == [[0, 1], [-1, 0]]
    assert alignment.precision([[1], [2]], [[1], [3]]).value == 0.5
