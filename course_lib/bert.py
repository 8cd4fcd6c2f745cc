"""BERT: a stack of blocks that read a text from both sides, pretrained by filling in words that were masked.

What it is. `BertModel` adds three embeddings (token, position, segment) and sends them through post-norm blocks.
`BertForPreTraining` puts two heads on it: one fills in masked tokens, computed at the masked places alone, one says
whether the second text follows the first. Two more classes classify whole texts and single tokens. `trace` returns what
a reader of the model wants to see.

What it leaves out. Tokenizing (see `tokenizers`), what it learns from (`bert_data`), the loop (`training`), decoders.

Papers. Devlin, Chang, Lee, Toutanova (2019), "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding"; Turc, Chang, Lee, Toutanova (2019), "Well-Read Students Learn Better", for mini and tiny; Hendrycks &
Gimpel (2016), "Gaussian Error Linear Units".

Shapes: B texts, T tokens, D = d_model, V = vocab_size, M masked places in the whole batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention import MultiHeadAttention, fused_attention, padding_mask
from course_lib.bert_data import PreTrainingBatch, SentencePairs, mask_tokens  # noqa: F401  (lessons)
from course_lib.padding import all_hold
from course_lib.settings import NotNegative, Rule, Settings, Share, Size, Width, require, require_context, whole
from course_lib.shapes import look_up, plain, shaped
from course_lib.training import evaluation_mode


@dataclass(frozen=True)
class BertConfig(Settings):
    """Settings of a BERT; without arguments, those of the paper's base model, lower-cased English.

    `d_ff`: None for 4 * d_model. `num_segments`: how many texts stand in one input. `dropout` falls on embeddings,
    attention weights and each sublayer's output. ValueError for a setting that cannot be used.
    """

    vocab_size: Size = 30_522
    context_length: Size = 512
    d_model: Width = 768
    num_layers: Size = 12
    num_heads: Size = 12
    d_ff: Size | None = None
    num_segments: Size = 2
    dropout: Share = 0.1
    eps: NotNegative = 1e-12


SIZES = {
    "base": BertConfig(),
    "large": BertConfig(d_model=1024, num_layers=24, num_heads=16),
    "mini": BertConfig(d_model=256, num_layers=4, num_heads=4),
    "tiny": BertConfig(d_model=128, num_layers=2, num_heads=2),
}

Lengths = Annotated[Sequence[int], Rule(lambda some: len(some) > 0 and all(whole(one, 1) for one in plain(some)),
                                        "a list of whole numbers of 1 or more")]  # fmt: skip
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
        self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "B 1 1 T"] | None = None,
        lengths: Sequence[int] | None = None, return_attention: bool = False,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H T T"] | None]:  # fmt: skip
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
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None,
        token_type_ids: Int[Tensor, "B T"] | None = None, *, lengths: Lengths | None = None,
        return_layers: bool = False, return_attention: bool = False,
    ) -> BertOutput:  # fmt: skip
        """The texts read. `attention_mask`: True for a token, False for the padding behind it, which is not looked at.

        `token_type_ids`: 0 for the first text, 1 for the second; without them all is the first. `lengths`: input_ids is
        one row (B = 1) in which texts of these lengths follow one another without any padding; `pooled` then has a row
        for each. `layers` are the stream after the embedding and after each block. ValueError for a text longer than
        the context and for unknown ids.
        """
        packed = lengths is None or (attention_mask is None and not return_attention)
        require(packed, "lengths", lengths, "None beside attention_mask or return_attention: leave one out")
        if attention_mask is not None and not all_hold(attention_mask[:, 0] | ~attention_mask.any(1)):
            raise ValueError("attention_mask begins with False, where [CLS] stands: all padding must come after it.")
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
        require_context(longest, self.config.context_length)
        one = lengths is None or input_ids.shape == (1, sum(lengths))
        require(one, "lengths", lengths, f"those of one row of input_ids, which has shape {tuple(input_ids.shape)}")
        table = self.positions.weight
        places = table[:longest] if lengths is None else torch.cat([table[:length] for length in lengths])
        segments = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        return self.norm(look_up(self.tokens, input_ids) + places + look_up(self.segments, segments, "segment"))


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
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None,
        token_type_ids: Int[Tensor, "B T"] | None = None, masked_places: Int[Tensor, " M"] | None = None,
    ) -> tuple[Float[Tensor, "M V"], Float[Tensor, "B 2"]]:  # fmt: skip
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

    def loss(self, batch: PreTrainingBatch) -> Float[Tensor, ""]:
        """The sum of both mean losses, in nats."""
        tokens, follows = self(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.masked_places)
        return F.cross_entropy(tokens, batch.labels) + F.cross_entropy(follows, batch.next_sentence_label)


class _BertClassifier(nn.Module):
    @shaped
    def __init__(self, config: BertConfig, num_labels: Size):
        super().__init__()
        self.bert = BertModel(config)
        self.dropout, self.classifier = nn.Dropout(config.dropout), nn.Linear(config.d_model, num_labels)
        initialise(self.classifier)


class BertForSequenceClassification(_BertClassifier):
    """One verdict a text: dropout and a linear layer over the pooled first token."""

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, *, lengths=None
    ) -> Float[Tensor, "B labels"]:
        """The logits of the labels; arguments as `BertModel`'s."""
        output = self.bert(input_ids, attention_mask, token_type_ids, lengths=lengths)
        return self.classifier(self.dropout(output.pooled))


class BertForTokenClassification(_BertClassifier):
    """One verdict a token: dropout and a linear layer over the last stream."""

    def forward(
        self, input_ids, attention_mask=None, token_type_ids=None, *, lengths=None
    ) -> Float[Tensor, "B T labels"]:
        """The logits of the labels; arguments as `BertModel`'s."""
        output = self.bert(input_ids, attention_mask, token_type_ids, lengths=lengths)
        return self.classifier(self.dropout(output.hidden))


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
@shaped
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
