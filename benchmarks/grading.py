"""A class of sixty notebooks graded: is the table the known one, twice the same, and what does a kill lose?

    python benchmarks/grading.py            every row (about a quarter of an hour on two quiet cores)
    python benchmarks/grading.py --table    print the result of the last run

Target: sixty notebooks in 10 minutes on two cores. Ten learners hand in each of six lessons. One has solved all, one
has touched nothing. Four have made a known mistake in each exercise: one of `tests/wrong_answers` with its diagnosis,
where the lesson's solution can be spoiled in those words. Of four the first exercise never ends, leaves the
interpreter, is no Python or is gone.

How. The folder is graded by the command, as an instructor would, and its table compared with the known one row by row.
Then once more into another folder, killed with SIGKILL when a third of the notebooks stands in the diary, and started
again: both tables must be the same to the byte, and no notebook may stand in the diary twice. The result goes to
results/grading.json when it is whole.
"""

import argparse
import csv
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from measuring import machine, save

ROOT = pathlib.Path(__file__).parent.parent
RESULT = ROOT / "benchmarks/results/grading.json"
LESSONS = ("01_counts", "08_training", "09_sequences", "10_attention", "11_multi_head", "21_reading_attention")
RIGHT, STUB, MISTAKES = "right", "untouched", 4
BROKEN = {
    "endless": ("while True: pass", ("not yet", "no-end")),
    "leaving": ("import os; os._exit(3)", ("not yet", "process-ended")),
    "no Python": ("x = (", ("not yet", "no-python")),
}


def exercises(lesson: str) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """By exercise: the lesson's solution, and [(the solution with a known mistake, its diagnosis), ...]."""
    sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]
    import build_lessons

    read = build_lessons.read_lesson(ROOT / f"notebooks/src/{lesson}.py")
    bank = importlib.import_module(f"wrong_answers.{read.topic}").BANK
    found = {}
    for cell in read.cells:
        if cell.has("exercise"):
            name, solution = build_lessons.exercise_name(cell), build_lessons.solved(cell.source)
            wrong = [(made, one.diagnosis) for one in bank[name] if one.diagnosis
                     and not callable(one.function) and (made := with_edits(solution, one.function))]  # fmt: skip
            found[name] = solution, wrong
    return found


def with_edits(solution: str, edits: str | tuple[str, ...]) -> str | None:
    """None where the lesson spells the solution in other words than the check."""
    for edit in (edits,) if isinstance(edits, str) else edits:
        old, new = (part.strip() for part in edit.split("->", 1))
        if old not in solution:
            return None
        solution = solution.replace(old, new)
    return solution


def first_line(solution: str, line: str) -> str:
    head, body = solution.split('"""\n', 1)
    return f'{head}"""\n    {line}\n{body}'


def hand_in(folder: pathlib.Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Writes the class into `folder`; the known table: (learner, exercise) -> (status, diagnosis)."""
    import nbformat

    known = {}
    for lesson in LESSONS:
        tasks = exercises(lesson)
        first = next(iter(tasks))
        for learner in (RIGHT, STUB, *map(str, range(MISTAKES)), *BROKEN, "gone"):
            notebook, who = nbformat.read(ROOT / f"notebooks/{lesson}.ipynb", 4), f"{lesson} {learner}"
            for cell in list(notebook.cells):
                if "exercise" not in cell.metadata.get("tags", ()):
                    continue
                name = next(name for name in tasks if f"def {name}(" in cell.source)
                (solution, wrong), row = tasks[name], ("passed", "")
                if learner == STUB:
                    row = "not attempted", ""
                elif learner.isdigit() and wrong:
                    solution, diagnosis = wrong[int(learner) % len(wrong)]
                    row = "not yet", diagnosis
                elif name == first and learner in BROKEN:
                    solution, row = first_line(solution, BROKEN[learner][0]), BROKEN[learner][1]
                elif name == first and learner == "gone":
                    notebook.cells.remove(cell)
                    row = "missing", ""
                if learner != STUB:
                    cell.source = solution
                known[who, name] = row
            (folder / who).mkdir(parents=True)
            nbformat.write(notebook, folder / who / f"{lesson}.ipynb")
    return known


def grade(folder: pathlib.Path, out: pathlib.Path, kill_after: int | None = None) -> float:
    """Seconds of the command; with kill_after it is killed when so many notebooks stand in the diary."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "course_lib.classroom", "grade", str(folder), "--out", str(out)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               start_new_session=True)  # fmt: skip
    while kill_after and process.poll() is None:
        if len(diary(out)) >= kill_after:
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.2)
    if process.wait() and not kill_after:
        raise SystemExit(f"The command ended with {process.returncode}.")
    return time.perf_counter() - start


def diary(out: pathlib.Path) -> list[str]:
    path = out / "done.jsonl"
    return [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.exists() else []


def measure() -> dict:
    with tempfile.TemporaryDirectory() as work:
        folder, once, again = (pathlib.Path(work, name) for name in ("class", "once", "again"))
        known = hand_in(folder)
        seconds = grade(folder, once)
        with (once / "table.csv").open(newline="", encoding="utf-8-sig") as file:
            table = {(row["learner"], row["exercise"]): (row["status"], row["diagnosis"])
                     for row in csv.DictReader(file)}  # fmt: skip
        grade(folder, again, kill_after=20)
        stood = diary(again)
        grade(folder, again)
        entries = [(entry["digest"], entry["learner"]) for entry in map(json.loads, diary(again))]
        other = {str(key): [known.get(key), table.get(key)] for key in {*known, *table}
                 if known.get(key) != table.get(key)}  # fmt: skip
        return {
            "machine": machine(),
            "notebooks": len(list(folder.glob("*/*.ipynb"))),
            "exercises": len(known),
            "seconds": round(seconds, 1),
            "other_than_known": other,
            "killed_with": len(stood),
            "graded_twice": len(entries) - len(set(entries)),
            "kept_from_before_the_kill": diary(again)[: len(stood)] == stood,
            "same_table_after_the_kill": (once / "table.csv").read_bytes() == (again / "table.csv").read_bytes(),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the result of the last run")
    if not parser.parse_args().table:
        save(RESULT, measure())
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
