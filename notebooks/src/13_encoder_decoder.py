# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: transformer
#   title: Encoder and decoder
#   minutes: 75
# ---

# %% [markdown]
# # 13 Encoder and decoder: read one text, write another
#
# At the end of this lesson a Transformer of your own reads *Tuesday the 3rd of March 1987* and writes `1987-03-03`. It
# learns 28 ways to write a date from examples alone, while you wait, and you will see where it looks while it writes
# the month.
#
# **You will build** the two parts that are still missing: positions, without which an encoder cannot tell *dog bites
# man* from *man bites dog*, and teacher forcing, which lets a model practise all places of a text at once. Then you
# put an encoder beside a decoder, as the Transformer began in 2017. **You need** lessons 10 to 12: attention, masks,
# heads, blocks. Lesson 09 gave the same dates to an RNN.
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict and who bites whom (0-12). B: A clock for each place, the belief
# (12-28). C: Read one, write the other (28-38). D: The dates (38-50).
#
# **Minute 0.** Two numbers on the board, everyone writes their own before anything runs: how many of 20,000 sentences
# of Shakespeare have a twin with the same words in another order; what share of dates can be read from their
# characters if the order is lost.
#
# **When 15 minutes late:** leave out the picture of the table, the run of the forgetful model and the exercise on
# writing. Start the big run before you explain what it will do: it needs no watching.

# %% [markdown]
# ## Predict: what does order know?
#
# Lay the words of a sentence on the table, as in a game of letters, and mix them. How much is lost?
#
# 1. Shakespeare's plays hold about 20,000 different sentences of three to eight words. How many of them have a twin,
#    another sentence with *exactly the same words* in another order? Ten? A hundred? A thousand?
# 2. Now dates: *12 March 1921*. Mix the characters. For what share of all days from 1900 to 2099 would the best
#    reader in the world still name the right day?
#
# **Write down both numbers before you run.**

# %% tags=["boilerplate", "folded"]
# Shakespeare: sentences with the same words in another order; shown are those with is or are.
from collections import defaultdict

from course_lib import data

orders = defaultdict(set)
for sentence in data.load("shakespeare"):
    if 3 <= len(sentence) <= 8:
        orders[tuple(sorted(sentence))].add(" ".join(sentence))
twins = sorted((sorted(texts) for texts in orders.values() if len(texts) > 1), key=" ".join)
found = sum(map(len, twins))
print(f"{sum(map(len, orders.values())):,} different sentences, {found} of them with a twin, for instance")
for texts in twins:
    if {"is", "are"} & {*texts[0].split()}:
        print("   ", " / ".join(texts))

# %% tags=["boilerplate"]
# Dates: each pile of mixed characters allows one answer; more days in a pile than one, and the others are lost.
from datetime import timedelta

from course_lib import dates

days = [dates.FIRST + timedelta(days=n) for n in range((dates.LAST - dates.FIRST).days + 1)]
for form in ["{d} {month} {y}", "the {word} of {month} {y}", "{y}/{mm}/{dd}"]:
    piles = {"".join(sorted(dates.write(day, form))) for day in days}
    share = len(piles) / len(days)
    print(f"{dates.write(days[7740], form):34} {len(days):,} days, {len(piles):6,} piles: {share:4.0%}")

# %% [markdown]
# Few sentences have a twin, and the twins are worth reading: order alone tells the question from the answer, *is he
# married* from *he is married*. Among numbers order is nearly everything. Where the pile of *12 March 1921* also holds
# *21 March 1912*, no cleverness helps: whoever sees only the pile gets **one date in five** right at most, and of dates
# in digits alone one in twenty. Keep these ceilings in mind. The next block shows a reader who lives below them.

# %% [markdown]
# ## Who bites whom?
#
# Attention (lesson 10) gives each word a mean of all words' values, weighted by how well they match. Look for the place
# where *order* comes in:
#
# $$\text{new vector of word } i = \sum_j w_{ij} \, v_j \qquad w_{ij} \text{ from } q_i \cdot k_j$$
#
# with $q_i$, $k_j$ and $v_j$ of shape [D], and $w_{ij}$ one number. A sum does not care in which order its parts are
# added, and $q_i \cdot k_j$ does not know how far apart i and j stand. So take an encoder of lesson 12, two blocks of
# two heads, random weights, and two sentences: *dog bites man* and *man bites dog*. **Predict:** the vector of *dog*
# after the last block, in the one and in the other sentence: how different are they?

# %% tags=["boilerplate"]
# Read both sentences with one and the same encoder, and compare each word's last vector.
import torch

from course_lib.transformer import Embedding, Encoder, TransformerConfig

words = {"dog": 0, "bites": 1, "man": 2}


def compare(positions):
    config = TransformerConfig(vocab_size=3, context_length=16, d_model=8, num_layers=2, num_heads=2, dropout=0.0,
                               positions=positions)
    torch.manual_seed(0)
    embedding, encoder = Embedding(3, config), Encoder(config)
    one, other = (["dog", "bites", "man"], ["man", "bites", "dog"])
    with torch.no_grad():
        read = [encoder(embedding(torch.tensor([[words[word] for word in text]])))[0] for text in (one, other)]
    for word in words:
        gap = (read[0][one.index(word)] - read[1][other.index(word)]).abs().max()
        print(f"{word:6} differs by {gap:.3f}")

# %%
# An encoder without positions: by how much does each word's vector differ between the two sentences?
compare("none")

# %% [markdown]
# Not "a little": not at all. The feed-forward network and the norms look at one word at a time, and attention looks at
# a pile. The words come out in another row, and each takes its vector along (a function that does so is called
# **permutation equivariant**). However long it is trained, and whatever is built on top, as long as that sees only the
# pile: *dog bites man* and *man bites dog* are the same to it.
#
# The cure is as simple as the illness: **add to each word's vector a vector that says where it stands.** Which numbers
# these are comes next. First, does it help?

