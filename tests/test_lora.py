"""LoRA: the equation, nothing changed at first, only thin matrices moved, merged equals unmerged, files that fit."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib import bert, decoding, gpt, linear, llama, lora, training, transformer

CONFIGS = {
    "gpt": gpt.GPTConfig(vocab_size=30, context_length=16, d_model=24, num_layers=2, num_heads=4, dropout=0.0),
    "llama": llama.LlamaConfig(vocab_size=30, context_length=16, d_model=24, num_layers=2, num_heads=4, num_kv_heads=2,
                               d_ff=40),
    "bert": bert.BertConfig(vocab_size=30, context_length=16, d_model=24, num_layers=2, num_heads=4, dropout=0.0),
    "transformer": transformer.TransformerConfig(vocab_size=30, d_model=24, num_layers=2, num_heads=4, dropout=0.0),
}  # fmt: skip
MODELS = {"gpt": gpt.GPT, "llama": llama.Llama, "bert": bert.BertForSequenceClassification,
          "transformer": transformer.EncoderDecoder}  # fmt: skip
each_model = pytest.mark.parametrize("kind", CONFIGS)
IDS = torch.randint(30, (3, 9), generator=torch.Generator().manual_seed(1))


def model_of(kind):
    torch.manual_seed(0)
    more = {"num_labels": 3} if kind == "bert" else {}
    return MODELS[kind](CONFIGS[kind], **more).eval()


def said(model):
    found = model(IDS, IDS) if isinstance(model, transformer.EncoderDecoder) else model(IDS)
    return found if isinstance(found, torch.Tensor) else found.logits


def answer(model):
    with torch.no_grad():
        return said(model)


def stirred(model, size=0.2):
    """The adapters as if they had learned something."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for part in lora.adapters(model).values():
            part.B.copy_(torch.randn(part.B.shape, generator=generator) * size)
    return model


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 99))
def test_a_layer_is_the_equation(rank, D, N, biased, seed):
    torch.manual_seed(seed)
    base, x = nn.Linear(D, N, bias=biased), torch.randn(2, 3, D)
    layer = lora.LoRALinear(copy.deepcopy(base), rank, alpha=3.0)
    assert torch.equal(layer(x), base(x)), "B is 0 at first"
    with torch.no_grad():
        layer.B.normal_()
        rows = [base(v) + 3.0 / rank * (layer.B @ (layer.A @ v)) for v in x.flatten(0, 1)]
        expected = torch.stack(rows).view(2, 3, N)
        assert torch.allclose(layer(x), expected, atol=1e-5)
        assert torch.allclose(torch.nn.functional.linear(x, layer.weight, layer.bias), expected, atol=1e-5)


@each_model
def test_merged_equals_unmerged_and_off_is_the_old_model(kind):
    model = model_of(kind)
    before = answer(model)
    lora.add(model, rank=3)
    assert torch.equal(answer(model), before)
    adapted = answer(stirred(model))
    assert (adapted - before).abs().max() > 0.01
    with lora.off(model):
        assert torch.equal(answer(model), before)
    assert torch.equal(answer(model), adapted)
    assert torch.allclose(answer(lora.merge(model)), adapted, atol=1e-5)
    assert not lora.adapters(model)
    assert model.state_dict().keys() == model_of(kind).state_dict().keys()


def test_a_shared_layer_is_adapted_wherever_it_stands(tmp_path):
    torch.manual_seed(0)
    one = nn.Linear(5, 5)
    model = nn.Sequential(one, nn.Tanh(), nn.Sequential(one, nn.Tanh()), nn.Linear(5, 2))
    x, before = torch.randn(3, 5), copy.deepcopy(model)
    assert str(lora.add(model, rank=2)) == "34 of 76 parameters learn"
    assert model[0] is model[2][0]
    assert isinstance(model[0], lora.LoRALinear)
    after = stirred(model)(x)
    lora.save(model, tmp_path / "shared.safetensors")
    assert torch.equal(lora.load(before, tmp_path / "shared.safetensors")(x), after)
    lora.merge(model)
    assert model[0] is model[2][0]
    assert torch.allclose(model(x), after, atol=1e-5)


