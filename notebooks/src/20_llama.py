# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: llama
#   title: Llama
#   minutes: 85
# ---

# %% [markdown]
# # 20 Llama: your GPT, as it is built today
#
# At the end of this lesson a model that others trained on trillions of tokens answers you in a chat, on this machine,
# without a network; and it runs in code of which you have written the four parts that were new to you. You will also
# have caught it saying *Sydney* where the answer is *Canberra*, and you can say how sure it was.
#
# **You will build** RMSNorm, positions that turn, heads that share keys and values, a network with a gate; you count
# what a cache takes, and write the text that makes a chat of a model. **You need** lesson 17 (GPT), lesson 12
# (LayerNorm), lesson 13 (waves) and lesson 18 (the cache, 8 bits).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict, RMSNorm (0-13). B: Positions that turn (13-27). C: Shared heads, the
# gate, the race (27-38). D: The real weights: chat, capitals (38-50).
#
# **Minute 0.** Three beginnings on the board: *The capital of France is*, *The capital of Australia is*, and the first
# once more with a space at its end. Everyone writes the next token, and how sure the model will be.
#
# **When 15 minutes late:** leave out the race, the count of the cache and the four bits. Do not leave out the chat.

# %% [markdown]
# ## Predict: what does it say?
#
# **SmolLM2** (Ben Allal and others, 2025) has 135 million parameters, about as many as the smallest GPT-2, and was then
# taught to chat. Its weights lie in one file of 98 MB. Its code is not in there: a file of weights is of use to whoever
# has the model that they belong to. Ours is `course_lib.llama`, 300 lines.

# %% tags=["boilerplate"]
# The weights of SmolLM2-135M-Instruct, in our model.
import math
import time
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import checkpoints, data, decoding, device, gpt, llama

model, tokenizer = checkpoints.load_llama(data.path("smollm2"))
print(model.config)

# %% [markdown]
# **Write down, for each of the three,** the token that it finds likeliest and how likely. The third ends with a space.
#
# 1. `The capital of France is`
# 2. `The capital of Australia is`
# 3. `The capital of France is ` (with a space)

# %%
# The likeliest next tokens.
def ids_of(text):
    return torch.tensor([tokenizer.encode(text)])  # [1, T]


@torch.no_grad()
def shares_after(text):
    return model(ids_of(text), last=True).logits[0, -1].softmax(0)  # [V]


def likeliest(text, count=2):
    best = shares_after(text).topk(count)
    return ", ".join(f"{tokenizer.decode([i])!r} {p:.2f}" for p, i in zip(*map(torch.Tensor.tolist, best)))


BEGINNINGS = ["The capital of France is", "The capital of Australia is", "The capital of France is "]
for text in BEGINNINGS:
    print(f"{text!r:31} {likeliest(text)}")

# %% [markdown]
# Paris. Then Sydney, before Canberra, by a hair. And with a space at the end it wants a **digit**. Why a digit? Look at
# the tokens.

# %%
# How the three are cut, and how the answer is.
for text in [*BEGINNINGS, "The capital of France is Paris", "In 1869 it had 12,345"]:
    print([tokenizer.decode([i]) for i in tokenizer.encode(text)])

# %% [markdown]
# The word that it wants to say is one token, *space and Paris*. If the space stands there already, that token is no
# longer possible; and a space that stands alone comes, in all that it has read, mostly in front of a number, because
# this tokenizer makes **each digit a token of its own**. A space that nobody sees has made another question of it.
# (Whoever builds a prompt strips it at its end.)
#
# How does it know of Paris at all? Everything that this model does you have built in lesson 17, but for **four parts**.
# Each has replaced an older one in nearly every model of these years, and each is a few lines. One after the other.
#
# First, some room. In 32 bits the weights take over half of the memory that this notebook may use. So each linear layer
# gets one byte a weight, by lesson 18's rule: each row a scale times whole numbers from -127 to 127. What that has cost
# we ask further down; what we shall need for it is kept.

# %% tags=["boilerplate", "nbval-ignore-output"]
# What 32 bits say: shares at each place of a text, one answer at four places, tokens in a second of the processor.
TEXT = ("Kyoto was the capital of Japan for more than a thousand years. In 1869 the emperor moved to Edo, which got a "
        "new name, Tokyo: the capital in the east. Which of the two is larger today?")  # fmt: skip


def speed(prompt="The capital of France is", count=16):
    with device.one_thread():
        began = time.process_time()
        decoding.generate(model, ids_of(prompt), count, temperature=0)
        return count / (time.process_time() - began)


def moved_on(by):
    """The likeliest token and its p, if every token takes its place for one that is `by` further on."""
    model.turns = lambda positions: llama.Llama.turns(model, positions + by)
    best = shares_after(BEGINNINGS[0]).max(0)
    del model.turns
    return tokenizer.decode([int(best.indices)]), best.values.item()


with device.one_thread(), torch.no_grad():
    in_32_bits = model(ids_of(TEXT)).logits[0].log_softmax(-1)  # [T, V]
    elsewhere = {by: moved_on(by) for by in (0, 1, 100, 10_000)}
speeds = {"32 bits": speed()}
matrix = model.blocks[0].hidden.weight[:1536].detach().clone()  # one of them stays as it is, for later
print(f"{speeds['32 bits']:.0f} tokens a second")


# %% tags=["boilerplate", "nbval-ignore-output"]
# One byte a weight. `rounded_in` says whether what comes in is rounded as well; further down we try it.
class EightBits(nn.Module):
    rounded_in = None

    def __init__(self, linear):
        super().__init__()
        weight = linear.weight.detach()
        self.scale = torch.maximum(weight.amax(1), -weight.amin(1)) / 127  # [out]
        pairs = zip(weight.split(1024), self.scale.split(1024))  # some rows at a time: the head's are many
        self.weight = torch.cat([(rows / scale[:, None]).round().to(torch.int8) for rows, scale in pairs])

    def forward(self, x):
        if self.rounded_in is not None:  # to 63 steps up to the largest number, of a token or of all
            step = (x.abs().amax(-1, keepdim=True) if self.rounded_in == "by token" else x.abs().max()) / 63
            x = (x / step).round() * step
        rows, scale = x.flatten(0, -2).bfloat16(), self.scale.bfloat16()  # torch's kernel is fast in these 16 bits
        return torch._weight_int8pack_mm(rows, self.weight, scale).float().view(*x.shape[:-1], -1)


def shrink(model):
    """Each linear layer's weights to 8 bits, one layer after the other: its 32 bits go as soon as it is done."""
    for part in [part for part in model.modules() if not isinstance(part, nn.Linear)][::-1]:  # the large head last
        for name in [name for name, child in part.named_children() if isinstance(child, nn.Linear)]:
            setattr(part, name, EightBits(getattr(part, name)))
        device.give_back_memory()
    return model


