"""Checks of lesson 02: pairs in a window, the softmax loss, CBOW's input, the gradient by hand.

Each is turned loose on small inputs of unequal sizes (B pairs, V words, D numbers a vector, T places), none saturated
save where saturation is the question. Pairs with a random reach have no one answer. Of a small text, forty times over,
all pairs that ever come are compared, and those are known; of a long text how far the words see.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from course_lib.checks.base import Case, Misconception, Outcome, Unfit, numbers, show
from course_lib.checks.slips import Exercise, Round, slip

# --- window_pairs -----------------------------------------------------------------------------------------------------


def _window_pairs(sentences, window, rng):
    pairs = []
    for sentence in sentences:
        for i, centre in enumerate(sentence):
            reach = rng.integers(1, window + 1)
            around = range(max(0, i - reach), min(len(sentence), i + reach + 1))
            pairs += [(centre, sentence[j]) for j in around if j != i]
    return pairs


_TIMES, _NEXT = 40, 100  # a small text comes so many times; each copy's words are so much larger than the last one's
_SENTENCES, _LENGTH = 30, 100  # of the long text, where no two words are alike
_SIZE, _FEW = _SENTENCES * _LENGTH, 3


def _as_pairs(value: object, size: int) -> list[list[int]]:
    """Pairs of numbers below `size`, whatever they come in."""
    array = numbers(list(value) if isinstance(value, set | tuple) else value)
    in_twos = array is not None and (not array.size or array.ndim == 2 and array.shape[1] == 2)
    if not in_twos or not np.array_equal(array, array.astype(np.int64)):
        raise Unfit("expected a list of pairs of word numbers, such as [(7, 8), (8, 7)], and got "
                    f"{show(value)}. `sentences` is a list of sentences, each a list of numbers")  # fmt: skip
    pairs = array.astype(np.int64).tolist()
    if strange := next((pair for pair in pairs if not 0 <= min(pair) <= max(pair) < size), None):
        raise Unfit(f"the pair {tuple(strange)} holds a number that is no word of the text")
    return pairs


def _meetings(function: Callable, sentences: list, window: int, rng: np.random.Generator, long: int = 0) -> object:
    """Of a short text all pairs that come in any of its copies, in order; a pair that comes more often in one copy
    stands there twice. Of a long text what is off with the reaches, or else how often words meet.
    """
    if long:
        few, other = sentences[:_FEW], np.random.default_rng(1)
        texts = [(few, rng), (few, copy.deepcopy(rng)), (sentences, other)]
        return _reaches(*(_as_pairs(function(text, window, one), _SIZE) for text, one in texts), window)
    copies = [[word + _NEXT * number for word in sentence] for number in range(_TIMES) for sentence in sentences]
    value = function(copies, window, rng)
    if value is None or isinstance(value, Iterator):
        return value
    times, size = Counter(), _TIMES * _NEXT
    for (a, b, _), n in Counter((a % _NEXT, b % _NEXT, a // _NEXT) for a, b in _as_pairs(value, size)).items():
        times[a, b] = max(times[a, b], min(n, 2))
    return sorted(times.elements())


def _reaches(first: list, again: list, other: list, window: int) -> str:
    """`again` comes from a generator equal to that of `first`, `other` from another one and from the whole text."""
    apart = Counter(abs(a - b) for a, b in other)
    shares = [apart[away] / (2 * _SENTENCES * (_LENGTH - away)) for away in range(1, window + 1)]
    meet = f"words 1, 2, 3, 4, 5 places apart meet in the shares {', '.join(f'{share:.1f}' for share in shares)}"
    reach, gaps = _reach_and_gaps(other)
    if sorted(first) != sorted(again):
        return "an equal generator gives other pairs"
    if min(shares) == 1:
        return meet
    if sorted(first) == sorted(pair for pair in other if max(pair) < _FEW * _LENGTH):
        return "another generator gives the same pairs"
    if all(len(set(reach[start:start + _LENGTH])) == 1 for start in range(0, _SIZE, _LENGTH)):
        return "all words of a sentence have one reach"
    if 0 in reach:
        return f"of ten words {10 * reach.count(0) / _SIZE:.0f} see nobody"
    if not gaps:
        return meet
    if not _reach_and_gaps([pair[::-1] for pair in other])[1]:
        return "the second word of each pair is the one that has a reach"
    where = "in all places" if max(gaps) >= window else "near the start of a sentence"
    return f"words {where} miss a neighbour that is nearer than one they see"


def _reach_and_gaps(pairs: list) -> tuple[list[int], list[int]]:
    """How far each word sees, and the places of those who miss somebody within that reach, on either side."""
    steps = [set() for _ in range(_SIZE)]
    for a, b in pairs:
        steps[a].add(b - a)
    reach = [max(map(abs, each), default=0) for each in steps]
    rooms = [(min(far, word % _LENGTH), min(far, _LENGTH - 1 - word % _LENGTH)) for word, far in enumerate(reach)]
    return reach, [word % _LENGTH for word, (left, right) in enumerate(rooms)
                   if steps[word] != set(range(-left, right + 1)) - {0}]  # fmt: skip


def _small(sentences: list, window: int) -> Case:
    words = f"the sentences {sentences} at window {window}, all pairs that ever come in {_TIMES} goes"
    return Case((sentences, window, np.random.default_rng(0)), words)


_LONG = np.arange(_SIZE).reshape(_SENTENCES, _LENGTH).tolist()
_DRAW, _PAIR, _EACH = "rng.integers(1, window + 1)", "(centre, sentence[j])", "for i, centre in enumerate(sentence):"
_PAIRS, _FIXED = f"pairs += [{_PAIR} for j in around if j != i]", f"{_DRAW} -> window"
window_pairs = Exercise(_window_pairs, Round([
    _small([[7, 8, 9], [3], [], [5, 5, 6]], 1),
    _small([[7, 8, 9], [3], [], [5, 5, 6]], 2),
    _small([[4, 1, 7, 0, 3, 3, 8, 2], [6, 5]], 3),
], [
    slip("crosses-sentences", "the window crosses the full stop, which is a wall: take the sentences one by one",
         "in sentences: -> in [sum(sentences, [])]:"),
    slip("includes-centre", "the centre is counted among its own neighbours: leave out j == i", "if j != i ->"),
    slip("compares-words", "words are compared where places should be: a word that comes twice is its own neighbour",
         "j != i -> sentence[j] != centre"),
    slip("one-sided", "only one side of the window was taken, the words after the centre", "j != i -> j > i"),
    slip("one-sided", "only one side of the window was taken, the words before the centre", "j != i -> j < i"),
    slip("one-short", "the window stops one place early on the right: `range(a, b)` leaves b out",
         "reach + 1) -> reach)"),
    slip("wraps-around", "the first words of a sentence are paired with its last: a negative index counts from the "
         "end. Start at max(0, i - reach)", "max(0, i - reach) -> i - reach", "max(0, -> max(-len(sentence),"),
    slip("skips-ends", "a window that does not fit is skipped, and the words near a sentence's ends are never centres: "
         "cut it at the end instead",
         f"{_EACH} -> {_EACH}\n"
         "            if not window <= i < len(sentence) - window: continue"),
    slip("whole-sentence", "the whole sentence is the window. Only words at most `reach` places away are neighbours",
         "range(max(0, i - reach), min(len(sentence), i + reach + 1)) -> range(len(sentence))"),
    slip("counts-twice", "each pair is added twice, perhaps once from either side: a centre takes each neighbour once",
         "pairs += [ -> pairs += 2 * ["),
    slip("one-sentence", "the list of pairs starts anew with each sentence, and only the last is left",
         "in sentences: -> in sentences[-1:]:", ("in sentences: -> in sentences[-1:]:", _FIXED)),
    slip("one-sentence", "`return` stands inside the loop and ends it with the first sentence",
         "in sentences: -> in sentences[:1]:", ("in sentences: -> in sentences[:1]:", _FIXED)),
    slip("places-not-words", "the pairs hold *places* in the sentence, i or j, and not the words that stand there",
         f"{_PAIR} -> (i, j)", f"{_PAIR} -> (centre, j)", f"{_PAIR} -> (i, sentence[j])"),
    slip("never-full", "the largest reach is never drawn: rng.integers(1, n) stops at n - 1, and n is window + 1",
         "window + 1 -> window"),
    slip("reach-from-zero", "the reach is drawn from 0 to window - 1: rng.integers(window) does that. Draw from 1 to "
         "window, both included", "1, window + 1 -> window"),
    slip("reach-of-the-example", "the reach goes up to 5 whatever `window` says: the 6 of rng.integers(1, 6) was for "
         "window 5, and is window + 1", "window + 1 -> 6", f"{_DRAW} -> 5"),
]), Round([
    Case((_LONG, 5, np.random.default_rng(0)), f"{_SENTENCES} sentences of {_LENGTH} words at window 5", {"long": 1}),
], [
    slip("fixed-window", "the window is fixed, with about 10 pairs a centre where a reach of its own gives about 6. "
         "Let each centre draw its reach", _FIXED),
    slip("one-reach", "the reach is drawn once, outside the loop over the words. Each centre draws its own",
         (f"{_EACH} -> once = {_DRAW}\n        {_EACH}", f"reach = {_DRAW} -> reach = once"),
         (f"pairs = [] -> pairs, once = [], {_DRAW}", f"reach = {_DRAW} -> reach = once")),
    slip("reach-from-zero", "the reach can be 0, and then the centre sees nobody: draw from 1 to window, both included",
         "1, window + 1 -> 0, window + 1"),
    slip("several-draws", "more than one draw was made for one centre. It takes every word within one reach, on both "
         "sides", f"{_PAIRS} -> {_PAIRS[:-1]} and abs(i - j) <= {_DRAW}]"),
    slip("swapped", "(context, centre) was returned. The centre, the word whose reach was drawn, comes first",
         f"{_PAIR} -> (sentence[j], centre)"),
    slip("wraps-around", "a slice starts at a negative index, and is empty. Let it start at max(0, i - reach)",
         f"{_PAIRS} -> pairs += [(centre, word) for word in sentence[i - reach:i] + sentence[i + 1:i + reach + 1]]"),
    slip("ignores-rng", "the reaches do not come from `rng`: an equal generator should give the same pairs, another "
         "one others", "pairs = [] -> pairs, rng = [], np.random.default_rng(0)",
         "pairs = [] -> pairs, rng = [], np.random.default_rng()"),
], held="the right pairs come"), play=_meetings)  # fmt: skip


# --- softmax_loss -----------------------------------------------------------------------------------------------------


def _softmax_loss(w_in, w_out, centres, contexts):
    scores = w_in[centres] @ w_out.T  # [B, V]
    right = scores[torch.arange(len(contexts)), contexts]  # [B]
    return (torch.logsumexp(scores, dim=1) - right).mean()


def _loss_or_slopes(function: Callable, w_in, w_out, centres, contexts, slopes: bool = False) -> object:
    """The loss, or what `backward()` from it leaves in the two tables."""
    loss = function(w_in, w_out, centres, contexts)
    if not slopes:
        return loss
    try:
        loss.backward()
        return {f"gradient of {name}": table.grad + 0 for name, table in (("w_in", w_in), ("w_out", w_out))}
    except (AttributeError, RuntimeError, TypeError) as error:  # no tensor, cut off from both tables, or from one
        if "second time" in str(error):
            raise Unfit("`backward()` was called inside the function, and what it needs is used up. Return the loss "
                        "alone; who trains calls it") from None  # fmt: skip
        raise Unfit("autograd cannot follow the loss back to both tables") from None


def _tables(V: int, D: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two float32 tables that autograd follows."""
    values = np.random.default_rng(seed).normal(0, 0.7, (2, V, D))
    w_in, w_out = torch.tensor(values, dtype=torch.float32)
    return w_in.requires_grad_(), w_out.requires_grad_()


