"""Exercises in the form of slips: each slip known by its own key, each right spelling accepted, each mutant refused."""
import ast
import functools
import importlib
import inspect
import textwrap

import build_lessons as builder
import mutation
import pytest
import torch

from course_lib.checks import slips
from course_lib.checks.base import Case, call
from course_lib.checks.slips import Exercise, Round, edited, slip

# The lessons whose checks are not in this form yet. The list gets shorter, never longer.
NOT_YET = []


@functools.cache
def lesson(name):
    return builder.read_lesson(builder.NOTEBOOKS / f"src/{name}.py")


def topics():
    return {path.stem: lesson(path.stem).topic for path in builder.sources()}


EXERCISES = [(name, builder.exercise_name(cell)) for name, topic in topics().items() if topic not in NOT_YET
             for cell in lesson(name).cells if cell.has("exercise")]  # fmt: skip
each_exercise = pytest.mark.parametrize(("name", "exercise"), EXERCISES)


def check_of(name, exercise):
    return getattr(importlib.import_module(f"course_lib.checks.{lesson(name).topic}"), exercise)


def bank(name):
    return importlib.import_module(f"wrong_answers.{lesson(name).topic}")


SLIPS = [pytest.param(name, exercise, known, variant, id=f"{exercise}-{known.key}") for name, exercise in EXERCISES
         for known in getattr(check_of(name, exercise), "slips", ()) for variant in known.variants]  # fmt: skip


def test_the_list_of_lessons_to_come_is_true():
    assert set(NOT_YET) <= set(topics().values()), "a lesson that has moved leaves the list"
    assert len(EXERCISES) >= 7


# --- every exercise ---------------------------------------------------------------------------------------------------


@each_exercise
def test_the_checks_right_answer_is_the_lessons_solution(name, exercise):
    """Slips are edits of it: the two must not drift apart."""
    def body(function):
        tree = next(n for n in ast.parse(textwrap.dedent(function)).body if isinstance(n, ast.FunctionDef))
        lines = tree.body[1:] if ast.get_docstring(tree) else tree.body
        return ast.unparse(tree.args), [ast.unparse(line) for line in lines]

    cell = next(c for c in lesson(name).cells if c.has("exercise") and builder.exercise_name(c) == exercise)
    assert body(inspect.getsource(check_of(name, exercise).right)) == body(builder.solved(cell.source))


@pytest.mark.parametrize(("name", "exercise", "known", "variant"), SLIPS)
def test_a_slip_is_known_by_its_own_key(name, exercise, known, variant):
    check = check_of(name, exercise)
    function = edited(check.right, variant)
    cases = [case for this in check.rounds for case in this.cases]
    kinds = {call(function, *case.args, play=check.play, **case.kwargs).kind for case in cases}
    assert kinds & {"value", "changed"}, "a slip that only ever stops with an exception is no answer"
    result = check(function)
    assert (result.status, result.diagnosis) == ("failed", known.key), result.message
    assert known.words in result.message


@each_exercise
def test_right_answers_in_other_spellings_pass(name, exercise):
    spellings = bank(name).RIGHT[exercise]
    assert len(spellings) >= 3
    for spelling in spellings:
        assert repr(check_of(name, exercise)(spelling)).startswith("Passed."), spelling.__name__


@each_exercise
def test_every_mutant_of_the_solution_is_refused(name, exercise, record_property):
    check, draw = check_of(name, exercise), bank(name).INPUTS[exercise]
    play, others = getattr(check, "play", None), [edited(check.right, edits) for edits, _ in getattr(check, "also", ())]
    wrong = [(what, mutant) for what, mutant in mutation.different(check.right, draw, play)
             if all(mutation.differs(mutant, other, draw, play) for other in others)]  # fmt: skip
    survivors = [what for what, mutant in wrong if check(mutant).status == "passed"]
    record_property("mutants", f"{exercise} {len(wrong) - len(survivors)} {len(wrong)}")
    assert not survivors, f"{len(survivors)} of {len(wrong)} mutants pass: {survivors[:5]}"
    assert len(wrong) >= 5


