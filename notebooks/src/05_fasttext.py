# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: fasttext
#   title: Words have insides
#   minutes: 60
# ---

# %% [markdown]
# # 05 fastText: words have insides
#
# To word2vec and GloVe *kind* and *kindness* are two rows of a table: their spelling makes them no more alike than
# *kind* and *Monday*. And *kindlier*, which is too rare in our text, is no row at all. At the end of this lesson you
# have a model that gives a vector to your typing errors too, and you can see which letters it came from.
#
# **You will build** the pieces of a word, a hash that makes room for a quarter of a million of them, and the vector of
# a word that nobody has seen. **You need** lesson 03: skip-gram with noise words.
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict and pieces (0-13). B: The hash (13-26). C: One vector from many rows,
# the belief (26-38). D: The text and the misspellings (38-50).
#
# **Minute 0.** Everyone writes down: how many of 100 pairs of rare words does word2vec know, and the nearest
# neighbour of *laughter*.
#
# **When 15 minutes late:** leave out the small hash on paper and the loop against `embedding_bag`; show the saved bars
# of *kindness*. Start the big run *before* you explain the hash; it needs no watching.

# %% [markdown]
# ## Predict: words that nobody has read
#
# RareWords is a list of 2,034 pairs, each with a rare word in it (*squishing* and *squirt* are one of them), and with
# people's judgement of how alike the two are. A word is in our vocabulary if the course's eleven million words hold it
# five times or more.
#
# **Write down your answers before you run anything:**
#
# 1. For how many of 100 such pairs are *both* words in the vocabulary?
# 2. After one pass over our text, which word does word2vec put next to *laughter*? And a model that reads the same text
#    with the same windows and the same noise, but looks *into* the words as well?
#
# The first you can settle now. The second has to wait until we have built that model.

# %%
# Load the text, count its words, and look for the pairs of RareWords.
from course_lib import data
from course_lib.vocab import Vocab

corpus = data.load("course_corpus")
vocab = Vocab.from_corpus(corpus, min_count=5)
pairs = data.load("rarewords")
known = [pair for pair in pairs if pair[0] in vocab and pair[1] in vocab]
print(f"{len(vocab):,} different words in the vocabulary")
print(f"both words known in {len(known):,} of {len(pairs):,} pairs ({len(known) / len(pairs):.0%})")

# %%
# A few of the others, each with whether the vocabulary holds it.
for first, second, score in [pair for pair in pairs if pair not in known][:6]:
    print(f"{first} ({first in vocab}), {second} ({second in vocab}): people say {score:.1f} of 10")

# %% [markdown]
# About half of the pairs cannot even be asked. And yet you had no trouble with these words, though you may not have
# read some of them before either. You know what *un-*, *-able* and *-ness* do.

# %% [markdown]
# ## Pieces
#
# So give the model pieces. Nobody tells it what a prefix is: it gets **every** stretch of three to six characters, and
# may find out by itself which of them mean something. Such a stretch is called an **n-gram** of characters.
#
# One thing first: is the *her* in *where* the word *her*? To tell them apart, write a mark before the word and one
# behind it: `<where>`. Its n-grams of length 3 are
#
# `<wh` `whe` `her` `ere` `re>`
#
# while the word *her*, which is `<her>`, has `<he` `her` `er>`, and of length 5 the n-gram `<her>`: itself, whole.
# (From the paper: Bojanowski and others, 2017.)
#
# With pencil and paper: all n-grams of length 3 and 4 of *as* and of *café*. How many are there? Careful with the end.

# %%
# What stands on your paper? The library's answer, place by place.
from course_lib import fasttext

for word in ["as", "café"]:
    pieces = fasttext.ngrams(word, 3, 4)
    print(word, len(pieces), pieces)

# %% [markdown]
# A short word fits into one window: `<as>` is an n-gram of *as* like any other. `<café>` has six characters and is
# longer than 4, so here it is none. That is all there is to know about whole words: **a window is a window.** (The
# paper adds the whole `<where>` for every word. In its authors' program, which we follow, a known word has a row of
# its own instead; that comes later.)
#
# **Your turn (8 minutes).** Write `ngrams(word, min_n, max_n)`: the list of all windows of `min_n` to `max_n`
# characters of `<word>`. A piece that comes twice stands in the list twice. If no window fits, the list is empty.
# `min_n` is 2 or more.

# %% tags=["exercise"]
# Write the pieces of a word.
def ngrams(word, min_n, max_n):
    """All windows of min_n to max_n characters of the word between its marks < and >."""
    ### BEGIN SOLUTION
    text = f"<{word}>"
    return [text[begin:begin + n] for begin in range(len(text)) for n in range(min_n, max_n + 1)
            if begin + n <= len(text)]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import fasttext as check

