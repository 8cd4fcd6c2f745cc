"""Fine-tuning: a pretrained body, a fresh head, and texts that people have labelled.

What it is. `prepare` sets up the three ways to compare: train all, train the head on a frozen body, start from random
weights. `packed_batches` and `bucketed_batches` make batches for `training.train` that waste little or nothing on
padding; `loss` reads both. `words_of_pieces`, `align_labels` and `tags_of_words` carry labels from words to word pieces
and back. `predict` answers, and `accuracy`, `f1`, `macro_f1`, `entity_f1` say how well. `mean_vectors` is what a body
makes of whole texts without any head.

    model = BertForSequenceClassification(config, num_labels=2)
    print(prepare(model, "full", pretrained.bert))                      # 11,171,074 of 11,171,074 parameters learn
    training.train(model, packed_batches(texts, labels, batch_size=32), finetuning.loss)
    accuracy(held_labels, predict(model, held_texts))

Here a text is a list of token ids, special tokens included. Its label is a whole number; where single words are
labelled, a list of one for each token. -100 marks what has no label.

What it leaves out. Pairs of texts, regression, and a kernel that runs a whole packed row at once, as GPUs have.

Papers. Devlin et al. (2019), "BERT", section 4 and appendix A.3; Howard & Ruder (2018), "Universal Language Model
Fine-tuning for Text Classification"; Krell et al. (2021), "Efficient Sequence Packing without Cross-contamination";
Ramshaw & Marcus (1995), "Text Chunking using Transformation-Based Learning", for the tags; Tjong Kim Sang & De Meulder
(2003), "Introduction to the CoNLL-2003 Shared Task", for the score of entities.

Shapes: B texts, T tokens of the longest, N tokens of all.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Annotated, Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from course_lib import device as devices
from course_lib.bert import BertConfig, BertModel
from course_lib.losses import IGNORED, Loss, mean_cross_entropy
from course_lib.settings import Rule, Size, require, require_as_many, require_ids
from course_lib.shapes import plain, shaped
from course_lib.training import evaluation_mode

Text = Sequence[int] | Int[Tensor, " T"]
Labels = Sequence[int] | Sequence[Sequence[int]]  # one a text, or one a token
OneEach = Annotated[Sequence[Hashable], Rule(lambda some: all(isinstance(one, Hashable) for one in plain(some)),
                                             "one label each, and not a list of them")]  # fmt: skip

# --- Frozen, full, from scratch ---------------------------------------------------------------------------------------

WAYS = ("scratch", "full", "frozen")


class Learning(NamedTuple):
    """How many of a model's parameters learn."""

    learning: int
    all: int

    def __str__(self) -> str:
        return f"{self.learning:,} of {self.all:,} parameters learn"


@shaped
def prepare(model: nn.Module, how: Literal[WAYS], pretrained: BertModel | None = None) -> Learning:
    """Make a model with a body `model.bert` ready to learn, and say how many of its parameters will.

    how: "scratch" leaves it as it is, random; "full" gives the body `pretrained`'s weights; "frozen" does too, and then
    only the head learns. The pooler is of the body. A frozen body keeps its dropout in training, as one that learns: it
    is the weights that are frozen. The head is never touched. ValueError where the two bodies are not of one build.
    """
    require((pretrained is None) == (how == "scratch"), "how", how, "'scratch' without a pretrained body alone")
    if pretrained is not None:
        ours, theirs = _build(model.bert.config), _build(pretrained.config)
        require(ours == theirs, "pretrained.config", theirs, f"as the model's, {ours}")
        model.bert.load_state_dict(pretrained.state_dict())
    model.requires_grad_(True)
    model.bert.requires_grad_(how != "frozen")
    sizes = [(p.numel() if p.requires_grad else 0, p.numel()) for p in model.parameters()]
    return Learning(*map(sum, zip(*sizes)))


def _build(config: BertConfig) -> BertConfig:
    """What must be alike for weights to mean the same."""
    return replace(config, dropout=0.0, d_ff=config.d_ff or 4 * config.d_model)


# --- Batches ----------------------------------------------------------------------------------------------------------


class Packed(NamedTuple):
    """Texts one after another in one row: nothing is padded, and attention keeps to each text by its length."""

    input_ids: Int[Tensor, "1 N"]
    lengths: tuple[int, ...]
    labels: Int[Tensor, " B"] | Int[Tensor, "1 N"]


class Padded(NamedTuple):
    """A text a row, filled up to the longest. The mask is True for a token, False for padding."""

    input_ids: Int[Tensor, "B T"]
    attention_mask: Bool[Tensor, "B T"]
    labels: Int[Tensor, " B"] | Int[Tensor, "B T"]


