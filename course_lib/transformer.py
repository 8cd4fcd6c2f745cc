"""The Transformer of 2017: blocks of attention and a small network, stacked.

What it is. The `Block` that wires attention and the pieces in `layers` around the residual stream, stacks of blocks
(`Encoder`, `Decoder`), and the model that puts one beside the other (`EncoderDecoder`), with `positions`, as attention
has none. A signature's shapes are checked where a call comes from outside (see `shapes`), and not in every block again.

What it leaves out. BERT, GPT and Llama: each writes its own block, whose `forward` is its equation, out of these pieces
and `attention.MultiHeadAttention`. Training (see `training`), beam search, label smoothing, sparse or long-range
attention.

Papers. Vaswani et al. (2017), "Attention Is All You Need"; Xiong et al. (2020), "On Layer Normalization in the
Transformer Architecture", for the norm's two places.

Shapes: B sequences, T positions (of the target, where there are two sides), S positions of the source.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention import KeyValueCache, MultiHeadAttention, causal_mask, padding_mask
from course_lib.layers import ACTIVATIONS, Activation, FeedForward, LayerNorm, initialise, layer_norm  # noqa: F401
from course_lib.positions import (  # noqa: F401  (lessons)
    LearnedPositions,
    RotaryPositions,
    SinusoidalPositions,
    require_so_far,
    sinusoidal_positions,
)
from course_lib.settings import Count, Positive, Settings, Share, Size, Token, Width, require
from course_lib.shapes import look_up, shaped

NORMS = ("pre", "post")
POSITIONS = ("sinusoidal", "learned", "none")
Norm, PositionKind = Literal[NORMS], Literal[POSITIONS]


@dataclass(frozen=True)
class TransformerConfig(Settings):
    """Settings of a Transformer; without arguments, the base model of 2017.

    `target_vocab_size`: None where both sides share one vocabulary, and so one table. `d_ff`: None for 4 * d_model.
    `norm`: "post" normalises the residual stream after each sublayer, "pre" each sublayer's input. `dropout` falls on
    embeddings, attention weights and each sublayer's output. ValueError for a setting that cannot be used.
    """

    vocab_size: Size = 37_000
    target_vocab_size: Size | None = None
    context_length: Size = 512
    d_model: Width = 512
    num_layers: Size = 6
    num_heads: Size = 8
    d_ff: Size | None = None
    dropout: Share = 0.1
    norm: Norm = "post"
    activation: Activation = "relu"
    positions: PositionKind = "sinusoidal"
    bias: bool = True
    eps: Positive = 1e-5

    def __post_init__(self):
        super().__post_init__()
        fits = self.positions != "sinusoidal" or self.d_model % 2 == 0
        require(fits, "d_model", self.d_model, "even for sinusoidal positions, in which sines come with cosines")


SIZES = {  # the two models of 2017 (table 3)
    "base": TransformerConfig(),
    "big": TransformerConfig(d_model=1024, num_heads=16, dropout=0.3),
}


# --- The block ------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """Attention, then (with `cross`) attention to a memory, then the feed-forward network, each around a residual.

    norm="pre":  x + sublayer(norm(x)): the stream x itself is never normalised, so gradients pass untouched.
    norm="post": norm(x + sublayer(x)), as in 2017: it needs a warm-up.
    """

    @shaped
    def __init__(self, d_model: Width, num_heads: Size, d_ff: Size | None = None, *, norm: Norm = "pre",
                 dropout: Share = 0.0, activation: Activation = "relu", eps: Positive = 1e-5, bias: bool = True,
                 cross: bool = False):  # fmt: skip
        super().__init__()
        self.d_model, self.num_heads, self.norm, self.dropout = d_model, num_heads, norm, nn.Dropout(dropout)
        self.attention = MultiHeadAttention(d_model, num_heads, dropout=dropout, bias=bias)
        self.attention_norm = LayerNorm(d_model, eps, bias)
        if cross:
            self.cross_attention = MultiHeadAttention(d_model, num_heads, dropout=dropout, bias=bias)
            self.cross_norm = LayerNorm(d_model, eps, bias)
        self.feed_forward = FeedForward(d_model, d_ff, activation, bias)
        self.feed_forward_norm = LayerNorm(d_model, eps, bias)
        self.cross = cross

    @shaped
    def forward(
        self, x: Float[Tensor, "B T d_model"], *,
        mask: Bool[Tensor, "#T #T_so_far"] | Bool[Tensor, "#B #num_heads #T #T_so_far"] | None = None,
        is_causal: bool = False, memory: Float[Tensor, "B S d_model"] | None = None,
        memory_mask: Bool[Tensor, "#T #S"] | Bool[Tensor, "#B #num_heads #T #S"] | None = None,
        cache: "BlockCache | None" = None, return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], "BlockAttention"]:  # fmt: skip
        """The stream after this block; with `return_attention` a pair: the stream and the weights of both attentions.

        `mask`, `is_causal` and the cache as in `MultiHeadAttention.forward`; `memory_mask` hides parts of the memory.
        """
        require(self.cross == (memory is not None), "cross", self.cross, "True where there is a memory, and only there")
        cache, cross_weights = cache or BlockCache(None, None), None
        y = self.attention(self._before(self.attention_norm, x), mask=mask, is_causal=is_causal,
                           cache=cache.attention, return_attention=return_attention)  # fmt: skip
        y, weights = y if return_attention else (y, None)
        x = self._after(self.attention_norm, x, y)  # (B, T, d_model)
        if self.cross:
            y = self.cross_attention(self._before(self.cross_norm, x), memory, mask=memory_mask, cache=cache.cross,
                                     return_attention=return_attention)  # fmt: skip
            y, cross_weights = y if return_attention else (y, None)
            x = self._after(self.cross_norm, x, y)  # (B, T, d_model)
        y = self.feed_forward(self._before(self.feed_forward_norm, x))
        x = self._after(self.feed_forward_norm, x, y)  # (B, T, d_model)
        return (x, BlockAttention(weights, cross_weights)) if return_attention else x

    def _before(self, norm: LayerNorm, x: Tensor) -> Tensor:
        return norm(x) if self.norm == "pre" else x

    def _after(self, norm: LayerNorm, x: Tensor, y: Tensor) -> Tensor:
        x = x + (self.dropout(y) if self.training else y)  # a token with a cache feels even an empty call
        return x if self.norm == "pre" else norm(x)


class BlockAttention(NamedTuple):
    """The weights of one block's attentions, or of a whole stack's (with the layers in front)."""

    attention: Float[Tensor, "*layers B H T T"]
    cross: Float[Tensor, "*layers B H T S"] | None


class BlockCache(NamedTuple):
    """The caches of one block's attentions; `cross` stays empty in a block without."""

    attention: KeyValueCache | None
    cross: KeyValueCache | None


