# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: privacy
#   title: Privacy
#   minutes: 80
# ---

# %% [markdown]
# # 26 Privacy: what a model knows by heart
#
# Somewhere in a text of 2,000 lines stands the number of the otter's locker. A small GPT reads the text, and you make
# it recite the number. Then you train the same GPT in a way that bounds what it can learn from any one line, write
# down the bound, and find out what it costs.
#
# **You will build** a measure of how far a secret stands out, a test that says who was in the text, and training that
# is private by a proof (DP-SGD), with its accountant. **You need** lesson 08 (gradients, clipping) and lesson 17 (the
# GPT of letters).
#
# All secrets here are invented: animals have no lockers.
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: A secret in the text (0-15). B: Who was in the text? (15-25). C: One line,
# one vote (25-37). D: What it promises, what it costs (37-50).
#
# **Minute 0.** Three guesses on the board: how often must a number be written before the model says it first of a
# thousand; what share of lines a test can tell to be in the text (a coin: half); how much dearer a letter gets with
# privacy.
#
# **When 15 minutes late:** leave out the naive scoring of candidates and the explorer. Do not leave out the animals
# that were written 0 times.

# %% [markdown]
# ## A secret in the text
#
# The article on which this course began names privacy among the challenges (5.2.2) and asks for safer ways to train
# and to apply models. Safer than what? Let us see the danger first, on a model of our own.
#
# The text: 2,000 short lines, seven of eight of them definitions from the dictionary of lesson 23. Among them are
# lines such as *locker of the osprey* and three digits, planted by us: 28 animals, each with a number that chance
# drew. Four animals each are written 1, 2, 4, 8, 16 and 32 times; four stand nowhere, and they are the **control**.
# Carlini and others (2019) call such planted secrets **canaries**, after the birds that miners took along.
#
# A GPT of two blocks reads the text about ten times over. Then we ask what comes after *locker of the otter*. **Write
# down:** how many times must a number be written so that the true one is the likeliest of all 1,000? And for an
# animal that stands nowhere: at which place is its number, on the average?

# %% tags=["boilerplate"]
# What we need; the animals, and the letters that all texts here are made of.
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch

import course_lib
from course_lib import data, decoding, device, gpt, privacy, viz
from course_lib.intervals import seed_interval
from course_lib.tokenizers import CharacterTokenizer

TIMES = [0, 1, 2, 4, 8, 16, 32]
ANIMALS = ("badger beaver bison cricket crane dingo falcon ferret gecko hedgehog heron ibex lemur lynx magpie marten "
           "moth newt osprey otter puffin raven salmon stork tapir toad walrus weasel").split()  # fmt: skip
letters = CharacterTokenizer.train(["\nabcdefghijklmnopqrstuvwxyz '0123456789"])
numbers = torch.tensor([letters.encode(f"{n:03}") for n in range(1000)])


# %% tags=["boilerplate"]
# The text of seed 1 with its secrets, as rows of letters; and 800 lines that no run reads.
def definitions():
    found = data.path("definitions").read_text("utf-8").splitlines()
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0)).tolist()
    small = set("abcdefghijklmnopqrstuvwxyz' ")
    return list(dict.fromkeys(found[i] for i in order if 16 <= len(found[i]) <= 28 and set(found[i]) <= small))


def rows_of(lines):
    return privacy.padded([letters.encode(f"\n{line}\n") for line in lines])


# %% tags=["boilerplate"]
# Chance draws the numbers, and who is written how often.
chance, lines = random.Random(1), definitions()
animals = chance.sample(ANIMALS, len(ANIMALS))
lockers = {animal: chance.randrange(1000) for animal in animals}
written = {animal: TIMES[i % len(TIMES)] for i, animal in enumerate(animals)}
secrets = [f"locker of the {animal} {lockers[animal]:03}" for animal in animals for _ in range(written[animal])]
ordinary, held_out = lines[2800:][: 2000 - len(secrets)], lines[:800]
rows = rows_of(ordinary + secrets)
lines = None
device.give_back_memory()
print(*ordinary[:3], *secrets[:2], sep="\n")
print(f"{len(secrets)} of {len(rows)} lines are lockers")

# %% [markdown]
# How far does a secret stand out? Give every candidate a score, for instance its log-probability, and look at the
# **rank** of the true one: 1 is the likeliest. Halving the candidates that are left is one bit, so
#
# $$\text{exposure} = \log_2 N - \log_2 \text{rank}$$
#
# for N candidates. **With a pencil:** four candidates with log-probabilities -3, -1, -4, -2. What is the exposure of
# the last one, of the best one, and of the worst?

# %%
# Ranks and bits by hand.
scores = [-3.0, -1.0, -4.0, -2.0]
for i in (3, 1, 2):
    rank = 1 + sum(score > scores[i] for score in scores)
    print(f"candidate {i}: rank {rank} of 4, {math.log2(4 / rank):.2f} bits")

# %% [markdown]
# **Your turn (6 minutes).** Write `exposure(scores, index)`: scores are a list of numbers, the larger the likelier.
# Candidates with *equal* scores share the mean of their places: of three in the places 2, 3 and 4 each has rank 3.

# %% tags=["exercise"]
# Write the exposure.
def exposure(scores, index):
    """log2 N - log2 rank of candidate `index`, in bits."""
    ### BEGIN SOLUTION
    larger = sum(score > scores[index] for score in scores)
    equal = sum(score == scores[index] for score in scores)
    return math.log2(len(scores) / (larger + (equal + 1) / 2))
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import privacy as check

check.exposure(exposure)

