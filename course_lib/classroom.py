"""A class's notebooks, graded: which exercises are solved, and what the class as a whole gets wrong.

    python -m course_lib.classroom grade homework/                   writes homework/grades/table.csv and page.html
    python -m course_lib.classroom grade homework/ --seconds 60      a longer limit for each exercise

`homework/` holds the notebooks as they were handed in: `homework/ada/10_attention.ipynb` is Ada's, and so is
`homework/ada.ipynb`. Every exercise of the lesson is asked its own check, the one that the learner has seen, and the
page begins with the diagnoses that most of the class share: what to talk about next time.

How. Each exercise runs in a process of its own, with a limit on time and memory: of the notebook only the learner's
function and the statements that it needs are run, and a loop that never ends costs that one exercise. What was graded
is kept in `grades/done.jsonl`; who starts again goes on from there, and a notebook that has changed is graded anew.

What it leaves out. Points, and an opinion. And it is a fence against accidents, not a prison: in its process a function
may not write outside an empty folder of its own, open a connection or start a program, but a clever and hostile one
can get out. For strangers' code use a machine that you can lose.
"""

import argparse
import ast
import contextlib
import csv
import dis
import hashlib
import html
import io
import json
import multiprocessing
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from tqdm.auto import tqdm

from course_lib.closed_room import ask

LESSONS = Path(__file__).resolve().parents[1] / "notebooks"
SECONDS, MEGABYTES = 30, 2000  # for one exercise: the slowest check takes 2 seconds, torch and the checks 400 MB
LONGEST = 2_000_000  # characters of a notebook's code; the longest lesson has 60,000
PARSING = threading.Lock()  # Python 3.11 may fail when two threads build a syntax tree at once (its issue 106905)


@dataclass(frozen=True)
class Grade:
    """One exercise of one learner. `status`: passed, not yet, not attempted, or missing."""

    learner: str
    lesson: str
    exercise: str
    status: str
    diagnosis: str = ""
    message: str = ""


# --- The lessons, and a notebook that was handed in -------------------------------------------------------------------


def lessons() -> dict[str, tuple[str, dict[str, str]]]:
    """Topic of the checks -> (lesson, the stubs of its exercises by name), read off the course's own notebooks."""
    found = {}
    for path in sorted(LESSONS.glob("[0-9]*.ipynb")):
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        stubs = {}
        for cell in cells:
            if "exercise" in cell.metadata.get("tags", ()):
                name, node = next(iter(functions(ast.parse(cell.source)).items()))
                stubs[name] = ast.unparse(node)
        topic = next((topic for cell in cells if (topic := check_of(cell.source))), None)
        if topic and stubs:
            found[topic] = path.stem, stubs
    return found


def functions(tree: ast.Module) -> dict[str, ast.stmt]:
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def check_of(source: str) -> str | None:
    """The topic in `from course_lib.checks import TOPIC as check`."""
    words = source.split("from course_lib.checks import ", 1)[1:]
    return words[0].split()[0] if words and words[0].split()[1:3] == ["as", "check"] else None


@dataclass(frozen=True)
class Submission:
    """A notebook as far as it can be read: the code of its cells, and which check it asks."""

    learner: str
    path: Path
    digest: str
    sources: tuple[str, ...]
    topic: str | None
    problem: str = ""


def submissions(folder: Path) -> list[Submission]:
    """Every notebook in a folder and its folders. FileNotFoundError where there is none."""
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}: name the one that holds the notebooks of your class.")
    paths = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    if not paths:
        raise FileNotFoundError(f"There is no notebook in {folder}: put one there for each learner, as ada.ipynb or "
                                "ada/10_attention.ipynb.")  # fmt: skip
    return [read(path, folder) for path in paths]


