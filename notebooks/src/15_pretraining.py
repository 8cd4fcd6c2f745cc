# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: pretrain
#   title: Pretraining
#   minutes: 75
# ---

# %% [markdown]
# # 15 Pretraining: read first, be asked later
#
# At the end of this lesson your laptop has pretrained a BERT: from nothing but text, without a label, in a minute or
# two of filling in blanks. It then guesses hidden words of passages that it has never read, and is right far
# more often than whoever only knows how frequent each word is. The same few lines, run for longer, made the course's
# own BERT that you met in lesson 14.
#
# **You will build** the bar (what counting alone would reach) and the loss at the masked places. Then you watch what a
# model learns first.
# **You need** lesson 14 (masks and pairs) and lesson 08 (the loop).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict, the bar (0-13). B: The loss (13-24). C: One batch by heart, four
# starts (24-35). D: The run, what comes first, the longer run, the belief (35-50).
#
# **Minute 0.** Three losses on the board, everyone writes their own: before training, counting, after training.
#
# **When 15 minutes late:** leave out the four starts, and open block D with the saved run. Do not leave out the batch
# learned by heart: it is the cheapest test there is, and nobody does it without having been shown.

# %% [markdown]
# ## Predict: three losses
#
# The text is small and regular: the CIA's factbook, in small letters, without digits and signs, country after country.
# We cut it into stretches of 200 lines, a little less than a country takes, and hold out every 25th stretch.

# %%
# Load the lines, cut them into stretches of 200, hold out every 25th.
from course_lib import data, pretrain

lines = [" ".join(words) for words in data.load("facts")]
stretches = [lines[i : i + 200] for i in range(0, len(lines), 200)]
held_out = stretches[::25]
learned = [stretch for i, stretch in enumerate(stretches) if i % 25]
countries = sum(line.startswith("location") for line in lines)
print(f"{len(lines):,} lines about {countries} countries and territories: {len(learned)} stretches to learn from, "
      f"{len(held_out)} held out; some lines of one:")
print("\n".join([line for line in held_out[5] if 20 < len(line) < 75][:8]))

# %% [markdown]
# Cut into 2,000 pieces (lesson 07) and made into pairs with 15% of the pieces asked (lesson 14). A row has 32 places, a
# batch 64 rows. Of the held-out side only the holes count, the places that are shown as `[MASK]`: an asked piece that
# stands in plain sight can be had by copying.

# %%
# A vocabulary of 2,000 pieces; the exercises of both sides; how much is there?
import torch

from course_lib.tokenizers import WordPieceTokenizer
from course_lib.wordpiece import count_score

tokenizer = WordPieceTokenizer().train((line for part in learned for line in part), 2000, score=count_score)
exercises = pretrain.exercises(tokenizer, learned, context_length=32, batch_size=64)
asked = pretrain.exercises(tokenizer, held_out, context_length=32, batch_size=64)(torch.Generator().manual_seed(0))
questions = [pretrain.holes(question, tokenizer.special_tokens["[MASK]"]) for question in asked]
print(f"{len(exercises.ids):,} pieces to learn from; {sum(len(q.labels) for q in questions):,} held-out questions")

# %% [markdown]
# The **loss** is what it has been since lesson 02: for each masked place -log p of the piece that stood there, and the
# mean of that, in nats. 0 would be knowing for certain.
#
# **Write down three numbers before you run:** the loss of
#
# 1. a BERT that has learned nothing, and gives each of 2,000 pieces about the same p;
# 2. somebody who never looks at the text, but knows how frequent every piece is: the **unigram**;
# 3. a BERT after a minute of reading.
#
# The first you can work out: what is -log(1/2000)? The second comes next. The third has to wait for the end of the
# lesson.

# %% [markdown]
# ## The bar: what counting reaches
#
# **Take a pencil.** A vocabulary of four pieces, `a b c d`, and a text to learn from: `a b a c`. Piece `d` never comes.
# Would you give it p = 0? Then the first `d` in a new text costs minus log of 0, which is infinite, and all is lost. So
# count each piece **once more** than you saw it: 3, 2, 2, 1, together 8.
#
# | piece | a | b | c | d |
# |---|---|---|---|---|
# | p | 3/8 | | | |
# | -log p | 0.98 | | | |
#
# Fill it in ($\ln 2 = 0.69$). In a new text two places are masked; there stood `a` and `d`. What is the loss?

# %%
# The table, and the mean over a and d.
import math

cost = {piece: -math.log(count / 8) for piece, count in zip("abcd", [3, 2, 2, 1])}
print({piece: round(nats, 2) for piece, nats in cost.items()}, f" loss {(cost['a'] + cost['d']) / 2:.2f}")

