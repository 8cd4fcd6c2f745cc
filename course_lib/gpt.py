"""GPT: a stack of blocks that read a text from the left, trained to say what comes next.

What it is. `GPT` adds two embeddings (token, position), sends them through pre-norm blocks under a causal mask, and
asks the token table which token fits (the head is tied to it). `windows` cuts a text into the rows that it learns from.
`Cache` keeps what was read, so that one more token costs one more token; `decoding` writes texts with it. `trace`
returns what a reader of the model wants to see.

What it leaves out. Tokenizing (see `tokenizers`), the loop (`training`), and every way to choose a token (`decoding`).

Papers. Radford, Narasimhan, Salimans, Sutskever (2018), "Improving Language Understanding by Generative Pre-Training";
Radford, Wu, Child, Luan, Amodei, Sutskever (2019), "Language Models are Unsupervised Multitask Learners" (GPT-2, whose
released sizes are here: the paper counts 117 M and 345 M parameters where the files hold 124 M and 355 M); Press & Wolf
(2017), "Using the Output Embedding to Improve Language Models", for the tied head.

Shapes: B texts, T tokens of this call, S of this call and all before, D = d_model, V = vocab_size.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor, nn

from course_lib.attention import causal_mask, fused_attention, scaled_dot_product_attention
from course_lib.batches import Batches
from course_lib.losses import mean_cross_entropy
from course_lib.settings import (
    NotNegative,
    Settings,
    Share,
    Size,
    Width,
    require,
    require_context,
)
from course_lib.shapes import look_up, shaped
from course_lib.training import evaluation_mode


@dataclass(frozen=True)
class GPTConfig(Settings):
    """Settings of a GPT; without arguments, those of the smallest released GPT-2.

    `d_ff`: None for 4 * d_model. `dropout` falls on embeddings, attention weights and each sublayer's output.
    ValueError for a setting that cannot be used.
    """

    vocab_size: Size = 50_257
    context_length: Size = 1024
    d_model: Width = 768
    num_layers: Size = 12
    num_heads: Size = 12
    d_ff: Size | None = None
    dropout: Share = 0.1
    eps: NotNegative = 1e-5


SIZES = {
    "gpt2": GPTConfig(),
    "gpt2-medium": GPTConfig(d_model=1024, num_layers=24, num_heads=16),
    "gpt2-large": GPTConfig(d_model=1280, num_layers=36, num_heads=20),
    "gpt2-xl": GPTConfig(d_model=1600, num_layers=48, num_heads=25),
    "small": GPTConfig(context_length=256, d_model=384, num_layers=6, num_heads=6),  # 10.6 M parameters in the blocks
    "letters": GPTConfig(context_length=256, d_model=352, num_layers=4, num_heads=4),  # the course's own GPT of letters
    "mini": GPTConfig(context_length=256, d_model=256, num_layers=4, num_heads=4),
    "tiny": GPTConfig(context_length=128, d_model=128, num_layers=4, num_heads=4),
}

STD = 0.02  # of random weights to begin with, as in GPT-2

# --- The model --------------------------------------------------------------------------------------------------------


class Cache:
    """The keys and values of every token read so far, layer by layer, for one batch of texts.

    The room for `max_length` tokens is there from the start: under `torch.compile` no shape changes from token to
    token. `real` is False where a token is padding.
    """

    @shaped
    def __init__(self, config: GPTConfig, batch_size: Size, max_length: Size | None = None, *,
                 device: torch.device | str | None = None, dtype: torch.dtype | None = None):  # fmt: skip
        self.max_length = config.context_length if max_length is None else max_length
        B, H, S = batch_size, getattr(config, "num_kv_heads", config.num_heads), self.max_length  # in Llama heads share
        room = (config.num_layers, B, H, S, config.d_model // config.num_heads)
        self.keys, self.values = (torch.zeros(room, device=device, dtype=dtype) for _ in range(2))
        self.layers = [*zip(self.keys, self.values)]  # the same numbers, layer by layer
        self.real = torch.zeros(B, S, dtype=torch.bool, device=device)
        self.length = torch.zeros((), dtype=torch.int64, device=device)  # a tensor, as it changes in a compiled graph
        self.padded = False

    def begin(self, mask: Bool[Tensor, "B T"] | None, B: int, T: int) -> tuple[Tensor, Tensor | None, int]:
        """Make room for T tokens: their places, which keys each may attend to, and how much of the room is looked at.

        Everything is looked at in a compiled graph, where shapes stay, and else no more than is filled.
        """
        compiled = torch.compiler.is_compiling()
        if not compiled and self.length + T > self.max_length:
            raise ValueError(f"The cache has room for {self.max_length} tokens and {self.length + T} came: enlarge it.")
        if self.real.shape[0] != B:
            raise ValueError(f"The cache holds {self.real.shape[0]} texts and {B} came: use one for each batch.")
        places = self.length + torch.arange(T, device=self.real.device)  # (T,)
        self.real.index_copy_(1, places, torch.ones_like(self.real[:, :1]).expand(B, T) if mask is None else mask)
        self.padded = self.padded or mask is not None
        S = self.max_length if compiled else int(self.length) + T
        if not compiled and not self.padded and T in (1, S):  # the last token sees all; so does a text its own past
            return places, None, S
        visible = torch.arange(S, device=places.device) <= places[:, None]  # (T, S)
        return places, visible & self.real[:, None, None, :S] if self.padded else visible, S

    def extend(self, layer: int, places: Tensor, S: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer, these put to their places: (B, H, S, D / H) both."""
        if key.requires_grad:
            raise RuntimeError("A cache keeps no gradients: call the model under torch.no_grad(), or without a cache.")
        keys, values = self.layers[layer]
        keys.index_copy_(2, places, key)
        values.index_copy_(2, places, value)
        return keys[:, :, :S], values[:, :, :S]

    def reorder(self, rows: Int[Tensor, " B"]) -> None:
        """Row i goes on from what was row rows[i], as a beam search asks."""
        n = int(self.length)
        for room in (self.keys, self.values):
            room[:, :, :, :n] = room[:, rows, :, :n]
        self.real = self.real[rows]


