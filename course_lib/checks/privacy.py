"""Checks of lesson 26: exposure from ranks, membership from losses, clipped gradients, and the noise's scale.

Papers. Carlini et al. (2019), "The Secret Sharer"; Yeom et al. (2018), "Privacy Risk in Machine Learning"; Abadi et al.
(2016), "Deep Learning with Differential Privacy", algorithm 1.
"""

import math

import torch

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip


def _numbers(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    return (scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))).round(decimals=2)


# --- exposure ---------------------------------------------------------------------------------------------------------


def _exposure(scores, index):
    larger = sum(score > scores[index] for score in scores)
    equal = sum(score == scores[index] for score in scores)
    return math.log2(len(scores) / (larger + (equal + 1) / 2))


exposure = Exercise(
    _exposure,
    Round([
        Case(([-3.0, -1.0, -4.0, -2.0], 3), "log-probabilities [-3, -1, -4, -2], the secret is number 3"),
        Case(([-2.0, -5.0, -3.5, -4.0, -1.5, -7.0, -2.5, -6.0], 2), "eight candidates, the secret is the fourth best"),
        Case(([0.1, 0.05, 0.4, 0.2, 0.25], 1), "five candidates, the secret is the worst"),
        Case(([-1.0, -0.5, -9.0], 1), "three candidates, the secret is the best"),
    ], [
        slip("natural-log", "the logarithm is the natural one: exposure is counted in bits, to base 2",
             "math.log2( -> math.log("),
        slip("base-ten", "the logarithm is to base 10: exposure is counted in bits, to base 2",
             "math.log2( -> math.log10("),
        slip("worst-first", "the ranks count from the other end: the likeliest candidate has rank 1",
             "score > scores -> score < scores"),
        slip("rank-alone", "this is log2 of the rank: taken from log2 of the number of candidates it is the exposure",
             "len(scores) / ->"),
        slip("upside-down", "the fraction stands on its head, so that a well-hidden secret gets the larger number",
             "len(scores) / (larger + (equal + 1) / 2) -> (larger + (equal + 1) / 2) / len(scores)"),
        slip("no-log", "the logarithm is missing", "math.log2(len(scores) / (larger + (equal + 1) / 2)) -> "
             "len(scores) / (larger + (equal + 1) / 2)"),
        slip("one-more", "the ranks begin with 2: the best candidate has rank 1", "(equal + 1) / 2 -> (equal + 3) / 2"),
        slip("others-only", "the secret itself was not counted among the candidates", "len(scores) / -> "
             "(len(scores) - 1) /"),
        slip("not-the-secret", "the rank is that of the first candidate, whichever the secret is",
             "scores[index] -> scores[0]"),
        slip("rank-from-0", "the ranks begin with 0: then the best one divides by 0. The best candidate has rank 1",
             "math.log2(len(scores) / (larger + (equal + 1) / 2)) -> "
             "math.log2(len(scores) / larger) if larger else math.inf",
             "(larger + (equal + 1) / 2) -> larger",
             "math.log2(len(scores) / (larger + (equal + 1) / 2)) -> math.log2(len(scores)) - math.log2(larger)"),
        slip("half-a-place", "half a place is missing: the mean of the places larger + 1 to larger + equal is larger + "
             "(equal + 1) / 2, and for a secret without equals that is larger + 1", "(equal + 1) / 2 -> equal / 2"),
        slip("index-for-rank", "the secret's place in the list was taken for its rank: the scores are not sorted",
             "(larger + (equal + 1) / 2) -> (index + 1)"),
        slip("surprise", "this is minus log2 of the secret's probability; asked is its rank among the others",
             lambda scores, index: math.log2(sum(map(math.exp, scores)) / math.exp(scores[index]))),
    ]),
    Round([
        Case(([-2.0, -1.0, -2.0, -2.0, -5.0], 2), "the secret is one of three equal candidates, places 2 to 4"),
        Case(([-1.0, -1.0, -1.0, -1.0], 0), "all four candidates are equal"),
        Case(([-1.0, -3.0, -3.0], 1), "the secret shares the last two places"),
    ], [
        slip("ties-first", "of equal candidates the secret was put first, and nobody who guesses knows that: equal "
             "ones share the mean of their places", "(equal + 1) / 2 -> 1"),
        slip("ties-last", "of equal candidates the secret was put last: equal ones share the mean of their places",
             "(equal + 1) / 2 -> equal"),
        slip("ties-too-far", "half of the equal candidates were counted and the secret once more: of three in places 2 "
             "to 4 the mean is 3", "(equal + 1) / 2 -> equal / 2 + 1 - (equal == 1) / 2"),
    ], held="without equal scores all is right"),
)  # fmt: skip


