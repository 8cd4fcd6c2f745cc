"""Pictures of a word's pieces: shares add up, the control is drawn and told, and what is said is what is shown."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_viz_embeddings import pixels, texts

from course_lib.viz import subwords


@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 1000))
def test_shares_sum_to_one_and_are_what_leaving_the_rest_out_would_give(n, D, seed):
    rows = np.random.default_rng(seed).normal(size=(n, D)) + 0.5
    shares, mean = subwords.shares(rows), rows.mean(axis=0)
    assert shares.sum() == pytest.approx(1)
    alone = [(row / n) @ mean / np.linalg.norm(mean) for row in rows]  # the row's step along the word's direction
    assert np.allclose(shares * np.linalg.norm(mean), alone)


def test_a_row_against_the_word_has_a_negative_share():
    assert subwords.shares(np.array([[3.0, 0], [-1.0, 0]])).tolist() == [1.5, -0.5]


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.array([[1.0], [-1.0]]), np.zeros((0, 3)), np.ones(3),
                                  np.array([[np.nan]])])
def test_rows_without_a_direction_have_no_shares(rows):
    with pytest.raises(ValueError, match=r"no direction|one row of numbers"):
        subwords.shares(rows)


def test_bars_are_the_shares_in_order_with_the_control_behind():
    figure, alt = subwords.contributions("cat", ["<ca", "cat", "at>"], [0.25, 0.85, -0.1], chance=(-0.05, 0.3))
    axes = figure.axes[0]
    bars = [patch for patch in axes.patches if patch.get_height() == pytest.approx(0.72)]
    assert [bar.get_width() for bar in bars] == pytest.approx([25, 85, -10])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["<ca", "cat", "at>"]
    assert texts(axes) == ["25%", "85%", "-10%"]
    assert "control" in " ".join(axes.get_legend_handles_labels()[1])
    assert "The largest: cat 85%, <ca 25%, at> -10%." in alt
    assert alt.endswith("random rows give between -5% and 30%; above it: cat.")
    assert pixels(figure) == 800


def test_many_pieces_keep_the_largest_in_order_and_sum_up_the_others():
    values = [0.1, 0.3, 0.05, 0.4, 0.15]
    figure, alt = subwords.contributions("$x$", list("abcde"), values, most=2)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "d", "the other 3"]
    assert texts(axes) == ["30%", "40%", "30%"]
    assert "5 pieces of $x$" in alt
    assert "smallest: c 5%" in alt
    assert pixels(figure) == 800


def test_one_value_for_each_piece():
    with pytest.raises(ValueError, match="2 pieces and 1 values"):
        subwords.contributions("cat", ["<ca", "cat"], [1.0])
    with pytest.raises(ValueError, match="0 pieces"):
        subwords.contributions("cat", [], [])


def test_lists_stand_side_by_side_and_shared_words_are_marked():
    columns = {"right": [("dog", 0.9), ("<b>", 0.5)], "wrong": [("dog", 0.8), ("$a", -0.2)], "none": None}
    figure, alt = subwords.beside(columns, "Near “cat”")
    said = texts(figure.axes[0])
    assert said == ["right", "dog 0.90", "<b> 0.50", "wrong", "● dog 0.80", "$a -0.20", "none", "no answer"]
    widths = sorted(patch.get_width() for patch in figure.axes[0].patches)
    assert widths == pytest.approx([0, 0.45, 0.72, 0.81])
    assert alt == ("Near “cat”. right: dog 0.90, <b> 0.50. wrong: dog 0.80, $a -0.20. none: no answer.")
    assert pixels(figure) == 800


def test_lists_without_any_neighbour_are_refused():
    with pytest.raises(ValueError, match="no neighbours to show"):
        subwords.beside({"a": None, "b": []}, "Nothing")
