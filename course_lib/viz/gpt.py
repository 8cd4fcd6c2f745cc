"""Pictures for a GPT: what it writes, page beside page.

`pages` returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes texts,
never a model. The texts are drawn as they are; nothing in them is read as markup.
"""

from collections.abc import Mapping

import matplotlib
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, _canvas
from course_lib.viz.words import drawable, fonts, legible

WIDEST = 84  # characters of a line that fit into 800 pixels


@legible
def pages(texts: Mapping[str, str], title: str, lines: int = 12) -> tuple[Figure, str]:
    """Texts side by side under their names, each wrapped to its column, and cut after so many lines.

    ValueError for no text, and for more than three: their columns would be too narrow to read.
    """
    if not 1 <= len(texts) <= 3:
        raise ValueError(f"there are {len(texts)} texts to lay side by side: give one to three, name -> text.")
    wrapped = {name: _wrapped(text, WIDEST // len(texts) - 2)[:lines] for name, text in texts.items()}
    figure, axes = _canvas("", 0.9 + 0.17 * max(map(len, wrapped.values())))
    axes.remove()
    figure.suptitle(drawable(title), fontsize=14, parse_math=False)
    panels = figure.subplots(1, len(texts), squeeze=False)[0]
    with matplotlib.rc_context({"font.family": ["DejaVu Sans Mono", *fonts()]}):
        for colour, panel, (name, rows) in zip(COLOURS, panels, wrapped.items()):
            panel.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
            panel.spines[["top", "right", "bottom"]].set_visible(False)
            panel.spines["left"].set(color=colour, linewidth=4)
            panel.set_title(drawable(name), fontsize=12, loc="left", parse_math=False)
            panel.text(0.02, 0.99, "\n".join(map(drawable, rows)), va="top", fontsize=9.5, linespacing=1.25,
                       parse_math=False)  # fmt: skip
    kept = {name: " / ".join(row for row in rows if row.strip()) for name, rows in wrapped.items()}
    return figure, f"{title}. " + "; ".join(f"{name} writes: {text}" for name, text in kept.items())


def _wrapped(text: str, width: int) -> list[str]:
    """The text's lines; one that is too long goes on in the next, broken at a space where there is one."""
    rows = []
    for line in text.split("\n"):
        while len(line) > width:
            cut = line.rfind(" ", 1, width + 1)
            cut = cut if cut > 0 else width
            rows.append(line[:cut])
            line = line[cut:].removeprefix(" ")
        rows.append(line)
    return rows
