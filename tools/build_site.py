"""The course as pages to read without Jupyter: build/site/index.html, for a browser alone: no network, no server.

    make site                                         or: python tools/build_site.py --repository OWNER/NAME

Sphinx with myst-nb makes a page of each committed notebook as it was saved, with a search and a dark theme (furo). The
viewers live where they need no kernel, and are true still pictures where they do. Nothing is asked of any other host:
formulas become MathML when the pages are built. `--repository` is where the Binder and Colab buttons lead.
"""
import argparse
import pathlib
import re
import shutil
import sys

import nbformat
from build_lessons import NOTEBOOKS, ROOT
from nbformat.v4 import new_markdown_cell

FOLDER = ROOT / "build/site"
CONFIGURATION = '''
project = "From word2vec to GPT"
html_title = project
extensions = ["myst_nb", "sphinx_copybutton"]
html_math_renderer = "mathml"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_show_sphinx = False
html_copy_source = False
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("html", "text/html", 0), ("html", "image/png", 5)]
myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 3
myst_update_mathjax = False
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type", "misc.highlighting_failure"]


def setup(app):
    from docutils import nodes
    from latex2mathml.converter import convert

    def inline(page, node):
        page.body.append(convert(node.astext()))
        raise nodes.SkipNode

    def block(page, node):
        page.body.append(convert(node.astext(), display="block"))
        raise nodes.SkipNode

    app.add_html_math_renderer("mathml", (inline, None), (block, None))
'''
STYLE = """@media (min-width: 82em) { .content { width: 54em } }
.cell_output { overflow-x: auto }
.cell_output img { max-width: 100%; height: auto; background: white }
"""


def ways_in(name: str, repository: str) -> str:
    binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/notebooks/{name}.ipynb"
    colab = f"https://colab.research.google.com/github/{repository}/blob/main/notebooks/{name}.ipynb"
    return f"Run this lesson: [on Binder]({binder}), [in Colab]({colab}), or on your own machine with `make lab`."


def page_of(path: pathlib.Path, repository: str) -> nbformat.NotebookNode:
    """The notebook as it was saved, with the ways to run it below its title."""
    notebook = nbformat.read(path, as_version=4)
    title, _, rest = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = title
    notebook.cells.insert(1, new_markdown_cell(ways_in(path.stem, repository), id="ways-in"))
    notebook.cells.insert(2, new_markdown_cell(rest.strip(), id="promise"))
    return notebook


def front_page(lessons: list[str]) -> str:
    """The README without what only its own place can show, and the list of pages."""
    text = (ROOT / "README.md").read_text("utf-8")
    text = re.sub(r"\]\(notebooks/(\w+)\.ipynb\)", r"](\1.ipynb)", text)
    text = re.sub(r"\[([^\]]*)\]\((?!https?:|GLOSSARY|\d\d_)[^)]*\)", r"\1", text)  # files that have no page
    pages = "\n".join(["GLOSSARY", *lessons])
    return f"{text}\n\n```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{pages}\n```\n"


def write_source(folder: pathlib.Path, repository: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "_static").mkdir(parents=True)
    lessons = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    for path in lessons:
        nbformat.write(page_of(path, repository), folder / path.name)
    (folder / "index.md").write_text(front_page([path.stem for path in lessons]), encoding="utf-8")
    shutil.copy(ROOT / "GLOSSARY.md", folder / "GLOSSARY.md")
    (folder / "conf.py").write_text(CONFIGURATION, encoding="utf-8")
    (folder / "_static/course.css").write_text(STYLE, encoding="utf-8")


def main() -> int:
    from sphinx.cmd.build import build_main

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repository", default="OWNER/NAME", help="on GitHub, for the buttons: OWNER/NAME")
    options = parser.parse_args()
    source = ROOT / "build/site-source"
    write_source(source, options.repository)
    return build_main(["-q", "-j", "2", "-b", "html", str(source), str(FOLDER)])


if __name__ == "__main__":
    sys.exit(main())
