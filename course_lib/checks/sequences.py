"""Checks of lesson 09: perplexity of padded sequences, one step of an LSTM cell, additive attention.

Every wrong answer below is computed on the check's own inputs, and named only when it alone explains what came back.
The LSTM's oracle is torch's own cell, with the same weights; a step is asked with a state before it, so that no gate
can hide behind a state of zeros.

Papers. Hochreiter & Schmidhuber (1997), "Long Short-Term Memory"; Gers, Schmidhuber & Cummins (2000), "Learning to
Forget"; Bahdanau, Cho & Bengio (2015), "Neural Machine Translation by Jointly Learning to Align and Translate".
"""

import itertools
import math
import re
from collections.abc import Callable

import torch
from torch import nn

from course_lib import sequences
from course_lib.checks.base import Case, Misconception, Result, compare


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- perplexity -------------------------------------------------------------------------------------------------------


def _perplexity_cases() -> list[Case]:
    """Rows of unequal lengths. What stands on padding differs from case to case: a model's guess there may be any."""
    log = torch.tensor([[0.5, 0.125, 0.9], [0.2, 0.6, 0.01], [0.1, 0.4, 0.7]]).log()
    mask = torch.tensor([[True, True, True], [True, False, False], [True, True, False]])
    ones = torch.tensor([[0.25, 0.4, 0.1, 1.0], [0.05, 1.0, 1.0, 1.0]]).log()  # log 1 = 0 on padding
    full = torch.tensor([[0.5, 0.125], [0.8, 0.2]]).log()
    return [
        Case((full, torch.ones(2, 2, dtype=torch.bool)),
             "p = [[0.5, 0.125], [0.8, 0.2]] (you get its logarithms) and no padding"),
        Case((log, mask), "p = [[0.5, 0.125, 0.9], [0.2, 0.6, 0.01], [0.1, 0.4, 0.7]] (you get its logarithms) and "
             "rows of 3, 1 and 2 symbols, the rest padding"),
        Case((ones, ones < 0), "p = [[0.25, 0.4, 0.1, 1], [0.05, 1, 1, 1]] (you get its logarithms) and rows of 3 and "
             "1 symbols, the rest padding"),
    ]  # fmt: skip


def _mean(log_probs, mask):
    return log_probs[mask].mean()


_PERPLEXITY_MISCONCEPTIONS = [
    *_each(
        "mean-over-padding",
        "the mean is over the padding too. Padding is no symbol: it counts neither above the fraction line nor below",
        lambda lp, mask: torch.exp(-lp.mean()),
    ),
    *_each(
        "mean-over-padding",
        "padding was set to 0 and then counted: the sum is right, and it is divided by all places instead of by the "
        "symbols. Divide by mask.sum()",
        lambda lp, mask: torch.exp(-(lp * mask).mean()),
    ),
    *_each(
        "padding-in-the-sum",
        "it was divided by the number of symbols, but the sum above the fraction line still holds the padding. Leave "
        "it out there too: log_probs[mask]",
        lambda lp, mask: torch.exp(-lp.sum() / mask.sum()),
    ),
    *_each(
        "mask-inverted",
        "the mean is over the padding alone. The mask is True where a symbol counts",
        lambda lp, mask: torch.exp(-lp[~mask].mean()),
    ),
    *_each(
        "other-base",
        "the bases do not fit. log_probs are natural logarithms, so only e takes them back: exp. (2 belongs to bits, "
        "10 to log10)",
        lambda lp, mask: 2 ** -_mean(lp, mask),
        lambda lp, mask: 10 ** -_mean(lp, mask),
        lambda lp, mask: torch.exp(-_mean(lp, mask) / math.log(2)),
    ),
    *_each(
        "exp-forgotten",
        "this is the mean of -log p, the loss in nats. The perplexity is e to that power",
        lambda lp, mask: -_mean(lp, mask),
        lambda lp, mask: -_mean(lp, mask) / math.log(2),
    ),
    *_each(
        "sign-forgotten",
        "the sign is missing: below 1 would mean less than one symbol to choose from. Logarithms of probabilities are "
        "negative, so take minus their mean",
        lambda lp, mask: torch.exp(_mean(lp, mask)),
    ),
    *_each(
        "minus-outside",
        "the minus stands before exp. It belongs inside, before the mean: exp(-mean)",
        lambda lp, mask: -torch.exp(_mean(lp, mask)),
    ),
    *_each(
        "summed",
        "this is e to the sum, which grows with every symbol read. Take the mean, and texts of any length compare",
        lambda lp, mask: torch.exp(-lp[mask].sum()),
    ),
    *_each(
        "divided-by-rows",
        "the sum was divided by the number of rows. Divide by the number of symbols: mask.sum()",
        lambda lp, mask: torch.exp(-lp[mask].sum() / len(lp)),
    ),
    *_each(
        "exp-before-the-mean",
        "the mean was taken of the numbers 1/p. A single bad guess would then outweigh a whole book: take the mean of "
        "the logarithms, and exp of that",
        lambda lp, mask: torch.exp(-lp[mask]).mean(),
    ),
    *_each(
        "mean-of-probabilities",
        "the mean was taken of the probabilities themselves. Take it of their logarithms: a text's probability is a "
        "product, not a sum",
        lambda lp, mask: 1 / lp[mask].exp().mean(),
    ),
    *_each(
        "mean-of-means",
        "each row got its own mean, and then the rows were averaged. A row of one symbol must not weigh as much as a "
        "row of three: one mean over all symbols",
        lambda lp, mask: torch.exp(-((lp * mask).sum(1) / mask.sum(1)).mean()),
        lambda lp, mask: torch.exp(-((lp * mask).sum(1) / mask.sum(1))).mean(),
    ),
    *_each(
        "one-a-row",
        "there is one number for each row. We asked for one, over all symbols of the batch",
        lambda lp, mask: torch.exp(-((lp * mask).sum(1) / mask.sum(1))),
    ),
]