Epoch = Callable[[torch.Generator], Iterator[Packed | Padded]]


@shaped
def packed_batches(
    texts: Sequence[Text], labels: Labels, *, batch_size: Size | None = None, max_tokens: Size | None = None
) -> Epoch:
    """Padding-free batches for `train`, each epoch in a new order: of `batch_size` texts, or of up to `max_tokens`.

    The linear layers, which cost most, then see real tokens alone. ValueError for texts or labels that cannot be used.
    """
    texts, labels = _examples(texts, labels)
    one = (batch_size is None) != (max_tokens is None)
    require(one, "batch_size", batch_size, f"given where max_tokens={max_tokens} is None, and only there")
    longest = max(map(len, texts))
    require(batch_size or max_tokens >= longest, "max_tokens", max_tokens, f"{longest} or more, for the longest text")

    def epoch(generator: torch.Generator) -> Iterator[Packed]:
        order = torch.randperm(len(texts), generator=generator).tolist()
        for rows in _pieces(order, batch_size) if batch_size else _filled(order, texts, max_tokens):
            yield pack([texts[i] for i in rows], [labels[i] for i in rows])

    return epoch


@shaped
def bucketed_batches(texts: Sequence[Text], labels: Labels, *, batch_size: Size, pad_id: int = 0) -> Epoch:
    """Padded batches of texts of like length, for `train`: what to do where a model cannot read packed rows.

    Each epoch 50 batches at a time are drawn, sorted by length and cut, and all batches come in random order: a text
    meets others of its length, but not always the same. ValueError for texts or labels that cannot be used.
    """
    texts, labels = _examples(texts, labels)

    def epoch(generator: torch.Generator) -> Iterator[Padded]:
        order = torch.randperm(len(texts), generator=generator).tolist()
        buckets = [sorted(some, key=lambda i: len(texts[i])) for some in _pieces(order, 50 * batch_size)]
        batches = [rows for bucket in buckets for rows in _pieces(bucket, batch_size)]
        for place in torch.randperm(len(batches), generator=generator).tolist():
            yield pad([texts[i] for i in batches[place]], [labels[i] for i in batches[place]], pad_id)

    return epoch


def pack(texts: Sequence[Tensor], labels: Sequence[Tensor]) -> Packed:
    """One batch without padding; the labels are one number a text, or as many as it has tokens."""
    rows = torch.stack(list(labels)) if labels[0].ndim == 0 else torch.cat(list(labels))[None]
    return Packed(torch.cat(list(texts)).long()[None], tuple(map(len, texts)), rows.long())


def pad(texts: Sequence[Tensor], labels: Sequence[Tensor], pad_id: int = 0) -> Padded:
    """One batch with padding on the right, which has no label."""
    one_a_text = labels[0].ndim == 0
    rows = torch.stack(list(labels)) if one_a_text else pad_sequence(list(labels), True, IGNORED)
    mask = pad_sequence([torch.ones(len(text), dtype=torch.bool) for text in texts], True)
    return Padded(pad_sequence(list(texts), True, pad_id).long(), mask, rows.long())


def loss(model: nn.Module, batch: Packed | Padded) -> Loss:
    """Mean of -log p(label) in nats, and over how many labels: for `training.train` and `training.evaluate`."""
    return mean_cross_entropy(logits(model, batch), batch.labels)


def logits(model: nn.Module, batch: Packed | Padded) -> Float[Tensor, "B labels"] | Float[Tensor, "B T labels"]:
    """The model's answers to a batch of either kind."""
    if isinstance(batch, Packed):
        return model(batch.input_ids, lengths=batch.lengths)
    return model(batch.input_ids, batch.attention_mask)


def _pieces(rows: list[int], size: int) -> Iterator[list[int]]:
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _filled(order: Sequence[int], texts: Sequence[Tensor], max_tokens: int) -> Iterator[list[int]]:
    """Rows in their order, a new batch begun before it would hold more than `max_tokens`."""
    batch, tokens = [], 0
    for i in order:
        if batch and tokens + len(texts[i]) > max_tokens:
            yield batch
            batch, tokens = [], 0
        batch.append(i)
        tokens += len(texts[i])
    yield batch


