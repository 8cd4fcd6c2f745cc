"""KeyedVectors: hand-worked cases, gensim as the oracle in both directions, round trips, and every bad input."""

import warnings

import numpy as np
import pytest
from gensim_peer import as_gensim, random_vectors

from course_lib.keyed_vectors import KeyedVectors, UnknownWordError


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


# ---- By hand ---------------------------------------------------------------------------------------------------

def test_cosines_by_hand(compass):
    assert compass.similarity("north", "east") == 0
    assert compass.similarity("north", "south") == -1
    assert compass.similarity("north", "northeast") == pytest.approx(2 ** -0.5)
    assert compass.similarity("north", "nowhere") == 0
    assert [word for word, _ in compass.most_similar("north")] == ["northeast", "east", "nowhere", "south"]
    assert dict(compass.most_similar("north"))["south"] == -1


def test_a_question_of_words_and_vectors(compass):
    assert compass.most_similar(["north", "east"], topn=1) == [("northeast", pytest.approx(1))]
    assert compass.most_similar(["north"], ["south"], topn=1)[0][0] == "northeast"
    assert compass.most_similar(np.array([0, 5]), topn=1) == [("north", 1)]
    assert compass.most_similar([np.array([1.0, 0]), "north"], topn=1)[0][0] == "northeast"
    assert compass.most_similar(np.array([[0, 1.0], [1, 0]]), topn=1)[0][0] == "northeast"
    assert compass.most_similar(negative="north", topn=1) == [("south", 1)]


def test_words_of_the_question_never_answer(compass):
    assert "north" not in dict(compass.most_similar("north", topn=5))
    assert {"north", "east"}.isdisjoint(dict(compass.most_similar("north", "east")))
    assert compass.most_similar("east", restrict_vocab=1) == [("north", 0)]
    assert compass.most_similar("north", restrict_vocab=1) == []


def test_more_neighbours_than_words(compass):
    assert len(compass.most_similar("north", topn=99)) == 4


def test_it_reads_like_a_dictionary(compass):
    assert len(compass) == 5
    assert "north" in compass
    assert "up" not in compass
    assert 3 not in compass
    assert list(compass["east"]) == [3, 0]
    assert compass[["east", "north"]].tolist() == [[3, 0], [0, 2]]
    assert list(compass.get_vector("east", norm=True)) == [1, 0]
    assert list(compass.get_vector("nowhere", norm=True)) == [0, 0]
    assert compass.vectors.dtype == np.float32
    assert compass.key_to_index["south"] == 2
    assert list(compass)[0] == "north"
    with pytest.raises(ValueError, match="read-only"):
        compass["north"][0] = 1


def test_blocks_change_nothing(monkeypatch):
    """The same neighbours whether the words and queries fill one block or many."""
    vectors = random_vectors(60)
    queries, exclude = vectors.vectors[:7] + 1, [[i, 2 * i] for i in range(7)]
    whole = vectors.nearest(queries, 9, exclude)
    monkeypatch.setattr("course_lib.keyed_vectors.QUERY_BLOCK", 3)
    monkeypatch.setattr("course_lib.keyed_vectors.WORD_BLOCK", 5)
    parts = vectors.nearest(queries, 9, exclude)
    assert (whole[0] == parts[0]).all()
    assert np.allclose(whole[1], parts[1], atol=1e-6)
    assert not any(set(ids) & set(banned) for ids, banned in zip(parts[0], exclude, strict=True))
    every = np.sort(vectors.nearest(queries[:1], len(vectors))[0][0])
    assert every.tolist() == list(range(len(vectors)))


# ---- Bad questions and bad vectors -----------------------------------------------------------------------------

def test_an_unknown_word_names_the_nearest_spellings():
    vectors = KeyedVectors(["queen", "king", "Paris", "zebra"], np.eye(4))
    for ask in (vectors.get_vector, vectors.most_similar, vectors.__getitem__, lambda w: vectors.similarity("king", w)):
        with pytest.raises(KeyError) as caught:
            ask("qeen")
        assert str(caught.value) == ("'qeen' is not among the 4 words that have a vector; nearest spellings: queen.")
    with pytest.raises(UnknownWordError, match="nearest spellings: Paris"):
        vectors["paris"]
    with pytest.raises(KeyError, match="no word is spelled like it"):
        vectors["xylophone"]
    with pytest.raises(KeyError, match="3 is a int, not a word"):
        vectors[3]


