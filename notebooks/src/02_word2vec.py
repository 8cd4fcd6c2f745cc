# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: word2vec
#   title: word2vec
#   minutes: 60
# ---

# %% [markdown]
# # 02 word2vec: what a guessing game teaches
#
# You will write a program that is shown one word and has to guess the words around it. It starts as random numbers
# and is never told what anything means; a minute of playing this game over an encyclopedia, and it puts *river*
# beside *lake* and *music* beside *poetry*.
#
# **You will build** skip-gram and CBOW, the two methods of word2vec: their pairs, their loss, and their gradient by
# hand. **You need** lesson 00 (shapes, the cosine); what a softmax is, is shown here. **It costs** {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict and pairs (0-13). B: Two tables, pull and push (13-29). C: Train
# (29-39). D: Belief, hero run, recap (39-50).
#
# **Minute 0.** Write *good*, *bad*, *excellent* on the board as the corners of a triangle. Everyone votes which two
# corners of the three are closest, before anything runs.
#
# **When 15 minutes late:** leave out the check of a gradient by nudging, CBOW, and the belief's second cell. Start
# the hero run while you talk about the map: it needs no watching.

# %% [markdown]
# ## Predict: is *good* nearer to *excellent* or to *bad*?
#
# Back to the arrows of lesson 00. In 2013 a program called **word2vec** read news, about 100 billion words by its
# authors' count, and left 300 numbers for each word. *Excellent* means nearly the same as *good*, *bad* means the
# opposite. Which one does *good* point towards? Write down one word before you run the cell.

# %% tags=["boilerplate"]
# Load the arrows of 2013; compare good with excellent and with bad.
from course_lib import data
from course_lib.keyed_vectors import KeyedVectors

news = KeyedVectors.load_word2vec_format(data.path("googlenews"), binary=True)
for word in ["excellent", "bad"]:
    print(f"good, {word}: {news.similarity('good', word):.2f}")

# %% [markdown]
# *Bad*, and by a distance. Put yourself in the program's place: you may read as much as you like, but all you can
# see is which words stand near which. *A good day, a bad day; good news, bad news; too good, too bad.* How would a
# program turn that into numbers? By a game: **here is a word; guess its neighbours.**

# %% [markdown]
# ## The game: a word and its neighbours
#
# We need a text small enough to see all of it. This one was written for the course: a court, a family, a farm, a
# kitchen, the weather.

# %% tags=["boilerplate"]
# Load the toy text; number the words that occur at least twice; look at every 45th sentence.
from course_lib.vocab import Vocab

corpus = data.load("toy")
vocab = Vocab.from_corpus(corpus, min_count=2)
sentences = [vocab.encode(sentence).tolist() for sentence in corpus]
print(f"{len(sentences)} sentences, {sum(map(len, sentences)):,} words, {len(vocab)} different ones")
for sentence in sentences[::45]:
    print(" ".join(vocab.decode(sentence)))

# %% [markdown]
# From here on a word is its number, 0 for the most frequent one. Now the game's moves. Every word takes its turn as
# the **centre**; each word at most `window` places away from it is one of its **contexts**. A centre with one
# context is a **pair**: a question and its answer.
#
# How many pairs has *the cat drank milk* at window 1? At window 2? Count on paper.

# %% tags=["boilerplate"]
# All pairs of one sentence, by two loops: a place i, and every place j near it.
def fixed_pairs(sentence, window):
    pairs = []
    for i in range(len(sentence)):
        for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
            if j != i:
                pairs.append((sentence[i], sentence[j]))
    return pairs


for window in [1, 2]:
    pairs = fixed_pairs("the cat drank milk".split(), window)
    print(len(pairs), pairs)

# %% [markdown]
# Should a word five places away count for as much as the next one? word2vec thinks not, and finds a way that costs
# nothing: **every centre draws its own reach**, a whole number from 1 to `window`, all equally likely, and sees
# that far to both sides. With `window=5`, how often does a centre see the word next to it? How often the word five
# places away? And of the ten neighbours that a centre in the middle of a long sentence has, how many does it see on
# average?
#
# **Your turn (10 minutes).** Write `window_pairs(sentences, window, rng)`: the pairs of a whole text, each centre
# with a reach of its own. `sentences` is a list of lists of numbers. A full stop is a wall: nothing across it is a
# neighbour. `rng.integers(1, 6)` draws from 1, 2, 3, 4, 5.

# %% tags=["exercise"]
# Write the pairs of a text, each centre with its own reach.
def window_pairs(sentences, window, rng):
    """A list of (centre, context) pairs, in any order; each centre draws a reach from 1 to window."""
    ### BEGIN SOLUTION
    pairs = []
    for sentence in sentences:
        for i, centre in enumerate(sentence):
            reach = rng.integers(1, window + 1)
            around = range(max(0, i - reach), min(len(sentence), i + reach + 1))
            pairs += [(centre, sentence[j]) for j in around if j != i]
    return pairs
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import word2vec as check

check.window_pairs(window_pairs)

# %% [markdown] tags=["hint"]
# A text of 100 words: how many reaches are drawn, 1 or 100? So inside which of the two loops does the drawing
# stand?

# %% [markdown] tags=["hint"]
# `fixed_pairs` needs three changes: a loop over the sentences around it, the line
# `reach = rng.integers(1, window + 1)` where a new centre begins, and `reach` where `window` stood.

# %% [markdown] tags=["instructor"]
# **Minutes 0-13. Type** the solution (minute 9, 7 lines). All else in the two blocks is filled in: run it, after the
# votes.
#
# **The planned mistake:** draw the reach before the loop over `i`. It looks tidy, nobody objects, and the number of
# pairs is nearly right. Read the reply aloud; it is below.
#
# **Poll** before the check: "window 5, a random reach: how many pairs does a centre in a long sentence have?"
# - *10*: counts the fixed window. Ask what happens on the day that the reach is 1.
# - *5*: takes half of 10. Ask for the mean of 1, 2, 3, 4, 5; it is not 2.5.
# - *6*: right. Have them say why: the mean of 1, 2, 3, 4, 5 is 3, and there are two sides.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        reach = rng.integers(1, window + 1)
        pairs += fixed_pairs(sentence, reach)
    return pairs


