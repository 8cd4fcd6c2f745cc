"""Privacy: per-line gradients equal a loop's, exposure by hand, membership against pairs, the accountant against print.

Published numbers: the table of the TensorFlow Privacy tutorial for MNIST (60,000 pictures, batches of 256, delta 1e-5),
tutorials/README.md at commit 047e1ee; and Abadi et al. (2016): sigma 4, q 0.01, 10,000 steps, delta 1e-5 give 1.26.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import nn

from course_lib import gpt, privacy

CONFIG = gpt.GPTConfig(vocab_size=13, context_length=9, d_model=12, num_layers=2, num_heads=3, dropout=0.0)
LINES = [[0, 3, 4, 5, 0], [0, 7, 0], [0, 12, 11, 10, 9, 8, 7, 0], [0, 1, 1, 0]]


def small(seed=0):
    torch.manual_seed(seed)
    return gpt.GPT(CONFIG)


# --- lines ------------------------------------------------------------------------------------------------------------


def test_a_lines_loss_is_its_own_mean_whatever_stands_behind_it():
    model, rows = small(), privacy.padded(LINES)
    alone = torch.stack([model.loss(torch.tensor([line])) for line in LINES])
    torch.testing.assert_close(privacy.line_losses(model, rows), alone)
    wider = torch.cat([rows, torch.full((4, 1), privacy.PADDING)], dim=1)
    torch.testing.assert_close(privacy.line_losses(model, wider), alone)


def test_no_line_is_refused():
    with pytest.raises(ValueError, match="one line or more"):
        privacy.padded([])


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scores", "index", "bits"), [
    ([5, 1, 2, 3], 0, 2.0), ([5, 1, 2, 3], 1, 0.0), ([5, 1, 2, 3], 3, 1.0), ([0, 0, 0, 0], 2, math.log2(4 / 2.5)),
    ([1, 1, 0, -3], 1, math.log2(4 / 1.5)), ([7], 0, 0.0),
])  # fmt: skip
def test_exposure_by_hand(scores, index, bits):
    assert privacy.exposure(scores, index) == pytest.approx(bits)


def test_exposure_of_what_cannot_come_and_of_what_is_no_candidate():
    assert privacy.exposure(torch.tensor([-math.inf, 0.0, 1.0, 2.0]), 0) == 0.0
    assert privacy.exposure([-math.inf, 0.0, 1.0, 2.0], 3) == 2.0
    for scores, index, words in [([1, 2], -1, "index=-1"), (np.eye(2), 1, "scores has shape"), ([1, np.nan], 0, "nan")]:
        with pytest.raises(ValueError, match=words):
            privacy.exposure(scores, index)


def test_a_secret_never_seen_has_an_exposure_of_one_and_a_half_bits_on_the_average():
    scores = np.random.default_rng(0).normal(size=1000)
    mean = np.mean([privacy.exposure(scores, i) for i in range(1000)])
    assert mean == pytest.approx(1 / math.log(2), abs=0.01)


def test_candidates_are_scored_as_whole_texts_are():
    model, prefix = small(), [0, 4, 6]
    candidates = torch.cartesian_prod(torch.arange(3), torch.arange(2, 4), torch.arange(5))[torch.randperm(30)]
    found = privacy.candidate_log_probs(model, prefix, candidates)
    for candidate, log in zip(candidates.tolist(), found):
        whole = gpt.log_probs(model, torch.tensor(prefix + candidate))
        assert log.item() == pytest.approx(whole[-3:].sum().item(), abs=1e-5)


def test_candidates_of_one_token_and_a_model_in_training():
    model, candidates = gpt.GPT(replace(CONFIG, dropout=0.5)).train(), torch.tensor([[1], [7], [2]])
    found = privacy.candidate_log_probs(model, [0, 4], candidates)
    wholes = [gpt.log_probs(model, torch.tensor([0, 4, candidate]))[-1] for candidate in (1, 7, 2)]
    torch.testing.assert_close(found, torch.stack(wholes))
    assert model.training
    with pytest.raises(ValueError, match="prefix must be one token or more"):
        privacy.candidate_log_probs(model, [], candidates)


# --- membership -------------------------------------------------------------------------------------------------------

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_auc_counts_pairs_and_is_the_area_under_the_curve(members, others):
    pairs = [(one > other) + (one == other) / 2 for one in members for other in others]
    area = privacy.auc(members, others)
    assert area == pytest.approx(np.mean(pairs))
    alarms, found = privacy.roc(np.array(members), np.array(others))
    assert np.trapezoid(found, alarms) == pytest.approx(area)
    assert (alarms[0], found[0], alarms[-1], found[-1]) == (0, 0, 1, 1)


def test_membership_of_nobody_is_refused():
    with pytest.raises(ValueError, match="members has shape .*each 1 or more"):
        privacy.auc([], [1])


@pytest.mark.parametrize("count", [privacy.auc, privacy.roc])
def test_scores_that_are_none_are_refused(count):
    for members, words in [([1, np.nan], "nan"), (np.eye(2), "members has shape")]:
        with pytest.raises(ValueError, match=words):
            count(members, [1.0])


# --- gradients --------------------------------------------------------------------------------------------------------


def loop(model, rows):
    """The oracle: one backward pass a line."""
    found = [torch.autograd.grad(privacy.line_losses(model, row[None])[0], list(model.parameters())) for row in rows]
    return {name: torch.stack(parts) for (name, _), parts in zip(model.named_parameters(), zip(*found))}


def test_per_sample_gradients_equal_a_loops():
    model, rows = small(), privacy.padded(LINES)
    fast, slow = privacy.per_sample_gradients(model, rows), loop(model, rows)
    assert fast.keys() == slow.keys() == dict(model.named_parameters()).keys()
    for name in slow:
        assert fast[name].shape == (4, *model.get_parameter(name).shape)
        torch.testing.assert_close(fast[name], slow[name], rtol=1e-4, atol=1e-6)


def test_gradients_of_what_stands_still_are_not_computed():
    model = small()
    model.tokens.requires_grad_(False)
    assert "tokens.weight" not in privacy.per_sample_gradients(model, privacy.padded(LINES))


def test_long_gradients_in_half_precision_are_shortened_not_lost():
    long = {"a": torch.full((1, 400), 300.0, dtype=torch.float16)}
    assert privacy.lengths(long).item() == pytest.approx(6000)
    torch.testing.assert_close(privacy.clipped_sum(long, 6.0)["a"], torch.full((400,), 0.3).half())


def test_with_dropout_each_line_draws_its_own():
    model = gpt.GPT(replace(CONFIG, dropout=0.5)).train()
    parts = privacy.per_sample_gradients(model, torch.tensor([LINES[0]] * 2))["norm.weight"]
    assert not torch.allclose(parts[0], parts[1])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.floats(0.05, 50))
def test_no_line_adds_more_than_the_clip_and_short_ones_stay(seed, clip):
    torch.manual_seed(seed)
    gradients = {"a": torch.randn(5, 3, 2) * torch.tensor([0.01, 0.5, 1, 4, 0]).view(5, 1, 1), "b": torch.randn(5, 4)}
    gradients["b"][4] = 0  # a line that says nothing
    total, sizes = privacy.clipped_sum(gradients, clip), privacy.lengths(gradients)
    by_hand = {name: torch.zeros_like(part[0]) for name, part in gradients.items()}
    for i in range(5):
        alone = privacy.clipped_sum({name: part[i : i + 1] for name, part in gradients.items()}, clip)
        size = torch.cat([part.flatten() for part in alone.values()]).norm()
        assert size == pytest.approx(min(clip, sizes[i].item()), abs=1e-5)
        by_hand = {name: by_hand[name] + alone[name] for name in alone}
    for name in total:
        torch.testing.assert_close(total[name], by_hand[name], rtol=1e-4, atol=1e-5)


def test_a_step_without_clip_is_the_batchs_gradient():
    model, rows = small(), privacy.padded(LINES)
    plain = privacy.step_gradient(model, rows, privacy.Plan(batch=4), torch.Generator())
    wide = privacy.step_gradient(model, rows, privacy.Plan(batch=4, clip=1e6), torch.Generator())
    privacy.line_losses(model, rows).mean().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(plain[name], parameter.grad)
        torch.testing.assert_close(wide[name], parameter.grad, rtol=1e-4, atol=1e-6)


def test_the_noise_has_its_scale_also_where_nobody_was_picked():
    model, plan = nn.Linear(300, 300), privacy.Plan(batch=8, clip=0.5, noise=2.0)
    found = privacy.step_gradient(model, torch.zeros(0, 3).long(), plan, torch.Generator().manual_seed(0))
    assert found["weight"].std().item() == pytest.approx(2.0 * 0.5 / 8, rel=0.02)


def test_training_learns_and_one_seed_gives_one_model():
    rows = privacy.padded(LINES * 5)
    plan, seen = privacy.Plan(steps=30, batch=10, rate=1e-2, clip=1.0, noise=0.1, seed=3), []
    one, other = (privacy.train(small(), rows, plan, on_step=seen.append) for _ in range(2))
    assert seen == [*range(1, 31)] * 2
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters()))
    assert privacy.line_losses(one, rows).mean() < privacy.line_losses(small(), rows).mean() - 0.5


@pytest.mark.parametrize(("given", "words"), [
    ({"noise": 1.0}, "0 where nothing is clipped"), ({"clip": 0}, "clip=0"), ({"noise": -1.0, "clip": 1.0}, "noise=-1"),
])  # fmt: skip
def test_plans_that_cannot_be_used(given, words):
    with pytest.raises(ValueError, match=words):
        privacy.Plan(**given)


def test_a_batch_larger_than_the_text_is_refused():
    with pytest.raises(ValueError, match="at most the number of lines"):
        privacy.train(small(), privacy.padded(LINES), privacy.Plan(batch=5))


def test_a_model_of_16_bits_trains_as_it_is():
    model = small().bfloat16()
    privacy.train(model, privacy.padded(LINES), privacy.Plan(steps=2, batch=3, clip=1.0, noise=0.5))
    assert all(parameter.dtype == torch.bfloat16 for parameter in model.parameters())


# --- the accountant ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noise", "epochs", "published"), [(1.12, 60, 2.92), (0.6, 30, 9.74), (1.2, 10, 1.20)])
def test_the_table_of_tensorflow_privacy(noise, epochs, published):
    """Its orders include fractions: ours may lie above by half a per cent, never below by more than its rounding."""
    found = privacy.epsilon(256 / 60_000, noise, epochs * 60_000 // 256, 1e-5)
    assert published - 0.005 <= found <= published * 1.005


def test_orders_between_whole_numbers_account_for_most_of_what_our_middle_row_lies_above():
    """Lesson 26: published 9.74, whole orders 9.77, with tenths between them 9.75 (by quadrature)."""
    rate, noise, steps = 256 / 60_000, 0.6, 30 * 60_000 // 256
    x = np.linspace(-10, 14, 100_001)
    ratio = np.log((1 - rate) + rate * np.exp((2 * x - 1) / 2 / noise**2))

    def spent(order):
        inside = np.exp(order * ratio + stats.norm.logpdf(x, scale=noise))
        return steps * math.log(np.trapezoid(inside, x)) / (order - 1) + math.log(1e5) / (order - 1)

    whole = privacy.epsilon(rate, noise, steps, 1e-5)
    assert min(map(spent, range(2, 6))) == pytest.approx(whole, abs=1e-4)
    assert round(min(spent(order / 10) for order in range(20, 50)), 2) == 9.75 < round(whole, 2) == 9.77


@pytest.mark.parametrize("ask", [
    lambda: privacy.epsilon(0.1, 1.0, 10, 1e-5, orders=()), lambda: privacy.epsilon(0.1, 1.0, 10, 1e-5, orders=(1, 2)),
    lambda: privacy.Plan(clip=1.0, noise=1.0).epsilon(0, 1e-5), lambda: privacy.Plan(clip=1.0).epsilon(9, 0),
])  # fmt: skip
def test_questions_without_an_answer(ask):
    with pytest.raises(ValueError, match="cannot be used"):
        ask()


def test_the_example_of_abadi_and_others():
    assert round(privacy.epsilon(0.01, 4.0, 10_000, 1e-5), 2) == 1.26


@pytest.mark.parametrize(("rate", "noise", "order"), [(0.1, 0.8, 2), (0.3, 1.5, 5), (0.02, 2.0, 16), (1.0, 1.5, 4)])
def test_one_step_is_the_integral(rate, noise, order):
    """Renyi divergence of (1 - q) N(0, s) + q N(1, s) from N(0, s), by quadrature."""
    def inside(x):
        log_ratio = np.logaddexp(np.log1p(-rate) if rate < 1 else -np.inf, math.log(rate) + (2 * x - 1) / 2 / noise**2)
        return math.exp(order * log_ratio + stats.norm.logpdf(x, scale=noise))

    area = integrate.quad(inside, -40, 40, limit=500, points=[0, order])[0]
    assert privacy.rdp(rate, noise, order) == pytest.approx(math.log(area) / (order - 1), rel=1e-6)


def test_more_steps_and_larger_batches_cost_more_noise_less():
    base = privacy.epsilon(0.05, 1.0, 100, 1e-5)
    assert privacy.epsilon(0.05, 1.0, 200, 1e-5) > base
    assert privacy.epsilon(0.10, 1.0, 100, 1e-5) > base
    assert privacy.epsilon(0.05, 1.2, 100, 1e-5) < base


@pytest.mark.parametrize("target", [0.5, 3.0, 20.0])
def test_the_least_noise_for_an_epsilon(target):
    noise = privacy.noise_for(target, 0.064, 150, 1e-4)
    assert privacy.epsilon(0.064, noise, 150, 1e-4) <= target < privacy.epsilon(0.064, noise - 0.002, 150, 1e-4)


def test_a_plan_knows_its_price():
    assert privacy.Plan().epsilon(2000, 1e-4) == math.inf
    assert privacy.Plan(clip=1.0, noise=1.0).epsilon(2000, 1e-4) == privacy.epsilon(0.064, 1.0, 150, 1e-4)


@pytest.mark.parametrize("given", [(0, 1.0, 2), (1.5, 1.0, 2), (0.1, 0.0, 2), (0.1, 1.0, 1), (0.1, 1.0, 2.5)])
def test_what_the_accountant_cannot_take(given):
    with pytest.raises(ValueError, match="cannot be used"):
        privacy.rdp(*given)
