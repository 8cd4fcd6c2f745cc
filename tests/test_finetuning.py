"""finetuning: packed batches say what padded ones say; labels reach word pieces and come back; scores as seqeval's."""

import doctest
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import bert, finetuning, losses, training
from course_lib.bert import BertConfig, BertForSequenceClassification, BertForTokenClassification
from course_lib.finetuning import (
    Packed,
    Padded,
    accuracy,
    align_labels,
    bucketed_batches,
    entities,
    entity_f1,
    f1,
    macro_f1,
    packed_batches,
    predict,
    prepare,
    tags_of_words,
    words_of_pieces,
)

SMALL = BertConfig(vocab_size=40, context_length=30, d_model=16, num_layers=2, num_heads=2, dropout=0.0)
rng = random.Random(3)
TEXTS = [[1, *(rng.randrange(5, 40) for _ in range(n)), 2] for n in (3, 17, 1, 28, 0, 9, 9, 22, 5, 13, 2)]
LABELS = [rng.randrange(3) for _ in TEXTS]
TOKEN_LABELS = [[-100, *(rng.randrange(3) for _ in text[1:-1]), -100] for text in TEXTS]
TOKENS = sum(map(len, TEXTS))


def generator(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model(kind=BertForSequenceClassification, config=SMALL, seed=1):
    torch.manual_seed(seed)
    return kind(config, 3)


def examples(batch: Packed | Padded) -> list[tuple]:
    """The texts of a batch with their labels, as lists."""
    if isinstance(batch, Packed):
        texts = [row.tolist() for row in batch.input_ids[0].split(batch.lengths)]
        rows = batch.labels if batch.labels.ndim == 1 else batch.labels[0].split(batch.lengths)
    else:
        texts = [row[keep].tolist() for row, keep in zip(batch.input_ids, batch.attention_mask)]
        masks = batch.attention_mask
        rows = batch.labels if batch.labels.ndim == 1 else [row[keep] for row, keep in zip(batch.labels, masks)]
    return [(text, label.tolist()) for text, label in zip(texts, rows)]


# --- batches ----------------------------------------------------------------------------------------------------------

MAKERS = [
    pytest.param(lambda *data: packed_batches(*data, batch_size=4), id="packed"),
    pytest.param(lambda *data: packed_batches(*data, max_tokens=37), id="packed, by tokens"),
    pytest.param(lambda *data: bucketed_batches(*data, batch_size=4), id="bucketed"),
]


@pytest.mark.parametrize("labels", [LABELS, TOKEN_LABELS], ids=["texts", "tokens"])
@pytest.mark.parametrize("maker", MAKERS)
def test_each_text_comes_once_an_epoch_with_its_label(maker, labels):
    batches = maker(TEXTS, labels)
    first, again, other = ([examples(batch) for batch in batches(generator(seed))] for seed in (0, 0, 1))
    assert first == again != other
    key = str
    assert sorted((pair for batch in first for pair in batch), key=key) == sorted(zip(TEXTS, labels), key=key)


def test_a_batch_is_as_large_as_asked():
    lengths = [batch.lengths for batch in packed_batches(TEXTS, LABELS, max_tokens=37)(generator())]
    assert all(sum(some) <= 37 for some in lengths)
    assert all(sum(a) + b[0] > 37 for a, b in zip(lengths, lengths[1:]))  # the next text had no room
    for maker in (packed_batches, bucketed_batches):
        sizes = [len(examples(batch)) for batch in maker(TEXTS, LABELS, batch_size=4)(generator())]
        assert sorted(sizes) == [3, 4, 4]


def test_buckets_waste_little():
    """Two lengths, as many of each: but for the batch on the border, none is mixed."""
    texts = [[1] * (5 if i % 2 else 25) for i in range(400)]
    batches = list(bucketed_batches(texts, [0] * 400, batch_size=8)(generator()))
    assert sum(not batch.attention_mask.all() for batch in batches) <= 1
    orders = [batch.input_ids.shape[1] for batch in batches]
    assert orders != sorted(orders)


@pytest.mark.parametrize("kind", [BertForSequenceClassification, BertForTokenClassification])
def test_packed_and_padded_batches_have_one_loss_and_one_gradient(kind):
    labels = LABELS if kind is BertForSequenceClassification else TOKEN_LABELS
    found = []
    for maker in (packed_batches, bucketed_batches):
        bert_model = model(kind).double()
        (batch,) = maker(TEXTS, labels, batch_size=len(TEXTS))(generator())
        loss, count = finetuning.loss(bert_model, batch)
        loss.backward()
        assert count == (len(TEXTS) if kind is BertForSequenceClassification else TOKENS - 2 * len(TEXTS))
        found.append([loss.detach(), *(p.grad for p in bert_model.parameters() if p.grad is not None)])
    for packed, padded in zip(*found, strict=True):
        torch.testing.assert_close(packed, padded, atol=1e-12, rtol=1e-9)


def test_a_packed_text_knows_nothing_of_its_neighbours():
    """By hand: each text alone, through a plain call."""
    bert_model = model(BertForTokenClassification).eval()
    (batch,) = packed_batches(TEXTS, TOKEN_LABELS, batch_size=len(TEXTS))(generator())
    together = finetuning.logits(bert_model, batch)[0].split(batch.lengths)
    for (text, _), logits in zip(examples(batch), together):
        torch.testing.assert_close(logits, bert_model(torch.tensor([text]))[0], atol=1e-5, rtol=1e-5)


def test_a_model_learns_from_them_and_predicts_in_order():
    """Which token there is most of, and which token stands where."""
    texts = [[1, *(5 + i % 2 for k in range(i % 7 + 2)), 5 + i % 3, 2] for i in range(60)]
    labels = [max(text[1:-1], key=text.count) - 5 for text in texts]
    tokens = [[-100, *(t - 5 for t in text[1:-1]), -100] for text in texts]
    config = training.TrainingConfig(steps=150, learning_rate=5e-3, warmup_steps=10)
    classifier, tagger = model(), model(BertForTokenClassification)
    for one, gold in ((classifier, labels), (tagger, tokens)):
        batches = packed_batches(texts, gold, batch_size=16)
        history = training.train(one, batches, finetuning.loss, config, held_out=bucketed_batches(
            texts, gold, batch_size=16), progress=False)  # fmt: skip
        assert history.held_out[-1][1] < 0.2
    classifier.train()
    for max_tokens in (1, 20, 8192):  # a text longer than that has a batch of its own
        assert accuracy(labels, predict(classifier, texts, max_tokens)) == 1
    assert classifier.training
    found = predict(tagger, texts)
    assert [len(some) for some in found] == [len(text) for text in texts]
    assert all(a[1:-1] == b[1:-1] for a, b in zip(tokens, found))


def test_mean_vectors_are_those_of_each_text_read_alone():
    torch.manual_seed(3)
    body = bert.BertModel(BertConfig(vocab_size=50, context_length=12, d_model=8, num_layers=2, num_heads=2)).train()
    texts = [[2, 7, 9, 3], [2, 3], [2, *range(10, 20), 3], torch.tensor([2, 7, 9, 3])]
    vectors = finetuning.mean_vectors(body, texts, max_tokens=14)
    assert body.training, "as it was"
    assert vectors.shape == (4, 8)
    assert not vectors.requires_grad
    body.eval()
    for text, vector in zip(texts, vectors):
        mean = body(torch.as_tensor(text)[None]).hidden[0].mean(0)
        torch.testing.assert_close(vector, mean / mean.norm(), rtol=1e-5, atol=1e-5)
    assert torch.allclose(vectors, finetuning.mean_vectors(body, texts), atol=1e-6)
    with pytest.raises(ValueError, match="texts\\[1\\]=\\[\\] cannot"):
        finetuning.mean_vectors(body, [[2, 3], []])


def test_a_batch_of_one_text_of_one_token():
    for maker in (packed_batches, bucketed_batches):
        (batch,) = maker([[7]], [2], batch_size=4)(generator())
        loss, count = finetuning.loss(model(), batch)
        assert loss.isfinite()
        assert count == 1


def test_a_row_of_padding_alone_spoils_no_other():
    (batch,) = bucketed_batches(TEXTS, LABELS, batch_size=99)(generator())
    mask = batch.attention_mask.clone()
    mask[3] = False
    bert_model = model()
    with_it, without = (finetuning.logits(bert_model, b) for b in (batch._replace(attention_mask=mask), batch))
    assert with_it.isfinite().all()
    keep = torch.arange(len(TEXTS)) != 3
    torch.testing.assert_close(with_it[keep], without[keep], atol=1e-6, rtol=1e-5)
    with_it.sum().backward()
    assert all(p.grad.isfinite().all() for p in bert_model.parameters())


def test_labels_may_be_tensors_or_arrays():
    for labels in (torch.tensor(LABELS), torch.tensor(LABELS).numpy()):
        (batch,) = packed_batches([torch.tensor(text) for text in TEXTS], labels, batch_size=99)(generator())
        assert sorted(examples(batch)) == sorted(zip(TEXTS, LABELS))


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        ([], [], "There are 0 texts and 0 labels"),
        ([[1, 2]], [0, 1], "There are 1 texts and 2 labels"),
        ([[1], []], [0, 0], r"texts\[1\]=\[\] cannot be used: .* one token or more: leave it out"),
        ([[1], "two"], [0, 0], r"texts\[1\]='two' cannot be used: texts\[1\] must be a list of whole numbers"),
        ([[1], [2.5]], [0, 0], r"texts\[1\]=\[2.5\] cannot"),
        ([[1], [2]], [0, 0.5], r"labels\[1\]=0.5 cannot be used: labels\[1\] must be a whole number"),
        ([[1], [2]], [0, [1]], r"labels\[1\]=\[1\] cannot be used: labels\[1\] must be a whole number, as the others"),
        ([[1, 1], [2]], [[1, 1], [1, 2]], r"texts\[1\] has 1 tokens and labels\[1\] 2: give one label a token"),
        ([[1], [2]], [0, -1], r"labels\[1\]=-1 cannot be used: labels\[1\] must be from 0, or -100"),
    ],
)
def test_examples_that_cannot_be_used_are_told(texts, labels, said):
    for maker in (packed_batches, bucketed_batches):
        with pytest.raises(ValueError, match=said):
            maker(texts, labels, batch_size=2)


