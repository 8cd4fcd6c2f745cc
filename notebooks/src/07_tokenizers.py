# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: tokenizers
#   title: Tokenizers
#   minutes: 75
# ---

# %% [markdown]
# # 07 Tokenizers: what a model reads
#
# The models from here to GPT read neither letters nor words. They read numbers, and each number stands for a piece of
# text out of a fixed list. GPT-2's list has 50,257 entries. At the end of this lesson you cut any text, in any script,
# as GPT-2 does, to the number; you know what the same sentence costs in four languages, and why. And you have made a
# list of your own, from our eleven million words, that is half as long and cuts text of their kind into fewer parts.
#
# **You will build** byte pair encoding: how it learns its list, how it cuts a word that it has never seen, and why no
# letter is unknown to it. Beside it stands BERT's way, WordPiece. **You need** lesson 05 (words have insides) and
# Python's dictionaries and strings; no mathematics.
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict, join (0-16). B: Cut a new word (16-27). C: Bytes, and who pays
# (27-37). D: The run, the belief (37-50). BERT's way is homework, but for the published tie, which makes a good end.
#
# **Minute 0.** Three numbers on the board, before anything runs: the tokens of the English, the Chinese and the Hindi
# sentence. Leave them there until block C.
#
# **When 15 minutes late:** leave out the race of the two trainers and the stream, and show the saved table of the run.
# Do not leave out *seat* on paper: who has cut it by hand has understood the order of the merges.

# %% [markdown]
# ## Predict: the price of a sentence
#
# One sentence in four languages. It says the same in all of them, in 63, 61, 16 and 47 characters.
#
# | | |
# |---|---|
# | English | My grandmother drinks a cup of tea in the garden every morning. |
# | Spanish | Mi abuela toma una taza de té en el jardín todas las mañanas. |
# | Chinese | 我奶奶每天早上在花园里喝一杯茶。 |
# | Hindi | मेरी दादी हर सुबह बगीचे में एक कप चाय पीती हैं। |
#
# GPT-2 reads **tokens**, the entries of its list (its **vocabulary**): at most 1,024 of them at once. And who sells the
# answers of such a model counts them. So tokens are what a text costs.
#
# **Write down three numbers before you run:** how many tokens has the English sentence, how many the Chinese one, and
# how many the Hindi one?

# %% tags=["boilerplate"]
# The sentence in four languages, and GPT-2's own list.
from collections import Counter

from course_lib import bpe, data
from course_lib.tokenizers import BPETokenizer

sentences = {
    "English": "My grandmother drinks a cup of tea in the garden every morning.",
    "Spanish": "Mi abuela toma una taza de té en el jardín todas las mañanas.",
    "Chinese": "我奶奶每天早上在花园里喝一杯茶。",
    "Hindi": "मेरी दादी हर सुबह बगीचे में एक कप चाय पीती हैं।",
}
gpt2 = BPETokenizer.load(data.path("gpt2_merges"))
print(gpt2)

# %%
# Characters and tokens of each, and the price beside the English one.
english = len(gpt2.encode(sentences["English"]))
for language, text in sentences.items():
    tokens = len(gpt2.encode(text))
    print(f"{language:8} {len(text):2} characters, {tokens:2} tokens: {tokens / english:.1f} times the English price")

# %% [markdown]
# The shortest sentence costs more than twice as much as the longest, and the Hindi one five and a half times as much:
# for the same cup of tea. Where did the tokens go? **Look** at where the four are cut. You need not read the languages.
# What is a token in English, more or less? And in Chinese?

# %%
# Where GPT-2 cuts them: each text, and the places of its tokens.
from course_lib.viz import tokenizers as pictures

pictures.boundaries({language: (text, gpt2.offsets(text)) for language, text in sentences.items()})

# %% [markdown]
# In English a token is a word, and it has swallowed the space in front. In Spanish it is a part of a word. In Chinese
# and in Hindi most tokens are *less than a letter*. How can anything be less than a letter? And who drew up a list in
# which *grandmother* is one token and हर is four? Nobody did. The list was learned, by a rule so short that you can do
# it with a pencil. The two questions are this lesson.

# %% [markdown]
# ## Join what stands together
#
# How large should a token be? Whole words are too many, and tomorrow's are not among them (lesson 05). Letters are few,
# but then a text is long: 63 tokens where GPT-2 has 13. **Byte pair encoding**, BPE for short, begins with letters and
# lets the text decide: *find the pair of neighbours that comes most often, and make it one token. Again. And again.*
#
# **Take a pencil.** The text is: *see* 3 times, *sea* twice, *late* 4 times. Words are never joined with one another.
# The pair `s e` stands in *see* and in *sea*: 3 + 2 = 5.
#
# | pair | `s e` | `e e` | `e a` | `l a` | `a t` | `t e` |
# |---|---|---|---|---|---|---|
# | comes | 5 | | | | | |
#
# Fill it in. Join the best pair; write ① for it wherever it stands: *see* is now ①e. Then do the next two joins. You
# will meet a tie. The rule for ties: **the older tokens first**. Letters are older than what was joined, and count as
# older in the order of the alphabet; the left token decides, then the right one.

# %%
# Your table. And one more: how often does the pair rr come in brrr?
text = {"see": 3, "sea": 2, "late": 4}
print(bpe.count_pairs(text))
print(bpe.count_pairs({"brrr": 1}))

# %% [markdown]
# Twice: `brrr` has an r beside an r in two places. Only one of them can be joined (to `br①` or, as we do it, from the
# left, to `b①r`), but both are counted. So does Hugging Face's trainer, whose lists ours are to equal.
#
# **Your turn (8 minutes).** Write `best_pair(words)`: `words` maps each word to how often it comes, and the answer is
# the pair to join next, a string of two characters. Here a token is *one character*, also ① and its like, so Python's
# own comparison of strings is our rule for ties: `"at" < "la" < "①e"`. Where no word has two tokens, the answer is the
# empty string.

