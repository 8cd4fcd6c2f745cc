"""The Transformer: blocks of attention and a small network, stacked, with positions added because attention has none.

What it is. The pieces (positions, `LayerNorm`, `FeedForward`), the `Block` that wires them around the residual stream,
stacks of blocks (`Encoder`, `Decoder`), and the model of 2017 that puts one beside the other (`EncoderDecoder`). BERT
is an `Encoder` and GPT an `Encoder` with `is_causal=True`: their modules bring embeddings and heads.

What it leaves out. Training (see `training`), beam search, label smoothing, sparse or long-range attention.

Papers. Vaswani et al. (2017), "Attention Is All You Need"; Ba, Kiros, Hinton (2016), "Layer Normalization"; Xiong et
al. (2020), "On Layer Normalization in the Transformer Architecture", for the norm's two places; Su et al. (2021),
"RoFormer", for rotary positions; Radford et al. (2019), "Language Models are Unsupervised Multitask Learners" (GPT-2),
for its initialisation.

Shapes: B sequences, T positions (of the target, where there are two sides), S positions of the source, D = d_model.
"""

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention import KeyValueCache, MultiHeadAttention, causal_mask, padding_mask
from course_lib.settings import require, whole
from course_lib.shapes import check_tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,  # the Transformer of 2017
    "gelu": F.gelu,  # BERT
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # GPT-2: close to gelu and, then, faster
}
NORMS = ("pre", "post")
POSITIONS = ("sinusoidal", "learned", "rotary", "none")
INITS = ("xavier", "normal")


@dataclass(frozen=True)
class TransformerConfig:
    """Settings of a Transformer; without arguments, the base model of 2017.

    `target_vocab_size`: None where both sides share one vocabulary, and so one table. `d_ff`: None for 4 * d_model.
    `norm`: "post" normalises the residual stream after each sublayer, "pre" each sublayer's input. `dropout` falls on
    embeddings, attention weights and each sublayer's output. `init`: see `initialise`; with "xavier" token embeddings
    are also multiplied by sqrt(d_model). `scale_residual`: GPT-2's smaller start for the layers that write to the
    residual stream. ValueError for a setting that cannot be used.
    """

    vocab_size: int = 37_000
    target_vocab_size: int | None = None
    context_length: int = 512
    d_model: int = 512
    num_layers: int = 6
    num_heads: int = 8
    d_ff: int | None = None
    dropout: float = 0.1
    norm: str = "post"
    activation: str = "relu"
    positions: str = "sinusoidal"
    bias: bool = True
    eps: float = 1e-5
    init: str = "xavier"
    scale_residual: bool = False

    def __post_init__(self):
        for name in ("vocab_size", "context_length", "d_model", "num_layers", "num_heads"):
            require(whole(getattr(self, name), 1), name, getattr(self, name), "a whole number of 1 or more")
        for name in ("target_vocab_size", "d_ff"):
            value = getattr(self, name)
            require(value is None or whole(value, 1), name, value, "None or a whole number of 1 or more")
        for name, known in (("norm", NORMS), ("activation", ACTIVATIONS), ("positions", POSITIONS), ("init", INITS)):
            require(getattr(self, name) in known, name, getattr(self, name), f"one of {', '.join(known)}")
        for name in ("dropout", "eps"):
            require(isinstance(getattr(self, name), numbers.Real), name, getattr(self, name), "a number")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a share from 0 to below 1")
        require(self.eps > 0, "eps", self.eps, "above 0")
        whole_heads = self.d_model % self.num_heads == 0
        require(whole_heads, "d_model", self.d_model, f"a multiple of num_heads={self.num_heads}")
        even = self.d_model if self.positions == "sinusoidal" else self.d_model // self.num_heads
        fits = self.positions not in ("sinusoidal", "rotary") or even % 2 == 0
        what = f"learned or none: sines come with cosines, and {even} numbers are no pairs"
        require(fits, "positions", self.positions, what)


