# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: counts
#   title: Counts
#   minutes: 60
# ---

# %% [markdown]
# # 01 Counts: a word by the company it keeps
#
# *You shall know a word by the company it keeps*, wrote the linguist J. R. Firth in 1957. This lesson takes him at his
# word: eleven million words are read, and nothing is done but count who stands near whom. At the end the counts have
# become arrows like those of lesson 00: you name a word and get its neighbours. How well they agree with what people
# say is scored, against a target set beforehand, and the score is what the later methods of Part I are held against.
#
# **You will build** a table of who meets whom, slowly and fast; a measure of how surprising a meeting is; and out of
# both a hundred numbers for each word. **You need** lesson 00 (shapes, the cosine). **It costs** {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict and From text to words (0-12). B: Who stands near whom (12-24). C:
# More than chance and the belief (24-37). D: A hundred numbers, the score, eleven million words (37-50).
#
# **Minute 0.** Five pairs on the board: *the and*, *the I*, *my lord*, *king Henry*, *Romeo Juliet*. Everyone orders
# them by how much they say. Do not explain "say"; it is the question of the lesson.
#
# **When 15 minutes late:** leave out the monkey (show its picture), the loop's clock, and *Your turn* with the SVD.
# Start the hero run before you explain Spearman: it needs no watching.

# %% [markdown]
# ## Predict: which pair says most?
#
# Take Shakespeare's 38 plays. Two words **meet** when they stand at most five places apart in one sentence. Here are
# five pairs: *the* and *and*, *the* and *I*, *my* and *lord*, *king* and *Henry*, *Romeo* and *Juliet*.
#
# 1. Order them by how often they meet.
# 2. Now imagine all words of the plays thrown into a bag and drawn blindly: *the* and *and* would still meet, because
#    both are everywhere. Which pairs meet **more often than that**? Which perhaps less often?
#
# Write both down, then run.

# %% tags=["boilerplate"]
# Count all meetings in the plays; print five pairs: how often they met, how often by chance, and the ratio.
import numpy as np

from course_lib import counts, data
from course_lib.vocab import Vocab

plays = data.load("shakespeare")
every_word = Vocab.from_corpus(plays, min_count=1)
met = counts.cooccurrence(plays, every_word, window=5)
sums, total = met.sum(axis=1), met.sum()
for one, other in [("the", "and"), ("the", "i"), ("my", "lord"), ("king", "henry"), ("romeo", "juliet")]:
    i, j = every_word.key_to_index[one], every_word.key_to_index[other]
    chance = sums[i] * sums[j] / total
    print(f"{one:5} {other:6} met {met[i, j]:5,.0f} times, by chance {chance:9,.3f}: {met[i, j] / chance:6.2f} x")

# %% [markdown]
# *The* and *and* met most often of the five, and it says nothing: a bag of words would have done the same, to within
# two per cent. *The* and *I* met thousands of times, and avoid each other. *Romeo* and *Juliet* met five times, and
# that is over a hundred times what chance would do.
#
# So the whole lesson in a line: **count, divide by chance, and keep what is left in as few numbers as will do.** Each
# of the three is a few lines of code. How chance is worked out comes in its turn; first, what is a word?

# %% [markdown]
# ## From text to words
#
# How often does *lost* stand in this text, and how often will a program find it that cuts at the spaces?

# %%
# Cut at the spaces.
text = 'The king lost his crown. "Lost?" said the queen. "The king\'s crown can\'t be lost!"'
print(text.split())

# %% [markdown]
# Three times, and it finds one: `"Lost?"` and `lost!"` are other strings. Cutting text into words is called
# **tokenising**, each piece a **token**. A better rule: small letters only; a token is a run of letters, with
# apostrophes inside it if it likes.

# %%
# Letters, with apostrophes between them; everything in small letters.
import re

print(re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower()))

# %% [markdown]
# All three are found, and something is gone: where the sentences end. Counting will need that. The rule that cleaned
# every text of this course keeps it; it also knows other alphabets, and that *Dr.* ends no sentence.

# %% tags=["boilerplate"]
# The course's own rule: a list of words for each sentence.
from course_lib import cleaning

for sentence in cleaning.sentences(text):
    print(sentence)

# %% [markdown]
# Every rule decides something. Ours makes *king's* a word apart from *king*, and throws numbers away. Lesson 07 comes
# back to the question; until then a token is a word.
#
# A program wants numbers, so each distinct word gets one, 0 for the most frequent. The list of words with their
# numbers and counts is a **vocabulary**, the library's `Vocab`. By hand it is a dictionary:

# %% tags=["boilerplate"]
# Count the words of the small text; number them from the most frequent down; write the first sentence in numbers.
from collections import Counter

first, *others = cleaning.sentences(text)
tally = Counter(word for sentence in [first, *others] for word in sentence)
number = {word: i for i, (word, count) in enumerate(tally.most_common())}
print(number)
print(first, "->", [number[word] for word in first])

# %% [markdown]
# Now the plays. The most frequent word, *the*, comes 28,377 times. **Write down a guess** for three numbers: how often
# does the 10th most frequent word come, how often the 100th, how often the 1,000th? And what share of all the different
# words comes exactly once?

# %%
# The 1st, 10th, 100th, 1,000th and 10,000th word of the plays, and what rank times count gives.
print(f"{every_word.counts.sum():,} words, {len(every_word):,} different ones")
for rank in [1, 10, 100, 1000, 10000]:
    count = every_word.counts[rank - 1]
    print(f"{rank:6,}. {every_word.index_to_key[rank - 1]:8} {count:6,} times; rank x count {rank * count:8,}")
print(f"seen once: {(every_word.counts == 1).mean():.0%} of the different words")

# %% [markdown]
# From the 10th word to the 1,000th the rank grows a hundredfold, and rank times count stays near 100,000: the count
# falls roughly as 1 / rank. This is **Zipf's law** (the very first and the very rare words fall short of it). Remember
# both ends: a few words are everywhere, and more than a third of the vocabulary is seen a single time. Much of Part I
# of this course is a fight with these two ends.
#
# On logarithmic axes 1 / rank is a straight line that falls one step down for each step to the right. Is such a line a
# fingerprint of language? The control is a monkey at a typewriter, which types as many characters as the plays have,
# with the plays' own letters, apostrophes and spaces in their proportions, but blindly:

# %% tags=["boilerplate"]
# The monkey types as much as Shakespeare wrote; the first words of its works.
import random

letters = Counter()
for sentence in plays:
    letters.update(" ".join(sentence) + " ")
