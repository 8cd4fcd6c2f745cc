"""The X-ray: numbers that are the trace's own, a still picture with true words, and sentences for what does not fit."""
import base64
import functools
import io
import json
import re
import subprocess
import sys
import warnings
from types import SimpleNamespace

import jupytext
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import decoding, gpt, llama, viz
from course_lib.tokenizers import BPETokenizer, CharacterTokenizer
from course_lib.viz import model as module
from course_lib.viz.attention import shown

WIDGET = "application/vnd.jupyter.widget-view+json"
HOSTILE = ["<script>alert(1)</script>", "</script>", "<!--", '"quo\'te"', "שלום", "👩‍👩‍👧", " ", "\n", "a\u202eb",
           "国王"]
LETTERS = CharacterTokenizer("abcdefgh \n")
KINDS = {"vectors": "i1", "lengths": "<f4", "query": "<f2", "key": "<f2", "value": "<f2", "scores": "<f4",
         "guesses": "<i4", "chances": "<f2", "bars": "<i4", "sums": "<f4", "logits": "<f4"}


class Words:
    """A tokenizer of some names, one a letter: text "ab" is the first and the second."""

    def __init__(self, names):
        self.names = names

    def encode(self, text):
        return [ord(letter) - ord("a") for letter in text]

    def decode(self, ids):
        return "".join(self.names[i] for i in ids)


def model_of(vocab_size=10, layers=2, heads=2, d_model=16, context=80, scale=0.4, seed=0):
    torch.manual_seed(seed)
    model = gpt.GPT(gpt.GPTConfig(vocab_size, context, d_model, layers, heads))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * scale)
    return functools.partial(gpt.trace, model)


def changed(**parts):
    """A trace of which some parts are put in another's place."""
    return lambda ids: SimpleNamespace(**{**model_of()(ids)._asdict(), **parts})


@pytest.fixture
def make():
    made = []

    def view(trace=None, tokenizer=LETTERS, text="bad cab", **kwargs):
        made.append(viz.model_view(trace or model_of(), tokenizer, text, **kwargs))
        return made[-1]
    yield view
    for one in made:
        one.close()


def page(view):
    bundle = view._repr_mimebundle_()
    return (bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"]


def unpacked(picture):
    """The arrays of a picture, in the shapes that the browser reads."""
    view = picture["view"]
    (L, _), T, part = view["all"], len(view["tokens"]), (len(view["layers"]), len(view["heads"]))
    shapes = {"vectors": (3, T, -1), "lengths": (L + 3, T), "scores": (*part, T, T), "guesses": (L + 1, T, -1),
              "chances": (L + 1, T, -1), "bars": (T, -1), **dict.fromkeys(("query", "key", "value"), (*part, T, -1))}
    return view, {name: np.frombuffer(data, KINDS[name]).reshape(shapes.get(name, -1))
                  for name, data in picture["arrays"].items()}


def state(view):
    """What the script of the text/html carries."""
    (text,) = re.findall(r"^const STATE = (.*);$", page(view), re.M)
    found = json.loads(text)
    arrays = found["picture"]["arrays"]
    found["picture"]["arrays"] = {name: base64.b64decode(part["base64"]) for name, part in arrays.items()}
    return found


def still(view):
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page(view))
    return plt.imread(io.BytesIO(base64.b64decode(data)))


# --- numbers ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("trace", [
    model_of(), model_of(layers=3, heads=4, scale=0.8), model_of(d_model=256, heads=4, scale=0.05)])
