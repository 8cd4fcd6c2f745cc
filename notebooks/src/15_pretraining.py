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
# At the end of this lesson your laptop has pretrained a BERT: with random numbers to begin with, no label, no
# dictionary, a minute or two of filling in blanks. It then guesses hidden words of countries that it has never read
# about, and is right far more often than whoever only knows how frequent each word is. The same few lines, run for
# longer, made the course's own BERT that you met in lesson 14.
#
# **You will build** the two things between the blocks and a number to make smaller: the bar (what counting alone
# would reach) and the loss at the masked places. Then you watch what a model learns first, second and third.
# **You need** lesson 14 (masks and pairs) and lesson 08 (the loop).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict, the bar (0-13). B: The loss (13-24). C: Learn one batch by heart,
# start at the bar (24-35). D: The run, what comes first, the longer run, the belief (35-50).
#
# **Minute 0.** Three losses on the board, everyone writes their own: before training, counting, after training.
#
# **When 15 minutes late:** leave out the two starts, and open block D with the saved run. Do not leave out the batch
# learned by heart: it is the cheapest test there is, and nobody does it without having been shown.

# %% [markdown]
# ## Predict: three losses
#
# The text is small and regular: the CIA's factbook, in small letters, without digits and signs, some 200 lines for each
# country of the world. We cut it into stretches of 200 lines, and hold out every 25th stretch.

# %%
# Load the lines, cut them into stretches of 200, hold out every 25th.
from course_lib import data, pretrain

lines = [" ".join(words) for words in data.load("facts")]
stretches = [lines[i : i + 200] for i in range(0, len(lines), 200)]
held_out = stretches[::25]
learned = [stretch for i, stretch in enumerate(stretches) if i % 25]
print(f"{len(learned)} stretches to learn from, {len(held_out)} held out; some lines of one that is held out:")
print("\n".join(line for line in held_out[3][40:120] if 20 < len(line) < 75))

# %% [markdown]
# Cut into 2,000 pieces (lesson 07) and made into pairs with 15% of the pieces asked (lesson 14). A row has 32 places, a
# batch 64 rows.

# %%
# A vocabulary of 2,000 pieces; the exercises of both sides; how much is there?
import torch

from course_lib.tokenizers import WordPieceTokenizer
from course_lib.wordpiece import count_score

tokenizer = WordPieceTokenizer().train((line for part in learned for line in part), 2000, score=count_score)
exercises = pretrain.exercises(tokenizer, learned, context_length=32, batch_size=64)
questions = list(pretrain.exercises(tokenizer, held_out, context_length=32, batch_size=64)(
    torch.Generator().manual_seed(0)))  # fmt: skip
print(f"{len(exercises.ids):,} pieces to learn from; {sum(len(q.labels) for q in questions):,} held-out questions")

# %% [markdown]
# The **loss** is what it has been since lesson 02: for each masked place -log p of the piece that stood there, and the
# mean of that, in nats. 0 would be knowing for certain.
#
# **Write down three numbers before you run:** the loss of
#
# 1. a BERT that has learned nothing, and gives each of 2,000 pieces about the same p;
# 2. somebody who never looks at the text, but knows how frequent every piece is: the **unigram**;
# 3. a BERT after a minute and a half of reading.
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
# there is no other way past it. Our target for the end: **1.5 nats below**. (A nat less is 2.7 times the p.)

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
question = questions[0]
with torch.no_grad():
    scores, follows = model(question.input_ids, question.attention_mask, question.token_type_ids, question.masked_places)
    parts = F.cross_entropy(scores, question.labels), F.cross_entropy(follows, question.next_sentence_label)
print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
print(f"masked pieces {parts[0]:.2f} + pairs {parts[1]:.2f} = {sum(parts):.2f}, the model's own {model.loss(question):.2f}")

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
# is *worse* than it was before. But the plumbing works: gradients reach everything, masks and labels belong together.

# %% tags=["nbval-ignore-output"]
# The same model on what is held out.
with device.one_thread():
    elsewhere = pretrain.masked_scores(model, questions)
print(f"held out: {elsewhere['loss']:.1f} nats, the unigram {unigram:.2f}")
assert elsewhere["loss"] > unigram