check.ngrams(ngrams)

# %% [markdown] tags=["hint"]
# Which two things vary from one window to the next? Where may the last window of length n begin? And what does Python
# give you for `"abc"[2:5]`: an error, or less than you asked for?

# %% [markdown] tags=["hint"]
# Put the marks on first: `text = f"<{word}>"`. Then two loops, `for begin in range(len(text))` and
# `for n in range(min_n, max_n + 1)`, and keep `text[begin:begin + n]` only if `begin + n <= len(text)`.

# %% [markdown]
# The library's `fasttext.ngrams` does the same (and leaves out a mark that stands alone, which can only come up for
# `min_n` = 1). Before the next cell: how many **different** n-grams of 3 to 6 characters do our words have, more or
# fewer than there are words? By what factor?

# %%
# All n-grams of all words of the vocabulary, and in how many words the most common ones stand.
from collections import Counter

words_with = Counter(piece for word in vocab.index_to_key for piece in fasttext.ngrams(word, 3, 6))
total = sum(words_with.values())
print(f"{len(words_with):,} different n-grams for {len(vocab):,} words; a word has {total / len(vocab):.0f} of them")
print("in most words:", " ".join(piece for piece, count in words_with.most_common(12)))
print(f"in one word only: {sum(count == 1 for count in words_with.values()) / len(words_with):.0%}")

# %% [markdown]
# Most of the twelve are endings that a grammar book would name, found by counting alone.

# %% [markdown] tags=["instructor"]
# **Minutes 0-13. Type** the coverage (3 lines), the pieces of *as* and *café* (3 lines), the solution (3 lines).
#
# **The planned mistake:** no test for the end. Python cuts the slice short without a word, and *where* gets the pieces
# `e>` and `>`. Read the reply aloud; it is below.
#
# **Poll:** "`<where>` is seven characters. With min_n = 3 and max_n = 6, is `<where>` among its n-grams?"
# - *yes, the whole word always is*: the paper adds it; the program gives a known word a row of its own instead.
# - *no*: right. Then ask for *as*.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(word, min_n, max_n):
    text = f"<{word}>"
    return [text[begin:begin + n] for begin in range(len(text)) for n in range(min_n, max_n + 1)]


check.ngrams(planned_mistake)

# %% [markdown]
# ## A quarter of a million pieces, and no list of them
#
# A row of 100 numbers for each n-gram, then? We could number them, as we numbered the words. But a new word brings new
# n-grams, which have no number; and the more text we read, the longer the list and the table get. fastText keeps **no
# list**. It computes from the letters themselves which row an n-gram gets: the same letters always get the same row,
# other letters one as if by lot. Such a recipe is a **hash**, and a row that may have several owners is called a
# **bucket**.
#
# Ours takes two operations. For each letter: *mix it in* (exclusive or, written `^`: compare two numbers bit by
# bit, and write 1 where they differ), then *spread it* (multiply, and keep the lower bits). A toy with four bits: start
# with 5, multiply by 3, keep the remainder after dividing by 16 (*mod* 16); and `a` is 1, `b` is 2.
#
# | | start | mix in the first | times 3, mod 16 | mix in the second | times 3, mod 16 |
# |---|---|---|---|---|---|
# | `ab` | 5 = 0101 | 0101 ^ 0001 = 0100 = 4 | 12 = 1100 | 1100 ^ 0010 = | |
# | `ba` | 5 = 0101 | 0101 ^ 0010 = | | | |
#
# Fill it in. Do `ab` and `ba` end in the same of the 16 buckets?

# %%
# The toy, and the buckets of ab and ba.
for letters in ["ab", "ba"]:
    h = 5
    for letter in letters:
        h = (h ^ {"a": 1, "b": 2}[letter]) * 3 % 16
    print(letters, "falls into bucket", h)

# %% [markdown]
# The order counts, as it should. The real one, called **FNV-1a** after Fowler, Noll and Vo, is this toy with 32 bits:
# start with 2,166,136,261, multiply by 16,777,619. Letters come as bytes. Here is `<a>`, step by step. (The last line
# asks for one of 200,000 buckets: all 32 bits first, then one more remainder.)

# %%
# The hash of <a>, one byte after the other, and its bucket.
h = 2166136261
for byte in b"<a>":  # what "<a>".encode() gives
    mixed = h ^ byte
    h = mixed * 16777619 & 0xFFFFFFFF  # & keeps the lower 32 bits: what overflow in C++ does by itself
    print(f"{chr(byte)} = {byte:3}   mixed in {mixed:>13,}   multiplied {h:>13,}")
