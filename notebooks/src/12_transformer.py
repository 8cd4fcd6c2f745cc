# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: transformer
#   title: The Transformer block
#   minutes: 75
# ---

# %% [markdown]
# # 12 The Transformer block: how to stack attention
#
# You have attention with many heads. One layer of it is not enough, and many layers of it, one on top of the other, do
# not work at all: you will see why in a minute. At the end of this lesson you have the two small ideas that make deep
# stacks possible, wired into a **block**; and four such blocks read Shakespeare letter by letter, beat counting letter
# pairs on two plays they have never seen, and write lines of their own.
#
# **You will build** LayerNorm, the residual stream, the pre-norm block, and the count of its parameters. **You need**
# lessons 10 and 11 (attention, heads) and the training loop of lesson 08.
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict and the network (0-10). B: LayerNorm (10-20). C: The stream, the
# picture of 24 blocks (20-34). D: The race, the belief, the big run (34-50).
#
# **Minute 0.** Two numbers on the board, everyone writes their own before anything runs: how long the vectors are after
# 24 layers, and how alike.
#
# **When 15 minutes late:** leave out the count of parameters and the article's layer; show the saved race.
#
# **Start the big run** before the vote on the race, once the cells with the model and its batches have run: it needs no
# watching, and the race leaves its model alone.

# %% [markdown]
# ## Predict: what is left after 24 layers?
#
# A line of *Macbeth*, one vector a letter. Now stack layers the obvious way: attention gathers, a small network works
# on what it gathered, and what comes out is the input of the next layer. 24 layers, untrained, with random first
# weights of the usual size (Glorot and Bengio, 2010). **Write down two numbers before you run:**
#
# 1. At the start a vector has 64 numbers and a length of about 8. How long is it after 24 layers?
# 2. At the start the vectors of two different places have next to nothing in common: their mean cosine is about 0.05.
#    What is it after 24 layers?

# %% tags=["boilerplate"]
# The plays as numbers, one a letter. Two plays are kept apart: nothing will be trained on them.
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import data, device, transformer
from course_lib.attention import MultiHeadAttention

plays = data.load("shakespeare_plays")
letters = sorted(set("".join(plays.values())))
number, V = {letter: i for i, letter in enumerate(letters)}, len(letters)


def encode(text):
    return torch.tensor([number[letter] for letter in text])


kept_apart = ["Macbeth", "Twelfth Night"]
read = encode("".join(text for title, text in plays.items() if title not in kept_apart))
held = encode("".join(plays[title] for title in kept_apart))
print(f"{len(plays)} plays, {len(read):,} letters to read, {len(held):,} kept apart, {V} different ones")

# %% tags=["boilerplate", "folded"]
# A line of Macbeth as vectors, and untrained layers: attention and a network each.
begin = plays["Macbeth"].find("Is this a dagger")
line = plays["Macbeth"][begin : begin + 75]
letter_config = transformer.TransformerConfig(
    vocab_size=V, context_length=128, d_model=64, num_heads=4, positions="learned", dropout=0.0
)


def untrained(depth, scale=1.0, seed=1):
    """An embedding, and `depth` pairs (attention, network); all their weights multiplied by `scale`."""
    torch.manual_seed(seed)
    pairs = [nn.ModuleList([MultiHeadAttention(64, 4), transformer.FeedForward(64)]) for _ in range(depth)]
    pairs = transformer.initialise(nn.ModuleList(pairs), "xavier")
    with torch.no_grad():
        for parameter in pairs.parameters():
            parameter *= scale
    return transformer.Embedding(V, letter_config), pairs


print(repr(line))


# %% tags=["boilerplate"]
# The two numbers that we watch.
def length(x):
    return x.norm(dim=-1).mean().item()


def likeness(x):
    """The mean cosine between the vectors of two different places."""
    x = F.normalize(x[0], dim=-1)  # [T, D]
    return (((x @ x.T).sum() - len(x)) / (len(x) * (len(x) - 1))).item()


# %%
# The obvious way: what comes out of a layer is the input of the next.
with device.one_thread(), torch.no_grad():
    embedding, layers = untrained(24)
    start = embedding(encode(line)[None])  # [1, T, D]
    print(f"at the start    length {length(start):.1f}, likeness {likeness(start):.2f}")
    for parts in ["attention and network", "attention alone", "network alone"]:
        x = start
        print(parts)
        for depth, (attention, network) in enumerate(layers, 1):
            x = attention(x, is_causal=True) if "attention" in parts else x
            x = network(x) if "network" in parts else x
            if depth in (1, 3, 6, 24):
                print(f"after layer {depth:2}  length {length(x):.1g}, likeness {likeness(x):.2f}")

# %% [markdown]
# Two disasters. The vectors fade: after 24 layers less than a millionth of their length is left. And, worse,
# **they all become the same vector**: after three layers a later one can hardly tell an *I* from a comma. A model that
# starts like this has the same guess for every place, and training has little to take hold of.
#
# Whose fault is which? Attention alone takes means, and means of means are more alike than what they are means of: all
# alike after six layers, though about half their length remains. (Dong, Cordonnier and Loukas, 2021, prove how fast
# this goes.) The network alone is what fades; it makes things more alike as well, but much more slowly.
#
# Two ideas mend it, each a line of code. But first, what is that small network?

