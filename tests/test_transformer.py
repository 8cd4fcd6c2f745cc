"""transformer: pieces and blocks against torch's, causality, the cache, initialisation, and what cannot be."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError, replace
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attention import (
    Largest,
    NoWait,
    after_text,
    assert_close,
    copy_heads,
    inputs,
    random_mask,
    shuffle,
    with_gradients,
)
from torch import nn

from course_lib.attention import causal_mask, padding_mask
from course_lib.transformer import (
    NORMS,
    POSITIONS,
    SIZES,
    Block,
    Decoder,
    Embedding,
    Encoder,
    EncoderDecoder,
    TransformerConfig,
    initialise,
    sinusoidal_positions,
)

# All unequal, so that a swapped axis cannot fit by luck; 4 numbers a head.
B, H, T, S, D_MODEL, D_FF, LAYERS, SOURCES, TARGETS = 2, 3, 5, 7, 12, 20, 4, 13, 11
SMALL = TransformerConfig(
    vocab_size=SOURCES,
    target_vocab_size=TARGETS,
    context_length=16,
    d_model=D_MODEL,
    num_layers=LAYERS,
    num_heads=H,
    d_ff=D_FF,
    dropout=0.0,
)
DTYPES = st.sampled_from([torch.float64, torch.float32])
FEW = settings(max_examples=15, deadline=None, derandomize=True)
every_kind = pytest.mark.parametrize("config", [replace(SMALL, positions=p, norm=n) for p in POSITIONS for n in NORMS],
                                     ids=lambda config: f"{config.positions}, {config.norm}")  # fmt: skip


def tokens(*shape, vocab=SOURCES, seed=0):
    return torch.randint(vocab, shape, generator=torch.Generator().manual_seed(seed))


# --- blocks -----------------------------------------------------------------------------------------------------------


def copy_block(ours: Block, theirs: nn.TransformerEncoderLayer | nn.TransformerDecoderLayer) -> None:
    copy_heads(ours.attention, theirs.self_attn)
    norms = [ours.attention_norm, ours.feed_forward_norm]
    if ours.cross:
        copy_heads(ours.cross_attention, theirs.multihead_attn)
        norms.insert(1, ours.cross_norm)
    for number, norm in enumerate(norms, 1):
        getattr(theirs, f"norm{number}").load_state_dict(norm.state_dict())
    theirs.linear1.load_state_dict(ours.feed_forward.hidden.state_dict())
    theirs.linear2.load_state_dict(ours.feed_forward.output.state_dict())


def in_torchs_order(ours: Block) -> tuple[list[nn.Parameter], list[str]]:
    """Our parameters, and the names under which torch keeps them (query, key and value packed into one)."""
    pairs = []

    def add(module, name):
        pairs.extend((module.get_parameter(part), f"{name}{part}") for part in ("weight", "bias"))

    heads = [(ours.attention, "self_attn")] + ([(ours.cross_attention, "multihead_attn")] if ours.cross else [])
    for attention, name in heads:
        for layer in (attention.query, attention.key, attention.value):
            add(layer, f"{name}.in_proj_")
        add(attention.output, f"{name}.out_proj.")
    norms = [ours.attention_norm, *([ours.cross_norm] if ours.cross else []), ours.feed_forward_norm]
    for number, norm in enumerate(norms, 1):
        add(norm, f"norm{number}.")
    add(ours.feed_forward.hidden, "linear1.")
    add(ours.feed_forward.output, "linear2.")
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def compare(ours: Block, theirs, tensors, mine, peer) -> None:
    """Outputs and all gradients of our block, by either path, beside torch's."""
    parameters, names = in_torchs_order(ours)
    order = list(dict.fromkeys(names))
    peer_outputs, peer_gradients = with_gradients(peer, [*tensors, *(theirs.get_parameter(name) for name in order)])
    assert len(parameters) == len(list(ours.parameters()))
    assert len(order) == len(list(theirs.parameters()))
    for return_attention in (False, True):
        outputs, gradients = with_gradients(lambda how=return_attention: mine(how), [*tensors, *parameters])
        packed = {name: [] for name in order}
        for name, gradient in zip(names, gradients[len(tensors) :]):
            packed[name].append(gradient)
        gradients = [*gradients[: len(tensors)], *(torch.cat(parts) for parts in packed.values())]
        assert_close(outputs, peer_outputs)
        assert_close(gradients, peer_gradients)


