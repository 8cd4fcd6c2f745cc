"""Checks of lesson 00: one shape puzzle, the table of cosines between two sets of vectors.

The first input is square on purpose: there a broadcasting slip raises nothing and is wrong in silence. The other two
have four and three unequal sizes, so that a swapped axis shows. No row is zero: what its cosine should be is left out.
"""
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.checks.base import Case, Misconception, Result, compare

SQUARE = (torch.tensor([[3.0, 4.0], [5.0, 12.0]]), torch.tensor([[8.0, 6.0], [0.0, 2.0]]))
TALL = (torch.tensor([[1.0, 2.0, 0.5, -1.0], [0.0, 3.0, 1.0, 1.0], [2.0, -1.0, 0.0, 4.0]]),
        torch.tensor([[1.0, 1.0, 2.0, 0.0], [-2.0, 1.0, 0.5, 3.0]]))
WIDE = (torch.tensor([[2.0, -1.0, 0.5], [1.0, 4.0, -3.0]]),
        torch.tensor([[1.0, 0.0, 2.0], [0.5, 3.0, 1.0], [-1.0, -2.0, 2.0], [4.0, 1.0, 1.0], [0.0, 1.0, -5.0]]))
CASES = [Case(SQUARE, "queries = [[3, 4], [5, 12]] and keys = [[8, 6], [0, 2]]"),
         Case(TALL, "queries of shape [3, 4] and keys of shape [2, 4]"),
         Case(WIDE, "queries of shape [2, 3] and keys of shape [5, 3]")]


def unit(rows: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Every row divided by its length."""
    return rows / rows.norm(dim=1, keepdim=True)


def reference(queries: Float[Tensor, "Q D"], keys: Float[Tensor, "K D"]) -> Float[Tensor, "Q K"]:
    """The cosine of every query with every key."""
    return unit(queries) @ unit(keys).T


def in_place(queries: Float[Tensor, "Q D"], keys: Float[Tensor, "K D"]) -> Float[Tensor, "Q K"]:
    """The right table, and the caller's tensors overwritten."""
    queries /= queries.norm(dim=1, keepdim=True)
    keys /= keys.norm(dim=1, keepdim=True)
    return queries @ keys.T


def lying(rows: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Divides by lengths of shape [N], which broadcasting lays along the columns."""
    return rows / rows.norm(dim=1)


LYING = ("the lengths lie down as a row, shape [Q], where they must stand as a column, shape [Q, 1]: each column was "
         "divided, not each row. `keepdim=True` makes them stand")
MISCONCEPTIONS = [
    Misconception("norms-without-keepdim", lambda q, k: lying(q) @ lying(k).T, LYING),
    Misconception("norms-without-keepdim", lambda q, k: lying(q) @ unit(k).T, LYING),
    Misconception("norms-without-keepdim", lambda q, k: unit(q) @ lying(k).T, LYING),
    Misconception("norms-without-keepdim", lambda q, k: q @ k.T / (q.norm(dim=1) * k.norm(dim=1)), LYING),
    Misconception("transposed", lambda q, k: reference(k, q),
                  "the table is transposed: one row for each query and one column for each key, please, [Q, K]"),
    Misconception("changes-its-input", in_place,
                  "`/=`, or an assignment to a row, wrote into the tensor that was handed in. `a = a / b` makes a new "
                  "tensor and leaves the old one alone"),
    Misconception("keys-not-transposed", lambda q, k: unit(q) @ unit(k),
                  "the keys were not transposed: [Q, D] @ [D, K] needs `keys.T`"),
    Misconception("not-divided", lambda q, k: q @ k.T,
                  "the products were never divided by the lengths: a long vector wins over a near one"),
    Misconception("one-side", lambda q, k: unit(q) @ k.T, "only the queries were divided by their lengths"),
    Misconception("one-side", lambda q, k: q @ unit(k).T, "only the keys were divided by their lengths"),
    Misconception("divided-twice", lambda q, k: q / q.pow(2).sum(1, True) @ (k / k.pow(2).sum(1, True)).T,
                  "the rows were divided by their squared lengths: the square root is missing"),
    Misconception("one-length-for-all", lambda q, k: q / q.norm() @ (k / k.norm()).T,
                  "all rows were divided by one number, the length of the whole table: `dim=1` gives one length a row"),
    Misconception("wrong-axis", lambda q, k: q / q.norm(dim=0, keepdim=True) @ (k / k.norm(dim=0, keepdim=True)).T,
                  "the lengths were taken down the columns (dim=0), not along the rows (dim=1)"),
    Misconception("row-with-row", lambda q, k: (unit(q) * unit(k)).sum(dim=1),
                  "row i was multiplied with row i alone: every query should meet every key, by `@`"),
]


def cosine_table(learner: Callable) -> Result:
    """`cosine_table(queries [Q, D], keys [K, D]) -> [Q, K]`: the cosine of every query with every key."""
    return compare("cosine_table", learner, reference, CASES, MISCONCEPTIONS)
