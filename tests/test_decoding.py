"""Decoding: equal to transformers' under the same logits, with and without a cache, whatever the padding."""
import math
from types import SimpleNamespace

import pytest
import torch
import transformers
from gpt_peer import theirs_and_ours
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib import decoding
from course_lib.decoding import generate
from course_lib.gpt import GPT, GPTConfig

SMALL = GPTConfig(vocab_size=23, context_length=16, d_model=24, num_layers=2, num_heads=4, dropout=0.0)
THEIRS, OURS, _ = theirs_and_ours(SMALL)
OURS = OURS.float()
MODEL64 = theirs_and_ours(SMALL)[1]


def ids_of(*shape, seed=0):
    return torch.randint(SMALL.vocab_size, shape, generator=torch.Generator().manual_seed(seed))


class Scripted(nn.Module):
    """Answers with given logits, whatever it reads: row t for the token after t + 1 tokens."""

    def __init__(self, logits):
        super().__init__()
        self.table = torch.as_tensor(logits, dtype=torch.float32)
        self.config = SimpleNamespace(context_length=100, vocab_size=self.table.shape[1])

    def new_cache(self, batch_size, max_length):
        return None

    def forward(self, input_ids, attention_mask=None, *, cache=None, last=False):
        row = self.table[min(input_ids.shape[1], len(self.table)) - 1]
        return SimpleNamespace(logits=row.expand(len(input_ids), 1, -1))


# --- the rules --------------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 999), k=st.integers(1, 30), p=st.floats(0.01, 1), temperature=st.floats(0.1, 3))
def test_rules_are_those_of_transformers(seed, k, p, temperature):
    rng = torch.Generator().manual_seed(seed)
    logits, seen = 3 * torch.randn(3, 23, generator=rng), torch.randint(23, (3, 6), generator=rng)
    k = min(k, 23)
    warp = transformers.LogitsProcessorList([
        transformers.TemperatureLogitsWarper(temperature), transformers.TopKLogitsWarper(k),
        *([transformers.TopPLogitsWarper(p)] if p < 1 else []),
    ])  # fmt: skip
    expected = warp(seen, logits).softmax(-1)
    assert torch.allclose(decoding.probabilities(logits, temperature, k, p), expected, atol=1e-5)
    theirs = transformers.RepetitionPenaltyLogitsProcessor(1.3)(seen, logits.clone())
    assert torch.allclose(decoding.penalise(logits, seen, 1.3), theirs)


def test_rules_by_hand():
    logits = torch.tensor([[0.1, 0.4, 0.3, 0.2]]).log()
    kept = decoding.keep_top_p(logits, 0.6).exp()
    assert torch.allclose(kept, torch.tensor([[0.0, 0.4, 0.3, 0.0]])), "the one that crosses p stays"
    assert torch.allclose(decoding.probabilities(logits, 1.0, None, 0.6), torch.tensor([[0, 4 / 7, 3 / 7, 0]]))
    assert torch.allclose(decoding.probabilities(logits, 0.5).log().diff(), 2 * logits.diff(), atol=1e-5)
    assert decoding.keep_top_p(logits, 1e-9).isfinite().sum() == 1
    assert torch.equal(decoding.keep_top_k(logits, 99), logits)
    mask = torch.tensor([[False, True]])
    assert decoding.penalise(torch.ones(1, 3), torch.tensor([[0, 1]]), 2.0, mask).tolist() == [[1, 0.5, 1]]


def test_of_equal_scores_the_lower_id_wins():
    flat = torch.zeros(1, 5)
    assert decoding.keep_top_k(flat, 2).isfinite().tolist() == [[True, True, False, False, False]]
    assert decoding.keep_top_p(flat, 0.5).isfinite().tolist() == [[True, True, True, False, False]]
    assert decoding.probabilities(flat, 0).tolist() == [[1, 0, 0, 0, 0]]
    tied = Scripted([[0.0, 1.0, 1.0]])
    assert generate(tied, torch.tensor([[0]]), 2, temperature=0).tolist() == [[0, 1, 1]]
    assert generate(tied, torch.tensor([[0]]), 2, num_beams=2).tolist() == [[0, 1, 1]]


# --- beside transformers ----------------------------------------------------------------------------------------------


def theirs(ids, mask=None, **settings):
    mask = torch.ones_like(ids) if mask is None else mask.long()
    return THEIRS.generate(ids, attention_mask=mask, pad_token_id=settings.get("eos_token_id", 0), top_k=0, **settings)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), eos=st.one_of(st.none(), st.integers(0, 22)), n=st.integers(1, 10),
       lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_greedy_is_that_of_transformers(seed, eos, n, lengths):
    T = max(lengths)
    ids, mask = ids_of(len(lengths), T, seed=seed), torch.arange(T) >= T - torch.tensor(lengths)[:, None]
    expected = theirs(ids, mask, do_sample=False, max_new_tokens=n, eos_token_id=eos)
    got = generate(MODEL64, ids, n, attention_mask=mask, temperature=0, eos_token_id=eos)
    assert torch.equal(got, expected)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), eos=st.one_of(st.none(), st.integers(0, 22)), n=st.integers(1, 8),
       beams=st.integers(2, 5), length_penalty=st.sampled_from([0.0, 1.0, 2.0]), B=st.integers(1, 3))
