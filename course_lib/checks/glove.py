"""Checks of lesson 04: the weight of a count, GloVe's loss over a table of counts, one step of AdaGrad.

Every wrong answer below is computed on the check's own inputs, and named only when it alone explains what came back.
A table with zero cells is asked apart from tables without: who is right on the one and wrong on the other used zeros.

Papers. Pennington, Socher, Manning (2014), "GloVe: Global Vectors for Word Representation", equations 8 and 9; Duchi,
Hazan, Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".
"""

import re
from collections.abc import Callable

import torch

from course_lib import glove
from course_lib.checks.base import Case, Misconception, Result, call, compare, difference, failed


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- weight -----------------------------------------------------------------------------------------------------------


def _weight_cases() -> list[Case]:
    """Counts below, at and above x_max, and a zero; three pairs of settings; a line and a table."""
    line, table = torch.tensor([0.0, 0.5, 2.0, 10.0, 45.0]), torch.tensor([[1.0, 3.0, 81.0], [16.0, 0.0, 256.0]])
    return [
        Case((line, 10.0, 0.75), "counts [0, 0.5, 2, 10, 45], x_max 10 and alpha 0.75"),
        Case((table, 256.0, 0.75), "counts [[1, 3, 81], [16, 0, 256]], x_max 256 and alpha 0.75"),
        Case((line, 4.0, 0.5), "counts [0, 0.5, 2, 10, 45], x_max 4 and alpha 0.5"),
    ]


_WEIGHT_MISCONCEPTIONS = [
    *_each(
        "not-capped",
        "counts above x_max weigh more than 1. Then *the* decides everything again: cap the weight at 1",
        lambda counts, x_max, alpha: (counts / x_max) ** alpha,
    ),
    *_each(
        "exponent-forgotten",
        "this is count / x_max, capped, without the power alpha. A count of 1 would weigh far too little",
        lambda counts, x_max, alpha: (counts / x_max).clamp(max=1),
    ),
    *_each(
        "alpha-multiplies",
        "alpha multiplies. It is a power: (count / x_max) ** alpha",
        lambda counts, x_max, alpha: (alpha * counts / x_max).clamp(max=1),
        lambda counts, x_max, alpha: alpha * (counts / x_max).clamp(max=1),
    ),
    *_each(
        "power-of-one-part",
        "the power is taken of the count alone or of x_max alone. Divide first, then raise the ratio, or a count equal "
        "to x_max does not weigh 1",
        lambda counts, x_max, alpha: (counts**alpha / x_max).clamp(max=1),
        lambda counts, x_max, alpha: (counts / x_max**alpha).clamp(max=1),
    ),
    *_each(
        "not-divided",
        "the count is cut off at x_max and not divided by it. The largest weight should be 1",
        lambda counts, x_max, alpha: counts.clamp(max=x_max) ** alpha,
        lambda counts, x_max, alpha: counts.clamp(max=x_max),
    ),
    *_each(
        "frequent-cells-dropped",
        "counts above x_max get the weight 0. They keep the full weight, 1: only its growth ends there",
        lambda counts, x_max, alpha: torch.where(counts <= x_max, (counts / x_max) ** alpha, 0.0),
        lambda counts, x_max, alpha: torch.where(counts < x_max, (counts / x_max) ** alpha, 0.0),
    ),
    *_each(
        "large-counts-kept",
        "counts above x_max come back as they are, or as x_max. All of them weigh the same, 1",
        lambda counts, x_max, alpha: torch.where(counts < x_max, (counts / x_max) ** alpha, counts),
        lambda counts, x_max, alpha: torch.where(counts < x_max, (counts / x_max) ** alpha, x_max),
    ),
    *_each(
        "all-or-nothing",
        "a cell weighs either 1 or 0. Below x_max the weight should grow with the count",
        lambda counts, x_max, alpha: (counts >= x_max).float(),
        lambda counts, x_max, alpha: (counts > x_max).float(),
    ),
    *_each(
        "all-alike",
        "every cell weighs 1, or every cell that is not zero. A single meeting should weigh less than a hundred",
        lambda counts, x_max, alpha: torch.ones_like(counts),
        lambda counts, x_max, alpha: (counts > 0).float(),
    ),
    *_each(
        "largest-count",
        "you divided by the largest count in the table. Divide by x_max, whatever the table holds",
        lambda counts, x_max, alpha: (counts / counts.max()) ** alpha,
    ),
    *_each(
        "cap-from-below",
        "the cap is upside down: no weight is below 1. It should never be *above* 1: clamp(max=1), or torch.minimum",
        lambda counts, x_max, alpha: (counts / x_max).clamp(min=1) ** alpha,
    ),
]