def test_a_number_too_large_is_kept_for_the_model_to_refuse():
    (batch,) = packed_batches([[2**40, 1]], [2**33], batch_size=1)(torch.Generator())
    assert (batch.input_ids.tolist(), batch.labels.tolist()) == ([[2**40, 1]], [2**33])


def test_sizes_that_cannot_be_used_are_told():
    with pytest.raises(ValueError, match="max_tokens=29 cannot be used: max_tokens must be 30 or more"):
        packed_batches(TEXTS, LABELS, max_tokens=29)
    with pytest.raises(ValueError, match="batch_size=None cannot .* given where max_tokens=None is None"):
        packed_batches(TEXTS, LABELS)
    for maker in (packed_batches, bucketed_batches):
        with pytest.raises(ValueError, match="batch_size=0 cannot be used"):
            maker(TEXTS, LABELS, batch_size=0)


def test_what_the_model_cannot_read_is_told():
    (batch,) = bucketed_batches(TEXTS, LABELS, batch_size=99)(generator())
    with pytest.raises(ValueError, match="attention_mask is of type torch.int64: give booleans"):
        finetuning.loss(model(), batch._replace(attention_mask=batch.attention_mask.long()))
    with pytest.raises(ValueError, match=r"attention_mask has shape \(11, 29\)"):
        finetuning.loss(model(), batch._replace(attention_mask=batch.attention_mask[:, 1:]))
    for maker in (packed_batches, bucketed_batches):
        (batch,) = maker(TEXTS, [7] * len(TEXTS), batch_size=99)(generator())
        with pytest.raises(ValueError, match="labels go from 7 to 7 and there are 3 scores: they must be from 0 to 2"):
            finetuning.loss(model(), batch)
        (batch,) = maker([[5] * 31], [0], batch_size=1)(generator())
        with pytest.raises(ValueError, match="The sequence has 31 positions and the model knows 30"):
            finetuning.loss(model(), batch)
        (batch,) = maker([[5, 40]], [0], batch_size=1)(generator())
        with pytest.raises(ValueError, match="There is no token 40: ids go from 0 to 39"):
            finetuning.loss(model(), batch)