def _batch(V: int, D: int, B: int, seed: int, **kwargs) -> Case:
    centres, contexts = torch.tensor(np.random.default_rng(10 + seed).integers(0, V, (2, B)))
    return Case((*_tables(V, D, seed), centres, contexts), f"V = {V} words, D = {D}, B = {B} pairs", kwargs)


def _scores(*rows: tuple) -> Case:
    """Pairs whose scores are these rows; of the first pair the second score is the right one's, and so on."""
    table, ids = torch.tensor(rows, dtype=torch.float32).T.contiguous(), torch.arange(len(rows))
    words = f"the scores {' and '.join(map(str, rows))}, contexts {(ids + 1).tolist()}"
    return Case((torch.eye(*table.shape).requires_grad_(), table.requires_grad_(), ids, ids + 1), words)


_SCORES, _LSE = "w_in[centres] @ w_out.T", "torch.logsumexp(scores, dim=1)"
_RIGHT = "torch.arange(len(contexts)), contexts"
_P = f"scores.softmax(dim=1)[{_RIGHT}]"
_MEAN = f"({_LSE} - right).mean()"
softmax_loss = Exercise(_softmax_loss, Round([
    _batch(7, 3, 5, seed=0),
    _batch(4, 2, 9, seed=1),
    _batch(6, 3, 6, seed=2),
    Case((*(torch.zeros(6, 3, requires_grad=True) for _ in range(2)), torch.tensor([0, 1, 2, 2]),
          torch.tensor([1, 0, 5, 3])), "two tables of zeros, V = 6, B = 4 (knowing nothing costs ln 6 = 1.792)"),
    _batch(5, 4, 1, seed=3),
], [
    slip("wrong-axis", "the softmax runs over the pairs (dim=0); each pair's probabilities over the V words must sum "
         "to one (dim=1)", f"{_LSE} -> torch.logsumexp(scores, dim=0)[contexts]", "dim=1 -> dim=0"),
    slip("mean-over-words", "the mean was taken over all B x V numbers; it is taken over the B pairs",
         "mean() -> mean() / len(w_out)"),
    slip("sum-not-mean", "the pairs' losses were summed; take their mean", "mean() -> sum()"),
    slip("not-reduced", "each pair's loss was returned; we want one number, their mean", ".mean() ->"),
    slip("sign", "the minus of -log p is missing", "return -> return -"),
    slip("log2", "the logarithm is to base 2; ours is the natural one", "mean() -> mean() / np.log(2)"),
    slip("no-log", "the logarithm is missing: this is the mean of p, or of -p", f"{_MEAN} -> -{_P}.mean()",
         f"{_MEAN} -> {_P}.mean()", f"{_MEAN} -> 1 - {_P}.mean()"),
    slip("log-of-the-mean", "the mean was taken before the logarithm. Take -log p of each pair first, then the mean",
         f"{_MEAN} -> -{_P}.mean().log()"),
    slip("no-normaliser", "the score itself was used for log p: subtract the log of the sum over all V words",
         f"{_LSE} - right -> -right"),
    slip("softmax-twice", "F.cross_entropy was given shares; it takes the scores and does the softmax itself",
         f"{_SCORES} -> ({_SCORES}).softmax(dim=1)"),
    slip("every-context", "every pair was asked for all B contexts; row b is asked for contexts[b] alone: "
         "scores[torch.arange(B), contexts]", f"scores[{_RIGHT}] -> scores[:, contexts].mean(dim=1)"),
    slip("tables-swapped", "the two tables are swapped: the centre reads w_in, the candidates w_out",
         f"{_SCORES} -> w_out[centres] @ w_in.T"),
    slip("one-table", "w_in was used for both; the candidates' rows are in w_out", "w_out.T -> w_in.T"),
    slip("one-table", "w_out was used for both; the centres' rows are in w_in", "w_in[ -> w_out["),
    slip("pair-turned", "centre and context are swapped: the centre is given, the context is guessed",
         f"{_SCORES} -> w_in[contexts] @ w_out.T; contexts = centres"),
]), Round([
    _batch(7, 3, 5, seed=0, slopes=True),
], [
    slip("cut-off", "`.item()`, `.detach()`, `torch.tensor(...)` or NumPy came in between, and what they return "
         "remembers no table. Return the loss itself, made of both tables", f"{_MEAN} -> {_MEAN}.item()",
         f"{_MEAN} -> torch.tensor({_MEAN}.item(), requires_grad=True)", "w_out.T -> w_out.detach().T",
         "w_in[ -> w_in.detach()[", "logsumexp(scores -> logsumexp(scores.detach()", "- right) -> - right.detach())"),
], held="the numbers are right"), Round([
    _scores((1000, 1001, 1002), (1001, 1002, 1000)),
    _scores((-1000, -1001, -1002)),
    _scores((200, 0, 0), (0, 0, 200)),
    _scores((1000, 999, 998), (1, 0, -1)),
], [
    slip("unstable-exp", "exp() is taken of the raw scores. exp(1000) is infinite, and exp(-1000) is 0: what can be "
         "subtracted from all scores without changing p?", f"{_LSE} -> scores.exp().sum(dim=1).log()",
         f"{_MEAN} -> -(right.exp() / scores.exp().sum(dim=1)).log().mean()"),
    slip("log-of-softmax", "the softmax, rounded to 0, goes into a logarithm afterwards; torch.log_softmax or "
         "torch.logsumexp never pass through p", f"{_MEAN} -> -{_P}.log().mean()"),
    slip("kept-off-zero", "something small was added, or p was cut off near 0, so that no log is infinite. That makes "
         "every large loss smaller than it is: torch.logsumexp needs no such help",
         *(f"{_MEAN} -> -{form.format(tiny)}.log().mean()" for form in (f"({_P} + {{}})", f"{_P}.clamp(min={{}})")
           for tiny in ("1e-12", "1e-10", "1e-9", "1e-8", "1e-7"))),
    slip("one-maximum", "one maximum, the largest score of the whole batch, was subtracted from all. Beside it another "
         "pair's scores may be so small that each exp() is 0: subtract each row's own, scores.max(dim=1, keepdim=True)",
         f"{_LSE} -> (scores - scores.max()).exp().sum(dim=1).log() + scores.max()",
         f"{_MEAN} -> -((right - scores.max()).exp() / (scores - scores.max()).exp().sum(dim=1)).log().mean()"),
], held="small scores hold, and autograd can follow"), play=_loss_or_slopes)  # fmt: skip


