"""sequences: cells beside torch's, models beside their own padding."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib import sequences
from course_lib.sequences import (
    LSTM,
    RNN,
    LSTMCell,
    RecurrentClassifier,
    RecurrentEncoderDecoder,
    RecurrentLanguageModel,
    RNNCell,
)
from course_lib.training import TrainingConfig, evaluate, shuffled, train

few = settings(max_examples=15, deadline=None, derandomize=True)
B, T, I, H, V, D = 3, 7, 5, 4, 11, 6  # noqa: E741  (all unequal, so that a swapped axis fails)


# --- cells beside torch's -------------------------------------------------------------------------------------------

sizes = st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 6), st.integers(0, 10**6))
precisions = pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])


def close(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> None:
    """Equal up to the tolerance, relative to the largest number where that is above 1."""
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= tolerance * max(1, theirs.abs().max())


def like(theirs: nn.Module, cell: sequences.Cell, suffix: str = "") -> sequences.Cell:
    """Our cell with the weights of torch's: its two biases become their sum."""
    with torch.no_grad():
        cell.weight_ih.copy_(getattr(theirs, f"weight_ih{suffix}"))
        cell.weight_hh.copy_(getattr(theirs, f"weight_hh{suffix}"))
        cell.bias.copy_(getattr(theirs, f"bias_ih{suffix}") + getattr(theirs, f"bias_hh{suffix}"))
    return cell


@precisions
@few
@given(sizes)
def test_rnn_cell_equals_torch(dtype, tolerance, drawn):
    B, I, H, seed = drawn  # noqa: E741
    torch.manual_seed(seed)
    theirs = nn.RNNCell(I, H, dtype=dtype)
    ours = like(theirs, RNNCell(I, H).to(dtype))
    x, h, downhill = (torch.randn(B, n, dtype=dtype, requires_grad=True) for n in (I, H, H))
    close(ours(x), theirs(x), tolerance)  # from zeros
    close(ours(x[0]), theirs(x[0]), tolerance)  # without a batch
    a, b = ours(x, h), theirs(x, h)
    close(a, b, tolerance)
    gradients = [
        torch.autograd.grad((y * downhill.detach()).sum(), [x, h, cell.weight_ih, cell.weight_hh, bias])
        for y, cell, bias in ((a, ours, ours.bias), (b, theirs, theirs.bias_ih))
    ]
    for mine, other in zip(*gradients):
        close(mine, other, tolerance)


@precisions
@few
@given(sizes)
def test_lstm_cell_equals_torch(dtype, tolerance, drawn):
    B, I, H, seed = drawn  # noqa: E741
    torch.manual_seed(seed)
    theirs = nn.LSTMCell(I, H, dtype=dtype)
    ours = like(theirs, LSTMCell(I, H).to(dtype))
    x, h, c = (torch.randn(B, n, dtype=dtype, requires_grad=True) for n in (I, H, H))
    weigh = torch.randn(2, B, H, dtype=dtype)
    for mine, other in (*zip(ours(x), theirs(x)), *zip(ours(x[0]), theirs(x[0]))):
        close(mine, other, tolerance)
    a, b = ours(x, (h, c)), theirs(x, (h, c))
    gradients = [
        torch.autograd.grad((torch.stack(y) * weigh).sum(), [x, h, c, cell.weight_ih, cell.weight_hh, bias])
        for y, cell, bias in ((a, ours, ours.bias), (b, theirs, theirs.bias_hh))
    ]
    for mine, other in (*zip(a, b), *zip(*gradients)):
        close(mine, other, tolerance)


def test_forget_bias_is_the_second_gate_and_keeps_the_memory():
    assert LSTMCell(I, H, forget_bias=2.5).bias.tolist() == [0.0] * H + [2.5] * H + [0.0] * 2 * H
    cell = LSTMCell(I, H, forget_bias=30)
    with torch.no_grad():
        cell.bias[:H] = -30  # nothing is written
    memory = torch.randn(B, H)
    _, c = cell(torch.randn(B, I), (torch.zeros(B, H), memory))
    torch.testing.assert_close(c, memory)


