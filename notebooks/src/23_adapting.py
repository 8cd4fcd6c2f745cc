# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: lora
#   title: Adapting
#   minutes: 80
# ---

# %% [markdown]
# # 23 Adapting: one model, another job
#
# The course's GPT has read nothing but Shakespeare's plays. At the end of this lesson it writes entries of a
# dictionary; what it has learned for that fits into a file of a few hundred kilobytes; and with one line it is
# Shakespeare's again, to the last bit. Before that you tell a model what to do without changing a single number in it,
# and find out what its examples are good for.
#
# **You will build** a prompt of examples, a layer with LoRA, its merged weight, and a model that writes like somebody
# else. **You need** lesson 16 (fine-tuning), lesson 17 (the GPT of letters), lesson 20 (SmolLM2, and what a space at
# the end of a prompt does).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Examples in the prompt (0-14). B: A thin matrix (14-27). C: All numbers or
# few (27-39). D: Another author (39-50).
#
# **Minute 0.** Three guesses on the board, everyone writes their own: right answers with eight examples; with eight
# examples half of whose labels are wrong; and what share of a training step's memory and time LoRA saves that lets one
# number in seventy learn.
#
# **When 15 minutes late:** leave out the explorer, the row that runs live and `lora_size`. Do not leave out the
# shuffled labels.

# %% [markdown]
# ## Examples in the prompt
#
# **SmolLM2** again, in 4 bits. A short film review, and the question whether its author liked the film. Nobody has
# trained it for this, and we shall not either. We only write a text whose likeliest next word is the answer:
#
# ```
# Review: a joy from the first minute
# Sentiment: positive
#
# Review: nobody laughed
# Sentiment:
# ```
#
# (and no space at its end). One worked example before the question: Brown and others (2020) call this **one-shot**;
# without any it is **zero-shot**, and what happens is **in-context learning**. No number of the model changes.
#
# **Write down two percentages** (a coin has 50): how many of its answers are right without an example, and with eight?
# Then a third: with eight examples *half of whose labels are wrong*?

# %% tags=["boilerplate"]
# What we need.
import json
import math
import tempfile
import time
from pathlib import Path

import torch

import course_lib
from course_lib import checkpoints, data, decoding, device, gpt, lora, pretrain, training, viz

# %% tags=["boilerplate"]
# Short reviews by critics, in an order that chance draws; the model; the two words that count as answers.
WORDS = ["negative", "positive"]
some = [(review.text.strip(), review.label) for review in data.load("film_sentiment")
        if review.source != "imdb" and 5 <= len(review.text.split()) < 11]  # fmt: skip
reviews = [some[i] for i in torch.randperm(len(some), generator=torch.Generator().manual_seed(0)).tolist()]
device.give_back_memory()  # of the long reviews
smol, pieces = checkpoints.load_llama(data.path("smollm2"), "int4")
ANSWERS = [pieces.encode(f" {word}")[0] for word in WORDS]
for text, label in reviews[:3]:
    print(f"{text!r}: {WORDS[label]}")
print([pieces.decode([i]) for i in ANSWERS], "one token each:", [len(pieces.encode(f" {word}")) for word in WORDS])

# %% [markdown]
# **With a pencil:** write down the whole prompt for the question *it drags*, with one example: *so funny*, positive.
# How many new lines are in it, and what is its last character?

# %%
# The prompt, character by character.
prompt = "Review: so funny\nSentiment: positive\n\nReview: it drags\nSentiment:"
print(repr(prompt))
print(prompt.count("\n"), "new lines; the last character is", repr(prompt[-1]))

# %% [markdown]
# **Your turn (8 minutes).** Write `few_shot(examples, text)`. `examples` is a list of pairs (review, label), both
# words; it may be empty. Return the prompt as above: each example is a line `Review: ...`, a line `Sentiment: ...`, and
# an empty line; then comes the question in the same form, up to the colon.

# %% tags=["exercise"]
# Write the prompt.
def few_shot(examples, text):
    """The examples with their labels, then the text without one: what a model can go on from."""
    ### BEGIN SOLUTION
    shots = "".join(f"Review: {review}\nSentiment: {label}\n\n" for review, label in examples)
    return shots + f"Review: {text}\nSentiment:"
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import adapting as check

check.few_shot(few_shot)

# %% [markdown] tags=["hint"]
# Which part comes once for each example, and which part only once? What does lesson 20 say about a space at the end?

# %% [markdown] tags=["hint"]
# An example is `f"Review: {review}\nSentiment: {label}\n\n"`; join them with `"".join(...)`, and add
# `f"Review: {text}\nSentiment:"`.

# %% [markdown]
# Eight examples are far more text than a question, and they are the same for all questions. The naive way reads them
# again for each; the fast one reads them **once** into the cache of lesson 18, and lets every question go on from
# there. Do the two agree, and what does it save?

# %% tags=["boilerplate"]
# A review in its form; the examples and the question, cut apart; and the naive way: everything is read each time.
def form(text, label=None):
    return f"Review: {text}\nSentiment:" + ("" if label is None else f" {WORDS[label]}")


def halves(shots, text):
    """The tokens of the examples, and of what follows. The empty line goes with the question: cut behind it, its two
    new lines would become another token than in the middle of a text."""
    between = "\n\n" if shots else ""
    return pieces.encode("\n\n".join(form(*shot) for shot in shots)), pieces.encode(between + form(text))


