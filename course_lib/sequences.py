"""What came before attention: counting n-grams, a convolution over words, and two recurrent networks by hand.

What it is. Four ways to read a text in order. `NgramModel` counts what followed the last few symbols, and mixes long
contexts with short ones by weights fitted on held-out text. `CNNClassifier` slides filters over word vectors and keeps
each one's strongest answer. `RNNCell` and `LSTMCell` carry a state from word to word; `RNN` and `LSTM` run them along
padded sequences, and a language model, a classifier and an encoder with an attentive decoder stand on top.

What it leaves out. Kneser-Ney smoothing, peephole connections, the GRU, and torch's fused kernels (`nn.LSTM` computes
the same as `LSTM` here; on a GPU it is faster).

Papers. Jelinek & Mercer (1980), "Interpolated Estimation of Markov Source Parameters from Sparse Data"; Chen & Goodman
(1998), "An Empirical Study of Smoothing Techniques for Language Modeling" (its buckets); Kim (2014), "Convolutional
Neural Networks for Sentence Classification"; Elman (1990), "Finding Structure in Time"; Hochreiter & Schmidhuber
(1997), "Long Short-Term Memory"; Gers, Schmidhuber & Cummins (2000), "Learning to Forget" (the forget gate); Bahdanau,
Cho & Bengio (2015), "Neural Machine Translation by Jointly Learning to Align and Translate".

Shapes: B sequences, T places in the longest (S read, T written), V symbols, D vector size, I input size, H hidden size,
N order.
"""

import math
import numbers
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention import AdditiveAttention
from course_lib.losses import accuracy, check_mask, classification_loss, next_token_loss  # noqa: F401  (lessons)
from course_lib.settings import require, whole
from course_lib.shapes import check_tensor, shaped

PIECE = 1 << 20  # symbols scored at once, to bound the memory


def _require_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        require(whole(value, 1), name, value, "a whole number of 1 or more")


def _require_dropout(dropout: float) -> None:
    require(isinstance(dropout, numbers.Real) and 0 <= dropout < 1, "dropout", dropout, "at least 0 and below 1")


def perplexity(
    log_probs: Float[Tensor, "..."] | Float[np.ndarray, "..."], mask: Bool[Tensor, "..."] | None = None
) -> float:
    """exp of the mean of -log p, p in nats: among how many equally likely symbols the model is, on average, in doubt.

    `mask`: True where a symbol counts; padding does not, neither above nor below the fraction line.

    >>> round(perplexity(np.log([0.5, 0.125])), 6)  # 1/2 and 1/8: as good as 1/4 twice
    4.0
    """
    log_probs = torch.as_tensor(log_probs).double()
    if mask is not None:
        mask = torch.as_tensor(mask)
        if mask.dtype != torch.bool or mask.shape != log_probs.shape:
            raise ValueError(f"mask is {mask.dtype} of shape {tuple(mask.shape)}: it must be boolean and of the shape "
                             f"of log_probs, {tuple(log_probs.shape)}.")  # fmt: skip
        log_probs = log_probs[mask]
    if not log_probs.numel():
        raise ValueError("There is no symbol to take the perplexity of: the sequence is empty, or all of it is masked.")
    if (log_probs > 1e-6).any():
        raise ValueError(f"log_probs holds {log_probs.max():.4g}, but no log-probability is above 0: "
                         "give log p itself, not the loss -log p.")  # fmt: skip
    return float(torch.exp(-log_probs.mean()))


