"""The X-ray in JupyterLab, without a kernel, and in a page from a file: its numbers are the model's, and it answers."""
import functools
import json

import nbconvert
import nbformat
import pytest
import torch
from playwright.sync_api import expect, sync_playwright

from course_lib import decoding, gpt, viz
from course_lib.tokenizers import CharacterTokenizer

from . import lab

pytestmark = pytest.mark.browser

SMALL = '''# %%
# A GPT trained for a few steps on the names of 60 words, some of them hostile: each word is followed by the next one.
import functools
import json

import torch

from course_lib import decoding, gpt, viz

names = ["<script>hacked = 1</script>", "</script><img src=x onerror='hacked = 1'>", " dd", "<b>bold</b>", "שלום"]
names += [f"word{i}" for i in range(5, 60)]


class Words:
    def encode(self, text):
        for word in text.split():
            if not (word.isdigit() and int(word) < 60):
                raise ValueError(f"{word!r} is no word here.")
        return [int(word) for word in text.split()]

    def decode(self, ids):
        return "".join(names[i] for i in ids)


torch.manual_seed(0)
model = gpt.GPT(gpt.GPTConfig(60, 32, 32, 2, 2, dropout=0.0))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(30):
    loss = model.loss((torch.randint(60, (32, 1)) + torch.arange(16)) % 60)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
trace = functools.partial(gpt.trace, model)
viz.model_view(trace, Words(), "0 1 2 3 4 7", layer=1, head=1, position=3, title="<b>Toy</b>")

# %%
# What is to be seen.
found = trace(torch.tensor([0, 1, 2, 3, 4, 7]))
logits = found.logits[-1, 3:4]
order = decoding.probabilities(logits)[0].sort(descending=True, stable=True).indices
cuts = [(1, None, None), (0.5, None, None), (2, 4, None), (1, None, 0.3), (0.7, 7, 0.6), (0, None, None)]
print(json.dumps({
    "products": (found.query @ found.key.mT)[1, 1].tolist(), "weights": found.attention[1].tolist(),
    "mix": (found.attention @ found.value).norm(dim=-1)[1, 1].tolist(), "lengths": found.layers.norm(dim=-1).tolist(),
    "lens": found.logits.softmax(-1).max(-1).values.tolist(),
    "first": [names[i] for i in found.logits.argmax(-1)[:, 3]],
    "cuts": [[cut, decoding.probabilities(logits, *cut)[0, order].tolist()] for cut in cuts],
    "names": [names[i] for i in order[:10]],
    "later": trace(torch.tensor([5, 6, 7]))[7][1, 1].tolist()}))
'''


@pytest.fixture(scope="module")
def wanted(folder):
    return json.loads(nbformat.read(folder / "small.ipynb", 4).cells[1].outputs[0].text)


@pytest.fixture
def page(page):
    said = []
    page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
    yield page
    assert not said


def viewer(page):
    box = page.locator(".course-model")
    box.wait_for()
    return box


def near(text, number):
    """Whether a shown number is this one, to its second decimal."""
    return abs(float(text.replace("−", "-").replace("<.01", "0.004")) - number) < 0.0061


def rows(box, part):
    """The cells of a stage's table, as text, row by row."""
    lines = box.locator(f"[data-part='{part}'] table tbody tr")
    return [line.locator("th, td").all_inner_texts() for line in lines.all()]


def sheet_is(box, wanted, query, head=1):
    """The worksheet of layer 1: products (of head 1), what is hidden, weights, the length of the mix."""
    *keys, total = rows(box, "head")
    assert len(keys) == 6
    assert total[6] == "1.00"
    for k, (_, _, product, scaled, mask, power, weight, _) in enumerate(keys):
        assert near(weight, wanted["weights"][head][query][k])
        assert (mask, power, weight) == ("−∞", "0", "0") if k > query else mask == scaled
        if head == 1:
            assert near(product, wanted["products"][query][k])
            assert near(scaled, wanted["products"][query][k] / 4)
    mix = box.locator(".course-model-mix").inner_text()
    assert head != 1 or near(mix.split()[-1], wanted["mix"][query])


