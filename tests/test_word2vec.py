"""word2vec: each plain piece against a hand-worked case or an oracle, the fast path against loops and autograd."""

import contextlib
import math
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
import torch.nn.functional as F

from course_lib import word2vec
from course_lib.vocab import Vocab
from course_lib.word2vec import Word2VecConfig, train

V, D, T = 7, 3, 11  # all unequal, so that a swapped axis fails


def tables(seed=0, words=V):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(words, D, generator=generator), torch.randn(words, D, generator=generator)


def topics(sentences=400, seed=0):
    """Sentences of one of two topics: words of a topic meet each other and never the other topic's."""
    rng = np.random.default_rng(seed)
    return [[f"{'ab'[i % 2]}{k}" for k in rng.integers(0, 10, 12)] for i in range(sentences)]


# --- the plain pieces ---------------------------------------------------------------------------------------------


def test_window_pairs_by_hand():
    assert ["".join(pair) for pair in word2vec.window_pairs("abcd", 2)] == "ab ac ba bc bd ca cb cd db dc".split()
    assert word2vec.window_pairs([5], 3) == []
    assert (5, 6) in set(word2vec.window_pairs(torch.tensor([5, 6]), 1))
    with pytest.raises(ValueError, match="window=0"):
        word2vec.window_pairs([1, 2], 0)


def test_random_windows_see_near_words_more_often():
    pairs = word2vec.window_pairs(range(20_000), 5, np.random.default_rng(0))
    shares = np.bincount([abs(c - o) for c, o in pairs], minlength=6)[1:] / 40_000
    np.testing.assert_allclose(shares, [1, 0.8, 0.6, 0.4, 0.2], atol=0.01)


def test_softmax_loss_of_zeros_is_log_v_and_large_scores_stay_finite():
    zeros = torch.zeros(V, D)
    pairs = torch.tensor([0, 1]), torch.tensor([2, 3])
    assert word2vec.softmax_loss(zeros, zeros, *pairs).item() == pytest.approx(math.log(V))
    w_in, w_out = tables()
    assert torch.isfinite(word2vec.softmax_loss(w_in * 1000, w_out, *pairs))


def test_softmax_gradients_equal_finite_differences_and_autograd():
    w_in, w_out = (t.double() for t in tables())
    grad_centre, grad_out = word2vec.softmax_gradients(w_in.numpy(), w_out.numpy(), 2, 5)

    def loss(a, b):
        return word2vec.softmax_loss(a, b, torch.tensor([2]), torch.tensor([5]))

    a, b = w_in.clone().requires_grad_(), w_out.clone().requires_grad_()
    loss(a, b).backward()
    np.testing.assert_allclose(grad_centre, a.grad[2], atol=1e-12)
    np.testing.assert_allclose(grad_out, b.grad, atol=1e-12)
    np.testing.assert_allclose(grad_out.sum(0), 0, atol=1e-12)
    step = 1e-6
    for row, column in [(0, 0), (5, 1), (6, 2)]:
        up, down = w_out.clone(), w_out.clone()
        up[row, column] += step
        down[row, column] -= step
        slope = (loss(w_in, up) - loss(w_in, down)) / (2 * step)
        assert slope.item() == pytest.approx(grad_out[row, column], abs=1e-8)


def test_cbow_input_by_hand():
    w_in = torch.tensor([[1.0, 0.0], [0.0, 2.0], [4.0, 4.0]])
    got = word2vec.cbow_input(w_in, torch.tensor([0, 1, 2]), window=1)
    torch.testing.assert_close(got, torch.tensor([[0.0, 2.0], [2.5, 2.0], [0.0, 2.0]]))
    torch.testing.assert_close(word2vec.cbow_input(w_in, torch.tensor([2]), 2), torch.zeros(1, 2))


def test_keep_probability_by_hand():
    # 4 of 100 words, t = 0.01: t/f = 1/4, so (sqrt(4) + 1) / 4 = 0.75; one word in 100 stays
    np.testing.assert_allclose(word2vec.keep_probability(np.array([95, 4, 1]), 0.01)[1:], [0.75, 1.0])
    assert (word2vec.keep_probability(np.array([95, 5]), 0) == 1).all()