def _examples(texts: Sequence[Text], labels: Labels) -> tuple[list[Tensor], list[Tensor]]:
    """Texts and labels as tensors of whole numbers (in 32 bits, half the memory), or a ValueError."""
    require_as_many(1, texts=texts, labels=labels)
    texts = [_whole_numbers(f"texts[{i}]", text, 1) for i, text in enumerate(texts)]
    axes = 0 if not hasattr(labels[0], "__len__") or getattr(labels[0], "ndim", 1) == 0 else 1
    labels = [_whole_numbers(f"labels[{i}]", label, axes) for i, label in enumerate(labels)]
    for i, (text, label) in enumerate(zip(texts, labels)):
        if axes and len(text) != len(label):
            raise ValueError(f"texts[{i}] has {len(text)} tokens and labels[{i}] {len(label)}: give one label a token.")
        require(not ((label < 0) & (label != IGNORED)).any(), f"labels[{i}]", label.tolist(), f"from 0, or {IGNORED}")
    return texts, labels


def _whole_numbers(name: str, values: object, axes: int) -> Tensor:
    try:
        tensor = torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        tensor = None
    if tensor is None or tensor.ndim != axes or (tensor.numel() and tensor.dtype in NO_WHOLE_NUMBERS):
        require(False, name, values, "a list of whole numbers" if axes else "a whole number, as the others")
    require(tensor.numel() > 0, name, values, "one token or more: leave it out, or give its special tokens")
    small = tensor.to("cpu", torch.int32)
    return small if torch.equal(small.long(), tensor.cpu().long()) else tensor.cpu()  # an id that is none, to be named


NO_WHOLE_NUMBERS = {torch.bool, torch.float16, torch.bfloat16, torch.float32, torch.float64}

# --- Words and their pieces -------------------------------------------------------------------------------------------


