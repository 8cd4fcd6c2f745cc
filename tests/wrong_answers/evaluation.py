"""Wrong answers to the exercises of lesson 06, as learners write them, and the diagnosis each must get."""
import numpy as np

from tests.wrong_answers import Wrong

# --- ranks --------------------------------------------------------------------------------------------------------


def ranks_by_order(values):
    ranks = np.zeros(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(1, len(values) + 1)
    return ranks


def ranks_sorted_twice(values):
    return np.argsort(np.argsort(values, kind="stable"))


def ranks_sorted_twice_as_they_come(values):
    return np.argsort(np.argsort(values)) + 1  # the sort that NumPy takes unless told otherwise


def ranks_by_dictionary(values):
    places = {value: place for place, value in enumerate(sorted(values), 1)}
    return np.array([places[value] for value in values])  # a later place overwrites an earlier one


def ranks_by_index(values):
    return np.array([sorted(values).index(value) + 1 for value in values])


def ranks_count_smaller(values):
    return np.array([(values < value).sum() for value in values])


def ranks_count_larger_from_top(values):
    return np.array([1 + (values > value).sum() for value in values])


def ranks_dense(values):
    return np.unique(values, return_inverse=True)[1] + 1


def ranks_dense_from_zero(values):
    return np.unique(values, return_inverse=True)[1]


def ranks_later_first(values):
    ranks = np.zeros(len(values))
    for place, i in enumerate(sorted(range(len(values)), key=lambda i: (values[i], -i)), 1):
        ranks[i] = place
    return ranks


def _average(values):
    return np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])


def ranks_from_zero(values):
    return _average(values) - 1


def ranks_from_the_top(values):
    return _average(-values)


def ranks_argsort(values):
    return np.argsort(values, kind="stable")


def ranks_argsort_from_one(values):
    return np.argsort(values, kind="stable") + 1


def ranks_argsort_as_it_comes(values):
    return np.argsort(values)


def ranks_in_their_type(values):
    ranks = np.zeros_like(values)
    for i, value in enumerate(values):
        ranks[i] = (values < value).sum() + ((values == value).sum() + 1) / 2
    return ranks


def ranks_sorted_values(values):
    return np.sort(values)


def ranks_as_shares(values):
    return _average(values) / len(values)


def ranks_ties_averaged_in_pairs(values):
    return np.array([(values < value).sum() + (1 if (values == value).sum() == 1 else 1.5) for value in values])


def ranks_sorts_its_input(values):
    values.sort()
    return np.arange(1, len(values) + 1)


def ranks_one_each(values):
    return np.arange(1, len(values) + 1)


# --- three_cos_add ------------------------------------------------------------------------------------------------


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def sum_question_may_answer(rows, a, b, c):
    unit = _unit(rows)
    return (unit @ (unit[b] - unit[a] + unit[c])).argmax()


def sum_only_c_left_out(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[c] = -np.inf
    return scores.argmax()


def sum_a_and_b_left_out(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b]] = -2
    return scores.argmax()


def sum_skips_the_first(rows, a, b, c):
    """The nearest is c, so take the second: as one does for neighbours."""
    unit = _unit(rows)
    return (unit @ (unit[b] - unit[a] + unit[c])).argsort()[-2]


def sum_raw(rows, a, b, c):
    scores = rows @ (rows[b] - rows[a] + rows[c])
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_raw_then_cosine(rows, a, b, c):
    query = rows[b] - rows[a] + rows[c]
    scores = rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_unit_then_raw(rows, a, b, c):
    unit = _unit(rows)
    scores = rows @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_distance(rows, a, b, c):
    far = np.linalg.norm(rows - (rows[b] - rows[a] + rows[c]), axis=1)
    far[[a, b, c]] = np.inf
    return far.argmin()