typed = "".join(random.Random(0).choices(list(letters), weights=letters.values(), k=letters.total())).split()
print(" ".join(typed[:14]))
monkey = np.array([count for word, count in Counter(typed).most_common()])
print(f"{len(typed):,} words, {len(monkey):,} different ones")
del typed

# %% [markdown]
# **Look.** What does the line of the monkey's words look like, beside that of the plays? Draw it in the air, then run.

# %% tags=["boilerplate", "folded"]
# Both lines, on logarithmic axes.
import matplotlib.pyplot as plt

from course_lib import viz

figure, axes = plt.subplots(figsize=(8, 4.2))
for name, line, style in [("Shakespeare", every_word.counts, "-"), ("monkey (control)", monkey, "--")]:
    axes.loglog(np.arange(1, len(line) + 1), line, style, linewidth=2.5, label=name)
ranks = np.array([1, 1e5])
axes.loglog(ranks, 1e5 / ranks, ":", color="#595959", label="100,000 / rank")
axes.set(title="How often the words come, from the most frequent down", xlabel="rank of the word (1 = most frequent)")
axes.set_ylabel("count (occurrences)")
axes.legend()
pairs_of_counts = [(rank, every_word.counts[rank - 1], monkey[rank - 1]) for rank in [1, 10, 100, 1000, 10000]]
ends = ", ".join(f"rank {rank:,}: {ours:,} and {theirs:,}" for rank, ours, theirs in pairs_of_counts)
viz.show(figure, "Two falling lines on logarithmic axes, both about as steep as 100,000 divided by the rank. Counts of "
                 f"the plays and of the monkey: {ends}. The monkey has {len(monkey):,} different words.")

# %% [markdown]
# A lower line, because the monkey has so many more different words, but nearly as straight and as steep, from someone
# who never heard a word. (The stairs at its start are words of one letter, then of two.) Short strings are likely and
# few, long ones rare and many: that much is enough for such a line (Miller, 1957), whatever else is at work in
# language. So the line alone says little. The information is in who comes **with whom**.

# %% [markdown] tags=["instructor"]
# **Minutes 0-12. Type** the split (minute 5, 2 lines), the pattern (minute 6, 2 lines) and the table of ranks (minute
# 9, 5 lines). The rest is filled in.
#
# **Poll** before the ranks: "*the* comes 28,377 times. The 100th word comes about..."
# - *20,000 times*: thinks of words as of letters, all more or less usual. Ask for the 100th word; nobody knows one.
# - *1,000 times*: right. Multiply by 100 on the board, then the 1,000th word's count by 1,000.
# - *10 times*: at the other extreme; that is where the 5,000th word is.

# %% [markdown]
# ## Who stands near whom
#
# Two sentences, six different words, window 2: a word meets those at most two places to its left and to its right. The
# end of a sentence is a wall.
#
# > the king wore the crown. the queen slept.
#
# How often does each word (row) meet each other one (column)? With pencil and paper: fill in the row of *the* and the
# row of *crown*.
#
# | | *the* | *king* | *wore* | *crown* | *queen* | *slept* | sum |
# |---|---|---|---|---|---|---|---|
# | ***the*** | | | | | | | |
# | ***king*** | 2 | 0 | 1 | 0 | 0 | 0 | 3 |
# | ***wore*** | 2 | 1 | 0 | 1 | 0 | 0 | 4 |
# | ***crown*** | | | | | | | |
#
# The *king* has *the* on both sides, so that is 2. Does *crown* meet *queen*? Does *the* meet itself? The next cell
# lets every place of the text have its turn in the middle.

# %% tags=["boilerplate"]
# Every place in turn, and who stands at most two places from it.
words = ["the", "king", "wore", "crown", "queen", "slept"]
small = [[0, 1, 2, 0, 3], [0, 4, 5]]
for sentence in small:
    for i, word in enumerate(sentence):
        left, right = sentence[max(0, i - 2):i], sentence[i + 1:i + 3]
        print(f"{words[word]:5} meets {' '.join(words[other] for other in left + right)}")

# %% [markdown]
# *The* had three turns and met seven words: *king* and *wore* twice each, *crown*, *queen* and *slept* once. The two
# *the*s of the first sentence stand three places apart: too far. At window 3 they would meet, and each would count the
# other; but no place ever counts itself.
#
# **Your turn (10 minutes).** Write `window_counts(sentences, vocab_size, window)`: the whole table, shape [V, V], for
# any list of sentences, each a list of numbers from 0 to V - 1. A row for the word whose turn it is, a column for whom
# it meets.

# %% tags=["exercise"]
# Write the table of meetings.
def window_counts(sentences, vocab_size, window):
    """How often each word (row) has each word (column) at most window places to its left or right: [V, V]."""
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    ### BEGIN SOLUTION
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
                if j != i:
                    table[word, sentence[j]] += 1
    return table
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import counts as check

check.window_counts(window_counts)

# %% [markdown] tags=["hint"]
# Each place has its turn in the middle. In its turn, does one row of the table grow, or several? By how much, and in
# which columns?

# %% [markdown] tags=["hint"]
# The loops of the cell above, and inside them a third one, over the places around i:
# `for j in range(max(0, i - window), min(len(sentence), i + window + 1))`. Unless j is i, 1 is added to
# `table[word, sentence[j]]`.

# %% [markdown] tags=["instructor"]
# **Minutes 12-20. Type** the solution (minute 15, 6 lines). Everyone fills in the row of *the* first; write the seven
# on the board.
#
# **The planned mistake:** `if sentence[j] != word` in place of `if j != i`. It reads better, the small example cannot
# tell, and the reply of the check is worth reading aloud; it is below.
#
# **Poll** before the check: "the table is the same when it is turned over its diagonal. Why?"
# - *because we counted twice*: nearly. Each meeting is seen by two places, once from each side.
# - *because of the window*: only if it reaches equally far to both sides. Ask for a table of the right side alone.
# - *whoever stands near me has me near*: right.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i + window + 1]:
                if context != word:
                    table[word, context] += 1
    return table


check.window_counts(planned_mistake)

# %% [markdown]
# The library has the same loops as `counts.window_counts`. Now for the plays. Of their words we keep those seen five
# times or more; the others have kept too little company to be known by it. (They are taken out *before* counting, so
# the words around them move together.) **Guess twice:** how many megabytes does the table take, at eight bytes a cell?
# And what share of its cells is not zero?

# %% tags=["boilerplate"]
# The vocabulary of the plays, the size of its table, and the share of cells that are not zero.
vocab = Vocab.from_corpus(plays, min_count=5)
table = counts.cooccurrence(plays, vocab, window=5)
V = len(vocab)
print(f"{V:,} words: {V * V * 8 / 1e6:,.0f} MB; not zero {table.nnz / V**2:.1%} of the cells, {table.nnz:,}")

