"""Lesson 06: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch
from scipy import stats

from course_lib import evaluation
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def ranks_sort_their_input(values):
    values.sort()
    return np.arange(1, len(values) + 1)


def ranks_of_neighbours_alone(values):
    """The mean of two places, for as many as are equal: right for pairs, wrong for three."""
    order = values.argsort(kind="stable")
    ranks = np.zeros(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    for one, other in zip(order, order[1:], strict=False):
        if values[one] == values[other]:
            ranks[one] = ranks[other] = (ranks[one] + ranks[other]) / 2
    return ranks


def sum_divides_in_place(rows, a, b, c):
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = rows @ (rows[b] - rows[a] + rows[c])
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_multiplies(rows, a, b, c):
    """3CosMul."""
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    near_a, near_b, near_c = ((1 + unit @ unit[one]) / 2 for one in (a, b, c))
    scores = near_b * near_c / (near_a + 1e-3)
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


BANK = {
    "ranks": [
        Wrong("a dictionary of places, the later overwriting the earlier", lambda values: [
            {value: place for place, value in enumerate(sorted(values), 1)}[value] for value in values], "max-ranks"),
        Wrong("sorts its input", ranks_sort_their_input),
        Wrong("two neighbours at a time", ranks_of_neighbours_alone),
        Wrong("ranks less their mean", lambda values: (r := stats.rankdata(values)) - r.mean()),
        Wrong("a column", lambda values: stats.rankdata(values)[:, None]),
        Wrong("all the mean", "smaller + (equal + 1) / 2 -> (len(values) + 1) / 2 + 0 * smaller"),
    ],
    "three_cos_add": [
        Wrong("lengths lying down", ", keepdims=True ->"),
        Wrong("divides in place", sum_divides_in_place),
        Wrong("3CosMul", sum_multiplies),
        Wrong("one row further", "int(scores.argmax()) -> int(scores.argmax()) + 1"),
        Wrong("lengths added up", "np.linalg.norm(rows, axis=1 -> np.abs(rows).sum(axis=1"),
    ],
    "effect_size": [
        Wrong("medians", "x.mean() - y.mean() -> np.median(x) - np.median(y)"),
        Wrong("one number a word", "return (x.mean() - y.mean()) / np.concatenate([x, y]).std(ddof=1) -> "
              "return np.concatenate([x, y])"),
        Wrong("the spread of all cosines", "np.concatenate([x, y]) -> np.vstack([X, Y]) @ np.vstack([A, B]).T"),
        Wrong("the standard error", "np.concatenate([x, y]).std(ddof=1) -> "
              "np.sqrt(x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y))"),
        Wrong("the sum of both means", "x.mean() - y.mean() -> x.mean() + y.mean()"),
        Wrong("only X", "x.mean() - y.mean() -> x.mean()"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def ranks_by_a_loop(values):
    return [sum(other < value for other in values) + (sum(other == value for other in values) + 1) / 2
            for value in values]  # fmt: skip


def ranks_by_places(values):
    places = {}
    for place, value in enumerate(sorted(values.tolist()), 1):
        places.setdefault(value, []).append(place)
    return np.array([sum(places[value]) / len(places[value]) for value in values.tolist()])


def ranks_from_both_ends(values):
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right") + 1) / 2


def ranks_in_torch(values):
    x = torch.from_numpy(values)
    return ((x < x[:, None]).sum(1) + (x <= x[:, None]).sum(1) + 1) / 2


def sum_skips(rows, a, b, c):
    unit = np.array([row / np.sqrt(row @ row) for row in rows])
    order = np.argsort(-(unit @ (unit[c] + unit[b] - unit[a])))
    return next(int(i) for i in order if i not in (a, b, c))


def sum_of_cosines(rows, a, b, c):
    def cosine(i, j):
        return rows[i] @ rows[j] / np.linalg.norm(rows[i]) / np.linalg.norm(rows[j])

    allowed = [i for i in range(len(rows)) if i not in {a, b, c}]
    return max(allowed, key=lambda i: cosine(i, b) - cosine(i, a) + cosine(i, c))


def sum_as_a_cosine(rows, a, b, c):
    """The sum made of length 1, in torch; a cosine never falls below -1."""
    unit = torch.nn.functional.normalize(torch.from_numpy(rows), dim=1)
    scores = torch.cosine_similarity(unit, unit[b] - unit[a] + unit[c], dim=1)
    return scores.index_fill(0, torch.tensor([a, b, c]), -2).argmax()


def sum_by_distance(rows, a, b, c):
    unit = rows / np.sqrt((rows**2).sum(1))[:, None]
    far = ((unit - (unit[b] - unit[a] + unit[c])) ** 2).sum(1)
    far[[a, b, c]] = np.inf
    return far.argmin()


def cosine(w, a):
    return w @ a / np.sqrt((w @ w) * (a @ a))


def effect_by_loops(X, Y, A, B):
    s = [sum(cosine(w, a) for a in A) / len(A) - sum(cosine(w, b) for b in B) / len(B) for w in [*X, *Y]]
    mean = sum(s) / len(s)
    spread = (sum((one - mean) ** 2 for one in s) / (len(s) - 1)) ** 0.5
    return (sum(s[: len(X)]) / len(X) - sum(s[len(X) :]) / len(Y)) / spread


def effect_by_mean_arrows(X, Y, A, B):
    """The mean of the cosines is the product with the mean of the arrows, if these are not made of length 1 again."""
    W, A, B = (rows / np.linalg.norm(rows, axis=-1)[:, None] for rows in (np.vstack([X, Y]), A, B))
    s = W @ (A.mean(0) - B.mean(0))
    return (s[: len(X)].mean() - s[len(X) :].mean()) / np.std(s, ddof=1)


def effect_in_torch(X, Y, A, B):
    X, Y, A, B = (torch.nn.functional.normalize(torch.tensor(rows)) for rows in (X, Y, A, B))
    x, y = ((words @ A.T).mean(1) - (words @ B.T).mean(1) for words in (X, Y))
    return (x.mean() - y.mean()) / torch.cat([x, y]).std()


RIGHT = {
    "ranks": [ranks_by_a_loop, ranks_by_places, ranks_from_both_ends, ranks_in_torch, evaluation.ranks],
    "three_cos_add": [sum_skips, sum_of_cosines, sum_as_a_cosine, sum_by_distance],
    "effect_size": [effect_by_loops, effect_by_mean_arrows, effect_in_torch],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_question(rng):
    V = int(rng.integers(4, 9))
    rows = rng.normal(size=(V, rng.integers(2, 5))) * rng.uniform(0.4, 3, size=(V, 1))
    return rows, *rng.choice(V, 3, replace=False).tolist()


def draw_groups(rng):
    D, sizes = rng.integers(2, 5), rng.integers([2, 2, 1, 1], 6)
    return tuple(rng.normal(size=(n, D)) * rng.uniform(0.4, 3, size=(n, 1)) for n in sizes)


INPUTS = {
    "ranks": lambda rng: (rng.integers(-2, 3, rng.integers(1, 8)) / rng.choice([1, 3]),),
    "three_cos_add": draw_question,
    "effect_size": draw_groups,
}