# %% [markdown]
# ## Gather, then think
#
# Attention moves information *between* places, and does little else: what it gives is a mean of projected vectors. The
# work on what was gathered is done by the **feed-forward network**: up to more numbers, everything negative to 0, and
# back.
#
# $$\text{FFN}(x) = \max(0,\; x W_1 + b_1)\, W_2 + b_2$$
#
# with $x$ of shape [D], $W_1$ [D, d_ff] and $W_2$ [d_ff, D], and the biases $b_1$ [d_ff] and $b_2$ [D]; d_ff is most
# often 4 D. With pencil and paper, D = 2 and d_ff = 3: x = (1, 2), $b_1$ = (0, 0, -1), $b_2$ = (0, 0).
#
# | | column 1 | 2 | 3 |
# |---|---|---|---|
# | first row of $W_1$ | 1 | 1 | 0 |
# | second row of $W_1$ | -1 | 1 | 1 |
# | $x W_1 + b_1$ | ? | ? | ? |
# | negative to 0 | ? | ? | ? |
# | row of $W_2$ | (1, 0) | (0, 1) | (2, -1) |
#
# Fill in the two lines, then the output: each number times its row of $W_2$, added up.

# %%
# The network by hand.
x, b_1 = torch.tensor([1.0, 2]), torch.tensor([0.0, 0, -1])
W_1, W_2 = torch.tensor([[1.0, 1, 0], [-1, 1, 1]]), torch.tensor([[1.0, 0], [0, 1], [2, -1]])
hidden = x @ W_1 + b_1
print(hidden.tolist(), "->", hidden.relu().tolist(), "->", (hidden.relu() @ W_2).tolist())

# %% [markdown]
# Without the step in the middle, $W_1 W_2$ would be a single matrix, and a thousand such networks no more than one.
#
# The same network works on every place, on each alone. **Guess:** 75 places, 0 to 74; we change the vector at place 10.
# At how many places does the output of causal attention change? And that of the network?

# %% tags=["boilerplate"]
# Change one vector: whose output changes?
with device.one_thread(), torch.no_grad():
    embedding, layers = untrained(1)
    x = embedding(encode(line)[None])
    changed = x.clone()
    changed[0, 10] += 1
    for name, f in {"attention": lambda x: layers[0][0](x, is_causal=True), "network": layers[0][1]}.items():
        print(f"{name:9} changes at {(f(x) != f(changed)).any(-1).sum():2} of {len(line)} places")

# %% [markdown] tags=["instructor"]
# **Minutes 0-10. Type** the loop of the 24 layers (minute 3, 11 lines) and the network by hand (minute 8, 4 lines).
#
# **Poll:** "after 24 untrained layers two vectors are..."
# - *as unlike as before*: thinks of random matrices, which keep angles roughly. Which part of the layer takes means?
# - *random, so unlike*: the same. Random matrices, but the *same* ones for every place.
# - *the same*: right. Ask what a model can learn from vectors that are all the same: how frequent each letter is, and
#   no more. That number comes back in the race.

# %% [markdown]
# ## LayerNorm: every vector at one size
#
# First the fading. Whatever a layer does to the size of a vector, we can put it back: subtract the mean of its numbers,
# divide by their spread. With pencil and paper, for the vector (5, 5, 8):
#
# | | 5 | 5 | 8 | |
# |---|---|---|---|---|
# | minus the mean | ? | ? | ? | the mean: ? |
# | squared | ? | ? | ? | their mean, the **variance**: ? |
# | minus the mean, divided by the root of the variance | ? | ? | ? | the root: ? |
#
# And what comes out for (50, 50, 80)? For (105, 105, 108)? Decide before you run.

# %%
# Three vectors, normalised.
for numbers in [(5.0, 5, 8), (50.0, 50, 80), (105.0, 105, 108)]:
    x = torch.tensor(numbers)
    deviations = x - x.mean()
    variance = (deviations**2).mean()
    print(f"mean {x.mean():5.1f} variance {variance:5.1f}", (deviations / variance.sqrt()).numpy().round(2))

# %% [markdown]
# The same three times: only the *pattern* of a vector is left, not its size nor its level. In case a network wants some
# of the size back, two trained vectors follow, $\gamma$ and $\beta$ of shape [D], 1 and 0 at the start. The whole is
# called **LayerNorm** (Ba, Kiros and Hinton, 2016):
#
# $$\text{LayerNorm}(x) = \gamma \odot \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta
# \qquad \mu = \frac{1}{D}\sum_j x_j \qquad \sigma^2 = \frac{1}{D}\sum_j (x_j - \mu)^2$$
#
# for each vector x of shape [D] alone. The small number $\varepsilon$ (eps) saves a vector whose numbers are all alike:
# what would 0 / 0 be? In code the two trained vectors are `weight` and `bias`. First with loops:

# %% tags=["boilerplate"]
# One sequence of a batch after the other, one vector after the other.
def loop_norm(x, weight, bias, eps):
    out = torch.empty_like(x)
    for b in range(x.shape[0]):
        for t in range(x.shape[1]):
            mean = sum(x[b, t]) / x.shape[2]
            variance = sum((x[b, t] - mean) ** 2) / x.shape[2]
            out[b, t] = (x[b, t] - mean) / (variance + eps) ** 0.5 * weight + bias
    return out


torch.manual_seed(0)
x, weight, bias = torch.randn(2, 3, 4), torch.ones(4), torch.zeros(4)
print(loop_norm(x, weight, bias, 1e-5)[0].numpy().round(2))

# %% [markdown]
# **Your turn (8 minutes).** Write `layer_norm(x, weight, bias, eps)` without a loop, for x of any shape [..., D]: one
# vector, a sequence, a batch of sequences. It must agree with `nn.LayerNorm` to the fifth digit.

# %% tags=["exercise"]
# Write LayerNorm.
def layer_norm(x, weight, bias, eps):
    """Each vector (the last axis) to mean 0 and variance 1, times weight, plus bias; the shape of x."""
    ### BEGIN SOLUTION
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + eps) * weight + bias
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import transformer as check

check.layer_norm(layer_norm)

