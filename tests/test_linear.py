"""Linear layers for writing: equal to nn.Linear, or as near to it as their bits allow, whatever the sizes."""
import doctest

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib import linear
from course_lib.linear import DynamicInt8Linear, Int4Linear, Int8Linear, Linear, small


def layer_of(N, D, bias=True, seed=0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(D, N, bias=bias).requires_grad_(False)


def error(a, b) -> float:
    return ((a - b).std() / b.std()).item()


def test_examples_in_docstrings():
    assert doctest.testmod(linear).attempted >= 1
    assert doctest.testmod(linear).failed == 0


# --- float32 ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 300), (300,), (2, 3, 300), (7, 300)])
def test_linear_is_nn_linear_with_and_without_gradients(shape, bias):
    theirs, ours, x = layer_of(500, 300, bias), Linear(300, 500, bias), torch.randn(shape)
    ours.load_state_dict(theirs.state_dict())
    assert ours.weight.numel() >= linear.FEW
    with torch.no_grad():
        assert torch.allclose(ours(x), theirs(x), atol=1e-5)
        last = torch.randn(2, 5, 300)[:, -1:]  # a view, as of the last token
        assert torch.allclose(ours(last), theirs(last), atol=1e-5)
    assert torch.equal(ours(x), theirs(x)), "where gradients are asked for it is the same kernel"
    ours(x).sum().backward()
    assert torch.allclose(ours.weight.grad, x.reshape(-1, 300).sum(0).expand(500, 300), atol=1e-4)


def test_the_other_kernel_is_used_where_it_can_be(monkeypatch):
    used = []

    def kernel(x, weight, bias, *rest):
        used.append(tuple(weight.shape))
        return torch.nn.functional.linear(x, weight, bias)

    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", kernel, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(linear, "_by_intel", lambda: False)
    large, few = Linear(512, 256), Linear(64, 64)
    with torch.no_grad():
        large(torch.ones(1, 512)), few(torch.ones(1, 64)), large.double()(torch.ones(1, 512, dtype=torch.float64))
        assert used == [(256, 512)], "not for a small matrix, nor for other numbers"
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        large.float()(torch.ones(1, 512))
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
        monkeypatch.setattr(linear, "_by_intel", lambda: True)
        large(torch.ones(1, 512))
    large(torch.ones(1, 512))
    assert used == [(256, 512)], "not where torch has no such kernel, on Intel's own, nor for training"


def test_linear_is_compiled_whole():
    layer, x = Linear(512, 256), torch.randn(2, 512)
    with torch.no_grad():
        assert torch.allclose(torch.compile(layer, fullgraph=True, backend="eager")(x), layer(x), atol=1e-5)


# --- fewer bits -------------------------------------------------------------------------------------------------------

KINDS = {"int8": (Int8Linear, 0.01), "int8_dynamic": (DynamicInt8Linear, 0.03), "int4": (Int4Linear, 0.1)}


@settings(max_examples=40, deadline=None)
@given(N=st.integers(1, 70), D=st.integers(1, 100), kind=st.sampled_from(linear.KINDS[1:]), bias=st.booleans(),
       rows=st.integers(1, 5))
def test_any_size_is_near(N, D, kind, bias, rows):
    """Also those that a kernel does not take: it reads beyond the end of a row whose length is odd."""
    layer, x = layer_of(N, D, bias), torch.randn(2, rows, D)
    with torch.no_grad():
        got = small(layer, kind)(x)
    assert got.shape == (2, rows, N)
    assert got.dtype == torch.float32
    assert (got - layer(x)).abs().max() < 0.15 * layer.weight.abs().max() * x.norm(dim=-1).max() + 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_errors_are_as_small_as_the_bits_allow(kind):
    form, most = KINDS[kind]
    layer, x = layer_of(96, 128), torch.randn(50, 128)
    kept = small(layer, kind)
    assert type(kept) is form
    assert most / 20 < error(kept(x), layer(x)) < most


@pytest.mark.parametrize("kind", ["int8", "int8_dynamic"])
def test_a_row_of_weights_has_its_own_scale(kind):
    layer, x = layer_of(2, 64), torch.randn(5, 64)
    layer.weight *= torch.tensor([[1.0], [1000.0]])
    expected, got = layer(x), small(layer, kind)(x)
    for row in range(2):
        assert (expected - got)[:, row].std() < 0.05 * expected[:, row].std()


def test_one_large_number_spoils_the_row_where_what_comes_in_is_rounded():
    """Which is why "int8" is not "int8_dynamic"."""
    layer, x = layer_of(96, 128), torch.randn(50, 128)
    layer.weight[:, 3] = 0  # the large number itself changes nothing
    x[:, 3] = 1000.0
    assert error(small(layer, "int8")(x), layer(x)) < 0.01
    assert error(small(layer, "int8_dynamic")(x), layer(x)) > 0.5


def test_four_bits_of_a_file_are_kept_bit_by_bit():
    """Scales that bfloat16 holds exactly, and an x of 0 and 1: then nothing is left to round."""
    rng = torch.Generator().manual_seed(0)
    q = torch.randint(16, (32, 96), generator=rng)
    d = 2.0 ** torch.randint(-3, 3, (32, 3), generator=rng)
    m = -d * torch.randint(9, (32, 3), generator=rng)
    weight = (q.unflatten(1, (3, 32)) * d[..., None] + m[..., None]).flatten(1)
    kept = Int4Linear(q, d, m)
    assert torch.equal(kept(torch.eye(96)).T, weight)
    layer = layer_of(32, 96, bias=False)
    layer.weight.copy_(weight)
    assert torch.equal(small(layer, "int4", (q, d, m))(torch.eye(96)).T, weight)


def test_four_bits_are_found_again():
    """A block that has a 0 and a 15 says by itself what its scale is; one weight repeated needs none."""
    q = torch.randint(16, (8, 64), generator=torch.Generator().manual_seed(1))
    q[:, 0], q[:, 1], q[:, 32], q[:, 33] = 0, 15, 15, 0
    found, d, m = linear.four_bits((q.unflatten(1, (2, 32)) * 0.25 - 1).flatten(1))
    assert torch.equal(found.long(), q)
    assert torch.allclose(d, torch.tensor(0.25))
    assert torch.allclose(m, torch.tensor(-1.0))
    found, d, m = linear.four_bits(torch.full((1, 32), 7.0))
    assert (found * d + m == 7).all()


def test_a_matrix_that_has_no_four_bits_has_eight():
    assert type(small(layer_of(17, 64), "int4")) is Int8Linear
    assert type(small(layer_of(16, 65), "int4")) is Int8Linear
    with pytest.raises(ValueError, match=r"q=\(17, 64\) cannot .* for 4 bits"):
        Int4Linear(torch.zeros(17, 64), torch.zeros(17, 2), torch.zeros(17, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_kernel_the_layer_stays_as_it_is_and_says_so(kind, monkeypatch):
    def none(*arguments, **settings):
        raise NotImplementedError("no such kernel\nand a long story")

    monkeypatch.setattr(torch, "_weight_int8pack_mm", none)
    monkeypatch.setattr(torch, "_convert_weight_to_int4pack_for_cpu", none)
    monkeypatch.setattr(torch.ops.quantized, "linear_prepack", none)
    layer = layer_of(32, 64)
    with pytest.warns(UserWarning, match=rf"multiplies no {kind} weights here \(no such kernel\): they stay float32\."):
        assert small(layer, kind) is layer
