"""Heads taken out are heads whose columns are zero; scores as loops count them; straight lines as NumPy fits them."""

import copy
import doctest

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib import gpt, interpretability, llama
from course_lib.interpretability import ablated, fit_linear, prefix_matching, usual_outputs

CONFIGS = {
    "gpt": gpt.GPTConfig(vocab_size=30, context_length=16, d_model=24, num_layers=3, num_heads=4, dropout=0.1),
    "llama": llama.LlamaConfig(vocab_size=30, context_length=16, d_model=24, num_layers=3, num_heads=4, num_kv_heads=2,
                               d_ff=40),
}  # fmt: skip
each_model = pytest.mark.parametrize("kind", CONFIGS)


def model_of(kind, scale=0.3):
    torch.manual_seed(0)
    model = {"gpt": gpt.GPT, "llama": llama.Llama}[kind](CONFIGS[kind]).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * scale)
    return model


def ids_of(*shape):
    return torch.randint(30, shape, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def by_hand(model, heads, usual=None):
    """A copy in which these heads' columns of the output layer are zero, and what they usually add is a bias."""
    other = copy.deepcopy(model)
    for block, head in heads:
        output, size = other.blocks[block].attention.output, 6
        columns = output.weight[:, head * size : (head + 1) * size]
        if usual is not None:
            added = columns @ usual[block, head]
            output.bias = torch.nn.Parameter(added if output.bias is None else output.bias + added)
        columns.zero_()
    return other


# --- heads taken out --------------------------------------------------------------------------------------------------


@each_model
@pytest.mark.parametrize("heads", [[(1, 2)], [(0, 0), (0, 3), (2, 1)], [], [(1, 2), (1, 2)]])
def test_without_heads_is_without_their_columns(kind, heads):
    model, ids = model_of(kind), ids_of(2, 9)
    with torch.no_grad():
        expected = by_hand(model, set(heads))(ids, return_attention=True)
        whole = model(ids).logits
        with ablated(model, heads):
            got, fused = model(ids, return_attention=True), model(ids).logits
        assert torch.allclose(got.logits, expected.logits, atol=1e-5)
        assert torch.allclose(fused, expected.logits, atol=1e-5)
        assert torch.allclose(got.attention, expected.attention, atol=1e-5)
        assert torch.equal(model(ids).logits, whole), "afterwards all is as before"
        assert torch.equal(fused, whole) == (not heads)


@each_model
def test_what_a_head_usually_says_can_stand_in_its_place(kind):
    model, ids = model_of(kind), ids_of(3, 7)
    usual = usual_outputs(model, ids)
    heads = [(0, 1), (2, 0), (2, 3)]
    with torch.no_grad(), ablated(model, heads, usual):
        assert torch.allclose(model(ids).logits, by_hand(model, heads, usual)(ids).logits, atol=1e-4)


@each_model
def test_usual_outputs_are_the_means_of_weights_times_values(kind):
    model, ids = model_of(kind).train(), ids_of(7)
    trace = {"gpt": gpt, "llama": llama}[kind].trace(model, ids)
    expected = (trace.attention @ trace.value).mean(2)  # (L, H, d)
    assert torch.allclose(usual_outputs(model, ids[None]), expected, atol=1e-5)
    assert model.training, "the model is in its mode again"


@each_model
def test_a_cache_goes_with_it(kind):
    model, ids = model_of(kind), ids_of(1, 8)
    with torch.no_grad(), ablated(model, [(1, 1)]):
        whole, cache = model(ids).logits, model.new_cache(1)
        parts = [model(some, cache=cache).logits for some in ids.split([5, 1, 2], 1)]
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-5)


def test_gradients_pass_and_are_zero_where_nothing_was_said():
    model, ids = model_of("gpt"), ids_of(2, 9)
    with ablated(model, [(1, 2)]):
        model.loss(ids).backward()
    gradient = model.blocks[1].attention.output.weight.grad
    assert not gradient[:, 12:18].any()
    assert gradient[:, :12].any()


def test_the_hooks_are_gone_after_an_error():
    model, ids = model_of("gpt"), ids_of(1, 5)
    whole = model(ids).logits
    with pytest.raises(KeyError), ablated(model, [(0, 0)]):
        raise KeyError
    assert torch.equal(model(ids).logits, whole)


