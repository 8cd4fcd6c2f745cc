"""Words in pictures: whatever a name is, long, with dollars or in signs that no font here has, a figure can be drawn.

`legible` goes over a function that returns (figure, alt). Names come from texts, and a text may hold anything.
What is left out: the words of viewers in the browser, which lays them out by itself (see `attention.shown`).
"""

import functools
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter

# After the font that comes with Matplotlib: fonts with Chinese or with emoji, of which a machine may have some.
FONTS = ("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC",
         "Hiragino Sans GB", "Microsoft YaHei", "Noto Emoji", "Segoe UI Symbol", "Symbola")
LINE, NAME = 120, 40  # letters of a line, and of a name beside an axis
ALT, WORD = 2000, 60  # letters of all words about a picture, and of each


def legible(figure_of: Callable[..., tuple[Figure, str]]) -> Callable[..., tuple[Figure, str]]:
    """Decorator: the figure's words are shortened, drawn letter by letter, and made of signs that can be drawn."""

    @functools.wraps(figure_of)
    def safe(*args: Any, **kwargs: Any) -> tuple[Figure, str]:
        with matplotlib.rc_context({"font.family": [*fonts()]}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from")  # it will be a box
            figure, alt = figure_of(*args, **kwargs)
        tidy(figure)
        return figure, short_alt(alt)

    return safe


def tidy(figure: Figure) -> None:
    """Make every word of a figure such that it can be drawn."""
    scales = set()  # the words that a scale writes, which may be formulas, as 10 to some power
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        names = axis.get_major_formatter()  # shared among axes that share an axis
        if isinstance(axis.get_major_locator(), FixedLocator) and isinstance(names, FuncFormatter):
            axis.set_ticklabels([drawn(name, NAME) for name in names.format_ticks(axis.get_majorticklocs())],
                                parse_math=False)  # fmt: skip
        scales |= {id(text) for text in axis.get_ticklabels(which="both")}
    for text in figure.findobj(Text):
        text.set_fontfamily([*dict.fromkeys([*text.get_fontfamily(), *fonts()])])
        if id(text) not in scales:
            text.set_parse_math(False)
            text.set_text(drawn(text.get_text(), LINE))


def drawn(text: str, most: int) -> str:
    return "\n".join(drawable(shortened(line, most)) for line in str(text).split("\n"))


def shortened(text: str, most: int) -> str:
    """
    >>> shortened("gooooooooal", 5)
    'gooo…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def sendable(text: object) -> str:
    """A text without half characters (surrogates), which no browser can be sent."""
    return re.sub("[\ud800-\udfff]", "\ufffd", str(text))


def one_line(text: object) -> str:
    return " ".join(sendable(text).split())


def short_alt(alt: str) -> str:
    """Words about a picture on one line, without names that nobody would hear out."""
    return shortened(re.sub(rf"\S{{{WORD + 1},}}", lambda name: shortened(name[0], WORD), one_line(alt)), ALT)


@functools.cache
def fonts() -> dict[str, Any]:
    """Those of FONTS that this machine has; Matplotlib takes a sign from the first that knows it."""
    there = {font.name for font in font_manager.fontManager.ttflist}
    return {name: font_manager.get_font(font_manager.findfont(name)) for name in FONTS if name in there}


def drawable(text: str) -> str:
    """Text for Matplotlib: signs that no font here knows become boxes, which would otherwise warn in red."""
    return "".join(c if any(font.get_char_index(ord(c)) for font in fonts().values()) else "□"
                   for c in text if c not in "\u200d\ufe0f")