model = shrink(model)
weights = sum(part.weight.numel() for part in model.modules() if isinstance(part, EightBits))
print(f"{weights / 1e6:.0f} million weights: {4 * weights / 1e6:.0f} MB in 32 bits, {weights / 1e6:.0f} MB in 8")
for text in BEGINNINGS:
    print(f"{text!r:31} {likeliest(text)}")
assert likeliest(BEGINNINGS[0]).startswith("' Paris'"), "the likeliest token has become another"

# %% [markdown]
# ## RMSNorm: a norm that takes nothing away
#
# LayerNorm (lesson 12) does three things to a vector: it takes the mean away, divides by the spread, then scales and
# shifts by trained numbers. Zhang and Sennrich (2019) asked which of these are needed, and kept two:
#
# $$\text{RMSNorm}(x) = \frac{x}{\sqrt{\frac{1}{D}\sum_j x_j^2 + \varepsilon}} \odot w$$
#
# with x and the trained w of shape [D]. The root of the mean of the squares, *root mean square*, gives it its name.
#
# **With a pencil**, for the vector (1, 2, 2), w = 1, eps = 0: the mean of the squares? Its root? What comes out? And
# what does LayerNorm make of it? Then add 100 to each number. LayerNorm's answer stays; and RMSNorm's?

# %%
# Both norms by hand, on two vectors.
for x in [torch.tensor([1.0, 2, 2]), torch.tensor([101.0, 102, 102])]:
    rms = (x**2).mean().sqrt()
    deviations = x - x.mean()
    print(f"RMS {rms:6.2f}: {(x / rms).numpy().round(3)}   "
          f"LayerNorm: {(deviations / (deviations**2).mean().sqrt()).numpy().round(3)}")

# %% [markdown]
# A common level drowns everything in RMSNorm. It gets away with it if the vectors of a stream have no such level. Have
# they? Of the real model's stream: which share of the squared length is its mean? **Guess:** a half, a tenth, a
# thousandth?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Through SmolLM2: how long the stream is, and how much of its squared length is a common level.
with device.one_thread(), torch.no_grad():
    layers = model(ids_of(TEXT), return_layers=True).layers[:, 0]  # [L + 1, T, D]
levels = layers.mean(-1).square() * layers.shape[-1] / layers.square().sum(-1)  # [L + 1, T]
for block in [0, 1, 10, 20, 30]:
    print(f"{block:2} of 30 blocks: length {layers[block].norm(dim=-1).mean():6.1f}, level {levels[block].mean():.2%}")
assert levels.mean() < 0.02

# %% [markdown]
# About a thousandth, next to nothing: there is no level to take away. (The model was trained with RMSNorm, so that is
# no proof that it *had* to come out like this. The race below asks.) And look at the lengths: this stream is never
# normalised, it grows and grows, as lesson 12 saw.
#
# **Your turn (6 minutes).** Write `rms_norm(x, weight, eps)` for x of any shape [..., D]. Published weights know where
# eps stood when they were trained: under the root.

# %% tags=["exercise"]
# Write RMSNorm.
def rms_norm(x, weight, eps):
    """Each vector (the last axis) divided by its root mean square, times weight; the shape of x."""
    ### BEGIN SOLUTION
    mean_square = (x**2).mean(-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps) * weight
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import llama as check

check.rms_norm(rms_norm)

# %% [markdown] tags=["hint"]
# In which order do the three words stand: root, mean, square? And which axis holds the numbers of one vector?

# %% [markdown] tags=["hint"]
# `(x**2).mean(-1, keepdim=True)` is the mean of the squares; eps is added to it, then comes the root, then x is divided
# by that and multiplied by the weight.

# %% [markdown] tags=["instructor"]
# **Minutes 0-13. Type** the likeliest tokens (9 lines), both norms (4 lines), the solution (2 lines).
#
# **The planned mistake:** the mean taken away first, out of habit. The reply is below.
#
# **Poll:** "a vector is multiplied by 10 before RMSNorm. What comes out..."
# - *is 10 times as long*: what does its root mean square become?
# - *is the same*: right, but for eps.
# - *depends on the mean*: not here.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(x, weight, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).mean(-1, keepdim=True) + eps) * weight


check.rms_norm(planned_mistake)

# %% [markdown]
# ## Positions that turn
#
# GPT adds a vector to each token that says *place 7*. But attention seldom wants to know that something stands at place
# 7. It wants to know that it stands **three places back**. GPT must learn, from a table of unrelated rows, that 7 and
# 4, 8 and 5, 9 and 6 are alike in this.
#
# Lesson 13's waves were hands of a clock, and *three on* was the same turn of a hand everywhere. Su and others (2021)
# take that at its word: **do not add the hand. Turn the query and the key.** Numbers of a head are taken in pairs
# (a, b), a point in a plane, and at place t the point is turned by the angle t times a speed:
#
# $$(a, b) \rightarrow (a \cos\alpha - b \sin\alpha,\;\; b \cos\alpha + a \sin\alpha) \qquad \alpha = t \cdot s_i$$
#
# **With a pencil:** one pair, speed 1. A query (1, 0) at place 2, a key (1, 0) at place 0. By which angle do they
# stand apart, and what is their product? (cos 2 = -0.42.) And a query at place 102 with a key at place 100?

# %%
# One pair, turned; the product of a query and a key at some places. Beside it lesson 13's way: the hand is added.
def hand(place):
    return torch.tensor([math.cos(place), math.sin(place)])


for q_place, k_place in [(2, 0), (7, 5), (102, 100), (2, 1)]:
    turned = hand(q_place) @ hand(k_place)  # (1, 0), turned, is the hand itself
    added = (torch.tensor([1.0, 0]) + hand(q_place)) @ (torch.tensor([1.0, 0]) + hand(k_place))
    print(f"query at {q_place:3}, key at {k_place:3}: turned {turned:5.2f}, added {added:5.2f}")

# %% [markdown]
# Turned, the first three are the same: **only the distance is left**. Added, each is another number, and a head would
# have to learn which of them mean the same.
#
# A head of d numbers has d / 2 pairs, and pair i has the speed $s_i = \theta^{-2i/d}$: the first turns by 1 a place,
# the last hardly at all. Fast pairs tell neighbours apart, slow ones still know the difference when the fast ones have
# gone round many times. First the naive way: pair by pair, a small matrix for each.

