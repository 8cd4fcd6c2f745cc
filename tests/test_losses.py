"""losses: beside cross entropy over the places that count alone; what cannot be used never reaches the model."""

import doctest
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib import losses, sequences
from course_lib.losses import accuracy, classification_loss, mean_cross_entropy, next_token_loss, perplexity

B, T, V = 3, 7, 11
IDS = torch.arange(B * T).view(B, T) % V
MASK = torch.tensor([[True] * T, [True] * 4 + [False] * 3, [False] * 2 + [True] * 5])


def test_examples_in_the_docstrings():
    assert doctest.testmod(losses).attempted >= 1
    assert doctest.testmod(losses).failed == 0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.integers(2, 6), st.integers(1, 5), st.booleans(), st.integers(0, 10**6))
def test_next_token_loss_is_cross_entropy_over_the_places_that_count(B, T, V, masked, seed):
    torch.manual_seed(seed)
    ids, logits = torch.randint(V, (B, T)), torch.randn(B, T, V, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(B, T) < 0.7 if masked else torch.ones(B, T, dtype=torch.bool)
    counts = mask[:, 1:] & mask[:, :-1]
    loss, count = next_token_loss(lambda *_: logits, (ids, mask) if masked else ids)
    assert count == counts.sum()
    assert count.dtype == torch.int64
    if counts.any():
        expected = F.cross_entropy(logits[:, :-1][counts], ids[:, 1:][counts])
        torch.testing.assert_close(loss, expected)
        ours, theirs = (torch.autograd.grad(x, logits, retain_graph=True)[0] for x in (loss, expected))
        torch.testing.assert_close(ours, theirs)


def test_where_nothing_counts_the_mean_is_nan_over_0_and_pulls_at_nothing():
    logits = torch.randn(1, 3, V, requires_grad=True)
    loss, count = next_token_loss(lambda *_: logits, (IDS[:1, :3], torch.tensor([[True, False, True]])))
    assert (math.isnan(loss.item()), count) == (True, 0)
    assert (torch.autograd.grad(loss, logits)[0] == 0).all()


class Large(TorchDispatchMode):
    """Counts the tensors of `size` numbers or more that are new, and not a view of one that was there."""

    def __init__(self, size: int):
        super().__init__()
        self.size, self.made = size, []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        answer = func(*args, **(kwargs or {}))
        there = {x.untyped_storage().data_ptr() for x in args if isinstance(x, torch.Tensor)}
        for x in answer if isinstance(answer, tuple) else (answer,):
            if isinstance(x, torch.Tensor) and x.numel() >= self.size:
                if x.untyped_storage().data_ptr() not in there:
                    self.made.append(func.__name__)
        return answer


@pytest.mark.parametrize("batch", [IDS, (IDS, MASK)])
def test_logits_are_not_copied(batch):
    logits = torch.randn(B, T, V, requires_grad=True)
    with Large(V * (T - 1)) as large:
        next_token_loss(lambda *_: logits, batch)
    assert large.made == ["_log_softmax.default"]  # which torch keeps for the gradient


def test_ids_of_32_bits_are_whole_numbers_too():
    logits = torch.randn(B, T, V)
    expected = next_token_loss(lambda *_: logits, (IDS, MASK))
    for dtype in (torch.int32, torch.uint8):
        assert next_token_loss(lambda *_: logits, (IDS.to(dtype), MASK)) == expected


def test_a_score_of_nan_is_never_right():
    scores = torch.tensor([[math.nan, 1.0], [2.0, 1.0], [math.nan, math.nan]])
    assert losses.share_right(scores, torch.tensor([0, 0, 0]))[0] == pytest.approx(1 / 3)


def test_labels_that_do_not_count_are_in_no_mean():
    scores, labels = torch.randn(5, V), torch.tensor([3, -100, 0, 2, -100])
    scores[0, 3] = scores[2, 1] = scores[3, 4] = 9.0  # one of three is right
    real = labels != -100
    loss, count = classification_loss(lambda: scores, (labels,))
    torch.testing.assert_close(loss, F.cross_entropy(scores[real], labels[real]))
    share, number = accuracy(lambda: scores, (labels,))
    assert share == pytest.approx(1 / 3)
    assert count == number == 3
    loss, count = mean_cross_entropy(scores, labels.clamp(min=0), ignore_index=0)
    torch.testing.assert_close(loss, F.cross_entropy(scores[[0, 3]], labels[[0, 3]]))
    assert count == 2


def test_lessons_find_them_in_sequences():
    for name in ("next_token_loss", "classification_loss", "accuracy", "perplexity"):
        assert getattr(sequences, name) is getattr(losses, name)


@pytest.mark.parametrize(
    ("batch", "sentence"),
    [
        ((IDS, MASK.long()), "attention_mask is of type torch.int64: give booleans"),  # as an index: places 0 and 1
        ((IDS, MASK.float()), "attention_mask is of type torch.float32: give booleans"),
        ((IDS, MASK.to(torch.uint8)), "attention_mask is of type torch.uint8: give booleans"),
        ((IDS, MASK[:, 1:]), r"shape \(3, 6\) beside input_ids \(3, 7\): give \(B=3, T=7\)"),
        ((IDS, MASK.numpy()), "attention_mask is a ndarray: give a tensor"),
        ((IDS, MASK.tolist()), "attention_mask is a list: give a tensor"),
        (IDS.float(), "type torch.float32: give whole numbers"),
        ((IDS > 3, MASK), "type torch.bool: give whole numbers"),
        (IDS.numpy(), "input_ids is a ndarray: give a tensor"),
        (IDS[0], r"input_ids has shape \(7,\): give \(B, T\)"),
        (IDS[:, :1], "length of 2 or more"),
    ],
)
def test_batches_of_tokens_are_refused_before_the_model_meets_them(batch, sentence):
    def model(*_):
        raise AssertionError("the model was called")

    with pytest.raises(ValueError, match=sentence):
        next_token_loss(model, batch)


@pytest.mark.parametrize("loss", [classification_loss, accuracy])
@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (torch.ones(B), "labels is of type torch.float32: give whole numbers"),
        (torch.ones(B, dtype=torch.bool), "labels is of type torch.bool"),
        (torch.ones(B, V), "labels is of type torch.float32"),
        (torch.ones(B, 1).long(), r"labels has shape \(3, 1\) beside .* \(3, 11\): give \(\*N=\(3\)\)"),
        (torch.ones(B + 1).long(), r"labels has shape \(4,\)"),
        (np.ones(B, dtype=int), "labels is a ndarray: give a tensor"),
    ],
)
def test_labels_that_fit_nothing_are_refused(loss, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        loss(lambda ids: torch.zeros(B, V), (IDS, labels))


@pytest.mark.parametrize("index", [0.0, True, None, "pad", torch.tensor(0)])
def test_an_index_to_ignore_is_a_whole_number(index):
    with pytest.raises(ValueError, match="ignore_index=.*a whole number"):
        mean_cross_entropy(torch.zeros(B, V), torch.zeros(B).long(), ignore_index=index)


def test_perplexity_of_equal_chances_is_their_number():
    assert perplexity(torch.full((2, 3), -math.log(7.0))) == pytest.approx(7)
    assert perplexity(np.array([0.0, -math.inf])) == math.inf
    assert math.isnan(perplexity([math.nan, -1.0]))


def test_masked_symbols_count_neither_above_nor_below():
    log_probs = torch.tensor([[-1.0, -2.0, 0.0], [-3.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert perplexity(log_probs, mask) == pytest.approx(math.exp(2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([],), r"log_probs has shape \(0,\)"),
        (([-1.0], [False]), "all of it is masked"),
        (([0.5, -1.0],), "log_probs=.*0.5.* must be 0 or less"),
        (([-1.0, -2.0], [1, 0]), "mask is of type int64: give booleans"),
        (([-1.0, -2.0], [True]), r"\(2,\)"),
    ],
)
def test_perplexity_refuses(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        perplexity(*arguments)
