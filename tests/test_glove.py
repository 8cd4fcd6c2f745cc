"""GloVe: each plain piece against a hand-worked case or an oracle, the fast path against the plain pieces."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from course_lib import glove
from course_lib.glove import GloVeConfig, train, train_counts
from course_lib.vocab import Vocab

V, D, N = 7, 3, 11  # all unequal, so that a swapped axis fails
SMALL = GloVeConfig(vector_size=8, epochs=5, min_count=1)


def cells(seed=0):
    """(w, w_context, b, b_context, rows, columns, counts), float64, some cells above x_max = 10 and one word thrice."""
    generator = torch.Generator().manual_seed(seed)
    tables = [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in [(V, D), (V, D), (V,), (V,)]]
    rows, columns = torch.randint(V, (2, N), generator=generator)
    rows[:3], columns[4:7] = 2, 5
    return *tables, rows, columns, torch.rand(N, generator=generator, dtype=torch.float64) * 20 + 0.1


def symmetric(words=40, density=0.3, seed=0):
    """A symmetric matrix of counts 1, 2, ... and a vocabulary of as many words."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(1, 30, (words, words)) * (rng.random((words, words)) < density)
    dense = np.triu(dense) + np.triu(dense, 1).T
    return sp.csr_array(dense.astype(np.float32)), Vocab([(f"w{i}", words - i) for i in range(words)])


def topics(sentences=400, seed=0):
    """Sentences of one of two topics: words of a topic meet each other and, but for "the", never the other topic's."""
    rng = np.random.default_rng(seed)
    return [["the", *(f"{'ab'[i % 2]}{k}" for k in rng.integers(0, 10, 8)), "the"] for i in range(sentences)]


# --- the plain pieces ---------------------------------------------------------------------------------------------


def test_weight_by_hand():
    counts = torch.tensor([0.0, 1.0, 16.0, 100.0, 5000.0])
    torch.testing.assert_close(glove.weight(counts, 16.0, 0.75), torch.tensor([0.0, 0.125, 1.0, 1.0, 1.0]))
    assert glove.weight(torch.tensor([1.0])).item() == pytest.approx(100**-0.75)


def test_loss_by_hand():
    w, w_context = torch.tensor([[1.0, 2.0], [0.0, 1.0]]), torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    b, b_context = torch.tensor([0.5, 0.0]), torch.tensor([0.0, -1.0])
    counts = torch.tensor([math.e, 1.0])
    # cell (0, 1): 1*1 + 2*1 + 0.5 - 1 = 2.5, minus log e: 1.5 · cell (1, 0): 0 + 0 + 0 - log 1 = 0, plus b_1 = 0
    value = glove.loss(w, w_context, b, b_context, torch.tensor([0, 1]), torch.tensor([1, 0]), counts, x_max=2, alpha=1)
    assert value.item() == pytest.approx(1.5**2)  # e > x_max: weight 1
    value = glove.loss(w, w_context, b, b_context, torch.tensor([0]), torch.tensor([1]), counts[:1], 4 * math.e, 0.5)
    assert value.item() == pytest.approx(1.5**2 / 2)


def test_gradients_equal_autograd():
    arguments = cells()
    leaves = [t.clone().requires_grad_() for t in arguments[:4]]
    glove.loss(*leaves, *arguments[4:], 10.0, 0.75).backward()
    for by_hand, leaf in zip(glove.gradients(*arguments, 10.0, 0.75), leaves, strict=True):
        torch.testing.assert_close(by_hand, leaf.grad, rtol=0, atol=1e-10)


def test_gradients_equal_finite_differences():
    arguments, step = cells(), 1e-6
    by_hand = glove.gradients(*arguments, 10.0, 0.75)
    for which, gradient in enumerate(by_hand):
        slope = torch.zeros_like(gradient)
        for place in np.ndindex(*gradient.shape):
            losses = []
            for sign in (1, -1):
                moved = [t.clone() for t in arguments[:4]]
                moved[which][place] += sign * step
                losses.append(glove.loss(*moved, *arguments[4:], 10.0, 0.75))
            slope[place] = (losses[0] - losses[1]) / (2 * step)
        torch.testing.assert_close(gradient, slope, rtol=1e-6, atol=1e-6)


