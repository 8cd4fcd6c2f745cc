"""scaling: what is counted by hand is what torch counts and keeps; a law that made the numbers is found again."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from course_lib import gpt, scaling

CONFIGS = [
    gpt.GPTConfig(80, 16, 32, num_layers=2, num_heads=2, dropout=0.0),
    gpt.GPTConfig(50, 12, 24, num_layers=3, num_heads=4, d_ff=40, dropout=0.0),
    gpt.GPTConfig(7, 30, 8, num_layers=1, num_heads=1, dropout=0.0),
]
each_config = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"width {config.d_model}")
GPT3 = gpt.GPTConfig(context_length=2048, d_model=12_288, num_layers=96, num_heads=96)


def counted(model, rows):
    """What torch counts; its counter knows no formula for the CPU's fused attention, so that it is spelled out."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.loss(rows).backward()
    return counter.get_total_flops()


def kept(model, rows):
    """Bytes that a forward pass keeps, the parameters left out."""
    own, found = {p.untyped_storage().data_ptr() for p in model.parameters()}, {}

    def keep(tensor):
        store = tensor.untyped_storage()
        if store.data_ptr() not in own:
            found[store.data_ptr()] = (store.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(rows)
    return sum(size for size, _ in found.values())


def checkpointed(model):
    for block in model.blocks:
        block.forward = lambda *inputs, forward=block.forward: checkpoint(forward, *inputs, use_reentrant=False)
    return model


@each_config
@pytest.mark.parametrize(("batch", "length"), [(3, None), (1, 5)])
def test_counts_are_those_of_torch(config, batch, length):
    model = gpt.GPT(config).train()
    rows = torch.randint(config.vocab_size, (batch, (length or config.context_length) + 1))
    assert scaling.parameters(config) == sum(p.numel() for p in model.parameters())
    assert scaling.training_flops(config, batch, length) == counted(model, rows)
    assert 3 * scaling.forward_flops(config, batch, length) == counted(model, rows)
    assert scaling.training_flops(config, batch, length, checkpointing=True) == counted(checkpointed(model), rows)


@each_config
def test_what_is_kept_is_counted_within_five_per_cent(config):
    model, batch = gpt.GPT(config).train(), 16
    rows = torch.randint(config.vocab_size, (batch, config.context_length + 1))
    memory = scaling.training_memory(config, batch)
    assert memory.activations == pytest.approx(kept(model, rows), rel=0.05)
    assert memory.weights == memory.gradients == 4 * scaling.parameters(config)
    assert memory.optimizer == 8 * scaling.parameters(config)
    assert memory.total == 16 * scaling.parameters(config) + memory.activations
    few = scaling.training_memory(config, batch, checkpointing=True).activations
    one = scaling.training_memory(gpt.GPTConfig(**vars(config) | {"num_layers": 1}), batch).activations
    assert few == one + 4 * batch * config.context_length * config.d_model * config.num_layers
    assert kept(checkpointed(model), rows) < memory.activations


def test_published_counts():
    assert scaling.parameters(gpt.SIZES["gpt2"]) == 124_439_808
    assert round(scaling.parameters(GPT3) / 1e6, -2) == 174_600  # Brown et al. 2020, table D.1: 174,600 M
    assert 6 * scaling.parameters(GPT3) * 300e9 == pytest.approx(3.14e23, rel=0.002)


@pytest.mark.parametrize(("batch", "length", "words"), [(0, 4, "batch_size=0"), (1, 17, "has 17"), (1, 0, "length")])
def test_steps_that_cannot_be_are_refused(batch, length, words):
    for count in (scaling.forward_flops, scaling.training_flops, scaling.training_memory):
        with pytest.raises(ValueError, match=words):
            count(CONFIGS[0], batch, length)


# --- The law ----------------------------------------------------------------------------------------------------------

SIZES = np.repeat([3e3, 6e3, 9e3, 2e4, 3e4, 6e4], 3)


def test_a_law_without_noise_is_found_again():
    found = scaling.fit_power_law(SIZES, 1.5 + 20 * SIZES**-0.4)
    assert (found.floor, found.scale, found.exponent) == pytest.approx((1.5, 20, 0.4), rel=1e-3)
    assert found(1e5) == pytest.approx(1.5 + 20 * 1e5**-0.4, rel=1e-4)
    assert found.noise < 1e-4


def test_without_a_floor_it_is_the_line_of_the_logs():
    found = scaling.fit_power_law(SIZES, 8 * SIZES**-0.12, floor=False)
    assert (found.floor, found.scale, found.exponent) == pytest.approx((0, 8, 0.12), rel=1e-4)


@pytest.mark.parametrize("floor", [True, False])
def test_of_the_intervals_about_95_in_100_hold_one_more_run(floor):
    rng = np.random.default_rng(0)
    rest = 1.5 if floor else 0.0
    held, floors, tries = 0, 0, 200
    for _ in range(tries):
        found = scaling.fit_power_law(SIZES, rest + 20 * SIZES**-0.4 + rng.normal(0, 0.01, len(SIZES)), floor=floor)
        value, low, high = found.predict(1e5)
        assert low < value < high
        floors += floor and found.floor_interval().low <= rest <= found.floor_interval().high
        held += low <= rest + 20 * 1e5**-0.4 + rng.normal(0, 0.01) <= high
    assert stats.binomtest(held, tries, 0.95).pvalue > 0.001
    assert floors >= 0.88 * tries or not floor


def test_a_line_has_no_floor_to_ask_for():
    with pytest.raises(ValueError, match="floor=False cannot be used: floor must be True"):
        scaling.fit_power_law(SIZES, 8 * SIZES**-0.12, floor=False).floor_interval()


def test_the_interval_grows_with_the_distance_and_the_confidence():
    rng = np.random.default_rng(1)
    found = scaling.fit_power_law(SIZES, 1.5 + 20 * SIZES**-0.4 + rng.normal(0, 0.01, len(SIZES)))
    widths = [found.predict(size).high - found.predict(size).low for size in (2e4, 1e5, 1e7)]
    assert widths == sorted(widths)
    assert found.predict(1e5, 0.99).high > found.predict(1e5).high


@pytest.mark.parametrize(("sizes", "losses", "words"), [
    ([1e3, 2e3, 4e3, -1.0], [3.0, 2, 1, 1], "sizes=-1.0 cannot be used"),
    ([1e3, 2e3, 4e3, 8e3], [3.0, 2, 1, np.nan], "losses=nan cannot be used"),
    ([1e3, 2e3, 4e3], [3.0, 2, 1], "more than 3 runs"),
    ([1e3, 2e3, 2e3, 2e3], [3.0, 2, 1, 1], "at least 3 different"),
])  # fmt: skip
def test_runs_that_carry_no_law_are_refused(sizes, losses, words):
    with pytest.raises(ValueError, match=words):
        scaling.fit_power_law(np.array(sizes), np.array(losses))


def test_counts_are_sizes_and_no_run_is_of_no_size():
    found = scaling.fit_power_law(SIZES.astype(int).tolist(), list(8 * SIZES**-0.12), floor=False)
    assert found.exponent == pytest.approx(0.12, rel=1e-3)
    for size, confidence in ((0, 0.95), (-5.0, 0.95), (5.0, 2)):
        with pytest.raises(ValueError, match="cannot be used"):
            found.predict(size, confidence)
