"""Lesson 08: wrong answers beside its slips, right answers in other spellings, inputs to draw."""
import math

import numpy as np
import torch
import torch.nn.functional as F

from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------

DRAW = "chosen = rng.choice(different, size=round(share * len(different)), replace=False)"
ANSWER = "return np.isin(films, chosen)"
RUN = f"{DRAW} -> chosen = np.roll(different, rng.integers(len(different)))[:round(share * len(different))]"


BANK = {
    "split_by_film": [
        Wrong("each review drawn by itself", f"{ANSWER} -> return rng.random(len(films)) < share", "reviews-not-films"),
        Wrong("reviews shuffled", f"{ANSWER} -> return rng.permutation(len(films)) < round(share * len(films))",
              "reviews-not-films"),
        Wrong("every n-th review", f"{ANSWER} -> return np.arange(len(films)) % round(1 / share) == 0",
              "reviews-not-films"),
        Wrong("the last part of the list", f"{ANSWER} -> return np.arange(len(films)) >= (1 - share) * len(films)",
              "cut-through-a-film"),
        Wrong("the first part of the list", f"{ANSWER} -> return np.arange(len(films)) < share * len(films)",
              "cut-through-a-film"),
        Wrong("runs of neighbours", (f"{DRAW} -> films = np.cumsum(np.append(0, np.diff(films) != 0))\n    {DRAW}",
              "rng.choice(different -> rng.choice(films.max() + 1"), "runs-not-films"),
        Wrong("the first films", f"{DRAW} -> chosen = different[:round(share * len(different))]",
              "always-the-same-films"),
        Wrong("a seed of its own", "rng.choice -> np.random.default_rng(0).choice", "always-the-same-films"),
        Wrong("numpy's old random numbers", "rng.choice -> np.random.choice", "always-the-same-films"),
        Wrong("the wrong way round", "np.isin -> ~np.isin", "other-way-round"),
        Wrong("with replacement", ", replace=False ->", "drawn-twice"),
        Wrong("films drawn among the reviews", "rng.choice(different -> rng.choice(films", "drawn-twice"),
        Wrong("a share of the reviews, with their films", "np.unique(films) -> films", "share-of-reviews"),
        Wrong("a coin for each film", f"{DRAW} -> chosen = different[rng.random(len(different)) < share]",
              "number-left-to-chance"),
        Wrong("cut off instead of rounded", "round( -> int(", "cut-not-rounded"),
        Wrong("rounded up", "round( -> math.ceil(", "rounded-up"),
        Wrong("0 and 1", "(films, chosen) -> (films, chosen).astype(int)", "not-booleans"),
        Wrong("places instead of a mask", f"{ANSWER} -> return np.flatnonzero(np.isin(films, chosen))",
              "places-not-mask"),
        Wrong("numbers of films", f"{ANSWER} -> return chosen", "films-not-reviews"),
        Wrong("an answer for each film", "isin(films -> isin(different", "films-not-reviews"),
        Wrong("numbers of films, one a review", f"{ANSWER} -> return films[np.isin(films, chosen)]",
              "films-not-reviews"),
        Wrong("both sides", f"{ANSWER} -> mask = np.isin(films, chosen)\n    return films[~mask], films[mask]",
              "two-answers"),
        Wrong("places for film numbers", "rng.choice(different -> rng.choice(len(different)", "none-held-out"),
        Wrong("isin of a set", "isin(films, chosen) -> isin(films, set(chosen))", "none-held-out"),
        Wrong("nothing held out", f"{ANSWER} -> return np.isin(films, [])", "none-held-out"),
        Wrong("another generator", "rng.choice -> np.random.default_rng().choice", "another-rng"),
        Wrong("a run of neighbouring films", RUN, "neighbouring-films"),
        Wrong("neighbours down the list", ("np.unique(films) -> np.array(list(dict.fromkeys(films.tolist())))", RUN),
              "neighbouring-films"),
        Wrong("one film", f"{ANSWER} -> return films == chosen[0]"),
    ],
    "run_epoch": [
        Wrong("eval mode too late", ("model.eval() ->", "return sum -> model.eval()\n    return sum"),
              "eval-mode-forgotten"),
        Wrong("one number", ", sum(held) / sum(len(y) for _, y in held_out) ->"),
        Wrong("twice over the data", ("y in batches: -> y in batches + batches:", "sum(trained) -> sum(trained) / 2")),
        Wrong("a list of losses", "return sum(trained) / sum(len(y) for _, y in batches) -> return trained"),
        Wrong("training scored with the held-out number",
              "sum(trained) / sum(len(y) for _, y in batches) -> sum(trained) / sum(len(y) for _, y in held_out)"),
        Wrong("zeros", "return -> return 0.0, 0.0\n    return", None),
    ],
    "adamw_step": [
        Wrong("in place", ("mean = 0.9 * mean + -> mean *= 0.9\n    mean +=",
                           "square = 0.999 * square + -> square *= 0.999\n    square +=")),
        Wrong("steps counted from 0", "**step -> **(step + 1)"),
        Wrong("zeros", "return -> parameter = mean = square = move = 0 * parameter\n    return", "all-zero"),
        Wrong("two of the three", "), mean, square -> ), mean"),
    ],
    "learning_rate": [
        Wrong("divides by a warm-up of 0", "if step -> rise = (step + 1) / warmup_steps\n    if step"),
        Wrong("degrees", "math.pi -> 180"),
        Wrong("always the highest", "if step < warmup_steps: -> return 0.25\n    if step < 0:", "constant"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def split_by_permutation(films, share, rng):
    names = rng.permutation(np.unique(films))
    return np.isin(films, names[:round(share * len(names))])


def split_by_loop(films, share, rng):
    names = sorted(set(films.tolist()))
    rng.shuffle(names)
    held = set(names[:round(len(names) * share)])
    return [film in held for film in films.tolist()]


def split_in_torch(films, share, rng):
    names, place = np.unique(films, return_inverse=True)
    held = torch.zeros(len(names), dtype=torch.bool)
    held[torch.as_tensor(rng.choice(len(names), round(share * len(names)), replace=False))] = True
    return held[torch.as_tensor(place)]


def epoch_of_sums(model, optimizer, batches, held_out):
    model.train()
    total = count = 0
    for x, y in batches:
        optimizer.zero_grad(set_to_none=False)
        loss = F.cross_entropy(model(x), y, reduction="sum")
        (loss / len(y)).backward()
        optimizer.step()
        total, count = total + loss.item(), count + len(y)
    model.train(False)
    with torch.inference_mode():
        held = F.cross_entropy(model(torch.cat([x for x, _ in held_out])), torch.cat([y for _, y in held_out]))
    return total / count, held.item()


def epoch_by_gradients(model, optimizer, batches, held_out):
    model.train()
    trained = []
    for x, y in batches:
        loss = -model(x).log_softmax(1)[torch.arange(len(y)), y].mean()
        for parameter, gradient in zip(model.parameters(), torch.autograd.grad(loss, [*model.parameters()])):
            parameter.grad = gradient
        optimizer.step()
        trained.append(loss.item())
    held = [F.nll_loss(model.eval()(x).log_softmax(-1), y).item() for x, y in held_out]
    return np.array([np.average(losses, weights=[len(y) for _, y in pairs])
                     for losses, pairs in ((trained, batches), (held, held_out))])  # fmt: skip


def epoch_in_tensors(model, optimizer, batches, held_out):
    model.train()
    losses = []
    for x, y in batches:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        model.zero_grad()
        losses.extend([loss.detach()] * len(y))
    model.eval()
    held = torch.cat([F.cross_entropy(model(x), y, reduction="none") for x, y in held_out])
    return torch.stack(losses).mean(), held.mean()


def adamw_in_numpy(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    parameter, mean, square, gradient = (x.double().numpy() for x in (parameter, mean, square, gradient))
    mean, square = mean + 0.1 * (gradient - mean), square + 0.001 * (np.square(gradient) - square)
    move = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return (1 - learning_rate * weight_decay) * parameter - learning_rate * move, mean, square


def adamw_by_lerp(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    mean = torch.lerp(mean, gradient, 0.1)
    square = torch.addcmul(0.999 * square, gradient, gradient, value=0.001)
    parameter = parameter * (1 - learning_rate * weight_decay)
    bottom = square.sqrt() / math.sqrt(1 - 0.999**step) + 1e-8
    return [parameter.addcdiv(mean, bottom, value=-learning_rate / (1 - 0.9**step)), mean, square]


def adamw_of_torch(parameter, mean, square, gradient, step, learning_rate, weight_decay):
    parameter, mean, square = torch.nn.Parameter(parameter.clone()), mean.clone(), square.clone()
    parameter.grad = gradient.clone()
    optimizer = torch.optim.AdamW([parameter], lr=learning_rate, weight_decay=weight_decay)
    optimizer.state[parameter] = {"step": torch.tensor(step - 1.0), "exp_avg": mean, "exp_avg_sq": square}
    optimizer.step()  # changes all three in place
    return parameter, mean, square


def rate_by_share(step, steps, warmup_steps, highest):
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return highest * min((step + 1) / max(1, warmup_steps), 0.5 + 0.5 * math.cos(math.pi * max(0, done)))


def rate_in_numpy(step, steps, warmup_steps, highest):
    up = np.arange(1, warmup_steps + 1) / max(1, warmup_steps)
    down = np.cos(np.pi / 2 * np.arange(steps - warmup_steps) / max(1, steps - warmup_steps)) ** 2
    return highest * np.concatenate([up, down])[step]


def rate_by_torch(step, steps, warmup_steps, highest):
    if step < warmup_steps:
        return torch.tensor(highest * (step + 1) / warmup_steps, dtype=torch.float64)
    angle = torch.linspace(0, torch.pi, steps - warmup_steps + 1, dtype=torch.float64)[step - warmup_steps]
    return highest * (1 + angle.cos()) / 2


RIGHT = {
    "split_by_film": [split_by_permutation, split_by_loop, split_in_torch],
    "run_epoch": [epoch_of_sums, epoch_by_gradients, epoch_in_tensors],
    "adamw_step": [adamw_in_numpy, adamw_by_lerp, adamw_of_torch],
    "learning_rate": [rate_by_share, rate_in_numpy, rate_by_torch],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_batches(rng, most):
    return [(torch.tensor(rng.normal(size=(size, 3)), dtype=torch.float32), torch.tensor(rng.integers(0, 2, size)))
            for size in rng.integers(1, 5, rng.integers(1, most))]  # fmt: skip


def draw_adamw(rng):
    shape = tuple(rng.integers(1, 4, rng.integers(1, 3)))
    parameter, mean, gradient = (torch.tensor(rng.normal(size=shape), dtype=torch.float32) for _ in range(3))
    square = torch.tensor(rng.random(shape), dtype=torch.float32)
    return parameter, mean, square, gradient, int(rng.integers(1, 20)), float(rng.random()), float(rng.random())


def draw_rate(rng):
    steps = int(rng.integers(1, 12))
    return int(rng.integers(steps)), steps, int(rng.integers(0, steps + 1)), float(rng.random())


INPUTS = {
    "split_by_film": lambda rng: (
        rng.integers(3, 9, rng.integers(5, 20)), float(rng.random()), np.random.default_rng(rng.integers(99))),
    "run_epoch": lambda rng: (draw_batches(rng, 4), draw_batches(rng, 3), bool(rng.random() < 0.5)),
    "adamw_step": draw_adamw,
    "learning_rate": draw_rate,
}  # fmt: skip