@FEW
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 7), st.integers(1, 9)),
    st.sampled_from(NORMS),
    st.sampled_from(["relu", "gelu"]),
    st.sampled_from(["none", "causal", "padding", "causal and padding", "per row"]),
    DTYPES,
    st.integers(0, 99),
)
def test_a_block_equals_torchs_encoder_layer(sizes, norm, activation, masked, dtype, seed):
    batch, heads, head_size, length, d_ff = sizes
    d_model = 2 * heads * head_size  # of one or two numbers a norm makes nothing but signs
    generator = torch.Generator().manual_seed(seed)
    ours = Block(d_model, heads, d_ff, norm=norm, activation=activation, eps=1e-3).to(dtype)
    theirs = nn.TransformerEncoderLayer(
        d_model, heads, d_ff, 0.0, activation, 1e-3, batch_first=True, norm_first=norm == "pre"
    ).to(dtype)
    shuffle(ours, seed)
    copy_block(ours, theirs)
    (x,) = inputs((batch, length, d_model), dtype=dtype, seed=seed)
    mine, others = {}, {}
    if masked == "causal":
        mine, others = {"is_causal": True}, {"src_mask": ~causal_mask(length)}
    elif masked == "padding":
        kept = random_mask(batch, length, generator=generator)
        mine, others = {"mask": padding_mask(kept)}, {"src_key_padding_mask": ~kept}
    elif masked == "causal and padding":
        kept = after_text(batch, length, generator)
        mine = {"mask": padding_mask(kept), "is_causal": True}
        others = {"src_mask": ~causal_mask(length), "src_key_padding_mask": ~kept}
    elif masked == "per row":
        mask = random_mask(length, length, generator=generator)
        mine, others = {"mask": mask}, {"src_mask": ~mask}

    def run(return_attention):
        answer = ours(x, return_attention=return_attention, **mine)
        return answer[0] if return_attention else answer

    compare(ours, theirs, [x], run, lambda: theirs(x, **others))


@FEW
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7), st.integers(1, 9)),
    st.sampled_from(NORMS),
    st.booleans(),
    DTYPES,
    st.integers(0, 99),
)
def test_a_cross_block_equals_torchs_decoder_layer(sizes, norm, padded, dtype, seed):
    batch, heads, length, sources, d_ff = sizes
    d_model = 4 * heads
    ours = Block(d_model, heads, d_ff, norm=norm, cross=True, eps=1e-3).to(dtype)
    theirs = nn.TransformerDecoderLayer(
        d_model, heads, d_ff, 0.0, "relu", 1e-3, batch_first=True, norm_first=norm == "pre"
    ).to(dtype)
    shuffle(ours, seed)
    copy_block(ours, theirs)
    x, memory = inputs((batch, length, d_model), (batch, sources, d_model), dtype=dtype, seed=seed)
    kept = random_mask(batch, sources, generator=torch.Generator().manual_seed(seed))
    mine = {"memory_mask": padding_mask(kept)} if padded else {}
    others = {"memory_key_padding_mask": ~kept} if padded else {}

    def run(return_attention):
        answer = ours(x, is_causal=True, memory=memory, return_attention=return_attention, **mine)
        if not return_attention:
            return answer
        assert answer[1].attention.shape == (batch, heads, length, length)
        assert answer[1].cross.shape == (batch, heads, length, sources)
        return answer[0]

    compare(ours, theirs, [x, memory], run, lambda: theirs(x, memory, tgt_mask=~causal_mask(length), **others))


def test_a_pre_norm_stream_is_never_normalised():
    torch.manual_seed(0)
    x = 100 * torch.randn(B, T, D_MODEL)
    assert Block(D_MODEL, H, norm="pre")(x).std() > 50
    assert Block(D_MODEL, H, norm="post")(x).std() < 2


def test_dropout_falls_in_training_alone():
    torch.manual_seed(0)
    x = torch.randn(B, T, D_MODEL)
    for norm in NORMS:
        block = Block(D_MODEL, H, norm=norm, dropout=0.5)
        assert block.attention.dropout == 0.5
        block.attention.dropout = 0.0  # what remains falls on the sublayers' outputs
        assert not torch.allclose(block(x), block(x))
        block.eval()
        assert torch.equal(block(x), block(x))
    embedding = Embedding(SOURCES, replace(SMALL, dropout=0.5))
    assert (embedding(tokens(B, T)) == 0).any()
    assert not (embedding.eval()(tokens(B, T)) == 0).any()


