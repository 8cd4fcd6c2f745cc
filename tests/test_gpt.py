"""GPT: equal to transformers' GPT-2 on random weights; sizes as the released models'; the future stays hidden."""
import math
from dataclasses import replace

import decoders
import pytest
import torch
import torch.nn.functional as F
from gpt_peer import theirs_and_ours
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import checkpoints, gpt, training
from course_lib.gpt import GPT, GPTConfig

SMALL = GPTConfig(vocab_size=37, context_length=16, d_model=24, num_layers=2, num_heads=4, dropout=0.0)


def model_of(config=SMALL, seed=0, scale=0.3) -> GPT:
    """A model whose weights are large enough for the tokens to matter."""
    torch.manual_seed(seed)
    model = GPT(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * scale)
    return model


def ids_of(*shape, config=SMALL, seed=0):
    return torch.randint(config.vocab_size, shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", [
    SMALL,
    replace(SMALL, num_layers=1, num_heads=1, d_ff=10),
    replace(SMALL, vocab_size=5, num_heads=24, eps=1e-3),
    replace(SMALL, d_model=48, num_heads=3, num_layers=4, context_length=9),
    replace(SMALL, d_model=8, num_heads=2, num_layers=3, d_ff=64),
])  # fmt: skip
def test_logits_hidden_states_attentions_loss_and_gradients_are_those_of_transformers(config):
    theirs, ours, names = theirs_and_ours(config)
    ids = ids_of(3, 9, config=config)
    expected = theirs(ids, labels=ids, output_hidden_states=True, output_attentions=True)
    got = ours(ids, return_layers=True, return_attention=True)
    for name, a, b in (
        ("logits", got.logits, expected.logits),
        ("fused", ours(ids).logits, expected.logits),
        ("attention", got.attention, torch.stack(expected.attentions)),
        ("layers", got.layers[:-1], torch.stack(expected.hidden_states[:-1])),
        ("last layer", ours.norm(got.layers[-1]), expected.hidden_states[-1]),  # theirs comes after the last norm
        ("loss", ours.loss(ids), expected.loss),
    ):
        assert torch.allclose(a, b.double(), atol=1e-5), name  # transformers computes the loss in float32
    ours.loss(ids).backward(), expected.loss.backward()
    for a, b in names.items():
        right = checkpoints.turned(b, theirs.get_parameter(b).grad)
        assert torch.allclose(ours.get_parameter(a).grad, right, atol=1e-5), a


@pytest.mark.parametrize(("size", "parameters"), [
    ("gpt2", 124_439_808), ("gpt2-medium", 354_823_168), ("gpt2-large", 774_030_080), ("gpt2-xl", 1_557_611_200),
])  # fmt: skip
def test_the_released_models_number_of_parameters(size, parameters):
    with torch.device("meta"):
        model = GPT(gpt.SIZES[size])
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_an_untrained_model_knows_nothing_and_starts_as_gpt_2_did():
    torch.manual_seed(0)
    model = GPT(replace(gpt.SIZES["tiny"], vocab_size=84, dropout=0.0))
    loss = model.loss(torch.randint(84, (8, 65))).item()
    assert abs(loss - math.log(84)) < 0.15
    block = model.blocks[0]
    for weight, std in ((block.attention.qkv.weight, 0.02), (model.tokens.weight, 0.02), (block.hidden.weight, 0.02),
                        (block.output.weight, 0.02 / 8**0.5), (block.attention.output.weight, 0.02 / 8**0.5)):
        assert weight.std().item() == pytest.approx(std, rel=0.05)
    assert model.head.weight is model.tokens.weight


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
@given(lengths=st.lists(st.integers(1, 10), min_size=1, max_size=4), front=st.booleans(), cut=st.integers(1, 9))
def test_padding_and_cache_change_nothing(lengths, front, cut):
    """Each text in a batch, padded before or behind it, whole or in two calls, gets what it gets alone."""
    model, T = model_of(), max(lengths)
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


def test_the_loss_is_of_the_next_token_and_padding_does_not_count():
    model, ids = model_of(), ids_of(2, 9)
    with torch.no_grad():
        logits = model(ids).logits
        by_hand = [-logits[b, t].log_softmax(-1)[ids[b, t + 1]].item() for b in range(2) for t in range(8)]
        assert model.loss(ids).item() == pytest.approx(sum(by_hand) / 16, abs=1e-5)
        mask = torch.ones(2, 9, dtype=torch.bool)
        mask[1, 5:] = False
        counted = by_hand[:8] + by_hand[8:12]
        assert model.loss(ids, mask).item() == pytest.approx(sum(counted) / 12, abs=1e-5)
        front, moved = mask.flip(1), ids.clone()
        moved[1, 4:] = ids[1, :5]
        assert model.loss(moved, front).item() == pytest.approx(sum(counted) / 12, abs=1e-5)
    assert model.loss(ids_of(1, 17)).isfinite(), "a row may be one token longer than the context"


def test_ids_of_32_bits_are_as_good():
    model, ids = model_of(), ids_of(2, 7)
    assert model.loss(ids.int()) == model.loss(ids)