def sum_swapped(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ (unit[a] - unit[b] + unit[c])
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_minus_c(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ (unit[a] + unit[b] - unit[c])
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_all_plus(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ unit[[a, b, c]].sum(axis=0)
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_deletes(rows, a, b, c):
    unit = _unit(rows)
    return np.delete(unit @ (unit[b] - unit[a] + unit[c]), [a, b, c]).argmax()


def sum_zeroes(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = 0
    return scores.argmax()


def sum_smallest(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = np.inf
    return scores.argmin()


def sum_gives_the_score(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = -np.inf
    return scores.max()


def sum_gives_all_scores(rows, a, b, c):
    unit = _unit(rows)
    return unit @ (unit[b] - unit[a] + unit[c])


def sum_nearest_to_c(rows, a, b, c):
    unit = _unit(rows)
    scores = unit @ unit[c]
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_lengths_lying_down(rows, a, b, c):
    unit = rows / np.linalg.norm(rows, axis=1)
    scores = unit @ (unit[b] - unit[a] + unit[c])
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


def sum_divides_in_place(rows, a, b, c):
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores = rows @ (rows[b] - rows[a] + rows[c])
    scores[[a, b, c]] = -np.inf
    return scores.argmax()


# --- effect_size --------------------------------------------------------------------------------------------------


def _sides(X, Y, A, B):
    def lean(words):
        return (_unit(words) @ _unit(A).T).mean(axis=1) - (_unit(words) @ _unit(B).T).mean(axis=1)

    return lean(X), lean(Y)


def effect_population(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return (x.mean() - y.mean()) / np.std(np.concatenate([x, y]))


def effect_undivided(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return x.mean() - y.mean()


def effect_turned(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return (y.mean() - x.mean()) / np.std(np.concatenate([x, y]), ddof=1)


def effect_dot_products(X, Y, A, B):
    x, y = ((words @ A.T).mean(axis=1) - (words @ B.T).mean(axis=1) for words in (X, Y))
    return (x.mean() - y.mean()) / np.std(np.concatenate([x, y]), ddof=1)


def effect_pooled(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    inside = (len(x) - 1) * x.var(ddof=1) + (len(y) - 1) * y.var(ddof=1)
    return (x.mean() - y.mean()) / np.sqrt(inside / (len(x) + len(y) - 2))


def effect_spread_of_x(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return (x.mean() - y.mean()) / x.std(ddof=1)


def effect_variance(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return (x.mean() - y.mean()) / np.var(np.concatenate([x, y]), ddof=1)


def effect_sums(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return (x.sum() - y.sum()) / np.std(np.concatenate([x, y]), ddof=1)


def effect_centroids(X, Y, A, B):
    a, b = (_unit(_unit(one).mean(axis=0, keepdims=True)) for one in (A, B))
    x, y = _sides(X, Y, a, b)
    return (x.mean() - y.mean()) / np.std(np.concatenate([x, y]), ddof=1)


def effect_of_medians(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return (np.median(x) - np.median(y)) / np.std(np.concatenate([x, y]), ddof=1)


def effect_forgets_b(X, Y, A, B):
    x, y = ((_unit(words) @ _unit(A).T).mean(axis=1) for words in (X, Y))
    return (x.mean() - y.mean()) / np.std(np.concatenate([x, y]), ddof=1)


def effect_of_each_word(X, Y, A, B):
    x, y = _sides(X, Y, A, B)
    return np.concatenate([x, y])


BANK = {
    "ranks": [
        Wrong("ties broken by order", ranks_by_order, "ties-by-order"),
        Wrong("argsort of argsort", ranks_sorted_twice, "ties-by-order"),
        Wrong("argsort of argsort, no kind", ranks_sorted_twice_as_they_come, "ties-by-order"),
        Wrong("ties broken, the later first", ranks_later_first, "ties-by-order"),
        Wrong("a dictionary of places", ranks_by_dictionary, "max-ranks"),
        Wrong("the index in the sorted list", ranks_by_index, "min-ranks"),
        Wrong("counts the smaller ones", ranks_count_smaller, "min-ranks"),
        Wrong("dense ranks", ranks_dense, "dense-ranks"),
        Wrong("dense ranks from 0", ranks_dense_from_zero, "dense-ranks"),
        Wrong("from 0", ranks_from_zero, "from-zero"),
        Wrong("argsort", ranks_argsort, "argsort"),
        Wrong("argsort, no kind", ranks_argsort_as_it_comes, "argsort"),
        Wrong("argsort plus 1", ranks_argsort_from_one, "argsort"),
        Wrong("the largest is 1", ranks_from_the_top, "descending"),
        Wrong("halves cut off", ranks_in_their_type, "halves-cut"),
        Wrong("the values in order", ranks_sorted_values, "sorted-values"),
        Wrong("the largest is 1, ties share the best", ranks_count_larger_from_top),
        Wrong("shares", ranks_as_shares),
        Wrong("right for ties of two alone", ranks_ties_averaged_in_pairs),
        Wrong("sorts its input", ranks_sorts_its_input),
        Wrong("1, 2, 3", ranks_one_each),
    ],
    "three_cos_add": [
        Wrong("question words not excluded", sum_question_may_answer, "not-excluded"),
        Wrong("only c excluded", sum_only_c_left_out, "partly-excluded"),
        Wrong("only a and b excluded", sum_a_and_b_left_out, "partly-excluded"),
        Wrong("nothing normalised", sum_raw, "unnormalised"),
        Wrong("the question not normalised", sum_raw_then_cosine, "question-unnormalised"),
        Wrong("the answers not normalised", sum_unit_then_raw, "answers-unnormalised"),
        Wrong("distance", sum_distance, "distance"),
        Wrong("a and b swapped", sum_swapped, "signs-swapped"),
        Wrong("a + b - c", sum_minus_c, "wrong-signs"),
        Wrong("a + b + c", sum_all_plus, "wrong-signs"),
        Wrong("rows deleted", sum_deletes, "shifted"),
        Wrong("excluded with 0", sum_zeroes, "zero-is-not-low"),
        Wrong("the smallest score", sum_smallest, "smallest"),
        Wrong("the score and not the row", sum_gives_the_score),
        Wrong("all scores", sum_gives_all_scores),
        Wrong("the second nearest", sum_skips_the_first),
        Wrong("the nearest to c", sum_nearest_to_c),
        Wrong("lengths lying down", sum_lengths_lying_down),
        Wrong("divides in place", sum_divides_in_place),
    ],
    "effect_size": [
        Wrong("the population's spread", effect_population, "population-spread"),
        Wrong("not divided", effect_undivided, "not-divided"),
        Wrong("the sign", effect_turned, "sign"),
        Wrong("dot products", effect_dot_products, "unnormalised"),
        Wrong("the pooled spread", effect_pooled, "pooled-spread"),
        Wrong("the spread of X", effect_spread_of_x, "one-group-spread"),
        Wrong("the variance", effect_variance, "variance"),
        Wrong("sums", effect_sums, "sums"),
        Wrong("means of A and B", effect_centroids, "centroids"),
        Wrong("medians", effect_of_medians),
        Wrong("B forgotten", effect_forgets_b),
        Wrong("one number a word", effect_of_each_word),
    ],
}
