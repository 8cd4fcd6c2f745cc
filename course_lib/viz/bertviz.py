"""bertviz's own pictures of attention, in JupyterLab and without a network: `bertviz_view`.

Vig (2019), "A Multiscale Visualization of Attention in the Transformer Model". Its scripts, and the d3 and jQuery that
they need, come from the data manifest; nothing of the package is installed. They run in a frame of their own that can
reach neither the notebook nor the network, and reach it only from a running kernel: what is saved is our still picture.

Leaves out: the neuron view, and choosing among several texts. bertviz answers only to a mouse: `viz.attention_view`
answers to the keyboard too, and has the numbers as a table.

Shapes: L layers, H heads, Q queries (who attends), K keys (who is attended to).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from course_lib import data
from course_lib.viz import STATIC, Pictured, check_alt, image
from course_lib.viz import attention as viewer

VIEWS = ("head", "model")
MOST_LINES = 30_000  # what is drawn at once; with more the browser answers after seconds
LONGEST = 14  # characters of a token: bertviz leaves no more room
FEWEST_COLUMNS = 4  # bertviz stretches one head over the whole width, and its height with it


def bertviz_view(attention: Any, tokens: Sequence[str], *, key_tokens: Sequence[str] | None = None,
                 view: str = "head") -> "BertvizView":
    """bertviz's head view (one layer, all heads over each other) or model view (every layer and head, small).

    Make it the last expression of a cell. `attention`: an array or tensor (Q, K), (H, Q, K) or (L, H, Q, K); every row
    sums to one, or is all zeros. `tokens` name the queries, `key_tokens` the keys (default: the same).
    Raises ValueError for another `view`, names that do not fit, rows that are no weights, and more than 30,000 lines.
    """
    if view not in VIEWS:
        raise ValueError(f"view={view!r}: bertviz has {' and '.join(map(repr, VIEWS))}.")
    for name, texts in (("tokens", tokens), ("key_tokens", key_tokens)):
        if isinstance(texts, str):
            raise ValueError(f"{name} is the text {texts[:40]!r}: give a list of tokens.")
    weights = viewer._checked(attention)
    names = viewer._names(tokens, "tokens")
    key_names = names if key_tokens is None else viewer._names(key_tokens, "key_tokens")
    viewer._check_names(weights, names, key_names, key_tokens is not None)
    viewer._check_rows(weights, names)
    lines = weights[0].size if view == "head" else weights.size
    if lines > MOST_LINES:
        raise ValueError(f"bertviz would draw {lines:,} lines for weights of shape {weights.shape}, and more than "
                         f"{MOST_LINES:,} make it slow: give fewer tokens, heads or layers, or use attention_view.")
    return BertvizView(weights, names, key_names, view)


class BertvizView(Pictured):
    """What `bertviz_view` returns: the browser asks, the kernel sends scripts and weights, and neither is saved."""

    _esm = STATIC / "bertviz.js"
    _css = STATIC / "bertviz.css"
    picture = traitlets.Dict().tag(sync=True)

    def __init__(self, weights: Float[np.ndarray, "L H Q K"], names: list[str], key_names: list[str], view: str):
        source, words, caption = (_head_still if view == "head" else _model_still)(weights, names, key_names)
        alt = check_alt(words)
        self._view, self._params = view, params(weights, names, key_names, view)
        self._words = f"bertviz_view, {view} view: {alt}"
        self._still = f"{image(source, alt)}<p><em>{caption} Run this cell for bertviz's own.</em></p>"
        super().__init__(picture={"source": source, "alt": alt, "caption": caption, "view": view})
        self.on_msg(lambda _, content, buffers: self.answer(content))

    def answer(self, asked: dict) -> None:
        """Sends what the frame needs, or a sentence where the scripts cannot be had."""
        if asked.get("ask") != "page":
            return
        try:
            names = ("jquery", "d3", f"bertviz_{self._view}")
            self.send({"scripts": [data.path(name).read_text("utf-8") for name in names], "params": self._params})
        except (data.FetchError, OSError) as error:
            self.send({"problem": " ".join(str(error).split())})


def params(weights: Float[np.ndarray, "L H Q K"], names: list[str], key_names: list[str], view: str) -> dict:
    """What bertviz's scripts read as PYTHON_PARAMS; its two views share most of it."""
    layers, heads = (list(range(size)) for size in weights.shape[:2])
    left, right = ([name if len(name) <= LONGEST else name[: LONGEST - 1] + "…" for name in side]
                   for side in (names, key_names))
    attention = {"name": None, "attn": weights.round(4).tolist(), "left_text": left, "right_text": right}
    common = {"attention": [attention], "default_filter": "0", "root_div_id": "bertviz", "include_layers": layers}
    if view == "head":
        return common | {"layer": None, "heads": None}
    columns = max(len(heads), FEWEST_COLUMNS)
    return common | {"display_mode": "light", "include_heads": heads, "total_heads": columns}