# %% [markdown]
# Most words never meet. So we keep the cells that are not zero and leave out the others: a list of rows, a list of
# columns, a list of numbers. Such a table is called **sparse** (the other kind **dense**), and `scipy.sparse` adds and
# multiplies them like any other.
#
# The loops are slow, too: one step of Python for each meeting. How to do all at once? **Lay the text beside itself,
# shifted by one**: every word now stands beside its right neighbour. Shift by two, and it stands beside the next but
# one. For window 5, five shifts find everyone to the right; the same table turned over its diagonal, `table.T`, is
# everyone to the left.

# %% tags=["boilerplate"]
# The whole text as numbers, and for each word the number of its sentence.
from scipy import sparse

ids, starts = vocab.encode_corpus(plays)
sentence_of = np.repeat(np.arange(len(starts) - 1), np.diff(starts))

# %%
# Shift the text by 1 ... window, count who stands beside whom, and add up.
def shifted_counts(ids, window):
    table = sparse.csr_array((V, V))
    for d in range(1, window + 1):
        same = sentence_of[:-d] == sentence_of[d:]  # the wall
        places = ids[:-d][same], ids[d:][same]
        table += sparse.coo_array((np.ones(same.sum()), places), shape=(V, V)).tocsr()
    return table + table.T


# %% [markdown]
# Three ways, one table? And how much faster is the second than the first? (The loops get the first 4,000 sentences and
# the 1,000 most frequent words, the others the whole text.)

# %% tags=["boilerplate", "nbval-ignore-output"]
# The three side by side: meetings a second (of the processor), and whether the tables agree.
import time
from itertools import islice

few = Vocab.from_corpus(plays, max_size=1000)
some = [few.encode(sentence).tolist() for sentence in islice(plays, 4000)]
runs = {"loops, dense": lambda: counts.window_counts(some, len(few), 5),
        "shifts, sparse": lambda: shifted_counts(ids, 5),
        "the library": lambda: counts.cooccurrence(plays, vocab, 5)}
results, speed = {}, {}
for name, run in runs.items():
    began = time.process_time()
    results[name] = run()
    speed[name] = results[name].sum() / (time.process_time() - began)
    print(f"{name:15} {speed[name] / 1e6:5.2f} million meetings a second")
print(f"shifts over loops: {speed['shifts, sparse'] / speed['loops, dense']:.0f} times as many")
assert (results["shifts, sparse"] != results["the library"]).nnz == 0
assert np.array_equal(results["loops, dense"], counts.cooccurrence(map(few.decode, some), few, 5).toarray())
assert speed["shifts, sparse"] > 3 * speed["loops, dense"]

# %% [markdown]
# The tables agree, cell for cell. The library's way is made for texts that do not fit into memory: it reads the words
# from the disk, a piece at a time, and its clock includes that.

# %% [markdown] tags=["instructor"]
# **Minutes 20-24. Type** `shifted_counts` (minute 21, 7 lines). Draw the text twice, one above the other, and slide
# the lower one: no explanation is needed after that. Ask: "Where is the wall in this code?" (`same`.)

# %% [markdown]
# ## More than chance
#
# Back to the small table, whose 20 meetings you can see:
#
# | | *the* | *king* | *wore* | *crown* | *queen* | *slept* | sum |
# |---|---|---|---|---|---|---|---|
# | ***the*** | 0 | 2 | 2 | 1 | 1 | 1 | 7 |
# | ***king*** | 2 | 0 | 1 | 0 | 0 | 0 | 3 |
# | ***wore*** | 2 | 1 | 0 | 1 | 0 | 0 | 4 |
# | ***crown*** | 1 | 0 | 1 | 0 | 0 | 0 | 2 |
# | ***queen*** | 1 | 0 | 0 | 0 | 0 | 1 | 2 |
# | ***slept*** | 1 | 0 | 0 | 0 | 1 | 0 | 2 |
# | sum | 7 | 3 | 4 | 2 | 2 | 2 | **20** |
#
# *King* met *the* twice, *queen* met *slept* once. Which of the two is the greater surprise? By hand:
#
# - Of all 20 meetings 7 are with *the*. If nobody cared whom they meet, *the* would get the same 7/20 of the *king*'s
#   3: that is **3 · 7 / 20 = 1.05** by chance. There were 2, **1.9 times** as many.
# - *Queen* has 2 meetings, and 2/20 of all are with *slept*: **2 · 2 / 20 = 0.2** by chance. There was 1, **5 times**
#   as many.
#
# Do *wore* and *crown*. So: the row's sum times the column's sum, divided by the sum of all, is what chance expects,
# and observed over expected is the surprise. Twice as often should weigh as much as half as often; 2 and 1/2 do not,
# but their logarithms do: ln 2 and -ln 2. That logarithm has a name, **pointwise mutual information** (PMI). Ours is
# the natural one, and its unit is called the nat:
#
# $$\text{PMI}(w, c) = \log \frac{P(w, c)}{P(w)\,P(c)} = \log \frac{n_{wc} \cdot n}{n_w \cdot n_c}$$
#
# with $n_{wc}$ the number in row *w* and column *c*, $n_w$ the row's sum, $n_c$ the column's sum and $n$ the sum of
# all, one number each. Divided by $n$ they are the shares $P$.

# %% tags=["boilerplate"]
# The small table; what chance expects in every cell; observed over expected, and its logarithm.
observed = counts.window_counts(small, vocab_size=6, window=2)
expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0, keepdims=True) / observed.sum()
for one, other in [("king", "the"), ("queen", "slept"), ("wore", "crown"), ("king", "crown")]:
    i, j = words.index(one), words.index(other)
    surprise = observed[i, j] / expected[i, j]
    with np.errstate(divide="ignore"):  # no warning for the logarithm of 0
        print(f"{one} {other}: {observed[i, j]} / {expected[i, j]:.2f} = {surprise:.2f}, PMI {np.log(surprise):.2f}")

# %% [markdown]
# *King* and *crown* never met, and the logarithm of 0 is minus infinity. Do they loathe each other? Chance expected
# 0.30 meetings, so there was little to fall short of. Most pairs of words are like that even in a long text: too rare
# for us to tell whether they met less often than chance by habit or by accident. (*The* and *I* are frequent enough,
# and their case is lost here.) So everything below zero is cut off, never met included: **positive PMI**, PPMI. A cell
# that was 0 stays 0, and a sparse table stays sparse.
#
# **Your turn (10 minutes).** Write `ppmi(table)`: an array [V, V] of counts in, its PPMI out, same shape, natural
# logarithm. Row *w* is the word, column *c* the company. The table need not be the same when turned over: someone may
# have counted only the words to the right. And a word may have met nobody, so that its row and column are all zeros.

