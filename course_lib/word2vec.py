"""word2vec: skip-gram and CBOW, with negative sampling or hierarchical softmax.

What it is. Two tables of vectors, one row a word: `w_in` for a word as it is read, `w_out` for a word as it is
predicted. Training nudges them until a word's vector scores its neighbours high and random words low. The first half
of this file says each piece as the papers do, plainly and slowly; the second half trains on millions of words.

What it leaves out. Phrases ("new york" as one word), and dropping a noise word that happens to be the very word
predicted (the released C code does; of 60,000 words it is one draw in thousands).

Papers. Mikolov, Chen, Corrado, Dean (2013), "Efficient Estimation of Word Representations in Vector Space";
Mikolov, Sutskever, Chen, Corrado, Dean (2013), "Distributed Representations of Words and Phrases and their
Compositionality"; for the blocks of the fast half: Ji, Satish, Li, Dubey (2016), "Parallelizing Word2Vec in Shared and
Distributed Memory".

Shapes: V words, D vector size, B blocks in a batch, C centre words a block (24, fewer for a small vocabulary),
H = C + 2 window (a block with its halo), S noise words a block (20, or fewer), L nodes on the longest path of the
Huffman tree.
"""

import heapq
import math
import queue
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
from jaxtyping import Float, Int, Real
from torch import Tensor

from course_lib import device as devices
from course_lib.keyed_vectors import KeyedVectors
from course_lib.progress import Listener, Progress, reporter  # noqa: F401  (what a listener is called with)
from course_lib.settings import Count, NotNegative, Rule, Settings, Share, Size, at_most, number, require, whole
from course_lib.shapes import plain, shaped
from course_lib.vocab import Vocab

Window = Annotated[int, Rule(lambda n: whole(n, 1) and n <= 50, "1 to 50: some tables grow with its third power")]
Finite = Annotated[float, Rule(number, "a finite number")]
Rate = Annotated[float, Rule(lambda x: number(x) and 0 < x <= 1, "a learning rate above 0 and at most 1")]


@dataclass(frozen=True)
class Word2VecConfig(Settings):
    """Settings, with gensim's names and meanings (but with `cbow_mean=False` each context word gets the whole gradient,
    where gensim gives it a share).

    `window`, at most 50: each centre word draws its own reach from 1 to `window`. `negative`: noise words a pair (0
    with `hs=True` trains hierarchical softmax alone). `sg`: 1 skip-gram, 0 CBOW. `sample`: words more frequent than
    this share of the text are thinned (0 keeps all). `alpha` falls in a straight line to `min_alpha`. `workers`:
    processes that train the same tables at once without locks (Hogwild); only `workers=1` gives one result.
    """

    vector_size: Size = 100
    window: Window = 5
    min_count: Size = 5
    negative: Count = 5
    hs: bool = False
    sg: Literal[1, 0] = 1
    cbow_mean: bool = True
    ns_exponent: Finite = 0.75
    sample: Share = 1e-3
    alpha: Rate = 0.025
    min_alpha: Annotated[NotNegative, at_most("alpha")] = 1e-4
    epochs: Size = 5
    seed: Count = 1
    workers: Size = 1

    def __post_init__(self):
        super().__post_init__()

        require(self.negative > 0 or self.hs, "negative", self.negative, "1 or more unless hs=True: or nothing learns")


# --- The pieces, as the papers say them (lessons 02 and 03) ---------------------------------------------------------


@shaped
def window_pairs(
    sentence: Sequence[int], window: Size, rng: np.random.Generator | None = None
) -> list[tuple[int, int]]:
    """All (centre, context) pairs of one sentence: a word, and a word at most `window` places away.

    With `rng`, each centre first draws its own reach from 1..window, so that near words are seen more often.

    >>> window_pairs([7, 8, 9], window=1)
    [(7, 8), (8, 7), (8, 9), (9, 8)]
    """
    pairs, sentence = [], plain(sentence)
    for i, centre in enumerate(sentence):
        reach = window if rng is None else int(rng.integers(1, window + 1))
        for j in range(max(0, i - reach), min(len(sentence), i + reach + 1)):
            if j != i:
                pairs.append((centre, sentence[j]))
    return pairs


