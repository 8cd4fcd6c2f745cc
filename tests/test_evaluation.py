"""evaluation: hand-worked cases, SciPy and the formulas written out again as oracles, and every bad input."""

import contextlib
import itertools
import math
import warnings

import numpy as np
import pytest
from gensim_peer import ANALOGIES, WORDSIM, as_gensim, lines, random_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import data
from course_lib.evaluation import (
    WEAT,
    AnalogyScore,
    frequency_strata,
    score_analogies,
    score_pairs,
    weat,
)
from course_lib.keyed_vectors import KeyedVectors

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
    ([("x", "y", 1), ("a", "y", 2)], "only 0 of the 2 pairs have all words"),
    ([("a", "b", 1), ("a", "y", 2)], "only 1 of the 2 pairs have all words"),
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
    with pytest.raises(ValueError, match="method='cos' cannot be used"):
        score_analogies(court, questions, "cos")


def test_a_section_without_a_known_question_has_no_accuracy(court):
    scores = score_analogies(court, ROYAL | {"strange": [("w", "x", "y", "z")], "empty": []})
    assert math.isnan(scores["strange"].accuracy)
    assert scores["empty"].asked == 0
    with pytest.raises(ValueError, match="only 0 of the 1 questions have all words"):
        score_analogies(court, {"strange": [("w", "x", "y", "z")]})


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
    with pytest.raises(ValueError, match="edges=0 cannot be used"):
        frequency_strata(fan, [("a", "b", 1), ("a", "c", 2)], {}, edges=0)


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


