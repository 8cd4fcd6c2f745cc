"""Checks of lesson 08: a split by film, one epoch of the loop, a step of AdamW, the learning rate of a step.

The loop is judged by what it leaves behind: the weights after two epochs, and the losses that it reported. The model it
gets has a dropout that always drops the same, so that a forgotten mode shows in the numbers and chance does not.

Papers. Loshchilov & Hutter (2019), "Decoupled Weight Decay Regularization"; Loshchilov & Hutter (2017), "SGDR:
Stochastic Gradient Descent with Warm Restarts".
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import training
from course_lib.checks.base import (
    Case,
    Misconception,
    Outcome,
    Result,
    a_type,
    call,
    compare,
    difference,
    failed,
    guarded,
    numbers,
    passed,
)


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- split_by_film ----------------------------------------------------------------------------------------------------


def _reviews(films: int, seed: int) -> np.ndarray:
    """Each film's reviews side by side, first the panning ones, then the praising ones in another order of films."""
    rng = np.random.default_rng(seed)
    halves = [np.repeat(rng.permutation(films), rng.integers(1, 7, films)) for _ in range(2)]
    return 10 + np.concatenate(halves)


_SHELVES = [
    (_reviews(10, 1), 0.3, "the reviews of 10 films, share 0.3"),
    (np.array([4, 4, 4, 9, 9, 2, 2, 2, 2, 7, 9, 9, 9, 4, 2, 7, 7, 7]), 0.3, "18 reviews of 4 films, share 0.3"),
    (_reviews(39, 2), 0.2, "the reviews of 39 films, share 0.2"),
]
_DRAWS = 25


@guarded("split_by_film")
def split_by_film(function: Callable) -> Result:
    """No film on both sides, the right number of films held out, and another choice for another `rng`."""
    name, remark = "split_by_film", functools.partial(failed, "split_by_film")
    for films, share, label in _SHELVES:
        masks = []
        for seed in range(_DRAWS):
            outcome = call(function, films, share, np.random.default_rng(seed), name=name)
            if outcome.error:
                return outcome.error
            mask = numbers(outcome.value)
            if problem := _no_mask(mask, outcome.value, films) or _mixed(mask, films):
                return remark(f"for {label}, {problem[0]}", problem[1])
            masks.append(mask)
        if problem := _miscounted(masks, films, share):
            return remark(f"for {label}, {problem[0]}", problem[1])
        if not np.array_equal(masks[0], numbers(call(function, films, share, np.random.default_rng(0)).value)):
            text = "the same `rng` did not hold out the same films twice: draw with the one that comes in, and no other"
            return remark(f"for {label}, {text}. A split must be repeatable.", "another-rng")
        if all((mask == masks[0]).all() for mask in masks):
            text = "25 different `rng`s held out the same films. Draw them with `rng`: which they are should be chance"
            return remark(f"for {label}, {text}.", "always-the-same-films")
        often = np.mean(masks, axis=0)
        if often.min() == 0 and len(films) < 20:
            return remark(f"for {label}, some films were never held out in {_DRAWS} draws: let each have its chance.")
    return passed(name, "no film is on both sides, and which ones are held out is chance.")


def _no_mask(mask: np.ndarray | None, value, films: np.ndarray) -> tuple[str, str | None] | None:
    N = len(films)
    if mask is not None and mask.dtype.kind == "b" and mask.shape == (N,):
        return None
    if isinstance(value, tuple) and len(value) == 2:
        return "you returned two things. One mask is enough: True where a review is held out.", "two-answers"
    if mask is not None and mask.dtype.kind == "b" and mask.shape == np.unique(films).shape:
        return (f"you answer for each of the {len(mask)} films, and {N} answers are asked for, one a review: "
                "np.isin(films, chosen)."), "films-not-reviews"  # fmt: skip
    if mask is not None and mask.dtype.kind in "iuf" and mask.shape == (N,) and np.isin(mask, (0, 1)).all():
        return "these are 0 and 1, with which reviews[mask] picks *places*: make them False and True.", "not-booleans"
    if mask is not None and mask.dtype.kind in "iu" and mask.ndim == 1 and mask.size:
        if np.isin(mask, films).all() and mask.size < N:
            return ("these are the numbers of films. Which *reviews* are held out? True for each one whose film is "
                    "among them: np.isin(films, chosen)."), "films-not-reviews"  # fmt: skip
        if mask.size != N or mask.max() > 1:
            return ("these seem to be the places of reviews. Return a mask instead: for each review True or False."
                    ), "places-not-mask"  # fmt: skip
    got = a_type(value) if mask is None else f"numbers of shape {mask.shape} and kind {mask.dtype}"
    return f"expected True or False for each of the {N} reviews, and got {got}.", None