# %%
# The same encoder, with a vector for each place added to the words' vectors.
compare("sinusoidal")

# %% [markdown]
# Now *dog* at place 0 and *dog* at place 2 are not the same any more. Even *bites*, which stands in the middle both
# times, has changed: it has looked at the others.

# %% [markdown] tags=["instructor"]
# **Minutes 0-12. Type** `compare("none")` (minute 7) and `compare("sinusoidal")` (minute 10); the rest is filled in.
# Let the room explain the zeros before you do.
#
# **Poll:** "an encoder without positions, but with six blocks and trained for a week: can it tell who bites?"
# - *yes, deep enough*: each block takes a pile and gives back a pile. Ask which block would begin.
# - *yes, if trained*: the weights were random, and nothing in the argument used that.
# - *no*: right. Ask what would change if it were causal; the belief comes back to that.

# %% [markdown]
# ## A clock for each place
#
# Which vector for which place? The place itself, t, would grow and drown the word: at place 500 it says little else.
# A share of the length, t / T, would call the same place by different names in texts of different lengths.
#
# The authors of 2017 took **clocks** (in code: *sinusoidal* positions). The hand of a clock points somewhere: its tip
# has a height, a sine, and a breadth, a cosine. One hand that turns by 1 radian (57 degrees) a place tells neighbours
# well apart, and comes round after six or seven. So give it company: slower and slower hands, as hours stand beside
# seconds. With d numbers a place there are d / 2 hands, and the hand i turns by $1 / 10000^{2i/d}$ radians a place:
#
# $$P_{t,\,2i} = \sin\left(\frac{t}{10000^{2i/d}}\right) \qquad
# P_{t,\,2i+1} = \cos\left(\frac{t}{10000^{2i/d}}\right)$$
#
# P has the shape [T, d]: row t for place t, which counts from 0. With pencil and paper, for d = 4. Hand 0 turns by 1 a
# place. How far does hand 1 turn, if $10000^{2/4}$ = 100? (sin 1 = 0.841, cos 1 = 0.540; of small angles the sine is
# the angle and the cosine 1, nearly.)
#
# | t | sin of hand 0 | cos of hand 0 | sin of hand 1 | cos of hand 1 |
# |---|---|---|---|---|
# | 0 | | | | |
# | 1 | | | | |
# | 2 | 0.909 | -0.416 | | |

# %% tags=["boilerplate"]
# The three rows, one number after the other.
import math

for t in range(3):
    row = []
    for i in range(2):
        angle = t / 10_000 ** (2 * i / 4)
        row += [math.sin(angle), math.cos(angle)]
    print(t, [round(number, 3) for number in row])

# %% [markdown]
# **Your turn (8 minutes).** Write `position_encoding(length, d_model)`: the table [length, d_model] as a tensor,
# without a loop over places. A column of places [T, 1] divided by a list of d/2 powers gives all angles at once,
# [T, d/2]; the two waves go side by side into their columns: `table[:, 0::2]` are the even ones.

# %% tags=["exercise"]
# Write the table of positions.
def position_encoding(length, d_model):
    """Row t: sin(t / 10000^(2i / d_model)) in column 2i, the cosine of the same angle in column 2i + 1."""
    ### BEGIN SOLUTION
    i = torch.arange(d_model // 2)
    angles = torch.arange(length)[:, None] / 10_000 ** (2 * i / d_model)  # [T, d / 2]
    table = torch.zeros(length, d_model)
    table[:, 0::2] = torch.sin(angles)
    table[:, 1::2] = torch.cos(angles)
    return table
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import encoder_decoder as check

check.position_encoding(position_encoding)

# %% [markdown] tags=["hint"]
# How many different angles does one place have, and how many columns? Which two columns share an angle?

# %% [markdown] tags=["hint"]
# `i = torch.arange(d_model // 2)`, then `angles = torch.arange(length)[:, None] / 10_000 ** (2 * i / d_model)`. Into a
# `torch.zeros(length, d_model)` put `angles.sin()` in the even and `angles.cos()` in the odd columns.

# %% [markdown]
# The library's `transformer.sinusoidal_positions` is the same table.
#
# **Look.** Above, the table: a column of colours for each place, fast hands at the top, slow ones at the bottom. Below,
# how much alike each place is to the one you choose (the cosine of the two rows); the control is a table of random
# numbers, which also gives every place a vector of its own. Predict: what does the hand-made table have that random
# rows lack? And what goes wrong with a base of 10?

# %% tags=["boilerplate", "folded"]
# The picture: the table for any base, and one place compared with all others.
from course_lib import viz
from course_lib.viz import positions as pictures

random_rows = torch.randn(100, 64, generator=torch.Generator().manual_seed(0)).numpy()


def draw_places(place, base):
    angles = torch.arange(100)[:, None] / base ** (torch.arange(0, 64, 2) / 64)
    table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).numpy()
    return pictures.places(table, random_rows, place, f"A hundred places of 64 numbers, base {base:,}")


viz.explore(draw_places, place=viz.Slider(0, 99, 1, value=30), base=viz.Choice([10, 100, 10_000], value=10_000))

# %% [markdown]
# Random rows tell places apart, too, but every other place is equally strange. In the table of clocks **near places are
# alike**, and how much depends on the distance alone: move the place, and the hump moves along unchanged. (Two hands
# that point to angles a and b have the dot product cos(a - b).) With base 10 the hump is narrow, and from five places
# away everything is about equally strange, as with the random rows: no hand is slow enough to tell far from farther.
#
# The other way is not to think about it at all: **learned positions**. A table of random numbers, one row a place, and
# the gradient moves them like everything else. The paper tried both and found nearly the same scores. BERT and GPT-2
# (lessons 14 and 17) learn theirs. What do you pay? Guess what the last line says.

