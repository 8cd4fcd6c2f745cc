"""Lesson 15: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def loop_that_stops(hidden, places, labels, table, bias):
    for place, label in zip(places, labels, strict=True):
        return F.cross_entropy(hidden.flatten(0, 1)[place] @ table.T + bias, label)
    return None


BANK = {
    "log_frequencies": [
        Wrong("a dictionary", lambda ids, vocab_size: {int(i): 0.0 for i in ids}),
        Wrong("the unseen get 1, the others their count", "torch.bincount(ids, minlength=vocab_size) + 1.0 -> "
              "torch.bincount(ids, minlength=vocab_size).clamp(min=1.0).double()", "only-the-unseen"),
        Wrong("sorted by frequency", "torch.bincount(ids, minlength=vocab_size) + 1.0 -> "
              "torch.bincount(ids, minlength=vocab_size).sort(descending=True).values + 1.0"),
        Wrong("all alike", lambda ids, vocab_size: torch.full((vocab_size,), -math.log(vocab_size))),
        Wrong("NumPy's histogram", lambda ids, vocab_size: np.log(np.histogram(ids, vocab_size)[0])),
        Wrong("of the first pieces alone", "bincount(ids -> bincount(ids[:2]"),
    ],
    "masked_loss": [
        Wrong("the labels' rows as places", "[places] -> [labels]"),
        Wrong("the place within the first row", "hidden.flatten(0, 1)[places] -> hidden[0][places % hidden.shape[1]]"),
        Wrong("the first place alone", loop_that_stops),
        Wrong("no flattening", "hidden.flatten(0, 1)[places] -> hidden[:, places]", "not-flattened"),
        Wrong("rows for places", "hidden.flatten(0, 1)[places] -> hidden[places]", "not-flattened"),
        Wrong("hidden times hidden", "h @ table.T + bias -> h @ h.T + bias[: len(h)]"),
        Wrong("a loss for each row of scores, all labels", "cross_entropy(scores, labels) -> "
              "cross_entropy(scores.mean(0, keepdim=True).expand(len(labels), -1), labels)"),
        Wrong("the negative", "return F -> return -F"),
        Wrong("exp of the mean", "return F.cross_entropy(scores, labels) -> "
              "return F.cross_entropy(scores, labels).exp()"),
    ],
    "count_parameters": [
        Wrong("the paper's number", lambda *sizes: 110_000_000, "constant"),
        Wrong("heads on top", "attention = 4 * -> attention = 12 * 4 *"),
        Wrong("a float", "return tables -> return 0.5 + tables"),
        Wrong("blocks squared", "num_layers * block -> num_layers * num_layers * block"),
    ],
}  # fmt: skip


# --- right ------------------------------------------------------------------------------------------------------------


def counted_by_a_loop(ids, vocab_size):
    counts = [1] * vocab_size
    for i in ids.tolist():
        counts[i] += 1
    return torch.tensor([math.log(count / sum(counts)) for count in counts])


def counted_in_numpy(ids, vocab_size):
    counts = np.bincount(np.asarray(ids), minlength=vocab_size) + 1
    return np.log(counts) - np.log(len(ids) + vocab_size)


def counted_by_rows(ids, vocab_size):
    return (F.one_hot(ids, vocab_size).sum(0) + 1).double().log() - math.log(len(ids) + vocab_size)


def one_place_at_a_time(hidden, places, labels, table, bias):
    T, total = hidden.shape[1], 0.0
    for place, label in zip(places.tolist(), labels.tolist(), strict=True):
        scores = [float(hidden[place // T, place % T] @ row + b) for row, b in zip(table, bias, strict=True)]
        top = max(scores)
        total += top + math.log(sum(math.exp(score - top) for score in scores)) - scores[label]
    return total / len(places)


def all_places_then_some(hidden, places, labels, table, bias):
    log_p = (hidden.double() @ table.double().T + bias.double()).log_softmax(-1)
    return -log_p.reshape(-1, len(table))[places, labels].mean()


def by_a_module(hidden, places, labels, table, bias):
    decoder = nn.Linear(*reversed(table.shape))
    decoder.weight.data, decoder.bias.data = table, bias
    scores = decoder(hidden.reshape(-1, hidden.shape[-1]).index_select(0, places))
    return nn.NLLLoss()(F.log_softmax(scores, dim=1), labels)


def in_numpy(hidden, places, labels, table, bias):
    hidden, places, labels, table, bias = (x.numpy() for x in (hidden, places, labels, table, bias))
    scores = hidden.reshape(-1, hidden.shape[-1])[places].astype(float) @ table.T + bias
    return np.mean(np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(labels)), labels])


def from_the_model_itself(vocab_size, context_length, d_model, num_layers, d_ff):
    with torch.device("meta"):
        layers = [nn.Embedding(size, d_model) for size in (vocab_size, context_length, 2)] + [nn.LayerNorm(d_model)]
        for _ in range(num_layers):
            layers += [nn.Linear(d_model, d_model) for _ in range(4)] + [nn.LayerNorm(d_model) for _ in range(2)]
            layers += [nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model)]
        layers.append(nn.Linear(d_model, d_model))
    return sum(parameter.numel() for parameter in nn.ModuleList(layers).parameters())


def as_one_polynomial(vocab_size, context_length, d_model, num_layers, d_ff):
    D = d_model
    return D * (vocab_size + context_length + 4) + num_layers * (4 * D * D + 9 * D + 2 * D * d_ff + d_ff) + D * D + D


def by_a_helper(vocab_size, context_length, d_model, num_layers, d_ff):
    def linear(a, b):
        return (a + 1) * b

    block = 4 * linear(d_model, d_model) + linear(d_model, d_ff) + linear(d_ff, d_model) + 4 * d_model
    return sum([vocab_size, context_length, 2, 2]) * d_model + sum([block] * num_layers) + linear(d_model, d_model)


RIGHT = {
    "log_frequencies": [counted_by_a_loop, counted_in_numpy, counted_by_rows],
    "masked_loss": [one_place_at_a_time, all_places_then_some, by_a_module, in_numpy],
    "count_parameters": [from_the_model_itself, as_one_polynomial, by_a_helper],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_ids(rng):
    vocab_size = int(rng.integers(1, 9))
    return torch.tensor(rng.integers(0, vocab_size, rng.integers(1, 20))), vocab_size


def draw_loss(rng):
    B, T, D, V = (int(n) for n in rng.integers(1, 5, 4))
    places = torch.tensor(rng.permutation(B * T)[: rng.integers(1, B * T + 1)])
    hidden, table, bias = (torch.tensor(rng.normal(size=size), dtype=torch.float32) for size in ((B, T, D), (V, D), V))
    return hidden, places, torch.tensor(rng.integers(0, V, len(places))), table, bias


INPUTS = {
    "log_frequencies": draw_ids,
    "masked_loss": draw_loss,
    "count_parameters": lambda rng: tuple(int(n) for n in rng.integers(1, 40, 5)),
}
