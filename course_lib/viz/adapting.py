"""Pictures of a model that adapts: what it has learned of the new against what it has forgotten of the old.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
numbers and names, never a model. Markers and line styles say what the colours say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS, _canvas, _legend
from course_lib.viz.words import legible

Rows = Mapping[str, Mapping[int, tuple[float, float, float]]]  # name -> {examples: (share, low, high)}


@legible
def forgetting(
    paths: Mapping[str, Sequence[tuple[float, float]]], start: tuple[float, float], title: str, xlabel: str, ylabel: str
) -> tuple[Figure, str]:
    """Ways from one start: name -> points (price of the new, price of the old), one after another.

    Left is learned, up is forgotten. ValueError for no way, for an empty one, and for what is no finite number.
    """
    if not paths:
        raise ValueError("there is no way to draw: give name -> points (price of the new, price of the old).")
    for name, points in paths.items():
        if not len(points) or not np.isfinite([*points, start]).all():
            raise ValueError(f"the way {name!r} has {len(points)} points: give one or more, and finite numbers.")
    figure, axes = _canvas(title, height=5)
    for number, (name, points) in enumerate(paths.items()):
        new, old = zip(start, *points)
        axes.plot(new, old, color=COLOURS[number % 7], linestyle=LINES[number % 7], marker=MARKERS[number % 7],
                  markersize=8, linewidth=2, label=name)  # fmt: skip
    axes.axhline(start[1], color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.margins(y=0.12)  # room for the words below the start
    axes.annotate("the start", start, (-6, -16), textcoords="offset points", ha="right", fontsize=11)
    axes.set_xlabel(xlabel, fontsize=12)
    axes.set_ylabel(ylabel, fontsize=12)
    _legend(axes)
    told = "; ".join(f"{name} ends at {points[-1][0]:.2f} and {points[-1][1]:.2f}" for name, points in paths.items())
    return figure, (f"{title}. {ylabel} against {xlabel}, from {start[0]:.2f} and {start[1]:.2f} at the start: {told}.")


@legible
def shots(panels: Mapping[str, Rows], title: str) -> tuple[Figure, str]:
    """Shares against examples in the prompt, a panel each: what -> name -> {examples: (share, low, high)}.

    The dotted line is a coin. ValueError for no row, and for an interval that does not hold its share.
    """
    if not panels or not all(panels.values()):
        raise ValueError("there is nothing to draw: give what -> name -> {examples: (share, low, high)}.")
    figure, axes = _canvas("", height=5)
    axes.remove()
    figure.suptitle(title, fontsize=15, parse_math=False)
    for place, (what, rows) in enumerate(panels.items()):
        axes = figure.add_subplot(1, len(panels), place + 1, sharey=axes if place else None)
        for number, (name, row) in enumerate(rows.items()):
            _shares(axes, name, row, number, len(rows), None if place else name)
        axes.axhline(50, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
        axes.set_title(what, fontsize=13, parse_math=False)
        axes.set_xlabel("examples in the prompt", fontsize=12)
        axes.set_ylabel("" if place else "per cent, with 95% interval", fontsize=12)
        axes.set_xticks(sorted({count for row in rows.values() for count in row}))
        axes.grid(alpha=0.3)
    _legend(axes)
    return figure, (f"{title}. " + " ".join(f"{what}, in per cent: {_told(rows)}." for what, rows in panels.items())
                    + " The dotted line is a coin, 50.")  # fmt: skip


def _shares(axes, name: str, row: Mapping[int, tuple[float, float, float]], number: int, of: int, label: str | None):
    """One row's shares with their intervals, moved aside a little, so that rows do not hide one another."""
    for count, (share, low, high) in row.items():
        if not 0 <= low <= share <= high <= 1:
            raise ValueError(f"{name!r} with {count} examples has {share}, from {low} to {high}: give shares, low to "
                             "high.")  # fmt: skip
    places = np.array([*row]) + 0.25 * (number - (of - 1) / 2)
    shares, low, high = 100 * np.array([*row.values()]).T
    axes.errorbar(places, shares, [shares - low, high - shares], color=COLOURS[number % 7], capsize=4,
                  linestyle=LINES[number % 7], marker=MARKERS[number % 7], markersize=8, linewidth=2,
                  label=label)  # fmt: skip


def _told(rows: Rows) -> str:
    return "; ".join(f"{name} " + ", ".join(f"{100 * share:.0f} with {count} (from {100 * low:.0f} to {100 * high:.0f})"
                                            for count, (share, low, high) in row.items())
                     for name, row in rows.items())  # fmt: skip
