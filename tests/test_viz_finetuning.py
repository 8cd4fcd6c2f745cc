"""Pictures for fine-tuning: numbers by hand, words that say what is drawn, nothing drawn from what makes no sense."""

import doctest
import math

import numpy as np
import pytest
from test_viz_training import pixels

from course_lib.viz import finetuning as pictures


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(pictures).failed == 0
    assert doctest.testmod(pictures).attempted >= 2


# ---- accuracy against the number of labels ---------------------------------------------------------------------------


def row(method, labels, seed, accuracy):
    return {"method": method, "labels": labels, "seed": seed, "accuracy": accuracy, "cpu_seconds": 1.0}


ROWS = [row("counting", 50, 1, 0.60), row("counting", 50, 2, 0.64), row("counting", 50, 3, 0.62),
        row("counting", 200, 1, 0.70), row("reading <$x$>", 50, 3, 0.66), row("reading <$x$>", 50, 1, 0.63),
        row("reading <$x$>", 50, 2, 0.66), row("reading <$x$>", 200, 1, 0.65), row("reading <$x$>", 1000, 1, 0.9)]


def test_a_difference_is_paired_by_seed():
    """Gaps .03, .02, .04: mean .03, deviation .01, Student's 4.303 at two degrees of freedom."""
    gaps = pictures.paired(ROWS, "reading <$x$>", "counting")
    assert list(gaps) == [50, 200], "a size that only one has is left out"
    assert gaps[50].mean == pytest.approx(0.03)
    assert gaps[50].high - gaps[50].mean == pytest.approx(4.3027 * 0.01 / math.sqrt(3), rel=1e-4)
    assert (gaps[50].seeds, gaps[50].verdict) == (3, "win")
    assert pictures.paired(ROWS, "counting", "reading <$x$>")[50].verdict == "loss"


def test_one_seed_has_no_interval_and_wins_nothing():
    gap = pictures.paired(ROWS, "reading <$x$>", "counting")[200]
    assert (gap.mean, gap.low, gap.high) == (pytest.approx(-0.05), -math.inf, math.inf)
    assert gap.verdict == "tie"


def test_an_interval_that_holds_zero_is_a_tie():
    assert pictures.difference([0.01, -0.01, 0.02]).verdict == "tie"
    assert pictures.difference([0.02, 0.02]).verdict == "win"


def test_seeds_that_are_not_shared_are_left_out():
    rows = [row("a", 50, 1, 0.5), row("a", 50, 2, 0.9), row("b", 50, 1, 0.6), row("b", 200, 7, 0.6)]
    assert pictures.paired(rows, "a", "b")[50].seeds == 1
    with pytest.raises(ValueError, match="there is no method 'c' in the rows: there are a, b"):
        pictures.paired(rows, "a", "c")


def test_curves_show_the_mean_and_the_worst_and_best_run():
    figure, alt = pictures.label_curves(ROWS, "A title")
    assert "counting 62.0 with 50, 70.0 with 200; reading <$x$> 65.0 with 50, 65.0 with 200, 90.0 with 1,000" in alt
    assert "mean of 1 to 3 runs" in alt
    axes = figure.axes[0]
    first, second = (container[0] for container in axes.containers)
    assert first.get_ydata() == pytest.approx([62, 70])
    assert first.get_marker() != second.get_marker()
    assert first.get_linestyle() != second.get_linestyle()
    assert (first.get_xdata()[0] < 50 < second.get_xdata()[0]), "no bar hides another"
    bars = axes.containers[0][2][0].get_segments()
    assert bars[0][:, 1] == pytest.approx([60, 64])
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50", "200", "1,000"]
    assert axes.get_xscale() == "log"
    assert pixels(figure) == 800


