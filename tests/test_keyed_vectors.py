"""KeyedVectors: hand-worked cases, gensim as the oracle in both directions, round trips, and every bad input."""

import io
import os
import re
import warnings
from pathlib import Path

import gensim
import numpy as np
import pytest
from gensim.test.utils import datapath
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import data
from course_lib.keyed_vectors import KeyedVectors, UnknownWordError

KINDS = pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
WORDSIM, ANALOGIES = datapath("wordsim353.tsv"), datapath("questions-words.txt")


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


def lines(path):
    return Path(path).read_text(encoding="utf-8").splitlines()


def random_vectors(num_words=500, size=12, seed=0):
    """Words of the evaluation sets in three spellings, with random vectors."""
    words = {}
    for line in lines(ANALOGIES)[1:num_words]:
        for word in line.split():
            words.update({word: 0, word.lower(): 0})
    for line in lines(WORDSIM):
        words.update(dict.fromkeys(line.split("\t")[:2], 0))
    words = [word for word in words if " " not in word and not word.startswith(("#", ":"))]
    return KeyedVectors(words, np.random.default_rng(seed).normal(size=(len(words), size)))


def as_gensim(vectors):
    peer = gensim.models.KeyedVectors(vectors.vector_size)
    peer.add_vectors(vectors.index_to_key, np.array(vectors.vectors))
    return peer


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


# ---- gensim as the oracle --------------------------------------------------------------------------------------

@KINDS
def test_gensim_reads_ours_with_identical_neighbours(tmp_path, binary):
    ours = random_vectors()
    ours.save_word2vec_format(tmp_path / "ours", binary=binary)
    theirs = gensim.models.KeyedVectors.load_word2vec_format(str(tmp_path / "ours"), binary=binary)
    same_neighbours(ours, theirs)


@KINDS
def test_we_read_gensims_with_identical_neighbours(tmp_path, binary):
    theirs = as_gensim(random_vectors(seed=1))
    theirs.save_word2vec_format(str(tmp_path / "theirs"), binary=binary)
    same_neighbours(KeyedVectors.load_word2vec_format(tmp_path / "theirs", binary=binary), theirs)


def same_neighbours(ours, theirs):
    assert ours.index_to_key == theirs.index_to_key
    assert (ours.vectors == theirs.vectors).all()
    for question in (["athens"], ["Paris", "france"], ["boy", np.arange(12.0)]):
        for negative in ([], ["London", "baghdad"]):
            mine = ours.most_similar(question, negative, topn=20)
            peer = theirs.most_similar(question, negative, topn=20)
            assert [word for word, _ in mine] == [word for word, _ in peer]
            assert np.allclose([cosine for _, cosine in mine], [cosine for _, cosine in peer], atol=1e-6)


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
            list(sections.values())[-1].append(tuple(line.lower().split()))
    assert ours.evaluate_word_analogies(sections) == ours.evaluate_word_analogies(ANALOGIES)


# ---- Real vectors ----------------------------------------------------------------------------------------------

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


# ---- Formats ---------------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\v\f\r\0"), min_size=1, max_size=9)
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@KINDS
@settings(deadline=None, max_examples=60)
@given(table=st.integers(1, 5).flatmap(
    lambda size: st.dictionaries(words, st.lists(numbers, min_size=size, max_size=size), min_size=1, max_size=8)))
def test_what_is_saved_comes_back_bit_for_bit(tmp_path_factory, binary, table):
    path = tmp_path_factory.mktemp("round") / "trip"
    before = KeyedVectors(table, list(table.values()))
    before.save_word2vec_format(path, binary=binary)
    after = KeyedVectors.load_word2vec_format(path, binary=binary)
    assert after.index_to_key == before.index_to_key
    assert after.vectors.tobytes() == before.vectors.tobytes()


def raw(*rows, header=None, newline=b"\n"):
    """A binary file's bytes: rows are (word, numbers)."""
    header = header or f"{len(rows)} {len(rows[0][1])}"
    return header.encode() + b"\n" + b"".join(
        word + b" " + np.array(values, "<f4").tobytes() + newline for word, values in rows)


