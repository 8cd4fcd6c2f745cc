"""Wrong answers to the exercises of lesson 12, as learners write them, and the diagnosis each must get."""

import torch

from tests.wrong_answers import Wrong

# --- layer_norm ---------------------------------------------------------------------------------------------------


def norm_unbiased(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, keepdim=True) + eps) * weight + bias


def norm_of_std(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + eps) * weight + bias


def norm_of_std_alone(x, weight, bias, eps):
    return weight * (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True) + bias


def norm_eps_outside(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / ((centred**2).mean(-1, keepdim=True).sqrt() + eps) * weight + bias


def norm_no_eps(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred**2).mean(-1, keepdim=True).sqrt() * weight + bias


def norm_over_batch(x, weight, bias, eps):
    return (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + eps) * weight + bias


def norm_over_batch_unbiased(x, weight, bias, eps):
    return (x - x.mean(0)) / torch.sqrt(x.var(0) + eps) * weight + bias


def norm_as_batch_norm(x, weight, bias, eps):
    rows = x.reshape(-1, x.shape[-1]) if x.dim() > 1 else x
    return (x - rows.mean(0)) / torch.sqrt(rows.var(0, correction=0) + eps) * weight + bias


def norm_over_sequence(x, weight, bias, eps):
    mean, variance = x.mean(1, keepdim=True), x.var(1, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * weight + bias


def norm_over_positions(x, weight, bias, eps):
    mean, variance = x.mean(-2, keepdim=True), x.var(-2, correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(variance + eps) * weight + bias


def norm_over_everything(x, weight, bias, eps):
    return (x - x.mean()) / torch.sqrt(x.var(correction=0) + eps) * weight + bias


def norm_without_keepdim(x, weight, bias, eps):
    return (x - x.mean(-1)) / torch.sqrt(x.var(-1, correction=0) + eps) * weight + bias


def norm_by_variance(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps) * weight + bias


def norm_rms(x, weight, bias, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * weight + bias


def norm_not_centred(x, weight, bias, eps):
    return x / torch.sqrt(x.var(-1, correction=0, keepdim=True) + eps) * weight + bias


def norm_brackets(x, weight, bias, eps):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, correction=0, keepdim=True)
    return (x / torch.sqrt(variance + eps) - mean) * weight + bias


def norm_length_one(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred**2).sum(-1, keepdim=True) + eps) * weight + bias


def norm_not_squared(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt(centred.mean(-1, keepdim=True) + eps) * weight + bias


def norm_no_affine(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.var(-1, correction=0, keepdim=True) + eps)


def norm_no_bias(x, weight, bias, eps):
    return norm_no_affine(x, weight, bias, eps) * weight


def norm_no_weight(x, weight, bias, eps):
    return norm_no_affine(x, weight, bias, eps) + bias


def norm_bias_first(x, weight, bias, eps):
    return (norm_no_affine(x, weight, bias, eps) + bias) * weight


def norm_exchanged(x, weight, bias, eps):
    return norm_no_affine(x, weight, bias, eps) * bias + weight


def norm_own_eps(x, weight, bias, eps=1e-5):
    return norm_no_affine(x, weight, bias, 1e-5) * weight + bias


def norm_absolute(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.abs().mean(-1, keepdim=True) + eps) * weight + bias


def norm_min_max(x, weight, bias, eps):
    low, high = x.amin(-1, keepdim=True), x.amax(-1, keepdim=True)
    return (x - low) / (high - low + eps) * weight + bias


def norm_root_of_std(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / torch.sqrt(x.std(-1, keepdim=True) + eps) * weight + bias


def norm_std_without_keepdim(x, weight, bias, eps):
    return (x - x.mean(-1)) / (x.std(-1) + eps) * weight + bias


def norm_not_divided(x, weight, bias, eps):
    return weight * (x - x.mean(-1, keepdim=True)) + bias


def norm_no_brackets(x, weight, bias, eps):
    return x - x.mean(-1, keepdim=True) / torch.sqrt(x.var(-1, correction=0, keepdim=True) + eps) * weight + bias


def norm_squares_of_x(x, weight, bias, eps):
    return (x - x.mean(-1, keepdim=True)) / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) * weight + bias


def norm_by_length(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.norm(dim=-1, keepdim=True) + eps) * weight + bias


def norm_of_unit_length(x, weight, bias, eps):
    return torch.nn.functional.normalize(x - x.mean(-1, keepdim=True), dim=-1) * weight + bias


def norm_of_torch_itself(x, weight, bias, eps):
    return torch.nn.LayerNorm(x.shape[-1])(x)


def norm_in_place(x, weight, bias, eps):
    x -= x.mean(-1, keepdim=True)
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps) * weight + bias


# --- pre_norm_block -----------------------------------------------------------------------------------------------


def block_adds_normed(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x)
    x = x + attention(x)
    x = feed_forward_norm(x)
    return x + feed_forward(x)


def block_adds_normed_first(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x)
    x = x + attention(x)
    return x + feed_forward(feed_forward_norm(x))


def block_adds_normed_second(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(attention_norm(x))
    x = feed_forward_norm(x)
    return x + feed_forward(x)


def block_post(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x + attention(x))
    return feed_forward_norm(x + feed_forward(x))


def block_half_post(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return feed_forward_norm(x + feed_forward(x))


def block_pre_and_post(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = attention_norm(x + attention(attention_norm(x)))
    return feed_forward_norm(x + feed_forward(feed_forward_norm(x)))


def block_norms_changes(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention_norm(attention(x))
    return x + feed_forward_norm(feed_forward(x))


def block_without_norms(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(x)
    return x + feed_forward(x)


def block_one_norm_missing(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return x + feed_forward(x)


def block_without_residual(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return feed_forward(feed_forward_norm(attention(attention_norm(x))))


def block_half_residual(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return feed_forward(feed_forward_norm(x))


def block_side_by_side(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return x + attention(attention_norm(x)) + feed_forward(feed_forward_norm(x))


def block_old_stream(x, attention, feed_forward, attention_norm, feed_forward_norm):
    attended = x + attention(attention_norm(x))
    return x + feed_forward(feed_forward_norm(attended))


def block_adds_again(x, attention, feed_forward, attention_norm, feed_forward_norm):
    h = x + attention(attention_norm(x))
    return x + h + feed_forward(feed_forward_norm(h))


def block_norms_exchanged(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(feed_forward_norm(x))
    return x + feed_forward(attention_norm(x))


def block_one_norm_twice(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + attention(attention_norm(x))
    return x + feed_forward(attention_norm(x))


def block_network_first(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x = x + feed_forward(feed_forward_norm(x))
    return x + attention(attention_norm(x))


def block_attention_alone(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return x + attention(attention_norm(x))


def block_changes_alone(x, attention, feed_forward, attention_norm, feed_forward_norm):
    attended = attention(attention_norm(x))
    return attended + feed_forward(feed_forward_norm(x + attended))


def block_network_of_the_change(x, attention, feed_forward, attention_norm, feed_forward_norm):
    attended = attention(attention_norm(x))
    return x + attended + feed_forward(feed_forward_norm(attended))


def block_one_residual(x, attention, feed_forward, attention_norm, feed_forward_norm):
    return x + feed_forward(feed_forward_norm(attention(attention_norm(x))))


def block_one_reading(x, attention, feed_forward, attention_norm, feed_forward_norm):
    normed = attention_norm(x)
    x = x + attention(normed)
    return x + feed_forward(normed)


def block_in_place(x, attention, feed_forward, attention_norm, feed_forward_norm):
    x += attention(attention_norm(x))
    x += feed_forward(feed_forward_norm(x))
    return x


# --- block_parameters ---------------------------------------------------------------------------------------------


def count(d_model, d_ff, num_heads):
    return 4 * (d_model**2 + d_model) + 2 * d_model * d_ff + d_ff + d_model + 4 * d_model


def count_each_head(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) + (num_heads - 1) * 4 * (d_model**2 + d_model)


def count_each_head_one_output(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) + (num_heads - 1) * 3 * (d_model**2 + d_model)


def count_one_head(d_model, d_ff, num_heads):
    size = d_model // num_heads
    return count(d_model, d_ff, num_heads) - 3 * (d_model + 1) * (d_model - size)


def count_without_biases(d_model, d_ff, num_heads):
    return 4 * d_model**2 + 2 * d_model * d_ff + 4 * d_model


def count_matrices(d_model, d_ff, num_heads):
    return 4 * d_model**2 + 2 * d_model * d_ff


def count_attention_without_biases(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) - 4 * d_model


def count_three_projections(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) - d_model**2 - d_model


def count_without_norms(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) - 4 * d_model


def count_one_norm(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) - 2 * d_model


def count_one_matrix(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) - d_model * d_ff


def count_d_ff_fixed(d_model, d_ff, num_heads):
    return count(d_model, 4 * d_model, num_heads)


def count_square_network(d_model, d_ff, num_heads):
    return count(d_model, d_model, num_heads)


def count_network_biases_alike(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) - d_model + d_ff


def count_network_without_biases(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) - d_model - d_ff


def count_one_bias_a_matrix(d_model, d_ff, num_heads):
    return 4 * (d_model**2 + 1) + 2 * (d_model * d_ff + 1) + 4 * d_model


def count_with_extra_norm(d_model, d_ff, num_heads):
    return count(d_model, d_ff, num_heads) + 2 * d_model


BANK = {
    "layer_norm": [
        Wrong("unbiased variance", norm_unbiased, "unbiased-variance"),
        Wrong("std plus eps", norm_of_std, "unbiased-variance"),
        Wrong("std alone", norm_of_std_alone, "unbiased-variance"),
        Wrong("eps outside the root", norm_eps_outside, "eps-outside-the-root"),
        Wrong("no eps", norm_no_eps, "eps-forgotten"),
        Wrong("over the batch", norm_over_batch, "over-the-batch"),
        Wrong("over the batch, unbiased", norm_over_batch_unbiased, "over-the-batch"),
        Wrong("as in batch norm", norm_as_batch_norm, "over-the-batch"),
        Wrong("over the sequence", norm_over_sequence, "over-the-sequence"),
        Wrong("over the positions", norm_over_positions, "over-the-sequence"),
        Wrong("over everything", norm_over_everything, "over-everything"),
        Wrong("no keepdim", norm_without_keepdim, "keepdim-forgotten"),
        Wrong("divided by the variance", norm_by_variance, "root-forgotten"),
        Wrong("RMSNorm", norm_rms, "mean-not-subtracted"),
        Wrong("not centred", norm_not_centred, "mean-not-subtracted"),
        Wrong("brackets in the wrong place", norm_brackets, "mean-subtracted-last"),
        Wrong("length 1", norm_length_one, "summed-not-averaged"),
        Wrong("deviations not squared", norm_not_squared, "not-squared"),
        Wrong("no weight, no bias", norm_no_affine, "weight-and-bias-forgotten"),
        Wrong("no bias", norm_no_bias, "weight-and-bias-forgotten"),
        Wrong("no weight", norm_no_weight, "weight-and-bias-forgotten"),
        Wrong("bias before weight", norm_bias_first, "bias-before-weight"),
        Wrong("weight and bias exchanged", norm_exchanged, "weight-and-bias-exchanged"),
        Wrong("its own eps", norm_own_eps, "eps-fixed"),
        Wrong("absolute deviations", norm_absolute),
        Wrong("from 0 to 1", norm_min_max),
        Wrong("root of the std", norm_root_of_std, "root-of-the-std"),
        Wrong("std without keepdim", norm_std_without_keepdim, "keepdim-forgotten"),
        Wrong("centred alone", norm_not_divided, "division-forgotten"),
        Wrong("no brackets", norm_no_brackets, "brackets-forgotten"),
        Wrong("squares of x", norm_squares_of_x, "squares-of-x"),
        Wrong("divided by the length", norm_by_length, "summed-not-averaged"),
        Wrong("torch's normalize", norm_of_unit_length, "summed-not-averaged"),
        Wrong("torch's LayerNorm with numbers of its own", norm_of_torch_itself, "weight-and-bias-forgotten"),
        Wrong("in place", norm_in_place),
    ],
    "pre_norm_block": [
        Wrong("adds the normed input", block_adds_normed, "adds-the-normed-input"),
        Wrong("adds the normed input at first", block_adds_normed_first, "adds-the-normed-input"),
        Wrong("adds the normed input at last", block_adds_normed_second, "adds-the-normed-input"),
        Wrong("norm after the sum", block_post, "norm-after-the-sum"),
        Wrong("one norm after the sum", block_half_post, "norm-after-the-sum"),
        Wrong("norm before and after", block_pre_and_post, "norm-after-the-sum"),
        Wrong("norms what is written", block_norms_changes, "norms-what-is-written"),
        Wrong("no norms", block_without_norms, "norm-forgotten"),
        Wrong("one norm missing", block_one_norm_missing, "norm-forgotten"),
        Wrong("no residual", block_without_residual, "residual-forgotten"),
        Wrong("one residual missing", block_half_residual, "residual-forgotten"),
        Wrong("side by side", block_side_by_side, "side-by-side"),
        Wrong("added to the old stream", block_old_stream, "attention-left-behind"),
        Wrong("x added again", block_adds_again, "added-twice"),
        Wrong("norms exchanged", block_norms_exchanged, "norms-exchanged"),
        Wrong("one norm twice", block_one_norm_twice, "one-norm-twice"),
        Wrong("network first", block_network_first, "feed-forward-first"),
        Wrong("attention alone", block_attention_alone, "one-sublayer"),
        Wrong("the changes alone", block_changes_alone, "changes-not-added"),
        Wrong("the network reads the change alone", block_network_of_the_change, "network-reads-the-change"),
        Wrong("one residual around both", block_one_residual, "one-residual-around-both"),
        Wrong("both read the first norm", block_one_reading, "side-by-side"),
        Wrong("in place", block_in_place),
    ],
    "block_parameters": [
        Wrong("projections for each head", count_each_head, "heads-multiply"),
        Wrong("projections for each head, one output", count_each_head_one_output, "heads-multiply"),
        Wrong("one head", count_one_head, "one-head-counted"),
        Wrong("no biases", count_without_biases, "biases-forgotten"),
        Wrong("matrices alone", count_matrices, "biases-and-norms-forgotten"),
        Wrong("attention without biases", count_attention_without_biases, "norms-forgotten"),
        Wrong("three projections", count_three_projections, "output-projection-forgotten"),
        Wrong("no norms", count_without_norms, "norms-forgotten"),
        Wrong("one norm", count_one_norm, "norms-forgotten"),
        Wrong("one matrix in the network", count_one_matrix, "one-network-matrix"),
        Wrong("d_ff fixed", count_d_ff_fixed, "d_ff-fixed"),
        Wrong("a square network", count_square_network, "network-square"),
        Wrong("network biases of one size", count_network_biases_alike, "network-biases"),
        Wrong("no network biases", count_network_without_biases, "network-biases"),
        Wrong("one bias a matrix", count_one_bias_a_matrix, "one-bias-a-matrix"),
        Wrong("a third norm", count_with_extra_norm),
    ],
}