def read(path: Path, folder: Path) -> Submission:
    """A notebook, or what is wrong with it."""
    learner = path.parent.relative_to(folder).as_posix() if path.parent != folder else path.stem
    content = path.read_bytes()
    digest, sources, problem = hashlib.sha256(content).hexdigest(), (), ""
    try:
        notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
        sources = tuple(str(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    except Exception as error:  # nbformat raises as many kinds as there are ways to break a file
        problem = f"{path.name} cannot be read as a notebook ({type(error).__name__}): ask for it again."
    if sum(map(len, sources)) > LONGEST:
        sources, problem = (), f"{path.name} holds more than {LONGEST:,} characters of code: ask for it again."
    topic = next((topic for source in sources if (topic := check_of(source))), None)
    return Submission(learner, path, digest, sources, topic, problem)


# --- The learner's function, and what it needs ------------------------------------------------------------------------


def needed(sources: Sequence[str], name: str) -> tuple[str, str]:
    """The code that defines a function, with the statements that it needs; and "" or what is wrong.

    The last definition counts. What it needs is looked for above it, from the nearest statement up, and definitions and
    imports below it as well: cells may have been run in another order. Cells that are no Python are passed over.
    """
    statements: list[ast.stmt] = []
    broken = "missing"
    for source in sources:
        try:
            statements += ast.parse(without_magics(source)).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            if f"def {name}(" in source or f"class {name}" in source:
                broken = f"{getattr(error, 'msg', error)} in line {getattr(error, 'lineno', '?')} of its cell"
    places = [i for i, node in enumerate(statements) if isinstance(node, DEFINITIONS) and node.name == name]
    if not places:
        return "", broken
    place = places[-1]
    taken, wanted = {place}, loaded_by(statements[place]) - {name}
    above = range(place - 1, -1, -1)
    below = [i for i in range(place + 1, len(statements)) if isinstance(statements[i], (*DEFINITIONS, *IMPORTS))]
    for i in (*above, *below):
        if bound := bound_by(statements[i]) & {*wanted, "*"}:
            taken.add(i)
            wanted = wanted - bound | loaded_by(statements[i]) - {name}
    return "\n".join(ast.unparse(statements[i]) for i in sorted(taken)), ""


DEFINITIONS = (ast.FunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)
PARTS = (ast.Subscript, ast.Attribute)


def without_magics(source: str) -> str:
    """Python alone, every line in its place: IPython makes calls of its lines (%time, !pip, f?); %%time is left out."""
    return TransformerManager().transform_cell(re.sub(r"\A\s*%%.*", "", source))


def loaded_by(node: ast.stmt) -> set[str]:
    """The names that a statement looks for outside of itself: those that its code loads as globals."""
    names, codes = set(), [compile(ast.Module([node], []), "<handed in>", "exec")]
    while codes:
        code = codes.pop()
        names |= {step.argval for step in dis.get_instructions(code)
                  if step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS")}  # fmt: skip
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
    return names


def bound_by(node: ast.stmt) -> set[str]:
    """The names to which a statement at the top of a cell gives a meaning, or of whose value it changes a part."""
    if isinstance(node, IMPORTS):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, DEFINITIONS):
        return {node.name}
    found = set()
    for target in (part for part in ast.walk(node) if isinstance(getattr(part, "ctx", None), ast.Store)):
        while isinstance(target, PARTS):  # table["king"] = 1
            target = target.value
        found |= {target.id} if isinstance(target, ast.Name) else set()
    return found


# --- A class ----------------------------------------------------------------------------------------------------------


def grade(
    folder: str | Path, out: str | Path | None = None, *, seconds: float = SECONDS, megabytes: int = MEGABYTES,
    workers: int | None = None, progress: bool = True,
) -> list[Grade]:
    """Grades every notebook of a folder; writes table.csv and page.html into `out` (the folder's own "grades").

    One row for each exercise of the lesson whose check a notebook asks, in the order of learners and exercises; twice
    the same notebooks give twice the same table. `workers`: how many exercises at once (the number of cores).
    FileNotFoundError for a folder without notebooks.
    """
    folder = Path(folder)
    out = Path(out) if out else folder / "grades"
    handed = [one for one in submissions(folder) if out not in one.path.parents]
    known, version = lessons(), _version()
    asked = sorted({one.topic for one in handed if one.topic in known})
    multiprocessing.set_forkserver_preload([f"course_lib.checks.{topic}" for topic in asked])  # a fork starts at once
    out.mkdir(parents=True, exist_ok=True)
    diary = out / "done.jsonl"
    done = _read_diary(diary, version)
    table: dict[tuple[str, str], list[Grade]] = {}
    one_at_a_time = threading.Lock()
    with (diary.open("a", encoding="utf-8") as lines, ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool,
          tqdm(total=len(handed), desc="notebooks", disable=not progress) as bar):  # fmt: skip

        def one(submission: Submission) -> None:
            key = submission.digest, submission.learner
            if key not in done:
                found = list(grades_of(submission, known, seconds, megabytes))
                entry = {"version": version, "digest": key[0], "learner": key[1], "grades": [asdict(g) for g in found]}
                with one_at_a_time:
                    lines.write(json.dumps(entry) + "\n")
                    lines.flush()
                done[key] = found
            table[submission.learner, str(submission.path)] = done[key]
            bar.update()

        list(pool.map(one, handed))
    rows = [row for key in sorted(table) for row in table[key]]
    _replace(out / "table.csv", _as_csv(rows))
    _replace(out / "page.html", _as_page(rows, len({one.learner for one in handed})))
    return rows


def grades_of(submission: Submission, known: dict, seconds: float, megabytes: int) -> Iterator[Grade]:
    """The rows of one notebook. A stub that nobody has touched needs no process."""
    if submission.problem or submission.topic not in known:
        why = submission.problem or f"{submission.path.name} asks no check of the course: which lesson is it?"
        yield Grade(submission.learner, "", "", "missing", "no-lesson", why)
        return
    lesson, stubs = known[submission.topic]
    for name, stub in stubs.items():
        with PARSING:
            code, problem = needed(submission.sources, name)
            untouched = not problem and ast.unparse(functions(ast.parse(code))[name]) == stub
        if problem == "missing":
            yield Grade(submission.learner, lesson, name, "missing", "", f"{name} is not defined in this notebook.")
        elif problem:
            yield Grade(submission.learner, lesson, name, "not yet", "no-python", f"{name}: {problem}.")
        elif untouched:
            yield Grade(submission.learner, lesson, name, "not attempted", "", f"{name}: not attempted yet.")
        else:
            yield Grade(submission.learner, lesson, name, **ask(submission.topic, name, code, seconds, megabytes))


def _version() -> str:
    """A sum over the checks: what was graded by others is graded again."""
    sum_of_all = hashlib.sha256()
    for path in sorted((Path(__file__).parent / "checks").glob("*.py")):
        sum_of_all.update(path.read_bytes())
    return sum_of_all.hexdigest()[:16]


def _read_diary(path: Path, version: str) -> dict[tuple[str, str], list[Grade]]:
    """What was graded before, by these checks. A last line that was cut off is graded again."""
    done = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            if entry["version"] == version:
                done[entry["digest"], entry["learner"]] = [Grade(**row) for row in entry["grades"]]
    return done


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="")
    os.replace(part, path)


# --- One learner's own copies -----------------------------------------------------------------------------------------


class Table:
    """Lesson by lesson, which exercises are solved; prints itself."""

    MARKS = {"passed": "x", "not yet": "o", "not attempted": ".", "missing": "?"}

    def __init__(self, grades: Sequence[Grade]):
        self.grades = list(grades)

    def __repr__(self) -> str:
        lines = ["x solved, o not yet, . not attempted, ? not in the notebook"]
        for lesson in sorted({grade.lesson for grade in self.grades}):
            marks = [self.MARKS[grade.status] for grade in self.grades if grade.lesson == lesson]
            lines.append(f"{lesson:24} {' '.join(marks)}")
        solved = sum(grade.status == "passed" for grade in self.grades)
        return "\n".join([*lines, f"{solved} of {len(self.grades)} exercises solved"])


def table(folder: str | Path | None = None, seconds: float = SECONDS) -> Table:
    """Your own progress: each exercise of the lessons in a folder is asked its check, as in `grade`.

    folder: None for your copies in `work/`, or, where there are none (on Binder), for the course's own notebooks.
    FileNotFoundError where the folder is missing or holds no notebook.
    """
    work = LESSONS.parent / "work"
    folder = Path(folder or (work if any(work.glob("*.ipynb")) else LESSONS))
    known, found = lessons(), []
    for one in submissions(folder):
        found += [row for row in grades_of(one, known, seconds, MEGABYTES) if row.lesson]
    return Table(found)


# --- What the instructor reads ----------------------------------------------------------------------------------------


def commonest(rows: Sequence[Grade]) -> list[tuple[int, Grade]]:
    """How many learners share a mistake, and one of them; the commonest first."""
    wrong = [row for row in rows if row.status == "not yet"]
    counts = Counter((row.lesson, row.exercise, row.diagnosis or row.message) for row in wrong)
    first = {(row.lesson, row.exercise, row.diagnosis or row.message): row for row in reversed(wrong)}
    return [(count, first[key]) for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _as_csv(rows: Sequence[Grade]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(Grade.__dataclass_fields__)
    for row in rows:  # a text that begins like a formula would be one in a spreadsheet
        writer.writerow(["'" * value.startswith(("=", "+", "-", "@", "\t")) + value for value in vars(row).values()])
    return text.getvalue()


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Grades</title><meta name="viewport" content="width=device-width">
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}}
:root{{color-scheme:light dark}}
table{{border-collapse:collapse;width:100%}}td,th{{border:1px solid #8886;padding:.3rem .6rem;text-align:left;
vertical-align:top}}th{{position:sticky;top:0;background:Canvas}}</style></head><body>
<h1>{title}</h1><h2>What to talk about</h2>{first}<h2>Who has solved what</h2>{second}<h2>Every answer</h2>{third}
</body></html>
"""


def _as_page(rows: Sequence[Grade], learners: int) -> str:
    mistakes = [(count, row.lesson, row.exercise, row.message) for count, row in commonest(rows)]
    exercises = list(dict.fromkeys((row.lesson, row.exercise) for row in sorted(rows, key=lambda r: r.lesson)))
    solved = [(lesson, name, *(sum((row.lesson, row.exercise, row.status) == (lesson, name, status) for row in rows)
                               for status in STATUSES)) for lesson, name in exercises]  # fmt: skip
    return PAGE.format(
        title=f"{learners} learner{'s' * (learners != 1)}, {len(rows)} answers",
        first=_as_table(("learners", "lesson", "exercise", "what the check says"), mistakes),
        second=_as_table(("lesson", "exercise", *STATUSES), solved),
        third=_as_table(Grade.__dataclass_fields__, [tuple(vars(row).values()) for row in rows]),
    )


STATUSES = ("passed", "not yet", "not attempted", "missing")


def _as_table(head: Sequence[str], rows: Sequence[tuple]) -> str:
    lines = [f"<tr>{''.join(f'<{tag}>{html.escape(str(value))}</{tag}>' for value in row)}</tr>"
             for tag, row in [("th", tuple(head)), *(("td", row) for row in rows)]]  # fmt: skip
    return f"<table>{''.join(lines)}</table>"


def main() -> None:
    parser = argparse.ArgumentParser(prog="course_lib.classroom", description="Grade a class's notebooks.")
    parser.add_argument("what", choices=("grade",))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help='where table.csv and page.html go: FOLDER/grades')
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for one exercise")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES, help="for one exercise")
    parser.add_argument("--workers", type=int, help="exercises at once: the number of cores")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        rows = grade(options.folder, options.out, seconds=options.seconds, megabytes=options.megabytes,
                     workers=options.workers)  # fmt: skip
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None
    counts = Counter(row.status for row in rows)
    print(", ".join(f"{counts[status]} {status}" for status in STATUSES), f"in {time.monotonic() - began:.0f} seconds")
    for count, row in commonest(rows)[:5]:
        print(f"{count:3} x {row.exercise}: {row.diagnosis or row.message}")
    print(f"{(options.out or options.folder / 'grades') / 'page.html'}")


if __name__ == "__main__":
    main()