# --- cbow_input -------------------------------------------------------------------------------------------------------


def _cbow_input(w_in, sentence, window):
    rows = []
    for t in range(len(sentence)):
        around = torch.cat([sentence[max(0, t - window):t], sentence[t + 1:t + window + 1]])
        rows.append(w_in[around].sum(dim=0) / max(1, len(around)))
    return torch.stack(rows)


def _end_to_end(answers: Sequence[Outcome]) -> Misconception | None:
    """Whether the rows of the first answer are several times D wide; rows of unequal lengths count."""
    value, array = answers[0].value, numbers(answers[0].value)
    rows = value if isinstance(value, list | tuple) else () if array is None or array.ndim != 2 else array
    widths = {np.size(numbers(row)) for row in rows}
    if len(rows) != len(_WORDS) or max(widths) <= 3 or any(width % 3 for width in widths):
        return None
    return Misconception("concatenates", _end_to_end,
                         f"a place has {max(widths)} = {max(widths) // 3} x 3 numbers where D = 3 were asked: the "
                         "neighbours' vectors are laid end to end. CBOW takes their mean; order is lost on purpose (a "
                         "bag of words)")  # fmt: skip


_WORDS = [4, 1, 7, 2, 8, 3]
_LEFT, _AFTER = "sentence[max(0, t - window):t]", "sentence[t + 1:t + window + 1]"
_SHARE, _PLACES = "max(1, len(around))", "rows = [] -> rows, sentence = [], torch.arange(len(sentence))"