# %% [markdown]
# **Your turn (6 minutes).** Write `log_frequencies(ids, vocab_size)`. `ids` is a tensor of the numbers of all pieces
# of a text, in one row [N]; the answer is a tensor [vocab_size], the log of each piece's p with every piece counted
# once more.

# %% tags=["exercise"]
# Write the logs of the frequencies.
def log_frequencies(ids, vocab_size):
    """log p of each piece, counted with one more of each; [vocab_size], in nats."""
    ### BEGIN SOLUTION
    counts = torch.bincount(ids, minlength=vocab_size) + 1.0
    return (counts / counts.sum()).log()
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import pretraining as check

check.log_frequencies(log_frequencies)

# %% [markdown] tags=["hint"]
# Before any log: how often does each piece come, those that never come included? And by what do you divide, if each is
# counted once more?

# %% [markdown] tags=["hint"]
# `torch.bincount(ids, minlength=vocab_size)` counts all of them. Add 1, divide by the sum *of that*, take `.log()`.

# %%
# The bar: what does the unigram pay on the held-out questions? And whoever gives all the same?
known = pretrain.log_frequencies(exercises.ids, len(tokenizer))
asked = torch.cat([question.labels for question in questions])
unigram = -known[asked].mean().item()
print(f"all the same {math.log(len(tokenizer)):.2f}, unigram {unigram:.2f}")
best = known.topk(5).indices.tolist()
print("it always says:", tokenizer.decode(best[:1]), f"- right {(asked == best[0]).float().mean():.1%},",
      f"among its first five {torch.isin(asked, torch.tensor(best)).float().mean():.1%}")

# %% [markdown]
# That is the bar. Every number below is better than the unigram's by something that came from **looking at the text**:
# of a hole nothing else is known. Our target for the end: **1.5 nats below**. (A nat less is 2.7 times the p.)

# %% [markdown] tags=["instructor"]
# **Minutes 0-13. Type** the stretches (3 lines), the solution (2 lines), the bar (3 lines). Fill in the table together.
#
# **The planned mistake:** no piece is counted once more. The reply is below.
#
# **Poll:** "the unigram's loss is 6.5, that of all the same is 7.6. The difference..."
# - *is what BERT learns*: no, BERT learns what is left after it.
# - *is how unequal the frequencies are*: right. For a text in which all pieces are equally frequent it would be 0.
# - *depends on the model*: neither of the two is a model of the text.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.log_frequencies(lambda ids, vocab_size: (torch.bincount(ids, minlength=vocab_size) / len(ids)).log())

# %% [markdown]
# ## The loss: only where something was hidden
#
# The blocks leave a vector of D numbers at each place. To guess the piece at a masked place, its vector h is compared
# with the vector of every piece of the vocabulary, by a dot product; each piece has a number of its own besides, its
# **bias**. The vectors of the pieces are those of the token table at the bottom of the model: the same table reads and
# answers (it is **tied**).
#
# $$\text{score}_v = h \cdot E_v + b_v \qquad\qquad p = \text{softmax}(\text{scores})$$
#
# $E$ [V, D] is the token table, $b$ [V] the bias. By hand, with three pieces of two numbers each, made up:
#
# | piece | $E_v$ | $b_v$ | score for h = (1, 2) |
# |---|---|---|---|
# | *north* | (1, 0) | 0 | |
# | *south* | (0, 1) | 0 | |
# | *the* | (1, 1) | -1 | |
#
# *South* stood there. What is the loss?

# %%
# The three scores, the three p, and the loss where south is right.
import torch.nn.functional as F

E, b, h = torch.tensor([[1.0, 0], [0, 1], [1, 1]]), torch.tensor([0.0, 0, -1]), torch.tensor([1.0, 2])
scores = E @ h + b
print("scores", scores.tolist(), " p", [round(p, 2) for p in scores.softmax(0).tolist()])
print(f"loss {-scores.log_softmax(0)[1]:.2f}")

# %% [markdown]
# A batch has many places, and most of them are *not* asked. As in lesson 14, `places` are the numbers of the masked
# ones in the **flattened** batch: with T places a row, place t of row r has the number r T + t.
#
# **Your turn (10 minutes).** Write `masked_loss(hidden, places, labels, table, bias)`: hidden [B, T, D], places [M],
# labels [M] (the pieces that stood there), table [V, D], bias [V]. Return one number, the mean loss of the M masked
# places.

