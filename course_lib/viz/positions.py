"""Pictures for positions: a table of places, and how much alike its rows are.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays and words, never a model. Line styles and markers say what the colours say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS
from course_lib.viz.words import legible


def _figure(heights: Sequence[float]) -> tuple[Figure, list]:
    """One picture above the other, 800 pixels wide; pyplot does not keep it (a slider makes hundreds)."""
    figure = Figure(figsize=(8, sum(heights)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(np.atleast_1d(figure.subplots(len(heights), 1, height_ratios=heights)))
    for one in axes:
        one.tick_params(labelsize=11)
    return figure, axes


def likeness(table: Float[np.ndarray, "T D"], place: int) -> Float[np.ndarray, " T"]:
    """The cosine of row `place` with every row: 1 at the place itself."""
    table = np.asarray(table, dtype=np.float64)
    lengths = np.maximum(np.linalg.norm(table, axis=1), 1e-12)
    return table @ table[place] / (lengths * lengths[place])


@legible
def places(
    table: Float[np.ndarray, "T D"], control: Float[np.ndarray, "T D"], place: int, title: str
) -> tuple[Figure, str]:
    """Above, the table itself, one column of colours a place; below, how much alike each place is to `place`.

    `control` is another table of the same shape (random rows), drawn below as a dashed line. Raises ValueError for
    shapes that do not fit, numbers that are not finite, and a place outside the table.
    """
    table, control = (np.asarray(array, dtype=np.float64) for array in (table, control))
    if table.ndim != 2 or 0 in table.shape or table.shape != control.shape:
        raise ValueError(f"the tables have shapes {table.shape} and {control.shape}: give two of one shape, one row a "
                         "place.")  # fmt: skip
    if not (np.isfinite(table).all() and np.isfinite(control).all()):
        raise ValueError("a table holds NaN or infinity: a colour needs a finite number.")
    if not 0 <= place < len(table):
        raise ValueError(f"there is no place {place}: the table has the places 0 to {len(table) - 1}.")
    figure, (above, below) = _figure((2.9, 2.9))
    edge = np.abs(table).max() or 1.0
    image = above.imshow(table.T, cmap="PuOr", vmin=-edge, vmax=edge, aspect="auto", interpolation="nearest")
    figure.colorbar(image, ax=above, pad=0.01).set_label("value", fontsize=12)
    above.axvline(place, color="black", linewidth=1.2, linestyle="--")
    above.set(xlabel="place t", ylabel="column of the table")
    above.set_title(title, fontsize=14, parse_math=False)
    found = {"the table": likeness(table, place), "control: random rows": likeness(control, place)}
    for number, (name, values) in enumerate(found.items()):
        below.plot(values, color=COLOURS[number], linestyle=LINES[number], linewidth=2, label=name)
    below.axvline(place, color="black", linewidth=1.2, linestyle="--")
    below.axhline(0, color=GREY, linewidth=0.8)
    below.set(xlim=above.get_xlim(), ylim=(-1.1, 1.1), xlabel="place t", ylabel="cosine")
    below.set_title(f"How much each place is like place {place}", fontsize=14)
    below.legend(fontsize=11, frameon=False, loc="lower right", ncols=2)
    below.spines[["top", "right"]].set_visible(False)
    return figure, _place_words(found, place, table.shape, title)


def _place_words(found: Mapping[str, np.ndarray], place: int, shape: tuple[int, int], title: str) -> str:
    steps = [step for step in (1, 5, 10, 20) if place + step < shape[0]]
    told = []
    for name, values in found.items():
        near = ", ".join(f"{step} on {values[place + step]:.2f}" for step in steps)
        others = np.delete(values, place)
        told.append(f"{name}: {near or 'nothing follows'}; the likest other place "
                    f"{others.max():.2f}" if len(others) else f"{name}: no other place")  # fmt: skip
    return (f"{title}: {shape[0]} places, {shape[1]} columns, and each place's cosine with place {place}. "
            + ". ".join(told) + ".")  # fmt: skip


@legible
def lengths(
    scores: Mapping[str, Sequence[float]], lengths: Sequence[int], trained: int, title: str
) -> tuple[Figure, str]:
    """One line a model: its share of right answers on texts of several lengths; the trained length is marked.

    Raises ValueError where there is no line, or one with another number of scores than there are lengths.
    """
    if not scores or not len(lengths) or any(len(values) != len(lengths) for values in scores.values()):
        counts = {name: len(values) for name, values in scores.items()}
        raise ValueError(f"there are {len(lengths)} lengths and scores in these numbers: {counts}; give each line one "
                         "score a length.")  # fmt: skip
    figure, (axes,) = _figure((3.6,))
    for number, (name, values) in enumerate(scores.items()):
        axes.plot(lengths, 100 * np.asarray(values), color=COLOURS[number % len(COLOURS)], linewidth=2,
                  linestyle=LINES[number % len(LINES)], marker=MARKERS[number % len(MARKERS)], label=name)  # fmt: skip
    axes.axvline(trained, color=GREY, linewidth=1.2, linestyle="--")
    axes.annotate(" trained here", (trained, 6), fontsize=11, color=GREY)
    axes.set(ylim=(0, 105), xlabel="length of the text (tokens)", ylabel="right (%)", xticks=list(lengths))
    axes.set_title(title, fontsize=14, parse_math=False)
    axes.legend(fontsize=11, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axes.spines[["top", "right"]].set_visible(False)
    words = "; ".join(name + " " + ", ".join(f"{length}: {value:.0%}" for length, value in zip(lengths, values))
                      for name, values in scores.items())  # fmt: skip
    return figure, f"{title}. Right answers by the length of the text, trained at {trained}: {words}."
