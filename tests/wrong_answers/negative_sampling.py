"""Lesson 03: wrong answers beside its slips, right answers in other spellings, inputs to draw."""
import heapq

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import word2vec
from course_lib.checks.negative_sampling import _rows
from wrong_answers import Wrong

_SAMPLE = "rng.choice(len(counts), size=shape, p=weights / weights.sum()) ->"
BANK = {
    "negative_sampling_loss": [
        Wrong("every centre with every context", "(centre * context).sum(dim=1) -> centre @ context.T"),
        Wrong("scores clipped to 6", "-noise_scores -> -noise_scores.clamp(-6, 6)"),
        Wrong("summed and times K", "- F.logsigmoid(-noise -> - noise.shape[1] * F.logsigmoid(-noise"),
        Wrong("no slope where it saturates", "F.logsigmoid -> (lambda x: torch.where(x > -30, x.sigmoid().log(), x))"),
        Wrong("centres cut off", "noise @ centre[ -> noise @ centre.detach()["),
        Wrong("all cut off", "-F.logsigmoid(true_scores) - F.logsigmoid(-noise_scores).sum(dim=1) -> "
              "(-F.logsigmoid(true_scores) - F.logsigmoid(-noise_scores).sum(dim=1)).detach()"),
    ],
    "sample_noise": [
        Wrong("the square root", "0.75 -> 0.5", "other-exponent"),
        Wrong("the first word never drawn", "return -> weights[: len(counts) - 1][:1] = 0; return", "never-drawn"),
        Wrong("ids from one", "rng.choice -> 1 + rng.choice", "out-of-range"),
        Wrong("a generator of its own", "rng.choice -> np.random.default_rng().choice", "own-generator"),
        Wrong("a seed of its own", "rng.choice -> np.random.default_rng(0).choice", "own-generator"),
        Wrong("one row for all", "size=shape -> size=shape[-1]", "shape"),
        Wrong("two axes at most", "size=shape -> size=shape[:2]", "shape"),
        Wrong("probabilities instead of ids", f"{_SAMPLE} rng.random(shape)", "not-ids"),
        Wrong("one row, repeated", ("rng.choice -> np.zeros(shape, int) + rng.choice", "size=shape -> size=shape[-1]"),
              "rows-repeat"),
        Wrong("no word twice in a row", f"{_SAMPLE} np.resize(np.argsort(rng.gumbel(size=(*shape[:-1], len(counts))) + "
              "np.log(weights))[..., -shape[-1] :], shape)", "no-repeats"),
        Wrong("drawn without putting back", "size=shape -> replace=False, size=shape", "no-repeats"),
        Wrong("weights that do not sum to one", "/ weights.sum() ->"),
        Wrong("the counts changed in place", "weights = counts**0.75 -> counts[:] = counts**0.75; weights = counts"),
        Wrong("two words too often", "return -> weights[3:5] *= 1.2; return"),
    ],
    "keep_probability": [
        Wrong("keeps everything", lambda counts, sample: np.ones(len(counts)), "constant"),
        Wrong("decides instead of saying how likely", "return -> return np.linspace(0.2, 0.8, len(counts)) <"),
        Wrong("the paper's discard", ("return -> return 1 -", "+ ratio ->"), "discard-probability"),
        Wrong("the paper's, not capped", ("np.minimum(1.0, -> (", "+ ratio ->"), "not-capped"),
        Wrong("the paper's, of counts", ("(counts / counts.sum()) -> counts", "+ ratio ->"), "counts-not-shares"),
        Wrong("the paper's, upside down", ("sample / (counts / counts.sum()) -> (counts / counts.sum()) / sample",
                                           "+ ratio ->"), "upside-down"),
        Wrong("min of an array", "np.minimum -> min", "min-of-an-array"),
        Wrong("a root too many", "np.sqrt(ratio) + ratio -> np.sqrt(np.sqrt(ratio))"),
    ],
    "subsampled_pairs": [
        Wrong("each pair once", "word2vec.window_pairs -> (lambda *a: sorted(set(word2vec.window_pairs(*a))))"),
        Wrong("window of one", "stays], window) -> stays], 1)"),
        Wrong("the words alone", "word2vec.window_pairs -> (lambda words, window: words)"),
    ],
    "huffman_codes": [
        Wrong("binary numbers", lambda counts: [f"{word:b}" for word in range(len(counts))], "sums-not-to-one"),
        Wrong("both branches called 0", '"1" + -> "0" +', "sums-not-to-one"),
        Wrong("written from the leaf up", ('"0" + codes[word] -> codes[word] + "0"',
                                           '"1" + codes[word] -> codes[word] + "1"'), "leaf-to-root"),
        Wrong("the root has a code too", "return codes -> return [*codes, '']", "one-code-a-word"),
        Wrong("a two for the second branch", '"1" + -> "2" +', "not-strings"),
        Wrong("codes as numbers", "return codes -> return [int(code) for code in codes]", "not-strings"),
        Wrong("lightest with heaviest", ("= nodes[:2] -> = nodes[0], nodes.pop()", "nodes[2:] -> nodes[1:]"),
              "not-the-lightest"),
    ],
}  # fmt: skip


