"""A table of numbers as a picture: one coloured cell for each row and column, with a colour bar and words.

For how often words meet, and later for how much one word attends to another. It takes an array and names, never a
model, and returns (figure, alt). The colours run from light to dark in brightness too, so that no eye needs the hue.
"""

import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.viz.words import NAME, drawable, fonts, legible

NO_VALUE = "#BBBBBB"  # the colour of NaN
COLOURS = colormaps["Blues"].with_extremes(bad=NO_VALUE)
MOST_NAMES = 60  # names beyond this could not be read


@legible
def heatmap(matrix: Float[np.ndarray, "R C"], rows: Sequence[str], columns: Sequence[str], title: str, label: str,
            low: float | None = None, high: float | None = None, digits: int | None = None) -> tuple[Figure, str]:
    """The cells of `matrix` as colours; `label` says what the colour bar measures, with its unit.

    `low` and `high` fix the colours' range, so that two pictures compare (default: from 0, or the smallest, to the
    largest). `digits` writes each value into its cell. NaN stands for "no value" and is drawn grey.
    Raises ValueError for an empty matrix, names that do not fit it, infinite values, and where all are NaN.
    """
    matrix = _checked(matrix, rows, columns)
    low = min(0.0, float(np.nanmin(matrix))) if low is None else low
    high = max(float(np.nanmax(matrix)), low + 1e-9) if high is None else high
    if not -np.inf < low < high < np.inf:
        raise ValueError(f"the colours run from low={low} to high={high}: low must be the smaller, both finite.")
    side = min(0.9, 6.2 / matrix.shape[1])  # inches a cell
    upright = 0.1 * max(0, min(NAME, max(len(str(name)) for name in columns)) - 14)  # inches for very long names
    figure = Figure(figsize=(8, 1.9 + upright + side * matrix.shape[0]), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        axes = figure.add_subplot()
        image = axes.imshow(matrix, cmap=COLOURS, vmin=low, vmax=high, interpolation="nearest")
        axes.set_title("\n".join(textwrap.wrap(drawable(title), 60)), fontsize=15, parse_math=False)
        _name(axes, rows, columns, side)
        if digits is not None:
            _write(axes, matrix, (low + high) / 2, digits)
        bar = figure.colorbar(image, ax=axes, shrink=0.8)
        bar.set_label(drawable(label), fontsize=12, parse_math=False)
    return figure, _words(matrix, rows, columns, title, label)


def _checked(matrix, rows: Sequence[str], columns: Sequence[str]) -> np.ndarray:
    if hasattr(matrix, "detach"):  # a torch tensor, without importing torch
        matrix = matrix.detach().cpu().double().numpy()
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape or matrix.shape != (len(rows), len(columns)):
        raise ValueError(f"the matrix has shape {matrix.shape} for {len(rows)} rows and {len(columns)} columns: "
                         "give one name for each, and at least one of both.")
    if np.isinf(matrix).any() or np.isnan(matrix).all():
        raise ValueError("the matrix holds infinity, or nothing but NaN: a colour needs a finite number "
                         "(NaN marks a cell without a value).")
    return matrix


def _name(axes: Axes, rows: Sequence[str], columns: Sequence[str], side: float) -> None:
    size = float(np.clip(side * 34, 6, 12))
    for names, ticks in ((rows, axes.set_yticks), (columns, axes.set_xticks)):
        shown = [drawable(str(name)) for name in names] if len(names) <= MOST_NAMES else []
        ticks(range(len(shown)), shown, fontsize=size, parse_math=False)
    longest = max((len(str(name)) for name in columns), default=0)
    if longest * size * 0.6 / 72 > side:  # names wider than a cell stand upright
        axes.tick_params(axis="x", rotation=90)
    axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(rows)), minor=True)
    axes.grid(which="minor", color="white", linewidth=1 if len(columns) <= MOST_NAMES else 0)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)


def _write(axes: Axes, matrix: np.ndarray, middle: float, digits: int) -> None:
    for (row, column), value in np.ndenumerate(matrix):
        if not np.isnan(value):
            colour = "white" if value > middle else "black"
            axes.text(column, row, f"{value:.{digits}f}", color=colour, ha="center", va="center", fontsize=11)


def _words(matrix: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, label: str) -> str:
    """What the picture shows: its size, and its five largest cells."""
    order = np.argsort(-np.nan_to_num(matrix, nan=-np.inf), axis=None, kind="stable")
    places = [np.unravel_index(i, matrix.shape) for i in order[:min(5, np.count_nonzero(~np.isnan(matrix)))]]
    cells = ", ".join(f"{rows[r]} with {columns[c]} {matrix[r, c]:.3g}" for r, c in places)
    return (f"Heatmap of {matrix.shape[0]} rows and {matrix.shape[1]} columns, {title}; {label}. "
            f"Largest: {cells}; mean {np.nanmean(matrix):.2g}.")