# %% tags=["boilerplate"]
# Place by place and pair by pair. A pair is number i and number i + d / 2.
def loop_turn(x, positions, theta):
    T, d = x.shape
    out = torch.empty(T, d)
    for t in range(T):
        for i in range(d // 2):
            angle = float(positions[t]) * theta ** (-2 * i / d)
            turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            out[t, [i, i + d // 2]] = turn @ x[t, [i, i + d // 2]]
    return out


x = torch.arange(8.0).view(2, 4)
print(loop_turn(x, torch.tensor([0, 3]), theta=100.0).numpy().round(2))

# %% [markdown]
# At place 0 nothing turns. At place 3 the pair (4, 6) has turned by 3, nearly half round, and (5, 7) by 0.3.
#
# Which numbers are a pair? The paper takes neighbours, 0 and 1. Hugging Face's files, and so most published weights,
# have i and i + d / 2. In a new model it makes no difference. With weights of others the wrong choice makes noise, and
# no error.
#
# **Your turn (10 minutes).** Write `rotate(x, positions, theta)` without loops, for one head: x [T, d], positions [T]
# whole numbers that need not begin at 0 (with a cache they do not). Pairs are i and i + d / 2.

# %% tags=["exercise"]
# Write the turn.
def rotate(x, positions, theta):
    """Each row of x [T, d] turned, pair by pair, by its place times the speeds theta^(-2i/d)."""
    ### BEGIN SOLUTION
    half = x.shape[-1] // 2
    speeds = theta ** (-torch.arange(half) / half)
    angles = positions[:, None] * speeds
    a, b = x[:, :half], x[:, half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], dim=-1)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say? Two of its inputs are the same vectors, seven places further on.
check.rotate(rotate)

# %% [markdown] tags=["hint"]
# The angles are a table: one row for each place, one column for each pair. Which two shapes give it, when multiplied?
# And what are a and b, all pairs at once?

# %% [markdown] tags=["hint"]
# `angles = positions[:, None] * speeds` is [T, d / 2]; `a, b = x[:, :half], x[:, half:]`. The first half of the answer
# is `a * angles.cos() - b * angles.sin()`; `torch.cat` puts the second behind it.

# %% [markdown]
# The library has `llama.rotary` for cosines and sines, made once for all blocks, and `llama.turn`. The loop, and that:

# %% tags=["boilerplate", "nbval-ignore-output"]
# 64 places of 64 numbers: the loop and the library.
x, places = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)), torch.arange(64)
took = {}
with device.one_thread():
    for name in ["loop", "library"]:
        run = loop_turn if name == "loop" else lambda x, t, theta: llama.turn(x, *llama.rotary(t, 64, theta))
        began = time.perf_counter()
        took[name] = run(x, places, 1e4)
        print(f"{name:8} {1000 * (time.perf_counter() - began):8.2f} ms")
assert torch.allclose(*took.values(), atol=1e-4)

# %% [markdown]
# **Look.** A query at place m and a key b places before it, random and always the same ones; how their product goes
# with b. Move both on with the slider: which of the two lines moves? Then choose theta. SmolLM2 has 100,000 and reads
# 8,192 tokens, the first models with positions that turn mostly had 10,000: what does a larger theta do to the line?

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The product against the distance, turned and (the control) with waves added.
from course_lib import viz
from course_lib.viz import tokenizers as pictures


def draw_products(theta, moved_on):
    q, k = torch.randn(2, 64, generator=torch.Generator().manual_seed(4)) + 0.5
    back = torch.arange(0, 65, 2)
    at, before = torch.full((33,), moved_on + 64), moved_on + 64 - back
    turned = [llama.turn(vector.expand(33, 64), *llama.rotary(t, 64, theta)) for vector, t in [(q, at), (k, before)]]
    waves = [torch.cat([angles.cos(), angles.sin()], -1) for t in (at, before)
             for angles in [t[:, None] * theta ** (-torch.arange(32) / 32)]]
    curves = {"turned": (turned[0] * turned[1]).sum(-1)}
    curves["control: waves added"] = ((q + waves[0]) * (k + waves[1])).sum(-1)
    return pictures.lines({name: (back.tolist(), values.tolist()) for name, values in curves.items()},
                          f"Query at place {moved_on + 64}, theta = {theta:,}", "places back", "query · key", log="")


viz.explore(draw_products, theta=viz.Choice([100, 10_000, 100_000], value=10_000),
            moved_on=viz.Slider(0, 1000, 50, label="both moved on by"))

# %% [markdown]
# Only the line of the added waves moves. A larger theta makes the slow pairs slower still: they go round less often,
# and far distances stay apart.
#
# **The test on real weights.** The same text, but every token believes that it stands 1, 100 or 10,000 places further
# on. Whose answer changes: SmolLM2's, or that of the course's GPT of letters, which adds a table? **Predict.**

# %% tags=["boilerplate", "nbval-ignore-output"]
# The likeliest next token and its p, when all places are moved on (SmolLM2's kept from before the rounding).
from course_lib import pretrain

letters_gpt, letters = pretrain.load(data.path("gpt_characters"))
line = torch.tensor([letters.encode("My lord, I ha")])
for by, (said, p) in elsewhere.items():
    print(f"moved on by {by:6,}: SmolLM2 {said!r} {p:.4f}", end="")
    if by + line.shape[1] <= letters_gpt.config.context_length:
        letters_gpt.embed = lambda ids, places, by=by: gpt.GPT.embed(letters_gpt, ids, places + by)
        with torch.no_grad():
            best = letters_gpt(line, last=True).logits[0, -1].softmax(0).max(0)
        del letters_gpt.embed
        print(f"; the GPT of letters {letters.decode([int(best.indices)])!r} {best.values:.4f}", end="")
    print()

# %% [markdown]
# SmolLM2 cannot tell, though no place beyond 8,192 ever came up in its training: a distance is a distance. The p of the
# GPT changes with each row of its table, and behind the last row there is nothing to add.

# %% [markdown] tags=["instructor"]
# **Minutes 13-27. Type** the hands (6 lines) and the solution (5 lines). Turn two pencils on the desk by the same
# angle: what stays?
#
# **The planned mistake:** `positions` forgotten, and the rows numbered from 0. Without a cache nobody notices. The
# reply is below.
#
# **Poll:** "why are the values not turned?"
# - *they are too*: look at `Attention.heads`: who goes through `turn`?
# - *they are not compared with anything*: right. A place is only asked for in q · k.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(x, positions, theta):
    half = x.shape[-1] // 2
    angles = torch.arange(len(x))[:, None] * theta ** (-torch.arange(half) / half)
    a, b = x[:, :half], x[:, half:]
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], dim=-1)


check.rotate(planned_mistake)

# %% [markdown]
# ## Heads that share keys and values
#
# Lesson 18's cache makes writing fast: of each token read, keys and values stay. How much is that? SmolLM2 has 30
# layers, heads of 64 numbers, and 9 of them. **With a pencil:** how many numbers a token, if each of the 9 heads keeps
# a key and a value? How many megabytes, at 4 bytes, for 8,192 tokens? (The weights take 538.)
#
# Twice the weights, for one text. What must be kept is not the queries: each is asked once. So let several heads of
# queries **share** one head of keys and values (Shazeer, 2019: all of them; Ainslie and others, 2023: groups). SmolLM2
# has 9 heads of queries and 3 of keys and values: heads 0, 1, 2 read the first, 3, 4, 5 the second.
#
# ***Extra* (3 minutes).** Write `cache_bytes(num_layers, num_kv_heads, head_size, tokens, bytes_per_number)`.