def test_noise_is_drawn_in_proportion_to_the_counts_to_the_power():
    counts = np.array([16, 1, 81, 0])
    p = word2vec.noise_distribution(counts, 0.75)
    np.testing.assert_allclose(p, np.array([8, 1, 27, 0]) / 36)
    draws = word2vec.sample_noise(p, (200, 500), np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(draws.ravel(), minlength=4) / 1e5, p, atol=0.005)
    fast = word2vec._noise_list(p)
    np.testing.assert_allclose(np.bincount(fast, minlength=4) / len(fast), p, atol=1e-5)


def test_negative_sampling_loss_by_hand_and_far_out():
    zero = word2vec.negative_sampling_loss(torch.zeros(2, D), torch.zeros(2, D), torch.zeros(2, 4, D))
    torch.testing.assert_close(zero, torch.full((2,), 5 * math.log(2)))
    v, u, noise = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, -1.0]]), torch.tensor([[[0.5, 0.0], [0.0, -1.0]]])
    by_hand = -math.log(1 / (1 + math.exp(-1))) - math.log(1 / (1 + math.exp(0.5))) - math.log(1 / (1 + math.exp(-2)))
    assert word2vec.negative_sampling_loss(v, u, noise).item() == pytest.approx(by_hand, rel=1e-6)
    twenty = torch.full((1, 1), 20.0)
    far = word2vec.negative_sampling_loss(twenty, -twenty, twenty[None])
    assert far.item() == pytest.approx(800)


@pytest.mark.parametrize("counts", [[5, 2, 1], [1, 1, 1, 1], [40, 30, 20, 7, 2, 1], list(range(1, 60))])
def test_huffman_codes_are_a_full_tree_of_the_least_length(counts):
    codes = word2vec.huffman_codes(counts)
    assert sum(2.0 ** -len(code) for code in codes) == 1.0  # nothing lost: branch probabilities sum to one
    assert not any(a != b and b.startswith(a) for a in codes for b in codes)
    weights, least = sorted(counts), 0  # the least total length is the sum of all the weights that merging makes
    while len(weights) > 1:
        merged = weights[0] + weights[1]
        weights, least = sorted([merged, *weights[2:]]), least + merged
    assert sum(n * len(code) for n, code in zip(counts, codes, strict=True)) == least


def test_huffman_by_hand():
    assert word2vec.huffman_codes([5, 2, 1]) == ["1", "01", "00"]


# --- the fast path against plain loops ------------------------------------------------------------------------------


def test_logistic_step_is_minus_the_gradient():
    B, R, K, alpha = 2, 4, 5, 0.3
    generator = torch.Generator().manual_seed(1)
    hidden, outputs, weights = (torch.rand(*s, generator=generator).double() for s in [(B, R, D), (B, K, D), (B, R, K)])
    hidden.requires_grad_(), outputs.requires_grad_()
    labels = torch.tensor([1.0, 1, 0, 0, 0], dtype=torch.float64)
    scores = hidden @ outputs.transpose(1, 2)
    F.binary_cross_entropy_with_logits(scores, labels.expand_as(scores), weights, reduction="sum").backward()
    step_hidden, step_outputs, _ = word2vec.logistic_step(hidden.detach(), outputs.detach(), labels, weights, alpha)
    torch.testing.assert_close(step_hidden, -alpha * hidden.grad)
    torch.testing.assert_close(step_outputs, -alpha * outputs.grad)


def block_of_text(config, words=V):
    """Three sentences as the fast path cuts them: (tables, halo, reach, noise), and the pairs they stand for."""
    counts = np.arange(words, 0, -1) * 10
    table = word2vec.Tables(counts, config, torch.device("cpu"))
    C = table.block
    table.w_in, table.w_out = tables(words=words)
    table.w_tree = tables(seed=5, words=words)[0]
    ids = np.random.default_rng(3).integers(0, words, 50).astype(np.int32)
    starts = np.array([0, 12, 13, 50])
    keep = np.ones(words, dtype=np.float32)
    text, reach = word2vec._thin(ids, starts, keep, config.window, C, np.random.default_rng(4))
    rng = np.random.default_rng(4)
    rng.random(50, dtype=np.float32)
    drawn = rng.integers(1, config.window + 1, 50)
    near = [[j for a, b in [(0, 12), (12, 13), (13, 50)] if a <= i < b for j in range(a, b)
             if j != i and abs(i - j) <= drawn[i]] for i in range(50)]  # fmt: skip
    begins = torch.arange(0, len(reach), C)[:, None]
    halo = text[begins + torch.arange(C + 2 * config.window)]
    places = torch.arange(C) * (config.window + 1) ** 2
    noise = torch.randint(words, (len(begins), table.noise_words), generator=torch.Generator().manual_seed(2)).int()
    return table, halo, reach.view(-1, C) + places, noise, ids, near