print(f"bucket {h % 200_000:,}; the library says {fasttext.ngram_ids('a', 3, 3, 200_000)}")

# %% [markdown]
# For plain English that would be all. Now *café*. In UTF-8 its `é` is two bytes, 195 and 169, and the original program,
# in C++, reads a byte as a number **with a sign**: what is above 127 counts as negative, 195 as 195 - 256 = -61.
# Stretched to 32 bits, a negative number keeps its sign: all new bits become 1. In the next cell `|` sets them (*or*: 1
# where either number has a 1; `0xFFFFFF00` is 24 ones and 8 zeros). Compare the two readings bit by bit:

# %%
# The two bytes of é as 32 bits: without a sign, and with one.
for byte in "é".encode():
    print(f"{byte} without a sign {byte:032b}")
    print(f"{byte - 256} with a sign   {byte | 0xFFFFFF00:032b}")

# %% [markdown]
# The lower eight bits agree and the other 24 are all different. Does it matter? Guess for each of these n-grams
# whether its bucket changes:

# %%
# The buckets of four n-grams: by the loop above, without a sign, and by the library, with one.
for piece in ["<caf", "café", "fé>", "мир>"]:
    h = 2166136261
    for byte in piece.encode():
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    print(f"{piece}: {h % 200_000:>7,} without a sign, {fasttext.hash_ngram(piece) % 200_000:>7,} with one")

# %% [markdown]
# FNV's inventors meant bytes without a sign. The fastText program took them, by a slip, as its compiler did, and C++
# leaves that open: on most machines with a sign. When it was noticed, trained models had been given to the world
# already; so the slip was made a rule (a comment in its source says so). Whoever gets it wrong reads the wrong rows
# for every *café*, and no error is raised. English tests do not notice.
#
# **Your turn (8 minutes).** Write `hash_bucket(ngram, bucket)`: the bucket, 0 to `bucket` - 1, of one n-gram.
# `ngram.encode()` gives its bytes.

# %% tags=["exercise"]
# Write the hash, as the original computes it.
def hash_bucket(ngram, bucket):
    """32-bit FNV-1a over the UTF-8 bytes, those above 127 read as negative; then the remainder."""
    ### BEGIN SOLUTION
    h = 2166136261
    for byte in ngram.encode():
        if byte > 127:
            byte |= 0xFFFFFF00
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h % bucket
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.hash_bucket(hash_bucket)

# %% [markdown] tags=["hint"]
# In which order do the two operations come, in the steps of `<a>` above? How large may h become in Python, and how
# large in 32 bits? What do you do with a byte above 127 before it is mixed in?

# %% [markdown] tags=["hint"]
# Start with `h = 2166136261`. In each round: `byte | 0xFFFFFF00` if the byte is above 127, then
# `h = (h ^ byte) * 16777619 & 0xFFFFFFFF`. After the last: `h % bucket`.

# %% [markdown]
# A bucket with several owners is the price. There are 200,000 of them and more n-grams than that. **Guess:** how many
# buckets stay empty? How many n-grams share the fullest one? (For comparison: of N balls thrown blindly into M buckets,
# each misses a given bucket with probability 1 - 1/M, so all miss it with (1 - 1/M) to the power N, nearly exp(-N/M).)

# %%
# How many of our n-grams fall into each bucket; and what blind throwing would leave empty.
import numpy as np

buckets = np.array([fasttext.hash_ngram(piece) % 200_000 for piece in words_with])
loads = np.bincount(buckets, minlength=200_000)
print(f"{len(words_with):,} n-grams; the fullest bucket holds {loads.max()} of them")
print(f"{(loads == 0).mean():.1%} of the buckets are empty; thrown blindly, {np.exp(-loads.mean()):.1%} would be")
alone = np.mean(loads[buckets] == 1)
print(f"an n-gram has its bucket to itself in {alone:.0%} of cases")
pieces = np.array(list(words_with))
for piece in ["<un", "ful>"]:
    mates = pieces[buckets == fasttext.hash_ngram(piece) % 200_000]
    print(f"{piece} (in {words_with[piece]} words) shares with", {str(m): words_with[m] for m in mates if m != piece})
del words_with, pieces  # a quarter of a million strings, twice: done with

# %% [markdown]
# A good hash is no tidier than chance: that is what *good* means here. Most n-grams share their row with a stranger.
# Why can that be borne? Most strangers are rare: `<un` stands in hundreds of words, and what the others of its bucket
# have to say is hardly heard. (`ful>` had less luck.) And the row is one of two dozen in a word's mean. (The
# original's default is two million buckets. At 100 numbers of four bytes a row that is 0.8 GB, so we take a tenth.)

