"""The attention viewer: true words and a still picture, weights that travel whole, and sentences for what is none."""
import base64
import io
import json
import re
import subprocess
import sys
import warnings

import jupytext
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import viz
from course_lib.viz import attention as module
from course_lib.viz.attention import describe, encode, shown

WIDGET = "application/vnd.jupyter.widget-view+json"
HOSTILE = ["<script>alert(1)</script>", "</script>", "<!--", '"quo\'te"', "שלום", "👩‍👩‍👧",
           " ", "\n", "a\u202eb", "\ud800", "国王"]


@pytest.fixture
def make():
    made = []

    def view(*args, **kwargs):
        made.append(viz.attention_view(*args, **kwargs))
        return made[-1]
    yield view
    for one in made:
        one.close()


def softmax(*shape, sharp=2.0, seed=0):
    weights = np.exp(sharp * np.random.default_rng(seed).normal(size=shape))
    return weights / weights.sum(-1, keepdims=True)


def page(view):
    bundle = view._repr_mimebundle_()
    return (bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"]


def state(view):
    """What the script of the text/html carries: its view, and its weights as an array."""
    (text,) = re.findall(r"^const STATE = (.*);$", page(view), re.M)
    found = json.loads(text)
    view, data = found["view"], base64.b64decode(found["weights"]["base64"])
    shape = [len(view[part]) for part in ("layers", "heads", "queries", "keys")]
    kind = "<u2" if len(data) == 2 * np.prod(shape) else "u1"
    return view, np.frombuffer(data, kind).reshape(shape) / np.iinfo(kind).max


def still(view):
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page(view))
    return plt.imread(io.BytesIO(base64.b64decode(data)))


# --- words ---------------------------------------------------------------------------------------------------------

def test_a_view_says_what_it_shows(make):
    view = make([[1.0, 0.0], [0.25, 0.75]], ["a", "b"])
    words = "Attention from 2 queries to 2 keys. Strongest links: “b” to “b” 0.75, “b” to “a” 0.25."
    assert repr(view) == "attention_view: " + words
    bundle = view._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == repr(view)
    assert f'alt="{words}"' in data["text/html"]
    assert data[WIDGET]["model_id"] == view.model_id


@pytest.mark.parametrize(("heads", "layers", "layer", "head", "words"), [
    (1, 1, 0, None, "to 2 keys. "), (3, 1, 0, None, "all 3 heads."), (3, 1, 0, 1, "head 1 (of 3)."),
    (3, 2, 1, [2, 0], "layer 1 (of 2), heads 0 and 2 (of 3)."), (3, 2, -1, -1, "layer 1 (of 2), head 2 (of 3)."),
    (4, 2, 0, range(3), "layer 0 (of 2), heads 0, 1 and 2 (of 4)."), (1, 2, 0, 0, "to 2 keys, layer 0 (of 2). "),
])
def test_the_words_name_layers_and_heads(make, heads, layers, layer, head, words):
    view = make(softmax(layers, heads, 2, 2), ["a", "b"], layer=layer, head=head)
    assert words in repr(view)


def test_the_strongest_links_come_first_and_twins_get_their_place():
    weights = np.zeros((1, 2, 3, 3))
    weights[0, 0] = [[0.1, 0.2, 0.7], [0.9, 0.1, 0], [0, 0, 0]]
    weights[0, 1] = np.eye(3)
    words = describe(weights, ["the", "cat", "the"], ["the", "cat", "the"], 0, [0])
    assert "“cat” to “the” (0) 0.90, “the” (0) to “the” (2) 0.70, “the” (0) to “cat” 0.20" in words
    assert words.endswith("1 row attends to nothing.")
    both = describe(weights, ["the", "cat", "the"], ["x", "y", "z"], 0, [0, 1])
    assert "“cat” to “x” 0.90 (head 0)" in both
    assert "1.00 (head 1)" not in both, "a query that sees one key has no choice"
    assert "“the” (0) to “x” 1.00" in describe(weights, ["the", "cat", "the"], ["x", "y", "z"], 0, [1])
    nothing = np.zeros((1, 1, 2, 2))
    assert describe(nothing, ["a", "b"], ["a", "b"], 0, [0]).endswith("No query attends to anything.")


@pytest.mark.parametrize(("token", "name"), [
    ("the", "the"), (" the", "␣the"), ("  ", "␣␣"), ("New York", "New York"), ("\n", "↵"), ("a\tb\r", "a⇥b␍"),
    ("", "(empty)"), (7, "7"), ("\u200b", "[U+200B]"), ("a\u202eb", "a[U+202E]b"), ("\ud800", "[U+D800]"),
    ("\x1b", "[U+001B]"), ("\u2028", "[U+2028]"), ("👩‍👩‍👧", "👩‍👩‍👧"), ("שלום", "שלום"), ("\xa0", "[U+00A0]"),
])
def test_every_token_can_be_seen(token, name):
    assert shown(token) == name