# --- stacks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_an_encoder_is_its_blocks_and_a_last_norm_where_none_came(norm):
    encoder = Encoder(replace(SMALL, norm=norm)).double()
    shuffle(encoder, 1)
    (x,) = inputs((B, T, D_MODEL))
    expected = x
    for block in encoder.blocks:
        expected = block(expected)
    if norm == "pre":
        expected = nn.functional.layer_norm(expected, (D_MODEL,), encoder.norm.weight, encoder.norm.bias)
    assert_close([encoder(x)], [expected])
    assert len(encoder.blocks) == LAYERS
    assert len({id(p) for p in encoder.parameters()}) == 16 * LAYERS + 2 * (norm == "pre")


@every_kind
def test_maps_of_all_layers_on_request(config):
    torch.manual_seed(0)
    model = EncoderDecoder(config).double()
    source, target = tokens(B, S), tokens(B, T, vocab=TARGETS)
    seen = torch.arange(S).expand(B, -1) < torch.tensor([[S], [S - 3]])
    written = torch.arange(T).expand(B, -1) < torch.tensor([[T], [T - 2]])
    logits, maps = model(source, target, seen, written, return_attention=True)
    assert_close([model(source, target, seen, written)], [logits])
    assert (maps.decoder[:, 1, :, :, T - 2 :] == 0).all()
    logits, maps = model(source, target, seen, return_attention=True)
    assert logits.shape == (B, T, TARGETS)
    assert maps.encoder.shape == (LAYERS, B, H, S, S)
    assert maps.decoder.shape == (LAYERS, B, H, T, T)
    assert maps.cross.shape == (LAYERS, B, H, T, S)
    for weights in maps:
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1], dtype=torch.float64))
    assert (maps.decoder.triu(1) == 0).all()
    assert (maps.encoder[:, 1, :, :, S - 3 :] == 0).all()
    assert (maps.cross[:, 1, :, :, S - 3 :] == 0).all()
    assert (maps.cross[:, 0] > 0).all()
    assert_close([model(source, target, seen)], [logits])
    memory = model.encode(source, seen)
    assert_close([model.decode(target, memory, seen)], [logits])


@every_kind
@torch.no_grad()
def test_no_output_changes_when_a_later_token_does(config):
    torch.manual_seed(0)
    encoder, embedding = Encoder(config), Embedding(SOURCES, config)
    model, source = EncoderDecoder(config), tokens(B, S)
    target = tokens(B, T, vocab=TARGETS)
    before, logits, logits_by_weights = encoder(embedding(source), is_causal=True), model(source, target), model(
        source, target, return_attention=True)[0]  # fmt: skip
    for t in range(1, S):
        changed = source.clone()
        changed[:, t] = (changed[:, t] + 1) % SOURCES
        after = encoder(embedding(changed), is_causal=True)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.equal(after[:, t], before[:, t])
    for t in range(1, T):
        changed = target.clone()
        changed[:, t] = (changed[:, t] + 1) % TARGETS
        assert torch.equal(model(source, changed)[:, :t], logits[:, :t])
        assert torch.equal(model(source, changed, return_attention=True)[0][:, :t], logits_by_weights[:, :t])
        assert not torch.equal(model(source, changed)[:, t], logits[:, t])


@every_kind
@torch.no_grad()
def test_padding_changes_nothing_that_the_tokens_see(config):
    torch.manual_seed(0)
    model = EncoderDecoder(config).double()
    source, target = tokens(B, S), tokens(B, T, vocab=TARGETS)
    longer = torch.cat([source, tokens(B, 2, seed=5)], 1)
    seen = torch.arange(S + 2).expand(B, -1) < S
    assert_close([model(longer, target, seen)], [model(source, target)])
    more = torch.cat([target, tokens(B, 3, vocab=TARGETS, seed=5)], 1)
    kept = torch.arange(T + 3).expand(B, -1) < T
    assert_close([model(source, more, target_mask=kept)[:, :T]], [model(source, target)])
    assert (model(longer, target) - model(source, target)).abs().max() > 1e-3  # without the mask it does


def test_an_encoder_without_positions_is_blind_to_order_unless_it_is_causal():
    torch.manual_seed(0)
    source, order = tokens(B, S), torch.randperm(S)
    shuffled = source[:, order]
    for positions in POSITIONS:
        config = replace(SMALL, positions=positions)
        embedding, encoder = Embedding(SOURCES, config).double(), Encoder(config).double()
        moved = (encoder(embedding(shuffled)) - encoder(embedding(source))[:, order]).abs().max()
        assert (moved < 1e-10) == (positions == "none")
    ends = [encoder(embedding(ids), is_causal=True)[:, -1] for ids in (source, source[:, [1, 0, *range(2, S)]])]
    assert (ends[0] - ends[1]).abs().max() > 1e-3  # two causal layers know what came first


