# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: attention
#   title: Attention
#   minutes: 75
# ---

# %% [markdown]
# # 10 Attention: each word asks, and takes what it needs
#
# In the lessons on word vectors *bank* had one arrow, in *river bank* and in *bank loan* alike. At the end of this
# lesson a word looks at the others of its sentence and takes from them what it needs. You will have done it with a
# pencil, every number of it, for one word of six. It is the operation at the heart of every model from here to GPT, and
# without its masks it fits into three lines.
#
# **You will build** scaled dot-product attention and the masks that say who may look at whom. Then one single question,
# learned in seconds from 10,000 film reviews, will find for itself the words that matter.
# **You need** lesson 02 (softmax) and, for the last run, lesson 08 (the training loop).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict, three ways to average (0-12). B: The worksheet and the exercise
# (12-28). C: The root and the masks (28-38). D: Real words, the belief, the reviews (38-50).
#
# **Minute 0.** Two numbers on the board, before anything runs: the largest of 64 weights, without the root and with it.
#
# **When 15 minutes late:** leave out the padding exercise and the two mixed texts, and show the saved reviews. Do not
# leave out the worksheet: who has filled in one row with a pencil has understood the lesson.

# %% [markdown]
# ## Predict: how sharp is a look?
#
# A word that looks at 64 others compares its vector with theirs: 64 dot products. A softmax makes shares of them,
# **weights** that sum to one. Say that all vectors are 64 random numbers: nothing is trained, and nobody means anything
# yet. A fair share would be 1/64, that is 0.016.
#
# **Write down two numbers before you run:** how large is the largest of the 64 weights, on average
#
# 1. if the dot products go into the softmax as they are?
# 2. if each is divided by 8 first?

# %% tags=["boilerplate"]
# 200 words that look, each at 64 others; vectors of 64 random numbers; the largest weight of each, on average.
import torch

random = torch.Generator().manual_seed(0)
look, others = torch.randn(200, 1, 64, generator=random), torch.randn(200, 64, 64, generator=random)
products = (look @ others.mT).squeeze(1)  # [200, 64]
for name, scores in {"as they are": products, "divided by 8": products / 8}.items():
    print(f"{name:12} largest of 64 weights {scores.softmax(-1).max(-1).values.mean():.2f}")

# %% [markdown]
# As they are, one stranger out of 64 gets most of the weight, for no reason at all. Divided by 8, nobody does. Where
# the 8 comes from, and whether such a thing can learn without it, we shall see. First: weights of what?

# %% [markdown]
# ## Average, three ways
#
# A sentence of six words, and for each word two numbers, made up: how much it has to do with *water* and with *money*.
# What does its sentence say about *bank*? The simplest answer is an **average**: add up what the words say, divide by
# their number. Let every word take the average of the words *up to itself*, as if the sentence were being read aloud.

# %%
# The six words and what they say; then the averages by two loops.
tokens = "he sat on the river bank".split()
value = torch.tensor([[0, 0], [0, 0], [0, 0], [0, 0], [10, 0], [5, 5.0]])  # water, money: [6, 2]

averages = torch.zeros(6, 2)
for i in range(6):
    for j in range(i + 1):
        averages[i] += value[j] / (i + 1)
for token, row in zip(tokens, averages):
    print(f"{token:6}", [round(x, 2) for x in row.tolist()])

# %% [markdown]
# The same by **one product of matrices**. Row i of a table says what share word i takes from each word: i + 1 words
# with 1/(i + 1) each, and 0 for those that have not been read yet. On paper: what are the first three rows?

# %%
# The table of shares, and the averages as shares times what the words say.
torch.set_printoptions(precision=2)
shares = torch.ones(6, 6).tril() / torch.arange(1, 7)[:, None]
print(shares)
print("the same averages:", torch.allclose(shares @ value, averages))

# %% [markdown]
# And a third time, by a **softmax**. It turns any scores into shares. All scores alike, say 0, give all words the same
# share. And a score of *minus infinity* gives a share of exactly nothing, as $e^{-\infty} = 0$.

# %%
# Scores of 0, minus infinity where a word is not read yet, softmax of each row.
may_look = shares > 0
scores = torch.zeros(6, 6).masked_fill(~may_look, -torch.inf)
print(scores)
print("the same shares:", torch.allclose(scores.softmax(-1), shares))

# %% [markdown]
# Why the long way round? Because a score need not be 0. That is the whole idea of this lesson: **an average, with
# shares that depend on the words.** And one thing is settled already: who may look at whom is a table of True and
# False. This one is called the **causal mask**: nobody looks into the future. GPT is trained under it.
#
# **Your turn (4 minutes).** Write `causal_mask(length)`: a boolean tensor [length, length], True where the word of the
# row may look at the word of the column. There are at least three ways; take any. May a word look at itself?

# %% tags=["exercise"]
# Write the mask of a text that is read from its beginning.
def causal_mask(length):
    """True where the column's word is not later than the row's; boolean, [length, length]."""
    ### BEGIN SOLUTION
    place = torch.arange(length)
    return place <= place[:, None]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import attention as check

check.causal_mask(causal_mask)

# %% [markdown] tags=["hint"]
# Who stands in row 0 has read one word, and it is word 0. Who stands in row 2 has read three. How many True are there
# for length 4?

# %% [markdown] tags=["hint"]
# `torch.ones(length, length, dtype=torch.bool)` and `.tril()`, which keeps the diagonal and what lies below it. Or
# compare two rows of numbers: `place = torch.arange(length)`, as a row and as a column `place[:, None]`.

