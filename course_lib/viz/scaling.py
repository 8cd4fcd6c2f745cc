"""Pictures of what size buys: prices over sizes with a law through them, and ways to save beside the plain way.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
numbers and names, never a model. Markers and line styles say what the colours say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS, _canvas, _legend
from course_lib.viz.words import legible


@legible
def law(
    points: Mapping[str, Sequence[tuple[float, float]]],
    laws: Mapping[str, Sequence[tuple[float, float, float, float]]],
    title: str,
    xlabel: str,
    ylabel: str,
) -> tuple[Figure, str]:
    """Runs, name -> (size, price) points; and laws, name -> (size, price, low, high) along a line, its band shaded.

    Sizes stand on a logarithmic axis. ValueError for no point, for numbers that are not finite, for a size of 0.
    """
    if not any(map(len, points.values())):
        raise ValueError("there is no run to draw: give name -> points (size, price).")
    for name, rows in {**points, **laws}.items():
        numbers = np.array([*rows], dtype=float)
        if numbers.size and (not np.isfinite(numbers).all() or (numbers[:, 0] <= 0).any()):
            raise ValueError(f"{name!r} cannot be drawn: give finite numbers, and sizes above 0.")
    figure, axes = _canvas(title, height=5)
    for style, (name, rows) in enumerate(laws.items()):
        sizes, prices, low, high = np.array([*rows], dtype=float).T
        axes.plot(sizes, prices, color=COLOURS[style], linestyle=LINES[style], linewidth=2, label=name)
        axes.fill_between(sizes, low, high, color=COLOURS[style], alpha=0.15, linewidth=0)
    for style, (name, rows) in enumerate((name, rows) for name, rows in points.items() if len(rows)):
        sizes, prices = np.array([*rows], dtype=float).T
        axes.plot(sizes, prices, MARKERS[style], color=(*COLOURS[2:], *COLOURS)[style], markersize=8, linestyle="",
                  markerfacecolor="none" if style else None, markeredgewidth=2, label=name)  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", labelsize=10, labelrotation=30)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    _legend(axes)
    said = [f"{name}, {len(rows)} runs, from {rows[0][1]:.2f} at {rows[0][0]:,.0f} to {rows[-1][1]:.2f} at "
            f"{rows[-1][0]:,.0f}" for name, rows in points.items() if len(rows)]  # fmt: skip
    said += [f"{name} ends at {rows[-1][1]:.2f} ({rows[-1][2]:.2f} to {rows[-1][3]:.2f}) at {rows[-1][0]:,.0f}"
             for name, rows in laws.items()]  # fmt: skip
    return figure, f"{title}. {ylabel} over {xlabel}: {'; '.join(said)}."


@legible
def ways(rows: Mapping[str, tuple[float, float]], title: str) -> tuple[Figure, str]:
    """Ways to compute the same: name -> (memory, time), both as shares of the plain way's; dotted lines stand at 1.

    ValueError for no way, and for what is not above 0.
    """
    if not rows:
        raise ValueError("there is no way to draw: give name -> (memory, time).")
    for name, pair in rows.items():
        if not (np.isfinite(pair).all() and min(pair) > 0):
            raise ValueError(f"{name!r} has memory and time {pair}: give two numbers above 0.")
    figure, axes = _canvas(title, height=5)
    for style, (name, (memory, seconds)) in enumerate(rows.items()):
        axes.plot(memory, seconds, MARKERS[style % 7], color=COLOURS[style % 7], markersize=11, label=name)
    axes.axhline(1, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.axvline(1, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.set(xlabel="kept for the way back (1 = the plain step)", ylabel="time of a step (1 = the plain step)")
    axes.set_xlim(0, 1.15 * max(1, *(memory for memory, _ in rows.values())))
    axes.set_ylim(0, 1.15 * max(1, *(seconds for _, seconds in rows.values())))
    _legend(axes)
    said = "; ".join(f"{name} keeps {memory:.2f} and takes {seconds:.2f}" for name, (memory, seconds) in rows.items())
    return figure, f"{title}. As shares of the plain step: {said}. Dotted lines at 1; lower and further left is better."