# %% [markdown] tags=["hint"]
# Which axis holds the D numbers of one vector, if x may have one axis, two or three? And what shape must the mean keep,
# so that it can be subtracted from x?

# %% [markdown] tags=["hint"]
# `centred = x - x.mean(-1, keepdim=True)`; the variance is the mean of `centred**2`, again with `keepdim=True`. (The
# `var` and `std` of torch divide by D - 1 unless you say `correction=0`.) Eps goes under the root.

# %% [markdown]
# The library has the formula, `transformer.layer_norm`, and for training `transformer.LayerNorm`, which calls torch's
# kernel. A batch of training size: guess the three times.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The loop, the formula and the kernel on 16 sequences of 64 vectors.
import time

batch, weight, bias = torch.randn(16, 64, 64), torch.ones(64), torch.zeros(64)
runners = {"loop": loop_norm, "formula": transformer.layer_norm,
           "kernel": lambda x, weight, bias, eps: F.layer_norm(x, (64,), weight, bias, eps)}
with device.one_thread(), torch.no_grad():
    for name, run in runners.items():
        rows = 1 if name == "loop" else 16  # the loop gets a sixteenth of the work
        run(batch[:rows], weight, bias, 1e-5)
        began = time.perf_counter()
        answer = run(batch[:rows], weight, bias, 1e-5)
        print(f"{name:8} {1000 * 16 / rows * (time.perf_counter() - began):8.2f} ms")
        assert torch.allclose(answer, transformer.layer_norm(batch[:rows], weight, bias), atol=1e-5)

# %% [markdown] tags=["instructor"]
# **Minutes 10-20. Type** the three vectors (minute 13, 5 lines), the solution (minute 16, 3 lines). The table is
# filled in on paper.
#
# **The planned mistake:** `x.std(-1, keepdim=True) + eps`, which is what many write first. It runs, it trains, and it
# is not the function that released weights were trained with. The reply is below.
#
# **Poll:** "LayerNorm of a batch of one sentence, and of the same sentence with another beside it. The first sentence's
# output..."
# - *changes*: thinks of batch normalisation. Here a vector is alone with its D numbers.
# - *is the same*: right; that is why it suits text, where lengths and batches vary.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + eps) * weight + bias


check.layer_norm(planned_mistake)

# %% [markdown]
# ## The residual stream
#
# LayerNorm keeps vectors from fading. It does not keep them from becoming alike: *alike* is in their pattern. For that
# there is the second idea. A layer no longer **replaces** the vectors, it **adds to** them:
#
# $$x \leftarrow x + f(x)$$
#
# with f attention, or the network: a **sublayer**. What was there stays there. The x that runs through all layers, and
# that each of them reads from and writes to, is called the **residual stream**, after the *residual connections* of He
# and others (2016).
#
# It helps the gradient as well. With pencil and paper: a sublayer that multiplies by 0.1, f(x) = 0.1 x, three of them.
# By how much does the output change when the input changes by 1, for the chain, f(f(f(x))), and for the stream? And for
# 24 of them?

# %%
# How much of a change comes through 3 and 24 layers: the chain and the stream.
for depth in [3, 24]:
    x = torch.tensor(1.0, requires_grad=True)
    chain = stream = x
    for _ in range(depth):
        chain, stream = 0.1 * chain, stream + 0.1 * stream
    slopes = [torch.autograd.grad(y, x)[0].item() for y in (chain, stream)]
    print(f"{depth:2} layers: chain {slopes[0]:.1g}, stream {slopes[1]:.2f}")

# %% [markdown]
# The slope of $x + f(x)$ is 1 plus that of f. The 1 is a road past every layer.
#
# Where does LayerNorm go? There are two answers. The Transformer of 2017 normalises the stream after each sum
# (**post-norm**). GPT-2, and most large language models after it, leave the stream alone and normalise only what a
# sublayer reads (**pre-norm**):
#
# ```
# post-norm   x ──┬───────────────►(+)── norm ──►       x = norm(x + f(x))
#                 └── sublayer f ──┘
#
# pre-norm    x ──┬───────────────────────►(+)──►       x = x + f(norm(x))
#                 └── norm ── sublayer f ──┘
# ```
#
# A **block** is two sublayers: attention, then the network, each with a norm of its own.
#
# **Your turn (8 minutes).** Write `pre_norm_block(x, attention, feed_forward, attention_norm, feed_forward_norm)`. The
# last four are functions: `attention(x)` gives new vectors of the shape of x, and so do the others. Do not change x in
# place: the caller still needs it.

# %% tags=["exercise"]
# Wire a pre-norm block.
def pre_norm_block(x, attention, feed_forward, attention_norm, feed_forward_norm):
    """The stream after attention and after the network have added to it; the shape of x, [B, T, D]."""
    ### BEGIN SOLUTION
    x = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(x))
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.pre_norm_block(pre_norm_block)

# %% [markdown] tags=["hint"]
# What does a sublayer read: the stream, or its norm? And to which of the two is its answer added?

# %% [markdown] tags=["hint"]
# `x = x + attention(attention_norm(x))`. The second sublayer does the same with the *new* x.

# %% [markdown]
# The library's `transformer.Block(norm="pre")` is the same two lines, with `norm="post"` for the other order. (Behind
# the last block of a pre-norm stack stands one more norm, because nothing else has normalised its stream.)

# %% tags=["boilerplate"]
# The library's block beside the same two lines by hand.
torch.manual_seed(0)
block, x = transformer.Block(64, 4, norm="pre"), torch.randn(2, 5, 64)
with torch.no_grad():
    by_hand = x + block.attention(block.attention_norm(x))
    by_hand = by_hand + block.feed_forward(block.feed_forward_norm(by_hand))
    print("largest difference", (block(x) - by_hand).abs().max().item())

