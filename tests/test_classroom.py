"""A class's notebooks: right, wrong, hostile and broken ones, each with the one row that it deserves."""
import csv
import functools
import shutil
import sys

import build_lessons as builder
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from course_lib import classroom

LESSON = "10_attention"
NAMES = ["causal_mask", "scaled_dot_product_attention", "padding_mask"]


@functools.cache
def solutions():
    lesson = builder.read_lesson(builder.NOTEBOOKS / f"src/{LESSON}.py")
    return {builder.exercise_name(cell): builder.solved(cell.source) for cell in lesson.cells if cell.has("exercise")}


def hand_in(path, edit=lambda name, solution, stub: solution):
    """The lesson's own notebook with another source in each exercise's cell; None deletes the cell."""
    notebook = nbformat.read(builder.NOTEBOOKS / f"{LESSON}.ipynb", 4)
    for cell in list(notebook.cells):
        if "exercise" in cell.metadata.get("tags", ()):
            name = next(name for name in NAMES if f"def {name}(" in cell.source)
            cell.source = edit(name, solutions()[name], cell.source)
            if cell.source is None:
                notebook.cells.remove(cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def first_line(line):
    """The causal mask with a line of its own in front; the other exercises right."""
    def edit(name, solution, stub):
        head, body = solution.split('"""\n', 1)
        return f'{head}"""\n    {line}\n{body}' if name == "causal_mask" else solution

    return edit


def table_of(rows):
    return {(row.learner, row.exercise): (row.status, row.diagnosis) for row in rows}


RIGHT = ("passed", "")
CLASS = {
    "ada": (lambda name, solution, stub: solution, [RIGHT] * 3),
    "bob": (lambda name, solution, stub: stub, [("not attempted", "")] * 3),
    "cleo": (lambda name, solution, stub: solution.replace(" / math.sqrt(query.shape[-1])", ""),
             [RIGHT, ("not yet", "not-scaled"), RIGHT]),
    "dan": (first_line("while True: pass"), [("not yet", "no-end"), RIGHT, RIGHT]),
    "eve": (first_line("import os; os._exit(3)"), [("not yet", "process-ended"), RIGHT, RIGHT]),
    "fay": (lambda name, solution, stub: f"x = (\n{solution}" if name == "causal_mask" else solution,
            [("not yet", "no-python"), RIGHT, RIGHT]),
    "gus": (lambda name, solution, stub: None if name == "causal_mask" else solution, [("missing", ""), RIGHT, RIGHT]),
    "ida": (lambda name, solution, stub: solution.replace(f"def {name}(", f"def my_{name}("), [("missing", "")] * 3),
}  # fmt: skip


@pytest.fixture(scope="module")
def class_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    for learner, (edit, _) in CLASS.items():
        hand_in(folder / learner / f"{LESSON}.ipynb", edit)
    (folder / "jon.ipynb").write_text("no notebook")
    nbformat.write(new_notebook(cells=[new_code_cell("print(1)")]), folder / "kim.ipynb")
    return folder


@pytest.fixture(scope="module")
def graded(class_folder):
    return classroom.grade(class_folder, seconds=25, progress=False)


def test_each_notebook_gets_the_rows_that_it_deserves(graded):
    wanted = {(learner, name): row for learner, (_, rows) in CLASS.items() for name, row in zip(NAMES, rows)}
    wanted |= {("jon", ""): ("missing", "no-lesson"), ("kim", ""): ("missing", "no-lesson")}
    assert table_of(graded) == wanted
    assert {row.lesson for row in graded} == {LESSON, ""}
    message = {(row.learner, row.exercise): row.message for row in graded}
    assert "Did not end within 25 seconds" in message["dan", "causal_mask"]
    assert "(code 3)" in message["eve", "causal_mask"]
    assert "of its cell" in message["fay", "causal_mask"]


def test_twice_the_same_and_nothing_is_graded_twice(graded, class_folder, monkeypatch):
    files = [class_folder / "grades" / name for name in ("table.csv", "page.html")]
    before = [file.read_bytes() for file in files]
    monkeypatch.setattr(classroom, "ask", lambda *_: pytest.fail("this was graded before"))
    assert classroom.grade(class_folder, progress=False) == graded
    assert before == [file.read_bytes() for file in files]


def test_who_was_broken_off_goes_on(graded, class_folder, tmp_path, monkeypatch):
    """The diary ends in the middle of a line: only that notebook is asked again."""
    asked = []
    lines = (class_folder / "grades/done.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "done.jsonl").write_text("".join(lines[:-1]) + lines[-1][:40])
    monkeypatch.setattr(classroom, "grades_of", lambda one, *_: asked.append(one.learner) or iter(()))
    classroom.grade(class_folder, tmp_path, progress=False)
    assert len(asked) == 1


def test_a_notebook_that_changed_is_graded_again(graded, class_folder, tmp_path, monkeypatch):
    hand_in(tmp_path / "ada" / f"{LESSON}.ipynb")
    classroom.grade(tmp_path, progress=False)
    hand_in(tmp_path / "ada" / f"{LESSON}.ipynb", lambda name, solution, stub: stub)
    assert {row.status for row in classroom.grade(tmp_path, progress=False)} == {"not attempted"}


def test_the_commonest_mistake_comes_first():
    rows = [classroom.Grade("a", "1", "f", "not yet", "x"), classroom.Grade("b", "1", "g", "not yet", "y", "<b>"),
            classroom.Grade("c", "1", "g", "not yet", "y"), classroom.Grade("d", "1", "g", "passed")]  # fmt: skip
    assert [(count, row.diagnosis) for count, row in classroom.commonest(rows)] == [(2, "y"), (1, "x")]
    page = classroom._as_page(rows, 4)
    assert page.index("<td>2</td><td>1</td><td>g</td>") < page.index("<td>1</td><td>1</td><td>f</td>")
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_the_table_opens_in_a_spreadsheet(graded, class_folder):
    with open(class_folder / "grades/table.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(graded)
    assert rows[0].keys() == classroom.Grade.__dataclass_fields__.keys()
    assert classroom._as_csv([classroom.Grade("=1+1", "", "", "passed")]).splitlines()[1].startswith("'=1+1")


def test_only_what_a_function_needs_is_run():
    sources = ["import math\n%matplotlib inline\nscale = 2", "heavy = 1 / 0\nscores = 1 / 0",
               "def helper(x):\n    return x * scale",
               "def f(x):\n    scores = [math.floor(helper(y)) for y in x]\n    return scores",
               "scale = 3\nprint(f([1]))", "def g(): pass"]  # fmt: skip
    code, problem = classroom.needed(sources, "f")
    assert problem == ""
    space = {}
    exec(code, space)
    assert space["f"]([1.5]) == [3]
    assert "heavy" not in space
    assert "scores" not in space


@pytest.mark.parametrize("sources", [
    ['def f(x):\n    told = """\n%d apples\n!"""\n    return told % x'], ["def f(x):\n    return '%d apples' % x\nf?"],
    ["files = !ls\n?f\n%time 1\nif True:\n    %matplotlib inline\ndef f(x):\n    return ('%d apples'\n% x)"],
    ["%%time\ndef f(x):\n    return f'{x} apples'"],
    ["from string import *", "def f(x):\n    return capwords(g(x))", "def g(x):\n    return f'{x} apples'"],
    ["words = {}", "words['what'] = 'apples'", "def f(x):\n    return f'{x} {words[\"what\"]}'"],
])  # fmt: skip
def test_what_jupyter_understands_is_understood(sources):
    code, problem = classroom.needed(sources, "f")
    assert problem == ""
    space = {}
    exec(code, space)
    assert "3 apples" in space["f"](3).lower()


@pytest.mark.parametrize(("sources", "problem"), [
    (["def g(): pass"], "missing"), ([], "missing"), (["def f(:\n    pass"], "in line 1 of its cell"),
    (["f = lambda: 1"], "missing"),
])  # fmt: skip
def test_what_cannot_be_found_is_said(sources, problem):
    assert problem in classroom.needed(sources, "f")[1]


def test_cells_may_stand_in_another_order():
    sources = ["def f(x):\n    return math.floor(help_me(x))", "import math", "def help_me(x):\n    return x"]
    code, _ = classroom.needed(sources, "f")
    space = {}
    exec(code, space)
    assert space["f"](1.5) == 1


def test_the_last_definition_counts():
    code, _ = classroom.needed(["def f():\n    return 1", "def f():\n    return 2"], "f")
    assert "return 2" in code
    assert "return 1" not in code


def test_a_folder_without_notebooks_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="There is no notebook in"):
        classroom.grade(tmp_path)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        classroom.grade(tmp_path / "none")
    monkeypatch.setattr(sys, "argv", ["classroom", "grade", str(tmp_path)])
    with pytest.raises(SystemExit, match="There is no notebook"):
        classroom.main()


def test_every_lesson_with_exercises_is_known():
    known = classroom.lessons()
    lesson, stubs = known["attention"]
    assert (lesson, list(stubs)) == (LESSON, NAMES)
    assert all("NotImplementedError" in stub for stub in stubs.values())
    lessons = map(builder.read_lesson, builder.sources())
    assert len(known) == sum(any(cell.has("exercise") for cell in lesson.cells) for lesson in lessons)


def test_a_learners_own_table(tmp_path):
    hand_in(tmp_path / f"{LESSON}.ipynb", lambda name, solution, stub: solution if name == "causal_mask" else stub)
    table = classroom.table(tmp_path)
    assert [grade.status for grade in table.grades] == ["passed", "not attempted", "not attempted"]
    assert f"{LESSON:24} x . ." in repr(table)
    assert repr(table).endswith("1 of 3 exercises solved")
    assert {path.name for path in tmp_path.iterdir()} == {f"{LESSON}.ipynb"}, "nothing is written"


def test_the_table_is_of_ones_own_copies_where_there_are_any(tmp_path, monkeypatch):
    course, work = tmp_path / "notebooks", tmp_path / "work"
    course.mkdir()
    work.mkdir()
    shutil.copy(classroom.LESSONS / f"{LESSON}.ipynb", course)
    monkeypatch.setattr(classroom, "LESSONS", course)
    assert [grade.status for grade in classroom.table().grades] == ["not attempted"] * 3
    hand_in(work / f"{LESSON}.ipynb", lambda name, solution, stub: solution)
    assert [grade.status for grade in classroom.table().grades] == ["passed"] * 3