# %% tags=["boilerplate"]
# Clocks need no parameters, and the formula has any place; a learned table has a last row.
from course_lib.transformer import LearnedPositions, SinusoidalPositions, sinusoidal_positions

for kind in (SinusoidalPositions, LearnedPositions):
    table = kind(512, 768)
    print(f"{kind.__name__:20} {sum(p.numel() for p in table.parameters()):,} parameters")
print("513 places, clocks: ", [*sinusoidal_positions(513, 768).shape])
try:
    table(513)
except ValueError as error:
    print("513 places, learned:", error)

# %% [markdown] tags=["instructor"]
# **Minutes 12-20. Type** the solution (minute 15, 6 lines). Everyone fills in the table of clocks; a show of hands
# for "how far has hand 1 turned at place 2?"
#
# **The planned mistake:** degrees, `torch.sin(torch.deg2rad(angles))`: all hands nearly stand still. The reply is
# below.
#
# **Poll:** "why sines *and* cosines?"
# - *for more numbers*: then other frequencies would do as well.
# - *a height alone is reached twice on the way round*: right.
# - *because the paper says so*: it says a little more: with both, the row of t + k is a rotation of the row of t.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(length, d_model):
    angles = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, d_model, 2) / d_model)
    angles = torch.deg2rad(angles)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


check.position_encoding(planned_mistake)

# %% [markdown]
# ## A belief: no positions, no order
#
# > **Common belief:** *"Without position vectors a Transformer cannot know the order of its words."* True or false?
# > Decide, and say what would convince you.
#
# The first block seems to have settled it: *dog bites man*. But that was an encoder, where everyone sees everyone. A
# decoder is **causal**: each place sees itself and what came before (lesson 10). Three stacks without position vectors,
# random weights. Each reads six letters; then the same letters with the first five in another order. The last letter
# is the same, and so is the pile it sees. **Predict** for each: does the vector of the last letter change?

# %% tags=["boilerplate"]
# How far does the last place's vector move when the five letters in front of it change places?
def change(layers, causal):
    one = torch.tensor([[3, 1, 4, 2, 5, 0]])
    other = one[:, [2, 0, 4, 1, 3, 5]]
    config = TransformerConfig(vocab_size=6, d_model=8, num_layers=layers, num_heads=2, dropout=0.0, positions="none")
    torch.manual_seed(0)
    embedding, stack = Embedding(6, config), Encoder(config)
    with torch.no_grad():
        ends = [stack(embedding(ids), is_causal=causal)[0, -1] for ids in (one, other)]
    return (ends[0] - ends[1]).abs().max()

# %%
# Three stacks: two blocks where all see all, one causal block, two causal blocks.
for layers, causal in [(2, False), (1, True), (2, True)]:
    seen = "causal" if causal else "all see all"
    print(f"blocks: {layers}, {seen:11}  the last vector changes by {change(layers, causal):.3f}")

# %% [markdown]
# One causal block is as blind as the encoder: the last place looks at a pile. But the *other* places have looked at
# different piles: the first saw one letter, the second two. After one block a letter's vector holds a trace of who
# stood before it, and the second block reads these traces. **Order leaks in through the mask.**
#
# It is there; can it be used? A game: a text of nine letters, somewhere in it one A and one B, and in the end a
# question mark. Which came first, A or B? Five models learn from 4,000 such texts: the three from above, and two
# encoders *with* positions. **Predict** the five scores on new texts. (Guessing gets 50%.)

# %% tags=["boilerplate"]
# The game: three texts and their answers.
def game(count, length, seed):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, 9, (count, length), generator=generator)  # 3 to 8: other letters
    places = torch.stack([torch.randperm(length - 1, generator=generator)[:2] for _ in range(count)])
    ids.scatter_(1, places, torch.tensor([[1, 2]]).expand(count, 2))  # 1: A, 2: B
    ids[:, -1] = 0  # the question mark
    return ids, (places[:, 0] < places[:, 1]).float()


ids, first = game(3, 9, seed=0)
for row, answer in zip(ids.tolist(), first.tolist()):
    print("".join("?ABuvwxyz"[i] for i in row), "A" if answer else "B")

# %% tags=["boilerplate"]
# The reader: embedding, blocks, and one score from the vector of the question mark.
import torch.nn.functional as F
from torch import nn


class Reader(nn.Module):
    def __init__(self, layers, causal, positions):
        super().__init__()
        config = TransformerConfig(vocab_size=9, context_length=32, d_model=32, num_layers=layers, num_heads=2,
                                   d_ff=64, dropout=0.0, norm="pre", positions=positions)
        self.embedding, self.stack, self.causal = Embedding(9, config), Encoder(config), causal
        self.output = nn.Linear(32, 1)

    def forward(self, ids):
        return self.output(self.stack(self.embedding(ids), is_causal=self.causal)[:, -1]).squeeze(1)


def game_loss(model, batch):
    ids, first = batch
    return F.binary_cross_entropy_with_logits(model(ids), first)

# %% tags=["boilerplate", "nbval-ignore-output"]
# The race: train each on texts of 9, then ask new texts of 9, 13 and 21 letters.
from course_lib import device, training

stacks = {"2 blocks, no positions": (2, False, "none"), "1 causal block, no positions": (1, True, "none"),
          "2 causal blocks, no positions": (2, True, "none"), "2 blocks, clocks": (2, False, "sinusoidal"),
          "2 blocks, learned positions": (2, False, "learned")}