# --- weights travel ------------------------------------------------------------------------------------------------

@settings(deadline=None, max_examples=50)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_a_code_is_the_nearest(layers, heads, queries, keys, seed):
    weights = softmax(layers, heads, queries, keys, seed=seed)
    codes = encode(weights)
    assert codes.dtype == "<u2"
    assert np.abs(codes / 65535 - weights).max() <= 0.5 / 65535 + 1e-12


def test_many_weights_take_one_byte_each(make):
    weights = softmax(12, 12, 64, 64)
    codes = encode(weights)
    assert (codes.dtype, codes.nbytes) == ("u1", weights.size)
    assert np.abs(codes / 255 - weights).max() <= 0.5 / 255 + 1e-12
    view = make(weights, [f"w{i}" for i in range(64)])
    assert view.weights == codes.tobytes()
    assert view.view["shown"] == [0], "twelve heads of 64 tokens at once would be a tangle"


def test_the_widget_carries_names_and_places(make):
    view = make(softmax(2, 3, 2, 4), ["a", "b"], key_tokens=list("wxyz"), layer=1, head=2, title=" T\n<b>")
    assert (view.view["queries"], view.view["keys"], view.view["title"]) == (["a", "b"], list("wxyz"), "T <b>")
    assert (view.view["layers"], view.view["heads"]) == ([0, 1], [0, 1, 2])
    assert (view.view["layer"], view.view["shown"]) == (1, [2])


