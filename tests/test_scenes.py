"""Scenes: captions are true of them, false captions are not, and what is drawn is where the words say."""

import numpy as np
import pytest

from course_lib import scenes
from course_lib.scenes import Thing


@pytest.mark.parametrize(("scene", "words"), [
    ([Thing("red", "circle", 0)], "a red circle at the top left"),
    ([Thing("white", "ring", 4)], "a white ring at the centre"),
    ([Thing("red", "circle", 0), Thing("blue", "ring", 2)], "a red circle left of a blue ring"),
    ([Thing("blue", "ring", 2), Thing("red", "circle", 0)], "a blue ring right of a red circle"),
    ([Thing("red", "circle", 1), Thing("blue", "ring", 7)], "a red circle above a blue ring"),
    ([Thing("red", "circle", 8), Thing("blue", "ring", 5)], "a red circle below a blue ring"),
])  # fmt: skip
def test_captions_by_hand(scene, words):
    assert scenes.caption(scene) == words


@pytest.mark.parametrize("places", [(0, 4), (3, 3), (2, 7)])
def test_what_has_no_relation_is_refused(places):
    with pytest.raises(ValueError, match=f"place={places[1]}.* must be in a row or a column with .*place={places[0]}"):
        scenes.caption([Thing("red", "circle", places[0]), Thing("blue", "ring", places[1])])


def test_one_change_makes_a_caption_false():
    scene = [Thing("red", "circle", 3), Thing("blue", "ring", 5)]
    assert {change: scenes.false_caption(scene, change) for change in scenes.CHANGES} == {
        "another colour": "a green circle left of a blue ring", "another direction": "a red circle above a blue ring",
        "colours": "a blue circle left of a red ring", "order": "a blue ring left of a red circle"}  # fmt: skip


def true_of(scene):
    """Everything that may be said of two things."""
    return {scenes.caption(scene), scenes.caption(scene[::-1])}


def test_false_captions_are_false_of_every_scene_and_keep_the_words():
    for scene in scenes.sample(300, seed=5, pairs=1).scenes:
        for change in scenes.CHANGES:
            false = scenes.false_caption(scene, change)
            assert false not in true_of(scene)
            if change in ("order", "colours"):
                assert sorted(false.split()) == sorted(scenes.caption(scene).split())


@pytest.mark.parametrize(("scene", "change", "words"), [
    ([Thing("red", "circle", 0)], "order", "two things of unlike colours"),
    ([Thing("red", "circle", 0), Thing("red", "ring", 1)], "colours", "two things of unlike colours"),
    ([Thing("red", "circle", 0), Thing("blue", "ring", 1)], "size", "change='size' cannot be used"),
])  # fmt: skip
def test_what_cannot_be_changed_is_refused(scene, change, words):
    with pytest.raises(ValueError, match=words):
        scenes.false_caption(scene, change)


def test_all_captions_can_be_encoded_and_read_back():
    captions = scenes.sample(300, seed=1).captions
    ids = scenes.encode(captions)
    assert ids.shape == (300, scenes.LENGTH)
    assert [" ".join(scenes.WORDS[i] for i in row if i) for row in ids] == captions
    assert {word for text in captions for word in text.split()} == set(scenes.WORDS[1:])
    for text, words in (("a red dog", "word='dog'"), ("", "caption=''"), ("a " * 9, "of 1 to 8 words")):
        with pytest.raises(ValueError, match=words):
            scenes.encode([text])


@pytest.mark.parametrize("shape", scenes.SHAPES)
@pytest.mark.parametrize("place", range(9))
def test_a_thing_is_drawn_in_its_colour_and_in_its_place(shape, place):
    for seed in range(5):
        picture = scenes.draw([Thing("blue", shape, place)], np.random.default_rng(seed))
        assert picture.shape == (24, 24, 3)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1
        blue = np.argwhere(picture[..., 2] > 0.6)
        assert len(blue) >= 12
        middle = blue.mean(0)
        assert np.abs(middle - (8 * np.array(divmod(place, 3)) + 3.5)).max() < 2.2
        spread = np.abs(blue - middle).max()
        assert 2 <= spread <= 5


def test_a_seed_draws_as_its_generator():
    scene = [Thing("red", "ring", 4)]
    np.testing.assert_array_equal(scenes.draw(scene, 3), scenes.draw(scene, np.random.default_rng(3)))


def test_shapes_differ_in_their_dots():
    grid = (np.arange(-6, 7) / 5)[None], (np.arange(-6, 7) / 5)[:, None]
    covers = [scenes.inside(shape, *grid) for shape in scenes.SHAPES]
    for i, one in enumerate(covers):
        for other in covers[:i]:
            assert (one != other).mean() > 0.1
    assert not scenes.inside("ring", np.zeros(1), np.zeros(1)).any()


def test_samples_are_one_seeds_and_leave_the_names_out():
    a, b, c = (scenes.sample(200, seed=seed) for seed in (1, 1, 2))
    assert a.captions == b.captions != c.captions
    assert np.array_equal(a.pictures, b.pictures)
    names = {thing[:2] for scene in a.scenes for thing in scene}
    assert not names & set(scenes.NEVER_SEEN)
    assert {colour for colour, _ in names} == set(scenes.COLOURS)
    assert {shape for _, shape in names} == set(scenes.SHAPES)
    assert 100 < sum(len(scene) == 2 for scene in a.scenes) < 180
    some = [scenes.sample(50, seed=3, names=kind(scenes.NEVER_SEEN)).captions for kind in (set, sorted)]
    assert some[0] == some[1]  # a set has no order to draw by
    never = scenes.sample(50, seed=3, pairs=0, names=scenes.NEVER_SEEN)
    assert {thing[:2] for (thing,) in never.scenes} == set(scenes.NEVER_SEEN)


def test_samples_that_cannot_be_drawn_are_refused():
    for settings, words in (({"pairs": 2}, "pairs=2"), ({"names": [("red", "ring")]}, "names="),
                            ({"names": [], "pairs": 0}, "names="), ({"names": [("pink", "ring")], "pairs": 0}, "pink")):
        with pytest.raises(ValueError, match=words):
            scenes.sample(5, seed=1, **settings)
