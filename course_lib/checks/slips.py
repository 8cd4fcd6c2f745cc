"""An exercise as a table: the right answer, the inputs to try it on, and the slips that people make.

A misconception is most easily said as what a learner would have typed instead. So a `slip` is an edit of the right
answer's own source, "old -> new", and the right answer is the lesson's own solution. An `Exercise` runs every edited
answer on its inputs and names the one slip that did exactly what the learner's function did. There is no second
implementation with switches, and nothing to keep in step.
It leaves out answers that chance decides (`base.guarded` is for checks written by hand) and slips of two lines at once
that no edit can say: there a variant is a function.
"""

import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from course_lib.checks.base import (
    Case,
    Misconception,
    Outcome,
    Result,
    Unfit,
    a_type,
    alike,
    call,
    complaint,
    difference,
    failed,
    fresh,
    guarded,
    judge,
    numbers,
    passed,
    run_ours,
    with_warning,
)


@dataclass(frozen=True)
class Slip:
    """A known mistake; `words` complete the sentence "it looks as if ..."."""

    key: str
    words: str
    variants: tuple  # each one edit "old -> new", a tuple of edits, or a function


def slip(key: str, words: str, *variants: str | tuple[str, ...] | Callable) -> Slip:
    return Slip(key, words, variants)


def edited(right: Callable, edits: str | tuple[str, ...] | Callable) -> Callable:
    """`right` with each edit made in its source, everywhere it occurs; ValueError for one that is not found there.

    >>> edited(plus_one, "+ 1 -> + 2")(5)  # def plus_one(x): return x + 1
    7
    """
    if callable(edits):
        return edits
    source = textwrap.dedent(inspect.getsource(right))
    for edit in (edits,) if isinstance(edits, str) else edits:
        old, new = (part.strip() for part in edit.split("->", 1))
        if old not in source:
            raise ValueError(f"{right.__name__} has no {old!r} in its source: the edit {edit!r} changes nothing.")
        source = source.replace(old, new)
    space = dict(right.__globals__)
    exec(compile(source, f"<{right.__name__} with {edits!r}>", "exec"), space)
    return space[right.__name__]


@dataclass(frozen=True)
class Round:
    """Some inputs, and the slips that they tell apart. `held` says what who came this far has right already.

    `hints`: what to add where a text stands in the reply, and the diagnosis that goes with it (or None).
    `otherwise`, asked where no slip fits: a function of the learner's outcomes that may know more.
    """

    cases: Sequence[Case]
    slips: Sequence[Slip] = ()
    held: str = ""
    hints: Sequence[tuple[str, str, str | None]] = ()
    otherwise: Callable[[Sequence[Outcome]], Misconception | None] = lambda answers: None