# --- the form itself --------------------------------------------------------------------------------------------------


def _share(counts, total):
    part = counts / total
    return part + 0.5


share = Exercise(_share, Round([Case((1.0, 4.0)), Case((3.0, 2.0))], [
    slip("turned", "the two changed places", "counts / total -> total / counts"),
    slip("one-more", "1 is added", "0.5 -> 1", lambda counts, total: counts / total + 1.0),
]))  # fmt: skip


def test_an_edit_that_is_not_in_the_source_is_an_error():
    with pytest.raises(ValueError, match="_share has no 'tril' in its source"):
        edited(_share, "tril -> triu")
    assert edited(_share, ("part + -> part -", "0.5 -> 0.25"))(1.0, 4.0) == 0.0


def test_the_slip_that_fits_is_named():
    result = share(lambda counts, total: counts / total + 1)
    assert result.diagnosis == "one-more"
    assert result.message == (
        "share: 0 of 2 held. For counts = 1, total = 4, expected 0.75 and got 1.25: it looks as if 1 is added.")
    assert share(lambda counts, total: counts / total).diagnosis is None
    assert share(_share).status == "passed"


@pytest.mark.parametrize(("answer", "key"), [(0.0, "all-zero"), (0.75, "constant"), (-2, "constant")])
def test_a_constant_has_its_own_sentence(answer, key):
    assert share(lambda counts, total: answer).diagnosis == key
    assert "whatever comes in" in share(lambda counts, total: answer).message


def test_a_constant_is_told_before_a_slip_that_is_one():
    flat = Exercise(_share, Round(share.rounds[0].cases, [slip("empty", "nothing", "part + 0.5 -> 0.0")]))
    assert flat(lambda counts, total: 0.0).diagnosis == "all-zero"


def _pair(a, b):
    return [a, b], a + b


pair = Exercise(_pair, Round([Case((1, 2)), Case((5, 3))]), parts=("list", "sum"))


@pytest.mark.parametrize(("answer", "words"), [
    (lambda a, b: ([a, b], a - b), "in the sum, expected 3 and got -1"),
    (lambda a, b: a + b, "expected 2 things (list, sum) and got an int"),
    (lambda a, b: (a, b, 0), "expected 2 things (list, sum) and got a tuple of 3"),
    (lambda a, b: ([a, b], (a, [b])), "expected (list, sum) and got ((int, int), (int, (int)))"),
])
def test_the_part_that_is_wrong_is_named(answer, words):
    assert words in pair(answer).message


def _square(x, y):
    return (x * y).sum()


square = Exercise(_square, Round([Case((torch.tensor([3.0, 0.0]), torch.tensor([1.0, 2.0])))]),
                  play=slips.with_slopes(_square, 2))  # fmt: skip


@pytest.mark.parametrize(("answer", "words"), [
    (lambda x, y: (x * y).sum(), "Passed."),
    (lambda x, y: float(x @ y), "Passed."),
    (lambda x, y: (x.numpy() * y.numpy()).sum(), "Passed."),
    (lambda x, y: (x.detach() * y).sum(), "no slope leads from it to `x`"),
    (lambda x, y: (x * y).sum().detach(), "no slope leads from it to `x`"),
    (torch.no_grad()(lambda x, y: (x * y).sum()), "no slope leads from it to `x`"),
    (lambda x, y: torch.tensor((x @ y).item(), requires_grad=True), "no slope leads from it to `x`"),
    (lambda x, y: (x.sqrt() ** 2 * y).sum(), "which training follows: expected [1, 2] and got [1, nan]"),
    (lambda x, y: (x - y).sum(), "expected 3 and got 0"),
])
def test_the_slopes_of_a_right_number_are_looked_at(answer, words):
    assert words in repr(square(answer))


