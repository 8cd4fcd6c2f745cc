"""Pictures for many heads: what one softmax can bring home and what two can, and what a line loses without a head.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays and texts, never a model. Markers and lines say what the colours say.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY
from course_lib.viz.words import legible

MOST_LETTERS = 64


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


@legible
def mixtures(
    values: Float[np.ndarray, "2 2"],
    names: Sequence[str],
    axis_names: Sequence[str],
    wanted: Float[np.ndarray, " 2"],
    weights: Float[np.ndarray, " 2"],
) -> tuple[Figure, str]:
    """What attention to two places brings: one head any mean of their values, two heads a mean for each number.

    values: row 0 and row 1, the values at the two places; names: the places'. weights[i], from 0 to 1: how much of the
    place 0 is in number i. Raises ValueError for a weight outside that range.
    """
    values, wanted, weights = (np.asarray(part, dtype=float) for part in (values, wanted, weights))
    if values.shape != (2, 2) or wanted.shape != (2,) or weights.shape != (2,):
        raise ValueError(f"values {values.shape}, wanted {wanted.shape} and weights {weights.shape} must have the "
                         "shapes (2, 2), (2,) and (2,).")  # fmt: skip
    if not ((weights >= 0) & (weights <= 1)).all():
        raise ValueError(f"the weights are {weights.tolist()}: a softmax gives from 0 to 1.")
    got = weights * values[0] + (1 - weights) * values[1]
    missing = float(np.linalg.norm(got - wanted))
    figure, axes = _figure(5.2)
    axes.plot(*values.T, color=COLOURS[0], linewidth=3, label="all that one head can bring")
    axes.plot(*values.T, "o", color=COLOURS[0], markersize=11)
    for name, value in zip(names, values, strict=True):
        axes.annotate(f"  {name}", value, fontsize=13, va="center", parse_math=False)
    axes.plot(*wanted, "*", color=COLOURS[1], markersize=24, label="wanted")
    axes.plot([got[0], wanted[0]], [got[1], wanted[1]], ":", color=GREY, linewidth=2)
    axes.plot(*got, "s", color="black", markersize=11, label="brought")
    span = np.abs(np.vstack([values, wanted])).max() * 1.5
    axes.set(xlim=(-span, span), ylim=(-span, span), xlabel=axis_names[0], ylabel=axis_names[1])
    axes.set_title(f"Brought ({got[0]:.2f}, {got[1]:.2f}), missed by {missing:.2f}", fontsize=14)
    axes.set_aspect("equal")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
    how = "one weight for both numbers" if weights[0] == weights[1] else "a weight for each number"
    return figure, (f"{names[0]} at {_point(values[0])} and {names[1]} at {_point(values[1])}, joined by a line: all "
                    f"that one head can bring. Wanted is {_point(wanted)}, off the line. With {how}, "
                    f"{weights[0]:.2f} and {weights[1]:.2f} of {names[0]}, attention brings {_point(got)}, missed by "
                    f"{missing:.2f}.")  # fmt: skip


def _point(values: np.ndarray) -> str:
    return f"({values[0]:.2f}, {values[1]:.2f})"


@legible
def guesses(text: str, rows: Mapping[str, str], title: str) -> tuple[Figure, str]:
    """A line, and under it what was guessed for each of its letters: wrong guesses in red, in a box.

    rows: name -> the guesses, one character for each of the text's. Raises ValueError where they do not fit.
    """
    if not 1 <= len(text) <= MOST_LETTERS:
        raise ValueError(f"the line has {len(text)} characters: give from 1 to {MOST_LETTERS}.")
    for name, guessed in rows.items():
        if len(guessed) != len(text):
            raise ValueError(f"{name!r} guesses {len(guessed)} characters of {len(text)}: give one for each.")
    figure, axes = _figure(1.0 + 0.45 * (len(rows) + 1))
    size = min(15, 620 / len(text))
    for row, guessed in enumerate([text, *rows.values()]):
        right = sum(a == b for a, b in zip(text, guessed, strict=True))
        for place, (true, letter) in enumerate(zip(text, guessed, strict=True)):
            style = {} if letter == true else {"color": COLOURS[1], "weight": "bold"}
            box = None if letter == true else {"boxstyle": "square,pad=0.15", "fill": False, "edgecolor": COLOURS[1]}
            axes.text(place, row, _seen(letter), ha="center", va="center", fontsize=size, family="monospace",
                      parse_math=False, bbox=box, **style)  # fmt: skip
        score = "" if row == 0 else f"{right} of {len(text)}"
        axes.text(len(text), row, score, ha="left", va="center", fontsize=12)
    axes.set(xlim=(-0.7, len(text) * 1.1 + 1), ylim=(len(rows) + 0.6, -0.6), xticks=[])
    axes.set_yticks(range(len(rows) + 1), ["the line", *rows], fontsize=12, parse_math=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title("\n".join(textwrap.wrap(title, 60)), fontsize=14, parse_math=False)
    told = [f"{name}: {guessed!r}, {sum(a == b for a, b in zip(text, guessed, strict=True))} right"
            for name, guessed in rows.items()]  # fmt: skip
    return figure, f"The line {text!r}, {len(text)} characters, each guessed from all others. {'; '.join(told)}."


def _seen(letter: str) -> str:
    """Spaces and line breaks as signs that can be seen."""
    return {" ": "␣", "\n": "↵"}.get(letter, letter)
