"""Wrong answers to lesson 00's exercise, written as a learner would write them."""
import numpy as np
import torch

from tests.wrong_answers import Wrong


def broadcasting_slip(queries, keys):
    queries = queries / queries.norm(dim=1)
    keys = keys / keys.norm(dim=1)
    return queries @ keys.T


def slip_on_one_side(queries, keys):
    queries = queries / queries.norm(dim=1, keepdim=True)
    return queries @ (keys / keys.norm(dim=1)).T


def slip_after_the_product(queries, keys):
    return (queries @ keys.T) / (queries.norm(dim=1) * keys.norm(dim=1))


def transposed(queries, keys):
    queries = queries / queries.norm(dim=1, keepdim=True)
    keys = keys / keys.norm(dim=1, keepdim=True)
    return keys @ queries.T


def divides_in_place(queries, keys):
    queries /= queries.norm(dim=1, keepdim=True)
    keys /= keys.norm(dim=1, keepdim=True)
    return queries @ keys.T


def loop_that_changes_its_input(queries, keys):
    for table in (queries, keys):
        for i in range(len(table)):
            table[i] = table[i] / table[i].norm()
    return torch.stack([torch.stack([(q * k).sum() for k in keys]) for q in queries])


def keys_left_as_they_are(queries, keys):
    return (queries / queries.norm(dim=1, keepdim=True)) @ keys.T


def queries_left_as_they_are(queries, keys):
    return queries @ (keys / keys.norm(dim=1, keepdim=True)).T


def never_divides(queries, keys):
    return queries @ keys.T


def forgets_to_transpose(queries, keys):
    return (queries / queries.norm(dim=1, keepdim=True)) @ (keys / keys.norm(dim=1, keepdim=True))


def forgets_the_root(queries, keys):
    queries = queries / (queries ** 2).sum(dim=1, keepdim=True)
    keys = keys / (keys ** 2).sum(dim=1, keepdim=True)
    return queries @ keys.T


def one_length_for_all(queries, keys):
    return (queries / queries.norm()) @ (keys / keys.norm()).T


def down_the_columns(queries, keys):
    queries = queries / queries.norm(dim=0, keepdim=True)
    keys = keys / keys.norm(dim=0, keepdim=True)
    return queries @ keys.T


def row_with_row(queries, keys):
    return torch.nn.functional.cosine_similarity(queries, keys)


def sums_of_absolute_values(queries, keys):
    queries = queries / queries.abs().sum(dim=1, keepdim=True)
    return queries @ (keys / keys.abs().sum(dim=1, keepdim=True)).T


def distances(queries, keys):
    return torch.cdist(queries, keys)


def wrong_package(queries, keys):
    return np.dot(queries / torch.norm(queries, 1), keys.T)


def forgets_to_return(queries, keys):
    queries = queries / queries.norm(dim=1, keepdim=True)
    keys = keys / keys.norm(dim=1, keepdim=True)
    queries @ keys.T


def only_the_first_query(queries, keys):
    return torch.nn.functional.cosine_similarity(queries[:1], keys)


BANK = {
    "cosine_table": [
        Wrong("broadcasting slip", broadcasting_slip, "norms-without-keepdim"),
        Wrong("broadcasting slip on one side", slip_on_one_side, "norms-without-keepdim"),
        Wrong("broadcasting slip after the product", slip_after_the_product, "norms-without-keepdim"),
        Wrong("transposed", transposed, "transposed"),
        Wrong("divides in place", divides_in_place, "changes-its-input"),
        Wrong("a loop that changes its input", loop_that_changes_its_input, "changes-its-input"),
        Wrong("keys left as they are", keys_left_as_they_are, "one-side"),
        Wrong("queries left as they are", queries_left_as_they_are, "one-side"),
        Wrong("never divides", never_divides, "not-divided"),
        Wrong("forgets to transpose", forgets_to_transpose, "keys-not-transposed"),
        Wrong("forgets the root", forgets_the_root, "divided-twice"),
        Wrong("one length for all rows", one_length_for_all, "one-length-for-all"),
        Wrong("down the columns", down_the_columns, "wrong-axis"),
        Wrong("row i with row i", row_with_row, "row-with-row"),
        Wrong("sums of absolute values", sums_of_absolute_values, None),
        Wrong("distances", distances, None),
        Wrong("wrong norm", wrong_package, None),
        Wrong("forgets to return", forgets_to_return, None),
        Wrong("only the first query", only_the_first_query, None),
    ],
}