@torch.no_grad()
def margins_naive(shots, texts):
    """By how much "positive" is likelier than "negative", in nats, for each text."""
    prompts = ["\n\n".join([*(form(*shot) for shot in shots), form(text)]) for text in texts]
    logits = [smol(torch.tensor([pieces.encode(prompt)]), last=True).logits[0, -1] for prompt in prompts]
    return torch.stack([row[ANSWERS[1]] - row[ANSWERS[0]] for row in logits])


# %% tags=["boilerplate"]
# The fast way: the examples are read once, and the questions go on from there, four at a time.
@torch.no_grad()
def margins(shots, texts):
    start, asked = halves(shots, "")[0], [halves(shots, text)[1] for text in texts]
    one = smol.new_cache(1, len(start) + 60)
    if start:  # read once, then the same for everyone
        smol(torch.tensor([start]), cache=one, last=True)
    return torch.cat([go_on(one, asked[i : i + 4]) for i in range(0, len(asked), 4)])


# %% tags=["boilerplate"]
# Copies of what has been read, one a question, and the questions behind them.
def go_on(one, asked):
    """Four questions at a time, each behind the same beginning."""
    longest, cache = max(map(len, asked)), smol.new_cache(len(asked), one.max_length)
    for mine, theirs in [(cache.keys, one.keys), (cache.values, one.values), (cache.real, one.real)]:
        mine.copy_(theirs.expand_as(mine))
    cache.length = one.length.clone()
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in asked])  # padding in front
    mask = torch.tensor([[place >= longest - len(row) for place in range(longest)] for row in asked])
    logits = smol(ids, mask, cache=cache, last=True).logits[:, -1]
    return logits[:, ANSWERS[1]] - logits[:, ANSWERS[0]]


# %% tags=["boilerplate", "nbval-ignore-output"]
# Four questions behind eight examples, both ways.
found, seconds = {}, {}
with device.one_thread():
    for name, way in {"naive": margins_naive, "read once": margins}.items():
        began = time.process_time()
        found[name] = way(reviews[:8], [text for text, _ in reviews[-4:]])
        seconds[name] = time.process_time() - began
gap = (found["naive"] - found["read once"]).abs().max().item()
print(f"largest difference {gap:.2f} nats;", ", ".join(f"{name} {spent:.1f} s" for name, spent in seconds.items()))
print("tokens: eight examples {}, a question {}".format(*map(len, halves(reviews[:8], reviews[-1][0]))))
assert gap < 0.6  # these logits come in 16 bits, in steps of an eighth: another machine may differ by some of them

# %% [markdown]
# Now your three percentages. A dozen questions would answer them with an interval as wide as your guesses, so the table
# comes from a file: `benchmarks/results/adapting.json`, written by `benchmarks/adapting.py`. Six draws, each with its
# own examples and its own 30 questions. Four or eight examples are half positive and half negative, one of each in
# turn. Two controls have the same eight reviews in the same order:
#
# - **shuffled**: labels change places, so that half of them are wrong and there are as many of each as before;
# - **all negative**: half of them are wrong as well, but there is only one word.
#
# *Sorted* asks something else: take a positive review and a negative one; how often has the positive one the larger
# margin? This does not depend on which word the model says more readily. A coin has 50% here, too.

# %% tags=["boilerplate"]
# The file; and a row's six values of "right", "positive" or "sorted".
from course_lib.intervals import seed_interval

saved = json.loads((Path(course_lib.__file__).parents[1] / "benchmarks/results/adapting.json").read_text("utf-8"))
print("measured on:", saved["machine"])
ROWS = list(dict.fromkeys((row["labels"], row["examples"]) for row in saved["prompts"]))


def drawn(what, row):
    return [one[what] for one in saved["prompts"] if (one["labels"], one["examples"]) == row]


# %% tags=["boilerplate"]
# Right answers, how often it said "positive", and sorted pairs: the mean of six draws with its 95% interval.
for row in ROWS:
    right, ordered = (seed_interval(drawn(what, row)) for what in ("right", "sorted"))
    said = drawn("positive", row)
    print(f"{row[0]:12} {row[1]} examples: right {right.value:.0%} [{right.low:.0%}, {right.high:.0%}]   sorted "
          f"{ordered.value:.0%} [{ordered.low:.0%}, {ordered.high:.0%}]   said positive {sum(said) / len(said):.0%} "
          f"(draws: {min(said):.0%} to {max(said):.0%})")  # fmt: skip

# %% tags=["boilerplate"]
# What do the labels move, and what do they leave where it is?
from course_lib.viz import adapting as pictures


def by_labels(what):
    return {labels: {row[1]: tuple(seed_interval(drawn(what, row))) for row in ROWS if row[0] == labels}
            for labels in dict.fromkeys(labels for labels, _ in ROWS)}  # fmt: skip


viz.show(*pictures.shots({"Right answers": by_labels("right"), "Sorted pairs": by_labels("sorted")},
                         "SmolLM2 asked about film reviews"))  # fmt: skip

# %% tags=["boilerplate"]
# Pairs of rows, draw by draw (the same questions): the mean difference, with its 95% interval.
def against(one, other, what):
    gap = seed_interval(a - b for a, b in zip(drawn(what, one), drawn(what, other)))
    verdict = "a tie" if gap.low <= 0 <= gap.high else "a difference"
    return f"{what} {100 * gap.value:+5.1f} points [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}], {verdict}"


