"""Losses: how wrong a model is on a batch, and over how many answers that is the mean.

What it is. Functions of a model and a batch, as `training.train` and `training.evaluate` take them. Each returns a
pair: the mean, and how many answers it is the mean over. A label of -100 marks a place that does not count.

Nothing here waits for a GPU: no value is read, no tensor is indexed by booleans. So a count is a tensor, on the device
of the labels. Where nothing counts the mean is NaN, as torch has it, over 0: the training loop leaves such a batch out.

What it leaves out. Label smoothing, class weights, soft labels.

Shapes: B sequences, T places, V symbols or classes.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Integer, Real
from torch import Tensor, nn

from course_lib.settings import Rule, number, require, whole
from course_lib.shapes import shaped

IGNORED = -100  # torch's own default

Loss = tuple[Float[Tensor, ""], Int[Tensor, ""]]  # (the mean, over how many answers)
LossFunction = Callable[[nn.Module, Any], Tensor | tuple[Tensor, float | Tensor]]
AnyWhole = Annotated[int, Rule(lambda value: whole(value, -(2**63)), "a whole number")]
COUNTED = "a mean over something, not over 0 things: a batch must hold at least one that counts"


def loss_and_count(answer: Tensor | tuple[Tensor, float | Tensor]) -> tuple[Tensor, float | Tensor]:
    """What a loss function returned as a pair, looked at without reading a tensor. Where nothing counts the loss is 0.

    A mean on its own counts once. ValueError for what is no mean, and for a count that is no number of 0 or more.
    """
    loss, count = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, 1.0)
    one = isinstance(loss, Tensor) and loss.numel() == 1
    require(one, "what loss_fn returned", loss, "one number as a tensor, the mean loss of the batch")
    loss = loss.reshape(())
    if number(count) and count > 0:
        return loss, float(count)
    count = torch.zeros((), device=loss.device) if number(count) and count == 0 else count
    fits = isinstance(count, Tensor) and count.numel() == 1 and not count.is_complex()
    require(fits, "what loss_fn returned beside the loss", count, "one number, how many things count in the mean")
    count = count.detach().reshape(()).to(loss.device, non_blocking=loss.is_cuda)
    return loss.masked_fill(count == 0, 0.0), count  # the mean over nothing is NaN


@shaped
def mean_cross_entropy(
    logits: Float[Tensor, "*N V"], labels: Integer[Tensor, "*N"], ignore_index: AnyWhole = IGNORED
) -> Loss:
    """Mean of -log p(label) in nats over the labels that are not `ignore_index`, and how many they are.

    The logits are not copied where they lie in one piece. ValueError for labels that do not fit, such as (B, 1) beside
    (B,), and on the CPU, where to look costs nothing, for labels that have no score.

    >>> mean_cross_entropy(torch.zeros(3, 4), torch.tensor([0, -100, 3]))
    (tensor(1.3863), tensor(2))
    """
    labels = labels.long()
    try:
        mean = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=ignore_index)
    except IndexError:
        counted, V = labels[labels != ignore_index], logits.shape[-1]
        raise ValueError(f"The labels go from {counted.min()} to {counted.max()} and there are {V} scores: they must "
                         f"be from 0 to {V - 1}, or {ignore_index} where nothing is asked.") from None  # fmt: skip
    return mean, (labels != ignore_index).sum()


@shaped
def perplexity(
    log_probs: Real[Tensor, "*N"] | Real[np.ndarray, "*N"],
    mask: Bool[Tensor, "*N"] | Bool[np.ndarray, "*N"] | None = None,
) -> float:
    """exp of the mean of -log p, p in nats: among how many equally likely symbols the model is, on average, in doubt.

    `mask`: True where a symbol counts; padding does not, neither above nor below the fraction line.

    >>> round(perplexity(np.log([0.5, 0.125])), 6)  # 1/2 and 1/8: as good as 1/4 twice
    4.0
    """
    log_probs = torch.as_tensor(log_probs).double()
    log_probs = log_probs if mask is None else log_probs[torch.as_tensor(mask)]
    require(log_probs.numel() > 0, "mask", mask, "True for a symbol at least, and not all of it is masked")
    require(not (log_probs > 1e-6).any(), "log_probs", log_probs.max().item(), "0 or less: give log p and not -log p")
    return float(torch.exp(-log_probs.mean()))


def next_token_loss(model: nn.Module, batch: Tensor | Sequence[Tensor]) -> Loss:
    """Mean of -log p(next token) in nats, and over how many tokens. A batch is input_ids (B, T), perhaps with a mask.

    Works with any model that gives logits (B, T, V). The last place has nothing to predict; padding, on either side,
    neither is an answer nor gives one. ValueError for ids or masks that cannot be used.
    """
    input_ids, attention_mask = (*batch, None)[:2] if isinstance(batch, (tuple, list)) else (batch, None)
    labels = next_tokens(input_ids, attention_mask)  # before the model meets what may not be one
    logits = model(input_ids) if attention_mask is None else model(input_ids, attention_mask)
    return mean_cross_entropy(logits, labels)


@shaped
def next_tokens(
    input_ids: Integer[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
) -> Int[Tensor, "B T"]:
    """The label of each place: the token after it, or `IGNORED`. So labels are moved, and no logits need be."""
    require(input_ids.shape[1] > 1, "input_ids", tuple(input_ids.shape), "of a length of 2 or more, for a next token")
    answers = input_ids[:, 1:].long()
    if attention_mask is not None:
        answers = answers.masked_fill(~(attention_mask[:, 1:] & attention_mask[:, :-1]), IGNORED)
    return F.pad(answers, (0, 1), value=IGNORED)  # (B, T)


def classification_loss(model: nn.Module, batch: Sequence[Tensor]) -> Loss:
    """Mean of -log p(label) in nats, and over how many texts. A batch is (input_ids, attention_mask, labels)."""
    *inputs, labels = batch
    return mean_cross_entropy(model(*inputs), labels)


def accuracy(model: nn.Module, batch: Sequence[Tensor]) -> Loss:
    """The share of labels that have the highest score, and of how many: for `training.evaluate`."""
    *inputs, labels = batch
    return share_right(model(*inputs), labels)


@shaped
def share_right(scores: Float[Tensor, "*N V"], labels: Integer[Tensor, "*N"]) -> Loss:
    count = (labels != IGNORED).sum()
    right = (scores.argmax(-1) == labels) & ~scores.isnan().any(-1)  # argmax takes NaN for the highest
    return right.sum() / count, count
