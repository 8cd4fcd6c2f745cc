"""Pictures of a model that adapts: every number that is drawn is said in words, and what cannot be drawn is refused."""

import numpy as np
import pytest

from course_lib import viz
from course_lib.viz import adapting as pictures


def test_ways_begin_at_the_start_and_their_ends_are_said():
    figure, alt = pictures.forgetting({"full": [(2.5, 1.9), (2.0, 2.4)], "LoRA $x$": [(2.2, 1.8)]}, (3.0, 1.5), "Ways",
                                      "new (nats)", "old (nats)")  # fmt: skip
    full, thin, level = figure.axes[0].lines
    assert list(full.get_xdata()) == [3.0, 2.5, 2.0]
    assert list(full.get_ydata()) == [1.5, 1.9, 2.4]
    assert list(thin.get_ydata()) == [1.5, 1.8]
    assert list(level.get_ydata()) == [1.5, 1.5]
    assert alt == ("Ways. old (nats) against new (nats), from 3.00 and 1.50 at the start: full ends at 2.00 and 2.40; "
                   "LoRA $x$ ends at 2.20 and 1.80.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize(("paths", "words"), [
    ({}, "no way to draw"), ({"a": []}, "'a' has 0 points"), ({"a": [(1, np.nan)]}, "finite"),
])  # fmt: skip
def test_ways_that_cannot_be_drawn_are_refused(paths, words):
    with pytest.raises(ValueError, match=words):
        pictures.forgetting(paths, (1, 1), "_", "_", "_")


def test_shots_have_their_intervals():
    rows = {"right": {0: (0.5, 0.4, 0.6), 8: (0.8, 0.7, 0.9)}, "coin": {8: (0.6, 0.5, 0.7)}}
    figure, alt = pictures.shots({"Answers": rows, "Pairs": {"right": {8: (0.9, 0.8, 1.0)}}}, "Shots")
    assert [list(axes.get_xticks()) for axes in figure.axes] == [[0, 8], [8]]
    assert [axes.get_title() for axes in figure.axes] == ["Answers", "Pairs"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["right", "coin"]
    assert alt == ("Shots. Answers, in per cent: right 50 with 0 (from 40 to 60), 80 with 8 (from 70 to 90); coin 60 "
                   "with 8 (from 50 to 70). Pairs, in per cent: right 90 with 8 (from 80 to 100). The dotted line is a "
                   "coin, 50.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800


@pytest.mark.parametrize(("panels", "words"), [
    ({}, "nothing to draw"), ({"_": {}}, "nothing to draw"),
    ({"_": {"a": {2: (0.5, 0.6, 0.7)}}}, "'a' with 2 examples has 0.5, from 0.6 to 0.7"),
])  # fmt: skip
def test_shots_that_cannot_be_drawn_are_refused(panels, words):
    with pytest.raises(ValueError, match=words):
        pictures.shots(panels, "_")
