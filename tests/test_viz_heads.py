"""Pictures for many heads: their words say what the numbers say, and nothing is drawn from what makes no sense."""

import io
import warnings

import numpy as np
import pytest

from course_lib.viz import heads as pictures

PLACES = np.array([[1.0, 1.0], [-1.0, -1.0]])


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def mix(weights, wanted=(1.0, -1.0)):
    return pictures.mixtures(PLACES, ["A", "$B$"], ["colour", "shape"], np.array(wanted), np.array(weights))


def test_one_weight_stays_on_the_line():
    """0.75 of (1, 1) and 0.25 of (-1, -1) are (0.5, 0.5): from (1, -1) the root of 0.5^2 + 1.5^2 away."""
    figure, alt = mix([0.75, 0.75])
    assert "one weight for both" in alt
    assert "brings (0.50, 0.50), missed by 1.58" in alt
    brought = next(line for line in figure.axes[0].lines if line.get_label() == "brought")
    assert (brought.get_xdata()[0], brought.get_ydata()[0]) == (0.5, 0.5)
    assert pixels(figure) == 800


def test_two_weights_reach_what_is_wanted():
    _, alt = mix([1.0, 0.0])
    assert "a weight for each number" in alt
    assert "brings (1.00, -1.00), missed by 0.00" in alt


@pytest.mark.parametrize(("weights", "text"), [([1.2, 0.5], "from 0 to 1"), ([-0.1, 0.5], "from 0 to 1"),
                                               ([0.5], "shapes"), ([np.nan, 0.5], "from 0 to 1")])  # fmt: skip
def test_weights_are_those_of_a_softmax(weights, text):
    with pytest.raises(ValueError, match=text):
        mix(weights)


def test_guesses_count_what_is_right_and_box_what_is_wrong():
    figure, alt = pictures.guesses("to $x$", {"all heads": "to $x$", "without 1": "ta_$x$"[:6]}, "A <b>title</b> $")
    assert "'to $x$', 6 characters" in alt
    assert "all heads: 'to $x$', 6 right" in alt
    assert "without 1: 'ta_$x$', 4 right" in alt
    texts = figure.axes[0].texts
    boxed = [text.get_text() for text in texts if text.get_bbox_patch() is not None]
    assert boxed == ["a", "_"]
    assert [text.get_text() for text in texts if " of " in text.get_text()] == ["6 of 6", "4 of 6"]
    assert pixels(figure) == 800


def test_a_space_can_be_seen():
    figure, _ = pictures.guesses("a b\n", {"all": "a b\n"}, "A title")
    assert [text.get_text() for text in figure.axes[0].texts][:4] == ["a", "␣", "b", "↵"]
    assert pixels(figure) == 800


@pytest.mark.parametrize(("text", "rows", "message"), [("", {}, "0 characters"), ("x" * 65, {}, "65 characters"),
                                                       ("abc", {"all": "ab"}, "2 characters of 3")])  # fmt: skip
def test_guesses_refuse_what_does_not_fit(text, rows, message):
    with pytest.raises(ValueError, match=message):
        pictures.guesses(text, rows, "A title")
