"""counts: the fast count against the slow one and a dict, totals in closed form, PPMI and SVD against oracles."""

import itertools
import math
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from course_lib import counts
from course_lib.counts import CountsConfig, cooccurrence, ppmi, svd, train, window_counts
from course_lib.vocab import Vocab

SENTENCES = st.lists(st.lists(st.sampled_from("abcdef"), max_size=9), min_size=1, max_size=12).filter(any)


def by_dict(corpus, known, window, harmonic):
    """Another way to count: all pairs of places of a sentence, kept in a dict of word pairs."""
    found = Counter()
    for sentence in corpus:
        kept = [word for word in sentence if word in known]
        for (i, one), (j, other) in itertools.combinations(enumerate(kept), 2):
            if j - i <= window:
                found[one, other] += 1 / (j - i) if harmonic else 1
                found[other, one] += 1 / (j - i) if harmonic else 1
    return found


def random_corpus(words=40_000, types=300, seed=0):
    """Words of falling frequency in sentences of 1 to 30 words."""
    rng = np.random.default_rng(seed)
    text = [f"w{i}" for i in np.minimum(rng.zipf(1.3, words), types)]
    ends = np.cumsum(rng.integers(1, 31, words // 5))
    ends = [0, *ends[ends < words], words]
    return [text[a:b] for a, b in itertools.pairwise(ends)]


# --- counting -----------------------------------------------------------------------------------------------------


def test_window_counts_by_hand():
    # the cat saw the dog: 0 1 2 0 3, two places to each side
    expected = [[0, 2, 2, 1], [2, 0, 1, 0], [2, 1, 0, 1], [1, 0, 1, 0]]
    assert window_counts([[0, 1, 2, 0, 3]], 4, 2).tolist() == expected
    assert window_counts([[0], [0]], 1, 5).tolist() == [[0]]  # never across sentences, never a word with itself
    assert window_counts([[0, 0]], 1, 1).tolist() == [[2]]  # but each "a" of "a a" has the other beside it
    assert window_counts([], 2, 1).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("word", [3, -1])
def test_window_counts_refuses_an_id_that_is_no_word(word):
    with pytest.raises(ValueError, match=f"no word {word}: ids go from 0 to 2"):
        window_counts([[0, word]], 3, 1)


@settings(max_examples=150, deadline=None)
@given(SENTENCES, st.integers(1, 11), st.integers(1, 30), st.integers(1, 30))
def test_cooccurrence_equals_the_plain_count_wherever_the_text_is_cut(corpus, window, piece, pairs):
    vocab = Vocab.from_corpus(corpus, min_count=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "PIECE", piece)
        patch.setattr(counts, "PAIRS", pairs)
        fast = cooccurrence(iter(corpus), vocab, window)
        half = cooccurrence(iter(corpus), vocab, window, upper=True)
    slow = window_counts([vocab.encode(sentence) for sentence in corpus], len(vocab), window)
    assert fast.dtype == half.dtype == np.float32
    assert fast.has_canonical_format
    assert half.has_canonical_format
    np.testing.assert_array_equal(fast.toarray(), slow)
    np.testing.assert_array_equal(half.toarray(), np.triu(slow))


@settings(max_examples=100, deadline=None)
@given(SENTENCES, st.integers(1, 11), st.booleans(), st.integers(1, 30))
def test_cooccurrence_equals_a_dict(corpus, window, harmonic, pairs):
    kept = Counter(itertools.chain.from_iterable(corpus))
    vocab = Vocab(kept, max_size=4)  # the other words are dropped before their neighbours are counted
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counts, "PAIRS", pairs)
        matrix = cooccurrence(corpus, vocab, window, harmonic).toarray()
    expected = by_dict(corpus, vocab, window, harmonic)
    for one, other in itertools.product(vocab.index_to_key, repeat=2):
        cell = matrix[vocab.key_to_index[one], vocab.key_to_index[other]]
        assert cell == pytest.approx(expected[one, other], rel=1e-6)


@pytest.mark.parametrize("harmonic", [False, True])
def test_symmetric_to_the_last_bit_with_the_total_in_closed_form(harmonic, monkeypatch):
    monkeypatch.setattr(counts, "PAIRS", 10_000)  # more than twenty sums to merge
    corpus, window = random_corpus(), 10
    matrix = cooccurrence(corpus, Vocab.from_corpus(corpus, 1), window, harmonic)
    total = sum(
        max(0, len(sentence) - distance) / (distance if harmonic else 1)
        for sentence in corpus
        for distance in range(1, window + 1)
    )
    assert matrix.sum(dtype=np.float64) == pytest.approx(2 * total, rel=1e-7 if harmonic else 0)
    assert (matrix != matrix.T).nnz == 0


def test_a_window_beyond_the_longest_sentence_is_the_whole_sentence():
    corpus = random_corpus(5000)
    vocab = Vocab.from_corpus(corpus, 1)
    whole, longest = cooccurrence(corpus, vocab, 10**12), cooccurrence(corpus, vocab, 30)
    assert (whole != longest).nnz == 0
    assert cooccurrence([["a"], ["b"]], Vocab({"a": 1, "b": 1}), 5).nnz == 0  # sentences of one word have no pairs


def test_sums_keep_their_digits():
    n, window = 300_000, 10
    cell = cooccurrence([["a"] * n], Vocab({"a": n}), window, harmonic=True)[0, 0]
    assert cell == pytest.approx(2 * sum((n - d) / d for d in range(1, window + 1)), rel=1e-7)


def test_unknown_words_leave_their_place():
    corpus = [["a", "rare", "b"], ["rare"], ["a", "seldom", "b"]]
    matrix = cooccurrence(corpus, Vocab({"a": 2, "b": 2}), window=1)
    assert matrix.toarray().tolist() == [[0, 2], [2, 0]]


def test_memory_does_not_grow_with_the_text(monkeypatch):
    monkeypatch.setattr(counts, "PIECE", 2000)
    monkeypatch.setattr(counts, "PAIRS", 2000)
    corpus = random_corpus(4000, types=20)
    vocab = Vocab.from_corpus(corpus, 1)

    def peak(times):
        tracemalloc.start()
        cooccurrence(itertools.chain.from_iterable(itertools.repeat(corpus, times)), vocab, 5)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)  # what only the first call takes
    assert peak(60) < 2 * peak(4)


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("a b a", "sentence='a b a' cannot"),
        (["a b", "b a"], "sentence='a b' cannot .* list of words"),
        ([], "corpus=.* a text with some of 2 words"),
        ([["x", "y"]], "corpus=.* a text with some of 2 words"),
    ],
)
def test_cooccurrence_refuses(corpus, message):
    with pytest.raises(ValueError, match=message):
        cooccurrence(corpus, Vocab({"a": 1, "b": 1}), 2)


