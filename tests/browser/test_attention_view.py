"""The attention viewer in JupyterLab, without a kernel, and in a page from a file: it draws, and answers truly."""
import nbconvert
import pytest
from playwright.sync_api import sync_playwright

from . import lab

pytestmark = pytest.mark.browser

SMALL = '''# %%
# Two layers of three heads over four tokens, two of them hostile.
import numpy as np
from course_lib import viz

weights = np.zeros((2, 3, 4, 4))
weights[0, :, :, 0] = 1
weights[1, 0] = [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.2, 0.3, 0.5, 0], [0, 0, 0, 0]]
weights[1, 1] = np.eye(4)
weights[1, 2] = 0.25
tokens = ["the", "<script>hacked = 1</script>", "</script><img src=x onerror='hacked = 1'>", " dd"]
viz.attention_view(weights, tokens, layer=1, head=0, title="<b>Toy</b>")

# %%
# Twelve layers of twelve heads over 64 tokens.
large = np.exp(2.5 * np.random.default_rng(0).normal(size=(12, 12, 64, 64)))
viz.attention_view(large / large.sum(-1, keepdims=True), [f"word{i}" for i in range(64)], head=range(12))

# %%
# Cross attention from one token to 512.
viz.attention_view(np.full((1, 512), 1 / 512), ["one"], key_tokens=["שלום", *(f"key{i}" for i in range(1, 512))])
'''
ALT = "“the” 0.20"


def viewer(page, number=0):
    box = page.locator(".course-attention").nth(number)
    box.wait_for()
    return box


def numbers(box, side):
    """What stands beside the tokens of a column: 0 for queries, 1 for keys."""
    return box.locator(f"[data-side='{side}'] .course-attention-values").all_inner_texts()


def drawn(box):
    """How strong the strongest point on the viewer's canvas is: 0 for nothing, 255 for a weight of one."""
    return box.locator("canvas").first.evaluate("""c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data
        .reduce((most, x, i) => i % 4 === 3 ? Math.max(most, x) : most, 0)""")


def answers(page, box):
    """Hover, keyboard and every control of the toy, with the numbers that the notebook's first cell put in."""
    assert drawn(box)
    assert box.locator(".course-attention-title").inner_text() == "<b>Toy</b>"
    names = box.locator("[data-side='0'] .course-attention-token").all_inner_texts()
    assert names == ["the", "<script>hacked = 1</script>", "</script><img src=x onerror='hacked = 1'>", "␣dd"]
    state = box.get_by_role("status")
    third = box.get_by_role("button", name="query “</script><img")
    third.hover()
    assert numbers(box, 1) == ["0.20", "0.30", "0.50", "0"]
    assert "0.50, “<script>hacked = 1</script>” 0.30, “the” 0.20." in state.inner_text()
    box.get_by_role("button", name="heatmap").hover()
    assert numbers(box, 1) == [""] * 4, "the pointer has left"

    third.focus()
    assert numbers(box, 1) == ["0.20", "0.30", "0.50", "0"]
    page.keyboard.press("ArrowDown")
    assert numbers(box, 1) == ["0"] * 4
    assert state.inner_text() == "Query “␣dd” attends to nothing: all its weights are 0."
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert numbers(box, 0) == ["1.00", "0.50", "0.20", "0"], "a key's column"
    assert "Key “the” gets from “the” 1.00" in state.inner_text()
    page.keyboard.type("dd")  # deletes a cell where the notebook hears the keys

    box.get_by_role("button", name="head 2").click()
    third.focus()
    assert numbers(box, 1) == ["0.20\n0.25", "0.30\n0.25", "0.50\n0.25", "0\n0.25"]
    box.get_by_role("button", name="head 0").click()
    third.focus()
    assert numbers(box, 1) == ["0.25"] * 4
    assert 60 < drawn(box) < 250, "the weight is the opacity"
    box.get_by_role("checkbox", name="stretch faint weights").check()
    third.focus()
    assert drawn(box) == 255
    box.get_by_role("button", name="all").click()
    assert box.get_by_role("button", pressed=True).all_inner_texts() == ["0", "1", "2", "lines"]
    box.get_by_role("button", name="none").click()
    assert state.inner_text() == "No head is on."
    assert drawn(box) == 0
    box.get_by_role("button", name="head 1").click()
    box.get_by_role("button", name="head 2").dblclick()
    assert box.get_by_role("button", pressed=True).all_inner_texts() == ["2", "lines"]
    box.get_by_role("button", name="heatmap").click()
    assert drawn(box)
    assert box.locator(".course-attention-scale").inner_text().split() == ["weight", "0", "0.25"]
    box.get_by_role("img").focus()
    page.keyboard.press("ArrowDown")
    assert state.inner_text() == "Head 2, query “<script>hacked = 1</script>” to key “the” 0.250."
    box.get_by_role("button", name="table").click()
    assert box.get_by_role("checkbox").count() == 0, "nothing to stretch in a table of numbers"
    rows = box.get_by_role("table").get_by_role("row").all_inner_texts()
    assert rows[1].split("\t") == ["the", *["0.250"] * 4]
    box.get_by_role("combobox", name="layer").select_option("0")
    rows = box.get_by_role("table").get_by_role("row").all_inner_texts()
    assert rows[4].split("\t") == ["␣dd", "1.000", "0", "0", "0"]
    assert box.get_by_role("table").get_by_text("Weights, layer 0, head 2.").count()
    box.get_by_role("button", name="lines").click()
    assert drawn(box)


