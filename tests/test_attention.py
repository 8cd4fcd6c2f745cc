"""attention: both paths against torch's, outputs and gradients; masks, rows without a key, NaN, the cache, memory."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib import attention
from course_lib.attention import (
    AdditiveAttention,
    KeyValueCache,
    MultiHeadAttention,
    causal_mask,
    fused_attention,
    masked_softmax,
    padding_mask,
    scaled_dot_product_attention,
)

# All unequal, so that a swapped axis cannot fit by luck; 4 numbers a head.
B, H, T, S, D_MODEL, D_MEMORY = 2, 3, 5, 7, 12, 10
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
DTYPES = st.sampled_from(list(TOLERANCE))
FEW = settings(max_examples=25, deadline=None, derandomize=True)


def assert_close(ours, theirs):
    """Each pair equal, to within the tolerance of its type times the largest number of all of theirs."""
    largest = max(other.abs().max().item() for other in theirs)
    assert largest > 0
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        assert one.shape == other.shape, number
        assert one.dtype == other.dtype
        error = (one - other).abs().max().item()
        assert error <= TOLERANCE[other.dtype] * largest, (number, error, largest)


def with_gradients(run, tensors, seed=0):
    """What `run` gives, and the gradients for `tensors` of a random weighting of all of it."""
    outputs = run()
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    generator = torch.Generator().manual_seed(seed)
    loss = sum((o * torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype)).sum() for o in outputs)
    gradients = torch.autograd.grad(loss, tensors, allow_unused=True)
    return [o.detach() for o in outputs], [torch.zeros_like(t) if g is None else g for t, g in zip(tensors, gradients)]


def random_mask(*shape, generator):
    """About half of the keys, and at least one, for every query."""
    mask = torch.rand(shape, generator=generator) < 0.5
    kept = torch.randint(shape[-1], (*shape[:-1], 1), generator=generator)
    return mask.scatter(-1, kept, True)


def after_text(batch, length, generator):
    """One True a token and then False for the padding: the first is never padding, so every causal row has a key."""
    return torch.arange(length) < torch.randint(1, length + 1, (batch, 1), generator=generator)


def inputs(*shapes, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for s in shapes]


# --- the equation and the kernel --------------------------------------------------------------------------------------


def test_attention_by_hand():
    # q . k = 2 ln 3 and 0; over sqrt(4): ln 3 and 0; the softmax: 3 : 1
    query, key = torch.tensor([[2 * math.log(3), 0, 0, 0]]), torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    output, weights = scaled_dot_product_attention(query, key, torch.tensor([[4.0], [8.0]]))
    torch.testing.assert_close(weights, torch.tensor([[0.75, 0.25]]))
    torch.testing.assert_close(output, torch.tensor([[5.0]]))


@FEW
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(1, 9)),
    st.sampled_from(["none", "causal", "padding", "causal and padding", "per row", "per head"]),
    DTYPES,
    st.integers(0, 99),
)
def test_both_paths_equal_torch_in_outputs_and_gradients(sizes, kind, dtype, seed):
    batch, heads, queries, keys, size = sizes
    keys = max(queries, keys)
    generator = torch.Generator().manual_seed(seed)
    causal = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    mask = {
        "none": lambda: None,
        "causal": lambda: causal,
        "padding": lambda: random_mask(batch, 1, 1, keys, generator=generator),
        "causal and padding": lambda: causal & after_text(batch, keys, generator)[:, None, None],
        "per row": lambda: random_mask(queries, keys, generator=generator),
        "per head": lambda: random_mask(batch, heads, queries, keys, generator=generator),
    }[kind]()
    qkv = inputs(*[(batch, heads, n, size) for n in (queries, keys, keys)], dtype=dtype, seed=seed)
    peer = with_gradients(lambda: F.scaled_dot_product_attention(*qkv, attn_mask=mask), qkv)
    slow = with_gradients(lambda: scaled_dot_product_attention(*qkv, mask)[0], qkv)
    fast = with_gradients(lambda: fused_attention(*qkv, mask), qkv)
    if "causal" in kind:
        others = None if kind == "causal" else mask[:, :, -1:]  # what the last query sees, causal or not: the padding
        fast = with_gradients(lambda: fused_attention(*qkv, others, is_causal=True), qkv)
    for ours in (slow, fast):
        assert_close(ours[0], peer[0])
        assert_close(ours[1], peer[1])


def test_weights_are_a_softmax_over_the_keys_alone():
    q, k, v = inputs((B, H, T, 4), (B, H, S, 4), (B, H, S, 6))
    mask = random_mask(T, S, generator=torch.Generator().manual_seed(1))
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    assert output.shape == (B, H, T, 6)
    assert weights.shape == (B, H, T, S)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T, dtype=torch.float64))
    assert (weights[:, :, ~mask] == 0).all()
    assert (weights[:, :, mask] > 0).all()


def run_path(path, q, k, v, mask=None):
    return scaled_dot_product_attention(q, k, v, mask)[0] if path == "equation" else fused_attention(q, k, v, mask)


@pytest.mark.parametrize("path", ["equation", "fused"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("keys", [S, 40])  # the kernel treats the first keys in groups, and a short rest by itself
def test_a_row_without_keys_gives_zeros_and_leaves_no_trace(path, dtype, keys):
    q, k, v = inputs((B, H, T, 4), (B, H, keys, 4), (B, H, keys, 4), dtype=dtype)
    mask = random_mask(B, 1, T, keys, generator=torch.Generator().manual_seed(2))
    mask[0, 0, 1] = mask[1] = False  # one row of one sequence, and a whole sequence
    (output,), gradients = with_gradients(lambda: run_path(path, q, k, v, mask), (q, k, v))
    assert (output[0, :, 1] == 0).all()
    assert (output[1] == 0).all()
    assert all(g.isfinite().all() for g in gradients)
    assert all((g[1] == 0).all() for g in gradients)
    assert (gradients[0][0, :, 1] == 0).all()
    # the other rows are what they are without it
    rows = torch.tensor([0, 2, 3, 4])
    alone = F.scaled_dot_product_attention(q[:1, :, rows], k[:1], v[:1], mask[:1, :, rows])
    assert_close([output[:1, :, rows]], [alone.detach()])


def test_a_row_without_keys_weighs_nothing():
    weights = masked_softmax(torch.zeros(2, 3), torch.tensor([[True, False, True], [False] * 3]))
    assert weights.tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize("path", ["equation", "fused"])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("keys", [1, 3, S, 17, 40])
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_no_number_stays_visible(path, dtype, keys, wrong):
    shapes = (B, H, T, 4), (B, H, keys, 4), (B, H, keys, 4)
    mask = torch.zeros(T, keys, dtype=torch.bool)
    mask[:, -1] = True  # the last key is the only one in sight, at the end of the row
    for place in range(3):
        tensors = [t.detach() for t in inputs(*shapes, dtype=dtype)]
        tensors[place][0, 1, -1] = wrong
        rows = slice(-1, None) if place == 0 else slice(None)
        for seen in (mask, mask | True) if keys > 1 else (None,):
            output = run_path(path, *tensors, seen)
            assert not output[0, 1, rows].isfinite().any(), (place, seen)
            assert output[1].isfinite().all()  # and harms no other sequence


def test_a_nan_changes_neither_the_causal_mask_nor_the_dropout():
    q, k, v = (x.detach() for x in inputs((B, H, T, 4), (B, H, T, 4), (B, H, T, 4)))
    clean = fused_attention(q, k, v, is_causal=True)
    k[0, :, -1] = math.nan  # seen by the last query alone, for the values are numbers
    output = fused_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(output[:, :, :-1], clean[:, :, :-1])
    torch.testing.assert_close(output[1], clean[1])
    assert output[0, :, -1].isnan().all()
    assert (fused_attention(q, k, torch.ones_like(v), dropout=0.5)[1] != 1).any()


@pytest.mark.parametrize("path", ["equation", "fused"])
def test_nothing_but_nan_to_attend_to_is_not_zero(path):
    q, k, v = inputs((1, 1, T, 4), (1, 1, 3, 4), (1, 1, 3, 4), dtype=torch.float32)
    assert run_path(path, q, k * math.nan, v).isnan().all()
    assert run_path(path, q * math.nan, k, v).isnan().all()


def test_dropout_drops_weights_and_scales_up_the_rest():
    torch.manual_seed(0)
    q, k, _ = inputs((B, H, T, S), (B, H, S, S), (1, 1))
    identity = torch.eye(S, dtype=torch.float64).expand(B, H, S, S)  # the output is then the dropped weights
    _, full = scaled_dot_product_attention(q, k, identity)
    slow, weights = scaled_dot_product_attention(q, k, identity, dropout=0.4)
    torch.testing.assert_close(weights, full)  # those before the dropout: rows that sum to one
    for dropped in (slow, fused_attention(q, k, identity, dropout=0.4)):
        zero = dropped == 0
        assert 0.2 < zero.double().mean() < 0.6
        torch.testing.assert_close(dropped[~zero], (full / 0.6)[~zero])


def test_masks_by_hand():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(2, 3).tolist() == [[True, True, False], [True, True, True]]
    assert causal_mask(1, 3).tolist() == [[True, True, True]]
    assert padding_mask(torch.tensor([[True, True, False], [True, False, False]])).tolist() == [
        [[[True, True, False]]],
        [[[True, False, False]]],
    ]


# --- memory -----------------------------------------------------------------------------------------------------------


class Largest(TorchDispatchMode):
    """Keeps the size of the largest tensor that any operation, forward or backward, hands out."""

    def __init__(self):
        super().__init__()
        self.numbers, self.calls = 0, []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.calls.append(str(function))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.untyped_storage().nbytes() // tensor.element_size())
        return result


def largest(length, return_attention, **how):
    module = MultiHeadAttention(D_MODEL, H)
    x = torch.randn(B, length, D_MODEL, requires_grad=True)
    if "mask" in how:
        how = {"mask": padding_mask(torch.arange(length).expand(B, -1) < length - 1)}
    with Largest() as mode:
        answer = module(x, return_attention=return_attention, **how)
        (answer[0] if return_attention else answer).sum().backward()
    return mode


@pytest.mark.parametrize("how", [{}, {"is_causal": True}, {"mask": "padding"}], ids=str)
def test_memory_is_linear_in_the_length_without_weights(how):
    assert largest(96, False, **how).numbers == B * 96 * D_MODEL
    assert largest(384, False, **how).numbers == B * 384 * D_MODEL
    assert any("flash" in call or "efficient" in call for call in largest(96, False, **how).calls)
    assert largest(384, True, **how).numbers >= B * H * 384 * 384  # and so the measure would see it


# --- many heads -------------------------------------------------------------------------------------------------------


def copy_heads(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """torch keeps the three projections as one matrix, or as three where the memory has a size of its own."""
    parts = ours.query, ours.key, ours.value
    with torch.no_grad():
        if theirs.in_proj_weight is not None:
            theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        else:
            for name, part in zip("qkv", parts):
                getattr(theirs, f"{name}_proj_weight").copy_(part.weight)
        theirs.out_proj.weight.copy_(ours.output.weight)
        if ours.output.bias is not None:
            theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
            theirs.out_proj.bias.copy_(ours.output.bias)


def shuffle(module: nn.Module, seed: int) -> None:
    """Random numbers everywhere: zero biases would hide a missing one."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(parameter) * 0.4


