"""Open JupyterLab on lesson 00, in a copy of the lessons that is yours to write in.

    python tools/open_lab.py [any option of `jupyter lab`]

Each lesson of notebooks/ is copied to work/: solving a lesson never meets git or an update. A copy in which no cell was
changed follows an update of its lesson; any other is never touched, and a line says that there is a newer version. The
copy leaves the outputs behind, because a lesson asks for a prediction before a cell has run.
To start a lesson over, delete or rename its copy. Works the same on Linux, macOS and Windows, and from any folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_lessons(source: Path, target: Path) -> list[Path]:
    """Copy each lesson that `target` does not hold yet or holds unchanged; return the new copies. Says what it cannot.

    SystemExit where `target` cannot be a folder.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"The lessons are copied into {target}, which cannot be made a folder ({error.strerror}): "
                         "rename what stands in its place, then try again.") from None  # fmt: skip
    new = []
    for lesson in sorted(source.glob("[0-9][0-9]_*.ipynb")):
        copy = target / lesson.name
        try:
            text = without_outputs(lesson.read_text("utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            print(f"notebooks/{lesson.name} is damaged, as by a merge that was not finished, and left out: "
                  f"`git checkout HEAD notebooks/{lesson.name}` brings it back.")  # fmt: skip
            continue
        try:
            if not copy.exists() or _outdated(copy, text) == "untouched":
                _write(copy, text)
                new.append(copy)
            elif _outdated(copy, text) == "touched":
                print(f"work/{lesson.name} is as you left it. There is a newer version of this lesson: look at it in "
                      "notebooks/, or rename yours and start again to have it copied.")  # fmt: skip
        except OSError as error:
            print(f"work/{lesson.name} was not copied ({error.strerror}): make room for it, or let work/ be written.")
    return new


def _outdated(copy: Path, text: str) -> str:
    """"untouched" or "touched" for a copy whose lesson has changed since it was made; "" for any other."""
    try:
        mine = json.loads(copy.read_text("utf-8"))
        before, now = mine["metadata"]["copied"], json.loads(text)["metadata"]["copied"]
        return "" if before == now else "untouched" if _sum(mine) == before else "touched"
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""  # a copy that was made before this was noted down, or something else of that name


def _sum(notebook: dict) -> str:
    """Over what a learner changes, the cells' texts. JupyterLab changes the rest of a file by itself."""
    texts = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """All of it or nothing, whoever else writes at the same time."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def without_outputs(notebook: str) -> str:
    """The notebook as if no cell had run yet, with a sum by which a later call knows which version it was."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    content.setdefault("metadata", {})["copied"] = _sum(content)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def environment() -> dict[str, str]:
    """This process's environment with the course's JupyterLab settings and its library put first.

    The library is named because .venv knows it by the path of the folder where it was made.
    """
    first = {"JUPYTER_CONFIG_PATH": ROOT / ".jupyter", "PYTHONPATH": ROOT}
    paths = {name: [str(path), os.environ.get(name, "")] for name, path in first.items()}
    return os.environ | {name: os.pathsep.join(filter(None, both)) for name, both in paths.items()}


def moved_from(venv: Path) -> str | None:
    """The folder in which this environment was made, if that is not the one where it is."""
    try:
        made = re.search(r"^command = .* -m venv (?:--\S+ )*(.+)$", (venv / "pyvenv.cfg").read_text("utf-8"), re.M)
    except (OSError, ValueError):
        return None
    return str(Path(made[1]).parent) if made and Path(made[1]).resolve() != venv.resolve() else None


def main(options: list[str]) -> int:
    """Copy, open JupyterLab, and pass on its exit status."""
    for copy in copy_lessons(ROOT / "notebooks", ROOT / "work"):
        print(f"new in work/: {copy.name}")
    if before := moved_from(ROOT / ".venv"):
        print(f"This folder's .venv was made in {before}. JupyterLab finds the library here all the same; delete .venv "
              "and call `make lab` with a network to have all commands in it right.")  # fmt: skip
    first = "work/00_start_here.ipynb"
    if not (ROOT / first).exists():
        raise SystemExit(f"There is no {first} to open: `git checkout HEAD notebooks` brings the lessons back.")
    # the folder is named because JupyterLab would take the lesson's own, and links to the README would lead nowhere
    where = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{first}"]
    command = [sys.executable, "-m", "jupyterlab", *where, *options]  # `jupyter` would call a script by its old path
    os.chdir(ROOT)
    if os.name == "posix":
        os.execve(command[0], command, environment())  # this process becomes JupyterLab: Ctrl-C and kill reach it
    try:
        return subprocess.call(command, env=environment())
    except KeyboardInterrupt:
        return 0  # on Windows: JupyterLab has heard the Ctrl-C too


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
