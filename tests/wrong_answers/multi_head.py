"""Lesson 11: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.attention import scaled_dot_product_attention
from course_lib.checks.multi_head import _BY_HAND, _JOIN, _SPLIT
from wrong_answers import Wrong
from wrong_answers.sequences import normal

# --- wrong ------------------------------------------------------------------------------------------------------------

BANK = {
    "multi_head": [
        Wrong("folded into the batch", (f"{_SPLIT} -> x.reshape(B * num_heads, length, D // num_heads)",
              f"{_JOIN} -> output.reshape(query.shape)", ", mask) -> )"), "viewed-both-ways"),
        Wrong("keys cut by the query's length", "view(B, length -> view(B, query.shape[1]", "length-of-the-query"),
        Wrong("exp by hand", (_BY_HAND, "scores.softmax(-1) -> scores.exp() / scores.exp().sum(-1)[..., None]"),
              "exponentials-overflow"),
        Wrong("softmax of minus infinity alone", (_BY_HAND, "scores.softmax -> (scores if mask is None else "
              "scores.masked_fill(~mask, -torch.inf)).softmax"), "nan-on-an-empty-row"),
        Wrong("the first head again and again", f"{_JOIN} -> output[:, 0].repeat(1, 1, num_heads)"),
        Wrong("a mean added", f"{_JOIN} -> {_JOIN} + value.mean(1, keepdim=True)"),
        Wrong("the pair joined", "output, _ = -> output =", "pair-not-opened"),
        Wrong("zeros", f"{_JOIN} -> {_JOIN} * 0", "all-zero"),
    ],
    "cross_attention": [
        Wrong("the memory cut as x", "split(part, num_heads) -> part.view(*x.shape[:2], num_heads, "
              "x.shape[2] // num_heads).transpose(1, 2)", "length-of-the-query"),
        Wrong("the output's matrix on the values", ("@ w_output ->", "@ w_value -> @ w_value @ w_output")),
        Wrong("the pair joined", "output, _ = -> output =", "pair-not-opened"),
        Wrong("x added", "@ w_output -> @ w_output + x"),
        Wrong("heads averaged", "join(output) -> join(output.mean(1, keepdim=True).expand(output.shape))"),
    ],
    "cached_step": [
        Wrong("values forgotten", "values = torch.cat([values, x @ w_value], dim=1) ->", "values-not-appended"),
        Wrong("along the numbers", "dim=1 -> dim=-1"),
        Wrong("the oldest place dropped", "output, keys, values -> output, keys[:, 1:], values[:, 1:]"),
        Wrong("the query not multiplied", "(x @ w_query -> (x"),
        Wrong("output and cache as a pair", "return output, keys, values -> return output, (keys, values)"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def heads_by_loop(query, key, value, num_heads, mask=None):
    parts = zip(*(x.chunk(num_heads, dim=-1) for x in (query, key, value)), strict=True)
    return torch.cat([scaled_dot_product_attention(*part, mask)[0] for part in parts], dim=-1)


def heads_by_torch(query, key, value, num_heads, mask=None):
    q, k, v = (x.unflatten(2, (num_heads, -1)).permute(0, 2, 1, 3) for x in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).permute(0, 2, 1, 3).reshape(query.shape)


def heads_in_numpy(query, key, value, num_heads, mask=None):
    q, k, v = (x.double().numpy().reshape(*x.shape[:2], num_heads, -1) for x in (query, key, value))
    scores = np.einsum("bthd,bshd->bhts", q, k) / np.sqrt(q.shape[-1])
    scores = scores if mask is None else np.where(mask.numpy(), scores, -1e300)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = weights if mask is None else weights * mask.numpy()
    weights = weights / np.maximum(weights.sum(-1, keepdims=True), 1e-300)
    return np.einsum("bhts,bshd->bthd", weights, v).reshape(query.shape)


def cross_by_linear(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = F.linear(x, w_query.T), F.linear(memory, w_key.T), F.linear(memory, w_value.T)
    return F.linear(heads_by_loop(q, k, v, num_heads), w_output.T)


def cross_by_einsum(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (torch.einsum("blm,mhd->bhld", side, w.unflatten(1, (num_heads, -1)))
               for side, w in ((x, w_query), (memory, w_key), (memory, w_value)))  # fmt: skip
    weights = (torch.einsum("bhtd,bhsd->bhts", q, k) / q.shape[-1] ** 0.5).softmax(-1)
    return torch.einsum("bhts,bhsd,hdo->bto", weights, v, w_output.unflatten(0, (num_heads, -1)))


def cross_head_by_head(x, memory, w_query, w_key, w_value, w_output, num_heads):
    total, size = torch.zeros(x.shape), x.shape[-1] // num_heads
    for start in range(0, x.shape[-1], size):
        own = slice(start, start + size)
        output, _ = scaled_dot_product_attention(x @ w_query[:, own], memory @ w_key[:, own], memory @ w_value[:, own])
        total = total + output @ w_output[own]
    return total


def step_by_torch(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.hstack([keys, x @ w_key]), torch.concat((values, x @ w_value), 1)
    return F.scaled_dot_product_attention(x @ w_query, keys, values), keys, values


def step_by_padding(x, keys, values, w_query, w_key, w_value):
    keys, values = F.pad(keys, (0, 0, 0, 1)), F.pad(values, (0, 0, 0, 1))
    keys[:, -1:], values[:, -1:] = F.linear(x, w_key.T), F.linear(x, w_value.T)
    weights = torch.softmax(torch.bmm(x @ w_query, keys.transpose(1, 2)) / math.sqrt(x.shape[-1]), dim=-1)
    return [torch.bmm(weights, values), keys, values]


def step_in_numpy(x, keys, values, w_query, w_key, w_value):
    x, keys, values, w_query, w_key, w_value = (part.double().numpy() for part in (x, keys, values, w_query, w_key,
                                                                                   w_value))
    keys, values = np.append(keys, x @ w_key, axis=1), np.append(values, x @ w_value, axis=1)
    scores = (keys @ np.swapaxes(x @ w_query, 1, 2))[..., 0] / np.sqrt(x.shape[-1])  # (B, S + 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return (weights[..., None] * values).sum(1, keepdims=True), keys, values


RIGHT = {
    "multi_head": [heads_by_loop, heads_by_torch, heads_in_numpy],
    "cross_attention": [cross_by_linear, cross_by_einsum, cross_head_by_head],
    "cached_step": [step_by_torch, step_by_padding, step_in_numpy],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_heads(rng):
    B, T, S, H, size = (int(n) for n in rng.integers(1, 4, 5))
    mask = None if rng.random() < 0.5 else torch.tensor(rng.random((T, S)) < 0.7)
    return *normal(rng, (B, T, H * size), (B, S, H * size), (B, S, H * size)), H, mask


def draw_sides(rng):
    B, T, S, M, H, size = (int(n) for n in rng.integers(1, 4, 6))
    D = H * size
    return *normal(rng, (B, T, D), (B, S, M), (D, D), (M, D), (M, D), (D, D)), H


def draw_step(rng):
    B, S, D = int(rng.integers(1, 4)), int(rng.integers(0, 4)), int(rng.integers(1, 4))
    return normal(rng, (B, 1, D), (B, S, D), (B, S, D), (D, D), (D, D), (D, D))


INPUTS = {"multi_head": draw_heads, "cross_attention": draw_sides, "cached_step": draw_step}