# --- membership -------------------------------------------------------------------------------------------------------


def _membership(inside, outside):
    pairs = [(a < b) + (a == b) / 2 for a in inside for b in outside]
    return sum(pairs) / len(pairs)


membership = Exercise(
    _membership,
    Round([
        Case(([1.0, 2.0, 4.0], [3.0, 5.0]), "losses [1, 2, 4] inside and [3, 5] outside"),
        Case(([2.5, 0.5, 3.5, 1.5], [3.0, 1.0, 8.0]), "four inside, three outside"),
        Case(([7.0, 8.0], [1.0, 2.0, 9.0, 7.5, 3.0]), "two dear ones inside, five outside"),
    ], [
        slip("turned-round", "a *larger* loss was taken as the sign of a member: what was learned costs less",
             "a < b -> a > b"),
        slip("sum", "this is the number of pairs: divide by how many there are",
             "sum(pairs) / len(pairs) -> sum(pairs)"),
        slip("advantage", "chance was taken away: this is 2 AUC - 1, which is 0 for guessing",
             "sum(pairs) / len(pairs) -> 2 * sum(pairs) / len(pairs) - 1"),
        slip("in-step", "each member was compared with one other alone: every member meets every other",
             lambda inside, outside: sum((a < b) + (a == b) / 2 for a, b in zip(inside, outside))
             / min(len(inside), len(outside)),
             lambda inside, outside: sum((a < b) + (a == b) / 2 for a, b in zip(inside, outside)) / len(inside),
             lambda inside, outside: sum((a < b) + (a == b) / 2 for a, b in zip(inside, outside)) / len(outside)),
        slip("mean-outside", "members were compared with the mean of the others, as if that were one threshold",
             lambda inside, outside: sum(a < sum(outside) / len(outside) for a in inside) / len(inside)),
        slip("mean-gap", "this is the difference of the mean losses: asked is a share of pairs",
             lambda inside, outside: sum(outside) / len(outside) - sum(inside) / len(inside)),
        slip("divided-by-members", "the pairs were divided by the number of members: there are members times others of "
             "them", "sum(pairs) / len(pairs) -> sum(pairs) / len(inside)"),
        slip("divided-by-lines", "the pairs were divided by the number of lines, inside and outside together: there "
             "are members *times* others of them",
             "sum(pairs) / len(pairs) -> sum(pairs) / (len(inside) + len(outside))"),
        slip("divided-by-others", "the pairs were divided by the number of the others: there are members times others "
             "of them", "sum(pairs) / len(pairs) -> sum(pairs) / len(outside)"),
    ]),
    Round([
        Case(([2.0, 2.0, 1.0, 4.0], [2.0, 3.0]), "a tie in two pairs of eight"),
        Case(([1.0, 1.0], [1.0, 1.0, 1.0]), "nothing but ties"),
    ], [
        slip("ties-count", "a tie was counted as found: nobody can tell these two apart, so it counts half",
             "(a == b) / 2 -> (a == b)"),
        slip("ties-lost", "a tie was counted as missed: whoever guesses is right half of the time",
             "+ (a == b) / 2 ->"),
    ], held="without ties all is right"),
)  # fmt: skip


