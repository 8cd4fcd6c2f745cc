"""Pictures of vectors: what the alt texts say is what the numbers say, and every picture is 800 pixels wide."""

import io
import warnings
from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text

from course_lib.keyed_vectors import KeyedVectors
from course_lib.viz import embeddings

WORDS = ["king", "queen", "cat", "dog", "$x$"]
ROWS = np.array([[1, 0, 0], [1, .1, 0], [0, 1, 0], [0, 1, .5], [-1, -1, .2]])


@pytest.fixture
def vectors():
    return KeyedVectors(WORDS, ROWS)


def pixels(figure):
    """Drawing must not warn; -> the picture's width."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure.canvas.get_width_height()[0]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_neighbours_say_the_nearest_word_and_its_cosine(vectors):
    figure, alt = embeddings.neighbours(vectors, "king", topn=3)
    cosine = vectors.similarity("king", "queen")
    assert alt.startswith(f"Bar chart of the 3 words nearest to king: queen with cosine {cosine:.2f}; then ")
    axes = figure.axes[0]
    assert axes.get_yticklabels()[0].get_text() == "queen"
    assert texts(axes)[0] == f"{cosine:.2f}"
    assert "cosine" in axes.get_xlabel()
    assert pixels(figure) == 800


def test_neighbours_of_a_word_that_looks_like_a_formula(vectors):
    figure, alt = embeddings.neighbours(vectors, "$x$")
    assert "nearest to $x$" in alt
    assert pixels(figure) == 800
    with pytest.raises(KeyError, match="nearest spellings: king"):
        embeddings.neighbours(vectors, "kin")


def test_a_map_keeps_distances_in_a_plane():
    """Vectors that lie in a plane keep their distances on the map, and the plane holds all the variance."""
    plane = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 2)))[0]
    rows = np.array([[0, 0], [4, 0], [0, 1], [4, 3.0]]) @ plane.T
    figure, alt = embeddings.map_words(KeyedVectors("abcd", rows), list("abcd"))
    drawn = figure.axes[0].lines[0].get_xydata()
    before = np.linalg.norm(rows[:, None] - rows[None], axis=-1)
    assert np.allclose(np.linalg.norm(drawn[:, None] - drawn[None], axis=-1), before, atol=1e-5)
    assert "keep 100% of the variance" in alt
    assert "Closest together on the map: a and c." in alt


def test_groups_differ_by_marker_and_colour(vectors):
    figure, _ = embeddings.map_words(vectors, {"royal": ["king", "queen"], "pets": ["cat", "dog"]}, title="$")
    lines = figure.axes[0].lines
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 2
    assert texts(figure.axes[0]) == ["king", "queen", "cat", "dog"]
    assert pixels(figure) == 800


def test_labels_of_a_crowd_do_not_cover_each_other():
    """Eleven words in a corner of the map, as lesson 00 has them beside each other."""
    rng = np.random.default_rng(0)
    words = [f"long_word_{i}" for i in range(22)]
    rows = np.concatenate([rng.normal(0, 0.12, (11, 2)), rng.normal(0, 0.3, (11, 2)) + 2])
    figure, _ = embeddings.map_words(KeyedVectors(words, rows), words)
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text).extents for text in figure.axes[0].texts]
    covered = [min(a[2], b[2]) - max(a[0], b[0]) for a, b in combinations(boxes, 2)
               if min(a[3], b[3]) - max(a[1], b[1]) > 1]
    assert max(covered) < 1


@pytest.mark.parametrize("words", [[], ["king"], ["king", "king"]])
def test_a_map_needs_two_words(vectors, words):
    with pytest.raises(ValueError, match="two or more words"):
        embeddings.map_words(vectors, words)


def test_the_moving_map_stays_on_its_axes():
    snapshots = {0: ROWS * 0, 10: ROWS / 2, 20: ROWS}
    pictures = {step: embeddings.moving_map(snapshots, WORDS, step) for step in snapshots}
    frames = {(figure.axes[0].get_xlim(), figure.axes[0].get_ylim()) for figure, _ in pictures.values()}
    assert len(frames) == 1
    drawn = [figure.axes[0].lines[-1].get_xydata() for figure, _ in pictures.values()]
    assert np.allclose(drawn[1], (drawn[0] + drawn[2]) / 2)
    assert not np.allclose(drawn[0], drawn[2])
    assert "step 0 of 20. No word has moved yet." in pictures[0][1]
    assert "$x$ the farthest" in pictures[20][1]
    assert "Closest together on the map: cat and dog." in pictures[20][1]
    assert {pixels(figure) for figure, _ in pictures.values()} == {800}


def test_the_moving_map_takes_a_list_and_refuses_what_does_not_fit():
    assert "step 1 of 1" in embeddings.moving_map([ROWS, ROWS], WORDS, 1)[1]
    with pytest.raises(ValueError, match="no snapshot of step 5: the steps kept are 0, 1"):
        embeddings.moving_map([ROWS, ROWS], WORDS, 5)
    with pytest.raises(ValueError, match="one row per word"):
        embeddings.moving_map([ROWS], WORDS[:3], 0)


def test_a_race_names_the_first_and_the_last():
    curves = {"slow": ([0, 5, 50], [3, 2.5, 2]), "fast": ([0, 1, 2], [3, 2, 1])}
    figure, alt = embeddings.race(curves)
    assert "fast is the first to reach loss (nats) of 2, after 1 seconds; slow is the last, after 50." in alt
    assert alt.endswith("Last values: slow 2, fast 1.")
    slow, fast = figure.axes[0].lines[:2]
    assert slow.get_linestyle() != fast.get_linestyle()
    assert slow.get_marker() != fast.get_marker()
    assert "seconds" in figure.axes[0].get_xlabel()
    assert pixels(figure) == 800


@pytest.mark.parametrize(("curves", "expected"), [
    ({}, "at least one curve"),
    ({"a": ([1, 2], [1])}, "equal length"),
    ({"a": ([], [])}, "equal length"),
    ({"a": ([1, 2], [1, np.nan])}, "NaN"),
])
def test_a_race_refuses_what_is_no_curve(curves, expected):
    with pytest.raises(ValueError, match=expected):
        embeddings.race(curves)
