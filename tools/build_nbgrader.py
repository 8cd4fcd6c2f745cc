"""The lessons as assignments of nbgrader's: build/nbgrader/source/NN_topic/NN_topic.ipynb, and a configuration.

    make nbgrader                                                   or: python tools/build_nbgrader.py 10
    cd build/nbgrader && nbgrader generate_assignment 10_attention

An exercise becomes a cell whose solution nbgrader takes out, and its check a locked cell that is worth one point. The
worked solutions below the exercises are left out, hints stay. Nothing is run. What it leaves out: points for prose.
"""
import argparse

from build_lessons import (
    ROOT,
    Ids,
    Lesson,
    exercise_name,
    folded,
    make_cell,
    make_notebook,
    read_lesson,
    sources,
    with_cost,
    write,
)

FOLDER = ROOT / "build/nbgrader"
CONFIGURATION = 'c = get_config()\nc.CourseDirectory.course_id = "word2vec-to-gpt"\n'


def build(lesson: Lesson):
    """A lesson's notebook with nbgrader's marks: what is graded, what is locked, how many points."""
    ids, cells, name, hints = Ids(), [], "", 0
    for cell in lesson.cells:
        if cell.has("instructor"):
            continue
        source, marks = with_cost(lesson, cell.source), None
        if cell.has("exercise"):
            name, hints = exercise_name(cell), 0
            marks = {"grade": False, "solution": True, "locked": False, "grade_id": name}
        elif cell.has("check"):
            first = source.replace(f"check.{name}({name})", f"result = check.{name}({name})")
            source = f'{first}\nprint(result)\nassert result.status == "passed", result'
            marks = {"grade": True, "solution": False, "locked": True, "grade_id": f"check_{name}", "points": 1}
        elif cell.has("hint"):
            hints += 1
            source = folded(f"Hint {hints}", source)
        made = make_cell(cell.kind, source, cell.tags, ids(cell.kind + cell.source))
        if marks:
            made.metadata["nbgrader"] = {"schema_version": 3, "task": False, "cell_type": "code", **marks}
        cells.append(made)
    return make_notebook(lesson, cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons by number; default: all")
    for path in sources(parser.parse_args().lessons):
        lesson = read_lesson(path)
        write(build(lesson), FOLDER / "source" / lesson.name / f"{lesson.name}.ipynb")
    (FOLDER / "nbgrader_config.py").write_text(CONFIGURATION)


if __name__ == "__main__":
    main()