# %% [markdown] tags=["instructor"]
# **Minutes 0-12.** Run the opening (minute 1). **Type** the loops (minute 4, 8 lines), the table of shares (minute 6, 4
# lines), the softmax (minute 8, 4 lines), the solution (minute 10, 2 lines).
#
# **The planned mistake:** `.tril(-1)`. "Nobody looks at what comes next" is easily heard as "only at what came before".
# Run it and read the reply, below; then ask what the first word would get.
#
# **Poll:** "all scores are 7 instead of 0. The shares..."
# - *grow*: has not divided by the sum yet. Do it for two words.
# - *stay*: right; a softmax only sees differences. It comes back in the section on linear layers.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.causal_mask(lambda length: torch.ones(length, length, dtype=torch.bool).tril(-1))

# %% [markdown]
# ## Ask, compare, take
#
# What should the shares depend on? *Bank* would like to know: is there water here, or money? *River* could say: I am
# about water. So give each word **three** vectors instead of one:
#
# - a **query** q: what it asks,
# - a **key** k: what it can be found by,
# - a **value** v: what it gives to whoever looks at it.
#
# The score of a pair is the dot product of the one's query and the other's key: is this an answer to that? Here are
# four questions, made up: *who? · doing what? · water? · where?*
#
# | word | query: it asks | key: it answers | value: it gives (water, money) |
# |---|---|---|---|
# | *he* | (0, 2, 0, 0) | (2, 0, 0, 0) | (0, 0) |
# | *sat* | (2, 0, 0, 0) | (0, 2, 0, 0) | (0, 0) |
# | *on* | (0, 0, 0, 2) | (0, 0, 0, 0) | (0, 0) |
# | *the* | (0, 0, 0, 0) | (0, 0, 0, 0) | (0, 0) |
# | *river* | (0, 0, 0, 2) | (0, 0, 2, 1) | (10, 0) |
# | *bank* | (0, 0, 2, 0) | (0, 0, 1, 2) | (5, 5) |
#
# **Take a pencil** and follow *bank*; it sees all six words, itself among them.
#
# 1. Its query (0, 0, 2, 0) times each of the six keys: six scores.
# 2. Divide each by the root of D; D = 4 is how many numbers a query has, so divide by $\sqrt 4 = 2$.
# 3. Take $e$ to that power. ($e^0 = 1$, $e^1 = 2.72$, $e^2 = 7.39$.)
# 4. Divide each by their sum: six weights.
# 5. Multiply each value by its weight, and add: two numbers, the new *bank*.
#
# What do you get? And what would the plain average of the six values be?

# %% tags=["boilerplate"]
# The tables of queries and keys; that of the values is there already.
import math

query = torch.tensor([[0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 0, 2], [0, 0, 0, 0], [0, 0, 0, 2], [0, 0, 2.0, 0]])
key = torch.tensor([[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 2, 1], [0, 0, 1, 2.0]])

# %%
# The row of bank, by a loop.
powers = [math.exp(sum(q * k for q, k in zip(query[5].tolist(), row)) / math.sqrt(4)) for row in key.tolist()]
weights = [power / sum(powers) for power in powers]
for token, power, weight in zip(tokens, powers, weights):
    print(f"{token:6} e^score {power:4.2f}  weight {weight:.2f}")
for name, column in zip(["water", "money"], value.T.tolist()):
    print(f"{name}: {sum(w * v for w, v in zip(weights, column)):.2f}, plain average {sum(column) / 6:.2f}")

# %% [markdown]
# *Bank* has asked for water, and half of its new self is *river*. The plain average said 2.5 to 0.83; now it is
# 6.2 to 0.96.
#
# **Look.** The worksheet of any word, one step after another. What is not computed yet is a question mark: **fill it
# in yourself, then move on.** Two rows to predict: *the* asks nothing, all its query is 0; what does it get? *On* asks
# *where?*: who answers, and who answers a little? Then leave out the division: does *bank* take more of *river*, or
# less?

# %% tags=["boilerplate", "folded"]
# The worksheet: who asks, how far, with or without the division, and who is hidden.
from course_lib import attention, viz
from course_lib.viz import dot_product as pictures

ROOT = {"divided by √D": True, "not divided": False}
MASKS = {"none": torch.ones(6, 6, dtype=torch.bool), "causal": attention.causal_mask(6),
         "river is hidden": torch.tensor([True, True, True, True, False, True]).expand(6, 6),
         "everything is hidden": torch.zeros(6, 6, dtype=torch.bool)}


def draw_sheet(word, step, root, mask):
    i = tokens.index(word)
    return pictures.worksheet(query[i], key, value, tokens, word, step, ROOT[root], MASKS[mask][i])


viz.explore(draw_sheet, word=viz.Choice(tokens, value="bank"), step=viz.Choice(pictures.STEPS),
            root=viz.Choice([*ROOT]), mask=viz.Choice([*MASKS]))

# %% [markdown]
# A word that asks nothing gets the plain average: our honest control is a query of zeros, and it comes back below.
# (The other two answers stand in the next table and the line under it.)
#
# Six worksheets at once are three lines. T words ask and S words answer (here the same six); the table $Q$ [T, D] holds
# the queries, $K$ [S, D] the keys, and $V$ the values, S rows of any one length (here 2):
#
# $$\text{Attention}(Q, K, V) = \text{softmax}\left(\frac{Q K^\top}{\sqrt D}\right) V$$
#
# Entry (i, j) of $QK^\top$ is query i times key j; the softmax runs along each row, over the keys. This is equation 1
# of *Attention Is All You Need*.

# %%
# All six words at once: scores [6, 6], weights [6, 6], output [6, 2].
scores = query @ key.T / math.sqrt(4)
weights = scores.softmax(-1)
output = weights @ value
print(weights)
print(f"bank: {output[5, 0]:.2f} of water, {output[5, 1]:.2f} of money")
print(f"its weight on river {weights[5, 4]:.2f}, undivided {(query @ key.T).softmax(-1)[5, 4]:.2f}")