@shaped
def softmax_loss(
    w_in: Float[Tensor, "V D"], w_out: Float[Tensor, "V D"], centres: Int[Tensor, " B"], contexts: Int[Tensor, " B"]
) -> Float[Tensor, ""]:
    """Mean of -log p(context | centre) in nats, with p = softmax(w_out @ v_centre) over all V words."""
    scores = w_in[centres] @ w_out.T  # (B, V)
    return F.cross_entropy(scores, contexts)


@shaped
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


@shaped
def cbow_input(w_in: Float[Tensor, "V D"], sentence: Int[Tensor, " T"], window: int) -> Float[Tensor, "T D"]:
    """For each position: the mean vector of the words present within `window` of it, itself left out (none: zeros)."""
    places = torch.arange(len(sentence), device=w_in.device)
    distance = (places[:, None] - places[None, :]).abs()
    present = ((distance >= 1) & (distance <= window)).to(w_in.dtype)  # (T, T)
    return present @ w_in[sentence] / present.sum(1, keepdim=True).clamp(min=1)


@shaped
def keep_probability(counts: Real[np.ndarray, " V"], sample: float) -> Float[np.ndarray, " V"]:
    """Chance that one occurrence of each word survives subsampling: the released C code's min(1, (sqrt(f/t) + 1) t/f).

    f is the word's share of the text, t is `sample`. (The paper prints sqrt(t/f), which is smaller by t/f.)
    """
    counts = np.asarray(counts, dtype=np.float64)
    if sample == 0:
        return np.ones_like(counts)
    ratio = sample * counts.sum() / np.maximum(counts, 1e-12)  # t / f
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


@shaped
def noise_distribution(counts: Real[np.ndarray, " V"], ns_exponent: float = 0.75) -> Float[np.ndarray, " V"]:
    """The words' chances of being drawn as noise: counts to the power `ns_exponent`, made to sum to one."""
    powered = np.asarray(counts, dtype=np.float64) ** ns_exponent
    return powered / powered.sum()


@shaped
def sample_noise(
    probabilities: Real[np.ndarray, " V"], shape: int | tuple[int, ...], rng: np.random.Generator
) -> Int[np.ndarray, "..."]:
    """Words drawn with replacement from `probabilities`: a uniform number, looked up in the running sum."""
    edges = np.cumsum(probabilities)
    draws = np.searchsorted(edges, rng.random(shape) * edges[-1], side="right")
    return np.minimum(draws, len(edges) - 1)


@shaped
def negative_sampling_loss(
    centre: Float[Tensor, "B D"], context: Float[Tensor, "B D"], noise: Float[Tensor, "B K D"]
) -> Float[Tensor, " B"]:
    """-log sigmoid(u_context . v) - sum_k log sigmoid(-u_k . v): one number a pair, in nats (2013b, equation 4)."""
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


# --- The same, fast: blocks of text and matrix products -------------------------------------------------------------

BLOCK = 24  # centre words that share one halo of context and their noise words; with 16, analogies suffer
NOISE = 20  # noise words a block; with 16 a tenth faster, and analogies suffer
BATCH = 32  # blocks a step; with many more, the summed steps of a frequent word grow too long
CHUNK = 64  # batches whose indices are prepared at once


def train(
    corpus: Iterable[list[str]],
    config: Word2VecConfig | None = None,
    device: torch.device | str | None = None,
    progress: bool | Listener = True,
) -> KeyedVectors:
    """Train word vectors on an iterable of sentences (lists of words) that can be read twice.

    `workers` above 1 starts other processes: a script must then call this under `if __name__ == "__main__":`.

    `progress`: True shows a bar with the live loss, a function is called with a `Progress` a few times a second.
    On the CPU with `workers=1` one seed gives one result, bit for bit. Raises ValueError for a corpus without a
    frequent enough word and RuntimeError when the loss is no longer a number.
    """
    vocab, tables = _fit(corpus, config or Word2VecConfig(), device, progress, Tables.of_words, "word2vec")
    return KeyedVectors(vocab.index_to_key, tables.w_in.cpu().numpy())