def own_gradients(ours, tensors, run):
    """Gradients of the inputs, then of query, key and value joined as torch joins them, then of the output layer."""
    layers = ours.query, ours.key, ours.value, ours.output
    names = ["weight"] if ours.output.bias is None else ["weight", "bias"]
    parameters = [getattr(layer, name) for name in names for layer in layers]
    outputs, gradients = with_gradients(run, [*tensors, *parameters])
    return outputs, gradients[: len(tensors)], gradients[len(tensors) :]


@FEW
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from(["none", "causal", "padding", "causal and padding", "per row", "per head"]),
    st.sampled_from(["self", "cross", "cross, own size"]),
    st.booleans(),
    DTYPES,
    st.integers(0, 99),
)
def test_heads_equal_torch_in_outputs_weights_and_gradients(sizes, masked, form, bias, dtype, seed):
    batch, heads, head_size, queries, keys = sizes
    d_model, is_self = heads * head_size, form == "self"
    keys = queries if is_self else max(queries, keys)
    d_memory = d_model + 1 if form == "cross, own size" else d_model
    generator = torch.Generator().manual_seed(seed)
    ours = MultiHeadAttention(d_model, heads, bias=bias, d_memory=d_memory).to(dtype)
    theirs = nn.MultiheadAttention(d_model, heads, bias=bias, kdim=d_memory, vdim=d_memory, batch_first=True).to(dtype)
    shuffle(ours, seed)
    copy_heads(ours, theirs)
    shapes = [(batch, queries, d_model)] if is_self else [(batch, queries, d_model), (batch, keys, d_memory)]
    tensors = inputs(*shapes, dtype=dtype, seed=seed)

    mine, others = {}, {}
    if masked == "causal":
        mine, others = {"is_causal": True}, {"attn_mask": ~causal_mask(queries, keys)}
    elif masked == "padding":
        tokens = random_mask(batch, keys, generator=generator)
        mine, others = {"mask": padding_mask(tokens)}, {"key_padding_mask": ~tokens}
    elif masked == "causal and padding":
        tokens = after_text(batch, keys, generator)
        mine = {"mask": padding_mask(tokens), "is_causal": True}
        others = {"attn_mask": ~causal_mask(queries, keys), "key_padding_mask": ~tokens}
    elif masked == "per row":
        mask = random_mask(queries, keys, generator=generator)
        mine, others = {"mask": mask}, {"attn_mask": ~mask}
    elif masked == "per head":
        mask = random_mask(batch, heads, queries, keys, generator=generator)
        mine, others = {"mask": mask}, {"attn_mask": ~mask.flatten(0, 1)}

    def peer():
        memory = tensors[-1]
        return theirs(tensors[0], memory, memory, average_attn_weights=False, **others)

    with_weights = own_gradients(ours, tensors, lambda: ours(*tensors, return_attention=True, **mine))
    fused = own_gradients(ours, tensors, lambda: ours(*tensors, **mine))
    packed = [theirs.in_proj_weight] if theirs.in_proj_weight is not None else []
    packed = packed or [theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight]
    packed += [theirs.out_proj.weight, *([theirs.in_proj_bias, theirs.out_proj.bias] if bias else [])]
    for (outputs, in_gradients, own), run in ((with_weights, peer), (fused, lambda: peer()[0])):
        peer_outputs, peer_gradients = with_gradients(run, [*tensors, *packed])
        flat = torch.cat([g.flatten() for g in peer_gradients[len(tensors) :]])
        assert_close(outputs, peer_outputs)
        assert_close(in_gradients, peer_gradients[: len(tensors)])
        assert_close([torch.cat([g.flatten() for g in own])], [flat])


