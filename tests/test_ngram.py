"""ngram: beside loops over dictionaries, beside cases worked by hand, and texts that it writes beside its counts."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import ngram, sequences
from course_lib.ngram import NgramModel

few = settings(max_examples=15, deadline=None, derandomize=True)


def by_loops(text: str, held_out: str, order: int, iterations: int) -> tuple[list[float], dict]:
    """The weights, one a length of context, and p(symbol | context) as a function: dictionaries and loops."""
    size = len(set(text)) + 1
    counts = Counter(text[i : i + n] for n in range(1, order + 1) for i in range(len(text) - n + 1))
    followed = Counter()
    for gram, count in counts.items():
        followed[gram[:-1]] += count
    weights = [0.5] * order

    def parts(context, symbol):  # from the longest context down: (length, weight, share)
        for n in reversed(range(min(order - 1, len(context)) + 1)):
            h = context[len(context) - n :]
            if followed[h]:
                yield n, weights[n], counts[h + symbol] / followed[h]

    def p(context, symbol):
        below = 1 / size
        for _, w, share in reversed(list(parts(context, symbol))):
            below = w * share + (1 - w) * below
        return below

    for _ in range(iterations):
        chosen, reached = [1.0] * order, [2.0] * order
        for i, symbol in enumerate(held_out):
            whole, left, still = p(held_out[:i], symbol), 1.0, 1.0
            for n, w, share in parts(held_out[:i], symbol):
                reached[n] += still
                chosen[n] += left * w * share / whole
                still -= left * w * share / whole
                left *= 1 - w
        weights[:] = [a / b for a, b in zip(chosen, reached)]
    return weights, p


@pytest.mark.parametrize("kind", [torch.tensor, np.array, lambda ids: list(torch.tensor(ids)), tuple,
                                  lambda ids: [ids[0], *torch.tensor(ids[1:])]])
def test_numbers_of_any_kind_are_counted_by_their_value(kind):
    ids, held_out = [1, 2, 1, 3, 2, 1], [1, 2]
    model = NgramModel(2).fit(kind(ids), kind(held_out))
    assert model.symbols == [1, 2, 3]
    np.testing.assert_array_equal(model.log_probs(kind(ids)), NgramModel(2).fit(ids, held_out).log_probs(ids))
    np.testing.assert_array_equal(model.probabilities(kind([1])), model.probabilities([1]))


def test_a_bigram_model_by_hand():
    # a a b: after a came a once and b once; of all three symbols two were a; with the unknown there are three symbols
    model = NgramModel(2).fit("aab", "ab", iterations=1)
    # Before the first step all weights are 1/2. Held-out a has no context: 1/2 2/3 + 1/2 1/3 = 1/2, and counting
    # explains 1/3 of it, 2/3 of the whole. Then b after a: below 1/2 1/3 + 1/2 1/3 = 1/3, in all 1/2 1/2 + 1/2 1/3
    # = 5/12, of which the bigram explains 3/5; the rest, 2/5, comes down to the unigram, which explains half of it.
    assert model.held_out_losses == pytest.approx([-(math.log(1 / 2) + math.log(5 / 12)) / 2])
    unigram, bigram = (2 / 3 + 1 / 5 + 1) / (1 + 2 / 5 + 2), (3 / 5 + 1) / (1 + 2)
    assert model.weights.tolist() == [[0, pytest.approx(unigram)], [0, pytest.approx(bigram)]]
    below = unigram / 3 + (1 - unigram) / 3
    assert model.probabilities("a")[model.symbols.index("b")] == pytest.approx(bigram / 2 + (1 - bigram) * below)
    assert model.probabilities("b").tolist() == pytest.approx(model.probabilities().tolist())  # b was followed by none


@few
@given(st.text("abc", min_size=1, max_size=30), st.text("abcx", min_size=1, max_size=12), st.integers(1, 4))
def test_the_model_equals_loops_over_dictionaries(text, held_out, order):
    model = NgramModel(order).fit(text, held_out, iterations=3)
    weights, p = by_loops(text, held_out, order, iterations=3)
    used = [n for n in range(order) if len(text) > n]  # a longer context than the text was never seen
    np.testing.assert_allclose(model.weights[used, 1], np.array(weights)[used], atol=1e-12)
    expected = [math.log(p(held_out[:i], symbol)) for i, symbol in enumerate(held_out)]
    np.testing.assert_allclose(model.log_probs(held_out), expected, atol=1e-12)
    assert model.perplexity(held_out) == pytest.approx(math.exp(-np.mean(expected)))


@few
@given(st.text("abcd", min_size=1, max_size=40), st.text("abcdz", max_size=6), st.integers(1, 5), st.integers(1, 9))
def test_probabilities_sum_to_one_and_are_those_of_log_probs(text, context, order, buckets):
    model = NgramModel(order, buckets).fit(text, text[::-1], iterations=2)
    probabilities = model.probabilities(context)
    assert probabilities.sum() == pytest.approx(1)
    assert len(probabilities) == model.vocab_size == len(set(text)) + 1
    for i, symbol in enumerate([*model.symbols, "?"]):
        assert math.log(probabilities[i]) == pytest.approx(model.log_probs(context + symbol)[-1])


def test_a_text_longer_than_a_piece_is_scored_as_one(monkeypatch):
    text = "the cat sat on the mat and the rat sat on the cat " * 3
    model = NgramModel(4).fit(text, "the rat sat")
    whole = model.log_probs(text)
    monkeypatch.setattr(ngram, "PIECE", 10)
    np.testing.assert_array_equal(model.log_probs(text), whole)


def markov_text(length: int, seed: int) -> str:
    """Symbols of which each depends on the two before it, so that order 3 is right and more or less is worse."""
    rng = np.random.default_rng(seed)
    table = np.random.default_rng(0).dirichlet([0.3] * 5, size=(5, 5))
    ids = [0, 1]
    for draw in rng.random(length):
        ids.append(min(4, int(np.searchsorted(np.cumsum(table[ids[-2], ids[-1]]), draw))))
    return "".join("abcde"[i] for i in ids)


def test_fitted_weights_find_the_right_length_of_context():
    text, held_out, test = (markov_text(length, seed) for seed, length in enumerate((20_000, 3000, 3000), 1))
    scores = {order: -NgramModel(order).fit(text, held_out).log_probs(test).mean() for order in (1, 2, 3, 5)}
    assert scores[3] < scores[2] - 0.1 < scores[1]
    assert scores[5] < scores[3] + 0.02  # longer contexts are no use, and their weights say so
    model = NgramModel(5).fit(text, held_out)
    assert model.weights[2, 1] > 0.9 > model.weights[4, 1]


def test_each_step_of_the_fit_helps_and_buckets_help_more():
    text, held_out = markov_text(3000, 1), markov_text(1000, 2)
    losses = {buckets: NgramModel(5, buckets).fit(text, held_out, 30).held_out_losses for buckets in (1, 20)}
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(losses[1]))
    assert losses[1][-1] < losses[1][0] - 0.01
    assert losses[20][-1] < losses[1][-1]


def test_words_and_numbers_are_symbols_too():
    words = "the cat sat on the mat".split()
    model = NgramModel(2).fit(words, words)
    assert model.symbols == ["the", "cat", "sat", "on", "mat"]
    assert model.probabilities(["on"]).argmax() == model.symbols.index("the")
    ids = [model.symbols.index(word) for word in words]
    for same in (ids, np.array(ids), torch.tensor(ids)):
        counted = NgramModel(2).fit(same, same)
        np.testing.assert_allclose(counted.log_probs(same), model.log_probs(words))
        np.testing.assert_allclose(counted.probabilities(same[:2]), model.probabilities(words[:2]))
        assert counted.sample(3, same[:2]) == [model.symbols.index(word) for word in model.sample(3, words[:2])]


def test_unknown_symbols_are_one_symbol_more():
    model = NgramModel(3).fit("abcabcabd", "abzabc")
    assert model.probabilities("ab")[-1] == pytest.approx(math.exp(model.log_probs("abz")[-1]))
    assert model.log_probs("abz")[-1] == model.log_probs("aby")[-1] > -math.inf


def test_samples_follow_the_counts_and_the_seed():
    model = NgramModel(2).fit("ab" * 500 + "ac" * 500, "abac" * 200)
    text = model.sample(4000, prompt="a", seed=3)
    assert text == model.sample(4000, prompt="a", seed=3) != model.sample(4000, prompt="a", seed=4)
    assert len(text) == 4001
    pairs = Counter(a + b for a, b in itertools.pairwise(text))
    share = pairs["ab"] / sum(count for pair, count in pairs.items() if pair[0] == "a")
    assert share == pytest.approx(model.probabilities("a")[model.symbols.index("b")], abs=0.04)
    words = NgramModel(2).fit(["x", "y"] * 5, ["x", "y"]).sample(3, prompt=["x"])
    assert len(words) == 4
    assert set(words) <= {"x", "y"}


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: NgramModel(0), "order=0"),
        (lambda: NgramModel(2.0), "order=2.0"),
        (lambda: NgramModel(2, buckets=0), "buckets=0"),
        (lambda: NgramModel(2).fit("", "a"), "text='' cannot .* one symbol at least"),
        (lambda: NgramModel(2).fit("a", ""), "held-out text='' cannot"),
        (lambda: NgramModel(2).fit("a", "a", iterations=0), "iterations=0"),
        (lambda: NgramModel(2).fit([["a"], ["b"]], "a"), "join the sentences first"),
        (lambda: NgramModel(2).fit((c for c in "ab"), "a"), "generator"),
        (lambda: NgramModel(2).fit("a", "a").log_probs(""), "text='' cannot .* one symbol at least"),
        (lambda: NgramModel(2).fit("a", "a").sample(-1), "length=-1"),
    ],
)
def test_ngrams_refuse(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()


def test_an_ngram_model_without_counts_says_so():
    for act in (lambda m: m.log_probs("a"), lambda m: m.probabilities("a"), lambda m: m.sample(1)):
        with pytest.raises(RuntimeError, match="call fit"):
            act(NgramModel(2))


def test_lessons_find_it_in_sequences():
    assert sequences.NgramModel is NgramModel
