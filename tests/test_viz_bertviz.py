"""bertviz_view: the parameters that its scripts read, our true still picture, sentences for what cannot be drawn."""

import base64
import io
import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course_lib import data, viz
from course_lib.viz import bertviz

WEIGHTS = np.array([[[[1, 0, 0], [0.25, 0.75, 0], [0.125, 0.5, 0.375]], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]]])
TOKENS = ["a", "b", "c"]


@pytest.fixture
def made():
    """Makes views and closes them."""
    views = []

    def make(*args, **kwargs):
        views.append(viz.bertviz_view(*args, **kwargs))
        return views[-1]

    yield make
    for view in views:
        view.close()
    assert not plt.get_fignums()


def mimebundle(view):
    bundle = view._repr_mimebundle_()
    return bundle[0] if isinstance(bundle, tuple) else bundle


def sent(view, monkeypatch, asked=None):
    """What the browser gets when it asks."""
    messages = []
    monkeypatch.setattr(view, "send", messages.append)
    view._handle_custom_msg({"ask": "page"} if asked is None else asked, [])
    return messages


# ---- the parameters ----


def test_the_head_view_gets_what_bertvizs_own_python_makes(made, monkeypatch):
    (message,) = sent(made(WEIGHTS, TOKENS), monkeypatch)
    assert message["params"] == {
        "attention": [{"name": None, "attn": WEIGHTS.tolist(), "left_text": TOKENS, "right_text": TOKENS}],
        "default_filter": "0", "root_div_id": "bertviz", "layer": None, "heads": None, "include_layers": [0],
    }  # fmt: skip
    assert json.loads(json.dumps(message)) == message


def test_the_model_view_gets_what_bertvizs_own_python_makes(made, monkeypatch):
    weights = np.repeat(WEIGHTS, 5, axis=0).repeat(3, axis=1)  # [5, 6, 3, 3]
    (message,) = sent(made(weights, TOKENS, view="model"), monkeypatch)
    assert message["params"] == {
        "attention": [{"name": None, "attn": weights.tolist(), "left_text": TOKENS, "right_text": TOKENS}],
        "default_filter": "0", "display_mode": "light", "root_div_id": "bertviz", "include_layers": [0, 1, 2, 3, 4],
        "include_heads": [0, 1, 2, 3, 4, 5], "total_heads": 6,
    }  # fmt: skip


def test_every_parameter_that_the_scripts_read_is_there():
    for view in bertviz.VIEWS:
        script = data.path(f"bertviz_{view}").read_text("utf-8")
        read = set(re.findall(r"params\['(\w+)'\]", script))
        given = bertviz.params(WEIGHTS, TOKENS, TOKENS, view)
        assert read == set(given)
        fields = set(re.findall(r"(?:attnData|attData|config\.filter\])\.(\w+_text|attn)", script))
        assert {"left_text", "right_text", "attn"} == fields < {*given["attention"][0]}
        assert script.count("PYTHON_PARAMS") == 2  # the marker and the comment about it
        assert set(re.findall(r"require(?:js)?[.(]\w*", script)) == {"require.config", "requirejs("}
    assert "v5.7.0" in data.path("d3").read_text("utf-8")[:200]
    assert "jQuery v3.6.0" in data.path("jquery").read_text("utf-8")[:200]


def test_cross_attention_has_its_own_names(made, monkeypatch):
    view = made([[0.5, 0.5], [0, 1], [1, 0]], TOKENS, key_tokens=["x", "a name that is too long to be drawn"])
    (message,) = sent(view, monkeypatch)
    (attention,) = message["params"]["attention"]
    assert attention["left_text"] == TOKENS
    assert attention["right_text"] == ["x", "a name that i…"]
    assert attention["attn"] == [[[[0.5, 0.5], [0, 1], [1, 0]]]]


def test_tensors_and_one_token_and_rows_without_anything(made, monkeypatch):
    (message,) = sent(made(torch.ones(1, 1, requires_grad=True), ["</script>"], view="model"), monkeypatch)
    assert message["params"]["total_heads"] == bertviz.FEWEST_COLUMNS
    assert message["params"]["attention"][0]["left_text"] == ["</script>"]
    (message,) = sent(made([[0.0, 0.0], [0.3, 0.7]], ["a", "b"]), monkeypatch)
    assert message["params"]["attention"][0]["attn"] == [[[[0, 0], [0.3, 0.7]]]]


# ---- what is shown and saved ----


@pytest.mark.parametrize("view", bertviz.VIEWS)
def test_scripts_are_sent_when_asked_for_and_never_kept(made, monkeypatch, view):
    shown = made(WEIGHTS, TOKENS, view=view)
    (message,) = sent(shown, monkeypatch)
    names = ("jquery", "d3", f"bertviz_{view}")
    assert message["scripts"] == [data.path(name).read_text("utf-8") for name in names]
    saved = json.dumps([shown.get_state(), mimebundle(shown)], default=str)
    for text in message["scripts"]:
        assert text[1000:1060] not in saved
    assert "left_text" not in saved
    assert sent(shown, monkeypatch, {"ask": "something else"}) == []


def test_scripts_that_cannot_be_had_are_a_sentence(made, monkeypatch):
    def gone(name):
        raise data.FetchError("No network: connect,\nthen fetch again.")

    shown = made(WEIGHTS, TOKENS)
    monkeypatch.setattr(data, "path", gone)
    assert sent(shown, monkeypatch) == [{"problem": "No network: connect, then fetch again."}]


