"""Wrong answers to the exercises of lesson 09, as learners write them, and the diagnosis each must get."""

import math

import torch
import torch.nn.functional as F

from tests.wrong_answers import Wrong

# --- perplexity ---------------------------------------------------------------------------------------------------


def perplexity_base_two(log_probs, mask):
    return float(2 ** (-log_probs[mask].mean()))


def perplexity_bits_and_e(log_probs, mask):
    return math.exp(-(log_probs[mask] / math.log(2)).mean())


def perplexity_of_padding_too(log_probs, mask):
    return torch.exp(-log_probs.mean()).item()


def perplexity_padding_zeroed(log_probs, mask):
    return torch.exp(-(log_probs * mask.float()).mean()).item()


def perplexity_divided_by_places(log_probs, mask):
    return math.exp(-log_probs[mask].sum() / log_probs.numel())


def perplexity_mask_inverted(log_probs, mask):
    return torch.exp(-log_probs.masked_fill(mask, 0).sum() / (~mask).sum()).item()


def perplexity_is_the_loss(log_probs, mask):
    return -log_probs[mask].mean()


def perplexity_without_sign(log_probs, mask):
    return log_probs[mask].mean().exp()


def perplexity_summed(log_probs, mask):
    return torch.exp(-(log_probs[mask]).sum())


def perplexity_exp_first(log_probs, mask):
    return (1 / log_probs[mask].exp()).mean()


def perplexity_mean_probability(log_probs, mask):
    return 1 / torch.exp(log_probs[mask]).mean()


def perplexity_row_means(log_probs, mask):
    rows = [row[keep].mean() for row, keep in zip(log_probs, mask)]
    return torch.exp(-torch.stack(rows).mean())


def perplexity_mean_of_rows(log_probs, mask):
    return sum(torch.exp(-row[keep].mean()) for row, keep in zip(log_probs, mask)) / len(mask)


def perplexity_each_row(log_probs, mask):
    return [float(torch.exp(-row[keep].mean())) for row, keep in zip(log_probs, mask)]


def perplexity_first_row(log_probs, mask):
    return torch.exp(-log_probs[0][mask[0]].mean())


def perplexity_median(log_probs, mask):
    return torch.exp(-log_probs[mask].median())


def perplexity_padding_in_the_sum(log_probs, mask):
    return torch.exp(-log_probs.sum() / mask.sum())


def perplexity_divided_by_rows(log_probs, mask):
    return torch.exp(-(log_probs * mask).sum() / log_probs.shape[0])


def perplexity_minus_outside(log_probs, mask):
    return -log_probs[mask].mean().exp()


# --- lstm_cell ----------------------------------------------------------------------------------------------------


def gates_of(x, h, weight_ih, weight_hh, bias):
    return (F.linear(x, weight_ih, bias) + F.linear(h, weight_hh)).chunk(4, dim=1)


