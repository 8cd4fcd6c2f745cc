"""Lesson 21: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch

from course_lib import interpretability
from course_lib.checks.reading_attention import _groups, _stream
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def in_place(said, heads, num_heads):
    size = said.shape[-1] // num_heads
    for head in heads:
        said[..., head * size : (head + 1) * size] = 0
    return said


def one_number_too_few(said, heads, num_heads):
    said, size = said.clone(), said.shape[-1] // num_heads
    for head in heads:
        said[..., head * size : (head + 1) * size - 1] = 0
    return said


def stretches_of_num_heads(said, heads, num_heads):
    said = said.clone()
    for head in heads:
        said[..., head * num_heads : (head + 1) * num_heads] = 0
    return said


def heads_in_front(said, heads, num_heads):
    parts = said.reshape(len(said), num_heads, said.shape[1], -1).clone()
    parts[:, heads] = 0.0
    return parts.reshape(said.shape)


def rolled_the_wrong_way(attention, ids):
    right = (ids.roll(-1) == ids[:, None]).tril()
    return (attention * right).sum(1)[right.any(1)].mean()


def all_right_entries(attention, ids):
    right = (ids.roll(1) == ids[:, None]).tril()
    right[:, 0] = False
    return attention[right].mean()


def best_place(layers, norm, table, answer):
    return (norm(layers) @ table.T).argmax(-1)


def ranks(layers, norm, table, answer):
    logits = norm(layers) @ table.T
    return (logits > logits[:, answer : answer + 1]).sum(-1)


def always_the_commoner(x, y, new):
    return torch.full((len(new),), bool(y.float().mean() > 0.5))


BANK = {
    "without_heads": [
        Wrong("the input changed", in_place),
        Wrong("one number too few", one_number_too_few),
        Wrong("stretches as long as there are heads", stretches_of_num_heads),
        Wrong("heads in front of tokens", heads_in_front, "heads-before-tokens"),
        Wrong("nothing", "return parts -> parts"),
        Wrong("four axes", "return parts.view(B, T, D) -> return parts"),
        Wrong("the weights of every head", "parts[:, :, heads] = 0 -> parts[:] = 0", "all-zero"),
    ],
    "prefix_matching": [
        Wrong("the list", "return sum(shares) / len(shares) -> return shares"),
        Wrong("nothing", "return sum -> sum"),
        Wrong("the largest", "sum(shares) / len(shares) -> max(shares)"),
        Wrong("two places further", "ids[j - 1] -> ids[j - 2]"),
        Wrong("rolled the wrong way", rolled_the_wrong_way, "token-before"),
        Wrong("the mean of all right entries", all_right_entries, "mean-of-places"),
    ],
    "logit_lens": [
        Wrong("the likeliest tokens", best_place),
        Wrong("ranks", ranks),
        Wrong("all tokens", "[:, answer] ->"),
        Wrong("the answer's row of the blocks", "[:, answer] -> [min(answer, len(layers) - 1)]"),
        Wrong("nothing", "return logits -> logits"),
    ],
    "probe": [
        Wrong("always the commoner label", always_the_commoner),
        Wrong("the line", "return (torch.cat -> return line; (torch.cat"),
        Wrong("as numbers", "[:, 0] > 0 -> [:, 0].gt(0).float()", "not-boolean"),
        Wrong("a column", "[:, 0] > 0 -> > 0"),
        Wrong("nothing", "return (torch -> (torch"),
    ],
}

# --- right ------------------------------------------------------------------------------------------------------------


def by_slices(said, heads, num_heads):
    new, size = said.clone(), said.shape[-1] // num_heads
    for head in heads:
        new[..., head * size : (head + 1) * size] = 0
    return new


def by_a_mask(said, heads, num_heads):
    speaks = torch.tensor([float(head not in heads) for head in range(num_heads)])
    return said * speaks.repeat_interleave(said.shape[-1] // num_heads)


def in_numpy(said, heads, num_heads):
    parts = np.array(said).reshape(*said.shape[:2], num_heads, -1)
    parts[:, :, np.array(heads, dtype=int)] = 0
    return parts.reshape(said.shape)


def by_chunks(said, heads, num_heads):
    parts = said.chunk(num_heads, dim=-1)
    return torch.cat([part * 0 if head in heads else part for head, part in enumerate(parts)], dim=-1)


def by_the_library(attention, ids):
    return interpretability.prefix_matching(attention, ids)


def by_a_table(attention, ids):
    T = len(ids)
    right = torch.zeros(T, T, dtype=torch.bool)
    right[:, 1:] = (ids[:, None] == ids)[:, :-1]
    right &= torch.ones(T, T, dtype=torch.bool).tril()
    return (attention * right).sum() / right.any(1).sum()


def with_lists(attention, ids):
    ids, rows = ids.tolist(), attention.tolist()
    after = [[i + 1 for i, token in enumerate(ids[:t]) if token == ids[t]] for t in range(len(ids))]
    found = [sum(rows[t][j] for j in places) for t, places in enumerate(after) if places]
    return float(np.mean(found))


def place_by_place(layers, norm, table, answer):
    shares = []
    for x in layers:
        logits = table @ norm(x)
        shares.append(float(torch.softmax(logits, 0)[answer]))
    return shares


def by_cross_entropy(layers, norm, table, answer):
    answers = torch.full((len(layers),), answer)
    return torch.exp(-torch.nn.functional.cross_entropy(norm(layers) @ table.mT, answers, reduction="none"))


def in_float64(layers, norm, table, answer):
    logits = torch.einsum("ld,vd->lv", norm(layers).double(), table.double()).numpy()
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers[:, answer] / powers.sum(1)


def by_normal_equations(x, y, new):
    x, new = (torch.nn.functional.pad(rows.double(), (0, 1), value=1.0) for rows in (x, new))
    return new @ torch.linalg.solve(x.T @ x, x.T @ (2 * y.double() - 1)) > 0


def by_numpy(x, y, new):
    x, new = np.asarray(x, dtype=float), np.asarray(new, dtype=float)
    mean, targets = x.mean(0), np.where(np.asarray(y), 1.0, -1.0)
    slope = np.linalg.lstsq(x - mean, targets - targets.mean(), rcond=None)[0]
    return (new - mean) @ slope + targets.mean() > 0


def with_zero_and_one(x, y, new):
    one = [torch.cat([rows, torch.ones(len(rows), 1)], 1) for rows in (x, new)]
    return one[1] @ (torch.linalg.pinv(one[0]) @ y.float()) > 0.5


RIGHT = {
    "without_heads": [by_slices, by_a_mask, in_numpy, by_chunks],
    "prefix_matching": [by_the_library, by_a_table, with_lists],
    "logit_lens": [place_by_place, by_cross_entropy, in_float64],
    "probe": [by_normal_equations, by_numpy, with_zero_and_one],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_said(rng):
    B, T, H, d = (int(n) for n in rng.integers(1, 5, 4))
    heads = rng.permutation(H)[: rng.integers(0, H + 1)].tolist()
    return torch.tensor(rng.normal(size=(B, T, H * d)), dtype=torch.float32), heads, H


def draw_weights(rng):
    ids = torch.tensor([1, *rng.integers(0, 3, rng.integers(2, 8)).tolist(), 1])
    scores = torch.tensor(rng.normal(0, 2, (len(ids), len(ids))), dtype=torch.float32)
    return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf).softmax(-1), ids


def draw_stream(rng):
    places, size, words = (int(n) for n in rng.integers(2, 7, 3))
    return _stream(places, size, words, int(rng.integers(words)), int(rng.integers(10_000)))


def draw_groups(rng):
    sizes = tuple(int(n) for n in rng.integers(5, 25, 2))
    scales = rng.choice([0.3, 1.0, 2.0], rng.integers(1, 5)).tolist()
    return _groups(sizes, scales, float(rng.normal(0, 3)), int(rng.integers(5, 40)), int(rng.integers(10_000)))


INPUTS = {"without_heads": draw_said, "prefix_matching": draw_weights, "logit_lens": draw_stream, "probe": draw_groups}