# %% tags=["exercise"]
# Write the choice of the next pair.
def best_pair(words):
    """The pair of neighbours that comes most often; of equally frequent ones the smallest string; "" for none."""
    ### BEGIN SOLUTION
    pairs = Counter()
    for word, count in words.items():
        for left, right in zip(word, word[1:]):
            pairs[left + right] += count
    return min(pairs, key=lambda pair: (-pairs[pair], pair), default="")
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import tokenizers as check

check.best_pair(best_pair)

# %% [markdown] tags=["hint"]
# Which pairs has *late*, and how much does each of them get from it? You look for the largest count and, among equals,
# for the smallest string: can one comparison do both?

# %% [markdown] tags=["hint"]
# `zip(word, word[1:])` gives the neighbours. Then `min(pairs, key=lambda pair: (-pairs[pair], pair), default="")`:
# tuples are compared from the left, and the largest count has the smallest negative.

# %% [markdown]
# Now let it run until every word is one token. Were your second and third join `at` and `l②`? At the second three pairs
# tie, and the alphabet decides; at the third `l②` and `②e` do, and l is older than ②.

# %%
# Join the best pair six times; Python's replace joins from the left.
words = dict(text)
for sign in "①②③④⑤⑥":
    pairs = bpe.count_pairs(words)
    pair = min(pairs, key=lambda pair: (-pairs[pair], pair))
    words = {word.replace(pair, sign): count for word, count in words.items()}
    print(f"{pair} came {pairs[pair]} times and is now {sign}:", *words)

# %% [markdown]
# These six **merges**, in this order, are all that is learned. The list of tokens follows: the letters, and one new
# token a merge. How long the list shall be is for you to say: you stop when it is long enough.
#
# **Look.** One join after another. Predict the next before you move the slider; where two pairs come equally often, say
# which and why. Then write a text of your own in which *ing* becomes a token before any whole word does.

# %% tags=["boilerplate", "folded"]
# Any text's merges, step by step.
from course_lib import viz


def draw_joins(text, joins):
    words, names, merges = dict(Counter(text.split()).most_common(8)), {}, []
    for number in range(joins):
        pairs = bpe.count_pairs(words)
        if not pairs:
            break
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append((names.get(left, left), names.get(right, right)))
        sign = chr(0xE000 + number)  # a character that no text has
        names[sign] = "".join(merges[-1])
        words = {word.replace(left + right, sign): count for word, count in words.items()}
    pairs = sorted(bpe.count_pairs(words).items(), key=lambda item: (-item[1], item[0]))
    named = {tuple(names.get(token, token) for token in word): count for word, count in words.items()}
    return pictures.stepper(named, {tuple(names.get(t, t) for t in pair): n for pair, n in pairs}, merges)


viz.explore(draw_joins, text=viz.Text("see see see sea sea late late late late", label="text"),
            joins=viz.Slider(0, 20, value=1))

# %% [markdown]
# **From three words to many.** First a text must become words with counts. GPT-2 cuts it by a pattern: letters hold
# together, digits hold together, signs hold together. Before you run: whose are the spaces?

# %%
# GPT-2's words of a line.
print(bpe.gpt2_words("We'll see 24 cats, ok?  Fine"))

# %% [markdown]
# A word owns the space in front of it, so a text is its words one behind the other, with nothing lost. In lists of
# tokens this space is written `Ġ`.
#
# Our loop counts all pairs anew for every join. But a join touches only the words that hold the pair. In *late*, when
# `at` becomes ②: which pairs are gone, and which have come?

# %%
# The word after the join, the pairs that are gone, the pairs that came.
print(bpe.join_pair("late", "at", "②"))

# %% [markdown]
# The rest of the text stays as it was, and so do its counts. That is the fast version: remember for each pair the words
# that hold it, and update the counts by what went and what came. On all of Shakespeare, by what factor is it faster:
# for 30 joins, and for 2,000? (The fast one has to count everything once, too.)

# %% tags=["boilerplate", "nbval-ignore-output"]
# Thirty joins: everything counted anew each time, and the library's way.
import time

from course_lib import device

shakespeare = bpe.count_words(" ".join(sentence) for sentence in data.load("shakespeare"))
words, names, slow = {bpe.spell(word): count for word, count in shakespeare.items()}, {}, []
with device.one_thread():
    began = time.process_time()
    for number in range(30):
        pairs = bpe.count_pairs(words)
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        slow.append((names.get(left, left), names.get(right, right)))
        sign = chr(0xE000 + number)
        names[sign] = "".join(slow[-1])
        words = {word.replace(left + right, sign): count for word, count in words.items()}
    middle = time.process_time()
    fast = bpe.learn_merges(shakespeare, 256 + 30)
    end = time.process_time()
    bpe.learn_merges(shakespeare, 256 + 2000)
    last = time.process_time()
print(f"{len(shakespeare):,} different words")
print(f"30 joins: all anew {middle - began:.2f} s, only what changed {end - middle:.2f} s")
print(f"2,000 joins: all anew would take {(middle - began) * 2000 / 30:.0f} s, only what changed {last - end:.2f} s")

# %%
# Are the merges the same? The first ten.
print("the same thirty merges:", slow == fast)
print(" ".join(left + "+" + right for left, right in fast[:10]))

# %% [markdown]
# The longer the list, the larger the factor: later pairs stand in fewer and fewer words. (That the fast one learns what
# Hugging Face's `tokenizers` learns from the same text, ties included, is held by a test of the course.)

# %% [markdown] tags=["instructor"]
# **Minutes 0-16. Type** the prices (4 lines), the table of pairs (3 lines), the solution (5 lines), the six joins
# (6 lines). The stepper and the race are filled in.
#
# **The planned mistake:** `max(pairs, key=pairs.get)`. It is right until two pairs tie; run it and read the reply,
# below. Then ask why a rule for ties matters at all: two people who train on one text want one list.
#
# **Poll:** "the text has the word *zzzz* five times and nothing else. The count of `zz` is..."
# - *10*: what can be joined. `str.count` says so too.
# - *15*: right; three places in each word.
# - *20*: counts letters, not pairs.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(words):
    pairs = Counter()
    for word, count in words.items():
        for left, right in zip(word, word[1:]):
            pairs[left + right] += count
    return max(pairs, key=pairs.get, default="")


