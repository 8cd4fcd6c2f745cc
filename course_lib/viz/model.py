"""The X-ray: `model_view` shows one text on its way through a whole model, and answers while the kernel runs.

It takes a function from ids to arrays (`gpt.trace` with the learner's model in it), never a model. From the top:
tokens, embedding, one head of one block as the worksheet of lesson 10, the stream after each block, and the next token
under temperature, top-k and top-p. Without a kernel a plain picture with words stands in for it; where scripts run, a
viewer of the same text with one layer does.

Leaves out: the network within a block, and texts of more than 64 tokens. What the head would say after an earlier block
is the logit lens (nostalgebraist, 2020). Cho et al. (2024), "Transformer Explainer", shows such a view of GPT-2.

Shapes: L layers, H heads, T tokens, D = d_model, d = D / H, V = vocab_size; N of D numbers are shown as colours.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
import torch
import traitlets
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_lib.viz import STATIC, Pictured, alone, check_alt, image, script
from course_lib.viz import attention as viewer
from course_lib.viz.attention import BLUES, COLOURS, shown, small_png
from course_lib.viz.words import LINE, drawable, fonts, one_line, sendable, shortened

FIELDS = {"token_vectors": "T D", "position_vectors": "T D", "layers": "L+1 T D", "query": "L H T d", "key": "L H T d",
          "value": "L H T d", "attention": "L H T T", "logits": "L+1 T V"}
MOST_TOKENS = 64
NAMED = 24  # tokens that have their names beside a heatmap
NUMBERS = 96  # of a vector, shown as colours; more would be narrower than a pixel
GUESSES, BARS, FEW = 5, 10, 50  # tokens after each block; bars of the next token; logits where not all V travel
MOST_LOGITS = 250_000
STATIC_LOGITS, STATIC_BYTES = 2_000, 30_000  # in a committed notebook: logits, and bytes of all arrays
Arrays = dict[str, np.ndarray]


def model_view(trace: Callable, tokenizer: Any, text: str, *, layer: int = 0, head: int = 0, position: int = -1,
               title: str | None = None) -> "ModelView":
    """The X-ray of a model that reads `text`; make it the last expression of a cell.

    `trace`: a function from ids (an int64 tensor, T) to an object with the fields of `gpt.Trace`, for instance
    `functools.partial(gpt.trace, model)`. `tokenizer` has `encode` and `decode`. `layer`, `head` and `position` (the
    token that asks; -1 is the last) are shown first.

    Scores and logits travel in 4 bytes, other numbers in fewer: each that is shown is true to 0.01 for numbers of usual
    size. Raises ValueError for no text, more than 64 tokens, arrays that do not fit each other or that are no numbers,
    and a layer, head or position that does not exist.
    """
    if not callable(trace):
        raise ValueError(f"trace is a {type(trace).__name__}: give a function from ids to the arrays, such as "
                         "functools.partial(gpt.trace, model).")
    ids, arrays = _read(trace, tokenizer, text)
    L, H, T, _ = arrays["query"].shape
    places = viewer._place(layer, L, "layer"), viewer._place(head, H, "head"), viewer._place(position, T, "position")
    return ModelView(trace, tokenizer, text, ids, arrays, places, title)


class ModelView(Pictured):
    """What `model_view` returns. The browser sends `wanted`, a text with a number; a `picture` of that number comes
    back, or a `problem`. All else that a learner does asks the kernel nothing."""

    _esm = script("model")
    _css = STATIC / "model.css"
    start = traitlets.Dict().tag(sync=True)
    wanted = traitlets.Dict().tag(sync=True)
    picture = traitlets.Dict().tag(sync=True)
    problem = traitlets.Dict().tag(sync=True)

    def __init__(self, trace: Callable, tokenizer: Any, text: str, ids: Int[np.ndarray, " T"], arrays: Arrays,
                 places: tuple[int, int, int], title: str | None):
        self._trace, self._tokenizer = trace, tokenizer
        names = _Names(tokenizer)
        alt = describe(arrays, [names[i] for i in ids], names, *places)
        self._words, self._parts = f"model_view: {alt}", (ids, arrays, names, places, alt)
        start = dict(zip(("layer", "head", "position"), places)) | {
            "text": sendable(text), "title": shortened(one_line(title or ""), LINE), "colours": COLOURS[:2]}
        super().__init__(start=start, picture={"number": 0, **pack(ids, arrays, names, places[2])})
        self.observe(lambda change: self.answer(change.new), "wanted")

    def answer(self, wanted: dict) -> None:
        """Sends the picture of `wanted = {"number": n, "text": text, "position": the place that asks}`."""
        number = wanted.get("number", 0)
        try:
            ids, arrays = _read(self._trace, self._tokenizer, wanted["text"])
            position = min(max(wanted["position"], 0), len(ids) - 1)
            picture = pack(ids, arrays, _Names(self._tokenizer), position)
        except Exception as error:  # whatever a learner's own function raises: the last good picture stays
            self.problem = {"number": number, "text": one_line(error) or type(error).__name__}
        else:
            self.picture = {"number": number, **picture}

    @functools.cached_property
    def _still(self) -> str:
        """The text/html, drawn when it is first asked for."""
        return _static(self.start, *self._parts)


class _Names(dict):
    """What a token is called, by its id: its text, made visible, or its name where it is a part of a character."""

    def __init__(self, tokenizer: Any):
        super().__init__()
        self.tokenizer = tokenizer

    def __missing__(self, token_id: int) -> str:
        try:
            text = self.tokenizer.decode([int(token_id)])
            name = text if text and "\ufffd" not in text else self.tokenizer.id_to_token(int(token_id))
        except ValueError:  # a head may be wider than the vocabulary
            name = f"#{token_id}"
        return self.setdefault(token_id, shown(name))


# --- what may come in --------------------------------------------------------------------------------------------

def _read(trace: Callable, tokenizer: Any, text: Any) -> tuple[Int[np.ndarray, " T"], Arrays]:
    """The ids of a text and the arrays of its trace, both looked at."""
    if not isinstance(text, str) or not text:
        raise ValueError(f"The text is {text!r}: give one with a token or more.")
    ids = tokenizer.encode(text)
    _check_length(len(ids))
    return _checked(trace(torch.tensor(ids, dtype=torch.int64)))


def _check_length(count: int) -> None:
    if not count:
        raise ValueError("The text has no tokens: give one with a token or more.")
    if count > MOST_TOKENS:
        raise ValueError(f"The text has {count} tokens, and the X-ray shows at most {MOST_TOKENS}: shorten it.")


def _array(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
    return np.asarray(value)


def _checked(traced: Any) -> tuple[Int[np.ndarray, " T"], Arrays]:
    """Float32 arrays by the names of FIELDS, of sizes that fit, whose attention is the softmax of its scores."""
    missing = [name for name in ("input_ids", *FIELDS) if getattr(traced, name, None) is None]
    if missing:
        raise ValueError(f"trace returned a {type(traced).__name__} without {missing[0]}: it needs all of input_ids, "
                         f"{', '.join(FIELDS)}, as gpt.Trace has them.")
    ids = _array(traced.input_ids)
    arrays = {name: _array(getattr(traced, name)) for name in FIELDS}
    _check_length(ids.size)
    _check_shapes(ids, arrays)
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError(f"{name} of the trace holds what is no finite number (NaN, infinity): look at the model.")
    arrays = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
    arrays["scores"] = arrays["query"] @ arrays["key"].swapaxes(-1, -2)  # (L, H, T, T), before the division by √d
    gap = np.abs(weights_of(arrays) - arrays["attention"]).max(-1)  # (L, H, T)
    if gap.max() > 0.01:  # room for bfloat16
        layer, head, query = np.unravel_index(gap.argmax(), gap.shape)
        raise ValueError(f"The attention of query {query} in layer {layer}, head {head} is not the softmax of "
                         f"q · k / √d (it is {gap.max():.2f} away): give query and key as that softmax saw them.")
    return ids, arrays


def _check_shapes(ids: np.ndarray, arrays: Arrays) -> None:
    sizes = {"T": ids.size, "L+1": arrays["layers"].shape[0] if arrays["layers"].ndim else 0}
    sizes["L"] = sizes["L+1"] - 1
    for name, axes in FIELDS.items():
        shape = arrays[name].shape
        known = [sizes.setdefault(axis, size) for axis, size in zip(axes.split(), shape)]
        if len(shape) != len(axes.split()) or list(shape) != known or 0 in shape:
            wanted = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else axis for axis in axes.split())
            raise ValueError(f"{name} of the trace has the shape {shape} and should have ({wanted}).")


def causal(arrays: Arrays) -> bool:
    """Whether no head of any layer looks ahead; what is hidden then are the keys above the diagonal."""
    return not np.triu(arrays["attention"], 1).any()


def weights_of(arrays: Arrays) -> Float[np.ndarray, "L H T T"]:
    """The attention once more, from the scores, as the browser works it out."""
    T, d = arrays["query"].shape[-2:]
    hidden = np.triu(np.ones((T, T), bool), 1) & causal(arrays)
    scores = np.where(hidden, -np.inf, arrays["scores"] / np.sqrt(d))
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


# --- bytes -------------------------------------------------------------------------------------------------------

def best(logits: Float[np.ndarray, "... V"], k: int) -> Int[np.ndarray, "... k"]:
    """Ids of the k highest logits, in falling order; of equal ones the lower id comes first.

    >>> best(np.array([1.0, 3.0, 2.0, 3.0]), 3)
    array([1, 3, 2])
    """
    rows = logits.reshape(-1, logits.shape[-1])
    k = min(k, rows.shape[-1])
    least = np.partition(rows, -k, axis=-1)[:, -k, None]
    row, ids = np.nonzero(rows >= least)  # k of each row, or more where some are equal
    order = np.lexsort((ids, -rows[row, ids], row))
    starts = np.searchsorted(row, np.arange(len(rows)))  # a row's first place
    return ids[order][starts[:, None] + np.arange(k)].reshape(*logits.shape[:-1], k)


def pack(ids: Int[np.ndarray, " T"], arrays: Arrays, names: _Names, position: int, layers: Sequence[int] | None = None,
         heads: Sequence[int] | None = None, most_logits: int = MOST_LOGITS) -> dict:
    """What travels: `view`, small and in words, and `arrays`, bytes by name.

    All logits of each token where they are no more than `most_logits`; else those of `position` and of the last token
    alone if these are few enough, and of the others the first 50, with what all of them sum to.
    """
    L, H, T, d = arrays["query"].shape
    layers, heads = [*range(L)] if layers is None else layers, [*range(H)] if heads is None else heads
    logits = arrays["logits"]  # (L+1, T, V)
    V, D = logits.shape[-1], arrays["layers"].shape[-1]
    vectors = np.stack([arrays["token_vectors"], arrays["position_vectors"], arrays["layers"][0]])  # (3, T, D)
    scale = float(np.abs(vectors[..., :NUMBERS]).max()) or 1.0
    sums = np.log(np.exp(logits - logits.max(-1, keepdims=True)).sum(-1))  # (L+1, T): what the highest lacks to log 1
    guesses, few = best(logits, GUESSES), best(logits[-1], FEW)
    bars = few[:, :BARS]
    chances = np.exp(np.take_along_axis(logits, guesses, -1) - logits.max(-1, keepdims=True) - sums[..., None])
    whole = range(T) if T * V <= most_logits else {position, T - 1} if 2 * V <= most_logits else ()
    rows = [-np.sort(-logits[-1, t]) if t in whole else logits[-1, t, few[t]] for t in range(T)]
    part = np.ix_(layers, heads)
    view = {
        "tokens": [names[i] for i in ids], "ids": ids.tolist(), "causal": causal(arrays), "layers": [*layers],
        "heads": [*heads], "all": [L, H], "size": d, "width": D, "numbers": min(D, NUMBERS), "scale": scale,
        "vocab": V, "counts": [len(row) for row in rows], "most": MOST_TOKENS,
        "sum": bool(np.allclose(vectors[0] + vectors[1], vectors[2], atol=1e-2)),
        "names": {int(i): names[i] for i in np.unique([*guesses.flat, *bars.flat])},
    }
    data = {
        "vectors": np.rint(vectors[..., :NUMBERS] / scale * 127).astype("i1"),
        "lengths": np.linalg.norm(np.concatenate([vectors[:2], arrays["layers"]]), axis=-1).astype("<f4"),  # (L+3, T)
        **{name: arrays[name][part].clip(-6e4, 6e4).astype("<f2") for name in ("query", "key", "value")},
        "scores": arrays["scores"][part].astype("<f4"), "guesses": guesses.astype("<i4"), "bars": bars.astype("<i4"),
        "chances": chances.astype("<f2"), "sums": sums[-1].astype("<f4"),
        "logits": np.concatenate([row - row[0] for row in rows]).astype("<f4"),
    }
    return {"view": view, "arrays": {name: array.tobytes() for name, array in data.items()}}


def _static(start: dict, ids: np.ndarray, arrays: Arrays, names: _Names, places: tuple[int, int, int], alt: str) -> str:
    """The still picture, its caption, and the script that puts a viewer of one layer in its place where scripts run."""
    layer, head, position = places
    H = arrays["query"].shape[1]
    figure = still(arrays, [names[i] for i in ids], names, *places, start["title"])
    caption = "A still picture. Run this cell to choose another layer, head or token, and to type a text of your own."
    picture = image(small_png(figure, (0, 1)), alt) + f"<p><em>{caption}</em></p>"
    carry = functools.partial(pack, ids, arrays, names, position, [layer], most_logits=STATIC_LOGITS)
    one, two = (sum(map(len, carry(heads=[head] * count)["arrays"].values())) for count in (1, 2))
    fit = 1 + (STATIC_BYTES - one) // (two - one)  # so many heads; one always travels
    packed = carry(heads=sorted([head, *(one for one in range(H) if one != head)][:max(1, fit)]))
    state = {"start": start, "picture": {"number": 0, **packed}, "wanted": {}, "problem": {}}
    return alone("model", picture, state)


# --- words and the still picture ---------------------------------------------------------------------------------

def next_tokens(arrays: Arrays, position: int, k: int) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The likeliest tokens at a position, and how likely each is."""
    logits = arrays["logits"][-1, position].astype(np.float64)
    shares = np.exp(logits - logits.max())
    ids = best(logits, k)
    return ids, shares[ids] / shares.sum()