def test_windows_read_the_text_once_an_epoch_at_new_places():
    text = torch.arange(103)
    batches = gpt.windows(text, 10, 3)
    epochs = [torch.cat(list(batches(torch.Generator().manual_seed(seed)))) for seed in (1, 1, 2)]
    assert torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0].sort(0).values, epochs[2].sort(0).values)
    rows = epochs[0]
    assert rows.shape[1] == 11
    assert (rows.diff(dim=1) == 1).all()
    asked = rows[:, 1:].flatten().sort().values
    assert torch.equal(asked, torch.arange(int(asked[0]), int(asked[-1]) + 1)), "each token is asked once"
    assert int(asked[0]) <= 10
    assert int(asked[-1]) >= 103 - 10
    assert len(next(iter(gpt.windows(text[:11], 10, 3)(torch.Generator())))) == 1
    with pytest.raises(ValueError, match="ids=10 cannot be used: ids must be 11 tokens or more"):
        gpt.windows(text[:10], 10, 3)
    for ids, said in ((text.tolist(), "ids is a list: give a tensor"), (text.numpy(), "ids is a ndarray"),
                      (text.float(), "ids is of type torch.float32"), (text[None], r"ids .* shape \(1, 103\)")):
        for use in (lambda ids: gpt.windows(ids, 10, 3), lambda ids: gpt.log_probs(model_of(), ids),
                    lambda ids: gpt.trace(model_of(), ids)):
            with pytest.raises(ValueError, match=said):
                use(ids)


@pytest.mark.parametrize("N", [2, 5, 17, 18, 40, 64])
def test_a_long_text_is_scored_token_by_token(N):
    model, ids = model_of(), ids_of(N)
    found = gpt.log_probs(model, ids, batch_size=2)
    assert found.shape == (N - 1,)
    for t in range(1, N):
        possible = [model(ids[max(0, t - n) : t][None]).logits[0, -1].log_softmax(-1)[ids[t]] for n in range(8, 17)]
        assert min(abs(found[t - 1] - p) for p in possible) < 1e-4, "given half of the context or more"
    with pytest.raises(ValueError, match="two tokens"):
        gpt.log_probs(model, ids[:1])


def test_one_batch_is_learned_by_heart():
    torch.manual_seed(0)
    model, rows = GPT(SMALL), ids_of(4, 13)
    config = training.TrainingConfig(steps=150, learning_rate=3e-3, warmup_steps=5)
    training.train(model, [rows], lambda model, batch: model.loss(batch), config, progress=False)
    assert model.loss(rows).item() < 0.5


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
    (lambda m: m.loss(torch.tensor([[1, 2, 37]])), "labels go from 2 to 37 and there are 37 scores"),
])  # fmt: skip
def test_input_that_does_not_fit(call, words):
    with torch.no_grad(), pytest.raises(ValueError, match=words):
        call(GPT(SMALL))


def test_a_cache_keeps_no_gradients():
    model = GPT(SMALL)
    with pytest.raises(RuntimeError, match="no_grad"):
        model(ids_of(1, 3), cache=model.new_cache(1))


@pytest.mark.parametrize(("settings", "words"), [
    ({"vocab_size": 0}, "vocab_size=0"), ({"d_model": 10, "num_heads": 4}, "multiple of num_heads=4"),
    ({"dropout": 1.0}, "dropout=1.0"), ({"d_ff": 0}, "d_ff=0"), ({"num_layers": True}, "num_layers=True"),
])  # fmt: skip
def test_settings_that_cannot_be_used(settings, words):
    with pytest.raises(ValueError, match=words):
        GPTConfig(**settings)


def test_a_trace_holds_what_the_equations_name():
    model = model_of().train()
    ids = ids_of(7)
    seen = gpt.trace(model, ids)
    assert model.training, "as it was"
    D = SMALL.d_model // SMALL.num_heads
    assert torch.equal(seen.layers[0], seen.token_vectors + seen.position_vectors)
    scores = (seen.query @ seen.key.mT / D**0.5).masked_fill(torch.ones(7, 7, dtype=torch.bool).triu(1), -math.inf)
    assert torch.allclose(scores.softmax(-1), seen.attention, atol=1e-5)
    mixed = (seen.attention @ seen.value).transpose(1, 2).flatten(2)  # (L, T, D)
    for i, block in enumerate(model.blocks):
        after = seen.layers[i] + block.attention.output(mixed[i])
        after = after + block.output(F.gelu(block.hidden(block.norm(after)), approximate="tanh"))
        assert torch.allclose(after, seen.layers[i + 1], atol=1e-4)
    assert torch.allclose(seen.logits[-1], model.eval()(ids[None]).logits[0], atol=1e-4)
    assert not any(tensor.requires_grad for tensor in seen)


def test_compiled_whole_and_without_a_compilation_per_token():
    decoders.check_compiled(model_of(), ids_of(2, 12))


@pytest.mark.gpu
def test_the_same_on_a_gpu():
    decoders.check_gpu(model_of(), ids_of(2, 12))