# %% [markdown]
# ## Start at the bar
#
# Now to the real text. What will the model learn first? Something cheap: that *of* is frequent and *zinc* is not. All
# it needs for that is its bias, and that takes hundreds of steps, in which the token table is pushed about for the
# wrong reason. But **you know the answer already**: put `log_frequencies` into the bias, and the model begins where
# counting ends.
#
# **Predict:** two runs of 150 steps, equal but for the bias at the start: zeros, or the log of the frequencies. After
# 150 steps, which is ahead, and by how much? Or has the other one caught up?

# %% tags=["boilerplate"]
# A new model with a bias to begin with; and a run of some steps, asked now and then about ten batches held out.
def newborn(bias):
    torch.manual_seed(1)
    model = bert.BertForPreTraining(config)
    model.bias.data.copy_(bias)
    return model


def read(model, steps, on_step=None):
    plan = training.TrainingConfig(
        steps=steps, learning_rate=4e-3, warmup_steps=30, betas=(0.9, 0.98), evaluate_every=25)
    with device.one_thread():
        return training.train(model, exercises, pretrain.loss, plan, held_out=questions[:10], on_step=on_step)

# %% tags=["boilerplate", "nbval-ignore-output"]
# Both starts: their held-out losses on the way, and on all questions at the end.
from course_lib import viz
from course_lib.viz import training as curves

ways, after = {}, {}
for name, bias in {"bias 0": torch.zeros(len(tokenizer)), "bias log p": known}.items():
    model = newborn(bias)
    ways[name] = list(zip(*read(model, 150).held_out))  # steps, losses
    with device.one_thread():
        after[name] = pretrain.masked_scores(model, questions)["loss"]
    print(f"{name:10} after 150 steps: {after[name]:.2f} nats a masked piece, the unigram {unigram:.2f}")
assert after["bias log p"] < after["bias 0"] - 0.1

# %% tags=["boilerplate", "nbval-ignore-output"]
# The way down. The grey line: a coin for the pairs, counting for the pieces.
bar = "a coin and\nthe unigram", unigram + math.log(2)
viz.show(*curves.curves(ways, "Two starts", "held-out loss of both exercises (nats)", level=bar))

# %% [markdown]
# One line of code, and the head start is not lost again in these 150 steps. The grey line is what somebody pays who
# tosses a coin for the pairs and counts for the pieces: one run begins *there*, the other must first come down to it.

# %% [markdown] tags=["instructor"]
# **Minutes 24-35. Type** the run on one batch (5 lines). The two starts run for half a minute: vote before it ends.
#
# **Poll:** "after 1,000 steps the two starts will be..."
# - *equal*: likely, some day; a start is no more than a start. Whoever has time can try.
# - *further apart*: the head start is the unigram's, and it does not grow.

# %% [markdown]
# ## The run
#
# **Target, stated first:** 1.5 nats below the unigram, on all held-out questions.
#
# What will it learn first? Here are four lines with a hole, in the factbook's style. While the model reads, snapshots
# are taken of what it says to each. **Predict:** which hole is filled rightly first, and which last?
#
# 1. drinking ___ source improved urban
# 2. total fertility rate ___ born woman
# 3. national ___ independence day july
# 4. official languages english and ___

# %% tags=["boilerplate"]
# The likeliest pieces for a hole; a snapshot of four holes at some steps.
HOLES = ["drinking [MASK] source improved urban", "total fertility rate [MASK] born woman",
         "national [MASK] independence day july", "official languages english and [MASK]"]
STEPS, AT = 700, (1, 25, 50, 100, 150, 200, 300, 400, 500, 600, 700)


def guesses(model, tokenizer, text, first=8):
    """{piece: p} for the first hole of a text, the likeliest pieces first."""
    ids = torch.tensor([tokenizer.encode(text)])
    places = (ids[0] == tokenizer.special_tokens["[MASK]"]).nonzero()[:1, 0]
    with torch.no_grad():
        p, best = model(ids, masked_places=places)[0][0].softmax(-1).topk(first)
    return dict(zip((tokenizer.decode([i]) for i in best.tolist()), p.tolist()))


def snap(progress):
    if progress.step in AT:
        snapshots[progress.step] = {hole: guesses(model, tokenizer, hole) for hole in HOLES}


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Read: 700 steps from the bar.
snapshots, model = {}, newborn(known)
history = read(model, STEPS, on_step=snap)
with device.one_thread():
    ours = pretrain.masked_scores(model, questions)