def test_beams_are_those_of_transformers(seed, eos, n, beams, length_penalty, B):
    ids = ids_of(B, 4, seed=seed)
    expected = theirs(ids, do_sample=False, max_new_tokens=n, eos_token_id=eos, num_beams=beams,
                      length_penalty=length_penalty)  # fmt: skip
    got = generate(MODEL64, ids, n, num_beams=beams, eos_token_id=eos, length_penalty=length_penalty)
    assert torch.equal(got, expected)


# --- the loop ---------------------------------------------------------------------------------------------------------

STRATEGIES = [
    {"temperature": 0}, {}, {"temperature": 0.7, "top_k": 5}, {"top_p": 0.8}, {"num_beams": 3},
    {"temperature": 0, "repetition_penalty": 1.5}, {"num_beams": 2, "repetition_penalty": 1.2, "eos_token_id": 3},
]  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 8), min_size=1, max_size=4), strategy=st.sampled_from(STRATEGIES),
       n=st.integers(1, 12), front=st.booleans(), seed=st.integers(0, 99))
def test_a_cache_changes_nothing(lengths, strategy, n, front, seed):
    """Also past the window, whichever side the padding stands on."""
    T = max(lengths)
    ids, size = ids_of(len(lengths), T, seed=seed), torch.tensor(lengths)[:, None]
    mask = torch.arange(T) >= T - size if front else torch.arange(T) < size

    def written(**settings):
        rng = torch.Generator().manual_seed(seed)
        return generate(OURS, ids, n, attention_mask=mask, generator=rng, slide=True, **settings)

    with_cache = written(**strategy)
    assert torch.equal(with_cache, written(use_cache=False, **strategy))
    for row, length in enumerate(lengths):
        assert torch.equal(with_cache[row, T - length : T], ids[row, mask[row]]), "the prompt, its padding in front"
        if strategy.get("temperature") == 0 and T + n <= 17:
            alone = generate(OURS, ids[row, mask[row]][None], n, **strategy)
            assert torch.equal(with_cache[row, T - length :], alone[0])


def test_a_generator_gives_the_same_text_again_and_draws_as_the_probabilities_say():
    generators = (torch.Generator().manual_seed(seed) for seed in (1, 1, 2))
    once, again, other = (generate(OURS, ids_of(2, 3), 9, generator=generator) for generator in generators)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    model = Scripted([[math.log(0.6), math.log(0.3), math.log(0.1)]])
    many = torch.zeros(4000, 1, dtype=torch.int64)
    drawn = generate(model, many, 1, generator=torch.Generator().manual_seed(0))[:, 1].bincount(minlength=3) / 4000
    assert torch.allclose(drawn, torch.tensor([0.6, 0.3, 0.1]), atol=0.03)
    drawn = generate(model, many, 1, top_p=0.7, generator=torch.Generator().manual_seed(0))[:, 1].bincount(minlength=3)
    assert drawn[2] == 0


def test_a_text_stops_at_its_end_and_is_filled_up_while_others_go_on():
    always_1 = Scripted([[0.0, 5.0, 1.0]])
    assert generate(always_1, torch.tensor([[0]]), 50, temperature=0, eos_token_id=1).tolist() == [[0, 1]]
    model = Scripted([[0.0, 0.0, 0.0]] * 50)
    ids = generate(model, torch.zeros(3, 1, dtype=torch.int64), 50, eos_token_id=2,
                   generator=torch.Generator().manual_seed(0))  # fmt: skip
    for row in ids.tolist():
        end = row.index(2)
        assert set(row[end:]) == {2}
    assert len({row.index(2) for row in ids.tolist()}) > 1


def test_every_new_token_is_told_at_once():
    told = []
    ids = generate(OURS, ids_of(2, 3), 5, temperature=0, stream=told.append)
    assert torch.equal(torch.tensor(told).T, ids[:, 3:])


def test_past_the_window_it_slides_or_refuses():
    ids = ids_of(1, 10)
    assert generate(OURS, ids, 7, temperature=0).shape == (1, 17), "the last token is never read"
    with pytest.raises(ValueError, match="max_new_tokens=8 cannot .* must be at most 7 here, or slide=True"):
        generate(OURS, ids, 8, temperature=0)
    long = generate(OURS, ids, 20, temperature=0, slide=True)
    for t in range(17, 30):
        assert long[0, t] == OURS(long[:, t - 16 : t]).logits[0, -1].argmax()
    assert generate(OURS, ids_of(1, 40), 1, slide=True).shape == (1, 41)