# --- Stacks ---------------------------------------------------------------------------------------------------------


class Stack(nn.Module):
    """What `Encoder` and `Decoder` share: the blocks one after the other and, with norm="pre", a last norm."""

    def __init__(self, config: TransformerConfig, cross: bool):
        super().__init__()
        self.d_model = config.d_model
        self.blocks = nn.ModuleList(
            Block(config.d_model, config.num_heads, config.d_ff, norm=config.norm, dropout=config.dropout,
                  activation=config.activation, eps=config.eps, bias=config.bias, cross=cross)
            for _ in range(config.num_layers)
        )  # fmt: skip
        # Nothing has normalised a pre-norm stream when it leaves the last block.
        self.norm = LayerNorm(config.d_model, config.eps, config.bias) if config.norm == "pre" else nn.Identity()
        initialise(self, "xavier")

    def new_cache(self, max_length: int = 1) -> list[BlockCache]:
        """Empty caches for generating a batch: give them to every call, and each token is read once.

        With room for `max_length` positions from the start (see `KeyValueCache`).
        """
        return [BlockCache(KeyValueCache(max_length), KeyValueCache()) for _ in self.blocks]

    def _run(self, x, attention_mask, is_causal, cache, return_attention, memory=None, memory_mask=None):
        mask, is_causal = self._masks(attention_mask, is_causal, x, cache)  # once, not in every block
        memory_mask = None if memory_mask is None else padding_mask(memory_mask)
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(x, mask=mask, is_causal=is_causal, memory=memory, memory_mask=memory_mask,
                      cache=None if cache is None else cache[number], return_attention=return_attention)  # fmt: skip
            if return_attention:
                x, weights = x
                maps.append(weights)
        x = self.norm(x)  # (B, T, d_model)
        if not return_attention:
            return x
        own, crossed = zip(*maps)
        return x, BlockAttention(torch.stack(own), None if memory is None else torch.stack(crossed))

    def _masks(self, attention_mask, is_causal, x, cache) -> tuple[Tensor | None, bool]:
        """The mask for all blocks. Padding alone stays (B, 1, 1, S), small; the causal mask makes it (B, 1, T, S)."""
        if cache is not None and not (isinstance(cache, list) and len(cache) == len(self.blocks)):
            raise ValueError(f"The cache does not fit these {len(self.blocks)} blocks: make one with new_cache().")
        require(is_causal or not cache, "is_causal", is_causal, "True with a cache, where no position sees a later one")
        if attention_mask is None:
            return None, is_causal
        T = x.shape[1]
        S = T + (cache[0].attention.length if cache else 0)
        require_so_far(attention_mask, S)
        if is_causal and T > 1:
            return padding_mask(attention_mask) & causal_mask(T, S, x.device), False
        return padding_mask(attention_mask), is_causal