def perplexity(function: Callable) -> Result:
    """Compare with exp of minus the mean log-probability over the places where the mask is True."""
    return compare("perplexity", function, sequences.perplexity, _perplexity_cases(), _PERPLEXITY_MISCONCEPTIONS)


# --- lstm_cell --------------------------------------------------------------------------------------------------------


def _lstm_case(B: int, I: int, H: int, seed: int) -> Case:  # noqa: E741  (the shapes' own letters)
    rng = torch.Generator().manual_seed(seed)
    shapes = ((B, I), (B, H), (B, H), (4 * H, I), (4 * H, H), (4 * H,))
    tensors = [torch.randn(shape, generator=rng).div(1.5).round(decimals=1) for shape in shapes]
    return Case(tuple(tensors), f"B={B} inputs of size {I}, a state of size {H} that is not zero, and random weights")


def _lstm(x, h, c, weight_ih, weight_hh, bias):
    """torch's own cell, given these weights; its second bias is zero."""
    cell = nn.LSTMCell(x.shape[1], h.shape[1])
    with torch.no_grad():
        for parameter, value in zip(cell.parameters(), (weight_ih, weight_hh, bias, torch.zeros_like(bias))):
            parameter.copy_(value)
        return cell(x, (h, c))


def _cell(order="ifgo", gates=lambda x, h, w, u, b: x @ w.T + h @ u.T + b, i=torch.sigmoid, f=torch.sigmoid,
          g=torch.tanh, o=torch.sigmoid, memory=lambda i, f, g, c: f * c + i * g,
          output=lambda o, c, old: o * torch.tanh(c)) -> Callable:  # fmt: skip
    """An LSTM cell with one of its parts changed; `order` is how it reads the four blocks of rows."""

    def wrong(x, h, c, weight_ih, weight_hh, bias):
        parts = dict(zip(order, gates(x, h, weight_ih, weight_hh, bias).chunk(4, dim=1)))
        new = memory(i(parts["i"]), f(parts["f"]), g(parts["g"]), c)
        return output(o(parts["o"]), new, c), new

    return wrong


def _orders() -> list[Misconception]:
    """Every other order of the four blocks, each with the order in words."""
    found = []
    for order in itertools.permutations("ifgo"):
        if order != tuple("ifgo"):
            message = (
                f"the four blocks of rows were read in the order {', '.join(order)}. Here, as in torch, they are "
                "i, f, g, o: input, forget, new content, output"
            )
            found += _each("gate-order", message, _cell("".join(order)))
    return found