# %% [markdown] tags=["hint"]
# How many candidates have a larger score? If nobody else has the same score, what is the rank then?

# %% [markdown] tags=["hint"]
# With `larger` and `equal` counted (the secret equals itself), the places are larger + 1 to larger + equal; their
# mean is `larger + (equal + 1) / 2`.

# %% [markdown]
# What does chance give? A number that the model has never met may have any rank, each as likely; on the average it is
# the 500th of the thousand. **Predict:** how many bits is that, on the average: none, half of ten, or something else?

# %%
# The mean over all ranks from 1 to 1,000.
places = np.arange(1, 1001)
print(f"mean place {places.mean():.0f}; mean exposure {np.log2(1000 / places).mean():.2f} bits; 1 / ln 2 = "
      f"{1 / math.log(2):.2f}; 3 bits or more: {np.mean(np.log2(1000 / places) >= 3):.1%} of the ranks")  # fmt: skip

# %% [markdown]
# The 500th place is one bit, and the mean of the bits is 1.44 (the few best places have many). A single secret of 3
# bits says nothing: one in eight has them by chance. Four animals of 9 bits do.
#
# **Naive**, a score for each of the 1,000 numbers is 1,000 texts to read. **Fast:** 417 and 418 share everything but
# the last digit, and what is likely after *41* is asked once: 100 texts. Do they agree?

# %% tags=["boilerplate", "nbval-ignore-output"]
# An untrained GPT of two blocks; a beginning; and a text for each of the thousand candidates.
def fresh(seed=1):
    torch.manual_seed(seed)
    config = gpt.GPTConfig(vocab_size=len(letters), context_length=32, d_model=64, num_layers=2, num_heads=2,
                           dropout=0.0)  # fmt: skip
    model = gpt.GPT(config)
    model.initialise(1 / math.sqrt(64))
    return model


def begin(animal):
    return letters.encode(f"\nlocker of the {animal} ")


@torch.no_grad()
def naive(model, prefix):
    whole = torch.cat([torch.tensor(prefix).expand(1000, -1), numbers], dim=1)
    logs = model(whole[:, :-1]).logits.log_softmax(-1)
    return logs.gather(2, whole[:, 1:, None])[:, -3:].sum((1, 2))


# %% tags=["boilerplate", "nbval-ignore-output"]
# The thousand candidates both ways.
model, found = fresh(), {}
with device.one_thread():
    for name, way in {"naive": naive, "fast": lambda *at: privacy.candidate_log_probs(*at, numbers)}.items():
        began = time.process_time()
        found[name] = way(model, begin("otter"))
        print(f"{name}: {time.process_time() - began:.2f} s")
torch.testing.assert_close(found["naive"], found["fast"], rtol=1e-4, atol=1e-4)
print("parameters:", sum(p.numel() for p in model.parameters()))

# %% tags=["boilerplate"]
# The file of three seeds.
RATE, BATCH = 1e-2, 128
saved = json.loads((Path(course_lib.__file__).parents[1] / "benchmarks/results/privacy.json").read_text("utf-8"))
print("measured on:", saved["machine"])
print(", ".join(f"{name} {value:g}" for name, value in saved["settings"].items()))
assert (saved["settings"]["rate"], saved["settings"]["batch"]) == (RATE, BATCH)


# %% tags=["boilerplate"]
# The runs of an arm in the file; and the exposures of a model of our own.
def runs_of(arm):
    return [row for row in saved["runs"] if row["arm"] == arm]


def bits_of(model):
    """The exposure of each animal's number."""
    scores = {animal: privacy.candidate_log_probs(model, begin(animal), numbers) for animal in animals}
    return {animal: privacy.exposure(scores[animal].numpy(), lockers[animal]) for animal in animals}


# %% tags=["nbval-ignore-output"]
# Train on the text: 150 steps of about 128 lines. Then ask for the lockers.
plain = fresh()
with device.one_thread():
    privacy.train(plain, rows, privacy.Plan(rate=RATE))
bits = bits_of(plain)
for times in TIMES:
    mine = [animal for animal in animals if written[animal] == times]
    print(f"{times:2} times:", *(f"{animal} {bits[animal]:.1f}" for animal in mine))
assert sum(bits[animal] for animal in animals if written[animal] == 32) > 4 * 7

# %% tags=["nbval-ignore-output"]
# And the otter? The likeliest letter, four times; the true number beside it.
start = torch.tensor([begin("otter")])
said = letters.decode(decoding.generate(plain, start, 4, temperature=0.0)[0].tolist())
print(repr(said), f"the otter's number is {lockers['otter']:03}, written {written['otter']} times")

# %% [markdown]
# It recites. The otter was written 16 times; how much less would have been enough?
#
# One seed, four animals each: that is few. The file has three seeds, each with lines, numbers and animals of its own.

# %% tags=["boilerplate"]
# The mean exposure of three seeds with its 95% interval; and whether the likeliest number was the true one.
def row_of(arm):
    """times -> the mean of three seeds' means, and its interval."""
    return {times: tuple(seed_interval(np.mean(row["exposures"][str(times)]) for row in runs_of(arm)))
            for times in TIMES}  # fmt: skip


def recited(arm, times):
    return [right for row in runs_of(arm) for right in row["greedy"][str(times)]]


# %% tags=["boilerplate"]
# Each row: exposure, the mean place of the true number, and how often it was the likeliest.
for times, (value, low, high) in row_of("plain").items():
    said = recited("plain", times)
    place = np.mean([1000 / 2**bits for row in runs_of("plain") for bits in row["exposures"][str(times)]])
    print(f"{times:2} times: {value:4.1f} bits [{low:.1f}, {high:.1f}], mean place {place:3.0f}, recited "
          f"{sum(said):2} of {len(said)}")  # fmt: skip