def test_a_picture_needs_no_script(monkeypatch, made):
    monkeypatch.setattr(data, "path", None)
    assert "<img" in mimebundle(made(WEIGHTS, TOKENS))["text/html"]


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("head", "Attention from 3 queries to 3 keys, all 2 heads. Strongest links: “b” to “b” 0.75 (head 0), “c” to "
                 "“b” 0.50 (head 0), “c” to “c” 0.38 (head 0), “b” to “a” 0.25 (head 0), “c” to “a” 0.12 (head 0)."),
        ("model", "Attention from 3 queries to 3 keys, 1 layer of 2 heads. Strongest links: “b” to “b” 0.75 (layer 0, "
                  "head 0), “c” to “b” 0.50 (layer 0, head 0), “c” to “c” 0.38 (layer 0, head 0), “b” to “a” 0.25 "
                  "(layer 0, head 0), “c” to “a” 0.12 (layer 0, head 0)."),
    ],
)  # fmt: skip
def test_words_are_true_and_the_same_every_time(made, view, words):
    shown = made(WEIGHTS, TOKENS, view=view)
    assert repr(shown) == f"bertviz_view, {view} view: {words}"
    bundle = mimebundle(shown)
    assert bundle["text/plain"] == repr(shown)
    assert f'alt="{words}"' in bundle["text/html"]
    assert bundle["text/html"] == mimebundle(made(WEIGHTS, TOKENS, view=view))["text/html"]


def pixels(view):
    source = re.search(r'src="data:image/png;base64,([^"]+)"', mimebundle(view)["text/html"])[1]
    return plt.imread(io.BytesIO(base64.b64decode(source)))


def test_the_still_model_view_has_a_square_for_each_head_and_a_line_for_each_weight():
    figure_of, weights = {}, np.stack([WEIGHTS[0], WEIGHTS[0, ::-1]])
    original = bertviz.viewer.small_png
    try:
        bertviz.viewer.small_png = lambda figure, heads: figure_of.update(figure=figure) or original(figure, heads)
        viz.bertviz_view(weights, TOKENS, view="model").close()
    finally:
        bertviz.viewer.small_png = original
    squares = [axes for axes in figure_of["figure"].axes if axes.axison]
    assert len(squares) == 2 * 2
    for square, (layer, head) in zip(squares, np.ndindex(2, 2)):
        (lines,) = square.collections
        ends, colours = lines.get_segments(), lines.get_colors()
        drawn = {(start[1], end[1]): colour[3] for (start, end), colour in zip(ends, colours)}
        matrix = weights[layer, head]
        assert drawn == pytest.approx({(q, k): matrix[q, k] for q, k in zip(*np.nonzero(matrix))})
    assert squares[0].yaxis_inverted()  # the first query is on top


@pytest.mark.parametrize("view", bertviz.VIEWS)
def test_the_still_picture_shows_the_weights(made, view):
    one, other = pixels(made(WEIGHTS[:, :1], TOKENS, view=view)), pixels(made(WEIGHTS[:, 1:], TOKENS, view=view))
    assert one.shape == other.shape
    assert (one != other).any()
    assert one.min() < 0.5


def test_token_text_is_data(made):
    tokens = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "שלום🙂"]
    for view in bertviz.VIEWS:
        page = mimebundle(made(WEIGHTS, tokens, view=view))["text/html"]
        assert page.count("<") == 5  # img, p, em and their ends
        assert page.startswith("<img src=")


# ---- what cannot be drawn ----


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        ((WEIGHTS, ["a", "b"]), {}, "There are 2 tokens for 3 queries"),
        ((WEIGHTS, TOKENS), {"key_tokens": ["a"]}, "There are 1 key_tokens for 3 keys"),
        ((np.ones((3, 2)) / 2, TOKENS), {}, "There are 3 tokens for 2 keys"),
        ((WEIGHTS * 0.9, TOKENS), {}, r"query 0 \(a\) in layer 0, head 0 does not sum to one .its sum is 0.9"),
        ((WEIGHTS * np.nan, TOKENS), {}, "holds NaN"),
        ((WEIGHTS[None], TOKENS), {}, r"shape \(1, 1, 2, 3, 3\)"),
        ((np.empty((1, 0, 0)), []), {}, r"shape \(1, 0, 0\)"),
        ((WEIGHTS, "abc"), {}, "tokens is the text 'abc': give a list of tokens"),
        ((WEIGHTS, TOKENS), {"key_tokens": "abc"}, "key_tokens is the text 'abc'"),
        ((WEIGHTS, None), {}, r"tokens is None \(NoneType\)"),
        ((WEIGHTS, TOKENS), {"view": "neuron"}, "view='neuron': bertviz has 'head' and 'model'"),
        ((np.eye(512), [*map(str, range(512))]), {}, r"262,144 lines for weights of shape \(1, 1, 512, 512\)"),
        ((np.broadcast_to(np.eye(64), (12, 12, 64, 64)), [*map(str, range(64))]), {"view": "model"}, "589,824 lines"),
    ],
)
def test_what_cannot_be_drawn_is_a_sentence(args, kwargs, says):
    with pytest.raises(ValueError, match=says) as raised:
        viz.bertviz_view(*args, **kwargs)
    assert str(raised.value).endswith((".", ")."))


def test_a_head_view_counts_one_layer_only(made):
    made(np.broadcast_to(np.eye(64), (12, 7, 64, 64)), [*map(str, range(64))])
