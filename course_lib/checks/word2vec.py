"""Checks of lesson 02: pairs in a window, the softmax loss, CBOW's input, the gradient by hand.

Each is turned loose on small inputs of unequal sizes (B pairs, V words, D numbers a vector, T places), none saturated
save where saturation is the question. Pairs are checked by their statistics, because a random reach has no one answer.
"""
import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import word2vec as reference
from course_lib.checks.base import (
    Case,
    Misconception,
    Result,
    Unfit,
    call,
    compare,
    difference,
    failed,
    guarded,
    numbers,
    passed,
)

# --- window_pairs ------------------------------------------------------------------------------------------------

WINDOW, NUM_SENTENCES, LENGTH = 5, 50, 100  # 5,000 centres
SMALL = [[7, 8, 9], [3], [], [5, 5, 6]]  # window 1 leaves nothing to chance
FLAT, FADING = "1, 1, 1, 1, 1", "1, .8, .6, .4, .2"


@guarded("window_pairs")
def window_pairs(learner) -> Result:
    """(sentences, window, rng) -> list of (centre, context), any order; each centre draws one reach from 1..window."""
    name = "window_pairs"
    # every word number is a place of its own, so a pair tells where it came from
    text = np.arange(NUM_SENTENCES * LENGTH).reshape(NUM_SENTENCES, LENGTH).tolist()
    outcomes = [call(learner, text, WINDOW, np.random.default_rng(seed), name=name) for seed in (0, 0, 1)]
    if problem := next((outcome.error for outcome in outcomes if outcome.error), None):
        return problem
    outcomes.append(call(learner, SMALL, 1, np.random.default_rng(0), name=name))
    answers = [as_pairs([] if outcome.error else outcome.value) for outcome in outcomes]
    if any(answer is None for answer in answers):
        return failed(name, "expected a list of pairs of word numbers, such as [(7, 8), (8, 7)]; got "
                            f"{shorten(outcomes[0].value)}. `sentences` is a list of sentences, each a list of "
                            "numbers.")
    first, again, other, small = answers
    if not len(first) or not len(other):
        return failed(name, f"{len(text)} sentences of {LENGTH} words gave no pair at all.")
    for look in (look_where, look_which, look_how_often):
        if found := look(other) or look(first):
            return failed(name, *found)
    if outcomes[-1].error:
        return outcomes[-1].error
    if found := look_small(small):
        return failed(name, *found)
    first, again, other = (np.sort(pairs @ [NUM_SENTENCES * LENGTH, 1]) for pairs in (first, again, other))
    if not np.array_equal(first, again) or np.array_equal(first, other):
        text = ("the reaches do not come from `rng`: the same generator should give the same pairs again, and "
                "another seed should give others. It looks as if they were drawn elsewhere.")
        return failed(name, text, "ignores-rng")
    return passed(name, f"{len(first) / len(text) / LENGTH:.1f} pairs a centre at window {WINDOW}, all in their "
                        f"sentence, and neighbours 1 to 5 places away are met as {FADING}.")


def as_pairs(value) -> np.ndarray | None:
    """The learner's pairs as whole numbers (N, 2), whatever they come in; None if that is not what they are."""
    array = numbers(list(value) if isinstance(value, set | tuple) else value)
    if array is not None and array.size == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if array is None or array.ndim != 2 or array.shape[1] != 2 or not np.array_equal(array, array.astype(np.int64)):
        return None
    return array.astype(np.int64)