def weight(function: Callable) -> Result:
    """Compare with min(1, count / x_max) ** alpha."""
    return compare("weight", function, glove.weight, _weight_cases(), _WEIGHT_MISCONCEPTIONS)


# --- glove_loss -------------------------------------------------------------------------------------------------------


def _loss_case(V: int, D: int, counts: list, x_max: float, alpha: float, seed: int, words: str) -> Case:
    """Two random tables, two biases; the counts are not symmetric, so that a transposed answer fails."""
    rng = torch.Generator().manual_seed(seed)
    tables = [torch.randn(shape, generator=rng).round(decimals=1) for shape in ((V, D), (V, D), (V,), (V,))]
    return Case((*tables, torch.tensor(counts), x_max, alpha), words)


_FULL = [
    _loss_case(2, 3, [[1.0, 7.0], [3.0, 20.0]], 10.0, 0.75, 3, "2 words with D=3, all of which meet, x_max 10"),
    _loss_case(
        3, 2, [[2.0, 0.5, 40.0], [9.0, 1.0, 4.0], [6.0, 150.0, 3.0]], 100.0, 0.5, 4,
        "3 words with D=2, all of which meet, x_max 100 and alpha 0.5",
    ),
]  # fmt: skip
_WITH_ZEROS = [
    _loss_case(
        3, 4, [[0.0, 5.0, 2.0], [1.0, 0.0, 0.0], [12.0, 8.0, 30.0]], 10.0, 0.75, 5,
        "3 words with D=4, 3 of whose 9 cells are zero",
    ),
    _loss_case(
        4, 2, [[3.0, 0.0, 1.0, 7.0], [0.0, 0.0, 2.0, 0.0], [5.0, 11.0, 0.0, 1.0], [0.5, 0.0, 4.0, 25.0]], 20.0, 1.0, 6,
        "4 words with D=2, 6 of whose 16 cells are zero",
    ),
]  # fmt: skip


def _loss(w, w_context, b, b_context, X, x_max, alpha):
    rows, columns = X.nonzero(as_tuple=True)
    return glove.loss(w, w_context, b, b_context, rows, columns, X[rows, columns], x_max, alpha)


def _variant(scores=None, logarithm=torch.log, weights=glove.weight, price=None, total=torch.sum, met=None) -> Callable:
    """The right loss over the nonzero cells (or over `met(X)`), with one of its parts changed."""

    def wrong(w, w_context, b, b_context, X, x_max, alpha):
        S = w @ w_context.T + b[:, None] + b_context if scores is None else scores(w, w_context, b, b_context)
        f, error = weights(X, x_max, alpha), S - logarithm(X)
        cells = f * error**2 if price is None else price(f, error)
        return total(cells[X > 0] if met is None else cells[met(X)])

    return wrong


def _everywhere(X):
    return torch.ones_like(X, dtype=torch.bool)


def _with_counts(change: Callable) -> Callable:
    """The right loss of changed counts."""
    return lambda w, u, b, c, X, x_max, alpha: _loss(w, u, b, c, change(X), x_max, alpha)