@pytest.mark.parametrize("stack", [Encoder, Decoder])
def test_every_setting_reaches_the_blocks(stack):
    config = replace(SMALL, dropout=0.3, norm="pre", activation="gelu", bias=False, eps=1e-3)
    for block in stack(config).blocks:
        attentions = [block.attention, *([block.cross_attention] if block.cross else [])]
        norms = [block.attention_norm, block.feed_forward_norm, *([block.cross_norm] if block.cross else [])]
        assert block.cross == (stack is Decoder)
        assert {a.dropout for a in attentions} == {block.dropout.p} == {0.3}
        assert {a.num_heads for a in attentions} == {H}
        assert {norm.eps for norm in norms} == {1e-3}
        assert block.norm == "pre"
        assert block.feed_forward.activation is nn.functional.gelu
        assert block.feed_forward.hidden.out_features == D_FF
        assert not [name for name, _ in block.named_parameters() if name.endswith("bias")]
        assert all(a.rotary is None for a in attentions)


def test_memory_without_weights_is_linear_in_the_length():
    config = replace(SMALL, context_length=400, num_layers=1)
    encoder, x = Encoder(config), torch.randn(1, 400, D_MODEL, requires_grad=True)
    seen = torch.arange(400)[None] < 390
    for how in ({}, {"is_causal": True}, {"attention_mask": seen}):
        with Largest() as mode:
            encoder(x, **how).sum().backward()
        assert mode.numbers == 400 * D_FF
    with Largest() as mode:
        encoder(x, return_attention=True)
    assert mode.numbers >= H * 400 * 400


@every_kind
def test_copies_of_a_model_answer_alike(config):
    torch.manual_seed(0)
    model, source, target = EncoderDecoder(config), tokens(B, S), tokens(B, T, vocab=TARGETS)
    other = EncoderDecoder(config)
    assert not torch.equal(other(source, target), model(source, target))
    other.load_state_dict(model.state_dict())
    for same in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(same(source, target), model(source, target))
    shared = copy.deepcopy(EncoderDecoder(replace(config, target_vocab_size=None)))
    assert shared.source.tokens is shared.target.tokens
    half = copy.deepcopy(model).half()(source, target)
    assert half.dtype == torch.float16
    torch.testing.assert_close(half.float(), model(source, target), atol=0.02, rtol=0)


# --- the cache and generating -----------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("padded", [False, True])
@torch.no_grad()
def test_reading_piece_by_piece_equals_reading_at_once(config, padded):
    torch.manual_seed(0)
    encoder, embedding = Encoder(config).double(), Embedding(SOURCES, config).double()
    source, seen = tokens(B, S), torch.arange(S).expand(B, -1) >= torch.tensor([[0], [2]])
    whole = encoder(embedding(source), seen if padded else None, is_causal=True)
    cache, parts = encoder.new_cache(), []
    for a, b in ((0, 1), (1, 4), (4, 5), (5, S)):
        x = embedding(source[:, a:b], start=a)
        parts.append(encoder(x, seen[:, :b] if padded else None, is_causal=True, cache=cache))
    assert_close([torch.cat(parts, 1)], [whole])


@every_kind
@torch.no_grad()
def test_decoding_with_a_cache_equals_decoding_without(config):
    torch.manual_seed(0)
    model = EncoderDecoder(config).double()
    source, target = tokens(B, S), tokens(B, T, vocab=TARGETS)
    seen = torch.arange(S).expand(B, -1) < torch.tensor([[S], [S - 3]])
    memory, cache = model.encode(source, seen), model.decoder.new_cache()
    parts = [model.decode(target[:, t : t + 1], memory, seen, cache=cache) for t in range(T)]
    assert_close([torch.cat(parts, 1)], [model(source, target, seen)])


@torch.no_grad()
def test_an_encoder_that_looks_ahead_takes_no_cache():
    encoder, x = Encoder(SMALL), torch.randn(B, T, D_MODEL)
    for length in (1, T):
        for seen in (None, torch.ones(B, length).bool()):
            cache = encoder.new_cache()
            with pytest.raises(ValueError, match="is_causal must be True with a cache"):
                encoder(x[:, :length], seen, cache=cache)
            assert [part.length for part in cache[0]] == [0, 0]
            encoder(x[:, :length], seen, is_causal=True, cache=cache)
    with pytest.raises(ValueError, match="say is_causal=True"):
        Block(D_MODEL, H)(x, cache=cache[0]._replace(attention=type(cache[0].attention)()))


