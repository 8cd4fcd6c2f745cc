"""Scenes: small pictures that our own code draws, and captions that are true of them.

    scene = [Thing("red", "circle", 0)]
    draw(scene, rng)                   # [24, 24, 3], numbers from 0 to 1
    caption(scene)                     # "a red circle at the top left"
    sample(1000, seed=1)               # pictures, captions and the scenes themselves

What it is. A picture has one thing or two, each with a colour, a shape and one of nine places (three rows of three). A
single thing is told with its place, two with how they lie: left of, right of, above, below. Where exactly a thing
stands, its size, its shade and the noise of the ground are chance, so that two pictures of one caption differ. Truth is
known, and any picture that a question needs can be drawn.

What it leaves out. Everything that makes photographs hard: light, overlap, backgrounds, things without a name.

Shapes: N scenes, pictures of 24 x 24 dots with red, green and blue.
"""

from collections.abc import Collection, Sequence, Set
from typing import Annotated, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from course_lib.settings import Count, Part, Rule, Size, require, require_rules, rules_of
from course_lib.shapes import shaped

SIDE = 24
COLOURS = {"red": (0.84, 0.19, 0.15), "green": (0.10, 0.62, 0.30), "blue": (0.10, 0.35, 0.90),
           "yellow": (0.94, 0.89, 0.26), "purple": (0.60, 0.25, 0.75), "white": (0.95, 0.95, 0.95)}  # fmt: skip
SHAPES = ("circle", "square", "triangle", "cross", "ring")
PLACES = ("top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right")
TURNED = {"left of": "above", "above": "left of", "right of": "below", "below": "right of"}
CHANGES = ("another colour", "another direction", "colours", "order")
Name = tuple[str, str]
NAMES = tuple((colour, shape) for colour in COLOURS for shape in SHAPES)
# Each of these colours and shapes is seen, but never together, unless one asks for it.
NEVER_SEEN = (("red", "cross"), ("green", "circle"), ("blue", "triangle"), ("yellow", "ring"), ("purple", "square"),
              ("white", "circle"))  # fmt: skip
SEEN = tuple(name for name in NAMES if name not in NEVER_SEEN)

WORDS = ("", "a", *COLOURS, *SHAPES, *"at the left right of above below top centre bottom".split())  # 0 fills up
LENGTH = 8
KNOWN = f"one of {', '.join(WORDS[1:])}"


class Thing(NamedTuple):
    """One thing of a scene; `place` counts the nine places row by row, from 0 to 8."""

    colour: Literal[tuple(COLOURS)]
    shape: Literal[SHAPES]
    place: Annotated[int, Rule(range(9).__contains__, "a whole number from 0 to 8")]


OF_A_THING = rules_of(Thing.__annotations__)
Scene = Annotated[Sequence[Thing], Rule(lambda scene: len(scene) in (1, 2), "a list of one Thing or two")]


# --- Words ------------------------------------------------------------------------------------------------------------


def relation(one: Thing, other: Thing) -> str:
    """How `one` lies to `other`. ValueError for two things that share neither a row nor a column, or share a place.

    >>> relation(Thing("red", "circle", 3), Thing("blue", "ring", 5))
    'left of'
    """
    (row, column), (other_row, other_column) = divmod(one.place, 3), divmod(other.place, 3)
    require((row == other_row) != (column == other_column), "other", other, f"in a row or a column with {one}")
    if row == other_row:
        return "left of" if column < other_column else "right of"
    return "above" if row < other_row else "below"


@shaped
def caption(scene: Scene) -> str:
    """What is true of a scene of one thing or two; of two, the first is named first.

    >>> caption([Thing("red", "circle", 3), Thing("blue", "ring", 5)])
    'a red circle left of a blue ring'
    """
    _require_things(scene)
    first = scene[0]
    if len(scene) == 1:
        return f"a {first.colour} {first.shape} at the {PLACES[first.place]}"
    return _told(first, relation(*scene), scene[1])


def _told(one: Thing, words: str, other: Thing) -> str:
    return f"a {one.colour} {one.shape} {words} a {other.colour} {other.shape}"


@shaped
def false_caption(scene: Scene, change: Literal[CHANGES]) -> str:
    """The caption with one `change` (one of CHANGES) after which it is no longer true. For a scene of two things whose
    colours differ, and their shapes, as `sample` draws them.

    >>> false_caption([Thing("red", "circle", 3), Thing("blue", "ring", 5)], "order")
    'a blue ring left of a red circle'
    """
    _require_things(scene)
    unlike = len(scene) == 2 and scene[0].colour != scene[1].colour and scene[0].shape != scene[1].shape
    require(unlike, "scene", scene, "two things of unlike colours and unlike shapes")
    (one, other), words = scene, relation(*scene)
    if change == "another colour":
        there = {one.colour, other.colour}
        return _told(one._replace(colour=next(c for c in COLOURS if c not in there)), words, other)
    if change == "another direction":
        return _told(one, TURNED[words], other)
    if change == "colours":
        return _told(one._replace(colour=other.colour), words, other._replace(colour=one.colour))
    return _told(other, words, one)