@pytest.mark.parametrize("window", [0, -1, 1.5, True, "5"])
def test_a_window_is_a_whole_number(window):
    vocab = Vocab({"a": 1, "b": 1})
    for call in (lambda: cooccurrence([["a", "b"]], vocab, window), lambda: window_counts([[0, 1]], 2, window)):
        with pytest.raises(ValueError, match=f"window={window!r} cannot be used.*1 or more"):
            call()


# --- PPMI ---------------------------------------------------------------------------------------------------------


def test_ppmi_by_hand():
    # 20 pairs; rows 12 and 8, columns 10 and 10: the cell 9 is 9 * 20 / (12 * 10) = 1.5 times what chance gives
    expected = [[math.log(1.5), 0], [0, math.log(7 * 20 / (8 * 10))]]
    np.testing.assert_allclose(ppmi(np.array([[9, 3], [1, 7]]), smoothing=1).toarray(), expected, rtol=1e-12)
    # smoothed: columns 16 and 1 weigh 8 and 1 of 9, so the rare context is expected more often than once in 17
    matrix = sparse.csr_array(np.array([[8.0, 1.0], [8.0, 0.0]]))
    expected = [[math.log(8 / 9 / (8 / 9)), 0], [math.log(1 / (8 / 9)), 0]]
    np.testing.assert_allclose(ppmi(matrix, smoothing=0.75).toarray(), expected, atol=1e-12)
    assert matrix.toarray().tolist() == [[8, 1], [8, 0]]  # the counts stay as they were


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 7), st.sampled_from([0.5, 0.75, 1.0]))
def test_ppmi_equals_its_definition(seed, rows, columns, smoothing):
    table = np.random.default_rng(seed).poisson(1.0, (rows, columns)).astype(np.float64)
    table[0, 0] += 1
    p = table / table.sum()
    context = table.sum(0) ** smoothing / (table.sum(0) ** smoothing).sum()
    expected = np.zeros_like(p)
    for i, j in zip(*np.nonzero(table), strict=True):
        expected[i, j] = max(0, math.log(p[i, j] / (p[i].sum() * context[j])))
    np.testing.assert_allclose(ppmi(table, smoothing).toarray(), expected, atol=1e-12)
    single = ppmi(sparse.csr_array(table.astype(np.float32)), smoothing)
    assert single.dtype == np.float32
    assert (single.data > 0).all()
    np.testing.assert_allclose(single.toarray(), expected, atol=3e-6)


