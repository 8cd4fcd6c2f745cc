#!/usr/bin/env bash
# nbgrader started by its path, its environment not activated, dies at its first assignment: it looks for alembic on PATH.
#
# Expected: /some/env/bin/nbgrader generate_assignment NAME works as any program of an environment does that is called by
#           its full path (from a Makefile, say): what it needs stands beside it.
# Seen:     nbgrader 0.9.6 converts nothing and ends with "No such file or directory: 'alembic'" under "There was an error
#           processing assignment": it starts `alembic`, its own dependency, as a command. With the environment's bin on
#           PATH the same call writes the assignment.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q "nbgrader==0.9.6"
mkdir -p "$folder/course/source/one"
"$folder/env/bin/python" - "$folder/course/source/one/one.ipynb" <<'PY'
import sys

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

cell = new_code_cell("### BEGIN SOLUTION\nx = 1\n### END SOLUTION", metadata={"nbgrader": {
    "schema_version": 3, "grade": False, "solution": True, "locked": False, "task": False, "grade_id": "x"}})
nbformat.write(new_notebook(cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}), sys.argv[1])
PY
cd "$folder/course"
echo 'c = get_config(); c.CourseDirectory.course_id = "course"' > nbgrader_config.py
without=$(PATH=/usr/bin:/bin "$folder/env/bin/nbgrader" generate_assignment one 2>&1 || true)
grep -q "No such file or directory: 'alembic'" <<<"$without" || { echo "the behaviour has changed"; exit 1; }
test ! -e release/one/one.ipynb || { echo "the behaviour has changed: the assignment is there"; exit 1; }
PATH="$folder/env/bin:/usr/bin:/bin" nbgrader generate_assignment one >/dev/null 2>&1
test -s release/one/one.ipynb
echo "by its path alone: no such file 'alembic'; with its folder on PATH: written"
echo "seen as described, with nbgrader 0.9.6"