check.window_pairs(planned_mistake)

# %% [markdown]
# The library has the same function for one sentence, `word2vec.window_pairs`, and from here on we use that one.
#
# **Look.** The picture has two parts. On top, a sentence from an encyclopedia: its centre, and how likely each
# neighbour is to become a pair. Under it, all pairs of the toy text, counted by how far apart their words are, with
# a fixed window and with a reach for each centre. Move the window. What share of the far pairs is left? And why do
# even the grey bars fall? Try a sentence of your own.

# %% tags=["boilerplate"]
# How many pairs have their words 1, 2, 3, ... places apart: the places themselves are paired, not the words.
import numpy as np

from course_lib import word2vec


def count_by_distance(window, rng):
    counts = np.zeros(window + 1, dtype=int)
    for sentence in sentences:
        for i, j in word2vec.window_pairs(range(len(sentence)), window, rng):
            counts[abs(i - j)] += 1
    return counts[1:]


# %% tags=["boilerplate", "folded"]
# The picture: the sentence above, the counts below.
import matplotlib.pyplot as plt

from course_lib import viz


def draw_window(sentence, centre, window):
    words = sentence.lower().split()[:14] or ["nothing"]
    i = min(centre, len(words)) - 1
    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5), height_ratios=[1, 2])
    ends = np.cumsum([max(len(word), 5) + 2 for word in words])
    width = max(ends[-1], 70)
    for j, (word, end) in enumerate(zip(words, ends)):
        chance = max(0, window + 1 - abs(i - j)) / window if j != i else 0
        box = {"boxstyle": "round", "facecolor": (0.9, 0.6, 0, chance), "linewidth": 2.5 if j == i else 0.3}
        middle = end - max(len(word), 5) / 2 - 1
        above.text(middle, 0.65, word, family="monospace", fontsize=min(11, 740 / width), bbox=box, ha="center")
        above.text(middle, 0.1, "centre" if j == i else f"{chance:.0%}", fontsize=min(10, 700 / width), ha="center")
    above.set(xlim=(0, width), ylim=(0, 1), title=f"Chance of a pair with the centre, window {window}")
    above.axis("off")
    places, every = np.arange(1, window + 1), count_by_distance(window, None)
    drawn = count_by_distance(window, np.random.default_rng(0))
    below.bar(places - 0.2, every, width=0.4, color="#BBBBBB", hatch="//", label="fixed window")
    bars = below.bar(places + 0.2, drawn, width=0.4, color="#0072B2", label="each centre its own reach")
    below.bar_label(bars, [f"{share:.0%}" for share in drawn / every])
    below.set(title="The toy text, counted", xlabel="distance (words)", ylabel="pairs", xticks=places)
    below.legend()
    below.margins(y=0.12)
    figure.tight_layout()
    near, far = drawn[0] / every[0], drawn[-1] / every[-1]
    return figure, (f"The centre {words[i]} and its neighbours, window {window}. In the toy text a random reach makes "
                    f"{drawn.sum():,} pairs of the {every.sum():,} that a fixed one makes: {near:.0%} of those at "
                    f"distance 1, {far:.0%} of those at distance {window}.")


text = " ".join(next(sentence for sentence in data.load("wikipedia") if sentence[:2] == ["einstein", "developed"]))
viz.explore(draw_window, sentence=viz.Text(text), centre=viz.Slider(1, 10, value=6), window=viz.Slider(1, 8, value=5))

# %% [markdown]
# The far pairs thin out in even steps: of window 5 all next-door pairs are left and a fifth of the farthest. Of ten
# neighbours 2 · (1 + 0.8 + 0.6 + 0.4 + 0.2) = 6 are left on average. The grey bars fall only because sentences end:
# eight words have seven pairs of next-door neighbours, and three of words that are five places apart.

# %% [markdown]
# ## Two tables and a bet
#
# Now someone must play. Our player owns nothing but two tables of numbers, `w_in` and `w_out`, both of shape
# [V, D]: V words, D numbers each. A word is looked up in `w_in` when it is the centre, and in `w_out` when it is a
# candidate for its neighbour. It fits, says the player, where the two rows have a large dot product.
#
# Let us play one round with pencil and paper. V = 4 words, D = 2 numbers. The centre is *king*, and its row of
# `w_in` is (2, 1). The rows of `w_out`:
#
# | candidate | row of `w_out` | score: dot product with (2, 1) | e to the score | share |
# |---|---|---|---|---|
# | *king* | (0, 0) | 0 | 1.00 | |
# | *queen* | (0.5, 0) | 1 | 2.72 | |
# | *crown* | (0.5, 1) | 2 | 7.39 | |
# | *rain* | (-1, 1) | -1 | 0.37 | |
#
# A score can be anything; a bet cannot. So each score becomes *e* to the score, which is positive, and is divided
# by the sum of the column, so that all shares make 1. This step is called the **softmax**:
#
# $$p(o \mid c) = \frac{e^{\,u_o \cdot v_c}}{\sum_{w=1}^{V} e^{\,u_w \cdot v_c}}$$
#
# for a centre *c* and a context *o*, with $v_c$, shape [D], the centre's row of `w_in`, and $u_w$, shape [D], the row
# of `w_out` of word *w*. Fill in the last column. Then run.

# %% tags=["boilerplate"]
# The four scores, e to each, and the shares.
words = ["king", "queen", "crown", "rain"]
v_king = np.array([2.0, 1.0])
u = np.array([[0, 0], [0.5, 0], [0.5, 1], [-1, 1]])
scores = u @ v_king
p = np.exp(scores) / np.exp(scores).sum()
for word, score, share in zip(words, scores, p):
    print(f"{word:6} {score:5.1f} {np.exp(score):6.2f} {share:6.3f}")

