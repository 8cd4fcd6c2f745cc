"""Wrong answers of lesson 10, as people write them."""

import math

import numpy as np
import torch

from wrong_answers import Wrong

# --- causal_mask ------------------------------------------------------------------------------------------------------


def mask_strict(length):
    return torch.tril(torch.ones(length, length), diagonal=-1).bool()


def mask_one_more(length):
    return torch.tril(torch.ones(length, length, dtype=torch.bool), diagonal=1)


def mask_strict_by_comparison(length):
    place = torch.arange(length)
    return place[:, None] > place


def mask_transposed(length):
    place = torch.arange(length)
    return place[:, None] <= place


def mask_inverted(length):
    return torch.triu(torch.ones(length, length), diagonal=1) == 1


def mask_of_all(length):
    return torch.ones(length, length, dtype=torch.bool)


def mask_of_itself(length):
    return torch.eye(length).bool()


def mask_of_nothing(length):
    return torch.zeros(length, length, dtype=torch.bool)


def mask_to_add(length):
    return torch.triu(torch.full((length, length), -math.inf), diagonal=1)


def mask_of_averages(length):
    mask = torch.tril(torch.ones(length, length))
    return mask / mask.sum(1, keepdim=True)


def mask_of_numbers(length):
    return torch.tril(torch.ones(length, length))


def mask_fixed_length(length):
    return torch.ones(6, 6, dtype=torch.bool).tril()


def mask_one_row(length):
    return torch.arange(length) <= length - 1


def mask_first_only(length):
    mask = torch.zeros(length, length, dtype=torch.bool)
    mask[:, 0] = True
    return mask


# --- scaled_dot_product_attention -------------------------------------------------------------------------------------


def _finish(scores, value, mask):
    """The right second half: hide, softmax, zeros for a row without a key, mix."""
    if mask is None:
        weights = scores.softmax(dim=-1)
    else:
        weights = scores.masked_fill(~mask, -math.inf).softmax(dim=-1)
        weights = torch.where(mask.any(dim=-1, keepdim=True), weights, 0.0)
    return weights @ value, weights


def sdpa_unscaled(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1), value, mask)


def sdpa_unscaled_and_nan(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights


def sdpa_by_d(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / query.shape[-1], value, mask)


def sdpa_by_d_model(query, key, value, mask=None):
    d_model = value.shape[-1]
    return _finish(query @ key.transpose(-2, -1) / d_model**0.5, value, mask)


def sdpa_by_fixed_d_model(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / math.sqrt(512), value, mask)


def sdpa_by_the_examples_root(query, key, value, mask=None):
    return _finish(query @ key.mT / math.sqrt(4), value, mask)


def sdpa_by_length(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / math.sqrt(key.shape[-2]), value, mask)


def sdpa_by_number_of_queries(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / math.sqrt(len(query[0]) if query.dim() == 3 else len(query)), value,
                   mask)  # fmt: skip


def sdpa_times_root(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) * math.sqrt(query.shape[-1]), value, mask)


def sdpa_scaled_twice(query, key, value, mask=None):
    root = math.sqrt(query.shape[-1])
    return _finish((query / root) @ (key / root).transpose(-2, -1), value, mask)


def sdpa_scaled_late(query, key, value, mask=None):
    output, weights = _finish(query @ key.transpose(-2, -1), value, mask)
    return output / math.sqrt(query.shape[-1]), weights / math.sqrt(query.shape[-1])


def sdpa_over_queries(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-2)
    return weights @ value, weights


def sdpa_over_axis_0(query, key, value, mask=None):
    weights = (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).softmax(dim=0)
    return weights @ value, weights


def sdpa_over_all(query, key, value, mask=None):
    exponentials = torch.exp(query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]))
    weights = exponentials / exponentials.sum()
    return weights @ value, weights


def sdpa_without_softmax(query, key, value, mask=None):
    weights = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return weights @ value, weights


def sdpa_exponentials(query, key, value, mask=None):
    weights = (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).exp()
    return weights @ value, weights


def sdpa_returns_scores(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    return scores.softmax(-1) @ value, scores


def sdpa_other_order(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]), value, mask)[::-1]


def sdpa_output_alone(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]), value, mask)[0]


def sdpa_ignores_mask(query, key, value, mask=None):
    weights = (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).softmax(-1)
    return weights @ value, weights


