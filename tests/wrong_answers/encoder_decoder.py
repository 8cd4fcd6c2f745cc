"""Lesson 13: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.checks.encoder_decoder import _decoder, _exact_match, _Writer
from course_lib.transformer import sinusoidal_positions
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def torn_by_loops(length, d_model):
    table = torch.zeros(length, d_model)
    for t in range(length):
        for j in range(d_model):
            angle = t / 10_000 ** (j / d_model)
            table[t, j] = math.sin(angle) if j % 2 == 0 else math.cos(angle)
    return table


def column_twice(length, d_model):
    table = np.zeros((length, d_model))
    for t in range(length):
        for j in range(0, d_model, 2):
            angle = t / 10_000 ** (2 * j / d_model)
            table[t, j], table[t, j + 1] = np.sin(angle), np.cos(angle)
    return table


def in_halves(angles):
    return lambda length, d_model: torch.cat([f(angles(length, d_model)) for f in (torch.sin, torch.cos)], dim=1)


def right_angles(length, d_model, base=10_000):
    return torch.arange(length)[:, None] / base ** (torch.arange(0, d_model, 2) / d_model)


def noise(length, d_model):
    return torch.randn(length, d_model, generator=torch.Generator().manual_seed(0))


def free_running(decode, target_ids, pad_id):
    read, prices = target_ids[:, :1], []
    for t in range(1, target_ids.shape[1]):
        last = decode(read, torch.ones(t, t, dtype=torch.bool).tril())[:, -1]
        price = F.cross_entropy(last, target_ids[:, t], reduction="none")
        prices.append(price[target_ids[:, t] != pad_id])
        read = torch.cat([read, last.argmax(1)[:, None]], dim=1)
    return torch.cat(prices).mean()


def without_limit(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while (token := int(decode(ids)[-1].argmax())) != end_id:
        ids.append(token)
    return ids[1:], ids[1:] == target


def over_all_rows(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while len(ids) <= max_length and (token := int(decode(ids).argmax())) != end_id:
        ids.append(token)
    return ids[1:], ids[1:] == target


def cuts_the_last(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while ids[-1] != end_id and len(ids) <= max_length:
        ids.append(int(decode(ids)[-1].argmax()))
    return ids[1:-1], ids[1:-1] == target


def corrected(decode, target, start_id, end_id, max_length):
    read, written = [start_id], []
    for place in range(max_length):
        token = int(decode(read)[-1].argmax())
        if token == end_id:
            break
        written.append(token)
        read.append(target[place] if place < len(target) else token)
    return written, written == target


MEAN = "return F.cross_entropy(scores[real], labels[real]) ->"
BANK = {
    "position_encoding": [
        Wrong("each column its own frequency, by loops", torn_by_loops, "pairs-torn"),
        Wrong("twice the column's number, by loops", column_twice, "exponent-doubled"),
        Wrong("base 1000, in halves", in_halves(lambda n, d: right_angles(n, d, 1000)), "other-base"),
        Wrong("degrees, in halves", in_halves(lambda n, d: right_angles(n, d).deg2rad()), "degrees"),
        Wrong("cosines in the first half", lambda n, d: in_halves(right_angles)(n, d).roll(d // 2, 1),
              "sine-and-cosine-swapped"),
        Wrong("halves, turned round", lambda n, d: in_halves(right_angles)(n, d).T, "transposed"),
        Wrong("random numbers", noise),
        Wrong("only the last row", "return table -> return table[-1]"),
        Wrong("the place itself", lambda n, d: torch.arange(n)[:, None].expand(n, d)),
        Wrong("base 500, in halves", in_halves(lambda n, d: right_angles(n, d, 500))),
    ],
    "teacher_forcing_loss": [
        Wrong("reads its own tokens", free_running, "reads-what-it-wrote"),
        Wrong("no mask", "decode(inputs, mask) -> decode(inputs, None)", "mask-forgotten"),
        Wrong("a number with a gradient of its own", f"{MEAN} return torch.tensor("
              "F.cross_entropy(scores[real], labels[real]).item(), requires_grad=True)", "gradient-of-its-own"),
        Wrong("a mask of numbers", ", dtype=torch.bool ->"),
        Wrong("the last place alone", f"{MEAN} return F.cross_entropy(scores[:, -1], labels[:, -1])"),
        Wrong("an axis too few", "target_ids[:, :-1], target_ids[:, 1:] -> target_ids[0, :-1], target_ids[0, 1:]"),
        Wrong("the score itself", f"{MEAN} return -scores.gather(-1, labels[..., None])[..., 0][real].mean()"),
    ],
    "exact_match": [
        Wrong("cuts the last token whatever it is", cuts_the_last, "one-too-few"),
        Wrong("corrected after each token", corrected, "reads-the-target"),
        Wrong("no limit", without_limit),
        Wrong("argmax over all rows", over_all_rows),
        Wrong("starts with nothing", "ids = [start_id] -> ids = []"),
        Wrong("writes nothing down", "ids.append(token) -> pass"),
        Wrong("a list in a list", "return ids[1:], -> return [ids[1:]],"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def positions_by_loops(length, d_model):
    return [[(math.cos if j % 2 else math.sin)(t / 10_000 ** ((j - j % 2) / d_model)) for j in range(d_model)]
            for t in range(length)]  # fmt: skip


def positions_by_exp(length, d_model):
    slower = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10_000.0) / d_model))
    table = torch.zeros(length, d_model)
    table[:, 0::2] = torch.sin(torch.arange(length).unsqueeze(1) * slower)
    table[:, 1::2] = torch.cos(torch.arange(length).unsqueeze(1) * slower)
    return table


def positions_as_turns(length, d_model):
    """A hand as a complex number, turned from place to place."""
    step = np.exp(1j * 10_000.0 ** (-np.arange(0, d_model, 2) / d_model))
    hands = step ** np.arange(length)[:, None]
    return np.stack([hands.imag, hands.real], axis=-1).reshape(length, d_model)


def positions_of_tensor2tensor(length, channels):
    pairs = channels // 2
    rates = torch.exp(torch.arange(pairs) * -(math.log(10_000) / max(pairs - 1, 1)))
    return torch.cat([torch.sin(torch.arange(length)[:, None] * rates),
                      torch.cos(torch.arange(length)[:, None] * rates)], dim=1)  # fmt: skip


def forcing_with_ignore_index(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    past = torch.arange(inputs.shape[1])[:, None] >= torch.arange(inputs.shape[1])
    return F.cross_entropy(decode(inputs, past).transpose(1, 2), labels, ignore_index=pad_id)


def forcing_step_by_step(decode, target_ids, pad_id):
    prices = []
    for row in target_ids:
        for t in range(1, len(row)):
            if row[t] != pad_id:
                scores = decode(row[None, :t], torch.ones(t, t).tril().bool())[0, -1]
                prices.append(-float(scores.log_softmax(0)[row[t]]))
    return sum(prices) / len(prices)


def forcing_in_numpy(decode, target_ids, pad_id):
    labels = target_ids[:, 1:].numpy()
    scores = decode(target_ids[:, :-1], torch.from_numpy(np.tri(labels.shape[1]) > 0)).numpy().astype(float)
    log_p = np.take_along_axis(scores - np.logaddexp.reduce(scores, -1, keepdims=True), labels[..., None], -1)[..., 0]
    return -(log_p * (labels != pad_id)).sum() / (labels != pad_id).sum()


def forcing_nothing_after_the_end(decode, target_ids, pad_id):
    """Reading the whole target and asking the last place for padding is the same loss."""
    T = target_ids.shape[1]
    labels = torch.cat([target_ids[:, 1:], torch.full((len(target_ids), 1), pad_id)], dim=1)
    return F.cross_entropy(decode(target_ids, torch.ones(T, T).tril() == 1).mT, labels, ignore_index=pad_id)


def match_in_a_for_loop(decode, target, start_id, end_id, max_length):
    written = []
    for _ in range(max_length):
        written += [decode([start_id, *written])[-1].argmax().item()]
        if written[-1] == end_id:
            written.pop()
            break
    return written, len(written) == len(target) and all(a == b for a, b in zip(written, target))


def match_as_a_tensor(decode, target, start_id, end_id, max_length):
    ids = torch.tensor([start_id])
    while len(ids) <= max_length and (token := decode(ids)[-1].argmax()) != end_id:
        ids = torch.cat([ids, token[None]])
    return ids[1:], ids[1:].tolist() == target


def match_by_recursion(decode, target, start_id, end_id, max_length, written=()):
    token = np.argmax(decode([start_id, *written])[-1].numpy()) if len(written) < max_length else end_id
    if token == end_id:
        return list(written), list(written) == target
    return match_by_recursion(decode, target, start_id, end_id, max_length, (*written, int(token)))


RIGHT = {
    "position_encoding": [positions_by_loops, positions_by_exp, positions_as_turns, sinusoidal_positions,
                          in_halves(right_angles), positions_of_tensor2tensor],
    "teacher_forcing_loss": [forcing_with_ignore_index, forcing_step_by_step, forcing_in_numpy,
                             forcing_nothing_after_the_end],
    "exact_match": [match_in_a_for_loop, match_as_a_tensor, match_by_recursion],
}  # fmt: skip


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_targets(rng):
    B, T, pad_id = (int(n) for n in rng.integers((1, 2, 0), (4, 7, 9)))
    ids = torch.tensor(rng.integers(0, 9, (B, T)))
    ids[torch.arange(T) >= torch.tensor(rng.integers(2, T + 1, B))[:, None]] = pad_id
    ids[0, 1] = (pad_id + 1) % 9  # somebody is asked for something
    return _decoder(int(rng.choice([2, 4, 6])), int(rng.integers(1000))), ids, pad_id


def draw_writing(rng):
    start, end, *said = (int(n) for n in rng.permutation(8))
    said = said[: rng.integers(0, 6)]
    writer = _Writer({(start, *said[:i]): token for i, token in enumerate([*said, end])}, start, end)
    inputs = writer, [], start, end, int(rng.integers(1, 7))
    written = _exact_match(*inputs)[0]
    return writer, written if rng.random() < 0.6 else said[::-1], *inputs[2:]


INPUTS = {
    "position_encoding": lambda rng: (int(rng.integers(1, 10)), 2 * int(rng.integers(1, 6))),
    "teacher_forcing_loss": draw_targets,
    "exact_match": draw_writing,
}