PAIRS = [(("right", 8), ("right", 0)), (("shuffled", 8), ("right", 0)), (("right", 8), ("shuffled", 8)),
         (("shuffled", 8), ("all negative", 8))]  # fmt: skip
for one, other in PAIRS:
    print(*one, "minus", *other, *(f"\n    {against(one, other, what)}" for what in ("right", "sorted")))

# %% [markdown]
# **75, 75, 61.** Nobody needed an example: without any, three of four answers are right, and with eight it is a tie.
# With shuffled labels it is 61, in an interval as wide as a guess: in one draw the model said *positive* to 3% of the
# reviews, in another to 80%.
#
# Now look at *sorted*. With eight examples it rises from 86 to 94%, and that is a difference. So examples do help the
# model to tell reviews apart. And their labels? Right minus shuffled is 0.8 points, a tie, and this interval is narrow:
# with half of the labels wrong it sorts as well as with all of them right. What labels move most is something else, the
# readiness to say one word or the other. After eight times *negative*, where as many labels are wrong as among the
# shuffled, the model never says *positive*; its margins sort five points worse than after the shuffled ones, and still
# 88% of the pairs.
#
# So the share of right answers mixes two questions: does the model *see* a difference, and where does it *draw the
# line*? Min and others (2022) found that right labels often hardly matter: what an example shows is the form of the
# task, and which words count as answers. For this small model and this task our table agrees. For large ones it need
# not: Wei and others (2023) saw models of hundreds of billions of numbers follow labels that were turned round.