# %% [markdown] tags=["instructor"]
# **Minutes 13-26. Type** the toy (5 lines), the two bytes of é (3 lines), the solution (6 lines).
#
# **Poll** before the check: "someone leaves out the 0xFFFFFF00. Which words does it break?"
# - *none, it is a detail*: ask for the bucket of `café` in the cell above.
# - *only the whole word café*: each of its n-grams that holds the é.
# - *every word with a letter outside ASCII*: right; all of Chinese, all of Russian.

# %% [markdown]
# ## One vector from many rows
#
# A known word owns a row of its own, and it calls the rows of its n-grams. **Its vector is the mean of all of them.**
# (The paper writes their sum. The program takes the mean: the same direction, and long words get no longer arrows.) A
# word outside the vocabulary has no row of its own: its vector is the mean of what it has, the rows of its n-grams.
# Nothing is added for what is missing.
#
# By hand, for a table with one word and four buckets (the words' rows come first, the buckets behind them):
#
# | row | | |
# |---|---|---|
# | 0 | the word *as* | (4, 0) |
# | 1 | bucket 0 | (0, 2) |
# | 2 | bucket 1 | (2, 2) |
# | 3 | bucket 2 | (0, 4) |
# | 4 | bucket 3 | (6, 0) |
#
# *As* has three n-grams, and say they fall into the buckets 0, 3 and 0. Which rows does it call? What is its vector?
# And that of an unknown word with n-grams in the buckets 1 and 2?

# %%
# Both vectors: a known word has its own row and three n-grams, an unknown one two n-grams and nothing else.
table = np.array([[4.0, 0], [0, 2], [2, 2], [0, 4], [6, 0]])
print("as:", table[[0, 1 + 0, 1 + 3, 1 + 0]].mean(axis=0), "  the unknown word:", table[[1 + 1, 1 + 2]].mean(axis=0))

# %% [markdown]
# **Your turn (8 minutes).** Write `word_vector(word, index_of, table)` for n-grams of 3 to 6 characters. `index_of` is
# a dict: word to row. `table`, [V + buckets, D], holds the V words' rows first; all rows behind them are buckets.
# `fasttext.ngram_ids(word, 3, 6, bucket)` lists the buckets of a word's n-grams, from 0; a bucket called twice stands
# there twice.

# %% tags=["exercise"]
# Write the vector of any word, known or not.
def word_vector(word, index_of, table):
    """The mean of the word's own row (if it is known) and the rows of its n-grams, shape [D]."""
    ### BEGIN SOLUTION
    V = len(index_of)
    rows = [V + i for i in fasttext.ngram_ids(word, 3, 6, len(table) - V)]
    if word in index_of:
        rows.append(index_of[word])
    return table[rows].mean(axis=0)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.word_vector(word_vector)

# %% [markdown] tags=["hint"]
# How many rows of the table are buckets, and at which row do they begin? How many rows do you add up for a known word,
# and how many for an unknown one?

# %% [markdown] tags=["hint"]
# With `V = len(index_of)` there are `len(table) - V` buckets. Collect the numbers of the rows in a list:
# `[V + i for i in fasttext.ngram_ids(...)]`, and `index_of[word]` if the word is known. Then
# `table[rows].mean(axis=0)`.

# %% [markdown]
# One word at a time is slow, and training needs thousands of means a second. The fast version writes the rows of all
# words one behind the other, notes where each word begins, and takes all means in one call, PyTorch's `embedding_bag`.

# %% tags=["boilerplate", "nbval-ignore-output"]
# A table of random numbers, which has read nothing; the vectors of 5,000 words by a loop, and all at once.
import time

import torch
import torch.nn.functional as F

V, D, num_buckets = len(vocab), 100, 200_000


def random_table(num_rows):
    table = np.random.default_rng(0).random((num_rows, D), dtype=np.float32)
    table -= 0.5
    table /= D
    return table


table = random_table(V + num_buckets)
words = vocab.index_to_key[:5000]
began = time.perf_counter()
loop = np.stack([fasttext.word_vector(word, vocab.key_to_index, table, 3, 6, num_buckets) for word in words])
print(f"a loop over {len(words):,} words    {time.perf_counter() - began:.2f} s")
rows = [[i, *(V + b for b in fasttext.ngram_ids(word, 3, 6, num_buckets))] for i, word in enumerate(words)]
starts = torch.tensor([0, *np.cumsum([len(some) for some in rows])[:-1]])
rows = torch.tensor([row for some in rows for row in some])
began = time.perf_counter()
at_once = F.embedding_bag(rows, torch.from_numpy(table), starts, mode="mean")
print(f"one call for all of them {time.perf_counter() - began:.3f} s (their rows were listed before)")
assert np.allclose(loop, at_once.numpy(), atol=1e-6)

