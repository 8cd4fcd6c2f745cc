"""training: schedule and groups by hand, the loop beside one written out, a broken-off run beside one left alone."""

import dataclasses
import doctest
import math
import random

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_lib import device, layers, llama, training
from course_lib.training import TrainingConfig, evaluate, learning_rate, load_weights, shuffled, train

N, I, H = 23, 3, 5  # noqa: E741
torch.manual_seed(0)
X = torch.randn(N, I)
Y = X @ torch.tensor([[1.0], [2.0], [-1.0]]) + 0.3


def loss_fn(model, batch):
    x, y = batch
    return F.mse_loss(model(x), y)


def counted(model, batch):
    return loss_fn(model, batch), len(batch[0])


def net(seed=3, dropout=0.2, hidden=H) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(I, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1))


def weights(model) -> list:
    return [parameter.tolist() for parameter in model.parameters()]


def run(model=None, batches=None, loss=loss_fn, *, steps=12, **rest):
    """`train` in few words: settings and arguments together. Returns (model, history)."""
    names = {field.name for field in dataclasses.fields(TrainingConfig)}
    config = {"steps": steps, "learning_rate": 0.05} | {k: v for k, v in rest.items() if k in names}
    model = model or net()
    others = {"progress": False} | {k: v for k, v in rest.items() if k not in names}
    return model, train(model, batches or shuffled(X, Y, batch_size=4), loss, TrainingConfig(**config), **others)


# --- the pieces -----------------------------------------------------------------------------------------------------


def test_examples_in_the_docstrings():
    assert doctest.testmod(training).attempted >= 1
    assert doctest.testmod(training).failed == 0


def test_warm_up_then_cosine_by_hand():
    config = TrainingConfig(steps=12, warmup_steps=4, learning_rate=0.8, min_learning_rate=0.2)
    got = [learning_rate(step, config) for step in range(13)]
    assert got[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert got[4] == pytest.approx(0.8)
    assert got[8] == pytest.approx(0.5)  # half way
    assert got[6] == pytest.approx(0.5 + 0.3 * math.cos(math.pi / 4))
    assert got[12] == pytest.approx(0.2)
    constant = dataclasses.replace(config, decay="constant")
    assert [learning_rate(step, constant) for step in (3, 5, 12)] == pytest.approx([0.8] * 3)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 50), st.integers(0, 50), st.sampled_from(["cosine", "linear"]), st.floats(0, 1))