def encode(captions: Sequence[str]) -> Int64[np.ndarray, "N 8"]:
    """The numbers of the words, filled up with 0. ValueError for a word that no caption has, and for a ninth.

    >>> encode(["a red circle at the top"])[0].tolist()
    [1, 2, 8, 13, 14, 20, 0, 0]
    """
    ids = np.zeros((len(captions), LENGTH), dtype=np.int64)
    for row, text in zip(ids, captions):
        words = text.split()
        require(0 < len(words) <= LENGTH, "caption", text, f"a text of 1 to {LENGTH} words")
        for place, word in enumerate(words):
            require(word in WORDS, "word", word, KNOWN)
            row[place] = WORDS.index(word)
    return ids


def _require_things(scene: Scene) -> None:
    for thing in scene:
        require_rules(OF_A_THING, Thing(*thing)._asdict())


# --- Pictures ---------------------------------------------------------------------------------------------------------


def inside(shape: str, across: Float[np.ndarray, "*dots"], down: Float[np.ndarray, "*dots"]) -> np.ndarray:
    """Which dots a shape covers, as booleans: of size 1 around the middle (0, 0), `down` grows downwards."""
    distance, sides = np.hypot(across, down), (np.abs(across), np.abs(down))
    near, far = np.minimum(*sides), np.maximum(*sides)
    return {"circle": distance <= 1, "square": far <= 1, "cross": (near <= 0.3) & (far <= 1.1),
            "ring": (distance <= 1.1) & (distance >= 0.6),
            "triangle": (down <= 0.8) & (np.abs(across) <= (down + 1) / 1.7)}[shape]  # fmt: skip


@shaped
def draw(scene: Scene, rng: np.random.Generator | int) -> Float[np.ndarray, "24 24 3"]:
    """A picture of a scene, numbers from 0 to 1. What the caption does not say is drawn by chance, or by a seed."""
    rng = np.random.default_rng(rng)
    _require_things(scene)
    picture = np.full((SIDE, SIDE, 3), rng.uniform(0.05, 0.25))
    dots = (np.arange(3 * SIDE) + 0.5) / 3  # nine points a dot: edges are as soft as in a photograph
    for colour, shape, place in scene:
        row, column = divmod(place, 3)
        y, x = 8 * row + 4 + rng.uniform(-0.6, 0.6), 8 * column + 4 + rng.uniform(-0.6, 0.6)
        size = rng.uniform(2.8, 3.4)
        covered = inside(shape, (dots[None, :] - x) / size, (dots[:, None] - y) / size)
        share = covered.reshape(SIDE, 3, SIDE, 3).mean((1, 3))[..., None]  # (24, 24, 1)
        picture = picture * (1 - share) + share * np.array(COLOURS[colour]) * rng.uniform(0.85, 1.05)
    return (picture + rng.normal(0, 0.03, picture.shape)).clip(0, 1).astype(np.float32)


# --- Samples ----------------------------------------------------------------------------------------------------------


class Sample(NamedTuple):
    """Scenes with their pictures and captions, row by row."""

    pictures: Float[np.ndarray, "N 24 24 3"]
    captions: list[str]
    scenes: list[list[Thing]]


@shaped
def sample(count: Size, seed: Count, pairs: Part = 0.7, names: Collection[Name] = SEEN) -> Sample:
    """Scenes by chance, of things with these (colour, shape); about a share `pairs` of them has two things.

    Two things stand in one row or one column, and differ in colour and in shape. ValueError where no two names do.
    """

    rng, names = np.random.default_rng(seed), sorted(names) if isinstance(names, Set) else list(names)
    twos = [(one, other) for one in names for other in names if one[0] != other[0] and one[1] != other[1]]
    require(bool(twos or (names and not pairs)), "names", names, "(colour, shape)s of which two differ in both")
    scenes = [_two(rng, twos) if rng.random() < pairs else [_thing(rng, names)] for _ in range(count)]
    return Sample(np.stack([draw(scene, rng) for scene in scenes]), [caption(scene) for scene in scenes], scenes)


def _thing(rng: np.random.Generator, names: Sequence[Name]) -> Thing:
    return Thing(*names[rng.integers(len(names))], int(rng.integers(9)))


def _two(rng: np.random.Generator, twos: Sequence[tuple[Name, Name]]) -> list[Thing]:
    """Two of the three places of a row or of a column."""
    names, line, across = twos[rng.integers(len(twos))], rng.integers(3), rng.random() < 0.5
    spots = rng.choice(3, 2, replace=False)
    return [Thing(*name, int(3 * line + spot if across else 3 * spot + line)) for name, spot in zip(names, spots)]