# %% [markdown]
# `FastTextKeyedVectors` is the library's model. This one has read nothing: it will be our control.

# %%
# The library's vectors of all words, from the table that has read nothing.
untrained = fasttext.FastTextKeyedVectors(vocab.index_to_key, table)
assert np.allclose(untrained.vectors[:5000], loop, atol=1e-6)
print(untrained.vectors.shape, "| kindlier in the vocabulary:", "kindlier" in untrained,
      "| its vector:", untrained.get_vector("kindlier").shape)

# %% [markdown]
# **How does it learn?** As in lesson 03, with one change. The words around, and the noise words, keep one row each,
# in a table of their own: only the centre has pieces. In lesson 03 the step g of a pair moved the centre's row. Here
# the centre's vector is a mean, and *each* of the rows that it was made of takes the whole step g. (The exact
# gradient of a mean of n rows would give each of them g/n. The program does not divide, and nor do we.) So their mean
# moves by g, as before (by more, if it calls a row twice); and every other word moves too, as far as it calls the same
# rows. *Walking* stands near *street*, and takes a step. Guess, in per cent of that step: how far do *walked*,
# *talking* and *river* go along?

# %%
# How far others move when walking takes a step: their rows that moved, each as often as it is called.
moved = Counter(V + i for i in fasttext.ngram_ids("walking", 3, 6, num_buckets))
moved[vocab.key_to_index["walking"]] += 1
for word in ["walked", "talking", "sleepwalking", "king", "river"]:
    calls = [vocab.key_to_index[word], *(V + i for i in fasttext.ngram_ids(word, 3, 6, num_buckets))]
    print(f"{word:13} calls {len(calls)} rows and goes {sum(moved[row] for row in calls) / len(calls):.0%} of the way")

# %% [markdown]
# A step for *walking* is more than half a step for *talking*. That is the hope of this method, and its danger: *king*
# goes along as well.

# %% [markdown] tags=["instructor"]
# **Minutes 26-33. Type** the two means (2 lines), the solution (5 lines), the steps (5 lines).
#
# **Poll:** "the word is unknown. Its own row..."
# - *is zero*: then divide by one more; the check has a sentence for it.
# - *is row 0*: what `index_of.get(word, 0)` does; every unknown word would lean towards *the*.
# - *does not exist, and is not counted*: right.

# %% [markdown]
# ## A belief: a bag of characters
#
# > **Common belief:** *"fastText represents a word as a bag of characters."* True or false? Decide, then run.
#
# If that were so, words with the same letters would have the same vector. The library can be such a bag: set both
# lengths to 1. It and a model with lengths 3 to 6 read every eighth sentence. (In the bag each letter's row gets the
# steps of all words at once, and at the usual learning rate its loss runs off to infinity. So it gets a lower rate: do
# not ask here which of the two has learnt more, only whether they can tell two words apart.)
#
# *Listen* and *silent* have the same letters. So have *listenable* and *silentable*, which nobody has written, so that
# they have no row of their own. What will the two cosines be, in either model?

# %% tags=["boilerplate", "nbval-ignore-output"]
# A bag of characters, and n-grams of 3 to 6, after an eighth of the text: two pairs of anagrams.
import itertools

from course_lib import device


class Eighth:
    def __iter__(self):
        return itertools.islice(corpus, 0, None, 8)


def settle(min_n, max_n, alpha):
    config = fasttext.FastTextConfig(epochs=1, min_n=min_n, max_n=max_n, alpha=alpha)
    with device.one_thread():
        model = fasttext.train(Eighth(), config, progress=False)
    return model.similarity("listen", "silent"), model.similarity("listenable", "silentable")


bag, grams = settle(1, 1, 0.003), settle(3, 6, 0.05)
for name, (known_two, unknown_two) in {"characters": bag, "n-grams": grams}.items():
    print(f"{name:10}  listen, silent {known_two:.2f}   listenable, silentable {unknown_two:.2f}")
assert bag[1] > 0.9999 > 0.95 > grams[1]

# %% [markdown]
# Half true, and the half matters. It **is** a bag: a mean does not know in which order its rows came. But it is a bag
# of *n-grams*, and each of them has the order of its letters inside. To a bag of characters *listenable* and
# *silentable* are one and the same, whatever it has read, and *listen* and *silent* nearly so (only the words' own rows
# differ). The word *characters* in that sentence should be *n-grams of characters*.

# %% [markdown] tags=["instructor"]
# **Minutes 33-38.** The cell is filled in; vote before it runs.
#
# **Poll:** "can two different words have the very same bag of n-grams of 3 to 6 characters?"
# - *no*: right for words of up to four letters, whose `<word>` is an n-gram itself. And for longer ones?
# - *yes, if they are long*: right; and two n-grams of one bucket make it easier.

