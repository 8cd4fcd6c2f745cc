# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: finetuning
#   title: Fine-tuning
#   minutes: 80
# ---

# %% [markdown]
# # 16 Fine-tuning: an old body, a new head
#
# The last two lessons made a model that fills in masked words. Nobody needs that. What people need is a verdict on a
# review, or the names in a message, and they have a few examples with the answers written beside them. So: keep the
# body that has read so much, put a new head on it, and train both for a minute. That is **fine-tuning**, since 2018 the
# usual way to build a classifier. At the end of this lesson you know what it is worth: you have a curve from 50
# labelled reviews on, with counting words on the same axes, and for each size that both were tried with a line that
# says who is ahead, or that nobody is.
#
# **You will build** batches in which nobody's padding changes anybody's answer, labels for pieces of words, a body that
# stands still; and with them a reader of reviews and a finder of names. **You need** lessons 14 and 15 (BERT and its
# pretraining), lesson 08 (the loop, TF-IDF, the held-out shelves) and lesson 07 (pieces of words).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict, body and head by hand (0-13). B: Padding (13-25). C: Names (25-35).
# D: *Bank*, the curve, the beliefs (35-50).
#
# **Minute 0.** Four percentages on the board, everyone writes their own: the three readers with 200 labels, and who
# wins with 20,000. Leave them there until the curve.
#
# **Start the run of the two readers** ("One row, live") at minute 33, before *bank*: it takes most of a minute.
#
# **When 15 minutes late:** leave out the names' run (show the saved table) and the choice of the pieces to keep. Do
# not leave out the pencil: who has filled in the two slopes knows what frozen means.

# %% [markdown]
# ## Predict: 200 labels
#
# Here is the course's own BERT: four layers, pretrained in lesson 15's way on the text of this course. That includes
# film reviews, though none of those that lesson 08 holds out, and **not one verdict**. Ask it what it expects:

# %% tags=["boilerplate"]
# The pretrained model and its tokenizer; the reviews, their verdicts, and which ones are held out.

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import bert, data, device, finetuning, pretrain, training, viz

pretrained, tokenizer = pretrain.load(data.path("bert"))
reviews = [review for review in data.load("film_sentiment") if review.source == "imdb"]
y = np.array([review.label for review in reviews])  # 1: liked it
held_out = pretrain.held_out_reviews()
train_rows, held_rows = np.flatnonzero(~held_out), np.flatnonzero(held_out)
print(f"{len(train_rows):,} reviews to choose from, {len(held_rows):,} held out")


# %% tags=["nbval-ignore-output"]
# What does it put into the gap? The five likeliest pieces.
def guesses(text):
    ids = tokenizer.encode_batch([text]).input_ids  # [CLS], the text, [SEP], as it was read: [1, T]
    logits, _ = pretrained(ids, masked_places=(ids[0] == tokenizer.mask_id).nonzero()[:, 0])
    return [tokenizer.decode([i]) for i in logits[0].topk(5).indices.tolist()]


with torch.no_grad():
    for text in ["this film is [MASK] .", "the acting is [MASK] and i liked it .", "he lives in new [MASK] ."]:
        print(f"{text:42}", *guesses(text))

# %% [markdown]
# It has never been told whether any author liked anything. Now it gets labels, but few of them. **Three readers**
# learn from the same 200 labelled reviews, and are asked about 500 of the held-out ones:
#
# 1. **TF-IDF and one neuron**, lesson 08's bar: it counts words, and cannot read.
# 2. **BERT from scratch**: the same network with random weights.
# 3. **BERT, pretrained**: the same network with the weights that filled those gaps.
#
# **Write down three percentages** (a coin gets 50), and a fourth guess: with *20,000* labels, who wins? The answers
# come in *From 50 labels to 20,000*.

# %% [markdown]
# ## A body and a head
#
# The **body** turns a text into a vector h; in BERT it is made from the first token, `[CLS]`, which every text has. The
# **head** is new: a linear layer from that vector to one score for each label. Everything in between you know from
# lesson 08. Let us do one step by hand, numbers made up: a body that has found $h = (2, 1)$, a head with the table
# $W = \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}$, a row for each label (*against*, *for*), and an author who was
# **for** the film.
#
# $$s = W h \qquad\qquad p = \text{softmax}(s) \qquad\qquad \text{loss} = -\ln p_\text{for}$$
#
# 1. The two scores, and the two probabilities. ($e^2 = 7.39$, $e^1 = 2.72$.) The loss.
# 2. The slope of the loss for each score is $p - (0, 1)$: what was said, minus what is true.
# 3. **Into the head:** the slope of entry (i, j) of W is slope i times $h_j$: four numbers.
# 4. **Into the body:** the slope of $h_j$ is the sum over the labels of slope i times $W_{ij}$: two numbers.

# %%
# Forward, then the slopes of the head and of the body.
h, W, truth = np.array([2.0, 1.0]), np.eye(2), np.array([0, 1])
s = W @ h
p = np.exp(s) / np.exp(s).sum()
print("scores", s, "probabilities", p.round(2), f"loss {-np.log(p[1]):.2f}")
print("slopes into the head", np.outer(p - truth, h).round(2).tolist())
print("slopes into the body", (W.T @ (p - truth)).round(2))

# %% [markdown]
# The last line is where three ways part:
#
# - **full**: the slopes go on into the body, down to the embeddings, and everything moves;
# - **frozen**: they are thrown away, and only the head moves;
# - **from scratch**: everything moves, and the body begins with random numbers.
#
# **Predict:** suppose the new head begins with nothing but zeros, as our neuron did in lesson 08. In the very first
# step, how far does the *body* move?

# %%
# The same with a head of zeros.
W = np.zeros((2, 2))
p = np.array([0.5, 0.5])
print("slopes into the head", np.outer(p - truth, h).tolist(), " into the body", (W.T @ (p - truth)).tolist())

# %% [markdown]
# Not at all: a head without an opinion has nothing to tell the body. (Real heads begin with small random numbers.)
# What the head learns in its first steps decides which way the body is pulled.
#
# The library's `finetuning.prepare` sets up the three ways. Before you run: what share of the numbers learns when the
# body is frozen?

# %%
# One model a way; how many of its parameters learn?
for how in ["full", "frozen", "scratch"]:
    model = bert.BertForSequenceClassification(pretrained.bert.config, num_labels=2)
    print(f"{how:8}", finetuning.prepare(model, how, None if how == "scratch" else pretrained.bert))

# %% [markdown]
# 514 numbers: two rows of 256, and two more. A neuron in all but name, whose inputs were not counted by a person but
# made by a body.
#
# ***Extra* (8 minutes).** Write `frozen_optimizer(model, learning_rate)`. The model has a body `model.bert` and a head
# `model.classifier`. See to it that no gradient is computed for the body, and return an AdamW with weight decay 0.1
# over what still learns. The check takes two steps with it and looks at what moved.

