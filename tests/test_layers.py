"""layers: the norm beside torch's, the network by hand, and the numbers that weights start with."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attention import assert_close, inputs, shuffle, with_gradients
from torch import nn

from course_lib.layers import FeedForward, LayerNorm, initialise, layer_norm

B, T, D_MODEL, D_FF = 2, 5, 12, 20
DTYPES = st.sampled_from([torch.float64, torch.float32])
FEW = settings(max_examples=15, deadline=None, derandomize=True)
X = torch.zeros(B, T, D_MODEL)


@FEW
@given(st.lists(st.integers(1, 5), max_size=2), st.integers(2, 40), st.booleans(), DTYPES, st.integers(0, 99))
def test_layer_norm_equals_torch_in_outputs_and_gradients(shape, size, bias, dtype, seed):
    ours, theirs = LayerNorm(size, 1e-3, bias).to(dtype), nn.LayerNorm(size, 1e-3, bias=bias).to(dtype)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    shuffle(ours, seed)
    theirs.load_state_dict(ours.state_dict())
    (x,) = inputs((*shape, size), dtype=dtype, seed=seed)
    peer = with_gradients(lambda: theirs(x), [x, *theirs.parameters()])
    for run in (lambda: ours(x), lambda: layer_norm(x, ours.weight, ours.bias, ours.eps)):
        outputs, gradients = with_gradients(run, [x, *ours.parameters()])
        assert_close(outputs, peer[0])
        assert_close(gradients, peer[1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_no_square_overflows(dtype):
    x = torch.tensor([[-600.0, 600.0, 0.0, 0.0]], dtype=dtype)
    norm = LayerNorm(4).to(dtype)
    torch.testing.assert_close(layer_norm(x, norm.weight, norm.bias), norm(x))


def test_layer_norm_starts_as_mean_zero_and_variance_one():
    x = LayerNorm(D_MODEL)(torch.randn(B, T, D_MODEL) * 5 + 3)
    torch.testing.assert_close(x.mean(-1), torch.zeros(B, T), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.var(-1, correction=0), torch.ones(B, T), atol=1e-4, rtol=0)
    assert LayerNorm(2)(torch.tensor([math.nan, 1.0])).isnan().all()


@pytest.mark.parametrize("activation", ["relu", "gelu", "gelu_tanh"])
def test_feed_forward_by_hand(activation):
    module = FeedForward(D_MODEL, D_FF, activation).double()
    (x,) = inputs((B, T, D_MODEL))
    hidden = x @ module.hidden.weight.T + module.hidden.bias
    assert hidden.shape == (B, T, D_FF)
    if activation == "relu":
        hidden = hidden.clamp(min=0)
    elif activation == "gelu":
        hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
    else:
        hidden = hidden * (1 + torch.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3))) / 2
    assert_close([module(x)], [hidden @ module.output.weight.T + module.output.bias])
    assert FeedForward(D_MODEL).hidden.out_features == 4 * D_MODEL


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: LayerNorm(D_MODEL)(torch.zeros(B, T, 8)), r"x has shape \(2, 5, 8\): give \(\*batch, d_model=12\)"),
        (lambda: layer_norm(X, torch.ones(8)), r"weight has shape \(8,\) beside x \(2, 5, 12\): give \(D=12\)"),
        (lambda: FeedForward(D_MODEL, 0), "d_ff=0 cannot be used"),
        (lambda: FeedForward(D_MODEL, 2.5), "d_ff=2.5 cannot be used"),
        (lambda: FeedForward(D_MODEL, activation="step"), "activation must be 'relu' or"),
        (lambda: initialise(nn.Linear(2, 2), "ones"), "init='ones' cannot be used: init must be 'xavier' or"),
    ],
)
def test_inputs_that_cannot_be(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
