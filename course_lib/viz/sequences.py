"""Pictures for sequences: what comes next, what a longer context is worth, how far back a gradient reaches.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays and names, never a model. Markers and line styles say what the colours say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, NullLocator

from course_lib.viz.embeddings import COLOURS, LINES, MARKERS
from course_lib.viz.words import legible

NAMES = {" ": "space", "\n": "new line", "\t": "tab"}
SPOKEN = (1, 5, 10, 20, 40)  # the distances that an alt text reads out, beside the last


def _canvas(height: float) -> tuple[Figure, Axes]:
    """One picture, 800 pixels wide; pyplot does not keep it (a slider makes hundreds)."""
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=11)
    return figure, axes


@legible
def next_symbols(
    context: str, symbols: Sequence[str], probabilities: Float[np.ndarray, " V"], title: str, topn: int = 10
) -> tuple[Figure, str]:
    """The likeliest symbols after a context, as bars. ValueError where symbols and probabilities do not fit."""
    probabilities = np.asarray(probabilities, dtype=float)
    if probabilities.shape != (len(symbols),) or not len(symbols):
        raise ValueError(f"there are {len(symbols)} symbols and probabilities of shape {probabilities.shape}: give one "
                         "for each symbol, and at least one symbol.")  # fmt: skip
    best = np.argsort(-probabilities, kind="stable")[:topn]
    names = [NAMES.get(symbols[i], symbols[i]) for i in best]
    figure, axes = _canvas(1.7 + 0.3 * len(best))
    bars = axes.barh(np.arange(len(best)), probabilities[best], color=COLOURS[5], height=0.7)
    axes.bar_label(bars, [f"{p:.1%}" for p in probabilities[best]], padding=3, fontsize=11)
    axes.set_yticks(np.arange(len(best)), names, fontsize=12, parse_math=False)
    axes.set(xlim=(0, 1.12), ylim=(len(best) - 0.4, -0.6), xlabel="probability")
    axes.set_title(f"{title}: “{_visible(context)}” and then ...", fontsize=14, parse_math=False)
    rest = ", ".join(f"{name} {probabilities[i]:.1%}" for name, i in zip(names, best, strict=True))
    return figure, f"Bars, {title}: after “{_visible(context)}” the likeliest symbols are {rest}."


def _visible(context: str) -> str:
    """The last 40 characters on one line."""
    return ("…" if len(context) > 40 else "") + context[-40:].replace("\n", "↵")


@legible
def loss_by_order(losses: Mapping[str, Float[np.ndarray, " N"]], title: str) -> tuple[Figure, str]:
    """Mean -log p a character for contexts of 0, 1, ... characters: name -> one value for each length.

    Raises ValueError for no curve, and for curves of unlike lengths.
    """
    lengths = {np.shape(values) for values in losses.values()}
    if len(lengths) != 1 or len(next(iter(lengths))) != 1 or not next(iter(lengths))[0]:
        raise ValueError(f"the curves have the shapes {sorted(lengths)}: give at least one, all of the same length.")
    figure, axes = _canvas(4.4)
    for style, (name, values) in enumerate(losses.items()):
        places = np.arange(len(values))
        _line(axes, style, places, values, name)
        for place, value in zip(places, values, strict=True):
            spot = (0, 8 if style == 0 else -17)  # above the first curve, below the others
            axes.annotate(f"{value:.2f}", (place, value), spot, textcoords="offset points", ha="center", fontsize=10)
    axes.set(xlabel="characters of context", ylabel="nats a character", xticks=places)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
    axes.set_title(title, fontsize=14)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, frameon=False)
    rows = "; ".join(f"{name}: {', '.join(f'{value:.2f}' for value in values)}" for name, values in losses.items())
    return figure, f"Loss in nats a character for contexts of 0, 1, 2 ... characters. {rows}."


@legible
def gradient_reach(
    curves: Mapping[str, Float[np.ndarray, " T"]], title: str, low: float = 1e-12
) -> tuple[Figure, str]:
    """How much of a gradient is left after 0, 1, 2 ... steps back: name -> its length at each distance.

    Each curve is divided by its first value, so that all start at 1; the scale is logarithmic, down to `low`.
    Raises ValueError for no curve, and for lengths that are not above 0 at the start, or are negative.
    """
    if not curves:
        raise ValueError("a picture of a gradient's reach needs at least one curve: name -> its length by distance.")
    figure, axes = _canvas(4.8)
    spoken = []
    for style, (name, values) in enumerate(curves.items()):
        values = np.asarray(values, dtype=float)
        if values.ndim != 1 or values.size < 2 or not values[0] > 0 or not (values >= 0).all():
            raise ValueError(f"the curve of {name!r} is no list of two lengths or more, the first above 0 and none "
                             "below it.")  # fmt: skip
        left = values / values[0]
        _line(axes, style, np.arange(len(left)), np.maximum(left, 1e-15), name, every=5)
        distances = sorted({d for d in SPOKEN if d < len(left)} | {len(left) - 1})
        spoken.append(f"{name}: {', '.join(f'{left[d]:.0e} at {d}' for d in distances)}")
    axes.set(yscale="log", ylim=(low, 30), xlabel="steps back", ylabel="gradient left (at 0 steps: 1)")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MultipleLocator(5))  # where the markers are
    axes.set_title(title, fontsize=14)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, frameon=False, loc="lower left")
    return figure, f"{title}. What is left of the gradient by steps back, 1 at the start. {'; '.join(spoken)}."


def _line(axes: Axes, style: int, places, values, name: str, every: int = 1) -> None:
    axes.plot(places, values, color=COLOURS[style % 7], linestyle=LINES[style % 7], marker=MARKERS[style % 7],
              markersize=6, markevery=every, linewidth=2, label=name)  # fmt: skip
