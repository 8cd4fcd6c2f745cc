"""Pictures of what size buys: every number that is drawn is said in words, and what cannot be drawn is refused."""

import numpy as np
import pytest

from course_lib import viz
from course_lib.viz import scaling as pictures

BAND = [(1000, 3.0, 2.9, 3.1), (10_000, 2.0, 1.8, 2.2)]


def test_a_law_is_drawn_with_its_band_and_its_ends_are_said():
    points = {"seen": [(1000, 3.05), (2000, 2.6)], "unseen $x$": [(8000, 2.1)], "none": []}
    figure, alt = pictures.law(points, {"with floor": BAND}, "A law", "parameters", "price (nats)")
    line, seen, unseen = figure.axes[0].lines
    assert list(line.get_ydata()) == [3.0, 2.0]
    assert list(seen.get_xdata()) == [1000, 2000]
    assert list(unseen.get_ydata()) == [2.1]
    assert len(figure.axes[0].collections) == 1
    assert alt == ("A law. price (nats) over parameters: seen, 2 runs, from 3.05 at 1,000 to 2.60 at 2,000; "
                   "unseen $x$, 1 runs, from 2.10 at 8,000 to 2.10 at 8,000; with floor ends at 2.00 (1.80 to 2.20) at "
                   "10,000.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize(("points", "laws", "words"), [
    ({}, {}, "no run to draw"), ({"a": []}, {"b": BAND}, "no run to draw"), ({"a": [(0, 1)]}, {}, "'a' cannot be"),
    ({"a": [(1, 1)]}, {"b": [(1, np.nan, 1, 1)]}, "'b' cannot be drawn"),
])  # fmt: skip
def test_laws_that_cannot_be_drawn_are_refused(points, laws, words):
    with pytest.raises(ValueError, match=words):
        pictures.law(points, laws, "_", "_", "_")


def test_ways_are_shares_of_the_plain_one():
    figure, alt = pictures.ways({"plain": (1.0, 1.0), "half": (0.5, 1.2)}, "Ways")
    plain, half, *levels = figure.axes[0].lines
    assert (half.get_xdata()[0], half.get_ydata()[0]) == (0.5, 1.2)
    assert len(levels) == 2
    assert alt == ("Ways. As shares of the plain step: plain keeps 1.00 and takes 1.00; half keeps 0.50 and takes "
                   "1.20. Dotted lines at 1; lower and further left is better.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800


@pytest.mark.parametrize(("rows", "words"), [({}, "no way to draw"), ({"a": (0, 1)}, "'a' has memory and time")])
def test_ways_that_cannot_be_drawn_are_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        pictures.ways(rows, "_")