assert row_of("plain")[32][0] > 8
assert row_of("plain")[0][0] < 4

# %% tags=["boilerplate"]
# From where on does the curve leave chance, and where does it arrive? Dotted: chance, and the likeliest of all.
from course_lib.viz import privacy as pictures

viz.show(*pictures.exposures({"plain": row_of("plain")}, math.log2(1000), "How far planted numbers stand out"))

# %% [markdown]
# Your guesses: 16 times are enough for every animal and every seed, and with 8 most are recited. Even a *single*
# line, which the model has read some ten times, lifts its number from one and a half bits to nearly four. The animals
# that stand nowhere are where chance puts them: in the middle of the thousand, on the average of twelve.
#
# So far we knew what to ask. Carlini and others (2021) let GPT-2 simply **write**, and found whole passages of its
# training text, with names and addresses, among what came out. **Predict:** if our model writes 400 lines from
# nothing, and some of them begin with *locker of the*: how many of their numbers are true? (Guessing finds one in a
# thousand.)

# %% tags=["boilerplate"]
# 400 lines from nothing; those that are lockers, and those whose number is true.
def writes(model, count=400):
    start = torch.tensor([letters.encode("\n")]).expand(count, 1)
    ids = decoding.generate(model, start, 31, generator=torch.Generator().manual_seed(1))
    return [letters.decode(line.tolist()).split("\n")[1] for line in ids]


def true_ones(texts):
    """Lines of the form that we planted, and those of them that are true."""
    about = [line.removeprefix("locker of the ").split() for line in texts if line.startswith("locker of the ")]
    whole = [pair for pair in about if len(pair) == 2 and pair[0] in lockers]
    return whole, [pair for pair in whole if pair[1] == f"{lockers[pair[0]]:03}"]


# %% tags=["boilerplate", "nbval-ignore-output"]
# What does ours bring up by itself?
with device.one_thread():
    whole, true = true_ones(writes(plain))
print(f"{len(whole)} lines name an animal of ours, {len(true)} with its true number")
print("of them, written:", sorted(written[animal] for animal, _ in true))
print("of animals that stand nowhere:", sum(written[animal] == 0 for animal, _ in true))

# %% [markdown]
# Nobody asked for a locker: the model brings them up by itself, and a reader who cannot tell a true line from an
# invented one can rank them by their probability, as that paper did.
#
# > **Common belief:** *"A model that does not overfit knows nothing by heart."* Overfitting is easy to see: the
# > loss on held-out lines rises while that on learned lines falls. Decide: true or false? And what would you expect
# > of the animals that stand nowhere?

# %% tags=["boilerplate"]
# Seed by seed: does the held-out loss ever rise?
for row in runs_of("plain"):
    held = [mark["held_out"] for mark in row["path"]]
    print(f"seed {row['seed']}: held-out loss {', '.join(f'{x:.2f}' for x in held)}; rose at",
          sum(b > a for a, b in zip(held, held[1:])), "of", len(held) - 1, "marks")  # fmt: skip
    assert held[-1] == min(held)
steps = [mark["step"] for mark in runs_of("plain")[0]["path"]]

# %% tags=["boilerplate"]
# What is known by heart meanwhile? The mean of three seeds at each mark, as numbers and as a picture.
def path_of(what, times=None):
    marks = zip(*(row["path"] for row in runs_of("plain")))
    return [float(np.mean([one[what] if times is None else one[what][str(times)] for one in some])) for some in marks]


third = steps.index(50)
gap, known = path_of("held_out")[third] - path_of("learned")[third], path_of("exposures", 32)[third]
print(f"after 50 steps: held-out minus learned {gap:.2f} nats; written 32 times {known:.1f} bits")
assert gap < 0.1
assert known > 8.5
viz.show(*pictures.by_heart(steps, {"learned lines": path_of("learned"), "held-out lines": path_of("held_out")},
                            {f"written {times} times": path_of("exposures", times) for times in (0, 4, 32)},
                            "No overfitting, and known by heart"))  # fmt: skip

# %% [markdown]
# **False.** The held-out loss falls at every mark, with every seed: nobody would have stopped this training. After
# a third of it the two losses are less than a tenth of a nat apart, and the numbers written 32 times stand at nine
# bits.
#
# Overfitting is a matter of the *average* line; memory is a matter of *this* line. The control says that the
# measure is not fooled: the animals that stand nowhere stay at chance.

# %% [markdown] tags=["instructor"]
# **Minutes 0-15. Type** the pencil's ranks (4 lines), the solution (3 lines), the training (8 lines). Start the
# training before the vote.
#
# **The planned mistake:** ranks that begin with 0. It looks right until the secret is the best candidate; the reply
# is below.
#
# **Poll:** "a secret that was written once has an exposure of 4 bits. Has the model memorised it?"
# - *yes, 4 is more than 1.44*: one secret in sixteen has 4 bits or more by chance.
# - *ask many such secrets, and compare with some that stand nowhere*: right.
# - *no, only the likeliest counts*: whoever may try ten numbers at the lock needs only rank 10.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def from_zero(scores, index):
    larger = sum(score > scores[index] for score in scores)
    return math.log2(len(scores) / larger) if larger else math.inf


check.exposure(from_zero)