# %% [markdown]
# *On* finds the *bank*, and *river* a little: it stands in the river's key that it answers *where?* with a 1. Without
# the division the largest score takes more of the whole.
#
# **Your turn (12 minutes).** Write `scaled_dot_product_attention(query, key, value, mask=None)` and return two things,
# the output and the weights. Three points make it fit for everything that follows:
#
# - There may be a batch in front: [B, T, D]. `key.mT` exchanges the last two axes, with or without a batch.
# - `mask`, where given, is boolean, True where a query may look. What is hidden must weigh exactly 0, and the others
#   share out the whole.
# - A query that may look at *nothing* gets zeros. What is the softmax of six scores, all minus infinity?

# %% tags=["exercise"]
# Write attention.
def scaled_dot_product_attention(query, key, value, mask=None):
    """softmax(Q K^T / sqrt(D)) V and the weights; masked keys weigh 0, a row without keys is all zeros."""
    ### BEGIN SOLUTION
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # [..., T, S]
    if mask is None:
        weights = scores.softmax(-1)
    else:
        weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
        weights = torch.where(mask.any(-1, keepdim=True), weights, 0.0)
    return weights @ value, weights
    ### END SOLUTION


# %% tags=["check"]
# What does the check say? It asks without a mask first, then with one, then with rows that see nothing.
check.scaled_dot_product_attention(scaled_dot_product_attention)

# %% [markdown] tags=["hint"]
# In which order: scores, mask, softmax? If the mask came after the softmax, what would a row sum to? And is a score
# of 0 the same as no weight: what is $e^0$?

# %% [markdown] tags=["hint"]
# `scores.masked_fill(~mask, -math.inf)` before the softmax. For rows that see nothing, afterwards:
# `torch.where(mask.any(-1, keepdim=True), weights, 0.0)`.

# %% [markdown]
# The library's `attention.scaled_dot_product_attention` is the same, with errors that say which shape does not fit.
# Torch's own need not write the table of weights down, which saves memory in long texts. All
# three should agree:

# %% tags=["boilerplate"]
# Are the three lines, the library's function and torch's the same?
import torch.nn.functional as F

ours, _ = attention.scaled_dot_product_attention(query, key, value)
torchs = F.scaled_dot_product_attention(query[None], key[None], value[None])[0]
print("the library agrees:", torch.allclose(output, ours), " torch agrees:", torch.allclose(output, torchs))

# %% [markdown] tags=["instructor"]
# **Minutes 12-28. Type** the loop's row (minute 15, 6 lines), all rows at once (minute 19, 6 lines), the solution
# (minute 23, 7 lines); run the comparison (minute 27). Everyone fills in the row of *bank* on paper; collect the
# two numbers before running.
#
# **The planned mistake:** multiply the weights by the mask, after the softmax. The reply is below. Ask what a row sums
# to now, and by how much the output shrinks.
#
# **Poll** before the worksheet: "*the* has a query of zeros. Its weights..."
# - *are all 0*: forgets that e to the 0 is 1.
# - *are all 1/6*: right. Asking nothing is taking the average.
# - *are NaN*: mixes it up with a row where everything is hidden; choose that mask next.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(query, key, value, mask=None):
    weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)
    weights = weights if mask is None else weights * mask
    return weights @ value, weights


check.scaled_dot_product_attention(planned_mistake)

# %% [markdown]
# ## Why the root?
#
# A dot product of D random numbers with D others is a sum of D random terms, of about 1 each, half of them negative.
# They partly cancel: the sum grows like the *root* of D, not like D. So for D = 64 a score of 8 or of -8 is nothing
# rare, and $e^8$ is about 3,000 times $e^0$.
#
# **Look.** 64 keys, weights from the largest to the smallest, on average over 200 queries. Predict: from which D on
# does the undivided look give most of its weight to one word? And what does dividing by D, not by its root, make of a
# large D?

# %% tags=["boilerplate"]
# Random vectors of D numbers: three ways to scale.
def draw_sharpness(D):
    random = torch.Generator().manual_seed(0)
    products = (torch.randn(200, 1, D, generator=random) @ torch.randn(200, 64, D, generator=random).mT).squeeze(1)
    ways = {"as they are": 1, "divided by √D": math.sqrt(D), "divided by D": D}
    shares = {name: (products / by).softmax(-1).sort(descending=True).values for name, by in ways.items()}
    weights = {name: table.mean(0).numpy() for name, table in shares.items()}
    return pictures.sharpness(weights, f"64 random keys, average of 200 random queries, D = {D}")


viz.explore(draw_sharpness, D=viz.Choice([2, 4, 16, 64, 256, 1024], value=64))

# %% [markdown]
# Undivided, one word has more than half of the weight from D = 16 on. With the root the picture stays much the same,
# whatever D; divided by D, a long vector looks at all alike. That matters most for *learning*: a softmax that stares at
# one key from the start takes one vector and drops the others. Whether that does harm, the run at the end of this
# lesson tries: the same model, once without the root.

# %% tags=["boilerplate"]
# How far scores reach, and the largest of 64 weights: undivided, divided by the root, divided by D.
for D in [4, 16, 64, 1024]:
    random = torch.Generator().manual_seed(0)
    products = (torch.randn(200, 1, D, generator=random) @ torch.randn(200, 64, D, generator=random).mT).squeeze(1)
    largest = " ".join(f"{(products / by).softmax(-1).amax(-1).mean():.2f}" for by in (1, math.sqrt(D), D))
    print(f"D {D:4}  typical score {products.std():4.1f}  largest weight {largest}")

