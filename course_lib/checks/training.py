"""Checks of lesson 08: a split by film, one epoch of the loop, a step of AdamW, the learning rate of a step.

A split is drawn by chance, so it is judged by what must hold for any: its check is written by hand. The loop is judged
by what it leaves behind: the weights after two epochs, and the losses that it reported. The model it gets has a dropout
that always drops the same, so that a forgotten mode shows in the numbers and chance does not.

Papers. Loshchilov & Hutter (2019), "Decoupled Weight Decay Regularization"; Loshchilov & Hutter (2017), "SGDR:
Stochastic Gradient Descent with Warm Restarts".
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks.base import Case, Result, Unfit, a_type, call, failed, guarded, numbers, passed
from course_lib.checks.slips import Exercise, Round, nest, slip

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


def _split_by_film(films, share, rng):
    different = np.unique(films)
    chosen = rng.choice(different, size=round(share * len(different)), replace=False)
    return np.isin(films, chosen)


@guarded("split_by_film", right=_split_by_film)
def split_by_film(function: Callable) -> Result:
    """No film on both sides, the right number of films held out, and another choice for another `rng`."""
    name = "split_by_film"
    for films, share, label in _SHELVES:
        masks = []
        for seed in (0, *range(25)):  # seed 0 comes twice
            answer = call(function, films, share, np.random.default_rng(seed), name=name)
            if answer.error:
                return answer.error
            if fault := _no_mask(answer.value, films) or _mixed(numbers(answer.value), films):
                return failed(name, f"for {label}, {fault[0]}.", fault[1])
            masks.append(numbers(answer.value))
        if fault := _miscounted(masks, films, share) or _no_chance(masks, films):
            return failed(name, f"for {label}, {fault[0]}.", fault[1])
    return passed(name, "no film is on both sides, and which ones are held out is chance.")


def _no_mask(value, films: np.ndarray) -> tuple[str, str | None] | None:
    """Something else than a True or False for each review."""
    mask, N = numbers(value), len(films)
    kind, shape = ("?", ()) if mask is None else (mask.dtype.kind, mask.shape)
    if kind == "b" and shape == (N,):
        return None
    if isinstance(value, tuple) and len(value) == 2:
        return "you returned two things. One mask is enough: True where a review is held out", "two-answers"
    if kind == "b" and shape == np.unique(films).shape:
        return (f"you answer for each of the {len(mask)} films, and {N} answers are asked for, one a review: "
                "np.isin(films, chosen)"), "films-not-reviews"  # fmt: skip
    if kind in "iuf" and shape == (N,) and np.isin(mask, (0, 1)).all():
        return "these are 0 and 1, with which reviews[mask] picks *places*: make them False and True", "not-booleans"
    if kind in "iu" and mask.ndim == 1 and mask.size:
        if mask.size < N and np.isin(mask, films).all():
            return ("these are the numbers of films. Which *reviews* are held out? True for each one whose film is "
                    "among them: np.isin(films, chosen)"), "films-not-reviews"  # fmt: skip
        return ("these seem to be the places of reviews. Return a mask instead: for each review True or False"
                ), "places-not-mask"  # fmt: skip
    got = a_type(value) if mask is None else f"numbers of shape {shape} and kind {mask.dtype}"
    return f"expected True or False for each of the {N} reviews, and got {got}", None


def _mixed(mask: np.ndarray, films: np.ndarray) -> tuple[str, str | None] | None:
    """A film on both sides, and how it came there."""
    both = np.intersect1d(films[mask], films[~mask])
    if not len(both):
        return None
    here, runs = mask[films == both[0]], np.split(mask, np.flatnonzero(np.diff(films)) + 1)
    key, words = "reviews-not-films", "reviews were drawn. Draw films, then take all reviews of each"
    if np.count_nonzero(np.diff(mask)) == 1:
        key, words = "cut-through-a-film", "the list was cut in two at one place, and films lie on both sides of it"
    elif all(len(set(run.tolist())) == 1 for run in runs):
        key, words = "runs-not-films", ("each run of neighbours was taken for a film. A film can come back further "
                                        "down: draw among np.unique(films)")  # fmt: skip
    return (f"film {both[0]} has {here.sum()} of its {len(here)} reviews held out and the others in training: it looks "
            f"as if {words}"), key  # fmt: skip


def _miscounted(masks: list[np.ndarray], films: np.ndarray, share: float) -> tuple[str, str | None] | None:
    """Another number of films than asked for, in some of the draws."""
    total = len(np.unique(films))
    have, asked = np.array([len(np.unique(films[mask])) for mask in masks]), round(share * total)
    if (have == asked).all():
        return None
    varies, exact = len(set(have)) > 1, f"{share * total:.4g}"
    table = [
        (not have.any(), "none-held-out", ". Films have any numbers, not 0, 1, 2 ...: draw among np.unique(films). And "
         "np.isin(films, chosen) wants a list or an array: in a set it finds nothing"),
        ((have == total - asked).all(), "other-way-round", ": it looks as if the mask is the wrong way round. True is "
         "for held out"),
        (varies and 0 < have.min() and have.max() <= asked, "drawn-twice", " in some draws: it looks as if a film was "
         "drawn twice. Draw among np.unique(films), with replace=False"),
        (varies and all(mask.mean() >= share for mask in masks), "share-of-reviews", " in some draws: it looks as if "
         "`share` was taken of the reviews. Here it is one of the films"),
        (have.min() < asked < have.max(), "number-left-to-chance", " in some draws: how many is left to chance. Draw "
         f"exactly {asked} among np.unique(films), with rng.choice(..., replace=False)"),
        ((have == int(share * total)).all(), "cut-not-rounded", f": it looks as if {exact} was cut off. Round it"),
        ((have == math.ceil(share * total)).all(), "rounded-up", f": it looks as if {exact} was rounded up. Take the "
         "nearest: round"),
        (True, None, ""),
    ]  # fmt: skip
    key, words = next((key, words) for holds, key, words in table if holds)
    return f"{asked} of the {total} films should be held out, and you hold out {have[have != asked][0]}{words}", key


def _no_chance(masks: list[np.ndarray], films: np.ndarray) -> tuple[str, str | None] | None:
    """The right number of films, drawn with another generator, or not drawn one by one."""
    if (masks[0] != masks[1]).any():
        return ("the same `rng` did not hold out the same films twice: draw with the one that comes in, and no other. "
                "A split must be repeatable"), "another-rng"  # fmt: skip
    if all((mask == masks[0]).all() for mask in masks):
        return ("25 different `rng`s held out the same films. Draw them with `rng`: which they are should be chance"
                ), "always-the-same-films"  # fmt: skip
    for names in (np.unique(films), films[np.sort(np.unique(films, return_index=True)[1])]):
        taken = np.array([np.isin(names, films[mask]) for mask in masks])
        first = taken & ~np.roll(taken, 1, axis=1)  # where a run of neighbours begins
        if taken.sum(1).max() > 1 and first.sum(1).max() == 1:
            return (f"the films held out are always neighbours, here {', '.join(map(str, names[taken[0]]))}. "
                    "Neighbours may have much in common: draw each film by itself, rng.choice(..., replace=False)"
                    ), "neighbouring-films"  # fmt: skip
    if np.any(masks, axis=0).all() or len(films) > 20:
        return None
    return "some films were never held out in 25 draws: let each have its chance", None


# --- run_epoch --------------------------------------------------------------------------------------------------------


def _run_epoch(model, optimizer, batches, held_out):
    model.train()
    trained = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        trained.append(loss.item() * len(y))
    model.eval()
    with torch.no_grad():
        held = [F.cross_entropy(model(x), y).item() * len(y) for x, y in held_out]
    return sum(trained) / sum(len(y) for _, y in batches), sum(held) / sum(len(y) for _, y in held_out)


class _Reader(nn.Module):
    """A small network whose dropout always drops the same units."""

    def __init__(self):
        super().__init__()
        rng = torch.Generator().manual_seed(4)
        self.hidden, self.output = (nn.Parameter(torch.randn(shape, generator=rng)) for shape in ((3, 4), (4, 2)))

    def forward(self, x):
        h = torch.tanh(x @ self.hidden)  # (B, 4)
        return (h * torch.tensor([2.0, 0.0, 2.0, 0.0]) if self.training else h) @ self.output  # (B, 2)


def _two_epochs(run_epoch: Callable, batches: list, held_out: list, training: bool) -> tuple | None:
    """What two epochs of the loop report, and the weights after each. `training`: the mode in which the model comes."""
    model = _Reader().train(training)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses, weights = [], []
    for _ in range(2):
        pair = run_epoch(model, optimizer, batches, held_out)
        if pair is None:
            return None
        array = numbers(pair)
        if array is None or array.shape != (2,) or array.dtype.kind not in "fiu":
            shape = f" of shape {array.shape}" if array is not None and array.ndim else ""
            raise Unfit(f"expected two numbers, the training's loss and the held-out one, and got {nest(pair)}{shape}.")
        losses += list(array)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    return (*losses, *weights)


def _batches(*sizes: int, seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    rng = torch.Generator().manual_seed(seed)
    return [(torch.randn(size, 3, generator=rng), torch.randint(2, (size,), generator=rng)) for size in sizes]


_NO_ZERO = ("the gradients were never emptied, so that each step goes along the sum of all gradients so far. torch "
            "adds to `.grad`: call optimizer.zero_grad() once a batch, before backward()")
_NO_EVAL = ("the held-out loss was measured in training mode, with dropout on. Call model.eval() before the held-out "
            "batches")
_ONE_BATCH = ("the training loss that you report is that of one batch. The epoch's is the mean over all of its "
              "reviews: add up loss times batch size, divide in the end")
_UNEQUAL = ("the mean is over batches, whatever their size: a last batch of one review weighs as much as a full one. "
            "Add up loss times batch size, and divide by the number of reviews")
_N, _N_HELD = "sum(len(y) for _, y in batches)", "sum(len(y) for _, y in held_out)"
_TRAIN_GONE, _ZERO_GONE, _EVAL_GONE = "model.train() ->", "optimizer.zero_grad() ->", "model.eval() ->"
_ZERO_ONCE = (_ZERO_GONE, "trained = [] -> trained = []\n    optimizer.zero_grad()")
_LAST, _LAST_HELD = f"sum(trained) / {_N} -> loss.item()", f"sum(held) / {_N_HELD} -> held[-1] / len(held_out[-1][1])"
_MEANS, _MEANS_HELD = "loss.item() * len(y) -> loss.item()", "y).item() * len(y) for x -> y).item() for x"
_ALIKE, _ALIKE_HELD = (_MEANS, f"{_N} -> len(batches)"), (_MEANS_HELD, f"{_N_HELD} -> len(held_out)")
_HELD_LINE = "held = [F.cross_entropy(model(x), y).item() * len(y) for x, y in held_out]"

run_epoch = Exercise(_run_epoch, Round([
    Case((_batches(4, 4, 1, seed=5), _batches(3, 2, seed=6), True), "batches of 4, 4 and 1 reviews, held out 3 and 2"),
    Case((_batches(2, 5, seed=7), _batches(4, seed=8), False),
         "batches of 2 and 5 reviews, held out 4, and a model that comes in evaluation mode, as someone left it"),
], [
    slip("no-zero-grad", _NO_ZERO, _ZERO_GONE),
    slip("no-zero-grad", "the gradients were emptied once an epoch. They add up from batch to batch: "
         "optimizer.zero_grad() belongs into the loop", _ZERO_ONCE),
    slip("eval-mode-forgotten", _NO_EVAL, _EVAL_GONE),
    slip("eval-mode-forgotten", "the mode was never set, so that the model trained and answered in the mode in which "
         "it came: model.train() before the batches, model.eval() before the held-out ones", (_EVAL_GONE, _TRAIN_GONE)),
    slip("no-zero-grad", f"{_NO_ZERO}. And then: {_NO_EVAL}", (_ZERO_GONE, _EVAL_GONE)),
    *[slip(key, f"{words}. And then: {more}", *[(edit, *others) for others in variants])
      for key, words, edit in [("no-zero-grad", _NO_ZERO, _ZERO_GONE), ("eval-mode-forgotten", _NO_EVAL, _EVAL_GONE)]
      for more, variants in [(_ONE_BATCH, [[_LAST]]), (_UNEQUAL, [_ALIKE, _ALIKE + _ALIKE_HELD])]],
    slip("one-batch-reported", _ONE_BATCH, _LAST, f"sum(trained) / {_N} -> trained[0] / len(batches[0][1])"),
    slip("one-batch-reported", "both losses that you report are those of one batch. Take the mean over all reviews: "
         "add up loss times batch size, divide in the end", (_LAST, _LAST_HELD)),
    slip("one-batch-reported", "the held-out loss that you report is that of its last batch. Take the mean over all "
         "held-out reviews", _LAST_HELD),
    slip("batches-weigh-alike", _UNEQUAL, (*_ALIKE, *_ALIKE_HELD), _ALIKE, _ALIKE_HELD),
    slip("not-divided", "the losses were added up and not divided. A mean can be compared with that of another text; a "
         "sum cannot", (_MEANS, _MEANS_HELD, f"/ {_N} ->", f"/ {_N_HELD} ->"), (f"/ {_N} ->", f"/ {_N_HELD} ->")),
    slip("means-divided-again", "the batches' losses were added up and divided by the number of reviews. Each of them "
         "is a mean already: multiply it by its batch size first", (_MEANS, _MEANS_HELD)),
    slip("train-mode-forgotten", "an epoch ran in evaluation mode, as a measurement had left the model. Begin each "
         "epoch with model.train()", _TRAIN_GONE),
    slip("train-mode-too-late", "model.train() comes after the batches, so that the first epoch runs in whatever mode "
         "the model came in. Begin with it", (_TRAIN_GONE, "return sum -> model.train()\n    return sum")),
    slip("nothing-learnt", "the weights never moved. zero_grad(), backward() and step() are all needed, in this order: "
         "the second computes the gradients, the third uses them, and the first must not come between the two",
         (_ZERO_GONE, "loss.backward() -> loss.backward()\n        optimizer.zero_grad()"), "optimizer.step() ->",
         "loss.backward() ->"),
    slip("learns-from-held-out", "the model also learnt from the held-out batches. What it has been trained on can no "
         "longer say how it does on something new: no backward() and no step() there",
         ("with torch.no_grad(): -> held = []\n    for x, y in held_out:",
          f"{_HELD_LINE} -> loss = F.cross_entropy(model(x), y)\n        optimizer.zero_grad()\n        loss.backward()"
          "\n        optimizer.step()\n        held.append(loss.item() * len(y))")),
    slip("held-out-not-used", "the second loss is that of the training batches, measured again. It should be that of "
         "`held_out`", "y in held_out -> y in batches"),
    slip("summed-loss-descended", "backward() was called on the sum of a batch's losses, so that a batch of four steps "
         "four times as far as one of one. Step along the mean, and weigh it only in the report",
         "loss.backward() -> (loss * len(y)).backward()"),
    slip("one-step-an-epoch", "the optimizer stepped once, at the end of the epoch. A step belongs to each batch",
         (*_ZERO_ONCE, "optimizer.step() ->", "model.eval() -> optimizer.step()\n    model.eval()")),
    slip("measured-again",
         "the training loss was measured again after the epoch. Add up the losses as the batches were met: they are "
         "there already", "no_grad(): -> no_grad():\n        trained = ["
         "F.cross_entropy(model(x), y).item() * len(y) for x, y in batches]"),
    slip("one-round", "the epoch ended after its first batch: a `return` stands inside the loop",
         "in batches -> in batches[:1]"),
    slip("asked-after-each-batch", "the held-out loss was measured after each batch, and the model stayed in "
         "evaluation mode for the next one. Measure once, after the loop",
         "optimizer.step() -> optimizer.step(); model.eval()"),
    slip("asked-before", "the held-out loss was measured before the training. Measure it after the last batch",
         ("model.eval() ->", f"{_HELD_LINE} -> pass",
          f"model.train() -> model.eval()\n    {_HELD_LINE}\n    model.train()")),
    slip("softmax-twice", "a softmax was taken before cross_entropy, which takes one itself. Hand it the scores as "
         "they are", "loss = F.cross_entropy(model(x) -> loss = F.cross_entropy(model(x).softmax(dim=1)"),
    slip("returned-in-the-other-order", "the two losses came back in the other order: first the training's",
         f"sum(trained) / {_N}, sum(held) / {_N_HELD} -> sum(held) / {_N_HELD}, sum(trained) / {_N}"),
], hints=[("does not require grad", "Were gradients switched off, and never on again? `with torch.no_grad():` does "
           "both.", None)]), play=_two_epochs, parts=(
    "first epoch's training loss", "first epoch's held-out loss", "second epoch's training loss",
    "second epoch's held-out loss", "weights after one epoch", "weights after two epochs"))  # fmt: skip


# --- adamw_step -------------------------------------------------------------------------------------------------------


def _adamw_step(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.999 * square + 0.001 * gradient**2
    move = (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    return parameter - learning_rate * (move + weight_decay * parameter), mean, square


_T = torch.tensor
_KEPT = "mean = 0.9 * mean -> old, old_square, mean = mean, square, 0.9 * mean"
_BRACKET = "(move + weight_decay * parameter)"

adamw_step = Exercise(_adamw_step, Round([
    Case((_T([1.0, -2.0, 0.5]), _T([0.0, 0.0, 0.0]), _T([0.0, 0.0, 0.0]), _T([4.0, -0.5, 0.01]), 1, 0.1, 0.2),
         "the first step: parameter [1, -2, 0.5], gradient [4, -0.5, 0.01], learning rate 0.1, weight decay 0.2"),
    Case((_T([[1.0, 0.2], [-1.0, 3.0], [2.0, 0.7]]), _T([[0.5, -0.1], [0.3, 0.0], [-2.0, 1.0]]),
          _T([[0.4, 0.1], [0.2, 0.5], [3.0, 2.0]]), _T([[1.0, -2.0], [0.5, 3.0], [0.0, -1.0]]), 5, 0.5, 0.1),
         "a fifth step, on a table of 3 rows and 2 columns with learning rate 0.5 and weight decay 0.1"),
    Case((_T([1.0, 2.0]), _T([0.0, 1e-4]), _T([0.0, 1e-9]), _T([0.0, 2e-4]), 3, 0.1, 0.0),
         "a third step without weight decay, where one number never had a gradient and the other had tiny ones"),
    Case((_T([-3.0, 0.0, 5.0]), _T([2e4, -1e-6, 1.0]), _T([3e9, 1e-12, 2.0]), _T([-1e5, 1e-6, 1.0]), 2000, 0.01, 0.5),
         "step 2000, with one gradient of -100,000 and one of a millionth"),
    Case((_T([0.0]), _T([0.0]), _T([0.0]), _T([1e-7]), 1, 0.1, 0.0),
         "the first step, where the gradient is a ten-millionth and the 1e-8 counts"),
], [
    slip("correction-forgotten", "the two running means are not corrected for their start at 0. Divide the first by 1 "
         "- 0.9 ** step and the second by 1 - 0.999 ** step, or the first steps have the wrong length",
         ("/ (1 - 0.9**step) ->", "/ (1 - 0.999**step) ->"), "/ (1 - 0.9**step) ->", "/ (1 - 0.999**step) ->"),
    slip("step-not-a-power", "the correction does not take 0.9 and 0.999 to the power of `step`: 1 - 0.9 ** step, 1 - "
         "0.999 ** step", "**step ->", "**step -> *step"),
    slip("correction-multiplies", "the means are multiplied by 1 - 0.9 ** step and 1 - 0.999 ** step. They are too "
         "small: divide", "/ (1 - 0.9 -> * (1 - 0.9"),
    slip("root-before-the-correction", "the root was taken before the second correction. Correct the mean square "
         "first, then take its root", "(square / (1 - 0.999**step)).sqrt() -> square.sqrt() / (1 - 0.999**step)"),
    slip("old-mean-used",
         "the step was made from a mean as it came in. Update both means first, then step by the new ones",
         (_KEPT, "move = (mean -> move = (old"), (_KEPT, "move = (mean -> move = (old", "(square / -> (old_square /")),
    slip("gradient-not-mean", "the step goes along this gradient alone. It should go along the running mean, corrected",
         "(mean / (1 - 0.9**step)) -> gradient"),
    slip("corrected-means-returned", "the corrected means came back. Correct them only for this step; the next one "
         "goes on from the plain ones", "), mean, square -> ), mean / (1 - 0.9**step), square / (1 - 0.999**step)"),
    slip("decay-through-the-gradient",
         "the decay was added to the gradient, and so divided by its root like everything else: that is Adam with an "
         "L2 penalty. In AdamW the parameter shrinks by itself, apart from the gradient",
         (f"{_BRACKET} -> move", "mean = 0.9 -> gradient = gradient + weight_decay * parameter\n    mean = 0.9")),
    slip("decay-forgotten", "the weight decay is left out", "+ weight_decay * parameter ->"),
    slip("decay-not-scaled", "the decay is not multiplied by the learning rate. Then it goes on at full strength when "
         "the steps get short", f"{_BRACKET} -> move - weight_decay * parameter"),
    slip("decay-after-the-step",
         "the decay shrinks the parameter as the step left it. Take the one that came in for both",
         f"parameter - learning_rate * {_BRACKET} -> "
         "(parameter - learning_rate * move) * (1 - learning_rate * weight_decay)"),
    slip("bracket-forgotten",
         "the decay stands outside the bracket. The minus and the learning rate are for both: parameter - "
         "learning_rate * (direction + weight_decay * parameter)", f"{_BRACKET} -> move + weight_decay * parameter"),
    slip("decay-grows", "the decay makes the parameter grow: its sign is turned", "(move + weight -> (move - weight"),
    slip("root-forgotten", "the step is divided by the mean square itself. Divide by its square root", ".sqrt() ->"),
    slip("epsilon-in-the-root", "the 1e-8 stands inside the root, where it is 1e-4. Add it after the root",
         "(square / (1 - 0.999**step)).sqrt() + 1e-8 -> (square / (1 - 0.999**step) + 1e-8).sqrt()"),
    slip("epsilon-corrected", "the 1e-8 was added to the root before the second correction, and so corrected too. "
         "Correct the mean square, take its root, then add it", "((square / (1 - 0.999**step)).sqrt() + 1e-8) -> "
         "((square.sqrt() + 1e-8) / (1 - 0.999**step) ** 0.5)"),
    slip("epsilon-forgotten", "the 1e-8 is missing: a number that never had a gradient divides 0 by 0", "+ 1e-8 ->"),
    slip("betas-exchanged", "0.9 and 0.999 changed places. The gradient's mean forgets fast (0.9), that of its squares "
         "slowly (0.999)", ("0.999 -> B", "0.001 -> C", "0.9 -> 0.999", "0.1 -> 0.001", "B -> 0.9", "C -> 0.1")),
    slip("shares-exchanged", "the old mean and the new gradient changed their shares: nine tenths are for what was "
         "there, one tenth is for what comes", "0.9 * mean + 0.1 -> 0.1 * mean + 0.9",
         ("0.9 * mean + 0.1 -> 0.1 * mean + 0.9", "0.999 * square + 0.001 -> 0.001 * square + 0.999")),
    slip("sums-not-means", "the new gradient was added in full. A running mean takes only its share: (1 - 0.9) of the "
         "gradient, (1 - 0.999) of its square", ("0.1 * ->", "0.001 * ->"),
         ("0.9 * mean + 0.1 * -> mean +", "0.999 * square + 0.001 * -> square +")),
    slip("no-memory", "the running means were replaced by this gradient and its square",
         ("0.9 * mean + 0.1 * ->", "0.999 * square + 0.001 * ->"),
         ("0.9 * mean + 0.1 * ->", "0.999 * square + 0.001 * ->", "/ (1 - 0.9**step) ->", "/ (1 - 0.999**step) ->")),
    slip("not-squared", "the second mean is of the gradients, not of their squares",
         "gradient**2 -> gradient.abs()", "gradient**2 -> gradient"),
    slip("uphill", "the step goes up the gradient. A loss is made smaller: parameter minus",
         f"{_BRACKET} -> (weight_decay * parameter - move)"),
    slip("old-means-returned", "the parameter is right and the means came back as they went in: the next step needs "
         "the new ones", (_KEPT, "), mean, square -> ), old, old_square")),
    slip("other-order", "the three came back in another order: first the parameter, then the two means",
         (f"return parameter - learning_rate * {_BRACKET}, mean, square -> "
          f"return mean, square, parameter - learning_rate * {_BRACKET}"), "), mean, square -> ), square, mean"),
    slip("change-returned", "the change of the parameter came back, and not the parameter",
         "return parameter - -> return -"),
    slip("only-the-parameter", "only the parameter came back. Return all three: the next step needs the two means",
         "), mean, square -> )"),
]), parts=("new parameter", "new mean of gradients", "new mean of their squares"))  # fmt: skip


# --- learning_rate ----------------------------------------------------------------------------------------------------


def _learning_rate(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest / 2 * (1 + math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps)))


_RISE, _FALL = "highest * (step + 1) / warmup_steps", "(step - warmup_steps) / (steps - warmup_steps)"
_NO_RISE = "if step < warmup_steps -> if False"

learning_rate = Exercise(_learning_rate, Round([
    Case(case, "step {} of {}, warm-up over {} steps, highest rate {}".format(*case))
    for case in [(0, 10, 4, 1.0), (2, 10, 4, 0.5), (3, 10, 4, 1.0), (4, 10, 4, 1.0), (6, 10, 4, 1.0), (9, 10, 4, 1.0),
                 (5, 20, 2, 0.3), (15, 20, 2, 0.3), (3, 8, 0, 0.5), (0, 8, 0, 0.5), (2, 3, 3, 0.2), (1, 4, 1, 2.0)]
], [
    slip("starts-at-zero", "the first step has the rate 0, and so moves nothing. Steps count from 0: rise by (step + "
         "1) / warmup_steps", "(step + 1) -> step"),
    slip("no-warm-up", "there is no warm-up: the first steps have the highest rate, or the cosine begins at once",
         f"{_RISE} -> highest", (_NO_RISE, "- warmup_steps ->")),
    slip("cosine-from-the-first-step", "the way down is counted from step 0. It begins where the warm-up ends: (step - "
         "warmup_steps) / (steps - warmup_steps), or the rate jumps there", "- warmup_steps ->",
         ("- warmup_steps ->", _NO_RISE, "highest / 2 -> min(1, (step + 1) / max(1, warmup_steps)) * highest / 2")),
    slip("cosine-ends-late", "the way down is as long as all steps, though it begins after the warm-up, so that it "
         "never gets to the end. Divide by steps - warmup_steps", "/ (steps - warmup_steps) -> / steps"),
    slip("one-step-off", "the way down begins or ends one step too early or too late. It begins at step warmup_steps, "
         "which has the highest rate, and is steps - warmup_steps long", "(step - warmup -> (step + 1 - warmup",
         "(steps - warmup_steps) -> (steps - 1 - warmup_steps)",
         "step < warmup_steps -> step <= warmup_steps and warmup_steps", "step < warmup_steps -> step <= warmup_steps"),
    slip("warm-up-too-long", "the warm-up rises too slowly: its last step, number warmup_steps - 1, should reach the "
         "highest rate", "/ warmup_steps -> / (warmup_steps + 1)", "/ warmup_steps -> / steps"),
    slip("pi-forgotten", "the pi is missing: half a wave is pi long", "math.pi * ->"),
    slip("linear", "the rate falls in a straight line. We asked for the cosine: 0.5 * (1 + cos(pi * done))",
         f"highest / 2 * (1 + math.cos(math.pi * {_FALL})) -> highest * (1 - {_FALL})"),
    slip("whole-wave", "the cosine runs through a whole wave, and the rate comes up again. Half a wave goes down: "
         "cos(pi * done)", "math.pi -> 2 * math.pi"),
    slip("half-forgotten", "the 0.5 is missing: 1 + cos begins at 2", "highest / 2 -> highest"),
    slip("one-forgotten", "the cosine stands alone, and goes from 1 to -1: a rate below 0 climbs. Add 1 and take half",
         "2 * (1 + math -> 1 * (math", "(1 + math -> (math"),
    slip("upside-down", "the rate rises after the warm-up: 1 + cos falls, 1 - cos rises", "1 + math -> 1 - math"),
    slip("never-falls", "the rate stays where the warm-up left it", "/ 2 * (1 + math -> * (1 + 0 * math"),
    slip("highest-ignored", "the answer is a share of the highest rate: multiply by it",
         ("highest * ->", "highest / 2 -> 0.5"), "highest * ->", "highest / 2 -> 0.5"),
]))  # fmt: skip
