"""BERT: equal to transformers' on random weights; sizes as the released models'; exercises as the paper's."""
import math

import pytest
import torch
import torch.nn.functional as F
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import bert, training
from course_lib.bert import BertConfig, BertForPreTraining, BertModel
from course_lib.checkpoints import their_names

SMALL = BertConfig(vocab_size=37, context_length=13, d_model=24, num_layers=2, num_heads=4, d_ff=40, dropout=0.0)


def small_batch(B=3, T=11, config=SMALL, seed=0):
    """Ids, a mask with padding at the end, and segments."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, config.vocab_size, (B, T), generator=rng)  # transformers keeps the gradient from embedding 0
    lengths = torch.randint(2, T + 1, (B,), generator=rng)
    lengths[0] = T
    return ids, torch.arange(T) < lengths[:, None], (torch.arange(T) >= T // 3).long().expand(B, T).contiguous()


# --- beside transformers ----------------------------------------------------------------------------------------------


def theirs_and_ours(config):
    """transformers' model with random weights, also in norms and biases, and ours with the same."""
    theirs = transformers.BertForPreTraining(transformers.BertConfig(
        vocab_size=config.vocab_size, hidden_size=config.d_model, num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads, intermediate_size=config.d_ff or 4 * config.d_model,
        max_position_embeddings=config.context_length, type_vocab_size=config.num_segments, layer_norm_eps=config.eps,
        attn_implementation="eager"))  # fmt: skip
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    ours, state = BertForPreTraining(config), theirs.state_dict()
    names = their_names(ours)
    ours.load_state_dict({a: state[b] for a, b in names.items()})
    return theirs.eval().double(), ours.eval().double(), names


CONFIGS = [
    SMALL,
    BertConfig(vocab_size=11, context_length=7, d_model=6, num_layers=1, num_heads=1, d_ff=5),
    BertConfig(vocab_size=50, context_length=20, d_model=32, num_layers=3, num_heads=8),
    BertConfig(vocab_size=23, context_length=16, d_model=20, num_layers=4, num_heads=2, num_segments=3, eps=1e-5),
    BertConfig(vocab_size=64, context_length=32, d_model=16, num_layers=2, num_heads=16, d_ff=64),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"d{c.d_model}-l{c.num_layers}-h{c.num_heads}")