_LSTM_MISCONCEPTIONS = [
    *_orders(),
    *_each(
        "forget-bias-added",
        "1 was added to the forget gate inside the cell. The forget bias is where the bias *starts*, before training: "
        "it is in `bias` already, and the step adds nothing",
        _cell(f=lambda z: torch.sigmoid(z + 1)),
    ),
    *_each(
        "bias-forgotten",
        "the bias is missing: every gate is W x + U h + b",
        _cell(gates=lambda x, h, w, u, b: x @ w.T + h @ u.T),
    ),
    *_each(
        "bias-twice",
        "the bias was added twice, once with each product. (torch's cell has two biases, one each; ours has their sum)",
        _cell(gates=lambda x, h, w, u, b: x @ w.T + h @ u.T + 2 * b),
    ),
    *_each(
        "tanh-missing",
        "the new state is o * c, without the tanh. The memory c may grow beyond 1; what is shown must not: o * tanh(c)",
        _cell(output=lambda o, c, old: o * c),
    ),
    *_each(
        "tanh-missing",
        "the new content g went in as it is, without its tanh",
        _cell(g=lambda z: z),
    ),
    *_each(
        "tanh-missing",
        "both tanh are missing: that of the new content g, and that of c in o * tanh(c)",
        _cell(g=lambda z: z, output=lambda o, c, old: o * c),
    ),
    *_each(
        "sigmoid-for-tanh",
        "the new content g went through a sigmoid. Then nothing could ever be taken off the memory: g is the one that "
        "may be negative, tanh",
        _cell(g=torch.sigmoid),
    ),
    *_each(
        "sigmoid-for-tanh",
        "the memory is shown through a sigmoid: h' = o * tanh(c')",
        _cell(output=lambda o, c, old: o * torch.sigmoid(c)),
    ),
    *_each(
        "tanh-for-sigmoid",
        "a gate went through tanh. A gate is a share, from 0 to 1: the sigmoid, for i, f and o",
        _cell(i=torch.tanh, f=torch.tanh, o=torch.tanh),
        _cell(i=torch.tanh),
        _cell(f=torch.tanh),
        _cell(o=torch.tanh),
    ),
    *_each(
        "gates-not-squashed",
        "the gates i, f and o went in as they are. A gate is a share, from 0 to 1: the sigmoid of its rows",
        _cell(i=lambda z: z, f=lambda z: z, o=lambda z: z),
    ),
    *_each(
        "old-memory-shown",
        "the new state shows the memory from before this step. First make c', then show it: o * tanh(c')",
        _cell(output=lambda o, c, old: o * torch.tanh(old)),
    ),
    *_each(
        "old-memory-returned",
        "the memory that came back is the one from before this step. Return the new one, c'",
        lambda x, h, c, *weights: (_lstm(x, h, c, *weights)[0], c),
    ),
    *_each(
        "memory-squashed",
        "the memory that came back went through tanh. Only what is shown does, h' = o * tanh(c'); c' itself stays as "
        "it is, and may grow beyond 1",
        lambda *args: (_lstm(*args)[0], torch.tanh(_lstm(*args)[1])),
    ),
    *_each(
        "output-gate-left-out",
        "the output gate is left out: all of the memory is shown. h' = o * tanh(c')",
        _cell(output=lambda o, c, old: torch.tanh(c)),
    ),
    *_each(
        "input-gate-left-out",
        "the input gate is left out: all of the new content was written. c' = f * c + i * g",
        _cell(memory=lambda i, f, g, c: f * c + g),
    ),
    *_each(
        "forget-gate-inverted",
        "the forget gate was taken for the share that is dropped. In spite of its name it is the share that is kept: "
        "f * c",
        _cell(memory=lambda i, f, g, c: (1 - f) * c + i * g),
    ),
    *_each(
        "state-for-memory",
        "the forget gate was laid on h. What it keeps is the old memory: f * c",
        lambda x, h, c, *weights: _cell(memory=lambda i, f, g, _: f * h + i * g)(x, h, c, *weights),
    ),
    *_each(
        "memory-not-kept",
        "the old memory is left out. c' is f * c, what was kept, plus i * g, what was written",
        _cell(memory=lambda i, f, g, c: i * g),
    ),
    *_each(
        "forget-gate-left-out",
        "nothing is forgotten: the old memory came through whole. (So the cell was in 1997; the forget gate came in "
        "2000.) c' = f * c + i * g",
        _cell(memory=lambda i, f, g, c: c + i * g),
    ),
    *_each(
        "gates-coupled",
        "one gate does two jobs: what is kept and what is written add up to 1. Here f and i have rows of their own",
        _cell(memory=lambda i, f, g, c: f * c + (1 - f) * g),
        _cell(memory=lambda i, f, g, c: (1 - i) * c + i * g),
    ),
    *_each(
        "state-ignored",
        "the state h has no say in the gates: each is W x + U h + b, and U is weight_hh",
        _cell(gates=lambda x, h, w, u, b: x @ w.T + b),
    ),
    *_each(
        "memory-in-the-gates",
        "the gates read c where they should read h. (There is a cell whose gates see c too, with peepholes; this is "
        "not it)",
        lambda x, h, c, w, u, b: _cell(gates=lambda x, _, w, u, b: x @ w.T + c @ u.T + b)(x, h, c, w, u, b),
    ),
    *_each(
        "returned-in-the-other-order",
        "the two came back in the other order: first the new state h', then the new memory c'",
        lambda *args: _lstm(*args)[::-1],
    ),
    *_each(
        "state-twice",
        "the new state h' came back twice. The second one is the new memory, c'",
        lambda *args: (_lstm(*args)[0],) * 2,
    ),
    *_each(
        "state-and-memory-exchanged",
        "h and c were taken for each other as they came in. The gates read the state h; f keeps the memory c",
        lambda x, h, c, *weights: _lstm(x, c, h, *weights),
    ),
    *_each(
        "sigmoid-of-the-product",
        "the sigmoid was taken of f * c. First make the gate, then multiply: sigmoid(f) * c",
        _cell(f=lambda z: z, memory=lambda i, f, g, c: torch.sigmoid(f * c) + i * g),
    ),
    *_each(
        "only-the-state",
        "only the new state came back. Return both, h' and c': the next step needs them",
        lambda *args: _lstm(*args)[0],
    ),
]


