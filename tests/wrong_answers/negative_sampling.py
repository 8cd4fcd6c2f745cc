"""Wrong answers to the exercises of lesson 03, as learners write them, and the diagnosis each must get."""
import heapq

import numpy as np
import torch
import torch.nn.functional as F

from course_lib import word2vec
from tests.wrong_answers import Wrong

# --- negative_sampling_loss ---------------------------------------------------------------------------------------


def loss_pulls_noise(centre, context, noise):
    scores = (noise @ centre[:, :, None]).squeeze(-1)
    return -F.logsigmoid((centre * context).sum(1)) - F.logsigmoid(scores).sum(1)


def loss_averages_noise(centre, context, noise):
    scores = (noise @ centre[:, :, None]).squeeze(-1)
    return -F.logsigmoid((centre * context).sum(1)) - F.logsigmoid(-scores).mean(1)


def loss_one_minus_sigmoid(centre, context, noise):
    scores = (noise * centre[:, None]).sum(-1)
    return -torch.log(torch.sigmoid((centre * context).sum(1))) - torch.log(1 - torch.sigmoid(scores)).sum(1)


def loss_log_of_sigmoid(centre, context, noise):
    scores = (noise * centre[:, None]).sum(-1)
    return -torch.log(torch.sigmoid((centre * context).sum(1))) - torch.log(torch.sigmoid(-scores)).sum(1)


def loss_without_true_pair(centre, context, noise):
    return -F.logsigmoid(-(noise * centre[:, None]).sum(-1)).sum(1)


def loss_without_noise(centre, context, noise):
    return -F.logsigmoid((centre * context).sum(1))


def loss_without_minus(centre, context, noise):
    scores = (noise * centre[:, None]).sum(-1)
    return F.logsigmoid((centre * context).sum(1)) + F.logsigmoid(-scores).sum(1)


def loss_without_logarithm(centre, context, noise):
    scores = (noise * centre[:, None]).sum(-1)
    return -torch.sigmoid((centre * context).sum(1)) - torch.sigmoid(-scores).sum(1)


def loss_averaged_over_batch(centre, context, noise):
    return word2vec.negative_sampling_loss(centre, context, noise).mean()


def loss_summed_over_batch(centre, context, noise):
    scores = (noise * centre[:, None]).sum(-1)
    return -F.logsigmoid((centre * context).sum(1)).sum() - F.logsigmoid(-scores).sum()


def loss_scores_context_against_noise(centre, context, noise):
    return word2vec.negative_sampling_loss(context, centre, noise)


def loss_broadcasts_every_pair(centre, context, noise):
    return -F.logsigmoid(centre @ context.T) - F.logsigmoid(-(noise @ centre[:, :, None])).sum(1)


def loss_clips_scores(centre, context, noise):
    scores = (noise * centre[:, None]).sum(-1).clamp(-6, 6)
    return -F.logsigmoid((centre * context).sum(1)) - F.logsigmoid(-scores).sum(1)


def loss_multiplies_by_k(centre, context, noise):
    scores = (noise * centre[:, None]).sum(-1)
    return -F.logsigmoid((centre * context).sum(1)) - noise.shape[1] * F.logsigmoid(-scores).sum(1)


# --- sample_noise -------------------------------------------------------------------------------------------------


def noise_uniform(counts, shape, rng):
    return rng.integers(0, len(counts), shape)


def noise_raw_counts(counts, shape, rng):
    return rng.choice(len(counts), size=shape, p=counts / counts.sum())


def noise_other_exponent(counts, shape, rng):
    return rng.choice(len(counts), size=shape, p=np.sqrt(counts) / np.sqrt(counts).sum())


def noise_never_the_first(counts, shape, rng):
    weights = counts[1:] ** 0.75
    return 1 + rng.choice(len(counts) - 1, size=shape, p=weights / weights.sum())


def noise_counts_from_one(counts, shape, rng):
    weights = counts**0.75
    return 1 + rng.choice(len(counts), size=shape, p=weights / weights.sum())


def noise_own_generator(counts, shape, rng):
    weights = counts**0.75
    return np.random.default_rng().choice(len(counts), size=shape, p=weights / weights.sum())


def noise_own_seed(counts, shape, rng):
    weights = counts**0.75
    return np.random.default_rng(0).choice(len(counts), size=shape, p=weights / weights.sum())


def noise_one_row(counts, shape, rng):
    weights = counts**0.75
    return rng.choice(len(counts), size=shape[1], p=weights / weights.sum())


def noise_probabilities(counts, shape, rng):
    return rng.random(shape)