def words_of_pieces(words: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[int | None]:
    """The number of the word that each piece belongs to; None for a token that stands for no text, such as [CLS].

    `offsets` are places in the text that a tokenizer was given: the words with one space between them.

    >>> words_of_pieces(["Zoë", "embeds"], [(0, 0), (0, 3), (4, 6), (6, 10), (0, 0)])
    [None, 0, 1, 1, None]
    """
    ends = list(accumulate(words, lambda end, word: end + 1 + len(word), initial=-1))[1:]
    found = []
    for start, end in offsets:
        inside = start >= end or 0 <= start < ends[-1]
        require(inside, "offset", (start, end), f"in a text of {ends[-1]} characters: join the words by one space")
        found.append(bisect_right(ends, int(start)) if start < end else None)  # a space belongs to the word after it
    return found


def align_labels(pieces: Sequence[int | None], labels: Sequence[int]) -> list[int]:
    """A label for each piece: its word's on the first piece, -100 on the others and on special tokens.

    `pieces`: as from `words_of_pieces`. So each word counts once in the loss, however many pieces it has.

    >>> align_labels([None, 0, 1, 1, None], [3, 0])
    [-100, 3, 0, -100, -100]
    """
    first = _first_pieces(pieces, len(labels))
    return [labels[word] if first.get(word) == place else IGNORED for place, word in enumerate(pieces)]


def tags_of_words(pieces: Sequence[int | None], tags: Sequence[str], num_words: int, missing: str = "O") -> list[str]:
    """The way back: each word has the tag of its first piece; `missing` where it has none, as in a text that was cut.

    >>> tags_of_words([None, 0, 1, 1, None], ["O", "B-PER", "O", "I-PER", "O"], 3)
    ['B-PER', 'O', 'O']
    """
    require_as_many(pieces=pieces, tags=tags)
    first = _first_pieces(pieces, num_words)
    return [tags[first[word]] if word in first else missing for word in range(num_words)]


def _first_pieces(pieces: Sequence[int | None], num_words: int) -> dict[int, int]:
    """Where the first piece of each word is."""
    require_ids((word for word in pieces if word is not None), num_words, "word")
    places = reversed(list(enumerate(pieces)))
    return {word: place for place, word in places if word is not None}


# --- Answers and scores -----------------------------------------------------------------------------------------------


def predict(model: nn.Module, texts: Sequence[Text], max_tokens: int = 8192) -> list[int] | list[list[int]]:
    """The likeliest label of each text, or of each of its tokens, in the order of the texts; dropout is off.

    The texts are packed, up to `max_tokens` a batch: a matter of memory, not of the answer.
    """
    texts, labels = _examples(texts, [0] * len(texts))
    device, answers = devices.of(model), []
    with evaluation_mode(model), torch.no_grad():
        for rows in _filled(range(len(texts)), texts, max_tokens):
            batch = pack([texts[i] for i in rows], [labels[i] for i in rows])
            best = logits(model, batch._replace(input_ids=batch.input_ids.to(device))).argmax(-1)
            answers += best.tolist() if best.ndim == 1 else [some.tolist() for some in best[0].split(batch.lengths)]
    return answers


def mean_vectors(body: BertModel, texts: Sequence[Text], max_tokens: int = 8192) -> Float[Tensor, "B D"]:
    """One vector a text: the mean of its tokens' last vectors, special tokens among them, scaled to length 1.

    So the cosine of two texts is the product of their vectors. Reimers & Gurevych (2019), "Sentence-BERT"; dropout is
    off. The texts are packed, up to `max_tokens` a batch.
    """
    texts, labels = _examples(texts, [0] * len(texts))
    device, vectors = devices.of(body), []
    with evaluation_mode(body), torch.no_grad():
        for rows in _filled(range(len(texts)), texts, max_tokens):
            batch = pack([texts[i] for i in rows], [labels[i] for i in rows])
            hidden = body(batch.input_ids.to(device), lengths=batch.lengths).hidden[0]  # (N, D)
            vectors += [part.mean(0) for part in hidden.split(batch.lengths)]
    return nn.functional.normalize(torch.stack(vectors), dim=-1)


class Score(NamedTuple):
    """Of what was found, how much is right; of what is there, how much was found; and their harmonic mean."""

    precision: float
    recall: float
    f1: float


def _score(right: int, found: int, there: int) -> Score:
    """A share of nothing is 0."""
    return Score(right / max(found, 1), right / max(there, 1), 2 * right / max(found + there, 1))


@shaped
def accuracy(gold: OneEach, predicted: OneEach) -> float:
    """The share of answers that are right."""
    gold, predicted = _as_many(gold, predicted)
    return sum(a == b for a, b in zip(gold, predicted)) / len(gold)


@shaped
def f1(gold: OneEach, predicted: OneEach, positive: Hashable = 1) -> Score:
    """Precision, recall and F1 of one label against the rest.

    >>> f1([1, 1, 0, 0], [1, 0, 1, 1])
    Score(precision=0.3333333333333333, recall=0.5, f1=0.4)
    """
    gold, predicted = _as_many(gold, predicted)
    right = sum(a == b == positive for a, b in zip(gold, predicted))
    return _score(right, sum(b == positive for b in predicted), sum(a == positive for a in gold))


@shaped
def macro_f1(gold: OneEach, predicted: OneEach) -> float:
    """The mean of the F1 of all labels that occur on either side: a rare one weighs as much as a frequent one."""
    gold, predicted = _as_many(gold, predicted)
    labels = {*gold, *predicted}
    return sum(f1(gold, predicted, label).f1 for label in labels) / len(labels)


def _as_many(gold: Sequence, predicted: Sequence) -> tuple[Sequence, Sequence]:
    """Both as Python's own values, or a ValueError."""
    require_as_many(1, right_answers=gold, predicted_ones=predicted)
    return plain(gold), plain(predicted)


def entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities of a sentence in strict IOB2, as (kind, first word, word after the last).

    An entity begins with B-KIND and goes on with every I-KIND that follows. An I-KIND without it is no entity.
    ValueError for a tag that is neither O nor has a prefix: to guess one changes the score.

    >>> entities(["B-PER", "I-PER", "O", "I-LOC", "B-LOC", "B-LOC"])
    [('PER', 0, 2), ('LOC', 4, 5), ('LOC', 5, 6)]
    """
    found, begun, kind = [], None, ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, its_kind = tag.partition("-")
        right = tag == "O" or (prefix in ("B", "I") and its_kind)
        require(right, "tag", tag, f"O, or B- or I- and a kind, as B-{its_kind or prefix}")
        if begun is not None and not (prefix == "I" and its_kind == kind):
            found.append((kind, begun, place))
            begun = None
        if prefix == "B":
            begun, kind = place, its_kind
    return found


def entity_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Score:
    """Precision, recall and F1 of the entities of all sentences: right is who has the right kind, start and end.

    The tags are strict IOB2 (see `entities`), and kinds are counted together (micro): as seqeval with mode="strict" and
    scheme=IOB2.
    """
    _as_many(gold, predicted)
    right = found = there = 0
    for number, (a, b) in enumerate(zip(gold, predicted)):
        require(len(a) == len(b), f"predicted[{number}]", b, f"of {len(a)} tags, as its sentence")
        a, b = set(entities(a)), set(entities(b))
        right, found, there = right + len(a & b), found + len(b), there + len(a)
    return _score(right, found, there)
