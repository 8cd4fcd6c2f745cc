"""Wrong answers to the exercises of lesson 01, as learners write them, and the diagnosis each must get."""
from collections import Counter

import numpy as np
from scipy.sparse.linalg import svds

from tests.wrong_answers import Wrong

# --- window_counts ------------------------------------------------------------------------------------------------


def counts_cross_sentences(sentences, vocab_size, window):
    text = [word for sentence in sentences for word in sentence]
    table = np.zeros((vocab_size, vocab_size))
    for i in range(len(text)):
        for j in range(max(0, i - window), min(len(text), i + window + 1)):
            if i != j:
                table[text[i], text[j]] += 1
    return table


def counts_to_the_right(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size))
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[i + 1:i + 1 + window]:
                table[word, context] += 1
    return table


def counts_to_the_left(sentences, vocab_size, window):
    return counts_to_the_right(sentences, vocab_size, window).T


def counts_itself(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i + window + 1]:
                table[word, context] += 1
    return table


def counts_without_the_same_word(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i + window + 1]:
                if context != word:
                    table[word, context] += 1
    return table


def counts_with_an_empty_diagonal(sentences, vocab_size, window):
    table = counts_itself(sentences, vocab_size, window)
    np.fill_diagonal(table, 0)
    return table


def counts_by_an_index_list(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            table[word, sentence[max(0, i - window):i] + sentence[i + 1:i + 1 + window]] += 1
    return table


def counts_whether(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i] + sentence[i + 1:i + 1 + window]:
                table[word, context] = 1
    return table


def counts_both_cells(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i] + sentence[i + 1:i + 1 + window]:
                table[word, context] += 1
                table[context, word] += 1
    return table


def counts_one_short(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j in range(max(0, i - window), min(len(sentence), i + window)):
                if j != i:
                    table[word, sentence[j]] += 1
    return table


def counts_wrap_around(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j in range(i - window, i + window + 1):
                if j != i and j < len(sentence):
                    table[word, sentence[j]] += 1
    return table


def counts_lose_the_start(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            left = sentence[i - window:i] if i >= window else []
            for context in left + sentence[i + 1:i + 1 + window]:
                table[word, context] += 1
    return table


def counts_the_sentence(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[:i] + sentence[i + 1:]:
                table[word, context] += 1
    return table


def counts_start_anew(sentences, vocab_size, window):
    for sentence in sentences:
        table = np.zeros((vocab_size, vocab_size), dtype=int)
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i] + sentence[i + 1:i + 1 + window]:
                table[word, context] += 1
    return table


def counts_return_early(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i] + sentence[i + 1:i + 1 + window]:
                table[word, context] += 1
        return table


def counts_by_place(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i in range(len(sentence)):
            for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
                if j != i:
                    table[i, j] += 1
    return table


def counts_rows_by_place(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size), dtype=int)
    for sentence in sentences:
        for i in range(len(sentence)):
            for context in sentence[max(0, i - window):i] + sentence[i + 1:i + 1 + window]:
                table[i, context] += 1
    return table


def counts_fade(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size))
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j in range(max(0, i - window), min(len(sentence), i + window + 1)):
                if j != i:
                    table[word, sentence[j]] += 1 / abs(i - j)
    return table


def counts_only_whole_windows(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size))
    for sentence in sentences:
        for i in range(window, len(sentence) - window):
            for j in range(i - window, i + window + 1):
                if j != i:
                    table[sentence[i], sentence[j]] += 1
    return table


def counts_in_a_dictionary(sentences, vocab_size, window):
    return Counter((a, b) for sentence in sentences for a, b in zip(sentence, sentence[1:]))


# --- ppmi -----------------------------------------------------------------------------------------------------------


def _chance(counts):
    return counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()


def _positive(pmi):
    return np.maximum(0, np.nan_to_num(pmi))


def ppmi_not_clipped(counts):
    return np.log(counts / _chance(counts))


def ppmi_with_nan(counts):
    return np.maximum(np.log(counts / _chance(counts)), 0)


def ppmi_nan_removed(counts):
    pmi = np.log(counts / _chance(counts))
    pmi[np.isnan(pmi)] = 0
    return pmi


def ppmi_with_a_tiny_number(counts):
    return np.nan_to_num(np.log(counts / _chance(counts) + 1e-12))


def ppmi_nan_to_num(counts):
    return np.nan_to_num(np.log(counts / _chance(counts)))


def ppmi_negative_kept(counts):
    pmi = np.zeros(counts.shape)
    met = counts > 0
    pmi[met] = np.log(counts[met] / _chance(counts)[met])
    return pmi


def ppmi_base_2(counts):
    return _positive(np.log2(counts / _chance(counts)))


def ppmi_base_2_and_nan(counts):
    return np.maximum(np.log2(counts / _chance(counts)), 0)


def ppmi_base_10(counts):
    return _positive(np.log10(counts / _chance(counts)))


def ppmi_columns_twice(counts):
    words = counts.sum(axis=0)
    chance = np.outer(words, words) / counts.sum()
    return _positive(np.log(np.divide(counts, chance, out=np.ones(counts.shape), where=counts > 0)))


def ppmi_rows_twice(counts):
    words = counts.sum(axis=1)
    chance = np.outer(words, words) / counts.sum()
    return _positive(np.log(np.divide(counts, chance, out=np.ones(counts.shape), where=counts > 0)))


def ppmi_margins_exchanged(counts):
    chance = np.outer(counts.sum(axis=0), counts.sum(axis=1)) / counts.sum()
    return _positive(np.log(np.divide(counts, chance, out=np.ones(counts.shape), where=counts > 0)))


def ppmi_sums_lie_down(counts):
    chance = counts.sum(axis=1) * counts.sum(axis=0) / counts.sum()
    return _positive(np.log(np.divide(counts, chance, out=np.ones(counts.shape), where=counts > 0)))


def ppmi_total_forgotten(counts):
    chance = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True)
    return _positive(np.log(np.divide(counts, chance, out=np.ones(counts.shape), where=counts > 0)))


def ppmi_no_logarithm(counts):
    return np.nan_to_num(counts / _chance(counts))


def ppmi_smoothed(counts):
    contexts = counts.sum(axis=0) ** 0.75
    chance = np.outer(counts.sum(axis=1), contexts / contexts.sum())
    return _positive(np.log(np.divide(counts, chance, out=np.ones(counts.shape), where=counts > 0)))


def ppmi_log1p(counts):
    return np.nan_to_num(np.log1p(counts / _chance(counts)))


def ppmi_weighted(counts):
    return counts / counts.sum() * _positive(np.log(counts / _chance(counts)))


def ppmi_of_counts_plus_one(counts):
    return np.maximum(0, np.log((counts + 1) / _chance(counts + 1)))


# --- rank_k_vectors -------------------------------------------------------------------------------------------------


def vectors_u_alone(matrix, k):
    return np.linalg.svd(matrix)[0][:, :k]


def vectors_squared(matrix, k):
    U, S, Vt = np.linalg.svd(matrix)
    return U[:, :k] * S[:k] * S[:k]


def vectors_root(matrix, k):
    U, S, Vt = np.linalg.svd(matrix)
    return U[:, :k] * S[:k] ** 0.5


def vectors_of_contexts(matrix, k):
    U, S, Vt = np.linalg.svd(matrix)
    return Vt[:k].T * S[:k]


def vectors_v_alone(matrix, k):
    return np.linalg.svd(matrix)[2][:k].T


def vectors_vt(matrix, k):
    return np.linalg.svd(matrix)[2][:k]


def vectors_columns_of_vt(matrix, k):
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    return Vt[:, :k] * S[:k]


def vectors_turned(matrix, k):
    U, S, Vt = np.linalg.svd(matrix)
    return (U[:, :k] * S[:k]).T


def vectors_rows_cut(matrix, k):
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    return U[:k] * S


def vectors_weakest(matrix, k):
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    return U[:, -k:] * S[-k:]


def vectors_ascending(matrix, k):
    U, S, Vt = svds(matrix, k=k, v0=np.ones(min(matrix.shape)))
    order = np.argsort(S)
    return U[:, order] * S[order]


def vectors_whole_table(matrix, k):
    U, S, Vt = np.linalg.svd(matrix)
    return U[:, :k] @ np.diag(S[:k]) @ Vt[:k]


def vectors_not_cut(matrix, k):
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    return U * S


def vectors_of_the_centred(matrix, k):
    U, S, Vt = np.linalg.svd(matrix - matrix.mean(axis=0), full_matrices=False)
    return U[:, :k] * S[:k]


def vectors_first_columns(matrix, k):
    return matrix[:, :k]


BANK = {
    "window_counts": [
        Wrong("windows cross sentences", counts_cross_sentences, "crosses-sentences"),
        Wrong("only to the right", counts_to_the_right, "one-sided"),
        Wrong("only to the left", counts_to_the_left, "one-sided"),
        Wrong("the word as its own neighbour", counts_itself, "own-neighbour"),
        Wrong("the same word skipped", counts_without_the_same_word, "same-word-skipped"),
        Wrong("an empty diagonal", counts_with_an_empty_diagonal, "same-word-skipped"),
        Wrong("+= with a list of numbers", counts_by_an_index_list, "repeats-lost"),
        Wrong("whether, not how often", counts_whether, "not-counted"),
        Wrong("both cells each time", counts_both_cells, "counted-twice"),
        Wrong("range one short", counts_one_short, "one-short"),
        Wrong("negative places", counts_wrap_around, "wraps-around"),
        Wrong("nothing left of the first words", counts_lose_the_start, "start-lost"),
        Wrong("the whole sentence", counts_the_sentence, "whole-sentence"),
        Wrong("a new table each sentence", counts_start_anew, "one-sentence"),
        Wrong("return inside the loop", counts_return_early, "one-sentence"),
        Wrong("places, not words", counts_by_place, "places-not-words"),
        Wrong("rows by place", counts_rows_by_place, "places-not-words"),
        Wrong("near words count more", counts_fade),
        Wrong("only windows that fit", counts_only_whole_windows),
        Wrong("a dictionary", counts_in_a_dictionary),
    ],
    "ppmi": [
        Wrong("log of zero kept", ppmi_not_clipped, "log-of-zero"),
        Wrong("NaN kept", ppmi_with_nan, "log-of-zero"),
        Wrong("NaN removed, -inf kept", ppmi_nan_removed, "log-of-zero"),
        Wrong("a tiny number for zero", ppmi_with_a_tiny_number, "log-of-zero"),
        Wrong("nan_to_num of -inf", ppmi_nan_to_num, "log-of-zero"),
        Wrong("negative values kept", ppmi_negative_kept, "negative-kept"),
        Wrong("base 2", ppmi_base_2, "base-2"),
        Wrong("base 2, and NaN in the empty row", ppmi_base_2_and_nan, "base-2"),
        Wrong("base 10", ppmi_base_10, "base-10"),
        Wrong("P(word) from the columns", ppmi_columns_twice, "wrong-margin"),
        Wrong("P(context) from the rows", ppmi_rows_twice, "wrong-margin"),
        Wrong("margins exchanged", ppmi_margins_exchanged, "wrong-margin"),
        Wrong("no keepdims", ppmi_sums_lie_down, "margin-lies-down"),
        Wrong("total forgotten", ppmi_total_forgotten, "total-forgotten"),
        Wrong("no logarithm", ppmi_no_logarithm, "logarithm-forgotten"),
        Wrong("smoothed", ppmi_smoothed, "smoothed"),
        Wrong("log1p", ppmi_log1p),
        Wrong("weighted by the probability", ppmi_weighted),
        Wrong("one added to each count", ppmi_of_counts_plus_one),
    ],
    "rank_k_vectors": [
        Wrong("singular values forgotten", vectors_u_alone, "singular-values-forgotten"),
        Wrong("singular values squared", vectors_squared, "singular-values-squared"),
        Wrong("square root", vectors_root, "root-of-singular-values"),
        Wrong("V S", vectors_of_contexts, "v-instead-of-u"),
        Wrong("V", vectors_v_alone, "v-instead-of-u"),
        Wrong("rows of Vt", vectors_vt, "v-instead-of-u"),
        Wrong("columns of Vt", vectors_columns_of_vt, "v-instead-of-u"),
        Wrong("turned", vectors_turned, "transposed"),
        Wrong("rows of U", vectors_rows_cut, "rows-cut"),
        Wrong("the weakest directions", vectors_weakest, "weakest-kept"),
        Wrong("the strongest last", vectors_ascending, "ascending"),
        Wrong("the table itself", vectors_whole_table, "table-itself"),
        Wrong("all directions", vectors_not_cut),
        Wrong("of the centred table", vectors_of_the_centred),
        Wrong("the first columns", vectors_first_columns),
    ],
}