# %% [markdown]
# The text says: the neighbour was *queen*. How bad was the bet? The **loss** is -log p(*queen*), with the natural
# logarithm: 0 for a player who was certain, and more the less was put on the truth. A player who knows nothing
# spreads the bet evenly over the four words.
#
# Who pays more for *queen*: our player, or the one who knows nothing?

# %%
# The loss of this bet, and of an even one.
loss = -np.log(p[words.index("queen")])
print(f"our player {loss:.3f}, knowing nothing {np.log(4):.3f}")

# %% [markdown]
# Our player does: too much went to *crown*. To hold a strong belief costs more than to hold none, when it is wrong.
# Remember *ln V* as the price of knowing nothing: a loss can only be read against it.
#
# One round is one pair. A text has thousands; its loss is their **mean**. Here it is with one pair at a time, on
# random tables for the toy text. What should come out, roughly?

# %% tags=["boilerplate"]
# Random tables; the loss of every pair in turn, and their mean.
rng = np.random.default_rng(0)
V, D = len(vocab), 16
w_in, w_out = rng.normal(0, 0.1, (2, V, D))
pairs = [pair for sentence in sentences for pair in word2vec.window_pairs(sentence, 4, rng)]
losses = []
for centre, context in pairs:
    scores = w_out @ w_in[centre]
    losses.append(np.log(np.exp(scores).sum()) - scores[context])
print(f"{len(pairs):,} pairs, mean loss {np.mean(losses):.2f}; knowing nothing {np.log(V):.2f}")

# %% [markdown]
# Fast means: all pairs at once. `w_in[centres]`, with B numbers in `centres`, is a table [B, D]; one product with
# `w_out` turned gives every score of every pair, [B, V]. And mind *e*: it grows out of a computer's reach.

# %% tags=["boilerplate"]
# The softmax of three large scores; the same three, a thousand lower.
import torch

for scores in [torch.tensor([1000.0, 1001.0, 1002.0]), torch.tensor([0.0, 1.0, 2.0])]:
    print(scores.exp().tolist(), (scores.exp() / scores.exp().sum()).tolist())

# %% [markdown]
# Infinity over infinity: `nan`, not a number. Yet both rows have the same shares: a thousand more on every score
# multiplies above and below the line by the same $e^{1000}$. So a safe softmax first subtracts the largest score
# from all of them. `torch.logsumexp(scores, dim)` gives the log of the sum in this safe way.
#
# **Your turn (10 minutes).** Write `softmax_loss(w_in, w_out, centres, contexts)` in PyTorch, for tensors: two
# tables [V, D], B centres and B contexts, in; the mean loss of the B pairs, one number, out. No loop.

# %% tags=["exercise"]
# Write the loss of B pairs at once.
def softmax_loss(w_in, w_out, centres, contexts):
    """The mean over the B pairs of -log p(context | centre), as a tensor with one number."""
    ### BEGIN SOLUTION
    scores = w_in[centres] @ w_out.T  # [B, V]
    right = scores[torch.arange(len(contexts)), contexts]  # [B]
    return (torch.logsumexp(scores, dim=1) - right).mean()
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.softmax_loss(softmax_loss)

# %% [markdown] tags=["hint"]
# -log of a fraction is the log of what stands below, minus the log of what stands above. What is the log of
# $e^{\,u_o \cdot v_c}$?

# %% [markdown] tags=["hint"]
# With `scores` of shape [B, V], the right answers' scores are `scores[torch.arange(B), contexts]`, shape [B]. What
# is subtracted from `torch.logsumexp(scores, dim=...)`, and is `dim` the axis of the pairs or of the words?

# %% [markdown] tags=["instructor"]
# **Minutes 13-24. Type** the loss of the bet (minute 16, 2 lines), then the solution (minute 20, 3 lines). Everyone
# fills in the column of shares on paper first: *queen* is 2.72 / 11.48.
#
# **The planned mistake:** `dim=0` in the logsumexp. It runs, it gives a number of the right size. The reply is
# below.
#
# **Poll** before the loss on random tables: "What will the mean loss be: near 0, near 1, near 5?"
# - *near 0*: takes a small loss for the normal one. Ask what 0 would mean (certain, and right, every time).
# - *near 1*: thinks of a share, or of 100%. A loss has no upper end.
# - *near 5*: has remembered ln V.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(w_in, w_out, centres, contexts):
    scores = w_in[centres] @ w_out.T
    return (torch.logsumexp(scores, dim=0)[contexts] - scores[torch.arange(len(contexts)), contexts]).mean()


check.softmax_loss(planned_mistake)

# %% [markdown]
# The library's version is one call to PyTorch, `F.cross_entropy(scores, contexts)`, which does the same. Same
# tables, same pairs, and the clock:

# %% tags=["boilerplate", "nbval-ignore-output"]
# One pair at a time, then all at once: the same number, and how long each takes.
import time

tables = torch.tensor(w_in).float(), torch.tensor(w_out).float()
centres, contexts = torch.tensor(pairs).T
word2vec.softmax_loss(*tables, centres, contexts)  # the first call of anything is slow: not on the clock
start = time.perf_counter()
slow_loss = np.mean([np.log(np.exp(w_out @ w_in[c]).sum()) - w_out[o] @ w_in[c] for c, o in pairs])
middle = time.perf_counter()
fast_loss = word2vec.softmax_loss(*tables, centres, contexts).item()
end = time.perf_counter()
assert abs(slow_loss - fast_loss) < 1e-4
print(f"one by one {middle - start:.3f} s, at once {end - middle:.3f} s: {(middle - start) / (end - middle):.0f} x")