# %% [markdown]
# ## Eleven million words
#
# One pass over the whole text, and word2vec beside it with the same settings. (fastText's: a learning rate of 0.05,
# twice lesson 03's, and noise drawn by the square root of the counts. Its default is five passes; one must do here.)
# **The target:** a Spearman correlation (lesson 01: do two orders agree?) of at least **0.32** with people's judgements
# on *all* 2,034 pairs of RareWords. Before you run: on the pairs that both know, who will be better, and by how much?

# %% tags=["hero", "nbval-ignore-output"]
# Train word2vec, then fastText, one pass each, with progress and the live loss.
import time

from course_lib import device, fasttext, word2vec

untrained = table = None  # training needs the room; the next cell makes the control again, from the same seed
same = {"vector_size": 100, "window": 5, "alpha": 0.05, "ns_exponent": 0.5, "epochs": 1, "seed": 1}
with device.one_thread():
    began = time.process_time()
    plain = word2vec.train(corpus, word2vec.Word2VecConfig(**same), progress=True)
    middle = time.process_time()
    model = fasttext.train(corpus, fasttext.FastTextConfig(**same), progress=True)
print(f"word2vec {middle - began:.0f} CPU seconds, fastText {time.process_time() - middle:.0f}")

# %% tags=["hero", "nbval-ignore-output"]
# RareWords: the pairs that both know, those with an unknown word, and all; the control has read nothing.
untrained = fasttext.FastTextKeyedVectors(vocab.index_to_key, random_table(V + num_buckets))
unknown = [pair for pair in pairs if pair not in known]


def score(vectors, some):
    return vectors.evaluate_word_pairs(some, unknown_too=vectors is not plain)[1][0]


print(f"{len(known):,} pairs known, {len(unknown)} with an unknown word")
print(f"word2vec             known {score(plain, known):.2f}   with an unknown word: no answer")
for name, vectors in {"fastText": model, "fastText, untrained": untrained}.items():
    rhos = [score(vectors, some) for some in (known, unknown, pairs)]
    print(f"{name:20} known {rhos[0]:.2f}   with an unknown word {rhos[1]:.2f}   all {rhos[2]:.2f}")
assert score(model, pairs) >= 0.32

# %% [markdown]
# Where both have an answer the two are not far apart. But on the pairs that word2vec cannot even be asked, fastText is
# about as good as on the others. The control says how much of this is spelling alone: rows that have read nothing score
# above zero too, for *undated* and *undatable* share letters, and people find them alike. Most of the score was learnt.
# (The paper's own, after the English Wikipedia: 0.47, and 0.43 for skip-gram, its table 1.)
#
# And now the second question of the beginning. What did you write down for *laughter*?

# %% tags=["hero", "nbval-ignore-output"]
# The neighbours of four words, by word2vec and by fastText, from the same text.
for word in ["laughter", "mattress", "mother", "good"]:
    print(f"{word}, {vocab.counts[vocab.key_to_index[word]]:,} times in the text")
    for name, vectors in {"word2vec": plain, "fastText": model}.items():
        near = vectors.most_similar(word, topn=5)
        print(f"    {name}:", ", ".join(f"{other} {cosine:.2f}" for other, cosine in near))
assert "slaughter" in [near for near, cosine in model.most_similar("laughter", topn=5)]

# %% [markdown]
# ***Slaughter.*** It calls all the n-grams of *laughter* but those with the mark in front, so each step of the one has
# dragged the other along. *Mattress* and *buttress*, in the run saved here: words that only look related are the
# price of knowing the unknown ones. What could tell them apart is each word's own row, and the n-grams that nobody
# else calls; one pass over the text gives these few steps. (*Mattress* is rare; word2vec has little to say of it
# either.)

# %% [markdown] tags=["instructor"]
# **Minutes 38-43.** The run was started at minute 13. **Type** the neighbours (3 lines). Before it runs, everyone says
# the word on their paper.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.

# %% [markdown]
# ### Misspellings
#
# word2vec has no answer for *defintely*. fastText has one. First a test: take 300 words and **drop one letter** from
# inside each, so that the result is not in the vocabulary. Is the right word among the ten neighbours of the wrong one?
#
# Predict two numbers in per cent: for our model, and for the control, the model that has *never read a word*.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# 300 words with a letter dropped: is the right word among the ten nearest? (What `kept` counts comes below.)
rng = np.random.default_rng(1)
candidates = [word for word in vocab.index_to_key[300:8000] if len(word) > 6 and word.isalpha()]
drops = [(word, word[:i] + word[i + 1:]) for word in rng.permutation(candidates).tolist()
         for i in [int(rng.integers(1, len(word) - 1))]]
