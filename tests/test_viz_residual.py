"""Pictures of the residual stream: their words say what the numbers say; numbers that make no sense draw nothing."""

import io
import warnings

import numpy as np
import pytest

from course_lib.viz import residual


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


@pytest.mark.parametrize("logarithmic", [True, False])
def test_a_line_for_each_stack_and_its_ends_in_words(logarithmic):
    curves = {"pre-norm": np.array([1.0, 2, 4]), "no $norm$": np.array([1.0, 50, 3000])}
    figure, alt = residual.along_depth(curves, "How long are the vectors?", "length", logarithmic)
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[1, 2, 4], [1, 50, 3000]]
    assert len({line.get_marker() for line in axes.lines}) == 2, "not by colour alone"
    assert axes.get_yscale() == ("log" if logarithmic else "linear")
    assert "pre-norm from 1 to 4; no $norm$ from 1 to 3e+03." in alt
    assert pixels(figure) == 800


def test_a_narrow_logarithmic_range_still_has_named_ticks():
    figure, _ = residual.along_depth({"post-norm": np.array([8.0, 8.1, 7.9])}, "Lengths", "length")
    assert pixels(figure) == 800
    low, high = figure.axes[0].get_ylim()
    places = np.concatenate([figure.axes[0].yaxis.get_majorticklocs(), figure.axes[0].yaxis.get_minorticklocs()])
    assert ((low <= places) & (places <= high)).any()


@pytest.mark.parametrize(("curves", "text"), [({}, "at least one"), ({"a": []}, "at least one"),
                                              ({"a": [1.0, np.inf]}, "after block 1"),
                                              ({"a": [1.0, 2.0, 0.0]}, "has 0 after block 2"),
                                              ({"a": [np.nan]}, "above 0")])  # fmt: skip
def test_a_stack_needs_numbers_that_can_be_drawn(curves, text):
    with pytest.raises(ValueError, match=text):
        residual.along_depth(curves, "title", "label")


def test_zero_can_be_drawn_on_a_plain_scale():
    figure, _ = residual.along_depth({"cosine": [0.0, -0.5]}, "title", "cosine", logarithmic=False)
    assert list(figure.axes[0].lines[0].get_ydata()) == [0, -0.5]


def test_a_race_draws_the_middle_seed_and_the_band():
    runs = {"pre": np.array([[4.0, 2.5], [4.0, 2.0], [4.0, 2.1]]), "post": np.array([[4.0, 3.0]])}
    figure, alt = residual.race(runs, [0, 100], "A race", "loss (nats)", {"counting": 2.4})
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines[:2]] == [[4, 2.1], [4, 3]]
    assert len(axes.collections) == 2
    assert axes.lines[2].get_ydata()[0] == 2.4
    assert "after 100 steps" in alt
    assert "pre 2.10 (2.00 to 2.50 over 3 seeds); post 3.00; counting 2.40." in alt
    assert pixels(figure) == 800


@pytest.mark.parametrize(("runs", "text"), [({}, "at least one runner"), ({"a": [[1.0, 2, 3]]}, "for 2 steps"),
                                            ({"a": [[1.0, np.nan]]}, "finite")])  # fmt: skip
def test_a_race_needs_a_loss_for_every_step(runs, text):
    with pytest.raises(ValueError, match=text):
        residual.race(runs, [0, 1], "title", "loss")