class Graphs:
    """A backend of torch.compile that runs what it is given and counts how often that is."""

    def __init__(self):
        self.number = 0

    def __call__(self, graph, example_inputs):
        self.number += 1
        return graph.forward


@pytest.fixture
def compiled():
    """(a compiled function or module, its graphs): fullgraph=True raises where the graph would break."""
    torch.compiler.reset()
    graphs = Graphs()
    yield partial(torch.compile, fullgraph=True, backend=graphs), graphs
    torch.compiler.reset()


def test_an_encoder_and_the_whole_model_compile_as_one_graph(compiled):
    compile, graphs = compiled
    encoder, model, x = Encoder(SMALL), EncoderDecoder(SMALL), torch.randn(B, T, D_MODEL)
    fast, seen = compile(encoder), torch.arange(T).expand(B, -1) < torch.tensor([[T], [T - 2]])
    for how in ({}, {"attention_mask": seen}, {"is_causal": True}, {"attention_mask": seen, "is_causal": True}):
        torch.testing.assert_close(fast(x, **how), encoder(x, **how))
    assert graphs.number == 4
    source, target = tokens(B, T), tokens(B, 4, vocab=TARGETS)
    torch.testing.assert_close(compile(model)(source, target, seen), model(source, target, seen))


@pytest.mark.parametrize("stack", [Encoder, Decoder])
@torch.no_grad()
def test_a_step_with_a_cache_compiles_as_one_graph_and_not_once_a_token(stack, compiled):
    compile, graphs = compiled
    module, x, memory = stack(SMALL), torch.randn(B, 12, D_MODEL), torch.randn(B, S, D_MODEL)
    rest = (memory,) if stack is Decoder else ()
    how = {} if stack is Decoder else {"is_causal": True}
    step, cache, numbers = compile(module), module.new_cache(12), []
    parts = []
    for a, b in ((0, 3), *((t, t + 1) for t in range(3, 12))):
        parts.append(step(x[:, a:b], *rest, cache=cache, **how))
        numbers.append(graphs.number)
    torch.testing.assert_close(torch.cat(parts, 1), module(x, *rest, **how))
    assert numbers[:2] == [1, 2]  # the prompt, then one token
    assert numbers[-1] == numbers[2] <= 3


@torch.no_grad()
def test_a_forward_waits_for_no_number():
    model, source, target = EncoderDecoder(SMALL).eval(), tokens(B, S), tokens(B, T, vocab=TARGETS)
    seen = torch.arange(S).expand(B, -1) < torch.tensor([[S], [S - 3]])
    memory, cache = model.encode(source, seen), model.decoder.new_cache()
    model.decode(target[:, :2], memory, seen, cache=cache)
    with NoWait():
        model.source(source)
        model.decode(target[:, 2:3], memory, seen, cache=cache)  # cross attention, too
        model(source, target, seen, return_attention=True)


def test_generate_sees_no_padding():
    torch.manual_seed(0)
    model, source = EncoderDecoder(SMALL).eval(), tokens(8, S)
    for parameter in model.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    padded = torch.cat([source, tokens(8, 3, seed=1)], 1)
    seen = (torch.arange(S + 3) < S).expand(8, -1)
    said = model.generate(source, 1, -1, 9)
    assert torch.equal(model.generate(padded, 1, -1, 9, seen), said)
    assert not torch.equal(model.generate(padded, 1, -1, 9), said)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned", "none"])
def test_padding_in_front_is_no_position(positions):
    torch.manual_seed(0)
    model, source = EncoderDecoder(replace(SMALL, positions=positions)).eval(), tokens(B, S)
    front, target = tokens(B, 3, seed=1, vocab=TARGETS), tokens(B, T, vocab=TARGETS)
    before = torch.arange(S + 3).expand(B, -1) >= 3
    padded, seen = torch.cat([front, source], 1), before[:, : T + 3]
    right = model(source, target)
    torch.testing.assert_close(model(padded, target, before), right)
    both = model(padded, torch.cat([front, target], 1), before, seen, return_attention=True)[0]
    torch.testing.assert_close(both[:, 3:], right)
    assert torch.equal(model.generate(padded, 1, -1, 9, before), model.generate(source, 1, -1, 9))
    with torch.no_grad():  # and so with a cache
        memory, cache = model.encode(source), model.decoder.new_cache()
        model.decode(torch.cat([front, target[:, :-1]], 1), memory, None, seen[:, :-1], cache)
        torch.testing.assert_close(model.decode(target[:, -1:], memory, None, seen, cache), right[:, -1:])
        with pytest.raises(ValueError, match=r"attention_mask=\(2, 8\) .* of shape \(2, 9\)"):
            model.decode(target[:, -1:], memory, None, seen, cache)


