"""word2vec: skip-gram and CBOW, with negative sampling or hierarchical softmax.

What it is. Two tables of vectors, one row a word: `w_in` for a word as it is read, `w_out` for a word as it is predicted.
Training nudges them until a word's vector scores its neighbours high and random words low. The first half of this
file says each piece as the papers do, plainly and slowly; the second half trains on millions of words.

What it leaves out. Phrases ("new york" as one word), and skipping a noise word that happens to be the very word
predicted (the released C code redraws it; at 60,000 words it is one draw in thousands).

Papers. Mikolov, Chen, Corrado, Dean (2013), "Efficient Estimation of Word Representations in Vector Space";
Mikolov, Sutskever, Chen, Corrado, Dean (2013), "Distributed Representations of Words and Phrases and their
Compositionality"; for the blocks of the fast half: Ji, Satish, Li, Dubey (2016), "Parallelizing Word2Vec in Shared and
Distributed Memory".

Shapes: V words, D vector size, B blocks in a batch, C = 16 centre words a block, H = C + 2 window (a block with its
halo), S = 16 noise words a block, L nodes on the longest path of the Huffman tree.
"""

import heapq
import math
import queue
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from tqdm.auto import tqdm

from course_lib import device as devices
from course_lib.keyed_vectors import KeyedVectors
from course_lib.vocab import Vocab


@dataclass(frozen=True)
class Word2VecConfig:
    """Settings, with gensim's names and meanings.

    `window`: each centre word draws its own reach from 1 to `window`. `negative`: noise words a pair (0 with `hs=True`
    trains hierarchical softmax alone). `sg`: 1 skip-gram, 0 CBOW. `sample`: words more frequent than this share of the
    text are thinned (0 keeps all). `alpha` falls in a straight line to `min_alpha`. `workers`: processes that train
    the same tables at once without locks (Hogwild); only `workers=1` gives the same vectors every time.
    """

    vector_size: int = 100
    window: int = 5
    min_count: int = 5
    negative: int = 5
    hs: bool = False
    sg: int = 1
    cbow_mean: bool = True
    ns_exponent: float = 0.75
    sample: float = 1e-3
    alpha: float = 0.025
    min_alpha: float = 1e-4
    epochs: int = 5
    seed: int = 1
    workers: int = 1

    def __post_init__(self):
        for name in ("vector_size", "window", "min_count", "epochs", "workers"):
            _require(isinstance(getattr(self, name), int) and getattr(self, name) >= 1, self, name, "a whole number of 1 or more")
        for name in ("negative", "seed"):
            _require(isinstance(getattr(self, name), int) and getattr(self, name) >= 0, self, name, "a whole number of 0 or more")
        _require(self.sg in (0, 1), self, "sg", "1 (skip-gram) or 0 (CBOW)")
        _require(0 <= self.sample < 1, self, "sample", "a share of the text: at least 0 and below 1")
        _require(0 < self.alpha <= 1, self, "alpha", "a learning rate above 0 and at most 1")
        _require(0 <= self.min_alpha <= self.alpha, self, "min_alpha", f"between 0 and alpha ({self.alpha})")
        _require(self.negative > 0 or self.hs, self, "negative", "1 or more, unless hs=True: else nothing is learnt")