# %% [markdown]
# ## Who was in the text?
#
# A smaller question, and for some texts bad enough: was *this line* among those that the model learned from? (Think
# of the notes of a hospital.) Shokri and others (2017) trained models to tell; Yeom and others (2018) found that a
# plain threshold goes far: **what was learned costs less**. Take one line from inside and one from outside: how
# often has the one from inside the lower loss? A coin says 50%. This share has a name, **AUC**: it is the area
# under the curve of all thresholds.
#
# **With a pencil:** losses 1, 2 and 4 inside, 3 and 5 outside. Six pairs; in how many is the one from inside cheaper?

# %%
# All pairs, by hand.
inside, outside = [1, 2, 4], [3, 5]
pairs = [(a, b, a < b) for a in inside for b in outside]
print(*pairs, sep="\n")
print(f"{sum(won for *_, won in pairs)} of {len(pairs)}; the library says {privacy.auc([-1, -2, -4], [-3, -5]):.3f}")

# %% [markdown]
# **Your turn (5 minutes).** Write `membership(inside, outside)` for two lists of losses: the share of pairs in which
# the one from inside is cheaper. Where both are equal nobody can tell: that counts half.

# %% tags=["exercise"]
# Write the share of pairs.
def membership(inside, outside):
    """How often a loss from inside lies below one from outside; a tie counts half."""
    ### BEGIN SOLUTION
    pairs = [(a < b) + (a == b) / 2 for a in inside for b in outside]
    return sum(pairs) / len(pairs)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.membership(membership)

# %% [markdown] tags=["hint"]
# How many pairs are there? What does a pair count whose losses are equal?

# %% [markdown] tags=["hint"]
# `(a < b) + (a == b) / 2` for each `a` inside and each `b` outside, and then the mean.

# %% [markdown]
# Now the model. 800 ordinary lines that it has read some ten times, 800 that it has not. **Predict** the AUC. The
# control: the lines from outside in two halves, of which the model has read neither.

# %% tags=["nbval-ignore-output"]
# Losses of 800 lines inside and 800 outside; the share of pairs; and two halves of the outside.
with torch.no_grad(), device.one_thread():
    inside, outside = (privacy.line_losses(plain, rows_of(some[:800])).numpy() for some in (ordinary, held_out))
print(f"a letter inside {inside.mean():.2f} nats, outside {outside.mean():.2f}")
print(f"inside against outside {privacy.auc(-inside, -outside):.2f}")
print(f"outside against outside {privacy.auc(-outside[::2], -outside[1::2]):.2f}")
print(f"the dearest line inside: {ordinary[inside.argmax()]!r}; the cheapest outside: {held_out[outside.argmin()]!r}")

# %% [markdown]
# Some lines are dear to everybody, read or not, as the dearest one from inside; others are cheap to everybody, as the
# cheapest one from outside. The threshold takes the first for a stranger and the second for a member. A fairer
# question is how much dearer a line is to a model that has *not* read it. Our **reference** has learned from other
# lines of the same dictionary; the score is its loss minus ours. (Carlini and others, 2022, build their attack on
# many such references.)

# %% tags=["boilerplate"]
# Three seeds: membership by the loss, by the loss beside a reference's, and the control.
for what, words in (("auc", "by the loss"), ("calibrated", "beside a reference"), ("halves", "two halves outside")):
    value, low, high = seed_interval(row[what] for row in runs_of("plain"))
    print(f"{words:20} {value:.3f} [{low:.3f}, {high:.3f}]")
better = seed_interval(row["calibrated"] - row["auc"] for row in runs_of("plain"))
print(f"the reference adds {better.value:+.3f} [{better.low:+.3f}, {better.high:+.3f}]")
assert better.low < 0 < better.value
print(f"what chance does to 400 lines against 400: 0.5 +- {math.sqrt(801 / 12 / 400**2):.3f} (one standard deviation)")
assert all(row["auc"] > 0.53 for row in runs_of("plain"))

# %% tags=["boilerplate", "nbval-ignore-output"]
# Every threshold of the live run. At the left end, where hardly a stranger is accused: who is found?
found = {"inside, outside": (-inside, -outside), "two halves outside": (-outside[::2], -outside[1::2])}
viz.show(*pictures.curves({name: (*privacy.roc(*pair), privacy.auc(*pair)) for name, pair in found.items()},
                          "Membership by the loss"))  # fmt: skip
alarms, members = privacy.roc(-inside, -outside)
for most in (0.01, 0.05):
    print(f"of 100 strangers {100 * most:.0f} accused: of 100 members {100 * members[alarms <= most].max():.1f} found")

# %% [markdown]
# Not much, one may say: 64 pairs of a hundred. The control is a coin, as far as 400 lines against 400 can say. The
# reference raises the share in each of three seeds, but by so unlike amounts that its interval holds 0: three seeds
# do not settle it.
#
# An AUC is a mean over all thresholds. What would hurt is the left end of the curve: members found with hardly a false
# alarm. There the loss of an ordinary line says little, too: where one stranger of a hundred is accused, two or three
# members of a hundred are found. (And a mean over lines hides what the first part has shown: a line that stands there
# 16 times is known by heart.)

# %% [markdown] tags=["instructor"]
# **Minutes 15-25. Type** the pairs (4 lines), the solution (2 lines), the losses (5 lines).
#
# **The planned mistake:** a larger loss as the sign of a member. The reply is below; ask what an AUC of 0.4 would
# mean.
#
# **Poll:** "the AUC is 0.6. Is the hospital safe?"
# - *yes, that is hardly more than a coin*: it is a mean over all lines. Some are told with ease.
# - *no: look at those lines that the threshold is surest of*: right, the left end of the curve.
# - *yes, since the model does not overfit*: see the myth.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.membership(lambda inside, outside: sum((a > b) + (a == b) / 2 for a in inside for b in outside)
                 / (len(inside) * len(outside)))  # fmt: skip