def test_an_accent_in_two_characters_finds_its_word():
    vectors = KeyedVectors(["caf\u00e9", "cafes", "tea"], [[1, 0], [1, 1], [0, 1]])
    assert "cafe\u0301" in vectors
    assert vectors.get_index("cafe\u0301") == 0
    assert vectors.most_similar("cafe\u0301", topn=3) == vectors.most_similar("caf\u00e9", topn=3)
    assert vectors.similarity("cafe\u0301", "caf\u00e9") == 1


def test_near_spellings_are_looked_for_when_they_are_read(monkeypatch):
    vectors, asked = KeyedVectors(["queen", "king"], np.eye(2)), []
    monkeypatch.setattr("course_lib.keyed_vectors._nearest_spellings", lambda *_: asked.append(1) or ["queen"])
    with pytest.raises(UnknownWordError) as caught:
        vectors["qeen"]
    assert not asked
    assert str(caught.value).endswith("; nearest spellings: queen.")


@pytest.mark.parametrize(("keys", "vectors", "expected"), [
    (["a", "b"], [[1.0, np.nan], [1, 1]], "vector of 'a' .row 0. holds NaN or infinity"),
    (["a", "b"], [[1, 1], [np.inf, 1]], "vector of 'b' .row 1. holds NaN or infinity"),
    (["a", "b"], [[1, 1], [1e300, 1]], "vector of 'b' .row 1. holds NaN or infinity"),
    (["a", "b"], [1.0, 2.0], r"shape \(2,\)"),
    (["a", "b"], np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
    ([], np.zeros((0, 3)), r"shape \(0, 3\)"),
    (["a"], np.zeros((1, 0)), r"shape \(1, 0\)"),
    (["a", "b"], [[1, 2], [3]], "vectors is a list: give an array, or lists of numbers of equal lengths"),
    (["a", "b"], [["x"], ["y"]], "vectors is of type <U1: give numbers"),
    (["a", "b", "c"], np.eye(2), "3 words and 2 vectors"),
    (["a", "b", "a"], np.eye(3), "The word 'a' comes 2 times"),
    (["a", ""], np.eye(2), "words=\\[''\\] cannot"),
    (["a", 7], np.eye(2), "words=\\[7\\] cannot"),
])
def test_bad_vectors_are_refused(keys, vectors, expected):
    with pytest.raises(ValueError, match=expected):
        KeyedVectors(keys, vectors)


@pytest.mark.parametrize(("question", "expected"), [
    ({"positive": "north", "topn": 0}, "topn=0 cannot be used"),
    ({"positive": "north", "topn": -1}, "topn=-1 cannot be used"),
    ({"positive": "north", "topn": 2.5}, "topn=2.5 cannot be used"),
    ({"positive": "north", "restrict_vocab": 0}, "restrict_vocab=0 cannot be used: restrict_vocab must be None or"),
    ({"positive": "north", "restrict_vocab": -1}, "restrict_vocab=-1 cannot be used"),
    ({}, "does not add up to a zero vector"),
    ({"positive": "nowhere"}, "does not add up to a zero vector"),
    ({"positive": "north", "negative": "north"}, "does not add up to a zero vector"),
    ({"positive": np.array([1.0, np.nan])}, r"question=array\(\[ 1., nan\]\) .* 2 finite numbers"),
    ({"positive": np.ones(3)}, r"question=array\(\[1., 1., 1.\]\).*vectors of 2 finite numbers"),
    ({"positive": 7}, "question=7 cannot"),
    ({"positive": [None]}, "question=None cannot"),
])
def test_bad_questions_are_refused(compass, question, expected):
    with pytest.raises(ValueError, match=expected):
        compass.most_similar(**question)


# ---- Without exclusion, 3CosMul, words outside the vocabulary ----------------------------------------------------

def test_without_exclusion_a_word_is_its_own_neighbour(compass):
    near = compass.most_similar("north", topn=2, exclude=False)
    assert near == [("north", 1), ("northeast", pytest.approx(.5 ** .5))]
    assert compass.most_similar_cosmul("north", topn=1, exclude=False)[0][0] == "north"
    vectors = KeyedVectors(["man", "woman", "king", "queen"], [[1, 0], [1, .1], [0, 1], [-.5, 1]])
    questions = {"royal": [("man", "woman", "king", "queen")]}
    assert vectors.evaluate_word_analogies(questions)[0] == 1
    assert vectors.evaluate_word_analogies(questions, exclude=False)[0] == 0
    assert vectors.answer_analogies(questions["royal"], exclude=False) == ["king"]


def test_the_multiplied_score_by_hand(compass):
    """near(northeast, north) = (1 + 1/sqrt 2) / 2 = .854, near(northeast, south) = .146; east is 1/2 from both."""
    near, far = (1 + .5 ** .5) / 2, (1 - .5 ** .5) / 2
    expected = {"northeast": near / (far + .001), "east": .5 / .501, "nowhere": .5 / .501}
    assert dict(compass.most_similar_cosmul("north", "south", topn=9)) == pytest.approx(expected, rel=1e-5)
    for question in (["north", "east"], ["north", np.array([7, 0])]):  # a vector's length does not count
        scores = dict(compass.most_similar_cosmul(question))
        assert scores["northeast"] == pytest.approx(near * near / 1.001, rel=1e-5)


@pytest.fixture
def gensims_epsilon(monkeypatch):
    """gensim adds 0.000001 where the paper adds 0.001, which can turn round two words that are nearly equal."""
    monkeypatch.setattr("course_lib.keyed_vectors.EPSILON", 1e-6)


@pytest.mark.filterwarnings("ignore:Call to deprecated `init_sims`:DeprecationWarning")
@pytest.mark.parametrize("only", [None, 150])
def test_multiplied_neighbours_equal_gensims(gensims_epsilon, only):
    ours = random_vectors(size=30)
    theirs = as_gensim(KeyedVectors(ours.index_to_key[:only], ours.vectors[:only]))
    for positive, negative in (("athens", []), (["Athens", "greece"], ["Baghdad"]), (["Cairo"], ["egypt", "Bern"])):
        mine = ours.most_similar_cosmul(positive, negative, topn=20, restrict_vocab=only)
        peer = theirs.most_similar_cosmul(positive, negative, topn=20)
        assert [word for word, _ in mine] == [word for word, _ in peer]
        assert np.allclose([score for _, score in mine], [score for _, score in peer], rtol=1e-4)


@pytest.mark.parametrize(("question", "expected"), [
    ({"positive": "north", "topn": 0}, "topn=0 cannot be used"), ({}, "a word or a vector that points"),
    ({"positive": "nowhere"}, "a word or a vector that points"), ({"positive": 7}, "question=7 cannot")])
def test_bad_multiplied_questions_are_refused(compass, question, expected):
    with pytest.raises(ValueError, match=expected):
        compass.most_similar_cosmul(**question)


class ByLength(KeyedVectors):
    """A stand-in for a model that makes vectors out of parts of words: [number of letters, 1], none for a digit."""

    def unknown_vector(self, word):
        return np.float32([len(word), 1]) if isinstance(word, str) and word.isalpha() else None


def test_words_outside_the_vocabulary_where_the_model_can_make_them():
    vectors = ByLength(["a", "bb", "ccc"], [[1, 1], [2, 1], [3, 1]])
    assert vectors["dddd"].tolist() == [4, 1]
    assert vectors[["a", "dddd"]].tolist() == [[1, 1], [4, 1]]
    assert vectors.get_vector("dddd", norm=True).tolist() == pytest.approx([4 / 17 ** .5, 1 / 17 ** .5])
    assert "dddd" not in vectors
    assert vectors.similarity("dddd", "eeee") == pytest.approx(1)
    assert vectors.most_similar("dddd", topn=3)[0][0] == "ccc"
    assert vectors.most_similar(["ccc", "dddd"], topn=3)[0][0] == "bb"
    assert vectors.most_similar_cosmul("dddd", topn=1)[0][0] == "ccc"
    pairs = [("a", "bb", 1), ("a", "ccc", 2), ("a", "dddd", 3), ("a", "7", 4)]
    assert vectors.pair_cosines(pairs, unknown_too=True)[:3].tolist() == pytest.approx(
        [vectors.similarity("a", word) for word in ("bb", "ccc", "dddd")])
    assert np.isnan(vectors.pair_cosines(pairs)).tolist() == [False, False, True, True]
    assert vectors.evaluate_word_pairs(pairs)[2] == 50
    assert vectors.evaluate_word_pairs(pairs, unknown_too=True)[1:] == ((pytest.approx(-1), pytest.approx(0)), 25)
    for ask in (lambda: vectors["7"], lambda: vectors[7], lambda: vectors.most_similar("7"),
                lambda: vectors.get_index("dddd")):
        with pytest.raises(UnknownWordError):
            ask()


def test_no_word_and_several(compass):
    assert compass[[]].shape == (0, 2)
    assert compass.pair_cosines([]).shape == (0,)
