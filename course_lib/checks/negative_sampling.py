"""Checks of lesson 03: the loss, the noise, the thinning of frequent words, the tree.

The noise is drawn by chance, and right answers may draw in different orders: many words are drawn and counted. Of codes
every set is right that is a tree and none shorter: what is compared is how many questions the whole text takes.

Papers. Mikolov, Sutskever, Chen, Corrado, Dean (2013), "Distributed Representations of Words and Phrases and their
Compositionality"; Huffman (1952), "A Method for the Construction of Minimum-Redundancy Codes".
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import word2vec
from course_lib.checks.base import Case, Unfit, numbers, show
from course_lib.checks.slips import Exercise, Round, slip, with_slopes

# --- negative_sampling_loss -------------------------------------------------------------------------------------------


def _negative_sampling_loss(centre, context, noise):
    true_scores = (centre * context).sum(dim=1)  # [B]
    noise_scores = (noise @ centre[:, :, None]).squeeze(2)  # [B, K]
    return -F.logsigmoid(true_scores) - F.logsigmoid(-noise_scores).sum(dim=1)


def _rows(B: int, K: int, D: int, seed: int) -> Case:
    """B centres, B contexts and B x K noise words, all of one decimal."""
    rng = torch.Generator().manual_seed(seed)
    rows = [torch.randn(shape, generator=rng).round(decimals=1) for shape in ((B, D), (B, D), (B, K, D))]
    return Case(tuple(rows), f"{B} random pairs with K={K} noise words each and D={D}")


def _loud(true: float, noise: float) -> Case:
    """Two pairs with scores as large as these, and a calm noise word beside the loud one."""
    centre = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    rows = centre, true * centre, torch.stack([noise * centre, torch.tensor([[0.5, 0.0], [0.0, 0.25]])], 1)
    return Case(rows, f"two pairs with score {true}, and a noise word with score {noise} beside a calm one")


_TRUE, _NOISE = "-F.logsigmoid(true_scores)", "F.logsigmoid(-noise_scores).sum(dim=1)"
_LOSS = f"return {_TRUE} - {_NOISE} -> return"
_LOG_TRUE = "F.logsigmoid(true_scores) -> torch.log(torch.sigmoid(true_scores))"
_LOG_NOISE = "F.logsigmoid(-noise_scores) -> torch.log(1 - torch.sigmoid(noise_scores))"
negative_sampling_loss = Exercise(
    _negative_sampling_loss,
    Round([
        _rows(3, 2, 4, seed=3), _rows(2, 5, 3, seed=4), _rows(4, 1, 2, seed=5), _rows(1, 3, 5, seed=6),
        Case((torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 4, 3)), "vectors of zeros with K=4"),
    ], [
        slip("sign-of-negatives",
             "the noise words are pulled closer like the true neighbour (yours differs from ours by exactly the sum of "
             "the noise scores). A noise word should score low: its term is -log sigmoid(-score)",
             "(-noise_scores) -> (noise_scores)"),
        slip("sign-of-the-true-pair", "the true neighbour is pushed away. It should score high: its term is "
             "-log sigmoid(score)", "(true_scores) -> (-true_scores)"),
        slip("negatives-averaged", "the K noise terms are averaged. K+1 questions make K+1 terms, summed: vectors of "
             "zeros should cost (K+1) ln 2, and with an average 2 ln 2, so that more noise would change nothing",
             "(-noise_scores).sum(dim=1) -> (-noise_scores).mean(dim=1)"),
        slip("all-averaged", "the K+1 terms of a pair are averaged. They are summed: vectors of zeros cost (K+1) ln 2",
             f"{_LOSS} ({_TRUE} - {_NOISE}) / (noise.shape[1] + 1)",
             f"{_LOSS} (({_TRUE} - {_NOISE}) / (noise.shape[1] + 1)).mean()"),
        slip("noise-of-all-pairs", "the noise of every pair went into each loss. Sum over a pair's own noise: dim=1",
             "(-noise_scores).sum(dim=1) -> (-noise_scores).sum()"),
        slip("positive-forgotten", "these are the K noise terms alone. The true neighbour's, -log sigmoid(u_o . v), is "
             "missing, and without it every word is only pushed away", f"{_TRUE} - -> -"),
        slip("negatives-forgotten", "this is the true neighbour's term alone. Without the noise words the loss is won "
             "by making every score large", f"- {_NOISE} -> "),
        slip("noise-meets-the-context", "the noise words were compared with the context. They are compared with the "
             "centre: u_k . v", "noise @ centre -> noise @ context"),
        slip("sign-of-loss", "this is the log-likelihood, which training makes larger. A loss is made smaller: put a "
             "minus before the whole", f"{_LOSS} F.logsigmoid(true_scores) + {_NOISE}"),
        slip("logarithm-forgotten", "the probabilities were added without their logarithms. Each term is "
             "-log sigmoid(...)", "F.logsigmoid -> torch.sigmoid"),
        slip("averaged-over-batch", "this is the mean over the pairs. We asked for one loss a pair, shape [B]; who "
             "trains averages later", f"{_LOSS} ({_TRUE} - {_NOISE}).mean()"),
        slip("summed-over-batch", "this is the sum over the pairs. We asked for one loss a pair, shape [B]: sum over "
             "the noise words only", f"{_LOSS} ({_TRUE} - {_NOISE}).sum()"),
    ]),
    Round([_loud(1, 20), _loud(1, 120), _loud(-120, -3)], [
        slip("saturated-log",
             "the logarithm was taken after the sigmoid. The formula is right and float32 is not: sigmoid(20) is 1 to "
             "its last digit and sigmoid(-120) is 0, and the logarithm of 0 is minus infinity. One bad score ends the "
             "training. Ask for both in one piece: F.logsigmoid(x)",
             "F.logsigmoid -> (lambda x: torch.log(torch.sigmoid(x)))", _LOG_TRUE, _LOG_NOISE, (_LOG_TRUE, _LOG_NOISE),
             "F.logsigmoid(-noise_scores) -> torch.log(torch.sigmoid(-noise_scores))"),
        slip("kept-off-zero", "a small number keeps the logarithms from being infinite. A bad mistake then costs the "
             "same however bad it is, and teaches nothing: F.logsigmoid(x) needs no help",
             *(f"F.logsigmoid -> (lambda x: torch.log(torch.sigmoid(x){small}))" for small in
               (" + 1e-8", " + 1e-9", " + 1e-10", ".clamp(1e-7)", ".clamp(1e-8)", ".clamp(1e-10)"))),
    ], held="for scores of usual size all is right"),
    play=with_slopes(_negative_sampling_loss, 3),
)  # fmt: skip


# --- sample_noise -----------------------------------------------------------------------------------------------------


def _sample_noise(counts, shape, rng):
    weights = counts**0.75
    return rng.choice(len(counts), size=shape, p=weights / weights.sum())


def _drawn(function: Callable, counts: np.ndarray, shape: tuple[int, ...], seed: int = 5) -> np.ndarray:
    """The ids that `function` draws with a generator of this seed; Unfit if they are none, or of another shape."""
    answer = function(counts, shape, np.random.default_rng(seed))
    if answer is None:
        raise Unfit("it returned None: did you forget `return`?")
    ids = numbers(answer)
    if ids is None or ids.shape != shape:
        found = f"is {show(answer)}" if ids is None else f"has shape {ids.shape}"
        raise Unfit(f"we asked for the shape {shape}, and the result {found}")
    if ids.dtype.kind not in "iu":
        raise Unfit(f"ids of words are whole numbers, and the first of these is {show(ids.ravel()[0])}")
    if (strange := ids[(ids < 0) | (ids >= len(counts))]).size:
        raise Unfit(f"the words have ids 0 to {len(counts) - 1}, and {strange[0]} was drawn")
    return ids


def _hat(function: Callable, counts: np.ndarray, shape: tuple[int, ...]) -> int:
    """The number of words drawn; Unfit unless `rng` drew them, each in proportion to its count to the power 0.75."""
    given, ids = counts.copy(), _drawn(function, counts, shape)
    if ids.size < 10_000:
        if not np.array_equal(ids, _drawn(function, given.copy(), shape)):
            raise Unfit("generators of the same seed disagree. Draw from the `rng` you are given, to be repeatable")
        if ids.size > 99 and np.array_equal(ids, _drawn(function, given.copy(), shape, seed=6)):
            raise Unfit("generators of different seeds give the same words. Draw from the `rng` you are given")
        return ids.size
    if (ids[:100] == ids[0]).all():
        raise Unfit("every row holds the same words. Draw anew for each: size=shape draws them all at once")
    if (np.diff(np.sort(ids[:1000])) > 0).all():
        raise Unfit("no row holds a word twice. Each draw is from all words: frequent ones should come twice")
    drawn, expected = np.bincount(ids.ravel(), minlength=len(given)), given**0.75 / (given**0.75).sum() * ids.size
    off, missing = np.abs(drawn - expected) / np.sqrt(expected), (drawn == 0) & (expected > 30)
    if off.max() <= 6:
        return ids.size
    often = drawn >= 50
    if often.sum() > 3 and not missing.any():  # the exponent in use is the slope of log(times drawn) on log(count)
        used, start = np.polyfit(np.log(given[often]), np.log(drawn[often]), 1, w=np.sqrt(drawn[often]))
        fit = np.exp(start) * given[often] ** used
        if abs(used - 0.75) > 0.05 and (np.abs(drawn[often] - fit) < 9 * np.sqrt(fit)).all():
            raise Unfit(f"the exponent in use is about {round(20 * used) / 20 + 0.0:g}, and we asked for 0.75")
    word = int(missing.argmax() if missing.any() else off.argmax())
    every = "" if drawn[word] else ". Every word is drawn with its share, a true neighbour of the moment too"
    raise Unfit(f"word {word} (count {given[word]:,}) came {drawn[word]:,} times, and {expected[word]:,.0f} were "
                f"expected{every}")  # fmt: skip


_COUNTS = np.array([700, 16000, 4000, 30, 4000, 6, 1500, 300, 120, 60, 16, 2])  # not in order, and two alike
sample_noise = Exercise(_sample_noise, Round([
    *(Case((_COUNTS, shape), f"12 words and the shape {shape}") for shape in ((2, 3), (3, 2, 4), (90, 7))),
    Case((_COUNTS, (40_000, 5)), "200,000 draws from 12 words"),
    Case((np.array([9]), (2,)), "one word alone and the shape (2,)"),
], [
    slip("uniform", "every word is equally likely. Then most noise is words that hardly anyone uses, and the model "
         "learns little more than to tell rare words from frequent ones", "0.75 -> 0.0"),
    slip("raw-frequency", "words are drawn by their raw counts. Then nearly all noise is *the* and *of*: raise the "
         "counts to the power 0.75 first, then divide by their sum", "0.75 -> 1.0"),
], hints=[
    ("for the shape", "", "shape"), ("are whole numbers", "", "not-ids"), ("have ids 0", "", "out-of-range"),
    ("generators of", "", "own-generator"), ("every row", "", "rows-repeat"), ("no row", "", "no-repeats"),
    ("Every word is drawn", "", "never-drawn"), ("the exponent in use", "", "other-exponent"),
    ("do not sum to 1", "Raise the counts first, then divide by the sum of what came out.", None),
    ("larger sample than population", "The same word may come twice: leave `replace` as it is.", "no-repeats"),
]), play=_hat)  # fmt: skip


# --- keep_probability -------------------------------------------------------------------------------------------------


def _keep_probability(counts, sample):
    ratio = sample / (counts / counts.sum())  # t / f
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


keep_probability = Exercise(
    _keep_probability,
    Round([
        Case((np.array([9000, 900, 90, 9, 1]), 1e-3), "counts [9000, 900, 90, 9, 1] and sample 0.001"),
        Case((np.array([5, 30, 65]), 0.05), "counts [5, 30, 65] and sample 0.05"),
        Case((np.array([400, 40, 7, 3000, 40]), 1e-2), "counts [400, 40, 7, 3000, 40] and sample 0.01"),
        Case((np.array([8]), 0.3), "a single word, counts [8] and sample 0.3"),
        Case((np.array([1, 2_000_000_000, 3_000_000_000]), 1e-5), "two words of billions, one of 1, and sample 1e-05"),
    ], [
        slip("discard-probability", "this is the probability that a word is thrown away (the paper prints that one). "
             "We asked for the probability that it stays",
             "return -> return 1 -", "np.minimum(1.0, -> 1 - ("),
        slip("not-capped", "rare words get more than 1, and no probability is. Cap it: np.minimum(1.0, ...)",
             "np.minimum(1.0, -> ("),
        slip("counts-not-shares", "f is the word's count here. It should be its share of the text: the count divided "
             "by the sum of all counts", "(counts / counts.sum()) -> counts"),
        slip("share-of-the-largest", "f is the count divided by the largest one. It is the word's share of the text: "
             "divide by the sum of all counts", ".sum() -> .max()"),
        slip("root-forgotten", "this is t/f without its square root, which makes all frequent words equally frequent. "
             "The root thins them and keeps their order", "np.sqrt(ratio) + ratio -> ratio"),
        slip("upside-down", "t and f changed places: this keeps every *the* and throws rare words away",
             "sample / (counts / counts.sum()) -> (counts / counts.sum()) / sample"),
    ], hints=[("truth value of an array", "`min` compares two numbers; np.minimum compares arrays, place by place.",
               "min-of-an-array")]),
    also=[("+ ratio ->", "the paper's formula, sqrt(t/f), without the t/f that the released program and we add")],
    called="the released program's formula, sqrt(t/f) + t/f, as in our library; the paper prints sqrt(t/f)",
)  # fmt: skip


# --- subsampled_pairs -------------------------------------------------------------------------------------------------


def _subsampled_pairs(sentence, kept, window):
    return word2vec.window_pairs([word for word, stays in zip(sentence, kept) if stays], window)


_KEPT = "[word for word, stays in zip(sentence, kept) if stays]"
_AFTER = (f"word2vec.window_pairs({_KEPT}, window) -> [(sentence[i], sentence[j]) for i, j in "
          "word2vec.window_pairs(range(len(sentence)), window) if")  # fmt: skip
subsampled_pairs = Exercise(
    _subsampled_pairs,
    Round([
        Case((["the", "king", "of", "the", "land"], [False, True, False, False, True], 1)),
        Case(([10, 11, 12, 13, 14], [True, False, True, True, False], 1)),
        Case(([3, 7, 8, 9, 5, 4], [False, True, True, False, True, True], 2)), Case(([4, 5, 6], [True, True, True], 2)),
    ], [
        slip("subsampled-after-windowing",
             "the pairs were made first and thinned afterwards: none of yours is farther apart than the window in the "
             "original sentence. Throw the words out first, and the window reaches across the gaps to words farther "
             "away", f"{_AFTER} kept[i] and kept[j]]"),
        slip("contexts-not-thinned", "words thrown out still appear as contexts. They leave the sentence before any "
             "window is laid", f"{_AFTER} kept[i]]"),
        slip("centres-not-thinned", "words thrown out still appear as centres. They leave the sentence before any "
             "window is laid", f"{_AFTER} kept[j]]"),
        slip("kept-inverted", "these are the pairs of the words thrown out. `kept` is True for the words that stay",
             "if stays -> if not stays"),
        slip("not-thinned", "`kept` was not used", "if stays -> "),
        slip("places-not-words", "these are pairs of places. Say which words stand there",
             f"{_KEPT} -> [i for i, stays in enumerate(kept) if stays]"),
    ]),
    Round([
        Case(([3, 7, 3, 9, 5, 7], [False, True, True, False, True, True], 2)),
        Case(([4, 8, 6, 4, 9, 5, 4], [True, True, True, False, True, True, False], 1)),
        Case((["to", "be", "or", "not", "to", "be", "be"], [True, True, False, True, False, True, True], 3)),
    ], [
        slip("thrown-out-everywhere", "a word that is thrown out at one place is gone everywhere. `kept` speaks of "
             "places", "if stays -> if all(k for w, k in zip(sentence, kept) if w == word)"),
        slip("first-of-its-kind", "of a word that comes several times another place was thrown out: `list.remove` "
             "takes the first that is equal. Keep the words at the places where `kept` is True", f"{_KEPT} -> "
             "(words := list(sentence), [words.remove(word) for word, stays in zip(sentence, kept) if not stays])[0]"),
    ], held="where each word comes once, all is right"),
    Round([Case(([4, 8], [False, True], 3)), Case(([4, 8, 9], [False, False, False], 1)), Case(([], [], 2))],
          held="where two words or more stay, all is right"),
)  # fmt: skip


# --- huffman_codes ----------------------------------------------------------------------------------------------------


def _huffman_codes(counts):
    codes = [""] * len(counts)
    nodes = [(count, [word]) for word, count in enumerate(counts)]  # a node: its weight, and the words below it
    while len(nodes) > 1:
        nodes.sort()
        (a, left), (b, right) = nodes[:2]
        for word in left:
            codes[word] = "0" + codes[word]
        for word in right:
            codes[word] = "1" + codes[word]
        nodes = [*nodes[2:], (a + b, left + right)]
    return codes


def _top_down(counts, weights=None):
    """Shannon's and Fano's codes: the sorted words are cut in two, again and again, where both parts weigh alike."""
    def cut(words, code):
        if len(words) == 1:
            return {words[0]: code}
        sums = np.cumsum([(weights or counts)[word] for word in words])
        place = 1 + int(np.abs(2 * sums[:-1] - sums[-1]).argmin())
        return cut(words[:place], code + "0") | cut(words[place:], code + "1")

    codes = cut(sorted(range(len(counts)), key=lambda word: -counts[word]), "")
    return [codes[word] for word in range(len(counts))]


def _sum_of_chances(codes: Sequence[str]) -> float:
    """What the words' chances sum to when every fork (the beginning of a code) has one made-up yes/no chance."""
    rng, forks, total = np.random.default_rng(4), {}, 0.0
    for code in codes:
        ways = [(forks.setdefault(code[:depth], rng.uniform(0.2, 0.8)), turn) for depth, turn in enumerate(code)]
        total += np.prod([p if turn == "1" else 1 - p for p, turn in ways])
    return total