@pytest.mark.parametrize("newline", [b"\n", b""], ids=["as word2vec.c", "as gensim"])
def test_binary_with_and_without_line_ends(tmp_path, newline):
    (tmp_path / "v").write_bytes(raw((b"a", [1, 2]), ("é".encode(), [3, 4]), newline=newline))
    vectors = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=True)
    assert vectors.index_to_key == ["a", "é"]
    assert vectors.vectors.tolist() == [[1, 2], [3, 4]]


def test_the_bytes_are_those_of_word2vec_c(tmp_path):
    vectors = KeyedVectors(["a", "é"], [[1, 2], [3, -0.1]])
    vectors.save_word2vec_format(tmp_path / "binary", binary=True)
    assert (tmp_path / "binary").read_bytes() == raw((b"a", [1, 2]), ("é".encode(), [3, -0.1]))
    vectors.save_word2vec_format(tmp_path / "text")
    assert (tmp_path / "text").read_bytes() == "2 2\na 1 2\né 3 -0.100000001\n".encode()


def test_text_as_word2vec_c_and_as_windows_write_it(tmp_path):
    (tmp_path / "v").write_bytes(b"2 2\r\na 0.100000 2.000000 \r\nb -1 1e-3 \r\n")
    assert (KeyedVectors.load_word2vec_format(tmp_path / "v").vectors == np.float32([[.1, 2], [-1, 1e-3]])).all()


@KINDS
def test_limit_reads_so_many(tmp_path, binary):
    before = random_vectors()
    before.save_word2vec_format(tmp_path / "v", binary=binary)
    assert KeyedVectors.load_word2vec_format(tmp_path / "v", binary, limit=7).index_to_key == before.index_to_key[:7]
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "v", binary, limit=10 ** 9)) == len(before)
    with pytest.raises(ValueError, match="limit is 0"):
        KeyedVectors.load_word2vec_format(tmp_path / "v", binary, limit=0)


@KINDS
def test_of_a_word_that_appears_twice_the_first_is_kept(tmp_path, binary):
    rows = [(b"a", [1, 2]), (b"b", [3, 4]), (b"a", [5, 6]), (b"c", [7, 8])]
    text = b"4 2\n" + b"".join(b"%b %d %d\n" % (word, *values) for word, values in rows)
    (tmp_path / "v").write_bytes(raw(*rows) if binary else text)
    with pytest.warns(UserWarning, match="repeats 1 of its words, the first of them 'a'") as caught:
        vectors = KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert vectors.index_to_key == ["a", "b", "c"]
    assert vectors.vectors.tolist() == [[1, 2], [3, 4], [7, 8]]


def test_a_last_line_without_its_end_is_read_with_a_warning(tmp_path):
    (tmp_path / "v").write_bytes(b"2 2\na 1 2\nb 3 4")
    with pytest.warns(UserWarning, match="no line end: its last number may be cut short") as caught:
        assert KeyedVectors.load_word2vec_format(tmp_path / "v").vectors.tolist() == [[1, 2], [3, 4]]
    assert caught[0].filename == __file__


# ---- Bad files: one sentence each, naming the row -----------------------------------------------------------------