def test_generate_takes_the_likeliest_token_until_every_row_has_ended(monkeypatch):
    torch.manual_seed(0)
    model, source, start, end = EncoderDecoder(replace(SMALL, norm="pre")), tokens(8, S), 1, 8
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            layer.weight.data *= 1.7
    # a shared table makes each token foretell itself: turn it by one row, so that the rows go somewhere
    monkeypatch.setattr(model, "_logits", lambda y: y @ model.target.tokens.weight.roll(1, 0).T)
    expected = torch.full((8, 1), start)
    for _ in range(9):
        expected = torch.cat([expected, model(source, expected)[:, -1:].argmax(-1)], 1)
    rows = expected[:, 1:].tolist()
    assert model.generate(source, start, -1, 9).tolist() == rows  # a token that never comes
    at = [row.index(end) if end in row else 8 for row in rows]
    assert len(set(at)) > 2  # else the rest would show little
    assert not all(end in row for row in rows)
    for chosen in (range(8), [i for i in range(8) if at[i] < 8]):  # with rows that never end, and without
        length = 1 + max(at[i] for i in chosen)
        cut = [rows[i][: at[i] + 1] + [end] * 8 for i in chosen]
        assert model.generate(source[chosen], start, end, 9).tolist() == [row[:length] for row in cut]
    assert rows[0][0] != start
    assert model.generate(source, start, start, 9)[0, 0] == rows[0][0]  # the first token is no end


def test_it_learns_to_read_backwards():
    torch.manual_seed(0)
    config = TransformerConfig(12, context_length=8, d_model=32, num_layers=1, num_heads=2, dropout=0.0, norm="pre")
    model = EncoderDecoder(config)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(120):
        source = torch.randint(2, 12, (64, 4))
        target = source.flip(1)
        fed = torch.cat([torch.ones(64, 1, dtype=torch.long), target[:, :-1]], 1)  # shifted right
        loss = nn.functional.cross_entropy(model(source, fed).flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    source = torch.randint(2, 12, (200, 4))
    assert (model.generate(source, 1, 0, 4) == source.flip(1)).all(1).float().mean() > 0.8


# --- settings and the start of training -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "millions"), [("base", 65), ("big", 213)])
def test_the_models_of_2017_have_their_size(name, millions):
    with torch.device("meta"):  # shapes alone, no numbers
        model = EncoderDecoder(SIZES[name])
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.04)  # table 3, rounded


def spread(parameter):
    return parameter.std().item()


def test_normal_initialisation():
    config = TransformerConfig(500, d_model=64, num_layers=2, num_heads=4)
    decoder, embedding = initialise(Decoder(config), "normal"), initialise(Embedding(500, config), "normal")
    assert spread(embedding.tokens.weight) == pytest.approx(0.02, rel=0.05)
    for block in decoder.blocks:
        for layer in (block.attention.key, block.cross_attention.output, *block.feed_forward.children()):
            assert spread(layer.weight) == pytest.approx(0.02, rel=0.08)
        assert (block.attention_norm.weight == 1).all()
    assert all((p == 0).all() for name, p in decoder.named_parameters() if name.endswith("bias"))
    assert spread(initialise(decoder, "normal", std=0.1).blocks[0].attention.key.weight) == pytest.approx(0.1, rel=0.08)


def test_xavier_initialisation():
    config = TransformerConfig(500, d_model=64, num_layers=1, num_heads=4, d_ff=192)
    model = EncoderDecoder(config)
    for weight in (model.encoder.blocks[0].feed_forward.hidden.weight, model.decoder.blocks[0].attention.value.weight):
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.98 * bound < weight.abs().max() <= bound
        assert spread(weight) == pytest.approx(bound / math.sqrt(3), rel=0.05)  # uniform, not normal
    assert spread(model.source.tokens.weight) == pytest.approx(1 / 8, rel=0.05)
    model.eval()
    plain = model.source(tokens(B, T)) - sinusoidal_positions(T, 64)
    torch.testing.assert_close(plain, 8 * model.source.tokens.weight[tokens(B, T)])


