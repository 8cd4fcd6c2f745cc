"""vector_files, through KeyedVectors: gensim in both directions, round trips, and every bad file in one sentence."""

import io
import os
import re
import struct
import warnings
import zipfile

import gensim
import numpy as np
import pytest
from gensim_peer import as_gensim, one_sentence, random_vectors
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.keyed_vectors import KeyedVectors

KINDS = pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])


@pytest.fixture(autouse=True)
def no_warnings():
    """A NaN warning of NumPy or SciPy fails the test that caused it; expected ones are asked for by pytest.warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.simplefilter("error", UserWarning)
        yield


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
    with pytest.raises(ValueError, match="limit=0 cannot be used"):
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


BINARY = raw((b"a", [1, 2, 3]), (b"bb", [4, 5, 6]), (b"c", [7, 8, 9]))


TEXT = b"3 3\na 1 2 3\nbb 4 5 6\nc 7 8 9\n"


BAD_FILES = {
    "empty": (b"", None, "line 1 of .*=b'' cannot"),
    "blank first line": (b"\n1 1\n", None, r"line 1 of .*=b'\\n' cannot .* how many words"),
    "no header": (TEXT[4:], False, "line 1 .* how many words.*GloVe"),
    "header of one number": (b"3\na 1\n", None, "must be how many words"),
    "negative header": (b"-3 3\na 1\n", None, "must be how many words"),
    "no words promised": (b"0 3\n", None, "b'0 3.* must be how many words and how many numbers"),
    "compressed": (b"\x1f\x8b\x08\x00abc\n", None, "is no vector file but packed with gzip: unpack it first"),
    "text cut between lines": (TEXT[:21], False, "line 4 of .* is b''.*the file ends there, after 2 of 3 words"),
    "text cut inside a line": (TEXT[:18], False, "line 3 of .* is b'bb 4 5'.*the file ends there, after 1 of 3"),
    "text header alone": (b"3 3\n", False, "line 2 of .* is b''.*the file ends there, after 0 of 3 words"),
    "text header promises too much": (b"9" + TEXT[1:], False, "line 5 of .*the file ends there, after 3 of 9 words"),
    "text header promises too little": (b"2" + TEXT[1:], False, "more than the 2 rows of 3 numbers"),
    "text header, wrong dimension": (b"3 4" + TEXT[3:], False, "line 2 of .* needs a word and 4 numbers"),
    "text header, absurd": (b"999999999999999 999999999999999" + TEXT[3:], False, "line 2 of .* a word and 9+ numbers"),
    "text, a short line": (TEXT.replace(b" 6", b""), False, "line 3 of .* is b'bb 4 5.* needs a word and 3 numbers"),
    "text, no word": (TEXT.replace(b"bb", b""), False, "line 3 of .* is b' 4 5 6.* needs a word"),
    "text, blank line": (TEXT.replace(b"bb 4 5 6", b""), False, "line 3 of .* needs a word"),
    "text, a word with a space": (TEXT.replace(b"bb", b"b b"), False, "line 3 of .* is b'b b 4 5 6"),
    "text, not a number": (TEXT.replace(b"5", b"five"), False, "line 3 of .* is b'bb 4 five 6"),
    "text, NaN": (TEXT.replace(b"5", b"nan"), False, "vector of 'bb' .row 1. holds NaN or infinity"),
    "text, beyond float32": (TEXT.replace(b"5", b"1e39"), False, "vector of 'bb' .row 1. holds NaN or infinity"),
    "text, not UTF-8": (TEXT.replace(b"bb", b"caf\xe9"), False, r"row 2 .* b'caf\\xe9', is not UTF-8"),
    "text opened as binary": (TEXT, True, "binary=True cannot be used: binary must be False for"),
    "binary opened as text": (BINARY, False, "binary=False cannot be used: binary must be True for"),
    "binary cut inside a vector": (BINARY[:-5], True, "row 3 of .* is cut off: its first line promises"),
    "binary cut inside a word": (BINARY[:20], True, "row 2 of .* is cut off"),
    "binary header alone": (b"3 3\n", True, "row 1 of .* is cut off"),
    "binary header promises too much": (b"9" + BINARY[1:], True, "row 4 of .* is cut off"),
    "binary header promises too little": (b"2" + BINARY[1:], True, "more than the 2 rows of 3 numbers"),
    "binary header, dimension too small": (b"3 2" + BINARY[3:], True, "row 2 of .* (not UTF-8|not start with a word)"),
    "binary header, dimension too large": (b"3 4" + BINARY[3:], True, "row [23] of"),
    "binary header, absurd": (b"999999999999999 999999999999999" + BINARY[3:], True, "row 1 of .* is cut off"),
    "binary, NaN": (raw((b"a", [1, 2]), (b"bb", [np.nan, 2])), True, "vector of 'bb' .row 1. holds NaN"),
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


@KINDS
@pytest.mark.parametrize("word", ["new york", "a\nb", "tab\t", "\ud800", "zero\0"])
def test_a_word_the_format_cannot_hold(tmp_path, binary, word):
    with pytest.raises(ValueError, match="the word .* white space|holds the surrogate") as caught:
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
                                 ([[1]], "int8", "dtype='int8' cannot be used")):
        with pytest.raises(ValueError, match=says) as caught:
            KeyedVectors(["a"], vectors).save_npz(tmp_path / "v.npz", dtype)
        assert one_sentence(caught)
    with pytest.raises(ValueError, match="holds the surrogate"):
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
    b"", b"hello", TEXT, BINARY, array_file(np.eye(2)), archive(vectors=np.eye(2)),
    archive(**WORDS, vectors=np.eye(3)), archive(**WORDS, vectors=np.ones(2)),
    archive(**WORDS, vectors=np.array(["x"])),
    archive(**WORDS | {"lengths": np.uint32([1, 1])}, vectors=np.eye(2)),
    archive(**WORDS | {"words": np.frombuffer(b"a\xe9\xe9", np.uint8)}, vectors=np.eye(2)),
    archive(**WORDS, vectors=np.array([[None, 1], [2, 3]]))],
    ids=["empty", "text", "word2vec text", "word2vec binary", "one array", "no words", "too many vectors",
         "flat", "strings", "lengths", "not UTF-8", "pickled"])
def test_another_file_is_no_archive_of_ours(tmp_path, content):
    (tmp_path / "v.npz").write_bytes(content)
    with pytest.raises(ValueError, match="v.npz is not a whole file of save_npz") as caught:
        KeyedVectors.load_npz(tmp_path / "v.npz")
    assert one_sentence(caught)


def promising(header: str) -> bytes:
    """An archive of ours, whose vectors have this header and 32 bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, array in WORDS.items():
            out.writestr(f"{name}.npy", array_file(array))
        head = header.encode().ljust(117) + b"\n"
        out.writestr("vectors.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + bytes(32))
    return file.getvalue()


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize("header", [
    HEADER % ("<f4", "(2, 1000000000000000)"), HEADER % ("<f4", "(2, 5)"), HEADER % ("<f4", "2"),
    HEADER % ("<f4", "(2, -4)"), HEADER % ("|V32", "(1,)"), HEADER % ("<c8", "(2, 2)"), "{{{{"])  # fmt: skip
def test_what_an_archive_promises_is_held_against_what_it_holds(tmp_path, header):
    (tmp_path / "v").write_bytes(promising(HEADER % ("<f4", "(2, 4)")))
    assert KeyedVectors.load_npz(tmp_path / "v").vectors.shape == (2, 4)
    (tmp_path / "v").write_bytes(promising(header))
    with pytest.raises(ValueError, match="is not a whole file of save_npz"):
        KeyedVectors.load_npz(tmp_path / "v")


def test_an_archive_that_is_locked_or_packed_otherwise_is_a_sentence(tmp_path):
    whole = promising(HEADER % ("<f4", "(2, 4)"))
    for place, value in ((6, 1), (8, 99), (4, 200)):  # a password, a kind of packing, a version of zip
        content = bytearray(whole)
        for start in (m.start() for m in re.finditer(b"PK\3\4", whole)):
            content[start + place] = value
        for start in (m.start() for m in re.finditer(b"PK\1\2", whole)):
            content[start + place + 2] = value
        (tmp_path / "v").write_bytes(content)
        with pytest.raises(ValueError, match="is not a whole file of save_npz"):
            KeyedVectors.load_npz(tmp_path / "v")


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