config = training.TrainingConfig(steps=200, learning_rate=3e-3, warmup_steps=20)
texts, scores = training.shuffled(*game(4000, 9, seed=1), batch_size=64), {}
for name, settings in stacks.items():
    torch.manual_seed(1)
    model = Reader(*settings)
    with device.one_thread():
        training.train(model, texts, game_loss, config, progress=False)
    with torch.no_grad():
        asked = [game(1000, length, seed=2) for length in (9, 13, 21)]
        scores[name] = [((model(ids) > 0) == (first > 0)).float().mean().item() for ids, first in asked]
    print(f"{name:30}", "  ".join(f"{length} letters {s:4.0%}" for length, s in zip((9, 13, 21), scores[name])))
assert max(scores["2 blocks, no positions"][0], scores["1 causal block, no positions"][0]) < 0.6
assert min(scores["2 causal blocks, no positions"]) > 0.95
assert min(scores["2 blocks, clocks"][0], scores["2 blocks, learned positions"][0]) > 0.95

# %% [markdown]
# The belief is **half true**. Of an encoder it is true, and training does not help. Of two causal blocks it is false:
# without a single position vector they hardly miss. Real language models have been trained so, and they come close to
# those with positions (Haviv and others, 2022).
#
# And look at the longer texts. In the run saved here the models *with* positions were as good as perfect at nine
# letters and lose much of it at 13 and 21: there stand places that they never saw in training. (Of the learned table
# those rows are still random. The clocks have right numbers there, but nobody ever practised reading them.) The causal
# stack without positions does not mind. (Kazemnejad and others, 2023, saw the like in larger tasks.) The authors of
# 2017 hoped that clocks would let a model read longer texts than it was trained on. Here they do not help enough.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The same as a picture (the two that guess lie on one line).
viz.show(*pictures.lengths(scores, (9, 13, 21), trained=9, title="Which came first, A or B?"))

# %% [markdown] tags=["instructor"]
# **Minutes 20-28. Type** the loop over three stacks (minute 22, 3 lines); the game is filled in.
#
# **Poll:** "one causal block, two causal blocks: which of them knows the order?"
# - *both, the mask is there*: so thought most of us. Ask what the last place of one block looks at.
# - *neither*: then ask what the vector of the second letter has seen, and that of the fourth.
# - *only two*: right; have somebody explain it to the others.
#
# The article that the course began from lists what BERT is made of: self-attention and connections between layers. It
# has no positions in the list. With that list alone, BERT would live under the ceilings of the first block.

# %% [markdown]
# ## Read one, write the other
#
# Now the model of 2017. The **encoder** reads the source, all places seeing all, and leaves one vector a character:
# the *memory*. The **decoder** writes the target, character by character. In each of its blocks it looks at what it
# has written (causal), then at the memory (**cross-attention**: queries from the target, keys and values from the
# source), then thinks (feed-forward). Clocks are added on both sides.

# %% tags=["boilerplate"]
# One date through an untrained model: shapes of the source, the memory, the target and the scores.
from course_lib.transformer import EncoderDecoder

chars = dates.Characters()
small = TransformerConfig(vocab_size=len(chars), context_length=64, d_model=32, num_layers=1, num_heads=2, d_ff=64,
                          dropout=0.0, norm="pre")
torch.manual_seed(0)
model = EncoderDecoder(small)
source, target = chars.encode(["the 3rd of March 1987"]), chars.encode(["1987-03-03"], ends=True)
with torch.no_grad():
    memory = model.encode(source)
    scores = model.decode(target[:, :-1], memory)
print("source", [*source.shape], " memory", [*memory.shape], " target", [*target.shape], " scores", [*scores.shape])

# %% [markdown]
# A source of 21 characters, a memory of 21 vectors. The target `1987-03-03` has 12 tokens: ten characters between a
# token that says *start* and one that says *end*. Each row of scores has one for each of 62 symbols. Why are there only
# 11 rows? Because the decoder answers one question at each place: **what comes next?** Nothing comes after the end.
#
# When it writes by itself, the model reads what *it* has written so far. In training we know the right answer, so we
# let it read that, mistakes or not: **teacher forcing**. Fill in, for the date above: what does the decoder read at
# each place, what is it asked for?
#
# | place | 0 | 1 | 2 | ... | 9 | 10 |
# |---|---|---|---|---|---|---|
# | reads | *start* | | | | | |
# | is asked for | | | | | | |

# %%
# Both rows.
symbols = [chars.symbols[i] for i in target[0]]
print("reads       ", *(f"{symbol:>7}" for symbol in symbols[:-1]))
print("is asked for", *(f"{symbol:>7}" for symbol in symbols[1:]))

# %% [markdown]
# The same text twice, **shifted by one**. The naive way to practise is to follow the writer: show the decoder *start*,
# ask; show it *start 1*, ask; eleven runs for one date. The fast way is one run over all places. Will the loss be the
# same? (In the one run the decoder is handed *all* of the answer, at once.)

# %%
# The mean price -log p of the eleven characters: in eleven runs, then in one.
with torch.no_grad():
    prices = [F.cross_entropy(model(source, target[:, :t])[:, -1], target[:, t]) for t in range(1, target.shape[1])]
    at_once = F.cross_entropy(model(source, target[:, :-1])[0], target[0, 1:])
print(f"{len(prices)} runs {sum(prices) / len(prices):.3f}, one run {at_once:.3f}")

# %% [markdown]
# Equal, and the causal mask is the reason: place 3 gives the same scores whether or not places 4 to 10 are there,
# since it cannot see them. An RNN (lesson 09) must walk through the target step by step; a Transformer practises all
# places at once. Where hundreds of processors work side by side that made it fast to train. Here it buys little: a
# table at the end of the run holds it against lesson 09's two networks.
#
# **Your turn (12 minutes).** Write `teacher_forcing_loss(decode, target_ids, pad_id)`: one number, the mean price of a
# next token. `target_ids` [B, T + 1] are whole targets with start and end, short ones filled up with `pad_id`, which
# nobody should be asked for. `decode(inputs, mask)` takes ids [B, T] and a boolean mask [T, T], True where a place
# (row) may see a place (column), and gives scores [B, T, V]. The mask is yours to make: this decoder has none
# of its own.

