"""Lesson 18: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import decoding
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def a_draw(scores, temperature):
    return (scores / max(temperature, 1e-6)).softmax(0).argmax()


def kept_places(shares, p):
    order = shares.argsort(descending=True)
    return order[shares[order].cumsum(0) - shares[order] < p]


def shares_changed(shares, p):
    order = shares.argsort(descending=True)
    before = shares[order].cumsum(0) - shares[order]
    shares[order[before >= p]] = 0
    return shares / shares.sum()


def scores_changed(scores, seen, penalty):
    scores[seen] = torch.where(scores[seen] > 0, scores[seen] / penalty, scores[seen] * penalty)
    return scores


def shares_penalised(scores, seen, penalty):
    shares = scores.softmax(0)
    shares[seen] = shares[seen] / penalty
    return shares / shares.sum()


def a_square_mask(model, ids, cache):
    start = 0 if cache is None else len(cache[0])
    x = model.embed(ids, torch.arange(start, start + len(ids)))
    keys, values = model.key(x), model.value(x)
    if cache is not None:
        keys, values = torch.cat([cache[0], keys]), torch.cat([cache[1], values])
    future = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
    weights = (model.query(x) @ keys.T / 2).masked_fill(future, -torch.inf).softmax(-1)
    return model.head(x + weights @ values), (keys, values)


def the_ids_cached(model, ids, cache):
    ids = ids if cache is None else torch.cat([cache[0], ids])
    x = model.embed(ids, torch.arange(len(ids)))
    future = torch.ones(len(ids), len(ids)).triu(1).bool()
    weights = (model.query(x) @ model.key(x).T / 2).masked_fill(future, -torch.inf).softmax(-1)
    return model.head(x + weights @ model.value(x)), (ids, ids)


BANK = {
    "temper": [
        Wrong("a token comes back", a_draw),
        Wrong("in percent", ".softmax(0) -> .softmax(0) * 100"),
        Wrong("nothing", "return (scores -> (scores"),
        Wrong("divided by the root", "scores / temperature -> scores / temperature ** 0.5"),
    ],
    "top_p": [
        Wrong("the places that are kept", kept_places),
        Wrong("the shares themselves changed", shares_changed),
        Wrong("only the likeliest", "before < p -> before <= 0"),
        Wrong("rounded", "return kept / kept.sum() -> return (kept / kept.sum()).round(decimals=1)"),
        Wrong("nothing", "return kept / kept.sum() -> kept / kept.sum()"),
    ],
    "penalised": [
        Wrong("the scores themselves changed", scores_changed),
        Wrong("probabilities penalised", shares_penalised),
        Wrong("both divided and multiplied", "some / penalty, some * penalty -> some * penalty, some / penalty",
              "helped"),
        Wrong("nothing", "return scores -> scores"),
    ],
    "read_on": [
        Wrong("a square mask", a_square_mask, "mask-shape"),
        Wrong("the ids cached, all read again", the_ids_cached),
        Wrong("only the logits", ", (keys, values) ->"),
        Wrong("a cache in three parts", "(keys, values) -> (x, keys, values)"),
        Wrong("the last logits alone", "weights @ values) -> weights @ values)[-1]"),
        Wrong("nothing", "return model -> model"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def by_the_library(scores, temperature):
    return decoding.probabilities(scores[None], temperature)[0]


def by_hand(scores, temperature):
    if not temperature:
        return [float(i == int(scores.argmax())) for i in range(len(scores))]
    powers = [math.exp((s - float(scores.max())) / temperature) for s in scores.tolist()]
    return [power / sum(powers) for power in powers]


def with_numpy(scores, temperature):
    x = scores.double().numpy()
    if temperature == 0:
        return np.eye(len(x))[x.argmax()]
    e = np.exp((x - x.max()) / temperature)
    return e / e.sum()


def top_p_of_the_library(shares, p):
    return decoding.keep_top_p(shares.log()[None], p)[0].softmax(0)


def top_p_in_a_loop(shares, p):
    kept, total = [0.0] * len(shares), 0.0
    for i in sorted(range(len(shares)), key=lambda i: -float(shares[i])):
        if total >= p - 1e-6:
            break
        kept[i] = float(shares[i])
        total += kept[i]
    return [share / total for share in kept]


def top_p_by_its_number(shares, p):
    values, order = shares.sort(descending=True)
    number = int(torch.searchsorted(values.cumsum(0), p - 1e-6)) + 1
    return F.normalize(torch.zeros_like(shares).scatter(0, order[:number], values[:number]), p=1, dim=0)


def penalised_by_the_library(scores, seen, penalty):
    return decoding.penalise(scores[None], seen[None], penalty)[0]


def penalised_in_a_loop(scores, seen, penalty):
    answer = scores.tolist()
    for i in set(seen.tolist()):
        answer[i] = answer[i] / penalty if answer[i] > 0 else answer[i] * penalty
    return answer


def penalised_by_a_mask(scores, seen, penalty):
    came = torch.isin(torch.arange(len(scores)), seen)
    return scores * torch.where(came, torch.where(scores > 0, 1 / penalty, penalty), 1.0)


def with_empty_caches(model, ids, cache):
    keys, values = cache or (torch.zeros(0, 4), torch.zeros(0, 4))
    places = torch.arange(len(keys), len(keys) + len(ids))
    x = model.embed(ids, places)
    keys, values = torch.vstack([keys, model.key(x)]), torch.vstack([values, model.value(x)])
    visible = torch.arange(len(keys)) <= places[:, None]
    output = F.scaled_dot_product_attention(model.query(x), keys, values, visible)
    return model.head(x + output), [keys, values]


def token_by_token(model, ids, cache):
    keys, values = ([], []) if cache is None else (list(cache[0]), list(cache[1]))
    rows = []
    for token in ids:
        x = model.embed(token[None], torch.tensor([len(keys)]))
        keys.append(model.key(x)[0]), values.append(model.value(x)[0])
        weights = (model.query(x) @ torch.stack(keys).T / 2).softmax(-1)
        rows.append(model.head(x + weights @ torch.stack(values))[0])
    return torch.stack(rows), (torch.stack(keys), torch.stack(values))


def with_a_lower_triangle(model, ids, cache):
    T, start = len(ids), 0 if cache is None else cache[0].shape[0]
    x = model.embed(ids, start + torch.arange(T))
    keys, values = model.key(x), model.value(x)
    if start:
        keys, values = torch.cat((cache[0], keys)), torch.cat((cache[1], values))
    seen = torch.ones(T, start + T).tril(start)
    powers = (model.query(x) @ keys.mT / math.sqrt(4)).exp() * seen
    return model.head(x + powers / powers.sum(1, keepdim=True) @ values), (keys, values)


RIGHT = {
    "temper": [by_the_library, by_hand, with_numpy],
    "top_p": [top_p_of_the_library, top_p_in_a_loop, top_p_by_its_number],
    "penalised": [penalised_by_the_library, penalised_in_a_loop, penalised_by_a_mask],
    "read_on": [with_empty_caches, token_by_token, with_a_lower_triangle],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_scores(rng):
    return torch.tensor(rng.normal(0, 2, rng.integers(1, 8)), dtype=torch.float32), float(rng.choice([0, 0.3, 1, 4]))


def draw_shares(rng):
    shares = torch.tensor(rng.dirichlet(np.ones(rng.integers(1, 8))), dtype=torch.float32)
    return shares, float(rng.uniform(0.05, 0.95))


def draw_seen(rng):
    V = int(rng.integers(1, 8))
    scores = torch.tensor(rng.normal(0, 2, V), dtype=torch.float32)
    return scores, torch.tensor(rng.integers(0, V, rng.integers(0, 6))), float(rng.uniform(1.1, 2))


def draw_pieces(rng):
    return tuple(rng.integers(0, 9, rng.integers(1, 5)).tolist() for _ in range(rng.integers(1, 5)))


INPUTS = {"temper": draw_scores, "top_p": draw_shares, "penalised": draw_seen, "read_on": draw_pieces}