def test_an_infinite_answer_is_no_constant():
    assert share(lambda counts, total: float("inf")).diagnosis is None


def test_rounds_come_in_turn_and_say_what_held():
    double = Exercise(_share, Round([Case((1.0, 4.0))]), Round([Case((3.0, 2.0))], held="below 1 all is right"))
    message = double(lambda counts, total: min(1, counts / total) + 0.5).message
    assert message.startswith("share: Below 1 all is right. For counts = 3"), message


two = Exercise(_share, Round(share.rounds[0].cases, [
    slip("turned", "they changed places", "counts / total -> total / counts"),
    slip("one-more", "1 is added", "0.5 -> 1.5"),
]), also=[("+ 0.5 -> - 0.5", "the share less a half")])  # fmt: skip


@pytest.mark.parametrize(("answer", "words", "key"), [
    (lambda a, b: a / b - 0.5, "all 2 cases hold. This is the share less a half.", None),
    (lambda a, b: b / a - 0.5, "as if they changed places. (Compared with the share less a half.)", "turned"),
    (lambda a, b: b / a + 0.5, "as if they changed places.", "turned"),
    (lambda a, b: a / b - 0.4, "expected -0.25 and got -0.15. (Compared with the share less a half.)", None),
    (lambda a, b: a / b + 0.4, "expected 0.75 and got 0.65.", None),
    (lambda a, b: "half", "got a str: 'half'.", None),
])
def test_where_two_answers_are_right_the_nearest_is_compared(answer, words, key):
    result = two(answer)
    assert result.message.endswith(words)
    assert result.diagnosis == key


def test_the_learner_hears_which_right_answer_it_was():
    either = Exercise(_share, share.rounds[0], also=[("+ 0.5 -> - 0.5", "less a half")], called="a half more")
    assert either(_share).message.endswith("all 2 cases hold. This is a half more.")
    assert either(lambda a, b: a / b + 0.4).message.endswith("(Compared with a half more.)")
    assert repr(either(unwritten)) == "share: not attempted yet."


def unwritten(a, b):
    raise NotImplementedError


def test_a_slip_is_run_once_for_all_learners():
    calls = []

    def counted(counts, total):
        calls.append(counts)
        return counts

    check = Exercise(_share, Round(share.rounds[0].cases, [slip("plain", "nothing is divided", counted)]))
    for _ in range(3):
        assert check(lambda counts, total: counts).diagnosis == "plain"
    assert len(calls) == 2


def test_not_boolean():
    check = Exercise(slips.as_boolean, Round([Case((1.0, slips.Outcome("value", 1.0)))]))
    assert check(lambda right, answer: True).status == "passed"
    assert check(lambda right, answer: 1).diagnosis == "not-boolean"


# --- the mutants ------------------------------------------------------------------------------------------------------


def test_mutants_of_a_small_function():
    found = dict(mutation.mutants(_share))
    for change in ("part = counts * total", "part = total / counts", "pass"):
        assert f"part = counts / total  =>  {change}" in found
    for change in ("return part - 0.5", "return part", "pass"):
        assert f"return part + 0.5  =>  {change}" in found
    assert found["return part + 0.5  =>  return part - 0.5"](1, 2) == 0


def test_a_mutant_that_runs_for_ever_is_stopped():
    def count_down(number):
        while number > 0:
            number = number - 1
        return number

    found = dict(mutation.mutants(count_down))
    assert call(found["number = number - 1  =>  number = number + 1"], 3).value is TimeoutError


def test_another_spelling_of_the_same_is_no_mutant():
    def draw(rng):
        return rng.random(), 1 + rng.random()

    assert mutation.differs(lambda counts, total: counts / total + 0.25, _share, draw)
    assert not mutation.differs(lambda counts, total: 0.5 + counts * (1 / total), _share, draw)