def lstm_cell(function: Callable) -> Result:
    """Compare with nn.LSTMCell that holds the same weights."""
    cases = [_lstm_case(2, 3, 4, 1), _lstm_case(3, 5, 2, 2)]
    result = compare("lstm_cell", function, _lstm, cases, _LSTM_MISCONCEPTIONS)
    return Result(result.status, _named_parts(result.message, "h'", "c'"), result.diagnosis)


# --- additive_attention -----------------------------------------------------------------------------------------------


def _attention_case(T: int, S: int, d_query: int, d_key: int, A: int, seed: int) -> Case:
    rng = torch.Generator().manual_seed(seed)
    shapes = ((T, d_query), (S, d_key), (A, d_query), (A, d_key), (A,))
    tensors = [torch.randn(shape, generator=rng).round(decimals=1) for shape in shapes]
    return Case(tuple(tensors), f"T={T} queries of size {d_query}, S={S} keys of size {d_key} and A={A}")


def _attend(queries, keys, W, U, v):
    weights = _scores(queries, keys, W, U, v).softmax(dim=1)
    return weights @ keys, weights


def _scores(queries, keys, W, U, v):
    return torch.tanh((queries @ W.T)[:, None] + keys @ U.T) @ v  # [T, S]


def _attention(scores=_scores, weigh=lambda s: s.softmax(dim=1), mix=lambda w, keys, U: w @ keys) -> Callable:
    """Additive attention with one of its parts changed."""

    def wrong(queries, keys, W, U, v):
        weights = weigh(scores(queries, keys, W, U, v))
        return mix(weights, keys, U), weights

    return wrong


