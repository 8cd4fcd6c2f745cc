"""Who attends to whom: `attention_view` draws the weights as lines, a heatmap or a table, and answers.

It takes an array of weights and the names of the tokens, never a model. Everything it needs travels with it, so it
works without a network; a plain picture with words stands in for it where no kernel and no script runs.

Leaves out: weights that do not sum to one (scores before the softmax: draw those with `heatmap`), and the way from a
model to its weights. The lines between two columns of tokens follow Vig (2019), "A Multiscale Visualization of
Attention in the Transformer Model".

Shapes: L layers, H heads, Q queries (who attends), K keys (who is attended to).
"""

import base64
import functools
import html
import io
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import traitlets
from jaxtyping import Float, UInt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from course_lib.viz import STATIC, Pictured, alone, check_alt, image, script
from course_lib.viz.words import LINE, drawable, fonts, one_line, shortened

# Okabe & Ito (2008), without the yellow, which is too faint for a line; after eight heads they come again, dashed.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#6A3D9A", "#595959")
FINE, COARSE = 65535, 255  # a weight travels as a whole number from 0 to one of these
MOST_FINE = 16384  # weights up to here take two bytes each, more take one
TANGLE = 160  # heads times tokens; beyond this one head is shown first, unless asked otherwise
MOST_LINES = 64  # tokens; beyond this the lines of all of them at once would be a grey mass
STATIC_BYTES = 24_000  # of weights in a committed notebook
BLUES = colormaps["Blues"]
INVISIBLE = {" ": "␣", "\n": "↵", "\r": "␍", "\t": "⇥"}


def attention_view(attention: Any, tokens: Sequence[str], *, key_tokens: Sequence[str] | None = None, layer: int = 0,
                   head: int | Sequence[int] | None = None, title: str | None = None) -> "AttentionView":
    """A viewer of attention weights; make it the last expression of a cell.

    `attention`: an array or tensor (Q, K), (H, Q, K) or (L, H, Q, K), or a list of one (H, Q, K) for each layer. Every
    row sums to one, or is all zeros (a query with nothing to attend to). `tokens` name the queries, `key_tokens` the
    keys (cross-attention; default: the same). `layer` and `head` (one or several) are shown first; None is
    all heads, or the first where all would be a tangle.
    A click on a query also opens its worksheet in a `model_view` of the same tokens, layers and heads, if there is one
    in the notebook.

    Up to 16,384 weights are kept to 1/65535, more to 1/255, each rounded to the nearest; a row of the coarse ones may
    miss its sum by a little. Raises ValueError for names that do not fit, rows that are no weights, a layer or head
    that does not exist.
    """
    weights = _checked(attention)
    names = _names(tokens, "tokens")
    key_names = names if key_tokens is None else _names(key_tokens, "key_tokens")
    _check_names(weights, names, key_names, key_tokens is not None)
    _check_rows(weights, names)
    layer = _place(layer, weights.shape[0], "layer")
    return AttentionView(weights, names, key_names, layer, _chosen(head, weights), title)


class AttentionView(Pictured):
    """What `attention_view` returns. All weights are in the browser: nothing that a learner does asks the kernel."""

    _esm = script("attention")
    _css = STATIC / "attention.css"
    weights = traitlets.Bytes().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)

    def __init__(self, weights: Float[np.ndarray, "L H Q K"], names: list[str], key_names: list[str], layer: int,
                 heads: list[int], title: str | None):
        alt = describe(weights, names, key_names, layer, heads)
        self._words, self._parts = f"attention_view: {alt}", (weights, layer, heads, alt)
        view = {"queries": names, "keys": key_names, "title": shortened(one_line(title or ""), LINE),
                "layers": [*range(weights.shape[0])], "heads": [*range(weights.shape[1])], "all": weights.shape[:2],
                "layer": layer, "shown": heads, "colours": COLOURS, "lines": MOST_LINES}
        super().__init__(weights=encode(weights).tobytes(), view=view)

    @functools.cached_property
    def _still(self) -> str:
        """The text/html, drawn when it is first asked for."""
        return _static(self.view, *self._parts)


# --- what may come in --------------------------------------------------------------------------------------------