# --- the still pictures ------------------------------------------------------------------------------------------

def _head_still(weights: np.ndarray, names: list[str], key_names: list[str]) -> tuple[str, str, str]:
    """The first layer's heads as `attention_view` draws them: (source, words, caption)."""
    heads = viewer._chosen(None, weights)
    label = viewer._label(0, heads, weights.shape)
    figure = viewer.still(weights[0], names, key_names, heads, label)
    words = viewer.describe(weights, names, key_names, 0, heads)
    return viewer.small_png(figure, heads), words, f"A still picture of {label}."


def _model_still(weights: np.ndarray, names: list[str], key_names: list[str]) -> tuple[str, str, str]:
    """One small picture for each layer (row) and head (column), lines from the queries to the keys."""
    layers, heads, queries, keys = weights.shape
    tall = float(np.clip(0.06 * max(queries, keys), 0.5, 1.6))
    figure = Figure(figsize=(8, 0.9 + layers * tall), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"Attention, {viewer._number('layer', layers)} of {viewer._number('head', heads)}", fontsize=13)
    for (layer, head), axes in np.ndenumerate(figure.subplots(layers, max(heads, FEWEST_COLUMNS), squeeze=False)):
        if head >= heads:
            axes.axis("off")
            continue
        _draw_lines(axes, weights[layer, head], viewer.COLOURS[layer % len(viewer.COLOURS)])
        if layer == 0:
            axes.set_title(f"head {head}" if heads <= 8 else f"{head}", fontsize=10)
        if head == 0:
            axes.set_ylabel(f"layer {layer}" if layers <= 8 else f"{layer}", fontsize=10)
    return viewer.small_png(figure, range(layers)), _model_words(weights, names, key_names), (
        "A still picture of every layer and head: in each, queries on the left from the top down, keys on the right.")


def _draw_lines(axes, matrix: Float[np.ndarray, "Q K"], colour: str) -> None:
    q, k = np.nonzero(matrix >= 0.02)
    ends = np.stack([np.stack([0 * q, q], -1), np.stack([0 * k + 1, k], -1)], 1)
    colours = np.empty((len(q), 4))
    colours[:, :3], colours[:, 3] = to_rgb(colour), matrix[q, k].clip(0, 1)
    axes.add_collection(LineCollection(ends, colors=colours, linewidths=1.2))
    axes.set(xlim=(-0.1, 1.1), ylim=(max(matrix.shape) - 0.4, -0.6), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color("#D0D0D0")


def _model_words(weights: np.ndarray, names: list[str], key_names: list[str]) -> str:
    layers, heads, queries, keys = weights.shape
    left, right = viewer._unlike(names), viewer._unlike(key_names)
    free = (weights > 0).sum(-1, keepdims=True) > 1  # a causal head's first query has no choice: name others
    order = np.argsort(-(weights * free if free.any() else weights).round(3), axis=None, kind="stable")[:5]
    places = [np.unravel_index(i, weights.shape) for i in order]
    links = [f"{left[q]} to {right[k]} {weights[layer, head, q, k]:.2f} (layer {layer}, head {head})"
             for layer, head, q, k in places if weights[layer, head, q, k] > 0]
    text = f"Attention from {viewer._number('query', queries)} to {viewer._number('key', keys)}, "
    text += f"{viewer._number('layer', layers)} of {viewer._number('head', heads)}. "
    return text + (f"Strongest links: {', '.join(links)}." if links else "No query attends to anything.")