# %% tags=["exercise"]
# Write the PPMI of a table of counts.
def ppmi(table):
    """max(0, log of observed over expected) for every cell; 0 where two words never met."""
    ### BEGIN SOLUTION
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    pmi = np.zeros(table.shape)
    seen = table > 0
    pmi[seen] = np.log(table[seen] / expected[seen])
    return np.maximum(pmi, 0)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.ppmi(ppmi)

# %% [markdown] tags=["hint"]
# Which cells may be handed to the logarithm? And which shape must the rows' sums have, [V] or [V, 1], to be multiplied
# with the columns' sums into a table?

# %% [markdown] tags=["hint"]
# `expected` is two cells above. Then start with `np.zeros(table.shape)` and fill in only the cells where `table > 0`:
# `pmi[seen] = np.log(table[seen] / expected[seen])`. Last, `np.maximum(pmi, 0)`.

# %% [markdown] tags=["instructor"]
# **Minutes 24-33. Type** the solution (minute 28, 5 lines). Everyone computes *wore* and *crown* first: 1 over 4 · 2
# / 20, which is 2.5.
#
# **The planned mistake:** `words = table.sum(axis=0)` and `np.outer(words, words)`. On our own table, which is
# symmetric, it is right, and so it survives any test on real data. The check's tables are not symmetric.
#
# **Poll** before the next cell: "the pair with the highest PMI in all of Shakespeare?"
# - *the and*: has slipped back to counts. Point at the first cell's ratio.
# - *Romeo Juliet*: a good guess, and far behind. What would beat 110 times chance?
# - *two words that nobody knows*: right. Ask why.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_margin(table):
    words = table.sum(axis=0)
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.maximum(np.log(table * table.sum() / np.outer(words, words)), 0))


check.ppmi(planned_margin)

# %% [markdown]
# The library's `counts.ppmi` does it on sparse tables. Now **predict**, for the plays:
#
# 1. Of the 100 pairs that meet most often, how many have a PPMI of 0?
# 2. Which pair has the **highest** PMI in all of Shakespeare? Lovers? A king and his title?

# %% tags=["boilerplate"]
# The ratio to chance of all pairs, each once; among the 100 that met most often, who met less often than by chance?
def over_chance(table):
    pairs, sums = sparse.triu(table, k=1).tocoo(), table.sum(axis=1)  # the table is symmetric: half of it will do
    return pairs, pairs.data * table.sum() / sums[pairs.row] / sums[pairs.col]


pairs, ratio = over_chance(met)


def names(chosen):
    return ", ".join(f"{every_word.index_to_key[pairs.row[p]]} {every_word.index_to_key[pairs.col[p]]}" for p in chosen)


frequent = np.argsort(-pairs.data, kind="stable")[:100]
zero = [p for p in frequent if ratio[p] <= 1]
print(f"{len(zero)} of the 100 have PPMI 0: {names(zero[:9])} ...")

# %% tags=["boilerplate"]
# All pairs that share the highest PMI, and how often the two met.
highest = np.flatnonzero(ratio > 0.999 * ratio.max())
print(f"{ratio.max():,.0f} x chance, PMI {np.log(ratio.max()):.2f}: {names(highest)}")
print("times met:", pairs.data[highest].astype(int))

# %% [markdown]
# More than half, for the first; and the great loves of Shakespeare, by PMI, are *hilloa* and *loa*. Both words are seen
# once, in a sentence of two words. (Four of the eight pairs are the sham language of *All's Well That Ends Well*.)
# Chance expects 1 · 1 / n meetings, and there was one: it cannot be higher. Whatever a word seen once meets looks like
# fate, and from Zipf you know how many words are seen once. This is PMI's weakness: **it believes rare events.** Two
# cures, both in use:
#
# - Leave out words seen fewer than five times; `table` above already does.
# - **Smooth** the company: raise the columns' sums to the power 0.75 before turning them into shares. Rare company then
#   is expected a little more often than it was seen, and surprises less. (Levy, Goldberg and Dagan, 2015. The same 0.75
#   comes back in lesson 03.) Only the columns are smoothed, so the table is no longer the same when turned over.
#
# With both, who are the ten strongest pairs? Guess what kind of pair they are.

# %% tags=["boilerplate"]
# PPMI of the plays' frequent words, smoothed; the ten strongest pairs, each once (in the column: the rarer word).
strength = counts.ppmi(table, smoothing=0.75)
best = sparse.triu(strength, k=1).tocoo()
for p in np.argsort(-best.data, kind="stable")[:10]:
    print(f"{best.data[p]:.2f}  {vocab.index_to_key[best.row[p]]} {vocab.index_to_key[best.col[p]]}")

# %% [markdown]
# Double acts! Salarino and Salanio, Cornelius and Voltimand, Verges and Dogberry: people who walk on together, for
# stage directions are part of the text. (The rest are scraps of French, *aqua vitae*, and the *sennet* of *cornets*.)
# Nobody told the table what a character is.
#
# **Look.** Fourteen words of the plays: four of the court, three each of the sword, the sea and the heart, and one odd
# one out. The darker a cell, the more surprising their meetings. Before you move the window: which blocks do you
# expect? What should a window of 1 see that 10 does not, and the other way round?

# %% tags=["boilerplate"]
# The PPMI of a few words (not smoothed, as you built it) at any window, for a text in numbers.
from course_lib.viz.heatmap import heatmap

chosen = "king queen crown duke sword blood war sea ship wind love heart eyes night".split()
places = [vocab.key_to_index[word] for word in chosen]


def draw_company(ids, window, kind):
    cells = counts.ppmi(shifted_counts(ids, window), smoothing=1)[places][:, places].toarray()
    return heatmap(cells, chosen, chosen, f"{kind}, window {window}", "PPMI (nats)", low=0, high=3)


viz.explore(lambda window: draw_company(ids, window, "The plays"), window=viz.Slider(1, 10, value=5))

# %% [markdown]
# The same in numbers: the strongest pairs of two different words, and the diagonal, where a word meets itself.

# %% tags=["boilerplate"]
# The strongest pairs at windows 1 and 10; and the mean of the diagonal and of all other cells.
for window in (1, 10):
    cells = counts.ppmi(shifted_counts(ids, window), smoothing=1)[places][:, places].toarray()
    pairs_seen = np.triu(cells, k=1)
    strongest = [np.unravel_index(i, cells.shape) for i in np.argsort(-pairs_seen, axis=None, kind="stable")[:5]]
    print(f"window {window:2}:", ", ".join(f"{chosen[i]} {chosen[j]} {cells[i, j]:.2f}" for i, j in strongest))
    others = cells[~np.eye(len(chosen), dtype=bool)].mean()
    print(f"           a word with itself {cells.diagonal().mean():.2f}, with another {others:.2f}")

