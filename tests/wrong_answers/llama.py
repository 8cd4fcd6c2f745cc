"""Lesson 20: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import llama
from course_lib.checks.llama import _heads, _network, _places
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def turned_by_the_row(x, positions, theta):
    """Half of the angle for each second token: no product depends on the distance alone."""
    half = x.shape[-1] // 2
    angles = (positions**2)[:, None] * theta ** (-torch.arange(half) / half)
    a, b = x[:, :half], x[:, half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], dim=-1)


BANK = {
    "rms_norm": [
        Wrong("all to one", lambda x, weight, eps: torch.ones_like(x), "constant"),
        Wrong("the largest number", "torch.sqrt(mean_square + eps) -> (x.abs().amax(-1, keepdim=True) + eps)"),
        Wrong("eps squared", "+ eps -> + eps**2"),
        Wrong("eps taken away", "+ eps -> - eps"),
        Wrong("the negative", "return x -> return -x"),
        Wrong("a root too many", "torch.sqrt(mean_square + eps) -> (mean_square + eps) ** 0.25"),
    ],
    "rotate": [
        Wrong("squares of the places", turned_by_the_row, "not-relative"),
        Wrong("nothing turned", lambda x, positions, theta: x),
        Wrong("halves exchanged", "a, b = x[:, :half], x[:, half:] -> b, a = x[:, :half], x[:, half:]"),
        Wrong("distance from the first", "positions[:, None] -> (positions - positions[0])[:, None]"),
        Wrong("places by the root", "positions[:, None] -> positions[:, None] ** 0.5", "not-relative"),
        Wrong("the first pair alone", "speeds = theta ** (-torch.arange(half) / half) -> "
              "speeds = (torch.arange(half) == 0).float()"),
    ],
    "grouped_attention": [
        Wrong("heads in reverse", "return scores -> scores, v = scores.flip(0), v.flip(0); return scores"),
        Wrong("the last head for all", "k, v = k.repeat_interleave(times, dim=0), v.repeat_interleave(times, dim=0) -> "
              "k, v = k[-1:], v[-1:]"),
        Wrong("no softmax", ".masked_fill(future, -torch.inf).softmax(-1) -> .masked_fill(future, 0)"),
        Wrong("queries as values", "softmax(-1) @ v -> softmax(-1) @ q"),
        Wrong("times the root", "/ d**0.5 -> * d**0.5"),
        Wrong("values alone", lambda q, k, v: v.repeat_interleave(len(q) // len(v), 0)),
    ],
    "swiglu": [
        Wrong("one minus the gate", "F.silu(x @ gate.T) -> (1 - F.silu(x @ gate.T))"),
        Wrong("the gate squared", "F.silu(x @ gate.T) -> F.silu(x @ gate.T) ** 2"),
        Wrong("leaky", "F.silu(x @ gate.T) -> F.leaky_relu(x @ gate.T)"),
        Wrong("all zeros", lambda x, gate, up, down: torch.zeros_like(x), "all-zero"),
        Wrong("divided", "opened * -> opened /"),
    ],
    "cache_bytes": [
        Wrong("one more token", "* tokens -> * (tokens + 1)"),
        Wrong("always the same", lambda *sizes: 46_080, "constant"),
        Wrong("added up", lambda *sizes: sum(sizes)),
        Wrong("keys and queries", "2 * -> 4 *"),
    ],
    "chat_prompt": [
        Wrong("the words alone", lambda messages, system: " ".join(words for _, words in messages)),
        Wrong("in upper case", "{role} -> {role.upper()}"),
        Wrong("backwards", "in messages) -> in messages[::-1])"),
        Wrong("asks the user", 'assistant\\n" -> user\\n"'),
        Wrong("another mark", "<|im_end|> -> <|endoftext|>"),
        Wrong("the system twice", '[("system", system), *messages] -> [("system", system)] * 2 + messages'),
    ],
}  # fmt: skip


# --- right ------------------------------------------------------------------------------------------------------------


def by_the_library(x, weight, eps):
    norm = llama.RMSNorm(len(weight), eps)
    norm.weight.data = weight
    return norm(x)


def by_torch(x, weight, eps):
    return F.rms_norm(x, x.shape[-1:], weight, eps)


def by_rsqrt(x, weight, eps):
    return weight * (x * torch.rsqrt(torch.mean(x * x, dim=-1, keepdim=True) + eps))


def in_numpy(x, weight, eps):
    x = x.numpy().astype(float)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight.numpy()


def by_its_length(x, weight, eps):
    D = x.shape[-1]
    return x * weight / (x.norm(dim=-1, keepdim=True) ** 2 / D + eps) ** 0.5


def by_llama(x, positions, theta):
    return llama.turn(x, *llama.rotary(positions, x.shape[-1], theta))


def by_complex_numbers(x, positions, theta):
    d = x.shape[-1]
    numbers = torch.complex(x[:, : d // 2], x[:, d // 2 :])
    turned = numbers * torch.exp(1j * positions[:, None] * theta ** (-torch.arange(0, d, 2) / d))
    return torch.cat([turned.real, turned.imag], -1)


def pair_by_pair(x, positions, theta):
    T, d = x.shape
    out = torch.empty(T, d)
    for t in range(T):
        for i in range(d // 2):
            angle = int(positions[t]) / theta ** (2 * i / d)
            cos, sin = math.cos(angle), math.sin(angle)
            a, b = x[t, i].item(), x[t, i + d // 2].item()
            out[t, i], out[t, i + d // 2] = a * cos - b * sin, a * sin + b * cos
    return out


def half_turned_over(x, positions, theta):
    a, b = x.chunk(2, dim=-1)
    angles = torch.outer(positions.float(), 1.0 / theta ** (torch.arange(0, x.shape[-1], 2) / x.shape[-1]))
    angles = torch.cat([angles, angles], -1)
    return x * angles.cos() + torch.cat([-b, a], -1) * angles.sin()


def by_the_fused_function(q, k, v):
    times = len(q) // len(k)
    k, v = (part.repeat_interleave(times, 0) for part in (k, v))
    return F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]


def head_by_head(q, k, v):
    H, T, d = q.shape
    out = torch.empty(H, T, v.shape[-1])
    for h in range(H):
        kv = h * len(k) // H
        for t in range(T):
            weights = (k[kv, : t + 1] @ q[h, t] / math.sqrt(d)).softmax(0)
            out[h, t] = weights @ v[kv, : t + 1]
    return out


def in_groups(q, k, v):
    H, T, d = q.shape
    q = q.view(len(k), -1, T, d)
    scores = torch.einsum("kgtd,ksd->kgts", q, k) / d**0.5 + torch.full((T, T), -torch.inf).triu(1)
    return torch.einsum("kgts,ksd->kgtd", scores.softmax(-1), v).reshape(H, T, -1)


def by_places(q, k, v):
    which = torch.arange(len(q)) // (len(q) // len(k))
    T = q.shape[1]
    seen = torch.ones(T, T, dtype=torch.bool).tril()
    weights = torch.softmax((q @ k[which].transpose(1, 2) * q.shape[2] ** -0.5).masked_fill(~seen, -1e30), -1)
    return weights @ v[which]


def by_linear(x, gate, up, down):
    return F.linear(F.silu(F.linear(x, gate)) * F.linear(x, up), down)


def with_its_sigmoid(x, gate, up, down):
    g = x @ gate.mT
    return (g * torch.sigmoid(g) * (x @ up.mT)) @ down.mT


def in_one_product(x, gate, up, down):
    g, u = (x @ torch.cat([gate, up]).T).chunk(2, -1)
    return torch.einsum("tf,df->td", F.silu(g) * u, down)


def swiglu_in_numpy(x, gate, up, down):
    x, gate, up, down = (part.numpy().astype(float) for part in (x, gate, up, down))
    g = x @ gate.T
    return (g / (1 + np.exp(-g)) * (x @ up.T)) @ down.T


def as_a_tensor_has_it(num_layers, num_kv_heads, head_size, tokens, bytes_per_number):
    return 2 * math.prod((num_layers, num_kv_heads, tokens, head_size)) * bytes_per_number


def layer_by_layer(num_layers, num_kv_heads, head_size, tokens, bytes_per_number):
    total = 0
    for _ in range(num_layers):
        for _ in ("keys", "values"):
            total += num_kv_heads * tokens * head_size * bytes_per_number
    return total


def in_floats(num_layers, num_kv_heads, head_size, tokens, bytes_per_number):
    return 2.0 * num_layers * num_kv_heads * head_size * tokens * bytes_per_number


def line_by_line(messages, system):
    text, first = "", True
    for role, words in messages:
        if first and role != "system":
            text += "<|im_start|>system\n" + system + "<|im_end|>\n"
        first = False
        text += "<|im_start|>" + role + "\n" + words + "<|im_end|>\n"
    text += "<|im_start|>assistant\n"
    return text


def joined(messages, system):
    head = [] if messages[0][0] == "system" else [("system", system)]
    turns = [f"{role}\n{words}<|im_end|>\n" for role, words in head + list(messages)] + ["assistant\n"]
    return "<|im_start|>" + "<|im_start|>".join(turns)


def on_a_copy(messages, system):
    messages = list(messages)
    if messages[0][0] != "system":
        messages.insert(0, ("system", system))
    turns = ["<|im_start|>{}\n{}<|im_end|>".format(*message) for message in messages]
    return "\n".join([*turns, "<|im_start|>assistant", ""])


RIGHT = {
    "rms_norm": [by_the_library, by_torch, by_rsqrt, in_numpy, by_its_length],
    "rotate": [by_llama, by_complex_numbers, pair_by_pair, half_turned_over],
    "grouped_attention": [by_the_fused_function, head_by_head, in_groups, by_places],
    "swiglu": [by_linear, with_its_sigmoid, in_one_product, swiglu_in_numpy],
    "cache_bytes": [as_a_tensor_has_it, layer_by_layer, in_floats],
    "chat_prompt": [line_by_line, joined, on_a_copy],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_vectors(rng):
    shape = [int(n) for n in rng.integers(2, 5, rng.integers(1, 4))]
    x = torch.tensor(rng.normal(0.5, 1, shape), dtype=torch.float32)
    return x, torch.tensor(rng.normal(1, 0.5, shape[-1]), dtype=torch.float32), float(rng.uniform(0.01, 0.5))


def draw_places(rng):
    positions = [int(n) for n in rng.integers(0, 30, rng.integers(1, 6))]
    return _places(positions, 2 * int(rng.integers(1, 5)), float(rng.uniform(5, 500)), int(rng.integers(1000))).args


def draw_heads(rng):
    K, times, T, d = (int(n) for n in rng.integers(1, 5, 4))
    return _heads(K * times, K, T, d, int(rng.integers(1000))).args


def draw_network(rng):
    T, D, d_ff = (int(n) for n in rng.integers(1, 6, 3))
    return _network(T, D, d_ff, int(rng.integers(1000))).args


def draw_messages(rng):
    roles = rng.choice(["system", "user", "assistant"], rng.integers(1, 5))
    return [(str(role), str(rng.choice(["Hello!", " a\n", "2 + 2?"]))) for role in roles], "Be brief."


INPUTS = {
    "rms_norm": draw_vectors,
    "rotate": draw_places,
    "grouped_attention": draw_heads,
    "swiglu": draw_network,
    "cache_bytes": lambda rng: tuple(int(n) for n in rng.integers(1, 9, 5)),
    "chat_prompt": draw_messages,
}
