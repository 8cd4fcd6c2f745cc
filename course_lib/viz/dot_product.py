"""Pictures for attention: one query's worksheet, column by column; how sharp weights are; a text with its weights.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays and words, never a model. What a colour says, a number or a mark says too.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.viz.embeddings import COLOURS, GREY, LINES
from course_lib.viz.words import legible

STEPS = ("1 compare", "2 scale", "3 mask", "4 exponential", "5 share", "6 mix")
NEW = "#FFF3C4"  # behind the column that a step has just filled
HEADS = ("word", "key k", "q · k", "÷ √D", "mask", "e^score", "weight", "value v", "weight · v")
FILLED = (0, 0, 1, 2, 3, 4, 5, 0, 6)  # the step at which each column is filled
CENTRES = (0.6, 2.1, 3.5, 4.5, 5.5, 6.7, 8.4, 10.0, 11.6)
WIDTHS = (1.2, 1.7, 1.0, 1.0, 1.0, 1.2, 2.0, 1.2, 1.9)
BAR = 1.2  # how long the bar of a weight of 1 is; its number stands to the right of it


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


@legible
def worksheet(query: Float[np.ndarray, " D"], key: Float[np.ndarray, "S D"], value: Float[np.ndarray, "S V"],
              tokens: Sequence[str], word: str, step: str = STEPS[-1], scaled: bool = True,
              mask: Bool[np.ndarray, " S"] | None = None) -> tuple[Figure, str]:
    """The attention of one query, `word`'s, as it is done on paper: a row for each key, a column for each step.

    Columns of later steps show a question mark. `mask` is True where the query may look; a query that may look at
    nothing ends in zeros. Raises ValueError for sizes that do not fit, and for an unknown step.
    """
    query, key, value = (np.asarray(array, dtype=float) for array in (query, key, value))
    mask = np.ones(len(key), dtype=bool) if mask is None else np.asarray(mask, dtype=bool)
    if key.shape != (len(tokens), *query.shape) or len(value) != len(tokens) or mask.shape != (len(tokens),):
        raise ValueError(f"a query of shape {query.shape}, keys {key.shape}, values {value.shape} and a mask "
                         f"{mask.shape} do not fit {len(tokens)} words: one key, value and mask entry a word.")
    if step not in STEPS:
        raise ValueError(f"there is no step {step!r}: choose one of {', '.join(STEPS)}.")
    done = STEPS.index(step) + 1
    columns, total, weights, output = _arithmetic(query, key, value, scaled, mask)
    figure, axes = _figure(1.5 + 0.36 * (len(tokens) + 1))
    _draw_sheet(axes, [[*tokens], [_row(k) for k in key], *columns], total, weights, done, scaled)
    axes.set_title(f"{word} asks: q = ({_row(query, ', ')})", fontsize=15, parse_math=False)
    return figure, _sheet_words(word, tokens, columns, weights, output, done)


def _arithmetic(query, key, value, scaled, mask):
    """The columns as text, the bottom row, the weights and the output."""
    products = key @ query
    scores = products / np.sqrt(len(query)) if scaled else products
    powers = np.where(mask, np.exp(np.where(mask, scores, 0)), 0.0)
    weights = powers / powers.sum() if mask.any() else powers
    output = weights @ value
    columns = [
        [_number(p) for p in products], [_number(s) for s in scores],
        [_number(s) if seen else "−∞" for s, seen in zip(scores, mask, strict=True)],
        [f"{p:.2f}" for p in powers], [f"{w:.2f}" for w in weights],
        [_row(v) for v in value], [_row(w * v, "  ", 2) for w, v in zip(weights, value, strict=True)],
    ]  # fmt: skip
    total = ["sum", "", "", "", "", f"{powers.sum():.2f}", f"{weights.sum():.2f}", "", _row(output, "  ", 2)]
    return columns, total, weights, output


def _number(x: float) -> str:
    return f"{x:.2f}".rstrip("0").rstrip(".").replace("-", "−")


def _row(numbers: np.ndarray, between: str = "  ", digits: int | None = None) -> str:
    shown = [_number(x) if digits is None else f"{x:.{digits}f}" for x in numbers]
    return between.join(shown if len(shown) <= 6 else [*shown[:5], "…"])


def _draw_sheet(axes: Axes, columns: list, total: list, weights: np.ndarray, done: int, scaled: bool) -> None:
    rows = len(weights)
    for i, (head, centre, width, filled) in enumerate(zip(HEADS, CENTRES, WIDTHS, FILLED, strict=True)):
        left = centre - width / 2
        if filled == done:
            axes.add_patch(Rectangle((left, -0.6), width, rows + 1.2, color=NEW, zorder=0))
        if i == 6 and done >= 5:
            axes.barh(range(rows), BAR * weights, left=left + 0.1, height=0.7, color=COLOURS[5], zorder=1)
        head = "(not ÷)" if i == 3 and not scaled else head
        axes.text(centre, -1, head, ha="center", va="center", fontsize=11, weight="bold", parse_math=False)
        cells = columns[i] if filled <= done else ["?"] * rows
        last = total[i] if filled <= done else "?" if total[i] else ""
        for row, text in enumerate([*cells, last]):
            grey = "#999999" if text == "?" else "black"
            x = left + BAR + 0.45 if i == 6 else centre
            axes.text(x, row, text, ha="center", va="center", fontsize=11, color=grey, parse_math=False,
                      weight="bold" if row == rows else "normal")  # fmt: skip
    axes.axhline(rows - 0.5, color=GREY, linewidth=1)
    axes.set(xlim=(-0.1, 12.6), ylim=(rows + 0.6, -1.5))
    axes.axis("off")


def _sheet_words(word, tokens, columns, weights, output, done) -> str:
    texts = [f"{token} {text}" for token, text in zip(tokens, columns[min(done, 5) - 1], strict=True)]
    said = f"{word} looks at {len(tokens)} words; after step {STEPS[done - 1]}: {', '.join(texts)}."
    return said + (f" Output: {_row(output, ', ', 2)}." if done == 6 else "")


@legible
def sharpness(weights: Mapping[str, Float[np.ndarray, " S"]], title: str) -> tuple[Figure, str]:
    """Weights of a query, largest first, for several ways to weigh: name -> weights. A grey line: all alike.

    Of many queries, hand over the mean of their sorted weights.
    Raises ValueError for no weights, unequal lengths, and weights that do not sum to one.
    """
    sizes = {np.shape(values) for values in weights.values()}
    if len(sizes) != 1 or len(sizes.copy().pop()) != 1:
        raise ValueError(f"the weights have shapes {sorted(sizes)}: give one list for each name, all of one length.")
    figure, axes = _figure(3.6)
    words = []
    for i, (name, values) in enumerate(weights.items()):
        values = np.sort(np.asarray(values, dtype=float))[::-1]
        if abs(values.sum() - 1) > 1e-3:
            raise ValueError(f"the weights of {name!r} sum to {values.sum():.3g}: one query's weights sum to 1.")
        axes.plot(np.arange(1, len(values) + 1), values, LINES[i % len(LINES)], marker="os^D"[i % 4], markersize=5,
                  color=COLOURS[i], label=f"{name}: largest {values[0]:.2f}")  # fmt: skip
        words.append(f"{name}: largest {values[0]:.2f}, the first three together {values[:3].sum():.2f}")
    axes.axhline(1 / len(values), color=GREY, linewidth=1.2, linestyle=":", label=f"all alike: {1 / len(values):.3f}")
    axes.set(ylim=(-0.02, 1.02), xlabel="keys, largest weight first", ylabel="weight")
    axes.set_title("\n".join(textwrap.wrap(title, 70)), fontsize=14, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=11)
    return figure, f"Sorted weights of {len(values)} keys. {'; '.join(words)}."


@legible
def reading(words: Sequence[str], weights: Float[np.ndarray, " S"], pushes: Float[np.ndarray, " S"], title: str,
            most: int = 120) -> tuple[Figure, str]:
    """A text, each word shaded by its weight and marked + or - by the side to which its value pushes.

    Words beyond `most` are left out, and the title says so. Raises ValueError for an empty text or unequal lengths.
    """
    weights, pushes = np.asarray(weights, dtype=float), np.asarray(pushes, dtype=float)
    if not len(words) or not len(words) == len(weights) == len(pushes):
        raise ValueError(f"there are {len(words)} words, {len(weights)} weights and {len(pushes)} pushes: "
                         "give one of each for every word, and at least one word.")
    shown = min(len(words), most)
    top = max(weights[:shown].max(), 1e-9)
    marks = weights > 0.5 / len(words) if len(words) > 1 else np.ones(1, dtype=bool)
    places = _places([f"{word}+" for word in words[:shown]])
    lines = places[-1][1] + 1
    figure, axes = _figure(1.0 + 0.32 * lines)
    for (x, line), word, weight, push, marked in zip(places, words, weights, pushes, marks, strict=False):
        colour, sign = (COLOURS[0], "+") if push > 0 else (COLOURS[1], "−")
        text = f"{word}{sign}" if marked else word
        axes.text(x, line, text, fontsize=11, family="monospace", va="center", parse_math=False,
                  bbox={"facecolor": colour, "alpha": 0.75 * weight / top, "linewidth": 0, "pad": 1.5})  # fmt: skip
    axes.set(xlim=(0, 86), ylim=(lines - 0.3, -0.7))
    axes.axis("off")
    more = "" if shown == len(words) else f" (its first {shown} of {len(words)} words)"
    axes.set_title("\n".join(textwrap.wrap(title + more, 78)), fontsize=13, parse_math=False)
    order = np.argsort(-weights, kind="stable")[:6]
    said = ", ".join(f"{words[i]} {weights[i]:.2f} {'for' if pushes[i] > 0 else 'against'}" for i in order)
    return figure, f"A text of {len(words)} words, {title}. Most weight: {said}."


def _places(words: Sequence[str], width: int = 84) -> list[tuple[float, int]]:
    """Column and line of each word of a text that is broken at `width` characters."""
    places, x, line = [], 0, 0
    for word in words:
        if x and x + len(word) > width:
            x, line = 0, line + 1
        places.append((x, line))
        x += len(word) + 1
    return places
