"""Pictures of pictures: what is drawn is said in words, patches lie where they were, misfits are refused."""

import numpy as np
import pytest

from course_lib import scenes, viz
from course_lib.viz import images as pictures

PICTURES = scenes.sample(5, seed=1)


def test_a_grid_has_every_picture_and_its_words():
    figure, alt = pictures.grid(PICTURES.pictures, PICTURES.captions, "Five", columns=3)
    assert len(figure.axes) == 5
    for axes, picture, text in zip(figure.axes, *PICTURES[:2]):
        assert np.array_equal(axes.images[0].get_array(), picture)
        assert axes.get_xlabel().replace("\n", " ") == text
    assert alt == f"Five. 5 pictures: {'; '.join(PICTURES.captions)}."
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize("words", [[], ["one"]])
def test_a_grid_that_does_not_fit_is_refused(words):
    with pytest.raises(ValueError, match=f"5 pictures and {len(words)} texts"):
        pictures.grid(PICTURES.pictures, words, "_")


def test_patches_stand_where_they_were():
    picture = PICTURES.pictures[0]
    patches = picture.reshape(4, 6, 4, 6, 3).swapaxes(1, 2).reshape(16, 108)
    figure, alt = pictures.cut(picture, patches, "a red circle", "Cut")
    whole, *parts = figure.axes
    assert np.array_equal(whole.images[0].get_array(), picture)
    assert [axes.get_xlabel() for axes in parts] == [str(i) for i in range(16)]
    assert np.array_equal(parts[5].images[0].get_array(), picture[6:12, 6:12])
    assert alt == ("Cut. On the left a red circle, 24 x 24 dots; on the right its 16 patches of 6 x 6, 4 a row, "
                   "numbered row by row.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize("patches", [np.zeros((15, 108)), np.zeros((0, 108)), np.zeros((16, 100))])
def test_patches_that_make_up_no_picture_are_refused(patches):
    with pytest.raises(ValueError, match="do not make up a picture of shape"):
        pictures.cut(PICTURES.pictures[0], patches, "_", "_")


def test_choices_mark_the_true_text_and_leave_the_rest_out():
    figure, alt = pictures.choices(PICTURES.pictures[0], "a $cat", ["a dog", "a $cat", "a cow"], [0.2, 0.7, 0.1],
                                   "Which?", most=2)  # fmt: skip
    bars = figure.axes[1]
    assert [round(bar.get_width(), 3) for bar in bars.patches] == [0.7, 0.2]
    assert bars.patches[0].get_facecolor() != bars.patches[1].get_facecolor()
    assert [text.get_text() for text in bars.texts] == ["0.70  a $cat (true)", "0.20  a dog"]
    assert alt == ("Which?. The picture shows a $cat. The likeliest of 3 texts: 0.70 a $cat (true), 0.20 a dog.")
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.6], [1.5, -0.5]])
def test_choices_need_probabilities(shares):
    with pytest.raises(ValueError, match="for 2 texts: give each text its probability"):
        pictures.choices(PICTURES.pictures[0], "_", ["a", "b"], shares, "_")


def test_shares_have_their_intervals_and_chance():
    rows = {"ours": {"seen": (0.9, 0.8, 1.1), "new": (0.5, 0.4, 0.6)}, "coin": {"seen": (0.5,) * 3, "new": (0.4,) * 3}}
    figure, alt = pictures.shares(rows, "Shares", "right (%)", 0.5)
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["seen", "new"]
    assert list(axes.containers[0].lines[0].get_xdata()) == [90, 50]
    assert axes.lines[-1].get_xdata()[0] == 50
    assert alt == ("Shares. right (%). ours: seen 90 (from 80 to 110), new 50 (from 40 to 60); coin: seen 50 (from 50 "
                   "to 50), new 40 (from 40 to 40). The dotted line is chance, 50.")  # fmt: skip
    assert figure.get_size_inches()[0] * figure.dpi == 800
    assert viz.png(figure).startswith("data:image/png")


@pytest.mark.parametrize(("rows", "words"), [
    ({}, "give each the same"), ({"a": {}}, "give each the same"),
    ({"a": {"x": (0, 0, 0)}, "b": {"y": (0, 0, 0)}}, "give each the same"),
    ({"a": {"x": (0.5, 0.6, 0.7)}}, "'a', 'x' has 0.5, from 0.6 to 0.7"),
])  # fmt: skip
def test_shares_that_cannot_be_drawn_are_refused(rows, words):
    with pytest.raises(ValueError, match=words):
        pictures.shares(rows, "_", "_", 0.5)
