"""Pictures of choosing: each bar and node bears its number, what is cut is said to be cut, and words say the same."""
import numpy as np
import pytest

from course_lib import viz
from course_lib.viz import decoding as pictures

NAMES, BEFORE = ["a", "$x$", "\n", "电"], np.array([0.2, 0.5, 0.25, 0.05])
STEPS = [[("n", 0, -0.5), ("d", 0, -0.9)], [("o", 1, -0.95), ("i", 0, -1.2)]]


def test_what_is_drawn_from_stands_beside_what_the_model_gives():
    after = np.array([0, 2 / 3, 1 / 3, 0])
    figure, alt = pictures.choices(NAMES, BEFORE, after, "top-p 0.7")
    axes = figure.axes[0]
    outlines, bars = axes.containers
    assert [bar.get_width() for bar in outlines] == [0.5, 0.25, 0.2, 0.05]
    assert [round(bar.get_width(), 3) for bar in bars] == [0.667, 0.333, 0, 0]
    assert [bar.get_hatch() for bar in outlines] == ["", "", "////", "////"]
    assert [text.get_text() for text in axes.texts] == ["0.667", "0.333", "cut", "cut"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["$x$", "↵", "a", pictures.drawable("电")]
    assert alt.startswith("top-p 0.7: 2 of 4 tokens can be drawn. Before and after: $x$ 0.500 to 0.667, ↵ 0.250")
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


def test_only_the_likeliest_are_shown():
    flat = np.full(100, 0.01)
    figure, alt = pictures.choices([str(i) for i in range(100)], flat, flat, "flat")
    assert len(figure.axes[0].get_yticklabels()) == 14
    assert "100 of 100" in alt


@pytest.mark.parametrize(("before", "after", "words"), [
    (BEFORE[:3], BEFORE, "before has the shape"), (BEFORE, BEFORE / 2, "after sums to 0.5"),
    (BEFORE, np.array([1.5, -0.5, 0, 0]), "smallest -0.5"), (BEFORE, BEFORE * np.nan, "after sums to nan"),
])  # fmt: skip
def test_shares_that_are_none_are_refused(before, after, words):
    with pytest.raises(ValueError, match=words):
        pictures.choices(NAMES, before, after, "_")


def test_the_tree_marks_the_text_that_won():
    figure, alt = pictures.tree(STEPS, [1, 0], "to be or")
    axes = figure.axes[0]
    texts = {text.get_text(): text.get_weight() for text in axes.texts}
    assert {text for text, weight in texts.items() if weight == "bold"} == {"d  -0.90", "o  -0.95"}
    assert texts.keys() == {"start", "n  -0.50", "d  -0.90", "o  -0.95", "i  -1.20"}
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0, 0], [0, 1], [1, 0], [0, 1]]
    assert alt == ("to be or: a tree of 2 steps with up to 2 texts each. The text that won is d o, total -0.95; the "
                   "likeliest first token is n.")  # fmt: skip
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize(("steps", "best", "words"), [
    ([], [], "there are 0 steps"), ([[]], [0], "at least one entry"), (STEPS, [0], "2 steps and 1 entries"),
    (STEPS, [0, 2], "step 1 names entry 2"), ([[("a", 1, 0.0)]], [0], "step 0 names entry 1"),
])  # fmt: skip
def test_a_tree_that_cannot_be_drawn_is_refused(steps, best, words):
    with pytest.raises(ValueError, match=words):
        pictures.tree(steps, best, "_")
