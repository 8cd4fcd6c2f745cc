"""evaluation_sets: what is read of a file and what is passed over; bad files and lines in one sentence."""

import math

import pytest
from gensim.test.utils import datapath

from course_lib.evaluation_sets import is_finite, read_analogies, read_pairs


def test_pairs_by_hand(tmp_path):
    path = tmp_path / "set"
    lines = ["\ufeff# note\t1\t2", "Word 1\tWord 2\tHuman", "# note\t1\t2", "Tiger\tcat\t7.35\r", "", "u\tv\t1"]
    path.write_bytes("\n".join(lines).encode())
    assert read_pairs(path) == [("Tiger", "cat", 7.35), ("u", "v", 1.0)]
    path.write_text("love, sex,6.77\n")
    assert read_pairs(path, delimiter=",") == [("love", " sex", 6.77)]
    path.write_text("")
    assert read_pairs(path) == []


def test_questions_by_hand(tmp_path):
    path = tmp_path / "set"
    capitals = ": capitals\nParis France London England\n\n"
    path.write_text(capitals + ": empty\n: family \nking queen man woman\n")
    assert read_analogies(path) == {"capitals": [("Paris", "France", "London", "England")], "empty": [],
                                    "family": [("king", "queen", "man", "woman")]}  # fmt: skip


@pytest.mark.parametrize("wrong", ["tiger\tcat\t7,35", "a\tb", "x\ty\tnan", "x\ty\t5\tmore", "Word\tWord\tHuman"])
def test_a_line_that_is_no_pair_is_named(tmp_path, wrong):
    path = tmp_path / "set"
    path.write_text(f"one\ttwo\tscore\nu\tv\t1\n{wrong}\n")
    with pytest.raises(ValueError, match="line 3 of .*: it must be two words and a number"):
        read_pairs(path)
    path.write_text("tiger\tcat\t7,35\nu\tv\t1\n")  # no heading
    with pytest.raises(ValueError, match=r"line 1 of .* is 'tiger\\tcat\\t7,35'"):
        read_pairs(path)


@pytest.mark.parametrize("wrong", ["three words only", "five words are too many", ":family"])
def test_a_line_that_is_no_question_is_named(tmp_path, wrong):
    path = tmp_path / "set"
    path.write_text(f": a\nParis France London England\n{wrong}\n")
    with pytest.raises(ValueError, match=f"line 3 of .* is '{wrong}': it must be four words, or ': ' and a name"):
        read_analogies(path)


def test_the_published_sets_are_read_whole():
    assert len(read_pairs(datapath("wordsim353.tsv"))) == 353
    sections = read_analogies(datapath("questions-words.txt"))
    assert len(sections) == 14
    assert sum(map(len, sections.values())) == 19_544


@pytest.mark.parametrize("read", [read_pairs, read_analogies])
def test_bad_files(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="there is no evaluation set at .*nothing: check the path"):
        read(tmp_path / "nothing")
    (tmp_path / "set").write_bytes(b": a\n: caf\xe9\n")
    with pytest.raises(ValueError, match=r"^line 2 of .* is not UTF-8 \(.*\): save it as UTF-8\.$"):
        read(tmp_path / "set")


def test_questions_before_any_section(tmp_path):
    (tmp_path / "set").write_text("a b c d\n")
    with pytest.raises(ValueError, match="line 1 of .* comes before any ': section' line: is it an analogy set?"):
        read_analogies(tmp_path / "set")


def test_finite_scores():
    assert [is_finite(score) for score in (1, "7.5", math.nan, "inf", None, "x")] == [True, True, *[False] * 4]