class Encoder(Stack):
    """A stack of self-attention blocks over vectors that already hold their positions."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, cross=False)

    @shaped
    def forward(
        self, x: Float[Tensor, "B T d_model"], attention_mask: Bool[Tensor, "B S"] | None = None, *,
        is_causal: bool = False, cache: list[BlockCache] | None = None, return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], Float[Tensor, "L B H T S"]]:  # fmt: skip
        """The last stream; with `return_attention` a pair: the stream and the weights of all layers.

        `attention_mask`: True for a token, False for padding. With a cache (see `new_cache`), which goes with
        `is_causal` alone, x holds the positions that follow those read before, and S counts them all.
        """
        if not return_attention:
            return self._run(x, attention_mask, is_causal, cache, False)
        x, maps = self._run(x, attention_mask, is_causal, cache, True)
        return x, maps.attention


class Decoder(Stack):
    """A stack of causal blocks that also attend to a memory: what an encoder made of the source."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, cross=True)

    @shaped
    def forward(
        self, x: Float[Tensor, "B T d_model"], memory: Float[Tensor, "B S d_model"],
        attention_mask: Bool[Tensor, "B T_so_far"] | None = None, memory_mask: Bool[Tensor, "B S"] | None = None, *,
        cache: list[BlockCache] | None = None, return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], BlockAttention]:  # fmt: skip
        """The last stream; with `return_attention` a pair: the stream and, for all layers, both attentions' weights.

        Both masks: True for a token, False for padding. Later positions are always hidden. The cache as in `Encoder`.
        """
        return self._run(x, attention_mask, True, cache, return_attention, memory, memory_mask)


# --- The model of 2017 ----------------------------------------------------------------------------------------------