def describe(arrays: Arrays, tokens: list[str], names: _Names, layer: int, head: int, position: int) -> str:
    """What the picture shows: where the chosen token looks, the stream's lengths at it, and what comes next."""
    L, H = arrays["query"].shape[:2]
    unlike, weights = viewer._unlike(tokens), arrays["attention"][layer, head, position]
    order = [k for k in np.argsort(-weights.round(3), kind="stable")[:4] if weights[k] > 0]
    links = ", ".join(f"{unlike[k]} {weights[k]:.2f}" for k in order)
    lengths = [f"{x:.1f}" for x in np.linalg.norm(arrays["layers"][:, position], axis=-1)]
    guesses = ", ".join(f"“{names[i]}” {p:.2f}" for i, p in zip(*next_tokens(arrays, position, 3)))
    what = "next token" if causal(arrays) else "token at this place"
    few = ", ".join(unlike[:12]) + ", …" * (len(unlike) > 12)
    return check_alt(
        f"The X-ray of {viewer._number('token', len(tokens))}: {few}. At layer {layer} (of {L}), head {head} (of {H}), "
        f"{unlike[position]} looks most at {links}. The stream there has the length {lengths[0]} after the embedding, "
        f"then {', '.join(lengths[1:])}. Likeliest {what}: {guesses}.")