def test_adagrad_step_equals_torch():
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    ours, accumulated = torch.zeros_like(target), torch.zeros_like(target)
    theirs = torch.zeros_like(target).requires_grad_()
    optimiser = torch.optim.Adagrad([theirs], lr=0.3)
    for _ in range(20):
        ours, accumulated = glove.adagrad_step(ours, accumulated, 2 * (ours - target), learning_rate=0.3)
        optimiser.zero_grad()
        ((theirs - target) ** 2).sum().backward()
        optimiser.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=1e-12)
    assert (ours - target).abs().max() < 0.5


def test_adagrad_leaves_alone_what_has_no_gradient_and_does_not_change_its_arguments():
    parameter, accumulated, gradient = torch.ones(2), torch.zeros(2), torch.tensor([0.0, 1e-3])
    moved, total = glove.adagrad_step(parameter, accumulated, gradient, 0.05)
    torch.testing.assert_close(moved, torch.tensor([1.0, 0.95]))  # the first step is as long as the rate
    assert total[1] == pytest.approx(1e-6)
    assert parameter.tolist() == [1, 1]
    assert accumulated.tolist() == [0, 0]


# --- the fast path ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("swap", [False, True])
def test_a_tile_step_equals_the_plain_pieces(swap):
    matrix, _ = symmetric()
    model = glove.Model(matrix, SMALL, torch.device("cpu"))
    model.train_epoch(1)  # so that biases and sums are not zero
    tile = model.tiles[1]
    assert (tile.rows, tile.columns) == (slice(0, 16), slice(16, 32))
    left, right = (model.contexts, model.words) if swap else (model.words, model.contexts)
    X = matrix.toarray()[model.order][:, model.order]
    rows, columns = (torch.from_numpy(axis) for axis in np.nonzero(X[:16, 16:32]))
    columns = columns + 16
    counts = torch.from_numpy(X)[rows, columns]

    def four(a, b):  # a bias stands where the other table has its ones
        return a[:, :8], b[:, :8], a[:, right.fixed], b[:, left.fixed]

    plain = [t.clone() for t in four(left.table, right.table)]
    sums = [t.clone() for t in four(left.accumulated, right.accumulated)]
    expected = glove.loss(*plain, rows, columns, counts, SMALL.x_max, SMALL.alpha)
    slopes = glove.gradients(*plain, rows, columns, counts, SMALL.x_max, SMALL.alpha)
    total = glove.tile_step(left, right, tile, 0.05)
    assert total.item() == pytest.approx(expected.item(), rel=1e-5)
    for before, summed, slope, after in zip(plain, sums, slopes, four(left.table, right.table), strict=True):
        torch.testing.assert_close(after, glove.adagrad_step(before, summed, slope, 0.05)[0], rtol=1e-4, atol=1e-5)
    for side in (left, right):
        assert (side.table[:, side.fixed] == 1).all()


def test_tiles_hold_each_cell_of_the_upper_half_once():
    matrix, _ = symmetric()
    model = glove.Model(matrix, SMALL, torch.device("cpu"))
    whole = np.zeros((40, 40))
    for tile in model.tiles:
        part = tile.log_counts.to_dense()
        seen = tile.log_counts.to_sparse_coo()
        part[tuple(seen.indices())] = seen.values().exp()
        whole[tile.rows, tile.columns] += part.numpy()
        values = seen.values().exp()[tile.back_order]
        back = glove._compressed(tile.back_starts, tile.back_indices, values, part.T.shape)
        torch.testing.assert_close(back.to_dense(), part.T)
    np.testing.assert_allclose(whole, np.triu(matrix.toarray()[model.order][:, model.order]), rtol=1e-5)
    assert model.cells == np.count_nonzero(whole)


