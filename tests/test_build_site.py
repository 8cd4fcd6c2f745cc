"""The pages to read without Jupyter: what goes into them, and, where Sphinx is installed, every page in a browser."""
import importlib.util
import pathlib
import re

import build_site
import nbformat
import pytest

WITH_SPHINX = all(importlib.util.find_spec(name) for name in ("myst_nb", "furo", "latex2mathml"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "source"
    build_site.write_source(folder, "someone/course")
    return folder


def test_every_lesson_and_the_glossary_have_a_page(source):
    lessons = {path.name for path in build_site.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")}
    assert {path.name for path in source.glob("*.ipynb")} == lessons
    index = (source / "index.md").read_text("utf-8")
    toc = index.split("```{toctree}")[1]
    assert all(name.removesuffix(".ipynb") in toc for name in lessons)
    linked = [link for link in re.findall(r"\]\(([^)]+)\)", index) if not link.startswith("http")]
    assert not [link for link in linked if not (source / link.split("#")[0]).exists()]


def test_a_page_begins_with_its_title_and_the_ways_to_run_it(source):
    for path in source.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        title, ways, promise = (cell.source for cell in notebook.cells[:3])
        assert re.fullmatch(r"# \d\d .+", title)
        assert f"someone/course/blob/main/notebooks/{path.name}" in ways
        assert f"someone/course/main?urlpath=lab/tree/notebooks/{path.name}" in ways
        assert len(promise) > 100


@pytest.mark.browser
@pytest.mark.filterwarnings("ignore")  # of Sphinx's next versions
@pytest.mark.skipif(not WITH_SPHINX, reason="needs what `make site` installs")
def test_every_page_in_a_browser_without_a_network(source, chromium, tmp_path):
    """No console error, no request to a host, no broken link, no picture without words, nothing wider than the page."""
    from playwright.sync_api import sync_playwright
    from sphinx.cmd.build import build_main

    assert build_main(["-q", "-b", "html", str(source), str(tmp_path)]) == 0
    pages = sorted(tmp_path.glob("*.html"))
    assert len(pages) >= 25
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for width in (800, 1280):
            page, said = browser.new_page(viewport={"width": width, "height": 900}), []
            page.on("console", lambda line, said=said: said.append(line.text) if line.type == "error" else None)
            page.on("pageerror", lambda error, said=said: said.append(str(error)))
            page.on("request", lambda r, said=said: said.append(r.url) if r.url.startswith(("http", "ws")) else None)
            for path in pages:
                page.goto(path.as_uri())
                page.wait_for_timeout(300)
                assert not said, f"{path.name} at {width}: {said}"
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path.name} at {width}"
                assert page.evaluate("[...document.images].every(image => image.alt)"), path.name
                links = page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
                here = [link.removeprefix("file://").split("#")[0] for link in links if link.startswith("file:")]
                assert not [link for link in here if not pathlib.Path(link).exists()], path.name
        page.goto((tmp_path / "10_attention.html").as_uri())
        page.locator(".course-attention-lines").first.wait_for()  # the viewer lives
        assert page.locator("math").count() > 5
        browser.close()
