"""Pictures for training: their words say what the numbers say; nothing is drawn from an input that makes no sense."""

import io
import warnings

import pytest

from course_lib.viz import training as pictures


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def test_curves_say_where_they_begin_end_and_are_lowest():
    lines = {"training": ([1, 2, 3], [0.9, 0.4, 0.1]), "held-out $x$": ([0, 2, 4], [0.7, 0.5, 0.8])}
    figure, alt = pictures.curves(lines, "A title", "loss (nats)", level=("a guess", 0.693), high=1)
    assert "training goes from 0.9 to 0.1, lowest 0.1 at step 3, highest 0.9;" in alt
    assert "held-out $x$ goes from 0.7 to 0.8, lowest 0.5 at step 2, highest 0.8;" in alt
    assert alt.startswith("A title. loss (nats) over steps: ")
    assert alt.endswith("the line 'a guess' is at 0.693.")
    axes = figure.axes[0]
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[0.9, 0.4, 0.1], [0.7, 0.5, 0.8]]
    assert axes.lines[0].get_linestyle() != axes.lines[1].get_linestyle()
    assert axes.get_ylim()[1] == 1
    assert axes.get_ylabel() == "loss (nats)"
    assert pixels(figure) == 800


@pytest.mark.parametrize("lines", [{}, {"a": ([], [])}, {"a": ([1, 2], [1.0])}, {"a": ([1], [float("nan")])},
                                   {"a": ([1], [float("inf")])}])  # fmt: skip
def test_curves_refuse_what_is_none(lines):
    with pytest.raises(ValueError, match="one or more, all finite|at least one"):
        pictures.curves(lines, "A title", "loss (nats)")


def test_wilsons_interval_by_hand():
    """No right answer of 4: the centre is z^2/8 / (1 + z^2/4), and so is the half: from 0 to 0.49."""
    low, high = pictures.interval(0.0, 4)
    assert low == pytest.approx(0)
    assert high == pytest.approx(1.96**2 / 4 / (1 + 1.96**2 / 4))
    wide, narrow = pictures.interval(0.8, 100), pictures.interval(0.8, 10_000)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]


def test_accuracies_are_dots_in_the_middle_of_their_intervals():
    figure, alt = pictures.accuracies({"one <b>neuron</b>": 0.875, "CNN": 0.8}, 5000, "Who reads best?")
    assert "one <b>neuron</b> 87.5 (86.6 to 88.4), CNN 80.0 (78.9 to 81.1), a coin 50." in alt
    axes = figure.axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == [87.5, 80.0, 50.0]
    assert len({line.get_marker() for line in axes.lines[:2]}) == 2
    assert "5,000" in axes.get_xlabel()
    assert pixels(figure) == 800
    without = pictures.accuracies({"CNN": 0.8}, 10, "A title", chance=None)
    assert "coin" not in without[1]
    assert len(without[0].axes[0].lines) == 1


@pytest.mark.parametrize(("shares", "asked"), [({}, 10), ({"a": 1.2}, 10), ({"a": -0.1}, 10), ({"a": 0.5}, 0),
                                               ({"a": float("nan")}, 10)])  # fmt: skip
def test_accuracies_refuse_what_is_no_share(shares, asked):
    with pytest.raises(ValueError, match="at least one classifier|between 0 and 1"):
        pictures.accuracies(shares, asked, "A title")