def test_an_untrusted_clone_shows_the_still_pictures(page, address):
    lab.open_notebook(page, address, "small.ipynb")
    image = page.get_by_alt_text(ALT)
    image.wait_for()
    for image in page.locator(".jp-Notebook img").all():
        assert image.evaluate("img => img.complete && img.naturalWidth > 400")
        assert image.get_attribute("alt").startswith("Attention from ")
    assert page.locator(".jp-Notebook img").count() == 3
    assert page.locator(".jp-Notebook").get_by_text("A still picture of layer 1 (of 2), head 0 (of 3)").count()
    assert page.locator(".course-attention").count() == 0, "nothing ran"


def test_a_trusted_clone_is_live_without_a_kernel(page, address):
    lab.open_notebook(page, address, "trusted.ipynb")
    answers(page, viewer(page))
    assert page.locator(".jp-Notebook img").count() == 0, "the viewers took the places of all pictures"
    assert page.locator(".jp-CodeCell").count() == 3


def test_cells_that_run_are_live(page, address):
    lab.open_notebook(page, address, "small.ipynb")
    lab.run_all(page)
    assert lab.errors(page) == []
    answers(page, viewer(page))
    assert page.locator(".jp-CodeCell").count() == 3, "no typed letter reached the notebook"

    large = viewer(page, 1)
    large.scroll_into_view_if_needed()
    strokes = large.get_by_role("combobox", name="layer").evaluate("""select => {
        const pen = CanvasRenderingContext2D.prototype, stroke = pen.stroke, strokes = [];
        pen.stroke = function (...more) { strokes[strokes.length - 1]++; return stroke.apply(this, more); };
        for (let layer = 1; layer < 12; layer++) {
            strokes.push(0);
            select.value = layer;
            select.dispatchEvent(new Event("change"));
        }
        pen.stroke = stroke;
        return strokes; }""")
    assert all(1000 < number <= 3000 for number in strokes), "12 x 64 x 64 lines would take long"
    large.get_by_role("button", name="query “word7”").hover()
    assert "(mean of 12 heads)" in large.get_by_role("status").inner_text()

    wide = viewer(page, 2)
    wide.get_by_role("button", name="table").click()
    assert wide.get_by_role("table").get_by_role("row").count() == 513
    wide.get_by_role("button", name="lines").click()
    wide.get_by_role("button", name="query “one”").focus()
    assert numbers(wide, 1) == ["<.01"] * 512
    assert "“\u2068שלום\u2069” <.01, “key1” <.01" in wide.get_by_role("status").inner_text(), "the number stays behind"

    place = viewer(page).evaluate_handle("box => box.parentNode")  # JupyterLab keeps it when the cell runs again
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("place => !place.isConnected && !place.childNodes.length", arg=place)
    page.wait_for_function("document.querySelectorAll('.course-attention').length === 3")
    assert drawn(viewer(page))


def test_a_page_from_a_file_is_live_without_a_network(chromium, folder):
    text, _ = nbconvert.HTMLExporter().from_filename(str(folder / "small.ipynb"))
    (folder / "small.html").write_text(text, "utf-8")
    said = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=lab.CHROMIUM)
        page = browser.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.route("http*://**", lambda route: (said.append(route.request.url), route.abort()))
        page.goto((folder / "small.html").as_uri(), wait_until="domcontentloaded")
        answers(page, viewer(page))
        assert page.locator("img").count() == 0
        assert page.evaluate("window.hacked") is None
        browser.close()
    assert all("cdnjs.cloudflare.com" in line for line in said), "nbconvert's own requests and no other"