@pytest.mark.parametrize(("sg", "mean"), [(1, True), (0, True), (0, False)])
@pytest.mark.parametrize("window", [1, 4])
def test_a_negative_sampling_batch_is_one_step_down_the_papers_loss(sg, mean, window):
    config = Word2VecConfig(vector_size=D, window=window, sg=sg, cbow_mean=mean, sample=0)
    table, halo, reach, noise, ids, near = block_of_text(config)
    w_in, w_out = (t.clone().requires_grad_() for t in (table.w_in, table.w_out))
    share = config.negative / table.noise_words
    loss = torch.zeros(())
    for i, neighbours in enumerate(near):
        block_noise = w_out[noise[i // table.block].long()]  # (S, D)
        if not neighbours:
            continue
        if sg:
            hidden, true = w_in[ids[i]], w_out[ids[neighbours]]
        else:
            context = w_in[ids[neighbours]]
            hidden, true = context.mean(0) if mean else context.sum(0), w_out[ids[[i]]]
            if mean:  # the released code gives each context word the whole step, not its share of the mean
                hidden = hidden.detach() + context.sum(0) - context.sum(0).detach()
        loss = loss - F.logsigmoid(true @ hidden).sum() - share * len(true) * F.logsigmoid(-block_noise @ hidden).sum()
    loss.backward()
    alpha = 0.01
    scored = word2vec._negative_sampling_batch(table, config, halo, reach, noise, alpha)
    torch.testing.assert_close(table.w_in, w_in.detach() - alpha * w_in.grad)
    torch.testing.assert_close(table.w_out, w_out.detach() - alpha * w_out.grad)
    predictions = sum(map(len, near)) if sg else sum(bool(n) for n in near)
    assert word2vec._loss(*scored) == pytest.approx(loss.item() / predictions, rel=1e-5)


@pytest.mark.parametrize("sg", [1, 0])
def test_a_tree_batch_is_one_step_down_the_hierarchical_softmax(sg):
    config = Word2VecConfig(vector_size=D, window=3, sg=sg, hs=True, negative=0, sample=0)
    table, halo, reach, _, ids, near = block_of_text(config)
    w_in, w_tree = (t.clone().requires_grad_() for t in (table.w_in, table.w_tree))

    def log_probability(word, hidden):
        signs = 1 - 2 * table.bits[word]
        return (F.logsigmoid(signs * (w_tree[table.nodes[word].long()] @ hidden)) * table.on_path[word]).sum()

    total = sum(log_probability(word, w_in[0]).exp() for word in range(V))
    assert total.item() == pytest.approx(1, abs=1e-5)  # a tree of yes-or-no turns is a distribution over words
    loss = torch.zeros(())
    for i, neighbours in enumerate(near):
        if sg:
            loss = loss - sum(log_probability(ids[i], w_in[ids[j]]) for j in neighbours)
        elif neighbours:
            context = w_in[ids[neighbours]]
            loss = loss - log_probability(ids[i], context.mean(0).detach() + context.sum(0) - context.sum(0).detach())
    loss.backward()
    word2vec._tree_batch(table, config, halo, reach, 0.01)
    torch.testing.assert_close(table.w_in, w_in.detach() - 0.01 * w_in.grad)
    torch.testing.assert_close(table.w_tree, w_tree.detach() - 0.01 * w_tree.grad)


# --- training ---------------------------------------------------------------------------------------------------------

SMALL = {"vector_size": 20, "min_count": 1, "epochs": 15, "sample": 0, "alpha": 0.05}


@pytest.mark.parametrize("kind", [{"sg": 1}, {"sg": 0}, {"hs": True, "negative": 0}, {"sg": 0, "hs": True}])
def test_words_of_a_topic_end_up_together(kind):
    vectors = train(topics(), Word2VecConfig(**SMALL, **kind), progress=False)
    for word in ("a0", "b7"):
        assert [key[0] for key, _ in vectors.most_similar(word, topn=9)] == [word[0]] * 9


def test_one_seed_gives_the_same_bits_whatever_the_threads():
    def once(seed=3):
        return train(topics(), Word2VecConfig(**SMALL | {"epochs": 2}, seed=seed), progress=False).vectors

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = once()
        torch.set_num_threads(2)
        assert np.array_equal(one, once())
        assert not np.array_equal(one, once(seed=4))
        threads = set()
        train(topics(), Word2VecConfig(**SMALL), progress=lambda _: threads.add(torch.get_num_threads()))
        assert threads == {1}
        assert torch.get_num_threads() == 2  # the caller's setting is left alone
    finally:
        torch.set_num_threads(before)


def test_two_workers_learn_from_both_halves():
    # the first half speaks of a, the second of b: only if both workers write to the same tables are both learnt
    corpus = sorted(topics(800), key=lambda sentence: sentence[0][0])
    vectors = train(corpus, Word2VecConfig(**SMALL, workers=2), progress=False)
    for word in ("a1", "b1"):
        assert [key[0] for key, _ in vectors.most_similar(word, topn=9)] == [word[0]] * 9


def test_progress_reaches_the_end_and_the_loss_falls():
    seen = []
    train(topics(), Word2VecConfig(**SMALL), progress=seen.append)
    assert seen[-1].done == seen[-1].total == 15 * 400 * 12
    assert seen[-1].loss < seen[0].loss
    assert seen[-1].per_second > 0


def test_no_pair_crosses_a_sentence():
    ids = np.arange(100, dtype=np.int32)
    starts = np.arange(0, 101, 4)
    _, reach = word2vec._thin(ids, starts, np.ones(100, dtype=np.float32), 5, 32, np.random.default_rng(0))
    left, right = reach[:100] // 6, reach[:100] % 6
    place = torch.arange(100) % 4
    assert (left <= place).all()
    assert (right <= 3 - place).all()
    assert left.max() == right.max() == 3
    assert (reach[100:] == 0).all()


def test_thinning_comes_before_windowing():
    """A dropped word closes the gap, so a kept pair may lie farther apart in the original text than the window."""
    ids = np.tile(np.array([0, 1, 1, 1], dtype=np.int32), 4)
    keep = np.array([1.0, 0.0], dtype=np.float32)
    text, reach = word2vec._thin(ids, np.array([0, 16]), keep, 1, 32, np.random.default_rng(0))
    assert text[1:5].tolist() == [0, 0, 0, 0]
    assert (reach[:4] > 0).all()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("window", 0), ("seed", -1), ("vector_size", 0), ("sg", 2), ("negative", 0), ("sample", 1.5), ("alpha", 0),
        ("epochs", 1.5), ("min_alpha", 1.0), ("workers", 0), ("min_count", -1), ("window", 51),
        ("ns_exponent", math.nan),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named(setting, value):
    with pytest.raises(ValueError, match=f"{setting}={value} cannot be used"):
        Word2VecConfig(**{setting: value})


def test_a_corpus_without_frequent_words_is_a_sentence():
    with pytest.raises(ValueError, match="min_count"):
        train([["once", "only"]], progress=False)
    with pytest.raises(ValueError, match="empty"):
        train([], progress=False)


def test_a_loss_that_is_not_a_number_stops_the_run(monkeypatch):
    monkeypatch.setattr(word2vec, "_loss", lambda *scored: float("nan"))
    with pytest.raises(RuntimeError, match="lower alpha"):
        train(topics(20), Word2VecConfig(**SMALL), progress=False)


@pytest.mark.parametrize("kind", [{}, {"hs": True, "negative": 0}])
def test_two_words_and_a_lone_one_train_without_a_nan(kind):
    vectors = train([["a", "b"], ["c"]] * 9, Word2VecConfig(min_count=1, sample=0, **kind), progress=False)
    assert np.isfinite(vectors.vectors).all()
    assert np.isfinite(train([["a", "a"]] * 9, Word2VecConfig(min_count=1, sample=0), progress=False).vectors).all()


def test_full_blocks_are_trained_the_same_twice():
    """With 20,000 words the blocks and batches have their full size."""
    words = [f"w{i}" for i in np.random.default_rng(0).permutation(np.repeat(np.arange(20_000), 3))]
    config = Word2VecConfig(vector_size=8, min_count=1, epochs=1)
    tables = word2vec.Tables(np.full(20_000, 3), config, torch.device("cpu"))
    assert (tables.block, tables.noise_words, tables.batch) == (word2vec.BLOCK, word2vec.NOISE, word2vec.BATCH)
    one, two = (train([words], config, progress=False).vectors for _ in range(2))
    assert np.array_equal(one, two)
    start = word2vec.Tables(np.full(20_000, 3), config, torch.device("cpu")).w_in.numpy()
    assert (one != start).any(axis=1).mean() > 0.99  # every word has been trained


def test_one_sentence_is_enough_for_two_workers():
    words = [f"w{i % 40}" for i in range(2000)]
    vectors = train([words], Word2VecConfig(**SMALL | {"epochs": 1}, workers=2), progress=False)
    assert np.isfinite(vectors.vectors).all()


@pytest.mark.parametrize("kind", [{}, {"sg": 0}, {"hs": True, "negative": 0}, {"workers": 2}])
def test_a_corpus_from_which_nothing_is_left_to_learn(kind):
    """Random vectors would look like any others."""
    lonely = [[f"w{i % 5}"] for i in range(100)]
    with pytest.raises(ValueError, match="nothing to learn from: of 100 words none has a neighbour"):
        train(lonely, Word2VecConfig(**SMALL | {"epochs": 1} | kind), progress=False)
    with pytest.raises(ValueError, match=r"raise sample=1e-12"):
        train(topics(10), Word2VecConfig(**SMALL | {"epochs": 1, "sample": 1e-12} | kind), progress=False)


def test_too_little_shared_memory_is_a_sentence(monkeypatch):
    def start(worker):
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", start)
    with pytest.raises(RuntimeError, match=r"memory that processes share \(/dev/shm\): use workers=1"):
        train(topics(10), Word2VecConfig(**SMALL, workers=2), progress=False)


def test_a_generator_cannot_be_read_twice():
    with pytest.raises(ValueError, match="a list and not a generator"):
        train((sentence for sentence in topics()), Word2VecConfig(**SMALL), progress=False)


def test_a_worker_that_dies_is_noticed_at_once():
    """The other would go on for days."""
    others = set(multiprocessing.active_children())

    def kill_one(progress):
        busy = set(multiprocessing.active_children()) - others
        busy.pop().kill()

    with pytest.raises(RuntimeError, match="ended with code -9"):
        train(topics(), Word2VecConfig(**SMALL | {"epochs": 10**7}, workers=2), progress=kill_one)


INTERRUPTED = """
import sys
from course_lib.word2vec import Word2VecConfig, train
if __name__ == "__main__":
    corpus = [[f"w{i % 97}" for i in range(j, j + 20)] for j in range(20000)]
    def tell(progress):
        print("training", flush=True)
    train(corpus, Word2VecConfig(epochs=10**6, workers=int(sys.argv[1])), progress=tell)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent another way on Windows")
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_training_at_once_and_leaves_no_process(tmp_path, workers):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).resolve().parents[1]))
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    run = subprocess.Popen([sys.executable, script, str(workers)], env=env, start_new_session=True, **pipes)
    try:
        assert run.stdout.readline() == "training\n"
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) >= (0 if workers == 1 else workers + 1)  # the workers, and Python's resource tracker
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to every process of the group
        _, errors = run.communicate(timeout=600)  # on the slowest machine; the training itself takes days
        assert errors.count("KeyboardInterrupt") == 1, errors
        assert not psutil.wait_procs(family, timeout=600)[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("kind", [{"sg": 1}, {"sg": 0}, {"hs": True, "negative": 0}, {"sg": 0, "hs": True}])
def test_it_runs_on_a_gpu_unchanged(kind):
    vectors = train(topics(), Word2VecConfig(**SMALL, **kind), device="cuda", progress=False)
    assert [key[0] for key, _ in vectors.most_similar("a0", topn=9)] == ["a"] * 9


def test_workers_on_a_gpu_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="workers=2"):
        train(topics(), Word2VecConfig(workers=2), device="cuda", progress=False)


def test_vectors_come_back_in_the_vocabulary_s_order():
    vectors = train(topics(), Word2VecConfig(**SMALL | {"epochs": 1}), progress=False)
    assert vectors.index_to_key == Vocab.from_corpus(topics(), min_count=1).index_to_key
