"""BERT: a stack of blocks that read a text from both sides, pretrained by filling in words that were masked.

What it is. `BertModel` adds three embeddings (token, position, segment) and sends them through post-norm blocks.
`BertForPreTraining` puts two heads on it: one fills in masked tokens, computed at the masked places alone, one says
whether the second text follows the first. Two more classes classify whole texts and single tokens. `mask_tokens` and
`sentence_pairs` make the exercises that BERT learns from, anew each time they are called. `trace` returns what a reader
of the model wants to see.

What it leaves out. Tokenizing (see `tokenizers`), the loop (`training`), decoders, and the original's static masks.

Papers. Devlin, Chang, Lee, Toutanova (2019), "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding"; Turc, Chang, Lee, Toutanova (2019), "Well-Read Students Learn Better", for mini and tiny; Hendrycks &
Gimpel (2016), "Gaussian Error Linear Units".

Shapes: B texts, T tokens, D = d_model, V = vocab_size, M masked places in the whole batch.
"""

import copy
import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from course_lib.attention import MultiHeadAttention, fused_attention, padding_mask
from course_lib.settings import require, whole
from course_lib.shapes import shaped
from course_lib.training import evaluation_mode


@dataclass(frozen=True)
class BertConfig:
    """Settings of a BERT; without arguments, those of the paper's base model, lower-cased English.

    `d_ff`: None for 4 * d_model. `num_segments`: how many texts stand in one input. `dropout` falls on embeddings,
    attention weights and each sublayer's output. ValueError for a setting that cannot be used.
    """

    vocab_size: int = 30_522
    context_length: int = 512
    d_model: int = 768
    num_layers: int = 12
    num_heads: int = 12
    d_ff: int | None = None
    num_segments: int = 2
    dropout: float = 0.1
    eps: float = 1e-12

    def __post_init__(self):
        for name in ("vocab_size", "context_length", "d_model", "num_layers", "num_heads", "num_segments"):
            require(whole(getattr(self, name), 1), name, getattr(self, name), "a whole number of 1 or more")
        fits = self.d_ff is None or whole(self.d_ff, 1)
        require(fits, "d_ff", self.d_ff, "None or a whole number of 1 or more")
        whole_heads = self.d_model % self.num_heads == 0
        require(whole_heads, "d_model", self.d_model, f"a multiple of num_heads={self.num_heads}")


SIZES = {
    "base": BertConfig(),
    "large": BertConfig(d_model=1024, num_layers=24, num_heads=16),
    "mini": BertConfig(d_model=256, num_layers=4, num_heads=4),
    "tiny": BertConfig(d_model=128, num_layers=2, num_heads=2),
}

STD = 0.02  # of random weights to begin with, as in the original