# %% tags=["exercise", "extra"]
# Write the count.
def cache_bytes(num_layers, num_kv_heads, head_size, tokens, bytes_per_number):
    """Bytes of the keys and values of so many tokens, one text."""
    ### BEGIN SOLUTION
    numbers_per_token = 2 * num_layers * num_kv_heads * head_size
    return numbers_per_token * tokens * bytes_per_number
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.cache_bytes(cache_bytes)

# %% [markdown] tags=["hint"]
# What is kept of one token, in one layer, by one head: one vector, or two?

# %% [markdown] tags=["hint"]
# Two vectors of head_size numbers, in each of the layers, for each head of keys and values, for each token.

# %%
# The library's cache for 8,192 tokens, without its memory; and one with as many heads as there are of queries.
for kv_heads in [9, 3, 1]:
    sizes = llama.LlamaConfig(num_kv_heads=kv_heads)
    cache = gpt.Cache(sizes, batch_size=1, device="meta")
    took = sum(room.numel() * room.element_size() for room in (cache.keys, cache.values))
    print(f"{kv_heads} heads of keys and values: {took / 8192:9,.0f} bytes a token, {took / 1e6:6,.0f} MB for 8,192")

# %% [markdown]
# A third. **Your turn (8 minutes).** Write `grouped_attention(q, k, v)`: causal attention of H heads of queries,
# q [H, T, d], over K heads of keys and values, [K, T, d], where H is a multiple of K. Out comes [H, T, d]. *Neighbours*
# share. The shapes will not tell you if you share them otherwise.

# %% tags=["exercise"]
# Write attention with shared keys and values.
def grouped_attention(q, k, v):
    """Causal attention in which neighbouring heads of queries share a head of keys and values: [H, T, d]."""
    ### BEGIN SOLUTION
    H, T, d = q.shape
    times = H // k.shape[0]
    k, v = k.repeat_interleave(times, dim=0), v.repeat_interleave(times, dim=0)
    scores = q @ k.mT / d**0.5
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    return scores.masked_fill(future, -torch.inf).softmax(-1) @ v
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.grouped_attention(grouped_attention)

# %% [markdown] tags=["hint"]
# With 6 heads of queries and 2 of keys: write down which one of keys each of the six reads. Which of torch's two
# functions makes that order, `repeat` or `repeat_interleave`?

# %% [markdown] tags=["hint"]
# `k.repeat_interleave(H // K, dim=0)`, the same for v; then it is lesson 17's attention, head by head:
# `q @ k.mT / d**0.5`, the mask, the softmax, `@ v`.

# %% [markdown]
# And if they are shared in the wrong order? Nothing stops. **Predict** what SmolLM2 then says of France.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The real weights, keys and values in the order 0, 1, 2, 0, 1, 2 instead of 0, 0, 0, 1, 1, 1.
with device.one_thread():
    for name, order in {"right": llama.Attention.shared, "wrong": lambda part, x: x.repeat(1, 3, 1, 1)}.items():
        for block in model.blocks:
            block.attention.shared = partial(order, block.attention)
        print(f"{name:6} {likeliest(BEGINNINGS[0], 3)}")
        for block in model.blocks:
            del block.attention.shared

# %% [markdown]
# ## A network with a gate
#
# The last part is the network of a block: up, a curve, down. Shazeer (2020) has two matrices on the way up. One makes
# what is to be let through, the other a **gate** that says how much of it:
#
# $$\text{SwiGLU}(x) = (\text{silu}(x W_{gate}^T) \odot x W_{up}^T)\, W_{down}^T \qquad \text{silu}(z) = z\,\sigma(z)$$
#
# with $W_{gate}$ and $W_{up}$ [d_ff, D], $W_{down}$ [D, d_ff]. **With a pencil:** sigma(2) = 0.88, sigma(-2) = 0.12.
# What does the gate make of 2 and of -2? An *up* of 3 behind each: what is let through?

# %%
# One number of the gate and one of up.
for z in [2.0, -2.0, 0.0, -8.0]:
    silu = F.silu(torch.tensor(z))
    print(f"gate {z:4}: silu {silu:6.3f}; of an up of 3 it lets through {3 * silu:6.3f}")

# %% [markdown]
# A third matrix is more to learn. So that a comparison is fair the network is made narrower: three matrices of D times
# 8/3 D are as many numbers as two of D times 4 D. With D = 576: what is 8/3 D? (Look at `d_ff` in the first cell.)
#
# **Your turn (5 minutes).** Write `swiglu(x, gate, up, down)` for x [T, D] and the three matrices.

# %% tags=["exercise"]
# Write the network.
def swiglu(x, gate, up, down):
    """silu(x gate^T) times x up^T, brought down: [T, D]."""
    ### BEGIN SOLUTION
    opened = F.silu(x @ gate.T)
    return (opened * (x @ up.T)) @ down.T
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.swiglu(swiglu)

# %% [markdown] tags=["hint"]
# Which of the two is bent by the curve: the gate, or what it lets through?

# %% [markdown] tags=["hint"]
# `F.silu(x @ gate.T)`, times `x @ up.T`, number by number; the product goes through `down.T`.

# %% [markdown]
# Why does it work better? The paper's last sentence: "We offer no explanation as to why these architectures seem to
# work; we attribute their success, as all else, to divine benevolence." So: does it?
#
# ## The race: one part at a time
#
# A GPT of two blocks and 64 numbers reads the plays, letter by letter, for 300 steps; then the same with **one** part
# exchanged, and with all four. Rate, steps, batches, seeds and the scale of the first weights are the same. Three runs
# of each are saved (`make bench` measured them on the machine named); one run of two of them follows live. **Write down
# an order:** which of the four helps most here? Does one harm?

# %% tags=["boilerplate"]
# The saved table: held-out nats a letter, the lowest and the highest of three seeds.
import json
import pathlib

import course_lib

path = pathlib.Path(course_lib.__file__).parents[1] / "benchmarks/results/llama_parts.json"
saved = json.loads(path.read_text())
print("measured on", saved["machine"])
runners = {name: [row for row in saved["rows"] if row["runner"] == name]
           for name in dict.fromkeys(row["runner"] for row in saved["rows"])}
for name, rows in runners.items():
    losses = [row["held_out"] for row in rows]
    print(f"{name:19} {rows[0]['parameters']:7,} parameters: {min(losses):.2f} to {max(losses):.2f}, "
          f"mean {sum(losses) / len(losses):.2f}")

