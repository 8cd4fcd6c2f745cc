"""Pictures for sequences: their words say what the numbers say, and nothing is drawn from what makes no sense."""

import io
import warnings

import numpy as np
import pytest

from course_lib.viz import sequences as pictures


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def test_next_symbols_are_the_likeliest_in_order():
    figure, alt = pictures.next_symbols("a$b\n", ["x", " ", "\n", "$"], np.array([0.1, 0.5, 0.15, 0.25]), "Order 3", 3)
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.25, 0.15]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["space", "$", "new line"]
    assert alt == "Bars, Order 3: after “a$b↵” the likeliest symbols are space 50.0%, $ 25.0%, new line 15.0%."
    assert pixels(figure) == 800


def test_a_long_context_is_cut_at_its_beginning():
    _, alt = pictures.next_symbols("q" + "ab" * 20, ["x"], np.array([1.0]), "Order 3")
    assert "“…" + "ab" * 20 + "”" in alt


@pytest.mark.parametrize(("symbols", "probabilities"), [([], []), (["a"], [0.5, 0.5]), (["a"], [[1.0]])])
def test_next_symbols_need_a_probability_each(symbols, probabilities):
    with pytest.raises(ValueError, match="one for each symbol"):
        pictures.next_symbols("a", symbols, np.array(probabilities), "Order 3")


def test_losses_by_order():
    curves = {"new plays": np.array([3.3, 2.5, 2.0]), "counted": np.array([3.2, 2.4, 1.5])}
    figure, alt = pictures.loss_by_order(curves, "A title")
    axes = figure.axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[3.3, 2.5, 2.0], [3.2, 2.4, 1.5]]
    assert len({(line.get_linestyle(), line.get_marker()) for line in axes.lines}) == 2
    assert "new plays: 3.30, 2.50, 2.00; counted: 3.20, 2.40, 1.50." in alt
    assert axes.get_ylim()[0] == 0
    assert pixels(figure) == 800


@pytest.mark.parametrize("curves", [{}, {"a": np.ones(2), "b": np.ones(3)}, {"a": np.ones((2, 2))}, {"a": np.ones(0)}])
def test_losses_of_unlike_lengths_are_refused(curves):
    with pytest.raises(ValueError, match="all of the same length"):
        pictures.loss_by_order(curves, "A title")


def test_the_lowest_gradient_drawn_can_be_chosen():
    for low in (1e-12, 1e-4):
        figure, _ = pictures.gradient_reach({"RNN": 0.5 ** np.arange(12)}, "Untrained", low)
        assert figure.axes[0].get_ylim() == (low, 30)


def test_reach_starts_at_one_and_is_read_out():
    falling = 4 * 0.5 ** np.arange(12)
    figure, alt = pictures.gradient_reach({"RNN": falling, "LSTM": np.full(12, 7.0)}, "Untrained")
    axes = figure.axes[0]
    assert np.allclose(axes.lines[0].get_ydata(), 0.5 ** np.arange(12))
    assert np.allclose(axes.lines[1].get_ydata(), 1)
    assert axes.get_yscale() == "log"
    assert "RNN: 5e-01 at 1, 3e-02 at 5, 1e-03 at 10, 5e-04 at 11; LSTM: 1e+00 at 1" in alt
    assert pixels(figure) == 800


def test_reach_draws_a_gradient_that_is_gone():
    figure, alt = pictures.gradient_reach({"RNN": np.array([1.0, 0.0])}, "Gone")
    assert "0e+00 at 1" in alt
    assert pixels(figure) == 800


@pytest.mark.parametrize(("curves", "text"), [({}, "at least one curve"), ({"a": np.array([0.0, 1.0])}, "above 0"),
                                              ({"a": np.array([1.0, -1.0])}, "above 0"),
                                              ({"a": np.array([1.0])}, "two lengths"),
                                              ({"a": np.array([np.nan, 1.0])}, "above 0")])  # fmt: skip
def test_reach_refuses_what_is_no_length(curves, text):
    with pytest.raises(ValueError, match=text):
        pictures.gradient_reach(curves, "A title")