# --- The model --------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """x = norm(x + attention(x)), then x = norm(x + network(x)): the norm comes after the sum, as in 2017."""

    def __init__(self, config: BertConfig):
        super().__init__()
        D, d_ff = config.d_model, config.d_ff or 4 * config.d_model
        self.attention = MultiHeadAttention(D, config.num_heads, dropout=config.dropout)
        self.attention_norm = nn.LayerNorm(D, config.eps)
        self.hidden, self.output = nn.Linear(D, d_ff), nn.Linear(d_ff, D)
        self.norm = nn.LayerNorm(D, config.eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        mask: Bool[Tensor, "B 1 1 T"] | None = None,
        lengths: Sequence[int] | None = None,
        return_attention: bool = False,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H T T"] | None]:
        """The stream after this block, and the attention weights if asked for, else None."""
        if lengths is not None:
            attended, weights = self._alone(x, lengths), None
        elif return_attention:
            attended, weights = self.attention(x, mask=mask, return_attention=True)
        else:
            attended, weights = self.attention(x, mask=mask), None
        x = self.attention_norm(x + self.dropout(attended))  # (B, T, D)
        x = self.norm(x + self.dropout(self.output(F.gelu(self.hidden(x)))))  # (B, T, D)
        return x, weights

    def _alone(self, x: Float[Tensor, "1 T D"], lengths: Sequence[int]) -> Float[Tensor, "1 T D"]:
        """Each text of the row attends to itself alone, on views: no padding is computed, and nothing is copied."""
        attention, dropout = self.attention, self.dropout.p if self.training else 0.0
        parts = (attention.heads(layer(x)).split(list(lengths), dim=2)
                 for layer in (attention.query, attention.key, attention.value))  # fmt: skip
        output = torch.cat([fused_attention(*text, dropout=dropout) for text in zip(*parts)], dim=2)  # (1, H, T, D / H)
        return attention.output(output.transpose(1, 2).flatten(2))


class BertOutput(NamedTuple):
    """What `BertModel` returns: the last stream, the pooled first token, and what was asked for beside them."""

    hidden: Float[Tensor, "B T D"]
    pooled: Float[Tensor, "B D"]
    layers: Float[Tensor, "layers_and_embedding B T D"] | None = None
    attention: Float[Tensor, "layers B H T T"] | None = None


class BertModel(nn.Module):
    """Embeddings, blocks, and a pooler: the tanh of a linear layer over the first token, [CLS]."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.context_length, config.d_model)
        self.segments = nn.Embedding(config.num_segments, config.d_model)
        self.norm, self.dropout = nn.LayerNorm(config.d_model, config.eps), nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.pooler = nn.Linear(config.d_model, config.d_model)
        initialise(self)

    @shaped
    def forward(
        self,
        input_ids: Int[Tensor, "B T"],
        attention_mask: Bool[Tensor, "B T"] | None = None,
        token_type_ids: Int[Tensor, "B T"] | None = None,
        *,
        lengths: Sequence[int] | None = None,
        return_layers: bool = False,
        return_attention: bool = False,
    ) -> BertOutput:
        """The texts read. `attention_mask`: True for a token, False for padding, which is not looked at.

        `token_type_ids`: 0 for the first text, 1 for the second; without them all is the first. `lengths`: input_ids is
        one row (B = 1) in which texts of these lengths follow one another without any padding; `pooled` then has a row
        for each. `layers` are the stream after the embedding and after each block. ValueError for a text longer than
        the context and for unknown ids.
        """
        if lengths is not None and (attention_mask is not None or return_attention):
            raise ValueError("With lengths there is no padding and no table of weights: leave out attention_mask and "
                             "return_attention.")  # fmt: skip
        x = self.dropout(self.embed(input_ids, token_type_ids, lengths))  # (B, T, D)
        mask = None if attention_mask is None else padding_mask(attention_mask)
        layers, maps = [x], []
        for block in self.blocks:
            x, weights = block(x, mask, lengths, return_attention)
            layers.append(x)
            maps.append(weights)
        firsts = x[:, 0] if lengths is None else x[0, [0, *accumulate(lengths[:-1])]]  # (B, D)
        return BertOutput(
            x,
            torch.tanh(self.pooler(firsts)),
            torch.stack(layers) if return_layers else None,
            torch.stack(maps) if return_attention else None,
        )

    def embed(self, input_ids, token_type_ids=None, lengths=None) -> Float[Tensor, "B T D"]:
        """What a token is, where it stands, and which text it belongs to: three vectors, added and normalised."""
        longest = input_ids.shape[1] if lengths is None else max(lengths)
        if longest > self.config.context_length:
            raise ValueError(f"A text has {longest} tokens and the model reads {self.config.context_length}: cut it, "
                             "or make a model with a larger context_length.")  # fmt: skip
        if lengths is not None and (len(input_ids) > 1 or sum(lengths) != input_ids.shape[1]):
            raise ValueError(f"lengths={list(lengths)} sum to {sum(lengths)} and input_ids has the shape "
                             f"{tuple(input_ids.shape)}: give one row of as many tokens.")  # fmt: skip
        table = self.positions.weight
        places = table[:longest] if lengths is None else torch.cat([table[:length] for length in lengths])
        segments = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        try:
            x = self.tokens(input_ids) + places + self.segments(segments)
        except IndexError:  # on the CPU; elsewhere nobody waits to look
            raise ValueError(unknown_id(input_ids, segments, self.config)) from None
        return self.norm(x)


def unknown_id(input_ids: Tensor, segments: Tensor, config: BertConfig) -> str:
    for name, ids, size in (("token", input_ids, config.vocab_size), ("segment", segments, config.num_segments)):
        wrong = [int(i) for i in (ids.min(), ids.max()) if not 0 <= i < size]
        if wrong:
            return f"There is no {name} {wrong[0]}: ids go from 0 to {size - 1}."
    return "An id is unknown."


@torch.no_grad()
def initialise(model: nn.Module, std: float = STD) -> None:
    """As the original: all matrices normal with standard deviation 0.02, biases 0, norms 1."""
    for part in model.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


# --- Heads ------------------------------------------------------------------------------------------------------------


class BertForPreTraining(nn.Module):
    """The two exercises of the paper: masked tokens (MLM), and whether the second text follows the first (NSP)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.bert = BertModel(config)
        self.transform = nn.Linear(config.d_model, config.d_model)
        self.transform_norm = nn.LayerNorm(config.d_model, config.eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))  # the decoder's matrix is the token table
        self.next = nn.Linear(config.d_model, 2)
        initialise(self.transform), initialise(self.next)

    @shaped
    def forward(
        self,
        input_ids: Int[Tensor, "B T"],
        attention_mask: Bool[Tensor, "B T"] | None = None,
        token_type_ids: Int[Tensor, "B T"] | None = None,
        masked_places: Int[Tensor, " M"] | None = None,
    ) -> tuple[Float[Tensor, "M V"], Float[Tensor, "B 2"]]:
        """The logits of both heads. Those for tokens are computed at `masked_places` alone (of the flattened batch).

        Without `masked_places` M is B * T, which costs seven times as much as the 15% that are asked in training.
        """
        output = self.bert(input_ids, attention_mask, token_type_ids)
        h = output.hidden.flatten(0, 1)  # (B * T, D)
        h = h if masked_places is None else h.index_select(0, masked_places)  # (M, D)
        return self.fill(h), self.next(output.pooled)

    def fill(self, h: Float[Tensor, "... D"]) -> Float[Tensor, "... V"]:
        """The head for tokens: the logits at a place with the vector h."""
        h = self.transform_norm(F.gelu(self.transform(h)))
        return F.linear(h, self.bert.tokens.weight, self.bias)

    def loss(self, batch: "PreTrainingBatch") -> Float[Tensor, ""]:
        """The sum of both mean losses, in nats."""
        tokens, follows = self(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.masked_places)
        return F.cross_entropy(tokens, batch.labels) + F.cross_entropy(follows, batch.next_sentence_label)


