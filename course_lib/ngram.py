"""N-grams: what comes next is what came next before, counted; long contexts are mixed with short ones.

What it is. `count_grams` counts what followed each context of up to a few symbols. `NgramModel` mixes the shares of all
lengths of context by weights fitted on held-out text, scores texts and writes new ones.

What it leaves out. Kneser-Ney smoothing.

Papers. Jelinek & Mercer (1980), "Interpolated Estimation of Markov Source Parameters from Sparse Data"; Chen & Goodman
(1998), "An Empirical Study of Smoothing Techniques for Language Modeling" (its buckets).

Shapes: T places of the text, V symbols, N order.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from jaxtyping import Float, Int

from course_lib.losses import perplexity
from course_lib.settings import Count, Size, require
from course_lib.shapes import plain, shaped

PIECE = 1 << 20  # symbols scored at once, to bound the memory


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

    down to the empty context; below that, all symbols are equally likely. All contexts of one length share one weight
    (one that was never seen has w = 0), fitted on held-out text by expectation maximisation: on the text that was
    counted, the longest context would always seem the best. With more `buckets` a length has several weights, for
    contexts whose followers each came about once, about twice, and so on: the few that come often are to be trusted
    more than the many that came once.

    What the counted text lacks is one more symbol, "unknown", the last of `vocab_size`.
    """

    order: int
    buckets: int
    symbols: list[Hashable]
    vocab_size: int
    grams: list[Grams]
    weights: Float[np.ndarray, "N 1+buckets"]  # w of a context of 0, 1, ... symbols; column 0: never seen
    held_out_losses: list[float]  # nats a symbol on the held-out text, before each step of the fit

    @shaped
    def __init__(self, order: Size, buckets: Size = 1):
        self.order, self.buckets = order, buckets

    @shaped
    def fit(self, text: Sequence, held_out: Sequence, iterations: Size = 20) -> "NgramModel":
        """Count the n-grams of `text`, fit the weights on `held_out`; returns itself. ValueError where one is empty."""
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
        contexts = self._start()
        ids = self._encode(plain(context))
        for symbol in ids[max(0, len(ids) - self.order + 1) :]:
            contexts = self._after(contexts, symbol)
        return self._next(contexts)

    @shaped
    def sample(self, length: Count, prompt: Sequence = (), seed: int = 1) -> str | list:
        """`length` symbols drawn one after another, the prompt before them; a string where strings were counted."""
        rng, contexts, drawn = np.random.default_rng(seed), self._start(), list(plain(prompt))
        for symbol in self._encode(drawn):
            contexts = self._after(contexts, symbol)
        for _ in range(length):
            edges = np.cumsum(self._next(contexts)[:-1])  # the unknown cannot be written down
            symbol = min(int(np.searchsorted(edges, rng.random() * edges[-1], side="right")), len(edges) - 1)
            drawn.append(self.symbols[symbol])
            contexts = self._after(contexts, symbol)
        return "".join(drawn) if self.is_string else drawn

    def _encode(self, text: Sequence) -> Int[np.ndarray, " T"]:
        if not hasattr(self, "_ids"):
            raise RuntimeError("This n-gram model has counted nothing yet: call fit(text, held_out) first.")
        return np.fromiter(map(self._ids.get, text, repeat(self.vocab_size - 1)), dtype=np.int64)

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


def _symbols(text: Sequence, name: str) -> Sequence:
    """The text as Python's own strings or numbers, or a ValueError."""
    text = plain(text)
    fits = isinstance(text, Sequence) and len(text) > 0
    require(fits, name, text, "a string, or a list of words or numbers, with one symbol at least")
    require(isinstance(text[0], Hashable), name, text, "one list, and not one of lists: join the sentences first")
    return text
