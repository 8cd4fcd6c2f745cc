"""Lesson 22: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch

from course_lib.checks.scaling import _parts, _runs
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def in_place(gradients, counts):
    whole = sum(counts)
    for gradient, count in zip(gradients, counts):
        gradient *= count / whole
    return sum(gradients)


BANK = {
    "step_flops": [
        Wrong("nothing", "return 3 -> 3"),
        Wrong("a list", "return 3 * 2 * B * T * (weights + attention) -> return [3 * 2 * B * T * weights, 3 * 2 * "
              "B * T * attention]"),
        Wrong("two at once: the way there alone, and no head", ("3 * 2 * B -> 2 * B", "+ V * D ->")),
        Wrong("6ND, the tables among them", lambda V, D, L, B, T: 6 * B * T * (12 * L * D * D + (V + T) * D)),
    ],
    "training_bytes": [
        Wrong("nothing", "return 4 -> 4"),
        Wrong("negative", "return 4 -> return -4"),
    ],
    "accumulated": [
        Wrong("the inputs changed", in_place),
        Wrong("nothing", "return sum -> sum"),
        Wrong("a list", "sum(count / whole * gradient for gradient, count in zip(gradients, counts)) -> [count / "
              "whole * gradient for gradient, count in zip(gradients, counts)]"),
        Wrong("minus", "return sum -> return -sum"),
    ],
    "power_law": [
        Wrong("nothing", "return scale -> scale"),
        Wrong("the exponent alone", "return scale, exponent -> return exponent"),
        Wrong("a square too many", "from_mean**2 -> from_mean**4"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def product_by_product(V, D, L, B, T):
    tokens = B * T
    block = 2 * tokens * (3 * D * D + D * D + 4 * D * D + 4 * D * D) + 2 * 2 * B * T * T * D
    return 3 * (L * block + 2 * tokens * V * D)


def there_and_back(V, D, L, B, T):
    there = 2 * B * T * (L * (12 * D**2 + 2 * T * D) + V * D)
    return there + 2 * there


def six_a_weight(V, D, L, B, T):
    return 6 * B * T * V * D + 72 * B * T * L * D * D + 12 * B * T * T * L * D


def sixteen_and_four(parameters, kept):
    return 16 * parameters + 4 * kept


def in_a_sum(parameters, kept):
    return sum(4 * numbers for numbers in (parameters, parameters, parameters, parameters, kept))


def by_name(parameters, kept):
    weights = gradients = parameters
    means = 2 * parameters
    return (weights + gradients + means + kept) * 32 // 8


def with_a_loop(gradients, counts):
    total = torch.zeros_like(gradients[0])
    for i in range(len(gradients)):
        total = total + gradients[i] * counts[i]
    return total / sum(counts)


def stacked(gradients, counts):
    weights = torch.tensor(counts, dtype=torch.float32)
    return torch.einsum("p,p...->...", weights / weights.sum(), torch.stack(gradients))


def in_numpy(gradients, counts):
    return np.average(np.stack([np.array(gradient) for gradient in gradients]), axis=0, weights=counts)


def by_polyfit(sizes, losses):
    slope, height = np.polyfit(np.log(np.array(sizes)), np.log(np.array(losses)), 1)
    return np.exp(height), -slope


def by_least_squares(sizes, losses):
    table = torch.stack([torch.ones_like(sizes), -sizes.log()], 1)
    height, exponent = torch.linalg.lstsq(table, losses.log()[:, None]).solution[:, 0]
    return height.exp(), exponent


def by_log10(sizes, losses):
    x, y = sizes.log10(), losses.log10()
    exponent = -((x * y).mean() - x.mean() * y.mean()) / ((x * x).mean() - x.mean() ** 2)
    return 10 ** (y.mean() + exponent * x.mean()), exponent


RIGHT = {
    "step_flops": [product_by_product, there_and_back, six_a_weight],
    "training_bytes": [sixteen_and_four, in_a_sum, by_name],
    "accumulated": [with_a_loop, stacked, in_numpy],
    "power_law": [by_polyfit, by_least_squares, by_log10],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_step(rng):
    return tuple(int(n) for n in rng.integers(1, 30, 5))


def draw_bytes(rng):
    return tuple(int(n) for n in rng.integers(0, 5000, 2))


def draw_parts(rng):
    counts = [int(n) for n in rng.integers(0, 9, rng.integers(1, 5))]
    counts[0] += 1
    return _parts((2, 3), counts, int(rng.integers(10_000)))


def draw_runs(rng):
    count = int(rng.integers(2, 7))
    return _runs((10 ** rng.uniform(0, 2, count)).tolist(), rng.uniform(1, 5, count).tolist())


INPUTS = {"step_flops": draw_step, "training_bytes": draw_bytes, "accumulated": draw_parts, "power_law": draw_runs}
