"""The Transformer of 2017: blocks of attention and a small network, stacked, and positions, as attention has none.

What it is. The pieces (positions, `LayerNorm`, `FeedForward`), the `Block` that wires them around the residual stream,
stacks of blocks (`Encoder`, `Decoder`), and the model that puts one beside the other (`EncoderDecoder`). A signature's
shapes are checked where a call comes from outside (see `shapes`), and not once more in every block.

What it leaves out. BERT, GPT and Llama: each writes its own block, whose `forward` is its equation, out of these pieces
and `attention.MultiHeadAttention`. Training (see `training`), beam search, label smoothing, sparse or long-range
attention.

Papers. Vaswani et al. (2017), "Attention Is All You Need"; Ba, Kiros, Hinton (2016), "Layer Normalization"; Xiong et
al. (2020), "On Layer Normalization in the Transformer Architecture", for the norm's two places; Su et al. (2021),
"RoFormer", for rotary positions.

Shapes: B sequences, T positions (of the target, where there are two sides), S positions of the source.
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
from course_lib.settings import require, require_sizes, whole
from course_lib.shapes import shaped

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,  # the Transformer of 2017
    "gelu": F.gelu,  # BERT
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # GPT-2: close to gelu and, then, faster
}
NORMS = ("pre", "post")
POSITIONS = ("sinusoidal", "learned", "none")
INITS = ("xavier", "normal")


@dataclass(frozen=True)
class TransformerConfig:
    """Settings of a Transformer; without arguments, the base model of 2017.

    `target_vocab_size`: None where both sides share one vocabulary, and so one table. `d_ff`: None for 4 * d_model.
    `norm`: "post" normalises the residual stream after each sublayer, "pre" each sublayer's input. `dropout` falls on
    embeddings, attention weights and each sublayer's output. ValueError for a setting that cannot be used.
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

    def __post_init__(self):
        sizes = ("vocab_size", "context_length", "d_model", "num_layers", "num_heads")
        require_sizes(**{name: getattr(self, name) for name in sizes})
        for name in ("target_vocab_size", "d_ff"):
            value = getattr(self, name)
            require(value is None or whole(value, 1), name, value, "None or a whole number of 1 or more")
        for name, known in (("norm", NORMS), ("activation", ACTIVATIONS), ("positions", POSITIONS)):
            require(getattr(self, name) in known, name, getattr(self, name), f"one of {', '.join(known)}")
        for name in ("dropout", "eps"):
            require(isinstance(getattr(self, name), numbers.Real), name, getattr(self, name), "a number")
        require(0 <= self.dropout < 1, "dropout", self.dropout, "a share from 0 to below 1")
        require(self.eps > 0, "eps", self.eps, "above 0")
        whole_heads = self.d_model % self.num_heads == 0
        require(whole_heads, "d_model", self.d_model, f"a multiple of num_heads={self.num_heads}")
        fits = self.positions != "sinusoidal" or self.d_model % 2 == 0
        what = f"learned or none: sines come with cosines, and {self.d_model} numbers are no pairs"
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
        self.head_size = head_size
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, x: Float[Tensor, "*batch T D"], start: int = 0) -> Float[Tensor, "*batch T D"]:
        """The vectors of positions start, start + 1, ..., each turned by its own angles; ValueError beyond the last."""
        T, D = x.shape[-2:]
        if D != self.head_size:  # by hand: attention calls this from within its own door, and size 2 would broadcast
            raise ValueError(f"The vectors have size {D}: these positions turn vectors of size {self.head_size}.")
        _check_positions(start, T, len(self.cos))
        cos, sin = (table[start : start + T].to(x.dtype) for table in (self.cos, self.sin))  # (T, D / 2)
        even, odd = x[..., 0::2], x[..., 1::2]  # (..., T, D / 2)
        return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)  # (..., T, D)


# --- The pieces of a block ------------------------------------------------------------------------------------------


@shaped
def layer_norm(
    x: Float[Tensor, "*batch D"], weight: Float[Tensor, " D"], bias: Float[Tensor, " D"] | None = None,
    eps: float = 1e-5,
) -> Float[Tensor, "*batch D"]:  # fmt: skip
    """Each vector to mean 0 and variance 1 (over its own D numbers, divided by D), then a trained scale and shift."""
    mean = x.mean(-1, keepdim=True)
    variance = ((x - mean) ** 2).mean(-1, keepdim=True)
    normed = (x - mean) / torch.sqrt(variance + eps) * weight  # (..., D)
    return normed if bias is None else normed + bias