_LOSS_MISCONCEPTIONS = [
    *_each(
        "zero-cells-used",
        "the cells that are zero were used. The log of 0 is minus infinity, and 0 times infinity is NaN: a weight of 0 "
        "does not save it. Take only the cells with X > 0, then everything else",
        _variant(met=_everywhere),
    ),
    *_each(
        "zero-cells-used",
        "the cells that are zero joined in as if their pairs had met (once, or 1 was added to every count). Nobody "
        "counted that: sum over the cells with X > 0 alone",
        _with_counts(lambda X: X.clamp(min=1)),
        _with_counts(lambda X: torch.where(X > 0, X, 1.0)),
    ),
    *_each(
        "log1p",
        "the logarithm is that of 1 + X. It lets zeros in (log 1 = 0) and bends the small counts, which most are. "
        "GloVe takes log X, of the cells with X > 0",
        _variant(logarithm=torch.log1p),
        _variant(logarithm=torch.log1p, met=_everywhere),
        _with_counts(lambda X: X + 1),
    ),
    *_each(
        "log1p",
        "the logarithm is that of 1 + X, and every cell weighs the same. GloVe takes log X, and weighs it",
        _variant(logarithm=torch.log1p, met=_everywhere, price=lambda f, error: error**2),
    ),
    *_each(
        "biases-left-out",
        "both biases are left out. Then a word that is frequent with everyone must say so with its vector: add b[i] to "
        "row i and b_context[j] to column j of the scores",
        _variant(scores=lambda w, u, b, c: w @ u.T),
    ),
    *_each(
        "biases-left-out",
        "one of the two biases is left out: each cell's score takes b of its row and b_context of its column",
        _variant(scores=lambda w, u, b, c: w @ u.T + b[:, None]),
        _variant(scores=lambda w, u, b, c: w @ u.T + c),
    ),
    *_each(
        "biases-change-places",
        "the biases lie on the wrong sides. b belongs to the rows, so it needs the shape [V, 1], b[:, None]; b_context "
        "belongs to the columns and stays as it is",
        _variant(scores=lambda w, u, b, c: w @ u.T + b + c[:, None]),
    ),
    *_each(
        "biases-on-one-side",
        "both biases were added along the same side of the table. b[:, None] goes to the rows, b_context to the "
        "columns",
        _variant(scores=lambda w, u, b, c: w @ u.T + b + c),
        _variant(scores=lambda w, u, b, c: w @ u.T + b[:, None] + c[:, None]),
    ),
    *_each(
        "transposed",
        "rows and columns of the scores are exchanged. Cell (i, j) is w[i] times w_context[j]: w @ w_context.T",
        _variant(scores=lambda w, u, b, c: u @ w.T + b[:, None] + c),
        _variant(scores=lambda w, u, b, c: (w @ u.T + b[:, None] + c).T),
    ),
    *_each(
        "one-table",
        "the table w is multiplied by itself. A word as a neighbour has a row of its own, in w_context",
        _variant(scores=lambda w, u, b, c: w @ w.T + b[:, None] + c),
    ),
    *_each(
        "weights-forgotten",
        "the cells are not weighed. Multiply each squared error by glove.weight of its count",
        _variant(price=lambda f, error: error**2),
    ),
    *_each(
        "weight-squared",
        "the weight was squared with the error. Square the error first, then weigh it",
        _variant(price=lambda f, error: (f * error) ** 2),
    ),
    *_each(
        "weight-squared",
        "the root of the weight is in there. Square the error, then multiply by the weight as it is",
        _variant(price=lambda f, error: f.sqrt() * error**2),
    ),
    *_each(
        "not-squared",
        "the errors are not squared",
        _variant(price=lambda f, error: f * error),
        _variant(price=lambda f, error: f * error.abs()),
    ),
    *_each(
        "logarithm-forgotten",
        "the scores are compared with the counts themselves. They should come close to the logarithm of the counts",
        _variant(logarithm=lambda X: X),
    ),
    *_each(
        "other-base",
        "the logarithm has another base. Ours is the natural one, torch.log",
        _variant(logarithm=torch.log10),
        _variant(logarithm=torch.log2),
    ),
    *_each(
        "averaged",
        "this is a mean over the cells. We asked for the sum, as in the paper",
        _variant(total=torch.mean),
        lambda *args: _loss(*args) / args[4].numel(),
        lambda *args: _loss(*args) / glove.weight(*args[4:]).sum(),
    ),
    *_each(
        "halved",
        "this is half of the loss (the released program prints that one). The paper's sum has no half",
        lambda *args: 0.5 * _loss(*args),
    ),
    *_each(
        "settings-ignored",
        "x_max and alpha are fixed in your function. Hand the two that came in on to glove.weight(X, x_max, alpha)",
        _variant(weights=lambda X, x_max, alpha: glove.weight(X)),
        _variant(weights=lambda X, x_max, alpha: glove.weight(X, 10.0)),
        _variant(weights=lambda X, x_max, alpha: glove.weight(X, x_max)),
    ),
    *_each(
        "left-as-table",
        "these are the terms of the cells. Add them up: one number",
        _variant(total=lambda cells: cells),
    ),
]

