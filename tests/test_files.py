"""files: what is there is found, what is written is whole or absent, and every fault is one sentence."""

import os

import pytest

from course_lib.files import complete_or_absent, existing, read_text, to_bytes


def test_a_file_that_is_there(tmp_path):
    (tmp_path / "a").write_text("x")
    assert existing(str(tmp_path / "a"), "list") == tmp_path / "a"
    with pytest.raises(FileNotFoundError, match=r"^there is no list at .*nothing: check the path\.$"):
        existing(tmp_path / "nothing", "list")
    with pytest.raises(FileNotFoundError, match=r"check the path \(it is a folder\)\.$"):
        existing(tmp_path, "list")


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
