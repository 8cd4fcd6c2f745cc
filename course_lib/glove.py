"""GloVe: word vectors fitted to the logarithm of how often two words meet.

What it is. Count, over the whole text, how often each word stands near each other word: X_ij. Then look for vectors
and biases such that w_i . w~_j + b_i + b~_j comes close to log X_ij, and let frequent pairs weigh more, up to a limit.
The first half of this file says each piece as the paper does, plainly; the second half trains on millions of cells.

What it leaves out. Training on a matrix that does not fit in memory (the released C code shuffles it on disk), and
asymmetric windows.

Paper. Pennington, Socher, Manning (2014), "GloVe: Global Vectors for Word Representation". AdaGrad: Duchi, Hazan,
Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".

Shapes: V words, D vector size, N cells (pairs of words that meet), R and C the words of a tile's rows and columns.
"""

import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from course_lib import device as devices
from course_lib.counts import cooccurrence, finite_counts
from course_lib.keyed_vectors import KeyedVectors
from course_lib.progress import Listener, Progress, reporter  # noqa: F401  (what a listener is called with)
from course_lib.settings import Count, Positive, Settings, Size, require
from course_lib.vocab import Vocab

EPSILON = 1e-10  # keeps AdaGrad from dividing by zero where no gradient was seen yet


@dataclass(frozen=True)
class GloVeConfig(Settings):
    """Settings, with the released code's names and meanings.

    `window`: how far two words may be apart; a pair d places apart counts 1/d. `max_size`: at most so many words, the
    most frequent (None: all). `x_max`: pairs that meet as often weigh 1, rarer ones (count / x_max) ** `alpha`; the
    paper's 100 is for billions of words. `learning_rate`: that of `adagrad_step`, whose sums start at 0; no number to
    compare with the released program's eta of 0.05. That one starts its sums at 1 and adds (eta g)^2 to them, after
    each cell's step: a step is g / sqrt(1 / eta^2 + the sum of g^2), and once the sum is large, eta has no say.
    `epochs`: times that each cell is trained on.
    """

    vector_size: Size = 100
    window: Size = 5
    min_count: Size = 5
    max_size: Size | None = None
    x_max: Positive = 10.0
    alpha: Positive = 0.75
    learning_rate: Positive = 0.15
    epochs: Size = 50
    seed: Count = 1


# --- The pieces, as the paper says them (lesson 04) -----------------------------------------------------------------


def weight(counts: Real[Tensor, "..."], x_max: float = 100.0, alpha: float = 0.75) -> Float[Tensor, "..."]:
    """How much each cell matters: (X / x_max) ** alpha, and 1 from x_max on (equation 9). 0 for a pair never seen."""
    return (counts / x_max).clamp(max=1) ** alpha