@each_model
def test_only_the_thin_matrices_learn(kind):
    model = model_of(kind)
    count = lora.add(model, rank=2, targets=("attention",))
    names = {name for name, p in model.named_parameters() if p.requires_grad}
    assert all(name.endswith((".A", ".B")) or name.startswith("classifier") for name in names)
    assert all("attention" in name or name.startswith("classifier") for name in names)
    assert count.learning == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert str(count) == f"{count.learning:,} of {count.all:,} parameters learn"
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    plan = training.TrainingConfig(steps=3, learning_rate=0.1)
    training.train(model, [IDS], lambda m, _: said(m).square().mean(), plan, progress=False)
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert moved == names


def test_one_seed_gives_one_adapter_and_leaves_the_outer_numbers_alone(tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    *models, fresh = (model_of("gpt") for _ in range(4))
    torch.manual_seed(7)
    for model, seed in zip(models, (1, 1, 2)):
        lora.add(model, seed=seed)
    assert torch.equal(torch.rand(1), expected)
    torch.manual_seed(7)
    lora.save(models[0], tmp_path / "a.safetensors")
    lora.load(fresh, tmp_path / "a.safetensors")
    assert torch.equal(torch.rand(1), expected)
    a, b, c = ([part.A for part in lora.adapters(model).values()] for model in models)
    assert all(map(torch.equal, a, b))
    assert not torch.equal(a[0], c[0])


@each_model
def test_a_saved_adapter_comes_back(kind, tmp_path):
    model = model_of(kind)
    lora.add(model, rank=3, alpha=5.0)
    expected = answer(stirred(model))
    size = lora.save(model, tmp_path / "a.safetensors")
    learned = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert 4 * learned < size < 4 * learned + 12_000  # names and shapes
    other = lora.load(model_of(kind), tmp_path / "a.safetensors")
    assert torch.equal(answer(other), expected)


def test_what_cannot_be_adapted_is_refused(tmp_path):
    model = model_of("gpt")
    with pytest.raises(ValueError, match="no adapters to save"):
        lora.save(model, tmp_path / "x")
    with pytest.raises(ValueError, match="targets=\\(.nowhere.,\\) cannot be used: .* parts of the names of linear"):
        lora.add(model, targets=("nowhere",))
    with pytest.raises(ValueError, match="targets=\\(\\) cannot be used: .* a model of float numbers"):
        lora.add(decoding.quantize(model_of("llama")))
    with pytest.raises(ValueError, match="rank"):
        lora.add(model, rank=0)
    with pytest.raises(ValueError, match="targets must be a list of texts"):
        lora.add(model, targets="attention")
    with pytest.raises(ValueError, match="parts of the names of linear layers"):
        lora.add(nn.Linear(3, 3))
    lora.add(model)
    with pytest.raises(ValueError, match="adapted already"):
        lora.add(model)
    with pytest.raises(ValueError, match="linear=Int8Linear.* cannot be used: linear must be an nn.Linear of float"):
        lora.LoRALinear(linear.Int8Linear(nn.Linear(32, 32)), 2, 4.0)
    with pytest.raises(ValueError, match="alpha"):
        lora.LoRALinear(nn.Linear(3, 3), 2, 0.0)


def test_no_damage_goes_unnoticed(tmp_path):
    file = tmp_path / "a.safetensors"
    model = model_of("gpt")
    lora.add(model, rank=1)
    lora.save(stirred(model), file)
    whole = file.read_bytes()
    for place in range(3, len(whole), len(whole) // 40):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(ValueError, match="a.safetensors"):
            lora.load(model_of("gpt"), file)
    with pytest.raises(FileNotFoundError, match="make it first"):
        lora.save(model, tmp_path / "nowhere" / "a.safetensors")


def test_an_adapter_of_another_model_is_refused_and_nothing_is_changed(tmp_path):
    model, file = model_of("gpt"), tmp_path / "a.safetensors"
    lora.add(model)
    lora.save(stirred(model), file)
    narrow = gpt.GPT(gpt.GPTConfig(vocab_size=30, context_length=16, d_model=16, num_layers=2, num_heads=4)).eval()
    before = answer(narrow)
    words = r"another model, its blocks.0.attention.output is \(24, 24\) and this model's \(16, 16\)"
    with pytest.raises(ValueError, match=words):
        lora.load(narrow, file)
    with pytest.raises(ValueError, match="another model"):
        lora.load(model_of("bert"), file)
    assert torch.equal(answer(narrow), before)
    file.write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="holds no adapter"):
        lora.load(model_of("gpt"), file)