# %% tags=["boilerplate", "nbval-ignore-output"]
# Two rows live: the first draw's 30 questions, and the file's shares of the same.
def examples_of(draw, count):
    """Positive and negative in turn, with their labels."""
    pool = reviews[60 * draw : 60 * draw + 60]
    sides = [[review for review in pool if review[1] == side] for side in (1, 0)]
    return [sides[(i + draw) % 2][i // 2] for i in range(count)]


with device.one_thread():
    for count in (0, 8):
        said = margins(examples_of(0, count), [text for text, _ in reviews[400:430]]) > 0
        right = [bool(yes) == bool(label) for yes, (_, label) in zip(said, reviews[400:430])]
        print(f"{count} examples: {sum(right) / 30:.0%} right, in the file {drawn('right', ('right', count))[0]:.0%}")
smol = pieces = None  # they go: what follows needs the room
device.give_back_memory()

# %% [markdown] tags=["instructor"]
# **Minutes 0-14. Type** the pencil's prompt (3 lines), the solution (2 lines). Vote on the three percentages before
# the table is shown.
#
# **The planned mistake:** a space behind the last colon. The reply is below; lesson 20 has shown why it matters.
#
# **Poll:** "eight examples with shuffled labels sort as well as eight true ones. What have the examples taught?"
# - *nothing; delete them*: compare with no example.
# - *the form, and which words count as answers*: perhaps; it is the reading of Min and others (2022).
# - *what is good and what is bad*: half of these labels are wrong.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(examples, text):
    shots = "".join(f"Review: {review}\nSentiment: {label}\n\n" for review, label in examples)
    return shots + f"Review: {text}\nSentiment: "


check.few_shot(planned_mistake)

# %% [markdown]
# ## A thin matrix beside a large one
#
# A prompt is paid for at each question, and it is forgotten with the last one. What should *stay* must go into the
# weights. Fine-tuning (lesson 16) moves all of them: for each new job a whole new model. Hu and others (2022) asked
# whether the *change* needs as many numbers as the weight, and wrote it as a product of two thin matrices:
#
# $$y = W x + \frac{\alpha}{r} B A x$$
#
# W [N, D] is the old weight and stands still. A [r, D] and B [N, r] learn; r, the **rank**, is small, as 4. Alpha is a
# number that one chooses; with alpha / r, say the authors, the rate need hardly be found anew for each rank. A begins
# at random and B with 0: at first nothing changes. The method is called **LoRA**, *low-rank adaptation*.
#
# **With a pencil:** W = ((1, 0), (0, 1)), A = (1, 1), B = (2, 0) standing upright, rank 1, alpha 1. What comes out for
# x = (3, 1)? Which single matrix does the same?

# %%
# The toy: through the thin matrices, and as one matrix.
W, A, B = torch.eye(2), torch.tensor([[1.0, 1]]), torch.tensor([[2.0], [0]])
x = torch.tensor([3.0, 1])
print((W @ x + B @ (A @ x)).tolist(), (W + B @ A).tolist(), ((W + B @ A) @ x).tolist())

# %% [markdown]
# A x = 4 is one number, and B sends it to the first output: (3 + 8, 1). The one matrix is ((3, 2), (0, 1)).
#
# **Your turn (6 minutes).** Write `lora_layer(x, W, A, B, alpha)` for x [B, T, D]. (Texts lie in rows, so W x is
# `x @ W.T`.)

# %% tags=["exercise"]
# Write the layer.
def lora_layer(x, W, A, B, alpha):
    """W x + alpha / r * B A x for each token: [B, T, N]."""
    ### BEGIN SOLUTION
    scale = alpha / len(A)
    return x @ W.T + scale * (x @ A.T @ B.T)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.lora_layer(lora_layer)

# %% [markdown] tags=["hint"]
# Which of A's two sides is the rank? And in which order does a token meet A and B?

# %% [markdown] tags=["hint"]
# `alpha / len(A)` is the scale; the thin way is `x @ A.T @ B.T`, from D numbers to r to N.

# %% [markdown]
# **Your turn (4 minutes).** When the training is over, nobody wants two more products a layer. Write
# `merged(W, A, B, alpha)`: the one matrix [N, D] that does the same. W stays as it is.

# %% tags=["exercise"]
# Write the merged weight.
def merged(W, A, B, alpha):
    """The weight of a plain layer that answers as the adapted one does: [N, D]."""
    ### BEGIN SOLUTION
    return W + alpha / len(A) * (B @ A)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.merged(merged)

# %% [markdown] tags=["hint"]
# W is [N, D]. Which product of A [r, D] and B [N, r] has this shape?

# %% [markdown] tags=["hint"]
# `W + alpha / len(A) * (B @ A)` makes a new tensor; `W += ...` would change the one that came in.

# %% [markdown]
# ***Extra* (4 minutes).** Write `lora_size(shapes, rank)`: how many numbers learn, if each of the matrices of these
# shapes (N, D) gets its A and its B?

# %% tags=["exercise", "extra"]
# Count what learns.
def lora_size(shapes, rank):
    """How many numbers A and B have, for all matrices together."""
    ### BEGIN SOLUTION
    return sum(rank * (N + D) for N, D in shapes)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.lora_size(lora_size)

# %% [markdown] tags=["hint"]
# A has r rows of D numbers. And B?

# %% [markdown] tags=["hint"]
# For each shape it is `rank * (N + D)`; `sum` adds them up, and is 0 for an empty list.

# %% [markdown]
# Three ways to compute the same: **naive**, with B A multiplied out each time; **fast**, through r numbers; and the
# **library's**, `lora.add(model)`, which puts such a layer in the place of every linear layer of a model and lets
# nothing else learn. **Predict:** for a layer of 1024 x 1024, rank 4 and one token, is the naive way twice as dear as
# W x alone, several times, or hardly dearer? And the fast way? Count multiplications first.

# %% tags=["nbval-ignore-output"]
# One layer, one token: multiplications, and CPU time.
W, A, B, x = torch.randn(1024, 1024), torch.randn(4, 1024), torch.randn(1024, 4), torch.randn(1, 1024)
square, thin = 1024 * 1024, 4 * 1024
ways = {"W x alone": (lambda: x @ W.T, square), "naive": (lambda: x @ (W + B @ A).T, 4 * square + square),
        "fast": (lambda: x @ W.T + x @ A.T @ B.T, square + 2 * thin)}  # fmt: skip
with device.one_thread():
    for name, (way, count) in ways.items():
        way()
        began = time.process_time()
        for _ in range(100):
            way()
        print(f"{name:9} {count:9,} multiplications, {(time.process_time() - began) * 10:.2f} ms")

# %% [markdown]
# The naive way makes the whole B A first, for each token anew: five times as many multiplications. The fast one adds
# less than a hundredth. (The clock need not agree with the count: it also sees matrices read and written.)

# %% tags=["boilerplate", "nbval-ignore-output"]
# The course's GPT of letters, adapted: what learns? Switched off it is the old model; merged equals unmerged.
speller, letters = pretrain.load(data.path("gpt_characters"))
ids = torch.tensor([letters.encode("To be, or not to be: that is the question")])
with torch.no_grad():
    before = speller(ids).logits
    said = lora.add(speller, rank=4)
    print(f"{said}, {said.learning / said.all:.1%}; nothing has changed yet:", torch.equal(speller(ids).logits, before))
    for part in lora.adapters(speller).values():
        part.B.normal_(std=0.05)  # as if it had learned something
    adapted = speller(ids).logits
    with lora.off(speller):
        print("switched off, the old model to the last bit:", torch.equal(speller(ids).logits, before))
    merged_says = lora.merge(speller)(ids).logits
print(f"the adapter moves a logit by up to {(adapted - before).abs().max():.1f}; merged, the same to 1e-5:",
      torch.allclose(merged_says, adapted, rtol=1e-5, atol=1e-5))  # fmt: skip

# %% [markdown]
# The merged model has no thin matrix left, and costs what the old one cost. `lora.save` writes A and B alone, and
# `lora.load` puts them beside the same model elsewhere; an adapter of another model is refused by name.

# %% [markdown] tags=["instructor"]
# **Minutes 14-27. Type** the toy (3 lines), both solutions (3 lines), the cell of the GPT of letters (11 lines).
#
# **The planned mistake:** the product without its scale. The reply is below. With alpha = r nobody notices.
#
# **Poll:** "A and B both begin at 0. What happens?"
# - *it learns as well*: the slope of A passes through B, and that of B through A.
# - *nothing, ever*: right: each is 0 as long as the other is.
# - *it learns more slowly*: 0 times anything stays 0.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.lora_layer(lambda x, W, A, B, alpha: x @ W.T + x @ A.T @ B.T)

# %% [markdown]
# ## All numbers, or few
#
# The article on which this course began expects **personalised** models (5.1.4): trained further on the data of one
# user, for one purpose. So let the GPT of letters learn to write like somebody else. The course has texts of a hand
# that could hardly be less like Shakespeare's: the **dictionary** GCIDE (lesson 01's definitions; at its heart
# Webster's of 1913). Our copy has small letters, no punctuation, and a word and its meaning in each line.
#
# Two models learn from the same 4,000 lines: one moves all its numbers, one those of rank 4. The **old task** are the
# plays that were held out. **Predict**, after 120 steps of 512 letters: which one writes the dictionary at the lower
# price? And by how much has the price of *Shakespeare* risen, in nats a letter, with each?
#
# **Both arms get the same care:** text, steps, batches; and three learning rates each, tried with a seed and on rows of
# their own. The three seeds of each arm come from the file; one of them runs live below.

# %% tags=["boilerplate"]
# The rates that were tried, and three seeds of each arm: prices in nats a letter, and shares of letters guessed right.
for row in saved["tries"]:
    print(f"{row['how']:4}, rate {row['rate']:g}: {row['price']:.3f} nats a letter")
runs = {how: [row for row in saved["runs"] if row["how"] == how] for how in ("full", "LoRA")}
start = saved["start"]
print(f"before training: the dictionary {start['new']:.2f} ({start['new_right']:.0%} right), the plays "
      f"{start['old']:.2f} ({start['old_right']:.0%})")  # fmt: skip
for how in runs:
    for name, price, right in (("the dictionary", "new", "new_right"), ("the plays", "old", "old_right")):
        value, low, high = seed_interval(row[price] for row in runs[how])
        print(f"{how}: {name} {value:.2f} [{low:.2f}, {high:.2f}], "
              f"{seed_interval(row[right] for row in runs[how]).value:.0%} right")  # fmt: skip

# %% [markdown]
# With all its numbers the model learns more: 1.69 against 1.73. And both have paid for it with Shakespeare, a quarter
# of a nat a letter. McCloskey and Cohen (1989) saw it in small networks that learned to add, and called it
# **catastrophic forgetting**: for 120 steps nobody asked for plays, and what nobody asks for is written over. Which of
# the two forgets *more*? Look at points that lie above each other, where both have learned as much.

# %% tags=["boilerplate"]
# Learned is to the left, forgotten is up: the mean of three seeds, a mark every 20 steps.
def mean_path(how):
    return [(sum(new for _, new, _ in marks) / 3, sum(old for *_, old in marks) / 3)
            for marks in zip(*(row["path"] for row in runs[how]))]  # fmt: skip


viz.show(*pictures.forgetting({how: mean_path(how) for how in runs}, (start["new"], start["old"]),
                              "What is learned, and what is forgotten", "price of the dictionary (nats a letter)",
                              "price of the plays (nats a letter)"))  # fmt: skip

# %% tags=["boilerplate"]
# The price of the plays at one and the same price of the dictionary.
import numpy as np


def plays_at(row, price):
    """The price of the plays where the way has come down to that price of the dictionary: between two marks, a line."""
    way = [(start["new"], start["old"]), *((new, old) for _, new, old in row["path"])]
    return float(np.interp(-price, [-new for new, _ in way], [old for _, old in way]))


def with_interval(values):
    value, low, high = seed_interval(values)
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


# %% tags=["boilerplate"]
# Full minus LoRA, seed by seed, with 95% intervals; and what the rates do.
pairs = list(zip(runs["full"], runs["LoRA"]))
print("full minus LoRA at the end: the dictionary", with_interval(full["new"] - thin["new"] for full, thin in pairs),
      "the plays", with_interval(full["old"] - thin["old"] for full, thin in pairs))  # fmt: skip
worse = [max(full["new"], thin["new"]) for full, thin in pairs]
alike = [plays_at(full, level) - plays_at(thin, level) for (full, thin), level in zip(pairs, worse)]
print("the plays where both pay the same for the dictionary:", with_interval(alike))
print("one seed at each rate, at the end:")
for row in saved["tries"]:
    print(f"    {row['how']:4}, rate {row['rate']:g}: the dictionary {row['new']:.2f}, the plays {row['old']:.2f}")

# %% [markdown]
# **LoRA learns less here, and forgets as much**: for the dictionary the interval lies below 0; for the plays it holds
# 0, a tie. Where both pay the same for the dictionary, the full one has forgotten more by a hundredth of a nat.
# (Biderman and others, 2024, found in large models that LoRA learns less and forgets less.)
#
# Now the last lines, one seed each. All numbers at rate 0.0001 and at 0.001 end at nearly the same price of the
# dictionary, and the plays at 1.61 and at 2.15. Half a nat, by the rate alone. If an old task is dear to you, try a
# smaller rate before another method. What LoRA keeps safe is something else: the old weights themselves.

# %% tags=["boilerplate"]
# For a run of our own: lines of a hand, in an order that chance draws; and rows of letters.
RANK, STEPS, LENGTH = 4, 120, 128


def lines_of(name, count=8000):
    found = data.path(name).read_text("utf-8").splitlines()
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0)).tolist()
    small = set("abcdefghijklmnopqrstuvwxyz' ")
    good = (line for line in map(found.__getitem__, order) if 25 <= len(line) <= 110 and set(line) <= small)
    return [line for line, _ in zip(good, range(count))]


