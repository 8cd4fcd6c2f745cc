"""Wrong answers to the exercises of lesson 08, as learners write them, and the diagnosis each must get."""
import math

import numpy as np
import torch
import torch.nn.functional as F

from tests.wrong_answers import Wrong

# --- split_by_film --------------------------------------------------------------------------------------------------


def split_reviews(films, share, rng):
    return rng.random(len(films)) < share


def split_permuted_reviews(films, share, rng):
    mask = np.zeros(len(films), dtype=bool)
    mask[rng.permutation(len(films))[: round(share * len(films))]] = True
    return mask


def split_every_nth(films, share, rng):
    return np.arange(len(films)) % round(1 / share) == 0


def split_last(films, share, rng):
    mask = np.zeros(len(films), dtype=bool)
    mask[-round(share * len(films)) :] = True
    return mask


def split_first(films, share, rng):
    return np.arange(len(films)) < share * len(films)


def split_runs(films, share, rng):
    runs = np.cumsum(np.append(0, np.diff(films) != 0))
    return np.isin(runs, rng.choice(runs.max() + 1, round(share * len(np.unique(films))), replace=False))


def split_first_films(films, share, rng):
    names = np.unique(films)
    return np.isin(films, names[: round(share * len(names))])


def split_own_seed(films, share, rng):
    names = np.unique(films)
    return np.isin(films, np.random.default_rng(0).choice(names, round(share * len(names)), replace=False))


def split_numpys_old_numbers(films, share, rng):
    names = np.unique(films)
    return np.isin(films, np.random.choice(names, round(share * len(names)), replace=False))  # noqa: NPY002


def split_other_way_round(films, share, rng):
    names = np.unique(films)
    return ~np.isin(films, rng.choice(names, round(share * len(names)), replace=False))


def split_with_replacement(films, share, rng):
    names = np.unique(films)
    return np.isin(films, rng.choice(names, round(share * len(names))))


def split_drawn_from_reviews(films, share, rng):
    return np.isin(films, rng.choice(films, round(share * len(np.unique(films))), replace=False))


def split_share_of_reviews(films, share, rng):
    return np.isin(films, rng.choice(films, round(share * len(films)), replace=False))


def split_places(films, share, rng):
    names = np.unique(films)
    return np.flatnonzero(np.isin(films, rng.choice(names, round(share * len(names)), replace=False)))


def split_film_numbers(films, share, rng):
    names = np.unique(films)
    return rng.choice(names, round(share * len(names)), replace=False)


def split_two_sides(films, share, rng):
    names = np.unique(films)
    mask = np.isin(films, rng.choice(names, round(share * len(names)), replace=False))
    return films[~mask], films[mask]


def split_coin_a_film(films, share, rng):
    names = np.unique(films)
    return np.isin(films, names[rng.random(len(names)) < share])


def split_cut_off(films, share, rng):
    names = np.unique(films)
    return np.isin(films, rng.choice(names, int(share * len(names)), replace=False))


def split_zeros_and_ones(films, share, rng):
    names = np.unique(films)
    return np.isin(films, rng.choice(names, round(share * len(names)), replace=False)).astype(int)


def split_nothing(films, share, rng):
    return np.zeros(len(films), dtype=bool)


def split_one_film(films, share, rng):
    return films == rng.choice(films)


def split_answers_by_film(films, share, rng):
    names = np.unique(films)
    return np.isin(names, rng.choice(names, round(share * len(names)), replace=False))


def split_repeated_film_numbers(films, share, rng):
    names = np.unique(films)
    return films[np.isin(films, rng.choice(names, round(share * len(names)), replace=False))]


def split_among_places(films, share, rng):
    number = len(np.unique(films))
    return np.isin(films, rng.choice(number, round(share * number), replace=False))


def split_in_a_set(films, share, rng):
    names = np.unique(films)
    return np.isin(films, set(rng.choice(names, round(share * len(names)), replace=False)))


def split_unseeded(films, share, rng):
    names = np.unique(films)
    return np.isin(films, np.random.default_rng().choice(names, round(share * len(names)), replace=False))