# %% [markdown]
# At window 1 the blocks are all but gone, because two nouns seldom stand side by side. What it sees is what is said in
# one breath, *heart blood*; among ten places on either side that is outvoted. From window to window the squares along
# the diagonal fill up, court, sword, sea, heart: what is far away in a sentence still belongs to its topic. And the
# diagonal itself is no mistake. No place counts itself, but who has said a word says it again soon.
#
# Now the honest control: **the same words, shuffled**. Every word is there as often as before, every sentence is as
# long, and who stands beside whom is blind chance. What is the picture of that? All white?

# %%
# Shuffle the words of the plays (seed 0), leave the sentences' lengths, draw the same picture.
shuffled = np.random.default_rng(0).permutation(ids)
viz.show(*draw_company(shuffled, 5, "The plays, shuffled"))

# %% [markdown]
# Not white: chance makes *some* pairs meet more often than it does on average, and PPMI keeps just those. *Queen*
# beside *crown*, which makes such good sense in the first picture, is darker in the second: what you see in both, the
# first does not prove. What only the plays have: *queen* beside *king*, the square of the sword, the square of the sea.

# %% [markdown] tags=["instructor"]
# **Minutes 33-37.** The slider is filled in. **Type** the shuffle (minute 35, 2 lines). Let the room find a dark cell
# of the control and invent a reason for it; someone always can.

# %% [markdown]
# ## A belief to settle
#
# > **Common belief:** *"A high count means a strong association."*
#
# You have seen *the* and *and*. One exception, or the rule? Take all pairs of the plays, sort them by how often they
# met, and look at the typical (median) pair of each class, and at the one that nine in ten stay below. As the count
# goes up, does the ratio to chance go up, stay, or go down? And in the shuffled plays? Decide, then run.

# %% tags=["boilerplate"]
# Observed over expected of all pairs, by how often they met: the median, and what nine in ten stay below.
for name, text in [("the plays", ids), ("shuffled", shuffled)]:
    group, times = over_chance(shifted_counts(text, 5))
    for low, high in [(1, 2), (2, 10), (10, 100), (100, 1000), (1000, 10**6)]:
        half, most = np.quantile(times[(group.data >= low) & (group.data < high)], [0.5, 0.9])
        print(f"{name:9} met {low:5,} to {high - 1:7,} times: median {half:.2f} x chance, nine in ten below {most:.2f}")

# %% [markdown]
# False, and at first sight the other way round: the more often two words met, the closer the typical pair is to chance.
# But the control falls in the same way, so this is not about Shakespeare. Two rare words whom chance expects to meet a
# small fraction of a time cannot do that: they meet once, far above chance, or not at all, and then they are in no
# class. A high *count* is what frequent words have, a high *ratio* what rare ones have, both by chance alone.
#
# Association is where the plays leave the control: hardly among the pairs that met once, clearly in the strongest tenth
# of those that met ten times or more.

# %% [markdown] tags=["instructor"]
# **Minute 37. Type** nothing. Vote by hands for up, stay, down; those for *down* explain. Start the big run now (minute
# 37, 5 lines): it needs no watching.

# %% [markdown]
# ## From a row to a hundred numbers
#
# A row of the table is a word's company: V numbers, an arrow as in lesson 00, and two rows have a cosine. Words that
# keep the same company point the same way, *whether or not they ever meet each other*. Whose row is nearest to
# *king*'s in the table of counts? In the table of PPMI? Guess which list makes more sense, and which has the higher
# cosines.

# %% tags=["boilerplate"]
# The words whose rows have the largest cosine with the king's: in the counts, and in the PPMI.
for name, rows in [("counts", table), ("PPMI", strength)]:
    lengths = np.sqrt(rows.multiply(rows).sum(axis=1)) + 1e-9
    king = vocab.key_to_index["king"]
    cosines = rows @ rows[[king]].toarray()[0] / lengths / lengths[king]
    print(f"{name:7}", ", ".join(f"{vocab.index_to_key[i]} {cosines[i]:.2f}" for i in np.argsort(-cosines)[1:7]))

# %% [markdown]
# In the counts nearly everything is near everything: each row is mostly *the*, *and* and *of*. In the PPMI the lords
# of the histories come forward. But the cosines are low: two rows agree only where both have met *the very same* word,
# and which word of its kind somebody met is half an accident. *Crown* and *throne* are two columns, as far from each
# other as from *storm*. A table for pencil and paper, four words and their company:
#
# | | *crown* | *throne* | *sail* | *storm* |
# |---|---|---|---|---|
# | ***king*** | 2 | 1 | 0 | 0 |
# | ***queen*** | 1 | 2 | 0 | 0 |
# | ***ship*** | 0 | 0 | 1 | 1 |
# | ***boat*** | 0 | 0 | 1 | 1 |
#
# What is the cosine of *king* and *queen*? And yet you see at once that there are only **two** kinds of company here,
# court and sea; that the *king* got a *crown* more may be an accident of a short text. Four columns, two directions.
#
# The **singular value decomposition** (SVD) finds such directions. It writes any table *M*, shape [V, C], as a product
# of three, $M = U\,S\,V^{\mathsf T}$, with n the smaller of V and C:
#
# - $V^{\mathsf T}$, shape [n, C]: each row is a **direction**, a pattern of company of length 1, at a right angle to
#   the others. (The V of $V^{\mathsf T}$ is its usual name, and not our number of words.)
# - $S$, n numbers from the largest down (in the product, on the diagonal of an [n, n] table): the **singular values**,
#   how strong each direction is in the table.
# - $U$, shape [V, n]: each column says how the words share in that direction, and has length 1 too.
#
# $U\,S$ is then one row a word: the dot products of its row of *M* with the n directions.

# %%
# The small table, taken apart; directions from the strongest to the weakest.
court_and_sea = np.array([[2.0, 1, 0, 0], [1, 2, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]])
U, S, Vt = np.linalg.svd(court_and_sea)
print("S", S.round(2))
print("first direction (crown, throne, sail, storm)", abs(Vt[0]).round(2))
print("second direction                            ", abs(Vt[1]).round(2))
print("king and queen: cosine", court_and_sea[0] @ court_and_sea[1] / 5)