# %% [markdown]
# ## Pull one, push the rest
#
# To play better, change the numbers so that the loss falls. Which way? Go back to *king*, and think before the
# formula: *queen* was the truth and got too little, so pull its row towards *king*'s. All the others got too much,
# so push their rows away; *crown* the hardest, because it got the most. The **gradient** says exactly this. With
# the **error** $e_w = p_w - 1$ for the true word and $e_w = p_w$ for every other, shape [V]:
#
# $$\frac{\partial\,\text{loss}}{\partial u_w} = e_w\, v_c \qquad\qquad
# \frac{\partial\,\text{loss}}{\partial v_c} = \sum_{w=1}^{V} e_w\, u_w$$
#
# Each row of `w_out` moves along *king*'s arrow, by its own error. *King*'s arrow moves by all rows at once. The
# errors sum to 0: what pulls one word pushes all the others.
#
# A step of **gradient descent** moves every number a little *against* its gradient, because a gradient points
# uphill. Take one step of size 0.1. *Queen* had 0.237: will it have more afterwards, and which word pays for it?

# %%
# The error, both gradients, one step of 0.1 against them, and the new shares.
error = p.copy()
error[words.index("queen")] -= 1
grad_u, grad_v = np.outer(error, v_king), error @ u
print("error      ", error.round(3), "sum", abs(error.sum().round(3)))
print("gradient of king's row", grad_v.round(3))
new = (u - 0.1 * grad_u) @ (v_king - 0.1 * grad_v)
print("new shares ", (np.exp(new) / np.exp(new).sum()).round(3))

# %% [markdown]
# *Crown* paid for it all. *King* was pushed too, and yet its share rose a little: shares are relative, and *crown* fell
# much further.
#
# **Predict.** word2vec starts with small random numbers in `w_in` and with **zeros** in `w_out`. Now its very first
# step. Which of the two tables has changed after it: both, only the one with random numbers, or only the one with
# zeros? Look at the two formulas before you answer.
#
# No gradients by hand any more: PyTorch remembers what was computed from what, and `backward()` walks back through
# it and leaves the gradient of each table in `.grad`.

# %% tags=["boilerplate"]
# The start of word2vec, one step on all pairs of the toy text, and the largest change in each table.
torch.manual_seed(0)
w_in = ((torch.rand(V, D) - 0.5) / D).requires_grad_()
w_out = torch.zeros(V, D, requires_grad=True)
loss = word2vec.softmax_loss(w_in, w_out, centres, contexts)
loss.backward()
print(f"loss {loss.item():.2f}, which is ln {V}")
for name, table in [("w_in", w_in), ("w_out", w_out)]:
    print(name, "moves" if table.grad.abs().max() > 0 else "stays where it is")

# %% [markdown]
# Only the zeros move. The gradient of a centre's row is a mix of the rows of `w_out`, and a mix of zeros is zero;
# the rows of `w_out` move along the centres, and those are not zero. From the second step on both move. Had *both*
# started at zero, nothing would ever move: the random numbers are there to break the tie.
#
# Should you believe a gradient that someone wrote down? Nudge one number by a hair and see how much the loss
# changes: that is what a gradient means.

# %% tags=["boilerplate"]
# The library's gradient for one pair, beside a nudge of 0.001 to one number of the centre's row.
a, b = np.random.default_rng(1).normal(0, 0.5, (2, 6, 3))


def loss_of(first_number):
    table = a.copy()
    table[2, 0] = first_number
    return -np.log(np.exp(b @ table[2])[4] / np.exp(b @ table[2]).sum())


by_nudge = (loss_of(a[2, 0] + 0.001) - loss_of(a[2, 0] - 0.001)) / 0.002
by_formula = word2vec.softmax_gradients(a, b, centre=2, context=4)[0][0]
print(f"by nudging {by_nudge:.6f}, by the formula {by_formula:.6f}")

# %% [markdown]
# ***Extra* (10 minutes).** Write `softmax_gradients(w_in, w_out, centre, context)` in NumPy, by the two formulas:
# two tables [V, D] and one pair in; the gradient of the centre's row, [D], and the gradient of all of `w_out`,
# [V, D], out.

# %% tags=["exercise", "extra"]
# Write both gradients of one pair.
def softmax_gradients(w_in, w_out, centre, context):
    """The gradients of -log p(context | centre): (of the centre's row [D], of w_out [V, D])."""
    ### BEGIN SOLUTION
    scores = w_out @ w_in[centre]  # [V]
    error = np.exp(scores - scores.max())
    error /= error.sum()
    error[context] -= 1
    return error @ w_out, np.outer(error, w_in[centre])
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.softmax_gradients(softmax_gradients)

# %% [markdown] tags=["hint"]
# The cell with *king* and *queen* holds all of it. Which of its lines depend on the centre being *king*, and which
# on the context being *queen*?

# %% [markdown] tags=["hint"]
# The last line is `return error @ w_out, np.outer(error, w_in[centre])`; before it, `error` is the softmax of the V
# scores, less 1 at `context`.

# %% [markdown] tags=["instructor"]
# **Minutes 24-29. Type** the cell with the error (minute 25, 7 lines; drop the prints when time is short). The
# prediction about the two tables is the point of this block: vote, then run.
#
# **Poll:** "after the first step, what has changed?"
# - *both*: the usual answer, and true of every later step. Ask for the gradient of *king*'s row when all rows of
#   `w_out` are zero.
# - *only w_in*: takes the zeros for something that is switched off. It is the other factor that a gradient sees.
# - *only w_out*: let them explain it to their neighbour.
#
# The extra exercise is homework.

# %% [markdown]
# ## Train: twenty passes over the toy text
#
# Now let it play. Each pass draws the pairs anew (the reaches are random), shuffles them, and takes one step for
# every 256 pairs. The steps are Adam's (Kingma and Ba, 2015): gradient descent that measures how large each
# number's gradients usually are and divides by it, so that rare words, whose rows are seldom touched, learn too.
#
# Before you run it, write down what you expect to be nearest to *king*, to *cow* and to *bread*.