def _questions(function: Callable, counts: Sequence[int]) -> int | None:
    """How many questions the whole text takes; Unfit where the codes are no codes, no tree, or too long."""
    codes = function(counts)
    if codes is None:
        return None
    if not isinstance(codes, list | tuple) or not all(isinstance(code, str) for code in codes):
        raise Unfit(f"expected a list of strings such as ['0', '10', '11'] and got {show(codes)}")
    if len(codes) != len(counts):
        raise Unfit(f"there are {len(counts)} words and {len(codes)} codes: one a word, in the order of `counts`")
    if strange := [code for code in codes if not code or set(code) - {"0", "1"}]:
        raise Unfit(f"a code is a path of 0s and 1s, at least one step long; one of yours is {strange[0]!r}")
    total, backwards = _sum_of_chances(codes), _sum_of_chances([code[::-1] for code in codes])
    if abs(total - 1) > 1e-9:
        raise Unfit(f"your codes are {show(list(codes))}. With made-up chances at every fork the words' chances sum to "
                    f"{total:.2f}, not 1: " + ("it looks as if each path was written from the leaf up, for read "
                    "backwards they sum to 1. Put a new branch before the older ones" if abs(backwards - 1) < 1e-9 else
                    "these are not the leaves of one tree. Every fork needs exactly two branches, and no code may be "
                    "the beginning of another"))  # fmt: skip
    cost, least = (sum(n * len(code) for n, code in zip(counts, some)) for some in (codes, _huffman_codes(counts)))
    if cost > least:
        raise Unfit(f"yours is a proper tree, but reading the whole text takes {cost} questions and {least} would do")
    return cost