# --- Counting (lesson 09) -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Grams:
    """All n-grams of one order: sorted, so that those of one context lie together and any is found by bisection.

    keys:   context * V + symbol, where a context is the place of its (n-1)-gram in the list one order below
    counts: how often each was seen · starts: context c has keys[starts[c] : starts[c + 1]] · totals: their sum
    """

    keys: Int[np.ndarray, " K"]
    counts: Int[np.ndarray, " K"]
    starts: Int[np.ndarray, " C+1"]
    totals: Int[np.ndarray, " C"]

    def find(self, keys: Int[np.ndarray, " T"]) -> Int[np.ndarray, " T"]:
        """The place of each key in the list, -1 where it was never seen."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[places] == keys, places, -1)


def count_grams(ids: Int[np.ndarray, " T"], order: int, vocab_size: int) -> list[Grams]:
    """The n-grams of a text for n = 1..order. Sorting counts them: equal keys come to lie side by side."""
    orders, contexts = [], np.zeros(len(ids), dtype=np.int64)  # the empty context is number 0
    for _ in range(order):
        known = contexts >= 0  # not at the very start of the text, where the context would reach before it
        keys = contexts[known] * vocab_size + ids[known]
        keys, places, counts = np.unique(keys, return_inverse=True, return_counts=True)
        owners = keys // vocab_size
        totals = np.bincount(owners, weights=counts, minlength=len(orders[-1].keys) if orders else 1).astype(np.int64)
        starts = np.searchsorted(owners, np.arange(len(totals) + 1))
        orders.append(Grams(keys, counts, starts, totals))
        contexts = np.full(len(ids), -1, dtype=np.int64)
        contexts[1:][known[:-1]] = places[: known[:-1].sum()]  # each n-gram is the context of the symbol after it
    return orders


class NgramModel:
    """p(symbol | the `order` - 1 symbols before it), from counts of all lengths of context up to there.

    A text is a string (its symbols are characters), or a sequence of words or numbers. With c(h x) the count of an
    n-gram, of context h and symbol x, and h' the context h without its first symbol,

        p(x | h) = w(h) c(h x) / c(h) + (1 - w(h)) p(x | h')

    down to the empty context, below which all symbols are equally likely. A context never seen has w = 0; the others
    of one length share one weight. With more `buckets`, only those do that were also seen about as often per distinct
    symbol that followed: where few followed often, counts are to be trusted more. The weights are fitted on held-out
    text by expectation maximisation; on the text that was counted, the longest context would always seem the best.

    What the counted text lacks is one more symbol, "unknown", the last of `vocab_size`.
    """

    order: int
    buckets: int
    symbols: list[Hashable]
    vocab_size: int
    grams: list[Grams]
    weights: Float[np.ndarray, "N 1+buckets"]  # w of a context of 0, 1, ... symbols; column 0: never seen
    held_out_losses: list[float]  # nats a symbol on the held-out text, before each step of the fit

    def __init__(self, order: int, buckets: int = 1):
        _require_sizes(order=order, buckets=buckets)
        self.order, self.buckets = order, buckets

    def fit(self, text: Sequence, held_out: Sequence, iterations: int = 20) -> "NgramModel":
        """Count the n-grams of `text`, fit the weights on `held_out`; returns itself. ValueError where one is empty."""
        _require_sizes(iterations=iterations)
        self.is_string = isinstance(text, str)
        text, held_out = _symbols(text, "text"), _symbols(held_out, "held-out text")
        self.symbols = list(dict.fromkeys(text))
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}
        self.vocab_size = len(self.symbols) + 1
        self.grams = count_grams(self._encode(text), self.order, self.vocab_size)
        self._fit_weights(self._encode(held_out), iterations)
        return self

    def log_probs(self, text: Sequence) -> Float[np.ndarray, " T"]:
        """log p of each symbol in nats, given those before it in this text. ValueError for an empty text."""
        self._check_fitted()
        ids, reach = self._encode(_symbols(text, "text")), self.order - 1
        parts = []
        for low in range(0, len(ids), PIECE):
            first = max(0, low - reach)
            shares, buckets = self._shares(ids[first : low + PIECE])
            parts.append(np.log(self._mix(shares, buckets)[-1])[low - first :])
        return np.concatenate(parts)

    def perplexity(self, text: Sequence) -> float:
        return perplexity(self.log_probs(text))

    def probabilities(self, context: Sequence = ()) -> Float[np.ndarray, " V"]:
        """p of every symbol, in the order of `symbols` and then the unknown, after a context; they sum to one."""
        self._check_fitted()
        contexts = self._start()
        ids = self._encode(_plain(context))
        for symbol in ids[max(0, len(ids) - self.order + 1) :]:
            contexts = self._after(contexts, symbol)
        return self._next(contexts)

    def sample(self, length: int, prompt: Sequence = (), seed: int = 1) -> str | list:
        """`length` symbols drawn one after another, the prompt before them; a string where strings were counted."""
        require(whole(length, 0), "length", length, "a whole number of 0 or more")
        self._check_fitted()
        rng, contexts, drawn = np.random.default_rng(seed), self._start(), list(_plain(prompt))
        for symbol in self._encode(drawn):
            contexts = self._after(contexts, symbol)
        for _ in range(length):
            edges = np.cumsum(self._next(contexts)[:-1])  # the unknown cannot be written down
            symbol = min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(edges) - 1)
            drawn.append(self.symbols[symbol])
            contexts = self._after(contexts, symbol)
        return "".join(drawn) if self.is_string else drawn

    def _encode(self, text: Sequence) -> Int[np.ndarray, " T"]:
        return np.fromiter(map(self._ids.get, text, repeat(self.vocab_size - 1)), dtype=np.int64)

    def _check_fitted(self) -> None:
        if not hasattr(self, "weights"):
            raise RuntimeError("This n-gram model has counted nothing yet: call fit(text, held_out) first.")

    # One symbol after another: `contexts` holds, for each length of context, its number, or -1 if it was never seen.

    def _start(self) -> list[int]:
        return [0] + [-1] * (self.order - 1)

    def _after(self, contexts: list[int], symbol: int) -> list[int]:
        """The contexts once `symbol` was read: each grows by it, and is then the context one symbol longer."""
        keys = [context * self.vocab_size + symbol if context >= 0 else -1 for context in contexts[:-1]]
        return [0] + [int(grams.find(np.array([key]))[0]) for grams, key in zip(self.grams, keys)]

    def _next(self, contexts: list[int]) -> Float[np.ndarray, " V"]:
        p = np.full(self.vocab_size, 1 / self.vocab_size)
        for grams, context, weights in zip(self.grams, contexts, self.weights):
            if context >= 0 and grams.totals[context]:
                rows = slice(grams.starts[context], grams.starts[context + 1])
                w = weights[self._bucket(grams.totals[context], rows.stop - rows.start)]
                p *= 1 - w
                p[grams.keys[rows] % self.vocab_size] += w * grams.counts[rows] / grams.totals[context]
        return p

    # A whole text at once.

    def _bucket(self, total: Int[np.ndarray, "..."], distinct: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """The bucket of a context seen `total` times with so many distinct symbols after it, four to each doubling:
        1 where every follower came once, 5 where each came twice."""
        return 1 + np.minimum(4 * np.log2(total / distinct), self.buckets - 1).astype(np.int64)

    def _shares(self, ids: Int[np.ndarray, " T"]) -> tuple[Float[np.ndarray, "N T"], Int[np.ndarray, "N T"]]:
        """For each length of context and each symbol: c(h x) / c(h), and the bucket that h is in (0: never seen)."""
        T = len(ids)
        shares, buckets = np.zeros((self.order, T)), np.zeros((self.order, T), dtype=np.int64)
        contexts = np.zeros(T, dtype=np.int64)
        for n, grams in enumerate(self.grams):
            known = np.flatnonzero(contexts >= 0)
            known = known[grams.totals[contexts[known]] > 0]  # the text's last n-gram was followed by nothing
            owners = contexts[known]
            places = grams.find(owners * self.vocab_size + ids[known])
            totals = grams.totals[owners]
            shares[n, known] = np.where(places >= 0, grams.counts[places], 0) / totals
            buckets[n, known] = self._bucket(totals, grams.starts[owners + 1] - grams.starts[owners])
            contexts = np.full(T, -1, dtype=np.int64)
            inside = known + 1 < T
            contexts[known[inside] + 1] = places[inside]
        return shares, buckets

    def _mix(self, shares: Float[np.ndarray, "N T"], buckets: Int[np.ndarray, "N T"]) -> Float[np.ndarray, "N+1 T"]:
        """p of each symbol for contexts of all lengths: row 0 without any count, the last row the model's own."""
        p = np.full((self.order + 1, shares.shape[1]), 1 / self.vocab_size)
        for n in range(self.order):
            w = self.weights[n][buckets[n]]
            p[n + 1] = w * shares[n] + (1 - w) * p[n]
        return p

    def _fit_weights(self, ids: Int[np.ndarray, " T"], iterations: int) -> None:
        """Expectation maximisation: whose doing was each held-out symbol, and how often was it each bucket's?

        `reached` is the probability that the choice came down to contexts of this length or shorter, given the symbol;
        `chosen` that it stopped here. A bucket's new weight is their ratio, summed over its symbols; one symbol more
        each way, made up, keeps a bucket that held-out text hardly met from being certain.
        """
        shares, buckets = self._shares(ids)
        self.weights = np.full((self.order, 1 + self.buckets), 0.5)
        self.weights[:, 0] = 0
        self.held_out_losses = []
        for _ in range(iterations):
            p = self._mix(shares, buckets)
            self.held_out_losses.append(float(-np.log(p[-1]).mean()))
            reached = np.ones(len(ids))
            for n in reversed(range(self.order)):
                chosen = reached * self.weights[n][buckets[n]] * shares[n] / p[n + 1]
                here, there = (np.bincount(buckets[n], part, 1 + self.buckets) for part in (chosen, reached))
                self.weights[n, 1:] = ((here + 1) / (there + 2))[1:]
                reached = reached - chosen


def _plain(text: Sequence) -> Sequence:
    """The text, as Python's own strings or numbers: a tensor's are told apart by their place in memory."""
    return text.tolist() if hasattr(text, "tolist") else text


def _symbols(text: Sequence, name: str) -> Sequence:
    """The text by `_plain`, or a ValueError."""
    text = _plain(text)
    if not isinstance(text, Sequence):
        raise ValueError(f"The {name} is a {type(text).__name__}: give a string, or a list of words or numbers.")
    if not text:
        raise ValueError(f"The {name} is empty: give at least one symbol.")
    if not isinstance(text[0], Hashable):
        raise ValueError(f"The {name} is a list of lists: join the sentences into one list first.")
    return text


# --- Recurrent cells, by hand (lesson 09) ---------------------------------------------------------------------------


class Cell(nn.Module):
    """What both cells share: a weight for the input, one for the hidden state, and one bias, for all gates at once.

    torch's cells have two biases, which only ever occur as their sum. Weights start uniform in +-1/sqrt(H), as there.
    """

    gates = 1

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        _require_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih = nn.Parameter(torch.empty(self.gates * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(self.gates * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.zeros(self.gates * hidden_size))
        for weight in (self.weight_ih, self.weight_hh):
            nn.init.uniform_(weight, -1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))

    def project(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... gates*H"]:
        """W x + b: what does not wait for the state, and so can be done for a whole sequence at once."""
        if x.shape[-1] != self.input_size:
            raise ValueError(f"The input has {x.shape[-1]} numbers a place: this cell was made with "
                             f"input_size={self.input_size}.")  # fmt: skip
        return F.linear(x, self.weight_ih, self.bias)

    def zeros(self, like: Float[Tensor, "... gates*H"]) -> tuple[Float[Tensor, "... H"], ...]:
        """The state before the first word."""
        raise NotImplementedError

    def step(self, projected: Float[Tensor, "... gates*H"], state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """One word further: the new state, its first part the output."""
        raise NotImplementedError


class RNNCell(Cell):
    """Elman's cell: h' = tanh(W x + U h + b), W = weight_ih [H, I], U = weight_hh [H, H], b = bias [H]."""

    def zeros(self, like):
        return (like.new_zeros(*like.shape[:-1], self.hidden_size),)

    def step(self, projected, state):
        (h,) = state
        return (torch.tanh(projected + F.linear(h, self.weight_hh)),)

    def forward(self, x: Float[Tensor, "... I"], h: Float[Tensor, "... H"] | None = None) -> Float[Tensor, "... H"]:
        projected = self.project(x)
        return self.step(projected, self.zeros(projected) if h is None else (h,))[0]


class LSTMCell(Cell):
    """Long short-term memory, with a forget gate:

        i = sigmoid(W_i x + U_i h + b_i)    what to write          f = sigmoid(W_f x + U_f h + b_f)    what to keep
        g = tanh   (W_g x + U_g h + b_g)    the new content        o = sigmoid(W_o x + U_o h + b_o)    what to show
        c' = f * c + i * g                                         h' = o * tanh(c')

    The rows of weight_ih [4H, I], weight_hh [4H, H] and bias [4H] are those of i, f, g, o, in this order (torch's).
    `forget_bias` is b_f at the start: 1 keeps most of the memory until the cell has learnt what to drop (Gers et al.).
    """

    gates = 4

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0):
        super().__init__(input_size, hidden_size)
        finite = isinstance(forget_bias, numbers.Real) and math.isfinite(forget_bias)
        require(finite, "forget_bias", forget_bias, "a finite number")
        with torch.no_grad():
            self.bias[hidden_size : 2 * hidden_size] = forget_bias

    def zeros(self, like):
        return tuple(like.new_zeros(*like.shape[:-1], self.hidden_size) for _ in range(2))

    def step(self, projected, state):
        h, c = state
        i, f, g, o = (projected + F.linear(h, self.weight_hh)).chunk(4, dim=-1)  # (..., H) each
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    def forward(
        self, x: Float[Tensor, "... I"], state: tuple[Float[Tensor, "... H"], Float[Tensor, "... H"]] | None = None
    ) -> tuple[Float[Tensor, "... H"], Float[Tensor, "... H"]]:
        projected = self.project(x)
        return self.step(projected, self.zeros(projected) if state is None else state)


# --- Along a sequence -----------------------------------------------------------------------------------------------

State = list[tuple[Tensor, ...]]  # for each layer (and within it each direction) the parts of its cell's state


class Recurrent(nn.Module):
    """Cells along padded sequences, layer upon layer; `bidirectional` reads each layer from both ends.

    forward returns (outputs, state): the hidden state at every place, zeros on padding (both directions side by side:
    2H), and each cell's state after its last word. `lengths` says how many places of each sequence are no padding.
    """

    cell_class: type[Cell]

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0,
                 bidirectional: bool = False, **cell_options):  # fmt: skip
        super().__init__()
        _require_sizes(num_layers=num_layers)
        _require_dropout(dropout)
        self.directions, self.dropout = 2 if bidirectional else 1, nn.Dropout(dropout)
        widths = [input_size] + [self.directions * hidden_size] * (num_layers - 1)
        self.cells = nn.ModuleList(
            self.cell_class(width, hidden_size, **cell_options) for width in widths for _ in range(self.directions)
        )

    def forward(
        self, inputs: Float[Tensor, "B T I"], lengths: Int[Tensor, " B"] | None = None, state: State | None = None
    ) -> tuple[Float[Tensor, "B T H"], State]:
        _check_sequences(inputs, lengths)
        if state is not None and len(state) != len(self.cells):
            raise ValueError(f"The state is one of {len(state)} cells, and here are {len(self.cells)}: "
                             "give the state that this module returned.")  # fmt: skip
        x, new_state = inputs, []
        for first in range(0, len(self.cells), self.directions):
            outputs = []
            for direction in range(self.directions):
                backwards = direction == 1
                before = None if state is None else state[first + direction]
                y, after = _run(self.cells[first + direction], reverse(x, lengths) if backwards else x, lengths, before)
                outputs.append(reverse(y, lengths) if backwards else y)
                new_state.append(after)
            x = torch.cat(outputs, dim=-1)  # (B, T, H) or (B, T, 2H)
            if first + self.directions < len(self.cells):
                x = self.dropout(x)
        return x, new_state


class RNN(Recurrent):
    """`RNNCell` along sequences."""

    cell_class = RNNCell


class LSTM(Recurrent):
    """`LSTMCell` along sequences; takes its `forget_bias`."""

    cell_class = LSTMCell


def _run(cell: Cell, x: Float[Tensor, "B T I"], lengths, state) -> tuple[Float[Tensor, "B T H"], tuple[Tensor, ...]]:
    projected = cell.project(x)  # (B, T, gates H)
    state = cell.zeros(projected[:, 0]) if state is None else state
    outputs = []
    for t, now in enumerate(projected.unbind(1)):
        new = cell.step(now, state)
        if lengths is None:
            state, output = new, new[0]
        else:  # where the sequence is over its state stays as it is
            alive = (t < lengths)[:, None]
            state = tuple(torch.where(alive, after, before) for after, before in zip(new, state))
            output = torch.where(alive, new[0], torch.zeros_like(new[0]))
        outputs.append(output)
    return torch.stack(outputs, dim=1), state


def reverse(x: Float[Tensor, "B T D"], lengths: Int[Tensor, " B"] | None = None) -> Float[Tensor, "B T D"]:
    """Each sequence back to front, its padding left at the end."""
    if lengths is None:
        return x.flip(1)
    places = torch.arange(x.shape[1], device=x.device)[None, :]
    back = torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)  # (B, T)
    return x.gather(1, back[:, :, None].expand_as(x))


def _check_sequences(inputs: Tensor, lengths: Tensor | None) -> None:
    if inputs.ndim != 3:
        raise ValueError(f"The input has the shape {tuple(inputs.shape)}: it must be (batch, length, input_size).")
    B, T, _ = inputs.shape
    if not B or not T:
        raise ValueError(f"The input has the shape {tuple(inputs.shape)}: give at least one sequence of one place.")
    if lengths is None:
        return
    check_tensor("batch of lengths", lengths)
    fits = not (lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool)
    fits = fits and lengths.shape == (B,) and _all((lengths >= 1) & (lengths <= T))
    if not fits:
        raise ValueError(f"lengths is {lengths.tolist()}: give each of the {B} sequences a whole number from 1 to {T}.")


def _all(holds: Bool[Tensor, " B"]) -> bool:
    """Do all hold? Told on the CPU alone: elsewhere the answer would have to be waited for, in every step.

    There it is True. A GPU of CUDA looks by itself and, where it is not, stops as at a token that does not exist.
    """
    if holds.device.type == "cpu":
        return all(holds.tolist())
    if holds.device.type == "cuda":
        torch._assert_async(holds.all())
    return True


def lengths_of(attention_mask: Bool[Tensor, "B T"] | None, input_ids: Int[Tensor, "B T"]) -> Int[Tensor, " B"] | None:
    """How long each sequence is, from its mask: True for the text, then False for the padding after it."""
    check_tensor("batch of token ids", input_ids)
    if input_ids.ndim != 2 or not input_ids.numel():
        raise ValueError(f"input_ids has the shape {tuple(input_ids.shape)}: it must be (batch, length), neither 0.")
    if attention_mask is None:
        return None
    check_mask(attention_mask, input_ids)
    lengths = attention_mask.sum(1)
    if not _all(lengths > 0):
        raise ValueError(f"Sequence {lengths.tolist().index(0)} of the batch is empty, its mask is all False: "
                         "leave it out, or give it one token.")  # fmt: skip
    if not _all(~(attention_mask[:, 1:] & ~attention_mask[:, :-1]).any(1)):
        raise ValueError("attention_mask has True after False: a sequence's padding must come after its text.")
    return lengths


# --- Models on top --------------------------------------------------------------------------------------------------

LAYERS = {"rnn": RNN, "lstm": LSTM}


def _embed(embedding: nn.Embedding, input_ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
    """The vectors of the symbols. ValueError for one that the vocabulary lacks (on a GPU torch stops by itself)."""
    check_tensor("batch of token ids", input_ids)
    if input_ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"The token ids are of type {input_ids.dtype}: give whole numbers, of type torch.int64.")
    try:
        return embedding(input_ids)
    except IndexError:
        low, high = int(input_ids.min()), int(input_ids.max())
        raise ValueError(f"There is no token {low if low < 0 else high}: ids go from 0 to "
                         f"{embedding.num_embeddings - 1}.") from None  # fmt: skip


def _layers(cell: str) -> type[Recurrent]:
    require(cell in LAYERS, "cell", cell, f"one of {', '.join(map(repr, LAYERS))}")
    return LAYERS[cell]


class RecurrentLanguageModel(nn.Module):
    """Embedding, RNN or LSTM, and a score for every word that may come next.

    forward returns logits: those at place t, which has read the words up to and with t, are for the word at t + 1.
    """

    def __init__(self, vocab_size: int, d_model: int = 128, num_layers: int = 1, dropout: float = 0.0,
                 cell: str = "lstm", **cell_options):  # fmt: skip
        super().__init__()
        _require_sizes(vocab_size=vocab_size, d_model=d_model)
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.layers = _layers(cell)(d_model, d_model, num_layers, dropout, **cell_options)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(d_model, vocab_size)

    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T V"]:
        return self.read(input_ids, lengths_of(attention_mask, input_ids))[0]

    def read(
        self, input_ids: Int[Tensor, "B T"], lengths: Int[Tensor, " B"] | None = None, state: State | None = None
    ) -> tuple[Float[Tensor, "B T V"], State]:
        """The logits, and the state to go on reading from."""
        x, state = self.layers(self.dropout(_embed(self.embedding, input_ids)), lengths, state)
        return self.output(self.dropout(x)), state

    @torch.no_grad()
    def sample(
        self, input_ids: Int[Tensor, "B T"], length: int, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B T+length"]:
        """The prompt and `length` words more, each drawn from the model's probabilities. (Call eval() first.)"""
        require(whole(length, 0), "length", length, "a whole number of 0 or more")
        lengths_of(None, input_ids)  # refuses an empty prompt
        logits, state = self.read(input_ids)
        for _ in range(length):
            word = torch.multinomial(logits[:, -1].softmax(-1), 1, generator=generator)  # (B, 1)
            input_ids = torch.cat([input_ids, word], dim=1)
            logits, state = self.read(word, state=state)
        return input_ids


class RecurrentClassifier(nn.Module):
    """Embedding, RNN or LSTM, and a score for each class from the state after the last word (of both directions)."""

    def __init__(self, vocab_size: int, num_classes: int, d_model: int = 128, num_layers: int = 1, dropout: float = 0.0,
                 cell: str = "lstm", bidirectional: bool = False, **cell_options):  # fmt: skip
        super().__init__()
        _require_sizes(vocab_size=vocab_size, num_classes=num_classes, d_model=d_model)
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.layers = _layers(cell)(d_model, d_model, num_layers, dropout, bidirectional, **cell_options)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(d_model * self.layers.directions, num_classes)

    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B num_classes"]:
        lengths = lengths_of(attention_mask, input_ids)
        _, state = self.layers(self.dropout(_embed(self.embedding, input_ids)), lengths)
        last = torch.cat([parts[0] for parts in state[-self.layers.directions :]], dim=-1)  # (B, H) or (B, 2H)
        return self.output(self.dropout(last))


class RecurrentEncoderDecoder(nn.Module):
    """Reads one sequence and writes another, and before each symbol it writes looks back at all it has read.

    The encoder reads from both ends: one vector of 2D numbers for each place. The decoder reads what is written so far;
    its state is the query of additive attention over those vectors, and what comes back decides about the next symbol.
    `attention=False` takes the looking back away: each symbol gets the encoder's last state, and must do with that.
    """

    def __init__(self, vocab_size: int, d_model: int = 64, cell: str = "lstm", attention: bool = True, **cell_options):
        super().__init__()
        _require_sizes(vocab_size=vocab_size, d_model=d_model)
        self.embedding = nn.Embedding(vocab_size, d_model)  # one alphabet for both sides
        self.encoder = _layers(cell)(d_model, d_model, bidirectional=True, **cell_options)
        self.decoder = _layers(cell)(d_model, d_model, **cell_options)
        self.attention = AdditiveAttention(d_model, 2 * d_model, d_model) if attention else None
        self.mix = nn.Linear(3 * d_model, d_model)
        self.output = nn.Linear(d_model, vocab_size)

    def forward(
        self,
        source_ids: Int[Tensor, "B S"],
        target_ids: Int[Tensor, "B T"],
        source_mask: Bool[Tensor, "B S"] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T V"] | tuple[Float[Tensor, "B T V"], Float[Tensor, "B T S"]]:
        """Logits: those at place t guess the target's symbol t + 1. With `return_attention` also each symbol's weights.

        The mask is True for text, then False for padding. ValueError where the weights are asked of a model without.
        """
        if return_attention and self.attention is None:
            raise ValueError("This model was made with attention=False: it has no weights to return.")
        logits, _, weights = self._write(target_ids, *self._read(source_ids, source_mask), source_mask)
        return (logits, weights) if return_attention else logits

    def _read(self, source_ids, source_mask) -> tuple[Float[Tensor, "B S 2D"], Float[Tensor, "B 2D"]]:
        """A vector for each place, and the last state of both directions."""
        memory, state = self.encoder(_embed(self.embedding, source_ids), lengths_of(source_mask, source_ids))
        return memory, torch.cat([parts[0] for parts in state], dim=-1)

    def _write(self, target_ids, memory, last, source_mask, state: State | None = None) -> tuple:
        """(logits, the decoder's state to go on from, weights or None)."""
        y, state = self.decoder(_embed(self.embedding, target_ids), state=state)  # (B, T, D)
        if self.attention is None:
            context, weights = last[:, None].expand(-1, y.shape[1], -1), None  # (B, T, 2D)
        else:
            context, weights = self.attention(y, memory, mask=None if source_mask is None else source_mask[:, None])
        mixed = torch.tanh(self.mix(torch.cat([y, context], dim=-1)))  # (B, T, D)
        return self.output(mixed), state, weights

    @torch.no_grad()
    @shaped  # once, and not for each symbol that is written
    def generate(
        self, source_ids: Int[Tensor, "B S"], start: int, end: int, max_length: int,
        source_mask: Bool[Tensor, "B S"] | None = None,
    ) -> Int[Tensor, "B N"]:  # fmt: skip
        """The likeliest symbol, again and again, from `start` until every row has said `end` or holds `max_length`.

        The symbols after `start`; a row that has said `end` repeats it.
        """
        require(whole(max_length, 1), "max_length", max_length, "a whole number of 1 or more")
        require(isinstance(end, numbers.Integral), "end", end, "the number of a symbol")
        memory, last = self._read(source_ids, source_mask)
        symbol, state, written = torch.full_like(source_ids[:, :1], start), None, []
        while len(written) < max_length and not (written and bool((symbol == end).all())):
            over = symbol == end if written else torch.zeros_like(symbol, dtype=torch.bool)
            logits, state, _ = self._write(symbol, memory, last, source_mask, state)
            symbol = logits.argmax(-1).masked_fill(over, end)  # (B, 1)
            written.append(symbol)
        return torch.cat(written, dim=1)


class CNNClassifier(nn.Module):
    """Kim's classifier: filters that look at 3, 4 and 5 words at once, and of each only its strongest answer.

    Embedding (B, T, D) -> for each width a convolution with ReLU -> maximum over the places -> dropout -> scores. No
    filter sees padding, unless the text is shorter than the filter is wide: a text's scores are the same in any batch.
    """

    def __init__(self, vocab_size: int, num_classes: int, d_model: int = 100, widths: tuple[int, ...] = (3, 4, 5),
                 filters: int = 100, dropout: float = 0.5):  # fmt: skip
        super().__init__()
        _require_sizes(vocab_size=vocab_size, num_classes=num_classes, d_model=d_model, filters=filters)
        _require_dropout(dropout)
        usable = isinstance(widths, (tuple, list)) and widths and all(whole(width, 1) for width in widths)
        require(usable, "widths", widths, "one or more whole numbers of 1 or more, as in (3, 4, 5)")
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.convolutions = nn.ModuleList(nn.Conv1d(d_model, filters, width) for width in widths)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(filters * len(widths), num_classes)

    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B num_classes"]:
        lengths = lengths_of(attention_mask, input_ids)
        B, T = input_ids.shape
        lengths = torch.full((B,), T, device=input_ids.device) if lengths is None else lengths
        places = torch.arange(T, device=input_ids.device)
        x = _embed(self.embedding, input_ids) * (places < lengths[:, None])[:, :, None]  # (B, T, D), zeros on padding
        strongest = [self._strongest(convolution, x.transpose(1, 2), lengths) for convolution in self.convolutions]
        return self.output(self.dropout(torch.cat(strongest, dim=-1)))

    @staticmethod
    def _strongest(convolution: nn.Conv1d, x: Float[Tensor, "B D T"], lengths: Int[Tensor, " B"]) -> Tensor:
        """(B, filters): the largest answer of each filter over the places where it lies within the text."""
        (width,) = convolution.kernel_size
        answers = convolution(F.pad(x, (0, max(0, width - x.shape[2])))).relu()  # (B, filters, T - width + 1)
        starts = torch.arange(answers.shape[2], device=x.device)
        inside = starts <= (lengths - width).clamp(min=0)[:, None]  # (B, T - width + 1); the first always is
        return answers.masked_fill(~inside[:, None, :], 0.0).amax(2)  # no answer is below 0
