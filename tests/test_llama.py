"""Llama: equal to transformers' on random weights; heads share keys, positions turn, and the future stays hidden."""
import doctest
import math
from dataclasses import replace

import decoders
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_peer import ours_of, their_llama

from course_lib import checkpoints, decoding, gpt, llama, training, transformer
from course_lib.llama import Llama, LlamaConfig, RMSNorm

SMALL = LlamaConfig(vocab_size=37, context_length=16, d_model=24, num_layers=2, num_heads=6, num_kv_heads=2, d_ff=20)


def model_of(config=SMALL, seed=0, scale=0.3) -> Llama:
    """A model whose weights are large enough for the tokens to matter."""
    torch.manual_seed(seed)
    model = Llama(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * scale)
    return model


def ids_of(*shape, vocab_size=SMALL.vocab_size, seed=0):
    return torch.randint(vocab_size, shape, generator=torch.Generator().manual_seed(seed))


# --- beside transformers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_logits_hidden_states_attentions_loss_and_gradients_are_those_of_transformers(seed):
    theirs = their_llama(seed)
    ours, ids = ours_of(theirs), ids_of(3, 9, vocab_size=theirs.config.vocab_size)
    expected = theirs(ids, labels=ids, output_hidden_states=True, output_attentions=True)
    got = ours(ids, return_layers=True, return_attention=True)
    assert len(expected.attentions) == ours.config.num_layers
    for name, a, b in (
        ("logits", got.logits, expected.logits),
        ("fused", ours(ids).logits, expected.logits),
        ("attention", got.attention, torch.stack(expected.attentions)),
        ("layers", got.layers[:-1], torch.stack(expected.hidden_states[:-1])),
        ("last layer", ours.norm(got.layers[-1]), expected.hidden_states[-1]),  # theirs comes after the last norm
        ("loss", ours.loss(ids), expected.loss),
    ):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    ours.loss(ids).backward(), expected.loss.backward()
    for parameter in ours.parameters():  # so that rows_of, which shows weights, shows gradients
        parameter.data = parameter.grad
    if ours.config.tied:
        ours.head.weight = ours.tokens.weight
    for name, gradient in checkpoints.rows_of(ours).items():
        torch.testing.assert_close(gradient, theirs.get_parameter(name).grad, rtol=1e-5, atol=1e-5)


def test_all_seeds_together_are_tied_and_untied_with_every_size_of_a_group():
    configs = [their_llama(seed).config for seed in range(10)]
    assert {c.tie_word_embeddings for c in configs} == {True, False}
    assert {c.num_attention_heads // c.num_key_value_heads for c in configs} == {1, 2, 3}
    assert {c.num_key_value_heads for c in configs} == {1, 2, 3}


@pytest.mark.parametrize("padding", ["front", "behind"])
def test_padding_is_that_of_transformers(padding):
    theirs = their_llama(3)
    ours, ids = ours_of(theirs), ids_of(3, 9, vocab_size=theirs.config.vocab_size)
    n, places = torch.tensor([[9], [4], [1]]), torch.arange(9)
    mask = places >= 9 - n if padding == "front" else places < n
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        right = theirs(ids, attention_mask=mask.long(), position_ids=positions).logits
        assert torch.allclose(ours(ids, mask).logits[mask], right[mask], atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sixteen_bits_are_near_transformers(dtype):
    theirs = their_llama(5)
    ours, ids = ours_of(theirs).to(dtype), ids_of(3, 9, vocab_size=theirs.config.vocab_size)
    with torch.no_grad():
        exact, right = theirs(ids).logits, theirs.to(dtype)(ids).logits.float()
        got = ours(ids).logits.float()
    assert (got - exact).std() < 2 * (right - exact).std()


@pytest.mark.parametrize(("size", "parameters"), [
    ("smollm2-135m", 134_515_008), ("smollm2-360m", 361_821_120), ("smollm2-1.7b", 1_711_376_384),
    ("llama-7b", 6_738_415_616),
])  # fmt: skip
def test_the_released_models_number_of_parameters(size, parameters):
    with torch.device("meta"):
        model = Llama(llama.SIZES[size])
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


# --- the parts --------------------------------------------------------------------------------------------------------


def test_examples_in_docstrings():
    assert doctest.testmod(llama).attempted >= 2
    assert doctest.testmod(llama).failed == 0


def test_rms_norm_by_hand():
    norm = RMSNorm(4, eps=0.0)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 1.0, 1.0]))
    x = torch.tensor([1.0, -1.0, 5.0, 3.0])  # mean of squares 36 / 4 = 9
    assert torch.allclose(norm(x), torch.tensor([1 / 3, -2 / 3, 5 / 3, 1]))
    assert torch.allclose(norm(1000 * x), norm(x), atol=1e-6), "length is forgotten"
    assert not torch.allclose(norm(x + 1), norm(x), atol=0.1), "a mean is not"
    assert RMSNorm(4, eps=7.0)(x)[2].item() == pytest.approx(5 / 4), "sqrt(9 + 7) = 4"
    assert norm(torch.full((4,), 1e4, dtype=torch.float16)).isfinite().all(), "a square would overflow 16 bits"


