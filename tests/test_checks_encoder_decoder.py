"""Lesson 13's checks: answers that differ from ours in form alone are accepted, and it is said which."""

import math

import torch
import torch.nn.functional as F

from course_lib.checks import encoder_decoder as check


def test_sines_beside_cosines_are_another_order():
    def halves(length, d_model):
        angles = torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, d_model, 2) / d_model)
        return torch.cat([angles.sin(), angles.cos()], dim=1)

    result = check.position_encoding(halves)
    assert result.status == "passed"
    assert "another order of columns" in result.message


def test_the_authors_own_program_is_accepted():
    """The signal of tensor2tensor: the frequencies' exponents run from 0 to 1, both included."""
    def signal(length, channels):
        pairs = channels // 2
        rates = torch.exp(torch.arange(pairs) * -(math.log(10_000) / max(pairs - 1, 1)))
        return torch.cat([torch.sin(torch.arange(length)[:, None] * rates),
                          torch.cos(torch.arange(length)[:, None] * rates)], dim=1)  # fmt: skip

    result = check.position_encoding(signal)
    assert result.status == "passed"
    assert "authors' own program" in result.message


def test_nothing_is_asked_after_the_last_token():
    """Reading the whole target and asking the last place for padding is the same loss."""
    def loss(decode, target_ids, pad_id):
        T = target_ids.shape[1]
        labels = torch.cat([target_ids[:, 1:], torch.full((len(target_ids), 1), pad_id)], dim=1)
        scores = decode(target_ids, torch.ones(T, T).tril().bool())
        return F.cross_entropy(scores.transpose(1, 2), labels, ignore_index=pad_id)

    assert check.teacher_forcing_loss(loss).status == "passed"


def test_ids_may_come_as_a_tensor():
    def match(decode, target, start_id, end_id, max_length):
        ids = torch.tensor([start_id])
        while len(ids) <= max_length and (token := decode(ids)[-1].argmax()) != end_id:
            ids = torch.cat([ids, token[None]])
        return ids[1:].tolist(), ids[1:].tolist() == target

    assert check.exact_match(match).status == "passed"