def random_tensors(seed: int, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    """Inputs of these shapes: normal numbers to one decimal, so that a learner can type one in again."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng).round(decimals=1) for shape in shapes]


class Exercise:
    """The check of one exercise: called with the learner's function it answers with a `Result`, and never raises.

    `right` is the lesson's solution, named as in the lesson after an underscore. The rounds are tried in turn, and the
    first that fails is told. `play(function, *inputs)` uses a function whose work shows elsewhere than in its value.
    `parts` names the things that come back where they are several, as in ("output", "weights").
    `also` lists other right answers, each as (edits of `right`, what it is): an answer is compared with the nearest.
    `called` is what `right` is, where the learner should hear which of them it was.
    """

    def __init__(self, right: Callable, *rounds: Round, play: Callable | None = None, parts: Sequence[str] = (),
                 also: Sequence[tuple[str | tuple[str, ...], str]] = (), called: str = ""):  # fmt: skip
        self.right, self.rounds, self.play, self.parts, self.also = right, rounds, play, parts, also
        self.called = called
        self.__name__ = self.name = right.__name__.removeprefix("_")
        self.__doc__ = f"Compares your {self.name} with the right one on {sum(len(r.cases) for r in rounds)} inputs."
        self._outcomes: dict[tuple, Outcome] = {}

    def __call__(self, learner: Callable) -> Result:
        return guarded(self.name)(self._ask)(learner)

    def _ask(self, learner: Callable) -> Result:
        if not self.also:
            return self._compare(learner)[0]
        found = []
        for exercise, words in [(self, self.called), *self.others]:
            result, number, answers = exercise._compare(learner)
            away = exercise._distance(number, answers) * (1 if exercise is self else 2)  # in doubt it was meant as ours
            found.append(((result.status == "failed", result.diagnosis is None, -number, away), result, words))
        _, result, words = min(found, key=lambda one: one[0])
        if words:  # a stub is compared with nothing
            words = {"passed": f" This is {words}.", "failed": f" (Compared with {words}.)"}.get(result.status, "")
        return Result(result.status, result.message + words, result.diagnosis)

    def _compare(self, learner: Callable) -> tuple[Result, int, list[Outcome]]:
        """What there is to say, and the round that it is about with the learner's answers."""
        for number, this in enumerate(self.rounds):
            answers = [call(learner, *case.args, name=self.name, play=self.play, **case.kwargs) for case in this.cases]
            if stub := next((answer for answer in answers if answer.kind == "stub"), None):
                return stub.error, number, answers
            result = self._judge(number, answers)
            if result.status != "passed":
                break
        else:
            result = passed(self.name, f"all {sum(len(this.cases) for this in self.rounds)} cases hold.")
        return with_warning(result, answers), number, answers

    def _distance(self, number: int, answers: Sequence[Outcome]) -> float:
        """How far the numbers of a round's answers are from the right ones, on the average."""
        away = []
        for case, answer in zip(self.rounds[number].cases, answers, strict=True):
            right, got = entries(run_ours(self.right, case, self.play)), entries(answer.value)
            fits = right is not None and got is not None and right.shape == got.shape
            away.append(np.abs(1.0 * right - got).mean() if fits and right.size else 0.0 if fits else np.inf)
        return float(np.nan_to_num(np.mean(away), nan=np.inf))

    def _judge(self, number: int, answers: Sequence[Outcome]) -> Result:
        this = self.rounds[number]
        rights = [run_ours(self.right, case, self.play) for case in this.cases]
        problems = [complaint(answer.error, self.name) if answer.error else self._difference(right, answer.value)
                    for right, answer in zip(rights, answers, strict=True)]  # fmt: skip
        result = judge(self.name, self.right, this.cases, problems, lambda: self._diagnose(number, answers, rights))
        if result.status == "passed":
            return result if all(map(as_boolean, rights, answers)) else not_boolean(self.name)
        message, diagnosis = result.message, result.diagnosis
        for text, hint, key in this.hints:
            if text in message:
                message, diagnosis = f"{message} {hint}".rstrip(), diagnosis or key
        if this.held:
            message = f"{self.name}: {this.held[0].upper()}{this.held[1:]}. {message.removeprefix(f'{self.name}: ')}"
        return Result("failed", message, diagnosis)

    def _difference(self, right: Any, got: Any) -> str | None:
        """As `difference`; where several things come back, the first wrong one is named."""
        if not self.parts:
            return difference(right, got, 1e-5)
        array = numbers(got)
        several = isinstance(got, list | tuple) or (array is not None and array.ndim > 0)
        if not several or len(got) != len(self.parts):
            count = f"{a_type(got)} of {len(got)}" if isinstance(got, list | tuple) else a_type(got)
            shape = "" if isinstance(got, list | tuple) or array is None else f" of shape {array.shape}"
            return f"expected {len(self.parts)} things ({', '.join(self.parts)}) and got {count}{shape}"
        for part, one, other in zip(self.parts, right, got, strict=True):
            if text := difference(one, other, 1e-5):
                unfit = isinstance(other, tuple) and not isinstance(one, list | tuple)
                return f"expected ({', '.join(self.parts)}) and got {nest(got)}" if unfit else f"in the {part}, {text}"
        return None

    @property
    def slips(self) -> list[Slip]:
        return [slip for this in self.rounds for slip in this.slips]

    @functools.cached_property
    def others(self) -> list[tuple["Exercise", str]]:
        """The same exercise for each other right answer, with the slips whose edits can be made in that one as well."""
        def inside(edits: tuple, this: Round) -> Round:
            return replace(this, slips=[Slip(one.key, one.words, variants) for one in this.slips if (
                variants := [known for variant in one.variants if (known := self._both(edits, variant))])])

        return [(Exercise(edited(self.right, edits), *[inside(edits, this) for this in self.rounds], play=self.play,
                          parts=self.parts), words) for edits, words in self.also]  # fmt: skip

    def _both(self, edits: str | tuple, variant: str | tuple | Callable) -> Callable | None:
        """Another right answer's edits and then a slip's; None for a slip that is none of that answer."""
        first, then = ((one,) if isinstance(one, str) else one for one in (edits, variant))
        try:
            return None if callable(variant) else edited(self.right, (*first, *then))
        except ValueError:
            return None

    # --- which slip? ---

    @functools.cached_property
    def known(self) -> list[list[Misconception]]:
        """For each round its slips, one entry a variant."""
        return [[Misconception(slip.key, edited(self.right, variant), slip.words)
                 for slip in this.slips for variant in slip.variants] for this in self.rounds]  # fmt: skip

    def _diagnose(self, number: int, answers: Sequence[Outcome], rights: Sequence[Any]) -> Misconception | None:
        """The one slip that did exactly what the learner's function did on every input; before any, a constant."""
        dull = constant(answers, rights)
        if dull and dull.key != "always-the-same-truth":
            return dull
        fits = [known for i, known in enumerate(self.known[number])
                if all(alike(answer, self._outcome(number, i, j)) for j, answer in enumerate(answers))]  # fmt: skip
        if len({known.key for known in fits}) == 1:
            return fits[0]
        return self.rounds[number].otherwise(answers) or dull

    def _outcome(self, number: int, slip: int, case: int) -> Outcome:
        """What a slip does on an input; it does so every time, so once is enough."""
        key = number, slip, case
        if key not in self._outcomes:
            this = self.rounds[number].cases[case]
            function = self.known[number][slip].function
            self._outcomes[key] = call(function, *this.args, play=self.play, **this.kwargs)
        return self._outcomes[key]


def with_slopes(right: Callable, count: int) -> Callable:
    """A `play` for losses: where the number is right and autograd can follow it, its slopes must be right too.

    They are asked for the first `count` inputs. A loss may be right and still ruin training: by NaN in a slope, or by
    a table that was cut off. An answer that is no tensor (NumPy's, a loop's) is taken for the number it is.
    """
    def play(function: Callable, *inputs) -> Any:
        before = fresh(inputs)
        value = function(*inputs)
        if isinstance(value, torch.Tensor) and difference(right(*fresh(before)), value, 1e-5) is None:
            try:
                yours = slopes(function, before, count)
            except Exception:
                return value
            for name, mine, ours in zip(inspect.signature(right).parameters, yours, slopes(right, before, count)):
                if mine is None and ours is not None and ours.any():
                    raise Unfit(f"the number is right, but no slope leads from it to `{name}`: something cut it off, "
                                "as .detach() or .item() does")  # fmt: skip
                if mine is not None and (text := difference(ours, mine, 1e-4)):
                    raise Unfit(f"the number is right, but not its slope for `{name}`, which training follows: {text}")
        return value
    return play


def slopes(loss: Callable, inputs: Sequence, count: int) -> Sequence[torch.Tensor | None]:
    """The gradients of a loss (of its sum) for the first inputs; None for one that the loss does not hang on."""
    leaves = [table.detach().clone().requires_grad_() for table in inputs[:count]]
    total = loss(*leaves, *fresh(inputs[count:])).sum()
    return torch.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else [None] * count


def constant(answers: Sequence[Outcome], rights: Sequence[Any]) -> Misconception | None:
    """An answer that is one and the same number, whatever comes in, where the right ones are not."""
    values, right_values = [entries(answer.value) for answer in answers], [entries(right) for right in rights]
    if any(value is None for value in values + right_values):
        return None
    array, right = np.concatenate(values), np.concatenate(right_values)
    if array.dtype.kind not in "biuf" or not array.size or (array != array[0]).any() or (right == right[0]).all():
        return None
    if not np.isfinite(array[0]):  # infinite scores say something else
        return None
    if array.dtype.kind == "b":
        return Misconception("always-the-same-truth", constant, f"your answer is {array[0]}, whatever comes in")
    if array[0] == 0:
        return Misconception("all-zero", constant, "every number of your answer is 0, whatever comes in")
    return Misconception("constant", constant, f"every number of your answer is {array[0]:.4g}, whatever comes in")


def entries(value: Any) -> np.ndarray | None:
    """All numbers of a value in a row, also of a tuple of unlike arrays; None where something else is among them."""
    array = numbers(value)
    if array is not None:
        return array.ravel()
    parts = [entries(item) for item in value] if isinstance(value, list | tuple) and len(value) else [None]
    return None if any(part is None for part in parts) else np.concatenate(parts)


def nest(value: Any) -> str:
    """How tuples and lists lie in one another: "(tensor, (tensor, tensor))"."""
    if not isinstance(value, list | tuple):
        return a_type(value).split(" ", 1)[1]
    return f"({', '.join(map(nest, value[:4]))}{', ...' if len(value) > 4 else ''})"


def as_boolean(right: Any, answer: Outcome) -> bool:
    """Whether an answer is made of booleans where the right one is."""
    array = numbers(right)
    return array is None or array.dtype.kind != "b" or numbers(answer.value).dtype.kind == "b"


def not_boolean(name: str) -> Result:
    return failed(name, "the places are right, but these are no booleans: make them True and False (a comparison does, "
                  "and so does `dtype=torch.bool`), or `~` will not turn them round.", "not-boolean")  # fmt: skip