def _fit(corpus, config: Word2VecConfig, device, progress, new_tables: Callable, name: str) -> tuple[Vocab, "Tables"]:
    """What word2vec and fastText share: read the corpus, make the tables, train them."""
    one = config.workers == 1 or torch.device(device or "cpu").type == "cpu"
    require(one, "workers", config.workers, f"1 on {device}, as processes share tables on the CPU alone")
    where = devices.pick(device or "cpu")
    vocab = Vocab.from_corpus(corpus, min_count=config.min_count)
    ids, starts = vocab.encode_corpus(corpus)
    require(len(ids) > 0, "corpus", corpus, "a list and not a generator: it gave nothing when it was read again")
    with devices.one_thread(), reporter(progress, config.epochs * len(ids), unit="words", name=name) as report:
        tables = new_tables(vocab, config, where)
        run = _epochs if config.workers == 1 else _hogwild
        for done, loss in run(tables, ids, starts, config):
            if not math.isfinite(loss):
                raise RuntimeError(f"The loss is {loss} after {done:,} words: lower alpha={config.alpha}.")
            report(done, loss)
    if not (tables.w_tree if config.hs else tables.w_out).any():  # it starts as zeros, and whatever is learned moves it
        lower = f"raise sample={config.sample} or lower min_count={config.min_count}"
        raise ValueError(f"There was nothing to learn from: of {len(ids):,} words none has a neighbour: {lower}.")
    return vocab, tables


