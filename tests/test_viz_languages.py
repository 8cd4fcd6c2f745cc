"""Pictures of languages: every number that is drawn is said in words, and what cannot be drawn is refused."""

import numpy as np
import pytest

from course_lib import viz
from course_lib.viz import languages as pictures

PAIRS = [("winter", "hiver"), ("dog", "chien"), ("$x$", "猫")]
PLACES = np.array([[0, 0, 0], [3, 0, 0], [0, 2, 0.0]])


def test_matched_words_lie_on_their_translations():
    figure, alt = pictures.matched({"English": PLACES, "French": PLACES}, PAIRS, "Turned")
    lines = figure.axes[0].lines
    assert len(lines) == 5, "a line a pair, and the two languages"
    assert np.allclose(lines[3].get_xydata(), lines[4].get_xydata())
    assert alt.startswith("Turned. 3 words of English and their translations into French")
    assert "3 of 3 lie nearest to their own translation; a pair is 0.00 apart" in alt
    assert figure.get_size_inches()[0] * figure.dpi == 800
    _, wrong = pictures.matched({"English": PLACES[[1, 2, 0]], "French": PLACES}, PAIRS, "Shuffled")
    assert "0 of 3 lie nearest" in wrong
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize(("vectors", "pairs"), [
    ({"English": PLACES}, PAIRS), ({"a": PLACES, "b": PLACES[:2]}, PAIRS),
    ({"a": PLACES[:1], "b": PLACES[:1]}, PAIRS[:1]),
])  # fmt: skip
def test_words_that_do_not_match_are_refused(vectors, pairs):
    with pytest.raises(ValueError, match="give two languages, and a row for each"):
        pictures.matched(vectors, pairs, "_")


def test_growth_has_its_intervals_and_its_level():
    curves = {"French": {50: (0.1, 0.05, 0.2), 800: (0.5, 0.4, 0.6)}, "Japanese": {800: (0.3, 0.2, 0.4)}}
    figure, alt = pictures.growth(curves, "Pairs", "pairs told", ("everything", 0.55))
    assert figure.axes[0].get_xscale() == "log"
    low, high = figure.axes[0].get_ylim()
    assert low == 0 < 55 < 60 < high, "level and intervals are in the picture"
    assert alt == ("Pairs. Right at once in per cent, against pairs told: French 10 at 50, 50 at 800; Japanese 30 at "
                   "800. The dotted line, everything, is at 55.")  # fmt: skip
    above, _ = pictures.growth({"a": {1: (0.1, 0.1, 0.2)}}, "_", "_", ("far above", 0.9))
    assert above.axes[0].get_ylim()[1] > 90
    _, alone = pictures.growth(curves, "Pairs", "pairs told")
    assert "dotted" not in alone
    assert figure.get_size_inches()[0] * figure.dpi == 800


@pytest.mark.parametrize(("curves", "words"), [
    ({}, "nothing to draw"), ({"a": {}}, "nothing to draw"), ({"a": {5: (0.5, 0.6, 0.7)}}, "'a' has 0.5, from 0.6"),
    ({"a": {0: (0.5, 0.4, 0.7)}}, "counts above 0"),
])  # fmt: skip
def test_growth_that_cannot_be_drawn_is_refused(curves, words):
    with pytest.raises(ValueError, match=words):
        pictures.growth(curves, "_", "_")


def test_prices_stand_beside_english():
    table = {"GPT-2": {"French": 1.8, "Hindi": 9.0}, "bytes": {"French": 1.1, "Hindi": 2.9}}
    figure, alt = pictures.prices(table, "Prices")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["French", "Hindi"]
    assert list(figure.axes[0].lines[0].get_xdata()) == [1.8, 9.0]
    assert alt == ("Prices. Times the price of English, the line at 1. GPT-2: French 1.8, Hindi 9.0; bytes: French "
                   "1.1, Hindi 2.9.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800


@pytest.mark.parametrize(("table", "words"), [
    ({}, "one or more"), ({"a": {"x": 1}, "b": {"y": 1}}, "same languages"), ({"a": {"x": 0}}, "price of 0"),
    ({"a": {"x": np.inf}}, "price of inf"),
])  # fmt: skip
def test_prices_that_cannot_be_drawn_are_refused(table, words):
    with pytest.raises(ValueError, match=words):
        pictures.prices(table, "_")


def test_answers_say_which_are_right():
    figure, alt = pictures.answers([("hiver", 0.7, True), ("été", 0.5, False)], "“winter” in French", "cosine")
    assert alt == "“winter” in French. cosine, best first: hiver 0.70 (right), été 0.50."
    assert figure.axes[0].lines[1].get_markerfacecolor() == "white"
    assert figure.get_size_inches()[0] * figure.dpi == 800
    with pytest.raises(ValueError, match="no answer to draw"):
        pictures.answers([], "_", "_")