@few
@given(
    st.integers(1, 4), st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 2), st.booleans(),
    st.sampled_from(["RNN", "LSTM"]), st.booleans(), st.integers(0, 10**6),
)  # fmt: skip
def test_along_a_sequence_equals_torch_packed(B, T, I, H, layers, both, kind, padded, seed):  # noqa: E741
    torch.manual_seed(seed)
    theirs = getattr(nn, kind)(I, H, layers, batch_first=True, bidirectional=both, dtype=torch.float64)
    ours = getattr(sequences, kind)(I, H, layers, bidirectional=both).double()
    for number, cell in enumerate(ours.cells):
        layer, backwards = divmod(number, ours.directions)
        like(theirs, cell, f"_l{layer}" + "_reverse" * backwards)
    lengths = torch.randint(1, T + 1, (B,)) if padded else None
    x = torch.randn(B, T, I, dtype=torch.float64, requires_grad=True)
    y, state = ours(x, lengths)
    packed = x if lengths is None else nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
    z, last = theirs(packed)
    if lengths is not None:
        z, _ = nn.utils.rnn.pad_packed_sequence(z, batch_first=True, total_length=T)
    close(y, z, 1e-10)
    for part, expected in enumerate(last if kind == "LSTM" else [last]):
        close(torch.stack([parts[part] for parts in state]), expected, 1e-10)
    weigh = torch.randn_like(y)
    close(*(torch.autograd.grad((out * weigh).sum(), x)[0] for out in (y, z)), 1e-10)


def test_reading_on_from_a_state_equals_reading_at_once():
    layers, x = LSTM(I, H, num_layers=2).eval(), torch.randn(B, T, I)
    whole, end = layers(x)
    _, state = layers(x[:, :3])
    rest, after = layers(x[:, 3:], state=state)
    torch.testing.assert_close(rest, whole[:, 3:])
    for parts, expected in zip(after, end):
        torch.testing.assert_close(parts, expected)


