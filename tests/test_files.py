"""files: what is there is found, what is written is whole or absent, and every fault is one sentence."""

import bz2
import gzip
import lzma
import os
import pickle

import pytest

from course_lib import data, fasttext, pretrain
from course_lib.files import complete_or_absent, existing, read_text, to_bytes
from course_lib.keyed_vectors import KeyedVectors


def test_a_file_that_is_there(tmp_path):
    (tmp_path / "a").write_text("x")
    assert existing(str(tmp_path / "a"), "list") == tmp_path / "a"
    with pytest.raises(FileNotFoundError, match=r"^there is no list at .*nothing: check the path\.$"):
        existing(tmp_path / "nothing", "list")
    with pytest.raises(FileNotFoundError, match=r"check the path \(it is a folder\)\.$"):
        existing(tmp_path, "list")


OTHERS = {
    "packed with gzip": gzip.compress(b"text"), "packed with xz": lzma.compress(b"text"),
    "packed with bzip2": bz2.compress(b"text"), "a zip archive": b"PK\x03\x04\x14\0",
    "a pickle": pickle.dumps({"a": 1}),
    "text in UTF-16": "text".encode("utf-16"), "a web page": b"\n<!DOCTYPE html>\n<html>",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_file_of_another_kind_is_named_by_its_first_bytes(tmp_path, kind):
    path = tmp_path / "a"
    path.write_bytes(OTHERS[kind])
    readers = (existing, read_text, lambda path, what: KeyedVectors.load_word2vec_format(path, binary=True),
               lambda path, what: KeyedVectors.load_npz(path), lambda path, what: fasttext.load(path),
               lambda path, what: list(data.Corpus("mine", path)), lambda path, what: pretrain.read_files([path]))
    for read in readers:
        if kind != "a zip archive" or read is not readers[3]:
            with pytest.raises(ValueError, match=f"^{path} is no .* but {kind}.*: .*[^.]\\.$"):
                read(path, "list")


def test_weights_are_no_pickle(tmp_path):
    """A safetensors file begins with a length, which may look like the first bytes of one."""
    (tmp_path / "a").write_bytes(b"\x80\x02" + bytes(6) + b'{"a": ' + b" " * 640)
    assert existing(tmp_path / "a", "list")
    (tmp_path / "a").write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(ValueError, match="a pickle, which can run code"):
        existing(tmp_path / "a", "list")


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a"
    with complete_or_absent(path) as file:
        file.write(b"old")
        assert not path.exists()
    with pytest.raises(TypeError), complete_or_absent(path) as file:
        file.write("half a file, and no bytes")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    for wrong, why in ((tmp_path, "it is a folder"), (tmp_path / "no/a", "there is no folder .*no; make it first")):
        with pytest.raises(FileNotFoundError, match=f"^cannot write .*: {why}"), complete_or_absent(wrong):
            pass


@pytest.mark.skipif(os.name == "nt", reason="Windows lets few users make links")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").write_bytes(b"old")
    (tmp_path / "near").symlink_to(tmp_path / "far")
    with complete_or_absent(tmp_path / "near") as file:
        file.write(b"new")
    assert (tmp_path / "near").is_symlink()
    assert (tmp_path / "far").read_bytes() == b"new"


def test_text_as_bytes():
    assert to_bytes("é北") == "é北".encode()
    with pytest.raises(ValueError, match=r"holds the surrogate '.ud800', half a character, .*: take it out") as error:
        to_bytes("a\ud800")
    assert error.value.__suppress_context__


def test_a_text_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes("\ufeffé\r\nb\rc\u2028d\n".encode())
    assert read_text(tmp_path / "a", "list") == "é\nb\nc\u2028d\n"
    (tmp_path / "a").write_bytes(b"a\nb\xe9\n")
    with pytest.raises(ValueError, match=r"^line 2 of .* is not UTF-8 \(.*\): save it as UTF-8\.$") as error:
        read_text(tmp_path / "a", "list")
    assert error.value.__suppress_context__
    with pytest.raises(FileNotFoundError, match="there is no list at"):
        read_text(tmp_path / "b", "list")