# %% [markdown]
# ## Who may look at whom?
#
# The causal mask hid the future. The other everyday mask hides **padding**. Sentences of a batch have unlike lengths,
# and a tensor has straight edges: short ones are filled up with zeros. Zeros are not nothing! A key of zeros has the
# score 0, and $e^0 = 1$. Predict: *bank* looks at its sentence, filled up to 12 places. What share goes to the filling?

# %%
# The six words and six places of padding, without a mask and with one.
filled_key, filled_value = F.pad(key, (0, 0, 0, 6)), F.pad(value, (0, 0, 0, 6))
is_word = torch.arange(12) < 6
for name, mask in {"no mask": None, "masked": is_word[None]}.items():
    padded, weights = attention.scaled_dot_product_attention(query[5:], filled_key, filled_value, mask)
    print(f"{name:8} weight on padding {weights[0, 6:].sum():.2f}, bank {padded[0, 0]:.2f} {padded[0, 1]:.2f}")

# %% [markdown]
# Without a mask, *bank* is less about water only because somebody else's sentence was longer. With it, the numbers on
# paper hold, whatever stands beside them.
#
# ***Extra* (5 minutes).** For a batch of B texts it is written down once which places hold words: `attention_mask`, a
# boolean tensor [B, S], True for words. The weights of the next lesson have the shape [B, H, T, S]: for each text H
# attentions side by side, T words that ask and S that are looked at. Write `padding_mask(attention_mask)`: the same
# booleans in a shape that broadcasts with these weights, so that text b hides its own padding, for each of the H and
# each of the T alike. (Lesson 00: shapes meet from the right. Whom would [B, S], as it is, meet?)

# %% tags=["exercise", "extra"]
# Write the mask of a batch of texts of unlike lengths.
def padding_mask(attention_mask):
    """The booleans [B, S], ready to meet weights [B, H, T, S]."""
    ### BEGIN SOLUTION
    return attention_mask[:, None, None]  # [B, 1, 1, S]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.padding_mask(padding_mask)

# %% [markdown] tags=["hint"]
# Write [B, H, T, S] on paper, and [B, S] under it, with its B under B and its S under S. What stands in the two gaps?

# %% [markdown] tags=["hint"]
# An axis of 1 is repeated until it fits, and `None` between the brackets makes one: B, then 1, 1, then S.

# %% [markdown]
# The library's `attention.padding_mask` is the same line. (The one attention of this lesson has no axis H; its mask is
# [B, 1, S].)
#
# Masks combine with *and*. Three words, padded to five places, under a causal mask: which of the five rows does the
# padding mask change? And one last thing, which surprises many: predict what happens to the output of *bank* if the six
# words come in another order.

# %% tags=["boilerplate"]
# Rows that the padding mask changes; then bank, with the words that it looks at in two orders.
causal = attention.causal_mask(5)
both = causal & (torch.arange(5) < 3)
print("row changed", (both != causal).any(-1).tolist())
shuffled = torch.tensor([3, 5, 1, 0, 4, 2])
for order in [torch.arange(6), shuffled]:
    new, _ = attention.scaled_dot_product_attention(query[5:], key[order], value[order])
    print(" ".join(tokens[i] for i in order), f"-> bank {new[0, 0]:.2f} {new[0, 1]:.2f}")

# %% [markdown]
# Only the last two rows change, and they are padding themselves: what comes after a word is its future, and hidden
# already. And *bank*? Nothing happens. **Attention does not know the order of the words**: it is an average, and sums
# have no order. (Only a causal mask lets some of it in: it hides by place.) Lesson 13 tells words their places.

# %% [markdown] tags=["instructor"]
# **Minutes 28-38.** Choose D with the room, and run the typical scores (minute 30). **Type** the padding (minute 33, 5
# lines), and run the rows that it changes (minute 36).
#
# **Poll:** "*dog bites man*, *man bites dog*: after attention without a mask, *dog* is..."
# - *another word in each*: no; the same keys and values, in another order.
# - *the same in both*: right. Who wants to tell them apart must put the place into the vectors.

# %% [markdown]
# ## Real words, and nothing trained
#
# Now the same six words with real vectors: the skip-gram vectors of lesson 03, trained on the course's text. One vector
# a word, and it has to be query, key and value at once. Words that are said in like company have large dot products:
# so each word looks at its relatives. Predict: at whom does *bank* look most, and second?

# %% tags=["boilerplate"]
# Each word asks with its own vector; the vectors are keys and values too.
from course_lib import data
from course_lib.keyed_vectors import KeyedVectors

vectors = KeyedVectors.load_npz(data.path("vectors_skipgram"))


def rows(words):
    return torch.stack([torch.tensor(vectors.get_vector(word)) for word in words])


def look(sentence):
    x = rows(sentence.split())
    return attention.scaled_dot_product_attention(x, x, x)


# %%
# Who looks at whom?
new, weights = look("he sat on the river bank")
viz.attention_view(weights, tokens, title="Word vectors of lesson 03, nothing trained")

# %% [markdown]
# At itself, as all six do here: the product of a vector with itself is the square of its length, and hard to beat.
# Then, half as hard, at *river*. (A good reason to have three vectors a word, and not one: one may ask for something
# other than oneself.)
#
# Does the new *bank* mean the river's edge? Compare its arrow with the arrows of four words, before and after, in two
# sentences. The **control** is the plain average of the six words.