# --- clipped_sum ------------------------------------------------------------------------------------------------------


def _clipped_sum(gradients, C):
    norms = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
    scale = (C / norms).clamp(max=1)
    return [(scale.view(-1, *[1] * (g.dim() - 1)) * g).sum(0) for g in gradients]


def _clip_of_the_sum(gradients, C):
    """What lesson 08's `clip_norm` does: the batch's gradient as a whole."""
    sums = [g.sum(0) for g in gradients]
    norm = sum(s.square().sum() for s in sums).sqrt()
    return [s * (C / norm).clamp(max=1) for s in sums]


def _clip_of_the_mean(gradients, C):
    means = [g.mean(0) for g in gradients]
    norm = sum(m.square().sum() for m in means).sqrt()
    return [m * (C / norm).clamp(max=1) for m in means]


def _clip_by_layer(gradients, C):
    parts = [_clipped_sum([g], C) for g in gradients]
    return [part[0] for part in parts]


def _clip_by_number(gradients, C):
    return [g.clamp(-C, C).sum(0) for g in gradients]


def _layers(B: int, D: int, N: int, seed: int) -> list[torch.Tensor]:
    """A matrix and a bias for each of B lines, whose lengths are far apart."""
    far = torch.logspace(-1, 1, B)[torch.randperm(B, generator=torch.Generator().manual_seed(seed))]
    return [(_numbers(B, N, D, seed=seed) * far[:, None, None]).round(decimals=3) + 0.01,
            (_numbers(B, N, seed=seed + 1) * far[:, None]).round(decimals=3) + 0.01]  # fmt: skip


clipped_sum = Exercise(
    _clipped_sum,
    Round([
        Case(([torch.tensor([[[3.0, 0.0, 0.0]], [[0.3, 0.0, 0.0]]]), torch.tensor([[4.0], [0.4]])], 1.0),
             "two lines of lengths 5 and 0.5, C = 1"),
        Case(([torch.tensor([[6.0, 0.0], [0.0, 2.0], [3.0, 1.0]])], 4.0), "three lines of lengths 6, 2 and 3.2, C = 4"),
        Case((_layers(4, 3, 2, 0), 1.5), "four lines, a 2 x 3 matrix and a bias, C = 1.5"),
        Case((_layers(3, 2, 5, 7)[:1], 0.5), "three lines, a 5 x 2 matrix alone, C = 0.5"),
    ], [
        slip("clips-the-sum", "the sum was clipped, as lesson 08 does. Then one long line can still take all the room: "
             "clip each line, then add", _clip_of_the_sum),
        slip("clips-the-mean", "the mean was clipped: clip each line's gradient, then add", _clip_of_the_mean),
        slip("layer-by-layer", "each layer was clipped by itself: the length of a line's gradient is that of all its "
             "layers together, or a line may add more than C", _clip_by_layer),
        slip("number-by-number", "every single number was cut off at C: shorten the gradient, and keep its direction",
             _clip_by_number),
        slip("stretches", "short gradients were made longer: those below C stay as they are",
             "(C / norms).clamp(max=1) -> C / norms"),
        slip("squared", "the length lacks its root",
             ".sum(1) for g in gradients).sqrt() -> .sum(1) for g in gradients)"),
        slip("absolute", "the length is the sum of absolute values: it is the root of the sum of squares",
             "sum(g.flatten(1).square().sum(1) for g in gradients).sqrt() -> "
             "sum(g.flatten(1).abs().sum(1) for g in gradients)"),
        slip("lengths-added", "the lengths of a line's layers were added: they stand at right angles to one another, "
             "so that 3 and 4 make 5",
             "sum(g.flatten(1).square().sum(1) for g in gradients).sqrt() -> "
             "sum(g.flatten(1).norm(dim=1) for g in gradients)"),
        slip("one-length", "all lines share one length, that of the whole batch: each line has its own",
             ("g.flatten(1).square().sum(1) -> g.square().sum()", "scale.view(-1, *[1] * (g.dim() - 1)) -> scale")),
        slip("unit-length", "every gradient was brought to length 1, and then cut with C",
             "(C / norms).clamp(max=1) -> 1 / norms"),
        slip("wrong-way", "the scale stands on its head: norm / C", "C / norms -> norms / C"),
        slip("at-least", "the scale is at *least* 1: clamp(min=1) where max=1 belongs", "clamp(max=1) -> clamp(min=1)"),
        slip("not-clipped", "nothing was clipped", "scale.view(-1, *[1] * (g.dim() - 1)) * g -> g"),
        slip("mean", "the lines were averaged: asked is their sum; what it is divided by comes later",
             "* g).sum(0) -> * g).mean(0)"),
        slip("first-layer", "the length is that of the first layer alone",
             "for g in gradients).sqrt() -> for g in gradients[:1]).sqrt()"),
        slip("drops", "lines longer than C were left out instead of shortened",
             "(C / norms).clamp(max=1) -> (norms <= C).to(norms.dtype)"),
        slip("not-summed", "the lines were not added: one tensor a layer, without the axis of lines",
             "* g).sum(0) -> * g)"),
    ]),
)  # fmt: skip


