"""Pages: every line is drawn as it is, wrapped to its column, and read out in the words."""
import pytest

from course_lib import viz
from course_lib.viz import gpt as pictures


def test_texts_stand_side_by_side_under_their_names():
    figure, alt = pictures.pages({"one": "ROMEO:\nO $x$ _y_!", "two": "<b>no</b>"}, "After 3 steps")
    left, right = figure.axes
    assert [panel.get_title(loc="left") for panel in (left, right)] == ["one", "two"]
    assert left.texts[0].get_text() == "ROMEO:\nO $x$ _y_!"
    assert right.texts[0].get_text() == "<b>no</b>"
    assert alt == "After 3 steps. one writes: ROMEO: / O $x$ _y_!; two writes: <b>no</b>"
    assert figure.get_size_inches()[0] * figure.dpi == 800


def test_it_can_be_shown_without_a_warning(recwarn):
    assert viz.png(pictures.pages({"one": "a\n\n" + "word " * 60}, "t")[0]).startswith("data:image/png")
    assert not recwarn.list


@pytest.mark.parametrize(("text", "rows"), [
    ("abc def", ["abc", "def"]),
    ("abcdefg", ["abcde", "fg"]),
    ("ab\n\ncd", ["ab", "", "cd"]),
    ("abcde f", ["abcde", "f"]),
    ("", [""]),
])  # fmt: skip
def test_long_lines_go_on_in_the_next(text, rows):
    assert pictures._wrapped(text, 5) == rows


def test_no_more_than_so_many_lines_are_drawn():
    figure, alt = pictures.pages({"one": "a\nb\nc"}, "t", lines=2)
    assert figure.axes[0].texts[0].get_text() == "a\nb"
    assert "c" not in alt.split("writes: ")[1]


@pytest.mark.parametrize("count", [0, 4])
def test_too_few_and_too_many_are_refused(count):
    with pytest.raises(ValueError, match=f"there are {count} texts"):
        pictures.pages({str(i): "a" for i in range(count)}, "t")
