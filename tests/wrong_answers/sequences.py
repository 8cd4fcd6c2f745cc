"""Lesson 09: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import attention, sequences
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------

SCORES = "torch.tanh(together) @ v"
BANK = {
    "perplexity": [
        Wrong("padding zeroed and counted", "log_probs[mask].mean() -> (log_probs * mask).mean()", "mean-over-padding"),
        Wrong("minus infinity made finite", "log_probs[mask] -> log_probs.nan_to_num(neginf=0)[mask]"),
        Wrong("the first row alone", "log_probs[mask] -> log_probs[0][mask[0]]"),
        Wrong("the longest row", "log_probs[mask] -> log_probs[mask.sum(1).argmax()][mask[mask.sum(1).argmax()]]"),
        Wrong("always the same", "return -> return torch.tensor(2.0)\n    return", "constant"),
    ],
    "lstm_cell": [
        Wrong("torch's layer", "return torch.sigmoid(o) * torch.tanh(c), c -> "
              "h = torch.sigmoid(o) * torch.tanh(c)\n    return h, (h, c)", "as-a-layer"),
        Wrong("input and forget gate exchanged",
              ("torch.sigmoid(f) * c -> torch.sigmoid(i) * c", "sigmoid(i) * torch.tanh -> sigmoid(f) * torch.tanh"),
              "gate-order"),
        Wrong("sigmoid by two exponentials", "torch.sigmoid(f) -> torch.exp(f) / (1 + torch.exp(f))",
              "exponentials-overflow"),
        Wrong("weights not transposed", ".T ->"),
        Wrong("the memory on top of a stack", "return torch.sigmoid(o) * torch.tanh(c), c -> "
              "return torch.stack([c, torch.sigmoid(o) * torch.tanh(c)])", "returned-in-the-other-order"),
        Wrong("the gate g twice", "torch.sigmoid(i) * torch.tanh(g) -> torch.tanh(g) * torch.tanh(g)"),
    ],
    "additive_attention": [
        Wrong("tanh of each part", ("torch.tanh(together) -> together", "(queries @ W.T) -> torch.tanh(queries @ W.T)",
              "(keys @ U.T) -> torch.tanh(keys @ U.T)"), "query-without-effect"),
        Wrong("exp by hand",
              f"torch.softmax({SCORES}, dim=1) -> torch.exp({SCORES}) / torch.exp({SCORES}).sum(1, keepdim=True)",
              "exponentials-overflow"),
        Wrong("each query meets one key", ".T)[:, None] -> .T)", "row-against-row"),
        Wrong("one query's view for all", "weights @ keys, weights -> (weights @ keys)[:1], weights"),
        Wrong("the paper's tanh twice", "torch.tanh(together) -> torch.tanh(torch.tanh(together))"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def perplexity_by_loops(log_probs, mask):
    counted = [float(p) for row, keep in zip(log_probs, mask, strict=True) for p, k in zip(row, keep) if k]
    return math.exp(-sum(counted) / len(counted))


def perplexity_by_where(log_probs, mask):
    return (-torch.where(mask, log_probs, 0).sum() / mask.sum()).exp().item()


def perplexity_in_numpy(log_probs, mask):
    return 2 ** -np.mean(log_probs.numpy()[mask.numpy()] / np.log(2))


def cell_of_torch(x, h, c, weight_ih, weight_hh, bias):
    cell = nn.LSTMCell(x.shape[1], h.shape[1])
    for parameter, value in zip(cell.parameters(), (weight_ih, weight_hh, bias, torch.zeros_like(bias)), strict=True):
        parameter.data = value
    return cell(x, (h, c))


def cell_by_slices(x, h, c, weight_ih, weight_hh, bias):
    H = h.shape[1]
    z = F.linear(x, weight_ih, bias) + F.linear(h, weight_hh)
    i, f, g, o = z[:, :H], z[:, H : 2 * H], z[:, 2 * H : -H], z[:, -H:]
    c = f.sigmoid().mul(c).addcmul(i.sigmoid(), g.tanh())
    return [o.sigmoid() * c.tanh(), c]


def cell_in_numpy(x, h, c, weight_ih, weight_hh, bias):
    x, h, c, weight_ih, weight_hh, bias = (part.double().numpy() for part in (x, h, c, weight_ih, weight_hh, bias))
    z = np.hstack([x, h]) @ np.hstack([weight_ih, weight_hh]).T + bias
    i, f, g, o = np.split(z, 4, axis=1)
    i, f, o = (0.5 + 0.5 * np.tanh(part / 2) for part in (i, f, o))
    c = f * c + i * np.tanh(g)
    return np.stack([o * np.tanh(c), c])


def attention_by_loops(queries, keys, W, U, v):
    scores = torch.stack([torch.stack([v @ torch.tanh(W @ q + U @ k) for k in keys]) for q in queries])
    weights = scores.softmax(-1)
    return [sum(share * k for share, k in zip(row, keys, strict=True)) for row in weights], weights


def attention_in_numpy(queries, keys, W, U, v):
    queries, keys, W, U, v = (part.double().numpy() for part in (queries, keys, W, U, v))
    scores = np.tanh((keys @ U.T)[:, None] + queries @ W.T) @ v  # [S, T]
    weights = np.exp(scores - scores.max(0))
    weights = (weights / weights.sum(0)).T
    return weights @ keys, weights


def attention_of_the_library(queries, keys, W, U, v):
    layer = attention.AdditiveAttention(W.shape[1], U.shape[1], len(v))
    for parameter, value in zip(layer.parameters(), (W, U, v[None]), strict=True):
        parameter.data = value
    context, weights = layer(queries[None], keys[None])
    return context[0], weights[0]


RIGHT = {
    "perplexity": [perplexity_by_loops, perplexity_by_where, perplexity_in_numpy, sequences.perplexity],
    "lstm_cell": [cell_of_torch, cell_by_slices, cell_in_numpy],
    "additive_attention": [attention_by_loops, attention_in_numpy, attention_of_the_library],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def normal(rng, *shapes):
    return tuple(torch.tensor(rng.normal(size=shape), dtype=torch.float32) for shape in shapes)


def draw_texts(rng):
    lengths = torch.tensor(rng.integers(1, 6, rng.integers(1, 5)))
    mask = torch.arange(int(lengths.max()) + 1) < lengths[:, None]
    return -torch.tensor(rng.exponential(size=mask.shape), dtype=torch.float32), mask


def draw_cell(rng):
    B, I, H = (int(n) for n in rng.integers(1, 5, 3))  # noqa: E741  (the shapes' own letters)
    return normal(rng, (B, I), (B, H), (B, H), (4 * H, I), (4 * H, H), (4 * H,))


def draw_attention(rng):
    T, S, d_query, d_key, A = (int(n) for n in rng.integers(1, 5, 5))
    return normal(rng, (T, d_query), (S, d_key), (A, d_query), (A, d_key), (A,))


INPUTS = {"perplexity": draw_texts, "lstm_cell": draw_cell, "additive_attention": draw_attention}