# --- frozen, full, from scratch ---------------------------------------------------------------------------------------


def test_three_ways_to_begin():
    pretrained = bert.BertForPreTraining(SMALL).bert
    body, head = sum(p.numel() for p in pretrained.parameters()), 16 * 3 + 3
    for how, learning, alike in (("scratch", body + head, False), ("full", body + head, True), ("frozen", head, True)):
        one = model()
        before = one.classifier.weight.clone()
        said = prepare(one, how, None if how == "scratch" else pretrained)
        assert said == (learning, body + head)
        assert str(said) == f"{learning:,} of {body + head:,} parameters learn"
        assert torch.equal(one.bert.tokens.weight, pretrained.tokens.weight) == alike
        assert torch.equal(one.classifier.weight, before)
        frozen = [p.clone() for p in one.bert.parameters()]
        training.train(one, packed_batches(TEXTS, LABELS, batch_size=4), finetuning.loss,
                       training.TrainingConfig(steps=2), progress=False)  # fmt: skip
        assert not torch.equal(one.classifier.weight, before)
        assert all(map(torch.equal, frozen, one.bert.parameters())) == (how == "frozen")
    prepare(one, "full", pretrained)  # a frozen one thaws
    assert all(p.requires_grad for p in one.parameters())
    assert all(p.requires_grad for p in pretrained.parameters())