@pytest.mark.parametrize("kind", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_tensors_lists_and_layers(make, kind):
    weights = softmax(2, 3, 4, 4)
    tensor = torch.tensor(weights, dtype=kind, requires_grad=True)
    close = np.frombuffer(make(tensor, "abcd").weights, "<u2") / 65535
    assert close == pytest.approx(weights.ravel(), abs=0.01)
    whole = make(weights, "abcd").weights
    assert make(list(weights), "abcd").weights == make(weights.tolist(), "abcd").weights == whole
    assert make([torch.tensor(layer) for layer in weights], "abcd").view["layers"] == [0, 1]
    assert make(tensor, torch.arange(4)).view["queries"] == ["0", "1", "2", "3"]


def test_the_static_copy_is_whole_while_small_and_then_carries_what_is_shown(make):
    view = make(softmax(2, 3, 5, 5), "abcde", layer=1)
    carried, weights = state(view)
    assert weights.shape == (2, 3, 5, 5)
    assert np.abs(weights - softmax(2, 3, 5, 5)).max() < 1e-5
    large = softmax(12, 12, 64, 64)
    view = make(large, [f"w{i}" for i in range(64)], layer=5, head=[9, 3])
    carried, weights = state(view)
    assert (carried["layers"], carried["layer"], carried["shown"], carried["all"]) == ([5], 5, [3, 9], [12, 12])
    assert {3, 9} <= set(carried["heads"])
    assert np.abs(weights - large[np.ix_([5], carried["heads"])]).max() < 1 / 255
    assert "A still picture of layer 5 (of 12), heads 3 and 9 (of 12)" in page(view)


def test_committed_outputs_stay_small(make):
    assert len(page(make(softmax(2, 4, 12, 12), list("abcdefghijkl")))) < 110_000
    tokens = [f"w{i}" for i in range(64)]
    assert len(page(make(softmax(12, 12, 64, 64), tokens))) < 260_000
    huge = page(make(softmax(1, 512, 512), [f"w{i}" for i in range(512)]))
    assert len(huge) < 110_000
    assert "<script>" not in huge, "512 x 512 weights are no matter for a notebook: a picture alone"


# --- pictures ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 512), (512, 512), (64, 1), (65, 65)])
def test_any_size_has_a_still_picture(make, shape):
    view = make(softmax(*shape), [f"q{i}" for i in range(shape[0])], key_tokens=[f"k{i}" for i in range(shape[1])])
    picture = still(view)
    assert 780 <= picture.shape[1] <= 820
    assert 200 <= picture.shape[0] <= 1000
    assert len(np.unique(picture[..., :3].reshape(-1, 3), axis=0)) > 5
    assert not plt.get_fignums()


def test_other_weights_give_another_picture_and_the_same_give_the_same(make):
    first, again, other = (make(softmax(4, 4, seed=seed), "abcd") for seed in (1, 1, 2))
    assert page(first) == page(again)
    assert not np.array_equal(still(first), still(other))


def test_the_still_picture_is_of_the_layer_and_heads_chosen(make):
    weights = softmax(2, 3, 4, 4)
    for layer, heads in ((1, [0, 2]), (0, [1]), (1, None)):
        chosen = np.zeros_like(weights)
        chosen[:] = np.eye(4)  # other layers and heads must leave no trace
        every = range(3) if heads is None else heads
        chosen[layer, [*every]] = weights[layer, [*every]]
        one, other = (still(make(part, list("abcd"), layer=layer, head=heads)) for part in (weights, chosen))
        assert np.array_equal(one, other)


@pytest.mark.parametrize(("count", "faintest"), [(24, 0.01), (25, 0.04)])
def test_the_caption_says_which_weights_get_a_line(make, count, faintest):
    names = [str(i) for i in range(count)]
    assert f"with lines for weights from {faintest} up" in page(make(softmax(count, count), names))
    lines = module.still(softmax(1, count, count), names, names, [0], "t").axes[0].collections[0]
    assert len(lines.get_segments()) == (softmax(1, count, count) >= faintest).sum()


def test_hostile_tokens_are_text(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a font that lacks a sign would warn, in red, in a notebook
        view = make(softmax(len(HOSTILE), len(HOSTILE)), HOSTILE, title="</script><b>国王🙂")
        text = page(view)
    text.encode()
    assert text.count("<script>") == text.count("</script>") == 1
    assert "<!--" not in text
    assert "<b>" not in text
    carried, _ = state(view)
    assert carried["queries"] == [shown(token) for token in HOSTILE]
    (alt,) = re.findall(r'<img src="[^"]*" alt="([^"]*)"', text)
    assert "<" not in alt


@pytest.mark.parametrize(("queries", "keys", "heads"), [
    (2, 2, 4), (6, 6, 8), (24, 24, 12), (30, 30, 12), (64, 64, 12), (10, 30, 4)])
def test_the_still_picture_keeps_its_legend_and_its_names_inside(queries, keys, heads):
    names = "The quick brown fox jumps over".split() * 11
    weights = softmax(heads, queries, keys)
    figure = module.still(weights, names[:queries], names[:keys], range(heads), f"Title\nall {heads} heads")
    module.small_png(figure, range(heads))
    lines, matrix, bar = figure.axes
    legend = lines.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [f"head {head}" for head in range(heads)]
    labels = matrix.get_xticklabels()
    for part in (legend, bar.yaxis.label, matrix.xaxis.label, *labels, *matrix.get_yticklabels(), *lines.texts):
        box = part.get_window_extent()
        assert min(box.x0, box.y0) >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 <= right.x0 + 1 for left, right in zip(boxes, boxes[1:])), "names of keys run into each other"


def test_few_queries_and_many_keys_are_drawn_wide():
    figure = module.still(softmax(2, 10, 32), "2026-11-13", "Friday the 13th of November 2026", [0, 1], "a date")
    module.small_png(figure, [0, 1])
    lines, matrix, _ = (axes.get_position() for axes in figure.axes)
    assert lines.y0 > matrix.y1, "one above the other"
    assert matrix.width > 0.75
    assert matrix.x0 == pytest.approx(lines.x0, abs=0.01), "a key stands over its column"


def test_the_script_and_the_style_ship_and_need_no_network():
    code, style = viz.script("attention"), (viz.STATIC / "attention.css").read_text("utf-8")
    assert code.endswith("export default { render };\n")
    for forbidden in ("http", "import", "innerHTML", "</", "<!--", "<img", "eval", "fetch"):
        assert forbidden not in code + style, forbidden


def test_colours_differ_for_colour_blind_eyes():
    """Vienot, Brettel & Mollon (1999): red and green cones taken away in turn; no two of the first six heads meet."""
    rgb = np.array([[int(c[i:i + 2], 16) / 255 for i in (1, 3, 5)] for c in module.COLOURS[:6]]) ** 2.2
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    protan = np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]])
    deutan = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])
    for blind in (np.eye(3), protan, deutan):
        seen = (rgb @ (np.linalg.inv(to_lms) @ blind @ to_lms).T).clip(0, 1) ** (1 / 2.2)
        gaps = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
        assert gaps[~np.eye(6, dtype=bool)].min() > 0.12


# --- what is refused -----------------------------------------------------------------------------------------------

def bad(value, head=0):
    weights = softmax(2, 3, 3)
    weights[head, 1, 2] = value
    return weights