def test_the_learning_rate_rises_once_and_falls_once(steps, warmup, decay, low):
    config = TrainingConfig(steps=steps, warmup_steps=min(warmup, steps), min_learning_rate=low, learning_rate=1.0,
                            decay=decay)  # fmt: skip
    rates = [learning_rate(step, config) for step in range(steps)]
    assert all(0 < rate <= 1 for rate in rates)
    top = rates.index(max(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(1)


class Many(nn.Module):
    """A parameter of each kind; the output is tied to the embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.norm = nn.LayerNorm((2, 4))
        self.inner = nn.Linear(4, 5)
        self.convolution = nn.Conv1d(4, 3, 2)
        self.position_bias = nn.Parameter(torch.zeros(2, 2))
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.output = nn.Linear(4, 7)
        self.output.weight = self.embedding.weight


def test_only_matrices_decay():
    model = Many()
    decayed, others = training.decay_groups(model, 0.1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert [names[id(p)] for p in decayed["params"]] == ["inner.weight", "convolution.weight"]
    assert {names[id(p)] for p in others["params"]} == {
        "embedding.weight", "norm.weight", "norm.bias", "inner.bias", "convolution.bias", "position_bias",
        "output.bias",
    }  # fmt: skip
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize("norm", [nn.LayerNorm((2, 4)), nn.RMSNorm((2, 4)), nn.GroupNorm(2, 4), nn.BatchNorm2d(4),
                                  nn.InstanceNorm1d(4, affine=True), llama.RMSNorm(4), layers.LayerNorm(4)])
def test_no_norm_decays(norm):
    decayed, others = training.decay_groups(nn.Sequential(nn.Linear(4, 4), norm), 0.1)
    assert [parameter.shape for parameter in decayed["params"]] == [(4, 4)]
    assert len(others["params"]) == 1 + len(list(norm.parameters()))


def test_an_evaluation_computes_as_the_training_that_went_before(monkeypatch):
    """One model, one number: bfloat16 in both, where the device is made for it."""
    monkeypatch.setattr(device, "autocast_dtype", lambda where: torch.bfloat16)
    model = net()
    history = train(model, [(X, Y)], loss_fn, TrainingConfig(steps=1), held_out=[(X, Y)], progress=False)
    assert evaluate(model, [(X, Y)], loss_fn) == history.held_out[-1][1]
    assert evaluate(model, [(X, Y)], loss_fn) != evaluate(model, [(X, Y)], loss_fn, mixed_precision=False)


def test_sparse_gradients_are_refused():
    model = nn.Embedding(5, 2, sparse=True)
    with pytest.raises(ValueError, match="sparse=True cannot be used: sparse must be False in an embedding"):
        train(model, [torch.tensor([1])], lambda model, batch: model(batch).sum(), progress=False)


@pytest.mark.parametrize("model", [nn.ReLU(), nn.Linear(2, 2).requires_grad_(False)])
def test_a_model_that_cannot_learn_is_refused(model):
    with pytest.raises(ValueError, match="one with a parameter to train"):
        train(model, [1], loss_fn)


@pytest.mark.parametrize("decay", training.DECAYS)
def test_after_the_last_step_the_learning_rate_stays(decay):
    config = TrainingConfig(steps=10, learning_rate=1.0, min_learning_rate=0.1, decay=decay)
    assert learning_rate(15, config) == learning_rate(10, config) == (1.0 if decay == "constant" else 0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0), ("steps", 1.5), ("steps", True), ("accumulate", 0), ("warmup_steps", -1), ("warmup_steps", 1001),
        ("evaluate_every", -1), ("checkpoint_every", 0.5), ("seed", -1), ("decay", "step"), ("betas", 0.9),
        ("learning_rate", 0), ("learning_rate", math.nan), ("learning_rate", math.inf), ("min_learning_rate", 0.1),
        ("min_learning_rate", -1), ("weight_decay", -0.1), ("weight_decay", math.nan), ("betas", (0.9, 1.0)),
        ("betas", (0.9,)), ("epsilon", 0), ("clip_norm", 0), ("clip_norm", math.inf), ("seed", 2**63),
        ("log_every", 0),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}="):
        TrainingConfig(**{name: value})


# --- evaluation -----------------------------------------------------------------------------------------------------


def test_evaluation_weighs_batches_by_their_counts():
    model = net(dropout=0.0)
    whole = loss_fn(model, (X, Y)).item()
    parts = [(X[:20], Y[:20]), (X[20:], Y[20:])]
    assert evaluate(model, parts, counted) == pytest.approx(whole, rel=1e-6)
    assert evaluate(model, parts, loss_fn) != pytest.approx(whole, rel=1e-3)  # each batch counts alike
    assert evaluate(model, shuffled(X, Y, batch_size=6), counted) == pytest.approx(whole, rel=1e-6)


def test_evaluation_is_without_dropout_and_gradients_and_restores_every_mode():
    model = net(dropout=0.5)
    model[1].eval()  # one part frozen in evaluation mode
    before = [module.training for module in model.modules()]

    def looks(model, batch):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
        return loss_fn(model, batch)

    assert evaluate(model, [(X, Y)], looks) == evaluate(model, [(X, Y)], looks)
    assert [module.training for module in model.modules()] == before
    with pytest.raises(ZeroDivisionError):
        evaluate(model, [(X, Y)], lambda model, batch: 1 / 0)
    assert [module.training for module in model.modules()] == before


@pytest.mark.parametrize("nothing", [[], iter([]), lambda generator: []])
def test_an_empty_held_out_set_is_refused(nothing):
    with pytest.raises(ValueError, match="one held-out batch"):
        evaluate(net(), nothing, loss_fn)
    with pytest.raises(ValueError, match="one held-out batch"):
        run(held_out=nothing, evaluate_every=5)


def test_held_out_losses_are_reported_and_train_nothing():
    alone, history = run()
    watched, seen = run(held_out=shuffled(X, Y, batch_size=5), evaluate_every=5)
    assert weights(alone) == weights(watched)
    assert history.losses == seen.losses
    assert [step for step, _ in seen.held_out] == [0, 5, 10, 12]
    assert seen.held_out[0][1] == pytest.approx(evaluate(net(), shuffled(X, Y, batch_size=5), loss_fn))
    assert seen.held_out[-1][1] == pytest.approx(evaluate(watched, shuffled(X, Y, batch_size=5), loss_fn))
    assert [step for step, _ in run(held_out=[(X, Y)])[1].held_out] == [12]


def test_chance_in_the_held_out_loss_is_the_same_every_time():
    def noisy(model, batch):
        return loss_fn(model, batch) * 0 + torch.rand(()), 1

    _, history = run(loss=noisy, held_out=[(X, Y)], evaluate_every=4)
    assert len({loss for _, loss in history.held_out}) == 1
    assert len(set(history.losses)) == 12


# --- the loop -------------------------------------------------------------------------------------------------------


def test_the_loop_equals_one_written_out():
    batches = [(X[i : i + 5], Y[i : i + 5]) for i in range(0, 20, 5)]
    model = net(dropout=0.0)
    settings = {"steps": 10, "warmup_steps": 3, "decay": "linear"}
    settings |= {"weight_decay": 0.3, "clip_norm": 0.7, "betas": (0.8, 0.9)}
    ours, history = run(net(dropout=0.0), batches, **settings)
    matrices = [model[0].weight, model[3].weight]
    moments = {p: [torch.zeros_like(p), torch.zeros_like(p)] for p in model.parameters()}
    for step in range(10):
        rate = 0.05 * [1 / 3, 2 / 3, 1][step] if step < 3 else 0.05 * (1 - (step - 3) / 7)
        loss = loss_fn(model, batches[step % 4])
        gradients = torch.autograd.grad(loss, list(moments))
        norm = torch.sqrt(sum((g**2).sum() for g in gradients))
        assert history.losses[step] == pytest.approx(loss.item(), rel=1e-4)
        assert history.gradient_norms[step] == pytest.approx(norm.item(), rel=1e-4)
        with torch.no_grad():
            for (p, (m, v)), g in zip(moments.items(), gradients):
                g = g * min(1, 0.7 / norm)
                m.mul_(0.8).add_(0.2 * g)
                v.mul_(0.9).add_(0.1 * g**2)
                if any(p is matrix for matrix in matrices):
                    p.mul_(1 - rate * 0.3)
                p.sub_(rate * (m / (1 - 0.8 ** (step + 1))) / ((v / (1 - 0.9 ** (step + 1))).sqrt() + 1e-8))
    for mine, theirs in zip(ours.parameters(), model.parameters()):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
    assert max(history.gradient_norms) > 0.7  # else nothing was clipped


@pytest.mark.parametrize("cuts", [[5, 10, 15], [2, 3, 17]])
def test_accumulated_batches_are_one_large_batch(cuts):
    bounds = [0, *cuts, 20]
    parts = [(X[a:b], Y[a:b]) for a, b in zip(bounds, bounds[1:])]
    small, seen = run(net(dropout=0.0), parts, counted, accumulate=4, clip_norm=None)
    large, expected = run(net(dropout=0.0), [(X[:20], Y[:20])], counted, clip_norm=None)
    assert seen.losses == pytest.approx(expected.losses, rel=1e-4)
    assert seen.gradient_norms == pytest.approx(expected.gradient_norms, rel=1e-3)
    for a, b in zip(small.parameters(), large.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)


def test_training_learns_and_ends_in_evaluation_mode():
    model, history = run(net(dropout=0.1), steps=150)
    assert history.losses[-1] < 0.1 * history.losses[0]
    assert not any(module.training for module in model.modules())
    model.eval()
    modes = []
    run(model, on_step=lambda state: modes.append(model.training))
    assert modes == [True] * 12


def test_one_seed_gives_one_result_and_leaves_the_callers_numbers_alone():
    torch.manual_seed(77)
    expected = torch.rand(3)
    models = []
    for callers in (5, 77):
        model = net()
        torch.manual_seed(callers)
        models.append(run(model)[0])
        after = torch.rand(3)
    assert torch.equal(after, expected)
    assert weights(models[0]) == weights(models[1]) != weights(run(seed=2)[0])


def test_each_epoch_is_read_once_in_its_own_order():
    seen = []

    def spy(model, batch):
        seen.append(batch[0])
        return F.mse_loss(model(X[batch[0]]), Y[batch[0]])

    run(batches=shuffled(torch.arange(N), batch_size=5), loss=spy, steps=10)
    first, second = torch.cat(seen[:5]).tolist(), torch.cat(seen[5:]).tolist()
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second


def test_batches_of_all_kinds_reach_the_loss_as_they_are():
    from collections import namedtuple

    Pair = namedtuple("Pair", "x y")
    kinds = [(X, Y), [X, Y], Pair(X, Y), {"x": X, "y": [Y, "a word"]}]

    def one(model, batch):
        x, y = (batch["x"], batch["y"][0]) if isinstance(batch, dict) else batch
        got.append(type(batch))
        return loss_fn(model, (x, y))

    got = []
    run(batches=kinds, loss=one, steps=4)
    assert got == [tuple, list, Pair, dict]


def test_progress_tells_where_the_run_stands(capsys):
    said, hooked = [], []
    _, history = run(held_out=[(X, Y)], evaluate_every=6, progress=said.append, on_step=hooked.append, warmup_steps=12)
    assert [state.step for state in hooked] == list(range(1, 13))
    assert said[-1] == hooked[-1]
    assert [state.loss for state in hooked] == history.losses
    assert [state.gradient_norm for state in hooked] == history.gradient_norms
    assert [state.held_out for state in hooked] == [history.held_out[0][1]] * 5 + [history.held_out[1][1]] * 6 + [
        history.held_out[2][1]
    ]
    assert hooked[5].learning_rate == pytest.approx(0.025)
    assert said[-1].steps == 12
    assert said[-1].per_second > 0
    assert capsys.readouterr().err == ""
    _, history = run(progress=True)
    bar = capsys.readouterr().err
    assert "12/12" in bar
    assert f"loss {history.losses[-1]:.3f}" in bar


def test_how_often_the_loss_is_looked_at_changes_no_bit(capsys):
    model, history = run(held_out=[(X, Y)], evaluate_every=8)
    seldom, seen, hooked = *run(net(), held_out=[(X, Y)], evaluate_every=8, log_every=5, on_step=None), []
    assert weights(seldom) == weights(model)
    assert seen == history
    run(held_out=[(X, Y)], evaluate_every=8, log_every=5, on_step=hooked.append, progress=True)
    assert [state.step for state in hooked] == [5, 8, 10, 12]
    assert [state.loss for state in hooked] == [history.losses[state.step - 1] for state in hooked]
    assert "12/12" in capsys.readouterr().err


def test_a_loss_that_is_no_number_is_named_by_its_step_when_it_is_looked_at():
    batches = [(X[:4], Y[:4])] * 2 + [(X[:4], Y[:4] * math.nan)]
    with pytest.raises(RuntimeError, match="loss is nan at step 3: "):
        run(batches=batches, log_every=5)


def test_a_run_whose_loss_is_seldom_looked_at_resumes_in_the_same_bits(tmp_path):
    whole, history = run(tied(), steps=11)
    broken_off(tmp_path, 8, SOURCES["function"], steps=11, checkpoint_every=3, log_every=4)
    assert load_weights(tmp_path, tied()) == 6
    model, again = run(tied(), steps=11, checkpoint=tmp_path, resume=True, log_every=7)
    assert again == history
    assert weights(model) == weights(whole)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_count_may_be_a_tensor(accumulate):
    def as_tensor(model, batch):
        loss, count = counted(model, batch)
        return loss, torch.tensor([count])  # of one number, as any sum over a mask with keepdim

    batches = [(X[:7], Y[:7]), (X[7:9], Y[7:9]), (X[9:], Y[9:]), (X[3:], Y[3:])]
    model, history = run(batches=batches, loss=counted, accumulate=accumulate, held_out=batches)
    other, same = run(batches=batches, loss=as_tensor, accumulate=accumulate, held_out=batches)
    for a, b in zip(model.parameters(), other.parameters()):
        torch.testing.assert_close(a, b, rtol=0 if accumulate == 1 else 1e-5, atol=0 if accumulate == 1 else 1e-6)
    assert same.losses == pytest.approx(history.losses, rel=0 if accumulate == 1 else 1e-5)
    assert same.held_out[0][1] == pytest.approx(history.held_out[0][1], rel=1e-5)


def over_nothing(kind):
    """A loss that counts the rows whose y is a number; over none of them the mean is NaN."""

    def loss(model, batch):
        x, y = batch
        real = ~y.isnan()
        count = real.sum()
        mean = (model(x) - y.nan_to_num()).square().masked_fill(~real, 0).sum() / count
        return mean, count if kind == "tensor" else int(count)

    return loss


@pytest.mark.parametrize("kind", ["tensor", "number"])
def test_a_batch_in_which_nothing_counts_is_left_out(kind):
    real, empty, other = (X[:5], Y[:5]), (X[:5], Y[:5] * math.nan), (X[5:], Y[5:])
    loss = over_nothing(kind)
    expected, history = run(net(dropout=0.0), [real, other], loss, accumulate=2)
    for order in ([empty, real, other], [real, empty, other], [real, other, empty]):
        model, seen = run(net(dropout=0.0), order, loss, accumulate=3)
        assert seen.losses == pytest.approx(history.losses, rel=1e-4)
        for a, b in zip(model.parameters(), expected.parameters()):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert evaluate(expected, [empty, real, empty], loss) == evaluate(expected, [real], loss)


@pytest.mark.parametrize("kind", ["tensor", "number"])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_in_which_nothing_counts_is_an_error(kind, accumulate):
    empty, model = (X, Y * math.nan), net()
    before = weights(model)
    with pytest.raises(ValueError, match="not over 0 things: a batch must hold at least one that counts"):
        run(model, [empty], over_nothing(kind), accumulate=accumulate)
    assert weights(model) == before
    with pytest.raises(ValueError, match="not over 0 things"):
        evaluate(model, [empty, empty], over_nothing(kind))


def test_the_hook_finds_the_gradients_of_its_step():
    lengths = []
    model = net()

    def hook(state):
        lengths.append(math.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters())))

    _, history = run(model, on_step=hook, clip_norm=1e9)
    assert lengths == pytest.approx(history.gradient_norms, rel=1e-5)


# --- what stops it --------------------------------------------------------------------------------------------------


def test_a_nan_loss_stops_it_and_names_the_step():
    batches = [(X[:4], Y[:4])] * 6 + [(X[:4], Y[:4] * math.nan)]
    model, good = net(), []
    with pytest.raises(RuntimeError, match=r"loss is nan at step 7: lower learning_rate=0.05"):
        run(model, batches, on_step=lambda state: good.append(weights(model)))
    assert len(good) == 6
    assert weights(model) == good[-1]  # the weights of the step before


def test_a_gradient_that_is_no_number_stops_it_too():
    model = net(dropout=0.0)
    start = weights(model)
    with pytest.raises(RuntimeError, match="gradient's length is (nan|inf) at step 1"):
        run(model, loss=lambda model, batch: model(batch[0]).sub(model(batch[0]).detach()).abs().sum().sqrt())
    assert weights(model) == start


def test_a_held_out_loss_that_is_no_number_stops_it():
    with pytest.raises(RuntimeError, match="held-out loss is nan after step 12"):
        run(held_out=[(X, Y * math.nan)])


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda model, batch: (model(batch[0]) - batch[1]) ** 2, r"returned=tensor\(\["),
        (lambda model, batch: 3.0, "returned=3.0 cannot"),
        (lambda model, batch: loss_fn(model, batch).detach(), "loss=.* parameters: loss_fn must call the model"),
        (lambda model, batch: (loss_fn(model, batch), 0), "not over 0 things"),
        (lambda model, batch: (loss_fn(model, batch), 4, 1), r"returned=\(tensor.*one number as a tensor"),
        (lambda model, batch: (loss_fn(model, batch), math.nan), "beside the loss=nan"),
        (lambda model, batch: (loss_fn(model, batch), model(batch[0]).detach()), "beside the loss=tensor"),
        (lambda model, batch: (loss_fn(model, batch), {"right": 3}), "beside the loss={'right': 3}"),
        (lambda model, batch: (loss_fn(model, batch), None), "beside the loss=None"),
    ],
)
def test_a_loss_that_is_none_is_refused(loss, sentence):
    with pytest.raises(ValueError, match=sentence):
        run(loss=loss)


def test_a_loss_of_another_model_is_refused():
    model, old = net(), net()
    before = weights(model), weights(old)
    with pytest.raises(ValueError, match="loss=.* dependent on this model: loss_fn must call the one"):
        run(model, loss=lambda model, batch: loss_fn(old, batch))
    assert (weights(model), weights(old)) == before


@pytest.mark.parametrize("batches", [[], iter([(X, Y)]), lambda generator: iter([])])
def test_batches_that_run_out_are_refused(batches):
    with pytest.raises(ValueError, match="batches=.* must be one to train on"):
        train(net(), batches, loss_fn, TrainingConfig(steps=3), progress=False)


# --- checkpoints ----------------------------------------------------------------------------------------------------


class Tied(nn.Module):
    """Dropout, a buffer that training changes, and an output tied to the input."""

    def __init__(self):
        super().__init__()
        self.inner, self.norm = nn.Linear(I, H), nn.BatchNorm1d(H)
        self.back = nn.Linear(H, I)
        self.back.weight = nn.Parameter(self.inner.weight.T.contiguous())
        self.twin = nn.Linear(H, I)
        self.twin.weight = self.back.weight

    def forward(self, x):
        h = F.dropout(self.norm(self.inner(x)).relu(), 0.3, self.training)
        return (self.back(h) + self.twin(h)).sum(1, keepdim=True)


def tied():
    torch.manual_seed(9)
    return Tied()


def global_numbers(generator):
    """Batches drawn from torch's own random numbers, in the middle of a step's dropout."""
    for _ in range(5):
        rows = torch.randint(N, (4,))
        yield X[rows], Y[rows]


SOURCES = {
    "function": shuffled(X, Y, batch_size=4),
    "list": [(X[:7], Y[:7]), (X[7:], Y[7:]), (X[3:9], Y[3:9])],
    "loader": DataLoader(TensorDataset(X, Y), batch_size=5, shuffle=True),
    "global numbers": global_numbers,
}


class Broken(Exception):
    pass


def broken_off(folder, at, source, **settings):
    def stop(state):
        if state.step == at:
            raise Broken

    with pytest.raises(Broken):
        run(tied(), source, checkpoint=folder, on_step=stop, **settings)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("source", SOURCES)
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, source, accumulate):
    settings = {"steps": 17, "checkpoint_every": 4, "evaluate_every": 5, "accumulate": accumulate, "warmup_steps": 6}
    settings |= {"held_out": [(X, Y)], "loss": counted}
    whole, history = run(tied(), SOURCES[source], **settings)
    for number, at in enumerate((3, 7, 14)):  # before the first checkpoint, in the middle, and twice
        broken_off(tmp_path / "run", at, SOURCES[source], resume=number > 0, **settings)
        torch.manual_seed(1000 + at)  # another process has other numbers
    model = tied()
    with torch.no_grad():
        model.inner.weight.zero_()  # the weights come from the checkpoint
    _, again = run(model, SOURCES[source], checkpoint=tmp_path / "run", resume=True, **settings)
    assert again == history
    state = model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in whole.state_dict().items())


def test_a_finished_run_resumes_to_itself_and_a_new_one_starts_over(tmp_path):
    model, history = run(tied(), checkpoint=tmp_path)
    again, same = run(tied(), checkpoint=tmp_path, resume=True)
    assert weights(again) == weights(model)
    assert same == history
    broken_off(tmp_path, 3, SOURCES["function"], checkpoint_every=2)
    assert load_weights(tmp_path, tied()) == 2


def test_a_checkpoint_made_without_this_device_is_taken_up(tmp_path, monkeypatch):
    run(checkpoint=tmp_path, steps=6)
    real = training.devices.random_state
    elsewhere = {"cuda": torch.zeros(3, dtype=torch.uint8)}
    monkeypatch.setattr(training.devices, "random_state", lambda device: real(device) | elsewhere)
    model, history = run(net(8), checkpoint=tmp_path, steps=6, resume=True)
    assert len(history.losses) == load_weights(tmp_path, net()) == 6
    assert weights(model) == weights(run(steps=6)[0])


def test_the_callers_other_numbers_are_not_touched():
    state = random.getstate()
    run()
    assert random.getstate() == state


# --- mixed precision, on whatever device -----------------------------------------------------------------------------

places = pytest.mark.parametrize("place", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
halves = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])


@places
@halves
def test_mixed_precision_computes_in_16_bits_and_keeps_32(monkeypatch, place, dtype):
    monkeypatch.setattr(training.devices, "autocast_dtype", lambda place: dtype)
    model, seen = net(dropout=0.0).to(place), []

    def looks(model, batch):
        output = model(batch[0])
        seen.append((output.dtype, output.device.type))
        return F.mse_loss(output.float(), batch[1])

    _, history = run(model, loss=looks, steps=100, held_out=[(X, Y)])
    assert set(seen) == {(dtype, place)}
    assert history.losses[-1] < 0.2 * history.losses[0]
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    seen.clear()
    run(net().to(place), loss=looks, mixed_precision=False)
    assert set(seen) == {(torch.float32, place)}


@places
def test_gradients_too_large_for_16_bits_cost_a_step_and_no_weight(monkeypatch, place):
    monkeypatch.setattr(training.devices, "autocast_dtype", lambda place: torch.float16)
    model = net(dropout=0.0).to(place)
    start, seen = weights(model), []

    def steep(model, batch):  # 16 bits end at 65,504, and the loss is scaled by 65,536 at first
        return F.mse_loss(model(batch[0]).float(), batch[1]) * 100

    _, history = run(model, loss=steep, on_step=lambda state: seen.append(weights(model)), clip_norm=None)
    assert not math.isfinite(history.gradient_norms[0])
    assert seen[0] == start
    assert seen[-1] != start
    assert all(math.isfinite(number) for number in torch.cat([p.flatten() for p in model.parameters()]).tolist())


@places
@halves
def test_a_resumed_run_in_mixed_precision_ends_in_the_same_bits(tmp_path, monkeypatch, dtype, place):
    monkeypatch.setattr(training.devices, "autocast_dtype", lambda place: dtype)
    settings = {"steps": 17, "checkpoint_every": 4, "evaluate_every": 5, "held_out": [(X, Y)], "accumulate": 2}
    whole, history = run(net().to(place), **settings)

    def stop(state):
        if state.step == 10:
            raise Broken

    with pytest.raises(Broken):
        run(net().to(place), checkpoint=tmp_path, on_step=stop, **settings)
    torch.manual_seed(5)
    model, again = run(net(8).to(place), checkpoint=tmp_path, resume=True, **settings)
    assert str(again) == str(history)  # in 16 bits the length of a skipped gradient may be nan, which equals nothing
    assert weights(model) == weights(whole)


def test_memory_is_tidied_on_the_way_and_at_the_end(monkeypatch):
    """Batches of unlike sizes leave holes that grow for as long as nobody hands them back."""
    tidied = []
    monkeypatch.setattr(training.devices, "give_back_memory", lambda: tidied.append(1))
    model, rows = nn.Linear(2, 1), torch.ones(3, 2)
    config = TrainingConfig(steps=2 * training.TIDY_EVERY + 1, learning_rate=1e-3)
    train(model, [rows], lambda model, batch: model(batch).mean(), config, progress=False)
    assert len(tidied) == 3
