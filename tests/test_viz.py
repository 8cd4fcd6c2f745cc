"""Pictures: every one has its words; controls answer, and whatever goes wrong in a callback is one sentence."""
import base64
import importlib.resources
import io
from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbconvert import HTMLExporter
from traitlets.config.loader import JSONFileConfigLoader

from course_lib import viz

ROOT = Path(__file__).resolve().parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"


def line(slope=1, kind="solid", word=""):
    if word == "missing":
        raise KeyError("'missing' is not in the vocabulary.")
    if kind == "broken":
        plt.subplots()
        raise ValueError("No such line.\nReally.")
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([0, 1], [0, slope], linestyle=kind)
    return figure, f"A {kind} line of slope {slope}."


def controls():
    return {"slope": viz.Slider(1, 5, value=2), "kind": viz.Choice(["solid", "dotted", "broken"]), "word": viz.Text("")}


@pytest.fixture
def explorer():
    made = viz.explore(line, **controls())
    yield made
    made.close()
    assert not plt.get_fignums(), "every figure is closed"


def move(explorer, number=1, **sent):
    values = {"slope": "2", "kind": "0", "word": ""} | sent
    explorer.wanted = {"number": number, "values": values}
    return explorer.picture


def pixels(source):
    head, data = source.split(",")
    assert head == "data:image/png;base64"
    return plt.imread(io.BytesIO(base64.b64decode(data)))


def mimebundle(explorer):
    bundle = explorer._repr_mimebundle_()
    return bundle[0] if isinstance(bundle, tuple) else bundle


def test_show_displays_a_picture_with_its_words():
    InteractiveShell.instance()
    figure, _ = line(3)
    with capture_output() as captured:
        viz.show(figure, 'A "steep" line,\n <b>slope</b> 3.')
    (shown,) = captured.outputs
    assert shown.data["text/plain"] == 'A "steep" line, <b>slope</b> 3.'
    assert 'alt="A &quot;steep&quot; line, &lt;b&gt;slope&lt;/b&gt; 3."' in shown.data["text/html"]
    assert set(shown.data) == {"text/plain", "text/html"}
    assert not plt.get_fignums()


@pytest.mark.parametrize("alt", ["", "  \n", None, 3])
def test_a_picture_without_words_is_refused(alt):
    with pytest.raises(ValueError, match="say in a sentence what there is to see"):
        viz.show(line()[0], alt)
    assert not plt.get_fignums()


def test_what_is_not_a_figure_is_refused():
    figure, axes = plt.subplots()
    with pytest.raises(ValueError, match="got a Axes"):
        viz.show(axes, "Axes.")
    plt.close(figure)


def test_one_figure_gives_one_text():
    assert viz.png(line(2)[0]) == viz.png(line(2)[0])
    assert viz.png(line(2)[0]) != viz.png(line(3)[0])


def test_a_fresh_notebook_shows_the_first_picture(explorer):
    bundle = mimebundle(explorer)
    words = "explore(slope=2, kind='solid', word=''): A solid line of slope 2."
    assert bundle["text/plain"] == repr(explorer) == words
    assert bundle["text/html"].startswith('<img src="data:image/png;base64,')
    assert 'alt="A solid line of slope 2."' in bundle["text/html"]
    assert bundle[WIDGET]["model_id"] == explorer.model_id


def test_moving_a_control_swaps_the_picture_and_its_words(explorer):
    before = pixels(explorer.picture["source"])
    after = move(explorer, slope="4", kind="1")
    assert (after["alt"], after["problem"], after["number"]) == ("A dotted line of slope 4.", "", 1)
    after = pixels(after["source"])
    assert before.shape != after.shape or not np.array_equal(before, after)
    assert repr(explorer) == "explore(slope=2, kind='solid', word=''): A solid line of slope 2.", "the repr is fixed"


@pytest.mark.parametrize(("sent", "words"), [
    ({"kind": "2"}, "No such line. Really."),
    ({"word": "missing"}, "'missing' is not in the vocabulary."),
])
def test_an_exception_is_one_sentence_and_the_last_picture_stays(explorer, sent, words):
    good = dict(move(explorer, 1, slope="3"))
    bad = move(explorer, 2, **sent)
    assert bad == good | {"problem": words, "number": 2}
    assert move(explorer, 3)["problem"] == ""


@pytest.mark.parametrize("sent", [{"slope": "nan"}, {"slope": "many"}, {"kind": "9"}, {"kind": "x"}, {"slope": None},
                                  {"slope": "inf"}])
