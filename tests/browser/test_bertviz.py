"""bertviz in real JupyterLab, offline: it draws, selector and mouse are answered, and only our picture is saved."""
import html
import pathlib
import re

import build_lessons as builder
import nbconvert
import nbformat
import pytest
from playwright.sync_api import expect

from course_lib import data

from . import lab

pytestmark = pytest.mark.browser

TOKENS = ["</script>", "<img src=x onerror='parent.hacked = 1'>", "שלום", "🙂", "cat"]
SMALL = f'''# %%
# Two layers of three heads over five awkward tokens, in the head view.
import numpy as np
from course_lib import viz

tokens = {TOKENS!r}
scores = np.random.default_rng(1).normal(size=(2, 3, 5, 5)) * 2
weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
weights[1] = np.eye(5)
viz.bertviz_view(weights, tokens)

# %%
# The same in the model view.
viz.bertviz_view(weights, tokens, view="model")
'''
CUT = ["</script>", "<img src=x on…", *TOKENS[2:]]  # as bertviz has room for them
FRAMES = "iframe.course-bertviz-frame"


def alts(folder):
    cells = nbformat.read(folder / "small.ipynb", 4).cells
    shown = [re.search(r'alt="([^"]*)"', cell.outputs[0]["data"]["text/html"])[1] for cell in cells]
    return [html.unescape(alt) for alt in shown]


def assert_still_pictures(page, folder):
    words = alts(folder)
    assert len(words) == 2
    for alt in words:
        image = page.get_by_alt_text(alt, exact=True)
        image.wait_for()
        assert image.evaluate("img => img.complete && img.naturalWidth > 300")
        assert image.bounding_box()["width"] > 300
    assert page.locator(FRAMES).count() == 0


def foreign():
    """A piece out of the middle of each script by others, as a JSON string in a notebook would hold it."""
    for name in ("d3", "jquery", "bertviz_head", "bertviz_model"):
        text = data.path(name).read_text("utf-8")
        lines = re.findall(r"[\w .,=()]{40,80}", text)
        yield from lines[:3] + lines[len(lines) // 2:][:3]


def test_what_is_committed_holds_our_picture_and_no_script(folder):
    text = (folder / "small.ipynb").read_text("utf-8")
    assert text.count("data:image/png;base64") == 2
    assert not [piece for piece in foreign() if piece in text]
    assert "<script" not in text.replace("</script>", "").lower()


def test_an_untrusted_notebook_shows_the_still_pictures(page, address, folder):
    lab.open_notebook(page, address, "small.ipynb")
    assert_still_pictures(page, folder)
    assert "widget" not in page.locator(".jp-Notebook").inner_text().lower().replace("viz", "")


def test_a_page_of_nbconvert_opened_from_a_file_shows_them_too(chromium, folder, tmp_path):
    exported, _ = nbconvert.HTMLExporter().from_filename(str(folder / "small.ipynb"))
    (tmp_path / "small.html").write_text(exported, encoding="utf-8")
    said = []
    with lab.browser_page(chromium, said) as page:
        page.context.set_offline(True)
        page.route(re.compile("^https?:"), lambda route: route.abort())
        page.goto(pathlib.Path(tmp_path, "small.html").as_uri())
        assert_still_pictures(page, folder)
    ours = [line for line in said if "/mathjax/" not in line and "/require.js/" not in line]  # nbconvert's own
    assert not ours


def check_head_view(page):
    view = page.frame_locator(FRAMES).first
    assert view.locator("text").all_text_contents() == CUT * 2
    assert page.evaluate("() => window.hacked") is None
    assert view.locator("img").count() == 0, "a token is text, never a tag"
    lines = view.locator("#attention line")
    assert lines.count() == 3 * 5 * 5
    opacity = "lines => lines.map(line => +line.getAttribute('stroke-opacity'))"
    assert sum(lines.evaluate_all(opacity)) == pytest.approx(5, abs=1e-3), "five rows of sum one, a third for each head"
    view.get_by_label("Layer").select_option("1")
    assert {round(value, 4) for value in lines.evaluate_all(opacity)} == {0, 0.3333}
    view.locator("#left text").nth(2).hover()
    seen = view.locator("#attention line[visibility='visible']")
    assert seen.evaluate_all("lines => lines.map(l => l.getAttribute('left-token-index'))") == ["2"] * 15
    boxes = view.locator("#right .attentionBoxes rect")
    strong = boxes.evaluate_all("boxes => boxes.map(box => +box.style.opacity)")
    assert strong == [0, 0, 1, 0, 0] * 3, "in layer 1 every token attends to itself"
    view.locator("#vis svg > g > rect").first.click()
    first_head = view.locator("#attention .headAttention").first
    expect(first_head.locator("line").first).to_have_attribute("stroke-opacity", "0")
    frame, drawn = page.locator(FRAMES).first.bounding_box(), view.locator("#vis svg").bounding_box()
    assert drawn["y"] + drawn["height"] <= frame["y"] + frame["height"], "nothing is cut off"


def check_model_view(page):
    frame, view = page.locator(FRAMES).nth(1), page.frame_locator(FRAMES).nth(1)
    assert view.locator(".attn_background").count() == 2 * 3
    assert view.locator("#layers").is_hidden()
    frame.scroll_into_view_if_needed()

    def opened():  # the page may still move under the mouse
        square = view.locator("#attn_background_1_2").bounding_box()
        page.mouse.click(square["x"] + square["width"] / 2, square["y"] + square["height"] / 2)
        page.wait_for_timeout(1000)
        return view.get_by_text("Layer 1, Head 2").is_visible()

    lab.wait_until(opened, "the head's own view")
    assert view.locator(".detail .token").all_text_contents() == CUT * 2
    drawn = view.locator("#vis svg").bounding_box()
    assert 500 < drawn["width"] <= frame.bounding_box()["width"], "it fits the room that it has"


def test_both_views_draw_and_answer_and_neither_is_saved(page, address, folder):
    lab.open_notebook(page, address, "small.ipynb")
    lab.run_all(page)
    assert lab.errors(page) == []
    for number in (0, 1):
        page.frame_locator(FRAMES).nth(number).locator("#vis svg").wait_for()
        expect(page.locator(".course-bertviz-picture").nth(number)).to_be_hidden()
        assert page.locator(FRAMES).nth(number).get_attribute("title").endswith(alts(folder)[number])
    check_head_view(page)
    check_model_view(page)
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.locator('.lm-Menu-item[data-command="docmanager:save-as"]').click()
    name = page.get_by_role("dialog").get_by_role("textbox")
    name.fill("saved.ipynb")
    name.press("Enter")
    lab.wait_until((folder / "saved.ipynb").exists, "the saved notebook")
    text = (folder / "saved.ipynb").read_text("utf-8")
    assert builder.WIDGET in text
    assert "course-bertviz" in text, "our part of the widgets is saved"
    assert not [piece for piece in foreign() if piece in text]
    assert "left_text" not in text
    lab.open_notebook(page, address, "saved.ipynb")  # our own, so trusted: the widgets come back, their kernel does not
    for number in (0, 1):
        picture = page.locator(".course-bertviz-picture").nth(number)
        expect(picture).to_be_visible()
        assert picture.get_attribute("alt") == alts(folder)[number]