# %% [markdown]
# **Look.** The line from *Macbeth* again, and 24 untrained blocks, wired in four ways: both ideas in either order, and
# two **controls** that leave one idea out. Choose what to look at: how long the vectors are, how alike, or how much of
# the loss's gradient arrives at each block, measured against the last. The slider makes all first weights smaller or
# larger. **Predict** before each choice:
#
# 1. Whose vectors grow without end? By what factor, roughly: 10, 1,000, 100,000?
# 2. Which of the four end with the same vector everywhere?
# 3. With which wirings does the gradient grow on its way back to the first block, with which does it shrink?

# %% tags=["boilerplate"]
# Four ways to wire a sublayer f into the stream.
WIRES = {
    "pre-norm": lambda x, f, norm: x + f(norm(x)),
    "post-norm": lambda x, f, norm: norm(x + f(x)),
    "control: no LayerNorm": lambda x, f, norm: x + f(x),
    "control: no residual": lambda x, f, norm: f(norm(x)),
}

# %% tags=["boilerplate", "folded"]
# The pass of the line through 24 blocks, forward and back.
from functools import partial

from course_lib import viz
from course_lib.viz import residual


def streams(wire, scale=1.0, depth=24):
    """The stream at the start and after each block, its gradient kept: a guess of each next letter, and its loss."""
    embedding, layers = (part.double() for part in untrained(depth, scale))  # 64 bits: some numbers get very large
    norm, ids = transformer.LayerNorm(64).double(), encode(line)
    x = embedding(ids[None, :-1])
    passed = [x]
    for attention, network in layers:
        x = wire(x, partial(attention, is_causal=True), norm)
        x = wire(x, network, norm)
        passed.append(x)
    for x in passed:
        x.retain_grad()
    F.cross_entropy((norm(x) @ embedding.tokens.weight.T)[0], ids[1:]).backward()
    return passed


# %% tags=["boilerplate", "folded"]
# The picture: one line for each wiring.
def gradients(passed):
    sizes = [x.grad.norm(dim=-1).mean().item() for x in passed]
    return [size / sizes[-1] for size in sizes]


MEASURES = {
    "length": ("How long are the vectors?", "mean length", lambda passed: [length(x) for x in passed]),
    "likeness": ("How alike are the vectors of different places?", "mean cosine",
                 lambda passed: [likeness(x.detach()) for x in passed]),
    "gradient": ("How much of the gradient arrives?", "gradient (last block: 1)", gradients),
}


def draw_depth(measure, first_weights):
    title, label, measured = MEASURES[measure]
    with device.one_thread():
        curves = {name: measured(streams(wire, first_weights)) for name, wire in WIRES.items()}
    title += f" (first weights times {first_weights:g})"
    return residual.along_depth(curves, title, label, logarithmic=measure != "likeness")


viz.explore(draw_depth, measure=viz.Choice(list(MEASURES)), first_weights=viz.Slider(0.25, 1.5, 0.25, value=1.0))

# %% tags=["boilerplate"]
# The same in numbers: the length after 24 blocks, the gradient at the input, the likeness after 6, 12 and 24 blocks.
with device.one_thread():
    for name, wire in WIRES.items():
        passed = streams(wire)
        alike = [f"{likeness(passed[depth].detach()):.2f}" for depth in (6, 12, 24)]
        print(f"{name:22} length {length(passed[-1]):8.2g}  gradient {gradients(passed)[0]:8.2g}  likeness", *alike)

# %% [markdown]
# Without LayerNorm each block reads a longer stream and writes a longer change: the length runs away, and the gradient
# with it. In a pre-norm block a change has about the same size at every depth, so the stream grows, but slowly, and so
# does the gradient on its way back. Without the residual everything is the same vector after a handful of blocks,
# LayerNorm or not.
#
# And the surprise: **post-norm does it too**, only later. Its norm shrinks the stream after every sum, and so, block by
# block, what came in at the start is shrunk away. On the way back the gradient shrinks too, as without a residual; by
# how much depends on the first weights drawn. (Without LayerNorm the vectors end alike as well: there the start is
# drowned by longer and longer changes.)
# Remember post-norm's three numbers: six blocks are a good way gone, twelve are lost. In a pre-norm stream the vectors
# grow more alike too, but slowly, and not wholly.
#
# **Guess:** all first weights half as large. What are post-norm's three numbers then? Run, and move the slider to 0.5.

# %%
# Post-norm with half the first weights: the likeness after 6, 12 and 24 blocks.
with device.one_thread():
    passed = streams(WIRES["post-norm"], scale=0.5)
    print("likeness", *[f"{likeness(passed[depth].detach()):.2f}" for depth in (6, 12, 24)])

# %% [markdown] tags=["instructor"]
# **Minutes 20-34. Type** the slopes (minute 22, 7 lines), the solution (minute 26, 2 lines) and the half weights
# (minute 33, 3 lines). The picture is filled in: read its four wirings aloud.
#
# **The planned mistake:** `x = attention_norm(x)`, then add to that: the norm sits on the stream. All shapes fit,
# nothing stops, and nobody notices. The reply is below.
#
# **Poll** after the picture: "which of the two ideas is the more important?"
# - *LayerNorm*: look at the likeness of the control without a residual.
# - *the residual*: look at the length of the control without LayerNorm.
# - *both, for different reasons*: right. Have them say the two reasons in one sentence each.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x)
    x = x + attention(x)
    x = feed_forward_norm(x)
    return x + feed_forward(x)


check.pre_norm_block(planned_mistake)