class Tables:
    """The two trained tables, and the tables that a training step only looks things up in.

    `fasttext` makes `w_in` out of pieces of words: it overrides `chunk`, `read` and `write`.
    """

    chunk = CHUNK  # batches between a `read` and its `write`

    @classmethod
    def of_words(cls, vocab: Vocab, config: Word2VecConfig, device: torch.device) -> "Tables":
        return cls(vocab.counts, config, device)

    def read(self, words: Int[Tensor, "N H"]) -> None:
        """Called before the batches of a chunk, with their words. Rows of whole words are ready."""

    def write(self) -> None:
        """Called after the batches of a chunk. Steps of whole words are in their rows already."""

    def __init__(self, counts: Int[np.ndarray, " V"], config: Word2VecConfig, device: torch.device):
        V, D = len(counts), config.vector_size
        generator = torch.Generator().manual_seed(config.seed)
        self.w_in = ((torch.rand(V, D, generator=generator) - 0.5) / D).to(device)
        self.w_out = torch.zeros(V, D, device=device)
        self.keep = torch.from_numpy(keep_probability(counts, config.sample).astype(np.float32))
        # Of few words each comes often: shorter blocks and fewer a step keep their summed steps short.
        self.block, self.noise_words = (max(4, min(most, V // 20)) for most in (BLOCK, NOISE))
        self.batch = max(1, min(BATCH, V // 600))
        self.windows = _window_table(config.window, self.block).to(device)  # which words a centre sees
        self.sees = self.windows.amax(-1, keepdim=True)  # whether it sees any
        number = self.windows.sum(-1, keepdim=True) if config.cbow_mean else self.sees
        self.means = self.windows / number.clamp(min=1)  # what CBOW takes of each word
        if config.hs:
            self.w_tree = torch.zeros(V, D, device=device)  # one row an inner node: V - 1 are used
            self.nodes, self.bits, self.on_path = (t.to(device) for t in _paths(huffman_codes(counts)))
        if config.negative:
            self.noise = _noise_list(noise_distribution(counts, config.ns_exponent)).to(device)
            # The S noise words of a block stand in for `negative` words a prediction, so each weighs negative / S.
            C, S = self.block, self.noise_words
            share = config.negative / S
            if config.sg:
                noise = self.windows.sum(-1, keepdim=True) * share
                self.weights = torch.cat([self.windows, noise.expand(-1, S)], dim=-1)
            else:
                self.weights = torch.cat([torch.eye(C), torch.full((C, S), share)], dim=-1).to(device)
            columns = torch.arange(self.weights.shape[-1], device=device)
            self.labels = (columns < len(columns) - S).float()


def _noise_list(probabilities: Float[np.ndarray, " V"], size: int = 1 << 22) -> Int[Tensor, " size"]:
    """A long list in which each word stands in proportion to its chance: to draw a word is to look up any place."""
    edges = np.cumsum(probabilities)
    return torch.from_numpy(np.searchsorted(edges, (np.arange(size) + 0.5) / size * edges[-1]).astype(np.int32))


def _window_table(window: int, block: int) -> Float[Tensor, "W H"]:
    """Who sees whom: row (c, left, right), counted up in that order, has 1 where in the halo word c sees a word."""
    reach = torch.arange(window + 1)
    offset = torch.arange(block + 2 * window)[None, :] - window - torch.arange(block)[:, None]  # (C, H)
    offset = offset[:, None, None, :]
    seen = (offset >= -reach[:, None, None]) & (offset <= reach[None, :, None]) & (offset != 0)
    return seen.reshape(-1, block + 2 * window).float()


def _paths(codes: list[str]) -> tuple[Int[Tensor, "V L"], Float[Tensor, "V L"], Float[Tensor, "V L"]]:
    """For each word: the inner nodes on its way from the root, the turn taken at each, and 1 where the path goes on."""
    row_of: dict[str, int] = {}
    longest = max(map(len, codes))
    nodes = np.zeros((len(codes), longest), dtype=np.int32)
    bits, on_path = np.zeros((2, len(codes), longest), dtype=np.float32)
    for word, code in enumerate(codes):
        for depth, bit in enumerate(code):
            nodes[word, depth] = row_of.setdefault(code[:depth], len(row_of))
            bits[word, depth], on_path[word, depth] = float(bit), 1.0
    return torch.from_numpy(nodes), torch.from_numpy(bits), torch.from_numpy(on_path)


def logistic_step(
    hidden: Float[Tensor, "B R D"],
    outputs: Float[Tensor, "B K D"],
    labels: Float[Tensor, "..."],
    weights: Float[Tensor, "..."],
    alpha: float,
) -> tuple[Float[Tensor, "B R D"], Float[Tensor, "B K D"], Float[Tensor, "B R K"]]:
    """The whole arithmetic of word2vec: R hidden rows against K output rows, in each of B blocks.

    Score s = h.u, label y (1: came from the text, 0: noise), loss -w [y log sigmoid(s) + (1-y) log sigmoid(-s)].
    Downhill for the score is e = w (y - sigmoid(s)); hence sum_k e u for h, and sum_r e h for u. Three batched matrix
    products. Returns (step for hidden, step for outputs, scores).
    """
    scores = torch.bmm(hidden, outputs.transpose(1, 2))  # (B, R, K)
    errors = torch.sub(labels, torch.sigmoid(scores)).mul_(weights).mul_(alpha)
    return torch.bmm(errors, outputs), torch.bmm(errors.transpose(1, 2), hidden), scores


def _rows(table: Float[Tensor, "V D"], words: Int[Tensor, "B K"]) -> Float[Tensor, "B K D"]:
    """The words' rows. (index_select: eight times faster than table[words] on a CPU.)"""
    return table.index_select(0, words.reshape(-1)).view(*words.shape, table.shape[1])


def _add_rows(table: Float[Tensor, "V D"], words: Int[Tensor, "B K"], steps: Float[Tensor, "B K D"]) -> None:
    """Add each step to its word's row; a word that occurs twice gets both. (index_add_ does it in twice the time.)"""
    words = words.reshape(-1, 1).long().expand(-1, table.shape[1])
    table.scatter_add_(0, words, steps.view(words.shape))


def _negative_sampling_batch(tables: Tables, config: Word2VecConfig, halo, reach, noise, alpha: float):
    """One step on B blocks: a word predicts its neighbours (skip-gram), or their mean predicts the word (CBOW)."""
    centres = halo[:, config.window : -config.window]  # (B, C)
    if config.sg:
        weights = _of_each(tables.weights, reach)  # (B, C, H + S)
        predicted = torch.cat([halo, noise], dim=1)
        hidden = _rows(tables.w_in, centres)
        step_hidden, step_outputs, scores = logistic_step(
            hidden, _rows(tables.w_out, predicted), tables.labels, weights, alpha
        )
        _add_rows(tables.w_in, centres, step_hidden)
    else:
        predicted = torch.cat([centres, noise], dim=1)
        hidden = torch.bmm(_of_each(tables.means, reach), _rows(tables.w_in, halo))
        # A word alone has nothing to be predicted from: its hidden row is 0, so it teaches nothing and weighs nothing.
        weights = tables.weights * _of_each(tables.sees, reach)
        step_hidden, step_outputs, scores = logistic_step(
            hidden, _rows(tables.w_out, predicted), tables.labels, weights, alpha
        )
        seen = _of_each(tables.windows, reach).transpose(1, 2)  # (B, H, C)
        _add_rows(tables.w_in, halo, torch.bmm(seen, step_hidden))  # each word gets the whole step
    _add_rows(tables.w_out, predicted, step_outputs)
    return scores, tables.labels, weights, weights[..., : -noise.shape[1]]


def _tree_batch(tables: Tables, config: Word2VecConfig, halo, reach, alpha: float):
    """One step of hierarchical softmax: each turn from the root of the tree to a word is a yes-or-no prediction.

    As in the released code, in skip-gram the neighbours predict the centre; in CBOW their mean does.
    """
    centres = halo[:, config.window : -config.window]  # (B, C)
    predicted = tables.nodes[centres].flatten(1)  # (B, C L)
    labels = 1 - tables.bits[centres].flatten(1)[:, None]  # (B, 1, C L)
    seen = _of_each(tables.windows, reach)  # (B, C, H)
    hidden = _rows(tables.w_in, halo)  # (B, H, D)
    if config.sg:
        pairs = seen.transpose(1, 2)  # (B, H, C)
    else:
        pairs = torch.eye(tables.block, device=halo.device) * _of_each(tables.sees, reach)  # (B, C, C)
        hidden = torch.bmm(_of_each(tables.means, reach), hidden)
    weights = (pairs[..., None] * tables.on_path[centres][:, None]).flatten(2)  # (B, H or C, C L)
    outputs = _rows(tables.w_tree, predicted)
    step_hidden, step_outputs, scores = logistic_step(hidden, outputs, labels, weights, alpha)
    if not config.sg:
        step_hidden = torch.bmm(seen.transpose(1, 2), step_hidden)
    _add_rows(tables.w_in, halo, step_hidden)
    _add_rows(tables.w_tree, predicted, step_outputs)
    return scores, labels, weights, pairs


def _of_each(table: Float[Tensor, "W K"], reach: Int[Tensor, "B C"]) -> Float[Tensor, "B C K"]:
    """The row of each centre word: what its place in the block and its reach say."""
    return table.index_select(0, reach.view(-1)).view(*reach.shape, -1)


def _loss(scores: Tensor, labels: Tensor, weights: Tensor, predictions: Tensor) -> float:
    """Loss of the batch just trained on, in nats a predicted word."""
    return float((F.softplus((1 - 2 * labels) * scores) * weights).sum() / predictions.sum().clamp(min=1))


def _thin(
    ids: Int[np.ndarray, " N"],
    starts: Int[np.ndarray, " M"],
    keep: Float[np.ndarray, " V"],
    window: int,
    block: int,
    rng: np.random.Generator,
) -> tuple[Int[Tensor, " P"], Int[Tensor, " Q"]]:
    """Subsample a text and say how far each kept word sees, before it is cut into blocks.

    Returns the kept words with `window` zeros before and after, and for each word left * (window + 1) + right: how
    many words it reaches on either side, within its drawn reach and its own sentence. Padding sees nothing.
    """
    spans = 1 << 16  # sentences at a time, to bound the memory
    parts = [_thin_span(ids, starts[a : a + spans + 1], keep, window, rng) for a in range(0, len(starts) - 1, spans)]
    total = sum(len(words) for words, _ in parts)
    text = np.zeros(-(-total // block) * block + 2 * window, dtype=np.int32)
    reach = np.zeros(len(text) - 2 * window, dtype=np.int32)
    np.concatenate([words for words, _ in parts], out=text[window : window + total])
    np.concatenate([reaches for _, reaches in parts], out=reach[:total])
    return torch.from_numpy(text), torch.from_numpy(reach)


def _thin_span(ids, starts, keep, window: int, rng) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    ids = ids[starts[0] : starts[-1]]
    kept = rng.random(len(ids), dtype=np.float32) < keep[ids]
    running = np.concatenate([[0], np.cumsum(kept, dtype=np.int32)])
    starts = running[starts - starts[0]]
    lengths = np.diff(starts)
    before = np.arange(starts[-1], dtype=np.int32) - np.repeat(starts[:-1], lengths)
    after = np.repeat(lengths, lengths) - 1 - before
    drawn = rng.integers(1, window + 1, len(before), dtype=np.int32)
    return ids[kept], np.minimum(before, drawn) * (window + 1) + np.minimum(after, drawn)


def _epochs(
    tables: Tables, ids: Int[np.ndarray, " N"], starts: Int[np.ndarray, " M"], config: Word2VecConfig, rank: int = 0
):
    """Train all epochs on one encoded text; yields (words done, loss) now and then."""
    device = tables.w_in.device
    generator = torch.Generator(device).manual_seed(config.seed + 1_000_003 * rank)
    C = tables.block
    offsets = torch.arange(C + 2 * config.window, device=device)
    places = torch.arange(C, device=device, dtype=torch.int32) * (config.window + 1) ** 2
    loss = 0.0
    for epoch in range(config.epochs):
        rng = np.random.default_rng((config.seed, rank, epoch))
        text, reach = (t.to(device) for t in _thin(ids, starts, tables.keep.numpy(), config.window, C, rng))
        # Skip-gram draws its blocks from all over the text: neighbouring ones repeat their words, whose summed steps
        # explode. CBOW stands it, and reading in order its SimLex rises from .24 to .26, gensim's.
        blocks = len(reach) // C
        order = torch.randperm(blocks, generator=generator) if config.sg else torch.arange(blocks)
        order = order.to(device)
        for first in range(0, len(order), tables.chunk * tables.batch):
            begins = order[first : first + tables.chunk * tables.batch, None] * C
            halo, seen = text[begins + offsets], reach[begins + offsets[:C]] + places
            done = (epoch + first / len(order)) / config.epochs
            alpha = config.alpha + (config.min_alpha - config.alpha) * done
            if config.negative:
                size = (len(begins), tables.noise_words)
                draws = torch.randint(len(tables.noise), size, generator=generator, device=device)
                noise = tables.noise[draws]
            tables.read(halo)
            for b in range(0, len(begins), tables.batch):
                rows = slice(b, b + tables.batch)
                if config.hs:
                    scored = _tree_batch(tables, config, halo[rows], seen[rows], alpha)
                if config.negative:
                    scored = _negative_sampling_batch(tables, config, halo[rows], seen[rows], noise[rows], alpha)
            tables.write()
            loss = _loss(*scored)
            yield round(done * config.epochs * len(ids)), loss
    yield config.epochs * len(ids), loss


# --- Several processes on one pair of tables (Hogwild: Recht, Re, Wright, Niu 2011) ---------------------------------


def _hogwild(tables: Tables, ids: Int[np.ndarray, " N"], starts: Int[np.ndarray, " M"], config: Word2VecConfig):
    """Each process trains its share of the sentences on the same tables, without locks: collisions are rare."""
    context = mp.get_context("spawn")  # a forked torch may hang on its parent's threads
    reports = context.Queue()
    cuts = np.unique(np.searchsorted(starts, np.linspace(0, len(ids), config.workers + 1)))  # no share is empty
    workers = []
    for rank, (a, b) in enumerate(pairwise(cuts)):
        share = torch.from_numpy(ids[starts[a] : starts[b]]), torch.from_numpy(starts[a : b + 1] - starts[a])
        workers.append(context.Process(target=_work, args=(tables, *share, config, rank, reports), daemon=True))
    try:
        with _deaf_to_ctrl_c():
            for worker in workers:
                _start(worker)
        done, finished = [0] * len(workers), 0
        while finished < len(workers):
            dead = [worker.exitcode for worker in workers if worker.exitcode]
            if dead:
                raise RuntimeError(
                    f"A training process ended with code {dead[0]}: use workers=1, which needs no other process, or "
                    "call train under `if __name__ == '__main__':` and see that there is memory for it."
                )
            try:
                rank, done[rank], loss, last = reports.get(timeout=1)
            except queue.Empty:
                continue
            finished += last
            yield sum(done), loss
    finally:  # also on Ctrl-C: no process stays behind
        started = [worker for worker in workers if worker.pid]
        for worker in started:
            worker.terminate()
        for worker in started:
            worker.join()


def _start(worker: mp.Process) -> None:
    try:
        worker.start()
    except RuntimeError as error:
        if "shared memory" not in str(error) and "No space left" not in str(error):
            raise
        raise RuntimeError("The tables do not fit into the memory that processes share (/dev/shm): use workers=1, or "
                           "give more of it, as in `docker run --shm-size=1g`.") from None  # fmt: skip


def _work(tables: Tables, ids: Tensor, starts: Tensor, config: Word2VecConfig, rank: int, reports: mp.Queue) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = mp.parent_process()
    for done, loss in _epochs(tables, ids.numpy(), starts.numpy(), config, rank):
        if not parent.is_alive():
            return
        reports.put((rank, done, loss, done == config.epochs * len(ids)))


@contextmanager
def _deaf_to_ctrl_c():
    """Processes started in here ignore Ctrl-C, which a terminal sends to all: the parent answers it and ends them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