def rows_of(text, count=24):
    """So many rows of 129 letters, one after another: [count, 129]."""
    return torch.tensor(letters.encode(text)).unfold(0, LENGTH + 1, LENGTH)[:count]


# %% tags=["boilerplate"]
# The dictionary and two other hands; what is learned, and what is asked.
HANDS = {"dictionary": lines_of("definitions"), "factbook": lines_of("facts"), "Shakespeare": lines_of("shakespeare")}
device.give_back_memory()
speller, letters = pretrain.load(data.path("gpt_characters"))
learned = torch.tensor(letters.encode("\n".join(HANDS["dictionary"][:4000]) + "\n"))
asked = rows_of("\n".join(HANDS["dictionary"][7400:7600]))
old = rows_of(pretrain.plays(held_out=True)[50_000:60_000])
print(HANDS["dictionary"][:3])


# %% tags=["boilerplate"]
# The price of some rows.
@torch.no_grad()
def price(model, rows):
    with training.evaluation_mode(model):
        return torch.stack([model.loss(some) for some in rows.split(8)]).mean().item()


# %% tags=["boilerplate"]
# One run, full or LoRA.
def adapt(how, rate, seed, steps=STEPS):
    model, _ = pretrain.load(data.path("gpt_characters"))
    if how == "LoRA":
        lora.add(model, rank=RANK, seed=seed)
    plan = training.TrainingConfig(steps=steps, learning_rate=rate, warmup_steps=5, decay="linear", betas=(0.9, 0.98),
                                   weight_decay=0.0, seed=seed)  # fmt: skip
    began = time.process_time()
    training.train(model, gpt.windows(learned, LENGTH, 4), lambda model, rows: model.loss(rows), plan,
                   progress=steps == STEPS)  # fmt: skip
    return model, time.process_time() - began


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Seed 1 of LoRA, live; and with its adapters switched off.
rate = {how: min((row for row in saved["tries"] if row["how"] == how), key=lambda row: row["price"])["rate"]
        for how in ("full", "LoRA")}  # fmt: skip