# %% tags=["boilerplate"]
# The cosine of bank with four words: alone, after attention, and as the plain average of its sentence.
for sentence in ["he sat on the river bank", "he owed money to the bank"]:
    words = sentence.split()
    versions = {"alone": rows(["bank"])[0], "attention": look(sentence)[0][words.index("bank")],
                "control: average": rows(words).mean(0)}
    print(sentence)
    for name, arrow in versions.items():
        cosines = F.cosine_similarity(arrow[None], rows(["river", "shore", "money", "loan"]))
        print(f"  {name:17} river {cosines[0]:.2f} shore {cosines[1]:.2f} money {cosines[2]:.2f} loan {cosines[3]:.2f}")

# %% [markdown]
# One word, two arrows: in the first sentence *bank* has turned to *river* and *shore*, in the second to *money* and
# *loan*. So much for the good news. The honest part: **the plain average does it as well.** Six words of one sentence
# all speak of one thing; there is nothing to choose.
#
# So let there be something to choose. Take a sentence out of a handbook of countries and one out of Shakespeare, and
# shake all their words together. Attention does not know the order anyway. Each word looks at all the others, but not
# at itself, nor at the same word again (a mask!). **Predict:** of a hundred words, how many look hardest at a word of
# their *own* sentence? Looking at random would be right about 48 times.

# %% tags=["boilerplate"]
# Short sentences of a text; and for a mixed pair, whether each word looks hardest at one of its own sentence.
def sentences(name, count):
    short = ([word for word in sentence if word in vectors] for sentence in data.load(name))
    return [words for words, _ in zip((words for words in short if 6 <= len(words) <= 12), range(40 * count))][::40]


def at_home(first, second, table, sharpen=1):
    words = first + second
    is_other = torch.tensor([[a != b for a in words] for b in words])
    x = torch.stack([table[word] for word in words])
    _, weights = attention.scaled_dot_product_attention(sharpen * x, x, x, is_other)
    belongs = torch.arange(len(words)) < len(first)
    return (belongs[weights.argmax(-1)] == belongs).tolist(), weights


# %% tags=["boilerplate"]
# 200 mixed pairs: the share of words that look hardest at home, with real vectors, with random ones, and by chance.
pairs = list(zip(sentences("facts", 200), sentences("shakespeare", 200)))
all_words = sorted({word for pair in pairs for sentence in pair for word in sentence})
real = dict(zip(all_words, rows(all_words)))
noise = torch.randn(len(all_words), 100, generator=torch.Generator().manual_seed(0))
noise = dict(zip(all_words, noise * rows(all_words).norm(dim=1, keepdim=True) / 10))
for name, table in {"skip-gram vectors": real, "control: random vectors": noise}.items():
    hits = [hit for pair in pairs for hit in at_home(*pair, table)[0]]
    print(f"{name:24} {sum(hits) / len(hits):.0%} of {len(hits):,} words look hardest at home")
chances = [(len(a) - 1) / (len(a + b) - 1) for pair in pairs for a, b in (pair, pair[::-1]) for _ in a]
print(f"{'by chance':24} {sum(chances) / len(chances):.0%}")

# %% [markdown]
# Nobody told it which word came from where, and nothing was trained for this. (Both books are part of the text that the
# vectors were learned from: it knows their words, not the sentences.)
#
# **Look** at one of the pairs, a hard one: in the handbook an *anthem*, in the play a *hymn*. Hover over a word, or
# step through the words with the keyboard. Which words look across, and are they wrong to? (For the eye all queries are
# three times as long here: the same order, larger differences.)

# %% tags=["boilerplate"]
# Two sentences in one pot.
first, second = pairs[48]
print(" ".join(first), "|", " ".join(second))
viz.attention_view(at_home(first, second, real, sharpen=3)[1], first + second, title="Two sentences, shaken together")

# %% [markdown]
# *Hymn* and *music* look hardest at *anthem*, in the other sentence. By our count they are wrong. By what the words
# mean they are not: an anthem is a hymn.

# %% [markdown]
# ## Is it a linear layer?
#
# > **Common belief:** *"The weights of attention come from a linear layer with three inputs (query, key, value) and a
# > softmax."* So says the article with which this course began (3.1.1). True or false? Decide; the next cell settles
# > it.
#
# A linear layer takes numbers, multiplies each with a fixed weight and adds them up. Let us build exactly that: for
# each pair, query, key and value side by side, 10 numbers in, one score out. Then the softmax. Beside it, attention.

# %% tags=["boilerplate"]
# The belief, built: a linear layer over query, key and value of each pair. Two rows of its weights, and of attention's.
layer = torch.nn.Linear(4 + 4 + 2, 1)
torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(0))
pair = torch.cat([query[:, None].expand(6, 6, 4), key.expand(6, 6, 4), value.expand(6, 6, 2)], dim=-1)  # [6, 6, 10]
believed = layer(pair).squeeze(-1).softmax(-1).detach()
output, weights = attention.scaled_dot_product_attention(query, key, value)
for name, shares in {"linear layer": believed, "attention": weights}.items():
    for i in [1, 5]:
        print(f"{name:12} {tokens[i]:5}", [f"{w:.2f}" for w in shares[i].tolist()])
print("linear layer: the six rows are alike:", torch.allclose(believed, believed[:1].expand(6, 6)))

# %% tags=["boilerplate"]
# Do the weights depend on the values? Is the output of twice the input twice as much?
_, again = attention.scaled_dot_product_attention(query, key, torch.randn(6, 2))
print("attention: other values, same weights:", torch.equal(weights, again))
double, _ = attention.scaled_dot_product_attention(2 * query, 2 * key, 2 * value)
print(f"everything doubled: bank's water {output[5, 0]:.2f} becomes {double[5, 0]:.2f}")