# %% [markdown]
# (0.8 is 4 / (√5 · √5).) 3, 2, 1 and 0: the first direction is *crown* and *throne* in equal parts, the second *sail*
# and *storm*, and only the third, a good deal weaker, tells *crown* from *throne*. Keep two, throw the others away:
# what do the four words look like now, and what is the cosine of *king* and *queen*? (A direction's sign is free:
# turned round, it is as good.)

# %%
# U S with two directions: each word as two numbers; and the table that these two directions remember.
two = U[:, :2] * S[:2]
print(abs(two).round(2))
print((two @ Vt[:2]).round(2))

# %% [markdown]
# *King* and *queen* have become one and the same, with the cosine 1, and the table remembers 1.5 in place of 2 and 1.
# No other table made of two directions (of **rank** two) comes closer to the first one, by the sum of squared errors
# (Eckart and Young, 1936). It is a compression, and what it forgets is the weakest. The hope is that the weakest is
# mostly accident. The table cannot say; a score will.
#
# ***Extra* (5 minutes).** Write `rank_k_vectors(matrix, k)`: each word's k numbers, U S, from the k strongest
# directions, shape [V, k]. `matrix` is an array [V, C], k at most the smaller of the two.

# %% tags=["exercise", "extra"]
# Write the vectors of k numbers.
def rank_k_vectors(matrix, k):
    """U S of the k strongest directions, strongest first: one row a word, [V, k]."""
    ### BEGIN SOLUTION
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    return U[:, :k] * S[:k]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say? The sign of a column is free.
check.rank_k_vectors(rank_k_vectors)

# %% [markdown] tags=["hint"]
# U has a row for each word and a column for each direction. Which of the two do you cut?

# %% [markdown] tags=["hint"]
# `U, S, Vt = np.linalg.svd(matrix, full_matrices=False)`; then the first k columns of U, each times its own S:
# `U[:, :k] * S[:k]`.

# %% [markdown]
# For the plays that would take an age: NumPy works out all directions of a dense table. `counts.svd(matrix, rank)` asks
# for the strongest only, and of a sparse table. (It has a screw, `power=0.5`; we turn it at the end.) Below, a hundred
# numbers for each word of the plays. And the control, the same three steps on the shuffled text. Before you run: which
# of the two has the higher cosines?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Count, PPMI, SVD, for the plays and for the shuffled plays; the neighbours of night.
from course_lib.keyed_vectors import KeyedVectors

arrows = {}
for name, text in [("the plays", ids), ("shuffled", shuffled)]:
    rows = counts.svd(counts.ppmi(shifted_counts(text, 5)), rank=100, power=0.5)
    arrows[name] = KeyedVectors(vocab.index_to_key, rows)
    near = arrows[name].most_similar("night", topn=6)
    print(f"{name:10}", ", ".join(f"{word} {cosine:.2f}" for word, cosine in near))
assert arrows["the plays"].most_similar("night")[0][0] == "day" != arrows["shuffled"].most_similar("night")[0][0]

# %% [markdown]
# The **control** has, and there is nothing in it! In lesson 00 chance stayed low; its arrows were spread evenly to all
# sides. These are not. What has *night* in common with the words beside it in the shuffled text? A shuffled text knows
# just one thing about a word:

# %% tags=["boilerplate", "nbval-ignore-output"]
# How often night and its neighbours in the shuffled text occur, and how often the word in the middle of the list.
for word in ["night"] + [word for word, cosine in arrows["shuffled"].most_similar("night", topn=6)]:
    print(f"{word}: {vocab.counts[vocab.key_to_index[word]]:,}")
print(f"half of the words: fewer than {np.median(vocab.counts):.0f} times")

# %% [markdown]
# They are all *frequent*. Part of every vector of counts says how frequent the word is, and frequent words are alike
# in that. So a high cosine proves nothing by itself; it takes a control with the same frequencies to know. What sets
# the plays apart is *which* words come. Can that be measured?

# %% [markdown] tags=["instructor"]
# **Minutes 38-43. Type** the SVD of four words (minute 39, 6 lines), then U S (minute 41, 3 lines). The extra
# exercise (2 lines) is homework. Have the cosine of *king* and *queen* done by hand first: 4 / 5. Ask what is lost
# with k = 1 (the sea).
#
# **Poll:** "the third direction is thrown away. What was it?"
# - *noise*: perhaps; the table cannot say.
# - *crown against throne*: right. If a king did have more to do with crowns, that knowledge is gone now.

# %% [markdown]
# ## Is it any good? A score in ten minutes
#
# Neighbours can be picked to please. A score cannot. For 353 pairs of words, people were asked how related they are,
# from 0 to 10 (WordSim-353). For the same pairs we have cosines. Five of them, picked so that the sum is short:

# %% tags=["boilerplate", "nbval-ignore-output"]
# Five pairs: what people said, and our cosines.
judged = {(one, other): said for one, other, said in data.load("wordsim353")}
five = [("king", "queen"), ("money", "wealth"), ("life", "death"), ("drink", "mouth"), ("drink", "mother")]
for pair in five:
    print(f"{' '.join(pair):13} people {judged[pair]:.2f}  cosine {arrows['the plays'].similarity(*pair):.2f}")

# %% [markdown]
# 8.58 and 0.7 are not on one scale, so we compare the **order**. With pencil and paper: give each pair its rank by the
# people, 1 for the highest, and its rank by the cosine. Take the differences d of the ranks, square them, add them up.
# Then **Spearman's correlation** of n pairs is
#
# $$\rho = 1 - \frac{6 \sum d^2}{n (n^2 - 1)}$$
#
# For n = 5 the fraction is $\sum d^2 / 20$. What is it, if both orders are the same? If one is the other, backwards?

# %% tags=["boilerplate", "nbval-ignore-output"]
# The ranks, the differences, and the correlation.
def ranks(values):
    return np.argsort(np.argsort(-np.array(values))) + 1


people = ranks([judged[pair] for pair in five])
ours = ranks([arrows["the plays"].similarity(*pair) for pair in five])
print("people", people, "  ours", ours, f"  rho = {1 - ((people - ours) ** 2).sum() / 20:.2f}")
print(f"backwards: {1 - ((people - people[::-1]) ** 2).sum() / 20:.2f}")

# %% [markdown]
# 1 for the same order, -1 for the order backwards, 0 for no relation. (Pairs that tie share a rank; lesson 06 does it
# properly.) The library's `evaluate_word_pairs` leaves out pairs with an unknown word, and says how many.
#
# What would chance score? Give people's judgements to the wrong pairs, at random, a thousand times, and see how far the
# score strays from 0. **Guess** before you run: the plays' score, and where the luckiest 2 or 3 of a hundred shuffles
# end.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The score of the plays, of the shuffled plays, and what chance gives.
def score(vectors, pairs="wordsim353"):
    (pearson, _), (spearman, _), unknown = vectors.evaluate_word_pairs(data.path(pairs))
    return spearman, unknown