def _sentence(ids: list[int], window: int) -> Case:
    words = f"sentence {ids}, window {window}, V = 9, D = 3"
    return Case((_tables(9, 3, seed=4)[0].detach(), torch.tensor(ids), window), words)


cbow_input = Exercise(_cbow_input, Round([
    _sentence(_WORDS, 2), _sentence([5, 0, 5, 6, 2], 1), _sentence([6, 3], 4), _sentence([1, 1, 0, 1, 8], 2),
    _sentence([8], 2),
], [
    slip("includes-centre", "the centre's own vector is in its mean: the answer would be given away", "t + 1:t -> t:t"),
    slip("compares-words", "every place where the centre's *word* stands was left out. Leave out the place t alone: "
         "the same word elsewhere is a neighbour",
         f"{_AFTER}]) -> {_AFTER}])\n        around = around[around != sentence[t]]"),
    slip("divides-by-window", "the sum is divided by 2 x window everywhere; near a sentence's ends fewer words are "
         "present: divide by their number", f"{_SHARE} -> (2 * window)"),
    slip("sum-not-mean", "the vectors are summed and not divided", f"/ {_SHARE} ->"),
    slip("one-sided", "only the words before the centre are taken", f", {_AFTER} ->"),
    slip("one-sided", "only the words after the centre are taken", f"{_LEFT}, ->"),
    slip("one-short", "the window stops one place early on the right: a slice leaves its end out", "+ 1] -> ]"),
    slip("start-lost", "the first words see nothing to their left: a slice that starts at a negative index is empty. "
         "Start at max(0, t - window)", "max(0, t - window) -> t - window"),
    slip("lone-word", "a word alone in its sentence has no neighbours, and 0 / 0 is NaN: give zeros",
         f"{_SHARE} -> len(around)"),
    slip("whole-sentence", "every word of the sentence is taken, however far away",
         ("max(0, t - window) -> 0", "t + window + 1 ->")),
    slip("table-order", "rows 0, 1, 2, ... of the table are taken; at place j stands the word sentence[j], and its row "
         "is wanted", _PLACES, (_PLACES, f"{_SHARE} -> len(around)")),
], otherwise=_end_to_end))  # fmt: skip