# %% [markdown]
# One part makes nearly all of the difference: **positions that turn**. A likely reason: a letter's neighbours are what
# helps most to guess the next one, and a head that turns can tell how far off they are from the first step on; lesson
# 17 had to build such heads by hand. RMSNorm is not better than LayerNorm here, it is as good with less to compute.
# Shared heads cost a little, and have fewer weights. The gate ends level with its control, *SiLU, no gate*: what there
# is of a gain is not the gate's.
#
# And the last two rows, the only ones with other first weights: GPT-2's 0.02, made for wide models. With them GPT gets
# *better* and the gate falls far behind. (A product of two small numbers is smaller still; whether that is the reason,
# another run would have to ask.) So the order of a race depends on what all runners were given. Three seeds say how
# much chance moves a row; they do not say what another rate, another start or a month of training would do. That the
# parts pay in large models is in the papers. Here you have seen that one of them pays at once, and that the others are
# hard to tell from nothing.
#
# Two rows live, so that you see whether the table tells the truth.

# %% tags=["boilerplate", "folded"]
# A Llama of which only `parts` are Llama's, the others are GPT's.
class OldBlock(llama.Block):
    """A block with a network as in GPT: up, a curve, down."""

    def __init__(self, config):
        super().__init__(config)
        D = config.d_model
        self.hidden, self.output = nn.Linear(D, 4 * D, bias=False), nn.Linear(4 * D, D, bias=False)

    def forward(self, x, turns, mask=None, extend=None, return_attention=False):
        attended, weights = self.attention(self.attention_norm(x), turns, mask, extend, return_attention)
        x = x + attended
        return x + self.output(F.gelu(self.hidden(self.norm(x)))), weights


class Grown(llama.Llama):
    def __init__(self, vocab_size, parts):
        keep = ("context_length", "d_model", "num_layers", "num_heads", "d_ff", "rope_theta")
        sizes = {name: saved["settings"][name] for name in keep}
        config = llama.LlamaConfig(vocab_size=vocab_size, num_kv_heads=2 if "grouped" in parts else 4, **sizes)
        super().__init__(config)
        if "SwiGLU" not in parts:
            self.blocks = nn.ModuleList(OldBlock(config) for _ in self.blocks)
        if "RMSNorm" not in parts:
            self.norm = nn.LayerNorm(config.d_model)
            for block in self.blocks:
                block.attention_norm, block.norm = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.positions = None if "rotary" in parts else nn.Embedding(config.context_length, config.d_model)
        self.initialise()
        with torch.no_grad():
            for matrix in self.blocks.parameters():
                if matrix.dim() == 2:
                    matrix *= matrix.shape[1] ** -0.5 / gpt.STD  # first weights of 1 / sqrt(numbers that come in)

    def embed(self, input_ids, longest):
        x = super().embed(input_ids, longest)
        return x if self.positions is None else x + self.positions.weight[:longest]

    def turns(self, positions):
        cos, sin = super().turns(positions)
        return (cos, sin) if self.positions is None else (torch.ones_like(cos), torch.zeros_like(sin))


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Two rows live, the first seed: GPT's parts, and all four of Llama's.
from course_lib import training