for name, vectors in arrows.items():
    print(f"{name:10} rho {score(vectors)[0]:5.2f}; unknown: {score(vectors)[1]:.0f} of 100 pairs")
known = [pair for pair in judged if all(word in vocab for word in pair)]
rng, given = np.random.default_rng(0), ranks([judged[pair] for pair in known])
lucky = [np.corrcoef(given, rng.permutation(given))[0, 1] for _ in range(1000)]
low, high = np.quantile(lucky, [0.025, 0.975])
print(f"{len(known)} pairs, judgements shuffled: 95 of 100 scores lie between {low:.2f} and {high:.2f}")
assert score(arrows["the plays"])[0] > 0.2 > score(arrows["shuffled"])[0]

# %% [markdown]
# The shuffled plays are inside what chance gives. The plays are outside, though not by far, and for less than a third
# of the pairs: Shakespeare knew no *computer*. This calls for more text.

# %% [markdown]
# ## Eleven million words, counted
#
# The course's corpus: a dictionary, a book of facts about countries, the plays, some of Wikipedia, film reviews. The
# same three steps, nothing else, `counts.train`, for the 30,000 most frequent words. **The target:** a correlation of
# at least **0.60** with people's judgements, on more than 300 of the 353 pairs. And a guess is allowed: how long does
# it take?

# %% tags=["hero", "nbval-ignore-output"]
# Count, PPMI, SVD on the whole corpus: four steps.
corpus = data.load("course_corpus")
began = time.perf_counter()
config = counts.CountsConfig(vector_size=100, window=5, max_size=30_000, power=0.5, seed=1)
vectors = counts.train(corpus, config)
print(f"{vectors} in {time.perf_counter() - began:.0f} seconds")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Was the target reached? The control, saved by `make bench`: the same steps on the same words, all of them shuffled.
import json
import pathlib

import course_lib

path = pathlib.Path(course_lib.__file__).parents[1] / "benchmarks/results/counts.json"
saved = json.loads(path.read_text())
reached, unknown = score(vectors)
likeness = score(vectors, "simlex999")[0]
print(f"WordSim-353 {reached:.2f}, SimLex-999 {likeness:.2f}; unknown: {unknown:.1f} of 100 pairs of WordSim-353")
print(f"shuffled {saved['shuffled']['wordsim353']:9.2f} {saved['shuffled']['simlex999']:16.2f}  ({saved['machine']})")
assert reached >= 0.6 > 0.2 > abs(saved["shuffled"]["wordsim353"])
assert unknown < 15

# %% [markdown]
# Reached, by counting, and nothing of it is left where the words are shuffled. Nothing was *learned* here in the
# sense of the next lessons: no guess, no error, no step. (The people of SimLex-999 were asked for likeness alone:
# *cup* and *coffee* go together, but they are not alike. Company in a window of five says more about going together.)
#
# Now your own word. Start with one that means several things, *bank* or *star*. Whose company wins?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Your own words.
from course_lib.viz import embeddings

viz.explore(lambda word, topn: embeddings.neighbours(vectors, word.lower(), topn),
            word=viz.Text("river", label="your word"), topn=viz.Slider(5, 20, value=10, label="neighbours"))

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Whose company wins?
for word in ["bank", "star"]:
    print(f"{word}:", ", ".join(neighbour for neighbour, cosine in vectors.most_similar(word, topn=8)))

# %% [markdown]
# *Bank* is money alone, and nothing of the river is left; *star* belongs to the film reviews, not to the sky. One arrow
# a word holds one mixture of all its company, and whom it met most often wins.
#
# One last **prediction**, about the screw `power=0.5`: it makes the vectors U times the *square root* of S. With S
# itself (your `rank_k_vectors`) the dot products are those of the rows of the table, as well as a hundred numbers can
# hold them. With S left out altogether, which the check would have called a mistake, the first direction counts no more
# than the hundredth. Which of the three agrees best with people?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Each column of the vectors has the length sqrt(S): put S back to the power 1, 1/2 and 0. Each score with its interval.
from course_lib.intervals import bootstrap_interval

lengths, cosines = np.linalg.norm(vectors.vectors, axis=0), {}
both_known = [pair for pair in judged if all(word in vectors for word in pair)]
said = np.array([judged[pair] for pair in both_known])
for power, by in {1: lengths, 0.5: 1, 0: 1 / lengths}.items():
    turned = KeyedVectors(vectors.index_to_key, vectors.vectors * by)
    cosines[power] = np.array([turned.similarity(*pair) for pair in both_known])
    rho, low, high = bootstrap_interval(cosines[power], said)
    print(f"S to the power {power:3}: WordSim-353 {rho:.2f}, interval {low:.2f} to {high:.2f}")
ahead = {power: bootstrap_interval(cosines[0.5], said, cosines[power]) for power in (1, 0)}
for power, (more, low, high) in ahead.items():
    print(f"1/2 less {power}: {more:+.2f}, interval {low:+.2f} to {high:+.2f}")
assert ahead[1].low > 0
assert abs(ahead[0].value) < 0.03

# %% [markdown]
# An **interval** says how far a score moves with the choice of the pairs: a thousand times as many pairs as there are
# get drawn out of them, some twice, some not at all, and 95 of 100 of the scores lie in it. Of a *difference* both
# scores get the same draws. (Lesson 06 builds it.)
#
# The most faithful answer is the worst, by far. Between the root and forgetting how strong a direction is there is
# nothing to choose: their difference is a hundredth, and its interval reaches to 0, a **tie**.
# Why? Think of the shuffled plays, and guess what the *strongest* direction of all says about a word. What is S to the
# power 1 worth without that one direction?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The words in the order of their first number, against their order by count; then the score without that number.
first = np.corrcoef(ranks(vectors.vectors[:, 0]), np.arange(len(vectors)))[0, 1]  # vocabularies are sorted by count
rest = KeyedVectors(vectors.index_to_key, (vectors.vectors * lengths)[:, 1:])
print(f"first direction and frequency: rho {abs(first):.2f} (its sign is free)")
print(f"S to the power 1 without the first direction: WordSim-353 {score(rest)[0]:.2f}")
assert abs(first) > 0.7
assert score(rest)[0] > score(KeyedVectors(vectors.index_to_key, vectors.vectors * lengths))[0] + 0.02