SIZES = {  # the two models of 2017 (table 3)
    "base": TransformerConfig(),
    "big": TransformerConfig(d_model=1024, num_heads=16, dropout=0.3),
}


# --- Positions ------------------------------------------------------------------------------------------------------


def sinusoidal_positions(context_length: int, d_model: int) -> Float[Tensor, "context_length d_model"]:
    """Row t: sin(t / 10000^(2i / d_model)) in column 2i, the cosine of the same angle in column 2i + 1 (2017, 3.5)."""
    angles = _angles(context_length, d_model)  # (T, D / 2)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()  # (T, D)


def _angles(context_length: int, size: int) -> Float[Tensor, "context_length size/2"]:
    """Position times frequency, for frequencies that fall from 1 to nearly 1 / 10000. In float64: angles grow large."""
    if size % 2 or size < 2 or context_length < 1:
        raise ValueError(f"No sines for {context_length} positions of size {size}: give at least 1, of an even size.")
    frequencies = 10_000.0 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)  # (size / 2,)
    return torch.arange(context_length, dtype=torch.float64)[:, None] * frequencies


def _check_positions(start: int, length: int, context_length: int) -> None:
    if start < 0:
        raise ValueError(f"start={start} cannot be used: positions count from 0.")
    if start + length > context_length:
        raise ValueError(
            f"The sequence has {start + length} positions and the model knows {context_length}: cut the sequence, or "
            "make the model with a larger context_length."
        )


class SinusoidalPositions(nn.Module):
    """The fixed table of `sinusoidal_positions`, one row a position."""

    def __init__(self, context_length: int, d_model: int):
        super().__init__()
        self.register_buffer("table", sinusoidal_positions(context_length, d_model), persistent=False)

    def forward(self, length: int, start: int = 0) -> Float[Tensor, "length d_model"]:
        _check_positions(start, length, len(self.table))
        return self.table[start : start + length]


class LearnedPositions(nn.Module):
    """A trained table, one row a position."""

    def __init__(self, context_length: int, d_model: int):
        super().__init__()
        self.table = nn.Embedding(context_length, d_model)

    def forward(self, length: int, start: int = 0) -> Float[Tensor, "length d_model"]:
        _check_positions(start, length, self.table.num_embeddings)
        return self.table.weight[start : start + length]


class RotaryPositions(nn.Module):
    """Turns each pair of numbers of a query or key by an angle that grows with its position (2021, equation 34).

    A query's product with a key then depends on how far apart they are, not on where they stand. The pairs are
    neighbours, (0, 1), (2, 3) and so on, as in the paper. Hugging Face's Llama pairs i with i + D / 2: the same, after
    the rows of its query and key projections have been put in another order.
    """

    def __init__(self, context_length: int, head_size: int):
        super().__init__()
        angles = _angles(context_length, head_size)  # (T, D / 2)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, x: Float[Tensor, "... T D"], start: int = 0) -> Float[Tensor, "... T D"]:
        """The vectors of positions start, start + 1, ..., each turned by its own angles; ValueError beyond the last."""
        T, D = x.shape[-2:]
        size = 2 * self.cos.shape[1]
        if D != size:
            raise ValueError(f"The vectors have size {D}: these positions turn vectors of size {size}.")
        _check_positions(start, T, len(self.cos))
        cos, sin = (table[start : start + T].to(x.dtype) for table in (self.cos, self.sin))  # (T, D / 2)
        even, odd = x[..., 0::2], x[..., 1::2]  # (..., T, D / 2)
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)  # (..., T, D)


# --- The pieces of a block ------------------------------------------------------------------------------------------


def layer_norm(
    x: Float[Tensor, "... D"], weight: Float[Tensor, " D"], bias: Float[Tensor, " D"] | None = None, eps: float = 1e-5
) -> Float[Tensor, "... D"]:
    """Each vector to mean 0 and variance 1 (over its own D numbers, divided by D), then a trained scale and shift."""
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    normed = (x - mean) / torch.sqrt(variance + eps) * weight  # (..., D)
    return normed if bias is None else normed + bias