def test_hidden_states_attentions_logits_loss_and_gradients_are_those_of_transformers(config):
    torch.manual_seed(config.d_model)
    theirs, ours, names = theirs_and_ours(config)
    T = min(11, config.context_length)
    ids, mask, kinds = small_batch(T=T, config=config)
    labels = torch.where(torch.rand(ids.shape) < 0.4, ids, -100).masked_fill(~mask, -100)
    labels[0, 1], follows = ids[0, 1], torch.tensor([0, 1, 1])
    right = theirs(input_ids=ids, attention_mask=mask.long(), token_type_ids=kinds, labels=labels,
                   next_sentence_label=follows, output_hidden_states=True, output_attentions=True)  # fmt: skip
    output = ours.bert(ids, mask, kinds, return_layers=True, return_attention=True)
    assert len(right.attentions) == config.num_layers, "eager attention gives its weights"
    torch.testing.assert_close(output.layers, torch.stack(right.hidden_states), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(output.attention, torch.stack(right.attentions), rtol=1e-9, atol=1e-9)
    places = (labels.flatten() >= 0).nonzero()[:, 0]
    tokens, next_logits = ours(ids, mask, kinds, places)
    every, _ = ours(ids, mask, kinds)
    torch.testing.assert_close(every.view(*ids.shape, -1), right.prediction_logits, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(tokens, right.prediction_logits.flatten(0, 1)[places], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(next_logits, right.seq_relationship_logits, rtol=1e-9, atol=1e-9)
    loss = ours.loss(bert.PreTrainingBatch(ids, mask, kinds, places, labels.flatten()[places], follows))
    torch.testing.assert_close(loss, right.loss, rtol=1e-9, atol=1e-9)
    loss.backward(), right.loss.backward()
    for a, b in names.items():
        grads = ours.get_parameter(a).grad, theirs.get_parameter(b).grad
        torch.testing.assert_close(*grads, rtol=1e-8, atol=1e-10)


def test_classifiers_are_those_of_transformers():
    config = transformers.BertConfig(vocab_size=37, hidden_size=24, num_hidden_layers=1, num_attention_heads=4,
                                     intermediate_size=40, max_position_embeddings=13, num_labels=5)  # fmt: skip
    small = BertConfig(vocab_size=37, context_length=13, d_model=24, num_layers=1, num_heads=4, d_ff=40)
    ids, mask, kinds = small_batch()
    for theirs, ours in [
        (transformers.BertForSequenceClassification(config), bert.BertForSequenceClassification(small, 5)),
        (transformers.BertForTokenClassification(config), bert.BertForTokenClassification(small, 5)),
    ]:
        state = theirs.state_dict()
        loaded = {a: state[b] for a, b in their_names(ours).items() if b in state}
        missing = ours.load_state_dict(loaded, strict=False).missing_keys
        assert all(name.startswith("bert.pooler") for name in missing), "their tagger has no pooler"
        right = theirs.eval()(input_ids=ids, attention_mask=mask.long(), token_type_ids=kinds).logits
        torch.testing.assert_close(ours.eval()(ids, mask, kinds), right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("size", "parameters"), [("base", 109_482_240), ("large", 335_141_888)])
def test_the_released_models_number_of_parameters(size, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in BertModel(bert.SIZES[size]).parameters()) == parameters


# --- what holds for any BERT ------------------------------------------------------------------------------------------


def test_padding_changes_nothing():
    torch.manual_seed(1)
    model = BertModel(SMALL).eval().double()
    ids, mask, kinds = small_batch()
    alone = model(ids[1:2, : mask[1].sum()], None, kinds[1:2, : mask[1].sum()])
    ids[1, mask[1].sum() :] = 5
    beside = model(ids, mask, kinds)
    torch.testing.assert_close(beside.hidden[1:2, : mask[1].sum()], alone.hidden, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(beside.pooled[1:2], alone.pooled, rtol=1e-10, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(1, 13), min_size=1, max_size=6))
def test_one_row_without_padding_gives_what_the_texts_give_alone(lengths):
    torch.manual_seed(1)
    model = BertModel(SMALL).eval().double()
    texts = [torch.randint(37, (length,)) for length in lengths]
    row = model(torch.cat(texts)[None], lengths=lengths)
    for text, hidden, pooled in zip(texts, row.hidden[0].split(lengths), row.pooled, strict=True):
        alone = model(text[None])
        torch.testing.assert_close(hidden, alone.hidden[0], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(pooled, alone.pooled[0], rtol=1e-10, atol=1e-10)


def test_a_row_without_padding_learns_as_a_padded_batch():
    torch.manual_seed(1)
    model = bert.BertForSequenceClassification(SMALL, 3).double()
    ids, mask, _ = small_batch()
    labels, grads = torch.tensor([0, 2, 1]), []
    rows = [text[kept] for text, kept in zip(ids, mask, strict=True)]
    for logits in (model(ids, mask), model(torch.cat(rows)[None], lengths=[len(row) for row in rows])):
        model.zero_grad()
        F.cross_entropy(logits, labels).backward()
        grads.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    torch.testing.assert_close(*grads, rtol=1e-9, atol=1e-12)


def test_an_all_padding_row_is_finite():
    ids, mask, kinds = small_batch()
    mask[2] = False
    assert BertModel(SMALL).eval()(ids, mask, kinds).hidden.isfinite().all()


@pytest.mark.parametrize("kind", [BertModel, BertForPreTraining])
def test_a_trace_holds_what_the_equations_name(kind):
    torch.manual_seed(2)
    model = kind(BertConfig(vocab_size=40, context_length=12, d_model=12, num_layers=2, num_heads=3)).train()
    body, ids = getattr(model, "bert", model), torch.tensor([2, 9, 9, 30, 3])
    seen = bert.trace(model, ids)
    assert model.training, "as it was"
    model.eval()
    first = body.norm(seen.token_vectors + seen.position_vectors + body.segments.weight[0])
    assert torch.allclose(seen.layers[0], first, atol=1e-6)
    assert torch.allclose((seen.query @ seen.key.mT / 4**0.5).softmax(-1), seen.attention, atol=1e-5)
    mixed = (seen.attention @ seen.value).transpose(1, 2).flatten(2)  # (L, T, D)
    for i, block in enumerate(body.blocks):
        after = block.attention_norm(seen.layers[i] + block.attention.output(mixed[i]))
        after = block.norm(after + block.output(F.gelu(block.hidden(after))))
        assert torch.allclose(after, seen.layers[i + 1], atol=1e-5)
    said = model(ids[None])[0] if kind is BertForPreTraining else model(ids[None]).hidden[0] @ model.tokens.weight.T
    assert seen.logits.shape == (3, 5, 40)
    assert torch.allclose(seen.logits[-1], said, atol=1e-5)
    assert not any(tensor.requires_grad for tensor in seen)


def test_an_untrained_model_knows_nothing():
    torch.manual_seed(0)
    model = BertForPreTraining(BertConfig(vocab_size=1000, d_model=64, num_layers=2, num_heads=2)).eval()
    tokens, follows = model(torch.randint(1000, (4, 30)))
    loss = F.cross_entropy(tokens, torch.randint(1000, (120,)))
    assert abs(loss.item() - math.log(1000)) < 0.1
    assert follows.softmax(-1).sub(0.5).abs().max() < 0.1


def test_the_decoder_is_the_token_table():
    model = BertForPreTraining(SMALL)
    assert sum(p.numel() for p in model.parameters()) == sum(
        p.numel() for p in BertModel(SMALL).parameters()) + 24 * 24 + 24 + 2 * 24 + 37 + 2 * 24 + 2  # fmt: skip


@pytest.mark.parametrize(("settings", "words"), [
    ({"d_model": 10, "num_heads": 3}, "d_model=10 cannot be used"), ({"vocab_size": 0}, "vocab_size=0"),
    ({"num_segments": 1.5}, "num_segments=1.5"), ({"d_ff": -1}, "d_ff=-1"),
])
def test_settings_that_cannot_be_used(settings, words):
    with pytest.raises(ValueError, match=words):
        BertConfig(**settings)


@pytest.mark.parametrize(("call", "words"), [
    (lambda m, ids, mask: m(ids.expand(3, 11).repeat(1, 2)), "22 positions and the model knows 13"),
    (lambda m, ids, mask: m(ids + 40), r"no token \d+: ids go from 0 to 36"),
    (lambda m, ids, mask: m(ids - 40), r"no token -\d+: ids go from 0 to 36"),
    (lambda m, ids, mask: m(ids, mask, torch.full_like(ids, 2)), "no segment 2: ids go from 0 to 1"),
    (lambda m, ids, mask: m(ids.float()), "input_ids is of type torch.float32"),
    (lambda m, ids, mask: m(ids, mask.long()), "attention_mask is of type torch.int64"),
    (lambda m, ids, mask: m(ids, mask[:, 1:]), r"attention_mask has shape \(3, 10\)"),
    (lambda m, ids, mask: m(ids, mask.flip(1)), r"attention_mask begins with False, .* padding must come after it"),
    (lambda m, ids, mask: m(ids[0]), r"input_ids has shape \(11,\)"),
    (lambda m, ids, mask: m(ids[:, :0]), "each 1 or more"),
    (lambda m, ids, mask: m(ids.tolist()), "input_ids is a list"),
    (lambda m, ids, mask: m(ids[:1], lengths=[5, 5]), r"lengths=\[5, 5\] .* which has shape \(1, 11\)"),
    (lambda m, ids, mask: m(ids, lengths=[5, 6]), r"one row of input_ids, which has shape \(3, 11\)"),
    (lambda m, ids, mask: m(ids[:1], mask[:1], lengths=[5, 6]), "None beside attention_mask"),
    (lambda m, ids, mask: m(ids[:1], lengths=[0, 11]), "lengths must be None or a list of whole numbers of 1 or more"),
    (lambda m, ids, mask: m(ids[:1], lengths=[5.0, 6.0]), "lengths must be None or a list of whole numbers"),
])
def test_input_that_does_not_fit(call, words):
    ids, mask, _ = small_batch()
    with pytest.raises(ValueError, match=words):
        call(BertModel(SMALL).eval(), ids, mask)


# --- masking ----------------------------------------------------------------------------------------------------------

WORDS = torch.arange(5, 1000)


def test_shares_of_masking():
    """200,000 tokens: 15% asked; of those 80% masked, 10% exchanged, 10% as they were."""
    ids = torch.randint(5, 1000, (400, 500), generator=torch.Generator().manual_seed(2))
    masked, places, labels = bert.mask_tokens(ids, ids > 0, 4, WORDS, torch.Generator().manual_seed(3))
    assert torch.equal(labels, ids.flatten()[places])
    seen = masked.flatten()[places]
    shares = [len(places) / ids.numel(), (seen == 4).float().mean(), (seen == labels).float().mean()]
    assert shares == pytest.approx([0.15, 0.8, 0.1 + 0.1 / 995], abs=0.006)
    others = torch.ones(ids.numel(), dtype=torch.bool)
    others[places] = False
    assert torch.equal(masked.flatten()[others], ids.flatten()[others]), "nothing else changes"


def test_special_tokens_and_padding_are_never_asked_and_strangers_are_words():
    ids = torch.randint(0, 1000, (50, 90), generator=torch.Generator().manual_seed(2))
    masked, places, _ = bert.mask_tokens(ids, ids >= 5, 4, WORDS[:7], torch.Generator().manual_seed(3))
    assert (ids.flatten()[places] >= 5).all()
    changed = masked[(masked != ids) & (masked != 4)]
    assert len(changed) > 20
    assert torch.isin(changed, WORDS[:7]).all()


def test_at_least_one_place_is_asked_and_the_same_generator_asks_the_same():
    ids = torch.tensor([[2, 77, 3]])
    for seed in range(30):
        masked, places, labels = bert.mask_tokens(ids, ids > 4, 4, WORDS, torch.Generator().manual_seed(seed))
        assert (places.tolist(), labels.tolist()) == ([1], [77])
    again = bert.mask_tokens(ids, ids > 4, 4, WORDS, torch.Generator().manual_seed(29))
    assert torch.equal(masked, again[0])
    with pytest.raises(ValueError, match="maskable=.* must be True somewhere"):
        bert.mask_tokens(ids, ids > 100, 4, WORDS)


# --- pairs ------------------------------------------------------------------------------------------------------------

SPECIAL = {"cls_id": 2, "sep_id": 3, "mask_id": 4}


def documents(count=20, sentences=9, seed=0):
    """Document d holds the ids 100 d to 100 d + 99 alone, in rising order, so that what follows can be told."""
    rng = torch.Generator().manual_seed(seed)
    made = []
    for d in range(1, count + 1):
        lengths = torch.randint(1, 9, (sentences,), generator=rng).tolist()
        ids = iter(range(100 * d, 100 * d + 100))
        made.append([[next(ids) for _ in range(length)] for length in lengths])
    return made


def pairs_of(batches):
    """(first text, second text, label) of each row, as it was before masking."""
    for batch in batches:
        ids = batch.input_ids.clone().flatten()
        ids[batch.masked_places] = batch.labels
        for row, kinds, mask, label in zip(ids.view(batch.input_ids.shape), batch.token_type_ids, batch.attention_mask,
                                           batch.next_sentence_label, strict=True):  # fmt: skip
            row, kinds = row[mask].tolist(), kinds[mask]
            a, b = row[: int((kinds == 0).sum())], row[int((kinds == 0).sum()) :]
            assert (a[0], a[-1], b[-1]) == (2, 3, 3)
            yield a[1:-1], b[:-1], int(label)


def test_the_second_text_follows_or_comes_from_another_document():
    made = bert.SentencePairs(documents(), **SPECIAL, words=range(100, 2200), context_length=24, batch_size=5)
    pairs = [pair for seed in range(20) for pair in pairs_of(made(torch.Generator().manual_seed(seed)))]
    labels = torch.tensor([label for *_, label in pairs]).float()
    assert 0.42 < labels.mean() < 0.62, "half of them, and the single sentences that nothing follows"
    for a, b, label in pairs:
        assert 1 <= len(a) and 1 <= len(b) and len(a) + len(b) + 3 <= 24  # noqa: PT018
        same = a[0] // 100 == b[0] // 100
        assert same == (label == 0)
        assert a == list(range(a[0], a[0] + len(a)))
        if label == 0:
            assert b == list(range(a[-1] + 1, a[-1] + 1 + len(b)))


def test_the_length_of_a_row_does_not_tell_a_stranger():
    """Half are strangers, and the best cut by length (of the first text, the second, both) finds next to none."""
    made = bert.SentencePairs(documents(60, 12), **SPECIAL, words=range(100, 6200), context_length=16, batch_size=50)
    pairs = [pair for seed in range(4) for pair in pairs_of(made(torch.Generator().manual_seed(seed)))]
    label = torch.tensor([label for *_, label in pairs]).bool()
    assert 0.47 < label.float().mean() < 0.53
    for lengths in ([len(a) for a, _, _ in pairs], [len(b) for _, b, _ in pairs], [len(a + b) for a, b, _ in pairs]):
        longer = torch.tensor(lengths) > torch.arange(16)[:, None]  # (cuts, pairs)
        right = (longer == label).float().mean(1)
        assert torch.max(right, 1 - right).max() < 0.56


def test_every_sentence_is_read_in_an_epoch_and_each_epoch_is_another():
    made = bert.SentencePairs(documents(), **SPECIAL, words=range(100, 2200), context_length=120, batch_size=5)
    epochs = [list(pairs_of(made(torch.Generator().manual_seed(seed)))) for seed in (1, 1, 2)]
    assert epochs[0] == epochs[1] != epochs[2]
    read = {i for a, b, label in epochs[0] for i in (a + b if label == 0 else a)}
    assert read == {i for document in documents() for sentence in document for i in sentence}


def test_long_sentences_are_cut_the_longer_text_first():
    long = [[list(range(100, 160)), [5, 6]], [list(range(300, 330)), list(range(400, 450))]]
    made = bert.SentencePairs(long, **SPECIAL, words=range(5, 500), context_length=21, batch_size=9)
    for a, b, _ in [pair for seed in range(9) for pair in pairs_of(made(torch.Generator().manual_seed(seed)))]:
        assert len(a) + len(b) == 18 or max(len(a), len(b)) <= 18
        assert len(a) >= min(9, len(a)) and (len(b) == 2 or len(b) == 9 or len(a) < 9)  # noqa: PT018


@pytest.mark.parametrize("made", [[], [[[5, 6]]], [[[5, 6]], [[], []]]])
def test_pairs_need_two_documents(made):
    with pytest.raises(ValueError, match="two with words in them, or more"):
        bert.SentencePairs(made, **SPECIAL, words=range(5, 9))


def test_pretraining_goes_through_the_one_loop():
    """A BERT of toy size learns to fill in a language of one rule: each token is followed by its successor."""
    torch.manual_seed(0)
    config = BertConfig(vocab_size=30, context_length=24, d_model=32, num_layers=1, num_heads=2, dropout=0.0)
    model = BertForPreTraining(config)
    texts = [[[5 + (start + i) % 25 for i in range(8)] for start in (d, d + 8)] for d in range(25)]
    made = bert.SentencePairs(texts, **SPECIAL, words=range(5, 30), context_length=24, batch_size=25)
    history = training.train(model, made, lambda m, batch: (m.loss(batch), len(batch.labels)),
                             training.TrainingConfig(steps=600, learning_rate=3e-3), progress=False)  # fmt: skip
    assert history.losses[0] > math.log(30) + math.log(2) - 0.3
    assert sum(history.losses[-10:]) / 10 < 2.2