with device.one_thread():
    writer, _ = adapt("LoRA", rate["LoRA"], seed=1)
    before, after = [(price(model, asked), price(model, old)) for model in (speller, writer)]
    with lora.off(writer):
        off = price(writer, old)
print(f"the dictionary: before {before[0]:.2f}, after {after[0]:.2f} (in the file {runs['LoRA'][0]['new']:.2f})")
print(f"the plays: before {before[1]:.2f}, after {after[1]:.2f} (in the file {runs['LoRA'][0]['old']:.2f}), "
      f"with LoRA switched off {off:.2f}, as before: {off == before[1]}")  # fmt: skip
assert off == before[1]
assert after[0] < before[0] - 0.3

# %% [markdown]
# Both models have forgotten; one of them can be asked to remember. With its adapters off the plays cost what they cost
# before, to the last bit: the old numbers were never touched.
#
# > **Common belief:** *"LoRA lets one or two per cent of the numbers learn, so it takes one or two per cent of the
# > memory and of the time."* Decide, for three things: what the optimizer keeps, what the forward pass keeps for the
# > way back, and the seconds of a step.

# %% tags=["boilerplate"]
# Counted: the bytes that a forward pass keeps for the way back, the model's own parameters left out.
def kept_for_the_way_back(model, rows):
    own, kept = {p.untyped_storage().data_ptr() for p in model.parameters()}, {}

    def keep(tensor):
        store = tensor.untyped_storage()
        if store.data_ptr() not in own:
            kept[store.data_ptr()] = (store.nbytes(), tensor)  # the tensor lives on, so that no address comes twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(rows)
    return sum(size for size, _ in kept.values())


# %% tags=["boilerplate", "nbval-ignore-output"]
# Bytes of gradients and of AdamW's two means; bytes kept for the way back; CPU seconds a step.
costs = {}
for how in ("full", "LoRA"):
    with device.one_thread():
        model, seconds = adapt(how, rate[how], seed=1, steps=10)
    learning = sum(p.numel() for p in model.parameters() if p.requires_grad)
    costs[how] = (12 * learning / 1e6, kept_for_the_way_back(model, asked[:4]) / 1e6, seconds / 10)
    print(f"{how:5} gradients and AdamW {costs[how][0]:6.2f} MB · kept for the way back {costs[how][1]:6.1f} MB · "
          f"{1000 * costs[how][2]:4.0f} ms a step")  # fmt: skip
    model = None
    device.give_back_memory()
print("LoRA's share: " + " · ".join(f"{b / a:.0%}" for a, b in zip(costs["full"], costs["LoRA"])))
assert costs["LoRA"][0] < 0.1 * costs["full"][0]
assert costs["LoRA"][1] > 0.7 * costs["full"][1]
assert costs["LoRA"][2] > 0.3 * costs["full"][2]

# %% [markdown]
# **False**, but for the first of the three. What the optimizer keeps shrinks as promised. What the forward pass keeps
# does not: the slopes have to come back through every layer, whoever learns there. And the seconds: a full step
# multiplies by each large matrix three times, once forward and twice on the way back, for what came in and for the
# matrix itself. LoRA leaves out the third, and has thin products of its own to compute: more than a third it cannot
# save, and the last share says what is left of that here. (The first column is 12 bytes for each number that learns: 84
# GB for a model of 7 billion, more than most machines have. There LoRA is the difference between possible and not.)

# %% [markdown] tags=["instructor"]
# **Minutes 27-39. Type** the three prices of the live run (4 lines). Start the run before the vote.
#
# **The planned mistake:** merging with A and B the wrong way round; ask which shape gives it away. The reply is below.
#
# **Poll:** "LoRA at a small rate has forgotten less than the full run at a large one. Is it the method?"
# - *it forgets less*: two things were changed at once. Look at the full run at a small rate.
# - *one has to compare where both have learned as much*: right. Who learns less forgets less; that is no merit.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.merged(lambda W, A, B, alpha: W + alpha / len(A) * (B @ A).T if len(W) == W.shape[1] else W)

