"""Counting who stands near whom: co-occurrence, positive PMI, and the singular value decomposition.

What it is. The oldest road from text to vectors. Count for each pair of words how often they stand within a window of
each other; replace the counts by positive pointwise mutual information (PPMI: how much more often than chance); keep
the few directions that matter most (SVD). `window_counts` says the first step plainly; `cooccurrence` does the same for
millions of words. `train` goes all the way.

What it leaves out. Shifted PPMI, Hellinger distance and other weightings; contexts that are not words (dependencies,
documents, as in LSA); counts too many for memory (GloVe's tool sorts them on disk).

Papers. Church & Hanks (1990), "Word Association Norms, Mutual Information, and Lexicography"; Bullinaria & Levy (2007),
"Extracting Semantic Representations from Word Co-occurrence Statistics"; Levy, Goldberg & Dagan (2015), "Improving
Distributional Similarity with Lessons Learned from Word Embeddings" (smoothing, and the power of the singular values).

Shapes: V words, N words of a piece of text, P pairs of words in it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from jaxtyping import Float, Int, Real
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds
from tqdm.auto import tqdm

from course_lib.keyed_vectors import KeyedVectors
from course_lib.settings import Count, NotNegative, Portion, Settings, Size, require, require_ids, whole
from course_lib.shapes import shaped
from course_lib.vocab import Vocab

PIECE = 1 << 20  # words encoded at once: sentences of so many words in all
PAIRS = 1 << 20  # pairs added up at once: arrays so small stay in the cache, and their memory is used again




@dataclass(frozen=True)
class CountsConfig(Settings):
    """Settings of `train`. `vector_size`: numbers a word; `max_size`: only so many words, the most frequent ones;
    `smoothing`: see `ppmi`; `power`: see `svd` (0, all directions alike, scores best on the course corpus);
    `seed`: of the start vector of the SVD.
    """

    vector_size: Size = 100
    window: Size = 5
    min_count: Size = 5
    max_size: Size | None = None
    smoothing: Portion = 0.75
    power: NotNegative = 0.0
    seed: Count = 1


# --- Counting -------------------------------------------------------------------------------------------------------


@shaped
def window_counts(sentences: Sequence[Sequence[int]], vocab_size: Size, window: Size) -> Int[np.ndarray, "V V"]:
    """How often each word (row) has each other word (column) at most `window` places to its left or right.

    Windows end with the sentence. A word is not its own neighbour, but a second occurrence of it is. Plain and slow:
    one step a pair, and a cell for each pair of words.

    >>> window_counts([[0, 1, 0]], vocab_size=2, window=1)
    array([[0, 2],
           [2, 0]])
    """
    counts = np.zeros((vocab_size, vocab_size), dtype=np.int64)
    for sentence in sentences:
        require_ids(sentence, vocab_size, "word")
        for i, word in enumerate(sentence):
            for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
                if j != i:
                    counts[word, sentence[j]] += 1
    return counts


@shaped
def cooccurrence(
    corpus: Iterable[Sequence[str]], vocab: Vocab, window: Size = 5, harmonic: bool = False, upper: bool = False
) -> sparse.csr_array:
    """`window_counts` of a whole corpus, an iterable of sentences (lists of words): float32 [V, V], symmetric.

    Words outside `vocab` are dropped first, so that the words around them move together (as in word2vec and gensim).
    `harmonic`: a pair d places apart counts 1/d, as GloVe has it. `upper`: only the cells with row <= column, half the
    memory. The corpus is read once; memory holds the cells found so far and one piece of the text.

    Each pair is counted once, as (smaller id, larger id); to mirror the matrix and add the two is to count both sides.
    Raises ValueError for a corpus without a word of the vocabulary, or of strings instead of lists of words.
    """
    V = len(vocab)
    parts, words = [sparse.csr_array((V, V))], 0
    for ids, starts in _pieces(corpus, vocab):
        words += len(ids)
        for low, high, weights in _pairs(ids, starts, window, harmonic):
            parts.append(_sum_pairs(low, high, weights, V))
            while len(parts) > 1 and parts[-2].nnz < 2 * parts[-1].nnz:  # few large sums, many small ones
                parts.append(parts.pop() + parts.pop())
    require(words > 0, "corpus", corpus, f"a text with some of {V:,} words (a generator that was read before is empty)")
    total = sum(reversed(parts[:-1]), start=parts[-1])
    del parts
    half = sparse.csr_array((total.data.astype(np.float32), total.indices, total.indptr), shape=(V, V))
    del total
    return half + sparse.diags_array(half.diagonal()).tocsr() if upper else half + half.T.tocsr()


def _pieces(corpus: Iterable[Sequence[str]], vocab: Vocab) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The corpus as (ids, starts), about PIECE words at a time (see `Vocab.encode_corpus`)."""

    def some(sentences):
        words = 0
        for sentence in sentences:
            yield sentence
            words += len(sentence)
            if words >= PIECE:
                return

    rest = iter([corpus] if isinstance(corpus, str) else corpus)  # a string is no corpus, as `vocab` will say
    for first in rest:
        yield vocab.encode_corpus(some(chain([first], rest)))