# --- noisy_mean -------------------------------------------------------------------------------------------------------


def _noisy_mean(total, dice, C, sigma, B):
    return (total + sigma * C * dice) / B


noisy_mean = Exercise(
    _noisy_mean,
    Round([
        Case((torch.tensor([3.0, -2.0]), torch.tensor([1.0, 0.5]), 2.0, 0.5, 4), "C = 2, sigma = 0.5, B = 4"),
        Case((_numbers(5, seed=1, scale=4), _numbers(5, seed=2), 0.5, 3.0, 7), "C = 0.5, sigma = 3, B = 7"),
        Case((_numbers(2, 3, seed=3, scale=9), _numbers(2, 3, seed=4), 4.0, 1.5, 16), "C = 4, sigma = 1.5, B = 16"),
    ], [
        slip("noise-after-the-mean", "the noise was not divided by B: it belongs to the sum, and both are divided",
             "(total + sigma * C * dice) / B -> total / B + sigma * C * dice"),
        slip("noise-for-each-line", "each line brought noise of its own, so that it grows with the root of B: one is "
             "enough, for the whole sum", "sigma * C * dice -> sigma * C * B ** 0.5 * dice"),
        slip("without-C", "the noise does not know the clip: sigma counts in units of C, as a line moves the sum by C",
             "sigma * C * dice -> sigma * dice"),
        slip("without-sigma", "sigma is missing", "sigma * C * dice -> C * dice"),
        slip("own-dice", "you threw dice of your own: the normal numbers were given, as `dice`",
             "* dice -> * torch.randn_like(total)"),
        slip("variance", "sigma C was taken as the variance: it is the standard deviation",
             "sigma * C * dice -> (sigma * C) ** 0.5 * dice"),
        slip("squared", "sigma C was squared: it is the standard deviation, and squared it would be the variance",
             "sigma * C * dice -> (sigma * C) ** 2 * dice"),
        slip("no-noise", "there is no noise", "+ sigma * C * dice ->"),
        slip("not-divided", "nothing was divided by B", "(total + sigma * C * dice) / B -> total + sigma * C * dice"),
        slip("sum-undivided", "only the noise was divided by B",
             "(total + sigma * C * dice) / B -> total + sigma * C * dice / B"),
        slip("noise-divided-twice", "the noise was divided by B twice", "sigma * C * dice -> sigma * C * dice / B"),
        slip("root-of-B", "the sum was divided by the root of B", "/ B -> / B ** 0.5"),
        slip("taken-away", "the noise was taken away. As chance goes this is as good; but the dice were given",
             "total + sigma -> total - sigma"),
        slip("C-divides", "the noise was divided by C: the more a line can move the sum, the more noise hides it",
             "sigma * C * dice -> sigma / C * dice"),
    ]),
)  # fmt: skip