def test_what_travels_is_the_trace(make, trace):
    """The worksheet worked out from what travels: products to 0.005, weights to 0.001, the mix's length to 0.01."""
    found = trace(torch.tensor(LETTERS.encode("bad cab")))
    view, data = unpacked(make(trace).picture)
    d, T = view["size"], len(view["tokens"])
    assert view["tokens"] == ["b", "a", "d", "␣", "c", "a", "b"]
    assert view["causal"]
    q, k, v, scores = (data[name].astype(float) for name in ("query", "key", "value", "scores"))
    assert np.abs(scores - (found.query @ found.key.mT).numpy()).max() < 0.005
    assert np.abs(q - found.query.numpy()).max() < 0.01
    assert np.abs(k - found.key.numpy()).max() < 0.01
    powers = np.exp(scores / np.sqrt(d)) * np.tril(np.ones((T, T)))
    weights = powers / powers.sum(-1, keepdims=True)
    assert np.abs(weights - found.attention.numpy()).max() < 0.001
    mix = (found.attention @ found.value).norm(dim=-1).numpy()
    assert np.abs(np.linalg.norm(weights @ v, axis=-1) - mix).max() < 0.01
    for place, vectors in enumerate((found.token_vectors, found.position_vectors, *found.layers)):
        assert data["lengths"][place] == pytest.approx(vectors.norm(dim=-1).numpy(), rel=1e-5)
    assert view["sum"]
    width = min(16 if d < 64 else 256, 96)
    strips = torch.stack([found.token_vectors, found.position_vectors, found.layers[0]])[..., :width]
    assert np.abs(data["vectors"] / 127 * view["scale"] - strips.numpy()).max() < view["scale"] / 127
    chances = found.logits.softmax(-1)
    assert np.abs(np.take_along_axis(chances.numpy(), data["guesses"], -1) - data["chances"]).max() < 0.001
    assert torch.equal(torch.tensor(data["guesses"][..., 0]).long(), chances.argmax(-1))
    logits = data["logits"].reshape(T, -1)
    ranked = chances[-1].sort(-1, descending=True)[0].numpy()
    assert np.exp(logits - data["sums"][:, None]) == pytest.approx(ranked, abs=1e-5)


def test_more_logits_than_travel(make, monkeypatch):
    """Of the chosen and the last token all, of others 50 and what all come to; of none where one is too many."""
    trace = model_of(vocab_size=200, d_model=8)
    chances = trace(torch.tensor(LETTERS.encode("bad cab"))).logits[-1].softmax(-1).sort(-1, descending=True)[0]
    monkeypatch.setattr(module, "MOST_LOGITS", 500)
    view, data = unpacked(module.pack(*module._read(trace, LETTERS, "bad cab"), module._Names(LETTERS), 2,
                                      most_logits=500))
    assert view["counts"] == [50, 50, 200, 50, 50, 50, 200]
    assert view["vocab"] == 200
    rows = np.split(data["logits"], np.cumsum(view["counts"])[:-1])
    for row, total, all_of_them in zip(rows, data["sums"], chances):
        assert np.exp(row - total) == pytest.approx(all_of_them[:len(row)].numpy(), abs=1e-6)
    view = module.pack(*module._read(trace, LETTERS, "bad cab"), module._Names(LETTERS), 2, most_logits=300)["view"]
    assert view["counts"] == [50] * 7
    assert {"a", "#150"} & {*make(trace).picture["view"]["names"].values()}, "ids beyond the vocabulary have a name"


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 12))
def test_of_equal_logits_the_lower_id_comes_first(logits, k):
    wanted = sorted(range(len(logits)), key=lambda i: (-logits[i], i))[:k]
    assert module.best(np.array(logits, dtype=np.float32), k).tolist() == wanted


def test_a_model_that_looks_ahead_hides_nothing(make):
    found = model_of()(torch.tensor(LETTERS.encode("bad cab")))
    scores = found.query @ found.key.mT / np.sqrt(8)
    both = SimpleNamespace(**{**found._asdict(), "attention": scores.softmax(-1), "layers": found.layers * 2})
    view = make(lambda ids: both)
    assert not view.picture["view"]["causal"]
    assert not view.picture["view"]["sum"], "the stream starts as twice the sum"
    assert "Likeliest token at this place: " in repr(view)
    arrays = module._checked(both)[1]
    assert module.weights_of(arrays) == pytest.approx(arrays["attention"], abs=1e-5)


