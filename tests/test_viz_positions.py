"""Pictures for positions: their words say what the numbers say, and input that makes no sense is refused."""

import io
import warnings

import numpy as np
import pytest

from course_lib.viz import positions as pictures


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def test_likeness_is_the_cosine():
    table = np.array([[3.0, 0.0], [0.0, 2.0], [-1.0, 0.0], [1.0, 1.0]])
    assert np.allclose(pictures.likeness(table, 0), [1, 0, -1, 0.5**0.5])
    assert np.array_equal(pictures.likeness(np.zeros((2, 2)), 0), [0, 0]), "rows of length 0 are like nothing"


def test_places_show_the_table_and_its_control():
    angles = np.arange(30)[:, None] * np.array([1.0, 0.1])
    table = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(30, 4)
    control = np.eye(30, 4)
    figure, alt = pictures.places(table, control, 3, "Clocks $x$")
    above, below = figure.axes[:2]
    assert np.array_equal(above.images[0].get_array(), table.T)
    assert np.allclose(below.lines[0].get_ydata(), (np.cos(np.arange(30) - 3) + np.cos(0.1 * (np.arange(30) - 3))) / 2)
    assert np.allclose(below.lines[1].get_ydata(), control @ control[3])
    assert f"the table: 1 on {(np.cos(1) + np.cos(0.1)) / 2:.2f}, 5 on" in alt
    assert "control: random rows: 1 on 0.00" in alt
    assert alt.startswith("Clocks $x$: 30 places, 4 columns, and each place's cosine with place 3.")
    assert pixels(figure) == 800


def test_one_place_and_the_last_place_can_be_drawn():
    assert "no other place" in pictures.places(np.ones((1, 2)), np.ones((1, 2)), 0, "One")[1]
    assert "nothing follows" in pictures.places(np.ones((3, 2)), np.ones((3, 2)), 2, "Last")[1]


@pytest.mark.parametrize(("shape", "control", "place", "text"), [
    ((3, 2), (2, 3), 0, "of one shape"), ((0, 2), (0, 2), 0, "of one shape"), ((3,), (3,), 0, "of one shape"),
    ((3, 2), (3, 2), 3, "no place 3"), ((3, 2), (3, 2), -1, "no place -1"),
])  # fmt: skip
def test_places_refuse_what_does_not_fit(shape, control, place, text):
    with pytest.raises(ValueError, match=text):
        pictures.places(np.zeros(shape), np.zeros(control), place, "A title")


def test_places_refuse_nan():
    with pytest.raises(ValueError, match="NaN"):
        pictures.places(np.full((3, 2), np.nan), np.zeros((3, 2)), 0, "A title")


def test_lengths_draw_one_line_a_model():
    figure, alt = pictures.lengths({"a": [1, 0.5], "b": [0.25, 0.75]}, [9, 21], 9, "Which first?")
    lines = figure.axes[0].lines[:2]
    assert [list(line.get_ydata()) for line in lines] == [[100, 50], [25, 75]]
    assert lines[0].get_linestyle() != lines[1].get_linestyle()
    assert lines[0].get_marker() != lines[1].get_marker()
    assert "trained at 9: a 9: 100%, 21: 50%; b 9: 25%, 21: 75%." in alt
    assert pixels(figure) == 800


@pytest.mark.parametrize(("scores", "lengths"), [({}, [9]), ({"a": [1]}, []), ({"a": [1], "b": [1, 2]}, [9])])
def test_lengths_refuse_lines_that_do_not_fit(scores, lengths):
    with pytest.raises(ValueError, match="one score a length"):
        pictures.lengths(scores, lengths, 9, "A title")