def _array(attention: Any) -> np.ndarray:
    if hasattr(attention, "detach"):  # a torch tensor, without importing torch
        attention = attention.detach().cpu().float().numpy()
    if isinstance(attention, list | tuple):
        parts = [_array(part) for part in attention]
        shapes = {part.shape for part in parts}
        if len(shapes) > 1:
            raise ValueError(f"The parts of the attention have unlike shapes, {sorted(shapes)[0]} and "
                             f"{sorted(shapes)[1]}: give as many heads, queries and keys in each.")
        attention = np.stack(parts) if parts else []
    return np.asarray(attention)


def _checked(attention: Any) -> Float[np.ndarray, "L H Q K"]:
    try:
        weights = _array(attention)
        if weights.dtype.kind in "OcSUmM":  # None would become NaN, and a complex number lose its half
            raise TypeError
        # half precision keeps two or three digits of a sum
        weights = weights.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        if str(error).startswith("The parts"):
            raise
        kind = type(attention).__name__
        raise ValueError(f"The attention is a {kind} that holds no numbers: give an array or a tensor.") from None
    if weights.ndim not in (2, 3, 4) or 0 in weights.shape:
        raise ValueError(f"The attention has shape {weights.shape}: give (queries, keys), (heads, queries, keys) or "
                         "(layers, heads, queries, keys), at least one of each (of a batch, take one example).")
    return weights.reshape((1,) * (4 - weights.ndim) + weights.shape)


def _names(tokens: Sequence[str], what: str) -> list[str]:
    try:
        # the items of a tensor would be called tensor(7)
        return [shown(token) for token in (tokens.tolist() if hasattr(tokens, "tolist") else tokens)]
    except TypeError:
        raise ValueError(f"{what} is {str(tokens)[:40]} ({type(tokens).__name__}): give a list of tokens.") from None


def _check_names(weights: np.ndarray, names: list[str], key_names: list[str], cross: bool) -> None:
    _, _, queries, keys = weights.shape
    if len(names) != queries:
        raise ValueError(f"There are {len(names)} tokens for {queries} queries: give one token for each row.")
    if len(key_names) != keys:
        what = "key_tokens" if cross else "tokens"
        raise ValueError(f"There are {len(key_names)} {what} for {keys} keys: give one for each column"
                         + ("." if cross else " (for cross-attention, name the keys with key_tokens)."))


def _check_rows(weights: Float[np.ndarray, "L H Q K"], names: list[str]) -> None:
    """Each row holds weights from 0 to 1 whose sum is one, or nothing but zeros. 0.01 leaves room for bfloat16."""
    sums = weights.sum(-1)
    problems = [(np.isnan(weights).any(-1), "holds NaN"), (weights.min(-1) < -1e-6, "has a negative weight"),
                (~(np.abs(sums - 1) <= 0.01) & weights.any(-1), "does not sum to one")]
    for wrong, words in problems:
        if wrong.any():
            layer, head, query = np.argwhere(wrong)[0]
            row, columns = weights[layer, head, query], weights[layer, head].sum(0)
            value = f" (its smallest is {row.min():.3g})" if "neg" in words else f" (its sum is {row.sum():.3g})"
            advice = "give the weights that the softmax over the keys returned, without dropout."
            if "NaN" in words:
                value, advice = "", "a softmax over nothing but -inf gives that. For no keys, give zeros."
            elif "sum" in words and np.allclose(columns, 1, atol=0.01):
                advice = "its columns do, so the softmax ran over the queries. Take it over the keys."
            raise ValueError(f"The row of query {query} ({names[query][:40]}) in layer {layer}, head {head} "
                             f"{words}{value}: {advice}")


