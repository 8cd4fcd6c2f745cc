"""Lesson 23: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import numpy as np
import torch

from course_lib.checks.adapting import _thin
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def in_place(W, A, B, alpha):
    W += alpha / len(A) * (B @ A)
    return W


BANK = {
    "few_shot": [
        Wrong("an empty line at the end", 'Sentiment:" -> Sentiment:\\n\\n"'),
        Wrong("a list", "return shots -> return [shots]; shots"),
        Wrong("nothing", "return shots -> shots"),
        Wrong("other words", "Review -> Text"),
    ],
    "lora_layer": [
        Wrong("nothing", "return x -> x"),
        Wrong("the thin part twice", "scale * -> 2 * scale *"),
        Wrong("without the batch", "return x @ W.T + scale * (x @ A.T @ B.T) -> return (x @ W.T + scale * (x @ A.T @ "
              "B.T))[0]"),
        Wrong("A and B changed places", "x @ A.T @ B.T -> x @ B @ A"),
    ],
    "merged": [
        Wrong("the input changed", in_place),
        Wrong("nothing", "return W -> W"),
        Wrong("A B", "B @ A -> A @ B"),
    ],
    "lora_size": [
        Wrong("nothing", "return sum -> sum"),
        Wrong("a list", "sum(rank * (N + D) for N, D in shapes) -> [rank * (N + D) for N, D in shapes]"),
        Wrong("the product of all", "(N + D) -> (N - D)"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def with_a_list(examples, text):
    parts = ["Review: " + review + "\nSentiment: " + label for review, label in examples]
    return "\n\n".join([*parts, "Review: " + text + "\nSentiment:"])


def with_a_loop(examples, text):
    prompt = ""
    for example in examples:
        prompt += "Review: {}\nSentiment: {}\n\n".format(*example)
    return prompt + "Review: " + text + "\nSentiment:"


def stripped(examples, text):
    rows = [*examples, (text, "")]
    return "\n\n".join(f"Review: {review}\nSentiment: {label}" for review, label in rows).rstrip(" ")


def with_linear(x, W, A, B, alpha):
    thin = torch.nn.functional.linear(torch.nn.functional.linear(x, A), B)
    return torch.nn.functional.linear(x, W) + alpha * thin / A.shape[0]


def by_the_merged(x, W, A, B, alpha):
    return x @ (W + alpha / B.shape[1] * B @ A).T


def by_einsum(x, W, A, B, alpha):
    return torch.einsum("btd,nd->btn", x, W) + alpha / len(A) * torch.einsum("btd,rd,nr->btn", x, A, B)


def by_addmm(W, A, B, alpha):
    return torch.addmm(W, B, A, alpha=alpha / len(A))


def in_numpy(W, A, B, alpha):
    return np.array(W) + np.array(B) @ np.array(A) * (alpha / A.shape[0])


def rank_by_rank(W, A, B, alpha):
    new = W.clone()
    for i in range(len(A)):
        new += alpha / len(A) * torch.outer(B[:, i], A[i])
    return new


def with_a_total(shapes, rank):
    total = 0
    for shape in shapes:
        total += rank * sum(shape)
    return total


def a_and_b(shapes, rank):
    return sum(rank * D for _, D in shapes) + sum(N * rank for N, _ in shapes)


def by_tensors(shapes, rank):
    return sum(torch.zeros(rank, D).numel() + torch.zeros(N, rank).numel() for N, D in shapes)


RIGHT = {
    "few_shot": [with_a_list, with_a_loop, stripped],
    "lora_layer": [with_linear, by_the_merged, by_einsum],
    "merged": [by_addmm, in_numpy, rank_by_rank],
    "lora_size": [with_a_total, a_and_b, by_tensors],
}

# --- inputs -----------------------------------------------------------------------------------------------------------

WORDS = ["bright", "dull", "a joy", "too long", "warm"]


def draw_prompt(rng):
    examples = [(str(rng.choice(WORDS)), str(rng.choice(["positive", "negative"]))) for _ in range(rng.integers(0, 5))]
    return examples, str(rng.choice(WORDS))


def draw_layer(rng):
    B, T, D, N, r = (int(n) for n in rng.integers(1, 7, 5))
    return _thin(B, T, D, N, r, float(rng.integers(1, 9)), int(rng.integers(10_000)))


def draw_merged(rng):
    return draw_layer(rng)[1:]


def draw_shapes(rng):
    return [tuple(int(n) for n in rng.integers(1, 50, 2)) for _ in range(rng.integers(0, 4))], int(rng.integers(1, 9))


INPUTS = {"few_shot": draw_prompt, "lora_layer": draw_layer, "merged": draw_merged, "lora_size": draw_shapes}