@pytest.mark.parametrize("head", [(3, 0), (0, 4), (-1, 0), (0, -1)])
def test_a_head_that_is_not_there_is_named(head):
    model = model_of("gpt")
    words = f"no (block {head[0]}: ids go from 0 to 2|head {head[1]}: ids go from 0 to 3)"
    with pytest.raises(ValueError, match=words), ablated(model, [(0, 0), head]):
        pass
    assert not any(block.attention.output._forward_pre_hooks for block in model.blocks)


def test_usual_outputs_of_another_model_are_refused():
    with (pytest.raises(ValueError, match=r"usual=tensor.* must be of shape \(3, 4, 6\)"),
          ablated(model_of("gpt"), [(0, 0)], torch.zeros(3, 4, 5))):  # fmt: skip
        pass


# --- patterns ---------------------------------------------------------------------------------------------------------


def by_loops(weights, ids):
    shares = []
    for t in range(len(ids)):
        right = [j for j in range(1, t + 1) if ids[j - 1] == ids[t]]
        shares += [float(weights[t, right].sum())] if right else []
    return sum(shares) / len(shares)


@given(st.lists(st.integers(0, 3), min_size=5, max_size=12), st.integers(0, 99))
def test_prefix_matching_is_what_loops_count(ids, seed):
    T = len(ids)
    weights = torch.rand(2, 3, T, T, generator=torch.Generator().manual_seed(seed)).tril()
    got = prefix_matching(weights, torch.tensor(ids))
    expected = torch.tensor([[by_loops(head, ids) for head in layer] for layer in weights])
    assert torch.allclose(got, expected, atol=1e-5)


def test_a_perfect_induction_head_has_one():
    ids = torch.tensor([4, 7, 5, 4, 7, 5])
    weights = torch.eye(6)[[0, 0, 0, 1, 2, 3]]
    assert prefix_matching(weights, ids) == 1
    assert prefix_matching(torch.eye(6), ids) == 0


def test_a_text_without_repetition_has_no_score():
    with pytest.raises(ValueError, match=r"input_ids=\[0, 1, 2\] cannot be used.*comes again"):
        prefix_matching(torch.eye(3), torch.arange(3))


def test_shapes_are_looked_at():
    with pytest.raises(ValueError, match="input_ids has shape"):
        prefix_matching(torch.eye(3), torch.zeros(4, dtype=torch.int64))
    with pytest.raises(ValueError, match="y has shape"):
        fit_linear(torch.zeros(5, 2), torch.zeros(4, 1))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_no_line_through_what_is_no_number(bad):
    x, y = torch.eye(4), torch.ones(4, 1)
    spoiled = [values.index_fill(0, torch.tensor([2]), bad) for values in (x, y)]
    for name, pair in ("x", (spoiled[0], y)), ("y", (x, spoiled[1])):
        with pytest.raises(ValueError, match=rf"^{name}=\[{bad}\] .* finite numbers"):
            fit_linear(*pair)


# --- straight lines ---------------------------------------------------------------------------------------------------


def test_fit_linear_is_numpys_least_squares_with_the_penalty_as_rows():
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, [1, 5, 0.2], (40, 3)), rng.normal(size=(40, 2))
    z = (x - x.mean(0)) / x.std(0)
    stacked = np.vstack([z, np.sqrt(0.1 * 40) * np.eye(3)])
    slope = np.linalg.lstsq(stacked, np.vstack([y - y.mean(0), np.zeros((3, 2))]), rcond=None)[0] / x.std(0)[:, None]
    weight, bias = fit_linear(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32), ridge=0.1)
    assert np.allclose(weight, slope, atol=1e-4)
    assert np.allclose(bias, y.mean(0) - x.mean(0) @ slope, atol=1e-4)


def test_a_straight_line_is_found_again_though_columns_repeat():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    x = torch.cat([x, x[:, :1], torch.ones(50, 1)], 1)
    y = x @ torch.tensor([[1.0], [-2], [0.5], [0], [0]]) + 4
    weight, bias = fit_linear(x, y, ridge=1e-8)
    assert torch.allclose(x @ weight + bias, y, atol=1e-4)


def test_without_a_penalty_it_is_refused():
    with pytest.raises(ValueError, match="ridge=0 cannot be used"):
        fit_linear(torch.zeros(5, 2), torch.zeros(5, 1), ridge=0)


def test_the_examples_hold():
    assert doctest.testmod(interpretability, extraglobs={"torch": torch}).failed == 0