def test_widths_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="size=3 cannot be used"):
        llama.rotary(torch.tensor([0]), 3)
    with pytest.raises(ValueError, match=r"x has shape \(2, 1\)"):
        RMSNorm(4)(torch.ones(2, 1))


@settings(max_examples=30, deadline=None)
@given(distance=st.integers(0, 9), m=st.integers(0, 5000), n=st.integers(0, 5000), seed=st.integers(0, 99))
def test_a_product_of_turned_vectors_depends_on_their_distance_alone(distance, m, n, seed):
    q, k = torch.randn(2, 8, generator=torch.Generator().manual_seed(seed))
    products = []
    for place in (m, n):
        cos, sin = llama.rotary(torch.tensor([place, place + distance]), 8, 1000.0)
        products.append(llama.turn(k, cos[0], sin[0]) @ llama.turn(q, cos[1], sin[1]))
    assert torch.allclose(*products, atol=2e-2), "angles are rounded in float32, more so far from the start"


def test_rotary_is_the_papers_after_the_numbers_are_put_in_another_order():
    """`transformer.RotaryPositions` turns neighbours, the paper's equation 34."""
    x = torch.randn(3, 7, 10)  # (heads, T, d)
    paper = transformer.RotaryPositions(7, 10)
    neighbours = x.unflatten(-1, (2, 5)).mT.flatten(-2)  # 0, 5, 1, 6, ...
    got = llama.turn(x, *llama.rotary(torch.arange(7), 10))
    assert torch.allclose(got.unflatten(-1, (2, 5)).mT.flatten(-2), paper(neighbours), atol=1e-6)
    assert torch.allclose(got.norm(dim=-1), x.norm(dim=-1), atol=1e-5), "a turn keeps the length"


def test_the_network_with_a_gate_by_hand():
    block = llama.Block(LlamaConfig(vocab_size=5, d_model=2, num_layers=1, num_heads=1, num_kv_heads=1, d_ff=1))
    with torch.no_grad():
        block.attention.output.weight.zero_()  # the attention adds nothing
        block.hidden.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 3.0]]))  # the gate's row, then up's
        block.output.weight.copy_(torch.tensor([[1.0], [10.0]]))
        x, _ = block(torch.tensor([[[1.0, -1.0]]]), llama.rotary(torch.arange(1), 2))  # its norm is itself
    inner = 1 / (1 + math.exp(-1)) * -3  # silu(1) times 3 * -1
    assert torch.allclose(x, torch.tensor([[[1 + inner, -1 + 10 * inner]]]), atol=1e-4)