class Attention(nn.Module):
    """`num_heads` causal attentions side by side; queries, keys and values come out of one product."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.num_heads, self.dropout = config.num_heads, config.dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.output = nn.Linear(config.d_model, config.d_model)

    def heads(self, x: Float[Tensor, "B T D"]) -> tuple[Float[Tensor, "B H T D/H"], ...]:
        B, T, D = x.shape
        return self.qkv(x).view(B, T, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4).unbind()

    def forward(self, x, mask, extend=None, return_attention=False) -> tuple[Tensor, Tensor | None]:
        T = x.shape[1]
        q, k, v = self.heads(x)  # (B, H, T, D / H) each
        if extend is not None:
            k, v = extend(k, v)  # (B, H, S, D / H)
        dropout, S = self.dropout if self.training else 0.0, k.shape[2]
        if return_attention:
            y, weights = scaled_dot_product_attention(q, k, v, causal_mask(T, S, x.device) if mask is None else mask,
                                                      dropout)  # fmt: skip
        else:
            is_causal = mask is None and T == S  # nobody looks for NaN: the stream carries it on anyway
            y, weights = fused_attention(q, k, v, mask, dropout, is_causal, look_for_nan=False), None
        return self.output(y.transpose(1, 2).flatten(2)), weights  # (B, T, D), (B, H, T, S)


class Block(nn.Module):
    """x = x + attention(norm(x)), then x = x + network(norm(x)): the stream itself is never normalised."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        D, d_ff = config.d_model, config.d_ff or 4 * config.d_model
        self.attention_norm, self.attention = nn.LayerNorm(D, config.eps), Attention(config)
        self.norm, self.hidden, self.output = nn.LayerNorm(D, config.eps), nn.Linear(D, d_ff), nn.Linear(d_ff, D)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Float[Tensor, "B T D"], mask: Bool[Tensor, "#B #1 T S"] | None = None, extend=None,
        return_attention: bool = False,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H T S"] | None]:  # fmt: skip
        """The stream after this block, and the attention weights if asked for, else None."""
        attended, weights = self.attention(self.attention_norm(x), mask, extend, return_attention)
        x = x + self.dropout(attended)
        x = x + self.dropout(self.output(F.gelu(self.hidden(self.norm(x)), approximate="tanh")))
        return x, weights


