"""Checks of lesson 00: one shape puzzle, the table of cosines between two sets of vectors.

The first input is square on purpose: there a broadcasting slip raises nothing and is wrong in silence. The others have
unequal sizes, so that a swapped axis shows. No row is zero: what its cosine should be is left out.
"""

import torch

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip


def _cosine_table(queries, keys):
    queries = queries / queries.norm(dim=1, keepdim=True)  # [Q, D] / [Q, 1]
    keys = keys / keys.norm(dim=1, keepdim=True)  # [K, D] / [K, 1]
    return queries @ keys.T  # [Q, D] @ [D, K]


_SQUARE = (torch.tensor([[3.0, 4.0], [5.0, 12.0]]), torch.tensor([[8.0, 6.0], [0.0, 2.0]]))
_TALL = (torch.tensor([[1.0, 2.0, 0.5, -1.0], [0.0, 3.0, 1.0, 1.0], [2.0, -1.0, 0.0, 4.0]]),
         torch.tensor([[1.0, 1.0, 2.0, 0.0], [-2.0, 1.0, 0.5, 3.0]]))  # fmt: skip
_WIDE = (torch.tensor([[2.0, -1.0, 0.5], [1.0, 4.0, -3.0]]), torch.tensor(
    [[1.0, 0.0, 2.0], [0.5, 3.0, 1.0], [-1.0, -2.0, 2.0], [4.0, 1.0, 1.0], [0.0, 1.0, -5.0]]))  # fmt: skip
_UNLIKE = (torch.tensor([[-3000.0, 4000.0], [0.5, 0.0], [0.5, 0.0]]), torch.tensor([[600.0, -800.0]]))

_QUERY, _KEY = "queries / queries.norm(dim=1, keepdim=True)", "keys / keys.norm(dim=1, keepdim=True)"
_LATER = (f"{_QUERY} -> queries", f"{_KEY} -> keys")  # the lengths come after the product


def _divided_by(lengths: str) -> tuple[str, ...]:
    return *_LATER, f"queries @ keys.T -> queries @ keys.T / ({lengths})"


cosine_table = Exercise(_cosine_table, Round([
    Case(_SQUARE, "queries = [[3, 4], [5, 12]] and keys = [[8, 6], [0, 2]]"),
    Case(_TALL, "queries of shape [3, 4] and keys of shape [2, 4]"),
    Case(_WIDE, "queries of shape [2, 3] and keys of shape [5, 3]"),
    Case(_UNLIKE, "queries = [[-3000, 4000], [0.5, 0], [0.5, 0]] and keys = [[600, -800]]"),
], [
    slip("norms-without-keepdim", "the lengths lie down as a row, shape [Q], where they must stand as a column, shape "
         "[Q, 1]: each column was divided, not each row. `keepdim=True` makes them stand", ", keepdim=True ->",
         "queries.norm(dim=1, keepdim=True) -> queries.norm(dim=1)",
         "keys.norm(dim=1, keepdim=True) -> keys.norm(dim=1)"),
    slip("norms-without-keepdim", "the two rows of lengths, [Q] and [K], were multiplied number by number. The "
         "queries' lengths must stand, `queries.norm(dim=1, keepdim=True)`, and the keys' lie, `keys.norm(dim=1)`: [Q, "
         "1] times [K] is [Q, K]", _divided_by("queries.norm(dim=1) * keys.norm(dim=1)")),
    slip("both-columns-stand", "both columns of lengths stand. After the product each row is a query and each *column* "
         "a key: the keys' lengths lie down, `keys.norm(dim=1)`, shape [K]",
         _divided_by("queries.norm(dim=1, keepdim=True) * keys.norm(dim=1, keepdim=True)"),
         _divided_by("keys.norm(dim=1, keepdim=True)")),
    slip("transposed", "the table is transposed: one row for each query and one column for each key, please, [Q, K]",
         "queries @ keys.T -> keys @ queries.T"),
    slip("changes-its-input", "`/=`, or an assignment to a row, wrote into the tensor that was handed in. `a = a / b` "
         "makes a new tensor and leaves the old one alone", ("= queries / -> /=", "= keys / -> /=")),
    slip("keys-not-transposed", "the keys were not transposed: [Q, D] @ [D, K] needs `keys.T`", "keys.T -> keys"),
    slip("not-divided", "the products were never divided by the lengths: a long vector wins over a near one", _LATER),
    slip("one-side", "only the queries were divided by their lengths", _LATER[1]),
    slip("one-side", "only the keys were divided by their lengths", _LATER[0]),
    slip("divided-twice", "the rows were divided by their squared lengths: the square root is missing",
         ".norm(dim=1, keepdim=True) -> .pow(2).sum(dim=1, keepdim=True)"),
    slip("sums-not-lengths", "the rows were divided by a sum of their numbers. A length is the root of the sum of "
         "their squares", ".norm(dim=1 -> .norm(1, dim=1", ".norm(dim=1 -> .sum(dim=1"),
    slip("one-length-for-all", "all rows were divided by one number, the length of the whole table: `dim=1` gives one "
         "length a row", "norm(dim=1, keepdim=True) -> norm()"),
    slip("wrong-axis", "the lengths were taken down the columns (dim=0), not along the rows (dim=1)", "dim=1 -> dim=0"),
    slip("row-with-row", "row i was multiplied with row i alone: every query should meet every key, by `@`",
         "queries @ keys.T -> (queries * keys).sum(dim=1)"),
    slip("distances", "these are distances, small where two rows are near. A cosine is large there: multiply, by `@`",
         "return -> return torch.cdist(queries, keys) #", (*_LATER, "return -> return torch.cdist(queries, keys) #")),
]))  # fmt: skip
