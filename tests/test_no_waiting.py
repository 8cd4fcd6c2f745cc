"""The hot loop never waits: between two looks at the loss, no step of any model asks a device for a value.

Three places, of which the last needs a GPU:
cpu:  a dispatch mode fails at the operations that hand a value, or a size that depends on values, to Python.
meta: tensors without values, on which models and losses take every branch that is not for the CPU alone. Whoever asks
      for a value, by whatever way (`tolist`, `.cpu()`, `.numpy()` pass the dispatch mode unseen), gets an error.
cuda: torch's own mode, `set_sync_debug_mode("error")`.
"""
import functools
import subprocess
import sys
from contextlib import contextmanager, nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib import attention, losses, sequences, training, transformer
from course_lib.training import TrainingConfig, shuffled

aten = torch.ops.aten
B, T, S, V, D = 4, 7, 5, 13, 8
N = 2 * B
PLACES = ["cpu", "meta", pytest.param("cuda", marks=pytest.mark.gpu)]
places = pytest.mark.parametrize("place", PLACES)


class Waited(Exception):
    pass


class NoWaiting(TorchDispatchMode):
    """Raises `Waited` where a device would be waited for. `host()`: tensors that lie on the CPU on every machine."""

    asks = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten.equal, aten.bincount, aten._unique2}
    indexes = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}

    def __init__(self, host=lambda: ()):
        super().__init__()
        self.host = host

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        packet = func.overloadpacket
        asks = packet in self.asks and not any(args[0] is tensor for tensor in self.host())
        masks = packet in self.indexes and any(i is not None and i.dtype in (torch.bool, torch.uint8) for i in args[1])
        if asks or masks:
            raise Waited(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


@contextmanager
def cuda_errors():
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def no_waiting(place: str, host=lambda: ()):
    return {"cpu": lambda: NoWaiting(host), "meta": nullcontext, "cuda": cuda_errors}[place]()


@pytest.fixture(autouse=True)
def _looks_of_the_cpu_alone(monkeypatch):
    """The look for NaN in queries and keys, which no other device has."""
    blind = functools.partial(attention.fused_attention, look_for_nan=False)
    monkeypatch.setattr(attention, "fused_attention", lambda *a, look_for_nan=True, **k: blind(*a, **k))


# --- every model, with its loss -------------------------------------------------------------------------------------


def data():
    """input_ids, mask, labels, and a source with its mask; all on the CPU, row by row."""
    torch.manual_seed(0)
    mask = torch.arange(T) < torch.randint(2, T + 1, (N, 1))
    source_mask = torch.arange(S) < torch.randint(1, S + 1, (N, 1))
    ids, source = torch.randint(V, (N, T)), torch.randint(V, (N, S))
    return ids, mask, torch.randint(2, (N,)), source, source_mask


IDS, MASK, LABELS, SOURCE, SOURCE_MASK = data()
TEXTS, PAIRS = (IDS, MASK), (IDS, MASK, SOURCE, SOURCE_MASK)


def writing(model, batch):
    """next_token_loss of what is written after a source."""
    ids, mask, source, source_mask = batch
    return losses.next_token_loss(lambda ids, mask: model(source, ids, source_mask, mask), (ids, mask))


def writing_unpadded(model, batch):
    ids, _, source, source_mask = batch
    return losses.next_token_loss(lambda ids: model(source, ids, source_mask), ids)


def config(**settings):
    return transformer.TransformerConfig(V, context_length=T, d_model=D, num_layers=2, num_heads=2, **settings)


MODELS = {
    "word CNN": (lambda: sequences.CNNClassifier(V, 2, D), losses.classification_loss, (*TEXTS, LABELS)),
    "RNN": (lambda: sequences.RecurrentClassifier(V, 2, D, cell="rnn"), losses.classification_loss, (*TEXTS, LABELS)),
    "LSTM, both ways": (
        lambda: sequences.RecurrentClassifier(V, 2, D, num_layers=2, dropout=0.1, bidirectional=True),
        losses.classification_loss, (*TEXTS, LABELS),
    ),
    "language model": (lambda: sequences.RecurrentLanguageModel(V, D), losses.next_token_loss, TEXTS),
    "language model, no padding": (
        lambda: sequences.RecurrentLanguageModel(V, D, cell="rnn"), losses.next_token_loss, (IDS,),
    ),
    "additive attention": (lambda: sequences.RecurrentEncoderDecoder(V, D), writing_unpadded, PAIRS),
    "no attention": (lambda: sequences.RecurrentEncoderDecoder(V, D, attention=False), writing_unpadded, PAIRS),
    "Transformer": (lambda: transformer.EncoderDecoder(config()), writing, PAIRS),
    "Transformer, pre-norm": (
        lambda: transformer.EncoderDecoder(config(norm="pre")), writing, PAIRS,
    ),
    "Transformer, no padding": (
        lambda: transformer.EncoderDecoder(config(positions="learned")), writing_unpadded, PAIRS,
    ),
}  # fmt: skip


def a_run(place, kind="language model", data_on="cpu", **settings):
    """(a run that looks at its loss in the 9th step, the loss, the optimizer's counters, which lie on the CPU)"""
    make, loss, tensors = MODELS[kind]
    settings = {"steps": 9, "log_every": 9, "learning_rate": 0.01, "warmup_steps": 2} | settings
    batches = shuffled(*(tensor.to(data_on) for tensor in tensors), batch_size=B)
    run = training.Run(make().to(place).train(), batches, TrainingConfig(**settings))
    return run, loss, lambda: [state["step"] for state in run.optimizer.state.values()]


@places
@pytest.mark.parametrize("kind", MODELS)
def test_a_step_waits_for_nothing(place, kind):
    run, loss, counters = a_run(place, kind, accumulate=2)
    start = [parameter.detach().clone() for parameter in run.parameters]
    with no_waiting(place, counters):
        for _ in range(2):  # the second reads a second epoch
            run.take_step(loss)
    assert (run.step, len(run.unread), len(run.history.losses)) == (2, 2, 0)
    if place != "meta":
        assert any(not torch.equal(a, b) for a, b in zip(start, run.parameters))
        run.look()
        assert len(run.history.losses) == 2


@places
def test_a_step_on_data_that_lies_on_the_device_waits_for_nothing(place):
    run, loss, counters = a_run(place, data_on=place)
    with no_waiting(place, counters):
        run.take_step(loss)


@pytest.mark.parametrize("place", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])  # no such scaler on meta
def test_a_step_in_float16_waits_for_nothing(monkeypatch, place):
    monkeypatch.setattr(training.devices, "autocast_dtype", lambda place: torch.float16)
    run, loss, _ = a_run(place)  # no counter lies on the CPU: the optimizer is fused
    assert run.scaler.is_enabled()
    with no_waiting(place):
        for _ in range(3):
            run.take_step(loss)


