"""Every lesson: built from its source, complete in its parts, its checks true, its blocks able to stand alone.

`make test` runs the learners' notebooks in full under nbval too, and measures them (notebooks/conftest.py);
here the instructors' cells run, block by block and without the hero runs, which are the same for all.
"""
import ast
import functools
import importlib
import re

import build_lessons as builder
import measure_lessons
import nbformat
import numpy as np
import pytest
import torch

from course_lib import manifest
from course_lib.checks.slips import edited

PATHS = builder.sources()
NAMES = [path.stem for path in PATHS]


@functools.cache
def read(name):
    return builder.read_lesson(builder.NOTEBOOKS / f"src/{name}.py")


@functools.cache
def functions(name):
    return builder.exercises(read(name))


@functools.cache
def committed(name):
    return nbformat.read(builder.NOTEBOOKS / f"{name}.ipynb", 4)


def check_of(name, exercise):
    return getattr(importlib.import_module(f"course_lib.checks.{read(name).topic}"), exercise)


def bank(name):
    return importlib.import_module(f"wrong_answers.{read(name).topic}").BANK


def exercises_of(name):
    return [builder.exercise_name(cell) for cell in read(name).cells if cell.has("exercise")]


def words(lesson):
    """The learner's markdown cells."""
    return [cell.source for cell in lesson.cells if cell.kind == "markdown" and not cell.has("instructor")]


EXERCISES = [(name, exercise) for name in NAMES for exercise in exercises_of(name)]
WRONG = [(name, exercise, i) for name, exercise in EXERCISES for i in range(len(bank(name).get(exercise, [])))]

each_lesson = pytest.mark.parametrize("name", NAMES)
each_exercise = pytest.mark.parametrize(("name", "exercise"), EXERCISES)


def test_there_are_lessons():
    assert len(NAMES) >= 3, "an empty folder would pass every test below"


# --- the committed notebook ----------------------------------------------------------------------------------------

@each_lesson
def test_the_committed_notebook_is_what_its_source_builds(name):
    assert builder.compare(read(name)) is None


@each_lesson
def test_committed_outputs_are_clean(name):
    for cell in committed(name).cells:
        for output in cell.get("outputs", ()):
            first = cell.source.splitlines()[0]
            assert output.output_type != "error", first
            assert output.get("name") != "stderr", first
            data = output.get("data", {})
            assert not {builder.WIDGET, "image/png"} & set(data), f"{first}: only a picture with words is committed"
            assert not builder.has_bare_image(data.get("text/html", "")), f"{first}: a picture without alt text"
            text = data.get("text/plain", "") + output.get("text", "")
            assert "could not draw" not in text, first
            assert not re.search(r"\b0x[0-9a-f]{6,}|/(home|tmp|root|Users)/", text), f"{first}: differs by machine"


@each_lesson
def test_the_type_along_notebook_builds(name):
    lesson = read(name)
    cells = builder.build_live(lesson).cells
    checkpoints = [cell for cell in cells if cell.cell_type == "code" and cell.source.startswith("# Checkpoint")]
    with_code = [block for block in builder.blocks(lesson)[1:] if any(cell.runs for cell in block.cells)]
    assert len(checkpoints) == len(with_code) >= 4
    for cell in checkpoints:
        ast.parse(cell.source)


# --- the parts of a lesson -----------------------------------------------------------------------------------------

@each_lesson
def test_the_first_screen(name):
    lesson = read(name)
    first = words(lesson)[0]
    assert first.startswith("# ")
    assert any("{{cost}}" in text for text in words(lesson)[:3]), "the measured cost stands near the top"
    title = lesson.course["title"].lower().replace("-", " ")
    assert any(word in first.splitlines()[0].lower() for word in title.split()), "the header's title is the lesson's"


@each_lesson
def test_between_two_and_six_exercises_with_hints(name):
    lesson, found = read(name), exercises_of(name)
    low, high = (1, 1) if name.startswith("00") else (2, 6)
    assert low <= len(found) <= high
    assert len(set(found)) == len(found)
    notebook = "\n".join(cell.source for cell in builder.build(lesson, "learner").cells)
    assert notebook.count("<summary>Hint 1</summary>") == notebook.count("<summary>Solution</summary>") == len(found)