class GPTOutput(NamedTuple):
    """What `GPT` returns: the logits, and what was asked for beside them."""

    logits: Float[Tensor, "B T V"]
    layers: Float[Tensor, "layers_and_embedding B T D"] | None = None
    attention: Float[Tensor, "layers B H T S"] | None = None


class GPT(nn.Module):
    """Embeddings, blocks, a last norm, and the head: logits for the token after each one."""

    def __init__(self, config: GPTConfig):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.context_length, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.d_model, config.eps)
        self.head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.head.weight = self.tokens.weight  # tied: one table reads and writes
        self.initialise()

    @torch.no_grad()
    def initialise(self, std: float = STD) -> None:
        """As GPT-2: normal with 0.02, biases 0; what adds to the stream is smaller, as 2 * num_layers parts add up.

        0.02 is of rows of 768 numbers and more; narrow models learn faster from about 1 / sqrt(d_model).
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                adds = name.endswith("output.weight")
                nn.init.normal_(parameter, std=std / math.sqrt(2 * self.config.num_layers) if adds else std)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    @shaped
    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None, *,
        cache: Cache | None = None, last: bool = False, return_layers: bool = False, return_attention: bool = False,
    ) -> GPTOutput:  # fmt: skip
        """The texts read. `attention_mask`: True for a token, False for padding, before or behind the text.

        Padding is not looked at and does not count as a position; what comes out at its places means nothing. `cache`:
        these tokens follow those of the calls before. `last`: logits of the last position alone. `layers`: the stream
        after the embedding and after each block, the last one before the last norm. ValueError for a text longer than
        the context and for unknown ids.
        """
        B, T = input_ids.shape
        if cache is not None:
            places, mask, S = cache.begin(attention_mask, B, T)
            positions = (cache.real[:, :S].cumsum(1)[:, places] - 1).clamp(min=0) if cache.padded else places
        else:
            mask, positions = None, torch.arange(T, device=input_ids.device)
            if attention_mask is not None:
                mask = attention_mask[:, None, None] & causal_mask(T, device=input_ids.device)  # (B, 1, T, T)
                positions = (attention_mask.cumsum(1) - 1).clamp(min=0)  # (B, T)
        x = self.dropout(self.embed(input_ids, positions))  # (B, T, D)
        layers, maps = [x], []
        for i, block in enumerate(self.blocks):
            extend = None if cache is None else lambda k, v, i=i: cache.extend(i, places, S, k, v)
            x, weights = block(x, mask, extend, return_attention)
            layers.append(x)
            maps.append(weights)
        if cache is not None:
            cache.length += T
        return GPTOutput(
            self.head(self.norm(x[:, -1:] if last else x)),
            torch.stack(layers) if return_layers else None,
            torch.stack(maps) if return_attention else None,
        )

    def embed(self, input_ids: Int[Tensor, "B T"], positions: Int[Tensor, "*B T"]) -> Float[Tensor, "B T D"]:
        """What a token is and where it stands: two vectors, added."""
        try:
            return look_up(self.tokens, input_ids) + self.positions(positions)
        except IndexError:  # on the CPU; elsewhere nobody waits to look
            require_context(int(positions.max()) + 1, self.config.context_length)
            raise

    def loss(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, ""]:
        """The mean loss, in nats, of each token after the first of its row, given those before it.

        The last token is an answer only, so a row may be one longer than the context. Padding does not count.
        """
        mask = None if attention_mask is None else attention_mask[:, :-1]
        logits, labels = self(input_ids[:, :-1], mask).logits, input_ids[:, 1:]  # the answer to t stands at t + 1
        if attention_mask is not None:
            labels = labels.masked_fill(~(attention_mask[:, 1:] & attention_mask[:, :-1]), -100)  # passed over
        return mean_cross_entropy(logits, labels)[0]

    def new_cache(self, batch_size: int, max_length: int | None = None) -> Cache:
        """An empty cache for so many texts, where the model is and as exact as it is."""
        weight = self.tokens.weight
        return Cache(self.config, batch_size, max_length, device=weight.device, dtype=weight.dtype)


# --- What it learns from ----------------------------------------------------------------------------------------------


@shaped
def windows(ids: Integer[Tensor, " N"], context_length: Size, batch_size: Size) -> Batches:
    """Rows of context_length + 1 tokens for `GPT.loss`: each epoch reads the text once, cut at other places.

    ValueError for a text shorter than one row.
    """
    require(len(ids) > context_length, "ids", len(ids), f"{context_length + 1} tokens or more, which a row takes")

    def epoch(generator: torch.Generator) -> Iterator[Tensor]:
        start = torch.randint(min(context_length, len(ids) - context_length), (), generator=generator)
        rows = ids[start:].unfold(0, context_length + 1, context_length)  # the last of a row is the next one's first
        for some in torch.randperm(len(rows), generator=generator).split(batch_size):
            yield rows[some].long()

    return epoch


@torch.no_grad()
@shaped
def log_probs(model: GPT, ids: Integer[Tensor, " N"], batch_size: Size = 32) -> Float[Tensor, " N-1"]:
    """log p, in nats, of each token of a text after the first, given those before it: as many as the context holds.

    At least half of the context: rows overlap by that much, and each token is asked once.
    """
    length = min(model.config.context_length, len(ids) - 1)
    require(length > 0, "ids", len(ids), "two tokens or more")
    step = max(1, length // 2)
    starts = [*range(0, len(ids) - 1 - length, step), len(ids) - 1 - length]
    found, asked = [], 0  # how many tokens have been asked
    with evaluation_mode(model):
        for i in range(0, len(starts), batch_size):
            rows = torch.stack([ids[start : start + length + 1] for start in starts[i : i + batch_size]]).long()
            logits = model(rows[:, :-1]).logits.float()  # (B, length, V)
            scores = -F.cross_entropy(logits.transpose(1, 2), rows[:, 1:], reduction="none")  # (B, length)
            for start, row in zip(starts[i : i + batch_size], scores):
                found.append(row[asked - start :])
                asked = start + length
    return torch.cat(found)


# --- What there is to see ---------------------------------------------------------------------------------------------


class Trace(NamedTuple):
    """One text on its way through a model, for `viz`: L layers, H heads, T tokens, D = d_model, V = vocab_size."""

    input_ids: Int[Tensor, " T"]
    token_vectors: Float[Tensor, "T D"]
    position_vectors: Float[Tensor, "T D"]
    layers: Float[Tensor, "L+1 T D"]  # the stream: after the embedding, and after each block
    query: Float[Tensor, "L H T D/H"]
    key: Float[Tensor, "L H T D/H"]
    value: Float[Tensor, "L H T D/H"]
    attention: Float[Tensor, "L H T T"]
    logits: Float[Tensor, "L+1 T V"]  # what the head would say after each of `layers`


@torch.no_grad()
@shaped
def trace(model: GPT, input_ids: Int[Tensor, " T"]) -> Trace:
    """What happens to one text: every number that the equations name, as the model computes them, without dropout."""
    with evaluation_mode(model):
        output = model(input_ids[None], return_layers=True, return_attention=True)
        layers = output.layers[:, 0]  # (L + 1, T, D)
        heads = [block.attention.heads(block.attention_norm(x[None])) for block, x in zip(model.blocks, layers)]
        query, key, value = (torch.cat(parts) for parts in zip(*heads))  # (L, H, T, D / H) each
        positions = model.positions(torch.arange(len(input_ids), device=input_ids.device))
        return Trace(input_ids, model.tokens(input_ids), positions, layers, query, key, value, output.attention[:, 0],
                     model.head(model.norm(layers)))  # fmt: skip