def slide(box, name, value):
    box.get_by_role("slider", name=name).evaluate("""(input, value) => {
        input.value = value;
        input.dispatchEvent(new Event("input", { bubbles: true })); }""", str(value))


def answers(page, box, wanted, whole):
    """Every control of the toy, against what the notebook printed; `whole`: both layers are there."""
    assert box.locator(".course-model-title").inner_text() == "<b>Toy</b>"
    tokens = box.get_by_role("group", name="tokens").get_by_role("button")
    hostile = ["<script>hacked = 1</script>", "</script><img src=x onerror='hacked = 1'>"]
    assert tokens.all_inner_texts() == [*hostile, "␣dd", "<b>bold</b>", "שלום", "word7"]
    state = box.get_by_role("status")
    assert "“\u2068<b>bold</b>\u2069” at place 3 asks. In layer 1, head 1 it looks most at “" in state.inner_text()
    sheet_is(box, wanted, 3)

    stream = rows(box, "stream")
    assert [line[0] for line in stream] == ["embedding", "after block 0", "after block 1"]
    for place, line in enumerate(stream):
        assert near(line[1], wanted["lengths"][place][3])
        name, chance = line[2].rsplit(" ", 1)
        assert near(chance, wanted["lens"][place][3])
        assert name == wanted["first"][place].replace(" ", "␣", 1) if "dd" in name else wanted["first"][place]
    assert near(rows(box, "embedding")[2][2], wanted["lengths"][0][3])

    for (temperature, top_k, top_p), chances in wanted["cuts"]:
        slide(box, "temperature", temperature)
        slide(box, "top-k", top_k or 51)
        slide(box, "top-p", top_p or 1)
        *bars, others = rows(box, "next")
        assert [line[0].replace("␣", " ") for line in bars] == wanted["names"]
        for (_, chance, _), number in zip(bars, chances):
            assert chance.startswith("cut, was ") if number == 0 else near(chance, number)
        assert near(others[1], sum(chances[10:]))
        left = sum(number > 0 for number in chances)
        assert box.get_by_text(f"{left} of 60 tokens can be drawn.").count() == 1
        hatched = box.locator("[data-part='next'] .course-model-cut").count()
        assert hatched == sum(number == 0 for number in chances[:10])
    temperature = box.get_by_role("slider", name="temperature")
    assert temperature.get_attribute("aria-valuetext") == "0 (greedy)"
    temperature.focus()
    page.keyboard.press("ArrowRight")
    assert temperature.get_attribute("aria-valuetext") == "0.05"

    tokens.nth(5).click()
    sheet_is(box, wanted, 5)
    page.keyboard.press("ArrowLeft")
    sheet_is(box, wanted, 4)
    page.keyboard.press("Home")
    sheet_is(box, wanted, 0)
    assert [button.get_attribute("tabindex") for button in tokens.all()] == ["0", *["-1"] * 5]
    page.keyboard.type("dd")  # deletes a cell where the notebook hears the keys
    box.get_by_role("button", name="head 1").focus()
    page.keyboard.press("ArrowLeft")
    tokens.nth(3).click()
    sheet_is(box, wanted, 3, head=0)
    box.get_by_role("button", name="head 1").click()

    heatmap = box.get_by_role("img", name="Heatmap of layer 1, head 1")
    heatmap.focus()
    page.keyboard.press("ArrowDown")
    sheet_is(box, wanted, 4)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert "looks at “\u2068␣dd\u2069” with " in state.inner_text()
    assert near(state.inner_text().split(" with ")[1].split()[0], wanted["weights"][1][4][2])
    size = heatmap.bounding_box()
    heatmap.click(position={"x": size["width"] - 5, "y": size["height"] - 5})
    sheet_is(box, wanted, 5)
    layers = box.get_by_role("combobox", name="layer")
    assert layers.locator("option").all_inner_texts() == (["0", "1"] if whole else ["1"])
    carried = box.get_by_text("This copy carries layer 1 (of 2), heads 0, 1 (of 2): run the cell for the rest.")
    assert carried.count() == (not whole)
    field = box.get_by_role("textbox", name="text")
    assert field.is_enabled() == whole
    assert field.input_value() == "0 1 2 3 4 7"
    for name, part in (("embedding", 3), ("head", 12), ("head", 3)):
        assert box.locator(f"[data-part='{name}'] [role='img'][aria-label]").count() >= part


