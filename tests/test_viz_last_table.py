"""Pictures of the last table: every mark is said in words, and what cannot be drawn is refused."""

import pytest

from course_lib import viz
from course_lib.viz import last_table as pictures
from course_lib.viz.last_table import Mark


def test_prices_with_their_front():
    marks = {"cheap": Mark(0, 0.6, 0.55, 0.65, 10, True), "dear $x$": Mark(200, 0.9, 0.85, 0.92, 1e8, True),
             "beaten": Mark(300, 0.7, 0.66, 0.75)}  # fmt: skip
    figure, alt = pictures.prices(marks, "Prices", "CPU-seconds")
    assert alt == ("Prices. Right answers in per cent against CPU-seconds, the best first: dear $x$ 90 "
                   "for 200; beaten 70 for 300; cheap 60 for 0. On the front, where nobody is cheaper and as good: "
                   "dear $x$, cheap. The dotted line is a coin, 50.")  # fmt: skip
    assert figure.axes[0].get_xscale() == "log"
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


def test_nothing_on_the_front_and_nothing_paid():
    figure, alt = pictures.prices({"a": Mark(0, 0.5, 0.4, 0.6)}, "_", "_")
    assert "front" not in alt
    viz.png(figure)


@pytest.mark.parametrize(("marks", "words"), [
    ({}, "nothing to draw"), ({"a": Mark(1, 0.5, 0.6, 0.7)}, "'a' has 0.5 right, from 0.6 to 0.7"),
    ({"a": Mark(-1, 0.5, 0.4, 0.7)}, "for -1"), ({"a": Mark(float("nan"), 0.5, 0.4, 0.7)}, "for nan"),
])  # fmt: skip
def test_prices_that_cannot_be_drawn_are_refused(marks, words):
    with pytest.raises(ValueError, match=words):
        pictures.prices(marks, "_", "_")


def test_curves_say_their_means():
    rows = {"one": {1000: [0.8, 0.9], 100: [0.6, 0.7]}, "other": {0: [0.75]}}
    figure, alt = pictures.curves(rows, "Labels")
    assert alt == ("Labels. Right answers in per cent: one 65 with 100, 85 with 1,000; other 75 with 0. The dotted "
                   "line is a coin, 50.")  # fmt: skip
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["none", "100", "1,000"]
    assert figure.get_size_inches()[0] * figure.dpi == 800
    viz.png(figure)


@pytest.mark.parametrize(("rows", "words"), [
    ({}, "nothing to draw"), ({"a": {}}, "nothing to draw"), ({"a": {10: [1.2]}}, "1.2 is no share"),
])  # fmt: skip
def test_curves_that_cannot_be_drawn_are_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        pictures.curves(rows, "_")
