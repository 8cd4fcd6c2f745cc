"""Checks of lesson 09: perplexity of padded sequences, one step of an LSTM cell, additive attention.

A step of the cell is asked with a state before it, so that no gate can hide behind a state of zeros. The last round of
each exercise has the inputs on which a right formula stops being right in a computer: padding that is minus infinity,
products too small for a float, exponentials too large for one.

Papers. Hochreiter & Schmidhuber (1997), "Long Short-Term Memory"; Gers, Schmidhuber & Cummins (2000), "Learning to
Forget"; Bahdanau, Cho & Bengio (2015), "Neural Machine Translation by Jointly Learning to Align and Translate".
"""

import itertools
import math

import torch

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, random_tensors, slip

# --- perplexity -------------------------------------------------------------------------------------------------------


def _perplexity(log_probs, mask):
    return torch.exp(-log_probs[mask].mean())


def _texts(*rows: list[float], padding: float = 0.0, longest: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of texts of unequal lengths, filled up with `padding`, and the mask of what is no padding."""
    longest = max(longest, *map(len, rows))
    log_probs = torch.tensor([[*torch.tensor(row).log().tolist(), *[padding] * (longest - len(row))] for row in rows])
    return log_probs, torch.arange(longest) < torch.tensor([len(row) for row in rows])[:, None]


_LOGS = torch.tensor([[0.5, 0.125, 0.9], [0.2, 0.6, 0.01], [0.1, 0.4, 0.7]]).log()
_WORDS = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])
_MEAN, _ROW = "log_probs[mask].mean()", "(log_probs * mask).sum(1) / mask.sum(1)"
_NATS, _SUM = "torch.exp(-log_probs[mask].mean())", "log_probs[mask].sum()"
perplexity = Exercise(_perplexity, Round([
    Case(_texts([0.5, 0.125], [0.8, 0.2]), "p = [[0.5, 0.125], [0.8, 0.2]] (you get its logarithms) and no padding"),
    Case((_LOGS, _WORDS), "p = [[0.5, 0.125, 0.9], [0.2, 0.6, 0.01], [0.1, 0.4, 0.7]] (you get its logarithms) and "
         "rows of 3, 1 and 2 symbols, the rest padding"),
    Case(_texts([0.25, 0.4, 0.1], [0.05], longest=4), "p = [[0.25, 0.4, 0.1, 1], [0.05, 1, 1, 1]] (you get its "
         "logarithms) and rows of 3 and 1 symbols, the rest padding"),
], [
    slip("mean-over-padding", "the mean is over the padding too. Padding is no symbol: it counts neither above the "
         "fraction line nor below", "[mask] ->"),
    slip("mean-over-padding", "padding was set to 0 and then counted: the sum is right, and it is divided by all "
         "places. Divide by the symbols, mask.sum()", f"{_MEAN} -> {_SUM} / mask.numel()"),
    slip("padding-in-the-sum", "it was divided by the number of symbols, but the sum above the fraction line still "
         "holds the padding: log_probs[mask]", f"{_MEAN} -> log_probs.sum() / mask.sum()"),
    slip("mask-inverted", "the mean is over the padding alone. The mask is True where a symbol counts",
         "[mask] -> [~mask]"),
    slip("mask-as-places", "the mask was turned into 0 and 1, and whole numbers pick *rows* 0 and 1: leave it boolean",
         "[mask] -> [mask.long()]"),
    slip("padding-by-value", "padding was told by its value, 0. What stands there can be anything: ask the mask",
         "[mask] -> [log_probs != 0]"),
    slip("other-base",
         "the bases do not fit. log_probs are natural logarithms, so only e takes them back: exp. (2 belongs to bits, "
         "10 to log10)", "torch.exp( -> 2 ** (", "torch.exp( -> 10 ** (", f"{_MEAN} -> {_MEAN} / math.log(2)"),
    slip("exp-forgotten", "this is the mean of -log p, the loss in nats. The perplexity is e to that power",
         "torch.exp ->"),
    slip("exp-forgotten", "this is the mean of -log p in bits. The perplexity is 2 to that power",
         f"{_NATS} -> -{_MEAN} / math.log(2)"),
    slip("sign-forgotten", "the sign is missing: below 1 would mean less than one symbol to choose from. Logarithms of "
         "probabilities are negative, so take minus their mean", "exp(- -> exp("),
    slip("minus-outside", "the minus stands before exp. It belongs inside, before the mean: exp(-mean)",
         "torch.exp(- -> -torch.exp("),
    slip("summed", "this is e to the sum, which grows with every symbol read. Take the mean, and texts of any length "
         "compare", f"{_MEAN} -> {_SUM}"),
    slip("divided-by-rows", "the sum was divided by the number of rows. Divide by the number of symbols: mask.sum()",
         f"{_MEAN} -> {_SUM} / len(log_probs)"),
    slip("exp-before-the-mean", "the mean was taken of the numbers 1/p. A single bad guess would then outweigh a whole "
         "book: take the mean of the logarithms, and exp of that", f"{_NATS} -> torch.exp(-log_probs[mask]).mean()"),
    slip("mean-of-probabilities", "the mean was taken of the probabilities. Take it of their logarithms: a text's "
         "probability is a product, not a sum", f"{_NATS} -> 1 / log_probs[mask].exp().mean()"),
    slip("mean-of-means", "each row got its own mean, and then the rows were averaged. A row of one symbol must not "
         "weigh as much as a row of three", f"{_MEAN} -> ({_ROW}).mean()", f"{_NATS} -> torch.exp(-{_ROW}).mean()"),
    slip("one-a-row", "there is one number for each row. We asked for one, over all symbols of the batch",
         f"{_MEAN} -> {_ROW}"),
    slip("median", "this is e to the median of -log p: half of the symbols would have no say. Take the mean",
         ".mean() -> .median()"),
]), Round([
    Case(_texts([0.5, 0.125], [0.2], padding=-math.inf), "rows of 2 and 1 symbols, and padding that is minus infinity"),
    Case(_texts([0.5], [0.2, 0.125, 0.4], [0.3], padding=math.nan), "rows of 1, 3 and 1 symbols, and padding of NaN"),
    Case(_texts([0.5, 0.25], [], [0.1]), "a text without a single symbol between two others"),
    Case(_texts([0.001] * 299 + [0.5]), "a text of 300 symbols, nearly all with p = 0.001"),
    Case((torch.tensor([[-0.5, -math.inf]]), torch.tensor([[True, True]])), "a symbol with p = 0, which came"),
], [
    slip("zero-times-infinity", "the padding was multiplied by 0. It can be minus infinity or NaN, and 0 times that is "
         "NaN. Pick what counts instead: log_probs[mask]", f"{_MEAN} -> (log_probs * mask).sum() / mask.sum()"),
    slip("product-underflows", "the probabilities were multiplied. The product of some hundred is 0 to a computer: add "
         "their logarithms", f"{_NATS} -> log_probs[mask].exp().prod() ** (-1 / mask.sum())",
         f"{_NATS} -> log_probs[mask].exp().double().prod() ** (-1 / mask.sum())"),
], held="for short texts and ordinary padding all is right"))  # fmt: skip


# --- lstm_cell --------------------------------------------------------------------------------------------------------


def _lstm_cell(x, h, c, weight_ih, weight_hh, bias):
    gates = x @ weight_ih.T + h @ weight_hh.T + bias  # [B, 4H]
    i, f, g, o = gates.chunk(4, dim=1)  # [B, H] each
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _cell(B: int, I: int, H: int, seed: int, size: float = 0.7) -> Case:  # noqa: E741  (the shapes' own letters)
    tensors = random_tensors(seed, (B, I), (B, H), (B, H), (4 * H, I), (4 * H, H), (4 * H,))
    words = f"B={B} inputs of size {I}, a state of size {H} that is not zero, and random weights"
    return Case(tuple(size * tensor for tensor in tensors), words + (", all large" if size > 1 else ""))


_SHOWN = "torch.sigmoid(o) * torch.tanh(c)"
lstm_cell = Exercise(_lstm_cell, Round([
    _cell(3, 5, 4, seed=1), _cell(4, 2, 3, seed=2), _cell(1, 1, 2, seed=3),
], [
    *[slip("gate-order", f"the four blocks of rows were read in the order {', '.join(order)}. Here, as in torch, they "
           "are i, f, g, o: input, forget, new content, output", f"i, f, g, o = -> {', '.join(order)} =")
      for order in itertools.permutations("ifgo") if order != tuple("ifgo")],
    slip("every-fourth-number", "each gate got every fourth number. The four stand one behind the other, H numbers "
         "each: gates.chunk(4, dim=1)", "chunk(4, dim=1) -> unflatten(1, (-1, 4)).unbind(2)"),
    slip("forget-bias-added",
         "1 was added to the forget gate inside the cell. The forget bias is where the bias *starts*, before training: "
         "it is in `bias` already, and the step adds nothing", "torch.sigmoid(f) -> torch.sigmoid(f + 1)"),
    slip("bias-forgotten", "the bias is missing: every gate is W x + U h + b", "+ bias ->"),
    slip("bias-twice", "the bias was added twice, once with each product. (torch's cell has two biases, one each; ours "
         "has their sum)", "+ bias -> + 2 * bias"),
    slip("tanh-missing", "the new state is o * c, without the tanh. c may grow beyond 1; what is shown must "
         "not: o * tanh(c)", "torch.tanh(c) -> c"),
    slip("tanh-missing", "the new content g went in as it is, without its tanh", "torch.tanh(g) -> g"),
    slip("tanh-missing", "both tanh are missing: that of the new content g, and that of c in o * tanh(c)",
         "torch.tanh ->"),
    slip("sigmoid-for-tanh", "the new content g went through a sigmoid. Then nothing could ever be taken off the "
         "cell state: g is the one that may be negative, tanh", "torch.tanh(g) -> torch.sigmoid(g)"),
    slip("sigmoid-for-tanh", "the cell state is shown through a sigmoid: h' = o * tanh(c')",
         "torch.tanh(c) -> torch.sigmoid(c)"),
    slip("tanh-for-sigmoid", "a gate went through tanh. A gate is a share, from 0 to 1: the sigmoid, for i, f and o",
         "sigmoid -> tanh", "sigmoid(i) -> tanh(i)", "sigmoid(f) -> tanh(f)", "sigmoid(o) -> tanh(o)"),
    slip("gates-not-squashed", "the gates i, f and o went in as they are. A gate is a share, from 0 to 1: the sigmoid "
         "of its rows", "torch.sigmoid ->"),
    slip("old-memory-shown", "the new state shows the cell state from before this step. First make c', then show it: "
         "o * tanh(c')", ("c = torch -> new = torch", "tanh(c), c -> tanh(c), new")),
    slip("old-memory-returned", "the cell state that came back is the one from before this step. Return the new "
         "one, c'", ("c = torch -> new = torch", "tanh(c), c -> tanh(new), c")),
    slip("memory-squashed", "the cell state that came back went through tanh. Only what is shown does, h' = "
         "o * tanh(c'); c' itself may grow beyond 1", "tanh(c), c -> tanh(c), torch.tanh(c)"),
    slip("output-gate-left-out", "the output gate is left out: all of the cell state is shown. h' = o * tanh(c')",
         "torch.sigmoid(o) * ->"),
    slip("input-gate-left-out", "the input gate is left out: all of the new content was written. c' = f * c + i * g",
         "torch.sigmoid(i) * ->"),
    slip("forget-gate-inverted", "the forget gate was taken for the share that is dropped. In spite of its name it is "
         "the share that is kept: f * c", "torch.sigmoid(f) -> (1 - torch.sigmoid(f))"),
    slip("state-for-memory", "the forget gate was laid on h. What it keeps is the old cell state: f * c",
         "(f) * c -> (f) * h"),
    slip("memory-not-kept", "the old cell state is left out. c' is f * c, what was kept, plus i * g, what was written",
         "torch.sigmoid(f) * c + ->"),
    slip("forget-gate-left-out", "nothing is forgotten: the old cell state came through whole. (So it was in 1997; "
         "the forget gate came in 2000.) c' = f * c + i * g", "torch.sigmoid(f) * ->"),
    slip("gates-coupled", "one gate does two jobs: what is kept and what is written add up to 1. Here f and i have "
         "rows of their own",
         "torch.sigmoid(i) -> (1 - torch.sigmoid(f))", "torch.sigmoid(f) -> (1 - torch.sigmoid(i))"),
    slip("state-ignored", "the state h has no say in the gates: each is W x + U h + b, and U is weight_hh",
         "+ h @ weight_hh.T ->"),
    slip("memory-in-the-gates", "the gates read c where they should read h. (There is a cell whose gates see c too, "
         "with peepholes; this is not it)", "h @ -> c @"),
    slip("returned-in-the-other-order", "the two came back in the other order: first the new state h', then the new "
         "cell state c'", f"{_SHOWN}, c -> c, {_SHOWN}"),
    slip("state-twice", "the new state h' came back twice. The second one is the new cell state, c'",
         f"{_SHOWN}, c -> {_SHOWN}, {_SHOWN}"),
    slip("as-a-layer", "you returned (h', (h', c')), as nn.LSTM does for a whole text. One step has one state: return "
         "the pair (h', c')", f"{_SHOWN}, c -> {_SHOWN}, ({_SHOWN}, c)"),
    slip("state-and-memory-exchanged", "h and c were taken for each other as they came in. The gates read the state h; "
         "f keeps the cell state c", "gates = -> h, c = c, h; gates ="),
    slip("sigmoid-of-the-product", "the sigmoid was taken of f * c. First make the gate, then multiply: sigmoid(f) * c",
         "(f) * c -> (f * c)"),
    slip("only-the-state", "only the new state came back. Return both, h' and c': the next step needs them",
         "tanh(c), c -> tanh(c)"),
], hints=[("cannot be multiplied", "A row of a weight belongs to one number that comes out: x [B, I] meets weight_ih "
           "[4H, I] as x @ weight_ih.T.", None)]), Round([
    _cell(3, 2, 4, seed=4, size=90.0),
], hints=[("yours is nan", "The exponentials of such numbers overflow: torch.sigmoid and torch.tanh do not.",
           "exponentials-overflow")], held="for numbers of usual size all is right"),
    parts=("new state h'", "new cell state c'"))  # fmt: skip


# --- additive_attention -----------------------------------------------------------------------------------------------


def _additive_attention(queries, keys, W, U, v):
    together = (queries @ W.T)[:, None] + (keys @ U.T)[None, :]  # [T, S, A]
    weights = torch.softmax(torch.tanh(together) @ v, dim=1)  # [T, S]
    return weights @ keys, weights


def _look(T: int, S: int, d_query: int, d_key: int, A: int, seed: int) -> tuple[torch.Tensor, ...]:
    return tuple(random_tensors(seed, (T, d_query), (S, d_key), (A, d_query), (A, d_key), (A,)))


_SCORES = "torch.tanh(together) @ v"
_WEIGHTS = f"torch.softmax({_SCORES}, dim=1)"
_LOUD = _look(4, 3, 2, 5, 6, seed=5)
additive_attention = Exercise(_additive_attention, Round([
    Case(_look(T, S, d_query, d_key, A, seed), f"T={T} queries of size {d_query}, S={S} keys of size {d_key} and A={A}")
    for T, S, d_query, d_key, A, seed in [
        (4, 3, 5, 2, 6, 1), (3, 3, 4, 4, 2, 2), (1, 5, 2, 3, 4, 3), (5, 1, 3, 2, 1, 4)]
], [
    slip("softmax-over-queries", "the softmax runs over the queries: for each key, the weights of all queries sum to "
         "1. Each query shares out 1 among the keys, the last axis of a table [T, S]", "dim=1 -> dim=0"),
    slip("softmax-over-queries", "your table has a row for each key, [S, T], so that a softmax over its last axis runs "
         "over the queries. Each query shares out 1 among the keys: make the table [T, S], a row for each query, and "
         "softmax(dim=1) fits", ("dim=1 -> dim=0", "keys, weights -> keys, weights.T"), "dim=1) -> dim=0).T"),
    slip("softmax-over-all", "one softmax ran over the whole table. Each row, one query, must sum to 1 by itself",
         f"{_WEIGHTS} -> ({_SCORES}).flatten().softmax(0).view(len(queries), -1)"),
    slip("softmax-missing", "the scores went in as they are. Weights are shares: softmax over the keys makes each row "
         "sum to 1", f"{_WEIGHTS} -> {_SCORES}"),
    slip("softmax-missing", "exp was taken of the scores, and then nothing divided them. Divide each row by its sum: "
         "that makes shares", f"{_WEIGHTS} -> ({_SCORES}).exp()"),
    slip("scores-returned", "the contexts are right, but the scores came back with them. Return the weights, the "
         "scores after softmax", f"keys, weights -> keys, {_SCORES}"),
    slip("sigmoid-for-softmax", "each score went through a sigmoid by itself. Weights are shares of one whole: the "
         "softmax makes each row sum to 1", f"{_WEIGHTS} -> torch.sigmoid({_SCORES})"),
    slip("weights-transposed", "the contexts are right, but the weights came back with a row for each key. A row for "
         "each query: [T, S]", "keys, weights -> keys, weights.T"),
    slip("divided-by-the-sum", "the scores were divided by their sum. Scores may be negative, and then shares are too: "
         "take the softmax", f"{_WEIGHTS} -> {_SCORES} / ({_SCORES}).sum(dim=1, keepdim=True)"),
    slip("hardest-key-alone", "each query takes the one key of the highest score. Softly: softmax leaves every key its "
         "share", f"{_WEIGHTS} -> torch.eye(len(keys))[({_SCORES}).argmax(dim=1)]"),
    slip("scaled", "the scores were divided by the root of A. A root belongs to the dot products of the next lesson",
         f"{_SCORES} -> {_SCORES} / len(v) ** 0.5"),
    slip("tanh-missing", "the tanh is missing. Without it the query adds the same to all scores of its row, and "
         "softmax takes that away again: every query would look at the same keys", "torch.tanh ->"),
    slip("sigmoid-for-tanh", "a sigmoid stands where the tanh should be: v . tanh(W q + U k)", "tanh -> sigmoid"),
    slip("tanh-after-v", "the tanh was taken of the finished score. It belongs inside, on the A numbers of W q + U k, "
         "before v weighs them", f"{_SCORES} -> torch.tanh(together @ v)"),
    slip("query-without-effect", "the query has no effect: it was left out, or its part was added outside the tanh of "
         "the key's part. There it adds the same to all scores of its row, and the softmax takes that away again: "
         "tanh(W q + U k), added first", "(queries @ W.T) -> (0 * queries @ W.T)"),
    slip("multiplied", "W q and U k were multiplied. That is the attention of the next lesson; this one adds them",
         f"{_SCORES} -> (queries @ W.T) @ (keys @ U.T).T", "[:, None] + -> [:, None] *"),
    slip("v-forgotten", "the A numbers were added up alike, without v. v weighs them: tanh(...) @ v",
         f"{_SCORES} -> torch.tanh(together).sum(-1)"),
    slip("W-and-U-exchanged", "W and U have changed places: W goes with the queries, U with the keys",
         ("queries @ W -> queries @ U", "keys @ U -> keys @ W")),
    slip("mean-of-projected-keys", "the mean is of U k, which is there for the score only. Mix the keys themselves: "
         "weights @ keys", "weights @ keys -> weights @ (keys @ U.T)"),
    slip("plain-mean", "the contexts are the plain mean of the keys. Weigh them: weights @ keys",
         "weights @ keys -> keys.mean(0).expand(len(queries), -1)"),
    slip("returned-in-the-other-order", "the two came back in the other order: first the contexts, then the weights",
         "weights @ keys, weights -> weights, weights @ keys"),
    slip("only-the-contexts", "only the contexts came back. Return the weights too: they are what one can look at",
         "keys, weights -> keys"),
], hints=[
    ("cannot be multiplied", "Do the weights have a row for each query, [T, S], before they meet the keys [S, D_k]? "
     "And W is [A, D_q], so a query meets it as W.T.", None),
    ("must match the size of tensor b", "Every query meets every key: (queries @ W.T)[:, None] is [T, 1, A], and "
     "stretches over the keys, [S, A].", "row-against-row"),
]), Round([
    Case((*_LOUD[:4], 90 * _LOUD[4]), "T=4 queries, S=3 keys and a v whose numbers are large"),
], hints=[("yours is nan", "The exponentials of such scores overflow: take the row's largest score away first, or let "
           "`softmax` do it.", "exponentials-overflow")], held="for scores of usual size all is right"),
    parts=("contexts", "weights"))  # fmt: skip
