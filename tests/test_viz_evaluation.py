"""Pictures of scores: the words under each picture say what its numbers say, and every picture is 800 pixels wide."""

import io
import warnings

import numpy as np
import pytest

from course_lib.viz import evaluation as viz


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_agreement_names_the_pairs_farthest_from_the_diagonal():
    people, model = np.arange(1.0, 7), np.array([1, 2, 6, 4, 5, 3.0])
    figure, alt = viz.agreement(people, model, ["a-b", "c-d", "up", "g-h", "i-j", "$down$"], "Six pairs", marked=2)
    rho = np.corrcoef(people, model)[0, 1]
    assert figure.axes[0].get_title() == f"Six pairs: Spearman {rho:.2f}"
    assert texts(figure.axes[0]) == ["up", "$down$"]
    assert alt.endswith("up (too high), $down$ (too low).")
    assert pixels(figure) == 800


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"]])
def test_agreement_wants_a_name_for_every_pair(names):
    with pytest.raises(ValueError, match="one of each for every pair"):
        viz.agreement(np.ones(2), np.ones(2), names, "")


def test_intervals_stand_where_they_should_and_mark_zero():
    figure, alt = viz.intervals({"first": (0.5, 0.4, 0.7), "second": (0.1, -0.1, 0.2)}, "Two", "rho")
    bars = [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert [0.4, 0.7] in bars
    assert bars[-1] == [0, 0], "an interval that holds 0 shows where 0 is"
    assert alt == "Two. first 0.50, from 0.40 to 0.70; second 0.10, from -0.10 to 0.20."
    assert pixels(figure) == 800


def test_no_number_is_minus_nothing():
    _, alt = viz.intervals({"a tie": (-0.001, -0.002, 0.1)}, "One", "rho")
    assert "a tie 0.00, from 0.00 to 0.10" in alt
    _, alt = viz.associations({"family": {"home": -0.001}}, ("she", "he"), "Lean")
    assert "home +0.00" in alt


def test_an_interval_holds_its_value():
    with pytest.raises(ValueError, match=r"'first' is 0.4 to 0.7 and does not hold its value 0.9"):
        viz.intervals({"first": (0.9, 0.4, 0.7)}, "One", "rho")
    with pytest.raises(ValueError, match="no interval"):
        viz.intervals({}, "None", "rho")


def test_strata_draw_a_line_a_series_and_leave_gaps():
    figure, alt = viz.strata(["1 to 9", "10 to 99"], {"ours": [0.4, np.nan], "theirs": [0.7, 0.8]}, "Strata", "count")
    lines = figure.axes[0].lines
    assert [line.get_label() for line in lines] == ["ours", "theirs"]
    assert len({line.get_linestyle() for line in lines}) == len({line.get_marker() for line in lines}) == 2
    assert "(1 to 9; 10 to 99). ours: 0.40, nan. theirs: 0.70, 0.80." in alt
    assert pixels(figure) == 800
    with pytest.raises(ValueError, match="'ours' has 1 scores for 2 groups"):
        viz.strata(["a", "b"], {"ours": [0.4]}, "", "")
    with pytest.raises(ValueError, match="no series"):
        viz.strata(["a"], {}, "", "")


def test_answers_hatch_the_words_of_the_question():
    figure, alt = viz.answers([("king", 0.8), ("queen", 0.7), ("$x$", -0.1)], ["king", "man"], "king - man + woman")
    bars = figure.axes[0].patches
    assert [bool(bar.get_hatch()) for bar in bars] == [True, False, False]
    assert alt == "king - man + woman: king 0.80 (of the question), queen 0.70, $x$ -0.10."
    assert pixels(figure) == 800
    assert viz.answers([("queen", 0.7)], [], "sum")[0].axes[0].get_legend() is None
    with pytest.raises(ValueError, match="nothing answers"):
        viz.answers([], [], "sum")


def test_associations_keep_groups_apart_and_say_their_means():
    groups = {"flowers": {"rose": 0.1, "poppy": 0.3}, "insects": {"flea": -0.2}}
    figure, alt = viz.associations(groups, ("unpleasant", "pleasant"), "Two groups")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["poppy", "rose", "flea"]
    assert "mean of flowers: +0.200" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert "flowers: poppy +0.30, rose +0.10. insects: flea -0.20." in alt
    assert pixels(figure) == 800
    with pytest.raises(ValueError, match="group without a word"):
        viz.associations({"flowers": {}}, ("a", "b"), "")


def test_chance_counts_the_draws_that_lie_as_far_out():
    drawn = np.array([-0.5, 0.1, 0.2, 0.9])
    figure, alt = viz.chance({"real": 0.5, "huge": 2.0}, drawn, "Chance", "effect")
    assert "real 0.50 (50.0% of the draws are as far from 0)" in alt
    assert "huge 2.00 (0.0% of the draws are as far from 0)" in alt
    assert pixels(figure) == 800
    for bad in [np.array([0.1]), np.array([0.1, np.nan])]:
        with pytest.raises(ValueError, match="all finite"):
            viz.chance({"real": 0.5}, bad, "", "")


def test_the_scoreboard_has_a_panel_a_column_and_a_diamond_for_mine():
    rows = {"one": {"sim": [0.5, 0.7], "count": [2000.0]}, "two": {"sim": []}, "mine": {"sim": [0.4], "count": [90.0]}}
    figure, alt = viz.scoreboard(rows, {"sim": "Similarity", "count": "Right"}, "Board", mine="mine")
    left, right = figure.axes
    assert texts(left) == ["0.60", "–", "0.40"]
    assert texts(right) == ["2,000", "–", "90"]
    assert [line.get_marker() for line in left.lines] == ["o", "o", "D"]
    assert "Similarity: one 0.60, two none, mine 0.40. Right: one 2,000, two none, mine 90." in alt
    assert pixels(figure) == 800
    with pytest.raises(ValueError, match="needs rows and columns"):
        viz.scoreboard({}, {}, "Board")


def test_a_scoreboard_of_four_columns_hides_the_empty_panels():
    figure, _ = viz.scoreboard({"one": {key: [0.5] for key in "abcd"}}, dict(zip("abcd", "ABCD", strict=True)), "Four")
    assert [axes.get_visible() for axes in figure.axes] == [True] * 4 + [False] * 2
    assert pixels(figure) == 800
