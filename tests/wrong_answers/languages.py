"""Lesson 24: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch

from course_lib.checks.languages import _answers, _cosines, _languages
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def changes_its_input(S, k):
    S *= 2
    return S - S.mean(1, keepdims=True)


BANK = {
    "procrustes": [
        Wrong("nothing", "return U -> U"),
        Wrong("no transpose", "X.T @ Y -> X @ Y.T"),
        Wrong("doubled", "U @ Vt -> 2 * U @ Vt"),
    ],
    "csls": [
        Wrong("the input changed", changes_its_input),
        Wrong("nothing", "return 2 -> 2"),
        Wrong("crowds exchanged", "2 * S - rows - columns -> (2 * S.T - rows.T - columns[:, None])"),
        Wrong("one number", "- columns -> - columns.mean()"),
    ],
    "precision_at": [
        Wrong("nothing", "return sum -> sum"),
        Wrong("of the candidates", "/ len(gold) -> / len(S[0])"),
        Wrong("one less", "[:, :k] -> [:, :k - 1]"),
    ],
    "price": [
        Wrong("nothing", "return sum -> sum"),
        Wrong("tokens squared", "sum(tokens) / sum(english) -> (sum(tokens) / sum(english)) ** 2"),
        Wrong("the median text", "sum(tokens) / sum(english) -> sorted(tokens)[len(tokens) // 2] / "
              "sorted(english)[len(tokens) // 2]"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def from_the_other_side(X, Y):
    U, _, Vt = np.linalg.svd(Y.T @ X)
    return (U @ Vt).T


def in_torch(X, Y):
    U, _, Vh = torch.linalg.svd(torch.tensor(X).T @ torch.tensor(Y))
    return U @ Vh


def polar(X, Y):
    """The polar factor: M (M' M)^(-1/2)."""
    M = X.T @ Y
    values, vectors = np.linalg.eigh(M.T @ M)
    return M @ vectors @ np.diag(values**-0.5) @ vectors.T


def by_loops(S, k):
    out = np.zeros_like(S)
    for q in range(S.shape[0]):
        for v in range(S.shape[1]):
            out[q, v] = 2 * S[q, v] - np.mean(sorted(S[q])[-k:]) - np.mean(sorted(S[:, v])[-k:])
    return out


def by_topk(S, k):
    S = torch.tensor(S)
    return 2 * S - S.topk(k, dim=1).values.mean(1)[:, None] - S.topk(k, dim=0).values.mean(0)


def by_partition(S, k):
    crowds = [np.partition(M, M.shape[1] - k, axis=1)[:, -k:].mean(1) for M in (S, S.T)]
    return (S - crowds[0][:, None]) + (S - crowds[1])


def with_a_loop(S, gold, k):
    right = 0
    for row, found in zip(S, gold):
        if any(int(i) in found for i in np.argpartition(-row, k - 1)[:k]):
            right += 1
    return right / len(S)


def by_ranks(S, gold, k):
    ranks = (-S).argsort(1).argsort(1)
    return float(np.mean([min(row[list(right)]) < k for row, right in zip(ranks, gold)]))


def by_torch(S, gold, k):
    best = torch.tensor(S).topk(k, dim=1).indices
    return torch.tensor([not right.isdisjoint(row.tolist()) for row, right in zip(best, gold)]).double().mean()


def by_means(tokens, english):
    return float(np.mean(tokens) / np.mean(english))


def with_totals(tokens, english):
    all, ours = 0, 0
    for a, b in zip(tokens, english):
        all, ours = all + a, ours + b
    return all / ours


def weighted(tokens, english):
    """The mean of the ratios, each weighing what the English text weighs."""
    return sum(b * (a / b) for a, b in zip(tokens, english)) / sum(english)


RIGHT = {
    "procrustes": [from_the_other_side, in_torch, polar],
    "csls": [by_loops, by_topk, by_partition],
    "precision_at": [with_a_loop, by_ranks, by_torch],
    "price": [by_means, with_totals, weighted],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_languages(rng):
    D = int(rng.integers(2, 5))
    return _languages(D + int(rng.integers(2, 6)), D, int(rng.integers(10_000)), noise=0.2)


def draw_cosines(rng):
    Q, V = (int(n) for n in rng.integers(2, 7, 2))
    return _cosines(Q, V, int(rng.integers(10_000))), int(rng.integers(1, min(Q, V) + 1))


def draw_answers(rng):
    Q, V = (int(n) for n in rng.integers(3, 9, 2))
    return (*_answers(Q, V, int(rng.integers(10_000))), int(rng.integers(1, V)))


def draw_prices(rng):
    count = int(rng.integers(1, 6))
    return rng.integers(1, 60, count).tolist(), rng.integers(1, 60, count).tolist()


INPUTS = {"procrustes": draw_languages, "csls": draw_cosines, "precision_at": draw_answers, "price": draw_prices}
