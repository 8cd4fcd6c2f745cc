"""Pictures of pictures: a grid of them with their words, one cut into patches, one beside the texts that it might be.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays, words and numbers, never a model. What a picture shows is said by its words, so nobody needs to see its colours.

Shapes: N pictures of H x W dots, numbers from 0 to 1.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS, _canvas, _legend
from course_lib.viz.words import legible


@legible
def grid(pictures: Float[np.ndarray, "N H W 3"], words: Sequence[str], title: str, columns: int = 4
         ) -> tuple[Figure, str]:  # fmt: skip
    """Pictures in rows, each above its words. ValueError for none, and for as many words as there are not pictures."""
    if not len(words) or len(words) != len(pictures):
        raise ValueError(f"there are {len(pictures)} pictures and {len(words)} texts: give one each, and one or more.")
    rows = -(-len(words) // columns)
    figure = _figure(title, 0.7 + 2.3 * rows)
    for number, (picture, text) in enumerate(zip(pictures, words)):
        axes = figure.add_subplot(rows, columns, number + 1)
        _paint(axes, picture)
        axes.set_xlabel("\n".join(textwrap.wrap(text, 80 // columns)), fontsize=11, parse_math=False)
    return figure, f"{title}. {len(words)} pictures: {'; '.join(words)}."


@legible
def cut(picture: Float[np.ndarray, "H W 3"], patches: Float[np.ndarray, "P size"], words: str, title: str
        ) -> tuple[Figure, str]:  # fmt: skip
    """A picture, and beside it its patches, apart and numbered. ValueError for patches that do not make up a picture of
    that size."""
    (height, width, C), count = np.shape(picture), len(patches)
    side = int(round((np.size(patches) / count / C) ** 0.5)) if count else 0
    if not side or np.shape(patches) != (np.size(picture) // (side * side * C), side * side * C) or width % side:
        raise ValueError(f"{count} patches of shape {np.shape(patches)[1:]} do not make up a picture of shape "
                         f"{np.shape(picture)}.")  # fmt: skip
    columns, figure = width // side, _figure(title, 4.9)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.15))
    axes = left.add_subplot()
    _paint(axes, picture)
    axes.set_xlabel(words, fontsize=11, parse_math=False)
    for number, (patch, axes) in enumerate(zip(patches, right.subplots(count // columns, columns).flat)):
        _paint(axes, np.reshape(patch, (side, side, C)))
        axes.set_xlabel(number, fontsize=9, labelpad=1)
    return figure, (f"{title}. On the left {words}, {height} x {width} dots; on the right its {count} patches of "
                    f"{side} x {side}, {columns} a row, numbered row by row.")  # fmt: skip


@legible
def choices(picture: Float[np.ndarray, "H W 3"], shown: str, texts: Sequence[str], shares: Float[np.ndarray, " M"],
            title: str, most: int = 8) -> tuple[Figure, str]:  # fmt: skip
    """A picture, and the likeliest of the texts with their probabilities; the true text (`shown`) is marked.

    ValueError for shares that do not fit the texts or are no probabilities.
    """
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (len(texts),) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-3:
        raise ValueError(f"{shares.size} shares that sum to {shares.sum():.3g} for {len(texts)} texts: give each text "
                         "its probability.")  # fmt: skip
    order = np.argsort(-shares, kind="stable")[:most]
    figure = _figure(title, 1.4 + 0.42 * len(order))
    axes, bars = figure.subplots(1, 2, width_ratios=(1, 1.5))
    _paint(axes, picture)
    axes.set_xlabel("\n".join(textwrap.wrap(shown, 30)), fontsize=11, parse_math=False)
    names = [texts[i] + (" (true)" if texts[i] == shown else "") for i in order]
    places = np.arange(len(order))
    bars.barh(places, shares[order], 0.4, color=[COLOURS[1] if texts[i] == shown else COLOURS[0] for i in order])
    for place, i, name in zip(places, order, names):
        bars.annotate(f"{shares[i]:.2f}  {name}", (0, place - 0.36), fontsize=11, va="center", parse_math=False)
    bars.set(ylim=(len(order) - 0.5, -0.7), xlim=(0, 1), yticks=[])
    bars.set_xlabel("probability", fontsize=12)
    bars.spines[["top", "right", "left"]].set_visible(False)
    told = ", ".join(f"{shares[i]:.2f} {name}" for i, name in zip(order, names))
    return figure, f"{title}. The picture shows {shown}. The likeliest of {len(texts)} texts: {told}."


@legible
def shares(rows: Mapping[str, Mapping[str, tuple[float, float, float]]], title: str, label: str, level: float
           ) -> tuple[Figure, str]:  # fmt: skip
    """Shares with their intervals: who -> {what: (share, low, high)}; the dotted line is chance, at `level`.

    ValueError for no row, for rows that do not answer the same, and for an interval that does not hold its share.
    """
    asked = list(next(iter(rows.values()), {}))
    if not asked or any(list(row) != asked for row in rows.values()):
        raise ValueError(f"the rows answer {[list(row) for row in rows.values()]}: give each the same, and something.")
    for who, row in rows.items():
        for what, (share, low, high) in row.items():
            if not low <= share <= high:
                raise ValueError(f"{who!r}, {what!r} has {share}, from {low} to {high}: give share, low and high.")
    figure, axes = _canvas(title, height=1.8 + 0.8 * len(asked))
    for number, (who, row) in enumerate(rows.items()):
        places = np.arange(len(asked)) + 0.16 * (number - (len(rows) - 1) / 2)
        values, low, high = 100 * np.clip(np.array([row[what] for what in asked]), 0, 1).T
        axes.errorbar(values, places, xerr=[values - low, high - values], color=COLOURS[number % 7], capsize=4,
                      linestyle="none", marker=MARKERS[number % 7], markersize=8, linewidth=2, label=who)  # fmt: skip
    axes.axvline(100 * level, color=GREY, linewidth=1.2, linestyle=LINES[3])
    axes.set_yticks(range(len(asked)), asked, fontsize=12, parse_math=False)
    axes.set(ylim=(len(asked) - 0.5, -0.5), xlim=(-2, 102))
    axes.set_xlabel(label, fontsize=12)
    _legend(axes)
    told = "; ".join(f"{who}: " + ", ".join(f"{what} {100 * share:.0f} (from {100 * low:.0f} to {100 * high:.0f})"
                                            for what, (share, low, high) in row.items()) for who, row in rows.items())
    return figure, f"{title}. {label}. {told}. The dotted line is chance, {100 * level:.0f}."


def _figure(title: str, height: float) -> Figure:
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("\n".join(textwrap.wrap(title, 72)), fontsize=15, parse_math=False)
    return figure


def _paint(axes: Axes, picture: Float[np.ndarray, "H W 3"]) -> None:
    axes.imshow(np.clip(picture, 0, 1), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color(GREY)