drops = [(right, wrong) for right, wrong in drops if wrong not in vocab][:300]
rights, wrongs = zip(*drops)
targets = np.array([vocab.key_to_index[right] for right in rights])
friends = plain.nearest(plain[list(rights)], topn=11)[0][:, 1:]
found, kept = {}, {}
for name, vectors, asked in [("trained", model, wrongs), ("untrained", untrained, wrongs), ("right", model, rights)]:
    near = vectors.nearest(vectors[list(asked)], topn=100)[0]
    found[name] = (near[:, :10] == targets[:, None]).any(axis=1).mean()
    kept[name] = np.mean([np.isin(mine, some).mean() for mine, some in zip(friends, near)])
print(f"such as {', '.join(wrongs[:6])}")
print(f"right word among ten:  trained {found['trained']:.0%}, untrained {found['untrained']:.0%}")
assert found["untrained"] > 0.5

# %% [markdown]
# The model that has never read a word finds the right spelling *more* often. It did surprise us. Two words that share
# n-grams call the same rows, whatever stands in them: **to find a spelling, nothing has to be learnt.** Had we shown
# you the first number alone, you might have praised the training.
#
# What, then, does training add? Take the ten *friends* of each right word, its neighbours by the judgement of
# word2vec, which knows no spelling. How many of them are among the hundred nearest of the *misspelt* word? And, to
# know what could be reached at best: among the hundred nearest of the right word, for the same fastText?

# %% tags=["hero", "nbval-ignore-output"]
# The friends of the right word, among the hundred words nearest to the misspelling.
print(f"friends among a hundred:  trained {kept['trained']:.1%}, untrained {kept['untrained']:.1%}")
print(f"of the right spelling:    trained {kept['right']:.1%}")
assert kept["trained"] > 2 * kept["untrained"]

# %% [markdown]
# There it is: it takes training to carry a meaning across the typing error. In the run saved here about a third of the
# friends that the right spelling has arrives. Try your own. Write a word, then misspell it: swap two letters, double
# one, drop the first. What breaks it most? And what does it answer, with what confidence, for a word that you made up
# by hitting the keyboard?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The neighbours of the right spelling and of yours; the control has read nothing.
from course_lib import viz
from course_lib.viz import subwords


def draw_typo(right, yours):
    right, yours = right.lower(), yours.lower()
    return subwords.beside({
        "right": model.most_similar(right, topn=8), "yours": model.most_similar(yours, topn=8),
        "yours, untrained": untrained.most_similar(yours, topn=8),
        "yours, word2vec": plain.most_similar(yours, topn=8) if yours in plain else None,
    }, f"Near “{right}”, and near “{yours}”", sought=right)


viz.explore(draw_typo, right=viz.Text("definitely", label="right spelling"), yours=viz.Text("defintely", label="yours"))

# %% [markdown]
# In the run saved here the words nearest to *defintely* are other people's misspellings of it.
#
# **Look inside.** Which pieces does a vector come from? It is a mean, so its length can be divided up exactly: of each
# row count the part that points in the word's direction (a row that points against it counts as negative), and the
# parts add up to 100%. Before you look: in *kindness*, who has the larger share, the pieces of *kind* or those of
# *ness*?
#
# The diamonds are the control: the share that a row would have *for its length alone*, if all rows pointed in
# random directions. A bar beyond its diamond says: the other pieces agree with me.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The shares of the pieces in a word's vector; ask for your own words, also for words that do not exist.
viz.explore(lambda word: subwords.contributions(word, *model.ngram_vectors(word.lower())), word=viz.Text("kindness"))

# %% [markdown]
# *Ness* speaks, and *kind* whispers. But in the run saved here the bars of `ness` and `ness>` end *before* their
# diamonds: they are large because these rows are long, not because the others agree with them. A piece of many words
# takes part in all their steps, and its row grows long. The word's own row would be the first of the list, and is too
# short to be among the twenty shown. Try *film*, *king*, *unkind*, and some letters that mean nothing. The line under
# the title is the judge: do the pieces agree with each other better than random arrows would?

# %% tags=["hero", "nbval-ignore-output"]
# The agreement of the pieces, and the nearest words: real words, and letters that mean nothing.
for word in ["kindness", "electricity", "ocean", "king", "xqzvkj"]:
    agree, chance = subwords.agreement(model.ngram_vectors(word)[1])
    near = ", ".join(f"{other} {cosine:.2f}" for other, cosine in model.most_similar(word, topn=3))
    print(f"{word:12} pieces agree {agree:.2f}, random directions {chance:.2f}; nearest: {near}")
    assert word != "ocean" or agree > 1.5 * chance

