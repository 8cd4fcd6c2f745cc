"""Checks of lesson 04: the weight of a count, GloVe's loss over a table of counts, one step of AdaGrad.

Tables with zero cells are asked after tables without: who is right on these and wrong on those used the zeros. A loss
that is right may still have slopes that are not: they are looked at too.

Papers. Pennington, Socher, Manning (2014), "GloVe: Global Vectors for Word Representation", equations 8 and 9; Duchi,
Hazan, Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".
"""

from collections.abc import Sequence

import torch

from course_lib import glove
from course_lib.checks.base import Case, Misconception
from course_lib.checks.slips import Exercise, Round, slip, with_slopes

# --- weight -----------------------------------------------------------------------------------------------------------


def _weight(counts, x_max, alpha):
    return (counts / x_max).clamp(max=1) ** alpha


def _counts(values: list | float, x_max: float, alpha: float) -> Case:
    return Case((torch.tensor(values), x_max, alpha), f"counts {values}, x_max {x_max:g} and alpha {alpha:g}")


_LINE = "(counts / x_max).clamp(max=1) ** alpha ->"
_BELOW = f"{_LINE} torch.where(counts < x_max, (counts / x_max) ** alpha,"
weight = Exercise(_weight, Round([
    _counts([0.0, 0.5, 2.0, 10.0, 45.0], 10.0, 0.75), _counts([[1.0, 3.0, 81.0], [16.0, 0.0, 300.0]], 256.0, 0.75),
    _counts([0.0, 0.5, 2.0, 10.0, 45.0], 4.0, 0.5), _counts([[[0.2], [7.0]], [[1e9], [3.0]]], 3.0, 1.5),
    _counts(0.2, 1.0, 0.25), _counts([12.0, 30.0], 10.0, 0.75), _counts([3.0, 1.0, 3.0], 100.0, 1.0),
], [
    slip("not-capped", "counts above x_max weigh more than 1. Then *the* decides everything again: cap the weight at 1",
         ".clamp(max=1) ->"),
    slip("exponent-forgotten", "this is count / x_max, capped, without the power alpha. A count of 1 would weigh far "
         "too little", "** alpha ->"),
    slip("alpha-multiplies", "alpha multiplies. It is a power: (count / x_max) ** alpha", "** alpha -> * alpha",
         f"{_LINE} (counts / x_max * alpha).clamp(max=1)"),
    slip("power-of-one-part", "the power is taken of the count alone or of x_max alone. Divide first, then raise the "
         "ratio, or a count equal to x_max does not weigh 1",
         f"{_LINE} (counts**alpha / x_max).clamp(max=1)", f"{_LINE} (counts / x_max**alpha).clamp(max=1)"),
    slip("not-divided", "the count is cut off at x_max and not divided by it. The largest weight should be 1",
         f"{_LINE} counts.clamp(max=x_max) ** alpha", f"{_LINE} counts.clamp(max=x_max)"),
    slip("frequent-cells-dropped", "counts above x_max get the weight 0. They keep the full weight, 1: only its growth "
         "ends there", f"{_BELOW} 0.0)", f"{_BELOW} 0.0) + (counts == x_max)"),
    slip("large-counts-kept", "counts above x_max come back as they are, or as x_max. All of them weigh the same, 1",
         f"{_BELOW} counts)", f"{_BELOW} x_max)"),
    slip("all-or-nothing", "a cell weighs either 1 or 0. Below x_max the weight should grow with the count",
         f"{_LINE} (counts >= x_max).float()", f"{_LINE} (counts > x_max).float()"),
    slip("all-alike", "every cell that is not zero weighs 1. A single meeting should weigh less than a hundred",
         f"{_LINE} (counts > 0).float()"),
    slip("largest-count", "you divided by the largest count in the table. Divide by x_max, whatever the table holds",
         "x_max). -> counts.max())."),
    slip("cap-from-below", "the cap is upside down: no weight is below 1. It should never be *above* 1: clamp(max=1)",
         "max=1 -> min=1"),
    slip("upside-down", "x_max is divided by the count. The count is divided by x_max: rare cells weigh less",
         "counts / x_max -> x_max / counts"),
    slip("settings-ignored", "x_max and alpha are fixed in your function. Use the two that came in",
         *(f"return -> x_max, alpha = {fixed}; return" for fixed in ("10, 0.75", "100, 0.75", "x_max, 0.75"))),
], hints=[("more than one value is ambiguous", "`min` and `if` look at one number; clamp(max=1) caps every number of a "
           "tensor.", "min-of-a-tensor")]))  # fmt: skip