class Embedding(nn.Module):
    """A vector for each token, plus one for its position."""

    def __init__(self, vocab_size: int, config: TransformerConfig):
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, config.d_model)
        table = {"sinusoidal": SinusoidalPositions, "learned": LearnedPositions}.get(config.positions)
        self.positions = table(config.context_length, config.d_model) if table else None
        # Small entries make good logits where the table is shared with the output; as input they must not drown.
        self.scale = math.sqrt(config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        initialise(self, "xavier")

    @shaped
    def forward(
        self, input_ids: Int[Tensor, "B T"], start: Count = 0, attention_mask: Bool[Tensor, "B T_so_far"] | None = None
    ) -> Float[Tensor, "B T d_model"]:
        """The first token stands at position `start`; of padding, where the mask of all places so far is False, none is
        counted. ValueError for a position beyond the last and, on the CPU, for an unknown token (a GPU stops by itself:
        to look would make us wait for it).
        """
        x = look_up(self.tokens, input_ids) * self.scale  # (B, T, d_model)
        if self.positions is not None:
            x = x + self.positions(input_ids.shape[1], start, attention_mask)
        return self.dropout(x)


class Attentions(NamedTuple):
    """Every weight of an encoder-decoder."""

    encoder: Float[Tensor, "layers B H S S"]
    decoder: Float[Tensor, "layers B H T T"]
    cross: Float[Tensor, "layers B H T S"]


class EncoderDecoder(nn.Module):
    """Reads a source, then predicts a target token by token; its output table is its target embedding (2017, 3.4)."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config, self.d_model = config, config.d_model
        self.source = Embedding(config.vocab_size, config)
        self.target = Embedding(config.target_vocab_size or config.vocab_size, config)
        if config.target_vocab_size is None:
            self.target.tokens = self.source.tokens
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    @shaped
    def forward(
        self, source_ids: Int[Tensor, "B S"], target_ids: Int[Tensor, "B T"],
        source_mask: Bool[Tensor, "B S"] | None = None, target_mask: Bool[Tensor, "B T"] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T vocab"] | tuple[Float[Tensor, "B T vocab"], Attentions]:  # fmt: skip
        """Logits: those at position t guess the target's token t + 1, so feed the target shifted right.

        Masks: True for a token, False for padding, before or behind the text. With `return_attention` a pair: the
        logits and all weights.
        """
        if not return_attention:
            return self.decode(target_ids, self.encode(source_ids, source_mask), source_mask, target_mask)
        x = self.source(source_ids, attention_mask=source_mask)  # (B, S, d_model)
        memory, encoder_maps = self.encoder(x, source_mask, return_attention=True)
        y = self.target(target_ids, attention_mask=target_mask)  # (B, T, d_model)
        y, maps = self.decoder(y, memory, target_mask, source_mask, return_attention=True)
        return self._logits(y), Attentions(encoder_maps, maps.attention, maps.cross)

    @shaped
    def encode(
        self, source_ids: Int[Tensor, "B S"], source_mask: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B S d_model"]:
        """What the decoder attends to: the memory."""
        return self.encoder(self.source(source_ids, attention_mask=source_mask), source_mask)

    @shaped
    def decode(
        self, target_ids: Int[Tensor, "B T"], memory: Float[Tensor, "B S d_model"],
        source_mask: Bool[Tensor, "B S"] | None = None, target_mask: Bool[Tensor, "B T_so_far"] | None = None,
        cache: list[BlockCache] | None = None,
    ) -> Float[Tensor, "B T vocab"]:  # fmt: skip
        """Logits for the target's tokens; with a cache (`decoder.new_cache()`) give only those not read before."""
        start = cache[0].attention.length if cache else 0
        y = self.target(target_ids, start, target_mask)  # (B, T, d_model)
        return self._logits(self.decoder(y, memory, target_mask, source_mask, cache=cache))

    def _logits(self, y: Float[Tensor, "B T d_model"]) -> Float[Tensor, "B T vocab"]:
        return F.linear(y, self.target.tokens.weight)  # (B, T, vocab)

    @torch.no_grad()
    @shaped
    def generate(
        self, source_ids: Int[Tensor, "B S"], start: Token, end: Token, max_length: Size,
        source_mask: Bool[Tensor, "B S"] | None = None,
    ) -> Int[Tensor, "B N"]:  # fmt: skip
        """The likeliest token, again and again, from `start` until every row has said `end` or holds `max_length`.

        The tokens after `start`; a row that has said `end` repeats it. Call `eval()` first, or dropout guesses along.
        """
        memory = self.encode(source_ids, source_mask)
        cache = self.decoder.new_cache(max_length)
        token = torch.full_like(source_ids[:, :1], start)  # (B, 1)
        written = []
        while len(written) < max_length and not (written and bool((token == end).all())):
            guess = self.decode(token, memory, source_mask, cache=cache).argmax(-1)  # (B, 1)
            token = torch.where(token == end, end, guess) if written else guess
            written.append(token)
        return torch.cat(written, dim=1)  # (B, N)
