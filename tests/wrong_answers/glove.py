"""Wrong answers to the exercises of lesson 04, as learners write them, and the diagnosis each must get."""
import numpy as np
import torch

from course_lib import glove
from tests.wrong_answers import Wrong

# --- weight -------------------------------------------------------------------------------------------------------


def weight_uncapped(counts, x_max, alpha):
    return (counts / x_max) ** alpha


def weight_without_exponent(counts, x_max, alpha):
    return torch.minimum(torch.ones_like(counts), counts / x_max)


def weight_alpha_times(counts, x_max, alpha):
    return (alpha * (counts / x_max)).clamp(max=1.0)


def weight_power_of_the_count(counts, x_max, alpha):
    return torch.clamp(counts**alpha / x_max, max=1)


def weight_power_of_x_max(counts, x_max, alpha):
    return torch.clamp(counts / x_max**alpha, max=1)


def weight_cut_off_not_divided(counts, x_max, alpha):
    return torch.clamp(counts, max=x_max) ** alpha


def weight_drops_frequent(counts, x_max, alpha):
    return torch.where(counts > x_max, torch.zeros_like(counts), (counts / x_max) ** alpha)


def weight_keeps_large_counts(counts, x_max, alpha):
    return torch.where(counts < x_max, (counts / x_max) ** alpha, counts)


def weight_step(counts, x_max, alpha):
    return torch.where(counts >= x_max, 1.0, 0.0)


def weight_all_alike(counts, x_max, alpha):
    return torch.where(counts > 0, 1.0, 0.0)


def weight_of_the_largest(counts, x_max, alpha):
    return (counts / counts.max()) ** alpha


def weight_capped_from_below(counts, x_max, alpha):
    return torch.clamp(counts / x_max, min=1) ** alpha


def weight_upside_down(counts, x_max, alpha):
    return (x_max / counts).clamp(max=1) ** alpha


