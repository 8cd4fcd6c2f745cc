"""Pictures of tokens: boxes hold what was handed over, boundaries never hide a token, and what is said is shown."""
import doctest
import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from test_viz_embeddings import pixels, texts

from course_lib.viz import tokenizers as pictures

HARD = st.sampled_from("aé茶\u0301\u200d🚀क्ष <&|")
ANY = st.text(st.characters(exclude_categories=["Cs"]) | HARD, min_size=1, max_size=12)


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(pictures).failed == 0
    assert doctest.testmod(pictures).attempted >= 2


# ---- merges, step by step --------------------------------------------------------------------------------------------

WORDS = {("se", "e"): 3, ("l", "at", "e"): 4, ("$x$",): 1}
PAIRS = {("at", "e"): 4, ("l", "at"): 4, ("se", "e"): 3}


def test_a_step_shows_words_pairs_and_what_was_joined():
    figure, alt = pictures.stepper(WORDS, PAIRS, [("s", "e"), ("a", "t")])
    left, right = figure.axes
    assert texts(left) == ["3 ×", "se", "e", "4 ×", "l", "at", "e", "1 ×", "$x$"]
    assert [patch.get_linewidth() for patch in left.patches] == [0.8, 0.8, 0.8, 3, 0.8, 0.8], "the new token is framed"
    assert [bar.get_width() for bar in right.patches] == [4, 4, 3]
    assert [bar.get_hatch() for bar in right.patches] == [None, "//", None], "a tie is told without colour"
    assert texts(right) == ["4 next", "4 as many", "3"]
    assert [label.get_text() for label in right.get_yticklabels()] == ["at e", "l at", "se e"]
    assert figure.get_suptitle() == "after 2 joins: a + t → at"
    assert alt == ("The words after 2 joins: a + t → at: 3 × se e, 4 × l at e, 1 × $x$. Pairs, the next to be joined "
                   "first: at e 4, l at 4, se e 3.")
    assert pixels(figure) == 800


def test_the_first_and_the_last_step():
    figure, alt = pictures.stepper({("a", "b"): 1}, {("a", "b"): 1}, [])
    assert figure.get_suptitle() == "after 0 joins"
    figure, alt = pictures.stepper({("ab",): 1}, {}, [("a", "b")])
    assert alt.endswith("no pair is left.")
    assert "after 1 join: a + b → ab" in alt
    assert pixels(figure) == 800
    with pytest.raises(ValueError, match="no words to show"):
        pictures.stepper({}, {}, [])


# ---- where a text is cut ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "letters"), [
    ("tea", ["t", "e", "a"]), ("", []), ("e\u0301a", ["e\u0301", "a"]), ("हिन्दी", ["हि", "न्दी"]),
    ("👩\u200d🚀!", ["👩\u200d🚀", "!"]), ("\u0301a", ["\u0301", "a"]),
])
def test_letters_are_what_a_reader_takes_for_one(text, letters):
    assert [text[start:end] for start, end in pictures.clusters(text)] == letters


@given(ANY, st.data())
def test_segments_hold_the_whole_text_and_every_token(text, pick):
    """Tokens are cuts of the bytes; a token of some bytes of a character has the whole character."""
    place = [i for i, character in enumerate(text) for _ in character.encode()]
    cuts = sorted({0, len(place), *pick.draw(st.lists(st.integers(0, len(place)), max_size=5))})
    spans = [(place[start], place[end - 1] + 1) for start, end in zip(cuts, cuts[1:])]
    found = pictures.segments(text, spans)
    assert "".join(part for part, _ in found) == text
    assert sum(tokens for _, tokens in found) == len(spans)
    assert all(tokens >= 1 for _, tokens in found)


def test_places_that_leave_something_out_are_refused():
    with pytest.raises(ValueError, match="do not cover the text 'tea'"):
        pictures.segments("tea", [(0, 1), (2, 3)])
    with pytest.raises(ValueError, match="no text to show"):
        pictures.boundaries({})


def test_boundaries_are_told_without_colour():
    shown = pictures.boundaries({"<b>": ("a <茶", [(0, 1), (1, 3), (3, 4), (3, 4)])})
    assert repr(shown).splitlines()[0] == "<b>: a|␣<|茶(2)"
    page = shown._repr_html_()
    assert "<b>&lt;b&gt;</b>, 4 tokens" in page
    bare = html.unescape(re.sub(r"<[^>]*>", "", page))
    assert "a|␣<|茶2" in bare, "bars and numbers stay where styles and colours are taken away"
    assert "<script" not in pictures.boundaries({"x": ("<script>", [(0, 8)])})._repr_html_()
    assert page == pictures.boundaries({"<b>": ("a <茶", [(0, 1), (1, 3), (3, 4), (3, 4)])})._repr_html_()


def test_black_is_read_on_every_tint():
    for tint in pictures.TINTS:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(tint)]
        assert 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05 > 7 * 0.05  # WCAG: 7 to 1


def test_a_text_is_glued_together_in_lines():
    text = "the cat " * 20
    spans = [(i, i + 4) for i in range(0, len(text), 4)]
    figure, alt = pictures.glued(text, spans, "ours")
    axes = figure.axes[0]
    assert texts(axes) == ["the␣", "cat␣"] * 20
    assert len({patch.get_y() for patch in axes.patches}) == 4, "thirteen boxes fit into a line"
    assert all(patch.get_x() + patch.get_width() < 64 for patch in axes.patches)
    assert axes.get_title() == "ours: 40 tokens"
    assert alt.startswith("ours: 160 characters in 40 tokens: the␣|cat␣|")
    assert pixels(figure) == 800


def test_signs_that_no_font_has_become_boxes():
    figure, alt = pictures.glued("$茶", [(0, 1), (1, 2), (1, 2)], "t")
    assert texts(figure.axes[0])[1].endswith("·2")
    assert alt.endswith("$|茶(2)")
    assert pixels(figure) == 800
    with pytest.raises(ValueError, match="no text"):
        pictures.glued("", [], "t")


# ---- lines -----------------------------------------------------------------------------------------------------------


def test_lines_have_a_marker_and_a_style_of_their_own():
    curves = {"a$": ([0, 10, 1000], [63, 20, 13]), "b": ([0, 1000], [48, 30.5])}
    figure, alt = pictures.lines(curves, "Price", "n", "tokens")
    axes = figure.axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[0, 63], [10, 20], [1000, 13]]
    assert len({line.get_marker() for line in axes.lines}) == len({line.get_linestyle() for line in axes.lines}) == 2
    assert axes.get_xscale() == "symlog"
    assert axes.get_yscale() == "linear"
    assert alt == "Price. tokens against n: a$ from 63 at 0 to 13 at 1,000; b from 48 at 0 to 30.5 at 1,000."
    assert pixels(figure) == 800
    assert pictures.lines({"a": ([1, 2], [3, 4])}, "t", "x", "y", log="xy")[0].axes[0].get_yscale() == "log"


@pytest.mark.parametrize("curves", [{"a": ([1], [1, 2])}, {"a": ([], [])}, {"a": ([1], [float("nan")])}, {}])
def test_lines_that_cannot_be_drawn_are_refused(curves):
    with pytest.raises(ValueError, match=r"places and|no lines"):
        pictures.lines(curves, "t", "x", "y")