below = unigram - ours["loss"]
print(f"held out: {ours['loss']:.2f} nats, {below:.1f} below the unigram; right {ours['right']:.0%}, "
      f"among the first five {ours['top_5']:.0%}; pairs told apart {ours['next_sentence']:.0%}")

# %% tags=["boilerplate", "hero"]
# The target.
print("1.5 nats below the unigram:", below > 1.5)

# %% [markdown]
# A nat and a half is a factor of 4.5: the piece that was hidden gets on average 4.5 times the p that its frequency
# would give it (the geometric mean, to be exact). And all of that comes from reading the other pieces of the row.
#
# **Look**, snapshot by snapshot. The control stands beside it: what somebody says who only knows frequencies. When does
# the left picture begin to differ from the right one? What does the model say *before* it is right?

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# What it says to a hole after some steps, beside the unigram.
from course_lib.viz import pretraining as pictures

p, best = known.exp().topk(8)
frequent = dict(zip((tokenizer.decode([i]) for i in best.tolist()), p.tolist()))


def draw_snapshot(hole, steps):
    sides = {f"after {steps} steps": snapshots[steps][hole], "the unigram": frequent}
    return pictures.guesses(sides, hole.replace("[MASK]", "___"))


viz.explore(draw_snapshot, hole=viz.Choice(HOLES), steps=viz.Choice(AT, value=700))

# %% [markdown]
# In the run saved here, first come pieces that are frequent *nearby* (any line about rates has *population* in it),
# then the one that belongs between these two neighbours. That is the order in which the loss falls, too: frequency,
# company, place. *Official languages english and* has no single answer, and the model spreads its p: that is not a
# weakness, it is what is asked.
#
# Is it really reading, or does it only know which pieces go together? The control: the same questions with the other
# pieces of each row **in another order**. If order does not matter to it, nothing will change. **Predict** the loss:
# the same, the unigram's, or between?

# %% tags=["boilerplate", "nbval-ignore-output"]
# The held-out questions with all visible pieces of a row shuffled.
special = torch.tensor([*tokenizer.special_tokens.values()])


def shuffled(question, generator=torch.Generator().manual_seed(0)):
    ids = question.input_ids.clone()
    for row in ids:
        visible = (~torch.isin(row, special)).nonzero()[:, 0]
        row[visible] = row[visible[torch.randperm(len(visible), generator=generator)]]
    return question._replace(input_ids=ids)


with device.one_thread():
    mixed = pretrain.masked_scores(model, [shuffled(question) for question in questions])
print(f"in order {ours['loss']:.2f}, shuffled {mixed['loss']:.2f}, unigram {unigram:.2f}")
assert mixed["loss"] > ours["loss"] + 0.5

# %% [markdown]
# Most of what it had won is gone. What it knows is who stands *where*, beside *whom*.
#
# And counting with neighbours? Lesson 09's n-gram looks at the two pieces on the left. It reads the same text, is asked
# the same questions, and sees its two pieces even where BERT's are hidden; but what stands on the right it never sees.
# **Predict:** who is ahead, two minutes of BERT or a second of counting?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Pieces of three counted in what was learned (the weights of lesson 09 fitted on its last tenth).
from course_lib.sequences import NgramModel

counted = exercises.ids.tolist()
trigram = NgramModel(3).fit(counted[: len(counted) * 9 // 10], counted[len(counted) * 9 // 10 :])


def pays(question):
    """-log p of each masked piece, the true pieces on its left being seen."""
    text = question.input_ids.flatten()
    text[question.masked_places] = question.labels
    return -trigram.log_probs(text.tolist())[question.masked_places]


left = np.concatenate([pays(question._replace(input_ids=question.input_ids.clone())) for question in questions]).mean()
print(f"unigram {unigram:.2f}, trigram {left:.2f}, BERT {ours['loss']:.2f}")

# %% [markdown] tags=["instructor"]
# **Minutes 35-45.** Start the run, let the room argue about the order of the four holes, then look at the snapshots.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them.
#
# **Poll** before the trigram: "two minutes of BERT against a second of counting?" Have it justified: who sees what?

# %% [markdown]
# ## The same, for longer
#
# TO WRITE
