"""JupyterLab in headless Chromium: a fresh clone shows its pictures, cells run, a slider moves, the picture changes."""
import shutil

import build_lessons as builder
import nbformat
import pytest

from . import lab

pytestmark = pytest.mark.browser

SMALL = '''# %%
# A line whose slope is on a slider, in one of two styles, with a word above.
import matplotlib.pyplot as plt
from course_lib import viz

def draw(slope, style, word):
    if word == "nonsense":
        raise KeyError("'nonsense' is not in the vocabulary.")
    figure, axes = plt.subplots(figsize=(4, 2))
    axes.plot([0, 1], [0, slope], linestyle=style)
    axes.set(ylim=(0, 10), title=word)
    return figure, f"A {style} line of slope {slope}, titled {word}."

viz.explore(draw, slope=viz.Slider(1, 9, value=3), style=viz.Choice(["solid", "dotted"]), word=viz.Text("tea"))

# %%
# A picture without controls.
viz.show(*draw(5, "dotted", "still"))
'''


@pytest.fixture(scope="module")
def folder(folder):
    """With lesson 02 beside the small notebook."""
    for path in builder.NOTEBOOKS.glob("02_*.ipynb"):
        shutil.copy(path, folder)
    return folder


def picture(page):
    return page.locator(".course-explore img").first


def wait_for_alt(page, alt):
    """Until the first live picture has these words and has been drawn."""
    page.wait_for_function("""alt => {
        const box = document.querySelector('.course-explore'), img = box.querySelector('img');
        return img.alt === alt && img.complete && img.naturalWidth > 100 && box.ariaBusy === 'false'; }""", arg=alt)


def all_text(page):
    return page.locator(".jp-Notebook").inner_text()


def test_an_untrusted_clone_shows_every_picture_without_a_kernel(page, address):
    lab.open_notebook(page, address, "small.ipynb")
    alts = ["A solid line of slope 3, titled tea.", "A dotted line of slope 5, titled still."]
    for alt in alts:
        image = page.get_by_alt_text(alt)
        image.wait_for()
        assert image.evaluate("img => img.complete && img.naturalWidth > 100")
        assert image.bounding_box()["width"] > 100
    assert "widget" not in all_text(page).lower(), "no 'Error displaying widget'"
    assert page.locator(".course-explore").count() == 0, "nothing ran"


def test_keyboard_mouse_and_text_move_the_picture(page, address):
    lab.open_notebook(page, address, "small.ipynb")
    lab.run_all(page)
    assert lab.errors(page) == []
    wait_for_alt(page, "A solid line of slope 3, titled tea.")
    before = picture(page).get_attribute("src")
    slider = page.get_by_role("slider", name="slope")
    slider.focus()
    page.keyboard.press("ArrowRight")
    wait_for_alt(page, "A solid line of slope 4, titled tea.")
    assert picture(page).get_attribute("src") != before
    assert slider.evaluate("e => e === document.activeElement"), "arrow keys stay with the slider"
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    wait_for_alt(page, "A solid line of slope 7, titled tea.")
    page.get_by_role("combobox", name="style").select_option("dotted")
    wait_for_alt(page, "A dotted line of slope 7, titled tea.")
    word = page.get_by_role("textbox", name="word")
    word.fill("nonsense")
    page.get_by_role("alert").get_by_text("'nonsense' is not in the vocabulary.").wait_for()
    assert picture(page).get_attribute("alt") == "A dotted line of slope 7, titled tea.", "the last good picture stays"
    word.fill("")
    word.press_sequentially("dd milk")  # d d deletes a cell where the notebook hears the keys
    wait_for_alt(page, "A dotted line of slope 7, titled dd milk.")
    assert page.get_by_role("alert").count() == 0
    assert page.locator(".jp-CodeCell").count() == 2


def test_a_saved_notebook_still_shows_its_picture_without_a_kernel(page, address, folder):
    shutil.copy(folder / "small.ipynb", folder / "saved.ipynb")
    lab.open_notebook(page, address, "saved.ipynb")
    lab.run_all(page)
    page.keyboard.press("Control+s")
    lab.wait_until(lambda: builder.WIDGET in (folder / "saved.ipynb").read_text(), "the saved notebook")
    saved = nbformat.read(folder / "saved.ipynb", 4)
    assert builder.WIDGET in saved.cells[0].outputs[0]["data"]
    (folder / "given.ipynb").write_text((folder / "saved.ipynb").read_text().replace("titled tea", "titled tee"))
    lab.open_notebook(page, address, "given.ipynb")  # another's copy: not trusted, its kernel never started
    page.locator(".jp-Notebook img").first.wait_for()
    page.wait_for_timeout(1500)
    assert page.locator(".jp-Notebook img").first.evaluate("img => img.naturalWidth > 100")
    assert "rror displaying widget" not in all_text(page)


@pytest.mark.slow
def test_lesson_02_runs_and_its_slider_moves(page, address, folder):
    (path,) = folder.glob("02_*.ipynb")
    lab.open_notebook(page, address, path.name)
    lab.run_all(page)
    assert lab.errors(page) == []
    page.locator(".course-explore").first.scroll_into_view_if_needed()
    picture(page).wait_for()
    before = picture(page).get_attribute("src"), picture(page).get_attribute("alt")
    slider = page.locator(".course-explore").first.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("""before => { const img = document.querySelector('.course-explore img');
        return img.src !== before[0] && img.alt !== before[1]; }""", arg=before)
