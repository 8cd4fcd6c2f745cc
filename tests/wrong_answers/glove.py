"""Lesson 04: wrong answers beside its slips, right answers in other spellings, inputs to draw."""
import math

import numpy as np
import torch

from course_lib import glove
from course_lib.checks.glove import _table
from wrong_answers import Wrong

_RATIO, _MET = "(counts / x_max).clamp(max=1)", "met = X > 0 ->"
BANK = {
    "weight": [
        Wrong("all ones", lambda counts, x_max, alpha: torch.ones_like(counts), "constant"),
        Wrong("whole division", "counts / x_max -> counts // x_max", "all-or-nothing"),
        Wrong("min of two", f"{_RATIO} -> min(1, counts / x_max)", "min-of-a-tensor"),
        Wrong("logarithms of the counts", f"{_RATIO} -> (counts.log1p() / torch.tensor(x_max).log1p()).clamp(max=1)"),
    ],
    "glove_loss": [
        Wrong("a small number in place of zero", f"{_MET} X = X + 1e-6; met = X > 0", "zero-cells-used"),
        Wrong("zeros weigh 1", (f"{_MET} f = torch.where(X > 0, glove.weight(X, x_max, alpha), 1.0); X = X.clamp(1e-9)"
                                "; met = X > -1", "glove.weight(X[met], x_max, alpha) -> f[met]"), "zero-cells-used"),
        Wrong("only the diagonal", "w @ w_context.T -> (w * w_context).sum(1)"),
        Wrong("upper half alone", f"{_MET} met = X.triu() > 0"),
        Wrong("cells of one meeting dropped", f"{_MET} met = X > 1"),
        Wrong("a table cut off", "w @ w_context.T -> w @ w_context.T.detach()"),
        Wrong("all cut off", ".sum() -> .sum().detach()"),
        Wrong("a number that says it has slopes", ("return ( -> return torch.tensor((", ".sum() -> .sum().item(), "
                                                   "requires_grad=True)")),
    ],
    "adagrad_step": [
        Wrong("in place", "accumulated = accumulated + -> accumulated +="),
        Wrong("an epsilon of 1", "1e-10 -> 1"),
        Wrong("a running mean", "accumulated + gradient**2 -> 0.9 * accumulated + 0.1 * gradient**2"),
    ],
}  # fmt: skip


# --- right ------------------------------------------------------------------------------------------------------------


def weight_by_minimum(counts, x_max, alpha):
    return torch.minimum(torch.ones_like(counts), (counts / x_max) ** alpha)


def weight_by_where(counts, x_max, alpha):
    return torch.where(counts < x_max, (counts / x_max) ** alpha, 1.0)


def weight_in_numpy(counts, x_max, alpha):
    return np.power(np.minimum(counts.numpy(), x_max) / x_max, alpha)


def loss_by_loops(w, w_context, b, b_context, X, x_max, alpha):
    total = 0.0
    for i, j in X.nonzero().tolist():
        error = float(w[i].double() @ w_context[j].double()) + float(b[i]) + float(b_context[j]) - math.log(X[i, j])
        total += min(1, float(X[i, j]) / x_max) ** alpha * error**2
    return total


def loss_of_cells(w, w_context, b, b_context, X, x_max, alpha):
    rows, columns = X.nonzero(as_tuple=True)
    return glove.loss(w, w_context, b, b_context, rows, columns, X[rows, columns], x_max, alpha)


def loss_of_all_cells(w, w_context, b, b_context, X, x_max, alpha):
    errors = w @ w_context.T + b[:, None] + b_context - torch.where(X > 0, X, 1.0).log()
    return (glove.weight(X, x_max, alpha) * errors.square()).sum()


def step_on_copies(parameter, accumulated, gradient, learning_rate):
    parameter, accumulated = parameter.clone(), accumulated.clone()
    accumulated.addcmul_(gradient, gradient)
    parameter.addcdiv_(gradient, accumulated.sqrt().add_(1e-10), value=-learning_rate)
    return parameter, accumulated


def step_in_numpy(parameter, accumulated, gradient, learning_rate):
    parameter, accumulated, gradient = (x.double().numpy() for x in (parameter, accumulated, gradient))
    sums = accumulated + np.square(gradient)
    return [parameter - learning_rate * gradient / (np.sqrt(sums) + 1e-10), sums]


def step_of_each(parameter, accumulated, gradient, learning_rate):
    sums = accumulated + gradient * gradient
    steps = [g / (s**0.5 + 1e-10) for g, s in zip(gradient.flatten().tolist(), sums.flatten().tolist(), strict=True)]
    return parameter - learning_rate * torch.tensor(steps).view_as(parameter), sums


RIGHT = {
    "weight": [weight_by_minimum, weight_by_where, weight_in_numpy],
    "glove_loss": [loss_by_loops, loss_of_cells, loss_of_all_cells],
    "adagrad_step": [step_on_copies, step_in_numpy, step_of_each],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_counts(rng):
    counts = np.exp(rng.normal(1, 2, rng.integers(1, 4, rng.integers(0, 3)))) * (rng.random() < 0.9)
    return torch.tensor(counts, dtype=torch.float32), float(rng.uniform(0.5, 20)), float(rng.uniform(0.1, 1.5))


def draw_table(rng):
    X = np.exp(rng.normal(1, 2, (V := rng.integers(1, 5), V))) * (rng.random((V, V)) < 0.7)
    D, x_max, alpha = int(rng.integers(1, 5)), float(rng.uniform(0.5, 20)), float(rng.uniform(0.1, 1.5))
    return _table(D, X.astype(np.float32).tolist(), x_max, alpha, int(rng.integers(99)), "").args


def draw_step(rng):
    parameter, gradient, sums = rng.normal(size=(3, *rng.integers(1, 4, rng.integers(1, 3)))) * (rng.random() < 0.8)
    return *(torch.tensor(x, dtype=torch.float32) for x in (parameter, 9 * sums**2, 3 * gradient)), 0.1


INPUTS = {"weight": draw_counts, "glove_loss": draw_table, "adagrad_step": draw_step}