def test_ppmi_of_stored_zeros_and_of_a_cell_given_in_two_halves():
    table = np.array([[3.0, 1, 0], [0, 0, 0], [1, 4, 0]])
    stored = sparse.csr_array((table.ravel(), np.tile([0, 1, 2], 3), [0, 3, 6, 9]), shape=(3, 3))
    halves = sparse.csr_array((np.repeat(table.ravel(), 2) / 2, np.repeat(np.tile([0, 1, 2], 3), 2), [0, 6, 12, 18]))
    for matrix in (stored, halves):
        before = matrix.nnz
        np.testing.assert_allclose(ppmi(matrix).toarray(), ppmi(table).toarray(), rtol=1e-12)
        assert matrix.nnz == before  # the counts stay as they were


def test_smoothing_lowers_rare_contexts():
    table = np.array([[5.0, 1.0], [90.0, 0.0]])
    assert ppmi(table, 0.75)[0, 1] < ppmi(table, 1.0)[0, 1]


@pytest.mark.parametrize("cell", [-1.0, math.nan, math.inf])
def test_a_cell_that_is_no_count(cell):
    table = np.ones((3, 4))
    table[1, 2] = cell
    with pytest.raises(ValueError, match=rf"cell \(1, 2\)=.*{cell}.* a finite number of 0 or more"):
        ppmi(table)


def test_ppmi_refuses_nothing_and_bad_smoothing():
    with pytest.raises(ValueError, match="of counts that are not all zero"):
        ppmi(np.zeros((2, 3)))
    for smoothing in (0, -1, 1.5, math.nan):
        with pytest.raises(ValueError, match=f"smoothing={smoothing} cannot be used"):
            ppmi(np.ones((2, 2)), smoothing)


# --- SVD ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0, 0.5, 1])
@pytest.mark.parametrize("shape", [(60, 40), (40, 60)])
def test_svd_equals_the_dense_one(power, shape):
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal(shape) * (rng.random(shape) < 0.3) * 0.8 ** np.arange(shape[1])
    U, S, _ = np.linalg.svd(matrix)
    expected = U[:, :7] * S[:7] ** power
    found = svd(sparse.csr_array(matrix), 7, power)
    assert found.shape == (shape[0], 7)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found * np.sign((found * expected).sum(0)), expected, atol=1e-4 * S[0] ** power)