def _mixed(mask: np.ndarray, films: np.ndarray) -> tuple[str, str | None] | None:
    """A film on both sides, and how it came there."""
    both = np.intersect1d(films[mask], films[~mask])
    if not len(both):
        return None
    here = mask[films == both[0]]
    text = f"film {both[0]} has {here.sum()} of its {len(here)} reviews held out and the others in training: it looks "
    text += "as if "
    if np.count_nonzero(np.diff(mask)) == 1:
        return text + "the list was cut in two at one place, and films lie on both sides of it.", "cut-through-a-film"
    runs = np.split(mask, np.flatnonzero(np.diff(films)) + 1)
    if all(len(set(run.tolist())) == 1 for run in runs):
        text += "each run of neighbours was taken for a film. A film can come back further down"
        return text + ": draw among np.unique(films).", "runs-not-films"
    return text + "reviews were drawn. Draw films, then take all reviews of each.", "reviews-not-films"


def _miscounted(masks: list[np.ndarray], films: np.ndarray, share: float) -> tuple[str, str | None] | None:
    """Another number of films than asked for, in some of the draws."""
    all_films = len(np.unique(films))
    have, asked = np.array([len(np.unique(films[mask])) for mask in masks]), round(share * all_films)
    if (have == asked).all():
        return None
    text = f"{asked} of the {all_films} films should be held out, and you hold out {have[have != asked][0]}"
    if not have.any():
        return (f"{text}. Films have any numbers, not 0, 1, 2 ...: draw among np.unique(films). And np.isin(films, "
                "chosen) wants a list or an array: in a set it finds nothing."), "none-held-out"  # fmt: skip
    if (have == all_films - asked).all():
        return f"{text}: it looks as if the mask is the wrong way round. True is for held out.", "other-way-round"
    if 0 < have.min() and have.max() <= asked and len(set(have)) > 1:
        return (f"{text} in some draws: it looks as if a film was drawn twice. Draw among np.unique(films), with "
                "replace=False."), "drawn-twice"  # fmt: skip
    if len(set(have)) > 1 and all(mask.mean() >= share for mask in masks):
        return f"{text} in some draws: it looks as if `share` was taken of the reviews. Here it is one of the films.", (
            "share-of-reviews")  # fmt: skip
    if have.min() < asked < have.max():
        return (f"{text} in some draws: how many is left to chance. Draw exactly {asked} among np.unique(films), with "
                "rng.choice(..., replace=False)."), "number-left-to-chance"  # fmt: skip
    if (have == int(share * all_films)).all():
        return f"{text}: it looks as if {share * all_films:.4g} was cut off. Round it.", "cut-not-rounded"
    if (have == math.ceil(share * all_films)).all():
        return f"{text}: it looks as if {share * all_films:.4g} was rounded up. Take the nearest: round.", "rounded-up"
    return f"{text}.", None


# --- run_epoch --------------------------------------------------------------------------------------------------------


class _Reader(nn.Module):
    """A small network whose dropout always drops the same units. A copy of it is itself: its weights are the answer."""

    def __init__(self):
        super().__init__()
        rng = torch.Generator().manual_seed(4)
        self.hidden, self.output = nn.Linear(3, 4), nn.Linear(4, 2)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=rng).round(decimals=1))

    def __deepcopy__(self, memo):
        return self

    def forward(self, x):
        h = torch.tanh(self.hidden(x))  # (B, 4)
        return self.output(h * torch.tensor([2.0, 0.0, 2.0, 0.0]) if self.training else h)  # (B, 2)


class _Optimizer(torch.optim.SGD):
    """Plain descent, tied to its model: a copy of it is itself."""

    def __deepcopy__(self, memo):
        return self


def _batches(sizes: tuple[int, ...], seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    rng = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(size, 3, generator=rng), torch.randint(2, (size,), generator=rng)) for size in sizes
    ]


_TRAINING, _HELD_OUT = _batches((4, 4, 1), 5), _batches((3, 2), 6)


def _weighted(losses: list[float], sizes: list[int]) -> float:
    return sum(loss * size for loss, size in zip(losses, sizes)) / sum(sizes)


_REPORTS = {
    "mean": _weighted,
    "last": lambda losses, sizes: losses[-1],
    "first": lambda losses, sizes: losses[0],
    "batches alike": lambda losses, sizes: sum(losses) / len(losses),
    "sum": lambda losses, sizes: sum(losses),
    "sum of all": lambda losses, sizes: sum(loss * size for loss, size in zip(losses, sizes)),
    "by examples": lambda losses, sizes: sum(losses) / sum(sizes),
}


