"""export: a picture of the course reaches LaTeX, by the settings in .jupyter of JupyterLab and of nbconvert."""

import base64
import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from nbconvert.exporters import LatexExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from traitlets.config import Config

from course_lib import viz

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("program", ["server", "nbconvert"])
def test_a_picture_reaches_latex(program, monkeypatch):
    shown = []
    monkeypatch.setattr(viz, "display", lambda bundle, raw: shown.append(bundle))
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    viz.show(figure, "A line.")
    notebook = new_notebook(cells=[new_code_cell("1", outputs=[new_output("display_data", shown[0])])])
    settings = json.loads((ROOT / f".jupyter/jupyter_{program}_config.json").read_text("utf-8"))
    exporter = LatexExporter(config=Config(settings))
    body, resources = exporter.from_notebook_node(notebook)
    ((name, picture),) = resources["outputs"].items()
    assert f"{{{name}}}" in body
    assert picture == base64.b64decode(shown[0]["text/html"].partition("base64,")[2].partition('"')[0])
    assert "image/png" not in notebook.cells[0].outputs[0].data