def test_dropout_falls_between_layers_only():
    torch.manual_seed(0)
    one, two = RNN(I, H, dropout=0.9), RNN(I, H, num_layers=2, dropout=0.9)
    x = torch.randn(B, T, I)
    assert torch.equal(one(x)[0], one(x)[0])
    assert not torch.equal(two(x)[0], two(x)[0])
    assert (two(x)[0] != 0).all()


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: RNNCell(0, 3), "input_size=0"),
        (lambda: LSTMCell(3, 2.5), "hidden_size=2.5"),
        (lambda: LSTMCell(3, 2, forget_bias=math.nan), "forget_bias=nan"),
        (lambda: LSTMCell(3, 2)(torch.zeros(1, 4)), "input_size=3"),
        (lambda: LSTM(3, 2, num_layers=0), "num_layers=0"),
        (lambda: LSTM(3, 2, dropout=1.0), "dropout=1.0"),
        (lambda: LSTM(3, 2)(torch.zeros(4, 3)), r"inputs has shape \(4, 3\): give \(B, T, input_size=3\)"),
        (lambda: LSTM(3, 2)(torch.zeros(1, 0, 3)), "each 1 or more"),
        (lambda: LSTM(3, 2)(torch.zeros(2, 4, 3), torch.tensor([4, 0])), r"\[4, 0\].* whole numbers from 1 to 4"),
        (lambda: LSTM(3, 2)(torch.zeros(2, 4, 3), torch.tensor([5, 1])), r"\[5, 1\]"),
        (lambda: LSTM(3, 2)(torch.zeros(2, 4, 3), torch.tensor([4])), r"lengths has shape \(1,\) beside.*B=2"),
        (lambda: LSTM(3, 2)(torch.zeros(2, 4, 3), torch.tensor([4.0, 2.5])), "lengths is of type torch.float32"),
        (lambda: LSTM(3, 2)(torch.zeros(2, 4, 3), torch.tensor([True, True])), "lengths is of type torch.bool"),
        (lambda: LSTM(3, 2)(torch.zeros(2, 4, 3), [4, 2]), "lengths is a list: give a tensor"),
        (lambda: LSTM(3, 2, 2)(torch.zeros(2, 4, 3), state=LSTM(3, 2)(torch.zeros(2, 4, 3))[1]), "2 and not 1 cells"),
    ],
)
def test_cells_and_layers_refuse(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()


def test_nan_inputs_stay_visible():
    x = torch.randn(B, T, I)
    x[1, 2] = math.nan
    y, _ = LSTM(I, H)(x)
    assert torch.isfinite(y[0]).all()
    assert torch.isfinite(y[1, :2]).all()
    assert y[1, 2:].isnan().all()


# --- models ---------------------------------------------------------------------------------------------------------


def padded_batch():
    torch.manual_seed(5)
    ids, lengths = torch.randint(1, V, (B, T)), torch.tensor([T, 2, 4])
    mask = torch.arange(T) < lengths[:, None]
    return ids * mask, mask, lengths


CLASSIFIERS = {
    "lstm": lambda: RecurrentClassifier(V, 2, D, num_layers=2, bidirectional=True),
    "rnn": lambda: RecurrentClassifier(V, 2, D, cell="rnn"),
    "cnn": lambda: sequences.CNNClassifier(V, 2, D, filters=5),
}


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_padding_and_batch_mates_change_no_score(kind):
    ids, mask, lengths = padded_batch()
    model = CLASSIFIERS[kind]().eval()
    scores = model(ids, mask)
    assert scores.shape == (B, 2)
    other = torch.where(mask, ids, 7)  # whatever stands in the padding
    wider = F.pad(ids, (0, 6)), F.pad(mask, (0, 6))
    torch.testing.assert_close(model(other, mask), scores)
    torch.testing.assert_close(model(*wider), scores)
    for row, length in enumerate(lengths):
        alone = model(ids[row : row + 1, :length])
        torch.testing.assert_close(alone[0], scores[row])


def test_language_model_does_not_see_the_future():
    model = RecurrentLanguageModel(V, D, num_layers=2).eval()
    ids = torch.randint(0, V, (B, T))
    logits = model(ids)
    assert logits.shape == (B, T, V)
    changed = ids.clone()
    changed[:, 4:] = (ids[:, 4:] + 1) % V
    assert torch.equal(model(changed)[:, :4], logits[:, :4])
    assert not torch.equal(model(changed)[:, 4:], logits[:, 4:])


def test_next_token_loss_is_the_mean_over_real_tokens():
    model = RecurrentLanguageModel(V, D).eval()
    ids, mask, lengths = padded_batch()
    loss, count = sequences.next_token_loss(model, (ids, mask))
    alone = []
    for row, length in zip(ids, lengths):
        log_p = model(row[None, :length])[0].log_softmax(-1)
        alone += [-log_p[t, row[t + 1]] for t in range(length - 1)]
    assert count == len(alone) == int(lengths.sum()) - B
    torch.testing.assert_close(loss, torch.stack(alone).mean())
    same, number = sequences.next_token_loss(model, ids)
    assert number == B * (T - 1)
    torch.testing.assert_close(same, F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten()))
    torch.testing.assert_close(sequences.next_token_loss(model, (ids,))[0], same)
    # a mask with padding before the text, for models that can read it: the padding foretells nothing
    logits = torch.randn(1, 4, V)
    loss, count = sequences.next_token_loss(lambda *_: logits, (ids[:1, :4], torch.tensor([[False, True, True, True]])))
    assert count == 2
    torch.testing.assert_close(loss, F.cross_entropy(logits[0, 1:3], ids[0, 2:4]))