_ZEROS_USED = (
    "the tables without a zero came out right, and those with zeros did not. A cell that is 0 is never asked: take the "
    "cells with X > 0 before anything else, and put no small number in the place of 0."
)


def glove_loss(function: Callable) -> Result:
    """Compare with the sum over the nonzero cells of f(X) (w_i . w~_j + b_i + b~_j - log X)^2."""
    name = "glove_loss"
    result = compare(name, function, _loss, _FULL + _WITH_ZEROS, _LOSS_MISCONCEPTIONS)
    if result.status != "failed" or result.diagnosis or compare(name, function, _loss, _FULL).status != "passed":
        return result
    if all(call(function, *case.args).kind == "value" for case in _WITH_ZEROS):
        got = [difference(_loss(*case.args), call(function, *case.args).value, 1e-5) for case in _WITH_ZEROS]
        return failed(name, f"for {_WITH_ZEROS[0].label}, {got[0] or got[1]}: {_ZEROS_USED}", "zero-cells-used")
    return result


# --- adagrad_step -----------------------------------------------------------------------------------------------------


def _adagrad_cases() -> list[Case]:
    """A first step, a later one on a table, and numbers that no gradient has reached."""
    t = torch.tensor
    return [
        Case((t([1.0, -2.0, 0.5]), t([0.0, 0.0, 0.0]), t([4.0, -0.5, 20.0]), 0.1),
             "parameter [1, -2, 0.5], sums of 0, gradient [4, -0.5, 20] and learning rate 0.1"),
        Case((t([[1.0, 0.2], [-1.0, 3.0], [0.0, 0.7]]), t([[9.0, 1.0], [0.25, 16.0], [4.0, 100.0]]),
              t([[4.0, -2.0], [1.0, 3.0], [-0.5, 8.0]]), 0.5),
             "parameter [[1, 0.2], [-1, 3], [0, 0.7]], sums [[9, 1], [0.25, 16], [4, 100]], gradient [[4, -2], [1, 3], "
             "[-0.5, 8]] and learning rate 0.5"),
        Case((t([1.0, 2.0, 3.0, 4.0]), t([0.0, 25.0, 0.0, 1.0]), t([0.0, 0.0, 2.0, -3.0]), 0.1),
             "parameter [1, 2, 3, 4], sums [0, 25, 0, 1], gradient [0, 0, 2, -3] and learning rate 0.1"),
    ]  # fmt: skip


def _step(root: Callable, sums: Callable = lambda a, g: a + g**2) -> Callable:
    """A step that divides by `root(old sums, gradient)` and keeps `sums(old sums, gradient)`."""
    return lambda p, a, g, rate: (p - rate * g / (root(a, g) + glove.EPSILON), sums(a, g))


def _right(a, g):
    return (a + g**2).sqrt()