def _place(number: Any, length: int, what: str) -> int:
    """A layer's or head's number; -1 is the last, as in Python."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer) or not -length <= number < length:
        there = f"there are {length}, numbered 0 to {length - 1}" if length > 1 else "there is only one, number 0"
        raise ValueError(f"{what}={number!r}: {there}.")
    return int(number) % length


def _chosen(head: Any, weights: Float[np.ndarray, "L H Q K"]) -> list[int]:
    """The heads to show first, in order."""
    _, number, *tokens = weights.shape
    if head is None:
        return [*range(number if number * max(tokens) <= TANGLE else 1)]
    head = head.tolist() if hasattr(head, "tolist") else head  # the items of a tensor are no plain numbers
    heads = [head] if np.ndim(head) == 0 else [*head]
    if not heads:
        raise ValueError(f"head={head!r} shows nothing: give one head, several, or None.")
    return sorted({_place(one, number, "head") for one in heads})


def shown(token: Any) -> str:
    """A token as text that can be seen: spaces at its ends, line breaks and invisible characters get a sign.

    >>> [shown(token) for token in [" the", "\\n", "", "New York", "a\\u202eb"]]
    ['␣the', '↵', '(empty)', 'New York', 'a[U+202E]b']
    """
    text = str(token)
    inner = text.strip(" ")
    left = len(text) - len(text.lstrip(" "))
    text = "␣" * left + inner + "␣" * (len(text) - left - len(inner))
    return "".join(map(_sign, text)) or "(empty)"


def _sign(char: str) -> str:
    if char in INVISIBLE and char != " ":
        return INVISIBLE[char]
    joins = char in "\u200c\u200d\ufe0f"  # inside emoji and Persian words
    hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or (char != " " and char.isspace())
    return f"[U+{ord(char):04X}]" if hidden and not joins else char


# --- bytes -------------------------------------------------------------------------------------------------------

def encode(weights: Float[np.ndarray, "L H Q K"]) -> UInt[np.ndarray, "L H Q K"]:
    """Whole numbers, each the nearest to its weight times 65535 (few weights) or 255."""
    levels, kind = (FINE, "<u2") if weights.size <= MOST_FINE else (COARSE, "u1")
    return np.rint(weights.clip(0, 1) * levels).astype(kind)


def _static(view: dict, weights: Float[np.ndarray, "L H Q K"], layer: int, heads: list[int], alt: str) -> str:
    """The still picture, its caption, and the script that puts a live viewer in its place where scripts run."""
    label = _label(layer, heads, weights.shape)
    title = "\n".join(filter(None, [view["title"] or "Attention", label]))
    figure = still(weights[layer], view["queries"], view["keys"], heads, title)
    picture = image(small_png(figure, heads), alt)
    layers, every = view["layers"], view["heads"]
    if encode(weights).nbytes > STATIC_BYTES:
        layers = [layer]
        every = [*heads, *(one for one in every if one not in heads)]
        every = sorted(every[:STATIC_BYTES // weights[0, 0].size])
    caption = f"A still picture of {label}" if label else "A still picture"
    if max(weights.shape[2:]) <= MOST_LINES:
        caption += f", with lines for weights from {_faintest(weights[layer])} up"
    caption += ". Run this cell to see the rest, and each token's numbers."
    picture += f"<p><em>{html.escape(caption)}</em></p>"
    if not every:  # a single head is too large for a notebook
        return picture
    part = encode(weights[np.ix_(layers, every)])
    view = view | {"layers": layers, "heads": every, "shown": [head for head in heads if head in every]}
    return alone("attention", picture, {"view": view, "weights": part.tobytes()})


# --- words -------------------------------------------------------------------------------------------------------

def _label(layer: int, heads: Sequence[int], shape: tuple[int, ...]) -> str:
    """For instance: layer 1 (of 4), heads 0 and 2 (of 8). Nothing where there is but one of both."""
    parts = [f"layer {layer} (of {shape[0]})"] if shape[0] > 1 else []
    return ", ".join(parts + ([_listed("head", heads, shape[1])] if shape[1] > 1 else []))


def _listed(what: str, numbers: Sequence[int], length: int) -> str:
    if len(numbers) == length:
        return f"all {length} {what}s"
    *most, last = map(str, numbers)
    return f"{what}{'s ' + ', '.join(most) + ' and' if most else ''} {last} (of {length})"


def _number(what: str, count: int) -> str:
    return f"1 {what}" if count == 1 else f"{count} {'queries' if what == 'query' else what + 's'}"


def _unlike(names: Sequence[str]) -> list[str]:
    """Names in quotes; one that comes more than once gets its position, counted from 0."""
    times = Counter(names)
    return [f"“{name}”" + (f" ({i})" if times[name] > 1 else "") for i, name in enumerate(names)]


def describe(weights: np.ndarray, names: list[str], key_names: list[str], layer: int, heads: list[int]) -> str:
    """What the picture shows: sizes, and the five strongest links of the heads shown."""
    _, _, queries, keys = weights.shape
    part = weights[layer, heads]  # (heads, Q, K)
    free = (part > 0).sum(-1, keepdims=True) > 1  # the first query of a causal head has no choice: name others
    part = part * free if free.any() else part
    order = np.argsort(-part.round(3), axis=None, kind="stable")[:5]
    places = [np.unravel_index(i, part.shape) for i in order]
    left, right = _unlike(names), _unlike(key_names)
    links = [f"{left[q]} to {right[k]} {part[h, q, k]:.2f}" + (f" (head {heads[h]})" if len(heads) > 1 else "")
             for h, q, k in places if part[h, q, k] > 0]
    nothing = int((~weights[layer, heads].any(-1)).sum())
    text = f"Attention from {_number('query', queries)} to {_number('key', keys)}"
    text += ", ".join(["", *filter(None, [_label(layer, heads, weights.shape)])]) + ". "
    text += f"Strongest links: {', '.join(links)}." if links else "No query attends to anything."
    if nothing and links:
        text += f" {nothing} {'row attends' if nothing == 1 else 'rows attend'} to nothing."
    return check_alt(text)


# --- the still picture -------------------------------------------------------------------------------------------

def still(weights: Float[np.ndarray, "H Q K"], names: Sequence[str], key_names: Sequence[str], heads: Sequence[int],
          title: str) -> Figure:
    """Lines and a heatmap (of the mean, for several heads); the heatmap alone for many tokens.

    They stand side by side, or, where few queries meet many keys, one above the other, so that a column has room.
    """
    count = max(len(names), len(key_names))
    lines, wide = count <= MOST_LINES, _wide(names, key_names)
    height = float(np.clip(0.34 * count, 2.2, 8.5)) + 0.9 if lines else 8
    height = 4.2 + 0.24 * len(names) if wide else height
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        figure.suptitle("\n".join(map(drawable, title.split("\n"))), fontsize=13, parse_math=False)
        if wide:
            axes = figure.subplots(2, 1, height_ratios=(2.4, 0.8 + 0.24 * len(names)))
        else:
            axes = figure.subplots(1, 2 if lines else 1, squeeze=False, width_ratios=(1.15, 1) if lines else (1,))[0]
        if lines:
            draw = _draw_lines_across if wide else _draw_lines
            draw(axes[0], weights, [_short(n) for n in names], [_short(n) for n in key_names], heads)
        _draw_heatmap(axes[-1], weights[list(heads)].mean(0), names, key_names, len(heads))
    return figure


def _wide(names: Sequence[str], key_names: Sequence[str]) -> bool:
    """Few queries and many keys, all of a letter or two: they fit beside each other on a line."""
    return max(12, 2 * len(names)) < len(key_names) <= MOST_LINES and max(map(len, [*names, *key_names])) <= 3


def small_png(figure: Figure, heads: Sequence[int]) -> str:
    """The figure as a `data:` address, in no more colours than it needs: it is committed with every notebook."""
    figure.draw_without_rendering()  # the layout of a flat figure settles at the second attempt
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    white, shares = np.ones(3), np.linspace(0, 1, 14)[:, None]
    lines = [white + share * (np.array(to_rgb(c)) - white) for c in {COLOURS[h % len(COLOURS)] for h in heads}
             for share in shares]
    colours = np.vstack([BLUES(np.linspace(0, 1, 40))[:, :3], shares * white, *lines])
    palette = Image.new("P", (1, 1))
    palette.putpalette((255 * colours).round().astype(np.uint8).tobytes())
    buffer = io.BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _faintest(weights: np.ndarray) -> float:
    """The smallest weight that gets a line in the still picture; among many tokens faint ones only make a fog."""
    return 0.01 if max(weights.shape[1:]) <= 24 else 0.04


def _short(name: str) -> str:
    name = drawable(name)
    return name if len(name) <= 14 else name[:13] + "…"


def _draw_lines(axes: Axes, weights: np.ndarray, names: list[str], key_names: list[str], heads: Sequence[int]) -> None:
    count = max(len(names), len(key_names))
    size = float(np.clip(600 / count, 5, 12))
    for side, (words, where) in enumerate(((names, "right"), (key_names, "left"))):
        for i, word in enumerate(words):
            axes.text(side + (0.03 if side else -0.03), i, word, ha=where, va="center", fontsize=size, parse_math=False)
    for lane, head in enumerate(heads):
        q, k = np.nonzero(weights[head] >= _faintest(weights))
        shift = 0.5 * ((lane + 0.5) / len(heads) - 0.5)
        ends = np.stack([np.stack([0 * q, q + shift], -1), np.stack([0 * k + 1, k + shift], -1)], 1)
        _add_lines(axes, ends, weights[head, q, k], head, len(heads))
    axes.set(xlim=(-0.75, 1.75), ylim=(count - 0.4, -1))
    axes.text(-0.03, -0.8, "query", ha="right", fontsize=10, color="#595959")
    axes.text(1.03, -0.8, "key", ha="left", fontsize=10, color="#595959")
    _name_heads(axes, heads)
    axes.axis("off")


def _draw_lines_across(axes: Axes, weights: np.ndarray, names: list[str], key_names: list[str],
                       heads: Sequence[int]) -> None:
    """Queries on a line above, keys on one below, each over its column of the heatmap."""
    places = [np.linspace(0, len(key_names) - 1, len(names) + 2)[1:-1], np.arange(len(key_names))]
    for side, words in enumerate((names, key_names)):
        for place, word in zip(places[side], words):
            axes.text(place, 1.05 if side else -0.05, word, ha="center", va="top" if side else "bottom",
                      fontsize=float(np.clip(400 / len(key_names), 6, 12)), parse_math=False)  # fmt: skip
        axes.text(-1.2, side, ("query", "key")[side], ha="right", va="center", fontsize=10, color="#595959")
    for lane, head in enumerate(heads):
        q, k = np.nonzero(weights[head] >= _faintest(weights))
        shift = 0.5 * ((lane + 0.5) / len(heads) - 0.5)
        ends = np.stack([np.stack([places[0][q] + shift, 0 * q], -1), np.stack([k + shift, 0 * k + 1], -1)], 1)
        _add_lines(axes, ends, weights[head, q, k], head, len(heads))
    axes.set(xlim=(-0.5, len(key_names) - 0.5), ylim=(1.25, -0.25))
    _name_heads(axes, heads)
    axes.axis("off")


def _add_lines(axes: Axes, ends: np.ndarray, weights: np.ndarray, head: int, heads: int) -> None:
    """One head's lines, the stronger the larger the weight."""
    colours = np.empty((len(weights), 4))
    colours[:, :3], colours[:, 3] = to_rgb(COLOURS[head % len(COLOURS)]), weights.clip(0, 1)
    width = max(1.2, 2.4 - 0.2 * heads)
    axes.add_collection(LineCollection(ends, colors=colours, linestyles=_style(head), linewidths=width))