# %% [markdown]
# ## Another author
#
# Does it *write* like the dictionary? Somebody has to judge who has not been asked to be kind. Our judge counts
# letters, as lesson 09 did: for each of three hands (the dictionary; the CIA's World Factbook; Shakespeare, his small
# letters alone, as in lesson 01) the runs of four letters in three thousand lines that no model here was tuned on. A
# line belongs to the hand that finds it cheapest.
#
# **The target, stated first.** It was set after seed 9, which tried the rates, and before the three seeds were run:
# with each of them the judge gives at least **60%** of the model's lines to the dictionary, and at most **15%** of the
# untuned model's. And the control of the judge: a model tuned in the same way on the *factbook* passes for the
# dictionary with at most **30%** of its lines.
#
# First: how often is the judge right about real lines?

# %% tags=["boilerplate"]
# The runs of four letters, each hand's; and how often their first three letters come.
from collections import Counter


def fours(lines):
    return Counter(padded[i : i + 4] for line in lines for padded in [f"   {line}\n"] for i in range(len(line) + 1))


counted = {hand: fours(lines[4000:7000]) for hand, lines in HANDS.items()}
begun = {hand: Counter() for hand in HANDS}
for hand, table in counted.items():
    for four, count in table.items():
        begun[hand][four[:3]] += count


# %% tags=["boilerplate"]
# The judge, and its verdicts on real lines.
def judge(line):
    def nats(hand):
        padded = f"   {line}\n"
        return -sum(math.log((counted[hand][padded[i : i + 4]] + 0.05) / (begun[hand][padded[i : i + 3]] + 0.05 * 29))
                    for i in range(len(line) + 1))  # fmt: skip

    return min(HANDS, key=nats)


def shares(lines):
    verdicts = Counter(map(judge, lines))
    return ", ".join(f"{hand} {verdicts[hand] / len(lines):.0%}" for hand in HANDS)


for hand, lines in HANDS.items():
    print(f"300 real lines of {hand:11}:", shares(lines[7000:7300]))

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# What your run writes, 64 texts, and the untuned model; what the judge says of their whole lines, in small letters.
def written(model, seed, count=64):
    start = torch.tensor([letters.encode("\n")]).expand(count, 1)
    ids = decoding.generate(model, start, LENGTH, temperature=0.7, generator=torch.Generator().manual_seed(seed))
    whole = [line for row in ids for line in letters.decode(row.tolist()).split("\n")[1:-1]]
    small = ["".join(c for c in line.lower() if c in "abcdefghijklmnopqrstuvwxyz' ").strip() for line in whole]
    return [line for line in small if len(line) >= 15]


with device.one_thread():
    found = {"untuned": written(speller, 1), "LoRA": written(writer, 1)}
device.give_back_memory()
for name, lines in found.items():
    print(f"{name:8} {len(lines)} lines: {shares(lines)}")
print(*found["LoRA"][:7], sep="\n")

# %% tags=["boilerplate", "hero"]
# Three seeds, from the file: shares of lines that pass for the dictionary's, and the target.
passing = {pen: [row["dictionary"] for row in saved["lines"] if row["pen"] == pen]
           for pen in dict.fromkeys(row["pen"] for row in saved["lines"]) if not pen.startswith("real")}  # fmt: skip
for pen, values in passing.items():
    value, low, high = seed_interval(values)
    print(f"{pen:14}", " ".join(f"{x:.0%}" for x in values), f"· mean {value:.0%} [{max(0, low):.0%}, {high:.0%}]")
held = {"LoRA, each 60% or more": min(passing["LoRA"]) >= 0.6,
        "untuned, each 15% or less": max(passing["untuned"]) <= 0.15,
        "factbook, each 30% or less": max(passing["LoRA, factbook"]) <= 0.3}  # fmt: skip
print({name: "reached" if yes else "missed" for name, yes in held.items()})

# %% [markdown]
# Two targets reached, the third seed only just; the control **missed**. A model tuned on the factbook passes for the
# dictionary in 38% of its lines. Is it the model's fault, or the judge's, who knows three hands and must name one? Ask
# about lines in which nothing is the dictionary's: one half from the factbook, the other from Shakespeare.

