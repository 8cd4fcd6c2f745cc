"""Losses: how wrong a model is on a batch, and over how many answers that is the mean.

What it is. Functions of a model and a batch, as `training.train` and `training.evaluate` take them. Each returns a
pair: the mean, and how many answers it is the mean over. A label of -100 marks a place that does not count.

Nothing here waits for a GPU: no value is read, no tensor is indexed by booleans. So a count is a tensor, on the device
of the labels. Where nothing counts the mean is NaN, as torch has it, over 0: the training loop leaves such a batch out.

What it leaves out. Label smoothing, class weights, soft labels.

Shapes: B sequences, T places, V symbols or classes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.settings import number, require, whole
from course_lib.shapes import check_tensor

IGNORED = -100  # torch's own default

Loss = tuple[Float[Tensor, ""], Int[Tensor, ""]]  # (the mean, over how many answers)
LossFunction = Callable[[nn.Module, Any], Tensor | tuple[Tensor, float | Tensor]]
NOTHING = "loss_fn returned a mean over 0 things: a batch must hold at least one that counts."


def loss_and_count(answer: Tensor | tuple[Tensor, float | Tensor]) -> tuple[Tensor, float | Tensor]:
    """What a loss function returned as a pair, looked at without reading a tensor. Where nothing counts the loss is 0.

    A mean on its own counts once. ValueError for what is no mean, and for a count that is no number of 0 or more.
    """
    loss, count = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, 1.0)
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
        raise ValueError(f"loss_fn returned {got}: it must return one number as a tensor, the mean loss of the batch.")
    loss = loss.reshape(())
    if number(count) and count > 0:
        return loss, float(count)
    count = torch.zeros((), device=loss.device) if number(count) and count == 0 else count
    if not isinstance(count, Tensor) or count.numel() != 1 or count.is_complex():
        got = count if isinstance(count, float | int) else f"a {type(count).__name__}"
        raise ValueError(f"loss_fn returned {got} beside the loss: return the mean, or with it how many things count.")
    count = count.detach().reshape(()).to(loss.device, non_blocking=loss.is_cuda)
    return loss.masked_fill(count == 0, 0.0), count  # the mean over nothing is NaN


def mean_cross_entropy(logits: Float[Tensor, "... V"], labels: Int[Tensor, "..."], ignore_index: int = IGNORED) -> Loss:
    """Mean of -log p(label) in nats over the labels that are not `ignore_index`, and how many they are.

    The logits are not copied where they lie in one piece. ValueError for labels of another shape or of no whole
    numbers, and on the CPU, where to look costs nothing, for labels that have no score.

    >>> mean_cross_entropy(torch.zeros(3, 4), torch.tensor([0, -100, 3]))
    (tensor(1.3863), tensor(2))
    """
    require(whole(ignore_index, -(2**63)), "ignore_index", ignore_index, "a whole number")
    _check_labels(labels, logits.shape[:-1])
    labels = labels.long()
    try:
        mean = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=ignore_index)
    except IndexError:
        counted, V = labels[labels != ignore_index], logits.shape[-1]
        raise ValueError(f"The labels go from {counted.min()} to {counted.max()} and there are {V} scores: they must "
                         f"be from 0 to {V - 1}, or {ignore_index} where nothing is asked.") from None  # fmt: skip
    return mean, (labels != ignore_index).sum()


def next_token_loss(model: nn.Module, batch: Tensor | Sequence[Tensor]) -> Loss:
    """Mean of -log p(next token) in nats, and over how many tokens. A batch is input_ids (B, T), perhaps with a mask.

    Works with any model that gives logits (B, T, V). The last place has nothing to predict; padding, on either side,
    neither is an answer nor gives one. ValueError for ids or masks that cannot be used.
    """
    input_ids, attention_mask = (*batch, None)[:2] if isinstance(batch, (tuple, list)) else (batch, None)
    check_tensor("input_ids", input_ids)
    if input_ids.ndim != 2 or input_ids.shape[1] < 2:
        raise ValueError(f"input_ids has the shape {tuple(input_ids.shape)}: a next token needs a length of 2 or more.")
    if not _whole_numbers(input_ids):
        raise ValueError(f"The token ids are of type {input_ids.dtype}: give whole numbers, of type torch.int64.")
    answers = input_ids[:, 1:].long()
    if attention_mask is not None:  # before the model meets it
        check_mask(attention_mask, input_ids)
        answers = answers.masked_fill(~(attention_mask[:, 1:] & attention_mask[:, :-1]), IGNORED)
    labels = F.pad(answers, (0, 1), value=IGNORED)  # (B, T): labels are moved, so that no logits need be
    logits = model(input_ids) if attention_mask is None else model(input_ids, attention_mask)
    return mean_cross_entropy(logits, labels)


def classification_loss(model: nn.Module, batch: Sequence[Tensor]) -> Loss:
    """Mean of -log p(label) in nats, and over how many texts. A batch is (input_ids, attention_mask, labels)."""
    *inputs, labels = batch
    return mean_cross_entropy(model(*inputs), labels)


def accuracy(model: nn.Module, batch: Sequence[Tensor]) -> Loss:
    """The share of labels that have the highest score, and of how many: for `training.evaluate`."""
    *inputs, labels = batch
    best = model(*inputs).argmax(-1)
    _check_labels(labels, best.shape)
    count = (labels != IGNORED).sum()
    return (best == labels).sum() / count, count


def check_mask(attention_mask: Bool[Tensor, "B T"], input_ids: Int[Tensor, "B T"]) -> None:
    """ValueError unless the mask is boolean and as large as the ids: as an index, 0 and 1 would be two *places*."""
    check_tensor("attention_mask", attention_mask)
    if attention_mask.dtype != torch.bool or attention_mask.shape != input_ids.shape:
        got = f"{attention_mask.dtype} of shape {tuple(attention_mask.shape)}"
        raise ValueError(f"attention_mask is {got}: it must be boolean, True for text, and of the shape of input_ids, "
                         f"{tuple(input_ids.shape)}.")  # fmt: skip


def _check_labels(labels: Tensor, shape: torch.Size) -> None:
    check_tensor("batch of labels", labels)
    if not _whole_numbers(labels):
        raise ValueError(f"The labels are of type {labels.dtype}: give whole numbers, of type torch.int64.")
    if labels.shape != shape:  # (B, 1) beside (B,) would compare each text with every other's label
        raise ValueError(f"There are labels of shape {tuple(labels.shape)} for answers of shape {tuple(shape)}: "
                         "give one label a text.")  # fmt: skip


def _whole_numbers(x: Tensor) -> bool:
    return not (x.is_floating_point() or x.is_complex() or x.dtype == torch.bool)