# ---- gensim's scores, as methods of KeyedVectors --------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_warnings():
    """A NaN warning of NumPy or SciPy fails the test that caused it; expected ones are asked for by pytest.warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        yield


@pytest.fixture
def compass():
    """Four directions in the plane, a copy of one, and a zero vector: every cosine is known."""
    return KeyedVectors(["north", "east", "south", "northeast", "nowhere"], [[0, 2], [3, 0], [0, -1], [1, 1], [0, 0]])


def test_spearman_counts_order_with_ties():
    """Cosines to "a" are 1, .6, 0, with b and its copy tied; judgements 9, 5, 5, 1: the ranks agree, so rho is 1."""
    vectors = KeyedVectors(["a", "same", "b", "copy", "c"], [[1, 0], [1, 0], [3, 4], [3, 4], [0, 1]])
    judged = [("a", "same", 9), ("a", "b", 5.0), ("A", "Copy", 5), ("a", "c", 1), ("a", "unseen", 7)]
    pearson, spearman, left_out = vectors.evaluate_word_pairs(judged)
    assert spearman[0] == pytest.approx(1)
    assert pearson[0] == pytest.approx(np.corrcoef([9, 5, 5, 1], [1, .6, .6, 0])[0, 1])
    assert left_out == 20
    assert vectors.evaluate_word_pairs(judged, case_insensitive=False)[2] == 40
    assert vectors.evaluate_word_pairs(judged, dummy4unknown=True)[1][0] < 1


def test_analogies_by_hand():
    vectors = KeyedVectors(["man", "woman", "king", "queen", "prince"], [[1, 0], [1, 1], [1, 0.2], [1, 1.3], [1, .1]])
    questions = {"royal": [("man", "woman", "king", "queen"), ("man", "woman", "king", "prince")],
                 "unknown": [("man", "woman", "duke", "duchess")]}
    score, sections = vectors.evaluate_word_analogies(questions)
    assert score == 0.5
    assert sections[0] == {"section": "royal", "correct": [("MAN", "WOMAN", "KING", "QUEEN")],
                           "incorrect": [("MAN", "WOMAN", "KING", "PRINCE")]}
    assert sections[1] == {"section": "unknown", "correct": [], "incorrect": []}
    assert sections[2]["section"] == "Total accuracy"
    assert vectors.evaluate_word_analogies(questions, dummy4unknown=True)[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("options", [{}, {"case_insensitive": False}, {"dummy4unknown": True},
                                     {"restrict_vocab": 150}], ids=str)
def test_scores_equal_gensims(options):
    ours = random_vectors()
    theirs = as_gensim(ours)
    mine, peer = ours.evaluate_word_pairs(WORDSIM, **options), theirs.evaluate_word_pairs(WORDSIM, **options)
    assert np.allclose(np.hstack(mine), np.hstack(peer), atol=1e-6)
    mine = ours.evaluate_word_analogies(ANALOGIES, **options)
    assert mine == theirs.evaluate_word_analogies(ANALOGIES, **options)
    assert len(mine[1][-1]["incorrect"]) > 100  # the comparison was not between empty lists


def test_analogies_of_learnable_vectors_equal_gensims():
    """Vectors that answer many questions: country + capital offset + a little noise."""
    rng = np.random.default_rng(3)
    pairs = sorted({tuple(line.split()[:2]) for line in lines(ANALOGIES) if not line.startswith(":")})[:150]
    offset = rng.normal(size=20)
    table = {}
    for first, second in pairs:
        base = table.setdefault(first, rng.normal(size=20))
        table.setdefault(second, base + offset + .35 * rng.normal(size=20))
    ours = KeyedVectors(table, list(table.values()))
    mine = ours.evaluate_word_analogies(ANALOGIES)
    assert mine == as_gensim(ours).evaluate_word_analogies(ANALOGIES)
    assert 0.1 < mine[0] < 0.95


def test_a_loaded_set_scores_as_its_file():
    ours = random_vectors()
    pairs = [line.split("\t") for line in lines(WORDSIM) if not line.startswith("#")]
    assert ours.evaluate_word_pairs([(a, b, float(s)) for a, b, s in pairs]) == ours.evaluate_word_pairs(WORDSIM)
    sections = {}
    for line in lines(ANALOGIES):
        if line.startswith(": "):
            sections[line[2:].strip()] = []
        else:
            list(sections.values())[-1].append(tuple(line.split()))
    assert ours.evaluate_word_analogies(sections) == ours.evaluate_word_analogies(ANALOGIES)


@pytest.fixture(scope="module")
def googlenews():
    return KeyedVectors.load_word2vec_format(data.path("googlenews"), binary=True)


def test_googlenews_vectors_agree_with_people(googlenews):
    assert googlenews.vectors.shape == (26_423, 300)
    _, (spearman, _), left_out = googlenews.evaluate_word_pairs(data.load("wordsim353"))
    assert spearman >= 0.68
    assert 0 < left_out < 15
    assert googlenews.evaluate_word_pairs(data.path("wordsim353"))[1][0] == pytest.approx(spearman)
    assert googlenews.most_similar(["king", "woman"], ["man"], topn=1)[0][0] == "queen"


def test_googlenews_analogies_are_asked_together(googlenews, monkeypatch):
    """One question at a time takes minutes."""
    asked, nearest = [], KeyedVectors.nearest
    monkeypatch.setattr(KeyedVectors, "nearest", lambda self, q, *more: asked.append(len(q)) or nearest(self, q, *more))
    score, sections = googlenews.evaluate_word_analogies(data.load("google_analogies"))
    assert score > 0.7
    assert asked == [len(sections[-1]["correct"]) + len(sections[-1]["incorrect"])]
    assert asked[0] > 8_000


def test_zero_vectors_are_far_from_everything(compass):
    score, _ = compass.evaluate_word_analogies({"zero": [("nowhere", "nowhere", "nowhere", "north")]})
    assert score in (0, 1)
    assert compass.evaluate_word_pairs([("north", "nowhere", 1), ("north", "northeast", 2)])[1][0] == pytest.approx(1)


@pytest.mark.parametrize(("pairs", "expected"), [
    ([], "only 0 of the 0 pairs have all words"),
    ([("up", "down", 1), ("left", "right", 2)], "only 0 of the 2 pairs"),
    ([("north", "east", 1), ("left", "right", 2)], "only 1 of the 2 pairs"),
    ([("north", "east", 1), ("north", "northeast", 1)], "all values of one side are equal"),
    ([("north", "east", 1), ("east", "north", 2)], "all values of one side are equal"),
    ([("north", "east")], "must be .word, word, score."),
    ([("north", "east", float("nan"))], "must be .word, word, score."),
])
def test_pairs_without_a_correlation(compass, pairs, expected):
    with pytest.raises(ValueError, match=expected):
        compass.evaluate_word_pairs(pairs)


def test_the_exact_spelling_comes_first():
    vectors = KeyedVectors(["masse", "maße", "meter", "Meter", "caf\u00e9"], [[1, 0], [0, 1], [0, 2], [1, 0], [0, 1]])
    assert vectors.pair_cosines([("maße", "meter"), ("Masse", "Meter"), ("METER", "Maße")]).tolist() == [1, 1, 1]
    assert vectors.pair_cosines([("cafe\u0301", "meter")], case_insensitive=False).tolist() == [1]
    without = KeyedVectors(["masse", "meter"], [[1, 0], [0, 1]])
    assert np.isnan(without.pair_cosines([("maße", "meter")])).all()


def test_an_answer_is_right_in_any_spelling_and_questions_are_asked_in_theirs():
    words = {"man": [1, 0], "Man": [-1, 0], "woman": [1, 1], "king": [1, 0.2], "Queen": [1, 1.3], "queen": [1, 1.2]}
    vectors = KeyedVectors(words, list(words.values()))
    question = ("man", "woman", "king", "queen")
    assert vectors.evaluate_word_analogies({"royal": [question]})[0] == 1
    assert vectors.answer_analogies([question]) == ["Queen"]
    assert score_analogies(vectors, {"royal": [question]})["total"].correct == 1


@pytest.mark.parametrize("limit", [0, -1, True, 2.5])
def test_a_limit_that_leaves_no_word_is_refused(compass, limit):
    pairs, questions = [("north", "east", 1), ("north", "south", 2)], {"s": [("north", "east", "south", "nowhere")]}
    for ask, asked in ((compass.evaluate_word_pairs, pairs), (compass.pair_cosines, pairs),
                       (compass.evaluate_word_analogies, questions), (compass.answer_analogies, questions["s"])):
        with pytest.raises(ValueError, match=f"restrict_vocab={limit} cannot be used"):
            ask(asked, restrict_vocab=limit)


def test_a_word_that_is_no_string_is_named(compass):
    for ask in (compass.evaluate_word_pairs, compass.pair_cosines):
        with pytest.raises(ValueError, match="word=nan cannot be used: word must be a string"):
            ask([("north", math.nan, 1), ("north", "east", 2), ("north", "south", 3)])
    with pytest.raises(ValueError, match="word=7 cannot"):
        compass.answer_analogies([("north", 7, "east")])


def test_analogies_that_cannot_be_asked(compass, tmp_path):
    with pytest.raises(ValueError, match="only 0 of the .* questions have all words"):
        compass.evaluate_word_analogies({"other": [("left", "right", "up", "down")]})
    with pytest.raises(ValueError, match="question=.* must be four words"):
        compass.evaluate_word_analogies({"short": [("north", "east", "south")]})
    with pytest.raises(ValueError, match="analogies=.* must be a file, or a mapping"):
        compass.evaluate_word_analogies([("north", "east", "south", "west")])
    (tmp_path / "set").write_text("north east south west\n")
    with pytest.raises(ValueError, match="line 1 of .* before any ': section' line"):
        compass.evaluate_word_analogies(tmp_path / "set")
    (tmp_path / "set").write_bytes(b": caf\xe9\n")
    with pytest.raises(ValueError, match="line 1 of .* is not UTF-8"):
        compass.evaluate_word_analogies(tmp_path / "set")


@pytest.fixture
def gensims_epsilon(monkeypatch):
    """gensim adds 0.000001 where the paper adds 0.001, which can turn round two words that are nearly equal."""
    monkeypatch.setattr("course_lib.keyed_vectors.EPSILON", 1e-6)


@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`:DeprecationWarning")
def test_multiplied_analogies_are_gensims_nearest_words(gensims_epsilon):
    rng = np.random.default_rng(3)
    table = {}
    for first, second in sorted({tuple(line.split()[:2]) for line in lines(ANALOGIES) if line[0] != ":"})[:120]:
        base = table.setdefault(first, rng.normal(size=20))
        table.setdefault(second, base + np.linspace(-1, 1, 20) + .35 * rng.normal(size=20))
    ours = KeyedVectors(table, list(table.values()))
    theirs = as_gensim(ours)
    _, sections = ours.evaluate_word_analogies(ANALOGIES, method="3cosmul", case_insensitive=False)
    for outcome in ("correct", "incorrect"):
        asked = sections[-1][outcome][::7]
        assert len(asked) > 10
        for a, b, c, answer in asked:
            (nearest, _), = theirs.most_similar_cosmul([b, c], [a], topn=1)
            assert (nearest == answer) == (outcome == "correct")


def test_blocks_change_no_answer(monkeypatch):
    vectors = random_vectors(300, size=5)
    questions = [line.split() for line in lines(ANALOGIES)[1:60]]
    whole = {method: vectors.answer_analogies(questions, method=method) for method in ("3cosadd", "3cosmul")}
    assert len(set(whole["3cosadd"])) > 5
    monkeypatch.setattr("course_lib.keyed_vectors.QUERY_BLOCK", 7)
    monkeypatch.setattr("course_lib.keyed_vectors.WORD_BLOCK", 11)
    for method, answers in whole.items():
        assert vectors.answer_analogies(questions, method=method) == answers


def test_answers_are_words_in_their_first_spelling():
    vectors = KeyedVectors(["Man", "woman", "king", "Queen", "queen"], [[1, 0], [1, 1], [1, .2], [1, 1.3], [1, 1.3]])
    asked = [("man", "woman", "king"), ("MAN", "woman", "king", "queen"), ("man", "woman", "duke")]
    assert vectors.answer_analogies(asked) == ["Queen", "Queen", None]
    assert vectors.answer_analogies(asked, case_insensitive=False) == [None, None, None]
    assert vectors.answer_analogies([("Man", "woman", "king")], restrict_vocab=3) == [None]  # nobody is left to answer
    assert vectors.answer_analogies([]) == []
    for questions, says in (([("a", "b")], r"question=\('a', 'b'\) .* three words"), (["abc"], "question='abc'")):
        with pytest.raises(ValueError, match=says):
            vectors.answer_analogies(questions)
    for ask in (vectors.answer_analogies, lambda questions, method: vectors.evaluate_word_analogies(
            {"s": [("man", "woman", "king", "queen")]}, method=method)):
        with pytest.raises(ValueError, match="method='sum' cannot be used: method must be '3cosadd' or '3cosmul'"):
            ask(asked, method="sum")