def _name_heads(axes: Axes, heads: Sequence[int]) -> None:
    if len(heads) > 1:
        colours = [COLOURS[head % len(COLOURS)] for head in heads]
        handles = [Line2D([], [], color=c, linestyle=_style(h), label=f"head {h}") for h, c in zip(heads, colours)]
        axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, frameon=False, fontsize=9,
                    handlelength=1.5, columnspacing=1.2)


def _style(head: int) -> tuple:
    """Heads that share a colour differ in their dashes."""
    return ((0, ()), (0, (4, 1.5)), (0, (1, 1)))[min(head // len(COLOURS), 2)]


def _draw_heatmap(axes: Axes, matrix: np.ndarray, names: Sequence[str], key_names: Sequence[str], heads: int) -> None:
    picture = axes.imshow(matrix, cmap=BLUES, vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    for words, axis, most, room in ((names, axes.yaxis, MOST_LINES, 400), (key_names, axes.xaxis, 40, 180)):
        labels = [_short(word) for word in words] if len(words) <= most else []
        size = float(np.clip(room / len(words), 4.5, 11))  # room: points that there are
        axis.set_ticks(range(len(labels)), labels, fontsize=size, parse_math=False)
    axes.tick_params(length=0)
    axes.tick_params(axis="x", rotation=90 if max(map(len, key_names)) > 2 else 0)
    axes.set(xlabel="key", ylabel="query" if len(names) > MOST_LINES else None)
    if max(matrix.shape) <= 9:
        for (q, k), value in np.ndenumerate(matrix):
            axes.text(k, q, f"{value:.2f}".lstrip("0") if value else "0", ha="center", va="center",
                      fontsize=10, color="white" if value > 0.5 else "black")
    label = "weight" if heads == 1 else f"mean weight of {heads} heads"
    axes.figure.colorbar(picture, ax=axes, shrink=0.8, label=label)
