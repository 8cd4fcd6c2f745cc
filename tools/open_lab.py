"""Open JupyterLab on lesson 00, in a copy of the lessons that is yours to write in.

    python tools/open_lab.py [any option of `jupyter lab`]

Each lesson of notebooks/ is copied to work/ once, and never again: solving a lesson never meets git or an update.
To start a lesson over, delete or rename its copy. Works the same on Linux, macOS and Windows, and from any folder.
"""

from __future__ import annotations

import os
import shutil
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
            shutil.copyfile(lesson, unfinished)
            os.replace(unfinished, copy)
            new.append(copy)
    return new


def environment() -> dict[str, str]:
    """This process's environment with the course's JupyterLab settings put first."""
    paths = [str(ROOT / ".jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return dict(os.environ, JUPYTER_CONFIG_PATH=os.pathsep.join(path for path in paths if path))


def main(options: list[str]) -> int:
    """Copy, open, and pass on JupyterLab's exit status."""
    for copy in copy_lessons(ROOT / "notebooks", ROOT / "work"):
        print(f"new in work/: {copy.name}")
    first = ROOT / "work" / "00_start_here.ipynb"
    if not first.exists():
        raise SystemExit("There is no notebooks/00_start_here.ipynb to open: `git checkout notebooks` brings it back.")
    command = [sys.executable, "-m", "jupyter", "lab", str(first.relative_to(ROOT)), *options]
    try:
        return subprocess.call(command, cwd=ROOT, env=environment())
    except KeyboardInterrupt:
        return 0  # Ctrl-C is how one leaves; JupyterLab has heard it too


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