# %% tags=["exercise"]
# Write the loss of a batch of targets under teacher forcing.
def teacher_forcing_loss(decode, target_ids, pad_id):
    """The mean of -log p(next token) over all places that are asked for something but padding."""
    ### BEGIN SOLUTION
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    T = inputs.shape[1]
    mask = torch.ones(T, T, dtype=torch.bool).tril()
    scores = decode(inputs, mask)  # [B, T, V]
    real = labels != pad_id
    return F.cross_entropy(scores[real], labels[real])
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.teacher_forcing_loss(teacher_forcing_loss)

# %% [markdown] tags=["hint"]
# Two rows were printed above. Which slice of `target_ids` is the first, which the second? And which places may a place
# see, if the next one holds what it is asked for?

# %% [markdown] tags=["hint"]
# `inputs, labels = target_ids[:, :-1], target_ids[:, 1:]`; the mask is `torch.ones(T, T, dtype=torch.bool).tril()`.
# With `real = labels != pad_id`, `scores[real]` are the rows that count: `F.cross_entropy(scores[real], labels[real])`.

# %% [markdown]
# Now the likeliest mistake of all, on purpose. Two small models learn from 3,000 dates. One is ours; the other is
# trained **without the causal mask**. (The decoder opened up, so that the mask can be left out: it is a loop over its
# blocks.) **Predict:** which of the two has the lower loss after 450 steps? And which writes better dates?

# %% tags=["boilerplate"]
# The decoder opened up: its mask is handed in.
def open_decoder(model, source_ids):
    real = source_ids != chars.pad_id
    memory = model.encode(source_ids, real)

    def decode(inputs, mask):
        y = model.target(inputs)  # token vectors plus clocks
        for block in model.decoder.blocks:
            y = block(y, mask=mask, memory=memory, memory_mask=real[:, None, None])
        return model.decoder.norm(y) @ model.target.tokens.weight.T  # [B, T, V], by the token table as in lesson 12

    return decode

# %% tags=["boilerplate"]
# A loss with or without the mask; is it the library's, with it?
def masked_loss(causal):
    def loss(model, batch):
        source_ids, target_ids = batch
        T = target_ids.shape[1] - 1
        mask = torch.ones(T, T, dtype=torch.bool)
        scores = open_decoder(model, source_ids)(target_ids[:, :-1], mask.tril() if causal else mask)
        return F.cross_entropy(scores.flatten(0, 1), target_ids[:, 1:].flatten())  # ISO dates need no padding

    return loss


print(f"opened, with the mask {masked_loss(True)(model, (source, target)):.3f}, the library's {at_once:.3f}")

# %% tags=["boilerplate"]
# Write character by character: each time, all that is written goes in, and the likeliest next character is taken.
def write(model, texts, causal):
    asked, written = chars.encode(texts), torch.full((len(texts), 1), chars.start_id)
    with torch.no_grad():
        for _ in range(11):
            seen = torch.ones(written.shape[1], written.shape[1], dtype=torch.bool)
            scores = open_decoder(model, asked)(written, seen.tril() if causal else seen)
            written = torch.cat([written, scores[:, -1:].argmax(-1)], dim=1)
    return chars.decode(written)

# %% tags=["boilerplate", "nbval-ignore-output"]
# Train both; then let both write, and compare.
few = dates.examples(3000, seed=1)
batches = training.shuffled(chars.encode([text for text, _ in few]), chars.encode([iso for _, iso in few], ends=True),
                            batch_size=32)
questions = ["the 3rd of March 1987", "28 May 2031", "1955/11/30"]
losses = {}
for causal in [True, False]:
    torch.manual_seed(1)
    model = EncoderDecoder(small)
    with device.one_thread():
        history = training.train(model, batches, masked_loss(causal), training.TrainingConfig(
            steps=450, learning_rate=5e-3, warmup_steps=20), progress=False)
    losses[causal] = sum(history.losses[-20:]) / 20
    fell = f"{history.losses[0]:.1f} to {losses[causal]:.2f}"
    print(f"{'with' if causal else 'without'} the mask: the loss fell from {fell}")
    for text, answer in zip(questions, write(model, questions, causal)):
        print(f"    {text:22} {answer}")
assert losses[False] < 0.7 * losses[True]

# %% [markdown]
# The model without the mask has the lower loss, and in the run saved here it writes nonsense. It was asked for the next
# character while that character stood in plain sight, one place to the right. To copy it is easier than to read the
# source, and when the model writes by itself there is nothing to copy. The honest model is far from finished, but in
# the same run it writes dates already, with the right months. **A loss that is too good too soon is a reason to look
# for a leak**, and writing is the test that finds it.

# %% [markdown] tags=["instructor"]
# **Minutes 28-38. Type** the two rows (minute 30, 3 lines), the eleven runs and the one (minute 31, 4 lines), the
# solution (minute 33, 6 lines). The two rows are filled in on paper by everyone.
#
# **The planned mistake:** the mask forgotten. The check names it, and the two models show what it would have cost.
#
# **Poll** before the two models: "without the mask the loss will be..."
# - *higher, a part is missing*: a mask takes something away. What does it take away?
# - *lower, and the model better*: the first half is right.
# - *lower, and the model useless*: right. Ask how one would notice without writing a single text.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    scores = decode(inputs, torch.ones(inputs.shape[1], inputs.shape[1], dtype=torch.bool))
    return F.cross_entropy(scores[labels != pad_id], labels[labels != pad_id])


