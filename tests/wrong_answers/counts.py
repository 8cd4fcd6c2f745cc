"""Lesson 01: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

from collections import Counter

import numpy as np
import torch

from course_lib import counts
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def by_a_list_of_columns(sentences, vocab_size, window):
    table = np.zeros((vocab_size, vocab_size))
    for sentence in sentences:
        for i, word in enumerate(sentence):
            table[word, sentence[max(0, i - window):i] + sentence[i + 1:i + 1 + window]] += 1
    return table


def skips_cells_of_a_product(table):
    rows, columns = table.sum(axis=1, keepdims=True), table.sum(axis=0, keepdims=True)
    return np.maximum(0, np.log(table * table.sum() / (rows * columns), where=table > 0))


BANK = {
    "window_counts": [
        Wrong("an empty diagonal", "return table -> np.fill_diagonal(table, 0); return table", "same-word-skipped"),
        Wrong("+= with a list of numbers", by_a_list_of_columns, "repeats-lost"),
        Wrong("both cells each time", "+= 1 -> += 1; table[sentence[j], word] += 1", "counted-twice"),
        Wrong("a dictionary", lambda sentences, vocab_size, window: Counter(zip(sentences[0], sentences[0][1:]))),
        Wrong("shares, not counts", "return table -> return table / table.sum()"),
        Wrong("nothing counted", "+= 1 -> += 0", "all-zero"),
    ],
    "ppmi": [
        Wrong("where= without out=", "pmi[seen] = np.log(table[seen] / expected[seen]) -> "
              "pmi = np.log(table / expected, where=seen)", "never-filled"),
        Wrong("where= without out=, of a product", skips_cells_of_a_product, "never-filled"),
        Wrong("np.empty", "np.zeros -> np.empty"),
        Wrong("one added to each count", "expected = -> table = table + 1; expected ="),
        Wrong("cut off at 1", "np.maximum(pmi, 0) -> np.minimum(np.maximum(pmi, 0), 1)"),
        Wrong("nothing but zeros", "seen = table > 0 -> seen = table > 100", "all-zero"),
    ],
    "rank_k_vectors": [
        Wrong("V S, of the table turned round", "svd(matrix -> svd(matrix.T", "v-instead-of-u"),
        Wrong("the first columns", lambda matrix, k: matrix[:, :k]),
        Wrong("rounded", "return U[:, :k] * S[:k] -> return (U[:, :k] * S[:k]).round(2)"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def counts_by_slices(sentences, vocab_size, window):
    table = [[0] * vocab_size for _ in range(vocab_size)]
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for context in sentence[max(0, i - window):i] + sentence[i + 1:i + window + 1]:
                table[word][context] += 1
    return table


def counts_by_distance(sentences, vocab_size, window):
    table = torch.zeros(vocab_size, vocab_size)
    for sentence in sentences:
        for away in range(1, window + 1):
            for left, right in zip(sentence, sentence[away:]):
                table[left, right] += 1
                table[right, left] += 1
    return table


def ppmi_by_loops(table):
    answer = [[0.0] * len(table) for _ in table]
    for i, row in enumerate(table):
        for j, times in enumerate(row):
            if times:
                answer[i][j] = max(0.0, float(np.log(times * table.sum() / (row.sum() * table[:, j].sum()))))
    return answer


def ppmi_by_out(table):
    chance = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    ratio = np.divide(table, chance, out=np.ones(table.shape), where=table > chance)
    return np.log(ratio)


def ppmi_in_torch(table):
    table = torch.tensor(table).double()
    logs = table.log() + table.sum().log() - table.sum(1, keepdim=True).log() - table.sum(0).log()
    return logs.nan_to_num(neginf=0).clamp(min=0)


def vectors_by_projection(matrix, k):
    return matrix @ np.linalg.svd(matrix)[2][:k].T


def vectors_in_torch(matrix, k):
    U, S, _ = torch.linalg.svd(torch.tensor(matrix))
    return -U[:, :k] @ torch.diag(S[:k])


def vectors_by_eigenvectors(matrix, k):
    values, vectors = np.linalg.eigh(matrix.T @ matrix)
    return matrix @ vectors[:, np.argsort(-values)[:k]]


RIGHT = {
    "window_counts": [counts_by_slices, counts_by_distance, counts.window_counts],
    "ppmi": [ppmi_by_loops, ppmi_by_out, ppmi_in_torch],
    "rank_k_vectors": [vectors_by_projection, vectors_in_torch, vectors_by_eigenvectors],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_sentences(rng):
    size = int(rng.integers(1, 6))
    sentences = [rng.integers(0, size, rng.integers(0, 7)).tolist() for _ in range(rng.integers(1, 4))]
    return sentences, size, int(rng.integers(1, 5))


def draw_counts(rng):
    size = int(rng.integers(2, 6))
    table = rng.integers(0, 9, (size, size)) * (rng.random((size, size)) < 0.6)
    table[0, -1] += 1
    return (table if rng.random() < 0.7 else table / 2,)


def draw_matrix(rng):
    shape = rng.integers(1, 7, 2)
    return rng.normal(size=shape), int(rng.integers(1, min(shape) + 1))


INPUTS = {"window_counts": draw_sentences, "ppmi": draw_counts, "rank_k_vectors": draw_matrix}