class LayerNorm(nn.Module):
    """`layer_norm` with its trained scale and shift, by torch's kernel, which reads the vectors once."""

    def __init__(self, d_model: int, eps: float = 1e-5, bias: bool = True):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model)) if bias else None

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        if x.shape[-1:] != self.weight.shape:
            raise ValueError(f"The vectors have shape {tuple(x.shape)}: give (..., {len(self.weight)}).")
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class FeedForward(nn.Module):
    """The same two-layer network for every position: activation(x W1 + b1) W2 + b2 (2017, equation 2)."""

    def __init__(self, d_model: int, d_ff: int | None = None, activation: str = "relu", bias: bool = True):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r} is not known: use one of {', '.join(ACTIVATIONS)}.")
        d_ff = 4 * d_model if d_ff is None else d_ff
        require(whole(d_ff, 1), "d_ff", d_ff, "a whole number of 1 or more, or None for 4 * d_model")
        self.hidden = nn.Linear(d_model, d_ff, bias=bias)
        self.output = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        return self.output(self.activation(self.hidden(x)))


class Block(nn.Module):
    """Attention, then (with `cross`) attention to a memory, then the feed-forward network, each around a residual.

    norm="pre":  x + sublayer(norm(x)): the stream x itself is never normalised, so gradients pass untouched.
    norm="post": norm(x + sublayer(x)), as in 2017: it needs a warm-up.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        d_ff: int | None = None,
        *,
        norm: str = "pre",
        dropout: float = 0.0,
        activation: str = "relu",
        eps: float = 1e-5,
        bias: bool = True,
        cross: bool = False,
        rotary: RotaryPositions | None = None,
    ):
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm={norm!r} is not known: use one of {', '.join(NORMS)}.")
        self.norm, self.dropout = norm, nn.Dropout(dropout)
        self.attention = MultiHeadAttention(d_model, num_heads, dropout=dropout, bias=bias, rotary=rotary)
        self.attention_norm = LayerNorm(d_model, eps, bias)
        if cross:
            self.cross_attention = MultiHeadAttention(d_model, num_heads, dropout=dropout, bias=bias)
            self.cross_norm = LayerNorm(d_model, eps, bias)
        self.feed_forward = FeedForward(d_model, d_ff, activation, bias)
        self.feed_forward_norm = LayerNorm(d_model, eps, bias)
        self.cross = cross

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        *,
        mask: Bool[Tensor, "#B #H #T T"] | None = None,
        is_causal: bool = False,
        memory: Float[Tensor, "B S D"] | None = None,
        memory_mask: Bool[Tensor, "#B #H #T S"] | None = None,
        cache: "BlockCache | None" = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T D"] | tuple[Float[Tensor, "B T D"], "BlockAttention"]:
        """The stream after this block; with `return_attention` a pair: the stream and the weights of both attentions.

        `mask`, `is_causal` and the cache as in `MultiHeadAttention.forward`; `memory_mask` hides parts of the memory.
        """
        if self.cross != (memory is not None):
            wants = "needs a memory: give one" if self.cross else "takes no memory: leave it out"
            raise ValueError(f"A block with cross={self.cross} {wants}.")
        cache = cache or BlockCache(None, None)
        cross_weights = None
        attended = self.attention(
            self._before(self.attention_norm, x),
            mask=mask,
            is_causal=is_causal,
            cache=cache.attention,
            return_attention=return_attention,
        )
        change, weights = attended if return_attention else (attended, None)
        x = self._after(self.attention_norm, x, change)  # (B, T, D)
        if self.cross:
            attended = self.cross_attention(
                self._before(self.cross_norm, x),
                memory,
                mask=memory_mask,
                cache=cache.cross,
                return_attention=return_attention,
            )
            change, cross_weights = attended if return_attention else (attended, None)
            x = self._after(self.cross_norm, x, change)  # (B, T, D)
        change = self.feed_forward(self._before(self.feed_forward_norm, x))
        x = self._after(self.feed_forward_norm, x, change)  # (B, T, D)
        return (x, BlockAttention(weights, cross_weights)) if return_attention else x

    def _before(self, norm: LayerNorm, x: Tensor) -> Tensor:
        return norm(x) if self.norm == "pre" else x

    def _after(self, norm: LayerNorm, x: Tensor, change: Tensor) -> Tensor:
        x = x + self.dropout(change)
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
        rotary = None
        if config.positions == "rotary":
            rotary = RotaryPositions(config.context_length, config.d_model // config.num_heads)
        self.blocks = nn.ModuleList(
            Block(
                config.d_model,
                config.num_heads,
                config.d_ff,
                norm=config.norm,
                dropout=config.dropout,
                activation=config.activation,
                eps=config.eps,
                bias=config.bias,
                cross=cross,
                rotary=rotary,
            )
            for _ in range(config.num_layers)
        )
        # Nothing has normalised a pre-norm stream when it leaves the last block.
        self.norm = LayerNorm(config.d_model, config.eps, config.bias) if config.norm == "pre" else nn.Identity()
        initialise(self, config.init, scale_residual=config.scale_residual)

    def new_cache(self) -> list[BlockCache]:
        """Empty caches for generating a batch: give them to every call, and each token is read once."""
        return [BlockCache(KeyValueCache(), KeyValueCache()) for _ in self.blocks]

    def _run(self, x, attention_mask, is_causal, cache, return_attention, memory=None, memory_mask=None):
        self._check(x, cache, memory)
        mask, is_causal = _masks(attention_mask, is_causal, x, cache)  # once, not in every block
        memory_mask = None if memory_mask is None else _padding("memory_mask", memory_mask, len(x), memory.shape[1])
        maps = []
        for number, block in enumerate(self.blocks):
            x = block(
                x,
                mask=mask,
                is_causal=is_causal,
                memory=memory,
                memory_mask=memory_mask,
                cache=None if cache is None else cache[number],
                return_attention=return_attention,
            )
            if return_attention:
                x, weights = x
                maps.append(weights)
        x = self.norm(x)  # (B, T, D)
        if not return_attention:
            return x
        own, crossed = zip(*maps)
        return x, BlockAttention(torch.stack(own), None if memory is None else torch.stack(crossed))

    def _check(self, x, cache, memory) -> None:
        """ValueError for what would fail somewhere inside, or leave a cache half filled."""
        check_tensor("stream", x)
        if x.dim() != 3:
            raise ValueError(f"The stream has shape {tuple(x.shape)}: give (batch, length, d_model).")
        if cache is not None and not (isinstance(cache, list) and len(cache) == len(self.blocks)):
            raise ValueError(f"The cache is none for these {len(self.blocks)} blocks: make it with new_cache().")
        if self.blocks[0].cross:
            check_tensor("memory", memory)


def _masks(attention_mask: Tensor | None, is_causal: bool, x: Tensor, cache: list | None) -> tuple[Tensor | None, bool]:
    """The mask for all blocks. Padding alone stays (B, 1, 1, S), small; the causal mask makes it (B, 1, T, S)."""
    if attention_mask is None:
        return None, is_causal
    B, T, _ = x.shape
    S = T + (cache[0].attention.length if cache else 0)
    mask = _padding("attention_mask", attention_mask, B, S)
    if is_causal and T > 1:
        mask = mask & causal_mask(T, S, x.device)
    return mask, False


def _padding(name: str, attention_mask: Tensor, B: int, S: int) -> Bool[Tensor, "B 1 1 S"]:
    check_tensor(name, attention_mask)
    if tuple(attention_mask.shape) != (B, S):
        raise ValueError(f"{name} has shape {tuple(attention_mask.shape)}: give ({B}, {S}), one boolean a token.")
    return padding_mask(attention_mask)


class Encoder(Stack):
    """A stack of self-attention blocks over vectors that already hold their positions (rotary ones are made inside)."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, cross=False)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        attention_mask: Bool[Tensor, "B S"] | None = None,
        *,
        is_causal: bool = False,
        cache: list[BlockCache] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T D"] | tuple[Float[Tensor, "B T D"], Float[Tensor, "layers B H T S"]]:
        """The last stream; with `return_attention` a pair: the stream and the weights of all layers.

        `attention_mask`: True for a token, False for padding. With a cache (see `new_cache`) x holds the positions that
        follow those read before, and S counts them all.
        """
        if not return_attention:
            return self._run(x, attention_mask, is_causal, cache, False)
        x, maps = self._run(x, attention_mask, is_causal, cache, True)
        return x, maps.attention