check.teacher_forcing_loss(planned_mistake)

# %% [markdown]
# ## Write, and be judged
#
# A loss under teacher forcing says how well the model goes on where *somebody else* has written well. Whoever wants a
# date must let the model write by itself and take it as it comes: begin with *start*, take the likeliest character
# (**greedy**), hand back all that is written, take the next, until it says *end*. One wrong digit makes a wrong date,
# so the score is the **exact match**: the share of dates that are right from the first character to the last.
#
# By hand: a model gets each of the ten characters right with 99%, independently. How many dates does it get right?

# %%
# Ten characters at 99% each; and what each character needs for 99% of the dates.
print(f"{0.99**10:.0%} of the dates; for 99% of them each character needs {0.99 ** (1 / 10):.2%}")

# %% [markdown]
# ***Extra* (8 minutes).** Write `exact_match(decode, target, start_id, end_id, max_length)` for one text.
# `decode(ids)` takes the list of ids written so far, `start_id` in front, and gives one row of scores for each of them:
# the last row is about the next token. Write greedily until `end_id` or until `max_length` tokens are written. Return
# two things: the list that was written, without start and end, and whether it equals the list `target`.

# %% tags=["exercise", "extra"]
# Write token by token, then compare.
def exact_match(decode, target, start_id, end_id, max_length):
    """(the ids written, without start and end; True if they are exactly the target's)."""
    ### BEGIN SOLUTION
    ids = [start_id]
    while len(ids) <= max_length:
        token = int(decode(ids)[-1].argmax())
        if token == end_id:
            break
        ids.append(token)
    return ids[1:], ids[1:] == target
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.exact_match(exact_match)

# %% [markdown] tags=["hint"]
# What may the model read while it writes: the target, or only what it wrote? And what ends the writing?

# %% [markdown] tags=["hint"]
# `ids = [start_id]`, and in a loop `token = int(decode(ids)[-1].argmax())`. Stop if it is `end_id`, else append it. In
# the end `ids[1:]` is what was written.

# %% [markdown]
# The library's `model.generate` does this for a batch, and keeps each block's keys and values so that no character is
# read twice (the cache of lesson 11).

# %% [markdown] tags=["instructor"]
# **The planned mistake** for those who do the extra: one run under teacher forcing, `argmax`, compare. Most published
# bugs of this kind make a model look better than it is; the check names it.

# %% [markdown]
# ## Forty thousand dates
#
# Now the whole task: 40,000 dates in 28 forms; an encoder and a decoder of two blocks and four heads each, 64 numbers a
# character. Judged are a thousand dates of days that the model has never seen, in any form.
#
# **The target: 99% exact match on 1,000 held-out dates.** Remember the ceiling of a reader without order, and that 99%
# of the dates need 99.9% of the characters. **Guess** how many seconds it takes.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The dates to learn from, those to be judged by, and the loss.
pairs = dates.examples(40_000, seed=1)
known_days = {iso for _, iso in pairs}
held_out = [pair for pair in dates.examples(2_000, seed=2) if pair[1] not in known_days][:1_000]
batches = training.shuffled(chars.encode([text for text, _ in pairs]),
                            chars.encode([iso for _, iso in pairs], ends=True), batch_size=32)


def date_loss(model, batch):
    source_ids, target_ids = batch
    scores = model(source_ids, target_ids[:, :-1], source_ids != chars.pad_id)
    return F.cross_entropy(scores.flatten(0, 1), target_ids[:, 1:].flatten())


print(f"{len(pairs):,} dates to learn from, of {len(known_days):,} different days; {len(held_out):,} of other days")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Train, with progress and the live loss.
import time

config = TransformerConfig(vocab_size=len(chars), context_length=64, d_model=64, num_layers=2, num_heads=4, d_ff=128,
                           dropout=0.0, norm="pre")
torch.manual_seed(1)
model, untrained = EncoderDecoder(config), EncoderDecoder(config).eval()
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
began = time.perf_counter()
with device.one_thread():
    training.train(model, batches, date_loss, training.TrainingConfig(
        steps=1300, learning_rate=5e-3, warmup_steps=100), progress=True)
print(f"{time.perf_counter() - began:.0f} seconds")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Write the held-out dates and count; the control is the same model before training.
def answers(model, texts):
    asked = chars.encode(texts)
    written = model.generate(asked, chars.start_id, chars.end_id, 12, asked != chars.pad_id)
    return chars.decode(written)


def exact(model, pairs):
    said = answers(model, [text for text, _ in pairs])
    return sum(one == iso for one, (_, iso) in zip(said, pairs)) / len(pairs)


share = exact(model, held_out)
print(f"exact match {share:.1%} of {len(held_out):,}; before training {exact(untrained, held_out):.1%}")
for (text, iso), said in zip(held_out[:4], answers(model, [text for text, _ in held_out[:4]])):
    print(f"    {text:34} {said} {'' if said == iso else 'WRONG'}")
assert share >= 0.99

# %% [markdown]
# Reached. And lesson 09 read the same dates: with an RNN that writes from its last state, and with one that looks back.
# Three models, then, with as many lines to learn from, each with its lesson's learning rate. Two guesses: which is
# ahead, and at what price? And who suffers when **the lines are twice as long**: two dates, to be written one behind
# the other? The next cell trains nothing; it shows a **saved** table, which `make bench` measured on the machine named
# in it, with one seed.

# %% tags=["boilerplate"]
# The saved table: dates a line, steps, size, seconds of training, exact match on 1,000 lines.
import json
import pathlib

import course_lib