# --- softmax_gradients ------------------------------------------------------------------------------------------------


def _softmax_gradients(w_in, w_out, centre, context):
    scores = w_out @ w_in[centre]  # [V]
    error = np.exp(scores - scores.max())
    error /= error.sum()
    error[context] -= 1
    return error @ w_out, np.outer(error, w_in[centre])


def _pair(V: int, D: int, centre: int, context: int, seed: int) -> Case:
    weights = [table.detach().double().numpy() for table in _tables(V, D, seed)]
    return Case((*weights, centre, context), f"V = {V}, D = {D}, centre {centre}, context {context}")


_MINUS, _BOTH = "error[context] -= 1", "return error @ w_out, np.outer(error, w_in[centre])"
_HERE = "(np.arange(len(error)) == context)"
softmax_gradients = Exercise(_softmax_gradients, Round([
    _pair(6, 3, 2, 4, seed=20), _pair(5, 2, 0, 3, seed=21), _pair(4, 7, 1, 1, seed=22),
], [
    slip("one-table", "one table serves as both, w_in; the candidates' rows are in w_out", "@ w_out -> @ w_in",
         ("w_out @ -> w_in @", "@ w_out -> @ w_in")),
    slip("one-table", "one table serves as both, w_out; the centre's row is in w_in", "w_in[ -> w_out["),
    slip("only-pulls", "only the neighbour's row is pulled. The right rows of grad_out sum to zero: what pulls one "
         "word pushes all the others", f"{_MINUS} -> error = -1.0 * {_HERE}",
         f"{_MINUS} -> error = (error - 1) * {_HERE}"),
    slip("only-pushes", "the 1 of the neighbour was not subtracted: all words are pushed away, the right one too",
         f"{_MINUS} ->"),
    slip("uphill", "the sign is turned round: this is the direction in which the loss grows smaller; the gradient "
         "points uphill", f"{_MINUS} -> {_MINUS}; error = -error"),
    slip("one-at-the-centre", "the 1 was subtracted at the centre's place. The right answer is the context",
         "error[context] -> error[centre]"),
    slip("not-divided", "the exponentials were not divided by their sum: p must add up to 1",
         ("- scores.max() ->", "error /= error.sum() ->")),
    slip("order", "the two came back in the other order: first the centre's row, then w_out",
         f"{_BOTH} -> return np.outer(error, w_in[centre]), error @ w_out"),
    slip("transposed", "grad_out is transposed: it has w_out's shape [V, D]",
         "np.outer(error, w_in[centre]) -> np.outer(w_in[centre], error)"),
    slip("one-of-the-two", "only one of the two came back. Return both: for the centre's row, and for w_out",
         f"{_BOTH} -> return error @ w_out", f"{_BOTH} -> return np.outer(error, w_in[centre])"),
]), parts=("gradient of the centre's row", "gradient of w_out"))  # fmt: skip
