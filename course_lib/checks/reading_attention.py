"""Checks of lesson 21: heads taken out, prefix matching, the logit lens, a linear probe.

Papers. Michel, Levy & Neubig (2019), "Are Sixteen Heads Really Better than One?"; Olsson et al. (2022), "In-context
Learning and Induction Heads"; nostalgebraist (2020), "interpreting GPT: the logit lens"; Alain & Bengio (2017),
"Understanding Intermediate Layers Using Linear Classifier Probes".
"""

import torch

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip


def _numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).round(decimals=2)


# --- without_heads ----------------------------------------------------------------------------------------------------


def _without_heads(said, heads, num_heads):
    B, T, D = said.shape
    parts = said.view(B, T, num_heads, D // num_heads).clone()
    parts[:, :, heads] = 0
    return parts.view(B, T, D)


def _cut_out(said, heads, num_heads):
    B, T, D = said.shape
    parts = said.view(B, T, num_heads, D // num_heads)
    return parts[:, :, [head for head in range(num_heads) if head not in heads]].reshape(B, T, -1)


_VIEW, _SILENT = ".view(B, T, num_heads, D // num_heads)", "parts[:, :, heads] = 0"
without_heads = Exercise(
    _without_heads,
    Round([
        Case((_numbers(2, 3, 12), [1, 2], 4), "2 texts of 3 tokens, 4 heads of 3 numbers, without heads 1 and 2"),
        Case((_numbers(3, 4, 10, seed=1), [2, 0], 5), "3 texts of 4 tokens, 5 heads of 2 numbers, without 2 and 0"),
        Case((_numbers(1, 5, 18, seed=2), [1], 3), "1 text of 5 tokens, 3 heads of 6 numbers, without head 1"),
    ], [
        slip("numbers-not-heads", "only one number of each was set to 0. A head is a stretch of D / num_heads numbers",
             f"{_VIEW} ->"),
        slip("interleaved", "the numbers were dealt out to the heads like cards. Each head's numbers stand side by "
             "side: cut D into (num_heads, D / num_heads), in this order",
             (f"{_VIEW} -> .view(B, T, D // num_heads, num_heads)", f"{_SILENT} -> parts[..., heads] = 0")),
        slip("heads-before-tokens", "the heads were put in front of the tokens: `view` counts numbers off in order, "
             "and so it mixes tokens. Cut the heads out of the last axis, behind T",
             (f"{_VIEW} -> .view(B, num_heads, T, D // num_heads)", f"{_SILENT} -> parts[:, heads] = 0")),
        slip("not-turned-back", "heads and tokens changed places, and not back again: each token's heads must stand "
             "side by side when the last two axes become one",
             (f"{_VIEW} -> {_VIEW}.transpose(1, 2)", f"{_SILENT} -> parts[:, heads] = 0",
              "return parts.view(B, T, D) -> return parts.reshape(B, T, D)")),
        slip("places-not-heads", "whole tokens were silenced: the second axis counts tokens, the heads are in the last",
             f"{_SILENT} -> parts[:, heads] = 0"),
        slip("texts-not-heads", "whole texts were silenced: the first axis counts texts, the heads are in the last",
             f"{_SILENT} -> parts[[head for head in heads if head < B]] = 0"),
        slip("only-these", "all *other* heads were silenced, and these alone speak",
             f"{_SILENT} -> parts[:, :, [head for head in range(num_heads) if head not in heads]] = 0"),
        slip("first-alone", "only the first head of the list was silenced", f"{_SILENT} -> parts[:, :, heads[0]] = 0"),
        slip("counted-from-one", "the heads were counted from 1. Head 0 is the first",
             f"{_SILENT} -> parts[:, :, [head - 1 for head in heads]] = 0"),
        slip("scaled", "the other heads were made louder, as dropout does in training. Here nothing else may change",
             "return parts.view(B, T, D) -> return parts.view(B, T, D) * num_heads / (num_heads - len(heads))"),
        slip("minus-infinity", "minus infinity was written there. That is for scores before a softmax; no softmax "
             "follows here, and what says nothing is 0", f"{_SILENT} -> parts[:, :, heads] = -torch.inf"),
        slip("mean", "each head's mean stands there. That is a way, too, and comes later: here it is 0",
             f"{_SILENT} -> parts[:, :, heads] = parts.mean((0, 1))[heads]"),
        slip("cut-out", "the numbers of these heads are gone, and the layer that reads on expects D of them: put zeros "
             "there", _cut_out),
    ]),
    Round([
        Case((_numbers(2, 2, 6, seed=3), [], 3), "no head at all"),
        Case((_numbers(2, 3, 8, seed=4), [0, 1], 2), "both of 2 heads"),
        Case((_numbers(1, 1, 8, seed=5), [3, 3, 0], 4), "1 token, without heads 3, 3 again, and 0"),
    ], held="with some of the heads all is right"),
)  # fmt: skip


# --- prefix_matching --------------------------------------------------------------------------------------------------


def _prefix_matching(attention, ids):
    shares = []
    for t in range(len(ids)):
        right = [j for j in range(1, t + 1) if ids[j - 1] == ids[t]]
        if right:
            shares.append(attention[t, right].sum())
    return sum(shares) / len(shares)


def _weights(length: int, seed: int) -> torch.Tensor:
    """Weights under a causal mask, all of them different; rows sum to one."""
    scores = 2 * _numbers(length, length, seed=seed)
    return scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf).softmax(-1)


def _half_back(attention, ids):
    half = len(ids) // 2
    return sum(attention[t, t - half + 1] for t in range(half, len(ids))) / (len(ids) - half)


def _half_back_even(attention, ids):
    half = len(ids) // 2
    return sum(attention[t, t - half + 1] for t in range(half, 2 * half)) / half


def _one_back(attention, ids):
    return sum(attention[t, t - 1] for t in range(1, len(ids))) / (len(ids) - 1)


_RIGHT = "[j for j in range(1, t + 1) if ids[j - 1] == ids[t]]"
_SUM = "attention[t, right].sum()"
prefix_matching = Exercise(
    _prefix_matching,
    Round([
        Case((_weights(6, 0), torch.tensor([4, 7, 5, 4, 7, 5])), "the tokens 4 7 5 4 7 5, weights drawn at random"),
        Case((_weights(7, 1), torch.tensor([2, 9, 2, 9, 8, 2, 9])), "the tokens 2 9 2 9 8 2 9"),
        Case((_weights(8, 2), torch.tensor([1, 3, 0, 6, 3, 5, 1, 2])), "the tokens 1 3 0 6 3 5 1 2"),
        Case((_weights(5, 3), torch.tensor([3, 3, 1, 3, 0])), "the tokens 3 3 1 3 0"),
    ], [
        slip("same-token", "the weight on the *same* token was counted. An induction head looks one place further: at "
             "what came after it", f"{_RIGHT} -> [j for j in range(t) if ids[j] == ids[t]]",
             f"{_RIGHT} -> [j for j in range(t + 1) if ids[j] == ids[t]]"),
        slip("token-before", "the weight on the token *before* the earlier one was counted: right is the one after it",
             f"{_RIGHT} -> [j for j in range(t - 1) if ids[j + 1] == ids[t]]",
             f"{_RIGHT} -> [j for j in range(t) if ids[j + 1] == ids[t]]",
             f"{_RIGHT} -> [j for j in range(t + 1) if ids[(j + 1) % len(ids)] == ids[t]]"),
        slip("before-the-asking", "the places were counted that hold what stands before token t. It is the other way "
             "round: what stands before a right place is token t", "ids[j - 1] == ids[t] -> ids[j] == ids[t - 1]"),
        slip("one-back", "the weight one place back was counted, whatever stands there", _one_back),
        slip("half-back", "the text was taken for one that is shown twice, and the weight half a text back was "
             "counted. Look for the token wherever it stood before", _half_back, _half_back_even),
        slip("turned", "rows and columns changed places: row t says where token t looks",
             "attention[t, right] -> attention[right, t]"),
        slip("divided-by-all", "tokens that come for the first time were counted as misses. They cannot be right: "
             "leave them out of the mean", "/ len(shares) -> / len(ids)", "if right: -> if True:"),
        slip("summed", "the shares were added up and not divided: asked is a mean", "/ len(shares) ->"),
        slip("latest-alone", "of several right places only the latest was counted",
             f"{_SUM} -> attention[t, right[-1]]"),
        slip("earliest-alone", "of several right places only the earliest was counted",
             f"{_SUM} -> attention[t, right[0]]"),
        slip("largest-alone", "of several right places only the one with the largest weight was counted",
             f"{_SUM} -> attention[t, right].max()"),
        slip("mean-of-places", "the mean went over all right places. Asked is a mean over tokens: first add up the "
             "weights of each token's own", f"shares.append({_SUM}) -> shares.extend(attention[t, right])"),
        slip("mean-of-several", "where several places are right, their mean was taken: a token that shares its weight "
             "out among them looks right with all of it", f"{_SUM} -> attention[t, right].mean()"),
        slip("strongest-counted", "it was counted how often the largest weight is right. Asked is how much weight is",
             f"{_SUM} -> torch.tensor(float(int(attention[t].argmax()) in right))"),
        slip("future", "places that come later were taken for right ones. Nobody can look there: it makes misses of "
             "tokens that come for the first time",
             f"{_RIGHT} -> [j for j in range(1, len(ids)) if ids[j - 1] == ids[t]]"),
        slip("wraps", "place 0 was taken for right where the *last* token is the same: ids[-1] is the last",
             f"{_RIGHT} -> [j for j in range(t + 1) if ids[j - 1] == ids[t]]"),
        slip("itself-missing", "a token that comes twice in a row was passed over: what came after it the first time "
             "is the token itself", "range(1, t + 1) -> range(1, t)"),
    ]),
)  # fmt: skip


# --- logit_lens -------------------------------------------------------------------------------------------------------


def _logit_lens(layers, norm, table, answer):
    logits = norm(layers) @ table.T
    return logits.softmax(-1)[:, answer]


def _norm(size: int, seed: int):
    """A norm with a gain and a bias of its own, as a model's last one."""
    gain, bias = 1 + 0.5 * _numbers(size, seed=seed), _numbers(size, seed=seed + 1)

    def norm(x):
        return torch.nn.functional.layer_norm(x, (size,)) * gain + bias

    return norm


def _stream(places: int, size: int, words: int, answer: int, seed: int, loud: float = 0.7) -> tuple:
    """A stream that grows from block to block; a norm; a table of another length than the stream's."""
    steps = _numbers(places, size, seed=seed) * torch.linspace(0.5, 3, places)[:, None]
    return steps.cumsum(0), _norm(size, seed + 1), loud * _numbers(words, size, seed=seed + 3), answer


_READ, _PICK = "norm(layers)", "logits.softmax(-1)[:, answer]"
logit_lens = Exercise(
    _logit_lens,
    Round([
        Case(_stream(4, 3, 5, 2, seed=0), "a stream of 3 numbers at 4 places, 5 tokens, answer 2"),
        Case(_stream(3, 6, 4, 0, seed=10), "a stream of 6 numbers at 3 places, 4 tokens, answer 0"),
        Case(_stream(6, 4, 7, 6, seed=20), "a stream of 4 numbers at 6 places, 7 tokens, answer 6"),
    ], [
        slip("no-norm", "the norm is missing. The table has never seen a stream that is not normed: after the last "
             "block the norm comes first, and so it must here", f"{_READ} -> layers"),
        slip("norm-twice", "the norm was taken twice", f"{_READ} -> norm(norm(layers))"),
        slip("last-norm-alone", "only the last place was normed: the lens treats every place as if it were the last",
             f"{_READ} -> torch.cat([layers[:-1], norm(layers[-1:])])"),
        slip("last-bare", "the last place was not normed. The model's last norm comes after its last block: this one "
             "needs it, too", f"{_READ} -> torch.cat([norm(layers[:-1]), layers[-1:]])"),
        slip("softmax-over-all", "the softmax went over all places and tokens at once. Each place's probabilities sum "
             "to 1 by themselves", "logits.softmax(-1) -> logits.flatten().softmax(0).view(logits.shape)"),
        slip("softmax-over-blocks", "the softmax went over the blocks. Within one block the tokens' shares sum to 1: "
             "it goes over the last axis", "softmax(-1) -> softmax(0)"),
        slip("steps", "what each block *added* was read. The lens reads the whole stream up to there",
             f"{_READ} -> norm(torch.cat([layers[:1], layers[1:] - layers[:-1]]))"),
        slip("logits", "these are logits: a softmax makes probabilities of them", ".softmax(-1) ->"),
        slip("logarithms", "these are logarithms of the probabilities", "softmax(-1) -> log_softmax(-1)"),
        slip("sigmoid", "each token was judged by itself, with a sigmoid: the tokens compete, which takes a softmax",
             ".softmax(-1) -> .sigmoid()"),
        slip("likeliest", "this is the probability of the likeliest token, and not of the answer",
             "[:, answer] -> .max(-1).values"),
        slip("last-alone", "only the last place came back: give one number for each",
             f"return {_PICK} -> return {_PICK}[-1]"),
        slip("scaled", "the logits were divided by the root of the stream's size. That belongs to attention's scores",
             "@ table.T -> @ table.T / layers.shape[1] ** 0.5"),
        slip("cosines", "the vectors were brought to length 1 in place of the norm: the model's own has a gain and a "
             "bias, and it is the one that the table knows",
             f"{_READ} -> torch.nn.functional.normalize(layers, dim=-1)"),
    ]),
    Round([Case(_stream(3, 4, 5, 1, seed=30, loud=200.0), "logits in the hundreds")], [
        slip("overflow", "e to such a power is more than float32 holds: `softmax` takes the largest logit away first",
             f"{_PICK} -> (logits.exp() / logits.exp().sum(-1, keepdim=True))[:, answer]"),
    ], held="for small logits all is right"),
)  # fmt: skip


# --- probe ------------------------------------------------------------------------------------------------------------


def _probe(x, y, new):
    ones = torch.ones(len(x), 1)
    targets = torch.where(y, 1.0, -1.0)
    line = torch.linalg.lstsq(torch.cat([x, ones], 1), targets[:, None]).solution
    return (torch.cat([new, torch.ones(len(new), 1)], 1) @ line)[:, 0] > 0


def _nearest(x, y, new):
    return y[torch.cdist(new, x).argmin(1)]


def _between_the_means(x, y, new):
    yes, no = x[y].mean(0), x[~y].mean(0)
    return (new - (yes + no) / 2) @ (yes - no) > 0


def _groups(sizes: tuple[int, int], scales: list[float], middle: float, asked: int, seed: int) -> tuple:
    """Two overlapping groups of rows, unlike in number, far from 0, their columns of unlike scale; and new rows."""
    D, scale = len(scales), torch.tensor(scales)
    y = torch.tensor([True] * sizes[0] + [False] * sizes[1])[torch.randperm(
        sum(sizes), generator=torch.Generator().manual_seed(seed))]  # fmt: skip
    x = (_numbers(len(y), D, seed=seed) + 1.5 * y[:, None] * torch.arange(1, D + 1) / D) * scale + middle
    new = (_numbers(asked, D, seed=seed + 1) + 0.75) * scale + middle
    return x, y, new


_WITH_ONES, _NEW = "torch.cat([x, ones], 1)", "torch.cat([new, torch.ones(len(new), 1)], 1)"
probe = Exercise(
    _probe,
    Round([
        Case(_groups((9, 16), [1, 2, 0.5], 4.0, 40, seed=0), "25 rows of 3 numbers around 4, 9 of them True; 40 new"),
        Case(_groups((20, 8), [1, 1], -3.0, 31, seed=5), "28 rows of 2 numbers around -3, 20 of them True; 31 new"),
        Case(_groups((10, 30), [3, 0.2, 1, 1], 1.0, 50, seed=9), "40 rows of 4 numbers around 1, 10 True; 50 new"),
    ], [
        slip("no-bias", "the line was forced through 0: give every row one number more, a 1, so that it can be moved",
             (f"{_WITH_ONES} -> x", f"{_NEW} -> new")),
        slip("bias-forgotten", "the line was fitted with a column of ones and used without it",
             "torch.ones(len(new), 1) -> torch.zeros(len(new), 1)"),
        slip("zero-and-one", "the targets were 0 and 1, and the answers cut at 0. The middle is 0.5 then: take -1 and "
             "1", "-1.0 -> 0.0"),
        slip("cut-at-half", "the line was cut at 0.5. Between -1 and 1 the middle is 0", "[:, 0] > 0 -> [:, 0] > 0.5"),
        slip("old-rows", "the answers are for the rows that the line was fitted to. Asked are the new ones",
             f"{_NEW} -> {_WITH_ONES}"),
        slip("scores", "these are the line's values. Asked is on which side of it a row lies: True above 0",
             "[:, 0] > 0 -> [:, 0]"),
        slip("turned-round", "True and False changed places", "[:, 0] > 0 -> [:, 0] < 0"),
        slip("nearest", "each new row got the label of the nearest old one. That learns by heart, and is no line",
             _nearest),
        slip("means", "the border stands midway between the means of the two groups. Least squares looks at how the "
             "columns go together, too", _between_the_means),
    ]),
)  # fmt: skip