class LayerNorm(nn.Module):
    """`layer_norm` with its trained scale and shift, by torch's kernel, which reads the vectors once."""

    def __init__(self, d_model: int, eps: float = 1e-5, bias: bool = True):
        super().__init__()
        self.d_model, self.eps = d_model, eps
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model)) if bias else None

    @shaped
    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


class FeedForward(nn.Module):
    """The same two-layer network for every position: activation(x W1 + b1) W2 + b2 (2017, equation 2)."""

    def __init__(self, d_model: int, d_ff: int | None = None, activation: str = "relu", bias: bool = True):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r} is not known: use one of {', '.join(ACTIVATIONS)}.")
        d_ff = 4 * d_model if d_ff is None else d_ff
        require_sizes(d_model=d_model, d_ff=d_ff)
        self.d_model = d_model
        self.hidden = nn.Linear(d_model, d_ff, bias=bias)
        self.output = nn.Linear(d_ff, d_model, bias=bias)
        self.activation = ACTIVATIONS[activation]

    @shaped
    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
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
    ):
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm={norm!r} is not known: use one of {', '.join(NORMS)}.")
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
        self,
        x: Float[Tensor, "B T d_model"],
        *,
        mask: Bool[Tensor, "#T #T_so_far"] | Bool[Tensor, "#B #num_heads #T #T_so_far"] | None = None,
        is_causal: bool = False,
        memory: Float[Tensor, "B S d_model"] | None = None,
        memory_mask: Bool[Tensor, "#T #S"] | Bool[Tensor, "#B #num_heads #T #S"] | None = None,
        cache: "BlockCache | None" = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], "BlockAttention"]:
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
        x = self._after(self.attention_norm, x, change)  # (B, T, d_model)
        if self.cross:
            attended = self.cross_attention(
                self._before(self.cross_norm, x),
                memory,
                mask=memory_mask,
                cache=cache.cross,
                return_attention=return_attention,
            )
            change, cross_weights = attended if return_attention else (attended, None)
            x = self._after(self.cross_norm, x, change)  # (B, T, d_model)
        change = self.feed_forward(self._before(self.feed_forward_norm, x))
        x = self._after(self.feed_forward_norm, x, change)  # (B, T, d_model)
        return (x, BlockAttention(weights, cross_weights)) if return_attention else x

    def _before(self, norm: LayerNorm, x: Tensor) -> Tensor:
        return norm(x) if self.norm == "pre" else x

    def _after(self, norm: LayerNorm, x: Tensor, change: Tensor) -> Tensor:
        x = x + (self.dropout(change) if self.training else change)  # a token with a cache feels even an empty call
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
            )
            for _ in range(config.num_layers)
        )
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
        x = self.norm(x)  # (B, T, d_model)
        if not return_attention:
            return x
        own, crossed = zip(*maps)
        return x, BlockAttention(torch.stack(own), None if memory is None else torch.stack(crossed))

    def _masks(self, attention_mask, is_causal, x, cache) -> tuple[Tensor | None, bool]:
        """The mask for all blocks. Padding alone stays (B, 1, 1, S), small; the causal mask makes it (B, 1, T, S)."""
        if cache is not None and not (isinstance(cache, list) and len(cache) == len(self.blocks)):
            raise ValueError(f"The cache is none for these {len(self.blocks)} blocks: make it with new_cache().")
        if cache and not is_causal:
            raise ValueError("A cache hides later positions: say is_causal=True as well, or leave the cache out.")
        if attention_mask is None:
            return None, is_causal
        B, T, _ = x.shape
        S = T + (cache[0].attention.length if cache else 0)
        if attention_mask.shape[1] != S:
            given = tuple(attention_mask.shape)
            raise ValueError(f"attention_mask has shape {given}: give ({B}, {S}), one boolean for each token so far.")
        if is_causal and T > 1:
            return padding_mask(attention_mask) & causal_mask(T, S, x.device), False
        return padding_mask(attention_mask), is_causal


