# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: attention
#   title: Many heads
#   minutes: 65
# ---

# %% [markdown]
# # 11 Many heads: one place, several questions
#
# At the end of this lesson you train a small network that reads Shakespeare with blots on it. Nobody tells it where to
# look. It has four attentions, four **heads**, and when you open them one looks at the letter to the left, one at the
# letter to the right, and others further away. Then you silence them one by one and see what each was worth.
#
# **You will build** attention with many heads, by loops and then by two moves of a tensor; cross-attention, from one
# sequence to another; and a cache, which makes writing a text cheap.
# **You need** lesson 10 (the scaled dot product, masks). Lesson 08 lends its training loop.
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Blots, one softmax and two questions (0-12). B: Heads (12-26). C: Cross
# attention, the cache (26-36). D: Four heads read, the belief, silence a head (36-50).
#
# **Minute 0.** Five numbers on the board, everyone writes their own before the first cell runs.
#
# **When 15 minutes late:** leave out the cache (lesson 18 needs it, and says it again) and the race; its table is saved
# in the instructor's notebook.

# %% [markdown]
# ## Predict: what is under the blot?
#
# A blot has fallen on one letter of a play: *th● king*. You may see some letters around it, and then guess. How often
# is the best guess right, over three whole plays? **Write down five numbers before you run:**
#
# 1. You see the letter to the left.
# 2. You see the letters left and right, but not which is which: *{h, k}*.
# 3. You see left and right, each in its place.
# 4. You see two letters on either side, all four thrown into one bag.
# 5. You see these four, each in its place.
#
# Which costs more: to lose two letters, or to lose their order?

# %% tags=["boilerplate"]
# All plays as one row of numbers, a number for each letter, space and sign; the last three plays are held out.
import numpy as np

from course_lib import data

plays = data.load("shakespeare_plays")
titles = list(plays)
letters = sorted(set("".join(plays.values())))
number_of = {letter: number for number, letter in enumerate(letters)}


def encode(text):
    return np.array([number_of[letter] for letter in text])


train_ids, held_ids = encode("".join(plays[t] for t in titles[:-3])), encode("".join(plays[t] for t in titles[-3:]))
print(f"{len(letters)} different signs; {len(train_ids):,} to learn from; held out {len(held_ids):,}:", titles[-3:])

# %% tags=["boilerplate", "folded"]
# For each set of neighbours: the most frequent letter between them in the training plays, tried on the held-out ones.
def seen_by(ids, places, ordered):
    rows = np.stack([ids[2 + place : len(ids) - 2 + place] for place in places])
    rows = rows if ordered else np.sort(rows, axis=0)
    return np.ravel_multi_index(rows, [len(letters)] * len(places))  # one number for what is seen