def shorten(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def look_where(pairs: np.ndarray) -> tuple | None:
    """Pairs that should not exist: across a full stop, of a place with itself, too far away, or twice."""
    centre, context = pairs.T
    met = np.unique(centre // LENGTH)
    if len(met) == 1:
        return (f"only one of {NUM_SENTENCES} sentences gives any pairs. It looks as if the list of pairs starts "
                "anew with each sentence, or as if `return` stands inside the loop.", "one-sentence")
    if pairs.min() < 0 or pairs.max() >= NUM_SENTENCES * LENGTH:
        return (f"the pair {tuple(pairs[np.argmax(np.abs(pairs).max(1))].tolist())} holds a number that is no word "
                "of the text: pairs hold words, not places in the sentence.",)
    crossing = np.flatnonzero(centre // LENGTH != context // LENGTH)
    if len(crossing):
        place = pairs[crossing[0]]
        return (f"{len(crossing):,} pairs join words of different sentences: word {place[0]} (sentence "
                f"{place[0] // LENGTH}) with word {place[1]} (sentence {place[1] // LENGTH}). It looks as if the "
                "window crosses the full stop.", "crosses-sentences")
    if (centre == context).any():
        return (f"{(centre == context).sum():,} pairs join a word with itself at the very same place. It looks as "
                "if the centre is counted among its own neighbours: leave out j == i.", "includes-centre")
    far = np.flatnonzero(np.abs(centre - context) > WINDOW)
    if len(far) and (pairs[far, 0] % LENGTH < WINDOW).all():
        return (f"the first words of a sentence are paired with its last: {pairs[far[0]].tolist()}. It looks as if "
                "a negative index counts from the end: start at max(0, i - reach).", "wraps-around")
    if len(far):
        return (f"at window {WINDOW} the words {pairs[far[0]].tolist()} are {abs(int(np.subtract(*pairs[far[0]])))} "
                "places apart.",)
    if len(np.unique(pairs, axis=0)) < len(pairs):
        return (f"{len(pairs) - len(np.unique(pairs, axis=0)):,} pairs of places came twice. Each centre takes each "
                "neighbour once; it looks as if one loop adds both directions.", "counts-twice")
    return None


def reach_table(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far each of M places saw to its left and right (M, 2), how many it saw (M, 2), how many there were (M, 2)."""
    seen, reach = np.zeros((2, NUM_SENTENCES * LENGTH, 2), dtype=np.int64)
    side = (pairs[:, 1] > pairs[:, 0]).astype(np.int64)
    np.add.at(seen, (pairs[:, 0], side), 1)
    np.maximum.at(reach, (pairs[:, 0], side), np.abs(pairs[:, 1] - pairs[:, 0]))
    place = np.arange(NUM_SENTENCES * LENGTH) % LENGTH
    return reach, seen, np.stack([place, LENGTH - 1 - place], 1)


def consistent(pairs: np.ndarray) -> bool:
    """Whether every centre saw all within one reach, the same on both sides, cut only by the sentence's ends."""
    reach, seen, room = reach_table(pairs)
    far = reach.max(1, keepdims=True)
    return bool((seen == np.minimum(far, room)).all())


def look_which(pairs: np.ndarray) -> tuple | None:
    """Each centre should see everything within one reach, left and right."""
    reach, seen, room = reach_table(pairs)
    if not seen[:, 0].any() or not seen[:, 1].any():
        side = "before" if not seen[:, 0].any() else "after"
        return f"no centre sees a word {side} it. It looks as if only one side of the window was taken.", "one-sided"
    middle = (room >= WINDOW).all(1)
    if (~middle).any() and not seen[~middle].any():
        return ("the words near a sentence's ends are never centres. It looks as if a window that does not fit is "
                "skipped: cut it at the sentence's end instead.", "skips-ends")
    if consistent(pairs):
        return None
    if consistent(pairs[:, ::-1]):
        return ("the words come the wrong way round: it looks as if (context, centre) was returned. The centre, the "
                "word whose reach was drawn, comes first.", "swapped")
    short = np.flatnonzero(middle & (reach[:, 1] == reach[:, 0] - 1))
    if len(short) >= middle.sum() * 0.5:
        return "the window stops one place early on the right: `range(a, b)` leaves b out.", "one-short"
    odd = (seen != np.minimum(reach.max(1, keepdims=True), room)).any(1)
    if not odd[middle].any() and not odd[room[:, 0] >= WINDOW].any():
        return ("the first words of a sentence miss neighbours. It looks as if a slice starts at a negative index: "
                "let it start at max(0, i - reach).", "wraps-around")
    odd = int(np.flatnonzero(odd & middle if odd[middle].any() else odd)[0])
    got = sorted((pairs[pairs[:, 0] == odd, 1] - odd).tolist())
    return (f"a centre takes every word within its reach, on both sides; one centre took its neighbours at {got} "
            "and left out some in between or on the other side. It looks as if more than one draw was made for one "
            "centre.", "several-draws")


def look_how_often(pairs: np.ndarray) -> tuple | None:
    """The share of neighbours met at each distance, against 1, .8, .6, .4, .2."""
    distance = np.abs(pairs[:, 0] - pairs[:, 1])
    share = np.array([(distance == d).sum() / (2 * NUM_SENTENCES * (LENGTH - d)) for d in range(1, WINDOW + 1)])
    told = ", ".join(f"{s:.2f}".rstrip("0").rstrip(".").removeprefix("0") or "0" for s in share)
    a_centre = len(pairs) / (NUM_SENTENCES * LENGTH)
    if (share == 1).all():
        return (f"at window {WINDOW} you give {a_centre:.1f} pairs a centre and a random reach gives about 6; by "
                f"distance {FLAT} instead of {FADING}. It looks as if the window is fixed: let each centre draw its "
                "reach.", "fixed-window")
    reach = reach_table(pairs)[0].max(1).reshape(NUM_SENTENCES, LENGTH)
    if (reach == reach[:, :1]).all():
        return (f"all {LENGTH} words of a sentence share one reach. It looks as if the reach is drawn once, outside "
                "the loop over the words: each centre draws its own.", "one-reach")
    if (reach == 0).any():
        return (f"{(reach == 0).mean():.0%} of the centres have no neighbour; by distance {told} instead of "
                f"{FADING}. It looks as if the reach can be 0: draw from 1 to window, both included.",
                "reach-from-zero")
    if reach.max() < WINDOW:
        return (f"no centre reaches farther than {reach.max()} at window {WINDOW}; by distance {told} instead of "
                f"{FADING}. It looks as if the largest reach is never drawn: rng.integers(1, n) stops at n - 1.",
                "never-full")
    if np.abs(share - [1, 0.8, 0.6, 0.4, 0.2]).max() > 0.04:
        return (f"neighbours 1 to 5 places away should be met as {FADING} and yours are met as {told}: every reach "
                "from 1 to window is equally likely.",)
    return None


def look_small(pairs: np.ndarray) -> tuple | None:
    """Window 1, where every reach is 1: the pairs are known, in whatever order."""
    rng = np.random.default_rng(0)
    expected = Counter(p for sentence in SMALL for p in reference.window_pairs(sentence, 1, rng))
    got = Counter(map(tuple, pairs.tolist()))
    if got == expected:
        return None
    lacks, extra = sorted((expected - got).elements()), sorted((got - expected).elements())
    if lacks == [(5, 5), (5, 5)] and not extra:
        return ("in the sentence [5, 5, 6] the word 5 stands beside itself, and that is a pair: it looks as if "
                "words are compared where places should be.", "compares-words")
    text = f"{lacks[0]} is missing" if lacks else f"{extra[0]} should not be there (or not so often)"
    return (f"for sentences {SMALL} and window 1, the pair {text}.",)


# --- softmax_loss ------------------------------------------------------------------------------------------------

def tables(vocab_size: int, size: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two float32 tables that autograd follows."""
    values = np.random.default_rng(seed).normal(0, 0.7, (2, vocab_size, size))
    w_in, w_out = torch.tensor(values, dtype=torch.float32)
    return w_in.requires_grad_(), w_out.requires_grad_()


def pair_scores(w_in, w_out, centres, contexts):
    return w_in[centres] @ w_out.T


def per_pair(w_in, w_out, centres, contexts):
    return F.cross_entropy(w_in[centres] @ w_out.T, contexts, reduction="none")


def over_the_pairs(w_in, w_out, centres, contexts):
    log_p = F.log_softmax(w_in[centres] @ w_out.T, dim=0)
    return -log_p[torch.arange(len(centres)), contexts].mean()


LOSS_MISTAKES = [
    Misconception("wrong-axis", over_the_pairs,
                  "the softmax runs over the pairs (dim=0); each pair's probabilities over the V words must sum to "
                  "one (dim=1)"),
    Misconception("mean-over-words", lambda *a: per_pair(*a).mean() / len(a[0]),
                  "the mean was taken over all B x V numbers; it is taken over the B pairs"),
    Misconception("sum-not-mean", lambda *a: per_pair(*a).sum(), "the pairs' losses were summed; take their mean"),
    Misconception("not-reduced", per_pair, "each pair's loss was returned; we want one number, their mean"),
    Misconception("sign", lambda *a: -per_pair(*a).mean(), "the minus of -log p is missing"),
    Misconception("log2", lambda *a: per_pair(*a).mean() / math.log(2),
                  "the logarithm is to base 2; ours is the natural one"),
    Misconception("no-log", lambda *a: -torch.exp(-per_pair(*a)).mean(),
                  "the logarithm is missing: this is the mean of -p"),
    Misconception("no-normaliser", lambda *a: -pair_scores(*a)[torch.arange(len(a[2])), a[3]].mean(),
                  "the score itself was used for log p: subtract the log of the sum over all V words"),
    Misconception("softmax-twice", lambda *a: F.cross_entropy(torch.softmax(pair_scores(*a), 1), a[3]),
                  "F.cross_entropy was given shares; it takes the scores and does the softmax itself"),
    Misconception("every-context", lambda *a: -torch.log_softmax(pair_scores(*a), 1)[:, a[3]].mean(),
                  "every pair was asked for all B contexts; row b is asked for contexts[b] alone: "
                  "scores[torch.arange(B), contexts]"),
    Misconception("tables-swapped", lambda w_in, w_out, c, o: reference.softmax_loss(w_out, w_in, c, o),
                  "the two tables are swapped: the centre reads w_in, the candidates w_out"),
    Misconception("one-table", lambda w_in, w_out, c, o: reference.softmax_loss(w_in, w_in, c, o),
                  "w_in was used for both; the candidates' rows are in w_out"),
    Misconception("pair-turned", lambda w_in, w_out, c, o: reference.softmax_loss(w_in, w_out, o, c),
                  "centre and context are swapped: the centre is given, the context is guessed"),
]


def loss_cases() -> list[Case]:
    cases = []
    for seed, (vocab_size, size, pairs) in enumerate([(7, 3, 5), (4, 2, 9)]):
        ids = np.random.default_rng(10 + seed).integers(0, vocab_size, (2, pairs))
        centres, contexts = torch.tensor(ids)
        label = f"V = {vocab_size} words, D = {size}, B = {pairs} pairs"
        cases.append(Case((*tables(vocab_size, size, seed), centres, contexts), label))
    zeros = tuple(torch.zeros(6, 3, requires_grad=True) for _ in range(2))
    label = "two tables of zeros, V = 6, B = 4 (knowing nothing costs ln 6 = 1.792)"
    return [*cases, Case((*zeros, torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0, 5, 3])), label)]


@guarded("softmax_loss")
def softmax_loss(learner) -> Result:
    """(w_in (V, D), w_out (V, D), centres (B,), contexts (B,)) -> the mean of -log p(context | centre), in nats."""
    name, cases = "softmax_loss", loss_cases()
    result = compare(name, learner, reference.softmax_loss, cases, LOSS_MISTAKES)
    if result.status != "passed":
        return result
    gradients = call(learner, *cases[0].args, name=name, play=slopes)
    if gradients.error:
        return gradients.error if gradients.kind != "unfit" else failed(name, gradients.value, "cut-off")
    if problem := difference(slopes(reference.softmax_loss, *cases[0].args), gradients.value, 1e-5):
        return failed(name, f"the number is right, but not its gradient: {problem}.", "cut-off")
    return saturated_scores(learner, name) or passed(name, f"all {len(cases)} cases hold, scores of 1,000 too, and "
                                                           "autograd can follow.")


def slopes(softmax_loss, w_in, w_out, centres, contexts) -> list[torch.Tensor]:
    """What a `backward()` from the loss leaves in the two tables."""
    tables = [table.detach().clone().requires_grad_() for table in (w_in, w_out)]
    value = softmax_loss(*tables, centres, contexts)
    try:
        value.backward()
        return [table.grad + 0 for table in tables]
    except (AttributeError, RuntimeError, TypeError):  # no tensor, cut off from both tables, or from one
        raise Unfit("the number is right, but autograd cannot follow it back to both tables: it looks as if .item(), "
                    ".detach() or NumPy came in between. Return the tensor itself.") from None  # fmt: skip


def saturated_scores(learner, name: str) -> Result | None:
    """Scores of 1,000, then a neighbour 200 below the best score: nothing may overflow, nothing become log 0."""
    ids = torch.tensor([0, 1]), torch.tensor([1, 2])
    high = (torch.ones(3, 1, requires_grad=True), torch.tensor([[1000.0], [1001.0], [1002.0]], requires_grad=True))
    far = (torch.ones(3, 1, requires_grad=True), torch.tensor([[200.0], [0.0], [0.0]], requires_grad=True))
    told = ("scores 1000, 1001, 1002", "scores 200, 0, 0")
    why = (("it looks as if exp() is taken of the raw scores, and exp(1000) is infinite. What can be subtracted "
            "from all scores without changing p?", "unstable-exp"),
           ("it looks as if the softmax, rounded to 0, goes into a logarithm afterwards; torch.log_softmax or "
            "torch.logsumexp never pass through p.", "log-of-softmax"))
    for weights, label, (reason, key) in zip((high, far), told, why, strict=True):
        outcome = call(learner, *weights, *ids, name=name)
        if outcome.error:
            return outcome.error
        expected, got = float(reference.softmax_loss(*weights, *ids).detach()), float(outcome.value.detach())
        if not math.isfinite(got):
            return failed(name, f"small scores hold. For {label} expected {expected:.4f} and got {got}: {reason}", key)
        if abs(got - expected) > 1e-3:
            return failed(name, f"small scores hold. For {label} expected {expected:.4f} and got {got:.4f}: nothing "
                                "may be clipped or added on the way.")
    return None


# --- cbow_input --------------------------------------------------------------------------------------------------

def neighbour_sums(w_in, sentence, window, from_distance=1):
    """Sums (T, D) of the vectors around each place, and how many there were (T, 1)."""
    place = torch.arange(len(sentence))
    distance = (place[:, None] - place[None, :]).abs()
    near = ((distance >= from_distance) & (distance <= window)).float()
    return near @ w_in[sentence], near.sum(1, keepdim=True)


def with_centre(w_in, sentence, window):
    total, present = neighbour_sums(w_in, sentence, window, from_distance=0)
    return total / present


def left_only(w_in, sentence, window):
    rows = [w_in[sentence[max(0, t - window):t]] for t in range(len(sentence))]
    return torch.stack([row.mean(0) if len(row) else torch.zeros(w_in.shape[1]) for row in rows])


def divided_by_nothing(w_in, sentence, window):
    total, present = neighbour_sums(w_in, sentence, window)
    return total / present


PLACES = "rows 0, 1, 2, ... of the table are taken; at place j stands the word sentence[j], and its row is wanted"
CBOW_MISTAKES = [
    Misconception("includes-centre", with_centre,
                  "the centre's own vector is in its mean: the answer would be given away"),
    Misconception("divides-by-window", lambda w, s, window: neighbour_sums(w, s, window)[0] / (2 * window),
                  "the sum is divided by 2 x window everywhere; near a sentence's ends fewer words are present: "
                  "divide by their number"),
    Misconception("sum-not-mean", lambda w, s, window: neighbour_sums(w, s, window)[0],
                  "the vectors are summed and not divided"),
    Misconception("one-sided", left_only, "only the words before the centre are taken"),
    Misconception("lone-word", divided_by_nothing,
                  "a word alone in its sentence has no neighbours, and 0 / 0 is NaN: give zeros"),
    Misconception("whole-sentence", lambda w, s, window: divided(neighbour_sums(w, s, len(s))),

                  "every word of the sentence is taken, however far away"),
    Misconception("table-order", lambda w, s, window: reference.cbow_input(w, torch.arange(len(s)), window), PLACES),
    Misconception("table-order", lambda w, s, window: divided_by_nothing(w, torch.arange(len(s)), window), PLACES),
]


def divided(sums):
    total, present = sums
    return total / present.clamp(min=1)


@guarded("cbow_input")
def cbow_input(learner) -> Result:
    """(w_in (V, D), sentence (T,), window) -> (T, D): the mean of the vectors around each place, without the centre."""
    name = "cbow_input"
    w_in = tables(9, 3, 4)[0].detach()
    cases = [Case((w_in, torch.tensor(ids), window), f"sentence {ids}, window {window}, V = 9, D = 3")
             for ids, window in [([4, 1, 7, 2, 8, 3], 2), ([5, 0, 5, 6, 2], 1), ([6, 3], 4)]]
    cases.append(Case((w_in, torch.tensor([8]), 2), "the lone word [8], window 2"))
    result = compare(name, learner, reference.cbow_input, cases, CBOW_MISTAKES)
    if result.status == "failed" and result.diagnosis is None:
        width = concatenated_width(learner, cases[0])
        if width:
            text = (f"each place should have D = 3 numbers and yours has {width} = {width // 3} x 3: it looks as if "
                    "the neighbours' vectors are laid end to end. CBOW takes their mean; order is lost on purpose "
                    "(a bag of words).")
            return failed(name, text, "concatenates")
    return result


def concatenated_width(learner, case: Case) -> int | None:
    """The width of the learner's rows where it is a multiple of D, else None; rows of unequal lengths count."""
    value = call(learner, *case.args).value
    try:
        widths = {int(np.prod(np.shape(numbers(row)))) for row in value}
    except (TypeError, ValueError):
        return None
    return max(widths) if len(value) == 6 and max(widths) > 3 and all(w % 3 == 0 for w in widths) else None


# --- softmax_gradients -------------------------------------------------------------------------------------------

def gradients_from(error_of):
    """The gradient with another error e in place of p - onehot; e = error_of(p, context)."""
    def gradients(w_in, w_out, centre, context):
        p = np.exp(w_out @ w_in[centre])
        error = error_of(p / p.sum(), context)
        return w_out.T @ error, np.outer(error, w_in[centre])
    return gradients


def onehot(p, context, value=1.0):
    row = np.zeros_like(p)
    row[context] = value
    return row


ONLY_PULLS = ("only the neighbour's row is pulled. The right rows of grad_out sum to zero: what pulls one word "
              "pushes all the others")
GRADIENT_MISTAKES = [
    Misconception("one-table", lambda w_in, w_out, c, o: reference.softmax_gradients(w_in, w_in, c, o),
                  "one table serves as both, w_in; the candidates' rows are in w_out"),
    Misconception("one-table", lambda w_in, w_out, c, o: reference.softmax_gradients(w_out, w_out, c, o),
                  "one table serves as both, w_out; the centre's row is in w_in"),
    Misconception("only-pulls", gradients_from(lambda p, o: -onehot(p, o)), ONLY_PULLS),
    Misconception("only-pulls", gradients_from(lambda p, o: onehot(p, o, p[o] - 1)), ONLY_PULLS),
    Misconception("only-pushes", gradients_from(lambda p, o: p),
                  "the 1 of the neighbour was not subtracted: all words are pushed away, the right one too"),
    Misconception("uphill", gradients_from(lambda p, o: onehot(p, o) - p),
                  "the sign is turned round: this is the direction in which the loss grows smaller; the gradient "
                  "points uphill"),
    Misconception("order", lambda *a: reference.softmax_gradients(*a)[::-1], "the two came back in the other order"),
    Misconception("transposed", lambda *a: (lambda v, out: (v, out.T))(*reference.softmax_gradients(*a)),
                  "grad_out is transposed: it has w_out's shape (V, D)"),
]


@guarded("softmax_gradients")
def softmax_gradients(learner) -> Result:
    """(w_in (V, D), w_out (V, D), centre, context) -> (grad of v_centre (D,), grad of w_out (V, D)), in NumPy."""
    cases = []
    for seed, (vocab_size, size, centre, context) in enumerate([(6, 3, 2, 4), (5, 2, 0, 3), (4, 7, 1, 1)]):
        weights = [table.detach().double().numpy() for table in tables(vocab_size, size, 20 + seed)]
        label = f"V = {vocab_size}, D = {size}, centre {centre}, context {context}"
        cases.append(Case((*weights, centre, context), label))
    return compare("softmax_gradients", learner, reference.softmax_gradients, cases, GRADIENT_MISTAKES)