def test_an_untrusted_clone_shows_the_still_picture(page, address):
    lab.open_notebook(page, address, "small.ipynb")
    image = page.get_by_alt_text("The X-ray of 6 tokens")
    image.wait_for()
    assert image.evaluate("img => img.complete && img.naturalWidth === 800")
    assert page.locator(".jp-Notebook").get_by_text("A still picture. Run this cell").count()
    assert page.locator(".course-model").count() == 0, "nothing ran"


def test_a_trusted_clone_is_live_without_a_kernel(page, address, wanted):
    lab.open_notebook(page, address, "trusted.ipynb")
    box = viewer(page)
    answers(page, box, wanted, False)
    assert page.locator(".jp-Notebook img").count() == 0, "the viewer took the place of the picture"
    assert page.locator(".jp-CodeCell").count() == 2
    assert box.get_by_text("Run this cell to type a text of your own.").count()


def test_a_cell_that_runs_is_live_and_takes_texts(page, address):
    lab.open_notebook(page, address, "small.ipynb")
    lab.run_all(page)
    assert lab.errors(page) == []
    printed = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output pre").inner_text()
    wanted = json.loads(printed)  # of the model that this kernel trained
    box = viewer(page)
    answers(page, box, wanted, True)

    field, problem = box.get_by_role("textbox", name="text"), box.get_by_role("alert")
    tokens = box.get_by_role("group", name="tokens").get_by_role("button")
    field.fill("5 6 seven")
    field.press("Enter")
    expect(problem).to_have_text("'seven' is no word here.")
    assert tokens.count() == 6, "the last good picture stays"
    field.fill("5 6 7")  # and no Enter: a pause is enough
    expect(tokens).to_have_count(3)
    expect(problem).to_have_text("")
    assert tokens.all_inner_texts() == ["word5", "word6", "word7"]
    assert tokens.nth(2).get_attribute("aria-pressed") == "true", "the last token was chosen, and is again"
    weights = [line[6] for line in rows(box, "head")[:-1]]
    assert all(near(shown, number) for shown, number in zip(weights, wanted["later"][2], strict=True))
    for text, said in ((" ", "The text has no tokens"), ("1 " * 65, "has 65 tokens, and the X-ray shows at most 64"),
                       ("1 " * 33, "The sequence has 33 positions and the model knows 32")):
        field.fill(text)
        field.press("Enter")
        expect(problem).to_contain_text(said)
    field.fill("1 " * 32)
    field.press("Enter")
    expect(tokens).to_have_count(32)
    assert page.locator(".jp-CodeCell").count() == 2, "no typed letter reached the notebook"

    box.evaluate("box => (document.body.dataset.jpThemeLight = 'false', box.style.color = '#ddd')")
    box.get_by_role("button", name="head 0").click()
    expect(box).to_have_class("course-model course-model-dark")
    place = box.evaluate_handle("box => box.parentNode")  # JupyterLab keeps it when the cell runs again
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("place => !place.isConnected && !place.childNodes.length", arg=place)
    expect(viewer(page).get_by_role("group", name="tokens").get_by_role("button")).to_have_count(6)


def test_a_page_from_a_file_is_live_without_a_network(chromium, folder, wanted):
    text, _ = nbconvert.HTMLExporter().from_filename(str(folder / "small.ipynb"))
    (folder / "small.html").write_text(text, "utf-8")
    said = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=lab.CHROMIUM)
        page = browser.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.route("http*://**", lambda route: (said.append(route.request.url), route.abort()))
        page.goto((folder / "small.html").as_uri(), wait_until="domcontentloaded")
        answers(page, viewer(page), wanted, False)
        assert page.locator("img").count() == 0
        assert page.evaluate("window.hacked") is None
        browser.close()
    assert all("cdnjs.cloudflare.com" in line for line in said), "nbconvert's own requests and no other"