# %% [markdown]
# With the linear layer **every word looks at the same words**: what a query adds to the scores of its row, it adds to
# all of them alike, and a softmax only sees differences. The question drops out! It must be *multiplied* with the keys,
# or bent (additive attention, lesson 09, puts a tanh between). And the weights do not depend on the values at all: two
# inputs, not three. Nor is the whole linear: then twice the input would have given twice 6.20.
#
# What is true in the belief: in a model, q, k and v are made out of one vector x a word, by **three linear layers with
# one input each**: $q = W_q x$, $k = W_k x$, $v = W_v x$. What is learned is in these layers. Attention itself, the
# line with the softmax, has not a single parameter.
#
# > **Common belief:** *"Attention means that the words of a sentence look at one another."* In its history of the field
# > (1.1) the article puts "self-attention" for attention as such. Decide; then run.

# %% tags=["boilerplate"]
# A query that belongs to no word of the sentence: what does it get, and in which shape?
stranger = rows(["water"])
x = rows(tokens)
_, weights = attention.scaled_dot_product_attention(stranger, x, x)
print("weights", tuple(weights.shape), {word: round(w, 2) for word, w in zip(tokens, weights[0].tolist())})

# %% [markdown]
# One query, six keys: the one who asks need not be one of those who answer. When attention was first published (2014),
# it was the translation that asked the original; lesson 09 did that with dates. Where a sequence asks itself it is
# *self*-attention; the other is *cross*-attention, and lesson 13 needs both. Our last run needs just **one query that
# belongs to nobody.**

# %% [markdown]
# ## One question to 10,000 reviews
#
# Is a film review a recommendation? The easiest way from hundreds of words to one verdict is the average of their
# vectors, then one linear layer. It drowns two or three telling words in hundreds of others. So let a single query look
# at the words, take the average that *it* weighs, and hand that to the same linear layer. The query is learned,
# and so is the layer that makes the keys. Nobody tells them what to look for: all they are ever told is whether the
# review was for or against.
#
# The word vectors are those of lesson 03 and stay as they are. (All these reviews are part of the text that they were
# trained on; the verdicts are not.) Each fifth block of 250 reviews is held out, for neighbours in the file are about
# one film. The **control** is the same model with its query fixed at zeros, which is, as you know, the plain average.
#
# One query for all, that saves work: $q \cdot (W x)$ is $(q W) \cdot x$. So the model below multiplies its query with
# the layer once, and makes no keys: the same scores, by 100 products a word instead of 32 times 100.

# %% tags=["boilerplate", "folded"]
# Reviews as numbers of words; held-out blocks; vectors brought to mean 0 and deviation 1 in each column.
import re

from torch import nn

from course_lib import device, training

LONGEST = 300  # words of a review that we read


def numbers(text):
    known = (vectors.key_to_index.get(word) for word in re.findall(r"[a-z']+", text.lower()))
    return [number for number in known if number is not None][:LONGEST]


def tensors(reviews):
    texts = [torch.tensor(numbers(review.text), dtype=torch.int32) for review in reviews]
    lengths = torch.tensor([len(text) for text in texts])
    return nn.utils.rnn.pad_sequence(texts, batch_first=True), lengths, torch.tensor([float(r.label) for r in reviews])


reviews = data.load("film_sentiment")
snippets = [review for review in reviews if review.source == "rotten_tomatoes"][::2]
imdb = [review for review in reviews if review.source == "imdb"]
blocks = [imdb[i:i + 250] for i in range(0, len(imdb), 250)]
train_set = tensors([review for i, block in enumerate(blocks) if i % 5 < 4 for review in block[::2]][:10_000])
held_out = tensors([review for block in blocks[4::5] for review in block[::2]])
table = torch.tensor(vectors.vectors)
table = (table - table.mean(0)) / table.std(0)
print(f"{len(train_set[0]):,} reviews to learn from, {len(held_out[0]):,} held out")

# %% tags=["boilerplate"]
# The model: one query, keys by a linear layer, the words' vectors as values, one verdict.
class OneQuestion(nn.Module):
    def __init__(self, asks, d_key=32, root=True):
        super().__init__()
        self.louder = 1.0 if root else d_key**0.5  # undoes the division
        self.query = nn.Parameter(torch.randn(1, d_key) if asks else torch.zeros(1, d_key), requires_grad=asks)
        self.key = nn.Linear(table.shape[1], d_key, bias=False)
        self.verdict = nn.Linear(table.shape[1], 1)

    def forward(self, words, lengths):
        x = F.embedding(words, table)  # [B, S, 100]
        is_word = (torch.arange(words.shape[1]) < lengths[:, None])[:, None]  # [B, 1, S]
        asks = self.louder * self.query / math.sqrt(self.query.shape[-1]) @ self.key.weight  # q W: [1, 100]
        weights = attention.masked_softmax((x @ asks.mT).mT, is_word)  # [B, 1, S]
        return self.verdict((weights @ x)[:, 0])[:, 0], weights[:, 0]  # [B], [B, S]


# %% tags=["boilerplate", "folded"]
# What training makes small, and what we report; and the plain averages for the second control.
def loss(model, batch):
    words, lengths, label = batch
    return F.binary_cross_entropy_with_logits(model(words[:, :lengths.max()], lengths)[0], label)


def share_right(model, batch):
    words, lengths, label = batch
    return ((model(words[:, :lengths.max()], lengths)[0] > 0) == (label > 0)).float().mean(), len(label)


def averages_of(words, lengths, label):
    """The plain average of each review's vectors, computed once."""
    averages = [F.embedding_bag(row[None, :n], table, mode="mean") for row, n in zip(words, lengths)]
    return torch.cat(averages), label