def _require(holds: bool, config: Word2VecConfig, name: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{name}={getattr(config, name)!r} cannot be used: {name} must be {what}.")


# --- The pieces, as the papers say them (lessons 02 and 03) ---------------------------------------------------------


def window_pairs(sentence: Sequence[int], window: int, rng: np.random.Generator | None = None) -> list[tuple[int, int]]:
    """All (centre, context) pairs of one sentence: a word, and a word at most `window` places away.

    With `rng`, each centre first draws its own reach from 1..window, so that near words are seen more often.

    >>> window_pairs([7, 8, 9], window=1)
    [(7, 8), (8, 7), (8, 9), (9, 8)]
    """
    if window < 1:
        raise ValueError(f"window={window} leaves no neighbours: use 1 or more.")
    pairs = []
    for i, centre in enumerate(sentence):
        reach = window if rng is None else int(rng.integers(1, window + 1))
        for j in range(max(0, i - reach), min(len(sentence), i + reach + 1)):
            if j != i:
                pairs.append((centre, sentence[j]))
    return pairs


def softmax_loss(
    w_in: Float[Tensor, "V D"], w_out: Float[Tensor, "V D"], centres: Int[Tensor, " B"], contexts: Int[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Mean of -log p(context | centre) in nats, with p = softmax(w_out @ v_centre) over all V words."""
    scores = w_in[centres] @ w_out.T  # (B, V)
    return F.cross_entropy(scores, contexts)


def softmax_gradients(
    w_in: Float[np.ndarray, "V D"], w_out: Float[np.ndarray, "V D"], centre: int, context: int
) -> tuple[Float[np.ndarray, " D"], Float[np.ndarray, "V D"]]:
    """By hand, for one pair: the gradients of -log p(context | centre) for v_centre (D,) and for w_out (V, D).

    With p the softmax and e = p - onehot(context): grad v = w_out^T e, and row w of grad w_out = e[w] * v.
    """
    v = w_in[centre]  # (D,)
    scores = w_out @ v  # (V,)
    error = np.exp(scores - scores.max())
    error /= error.sum()
    error[context] -= 1.0
    return w_out.T @ error, np.outer(error, v)


def cbow_input(w_in: Float[Tensor, "V D"], sentence: Int[Tensor, " T"], window: int) -> Float[Tensor, "T D"]:
    """For each position: the mean vector of the words present within `window` of it, itself left out (no word: zeros)."""
    places = torch.arange(len(sentence), device=w_in.device)
    distance = (places[:, None] - places[None, :]).abs()
    present = ((distance >= 1) & (distance <= window)).to(w_in.dtype)  # (T, T)
    return present @ w_in[sentence] / present.sum(1, keepdim=True).clamp(min=1)


def keep_probability(counts: Float[np.ndarray, " V"], sample: float) -> Float[np.ndarray, " V"]:
    """Chance that one occurrence of each word survives subsampling: the released C code's min(1, (sqrt(f/t) + 1) t/f).

    f is the word's share of the text, t is `sample`. (The paper prints sqrt(t/f), which is smaller by t/f.)
    """
    counts = np.asarray(counts, dtype=np.float64)
    if sample == 0:
        return np.ones_like(counts)
    ratio = sample * counts.sum() / np.maximum(counts, 1e-12)  # t / f
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


def noise_distribution(counts: Float[np.ndarray, " V"], ns_exponent: float = 0.75) -> Float[np.ndarray, " V"]:
    """The words' chances of being drawn as noise: counts to the power `ns_exponent`, made to sum to one."""
    powered = np.asarray(counts, dtype=np.float64) ** ns_exponent
    return powered / powered.sum()


def sample_noise(
    probabilities: Float[np.ndarray, " V"], shape: int | tuple[int, ...], rng: np.random.Generator
) -> Int[np.ndarray, "..."]:
    """Words drawn with replacement from `probabilities`: a uniform number, looked up in the running sum."""
    edges = np.cumsum(probabilities)
    draws = np.searchsorted(edges, rng.random(shape) * edges[-1], side="right")
    return np.minimum(draws, len(edges) - 1)


def negative_sampling_loss(
    centre: Float[Tensor, "B D"], context: Float[Tensor, "B D"], noise: Float[Tensor, "B K D"]
) -> Float[Tensor, " B"]:
    """-log sigmoid(u_context . v) - sum_k log sigmoid(-u_noise_k . v), one number a pair, in nats (2013b, equation 4)."""
    positive = (centre * context).sum(-1)  # (B,)
    negative = torch.einsum("bd,bkd->bk", centre, noise)
    return -F.logsigmoid(positive) - F.logsigmoid(-negative).sum(-1)


def huffman_codes(counts: Sequence[int]) -> list[str]:
    """Each word's path from the root of the Huffman tree, as a string of 0 and 1: frequent words get short ones.

    The two lightest nodes are merged again and again, the lighter (on a tie: the older) one on branch 0.

    >>> huffman_codes([5, 2, 1])
    ['1', '01', '00']
    """
    heap = [(int(count), node) for node, count in enumerate(counts)]
    heapq.heapify(heap)
    above: dict[int, tuple[int, str]] = {}
    parent = len(heap)
    while len(heap) > 1:
        (light, a), (heavy, b) = heapq.heappop(heap), heapq.heappop(heap)
        above[a], above[b] = (parent, "0"), (parent, "1")
        heapq.heappush(heap, (light + heavy, parent))
        parent += 1
    codes = []
    for node in range(len(counts)):
        path = ""
        while node in above:
            node, bit = above[node]
            path = bit + path
        codes.append(path)
    return codes
