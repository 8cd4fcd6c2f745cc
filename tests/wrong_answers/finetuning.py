"""Lesson 16: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from course_lib.checks.finetuning import read
from course_lib.finetuning import align_labels
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def without_padding(read, rows):
    ids = torch.tensor(rows)
    return read(ids, torch.ones_like(ids, dtype=torch.bool)).mean(1)


def cut_to_the_shortest(read, rows):
    shortest = min(map(len, rows))
    return read(torch.tensor([row[:shortest] for row in rows])).mean(1)


def mask_of_numbers(read, rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = (ids > 0).float()
    return (read(ids, mask) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def rows_changed(read, rows):
    longest = max(map(len, rows))
    for row in rows:
        row.extend([0] * (longest - len(row)))
    ids = torch.tensor(rows)
    return (read(ids, ids > 0) * (ids > 0)[..., None]).sum(1) / (ids > 0).sum(1, keepdim=True)


def loops_with_labels_of_words(pieces, labels):
    return [labels[i] for i in range(len(pieces))]


def by_equality_alone(pieces, labels):
    return [-100 if word in pieces[:place] else labels[word] for place, word in enumerate(pieces)]


def returns_the_model(model, learning_rate):
    model.bert.requires_grad_(False)
    return model


def returns_parameters(model, learning_rate):
    model.bert.requires_grad_(False)
    return [p for p in model.parameters() if p.requires_grad]


def all_frozen(model, learning_rate):
    model.requires_grad_(False)
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate, weight_decay=0.1)


def renewed_body(model, learning_rate):
    for parameter in model.bert.parameters():
        parameter.requires_grad = False
        parameter.data.zero_()
    return torch.optim.AdamW(model.classifier.parameters(), lr=learning_rate, weight_decay=0.1)


BANK = {
    "mean_vectors": [
        Wrong("no padding at all", without_padding),
        Wrong("cut to the shortest", cut_to_the_shortest),
        Wrong("a mask of ones and zeros", mask_of_numbers),
        Wrong("the rows themselves filled up", rows_changed),
        Wrong("the axis of the tokens kept", "mask.sum(1, keepdim=True) -> mask.sum(1, keepdim=True)[:, None]"),
        Wrong("nothing", "return (hidden -> (hidden"),
    ],
    "align_labels": [
        Wrong("place for place", loops_with_labels_of_words),
        Wrong("None looked up", by_equality_alone),
        Wrong("a word's pieces joined", "return aligned -> return [aligned]"),
        Wrong("from the right", "in pieces -> in pieces[::-1]"),
    ],
    "frozen_optimizer": [
        Wrong("the model comes back", returns_the_model),
        Wrong("a list comes back", returns_parameters),
        Wrong("everything frozen, nothing left", all_frozen, "head-frozen-too"),
        Wrong("the body emptied", renewed_body),
        Wrong("nothing comes back", "return torch -> torch"),
        Wrong("no freezing at all", "model.bert.requires_grad_(False) ->", "nothing-frozen"),
        Wrong("unfrozen", "requires_grad_(False) -> requires_grad_(True)", "nothing-frozen"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def one_by_one(read, rows):
    return torch.stack([read(torch.tensor([row]))[0].mean(0) for row in rows])


def with_torchs_padding(read, rows):
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    mask = ids != 0
    hidden = read(ids, mask).masked_fill(~mask.unsqueeze(-1), 0.0)
    return hidden.sum(1) / torch.tensor([[len(row)] for row in rows])


def padded_to_twenty(read, rows):
    ids, mask = torch.zeros(len(rows), 20, dtype=torch.long), torch.zeros(len(rows), 20, dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = torch.tensor(row), True
    return [vectors[: len(row)].double().mean(0).numpy() for vectors, row in zip(read(ids, mask), rows, strict=True)]


def by_matrix_product(read, rows):
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    ids = torch.zeros(mask.shape, dtype=torch.long)
    ids[mask] = torch.tensor([i for row in rows for i in row])
    shares = mask / lengths[:, None]
    return (shares[:, None] @ read(ids, mask)).squeeze(1)


def with_a_set(pieces, labels):
    seen, answer = {None}, []
    for word in pieces:
        answer.append(-100 if word in seen else labels[word])
        seen.add(word)
    return answer


def by_first_places(pieces, labels):
    answer = np.full(len(pieces), -100)
    for word, label in enumerate(labels):
        if word in pieces:
            answer[pieces.index(word)] = label
    return answer


def by_neighbours(pieces, labels):
    return torch.tensor([-100 if word is None or word == before else labels[word]
                         for before, word in zip([None, *pieces], pieces)], dtype=torch.long)  # fmt: skip


def in_a_loop(model, learning_rate):
    for parameter in model.bert.parameters():
        parameter.requires_grad = False
    return torch.optim.AdamW(model.classifier.parameters(), lr=learning_rate, weight_decay=0.1)


def by_name(model, learning_rate):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith("bert."))
    return torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=learning_rate, weight_decay=0.1)


def all_handed_over(model, learning_rate):
    optimizer = torch.optim.AdamW([{"params": list(model.parameters()), "lr": learning_rate}], weight_decay=0.1)
    model.bert.requires_grad_(False)
    return optimizer


RIGHT = {
    "mean_vectors": [one_by_one, with_torchs_padding, padded_to_twenty, by_matrix_product],
    "align_labels": [with_a_set, by_first_places, by_neighbours, align_labels],
    "frozen_optimizer": [in_a_loop, by_name, all_handed_over],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_texts(rng):
    lengths = rng.integers(1, 7, rng.integers(1, 5))
    return read, [rng.integers(1, 12, length).tolist() for length in lengths]


def draw_pieces(rng):
    words = [word for word in range(rng.integers(0, 6)) for _ in range(rng.integers(0, 4))]
    labels = rng.integers(0, 4, (max(words) if words else 0) + 1 + rng.integers(0, 3)).tolist()
    return ([None, *words, None] if rng.random() < 0.8 else words), labels


INPUTS = {
    "mean_vectors": draw_texts,
    "align_labels": draw_pieces,
    "frozen_optimizer": lambda rng: (float(rng.uniform(0.01, 0.2)), int(rng.integers(100))),
}