def test_svd_of_a_whole_matrix_but_one():
    matrix = np.diag([3.0, 1.0, 2.0])
    np.testing.assert_allclose(svd(matrix, 2, power=1), [[3, 0], [0, 0], [0, 2]], atol=1e-5)


def test_svd_gives_one_result_with_the_largest_entries_positive():
    matrix = sparse.random_array((80, 80), density=0.2, rng=5)
    first, again, other = svd(matrix, 10, seed=1), svd(matrix, 10, seed=1), svd(matrix, 10, seed=2)
    assert (first == again).all()
    np.testing.assert_allclose(first, other, atol=1e-3)  # another start finds the same directions, signs included
    assert (first[np.abs(first).argmax(0), np.arange(10)] > 0).all()
    lengths = np.linalg.norm(svd(matrix, 10, power=1), axis=0)  # the singular values
    assert (np.diff(lengths) < 0).all()


@pytest.mark.parametrize("rank", [0, 5, 6, 2.5, True])
def test_a_rank_that_the_matrix_cannot_give(rank):
    with pytest.raises(ValueError, match=f"rank={rank!r} cannot be used: rank must be 1 to 4, for the matrix is 5 x 8"):
        svd(np.ones((5, 8)), rank)


@pytest.mark.parametrize(("cell", "message"), [(math.nan, "NaN"), (math.inf, "infinity"), (0, "all zeros")])
def test_a_matrix_without_directions(cell, message):
    table = np.zeros((4, 4))
    table[2, 1] = cell
    with pytest.raises(ValueError, match=f"matrix=.* must be .*{message}"):
        svd(table, 2)


# --- all of it ----------------------------------------------------------------------------------------------------


def test_train_finds_topics():
    rng = np.random.default_rng(0)
    corpus = [[f"{'ab'[i % 2]}{k}" for k in rng.integers(0, 10, 12)] for i in range(300)]
    config = CountsConfig(vector_size=2, window=3, min_count=1)
    vectors = train(corpus, config, progress=False)
    assert vectors.vectors.shape == (20, 2)
    for word in vectors:
        assert {near[0] for near, _ in vectors.most_similar(word, topn=9)} == {word[0]}
    assert (train(corpus, config, progress=False).vectors == vectors.vectors).all()
    assert train(corpus, CountsConfig(vector_size=4, max_size=15), progress=False).vectors.shape == (15, 4)


def test_train_is_its_steps_with_their_settings():
    corpus = random_corpus(3000, types=60)
    config = CountsConfig(vector_size=7, window=2, min_count=3, max_size=40, smoothing=0.5, power=0.3, seed=4)
    vocab = Vocab.from_corpus(corpus, 3, 40)
    expected = svd(ppmi(cooccurrence(corpus, vocab, 2), 0.5), 7, 0.3, seed=4)
    vectors = train(corpus, config, progress=False)
    assert vectors.index_to_key == vocab.index_to_key
    assert (vectors.vectors == expected).all()


def test_train_says_what_is_wrong(capsys):
    corpus = [["a", "b", "c"]] * 9
    with pytest.raises(ValueError, match="generator that was read before"):
        train((sentence for sentence in corpus), CountsConfig(vector_size=1), progress=False)
    with pytest.raises(ValueError, match="rank=100 cannot be used: rank must be 1 to 2, for the matrix is 3 x 3"):
        train(corpus, progress=False)
    with pytest.raises(ValueError, match="corpus must be not empty"):
        train([], progress=False)
    with pytest.raises(ValueError, match="of counts that are not all zero"):
        train([["a"]] * 9, progress=False)
    assert capsys.readouterr().err == ""
    train(corpus, CountsConfig(vector_size=2), progress=True)
    assert "4/4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value"),
    [("vector_size", 0), ("window", 0), ("min_count", 0), ("max_size", 0), ("smoothing", 0), ("power", -1),
     ("power", math.nan), ("seed", -1), ("window", 2.5)],
)  # fmt: skip
def test_settings_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r} cannot be used"):
        CountsConfig(**{name: value})