def test_one_vocabulary_shares_one_table_and_two_do_not():
    one, two = EncoderDecoder(replace(SMALL, target_vocab_size=None)), EncoderDecoder(SMALL)
    assert one.source.tokens is one.target.tokens
    assert two.target.tokens.weight.shape == (TARGETS, D_MODEL)
    logits = two(tokens(B, S), tokens(B, T, vocab=TARGETS))
    logits.sum().backward()
    assert (two.target.tokens.weight.grad.abs().sum(1) > 0).all()  # every row: it is the output table too


def test_every_parameter_learns():
    for config in (SMALL, replace(SMALL, norm="pre", positions="learned", activation="gelu", bias=False)):
        model = EncoderDecoder(config)
        logits = model(tokens(B, S), tokens(B, T, vocab=TARGETS))
        nn.functional.cross_entropy(logits.flatten(0, 1), tokens(B * T, vocab=TARGETS)).backward()
        assert all(p.grad is not None for p in model.parameters())
        assert all(p.grad.abs().sum() > 0 for name, p in model.named_parameters() if not name.endswith("key.bias"))
        assert config.bias or not [name for name, _ in model.named_parameters() if name.endswith("bias")]


def test_settings_are_frozen_and_every_size_is_valid():
    with pytest.raises(FrozenInstanceError):
        SMALL.d_model = 16
    assert SIZES["big"].d_model == 1024


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"d_model": 10}, "d_model=10 cannot be used: d_model must be a multiple of num_heads=3"),
        ({"num_layers": 0}, "num_layers=0 cannot be used: num_layers must be a whole number of 1 or more"),
        ({"vocab_size": 2.5}, "vocab_size=2.5"),
        ({"num_heads": True}, "num_heads=True"),
        ({"context_length": -1}, "context_length=-1"),
        ({"target_vocab_size": 0}, "target_vocab_size=0 cannot be used.*None or"),
        ({"d_ff": 0}, "d_ff=0"),
        ({"dropout": 1}, "dropout=1 cannot be used.*below 1"),
        ({"dropout": math.nan}, "dropout=nan"),
        ({"eps": 0}, "eps=0"),
        ({"norm": "middle"}, "norm='middle' cannot be used: norm must be 'pre' or 'post'"),
        ({"activation": "swish"}, "must be 'relu' or 'gelu' or 'gelu_tanh'"),
        ({"positions": "absolute"}, "must be 'sinusoidal' or 'learned' or 'none'"),
        ({"dropout": "0.1"}, "dropout='0.1' cannot be used: dropout must be a share"),
        ({"eps": None}, "eps=None cannot be used: eps must be a number"),
        ({"d_model": 9}, "d_model=9 cannot be used: d_model must be even for sinusoidal positions"),
    ],
)
def test_settings_that_cannot_be_used(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(SMALL, **wrong)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_a_sequence_longer_than_the_positions(positions):
    config = replace(SMALL, positions=positions)
    model, encoder, embedding = EncoderDecoder(config), Encoder(config), Embedding(SOURCES, config)
    sentence = "has 17 positions and the model knows 16: cut.*context_length"
    model(tokens(B, 16), tokens(B, 16, vocab=TARGETS))
    with pytest.raises(ValueError, match=sentence):
        model(tokens(B, 17), tokens(B, T, vocab=TARGETS))
    with pytest.raises(ValueError, match=sentence):
        model(tokens(B, S), tokens(B, 17, vocab=TARGETS))
    with torch.no_grad():
        cache, zeros = encoder.new_cache(), torch.zeros(B, 16, D_MODEL)
        encoder(zeros, is_causal=True, cache=cache)  # the cache remembers how far it has read
        with pytest.raises(ValueError, match=sentence):
            encoder(zeros[:, :1], is_causal=True, cache=cache) + embedding(tokens(B, 1), start=16)


MODEL = EncoderDecoder(SMALL)
IDS, X = tokens(B, T, vocab=TARGETS), torch.zeros(B, T, D_MODEL)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: MODEL(IDS + SOURCES, IDS), r"There is no token \d+: ids go from 0 to 12"),
        (lambda: MODEL(IDS - SOURCES, IDS), r"There is no token -\d+: ids go"),
        (lambda: MODEL(IDS[0], IDS), r"source_ids has shape \(5,\): give \(B, S\)"),
        (lambda: MODEL(IDS.float(), IDS), "type torch.float32"),
        (lambda: MODEL(IDS[:, :0], IDS), r"source_ids has shape \(2, 0\).*each 1 or more"),
        (lambda: MODEL(IDS, IDS[:, :0]), r"target_ids has shape \(2, 0\).*each 1 or more"),
        (lambda: MODEL(IDS, IDS[:1]), r"target_ids has shape \(1, 5\).*give \(B=2, T\)"),
        (lambda: MODEL(IDS, IDS, torch.ones(B, S).bool()), r"source_mask has shape \(2, 7\).*give \(B=2, S=5\)"),
        (lambda: MODEL(IDS, IDS, torch.ones(B, 1).bool()), r"source_mask has shape \(2, 1\)"),
        (lambda: MODEL(IDS, IDS, None, torch.ones(B, 1).bool()), r"target_mask has shape \(2, 1\)"),
        (lambda: MODEL.encoder(X, torch.ones(B, 1).bool()), r"attention_mask=\(2, 1\) .* of shape \(2, 5\)"),
        (lambda: MODEL.encoder(X, torch.ones(1, T).bool()), r"attention_mask has shape \(1, 5\).*B=2"),
        (lambda: MODEL.decoder(X, X[:1]), r"memory has shape \(1, 5, 12\).*B=2"),
        (lambda: Block(D_MODEL, H)(X, mask=torch.ones(B, T).bool()), r"mask has shape \(2, 5\).*#T=5"),
        (lambda: MODEL(IDS, IDS, torch.ones(B, T)), "type torch.float32: give booleans"),
        (lambda: MODEL(IDS, IDS, None, torch.ones(B, T)), "type torch.float32: give booleans"),
        (lambda: MODEL.decoder(X, X, memory_mask=torch.ones(B, S).bool()), r"memory_mask has shape \(2, 7\).*S=5"),
        (lambda: MODEL.generate(IDS, 1, 2, 0), "max_length=0 cannot be used"),
        (lambda: MODEL.generate(IDS, 1, 2, 2.5), "max_length=2.5 cannot be used"),
        (lambda: MODEL.generate(IDS, 1, 2.5, 3), "end=2.5 cannot be used"),
        (lambda: MODEL.generate(IDS, None, 2, 3), "start=None cannot be used"),
        (lambda: MODEL([[1]], IDS), "source_ids is a list: give a tensor"),
        (lambda: MODEL(IDS.bool(), IDS), "type torch.bool: give whole numbers"),
        (lambda: MODEL(IDS, IDS, torch.ones(B, T).bool().numpy()), "source_mask is a ndarray: give a tensor"),
        (lambda: MODEL.encoder(X[0], torch.ones(B, T).bool()), r"x has shape \(5, 12\): give \(B, T, d_model=12\)"),
        (lambda: MODEL.encoder(X, cache=MODEL.encoder.new_cache()[:1]), r"not fit these 4 blocks: make.*new_cache\(\)"),
        (lambda: MODEL.decoder(X, None, memory_mask=torch.ones(B, T).bool()), "memory is a NoneType"),
        (lambda: MODEL.source(IDS[:, :1], start=-1), "start=-1 cannot be used: start must be a"),
        (lambda: MODEL.encoder(torch.zeros(B, 0, D_MODEL)), r"x has shape \(2, 0, 12\).*each 1 or more"),
        (lambda: MODEL.encoder(torch.zeros(B, T, 8)), r"shape \(2, 5, 8\)"),
        (lambda: Block(D_MODEL, H, norm="pre")(torch.zeros(B, T, 8)), r"shape \(2, 5, 8\): give \(B, T, d_model=12\)"),
        (lambda: Block(D_MODEL, H)(X, memory=X), "cross=False cannot .* True where there is a memory"),
        (lambda: Block(D_MODEL, H, cross=True)(X), "cross=True cannot be used: .* and only there"),
        (lambda: Block(D_MODEL, 5), "d_model must be a multiple of num_heads=5"),
        (lambda: Block(D_MODEL, H, norm="none"), "norm='none' cannot be used: norm must be 'pre' or 'post'"),
    ],
)
def test_inputs_that_cannot_be(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_nan_stays_visible_through_the_whole_model():
    model = EncoderDecoder(SMALL)
    with torch.no_grad():
        model.source.tokens.weight[3] = math.nan
    source = torch.full((B, T), 2)
    source[0, 1] = 3
    for return_attention in (False, True):
        answer = model(source, tokens(B, T, vocab=TARGETS), return_attention=return_attention)
        logits = answer[0] if return_attention else answer
        assert logits[0].isnan().all()
        assert logits[1].isfinite().all()
