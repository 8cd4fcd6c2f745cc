"""Pictures of an opened model: what a loss is with and without a head, and what a stream would say block by block.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
numbers and words, never a model. Markers say what the colours say.
"""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from course_lib.viz.attention import shown
from course_lib.viz.embeddings import COLOURS, GREY, _canvas, _legend
from course_lib.viz.heatmap import COLOURS as SHADES
from course_lib.viz.words import drawable, fonts, legible

MOST_TOKENS = 12


@legible
def removals(
    rows: Mapping[str, tuple[float, float, Sequence[float]]], title: str, xlabel: str,
    names: tuple[str, str, str] = ("all heads", "without the head", "without another head"),
) -> tuple[Figure, str]:  # fmt: skip
    """A row a run: name -> (the loss with everything, without the part, without each of some other parts).

    ValueError for no row, for one without others, and for what is no finite number.
    """
    if not rows:
        raise ValueError("there is no run to draw: give name -> (loss with everything, without the part, the others').")
    for name, (whole, without, others) in rows.items():
        if not len(others) or not np.isfinite([whole, without, *others]).all():
            raise ValueError(f"the run {name!r} has {whole}, {without} and {len(others)} others: give one other or "
                             "more, and finite numbers.")  # fmt: skip
    figure, axes = _canvas(title, height=1.7 + 0.62 * len(rows))
    places = np.arange(len(rows))
    axes.plot([whole for whole, *_ in rows.values()], places, "|", color="black", markersize=30, markeredgewidth=2.5,
              label=names[0])  # fmt: skip
    axes.plot([without for _, without, _ in rows.values()], places, "*", color=COLOURS[1], markersize=18, zorder=4,
              label=names[1])  # fmt: skip
    for place, (_, _, others) in enumerate(rows.values()):  # a little apart, so that equal ones do not hide each other
        spread = place + 0.2 * np.linspace(-1, 1, len(others))
        axes.plot(others, spread, "o", color=COLOURS[0], markersize=6, label="" if place else names[2])
    axes.set_yticks(places, list(rows), parse_math=False)
    axes.set(xlabel=xlabel, ylim=(len(rows) - 0.4, -0.6))
    axes.grid(axis="y", visible=False)
    _legend(axes)
    told = "; ".join(f"{name}: {whole:z.2f} with {names[0]}, {without:z.2f} {names[1]}, {names[2]} from "
                     f"{min(others):z.2f} to {max(others):z.2f}, middle {np.median(others):z.2f}"
                     for name, (whole, without, others) in rows.items())  # fmt: skip
    return figure, f"{title}. {xlabel}: {told}."


@legible
def lens(words: Sequence[Sequence[str]], shares: Float[np.ndarray, "R T"], rows: Sequence[str], tokens: Sequence[str],
         title: str) -> tuple[Figure, str]:
    """What the head would say of a stream: in row r and column t the likeliest token, the darker the surer.

    `rows` name the places along the depth, the last one at the bottom; `tokens` are what stands in the text. ValueError
    for tables that do not fit these names, for shares outside 0 to 1, and for more than twelve tokens.
    """
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (len(rows), len(tokens)) or [len(row) for row in words] != [len(tokens)] * len(rows):
        raise ValueError(f"the shares have shape {shares.shape} for {len(rows)} rows and {len(tokens)} tokens: give a "
                         "word and a share for each.")  # fmt: skip
    if not 0 < len(tokens) <= MOST_TOKENS or not len(rows):
        raise ValueError(f"there are {len(tokens)} tokens and {len(rows)} rows: give from 1 to {MOST_TOKENS} tokens.")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"the shares go from {shares.min():.3g} to {shares.max():.3g}: give probabilities.")
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        figure, axes = _canvas("\n".join(textwrap.wrap(drawable(title), 74)), 2.0 + 0.3 * len(rows))
        image = axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
        for (row, column), share in np.ndenumerate(shares):
            text = drawable(shown(words[row][column]))
            axes.text(column, row, text[:11] + "…" * (len(text) > 11), ha="center", va="center", fontsize=10,
                      color="white" if share > 0.5 else "black", parse_math=False)  # fmt: skip
        axes.set_yticks(range(len(rows)), list(rows), fontsize=10, parse_math=False)
        axes.set_xticks(range(len(tokens)), [drawable(shown(token)) for token in tokens], fontsize=11, parse_math=False)
        axes.tick_params(axis="x", rotation=30)
        axes.set_xlabel("token that was just read", fontsize=12)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        figure.colorbar(image, ax=axes, shrink=0.8).set_label("its probability", fontsize=12)
        axes.axhline(len(rows) - 1.5, color=GREY, linewidth=1)
    last = ", ".join(f"{name} {shown(row[-1])} {share:.2f}" for name, row, share in zip(rows, words, shares[:, -1]))
    return figure, f"{title}. After the last token, {shown(tokens[-1])}, the likeliest next token: {last}."
