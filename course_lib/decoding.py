"""Decoding: which token comes next, again and again, until there is a text; and how to do it fast.

    generate(model, ids, 100)                                   # sampled, as the model has it
    generate(model, ids, 100, temperature=0)                    # greedy: always the likeliest
    generate(model, ids, 100, temperature=0.8, top_k=40, top_p=0.9, generator=torch.Generator().manual_seed(1))
    generate(model, ids, 100, num_beams=4, eos_token_id=0)      # the likeliest text that a beam of four finds
    generate(quantize(model), ids, 100)                         # weights of one byte each; or "int4", of half a byte

What it is. `generate` for any model that answers as `gpt.GPT` does: `model(input_ids, attention_mask, cache=, last=)`
with `.logits`, `new_cache`, and `config.context_length`. The rules that change probabilities are functions of logits:
`penalise`, `keep_top_k`, `keep_top_p`, and `probabilities`, which is all of them. `quantize` stores weights in 8 or 4
bits.

What it leaves out. Sampling within a beam, penalties for phrases, contrastive and speculative decoding.

Papers. Fan, Lewis, Dauphin (2018), "Hierarchical Neural Story Generation" (top-k); Holtzman, Buys, Du, Forbes, Choi
(2020), "The Curious Case of Neural Text Degeneration" (top-p); Keskar et al. (2019), "CTRL" (repetition penalty); Wu et
al. (2016), "Google's Neural Machine Translation System" (length in a beam's score).

Shapes: B texts, T tokens of a prompt, V = vocab_size, K = num_beams.
"""

import copy
import math
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib import linear
from course_lib.settings import Count, NotNegative, Portion, Positive, Rule, Size, number, require, require_ids
from course_lib.shapes import shaped, wide
from course_lib.training import evaluation_mode

Model = TypeVar("Model", bound=nn.Module)
Number = Annotated[float, Rule(number, "a number")]

# --- Rules: logits in, logits out -------------------------------------------------------------------------------------


