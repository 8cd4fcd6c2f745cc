"""The lessons as slides, with speaker notes, for a browser without a network: build/slides/NN_topic.html.

    make slides                        or: python tools/build_slides.py 10; then open build/slides/10_attention.html

A `## ` heading opens a column of slides, every cell is a slide of it, long ones scroll; the instructor's cells are the
speaker's notes (press S). Outputs are those of the committed notebooks. nbconvert makes the pages; reveal.js comes out
of the package sphinx-revealjs and MathJax out of jupyter-server-mathjax, and both are copied beside the pages. What it
leaves out: sliders that need a kernel (their still pictures are shown), and cells that a room does not need to see
(imports and drawing code tagged `folded`).
"""
import argparse
import importlib.util
import pathlib
import shutil
import sys

import nbformat
from build_lessons import NOTEBOOKS, ROOT, Lesson, build, keep_outputs, read_lesson, solved, sources, stubbed
from nbconvert.exporters import SlidesExporter
from nbformat.v4 import new_code_cell
from traitlets.config import Config

FOLDER = ROOT / "build/slides"
# nbconvert's page asks require.js for two scripts and waits; these lines are all that it needs of it.
REQUIRE = """function require(settings, files, then) {
  const load = (file) => new Promise((done, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src: file, onload: done, onerror: failed }));
  });
  files.reduce((before, file) => before.then(() => load(file)), Promise.resolve())
    .then(() => then(window.Reveal, window.RevealNotes));
}
"""
# The one font that the package holds; a browser that lets no page from a file load fonts shows another one.
FONT = """<script>
window.MathJax = { "HTML-CSS": { availableFonts: [], webFont: "STIX-Web", imageFont: null } };
</script>"""
STYLE = "<style>:root { --jp-code-font-size: 17px } .reveal h1, .reveal h2 { text-transform: none }</style>\n"
PACKAGES = {"revealjs": ("sphinx_revealjs", "_static/revealjs", ("dist", "plugin/notes", "LICENSE")),
            "mathjax": ("jupyter_server_mathjax", "static", ("",))}  # fmt: skip


def copy_scripts(folder: pathlib.Path) -> None:
    """What the pages load, copied beside them."""
    for name, (package, inside, parts) in PACKAGES.items():
        found = importlib.util.find_spec(package)
        if found is None:
            sys.exit(f"{package} is not installed: call this as `make slides`.")
        source = pathlib.Path(found.submodule_search_locations[0]) / inside
        for part in parts:
            if (source / part).is_dir():
                shutil.copytree(source / part, folder / name / part, dirs_exist_ok=True)
            else:
                shutil.copy(source / part, folder / name / part)
    (folder / "require.js").write_text(REQUIRE)


def slides_of(lesson: Lesson) -> nbformat.NotebookNode:
    """The lesson with notes and saved outputs; every cell says what it is on a slide. A solution follows its task."""
    notebook = build(lesson, "instructor")
    keep_outputs(notebook, NOTEBOOKS / f"{lesson.name}.ipynb")
    tasks = {solved(cell.source): stubbed(cell.source) for cell in lesson.cells if cell.has("exercise")}
    cells = []
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", ()))
        if "exercise" in tags:
            cells.append(new_code_cell(tasks[cell.source], metadata={"slideshow": {"slide_type": "subslide"}}))
        if "check" in tags:
            cell.outputs = []  # of the learner's notebook, where nothing is solved
        cell.metadata["slideshow"] = {"slide_type": kind_of(cell, tags)}
        cells.append(cell)
    notebook.cells = cells
    return notebook


def kind_of(cell: nbformat.NotebookNode, tags: set[str]) -> str:
    if "instructor" in tags:
        return "notes" if cell.cell_type == "markdown" else "skip"
    if "hint" in tags:
        return "skip"
    if cell.cell_type == "markdown":
        return "slide" if cell.source.startswith(("# ", "## ")) else "subslide"
    return "subslide" if cell.outputs or "exercise" in tags else "fragment"


def exporter() -> SlidesExporter:
    hidden = Config({"TagRemovePreprocessor": {"enabled": True, "remove_input_tags": {"folded"}}})
    return SlidesExporter(
        config=hidden, exclude_input_prompt=True, exclude_output_prompt=True, reveal_theme="white", reveal_scroll=True,
        reveal_width="1400", reveal_height="900", reveal_url_prefix="revealjs", require_js_url="require.js",
        mathjax_url="mathjax/MathJax.js?config=TeX-AMS-MML_HTMLorMML-full,Safe", jquery_url="jquery.js",
        mermaid_js_url="data:text/javascript,export default { initialize() {} }")  # fmt: skip


def main() -> None:
    from course_lib import data

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons by number; default: all")
    lessons = [read_lesson(path) for path in sources(parser.parse_args().lessons)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    copy_scripts(FOLDER)
    shutil.copy(data.path("jquery"), FOLDER / "jquery.js")
    for lesson in lessons:
        page, _ = exporter().from_notebook_node(slides_of(lesson), {"metadata": {"name": lesson.name}})
        page = page.replace("<head>", f"<head>\n{FONT}", 1).replace("</head>", f"{STYLE}</head>", 1)
        (FOLDER / f"{lesson.name}.html").write_text(page, encoding="utf-8")
        print(f"wrote {(FOLDER / lesson.name).relative_to(ROOT)}.html")


if __name__ == "__main__":
    main()