check.best_pair(planned_mistake)

# %% [markdown]
# ## Cut a new word
#
# The merges are learned: `s+e`, `a+t`, `l+at`, `lat+e`, `se+e`, `se+a`. Now comes a word that was not in the text:
# *seat*. There are two ways, and both use tokens of the list: `sea t` and `se at`. Which would you take?
#
# BPE **replays the merges in the order in which they were learned**. With a pencil: start from `s e a t`. First merge,
# `s+e`: is there such a pair? Join it, wherever it stands. Second merge, `a+t`. Third ... Where do you end?

# %%
# The library's answer, from the same six merges.
merges = [("s", "e"), ("a", "t"), ("l", "at"), ("lat", "e"), ("se", "e"), ("se", "a")]
toy = BPETokenizer(merges)
for word in ["seat", "sea", "tease"]:
    print(word, toy.tokens(word))

# %% [markdown]
# `se at`. When the turn comes to `se+a`, there is no lone a any more: `a+t` was learned earlier and has taken it. *Sea*
# is in the list and was not used.
#
# **Your turn (10 minutes).** Write `cut(word, merges)`: `merges` is a list of pairs of strings, in the order in which
# they were learned, and the answer is the list of the word's tokens. A merge joins every place where its two tokens
# stand side by side, from the left: *aaa* by `a+a` becomes `aa a`.

# %% tags=["exercise"]
# Write the replay of the merges.
def cut(word, merges):
    """The tokens of a word, as a list of strings."""
    ### BEGIN SOLUTION
    tokens = list(word)
    for left, right in merges:
        joined = []
        for token in tokens:
            if joined and joined[-1] == left and token == right:
                joined[-1] = left + right
            else:
                joined.append(token)
        tokens = joined
    return tokens
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.cut(cut)

# %% [markdown] tags=["hint"]
# Which of two loops is the outer one: that over the merges, or that over the word? What do you start from, before any
# merge? And if you build a new list while you walk along the old one, which token has to be compared with which?

# %% [markdown] tags=["hint"]
# `tokens = list(word)`, then `for left, right in merges:` and a new list `joined`. Walk along `tokens`: if the last of
# `joined` is `left` and the token at hand is `right`, replace the last by `left + right`; else append the token.

# %% [markdown]
# GPT-2's 50,000 merges are a file of as many lines, and they cut by this rule too. Does it matter? Here is the other
# way beside it, **longest match**: from the left, each time the longest token that fits. Before you run: which of the
# two needs fewer tokens, and in how many of a hundred words do they differ?

# %%
# Longest match with GPT-2's own tokens, beside the merges, for four words.
def longest_match(word, vocab):
    tokens, start = [], 0
    while start < len(word):
        end = next(end for end in range(len(word), start, -1) if word[start:end] in vocab)
        tokens.append(word[start:end])
        start = end
    return tokens


for word in [" alaska", " france", " hollywood", " shakespeare"]:
    print(f"merges {gpt2.tokens(word)}   longest match {longest_match(bpe.spell(word), gpt2.vocab)}")

# %% tags=["boilerplate"]
# Every word of a sample of Wikipedia, both ways.
wikipedia = bpe.count_words(" ".join(sentence) for sentence in data.load("wikipedia"))
total = Counter()
for word, count in wikipedia.items():
    merged, longest = gpt2.tokens(word), longest_match(bpe.spell(word), gpt2.vocab)
    total += Counter({"words": count, "differ": count * (merged != longest), "merges": count * len(merged),
                      "longest match": count * len(longest)})  # fmt: skip
print(f"{total['differ'] / total['words']:.1%} of {total['words']:,} words are cut differently")
print(f"tokens: merges {total['merges']:,}, longest match {total['longest match']:,} "
      f"({total['longest match'] / total['merges'] - 1:+.1%})")

# %% [markdown]
# The longest match needs *fewer* tokens, if only a little. Why then replay? Because the list alone does not say what a
# model has read. GPT-2 was trained on `Ġal aska`; `Ġalas ka` is made of its tokens as well, and means nothing to it
# that it has learned. How to cut is a contract between a model and its text, not an optimum.
#
# And is our cut GPT-2's, to the number? For `Hello world` and ` Hello world` the documentation of Hugging Face's GPT-2
# tokenizer prints `[15496, 995]` and `[18435, 995]`.

# %%
# The numbers that GPT-2 reads.
print(gpt2.encode("Hello world"), gpt2.encode(" Hello world"))

# %% [markdown] tags=["instructor"]
# **Minutes 16-27. Type** the toy (4 lines), the solution (9 lines), the longest match (7 lines and the 2 below).
# Everyone cuts *seat* on paper; collect hands for `sea t` and `se at` before running.
#
# **The planned mistake:** the longest match as the solution of `cut`. The check knows it by name; the reply is below.
#
# **Poll:** "we forget the order of the merges and keep the list of tokens. What is lost?"
# - *nothing, the list says all*: then cut *seat*.
# - *the cuts, for some words*: right, and with them what the model was trained on.
# - *speed*: longest match is not slow.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_longest_match(word, merges):
    known = {left + right for left, right in merges} | set(word)
    return longest_match(word, known)


check.cut(planned_longest_match)

# %% [markdown]
# ## No letter is unknown
#
# We began with the letters of our text. What of a letter that was not in it: é, 茶, 🙂? A list of all letters would be
# long. Unicode has room for 1,114,112 characters, and gets new ones nearly every year. GPT-2 does not begin with
# letters. It begins with **bytes**. A text is stored as bytes anyway, most often in UTF-8, which writes each character
# as one to four of them. There are 256 different bytes, these are the first 256 tokens, and nothing is left that they
# could not spell.

