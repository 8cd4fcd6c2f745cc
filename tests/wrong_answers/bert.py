"""Lesson 14: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch

from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def a_number_for_each_question(ids, special, chance, fate, strangers, mask_id):
    """As one writes it from memory: of the fifth that is left, nine in ten become strangers."""
    asked = (torch.rand(ids.shape) < 0.15) & ~special
    masked = asked & (torch.rand(ids.shape) < 0.8)
    other = asked & ~masked & (torch.rand(ids.shape) < 0.9)
    return torch.where(masked, mask_id, torch.where(other, strangers, ids)), torch.where(asked, ids, -100)


def a_tenth_of_the_fifth(ids, special, chance, fate, strangers, mask_id):
    asked = (torch.rand(ids.shape) < 0.15) & ~special
    masked = asked & (torch.rand(ids.shape) < 0.8)
    other = asked & ~masked & (torch.rand(ids.shape) < 0.1)
    return torch.where(masked, mask_id, torch.where(other, strangers, ids)), torch.where(asked, ids, -100)


def as_the_collators_do(ids, special, chance, fate, strangers, mask_id):
    asked = (torch.rand(ids.shape) < 0.15) & ~special
    masked = asked & (torch.rand(ids.shape) < 0.8)
    other = asked & ~masked & (torch.rand(ids.shape) < 0.5)
    return torch.where(masked, mask_id, torch.where(other, strangers, ids)), torch.where(asked, ids, -100)


def in_place(ids, special, chance, fate, strangers, mask_id):
    asked = (chance < 0.15) & ~special
    labels = torch.where(asked, ids, -100)
    ids[asked & (fate < 0.8)] = mask_id
    other = asked & (fate >= 0.8) & (fate < 0.9)
    ids[other] = strangers[other]
    return ids, labels


def ends_by_an_error(documents, number, place, coin, pick, spot):
    if coin < 0.5:
        return documents[number][place], documents[number][place + 1], 0
    others = [document for i, document in enumerate(documents) if i != number]
    other = others[int(pick * len(others))]
    return documents[number][place], other[int(spot * len(other))], 1


def draws_its_own(documents, number, place, coin, pick, spot):
    rng = np.random.default_rng(0)
    if rng.random() < 0.5 and place + 1 < len(documents[number]):
        return documents[number][place], documents[number][place + 1], 0
    others = [document for i, document in enumerate(documents) if i != number]
    other = others[rng.integers(len(others))]
    return documents[number][place], other[rng.integers(len(other))], 1


def after_the_first_place(ids, sep_id, pad_id):
    first = (ids == sep_id).long().argmax(-1, keepdim=True)
    return (torch.arange(ids.shape[-1]) > first).long()


BANK = {
    "mask_tokens": [
        Wrong("a number for each question", a_number_for_each_question, "a-draw-for-each-question"),
        Wrong("a tenth of the fifth", a_tenth_of_the_fifth, "a-draw-for-each-question"),
        Wrong("draws of its own", as_the_collators_do, "draws-of-its-own"),
        Wrong("the ids changed in place", in_place),
        Wrong("a stranger for all", "strangers, seen -> strangers[0], seen"),
        Wrong("20% asked", "0.15 -> 0.2"),
    ],
    "make_pair": [
        Wrong("an error at the end", ends_by_an_error, "no-end"),
        Wrong("draws of its own", draws_its_own),
        Wrong("a text and a label", "return first, documents[number][place + 1], 0 -> return first, 0"),
        Wrong("the last of the document", "[place + 1], 0 -> [-1], 0"),
    ],
    "segment_ids": [
        Wrong("padding by place", after_the_first_place, "padding-is-one"),
        Wrong("True and False", "& (ids != pad_id)).long() -> & (ids != pad_id))"),
        Wrong("padding is always 0", "ids != pad_id -> ids != 0"),
        Wrong("the separator is always 3", "ids == sep_id -> ids == 3"),
        Wrong("padding has a 2", "(ids != pad_id)).long() -> (ids != pad_id)).long() + 2 * (ids == pad_id)"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def masking_by_loops(ids, special, chance, fate, strangers, mask_id):
    seen, labels = ids.clone(), torch.full_like(ids, -100)
    for place in np.ndindex(*ids.shape):
        if special[place] or chance[place] >= 0.15:
            continue
        labels[place] = ids[place]
        if fate[place] < 0.8:
            seen[place] = mask_id
        elif fate[place] < 0.9:
            seen[place] = strangers[place]
    return seen, labels


def masking_in_numpy(ids, special, chance, fate, strangers, mask_id):
    ids, special, chance, fate, strangers = (x.numpy() for x in (ids, special, chance, fate, strangers))
    asked = np.logical_and(chance < 0.15, np.logical_not(special))
    kind = np.digitize(fate, [0.8, 0.9])
    seen = np.choose(kind, [np.full_like(ids, mask_id), strangers, ids])
    return np.where(asked, seen, ids), np.where(asked, ids, -100)


def masking_by_fill(ids, special, chance, fate, strangers, mask_id):
    asked = (chance < 0.15).logical_and(special.logical_not())
    labels = ids.masked_fill(~asked, -100)
    seen = ids.clone()
    other = asked & (fate < 0.9)
    seen[other] = strangers[other]
    return seen.masked_fill(asked & (fate < 0.8), mask_id), labels


def pair_with_a_list(documents, number, place, coin, pick, spot):
    document = documents[number]
    if place == len(document) - 1 or coin >= 0.5:
        others = [other for i, other in enumerate(documents) if i != number]
        other = others[int(pick * len(others))]
        return [document[place], other[int(spot * len(other))], 1]
    return [document[place], document[place + 1], 0]


def pair_by_shifting(documents, number, place, coin, pick, spot):
    follows = coin < 0.5 and place < len(documents[number]) - 1
    other = int(np.floor(pick * (len(documents) - 1)))
    other += other >= number
    stranger = documents[other][int(np.floor(spot * len(documents[other])))]
    return documents[number][place], documents[number][place + 1] if follows else stranger, 0 if follows else 1


def pair_by_trying(documents, number, place, coin, pick, spot):
    first, label = documents[number][place], 1
    try:
        second = documents[number][place + 1]
        label = int(coin >= 0.5)
    except IndexError:
        pass
    if label:
        others = list(documents)
        del others[number]
        chosen = others[int(pick * len(others))]
        second = chosen[int(spot * len(chosen))]
    return first, second, label


def segments_by_loops(ids, sep_id, pad_id):
    if ids.dim() > 1:
        return torch.stack([segments_by_loops(row, sep_id, pad_id) for row in ids])
    segments, now = [], 0
    for token in ids.tolist():
        segments.append(0 if token == pad_id else now)
        if token == sep_id:
            now = 1
    return torch.tensor(segments)


def segments_by_first_place(ids, sep_id, pad_id):
    first = (ids == sep_id).long().argmax(-1, keepdim=True)
    return (torch.arange(ids.shape[-1]) > first).long() * (ids != pad_id)


def segments_in_numpy(ids, sep_id, pad_id):
    ids = ids.numpy()
    seen = np.logical_or.accumulate(ids == sep_id, axis=-1)
    before = np.concatenate([np.zeros_like(seen[..., :1]), seen[..., :-1]], axis=-1)
    return np.where(ids == pad_id, 0, before.astype(int))


RIGHT = {
    "mask_tokens": [masking_by_loops, masking_in_numpy, masking_by_fill],
    "make_pair": [pair_with_a_list, pair_by_shifting, pair_by_trying],
    "segment_ids": [segments_by_loops, segments_by_first_place, segments_in_numpy],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_masking(rng):
    shape = tuple(rng.integers(1, 12, int(rng.integers(1, 3))))
    ids, strangers = (torch.from_numpy(rng.integers(5, 90, shape)) for _ in range(2))
    chance, fate = (torch.from_numpy(rng.random(shape).astype(np.float32)) for _ in range(2))
    return ids, torch.from_numpy(rng.random(shape) < 0.2), chance * 0.4, fate, strangers, int(rng.integers(90, 99))


def draw_pair(rng):
    documents = [[f"{i} {j}" for j in range(rng.integers(1, 6))] for i in range(rng.integers(2, 6))]
    number = int(rng.integers(len(documents)))
    place = int(rng.integers(len(documents[number])))
    return documents, number, place, *(float(x) for x in rng.random(3))


def draw_segments(rng):
    rows, longest = [], 14
    for _ in range(rng.integers(1, 4)):
        parts = [[2, *rng.integers(5, 9, rng.integers(1, 5)), 3], [*rng.integers(5, 9, rng.integers(1, 5)), 3]]
        row = sum(parts[: rng.integers(1, 3)], [])
        rows.append(row + [0] * (longest - len(row)))
    ids = torch.tensor(np.array(rows))
    return (ids if rng.random() < 0.7 else ids[0]), 3, 0


INPUTS = {"mask_tokens": draw_masking, "make_pair": draw_pair, "segment_ids": draw_segments}