@pytest.fixture
def module():
    module = MultiHeadAttention(D_MODEL, H, d_memory=D_MEMORY).double()
    shuffle(module, 1)
    return module


def test_shapes_with_all_sizes_unequal(module):
    query, memory, value = inputs((B, T, D_MODEL), (B, S, D_MEMORY), (B, S, D_MEMORY))
    output, weights = module(query, memory, value, return_attention=True)
    assert output.shape == (B, T, D_MODEL)
    assert weights.shape == (B, H, T, S)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, H, T, dtype=torch.float64))
    assert_close([module(query, memory, value)], [output])
    assert not torch.allclose(module(query, memory), output)  # without a value the keys are the values


def test_a_head_is_the_equation_on_its_own_numbers(module):
    query, memory = inputs((B, T, D_MODEL), (B, S, D_MEMORY))
    _, weights = module(query, memory, return_attention=True)
    for head in range(H):
        own = slice(4 * head, 4 * head + 4)
        q, k, v = module.query(query)[..., own], module.key(memory)[..., own], module.value(memory)[..., own]
        assert_close([weights[:, head]], [scaled_dot_product_attention(q, k, v)[1]])


def test_padding_changes_nothing_that_the_tokens_see():
    module = MultiHeadAttention(D_MODEL, H)
    x = torch.randn(B, T, D_MODEL)
    tokens = torch.arange(S).expand(B, -1) < T
    padded = torch.cat([x, torch.randn(B, S - T, D_MODEL)], 1)
    for weights in (False, True):
        short = module(x, return_attention=weights)
        long = module(padded, mask=padding_mask(tokens), return_attention=weights)
        short, long = (short[0], long[0]) if weights else (short, long)
        torch.testing.assert_close(long[:, :T], short)