_ATTENTION_MISCONCEPTIONS = [
    *_each(
        "softmax-over-queries",
        "the softmax runs over the queries: the columns sum to 1, not the rows. Each query shares out its attention "
        "among the keys: softmax(dim=1)",
        _attention(weigh=lambda s: s.softmax(dim=0)),
    ),
    *_each(
        "softmax-over-all",
        "one softmax ran over the whole table. Each row, one query, must sum to 1 by itself",
        _attention(weigh=lambda s: s.flatten().softmax(0).view(s.shape)),
    ),
    *_each(
        "softmax-missing",
        "the scores went in as they are. Weights are shares: softmax over the keys makes each row sum to 1",
        _attention(weigh=lambda s: s),
    ),
    *_each(
        "softmax-missing",
        "exp was taken of the scores, and then nothing divided them. Divide each row by its sum: that makes shares",
        _attention(weigh=lambda s: s.exp()),
    ),
    *_each(
        "scores-returned",
        "the contexts are right, but the scores came back with them. Return the weights, the scores after softmax",
        lambda *args: (_attend(*args)[0], _scores(*args)),
    ),
    *_each(
        "sigmoid-for-softmax",
        "each score went through a sigmoid by itself. Weights are shares of one whole: the softmax over the keys makes "
        "each row sum to 1",
        _attention(weigh=torch.sigmoid),
    ),
    *_each(
        "weights-transposed",
        "the contexts are right, but the weights came back with a row for each key. A row for each query: [T, S]",
        lambda *args: (_attend(*args)[0], _attend(*args)[1].T),
    ),
    *_each(
        "divided-by-the-sum",
        "the scores were divided by their sum. Scores may be negative, and then shares are too: take the softmax",
        _attention(weigh=lambda s: s / s.sum(dim=1, keepdim=True)),
    ),
    *_each(
        "hardest-key-alone",
        "each query takes the one key of the highest score. Softly: softmax leaves every key its share",
        _attention(weigh=lambda s: nn.functional.one_hot(s.argmax(1), s.shape[1]).float()),
    ),
    *_each(
        "tanh-missing",
        "the tanh is missing. Without it the query adds the same to all scores of its row, and softmax takes that away "
        "again: every query would look at the same keys",
        _attention(scores=lambda q, k, W, U, v: ((q @ W.T)[:, None] + k @ U.T) @ v),
    ),
    *_each(
        "sigmoid-for-tanh",
        "a sigmoid stands where the tanh should be: v . tanh(W q + U k)",
        _attention(scores=lambda q, k, W, U, v: torch.sigmoid((q @ W.T)[:, None] + k @ U.T) @ v),
    ),
    *_each(
        "tanh-after-v",
        "the tanh was taken of the finished score. It belongs inside, on the A numbers of W q + U k, before v weighs "
        "them",
        _attention(scores=lambda q, k, W, U, v: torch.tanh(((q @ W.T)[:, None] + k @ U.T) @ v)),
    ),
    *_each(
        "query-without-effect",
        "the query has no effect: it was left out, or its part was added outside the tanh of the key's part. There it "
        "adds the same to all scores of its row, and the softmax takes that away again: tanh(W q + U k), added first",
        _attention(scores=lambda q, k, W, U, v: (torch.tanh(q @ W.T)[:, None] + torch.tanh(k @ U.T)) @ v),
        _attention(scores=lambda q, k, W, U, v: torch.tanh(k @ U.T).matmul(v).expand(len(q), -1)),
    ),
    *_each(
        "multiplied",
        "W q and U k were multiplied. That is the other attention, of the next lesson; this one adds them",
        _attention(scores=lambda q, k, W, U, v: (q @ W.T) @ (k @ U.T).T),
        _attention(scores=lambda q, k, W, U, v: torch.tanh((q @ W.T)[:, None] * (k @ U.T)) @ v),
    ),
    *_each(
        "v-forgotten",
        "the A numbers were added up alike, without v. v weighs them: tanh(...) @ v",
        _attention(scores=lambda q, k, W, U, v: torch.tanh((q @ W.T)[:, None] + k @ U.T).sum(-1)),
    ),
    *_each(
        "mean-of-projected-keys",
        "the mean is of U k, which is there for the score only. Mix the keys themselves: weights @ keys",
        _attention(mix=lambda w, keys, U: w @ (keys @ U.T)),
    ),
    *_each(
        "plain-mean",
        "the contexts are the plain mean of the keys. Weigh them: weights @ keys",
        _attention(mix=lambda w, keys, U: keys.mean(0).expand(len(w), -1)),
    ),
    *_each(
        "returned-in-the-other-order",
        "the two came back in the other order: first the contexts, then the weights",
        lambda *args: _attend(*args)[::-1],
    ),
    *_each(
        "only-the-contexts",
        "only the contexts came back. Return the weights too: they are what one can look at",
        lambda *args: _attend(*args)[0],
    ),
]


def additive_attention(function: Callable) -> Result:
    """Compare with softmax over the keys of v . tanh(W q + U k), and the keys' mean by these weights."""
    cases = [_attention_case(2, 3, 4, 5, 6, 1), _attention_case(4, 2, 3, 2, 5, 2)]
    result = compare("additive_attention", function, _attend, cases, _ATTENTION_MISCONCEPTIONS)
    return Result(result.status, _named_parts(result.message, "the contexts", "the weights"), result.diagnosis)


def _named_parts(message: str, *names: str) -> str:
    """The place in the pair that came back, in words: "in item 0, ..." or "entry (0, 2, 1) ..."."""
    message = re.sub(r"\bin item ([01]), ", lambda found: f"in {names[int(found[1])]}, ", message)
    return re.sub(r"entry \(([01]), (\d+, \d+)\)", lambda f: f"entry ({f[2]}) of {names[int(f[1])]}", message)