@pytest.mark.parametrize("kind", ["float32", "int8", "int4"])
def test_llama_gives_the_same_arrays(make, kind):
    """Its heads share keys and its positions have no vectors; in fewer bits it is shown as it computes."""
    torch.manual_seed(0)
    model = llama.Llama(llama.LlamaConfig(10, 80, d_model=64, num_layers=2, num_heads=4, num_kv_heads=2, d_ff=96))
    model = model if kind == "float32" else decoding.quantize(model, kind)
    view = make(functools.partial(llama.trace, model))
    assert view.picture["view"]["all"] == [2, 4]
    assert view.picture["view"]["causal"]
    assert view.picture["view"]["sum"]
    view.wanted = {"number": 1, "text": "cafe", "position": 0}
    assert view.picture["view"]["tokens"] == list("cafe")


def test_the_tokens_are_those_that_the_trace_read(make):
    """A model may want its own tokens around a text, as BERT does: then the trace says so."""
    framed = lambda ids: model_of()(torch.cat([torch.tensor([9]), ids, torch.tensor([8])]))  # noqa: E731
    assert make(framed, text="ab").picture["view"]["tokens"] == ["↵", "a", "b", "␣"]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_a_trace_of_other_precision(make, kind):
    found = model_of()(torch.tensor(LETTERS.encode("bad cab")))
    traced = type(found)(found.input_ids, *(part.to(kind) for part in found[1:]))
    assert make(lambda ids: traced).picture["view"]["tokens"][0] == "b"


def test_parts_of_characters_have_their_names(make):
    tokenizer = BPETokenizer().train(["low lower lowest"] * 3, vocab_size=262)
    view = make(model_of(vocab_size=262, d_model=8), tokenizer, "low é")
    assert view.picture["view"]["tokens"] == ["low", "␣", "Ã", "©"]


# --- the kernel answers ----------------------------------------------------------------------------------------------

def test_a_new_text_gets_a_new_picture_and_an_error_leaves_the_last(make):
    view = make(model_of(context=70))
    words = repr(view)
    view.wanted = {"number": 1, "text": "cafe", "position": 10**6}
    assert (view.picture["number"], view.picture["view"]["tokens"]) == (1, list("cafe"))
    for number, text, said in ((2, "", "The text is '': give one"), (3, "x", "character='x' cannot be used"),
                               (4, "a" * 65, "has 65 tokens, and the X-ray shows at most 64"), (5, 7, "The text is 7")):
        view.wanted = {"number": number, "text": text, "position": 0}
        assert view.problem["number"] == number
        assert said in view.problem["text"]
        assert "\n" not in view.problem["text"]
        assert view.picture["number"] == 1
    small = make(model_of(context=8))
    small.wanted = {"number": 1, "text": "abcdefghab", "position": 0}
    assert "The sequence has 10 positions and the model knows 8" in small.problem["text"]
    small.wanted = {"number": 2, "text": "ab", "position": -3}
    assert (small.picture["number"], repr(view)) == (2, words), "what was said stays"


def test_whatever_a_trace_raises_is_told(make):
    def fails(ids):
        if len(ids) < 3:
            raise KeyError
        return model_of()(ids)
    view = make(fails)
    view.wanted = {"number": 1, "text": "ab", "position": 0}
    assert view.problem == {"number": 1, "text": "KeyError"}


# --- words, pictures, script -----------------------------------------------------------------------------------------

def test_a_view_says_what_it_shows(make):
    view = make(layer=-1, head=1, position=2)
    found = model_of()(torch.tensor(LETTERS.encode("bad cab")))
    weights, lengths = found.attention[1, 1, 2], found.layers[:, 2].norm(dim=-1)
    chance, token = found.logits[-1, 2].softmax(-1).max(-1)
    names = ["“b” (0)", "“a” (1)", "“d”"]
    most = int(weights.argmax())
    assert repr(view).startswith(
        "model_view: The X-ray of 7 tokens: “b” (0), “a” (1), “d”, “␣”, “c”, “a” (5), “b” (6). "
        f"At layer 1 (of 2), head 1 (of 2), “d” looks most at {names[most]} {weights[most]:.2f}")
    start, first, second = (f"{length:.1f}" for length in lengths)
    assert f"{start} after the embedding, then {first}, {second}. Likeliest next token: " in repr(view)
    assert f"“{shown(LETTERS.decode([int(token)]))}” {chance:.2f}" in repr(view)
    bundle = view._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"] == repr(view)
    assert f'alt="{repr(view).removeprefix("model_view: ")}"' in data["text/html"]
    assert data[WIDGET]["model_id"] == view.model_id
    assert (view.start["layer"], view.start["head"], view.start["position"]) == (1, 1, 2)
    again = make(layer=-1, head=1, position=2)
    assert page(again) == page(view)
    assert page(make(head=0, position=2)) != page(view)