def test_a_language_model_learns_to_recite():
    torch.manual_seed(0)
    text = torch.tensor([1, 4, 2, 5, 3, 1, 5])  # what follows 1, or 5, depends on the word before
    model = RecurrentLanguageModel(V, 16)
    history = train(model, [text[None]], sequences.next_token_loss,
                    TrainingConfig(steps=80, learning_rate=0.03), progress=False)  # fmt: skip
    assert history.losses[0] == pytest.approx(math.log(V), abs=0.5)
    assert history.losses[-1] < 0.05
    said = model.sample(text[None, :2], 5, torch.Generator().manual_seed(0))
    assert said.tolist() == [text.tolist()]


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_classifiers_learn_who_comes_first(kind):
    torch.manual_seed(1)
    ids, mask, labels = torch.randint(3, V, (160, 6)), torch.ones(160, 6, dtype=torch.bool), torch.arange(160) % 2
    mask[:, 4:] = torch.rand(160, 1) < 0.5
    ids[:, 2] = 1 + labels  # 1 2 or 2 1, in the middle: a bag of words cannot tell
    ids[:, 3] = 2 - labels
    model = CLASSIFIERS[kind]()
    batches = shuffled(ids[:128], mask[:128], labels[:128], batch_size=32)
    config = TrainingConfig(steps=100, learning_rate=0.02)
    train(model, batches, sequences.classification_loss, config, progress=False)
    assert evaluate(model, [(ids[128:], mask[128:], labels[128:])], sequences.accuracy) > 0.9


@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_a_deep_classifier_answers_from_its_last_layer(cell):
    torch.manual_seed(0)
    model, ids = RecurrentClassifier(V, 3, D, num_layers=2, cell=cell, bidirectional=True), torch.tensor([[1, 2, 3]])
    outputs, _ = model.layers(model.embedding(ids))  # (1, 3, 2D): each direction ends at its own end
    last = torch.cat([outputs[:, -1, :D], outputs[:, 0, D:]], -1)
    torch.testing.assert_close(model(ids), model.output(last))


def test_a_language_models_dropout_falls_before_and_after_its_layers():
    model, dropped = RecurrentLanguageModel(V, D, dropout=0.5), []
    model.dropout.register_forward_hook(lambda module, inputs, output: dropped.append(output.eq(0).any()))
    torch.manual_seed(0)
    model(torch.ones(8, 5).long())
    assert dropped == [True, True]


@pytest.mark.parametrize("cell", [RNNCell, LSTMCell])
def test_cells_start_as_torchs_do(cell):
    made = cell(50, 64)
    for weight in (made.weight_ih, made.weight_hh):
        assert 0.95 / 8 < weight.abs().max() <= 1 / 8