def right_guesses(places, ordered=True):
    pairs, times = np.unique(seen_by(train_ids, places, ordered) * len(letters) + train_ids[2:-2], return_counts=True)
    pairs = pairs[np.lexsort((times, pairs // len(letters)))]  # by what is seen, the most frequent letter last
    seen, guess = pairs // len(letters), pairs % len(letters)
    last = np.append(seen[1:] != seen[:-1], True)
    asked = seen_by(held_ids, places, ordered)
    found = np.searchsorted(seen[last], asked).clip(max=last.sum() - 1)
    return ((seen[last][found] == asked) & (guess[last][found] == held_ids[2:-2])).mean()


questions = {"left": [-1], "left and right, in a bag": [-1, 1], "left and right": [-1, 1],
             "two on either side, in a bag": [-2, -1, 1, 2], "two on either side": [-2, -1, 1, 2]}
counted = {name: right_guesses(places, "bag" not in name) for name, places in questions.items()}
for name, share in counted.items():
    print(f"{name:29} {share:.0%} right")

# %% [markdown]
# Of four letters in their places, take two away: 26 points are lost. Leave all four, and take only their order away:
# 20 points. The order is worth nearly as much as the letters.
#
# Now think of lesson 10. A softmax gives weights, and attention returns the **mean** of the values. A mean is a bag: if
# the letters left and right weigh the same, the sum does not say which was which. (The mean of the neighbours' vectors
# was CBOW, in lesson 02. It never knew the order either.)

# %% [markdown] tags=["instructor"]
# **Minutes 0-5. Poll** before the cell: "Four in a bag or two in their places?"
# - *four, clearly*: thinks that letters alone count. Twice as many letters are ahead by 6 points only.
# - *two, clearly*: thinks that the order alone counts. It is worth 10 points to two letters, 20 to four.
# - *four, but not by much*: right.

# %% [markdown]
# ## One softmax, two questions
#
# With pencil and paper. The text has two letters, *t* with the value (1, 1) and *e* with (-1, -1). We want two numbers
# for a blot: the first says what stands to its **left**, the second what stands to its **right**. So for *t●e* we want
# (1, -1), and for *e●t* (-1, 1). One head gives the left place the weight w, and the right place what is left, 1 - w.
# Fill in what it brings:
#
# | | wanted | w = 1/2 | w = 3/4 | w = 1 |
# |---|---|---|---|---|
# | *t●e* | (1, -1) | | | |
# | *e●t* | (-1, 1) | | | |
# | *t●t* | (1, 1) | | | |

# %%
# What one head brings, for three weights of the left place.
import torch

t, e = torch.tensor([1.0, 1]), torch.tensor([-1.0, -1])
for name, left, right in [("t●e", t, e), ("e●t", e, t), ("t●t", t, t)]:
    print(name, [(w * left + (1 - w) * right).tolist() for w in [0.5, 0.75, 1.0]])

# %% [markdown]
# At 1/2 the first two cannot be told apart. At 1 the right side is lost. At 3/4 they differ, but both numbers always
# say the same thing: *one* softmax weighs *all* the numbers of a value alike. Two questions, one answer.
#
# Let each number have a softmax of its own: the first looks left, the second right. That is two **heads** of one number
# each, and it brings exactly what we want.
#
# **Look.** The line is all that one head can bring for *t●e*, and the star is what we want. Both sliders say how much
# weight the left place gets. Move them together: that is one head. How near do you come? Then let each go its own way.

# %% tags=["boilerplate"]
# The picture: a weight for each number.
from course_lib import viz
from course_lib.viz import heads as pictures


def draw_mixture(head_1, head_2):
    values, names = np.array([[1.0, 1], [-1, -1]]), ["left: t", "right: e"]
    questions = ["number 1: what stands to the left?", "number 2: what stands to the right?"]
    return pictures.mixtures(values, names, questions, np.array([1.0, -1]), np.array([head_1, head_2]))


weight = viz.Slider(0.0, 1.0, 0.05, value=0.5, label="number 1: weight of the left place")
other = viz.Slider(0.0, 1.0, 0.05, value=0.5, label="number 2: weight of the left place")
viz.explore(draw_mixture, head_1=weight, head_2=other)

# %% [markdown]
# A mean lies between what it is made of, so one head never leaves the line, whatever its weights: it misses the star by
# 1.41 at best, in the middle. With a weight of 1 for the first number and 0 for the second it is hit.
#
# Be fair to it, though. With 3/4 it does leave a trace of the order: *t●e* gave (0.5, 0.5) and *e●t* (-0.5, -0.5). With
# many numbers a letter, and a clever network behind, such traces can be read. Keep that in mind for the race.

# %% [markdown] tags=["instructor"]
# **Minutes 5-12. Type** the hand example (minute 8, 4 lines). The table is filled in on paper first, one row a person.
#
# **Poll:** "Could a matrix applied to the values save the one head?"
# - *yes, it can move the points anywhere*: for one pair of letters. Ask for *t●e* and *e●t* and *t●t* at once: the
#   left letter must land in number 1 and the same letter, on the right, in number 2. One matrix cannot do both.
# - *no*: right. That is why each head has its own three matrices.

# %% [markdown]
# ## Heads
#
# A vector has D numbers (`d_model`). Cut queries, keys and values into H parts of D/H neighbouring numbers. Head h
# takes part h of all three and computes the attention of lesson 10 with its own softmax. What the heads bring stands
# side by side again: D numbers. First as a loop, with B = 2 texts of T = 4 places, D = 6 numbers, H = 2 heads.

# %%
# One head after another: each cuts out its own columns.
from course_lib.attention import causal_mask, scaled_dot_product_attention


def loop_over_heads(query, key, value, num_heads, mask=None):
    size = query.shape[-1] // num_heads
    brought = []
    for h in range(num_heads):
        own = slice(h * size, (h + 1) * size)
        brought.append(scaled_dot_product_attention(query[..., own], key[..., own], value[..., own], mask)[0])
    return torch.cat(brought, dim=-1)  # [B, T, D]


torch.manual_seed(0)
query, key, value = torch.randn(3, 2, 4, 6)
print(loop_over_heads(query, key, value, num_heads=2).shape)
print("one head and two heads agree:", torch.allclose(loop_over_heads(query, key, value, 1),
                                                      loop_over_heads(query, key, value, 2)))

# %% [markdown]
# A loop in Python is slow, and attention is happy to compute many things at once: whatever stands *before* its last two
# axes is done in parallel. So bring the heads there, from [B, T, D] to [B, H, T, D/H]. Two moves do it. Here they are
# for one text of three places and four numbers, counted through from 0 to 11, and two heads. **Predict** what head 0
# holds after each line.

# %%
# A view alone, and a view with a transpose.
x = torch.arange(12).view(1, 3, 4)  # place 0 has 0 1 2 3, place 1 has 4 5 6 7, place 2 has 8 9 10 11
print("view(1, 2, 3, 2), head 0:", x.view(1, 2, 3, 2)[0, 0].tolist())
print("view(1, 3, 2, 2).transpose(1, 2), head 0:", x.view(1, 3, 2, 2).transpose(1, 2)[0, 0].tolist())

# %% [markdown]
# Both have the shape [1, 2, 3, 2], and no error tells you which is wrong. A **view** keeps the numbers in their order
# and only counts them off anew: head 0 got all of place 0 and half of place 1. The second line first cuts each place
# into heads, [B, T, H, D/H], and then swaps two axes: head 0 has the first half of *every* place.
#
# **Your turn (10 minutes).** Write `multi_head(query, key, value, num_heads, mask=None)` without a loop. Three tensors
# in, [B, T, D] for the queries and [B, S, D] for keys and values; one out, [B, T, D]. Use
# `scaled_dot_product_attention`, which returns a pair. Mind the way back.

# %% tags=["exercise"]
# Write attention with many heads.
def multi_head(query, key, value, num_heads, mask=None):
    """What the heads bring, side by side; head h works on numbers h * D/H to (h + 1) * D/H of every vector."""
    ### BEGIN SOLUTION
    def split(x):
        B, length, D = x.shape
        return x.view(B, length, num_heads, D // num_heads).transpose(1, 2)  # [B, H, length, D/H]

    output, _ = scaled_dot_product_attention(split(query), split(key), split(value), mask)
    return output.transpose(1, 2).flatten(2)  # [B, T, D]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import multi_head as check

check.multi_head(multi_head)

# %% [markdown] tags=["hint"]
# Where must the heads stand so that attention works on places? And what undoes "view, then transpose"?

# %% [markdown] tags=["hint"]
# `x.view(B, length, num_heads, D // num_heads).transpose(1, 2)` for all three (length is T or S). Then attention. Back:
# `output.transpose(1, 2).flatten(2)`; flatten(2) makes one axis of all from axis 2 on.

# %% [markdown]
# From here on the two moves have names.

# %% tags=["boilerplate"]
# Cut a vector into heads, and join them again.
def split(x, num_heads):
    B, length, D = x.shape
    return x.view(B, length, num_heads, D // num_heads).transpose(1, 2)  # [B, H, length, D/H]


def join(x):
    return x.transpose(1, 2).flatten(2)  # [B, length, D]


# %% [markdown]
# How much faster are they than the loop, and how much faster than both is PyTorch's own
# `F.scaled_dot_product_attention`, whose kernel never writes the weights down? Guess twice: for one text of 32 places,
# and for 32 texts of 64 places. There are 16 heads in both.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The loop, the two moves, and PyTorch's kernel: the same numbers, three speeds.
import time

import torch.nn.functional as F

from course_lib import device


def runners(query, key, value, mask):
    def attend(attention, **options):
        return attention(*(split(x, 16) for x in (query, key, value)), **options)

    return {"loop": lambda: loop_over_heads(query, key, value, 16, mask),
            "two moves": lambda: join(attend(scaled_dot_product_attention, mask=mask)[0]),
            "PyTorch": lambda: join(attend(F.scaled_dot_product_attention, is_causal=True))}


for B, T, D in [(1, 32, 256), (32, 64, 64)]:
    print(f"{B:2} texts of {T} places:", end="")
    three, answers = torch.randn(3, B, T, D), []
    for name, run in runners(*three, causal_mask(T)).items():
        answers.append(run())  # the first call of anything is slow: not on the clock
        with device.one_thread():
            began = time.perf_counter()
            for _ in range(320 // B):
                run()
        print(f"   {name} {1000 * (time.perf_counter() - began) / (320 // B):.2f} ms", end="")
        assert torch.allclose(answers[0], answers[-1], atol=1e-5), name
    print()

# %% [markdown]
# For a small job the loop spends its time on calling functions, each of them 16 times. For a large one that counts for
# little. There either may win, depending on the machine: both write the same tables of weights, T by T for each text
# and head, but the loop writes one head's at a time, and a small table can stay near the processor. The kernel has
# both, one call and tables that are never written.

# %% [markdown] tags=["instructor"]
# **Minutes 12-26. Type** the loop (minute 14, 11 lines), the two views (minute 18, 3 lines), the solution (minute 22,
# 5 lines).
#
# **The planned mistake:** view straight to [B, H, T, D/H]. It has the right shape, trains, and is wrong; with a causal
# mask it even sees the future. The reply is below.
#
# **Poll:** "D = 64. How many more parameters have 8 heads than 1?"
# - *eight times as many*: thinks that each head has matrices of its own, D by D. They are D by D/8.
# - *none*: right. The same matrices, cut differently; what changes is how many softmaxes there are.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(query, key, value, num_heads, mask=None):
    B, T, D = query.shape
    query, key, value = (x.view(B, num_heads, -1, D // num_heads) for x in (query, key, value))
    return scaled_dot_product_attention(query, key, value, mask)[0].transpose(1, 2).reshape(B, T, D)


check.multi_head(planned_mistake)

# %% [markdown]
# ## Who asks, who answers
#
# Nothing so far said where queries, keys and values come from. When all three are made of the same sequence, it is
# **self-attention**: each place asks the others. When the queries are made of one sequence and keys and values of
# another, it is **cross-attention**: a translation asks its source, a blot asks the text around it. (The attention of
# lesson 09, from the date being written to the date as it was given, was one.) The side that answers is the **memory**.
#
# In the words of the equation, with x of shape [B, T, D], the memory m [B, S, D], four matrices [D, D], and "heads" for
# what you have just written:
#
# $$q = x W_q \qquad k = m W_k \qquad v = m W_v \qquad \text{output} = \text{heads}(q, k, v)\, W_o$$
#
# The matrices before let each head choose *what* it compares and *what* it brings; $W_o$ behind mixes what the heads
# brought. The weights of a head have the shape [T, S], one row for each place that asks.
#
# **Your turn (8 minutes).** Write `cross_attention`. `split`, `join` and `scaled_dot_product_attention` are yours to
# use; no mask. Before you type: which shape must the output have, if x has 2 places and the memory 5?

# %% tags=["exercise"]
# Write cross-attention with many heads.
def cross_attention(x, memory, w_query, w_key, w_value, w_output, num_heads):
    """x asks, memory answers: [B, T, D]. A vector is a row, so it is multiplied as x @ w_query."""
    ### BEGIN SOLUTION
    query, key, value = x @ w_query, memory @ w_key, memory @ w_value
    output, _ = scaled_dot_product_attention(*(split(part, num_heads) for part in (query, key, value)))
    return join(output) @ w_output
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.cross_attention(cross_attention)

# %% [markdown] tags=["hint"]
# The key is the address under which a value is found. On which side are the things that x is looking for?

# %% [markdown] tags=["hint"]
# `x @ w_query`, `memory @ w_key`, `memory @ w_value`; split all three, attend, join, and multiply by `w_output`.

# %% [markdown]
# The library's `MultiHeadAttention` holds the four matrices (with biases) and does both kinds: `attention(x)` is
# self-attention, `attention(x, memory)` cross-attention. Is it right? PyTorch has one too. Give both the same
# weights, and let them answer the same questions in float64. Mind one thing, which has cost many people an evening:
# in PyTorch's module True in a mask means **hidden**, in ours, and in PyTorch's own function, **may look**.

# %% tags=["boilerplate"]
# The same weights in the library's module and in PyTorch's: self-attention under a mask, and cross-attention.
from torch import nn

from course_lib.attention import MultiHeadAttention

torch.manual_seed(0)
ours, theirs = MultiHeadAttention(12, 3).double(), nn.MultiheadAttention(12, 3, batch_first=True).double()
parts = [ours.query, ours.key, ours.value]
theirs.load_state_dict({"in_proj_weight": torch.cat([part.weight for part in parts]),
                        "in_proj_bias": torch.cat([part.bias for part in parts]),
                        "out_proj.weight": ours.output.weight, "out_proj.bias": ours.output.bias})
x, memory, mask = torch.randn(2, 4, 12).double(), torch.randn(2, 7, 12).double(), causal_mask(4)
both = {"self": (ours(x, is_causal=True), theirs(x, x, x, attn_mask=~mask)[0]),
        "cross": (ours(x, memory), theirs(x, memory, memory)[0])}
for name, (one, other) in both.items():
    print(f"{name:6} {[*one.shape]}, agree to 1e-12: {torch.allclose(one, other, rtol=0, atol=1e-12)}")

# %% [markdown] tags=["instructor"]
# **Minutes 26-31. Type** the solution (minute 28, 3 lines). The comparison is filled in; ask who knows the fault from
# experience.
#
# **The planned mistake:** keys made of x. With as many queries as keys no error warns you. The reply is below.
#
# **Poll:** "x has 2 places, the memory 5. The weights of one head are..."
# - *5 by 5*: has forgotten who asks.
# - *2 by 5*: right. Which way do they sum to one?

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(x, memory, w_query, w_key, w_value, w_output, num_heads):
    query, key, value = x @ w_query, x @ w_key, memory @ w_value
    output, _ = scaled_dot_product_attention(*(split(part, num_heads) for part in (query, key, value)))
    return join(output) @ w_output


check.cross_attention(planned_mistake)

# %% [markdown]
# ## What need not be computed twice
#
# A model that writes does so letter by letter: it reads all so far, writes one letter, reads all *and that letter*, and
# so on. Under a causal mask the old places see nothing new. So their keys and values are the same as a moment ago, and
# nobody asks their queries again. Keep keys and values in a **cache**, and each step computes one query, one key and
# one value.
#
# Let us count multiplications, for D = 64 and 256 letters. **Predict** two numbers: how many times fewer with a cache?
# And how many times less time?

# %%
# Count: four matrices for each new place, and two products of D numbers for each pair of query and key.
def multiplications(length, D, cached):
    total = 0
    for seen in range(1, length + 1):
        new = 1 if cached else seen
        total += 4 * new * D * D + 2 * new * seen * D
    return total


without, with_cache = multiplications(256, 64, False), multiplications(256, 64, True)
print(f"{without:,} without, {with_cache:,} with a cache: {without / with_cache:.0f} times fewer")

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The clock: the same 256 letters, one by one, without and with the library's cache.
from course_lib.attention import KeyValueCache

torch.manual_seed(0)
layer, text = MultiHeadAttention(64, 4), torch.randn(1, 256, 64)


def write(cache=None):
    outputs = []
    for seen in range(1, 257):
        if cache is None:
            outputs.append(layer(text[:, :seen], is_causal=True)[:, -1:])
        else:
            outputs.append(layer(text[:, seen - 1 : seen], is_causal=True, cache=cache))
    return torch.cat(outputs, 1)


seconds, written = {}, {}
with torch.no_grad(), device.one_thread():
    write(KeyValueCache())
    for name, cache in [("without", None), ("with", KeyValueCache())]:
        began = time.perf_counter()
        written[name] = write(cache)
        seconds[name] = time.perf_counter() - began
print(", ".join(f"{name} {1000 * value:.0f} ms" for name, value in seconds.items()))
print(f"{seconds['without'] / seconds['with']:.1f} times less; same numbers:",
      torch.allclose(written["without"], written["with"], atol=1e-5))
assert torch.allclose(written["without"], written["with"], atol=1e-5)

# %% [markdown]
# The same numbers, over a hundred times fewer multiplications, and in time not nearly that much: a small model
# spends most of its time on calling functions, and a step with a cache calls as many as a step without. The larger the
# model and the longer the text, the more the count decides. The price is room: two vectors for each place and each
# layer, kept until the end. Lesson 18 writes with it.
#
# ***Extra* (6 minutes).** Write `cached_step` for one head: the new place x is [B, 1, D], the cache holds `keys` and
# `values`, [B, S, D] each. Return three things: the output [B, 1, D], and both caches with the new place at their end.

# %% tags=["exercise", "extra"]
# Write one step with a cache.
def cached_step(x, keys, values, w_query, w_key, w_value):
    """(output, keys, values): the new place attends to all before it and to itself."""
    ### BEGIN SOLUTION
    keys = torch.cat([keys, x @ w_key], dim=1)  # [B, S + 1, D]
    values = torch.cat([values, x @ w_value], dim=1)
    output, _ = scaled_dot_product_attention(x @ w_query, keys, values)
    return output, keys, values
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.cached_step(cached_step)

# %% [markdown] tags=["hint"]
# Does a place see itself? Then what must happen before the attention?

# %% [markdown] tags=["hint"]
# `torch.cat([keys, x @ w_key], dim=1)`, the same for the values, then attention with the one query `x @ w_query`.

# %% [markdown] tags=["instructor"]
# **Minutes 31-36. Type** the count (minute 32, 8 lines). No mask is needed in a step: ask why.
#
# **Poll:** "Why are queries not cached?"
# - *they are too large*: as large as keys.
# - *nobody asks an old query again*: right; its output was written a moment ago.

# %% [markdown]
# ## Four heads read Shakespeare
#
# Now the blots. The model guesses *every* letter of a line from all others, so each place asks, "what stands around
# me?" A place must not see its own letter. So it is cross-attention:
#
# - the **queries** are made of places alone, a row of waves for each: sines and cosines of 16 speeds. (Attention
#   has no idea of order. Why waves help is for lesson 13.)
# - **keys and values** are made of the letters, each with its place, and the mask hides a place from itself.
# - what the four heads bring goes through a small network that gives a score to each sign.
#
# With 32 numbers a place and four heads, each head has 8. Nothing says who looks where.

# %% tags=["boilerplate"]
# The waves, and the model: it reads with many heads, then guesses.
import math


def waves(length, d_model):
    speeds = torch.linspace(0, 0.6 * math.pi, d_model // 2 + 1)[1:]
    angles = torch.arange(length)[:, None] * speeds  # [length, D/2]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Guesser(nn.Module):
    def __init__(self, num_heads, d_model=32, length=32):
        super().__init__()
        self.letters = nn.Embedding(len(letters), d_model)
        self.register_buffer("places", waves(length, d_model))
        self.attention = MultiHeadAttention(d_model, num_heads)
        self.network = nn.Sequential(nn.Linear(d_model, 128), nn.ReLU(), nn.Linear(128, len(letters)))

    def read(self, ids, **options):
        B, T = ids.shape
        places = self.places[:T].expand(B, T, -1)
        others = ~torch.eye(T, dtype=torch.bool)
        return self.attention(places, self.letters(ids) + places, mask=others, **options)

    def forward(self, ids):
        return self.network(self.read(ids))  # [B, T, signs]


# %% tags=["boilerplate"]
# How to train it: the loop of lesson 08, on pieces of 32 letters.
from course_lib import training

train_text, held_text = torch.from_numpy(train_ids), torch.from_numpy(held_ids)


def pieces(text, number, generator):
    starts = torch.randint(len(text) - 32, (number,), generator=generator)
    return text[starts[:, None] + torch.arange(32)]  # [number, 32]


def loss(model, ids):
    return F.cross_entropy(model(ids).flatten(0, 1), ids.flatten())


def train(num_heads, seed=1, steps=700):
    torch.manual_seed(seed)
    model = Guesser(num_heads)
    settings = training.TrainingConfig(steps=steps, learning_rate=0.02, warmup_steps=30, seed=seed)
    with device.one_thread():
        training.train(model, lambda generator: (pieces(train_text, 32, generator) for _ in range(steps)), loss,
                       settings, progress=False)
    return model


# %% tags=["boilerplate", "nbval-ignore-output"]
# Train it, and score it on pieces of the held-out plays.
test_pieces = pieces(held_text, 512, torch.Generator().manual_seed(0))


@torch.no_grad()
def score(model):
    """Share of right guesses, where there are two letters on either side."""
    with device.one_thread():
        return (model(test_pieces).argmax(-1) == test_pieces)[:, 2:-2].float().mean().item()


model = train(num_heads=4)
print(f"four heads, {sum(p.numel() for p in model.parameters()):,} parameters: {score(model):.0%} right")
print(f"counted: two in their places {counted['left and right']:.0%}, four {counted['two on either side']:.0%}")
assert score(model) > 0.55

# %% [markdown]
# Better than counting two letters in their places, not as good as counting four. The count remembers every set of four
# that it met; the model has 21,328 numbers, and must find out where to look.
#
# So where does each head look? For all places of all test pieces: the mean weight on the letter three to the left, two
# to the left, and so on. **Predict** the table before you look: four heads, six numbers each.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The mean weight of each head on the places around a blot.
OFFSETS = [-3, -2, -1, 1, 2, 3]


def profile(weights):
    """[heads, offsets] out of weights [pieces, heads, places, places]."""
    near = [weights.diagonal(offset, 2, 3)[..., 3:-3].mean((0, 2)) for offset in OFFSETS]
    return torch.stack(near, dim=1)


with torch.no_grad():
    weights = model.read(test_pieces, return_attention=True)[1]  # [512, 4, 32, 32]
where = profile(weights)
print("head  " + "".join(f"{offset:+6d}" for offset in OFFSETS))
for head, row in enumerate(where):
    print(f"{head:4}  " + "".join(f"{share:6.2f}" for share in row))
left, right = where[:, OFFSETS.index(-1)].argmax().item(), where[:, OFFSETS.index(1)].argmax().item()
assert min(where[left, OFFSETS.index(-1)], where[right, OFFSETS.index(1)]) > 0.5

# %% [markdown]
# In the run saved here one head has found the left neighbour, one the right, and the others look two letters away.
# Nobody told them: it is what helped the guesses.
#
# **Look.** A few words of a held-out play, all four heads. Hover over a letter, or move through the letters with the
# arrow keys: at whom does its place look? Switch heads on and off. And what does the head of the left neighbour do at
# the first letter, which has none?

# %% tags=["nbval-ignore-output"]
# The viewer: sixteen letters, four heads.
line = "soft! what light"
with torch.no_grad():
    seen = model.read(torch.from_numpy(encode(line))[None], return_attention=True)[1][0]  # [4, 16, 16]
viz.attention_view(seen, list(line), title="Four heads, trained")

# %% [markdown]
# The first letter has no left neighbour, and the weights must sum to one all the same: in the run saved here its head
# spreads them thinly over the line.
#
# A picture with sharp lines looks like knowledge. Is it? **The control:** the same picture for *random* queries and
# keys, each as long as the trained one in its place. Whatever you see there too, training did not put there.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The control: random directions, the same lengths, the same mask.
@torch.no_grad()
def by_chance(ids):
    """The weights [texts, 4, T, T] for queries and keys of random directions, each as long as the trained one."""
    chance = torch.Generator().manual_seed(1)
    places = model.places[: ids.shape[1]].expand(*ids.shape, -1)
    query, key = (split(x, 4) for x in (model.attention.query(places),
                                        model.attention.key(model.letters(ids) + places)))
    query, key = (x.norm(dim=-1, keepdim=True) * F.normalize(torch.randn(x.shape, generator=chance), dim=-1)
                  for x in (query, key))
    return scaled_dot_product_attention(query, key, key, ~torch.eye(ids.shape[1], dtype=torch.bool))[1]


viz.attention_view(by_chance(torch.from_numpy(encode(line))[None])[0], list(line),
                   head=left, title="Control: random queries and keys of the same lengths")

# %% [markdown]
# (One head is shown, the others can be switched on: all four together are a tangle.) Strong lines here as well,
# between letters that have nothing to do with each other: long queries and keys make a sharp softmax, trained or not.
# What chance does not make is the **pattern**: the same step for every letter. Compare two numbers for each head,
# over all test pieces: the largest weight of a place, and the weight on one and the same step for all places.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The largest weight of a row, and the mean weight on one place relative to the blot: trained, and by chance.
chance = by_chance(test_pieces)
for name, maps in [("trained", weights), ("by chance", chance)]:
    largest, steady = maps[:, :, 3:-3].amax(-1).mean((0, 2)), profile(maps).amax(1)
    print(f"{name:10} largest weight", "".join(f"{x:6.2f}" for x in largest),
          "   on one step", "".join(f"{x:6.2f}" for x in steady))
assert profile(weights).amax(1).mean() > 5 * profile(chance).amax(1).mean()

# %% [markdown]
# bertviz (Vig, 2019) is the picture that you will meet in papers, here with the same weights. A click on a colour
# switches a head off, a double click leaves it alone. Can you still tell left from right?

# %% tags=["nbval-ignore-output"]
# The same four heads in bertviz.
viz.bertviz_view(seen, list(line), view="head")

# %% [markdown] tags=["instructor"]
# **Minutes 36-43. Type** the viewer (minute 39, 4 lines). The training takes some seconds; collect the guesses for
# the table.
#
# **Poll** after the control: "Which of these shows that a head has learnt something?"
# - *its lines are thick*: so are the control's.
# - *its lines are parallel*: right, here; in general, a measured pattern beside its control.

# %% [markdown]
# ## A belief: the more heads, the better
#
# > **Common belief:** *"More heads see more, so more heads are better."* True or false? Decide, and write down the
# > order in which 1, 2, 4, 8 and 16 heads will come in.
#
# All have exactly the same number of parameters, the same text, the same steps and the same starts of their random
# numbers: three starts each, and so three scores. Only the cut differs: one head has 32 numbers for its questions,
# sixteen heads have 2 each.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The race: the same model cut into 1, 2, 4, 8 and 16 heads, with three seeds each; the first with 4 is that from above.
results = {}
for num_heads in [1, 2, 4, 8, 16]:
    first = score(model if num_heads == 4 else train(num_heads))
    results[num_heads] = [first, *(score(train(num_heads, seed)) for seed in (2, 3))]
    shares = [f"{share:.1%}" for share in results[num_heads]]
    print(f"{num_heads:2} heads of {32 // num_heads:2} numbers: {', '.join(shares)} right")
best = min(max(pair) for pair in zip(results[2], results[4]))
assert best > max(results[1] + results[16])

# %% [markdown]
# In the run saved here a few heads win, and both ends lose, with every seed. Four are ahead of two with each of the
# three. One head has one set of weights for all its numbers. (It does better than two letters counted in their places
# all the same: remember the trace of the order.) Sixteen heads can ask sixteen questions, but each has only two
# numbers to say which place it means. The belief is **false**: with more heads, each has fewer numbers. The authors
# of the Transformer saw the same: one head was 0.9 BLEU (a score of translations) behind their best setting, and with
# too many heads the quality fell too (Vaswani and others, 2017, section 6.2).
#
# A caution of our own: 700 steps of one small model. Longer training may move the peak.

# %% [markdown]
# ## Silence a head
#
# Now the question that the pictures cannot answer: what is each head *worth*? **Silence** it: put in the place of
# what it brings the mean of what it brings, which is the same for every letter and says nothing. Then let the model
# guess the held-out plays again.
#
# The control: silence as many numbers, 8 of the 32, but drawn at random across all heads, five times.
#
# **The target:** the two heads that read the neighbours cost at least **15** points each. **Predict:** does silencing a
# head cost more than silencing 8 numbers at random, or less?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# What the heads usually bring, and a way to put it in the place of what they bring.
from contextlib import contextmanager


@contextmanager
def silenced(model, columns, usual):
    """Within it, some of the 32 numbers that the heads bring are what they usually are."""
    def put_usual(_, inputs):
        brought = inputs[0].clone()
        brought[..., columns] = usual[columns]
        return (brought,)

    handle = model.attention.output.register_forward_pre_hook(put_usual)
    try:
        yield
    finally:
        handle.remove()


def columns_of(head):
    return list(range(8 * head, 8 * head + 8))


with torch.no_grad():
    caught = []
    handle = model.attention.output.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
    whole = score(model)
    handle.remove()
    usual = caught[0].mean((0, 1))  # [32]: over all pieces and places

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Silence each head in turn, then 8 numbers at random.
numbers = np.random.default_rng(0)
names = [f"head {head} ({OFFSETS[where[head].argmax()]:+d})" for head in range(4)]  # and where each looks most
silent = {name: columns_of(head) for head, name in enumerate(names)}
silent |= {f"8 numbers at random, {i}": numbers.choice(32, 8, replace=False).tolist() for i in range(1, 6)}
cost = {}
print(f"all heads: {whole:.1%} right")
for name, columns in silent.items():
    with silenced(model, columns, usual):
        cost[name] = 100 * (whole - score(model))
    print(f"without {name:23} {cost[name]:5.1f} points lost")
of_heads = list(cost.values())[:4]
assert min(of_heads[left], of_heads[right]) > 15

# %% [markdown]
# Target reached: in the run saved here each of the two neighbours' heads takes about half of the right guesses with
# it, more than any draw. The two heads that look further are worth *less* than most draws. That is no contradiction:
# a draw takes a little of every head, and so of the important ones too. And heads are not alike, though in the picture
# each looked busy.
#
# **Look.** Type a line of your own, up to 32 letters. Above is the line; below, what the model guesses for each letter
# when it may see all others: with all heads, and without each. Wrong guesses stand in a box. Which letters does the
# missing left neighbour spoil, and which the right?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The picture: what is guessed with all heads, and without each.
def draw_guesses(line):
    line = "".join(letter for letter in line if letter in number_of)[:32]
    if not line:
        raise ValueError("None of these signs stands in the plays: write a few letters.")
    ids, rows = torch.from_numpy(encode(line))[None], {}
    for name, columns in {"all heads": [], **{f"without {name}": silent[name] for name in names}}.items():
        with torch.no_grad(), silenced(model, columns, usual):
            rows[name] = "".join(letters[i] for i in model(ids)[0].argmax(-1))
    return pictures.guesses(line, rows, "Each letter guessed from all the others")


viz.explore(draw_guesses, line=viz.Text("But, soft! what light through", label="your line"))

# %% [markdown]
# One line is an anecdote. Over all test pieces: the first letters of words, and the last.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The share of right guesses behind a space and in front of one: with all heads, and without either neighbour's.
space, asked = number_of[" "], test_pieces[:, 2:-2]
places = {"first letters": (asked != space) & (test_pieces[:, 1:-3] == space),
          "last letters": (asked != space) & (test_pieces[:, 3:-1] == space)}
for name in ["all heads", names[left], names[right]]:
    with torch.no_grad(), device.one_thread(), silenced(model, silent.get(name, []), usual):
        hits = (model(test_pieces).argmax(-1)[:, 2:-2] == asked).float()
    print(f"{'' if name == 'all heads' else 'without '}{name}:",
          ", ".join(f"{place} {hits[chosen].mean():.0%}" for place, chosen in places.items()))

# %% [markdown]
# In the run saved here first letters suffer most without the right neighbour: to their left stands a space, which says
# little more than that a word begins. Last letters suffer most without the left one.

# %% [markdown] tags=["instructor"]
# **Minutes 43-50.** The race is long: start it before the vote on the belief. **Type** nothing in the last block; the
# time belongs to the lines that the room calls out.
#
# **Poll:** "A head looks sharply at the left neighbour. How many points is it worth?"
# - *many*: here, yes. But would it be, if a second head looked there too? Ask how to find out (silence both).
# - *the picture cannot say*: right. Lesson 21 is about that.

# %% [markdown]
# ## What you know now
#
# - One softmax weighs all numbers of a value alike, and a mean forgets its order. A head is a part of the numbers with
#   a softmax of its own: one place can ask several questions at once.
# - Cut and join heads by view *and* transpose: [B, T, D], [B, T, H, D/H], [B, H, T, D/H], and back.
# - Self-attention: all is made of one sequence. Cross-attention: queries of the side that asks, keys and values of the
#   side that answers; the weights are [T, S].
# - More heads cost no parameters, and each has fewer numbers. A few were best; one and sixteen were not.
# - A cache keeps keys and values: the same numbers, fewer multiplications.
# - Sharp lines are no evidence. Measure a pattern, beside its control; measure what a head is worth by silencing it.
#
# **Quiz.** Open the answer that you would give.
#
# **1. x has the shape [B, T, D]. You write `x.view(B, H, T, D // H)`, attend under a causal mask, and view back. What
# does the last output see?**
#
# <details><summary>All places, as it should.</summary>
#
# The shapes are right and the contents are not: the last "head" holds the last places only, so the first token is out
# of its reach.
#
# </details>
# <details><summary>Not the first token.</summary>
#
# Right. A view keeps the order of the numbers, so each "head" holds a stretch of the text.
#
# </details>
# <details><summary>It stops with an error.</summary>
#
# That would be kind. The number of entries is the same, so the view is allowed.
#
# </details>

# %% [markdown]
# **2. A model with D = 512 goes from 8 heads to 16. Its attention has now...**
#
# <details><summary>twice as many parameters.</summary>
#
# The matrices stay D by D. They are cut into more parts.
#
# </details>
# <details><summary>as many parameters, and heads of 32 numbers instead of 64.</summary>
#
# Right. Whether that is better is a question for a run.
#
# </details>
# <details><summary>half as many.</summary>
#
# Each head has half as many as before, but there are twice as many heads.
#
# </details>

# %% [markdown]
# **3. In a translation model, the decoder's cross-attention makes its keys and values of...**
#
# <details><summary>what the encoder made of the source.</summary>
#
# Right. That is the memory, and it answers.
#
# </details>
# <details><summary>the words written so far.</summary>
#
# Those ask: they make the queries. (The decoder's *self*-attention makes all three of them.)
#
# </details>
# <details><summary>keys of the source, values of the words written so far.</summary>
#
# Then it would find the right place in the source and bring home a piece of itself. Each key needs its own value.
#
# </details>

# %% [markdown]
# **4. You generate a text with a cache. The 100th step computes...**
#
# <details><summary>one query, one key, one value, and 100 scores for each head.</summary>
#
# Right. The other 99 keys and values lie in the cache.
#
# </details>
# <details><summary>100 queries, 100 keys, 100 values.</summary>
#
# That is the step without a cache. Under a causal mask 99 of each are what they were.
#
# </details>
# <details><summary>one query, one key, one value, and one score.</summary>
#
# The new place still asks all before it: nobody has compared *this* query with the old keys yet.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Ashish Vaswani and others (2017). Attention Is All You Need. NeurIPS. Many heads are its section 3.2.2; the race
#   between numbers of heads is table 3, rows A.
# - Dzmitry Bahdanau, Kyunghyun Cho, Yoshua Bengio (2015). Neural Machine Translation by Jointly Learning to Align and
#   Translate. ICLR. Attention from one sequence to another.
# - Paul Michel, Omer Levy, Graham Neubig (2019). Are Sixteen Heads Really Better than One? NeurIPS. Large models, with
#   heads taken away.
# - Elena Voita and others (2019). Analyzing Multi-Head Self-Attention: Specialized Heads Do the Heavy Lifting, the Rest
#   Can Be Pruned. ACL. It finds heads that look one place to the left or right.
# - Jesse Vig (2019). A Multiscale Visualization of Attention in the Transformer Model. ACL demonstrations. bertviz.
# - The plays of William Shakespeare, public domain.