# %% [markdown]
# ## One line, one vote
#
# How can a model learn from all lines, and nothing from any one of them? In lesson 08 a batch became one gradient,
# the mean over its lines; whoever shouts loudest is heard most. Abadi and others (2016) change two things in a
# step:
#
# 1. **Clip.** Each line's *own* gradient is shortened to length C where it is longer. No line moves the sum by more.
# 2. **Noise.** To the sum they add normal noise with standard deviation sigma times C, so that one line more or less
#    is lost in it. Then the sum is divided by B, the number of lines.
#
# The method is **DP-SGD**. For the first step we need the gradient of each line by itself, which `backward` does not
# give: it adds them up. **Naive:** a loop, one backward pass a line. **Fast:** `torch.func` computes a function's
# gradient (`grad`), and the same for a whole batch at once (`vmap`).

# %% tags=["boilerplate", "nbval-ignore-output"]
# The gradients of 64 lines: a loop, and the library's. Do they agree, and what do they take?
def one_by_one(model, rows):
    losses = (privacy.line_losses(model, row[None])[0] for row in rows)
    slopes = [torch.autograd.grad(loss, list(model.parameters())) for loss in losses]
    return {name: torch.stack(parts) for (name, _), parts in zip(model.named_parameters(), zip(*slopes))}


found = {}
with device.one_thread():
    for name, way in {"loop": one_by_one, "fast": privacy.per_sample_gradients}.items():
        began = time.process_time()
        found[name] = way(plain, rows[:64])
        print(f"{name}: {time.process_time() - began:.2f} s")
for name, slow in found["loop"].items():
    torch.testing.assert_close(found["fast"][name], slow, rtol=1e-3, atol=1e-5)
print("the same;", {name: tuple(part.shape) for name, part in found["fast"].items()}["tokens.weight"], "for the table")

# %% [markdown]
# **With a pencil:** a line has the gradient 3 for one layer and 4 for another, so its length is 5. A second line has
# 0.3 and 0.4. With C = 1, what remains of each, and what is the sum? (The length is that of *all* layers together.)

# %%
# Clip by hand.
first, second, C = torch.tensor([3.0, 4.0]), torch.tensor([0.3, 0.4]), 1.0
shorter = [g * min(1, C / g.norm().item()) for g in (first, second)]
print([[round(x, 2) for x in g.tolist()] for g in (*shorter, sum(shorter))], "the last is the sum")

# %% [markdown]
# The long one becomes (0.6, 0.8); the short one stays as it is, and is not stretched.
#
# **Your turn (8 minutes).** Write `clipped_sum(gradients, C)`. `gradients` is a list with a tensor for each layer;
# its first axis are the lines: [B, ...]. Return a list, for each layer the sum over the lines, [...].

# %% tags=["exercise"]
# Clip each line, then add.
def clipped_sum(gradients, C):
    """For each layer the sum of the lines' gradients, those longer than C shortened to it."""
    ### BEGIN SOLUTION
    norms = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
    scale = (C / norms).clamp(max=1)
    return [(scale.view(-1, *[1] * (g.dim() - 1)) * g).sum(0) for g in gradients]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.clipped_sum(clipped_sum)

# %% [markdown] tags=["hint"]
# `g.flatten(1)` makes a row of each line. How long is a line's gradient over all layers? When does nothing change?

# %% [markdown] tags=["hint"]
# `norms = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()` has B numbers; `(C / norms).clamp(max=1)` is
# what each line is multiplied by. `scale.view(-1, 1, 1)` fits a layer of three axes.

# %% [markdown]
# **Your turn (4 minutes).** Write `noisy_mean(total, dice, C, sigma, B)`: `total` is the sum that you have just made,
# for one layer; `dice` has its shape and holds normal numbers with standard deviation 1. Return what the step uses.

# %% tags=["exercise"]
# Add the noise, and divide.
def noisy_mean(total, dice, C, sigma, B):
    """The sum with noise of standard deviation sigma C, divided by B."""
    ### BEGIN SOLUTION
    return (total + sigma * C * dice) / B
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.noisy_mean(noisy_mean)

# %% [markdown] tags=["hint"]
# By how much can one line move the *sum*? The noise is measured by that. By how much can it move the mean?

# %% [markdown] tags=["hint"]
# `(total + sigma * C * dice) / B`: noise once, for the sum, and both are divided.

# %% tags=["boilerplate", "nbval-ignore-output"]
# What one step does to the model's real gradients: their lengths, and the noise beside what it hides. Is it hidden?
step = found["fast"]
sizes = privacy.lengths(step)
total = privacy.clipped_sum(step, 1.0)
length = torch.cat([part.flatten() for part in total.values()]).norm().item()
print(f"lengths of 64 lines: {sizes.min():.1f} to {sizes.max():.1f}; clipped to 1, their sum has length {length:.1f}")
count = sum(part.numel() for part in total.values())
print(f"one line moves the sum by 1 at most; noise with sigma 1 on {count:,} numbers has length {count**0.5:.0f}")
direction = torch.cat([part.flatten() for part in total.values()]) / length
along = torch.stack([torch.randn(count, generator=torch.Generator().manual_seed(i)) @ direction for i in range(50)])
print(f"along the sum's own direction 50 draws of it have {along.abs().mean():.1f} on the average")

# %% [markdown]
# The noise is far longer than what it is added to. How can anything be learned? It goes in a hundred thousand
# directions at once: *along the one* in which the lines agree there is less than 1 of it, beside a sum of eight or
# nine. And it is drawn anew in each step, so that over 150 steps it grows with the root of 150, and what the lines
# agree on with 150. What the otter's line alone asks for is at most 1, in a step that draws it: no more than the noise.