saved = json.loads((pathlib.Path(course_lib.__file__).parents[1] / "benchmarks/results/dates.json").read_text())
print(f"measured on {saved['machine']}; steps of {saved['batch']} lines")
for row in saved["rows"]:
    run = f"{row['dates']} a line, {row['steps']:4} steps  {row['model']:16}"
    print(f"{run} {row['parameters']:7,} numbers {row['cpu_seconds']:4.0f} s  {row['exact_match']:6.1%}")

# %% [markdown]
# With one date a line the RNN that looks back is ahead of the Transformer in the same steps, with a third of its
# numbers and two thirds of its seconds; in the longer run above the Transformer catches up. The RNN without a look
# back is far behind. Twice as long, and in 500 steps only the Transformer gets anywhere; with three times the steps
# the RNN that looks back follows, and now takes more seconds than the Transformer, for it walks through every
# character. The one that must press both dates into one state has still not written a single line without a mistake.
#
# **Where does it look?** A line goes from the character that is being written (the query) to those of the source that
# it looks at (the keys). Go through layers and heads (layer 1 is the second block, as the program counts from 0).
# **Predict:** while it writes the month, `03`, where will it look: at the letters of *March*, at the first of them, at
# something else? And the day?

# %% tags=["hero", "nbval-ignore-output"]
# The cross-attention of the trained model: each row is the place where that character gets written.
def look(model, text):
    said = answers(model, [text])[0]
    with torch.no_grad():
        _, maps = model(chars.encode([text]), chars.encode([said], ends=True)[:, :-1], return_attention=True)
    return maps.cross[:, 0], [*said, "end"]  # [layers, heads, T, S]


text = "Tuesday the 3rd of March 1987"
weights, rows = look(model, text)
viz.attention_view(weights, rows, key_tokens=chars.tokens(text), layer=1, title="Trained: where it looks as it writes")

# %% [markdown]
# The control: the same model before training, asked to write the same date.

# %% tags=["hero", "nbval-ignore-output"]
# The cross-attention of the untrained model, over the same characters.
with torch.no_grad():
    _, maps = untrained(chars.encode([text]), chars.encode(["1987-03-03"], ends=True)[:, :-1], return_attention=True)
viz.attention_view(maps.cross[:, 0], rows, key_tokens=chars.tokens(text), layer=1, title="Control: before training")

# %% [markdown]
# All eight heads at a glance, two layers of four, as bertviz draws a whole model (lesson 11 had its picture of one
# layer). Which layer is the surer of where to look: the one that reads first, or the last?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The largest weight of a row, on average, for each head; then bertviz's model view.
for layer, heads in enumerate(weights):
    print(f"layer {layer}: largest weights", " ".join(f"{head.amax(-1).mean():.2f}" for head in heads))
viz.bertviz_view(weights, rows, key_tokens=chars.tokens(text), view="model")

# %% [markdown]
# Neither, in the run saved here: both layers look about as hard, at this date.
#
# One date is an anecdote. So let us count, over 200 held-out dates of the form *the 3rd of March 1987*: while the model
# writes the year, the month, the day, what share of its looks falls on which part of the source?

# %% tags=["boilerplate", "folded", "hero", "nbval-ignore-output"]
# Shares of the last block's cross-attention, mean over heads and dates, trained and untrained.
import re

parts = {"year": r"\d{4}", "month": "[A-Z][a-z]+", "day": r"\d+(?=[a-z])"}
wanted = [pair for pair in dates.examples(20_000, seed=3) if re.fullmatch(r"the \d+.. of [A-Z][a-z]+ \d{4}", pair[0])]
texts, targets = zip(*[pair for pair in wanted if pair[1] not in known_days][:200])


def shares(model):
    asked = chars.encode(texts)
    with torch.no_grad():
        maps = model(asked, chars.encode(targets, ends=True)[:, :-1], asked != chars.pad_id, return_attention=True)[1]
    weights = maps.cross[-1].mean(1)  # [B, T, S]: last block, mean over heads
    places = {"year": slice(0, 4), "month": slice(5, 7), "day": slice(8, 10)}
    table = torch.zeros(3, 3)
    for text, row in zip(texts, weights):
        for i, written in enumerate(places.values()):
            for j, pattern in enumerate(parts.values()):
                span = re.search(pattern, text)
                table[i, j] += row[written, span.start():span.end()].sum(1).mean() / len(texts)
    return table

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# What is written, and where it looks: the trained model, and the control.
for name, table in {"trained": shares(model), "untrained": shares(untrained)}.items():
    print(f"{name:10} looks at  year  month   day")
    for part, row in zip(parts, table.tolist()):
        print(f"   writes {part:10}", "".join(f"{share:6.0%}" for share in row))

print("\nThe second digit of the month looks at these letters:")
for month in ["June", "July", "August"]:
    weights, _ = look(model, f"the 5th of {month} 1944")
    seen = weights[1, :, 6].mean(0)[11:]  # place 6 of what is written, and the source from the month on
    print("  ", *(f"{letter} {weight:4.0%}  " for letter, weight in zip(month, seen.tolist())))

# %% [markdown]
# In the run saved here the weights lie on the diagonal: year to year, month to month, day to day. Nobody told
# the model what a month is, and nobody drew lines: they came out of being asked for the next character. Before training
# the looks are spread over everything, and a part gets more of them only where it has more characters.
#
# Which letters of the month? In the run saved here above all those that tell it from others: n in *June*, l in *July*,
# g in *August*. With another random start it may be other letters: a month can be read in more ways than one. (And
# weights say where a model looks, not why it answers as it does: lesson 21.)
#
# **Break it.** A score on held-out dates says how the model does on dates *like those it learnt from*. Here are some
# that are not. For each, **write down** what you would answer, and what you think the model will say. Does it know that
# it does not know?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Forms it never saw, misspelt months, days and years that it never saw, a date further to the right.
strange = ["1987 March 3rd", "3 Marhc 1987", "3 Febuary 1987", "3 Smarch 1987", "Monday, 3 March 1987",
           "               3 March 1987", "31 February 1999", "3 March 1492", "3 March 1987, not 5 May 2001", "Tuesday"]