def _epoch(model, optimizer, batches, held_out, zero="each", train_mode=True, eval_mode=True, report="mean",
           held_report="mean", backward=True, step=True, held_learns=False, held_from=None, swapped=False, summed=False,
           at_the_end=False, again=False, one_round=False, asked_each_batch=False, asked_first=False,
           softmax=False):  # fmt: skip
    """The right epoch, or one with the named slip."""
    if train_mode:
        model.train()
    if zero == "once":
        optimizer.zero_grad()
    losses, sizes = [], []
    before = _epoch_held_out(model, held_out) if asked_first else None
    for x, y in batches[:1] if one_round else batches:
        loss = F.cross_entropy(model(x).softmax(dim=1) if softmax else model(x), y)
        if zero == "each":
            optimizer.zero_grad()
        if backward:
            (loss * len(y) if summed else loss).backward()
        if zero == "between":
            optimizer.zero_grad()
        if step:
            optimizer.step()
        losses.append(loss.item())
        sizes.append(len(y))
        if asked_each_batch:
            model.eval()
    if at_the_end:
        optimizer.step()
    if eval_mode:
        model.eval()
    if again:
        losses = [F.cross_entropy(model(x), y).item() for x, y in batches]
    held = []
    for x, y in held_out if held_from is None else batches:
        loss = F.cross_entropy(model(x), y)
        if held_learns:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        held.append(loss.item())
    held_sizes = [len(y) for _, y in (held_out if held_from is None else batches)]
    answer = _REPORTS[report](losses, sizes), _REPORTS[held_report](held, held_sizes) if before is None else before
    return answer[::-1] if swapped else answer


def _epoch_held_out(model, held_out) -> float:
    """The held-out loss before the epoch; the model comes back in training mode."""
    model.eval()
    before = _weighted([F.cross_entropy(model(x), y).item() for x, y in held_out], [len(y) for _, y in held_out])
    model.train()
    return before


def _slip(key: str, message: str, *slips: dict) -> list[Misconception]:
    return [Misconception(key, functools.partial(_epoch, **slip), message) for slip in slips]