# %%
# The bytes of some characters; how many characters there could be.
import sys

for character in "aé茶म🙂":
    print(character, list(character.encode()))
print(f"{sys.maxunicode + 1:,}")

# %% [markdown]
# That is what is less than a letter: 茶 is three bytes, and as long as no merge has joined them it is three tokens.
#
# **Predict:** *dog* as the first word of a text, and in its middle; *Dog* in both places; *DOG*. How many different
# tokens are these five dogs for GPT-2?

# %%
# Five dogs.
for dog in ["dog", " dog", "Dog", " Dog", "DOG"]:
    print(f"{dog!r:7} {gpt2.tokens(dog)} {gpt2.encode(dog)}")

# %% [markdown]
# Six, for `DOG` is two, and no two of the five are alike. That ` dog` and `Dog` are one animal the model has to learn
# from the text, as it learns everything else.
#
# And the way back: bytes to text. Each token stands for some bytes. Where is the difficulty?
#
# ***Extra* (5 minutes).** Write `decode(ids, tokens)`: `tokens` is a list of bytes, `tokens[i]` those of the token with
# the number i. The answer is the text. What goes in must come out, to the last accent. Where the bytes are no whole
# character, because a model stopped in the middle of one, a � stands for them: Python's `errors="replace"` does that.

# %% tags=["exercise", "extra"]
# Write the way from numbers back to text.
def decode(ids, tokens):
    """The text of some tokens; `tokens` has the bytes of each."""
    ### BEGIN SOLUTION
    return b"".join(tokens[i] for i in ids).decode(errors="replace")
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.decode(decode)

# %% [markdown] tags=["hint"]
# Can one half of an é be decoded by itself? So what has to come first, joining or decoding?

# %% [markdown] tags=["hint"]
# `b"".join(...)` joins bytes, as `"".join(...)` joins texts. Then one `.decode(errors="replace")` for all of them.

# %% [markdown]
# Now the promise: *any* text comes back as it was. Try to break it. An accent that stands alone, a person out of three
# characters, nothing at all, the character number 0, white space of every kind, a script that runs from right to left:

# %%
# There and back: is it the same text?
hostile = ["café", "cafe\u0301", "👩\u200d🚀", "", "\0", " \t\r\n  \u3000", "سلام", "\ue000\ufffe", *sentences.values()]
for text in hostile:
    print(gpt2.decode(gpt2.encode(text)) == text, len(gpt2.encode(text)), ascii(text)[:60])

# %% [markdown]
# (There is one thing that no file can hold: half of a character out of UTF-16, a *surrogate*. The library says so in a
# sentence.)
#
# A chat window shows an answer while it is being written, token by token. GPT-2 writes *tea is 茶*. What does the
# window show after each token?

# %%
# The text after each token.
ids = gpt2.encode("tea is 茶")
for n in range(1, len(ids) + 1):
    print(ids[n - 1], gpt2.decode(ids[:n]))

# %% [markdown]
# A program that knows this waits for the rest of the character before it shows anything.
#
# **Who pays?** Back to the four sentences. Before the first merge, tokens are bytes. Merges are ordered, so the first
# thousand merges of GPT-2 are a tokenizer of their own, as are the first ten thousand. **Predict:** without any merge,
# which of the four sentences is the cheapest? And whose price has fallen furthest in the end?

# %% tags=["boilerplate"]
# The price of each sentence with the first n of GPT-2's merges.
SIZES = [0, 100, 300, 1000, 3000, 10_000, 25_000, 50_000]
shorter = {n: BPETokenizer(gpt2.merges[:n]) for n in SIZES}
prices = {language: [len(shorter[n].encode(text)) for n in SIZES] for language, text in sentences.items()}
for language, falling in prices.items():
    print(f"{language:8}", "  ".join(f"{n:,}: {price}" for n, price in zip(SIZES, falling)))

# %%
# The same as lines.
viz.show(*pictures.lines({language: (SIZES, falling) for language, falling in prices.items()},
                         "The price of one sentence in four languages", "merges used", "tokens"))

# %% [markdown]
# Without merges **the Chinese sentence is the cheapest**: its sixteen characters are 48 bytes, and English needs 63. So
# three bytes a character are not what makes Chinese dear. (Hindi, three bytes a letter too, begins with twice the
# English price.) The merges do: the English price falls to a fifth, the others' far less. They were learned from
# GPT-2's text, and a pair is joined if it is frequent *there*. Its makers had taken the pages in other languages out,
# as far as they could tell (Radford and others, 2019, section 3.7). The rule is the same for every script; the text was
# not.
#
# How far does that go? The list that we learn in the last section, from a text that is nearly all English, answers.

# %% [markdown] tags=["instructor"]
# **Minutes 27-37. Type** the bytes (3 lines), the dogs (2 lines), the round trip (3 lines), the picture (2 lines). Go
# back to the numbers on the board before the table of prices.
#
# **Poll:** "GPT-2's tokens are bytes at the bottom. So every language pays the same..."
# - *yes, bytes are bytes*: look at the first column, and then at the last.
# - *no, some scripts need more bytes a character*: true, and yet Chinese began as the cheapest.
# - *no, it depends on the text that the merges were learned from*: right; the text of the last section has next to no
#   Chinese in it.

# %% [markdown]
# ## BERT's way: the longest piece
#
# BERT's list is of another kind, **WordPiece**. A piece inside a word is marked `##`, so that the *at* of *atlas* and
# the `##at` of *seat* are two. A word is cut by the longest match that you have seen: only the list is kept, no merges.
# And if some part of a word fits no piece, the *whole word* becomes `[UNK]`, unknown. What becomes of *seat* and of
# *seats*, with the pieces below?

# %%
# Longest match over pieces with marks.
from course_lib import wordpiece