huffman_codes = Exercise(_huffman_codes, Round([Case((counts,)) for counts in (
    [15, 7, 6, 6, 5], [5, 2, 1], [64, 20, 12, 6, 3, 2, 1], [9, 4], [30, 18, 11, 10, 9, 8, 7, 3, 2], [6, 15, 5, 7, 6],
    [1, 1, 2, 3, 5, 8, 13, 21], [3, 40, 2, 9, 1, 17], [1, 1], [4] * 6, [7, 7, 7, 1, 1], [10**15, 1, 10**15 + 1, 2])
], [
    slip("not-the-lightest", "the two heaviest nodes are merged", "nodes.sort() -> nodes.sort(reverse=True)"),
    slip("sorted-once", "the nodes were sorted once, at the start. A merged node may be heavier than those behind it",
         ("nodes.sort() -> pass", "while len(nodes) -> nodes.sort()\n    while len(nodes)")),
    slip("codes-of-the-sorted-counts", "these are the codes of the counts in another order. Code i belongs to word i",
         *(f"enumerate(counts) -> enumerate(sorted(counts{turned}))" for turned in ("", ", reverse=True"))),
    slip("top-down", "the words were cut in two from the root down, where both parts weigh most alike (Shannon's and "
         "Fano's codes, which are not always the shortest). Huffman begins at the leaves", _top_down),
    slip("balanced-tree", "this is a balanced tree, which does not care how frequent a word is",
         "nodes.sort() -> nodes.sort(key=lambda node: len(node[1]))", lambda counts: _top_down(counts, [1] * 99)),
    slip("weight-of-one", "a merged node weighs as much as one of its two", "(a + b -> (b", "(a + b -> (a"),
], hints=[
    ("list of strings", "", "not-strings"), ("a path of 0s and 1s", "", "not-strings"),
    ("not the leaves", "", "sums-not-to-one"), ("the leaf up", "", "leaf-to-root"),
    ("one a word", "", "one-code-a-word"), ("a proper tree", "For each merge, look for the two lightest nodes anew; "
                                            "the new one weighs what both weigh.", "not-the-lightest"),
]), play=_questions)  # fmt: skip
