"""Checks of lesson 03: the loss, the noise, the thinning of frequent words, the tree.

Every wrong answer below is computed on the check's own inputs, and named only when it alone explains what came back.
The noise check is statistical: it draws many words and measures, since right answers may draw in different orders.

Papers. Mikolov, Sutskever, Chen, Corrado, Dean (2013), "Distributed Representations of Words and Phrases and their
Compositionality"; Huffman (1952), "A Method for the Construction of Minimum-Redundancy Codes".
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import word2vec
from course_lib.checks.base import Case, Misconception, Result, call, compare, failed, guarded, passed, show

# --- negative_sampling_loss -------------------------------------------------------------------------------------------


def _loss_cases() -> list[Case]:
    """Unequal sizes everywhere (B, K, D all differ), then the zero start, then scores that saturate a sigmoid."""
    rng = torch.Generator().manual_seed(3)
    cases = []
    for B, K, D in [(3, 2, 4), (2, 5, 3), (4, 1, 2)]:
        tensors = [torch.randn(shape, generator=rng).round(decimals=1) for shape in ((B, D), (B, D), (B, K, D))]
        cases.append(Case(tuple(tensors), f"{B} random pairs with K={K} noise words each and D={D}"))
    zeros = torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 4, 3)
    cases.append(Case(zeros, "vectors of zeros with K=4, where the loss is (K+1) ln 2"))
    one = torch.tensor([[1.0, 0.0]])
    for size in (20.0, 120.0):
        label = f"one pair with score 1 and a noise word with score {size:.0f}"
        cases.append(Case((one, one, size * one[:, None, :]), label))
    return cases


def _scores(centre, context, noise):
    return (centre * context).sum(-1), torch.einsum("bd,bkd->bk", centre, noise)


def _negatives_pulled(centre, context, noise):
    positive, negative = _scores(centre, context, noise)
    return -F.logsigmoid(positive) - F.logsigmoid(negative).sum(-1)


def _negatives_averaged(centre, context, noise):
    positive, negative = _scores(centre, context, noise)
    return -F.logsigmoid(positive) - F.logsigmoid(-negative).mean(-1)


def _one_minus_sigmoid(centre, context, noise):
    positive, negative = _scores(centre, context, noise)
    return -F.logsigmoid(positive) - torch.log(1 - torch.sigmoid(negative)).sum(-1)


def _log_of_sigmoid(centre, context, noise):
    positive, negative = _scores(centre, context, noise)
    return -F.logsigmoid(positive) - torch.log(torch.sigmoid(-negative)).sum(-1)


def _positive_forgotten(centre, context, noise):
    return -F.logsigmoid(-_scores(centre, context, noise)[1]).sum(-1)


def _negatives_forgotten(centre, context, noise):
    return -F.logsigmoid(_scores(centre, context, noise)[0])


def _probabilities_added(centre, context, noise):
    positive, negative = _scores(centre, context, noise)
    return -torch.sigmoid(positive) - torch.sigmoid(-negative).sum(-1)


def _then(change: Callable) -> Callable:
    """The right loss, changed afterwards."""
    return lambda *tensors: change(word2vec.negative_sampling_loss(*tensors))


_SATURATED = (
    "the logarithm was taken after the sigmoid. The formula is right and float32 is not: {0}, and the logarithm of "
    "what is left is minus infinity. One bad score ends the training. Ask for both in one piece: F.logsigmoid(x)"
)

_LOSS_MISCONCEPTIONS = [
    Misconception(
        "sign-of-negatives",
        _negatives_pulled,
        "the noise words are pulled closer like the true neighbour (yours differs from ours by exactly the sum of the "
        "noise scores). A noise word should score low: its term is -log sigmoid(-score)",
    ),
    Misconception(
        "negatives-averaged",
        _negatives_averaged,
        "the K noise terms are averaged. K+1 questions make K+1 terms, summed: vectors of zeros should cost (K+1) ln 2 "
        "and an average costs 2 ln 2 whatever K is, so that more noise would change nothing",
    ),
    Misconception(
        "saturated-log", _one_minus_sigmoid, _SATURATED.format("1 - sigmoid(20) is 0 to its last digit")
    ),
    Misconception("saturated-log", _log_of_sigmoid, _SATURATED.format("sigmoid(-120) is 0 to its last digit")),
    Misconception(
        "positive-forgotten",
        _positive_forgotten,
        "these are the K noise terms alone. The true neighbour's term, -log sigmoid(u_context . v), is missing, and "
        "without it every word is only pushed away",
    ),
    Misconception(
        "negatives-forgotten",
        _negatives_forgotten,
        "this is the true neighbour's term alone. Without the noise words the loss is won by making every score large",
    ),
    Misconception(
        "sign-of-loss",
        _then(lambda loss: -loss),
        "this is the log-likelihood, which training makes larger. A loss is made smaller: put a minus before the whole",
    ),
    Misconception(
        "logarithm-forgotten",
        _probabilities_added,
        "the probabilities were added without their logarithms. Each term is -log sigmoid(...)",
    ),
    Misconception(
        "averaged-over-batch",
        _then(torch.mean),
        "this is the mean over the pairs. We asked for one loss a pair, shape (B,); who trains averages later",
    ),
    Misconception(
        "summed-over-batch",
        _then(torch.sum),
        "this is the sum over the pairs. We asked for one loss a pair, shape (B,): sum over the noise words only",
    ),
]


def negative_sampling_loss(function: Callable) -> Result:
    """Compare with -log s(u.v) - sum_k log s(-u_k.v), one number a pair."""
    ours = word2vec.negative_sampling_loss
    return compare("negative_sampling_loss", function, ours, _loss_cases(), _LOSS_MISCONCEPTIONS)


# --- sample_noise -----------------------------------------------------------------------------------------------------

_COUNTS = np.array([16000, 4000, 4000, 1500, 700, 300, 120, 60, 30, 16, 6, 2])
_SHAPE = (40_000, 5)


def _slope(counts: np.ndarray, draws: np.ndarray) -> float:
    """The slope of log(share of the draws) on log(count), over words drawn 50 times or more: the exponent in use."""
    drawn = np.bincount(draws.ravel(), minlength=len(counts))
    seen = drawn >= 50
    if seen.sum() < 2 or np.ptp(np.log(counts[seen])) == 0:
        return float("nan")
    return float(np.polyfit(np.log(counts[seen]), np.log(drawn[seen]), 1, w=np.sqrt(drawn[seen]))[0])


_EXPONENTS = {
    0.0: (
        "uniform",
        "it looks as if every word is equally likely. Then most noise is words that hardly anyone uses, and the model "
        "learns little more than to tell rare words from frequent ones.",
    ),
    1.0: (
        "raw-frequency",
        "it looks as if words are drawn by their raw counts. Then nearly all noise is *the* and *of*: raise the counts "
        "to the power 0.75 first, then divide by their sum.",
    ),
}


def _shares_verdict(counts: np.ndarray, draws: np.ndarray) -> tuple[str | None, str] | None:
    """None if the words look as if drawn from counts ** 0.75; else a diagnosis and its sentence."""
    drawn = np.bincount(draws.ravel(), minlength=len(counts))
    expected = word2vec.noise_distribution(counts) * draws.size
    slope = _slope(counts, draws)
    for exponent, verdict in _EXPONENTS.items():
        if abs(slope - exponent) < 0.05:
            return verdict
    worst = int((np.abs(drawn - expected) / np.sqrt(expected)).argmax())
    came = f"in {draws.size:,} draws word {worst} (count {counts[worst]:,}) came {drawn[worst]:,} times"
    if drawn[worst] == 0 and expected[worst] > 30:
        return "never-drawn", (
            f"{came}, and {expected[worst]:,.0f} were expected. Every word is drawn with its share, a true neighbour "
            "of the moment too."
        )
    if np.isfinite(slope) and abs(slope - 0.75) > 0.05:
        return "other-exponent", (
            f"the exponent in use looks like {slope:.2f} (the slope of log share on log count); we asked for 0.75."
        )
    if abs(drawn[worst] - expected[worst]) > 6 * np.sqrt(expected[worst]):
        return None, f"{came}, and {expected[worst]:,.0f} were expected."
    return None


def _draws_verdict(shape: tuple[int, ...], draws: np.ndarray) -> tuple[str, str] | None:
    """None if `draws` are ids of words in the shape asked for; else a diagnosis and its sentence."""
    if draws.shape != shape:
        return "shape", f"we asked for shape {shape} and the result has shape {draws.shape}."
    if not np.issubdtype(draws.dtype, np.integer):
        return "not-ids", f"ids of words are whole numbers, and these are {draws.dtype}, the first {draws.ravel()[0]}."
    strange = draws[(draws < 0) | (draws >= len(_COUNTS))]
    if strange.size:
        return "out-of-range", f"the {len(_COUNTS)} words have ids 0 to {len(_COUNTS) - 1}, and {strange[0]} was drawn."
    return None


@guarded("sample_noise")
def sample_noise(function: Callable) -> Result:
    """Draw 200,000 words and measure the exponent in use; the generator given must be the one that draws."""
    name, draws = "sample_noise", []
    for shape, seed in [((2, 3), 5), ((90, 7), 5), ((90, 7), 5), ((90, 7), 6), (_SHAPE, 5)]:
        outcome = call(function, _COUNTS, shape, np.random.default_rng(seed), name=name)
        if outcome.error is not None:
            return outcome.error
        draws.append(np.asarray(outcome.value))
        if verdict := _draws_verdict(shape, draws[-1]):
            return failed(name, verdict[1], verdict[0])
    _, once, again, other, many = draws
    fixed = np.array_equal(once, other)
    if fixed or not np.array_equal(once, again):
        seen = "generators of different seeds give the same words" if fixed else "two generators of one seed disagree"
        text = f"{seen}. Draw from the `rng` you are given, so that a run can be repeated."
        return failed(name, text, "own-generator")
    if verdict := _shares_verdict(_COUNTS, many):
        return failed(name, verdict[1], verdict[0])
    slope = _slope(_COUNTS, many)
    return passed(name, f"in {many.size:,} draws a word's share grows as its count to the power {slope:.2f}.")


# --- keep_probability -------------------------------------------------------------------------------------------------


def _ratio(counts, sample):
    return sample * counts.sum() / counts  # t / f


def _paper(counts, sample):
    return np.minimum(1.0, np.sqrt(_ratio(counts, sample)))


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


_KEEP_MISCONCEPTIONS = [
    *_each(
        "discard-probability",
        "this is the probability that a word is thrown away (the paper prints that one). We asked for the probability "
        "that it stays",
        lambda counts, sample: 1 - _paper(counts, sample),
        lambda counts, sample: 1 - word2vec.keep_probability(counts, sample),
        lambda counts, sample: 1 - np.sqrt(_ratio(counts, sample)),
    ),
    *_each(
        "not-capped",
        "rare words get more than 1, and no probability is. Cap it: np.minimum(1.0, ...)",
        lambda counts, sample: np.sqrt(_ratio(counts, sample)),
        lambda counts, sample: np.sqrt(_ratio(counts, sample)) + _ratio(counts, sample),
    ),
    *_each(
        "counts-not-shares",
        "f is the word's count here. It should be its share of the text: the count divided by the sum of all counts",
        lambda counts, sample: np.minimum(1.0, np.sqrt(sample / counts)),
        lambda counts, sample: np.minimum(1.0, np.sqrt(sample / counts) + sample / counts),
    ),
    *_each(
        "root-forgotten",
        "this is t/f without its square root, which makes all frequent words equally frequent. The root thins them and "
        "keeps their order",
        lambda counts, sample: np.minimum(1.0, _ratio(counts, sample)),
    ),
    *_each(
        "upside-down",
        "t and f changed places: this keeps every *the* and throws rare words away",
        lambda counts, sample: np.minimum(1.0, np.sqrt(1 / _ratio(counts, sample))),
        lambda counts, sample: np.minimum(1.0, np.sqrt(1 / _ratio(counts, sample)) + 1 / _ratio(counts, sample)),
    ),
]


def keep_probability(function: Callable) -> Result:
    """Accept the paper's sqrt(t/f) or the released code's sqrt(t/f) + t/f, and say which it is."""
    name = "keep_probability"
    cases = [
        Case((np.array([9000, 900, 90, 9, 1]), 1e-3), "counts [9000, 900, 90, 9, 1] and sample 0.001"),
        Case((np.array([5, 30, 65]), 0.05), "counts [5, 30, 65] and sample 0.05"),
        Case((np.array([400, 40, 7, 3000]), 1e-2), "counts [400, 40, 7, 3000] and sample 0.01"),
    ]
    released = compare(name, function, word2vec.keep_probability, cases, _KEEP_MISCONCEPTIONS)
    if released.status == "passed":
        return passed(
            name,
            "yours is the released C code's formula, sqrt(t/f) + t/f, as is the library's. The paper prints sqrt(t/f).",
        )
    if compare(name, function, _paper, cases).status == "passed":
        return passed(
            name,
            "yours is the paper's formula, sqrt(t/f). The C code released with it adds t/f and so keeps a little more; "
            "the library follows the code.",
        )
    return released


# --- subsampled_pairs -------------------------------------------------------------------------------------------------


def _kept_pairs(sentence, kept, window):
    return word2vec.window_pairs([word for word, keep in zip(sentence, kept) if keep], window)


def _pairs_where(condition: Callable) -> Callable:
    """The pairs of the whole sentence, thinned afterwards by `condition(kept centre, kept context)`."""

    def wrong(sentence, kept, window):
        places = word2vec.window_pairs(range(len(sentence)), window)
        return [(sentence[i], sentence[j]) for i, j in places if condition(kept[i], kept[j])]

    return wrong


_PAIRS_MISCONCEPTIONS = [
    Misconception(
        "subsampled-after-windowing",
        _pairs_where(lambda centre, context: centre and context),
        "the pairs were made first and thinned afterwards: none of yours is farther apart than the window in the "
        "original sentence. Throw the words out first, and the window reaches across the gaps to words farther away",
    ),
    Misconception(
        "contexts-not-thinned",
        _pairs_where(lambda centre, context: centre),
        "words thrown out still appear as contexts. They leave the sentence before any window is laid",
    ),
    Misconception(
        "centres-not-thinned",
        _pairs_where(lambda centre, context: context),
        "words thrown out still appear as centres. They leave the sentence before any window is laid",
    ),
    Misconception(
        "kept-inverted",
        lambda sentence, kept, window: _kept_pairs(sentence, [not keep for keep in kept], window),
        "these are the pairs of the words thrown out. `kept` is True for the words that stay",
    ),
    Misconception("not-thinned", _pairs_where(lambda centre, context: True), "`kept` was not used"),
]


def subsampled_pairs(function: Callable) -> Result:
    """Compare with window_pairs of the words that were kept: thin first, then lay the window."""
    cases = [
        Case(([10, 11, 12, 13, 14], [True, False, True, True, False], 1)),
        Case(([3, 7, 3, 9, 5, 7], [False, True, True, False, True, True], 2)),
        Case(([4, 4, 6], [True, True, True], 2)),
        Case(([4, 8], [False, True], 3)),
    ]
    return compare("subsampled_pairs", function, _kept_pairs, cases, _PAIRS_MISCONCEPTIONS)


# --- huffman_codes ----------------------------------------------------------------------------------------------------


def _total_probability(codes: Sequence[str]) -> float:
    """What the words' probabilities sum to when every inner node (a code's beginning) has one made-up yes/no chance."""
    rng = np.random.default_rng(4)
    nodes: dict[str, float] = {}
    total = 0.0
    for code in codes:
        probability = 1.0
        for depth, bit in enumerate(code):
            p = nodes.setdefault(code[:depth], float(rng.uniform(0.2, 0.8)))
            probability *= p if bit == "1" else 1 - p
        total += probability
    return total


def _form_verdict(counts: Sequence[int], codes) -> tuple[str, str] | None:
    """None if `codes` are one string of 0s and 1s a word; else a diagnosis and its sentence."""
    if not isinstance(codes, list | tuple) or not all(isinstance(code, str) for code in codes):
        return "not-strings", f"expected a list of strings such as ['0', '10', '11'] and got {show(codes)}."
    if len(codes) != len(counts):
        sizes = f"there are {len(counts)} words and {len(codes)} codes"
        return "one-code-a-word", f"{sizes}: one a word, in the order of `counts`."
    for code in codes:
        if not code or set(code) - {"0", "1"}:
            return "not-strings", f"a code is a path of 0s and 1s, at least one step long; one of yours is {code!r}."
    return None


def _tree_verdict(counts: Sequence[int], codes: Sequence[str]) -> tuple[str, str] | None:
    """None if `codes` are the leaves of a shortest tree; else a diagnosis and its sentence."""
    total, yours = _total_probability(codes), f"for counts {list(counts)} your codes are {list(codes)}"
    if abs(total - 1) > 1e-9:
        sums = f"{yours}. With made-up chances at every node the words' probabilities sum to {total:.2f}, not 1"
        if abs(_total_probability([code[::-1] for code in codes]) - 1) < 1e-9:
            return "leaf-to-root", (
                f"{sums}. Read backwards they sum to 1: it looks as if each path was written from the leaf up. Put a "
                "new branch before the older ones."
            )
        return "sums-not-to-one", (
            f"{sums}: these are not the leaves of one tree. Every inner node needs exactly two branches, and no code "
            "may be the beginning of another."
        )
    ours = word2vec.huffman_codes(counts)
    length, shortest = (sum(n * len(code) for n, code in zip(counts, some)) for some in (codes, ours))
    if length == shortest:
        return None
    costs = f"{yours}: a proper tree, but reading this text costs {length} steps and {shortest} would do"
    if max(map(len, codes)) - min(map(len, codes)) <= 1:
        return "balanced-tree", f"{costs}. It looks like a balanced tree, which does not care how frequent a word is."
    return "not-the-lightest", f"{costs}. Merge the two lightest nodes; after each merge, look for them anew."


@guarded("huffman_codes")
def huffman_codes(function: Callable) -> Result:
    """Accept every shortest set of codes; for others compute what the tree's probabilities sum to."""
    name = "huffman_codes"
    for counts in ([15, 7, 6, 6, 5], [5, 2, 1], [64, 20, 12, 6, 3, 2, 1], [9, 4]):
        outcome = call(function, counts, name=name)
        if outcome.error is not None:
            return outcome.error
        verdict = _form_verdict(counts, outcome.value) or _tree_verdict(counts, outcome.value)
        if verdict:
            return failed(name, verdict[1], verdict[0])
    return passed(name, "your codes are the leaves of one tree, its probabilities sum to 1, and no tree is shorter.")