class BertForSequenceClassification(nn.Module):
    """One verdict a text: dropout and a linear layer over the pooled first token."""

    def __init__(self, config: BertConfig, num_labels: int):
        super().__init__()
        require(whole(num_labels, 1), "num_labels", num_labels, "a whole number of 1 or more")
        self.bert = BertModel(config)
        self.dropout, self.classifier = nn.Dropout(config.dropout), nn.Linear(config.d_model, num_labels)
        initialise(self.classifier)

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, *, lengths=None
    ) -> Float[Tensor, "B labels"]:
        """The logits of the labels; arguments as `BertModel`'s."""
        output = self.bert(input_ids, attention_mask, token_type_ids, lengths=lengths)
        return self.classifier(self.dropout(output.pooled))


class BertForTokenClassification(nn.Module):
    """One verdict a token: dropout and a linear layer over the last stream."""

    def __init__(self, config: BertConfig, num_labels: int):
        super().__init__()
        require(whole(num_labels, 1), "num_labels", num_labels, "a whole number of 1 or more")
        self.bert = BertModel(config)
        self.dropout, self.classifier = nn.Dropout(config.dropout), nn.Linear(config.d_model, num_labels)
        initialise(self.classifier)

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, *, lengths=None
    ) -> Float[Tensor, "B T labels"]:
        """The logits of the labels; arguments as `BertModel`'s."""
        output = self.bert(input_ids, attention_mask, token_type_ids, lengths=lengths)
        return self.classifier(self.dropout(output.hidden))


# --- The exercises ----------------------------------------------------------------------------------------------------


class PreTrainingBatch(NamedTuple):
    """A batch of pairs: what the model sees, and what it is asked.

    `masked_places` count along the flattened batch, `labels` are the tokens that stood there. `next_sentence_label`: 0
    where the second text follows the first, 1 where it was drawn at random (as in the released models).
    """

    input_ids: Int[Tensor, "B T"]
    attention_mask: Bool[Tensor, "B T"]
    token_type_ids: Int[Tensor, "B T"]
    masked_places: Int[Tensor, " M"]
    labels: Int[Tensor, " M"]
    next_sentence_label: Int[Tensor, " B"]