pieces = {"s", "se", "sea", "##at", "##t", "late", "##e"}
for word in ["seat", "late", "seats"]:
    print(word, wordpiece.longest_match(word, pieces))

# %% [markdown]
# `None` is the library's word for `[UNK]`: there is no `##s`, and so nothing of *seats* is read at all.
#
# How is the list learned? Google never published that program. The papers say: join the pair that makes the text more
# likely. Textbooks make of it a score:
#
# $$\text{score}(a, b) = \frac{\text{count}(a\,b)}{\text{count}(a) \cdot \text{count}(b)}$$
#
# with count(a b) how often the two pieces stand side by side, and count(a), count(b) how often each stands anywhere. A
# pair scores high if its two pieces are rarely apart. (Lesson 01 knows this fraction: its logarithm is PMI, but for a
# constant.)
#
# The Hugging Face course computes an example (chapter 6). Its text is *hug* 10 times, *pug* 5, *pun* 12, *bun* 4,
# *hugs* 5; after two joins it stands like this:
#
# > `hu ##g` 10 · `p ##u ##g` 5 · `p ##u ##n` 12 · `b ##u ##n` 4 · `hu ##gs` 5
#
# Then, it says, the best score is *shared* by `hu ##g` and `hu ##gs`, with 1/15 each. **With a pencil:** count(hu),
# count(##g), count(##gs), then both scores. Do you agree?

# %%
# The counts, and the two scores as fractions.
from fractions import Fraction

hu, g, gs = 10 + 5, 10 + 5, 5
print("hu", hu, " ##g", g, " ##gs", gs)
print("hu ##g ", Fraction(10, hu * g))
print("hu ##gs", Fraction(5, hu * gs))

# %% [markdown]
# No tie: 2/45 is less than 1/15, and what is joined is *hugs*, the rarer word. To get 1/15 for `hu ##g` one has to
# forget the `##g` of *pug*. A slip of a good course; it is why this one runs what it claims.
#
# ***Extra* (8 minutes).** Write `piece_scores(words)`: `words` maps each word, a tuple of pieces, to how often it
# comes. The answer is a dictionary with the score of every pair (left, right) that stands side by side somewhere.

# %% tags=["exercise", "extra"]
# Write the score of every pair.
def piece_scores(words):
    """(left, right) -> count(left right) / (count(left) * count(right))."""
    ### BEGIN SOLUTION
    single, pairs = Counter(), Counter()
    for pieces, count in words.items():
        for piece in pieces:
            single[piece] += count
        for pair in zip(pieces, pieces[1:]):
            pairs[pair] += count
    return {(left, right): n / (single[left] * single[right]) for (left, right), n in pairs.items()}
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.piece_scores(piece_scores)

# %% [markdown] tags=["hint"]
# Two things are counted: pieces and pairs. How much does a word that comes 5 times add to each of its pieces? What if a
# piece stands in it twice?

# %% [markdown] tags=["hint"]
# Two Counters, filled in one loop over `words.items()`: `for piece in pieces: single[piece] += count`, and the same for
# `zip(pieces, pieces[1:])`. Then one dictionary of `n / (single[left] * single[right])`.

# %% [markdown]
# Which pieces does the score make first in all of Shakespeare? Compare with joining by count alone, as BPE does (and as
# does the trainer that Hugging Face calls WordPiece). **Predict:** will the first joins by score be of frequent pairs,
# or of rare ones?

# %% tags=["boilerplate"]
# The first twenty joins in Shakespeare: by count, by score, and by score among pairs that come 100 times or more.
plays = wordpiece.count_words(" ".join(sentence) for sentence in data.load("shakespeare"))
for name, score, min_count in [("by count", wordpiece.count_score, 1), ("by score", wordpiece.textbook_score, 1),
                               ("by score, 100 or more", wordpiece.textbook_score, 100)]:  # fmt: skip
    learned = wordpiece.learn_pieces(plays, 150, score, min_count)
    print(f"{name}:", " ".join([piece for piece in learned if len(piece.removeprefix("##")) > 1][:20]))
for part in ["qu", "subj", "ssubjug"]:
    holders = {word: count for word, count in plays.items() if part in word}
    print(f"{part} stands in {len(holders)} different words, {sum(holders.values()):,} times")

# %% [markdown]
# Some are frequent (a q is hardly ever without its u). But soon after `qu` the score has found *assubjugate*, which
# comes once in all of Shakespeare, and eats it up letter by letter: what stands together once, and nowhere else, scores
# highest. Nothing in the formula asks whether a piece will ever be needed again. A lower bound on the count helps.
#
# One last difference. BERT cleans a text before it cuts: no capitals, no accents (in the model called *uncased*), and
# signs stand apart. **Predict:** what comes back from *My café, OK? 茶!*, by a WordPiece learned from our Shakespeare,
# a text without signs?

# %%
# A WordPiece of 4,000 pieces from Shakespeare: there and back again.
from course_lib.tokenizers import WordPieceTokenizer

lines = [" ".join(sentence) for sentence in data.load("shakespeare")]
bard = WordPieceTokenizer().train(lines, 4000, wordpiece.count_score)
print(bard.tokens("My café, OK? 茶!"))
print(bard.decode(bard.encode("My café, OK? 茶!")))
print("GPT-2:", gpt2.decode(gpt2.encode("My café, OK? 茶!")))

# %% [markdown]
# The capitals and the accent are gone for good; and each sign that its text did not have is `[UNK]`, as is 茶. (BERT's
# own list has signs and many Chinese characters. It, too, has an `[UNK]` and no way back.)

# %% [markdown] tags=["instructor"]
# **If there is time** (10 minutes): the published tie on paper, its cell (4 lines), and the three lists.
#
# **Poll:** "a score that prefers rare pairs: where have we met it?"
# - *GloVe's weights*: they do the opposite, and weigh rare pairs less.
# - *PMI*: right; lesson 01, where the top pairs were words seen once, and a lower bound on the count cured it.

