"""CLIP: patches and the loss against torch's own and transformers', ties that do not win, a model that learns."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import clip, scenes, training

SMALL = clip.CLIPConfig(vocab_size=len(scenes.WORDS), d_model=24, d_ff=40, num_heads=2)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def model_of(config=SMALL):
    torch.manual_seed(0)
    return clip.CLIP(config).eval()


def batch_of(count, seed=1, **more):
    found = scenes.sample(count, seed=seed, **more)
    return torch.tensor(found.pictures), torch.tensor(scenes.encode(found.captions))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_patches_are_torchs_windows(B, rows, columns, C, side):
    pictures = normal(B, rows * side, columns * side, C)
    windows = F.unfold(pictures.permute(0, 3, 1, 2), side, stride=side)  # (B, C * side * side, P)
    expected = windows.view(B, C, side * side, -1).permute(0, 3, 2, 1).flatten(2)
    assert torch.equal(clip.patches(pictures, side), expected)


def test_a_layer_on_patches_is_a_convolution():
    pictures, layer = normal(2, 12, 8, 3), torch.nn.Conv2d(3, 5, 4, stride=4, bias=False)
    weight = layer.weight.permute(0, 2, 3, 1).flatten(1)  # (5, 4 * 4 * 3)
    expected = layer(pictures.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
    assert torch.allclose(clip.patches(pictures, 4) @ weight.T, expected, atol=1e-5)


def test_the_loss_is_that_of_transformers():
    from transformers.models.clip.modeling_clip import image_text_contrastive_loss

    pictures, texts = normal(6, 5), normal(6, 5, seed=1)
    scores = F.normalize(texts, dim=-1) @ F.normalize(pictures, dim=-1).T / 0.3
    assert torch.allclose(clip.contrastive_loss(pictures, texts, 0.3), image_text_contrastive_loss(scores), atol=1e-6)


def test_the_loss_by_hand():
    same = torch.eye(2)
    assert clip.contrastive_loss(same, same, 1.0).item() == pytest.approx(math.log(1 + math.exp(-1)))
    assert clip.contrastive_loss(same, same.flip(0), 1.0).item() == pytest.approx(math.log(1 + math.e))
    alike = torch.ones(5, 3)
    assert clip.contrastive_loss(alike, alike, 0.1).item() == pytest.approx(math.log(5), abs=1e-5)
    # a wrong text that scores as the right one does, beside the other: log(e + e + 1) - 1 for the pictures
    both = clip.contrastive_loss(same, same, 1.0, wrong=same).item()
    assert both == pytest.approx((math.log(2 * math.e + 1) - 1 + math.log(math.e + 1) - 1) / 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(2, 5), st.floats(0.1, 9), st.integers(0, 99))
def test_lengths_and_the_order_of_the_batch_change_nothing(B, D, size, seed):
    pictures, texts = normal(B, D, seed=seed), normal(B, D, seed=seed + 1)
    loss = clip.contrastive_loss(pictures, texts, 0.2)
    assert torch.allclose(clip.contrastive_loss(size * pictures, texts / size, 0.2), loss, atol=1e-4)
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    assert torch.allclose(clip.contrastive_loss(pictures[order], texts[order], 0.2), loss, atol=1e-4)
    assert torch.allclose(clip.contrastive_loss(texts, pictures, 0.2), loss, atol=1e-4)


def test_vectors_have_length_one_and_padding_counts_nothing():
    model, (pictures, ids) = model_of(), batch_of(6)
    with torch.no_grad():
        texts = model.encode_texts(ids)
        assert torch.allclose(model.encode_pictures(pictures).norm(dim=-1), torch.ones(6))
        assert torch.allclose(texts.norm(dim=-1), torch.ones(6))
        short = torch.tensor(scenes.encode(["a red ring at the top"]))
        assert torch.allclose(model.encode_texts(short), model.encode_texts(short[:, :6]), atol=1e-6)
        assert torch.allclose(model.encode_texts(short), model.encode_texts(short.roll(2, 1)), atol=1e-6)  # in front
        assert not model.encode_texts(torch.zeros(1, 3, dtype=torch.long)).any()
        assert torch.allclose(model(pictures, ids[:4]), model.encode_pictures(pictures) @ texts[:4].T, atol=1e-6)


def test_places_count_in_both_encoders():
    model, (pictures, ids) = model_of(), batch_of(4, pairs=1)
    with torch.no_grad():
        turned = model.encode_pictures(pictures.flip(1))
        assert (turned - model.encode_pictures(pictures)).abs().max() > 1e-3
        assert (model.encode_texts(ids.flip(1)) - model.encode_texts(ids)).abs().max() > 1e-3


def test_the_temperature_stays_above_a_hundredth():
    model = model_of()
    assert model.temperature.item() == pytest.approx(0.07)
    with torch.no_grad():
        model.log_scale.fill_(9.0)
    assert model.temperature.item() == pytest.approx(0.01)


def test_it_learns_and_shuffled_captions_teach_nothing():
    pictures, ids = batch_of(64, pairs=0)
    asked = batch_of(64, seed=2, pairs=0)
    plan = training.TrainingConfig(steps=60, learning_rate=5e-3, seed=1)
    losses = []
    for order in (torch.arange(64), torch.randperm(64, generator=torch.Generator().manual_seed(1))):
        model = model_of()
        training.train(model, training.shuffled(pictures, ids[order], batch_size=32), clip.contrastive, plan,
                       progress=False)  # fmt: skip
        losses.append(clip.contrastive(model, asked).item())
    assert losses[0] < losses[1] - 0.5


def test_a_batch_may_bring_wrong_captions():
    model, (pictures, ids) = model_of(), batch_of(5, pairs=1)
    plain, more = clip.contrastive(model, (pictures, ids)), clip.contrastive(model, (pictures, ids, ids.flip(0)))
    assert more > plain


def test_name_vectors_are_means_of_length_one():
    model = model_of()
    prompts = torch.tensor(scenes.encode(["a red ring at the top", "a red ring at the left", "a blue ring at the top",
                                          "a blue ring at the left"])).view(2, 2, 8)  # fmt: skip
    with torch.no_grad():
        found = clip.name_vectors(model, prompts)
        expected = torch.stack([F.normalize(model.encode_texts(ways).mean(0), dim=0) for ways in prompts])
    assert torch.allclose(found, expected, atol=1e-6)


def test_retrieval_by_hand_and_ties_are_lost():
    scores = torch.tensor([[0.9, 0.1, 0.3], [0.8, 0.5, 0.1], [0.2, 0.7, 0.6]])
    assert clip.retrieval_at(scores, 1) == pytest.approx(1 / 3)
    assert clip.retrieval_at(scores, 2) == 1
    assert clip.retrieval_at(torch.ones(4, 4), 3) == 0
    assert clip.retrieval_at(torch.ones(4, 4), 4) == 1
    assert clip.retrieval_at(torch.tensor([[math.nan, 1.0], [math.nan, 1.0]]), 1) == 0


@pytest.mark.parametrize(("settings", "words"), [
    ({"patch_side": 5}, "patch_side=5 cannot be used: .* picture_side"), ({"num_heads": 5}, "d_model"),
    ({"temperature": 0.0}, "temperature"), ({"vocab_size": 0}, "vocab_size"),
])  # fmt: skip
def test_settings_that_cannot_be_used_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        clip.CLIPConfig(**{"vocab_size": 9} | settings)


def test_what_does_not_fit_is_refused():
    model, (pictures, ids) = model_of(), batch_of(2)
    with pytest.raises(ValueError, match=r"pictures has shape \(2, 20, 24, 3\)"):
        model.encode_pictures(pictures[:, :20])
    with pytest.raises(ValueError, match="side=5"):
        clip.patches(pictures, 5)
    with pytest.raises(ValueError, match="positions"):
        model.encode_texts(torch.ones(2, 9, dtype=torch.long))
    with pytest.raises(ValueError, match="99"):
        model.encode_texts(ids * 0 + 99)
    with pytest.raises(ValueError, match="texts"):
        clip.contrastive_loss(normal(3, 4), normal(2, 4), 1.0)
