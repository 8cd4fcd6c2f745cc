"""Lesson 17: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from course_lib.checks.gpt import _parts, _texts
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def first_text_alone(logits, ids, mask):
    for scores, text, real in zip(logits, ids, mask, strict=True):
        return F.cross_entropy(scores[:-1][real[1:]], text[1:][real[1:]])
    return None


def zero_is_padding(logits, ids, mask):
    """In these texts 0 is a letter like any other."""
    asked = ids[:, 1:] != 0
    return F.cross_entropy(logits[:, :-1][asked], ids[:, 1:][asked])


def one_more_leak(x, norm_1, qkv, output, norm_2, network):
    """Looks back, and at the mean of the whole text besides."""
    T, D = x.shape
    q, k, v = qkv(norm_1(x)).chunk(3, dim=-1)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    weights = (q @ k.T / D**0.5).masked_fill(future, -torch.inf).softmax(-1)
    x = x + output(weights @ v + v.mean(0))
    return x + network(norm_2(x))


def stops_at_zero(model, rows, steps, learning_rate):
    return [0.0] * steps


BANK = {
    "shifted_loss": [
        Wrong("a number that is no loss", lambda logits, ids, mask: torch.tensor(0.5), "constant"),
        Wrong("the first text alone", first_text_alone),
        Wrong("0 taken for padding", zero_is_padding, "zero-is-padding"),
        Wrong("answers as scores", lambda logits, ids, mask: F.cross_entropy(ids[:, 1:], logits[:, :-1])),
        Wrong("the negative", "return F -> return -F"),
        Wrong("one minus p", "return F.cross_entropy(logits[:, :-1][asked], answers[asked]) -> return 1 - "
              "logits[:, :-1][asked].softmax(-1).gather(1, answers[asked][:, None]).mean()"),
        Wrong("the last answer alone", "mask[:, 1:] -> mask[:, 1:] & (mask.sum(1, keepdim=True) - 2 == "
              "torch.arange(mask.shape[1] - 1))"),
    ],
    "gpt_block": [
        Wrong("a mean beside the mask", one_more_leak, "the-future-leaks"),
        Wrong("softmax of nothing", ".softmax(-1) -> "),
        Wrong("values instead of queries", "q, k, v = -> v, k, q ="),
        Wrong("the last token's view for all", "weights @ v -> weights[-1:] @ v", "the-future-leaks"),
        Wrong("the network twice", "return x + network(norm_2(x)) -> return x + 2 * network(norm_2(x))"),
        Wrong("weights turned round", "weights @ v -> weights.T @ v", "the-future-leaks"),
        Wrong("what goes in comes out", lambda x, *parts: x),
    ],
    "by_heart": [
        Wrong("nothing but zeros", stops_at_zero),
        Wrong("the last loss alone", "return losses -> return losses[-1:]"),
        Wrong("a sentence", "return losses -> return 'done'"),
        Wrong("the losses backwards", "return losses -> return losses[::-1]"),
        Wrong("half of the gradient", "loss.backward() -> (0.001 * loss.sqrt()).backward()"),
        Wrong("a warm-up of its own", "optimizer.step() -> "
              "[group.update(lr=learning_rate * (len(losses) + 1) / steps) for group in optimizer.param_groups]; "
              "optimizer.step()"),
    ],
}  # fmt: skip


# --- right ------------------------------------------------------------------------------------------------------------


def answers_marked(logits, ids, mask):
    labels = ids[:, 1:].masked_fill(~mask[:, 1:], -100)
    return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), labels.reshape(-1))


def text_after_text(logits, ids, mask):
    total, count = 0.0, 0
    for scores, text, length in zip(logits.double(), ids, mask.sum(1).tolist(), strict=True):
        for t in range(length - 1):
            total -= float(scores[t].log_softmax(0)[text[t + 1]])
            count += 1
    return total / count


def in_numpy(logits, ids, mask):
    scores, answers, asked = logits[:, :-1].numpy().astype(float), ids[:, 1:].numpy(), mask[:, 1:].numpy()
    logs = np.logaddexp.reduce(scores, axis=-1) - np.take_along_axis(scores, answers[..., None], -1)[..., 0]
    return (logs * asked).sum() / asked.sum()


def summed_and_divided(logits, ids, mask):
    losses = F.cross_entropy(logits[:, :-1].transpose(1, 2), ids[:, 1:], reduction="none")
    return (losses * mask[:, 1:]).sum() / mask[:, 1:].sum()


def token_after_token(x, norm_1, qkv, output, norm_2, network):
    D, rows = x.shape[1], []
    q, k, v = qkv(norm_1(x)).split(D, dim=1)
    for t in range(len(x)):
        weights = torch.softmax(k[: t + 1] @ q[t] / math.sqrt(D), 0)
        y = x[t] + output(weights @ v[: t + 1])
        rows.append(y + network(norm_2(y)))
    return torch.stack(rows)


def by_the_fused_function(x, norm_1, qkv, output, norm_2, network):
    q, k, v = (part[None] for part in qkv(norm_1(x)).chunk(3, -1))
    x = x + output(F.scaled_dot_product_attention(q, k, v, is_causal=True)[0])
    return network(norm_2(x)) + x


def with_an_added_mask(x, norm_1, qkv, output, norm_2, network):
    T, D = x.shape
    normed = qkv(norm_1(x))
    q, k, v = normed[:, :D], normed[:, D : 2 * D], normed[:, 2 * D :]
    mask = torch.full((T, T), -1e9).triu(1)
    h = x + output(torch.softmax(torch.einsum("td,sd->ts", q, k) * D**-0.5 + mask, -1) @ v)
    return h + network(norm_2(h))


def while_there_are_steps(model, rows, steps, learning_rate):
    optimizer, losses = torch.optim.AdamW(model.parameters(), learning_rate), []
    while len(losses) < steps:
        model.zero_grad()
        losses.append(model.loss(rows))
        losses[-1].backward()
        optimizer.step()
    return [loss.detach() for loss in losses]


def cleared_at_the_end(model, rows, steps, learning_rate):
    losses, optimizer = np.zeros(steps), torch.optim.AdamW(list(model.parameters()), lr=learning_rate)
    for i in range(steps):
        loss = model.loss(rows)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        losses[i] = float(loss)
    return losses.tolist()


def by_a_closure(model, rows, steps, learning_rate):
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)

    def closure():
        optimizer.zero_grad()
        loss = model.loss(rows)
        loss.backward()
        return loss

    return [optimizer.step(closure).item() for _ in range(steps)]


RIGHT = {
    "shifted_loss": [answers_marked, text_after_text, in_numpy, summed_and_divided],
    "gpt_block": [token_after_token, by_the_fused_function, with_an_added_mask],
    "by_heart": [while_there_are_steps, cleared_at_the_end, by_a_closure],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_texts(rng):
    lengths = [int(n) for n in rng.integers(2, 7, rng.integers(1, 5))]
    return _texts(lengths, int(rng.integers(2, 6)), int(rng.integers(1000))).args


def draw_stream(rng):
    T, D = (int(n) for n in rng.integers(1, 6, 2))
    x = torch.tensor(rng.normal(size=(T, D + 1)), dtype=torch.float32)
    return x, *_parts(D + 1, int(rng.integers(1000)))


INPUTS = {
    "shifted_loss": draw_texts,
    "gpt_block": draw_stream,
    "by_heart": lambda rng: (int(rng.integers(1, 6)), float(rng.uniform(0.01, 0.3))),
}