def noise_not_normalised(counts, shape, rng):
    return rng.choice(len(counts), size=shape, p=counts**0.75)


def noise_in_place(counts, shape, rng):
    counts[:] = counts**0.75
    return rng.choice(len(counts), size=shape, p=counts / counts.sum())


def noise_rare_words_twice(counts, shape, rng):
    weights = counts**0.75
    weights[3:5] *= 1.2
    return rng.choice(len(counts), size=shape, p=weights / weights.sum())


# --- keep_probability ---------------------------------------------------------------------------------------------


def keep_discards(counts, sample):
    return 1 - np.minimum(1, np.sqrt(sample / (counts / counts.sum())))


def keep_discards_below_zero(counts, sample):
    return 1 - np.sqrt(sample / (counts / counts.sum()))


def keep_discards_released(counts, sample):
    return 1 - word2vec.keep_probability(counts, sample)


def keep_uncapped(counts, sample):
    return np.sqrt(sample / (counts / counts.sum()))


def keep_uncapped_released(counts, sample):
    f = counts / counts.sum()
    return (np.sqrt(f / sample) + 1) * sample / f


def keep_of_counts(counts, sample):
    return np.minimum(1, np.sqrt(sample / counts))


def keep_without_root(counts, sample):
    return np.minimum(1, sample / (counts / counts.sum()))


def keep_upside_down(counts, sample):
    return np.minimum(1, np.sqrt(counts / counts.sum() / sample))


def keep_share_of_largest(counts, sample):
    return np.minimum(1, np.sqrt(sample / (counts / counts.max())))


def keep_everything(counts, sample):
    return np.ones(len(counts))


def keep_decides(counts, sample):
    return np.random.default_rng(0).random(len(counts)) < word2vec.keep_probability(counts, sample)


# --- subsampled_pairs ---------------------------------------------------------------------------------------------


def pairs_thinned_afterwards(sentence, kept, window):
    pairs = []
    for i in range(len(sentence)):
        for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
            if i != j and kept[i] and kept[j]:
                pairs.append((sentence[i], sentence[j]))
    return pairs


def pairs_thin_centres(sentence, kept, window):
    places = word2vec.window_pairs(range(len(sentence)), window)
    return [(sentence[i], sentence[j]) for i, j in places if kept[i]]


def pairs_thin_contexts(sentence, kept, window):
    places = word2vec.window_pairs(range(len(sentence)), window)
    return [(sentence[i], sentence[j]) for i, j in places if kept[j]]


def pairs_of_the_thrown(sentence, kept, window):
    return word2vec.window_pairs([word for word, keep in zip(sentence, kept) if not keep], window)


def pairs_of_all(sentence, kept, window):
    return word2vec.window_pairs(sentence, window)


def pairs_thin_by_word(sentence, kept, window):
    gone = {word for word, keep in zip(sentence, kept) if not keep}
    return word2vec.window_pairs([word for word in sentence if word not in gone], window)


def pairs_of_places(sentence, kept, window):
    return word2vec.window_pairs([i for i, keep in enumerate(kept) if keep], window)


# --- huffman_codes ------------------------------------------------------------------------------------------------


def _merge(counts, key, join):
    """Merge groups of (weight, {word: code}) two at a time until one is left."""
    groups = [(count, {word: ""}) for word, count in enumerate(counts)]
    while len(groups) > 1:
        groups.sort(key=key)
        (a, left), (b, right) = groups.pop(0), groups.pop(0)
        groups.append((a + b, {w: join("0", c) for w, c in left.items()} | {w: join("1", c) for w, c in right.items()}))
    return [groups[0][1][word] for word in range(len(counts))]


def codes_from_the_leaf(counts):
    return _merge(counts, lambda group: group[0], lambda bit, code: code + bit)


def codes_merge_heaviest(counts):
    return _merge(counts, lambda group: -group[0], lambda bit, code: bit + code)


def codes_balanced(counts):
    return _merge(counts, lambda group: len(group[1]), lambda bit, code: bit + code)


def codes_numbered(counts):
    return [f"{word:b}" for word in range(len(counts))]


def codes_one_branch_for_both(counts):
    return _merge(counts, lambda group: group[0], lambda bit, code: "0" + code)


def codes_unary(counts):
    return ["1" * word + "0" for word in range(len(counts))]


def codes_of_all_nodes(counts):
    return [*word2vec.huffman_codes(counts), ""]


def codes_as_numbers(counts):
    return [int(code) for code in word2vec.huffman_codes(counts)]


def codes_only_lengths_right(counts):
    return ["0" * len(code) for code in word2vec.huffman_codes(counts)]


