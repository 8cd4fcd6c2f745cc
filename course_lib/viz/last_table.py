"""The picture of the last table: right answers against a price, one mark a method, with its interval.

It returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes numbers and
names, never a model. A number beside each mark, and the legend, say what the colours say.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY, MARKERS, _canvas
from course_lib.viz.words import legible


class Mark(NamedTuple):
    """A method in the picture: its price, its share of right answers with the ends of the interval, its size."""

    price: float
    share: float
    low: float
    high: float
    size: float = 0.0  # numbers it computes with; a larger one has a larger mark
    on_front: bool = False


@legible
def prices(marks: Mapping[str, Mark], title: str, xlabel: str, chance: float = 0.5) -> tuple[Figure, str]:
    """name -> `Mark`. The price's axis is logarithmic; what costs nothing stands at its left edge.

    A line joins those on Pareto's front. ValueError for no mark, a price below 0, an interval without its share.
    """
    _check(marks)
    figure, axes = _canvas(title, height=6.4)
    paid = [mark.price for mark in marks.values() if mark.price > 0] or [1.0]
    edge = min(paid) / 3
    order = sorted(marks, key=lambda name: (-marks[name].share, name))
    for number, name in enumerate(order, 1):
        mark, colour = marks[name], COLOURS[(number - 1) % 7]
        x, share = max(mark.price, edge), 100 * mark.share
        axes.errorbar(x, share, [[share - 100 * mark.low], [100 * mark.high - share]], color=colour, capsize=4,
                      marker=MARKERS[(number - 1) // 7 % 7], markersize=_width(mark.size), linewidth=1.6,
                      linestyle="none", label=f"{number} {name}")  # fmt: skip
        axes.annotate(str(number), (x, share), (9, 5), textcoords="offset points", fontsize=11)
    best = sorted((max(mark.price, edge), 100 * mark.share) for mark in marks.values() if mark.on_front)
    axes.plot(*zip(*best), color=GREY, linewidth=1.2, zorder=0) if best else None
    axes.axhline(100 * chance, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.set_xscale("log")
    axes.set_xlim(edge / 1.6, max(paid) * 2.5)
    axes.set_xlabel(f"{xlabel} (logarithmic)", fontsize=12)
    axes.set_ylabel("right answers (%, 95% interval)", fontsize=12)
    axes.legend(fontsize=11, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    told = "; ".join(f"{name} {100 * marks[name].share:.0f} for {_short(marks[name].price)}" for name in order)
    kept = [name for name in order if marks[name].on_front]
    front = f" On the front, where nobody is cheaper and as good: {', '.join(kept)}." if kept else ""
    return figure, (f"{title}. Right answers in per cent against {xlabel}, the best first: {told}.{front} The dotted "
                    f"line is a coin, {100 * chance:.0f}.")  # fmt: skip


def _check(marks: Mapping[str, Mark]) -> None:
    if not marks:
        raise ValueError("there is nothing to draw: give name -> Mark for one method or more.")
    for name, mark in marks.items():
        if not 0 <= mark.low <= mark.share <= mark.high <= 1 or not 0 <= mark.price < math.inf:
            raise ValueError(f"{name!r} has {mark.share} right, from {mark.low} to {mark.high}, for {mark.price}: give "
                             "shares, low to high, and a price from 0 up.")  # fmt: skip


def _width(size: float) -> float:
    """From 6 points for nothing to 16 for a hundred million numbers: a step a power of ten."""
    return 6 + 1.25 * min(8.0, math.log10(max(size, 1)))


def _short(price: float) -> str:
    return f"{price:,.0f}" if price >= 10 or price == 0 else f"{price:.2g}"


@legible
def curves(rows: Mapping[str, Mapping[int, Sequence[float]]], title: str) -> tuple[Figure, str]:
    """Right answers against labels: name -> {labels: shares, one a seed}; the bar goes from the worst seed to the best.

    A method without labels (0) is a mark at the left edge. ValueError for no row and for what is no share.
    """
    if not rows or not all(rows.values()):
        raise ValueError("there is nothing to draw: give name -> {labels: shares}.")
    wrong = [x for row in rows.values() for shares in row.values() for x in shares if not 0 <= x <= 1]
    if wrong:
        raise ValueError(f"{wrong[0]} is no share: give numbers from 0 to 1.")
    figure, axes = _canvas(title, height=6.4)
    told, lines = [], []
    for number, (name, row) in enumerate(rows.items()):
        places, means, low, high = [], [], [], []
        for labels, shares in sorted(row.items()):
            mean = 100 * sum(shares) / len(shares)
            places.append(max(labels, 1) * 1.03 ** (number - len(rows) / 2))
            means.append(mean)
            low.append(mean - 100 * min(shares))
            high.append(100 * max(shares) - mean)
        bars = axes.errorbar(places, means, [low, high], color=COLOURS[number % 7],
                             marker=MARKERS[(number + number // 7) % 7], linestyle=("-", "--", ":")[number // 7 % 3],
                             linewidth=1.8, markersize=7, capsize=3)  # fmt: skip
        lines.append(bars[0])  # in the legend without its bar, which would hide the mark
        told.append(f"{name} " + ", ".join(f"{mean:.0f} with {n:,}" for n, mean in zip(sorted(row), means)))
    every = sorted({labels for row in rows.values() for labels in row})
    axes.set_xscale("log")
    axes.set_xticks([max(n, 1) for n in every], ["none" if n == 0 else f"{n:,}" for n in every])
    axes.minorticks_off()
    axes.axhline(50, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.set_xlabel("labelled reviews (logarithmic)", fontsize=12)
    axes.set_ylabel("right answers (%, worst to best seed)", fontsize=12)
    axes.legend(lines, [*rows], fontsize=11, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3)
    return figure, f"{title}. Right answers in per cent: {'; '.join(told)}. The dotted line is a coin, 50."