class Encoder(Stack):
    """A stack of self-attention blocks over vectors that already hold their positions."""

    def __init__(self, config: TransformerConfig):
        super().__init__(config, cross=False)

    @shaped
    def forward(
        self,
        x: Float[Tensor, "B T d_model"],
        attention_mask: Bool[Tensor, "B S"] | None = None,
        *,
        is_causal: bool = False,
        cache: list[BlockCache] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], Float[Tensor, "layers B H T S"]]:
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
        self,
        x: Float[Tensor, "B T d_model"],
        memory: Float[Tensor, "B S d_model"],
        attention_mask: Bool[Tensor, "B T_so_far"] | None = None,
        memory_mask: Bool[Tensor, "B S"] | None = None,
        *,
        cache: list[BlockCache] | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], BlockAttention]:
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
    def forward(self, input_ids: Int[Tensor, "B T"], start: int = 0) -> Float[Tensor, "B T d_model"]:
        """The first token stands at position `start`. ValueError for a position beyond the last and, on the CPU, for an
        unknown token (a GPU stops by itself: to look would make us wait for it).
        """
        try:
            x = self.tokens(input_ids) * self.scale  # (B, T, d_model)
        except IndexError:
            size = self.tokens.num_embeddings
            wrong = next(token for token in input_ids.flatten().tolist() if not 0 <= token < size)
            raise ValueError(f"There is no token {wrong}: ids go from 0 to {size - 1}.") from None
        if self.positions is not None:
            x = x + self.positions(input_ids.shape[1], start)
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
        x = self.source(source_ids)  # (B, S, d_model)
        if not return_attention:
            return self.decode(target_ids, self.encoder(x, source_mask), source_mask, target_mask)
        memory, encoder_maps = self.encoder(x, source_mask, return_attention=True)
        y = self.target(target_ids)  # (B, T, d_model)
        y, maps = self.decoder(y, memory, target_mask, source_mask, return_attention=True)
        return self._logits(y), Attentions(encoder_maps, maps.attention, maps.cross)

    @shaped
    def encode(
        self, source_ids: Int[Tensor, "B S"], source_mask: Bool[Tensor, "B S"] | None = None
    ) -> Float[Tensor, "B S d_model"]:
        """What the decoder attends to: the memory."""
        return self.encoder(self.source(source_ids), source_mask)

    @shaped
    def decode(
        self,
        target_ids: Int[Tensor, "B T"],
        memory: Float[Tensor, "B S d_model"],
        source_mask: Bool[Tensor, "B S"] | None = None,
        target_mask: Bool[Tensor, "B T_so_far"] | None = None,
        cache: list[BlockCache] | None = None,
    ) -> Float[Tensor, "B T vocab"]:
        """Logits for the target's tokens; with a cache (`decoder.new_cache()`) give only those not read before."""
        start = cache[0].attention.length if cache else 0
        y = self.target(target_ids, start)  # (B, T, d_model)
        return self._logits(self.decoder(y, memory, target_mask, source_mask, cache=cache))

    def _logits(self, y: Float[Tensor, "B T d_model"]) -> Float[Tensor, "B T vocab"]:
        return F.linear(y, self.target.tokens.weight)  # (B, T, vocab)

    @torch.no_grad()
    @shaped
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
        cache = self.decoder.new_cache(max_length)
        token = torch.full_like(source_ids[:, :1], start)  # (B, 1)
        written = []
        while len(written) < max_length and not (written and bool((token == end).all())):
            guess = self.decode(token, memory, source_mask, cache=cache).argmax(-1)  # (B, 1)
            token = torch.where(token == end, end, guess) if written else guess
            written.append(token)
        return torch.cat(written, dim=1)  # (B, N)


# --- How training starts --------------------------------------------------------------------------------------------


@torch.no_grad()
def initialise(module: nn.Module, init: str, std: float = 0.02) -> nn.Module:
    """Draw the weights of all linear layers and embeddings anew; their biases become zeros. Returns the module.

    "xavier", for the model of 2017: matrices uniform with variance 2 / (inputs + outputs) (Glorot & Bengio 2010), and
    embeddings normal with variance 1 / d_model. "normal", for BERT and GPT: all normal with standard deviation `std`.
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
    return module