# %% tags=["boilerplate"]
# The whole training: pairs, batches, loss, backward, step. It hands back its tables after every batch.
def train(sentences, vocab_size, dim=16, window=4, passes=20, rate=0.03, batch_size=256, seed=0, one_table=False):
    """Yields (share of the work done, loss of the batch, the two tables) after each step."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    w_in = ((torch.rand(vocab_size, dim, generator=generator) - 0.5) / dim).requires_grad_()
    w_out = w_in if one_table else torch.zeros(vocab_size, dim, requires_grad=True)
    optimiser = torch.optim.Adam([w_in] if one_table else [w_in, w_out], lr=rate)
    for number in range(passes):
        pairs = torch.tensor([pair for s in sentences for pair in word2vec.window_pairs(s, window, rng)])
        batches = pairs[torch.randperm(len(pairs), generator=generator)].split(batch_size)
        for i, batch in enumerate(batches, start=1):
            loss = word2vec.softmax_loss(w_in, w_out, batch[:, 0], batch[:, 1])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield (number + i / len(batches)) / passes, loss.item(), (w_in.detach(), w_out.detach())


# %% tags=["boilerplate", "nbval-ignore-output"]
# Train, and keep a copy of the input table after every pass.
from course_lib import device


def snapshots(sentences, passes=20):
    kept = []
    with device.one_thread():
        for done, _, tables in train(sentences, len(vocab), passes=passes):
            if done * passes >= len(kept) + 1:
                kept.append(tables[0].numpy().copy())
    return kept


as_written = snapshots(sentences)
toy = KeyedVectors(vocab.index_to_key, as_written[-1])
assert toy.most_similar("cow", topn=1)[0][0] == "goat"
for word in ["king", "cow", "bread", "rain", "boy"]:
    print(f"{word}: {', '.join(neighbour for neighbour, score in toy.most_similar(word, topn=3))}")

# %% [markdown]
# No one told it what a queen is. But look at *cow*: how often do *cow* and its nearest word, *goat*, stand in one
# sentence?

# %%
# Count the sentences that hold both words of a pair.
for one, other in [("cow", "goat"), ("bread", "soup"), ("rain", "snow")]:
    print(one, other, sum(one in sentence and other in sentence for sentence in corpus))

# %% [markdown]
# Not once. Two words need not meet to be alike; they need to be *met by the same words*. Cow and goat both eat hay
# in the barn, and whoever has to guess *hay* from either had better give them similar rows. This is all that
# "meaning" is in word2vec, and it is why *good* and *bad* ended up side by side.
#
# **Look.** Thirty-odd words on a map: 16 numbers flattened to the two directions along which the words differ most
# at the end of training (a principal component analysis, PCA). Move the slider from 1 to 20 and watch the left one.
#
# On the right, the honest control: the same words, as often as before, the same training, but **the text shuffled**
# before it started. Nobody's neighbours mean anything there. The number over each map is the share of words whose
# nearest word on the list (by cosine, with all 16 numbers) belongs to their own group. Which of the things you see
# on the left do you also see on the right?

# %%
# The control: all words of the text in one heap, shuffled, and cut into sentences of the old lengths.
heap = np.random.default_rng(1).permutation(np.concatenate(sentences))
ends = np.cumsum([len(sentence) for sentence in sentences])
shuffled_text = [part.tolist() for part in np.split(heap, ends[:-1])]
shuffled = snapshots(shuffled_text)

# %% tags=["boilerplate"]
# The groups, with a colour and a mark for each, and how well a table keeps them together.
groups = {
    "court": ("#0072B2", "o", "king queen prince princess crown throne palace"),
    "family": ("#D55E00", "s", "man woman boy girl father mother"),
    "farm": ("#009E73", "^", "cow horse sheep goat pig dog barn hay"),
    "kitchen": ("#E69F00", "D", "bread butter cheese soup cake honey tea"),
    "weather": ("#CC79A7", "v", "rain snow wind storm sea hills valley mountains"),
}
chosen = " ".join(members for colour, mark, members in groups.values()).split()
rows = [vocab.key_to_index[word] for word in chosen]
group_of = np.array([name for name, (_, _, members) in groups.items() for _ in members.split()])


def own_group(table):
    unit = table[rows] / np.linalg.norm(table[rows], axis=1, keepdims=True)
    likeness = unit @ unit.T - 2 * np.eye(len(unit))
    return (group_of[likeness.argmax(1)] == group_of).mean()


# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The two maps side by side, at one moment of the training.
from course_lib.viz import embeddings


def draw_map(axes, kept, number, title):
    final = kept[-1][rows]
    directions = np.linalg.svd(final - final.mean(0), full_matrices=False)[2][:2]
    points = (kept[number - 1][rows] - final.mean(0)) @ directions.T
    for name, (colour, mark, _) in groups.items():
        axes.scatter(*points[group_of == name].T, color=colour, marker=mark, label=name)
    edge = np.abs((final - final.mean(0)) @ directions.T).max() * 1.15
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), xlabel="first direction", ylabel="second direction",
             title=f"{title}: {own_group(kept[number - 1]):.0%} beside their own")
    embeddings.place_labels(axes, points, chosen, size=8)


def draw_maps(passes):
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
    draw_map(left, as_written, passes, "text as written")
    draw_map(right, shuffled, passes, "same text, shuffled")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    here, there = own_group(as_written[passes - 1]), own_group(shuffled[passes - 1])
    return figure, (f"Two maps of {len(chosen)} words after {passes} passes. Text as written: {here:.0%} of the words "
                    f"have a nearest word of their own group. Shuffled text: {there:.0%}.")


assert own_group(as_written[-1]) > 0.75
assert own_group(shuffled[-1]) < 0.4
viz.explore(draw_maps, passes=viz.Slider(1, 20, value=20))

# %% [markdown]
# Both maps spread out; both have words that are close; a story could be told about either. Only the left one has
# *groups*. And the cosines are no witness. Guess: how high does the nearest word to *king* come on the shuffled text?

# %% tags=["nbval-ignore-output"]
# The nearest words to king, and their cosines, on the shuffled text.
for word, cosine in KeyedVectors(vocab.index_to_key, shuffled[-1]).most_similar("king", topn=3):
    print(f"{word}: {cosine:.2f}")

# %% [markdown]
# **One table, or two?** The player keeps two rows for each word. Would one do, for both uses? The same training again,
# with a single table. **Predict:** of the toy text's words, how many bet most on *themselves* as their own neighbour,
# with two tables, and with one? And whose loss is lower?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Two tables and one: the loss of the last pass, and for how many words the word itself is the favourite.
favourites = {}
for name, one_table in [("two tables", False), ("one table", True)]:
    with device.one_thread():
        steps = [(done, loss, tables) for done, loss, tables in train(sentences, V, one_table=one_table)]
    last_pass = np.mean([loss for done, loss, _ in steps if done > 0.95])
    w_in, w_out = steps[-1][2]
    favourites[name] = ((w_in @ w_out.T).argmax(dim=1) == torch.arange(V)).float().mean().item()
    print(f"{name:10} loss {last_pass:.2f}, a word's own favourite is itself: {favourites[name]:.0%} of {V} words")
assert favourites["two tables"] < 0.1 < 0.3 < favourites["one table"]

# %% [markdown]
# With two tables hardly a word is its own favourite. With one about half are, and the loss is higher: a row's product
# with itself is the square of its length, and a text hardly ever says *the the*. The second table lets a word be at
# home among its neighbours without being one of them.

# %% [markdown] tags=["instructor"]
# **Minutes 29-39. Type** the count of sentences (minute 32, 2 lines), the shuffling (minute 34, 4 lines) and its
# neighbours (minute 37, 2 lines). `train` is filled in: read
# its inner loop aloud, each line has been met.
#
# **Poll** before the count: "cow and goat: in how many sentences do both stand?"
# - *most of them*: believes that near means *together*. The usual belief, and the reason for this cell.
# - *a few*: ask whether it would work with none.
# - *none*: ask how the program can know then.
#
# Have someone tell a story about the right-hand map before you say what it is.

# %% [markdown]
# ## The other way round: CBOW
#
# Skip-gram guesses the neighbours from the centre. One can also guess the centre from its neighbours: take the mean
# of their rows of `w_in`, and bet on the centre with `w_out` as before. This is **CBOW**, a continuous bag of
# words; *bag*, because a mean does not remember the order. One bet a word instead of one a pair.
#
# By hand, with D = 2, the sentence *the cat sleeps*, and rows (1, 0), (0, 2), (3, 4). What is the input for *the*,
# for *cat*, for *sleeps*, at window 1? And at window 2?

# %% tags=["boilerplate"]
# The library's answer, for both windows.
three_rows = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 4.0]])
for window in [1, 2]:
    print(word2vec.cbow_input(three_rows, torch.tensor([0, 1, 2]), window).tolist())

# %% [markdown]
# ***Extra* (10 minutes).** Write `cbow_input(w_in, sentence, window)` in PyTorch: a table [V, D] and one sentence
# of T word numbers in; a table [T, D] out, whose row t is the mean of the rows of the words around place t, up to
# `window` to each side. At the ends of a sentence fewer words are there. A word that is alone in its sentence gets
# zeros.

# %% tags=["exercise", "extra"]
# Write the input of CBOW for every place of a sentence.
def cbow_input(w_in, sentence, window):
    """Row t of the answer [T, D]: the mean of w_in's rows for the words around place t, that word left out."""
    ### BEGIN SOLUTION
    rows = []
    for t in range(len(sentence)):
        around = torch.cat([sentence[max(0, t - window):t], sentence[t + 1:t + window + 1]])
        rows.append(w_in[around].sum(dim=0) / max(1, len(around)))
    return torch.stack(rows)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.cbow_input(cbow_input)