def sdpa_mask_late(query, key, value, mask=None):
    weights = (query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])).softmax(-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ value, weights


def sdpa_mask_zero(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = torch.where(mask, scores, torch.zeros(()))
    weights = scores.softmax(-1)
    return weights @ value, weights


def sdpa_mask_times(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores * mask).softmax(-1)
    return weights @ value, weights


def sdpa_mask_times_infinity(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores + ~mask * -math.inf
    weights = scores.softmax(-1)
    return weights @ value, weights


def sdpa_if_mask(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return weights @ value, weights


def sdpa_mask_inverted(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask, float("-inf"))
    weights = scores.softmax(-1)
    return weights @ value, weights


def sdpa_mask_inverted_cleaned(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]), value, None if mask is None else ~mask)


def sdpa_mask_inverted_large(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(mask, -1e9)).softmax(-1)
    return weights @ value, weights


def sdpa_all_for_any(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if mask is None:
        weights = scores.softmax(-1)
    else:
        weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
        weights = torch.where(mask.all(-1, keepdim=True), weights, 0.0)
    return weights @ value, weights


def sdpa_mask_always(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = scores.masked_fill(~mask, -math.inf).softmax(-1)
    return weights @ value, weights


def sdpa_mask_added(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores + mask.float()).softmax(-1)
    return weights @ value, weights


def sdpa_mask_small(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -10.0)).softmax(-1)
    return weights @ value, weights


def sdpa_nan(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


def sdpa_nan_in_the_weights(query, key, value, mask=None):
    output, weights = sdpa_nan(query, key, value, mask)
    return output.nan_to_num(0.0), weights


def sdpa_large_negative(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax(-1)
    return weights @ value, weights


def sdpa_ones_on_empty(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1).nan_to_num(1.0)
    return weights @ value, weights


def sdpa_divides_the_output(query, key, value, mask=None):
    scores = query @ key.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(-1)
    return (weights @ value) / math.sqrt(query.shape[-1]), weights


def sdpa_mended_too_late(query, key, value, mask=None):
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(-1)
    output = weights @ value
    return output, weights.nan_to_num()


def sdpa_plain_transpose(query, key, value, mask=None):
    return _finish(query @ key.transpose(0, 1) / math.sqrt(query.shape[-1]), value, mask)


def sdpa_size_of_axis_1(query, key, value, mask=None):
    return _finish(query @ key.mT / math.sqrt(query.shape[1]), value, mask)


def sdpa_softmax_over_axis_1(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / math.sqrt(query.shape[-1]), dim=1)
    return weights @ value, weights


def sdpa_keys_as_values(query, key, value, mask=None):
    return _finish(query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1]), key, mask)


def sdpa_hard(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.nn.functional.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    return weights @ value, weights


# --- padding_mask -----------------------------------------------------------------------------------------------------


def padding_one_more(lengths, longest):
    return (torch.arange(longest) <= lengths[:, None]).unsqueeze(1)


def padding_one_less(lengths, longest):
    return (torch.arange(longest) + 1 < lengths[:, None]).unsqueeze(1)


def padding_inverted(lengths, longest):
    return (torch.arange(longest) >= lengths[:, None]).unsqueeze(1)


def padding_no_axis(lengths, longest):
    mask = torch.zeros(len(lengths), longest, dtype=torch.bool)
    for row, length in enumerate(lengths.tolist()):
        mask[row, :length] = True
    return mask


def padding_of_queries(lengths, longest):
    return (torch.arange(longest) < lengths[:, None])[:, :, None]


def padding_of_both(lengths, longest):
    words = torch.arange(longest) < lengths[:, None]
    return words[:, :, None] & words[:, None, :]


def padding_in_front(lengths, longest):
    return (torch.arange(longest) >= longest - lengths[:, None])[:, None]


def padding_numbers(lengths, longest):
    return (torch.arange(longest) < lengths[:, None])[:, None].long()


def padding_to_add(lengths, longest):
    hidden = torch.arange(longest) >= lengths[:, None]
    return torch.zeros(len(lengths), longest).masked_fill(hidden, -math.inf)[:, None]


def padding_axis_in_front(lengths, longest):
    return (torch.arange(longest) < lengths.unsqueeze(1)).unsqueeze(0)


def padding_row_against_row(lengths, longest):
    return (torch.arange(longest) < lengths)[:, None]


def padding_longest_ignored(lengths, longest):
    return (torch.arange(int(lengths.max())) < lengths[:, None])[:, None]


def padding_numpy_list(lengths, longest):
    return [np.arange(longest) < int(length) for length in lengths]


BANK = {
    "causal_mask": [
        Wrong("strictly below the diagonal", mask_strict, "cannot-see-itself"),
        Wrong("strictly below, by comparison", mask_strict_by_comparison, "cannot-see-itself"),
        Wrong("one above the diagonal", mask_one_more, "sees-the-next"),
        Wrong("rows and columns exchanged", mask_transposed, "sees-the-future"),
        Wrong("True means hidden", mask_inverted, "inverted"),
        Wrong("all True", mask_of_all, "nothing-hidden"),
        Wrong("only itself", mask_of_itself, "only-itself"),
        Wrong("all False", mask_of_nothing, "everything-hidden"),
        Wrong("0 and minus infinity", mask_to_add, "scores-not-booleans"),
        Wrong("the weights of the averages", mask_of_averages, "averages-not-booleans"),
        Wrong("ones and zeros", mask_of_numbers, "not-boolean"),
        Wrong("always six words", mask_fixed_length),
        Wrong("one row", mask_one_row),
        Wrong("the first word alone", mask_first_only),
    ],
    "scaled_dot_product_attention": [
        Wrong("no scaling", sdpa_unscaled, "not-scaled"),
        Wrong("no scaling, and NaN on an empty row", sdpa_unscaled_and_nan, "not-scaled"),
        Wrong("scaled by d", sdpa_by_d, "scaled-by-d"),
        Wrong("scaled by sqrt d_model", sdpa_by_d_model, "scaled-by-the-values-size"),
        Wrong("scaled by the paper's sqrt d_model", sdpa_by_fixed_d_model, "scaled-by-something-else"),
        Wrong("scaled by the root of 4 always", sdpa_by_the_examples_root, "root-of-the-example"),
        Wrong("scaled by the number of keys", sdpa_by_length, "scaled-by-a-length"),
        Wrong("scaled by the number of queries", sdpa_by_number_of_queries, "scaled-by-a-length"),
        Wrong("times the root", sdpa_times_root, "scaled-the-wrong-way"),
        Wrong("both divided by the root", sdpa_scaled_twice, "scaled-by-d"),
        Wrong("scaled after the softmax", sdpa_scaled_late, "scaled-after-softmax"),
        Wrong("the output divided", sdpa_divides_the_output, "output-divided"),
        Wrong("softmax over queries", sdpa_over_queries, "softmax-over-queries"),
        Wrong("softmax over axis 0", sdpa_over_axis_0, "softmax-over-queries"),
        Wrong("softmax over everything", sdpa_over_all, "softmax-over-everything"),
        Wrong("no softmax", sdpa_without_softmax, "no-softmax"),
        Wrong("exponentials, not divided", sdpa_exponentials, "exponentials-not-divided"),
        Wrong("scores returned", sdpa_returns_scores, "scores-returned"),
        Wrong("returned in the other order", sdpa_other_order, "returned-in-the-other-order"),
        Wrong("the output alone", sdpa_output_alone, "one-of-the-two"),
        Wrong("mask ignored", sdpa_ignores_mask, "mask-ignored"),
        Wrong("mask after softmax", sdpa_mask_late, "mask-after-softmax"),
        Wrong("mask with 0 instead of -inf", sdpa_mask_zero, "filled-with-zero"),
        Wrong("mask multiplied", sdpa_mask_times, "filled-with-zero"),
        Wrong("minus infinity times the mask", sdpa_mask_times_infinity, "zero-times-infinity"),
        Wrong("if mask", sdpa_if_mask),
        Wrong("mask inverted", sdpa_mask_inverted, "mask-inverted"),
        Wrong("mask inverted, zeros for NaN", sdpa_mask_inverted_cleaned, "mask-inverted"),
        Wrong("mask inverted, with -1e9", sdpa_mask_inverted_large, "mask-inverted"),
        Wrong("all for any", sdpa_all_for_any, "all-for-any"),
        Wrong("mask used when there is none", sdpa_mask_always),
        Wrong("mask added", sdpa_mask_added, "one-added"),
        Wrong("hidden scores of -10", sdpa_mask_small, "hidden-scores-small"),
        Wrong("NaN on a fully masked row", sdpa_nan, "nan-on-an-empty-row"),
        Wrong("NaN cleaned out of the output alone", sdpa_nan_in_the_weights, "nan-on-an-empty-row"),
        Wrong("-1e9 for minus infinity", sdpa_large_negative, "looks-at-everything-on-an-empty-row"),
        Wrong("ones on an empty row", sdpa_ones_on_empty, "ones-on-an-empty-row"),
        Wrong("NaN cleaned out of the weights alone", sdpa_mended_too_late, "zeros-too-late"),
        Wrong("the wrong two axes transposed", sdpa_plain_transpose, "batch-in-front"),
        Wrong("D read off axis 1", sdpa_size_of_axis_1, "batch-in-front"),
        Wrong("softmax over axis 1", sdpa_softmax_over_axis_1, "batch-in-front"),
        Wrong("keys taken for values", sdpa_keys_as_values),
        Wrong("the best key alone", sdpa_hard),
    ],
    "padding_mask": [
        Wrong("one place too many", padding_one_more, "one-too-many"),
        Wrong("one place too few", padding_one_less, "one-too-few"),
        Wrong("True means padding", padding_inverted, "inverted"),
        Wrong("no axis for queries", padding_no_axis, "axis-missing"),
        Wrong("queries masked", padding_of_queries, "queries-masked"),
        Wrong("queries masked too", padding_of_both, "queries-masked-too"),
        Wrong("padding in front", padding_in_front, "padding-in-front"),
        Wrong("ones and zeros", padding_numbers, "not-boolean"),
        Wrong("0 and minus infinity", padding_to_add, "scores-not-booleans"),
        Wrong("the axis in front", padding_axis_in_front, "axis-in-front"),
        Wrong("a row against a row", padding_row_against_row, "row-against-row"),
        Wrong("as wide as the longest in the batch", padding_longest_ignored),
        Wrong("a list without the axis", padding_numpy_list, "axis-missing"),
    ],
}