def codes_heap_of_counts(counts):
    heap = list(counts)
    heapq.heapify(heap)
    return heap


BANK = {
    "negative_sampling_loss": [
        Wrong("the sign of the negatives", loss_pulls_noise, "sign-of-negatives"),
        Wrong("the negatives averaged", loss_averages_noise, "negatives-averaged"),
        Wrong("log(1 - sigmoid)", loss_one_minus_sigmoid, "saturated-log"),
        Wrong("log(sigmoid)", loss_log_of_sigmoid, "saturated-log"),
        Wrong("no true pair", loss_without_true_pair, "positive-forgotten"),
        Wrong("no noise", loss_without_noise, "negatives-forgotten"),
        Wrong("no minus", loss_without_minus, "sign-of-loss"),
        Wrong("no logarithm", loss_without_logarithm, "logarithm-forgotten"),
        Wrong("averaged over the batch", loss_averaged_over_batch, "averaged-over-batch"),
        Wrong("summed over the batch", loss_summed_over_batch, "summed-over-batch"),
        Wrong("context against noise", loss_scores_context_against_noise),
        Wrong("every centre with every context", loss_broadcasts_every_pair),
        Wrong("scores clipped to 6", loss_clips_scores),
        Wrong("summed and times K", loss_multiplies_by_k),
    ],
    "sample_noise": [
        Wrong("uniform", noise_uniform, "uniform"),
        Wrong("raw frequency", noise_raw_counts, "raw-frequency"),
        Wrong("the square root", noise_other_exponent, "other-exponent"),
        Wrong("the first word never drawn", noise_never_the_first, "never-drawn"),
        Wrong("ids from one", noise_counts_from_one, "out-of-range"),
        Wrong("a generator of its own", noise_own_generator, "own-generator"),
        Wrong("a seed of its own", noise_own_seed, "own-generator"),
        Wrong("one row for all", noise_one_row, "shape"),
        Wrong("probabilities instead of ids", noise_probabilities, "not-ids"),
        Wrong("weights that do not sum to one", noise_not_normalised),
        Wrong("the counts changed in place", noise_in_place),
        Wrong("two words too often", noise_rare_words_twice),
    ],
    "keep_probability": [
        Wrong("the probability to discard", keep_discards, "discard-probability"),
        Wrong("the paper's discard, not capped", keep_discards_below_zero, "discard-probability"),
        Wrong("the released code's discard", keep_discards_released, "discard-probability"),
        Wrong("the paper's, not capped", keep_uncapped, "not-capped"),
        Wrong("the released code's, not capped", keep_uncapped_released, "not-capped"),
        Wrong("of counts instead of shares", keep_of_counts, "counts-not-shares"),
        Wrong("no square root", keep_without_root, "root-forgotten"),
        Wrong("t and f exchanged", keep_upside_down, "upside-down"),
        Wrong("share of the most frequent word", keep_share_of_largest),
        Wrong("keeps everything", keep_everything),
        Wrong("decides instead of saying how likely", keep_decides),
    ],
    "subsampled_pairs": [
        Wrong("thinned after windowing", pairs_thinned_afterwards, "subsampled-after-windowing"),
        Wrong("contexts not thinned", pairs_thin_centres, "contexts-not-thinned"),
        Wrong("centres not thinned", pairs_thin_contexts, "centres-not-thinned"),
        Wrong("the words thrown out", pairs_of_the_thrown, "kept-inverted"),
        Wrong("kept ignored", pairs_of_all, "not-thinned"),
        Wrong("a word thrown out everywhere", pairs_thin_by_word),
        Wrong("places instead of words", pairs_of_places),
    ],
    "huffman_codes": [
        Wrong("binary numbers", codes_numbered, "sums-not-to-one"),
        Wrong("both branches called 0", codes_one_branch_for_both, "sums-not-to-one"),
        Wrong("only the lengths are right", codes_only_lengths_right, "sums-not-to-one"),
        Wrong("written from the leaf up", codes_from_the_leaf, "leaf-to-root"),
        Wrong("the heaviest merged first", codes_merge_heaviest, "not-the-lightest"),
        Wrong("a balanced tree", codes_balanced, "balanced-tree"),
        Wrong("counting in ones", codes_unary, "sums-not-to-one"),
        Wrong("the root has a code too", codes_of_all_nodes, "one-code-a-word"),
        Wrong("codes as numbers", codes_as_numbers, "not-strings"),
        Wrong("a heap of counts", codes_heap_of_counts, "not-strings"),
    ],
}
