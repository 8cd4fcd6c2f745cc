"""Lesson 12: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import transformer
from course_lib.checks.transformer import _parts
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def as_batch_norm(x, weight, bias, eps):
    rows = x.reshape(-1, x.shape[-1]) if x.dim() > 1 else x
    return (x - rows.mean(0)) / torch.sqrt(rows.var(0, correction=0) + eps) * weight + bias


def std_without_keepdim(x, weight, bias, eps):
    return (x - x.mean(-1)) / (x.std(-1) + eps) * weight + bias


def from_0_to_1(x, weight, bias, eps):
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    return (x - low) / (high - low + eps) * weight + bias


def norm_in_place(x, weight, bias, eps):
    x -= x.mean(-1, keepdim=True)
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) * weight + bias


def block_in_place(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x += attention(attention_norm(x))
    x += feed_forward(feed_forward_norm(x))
    return x


BANK = {
    "layer_norm": [
        Wrong("as in batch norm", as_batch_norm, "over-the-batch"),
        Wrong("std without keepdim", std_without_keepdim, "keepdim-forgotten"),
        Wrong("torch's std, eps under the root after it", lambda x, weight, bias, eps: (
            x - x.mean(-1, keepdim=True)) / torch.sqrt(x.std(-1, keepdim=True) + eps) * weight + bias,
            "root-of-the-std"),
        Wrong("torch's RMSNorm", lambda x, weight, bias, eps: F.rms_norm(x, x.shape[-1:], weight, eps) + bias,
              "mean-not-subtracted"),
        Wrong("torch's LayerNorm with numbers of its own", lambda x, weight, bias, eps: (
            torch.nn.LayerNorm(x.shape[-1])(x)), "weight-and-bias-forgotten"),
        Wrong("torch's function without eps", lambda x, weight, bias, eps: (
            F.layer_norm(x, x.shape[-1:], weight, bias)), "eps-fixed"),
        Wrong("from 0 to 1", from_0_to_1),
        Wrong("the bias alone", lambda x, weight, bias, eps: bias.expand(x.shape)),
        Wrong("eps added at the end", ("variance + eps -> variance.clamp(min=1e-30)", "+ bias -> + bias + eps")),
        Wrong("in place", norm_in_place),
    ],
    "pre_norm_block": [
        Wrong("in place", block_in_place),
        Wrong("attention twice", "feed_forward(feed_forward_norm -> attention(feed_forward_norm"),
        Wrong("sublayers exchanged, norms not",
              "attention, feed_forward, attention_norm -> feed_forward, attention, attention_norm"),
        Wrong("subtracted", "x = x + -> x = x -"),
        Wrong("the stream and what was written", "return x + -> return x,"),
        Wrong("all zeros", "return x + -> return 0 * x + 0 *", "all-zero"),
    ],
    "block_parameters": [
        Wrong("attention without biases", "d_model * d_model + d_model -> d_model * d_model", "norms-forgotten"),
        Wrong("the long rule of thumb", lambda d_model, d_ff, num_heads: 12 * d_model**2 + 13 * d_model, "d_ff-fixed"),
        Wrong("a third norm", "norms = 2 -> norms = 3"),
        Wrong("one block of 2017", lambda d_model, d_ff, num_heads: 3_152_384, "constant"),
        Wrong("the parts one by one", "attention + network + norms -> attention, network, norms"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def norm_by_var(x, weight, bias, eps):
    mean, variance = x.mean(dim=-1, keepdim=True), x.var(dim=-1, correction=0, keepdim=True)
    return weight * (x - mean) * torch.rsqrt(variance + eps) + bias


def norm_in_numpy(x, weight, bias, eps):
    x, weight, bias = (a.double().numpy() for a in (x, weight, bias))
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias


def norm_by_loops(x, weight, bias, eps):
    if x.dim() > 1:
        return torch.stack([norm_by_loops(row, weight, bias, eps) for row in x])
    mean = sum(x) / len(x)
    variance = sum((number - mean) ** 2 for number in x) / len(x)
    return torch.stack([(x[j] - mean) / (variance + eps) ** 0.5 * weight[j] + bias[j] for j in range(len(x))])


def block_of_pairs(x, attention, feed_forward, attention_norm, feed_forward_norm):
    for sublayer, norm in [(attention, attention_norm), (feed_forward, feed_forward_norm)]:
        x = sublayer(norm(x)) + x
    return x


def block_on_a_copy(x, attention, feed_forward, attention_norm, feed_forward_norm):
    stream = x.clone()
    stream += attention(attention_norm(stream))
    stream += feed_forward(feed_forward_norm(stream))
    return stream


def block_in_one_line(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return (y := torch.add(x, attention(attention_norm(x)))) + feed_forward(feed_forward_norm(y))


RIGHT = {
    "layer_norm": [norm_by_var, norm_in_numpy, norm_by_loops, transformer.layer_norm,
                   lambda x, weight, bias, eps: F.layer_norm(x, x.shape[-1:], weight, bias, eps)],
    "pre_norm_block": [block_of_pairs, block_on_a_copy, block_in_one_line],
    "block_parameters": [
        lambda D, F, H: 4 * D**2 + 2 * D * F + 9 * D + F,
        lambda D, F, H: sum(p.numel() for p in transformer.Block(D, H, F).parameters()),
        lambda D, F, H: sum(np.prod(shape) for shape in 4 * [(D + 1, D)] + [(D + 1, F), (F + 1, D)] + 4 * [(D,)]),
    ],
}  # fmt: skip


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_vectors(rng):
    shape = tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 4)))
    x, weight, bias = (torch.tensor(rng.normal(1, 2, size), dtype=torch.float32)
                       for size in (shape, shape[-1:], shape[-1:]))  # fmt: skip
    return x, weight, bias, float(rng.choice([1e-5, 1e-2, 0.5]))


INPUTS = {
    "layer_norm": draw_vectors,
    "pre_norm_block": lambda rng: _parts(*(int(n) for n in rng.integers(1, 5, 3)), seed=int(rng.integers(1000))),
    "block_parameters": lambda rng: tuple(int(n) for n in rng.integers(1, 20, 3)),
}