# %% tags=["exercise"]
# Write the loss at the masked places.
def masked_loss(hidden, places, labels, table, bias):
    """The mean of -log p(label) over the masked places, in nats."""
    ### BEGIN SOLUTION
    h = hidden.flatten(0, 1)[places]  # [M, D]
    scores = h @ table.T + bias  # [M, V]
    return F.cross_entropy(scores, labels)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.masked_loss(masked_loss)

# %% [markdown] tags=["hint"]
# How many vectors do you need: B times T, or M? Which row of the flattened batch is place 5 of row 2, if T is 32?

# %% [markdown] tags=["hint"]
# `hidden.flatten(0, 1)` is [B T, D]; `[places]` takes M rows of it. `h @ table.T + bias` is [M, V]. `F.cross_entropy`
# takes scores, no probabilities, and gives the mean.

# %% [markdown]
# The library's `BertForPreTraining` does this, with one small layer more in front (a linear layer, GELU, LayerNorm).
# And it adds the second exercise's loss: does the second text follow? Two answers, so a coin pays ln 2 = 0.69. Here
# is ours for today: two blocks, vectors of 128 numbers.

# %%
# A small BERT; is its loss yours plus that of the pairs?
from dataclasses import replace

from course_lib import bert

config = replace(bert.SIZES["tiny"], vocab_size=len(tokenizer), context_length=32, dropout=0.0)
torch.manual_seed(0)
model = bert.BertForPreTraining(config)
q = questions[0]
with torch.no_grad():
    scores, follows = model(q.input_ids, q.attention_mask, q.token_type_ids, q.masked_places)
    parts = F.cross_entropy(scores, q.labels), F.cross_entropy(follows, q.next_sentence_label)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
print(f"masked pieces {parts[0]:.2f} + pairs {parts[1]:.2f} = {sum(parts):.2f}; the model's own {model.loss(q):.2f}")

# %% [markdown]
# As foretold: untrained, it pays about ln 2000 for a piece and ln 2 for a pair.

# %% [markdown] tags=["instructor"]
# **Minutes 13-24. Type** the scores (3 lines), the solution (3 lines). The table on paper first.
#
# **The planned mistake:** probabilities into `F.cross_entropy`, which takes a softmax of its own. The loss then hardly
# moves, and nothing says why; the check does.
#
# **Poll:** "the table has 2,000 rows of 128. What would it cost to answer with a second table?"
# - *nothing, it is only read*: count its numbers: 256,000, and the whole model has some 670,000.
# - *as many parameters again*: right; and what is learned about a word by answering would not help to read it.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(hidden, places, labels, table, bias):
    scores = hidden.flatten(0, 1)[places] @ table.T + bias
    return F.cross_entropy(scores.softmax(-1), labels)


check.masked_loss(planned_mistake)

# %% [markdown]
# ## Learn one batch by heart
#
# Before a long run, a short one that *must* succeed: show the model one and the same batch again and again. A model
# that cannot learn 64 rows by heart will not learn a language; then something is broken, and you know it after seconds
# instead of hours. **Predict** the loss of the masked pieces after 150 steps on the first batch.

# %% tags=["nbval-ignore-output"]
# 150 steps on one batch.
from course_lib import device, training

batch = next(iter(exercises(torch.Generator().manual_seed(1))))
by_heart = training.TrainingConfig(steps=150, learning_rate=3e-3, warmup_steps=10, decay="constant")
with device.one_thread():
    history = training.train(model, [batch], pretrain.loss, by_heart)
    left = pretrain.masked_scores(model, [batch])
print(f"loss {history.losses[0]:.2f} -> {history.losses[-1]:.2f}; pieces guessed right {left['right']:.0%}")
assert left["right"] > 0.95

# %% [markdown]
# It knows every hidden piece, and every pair. It has not learned a thing about countries: on the held-out questions it
# is *worse* than it was before. But the plumbing works: the loss reaches the weights. (Whether the labels sit at the
# right places this test cannot show: wrong ones are learned by heart just as well.)

# %% tags=["nbval-ignore-output"]
# The same model on what is held out.
with device.one_thread():
    elsewhere = pretrain.masked_scores(model, questions)
print(f"held out: {elsewhere['loss']:.1f} nats, the unigram {unigram:.2f}")
assert elsewhere["loss"] > unigram

# %% [markdown]
# ## Start where earlier lessons ended
#
# Now to the real text. What will the model learn first? Something cheap: that *of* is frequent and *zinc* is not. All
# it needs for that is its bias, and in the run below that alone takes about a hundred steps. But **you know the answer
# already**: put `log_frequencies` into the bias, and the model begins where counting ends. Next it would learn which
# pieces keep company. You know that, too: lesson 03's skip-gram finds vectors for 2,000 pieces within seconds. Put them
# into the token table.
#
# Last it would learn who the *neighbours* are. A head can be built that looks one place back, wherever it stands:
# lesson 13's clocks turn by a fixed angle from one place to the next. Let the position table hold such clocks, let a
# head's keys be their hands, and its queries the same hands turned back by one place. Then the key that fits a query
# best is the one before it. Turned the other way, the head looks one place ahead.