class Decoder(Stack):
    """A stack of causal blocks that also attend to a memory: what an encoder made of the source."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, cross=True)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"],
        attention_mask: Bool[Tensor, "B T_so_far"] | None = None,
        memory_mask: Bool[Tensor, "B S"] | None = None,
        *,
        cache: list[BlockCache] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T D"] | tuple[Float[Tensor, "B T D"], BlockAttention]:
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
        self.scale = math.sqrt(config.d_model) if config.init == "xavier" else 1.0
        self.dropout = nn.Dropout(config.dropout)
        initialise(self, config.init)

    def forward(self, input_ids: Int[Tensor, "B T"], start: int = 0) -> Float[Tensor, "B T D"]:
        """The first token stands at position `start`. ValueError for an unknown token or a position beyond the last."""
        self._check(input_ids)
        x = self.tokens(input_ids) * self.scale  # (B, T, D)
        if self.positions is not None:
            x = x + self.positions(input_ids.shape[1], start)
        return self.dropout(x)

    def _check(self, input_ids: Tensor) -> None:
        check_tensor("batch of token ids", input_ids)
        if input_ids.dim() != 2 or input_ids.dtype not in (torch.int64, torch.int32) or input_ids.numel() == 0:
            raise ValueError(
                f"The token ids have shape {tuple(input_ids.shape)} and type {input_ids.dtype}: give whole numbers "
                "(torch.int64) of shape (batch, length), at least one token."
            )
        if input_ids.device.type == "cpu":  # elsewhere looking would make the device wait
            low, high = int(input_ids.min()), int(input_ids.max())
            if low < 0 or high >= self.tokens.num_embeddings:
                wrong = low if low < 0 else high
                raise ValueError(f"There is no token {wrong}: ids go from 0 to {self.tokens.num_embeddings - 1}.")


class Attentions(NamedTuple):
    """Every weight of an encoder-decoder."""

    encoder: Float[Tensor, "layers B H S S"]
    decoder: Float[Tensor, "layers B H T T"]
    cross: Float[Tensor, "layers B H T S"]


class EncoderDecoder(nn.Module):
    """Reads a source, then predicts a target token by token; its output table is its target embedding (2017, 3.4)."""

    def __init__(self, config: TransformerConfig):
        super().__init__()
        self.config = config
        self.source = Embedding(config.vocab_size, config)
        self.target = Embedding(config.target_vocab_size or config.vocab_size, config)
        if config.target_vocab_size is None:
            self.target.tokens = self.source.tokens
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(
        self,
        source_ids: Int[Tensor, "B S"],
        target_ids: Int[Tensor, "B T"],
        source_mask: Bool[Tensor, "B S"] | None = None,
        target_mask: Bool[Tensor, "B T"] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T vocab"] | tuple[Float[Tensor, "B T vocab"], Attentions]:
        """Logits: those at position t guess the target's token t + 1, so feed the target shifted right.

        Masks: True for a token, False for padding. With `return_attention` a pair: the logits and all weights.
        """
        x = self.source(source_ids)  # (B, S, D)
        if not return_attention:
            return self.decode(target_ids, self.encoder(x, source_mask), source_mask, target_mask)
        memory, encoder_maps = self.encoder(x, source_mask, return_attention=True)
        y = self.target(target_ids)  # (B, T, D)
        y, maps = self.decoder(y, memory, target_mask, source_mask, return_attention=True)
        return self._logits(y), Attentions(encoder_maps, maps.attention, maps.cross)

    def encode(
        self, source_ids: Int[Tensor, "B S"], source_mask: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B S D"]:
        """What the decoder attends to: the memory."""
        return self.encoder(self.source(source_ids), source_mask)

    def decode(
        self,
        target_ids: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S D"],
        source_mask: Bool[Tensor, "B S"] | None = None,
        target_mask: Bool[Tensor, "B T"] | None = None,
        cache: list[BlockCache] | None = None,
    ) -> Float[Tensor, "B T vocab"]:
        """Logits for the target's tokens; with a cache (`decoder.new_cache()`) give only those not read before."""
        start = cache[0].attention.length if cache else 0
        y = self.target(target_ids, start)  # (B, T, D)
        return self._logits(self.decoder(y, memory, target_mask, source_mask, cache=cache))

    def _logits(self, y: Float[Tensor, "B T D"]) -> Float[Tensor, "B T vocab"]:
        return F.linear(y, self.target.tokens.weight)  # (B, T, vocab)

    @torch.no_grad()
    def generate(
        self,
        source_ids: Int[Tensor, "B S"],
        start: int,
        end: int,
        max_length: int,
        source_mask: Bool[Tensor, "B S"] | None = None,
    ) -> Int[Tensor, "B N"]:
        """The likeliest token, again and again, from `start` until every row has said `end` or holds `max_length`.

        The tokens after `start`; a row that has said `end` repeats it. Call `eval()` first, or dropout guesses along.
        """
        require(whole(max_length, 1), "max_length", max_length, "a whole number of 1 or more")
        require(isinstance(end, numbers.Integral), "end", end, "the number of a token")
        require(isinstance(start, numbers.Integral), "start", start, "the number of a token")
        memory = self.encode(source_ids, source_mask)
        cache = self.decoder.new_cache()
        token = torch.full_like(source_ids[:, :1], start)  # (B, 1)
        written = []
        while len(written) < max_length and not (written and bool((token == end).all())):
            guess = self.decode(token, memory, source_mask, cache=cache).argmax(-1)  # (B, 1)
            token = torch.where(token == end, end, guess) if written else guess
            written.append(token)
        return torch.cat(written, dim=1)  # (B, N)


# --- How training starts --------------------------------------------------------------------------------------------


@torch.no_grad()
def initialise(module: nn.Module, init: str, std: float = 0.02, scale_residual: bool = False) -> nn.Module:
    """Draw the weights of all linear layers and embeddings anew; their biases become zeros. Returns the module.

    "xavier", for the model of 2017: matrices uniform with variance 2 / (inputs + outputs) (Glorot & Bengio 2010), and
    embeddings normal with variance 1 / d_model. "normal", for BERT and GPT: all normal with standard deviation `std`.
    `scale_residual`, as in GPT-2: the layers that write to the residual stream start smaller by the square root of
    their number in `module` (two a block, three with cross attention), because the stream adds them all up.
    """
    if init not in INITS:
        raise ValueError(f"init={init!r} is not known: use one of {', '.join(INITS)}.")
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight) if init == "xavier" else nn.init.normal_(part.weight, std=std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=part.embedding_dim**-0.5 if init == "xavier" else std)
    if scale_residual:
        writers = [part for part in module.modules() if isinstance(part, MultiHeadAttention | FeedForward)]
        for part in writers:
            part.output.weight /= math.sqrt(len(writers))
    return module