# %% tags=["boilerplate"]
# Lines of two hands, the beginning of one and the end of the other.
def halved(one, other):
    return [a[: len(a) // 2].strip() + " " + b[len(b) // 2 :].strip()
            for a, b in zip(HANDS[one][7000:7300], HANDS[other][7000:7300])]  # fmt: skip


mixed = halved("factbook", "Shakespeare")
print(*mixed[:2], sep="\n")
print("half factbook, half Shakespeare:", shares(mixed))

# %% [markdown]
# Of real lines of either it was less than one in ten; of these it is more than a quarter. So *passes for the
# dictionary* says in part *is neither of the others*, and of the 71% the safe part is what lies above the 38 of the
# control. (Between the full run and LoRA the intervals overlap.)
#
# Read the lines aloud: they define nothing. A model of letters can learn how such lines *sound*.
#
# Is it copied? Stretches of 20 letters that stand in the 4,000 lines it was tuned on, beside real lines that do not
# belong to them.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The share of stretches of 20 letters that stand in the tuning text.
seen = "\n".join(HANDS["dictionary"][:4000])


def copied(lines):
    stretches = [line[i : i + 20] for line in lines for i in range(len(line) - 19)]
    return sum(stretch in seen for stretch in stretches) / len(stretches)


print(f"copied: ours {copied(found['LoRA']):.1%}, real lines that it has not read "
      f"{copied(HANDS['dictionary'][7600:7700]):.1%}")  # fmt: skip

# %% [markdown]
# As far as the first number lay above the second, it would quote. In the run saved here it does not.
#
# **Look:** the same start, the same dice; between 0 and 1 the adapter is only as loud as the slider says. Where does
# the play end and the dictionary begin? At 0 it is the old model, to the last bit: that is the control.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The adapter's loudness, from nothing to one and a half.
from course_lib.viz import gpt as leaves

scales = {part: part.scale for part in lora.adapters(writer).values()}


def draw_loudness(loudness, begin):
    for part, scale in scales.items():
        part.scale = scale * loudness
    ids = torch.tensor([letters.encode(begin or "\n")])
    text = decoding.generate(writer, ids, LENGTH, temperature=0.7, generator=torch.Generator().manual_seed(3))
    for part, scale in scales.items():
        part.scale = scale
    return leaves.pages({f"loudness {loudness}": letters.decode(text[0].tolist())}, "Between two hands")


viz.explore(draw_loudness, loudness=viz.Slider(0, 1.5, 0.25, value=1.0), begin=viz.Text("king "))

# %% tags=["boilerplate", "nbval-ignore-output"]
# Its file, beside the model's: written, and loaded beside a fresh model.
with tempfile.TemporaryDirectory() as folder:
    size = lora.save(writer, Path(folder) / "dictionary.safetensors")
    fresh = lora.load(pretrain.load(data.path("gpt_characters"))[0], Path(folder) / "dictionary.safetensors")
whole, same = 4 * sum(p.numel() for p in speller.parameters()), price(fresh, asked) == price(writer, asked)
print(f"the adapter takes {size / 1000:.0f} kB, {size / whole:.1%} of the model's; the same answers: {same}")
assert same

# %% [markdown] tags=["instructor"]
# **Minutes 39-50. Type** the target (4 lines), the file (4 lines). Let the room bring words to define.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "ten authors, one GPT. What do you store?"
# - *ten models*: that is full fine-tuning.
# - *one model and ten files, each a hundredth or two of it*: right; they can be switched from question to question.

# %% [markdown]
# ## What you know now
#
# - **In-context examples** change the answer and no weight. Here they help to tell reviews apart, whatever their
#   labels; the labels move where the line is drawn. Only a control shows which.
# - **LoRA** writes a layer's change as B A, scaled by alpha / r. Merged it is a plain layer again; switched off it is
#   the old model to the last bit.
# - It saves the optimizer's memory, hardly anything of what the forward pass keeps, and some of the seconds.
# - Both ways **forget**: compare them where they have learned as much, and try a smaller rate first. What LoRA keeps
#   safe is the old model itself.
# - A style can be judged by counting letters, if the judge is tested first; and a control shows what its verdict is
#   worth.
#
# **Quiz.** Open the answer that you would give.
#
# **1. B begins with 0 and A at random. Why not both with 0?**
#
# <details><summary>Then neither would ever move.</summary>
#
# Right: the slope of each is a product with the other.
#
# </details>
# <details><summary>Then the first answers would be wrong.</summary>
#
# With B = 0 they are the old model's already.
#
# </details>

# %% [markdown]
# **2. A LoRA of rank 4 is merged into its layer of 256 x 256. What does the merged layer cost, beside the old one?**
#
# <details><summary>The same.</summary>
#
# Right: it is one matrix of 256 x 256, only its numbers are others.
#
# </details>
# <details><summary>A few per cent more.</summary>
#
# That is the unmerged one, with its two thin products.
#
# </details>
# <details><summary>Less, for its rank is 4.</summary>
#
# The *change* has rank 4; W has not.
#
# </details>

# %% [markdown]
# **3. Elsewhere, eight examples raise a score from 60 to 75%. A colleague: "it has learned the task from them."**
#
# <details><summary>Ask for the same run with shuffled labels.</summary>
#
# Right: the form alone may have done it, and then their labels taught nothing.
#
# </details>
# <details><summary>Yes, the score says so.</summary>
#
# A score says *that* it rose, not why.
#
# </details>

# %% [markdown]
# **4. After fine-tuning, LoRA has forgotten half as much as the full run. Is it the gentler way?**
#
# <details><summary>Yes.</summary>
#
# Only if both have learned as much of the new. Look at that first.
#
# </details>
# <details><summary>Compare at equal price of the new task.</summary>
#
# Right. Who has learned nothing has forgotten nothing.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Tom Brown and others (2020). Language Models are Few-Shot Learners. NeurIPS.
# - Sewon Min and others (2022). Rethinking the Role of Demonstrations: What Makes In-Context Learning Work? EMNLP.
# - Jerry Wei and others (2023). Larger language models do in-context learning differently.
# - Edward Hu and others (2022). LoRA: Low-Rank Adaptation of Large Language Models. ICLR.
# - Dan Biderman and others (2024). LoRA Learns Less and Forgets Less. TMLR.
# - Michael McCloskey, Neal Cohen (1989). Catastrophic Interference in Connectionist Networks. Psychology of Learning
#   and Motivation 24.
# - GCIDE, the GNU Collaborative International Dictionary of English (GPL-3.0-or-later); The World Factbook (public
#   domain); Rotten Tomatoes sentences: Bo Pang, Lillian Lee (2005).
