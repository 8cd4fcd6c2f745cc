# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: interpretability
#   title: Reading attention
#   minutes: 90
# ---

# %% [markdown]
# # 21 Reading attention: what do the heads do?
#
# A published model reads fifty tokens drawn at random, and then the same fifty again. Nobody can guess such a text. The
# second time it can. At the end of this lesson you have found, among its 270 heads, the one that copies best; you have
# taken it out and watched the model copy far worse; and you know which other head tells it where to look. Before that
# you grow such a pair of heads yourself, in seconds.
#
# **You will build** the scissors that take a head out, a score for one habit of a head, the logit lens, and a probe;
# each with the control that keeps it honest. **You need** lesson 17 (GPT, the stream that blocks add to), lesson 11
# (heads, and the first that was silenced) and lesson 20 (Llama, and the weights of SmolLM2).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict, a head taken out (0-13). B: Where attention rests, the first belief
# (13-22). C: The pair of heads, grown and found (22-40). D: The lens, the probe, the second belief (40-50).
#
# **Minute 0.** Three numbers on the board, everyone writes their own: the loss on fifty random tokens; on the same
# fifty again; and, for block D, what share of letters an *untrained* model's probe sorts rightly into vowels and
# others.
#
# **When 15 minutes late:** leave out the order of taking heads out, the explorer of steps and the exercise on the lens.
# Do not leave out the head that goes blind.

# %% [markdown]
# ## Predict: the same fifty again
#
# **SmolLM2**, from lesson 20: thirty blocks of nine heads, its weights in the file's own 4 bits. It gets fifty tokens,
# each drawn at random out of 49,152, and then the same fifty in the same order. At each place it says what comes next;
# the price is -ln p of what came.
#
# **Write down two numbers,** in nats: the mean price of a token in the first showing, and in the second. (Who knows
# nothing pays ln 49,152 = 10.8.)

# %% tags=["boilerplate"]
# The model, its tokenizer, and fifty random tokens, twice.
import math

import torch
import torch.nn.functional as F

from course_lib import checkpoints, data, device, gpt, llama, pretrain, viz

smol, pieces = checkpoints.load_llama(data.path("smollm2"), "int4")
device.give_back_memory()


def drawn(seed, count=50):
    """Tokens drawn at random, none of them a special one: [count]."""
    first = len(pieces.special_tokens)
    return torch.randint(first, len(pieces), (count,), generator=torch.Generator().manual_seed(seed))


def twice(seed, count=50):
    return drawn(seed, count).repeat(2)  # [2 count]


print(repr(pieces.decode(drawn(0)[:8].tolist())), "...")

# %% tags=["nbval-ignore-output"]
# The mean price of a token, showing by showing.
def showings(ids):
    prices, count = -gpt.log_probs(smol, ids), len(ids) // 2  # [2 count - 1]
    return prices[: count - 1].mean().item(), prices[count:].mean().item()


first, second = showings(twice(0))
print(f"first showing {first:.1f} nats a token, second {second:.1f}   (knowing nothing: {math.log(len(pieces)):.1f})")
assert first > 11
assert second < 5

# %% [markdown]
# The first is worse than knowing nothing: the model expects language, and puts its trust in the wrong tokens. The
# second is a different matter: 2.6 nats mean that the right one of fifty thousand tokens gets about 7 per cent (a
# geometric average). And nobody set out to teach it to copy noise.
#
# So somewhere in there something says: *this token has stood here before, and after it came that one*. Where? The
# article on which this course began names the question among the open ones (5.2.3): pretrained models are **black
# boxes**, and are to become "more explainable". But what is black about this one? You have written each line of its
# code, and every weight can be printed. What is missing is not access. It is *meaning*: which part does what, and how
# would we notice if we were wrong?
#
# Four tools answer such questions, and each of them fools people in a way of its own: **take it out**, **measure where
# it looks**, **read early**, **ask with a straight line**. One after the other.

# %% [markdown]
# ## Take a head out
#
# A block's heads write their numbers side by side; the output layer multiplies all of them by one matrix and adds the
# result to the stream. So each head has its own columns of that matrix, and **adds its own vector**. Take a head out:
# put 0 in the place of its numbers, and nothing of it reaches the stream.
#
# **With a pencil.** One token; three heads of two numbers have written (1, 2), (3, 4), (5, 6). The output layer of this
# toy adds up the first numbers of all heads, and the second ones. What does it add to the stream? And without the
# middle head? What had that head added?

# %%
# The toy: three heads of two numbers, and an output layer of two rows.
said = torch.tensor([1.0, 2, 3, 4, 5, 6])
output = torch.tensor([[1.0, 0, 1, 0, 1, 0], [0, 1, 0, 1, 0, 1]])  # [2, 6]
without = said.clone()
without[2:4] = 0
print((output @ said).tolist(), (output @ without).tolist(), (output @ (said - without)).tolist())

# %% [markdown]
# (9, 12), (6, 8), and the difference is (3, 4).
#
# **Your turn (8 minutes).** Write `without_heads(said, heads, num_heads)`. `said` [B, T, D] is what all heads of a
# block have written, side by side: the first D / num_heads numbers are head 0's, the next ones head 1's, and so on.
# `heads` is a list of heads, counted from 0. Return the same with 0 for these heads. The input stays as it is: somebody
# else may still need it.