def test_a_sample_is_the_prompt_and_what_its_generator_draws():
    torch.manual_seed(0)
    model, prompt = RecurrentLanguageModel(V, D).eval(), torch.tensor([[1, 2], [3, 4]])
    one, same, other = (model.sample(prompt, 20, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert one.shape == (2, 22)
    assert torch.equal(one[:, :2], prompt)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: RecurrentLanguageModel(V, cell="gru"), "cell='gru'"),
        (lambda: RecurrentLanguageModel(0), "vocab_size=0"),
        (lambda: RecurrentClassifier(V, 0), "num_classes=0"),
        (lambda: sequences.next_token_loss(RecurrentLanguageModel(V), torch.ones(2, 1).long()), "length of 2 or more"),
        (lambda: RecurrentLanguageModel(V).sample(torch.ones(1, 2).long(), -1), "length=-1"),
        (lambda: sequences.accuracy(lambda ids: torch.eye(2), (torch.ones(2, 3).long(), torch.tensor([[0], [1]]))),
         r"labels has shape \(2, 1\) beside scores \(2, 2\): give \(\*N=\(2\)\)"),
    ],
)
def test_models_refuse(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()


@pytest.mark.parametrize("kind", [*CLASSIFIERS, "language model"])
@pytest.mark.parametrize(
    ("ids", "mask", "sentence"),
    [
        (torch.zeros(2, 0).long(), None, r"\(2, 0\)"),
        (torch.zeros(3).long(), None, r"\(3,\)"),
        (torch.ones(2, 3).long(), torch.ones(2, 3), "attention_mask is of type torch.float32: give booleans"),
        (torch.ones(2, 3).long(), torch.ones(2, 2, dtype=torch.bool), r"\(2, 2\)"),
        (torch.ones(2, 3).long(), torch.tensor([[True] * 3, [False] * 3]), "leave an empty sequence out"),
        (torch.ones(1, 3).long(), torch.tensor([[False, True, True]]), "True after False"),
        ([[1, 2]], None, "input_ids is a list: give a tensor"),
        (torch.ones(2, 3).long(), np.ones((2, 3), dtype=bool), "attention_mask is a ndarray: give a tensor"),
        (torch.ones(2, 3), None, "type torch.float32: give whole numbers"),
        (torch.ones(2, 3).bool(), None, "type torch.bool: give whole numbers"),
        (torch.ones(2, 3).long(), torch.ones(2, 3).long(), "torch.int64: give booleans"),
        (torch.tensor([[1, V]]), None, f"no token {V}: ids go from 0 to {V - 1}"),
        (torch.tensor([[-1, V]]), None, "no token -1: ids go"),
    ],
)
def test_models_refuse_batches(kind, ids, mask, sentence):
    model = CLASSIFIERS[kind]() if kind in CLASSIFIERS else RecurrentLanguageModel(V, D)
    with pytest.raises(ValueError, match=sentence):
        model(ids, mask)


# --- encoder and decoder --------------------------------------------------------------------------------------------


def a_pair(seed=0):
    """Three sources of 7, 4 and 1 symbols, padded, their mask, and three targets of 5."""
    torch.manual_seed(seed)
    mask = torch.arange(T) < torch.tensor([7, 4, 1])[:, None]
    return torch.randint(3, V, (B, T)) * mask, torch.randint(3, V, (B, 5)), mask


each_way = pytest.mark.parametrize(("cell", "attention"), [("rnn", True), ("lstm", True), ("lstm", False)])


@each_way
def test_what_is_written_depends_on_no_padding_and_no_batch_mate(cell, attention):
    source, target, mask = a_pair()
    model = RecurrentEncoderDecoder(V, D, cell, attention)
    logits = model(source, target, mask)
    assert logits.shape == (B, 5, V)
    for i, length in enumerate([7, 4, 1]):
        assert torch.allclose(model(source[i : i + 1, :length], target[i : i + 1])[0], logits[i], atol=1e-6)
    assert torch.equal(model(torch.where(mask, source, 9), target, mask), logits)


@each_way
def test_what_is_written_depends_on_no_later_symbol_of_the_target(cell, attention):
    source, target, mask = a_pair()
    model = RecurrentEncoderDecoder(V, D, cell, attention)
    before = model(source, target, mask)
    for t in range(1, 5):
        changed = target.clone()
        changed[:, t:] = (changed[:, t:] + 1) % V
        after = model(source, changed, mask)
        assert torch.equal(after[:, :t], before[:, :t])
        assert not torch.allclose(after[:, t], before[:, t])


def test_the_weights_are_those_that_were_used():
    source, target, mask = a_pair()
    model = RecurrentEncoderDecoder(V, D)
    logits, weights = model(source, target, mask, return_attention=True)
    assert weights.shape == (B, 5, T)
    assert torch.allclose(weights.sum(-1), torch.ones(B, 5))
    assert (weights[~mask[:, None].expand_as(weights)] == 0).all()
    memory = model.encoder(model.embedding(source), mask.sum(1))[0]
    y = model.decoder(model.embedding(target))[0]
    mixed = torch.tanh(model.mix(torch.cat([y, weights @ memory], dim=-1)))
    assert torch.allclose(model.output(mixed), logits, atol=1e-6)


def test_without_attention_all_comes_from_the_last_state():
    source, target, mask = a_pair()
    model = RecurrentEncoderDecoder(V, D, attention=False)
    state = model.encoder(model.embedding(source), mask.sum(1))[1]
    last = torch.cat([state[0][0], state[1][0]], dim=-1)[:, None].expand(B, 5, 2 * D)
    mixed = torch.tanh(model.mix(torch.cat([model.decoder(model.embedding(target))[0], last], dim=-1)))
    assert torch.allclose(model.output(mixed), model(source, target, mask), atol=1e-6)
    with pytest.raises(ValueError, match="attention=False"):
        model(source, target, mask, return_attention=True)


@each_way
def test_generate_writes_the_likeliest_symbol_each_time(cell, attention):
    source, _, mask = a_pair()
    model, start, end = RecurrentEncoderDecoder(V, D, cell, attention), 1, 2
    with torch.no_grad():
        model.output.weight.mul_(10)  # rows differ
        model.mix.weight.mul_(3)
        model.output.bias[end] = 0.6  # and with an LSTM some end early
    written = torch.full((B, 1), start)
    for _ in range(6):
        written = torch.cat([written, model(source, written, mask)[:, -1:].argmax(-1)], dim=1)
    said = model.generate(source, start, end, 6, mask)
    assert (end in said[:, 0]) == (cell == "lstm")
    for row, expected in zip(said.tolist(), written[:, 1:].tolist()):
        length = expected.index(end) + 1 if end in expected else len(row)
        assert row == expected[:length] + [end] * (len(row) - length)


def test_generate_stops_when_all_have_ended():
    source, _, mask = a_pair()
    model = RecurrentEncoderDecoder(V, D)
    with torch.no_grad():
        model.output.bias[2] = 99
    assert model.generate(source, 1, 2, 50, mask).tolist() == [[2]] * B


def test_attention_learns_to_write_backwards():
    torch.manual_seed(1)
    source = torch.randint(3, V, (320, 4))
    target = torch.cat([torch.full((320, 1), 1), source.flip(1), torch.full((320, 1), 2)], dim=1)
    model = RecurrentEncoderDecoder(V, 16, "rnn")

    def loss(model, batch):
        source, target = batch
        return F.cross_entropy(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten())

    config = TrainingConfig(steps=200, learning_rate=0.01)
    train(model, shuffled(source[:256], target[:256], batch_size=32), loss, config, progress=False)
    said = model.generate(source[256:], 1, 2, 5)
    assert (said == target[256:, 1:]).all(1).float().mean() > 0.8
    weights = model(source[256:], target[256:, :-1], return_attention=True)[1].mean(0)
    assert weights[:4].argmax(-1).tolist() == [3, 2, 1, 0]  # each symbol looks at the one it copies


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: RecurrentEncoderDecoder(V, D, cell="gru"), "cell='gru'"),
        (lambda: RecurrentEncoderDecoder(V, 0), "d_model=0"),
        (lambda: RecurrentEncoderDecoder(V, D).generate(torch.ones(1, 2).long(), 1, 2, 0), "max_length=0"),
        (lambda: RecurrentEncoderDecoder(V, D).generate(torch.ones(1, 2).long(), 1, "2", 3), "end='2'"),
        (lambda: RecurrentEncoderDecoder(V, D)(torch.ones(2, 1).long(), torch.ones(2, 1).long() * V), f"no token {V}"),
        (lambda: RecurrentEncoderDecoder(V, D)(torch.ones(2, 0).long(), torch.ones(2, 1).long()), r"\(2, 0\)"),
        (lambda: RecurrentEncoderDecoder(V, D)(torch.ones(2, 3).long(), torch.ones(2, 1).long(), torch.ones(2, 3)),
         "torch.float32"),
    ],
)  # fmt: skip
def test_encoder_decoder_refuses(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()
