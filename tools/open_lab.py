"""Open JupyterLab on lesson 00, in a copy of the lessons that is yours to write in.

    python tools/open_lab.py [any option of `jupyter lab`]

Each lesson of notebooks/ is copied to work/ once, and never again: solving a lesson never meets git or an update. The
copy leaves the outputs behind, because a lesson asks for a prediction before a cell has run.
To start a lesson over, delete or rename its copy. Works the same on Linux, macOS and Windows, and from any folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def copy_lessons(source: Path, target: Path) -> list[Path]:
    """Copy each lesson that `target` does not hold yet; return the new copies. What is there is never touched."""
    target.mkdir(parents=True, exist_ok=True)
    new = []
    for lesson in sorted(source.glob("[0-9][0-9]_*.ipynb")):
        copy = target / lesson.name
        if not copy.exists():
            unfinished = copy.with_suffix(".part")  # an interrupted copy must not pass for a lesson
            unfinished.write_text(without_outputs(lesson.read_text("utf-8")), encoding="utf-8")
            os.replace(unfinished, copy)
            new.append(copy)
    return new


def without_outputs(notebook: str) -> str:
    """The notebook as if no cell had run yet."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def environment() -> dict[str, str]:
    """This process's environment with the course's JupyterLab settings put first."""
    paths = [str(ROOT / ".jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return dict(os.environ, JUPYTER_CONFIG_PATH=os.pathsep.join(path for path in paths if path))


def main(options: list[str]) -> int:
    """Copy, open JupyterLab, and pass on its exit status."""
    try:
        for copy in copy_lessons(ROOT / "notebooks", ROOT / "work"):
            print(f"new in work/: {copy.name}")
    except OSError as error:  # a folder that only others may write, a full disk, a file named work
        raise SystemExit(f"The lessons could not be copied to {ROOT / 'work'} ({error.strerror}): the course needs a "
                         "folder that you may write, with some room.") from None  # fmt: skip
    first = "work/00_start_here.ipynb"
    if not (ROOT / first).exists():
        raise SystemExit("There is no notebooks/00_start_here.ipynb to open: `git checkout notebooks` brings it back.")
    # the folder is named because JupyterLab would take the lesson's own, and links to the README would lead nowhere
    where = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url=/lab/tree/{first}"]
    command = [sys.executable, "-m", "jupyter", "lab", *where, *options]
    os.chdir(ROOT)
    if os.name == "posix":
        os.execve(command[0], command, environment())  # this process becomes JupyterLab: Ctrl-C and kill reach it
    try:
        return subprocess.call(command, env=environment())
    except KeyboardInterrupt:
        return 0  # on Windows: JupyterLab has heard the Ctrl-C too


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