BINARY = raw((b"a", [1, 2, 3]), (b"bb", [4, 5, 6]), (b"c", [7, 8, 9]))
TEXT = b"3 3\na 1 2 3\nbb 4 5 6\nc 7 8 9\n"
BAD_FILES = {
    "empty": (b"", None, "is empty"),
    "blank first line": (b"\n1 1\n", None, "first line of .* is blank"),
    "no header": (TEXT[4:], False, "first line .* expected two whole numbers.*GloVe"),
    "header of one number": (b"3\na 1\n", None, "expected two whole numbers"),
    "negative header": (b"-3 3\na 1\n", None, "expected two whole numbers"),
    "no words promised": (b"0 3\n", None, "promises 0 words of 3 numbers"),
    "compressed": (b"\x1f\x8b\x08\x00abc\n", None, "compressed with gzip"),
    "text cut between lines": (TEXT[:21], False, "ends before line 4, after 2 of the 3 words"),
    "text cut inside a line": (TEXT[:18], False, "line 3 .* 2 numbers, .* 3, and the file ends there: it is trunc"),
    "text header alone": (b"3 3\n", False, "ends before line 2, after 0 of the 3 words"),
    "text header promises too much": (b"9" + TEXT[1:], False, "ends before line 5, after 3 of the 9 words"),
    "text header promises too little": (b"2" + TEXT[1:], False, "more than the 2 words"),
    "text header, wrong dimension": (b"3 4" + TEXT[3:], False, "line 2 .* 3 numbers, .* promises a word and 4"),
    "text header, absurd": (b"999999999999999 999999999999999" + TEXT[3:], False, "line 2 .* 3 numbers"),
    "text, a short line": (TEXT.replace(b" 6", b""), False, "line 3 .* holds a word and 2 numbers"),
    "text, no word": (TEXT.replace(b"bb", b""), False, "line 3 .* holds no word"),
    "text, blank line": (TEXT.replace(b"bb 4 5 6", b""), False, "line 3 .* holds no word"),
    "text, a word with a space": (TEXT.replace(b"bb", b"b b"), False, "line 3 .* not a number: b'b 4 5 6"),
    "text, not a number": (TEXT.replace(b"5", b"five"), False, "line 3 .* not a number"),
    "text, NaN": (TEXT.replace(b"5", b"nan"), False, "vector of 'bb', row 2 .* NaN or infinity"),
    "text, beyond float32": (TEXT.replace(b"5", b"1e39"), False, "vector of 'bb', row 2 .* NaN or infinity"),
    "text, not UTF-8": (TEXT.replace(b"bb", b"caf\xe9"), False, r"row 2 .* b'caf\\xe9', is not UTF-8"),
    "text opened as binary": (TEXT, True, "is a text file, opened as a binary one: pass binary=False"),
    "binary opened as text": (BINARY, False, "is a binary file, opened as a text one: pass binary=True"),
    "binary cut inside a vector": (BINARY[:-5], True, "ends inside row 3 of the 3"),
    "binary cut inside a word": (BINARY[:20], True, "ends inside row 2 of the 3"),
    "binary header alone": (b"3 3\n", True, "ends inside row 1 of the 3"),
    "binary header promises too much": (b"9" + BINARY[1:], True, "ends inside row 4 of the 9"),
    "binary header promises too little": (b"2" + BINARY[1:], True, "more than the 2 rows of 3 numbers"),
    "binary header, dimension too small": (b"3 2" + BINARY[3:], True, "row 2 of .* (not UTF-8|not start with a word)"),
    "binary header, dimension too large": (b"3 4" + BINARY[3:], True, "(ends inside )?row [23] of"),
    "binary header, absurd": (b"999999999999999 999999999999999" + BINARY[3:], True, "ends inside row 1"),
    "binary, NaN": (raw((b"a", [1, 2]), (b"bb", [np.nan, 2])), True, "vector of 'bb', row 2"),
    "binary, not UTF-8": (BINARY.replace(b"bb", b"\xe9t"), True, r"row 2 .* b'\\xe9t', is not UTF-8"),
    "binary, no word": (BINARY.replace(b"bb ", b" "), True, "row 2 .* does not start with a word"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path, name):
    content, binary, expected = BAD_FILES[name]
    (tmp_path / "v").write_bytes(content)
    for kind in (False, True) if binary is None else (binary,):
        with pytest.raises(ValueError, match=expected) as caught:
            KeyedVectors.load_word2vec_format(tmp_path / "v", binary=kind)
        assert one_sentence(caught)


def one_sentence(caught):
    message = str(caught.value)
    return message.endswith(".") and "\n" not in message and not re.search(r"\. [A-Z]", message.replace(".. ", ""))


@KINDS
def test_every_cut_is_noticed(tmp_path, binary):
    """Whatever the byte at which a file ends, it is refused, or (text, last number alone) warned about."""
    content = BINARY if binary else TEXT.replace(b"9", b"9.75")
    for length in range(len(content) - 1):
        (tmp_path / "v").write_bytes(content[:length])
        with pytest.raises((ValueError, UserWarning)):
            KeyedVectors.load_word2vec_format(tmp_path / "v", binary=binary)


def test_words_that_are_not_utf8_can_be_replaced(tmp_path):
    (tmp_path / "v").write_bytes(b"1 1\ncaf\xe9 1\n")
    assert KeyedVectors.load_word2vec_format(tmp_path / "v", unicode_errors="replace").index_to_key == ["caf\ufffd"]


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no vector file at .*nothing"):
        KeyedVectors.load_word2vec_format(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="it is a folder"):
        KeyedVectors.load_word2vec_format(tmp_path)
    with pytest.raises(FileNotFoundError, match="no evaluation set at .*nothing"):
        random_vectors(20).evaluate_word_pairs(tmp_path / "nothing")


# ---- Saving ----------------------------------------------------------------------------------------------------

@KINDS
@pytest.mark.parametrize("word", ["new york", "a\nb", "tab\t", "\ud800", "zero\0"])
def test_a_word_the_format_cannot_hold(tmp_path, binary, word):
    with pytest.raises(ValueError, match="the word .* (white space|cannot be written)") as caught:
        KeyedVectors(["fine", word], np.eye(2)).save_word2vec_format(tmp_path / "v", binary=binary)
    assert one_sentence(caught)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_half_written(tmp_path, monkeypatch):
    vectors = random_vectors()
    vectors.save_word2vec_format(tmp_path / "v", binary=True)
    before = (tmp_path / "v").read_bytes()

    def full_disk(*_):
        raise OSError("No space left on device")
    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        vectors.save_word2vec_format(tmp_path / "v")
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
    assert (tmp_path / "v").read_bytes() == before


def test_saving_where_one_cannot(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        random_vectors(20).save_word2vec_format(tmp_path / "no" / "v")
    with pytest.raises(FileNotFoundError, match="it is a folder"):
        random_vectors(20).save_word2vec_format(tmp_path)


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


@pytest.mark.parametrize(("keys", "vectors", "expected"), [
    (["a", "b"], [[1.0, np.nan], [1, 1]], "vector of 'a' .row 0. holds NaN or infinity"),
    (["a", "b"], [[1, 1], [np.inf, 1]], "vector of 'b' .row 1. holds NaN or infinity"),
    (["a", "b"], [[1, 1], [1e300, 1]], "vector of 'b' .row 1. holds NaN or infinity"),
    (["a", "b"], [1.0, 2.0], r"shape \(2,\)"),
    (["a", "b"], np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
    ([], np.zeros((0, 3)), r"shape \(0, 3\)"),
    (["a"], np.zeros((1, 0)), r"shape \(1, 0\)"),
    (["a", "b"], [[1, 2], [3]], "matrix of numbers"),
    (["a", "b"], [["x"], ["y"]], "matrix of numbers"),
    (["a", "b", "c"], np.eye(2), "3 words but 2 vectors"),
    (["a", "b", "a"], np.eye(3), "'a' appears twice, as number 0 and 2"),
    (["a", ""], np.eye(2), "word number 1 is ''"),
    (["a", 7], np.eye(2), "word number 1 is 7"),
])
def test_bad_vectors_are_refused(keys, vectors, expected):
    with pytest.raises(ValueError, match=expected):
        KeyedVectors(keys, vectors)


@pytest.mark.parametrize(("question", "expected"), [
    ({"positive": "north", "topn": 0}, "topn is 0"),
    ({"positive": "north", "topn": -1}, "topn is -1"),
    ({"positive": "north", "topn": 2.5}, "topn is 2.5"),
    ({}, "adds up to a zero vector"),
    ({"positive": "nowhere"}, "adds up to a zero vector"),
    ({"positive": "north", "negative": "north"}, "adds up to a zero vector"),
    ({"positive": np.array([1.0, np.nan])}, "NaN"),
    ({"positive": np.ones(3)}, r"vectors of 2 numbers, not of ndarray \(3,\)"),
    ({"positive": 7}, "not of int 7"),
    ({"positive": [None]}, "not of NoneType None"),
])
def test_bad_questions_are_refused(compass, question, expected):
    with pytest.raises(ValueError, match=expected):
        compass.most_similar(**question)


def test_zero_vectors_are_far_from_everything(compass):
    score, _ = compass.evaluate_word_analogies({"zero": [("nowhere", "nowhere", "nowhere", "north")]})
    assert score in (0, 1)
    assert compass.evaluate_word_pairs([("north", "nowhere", 1), ("north", "northeast", 2)])[1][0] == pytest.approx(1)


@pytest.mark.parametrize(("pairs", "expected"), [
    ([], "holds no line"),
    ([("up", "down", 1), ("left", "right", 2)], "only 0 of the 2 pairs of the set"),
    ([("north", "east", 1), ("left", "right", 2)], "only 1 of the 2 pairs"),
    ([("north", "east", 1), ("north", "northeast", 1)], "all 2 judgements are 1"),
    ([("north", "east", 1), ("east", "north", 2)], "all 2 cosines are 0"),
    ([("north", "east")], "must be .word, word, score."),
    ([("north", "east", float("nan"))], "must be .word, word, score."),
])
def test_pairs_without_a_correlation(compass, pairs, expected):
    with pytest.raises(ValueError, match=expected):
        compass.evaluate_word_pairs(pairs)


def test_analogies_that_cannot_be_asked(compass, tmp_path):
    with pytest.raises(ValueError, match="no question of the set has all four words"):
        compass.evaluate_word_analogies({"other": [("left", "right", "up", "down")]})
    with pytest.raises(ValueError, match="must be four words"):
        compass.evaluate_word_analogies({"short": [("north", "east", "south")]})
    (tmp_path / "set").write_text("north east south west\n")
    with pytest.raises(ValueError, match="line 1 of .* before any ': section' line"):
        compass.evaluate_word_analogies(tmp_path / "set")
    (tmp_path / "set").write_bytes(b": caf\xe9\n")
    with pytest.raises(ValueError, match="line 1 of .* is not UTF-8"):
        compass.evaluate_word_analogies(tmp_path / "set")


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
    for questions, says in (([("a", "b")], r"three or four words .* not \('a', 'b'\)"), (["abc"], "not 'abc'")):
        with pytest.raises(ValueError, match=says):
            vectors.answer_analogies(questions)
    for ask in (vectors.answer_analogies, lambda questions, method: vectors.evaluate_word_analogies(
            {"s": [("man", "woman", "king", "queen")]}, method=method)):
        with pytest.raises(ValueError, match="method is 'sum': choose '3cosadd' or '3cosmul'"):
            ask(asked, method="sum")


@pytest.mark.parametrize(("question", "expected"), [
    ({"positive": "north", "topn": 0}, "topn is 0"), ({}, "no word and no vector that points anywhere"),
    ({"positive": "nowhere"}, "no word and no vector that points"), ({"positive": 7}, "not of int 7")])
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


# ---- NumPy's archive ---------------------------------------------------------------------------------------------

any_word = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)


@settings(deadline=None, max_examples=40)
@given(table=st.integers(1, 4).flatmap(
    lambda size: st.dictionaries(any_word, st.lists(numbers, min_size=size, max_size=size), min_size=1, max_size=8)))
def test_an_archive_gives_back_any_words_and_the_same_vectors(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("round") / "trip.npz"
    before = KeyedVectors(table, list(table.values()))
    before.save_npz(path, dtype="float32")
    after = KeyedVectors.load_npz(path)
    assert after.index_to_key == before.index_to_key
    assert after.vectors.tobytes() == before.vectors.tobytes()


def test_half_the_bits_are_half_the_room_and_nearly_the_same_cosines(tmp_path):
    before = random_vectors(size=100)
    for dtype in ("float16", "float32"):
        before.save_npz(tmp_path / dtype, dtype)
    before.save_npz(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "float16").read_bytes()
    assert (tmp_path / "float16").stat().st_size < 0.6 * (tmp_path / "float32").stat().st_size
    after = KeyedVectors.load_npz(tmp_path / "float16")
    assert after.vectors.dtype == np.float32
    pairs = list(zip(before.index_to_key, before.index_to_key[1:], strict=False))
    assert np.abs(before.pair_cosines(pairs) - after.pair_cosines(pairs)).max() < 0.0005


def test_what_an_archive_cannot_hold(tmp_path):
    for vectors, dtype, says in (([[1e5]], "float16", "vector of 'a' holds .*beyond 65,504.*dtype=.float32"),
                                 ([[1]], "int8", "dtype is 'int8'")):
        with pytest.raises(ValueError, match=says) as caught:
            KeyedVectors(["a"], vectors).save_npz(tmp_path / "v.npz", dtype)
        assert one_sentence(caught)
    with pytest.raises(ValueError, match="cannot be written as UTF-8"):
        KeyedVectors(["\ud800"], [[1]]).save_npz(tmp_path / "v.npz")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        KeyedVectors(["a"], [[1]]).save_npz(tmp_path / "nowhere" / "v.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_archive(tmp_path, monkeypatch):
    random_vectors(30).save_npz(tmp_path / "v.npz")
    before = (tmp_path / "v.npz").read_bytes()

    def full_disk(*_args, **_keywords):
        raise OSError("No space left on device")
    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="No space"):
        random_vectors(40).save_npz(tmp_path / "v.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["v.npz"]
    assert (tmp_path / "v.npz").read_bytes() == before


def archive(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def array_file(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


WORDS = {"words": np.frombuffer(b"abb", np.uint8), "lengths": np.uint32([1, 2])}


@pytest.mark.parametrize("content", [
    b"", b"hello", TEXT, BINARY, b"\x1f\x8b\x08\x00abc", array_file(np.eye(2)), archive(vectors=np.eye(2)),
    archive(**WORDS, vectors=np.eye(3)), archive(**WORDS, vectors=np.ones(2)),
    archive(**WORDS, vectors=np.array(["x"])),
    archive(**WORDS | {"lengths": np.uint32([1, 1])}, vectors=np.eye(2)),
    archive(**WORDS | {"words": np.frombuffer(b"a\xe9\xe9", np.uint8)}, vectors=np.eye(2)),
    archive(**WORDS, vectors=np.array([[None, 1], [2, 3]]))],
    ids=["empty", "text", "word2vec text", "word2vec binary", "gzip", "one array", "no words", "too many vectors",
         "flat", "strings", "lengths", "not UTF-8", "pickled"])
def test_another_file_is_no_archive_of_ours(tmp_path, content):
    (tmp_path / "v.npz").write_bytes(content)
    with pytest.raises(ValueError, match="v.npz is not a whole file of save_npz") as caught:
        KeyedVectors.load_npz(tmp_path / "v.npz")
    assert one_sentence(caught)


def test_every_cut_of_an_archive_is_noticed(tmp_path):
    KeyedVectors(["a", "é"], [[1, 2], [3, 4]]).save_npz(tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    for length in range(len(content)):
        (tmp_path / "v").write_bytes(content[:length])
        with pytest.raises(ValueError, match="is truncated, damaged or of another kind"):
            KeyedVectors.load_npz(tmp_path / "v")
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(FileNotFoundError, match="no vector file at"):
            KeyedVectors.load_npz(path)


def test_what_an_archive_holds_is_checked_as_any_vectors(tmp_path):
    (tmp_path / "v").write_bytes(archive(**WORDS, vectors=np.array([[1, np.nan], [2, 3]])))
    with pytest.raises(ValueError, match="vector of 'a' .row 0. holds NaN"):
        KeyedVectors.load_npz(tmp_path / "v")