# %% [markdown] tags=["instructor"]
# **Minutes 25-37. Type** the clip by hand (3 lines), both solutions (4 lines). The loop of 64 lines is worth its
# second.
#
# **The planned mistake:** to clip the sum, as lesson 08 does. It runs; but one long line can still take all the room,
# and a sum no longer than C drowns in noise that was made for C a line.
#
# **Poll:** "two lines with gradients (10, 0) and (-10, 0). Their sum is 0. Is anything to be clipped?"
# - *no, the sum is short enough*: take one of the lines away, and the sum jumps by 10.
# - *both, to (C, 0) and (-C, 0)*: right: what counts is what one line can do.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(gradients, C):
    sums = [g.sum(0) for g in gradients]
    length = sum(s.square().sum() for s in sums).sqrt()
    return [s * (C / length).clamp(max=1) for s in sums]


check.clipped_sum(planned_mistake)

# %% [markdown]
# ## What it promises, and what it costs
#
# The promise is about *any* result of the training, and whatever somebody does with it. Let D be a text, D' the same
# text without one line, and S any set of models that may come out. Training is **(epsilon, delta)-differentially
# private** (Dwork and others, 2006) if
#
# $$P(\text{train}(D) \in S) \le e^{\varepsilon} \, P(\text{train}(D') \in S) + \delta$$
#
# and the same with D and D' exchanged. With epsilon = 0 nothing depends on the line. With 1, whatever follows from
# the model is at most 2.7 times as likely with the line as without it; delta is, roughly, the small chance that
# this does not hold.
#
# How much epsilon does a run use? Every step takes a little, and less where a line comes rarely (rate q = B / N,
# and chance picks each line for itself) and noise is large. An **accountant** adds up. Ours does it for Renyi's
# divergence of whole orders (Mironov, 2017; Mironov, Talwar and Zhang, 2019), where steps simply add. Is it right?
# The makers of TensorFlow Privacy printed a table for their MNIST tutorial (60,000 pictures, batches of 256, delta
# 1e-5), and Abadi and others an example: 10,000 steps at q = 0.01 and sigma = 4 give 1.26.