# %%
# Our first block has two heads, one for each neighbour: where do they look before any step?
def newborn():
    torch.manual_seed(1)
    return bert.BertForPreTraining(config)


model = newborn()
for start in ["at random", "turned clocks"]:
    if start != "at random":
        pretrain.look_around(model)
    with torch.no_grad():
        looks = model.bert(batch.input_ids[:1], return_attention=True).attention[0, 0]  # [heads, T, T]
    print(f"{start:14} head 0 looks one back with {looks[0].diagonal(-1).mean():.2f} of its weight, "
          f"head 1 one ahead with {looks[1].diagonal(1).mean():.2f}")

# %% [markdown]
# **Predict:** four runs of 100 steps each. All random; the bias given; the bias and the token table given; and these
# two with the heads. Which is ahead after 100 steps, and has anyone caught up?

# %% tags=["boilerplate"]
# A run of some steps; if `every` is not 0, asked every so many steps about ten batches held out.
def read(model, steps, every=0, on_step=None):
    plan = training.TrainingConfig(
        steps=steps, learning_rate=4e-3, warmup_steps=30, betas=(0.9, 0.98), evaluate_every=every)
    with device.one_thread():
        return training.train(model, exercises, pretrain.loss, plan, held_out=questions[:10], on_step=on_step)

# %% tags=["boilerplate", "nbval-ignore-output"]
# Four starts: their losses on the way, and on all held-out questions at the end.
ways, after = {}, {}
with device.one_thread():
    table = pretrain.skipgram_table(exercises, config.vocab_size, config.d_model)
for name in ["all random", "bias given", "bias, table given", "bias, table, heads given"]:
    model = newborn()
    with torch.no_grad():
        model.bias.copy_(known if name != "all random" else 0 * known)
        model.bert.tokens.weight.copy_(table if "table" in name else model.bert.tokens.weight)
    if "heads" in name:
        pretrain.look_around(model)
    ways[name] = list(zip(*read(model, 100, every=20).held_out))  # steps, losses
    after[name] = pretrain.masked_scores(model, questions)["loss"]
    print(f"{name:24} {after[name]:.2f} nats a masked piece, the unigram {unigram:.2f}")
assert after["all random"] - 0.1 > after["bias given"] > after["bias, table given"] + 0.1
assert after["bias given"] - 0.1 > after["bias, table, heads given"]

# %% tags=["boilerplate", "nbval-ignore-output"]
# The way down. The grey line: a coin for the pairs, counting for the pieces.
from course_lib import viz
from course_lib.viz import training as curves

bar = "a coin and\nthe unigram", unigram + math.log(2)
viz.show(*curves.curves(ways, "Four starts", "held-out loss of both exercises (nats)", level=bar))

# %% [markdown]
# Nobody has caught up. Three runs begin *at* the grey line; the first must come down to it. Of the three, those with
# vectors leave it sooner. (Is it what the vectors know? In lesson 08 vectors of the wrong words did half as well,
# or better. Here it is: the same table dealt out anew, `table[torch.randperm(len(table))]`, was hardly better than the
# bias alone, from each of the two starts that we tried. Put it in, and see.) What the heads are worth after 100
# steps of one run is little (take them out of the longer run below, and see). None of it changes the model: the same
# tables and matrices, only other numbers to begin with.

# %% [markdown] tags=["instructor"]
# **Minutes 24-35. Type** the run on one batch (5 lines). The four starts run for most of a minute: vote before it
# ends.
#
# **Poll:** "after 10,000 steps the four starts will be..."
# - *equal*, or *further apart*: nobody in this room knows. Ask what one would have to run to find out (and that a start
#   is no more than a start).

# %% [markdown]
# ## The run
#
# `pretrain.begin` gives all three. **Target, stated first:** 2 nats below the unigram, on all held-out questions.
#
# What will it learn first? Here are four lines with a hole, in the factbook's style. While the model reads, snapshots
# are taken of what it says to each. **Predict:** in which of the first three does the right piece come out on top
# first, and in which last? And what may be said to the fourth?
#
# 1. drinking ___ source improved urban
# 2. diplomatic representation from the ___
# 3. gdp per ___
# 4. official languages english and ___

