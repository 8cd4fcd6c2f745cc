"""Slides: what each cell is on them, nothing fetched from elsewhere, a task before its answer."""
import re

import build_lessons as builder
import build_slides
import pytest

LOADED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)\s*=\s*["']([^"']+)""")


@pytest.fixture(scope="module", params=["10_attention", "12_transformer"])
def lesson(request):
    return builder.read_lesson(builder.NOTEBOOKS / f"src/{request.param}.py")


def kinds(notebook):
    return [cell.metadata.slideshow.slide_type for cell in notebook.cells]


def test_every_heading_opens_a_column_and_notes_are_for_the_speaker(lesson):
    notebook = build_slides.slides_of(lesson)
    for cell in notebook.cells:
        tags, kind = set(cell.metadata.get("tags", ())), cell.metadata.slideshow.slide_type
        assert (kind == "slide") == (cell.cell_type == "markdown" and cell.source.startswith(("# ", "## "))
                                     and not tags & {"instructor", "hint"}), cell.source[:60]  # fmt: skip
        assert (kind == "notes") == ("instructor" in tags and cell.cell_type == "markdown")
    assert {"slide", "subslide", "fragment", "notes", "skip"} >= set(kinds(notebook)) > {"slide", "subslide", "notes"}


def test_a_task_stands_before_its_solution_and_no_check_says_not_attempted(lesson):
    notebook = build_slides.slides_of(lesson)
    tasks = [i for i, cell in enumerate(notebook.cells) if builder.STUB in cell.source]
    assert len(tasks) == sum(cell.has("exercise") for cell in lesson.cells)
    for i in tasks:
        assert "exercise" in notebook.cells[i + 1].metadata["tags"]
        assert builder.STUB not in notebook.cells[i + 1].source
    assert not any(cell.outputs for cell in notebook.cells if "check" in cell.metadata.get("tags", ()))


def test_outputs_are_the_saved_ones(lesson):
    assert any(cell.get("outputs") for cell in build_slides.slides_of(lesson).cells)


def test_a_page_loads_nothing_from_elsewhere(lesson):
    page, _ = build_slides.exporter().from_notebook_node(build_slides.slides_of(lesson))
    loaded = LOADED.findall(page)
    assert {"jquery.js", "require.js", "revealjs/dist/reveal.css"} <= set(loaded)
    assert not [url for url in loaded if url.startswith(("http", "//"))]
    assert not re.search(r"""(?:import|from)\s*["'(]+\s*https?:""", page)
    assert 'class="notes"' in page
