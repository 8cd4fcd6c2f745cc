"""Lesson 26: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch

from course_lib.checks.privacy import _layers, _numbers
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def scales_in_place(gradients, C):
    norms = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
    for g in gradients:
        g *= (C / norms).clamp(max=1).view(-1, *[1] * (g.dim() - 1))
    return [g.sum(0) for g in gradients]


BANK = {
    "exposure": [
        Wrong("nothing", "return math -> math"),
        Wrong("a bit more", "return math.log2( -> return 1 + math.log2("),
        Wrong("the score itself", "return math.log2(len(scores) / (larger + (equal + 1) / 2)) -> return scores[index]"),
    ],
    "membership": [
        Wrong("nothing", "return sum -> sum"),
        Wrong("all pairs", "return sum(pairs) / len(pairs) -> return pairs"),
        Wrong("percent", "sum(pairs) / len(pairs) -> 100 * sum(pairs) / len(pairs)"),
    ],
    "clipped_sum": [
        Wrong("the input changed", scales_in_place),
        Wrong("nothing", "return [ -> ["),
        Wrong("one tensor for all", lambda gradients, C: gradients[0].sum(0)),
        Wrong("half of C", "(C / norms) -> (C / 2 / norms)"),
    ],
    "noisy_mean": [
        Wrong("nothing", "return (total -> (total"),
        Wrong("one die for all", "* dice -> * dice.flatten()[0]"),
        Wrong("C for sigma", "sigma * C -> C * C"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def by_sorting(scores, index):
    order = sorted(scores, reverse=True)
    first = order.index(scores[index]) + 1
    last = len(order) - order[::-1].index(scores[index])
    return math.log2(len(scores)) - math.log2((first + last) / 2)


def by_numpy(scores, index):
    scores = np.array(scores)
    place = (scores > scores[index]).sum() + ((scores == scores[index]).sum() + 1) / 2
    return np.log2(len(scores) / place)


def by_torch(scores, index):
    scores = torch.tensor(scores)
    others = torch.cat([scores[:index], scores[index + 1 :]])
    place = 1 + (others > scores[index]).sum() + (others == scores[index]).sum() / 2
    return torch.log2(len(scores) / place)


def by_broadcast(inside, outside):
    a, b = torch.tensor(inside)[:, None], torch.tensor(outside)
    return ((a < b).float() + (a == b) / 2).mean()


def by_loop(inside, outside):
    won = 0.0
    for mine in inside:
        for theirs in outside:
            won += 1.0 if mine < theirs else 0.5 if mine == theirs else 0.0
    return won / len(inside) / len(outside)


def by_signs(inside, outside):
    return (1 + np.sign(np.subtract.outer(outside, inside)).mean()) / 2


def line_by_line(gradients, C):
    total = [torch.zeros_like(g[0]) for g in gradients]
    for i in range(len(gradients[0])):
        size = math.sqrt(sum((g[i] ** 2).sum().item() for g in gradients))
        for j, g in enumerate(gradients):
            total[j] += g[i] if size <= C else g[i] * (C / size)
    return total


def as_one_vector(gradients, C):
    rows = torch.cat([g.flatten(1) for g in gradients], dim=1)
    rows = rows / (rows.norm(dim=1, keepdim=True) / C).clamp(min=1)
    parts = rows.sum(0).split([g[0].numel() for g in gradients])
    return [part.view_as(g[0]) for part, g in zip(parts, gradients)]


def in_numpy(gradients, C):
    arrays = [g.numpy().astype(float) for g in gradients]
    norms = np.sqrt(sum((a.reshape(len(a), -1) ** 2).sum(1) for a in arrays))
    return [np.tensordot(np.minimum(1, C / norms), a, axes=1) for a in arrays]


def mean_and_noise(total, dice, C, sigma, B):
    return total / B + sigma * C / B * dice


def noisy_in_numpy(total, dice, C, sigma, B):
    return (np.array(total) + C * sigma * np.array(dice)) / B


def noisy_with_add(total, dice, C, sigma, B):
    return torch.add(total, dice, alpha=sigma * C).div(B)


RIGHT = {
    "exposure": [by_sorting, by_numpy, by_torch],
    "membership": [by_broadcast, by_loop, by_signs],
    "clipped_sum": [line_by_line, as_one_vector, in_numpy],
    "noisy_mean": [mean_and_noise, noisy_in_numpy, noisy_with_add],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_scores(rng):
    scores = rng.integers(-5, 0, rng.integers(2, 9)).astype(float).tolist()
    return scores, int(rng.integers(len(scores)))


def draw_losses(rng):
    return tuple(rng.integers(0, 5, rng.integers(1, 6)).astype(float).tolist() for _ in range(2))


def draw_gradients(rng):
    B, D, N = (int(n) for n in rng.integers(2, 5, 3))
    return _layers(B, D, N, int(rng.integers(10_000))), float(rng.choice([0.3, 1.0, 2.5]))


def draw_noise(rng):
    shape, seed = [int(n) for n in rng.integers(1, 4, 2)], int(rng.integers(10_000))
    C, sigma = float(rng.choice([0.25, 2.0, 3.0])), float(rng.choice([0.5, 1.5, 4.0]))
    return _numbers(*shape, seed=seed, scale=5), _numbers(*shape, seed=seed + 1), C, sigma, int(rng.integers(2, 20))


INPUTS = {"exposure": draw_scores, "membership": draw_losses, "clipped_sum": draw_gradients, "noisy_mean": draw_noise}