_ADAGRAD_MISCONCEPTIONS = [
    *_each(
        "accumulates-after-the-step",
        "the gradient joins the sum only after the step. The first step then divides by nothing and leaps out of the "
        "table. (The released program does it in your order, and starts its sums at 1 for that reason; ours start at "
        "0.) Add first, then divide by the new root",
        _step(lambda a, g: a.sqrt()),
    ),
    *_each(
        "accumulates-after-the-step",
        "the gradient joins the sum only after the step, and the first step has nothing to divide by. Add first, then "
        "divide by the new root",
        lambda p, a, g, rate: (p - rate * g / a.sqrt(), a + g**2),
    ),
    *_each(
        "one-sum-per-table",
        "one sum was made for the whole table, so that all its numbers get the same step length. Each number keeps a "
        "sum of its own: no .sum() at all",
        _step(lambda a, g: (a + (g**2).sum()).sqrt(), lambda a, g: a + (g**2).sum()),
        _step(lambda a, g: (a + (g**2).sum()).sqrt()),
        _step(lambda a, g: (a + g**2).sum().sqrt()),
        _step(lambda a, g: (a + g**2).sum().sqrt(), lambda a, g: (a + g**2).sum()),
        _step(lambda a, g: (a + (g**2).mean()).sqrt(), lambda a, g: a + (g**2).mean()),
        _step(lambda a, g: (a + g**2).mean().sqrt()),
        _step(lambda a, g: torch.linalg.norm(a + g**2)),
    ),
    *_each(
        "one-sum-per-row",
        "one sum was made for each row. Each single number keeps its own: no sum or mean over a row",
        _step(lambda a, g: (a + (g**2).sum(-1, keepdim=True)).sqrt(), lambda a, g: a + (g**2).sum(-1, keepdim=True)),
        _step(lambda a, g: (a + (g**2).mean(-1, keepdim=True)).sqrt(), lambda a, g: a + (g**2).mean(-1, keepdim=True)),
    ),
    *_each(
        "epsilon-forgotten",
        "the 1e-10 is missing. A number that no gradient has reached yet has the sum 0, and 0 / 0 is NaN: divide by "
        "the root plus 1e-10",
        lambda p, a, g, rate: (p - rate * g / _right(a, g), a + g**2),
    ),
    *_each(
        "uphill",
        "the step goes up the gradient. A loss is made smaller: parameter minus",
        lambda p, a, g, rate: (p + rate * g / (_right(a, g) + glove.EPSILON), a + g**2),
    ),
    *_each(
        "root-forgotten",
        "the gradient is divided by the sum itself. Divide by its square root",
        _step(lambda a, g: a + g**2),
    ),
    *_each(
        "not-squared",
        "gradients were added up without their squares. A gradient of -3 would make the sum smaller",
        _step(lambda a, g: (a + g).sqrt(), lambda a, g: a + g),
        _step(lambda a, g: (a + g.abs()).sqrt(), lambda a, g: a + g.abs()),
    ),
    *_each(
        "no-memory",
        "the sum was replaced by this gradient's square. Every step would then be as long as the learning rate, for "
        "ever. Add to what was there",
        _step(lambda a, g: g.abs(), lambda a, g: g**2),
    ),
    *_each(
        "old-sums-returned",
        "the parameter is right and the sums came back as they went in. Return the new ones: the next step needs them",
        _step(_right, lambda a, g: a),
    ),
    *_each(
        "old-sums-returned",
        "the gradient's square was returned in place of the new sums",
        _step(_right, lambda a, g: g**2),
    ),
    *_each(
        "plain-descent",
        "this is plain gradient descent: nothing was divided. Large gradients should take no longer steps than small",
        lambda p, a, g, rate: (p - rate * g, a + g**2),
        lambda p, a, g, rate: (p - rate * g, a),
    ),
    *_each(
        "rate-forgotten",
        "the learning rate is missing",
        lambda p, a, g, rate: (p - g / (_right(a, g) + glove.EPSILON), a + g**2),
    ),
    *_each(
        "returned-in-the-other-order",
        "the two came back in the other order: first the parameter, then the sums",
        lambda p, a, g, rate: glove.adagrad_step(p, a, g, rate)[::-1],
    ),
    *_each(
        "only-the-parameter",
        "only the parameter came back. Return both: the next step needs the sums",
        lambda p, a, g, rate: glove.adagrad_step(p, a, g, rate)[0],
    ),
]


def adagrad_step(function: Callable) -> Result:
    """Compare with sums + gradient^2, then parameter - rate * gradient / (root of the new sums + 1e-10)."""
    name = "adagrad_step"
    result = compare(name, function, glove.adagrad_step, _adagrad_cases(), _ADAGRAD_MISCONCEPTIONS)
    return Result(result.status, re.sub(r"entry \((\d), ([\d, ]+)\)", _which, result.message), result.diagnosis)


def _which(found: re.Match) -> str:
    """The place in the pair that was returned, in words."""
    place = found[2] if "," not in found[2] else f"({found[2]})"
    return f"entry {place} of the new {('parameter', 'sums')[int(found[1])]}"
