"""Cells in a fork of a warm process: what a kernel gives, from an empty namespace, and no fault goes unseen."""
import ast
import json
import os
import re
import sys

import build_lessons as builder
import nbformat
import pytest
import run_cells

CELLS = [
    "import sys\nprint('one')\nprint('two')\nprint('three', file=sys.stderr)",
    "from IPython.display import HTML, display\ndisplay(HTML('<b>bold</b>'), 'plain')\n[1, 2]",
    "import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
    "class Rich:\n    def _repr_html_(self):\n        return '<i>rich</i>'\nRich()",
    "None",
    "_, __name__, sys.modules['__main__'].Rich is Rich",
    "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)):\n    pass",
    "from course_lib import viz\nviz.explore(lambda k: (plt.figure(), f'{k}'), k=viz.Slider(1, 3))",
    "import numpy, torch\ntorch.ones(2, 3) @ torch.ones(3, 2)",
    "unknown + 1",
    "print('never')",
]


def plain(output: dict) -> dict:
    """An output without what differs from run to run: pictures, ids of widgets, colours of a traceback."""
    output = json.loads(re.sub(r"0x[0-9a-f]+", "0x", json.dumps(output, default=str)))
    output.pop("traceback", None)
    for kind in {"image/png", builder.WIDGET} & set(output.get("data", ())):
        output["data"][kind] = "..."
    if "text/html" in output.get("data", {}):
        output["data"]["text/html"] = output["data"]["text/html"][:30]
    if "0%" in output.get("data", {}).get("text/plain", ""):  # a progress bar's text holds a time
        output["data"]["text/plain"] = "..."
    return output


def test_the_outputs_are_a_kernels():
    cells = [builder.make_cell("code", source, (), f"c{i}") for i, source in enumerate(CELLS)]
    notebook = builder.make_notebook(builder.Lesson("99_small", {}, ()), cells)
    builder.run_in_kernel(notebook)
    kernel = [[plain(output) for output in cell.outputs] for cell in notebook.cells]
    raw = run_cells.run(CELLS, builder.NOTEBOOKS)
    assert [[plain(output) for output in outputs] for outputs in raw] == kernel[:10]
    assert [len(outputs) for outputs in raw] == [2, 3, 1, 1, 0, 1, 1, 1, 1, 1]
    assert kernel[10] == []
    for output in kernel[0] + raw[0]:
        nbformat.validate(output, ref="output", version=4)


def told(code: str):
    """What a cell's last expression is, in a process of its own."""
    ((output,),) = run_cells.run([code], builder.NOTEBOOKS)
    return ast.literal_eval(output["data"]["text/plain"])


def test_each_run_starts_from_nothing():
    names = "sorted(name for name in globals() if not name.startswith('_'))"
    assert told(names) == ["In", "Out", "exit", "get_ipython", "open", "quit"]
    assert run_cells.run(["kept = 1", "kept"], builder.NOTEBOOKS)[1][0]["data"]["text/plain"] == "1"
    assert run_cells.run(["kept"], builder.NOTEBOOKS)[0][0]["ename"] == "NameError"
    ours = {"course_lib", "build_lessons", "conftest", "pytest", *builder.PEERS}
    assert told(f"import sys\nsorted({ours} & set(sys.modules))") == []
    assert told("import os\nos.getcwd()") == str(builder.NOTEBOOKS)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_the_warm_process_has_one_thread_and_stays():
    parent = told("import os, psutil\nos.getppid(), psutil.Process(os.getppid()).num_threads()")
    assert parent == told("import os\nos.getppid(), 1")
    assert parent[0] != os.getpid()
    assert told("import sys\nsorted({'torch', 'torch._dynamo', 'matplotlib.pyplot'} - set(sys.modules))") == []