# %% tags=["boilerplate"]
# The likeliest pieces for a hole; a snapshot of four holes at some steps.
HOLES = {"drinking [MASK] source improved urban": "water", "diplomatic representation from the [MASK]": "us",
         "gdp per [MASK]": "capita", "official languages english and [MASK]": None}
AT = (1, 20, 40, 60, 80, 100, 150, 200, 300, 400, 500)
model = newborn()  # who is asked


def guesses(model, tokenizer, text, first=8):
    """{piece: p} for the first hole of a text, the likeliest pieces first."""
    ids = tokenizer.encode_batch([text]).input_ids  # [CLS], the text, [SEP], as it was read: [1, T]
    places = (ids[0] == tokenizer.special_tokens["[MASK]"]).nonzero()[:1, 0]
    with torch.no_grad():
        p, best = model(ids, masked_places=places)[0][0].softmax(-1).topk(first)
    return dict(zip((tokenizer.decode([i]) for i in best.tolist()), p.tolist()))


def snap(progress):
    if progress.step in AT:
        snapshots[progress.step] = {hole: guesses(model, tokenizer, hole) for hole in HOLES}


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Read: 500 steps.
snapshots, model = {}, newborn()
with device.one_thread():
    pretrain.begin(model, exercises)
    read(model, AT[-1], on_step=snap)
    ours = pretrain.masked_scores(model, questions)
below = unigram - ours["loss"]
print(f"held out: {ours['loss']:.2f} nats, {below:.1f} below the unigram; right {ours['right']:.0%}, "
      f"among the first five {ours['top_5']:.0%}; pairs told apart {ours['next_sentence']:.0%}")

# %% tags=["boilerplate", "hero"]
# The target.
print("2 nats below the unigram:", below > 2)

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# At which snapshot is the right piece on top for the first time?
for hole, right in HOLES.items():
    first = [step for step in AT if next(iter(snapshots[step][hole])) == right]
    said = " ".join([*snapshots[AT[-1]][hole]][:5])
    print(f"{hole:40} first right at step {first[0] if first else 'none yet'}; in the end: {said}")

# %% [markdown]
# Two nats are a factor of 7.4: the piece that was hidden gets more than seven times the p that its frequency would give
# it (so says the geometric mean). All of that comes from the other pieces of the row.
#
# **Look**, snapshot by snapshot. The control stands beside it: what somebody says who only knows frequencies. What does
# the model say *before* it is right?

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# What it says to a hole after some steps, beside the unigram.
from course_lib.viz import pretraining as pictures

p, best = known.exp().topk(8)
frequent = dict(zip((tokenizer.decode([i]) for i in best.tolist()), p.tolist()))


def draw_snapshot(hole, steps):
    sides = {f"after {steps} step{'s' * (steps > 1)}": snapshots[steps][hole], "the unigram": frequent}
    return pictures.guesses(sides, hole.replace("[MASK]", "___"))


viz.explore(draw_snapshot, hole=viz.Choice([*HOLES]), steps=viz.Choice(AT, value=AT[-1]))

# %% [markdown]
# Before it is right, the model says words from the right *drawer*, and it likes to repeat what it sees. The fourth hole
# has no single answer; there it should spread its p.
#
# Is it really reading, or does it only know which pieces go together? The control: the same questions, but with the
# visible pieces of each row **in another order**. If order does not matter to it, nothing will change. **Predict** the
# loss: as before, the unigram's, or between the two?

# %% tags=["boilerplate", "nbval-ignore-output"]
# The held-out questions with the visible pieces of each row shuffled.
special = torch.tensor([*tokenizer.special_tokens.values()])
random = torch.Generator().manual_seed(0)


def shuffled(question):
    ids = question.input_ids.clone()
    for row in ids:
        visible = (~torch.isin(row, special)).nonzero()[:, 0]
        row[visible] = row[visible[torch.randperm(len(visible), generator=random)]]
    return question._replace(input_ids=ids)


with device.one_thread():
    mixed = pretrain.masked_scores(model, [shuffled(question) for question in questions])
print(f"in order {ours['loss']:.2f}, shuffled {mixed['loss']:.2f}, unigram {unigram:.2f}")
assert mixed["loss"] > ours["loss"] + 0.5

# %% [markdown]
# All that it had won is gone, and more: now it pays more than whoever never looks, for it is sure of what the wrong
# neighbours say. It knows who stands beside *whom*, not only who keeps company with whom.
#
# And counting with neighbours? Lesson 09's n-gram looks at the two pieces on the left. It learns from the same text and
# is asked the same questions. It sees its two pieces even where they are hidden from BERT, but what stands on the right
# it never sees. **Predict:** who is ahead, a minute of BERT or some seconds of counting?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Runs of three pieces counted (the mixture's weights are fitted on a tenth of what was learned).
from course_lib.sequences import NgramModel

