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


ROWS = np.array([[1.0, 1.0], [2.0, -1.0], [-0.5, 1.0]])  # mean (5/6, 1/3): shares 14/29, 16/29, -1/29


def test_bars_are_the_shares_in_order_with_the_control_beside_them():
    figure, alt = subwords.contributions("cat", ["<ca", "cat", "at>"], ROWS)
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([1400 / 29, 1600 / 29, -100 / 29])
    assert axes.lines[0].get_xdata() == pytest.approx([100 * 2 / 8.25, 100 * 5 / 8.25, 100 * 1.25 / 8.25])
    assert [label.get_text().split() for label in axes.get_yticklabels()] == [
        ["<ca", "48%"], ["cat", "55%"], ["at>", "-3%"]]
    assert "control" in " ".join(axes.get_legend_handles_labels()[1])
    assert "The largest: cat 55% (control 61%), <ca 48% (control 24%), at> -3% (control 15%)." in alt
    assert pixels(figure) == 800


def test_agreement_is_one_for_one_direction_and_small_for_random_ones():
    assert subwords.agreement([[1.0, 2], [2, 4]]) == pytest.approx((1, 5**0.5 / 3))
    rows = np.random.default_rng(0).normal(size=(25, 400))
    agree, random = subwords.agreement(rows)
    assert random == pytest.approx(0.2, abs=0.01)
    assert agree == pytest.approx(random, abs=0.02)


def test_many_pieces_keep_the_largest_in_order_and_sum_up_the_others():
    rows = np.array([[0.1], [0.3], [0.05], [0.4], [0.15]])
    figure, alt = subwords.contributions("$x$", list("abcde"), rows, most=2)
    axes = figure.axes[0]
    labels = [label.get_text().split() for label in axes.get_yticklabels()]
    assert labels == [["b", "30%"], ["d", "40%"], ["the", "other", "3", "30%"]]
    assert "5 pieces of $x$" in alt
    assert "smallest: c 5%" in alt
    assert pixels(figure) == 800


def test_one_row_for_each_piece():
    with pytest.raises(ValueError, match="2 pieces and 1 rows"):
        subwords.contributions("cat", ["<ca", "cat"], ROWS[:1])
    with pytest.raises(ValueError, match="0 pieces"):
        subwords.contributions("cat", [], ROWS[:0])


def test_lists_stand_side_by_side_and_shared_words_are_marked():
    columns = {"right": [("dog", 0.9), ("<b>", 0.5)], "wrong": [("dog", 0.8), ("$a", -0.2)], "none": None}
    figure, alt = subwords.beside(columns, "Near “cat”", sought="$a")
    said = texts(figure.axes[0])
    assert said == ["right", "dog 0.90", "<b> 0.50", "wrong", "● dog 0.80", "★ $a -0.20", "none", "no answer"]
    widths = sorted(patch.get_width() for patch in figure.axes[0].patches)
    assert widths == pytest.approx([0, 0.45, 0.72, 0.81])
    assert alt == ("Near “cat”. right: dog 0.90, <b> 0.50. wrong: dog 0.80, $a -0.20. none: no answer.")
    assert pixels(figure) == 800


def test_lists_without_any_neighbour_are_refused():
    with pytest.raises(ValueError, match="no neighbours to show"):
        subwords.beside({"a": None, "b": []}, "Nothing")