@pytest.mark.parametrize(("arguments", "options", "words"), [
    ((np.eye(3), ["a", "b"]), {}, "There are 2 tokens for 3 queries"),
    ((softmax(2, 3), ["a", "b"]), {}, "There are 2 tokens for 3 keys.*key_tokens"),
    ((softmax(2, 3), ["a", "b"]), {"key_tokens": list("wxyz")}, "There are 4 key_tokens for 3 keys"),
    ((np.eye(3)[0], list("abc")), {}, r"shape \(3,\): give \(queries, keys\)"),
    ((softmax(1, 1, 1, 3, 3), list("abc")), {}, "of a batch, take one example"),
    ((np.zeros((0, 0)), []), {}, r"shape \(0, 0\)"),
    (([], []), {}, r"shape \(0,\)"),
    (("text", list("text")), {}, "a str that holds no numbers"),
    ((None, list("abc")), {}, "a NoneType that holds no numbers"),
    (([None, None], list("ab")), {}, "a list that holds no numbers"),
    ((np.eye(2).astype(complex), list("ab")), {}, "holds no numbers"),
    ((torch.eye(2, device="meta"), list("ab")), {}, "a Tensor that holds no numbers"),
    ((np.eye(2), None), {}, r"tokens is None \(NoneType\): give a list of tokens"),
    ((np.eye(2), list("ab")), {"key_tokens": 2}, r"key_tokens is 2 \(int\)"),
    ((softmax(3, 3).T, list("abc")), {}, "its sum is 1.23.: its columns do, so the softmax ran over the queries"),
    ((np.full((2, 2), 0.4), ["x" * 500, "b"]), {}, r"query 0 \(x{40}\) in layer 0"),
    (([[1.0], [0.5, 0.5]], list("ab")), {}, "unlike shapes"),
    (([torch.eye(2), torch.eye(3)], list("ab")), {}, "unlike shapes"),
    ((bad(np.nan), list("abc")), {}, r"query 1 \(b\) in layer 0, head 0 holds NaN: a softmax over nothing but -inf"),
    ((bad(np.inf), list("abc")), {}, "does not sum to one .its sum is inf"),
    ((bad(-0.5, 1), list("abc")), {}, "head 1 has a negative weight .its smallest is -0.5"),
    ((bad(3.0, 1), list("abc")), {}, "head 1 does not sum to one .its sum is"),
    ((np.full((2, 2), 0.4), list("ab")), {}, "its sum is 0.8"),
    ((np.eye(2), list("ab")), {"layer": 1}, "layer=1: there is only one, number 0"),
    ((softmax(2, 3, 2, 2), list("ab")), {"layer": -3}, "layer=-3: there are 2, numbered 0 to 1"),
    ((softmax(2, 3, 2, 2), list("ab")), {"head": 3}, "head=3: there are 3, numbered 0 to 2"),
    ((softmax(2, 3, 2, 2), list("ab")), {"head": [0, 9]}, "head=9: there are 3"),
    ((softmax(2, 3, 2, 2), list("ab")), {"head": []}, "shows nothing"),
    ((softmax(2, 3, 2, 2), list("ab")), {"head": "all"}, "head='all'"),
    ((softmax(2, 3, 2, 2), list("ab")), {"layer": 0.5}, "layer=0.5"),
    ((softmax(2, 3, 2, 2), list("ab")), {"layer": True}, "layer=True"),
])
def test_each_bad_input_is_one_sentence(arguments, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        viz.attention_view(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_heads_may_be_chosen_by_a_tensor(make):
    weights = softmax(2, 3, 2, 2)
    for heads in (torch.tensor([0, 2]), np.array([0, 2])):
        assert make(weights, list("ab"), head=heads).view["shown"] == [0, 2]


def test_a_row_of_zeros_is_a_query_with_nothing_to_attend_to(make):
    weights = np.tril(np.ones((3, 3)), -1)
    weights[2] /= 2
    assert "1 row attends to nothing" in repr(make(weights, "abc"))


@pytest.mark.slow
def test_a_notebook_with_the_viewer_passes_strict_nbval(tmp_path):
    """Two kernels give one output, but for what tests/sanitize.cfg takes out; a changed weight is seen."""
    source = "from course_lib import viz\n\nviz.attention_view([[0.5, 0.5], [0.25, 0.75]], ['a', 'b'])"
    notebook = jupytext.reads(f"# %%\n{source}", fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    view = viz.attention_view([[0.5, 0.5], [0.25, 0.75]], ["a", "b"])
    data = {"text/plain": repr(view), "text/html": page(view)}
    view.close()
    output = nbformat.v4.new_output("execute_result", data, execution_count=1)
    notebook.cells[0].update(outputs=[output], execution_count=1)
    wrong = nbformat.from_dict(json.loads(json.dumps(notebook).replace("0.75, ", "0.74, ")))
    for name, one in (("right", notebook), ("wrong", wrong)):
        nbformat.write(one, tmp_path / f"{name}.ipynb")
    root = viz.STATIC.parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-sanitize-with",
               str(root / "tests/sanitize.cfg"), "--nbval-kernel-startup-timeout", "600", "--rootdir", str(tmp_path),
               str(tmp_path)]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    assert "1 failed, 1 passed" in said, said[-2000:]
    assert "right.ipynb" not in said.split("short test summary")[1]