_NO_ZERO = (
    "the gradients were never emptied, so that each step goes along the sum of all gradients so far. torch adds to "
    "`.grad`: call optimizer.zero_grad() once a batch, before backward()"
)
_NO_EVAL = (
    "the held-out loss was measured in training mode, with dropout on. Call model.eval() before the held-out batches"
)
_ONE_BATCH = (
    "the training loss that you report is that of one batch. The epoch's is the mean over all of its reviews: add up "
    "loss times batch size, divide in the end"
)
_UNEQUAL = (
    "the mean is over batches, whatever their size: a last batch of one review weighs as much as a full one. Add "
    "up loss times batch size, and divide by the number of reviews"
)
_EPOCH_MISCONCEPTIONS = [
    *_slip("no-zero-grad", _NO_ZERO, {"zero": "never"}),
    *_slip(
        "no-zero-grad",
        "the gradients were emptied once an epoch. They add up from batch to batch: optimizer.zero_grad() belongs into "
        "the loop",
        {"zero": "once"},
    ),
    *_slip("no-zero-grad", f"{_NO_ZERO}. And then: {_ONE_BATCH}", {"zero": "never", "report": "last"}),
    *_slip("no-zero-grad", f"{_NO_ZERO}. And then: {_NO_EVAL}", {"zero": "never", "eval_mode": False}),
    *_slip("eval-mode-forgotten", _NO_EVAL, {"eval_mode": False}, {"eval_mode": False, "train_mode": False}),
    *_slip("eval-mode-forgotten", f"{_NO_EVAL}. And then: {_ONE_BATCH}", {"eval_mode": False, "report": "last"}),
    *_slip(
        "no-zero-grad",
        f"{_NO_ZERO}. And then: {_UNEQUAL}",
        {"zero": "never", "report": "batches alike"},
        {"zero": "never", "report": "batches alike", "held_report": "batches alike"},
    ),
    *_slip(
        "eval-mode-forgotten",
        f"{_NO_EVAL}. And then: {_UNEQUAL}",
        {"eval_mode": False, "report": "batches alike"},
        {"eval_mode": False, "report": "batches alike", "held_report": "batches alike"},
    ),
    *_slip("one-batch-reported", _ONE_BATCH, {"report": "last"}, {"report": "first"}),
    *_slip(
        "one-batch-reported",
        "both losses that you report are those of one batch. Take the mean over all reviews: add up loss times batch "
        "size, divide in the end",
        {"report": "last", "held_report": "last"},
    ),
    *_slip(
        "one-batch-reported",
        "the held-out loss that you report is that of its last batch. Take the mean over all held-out reviews",
        {"held_report": "last"},
    ),
    *_slip(
        "batches-weigh-alike",
        _UNEQUAL,
        {"report": "batches alike", "held_report": "batches alike"},
        {"report": "batches alike"},
        {"held_report": "batches alike"},
    ),
    *_slip(
        "not-divided",
        "the losses were added up and not divided. A mean can be compared with that of another text; a sum cannot",
        {"report": "sum", "held_report": "sum"},
        {"report": "sum of all", "held_report": "sum of all"},
    ),
    *_slip(
        "means-divided-again",
        "the batches' losses were added up and divided by the number of reviews. Each of them is a mean already: "
        "multiply it by its batch size first",
        {"report": "by examples", "held_report": "by examples"},
    ),
    *_slip(
        "train-mode-forgotten",
        "the second epoch ran in evaluation mode, as the first one left the model. Begin each epoch with model.train()",
        {"train_mode": False},
    ),
    *_slip(
        "nothing-learnt",
        "the weights never moved. zero_grad(), backward() and step() are all needed, in this order: the second "
        "computes the gradients, the third uses them, and the first must not come between the two",
        {"zero": "between"},
        {"step": False},
        {"backward": False},
    ),
    *_slip(
        "learns-from-held-out",
        "the model also learnt from the held-out batches. What it has been trained on can no longer say how it does on "
        "something new: no backward() and no step() there",
        {"held_learns": True},
    ),
    *_slip(
        "held-out-not-used",
        "the second loss is that of the training batches, measured again. It should be that of `held_out`",
        {"held_from": "batches"},
    ),
    *_slip(
        "summed-loss-descended",
        "backward() was called on the sum of a batch's losses, so that a batch of four steps four times as far as one "
        "of one. Step along the mean, loss.backward(), and weigh it only in the report",
        {"summed": True},
    ),
    *_slip(
        "one-step-an-epoch",
        "the optimizer stepped once, at the end of the epoch. A step belongs to each batch",
        {"zero": "once", "step": False, "at_the_end": True},
    ),
    *_slip(
        "measured-again",
        "the training loss was measured again after the epoch. Add up the losses as the batches were met: they are "
        "there already",
        {"again": True},
    ),
    *_slip(
        "one-round",
        "the epoch ended after its first batch: a `return` stands inside the loop",
        {"one_round": True},
    ),
    *_slip(
        "asked-after-each-batch",
        "the held-out loss was measured after each batch, and the model stayed in evaluation mode for the next one. "
        "Measure once, after the loop over the batches",
        {"asked_each_batch": True},
    ),
    *_slip(
        "asked-before",
        "the held-out loss was measured before the training. Measure it after the last batch",
        {"asked_first": True},
    ),
    *_slip(
        "softmax-twice",
        "a softmax was taken before cross_entropy, which takes one itself. Hand it the scores as they are",
        {"softmax": True},
    ),
    *_slip(
        "returned-in-the-other-order",
        "the two losses came back in the other order: first the training's, then the held-out one",
        {"swapped": True},
    ),
]


def _two_epochs(function: Callable) -> tuple[list[Outcome], torch.Tensor]:
    """What two epochs on one model return, and the weights after each, in a row."""
    model = _Reader()
    optimizer = _Optimizer(model.parameters(), lr=0.5)
    outcomes, weights = [], []
    for _ in range(2):
        outcomes.append(call(function, model, optimizer, _TRAINING, _HELD_OUT, name="run_epoch"))
        weights.append(torch.cat([p.detach().reshape(-1) for p in model.parameters()]))
        if outcomes[-1].error:
            break
    return outcomes, torch.cat(weights)


def _same(one, other) -> bool:
    (outcomes, weights), (others, their_weights) = one, other
    pairs = zip([o.value for o in outcomes], [o.value for o in others], strict=True)
    return difference(their_weights, weights, 1e-5) is None and all(difference(b, a, 1e-5) is None for a, b in pairs)