pieces = exercises.ids.tolist()
trigram = NgramModel(3).fit(pieces[len(pieces) // 10 :], pieces[: len(pieces) // 10])


def price(question):
    """-log p of each hidden piece, with the true pieces on its left."""
    text = question.input_ids.flatten().scatter(0, question.masked_places, question.labels)
    return -torch.from_numpy(trigram.log_probs(text.tolist()))[question.masked_places]


counting = torch.cat([price(question) for question in questions]).mean().item()
print(f"unigram {unigram:.2f}, trigram {counting:.2f}, BERT {ours['loss']:.2f}")
assert counting < ours["loss"] - 0.5

# %% [markdown]
# Counting wins, and not by a little. The factbook says the same things of every country, often word for word, and for
# such a text little is better than to remember what follows what. Five hundred steps have not taught BERT that much by
# heart. So ask again where people write as they like, and after more than a minute of reading. (That changes two things
# at once; the trigram's own lead over the unigram, here and in the table below, says how much of it is the text.)

# %% [markdown] tags=["instructor"]
# **Minutes 35-45.** Start the run, let the room argue about the order of the four holes, then look at the snapshots.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them.
#
# **Poll** before the trigram: "a minute of BERT against some seconds of counting?" Have it justified: who sees what?

# %% [markdown]
# ## The same, for longer
#
# The course's own BERT came from the same lines: `python -m course_lib.pretrain`. Its text is all of the course's: film
# reviews, definitions, facts, Shakespeare, a little Wikipedia. Held out are the reviews that lesson 08 held out. (It
# began with the bias, the vectors and the clocks, but with heads at random.) What did it take?

# %% tags=["boilerplate"]
# What its card says.
import json

card = json.loads((data.path("bert") / "card.json").read_text())
print({name: card["model"][name] for name in ("vocab_size", "d_model", "num_layers", "context_length")})
runs, lines = [card], {}
while runs[0].get("before"):  # each run went on from another
    runs.insert(0, runs[0]["before"])
for number, run in enumerate(runs, 1):
    print(f"run {number}: {run['training']['steps']:,} steps, {run['short_share']:.0%} of them short rows; "
          f"{run['seconds'] / 60:.0f} minutes, {run['device']}; then, in held-out rows of 256 places, "
          f"loss {run['held_out']['loss']:.2f}")
    lines[f"run {number}"] = [run["losses_every"] * i for i in range(len(run["losses"]))], run["losses"]
viz.show(*curves.curves(lines, "The course's BERT: its runs, as saved", "loss of both exercises (nats)"))

# %% [markdown]
# Why several runs? In the first the short rows of 64 places came first, because they are cheap, and the long ones of
# 256 at the end, as in the paper (appendix A.2): that is where its curve jumps. What stands beyond the 64th place it
# had met late, and seldom. So a second run went on from the first one's weights, and took short and long rows in turn.
# (A batch of either costs another loss: that is why its curve is so rough.) It had not learned all that it could; so a
# third went on from the second. The printed lines say what each was worth (over all asked places, the visible ones too;
# the table below counts holes alone). At the start of each later run the curve goes *up*: the rate
# is high again, and the first thing that a high rate does is to shake out what the low one had settled.
#
# How good is it now? Asked about reviews that it has never read, in short rows and in long ones, beside two who count
# (from the file `benchmarks/results/fill_mask.json`; BERT's first row is run again below). **Predict** first: is it
# ahead of the trigram now?

# %% tags=["boilerplate"]
# The saved table.
import pathlib

import course_lib

path = pathlib.Path(course_lib.__file__).parents[1] / "benchmarks/results/fill_mask.json"
saved = json.loads(path.read_text())
for row in saved["rows"]:
    print(f"{row['length']:3} places, {row['method']:22} loss {row['loss']:.2f}, right {row['right']:.1%}, "
          f"among the first five {row['top_5']:.1%}")

# %% tags=["boilerplate", "nbval-ignore-output"]
# BERT's row again, on questions about every 25th of those reviews.
ready, its_tokenizer = pretrain.load(data.path("bert"))
reviews = list(pretrain.documents(held_out=True))[::25]
asked = pretrain.exercises(its_tokenizer, reviews, context_length=64, batch_size=64)
asked = [pretrain.holes(one, its_tokenizer.special_tokens["[MASK]"]) for one in asked(torch.Generator().manual_seed(0))]
with device.one_thread():
    again = pretrain.masked_scores(ready, asked)
print(f"loss {again['loss']:.2f}, right {again['right']:.1%}, among the first five {again['top_5']:.1%}")

# %% [markdown]
# It is ahead, in short rows and in long ones: some hours of reading, and a text in which people write as they like, and
# looking to both sides pays. (Lesson 14 sets a harder bar, somebody who counts *both* neighbours of a hole: that one it
# beats by a few holes in a hundred, and hardly where both neighbours are visible.) Whoever has some hours more can
# train it on: `--start-from` goes on from a folder that is done.
#
# And what does it say? **Predict** its first word for each hole. The control is a model of the same size with random
# numbers.

# %% tags=["boilerplate", "nbval-ignore-output"]
# Sentences with a hole; the six likeliest pieces of each.
for text in ["i saw it last week . the [MASK] was great , i loved this movie .",
             "the [MASK] was great , i loved this movie .", "but the [MASK] was terrible .",
             "this is the [MASK] film i have ever seen .", "the story is [MASK] and the acting is great .",
             "the acting is [MASK] and i liked it .", "romeo , romeo , wherefore [MASK] thou romeo ?"]:
    print(f"{text:66}", *guesses(ready, its_tokenizer, text, first=6))
torch.manual_seed(0)
unread = bert.BertForPreTraining(ready.bert.config)
print(f"{'random numbers, to: but the [MASK] was terrible .':66}",
      *guesses(unread, its_tokenizer, "but the [MASK] was terrible .", first=6))

# %% [markdown]
# It knows what can be great, what can be terrible, and that a film which somebody has to call *the ... ever seen* is
# the worst or the best. It does not weigh *and I liked it* against *the acting is*, and of Shakespeare's *art* it is
# far from sure. A model of five million numbers that has read some reviews is no judge; it is a reader of the nearest
# words, and of some farther ones.
#
# One thing more, for it never raises an error. BERT has read nothing but rows that begin with `[CLS]` and end with
# `[SEP]`. **Predict:** what does it put into *the [MASK] was great* when both are left out?

# %% tags=["nbval-ignore-output"]
# The same sentence as it was read, and bare.
bare = "the [MASK] was great , i loved this movie ."
for name, ids in {"framed": its_tokenizer.encode_batch([bare]).input_ids[0].tolist(),
                  "bare": its_tokenizer.encode(bare)}.items():
    with torch.no_grad():
        logits, _ = ready(torch.tensor([ids]), masked_places=torch.tensor([ids.index(its_tokenizer.mask_id)]))
    print(f"{name:7}", *(its_tokenizer.decode([i]) for i in logits[0].topk(6).indices.tolist()))

# %% [markdown]
# Bare, *the* stands where `[CLS]` always stood, and the model takes it for that: the hole seems to be the first word,
# and sentences begin with *I* and *it*. We fell for this ourselves, and blamed the model. `encode` gives a text's own
# pieces; `encode_batch` frames them.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# A sentence of yours: write ___ for the hole.
def draw_yours(sentence):
    text = sentence if "___" in sentence else sentence + " ___"
    text = text.replace("___", "[MASK]", 1)
    sides = {"the course's BERT": ready, "random numbers": unread}
    sides = {name: guesses(one, its_tokenizer, text) for name, one in sides.items()}
    return pictures.guesses(sides, text.replace("[MASK]", "___"))


viz.explore(draw_yours, sentence=viz.Text("but the ___ was great , i loved this movie ."))

# %% [markdown]
# ## How many numbers is that?
#
# > **Common belief:** *"BERT base has 110 million parameters, BERT large 340 million."* So it stands in the paper
# > (2019, section 3), and everywhere since. True? You can count them: you know all the tables and matrices.
#
# ***Extra* (8 minutes).** Write `count_parameters(vocab_size, context_length, d_model, num_layers, d_ff)`, the number
# of parameters of `BertModel`, without heads: three tables (there are two segments) and their LayerNorm; in each block
# attention's four linear layers, two linear layers of the network (d_model to d_ff and back), two LayerNorms; and the
# pooler, a linear layer over [CLS]. A linear layer has a bias, a LayerNorm two numbers for each of d_model.

# %% tags=["exercise", "extra"]
# Count.
def count_parameters(vocab_size, context_length, d_model, num_layers, d_ff):
    """How many numbers BertModel learns."""
    ### BEGIN SOLUTION
    norm = 2 * d_model
    tables = (vocab_size + context_length + 2) * d_model + norm
    attention = 4 * (d_model * d_model + d_model)
    network = (d_model * d_ff + d_ff) + (d_ff * d_model + d_model)
    block = attention + norm + network + norm
    pooler = d_model * d_model + d_model
    return tables + num_layers * block + pooler
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.count_parameters(count_parameters)

# %% [markdown] tags=["hint"]
# Do the heads of attention have parameters of their own, or do they share out the d_model columns of one matrix? What
# is multiplied by num_layers, and what is there only once?

# %% [markdown] tags=["hint"]
# A linear layer from a to b has a b + b numbers. Attention: 4 (D D + D). The network: D F + F and F D + D. Two norms a
# block, one after the tables.

# %% tags=["boilerplate"]
# The published sizes, built without memory ("meta"): the model alone, and with the two heads of pretraining.
for name in ("base", "large"):
    with torch.device("meta"):
        whole = bert.BertForPreTraining(bert.SIZES[name])
    alone, heads = (sum(p.numel() for p in part.parameters()) for part in (whole.bert, whole))
    token_table = whole.bert.tokens.weight.numel()
    print(f"{name:6} {alone:11,} alone, {heads:11,} with heads; the token table is {token_table / alone:.0%} of it")
own = sum(p.numel() for p in ready.bert.parameters())
print(f"ours   {own:11,} alone; the token table is {ready.bert.tokens.weight.numel() / own:.0%} of it")

# %% [markdown]
# **True**, if you round to ten million: 109 and 110 become 110, 335 and 336 become 340. Harmless; but whoever takes
# 340 for exact is five million off, which is more than our whole model has. Count.

# %% [markdown] tags=["instructor"]
# **Minutes 45-50.** The belief, the count. Ask before the last cell: "which is the largest single part of base?" Most
# say attention; it is the token table, and in small models more so.

# %% [markdown]
# ## What you know now
#
# - Pretraining needs no labels: the text is question and answer.
# - The bar is the unigram. At a hole, what lies below it came from looking.
# - Scores and loss are computed at the masked places alone, with the table that also reads.
# - First learn one batch by heart: the cheapest test there is.
# - A good start is knowledge that you have already: frequencies, word vectors, who stands beside whom.
# - Shuffle what the model sees, and you learn what it looks at.
#
# **Quiz.** Open the answer that you would give.
#
# **1. Your model's loss stands at the unigram's for a thousand steps. What has it learned?**
#
# <details><summary>Nothing yet.</summary>
#
# It began at ln V, which is more. It has learned how frequent each piece is.
#
# </details>
# <details><summary>Frequencies, and nothing from the text around.</summary>
#
# Right. You could have put them into the bias before the first step.
#
# </details>

# %% [markdown]
# **2. It learns one batch by heart, loss 0.01. On what is held out it is worse than the unigram. A bug?**
#
# <details><summary>Yes: a trained model should beat counting.</summary>
#
# It was trained on 64 rows. Whoever has learned 64 rows by heart knows nothing of the others, and is sure of it.
#
# </details>
# <details><summary>No: it shows that the plumbing works, and no more.</summary>
#
# Right. For everything else there is the held-out side of a long run.
#
# </details>

# %% [markdown]
# **3. Why is the loss of a masked model not comparable with that of an n-gram or of GPT?**
#
# <details><summary>It is: both are nats a piece.</summary>
#
# The unit is the same, the question is not. BERT sees what comes after the hole, and some neighbours are hidden from
# it. We compared them with that said.
#
# </details>
# <details><summary>They are asked with different things in sight.</summary>
#
# Right. And p of a whole text cannot be had from it by multiplying: it never says one piece after another.
#
# </details>

# %% [markdown]
# **4. A batch of 16 rows happens to have 3 masked places, another 500. `pretrain.loss`, which the loop called all
# along, returns the mean and that number. What is the number for?**
#
# <details><summary>To weigh the batches when losses are averaged.</summary>
#
# Right: a mean over 3 is a noisy one, and should not count as much as a mean over 500.
#
# </details>
# <details><summary>To scale the learning rate.</summary>
#
# The rate is the plan's affair. The number is used when several batches make one step, and when held-out losses are
# averaged.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova (2019). BERT: Pre-training of Deep Bidirectional
#   Transformers for Language Understanding. NAACL. The two exercises; in appendix A.2, short rows first, then long.
# - Ofir Press, Lior Wolf (2017). Using the Output Embedding to Improve Language Models. EACL. The tied table.
# - Jonas Geiping, Tom Goldstein (2023). Cramming: Training a Language Model on a Single GPU in One Day. ICML. What
#   helps when there is little time; among other things, no dropout.
# - Pierre-Simon Laplace (1814). Essai philosophique sur les probabilités. Each thing counted once more.
# - Yinhan Liu and others (2019). RoBERTa: A Robustly Optimized BERT Pretraining Approach. BERT had been
#   trained too little; and the pairs could be left out.
# - The World Factbook, by the Central Intelligence Agency: public domain.
