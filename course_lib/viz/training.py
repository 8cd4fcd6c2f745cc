"""Pictures for training: curves over steps, and the accuracies of several classifiers with their intervals.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
numbers and names, never a model. Line styles and markers say what the colours say.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS
from course_lib.viz.words import legible


def _canvas(title: str, height: float) -> tuple[Figure, Axes]:
    """One picture, 800 pixels wide; pyplot does not keep it (a slider makes hundreds)."""
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=11)
    axes.set_title(title, fontsize=14, parse_math=False)
    return figure, axes


@legible
def curves(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    label: str,
    level: tuple[str, float] | None = None,
    high: float | None = None,
) -> tuple[Figure, str]:
    """Values over steps: name -> (steps, values). `label` names the vertical axis, with its unit.

    `level` is a named horizontal line, such as the loss of a guess. `high` ends the vertical axis, so that pictures
    compare; what lies above it is cut off, and the words still say it. Raises ValueError for no line, for an empty one,
    for unequal lengths, and for a value that is no finite number.
    """
    if not lines:
        raise ValueError("a picture of curves needs at least one: name -> (steps, values).")
    figure, axes = _canvas(title, 4.2)
    words = []
    for style, (name, (steps, values)) in enumerate(lines.items()):
        steps, values = np.asarray(steps, dtype=float), np.asarray(values, dtype=float)
        if steps.shape != values.shape or steps.ndim != 1 or not steps.size or not np.isfinite(values).all():
            raise ValueError(f"the curve {name!r} has steps of shape {steps.shape} and values of shape {values.shape}: "
                             "give as many of both, one or more, all finite.")  # fmt: skip
        marker = MARKERS[style % len(MARKERS)] if len(steps) <= 30 else None
        axes.plot(steps, values, color=COLOURS[style % len(COLOURS)], linestyle=LINES[style % len(LINES)],
                  marker=marker, linewidth=2.2, label=name)  # fmt: skip
        lowest = int(values.argmin())
        words.append(f"{name} goes from {values[0]:.3g} to {values[-1]:.3g}, lowest {values[lowest]:.3g} at step "
                     f"{steps[lowest]:g}, highest {values.max():.3g}")  # fmt: skip
    if level is not None:
        axes.axhline(level[1], color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
        axes.annotate(level[0], (1, level[1]), (6, 0), xycoords=("axes fraction", "data"), textcoords="offset points",
                      ha="left", va="center", fontsize=11, color=GREY, parse_math=False)  # fmt: skip
        words.append(f"the line {level[0]!r} is at {level[1]:.3g}")
    if high is not None:
        axes.set_ylim(min(0, axes.get_ylim()[0]), high)
    axes.set_xlabel("step", fontsize=12)
    axes.set_ylabel(label, fontsize=12, parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, frameon=False)
    return figure, f"{title}. {label} over steps: {'; '.join(words)}."


def interval(share: float, asked: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share of so many answers: where the true share lies, if the texts are independent.

    >>> [round(end, 3) for end in interval(0.9, 1000)]
    [0.88, 0.917]
    """
    if not 0 <= share <= 1 or asked < 1:
        raise ValueError(f"a share of {share} of {asked} answers is none: the share is between 0 and 1, of 1 or more.")
    z = 1.96
    centre = (share + z * z / (2 * asked)) / (1 + z * z / asked)
    half = z * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked**2)) / (1 + z * z / asked)
    return centre - half, centre + half


@legible
def accuracies(
    shares: Mapping[str, float], asked: int, title: str, chance: float | None = 0.5
) -> tuple[Figure, str]:
    """The share of right answers of each classifier, a dot with its 95% interval; `chance` is the control, a line.

    Raises ValueError for no classifier, and for what is no share.
    """
    if not shares:
        raise ValueError("a picture of accuracies needs at least one classifier: name -> share.")
    figure, axes = _canvas(title, 1.5 + 0.5 * len(shares))
    words = []
    for place, (name, share) in enumerate(shares.items()):
        low, high = interval(share, asked)
        colour = COLOURS[place % len(COLOURS)]
        axes.hlines(place, 100 * low, 100 * high, color=colour, linewidth=3)
        axes.plot(100 * share, place, MARKERS[place % len(MARKERS)], color=colour, markersize=10)
        axes.annotate(f"{100 * share:.1f}", (100 * high, place), (8, 0), textcoords="offset points", va="center",
                      fontsize=11)  # fmt: skip
        words.append(f"{name} {100 * share:.1f} ({100 * low:.1f} to {100 * high:.1f})")
    if chance is not None:
        axes.axvline(100 * chance, color=GREY, linewidth=1.2, linestyle="--")
        axes.annotate(" a coin", (100 * chance, -0.45), fontsize=11, color=GREY)
        words.append(f"a coin {100 * chance:.0f}")
    axes.set_yticks(range(len(shares)), shares, parse_math=False, fontsize=12)
    axes.set(ylim=(len(shares) - 0.4, -0.7), xlabel=f"right answers (%) of {asked:,}; the bar is the 95% interval")
    axes.margins(x=0.12)
    axes.grid(axis="x", alpha=0.3)
    return figure, f"{title}. Right answers in per cent of {asked:,}, with 95% intervals: {', '.join(words)}."