def still(arrays: Arrays, tokens: list[str], names: _Names, layer: int, head: int, position: int, title: str) -> Figure:
    """The head's heatmap and the chosen query's weights; under them the stream's lengths and the next token."""
    L, H, T, d = arrays["query"].shape
    rows = max(min(T, NAMED), 12), 12 + max(0, L - 6)
    figure = Figure(figsize=(8, 1 + 0.2 * sum(rows)), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        short = [drawable(token)[:10] for token in tokens]
        (map_axes, sheet), (stream, coming) = figure.subplots(2, 2, height_ratios=rows)
        figure.suptitle(drawable(title or "The X-ray of a model"), fontsize=13, parse_math=False)
        size = 10 if T <= 16 else 8
        map_axes.imshow(arrays["attention"][layer, head], cmap=BLUES, vmin=0, vmax=1, aspect="auto")
        map_axes.axhspan(position - 0.5, position + 0.5, fill=False, edgecolor=COLOURS[1], linewidth=1.5)
        for axis in (map_axes.xaxis, map_axes.yaxis) if T <= NAMED else ():
            axis.set_ticks(range(T), short, fontsize=size, parse_math=False)
        map_axes.tick_params(axis="x", rotation=90 if max(map(len, short)) > 2 and T <= NAMED else 0)
        map_axes.tick_params(length=0)
        map_axes.set_title(f"layer {layer}, head {head}: weights", fontsize=11)
        scores, weights = (arrays[name][layer, head, position] for name in ("scores", "attention"))
        scores = scores / np.sqrt(d)
        seen = range(position + 1 if causal(arrays) else T)
        most = "" if T <= NAMED else " most"
        keys = seen if T <= NAMED else np.argsort(-weights, kind="stable")[:min(NAMED, len(seen))]
        _bars(sheet, [short[k] + f" ({k})" * bool(most) for k in keys], weights[keys],
              [f"{weights[k]:.2f}  (q · k / √d = {scores[k]:.2f})".replace("-", "−") for k in keys],
              f"where “{short[position]}” ({position}) looks{most}", size)
        lengths = np.linalg.norm(arrays["layers"][:, position], axis=-1)
        _bars(stream, ["embedding", *(f"after block {i}" for i in range(L))], lengths, [f"{x:.1f}" for x in lengths],
              f"length of the stream at “{short[position]}”", 10 if L <= 12 else 7)
        found, shares = next_tokens(arrays, position, BARS)
        what = "next token" if causal(arrays) else "token at this place"
        _bars(coming, [drawable(names[i])[:14] for i in found], shares, [f"{p:.2f}" for p in shares],
              f"probability of the {what}", 10)
    return figure


def _bars(axes: Axes, names: Sequence[str], values: np.ndarray, words: Sequence[str], title: str, size: float) -> None:
    """Bars from the left, each with its name and its number."""
    axes.barh(range(len(names)), values, color=COLOURS[0], height=0.7)
    for row, (value, word) in enumerate(zip(values, words)):
        axes.text(value, row, f" {word}", va="center", fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)
    room = 1.4 if max(map(len, words)) < 9 else 1.9
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, room * values.max()), xticks=[])
    axes.tick_params(length=0)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_title(title, fontsize=11, parse_math=False)