@pytest.mark.parametrize(("layers", "heads", "d_model", "text"), [
    (1, 1, 4, "a"), (2, 2, 16, "abc"), (12, 12, 24, "abcdefgh" * 8), (6, 6, 24, "abcdefgh" * 2)])
def test_any_size_has_a_still_picture_800_pixels_wide(make, layers, heads, d_model, text):
    view = make(model_of(layers=layers, heads=heads, d_model=d_model, scale=0.1), text=text, layer=-1, head=-1)
    picture = still(view)
    assert picture.shape[1] == 800
    assert 500 < picture.shape[0] < 1100
    assert not plt.get_fignums()
    assert "head" in state(view)["start"]


def test_the_names_in_the_still_picture_stay_inside():
    ids, arrays = module._read(model_of(layers=12, d_model=8), LETTERS, "abcdefgh" * 3)
    figure = module.still(arrays, ["a word of some length"] * len(ids), module._Names(LETTERS), 3, 1, 20, "T")
    figure.draw_without_rendering()
    figure.canvas.draw()
    for axes in figure.axes:
        for part in (axes.title, *axes.texts, *axes.get_xticklabels(), *axes.get_yticklabels()):
            box = part.get_window_extent()
            assert min(box.x0, box.y0) >= -1, part
            assert box.x1 <= figure.bbox.x1 + 1, part


def test_committed_outputs_stay_small(make):
    """Of 16 tokens all of a small layer travels in 42 kB; of larger ones so many heads as fit, and the chosen one."""
    tiny = make(model_of(81, 4, 4, 128), text="abcdefgh" * 2, layer=2)
    carried = state(tiny)["picture"]
    assert carried["view"]["layers"] == [2]
    assert carried["view"]["heads"] == [0, 1, 2, 3]
    assert len(json.dumps(carried["view"])) + 4 / 3 * sum(map(len, carried["arrays"].values())) < 42_000
    assert len(page(tiny)) < 130_000
    small = state(make(model_of(81, 2, 6, 384), text="abcdefgh" * 2, head=5))["picture"]
    assert 5 in small["view"]["heads"]
    assert len(small["view"]["heads"]) < 6
    _, data = unpacked(small)
    found = model_of(81, 2, 6, 384)(torch.tensor(LETTERS.encode("abcdefgh" * 2)))
    wanted = found.query @ found.key.mT
    assert np.abs(data["scores"][0] - wanted[0, small["view"]["heads"]].numpy()).max() < 0.1 * wanted.abs().max()
    long = make(model_of(81, 2, 6, 384), text="abcdefgh" * 8)
    assert state(long)["picture"]["view"]["heads"] == [0]
    assert len(page(long)) < 220_000


