"""head_start: frequencies by hand, a first loss that is counting's, and heads that look where they were told."""

import pytest
import torch
from test_pretrain import exercise

from course_lib import bert, gpt, head_start, pretrain


def test_frequencies_by_hand():
    found = head_start.log_frequencies(torch.tensor([0, 1, 0, 2]), 4)
    assert torch.allclose(found, torch.tensor([3, 2, 2, 1]).div(8).log())


def test_a_model_begins_at_the_loss_of_counting():
    """The bias is what it knows of pieces; its tables are as small as random ones would be."""
    tokenizer, pairs = exercise()
    torch.manual_seed(0)
    config = bert.BertConfig(vocab_size=9, context_length=16, d_model=8, num_layers=1, num_heads=2)
    model = bert.BertForPreTraining(config)
    head_start.begin(model, pairs)
    assert torch.equal(model.bias, head_start.log_frequencies(pairs.ids, 9))
    for table, size in ((model.bert.tokens.weight, 1), (model.bert.positions.weight, 2)):
        assert 0.5 * size * bert.STD < table.std() < 2 * size * bert.STD
    batches = [batch for batch, _ in zip(pairs(torch.Generator().manual_seed(0)), range(20))]
    labels = torch.cat([batch.labels for batch in batches])
    assert pretrain.masked_scores(model.eval(), batches)["loss"] == pytest.approx(
        -model.bias.detach()[labels].mean().item(), abs=0.1)  # fmt: skip


def test_heads_of_bert_begin_by_looking_at_their_neighbours():
    config = bert.BertConfig(vocab_size=30, context_length=48, d_model=160, num_layers=2, num_heads=4, dropout=0.0)
    torch.manual_seed(0)
    model = bert.BertForPreTraining(config)
    head_start.look_around(model)
    with torch.no_grad():
        attention = model.bert(torch.randint(30, (1, 48)), return_attention=True).attention[0, 0]  # (H, T, T)
    for weights, back in zip(attention, (1, -1, 2, -2), strict=True):
        assert weights.diagonal(-back).mean() > 0.8


def test_heads_begin_by_looking_back():
    """Head h at h + 1 tokens before, wherever it stands; what was random elsewhere stays as it was."""
    config = gpt.GPTConfig(vocab_size=30, context_length=48, d_model=96, num_layers=2, num_heads=3, dropout=0.0)
    torch.manual_seed(0)
    model = gpt.GPT(config)
    old = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    head_start.look_back(model)
    attention = gpt.trace(model, torch.randint(30, (48,))).attention[0]  # (H, T, T)
    for h, weights in enumerate(attention):
        assert weights.diagonal(-h - 1).mean() > 0.8
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, old[name])}
    assert changed == {"positions.weight", "blocks.0.attention.qkv.weight"}
    values = model.blocks[0].attention.qkv.weight[2 * 96 :]
    assert torch.equal(values, old["blocks.0.attention.qkv.weight"][2 * 96 :])
    odd = gpt.GPT(gpt.GPTConfig(vocab_size=5, context_length=4, d_model=6, num_layers=1, num_heads=2))
    with pytest.raises(ValueError, match="num_heads=3 .*must be even"):
        head_start.look_back(odd)


def test_lessons_find_them_in_pretrain():
    for name in ("begin", "log_frequencies", "look_around", "look_back", "skipgram_table"):
        assert getattr(pretrain, name) is getattr(head_start, name)
