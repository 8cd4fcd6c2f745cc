"""Pictures of guesses: every piece with its number, the sides on one scale, and words that say the same."""
import pytest

from course_lib import viz
from course_lib.viz import pretraining as pictures

SIDES = {"read": {"film": 0.6, "$plot": 0.25, "电影": 0.1}, "unread": {"<b>": 0.002}}


def test_each_piece_has_its_bar_and_its_number():
    figure, alt = pictures.guesses(SIDES, "the ___ was great")
    left, right = figure.axes
    assert [bar.get_width() for bar in left.patches] == [0.6, 0.25, 0.1]
    assert [text.get_text() for text in left.texts] == ["0.60", "0.25", "0.10"]
    assert [label.get_text() for label in left.get_yticklabels()][:2] == ["film", "$plot"]
    assert left.get_xlim() == right.get_xlim()
    assert left.get_title() == "read"
    assert alt == ("the ___ was great: read says film 0.60, $plot 0.25, 电影 0.10; unread says <b> 0.00.")
    assert figure.get_size_inches()[0] * figure.dpi == 800


def test_it_can_be_shown_without_a_warning(recwarn):
    assert viz.png(pictures.guesses(SIDES, "_")[0]).startswith("data:image/png")
    assert not recwarn.list


def test_all_zero_is_drawn():
    figure, _ = pictures.guesses({"one": {"a": 0.0}}, "___")
    assert figure.axes[0].get_xlim() == (0, 1)


@pytest.mark.parametrize(("sides", "words"), [
    ({}, "there is no side"),
    ({"one": {}}, r"'one' cannot be drawn \(it has no piece\)"),
    ({"one": {"a": 1.5}}, r"'a' has p = 1.5"),
    ({"one": {"a": float("nan")}}, "'a' has p = nan"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_refused(sides, words):
    with pytest.raises(ValueError, match=words):
        pictures.guesses(sides, "___")
