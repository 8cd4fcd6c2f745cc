"""Pictures for GloVe: their words say what the numbers say, and nothing is drawn from an input that makes no sense."""

import io
import warnings

import numpy as np
import pytest

from course_lib.viz import glove as pictures


def capped(counts, x_max, alpha):
    return np.minimum(1, counts / x_max) ** alpha


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def heights(axes):
    return [bar.get_height() for bar in axes.patches]


def test_bands_share_out_the_weight():
    """Counts 0.5, 1, 1, 5 and 20 with x_max 10 and alpha 1: weights 0.05, 0.1, 0.1, 0.5, 1 of 1.75 in all."""
    counts = np.array([0.5, 1, 1, 5, 20])
    figure, alt = pictures.weight_bands(counts, capped, 10, 1, edges=(0, 1, 10, np.inf))
    assert np.allclose(heights(figure.axes[1]), [100 * 0.05 / 1.75, 100 * 0.7 / 1.75, 100 / 1.75])
    cells, meetings = (line.get_ydata() for line in figure.axes[1].lines)
    assert np.allclose(cells, [20, 60, 20])
    assert np.allclose(meetings, 100 * np.array([0.5, 7, 20]) / 27.5)
    assert "below 1 3%, 1 to 10 40%, 10 and more 57%." in alt
    assert "20.0%, 60.0%, 20.0%" in alt
    assert pixels(figure) == 800


def test_alpha_zero_is_the_control():
    figure, _ = pictures.weight_bands(np.array([0.2, 3.0, 3000.0]), lambda c, x, a: np.ones_like(c), 10, 0)
    assert np.allclose(heights(figure.axes[1]), figure.axes[1].lines[0].get_ydata())


@pytest.mark.parametrize("counts", [[], [1.0, 0.0], [2.0, -1.0], [np.nan]])
def test_bands_need_counts_above_zero(counts):
    with pytest.raises(ValueError, match="all above 0"):
        pictures.weight_bands(np.array(counts), capped, 10, 0.75)


def test_ratios_are_of_probabilities_and_not_of_counts():
    """6 of 100 beside 3 of 10 is 0.06 / 0.3 = 0.2, though 6 is more than 3."""
    counts = np.array([[6, 5, 0, 0], [3, 0, 2, 0]])
    figure, alt = pictures.ratios(("ice", "steam"), ["water", "cold", "boiler", "$x$"], counts, np.array([100, 10]))
    assert "water 6 to 3, ratio 0.2;" in alt
    assert "cold 5 to 0, no finite ratio;" in alt
    assert "boiler 0 to 2, ratio 0;" in alt
    assert "$x$ 0 to 0, no ratio." in alt
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["6 : 3", "5 : 0", "0 : 2", "0 : 0"]
    assert [line.get_marker() for line in axes.lines if line.get_marker() != "None"] == ["o", ">", "<", "x"]
    assert axes.lines[1].get_xdata()[0] == pytest.approx(0.2)
    assert pixels(figure) == 800


@pytest.mark.parametrize(("probes", "counts"), [([], np.zeros((2, 0))), (["a"], np.zeros((1, 1))),
                                                (["a", "b"], np.zeros((2, 1)))])  # fmt: skip
def test_ratios_need_two_rows_and_a_column_a_probe(probes, counts):
    with pytest.raises(ValueError, match="one column a probe"):
        pictures.ratios(("ice", "steam"), probes, counts, np.ones(2))


def test_spectra_say_their_first_values():
    figure, alt = pictures.spectra({"counts": np.array([30, 2, 1, 0.5]), "GloVe": np.array([20.0, 10])}, "A title")
    assert "counts: 30, 2, 1; GloVe: 20, 10." in alt
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[30, 2, 1, 0.5], [20, 10]]
    assert figure.axes[0].lines[0].get_linestyle() != figure.axes[0].lines[1].get_linestyle()
    assert pixels(figure) == 800


@pytest.mark.parametrize(("values", "text"), [({}, "at least one"), ({"a": np.array([1.0, 2.0])}, "not a falling list"),
                                              ({"a": np.zeros((2, 2))}, "not a falling list")])  # fmt: skip
def test_spectra_refuse_what_is_not_a_spectrum(values, text):
    with pytest.raises(ValueError, match=text):
        pictures.spectra(values, "A title")