def test_a_value_that_no_control_sends_is_a_sentence(explorer, sent):
    shown = move(explorer, **sent)
    assert shown["problem"] in ("The controls sent a value that is out of range.", "")
    assert shown["number"] == 1
    assert shown["problem"] or shown["alt"].endswith("slope 5."), "infinity is cut to the end of the slider"


def test_a_message_without_values_is_a_sentence(explorer):
    explorer.wanted = {"number": 7}
    assert explorer.picture["problem"] == "The controls sent a value that is out of range."


def test_a_first_picture_that_fails_does_not_raise():
    made = viz.explore(line, kind=viz.Choice(["broken", "solid"]))
    assert repr(made) == "explore(kind='broken'): could not draw: No such line. Really."
    assert mimebundle(made)["text/html"] == "<p>No such line. Really.</p>"
    move(made, kind="1")
    assert made.picture["alt"] == "A solid line of slope 1."
    made.close()


@pytest.mark.parametrize("returned", [None, 3, ("a", "b"), (1, 2, 3)])
def test_a_callback_that_returns_something_else_is_a_sentence(returned):
    made = viz.explore(lambda word: returned, word=viz.Text("x"))
    assert made.picture["problem"]
    made.close()


@pytest.mark.parametrize(("slider", "sent", "value"), [
    (viz.Slider(1, 5), "3", 3), (viz.Slider(1, 5), "99", 5), (viz.Slider(1, 5), "-1", 1),
    (viz.Slider(1, 9, 2), "4.2", 5), (viz.Slider(0, 1, 0.05), "0.75", 0.75), (viz.Slider(0, 1, 0.3), "1", 0.9),
    (viz.Slider(-1, 1, 0.1), "0.30000001", 0.3),
])
def test_sliders_answer_in_steps(slider, sent, value):
    read = slider.read(sent)
    assert read == value
    assert isinstance(read, type(value))


@pytest.mark.parametrize(("make", "words"), [
    (lambda: viz.Slider(5, 1), "low=5, high=1"),
    (lambda: viz.Slider(1, 5, 0), "step=0"),
    (lambda: viz.Slider(1, 5, value=6), "cannot start at 6"),
    (lambda: viz.Choice([]), "needs options"),
    (lambda: viz.Choice(["a"], "b"), "'b' of"),
    (lambda: viz.Choice({"small": 1, "large": 2}), "The options are a dict: give a list of them"),
    (lambda: viz.explore(line), "at least one control"),
    (lambda: viz.explore(line, slope=3), "'slope' is a int: use viz.Slider"),
])
def test_an_authors_slip_is_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_labels_and_choices_reach_the_browser_as_text(explorer):
    slope, kind, word = explorer.controls
    assert (slope["label"], slope["low"], slope["high"], slope["value"]) == ("slope", 1, 5, 2)
    assert (kind["options"], kind["value"]) == (["solid", "dotted", "broken"], 0)
    made = viz.explore(lambda n_top: line(n_top), n_top=viz.Choice([1, 2], 2), )
    assert made.controls == [{"name": "n_top", "label": "n top", "kind": "choice", "options": ["1", "2"], "value": 1}]
    move(made, n_top="0")
    assert made.picture["alt"] == "A solid line of slope 1."
    made.close()


def test_the_script_and_the_style_ship_with_the_package_and_need_no_network():
    for name in ("explore.js", "explore.css"):
        text = (viz.STATIC / name).read_text()
        assert "http" not in text
        assert "import " not in text
    assert importlib.resources.files("course_lib.viz").joinpath("static/explore.js").is_file()


def test_pages_made_of_a_notebook_saved_with_its_widgets_show_their_pictures(explorer):
    """Without a network nothing else can be shown: the widgets' own page asks for scripts from elsewhere."""
    widgets = [explorer, viz.attention_view(np.eye(2), ["a", "b"])]
    saved = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[
        nbformat.v4.new_output("display_data", widget._repr_mimebundle_()[0]) for widget in widgets])])  # fmt: skip
    state = ipywidgets.Widget.get_manager_state(widgets=widgets)
    saved.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    settings = JSONFileConfigLoader("jupyter_config.json", str(ROOT / ".jupyter")).load_config()
    page, _ = HTMLExporter(config=settings).from_notebook_node(saved)
    assert page.count("<img ") == 2
    assert f'<script type="{WIDGET}"' not in page