def test_training_reaches_the_loss_of_plain_steps_on_all_cells():
    """One tile holds all 14 words, so each epoch is one step of the plain pieces on the upper half, roles by chance."""
    matrix, vocab = symmetric(14)
    config = replace(SMALL, epochs=60)
    model = glove.Model(matrix, config, torch.device("cpu"))
    X = torch.from_numpy(matrix.toarray()[model.order][:, model.order]).triu()
    rows, columns = X.nonzero(as_tuple=True)
    counts = X[rows, columns]
    tables = [model.words.table[:, :8], model.contexts.table[:, :8], torch.zeros(14), torch.zeros(14)]
    tables = [t.clone() for t in tables]
    sums = [torch.zeros_like(t) for t in tables]
    for epoch in range(1, 61):
        ours = model.train_epoch(epoch)
        rng = np.random.default_rng((config.seed, epoch))
        rng.permutation(1)
        cell = (columns, rows) if rng.random(1)[0] < 0.5 else (rows, columns)
        plain = glove.loss(*tables, *cell, counts, config.x_max, config.alpha) / len(counts)
        assert ours == pytest.approx(plain.item(), rel=1e-3)
        slopes = glove.gradients(*tables, *cell, counts, config.x_max, config.alpha)
        steps = [glove.adagrad_step(*three, config.learning_rate) for three in zip(tables, sums, slopes, strict=True)]
        tables, sums = [step[0] for step in steps], [step[1] for step in steps]
    vectors = train_counts(matrix, vocab, config, progress=False).vectors[model.order]
    np.testing.assert_allclose(vectors, (tables[0] + tables[1]).numpy(), rtol=1e-2, atol=1e-3)


def test_scores_come_close_to_log_counts():
    matrix, _ = symmetric(density=0.1)
    model = glove.Model(matrix, replace(SMALL, learning_rate=0.2), torch.device("cpu"))
    losses = [model.train_epoch(epoch) for epoch in range(1, 201)]
    assert losses[-1] < losses[0] / 100
    X = matrix.toarray()[model.order][:, model.order]
    scores = (model.words.table @ model.contexts.table.T).numpy()
    assert np.abs(scores[X > 0] - np.log(X[X > 0])).mean() < 0.2


def test_words_of_a_topic_come_together():
    vectors = train(topics(), replace(SMALL, epochs=40), progress=False)
    assert vectors.similarity("a1", "a2") > vectors.similarity("a1", "b2") + 0.5
    assert {word[0] for word, _ in vectors.most_similar("b3", topn=5)} == {"b"}


def test_one_seed_gives_one_result_and_another_seed_another():
    matrix, vocab = symmetric()
    first, second = (train_counts(matrix, vocab, SMALL, progress=False).vectors for _ in range(2))
    other = train_counts(matrix, vocab, replace(SMALL, seed=2), progress=False).vectors
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0.01


def test_progress_is_called_once_an_epoch(capfd):
    matrix, vocab = symmetric()
    calls = []
    train_counts(matrix, vocab, SMALL, progress=calls.append)
    cells = calls[0].done
    assert [(call.done, call.total) for call in calls] == [(i * cells, 5 * cells) for i in range(1, 6)]
    assert calls[-1].loss < calls[0].loss
    assert all(call.per_second > 0 for call in calls)
    assert capfd.readouterr().err == ""
    train_counts(matrix, vocab, SMALL, progress=True)
    assert "GloVe: 100%" in capfd.readouterr().err


def test_max_size_and_min_count_bound_the_vocabulary():
    assert train(topics(), replace(SMALL, max_size=5), progress=False).index_to_key[0] == "the"
    assert len(train(topics(), replace(SMALL, max_size=5), progress=False)) == 5
    assert train([["a", "b", "a", "b", "c"]], replace(SMALL, min_count=2), progress=False).index_to_key == ["a", "b"]


def test_the_callers_matrix_stays_as_it_is_and_may_be_dense_or_of_whole_numbers():
    matrix, vocab = symmetric()
    before = matrix.copy()
    vectors = train_counts(matrix, vocab, SMALL, progress=False).vectors
    assert (matrix != before).nnz == 0
    dense = matrix.toarray().astype(np.int64)
    np.testing.assert_array_equal(train_counts(dense, vocab, SMALL, progress=False).vectors, vectors)


