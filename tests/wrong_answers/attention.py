"""Lesson 10: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch

from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def truth_of_mask(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights


def mask_always_used(query, key, value, mask=None):
    weights = (query @ key.mT / math.sqrt(query.shape[-1])).masked_fill(~mask, -math.inf).softmax(-1)
    return weights @ value, weights


def exponentials_by_hand(query, key, value, mask=None):
    powers = torch.exp(query @ key.mT / math.sqrt(query.shape[-1]))
    powers = powers if mask is None else powers * mask
    weights = powers / powers.sum(-1, keepdim=True).clamp(min=1e-30)
    return weights @ value, weights


BANK = {
    "causal_mask": [
        Wrong("ones and zeros", "place <= place[:, None] -> (place <= place[:, None]).float()", "not-boolean"),
        Wrong("always six words", "arange(length) -> arange(6)"),
        Wrong("the first word alone", "place <= -> 0 * place + place[:, None] * 0 <= -"),
        Wrong("one row", "place <= place[:, None] -> place <= length", "always-the-same-truth"),
    ],
    "scaled_dot_product_attention": [
        Wrong("scaled by the paper's sqrt d_model", "query.shape[-1] -> 512", "scaled-by-something-else"),
        Wrong("scaled twice", "math.sqrt(query.shape[-1]) -> math.sqrt(query.shape[-1]) ** 2", "scaled-by-d"),
        Wrong("no scaling, and NaN on an empty row",
              ("/ math.sqrt(query.shape[-1]) ->", "torch.where(mask.any(-1, keepdim=True), weights, 0.0) -> weights"),
              "not-scaled"),
        Wrong("softmax over axis 0", "softmax(-1) -> softmax(0)", "softmax-over-queries"),
        Wrong("the wrong two axes transposed", "key.mT -> key.transpose(0, 1)", "batch-in-front"),
        Wrong("D read off axis 1", "query.shape[-1] -> query.shape[1]", "batch-in-front"),
        Wrong("softmax over axis 1", "softmax(-1) -> softmax(1)", "batch-in-front"),
        Wrong("exponentials that overflow", exponentials_by_hand, "exponentials-overflow"),
        Wrong("mask multiplied", "scores.masked_fill(~mask, -math.inf) -> (scores * mask)", "filled-with-zero"),
        Wrong("if mask", truth_of_mask),
        Wrong("mask used when there is none", mask_always_used),
        Wrong("NaN cleaned out of the output alone",
              ("torch.where(mask.any(-1, keepdim=True), weights, 0.0) -> weights",
               "return weights @ value -> return (weights @ value).nan_to_num(0.0)"), "nan-on-an-empty-row"),
        Wrong("keys taken for values", "weights @ value -> weights @ key"),
        Wrong("the best key alone", "return -> weights = 1.0 * (weights == weights.amax(-1)[..., None])\n    return"),
        Wrong("zeros", "return weights @ value, weights -> return 0 * (weights @ value), 0 * weights", "all-zero"),
    ],
    "padding_mask": [
        Wrong("ones and zeros", "[:, None, None] -> [:, None, None].long()", "not-boolean"),
        Wrong("as many rows as queries", "[:, None, None] -> [:, None, None].expand(-1, -1, 2, -1)"),
        Wrong("a list without the axes", "[:, None, None] -> .tolist()", "axis-missing"),
        Wrong("everything may be looked at", "return attention_mask -> return torch.ones_like(attention_mask)",
              "always-the-same-truth"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def triangle(length):
    return torch.ones(length, length, dtype=torch.bool).tril()


def triangle_in_numpy(length):
    return np.tril(np.ones((length, length))) > 0


def triangle_by_loops(length):
    return [[column <= row for column in range(length)] for row in range(length)]


def attention_by_einsum(query, key, value, mask=None):
    scores = torch.einsum("...td,...sd->...ts", query, key) * query.shape[-1] ** -0.5
    if mask is not None:
        scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, dim=-1).nan_to_num(0.0)
    return torch.einsum("...ts,...sv->...tv", weights, value), weights


def attention_in_numpy(query, key, value, mask=None):
    query, key, value = (x.double().numpy() for x in (query, key, value))
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    scores = scores if mask is None else np.where(mask.numpy(), scores, -np.inf)
    powers = np.exp(scores - np.maximum(scores.max(-1, keepdims=True), -1e300))
    sums = powers.sum(-1, keepdims=True)
    weights = np.divide(powers, sums, out=np.zeros_like(powers), where=sums > 0)
    return weights @ value, weights


def attention_by_loops(query, key, value, mask=None):
    if query.dim() == 3:
        masks = [None] * len(query) if mask is None else mask.expand(len(query), *mask.shape[-2:])
        pairs = [attention_by_loops(*one) for one in zip(query, key, value, masks, strict=True)]
        return [output for output, _ in pairs], [weights for _, weights in pairs]
    mask = torch.ones(len(query), len(key), dtype=torch.bool) if mask is None else mask.expand(len(query), len(key))
    output, weights = torch.zeros(len(query), value.shape[1]), torch.zeros(len(query), len(key))
    for i, row in enumerate(mask):
        seen = [j for j in range(len(key)) if row[j]]
        scores = torch.tensor([float(query[i] @ key[j]) / math.sqrt(len(query[i])) for j in seen])
        for j, share in zip(seen, scores.softmax(0), strict=True):
            weights[i, j] = share
            output[i] += share * value[j]
    return output, weights


def attention_by_log_sum(query, key, value, mask=None):
    mask = torch.ones((), dtype=torch.bool) if mask is None else mask
    scores = torch.where(mask, query.double() @ key.double().transpose(-2, -1) / query.shape[-1] ** 0.5, -torch.inf)
    weights = (scores - scores.logsumexp(-1, keepdim=True)).exp()
    weights = torch.where(mask, weights, 0.0)
    return weights @ value.double(), weights


def padding_by_loops(attention_mask):
    B, S = attention_mask.shape
    mask = torch.zeros(B, 1, 1, S, dtype=torch.bool)
    for b in range(B):
        for s in range(S):
            mask[b, 0, 0, s] = attention_mask[b, s]
    return mask


def padding_in_numpy(attention_mask):
    return attention_mask.numpy()[:, np.newaxis, np.newaxis, :]


def padding_by_shape(attention_mask):
    return attention_mask.view(len(attention_mask), 1, 1, -1)


RIGHT = {
    "causal_mask": [triangle, triangle_in_numpy, triangle_by_loops],
    "scaled_dot_product_attention": [attention_by_einsum, attention_in_numpy, attention_by_loops, attention_by_log_sum],
    "padding_mask": [padding_by_loops, padding_in_numpy, padding_by_shape],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_attention(rng):
    batch, T, S, D, V = () if rng.random() < 0.5 else (int(rng.integers(1, 4)),), *rng.integers(1, 6, 4)
    query, key, value = (torch.tensor(rng.normal(size=(*batch, *size)), dtype=torch.float32)
                         for size in ((T, D), (S, D), (S, V)))  # fmt: skip
    shapes = [None, (T, S), (1, S), (*batch, T, S), (*batch, 1, S)]
    shape = shapes[rng.integers(len(shapes))]
    return query, key, value, None if shape is None else torch.tensor(rng.random(shape) < 0.7)


INPUTS = {
    "causal_mask": lambda rng: (int(rng.integers(1, 9)),),
    "scaled_dot_product_attention": draw_attention,
    "padding_mask": lambda rng: (torch.tensor(rng.random(rng.integers(1, 6, 2)) < 0.6),),
}  # fmt: skip