# --- glove_loss -------------------------------------------------------------------------------------------------------


def _glove_loss(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    scores = w @ w_context.T + b[:, None] + b_context  # [V, V]
    errors = scores[met] - X[met].log()
    return (glove.weight(X[met], x_max, alpha) * errors**2).sum()


def _table(D: int, X: list, x_max: float, alpha: float, seed: int, words: str) -> Case:
    """Two random tables, two biases; the counts are not symmetric, so that a transposed answer fails."""
    rng, V = torch.Generator().manual_seed(seed), len(X)
    tables = [torch.randn(shape, generator=rng).round(decimals=1) for shape in ((V, D), (V, D), (V,), (V,))]
    return Case((*tables, torch.tensor(X), x_max, alpha), f"{V} words with D={D}, {words}")


def _zeros(answers: Sequence) -> Misconception | None:
    """Whoever is right on tables without a zero, and gives another number for those with zeros, has used them."""
    words = ("a cell that is 0 had its say. It is never asked: take the cells with X > 0 before anything else, and put "
             "no small number in the place of 0")  # fmt: skip
    return Misconception("zero-cells-used", _zeros, words) if all(a.kind == "value" for a in answers) else None


_SCORES, _WEIGHT = "w @ w_context.T + b[:, None] + b_context ->", "glove.weight(X[met], x_max, alpha)"
_LATE = "errors = scores[met] - X[met].log() -> errors = scores - X.log()"
_TERMS, _ALL = f"({_WEIGHT} * errors**2).sum() ->", "glove.weight(X, x_max, alpha) * errors**2"
_AS_IF_MET = slip("zero-cells-used", "the cells that are zero joined in as if their pairs had met once. Nobody counted "
                  "that: sum over the cells with X > 0 alone", "met = X > 0 -> X = X.clamp(min=1); met = X > 0",
                  "met = X > 0 -> X = torch.where(X > 0, X, 1.0); met = X > 0")  # fmt: skip
glove_loss = Exercise(
    _glove_loss,
    Round([
        _table(3, [[1.0, 7.0], [3.0, 20.0]], 10.0, 0.75, 3, "all of which meet, x_max 10"),
        _table(2, [[2.0, 0.5, 40.0], [9.0, 1.0, 4.0], [6.0, 150.0, 3.0]], 100.0, 0.5, 4,
               "all of which meet, x_max 100 and alpha 0.5"),
        _table(2, [[6.0]], 10.0, 0.75, 8, "which meets itself"),
    ], [
        _AS_IF_MET,
        slip("log1p", "the logarithm is that of 1 + X. It lets zeros in (log 1 = 0) and bends the small counts, which "
             "most are. GloVe takes log X, of the cells with X > 0", "X[met].log() -> X[met].log1p()",
             "met = X > 0 -> X = X + 1; met = X > 0", ("X[met].log() -> X[met].log1p()", f"{_WEIGHT} * ->")),
        slip("biases-left-out", "the biases are left out, or one of them. Each cell's score takes b of its row and "
             "b_context of its column, or a frequent word must say so with its vector",
             f"{_SCORES} w @ w_context.T", "+ b[:, None] ->", "+ b_context  # ->  #"),
        slip("biases-change-places", "the biases lie on the wrong sides. b belongs to the rows, so it needs the shape "
             "[V, 1], b[:, None]; b_context stays as it is", "b[:, None] + b_context -> b + b_context[:, None]"),
        slip("biases-on-one-side", "both biases were added along the same side of the table. b[:, None] goes to the "
             "rows, b_context to the columns", "b[:, None] -> b", "+ b_context  # -> + b_context[:, None]  #"),
        slip("transposed", "rows and columns of the scores are exchanged. Cell (i, j) is w[i] times w_context[j]: "
             "w @ w_context.T", "w @ w_context.T -> w_context @ w.T", "[V, V] -> [V, V]\n    scores = scores.T"),
        slip("one-table", "the table w is multiplied by itself. A word as a neighbour has a row of its own, in "
             "w_context", "w @ w_context.T -> w @ w.T"),
        slip("weights-forgotten", "the cells are not weighed. Multiply each squared error by glove.weight of its count",
             f"{_WEIGHT} * ->"),
        slip("weight-squared", "the weight was squared with the error, or its root taken. Square the error alone",
             f"{_WEIGHT} * errors**2 -> ({_WEIGHT} * errors) ** 2", f"{_WEIGHT} -> {_WEIGHT}.sqrt()"),
        slip("not-squared", "the errors are not squared", "errors**2 -> errors", "errors**2 -> errors.abs()"),
        slip("logarithm-forgotten", "the scores are compared with the counts themselves. They should come close to the "
             "logarithm of the counts", "X[met].log() -> X[met]"),
        slip("other-base", "the logarithm has another base. Ours is the natural one, torch.log",
             ".log() -> .log10()", ".log() -> .log2()"),
        slip("averaged", "this is a mean over the cells. We asked for the sum, as in the paper",
             ".sum() -> .mean()", f".sum() -> .sum() / {_WEIGHT}.sum()"),
        slip("halved", "this is half of the loss (the released program prints that one). The paper's sum has no half",
             "return -> return 0.5 *"),
        slip("settings-ignored", "x_max and alpha are fixed in your function, or the library's own. Hand the two that "
             "came in on to glove.weight(X, x_max, alpha)",
             *(f"x_max, alpha) * -> {fixed}) *" for fixed in ("100.0, 0.75", "10.0, 0.75", "x_max, 0.75"))),
        slip("left-as-table", "these are the terms of the cells. Add them up: one number", ".sum() ->"),
    ]),
    Round([
        _table(4, [[0.0, 5.0, 2.0], [1.0, 0.0, 0.0], [12.0, 8.0, 30.0]], 10.0, 0.75, 5, "3 of whose 9 cells are zero"),
        _table(2, [[3.0, 0.0, 1.0, 7.0], [0.0, 0.0, 2.0, 0.0], [5.0, 11.0, 0.0, 1.0], [0.5, 0.0, 4.0, 25.0]], 20.0, 1.0,
               6, "6 of whose 16 cells are zero"),
        _table(3, [[0.0, 0.0], [0.0, 0.0]], 10.0, 0.75, 7, "which never meet"),
    ], [
        slip("zero-cells-used",
             "the cells that are zero were used. The log of 0 is minus infinity, and 0 times infinity is NaN: a weight "
             "of 0 does not save it. Take only the cells with X > 0, then everything else", "[met] ->"),
        _AS_IF_MET,
        slip("masked-too-late",
             "the zero cells were left out after their logarithm was taken. The sum is right and cannot be trained: an "
             "error of infinity stays in the slopes, times 0, and that is NaN. Pick the cells with X > 0 first",
             *((_LATE, f"{_TERMS} {sum_of}") for sum_of in (f"({_ALL})[met].sum()", f"({_ALL}).nansum()",
                                                           f"torch.where(met, {_ALL}, 0.0).sum()"))),
    ], held="tables without a zero came out right", otherwise=_zeros),
    play=with_slopes(_glove_loss, 4),
)  # fmt: skip


# --- adagrad_step -----------------------------------------------------------------------------------------------------


def _adagrad_step(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return parameter - learning_rate * gradient / (accumulated.sqrt() + 1e-10), accumulated


def _step(parameter: list, accumulated: list, gradient: list, rate: float) -> Case:
    return Case((torch.tensor(parameter), torch.tensor(accumulated), torch.tensor(gradient), rate),
                f"parameter {parameter}, sums {accumulated}, gradient {gradient} and learning rate {rate}")  # fmt: skip


_ADD, _ROOT = "accumulated = accumulated + gradient**2", "accumulated.sqrt() + 1e-10"
_AFTERWARDS = f"{_ADD} ->", "), accumulated -> ), accumulated + gradient**2"
adagrad_step = Exercise(
    _adagrad_step,
    Round([
        _step([1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [4.0, -0.5, 20.0], 0.1),
        _step([[1.0, 0.2], [-1.0, 3.0], [0.0, 0.7]], [[9.0, 1.0], [0.25, 16.0], [4.0, 100.0]],
              [[4.0, -2.0], [1.0, 3.0], [-0.5, 8.0]], 0.5),
        _step([2.0], [9.0], [4.0], 0.1),
    ], [
        slip("accumulates-after-the-step",
             "the gradient joins the sum only after the step. The first step then divides by nothing and leaps out of "
             "the table. (The released program does it in your order, and starts its sums at 1 for that reason; ours "
             "start at 0.) Add first, then divide by the new root", _AFTERWARDS, (*_AFTERWARDS, "+ 1e-10 ->")),
        slip("one-sum-per-table", "one sum was made for the whole table, so that all its numbers get the same step "
             "length. Each number keeps a sum of its own: no .sum() at all",
             *(f"gradient**2 -> (gradient**2).{way}()" for way in ("sum", "mean")),
             *(f"{_ROOT} -> accumulated.{way}().sqrt()" for way in ("sum", "mean", "square().sum")),
             f"{_ROOT} -> (accumulated - gradient**2 + (gradient**2).sum()).sqrt()",
             f"{_ADD} -> accumulated = (accumulated + gradient**2).sum()"),
        slip("one-sum-per-row", "one sum was made for each row. Each single number keeps its own",
             *(f"gradient**2 -> (gradient**2).{way}(-1, keepdim=True)" for way in ("sum", "mean"))),
        slip("uphill", "the step goes up the gradient. A loss is made smaller: parameter minus",
             "parameter - -> parameter +"),
        slip("root-forgotten", "the gradient is divided by the sum itself. Divide by its square root", ".sqrt() ->"),
        slip("not-squared", "gradients were added up without their squares. One of -3 would make the sum smaller",
             "gradient**2 -> gradient", "gradient**2 -> gradient.abs()"),
        slip("no-memory", "the sum was replaced by this gradient's square. Every step would then be as long as the "
             "learning rate, for ever. Add to what was there", "accumulated + gradient**2 -> gradient**2"),
        slip("old-sums-returned", "the parameter is right, and in place of the new sums came the old ones, or this "
             "gradient's square alone. Return the new ones: the next step needs them",
             "), accumulated -> ), accumulated - gradient**2", "), accumulated -> ), gradient**2"),
        slip("plain-descent", "this is plain gradient descent: nothing was divided. Large gradients should take no "
             "longer steps than small", f"/ ({_ROOT}) ->", (f"/ ({_ROOT}) ->", f"{_ADD} ->")),
        slip("rate-forgotten", "the learning rate is missing", "learning_rate * ->"),
        slip("returned-in-the-other-order", "the two came back in the other order: first the parameter, then the sums",
             ("return -> return accumulated,", "), accumulated -> )")),
        slip("only-the-parameter", "only the parameter came back. Return both: the next step needs the sums",
             "), accumulated -> )"),
    ]),
    Round([
        _step([1.0, 2.0, 3.0, 4.0], [0.0, 25.0, 0.0, 1.0], [0.0, 0.0, 2.0, -3.0], 0.1),
        _step([0.5, -0.25], [0.0, 0.0], [0.003, -1e-6], 0.2),
    ], [
        slip("epsilon-forgotten",
             "the 1e-10 is missing. A number that no gradient has reached yet has the sum 0, and 0 / 0 is NaN: divide "
             "by the root plus 1e-10", "+ 1e-10 ->"),
        slip("epsilon-in-the-root", "the 1e-10 stands under the root, where it becomes 1e-5: more than a small "
             "gradient. Add it to the root", f"{_ROOT} -> (accumulated + 1e-10).sqrt()"),
        slip("another-epsilon", "the small number is larger than 1e-10, and shortens the steps of small gradients",
             *(f"1e-10 -> {small}" for small in (1e-6, 1e-7, 1e-8))),
    ], held="where each number has met a gradient of usual size, all is right"),
    parts=("new parameter", "new sums"),
)  # fmt: skip
