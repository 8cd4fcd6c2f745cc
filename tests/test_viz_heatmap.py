"""Heatmaps: what the alt texts say is what the numbers say; names are data; every picture is 800 pixels wide."""

import io
import warnings

import numpy as np
import pytest
import torch

from course_lib.viz.heatmap import heatmap

ROWS, COLUMNS = ["king", "$x$", "<b>"], ["the", "crown", "wind", "a very long word indeed"]
TABLE = np.array([[0.0, 2.5, 0.1, 0.0], [0.2, 0.0, 7.0, 0.0], [0.0, 0.0, 1.5, 0.3]])


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def test_the_words_name_the_largest_cells_and_the_axes_their_rows_and_columns():
    figure, alt = heatmap(TABLE, ROWS, COLUMNS, "Who meets whom", "PPMI (nats)")
    assert alt.startswith("Heatmap of 3 rows and 4 columns, Who meets whom; PPMI (nats). Largest: $x$ with wind 7, "
                          "king with crown 2.5, <b> with wind 1.5")
    axes, bar = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ROWS
    assert [tick.get_text() for tick in axes.get_xticklabels()] == COLUMNS
    assert bar.get_ylabel() == "PPMI (nats)"
    assert axes.get_title() == "Who meets whom"
    assert pixels(figure) == 800


def test_rows_go_down_and_columns_across():
    figure, _ = heatmap(TABLE, ROWS, COLUMNS, "t", "l")
    assert np.array_equal(figure.axes[0].images[0].get_array(), TABLE)
    assert figure.axes[0].get_ylim() == (2.5, -0.5)


def test_two_pictures_can_share_their_colours():
    figure, _ = heatmap(TABLE, ROWS, COLUMNS, "t", "l", low=-1, high=9)
    assert figure.axes[0].images[0].get_clim() == (-1, 9)
    figure, _ = heatmap(TABLE - 2, ROWS, COLUMNS, "t", "l")
    assert figure.axes[0].images[0].get_clim() == (-2, 5)
    figure, _ = heatmap(np.zeros((1, 1)), ["a"], ["b"], "t", "l")
    assert pixels(figure) == 800


def test_digits_are_written_into_the_cells_dark_on_light_and_light_on_dark():
    figure, _ = heatmap(TABLE, ROWS, COLUMNS, "t", "l", digits=1)
    texts = {text.get_position(): (text.get_text(), text.get_color()) for text in figure.axes[0].texts}
    assert len(texts) == 12
    assert texts[2, 1] == ("7.0", "white")
    assert texts[1, 0] == ("2.5", "black")


def test_signs_that_no_font_has_are_boxes_and_do_not_warn():
    figure, alt = heatmap(np.eye(2), ["国", "\U0010fffd"], ["a", "b"], "\U0010fffd t", "\U0010fffd l")
    assert pixels(figure) == 800
    assert figure.axes[0].get_yticklabels()[1].get_text() == "□"
    assert figure.axes[0].get_title() == "□ t"
    assert "\U0010fffd with b 1" in alt


def test_nan_is_a_cell_without_a_value():
    masked = TABLE.copy()
    masked[1, 2] = np.nan
    figure, alt = heatmap(masked, ROWS, COLUMNS, "t", "l", digits=1)
    assert "Largest: king with crown 2.5" in alt
    assert "nan" not in alt
    assert len(figure.axes[0].texts) == 11
    assert pixels(figure) == 800


def test_a_hundred_tokens_fit_without_names():
    figure, _ = heatmap(np.eye(100), [str(i) for i in range(100)], [str(i) for i in range(100)], "t", "l")
    assert not figure.axes[0].get_xticklabels()
    assert pixels(figure) == 800


@pytest.mark.parametrize(("matrix", "message"), [
    (TABLE[:2], r"shape \(2, 4\) for 3 rows and 4 columns"),
    (np.zeros((3, 4, 1)), "one name for each"),
    (np.full((3, 4), -np.inf), "infinity"),
    (np.full((3, 4), np.nan), "nothing but NaN"),
])
def test_a_bad_matrix_is_refused_in_a_sentence(matrix, message):
    with pytest.raises(ValueError, match=message):
        heatmap(matrix, ROWS, COLUMNS, "t", "l")


def test_colours_that_run_nowhere_are_refused():
    for low, high in ((3, 3), (-np.inf, 3), (0, np.nan)):
        with pytest.raises(ValueError, match=f"low={low} to high={high}"):
            heatmap(TABLE, ROWS, COLUMNS, "t", "l", low=low, high=high)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_tensor_is_a_table_too(dtype):
    table = torch.tensor([[1.0, 2.0, 0.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 1.0, 2.0, 3.0]]).to(dtype).requires_grad_()
    figure, alt = heatmap(table, ROWS, COLUMNS, "t", "l")
    assert alt == heatmap(table.tolist(), ROWS, COLUMNS, "t", "l")[1]


def test_names_of_any_length_leave_room_for_the_table(recwarn):
    figure, alt = heatmap(np.eye(2), ["x" * 5000, "b"], ["y" * 1000, "d"], "T", "share")
    figure.draw_without_rendering()
    assert not [warning for warning in recwarn if "constrained_layout" in str(warning.message)]
    assert max(figure.get_size_inches()) < 10
    assert len(alt) < 400
