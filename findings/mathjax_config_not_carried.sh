#!/usr/bin/env bash
# Jupyter's packaged MathJax lacks the configuration that nbconvert asks of a MathJax by default.
#
# Expected: an exported page whose MathJax address is pointed at the copy in jupyter-server-mathjax, and otherwise left as
#           nbconvert makes it, shows its formulas without a network: both are Jupyter's, for MathJax 2.
# Seen:     nbconvert 7.17.2 asks for ?config=TeX-AMS_CHTML-full,Safe. jupyter-server-mathjax 0.2.6 holds
#           TeX-AMS-MML_HTMLorMML-full and Safe alone, and no CommonHTML output: the formulas stay as $...$. Nothing is said
#           but a file that the browser did not find. The address needs the other name as well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q "nbconvert==7.17.2" "jupyter-server-mathjax==0.2.6"
"$folder/env/bin/python" - <<'PY'
import pathlib

import jupyter_server_mathjax
from nbconvert.exporters import HTMLExporter

asked = HTMLExporter().mathjax_url.split("config=")[1].split(",")
static = pathlib.Path(jupyter_server_mathjax.__file__).parent / "static"
carried = sorted(path.stem for path in (static / "config").glob("*.js"))
output = sorted(path.name for path in (static / "jax/output").iterdir())
print("asked for:", asked)
print("carried:  ", carried, "with output", output)
assert asked[0] == "TeX-AMS_CHTML-full", "the behaviour has changed"
assert asked[0] not in carried, "the behaviour has changed"
assert "TeX-AMS-MML_HTMLorMML-full" in carried, "the behaviour has changed"
assert "CommonHTML" not in output, "the behaviour has changed"
PY
echo "seen as described, with nbconvert 7.17.2 and jupyter-server-mathjax 0.2.6"
