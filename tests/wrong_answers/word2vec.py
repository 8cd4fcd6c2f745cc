"""Lesson 02: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import word2vec
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def with_reach(draw):
    """A right answer but for how a reach is drawn."""
    def pairs_of(sentences, window, rng):
        pairs = []
        for sentence in sentences:
            for i in range(len(sentence)):
                reach = draw(rng, window)
                pairs += [(sentence[i], sentence[j]) for j in range(len(sentence)) if 0 < abs(i - j) <= reach]
        return pairs
    return pairs_of


def concatenated_ragged(w_in, sentence, window):
    return [w_in[torch.cat([sentence[max(0, t - window):t], sentence[t + 1:t + window + 1]])].flatten()
            for t in range(len(sentence))]  # fmt: skip


BANK = {
    "window_pairs": [
        Wrong("a draw for each side", "max(0, i - reach) -> max(0, i - rng.integers(1, window + 1))", "several-draws"),
        Wrong("both directions in one loop", "pairs += [(centre, sentence[j]) for j in around if j != i] -> "
              "pairs += [pair for j in around if j != i for pair in [(centre, sentence[j]), (sentence[j], centre)]]",
              "counts-twice"),
        Wrong("never far", with_reach(lambda rng, w: min(w, 1 if rng.random() < 0.5 else 5))),
        Wrong("Python's own generator", "rng.integers(1, window + 1) -> np.random.randint(1, window + 1)",
              "ignores-rng"),
        Wrong("0 by rounding", with_reach(lambda rng, w: int(rng.random() * (w + 1))), "reach-from-zero"),
        Wrong("text", lambda sentences, window, rng: ["a b"]),
        Wrong("one number a pair", "(centre, sentence[j]) -> centre"),
        Wrong("no pair", "return pairs -> return []"),
        Wrong("numbers of no word", "(centre, sentence[j]) -> (centre + 10000, sentence[j] + 10000)"),
    ],
    "softmax_loss": [
        Wrong("the best score alone", "torch.logsumexp(scores, dim=1) -> scores.amax(dim=1)"),
        Wrong("one number less, which autograd cannot tell", "right).mean() -> right).mean() - 1"),
        Wrong("the log cut off", "torch.logsumexp(scores, dim=1) - right -> "
              "(torch.logsumexp(scores, dim=1) - right).clamp(max=50)"),
        Wrong("zero", "return -> return 0 *", "all-zero"),
        Wrong("backward called inside", ("return -> loss =", "mean() -> mean(); loss.backward(); return loss")),
    ],
    "cbow_input": [
        Wrong("concatenated", lambda w_in, sentence, window: w_in[sentence].repeat(1, 2 * window), "concatenates"),
        Wrong("concatenated, ragged", concatenated_ragged, "concatenates"),
        Wrong("one row", lambda w_in, sentence, window: w_in[sentence].mean(0)),
        Wrong("own row", lambda w_in, sentence, window: w_in[sentence]),
        Wrong("the largest, not the mean", "sum(dim=0) / max(1, len(around)) -> amax(dim=0)"),
        Wrong("squares", "w_in[around].sum(dim=0) -> (w_in[around] ** 2).sum(dim=0)"),
    ],
    "softmax_gradients": [
        Wrong("an input changed", "error = np.exp -> w_out -= w_out.mean(); error = np.exp"),
        Wrong("a step, not a gradient", "return error @ w_out -> return w_in[centre] - error @ w_out"),
        Wrong("one row of w_out alone", "np.outer(error, w_in[centre]) -> error[context] * w_in[centre]"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def pairs_drawn_at_once(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        reaches = rng.integers(1, window, len(sentence), endpoint=True)
        for away in range(1, window + 1):
            for i in np.flatnonzero(reaches >= away):
                pairs += [(sentence[i], sentence[j]) for j in (i - away, i + away) if 0 <= j < len(sentence)]
    return np.array(pairs)


def loss_by_log_softmax(w_in, w_out, centres, contexts):
    log_p = torch.log_softmax(w_out @ w_in[centres].T, dim=0)
    return -sum(log_p[context, b] for b, context in enumerate(contexts)) / len(contexts)


def loss_by_hand(w_in, w_out, centres, contexts):
    scores = w_in[centres] @ w_out.T
    scores = scores - scores.max(dim=1, keepdim=True).values
    return (scores.exp().sum(1).log() - scores.gather(1, contexts[:, None])[:, 0]).mean()


def means_by_loops(w_in, sentence, window):
    rows = torch.zeros(len(sentence), w_in.shape[1])
    for t in range(len(sentence)):
        words = [int(word) for j, word in enumerate(sentence) if 0 < abs(j - t) <= window]
        rows[t] = w_in[words].mean(0) if words else 0
    return rows


def means_by_running_sums(w_in, sentence, window):
    rows = F.pad(w_in[sentence].double().cumsum(0), (0, 0, 1, 0))
    place = torch.arange(len(sentence))
    first, last = (place - window).clamp(min=0), (place + window + 1).clamp(max=len(sentence))
    return (rows[last] - rows[first] - w_in[sentence]) / (last - first - 1).clamp(min=1)[:, None]


def gradients_by_autograd(w_in, w_out, centre, context):
    v, table = (torch.tensor(x, requires_grad=True) for x in (w_in[centre], w_out))
    F.cross_entropy(table @ v, torch.tensor(context)).backward()
    return v.grad, table.grad


def gradients_by_loops(w_in, w_out, centre, context):
    powers = [np.exp(row @ w_in[centre]) for row in w_out]
    error = [power / sum(powers) - (word == context) for word, power in enumerate(powers)]
    return sum(e * row for e, row in zip(error, w_out)), [e * w_in[centre] for e in error]


RIGHT = {
    "window_pairs": [
        pairs_drawn_at_once,
        lambda sentences, window, rng: [list(p) for s in sentences for p in word2vec.window_pairs(s, window, rng)],
        with_reach(lambda rng, window: rng.choice(np.arange(window) + 1)),
        with_reach(lambda rng, window: 1 + int(rng.random() * window)),
    ],
    "softmax_loss": [word2vec.softmax_loss, loss_by_log_softmax, loss_by_hand],
    "cbow_input": [means_by_loops, means_by_running_sums, word2vec.cbow_input],
    "softmax_gradients": [gradients_by_autograd, gradients_by_loops, word2vec.softmax_gradients],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_text(rng):
    sentences = [rng.integers(0, 9, rng.integers(0, 6)).tolist() for _ in range(rng.integers(1, 3))]
    return sentences, int(rng.integers(1, 4)), np.random.default_rng(int(rng.integers(99)))


def draw_batch(rng):
    V, D, B = rng.integers(2, 7, 3)
    tables = (torch.tensor(rng.normal(size=(V, D)), dtype=torch.float32, requires_grad=True) for _ in range(2))
    return *tables, *torch.tensor(rng.integers(0, V, (2, B))), bool(rng.random() < 0.5)


def draw_sentence(rng):
    V, D, T = rng.integers(1, 7, 3)
    table = torch.tensor(rng.normal(size=(V, D)), dtype=torch.float32)
    return table, torch.tensor(rng.integers(0, V, T)), int(rng.integers(1, 5))


def draw_pair(rng):
    V, D = rng.integers(2, 7, 2)
    return *rng.normal(size=(2, V, D)), int(rng.integers(V)), int(rng.integers(V))


INPUTS = {"window_pairs": draw_text, "softmax_loss": draw_batch, "cbow_input": draw_sentence,
          "softmax_gradients": draw_pair}  # fmt: skip