for text, said in zip(strange, answers(model, strange)):
    print(f"{text!r:32} {said}")

# %% [markdown]
# In the run saved here it forgives much: a form it never saw, a misspelt month, the wrong weekday, blanks in front. It
# knows a month by some of its letters, and *Smarch* is March to it. It has no calendar: the 31st of February is copied
# as it stands. What it never saw it bends into what it knows: the year 1492 becomes 1942, the same digits in an order
# that it has met. Of two dates it makes a third, and *Tuesday* gets a year, a month and a day. Nothing in what it
# writes tells these answers from right ones: **the model has no way to decline.** It never saw a text whose right
# answer is "this is no date".
#
# Your turn to break it. The picture shows, for any text of yours (in the letters that occur in dates), what the model
# writes and where it looked, as the mean over heads.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Ask your own dates.
from course_lib.viz.heatmap import heatmap


def draw_own(text, block):
    weights, rows = look(model, text)
    return heatmap(weights[int(block) - 1].mean(0).numpy(), rows, chars.tokens(text), f"{text}: {''.join(rows[:-1])}",
                   "share of attention, mean over heads", low=0, high=1)


viz.explore(draw_own, text=viz.Text("3 Febuary 1987", label="your date"), block=viz.Choice([1, 2], value=2))

# %% [markdown] tags=["instructor"]
# **Minutes 38-50.** The run was started early. **Type** nothing: read the picture together, then break the model with
# what the room calls out.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "a month that does not exist, *Smarch*: what will it say?"
# - *nothing, or an error*: a model of this kind has no way to decline; nobody taught it one.
# - *a month that looks like it*: right, most of the time. Ask for the danger in that.
# - *a random month*: try some others.

# %% [markdown]
# ## What you know now
#
# - Attention and feed-forward see a pile of vectors. An encoder without positions gives each word the same vector in
#   whatever order the words stand.
# - A position vector is added to each word: clocks (sines and cosines of slower and slower hands; no parameters, near
#   places alike) or a learned table (which has a last row).
# - The causal mask alone lets order in, from the second block on.
# - An encoder leaves a memory; a decoder reads what is written so far, and looks at the memory by cross-attention.
# - Teacher forcing: read the target up to here, be asked for the next token, all places in one run. Without the mask
#   the answer leaks, the loss falls, and the model is useless.
# - A score for writing comes from writing: token by token, to the end, the whole or nothing.
#
# **Quiz.** Open the answer that you would give.
#
# **1. Somebody gives an encoder without positions ten blocks instead of two. Can it tell *dog bites man* from *man
# bites dog*?**
#
# <details><summary>Yes, depth brings order in.</summary>
#
# In a causal stack it does. Where all see all, each block takes a pile and leaves a pile.
#
# </details>
# <details><summary>No, however deep it is.</summary>
#
# Right. Every step treats the places alike, so every word's vector comes out the same.
#
# </details>

# %% [markdown]
# **2. Why does each hand of the clock get a sine and a cosine?**
#
# <details><summary>Because one height is reached twice on the way round.</summary>
#
# Right. Height and breadth together say where the hand points, and which way it goes.
#
# </details>
# <details><summary>Because the values must lie between -1 and 1.</summary>
#
# A sine alone does that.
#
# </details>
# <details><summary>So that no two places get the same row.</summary>
#
# The slow hands would see to that with sines alone. But then likeness would no longer depend on the distance alone.
#
# </details>

# %% [markdown]
# **3. Your loss falls to 0.01 within a few hundred steps, and what the model writes is nonsense. What do you look at
# first?**
#
# <details><summary>The learning rate.</summary>
#
# A bad learning rate gives a bad loss. This loss is too good.
#
# </details>
# <details><summary>Whether a place can see what it is asked for.</summary>
#
# Right: the causal mask, and the direction of the shift.
#
# </details>
# <details><summary>Whether there is enough data.</summary>
#
# Too little data gives a small loss in training and a large one on held-out texts. Here the held-out loss, computed in
# the same way, is small too: it has the same leak.
#
# </details>

# %% [markdown]
# **4. In cross-attention, which side gives the queries?**
#
# <details><summary>The source: it is asked what it means.</summary>
#
# The source gives keys and values; it lies there and is looked at.
#
# </details>
# <details><summary>The target: what is being written asks where to look.</summary>
#
# Right. So there is one row of weights for each character written, as in the picture.
#
# </details>

# %% [markdown]
# **Papers**
#
# - Ashish Vaswani, Noam Shazeer, Niki Parmar and others (2017). Attention Is All You Need. NeurIPS. The
#   encoder-decoder, and the clocks (section 3.5).
# - Jonas Gehring, Michael Auli, David Grangier, Denis Yarats, Yann Dauphin (2017). Convolutional Sequence to Sequence
#   Learning. ICML. Learned positions.
# - Ronald Williams, David Zipser (1989). A Learning Algorithm for Continually Running Fully Recurrent Neural Networks.
#   Neural Computation. Teacher forcing.
# - Adi Haviv, Ori Ram, Ofir Press, Peter Izsak, Omer Levy (2022). Transformer Language Models without Positional
#   Encodings Still Learn Positional Information. Findings of EMNLP. The mask lets order in.
# - Amirhossein Kazemnejad and others (2023). The Impact of Positional Encoding on Length Generalization in
#   Transformers. NeurIPS. Longer texts than in training.
# - Dzmitry Bahdanau, Kyunghyun Cho, Yoshua Bengio (2015). Neural Machine Translation by Jointly Learning to Align and
#   Translate. ICLR. Where cross-attention comes from (lesson 09).
