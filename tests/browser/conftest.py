"""A module's small notebook, `SMALL`, executed as it would be committed, and a JupyterLab with a page on it."""
import build_lessons as builder
import jupytext
import nbformat
import pytest
from nbformat.sign import NotebookNotary

from . import lab


@pytest.fixture(scope="module")
def folder(request, tmp_path_factory):
    """`small.ipynb`, as it comes with a clone, and `trusted.ipynb`, the same in other words."""
    folder = tmp_path_factory.mktemp("learner")
    notebook = jupytext.reads(request.module.SMALL, fmt="py:percent")
    builder.execute(builder.Lesson("99_small", {"title": "Small", "minutes": 1}, ()), notebook, "the small notebook")
    nbformat.write(notebook, folder / "small.ipynb")
    notebook.cells[0].source += "\n# another copy"
    nbformat.write(notebook, folder / "trusted.ipynb")
    return folder


@pytest.fixture(scope="module")
def address(chromium, folder, tmp_path_factory):
    temp = tmp_path_factory.mktemp("lab")
    (temp / "data").mkdir()
    notary = NotebookNotary(data_dir=str(temp / "data"))  # as `jupyter trust` would
    notary.sign(nbformat.read(folder / "trusted.ipynb", 4))
    notary.store.close()
    with lab.jupyterlab(folder, temp) as address:
        yield address


@pytest.fixture
def page(chromium, address):
    said = []
    with lab.browser_page(chromium, said) as page:
        yield page
        assert page.evaluate("window.hacked") is None  # what a hostile token of a notebook would set
    assert not said