def test_dropout_is_off_and_the_model_is_as_it_was():
    model = GPT(GPTConfig(vocab_size=23, context_length=16, d_model=24, num_layers=2, num_heads=4, dropout=0.5)).train()
    assert torch.equal(generate(model, ids_of(1, 3), 9, temperature=0), generate(model, ids_of(1, 3), 9, temperature=0))
    assert model.training


NO = torch.tensor([[True, False, True]])


@pytest.mark.parametrize(("settings", "words"), [
    ({"temperature": -1}, "temperature=-1"), ({"temperature": math.nan}, "temperature=nan"),
    ({"top_p": 0}, "top_p=0"), ({"top_p": 1.1}, "top_p=1.1"), ({"top_k": 0}, "top_k=0"),
    ({"num_beams": 0}, "num_beams=0"), ({"repetition_penalty": 0}, "repetition_penalty=0"),
    ({"max_new_tokens": 0}, "max_new_tokens=0"), ({"eos_token_id": 23}, "no eos_token_id 23: ids go"),
    ({"num_beams": 2, "top_k": 3}, "leave out"), ({"max_new_tokens": 99}, "slide=True"),
    ({"input_ids": torch.zeros(1, 0, dtype=torch.int64)}, "each 1 or more"), ({"input_ids": [[1]]}, "list"),
    ({"attention_mask": NO}, "without a hole"), ({"attention_mask": ~NO & NO}, "all padding"),
    ({"attention_mask": NO.long()}, "booleans"), ({"attention_mask": NO[:, :2]}, "shape"),
])  # fmt: skip
def test_input_that_does_not_fit(settings, words):
    with pytest.raises(ValueError, match=words):
        generate(OURS, **{"input_ids": ids_of(1, 3), "max_new_tokens": 2, **settings})


@pytest.mark.parametrize(("rule", "words"), [
    (lambda x: decoding.keep_top_k(x, 0), "k=0"), (lambda x: decoding.keep_top_k(x, -1), "k=-1"),
    (lambda x: decoding.keep_top_p(x, 0), "p=0"), (lambda x: decoding.keep_top_p(x, math.nan), "p=nan"),
    (lambda x: decoding.probabilities(x, -1.0), "temperature=-1"), (lambda x: decoding.probabilities(x[0]), "shape"),
    (lambda x: decoding.probabilities(x, top_p=1.5), "top_p"), (lambda x: decoding.keep_top_k(x.long(), 2), "floats"),
    (lambda x: decoding.penalise(x, torch.tensor([[1]]), 0.0), "penalty=0"),
    (lambda x: generate(OURS, ids_of(1, 3), 2, num_beams=2, length_penalty=math.nan), "length_penalty=nan"),
])  # fmt: skip
def test_rules_that_mean_nothing(rule, words):
    with pytest.raises(ValueError, match=words):
        rule(torch.tensor([[1.0, 3.0, 2.0]]))


def test_half_precision_short_ids_and_the_coldest_of_temperatures():
    kept = [decoding.keep_top_p(torch.zeros(1, 5000, dtype=dtype), 0.9).isfinite().sum().item()
            for dtype in (torch.float16, torch.bfloat16, torch.float32)]  # fmt: skip
    assert max(kept) - min(kept) == 0
    assert decoding.probabilities(torch.tensor([[1.0, 3.0, 3.0]]), 1e-320).tolist() == [[0, 1, 0]]
    assert decoding.penalise(torch.ones(1, 2), torch.tensor([[1]], dtype=torch.int32), 2.0).tolist() == [[1, 0.5]]
    assert decoding.penalise(torch.ones(1, 2), torch.zeros(1, 0, dtype=torch.int64), 2.0).tolist() == [[1, 1]]


@pytest.mark.parametrize("wrong", [-math.inf, math.nan, math.inf])
@pytest.mark.parametrize("how", [{"temperature": 0}, {}, {"num_beams": 2}])
def test_logits_that_choose_nothing(wrong, how):
    with pytest.raises(ValueError, match="no token can be chosen"):
        generate(Scripted([[wrong] * 3]), torch.tensor([[0]]), 2, **how)


# --- smaller weights --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "error"), [("int8", 0.05), ("int8_dynamic", 0.1), ("int4", 0.5)])
def test_fewer_bits_are_near_and_the_model_is_untouched(kind, error):
    model = GPT(GPTConfig(vocab_size=23, context_length=16, d_model=64, num_layers=2, num_heads=4, dropout=0.0)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)) * 0.1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    small = decoding.quantize(model, kind)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(isinstance(part, nn.Linear) for part in small.modules())
    assert type(small.head).__name__ == ("DynamicInt8Linear" if kind == "int8_dynamic" else "Int8Linear")
    ids = ids_of(20, 16)
    with torch.no_grad():
        a, b = model(ids).logits, small(ids).logits
    assert 0 < (a - b).std() < error * a.std()
    assert generate(small, ids[:2, :3], 5, temperature=0).shape == (2, 8)
    with pytest.raises(ValueError, match="kind='int3'"):
        decoding.quantize(model, "int3")
