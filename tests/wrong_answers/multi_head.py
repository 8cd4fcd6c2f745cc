"""Wrong answers to the exercises of lesson 11, written as a learner would write them."""

import math

import torch
import torch.nn.functional as F

from course_lib.attention import scaled_dot_product_attention
from tests.wrong_answers import Wrong

# --- multi_head -----------------------------------------------------------------------------------------------------


def split(x, H):
    return x.view(*x.shape[:2], H, -1).transpose(1, 2)


def join(x):
    return x.transpose(1, 2).flatten(2)


def heads_viewed_both_ways(query, key, value, num_heads, mask=None):
    B, T, D = query.shape
    q, k, v = (x.view(B, num_heads, -1, D // num_heads) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].view(B, T, D)


def heads_folded_into_the_batch(query, key, value, num_heads, mask=None):
    B, T, D = query.shape
    q, k, v = (x.reshape(B * num_heads, -1, D // num_heads) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].reshape(B, T, D)


def heads_viewed_in(query, key, value, num_heads, mask=None):
    B, T, D = query.shape
    q, k, v = (x.view(B, num_heads, -1, D // num_heads) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].transpose(1, 2).reshape(B, T, D)


def heads_viewed_out(query, key, value, num_heads, mask=None):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].reshape(query.shape)


def heads_interleaved(query, key, value, num_heads, mask=None):
    B, T, D = query.shape
    q, k, v = (x.view(B, -1, D // num_heads, num_heads).permute(0, 3, 1, 2) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].permute(0, 2, 3, 1).reshape(B, T, D)


def heads_interleaved_in(query, key, value, num_heads, mask=None):
    B, T, D = query.shape
    q, k, v = (x.view(B, -1, D // num_heads, num_heads).permute(0, 3, 1, 2) for x in (query, key, value))
    return join(scaled_dot_product_attention(q, k, v, mask)[0])


def heads_interleaved_out(query, key, value, num_heads, mask=None):
    outputs = [scaled_dot_product_attention(*(split(x, num_heads)[:, h] for x in (query, key, value)), mask)[0]
               for h in range(num_heads)]  # fmt: skip
    return torch.stack(outputs, dim=-1).flatten(2)


def heads_not_transposed(query, key, value, num_heads, mask=None):
    q, k, v = (x.view(*x.shape[:2], num_heads, -1) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].flatten(2)


def heads_not_transposed_torch(query, key, value, num_heads, mask=None):
    q, k, v = (x.view(*x.shape[:2], num_heads, -1) for x in (query, key, value))
    return F.scaled_dot_product_attention(q, k, v, mask).reshape(query.shape)


def heads_transposed_only_out(query, key, value, num_heads, mask=None):
    q, k, v = (x.view(*x.shape[:2], num_heads, -1) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].transpose(1, 2).reshape(query.shape)


def heads_one(query, key, value, num_heads, mask=None):
    return scaled_dot_product_attention(query, key, value, mask)[0]


def _own(query, key, value, num_heads, mask, root, axis=-1):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    scores = q @ k.transpose(-2, -1) / root
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    return join(scores.softmax(dim=axis) @ v)


def heads_scaled_by_all(query, key, value, num_heads, mask=None):
    return _own(query, key, value, num_heads, mask, math.sqrt(query.shape[-1]))


def heads_not_scaled(query, key, value, num_heads, mask=None):
    return _own(query, key, value, num_heads, mask, 1.0)


def heads_scaled_twice(query, key, value, num_heads, mask=None):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    return join(scaled_dot_product_attention(q / math.sqrt(q.shape[-1]), k, v, mask)[0])


def heads_softmax_over_heads(query, key, value, num_heads, mask=None):
    root = math.sqrt(query.shape[-1] // num_heads)
    return _own(query, key, value, num_heads, mask, root, axis=1)


def heads_softmax_over_queries(query, key, value, num_heads, mask=None):
    root = math.sqrt(query.shape[-1] // num_heads)
    return _own(query, key, value, num_heads, mask, root, axis=-2)


def heads_averaged(query, key, value, num_heads, mask=None):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].mean(dim=1)


def heads_summed(query, key, value, num_heads, mask=None):
    return heads_averaged(query, key, value, num_heads, mask) * num_heads


def heads_apart(query, key, value, num_heads, mask=None):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0]


def heads_behind_one_another(query, key, value, num_heads, mask=None):
    parts = zip(*(x.chunk(num_heads, dim=-1) for x in (query, key, value)))
    return torch.cat([scaled_dot_product_attention(q, k, v, mask)[0] for q, k, v in parts], dim=1)


def heads_without_mask(query, key, value, num_heads, mask=None):
    return join(scaled_dot_product_attention(*(split(x, num_heads) for x in (query, key, value)))[0])


def heads_mask_inverted(query, key, value, num_heads, mask=None):
    return heads_without_mask(query, key, value, num_heads) if mask is None else join(
        scaled_dot_product_attention(*(split(x, num_heads) for x in (query, key, value)), ~mask)[0]
    )  # fmt: skip


def heads_mask_afterwards(query, key, value, num_heads, mask=None):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    _, weights = scaled_dot_product_attention(q, k, v)
    return join((weights if mask is None else weights * mask) @ v)


def heads_pair(query, key, value, num_heads, mask=None):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    return join(output), weights


def heads_weights(query, key, value, num_heads, mask=None):
    q, k, v = (split(x, num_heads) for x in (query, key, value))
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    return weights


def heads_number_for_size(query, key, value, num_heads, mask=None):
    B, T, D = query.shape
    q, k, v = (x.view(B, -1, D // num_heads, num_heads).transpose(1, 2) for x in (query, key, value))
    return scaled_dot_product_attention(q, k, v, mask)[0].transpose(1, 2).reshape(B, T, D)


def heads_first_only(query, key, value, num_heads, mask=None):
    size = query.shape[-1] // num_heads
    first = scaled_dot_product_attention(query[..., :size], key[..., :size], value[..., :size], mask)[0]
    return first.repeat(1, 1, num_heads)


def heads_last_query_wins(query, key, value, num_heads, mask=None):
    output = heads_without_mask(query, key, value, num_heads)
    return output + value.mean(1, keepdim=True)


# --- cross_attention --------------------------------------------------------------------------------------------------


def _cross(x, memory, w_query, w_key, w_value, w_output, H, sides):
    q, k, v = sides[0] @ w_query, sides[1] @ w_key, sides[2] @ w_value
    return join(scaled_dot_product_attention(split(q, H), split(k, H), split(v, H))[0]) @ w_output


def cross_keys_from_x(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_query, w_key, w_value, w_output, num_heads, (x, x, memory))


def cross_keys_from_x_torch(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x @ w_query, x @ w_key, memory @ w_value))
    return join(F.scaled_dot_product_attention(q, k, v)) @ w_output


def cross_values_from_x(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_query, w_key, w_value, w_output, num_heads, (x, memory, x))


def cross_self(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_query, w_key, w_value, w_output, num_heads, (x, x, x))


def cross_memory_alone(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_query, w_key, w_value, w_output, num_heads, (memory, memory, memory))


def cross_exchanged(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_query, w_key, w_value, w_output, num_heads, (memory, x, x))


def cross_query_and_key_exchanged(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_key, w_query, w_value, w_output, num_heads, (x, memory, memory))


def cross_pair(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    output, weights = scaled_dot_product_attention(q, k, v)
    return join(output) @ w_output, weights


def cross_both(x, memory, w_query, w_key, w_value, w_output, num_heads):
    both = torch.cat([x, memory], dim=1)
    return _cross(x, memory, w_query, w_key, w_value, w_output, num_heads, (x, both, both))


def cross_matrices_exchanged(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_query, w_value, w_key, w_output, num_heads, (x, memory, memory))


def cross_one_matrix(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return _cross(x, memory, w_query, w_key, w_key, w_output, num_heads, (x, memory, memory))


def cross_without_output(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    return join(scaled_dot_product_attention(q, k, v)[0])


def cross_linear(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = F.linear(x, w_query), F.linear(memory, w_key), F.linear(memory, w_value)
    output = scaled_dot_product_attention(*(split(part, num_heads) for part in (q, k, v)))[0]
    return F.linear(join(output), w_output)


def cross_one_head(x, memory, w_query, w_key, w_value, w_output, num_heads):
    return scaled_dot_product_attention(x @ w_query, memory @ w_key, memory @ w_value)[0] @ w_output


def cross_viewed_both_ways(x, memory, w_query, w_key, w_value, w_output, num_heads):
    B, T, D = x.shape
    parts = (part.view(B, num_heads, -1, D // num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    return scaled_dot_product_attention(*parts)[0].view(B, T, D) @ w_output


def cross_viewed_in(x, memory, w_query, w_key, w_value, w_output, num_heads):
    B, T, D = x.shape
    parts = (part.view(B, num_heads, -1, D // num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    return join(scaled_dot_product_attention(*parts)[0]) @ w_output


def cross_viewed_out(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    return scaled_dot_product_attention(q, k, v)[0].reshape(x.shape) @ w_output


def cross_causal(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    return join(F.scaled_dot_product_attention(q, k, v, is_causal=True)) @ w_output


def cross_not_scaled(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    return join((q @ k.mT).softmax(-1) @ v) @ w_output


def cross_scaled_by_all(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    return join((q @ k.mT / x.shape[-1] ** 0.5).softmax(-1) @ v) @ w_output


def cross_query_unprojected(x, memory, w_query, w_key, w_value, w_output, num_heads):
    q, k, v = (split(part, num_heads) for part in (x, memory @ w_key, memory @ w_value))
    return join(scaled_dot_product_attention(q, k, v)[0]) @ w_output


# --- cached_step ------------------------------------------------------------------------------------------------------


def step_before_appending(x, keys, values, w_query, w_key, w_value):
    output, _ = scaled_dot_product_attention(x @ w_query, keys, values)
    return output, torch.cat([keys, x @ w_key], dim=1), torch.cat([values, x @ w_value], dim=1)


def step_replaced(x, keys, values, w_query, w_key, w_value):
    keys, values = x @ w_key, x @ w_value
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_old_cache(x, keys, values, w_query, w_key, w_value):
    all_keys, all_values = torch.cat([keys, x @ w_key], dim=1), torch.cat([values, x @ w_value], dim=1)
    return scaled_dot_product_attention(x @ w_query, all_keys, all_values)[0], keys, values


def step_only_new(x, keys, values, w_query, w_key, w_value):
    k, v = x @ w_key, x @ w_value
    all_keys, all_values = torch.cat([keys, k], dim=1), torch.cat([values, v], dim=1)
    return F.scaled_dot_product_attention(x @ w_query, all_keys, all_values), k, v


def step_in_front(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([x @ w_key, keys], dim=1), torch.cat([x @ w_value, values], dim=1)
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_inputs(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x], dim=1), torch.cat([values, x], dim=1)
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_query_cached(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_query], dim=1), torch.cat([values, x @ w_value], dim=1)
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_exchanged(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_value], dim=1), torch.cat([values, x @ w_key], dim=1)
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_values_forgotten(x, keys, values, w_query, w_key, w_value):
    keys = torch.cat([keys, x @ w_key], dim=1)
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_output_only(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key], dim=1), torch.cat([values, x @ w_value], dim=1)
    return scaled_dot_product_attention(x @ w_query, keys, values)[0]


def step_other_order(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key], dim=1), torch.cat([values, x @ w_value], dim=1)
    return keys, values, scaled_dot_product_attention(x @ w_query, keys, values)[0]


def step_pair(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key], dim=1), torch.cat([values, x @ w_value], dim=1)
    return scaled_dot_product_attention(x @ w_query, keys, values), keys, values


def step_not_scaled(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key], dim=1), torch.cat([values, x @ w_value], dim=1)
    return (x @ w_query @ keys.mT).softmax(-1) @ values, keys, values


def step_along_the_numbers(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key], dim=-1), torch.cat([values, x @ w_value], dim=-1)
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_multiplied_again(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x], dim=1) @ w_key, torch.cat([values, x], dim=1) @ w_value
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


def step_causal(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key], dim=1), torch.cat([values, x @ w_value], dim=1)
    return F.scaled_dot_product_attention(x @ w_query, keys, values, is_causal=True), keys, values


def step_along_the_batch(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key]), torch.cat([values, x @ w_value])
    return scaled_dot_product_attention(x @ w_query, keys, values)[0], keys, values


BANK = {
    "multi_head": [
        Wrong("viewed, in and out", heads_viewed_both_ways, "viewed-both-ways"),
        Wrong("folded into the batch", heads_folded_into_the_batch, "viewed-both-ways"),
        Wrong("viewed on the way in", heads_viewed_in, "viewed-on-the-way-in"),
        Wrong("viewed on the way out", heads_viewed_out, "viewed-on-the-way-out"),
        Wrong("interleaved, in and out", heads_interleaved, "heads-interleaved"),
        Wrong("interleaved on the way in", heads_interleaved_in, "heads-interleaved"),
        Wrong("interleaved on the way out", heads_interleaved_out, "heads-interleaved"),
        Wrong("nothing transposed", heads_not_transposed, "heads-attend-to-heads"),
        Wrong("nothing transposed, by torch", heads_not_transposed_torch, "heads-attend-to-heads"),
        Wrong("transposed only out", heads_transposed_only_out, "heads-attend-to-heads"),
        Wrong("one head", heads_one, "one-head"),
        Wrong("scaled by the root of D", heads_scaled_by_all, "scaled-by-all"),
        Wrong("not scaled", heads_not_scaled, "not-scaled"),
        Wrong("scaled twice", heads_scaled_twice, "scaled-twice"),
        Wrong("softmax over the heads", heads_softmax_over_heads, "softmax-over-heads"),
        Wrong("softmax over the queries", heads_softmax_over_queries, "softmax-over-queries"),
        Wrong("heads averaged", heads_averaged, "heads-averaged"),
        Wrong("heads summed", heads_summed, "heads-averaged"),
        Wrong("heads not joined", heads_apart, "heads-not-joined"),
        Wrong("heads behind one another", heads_behind_one_another, "stacked-along-positions"),
        Wrong("no mask", heads_without_mask, "mask-forgotten"),
        Wrong("mask inverted", heads_mask_inverted, "mask-inverted"),
        Wrong("mask after the softmax", heads_mask_afterwards, "mask-after-softmax"),
        Wrong("output and weights", heads_pair, "returned-the-pair"),
        Wrong("the weights", heads_weights, "returned-the-weights"),
        Wrong("number and size exchanged", heads_number_for_size, "number-and-size-exchanged"),
        Wrong("the first head again and again", heads_first_only),
        Wrong("a mean added", heads_last_query_wins),
    ],
    "cross_attention": [
        Wrong("keys from x", cross_keys_from_x, "keys-from-the-wrong-side"),
        Wrong("keys from x, by torch", cross_keys_from_x_torch, "keys-from-the-wrong-side"),
        Wrong("values from x", cross_values_from_x, "values-from-the-query"),
        Wrong("self attention", cross_self, "self-attention"),
        Wrong("the memory alone", cross_memory_alone, "memory-attends-to-itself"),
        Wrong("sides exchanged", cross_exchanged, "sides-exchanged"),
        Wrong("both sides", cross_both, "both-sides"),
        Wrong("w_key and w_value exchanged", cross_matrices_exchanged, "key-and-value-exchanged"),
        Wrong("w_query and w_key exchanged", cross_query_and_key_exchanged, "query-and-key-exchanged"),
        Wrong("output and weights", cross_pair, "returned-the-pair"),
        Wrong("one matrix for both", cross_one_matrix, "one-matrix-for-keys-and-values"),
        Wrong("no output matrix", cross_without_output, "output-forgotten"),
        Wrong("matrices transposed", cross_linear, "matrices-transposed"),
        Wrong("one head", cross_one_head, "one-head"),
        Wrong("viewed, in and out", cross_viewed_both_ways, "viewed-both-ways"),
        Wrong("viewed on the way in", cross_viewed_in, "viewed-on-the-way-in"),
        Wrong("viewed on the way out", cross_viewed_out, "viewed-on-the-way-out"),
        Wrong("causal", cross_causal, "causal"),
        Wrong("not scaled", cross_not_scaled, "not-scaled"),
        Wrong("scaled by the root of D", cross_scaled_by_all, "scaled-by-all"),
        Wrong("the query not multiplied", cross_query_unprojected),
    ],
    "cached_step": [
        Wrong("attends before it appends", step_before_appending, "attends-before-appending"),
        Wrong("the cache replaced", step_replaced, "cache-replaced"),
        Wrong("the old cache returned", step_old_cache, "old-cache-returned"),
        Wrong("only the new ones returned", step_only_new, "only-new-returned"),
        Wrong("in front", step_in_front, "appended-in-front"),
        Wrong("the inputs cached", step_inputs, "inputs-cached"),
        Wrong("the query cached", step_query_cached, "query-cached"),
        Wrong("key and value exchanged", step_exchanged, "key-and-value-exchanged"),
        Wrong("values forgotten", step_values_forgotten, "values-not-appended"),
        Wrong("only the output", step_output_only, "only-the-output"),
        Wrong("another order", step_other_order, "returned-in-another-order"),
        Wrong("the pair", step_pair, "pair-in-the-output"),
        Wrong("not scaled", step_not_scaled, "not-scaled"),
        Wrong("along the numbers", step_along_the_numbers),
        Wrong("the cache multiplied again", step_multiplied_again, "multiplied-again"),
        Wrong("causal", step_causal, "causal-from-the-first-place"),
        Wrong("along the batch", step_along_the_batch),
    ],
}