def split_rounded_up(films, share, rng):
    names = np.unique(films)
    return np.isin(films, rng.choice(names, math.ceil(share * len(names)), replace=False))


# --- run_epoch ------------------------------------------------------------------------------------------------------


def epoch_no_zero_grad(model, optimizer, batches, held_out):
    model.train()
    losses, sizes = [], []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item() * len(y))
        sizes.append(len(y))
    return sum(losses) / sum(sizes), held_loss(model, held_out)


def held_loss(model, held_out):
    model.eval()
    with torch.no_grad():
        total = sum(F.cross_entropy(model(x), y).item() * len(y) for x, y in held_out)
    return total / sum(len(y) for _, y in held_out)


def learn(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def epoch_zero_grad_outside(model, optimizer, batches, held_out):
    model.train()
    optimizer.zero_grad()
    total, count = 0.0, 0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total, count = total + loss.item() * len(y), count + len(y)
    return total / count, held_loss(model, held_out)


def epoch_no_zero_grad_last_loss(model, optimizer, batches, held_out):
    model.train()
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return loss.item(), held_loss(model, held_out)


def epoch_eval_forgotten(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    with torch.no_grad():
        held = sum(F.cross_entropy(model(x), y).item() * len(y) for x, y in held_out)
    return total / sum(len(y) for _, y in batches), held / sum(len(y) for _, y in held_out)


def epoch_no_modes_at_all(model, optimizer, batches, held_out):
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    held = sum(F.cross_entropy(model(x), y).item() * len(y) for x, y in held_out)
    return total / sum(len(y) for _, y in batches), held / sum(len(y) for _, y in held_out)


def epoch_eval_too_late(model, optimizer, batches, held_out):
    answer = epoch_eval_forgotten(model, optimizer, batches, held_out)
    model.eval()
    return answer


def epoch_last_batch(model, optimizer, batches, held_out):
    model.train()
    for x, y in batches:
        loss = learn(model, optimizer, x, y)
    return loss, held_loss(model, held_out)


def epoch_first_batch(model, optimizer, batches, held_out):
    model.train()
    losses = [learn(model, optimizer, x, y) for x, y in batches]
    return losses[0], held_loss(model, held_out)


def epoch_last_batches(model, optimizer, batches, held_out):
    model.train()
    for x, y in batches:
        loss = learn(model, optimizer, x, y)
    model.eval()
    for x, y in held_out:
        held = F.cross_entropy(model(x), y)
    return loss, held.item()


def epoch_last_held_out_batch(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    held_loss(model, held_out[-1:])
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out[-1:])


def epoch_mean_of_batches(model, optimizer, batches, held_out):
    model.train()
    losses = [learn(model, optimizer, x, y) for x, y in batches]
    return sum(losses) / len(losses), held_loss(model, held_out)


def epoch_means_of_batches(model, optimizer, batches, held_out):
    model.train()
    losses = [learn(model, optimizer, x, y) for x, y in batches]
    return np.mean(losses), np.mean([held_loss(model, [batch]) for batch in held_out])


def epoch_sums(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) for x, y in batches)
    return total, sum(held_loss(model, [batch]) for batch in held_out)


def epoch_divided_twice(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) for x, y in batches) / sum(len(y) for _, y in batches)
    held = sum(held_loss(model, [batch]) for batch in held_out)
    return total, held / sum(len(y) for _, y in held_out)


