"""Checks of lesson 17: the shifted loss, one block of a GPT, one batch learned by heart.

Papers. Radford et al. (2018), "Improving Language Understanding by Generative Pre-Training"; Radford et al. (2019),
"Language Models are Unsupervised Multitask Learners", which moved the norms to the front of each part.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib.checks.base import Case, Misconception, Outcome, numbers
from course_lib.checks.slips import Exercise, Round, slip

# --- shifted_loss -----------------------------------------------------------------------------------------------------


def _shifted_loss(logits, ids, mask):
    answers = ids[:, 1:]
    asked = mask[:, 1:]
    return F.cross_entropy(logits[:, :-1][asked], answers[asked])


def _texts(lengths: list[int], V: int, seed: int, size: float = 1.0) -> Case:
    """Texts of these lengths, filled up with 0, which is a token too; logits with one decimal, of size `size`."""
    rng = torch.Generator().manual_seed(seed)
    B, T = len(lengths), max(lengths)
    logits = (torch.randn(B, T, V, generator=rng) * 1.5).round(decimals=1) * size
    ids = torch.randint(V, (B, T), generator=rng)
    mask = torch.arange(T) < torch.tensor(lengths)[:, None]
    return Case((logits, ids * mask, mask), f"{B} texts of {', '.join(map(str, lengths))} tokens, V = {V}")


_PLAIN = "return F.cross_entropy(logits[:, :-1][asked], answers[asked]) -> "
_ALL = "logits[:, :-1].flatten(0, 1), answers.flatten()"
shifted_loss = Exercise(_shifted_loss, Round([
    _texts([5, 3, 4], 6, seed=1), _texts([4, 2], 3, seed=2), _texts([6], 4, seed=3), _texts([2, 5, 3, 3], 5, seed=4),
], [
    slip("predicts-itself",
         "each place is asked for its own token, which it has just read. Such a model learns to copy, its loss falls "
         "to 0, and it cannot write a word. The answer to place t is the token at t + 1",
         ("logits[:, :-1] -> logits[:, 1:]"), ("ids[:, 1:] -> ids[:, :-1]", "mask[:, 1:] -> mask[:, :-1]"),
         ("ids[:, 1:] -> ids", "mask[:, 1:] -> mask", "logits[:, :-1] -> logits")),
    slip("zero-is-padding",
         "token 0 was taken for padding wherever it stands. It is a token like any other: what is padding only the "
         "mask knows", "answers[asked]) -> answers[asked], ignore_index=0)"),
    slip("the-other-way",
         "each place is asked for the token *before* it. Shift the other way: the answer to place t is the token at "
         "t + 1", ("ids[:, 1:] -> ids[:, :-1]", "logits[:, :-1] -> logits[:, 1:]"),
         ("ids[:, 1:] -> ids[:, :-1]", "mask[:, 1:] -> mask[:, :-1]", "logits[:, :-1] -> logits[:, 1:]")),
    slip("two-on", "each place is asked for the token two places on. Logits and answers are shifted by one place, once",
         ("ids[:, 1:] -> ids[:, 2:]", "mask[:, 1:] -> mask[:, 2:]", "logits[:, :-1] -> logits[:, :-2]")),
    slip("around-the-end",
         "the last place of a row is asked for the first token, as if the text were a ring. Nobody knows what follows "
         "the last token: leave that place out",
         ("answers = ids[:, 1:] -> answers = ids.roll(-1, 1)", "asked = mask[:, 1:] -> asked = mask",
          "logits[:, :-1] -> logits")),
    slip("into-the-next-text",
         "the last place of a row is asked for the first token of the *next* row. The texts have nothing to do with "
         "each other: shift within the rows, before you flatten",
         (_PLAIN + "return F.cross_entropy(logits.flatten(0, 1)[:-1][mask.flatten()[1:]], "
          "ids.flatten()[1:][mask.flatten()[1:]])")),
    slip("padding-asked",
         "padding is asked for as if it were text: the mask was not used. Only an answer that is a token counts",
         "mask[:, 1:] -> mask[:, 1:] | True"),
    slip("mask-of-the-question",
         "the mask is taken at the places that ask. The last token of a short text then asks for the padding behind "
         "it: what must be a token is the answer, so shift the mask as well",
         "mask[:, 1:] -> mask[:, :-1]"),
    slip("padding-in-the-mean",
         "padding adds nothing to the sum, but is counted in the mean. Divide by the number of answers that are "
         "tokens: got / right is valid / all here",
         _PLAIN + f"return (F.cross_entropy({_ALL}, reduction='none') * asked.flatten()).mean()",
         _PLAIN + f"return (F.cross_entropy({_ALL}, reduction='none') * asked.flatten()).sum() / mask.numel()"),
    slip("first-tokens-in-the-mean",
         "the sum is divided by all tokens. The first of each text is asked by nobody: divide by the number of answers",
         _PLAIN + "return F.cross_entropy(logits[:, :-1][asked], answers[asked], reduction='sum') / mask.sum()"),
    slip("mean-of-the-texts",
         "first the mean of each text was taken, and then the mean of these. A short text would count as much as a "
         "long one: take one mean, over all answers",
         _PLAIN + f"return ((F.cross_entropy({_ALL}, reduction='none').view(asked.shape) * asked).sum(1) "
         "/ asked.sum(1)).mean()"),
    slip("sum", "the losses are added up. Their mean is asked, or a longer text would seem harder",
         "answers[asked]) -> answers[asked], reduction='sum')"),
    slip("one-a-place", "the losses of the places came back one by one. Their mean is asked",
         "answers[asked]) -> answers[asked], reduction='none')"),
    slip("softmax-twice",
         "probabilities went into a function that wants logits: `F.cross_entropy` takes the softmax itself, and so it "
         "was taken twice", "logits[:, :-1][asked] -> logits[:, :-1][asked].softmax(-1)"),
    slip("softmax-over-places", "the softmax runs over the places. At each place it runs over the vocabulary",
         _PLAIN + "return -logits[:, :-1][asked].log_softmax(0).gather(1, answers[asked][:, None]).mean()",
         _PLAIN + "return -logits.log_softmax(1)[:, :-1][asked].gather(1, answers[asked][:, None]).mean()"),
    slip("bits", "the loss is in bits. Ours are in nats", _PLAIN + "return F.cross_entropy(logits[:, :-1][asked], "
         "answers[asked]) / torch.tensor(2.0).log()"),
    slip("perplexity", "this is the perplexity, e to the loss. The loss itself is asked",
         _PLAIN + "return F.cross_entropy(logits[:, :-1][asked], answers[asked]).exp()"),
    slip("minus-the-logit", "this is minus the logit of the answer. Without the softmax it is no loss: take -log p",
         _PLAIN + "return -logits[:, :-1][asked].gather(1, answers[asked][:, None]).mean()"),
]), Round([
    _texts([4, 3], 4, seed=5, size=60.0),
], [
    slip("softmax-underflows",
         "the softmax was taken first and its log afterwards. A p too small for a float is 0, and its log minus "
         "infinity: take `log_softmax`, or `F.cross_entropy`",
         _PLAIN + "return -logits[:, :-1][asked].softmax(-1).gather(1, answers[asked][:, None]).log().mean()"),
    slip("kept-off-zero",
         "something small was added so that no log is infinite. That also makes every loss smaller than it is: take "
         "`log_softmax`, or `F.cross_entropy`",
         _PLAIN + "return -(logits[:, :-1][asked].softmax(-1).gather(1, answers[asked][:, None]) + 1e-9).log().mean()"),
], held="with small logits all is right"))  # fmt: skip


# --- gpt_block --------------------------------------------------------------------------------------------------------


def _gpt_block(x, norm_1, qkv, output, norm_2, network):
    T, D = x.shape
    q, k, v = qkv(norm_1(x)).chunk(3, dim=-1)
    scores = q @ k.T / D**0.5
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(future, -torch.inf).softmax(-1)
    x = x + output(weights @ v)
    return x + network(norm_2(x))


def _parts(D: int, seed: int) -> tuple[Callable, ...]:
    """A block's five layers, with numbers of one decimal, none of which is another's."""
    rng = torch.Generator().manual_seed(seed)

    def random(*shape: int, size: float = 0.6) -> torch.Tensor:
        return (torch.randn(shape, generator=rng) * size).round(decimals=1)

    def linear(a: int, b: int) -> Callable:
        weight, bias = random(b, a), random(b)
        return lambda x: F.linear(x, weight, bias)

    def norm() -> Callable:
        weight, bias = 1 + random(D, size=0.3), random(D, size=0.3)
        return lambda x: F.layer_norm(x, (D,), weight, bias)

    up, down = linear(D, 2 * D), linear(2 * D, D)
    return norm(), linear(D, 3 * D), linear(D, D), norm(), lambda x: down(F.gelu(up(x)))


def _stream(T: int, D: int, seed: int, last: float = 0.0) -> Case:
    x = torch.randn(T, D, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    x[-1] += last * torch.arange(D)
    return Case((x, *_parts(D, seed)), f"{T} tokens, D = {D}" + (", the last token another one" if last else ""))


def _leak(answers: Sequence[Outcome]) -> Misconception | None:
    """The first two inputs differ in their last token alone: do earlier rows of the answers differ?"""
    one, other = (None if answer.error else numbers(answer.value) for answer in answers[:2])
    if one is None or other is None or one.shape != other.shape or one.ndim != 2 or len(one) < 2:
        return None
    moved = np.flatnonzero(~np.isclose(one[:-1], other[:-1], atol=1e-5, equal_nan=True).all(1))
    if not moved.size:
        return None
    return Misconception("the-future-leaks", _leak, f"the future leaks: two inputs differ in their last token alone, "
                         f"and row {moved[0]} of your answer, which stands before it, differs too")  # fmt: skip


_SOFTMAX = ".masked_fill(future, -torch.inf).softmax(-1) -> "
gpt_block = Exercise(_gpt_block, Round([
    _stream(5, 4, seed=1), _stream(5, 4, seed=1, last=0.7), _stream(3, 6, seed=2), _stream(1, 2, seed=3),
], [
    slip("no-mask", "nothing is masked: each token sees what comes after it, and the answer to its question with it",
         _SOFTMAX + ".softmax(-1)"),
    slip("mask-inverted", "the mask is inverted: each token sees what comes after it, and its past is hidden",
         "masked_fill(future -> masked_fill(~future", "triu(1) -> tril(-1)", "triu(1) -> tril(0)"),
    slip("diagonal-missing",
         "the diagonal is missing: a token does not see itself. Then the first one sees nothing, and its softmax of "
         "nothing is NaN", "triu(1) -> triu(0)", ("triu(1) -> triu(0)", ".softmax(-1) -> .softmax(-1).nan_to_num(0)")),
    slip("one-too-far", "each token sees one token of its future: the mask begins one place too late",
         "triu(1) -> triu(2)"),
    slip("mask-after-softmax",
         "the mask was applied after the softmax. The future has taken its share of the weights by then, and what is "
         "left does not add up to 1: set the scores to minus infinity before",
         _SOFTMAX + ".softmax(-1).masked_fill(future, 0)"),
    slip("masked-with-zero",
         "the scores of the future are set to 0. e to the 0 is 1, a share like any other: set them to minus infinity",
         "-torch.inf -> 0.0", _SOFTMAX + ".mul(~future).softmax(-1)"),
    slip("softmax-over-queries", "the softmax runs over the queries: the columns add up to 1, and not the rows",
         "softmax(-1) -> softmax(0)"),
    slip("not-scaled", "the scores are not divided by the root of D", "/ D**0.5 -> "),
    slip("scaled-by-d", "the scores are divided by D instead of its root", "D**0.5 -> D"),
    slip("keys-ask", "keys and queries changed places: qkv gives queries first, then keys, then values",
         "q @ k.T -> k @ q.T"),
    slip("post-norm",
         "the norms stand behind the sums, as in BERT and in the model of 2017. GPT-2 has them in front: norm, part, "
         "and then add to the stream, which is never normalised itself",
         ("qkv(norm_1(x)) -> qkv(x)", "x = x + output(weights @ v) -> x = norm_1(x + output(weights @ v))",
          "return x + network(norm_2(x)) -> return norm_2(x + network(x))")),
    slip("stream-normalised",
         "the normed stream is added, and not the stream. What was in it is scaled away at each block: only what goes "
         "*into* a part is normed",
         "T, D = x.shape -> T, D, x = *x.shape, norm_1(x)", "return x + -> return norm_2(x) +",
         ("x = x + output -> x = norm_1(x) + output", "return x + -> return norm_2(x) +"),
         "x = x + output -> x = norm_1(x) + output"),
    slip("no-first-norm", "attention reads the stream as it is. It reads norm_1 of it", "qkv(norm_1(x)) -> qkv(x)"),
    slip("no-second-norm", "the network reads the stream as it is. It reads norm_2 of it", "network(norm_2(x)) -> "
         "network(x)"),
    slip("norms-swapped", "norm_1 and norm_2 changed places, or one of them does both jobs",
         "T, D = x.shape -> T, D, norm_1, norm_2 = *x.shape, norm_2, norm_1",
         "network(norm_2(x)) -> network(norm_1(x))", "qkv(norm_1(x)) -> qkv(norm_2(x))"),
    slip("nothing-added", "a part's result takes the stream's place. It is added to it: x = x + ...",
         "x = x + output -> x = output", "return x + -> return",
         ("x = x + output -> x = output", "return x + -> return")),
    slip("side-by-side",
         "the network reads the stream as it was before attention. It comes second, and reads what attention added",
         ("x = x + output(weights @ v) -> old, x = x, x + output(weights @ v)", "norm_2(x) -> norm_2(old)")),
    slip("no-output", "`output` was not used: what attention has mixed goes through it before it is added",
         "output(weights @ v) -> weights @ v"),
    slip("without-attention", "attention adds nothing: only the network's part is there",
         "x = x + output(weights @ v) -> "),
    slip("without-network", "the network's part is missing", "+ network(norm_2(x)) -> "),
], otherwise=_leak))  # fmt: skip


# --- by_heart ---------------------------------------------------------------------------------------------------------


def _by_heart(model, rows, steps, learning_rate):
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(steps):
        loss = model.loss(rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


class _Pairs(nn.Module):
    """The smallest model that has a `loss(rows)`: a table of what follows what."""

    def __init__(self):
        super().__init__()
        rng = torch.Generator().manual_seed(4)
        self.table = nn.Parameter(torch.randn(5, 5, generator=rng).round(decimals=1))

    def loss(self, rows):
        return F.cross_entropy(self.table[rows[:, :-1]].flatten(0, 1), rows[:, 1:].flatten())


def _play(function: Callable, steps: int, learning_rate: float) -> tuple:
    """The losses, how the model stands afterwards, and the rows, which nobody should have changed."""
    model, rows = _Pairs(), torch.tensor([[0, 1, 2, 3], [4, 2, 0, 1]])
    losses = function(model, rows, steps, learning_rate)
    if losses is None:
        return None
    if isinstance(losses, Sequence) and all(isinstance(loss, torch.Tensor) for loss in losses):
        losses = [loss.item() if loss.numel() == 1 else loss.tolist() for loss in losses]
    return losses, model.table.detach().clone(), rows


by_heart = Exercise(_by_heart, Round([
    Case((4, 0.1), "4 steps, learning_rate = 0.1"), Case((7, 0.02), "7 steps, learning_rate = 0.02"),
    Case((1, 0.5), "1 step, learning_rate = 0.5"),
], [
    slip("gradients-pile-up",
         "the gradients of all steps pile up: backward adds to what is there. Set them to zero before each backward",
         "optimizer.zero_grad() -> "),
    slip("nothing-learned",
         "the model stays as it is: either no step is taken, or the gradients are set to zero between backward and "
         "step, so that the optimizer finds none", "optimizer.step() -> ",
         ("optimizer.zero_grad() ->", "optimizer.step() -> optimizer.zero_grad(); optimizer.step()")),
    slip("one-step-short", "there is one step too few", "range(steps) -> range(1, steps)"),
    slip("one-step-more", "there is one step too many", "range(steps) -> range(steps + 1)"),
    slip("loss-after-the-step",
         "the losses are those after each step. Asked is the loss that each step began with: the first is the "
         "untrained model's", "losses.append(loss.item()) -> losses.append(model.loss(rows).item())"),
    slip("plain-descent", "the steps are those of plain gradient descent. AdamW is asked, as in lesson 08",
         "torch.optim.AdamW -> torch.optim.SGD"),
    slip("no-decay", "the steps are Adam's, without weight decay. AdamW with its own default is asked",
         "torch.optim.AdamW -> torch.optim.Adam", "lr=learning_rate -> lr=learning_rate, weight_decay=0.0"),
    slip("rate-not-used", "the learning rate is not the one that came in", "lr=learning_rate -> lr=1e-3",
         ", lr=learning_rate -> "),
    slip("new-optimizer-each-step",
         "each step begins with a new AdamW. It forgets its two means each time, and every step has the full length: "
         "make one, before the loop",
         "loss = model.loss(rows) -> loss, optimizer = model.loss(rows), "
         "torch.optim.AdamW(model.parameters(), lr=learning_rate)"),
    slip("other-way-up", "the loss is pushed up: backward of the loss itself is asked, not of its negative",
         "loss.backward() -> (-loss).backward()"),
    slip("one-row", "only the first row was learned: the loss of all rows is asked", "loss(rows) -> loss(rows[:1])"),
    slip("running-mean", "the losses are means over all steps so far. One for each step is asked",
         "return losses -> return [sum(losses[: i + 1]) / (i + 1) for i in range(len(losses))]"),
]), play=_play, parts=("losses", "weights afterwards", "rows afterwards"))  # fmt: skip
