"""spaCy's folders of vectors: its own hashes, each row's own word, and what is no such folder."""

import json
import struct

import numpy as np
import pytest

from course_lib import spacy_vectors


def packed(number):
    """MessagePack, in the shortest form as its writers choose it."""
    if number < 0x80:
        return bytes([number])
    code = next(code for code, form in spacy_vectors.NUMBERS.items() if number < 256 ** struct.calcsize(form))
    return bytes([code]) + struct.pack(spacy_vectors.NUMBERS[code], number)


def folder_of(tmp_path, words, extra=(), strings=None, entries=None):
    """A folder as spaCy writes it: a row a word, then further words on others' rows."""
    keys = spacy_vectors.hashes(words).tolist()
    more = [(int(spacy_vectors.hashes([word])[0]), row) for word, row in extra]
    entries = entries or [*zip(keys, range(len(words))), *more]
    (tmp_path / "key2row").write_bytes(b"\xde" + struct.pack(">H", len(entries)) + b"".join(
        packed(key) + packed(row) for key, row in entries))  # fmt: skip
    everything = sorted({*words, *(word for word, _ in extra), "stranger"}) if strings is None else strings
    (tmp_path / "strings.json").write_text(json.dumps(everything), "utf-8")
    with (tmp_path / "vectors").open("wb") as file:
        np.save(file, np.arange(len(words) * 3, dtype=np.float32).reshape(-1, 3))
    return tmp_path


def test_hashes_are_spacys():
    # spaCy's documentation names coffee's; the others are MurmurHash64A's, of every remainder of eight bytes
    assert int(spacy_vectors.hashes(["coffee"])[0]) == 3197928453018144401
    words = ["", "a", "été", "eight888", "nine bytes", "猫", "𝄞"]
    one_by_one = [int(spacy_vectors.hashes([word])[0]) for word in words]
    assert spacy_vectors.hashes(words).tolist() == one_by_one
    assert one_by_one == [murmur(word.encode()) for word in words]


def murmur(data, seed=1):
    """MurmurHash64A as Appleby's page has it, byte by byte."""
    m, mask = 0xC6A4A7935BD1E995, 2**64 - 1
    h = seed ^ len(data) * m & mask
    whole = len(data) // 8 * 8
    for at in range(0, whole, 8):
        k = int.from_bytes(data[at : at + 8], "little") * m & mask
        k = (k ^ k >> 47) * m & mask
        h = (h ^ k) * m & mask
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 47) * m & mask
    return h ^ h >> 47


def test_each_row_keeps_the_word_that_it_is_of(tmp_path):
    words = [f"mot{i}" for i in range(300)]  # rows of one, two and three bytes
    vectors = spacy_vectors.load(folder_of(tmp_path, words, extra=[("MOT", 2), ("mots", 299)]))
    assert vectors.index_to_key == words
    assert vectors["mot299"].tolist() == [897, 898, 899]
    assert "mots" not in vectors


def test_a_row_whose_word_is_not_known_is_left_out(tmp_path):
    vectors = spacy_vectors.load(folder_of(tmp_path, ["un", "deux", "trois"], strings=["un", "trois", "zzz"]))
    assert vectors.index_to_key == ["un", "trois"]
    assert vectors["trois"].tolist() == [6, 7, 8]


def test_damage_is_one_sentence(tmp_path):
    folder = folder_of(tmp_path, ["un", "deux", "trois"])
    whole = (folder / "key2row").read_bytes()
    for damaged in (whole[:20], b"", whole[:3] + b"\xc0" + whole[4:]):
        (folder / "key2row").write_bytes(damaged)
        with pytest.raises(ValueError, match="key2row is damaged, or no map .* before row [012]"):
            spacy_vectors.load(folder)
    folder_of(tmp_path, ["un", "deux"], entries=[(1, 0), (2, 5)])
    with pytest.raises(ValueError, match="has row 5 where row 1 was due"):
        spacy_vectors.load(folder)
    with pytest.raises(FileNotFoundError):
        spacy_vectors.load(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "content"), [
    ("vectors", b""), ("vectors", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order'"), ("vectors", b"un"),
    ("strings.json", b'["un", '), ("strings.json", b"[1, 2]"), ("strings.json", b'["caf\xe9"]'), ("strings.json", b"3"),
])  # fmt: skip
def test_damage_of_the_other_files_is_one_sentence(tmp_path, name, content):
    folder = folder_of(tmp_path, ["un", "deux"])
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, or not spaCy's .*: copy it again"):
        spacy_vectors.load(folder)


def test_a_folder_without_a_word_is_refused(tmp_path):
    with pytest.raises(ValueError, match="vectors"):
        spacy_vectors.load(folder_of(tmp_path, ["un", "deux"], strings=[]))