def test_heads_of_a_group_share_their_keys():
    model, ids = model_of(), ids_of(2, 7)
    seen = llama.trace(model, ids[0])
    for h in range(6):
        assert torch.equal(seen.key[:, h], seen.key[:, 3 * (h // 3)])
        assert torch.equal(seen.value[:, h], seen.value[:, 3 * (h // 3)])
    assert not torch.allclose(seen.key[:, 0], seen.key[:, 3])
    cache = model.new_cache(2)
    assert cache.keys.shape == (2, 2, 2, 16, 4), "kept once for each group: layers, texts, groups, room, d"


# --- the model --------------------------------------------------------------------------------------------------------


def test_an_untrained_model_knows_nothing():
    torch.manual_seed(0)
    model = Llama(replace(SMALL, vocab_size=84, d_model=96, d_ff=256))
    assert abs(model.loss(torch.randint(84, (8, 16))).item() - math.log(84)) < 0.15
    assert model.head.weight is model.tokens.weight
    block = model.blocks[0]
    for weight, std in ((block.attention.qkv.weight, 0.02), (block.hidden.weight, 0.02), (model.tokens.weight, 0.02),
                        (block.output.weight, 0.01), (block.attention.output.weight, 0.01)):
        assert weight.std().item() == pytest.approx(std, rel=0.05)
    apart = Llama(replace(SMALL, tied=False))
    assert apart.head.weight is not apart.tokens.weight
    assert "head.weight" in dict(apart.named_parameters())


@settings(max_examples=30, deadline=None)
@given(place=st.integers(1, 15), seed=st.integers(0, 99))
def test_no_later_token_changes_an_earlier_logit(place, seed):
    model, ids = model_of(), ids_of(2, 16, seed=seed)
    changed = ids.clone()
    changed[:, place:] = (changed[:, place:] + 1) % SMALL.vocab_size
    with torch.no_grad():
        before, after = model(ids).logits, model(changed).logits
        assert torch.equal(before[:, :place], after[:, :place])
        assert not torch.allclose(before[:, place], after[:, place])
        looked = model(changed, return_attention=True)
    assert torch.allclose(looked.logits, after, atol=1e-5)
    assert (looked.attention.triu(1) == 0).all()


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 10), min_size=1, max_size=4), front=st.booleans(), cut=st.integers(1, 9),
       shared=st.sampled_from([1, 2, 6]))
def test_padding_and_cache_change_nothing(lengths, front, cut, shared):
    """Each text in a batch, padded before or behind it, whole or in two calls, gets what it gets alone."""
    model, T = model_of(replace(SMALL, num_kv_heads=shared)), max(lengths)
    ids, places = ids_of(len(lengths), T), torch.arange(T)
    n = torch.tensor(lengths)[:, None]
    mask = places >= T - n if front else places < n
    with torch.no_grad():
        whole = model(ids, mask).logits
        cache = model.new_cache(len(lengths), T)
        parts = [model(a, m, cache=cache).logits for a, m in zip(ids.split(cut, 1), mask.split(cut, 1))]
        for row, real in enumerate(mask):
            alone = model(ids[row, real][None]).logits[0]
            assert torch.allclose(whole[row, real], alone, atol=1e-5)
            assert torch.allclose(torch.cat(parts, 1)[row, real], alone, atol=1e-5)
        assert whole.isfinite().all()


STRATEGIES = [
    {"temperature": 0}, {}, {"temperature": 0.7, "top_k": 5}, {"top_p": 0.8}, {"num_beams": 3},
    {"temperature": 0, "repetition_penalty": 1.5}, {"num_beams": 2, "repetition_penalty": 1.2, "eos_token_id": 3},
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 8), min_size=1, max_size=4), strategy=st.sampled_from(STRATEGIES),
       n=st.integers(1, 12), front=st.booleans(), seed=st.integers(0, 99))
def test_generate_writes_the_same_with_and_without_a_cache(lengths, strategy, n, front, seed):
    model, T = model_of(), max(lengths)
    ids, size = ids_of(len(lengths), T, seed=seed), torch.tensor(lengths)[:, None]
    mask = torch.arange(T) >= T - size if front else torch.arange(T) < size

    def written(**settings):
        rng = torch.Generator().manual_seed(seed)
        return decoding.generate(model, ids, n, attention_mask=mask, generator=rng, slide=True, **settings)

    with_cache = written(**strategy)
    assert torch.equal(with_cache, written(use_cache=False, **strategy))
    for row, length in enumerate(lengths):
        if strategy.get("temperature") == 0 and T + n <= 17:
            alone = decoding.generate(model, ids[row, mask[row]][None], n, **strategy)
            assert torch.equal(with_cache[row, T - length :], alone[0])


def test_the_loss_is_gpts():
    model, ids = model_of(), ids_of(2, 9)
    mask = torch.ones(2, 9, dtype=torch.bool)
    mask[1, 5:] = False
    logits = model(ids).logits[:, :-1].log_softmax(-1)
    each = -logits.gather(-1, ids[:, 1:, None])[..., 0]  # (B, T - 1)
    assert torch.allclose(model.loss(ids), each.mean(), atol=1e-6)
    assert torch.allclose(model.loss(ids, mask), torch.cat([each[0], each[1, :4]]).mean(), atol=1e-6)
    assert model.loss(ids_of(1, 17)).isfinite(), "a row may be one token longer than the context"
    assert torch.allclose(gpt.log_probs(model, ids[0]), -each[0], atol=1e-5)


def test_one_batch_is_learned_by_heart():
    torch.manual_seed(0)
    model, rows = Llama(replace(SMALL, dropout=0.1)), ids_of(4, 13)
    config = training.TrainingConfig(steps=150, learning_rate=3e-3, warmup_steps=5)
    training.train(model, [rows], lambda model, batch: model.loss(batch), config, progress=False)
    assert model.eval().loss(rows).item() < 0.5


def test_dropout_falls_on_attention_in_training_alone():
    model, ids = model_of(replace(SMALL, dropout=0.5)), ids_of(2, 9)
    assert torch.equal(model(ids).logits, model(ids).logits)
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)