# %% [markdown] tags=["hint"]
# Which places are around t = 0 when the window is 2? How many are there, and what do you divide by?

# %% [markdown] tags=["hint"]
# `torch.cat([sentence[max(0, t - window):t], sentence[t + 1:t + window + 1]])` holds the words around t and not t
# itself. Sum their rows, divide by `max(1, how many)`, and `torch.stack` the T rows.

# %% [markdown]
# With the input in place CBOW is the same game. Does it find the same neighbours as skip-gram? The same groups?

# %% tags=["boilerplate", "nbval-ignore-output"]
# CBOW on the toy text: ten passes, one step a sentence.
with device.one_thread():
    torch.manual_seed(0)
    w_in = ((torch.rand(V, D) - 0.5) / D).requires_grad_()
    w_out = torch.zeros(V, D, requires_grad=True)
    optimiser = torch.optim.Adam([w_in, w_out], lr=0.01)
    for sentence in 10 * [torch.tensor(sentence) for sentence in sentences]:
        scores = word2vec.cbow_input(w_in, sentence, 4) @ w_out.T
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(scores, sentence).backward()
        optimiser.step()
cbow = KeyedVectors(vocab.index_to_key, w_in.detach().numpy())
for word in ["king", "cow", "bread", "rain", "boy"]:
    print(f"{word}: {', '.join(neighbour for neighbour, score in cbow.most_similar(word, topn=3))}")
print(f"nearest word in its own group: {own_group(cbow.vectors):.0%}")
assert own_group(cbow.vectors) > 0.75

# %% [markdown]
# ## A belief: "a three-layer neural network"
#
# > **Common belief:** *"Word2Vec trains a three-layer neural network, by one of two methods: word embeddings and
# > skip-gram."* (So says the article that this course grew out of.) Right or wrong? Decide for each half.
#
# A hidden layer of a neural network multiplies by a table and then **bends** the result (with a tanh, say). Without
# the bend, two layers are no more than one: two tables multiplied are one table. Is anything bent between the two
# tables of word2vec? There is a simple test. Without a bend, the scores of a mean are the mean of the scores.

# %% tags=["boilerplate"]
# The scores for the mean of two words' rows, and the mean of their scores; then the same with a bend.
tables = w_in.detach(), w_out.detach()
king, rain = tables[0][vocab.key_to_index["king"]], tables[0][vocab.key_to_index["rain"]]
for name, bend in [("word2vec", lambda x: x), ("with a tanh", torch.tanh)]:
    of_the_mean = bend((king + rain) / 2) @ tables[1].T
    mean_of_scores = (bend(king) @ tables[1].T + bend(rain) @ tables[1].T) / 2
    print(name, torch.allclose(of_the_mean, mean_of_scores, atol=1e-4))

