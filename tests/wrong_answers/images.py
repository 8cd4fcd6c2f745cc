"""Lesson 25: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.checks.images import _prompts, _unit
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def normalised_in_place(pictures, texts, temperature):
    pictures /= pictures.norm(dim=-1, keepdim=True)
    texts /= texts.norm(dim=-1, keepdim=True)
    scores = pictures @ texts.T / temperature
    labels = torch.arange(len(scores))
    return (F.cross_entropy(scores, labels) + F.cross_entropy(scores.T, labels)) / 2


BANK = {
    "patches": [
        Wrong("nothing", "return x -> x"),
        Wrong("one patch short", "return x.transpose(2, 3).reshape(B, -1, side * side * C) -> "
              "return x.transpose(2, 3).reshape(B, -1, side * side * C)[:, 1:]"),
        Wrong("the last first", "return x.transpose(2, 3).reshape(B, -1, side * side * C) -> "
              "return x.transpose(2, 3).reshape(B, -1, side * side * C).flip(1)"),
    ],
    "contrastive_loss": [
        Wrong("the inputs changed", normalised_in_place),
        Wrong("a number for each picture", "labels) -> labels, reduction='none')"),
        Wrong("the pictures cut off", "pictures @ texts.T -> pictures.detach() @ texts.T"),
        Wrong("distances", "pictures @ texts.T -> torch.cdist(pictures, texts)"),
    ],
    "retrieval_at": [
        Wrong("one for each row", ".float().mean() -> .float()"),
        Wrong("always found", "ahead < k -> ahead > -1", "constant"),
        Wrong("per cent", ".mean() -> .mean() * 100"),
    ],
    "zero_shot": [
        Wrong("always the first", ".argmax(1) -> .argmax(1) * 0", "all-zero"),
        Wrong("counted from one", ".argmax(1) -> .argmax(1) + 1"),
        Wrong("words", "return (pictures @ names.T).argmax(1) -> "
              "return [str(i) for i in (pictures @ names.T).argmax(1)]"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def with_loops(pictures, side):
    _, height, width, _ = pictures.shape
    rows = [[picture[y : y + side, x : x + side].flatten() for y in range(0, height, side)
             for x in range(0, width, side)] for picture in pictures]  # fmt: skip
    return torch.stack([torch.stack(row) for row in rows])


def by_unfold(pictures, side):
    x = pictures.unfold(1, side, side).unfold(2, side, side)  # (B, rows, columns, C, side, side)
    return x.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(1, 2)


def in_numpy(pictures, side):
    B, height, width, C = pictures.shape
    x = np.array(pictures).reshape(B, height // side, side, width // side, side, C)
    return x.swapaxes(2, 3).reshape(B, -1, side * side * C)


def by_hand(pictures, texts, temperature):
    scores = F.normalize(pictures, dim=1) @ F.normalize(texts, dim=1).T / temperature
    each = (scores.logsumexp(1) + scores.logsumexp(0)) / 2 - scores.diagonal()
    return each.mean()


def by_cosines(pictures, texts, temperature):
    scores = F.cosine_similarity(pictures[:, None], texts[None], dim=-1) / temperature
    return -(scores.log_softmax(0) + scores.log_softmax(1)).diagonal().mean() / 2


def loss_with_loops(pictures, texts, temperature):
    p, t = (np.array(x, dtype=np.float64) for x in (pictures, texts))
    p, t = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (p, t))
    scores, total = np.exp(p @ t.T / temperature), 0.0
    for i in range(len(p)):
        total -= np.log(scores[i, i] / scores[i].sum()) + np.log(scores[i, i] / scores[:, i].sum())
    return total / (2 * len(p))


def row_by_row(scores, k):
    found = 0
    for i, row in enumerate(scores.tolist()):
        found += sum(score >= row[i] for j, score in enumerate(row) if j != i) < k
    return found / len(scores)


def without_itself(scores, k):
    others = scores.masked_fill(torch.eye(len(scores), dtype=torch.bool), -torch.inf)
    return ((others >= scores.diag()[:, None]).sum(1) < k).double().mean().item()


def by_sorting(scores, k):
    table = np.array(scores)
    place = [np.searchsorted(-np.sort(-row) * -1, -row[i], side="right") for i, row in enumerate(table)]
    return np.mean([where <= k for where in place])


def with_normalize(pictures, prompts):
    return torch.argmax(pictures @ F.normalize(prompts.sum(1), dim=1).T, dim=1)


def name_by_name(pictures, prompts):
    means = [texts.mean(0) for texts in prompts]
    return [max(range(len(means)), key=lambda c: float(picture @ means[c] / means[c].norm())) for picture in pictures]


def zero_shot_in_numpy(pictures, prompts):
    names = np.array(prompts).mean(1)
    return (np.array(pictures) @ names.T / np.linalg.norm(names, axis=1)).argmax(1)


RIGHT = {
    "patches": [with_loops, by_unfold, in_numpy],
    "contrastive_loss": [by_hand, by_cosines, loss_with_loops],
    "retrieval_at": [row_by_row, without_itself, by_sorting],
    "zero_shot": [with_normalize, name_by_name, zero_shot_in_numpy],
}

# --- inputs -----------------------------------------------------------------------------------------------------------


def normal(rng, *shape):
    return torch.tensor(rng.normal(size=shape), dtype=torch.float32)


def draw_patches(rng):
    B, rows, columns, side, C = (int(n) for n in rng.integers(1, 4, 5))
    return normal(rng, B, rows * side, columns * side, C), side


def draw_loss(rng):
    B, D = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    return normal(rng, B, D), normal(rng, B, D), float(rng.uniform(0.1, 2))


def draw_scores(rng):
    N = int(rng.integers(2, 7))
    return normal(rng, N, N).round(decimals=int(rng.integers(0, 3))), int(rng.integers(1, N + 1))


def draw_names(rng):
    names, ways, D = int(rng.integers(2, 6)), int(rng.integers(1, 5)), int(rng.integers(2, 5))
    seed = int(rng.integers(10_000))
    return _unit(seed, int(rng.integers(1, 9)), D), _prompts(seed + 1, names, ways, D)


INPUTS = {"patches": draw_patches, "contrastive_loss": draw_loss, "retrieval_at": draw_scores, "zero_shot": draw_names}