def test_hostile_tokens_are_text(make):
    text = "".join(chr(ord("a") + i) for i in range(len(HOSTILE)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a font that lacks a sign would warn, in red, in a notebook
        view = make(model_of(vocab_size=len(HOSTILE)), Words(HOSTILE), text, title="</script><b>国王🙂")
        found = page(view)
    assert found.count("<script>") == found.count("</script>") == 1
    assert "<!--" not in found
    assert "<b>" not in found
    carried = state(view)["picture"]["view"]
    assert carried["tokens"] == [shown(token) for token in HOSTILE]
    (alt,) = re.findall(r'<img src="[^"]*" alt="([^"]*)"', found)
    assert "<" not in alt


def test_the_script_and_the_style_ship_and_need_no_network():
    code, style = viz.script("model"), (viz.STATIC / "model.css").read_text("utf-8")
    assert code.endswith("export default { render };\n")
    for forbidden in ("http", "import", "innerHTML", "</", "<!--", "<img", "eval", "fetch"):
        assert forbidden not in code + style, forbidden
    for name, number in (("FEW", module.FEW), ("BARS", module.BARS)):
        assert f"const {name} = {number};" in code


# --- what is refused -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("arguments", "options", "words"), [
    ((model_of()(torch.arange(3)), LETTERS, "abc"), {}, "trace is a Trace: give a function .*functools.partial"),
    ((model_of(), LETTERS, ""), {}, "The text is '': give one with a token or more"),
    ((model_of(), LETTERS, None), {}, "The text is None"),
    ((model_of(), Words([]), "a" * 65), {}, "The text has 65 tokens, and the X-ray shows at most 64"),
    ((model_of(), LETTERS, "abz"), {}, "character='z' cannot be used"),
    ((lambda ids: None, LETTERS, "abc"), {}, "returned a NoneType without input_ids: it needs all of"),
    ((changed(logits=None), LETTERS, "abc"), {}, "returned a SimpleNamespace without logits"),
    ((changed(query=torch.ones(2, 2, 4, 8)), LETTERS, "abc"), {},
     r"query of the trace has the shape \(2, 2, 4, 8\) and should have \(L=2, H=2, T=3, d=8\)"),
    ((changed(layers=torch.ones(3, 16)), LETTERS, "abc"), {}, r"layers of the trace has the shape \(3, 16\)"),
    ((changed(value=torch.full((2, 2, 3, 8), torch.nan)), LETTERS, "abc"), {}, "value of the trace holds what is no"),
    ((changed(attention=torch.full((2, 2, 3, 3), 1 / 3)), LETTERS, "abc"), {}, r"is not the softmax of q · k / √d"),
    ((model_of(), LETTERS, "abc"), {"layer": 2}, "layer=2: there are 2, numbered 0 to 1"),
    ((model_of(), LETTERS, "abc"), {"head": -3}, "head=-3: there are 2"),
    ((model_of(), LETTERS, "abc"), {"position": 3}, "position=3: there are 3, numbered 0 to 2"),
    ((model_of(context=2), LETTERS, "abc"), {}, "The sequence has 3 positions and the model knows 2"),
])
def test_each_bad_input_is_one_sentence(arguments, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        viz.model_view(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_notebook_with_the_viewer_passes_strict_nbval(tmp_path):
    """Two kernels give one output, but for what tests/sanitize.cfg takes out; a changed number is seen."""
    source = ("import functools\nimport torch\nfrom course_lib import gpt, viz\nfrom course_lib.tokenizers import "
              "CharacterTokenizer\n\ntorch.manual_seed(0)\nmodel = gpt.GPT(gpt.GPTConfig(4, 8, 8, 1, 1))\n"
              "viz.model_view(functools.partial(gpt.trace, model), CharacterTokenizer('abcd'), 'abcd')")
    torch.manual_seed(0)
    model = gpt.GPT(gpt.GPTConfig(4, 8, 8, 1, 1))
    view = viz.model_view(functools.partial(gpt.trace, model), CharacterTokenizer("abcd"), "abcd")
    data = {"text/plain": repr(view), "text/html": page(view)}
    view.close()
    notebook = jupytext.reads(f"# %%\n{source}", fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    output = nbformat.v4.new_output("execute_result", data, execution_count=1)
    notebook.cells[0].update(outputs=[output], execution_count=1)
    wrong = nbformat.from_dict(json.loads(json.dumps(notebook).replace("Likeliest next token", "Likeliest token")))
    for name, one in (("right", notebook), ("wrong", wrong)):
        nbformat.write(one, tmp_path / f"{name}.ipynb")
    root = viz.STATIC.parents[2]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-sanitize-with",
               str(root / "tests/sanitize.cfg"), "--nbval-kernel-startup-timeout", "600", "--rootdir", str(tmp_path),
               str(tmp_path)]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout
    assert "1 failed, 1 passed" in said, said[-2000:]
    assert "right.ipynb" not in said.split("short test summary")[1]