def test_a_frozen_body_keeps_its_dropout():
    config = BertConfig(**{**vars(SMALL), "dropout": 0.5})
    one = model(config=config)
    prepare(one, "frozen", bert.BertModel(SMALL))  # another dropout is no other build
    one.train()
    ids = torch.tensor([TEXTS[1]])
    assert not torch.equal(one.bert(ids).pooled, one.bert(ids).pooled)
    assert not one.bert(ids).pooled.requires_grad


def test_bodies_that_do_not_fit_are_told():
    with pytest.raises(ValueError, match=r"pretrained.config=BertConfig\(.* must be as the model's, .*heads=2"):
        prepare(model(), "full", bert.BertModel(BertConfig(**{**vars(SMALL), "num_heads": 4})))
    prepare(model(), "full", bert.BertModel(BertConfig(**{**vars(SMALL), "d_ff": 64})))  # said, or left to 4 * d_model
    with pytest.raises(ValueError, match="how='frozen' cannot be used: how must be 'scratch' without"):
        prepare(model(), "frozen")
    with pytest.raises(ValueError, match="how='scratch' cannot be used: how must be 'scratch' without"):
        prepare(model(), "scratch", bert.BertModel(SMALL))
    with pytest.raises(ValueError, match="how='half' cannot be used: how must be 'scratch' or 'full' or 'frozen'"):
        prepare(model(), "half")


# --- words and their pieces -------------------------------------------------------------------------------------------


def test_examples_in_the_docstrings():
    assert doctest.testmod(finetuning).attempted >= 5
    assert doctest.testmod(finetuning).failed == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.text("abéß中", min_size=1, max_size=6), min_size=1, max_size=8), st.data())
def test_labels_reach_the_first_pieces_and_come_back(words, data):
    """Words cut at random places, with special tokens around: which piece is whose is known from the cutting."""
    offsets, whose, at = [(0, 0)], [None], 0
    for number, word in enumerate(words):
        cuts = sorted({0, len(word), *data.draw(st.lists(st.integers(0, len(word)), max_size=3))})
        offsets += [(at + a, at + b) for a, b in zip(cuts, cuts[1:])]
        whose += [number] * (len(cuts) - 1)
        at += len(word) + 1
    offsets, whose = [*offsets, (0, 0)], [*whose, None]
    pieces = words_of_pieces(words, offsets)
    assert pieces == whose
    labels = data.draw(st.lists(st.integers(0, 5), min_size=len(words), max_size=len(words)))
    aligned = align_labels(pieces, labels)
    assert [label for label in aligned if label != losses.IGNORED] == labels
    assert all(label == losses.IGNORED for label, a, b in zip(aligned[1:], whose[1:], whose) if a == b)
    tags = [str(label) for label in aligned]
    assert tags_of_words(pieces, tags, len(words)) == [str(label) for label in labels]
    cut = data.draw(st.integers(1, len(pieces)))
    known = {word for word in pieces[:cut] if word is not None}
    assert tags_of_words(pieces[:cut], tags[:cut], len(words)) == [
        str(label) if word in known else "O" for word, label in enumerate(labels)]  # fmt: skip