# %% tags=["exercise", "extra"]
# Freeze the body; an optimizer for the rest.
def frozen_optimizer(model, learning_rate):
    """Freezes model.bert, and returns torch.optim.AdamW with weight decay 0.1 for the parameters that learn."""
    ### BEGIN SOLUTION
    model.bert.requires_grad_(False)
    learning = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(learning, lr=learning_rate, weight_decay=0.1)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import finetuning as check

check.frozen_optimizer(frozen_optimizer)

# %% [markdown] tags=["hint"]
# Who has a switch called `requires_grad`: a module, or a parameter? If you set an attribute of that name on a module,
# does anything in PyTorch read it?

# %% [markdown] tags=["hint"]
# `model.bert.requires_grad_(False)`, with the underscore at its end, tells every parameter below. Then
# `[p for p in model.parameters() if p.requires_grad]` is what AdamW should get.

# %% [markdown] tags=["instructor"]
# **Minutes 0-13. Type** the pencil's cell (5 lines), the head of zeros (3 lines), the three ways (3 lines). Collect the
# four percentages before the first cell.
#
# **The planned mistake:** `model.bert.requires_grad = False`. It runs, it prints nothing, and it does nothing. The
# reply is below; ask how one would ever notice.
#
# **Poll:** "a frozen body, a head of 514 numbers, 200 labels. It is..."
# - *a small model, so it cannot overfit*: 514 numbers for 200 labels can learn all of them by heart.
# - *one neuron on features that somebody else made*: right.
# - *BERT*: only the part that does not move.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(model, learning_rate):
    model.bert.requires_grad = False
    return torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.1)


check.frozen_optimizer(planned_mistake)

# %% [markdown]
# ## Whose padding is it?
#
# Texts of a batch have unlike lengths, and a tensor has straight edges. Lesson 10 filled short texts up and hid the
# filling by a mask. Forget the mask, and nothing crashes. **Predict:** the same short review, read once alone and once
# beside a long one. By how much does its verdict vector change: not at all, in the third decimal, or plainly?

# %% tags=["boilerplate", "nbval-ignore-output"]
# A short review alone; then beside a long one, without a mask and with it.
short, long = sorted(reviews[:500], key=lambda review: len(review.text))[:: 499]
texts = [tokenizer.encode_batch([review.text], max_length=256).input_ids[0] for review in (short, long)]
ids = nn.utils.rnn.pad_sequence(texts, batch_first=True)  # [2, T], filled up with 0, which is [PAD]
with torch.no_grad():
    alone = pretrained.bert(texts[0][None]).pooled[0]
    changes = []
    for name, mask in {"without a mask": None, "with a mask": ids != 0}.items():
        beside = pretrained.bert(ids, mask).pooled[0]
        changes.append((beside - alone).norm() / alone.norm())
        print(f"{name:15} {len(texts[0])} tokens beside {len(texts[1])}: the vector changes by {changes[-1]:.1%}")
assert changes[0] > 0.03
assert changes[1] < 1e-4

# %% [markdown]
# Plainly. Without the mask the verdict on one film depends on who else happened to be asked about another. With it the
# two agree to the last digits. A mistake of this kind never raises an error; it costs some points, and nobody knows
# why.
#
# There is a second place where padding gets in. Where a text's vector is the **mean** of its tokens' vectors, as many
# do it instead of taking `[CLS]`, the mean needs the mask as well.
#
# **Your turn (10 minutes).** Write `mean_vectors(read, rows)`. `rows` are texts, each a list of ids, of unlike lengths;
# 0 stands for [PAD] and for nothing else. `read(ids, mask)` is a body: it takes ids [B, T] and a boolean mask [B, T],
# True for a token, and returns vectors [B, T, D]. Return [B, D]: the mean of each text's vectors, **whoever else is in
# the batch**. Texts are filled up on the right.

