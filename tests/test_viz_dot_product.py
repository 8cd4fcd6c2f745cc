"""Pictures for attention: the worksheet's numbers are attention's, and nothing is drawn from inputs that do not fit."""

import io
import warnings

import numpy as np
import pytest
import torch

from course_lib import attention
from course_lib.viz import dot_product as pictures

TOKENS = ["he", "$river$", "bank"]
QUERY = np.array([0, 2, 0, 0])
KEY = np.array([[1.0, 0, 0, 0], [0, 2, 0, 0], [0, -1, 1, 0]])
VALUE = np.array([[0, 0], [10, 0], [5, 5]])


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("mask", [None, [True, False, True], [False, False, False]])
@pytest.mark.parametrize("scaled", [True, False])
def test_the_worksheet_ends_where_attention_ends(mask, scaled):
    figure, alt = pictures.worksheet(QUERY, KEY, VALUE, TOKENS, "bank", scaled=scaled, mask=mask)
    query = torch.tensor(QUERY)[None].double() * (1 if scaled else 2)
    seen = None if mask is None else torch.tensor(mask)[None]
    args = (torch.tensor(array, dtype=torch.float64) for array in (KEY, VALUE))
    output, weights = attention.scaled_dot_product_attention(query, *args, seen)
    assert f"Output: {output[0, 0]:.2f}, {output[0, 1]:.2f}." in alt
    bars = [bar.get_width() / pictures.BAR for bar in figure.axes[0].patches if bar.get_height() == 0.7]
    assert bars == pytest.approx(weights[0].tolist())
    assert "?" not in texts(figure)
    assert pixels(figure) == 800


def test_later_columns_are_still_to_be_found():
    """Scores 0, 4 and -2; a half of each after scaling; three columns of three question marks stay, and their sums."""
    figure, alt = pictures.worksheet(QUERY, KEY, VALUE, TOKENS, "bank", "2 scale")
    assert alt.endswith("after step 2 scale: he 0, $river$ 2, bank −1.")
    found = texts(figure)
    assert found.count("?") == 4 * 3 + 3
    assert {"0", "4", "−2", "2", "−1"} <= set(found)
    figure, alt = pictures.worksheet(QUERY, KEY, VALUE, TOKENS, "bank", "3 mask", mask=[True, False, True])
    assert "$river$ −∞" in alt
    assert pixels(figure) == 800


def test_the_sheet_takes_tensors_and_long_vectors():
    figure, alt = pictures.worksheet(torch.ones(9), torch.ones(2, 9), torch.ones(2, 8), ["a", "b"], "a")
    assert "Output: 1.00, 1.00, 1.00, 1.00, 1.00, …." in alt
    assert pixels(figure) == 800


@pytest.mark.parametrize("changed", [{"key": KEY[:2]}, {"value": VALUE[:2]}, {"query": QUERY[:3]}, {"mask": [True]}])
def test_the_sheet_needs_one_key_and_one_value_a_word(changed):
    arguments = {"query": QUERY, "key": KEY, "value": VALUE, "tokens": TOKENS, "word": "bank"} | changed
    with pytest.raises(ValueError, match="one key, value and mask entry a word"):
        pictures.worksheet(**arguments)


def test_an_unknown_step_is_named():
    with pytest.raises(ValueError, match="no step '7 rest'"):
        pictures.worksheet(QUERY, KEY, VALUE, TOKENS, "bank", "7 rest")


def test_sharpness_sorts_and_says():
    figure, alt = pictures.sharpness({"as they are": [0.1, 0.7, 0.2], "divided": [0.3, 0.3, 0.4]}, "64 $keys$")
    lines = figure.axes[0].lines
    assert [list(line.get_ydata()) for line in lines[:2]] == [[0.7, 0.2, 0.1], [0.4, 0.3, 0.3]]
    assert lines[0].get_marker() != lines[1].get_marker()
    assert lines[2].get_ydata()[0] == pytest.approx(1 / 3)
    assert "as they are: largest 0.70, the first three together 1.00; divided: largest 0.40" in alt
    assert pixels(figure) == 800


@pytest.mark.parametrize(("weights", "text"), [({}, "one list for each"), ({"a": [0.5, 0.5], "b": [1.0]}, "one length"),
                                               ({"a": [0.5, 0.1]}, "sum to 0.6")])  # fmt: skip
def test_sharpness_refuses_what_are_no_weights(weights, text):
    with pytest.raises(ValueError, match=text):
        pictures.sharpness(weights, "title")


def test_a_reading_marks_weight_and_side():
    figure, alt = pictures.reading(["a", "terrible", "$fine$"], [0.1, 0.6, 0.3], [0.0, -2.0, 1.0], "Liked: 30%")
    shades = [text.get_bbox_patch().get_alpha() for text in figure.axes[0].texts]
    assert shades == pytest.approx([0.125, 0.75, 0.375])
    assert texts(figure) == ["a", "terrible−", "$fine$+"]
    assert alt == "A text of 3 words, Liked: 30%. Most weight: terrible 0.60 against, $fine$ 0.30 for, a 0.10 against."
    assert pixels(figure) == 800


def test_a_long_reading_is_broken_and_cut():
    words = [f"word{i}" for i in range(300)]
    figure, alt = pictures.reading(words, np.full(300, 1 / 300), np.ones(300), "T")
    assert len(texts(figure)) == 120
    assert "its first 120 of 300 words" in figure.axes[0].get_title()
    assert "text of 300 words" in alt
    assert max(text.get_position()[0] + len(text.get_text()) for text in figure.axes[0].texts) <= 84
    assert len({text.get_position() for text in figure.axes[0].texts}) == 120
    assert pixels(figure) == 800


@pytest.mark.parametrize(("words", "weights"), [([], []), (["a"], [0.5, 0.5])])
def test_a_reading_needs_one_weight_a_word(words, weights):
    with pytest.raises(ValueError, match="one of each for every word"):
        pictures.reading(words, weights, weights, "T")