def test_what_needs_no_label_is_a_line():
    figure, alt = pictures.label_curves([*ROWS, row("counting", 0, 1, 0.68)], "A title")
    assert "counting 68.0 without a label; counting 62.0 with 50" in alt
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50", "200", "1,000"]
    assert [line.get_ydata() for line in axes.lines if list(line.get_ydata()) == pytest.approx([68, 68])]
    assert "counting, no label" in [text.get_text() for text in axes.texts]
    assert list(pictures.paired([*ROWS, row("counting", 0, 1, 0.68)], "counting", "counting")) == [0, 50, 200]


@pytest.mark.parametrize("rows", [[], [row("a", 50, 1, 1.2)], [row("a", 50, 1, float("nan"))]])
def test_curves_refuse_what_is_no_share(rows):
    with pytest.raises(ValueError, match="no rows|it is a share"):
        pictures.label_curves(rows, "A title")


def test_many_methods_and_one_size_are_drawn():
    rows = [row(f"method {i} with a long name, first and last", 50, 1, 0.5 + i / 100) for i in range(9)]
    figure, _ = pictures.label_curves(rows, "A title")
    assert pixels(figure) == 800


# ---- padding ---------------------------------------------------------------------------------------------------------


def test_padding_is_hatched_and_counted():
    figure, alt = pictures.padding({"padded": [[3, 5], [2, 2]], "packed": [[8], [4]]}, "Four texts")
    assert "padded: 2 batches, 12 tokens in 14 places, 14% padding" in alt
    assert "packed: 2 batches, 12 tokens in 12 places, 0% padding" in alt
    left, right = figure.axes
    hatched = [patch for patch in left.patches if patch.get_hatch()]
    assert [(patch.get_x(), patch.get_width()) for patch in hatched] == [(3, 2)]
    assert not [patch for patch in right.patches if patch.get_hatch()]
    assert sum(patch.get_width() for patch in left.patches) == 14
    assert pixels(figure) == 800


@pytest.mark.parametrize("ways", [{}, {"padded": []}, {"padded": [[3], []]}])
def test_no_batches_are_not_drawn(ways):
    with pytest.raises(ValueError, match="no batches to draw"):
        pictures.padding(ways, "A title")


# ---- one word in many sentences --------------------------------------------------------------------------------------

COSINES = np.array([[1, 0.2, 0.8, 0.1], [0.2, 1, 0.1, 0.7], [0.8, 0.1, 1, 0.3], [0.1, 0.7, 0.3, 1.0]])


def test_the_nearest_is_never_the_word_itself():
    assert pictures.nearest_alike(COSINES, ["a", "b", "a", "b"]).tolist() == [True] * 4
    assert pictures.nearest_alike(COSINES, ["a", "a", "b", "b"]).tolist() == [False] * 4


def test_sentences_are_sorted_by_sense_and_the_nearest_is_marked():
    figure, alt = pictures.senses(COSINES, ["one", "$two$", "three", "four"], ["b", "a", "b", "a"], "bank")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$two$ (a)", "four (a)", "one (b)", "three (b)"]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(dot.get_xdata()[0], dot.get_ydata()[0]) for dot in dots] == [(1, 0), (0, 1), (3, 2), (2, 3)]
    assert {dot.get_markerfacecolor() for dot in dots} == {"black"}
    assert "with the same sense 0.75, with another sense 0.18; the nearest has the same sense for 4 of 4." in alt
    assert pixels(figure) == 800


def test_a_nearest_one_of_another_sense_is_an_empty_dot():
    figure, _ = pictures.senses(COSINES, list("wxyz"), ["a", "a", "b", "b"], "bank")
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert {dot.get_markerfacecolor() for dot in dots} == {"none"}


@pytest.mark.parametrize(("names", "kinds"), [(["a"], ["b"]), (list("wxyz"), ["a"]), (list("wxy"), list("aab")),
                                             (list("wxyz"), ["a"] * 4), (list("wxyz"), list("abcd"))])
def test_tables_that_do_not_fit_are_refused(names, kinds):
    with pytest.raises(ValueError, match="give three sentences or more|two senses"):
        pictures.senses(COSINES, names, kinds, "bank")