# %% [markdown]
# The pieces of *ocean* agree best, and its neighbours are of the sea. Those of *xqzvkj* agree no better than chance:
# the model answers all the same, with neighbours and cosines, and never says that it does not know; the agreement says
# it. *Kindness* has other *-ness*es around it, not *kind*. *King* is the interesting one. Its pieces are in *walking*,
# *asking* and *making* too, and they know little of crowns.

# %% [markdown] tags=["instructor"]
# **Minutes 43-50. Type** the agreement (3 lines). The rest is filled in; collect misspellings from the room.
#
# **Poll** before the test of 300 words: "the model that has read nothing finds the right spelling in..."
# - *about 0%*: thinks that all its answers are random. Its rows are random; words with the same letters share them.
# - *less often than the trained one*: most people. Run.
# - *as often, or more*: ask why, and let them explain it to the room.

# %% [markdown]
# ## What you know now
#
# - A word is its own row and the rows of its n-grams, 3 to 6 characters between the marks `<` and `>`; its vector is
#   their mean. An unknown word has its n-grams alone.
# - A hash replaces the list of n-grams: FNV-1a over bytes *with a sign*. Buckets are shared, mostly with rare ones.
# - A step of one word moves all that share its pieces. That is where vectors for rare and unseen words come from, and
#   *slaughter* beside *laughter* too.
# - Finding a misspelt word's right spelling takes no training. Carrying its meaning over does.
#
# **Quiz.** Open the answer that you would give.
#
# **1. A word is not in the vocabulary. Its vector is...**
#
# <details><summary>zero.</summary>
#
# That would be word2vec's polite way of having no answer. Here its n-grams have rows of their own.
#
# </details>
# <details><summary>the mean of the rows of its n-grams.</summary>
#
# Right, and nothing is counted for the row that it does not have.
#
# </details>
# <details><summary>that of the known word with the nearest spelling.</summary>
#
# No word is looked up. It comes out *near* such words because it calls many of their rows.
#
# </details>

# %% [markdown]
# **2. Two n-grams fall into the same bucket. What happens?**
#
# <details><summary>The later one gets the next free bucket.</summary>
#
# That is how a dictionary does it, which keeps the keys to compare. Here no list of n-grams is kept.
#
# </details>
# <details><summary>They share one row.</summary>
#
# Right. Steps of both move it, and the more frequent one has more say in where it points.
#
# </details>
# <details><summary>The word with the later one cannot be trained.</summary>
#
# Both can. The row is a compromise, one of many in a word's mean.
#
# </details>

# %% [markdown]
# **3. You load a model trained by the original program, and every English word has the right vector. Is your hash
# right?**
#
# <details><summary>Yes, English is the hardest test.</summary>
#
# It is the easiest: all its bytes are below 128, where a sign makes no difference.
#
# </details>
# <details><summary>Only a word with other letters can tell.</summary>
#
# Right: *café*, or anything in Russian or Chinese.
#
# </details>

# %% [markdown]
# **4. You train with `max_n=0`, no n-grams at all. What is that?**
#
# <details><summary>word2vec's skip-gram.</summary>
#
# Right: each word is the mean of one row. (Our library wants 1 or more, and has `word2vec` for this.)
#
# </details>
# <details><summary>A bag of words.</summary>
#
# A bag of words counts a text's words. Here is one word, with nothing in its bag but itself.
#
# </details>

# %% [markdown]
# **5. A model finds the right word for 70% of the misspellings. What do you ask before you praise its training?**
#
# <details><summary>What the same model finds before its training.</summary>
#
# Right. A control that has read nothing says how much of the 70% was in the spelling.
#
# </details>
# <details><summary>Whether 300 misspellings are enough.</summary>
#
# A fair question, but the uncertainty of a share of 300 is a few per cent. The control may say far more.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Piotr Bojanowski, Edouard Grave, Armand Joulin, Tomas Mikolov (2017). Enriching Word Vectors with Subword
#   Information. TACL 5. fastText.
# - Hinrich Schütze (1993). Word Space. NeurIPS. Vectors from character n-grams, long before.
# - Edouard Grave, Piotr Bojanowski, Prakhar Gupta, Armand Joulin, Tomas Mikolov (2018). Learning Word Vectors for 157
#   Languages. LREC.
# - Glenn Fowler, Landon Curt Noll, Kiem-Phong Vo, Donald Eastlake, Tony Hansen. The FNV Non-Cryptographic Hash
#   Algorithm. Internet draft.
# - Thang Luong, Richard Socher, Christopher Manning (2013). Better Word Representations with Recursive Neural Networks
#   for Morphology. CoNLL. RareWords.