# %% tags=["exercise"]
# Write the mean vector of each text.
def mean_vectors(read, rows):
    """One vector a text, the mean over its own tokens: [B, D]."""
    ### BEGIN SOLUTION
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[place < len(row) for place in range(longest)] for row in rows])
    hidden = read(ids, mask)
    return (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say? It reads each text alone, and beside others.
check.mean_vectors(mean_vectors)

# %% [markdown] tags=["hint"]
# There are two places where padding could come in. Who has to know the mask, so that no token looks at padding? And by
# what do you divide the sum of a text of 3 tokens that was filled up to 8?

# %% [markdown] tags=["hint"]
# `hidden * mask[:, :, None]` sets the vectors of the padding to 0, so that they add nothing; `mask.sum(1,
# keepdim=True)` is how many tokens each text has, [B, 1].

# %% [markdown]
# ### What padding costs
#
# The right answer is one thing, the price another: a place that is filled up is computed like any other, and then
# thrown away. Three ways to make batches:
#
# - **padded**: take texts as they come, fill up to the longest of the batch;
# - **bucketed**: put texts of like length together (`finetuning.bucketed_batches`), then fill up;
# - **packed**: write the texts of a batch one after another into a single row, and let attention keep to each
#   (`finetuning.packed_batches`). Nothing is filled up.
#
# **Predict** for tweets, 16 a batch: what share of the padded places is padding? And what share for film reviews that
# are cut at 256 tokens?

# %% tags=["boilerplate"]
# The lengths of 800 tweets and of 400 reviews; how many places each way computes.
from course_lib.viz import finetuning as pictures

tweets = data.load("entities")
some = train_rows[:: len(train_rows) // 400][:400]
texts_of = {"tweets": [" ".join(words) for words, _ in tweets[:800]], "reviews": [reviews[i].text for i in some]}
kinds = {kind: [tokenizer.encode_batch([text], max_length=256).input_ids[0].tolist() for text in texts]
         for kind, texts in texts_of.items()}  # fmt: skip


def batches_of(texts, size):
    """The lengths in each batch, for the three ways."""
    generator = torch.Generator().manual_seed(1)
    order = torch.randperm(len(texts), generator=generator).tolist()
    drawn = [[len(texts[i]) for i in order[start:start + size]] for start in range(0, len(texts), size)]
    bucketed = finetuning.bucketed_batches(texts, [0] * len(texts), batch_size=size)(generator)
    return {"padded": drawn, "bucketed": [batch.attention_mask.sum(1).tolist() for batch in bucketed],
            "packed": [[sum(batch)] for batch in drawn]}


# %%
# Places computed, and the share that is padding.
for kind, texts in kinds.items():
    tokens = sum(map(len, texts))
    for way, batches in batches_of(texts, 16).items():
        places = pictures.padded_size(batches)
        print(f"{kind:8} {way:9} {places:8,} places for {tokens:,} tokens: {1 - tokens / places:.0%} padding")

# %% [markdown]
# **Look** at the batches themselves. Move the size of a batch: where does padding get worse, and where better? Then
# the reviews: why is there less to gain? (The hatched part is computed and thrown away.)

# %% tags=["boilerplate", "folded"]
# Three ways to make batches of 48 texts.
def draw_batches(kind, size):
    ways = batches_of(kinds[kind][:48], size)
    return pictures.padding(ways, f"48 {kind}, {size} a batch")


viz.explore(draw_batches, kind=viz.Choice([*kinds], label="texts"), size=viz.Choice([2, 4, 8, 16, 24], value=8))

# %% [markdown]
# Short and long texts side by side are what is dear. Of the reviews many are as long as the cut lets them be, so there
# is less to fill. And is a packed row really the same computation? Twelve tweets, one by one, padded and packed:

# %%
# The vectors of twelve tweets, three ways.
texts = [torch.tensor(text) for text in kinds["tweets"][:12]]
padded = finetuning.pad(texts, [torch.tensor(0)] * 12)
packed = finetuning.pack(texts, [torch.tensor(0)] * 12)
with torch.no_grad():
    one_by_one = torch.cat([pretrained.bert(text[None]).pooled for text in texts])  # the naive way: [12, 256]
    answers = {"padded": pretrained.bert(padded.input_ids, padded.attention_mask).pooled,
               "packed": pretrained.bert(packed.input_ids, lengths=packed.lengths).pooled}
for way, vectors in answers.items():
    print(way, tuple(vectors.shape), "as one by one:", torch.allclose(vectors, one_by_one, atol=1e-5))

# %% [markdown]
# The same to 1e-5. From here on answers are given packed (`finetuning.predict` does so), and nothing is wasted. We
# *train* bucketed: packed rows have another length each time, and the holes that this leaves in the memory of a small
# computer add up.

# %% [markdown] tags=["instructor"]
# **Minutes 13-25. Type** the counted places (5 lines) and the solution (5 lines). Ask for the two shares before.
#
# **The planned mistake:** the mask for the mean, and none for the reader. The reply is below.
#
# **Poll:** "batch of one text, no mask. The answer is..."
# - *wrong*: there is no padding in it.
# - *right*: yes. That is why such a mistake is found late: every test with one text passes.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(read, rows):
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = ids != 0
    return (read(ids) * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


check.mean_vectors(planned_mistake)

# %% [markdown]
# ## Names in tweets: a verdict for each word
#
# The head can stand on every token instead of on the first. Then each word gets a verdict, and that is how names are
# found. Here are some thousand tweets, tagged by people (Ritter and others, 2011): **B-person** begins a person's name,
# **I-person** goes on with it, **O** is no name. (The scheme is called IOB2.) There are ten kinds: persons, places,
# companies, films, and six more.

# %%
# A tweet with its tags, and its pieces.
words, tags = tweets[0]
words, tags = words[12:20], tags[12:20]
print(*(f"{word}/{tag}" for word, tag in zip(words, tags)))
text = " ".join(words)
print(*(text[start:end] for start, end in tokenizer.offsets(text)))

# %% [markdown]
# People tag words, and the model reads pieces. So one word's tag meets two or three pieces. **On paper:** the words
# *Zoë embeds* have the labels 3 and 0; the pieces are `[CLS] zoe em ##bed ##s [SEP]`. Which of the six places should
# count in the loss, and with which label?
#
# If all pieces of a word counted, *embeds* would weigh three times as much as *Zoë*; and B- would begin a name in every
# one of them. So the first piece is asked, and the others are not. `F.cross_entropy` leaves out what has the label
# **-100**. Which word a piece belongs to, `finetuning.words_of_pieces` works out from the places.

# %%
# The pieces' words, and the labels aligned: the library's.
pieces = finetuning.words_of_pieces(["Zoë", "embeds"], [(0, 0), (0, 3), (4, 6), (6, 9), (9, 10), (0, 0)])
print("pieces of words", pieces)
print("labels         ", finetuning.align_labels(pieces, [3, 0]))

# %% [markdown]
# **Your turn (8 minutes).** Write it yourself: `align_labels(pieces, labels)`. `pieces` has for each piece the number
# of its word, None for special tokens; `labels` has one number a word. Return a list as long as `pieces`. Some words
# may have no piece at all: a tokenizer drops signs that it cannot read, and a long text is cut.

# %% tags=["exercise"]
# Write a label for each piece.
def align_labels(pieces, labels):
    """The word's label on the first piece of each word, -100 everywhere else."""
    ### BEGIN SOLUTION
    aligned, before = [], None
    for word in pieces:
        first = word is not None and word != before
        aligned.append(labels[word] if first else -100)
        before = word
    return aligned
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.align_labels(align_labels)

# %% [markdown] tags=["hint"]
# Walk along the pieces and remember the word of the piece before. When is a piece the first of its word? What does
# Python make of `if word:` when the word is number 0?

# %% [markdown] tags=["hint"]
# `first = word is not None and word != before`, then `labels[word] if first else -100`, and at the end of each turn
# `before = word`.

# %% [markdown]
# ### Who finds the names?
#
# Copies of a tweet must not stand on both sides (lesson 08), so they are taken out. The last 500 tweets are held out,
# and to save time everyone learns from the first 1,000, and is asked less than the tags say: **is it a name**, of
# whatever kind? How good is a finder? Count whole names, in strict IOB2: right is who has the first word and the last.
# **Precision** is the share of the names found that are right, **recall** the share of the true names that were found,
# and **F1** their harmonic mean.
#
# **Predict** for a finder that always says O: what share of the words does it get right? And what is its F1?

# %% tags=["boilerplate"]
# Distinct tweets, 1,000 known, 500 held out; a finder that says O, and one that remembers each word's usual tag.
from collections import Counter, defaultdict

distinct = {" ".join(words): (words, [tag if tag == "O" else f"{tag[0]}-name" for tag in tags])
            for words, tags in tweets}  # fmt: skip
distinct = [*distinct.values()]
known_tweets, asked_tweets = distinct[:1000], distinct[-500:]
gold = [tags for _, tags in asked_tweets]
remembered = defaultdict(Counter)
for words, tags in known_tweets:
    for word, tag in zip(words, tags):
        remembered[word][tag] += 1
found = {"always O": [["O"] * len(tags) for tags in gold],
         "each word's usual tag": [[remembered[word].most_common(1)[0][0] if word in remembered else "O"
                                    for word in words] for words, _ in asked_tweets]}  # fmt: skip
for name, answer in found.items():
    right = np.mean([a == b for one, other in zip(answer, gold) for a, b in zip(one, other)])
    print(f"{name:22} {right:.1%} of the words right; names: F1 {finetuning.entity_f1(gold, answer).f1:.2f}")

# %% [markdown]
# The laziest finder of all is right about nearly every word, and has never found a name. That is why names are counted
# and not words. Now two taggers, `BertForTokenClassification`: from scratch and pretrained, the same steps for
# both. A handicap for both: our BERT reads small letters only, and capitals say much about names. Will the pretrained
# body help?

# %% tags=["boilerplate"]
# Lesson 08's loop, as all models of this lesson get it: warm up, then down in a straight line; no dropout.
def fit(model, batches, steps, learning_rate):
    config = training.TrainingConfig(steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10,
                                     decay="linear", seed=1)  # fmt: skip
    with device.one_thread():
        return training.train(model, batches, finetuning.loss, config)


# %% tags=["boilerplate"]
# Tweets as pieces with aligned labels; a tagger trained and asked.
LABELS = ["O", "B-name", "I-name"]


def prepared(words, tags):
    batch = tokenizer.encode_batch([" ".join(words)], offsets=True)  # with [CLS] and [SEP]
    pieces = finetuning.words_of_pieces(words, batch.offsets[0])
    labels = finetuning.align_labels(pieces, [LABELS.index(tag) for tag in tags])
    return batch.input_ids[0].tolist(), labels, pieces


def tagged(how, epochs=2, learning_rate=5e-4):
    torch.manual_seed(1)
    model = bert.BertForTokenClassification(pretrained.bert.config, len(LABELS))
    finetuning.prepare(model, how, None if how == "scratch" else pretrained.bert)
    texts, labels, _ = zip(*(prepared(*tweet) for tweet in known_tweets))
    fit(model, finetuning.bucketed_batches(texts, labels, batch_size=8), epochs * len(texts) // 8, learning_rate)
    texts, _, pieces = zip(*(prepared(*tweet) for tweet in asked_tweets))
    with device.one_thread():
        answers = finetuning.predict(model, texts, max_tokens=1024)
    return [finetuning.tags_of_words(piece, [LABELS[i] for i in answer], len(words))
            for piece, answer, (words, _) in zip(pieces, answers, asked_tweets)]  # fmt: skip


# %% tags=["boilerplate", "nbval-ignore-output"]
# Two taggers: from scratch and pretrained.
for name, how in {"BERT from scratch": "scratch", "BERT, pretrained": "full"}.items():
    found[name] = tagged(how)

# %% tags=["boilerplate", "folded"]
# F1 with its 95% interval: the tweets drawn anew 1,000 times (a bootstrap); and the same for a difference.
def names_counted(answer):
    """For each tweet: names that are right, found, and there."""
    pairs = [(set(finetuning.entities(a)), set(finetuning.entities(b))) for a, b in zip(gold, answer)]
    return np.array([[len(a & b), len(b), len(a)] for a, b in pairs])  # [tweets, 3]


def f1_of(counts):
    right, found, there = counts[..., 0], counts[..., 1], counts[..., 2]
    return 2 * right / np.maximum(found + there, 1)


draws = np.random.default_rng(0).integers(len(gold), size=(1000, len(gold)))
f1s = {name: f1_of(names_counted(answer)[draws].sum(1)) for name, answer in found.items()}  # [1000] each


def verdict(low, high):
    return "a win" if low > 0 else "a loss" if high < 0 else "a tie"


# %% tags=["boilerplate", "nbval-ignore-output"]
# The table, and the two differences that matter.
for name, answer in found.items():
    score, (low, high) = finetuning.entity_f1(gold, answer), np.percentile(f1s[name], [2.5, 97.5])
    print(f"{name:22} precision {score.precision:.2f}, recall {score.recall:.2f}, F1 {score.f1:.2f} "
          f"[{low:.2f}, {high:.2f}]")
for other in ["BERT from scratch", "each word's usual tag"]:
    low, high = np.percentile(f1s["BERT, pretrained"] - f1s[other], [2.5, 97.5])
    print(f"pretrained minus {other}: [{low:+.2f}, {high:+.2f}], {verdict(low, high)} for the pretrained")

# %% [markdown]
# Read the last two lines: they say what this run can say, and no more. These are one run each, of a small model, on
# few tweets. If two finders are both near 0, nothing has been compared: then nobody has found a name yet.

# %% [markdown] tags=["instructor"]
# **Minutes 25-35. Type** the tweet (4 lines), the aligned labels (3 lines), the solution (5 lines). Vote on the lazy
# finder's F1 first.
#
# **The planned mistake:** the label on every piece. The reply is below. Ask what happens to a B- on each piece of
# *Schwarzenegger*.
#
# **Poll:** "99% of the words right. A good finder of names?"
# - *yes*: with one name in a hundred words, always O has it too.
# - *cannot be said*: right. Ask for F1, and for which kinds.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.align_labels(lambda pieces, labels: [-100 if word is None else labels[word] for word in pieces])

# %% [markdown]
# ## *Bank* in two sentences
#
# Lesson 10 made two arrows out of one word, and the plain average of its sentence did as well. Now there is a trained
# body with four layers. Three sentences, with *bank* in the same place of each, and the same words before it:

# %% tags=["boilerplate"]
# The vectors of "bank" in a text, after each layer: [layers and embedding, 256].
def bank_vectors(body, text):
    ids = tokenizer.encode_batch([text]).input_ids
    place = ids[0].tolist().index(tokenizer.vocab["bank"])
    with torch.no_grad():
        return body(ids, return_layers=True).layers[:, 0, place]


torch.manual_seed(1)
untrained = bert.BertModel(pretrained.bert.config).eval()
river, money, loan = ("he walked to the bank of the river and sat down in the grass .",
                      "he walked to the bank with the money and opened an account .",
                      "he walked to the bank to pay back the loan and the interest .")

# %% [markdown]
# **Predict** the cosine between *bank* (river) and *bank* (money): at layer 0, where token and place have been added
# and nobody has looked at anybody; and after the last layer. A higher cosine is more alike; 1 is the same arrow.

# %% tags=["nbval-ignore-output"]
# Layer by layer: two senses, one sense twice; and the untrained body as a control.
for name, body in {"pretrained": pretrained.bert, "untrained": untrained}.items():
    a, b, c = (bank_vectors(body, text) for text in (river, money, loan))
    print(f"{name:10} river / money", *(f"{x:.2f}" for x in F.cosine_similarity(a, b)))
    print(f"{'':10} money / loan ", *(f"{x:.2f}" for x in F.cosine_similarity(b, c)))

# %% [markdown]
# At layer 0 the cosine is 1: the same word at the same place *is* the same vector. Then they part. (In the untrained
# body hardly: its weights are so small that a word stays what it was.) But look at both lines before you say "sense":
# the two of *one* sense part as well, as their neighbours differ too. Whether banks part *by sense* is a question for
# many sentences. In the text of this course *bank* is said of slopes and shores, and of houses full of money; here are
# 28 sentences of the dictionary, chosen by their headwords (by us, for the meaning; no model was asked).

# %% tags=["boilerplate", "folded"]
# Sentences of the dictionary with "bank" in them, by the word that they explain.
SHORE = "alluvion brae brookside cave curb embankment heelpath levee pitching rivage riverside scaur snowdrift wharf"
MONEY = ("banco cash cashier's circulating counterfeiter customer depositor discountable interconvertible lombar "
         "national offshore place teller")  # fmt: skip
sentences = {}
for words in data.load("definitions"):
    for sense, heads in {"shore": SHORE.split(), "money": MONEY.split()}.items():
        if words[0] in heads and words[0] not in sentences and words[1:].count("bank") == 1 and 5 <= len(words) <= 25:
            sentences[words[0]] = sense, " ".join(words)
heads, senses = [*sentences], [sense for sense, _ in sentences.values()]
print(Counter(senses), "for example:", sentences["brookside"][1], "|", sentences["teller"][1])

# %% [markdown]
# Each of the 28 *banks* looks for its nearest other one: is it of the same sense? By chance that is so in 13 of 27
# cases. The **controls**: the untrained body; layer 0, which knows only the word and its place; and, the hardest, the
# plain **average of the other tokens** of the sentence, which knows the company and has no layers at all. **Predict:**
# who is best?

# %% tags=["boilerplate"]
# The cosines of all pairs, for each layer of both bodies; and of the averages.
def cosines(rows):
    rows = F.normalize(rows - rows.mean(0), dim=-1)  # what all banks have in common taken away
    return (rows @ rows.T).numpy()


def of_company(text):
    ids = [i for i in tokenizer.encode(text) if i != tokenizer.vocab["bank"]]
    return pretrained.bert.tokens.weight[ids].detach().mean(0)


stacks = {name: torch.stack([bank_vectors(body, text) for _, text in sentences.values()])
          for name, body in {"pretrained": pretrained.bert, "untrained": untrained}.items()}  # [28, 5, 256] each
tables = {(name, layer): cosines(stack[:, layer]) for name, stack in stacks.items() for layer in range(5)}
tables["company", 0] = cosines(torch.stack([of_company(text) for _, text in sentences.values()]))

# %% tags=["nbval-ignore-output"]
# How many of the 28 have a nearest one of their own sense? Layers 0 to 4; the company has one row alone.
hits = {key: pictures.nearest_alike(table, senses) for key, table in tables.items()}  # [28] each
for name in ["pretrained", "untrained", "company"]:
    print(f"{name:10}", *(found.sum() for (who, _), found in hits.items() if who == name))

# %% [markdown]
# **Look** at the table of one layer. Two bright squares on the diagonal would be two senses. Move the layer from 0 up;
# then take the untrained body, and the company.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The cosines of 28 banks, layer by layer.
def draw_senses(whose, layer):
    layer = 0 if whose == "company" else layer
    title = "The other words' average" if whose == "company" else f"bank, {whose} body, layer {layer}"
    return pictures.senses(tables[whose, layer], heads, senses, title)


viz.explore(draw_senses, whose=viz.Choice(["pretrained", "untrained", "company"]), layer=viz.Slider(0, 4, value=4))

# %% tags=["boilerplate", "nbval-ignore-output"]
# The best layer of the pretrained body beside the company, and beside its own layer 0, paired by sentence.
best = max(range(5), key=lambda layer: hits["pretrained", layer].sum())
for name, key in {"its layer 0": ("pretrained", 0), "the company": ("company", 0)}.items():
    gap = hits["pretrained", best].astype(float) - hits[key]
    ahead, half = gap.sum(), 1.96 * gap.std() * len(gap) ** 0.5
    print(f"pretrained, layer {best}, minus {name}: {ahead:+.0f} of 28 [{ahead - half:+.1f}, {ahead + half:+.1f}], "
          f"{verdict(ahead - half, ahead + half)}")

# %% [markdown]
# Two questions, two answers. Against its own layer 0: is the sense in the vector of *bank* once the layers have let its
# neighbours in? A win says yes. Against the company: do the layers do more than let them in? A win says yes here, too;
# a tie is no sign. (28 sentences are few, and the best of five layers was picked afterwards, which flatters it. And
# these sentences were in the text whose gaps the body filled: it has seen them, though nobody told it about senses.)

# %% [markdown]
# ## From 50 labels to 20,000
#
# Now the question of the beginning. A review is longer than what we can afford to read: 128 tokens, `[CLS]` and `[SEP]`
# among them. **Which 126 pieces would you keep: the first, the middle, the last?** Or some of each? Ask lesson 08's
# neuron, which is quick: it learns from 126 pieces of each review, and only reviews of twice that length take part.
# (It is asked about shelves of the *training* side: who chooses a setting by what is held out has seen the answers.)

# %% tags=["boilerplate", "folded"]
# Lesson 08's neuron on TF-IDF, for lists of words or of pieces: learns from some, answers about others.
from scipy import optimize, sparse

from course_lib import cleaning
from course_lib.vocab import Vocab


def counts_of(lists, vocab):
    ids = [vocab.encode(words) for words in lists]
    rows = np.repeat(np.arange(len(ids)), [len(one) for one in ids])
    return sparse.csr_array((np.ones(len(rows)), (rows, np.concatenate(ids))), (len(ids), len(vocab)))


def neuron(known, labels, asked, C=None):
    """Whether each of `asked` is liked, by the neuron that learned from `known`."""
    vocab = Vocab.from_corpus(known, min_count=1)
    tables = [counts_of(lists, vocab) for lists in (known, asked)]
    tables[0].sum_duplicates(), tables[1].sum_duplicates()
    rarity = 1 + np.log(len(known) / np.bincount(tables[0].indices, minlength=len(vocab)))
    for X in tables:
        X.data = (1 + np.log(X.data)) * rarity[X.indices]
        X.data /= np.repeat(np.sqrt(np.maximum((X**2).sum(1), 1e-9)), np.diff(X.indptr))
    return fitted(tables[0], labels, tables[1], C)


def chosen(X, labels):
    """The C that is right most often about a fifth of the labelled rows, after learning from the other four."""
    folds = np.random.default_rng(0).permutation(len(labels)) % 5
    hits = {C: sum((fitted(X[folds != k], labels[folds != k], X[folds == k], C) == labels[folds == k]).sum()
                   for k in range(5)) for C in [0.01, 0.1, 1, 10, 100]}  # fmt: skip
    return max(hits, key=hits.get)


def fitted(X, labels, asked, C=None):
    """Logistic regression: the smallest sum of losses plus |w|^2 / 2C. Without a C, the one that is `chosen`."""
    C = chosen(X, labels) if C is None else C
    sign, turned = np.where(np.asarray(labels) == 1, 1, -1), X.T

    def loss_and_slope(w):
        s = sign * (X @ w[:-1] + w[-1])
        slope = -sign / (1 + np.exp(s))
        loss = np.logaddexp(0, -s).sum() + w[:-1] @ w[:-1] / (2 * C)
        return loss, np.append(turned @ slope + w[:-1] / C, slope.sum())

    w = optimize.minimize(loss_and_slope, np.zeros(X.shape[1] + 1), jac=True, method="L-BFGS-B").x
    return (asked @ w[:-1] + w[-1] > 0).astype(int)


# %% tags=["boilerplate", "nbval-ignore-output"]
# 3,000 long reviews to learn from, 1,500 of other shelves to answer: 126 pieces of each.
def long_ones(rows, number):
    """Reviews of 252 pieces or more: their places, and their pieces."""
    chosen = []
    for i in np.random.default_rng(1).permutation(rows):
        pieces = tokenizer.tokens(reviews[i].text)[1:-1]
        if len(pieces) >= 252:
            chosen.append((i, pieces))
        if len(chosen) == number:
            return zip(*chosen)


apart = train_rows // 250 % 5 == 0  # every fifth shelf
(learn, learn_pieces), (ask, ask_pieces) = long_ones(train_rows[~apart], 3000), long_ones(train_rows[apart], 1500)
parts = {"the first 126": lambda x: x[:126], "the middle 126": lambda x: x[len(x) // 2 - 63:len(x) // 2 + 63],
         "the last 126": lambda x: x[-126:], "32 and 94": lambda x: x[:32] + x[-94:]}  # fmt: skip
kept = {name: neuron([part(x) for x in learn_pieces], y[list(learn)], [part(x) for x in ask_pieces], 1) == y[list(ask)]
        for name, part in parts.items()}  # fmt: skip
print(f"32 and 94      {kept['32 and 94'].mean():.1%} right")
for name in [*parts][:3]:
    gap = kept["32 and 94"].astype(float) - kept[name]
    low, high = 100 * (gap.mean() + np.array([-1.96, 1.96]) * gap.std() / len(gap) ** 0.5)
    print(f"{name:14} {kept[name].mean():.1%} right; 32 and 94 are ahead by [{low:+.1f}, {high:+.1f}] points")
assert kept["32 and 94"].mean() > kept["the first 126"].mean()
learn_pieces = ask_pieces = None  # make room

# %% [markdown]
# The beginning tells the story; the verdict stands at the end. Whether a little of the beginning adds to the end, the
# third line does not decide: a tie. We keep **the first 32 pieces and the last 94**, for Sun and others (2019) tried
# head, tail and both with BERT and the same kind of reviews, and found both together best.

# %%
# A review as the model reads it: [CLS], the first 32 pieces, the last 94, [SEP].
def cut(text):
    ids = tokenizer.encode(text, special=False)
    ids = ids if len(ids) <= 126 else ids[:32] + ids[-94:]
    return [tokenizer.cls_id, *ids, tokenizer.sep_id]


print(len(cut(reviews[0].text)), "of", len(tokenizer.encode(reviews[0].text)), "pieces")

# %% [markdown]
# The whole curve takes hours, so it comes from a file: `benchmarks/results/labels.json`, written by
# `benchmarks/labels.py` on the machine that the file names. Each method learned from the same labelled reviews, three
# different draws of them, and answered about the same held-out ones. Counting's penalty is chosen by cross-validation,
# among the labelled reviews. *Frozen* is that regression on the body's mean vectors. *Asked in words* has no new head:
# behind the review stands *it was* [MASK]*.*, and whether praise or scorn fits better is the answer; with labels it
# practises that. How much of a review its networks read (the
# *first* and the *last* pieces) and how long they trained stands below the picture; it need not be what we can afford
# live.
#
# > **Common belief:** *"A pretrained model beats the traditional methods."* The article with which this course began
# > sees the difference between the two in how they are made (6.2: traditional ones are "designed mainly through rule
# > engines, statistical methods and methods based on trees"), and counts among the advantages of pretrained ones that
# > they "perform excellently in all kinds of NLP tasks" (6.3). True for film reviews? Decide: for 50, 1,000 and 20,000
# > labels. Then run.

# %% tags=["boilerplate"]
# The curve of the file.
import json
import pathlib

import course_lib

path = pathlib.Path(course_lib.__file__).parents[1] / "benchmarks/results/labels.json"
saved = json.loads(path.read_text("utf-8"))
title = f"Accuracy against labels ({saved['held_out']:,} held-out reviews; from a file)"
viz.show(*pictures.label_curves(saved["rows"], title))
import hashlib

ours = hashlib.sha256((data.path("bert") / "model.safetensors").read_bytes()).hexdigest()[:16]
print("measured on:", saved["machine"])
print("its pretrained BERT is the one you have here:", saved["checkpoint"] == ours)
for name in ["first", "last", "epochs", "batch"]:
    print(f"{name}:", saved.get("settings", {}).get(name, "not said"))

# %%
# Pretrained minus counting, paired by the labelled reviews, with 95% intervals.
COUNTING, PRETRAINED, SCRATCH = "TF-IDF + logistic regression", "BERT, pretrained", "BERT, from scratch"
WORDS = "BERT, asked in words"
for one, other in [(PRETRAINED, SCRATCH), (PRETRAINED, COUNTING), (WORDS, COUNTING)]:
    print(f"{one}, minus {other}:")
    for labels, gap in pictures.paired(saved["rows"], one, other).items():
        print(f"  {labels:6,} labels {100 * gap.mean:+5.1f} points [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]: "
              f"a {gap.verdict}")

# %% [markdown]
# Where a curve ends early nobody has run the rest yet: for the networks the larger sizes take hours. A **tie** is where
# the interval holds 0: these draws cannot tell. (With 50 labels one of counting's three draws ended near a coin, and
# that alone makes the interval wide.) Where is the belief right, and where is it wrong? The lines above answer, size by
# size; and the lines against *from scratch* say what the pretrained *weights* were worth, apart from the network. A
# better start, or knowledge? In lesson 08 vectors of the wrong words kept half of the gain or more. Here the like kept
# little: we shuffled the numbers inside each table, and dealt the rows of the token table to other pieces, and trained
# each once in the live run's way. Both ended within a few points of *from scratch*. (And *asked in words* is far above
# a coin without a step.)

# %% [markdown]
# ### One row, live
#
# 200 labels, one draw, 500 of the held-out reviews. **The target:** the pretrained body is ahead of the same body
# from scratch, by more than the interval of the difference. Against counting we set no target: write down what the
# curve has taught you to expect.
#
# Everyone gets the same 200 reviews. Both BERTs take the same steps at the same rate, 8 reviews a batch. The neuron
# reads the reviews whole, and once more, as a control, only the pieces that BERT reads. A fifth reader is that neuron
# on the **frozen** body's mean vectors: a frozen body never changes its answer, so each review goes through it once.
# The neurons choose their penalty by cross-validation among the 200: the best control at hand, not the easiest.
#
# And a sixth gets **no label at all**. It has no new head either: it is lesson 15's model as it is. Behind each review
# we write *it was* [MASK]*.* and ask which fits better, a word of praise or one of scorn (Schick and Schütze, 2021).
# **Predict** its percentage: a coin's, or more than the neuron's with 200 labels?

# %% tags=["boilerplate", "hero"]
# The 200 reviews and the 500; the constants of both BERTs.
LABELLED, EPOCHS, RATE = 200, 3, 3e-4
rng = np.random.default_rng(1)
few, asked = rng.permutation(train_rows)[:LABELLED], rng.choice(held_rows, 500, replace=False)
few_ids, asked_ids = ([cut(reviews[i].text) for i in rows] for rows in (few, asked))
print(f"{LABELLED} labelled reviews, {y[few].mean():.0%} for the film; {len(asked):,} asked, {y[asked].mean():.0%}")


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The neuron, three times: on words, on BERT's pieces, on the frozen body's mean vectors.
def words_of(rows):
    return [cleaning.words(reviews[i].text) for i in rows]


def frozen_vectors(texts):
    """The mean vector of each text, 8 texts packed at a time: [texts, 256]."""
    vectors = torch.empty(len(texts), pretrained.bert.config.d_model)
    for start in range(0, len(texts), 8):
        some = [torch.tensor(text) for text in texts[start:start + 8]]
        pack = finetuning.pack(some, [torch.tensor(0)] * len(some))
        with torch.no_grad(), device.one_thread():
            hidden = pretrained.bert(pack.input_ids, lengths=pack.lengths).hidden[0]  # [tokens of all, 256]
        for place, part in enumerate(hidden.split(pack.lengths), start):
            vectors[place] = part.mean(0)
    return vectors.double().numpy()


answers = {"TF-IDF + neuron": neuron(words_of(few), y[few], words_of(asked)),
           "TF-IDF + neuron, BERT's pieces": neuron(*([[str(i) for i in t] for t in few_ids], y[few],
                                                      [[str(i) for i in t] for t in asked_ids]))}  # fmt: skip
vectors, others = frozen_vectors(few_ids), frozen_vectors(asked_ids)
mean, spread = vectors.mean(0), vectors.std(0)
answers["frozen BERT + neuron"] = fitted((vectors - mean) / spread, y[few], (others - mean) / spread)


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# No label, no new head: what fits behind the review, praise or scorn?
SCORN, PRAISE = ["terrible", "bad", "awful", "boring"], ["great", "good", "excellent", "wonderful"]
question = [*tokenizer.encode("it was [MASK]."), tokenizer.sep_id]


def in_words(texts):
    chosen = []
    for text in texts:
        ids = torch.tensor([text[:-1] + question])
        with torch.no_grad(), device.one_thread():
            p = pretrained(ids, masked_places=(ids[0] == tokenizer.mask_id).nonzero()[:, 0])[0][0].softmax(-1)
        scorn, praise = (p[[tokenizer.vocab[word] for word in some]].sum() for some in (SCORN, PRAISE))
        chosen.append(int(praise > scorn))
    return np.array(chosen)


answers["asked in words, no label"] = in_words(asked_ids)

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# BERT twice: from scratch and pretrained, the same steps at the same rate.
def read_reviews(how):
    torch.manual_seed(1)
    model = bert.BertForSequenceClassification(pretrained.bert.config, num_labels=2)
    finetuning.prepare(model, how, None if how == "scratch" else pretrained.bert)
    batches = finetuning.bucketed_batches(few_ids, y[few].tolist(), batch_size=8)
    fit(model, batches, EPOCHS * LABELLED // 8, RATE)
    with device.one_thread():
        return model, np.array(finetuning.predict(model, asked_ids, max_tokens=1024))


_, answers["BERT from scratch"] = read_reviews("scratch")
tuned, its_answers = read_reviews("full")
answers["BERT, pretrained"] = its_answers

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# All of them, and the differences, paired by review. Is the target reached?
right = {name: (answer == y[asked]).astype(float) for name, answer in answers.items()}
for name, hits in right.items():
    print(f"{name:31} {hits.mean():.1%} right, give or take {1.96 * hits.std() / len(hits)**0.5:.1%}")
full, counting, wordy = "BERT, pretrained", "TF-IDF + neuron", "asked in words, no label"
for one, other in [(full, "BERT from scratch"), (full, counting), (full, "frozen BERT + neuron"), (wordy, counting)]:
    gap = right[one] - right[other]
    half = 1.96 * gap.std() / len(gap) ** 0.5
    low, high = 100 * (gap.mean() - half), 100 * (gap.mean() + half)
    print(f"{one} minus {other}: {100 * gap.mean():+.1f} points [{low:+.1f}, {high:+.1f}], {verdict(low, high)}")

# %% [markdown]
# Compare with your three percentages, and with the file's points at 200: there the labelled reviews of the first draw
# are the same, but the networks may have read more of each, for more epochs. (Counting's penalty was tuned, here and
# there; the BERTs' rate was not.)

# %% tags=["boilerplate", "hero"]
# The running line: lesson 08's reviews, from a coin to here.
best = {}
for row in saved["rows"]:
    best.setdefault((row["method"], row["labels"]), []).append(100 * row["accuracy"])
most = max(labels for _, labels in best)
scores = {method: np.mean(values) for (method, labels), values in best.items() if labels == most}
print("coin 50", *(f"{method} {score:.0f}" for method, score in scores.items()), sep=" · ")
print(f"(right answers in per cent with {most:,} labels, from the file)")
live = [f"{name} {100 * hits.mean():.0f}" for name, hits in right.items()]
print(f"live, with {LABELLED} labels:", " · ".join(live))

# %% [markdown]
# ## What did the body forget?
#
# > **Common belief:** *"Pretraining learns the general knowledge of the language, fine-tuning the specific knowledge of
# > the task."* So the article (6.1: "the former is concerned with general knowledge of the language, the latter with
# > the specific knowledge of the task"). It sounds as if the second were laid on top of the first. Is the general
# > knowledge still there afterwards? Decide: can the fine-tuned body still fill gaps?
#
# Put lesson 14's head, whose own numbers nobody has touched (its big table is the body's), back on the body that has
# just learned from 200 verdicts, and let it fill gaps in 100 held-out reviews. Two controls: the body as it was; and
# the body as it was, with each table moved *as far* as fine-tuning moved it, in a random direction.

# %% tags=["boilerplate", "hero"]
# The mean loss of filling gaps in 100 held-out reviews, for any body under the old head.
import copy

generator = torch.Generator().manual_seed(0)
words_only = torch.arange(5, len(tokenizer))  # the five special tokens come first
exercises = []
for start in range(0, 100, 20):
    batch = finetuning.pad([torch.tensor(text) for text in asked_ids[start:start + 20]], [torch.tensor(0)] * 20)
    masked = bert.mask_tokens(batch.input_ids, batch.input_ids >= 5, tokenizer.mask_id, words_only, generator)
    exercises.append((batch.attention_mask, *masked))


def loss_of_gaps(body):
    model = bert.BertForPreTraining(pretrained.bert.config).eval()
    model.load_state_dict(pretrained.state_dict())  # the old head ...
    model.bert.load_state_dict(body.state_dict())  # ... on this body
    with torch.no_grad(), device.one_thread():
        losses = [F.cross_entropy(model(ids, mask, masked_places=places)[0], truth, reduction="sum").item()
                  for mask, ids, places, truth in exercises]  # fmt: skip
    return sum(losses) / sum(len(truth) for *_, truth in exercises)


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# As it was, fine-tuned, and moved as far in a random direction.
moved = copy.deepcopy(pretrained.bert)
distance = size = 0.0
with torch.no_grad():
    for old, new, other in zip(pretrained.bert.parameters(), tuned.bert.parameters(), moved.parameters()):
        step = torch.randn(old.shape, generator=generator)
        other += step * ((new - old).norm() / step.norm())
        distance, size = distance + (new - old).norm() ** 2, size + old.norm() ** 2
print(f"fine-tuning moved the body by {(distance / size) ** 0.5:.1%} of its length")
losses = {"as it was": loss_of_gaps(pretrained.bert), "fine-tuned": loss_of_gaps(tuned.bert),
          "moved at random": loss_of_gaps(moved)}  # fmt: skip
for name, loss in losses.items():
    print(f"{name:16} loss of gaps {loss:.2f} nats, perplexity {np.exp(loss):,.0f}")
assert losses["fine-tuned"] > losses["as it was"]

# %% [markdown]
# The knowledge of the task was not laid on top: it was written into the same numbers, and some of what stood there is
# gone. How much, the first two lines say; whether that is more than a push of this length does in one random direction,
# the third. Lesson 23 comes back to it, under its name: **catastrophic forgetting**. (The article is right about the
# order of things: first text without labels, then labels. And about what *supervised* means.)

# %% [markdown] tags=["instructor"]
# **Minutes 35-50. Type** the layers of *bank* (4 lines), the differences (5 lines). Vote on both beliefs before their
# cells. Go back to the percentages of minute 0.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "you have 20,000 labels and a minute. You take..."
# - *counting*: look at the file's last point before you argue.
# - *the pretrained model*: the same.
# - *both, and compare on held-out films*: right, whatever comes out.

# %% [markdown]
# ## What you know now
#
# - Fine-tuning: a pretrained body, a new head, the loop of lesson 08. *Full* lets the slopes go on into the body,
#   *frozen* stops them at the head, *from scratch* begins with random numbers.
# - A text's answer must not depend on its batch mates: the mask goes into attention, and into every mean.
# - Padding is computed and thrown away. Bucketing saves most of it, packing all; the answers are the same.
# - A label belongs on the first piece of a word; -100 says that nothing is asked. Names are scored whole, not by words.
# - *Bank* gets its neighbours' company layer by layer; whether it gets more than that is a matter of controls.
# - Who wins, pretraining or counting, is a question with a number in it: how many labels?
# - Fine-tuning writes into the body, and the body forgets.
#
# **Quiz.** Open the answer that you would give.
#
# **1. A classifier gives 0.83 for a review that is asked alone, and 0.79 for the same review in a batch of 32. Dropout
# is off. What is it?**
#
# <details><summary>Rounding: sums in another order differ a little.</summary>
#
# They do, in the sixth digit or so. This is the second.
#
# </details>
# <details><summary>Padding is looked at, or gets into a mean.</summary>
#
# Right: the longest text of the batch decides how much filling the others have.
#
# </details>
# <details><summary>The batch has taught the model something.</summary>
#
# Nothing learns while it answers: no step was taken.
#
# </details>

# %% [markdown]
# **2. Why do we not label every piece of a long name with its B- tag?**
#
# <details><summary>Because B- begins a name: three pieces would be three names.</summary>
#
# Right. And the word would count three times in the loss.
#
# </details>
# <details><summary>Because pieces after the first carry no meaning.</summary>
#
# They do, and the model sees them: the first piece looks at them through attention. They are only not *asked*.
#
# </details>

# %% [markdown]
# **3. A frozen body and a full one reach the same score with 50 labels. Which would you ship?**
#
# <details><summary>The full one: more numbers have learned.</summary>
#
# That is its price, not its merit. Each further task would need a copy of the whole body.
#
# </details>
# <details><summary>The frozen one: one body serves many heads, and vectors can be kept.</summary>
#
# Right: a head is 514 numbers here. (With more labels the question has to be asked again.)
#
# </details>

# %% [markdown]
# **4. Three draws of 200 labels: pretrained minus counting is +1.2 points, interval [-2.0, +4.4]. What do you write?**
#
# <details><summary>"The pretrained model is better by 1.2 points."</summary>
#
# With three other draws it may be the other way round: the interval says so.
#
# </details>
# <details><summary>"The two are equally good."</summary>
#
# Not shown either: a lead of four points lies within the interval.
#
# </details>
# <details><summary>"A tie: these runs cannot tell."</summary>
#
# Right. More draws would make the interval shorter.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Jeremy Howard, Sebastian Ruder (2018). Universal Language Model Fine-tuning for Text Classification. ACL. The
#   recipe, and its curves against the number of labels.
# - Jacob Devlin and others (2019). BERT. NAACL. Section 4 and appendix A.3.
# - Chi Sun, Xipeng Qiu, Yige Xu, Xuanjing Huang (2019). How to Fine-Tune BERT for Text Classification? CCL. Head and
#   tail of long reviews.
# - Matthew Peters, Sebastian Ruder, Noah Smith (2019). To Tune or Not to Tune? RepL4NLP. Frozen or full.
# - Timo Schick, Hinrich Schütze (2021). Exploiting Cloze Questions for Few Shot Text Classification and Natural
#   Language Inference. EACL. A verdict as a word in a hole.
# - Mario Michael Krell and others (2021). Efficient Sequence Packing without Cross-contamination. Packed rows.
# - Lance Ramshaw, Mitchell Marcus (1995). Text Chunking using Transformation-Based Learning. The tags B, I, O.
# - Alan Ritter, Sam Clark, Mausam, Oren Etzioni (2011). Named Entity Recognition in Tweets. EMNLP. Benjamin Strauss and
#   others (2016). Results of the WNUT16 Named Entity Recognition Shared Task. The tweets.
# - Kawin Ethayarajh (2019). How Contextual are Contextualized Word Representations? EMNLP. Why one takes the mean away
#   before comparing.
# - Andrew Maas and others (2011). Learning Word Vectors for Sentiment Analysis. ACL. The reviews.