# %% tags=["exercise"]
# Write the scissors.
def without_heads(said, heads, num_heads):
    """What the heads have written, [B, T, D], with 0 in the place of some heads' numbers."""
    ### BEGIN SOLUTION
    B, T, D = said.shape
    parts = said.view(B, T, num_heads, D // num_heads).clone()
    parts[:, :, heads] = 0
    return parts.view(B, T, D)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import reading_attention as check

check.without_heads(without_heads)

# %% [markdown] tags=["hint"]
# D numbers are num_heads stretches. Which of `view`'s shapes makes an axis of its own out of the heads? And which line
# keeps the input as it was?

# %% [markdown] tags=["hint"]
# `parts = said.view(B, T, num_heads, D // num_heads).clone()`, then `parts[:, :, heads] = 0`, and back to [B, T, D].

# %% [markdown]
# In the library it is `with ablated(model, [(block, head), ...]):`. Within it the output layer of the block reads what
# your function returns; afterwards the model is as before. To **ablate** is the word that the field uses. (The
# published libraries once had a switch for this; in `transformers` 5 the argument `head_mask` is taken and does
# nothing.)
#
# Now to the course's GPT of letters: four blocks of four heads, and a price of about 1.4 nats a letter on
# plays that it has not read. **Predict:** you take out one head of the sixteen. By how much does the price rise for the
# dearest head? And how many of the sixteen cost less than 0.05 nats?

# %% tags=["boilerplate"]
# The GPT of letters; 24 rows of the held-out plays, and 24 others for later.
from course_lib.interpretability import ablated, usual_outputs

speller, letters = pretrain.load(data.path("gpt_characters"))
plays = torch.tensor(letters.encode(pretrain.plays(held_out=True)))
rows = plays[: len(plays) // 129 * 129].view(-1, 129)
measured, others = rows[::100][:24], rows[50::100][:24]  # [24, 129] both
HEADS = [(block, head) for block in range(4) for head in range(4)]


def row_prices(model, rows):
    """The mean price of each row: [N]."""
    return torch.stack([-gpt.log_probs(model, row).mean() for row in rows])


# %% tags=["nbval-ignore-output"]
# Each head taken out alone: what the price rises by, with a 95% interval over the rows.
before = row_prices(speller, measured)
cost, margin = {}, {}
for head in HEADS:
    with ablated(speller, [head]):
        rise = row_prices(speller, measured) - before  # the same rows: a paired difference
    cost[head], margin[head] = rise.mean().item(), 1.96 * rise.std().item() / 24**0.5
print(f"all heads: {before.mean():.2f} nats a letter")
for block in range(4):
    print(f"block {block}:", "   ".join(f"{cost[block, head]:+.3f} ±{margin[block, head]:.3f}" for head in range(4)))
assert max(cost.values()) > 0.5
assert sum(rise < 0.05 for rise in cost.values()) >= 8

# %% tags=["boilerplate", "nbval-ignore-output"]
# The same as a picture: the importance of each head, and its interval.
from course_lib.viz import evaluation as intervals

bars = {f"block {block}, head {head}": (rise, rise - margin[block, head], rise + margin[block, head])
        for (block, head), rise in cost.items()}  # fmt: skip
viz.show(*intervals.intervals(bars, "One head taken out", "what the price of a letter rises by (nats, 95% interval)"))

# %% [markdown]
# One head is worth more than a nat: the one that began, in lesson 17, by looking one letter back. Its three neighbours
# in the first block, which began with two, three and four letters back, follow in that order. And the other twelve?
# All but one cost less than a twentieth of a nat. Are they useless, then? Each was taken out with all the others there.
# **Predict:** take the twelve cheapest out *together*. Will the price rise by the sum of the twelve, by less, or by
# more?
#
# The control: heads taken out in an order that chance draws, three times. All on the *other* 24 rows: an order that was
# chosen on some rows may flatter itself on the same ones.

# %% tags=["boilerplate", "nbval-ignore-output"]
# 0, 2, 4, ... 16 heads taken out: the cheapest first, and in three random orders.
import functools


@functools.cache  # none and all are the same heads in every order
def price_without(heads):
    with ablated(speller, list(heads)):
        return row_prices(speller, others).mean().item()


def falling(order):
    return [price_without(frozenset(order[:count])) for count in range(0, 17, 2)]


orders = {"cheapest first": sorted(HEADS, key=cost.get)}
for seed in range(3):
    shuffled = torch.randperm(16, generator=torch.Generator().manual_seed(seed)).tolist()
    orders[f"random order {seed + 1}"] = [HEADS[i] for i in shuffled]
fallen = {name: falling(order) for name, order in orders.items()}
for name, prices in fallen.items():
    print(f"{name:15}", " ".join(f"{price:.2f}" for price in prices))
twelve = orders["cheapest first"][:12]
with ablated(speller, twelve):
    rise = row_prices(speller, measured) - before  # on the rows of the single costs
print(f"the twelve cheapest, together: {rise.mean():.3f} ±{1.96 * rise.std() / 24**0.5:.3f}; "
      f"the sum of their single costs: {sum(cost[head] for head in twelve):.3f}")
assert fallen["cheapest first"][6] < fallen["cheapest first"][0] + 0.5

# %% tags=["boilerplate", "nbval-ignore-output"]
# The four ways down.
from course_lib.viz.tokenizers import lines

ways = {name: (range(0, 17, 2), prices) for name, prices in fallen.items()}
viz.show(*lines(ways, "Heads taken out, one after another", "heads taken out (of 16)", "price (nats a letter)", log=""))

# %% [markdown]
# Three quarters of the heads can go for a small part of a nat; the last quarter is what the model stands on. Michel,
# Levy and Neubig (2019) found the like in a translator and in BERT, and called their paper *Are sixteen heads really
# better than one?* And the sum? Compare the last line: in the run saved here it lies within the margin. Nothing
# promises that. What one head does another may do as well, and then neither looks dear while both are there: costs of
# single heads are no shares of a cake.
#
# **A control for the scissors themselves.** 0 may be a number that the rest of the model has never met. Then the price
# rises because something is *odd*, and not because something is *missing*. So put in its place what the head says on
# **average**: that is as usual as can be, and still says nothing about this text.

# %% tags=["boilerplate", "nbval-ignore-output"]
# Zero, and what the head usually says, in its place: the five dearest heads.
usual = usual_outputs(speller, others[:, :-1])  # [blocks, heads, D / heads]
for head in sorted(HEADS, key=cost.get)[:-6:-1]:
    with ablated(speller, [head], usual):
        by_mean = (row_prices(speller, measured) - before).mean().item()
    print(f"block {head[0]}, head {head[1]}: 0 instead {cost[head]:.3f}, its mean instead {by_mean:.3f}")
    assert abs(by_mean - cost[head]) < 0.3

# %% [markdown]
# The two agree: what is gone was information. (They need not. Where they differ a lot, trust the second.)

# %% [markdown] tags=["instructor"]
# **Minutes 0-13. Type** the two showings (3 lines), the toy (5 lines), the solution (4 lines). Ask for the dearest head
# before the table is run: who remembers lesson 17's start has the order.
#
# **The planned mistake:** the numbers are dealt out like cards, `view(B, T, D // num_heads, num_heads)`. All shapes
# fit. The reply is below.
#
# **Poll:** "a head costs 0.003 ± 0.003. What follows?"
# - *it does nothing*: on this text, on average, with all the others there.
# - *it can be left out*: alone, yes. Ask what happens if two such heads do the same thing.
# - *on these rows nobody else misses it*: right, and no more.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(said, heads, num_heads):
    B, T, D = said.shape
    parts = said.view(B, T, D // num_heads, num_heads).clone()
    parts[..., heads] = 0
    return parts.view(B, T, D)


check.without_heads(planned_mistake)

# %% [markdown]
# ## Where does attention rest?
#
# Back to SmolLM2, now on eight stretches of 64 tokens out of film reviews. **Predict:** over all heads, blocks and
# places, which token gets the most attention: the one before, the same word elsewhere, the full stops, a noun? And what
# share of all weight does it have? (A head that looks at all visible tokens alike gives the k-th place of 64 only a few
# per cent.)

# %% tags=["boilerplate", "nbval-ignore-output"]
# The mean weight on each place, over eight stretches, all 270 heads and all tokens that ask.
stretches = [ids[8:72] for review in data.load("film_sentiment")[::1500] if len(ids := pieces.encode(review.text)) > 72]
reviews = torch.tensor(stretches[:8])  # [8, 64]
with torch.no_grad():
    looks = smol(reviews, last=True, return_attention=True).attention  # [30, 8, 9, 64, 64]
shares, even = looks.mean((0, 1, 2, 3)), torch.ones(64, 64).tril()
to_first = looks[..., 1:, 0].mean((1, 3))  # [30, 9]: each head's, for later
del looks  # 35 MB
even = (even / even.sum(1, keepdim=True)).mean(0)
for place in (0, 1, 2, 31):
    tokens = ", ".join(repr(pieces.decode([i])) for i in reviews[:3, place].tolist())
    print(f"place {place:2} ({tokens}, ...): {shares[place]:.3f}, looking at all alike {even[place]:.3f}")
with torch.no_grad():
    spelled = speller(measured[:, :64], return_attention=True).attention[..., 0].mean().item()
print(f"the first place in the GPT of letters: {spelled:.3f}")
assert shares[0] > 0.3

# %% [markdown]
# **The first**, whatever it is, and it gets nearly half of everything. What the token says cannot be the reason: these
# stretches begin anywhere, with a hyphen or in the middle of a sentence. Xiao and others (2024) explain it like this: a
# softmax must spend 1 somewhere, and a head that finds nothing for it puts its weight where it does no harm. They call
# such a place an **attention sink** (lesson 14 met it in BERT's `[SEP]`). The GPT of letters has none: its first place
# gets little more than even looks would give.
#
# How does one rest without harm? A weight is a share of a *value*. Look at the values' lengths:

# %% tags=["nbval-ignore-output"]
# The length of the first token's values and of the others', over all blocks and heads.
values = llama.trace(smol, reviews[0, :6]).value.norm(dim=-1)  # [30, 9, 6]
device.give_back_memory()
print(f"first token {values[..., 0].mean():.1f}, the others {values[..., 1:].mean():.1f}")
assert values[..., 0].mean() < 0.6 * values[..., 1:].mean()

# %% [markdown]
# A large share of a short vector is little (Kobayashi and others, 2020: *attention is not only a weight*). With this in
# mind, the belief of lesson 10 once more:
#
# > **Common belief:** *"Attention is an explanation: what a model looks at most is what it decides by."* Thousands of
# > coloured texts in papers say so. Decide first. In *The capital of France is*, which of the first four tokens does
# > the last one look at most, over all heads? And for which is the answer lost if the token is left out?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Left: how much the last token looks at each; right: the model's p of Paris without that token.
@torch.no_grad()
def left_out(ids):
    """ln p of all next tokens: with all of the text [V], and without each token but the last [T - 1, V]."""
    T = len(ids)
    kept = ~torch.eye(T, dtype=torch.bool)[: T - 1]
    return (smol(ids[None], last=True).logits[0, 0].log_softmax(0),
            smol(ids.expand(T - 1, T), kept, last=True).logits[:, 0].log_softmax(-1))  # fmt: skip


@torch.no_grad()
def looked_at(ids):
    """The last token's weights, a mean over all heads of all blocks: [T]."""
    return smol(ids[None], last=True, return_attention=True).attention[:, 0, :, -1].mean((0, 1))


ids = torch.tensor(pieces.encode("The capital of France is"))
paris = pieces.encode(" Paris")[0]
whole, less = left_out(ids)
print(f"with all tokens: p of Paris {whole[paris].exp():.2f}")
for place, weight in enumerate(looked_at(ids)[:-1]):
    token = pieces.decode([int(ids[place])])
    print(f"{token!r:11} looked at with {weight:.2f}; without it p of Paris is {less[place, paris].exp():.4f}")

# %% tags=["boilerplate", "nbval-ignore-output"]
# The same for the first 12 tokens of twelve reviews: is the most attended token the one that is needed most?
beginnings = [ids[:12] for review in data.load("film_sentiment")[::900] if len(ids := pieces.encode(review.text)) > 12]
counts = {"the first is looked at most": 0, "the most attended is needed most": 0, "the same, the first left aside": 0}
for ids in torch.tensor(beginnings[:12]):
    whole, less = left_out(ids)
    moved = (whole.exp() * (whole - less)).sum(-1)  # [11]: how far the answer moves, in nats
    weights = looked_at(ids)[:-1]
    found = [weights.argmax() == 0, weights.argmax() == moved.argmax(), weights[1:].argmax() == moved[1:].argmax()]
    counts = {name: count + int(yes) for (name, count), yes in zip(counts.items(), found)}
for name, count in counts.items():
    print(f"{name}: {count} of 12")
assert counts["the most attended is needed most"] <= 6

# %% [markdown]
# **False**, as it stands. Paris is lost most thoroughly without *capital* and without *France*, which get little of the
# weight. (It suffers without *The*, too: that is the resting place, and every head that rests there has to go
# elsewhere.) And in none of the twelve reviews of the saved run is the most attended token the one that is needed most.
# With the sink put aside the weights hit 8 times of 12, where a guess among ten would hit once; so they say something,
# and still miss every third time.
#
# And heads? The twenty that put the most weight on the first token look as decided as a head can. Take all twenty out
# at once; and as the control twenty that chance draws, three times. **Predict:** which twenty cost more?

# %% tags=["boilerplate", "nbval-ignore-output"]
# The twenty heads that look hardest at the first token, and three times twenty at random.
price = row_prices(smol, reviews)
chosen = {"twenty that look at the first": to_first.flatten().argsort(descending=True)[:20]}
chosen |= {f"twenty at random, {seed}": torch.randperm(270, generator=torch.Generator().manual_seed(seed))[:20]
           for seed in (1, 2, 3)}  # fmt: skip
print(f"all heads: {price.mean():.2f} nats a token")
for name, numbers in chosen.items():
    with ablated(smol, [divmod(int(number), 9) for number in numbers]):
        rise = row_prices(smol, reviews) - price
    seen = to_first.flatten()[numbers].mean()
    margin_of_rise = 1.96 * rise.std() / 8**0.5
    print(f"{name}: {seen:.2f} of their weight on it; without them {rise.mean():+.2f} ±{margin_of_rise:.2f}")

# %% [markdown]
# The sharpest looks of all, and hardly anybody misses them. What they cost is within the margin, no more than the
# cheapest of the three random twenties, and less than the dearest.
#
# Jain and Wallace (2019) wrote *Attention is not explanation*; Wiegreffe and Pinter (2019) answered *Attention is not
# not explanation*: it depends on what one calls an explanation, and one has to test it. That is the point to keep. A
# weight says what was *fetched*. What it was *worth* only an experiment says. We now look for a head where both agree.

# %% [markdown] tags=["instructor"]
# **Minutes 13-22. Type** the values' lengths (2 lines). Vote on the belief, then on *France*.
#
# **Poll:** "0.5 of all attention lies on the first token. So the first token..."
# - *is the most important one*: the stretches begin anywhere.
# - *is where a head rests that has nothing to say*: right; its value is short.
# - *is a mistake in the training*: where would you have the weight go, if every row must sum to one?

# %% [markdown]
# ## A pair of heads that copies
#
# How can a model copy at all? **With a pencil.** The row `b a c b`, and the question is what comes next. Of course *a*:
# after *b* there was *a*. So the last *b* should look at the *a*. But attention matches a query with keys. The query is
# made of *b*; the key of that *a* is made of *a*. Nothing in the *a* says that a *b* stood before it. One block cannot
# do it.
#
# Two can. **First block:** a head that looks one place back writes into each place *who stood before me*. **Second
# block:** the query of *b* looks for keys that say *before me stood b*, and finds the *a*. Such a second head is called
# an **induction head** (Elhage and others, 2021; Olsson and others, 2022). How would we recognise one? By where it
# looks: at what came next the last time.
#
# **Still with the pencil:** the row `b a c b a`, its places counted from 0. For which places is there a *last time*? At
# which place should each of these look? And these are one head's weights:
#
# | | 0 *b* | 1 *a* | 2 *c* | 3 *b* | 4 *a* |
# |---|---|---|---|---|---|
# | 3 *b* looks | .1 | .6 | .1 | .2 | |
# | 4 *a* looks | .3 | .1 | .4 | .1 | .1 |
#
# What share of their weight goes where it should, on average?

# %%
# Place 3 should look at 1, place 4 at 2.
weights = torch.zeros(5, 5)
weights[3], weights[4] = torch.tensor([0.1, 0.6, 0.1, 0.2, 0]), torch.tensor([0.3, 0.1, 0.4, 0.1, 0.1])
print(f"{(weights[3, 1] + weights[4, 2]) / 2:.2f}")

# %% [markdown]
# One half. This is the **prefix-matching score**.
#
# **Your turn (10 minutes).** Write `prefix_matching(attention, ids)`. `attention` [T, T] are the weights of one head,
# row t for the token that asks; `ids` [T] are the tokens. Token t looks right at every place j, up to t itself, *whose
# predecessor is the same token as t*. If there are several such places, their weights are added. Return the mean over
# the tokens that have such a place; the others cannot be right and do not count. (No fixed distance: the token may have
# stood anywhere.)

# %% tags=["exercise"]
# Write the score.
def prefix_matching(attention, ids):
    """How much weight goes to what came next the last time: a number from 0 to 1."""
    ### BEGIN SOLUTION
    shares = []
    for t in range(len(ids)):
        right = [j for j in range(1, t + 1) if ids[j - 1] == ids[t]]
        if right:
            shares.append(attention[t, right].sum())
    return sum(shares) / len(shares)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.prefix_matching(prefix_matching)

# %% [markdown] tags=["hint"]
# For the token at t: which places j have a token before them that equals it? What is the first j that has a token
# before it at all?

# %% [markdown] tags=["hint"]
# `right = [j for j in range(1, t + 1) if ids[j - 1] == ids[t]]`, and where that list is not empty
# `attention[t, right].sum()`.

# %% [markdown]
# ### Grow one
#
# Rows without any sense: 10 to 16 different tokens of 32, in an order that chance draws, shown again and again. Priced
# are only tokens that have been shown before: the first showing is anybody's guess. The model is lesson 20's, more than
# a thousand times smaller: two blocks of two heads.
#
# Why 10 to 16, and not 12 every time? Because then *one* block could do it, by always looking 11 places back, and our
# control would prove nothing. The control is that one block, with three times as many steps.
#
# **Predict:** the price in the second showing after 250 steps with two blocks; and after 750 with one. (ln 32 = 3.5.)

# %% tags=["boilerplate"]
# Rows that repeat; the price of what was shown before; a small model.
from course_lib import training
from course_lib.interpretability import prefix_matching as score


def repeating(count, generator):
    """Rows of 33 tokens, and how many different ones each shows again and again."""
    many = torch.randint(10, 17, (count,), generator=generator)
    order = torch.rand(count, 32, generator=generator).argsort(1)
    return order.gather(1, torch.arange(33) % many[:, None]), many


def repeat_price(model, batch):
    """The mean price of the tokens whose predecessor has been followed by them before."""
    ids, many = batch
    prices = F.cross_entropy(model(ids[:, :-1]).logits.transpose(1, 2), ids[:, 1:], reduction="none")  # [B, 32]
    return prices[torch.arange(32) >= many[:, None]].mean()


def small_model(num_layers):
    torch.manual_seed(0)
    model = llama.Llama(llama.LlamaConfig(vocab_size=32, context_length=32, d_model=64, num_layers=num_layers,
                                          num_heads=2, num_kv_heads=2, d_ff=128, rope_theta=10_000.0))  # fmt: skip
    with torch.no_grad():
        for table in (p for p in model.parameters() if p.ndim == 2):
            table *= 3  # 0.02 is the start of wide models; a narrow one learns faster from larger numbers
    return model.eval()


# %% tags=["boilerplate"]
# What is watched on the way, on 16 rows of its own: the price, each head's score, one row's weights.
held = repeating(16, torch.Generator().manual_seed(99))


@torch.no_grad()
def watch(model):
    """The price, each head's score and its weight one place back (means), and its weights: [blocks, heads, 16, ...]."""
    maps = model(held[0][:, :-1], return_attention=True).attention.transpose(1, 2)  # [L, H, 16, 32, 32]
    scores = torch.stack([score(maps[:, :, i], ids) for i, ids in enumerate(held[0][:, :-1])]).mean(0)
    return repeat_price(model, held).item(), scores, maps.diagonal(-1, -2, -1).mean((-1, -2)), maps


def grow(num_layers, steps):
    model, seen = small_model(num_layers), {}
    seen[0] = watch(model)

    def on_step(progress):
        if progress.step % 10 == 0:
            seen[progress.step] = watch(model)

    def batches(generator):
        while True:
            yield repeating(64, generator)

    plan = training.TrainingConfig(steps=steps, learning_rate=1e-2, warmup_steps=30, decay="constant",
                                   betas=(0.9, 0.98))  # fmt: skip
    training.train(model, batches, repeat_price, plan, on_step=on_step)
    return model, seen


# %% tags=["boilerplate", "nbval-ignore-output"]
# Two blocks, 250 steps; one block, 750.
with device.one_thread():
    two, two_seen = grow(2, 250)
    one, one_seen = grow(1, 750)
print(f"two blocks, 250 steps: {two_seen[250][0]:.2f} nats; one block, 250 steps: {one_seen[250][0]:.2f}, "
      f"750 steps: {one_seen[750][0]:.2f}")
assert two_seen[250][0] < 0.3
assert one_seen[750][0] > 1

# %% tags=["boilerplate", "nbval-ignore-output"]
# The price on the way.
from course_lib.viz import training as curves

histories = {"two blocks": two_seen, "one block": one_seen}
ways = {name: (list(seen), [price for price, *_ in seen.values()]) for name, seen in histories.items()}
viz.show(*curves.curves(ways, "Rows shown again and again", "price of a token shown before (nats)"))

# %% [markdown]
# With two blocks the price falls off a cliff, to almost nothing. One block learns something, too: it pays less than
# whoever knows which tokens belong to the row and no more (ln 13 = 2.6). And then it stays. (It also has half the
# weights. But a larger one would not do: that no single block can, unless its size grows out of all proportion, has
# been proved by Sanford, Hsu and Telgarsky, 2024.) What happened at the cliff? The scores were watched.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The best score of any head, on the way.
ways = {name: (list(seen), [scores.max().item() for _, scores, *_ in seen.values()])
        for name, seen in histories.items()}  # fmt: skip
viz.show(*curves.curves(ways, "The head that looks at what came next the last time", "best prefix-matching score"))

# %% tags=["nbval-ignore-output"]
# Every head at the end: its score, its weight one place back, and on itself.
_, scores, back, maps = two_seen[250]
itself = maps.diagonal(0, -2, -1).mean((-1, -2))  # [blocks, heads]
for block, head in [(0, 0), (0, 1), (1, 0), (1, 1)]:
    print(f"two blocks: block {block}, head {head}: score {scores[block, head]:.2f}, one back {back[block, head]:.2f}, "
          f"itself {itself[block, head]:.2f}")  # fmt: skip
_, scores_one, back_one, _ = one_seen[750]
for head in (0, 1):
    print(f"one block:  block 0, head {head}: score {scores_one[0, head]:.2f}, one back {back_one[0, head]:.2f}")
assert scores[1].max() > 0.8
assert back[0].max() > 0.5

# %% [markdown]
# There they are, both: in the first block a head that looks one place back, in the second one that looks at what came
# next the last time. And the score rises when the price falls. That is company, not cause. The scissors:
#
# **Predict:** take out the head of block 0 that looks one back. The price rises, sure. But what happens to the *look*
# of the head in block 1, which nobody has touched? The control is the other head of block 0.

# %% tags=["boilerplate", "nbval-ignore-output"]
# Each head taken out, with 0 and with its mean in its place: the price, and where the best head of block 1 looks.
best = int(scores[1].argmax())
blind, said = {}, usual_outputs(two, held[0][:, :-1])
print(f"all heads: price {two_seen[250][0]:.2f}, score of block 1, head {best}: {scores[1, best]:.2f}")
for head in [(0, 0), (0, 1), (1, 0), (1, 1)]:
    with ablated(two, [head]):
        price, left, *_ = watch(two)
    with ablated(two, [head], said):
        _, by_mean, *_ = watch(two)
    blind[head] = left[1, best].item()
    print(f"without block {head[0]}, head {head[1]}: price {price:.2f}, score {blind[head]:.2f} "
          f"(its mean in its place: {by_mean[1, best]:.2f})")  # fmt: skip
assert blind[0, int(back[0].argmax())] < 0.5 * scores[1, best]

# %% [markdown]
# It goes **blind**. It has all its weights, and does not find its key any more. No picture of weights could have shown
# that. And the other head of block 1, which has a score of its own, costs nothing.
#
# But look at the control before you are content. In the run saved here the *other* head of block 0 never looks one
# back, it looks at itself; and without it the copying head goes blind as well. With its mean in its place, too: it is
# not the 0 that blinds. So block 0 writes two things into each place, *who stood before me* and *who I am*, and the
# copying head finds nothing without either. A likely reading: the one makes the keys, the other the question. That it
# needs both, the scissors prove; what it does with each, they do not.
#
# **Look:** one row, step by step. Rows ask, columns are looked at; a head that copies draws a line parallel to the
# diagonal. When does the line of block 1 appear, and what was there before it? The control draws none, however long.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The weights of one row on the way.
from course_lib.viz.heatmap import heatmap

NAMES = "abcdefghijklmnopqrstuvwxyzABCDEF"
row = int((held[1] - 12).abs().argmin())
signs = [NAMES[i] for i in held[0][row, :-1].tolist()]
LOOKS = {"block 0, one back": (two_seen, 0, int(back[0].argmax())),
         "block 0, the other": (two_seen, 0, int(back[0].argmin())), "block 1, induction": (two_seen, 1, best),
         "control: one block": (one_seen, 0, int(scores_one[0].argmax()))}  # fmt: skip


def draw_look(head, step):
    seen, block, number = LOOKS[head]
    table = seen[step][3][block, number, row]
    return heatmap(table, signs, signs, f"{head}, after {step} steps; {int(held[1][row])} tokens, again and again",
                   "weight", low=0.0, high=1.0)  # fmt: skip


viz.explore(draw_look, head=viz.Choice([*LOOKS], value="block 1, induction"), step=viz.Slider(0, 250, 10, value=250))

# %% [markdown] tags=["instructor"]
# **Minutes 22-33. Type** the pencil's row (3 lines), the solution (5 lines), the table of heads (7 lines). Start the
# two runs before the exercise; nobody waits for them.
#
# **The planned mistake:** the weight on the *same* token, one place too early. The reply is below.
#
# **Poll**, before the scissors: "without the head that looks one back, the head of block 1..."
# - *looks as before; its weights are the same*: its weights are, its keys are not.
# - *finds nothing*: right.
# - *takes over*: it cannot look before it has been told.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(attention, ids):
    shares = []
    for t in range(len(ids)):
        right = [j for j in range(t) if ids[j] == ids[t]]
        if right:
            shares.append(attention[t, right].sum())
    return sum(shares) / len(shares)


check.prefix_matching(planned_mistake)

# %% [markdown]
# ## The head that copies
#
# Your pair was grown on nothing but repetition. SmolLM2 was grown on text. Is there such a head in it? One pass over
# the fifty tokens shown twice, and the score of each of 270 heads.

# %% tags=["nbval-ignore-output"]
# The six best scores; and what even looks would have.
with torch.no_grad():
    maps = smol(twice(0)[None], return_attention=True).attention[:, 0]  # [30, 9, 100, 100]
scores = score(maps, twice(0))
for number in scores.flatten().topk(6).indices.tolist():
    block, head = divmod(number, 9)
    print(f"block {block}, head {head}: {scores[block, head]:.2f}")
copying = divmod(int(scores.argmax()), 9)
even = torch.ones(100, 100).tril()
print(f"looking at all alike: {score(even / even.sum(1, keepdim=True), twice(0)):.2f}")
assert scores.max() > 0.8

# %% [markdown]
# One head puts nine tenths of its weight on the right token out of a hundred. Here it is at work on ten tokens shown
# twice, all nine heads of its block. **Look** for the line that runs beside the diagonal.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The heads of that block on ten tokens, twice.
@torch.no_grad()
def block_looks(ids):
    return smol(ids[None], return_attention=True).attention[copying[0], 0]  # [9, T, T]


def names_of(ids):
    return [pieces.decode([i]) for i in ids.tolist()]


short = twice(0, 10)
viz.attention_view(block_looks(short), names_of(short), head=copying[1], title=f"Block {copying[0]}: ten tokens, twice")

# %% tags=["boilerplate", "nbval-ignore-output"]
# The control: ten tokens, and then ten others.
unlike = torch.cat([drawn(0, 10), drawn(1, 10)])
viz.attention_view(block_looks(unlike), names_of(unlike), head=copying[1], title="Control: nothing comes twice")

# %% [markdown]
# With nothing to find, it rests on the first token, like so many. Now the experiment. **The target, stated first:** in
# each of three new draws of fifty tokens (the head was found on another one), without this head the second showing
# costs at least **1** nat more; and of ten random heads, drawn anew each time, the *middle* one costs less than a fifth
# of that. **Predict:** what does the second showing cost without the head: as much as the first, or less?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The copying head taken out, then ten others, one at a time; three draws.
rest = [(block, head) for block in range(30) for head in range(9) if (block, head) != copying]


def second_without(ids, heads):
    with ablated(smol, heads):
        return showings(ids)[1]


runs, tried = {}, {}
for seed in (1, 2, 3):
    ids = twice(seed)
    some = [rest[i] for i in torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed))[:10].tolist()]
    prices = [second_without(ids, [head]) for head in some]
    runs[f"draw {seed}"] = (showings(ids)[1], second_without(ids, [copying]), prices)
    tried |= {(seed, head): price - runs[f"draw {seed}"][0] for head, price in zip(some, prices)}
    whole, without, _ = runs[f"draw {seed}"]
    print(f"draw {seed}: all heads {whole:.2f}, without the copying head {without:.2f}; without a random one "
          + " ".join(f"{price:.2f}" for price in sorted(prices)))  # fmt: skip

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The target, draw by draw.
for name, (whole, without, prices) in runs.items():
    middle = sorted(prices)[4:6]
    rise, usual_rise = without - whole, sum(middle) / 2 - whole
    print(f"{name}: the head costs {rise:.2f}, the middle of ten random ones {usual_rise:.2f}",
          "target reached" if rise >= 1 and usual_rise < rise / 5 else "target missed")  # fmt: skip

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The picture.
from course_lib.viz import interpretability as pictures

viz.show(*pictures.removals(runs, "The second showing, with one head taken out", "price of a token (nats)",
                            ("all heads", "without the copying head", "without a random head")))  # fmt: skip

# %% [markdown]
# One head of 270, and the model copies far worse. Not as badly as in the first showing (14.5 nats at the start of this
# lesson): other heads with high scores are still there, and may go on copying. A random head mostly costs nothing at
# all. But look at the dots far to the right, if there are any: a random head that costs as much as ours, or more. Is it
# a copying head, too? It may also be a head without which *nothing* works. So ask how much the dearest of the thirty
# random heads costs where nothing can be copied: in the first showing, and on film reviews. The copying head should
# cost nothing there.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The copying head, and the dearest of the random ones: the second showing, the first, and film reviews.
device.give_back_memory()
price = row_prices(smol, reviews).mean().item()
(seed, dearest), _ = max(tried.items(), key=lambda item: item[1])
for name, head, ids in [("the copying head", copying, twice(1)), ("the dearest random head", dearest, twice(seed))]:
    whole = showings(ids)
    with ablated(smol, [head]):
        less, text = showings(ids), row_prices(smol, reviews).mean().item()
    print(f"{name} {head}: second showing {less[1] - whole[1]:+.2f}, first {less[0] - whole[0]:+.2f}, "
          f"reviews {text - price:+.3f}")

# %% [markdown]
# The copying head costs nothing where nothing can be copied, as it should. The dearest random head of the saved run
# costs something everywhere, and by far the most where there is something to copy: the copying needs it, wherever it
# looks, and needs it not alone. One such head you can foretell. In your two blocks the copying head was blind without
# the one that looks one back. **Predict:** take out the head of SmolLM2 that looks most at the token before. What
# becomes of the copying head's score?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The heads that look one back most; the strongest taken out, and as the control the second strongest.
ids = twice(1)


@torch.no_grad()
def copying_score():
    return score(smol(ids[None], return_attention=True).attention[copying[0], 0, copying[1]], ids).item()


one_back = maps.diagonal(-1, -2, -1).mean(-1)  # [30, 9]
print(f"all heads: second showing {showings(ids)[1]:.2f}, score of the copying head {copying_score():.2f}")
for number in one_back[: copying[0]].flatten().topk(2).indices.tolist():
    head = divmod(number, 9)
    with ablated(smol, [head]):
        print(f"without {head}, which looks one back with {one_back[head]:.2f}: second showing {showings(ids)[1]:.2f}, "
              f"score of the copying head {copying_score():.2f}")  # fmt: skip

# %% [markdown]
# The same story, in a model that others trained on trillions of tokens. One head, two blocks below, looks one back;
# without it the copying head is nearly blind, and copying is worse off than without the copying head itself. (Are its
# relatives blind as well? The scores of the other five would tell. And does that head serve anything but copying? Ask
# the film reviews.) The control holds: without the second strongest of those that look one back, the copying head finds
# its place as before.
#
# And here look and worth agree. We know it not from the weights, but because we took them out.

# %% [markdown] tags=["instructor"]
# **Minutes 33-40. Type** the search (8 lines), and let the room choose a head to take out.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "a random head costs more than the copying head. So the score has found the wrong one?"
# - *yes, cost decides*: cost of what? Ask for the first showing, and for film reviews.
# - *no; that head may be needed for everything, or be a part of the same machine*: right, and one can tell which.

# %% [markdown]
# ## Read early
#
# The second tool that you know already: lesson 12 read the stream before it was finished. After each block, take the
# stream as if it were the last, give it the last norm and the head, and look what it would say. That is the **logit
# lens** (nostalgebraist, 2020).
#
# **With a pencil.** A stream of two numbers, no norm, and a table of two tokens, *yes* (1, 0) and *no* (0, 1). After
# the embedding the stream is (0, 0); the first block adds (0, 2), the second (3, 0). What does the lens say each time:
# which token is first, and by how many logits?

# %%
# The stream after each block, the logits of yes and no, the probability of yes.
stream = torch.tensor([[0.0, 0], [0, 2], [3, 0]]).cumsum(0)
for place, logits in enumerate(stream @ torch.eye(2)):
    print(place, logits.tolist(), f"{logits.softmax(0)[0]:.2f}")

# %% [markdown]
# Undecided, then *no* by 2, then *yes* by 1: what a block adds is added, and nothing is wiped out.
#
# ***Extra* (6 minutes).** Write `logit_lens(layers, norm, table, answer)`. `layers` [L + 1, D] is the stream at one
# place, after the embedding and after each of L blocks; `norm` is a function (the model's last norm); `table` [V, D]
# has a row a token; `answer` is the number of one token. Return its probability at each of the L + 1 depths: [L + 1].

# %% tags=["exercise", "extra"]
# Write the lens.
def logit_lens(layers, norm, table, answer):
    """The probability of one token, read off the stream at each depth: [L + 1]."""
    ### BEGIN SOLUTION
    logits = norm(layers) @ table.T
    return logits.softmax(-1)[:, answer]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.logit_lens(logit_lens)

# %% [markdown] tags=["hint"]
# What stands between the stream and the table after the last block? And along which axis do the probabilities sum to 1?

# %% [markdown] tags=["hint"]
# `logits = norm(layers) @ table.T` is [L + 1, V]. The softmax goes over the last axis; then take the column `answer`.

# %% [markdown]
# **Predict:** *The capital of France is*, thirty blocks. After how many of them does the lens put Paris first: 5, 15,
# 25, 30?

# %% tags=["nbval-ignore-output"]
# Paris, block by block: its probability, and how many tokens are before it.
ids = torch.tensor([pieces.encode("The capital of France is")])
with torch.no_grad():
    layers = smol(ids, return_layers=True).layers[:, 0, -1]  # [31, D]
    read = smol.head(smol.norm(layers)).softmax(-1)  # [31, V]
for depth in (0, 8, 16, 22, 24, 26, 28, 29, 30):
    ahead = int((read[depth] > read[depth, paris]).sum())
    print(f"{depth:2} of 30 blocks: p {read[depth, paris]:.3f}, {ahead:5,} tokens ahead of it; "
          f"first is {pieces.decode([int(read[depth].argmax())])!r}")

# %% [markdown]
# Only after all thirty; one block earlier two tokens are still ahead of it. (With no block at all the lens mostly
# repeats the word just read: the stream is still that word's own row of the table.) So for most of its depth the model
# does not know it? **Look** at other texts; at other tokens, too: each column is a place, and says at each depth what
# would come next. The control is the same text with its words shuffled: what appears there as well has nothing to do
# with the sentence.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The lens on a text of yours, up to twelve tokens.
def draw_lens(text, order):
    words = text.split(" ")
    if order == "control: words shuffled":
        words = [words[i] for i in torch.randperm(len(words), generator=torch.Generator().manual_seed(1)).tolist()]
    ids = torch.tensor([pieces.encode(" ".join(words))[:12]])
    with torch.no_grad():
        layers = smol(ids, return_layers=True).layers[:, 0]  # [31, T, D]
        best = [smol.head(smol.norm(layers[depth])).softmax(-1).max(-1) for depth in DEPTHS]
    return pictures.lens([[pieces.decode([i]) for i in one.indices.tolist()] for one in best],
                         torch.stack([one.values for one in best]).numpy(), [f"{d} of 30 blocks" for d in DEPTHS],
                         names_of(ids[0]), f"Read early ({order})")  # fmt: skip


DEPTHS = (0, 4, 8, 12, 16, 20, 22, 24, 26, 28, 29, 30)
ORDERS = ["as typed", "control: words shuffled"]
viz.explore(draw_lens, text=viz.Text("The capital of France is"), order=viz.Choice(ORDERS))

# %% [markdown]
# ### Whose lens is it?
#
# The lens assumes that a stream speaks the *last* layer's language all along. Nobody asked it to. What if an early
# block knows a thing, but keeps it in other directions? A **tuned lens** (Belrose and others, 2023) learns a
# translation first: for each depth a straight line (a matrix and a bias) that makes the last stream out of this one, as
# well as least squares can; then norm and head, as before. Our GPT of letters is small enough to fit it here and now.
#
# **Predict:** after the first of its four blocks, does the translation change the price by a hundredth, a tenth, a nat?
# Two controls: a translation fitted to pairs that do not belong together; and one that has to make the trained model's
# last stream out of an *untrained* model's stream.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The price of a letter read off at each depth: as it is, tuned; tuned on shuffled pairs; out of an untrained model.
from course_lib.interpretability import fit_linear

device.give_back_memory()
torch.manual_seed(0)
fresh = gpt.GPT(speller.config).eval()
to_fit, to_ask = rows[7::60][:20], rows[22::60][:12]  # [20, 129], [12, 129]
shuffled = torch.randperm(20 * 128, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def streams(model, rows):
    layers = [model(some[:, :-1], return_layers=True).layers.half() for some in rows.split(8)]  # half the memory
    return torch.cat(layers, 1)  # [5, N, 128, D]


@torch.no_grad()
def read_price(stream):
    logits = speller.head(speller.norm(stream.float()))
    return F.cross_entropy(logits.flatten(0, 1), to_ask[:, 1:].flatten()).item()


def tuned(source, asked, depth, order=slice(None)):
    """The price of a stream that a straight line has translated into the trained model's last one."""
    weight, bias = fit_linear(source[depth].flatten(0, 1).float(), fitted[-1].flatten(0, 1)[order].float())
    return read_price(asked[depth].float() @ weight + bias)


fitted, asked = streams(speller, to_fit), streams(speller, to_ask)
fresh_fitted, fresh_asked = streams(fresh, to_fit), streams(fresh, to_ask)
lens = []
for depth in range(5):
    lens.append([read_price(asked[depth]), tuned(fitted, asked, depth), tuned(fitted, asked, depth, shuffled),
                 tuned(fresh_fitted, fresh_asked, depth)])  # fmt: skip
    plain, ours, unpaired, untrained = lens[-1]
    print(f"{depth} of 4 blocks: as it is {plain:5.2f}, tuned {ours:.2f};   "
          f"tuned on shuffled pairs {unpaired:.2f}, out of the untrained model's stream {untrained:.2f}")  # fmt: skip
assert lens[1][1] < lens[1][0] - 0.3
assert lens[1][1] < min(lens[1][2:])

# %% [markdown]
# After one block the plain lens misses more than a nat that was there for the asking. So the plain lens can say *it
# knows this by now*; it can never say *it does not know this yet*.
#
# With the tuned one, be careful the other way round: the translation was learned from data, so what it says may be
# knowledge of the *translation*. The two controls measure that. Shuffled pairs say nothing: the translation alone knows
# no text. The untrained model's stream still says which letters were read, and a good translation of that is worth
# something; how much, stands in the last column. What a trained block adds is the distance to it. Which brings us to
# the last tool.

# %% [markdown]
# ## Ask with a straight line
#
# Does the GPT of letters know what a **vowel** is? Nobody ever told it. One asks with a **probe** (Alain and Bengio,
# 2017): take the stream at many places, and for each the answer (the letter just read is a vowel, or not); fit a
# straight line; then ask it about places that it has not seen. If the line is often right, so the reasoning goes, the
# stream *holds* the answer.
#
# ***Extra* (8 minutes).** Write `probe(x, y, new)`. `x` [N, D] are vectors, `y` [N] booleans, `new` [M, D] vectors
# without an answer. Fit the line by least squares: a weight for each of the D numbers **and a bias**, so that the value
# is as near as can be to 1 where y is True and to -1 where it is False. Return booleans [M]: True where the line's
# value for a new vector is above 0. (There are always more rows than columns. `torch.linalg.lstsq(A, B).solution` is
# the X with the least squares of A X - B.)

# %% tags=["exercise", "extra"]
# Write the probe.
def probe(x, y, new):
    """Which of the new vectors lie on the side of True: [M]."""
    ### BEGIN SOLUTION
    ones = torch.ones(len(x), 1)
    targets = torch.where(y, 1.0, -1.0)
    line = torch.linalg.lstsq(torch.cat([x, ones], 1), targets[:, None]).solution
    return (torch.cat([new, torch.ones(len(new), 1)], 1) @ line)[:, 0] > 0
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.probe(probe)

# %% [markdown] tags=["hint"]
# A bias is the weight of a number that is always 1. Which two matrices need such a column?

# %% [markdown] tags=["hint"]
# `torch.cat([x, torch.ones(len(x), 1)], 1)` against `torch.where(y, 1.0, -1.0)[:, None]`; and `new` gets its ones, too.

# %% [markdown]
# > **Common belief:** *"If a probe is right in 99 of 100 cases, the model knows the thing."* Decide, and **write down
# > three numbers** first: how often is the line right in the trained model? In one that has *never been trained*? And
# > in the trained one, if the right answers are nonsense: five letters of the alphabet are drawn, and they count as
# > the "vowels", wherever they stand?

# %% tags=["boilerplate"]
# The letters, large and small, and which of them are vowels; five drawn letters; the places that are asked.
from string import ascii_lowercase

LETTERS = [i for i in range(len(letters)) if letters.id_to_token(i).lower() in ascii_lowercase]


def both_sizes(chosen):
    return {i for i in LETTERS if letters.id_to_token(i).lower() in chosen}


def alphabet(seed):
    """The letters a to z in an order that chance draws."""
    return [ascii_lowercase[i] for i in torch.randperm(26, generator=torch.Generator().manual_seed(seed)).tolist()]


VOWELS, NONSENSE = both_sizes("aeiou"), both_sizes(alphabet(1)[:5])
fitted = asked = fresh_fitted = fresh_asked = None  # make room
to_fit, to_ask = rows[7::60][:32], rows[22::60][:16]  # [32, 129], [16, 129]


def known(ids, kind):
    return torch.isin(ids, torch.tensor(sorted(kind)))


def asked_places(stream, rows, kind, only):
    """Vectors and answers at the places whose letter is one of `only`: [N, D], [N]."""
    here = rows[:, :-1]
    keep = known(here, only)
    return stream[keep], known(here, kind)[keep]


def line_right(stream, other, kind, fit_on, ask_about):
    """For each letter of `ask_about` the share of its places where a line fitted to `fit_on` is right."""
    x, y = asked_places(stream, to_fit, kind, fit_on)
    weight, bias = fit_linear(x, torch.where(y, 1.0, -1.0)[:, None], ridge=0.01)
    new, truth = asked_places(other, to_ask, kind, ask_about)
    right = ((new @ weight + bias)[:, 0] > 0) == truth
    here = to_ask[:, :-1]
    names = here[known(here, ask_about)]
    return {i: right[names == i].float().mean().item() for i in ask_about if (names == i).any()}


# %% tags=["nbval-ignore-output"]
# After block 2: vowels in the trained model, in the untrained one, and nonsense in the trained one.
MODELS = {name: [streams(model, some)[2].float() for some in (to_fit, to_ask)]
          for name, model in {"trained": speller, "untrained": fresh}.items()}  # fmt: skip
here = to_ask[:, :-1]
often = {i: int((here == i).sum()) for i in LETTERS}
for name, kind in [("trained", VOWELS), ("untrained", VOWELS), ("trained", NONSENSE), ("untrained", NONSENSE)]:
    found = line_right(*MODELS[name], kind, LETTERS, LETTERS)
    share = sum(found[i] * often[i] for i in found) / sum(often[i] for i in found)
    print(f"{name:9}, {'vowels' if kind is VOWELS else 'nonsense'}: {share:.1%} of places right")
    assert share > 0.9

# %% [markdown]
# **False.** All of them, or nearly! A line in so many dimensions can cut 52 letters in two in *any* way, as long as the
# stream still says which letter was read. And that even an untrained model says. The share of right answers was about
# the probe. Hewitt and Liang (2019) put such nonsense, a **control task**, beside every probe; what counts is the
# difference, and here it is hardly any.
#
# So ask better. If the model knows *vowels*, and not only fifty-two letters, a line fitted to some letters must be
# right about **letters that it was never shown**. Five groups of letters, the large with the small; each group is kept
# from the line once. (Scored are letters, not places, and both kinds count one half: a guess has 50%.) Three times,
# with other groups and other nonsense.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The same four, about letters that were kept from the line, three times; the two kinds count one half each.
def unseen(stream, other, kind, order):
    found = {}
    for part in range(5):
        kept = both_sizes(order[part::5])
        found |= line_right(stream, other, kind, [i for i in LETTERS if i not in kept], sorted(kept))
    sides = [[share for i, share in found.items() if (i in kind) == side] for side in (True, False)]
    return sum(sum(side) / len(side) for side in sides) / 2


unseen_right = {}
for name in MODELS:
    for what in ("vowels", "nonsense"):
        kinds = [VOWELS if what == "vowels" else both_sizes(alphabet(seed)[:5]) for seed in (1, 2, 3)]
        shares = [unseen(*MODELS[name], kind, alphabet(10 + seed)) for seed, kind in enumerate(kinds)]
        unseen_right[name, what] = sum(shares) / 3
        print(f"{name:9}, {what:8}:", " ".join(f"{share:.0%}" for share in shares), "of letters that it never saw")
assert unseen_right["trained", "vowels"] > 0.6
assert max(share for (name, what), share in unseen_right.items() if (name, what) != ("trained", "vowels")) < 0.6

# %% [markdown]
# Now there is a difference, and no perfect score. Nobody told the trained model the word; yet vowels lie so much to one
# side that a line finds most of those that it never saw. Letters that are used alike have come to lie alike: that is
# lesson 01's idea once more. The other three are no better than a guess.
#
# (Why the large letters together with the small? *A* and *a* are used alike. With *a* shown and *A* kept back, the line
# would have had the answer already. In such splits probes are most easily fooled.)
#
# One question a probe cannot answer, however good its control: does the model *use* what the line found? For that you
# have the scissors.

# %% [markdown] tags=["instructor"]
# **Minutes 40-50. Type** the pencil's stream (3 lines), the lens on Paris (7 lines), the solution of the probe (4
# lines). The three numbers for the belief were written down in minute 0.
#
# **The planned mistake:** the lens without the norm. The reply is below.
#
# **Poll:** "a probe on an untrained model is right in 99%. What is wrong?"
# - *the code, surely*: it is right. Ask what the line can see there.
# - *nothing: the letter is in the stream, and a line can learn fifty-two letters by heart*: right.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.logit_lens(lambda layers, norm, table, answer: (layers @ table.T).softmax(-1)[:, answer])

# %% [markdown]
# ## What you know now
#
# - A head adds its own vector to the stream: put 0, or its mean, in the place of its numbers, and it is gone. What it
#   costs alone is no share of a cake.
# - Attention rests on the first token; its value is short. The largest weight is not the largest effect.
# - An **induction head** looks at what came next the last time. It takes two blocks: one writes *who stood before me*,
#   one looks for it. Take out the head that looks one back, and the copying head goes blind: in your model, and in
#   SmolLM2.
# - The **logit lens** reads the stream early. It can say that something is there, never that it is not: a tuned lens
#   found more than a nat.
# - A **probe** asks with a straight line. Its score means something beside a control task, and about cases that it has
#   never seen.
# - A picture is a question. An experiment with its control is an answer, on this text, for this model.
#
# **Quiz.** Open the answer that you would give.
#
# **1. A head puts .97 of its weight on the first token, in every text. What do you expect if it is taken out?**
#
# <details><summary>The model falls apart: everything hangs on the first token.</summary>
#
# Twenty such heads were taken out at once. Look at the line again.
#
# </details>
# <details><summary>Little, most likely; but take it out and see.</summary>
#
# Right. It rests there, and what it fetches is a short value.
#
# </details>
# <details><summary>Nothing, certainly.</summary>
#
# On other texts it may wake up: the copying head rests on the first token, too, as long as nothing comes twice.
#
# </details>

# %% [markdown]
# **2. In all training rows the same 12 tokens' worth of text is repeated at a distance of exactly 12. A model of one
# block gets the price down to 0. Has it an induction head?**
#
# <details><summary>Yes: it copies.</summary>
#
# It looks 11 places back, whatever stands there. Give it a distance of 14.
#
# </details>
# <details><summary>No: it has learned a distance.</summary>
#
# Right, and its prefix-matching score on rows of another length shows it.
#
# </details>

# %% [markdown]
# **3. Two heads do the same thing. Each alone costs 0.00 if it is taken out. What do the two cost together?**
#
# <details><summary>0.00: 0 and 0 is 0.</summary>
#
# Each was covered by the other.
#
# </details>
# <details><summary>It can be anything: take both out.</summary>
#
# Right. Costs of single heads do not add up.
#
# </details>

# %% [markdown]
# **4. The plain lens finds the answer in the last block only. Your colleague concludes that it is computed there.**
#
# <details><summary>Agreed: before, it was not there.</summary>
#
# It was not there *in the directions of the last layer*.
#
# </details>
# <details><summary>It became readable there. Where it is computed one would have to test.</summary>
#
# Right: fit a translation and look again, or take blocks out.
#
# </details>

# %% [markdown]
# **5. A paper: "A linear probe finds the part of speech with 97%." What do you want to see beside it?**
#
# <details><summary>A larger probe.</summary>
#
# It can learn more by heart, and would say even less.
#
# </details>
# <details><summary>The same probe on an untrained model, on labels drawn at random for each word, and on words that it
# has not seen.</summary>
#
# Right: each of them rules out one other reason for a high score.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Paul Michel, Omer Levy, Graham Neubig (2019). Are Sixteen Heads Really Better than One? NeurIPS. And Elena Voita and
#   others (2019). Analyzing Multi-Head Self-Attention. ACL. Heads that can go.
# - Nelson Elhage and others (2021). A Mathematical Framework for Transformer Circuits. Catherine Olsson and others
#   (2022). In-context Learning and Induction Heads. The pair, and its score.
# - Clayton Sanford, Daniel Hsu, Matus Telgarsky (2024). One-layer transformers fail to solve the induction heads task.
# - Guangxuan Xiao and others (2024). Efficient Streaming Language Models with Attention Sinks. ICLR.
# - Sarthak Jain, Byron Wallace (2019). Attention is not Explanation. NAACL. Sarah Wiegreffe, Yuval Pinter (2019).
#   Attention is not not Explanation. EMNLP. Goro Kobayashi and others (2020). Attention is Not Only a Weight. EMNLP.
# - nostalgebraist (2020). Interpreting GPT: the logit lens. Nora Belrose and others (2023). Eliciting Latent
#   Predictions from Transformers with the Tuned Lens.
# - Guillaume Alain, Yoshua Bengio (2017). Understanding Intermediate Layers Using Linear Classifier Probes. John
#   Hewitt, Percy Liang (2019). Designing and Interpreting Probes with Control Tasks. EMNLP.
# - Loubna Ben Allal and others (2025). SmolLM2. The weights: Apache-2.0.