def lstm_order_fiog(x, h, c, weight_ih, weight_hh, bias):
    f, i, o, g = gates_of(x, h, weight_ih, weight_hh, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_order_ifog(x, h, c, weight_ih, weight_hh, bias):
    i, f, o, g = gates_of(x, h, weight_ih, weight_hh, bias)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_roles_exchanged(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = torch.sigmoid(i) * c + torch.sigmoid(f) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_forget_bias_each_step(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = torch.sigmoid(f + 1.0) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_without_bias(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, torch.zeros_like(bias))
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_bias_twice(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = (F.linear(x, weight_ih, bias) + F.linear(h, weight_hh, bias)).chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def lstm_no_tanh_out(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


def lstm_no_tanh_in(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g
    return o.sigmoid() * c.tanh(), c


def lstm_no_tanh(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g
    return o.sigmoid() * c, c


def lstm_all_sigmoid(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = (part.sigmoid() for part in gates_of(x, h, weight_ih, weight_hh, bias))
    c = f * c + i * g
    return o * c.tanh(), c


def lstm_shown_by_sigmoid(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.sigmoid(), c


def lstm_all_tanh(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = (part.tanh() for part in gates_of(x, h, weight_ih, weight_hh, bias))
    c = f * c + i * g
    return o * c.tanh(), c


def lstm_raw_gates(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f * c + i * g.tanh()
    return o * c.tanh(), c


def lstm_shows_old_memory(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    return o.sigmoid() * c.tanh(), f.sigmoid() * c + i.sigmoid() * g.tanh()


def lstm_keeps_nothing(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_of_1997(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_coupled(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    f = f.sigmoid()
    c = f * c + (1 - f) * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_ignores_the_state(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = F.linear(x, weight_ih, bias).chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_gates_read_memory(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, c, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_other_order_back(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c, o.sigmoid() * c.tanh()


def lstm_state_alone(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    return o.sigmoid() * (f.sigmoid() * c + i.sigmoid() * g.tanh()).tanh()


def lstm_not_transposed(x, h, c, weight_ih, weight_hh, bias):
    return x @ weight_ih + h @ weight_hh + bias, c


def lstm_chunks_of_the_batch(x, h, c, weight_ih, weight_hh, bias):
    z = F.linear(x, weight_ih, bias) + F.linear(h, weight_hh)
    i, f, g, o = z.reshape(len(x), -1, 4).unbind(2)  # every fourth number instead of blocks
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_returns_old_memory(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    new = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * new.tanh(), c


def lstm_squashes_memory(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = (f.sigmoid() * c + i.sigmoid() * g.tanh()).tanh()
    return o.sigmoid() * c, c


def lstm_no_output_gate(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return c.tanh(), c


def lstm_no_input_gate(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_forgets_by_f(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = (1 - f.sigmoid()) * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_keeps_the_state(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * h + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_state_twice(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    h = o.sigmoid() * (f.sigmoid() * c + i.sigmoid() * g.tanh()).tanh()
    return h, h


def lstm_takes_memory_for_state(x, c, h, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def lstm_sigmoid_of_the_product(x, h, c, weight_ih, weight_hh, bias):
    i, f, g, o = gates_of(x, h, weight_ih, weight_hh, bias)
    c = torch.sigmoid(f * c) + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


# --- additive_attention -------------------------------------------------------------------------------------------


def scores_of(queries, keys, W, U, v):
    return torch.tanh((queries @ W.T)[:, None, :] + (keys @ U.T)[None, :, :]) @ v


def attend_over_queries(queries, keys, W, U, v):
    weights = torch.softmax(scores_of(queries, keys, W, U, v), dim=0)
    return weights @ keys, weights


def attend_over_all(queries, keys, W, U, v):
    scores = scores_of(queries, keys, W, U, v)
    weights = scores.exp() / scores.exp().sum()
    return weights @ keys, weights


def attend_with_scores(queries, keys, W, U, v):
    scores = scores_of(queries, keys, W, U, v)
    return scores @ keys, scores


def attend_by_sum(queries, keys, W, U, v):
    scores = scores_of(queries, keys, W, U, v)
    weights = scores / scores.sum(1, keepdim=True)
    return weights @ keys, weights


def attend_hard(queries, keys, W, U, v):
    best = scores_of(queries, keys, W, U, v).argmax(1)
    return keys[best], F.one_hot(best, len(keys)).float()


def attend_without_tanh(queries, keys, W, U, v):
    weights = (((queries @ W.T)[:, None] + keys @ U.T) @ v).softmax(1)
    return weights @ keys, weights


def attend_tanh_last(queries, keys, W, U, v):
    weights = (((queries @ W.T)[:, None] + keys @ U.T) @ v).tanh().softmax(1)
    return weights @ keys, weights


def attend_two_tanh(queries, keys, W, U, v):
    weights = (((queries @ W.T).tanh()[:, None] + (keys @ U.T).tanh()) @ v).softmax(1)
    return weights @ keys, weights


def attend_ignores_the_query(queries, keys, W, U, v):
    weights = (torch.tanh(keys @ U.T) @ v).softmax(0).repeat(len(queries), 1)
    return weights @ keys, weights


def attend_multiplies(queries, keys, W, U, v):
    weights = torch.softmax((queries @ W.T) @ (keys @ U.T).T, dim=1)
    return weights @ keys, weights


def attend_without_v(queries, keys, W, U, v):
    weights = torch.tanh((queries @ W.T)[:, None] + keys @ U.T).sum(-1).softmax(1)
    return weights @ keys, weights


def attend_mixes_projections(queries, keys, W, U, v):
    weights = scores_of(queries, keys, W, U, v).softmax(1)
    return weights @ (keys @ U.T), weights


def attend_plain_mean(queries, keys, W, U, v):
    weights = scores_of(queries, keys, W, U, v).softmax(1)
    return keys.mean(dim=0, keepdim=True).repeat(len(queries), 1), weights


def attend_returned_crosswise(queries, keys, W, U, v):
    weights = scores_of(queries, keys, W, U, v).softmax(1)
    return weights, weights @ keys


def attend_contexts_alone(queries, keys, W, U, v):
    return scores_of(queries, keys, W, U, v).softmax(1) @ keys


def attend_swaps_projections(queries, keys, W, U, v):
    weights = torch.tanh((queries @ U.T)[:, None] + keys @ W.T) @ v
    return weights.softmax(1) @ keys, weights


def attend_scaled(queries, keys, W, U, v):
    weights = (scores_of(queries, keys, W, U, v) / len(v) ** 0.5).softmax(1)
    return weights @ keys, weights


def attend_exp_alone(queries, keys, W, U, v):
    weights = scores_of(queries, keys, W, U, v).exp()
    return weights @ keys, weights


def attend_returns_scores(queries, keys, W, U, v):
    scores = scores_of(queries, keys, W, U, v)
    return scores.softmax(1) @ keys, scores


def attend_by_sigmoid(queries, keys, W, U, v):
    weights = torch.sigmoid(scores_of(queries, keys, W, U, v))
    return weights @ keys, weights


def attend_a_row_for_each_key(queries, keys, W, U, v):
    weights = scores_of(queries, keys, W, U, v).T.softmax(0)
    return weights.T @ keys, weights


def attend_sigmoid_inside(queries, keys, W, U, v):
    weights = (torch.sigmoid((queries @ W.T)[:, None] + keys @ U.T) @ v).softmax(1)
    return weights @ keys, weights


BANK = {
    "perplexity": [
        Wrong("base 2 of natural logarithms", perplexity_base_two, "other-base"),
        Wrong("bits taken back by e", perplexity_bits_and_e, "other-base"),
        Wrong("mean over padding", perplexity_of_padding_too, "mean-over-padding"),
        Wrong("padding zeroed and counted", perplexity_padding_zeroed, "mean-over-padding"),
        Wrong("divided by all places", perplexity_divided_by_places, "mean-over-padding"),
        Wrong("mask inverted", perplexity_mask_inverted, "mask-inverted"),
        Wrong("the loss itself", perplexity_is_the_loss, "exp-forgotten"),
        Wrong("no minus", perplexity_without_sign, "sign-forgotten"),
        Wrong("sum for mean", perplexity_summed, "summed"),
        Wrong("exp before the mean", perplexity_exp_first, "exp-before-the-mean"),
        Wrong("mean probability", perplexity_mean_probability, "mean-of-probabilities"),
        Wrong("mean of the rows' means", perplexity_row_means, "mean-of-means"),
        Wrong("mean of the rows' perplexities", perplexity_mean_of_rows, "mean-of-means"),
        Wrong("one a row", perplexity_each_row, "one-a-row"),
        Wrong("padding in the sum", perplexity_padding_in_the_sum, "padding-in-the-sum"),
        Wrong("minus outside", perplexity_minus_outside, "minus-outside"),
        Wrong("divided by the rows", perplexity_divided_by_rows, "divided-by-rows"),
        Wrong("the first row alone", perplexity_first_row),
        Wrong("median", perplexity_median),
    ],
    "lstm_cell": [
        Wrong("order f, i, o, g", lstm_order_fiog, "gate-order"),
        Wrong("order i, f, o, g", lstm_order_ifog, "gate-order"),
        Wrong("input and forget gate exchanged", lstm_roles_exchanged, "gate-order"),
        Wrong("forget bias in every step", lstm_forget_bias_each_step, "forget-bias-added"),
        Wrong("no bias", lstm_without_bias, "bias-forgotten"),
        Wrong("bias twice", lstm_bias_twice, "bias-twice"),
        Wrong("no tanh on the memory shown", lstm_no_tanh_out, "tanh-missing"),
        Wrong("no tanh on the new content", lstm_no_tanh_in, "tanh-missing"),
        Wrong("no tanh at all", lstm_no_tanh, "tanh-missing"),
        Wrong("sigmoid on all four", lstm_all_sigmoid, "sigmoid-for-tanh"),
        Wrong("shown through a sigmoid", lstm_shown_by_sigmoid, "sigmoid-for-tanh"),
        Wrong("tanh on all four", lstm_all_tanh, "tanh-for-sigmoid"),
        Wrong("gates as they are", lstm_raw_gates, "gates-not-squashed"),
        Wrong("the old memory shown", lstm_shows_old_memory, "old-memory-shown"),
        Wrong("nothing kept", lstm_keeps_nothing, "memory-not-kept"),
        Wrong("no forget gate", lstm_of_1997, "forget-gate-left-out"),
        Wrong("gates coupled", lstm_coupled, "gates-coupled"),
        Wrong("state ignored", lstm_ignores_the_state, "state-ignored"),
        Wrong("gates read the memory", lstm_gates_read_memory, "memory-in-the-gates"),
        Wrong("returned in the other order", lstm_other_order_back, "returned-in-the-other-order"),
        Wrong("the state alone", lstm_state_alone, "only-the-state"),
        Wrong("the old memory returned", lstm_returns_old_memory, "old-memory-returned"),
        Wrong("memory through tanh", lstm_squashes_memory, "memory-squashed"),
        Wrong("no output gate", lstm_no_output_gate, "output-gate-left-out"),
        Wrong("no input gate", lstm_no_input_gate, "input-gate-left-out"),
        Wrong("forgets what f says", lstm_forgets_by_f, "forget-gate-inverted"),
        Wrong("keeps the state", lstm_keeps_the_state, "state-for-memory"),
        Wrong("the state twice", lstm_state_twice, "state-twice"),
        Wrong("c and h exchanged", lstm_takes_memory_for_state, "state-and-memory-exchanged"),
        Wrong("sigmoid of f * c", lstm_sigmoid_of_the_product, "sigmoid-of-the-product"),
        Wrong("weights not transposed", lstm_not_transposed),
        Wrong("every fourth number", lstm_chunks_of_the_batch),
    ],
    "additive_attention": [
        Wrong("softmax over the queries", attend_over_queries, "softmax-over-queries"),
        Wrong("softmax over all", attend_over_all, "softmax-over-all"),
        Wrong("no softmax", attend_with_scores, "softmax-missing"),
        Wrong("divided by the sum", attend_by_sum, "divided-by-the-sum"),
        Wrong("the best key alone", attend_hard, "hardest-key-alone"),
        Wrong("no tanh", attend_without_tanh, "tanh-missing"),
        Wrong("tanh of the score", attend_tanh_last, "tanh-after-v"),
        Wrong("tanh of each part", attend_two_tanh, "query-without-effect"),
        Wrong("query ignored", attend_ignores_the_query, "query-without-effect"),
        Wrong("multiplied", attend_multiplies, "multiplied"),
        Wrong("no v", attend_without_v, "v-forgotten"),
        Wrong("mixes U k", attend_mixes_projections, "mean-of-projected-keys"),
        Wrong("plain mean", attend_plain_mean, "plain-mean"),
        Wrong("returned crosswise", attend_returned_crosswise, "returned-in-the-other-order"),
        Wrong("contexts alone", attend_contexts_alone, "only-the-contexts"),
        Wrong("exp, not divided", attend_exp_alone, "softmax-missing"),
        Wrong("scores returned", attend_returns_scores, "scores-returned"),
        Wrong("sigmoid for softmax", attend_by_sigmoid, "sigmoid-for-softmax"),
        Wrong("a row for each key", attend_a_row_for_each_key, "weights-transposed"),
        Wrong("sigmoid for tanh", attend_sigmoid_inside, "sigmoid-for-tanh"),
        Wrong("W and U exchanged", attend_swaps_projections),
        Wrong("scaled", attend_scaled),
    ],
}