@each_lesson
def test_an_exercise_imports_nothing_for_the_cells_below(name):
    """Where a learner's answer is gone or no Python, the next exercise is still graded as it stands."""
    for cell in (cell for cell in read(name).cells if cell.has("exercise")):
        assert not [node for node in ast.parse(cell.source).body if isinstance(node, ast.Import | ast.ImportFrom)]


@each_lesson
def test_a_myth_is_settled_by_a_run(name):
    cells = [cell for cell in read(name).cells if not cell.has("instructor")]
    cards = [i for i, cell in enumerate(cells) if cell.kind == "markdown" and "> **Common belief:**" in cell.source]
    assert cards
    for i in cards:
        assert any(cell.kind == "code" for cell in cells[i + 1:i + 3]), "the next cell settles it"


@each_lesson
def test_the_quiz_explains_every_choice(name):
    text = "\n".join(words(read(name)))
    choices = re.findall(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", text, re.S)
    assert text.count("<details>") == text.count("</details>") == len(choices)
    assert len(choices) >= 6
    for choice, why in choices:
        assert choice.strip()
        assert len(re.sub(r"<[^>]*>", "", why).split()) >= 3, f"{choice!r} is not explained"


@each_lesson
def test_papers_stand_at_the_end(name):
    papers = [text for text in words(read(name))[-3:] if re.search(r"\b[Pp]apers\b", text)]
    assert papers
    assert re.search(r"\b(19|20)\d\d\b", papers[-1])


@each_lesson
def test_there_is_a_hero_a_picture_to_explore_and_notes_for_the_teacher(name):
    lesson = read(name)
    code = "\n".join(cell.source for cell in lesson.cells if cell.runs)
    assert any(cell.has("hero") for cell in lesson.cells)
    assert "viz.explore(" in code
    assert any(cell.has("instructor") for cell in lesson.cells)
    assert re.search(r"[Pp]redict|guess|[Dd]ecide|[Ww]rite (it )?down", "\n".join(words(lesson)))


@each_lesson
def test_the_learners_function_is_used_by_its_check_alone(name):
    """An unsolved notebook runs: no cell but the check reads an exercise's function."""
    lesson, names = read(name), set(exercises_of(name))
    for cell in lesson.cells:
        if cell.runs and not (cell.has("exercise") or cell.has("check")):
            assert not builder.needed_names(builder.statements([cell])) & names, cell.source.splitlines()[0]


# --- the checks ----------------------------------------------------------------------------------------------------

@each_exercise
def test_the_solution_passes_and_the_stub_is_not_attempted(name, exercise):
    solution, stub = functions(name)[exercise]
    check = check_of(name, exercise)
    result = check(solution)
    assert result.status == "passed", result.message
    assert repr(check(stub)) == f"{exercise}: not attempted yet."
    assert check(solution) == result, "the same answer each time"


@each_exercise
def test_at_least_three_wrong_answers_are_known(name, exercise):
    wrong, slips = bank(name)[exercise], getattr(check_of(name, exercise), "slips", [])
    assert len({slip.key for slip in slips}) + len(wrong) >= 3
    assert len({answer.name for answer in wrong}) == len(wrong)


@pytest.mark.parametrize(("name", "exercise", "number"), WRONG)
def test_a_wrong_answer_is_turned_away_with_its_own_diagnosis(name, exercise, number):
    wrong = bank(name)[exercise][number]
    check = check_of(name, exercise)
    result = check(wrong.function if callable(wrong.function) else edited(check.right, wrong.function))
    assert result.status == "failed", f"{wrong.name} passes"
    assert result.diagnosis == wrong.diagnosis, f"{wrong.name}: {result.message}"
    assert result.message.startswith(f"{exercise}: ")
    assert len(result.message.split()) >= 6, "says what is wrong, and not only that something is"
    assert "could not make sense" not in result.message


def test_every_bank_belongs_to_an_exercise():
    for name in NAMES:
        assert set(bank(name)) == set(exercises_of(name))


def spoiled(value, spoil):
    """`value` with `spoil` done to every array of numbers in it."""
    if isinstance(value, list | tuple) and not all(isinstance(item, int | float) for item in value):
        return type(value)(spoiled(item, spoil) for item in value)
    return spoil(np.asarray(value.detach() if isinstance(value, torch.Tensor) else value))


def edit(value):
    """Changes a mutable input in place; True if it could."""
    if isinstance(value, torch.Tensor):
        with torch.no_grad():
            value += 1
    elif isinstance(value, np.ndarray):
        value += 1
    elif isinstance(value, list):
        value.append(value[-1] if value else 0)
    else:
        return False
    return True


def recursive(*args):
    return recursive(*args)


def abuses(solution):
    """(name, function, what the message must hold or None) for the abuse of any check."""
    def raises(*args):
        raise RuntimeError("out of ideas")

    def nan(*args):
        return spoiled(solution(*args), lambda a: a * np.nan if a.dtype.kind in "iuf" else a.astype(float) * np.nan)

    def in_place(*args):
        answer = solution(*args)
        edits = [edit(arg) for arg in args]  # all of them, before any() looks
        return answer if any(edits) else None

    return [
        ("raises", raises, "RuntimeError"), ("None", lambda *args: None, "returned None"),
        ("exits", lambda *args: exit(), "SystemExit"), ("recursion", recursive, "RecursionError"),
        ("generator", lambda *args: (x for x in ()), "generator"), ("no arguments", lambda: 1, None),
        ("not a function", 3, "hand the function itself"), ("a string", lambda *args: "answer", None),
        ("an object", lambda *args: object(), None), ("a dict", lambda *args: {}, None),
        ("ragged", lambda *args: [[1], [2, 3]], None), ("wrong shape", lambda *args: np.ones((2, 3, 4, 5)), None),
        ("empty", lambda *args: [], None), ("zero", lambda *args: 0.0, None), ("NaN", nan, None),
        ("in place", in_place, None),
    ]


@each_exercise
def test_abuse_never_raises_and_never_passes(name, exercise, capsys):
    solution, _ = functions(name)[exercise]
    check = check_of(name, exercise)
    for kind, function, text in abuses(solution):
        result = check(function)
        assert result.status == "failed", f"{kind} passes"
        assert text is None or text in result.message, f"{kind}: {result.message}"
        assert result == check(function), f"{kind}: another answer the second time"
    assert capsys.readouterr() == ("", "")


@each_exercise
def test_printing_is_not_held_against_anyone(name, exercise, capsys):
    solution, _ = functions(name)[exercise]

    @functools.wraps(solution)
    def chatty(*args, **kwargs):
        print("debugging", args)
        return solution(*args, **kwargs)

    assert check_of(name, exercise)(chatty).status == "passed"
    assert capsys.readouterr().out == ""


# --- the runs ------------------------------------------------------------------------------------------------------

@pytest.mark.slow
@each_lesson
def test_every_block_of_the_type_along_notebook_runs_from_a_fresh_kernel(name):
    """With the solutions in, every check passes; no block imports a peer, not even by a side door."""
    assert len(builder.run_checkpoints(read(name))) >= 4


@pytest.mark.parametrize("what", measure_lessons.LIMITS)
def test_a_lesson_that_takes_too_much_is_named(what):
    cost = {"cpu_seconds": 300.0, "peak_mb": 900}
    measure_lessons.require_within_limits("99_small", cost)
    with pytest.raises(AssertionError, match=f"99_small took 10000 {what}"):
        measure_lessons.require_within_limits("99_small", cost | {what: 10_000})


@each_lesson
def test_what_a_lesson_loads_is_fetched_first(name):
    """`make lab` fetches `first`; a lesson that needs more would want a network in the middle of a class."""
    code = "\n".join(cell.source for cell in read(name).cells if cell.kind == "code")
    entries = manifest.entries()
    needed = {n for n in re.findall(r"\"(\w+)\"", code) if n in entries}
    assert needed or not re.search(r"\bdata\.(load|path)\(", code)  # lesson 25 draws what it learns from
    assert not {n for n in needed if not entries[n].first}