def test_the_words_of_a_real_tokenizer():
    """tokenizers' own word_ids for split words, where its offsets are those of the joined text."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(
        {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "em": 3, "##bed": 4, "##s": 5, "Zo": 6, "##ë": 7, "the": 8, "un": 9},
        unk_token="[UNK]"))  # fmt: skip
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])  # fmt: skip
    words = ["Zoë", "embeds", "the", "xyz", "embed"]
    theirs = tokenizer.encode(words, is_pretokenized=True)
    joined = tokenizer.encode(" ".join(words))
    assert joined.ids == theirs.ids == [1, 6, 7, 3, 4, 5, 8, 0, 3, 4, 2]
    assert words_of_pieces(words, joined.offsets) == theirs.word_ids
    assert words_of_pieces(words, torch.tensor(joined.offsets).tolist()) == theirs.word_ids


def test_a_space_belongs_to_the_word_after_it():
    """Byte-level pieces bring it along."""
    assert words_of_pieces(["a", "bc", "d"], [(0, 1), (1, 3), (3, 4), (4, 6)]) == [0, 1, 1, 2]


def test_pieces_of_another_text_are_told():
    with pytest.raises(ValueError, match="offset=\\(4, 6\\) cannot .* in a text of 4 characters: join the words"):
        words_of_pieces(["ab", "c"], [(0, 2), (4, 6)])
    with pytest.raises(ValueError, match="There is no word 2: ids go from 0 to 1"):
        align_labels([None, 0, 2], [1, 1])
    with pytest.raises(ValueError, match="There are 2 pieces and 1 tags"):
        tags_of_words([None, 0], ["O"], 1)


# --- scores -----------------------------------------------------------------------------------------------------------

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
RECORDED = [  # (gold, predicted, precision, recall, F1), by seqeval 1.2.2, mode="strict", scheme=IOB2
    ("B-PER I-PER O B-LOC", "B-PER I-PER O B-LOC", 1.0, 1.0, 1.0),
    ("B-PER I-PER O B-LOC", "B-PER O O B-LOC", 0.5, 0.5, 0.5),  # cut short: wrong
    ("B-PER I-PER I-PER", "B-PER B-PER I-PER", 0.0, 0.0, 0.0),
    ("B-PER B-PER", "B-PER I-PER", 0.0, 0.0, 0.0),
    ("B-PER O", "I-PER O", 0.0, 0.0, 0.0),  # an I- that begins is nothing: in the lenient mode this is 1.0
    ("B-PER I-LOC", "B-PER O", 1.0, 1.0, 1.0),  # nor is one of another kind
    ("B-LOC I-LOC O O", "B-LOC I-LOC O B-PER", 0.5, 1.0, 2 / 3),
    ("O O", "O O", 0.0, 0.0, 0.0),
    ("O O", "B-LOC I-LOC", 0.0, 0.0, 0.0),
    ("B-work-of-art I-work-of-art", "B-work-of-art I-work-of-art", 1.0, 1.0, 1.0),
]


@pytest.mark.parametrize(("gold", "predicted", "precision", "recall", "score"), RECORDED)
def test_entities_are_counted_as_seqeval_counts_them(gold, predicted, precision, recall, score):
    assert entity_f1([gold.split()], [predicted.split()]) == pytest.approx((precision, recall, score))


def spans(tags: list[str]) -> set:
    """Every stretch of a sentence that reads B-X I-X ... I-X and does not go on."""
    found = set()
    for i in range(len(tags)):
        for j in range(i + 1, len(tags) + 1):
            kind = tags[i][2:]
            if tags[i:j] == [f"B-{kind}", *[f"I-{kind}"] * (j - i - 1)] and tags[j : j + 1] != [f"I-{kind}"]:
                found.add((kind, i, j))
    return found


SENTENCE = st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(SENTENCE, min_size=1, max_size=3))
def test_entities_by_another_way(sentences):
    gold, predicted = ([[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1))
    assert [set(entities(tags)) for tags in gold] == [spans(tags) for tags in gold]
    there, found = ({(i, *span) for i, tags in enumerate(side) for span in spans(tags)} for side in (gold, predicted))
    score = entity_f1(gold, predicted)
    assert score.precision * len(found) == pytest.approx(len(there & found))
    assert score.recall * len(there) == pytest.approx(len(there & found))
    both = score.precision + score.recall
    assert score.f1 == pytest.approx(2 * score.precision * score.recall / both if both else 0.0)


def test_sentences_are_counted_together():
    """By hand: three entities, three found, two right; and one at the end of a sentence does not run into the next."""
    gold = [["B-PER", "I-PER"], ["I-PER", "B-LOC"], ["B-LOC"]]
    predicted = [["B-PER", "I-PER"], ["B-PER", "B-LOC"], ["O"]]
    assert entity_f1(gold, predicted) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


@pytest.mark.parametrize("tag", ["ORG", "PER", "O-PER", "E-PER", "B-", "B", "", "b-PER"])
def test_a_tag_without_a_prefix_is_refused(tag):
    """seqeval reads ORG as the kind RG."""
    with pytest.raises(ValueError, match=f"tag={tag!r} cannot be used: tag must be O, or B- or I- and a kind"):
        entity_f1([["O", tag]], [["O", "O"]])


@pytest.mark.parametrize(("tag", "better"), [("PER", "B-PER"), ("b-PER", "B-PER"), ("E-PER", "B-PER")])
def test_a_tag_that_would_do_is_named(tag, better):
    with pytest.raises(ValueError, match=f"a kind, as {better}\\."):
        entities([tag])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_label_scores_by_a_table(pairs):
    gold, predicted = zip(*pairs)
    table = torch.zeros(4, 4)
    for a, b in pairs:
        table[a, b] += 1
    seen = (table.sum(0) + table.sum(1)) > 0
    each = 2 * table.diag() / (table.sum(0) + table.sum(1)).clamp(min=1)
    assert accuracy(gold, predicted) == pytest.approx(float(table.trace() / table.sum()))
    assert macro_f1(gold, predicted) == pytest.approx(float(each[seen].mean()))
    for label in range(4):
        score = f1(gold, predicted, label)
        assert score.f1 == pytest.approx(float(each[label]))
        assert score.precision == pytest.approx(float(table[label, label] / table[:, label].sum().clamp(min=1)))
        assert score.recall == pytest.approx(float(table[label, label] / table[label].sum().clamp(min=1)))


def test_label_scores_as_scikit_learn_gives_them():
    """Recorded with scikit-learn 1.9.1: f1_score(..., average="macro"), precision_recall_fscore_support."""
    gold, predicted = [0, 1, 2, 2, 1, 0, 2, 1], [0, 2, 2, 1, 1, 0, 2, 3]
    assert macro_f1(gold, predicted) == pytest.approx(0.5166666666666666)
    assert f1([1, 0, 1, 1, 0, 0], [1, 1, 0, 1, 0, 1]) == pytest.approx((0.5, 2 / 3, 4 / 7))


@pytest.mark.parametrize("kind", [torch.tensor, lambda labels: list(torch.tensor(labels))])
def test_labels_in_tensors_are_compared_by_their_value(kind):
    gold, predicted = [0, 1, 2, 2, 1, 0, 2, 1], [0, 2, 2, 1, 1, 0, 2, 3]
    for score in (accuracy, f1, macro_f1):
        assert score(kind(gold), kind(predicted)) == score(gold, predicted)
        assert score([0, *kind(gold)], [1, *kind(predicted)]) == score([0, *gold], [1, *predicted])


def test_a_column_of_labels_and_scores_for_labels_are_refused():
    for score in (accuracy, f1, macro_f1):
        with pytest.raises(ValueError, match="gold must be one label each"):
            score(torch.tensor([[1], [0]]), [1, 0])
        with pytest.raises(ValueError, match="predicted must be one label each"):
            score([1, 0], torch.tensor([[0.1, 0.9], [0.8, 0.2]]))


def test_answers_that_do_not_match_are_told():
    for score in (accuracy, f1, macro_f1, entity_f1):
        with pytest.raises(ValueError, match="There are 2 right answers and 1 predicted ones"):
            score([0, 1], [0])
        with pytest.raises(ValueError, match="There are 0 right answers and 0 predicted ones"):
            score([], [])
    with pytest.raises(ValueError, match="predicted\\[1\\]=.* must be of 2 tags"):
        entity_f1([["O"], ["O", "O"]], [["O"], ["O"]])
