"""Llama: GPT's stack as it is built today, with four parts exchanged; and the form of most published models.

    model, tokenizer = checkpoints.load_llama(data.path("smollm2"))    # real weights: SmolLM2-135M-Instruct
    model = Llama(LlamaConfig(vocab_size=84, context_length=256, d_model=128, num_layers=4, num_heads=4, num_kv_heads=2,
                              d_ff=352))                               # or a new one, trained with `gpt.windows`

What it is. Against `gpt`: `RMSNorm` for LayerNorm, positions that turn queries and keys (`rotary`, `turn`) for a table
of positions, several query heads that share one head of keys and values (grouped-query attention), and a network with
a gate (SwiGLU) for one with GELU; and no biases. It answers as `gpt.GPT` does, so `decoding.generate`, `gpt.log_probs`
and `gpt.windows` take it too. `trace` gives the arrays of `gpt.trace`.

What it leaves out. Tokenizing (see `tokenizers`), the loop (`training`), choosing a token (`decoding`), and stretched
positions for texts longer than the model was trained on.

Papers. Touvron et al. (2023), "LLaMA: Open and Efficient Foundation Language Models"; Zhang & Sennrich (2019), "Root
Mean Square Layer Normalization"; Su et al. (2021), "RoFormer", for rotary positions; Shazeer (2019), "Fast Transformer
Decoding", and Ainslie et al. (2023), "GQA", for shared keys and values; Shazeer (2020), "GLU Variants Improve
Transformer"; Allal et al. (2025), "SmolLM2".

Shapes: B texts, T tokens of this call, S of this call and all before, D = d_model, V = vocab_size, H = num_heads,
K = num_kv_heads, d = D / H numbers a head.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.attention import causal_mask, fused_attention, scaled_dot_product_attention
from course_lib.gpt import GPT, STD, Cache, GPTOutput, Trace
from course_lib.linear import Linear
from course_lib.positions import Even
from course_lib.settings import (
    NotNegative,
    Positive,
    Settings,
    Share,
    Size,
    divisor_of,
    multiple_of,
    require_context,
)
from course_lib.shapes import look_up, shaped, wide
from course_lib.training import evaluation_mode


@dataclass(frozen=True)
class LlamaConfig(Settings):
    """Settings of a Llama; without arguments, those of SmolLM2-135M.

    `num_kv_heads`: so many heads of keys and values, each for num_heads / num_kv_heads heads of queries. `rope_theta`:
    the slowest pair turns about once in 2 pi * rope_theta tokens. `dropout` falls on attention weights alone. `tied`:
    whether the head is the token table. ValueError for a setting that cannot be used.
    """

    vocab_size: Size = 49_152
    context_length: Size = 8192
    d_model: Annotated[Size, multiple_of("num_heads", 2)] = 576  # heads of pairs
    num_layers: Size = 30
    num_heads: Size = 9
    num_kv_heads: Annotated[Size, divisor_of("num_heads")] = 3
    d_ff: Size = 1536
    rope_theta: Positive = 100_000.0
    dropout: Share = 0.0
    eps: NotNegative = 1e-5
    tied: Literal[True, False] = True



SIZES = {
    "smollm2-135m": LlamaConfig(),
    "smollm2-360m": LlamaConfig(d_model=960, num_layers=32, num_heads=15, num_kv_heads=5, d_ff=2560),
    "smollm2-1.7b": LlamaConfig(d_model=2048, num_layers=24, num_heads=32, num_kv_heads=32, d_ff=8192,
                                rope_theta=130_000.0),
    "llama-7b": LlamaConfig(vocab_size=32_000, context_length=2048, d_model=4096, num_layers=32, num_heads=32,
                            num_kv_heads=32, d_ff=11_008, rope_theta=10_000.0, eps=1e-6, tied=False),
}  # fmt: skip

# --- The parts that are new -------------------------------------------------------------------------------------------


class RMSNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich, equation 4): no mean is taken away, nothing is added."""

    def __init__(self, d_model: int, eps: float = 1e-5):
        super().__init__()
        self.d_model, self.eps, self.weight = d_model, eps, nn.Parameter(torch.ones(d_model))

    @shaped
    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        exact = wide(x)
        return self.weight * (exact * torch.rsqrt(exact.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype)


@shaped
def rotary(positions: Int[Tensor, "*B T"], size: Even, theta: Positive = 10_000.0) -> tuple[Tensor, Tensor]:
    """cos and sin of each position's angles, for `turn`: (*B, T, size) both.

    Pair i of size / 2 turns by theta^(-2i / size) a token: the first fast, the last slowly. In float32, as the models
    were trained.

    >>> cos, sin = rotary(torch.tensor([0, 1]), 4, theta=100.0)    # angles 0 and 0; then 1 and 1 / 10
    >>> sin
    tensor([[-0.0000, -0.0000,  0.0000,  0.0000],
            [-0.8415, -0.0998,  0.8415,  0.0998]])
    """
    speeds = 1.0 / theta ** (torch.arange(0, size, 2, device=positions.device) / size)  # (size / 2,)
    angles = positions[..., None].float() * speeds  # (*B, T, size / 2)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)


def turn(x: Float[Tensor, "... d"], cos: Float[Tensor, "... d"], sin: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
    """Each pair (a, b) of x turned by its angle: (a cos - b sin, b cos + a sin) (RoFormer, equation 34).

    A pair is number i and number i + d / 2, so that `roll` puts everyone's partner in its place; the minus stands in
    sin's first half. So it is in Hugging Face's files. In the paper, in `transformer.RotaryPositions` and in GGUF files
    a pair is two neighbours: the same after the rows of the query and key matrices are put in another order.
    """
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


class Attention(nn.Module):
    """`num_heads` causal attentions side by side, of which groups share keys and values; all come out of one product.

    The rows of `qkv`: all heads of queries, then those of keys, then those of values.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.num_heads, self.num_kv_heads, self.dropout = config.num_heads, config.num_kv_heads, config.dropout
        size = config.d_model // config.num_heads
        self.qkv = Linear(config.d_model, (config.num_heads + 2 * config.num_kv_heads) * size, bias=False)
        self.output = Linear(config.d_model, config.d_model, bias=False)

    def heads(self, x: Float[Tensor, "B T D"], turns: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (B, H, T, d), keys and values (B, K, T, d); queries and keys are turned."""
        B, T, D = x.shape
        H, K = self.num_heads, self.num_kv_heads
        heads = self.qkv(x).view(B, T, H + 2 * K, D // H).transpose(1, 2)  # (B, H + 2K, T, d)
        to_turn, v = heads.split([H + K, K], dim=1)
        q, k = turn(to_turn, *turns).split([H, K], dim=1)
        return q, k, v

    def shared(self, x: Float[Tensor, "B K S d"]) -> Float[Tensor, "B H S d"]:
        """Keys or values once for each head of queries: head h of them takes number h // (H / K)."""
        times = self.num_heads // self.num_kv_heads
        return x if times == 1 else x.repeat_interleave(times, dim=1)

    def forward(self, x, turns, mask, extend=None, return_attention=False) -> tuple[Tensor, Tensor | None]:
        B, T, D = x.shape
        q, k, v = self.heads(x, turns)  # (B, H, T, d), (B, K, T, d) twice
        if extend is not None:
            k, v = extend(k, v)  # (B, K, S, d)
        dropout, S = self.dropout if self.training else 0.0, k.shape[2]
        if return_attention:
            mask = causal_mask(T, S, x.device) if mask is None else mask
            y, weights = scaled_dot_product_attention(q, self.shared(k), self.shared(v), mask, dropout)
            return self.output(y.transpose(1, 2).flatten(2)), weights  # (B, T, D), (B, H, T, S)
        if T == 1:  # the heads of a group are so many queries to the same keys: nothing is copied
            q = q.reshape(B, self.num_kv_heads, -1, q.shape[-1])  # (B, K, H / K, d)
        else:
            k, v = self.shared(k), self.shared(v)  # (B, H, S, d)
        is_causal = mask is None and 1 < T == S  # nobody looks for NaN: the stream carries it on anyway
        y = fused_attention(q, k, v, mask, dropout, is_causal, look_for_nan=False)
        return self.output(y.view(B, 1, D) if T == 1 else y.transpose(1, 2).flatten(2)), None  # (B, T, D)


class Block(nn.Module):
    """x = x + attention(norm(x)), then x = x + network(norm(x)), where the network is W_out(silu(gate) * up).

    The rows of `hidden`: those that make the gate, then those that make what it lets through.
    """

    def __init__(self, config: LlamaConfig):
        super().__init__()
        D, d_ff = config.d_model, config.d_ff
        self.attention_norm, self.attention = RMSNorm(D, config.eps), Attention(config)
        self.norm, self.hidden = RMSNorm(D, config.eps), Linear(D, 2 * d_ff, bias=False)
        self.output = Linear(d_ff, D, bias=False)

    def forward(
        self, x: Float[Tensor, "B T D"], turns: tuple[Tensor, Tensor], mask: Bool[Tensor, "#B #1 T S"] | None = None,
        extend=None, return_attention: bool = False,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B H T S"] | None]:  # fmt: skip
        """The stream after this block, and the attention weights if asked for, else None."""
        attended, weights = self.attention(self.attention_norm(x), turns, mask, extend, return_attention)
        x = x + attended
        gate, up = self.hidden(self.norm(x)).chunk(2, dim=-1)  # (B, T, d_ff) both
        x = x + self.output(F.silu(gate) * up)  # SwiGLU (Shazeer 2020, equation 6)
        return x, weights


# --- The model --------------------------------------------------------------------------------------------------------


class Llama(nn.Module):
    """Embedding, blocks, a last norm, and the head: logits for the token after each one."""

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = RMSNorm(config.d_model, config.eps)
        self.head = Linear(config.d_model, config.vocab_size, bias=False)
        if config.tied:
            self.head.weight = self.tokens.weight
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """As `GPT.initialise`: normal with 0.02; what adds to the stream is smaller, as 2 * num_layers parts add up."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                adds = name.endswith("output.weight")
                nn.init.normal_(parameter, std=STD / math.sqrt(2 * self.config.num_layers) if adds else STD)

    @shaped
    def forward(
        self, input_ids: Int[Tensor, "B T"], attention_mask: Bool[Tensor, "B T"] | None = None, *,
        cache: Cache | None = None, last: bool = False, return_layers: bool = False, return_attention: bool = False,
    ) -> GPTOutput:  # fmt: skip
        """The texts read; arguments, answer and errors as `GPT.forward`'s.

        A text, with the padding in front of it, is at most as long as the context.
        """
        B, T = input_ids.shape
        if cache is not None:
            places, mask, S = cache.begin(attention_mask, B, T)
            positions = (cache.real[:, :S].cumsum(1)[:, places] - 1).clamp(min=0) if cache.padded else places
        else:
            mask, positions, S = None, torch.arange(T, device=input_ids.device), T
            if attention_mask is not None:
                mask = attention_mask[:, None, None] & causal_mask(T, device=input_ids.device)  # (B, 1, T, T)
                positions = (attention_mask.cumsum(1) - 1).clamp(min=0)  # (B, T)
        x, turns = self.embed(input_ids, S), self.turns(positions)  # (B, T, D)
        layers, maps = [x], []
        for i, block in enumerate(self.blocks):
            extend = None if cache is None else lambda k, v, i=i: cache.extend(i, places, S, k, v)
            x, weights = block(x, turns, mask, extend, return_attention)
            layers.append(x)
            maps.append(weights)
        if cache is not None:
            cache.length += T
        return GPTOutput(
            self.head(self.norm(x[:, -1:] if last else x)),
            torch.stack(layers) if return_layers else None,
            torch.stack(maps) if return_attention else None,
        )

    loss, new_cache = GPT.loss, GPT.new_cache

    def embed(self, input_ids: Int[Tensor, "B T"], longest: int) -> Float[Tensor, "B T D"]:
        """What a token is. Where it stands, its query and key will say."""
        require_context(longest, self.config.context_length)
        return look_up(self.tokens, input_ids)

    def turns(self, positions: Int[Tensor, "*B T"]) -> tuple[Tensor, Tensor]:
        """`rotary` of these positions, the same for every block: (T, d) both, or (B, 1, T, d) for all heads."""
        cos, sin = rotary(positions, self.config.d_model // self.config.num_heads, self.config.rope_theta)
        dtype = self.tokens.weight.dtype
        return tuple(part.to(dtype) if part.dim() == 2 else part[:, None].to(dtype) for part in (cos, sin))


# --- What there is to see ---------------------------------------------------------------------------------------------


@torch.no_grad()
@shaped
def trace(model: Llama, input_ids: Int[Tensor, " T"]) -> Trace:
    """What happens to one text, as `gpt.trace` says it: queries and keys are turned, shared keys and values stand once
    for each head, and there are no vectors of positions (they are 0).
    """
    with evaluation_mode(model):
        output = model(input_ids[None], return_layers=True, return_attention=True)
        layers = output.layers[:, 0]  # (L + 1, T, D)
        turns = model.turns(torch.arange(len(input_ids), device=input_ids.device))
        heads = []
        for block, x in zip(model.blocks, layers):
            q, k, v = block.attention.heads(block.attention_norm(x[None]), turns)
            heads.append((q, block.attention.shared(k), block.attention.shared(v)))
        query, key, value = (torch.cat(parts) for parts in zip(*heads))  # (L, H, T, d) each
        vectors = model.tokens(input_ids)
        return Trace(input_ids, vectors, torch.zeros_like(vectors), layers, query, key, value, output.attention[:, 0],
                     model.head(model.norm(layers)))  # fmt: skip