def mask_tokens(
    input_ids: Int[Tensor, "B T"],
    maskable: Bool[Tensor, "B T"],
    mask_id: int,
    words: Int[Tensor, " W"],
    generator: torch.Generator | None = None,
    share: float = 0.15,
) -> tuple[Int[Tensor, "B T"], Int[Tensor, " M"], Int[Tensor, " M"]]:
    """The masked batch, the places that are asked (of the flattened batch), and the tokens that stood there.

    Of the maskable tokens a `share` is asked (2019, 3.1), at least one in each batch. Of those 80% become [MASK], 10% a
    word drawn from `words`, and 10% stay: the model cannot know which of the words it sees is true. ValueError where
    nothing may be masked.
    """
    require(0 < share <= 1, "share", share, "above 0, and at most 1")
    if not maskable.any():
        raise ValueError(f"None of the {maskable.numel()} tokens may be masked: give a text, not special tokens alone.")
    draw = torch.rand(input_ids.shape, generator=generator).masked_fill(~maskable, 2.0)
    asked = draw <= max(share, draw.min().item())  # (B, T)
    fate = torch.rand(input_ids.shape, generator=generator)  # a second number: the first one is below `share` here
    strangers = words[torch.randint(len(words), input_ids.shape, generator=generator)]
    masked = torch.where(asked & (fate < 0.8), mask_id, input_ids)
    masked = torch.where(asked & (fate >= 0.8) & (fate < 0.9), strangers, masked)
    places = asked.flatten().nonzero()[:, 0]
    return masked, places, input_ids.flatten()[places]