# %% [markdown]
# ## Eleven million words
#
# Now a list of our own, from the whole text of the course: definitions, facts, plays, encyclopedia, film reviews, all
# in small letters and, but for apostrophes, without signs. Every 25th stretch of a thousand sentences is **held out**:
# no merge sees it.
#
# A good list makes a text short, so the score is **characters per token** on the held-out text. (Spaces count, they are
# part of the tokens.) **The target:** with 25,000 tokens, half of GPT-2's list, more characters per token than GPT-2,
# and that in at least 25 of the 29 stretches.
#
# Two controls. GPT-2's first 25,000 tokens: a list of *our size* from *its text*. And a list of our size from our text
# with **the letters of each word jumbled**: the same order for a word each time it comes, so all words keep their
# counts, but *-ing*, *un-* and *-ness* are gone. What a list still gains then, it gains from whole words.
#
# **Predict:** how many of our first 1,000 tokens are in GPT-2's list too, which was learned from other text, with
# capitals and signs? And how much of our score will the jumbled list reach?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Read the text and count its words, with progress; the held-out stretches one by one.
import random

from tqdm.auto import tqdm

stretches = {}


def lines_to_learn_from():
    reading = tqdm(data.load("course_corpus"), desc="reading", unit=" sentences", unit_scale=True)
    for i, sentence in enumerate(reading):
        if i // 1000 % 25 == 24:
            stretches.setdefault(i // 1000, []).append(" ".join(sentence))
        else:
            yield " ".join(sentence)


counts = bpe.count_words(lines_to_learn_from())
held_out = [bpe.count_words(lines) for lines in stretches.values()]
print(f"{sum(counts.values()):,} words to learn from, {len(counts):,} of them different")
print(f"{len(held_out)} stretches held out")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Learn 25,000 tokens, from the text and from the jumbled text.
def jumbled(word):
    """The letters of a word in another order, always the same for the same word; the space stays in front."""
    letters = list(word.strip())
    random.Random(word).shuffle(letters)
    return word[:len(word) - len(letters)] + "".join(letters)


def jumble(words):
    mixed = Counter()
    for word, count in words.items():
        mixed[jumbled(word)] += count
    return mixed


with device.one_thread():
    began = time.process_time()
    our_merges = bpe.learn_merges(counts, 25_000)
    middle = time.process_time()
    jumbled_merges = bpe.learn_merges(jumble(counts), 25_000)
print(f"ours {middle - began:.0f} CPU seconds, jumbled {time.process_time() - middle:.0f}")

# %% tags=["boilerplate", "hero"]
# Characters per token, for lists of many sizes: a list's first merges are a smaller list.
def characters_per_token(tokenizer, words):
    tokens = sum(count * len(tokenizer.encode(word)) for word, count in words.items())
    return sum(count * len(word) for word, count in words.items()) / tokens


every = sum(held_out, Counter())
lists = {"ours": (our_merges, every), "GPT-2": (gpt2.merges, every), "letters jumbled": (jumbled_merges, jumble(every))}
scores = {}
for name, (merges, words) in lists.items():
    sizes = [n for n in (256, 500, 1000, 2000, 4000, 8000, 16_000, 25_000, 50_256) if n <= len(merges) + 256]
    scores[name] = sizes, [characters_per_token(BPETokenizer(merges[:n - 256]), words) for n in sizes]
    print(f"{name:15}", "  ".join(f"{size:,}: {score:.2f}" for size, score in zip(*scores[name])))
reached = scores["letters jumbled"][1][-1] / scores["ours"][1][-1]
print(f"of our score at 25,000 tokens, the jumbled list has {reached:.0%}")

# %% tags=["boilerplate", "hero"]
# Is the target reached? Ours beside all of GPT-2's, on all that was held out and stretch by stretch.
ours = BPETokenizer(our_merges)
beside = [(characters_per_token(ours, words), characters_per_token(gpt2, words)) for words in held_out]
wins = sum(mine > theirs for mine, theirs in beside)
print(f"ours, 25,000 tokens    {scores['ours'][1][-1]:.2f} characters per token")
print(f"GPT-2, 50,257 tokens   {scores['GPT-2'][1][-1]:.2f}")
print(f"ours is ahead in {wins} of {len(beside)} stretches")
assert scores["ours"][1][-1] > scores["GPT-2"][1][-1]
assert wins >= 25

# %% tags=["hero"]
# How many tokens are GPT-2's too: of the first 1,000 and of all 25,000, without the 256 bytes.
for name, merges in {"ours": our_merges, "letters jumbled": jumbled_merges}.items():
    for n in (1000, 25_000):
        shared = sum(left + right in gpt2.vocab for left, right in merges[:n - 256])
        print(f"{name:15} of {n - 256:,} tokens {shared:,} are in GPT-2's list: {shared / (n - 256):.1%}")

# %% tags=["hero"]
# The three lists as lines.
viz.show(*pictures.lines(scores, "Held-out text, cut by lists of many sizes", "tokens in the list",
                         "characters per token"))

# %% [markdown]
# Two lists from two texts, and of the first thousand tokens nearly all are the same: what is frequent in English is
# frequent everywhere. Further down the lists part.
#
# At equal size ours is ahead of GPT-2's from the first hundreds on; what differs is the text that it was learned from.
# It is no better list. It is a list for *this* text, and the next section shows the bill. And the jumbled list comes
# closer than we had guessed: much of what 25,000 tokens gain are whole, frequent words. The gap that stays is what
# words have in common, from *th* to *-ness*.
#
# **Look** at a text being glued together, merge by merge. Where does your own name stay in pieces? Then exchange the
# list.

# %% tags=["boilerplate", "folded", "hero"]
# Your text, and how far the merges go.
MERGES = [0, 30, 100, 300, 1000, 3000, 10_000, 24_744]


def draw_glued(text, merges, list_of):
    known = our_merges if list_of == "ours" else gpt2.merges
    tokenizer = BPETokenizer(known[:merges])
    return pictures.glued(text, tokenizer.offsets(text), f"{list_of}, {merges:,} merges")


viz.explore(draw_glued, text=viz.Text("the grandmother drinks a cup of tea and remembers shakespeare"),
            merges=viz.Choice(MERGES, value=1000), list_of=viz.Choice(["ours", "GPT-2"], label="list"))

# %% [markdown]
# ### Whose text?
#
# Our list has never seen a capital letter or a comma, and next to nothing but English. **Predict:** on film reviews *as
# they were written*, who is ahead, and by how much? And how many tokens has the Chinese sentence now, of 48 bytes?

# %% tags=["boilerplate", "hero"]
# 500 reviews in three states, each with one change more; then the four sentences.
import re

reviews = [review.text for review in data.load("film_sentiment")[:2000:4]]
small = [text.lower() for text in reviews]
bare = [re.sub("[^a-z]+", " ", text) for text in small]
for name, texts in {"as written": reviews, "in small letters": small, "and without signs": bare}.items():
    words = bpe.count_words(texts)
    print(f"{name:18} characters per token: ours {characters_per_token(ours, words):.2f}, "
          f"GPT-2 {characters_per_token(gpt2, words):.2f}")
for language, text in sentences.items():
    print(f"{language:18} tokens: ours {len(ours.encode(text))}, GPT-2 {len(gpt2.encode(text))}, "
          f"bytes {len(text.encode())}")

# %% tags=["boilerplate", "hero"]
# How much Chinese, and how much of Hindi's script, is in the text that ours was learned from? Which merges came of it?
letters = Counter()
for word, count in counts.items():
    letters.update({letter: count for letter in word if not letter.isascii()})
print(f"{sum(len(word) * count for word, count in counts.items()):,} characters in all")
for name, first, last in [("Chinese", "一", "鿿"), ("Hindi's", "ऀ", "ॿ")]:
    some = {letter: count for letter, count in letters.items() if first <= letter <= last}
    print(f"{name} {sum(some.values())} characters, {len(some)} different ones")
print("bytes with which the letters of the Hindi sentence begin:",
      sorted({letter.encode()[:2] for letter in sentences["Hindi"] if letter > "~"}))
learned = [bpe.unspell(left + right) for left, right in our_merges]
print("merged:", [token for token in learned if token.startswith((b"\xe0", b" \xe0"))])

# %% [markdown]
# The order has turned: with capitals and signs back, GPT-2's list is far ahead. Signs make short tokens for both. Of
# the capitals GPT-2 hardly takes notice, and ours pays for each.
#
# The Chinese sentence now costs 48 tokens for 48 bytes, the full price. The Hindi one is the odd case: there is even
# less of its script in our text than of Chinese, and yet two merges came of it, of a space with the bytes behind it.
# All letters of the sentence begin with one of two pairs of bytes, so even these few have something in common. What is
# frequent is joined, whatever it means. **A list is a memory of its text, and of nothing else.**
#
# It remembers strange things, too:

# %% tags=["hero"]
# How many tokens has each of these for GPT-2?
for text in [" grandmother", " unhappiness", " 1999", " 1899", " SolidGoldMagikarp"]:
    print(text, gpt2.tokens(text), gpt2.encode(text))

# %% [markdown]
# *Unhappiness* is two tokens, and SolidGoldMagikarp one: a name under which somebody, on an internet forum, took part
# in counting to infinity (Rumbelow and Watkins, 2023). It must have been frequent in the text that the *list* was
# learned from. They found that GPT-3, which has the same list, answered with nonsense when asked to repeat it, and
# suspect that the text which the *model* was trained on had hardly any of it: a row of the table that never took a
# step.

# %% [markdown]
# > **Common belief:** *"The tokens are the meaningful parts of words: BPE finds stems, prefixes and endings."* So
# > *kindness* becomes `kind ness`. True or false? Decide; the next cell settles it for our list.
#
# Take the words of our text that are another of its words (seen five times or more) with one of nine endings, or with
# one of six prefixes in front. Of those that are cut at all: how many are cut *at the seam*, where the ending begins or
# the prefix ends? The **control** is chance: as many cuts, put between any two letters.

# %% tags=["boilerplate", "hero"]
# At the seam, or elsewhere? For each ending and prefix.
def seams(affix, ending):
    """(words that are cut, those cut at the seam, those expected by chance)."""
    cut_words, at_seam, chance = 0, 0, 0.0
    for word in counts:
        size = len(word) - len(affix)
        stem, seam = (word[:size], size) if ending else (" " + word[len(affix) + 1:], len(affix) + 1)
        whole = stem + affix if ending else f" {affix}{stem[1:]}"
        if word != whole or len(stem) < 4 or stem[0] != " " or counts[stem] < 5:
            continue
        ends = [end for _, end in ours.offsets(word)][:-1]
        if ends:
            cut_words += 1
            at_seam += seam in ends
            chance += len(ends) / (len(word) - 2)
    return cut_words, at_seam, chance


endings = ["ness", "ing", "ed", "ly", "er", "less", "able", "ment", "ful"]
found = {f"-{affix}": seams(affix, True) for affix in endings}
found |= {f"{affix}-": seams(affix, False) for affix in ["un", "re", "dis", "mis", "over", "non"]}
found["all of them"] = tuple(map(sum, zip(*found.values())))
for affix, (cut_words, at_seam, chance) in found.items():
    print(f"{affix:11} {cut_words:6,} words that are cut: {at_seam / cut_words:.0%} at the seam, "
          f"by chance {chance / cut_words:.0%}")
for word in [" kindness", " brightness", " weirdness", " unkind", " unlike", " unanswerable"]:
    print(ours.tokens(word), end=" ")

# %% [markdown]
# Half true. The seams are met far more often than by chance, although nobody told the list what an ending is: what
# words have in common is frequent. But in about half of these words the cut falls elsewhere. BPE counts pairs of
# neighbours, and meaning comes in only as far as it is frequent. *-ful* and *-able* are found nearly always, *re-*
# hardly more often than by chance. And *kindness*, frequent as a whole, is one token: its ending is not to be seen in
# it any more. (Another way to learn a list, Unigram, keeps closer to the seams: Bostrom and Durrett, 2020.)

# %% [markdown] tags=["instructor"]
# **Minutes 37-50.** Start the run at minute 34; it needs no watching. **Type** the shared tokens (4 lines) and the
# picture (2 lines). Collect the two guesses before; vote on the belief before its cell.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "a model has learned with GPT-2's list. We swap the list for ours, which makes the text shorter. The
# model..."
# - *gets faster*: it would, if it understood anything. Number 3290 is another word now.
# - *reads nonsense*: right. List and model belong together, as the merges and their order do.
# - *does not notice*: it never sees the text, only the numbers, and these have changed.

# %% [markdown]
# ## What you know now
#
# - A model reads the numbers of tokens. Which stretches of text are tokens was learned from a text, before the model
#   saw any.
# - BPE joins the most frequent pair of neighbours, again and again, with a rule for ties. A new word is cut by
#   replaying the merges in their order, not by the longest match; that is a contract with the model, not an optimum.
# - Byte-level BPE starts from 256 bytes: nothing is unknown, and any text comes back. A token may be less than a
#   letter.
# - WordPiece keeps a list of pieces and takes the longest that fits; where none fits, the whole word is `[UNK]`.
# - A list is short for the text that it was learned from. Others pay, in tokens, and that means in money, in time, and
#   in how much of them a model can read at once.
# - About half of the words with an ending or a prefix are cut at the seam: much more than by chance, much less than in
#   a grammar book.
#
# **Quiz.** Open the answer that you would give.
#
# **1. The merges are `a+b`, `b+c`, `ab+c`, in this order. How is *abc* cut?**
#
# <details><summary>`a bc`</summary>
#
# `b+c` is the second merge. When its turn comes, the b has been joined to the a already.
#
# </details>
# <details><summary>`abc`</summary>
#
# Right: `ab c` after the first merge, nothing for the second, `abc` after the third.
#
# </details>
# <details><summary>`ab c`</summary>
#
# Only if the third merge were missing. It joins the two.
#
# </details>

# %% [markdown]
# **2. You train a byte-level BPE on English alone and give it a Greek text. What happens?**
#
# <details><summary>It stops: it has never seen these letters.</summary>
#
# It has seen all 256 bytes, and they spell every letter.
#
# </details>
# <details><summary>Every Greek word becomes [UNK].</summary>
#
# That is WordPiece. Byte-level BPE has no unknown token, and needs none.
#
# </details>
# <details><summary>Nearly every byte becomes a token, and all of it comes back.</summary>
#
# Right. It can read Greek and pays the full price for it, like the Chinese of our last section.
#
# </details>

# %% [markdown]
# **3. Somebody decodes each token by itself, `tokens[i].decode()`, and all tests pass. What were the tests?**
#
# <details><summary>English texts.</summary>
#
# Right: there a token is whole characters. The first 茶, or the first emoji, would have told.
#
# </details>
# <details><summary>Texts in every script.</summary>
#
# Then some character would have been spread over two tokens, and its halves are no text.
#
# </details>

# %% [markdown]
# **4. You keep GPT-2's first 10,000 merges and throw the other 40,000 away. What do you have?**
#
# <details><summary>A broken file: the tokens refer to one another.</summary>
#
# Later tokens are made of earlier ones, never the other way round. The front part stands on its own.
#
# </details>
# <details><summary>The tokenizer that the same training would have given with a smaller list.</summary>
#
# Right. Training joins pair after pair and only has to stop earlier.
#
# </details>
# <details><summary>A random tenth of its words.</summary>
#
# The most frequent ones, or rather those joined first. And a fifth.
#
# </details>

# %% [markdown]
# **5. A vocabulary of 1,000,000 tokens would make every text still shorter. What does it cost?**
#
# <details><summary>Nothing but the memory for the list.</summary>
#
# A model has a row of numbers for each token, and at each step it has to choose among all of them.
#
# </details>
# <details><summary>Rows that are hardly ever trained.</summary>
#
# Right, and a model with a million rows to choose from. A token that comes ten times takes ten steps; think of
# SolidGoldMagikarp.
#
# </details>
# <details><summary>Unknown words.</summary>
#
# There are none with bytes at the bottom, however long the list.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Philip Gage (1994). A New Algorithm for Data Compression. The C Users Journal 12. Byte pair encoding, to save disks.
# - Rico Sennrich, Barry Haddow, Alexandra Birch (2016). Neural Machine Translation of Rare Words with Subword Units.
#   ACL. BPE for words; the fast version of the counts is theirs.
# - Alec Radford and others (2019). Language Models are Unsupervised Multitask Learners. GPT-2: bytes and the pattern.
# - Mike Schuster, Kaisuke Nakajima (2012). Japanese and Korean Voice Search. ICASSP. WordPiece's beginning; Yonghui Wu
#   and others (2016), Google's Neural Machine Translation System, brought it to translation, and BERT took it from
#   there.
# - Kaj Bostrom, Greg Durrett (2020). Byte Pair Encoding is Suboptimal for Language Model Pretraining. Findings of
#   EMNLP.
# - Aleksandar Petrov, Emanuele La Malfa, Philip Torr, Adel Bibi (2023). Language Model Tokenizers Introduce Unfairness
#   Between Languages. NeurIPS. And: Orevaoghene Ahia and others (2023). Do All Languages Cost the Same? EMNLP.
# - Jessica Rumbelow, Matthew Watkins (2023). SolidGoldMagikarp (plus, prompt generation); and its third part, Glitch
#   Token Archaeology. LessWrong.
# - The Hugging Face course, chapter 6. The tie that is not one.