# %% [markdown]
# Then the two tables can be multiplied into one, [V, D] @ [D, V]: every score that word2vec can ever give stands in
# a single table [V, V]. How many independent rows has it?

# %%
# All scores as one table, its shape, and its rank.
all_scores = tables[0].double() @ tables[1].double().T
print(tuple(all_scores.shape), "rank", torch.linalg.matrix_rank(all_scores).item(), "and D is", D)

# %% [markdown]
# So: two tables, nothing between them. The article counts the input as a layer, and then there are three of
# *something*; but the network that the words suggest, with a hidden layer that bends, is what word2vec left out.
# Bengio and others had one in 2003. Most of the work went into it, says the first paper on word2vec (Mikolov and
# others, 2013a); without it, one could afford to read far more text.
#
# And the two methods? You have trained both: **skip-gram** and **CBOW**. "Word embedding" is the name for what
# comes out of either, and out of every method of the next lessons too.

# %% [markdown] tags=["instructor"]
# **Minutes 39-43. Type** the rank (minute 42, 2 lines). Ask for a show of hands for each half of the belief first;
# the second half is settled by the heading of the section before.
#
# A good question from the room: "why not bend?" Nothing forbids it after a mean, as in CBOW. After a single row,
# as in skip-gram, it would only be another table of rows: bent numbers can be learned directly.

# %% [markdown]
# ## Real text: an encyclopedia in a minute
#
# The same `train`, on a sample of Wikipedia. Two concessions, which lesson 03 will take back. The loss
# sums over all V words for every pair, so V must be small: we keep 3,000 words. And the 100 most frequent ones
# (*the*, *of*, *and*, ...) are left out of the text, because they would eat most of the time.
#
# **How to tell whether it worked:** 353 pairs of words; people said, from 0 to 10, how related the two are
# (WordSim-353; Finkelstein and others, 2002; *related*, as *cup* and *coffee* are, and not only *alike*). We score the
# same pairs by the cosine and compare the two *rankings* by Spearman's correlation: 1 for the same order, 0 for no
# relation. **The target: at least 0.45** over those pairs of which we know both words.

# %% tags=["boilerplate"]
# The text: the words ranked 101 to 3,100, everything else left out.
ranked = Vocab.from_corpus(data.load("wikipedia"), max_size=3100)
real = Vocab(list(zip(ranked.index_to_key, ranked.counts.tolist()))[100:])
wiki = [sentence for sentence in (real.encode(s).tolist() for s in data.load("wikipedia")) if len(sentence) > 1]
read, kept = (sum(map(len, text)) for text in [data.load("wikipedia"), wiki])
print(f"read {read:,} words, kept {kept:,} in {len(wiki):,} sentences, {len(real):,} different ones")
print("left out:", " ".join(ranked.index_to_key[:12]), "...")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The run: about a minute, with its loss and its score as it goes.
from IPython.display import display

judged = data.load("wordsim353")
known = [pair for pair in judged if pair[0] in real and pair[1] in real]


def score(table):
    (pearson, _), (spearman, _), unknown = KeyedVectors(real.index_to_key, table).evaluate_word_pairs(known)
    return spearman


line = display({"text/plain": "starting"}, raw=True, display_id=True)
start, shown, mean_loss = time.perf_counter(), 0, np.log(len(real))
with device.one_thread():
    for done, loss, (table, _) in train(wiki, len(real), dim=64, window=5, passes=2, rate=0.008, batch_size=1024):
        mean_loss += 0.01 * (loss - mean_loss)
        seconds = time.perf_counter() - start
        if seconds > shown + 1 or done == 1:
            shown = seconds
            line.update({"text/plain": f"{done:4.0%} done, {seconds:3.0f} s, loss {mean_loss:.2f}, "
                                       f"WordSim {score(table.numpy()):.2f}"}, raw=True)
share = real.counts / real.counts.sum()
print(f"knowing nothing costs ln {len(real):,} = {np.log(len(real)):.2f}, "
      f"knowing how frequent each word is {-(share * np.log(share)).sum():.2f}")

# %% [markdown]
# Was the target reached? And is it more than luck? The control is twenty tables of random numbers. How far from 0 do
# you expect the luckiest of them?

# %% tags=["nbval-ignore-output"]
# The score of the trained table beside those of twenty random ones.
reached = score(table.numpy())
chance = [score(np.random.default_rng(i).normal(size=table.shape).astype(np.float32)) for i in range(20)]
print(f"trained {reached:.2f}; random from {min(chance):.2f} to {max(chance):.2f}; {len(known)} pairs of {len(judged)}")
assert reached >= 0.45 > max(chance)

# %% tags=["nbval-ignore-output"]
# Neighbours, learned from nothing but the game.
encyclopedia = KeyedVectors(real.index_to_key, table.numpy())
for word in ["river", "january", "music", "president", "church", "water"]:
    print(f"{word}: {', '.join(neighbour for neighbour, score in encyclopedia.most_similar(word, topn=5))}")

# %% [markdown]
# A hundred pairs are few: random numbers alone stray that far. The trained table is well outside. And this comes
# from a machine that has never seen water. Ask it for words of your own:

# %% tags=["boilerplate", "nbval-ignore-output"]
# Neighbours of any of the 3,000 words.
def real_neighbours(word, topn):
    return embeddings.neighbours(encyclopedia, word.lower(), topn)


viz.explore(real_neighbours, word=viz.Text("river"), topn=viz.Slider(5, 20, value=10))

# %% [markdown]
# Now the bill. The course's corpus has some 11 million words, and tables for all of its words that occur five times
# or more. How long would **one** pass take, on this machine, with this loss? Guess: minutes, hours, or days? We
# measure a few steps at the real size, and multiply.