def penalise(
    logits: Float[Tensor, "B V"], seen: Int[Tensor, "B T"], penalty: Positive, mask: Bool[Tensor, "B T"] | None = None
) -> Float[Tensor, "B V"]:
    """The logits of tokens that stand in `seen`, where `mask` is True, divided by `penalty` (2019, 4.1).

    A negative logit is multiplied instead, as transformers does: else a penalty would help it.

    >>> penalise(torch.tensor([[2.0, -2.0, 1.0]]), torch.tensor([[0, 1]]), 2.0)
    tensor([[ 1., -4.,  1.]])
    """
    require(penalty > 0, "penalty", penalty, "a number above 0")  # by hand: nothing may be seen yet, and T be 0
    counts = torch.zeros_like(logits, dtype=torch.int64)
    seen = seen.long()
    counts.scatter_add_(1, seen, torch.ones_like(seen) if mask is None else mask.long())
    return torch.where(counts > 0, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


@shaped
def keep_top_k(logits: Float[Tensor, "B V"], k: Size) -> Float[Tensor, "B V"]:
    """The k highest logits, all others -inf (2018). Of equal ones the lower id is higher; k above V keeps all.

    >>> keep_top_k(torch.tensor([[1.0, 3.0, 2.0]]), 2)
    tensor([[-inf, 3., 2.]])
    """
    order = logits.argsort(dim=-1, descending=True, stable=True)  # (B, V)
    return logits.scatter(-1, order[:, k:], -math.inf)


@shaped
def keep_top_p(logits: Float[Tensor, "B V"], p: Portion) -> Float[Tensor, "B V"]:
    """The likeliest tokens up to the one with which their probabilities reach p, all others -inf (2020, 3.1).

    The token that crosses p is kept, so there is always one. Of equal ones the lower id is kept first.

    >>> keep_top_p(torch.tensor([[0.2, 0.5, 0.3]]).log(), 0.6).exp()
    tensor([[0.0000, 0.5000, 0.3000]])
    """
    values, order = logits.sort(dim=-1, descending=True, stable=True)  # (B, V) both
    shares = wide(values).softmax(-1)
    before = shares.cumsum(-1) - shares  # what the likelier ones have together
    return logits.scatter(-1, order, values.masked_fill(before >= p, -math.inf))


@shaped
def probabilities(
    logits: Float[Tensor, "B V"], temperature: NotNegative = 1.0, top_k: Size | None = None,
    top_p: Portion | None = None,
) -> Float[Tensor, "B V"]:
    """What is drawn from: the temperature first, then top-k, then top-p, as transformers does.

    `temperature=0`, or near it, gives the likeliest token all of it (of equal ones the one with the lowest id).
    ValueError for logits that leave no token.
    """
    highest = logits.max(-1, keepdim=True).values
    require(highest.isfinite().all(), "the highest logits", highest, "finite: else no token can be chosen")
    if temperature < torch.finfo(logits.dtype).tiny:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    logits = (logits - highest) / temperature  # the highest is 0: nothing overflows, however low the temperature
    if top_k is not None:
        logits = keep_top_k(logits, top_k)
    if top_p is not None and top_p < 1:
        logits = keep_top_p(logits, top_p)
    return logits.softmax(-1)


# --- The loop ---------------------------------------------------------------------------------------------------------


@torch.no_grad()
@shaped
def generate(
    model: nn.Module, input_ids: Int[Tensor, "B T"], max_new_tokens: Size, *,
    attention_mask: Bool[Tensor, "B T"] | None = None, temperature: NotNegative = 1.0, top_k: Size | None = None,
    top_p: Portion | None = None, repetition_penalty: Positive = 1.0, num_beams: Size = 1, length_penalty: Number = 1.0,
    eos_token_id: Count | None = None, generator: torch.Generator | None = None, slide: bool = False,
    use_cache: bool = True, stream: Callable[[list[int]], None] | None = None,
) -> Int[Tensor, "B T+N"]:  # fmt: skip
    """The prompts and what the model writes behind them: at most `max_new_tokens` each.

    Prompts of different length are padded, in front or behind, with `attention_mask` False there; in the answer all
    padding stands in front. A text ends with `eos_token_id`, and is filled up with it while others go on.

    temperature, top_k, top_p: see `probabilities`; temperature=0 is greedy. repetition_penalty: see `penalise`; prompt
    and answer count. generator: one state of it, one answer; it belongs to the model's device.

    num_beams: with more than one, the text of the highest total log-probability that the beam finds, divided by (its
    number of new tokens) ** length_penalty; nothing is drawn. Of equal scores the earlier beam wins, then the lower id.

    slide: a text may grow past the model's context, of which it then sees the last part alone, numbered anew (so
    nothing of the cache holds: each token costs a whole reading); otherwise that is a ValueError. use_cache: False
    reads everything again for each token, and gives the same. stream: called with the new token of each text, in every
    step.
    """
    require_ids([eos_token_id or 0], model.config.vocab_size, "eos_token_id")
    if num_beams > 1 and (temperature != 1 or top_k is not None or top_p is not None or stream is not None):
        raise ValueError("A beam search draws and streams nothing: leave out temperature, top_k, top_p and stream.")
    ids, mask = _front_padded(input_ids, attention_mask)
    context = model.config.context_length
    room = context + 1 - ids.shape[1]  # the last token is written, and never read
    require(slide or max_new_tokens <= room, "max_new_tokens", max_new_tokens, f"at most {room} here, or slide=True")
    with evaluation_mode(model):
        reader = _Reader(model, len(ids) * num_beams, min(ids.shape[1] + max_new_tokens, context), use_cache)
        if num_beams > 1:
            return _beam(reader, ids, mask, max_new_tokens, num_beams, length_penalty, repetition_penalty, eos_token_id)
        done = torch.zeros(len(ids), dtype=torch.bool, device=ids.device)
        for _ in range(max_new_tokens):
            logits = reader(ids, mask)  # (B, V)
            if repetition_penalty != 1:
                logits = penalise(logits, ids, repetition_penalty, mask)
            shares = probabilities(logits, temperature, top_k, top_p)
            token = shares.argmax(-1) if temperature == 0 else torch.multinomial(shares, 1, generator=generator)[:, 0]
            if eos_token_id is not None:
                token = token.masked_fill(done, eos_token_id)
                done |= token == eos_token_id
            ids, mask = torch.cat([ids, token[:, None]], 1), F.pad(mask, (0, 1), value=True)
            if stream is not None:
                stream(token.tolist())
            if done.all():
                break
    return ids


class _Reader:
    """The logits for the next token of each text, reading no token twice where a cache can help."""

    def __init__(self, model: nn.Module, batch_size: int, room: int, use_cache: bool):
        self.model, self.context = model, model.config.context_length
        self.cache = model.new_cache(batch_size, room) if use_cache else None
        self.read = 0  # tokens in the cache

    def __call__(self, ids: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        if self.cache is None or ids.shape[1] > self.context:
            ids, mask = ids[:, -self.context :], mask[:, -self.context :]
            return self.model(ids, None if mask.all() else mask, last=True).logits[:, -1].float()
        new, real = ids[:, self.read :], mask[:, self.read :]
        self.read = ids.shape[1]
        return self.model(new, None if real.all() else real, cache=self.cache, last=True).logits[:, -1].float()

    def reorder(self, rows: Int[Tensor, " B"]) -> None:
        if self.cache is not None:
            self.cache.reorder(rows)


def _beam(reader, ids, mask, max_new_tokens, K, length_penalty, repetition_penalty, eos) -> Int[Tensor, "B T+N"]:
    """The K best beginnings of each text are continued; what ended is compared by its score for each new token."""
    B, T = ids.shape
    ids, mask = ids.repeat_interleave(K, 0), mask.repeat_interleave(K, 0)  # (B * K, T)
    totals = torch.full((B, K), -math.inf, device=ids.device)
    totals[:, 0] = 0.0  # at first all beams of a text are the same one
    ended: list[list[tuple[float, Tensor]]] = [[] for _ in range(B)]
    open_texts = set(range(B))
    for step in range(1, max_new_tokens + 1):
        logits = reader(ids, mask)  # (B * K, V)
        if repetition_penalty != 1:
            logits = penalise(logits, ids, repetition_penalty, mask)
        V = logits.shape[-1]
        scores = totals[:, :, None] + logits.log_softmax(-1).view(B, K, V)  # (B, K, V)
        require(scores[:, 0].isfinite().any(-1).all(), "logits", scores, "finite in part: else no token can be chosen")
        scores, order = scores.flatten(1).sort(dim=-1, descending=True, stable=True)
        scores, order = scores[:, : 2 * K], order[:, : 2 * K]  # twice as many: K may end, and K are to go on
        beams, tokens = order // V, order % V  # (B, 2K) both
        ends = torch.full_like(tokens, step == max_new_tokens, dtype=torch.bool)
        if eos is not None:
            ends |= tokens == eos
        for b in open_texts:
            for j in ends[b, :K].nonzero()[:, 0].tolist():
                if scores[b, j].isfinite():
                    text = torch.cat([ids[b * K + beams[b, j], T:], tokens[b, j : j + 1]])
                    ended[b].append((scores[b, j].item() / step**length_penalty, text))
            ended[b] = sorted(ended[b], key=lambda one: -one[0])[:K]
        go_on = scores.masked_fill(ends, -math.inf).sort(dim=-1, descending=True, stable=True)
        totals, best = go_on.values[:, :K], go_on.indices[:, :K]  # (B, K) both
        open_texts -= {b for b in open_texts if len(ended[b]) == K and
                       totals[b, 0].item() / step**length_penalty <= ended[b][-1][0]}  # fmt: skip
        if not open_texts or step == max_new_tokens:
            break
        rows = (beams.gather(1, best) + K * torch.arange(B, device=ids.device)[:, None]).flatten()  # (B * K,)
        ids = torch.cat([ids[rows], tokens.gather(1, best).view(-1, 1)], 1)
        mask = F.pad(mask[rows], (0, 1), value=True)
        reader.reorder(rows)
    texts = [one[0][1] if one else ids.new_empty(0) for one in ended]
    answer = ids.new_full((B, max(map(len, texts))), 0 if eos is None else eos)
    for row, text in zip(answer, texts):
        row[: len(text)] = text
    return torch.cat([ids[::K, :T], answer], 1)


# --- What comes in ----------------------------------------------------------------------------------------------------


def _front_padded(ids: Int[Tensor, "B T"], mask: Bool[Tensor, "B T"] | None) -> tuple[Tensor, Tensor]:
    """The prompts with all their padding in front, and the mask of that."""
    if mask is None:
        return ids, torch.ones_like(ids, dtype=torch.bool)
    require(mask.any(1).all(), "attention_mask", mask, "True once in each row: no prompt is all padding")
    holes = (mask[:, 1:] & ~mask[:, :-1]).sum(1) + mask[:, 0] > 1  # more than one run of tokens
    require(not holes.any(), "attention_mask", mask, "without a hole: padding stands around a text")
    order = mask.byte().argsort(dim=1, stable=True)  # padding first, tokens in their order
    longest = int(mask.sum(1).max())
    return ids.gather(1, order)[:, -longest:], mask.gather(1, order)[:, -longest:]


# --- Smaller weights --------------------------------------------------------------------------------------------------


@shaped
def quantize(model: Model, kind: Literal[linear.KINDS[1:]] = "int8") -> Model:
    """A copy of the model for the CPU in which every linear layer holds weights of 8 or 4 bits; the model is as it was.

    `kind`: "int8", "int8_dynamic" or "int4" (see `linear`); with "int4" the head, after which nothing evens out an
    error, has 8. What that costs is for you to measure: compare losses on a text. A table of vectors (tokens,
    positions) stays as it is, so a tied head becomes a second, smaller copy of it. ValueError for another `kind`.
    """
    small = copy.deepcopy(model).float().cpu().eval()
    for part in list(small.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.Linear):
                setattr(part, name, linear.small(child, "int8" if name == "head" and kind == "int4" else kind))
    return small.requires_grad_(False)