# %% [markdown]
# ## What does a block weigh?
#
# Four projections in attention (query, key, value, and the one that mixes the heads), two matrices in the network, two
# norms. **Guess**, for the block of 2017 (D = 512, d_ff = 2048, 8 heads): what share of its numbers is in attention?
# And how many more are there with 16 heads instead of 8?
#
# ***Extra* (8 minutes).** Write `block_parameters(d_model, d_ff, num_heads)`: how many trained numbers a block has, all
# biases included. By hand first: D = 4, d_ff = 10, 2 heads.

# %% tags=["exercise", "extra"]
# Count the parameters of a block.
def block_parameters(d_model, d_ff, num_heads):
    """Attention's four projections, the network's two, the norms' weights and biases: one whole number."""
    ### BEGIN SOLUTION
    attention = 4 * (d_model * d_model + d_model)
    network = (d_model * d_ff + d_ff) + (d_ff * d_model + d_model)
    norms = 2 * (d_model + d_model)
    return attention + network + norms
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.block_parameters(block_parameters)

# %% [markdown] tags=["hint"]
# A matrix from m numbers to n has m times n numbers and, with it, a bias of n. Which m and n have the four projections?
# Does any of them depend on the number of heads, if the heads' outputs laid side by side are d_model numbers?

# %% [markdown] tags=["hint"]
# `4 * (d_model * d_model + d_model)` for attention. The network: d_model to d_ff and back, each with its bias. A norm:
# a weight and a bias of d_model each, and there are two norms.

# %% tags=["boilerplate"]
# Ask the library's block, with 8 heads and with 16.
for heads in [8, 16]:
    block = transformer.Block(512, heads, 2048)
    sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in block.named_children()}
    print(f"{heads:2} heads: {sum(sizes.values()):,}; attention {sizes['attention'] / sum(sizes.values()):.0%}, "
          f"network {sizes['feed_forward'] / sum(sizes.values()):.0%}")

# %% [markdown]
# Attention has the fame, the network has the weight. And more heads need no more numbers: they share out the same.

# %% [markdown]
# ## The race: pre or post, with a warm-up or without
#
# Does it matter for training what we saw in untrained blocks? A small model: a vector a letter, blocks, and the guess
# of the next letter, a score for each: the product of what comes out with that letter's own vector. (The vectors also
# say *where* a letter stands: `Embedding` adds that, and lesson 13 explains it.) We judge by the loss on the two plays
# that were kept apart, in nats a letter, beside two marks: what **counting letters** reaches, and **counting pairs** of
# letters.

# %% tags=["boilerplate"]
# The model.
class Speller(nn.Module):
    """Guesses the next letter at every place: embedding, blocks, and the embedding's table once more."""

    def __init__(self, config, blocks=None):
        super().__init__()
        self.embedding, self.blocks = transformer.Embedding(V, config), blocks or transformer.Encoder(config)

    def forward(self, ids):
        return F.linear(self.blocks(self.embedding(ids), is_causal=True), self.embedding.tokens.weight)  # [B, T, V]


# %% tags=["boilerplate", "folded"]
# Batches from random places, the loss, the plays kept apart.
from course_lib import training


def windows(length, batch_size=16):
    def epoch(generator):
        while True:
            places = torch.randint(len(read) - length, (batch_size, 1), generator=generator)
            yield read[places + torch.arange(length + 1)]  # [B, T + 1]

    return epoch


def loss_fn(model, window):
    return F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())