# %% tags=["boilerplate", "nbval-ignore-output"]
# Four steps of 128 pairs with the full vocabulary, then as many steps as the corpus has pairs.
full = Vocab.from_corpus(data.load("course_corpus"), min_count=5)
big_in = torch.rand(len(full), 64).requires_grad_()
big_out = torch.rand(len(full), 64).requires_grad_()
some = torch.randint(len(full), (4, 2, 128))
start = time.perf_counter()
for centres, contexts in some:
    word2vec.softmax_loss(big_in, big_out, centres, contexts).backward()
seconds_per_pair = (time.perf_counter() - start) / some[:, 0].numel()
words = int(full.counts.sum())
hours = 6 * words * seconds_per_pair / 3600
assert hours > 1
print(f"{words:,} words, {len(full):,} different ones, 6 pairs a word: {hours:.0f} hours for one pass")

# %% [markdown]
# Every pair pays for every word of the vocabulary: one is pulled, and tens of thousands are pushed, each by next to
# nothing. Must *all* of them be pushed every time? **That is the question of lesson 03**, and its answer is why
# word2vec became famous.

# %% [markdown] tags=["instructor"]
# **Minutes 43-50.** Start the run before you explain it; it takes about a minute. **Type** the score and the
# neighbours (minute 45, 4 + 3 lines) while it goes. Everyone guesses the bill on paper before the last cell.
#
# End on the question, not on the answer: "Must all of them be pushed every time?"

# %% [markdown]
# ## What you know now
#
# - word2vec plays a guessing game over pairs of words at most `window` places apart; a random reach makes near words
#   count for more, at no cost.
# - It is two tables [V, D]. A bet is the softmax of dot products; its price is -log p, and *ln V* is what knowing
#   nothing costs.
# - Its gradient pulls one word and pushes all others, each by its error. Zeros in one table are fine, in both they
#   are the end.
# - Words become alike because they have the same neighbours, whether or not they ever meet. So opposites end up
#   close, and a high cosine alone proves nothing: look at a control.
#
# **Quiz.** Open the answer that you would give.
#
# **1. Why two tables, and not one that serves for both?**
#
# <details><summary>To have twice as many numbers to learn.</summary>
#
# True that there are, but not the reason: one table with rows twice as long would have as many.
#
# </details>
# <details><summary>Because with one, a word would bet on itself.</summary>
#
# Right. An arrow's dot product with itself is large whenever the arrow is long, and *the the* hardly ever occurs. With
# one table about half of the words bet on themselves first.
#
# </details>
# <details><summary>One is for frequent words, one for rare ones.</summary>
#
# No: every word has a row in each. Which one is used depends on whether it is the centre or a candidate.
#
# </details>

# %% [markdown]
# **2. *Monday* and *Tuesday* come out very close. What must the text have contained?**
#
# <details><summary>Many sentences with both.</summary>
#
# Not needed. *Cow* and *goat* never stood in one sentence.
#
# </details>
# <details><summary>A list of the days of the week.</summary>
#
# It would help, but it is not needed, and one list among millions of words would hardly weigh anything.
#
# </details>
# <details><summary>The same words around both.</summary>
#
# Right: *on ... morning*, *closed on ...*, *last ...*. Whoever has to guess those from either word had better give
# the two similar rows.
#
# </details>

# %% [markdown]
# **3. After training, the loss is 7.0 where knowing nothing costs 8.0. Has it learned anything?**
#
# <details><summary>No, 7.0 is still a large loss.</summary>
#
# Compared with what? Even a perfect player does not know which neighbour comes: hundreds of words are possible
# around every other. Zero cannot be reached, and the price of an honest bet on a real text is high.
#
# </details>
# <details><summary>It puts 2.7 times as much on the truth as an even bet does.</summary>
#
# Right, in the geometric mean: the difference is 1, and *e* to the 1 is 2.7. Losses are logarithms, so differences
# are factors. (Part of it is only knowing which words are frequent: the run printed that price too.)
#
# </details>
# <details><summary>It is right in one case of eight.</summary>
#
# 1.0 of 8.0 is an eighth, but a loss counts no hits: it is the logarithm of a share.
#
# </details>

# %% [markdown]
# **4. You double the vocabulary and leave the text as it is. What happens to the time for one pass?**
#
# <details><summary>Nothing: the text has not changed.</summary>
#
# The number of pairs hardly changes, but every pair needs a score for every word.
#
# </details>
# <details><summary>It doubles, roughly.</summary>
#
# Right: the scores are a table [B, V], and the work grows with V. This is the sum that lesson 03 gets rid of.
#
# </details>
# <details><summary>It grows fourfold.</summary>
#
# The table of all scores [V, V] does; but for one pair one needs one row of it.
#
# </details>

# %% [markdown]
# ## Papers
#
# - Tomas Mikolov, Kai Chen, Greg Corrado, Jeffrey Dean (2013a). *Efficient Estimation of Word Representations in
#   Vector Space.* ICLR workshop. arXiv:1301.3781. Skip-gram and CBOW; the random reach is in section 3.2.
# - Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado, Jeffrey Dean (2013b). *Distributed Representations of
#   Words and Phrases and their Compositionality.* NeurIPS. arXiv:1310.4546. What lesson 03 builds.
# - Xin Rong (2014). *word2vec Parameter Learning Explained.* arXiv:1411.2738. All gradients, step by step.
# - Yoshua Bengio, Réjean Ducharme, Pascal Vincent, Christian Jauvin (2003). *A Neural Probabilistic Language Model.*
#   Journal of Machine Learning Research 3. The network with the bend.
# - Lev Finkelstein and others (2002). *Placing Search in Context: The Concept Revisited.* ACM Transactions on
#   Information Systems 20(1). WordSim-353.
# - The vectors of 2013: word2vec's project page, https://code.google.com/archive/p/word2vec/.
# - Diederik Kingma, Jimmy Ba (2015). *Adam: A Method for Stochastic Optimization.* ICLR. arXiv:1412.6980.