# %% [markdown]
# The strongest direction says, in large part, how *frequent* a word is, the one thing that a shuffled text knows; at
# full strength it drowns the others. Leaving it out wins back about half of what was lost. (Levy, Goldberg and Dagan,
# 2015, too found the root, or no S at all, better than S. `counts.train` takes the power 0 unless told otherwise.) A
# mistake is what departs from what was asked for; whether what was asked for was *wise*, only a score can say.
#
# **Look.** The same arrows, pressed flat; then, the control, each column shuffled as in lesson 00. Which groups does
# the first picture hold apart, and which can you talk yourself into seeing in the second?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Four groups of words: by their company, and with each column shuffled.
noise = KeyedVectors(vectors.index_to_key, np.random.default_rng(0).permuted(vectors.vectors, axis=0))
groups = {"countries": "france germany spain italy", "animals": "dog cat horse cow",
          "family": "mother father sister brother", "food": "bread cheese wine milk"}
groups = {name: members.split() for name, members in groups.items()}
viz.show(*embeddings.map_words(vectors, groups, title="Eleven million words, counted"))
viz.show(*embeddings.map_words(noise, groups, title="Control: columns shuffled"))

# %% [markdown]
# The first keeps all four apart, and nobody named a group while counting. The second puts words in places as well, and
# any two that happen to lie close invite a story.
#
# **A belief kept for later.** The article that this course grew out of says of **GloVe**, a famous method of 2014, that
# it learns "mainly by singular value decomposition of the matrix of word counts". The method of that sentence exists:
# you have just built it, with PPMI between the counts and the SVD. Whether it is GloVe, lesson 04 settles with a run of
# both. Keep this lesson's score in mind.

# %% [markdown] tags=["instructor"]
# **Minutes 43-50.** The run was started at minute 37. **Type** nothing more: take words from the room, and vote
# before the powers run.
#
# **Poll:** "which power of S agrees best with people?"
# - *1*: trusts the theorem. It says what is closest to the table, and not what the table is worth.
# - *1/2* or *0*: right, and they differ by little. Ask what the first direction may stand for.

# %% [markdown]
# ## What you know now
#
# - Words are counted, numbered, and most of them are rare: the count falls as 1 / rank, for a monkey too.
# - Company is a table [V, V] with a window; nearly all of it is zero, and shifting the text fills it without a loop.
# - A count says little before it is divided by what chance would do. PMI is the logarithm of that ratio; it believes
#   rare events, so one leaves out rare words and smooths.
# - The SVD keeps the strongest directions of the table: a hundred numbers a word. Words with like company come out
#   alike, whether or not they ever met.
# - Spearman's correlation compares two orders; without what chance gives, no score says anything.
#
# **Quiz.** Open the answer that you would give.
#
# **1. *Cup* meets *of* 300 times and *tea* 20 times. Which meeting tells you more about *cup*?**
#
# <details><summary>With <i>of</i>: 300 is more than 20.</summary>
#
# *Of* stands near everything. Until you know what chance would do, 300 is only a sign that *of* is frequent.
#
# </details>
# <details><summary>With <i>tea</i>: it is a noun.</summary>
#
# The kind of word does not matter; *said* is no noun, and *the night* says little.
#
# </details>
# <details><summary>It cannot be told from the two counts.</summary>
#
# Right. One needs the sums of both rows as well: observed over *expected*. (Then most likely *tea*.)
#
# </details>

# %% [markdown]
# **2. Two words met 12 times, where chance expects 3. What is their PPMI?**
#
# <details><summary>4</summary>
#
# That is the ratio. Its natural logarithm is asked for.
#
# </details>
# <details><summary>1.39</summary>
#
# Right: ln 4.
#
# </details>
# <details><summary>2</summary>
#
# To base 2, yes. The course's logarithms are natural ones, so that losses and surprises add up.
#
# </details>

# %% [markdown]
# **3. *Monday* and *Tuesday* never meet in a text. Can their vectors have a high cosine?**
#
# <details><summary>No: their cell in the table is 0.</summary>
#
# The cosine compares their *rows*. The one cell in which they would meet is one of thousands.
#
# </details>
# <details><summary>Yes, if they meet the same words.</summary>
#
# Right. *On ... morning*, *last ...*, *every ...*: the same company, so the same direction.
#
# </details>
# <details><summary>Only after the SVD.</summary>
#
# The rows of PPMI do it already, as far as they share columns. The SVD helps where the columns are merely alike.
#
# </details>

# %% [markdown]
# **4. Your text is one sentence of 50 words, and a pair in it meets five times as often as by chance. What do you do?**
#
# <details><summary>Publish: 5 is a lot.</summary>
#
# Not here. With 50 different words and window 5 there are 470 meetings, 10 for a word in the middle: *any* two that
# meet there are at 470 / (10 · 10) = 4.7 times chance.
#
# </details>
# <details><summary>Shuffle the text and look again.</summary>
#
# Right. If the shuffled text has pairs at five times chance as well, there was nothing to find.
#
# </details>
# <details><summary>Take the logarithm.</summary>
#
# That makes the number smaller, and the evidence no stronger.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - J. R. Firth (1957). A Synopsis of Linguistic Theory 1930-1955. In Studies in Linguistic Analysis. The company.
# - George Kingsley Zipf (1949). Human Behavior and the Principle of Least Effort. Addison-Wesley.
# - George A. Miller (1957). Some Effects of Intermittent Silence. American Journal of Psychology 70. The monkey.
# - Kenneth Church, Patrick Hanks (1990). Word Association Norms, Mutual Information, and Lexicography. Computational
#   Linguistics 16.
# - Carl Eckart, Gale Young (1936). The Approximation of One Matrix by Another of Lower Rank. Psychometrika 1.
# - Scott Deerwester and others (1990). Indexing by Latent Semantic Analysis. Journal of the American Society for
#   Information Science 41. The SVD comes to words.
# - John Bullinaria, Joseph Levy (2007). Extracting Semantic Representations from Word Co-occurrence Statistics.
#   Behavior Research Methods 39. Why PPMI.
# - Omer Levy, Yoav Goldberg, Ido Dagan (2015). Improving Distributional Similarity with Lessons Learned from Word
#   Embeddings. Transactions of the ACL 3. The smoothing, and the power of S.
# - Charles Spearman (1904). The Proof and Measurement of Association between Two Things. American Journal of Psychology
#   15.
# - Lev Finkelstein and others (2002). Placing Search in Context: The Concept Revisited. ACM TOIS. WordSim-353.
# - Felix Hill, Roi Reichart, Anna Korhonen (2015). SimLex-999: Evaluating Semantic Models With (Genuine) Similarity
#   Estimation. Computational Linguistics.