def test_zeros_that_are_written_out_are_no_cells():
    matrix, vocab = symmetric()
    cells, (i, j) = matrix.tocoo(), np.argwhere(matrix.toarray() == 0)[1]  # on one side of the diagonal alone
    places = np.append(cells.row, i), np.append(cells.col, j)
    padded = sp.coo_array((np.append(cells.data, 0), places), shape=matrix.shape).tocsr()
    assert padded.nnz == matrix.nnz + 1
    assert i != j
    vectors = [train_counts(m, vocab, SMALL, progress=False).vectors for m in (matrix, padded)]
    np.testing.assert_array_equal(*vectors)


def test_words_that_meet_nobody_keep_their_small_vectors():
    matrix, vocab = symmetric()
    dense = matrix.toarray()
    dense[3], dense[:, 3] = 0, 0
    vectors = train_counts(sp.csr_array(dense), vocab, SMALL, progress=False)
    largest = np.abs(vectors.vectors).max(1)
    assert largest[3] <= 1 / SMALL.vector_size < np.delete(largest, 3).min()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_a_gpu_trains_the_same():
    matrix, vocab = symmetric()
    here, there = (train_counts(matrix, vocab, SMALL, device, progress=False) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(here.vectors, there.vectors, rtol=1e-3, atol=1e-3)


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_cell_that_is_no_count(value):
    matrix, vocab = symmetric()
    dense = matrix.toarray()
    dense[2, 5] = dense[5, 2] = value
    with pytest.raises(ValueError, match=rf"cell \(2, 5\)=.*{value}.* a finite number of 0 or more"):
        train_counts(sp.csr_array(dense), vocab, SMALL, progress=False)


def test_an_asymmetric_matrix_is_named_with_its_worst_cell():
    matrix, vocab = symmetric()
    upper = sp.triu(matrix)
    with pytest.raises(ValueError, match="not symmetric"):
        train_counts(upper, vocab, SMALL, progress=False)
    dense = matrix.toarray()
    dense[2, 5], dense[5, 2] = 4, 9
    with pytest.raises(ValueError, match=r"cell \((2, 5\) is 4.0 but cell \(5, 2\) is 9|5, 2\) is 9.0 but)"):
        train_counts(sp.csr_array(dense), vocab, SMALL, progress=False)


def test_an_empty_matrix_and_one_of_another_size():
    matrix, vocab = symmetric()
    with pytest.raises(ValueError, match="empty"):
        train_counts(sp.csr_array((40, 40)), vocab, SMALL, progress=False)
    with pytest.raises(ValueError, match=r"matrix=\(39, 39\) .* each of 40 words"):
        train_counts(matrix[:39, :39], vocab, SMALL, progress=False)


def test_corpora_without_anything_to_learn():
    with pytest.raises(ValueError, match="empty"):
        train([], SMALL, progress=False)
    with pytest.raises(ValueError, match="no two words meet"):
        train([["a"], ["b"], ["a"]], SMALL, progress=False)
    with pytest.raises(ValueError, match="min_count must be lower"):
        train([["a", "b"]], replace(SMALL, min_count=5), progress=False)


@pytest.mark.parametrize(("rate", "epoch"), [(1e30, 2), (float(np.finfo(np.float32).max), 1)])
def test_a_training_that_diverges_names_the_epoch(rate, epoch):
    matrix, vocab = symmetric(14)  # one tile, so that the loss of the first epoch is taken before its step does harm
    with pytest.raises(RuntimeError, match=rf"diverged in epoch {epoch}, its loss is .*: lower learning_rate="):
        train_counts(matrix, vocab, replace(SMALL, learning_rate=rate, epochs=2), progress=False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("vector_size", 0), ("window", 2.5), ("min_count", 0), ("epochs", 0), ("max_size", 0), ("seed", -1),
     ("x_max", 0), ("alpha", -1.0), ("learning_rate", float("nan")), ("x_max", "10")],
)  # fmt: skip
def test_settings_that_cannot_be_used(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r} cannot be used: {name} must be"):
        GloVeConfig(**{name: value})


def test_a_device_that_is_not_there():
    matrix, vocab = symmetric()
    with pytest.raises(ValueError, match="names no device"):
        train_counts(matrix, vocab, SMALL, device="abacus", progress=False)
