"""Pictures of an opened model: every number that is drawn is said in words, and what cannot be drawn is refused."""
import numpy as np
import pytest

from course_lib import viz
from course_lib.viz import interpretability as pictures

RUNS = {"seed 0": (2.9, 5.6, [2.8, 3.0, 5.5]), "seed $1$": (3.2, 5.0, [3.3])}


def test_a_row_holds_the_whole_the_head_and_the_others():
    figure, alt = pictures.removals(RUNS, "Copying", "loss (nats)")
    axes = figure.axes[0]
    whole, without, *others = axes.lines
    assert list(whole.get_xdata()) == [2.9, 3.2]
    assert list(without.get_xdata()) == [5.6, 5.0]
    assert [list(line.get_xdata()) for line in others] == [[2.8, 3.0, 5.5], [3.3]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["seed 0", "seed $1$"]
    assert alt == ("Copying. loss (nats): seed 0: 2.90 with all heads, 5.60 without the head, without another head "
                   "from 2.80 to 5.50, middle 3.00; seed $1$: 3.20 with all heads, 5.00 without the head, without "
                   "another head from 3.30 to 3.30, middle 3.30.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


def test_nothing_is_said_without_a_minus():
    assert "middle 0.00." in pictures.removals({"a": (1.0, 2.0, [-0.001])}, "t", "x")[1]


@pytest.mark.parametrize(("rows", "words"), [
    ({}, "there is no run"), ({"a": (1, 2, [])}, "'a' has 1, 2 and 0 others"), ({"a": (1, np.nan, [1])}, "finite"),
])  # fmt: skip
def test_runs_that_cannot_be_drawn_are_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        pictures.removals(rows, "_", "_")


def test_the_lens_writes_each_word_and_names_the_last_column():
    words, shares = [["$x$", " the"], ["a\n", " a very long token"]], np.array([[0.1, 0.9], [0.4, 0.6]])
    figure, alt = pictures.lens(words, shares, ["block 1", "block 2"], ["To", " be"], "Lens")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["$x$", "␣the", "a↵", "␣a very lon…"]
    assert [text.get_color() for text in axes.texts] == ["black", "white", "black", "white"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["To", "␣be"]
    assert alt == ("Lens. After the last token, ␣be, the likeliest next token: block 1 ␣the 0.90, block 2 "
                   "␣a very long token 0.60.")  # fmt: skip
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize(("words", "shares", "message"), [
    ([["a"]], np.ones((1, 2)), "shape \\(1, 2\\) for 1 rows and 1 tokens"), ([["a", "b"]], np.ones((1, 1)), "a word"),
    ([["a"]], np.full((1, 1), 1.5), "from 1.5 to 1.5"), ([["a"]], np.full((1, 1), np.nan), "probabilities"),
])  # fmt: skip
def test_a_lens_that_does_not_fit_is_refused(words, shares, message):
    with pytest.raises(ValueError, match=message):
        pictures.lens(words, shares, ["block 1"], ["To"], "_")


def test_a_lens_on_a_long_text_is_refused():
    with pytest.raises(ValueError, match="there are 13 tokens and 1 rows"):
        pictures.lens([["a"] * 13], np.ones((1, 13)), ["block 1"], ["b"] * 13, "_")