def epoch_train_mode_forgotten(model, optimizer, batches, held_out):
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_zero_grad_between(model, optimizer, batches, held_out):
    model.train()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.zero_grad()
        optimizer.step()
        total += loss.item() * len(y)
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_no_step(model, optimizer, batches, held_out):
    model.train()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        total += loss.item() * len(y)
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_no_backward(model, optimizer, batches, held_out):
    model.train()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        optimizer.step()
        total += loss.item() * len(y)
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_learns_from_held_out(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    model.eval()
    held = sum(learn(model, optimizer, x, y) * len(y) for x, y in held_out)
    return total / sum(len(y) for _, y in batches), held / sum(len(y) for _, y in held_out)


def epoch_held_out_unused(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    return total / sum(len(y) for _, y in batches), held_loss(model, batches)


def epoch_other_order(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    return held_loss(model, held_out), total / sum(len(y) for _, y in batches)


def epoch_one_number(model, optimizer, batches, held_out):
    model.train()
    return sum(learn(model, optimizer, x, y) * len(y) for x, y in batches) / sum(len(y) for _, y in batches)


def epoch_twice_over_the_data(model, optimizer, batches, held_out):
    model.train()
    total = [learn(model, optimizer, x, y) * len(y) for x, y in batches + batches]
    return sum(total) / 2 / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_no_zero_mean_of_batches(model, optimizer, batches, held_out):
    model.train()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(batches), held_loss(model, held_out)


def epoch_no_eval_means_of_batches(model, optimizer, batches, held_out):
    model.train()
    total = sum(learn(model, optimizer, x, y) for x, y in batches)
    held = sum(F.cross_entropy(model(x), y).item() for x, y in held_out)
    return total / len(batches), held / len(held_out)


def epoch_summed_loss(model, optimizer, batches, held_out):
    model.train()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_one_step(model, optimizer, batches, held_out):
    model.train()
    optimizer.zero_grad()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        total += loss.item() * len(y)
    optimizer.step()
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_measured_again(model, optimizer, batches, held_out):
    model.train()
    for x, y in batches:
        learn(model, optimizer, x, y)
    return held_loss(model, batches), held_loss(model, held_out)


def epoch_return_in_the_loop(model, optimizer, batches, held_out):
    model.train()
    for x, y in batches:
        return learn(model, optimizer, x, y), held_loss(model, held_out)


def epoch_of_probabilities(model, optimizer, batches, held_out):
    model.train()
    total = 0.0
    for x, y in batches:
        loss = F.cross_entropy(model(x).softmax(dim=1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    return total / sum(len(y) for _, y in batches), held_loss(model, held_out)


def epoch_asked_each_batch(model, optimizer, batches, held_out):
    model.train()
    total = 0.0
    for x, y in batches:
        total += learn(model, optimizer, x, y) * len(y)
        held = held_loss(model, held_out)
    return total / sum(len(y) for _, y in batches), held


def epoch_asked_before(model, optimizer, batches, held_out):
    held = held_loss(model, held_out)
    model.train()
    total = sum(learn(model, optimizer, x, y) * len(y) for x, y in batches)
    return total / sum(len(y) for _, y in batches), held


def epoch_list_of_losses(model, optimizer, batches, held_out):
    model.train()
    return [learn(model, optimizer, x, y) * len(y) for x, y in batches], held_loss(model, held_out)


# --- adamw_step -----------------------------------------------------------------------------------------------------


def moments(mean, square, gradient):
    return 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2


def finish(parameter, mean, square, step, learning_rate, weight_decay):
    move = mean / (1 - 0.9**step) / ((square / (1 - 0.999**step)) ** 0.5 + 1e-8)
    return parameter - learning_rate * move - learning_rate * weight_decay * parameter


def adamw_uncorrected(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    return parameter - learning_rate * (mean / (square.sqrt() + 1e-8) + weight_decay * parameter), mean, square


def adamw_corrects_one(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    move = mean / (1 - 0.9**step) / (square.sqrt() + 1e-8)
    return parameter - learning_rate * (move + weight_decay * parameter), mean, square


def adamw_returns_corrected(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    new = finish(parameter, mean, square, step, learning_rate, weight_decay)
    return new, mean / (1 - 0.9**step), square / (1 - 0.999**step)


def adamw_adam(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient + weight_decay * parameter)
    return finish(parameter, mean, square, step, learning_rate, 0.0), mean, square


def adamw_no_decay(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    return finish(parameter, mean, square, step, learning_rate, 0.0), mean, square


def adamw_decay_unscaled(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    return finish(parameter, mean, square, step, learning_rate, 0.0) - weight_decay * parameter, mean, square


def adamw_no_root(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    move = mean / (1 - 0.9**step) / (square / (1 - 0.999**step) + 1e-8)
    return parameter - learning_rate * (move + weight_decay * parameter), mean, square


def adamw_epsilon_inside(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    move = mean / (1 - 0.9**step) / (square / (1 - 0.999**step) + 1e-8).sqrt()
    return parameter - learning_rate * (move + weight_decay * parameter), mean, square


def adamw_no_epsilon(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    move = mean / (1 - 0.9**step) / (square / (1 - 0.999**step)).sqrt()
    return parameter - learning_rate * (move + weight_decay * parameter), mean, square


def adamw_betas_exchanged(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = 0.999 * mean + 0.001 * gradient, 0.9 * square + 0.1 * gradient**2
    move = mean / (1 - 0.999**step) / ((square / (1 - 0.9**step)).sqrt() + 1e-8)
    return parameter - learning_rate * (move + weight_decay * parameter), mean, square


def adamw_shares_exchanged(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = 0.1 * mean + 0.9 * gradient, 0.001 * square + 0.999 * gradient**2
    return finish(parameter, mean, square, step, learning_rate, weight_decay), mean, square


def adamw_sums(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = 0.9 * mean + gradient, 0.999 * square + gradient**2
    return finish(parameter, mean, square, step, learning_rate, weight_decay), mean, square


def adamw_forgets(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = gradient, gradient**2
    return parameter - learning_rate * (mean / (square.sqrt() + 1e-8) + weight_decay * parameter), mean, square


def adamw_absolute(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient.abs()
    return finish(parameter, mean, square, step, learning_rate, weight_decay), mean, square


def adamw_uphill(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    move = mean / (1 - 0.9**step) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    return parameter + learning_rate * move - learning_rate * weight_decay * parameter, mean, square


def adamw_old_means(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    new_mean, new_square = moments(mean, square, gradient)
    return finish(parameter, new_mean, new_square, step, learning_rate, weight_decay), mean, square


def adamw_parameter_only(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    return finish(parameter, *moments(mean, square, gradient), step, learning_rate, weight_decay)


def adamw_in_place(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean.mul_(0.9).add_(0.1 * gradient)
    square.mul_(0.999).add_(0.001 * gradient**2)
    return finish(parameter, mean, square, step, learning_rate, weight_decay), mean, square


def adamw_step_from_zero(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    return finish(parameter, mean, square, step + 1, learning_rate, weight_decay), mean, square


def adamw_step_not_used(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    return finish(parameter, mean, square, 1, learning_rate, weight_decay), mean, square


def adamw_along_the_gradient(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    move = gradient / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
    return parameter - learning_rate * (move + weight_decay * parameter), mean, square


def adamw_decay_after(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    parameter = finish(parameter, mean, square, step, learning_rate, 0.0)
    return parameter - learning_rate * weight_decay * parameter, mean, square


def adamw_decay_grows(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    return finish(parameter, mean, square, step, learning_rate, -weight_decay), mean, square


def adamw_other_order(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean, square = moments(mean, square, gradient)
    return mean, square, finish(parameter, mean, square, step, learning_rate, weight_decay)


def adamw_bracket_forgotten(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    m, v = moments(mean, square, gradient)
    return finish(parameter, m, v, step, learning_rate, 0) + weight_decay * parameter, m, v


def adamw_corrections_multiply(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    m, v = moments(mean, square, gradient)
    move = m * (1 - 0.9**step) / ((v * (1 - 0.999**step)) ** 0.5 + 1e-8)
    return parameter - learning_rate * (move + weight_decay * parameter), m, v


def adamw_root_first(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    m, v = moments(mean, square, gradient)
    move = m / (1 - 0.9**step) / (v.sqrt() / (1 - 0.999**step) + 1e-8)
    return parameter - learning_rate * (move + weight_decay * parameter), m, v


def adamw_steps_by_old_means(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    m, v = moments(mean, square, gradient)
    return finish(parameter, mean, square, step, learning_rate, weight_decay), m, v


def adamw_returns_the_change(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    m, v = moments(mean, square, gradient)
    return finish(parameter, m, v, step, learning_rate, weight_decay) - parameter, m, v


def adamw_means_exchanged(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    m, v = moments(mean, square, gradient)
    return finish(parameter, m, v, step, learning_rate, weight_decay), v, m


# --- learning_rate --------------------------------------------------------------------------------------------------


def cosine(step, steps, warmup_steps):
    return 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps)))


def rate_from_zero(step, steps, warmup_steps, highest):
    return highest * (step / warmup_steps if step < warmup_steps else cosine(step, steps, warmup_steps))


def rate_no_warmup(step, steps, warmup_steps, highest):
    return 0.5 * highest * (1 + math.cos(math.pi * step / steps))


def rate_flat_start(step, steps, warmup_steps, highest):
    return highest if step < warmup_steps else highest * cosine(step, steps, warmup_steps)


def rate_cosine_from_zero(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * 0.5 * (1 + math.cos(math.pi * step / steps))


def rate_product(step, steps, warmup_steps, highest):
    rise = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    return highest * rise * 0.5 * (1 + math.cos(math.pi * step / steps))


def rate_never_arrives(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warmup_steps) / steps))


def rate_linear(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * (steps - step) / (steps - warmup_steps)


def rate_whole_wave(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * 0.5 * (1 + math.cos(2 * math.pi * (step - warmup_steps) / (steps - warmup_steps)))


def rate_without_half(step, steps, warmup_steps, highest):
    return highest * ((step + 1) / warmup_steps if step < warmup_steps else 2 * cosine(step, steps, warmup_steps))


def rate_bare_cosine(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * math.cos(math.pi * (step - warmup_steps) / (steps - warmup_steps))


def rate_rises(step, steps, warmup_steps, highest):
    return highest * ((step + 1) / warmup_steps if step < warmup_steps else 1 - cosine(step, steps, warmup_steps))


def rate_constant(step, steps, warmup_steps, highest):
    return highest * min(1, (step + 1) / max(1, warmup_steps))


def rate_share(step, steps, warmup_steps, highest):
    return (step + 1) / warmup_steps if step < warmup_steps else cosine(step, steps, warmup_steps)


def rate_one_step_late(step, steps, warmup_steps, highest):
    if step <= warmup_steps and warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * cosine(step, steps, warmup_steps)


def rate_one_step_early(step, steps, warmup_steps, highest):
    return highest * ((step + 1) / warmup_steps if step < warmup_steps else cosine(step + 1, steps, warmup_steps))


def rate_rises_slowly(step, steps, warmup_steps, highest):
    return highest * ((step + 1) / steps if step < warmup_steps else cosine(step, steps, warmup_steps))


def rate_without_pi(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest / 2 * (1 + math.cos((step - warmup_steps) / (steps - warmup_steps)))


def rate_divides_by_zero(step, steps, warmup_steps, highest):
    rise = (step + 1) / warmup_steps
    return highest * (rise if step < warmup_steps else cosine(step, steps, warmup_steps))


def rate_degrees(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return highest * (step + 1) / warmup_steps
    return highest * 0.5 * (1 + math.cos(180 * (step - warmup_steps) / (steps - warmup_steps)))


def rate_warmup_to_one(step, steps, warmup_steps, highest):
    return (step + 1) / warmup_steps if step < warmup_steps else highest * cosine(step, steps, warmup_steps)


def rate_one_step_more(step, steps, warmup_steps, highest):
    return highest * ((step + 1) / warmup_steps if step <= warmup_steps else cosine(step, steps, warmup_steps))


BANK = {
    "split_by_film": [
        Wrong("each review drawn by itself", split_reviews, "reviews-not-films"),
        Wrong("reviews shuffled", split_permuted_reviews, "reviews-not-films"),
        Wrong("every n-th review", split_every_nth, "reviews-not-films"),
        Wrong("the last part of the list", split_last, "cut-through-a-film"),
        Wrong("the first part of the list", split_first, "cut-through-a-film"),
        Wrong("runs of neighbours", split_runs, "runs-not-films"),
        Wrong("the first films", split_first_films, "always-the-same-films"),
        Wrong("a seed of its own", split_own_seed, "always-the-same-films"),
        Wrong("numpy's old random numbers", split_numpys_old_numbers, "always-the-same-films"),
        Wrong("the wrong way round", split_other_way_round, "other-way-round"),
        Wrong("with replacement", split_with_replacement, "drawn-twice"),
        Wrong("films drawn among the reviews", split_drawn_from_reviews, "drawn-twice"),
        Wrong("a share of the reviews, with their films", split_share_of_reviews, "share-of-reviews"),
        Wrong("a coin for each film", split_coin_a_film, "number-left-to-chance"),
        Wrong("cut off instead of rounded", split_cut_off, "cut-not-rounded"),
        Wrong("0 and 1", split_zeros_and_ones, "not-booleans"),
        Wrong("places instead of a mask", split_places, "places-not-mask"),
        Wrong("numbers of films", split_film_numbers, "films-not-reviews"),
        Wrong("both sides", split_two_sides, "two-answers"),
        Wrong("an answer for each film", split_answers_by_film, "films-not-reviews"),
        Wrong("numbers of films, one a review", split_repeated_film_numbers, "films-not-reviews"),
        Wrong("places for film numbers", split_among_places, "none-held-out"),
        Wrong("isin of a set", split_in_a_set, "none-held-out"),
        Wrong("nothing held out", split_nothing, "none-held-out"),
        Wrong("another generator", split_unseeded, "another-rng"),
        Wrong("rounded up", split_rounded_up, "rounded-up"),
        Wrong("one film", split_one_film),
    ],
    "run_epoch": [
        Wrong("no zero_grad", epoch_no_zero_grad, "no-zero-grad"),
        Wrong("zero_grad once an epoch", epoch_zero_grad_outside, "no-zero-grad"),
        Wrong("no zero_grad, last loss", epoch_no_zero_grad_last_loss, "no-zero-grad"),
        Wrong("eval mode forgotten", epoch_eval_forgotten, "eval-mode-forgotten"),
        Wrong("no modes at all", epoch_no_modes_at_all, "eval-mode-forgotten"),
        Wrong("eval mode too late", epoch_eval_too_late, "eval-mode-forgotten"),
        Wrong("the last batch's loss", epoch_last_batch, "one-batch-reported"),
        Wrong("the first batch's loss", epoch_first_batch, "one-batch-reported"),
        Wrong("the last batches' losses", epoch_last_batches, "one-batch-reported"),
        Wrong("the last held-out batch", epoch_last_held_out_batch, "one-batch-reported"),
        Wrong("mean over batches", epoch_mean_of_batches, "batches-weigh-alike"),
        Wrong("means over batches", epoch_means_of_batches, "batches-weigh-alike"),
        Wrong("sums", epoch_sums, "not-divided"),
        Wrong("divided twice", epoch_divided_twice, "means-divided-again"),
        Wrong("train mode forgotten", epoch_train_mode_forgotten, "train-mode-forgotten"),
        Wrong("zero_grad before the step", epoch_zero_grad_between, "nothing-learnt"),
        Wrong("no step", epoch_no_step, "nothing-learnt"),
        Wrong("no backward", epoch_no_backward, "nothing-learnt"),
        Wrong("learns from the held-out batches", epoch_learns_from_held_out, "learns-from-held-out"),
        Wrong("held-out batches unused", epoch_held_out_unused, "held-out-not-used"),
        Wrong("the other order", epoch_other_order, "returned-in-the-other-order"),
        Wrong("no zero_grad, mean over batches", epoch_no_zero_mean_of_batches, "no-zero-grad"),
        Wrong("no eval mode, means over batches", epoch_no_eval_means_of_batches, "eval-mode-forgotten"),
        Wrong("the sum of a batch's losses", epoch_summed_loss, "summed-loss-descended"),
        Wrong("one step an epoch", epoch_one_step, "one-step-an-epoch"),
        Wrong("measured again", epoch_measured_again, "measured-again"),
        Wrong("return inside the loop", epoch_return_in_the_loop, "one-round"),
        Wrong("one number", epoch_one_number),
        Wrong("twice over the data", epoch_twice_over_the_data),
        Wrong("softmax before the loss", epoch_of_probabilities, "softmax-twice"),
        Wrong("asked after each batch", epoch_asked_each_batch, "asked-after-each-batch"),
        Wrong("asked before the training", epoch_asked_before, "asked-before"),
        Wrong("a list of losses", epoch_list_of_losses),
    ],
    "adamw_step": [
        Wrong("no correction", adamw_uncorrected, "correction-forgotten"),
        Wrong("one correction", adamw_corrects_one, "correction-forgotten"),
        Wrong("corrected means returned", adamw_returns_corrected, "corrected-means-returned"),
        Wrong("decay in the gradient", adamw_adam, "decay-through-the-gradient"),
        Wrong("no decay", adamw_no_decay, "decay-forgotten"),
        Wrong("decay without the rate", adamw_decay_unscaled, "decay-not-scaled"),
        Wrong("no root", adamw_no_root, "root-forgotten"),
        Wrong("epsilon inside the root", adamw_epsilon_inside, "epsilon-in-the-root"),
        Wrong("no epsilon", adamw_no_epsilon, "epsilon-forgotten"),
        Wrong("betas exchanged", adamw_betas_exchanged, "betas-exchanged"),
        Wrong("shares exchanged", adamw_shares_exchanged, "shares-exchanged"),
        Wrong("sums instead of means", adamw_sums, "sums-not-means"),
        Wrong("no memory", adamw_forgets, "no-memory"),
        Wrong("absolute gradients", adamw_absolute, "not-squared"),
        Wrong("uphill", adamw_uphill, "uphill"),
        Wrong("old means returned", adamw_old_means, "old-means-returned"),
        Wrong("only the parameter", adamw_parameter_only, "only-the-parameter"),
        Wrong("the step's number unused", adamw_step_not_used, "step-not-a-power"),
        Wrong("along this gradient", adamw_along_the_gradient, "gradient-not-mean"),
        Wrong("decay after the step", adamw_decay_after, "decay-after-the-step"),
        Wrong("decay grows", adamw_decay_grows, "decay-grows"),
        Wrong("another order", adamw_other_order, "other-order"),
        Wrong("no bracket", adamw_bracket_forgotten, "bracket-forgotten"),
        Wrong("corrections multiply", adamw_corrections_multiply, "correction-multiplies"),
        Wrong("root before the correction", adamw_root_first, "root-before-the-correction"),
        Wrong("steps by the old means", adamw_steps_by_old_means, "old-mean-used"),
        Wrong("the change", adamw_returns_the_change, "change-returned"),
        Wrong("means exchanged", adamw_means_exchanged, "other-order"),
        Wrong("in place", adamw_in_place),
        Wrong("steps counted from 0", adamw_step_from_zero),
    ],
    "learning_rate": [
        Wrong("starts at 0", rate_from_zero, "starts-at-zero"),
        Wrong("no warm-up", rate_no_warmup, "no-warm-up"),
        Wrong("flat warm-up", rate_flat_start, "no-warm-up"),
        Wrong("cosine from step 0", rate_cosine_from_zero, "cosine-from-the-first-step"),
        Wrong("both multiplied", rate_product, "cosine-from-the-first-step"),
        Wrong("never arrives", rate_never_arrives, "cosine-ends-late"),
        Wrong("a straight line down", rate_linear, "linear"),
        Wrong("a whole wave", rate_whole_wave, "whole-wave"),
        Wrong("no half", rate_without_half, "half-forgotten"),
        Wrong("the bare cosine", rate_bare_cosine, "one-forgotten"),
        Wrong("rises", rate_rises, "upside-down"),
        Wrong("never falls", rate_constant, "never-falls"),
        Wrong("a share", rate_share, "highest-ignored"),
        Wrong("the way down a step late", rate_one_step_late, "one-step-off"),
        Wrong("the way down a step early", rate_one_step_early, "one-step-off"),
        Wrong("the warm-up over all steps", rate_rises_slowly, "warm-up-too-long"),
        Wrong("no pi", rate_without_pi, "pi-forgotten"),
        Wrong("the warm-up a share", rate_warmup_to_one, "highest-ignored"),
        Wrong("a step more of warm-up", rate_one_step_more, "one-step-off"),
        Wrong("divides by a warm-up of 0", rate_divides_by_zero),
        Wrong("degrees", rate_degrees),
    ],
}