class SentencePairs:
    """BERT's exercises out of documents, new ones each epoch: batches for `training.train`.

    documents: each a list of sentences, each a list of token ids; two documents or more. Half of the time the second
    text of a pair goes on where the first ends, half of the time it comes from another document. `words`: the ids that
    a masked token may be exchanged for; every other id is special, and never masked.
    """

    def __init__(
        self,
        documents: Iterable[Sequence[Sequence[int]]],
        *,
        cls_id: int,
        sep_id: int,
        mask_id: int,
        words: Sequence[int],
        context_length: int = 128,
        batch_size: int = 32,
        pad_id: int = 0,
    ):
        require(whole(context_length, 5), "context_length", context_length, "5 or more")
        require(whole(batch_size, 1), "batch_size", batch_size, "a whole number of 1 or more")
        self.cls_id, self.sep_id, self.mask_id, self.pad_id = cls_id, sep_id, mask_id, pad_id
        self.words = torch.as_tensor(words, dtype=torch.int64)
        self.context_length, self.batch_size = context_length, batch_size
        ids, self.ends, self.documents = array("i"), [0], [0]  # all ids in a row; where sentences end; and documents
        for document in documents:
            for sentence in document:
                ids.extend(sentence)
                if len(ids) > self.ends[-1]:
                    self.ends.append(len(ids))
            if len(self.ends) - 1 > self.documents[-1]:
                self.documents.append(len(self.ends) - 1)
        if len(self.documents) < 3:
            raise ValueError(f"There are {len(self.documents) - 1} documents with words in them: a second text that "
                             "does not follow comes from another document, so give at least two.")  # fmt: skip
        self.ids = torch.frombuffer(ids, dtype=torch.int32)
        self.maskable = torch.zeros(int(max(self.ids.max(), self.words.max(), cls_id, sep_id, mask_id, pad_id)) + 1,
                                    dtype=torch.bool)  # fmt: skip
        self.maskable[self.words] = True

    def resized(self, *, context_length: int, batch_size: int) -> "SentencePairs":
        """The same documents, cut into rows of another length."""
        require(whole(context_length, 5), "context_length", context_length, "5 or more")
        require(whole(batch_size, 1), "batch_size", batch_size, "a whole number of 1 or more")
        other = copy.copy(self)  # the ids are shared
        other.context_length, other.batch_size = context_length, batch_size
        return other

    def __call__(self, generator: torch.Generator) -> Iterator[PreTrainingBatch]:
        """The batches of one epoch: each document is cut into pairs once, and the pairs are shuffled."""
        rng = random.Random(int(torch.randint(2**62, (), generator=generator)))
        pairs = [pair for number in range(len(self.documents) - 1) for pair in self._pairs(number, rng)]
        rng.shuffle(pairs)
        for i in range(0, len(pairs), self.batch_size):
            yield self._batch(pairs[i : i + self.batch_size], generator)

    def _pairs(self, number: int, rng: random.Random) -> Iterator[tuple[slice, slice, int]]:
        """A document cut into pairs of passages, each with its label.

        Whatever comes second begins with a whole sentence, goes on until the row is full, and is cut there: if
        strangers alone were cut, the length of a row would say which it is.
        """
        room = self.context_length - 3  # [CLS] and two [SEP]
        first, last = self.documents[number], self.documents[number + 1]
        while first < last:
            end = min(first + 2, last)
            while end < last and self.ends[end] - self.ends[first] < room:
                end += 1
            middle = rng.randint(first + 1, max(first + 1, end - 1))
            if middle == end or rng.random() < 0.5:  # a single sentence has nothing that follows
                middle += middle == last - 1  # no sentence is left alone
                room_left = room - (self.ends[middle] - self.ends[first])
                yield self._passage(first, middle), self._stranger(number, room_left, rng), 1
                first = middle  # what would have followed is read again
            else:
                yield self._passage(first, middle), self._passage(middle, end), 0
                first = end - 1 if end < last else last  # and so is the sentence that was cut

    def _passage(self, first: int, last: int) -> slice:
        return slice(self.ends[first], self.ends[last])

    def _stranger(self, number: int, room: int, rng: random.Random) -> slice:
        """A passage of another document, from one of its sentences on: as many as fill the room, and at least one."""
        other = rng.randrange(len(self.documents) - 2)
        other += other >= number
        last = self.documents[other + 1]
        first = rng.randrange(self.documents[other], last)
        end = first + 1
        while end < last and self.ends[end] - self.ends[first] < room:
            end += 1
        return self._passage(first, end)

    def _batch(self, pairs: Sequence[tuple[slice, slice, int]], generator: torch.Generator) -> PreTrainingBatch:
        rows, kinds = [], []
        for one, two, _ in pairs:
            a, b = self._cut(self.ids[one], self.ids[two])
            parts = [torch.tensor([self.cls_id]), a, torch.tensor([self.sep_id]), b, torch.tensor([self.sep_id])]
            rows.append(torch.cat(parts).long())
            kinds.append(torch.arange(len(rows[-1])) >= len(a) + 2)
        input_ids = pad_sequence(rows, batch_first=True, padding_value=self.pad_id)  # (B, T)
        attention_mask = pad_sequence([torch.ones_like(kind) for kind in kinds], batch_first=True)
        masked, places, labels = mask_tokens(
            input_ids, self.maskable[input_ids] & attention_mask, self.mask_id, self.words, generator)  # fmt: skip
        follows = torch.tensor([label for _, _, label in pairs])
        return PreTrainingBatch(
            masked, attention_mask, pad_sequence(kinds, batch_first=True).long(), places, labels, follows)  # fmt: skip

    def _cut(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Both texts cut until they fit, a at its beginning and b at its end, so that they still meet.

        The longer one is cut first: a keeps half, and what b leaves.
        """
        room = self.context_length - 3
        for_a = max(room - len(b), (room + 1) // 2)
        a = a[-for_a:]
        return a, b[: room - len(a)]


# --- What there is to see ---------------------------------------------------------------------------------------------


class Trace(NamedTuple):
    """One text on its way through a BERT, for `viz`: L layers, H heads, T tokens, D = d_model, V = vocab_size."""

    input_ids: Int[Tensor, " T"]
    token_vectors: Float[Tensor, "T D"]
    position_vectors: Float[Tensor, "T D"]
    layers: Float[Tensor, "L+1 T D"]  # the stream: after the embedding and its norm, and after each block
    query: Float[Tensor, "L H T D/H"]
    key: Float[Tensor, "L H T D/H"]
    value: Float[Tensor, "L H T D/H"]
    attention: Float[Tensor, "L H T T"]
    logits: Float[Tensor, "L+1 T V"]  # after each of `layers`: the head's, or without one the products with all tokens


@torch.no_grad()
def trace(model: BertModel | BertForPreTraining, input_ids: Int[Tensor, " T"]) -> Trace:
    """What happens to one text of one segment: every number that the equations name, without dropout."""
    body = model.bert if isinstance(model, BertForPreTraining) else model
    with evaluation_mode(model):
        output = body(input_ids[None], return_layers=True, return_attention=True)
        layers, heads = output.layers[:, 0], []  # (L + 1, T, D)
        for block, x in zip(body.blocks, layers):
            layer = block.attention
            heads.append([layer.heads(part(x[None])) for part in (layer.query, layer.key, layer.value)])
        query, key, value = (torch.cat(parts) for parts in zip(*heads))  # (L, H, T, D / H) each
        logits = F.linear(layers, body.tokens.weight) if body is model else model.fill(layers)
        positions = body.positions(torch.arange(len(input_ids), device=input_ids.device))
        return Trace(input_ids, body.tokens(input_ids), positions, layers, query, key, value, output.attention[:, 0],
                     logits)  # fmt: skip