def weight_rounded_down(counts, x_max, alpha):
    return (counts // x_max).clamp(max=1) ** alpha


def weight_of_logarithms(counts, x_max, alpha):
    return (torch.log1p(counts) / np.log1p(x_max)).clamp(max=1) ** alpha


# --- glove_loss ---------------------------------------------------------------------------------------------------


def scores(w, w_context, b, b_context):
    return w @ w_context.T + b[:, None] + b_context


def loss_of_zeros(w, w_context, b, b_context, X, x_max, alpha):
    return (glove.weight(X, x_max, alpha) * (scores(w, w_context, b, b_context) - torch.log(X)) ** 2).sum()


def loss_zeros_as_ones(w, w_context, b, b_context, X, x_max, alpha):
    X = torch.clamp(X, min=1.0)
    return (glove.weight(X, x_max, alpha) * (scores(w, w_context, b, b_context) - X.log()) ** 2).sum()


def loss_zeros_nearly(w, w_context, b, b_context, X, x_max, alpha):
    X = X + 1e-6
    return (glove.weight(X, x_max, alpha) * (scores(w, w_context, b, b_context) - X.log()) ** 2).sum()


def loss_zeros_weigh_one(w, w_context, b, b_context, X, x_max, alpha):
    f = torch.where(X > 0, glove.weight(X, x_max, alpha), torch.ones_like(X))
    log = torch.where(X > 0, X, torch.ones_like(X)).log()
    return (f * (scores(w, w_context, b, b_context) - log) ** 2).sum()


def loss_log1p(w, w_context, b, b_context, X, x_max, alpha):
    return (glove.weight(X, x_max, alpha) * (scores(w, w_context, b, b_context) - torch.log1p(X)) ** 2).sum()


def loss_one_added(w, w_context, b, b_context, X, x_max, alpha):
    return loss_of_zeros(w, w_context, b, b_context, X + 1, x_max, alpha)


def loss_log1p_unweighted(w, w_context, b, b_context, X, x_max, alpha):
    return ((scores(w, w_context, b, b_context) - torch.log1p(X)) ** 2).sum()


def _masked(S, X, x_max, alpha):
    met = X > 0
    return (glove.weight(X[met], x_max, alpha) * (S[met] - X[met].log()) ** 2).sum()


def loss_without_biases(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(w @ w_context.T, X, x_max, alpha)


def loss_one_bias(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(w @ w_context.T + b[:, None], X, x_max, alpha)


def loss_other_bias(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(w @ w_context.T + b_context, X, x_max, alpha)


def loss_biases_cross(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(w @ w_context.T + b + b_context[:, None], X, x_max, alpha)


def loss_biases_on_columns(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(w @ w_context.T + b + b_context, X, x_max, alpha)


def loss_transposed(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(w_context @ w.T + b[:, None] + b_context, X, x_max, alpha)


def loss_one_table(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(w @ w.T + b[:, None] + b_context, X, x_max, alpha)


def loss_diagonal(w, w_context, b, b_context, X, x_max, alpha):
    return _masked((w * w_context).sum(1) + b[:, None] + b_context, X, x_max, alpha)


def loss_unweighted(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    return ((scores(w, w_context, b, b_context)[met] - X[met].log()) ** 2).sum()


def loss_weight_squared(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    return ((glove.weight(X[met], x_max, alpha) * (scores(w, w_context, b, b_context)[met] - X[met].log())) ** 2).sum()


def loss_not_squared(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    return (glove.weight(X[met], x_max, alpha) * (scores(w, w_context, b, b_context)[met] - X[met].log()).abs()).sum()


def loss_of_counts(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    return (glove.weight(X[met], x_max, alpha) * (scores(w, w_context, b, b_context)[met] - X[met]) ** 2).sum()


def loss_log10(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    return (glove.weight(X[met], x_max, alpha) * (scores(w, w_context, b, b_context)[met] - X[met].log10()) ** 2).sum()


def loss_mean(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    return (glove.weight(X[met], x_max, alpha) * (scores(w, w_context, b, b_context)[met] - X[met].log()) ** 2).mean()


def loss_half(w, w_context, b, b_context, X, x_max, alpha):
    return 0.5 * _masked(scores(w, w_context, b, b_context), X, x_max, alpha)


def loss_not_summed(w, w_context, b, b_context, X, x_max, alpha):
    met = X > 0
    return glove.weight(X[met], x_max, alpha) * (scores(w, w_context, b, b_context)[met] - X[met].log()) ** 2


def loss_fixed_settings(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(scores(w, w_context, b, b_context), X, 100.0, 0.75)


def loss_upper_half(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(scores(w, w_context, b, b_context), torch.triu(X), x_max, alpha)


def loss_drops_ones(w, w_context, b, b_context, X, x_max, alpha):
    return _masked(scores(w, w_context, b, b_context), torch.where(X > 1, X, 0.0), x_max, alpha)


# --- adagrad_step -------------------------------------------------------------------------------------------------


def step_accumulates_afterwards(parameter, accumulated, gradient, learning_rate):
    parameter = parameter - learning_rate * gradient / (torch.sqrt(accumulated) + 1e-10)
    return parameter, accumulated + gradient**2


def step_afterwards_no_epsilon(parameter, accumulated, gradient, learning_rate):
    return parameter - learning_rate * gradient / accumulated.sqrt(), accumulated + gradient**2


def step_one_sum(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + (gradient**2).sum()
    return parameter - learning_rate * gradient / (accumulated.sqrt() + 1e-10), accumulated


def step_norm_of_the_sums(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return parameter - learning_rate * gradient / (accumulated.sum().sqrt() + 1e-10), accumulated


def step_one_sum_per_row(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + (gradient**2).sum(dim=-1, keepdim=True)
    return parameter - learning_rate * gradient / (accumulated.sqrt() + 1e-10), accumulated


def step_without_epsilon(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return parameter - learning_rate * gradient / accumulated.sqrt(), accumulated


def step_uphill(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return parameter + learning_rate * gradient / (accumulated.sqrt() + 1e-10), accumulated


def step_without_root(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return parameter - learning_rate * gradient / (accumulated + 1e-10), accumulated


def step_not_squared(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient.abs()
    return parameter - learning_rate * gradient / (accumulated.sqrt() + 1e-10), accumulated


def step_forgets(parameter, accumulated, gradient, learning_rate):
    accumulated = gradient**2
    return parameter - learning_rate * gradient / (accumulated.sqrt() + 1e-10), accumulated


def step_returns_old_sums(parameter, accumulated, gradient, learning_rate):
    total = accumulated + gradient**2
    return parameter - learning_rate * gradient / (total.sqrt() + 1e-10), accumulated


def step_plain(parameter, accumulated, gradient, learning_rate):
    return parameter - learning_rate * gradient, accumulated + gradient**2


def step_without_rate(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return parameter - gradient / (accumulated.sqrt() + 1e-10), accumulated


def step_other_order(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return accumulated, parameter - learning_rate * gradient / (accumulated.sqrt() + 1e-10)


def step_only_parameter(parameter, accumulated, gradient, learning_rate):
    return parameter - learning_rate * gradient / ((accumulated + gradient**2).sqrt() + 1e-10)


def step_in_place(parameter, accumulated, gradient, learning_rate):
    accumulated += gradient**2
    parameter -= learning_rate * gradient / (accumulated.sqrt() + 1e-10)
    return parameter, accumulated


def step_large_epsilon(parameter, accumulated, gradient, learning_rate):
    accumulated = accumulated + gradient**2
    return parameter - learning_rate * gradient / (accumulated.sqrt() + 1), accumulated


def step_running_mean(parameter, accumulated, gradient, learning_rate):
    accumulated = 0.9 * accumulated + 0.1 * gradient**2
    return parameter - learning_rate * gradient / (accumulated.sqrt() + 1e-10), accumulated


BANK = {
    "weight": [
        Wrong("no cap at 1", weight_uncapped, "not-capped"),
        Wrong("no exponent", weight_without_exponent, "exponent-forgotten"),
        Wrong("alpha multiplies", weight_alpha_times, "alpha-multiplies"),
        Wrong("the power of the count alone", weight_power_of_the_count, "power-of-one-part"),
        Wrong("the power of x_max alone", weight_power_of_x_max, "power-of-one-part"),
        Wrong("cut off, not divided", weight_cut_off_not_divided, "not-divided"),
        Wrong("frequent cells dropped", weight_drops_frequent, "frequent-cells-dropped"),
        Wrong("large counts kept as they are", weight_keeps_large_counts, "large-counts-kept"),
        Wrong("one or nothing", weight_step, "all-or-nothing"),
        Wrong("all alike", weight_all_alike, "all-alike"),
        Wrong("the largest count in the table", weight_of_the_largest, "largest-count"),
        Wrong("capped from below", weight_capped_from_below, "cap-from-below"),
        Wrong("upside down", weight_upside_down),
        Wrong("whole division", weight_rounded_down, "all-or-nothing"),
        Wrong("logarithms of the counts", weight_of_logarithms),
    ],
    "glove_loss": [
        Wrong("zero cells used", loss_of_zeros, "zero-cells-used"),
        Wrong("zeros taken for ones", loss_zeros_as_ones, "zero-cells-used"),
        Wrong("a small number in place of zero", loss_zeros_nearly, "zero-cells-used"),
        Wrong("zeros weigh 1", loss_zeros_weigh_one, "zero-cells-used"),
        Wrong("log1p", loss_log1p, "log1p"),
        Wrong("one added to every count", loss_one_added, "log1p"),
        Wrong("log1p of all cells, unweighted", loss_log1p_unweighted, "log1p"),
        Wrong("biases left out", loss_without_biases, "biases-left-out"),
        Wrong("the context's bias left out", loss_one_bias, "biases-left-out"),
        Wrong("the word's bias left out", loss_other_bias, "biases-left-out"),
        Wrong("biases change places", loss_biases_cross, "biases-change-places"),
        Wrong("both biases on the columns", loss_biases_on_columns, "biases-on-one-side"),
        Wrong("scores transposed", loss_transposed, "transposed"),
        Wrong("one table", loss_one_table, "one-table"),
        Wrong("only the diagonal", loss_diagonal),
        Wrong("no weights", loss_unweighted, "weights-forgotten"),
        Wrong("weights squared too", loss_weight_squared, "weight-squared"),
        Wrong("errors not squared", loss_not_squared, "not-squared"),
        Wrong("counts instead of logarithms", loss_of_counts, "logarithm-forgotten"),
        Wrong("log to base 10", loss_log10, "other-base"),
        Wrong("mean over the cells", loss_mean, "averaged"),
        Wrong("half of it", loss_half, "halved"),
        Wrong("not summed", loss_not_summed, "left-as-table"),
        Wrong("x_max and alpha ignored", loss_fixed_settings, "settings-ignored"),
        Wrong("upper half alone", loss_upper_half),
        Wrong("cells of one meeting dropped", loss_drops_ones),
    ],
    "adagrad_step": [
        Wrong("accumulates after the step", step_accumulates_afterwards, "accumulates-after-the-step"),
        Wrong("accumulates afterwards, no epsilon", step_afterwards_no_epsilon, "accumulates-after-the-step"),
        Wrong("one sum a table", step_one_sum, "one-sum-per-table"),
        Wrong("the root of all sums", step_norm_of_the_sums, "one-sum-per-table"),
        Wrong("one sum a row", step_one_sum_per_row, "one-sum-per-row"),
        Wrong("no epsilon", step_without_epsilon, "epsilon-forgotten"),
        Wrong("uphill", step_uphill, "uphill"),
        Wrong("no root", step_without_root, "root-forgotten"),
        Wrong("not squared", step_not_squared, "not-squared"),
        Wrong("no memory", step_forgets, "no-memory"),
        Wrong("the old sums come back", step_returns_old_sums, "old-sums-returned"),
        Wrong("plain gradient descent", step_plain, "plain-descent"),
        Wrong("no learning rate", step_without_rate, "rate-forgotten"),
        Wrong("returned in the other order", step_other_order, "returned-in-the-other-order"),
        Wrong("only the parameter", step_only_parameter, "only-the-parameter"),
        Wrong("in place", step_in_place),
        Wrong("an epsilon of 1", step_large_epsilon),
        Wrong("a running mean", step_running_mean),
    ],
}