@pytest.mark.parametrize("return_attention", [False, True])
def test_a_sequence_of_padding_alone_gives_the_bias_and_no_nan(return_attention):
    module = MultiHeadAttention(D_MODEL, H)
    shuffle(module, 3)
    x = torch.randn(B, T, D_MODEL, requires_grad=True)
    answer = module(x, mask=padding_mask(torch.tensor([[True] * T, [False] * T])), return_attention=return_attention)
    output = answer[0] if return_attention else answer
    output.sum().backward()
    torch.testing.assert_close(output[1], module.output.bias.expand(T, -1))
    assert all(p.grad.isfinite().all() for p in [x, *module.parameters()])
    assert (x.grad[1] == 0).all()


@pytest.mark.parametrize("return_attention", [False, True])
@pytest.mark.parametrize("length", [T, 50])
@pytest.mark.parametrize("padded", [False, True])
def test_no_output_changes_when_a_later_token_does(return_attention, length, padded):
    module = MultiHeadAttention(D_MODEL, H)
    x = torch.randn(B, length, D_MODEL)
    mask = padding_mask(torch.arange(length).expand(B, -1) > 0) if padded else None

    def output(x):
        answer = module(x, mask=mask, is_causal=True, return_attention=return_attention)
        return answer[0] if return_attention else answer

    before = output(x)
    for t in range(0, length, max(1, length // 5)):
        changed = x.clone()
        changed[:, t] += 1000.0
        after = output(changed)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.equal(after[:, t], before[:, t]) or (padded and t == 0)


def test_nan_tokens_stay_visible():
    module = MultiHeadAttention(D_MODEL, H)
    x = torch.randn(B, 3, D_MODEL)
    x[0, 1] = math.nan
    for answer in (module(x), module(x, return_attention=True)[0]):
        assert answer[0].isnan().all()
        assert answer[1].isfinite().all()


def test_weights_fall_out_in_training_alone():
    torch.manual_seed(0)
    module, x = MultiHeadAttention(D_MODEL, H, dropout=0.5), torch.randn(B, T, D_MODEL)
    assert not torch.equal(module(x), module(x))
    assert not torch.equal(module(x, return_attention=True)[0], module(x, return_attention=True)[0])
    module.eval()
    torch.testing.assert_close(module(x), module(x, return_attention=True)[0])


def test_projections_start_as_xavier_uniform_with_biases_of_zero():
    module = MultiHeadAttention(48, 4, d_memory=24)
    for layer, inputs_and_outputs in ((module.query, 96), (module.key, 72), (module.value, 72), (module.output, 96)):
        edge = math.sqrt(6 / inputs_and_outputs)
        assert 0.95 * edge < layer.weight.abs().max() <= edge
        assert (layer.bias == 0).all()


def test_the_kernel_runs_unless_weights_are_asked_for(monkeypatch):
    calls = []
    kernel = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda *a, **k: calls.append(k) or kernel(*a, **k))
    module, x = MultiHeadAttention(D_MODEL, H), torch.randn(B, T, D_MODEL)
    module(x, is_causal=True)
    assert [call["is_causal"] for call in calls] == [True]  # no mask of T * T is made
    module(x, is_causal=True, return_attention=True)
    assert len(calls) == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near(dtype):
    module, x = MultiHeadAttention(D_MODEL, H), torch.randn(B, T, D_MODEL)
    exact = module(x)
    for return_attention in (False, True):
        answer = module.to(dtype)(x.to(dtype), is_causal=False, return_attention=return_attention)
        answer = answer[0] if return_attention else answer
        assert answer.dtype == dtype
        torch.testing.assert_close(answer.float(), exact, atol=0.05, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("number", [33.0, 256.0])  # float16 cannot hold 33 * 33 * 64, nor 256 * 256 * 64 / 8
def test_in_half_precision_both_paths_agree_where_products_are_large(dtype, number):
    same = torch.full((1, 1, 3, 64), number, dtype=dtype)  # the mean of 33s is 33
    assert (fused_attention(same, same, same) == number).all()
    output, weights = scaled_dot_product_attention(same, same, same)
    torch.testing.assert_close(output, same)
    assert weights.isfinite().all()
    module = MultiHeadAttention(128, 2).to(dtype)
    with torch.no_grad():
        for layer in (module.query, module.key):
            layer.weight.copy_(33 * torch.eye(128))  # products near 33 * 33 * 64 again, after the projections
        x = torch.ones(B, T, 128, dtype=dtype)
        x[:, 0] = 0.5
        exact = MultiHeadAttention(128, 2)
        exact.load_state_dict(module.state_dict())
        for answer in (module(x), module(x, return_attention=True)[0]):
            torch.testing.assert_close(answer.float(), exact(x.float()), atol=0.05, rtol=0)


@pytest.mark.parametrize("is_causal", [False, True])
def test_compiles_as_one_graph(is_causal):
    module, x = MultiHeadAttention(D_MODEL, H), torch.randn(B, T, D_MODEL)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    for how in ({}, {"return_attention": True}, {"mask": padding_mask(torch.arange(T).expand(B, -1) < T - 1)}):
        ours, theirs = module(x, is_causal=is_causal, **how), compiled(x, is_causal=is_causal, **how)
        torch.testing.assert_close(theirs, ours)


class NoWait(TorchDispatchMode):
    """Fails where a tensor's number is wanted in Python, or a shape depends on one: on a GPU both would wait."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert not any(name in str(function) for name in ("_local_scalar_dense", "nonzero", "unique")), function
        return function(*args, **(kwargs or {}))


def test_a_cached_token_is_not_looked_at():
    module, cache = MultiHeadAttention(D_MODEL, H), KeyValueCache()
    with torch.no_grad():
        module(torch.randn(B, T, D_MODEL), is_causal=True, cache=cache)
        with NoWait():
            module(torch.randn(B, 1, D_MODEL), is_causal=True, cache=cache)
            fused_attention(*torch.randn(3, B, H, T, 4), look_for_nan=False)
        with NoWait(), pytest.raises(AssertionError, match="_local_scalar_dense"):
            module(torch.randn(B, T, D_MODEL))


@pytest.mark.gpu
def test_promises_hold_on_the_gpu():
    module, x = MultiHeadAttention(D_MODEL, H).cuda(), torch.randn(B, T, D_MODEL, device="cuda")
    mask = padding_mask(torch.tensor([[True] * 3 + [False] * 2, [False] * T], device="cuda"))
    for how in ({}, {"is_causal": True}, {"mask": mask}, {"mask": mask, "is_causal": True}):
        output, _ = module(x, return_attention=True, **how)
        torch.testing.assert_close(module(x, **how), output, atol=1e-3, rtol=1e-3)
        assert output.isfinite().all()
        for part in (x * math.nan, x.index_fill(1, torch.tensor([1], device="cuda"), math.nan)):
            assert module(part, **how)[0, 1:].isnan().all()


# --- the cache --------------------------------------------------------------------------------------------------------


@FEW
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.booleans(), st.booleans(), st.integers(0, 99))
@torch.no_grad()
def test_reading_piece_by_piece_equals_reading_at_once(pieces, padded, return_attention, seed):
    torch.manual_seed(seed)
    module = MultiHeadAttention(D_MODEL, H)
    length = sum(pieces)
    x, cache = torch.randn(B, length, D_MODEL), KeyValueCache()
    tokens = torch.rand(B, length) < 0.7  # some rows have nothing to attend to
    whole, weights = module(
        x, mask=padding_mask(tokens) if padded else None, is_causal=True, return_attention=True
    )
    done, parts = 0, []
    for piece in pieces:
        new, done = x[:, done : done + piece], done + piece
        mask = padding_mask(tokens[:, :done]) if padded else None
        answer = module(new, mask=mask, is_causal=True, cache=cache, return_attention=return_attention)
        if return_attention:
            answer, seen = answer
            torch.testing.assert_close(seen, weights[:, :, done - piece : done, :done])
        parts.append(answer)
        assert cache.length == done
    torch.testing.assert_close(torch.cat(parts, 1), whole)


@torch.no_grad()
def test_cross_attention_projects_its_memory_once(module, monkeypatch):
    module = module.float()
    query, memory = torch.randn(B, T, D_MODEL), torch.randn(B, S, D_MEMORY)
    whole, cache, calls = module(query, memory), KeyValueCache(), []
    monkeypatch.setattr(module.key, "forward", lambda x, old=module.key.forward: calls.append(x) or old(x))
    parts = [module(query[:, t : t + 1], memory, cache=cache) for t in range(T)]
    torch.testing.assert_close(torch.cat(parts, 1), whole)
    assert len(calls) == 1
    with pytest.raises(ValueError, match="another sequence.*new cache"):
        module(query, torch.randn(B, S, D_MEMORY), cache=cache)


@torch.no_grad()
def test_a_cache_serves_one_kind_of_attention():
    module, x = MultiHeadAttention(D_MODEL, H), torch.randn(B, T, D_MODEL)
    for first, second in (((x, x), (x,)), ((x,), (x, x))):  # cross, then self; self, then cross
        cache = KeyValueCache()
        module(*first, cache=cache, is_causal=True)
        with pytest.raises(ValueError, match="another sequence.*new cache"):
            module(*second, cache=cache, is_causal=True)
        assert cache.length == T


@torch.no_grad()
def test_a_cache_is_copied_rarely():
    cache, places = KeyValueCache(), []
    for step in range(100):
        key, _ = cache.extend(torch.full((B, H, 1, 4), float(step)), torch.zeros(B, H, 1, 4))
        places.append(key.data_ptr())
    assert key[0, 0, :, 0].tolist() == list(range(100))
    assert len(set(places)) <= 8  # room for 1, 2, 4, ... 128 positions


def test_a_cache_refuses_gradients_and_other_batches():
    module, cache = MultiHeadAttention(D_MODEL, H), KeyValueCache()
    with pytest.raises(RuntimeError, match="torch.no_grad"):
        module(torch.randn(B, T, D_MODEL), cache=cache, is_causal=True)
    with torch.no_grad():
        module(torch.randn(B, T, D_MODEL), cache=cache, is_causal=True)
        with pytest.raises(ValueError, match=r"\(1, 3, 1, 4\).*\(2, 3, 5, 4\).*one for each module and batch"):
            module(torch.randn(1, 1, D_MODEL), cache=cache, is_causal=True)
        mask = padding_mask(torch.ones(B, T).bool())
        with pytest.raises(ValueError, match=r"\(2, 1, 1, 5\).*6 keys, 5 cached"):  # forgot that the cache counts too
            module(torch.randn(B, 1, D_MODEL), mask=mask, cache=cache, is_causal=True)
        assert cache.length == T


@torch.no_grad()
@pytest.mark.parametrize("length", [1, T])
def test_a_cache_is_refused_where_later_positions_would_be_seen(length):
    module, x = MultiHeadAttention(D_MODEL, H), torch.randn(B, T, D_MODEL)
    padding = padding_mask(torch.ones(B, length).bool())
    whole = module(x)
    for mask in (None, padding):
        cache = KeyValueCache()
        with pytest.raises(ValueError, match="cache hides later keys: say is_causal=True"):
            module(x[:, :length], mask=mask, cache=cache)
        assert cache.length == 0
    # what it refuses is another answer than that without a cache
    cache = KeyValueCache()
    parts = [module(x[:, t : t + 1], cache=cache, is_causal=True) for t in range(T)]
    assert (torch.cat(parts, 1) - whole).abs().max() > 1e-2
    # a row of the mask for each of several queries says it all
    rows = module(x, mask=causal_mask(T), cache=KeyValueCache())
    torch.testing.assert_close(rows, module(x, is_causal=True))


@torch.no_grad()
def test_rotary_heads_read_piece_by_piece_as_at_once():
    from course_lib.transformer import RotaryPositions

    torch.manual_seed(0)
    module = MultiHeadAttention(D_MODEL, H, rotary=RotaryPositions(16, D_MODEL // H)).double()
    x, cache = torch.randn(B, S, D_MODEL, dtype=torch.float64), KeyValueCache()
    parts = [module(x[:, a:b], is_causal=True, cache=cache) for a, b in ((0, 1), (1, 4), (4, S))]
    assert_close([torch.cat(parts, 1)], [module(x, is_causal=True)])
    with pytest.raises(ValueError, match="x=.* cannot be used: x must be vectors of size 2"):
        MultiHeadAttention(D_MODEL, H, rotary=RotaryPositions(16, 2))(x.float())
    # padding before the text moves no turn: distances count alone
    padded, seen = torch.cat([torch.randn(B, 2, D_MODEL), x], 1), torch.arange(S + 2).expand(B, -1) >= 2
    late = module(padded, mask=padding_mask(seen), is_causal=True)[:, 2:]
    torch.testing.assert_close(late, module(x, is_causal=True), atol=1e-6, rtol=0)  # the tables are float32


@torch.no_grad()
def test_a_cache_with_room_is_never_copied():
    cache, places = KeyValueCache(max_length=50), set()
    for step in range(50):
        key, value = cache.extend(torch.full((B, H, 1, 4), float(step)), torch.full((B, H, 1, 4), -float(step)))
        places.add(key.data_ptr())
    assert len(places) == 1
    assert key[0, 0, :, 0].tolist() == list(range(50))
    assert torch.equal(value, -key)


# --- additive attention -----------------------------------------------------------------------------------------------


def test_additive_attention_equals_the_papers_loop():
    torch.manual_seed(0)
    module = AdditiveAttention(d_query=6, d_key=4, d_hidden=8).double()
    query, key, value = inputs((B, T, 6), (B, S, 4), (B, S, 9))
    mask = random_mask(B, T, S, generator=torch.Generator().manual_seed(4))
    output, weights = module(query, key, value, mask)
    w, u, v = module.query.weight, module.key.weight, module.score.weight[0]
    for b, t in [(0, 0), (0, T - 1), (1, 2)]:
        scores = torch.stack([v @ torch.tanh(w @ query[b, t] + u @ key[b, s]) for s in range(S)])
        exponents = scores.exp() * mask[b, t]
        expected = exponents / exponents.sum()
        assert_close([weights[b, t], output[b, t]], [expected, expected @ value[b]])
    own, _ = module(query, key)
    assert own.shape == (B, T, 4)  # the paper's: keys are the values


def test_additive_attention_with_nothing_to_see_gives_zeros():
    module = AdditiveAttention(6, 4, 8)
    query, key = inputs((B, T, 6), (B, S, 4), dtype=torch.float32)
    tokens = torch.tensor([[True] * S, [False] * S])
    (output, weights), gradients = with_gradients(lambda: module(query, key, mask=tokens[:, None]), (query, key))
    assert (output[1] == 0).all()
    assert (weights[1] == 0).all()
    assert all(g.isfinite().all() for g in gradients)
    assert (module(query * math.nan, key)[0]).isnan().all()


# --- bad input --------------------------------------------------------------------------------------------------------

Z = torch.zeros
TRUE = torch.ones(T, S, dtype=torch.bool)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: MultiHeadAttention(10, 4), "d_model=10 cannot be used: d_model must be a multiple of num_heads=4"),
        (lambda: MultiHeadAttention(0, 1), "d_model=0 cannot be used.*whole number of 1 or more"),
        (lambda: MultiHeadAttention(8, 2.0), "num_heads=2.0 cannot be used"),
        (lambda: MultiHeadAttention(8, True), "num_heads=True cannot be used"),
        (lambda: masked_softmax(Z(2, 3), Z(2, 3)), "type torch.float32: give booleans"),
        (lambda: masked_softmax(Z(2, 3), Z(4, 2, 3).bool()), r"shape \(4, 2, 3\).*\(2, 3\)"),
        (lambda: MultiHeadAttention(8, 2, d_memory=0), "d_memory=0 cannot be used"),
        (lambda: MultiHeadAttention(8, 2, dropout=1.0), "dropout=1.0 cannot be used.*below 1"),
        (lambda: MultiHeadAttention(8, 2, dropout="0.1"), "dropout='0.1' cannot be used"),
        (lambda: masked_softmax(Z(2, 3), TRUE.numpy()), "mask is a ndarray: give a tensor"),
        (lambda: padding_mask([[True]]), "attention_mask is a list: give a tensor"),
        (lambda: MultiHeadAttention(8, 2)(Z(B, T, 8).numpy()), "query is a ndarray: give a tensor"),
        (lambda: MultiHeadAttention(8, 2)(Z(B, T, 8), mask=[[True]]), "mask is a list: give a tensor"),
        (lambda: AdditiveAttention(8, 8, 0), "d_hidden=0 cannot be used"),
        (lambda: causal_mask(3, 2), "queries=3 cannot .* last positions of 2 keys"),
        (lambda: causal_mask(0, 2), "queries=0 cannot"),
        (lambda: causal_mask(2.0), "queries=2.0 cannot be used: queries must be a whole number"),
        (lambda: padding_mask(torch.ones(2, 3)), "type torch.float32: give booleans"),
        (lambda: padding_mask(torch.ones(3, dtype=torch.bool)), r"attention_mask has shape \(3,\): give \(B, S\)"),
    ],
)
def test_settings_and_masks_that_cannot_be(make, sentence):
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize("path", [scaled_dot_product_attention, fused_attention])
@pytest.mark.parametrize(
    ("q", "k", "v", "mask", "sentence"),
    [
        (Z(1, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), TRUE.float(), "type torch.float32: give booleans"),
        (Z(1, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), TRUE.long(), "type torch.int64: give booleans"),
        (Z(1, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), TRUE.T, r"mask has shape \(7, 5\).*#T=5, #S=7\)"),
        (Z(1, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), TRUE.expand(2, 1, T, S), r"shape \(2, 1, 5, 7\)"),
        (Z(1, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), TRUE.expand(1, 1, 1, T, S), r"\*#batch=\(1, 1\)"),
        (Z(1, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S - 1, 4), None, r"value has shape \(1, 1, 6, 4\).*S=7"),
        (Z(1, 1, T, 4), Z(1, 1, S, 3), Z(1, 1, S, 4), None, r"key has shape \(1, 1, 7, 3\).*D=4"),
        (Z(2, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), None, r"key has shape \(1, 1, 7, 4\).*\*batch=\(2, 1\)"),
        (Z(1, 1, 0, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), None, r"query has shape \(1, 1, 0, 4\)"),
        (Z(1, 1, T, 4), Z(1, 1, 0, 4), Z(1, 1, 0, 4), None, r"key has shape \(1, 1, 0, 4\)"),
        (Z(4), Z(1, 1, S, 4), Z(1, 1, S, 4), None, r"query has shape \(4,\)"),
        (Z(1, 1, T, 4), Z(1, 1, S, 4), Z(1, 1, S, 4), TRUE.numpy(), "mask is a ndarray: give a tensor"),
        (Z(1, 1, T, 4), Z(1, 1, S, 4).numpy(), Z(1, 1, S, 4), None, "key is a ndarray: give a tensor"),
    ],
)
def test_shapes_that_do_not_fit(path, q, k, v, mask, sentence):
    with pytest.raises(ValueError, match=sentence):
        path(q, k, v, mask)


@pytest.mark.parametrize("path", [scaled_dot_product_attention, fused_attention])
@pytest.mark.parametrize("share", [-0.1, 1.5, math.nan, "0.1"])
def test_shares_that_cannot_be_dropped(path, share):
    with pytest.raises(ValueError, match=f"dropout={share!r} cannot be used: dropout must be a share from 0 to 1"):
        path(Z(T, 4), Z(S, 4), Z(S, 4), dropout=share)


@pytest.mark.parametrize("mask", [torch.arange(S) != 2, torch.tensor(True), torch.tensor([False])])
def test_a_mask_may_have_few_axes_on_both_paths(mask):
    q, k, v = inputs((B, H, T, 4), (B, H, S, 4), (B, H, S, 4))
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    torch.testing.assert_close(fused_attention(q, k, v, mask), output)
    torch.testing.assert_close(weights != 0, mask.expand(B, H, T, S))


@pytest.mark.parametrize("return_attention", [False, True])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"query": Z(B, T, 8)}, r"query has shape \(2, 5, 8\): give \(B, T, d_model=12\)"),
        ({"query": Z(T, D_MODEL)}, r"query has shape \(5, 12\)"),
        ({"query": Z(B, 0, D_MODEL)}, r"query has shape \(2, 0, 12\)"),
        ({"key": Z(B, 0, D_MEMORY)}, r"key has shape \(2, 0, 10\)"),
        ({"key": Z(1, S, D_MEMORY)}, r"key has shape \(1, 7, 10\) beside query \(2, 5, 12\): give \(B=2, S"),
        ({"value": Z(B, S - 1, D_MEMORY)}, r"value has shape \(2, 6, 10\).*S=7"),
        ({"key": None}, "key=None cannot be used: key must be given with a value"),
        ({"mask": TRUE.float()}, "type torch.float32: give booleans"),
        ({"mask": torch.ones(B, S, dtype=torch.bool)}, r"mask has shape \(2, 7\).*give \(#T=5, #S=7\) or"),
        ({"mask": TRUE.expand(B, T, S)}, r"shape \(2, 5, 7\).*\(#B=2, #num_heads=3, #T=5, #S=7\)"),
        ({"query": Z(B, S + 1, D_MODEL), "is_causal": True}, "queries=8 cannot .* last positions of 7 keys"),
    ],
)
def test_heads_that_cannot_attend(module, arguments, sentence, return_attention):
    usual = {"query": Z(B, T, D_MODEL), "key": Z(B, S, D_MEMORY), "value": Z(B, S, D_MEMORY)}
    with pytest.raises(ValueError, match=sentence):
        module.float()(**(usual | arguments), return_attention=return_attention)


def test_float_masks_name_the_way_out():
    with pytest.raises(ValueError, match="mask == 0 makes them"):
        scaled_dot_product_attention(Z(T, 4), Z(S, 4), Z(S, 4), Z(T, S).masked_fill(~TRUE, -math.inf))


def test_rotary_heads_count_along_one_sequence_and_additive_inputs_fit():
    rotary = MultiHeadAttention(8, 2, rotary=nn.Identity())
    with pytest.raises(ValueError, match="left out: rotary positions count along one sequence"):
        rotary(Z(B, T, 8), Z(B, S, 8))
    with pytest.raises(ValueError, match=r"key has shape \(2, 7, 5\).*give \(B=2, S, d_key=4\)"):
        AdditiveAttention(6, 4, 8)(Z(B, T, 6), Z(B, S, 5))
    with pytest.raises(ValueError, match=r"value has shape \(2, 6, 4\).*S=7"):
        AdditiveAttention(6, 4, 8)(Z(B, T, 6), Z(B, S, 4), Z(B, S - 1, 4))
    with pytest.raises(ValueError, match="give booleans"):
        AdditiveAttention(6, 4, 8)(Z(B, T, 6), Z(B, S, 4), mask=Z(B, 1, S))


def test_the_docstrings_examples():
    import doctest

    assert doctest.testmod(attention).attempted >= 2
    assert doctest.testmod(attention).failed == 0