@pytest.mark.parametrize(("call", "words"), [
    (lambda m: m(ids_of(1, 17)), "The sequence has 17 positions and the model knows 16"),
    (lambda m: m(torch.tensor([[37]])), "There is no token 37: ids go from 0 to 36"),
    (lambda m: m(torch.tensor([[-1]])), "There is no token -1"),
    (lambda m: m(torch.tensor([1, 2])), "input_ids"),
    (lambda m: m(torch.zeros(1, 0, dtype=torch.int64)), "input_ids"),
    (lambda m: m(ids_of(1, 3), torch.ones(1, 3)), "attention_mask"),
    (lambda m: m(ids_of(1, 3), torch.ones(1, 4, dtype=torch.bool)), "attention_mask"),
    (lambda m: m(ids_of(1, 5), cache=m.new_cache(1, 4)), "room for 4 tokens and 5 came"),
    (lambda m: m(ids_of(2, 3), cache=m.new_cache(1, 4)), "holds 1 texts and 2 came"),
    (lambda m: m(ids_of(1, 17), cache=m.new_cache(1, 20)), "The sequence has 17 positions and the model knows 16"),
])  # fmt: skip
def test_input_that_does_not_fit(call, words):
    with torch.no_grad(), pytest.raises(ValueError, match=words):
        call(Llama(SMALL))


def test_a_cache_keeps_no_gradients():
    model = Llama(SMALL)
    with pytest.raises(RuntimeError, match="no_grad"):
        model(ids_of(1, 3), cache=model.new_cache(1))


@pytest.mark.parametrize(("settings", "words"), [
    ({"vocab_size": 0}, "vocab_size=0"), ({"d_model": 10, "num_heads": 4}, "multiple of 2 \\* num_heads=4"),
    ({"d_model": 9, "num_heads": 3, "num_kv_heads": 3}, "multiple of 2 \\* num_heads=3"),
    ({"num_heads": 9, "num_kv_heads": 2}, "num_kv_heads=2"), ({"num_kv_heads": 0}, "num_kv_heads=0"),
    ({"dropout": 1.0}, "dropout=1.0"), ({"d_ff": None}, "d_ff=None"), ({"num_layers": True}, "num_layers=True"),
    ({"rope_theta": 0}, "rope_theta=0"), ({"rope_theta": "1e4"}, "rope_theta='1e4'"), ({"tied": "yes"}, "tied='yes'"),
])  # fmt: skip
def test_settings_that_cannot_be_used(settings, words):
    with pytest.raises(ValueError, match=words):
        LlamaConfig(**settings)


def test_a_trace_holds_what_the_equations_name():
    model = model_of().train()
    ids = ids_of(7)
    seen = llama.trace(model, ids)
    assert model.training, "as it was"
    assert torch.equal(seen.layers[0], seen.token_vectors + seen.position_vectors)
    scores = (seen.query @ seen.key.mT / 2).masked_fill(torch.ones(7, 7, dtype=torch.bool).triu(1), -math.inf)
    assert torch.allclose(scores.softmax(-1), seen.attention, atol=1e-5)
    mixed = (seen.attention @ seen.value).transpose(1, 2).flatten(2)  # (L, T, D)
    for i, block in enumerate(model.blocks):
        after = seen.layers[i] + block.attention.output(mixed[i])
        gate, up = block.hidden(block.norm(after)).chunk(2, -1)
        assert torch.allclose(after + block.output(F.silu(gate) * up), seen.layers[i + 1], atol=1e-4)
    assert torch.allclose(seen.logits[-1], model.eval()(ids[None]).logits[0], atol=1e-4)
    assert not any(tensor.requires_grad for tensor in seen)


def test_compiled_whole_and_without_a_compilation_per_token():
    decoders.check_compiled(model_of(), ids_of(2, 12))


@pytest.mark.gpu
def test_the_same_on_a_gpu():
    decoders.check_gpu(model_of(), ids_of(2, 12))
