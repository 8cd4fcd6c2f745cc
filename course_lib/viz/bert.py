"""Pictures of a masked language model: the likeliest words in a hole beside a control, and what each head looks at.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
names and arrays, never a model. Numbers stand beside bars and in cells, so that no picture needs its colours.
"""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.viz.attention import shown
from course_lib.viz.embeddings import COLOURS
from course_lib.viz.heatmap import COLOURS as SHADES
from course_lib.viz.words import drawable, fonts, legible

TOP = 10  # words shown


@legible
def fill(pieces: Sequence[str], hole: int, names: Sequence[str],
         answers: Mapping[str, Float[np.ndarray, " V"]]) -> tuple[Figure, str]:
    """The ten likeliest words in a hole, one panel an answer; the word that stood there is hatched.

    pieces: the text's pieces, whole; `hole` counts along them. names: the vocabulary, one name a probability. Raises
    ValueError for a hole outside the text, for no answer, and for probabilities that do not fit the names.
    """
    if not 0 <= hole < len(pieces):
        raise ValueError(f"there is no place {hole} in a text of {len(pieces)} pieces.")
    if not answers or any(np.shape(row) != (len(names),) for row in answers.values()):
        shapes = [np.shape(row) for row in answers.values()]
        raise ValueError(f"the answers have the shapes {shapes} for {len(names)} names: give one probability a name.")
    truth = pieces[hole]
    text = " ".join(["____" if i == hole else piece for i, piece in enumerate(pieces)]).replace(" ##", "")
    figure = Figure(figsize=(8, 5.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(answers), squeeze=False, sharex=True)[0]
    spoken = []
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        for axes, (title, row) in zip(panels, answers.items(), strict=True):
            spoken.append(_bars(axes, title, np.asarray(row, dtype=float), names, truth))
        figure.suptitle("\n".join(textwrap.wrap(drawable(text), 66)), fontsize=14, parse_math=False)
    return figure, f"The likeliest words in the hole of “{text}”, where {shown(truth)!r} stood. {' '.join(spoken)}"


def _bars(axes, title: str, row: Float[np.ndarray, " V"], names: Sequence[str], truth: str) -> str:
    best = np.argsort(-row, kind="stable")[:TOP]
    words = [shown(names[i]) for i in best]
    hits = [names[i] == truth for i in best]
    bars = axes.barh(np.arange(len(best)), row[best], color=[COLOURS[1] if hit else COLOURS[5] for hit in hits],
                     hatch=["//" if hit else "" for hit in hits], edgecolor="black", linewidth=0.5, height=0.72)
    axes.bar_label(bars, [f"{p:.1%}" + (" stood there" if hit else "") for p, hit in zip(row[best], hits, strict=True)],
                   padding=3, fontsize=10)
    axes.set_yticks(np.arange(len(best)), map(drawable, words), fontsize=12, parse_math=False)
    axes.set(xlim=(0, 1.35), ylim=(len(best) - 0.4, -0.6), xticks=[0, 0.5, 1])
    axes.set_xlabel("probability", fontsize=12)
    axes.set_title(title, fontsize=12, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    place = next((i for i, name in enumerate(names) if name == truth), None)
    rank = "" if place is None else f"; the word that stood there is number {1 + int((row > row[place]).sum()):,}"
    said = ", ".join(f"{word} {row[i]:.1%}" for word, i in zip(words, best, strict=True))
    return f"{title}: {said}{rank}."


@legible
def heads(tables: Mapping[str, Float[np.ndarray, "L H P"]], columns: Sequence[str]) -> tuple[Figure, str]:
    """What share of its weight each head puts on what, one table a panel, a row a head, the share in each cell.

    Raises ValueError for no table, and for tables that do not fit one another or the columns.
    """
    shapes = {np.shape(table) for table in tables.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3 or next(iter(shapes))[-1] != len(columns):
        raise ValueError(f"the tables have the shapes {sorted(shapes)} for {len(columns)} columns: give one or more of "
                         "the same shape (layers, heads, columns).")
    layers, count, _ = next(iter(shapes))
    figure = Figure(figsize=(8, 1.7 + 0.29 * layers * count), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(tables), squeeze=False, sharey=True)[0]
    spoken = []
    for axes, (title, table) in zip(panels, tables.items(), strict=True):
        cells = np.asarray(table, dtype=float).reshape(layers * count, -1)
        image = axes.imshow(cells, cmap=SHADES, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        for (row, column), share in np.ndenumerate(cells):
            axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=9,
                      color="white" if share > 0.55 else "black")
        axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", fontsize=11, parse_math=False)
        axes.set_title(title, fontsize=12, parse_math=False)
        for layer in range(1, layers):
            axes.axhline(layer * count - 0.5, color="black", linewidth=1)
        most = cells.max(0), cells.argmax(0)
        spoken.append(f"{title}: " + ", ".join(
            f"{name} at most {100 * share:.0f} (layer {head // count}, head {head % count})"
            for name, share, head in zip(columns, *most, strict=True)) + ".")
    panels[0].set_yticks(range(layers * count), [f"{row // count}.{row % count}" for row in range(layers * count)],
                         fontsize=10)
    panels[0].set_ylabel("layer.head", fontsize=12)
    figure.colorbar(image, ax=list(panels), shrink=0.7).set_label("share of the weight", fontsize=11)
    figure.suptitle("What each head looks at, in per cent of its weight", fontsize=14)
    return figure, f"Shares of attention weight in per cent for {layers * count} heads. {' '.join(spoken)}"
