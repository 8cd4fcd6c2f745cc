"""Lesson 00: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch
import torch.nn.functional as F

from wrong_answers import Wrong

BANK = {
    "cosine_table": [
        Wrong("divides the queries in place", "= queries / -> /=", "changes-its-input"),
        Wrong("a loop that changes its input", "queries = queries / queries.norm(dim=1, keepdim=True) -> "
              "for i in range(len(queries)): queries[i] = queries[i] / queries[i].norm()", "changes-its-input"),
        Wrong("PyTorch's own cosine, row with row", lambda queries, keys: F.cosine_similarity(queries, keys),
              "row-with-row"),
        Wrong("the wrong axis of normalize",
              "queries @ keys.T -> torch.nn.functional.normalize(queries, dim=0) @ keys.T"),
        Wrong("the wrong norm", lambda queries, keys: np.dot(queries / torch.norm(queries, 1), keys.T)),
        Wrong("forgets to return", "return -> table ="),
        Wrong("only the first query", lambda queries, keys: F.cosine_similarity(queries[:1], keys)),
        Wrong("no sign", "return queries @ keys.T -> return abs(queries @ keys.T)"),
        Wrong("zeros", "queries @ keys.T -> torch.zeros(len(queries), len(keys))", "all-zero"),
    ],
}

# --- right ------------------------------------------------------------------------------------------------------------


def after_the_product(queries, keys):
    return (queries @ keys.T) / (queries.norm(dim=1, keepdim=True) * keys.norm(dim=1))


def by_loops(queries, keys):
    return [[float(q @ k) / float(q.norm() * k.norm()) for k in keys] for q in queries]


def in_numpy(queries, keys):
    queries, keys = queries.numpy(), keys.numpy()
    return np.einsum("qd,kd->qk", queries, keys) / np.outer(*(np.linalg.norm(x, axis=1) for x in (queries, keys)))


RIGHT = {"cosine_table": [after_the_product, by_loops, in_numpy,
                          lambda queries, keys: F.cosine_similarity(queries[:, None], keys, dim=-1)]}  # fmt: skip

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_tables(rng):
    many, few, size = rng.integers(1, 6, 3)
    return tuple(torch.tensor(rng.normal(size=(n, size)), dtype=torch.float32) for n in (many, few))


INPUTS = {"cosine_table": draw_tables}