def loss(
    w: Float[Tensor, "V D"],
    w_context: Float[Tensor, "V D"],
    b: Float[Tensor, " V"],
    b_context: Float[Tensor, " V"],
    rows: Int[Tensor, " N"],
    columns: Int[Tensor, " N"],
    counts: Real[Tensor, " N"],
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> Float[Tensor, ""]:
    """Equation 8, over N cells: the sum of f(X) (w_i . w~_j + b_i + b~_j - log X)^2."""
    errors = _errors(w, w_context, b, b_context, rows, columns, counts)
    return (weight(counts, x_max, alpha) * errors**2).sum()


def _errors(w, w_context, b, b_context, rows, columns, counts) -> Float[Tensor, " N"]:
    """How far each cell's score lies above the logarithm of its count."""
    return (w[rows] * w_context[columns]).sum(1) + b[rows] + b_context[columns] - counts.log()


def gradients(
    w: Float[Tensor, "V D"],
    w_context: Float[Tensor, "V D"],
    b: Float[Tensor, " V"],
    b_context: Float[Tensor, " V"],
    rows: Int[Tensor, " N"],
    columns: Int[Tensor, " N"],
    counts: Real[Tensor, " N"],
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> tuple[Float[Tensor, "V D"], Float[Tensor, "V D"], Float[Tensor, " V"], Float[Tensor, " V"]]:
    """By hand: the gradients of `loss` for w, w_context, b and b_context.

    A cell's score has the gradient e = 2 f(X) (score - log X). A word's bias collects the e of its cells, and its
    vector collects e times the other word's vector; a word that has many cells adds them all up.
    """
    e = 2 * weight(counts, x_max, alpha) * _errors(w, w_context, b, b_context, rows, columns, counts)  # (N,)
    return (
        torch.zeros_like(w).index_add_(0, rows, e[:, None] * w_context[columns]),
        torch.zeros_like(w_context).index_add_(0, columns, e[:, None] * w[rows]),
        torch.zeros_like(b).index_add_(0, rows, e),
        torch.zeros_like(b_context).index_add_(0, columns, e),
    )


def adagrad_step(
    parameter: Float[Tensor, "..."], accumulated: Float[Tensor, "..."], gradient: Float[Tensor, "..."],
    learning_rate: float = 0.05,
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:  # fmt: skip
    """One step of AdaGrad: each number has a step size of its own, smaller the more gradient it has seen.

    accumulated += gradient^2, then parameter -= learning_rate * gradient / (sqrt(accumulated) + 1e-10). Returns both,
    new. A number's very first step is thus `learning_rate` long, whatever its gradient.
    """
    accumulated = accumulated + gradient**2
    return parameter - learning_rate * gradient / (accumulated.sqrt() + EPSILON), accumulated


# --- The same, fast: tiles of the matrix, and sparse matrix products -------------------------------------------------

STEPS = 40  # tiles in a row of them, and so the steps that a word takes in an epoch


def train(
    corpus: Iterable[list[str]],
    config: GloVeConfig | None = None,
    device: torch.device | str | None = None,
    progress: bool | Listener = True,
) -> KeyedVectors:
    """Train word vectors on an iterable of sentences (lists of words) that can be read twice: count, then fit.

    `progress`: True shows a bar with the loss, a function is called with a `Progress` after each epoch. On the CPU one
    seed gives one result, bit for bit. Raises ValueError for a corpus without a frequent enough word, or in which no
    two words meet, and RuntimeError when the loss is no longer a number.
    """
    config = config or GloVeConfig()
    vocab = Vocab.from_corpus(corpus, min_count=config.min_count, max_size=config.max_size)
    matrix = cooccurrence(corpus, vocab, window=config.window, harmonic=True)
    return train_counts(matrix, vocab, config, device, progress)


def train_counts(
    matrix: sp.csr_array,
    vocab: Vocab,
    config: GloVeConfig | None = None,
    device: torch.device | str | None = None,
    progress: bool | Listener = True,
) -> KeyedVectors:
    """The same from a finished matrix of counts, V x V and symmetric: the vectors are w + w~.

    As X_ij = X_ji, only the upper half of the matrix is trained on; a cell is (i, j) in one epoch and (j, i) in
    another, by chance (were each to keep its side for good, w and w~ would learn different words' company and their
    sum be worse). Raises ValueError for a negative or NaN count, an asymmetric or empty matrix, and one whose
    size is not the vocabulary's.
    """
    config = config or GloVeConfig()
    where = devices.pick(device or "cpu")
    matrix = _checked(matrix, len(vocab))
    with devices.one_thread():
        model = Model(matrix, config, where)
        total = config.epochs * model.cells
        with reporter(progress, total, unit="cells", name="GloVe", digits=4, seconds=0) as report:
            for epoch in range(1, config.epochs + 1):
                mean = model.train_epoch(epoch)
                if not (math.isfinite(mean) and model.is_finite()):
                    raise RuntimeError(f"Training diverged in epoch {epoch}, its loss is {mean}: "
                                       f"lower learning_rate={config.learning_rate}.")  # fmt: skip
                report(epoch * model.cells, mean)
    return KeyedVectors(vocab.index_to_key, model.vectors())


def _checked(matrix: sp.sparray, words: int) -> sp.csr_array:
    """The matrix as float32 CSR, not copied where it is that already, or a ValueError that says what is wrong."""
    matrix = finite_counts(sp.csr_array(matrix, dtype=np.float32))
    require(matrix.shape == (words, words), "matrix", matrix.shape, f"a row and a column for each of {words} words")
    require(matrix.data.any(), "matrix", matrix, "not empty: no two words meet, so give more text or a wider window")
    _check_symmetry(matrix)
    return matrix


def _check_symmetry(matrix: sp.csr_array) -> None:
    """X v = X^T v for every v only where X = X^T, so a random v tells; but sums of 1/d differ in their last digits."""
    probe = np.random.default_rng(0).standard_normal(matrix.shape[0])
    gaps = np.abs(matrix @ probe - matrix.T @ probe) - 1e-5 * (matrix @ np.abs(probe))
    if gaps.max() > 0:
        i = int(gaps.argmax())
        j = int(np.abs(matrix[[i]].toarray() - matrix[:, [i]].toarray().T).argmax())
        raise ValueError(f"The matrix is not symmetric: cell ({i}, {j}) is {matrix[i, j]} but cell ({j}, {i}) is "
                         f"{matrix[j, i]}; add the transposed matrix.")  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """The cells where some rows of the matrix meet some columns, and the same cells again in the order of columns."""

    rows: slice
    columns: slice
    log_counts: Tensor  # sparse (R, C)
    weights: Float[Tensor, " N"]
    back_starts: Int[Tensor, " C+1"]  # the transposed pattern, (C, R), in compressed rows,
    back_indices: Int[Tensor, " N"]
    back_order: Int[Tensor, " N"]  # and which cell comes where in it


class Side:
    """One of the two tables with its AdaGrad sums. A row is (vector, bias, 1), or (vector, 1, bias) for a context.

    Thus the product of two rows, one of each kind, is w_i . w~_j + b_i + b~_j: the biases need no code of their own.
    """

    def __init__(self, vectors: Float[Tensor, "V D"], bias_first: bool):
        V, D = vectors.shape
        self.table = torch.cat([vectors, vectors.new_zeros(V, 2)], dim=1)  # (V, D + 2)
        self.fixed = D + 1 if bias_first else D
        self.table[:, self.fixed] = 1
        self.accumulated = torch.zeros_like(self.table)

    def step(self, words: slice, gradient: Float[Tensor, "R D+2"], learning_rate: float) -> None:
        """`adagrad_step`, in place, on some rows; the ones stay ones."""
        gradient[:, self.fixed] = 0
        accumulated = self.accumulated[words].addcmul_(gradient, gradient)
        self.table[words].addcdiv_(gradient, accumulated.sqrt().add_(EPSILON), value=-learning_rate)


def tile_step(left: Side, right: Side, tile: Tile, learning_rate: float) -> Float[Tensor, ""]:
    """Train on the cells of one tile, rows' words from `left`, columns' from `right`; -> their loss before the step.

    Of the tile's R x C scores only those of its N cells are computed; then two sparse products give the gradients.
    """
    a, b = left.table[tile.rows], right.table[tile.columns]  # (R, D + 2), (C, D + 2)
    errors = torch.sparse.sampled_addmm(tile.log_counts, a, b.T, beta=-1)  # scores - log counts
    e = errors.values()
    weighted = e * tile.weights
    total = torch.dot(e, weighted)
    e.copy_(weighted.mul_(2))
    back = _compressed(tile.back_starts, tile.back_indices, e[tile.back_order], (len(b), len(a)))
    gradient_a, gradient_b = errors @ b, back @ a
    left.step(tile.rows, gradient_a, learning_rate)
    right.step(tile.columns, gradient_b, learning_rate)
    return total


def _compressed(starts: Tensor, indices: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(starts, indices, values, shape, check_invariants=False)


class Model:
    """Both tables, and the upper half of the matrix cut into tiles, its words in an order drawn at random.

    So each tile holds words of all frequencies and about as many cells as any other.
    """

    def __init__(self, matrix: sp.csr_array, config: GloVeConfig, device: torch.device):
        V, D = matrix.shape[0], config.vector_size
        self.config = config
        self.order = np.random.default_rng(config.seed).permutation(V)
        generator = torch.Generator().manual_seed(config.seed)
        start = ((torch.rand(2, V, D, generator=generator) - 0.5) / D).to(device)
        self.words, self.contexts = Side(start[0], bias_first=True), Side(start[1], bias_first=False)
        self.tiles = list(_tiles(matrix, self.order, config, device))
        self.cells = sum(len(tile.weights) for tile in self.tiles)

    def train_epoch(self, epoch: int) -> float:
        """Every tile once, in an order drawn anew; -> the mean loss of a cell."""
        rng = np.random.default_rng((self.config.seed, epoch))
        total = 0.0
        for i, swap in zip(rng.permutation(len(self.tiles)), rng.random(len(self.tiles)) < 0.5, strict=True):
            sides = (self.contexts, self.words) if swap else (self.words, self.contexts)
            total += tile_step(*sides, self.tiles[i], self.config.learning_rate)
        return float(total) / self.cells

    def is_finite(self) -> bool:
        """Whether all numbers of the vectors are; the loss shows it only one step later."""
        return all(math.isfinite(side.table.abs().amax()) for side in (self.words, self.contexts))

    def vectors(self) -> Float[np.ndarray, "V D"]:
        """w + w~, the words in the order of the vocabulary again."""
        D = self.config.vector_size
        vectors = np.empty((len(self.order), D), dtype=np.float32)
        vectors[self.order] = (self.words.table[:, :D] + self.contexts.table[:, :D]).cpu().numpy()
        return vectors


def _tiles(
    matrix: sp.csr_array, order: Int[np.ndarray, " V"], config: GloVeConfig, device: torch.device
) -> Iterator[Tile]:
    """Put the words into this order and cut the upper half into square tiles; those without a cell are left out.

    Band by band, so that memory never holds the whole matrix a second time.
    """
    V = matrix.shape[0]
    side = max(16, V // STEPS)  # 500 words a side for 20,000; narrower tiles learn a little faster but compute slower
    for low in range(0, V, side):
        band = matrix[order[low : low + side]][:, order[low:]]  # from the diagonal on
        band.eliminate_zeros()
        band.sort_indices()
        for start in range(0, V - low, side):
            part = band[:, start : start + side]
            part = sp.csr_array(sp.triu(part)) if start == 0 else part  # of a tile on the diagonal, half
            if part.nnz:
                rows, columns = slice(low, min(low + side, V)), slice(low + start, min(low + start + side, V))
                yield _tile(part, rows, columns, config, device)


def _tile(part: sp.csr_array, rows: slice, columns: slice, config: GloVeConfig, device: torch.device) -> Tile:
    back = sp.csr_array((np.arange(part.nnz), part.indices, part.indptr), shape=part.shape).T.tocsr()
    starts, indices, back_starts, back_indices, back_order = (
        torch.from_numpy(a.astype(np.int32)).to(device)
        for a in (part.indptr, part.indices, back.indptr, back.indices, back.data)
    )
    values = torch.from_numpy(part.data).to(device)
    return Tile(
        rows, columns, _compressed(starts, indices, values.log(), part.shape),
        weight(values, config.x_max, config.alpha), back_starts, back_indices, back_order,
    )  # fmt: skip