plays = data.load("shakespeare_plays")
read = torch.tensor(letters.encode(pretrain.plays()), dtype=torch.int32)
held = torch.tensor(letters.encode("".join(plays[title][:20_000] for title in ("The Tempest", "King John", "Macbeth"))))
setting, grown = saved["settings"], {}
plan = training.TrainingConfig(steps=setting["steps"], learning_rate=setting["learning_rate"], decay="cosine", seed=1,
                               min_learning_rate=setting["learning_rate"] / 10, warmup_steps=setting["steps"] // 10)
with device.one_thread():
    for name, parts in {"GPT": (), "all four": ("RMSNorm", "rotary", "SwiGLU", "grouped")}.items():
        torch.manual_seed(1)
        grown[name] = Grown(len(letters), parts)
        training.train(grown[name], gpt.windows(read, setting["length"], setting["batch"]), gpt.GPT.loss, plan)
        with torch.no_grad():
            loss = grown[name].loss(held.unfold(0, 65, 64)[::4]).item()
        print(f"{name:9} now {loss:.2f}, saved {runners[name][0]['held_out']:.2f}")
        assert abs(loss - runners[name][0]["held_out"]) < 0.15

# %% [markdown]
# > **Common belief:** *"Rotary positions let a model read texts of any length."* They have no table that ends. Here
# > are the models of the race, trained on rows of 64 letters, on rows of **256**. (The table of the GPT has 256 rows,
# > of which 192 were never trained.) Decide before you run: behind place 64, does the loss of the model that turns stay
# > where it is, rise a little, or rise to that of the table?

# %% tags=["boilerplate"]
# The saved losses by place, means of three seeds; and the same text cut, so that nobody reads further than 64 letters.
def by_place(name):
    return [sum(values) / len(values) for values in zip(*(row["by_place"] for row in runners[name]))]


middle = [16 * i + 8 for i in range(16)]
curves = {"a table (GPT)": (middle, by_place("GPT")), "turned (rotary alone)": (middle, by_place("rotary")),
          "turned (all four)": (middle, by_place("all four"))}  # fmt: skip
viz.show(*pictures.lines(curves, "Trained on 64 letters, read on", "place in the text", "held-out loss (nats a letter)",
                         log=""))  # fmt: skip
for name in ("GPT", "rotary", "all four"):
    cut = sum(row["cut"] for row in runners[name]) / len(runners[name])
    past = by_place(name)[4:]
    print(f"{name:9} places 64 to 255: {sum(past) / len(past):.2f}; the same letters, cut to 64: {cut:.2f}")

# %% [markdown]
# **False.** For some fifty letters past the trained length nothing happens. Then the loss of the models that turn rises
# and rises, until it is *above* that of the table whose rows were never trained. No error says so: every angle can be
# computed, and far distances are angles that the model never learned to read. And the same letters, cut so that nobody
# reads further than 64, cost what they cost before: less memory is better here than more. So a model is read at lengths
# at which it was trained. The makers of SmolLM2 trained its largest sister on at 8,000 tokens, with a larger theta,
# before they let it go.

# %% [markdown] tags=["instructor"]
# **Minutes 27-38. Type** both attentions' lines (6), the gate (2), the solution (2). The race is a vote.
#
# **The planned mistake:** `repeat` for `repeat_interleave`. The reply is below; the sentence that SmolLM2 makes of it
# stands above.
#
# **Poll:** "keys and values are shared by three heads each. The weights of attention are..."
# - *the same for the three*: their queries differ.
# - *three different ones over the same keys*: right.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(q, k, v):
    H, T, d = q.shape
    k, v = k.repeat(H // len(k), 1, 1), v.repeat(H // len(v), 1, 1)
    scores = (q @ k.mT / d**0.5).masked_fill(torch.ones(T, T, dtype=torch.bool).triu(1), -torch.inf)
    return scores.softmax(-1) @ v


check.grouped_attention(planned_mistake)

# %% [markdown]
# ## The real thing
#
# Back to SmolLM2. **Guess** before you look: of its 135 million numbers, which share is the table of tokens, which the
# attention, which the networks, and which the norms?

# %% tags=["boilerplate"]
# Where the parameters lie.
from course_lib.viz import llama as maps

sizes = llama.SIZES["smollm2-135m"]
D, L, d_kv = sizes.d_model, sizes.num_layers, sizes.num_kv_heads * sizes.d_model // sizes.num_heads
groups = {
    "tokens": {"token table (and head)": sizes.vocab_size * D},
    "attention": {"queries": L * D * D, "keys": L * D * d_kv, "values": L * D * d_kv, "output": L * D * D},
    "networks": {"gate": L * D * sizes.d_ff, "up": L * D * sizes.d_ff, "down": L * D * sizes.d_ff},
    "norms": {"weights": (2 * L + 1) * D},
}  # fmt: skip
with torch.device("meta"):
    counted = sum(parameter.numel() for parameter in llama.Llama(sizes).parameters())
assert counted == sum(sum(parts.values()) for parts in groups.values())
viz.show(*maps.treemap(groups, "SmolLM2-135M"))

# %% [markdown]
# Three fifths are networks. The table is a fifth; attention is another. Keys and values together have a third of what
# queries and output have: there are three heads of them for nine. And of norms one sees nothing.
#
# ### What have the 8 bits cost?
#
# In lesson 18 next to nothing; there, as here so far, only the weights were rounded. Whoever is in a hurry rounds
# **what comes in** as well, for whole numbers are multiplied fastest: to 7 bits, often with one scale for the whole
# call. `in_32_bits` holds what was said before. Two numbers: how far the shares are from those (the mean **KL
# divergence**, in nats; 0 is equal), and at how many places the likeliest token is the same. **Predict** both: for the
# weights alone; with what comes in rounded too, by a scale for each token; and by one scale for all.

# %% tags=["boilerplate", "nbval-ignore-output"]
# Weights in 8 bits; then what comes in rounded too, in two ways.
@torch.no_grad()
def compared():
    logs = model(ids_of(TEXT)).logits[0].log_softmax(-1)  # [T, V]
    kl = (in_32_bits.exp() * (in_32_bits - logs)).sum(-1).mean().item()
    return kl, (logs.argmax(-1) == in_32_bits.argmax(-1)).float().mean().item()


WAYS = {"weights alone": None, "and what comes in, a scale a token": "by token", "and one scale for all": "by call"}
lost = {}
with device.one_thread():
    for name, way in WAYS.items():
        EightBits.rounded_in = way
        lost[name], same = compared()
        print(f"{name:35} KL {lost[name]:.3f} nats, the same likeliest token at {same:.0%}; {likeliest(BEGINNINGS[0])}")
EightBits.rounded_in = None
assert lost["weights alone"] < 0.05 < 0.5 < lost["and one scale for all"]

# %% [markdown]
# The weights can be rounded and hardly anybody notices (where two tokens are level the other one may now come first).
# What comes in cannot, and with one scale for all the model no longer knows Paris. (Would lesson 18's small GPT mind?
# `decoding.quantize(letters_gpt, "int8_dynamic")` asks it.) What is it that cannot be rounded here? **Look** at what
# comes into the last matrix of each network: its largest number, beside one of usual size. Which factor do you expect:
# 10, 100, 1,000?

# %% tags=["boilerplate", "nbval-ignore-output"]
# What comes into `down`, block by block: the three blocks with the wildest numbers.
came = {}
hooks = [block.output.register_forward_pre_hook(lambda layer, x, i=i: came.update({i: x[0][0].abs()}))
         for i, block in enumerate(model.blocks)]  # fmt: skip
with device.one_thread():
    compared()
for hook in hooks:
    hook.remove()
wild = sorted(came, key=lambda i: came[i].max() / came[i].median(), reverse=True)
for i in wild[:3]:
    token, number = divmod(int(came[i].argmax()), came[i].shape[1])
    print(f"block {i:2}: median {came[i].median():.3f}, largest {came[i].max():6,.0f}, at token {token} "
          f"({tokenizer.decode([int(ids_of(TEXT)[0, token])])!r}), number {number}")
assert came[wild[0]].max() > 1000 * came[wild[0]].median()

# %% [markdown]
# Single numbers, thousands of times as large as the usual one, in two blocks more than ten thousand times; and in the
# wildest blocks of the saved run they stand at the **first token**. With one scale for all and 63 steps up to the
# giant, everything else becomes 0. A scale for each token saves the other tokens, but not what stands beside a giant.
# (Dettmers and others, 2022, found such *outliers* in large models, and treat their columns apart; Sun and others,
# 2024, call them *massive activations*, and find them at first tokens.) So here one rounds the **weights alone**: fewer
# bytes are fetched, and the products are made in full.
#
# And in 4 bits? The file has the weights like that. 16 steps a row are too few. So each **block of 32** numbers gets a
# scale and a least value of its own: $w = d\,q + m$, with q from 0 to 15 (`Q4_1`). How many bits is that a weight, with
# d and m of 16 bits each? **Guess** which of the four errors below is the smallest.

# %%
# One real matrix (block 0, gate), rounded in four ways; the error against the size of the weights.
def rounded_error(block, steps):
    parts = matrix.view(len(matrix), -1, block)
    low, high = parts.amin(-1, keepdim=True), parts.amax(-1, keepdim=True)
    scale = (high - low) / steps
    error = ((parts - low) / scale).round() * scale + low - parts
    return (error.square().mean() / matrix.square().mean()).sqrt()


for name, block, steps in [("8 bits, a scale a row", 576, 255), ("4 bits, a scale a row", 576, 15),
                           ("4 bits, a scale for 32", 32, 15), ("2 bits, a scale for 32", 32, 3)]:
    print(f"{name:23} error {rounded_error(block, steps):.1%}")

# %% [markdown]
# 5 bits a weight, and the third has no error at all. A miracle? No: these weights *come out of* that file. They had
# been rounded to just such blocks before you loaded them, and what that once cost only its makers could measure. (A
# number too good to be true is a question about where the data came from. The other three lines are what rounding costs
# such a matrix.)

# %% tags=["boilerplate", "nbval-ignore-output"]
# And the gain: tokens in a second of the processor.
speeds["8 bits"] = speed()
for name, value in speeds.items():
    print(f"{name}: {value:.0f} tokens a second")

# %% [markdown]
# ### A chat is a text
#
# The model goes on from a text; that is all it does. To make a chat of it, its makers went on training it on talks that
# were written in one fixed form, the **template**. Two special tokens, `<|im_start|>` and `<|im_end|>`, one id each,
# stand around each message; behind the first stands who speaks, then a new line, then the words; a new line follows
# each `<|im_end|>`. The prompt ends with the beginning of the answer, so that the likeliest thing to come is one:
#
# ```
# <|im_start|>system
# You are a helpful AI assistant.<|im_end|>
# <|im_start|>user
# What is a verb?<|im_end|>
# <|im_start|>assistant
# ```
#
# (and a new line). If the talk does not begin with a *system* message, the template puts one in front.
#
# ***Extra* (6 minutes).** Write `chat_prompt(messages, system)`: `messages` is a list of pairs (role, words). `system`
# are the words for the message in front, where the first is not one of the role "system".

# %% tags=["exercise", "extra"]
# Write the template.
def chat_prompt(messages, system):
    """The text of a talk in SmolLM2's form, up to where the assistant's words begin."""
    ### BEGIN SOLUTION
    if messages[0][0] != "system":
        messages = [("system", system), *messages]
    text = "".join(f"<|im_start|>{role}\n{words}<|im_end|>\n" for role, words in messages)
    return text + "<|im_start|>assistant\n"
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.chat_prompt(chat_prompt)

# %% [markdown] tags=["hint"]
# Count the new lines of a message: how many has it, and where? What does a prompt end with?

# %% [markdown] tags=["hint"]
# Each message is `f"<|im_start|>{role}\n{words}<|im_end|>\n"`; behind the last comes `"<|im_start|>assistant\n"`. Test
# `messages[0][0]`, and make a new list with the system message in front.

# %% [markdown]
# **Predict:** the same question twice, once in this form, once as it is. What does the model do with each?

# %% tags=["boilerplate"]
# The template, and an answer that streams: each token is shown when it is there.
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"  # as the file's own template has it
END = tokenizer.special_tokens["<|im_end|>"]


def in_form(question):
    return (f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n"
            "<|im_start|>assistant\n")  # fmt: skip


def answer(prompt, count, stream=None):
    """What the model writes behind the prompt, greedily, up to <|im_end|>."""
    ids = ids_of(prompt)
    with device.one_thread():
        written = decoding.generate(model, ids, count, temperature=0, eos_token_id=END, stream=stream)
    return tokenizer.decode(written[0, ids.shape[1] :].tolist()).removesuffix("<|im_end|>")


# %% tags=["boilerplate", "nbval-ignore-output"]
# The question in its form, and as it is.
QUESTION = "What is the capital of France?"
for name, prompt in {"in the form": in_form(QUESTION), "as it is": QUESTION}.items():
    print(f"--- {name}")
    said = answer(prompt, 24, stream=lambda new: print(tokenizer.decode(new), end=""))
    print()
    if name == "in the form":
        assert "Paris" in said

# %% [markdown]
# As it is, the question is a message that is over: the likeliest token behind it is `<|im_end|>`, and the answer is
# empty. The form is what makes a talk of it.
#
# Now **yours**. Ask. It answers in English best, forgets every question before, and is never at a loss. (Greedy, 40
# tokens: change the line for more.)

# %% tags=["boilerplate", "nbval-ignore-output"]
# Your question.
from course_lib.viz import gpt as pages


def draw_answer(question):
    return pages.pages({"you": question, "SmolLM2": answer(in_form(question), 40)}, "A talk of two messages")


viz.explore(draw_answer, question=viz.Text("Why is the sky blue?"))

# %% [markdown]
# Without the form and without an end it is lesson 18's GPT again. It has read trillions of tokens. **Guess:** does it,
# greedy, walk in a circle as well, within 80 tokens?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Greedy, 80 tokens, no end.
with device.one_thread():
    ids = decoding.generate(model, ids_of("The king"), 80, temperature=0)[0].tolist()
print(tokenizer.decode(ids))
stretches = [tuple(ids[i : i + 4]) for i in range(len(ids) - 3)]
print(f"\nstretches of four tokens that had come before: {1 - len(set(stretches)) / len(stretches):.0%}")

# %% [markdown]
# It does, whatever it has read: three quarters of the stretches had come before. (Not every beginning runs into a
# circle within 80 tokens; try *Once upon a time*.) The cure is lesson 18's: draw.

# %% [markdown]
# ## Does it know?
#
# > **Common belief:** *"A model that answers knows the answer, and one that answers wrongly does not."* It answers in
# > whole sentences, without a doubt in them. **The run:** 24 countries. In twelve of them the capital is the largest
# > city; in the other twelve a larger city stands beside it. It is asked to go on from *The capital of France is the
# > city of*. **The target:** at least ten of the first twelve; and if it *knows*, as many of the second. **Write down**
# > two numbers.

# %% tags=["boilerplate", "hero"]
# The countries, their capitals, and for the second twelve the larger city.
LARGEST = {"France": "Paris", "Japan": "Tokyo", "Italy": "Rome", "Spain": "Madrid", "Egypt": "Cairo",
           "Russia": "Moscow", "Greece": "Athens", "Austria": "Vienna", "Poland": "Warsaw", "Cuba": "Havana",
           "Peru": "Lima", "Kenya": "Nairobi"}  # fmt: skip
NOT_LARGEST = {
    "Australia": ("Canberra", "Sydney"), "Canada": ("Ottawa", "Toronto"), "Turkey": ("Ankara", "Istanbul"),
    "Ecuador": ("Quito", "Guayaquil"), "Switzerland": ("Bern", "Zurich"), "Nigeria": ("Abuja", "Lagos"),
    "China": ("Beijing", "Shanghai"), "India": ("New Delhi", "Mumbai"), "Pakistan": ("Islamabad", "Karachi"),
    "New Zealand": ("Wellington", "Auckland"), "Morocco": ("Rabat", "Casablanca"), "Vietnam": ("Hanoi", "Ho Chi Minh"),
}  # fmt: skip
CAPITALS = LARGEST | {country: city for country, (city, _) in NOT_LARGEST.items()}
INVENTED = ["Atlantis", "Narnia", "Ruritania", "Wakanda", "Genovia", "Freedonia"]  # the control: no such country

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Ask, with progress; beside each answer the p of its first token. A city counts if the answer begins with it.
from tqdm.auto import tqdm

SENTENCE = "The capital of {} is the city of"
asked = {country: (answer(SENTENCE.format(country), 4).strip(), shares_after(SENTENCE.format(country)).max().item())
         for country in tqdm([*CAPITALS, *INVENTED])}  # fmt: skip
right = {country: asked[country][0].startswith(city) for country, city in CAPITALS.items()}
larger = [country for country, (_, city) in NOT_LARGEST.items() if asked[country][0].startswith(city)]
for country, (said, p) in asked.items():
    mark = "right" if right.get(country) else "the larger city" if country in larger else ""
    print(f"{country:12} {said!r:20} {p:.2f} {mark}")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The score, and how sure it was.
first, second = (sum(right[country] for country in some) for some in (LARGEST, NOT_LARGEST))
print(f"capital = largest city: {first} of 12 · not so: {second} of 12, and {len(larger)} times the larger city")
kinds = {"right": [c for c in right if right[c]], "wrong": [c for c in right if not right[c]], "invented": INVENTED}
print("mean p of the first token: " + ", ".join(
    f"{name} {sum(asked[country][1] for country in some) / len(some):.2f}" for name, some in kinds.items() if some))
assert first > second

# %% [markdown]
# In the run saved here the first target is reached, just. The second is far out of reach, and look *how* it misses:
# half of the twelve times with the larger city. It was trained to say what is likely to come next in a text, and a city
# that belongs to the country is likely. Countries that do not exist get their capital too.
#
# So it does not know the second twelve? **Predict** before you run: the same 24, once without *the city of*, and once
# as a question in the form of a chat. Fewer right, as many, more?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The same questions in three wordings. (In a chat the city may stand anywhere in the answer.)
score = {"… is the city of": (first, second)}
for name, wording, count in [("The capital of … is", "The capital of {} is", 4),
                             ("in a chat", in_form("What is the capital of {}?"), 12)]:
    said = {country: answer(wording.format(country), count).strip() for country in tqdm(CAPITALS)}
    good = {c: city in said[c] if "chat" in name else said[c].startswith(city) for c, city in CAPITALS.items()}
    score[name] = tuple(sum(good[country] for country in some) for some in (LARGEST, NOT_LARGEST))
for name, (one, other) in score.items():
    print(f"{name:20} capital = largest city: {one} of 12 · not so: {other} of 12")
print("Australia, in a chat:", said["Australia"])

# %% [markdown]
# In the run saved here the chat gets most of the second twelve right, Canberra among them: with the same weights that
# said *Sydney* a minute ago, and were surer of it than of most. So the belief is **false, both halves of it**. A wrong
# answer in one wording does not show that the fact is missing, and a right one does not show that it is there. What one
# measures is a model *with a prompt*. (The three differ in more than one thing, 24 questions are few, and the model is
# small: what in the wording helps, this run does not say. But whoever reports a score has to report the prompt.)
#
# And look at the p of the first table once more. Right answers had more than wrong ones, and invented countries least:
# the shares hold something that the sentences hide. It is not enough to trust a single answer: of the wrong ones
# *Sydney* had the highest p, higher than that of most right ones.

# %% [markdown]
# ### Through the real model
#
# The X-ray of lesson 17, on the real weights. Three things to find: after which block *Sydney* first stands on top (it
# is later than you think); a head that looks from the last token at *Australia* and at little else; and the token at
# which most heads look, whatever the text. Lesson 21 asks what that one is for.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The X-ray of SmolLM2: your text, every number on its way.
viz.model_view(partial(llama.trace, model), tokenizer, "The capital of Australia is", layer=23, head=4,
               title="SmolLM2-135M")  # fmt: skip

# %% [markdown] tags=["instructor"]
# **Minutes 38-50. Type** the error of four roundings (6 lines). The chat is for the room: take questions from them, and
# let somebody check an answer before the next is asked.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "it says Sydney with p = 0.36 and Canberra with 0.34. What would a hundred draws at temperature 1 say?"
# - *Sydney, a hundred times*: that is greedy.
# - *about as often the one as the other*: right, and a third of them something else.

# %% [markdown]
# ## What you know now
#
# - **RMSNorm** divides by the root of the mean square and takes nothing away; eps stands under the root.
# - **Rotary positions** turn queries and keys, pair by pair. What is left in q · k is the distance. The pairs are i and
#   i + d / 2 in most files, and only the answers tell if you have them wrong.
# - **Grouped queries** share keys and values between neighbouring heads: a third of the cache in SmolLM2.
# - **SwiGLU** multiplies by a bent gate; at equal weights its network is 8/3 D wide.
# - Weights can be rounded to 8 bits, in blocks to 4. What comes into a layer of this model cannot: there are a few
#   giants in it.
# - A chat is a text in a fixed form. The end of a prompt matters to the last space.
# - It answers always. How sure it is stands in its shares, not in its sentence; and what it seems to know depends on
#   how it is asked.
#
# **Quiz.** Open the answer that you would give.
#
# **1. You load published weights into your own model and get fluent nonsense. All shapes fitted. What do you check
# first?**
#
# <details><summary>Which numbers are a pair, and which heads share.</summary>
#
# Right: both are orders of rows that no shape can tell.
#
# </details>
# <details><summary>The learning rate.</summary>
#
# Nothing is being trained.
#
# </details>
# <details><summary>The size of the vocabulary.</summary>
#
# Then a shape would not have fitted.
#
# </details>

# %% [markdown]
# **2. All positions of a text are moved on by 50. What changes in q · k, with rotary positions?**
#
# <details><summary>Nothing, but for rounding.</summary>
#
# Right: both are turned by 50 more, and the angle between them stays.
#
# </details>
# <details><summary>It is multiplied by the cosine of 50.</summary>
#
# Both are turned, the query and the key; only the difference of their angles is left.
#
# </details>

# %% [markdown]
# **3. A model has 32 heads of queries and 8 of keys and values. Against 32 of each...**
#
# <details><summary>its cache is a quarter.</summary>
#
# Right: keys and values alone are kept.
#
# </details>
# <details><summary>its attention looks at a quarter of the tokens.</summary>
#
# Each head of queries still looks at all tokens before it.
#
# </details>
# <details><summary>its weights are a quarter.</summary>
#
# Only the matrices that make keys and values get smaller: in SmolLM2 they are a small part.
#
# </details>

# %% [markdown]
# **4. Somebody divides by the standard deviation in place of the root mean square. When is that the same?**
#
# <details><summary>For vectors with mean 0.</summary>
#
# Right: the spread is then measured from 0 too. (With D and not D - 1 below.)
#
# </details>
# <details><summary>Always: both are the length of the vector.</summary>
#
# Try (1, 1, 1): one of them is 1, the other 0.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Hugo Touvron and others (2023). LLaMA: Open and Efficient Foundation Language Models. arXiv:2302.13971. The four
#   parts but one, together.
# - Biao Zhang, Rico Sennrich (2019). Root Mean Square Layer Normalization. NeurIPS.
# - Jianlin Su and others (2021). RoFormer: Enhanced Transformer with Rotary Position Embedding. arXiv:2104.09864.
# - Noam Shazeer (2019). Fast Transformer Decoding: One Write-Head is All You Need. arXiv:1911.02150.
# - Joshua Ainslie and others (2023). GQA: Training Generalized Multi-Query Transformer Models from Multi-Head
#   Checkpoints. EMNLP.
# - Noam Shazeer (2020). GLU Variants Improve Transformer. arXiv:2002.05202. The sentence quoted is its last.
# - Loubna Ben Allal and others (2025). SmolLM2: When Smol Goes Big. arXiv:2502.02737. The weights, Apache-2.0.
# - Tim Dettmers and others (2022). LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale. NeurIPS.
# - Mingjie Sun and others (2024). Massive Activations in Large Language Models. COLM.
