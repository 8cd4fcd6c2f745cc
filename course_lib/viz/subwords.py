"""Pictures of what is inside a word: which of its pieces make its vector, and whom a misspelling stands near.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
numbers and strings, never a model. Colours are Okabe & Ito's (2008), and no picture needs them: hatches and marks say
the same.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY, _canvas, _legend
from course_lib.viz.words import legible

NEIGHBOURS = Sequence[tuple[str, float]]


def shares(rows: Float[np.ndarray, "n D"]) -> Float[np.ndarray, " n"]:
    """Which share of the mean's length each row gives: (row . u) / (n |mean|), with u the mean's direction.

    The shares sum to 1; a row that pulls the other way has a negative one.

    >>> shares(np.array([[3.0, 0.0], [1.0, 0.0]])).tolist()
    [0.75, 0.25]
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"rows have the shape {rows.shape}: give one row of numbers for each piece of the word.")
    mean = rows.mean(axis=0)
    squared = float(mean @ mean)
    if not 0 < squared < np.inf:
        raise ValueError(f"the mean of the rows has the squared length {squared:g}: it has no direction to share.")
    return rows @ mean / (len(rows) * squared)


def agreement(rows: Float[np.ndarray, "n D"]) -> tuple[float, float]:
    """How far the rows agree: (length of their mean over the mean of their lengths, the same for random directions).

    1: all point the same way. Random directions leave the root of the sum of squares over the sum (one over the root
    of n if all lengths are equal).
    """
    lengths = np.linalg.norm(np.asarray(rows, dtype=np.float64), axis=1)
    mean = np.linalg.norm(np.mean(rows, axis=0, dtype=np.float64))
    return float(mean / lengths.mean()), float(np.linalg.norm(lengths) / lengths.sum())


@legible
def contributions(word: str, pieces: Sequence[str], rows: Float[np.ndarray, "n D"],
                  most: int = 20) -> tuple[Figure, str]:
    """Bars: the share of a word's vector that each of its pieces gives, in the order in which they are handed over.

    The control is a diamond at each bar: the share that the piece would have if its row kept its length and all rows
    pointed in random directions. A word of more than `most` pieces shows the largest, still in order, and the others
    as one bar.
    """
    if len(pieces) != len(rows) or not len(pieces):
        raise ValueError(f"{word!r} has {len(pieces)} pieces and {len(rows)} rows: give one row for each piece.")
    values, squares = shares(rows), (np.asarray(rows, dtype=np.float64) ** 2).sum(axis=1)
    control, agree = squares / squares.sum(), agreement(rows)
    shown = np.sort(np.argsort(-np.abs(values), kind="stable")[:most])
    rest = len(pieces) - len(shown)
    others = [f"the other {rest}"] * (rest > 0)
    names = [*(pieces[i] for i in shown), *others]
    heights, marks = ([*each[shown], *[each.sum() - each[shown].sum()] * len(others)] for each in (values, control))
    figure, axes = _canvas("", height=2.3 + 0.25 * len(names))
    bars = axes.barh(range(len(names)), 100 * np.array(heights), height=0.72, color=COLOURS[0],
                     label="share of the word's vector")
    if rest:
        bars[-1].set(facecolor="white", edgecolor=COLOURS[0], hatch="///")
    axes.plot(100 * np.array(marks), range(len(names)), "D", color="black", markerfacecolor="white", markersize=6,
              label="control: its length in a random direction")
    _finish(axes, names, heights, marks)
    axes.set_title(f"agreement of the pieces {agree[0]:.2f}; of random directions {agree[1]:.2f}", fontsize=12)
    figure.suptitle(f"What “{word}” is made of", fontsize=15, parse_math=False)
    return figure, _say_contributions(word, pieces, values, control, agree)


def _finish(axes, names, heights, marks) -> None:
    """Pieces with their shares in a typewriter's letters, limits that leave room."""
    labels = [f"{name} {round(100 * height):4}%" for name, height in zip(names, heights, strict=True)]
    axes.set_yticks(range(len(names)), labels, parse_math=False, family="monospace")
    low, high = 100 * min(0, *heights), 100 * max(*heights, *marks)
    axes.set(xlabel="share of the vector's length (%; all bars together give 100)", ylim=(len(names) - 0.4, -0.6),
             xlim=(low - 0.03 * (high - low) * (low < 0), high + 0.05 * (high - low)))
    axes.axvline(0, color=GREY, linewidth=1)
    axes.grid(axis="y", visible=False)
    _legend(axes)


def _say_contributions(word: str, pieces: Sequence[str], values: np.ndarray, control: np.ndarray, agree) -> str:
    order = np.argsort(-values, kind="stable")
    top = ", ".join(f"{pieces[i]} {values[i]:.0%} (control {control[i]:.0%})" for i in order[:3])
    text = f"Bar chart of the {len(pieces)} pieces of {word} and their shares of its vector. The largest: {top}"
    text += f"; the smallest: {pieces[order[-1]]} {round(100 * values[order[-1]])}%." if len(pieces) > 3 else "."
    return f"{text} The pieces agree to {agree[0]:.2f}; random directions would to {agree[1]:.2f}."


@legible
def beside(columns: Mapping[str, NEIGHBOURS | None], title: str, sought: str | None = None,
           nothing: str = "no answer") -> tuple[Figure, str]:
    """Lists of neighbours side by side, each with its cosines; None is a method that has no answer.

    Words that the first list holds too are set in bold with a dot, so that the eye finds what a list shares with it;
    the word that is `sought` has a star.
    """
    if not columns or all(not near for near in columns.values()):
        raise ValueError(f"{title!r} has no neighbours to show: give at least one list of (word, cosine).")
    rows = max(len(near or ()) for near in columns.values())
    first = {word for word, _ in next(iter(columns.values())) or ()}
    figure, axes = _canvas(title, height=1.5 + 0.34 * rows)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(visible=False)
    axes.set(xlim=(0, len(columns)), ylim=(rows + 0.1, -1.2), xticks=[], yticks=[])
    for column, (name, near) in enumerate(columns.items()):
        axes.text(column + 0.04, -0.75, name, fontsize=12, weight="bold", va="center", parse_math=False)
        if not near:
            axes.text(column + 0.04, 0, nothing, fontsize=12, style="italic", color=GREY, va="center")
        for row, (word, cosine) in enumerate(near or ()):
            mark = "★ " if word == sought else "● " if column > 0 and word in first else ""
            axes.barh(row, 0.9 * max(cosine, 0), left=column + 0.04, height=0.8, color="#56B4E9", alpha=0.55, zorder=0)
            axes.text(column + 0.06, row, f"{mark}{_short(word)} {cosine:.2f}", fontsize=11.5, va="center",
                      weight="bold" if mark else "normal", parse_math=False)
    if len(columns) > 1:
        star = f"    ★ {sought}" if sought else ""
        text = f"bar: cosine similarity (the whole width is 1)    ● also in the first list{star}"
        axes.set_xlabel(text, fontsize=11, parse_math=False)
    return figure, f"{title}. " + " ".join(_say_list(name, near, nothing) for name, near in columns.items())


def _short(word: str) -> str:
    return word if len(word) <= 18 else word[:17] + "…"


def _say_list(name: str, near: NEIGHBOURS | None, nothing: str) -> str:
    words = ", ".join(f"{word} {cosine:.2f}" for word, cosine in near) if near else nothing
    return f"{name}: {words}."