# %% [markdown]
# **The target:** at least 84 of 100 held-out reviews right, and more than the plain average gets, even when that is
# trained until nothing is left to gain. Before it runs, write down ten words that *you* would look at. And two guesses
# more: the course also has reviews of a single sentence (Rotten Tomatoes), which no model will see in training. Will
# the question be worth more there, or less? And how many of 100 does the same model get right if its scores are not
# divided by the root: at the same learning rate, and, lest the rate be to blame, at a fifth of it?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Train the one that asks without the root (at two rates), the control, and the one that asks.
def ask(name, seed=1):
    torch.manual_seed(seed)
    new = OneQuestion(asks="control" not in name, root="no root" not in name)
    rate = 0.01 if "slower" in name else 0.05
    config = training.TrainingConfig(steps=500, learning_rate=rate, warmup_steps=20, seed=seed)
    with device.one_thread():
        training.train(new, training.shuffled(*train_set, batch_size=64), loss, config)
    return new


def scored(model, part):
    return training.evaluate(model, training.shuffled(*part, batch_size=250), share_right)


sets = {"held-out reviews": held_out, "single sentences": tensors([r for r in snippets if numbers(r.text)])}
right = {}
for name in ["one question, no root", "one question, no root, slower", "control: plain average", "one question"]:
    model = ask(name)
    right[name] = {s: scored(model, part) for s, part in sets.items()}

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The control once more, trained to its end: all reviews at once, until the slope is nothing. Is the target reached?
averages, label = averages_of(*train_set)
linear = nn.Linear(table.shape[1], 1)
descent = torch.optim.LBFGS(linear.parameters(), max_iter=300, line_search_fn="strong_wolfe")


def flat_loss():
    descent.zero_grad()
    value = F.binary_cross_entropy_with_logits(linear(averages)[:, 0], label)
    value.backward()
    return value


with device.one_thread():
    descent.step(flat_loss)
assert linear.weight.grad.abs().max() < 1e-4
with torch.no_grad():
    right["control, trained to its end"] = {
        s: ((linear(x)[:, 0] > 0) == (y > 0)).float().mean().item()
        for s, (x, y) in ((s, averages_of(*part)) for s, part in sets.items())}
for name, scores in right.items():
    print(f"{name:31}", ", ".join(f"{score:.1%} of the {s}" for s, score in scores.items()))
best = {name: scores["held-out reviews"] for name, scores in right.items()}
assert best["one question"] >= 0.84
assert best["one question, no root, slower"] < best["control: plain average"] - 0.03

# %% [markdown]
# Nearly two points ahead: is that more than the luck of a start? The control has none: its loss is a bowl with one
# lowest place, the same from every start. The question gets four more seeds, and the interval over seeds (lesson 06).

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# One question less the control that was trained to its end: five seeds.
from course_lib.intervals import seed_interval

asking = [right["one question"], *({s: scored(new, part) for s, part in sets.items()}
                                   for new in (ask("one question", seed) for seed in range(2, 6)))]
ahead = {s: [scores[s] - right["control, trained to its end"][s] for scores in asking] for s in sets}
for s, differences in ahead.items():
    more, low, high = seed_interval([100 * difference for difference in differences])
    print(f"{s}: {more:+.1f} points, interval {low:+.1f} to {high:+.1f}")
assert seed_interval(ahead["held-out reviews"]).low > 0

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# At which words does the question look? The score of each word that comes 300 times or more in the reviews.
often = (torch.bincount(train_set[0].flatten().long(), minlength=len(table)) >= 300).nonzero()[:, 0]
with torch.no_grad():
    scores = model.key(table[often]) @ model.query[0] / math.sqrt(32)
for name, order in {"most ": scores.argsort(descending=True), "least": scores.argsort()}.items():
    print(f"{name} {' '.join(vectors.index_to_key[i] for i in often[order[:20]].tolist())}")

# %% [markdown]
# Compare with your ten words. Nobody gave it a list of opinions: it had 10,000 verdicts, and vectors that were
# learned from neighbours alone.
#
# Without the root the same model, trained alike, stays well behind even the plain average, at the one rate as at the
# other. (Half of the reviews are for the film, so 50 would be a coin. How far behind, and which rate is the worse, one
# start each cannot say: give `ask` other seeds, and see how far its score jumps.)
#
# On single sentences less is gained, though in the run saved here the interval is above 0 there too. Perhaps because
# neither model was trained on such; perhaps because in so few words there is not much to drown in, as in the six of the
# river bank. (To tell the two apart, cut the held-out reviews to their first twenty words, and score both again.)
#
# **Look.** A review of your own. Shade is weight; + and - say to which side a word of some weight pushes the verdict.
# Then try to fool it: one query can look at *not* and at *good*, and has no way to let the one change the other.
# Predict the verdict on *not good*, and on *this is not a bad film*.

# %% tags=["boilerplate", "folded", "hero", "nbval-ignore-output"]
# Read any review.
def draw_review(text):
    found = numbers(text)
    if not found:
        raise ValueError("None of these words has a vector: write a sentence about a film.")
    with torch.no_grad():
        verdict, weights = model(torch.tensor([found]), torch.tensor([len(found)]))
        pushes = model.verdict(table[found])[:, 0]
    title = f"For the film: {torch.sigmoid(verdict).item():.0%}"
    return pictures.reading([vectors.index_to_key[i] for i in found], weights[0].numpy(), pushes.numpy(), title)


mine = "a slow start and some wooden acting but in the end a moving and beautiful film that i will see again"
viz.explore(draw_review, text=viz.Text(mine, label="your review"))

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# What does it make of "not"?
for text in ["good", "not good", "this is a bad film", "this is not a bad film"]:
    found = numbers(text)
    with torch.no_grad():
        verdict, _ = model(torch.tensor([found]), torch.tensor([len(found)]))
    print(f"{text:23} for the film: {torch.sigmoid(verdict).item():.0%}")