@places
def test_evaluation_waits_once_at_its_end(place):
    make, loss, tensors = MODELS["language model"]
    model, seen = make().to(place), []

    def batches():
        for start in range(0, N, B):
            yield tuple(tensor[start : start + B] for tensor in tensors)
        seen.append("all")

    if place == "cpu":  # whose last look goes by the mode unseen
        with no_waiting(place):
            training.evaluate(model, batches(), loss)
    else:
        with pytest.raises((RuntimeError, NotImplementedError)), no_waiting(place):
            training.evaluate(model, batches(), loss)
    assert seen == ["all"]


# --- that this can fail ---------------------------------------------------------------------------------------------


def copied(model, batch):
    """next_token_loss as it was: it waited three times."""
    ids, mask = batch
    real = mask[:, 1:] & mask[:, :-1]
    return F.cross_entropy(model(ids, mask)[:, :-1][real], ids[:, 1:][real]), int(real.sum())


def waits(act):
    """A loss that does something with its mean, or with the mask, on the way."""

    def loss(model, batch):
        mean, count = losses.next_token_loss(model, batch)
        act(mean.detach(), batch[1])
        return mean, count

    return loss


WAITING = {
    "as it was": copied,
    "item": waits(lambda mean, mask: mean.item()),
    "int": waits(lambda mean, mask: int(mask.sum())),
    "bool": waits(lambda mean, mask: bool(mask.any())),
    "if": waits(lambda mean, mask: 1 if mean > 5 else 0),
    "nonzero": waits(lambda mean, mask: mask.nonzero()),
    "where": waits(lambda mean, mask: torch.where(mask)),
    "masked_select": waits(lambda mean, mask: mask.masked_select(mask)),
    "index": waits(lambda mean, mask: mask.float()[mask]),
    "equal": waits(lambda mean, mask: torch.equal(mask, mask.clone())),
}


@places
@pytest.mark.parametrize("how", WAITING)
def test_a_loss_that_waits_is_caught(place, how):
    run, _, counters = a_run(place)
    with pytest.raises((Waited, RuntimeError, NotImplementedError)), no_waiting(place, counters):
        run.take_step(WAITING[how])


@pytest.mark.parametrize("place", PLACES[1:])
@pytest.mark.parametrize("act", [lambda x: x.tolist(), lambda x: x.cpu(), lambda x: x.cpu().numpy()])
def test_ways_that_the_cpus_mode_cannot_see_are_caught(place, act):
    run, _, _ = a_run(place)
    with pytest.raises((RuntimeError, NotImplementedError)), no_waiting(place):
        run.take_step(waits(lambda mean, mask: act(mean)))


@pytest.mark.parametrize("place", PLACES[1:])
def test_the_step_that_looks_at_its_loss_waits(place):
    run, loss, _ = a_run(place, log_every=2)
    with no_waiting(place):
        run.take_step(loss)
        with pytest.raises((RuntimeError, NotImplementedError)):
            run.take_step(loss)
    assert run.step == 1


def put(x):
    x[x > 0] = x[:2]


@pytest.mark.parametrize("act", [lambda x: x * 2 if (x > 0).all() else x, put])
def test_what_else_the_cpus_mode_catches(act):
    with pytest.raises(Waited), NoWaiting():
        act(torch.tensor([1.0, 1.0, -1.0]))


# --- a GPU that looks by itself -------------------------------------------------------------------------------------

WRONG = """
import torch
from course_lib import sequences
model = sequences.RecurrentLanguageModel(5, 4).cuda()
model(torch.ones(2, 3, dtype=torch.long).cuda(), torch.tensor({mask}).cuda())
torch.cuda.synchronize()
"""


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        ("[[True, True, False], [True, True, True]]", None),
        ("[[True, True, False], [False, True, True]]", "device-side assert"),
        ("[[True, True, False], [False, False, False]]", "device-side assert"),
    ],
)
def test_a_wrong_mask_stops_the_gpu(mask, sentence):
    process = subprocess.run([sys.executable, "-c", WRONG.format(mask=mask)], capture_output=True, text=True)
    assert (process.returncode == 0) == (sentence is None)
    assert sentence is None or sentence in process.stderr
