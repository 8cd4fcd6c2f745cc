"""Pictures of what a model knows by heart: every number that is drawn is said in words; what cannot be is refused."""

import numpy as np
import pytest

from course_lib import viz
from course_lib.viz import privacy as pictures


def test_exposures_have_their_intervals_and_their_two_lines():
    rows = {"plain": {0: (1.5, 1.0, 2.0), 32: (9.9, 9.8, 10.0)}, "private $x$": {0: (1.2, 1.0, 1.4)}}
    figure, alt = pictures.exposures(rows, 9.97, "Exposure")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "32"]
    assert alt == ("Exposure. Exposure in bits by how often the secret was written: plain 1.5 at 0, 9.9 at 32; private "
                   "$x$ 1.2 at 0. Dotted lines: chance, 1.4, and the most possible, 10.0.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize(("rows", "words"), [
    ({}, "nothing to draw"), ({"a": {2: (5.0, 6.0, 7.0)}}, "'a' at 2 has 5.0, from 6.0 to 7.0"),
])  # fmt: skip
def test_exposures_that_cannot_be_drawn_are_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        pictures.exposures(rows, 10, "_")


def test_curves_say_their_area():
    figure, alt = pictures.curves({"by loss": ([0, 0.5, 1], [0, 0.7, 1], 0.6)}, "Members")
    curve, coin = figure.axes[0].lines
    assert list(curve.get_ydata()) == [0, 70, 100]
    assert list(coin.get_xdata()) == list(coin.get_ydata())
    assert alt == ("Members. Members found against others taken for members; area under the curve: by loss 0.60. A "
                   "coin: 0.5.")  # fmt: skip


@pytest.mark.parametrize(("found", "words"), [({}, "no curve"), ({"a": ([0, 2], [0, 1], 0.5)}, "from 0 to 2")])
def test_curves_that_cannot_be_drawn_are_refused(found, words):
    with pytest.raises(ValueError, match=words):
        pictures.curves(found, "_")


def test_losses_stand_above_exposures():
    figure, alt = pictures.by_heart([1, 2], {"learned": [3.0, 2.0]}, {"16 times": [1.0, 9.0]}, "By heart")
    upper, lower = figure.axes
    assert list(upper.lines[0].get_ydata()) == [3, 2]
    assert list(lower.lines[0].get_ydata()) == [1, 9]
    assert "learned from 3.0 to 2.0; 16 times from 1.0 to 9.0" in alt
    with pytest.raises(ValueError, match="'learned' has 1 values for 2 steps"):
        pictures.by_heart([1, 2], {"learned": [3.0]}, {}, "_")


def test_a_price_stands_beside_its_levels():
    points = {"plain": (2.3, 2.2, 2.4), "private": (2.6, 2.5, 2.7)}
    figure, alt = pictures.price(points, {"letters alone": 2.85}, "Cost")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["plain", "private"]
    assert alt == "Cost. Held-out losses in nats a letter: plain 2.30, private 2.60. Dotted: letters alone 2.85."
    for points, words in (({}, "nothing to draw"), ({"a": (1.0, 2.0, 3.0)}, "'a' has 1.0")):
        with pytest.raises(ValueError, match=words):
            pictures.price(points, {}, "_")


def test_candidates_are_the_likeliest_and_the_truth_is_hatched():
    shares, names = np.linspace(0.01, 0.14, 14), [f"{n:03}" for n in range(14)]
    figure, alt = pictures.candidates({"plain": shares, "private": shares[::-1]}, names, 12, "Locker")
    plain, private = figure.axes
    assert [label.get_text() for label in plain.get_yticklabels()][:2] == ["013", "012"]
    assert [bar.get_hatch() for bar in plain.patches][:3] == ["", "///", ""]
    assert "///" not in [bar.get_hatch() for bar in private.patches], "not among its ten"
    assert alt == ("Locker. The truth is 012. Of 14 candidates, plain puts 013 first with 14.0% and the true one at "
                   "rank 2; private puts 000 first with 14.0% and the true one at rank 13.")  # fmt: skip
    with pytest.raises(ValueError, match="'a' has 1 shares for 14 candidates"):
        pictures.candidates({"a": [1.0]}, names, 0, "_")
