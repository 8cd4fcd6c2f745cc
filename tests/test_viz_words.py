"""words: any name in any figure, drawn without an error, a red line or a picture as large as a wall."""
import doctest
import importlib
import inspect
import io
import pkgutil
import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib import viz
from course_lib.viz import attention, words
from course_lib.viz.words import drawable, fonts, legible, short_alt

LONG = "x" * 5000
HOSTILE = [LONG, "$x^$", r"$\frac{$", "国王", "🂡", "\ud800", "a\x07b", "", "\n\n"]


def test_examples_in_docstrings():
    assert doctest.testmod(words).attempted >= 1
    assert doctest.testmod(words).failed == 0


def test_every_figure_is_legible():
    functions = {f"{module.name}.{name}": function for module in pkgutil.iter_modules(viz.__path__)
                 for name, function in vars(importlib.import_module(f"course_lib.viz.{module.name}")).items()
                 if inspect.isfunction(function) and not name.startswith("_")
                 and str(inspect.signature(function).return_annotation).startswith("tuple[")
                 and "Figure, str" in str(inspect.signature(function).return_annotation).replace(
                     "matplotlib.figure.", "")}  # fmt: skip
    assert len(functions) > 40
    safe = legible(lambda: None).__code__
    assert [name for name, function in functions.items() if function.__code__ is not safe] == []


@legible
def picture(word):
    figure = Figure(figsize=(8, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([1, 2], [1, 1000], label=f"line {word}")
    axes.set_yscale("log")
    axes.set_xticks([1, 2], [word, "two"], family="monospace")
    axes.set(title=word, xlabel=word, ylabel=word)
    axes.annotate(word, (1, 1))
    axes.legend()
    figure.suptitle(word)
    return figure, f"A picture of {word}."


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_any_word_can_be_drawn(word, recwarn):
    figure, alt = picture(word)
    assert len(alt) < 120
    alt.encode()
    file = io.BytesIO()
    figure.savefig(file, bbox_inches="tight")
    assert file.tell() < 200_000
    assert figure.get_tightbbox().width < 20  # inches
    assert [str(warning.message) for warning in recwarn if "Glyph" in str(warning.message)] == []


def test_short_words_stay_and_scales_keep_their_formulas():
    figure, alt = picture("k$ng")
    (axes,) = figure.axes
    figure.draw_without_rendering()
    assert alt == "A picture of k$ng."
    assert axes.get_xticklabels()[0].get_text() == axes.get_title() == "k$ng"
    assert any("10^{2}" in label.get_text() and label.get_parse_math() for label in axes.get_yticklabels())


def test_a_sign_comes_from_the_first_font_that_has_it_and_is_a_box_in_none(monkeypatch):
    monkeypatch.setattr(words, "FONTS", ("DejaVu Sans", "STIXGeneral", "No Such Font"))
    fonts.cache_clear()
    try:
        assert [*fonts()] == ["DejaVu Sans", "STIXGeneral"], "both come with Matplotlib"
        one = next(chr(c) for c in fonts()["STIXGeneral"].get_charmap()
                   if not fonts()["DejaVu Sans"].get_char_index(c) and c > 0x2000)
        assert drawable(f"é{one}国") == f"é{one}□"
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            attention.small_png(attention.still(np.ones((1, 1, 1)), [one], [one], [0], one), [0])
    finally:
        fonts.cache_clear()


def test_signs_that_no_font_has_are_boxes():
    chinese = drawable("国")
    assert chinese == ("国" if any(font.get_char_index(ord("国")) for font in fonts().values()) else "□")
    assert drawable("a\ufe0fb\ud800") == "ab□"


def test_words_for_those_who_do_not_see_have_an_end():
    assert short_alt(f"of {LONG} and\n{LONG}.") == f"of {'x' * 59}… and {'x' * 59}…"
    assert len(short_alt("word " * 9000)) == 2000


@pytest.mark.parametrize("half", ["\ud800", "a\udfff"])
def test_half_characters_are_kept_from_the_browser(half):
    def draw(word, choice):
        raise ValueError(half)

    explorer = viz.explore(draw, word=viz.Text(half, label=half), choice=viz.Choice([half, 1]))
    for told in (str(explorer.get_state(["controls", "picture"])), explorer._still, repr(explorer)):
        told.encode()
    view = viz.attention_view([[1.0]], [half], title=half)
    for told in (str(view.view["title"]), *view.view["queries"], view._still, repr(view)):
        told.encode()