def held_windows(length):
    """256 windows, evenly spread over the plays kept apart."""
    return held.unfold(0, length + 1, len(held) // 256)[:256].split(64)


def line_likeness(model):
    """How alike are the vectors of the line's first 32 letters, behind the last block?"""
    with device.one_thread(), torch.no_grad():
        return likeness(model.blocks(model.embedding(encode(line[:32])[None]), is_causal=True))


# %% [markdown]
# Six blocks, 200 steps, a learning rate of 0.01, which is bold. The runners: pre-norm and post-norm, each at full speed
# from the first step, and with a **warm-up** of 100 steps (lesson 08). Who finishes last, and at what loss? Remember
# what a model can still learn when all its vectors are the same.
#
# All runs together take minutes, so the next cell trains nothing: it shows a **saved** table, which `make bench`
# measured on the machine named in it, with three seeds each. The band goes from the lowest to the highest seed.

# %% tags=["boilerplate", "folded"]
# The saved race, drawn: six blocks at the bold learning rate.
import json
import pathlib

import course_lib

path = pathlib.Path(course_lib.__file__).parents[1] / "benchmarks/results/transformer_races.json"
saved = json.loads(path.read_text())
steps = [step for step, _ in saved["rows"][0]["held_out"]]


def rows_of(**wanted):
    """The held-out losses of all seeds of a runner: one row a seed."""
    rows = [row for row in saved["rows"] if wanted.items() <= row.items()]
    return [[loss for _, loss in row["held_out"]] for row in rows]


marks = {"counting letters": saved["counting"]["single"], "counting pairs": saved["counting"]["pairs"]}
runs = {f"{norm}-norm, {'warm-up' if warmup else 'no warm-up'}":
        rows_of(blocks=6, norm=norm, warmup=warmup, learning_rate=0.01)
        for norm in ("pre", "post") for warmup in (0, 100)}
print("measured on", saved["machine"])
viz.show(*residual.race(runs, steps, "Six blocks, learning rate 0.01", "held-out loss (nats a letter)", marks))

# %% tags=["boilerplate"]
# The whole table: the last loss, lowest and highest of three seeds.
print(f"counting letters {marks['counting letters']:.2f}, counting pairs {marks['counting pairs']:.2f}")
print("blocks  rate  first weights  norm  warm-up  loss")
keys = ["blocks", "learning_rate", "start", "norm", "warmup"]
for runner in sorted({tuple(row[key] for key in keys) for row in saved["rows"] if row["race"] == "norm"}):
    last = [losses[-1] for losses in rows_of(**dict(zip(keys, runner)))]
    blocks, rate, start, norm, warmup = runner
    print(f"{blocks:6} {rate:5} {start:12}x {norm:>6} {warmup:8}  {min(last):.2f} to {max(last):.2f}")

# %% [markdown]
# Pre-norm hardly cares: a warm-up or none, one rate or the other, six blocks or twelve (one row). Post-norm does. Where
# it fails, it ends within 0.03 of *counting letters*: it seems to have learnt how frequent each letter is, and nothing
# else. With six blocks and the bold rate a warm-up saves some seeds and not others; with twelve, at the smaller rate,
# it saves none of the three.
#
# Is it the likeness? Then what cured the likeness of untrained blocks should cure the race. Look at the row with half
# the first weights: twelve post-norm blocks train, and end *below* twelve pre-norm blocks (which had no warm-up). (That
# fits, and proves less than it seems: smaller first weights keep the gradient from fading, too, and this row cannot say
# which of the two it was.) So the order of 2017 need not be worse. It is harder to start. (Wang and others, 2022, train
# post-norm stacks of 1,000 layers: smaller first weights, and an x that counts for more in x + f(x).) One warning:
# these are 200 steps of a toy, and which order ends lower in a long run they do not say.
#
# One row live, to see that the table tells the truth: post-norm, no warm-up, the bold rate, the first seed. And how
# alike are the trained vectors of a line, after the last block?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# One row of the table, run now.
def race_row(blocks, config, rate, warmup, seed=1):
    settings = training.TrainingConfig(steps=200, learning_rate=rate, min_learning_rate=rate / 10, warmup_steps=warmup,
                                       evaluate_every=200, seed=seed)
    with device.one_thread():
        model = Speller(config, blocks)
        history = training.train(model, windows(32), loss_fn, settings, held_out=held_windows(32))
    return model, history.held_out[-1][1]


small = {"vocab_size": V, "context_length": 32, "d_model": 32, "num_heads": 4, "num_layers": 6, "dropout": 0.0,
         "positions": "learned"}
torch.manual_seed(1)
stuck, loss = race_row(None, transformer.TransformerConfig(norm="post", **small), rate=0.01, warmup=0)
print(f"now {loss:.2f}, saved {rows_of(blocks=6, norm='post', warmup=0, learning_rate=0.01)[0][-1]:.2f}")
print(f"likeness of the vectors of the line after the six blocks: {line_likeness(stuck):.2f}")
assert loss > marks["counting pairs"] + 0.3
assert line_likeness(stuck) > 0.9

# %% [markdown]
# One and the same vector everywhere, and so one and the same guess. Keep the second number in mind: the blocks at the
# end of this lesson do learn, and you will see theirs.

# %% [markdown] tags=["instructor"]
# **Minutes 34-40. Type** nothing: the vote is the work. Three bets on the board before the picture.
#
# **Poll:** "post-norm with warm-up at 12 blocks..."
# - *is saved, as it was at six*: run the eye down the table.
# - *is stuck too*: right here, with 200 steps. Ask for the picture that said so beforehand.

# %% [markdown]
# ## A belief: the cross-layer connection
#
# > **Common belief:** *"BERT has a cross-layer connection, which lets a layer read the layer before the last."* (So the
# > article that this course began from: *another key component of BERT*.) Would it help? Decide before you read on.
#
# *Article* 3.1.2 gives a formula, with $H_i$ the stream after layer i:
#
# $$H_i = \text{LayerNorm}\big(H_{i-1} + W_0 H_{i-1} + W_1\, \text{Cross}(H_{i-1}, H_{i-2}) + b\big)$$
#
# with $W_0$ and $W_1$ of shape [D, D] and $b$ [D] (we leave its dropout out). What *Cross* is, it does not say. **Our
# reading:** Cross(a, b) is attention from a to b: queries from the last layer, keys and values from the layer before
# it; $W_1$ and $b$ are then its last projection. Another reading might race otherwise.
#
# Look what stands first in the bracket: $H_{i-1}$, plain. The residual connection is in the formula already. So there
# are two questions. Does reading the layer before the last help? And could the cross-layer connection do the residual's
# work? Four runners, six post-norm blocks with warm-up, the network after each as always:
#
# | runner | attention reads | the bracket |
# |---|---|---|
# | residual (2017) | $H_{i-1}$ | $H_{i-1} + \text{Attention}$ |
# | cross-layer (the article) | $H_{i-2}$ | $H_{i-1} + W_0 H_{i-1} + \text{Attention}$ |
# | own layer: the control | $H_{i-1}$ | $H_{i-1} + W_0 H_{i-1} + \text{Attention}$ |
# | cross-layer, no residual | $H_{i-2}$ | $W_0 H_{i-1} + \text{Attention}$ |
#
# The last three have the same number of parameters exactly; the first has no $W_0$, and a wider network in its place,
# 16 numbers a block more than the others.

# %% tags=["boilerplate"]
# The saved table: the last loss of three seeds, and the parameters of the blocks.
for kind in dict.fromkeys(row["kind"] for row in saved["rows"] if row["race"] == "cross"):
    last = [losses[-1] for losses in rows_of(kind=kind)]
    size = next(row["parameters"] for row in saved["rows"] if row.get("kind") == kind)
    print(f"{kind:25} {size:,} parameters: {min(last):.3f} to {max(last):.3f}, mean {sum(last) / len(last):.3f}")

# %% [markdown]
# Read cross-layer against its control, own layer: all that differs is which layer is read. The means differ by less
# than 0.01, the seeds of one runner by 0.03 and more. The residual block of 2017 ends level with both. So in our
# reading, on this task, with six blocks and 200 steps, reading the layer before the last **neither helps nor harms** as
# far as three seeds can tell.
#
# Without the plain $H_{i-1}$ the mean loss is a little higher, though the bands overlap. It is no disaster like that of
# the picture: $W_0 H_{i-1}$ is a road past attention too, if a random one, and the network keeps its own residual.
#
# So the belief is false about BERT, whose paper (Devlin and others, 2019) has no such connection; and what the article
# describes is a residual block with two additions that our race cannot tell from none.

# %% tags=["boilerplate", "folded"]
# The article's layer in our reading.
class CrossStack(nn.Module):
    """Six layers: H = norm(H1 + W0 H1 + attention from H1 to H2), then the network."""

    def __init__(self, D=32):
        super().__init__()
        parts = {"attention": lambda: MultiHeadAttention(D, 4), "own": lambda: nn.Linear(D, D, bias=False),
                 "network": lambda: transformer.FeedForward(D), "first_norm": lambda: transformer.LayerNorm(D),
                 "second_norm": lambda: transformer.LayerNorm(D)}
        self.layers = nn.ModuleList(nn.ModuleDict({name: make() for name, make in parts.items()}) for _ in range(6))
        transformer.initialise(self, "xavier")

    def forward(self, x, is_causal):
        before = x  # under the first layer there is only its input
        for layer in self.layers:
            h = x + layer["own"](x) + layer["attention"](x, before, is_causal=is_causal)
            h = layer["first_norm"](h)
            before, x = x, layer["second_norm"](h + layer["network"](h))
        return x


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# One row of this table too, run now: cross-layer, the first seed.
torch.manual_seed(1)
_, loss = race_row(CrossStack(), transformer.TransformerConfig(norm="post", **small), rate=0.003, warmup=100)
print(f"now {loss:.2f}, saved {rows_of(kind='cross-layer')[0][-1]:.2f}")
assert abs(loss - rows_of(kind="cross-layer")[0][-1]) < 0.1

# %% [markdown] tags=["instructor"]
# **Minutes 40-43.** Vote first: helps, harms, neither. Then read the table from below.
#
# **Poll:** "what would show that reading the layer before the last helps?"
# - *cross-layer beats residual*: not alone. It has W0 too. Which row differs from it in one thing only?
# - *cross-layer beats own layer, by more than the seeds differ*: right.

# %% [markdown]
# ## Four blocks read Shakespeare
#
# Now a wider stack: four pre-norm blocks of 64 numbers, 32 letters at a time, at the bold rate. **The target:** a loss
# on *Macbeth* and *Twelfth Night* of at most **2.20** nats a letter, far below counting pairs. The next rung is to
# count what follows every *two* letters, in all of the 36 plays. The blocks will read a twelfth as much text. Which of
# the two will be ahead?

# %% tags=["boilerplate"]
# What counting reaches: the next letter after none, one and two letters (a hundredth is added to every count).
def counted(order):
    powers = V ** torch.arange(order - 1, -1, -1)
    counts = torch.bincount((read.unfold(0, order, 1) * powers).sum(1), minlength=V**order).view(-1, V) + 0.01
    shares = counts / counts.sum(1, keepdim=True)
    return -shares.view(-1)[(held.unfold(0, order, 1) * powers).sum(1)].log().mean().item()


rungs = {"no letter": counted(1), "one letter": counted(2), "two letters": counted(3)}
for name, loss in rungs.items():
    print(f"counting after {name:11} {loss:.2f} nats a letter")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Train four blocks, with progress and the live loss.
config = transformer.TransformerConfig(vocab_size=V, context_length=32, d_model=64, num_heads=4, num_layers=4,
                                       norm="pre", positions="sinusoidal", dropout=0.0)
settings = training.TrainingConfig(steps=800, learning_rate=1e-2, min_learning_rate=1e-3, warmup_steps=50, seed=1)
torch.manual_seed(1)
model = Speller(config)
began = time.perf_counter()
with device.one_thread():
    history = training.train(model, windows(32), loss_fn, settings, held_out=held_windows(32))
loss = history.held_out[-1][1]
print(f"{800 * 16 * 32:,} letters read in {time.perf_counter() - began:.0f} seconds; loss {loss:.2f}")
print(f"likeness of the vectors of the line after the four blocks: {line_likeness(model):.2f}")
assert loss < 2.20

# %% [markdown]
# The vectors of different places have stayed different. And in the run saved here the blocks are ahead of counting
# after two letters too, after a twelfth of its text. (After more letters counting gets better still, and lesson 17 has
# a surprise there.) What does such a model write? It sees at most 32 letters, guesses the next, one is drawn by its
# chances, and so on.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Letters drawn one after the other, by a stack that was never trained and by the trained one.
@torch.no_grad()
def write(model, text, count=240, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        chances = model(encode(text[-32:])[None])[0, -1].softmax(-1)
        text += letters[torch.multinomial(chances, 1, generator=generator)]
    return text


torch.manual_seed(1)
fresh = Speller(config).eval()
print(repr(write(fresh, "MACBETH:\n", 60)), "\n")
print(write(model, "MACBETH:\n"))

# %% [markdown]
# Short lines that begin with a capital, shouted names, words that nearly are some. All of it from guessing one letter
# at a time.
#
# One thing more can be done with a stream that is never replaced: **read it early**. Take the stream after each block,
# give it the last norm and the output table as if it were finished, and look how good the guess is. The control is the
# untrained stack. Guess for the trained one: does the loss fall in four even steps, all at the end, or all at once?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The guess read off the stream after each block, and how long the stream is.
@torch.no_grad()
def read_early(model):
    ids = torch.cat(held_windows(32))
    x = model.embedding(ids[:, :-1])
    for block in [None, *model.blocks.blocks]:
        x = x if block is None else block(x, is_causal=True)
        logits = F.linear(model.blocks.norm(x), model.embedding.tokens.weight)
        yield F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).item(), length(x)


for place, (trained, control) in enumerate(zip(read_early(model), read_early(fresh))):
    print(f"after block {place}: loss {trained[0]:5.2f}, length {trained[1]:5.1f};  untrained: loss {control[0]:5.2f}, "
          f"length {control[1]:5.1f}")

# %% [markdown]
# Before the first block the stream holds a letter and its place, and no guess: read off as it is, it is far worse than
# knowing nothing, which costs ln 80, 4.38. (Why? A letter's own vector is most like itself, so the table hears: *the
# same letter again*. In the control that voice grows fainter from block to block, and nothing comes in its place.) In
# the run saved here the first block alone takes nearly the whole way and writes by far the most, as the lengths say;
# each later one improves on what it found. It does not start over: it *adds*. That is what a residual stream is for.
# Lesson 21 comes back to this way of reading, the logit lens.

# %% [markdown] tags=["instructor"]
# **Minutes 43-50.** The run was started before the race. **Type** nothing; read the lines aloud, with feeling.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "we read the stream after block 2 of 4. The guess is..."
# - *useless, the work is not done*: thinks of a chain. In a stream every block writes into the same room.
# - *half way*: look at where the largest step is.
# - *nearly as good as the last*: right in the saved run. The first block takes nearly the whole way.

# %% [markdown]
# ## What you know now
#
# - A block is two sublayers around a stream: attention gathers, the network thinks about each place alone.
# - LayerNorm puts each vector to mean 0 and variance 1 over its own D numbers, divided by D, eps under the root; then a
#   trained weight and bias.
# - The residual stream is added to and never replaced. Without it the vectors of all places soon become the same;
#   without LayerNorm they run away.
# - Pre-norm leaves the stream alone: in our races it trained every time. Post-norm shrinks the stream after every sum,
#   and has to be started with care: a warm-up, fewer blocks, smaller first weights.
# - Two thirds of a block's numbers are in the network. More heads need no more numbers.
#
# **Quiz.** Open the answer that you would give.
#
# **1. A vector (2, 2, 2, 2) goes through LayerNorm with weight 1 and bias 0. What comes out?**
#
# <details><summary>(1, 1, 1, 1).</summary>
#
# The mean is subtracted first: nothing is left to divide.
#
# </details>
# <details><summary>(0, 0, 0, 0).</summary>
#
# Right: 0 divided by the root of 0 + eps.
#
# </details>
# <details><summary>Not a number.</summary>
#
# It would be 0 / 0 without eps. That is what eps is there for.
#
# </details>

# %% [markdown]
# **2. In a stack of pre-norm blocks someone sets the output weights and biases of all sublayers to zero. What does the
# stack compute?**
#
# <details><summary>Zero.</summary>
#
# A chain would. Here zeros are *added* to the stream.
#
# </details>
# <details><summary>The input, unchanged.</summary>
#
# Right. (But for the last norm, which stands behind the stack.)
#
# </details>
# <details><summary>LayerNorm of the input.</summary>
#
# That would be the post-norm stack. A pre-norm stream is not normalised on its way.
#
# </details>

# %% [markdown]
# **3. A stack is stuck just above the loss of counting single letters. What is the likeliest reason?**
#
# <details><summary>The learning rate is too small.</summary>
#
# Then it would creep on. The value tells more: what does a model know that knows only how frequent letters are?
#
# </details>
# <details><summary>It has too few parameters.</summary>
#
# As many blocks of the same size, wired pre-norm, went far below.
#
# </details>
# <details><summary>The vectors of all places have become the same.</summary>
#
# Right: the guess is then the same everywhere, and the best such guess is the letters' frequency.
#
# </details>

# %% [markdown]
# **4. You double the number of heads and leave d_model as it is. The block gets...**
#
# <details><summary>exactly as many numbers as before.</summary>
#
# Right. Each head is half as wide now.
#
# </details>
# <details><summary>twice as many numbers in attention.</summary>
#
# The heads share out d_model: each is half as wide now.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Xavier Glorot, Yoshua Bengio (2010). Understanding the Difficulty of Training Deep Feedforward Neural Networks.
#   AISTATS. The size of the first weights (`"xavier"` in the code).
# - Ashish Vaswani and others (2017). Attention Is All You Need. NeurIPS. The block, post-norm, with its warm-up.
# - Jimmy Lei Ba, Jamie Ryan Kiros, Geoffrey Hinton (2016). Layer Normalization. arXiv:1607.06450.
# - Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun (2016). Deep Residual Learning for Image Recognition. CVPR.
# - Ruibin Xiong and others (2020). On Layer Normalization in the Transformer Architecture. ICML. Pre- and post-norm,
#   and why one of them needs a warm-up.
# - Yihe Dong, Jean-Baptiste Cordonnier, Andreas Loukas (2021). Attention Is Not All You Need: Pure Attention Loses Rank
#   Doubly Exponentially with Depth. ICML. Why all vectors become the same.
# - Hongyu Wang and others (2022). DeepNet: Scaling Transformers to 1,000 Layers. arXiv:2203.00555. Post-norm with
#   smaller first weights and a weightier residual.
# - Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova (2019). BERT: Pre-training of Deep Bidirectional
#   Transformers for Language Understanding. NAACL.
# - Alec Radford and others (2019). Language Models are Unsupervised Multitask Learners. GPT-2: pre-norm.
# - William Shakespeare, 38 plays, public domain.