def _pairs(ids: Int[np.ndarray, " N"], starts: Int[np.ndarray, " S"], window: int, harmonic: bool) -> Iterator[tuple]:
    """(smaller id, larger id, weight) of all pairs at most `window` apart in one sentence, at most PAIRS at a time."""
    to_the_right = np.repeat(starts[1:], np.diff(starts)) - np.arange(len(ids)) - 1  # words left in the sentence
    window = min(window, int(to_the_right.max(initial=1)))  # no sentence is longer
    step = max(1, PAIRS // window)
    for place in range(0, len(ids), step):
        reach = np.minimum(to_the_right[place : place + step], window)
        lows, highs, weights = [], [], []
        for distance in range(1, int(reach.max()) + 1):
            left = np.flatnonzero(reach >= distance) + place
            one, other = ids[left], ids[left + distance]
            lows.append(np.minimum(one, other))
            highs.append(np.maximum(one, other))
            weights.append(np.full(len(left), 1 / distance if harmonic else 1.0))
        if lows:
            yield np.concatenate(lows), np.concatenate(highs), np.concatenate(weights)


def _sum_pairs(
    low: Int[np.ndarray, " P"], high: Int[np.ndarray, " P"], weights: Float[np.ndarray, " P"], V: int
) -> sparse.csr_array:
    """The pairs as a matrix [V, V], equal ones added up.

    Sorting would be slow. To transpose a sparse matrix is to sort it by column, in one pass and without comparisons:
    once for the columns, once for the rows.
    """
    one_a_row = np.arange(len(low) + 1, dtype=np.int32)
    by_high = sparse.csr_array((weights, high, one_a_row), shape=(len(low), V)).tocsc()  # its indices number the pairs
    turned = sparse.csr_array((by_high.data, low[by_high.indices], by_high.indptr), shape=(V, V))  # by high, then low
    matrix = turned.T.tocsr()
    matrix.sum_duplicates()
    return matrix


# --- From counts to vectors -----------------------------------------------------------------------------------------


@shaped
def ppmi(matrix: sparse.sparray | Real[np.ndarray, "R C"], smoothing: Portion = 0.75) -> sparse.csr_array:
    """Positive pointwise mutual information: max(0, log p(word, context) / (p(word) p(context))), natural logarithm.

    Rows are words, columns contexts; the matrix need be neither square nor symmetric. p(context) is proportional to
    the column sums to the power `smoothing`: 0.75 makes rare contexts less surprising, 1 leaves them as they are. With
    smoothing the result is not symmetric, even if the counts are. Cells that were never seen stay empty.
    Raises ValueError for cells that are negative, NaN or infinite, and where all are zero.
    """
    counts = finite_counts(matrix)
    rows = counts.sum(axis=1, dtype=np.float64)
    contexts = counts.sum(axis=0, dtype=np.float64) ** smoothing
    require(rows.any(), "matrix", matrix, "of counts that are not all zero: count some text")
    log_rows = np.log(np.where(rows > 0, rows, 1))  # an empty row has no cell that would use its logarithm
    log_contexts = np.log(np.where(contexts > 0, contexts, 1)) - np.log(contexts.sum())
    with np.errstate(divide="ignore"):  # a zero that is stored becomes -inf, and then 0
        values = np.log(counts.data)
    values -= np.repeat(log_rows.astype(values.dtype), np.diff(counts.indptr))
    values -= log_contexts.astype(values.dtype)[counts.indices]
    np.maximum(values, 0, out=values)
    result = sparse.csr_array((values, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)
    result.eliminate_zeros()
    return result


def finite_counts(matrix: sparse.sparray | Real[np.ndarray, "R C"]) -> sparse.csr_array:
    """The matrix as csr with float cells, or a ValueError that names the first cell that is no count."""
    matrix = sparse.csr_array(matrix)
    if not matrix.has_canonical_format:
        matrix = matrix.copy()
        matrix.sum_duplicates()
    if not np.issubdtype(matrix.dtype, np.floating):
        matrix = matrix.astype(np.float64)
    for place in np.flatnonzero(~((matrix.data >= 0) & (matrix.data < np.inf))):
        row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
        cell = f"cell ({row}, {matrix.indices[place]})"
        require(False, cell, matrix.data[place].item(), "a finite number of 0 or more")
    return matrix


@shaped
def svd(
    matrix: sparse.sparray | Real[np.ndarray, "V C"], rank: int, power: NotNegative = 0.5, seed: int = 1
) -> Float[np.ndarray, "V rank"]:
    """The word vectors U S^power of the largest `rank` singular values, largest first: float32.

    `power` 1 keeps the singular values as weights, 0 leaves all directions alike; Levy, Goldberg & Dagan (2015) find
    0.5 or 0 best. A direction's sign is free: the largest entry of each column is made positive.
    Raises ValueError for a rank outside 1..min(V, C) - 1 and for NaN, infinite or only zero cells.
    """
    most, size = min(matrix.shape) - 1, f"{matrix.shape[0]} x {matrix.shape[1]}"
    require(whole(rank, 1) and rank <= most, "rank", rank, f"1 to {most}, for the matrix is {size}")
    cells = sparse.csr_array(matrix).data
    fits = np.isfinite(cells).all() and cells.any()
    require(fits, "matrix", matrix, "without NaN or infinity, and not all zeros: else it has no directions")
    matrix = matrix.astype(np.float32, copy=False)

    def right(x):
        return matrix @ x

    def left(x):
        return matrix.T @ x

    # As an operator: given the matrix itself, svds would copy it for its conjugate, the same numbers again.
    products = LinearOperator(matrix.shape, right, left, right, dtype=np.float32, rmatmat=left)
    start = np.random.default_rng(seed).standard_normal(min(matrix.shape)).astype(np.float32)
    U, S, _ = svds(products, k=rank, v0=start)
    order = np.argsort(-S)
    U, S = U[:, order], S[order]
    U *= np.sign(U[np.abs(U).argmax(axis=0), np.arange(rank)])
    return (U * S**power).astype(np.float32)


def train(corpus: Iterable[list[str]], config: CountsConfig | None = None, progress: bool = True) -> KeyedVectors:
    """Word vectors of a corpus, an iterable of sentences (lists of words) that can be read twice: SVD of its PPMI.

    `progress` shows a bar, one step for each of: words, pairs, PPMI, SVD. One seed gives one result.
    """
    config = config or CountsConfig()
    with tqdm(total=4, desc="words", disable=not progress) as bar:

        def done(next_step: str) -> None:
            bar.update()
            bar.set_description_str(next_step)

        vocab = Vocab.from_corpus(corpus, config.min_count, config.max_size)
        done("pairs")
        matrix = cooccurrence(corpus, vocab, config.window)
        done("PPMI")
        matrix = ppmi(matrix, config.smoothing)
        done("SVD")
        vectors = svd(matrix, config.vector_size, config.power, config.seed)
        done("done")
    return KeyedVectors(vocab.index_to_key, vectors)