# --- right ------------------------------------------------------------------------------------------------------------


def loss_by_loops(centre, context, noise):
    rows = zip(centre.double(), context.double(), noise.double(), strict=True)
    return [float(F.softplus(-v @ u) + sum(F.softplus(row @ v) for row in others)) for v, u, others in rows]


def loss_by_truth(centre, context, noise):
    scores = (torch.cat([context[:, None], noise], 1) * centre[:, None]).sum(-1)
    truth = (torch.arange(scores.shape[1]) == 0).float().expand_as(scores)
    return F.binary_cross_entropy_with_logits(scores, truth, reduction="none").sum(1)


def loss_in_numpy(centre, context, noise):
    rows = torch.cat([-context[:, None], noise], 1).double().numpy()
    return np.logaddexp(0, np.einsum("bd,bkd->bk", centre.double().numpy(), rows)).sum(1)


def noise_by_places(counts, shape, rng):
    ends = np.cumsum(np.asarray(counts, float) ** 0.75)
    return np.searchsorted(ends, rng.random(shape) * ends[-1], side="right")


def noise_from_a_long_list(counts, shape, rng):
    tickets = np.repeat(np.arange(len(counts)), np.round(100 * counts**0.75).astype(int))
    return tickets[rng.integers(len(tickets), size=shape)]


def noise_in_torch(counts, shape, rng):
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    return torch.multinomial(torch.tensor(counts) ** 0.75, int(np.prod(shape)), True, generator=generator).view(shape)


def keep_as_the_program(counts, sample):
    f = np.array(counts) / np.sum(counts)
    return np.clip((np.sqrt(f / sample) + 1) * sample / f, 0, 1)


def keep_as_the_paper(counts, sample):
    return 1 - np.maximum(0, 1 - np.sqrt(sample / (counts / counts.sum())))


def keep_by_a_loop(counts, sample):
    return [min(1.0, (sample * int(counts.sum()) / int(count)) ** 0.5) for count in counts]


def pairs_by_places(sentence, kept, window):
    words = [sentence[i] for i in range(len(sentence)) if kept[i]]
    return [(words[i], words[j]) for i in range(len(words)) for j in range(len(words)) if 0 < abs(i - j) <= window]


def pairs_in_numpy(sentence, kept, window):
    return word2vec.window_pairs(list(np.array(sentence)[np.array(kept, bool)]), window)


def pairs_by_deleting(sentence, kept, window):
    words = list(sentence)
    for i in reversed(range(len(kept))):
        words[i : i + 1] = words[i : i + 1] * kept[i]
    return word2vec.window_pairs(words, window)


def codes_with_a_heap(counts):
    heap = [(count, word, {word: ""}) for word, count in enumerate(counts)]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        codes = {word: "1" + code for word, code in left.items()} | {word: "0" + code for word, code in right.items()}
        heapq.heappush(heap, (a + b, i, codes))
    return [heap[0][2][word] for word in range(len(counts))]


def codes_with_two_minima(counts):
    groups, codes = {(word,): count for word, count in enumerate(counts)}, [""] * len(counts)
    while len(groups) > 1:
        light, other = sorted(groups, key=lambda group: (groups[group], -len(group)))[:2]
        for word in light + other:
            codes[word] = str(int(word in light)) + codes[word]
        groups[light + other] = groups.pop(light) + groups.pop(other)
    return tuple(codes)


RIGHT = {
    "negative_sampling_loss": [loss_by_loops, loss_by_truth, loss_in_numpy],
    "sample_noise": [noise_by_places, noise_from_a_long_list, noise_in_torch],
    "keep_probability": [keep_as_the_program, keep_as_the_paper, keep_by_a_loop],
    "subsampled_pairs": [pairs_by_places, pairs_in_numpy, pairs_by_deleting],
    "huffman_codes": [codes_with_a_heap, codes_with_two_minima, word2vec.huffman_codes],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_sentence(rng):
    length = int(rng.integers(0, 8))
    return rng.integers(0, 4, length).tolist(), (rng.random(length) < 0.6).tolist(), int(rng.integers(1, 4))


INPUTS = {
    "negative_sampling_loss": lambda rng: _rows(*(int(n) for n in rng.integers(1, 6, 3)), int(rng.integers(99))).args,
    "sample_noise": lambda rng: (rng.integers(1, 900, rng.integers(2, 9)), [(9, 9), (9_999, 2)][rng.integers(2)]),
    "keep_probability": lambda rng: (rng.integers(1, 900, rng.integers(1, 6)), float(10 ** -rng.uniform(0.5, 4))),
    "subsampled_pairs": draw_sentence,
    "huffman_codes": lambda rng: (rng.integers(1, 30, rng.integers(2, 9)).tolist(),),
}