@guarded("run_epoch")
def run_epoch(function: Callable) -> Result:
    """Two epochs on a small network: both reported losses, and the weights after each."""
    name = "run_epoch"
    outcomes, weights = mine = _two_epochs(function)
    if outcomes[-1].error:
        return outcomes[-1].error
    for outcome in outcomes:
        pair = numbers(outcome.value)
        if pair is None or pair.shape != (2,) or pair.dtype.kind not in "fiu":
            got = a_type(outcome.value) + ("" if pair is None else f" of shape {pair.shape}")
            if isinstance(outcome.value, tuple) and pair is None:
                got += f" of {' and '.join(a_type(item) for item in outcome.value[:4])}"
            return failed(name, f"expected two numbers, the training's loss and the held-out one, and got {got}.")
    right = _two_epochs(_epoch)
    if _same(mine, right):
        return passed(name, "both losses are right, and so are the weights after two epochs.")
    fits = [m for m in _EPOCH_MISCONCEPTIONS if _same(mine, _two_epochs(m.function))]
    found = fits[0] if len({m.key for m in fits}) == 1 else None
    problem = _epoch_problem(mine, right)
    return failed(name, f"{problem}: it looks as if {found.message}." if found else f"{problem}.", found and found.key)


def _epoch_problem(mine, right) -> str:
    """The first thing that is not as it should be, told with the batches that it happened on."""
    sizes = "batches of 4, 4 and 1 reviews, held out 3 and 2"
    moved = difference(right[1], mine[1], 1e-5) is not None
    for epoch, got, want in zip(("first", "second"), *([o.value for o in side[0]] for side in (mine, right))):
        for i, what in enumerate(("training", "held-out")):
            if not np.isclose(numbers(got)[i], want[i], rtol=1e-5, atol=1e-5):
                text = f"the {epoch} epoch's {what} loss should be {want[i]:.4f} and yours is {numbers(got)[i]:.4f}"
                weights = ", and the weights are not those of three right steps" if moved else ""
                return f"for {sizes}, {text}{weights}"
    return f"for {sizes}, the losses are right, but afterwards the weights are not what three right steps make them"


