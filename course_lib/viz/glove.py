"""Pictures for GloVe: who gets the weight, how two words share their company, how large the singular values are.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays and words, never a model. Markers and hatches say what the colours say.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS
from course_lib.viz.words import legible

EDGES = (0, 1, 2, 10, 100, 1000, np.inf)


def _figure(heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """One picture above the other, 800 pixels wide; pyplot does not keep it (a slider makes hundreds)."""
    figure = Figure(figsize=(8, sum(heights)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(np.atleast_1d(figure.subplots(len(heights), 1, height_ratios=heights)))
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.tick_params(labelsize=11)
    return figure, axes


@legible
def weight_bands(
    counts: Float[np.ndarray, " cells"], weight: Callable, x_max: float, alpha: float, edges: Sequence[float] = EDGES
) -> tuple[Figure, str]:
    """The weight of a count, and how much of all the weight each band of counts gets.

    counts: those of all nonzero cells. `weight(counts, x_max, alpha)` gives an array of the same length. Two controls
    stand beside the bars: every cell alike, and every meeting alike (a cell as heavy as its count). Raises ValueError
    for no count, or one that is not above 0.
    """
    counts = np.asarray(counts)
    if not counts.size or not counts.min() > 0:
        raise ValueError(f"the smallest of {counts.size} counts is {counts.min() if counts.size else None}: the bands "
                         "hold the cells of pairs that met, all above 0.")  # fmt: skip
    bands = np.searchsorted(edges, counts, side="right") - 1
    shares = [_shares(bands, part, len(edges) - 1) for part in (weight(counts, x_max, alpha), None, counts)]
    figure, (above, below) = _figure((2.2, 3.6))
    grid = np.geomspace(counts.min(), max(counts.max(), 2 * counts.min()), 400)
    above.plot(grid, weight(grid, x_max, alpha), color=COLOURS[0], linewidth=2.5)
    above.axvline(x_max, color=GREY, linestyle="--", linewidth=1.2)
    above.annotate(f" x_max {x_max:g}", (x_max, 0.04), fontsize=11, color=GREY)
    above.set(xscale="log", ylim=(0, 1.08), xlabel="count of a pair (logarithmic scale)", ylabel="weight f")
    above.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    above.xaxis.set_minor_locator(NullLocator())
    above.set_title(f"What a count weighs: x_max {x_max:g}, alpha {alpha:g}", fontsize=14)
    _band_bars(below, _band_names(edges), *shares)
    words = ", ".join(f"{name} {share:.0%}" for name, share in zip(_band_names(edges), shares[0], strict=True))
    cells = ", ".join(f"{share:.1%}" for share in shares[1])
    return figure, (f"Above, the weight of a count rises to 1 at x_max {x_max:g}, with alpha {alpha:g}. Below, shares "
                    f"of all the weight by count: {words}. Their shares of the cells are {cells}.")  # fmt: skip


def _shares(bands: np.ndarray, part: np.ndarray | None, number: int) -> Float[np.ndarray, " bands"]:
    sums = np.bincount(bands, part, minlength=number)
    return sums / sums.sum()


def _band_names(edges: Sequence[float]) -> list[str]:
    """For instance: below 1, 1 to 2, 2 to 10, 10 and more."""
    middle = [f"{low:,g} to {high:,g}" for low, high in zip(edges[1:-2], edges[2:-1], strict=True)]
    return [f"below {edges[1]:,g}", *middle, f"{edges[-2]:,g} and more"]


def _band_bars(axes: Axes, names: Sequence[str], weight: np.ndarray, cells: np.ndarray, meetings: np.ndarray) -> None:
    places = np.arange(len(names))
    bars = axes.bar(places, 100 * weight, color=COLOURS[5], width=0.6, label="weighed by f")
    axes.bar_label(bars, [f"{share:.1%}" for share in weight], fontsize=11, padding=2)
    axes.plot(places, 100 * cells, "k_", markersize=42, markeredgewidth=3, label="control: every cell alike")
    axes.plot(places + 0.36, 100 * meetings, "D", color=COLOURS[1], label="control: every meeting alike")
    axes.set_xticks(places, [name.replace(" and more", "\nand more") for name in names])
    axes.set(ylim=(0, 75), xlabel="count of the pair", ylabel="share of the whole (%)")
    axes.set_title("Who decides? Each band's share of all the weight", fontsize=14)
    axes.legend(markerscale=0.4, fontsize=11, loc="upper right", frameon=False)


@legible
def ratios(
    names: tuple[str, str], probes: Sequence[str], counts: Float[np.ndarray, "2 n"], totals: Float[np.ndarray, " 2"]
) -> tuple[Figure, str]:
    """P(probe | first word) / P(probe | second word) for each probe word, on a logarithmic scale.

    counts[0, k], counts[1, k]: how often probe k stands near either word; totals: all words near either. Where one of
    the two counts is 0 there is no finite ratio: an arrow points where it would lie. Raises ValueError for no probe.
    """
    counts, totals = np.asarray(counts, dtype=float), np.asarray(totals, dtype=float)
    if counts.shape != (2, len(probes)) or not len(probes):
        raise ValueError(f"the counts have shape {counts.shape} for {len(probes)} probe words: give one row for each "
                         "of the two words and one column a probe.")  # fmt: skip
    shares = counts / totals[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = shares[0] / shares[1]
    finite = np.isfinite(ratio) & (ratio > 0)
    edge = 3 * max([20, *ratio[finite], *1 / ratio[finite]])
    figure, (axes,) = _figure((1.7 + 0.36 * len(probes),))
    for place, (value, near) in enumerate(zip(ratio, counts.T, strict=True)):
        _ratio_row(axes, place, value, near, edge)
    axes.axvline(1, color=GREY, linewidth=1.2)
    axes.set_yticks(np.arange(len(probes)), probes, parse_math=False, fontsize=12)
    axes.set(xscale="log", xlim=(1 / edge**1.5, edge**1.5), ylim=(len(probes) - 0.4, -0.6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value <= 1 else f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(f"P(word | {names[0]}) / P(word | {names[1]}), logarithmic scale", fontsize=12, parse_math=False)
    axes.set_title(f"← {names[1]}      how often each word stands near      {names[0]} →", fontsize=14,
                   parse_math=False)  # fmt: skip
    axes.grid(axis="x", alpha=0.3)
    rows = [f"{probe} {near[0]:g} to {near[1]:g}, {_in_words(value)}"
            for probe, near, value in zip(probes, counts.T, ratio, strict=True)]  # fmt: skip
    return figure, f"Words near {names[0]} and near {names[1]}, counts and ratio of probabilities: {'; '.join(rows)}."


def _ratio_row(axes: Axes, place: int, value: float, near: np.ndarray, edge: float) -> None:
    """One word: a dot at its ratio, an arrow where a count is 0, a cross where both are."""
    spot, marker, colour = value, "o", COLOURS[0]
    if np.isnan(value):
        spot, marker, colour = 1, "x", GREY
    elif value == 0 or np.isinf(value):
        spot, marker, colour = (edge, ">", COLOURS[1]) if value > 0 else (1 / edge, "<", COLOURS[1])
    axes.plot([1, spot], [place, place], color=colour, linewidth=2, linestyle="-" if marker == "o" else ":")
    axes.plot(spot, place, marker, color=colour, markersize=9)
    left = spot < 1
    axes.annotate(f"{near[0]:g} : {near[1]:g}", (spot, place), (-10 if left else 10, 0), textcoords="offset points",
                  va="center", ha="right" if left else "left", fontsize=11)  # fmt: skip


def _in_words(ratio: float) -> str:
    if np.isnan(ratio):
        return "no ratio"
    return f"ratio {ratio:.2g}" if np.isfinite(ratio) and ratio > 0 else "ratio 0" if ratio == 0 else "no finite ratio"


@legible
def spectra(values: Mapping[str, Float[np.ndarray, " n"]], title: str) -> tuple[Figure, str]:
    """The singular values of some tables, largest first, on logarithmic scales: name -> values.

    Raises ValueError for no table, and for values that do not fall.
    """
    if not values:
        raise ValueError("a picture of singular values needs at least one table: name -> values.")
    figure, (axes,) = _figure((4.6,))
    first = {}
    for style, (name, sizes) in enumerate(values.items()):
        sizes = np.asarray(sizes, dtype=float)
        if sizes.ndim != 1 or not sizes.size or (np.diff(sizes) > 1e-6 * sizes[0]).any():
            raise ValueError(f"the values of {name!r} are not a falling list: sort them, the largest first.")
        first[name] = ", ".join(f"{size:.3g}" for size in sizes[:3])
        marker = {"linestyle": LINES[0]} if style == 0 else {"linestyle": "", "marker": MARKERS[style % 7]}
        axes.plot(np.arange(1, len(sizes) + 1), sizes, color=COLOURS[style % 7], markersize=6, linewidth=2,
                  fillstyle="none", label=name, **marker)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="number of the singular value (logarithmic scale)")
    axes.set(ylabel="its size (logarithmic scale)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_title(title, fontsize=14)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, frameon=False)
    lists = "; ".join(f"{name}: {sizes}" for name, sizes in first.items())
    return figure, f"Singular values, largest first. The first three of each table: {lists}."