def test_where_not_all_logits_travel_the_viewer_says_so(chromium):
    """A page with 50 of 900 logits for most tokens: as they are at temperature 1, and else as under top-k = 50."""
    torch.manual_seed(0)
    model = gpt.GPT(gpt.GPTConfig(900, 16, 16, 1, 1))
    with torch.no_grad():
        model.tokens.weight.mul_(40)
    view = viz.model_view(functools.partial(gpt.trace, model), CharacterTokenizer("abcdefgh"), "badge", position=1)
    bundle = view._repr_mimebundle_()
    text = (bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"]
    view.close()
    logits = gpt.trace(model, torch.tensor([1, 0, 3, 6, 4])).logits[-1]
    said = []
    with lab.browser_page(chromium, said) as page:
        page.set_content(text)
        box = viewer(page)
        for place, cut, left, words in (
            (1, (1.0, None, None), 900, ""), (1, (2.0, None, 0.9), None, ""),
            (2, (1.0, None, None), 900, "with top-k."),
            (2, (0.5, None, None), 50, "so top-k counts as 50 here."), (2, (1.5, 20, 0.9), None, "with top-k."),
            (2, (1.0, None, 0.95), None, "so top-k counts as 50 here."), (2, (0, None, None), 1, "with top-k."),
        ):
            box.get_by_role("group", name="tokens").get_by_role("button").nth(place).click()
            for name, value, off in zip(("temperature", "top-k", "top-p"), cut, (1, 51, 1)):
                slide(box, name, off if value is None else value)
            top_k = 50 if place == 2 and cut[0] and cut != (1.0, None, None) else None
            chances = decoding.probabilities(logits[place:place + 1], cut[0], cut[1] or top_k, cut[2])
            chances = chances[0].sort(descending=True).values
            *bars, others = rows(box, "next")
            for (_, chance, _), number in zip(bars, chances.tolist(), strict=False):
                assert chance.startswith("cut, was ") if number == 0 else near(chance, number)
            assert near(others[1], chances[10:].sum().item())
            note = box.locator("[data-part='next'] .course-model-note").inner_text()
            assert note.startswith(f"{left or int((chances > 0).sum())} of 900 tokens can be drawn.")
            assert note.endswith(words)
    assert not said


def test_a_click_on_a_query_in_attention_view_opens_its_worksheet(chromium):
    torch.manual_seed(0)
    trace = functools.partial(gpt.trace, gpt.GPT(gpt.GPTConfig(8, 16, 16, 2, 2)))
    letters = CharacterTokenizer("abcdefgh")
    found = trace(torch.tensor(letters.encode("badge")))
    views = [viz.attention_view(found.attention, list("badge"), layer=1, head=1),
             viz.attention_view(found.attention, list("badgf"), layer=1, head=1),
             viz.model_view(trace, letters, "badge", layer=1)]
    bundles = [view._repr_mimebundle_() for view in views]
    texts = [(bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"] for bundle in bundles]
    for view in views:
        view.close()
    said = []
    with lab.browser_page(chromium, said) as page:
        page.set_content("".join(texts))
        box, (same, other) = viewer(page), page.locator(".course-attention").all()
        other.get_by_role("button", name="query “d”").click()
        assert "at place 4 asks. In layer 1, head 0" in box.get_by_role("status").inner_text(), "other tokens"
        same.get_by_role("button", name="query “d”").click()
        assert "“\u2068d\u2069” at place 2 asks. In layer 1, head 1" in box.get_by_role("status").inner_text()
        for line, number in zip(rows(box, "head"), found.attention[1, 1, 2].tolist(), strict=False):
            assert near(line[6], number)
    assert not said