# --- adamw_step -------------------------------------------------------------------------------------------------------

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def _adamw(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    """Loshchilov & Hutter's algorithm 2, with torch's defaults; `step` counts from 1."""
    mean = BETA_1 * mean + (1 - BETA_1) * gradient
    square = BETA_2 * square + (1 - BETA_2) * gradient**2
    direction = (mean / (1 - BETA_1**step)) / ((square / (1 - BETA_2**step)).sqrt() + EPSILON)
    return parameter - learning_rate * (direction + weight_decay * parameter), mean, square


def _adamw_cases() -> list[Case]:
    """A first step, a later one on a table, and a number whose gradient is tiny."""
    t = torch.tensor
    return [
        Case((t([1.0, -2.0, 0.5]), t([0.0, 0.0, 0.0]), t([0.0, 0.0, 0.0]), t([4.0, -0.5, 0.01]), 1, 0.1, 0.2),
             "the first step: parameter [1, -2, 0.5], gradient [4, -0.5, 0.01], learning rate 0.1, weight decay 0.2"),
        Case((t([[1.0, 0.2], [-1.0, 3.0], [2.0, 0.7]]), t([[0.5, -0.1], [0.3, 0.0], [-2.0, 1.0]]),
              t([[0.4, 0.1], [0.2, 0.5], [3.0, 2.0]]), t([[1.0, -2.0], [0.5, 3.0], [0.0, -1.0]]), 5, 0.5, 0.1),
             "a fifth step, on a table of 3 rows and 2 columns with learning rate 0.5 and weight decay 0.1"),
        Case((t([1.0, 2.0]), t([0.0, 1e-4]), t([0.0, 1e-9]), t([0.0, 2e-4]), 3, 0.1, 0.0),
             "a third step without weight decay, where one number never had a gradient and the other had tiny ones"),
    ]  # fmt: skip


def _adamw_variant(mean=None, square=None, correct=(True, True), root=None, decay="apart", sign=-1, returns=None,
                   start=lambda beta, step: 1 - beta**step, direction=lambda new, old, g: new):  # fmt: skip
    def wrong(parameter, m, v, g, step, rate, weight_decay):
        if decay == "gradient":
            g = g + weight_decay * parameter
        new_m = BETA_1 * m + (1 - BETA_1) * g if mean is None else mean(m, g)
        new_v = BETA_2 * v + (1 - BETA_2) * g**2 if square is None else square(v, g)
        m_hat = new_m / start(BETA_1, step) if correct[0] else new_m
        v_hat = new_v / start(BETA_2, step) if correct[1] else new_v
        move = direction(m_hat, m / start(BETA_1, step), g) / (v_hat.sqrt() + EPSILON if root is None else root(v_hat))
        shrink = {"apart": rate * weight_decay, "gradient": 0, "none": 0, "unscaled": weight_decay,
                  "after": rate * weight_decay, "grows": -rate * weight_decay,
                  "outside the bracket": -weight_decay}[decay]  # fmt: skip
        moved = parameter + sign * rate * move
        new = moved - shrink * (moved if decay == "after" else parameter)
        return {None: (new, new_m, new_v), "corrected": (new, m_hat, v_hat), "old": (new, m, v),
                "parameter": new, "order": (new_m, new_v, new), "swapped": (new, new_v, new_m),
                "change": (new - parameter, new_m, new_v)}[returns]  # fmt: skip
    return wrong


_ADAMW_MISCONCEPTIONS = [
    *_each(
        "correction-forgotten",
        "the two running means are not corrected for their start at 0. Divide the first by 1 - 0.9 ** step and the "
        "second by 1 - 0.999 ** step, or the first steps have the wrong length",
        _adamw_variant(correct=(False, False)),
        _adamw_variant(correct=(True, False)),
        _adamw_variant(correct=(False, True)),
    ),
    *_each(
        "step-not-a-power",
        "the correction does not take 0.9 and 0.999 to the power of `step`: 1 - 0.9 ** step, 1 - 0.999 ** step",
        _adamw_variant(start=lambda beta, step: 1 - beta),
        _adamw_variant(start=lambda beta, step: 1 - beta * step),
    ),
    *_each(
        "correction-multiplies",
        "the means are multiplied by 1 - 0.9 ** step and 1 - 0.999 ** step. They are too small: divide",
        _adamw_variant(start=lambda beta, step: 1 / (1 - beta**step)),
    ),
    *_each(
        "root-before-the-correction",
        "the root was taken before the second correction. Correct the mean square first, then take its root",
        lambda p, m, v, g, step, rate, decay: (
            p - rate * ((BETA_1 * m + (1 - BETA_1) * g) / (1 - BETA_1**step)
                        / ((BETA_2 * v + (1 - BETA_2) * g**2).sqrt() / (1 - BETA_2**step) + EPSILON) + decay * p),
            BETA_1 * m + (1 - BETA_1) * g, BETA_2 * v + (1 - BETA_2) * g**2,
        ),
    ),  # fmt: skip
    *_each(
        "old-mean-used",
        "the step was made from a mean as it came in. Update both means first, then step by the new ones",
        _adamw_variant(direction=lambda new, old, g: old),
        lambda p, m, v, g, step, rate, decay: (
            p - rate * (m / (1 - BETA_1**step) / ((v / (1 - BETA_2**step)).sqrt() + EPSILON) + decay * p),
            BETA_1 * m + (1 - BETA_1) * g, BETA_2 * v + (1 - BETA_2) * g**2,
        ),
    ),
    *_each(
        "gradient-not-mean",
        "the step goes along this gradient alone. It should go along the running mean, corrected",
        _adamw_variant(direction=lambda new, old, g: g),
    ),
    *_each(
        "corrected-means-returned",
        "the corrected means came back. Correct them only for this step; the next one goes on from the plain ones",
        _adamw_variant(returns="corrected"),
    ),
    *_each(
        "decay-through-the-gradient",
        "the decay was added to the gradient, and so divided by its root like everything else: that is Adam with an L2 "
        "penalty. In AdamW the parameter shrinks by itself, apart from the gradient",
        _adamw_variant(decay="gradient"),
    ),
    *_each("decay-forgotten", "the weight decay is left out", _adamw_variant(decay="none")),
    *_each(
        "decay-not-scaled",
        "the decay is not multiplied by the learning rate. Then it goes on at full strength when the steps get short",
        _adamw_variant(decay="unscaled"),
    ),
    *_each(
        "decay-after-the-step",
        "the decay shrinks the parameter as the step left it. Take the one that came in for both",
        _adamw_variant(decay="after"),
    ),
    *_each(
        "bracket-forgotten",
        "the decay stands outside the bracket. The minus and the learning rate are for both: parameter - "
        "learning_rate * (direction + weight_decay * parameter)",
        _adamw_variant(decay="outside the bracket"),
    ),
    *_each("decay-grows", "the decay makes the parameter grow: its sign is turned", _adamw_variant(decay="grows")),
    *_each(
        "root-forgotten",
        "the step is divided by the mean square itself. Divide by its square root",
        _adamw_variant(root=lambda v: v + EPSILON),
    ),
    *_each(
        "epsilon-in-the-root",
        "the 1e-8 stands inside the root, where it is 1e-4. Add it after the root",
        _adamw_variant(root=lambda v: (v + EPSILON).sqrt()),
    ),
    *_each(
        "epsilon-forgotten",
        "the 1e-8 is missing: a number that never had a gradient divides 0 by 0",
        _adamw_variant(root=lambda v: v.sqrt()),
    ),
    *_each(
        "betas-exchanged",
        "0.9 and 0.999 changed places. The gradient's mean forgets fast (0.9), that of its squares slowly (0.999)",
        lambda p, m, v, g, step, rate, decay: (
            p - rate * (((0.999 * m + 0.001 * g) / (1 - 0.999**step))
                        / (((0.9 * v + 0.1 * g**2) / (1 - 0.9**step)).sqrt() + EPSILON) + decay * p),
            0.999 * m + 0.001 * g, 0.9 * v + 0.1 * g**2,
        ),
    ),  # fmt: skip
    *_each(
        "shares-exchanged",
        "the old mean and the new gradient changed their shares: nine tenths are for what was there, one tenth is for "
        "what comes",
        _adamw_variant(mean=lambda m, g: 0.1 * m + 0.9 * g, square=lambda v, g: 0.001 * v + 0.999 * g**2),
        _adamw_variant(mean=lambda m, g: 0.1 * m + 0.9 * g),
    ),
    *_each(
        "sums-not-means",
        "the new gradient was added in full. A running mean takes only its share: (1 - 0.9) of the gradient, "
        "(1 - 0.999) of its square",
        _adamw_variant(mean=lambda m, g: BETA_1 * m + g, square=lambda v, g: BETA_2 * v + g**2),
        _adamw_variant(mean=lambda m, g: m + g, square=lambda v, g: v + g**2),
    ),
    *_each(
        "no-memory",
        "the running means were replaced by this gradient and its square",
        _adamw_variant(mean=lambda m, g: g, square=lambda v, g: g**2),
        _adamw_variant(mean=lambda m, g: g, square=lambda v, g: g**2, correct=(False, False)),
    ),
    *_each(
        "not-squared",
        "the second mean is of the gradients, not of their squares",
        _adamw_variant(square=lambda v, g: BETA_2 * v + (1 - BETA_2) * g.abs()),
        _adamw_variant(square=lambda v, g: BETA_2 * v + (1 - BETA_2) * g),
    ),
    *_each("uphill", "the step goes up the gradient. A loss is made smaller: parameter minus", _adamw_variant(sign=1)),
    *_each(
        "old-means-returned",
        "the parameter is right and the means came back as they went in: the next step needs the new ones",
        _adamw_variant(returns="old"),
    ),
    *_each(
        "other-order",
        "the three came back in another order: first the parameter, then the two means",
        _adamw_variant(returns="order"),
        _adamw_variant(returns="swapped"),
    ),
    *_each(
        "change-returned",
        "the change of the parameter came back, and not the parameter",
        _adamw_variant(returns="change"),
    ),
    *_each(
        "only-the-parameter",
        "only the parameter came back. Return all three: the next step needs the two means",
        _adamw_variant(returns="parameter"),
    ),
]


def adamw_step(function: Callable) -> Result:
    """Compare with AdamW's step: (parameter, mean of gradients, mean of their squares)."""
    return compare("adamw_step", function, _adamw, _adamw_cases(), _ADAMW_MISCONCEPTIONS)


# --- learning_rate ----------------------------------------------------------------------------------------------------


def _rate(step: int, steps: int, warmup_steps: int, highest: float) -> float:
    config = training.TrainingConfig(steps=steps, warmup_steps=warmup_steps, learning_rate=highest)
    return training.learning_rate(step, config)


def _rate_cases() -> list[Case]:
    steps = [(0, 10, 4, 1.0), (2, 10, 4, 0.5), (3, 10, 4, 1.0), (4, 10, 4, 1.0), (6, 10, 4, 1.0), (9, 10, 4, 1.0),
             (5, 20, 2, 0.3), (15, 20, 2, 0.3), (3, 8, 0, 0.5), (0, 8, 0, 0.5)]  # fmt: skip
    return [
        Case(case, "step {} of {}, warm-up over {} steps, highest rate {}".format(*case)) for case in steps
    ]


def _rates(rise: Callable | None = None, fall: Callable | None = None) -> Callable:
    """The right schedule with another `rise(step, warmup)` or `fall(step, steps, warmup)`, both as shares of 1."""

    def wrong(step, steps, warmup_steps, highest):
        if step < warmup_steps:
            return highest * ((step + 1) / warmup_steps if rise is None else rise(step, warmup_steps))
        return highest * (_fall(step, steps, warmup_steps) if fall is None else fall(step, steps, warmup_steps))

    return wrong


def _fall(step: int, steps: int, warmup: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


_RATE_MISCONCEPTIONS = [
    *_each(
        "starts-at-zero",
        "the first step has the rate 0, and so moves nothing. Steps count from 0: rise by (step + 1) / warmup_steps",
        _rates(rise=lambda step, warmup: step / warmup),
    ),
    *_each(
        "no-warm-up",
        "there is no warm-up: the first steps have the highest rate, or the cosine begins at once",
        _rates(rise=lambda step, warmup: 1.0),
        lambda step, steps, warmup, highest: highest * _fall(step, steps, 0),
    ),
    *_each(
        "cosine-from-the-first-step",
        "the way down is counted from step 0. It begins where the warm-up ends: (step - warmup_steps) / (steps - "
        "warmup_steps), or the rate jumps there",
        _rates(fall=lambda step, steps, warmup: _fall(step, steps, 0)),
        lambda step, steps, warmup, highest: highest * min(1, (step + 1) / max(1, warmup)) * _fall(step, steps, 0),
    ),
    *_each(
        "cosine-ends-late",
        "the way down is as long as all steps, though it begins after the warm-up, so that it never gets to the end. "
        "Divide by steps - warmup_steps",
        _rates(fall=lambda step, steps, warmup: 0.5 * (1 + math.cos(math.pi * (step - warmup) / steps))),
    ),
    *_each(
        "one-step-off",
        "the way down begins or ends one step too early or too late. It begins at step warmup_steps, which has the "
        "highest rate, and is steps - warmup_steps long",
        _rates(fall=lambda step, steps, warmup: _fall(step + 1, steps, warmup)),
        _rates(fall=lambda step, steps, warmup: _fall(step, steps - 1, warmup)),
        lambda step, steps, warmup, highest: (
            highest * ((step + 1) / warmup if step <= warmup and warmup else _fall(step, steps, warmup))
        ),
        lambda step, steps, warmup, highest: (
            highest * ((step + 1) / warmup if step <= warmup else _fall(step, steps, warmup))
        ),
    ),
    *_each(
        "warm-up-too-long",
        "the warm-up rises too slowly: its last step, number warmup_steps - 1, should reach the highest rate",
        _rates(rise=lambda step, warmup: (step + 1) / (warmup + 1)),
        lambda step, steps, warmup, highest: (
            highest * ((step + 1) / steps if step < warmup else _fall(step, steps, warmup))
        ),
    ),
    *_each(
        "pi-forgotten",
        "the pi is missing: half a wave is pi long",
        _rates(fall=lambda step, steps, warmup: 0.5 * (1 + math.cos((step - warmup) / (steps - warmup)))),
    ),
    *_each(
        "linear",
        "the rate falls in a straight line. We asked for the cosine: 0.5 * (1 + cos(pi * done))",
        _rates(fall=lambda step, steps, warmup: 1 - (step - warmup) / (steps - warmup)),
    ),
    *_each(
        "whole-wave",
        "the cosine runs through a whole wave, and the rate comes up again. Half a wave goes down: cos(pi * done)",
        _rates(fall=lambda step, steps, warmup: 0.5 * (1 + math.cos(2 * math.pi * (step - warmup) / (steps - warmup)))),
    ),
    *_each(
        "half-forgotten",
        "the 0.5 is missing: 1 + cos begins at 2",
        _rates(fall=lambda step, steps, warmup: 2 * _fall(step, steps, warmup)),
    ),
    *_each(
        "one-forgotten",
        "the cosine stands alone, and goes from 1 to -1: a rate below 0 climbs. Add 1 and take half",
        _rates(fall=lambda step, steps, warmup: math.cos(math.pi * (step - warmup) / (steps - warmup))),
        _rates(fall=lambda step, steps, warmup: 0.5 * math.cos(math.pi * (step - warmup) / (steps - warmup))),
    ),
    *_each(
        "upside-down",
        "the rate rises after the warm-up: 1 + cos falls, 1 - cos rises",
        _rates(fall=lambda step, steps, warmup: 1 - _fall(step, steps, warmup)),
    ),
    *_each(
        "never-falls",
        "the rate stays where the warm-up left it",
        _rates(fall=lambda step, steps, warmup: 1.0),
    ),
    *_each(
        "highest-ignored",
        "the answer is a share of the highest rate: multiply by it",
        lambda step, steps, warmup, highest: _rate(step, steps, warmup, 1.0),
        lambda step, steps, warmup, highest: _rate(step, steps, warmup, 1.0 if step < warmup else highest),
        lambda step, steps, warmup, highest: _rate(step, steps, warmup, highest if step < warmup else 1.0),
    ),
]


def learning_rate(function: Callable) -> Result:
    """Compare with a straight line up over the warm-up, then half a cosine down to 0."""
    return compare("learning_rate", function, _rate, _rate_cases(), _RATE_MISCONCEPTIONS)
