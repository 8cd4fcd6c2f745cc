"""Pictures of the residual stream: what becomes of it along the depth of a stack, and races between ways of wiring.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays and names, never a model. Markers and line styles say what the colours say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from course_lib.viz.embeddings import COLOURS, LINES, MARKERS
from course_lib.viz.words import legible


def _canvas(title: str, height: float) -> tuple[Figure, Axes]:
    """800 pixels wide; pyplot does not keep it (a slider makes hundreds)."""
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=14, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=11)
    axes.grid(alpha=0.3)
    return figure, axes


@legible
def along_depth(
    curves: Mapping[str, Float[np.ndarray, " places"]], title: str, label: str, logarithmic: bool = True
) -> tuple[Figure, str]:
    """One line a stack: name -> a number for the stream at its start and after each block.

    `label` says what the number is, with its unit. On a logarithmic scale all must be above 0. Raises ValueError for no
    stack, and for numbers that are not finite (or not above 0).
    """
    curves = {name: np.asarray(values, dtype=float) for name, values in curves.items()}
    if not curves or not all(values.ndim == 1 and len(values) for values in curves.values()):
        raise ValueError("a picture along the depth needs at least one stack: name -> one number for each place.")
    for name, values in curves.items():
        bad = ~np.isfinite(values) | (logarithmic & (values <= 0))
        if bad.any():
            what = "finite and above 0" if logarithmic else "finite"
            raise ValueError(f"{name!r} has {values[bad][0]:g} after block {bad.argmax()}: all numbers must be {what}.")
    figure, axes = _canvas(title, 4.4)
    for style, (name, values) in enumerate(curves.items()):
        axes.plot(values, color=COLOURS[style % 7], linestyle=LINES[style % 7], marker=MARKERS[style % 7],
                  markevery=max(1, len(values) // 8), markersize=7, linewidth=2, label=name)  # fmt: skip
    axes.set_xlabel("blocks passed (0: the input)", fontsize=12)
    axes.set_ylabel(label + (" (logarithmic scale)" if logarithmic else ""), fontsize=12, parse_math=False)
    if logarithmic:
        _plain_log(axes)
    axes.legend(fontsize=11, frameon=False)
    ends = "; ".join(f"{name} from {values[0]:.3g} to {values[-1]:.3g}" for name, values in curves.items())
    return figure, f"{title}; {label}, from the input to after the last block: {ends}."


def _plain_log(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low, high = axes.get_ylim()
    if high / low > 100:  # else no power of ten might be named
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        if high / low > 10:  # nine names a decade would run into one another
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))


@legible
def race(
    runs: Mapping[str, Float[np.ndarray, "seeds points"]],
    steps: Sequence[float],
    title: str,
    label: str,
    marks: Mapping[str, float] | None = None,
) -> tuple[Figure, str]:
    """Losses against steps: a line for the middle seed of each runner, a band from its lowest to its highest.

    `marks`: name -> a loss to draw as a level line, such as what counting reaches. Raises ValueError for no runner, and
    for losses that do not fit the steps.
    """
    if not runs:
        raise ValueError("a race needs at least one runner: name -> losses, one row a seed.")
    figure, axes = _canvas(title, 4.4)
    ends = []
    for style, (name, losses) in enumerate(runs.items()):
        losses = np.atleast_2d(np.asarray(losses, dtype=float))
        if losses.shape[1] != len(steps) or not np.isfinite(losses).all():
            raise ValueError(f"the losses of {name!r} have shape {losses.shape} for {len(steps)} steps: give one "
                             "finite number a step, in one row a seed.")  # fmt: skip
        axes.fill_between(steps, losses.min(0), losses.max(0), color=COLOURS[style % 7], alpha=0.2, linewidth=0)
        axes.plot(steps, np.median(losses, 0), color=COLOURS[style % 7], linestyle=LINES[style % 7],
                  marker=MARKERS[style % 7], linewidth=2, markersize=6, label=name)  # fmt: skip
        last = losses[:, -1]
        band = f" ({last.min():.2f} to {last.max():.2f} over {len(last)} seeds)" if len(last) > 1 else ""
        ends.append(f"{name} {np.median(last):.2f}{band}")
    for number, (name, level) in enumerate((marks or {}).items()):
        axes.axhline(level, color="black", linewidth=1, linestyle=LINES[number + 2])
        axes.annotate(name, (steps[0], level), (0, 3), textcoords="offset points", fontsize=10, parse_math=False)
    axes.set_xlabel("steps", fontsize=12)
    axes.set_ylabel(label, fontsize=12, parse_math=False)
    axes.legend(fontsize=11, frameon=False)
    level = "".join(f"; {name} {value:.2f}" for name, value in (marks or {}).items())
    return figure, f"{title}; {label}, after {steps[-1]:g} steps, middle of the seeds: {'; '.join(ends)}{level}."