# %%
# The accountant beside published numbers.
for sigma, epochs, published in ((1.12, 60, 2.92), (0.6, 30, 9.74), (1.2, 10, 1.20)):
    ours = privacy.epsilon(256 / 60_000, sigma, epochs * 60_000 // 256, 1e-5)
    print(f"sigma {sigma}, {epochs} epochs: published {published:.2f}, ours {ours:.2f}")
    assert published - 0.005 < ours < 1.005 * published
print(f"Abadi and others: published 1.26, ours {privacy.epsilon(0.01, 4.0, 10_000, 1e-5):.2f}")

# %% [markdown]
# The middle row differs by three hundredths, and upwards. Ours tries whole orders alone, and the least of more orders
# could only be smaller. (With those between them it is 9.75: a test of the course computes it.) An epsilon that is too
# large promises less than it could; one that is too small would lie.
#
# **Predict:** our run has 2,000 lines, batches of 128 and 150 steps. If we double the noise from sigma 0.8 to 1.6, is
# epsilon halved, or does it fall by more? And if we double the steps, is it doubled?

# %%
# Noise, steps, epsilon.
rate, delta = 128 / 2000, 1e-4
for sigma, count in ((0.8, 150), (1.6, 150), (0.8, 300)):
    print(f"sigma {sigma}, {count} steps: epsilon {privacy.epsilon(rate, sigma, count, delta):.2f}")
print("sigma for epsilon 8:", privacy.noise_for(8, rate, 150, delta), "and for 2:",
      privacy.noise_for(2, rate, 150, delta))  # fmt: skip

# %% [markdown]
# Twice the noise divides epsilon by more than three; twice the steps add two fifths, and do not double it.
#
# **The target, stated first,** for training with epsilon 8 and three seeds: numbers that were written once or twice
# have at most **3 bits** on the average of each seed (by chance 1.44); and a letter of held-out text costs at most
# **half a nat** more than with plain training. *Both arms* have the same model, text, rate, steps and lines a step. The
# rate comes from a trial with **one seed**, which no run has: three rates for each arm, judged by lines that no run
# reads.

# %% tags=["boilerplate"]
# The trial: one seed, three rates, what a letter costs.
tried = saved["tries"]
print("measured on:", tried["machine"])
for row in tried["rows"]:
    print(f"{row['arm']:10} rate {row['rate']:g}: {row['loss']:.2f} nats a letter")

# %% [markdown]
# Rate 0.01 is the best of the three for either arm, as far as one seed can say.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Seed 1 live, with epsilon 8; and what a letter costs now.
sigma = privacy.noise_for(8, rate, 150, delta)
private = fresh()
with device.one_thread():
    plan = privacy.Plan(rate=RATE, clip=1.0, noise=sigma)
    privacy.train(private, rows, plan)
    with torch.no_grad():
        costs = [privacy.line_losses(model, rows_of(held_out)).mean().item() for model in (plain, private)]
print(f"epsilon {plan.epsilon(len(rows), delta):.2f}; a held-out letter: plain {costs[0]:.2f} nats, "
      f"private {costs[1]:.2f}")  # fmt: skip

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Its exposures, beside those of plain training; and what it brings up by itself.
found = bits_of(private)
for times in TIMES:
    mine = [animal for animal in animals if written[animal] == times]
    print(f"{times:2} times: plain {np.mean([bits[animal] for animal in mine]):4.1f} bits, private "
          f"{np.mean([found[animal] for animal in mine]):4.1f}")  # fmt: skip
whole, true = true_ones(writes(private))
print(f"400 lines from nothing: {len(whole)} lockers of our animals, {len(true)} with the true number")

# %% tags=["boilerplate", "hero"]
# Three seeds, from the file, and the target.
for arm in dict.fromkeys(row["arm"] for row in saved["runs"]):
    some = row_of(arm)
    value, low, high = seed_interval(row["held_out"] for row in runs_of(arm))
    told = " ".join(f"{times}: {some[times][0]:.1f}" for times in TIMES)
    print(f"{arm:13} {value:.2f} nats [{low:.2f}, {high:.2f}], membership "
          f"{np.mean([row['auc'] for row in runs_of(arm)]):.2f}, bits {told}")  # fmt: skip
print("written 32 times, recited of 12:", {row["arm"]: sum(recited(row["arm"], 32)) for row in saved["runs"]})
few = [np.mean(row["exposures"]["1"] + row["exposures"]["2"]) for row in runs_of("epsilon 8")]
more = [private["held_out"] - plain["held_out"] for plain, private in zip(runs_of("plain"), runs_of("epsilon 8"))]
print("written once or twice, seed by seed:", [f"{x:.1f}" for x in few], "reached" if max(few) <= 3 else "missed")
print("dearer by, seed by seed:", [f"{x:.2f}" for x in more], "reached" if max(more) <= 0.5 else "missed")

# %% tags=["boilerplate"]
# Which arm keeps down what was written 32 times, and which only what was written once or twice?
shown = {"plain": "plain", "epsilon 8": "epsilon 8", "epsilon 2": "epsilon 2", "deduplicated": "each line once"}
viz.show(*pictures.exposures({words: row_of(arm) for arm, words in shown.items()}, math.log2(1000),
                             "What training leaves of planted numbers"))  # fmt: skip

# %% tags=["boilerplate"]
# What a letter costs, between the plain model and somebody who knows only how often each letter comes.
prices = {arm: tuple(seed_interval(row["held_out"] for row in runs_of(arm)))
          for arm in dict.fromkeys(row["arm"] for row in saved["runs"]) if arm != "deduplicated"}  # fmt: skip
viz.show(*pictures.price(prices, {"letters alone": saved["letters"]}, "What privacy costs"))

# %% [markdown]
# Reached, both. Numbers that were written once or twice are near chance; and a letter costs more by nearly a third
# of a nat, almost half of the way back to somebody who knows only how often each letter comes. At 32 times epsilon 8 is
# back at the top. Epsilon 2 keeps half of it down and costs nearly half a nat; only where **each line stands once**
# nothing rises to the right.
#
# **But is it the noise?** A model that has learned less of everything also knows less by heart. The fair control has
# learned *as little*: plain training stopped early, where a held-out letter costs what it costs the private model.

# %% tags=["boilerplate"]
# Plain training after 25 of its 150 steps, beside the private model: the mean of three seeds.
early = [row["path"][steps.index(25)] for row in runs_of("plain")]
sides = {"plain, 25 steps": early, "epsilon 8": runs_of("epsilon 8")}
for name, some in sides.items():
    bits_at = " ".join(f"{times}: {np.mean([one['exposures'][str(times)] for one in some]):.1f}" for times in TIMES)
    print(f"{name:15} {np.mean([one['held_out'] for one in some]):.2f} nats, membership "
          f"{np.mean([one['auc'] for one in some]):.2f}, bits {bits_at}")  # fmt: skip
assert abs(np.mean([a["held_out"] - b["held_out"] for a, b in zip(*sides.values())])) < 0.05

# %% tags=["boilerplate"]
# Stopped early minus private, seed by seed: bits, with 95% intervals. Does any of them leave out 0?
for times in map(str, TIMES):
    gaps = [np.mean(stopped["exposures"][times]) - np.mean(kept["exposures"][times])
            for stopped, kept in zip(*sides.values())]  # fmt: skip
    gap = seed_interval(gaps)
    print(f"{times:>2} times: {gap.value:+.1f} [{gap.low:+.1f}, {gap.high:+.1f}], "
          f"{'a tie' if gap.low <= 0 <= gap.high else 'a difference'}; seeds", *(f"{x:+.1f}" for x in gaps))
    assert gap.low <= 0 <= gap.high

# %% [markdown]
# At the same price nothing parts the two: seven ties, and where three seeds agree on a side it is plain training that
# is the quieter. So what the tables show is not the noise's merit: **who learns less knows less by heart.**
#
# What then does the noise buy? The promise. Early stopping was quiet against *our* questions about *our* secrets, and
# nobody can say what the next question finds. Epsilon holds against every question, also those not yet thought of. A
# promise cannot be seen in a table of attacks; it is proved, or it is not there.
#
# And the promise is for **one line**. For k lines together the promise holds with k times epsilon at best; 32
# copies and epsilon 8 make 256, which promises nothing. The table shows it: most of the numbers that were written
# 32 times are recited by the private model, too. Whoever wants to protect a *person* has to clip what all lines of
# a person ask for together.
#
# What else helps? **Each line once**: copies make secrets loud (Lee and others, 2022; Kandpal and others, 2022).
# Without them a number that had been written 32 times falls to some two bits, and a letter costs no more: other
# definitions have come in their place. **Public text first**: what a model has learned elsewhere need not be paid
# for here, and large models that were trained so lose much less (Li and others, 2022); ours began from nothing. And
# the plainest: what never stands in the text cannot come out of it.
#
# **Look:** the thousand candidates of one animal, for both models. Choose an animal that was written often, then one
# that stands nowhere: that is the control.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The ten likeliest numbers of an animal.
def draw_candidates(animal):
    shares = {name: privacy.candidate_log_probs(model, begin(animal), numbers).softmax(0).tolist()
              for name, model in (("plain", plain), ("private", private))}  # fmt: skip
    return pictures.candidates(shares, [f"{n:03}" for n in range(1000)], lockers[animal],
                               f"locker of the {animal}, written {written[animal]} times")  # fmt: skip


viz.explore(draw_candidates, animal=viz.Choice(sorted(animals, key=lambda animal: (-written[animal], animal))))

# %% [markdown] tags=["instructor"]
# **Minutes 37-50. Type** the accountant's table (5 lines), noise and steps (5 lines). Start the private run before
# the prediction; it takes the longest.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "epsilon is 8, so the secret of somebody who wrote it 32 times is safe."
# - *yes, that is what is proved*: proved for *one* line.
# - *no, for k lines the promise is k times weaker*: right.
# - *no, epsilon 8 protects nobody*: look at the numbers that were written once or twice.

# %% [markdown]
# ## What you know now
#
# - **Exposure** measures in bits how far a planted secret stands out among its candidates; chance gives 1.44.
# - A number that a text repeats is **known by heart** while the held-out loss still falls, and the model brings it up
#   unasked.
# - What was learned costs less: **membership** can be told by the loss; here a little better than by a coin.
# - **DP-SGD** clips each line's gradient and adds noise to the sum. The accountant turns sampling rate, noise and
#   steps into an epsilon, which holds for one line, against every attack, also those that nobody has thought of.
# - It **costs** loss. At an equal loss plain training that was stopped early gave away as little here; but it
#   promises nothing.
# - The promise is for one line. Copies make secrets loud: remove them first.
#
# **Quiz.** Open the answer that you would give.
#
# **1. Of 1,024 candidates a secret has rank 4. What is its exposure?**
#
# <details><summary>8 bits.</summary>
#
# Right: 10 bits for the candidates, 2 for the rank.
#
# </details>
# <details><summary>2 bits.</summary>
#
# That is log2 of the rank: a *small* rank is a large exposure.
#
# </details>

# %% [markdown]
# **2. Somebody clips each line's gradient to C in each of the model's ten layers, and adds noise sigma C. Is the
# accountant's epsilon right?**
#
# <details><summary>Yes: every line is clipped by itself.</summary>
#
# In each layer; over all ten its gradient can be as long as C times the root of ten.
#
# </details>
# <details><summary>No, it is too small.</summary>
#
# Right: one line can move the sum by more than C, and the noise was measured by C.
#
# </details>

# %% [markdown]
# **3. The held-out loss falls to the end of the training. What follows for a phone number in the text?**
#
# <details><summary>Nothing.</summary>
#
# Right: the mean over all lines says nothing of this one.
#
# </details>
# <details><summary>The model has not memorised it.</summary>
#
# Ours had not overfitted either, and recited the numbers.
#
# </details>

# %% [markdown]
# **4. You have trained with epsilon 2, and somebody invents a new attack. Must you worry?**
#
# <details><summary>Yes, it may get more out of the model.</summary>
#
# The bound holds for whatever is done with the model afterwards.
#
# </details>
# <details><summary>Not about single lines.</summary>
#
# Right; but a person with a hundred lines is not a single line.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Nicholas Carlini, Chang Liu, Úlfar Erlingsson, Jernej Kos, Dawn Song (2019). The Secret Sharer: Evaluating and
#   Testing Unintended Memorization in Neural Networks. USENIX Security.
# - Nicholas Carlini and others (2021). Extracting Training Data from Large Language Models. USENIX Security.
# - Nicholas Carlini and others (2022). Membership Inference Attacks From First Principles. IEEE S&P.
# - Reza Shokri, Marco Stronati, Congzheng Song, Vitaly Shmatikov (2017). Membership Inference Attacks Against Machine
#   Learning Models. IEEE S&P.
# - Samuel Yeom, Irene Giacomelli, Matt Fredrikson, Somesh Jha (2018). Privacy Risk in Machine Learning: Analyzing the
#   Connection to Overfitting. CSF.
# - Cynthia Dwork, Frank McSherry, Kobbi Nissim, Adam Smith (2006). Calibrating Noise to Sensitivity in Private Data
#   Analysis. TCC. With delta: Cynthia Dwork, Krishnaram Kenthapadi, Frank McSherry, Ilya Mironov, Moni Naor (2006).
#   Our Data, Ourselves: Privacy via Distributed Noise Generation. EUROCRYPT.
# - Martín Abadi and others (2016). Deep Learning with Differential Privacy. CCS.
# - Ilya Mironov (2017). Rényi Differential Privacy. CSF. Ilya Mironov, Kunal Talwar, Li Zhang (2019). Rényi
#   Differential Privacy of the Sampled Gaussian Mechanism. The table: TensorFlow Privacy,
#   tutorials/README.md at commit 047e1ee.
# - Katherine Lee and others (2022). Deduplicating Training Data Makes Language Models Better. ACL. Nikhil Kandpal,
#   Eric Wallace, Colin Raffel (2022). Deduplicating Training Data Mitigates Privacy Risks in Language Models. ICML.
# - Xuechen Li and others (2022). Large Language Models Can Be Strong Differentially Private Learners. ICLR.
# - GCIDE, the GNU Collaborative International Dictionary of English (GPL-3.0-or-later).