# %% [markdown]
# It takes *not good* for praise, and *not a bad film* for the opposite: *not* is one more word in the average, and
# turns no other round. From lesson 11 on, the words look at one another first.

# %% [markdown]
# > **Common belief:** *"The weights explain the verdict: the word with the largest weight is what decided it."* Shaded
# > words look so convincing. Decide; the next cell settles it for this model.
#
# Take one word out, and let the others share its weight: how far does the verdict move? Do so for every word of a
# review. The belief says that it moves furthest for the word with the largest weight.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# For 500 held-out reviews: the word with the largest weight, and the word that moves the verdict furthest.
same = against = 0
for words, n in zip(held_out[0][::5], held_out[1][::5]):
    with torch.no_grad():
        verdict, weights = model(words[None, :n], n[None])
        pushes = model.verdict(table[words[:n]])[:, 0]
    without = (verdict - weights[0] * pushes) / (1 - weights[0])  # the verdict when each word in turn is taken out
    top = weights[0].argmax()
    same += int(top == (without - verdict).abs().argmax())
    against += int((pushes[top] > 0) != (verdict[0] > 0))
print(f"of 500 reviews: the largest weight moves the verdict furthest in {same / 500:.0%}; "
      f"it speaks against the verdict in {against / 500:.0%}")

# %% [markdown]
# In half of the reviews, or somewhat more, the belief is right; in one of five or six the most attended word even
# speaks for the *other* side. The weight says how much of a word was taken in. What that does to the verdict depends on
# the word's value too, and on all that stands against it. Here the two can be multiplied and looked at; in a model of
# many layers that is much harder, and lesson 21 takes the belief up again.

# %% [markdown] tags=["instructor"]
# **Minutes 38-50. Type** the first picture (minute 39, 2 lines); run the second, the believed layer and the stranger
# (minutes 40 and 41). Vote on all three beliefs first. Start the big run at minute 42; collect the ten words
# before.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "The learned query is one vector. Where does it come from in a longer model?"
# - *from the labels*: it is learned from them, but each text gets the same one here.
# - *from the words*: right in self-attention: each word makes its own query.
# - *it is random*: only at the start.

# %% [markdown]
# ## What you know now
#
# - Attention is an average whose shares depend on the words: query times key, divided by the root of D, softmax along
#   the keys, times the values. A query of zeros is the plain average.
# - Without the root, a softmax over dot products of long random vectors stares at one key, and learns badly.
# - A mask is boolean, True means "may look"; what is hidden gets minus infinity *before* the softmax. A row that sees
#   nothing gets zeros.
# - Attention has no parameters, and without a causal mask it knows no order. What is learned is how queries, keys and
#   values are made.
# - Who asks need not be one of those who answer.
#
# **Quiz.** Open the answer that you would give.
#
# **1. Somebody sets hidden scores to 0 instead of minus infinity. A query has four keys with scores 0, 0 and two
# hidden ones. What do the hidden two weigh together?**
#
# <details><summary>Nothing.</summary>
#
# A score of 0 is not a weight of 0: e to the 0 is 1.
#
# </details>
# <details><summary>One half.</summary>
#
# Right: four equal scores, four weights of 1/4.
#
# </details>
# <details><summary>It cannot be said without the values.</summary>
#
# The values come after the weights and do not change them.
#
# </details>

# %% [markdown]
# **2. There are 3 queries of size 8, 5 keys, and values of size 2. What are the shapes of weights and output?**
#
# <details><summary>(3, 5) and (3, 2).</summary>
#
# Right: a row for each query; along it a weight for each key; the output has a row for each query and a value's size.
#
# </details>
# <details><summary>(5, 3) and (5, 2).</summary>
#
# Those are tables for keys. It is the queries that ask, and each gets an answer.
#
# </details>
# <details><summary>(3, 8) and (3, 8).</summary>
#
# The 8 is used up by the dot product, which makes one number out of 8 and 8.
#
# </details>

# %% [markdown]
# **3. You double the size of queries and keys, from 64 to 128, and forget to change the root of 64. What happens?**
#
# <details><summary>All weights become more alike.</summary>
#
# The other way: sums of more terms are larger, so the differences between scores grow.
#
# </details>
# <details><summary>The weights become a little sharper than they should be.</summary>
#
# Right: scores are larger by the root of 2.
#
# </details>
# <details><summary>Nothing, the softmax divides by its sum.</summary>
#
# It does, but it sees differences between scores, and those have grown.
#
# </details>

# %% [markdown]
# **4. In a causal text of five words, how many of the 25 weights may be above 0?**
#
# <details><summary>10.</summary>
#
# That is without the diagonal. A word may look at itself.
#
# </details>
# <details><summary>15.</summary>
#
# Right: 1 + 2 + 3 + 4 + 5.
#
# </details>
# <details><summary>21.</summary>
#
# That hides from each word only the next. The future is everything that comes later.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Dzmitry Bahdanau, Kyunghyun Cho, Yoshua Bengio (2015). Neural Machine Translation by Jointly Learning to Align and
#   Translate. ICLR (arXiv, 2014). Attention's beginning, between two sentences.
# - Ashish Vaswani and others (2017). Attention Is All You Need. NeurIPS. Equation 1; its footnote 4 explains the root.
# - Sarthak Jain, Byron Wallace (2019). Attention is not Explanation. NAACL. And the answer: Sarah Wiegreffe, Yuval
#   Pinter (2019). Attention is not not Explanation. EMNLP.
# - Andrew Maas and others (2011). Learning Word Vectors for Sentiment Analysis. ACL. The IMDb reviews.
# - Bo Pang, Lillian Lee (2005). Seeing Stars. ACL. The sentences from Rotten Tomatoes.
