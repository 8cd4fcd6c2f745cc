"""Assignments for nbgrader: what it takes out, what it grades, and that no solution is left elsewhere."""
import ast

import build_lessons as builder
import build_nbgrader
import nbformat
import pytest


@pytest.fixture(params=[path.stem for path in builder.sources()])
def lesson(request):
    return builder.read_lesson(builder.NOTEBOOKS / f"src/{request.param}.py")


def test_every_exercise_is_a_solution_and_its_check_is_worth_a_point(lesson):
    notebook = build_nbgrader.build(lesson)
    nbformat.validate(notebook)
    marked = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    names = [builder.exercise_name(cell) for cell in lesson.cells if cell.has("exercise")]
    ids = [cell.metadata["nbgrader"]["grade_id"] for cell in marked]
    assert ids == [each for name in names for each in (name, f"check_{name}")]
    for exercise, check in zip(marked[::2], marked[1::2]):
        assert (exercise.metadata["nbgrader"]["solution"], exercise.metadata["nbgrader"]["grade"]) == (True, False)
        assert exercise.source.count(builder.BEGIN) == exercise.source.count(builder.END) == 1
        wanted = {"solution": False, "grade": True, "locked": True, "points": 1}
        assert check.metadata["nbgrader"].items() >= wanted.items()
        ast.parse(check.source)
        assert check.source.endswith('assert result.status == "passed", result')
        assert "result = check." in check.source


def test_no_worked_solution_and_no_notes_are_left(lesson):
    notebook = build_nbgrader.build(lesson)
    assert not any({"solution", "instructor"} & set(cell.metadata.get("tags", ())) for cell in notebook.cells)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "<summary>Solution</summary>" not in text
