"""Attention: each query takes the mean of the values, weighted by how well its keys match it.

What it is. `scaled_dot_product_attention` is the equation softmax(Q K^T / sqrt(D)) V and returns its weights too;
`fused_attention` is the same equation by torch's kernel, which never writes the weights down. `MultiHeadAttention` runs
several of them side by side, on one sequence (self-attention) or from one to another (cross-attention).
`AdditiveAttention` is the older form, which scores a query and a key with a small network.

Promises. A mask is boolean, and True means "may attend". A query with nothing to attend to gets zeros, and zero
gradients, never NaN. A NaN that a query attends to shows in its output (one that the mask hides may show too: 0 * NaN
is NaN). A tensor that does not fit its signature's shapes is a ValueError.

What it leaves out. Biases for distance, grouped queries, and masks of added numbers (float masks). Papers. Bahdanau,
Cho, Bengio (2015), "Neural Machine Translation by Jointly Learning to Align and Translate"; Vaswani et al. (2017),
"Attention Is All You Need"; for the kernel: Dao, Fu, Ermon, Rudra, Ré (2022), "FlashAttention".

Shapes: B sequences, H heads, T queries, S keys, D size of a query (d_model / H in a head), V size of a value.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course_lib.settings import Part, Share, Size, Width, require
from course_lib.shapes import shaped, wide

# What broadcasts to the weights: from one boolean for all, or one a key, to one for each query and key.
Mask = Bool[Tensor, "*#batch #T #S"] | Bool[Tensor, "#S"] | Bool[Tensor, ""]


# --- The equation ---------------------------------------------------------------------------------------------------


@shaped
def scaled_dot_product_attention(
    query: Float[Tensor, "*batch T D"], key: Float[Tensor, "*batch S D"], value: Float[Tensor, "*batch S V"],
    mask: Mask | None = None, dropout: Part = 0.0,
) -> tuple[Float[Tensor, "*batch T V"], Float[Tensor, "*batch T S"]]:  # fmt: skip
    """softmax(Q K^T / sqrt(D)) V (2017, equation 1), and the softmax's weights, each row of which sums to one.

    `mask` is True where a query may attend. `dropout` sets that share of the weights to zero before they meet the
    values; the weights returned are those before.
    """
    scores = wide(query) / math.sqrt(query.shape[-1]) @ wide(key).mT  # (..., T, S), as torch's kernel computes them
    weights = masked_softmax(scores, mask).to(value.dtype)
    return F.dropout(weights, dropout) @ value, weights  # (..., T, V), (..., T, S)


@shaped
def masked_softmax(scores: Float[Tensor, "*batch T S"], mask: Mask | None = None) -> Float[Tensor, "*batch T S"]:
    """Softmax over the keys that the mask allows; the others weigh exactly 0. A row without any is all zeros.

    >>> masked_softmax(torch.zeros(2, 3), torch.tensor([[True, True, False], [False, False, False]]))
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    if mask is None:
        return scores.softmax(-1)
    # A row of nothing but -inf has a softmax of NaN, and a gradient too: so a row without any key is given all of them,
    # and then its weights are set to zero.
    nothing = ~mask.any(-1, keepdim=True)  # (..., T, 1)
    weights = scores.masked_fill(~(mask | nothing), -math.inf).softmax(-1)
    return weights.masked_fill(nothing, 0.0)  # (..., T, S)


@shaped
def causal_mask(
    queries: Size, keys: Size | None = None, device: torch.device | str | None = None
) -> Bool[Tensor, "T S"]:
    """True where a key is not later than the query. The queries are the last positions of the keys (else ValueError).

    >>> causal_mask(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    keys = queries if keys is None else keys
    require(1 <= queries <= keys, "queries", queries, f"from 1 to {keys}, the last positions of {keys} keys")
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


@shaped
def padding_mask(attention_mask: Bool[Tensor, "B S"]) -> Bool[Tensor, "B 1 1 S"]:
    """The mask for all heads and all queries of a batch, out of one True (a token) or False (padding) a position."""
    return attention_mask[:, None, None]


@shaped
def fused_attention(
    query: Float[Tensor, "*batch T D"], key: Float[Tensor, "*batch S D"], value: Float[Tensor, "*batch S V"],
    mask: Mask | None = None, dropout: Part = 0.0, is_causal: bool = False, look_for_nan: bool = True,
) -> Float[Tensor, "*batch T V"]:  # fmt: skip
    """The output of `scaled_dot_product_attention`, in memory that grows with T + S instead of T * S.

    `is_causal` adds the causal mask: it costs no memory where T = S and there is no other mask. On the CPU the kernel
    writes the weights down after all with dropout, or where V is not D, and answers with zeros where a query's few
    scores are all NaN: so this looks at queries and keys there first (`torch.vmap` fails at that), but not with
    `look_for_nan=False`, nor under `torch.compile`, whose graph it would break.
    """
    T, S = query.shape[-2], key.shape[-2]
    if is_causal and (mask is not None or T != S):
        mask, is_causal = _and_causal(mask, T, S, query.device), False
    if look_for_nan and query.device.type == "cpu" and not torch.compiler.is_compiling():
        seen = query.detach().sum(dtype=torch.float32) + key.detach().sum(dtype=torch.float32)  # reads each once
        if not seen.isfinite():
            return scaled_dot_product_attention(query, key, value, causal_mask(T, S) if is_causal else mask, dropout)[0]
    if mask is None:
        return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=is_causal)
    nothing = ~mask.any(-1, keepdim=True)  # as in masked_softmax: the kernels disagree about rows without a key
    output = F.scaled_dot_product_attention(query, key, value, torch.atleast_2d(mask | nothing), dropout)
    return output.masked_fill(nothing, 0.0)  # (..., T, V)


def _and_causal(mask: Mask | None, T: int, S: int, device: torch.device) -> Mask | None:
    """The mask, and the causal mask where that hides anything: the last position may see every key."""
    return mask if T == 1 else causal_mask(T, S, device) & (True if mask is None else mask)


# --- Modules --------------------------------------------------------------------------------------------------------


class KeyValueCache:
    """The keys and values of all positions read so far: generating one more token then reads that token alone.

    It belongs to one attention module and one batch of sequences; start a new one for the next batch. There is room for
    `max_length` positions from the start, and twice as much whenever that runs out.
    """

    def __init__(self, max_length: int = 1):
        self.length, self.max_length = 0, max_length
        self.source: Tensor | None = None  # in cross-attention: the sequence whose keys these are
        self._room: list[Tensor] = []

    @shaped
    def extend(self, key: Float[Tensor, "B H T D"], value: Float[Tensor, "B H T D"],
               source: Tensor | None = None) -> list[Float[Tensor, "B H S D"]]:  # fmt: skip
        """All keys and all values, these appended. RuntimeError for gradients, ValueError for another batch or size."""
        if key.requires_grad or value.requires_grad:
            raise RuntimeError("A cache keeps no gradients: call the model under torch.no_grad(), or without a cache.")
        B, H, T, D = key.shape
        end = self.length + T
        self._room = self._room or [x.new_empty(B, H, max(end, self.max_length), D) for x in (key, value)]
        room = self._room[0].shape[2]
        if self._room[0].shape != (B, H, room, D):
            held = tuple(self.read()[0].shape)
            require(False, "key", tuple(key.shape), f"as the cache's, {held}: use one for each module and batch")
        if end > room:
            self._room = [F.pad(old, (0, 0, 0, max(end, 2 * room) - room)) for old in self._room]
        for kept, new in zip(self._room, (key, value)):
            kept[:, :, self.length : end] = new
        self.length, self.source = end, source
        return self.read()

    def read(self) -> list[Float[Tensor, "B H S D"]]:
        """All keys and all values so far."""
        return [kept[:, :, : self.length] for kept in self._room]


class MultiHeadAttention(nn.Module):
    """`num_heads` attentions side by side, each on its own d_model / num_heads numbers of every projected vector.

    `d_memory`: the size of the vectors that keys and values are made of, where it is not `d_model`. `rotary`: a module
    that turns queries and keys by their positions (`transformer.RotaryPositions`), for self-attention. `dropout` falls
    on the weights, in training alone. The projections start as Xavier uniform, their biases as zeros.
    """

    @shaped
    def __init__(self, d_model: Width, num_heads: Size, *, dropout: Share = 0.0, bias: bool = True,
                 d_memory: Size | None = None, rotary: nn.Module | None = None):  # fmt: skip
        super().__init__()
        d_memory = d_model if d_memory is None else d_memory

        self.d_model, self.d_memory, self.num_heads, self.dropout = d_model, d_memory, num_heads, dropout
        self.query = nn.Linear(d_model, d_model, bias=bias)
        self.key = nn.Linear(d_memory, d_model, bias=bias)
        self.value = nn.Linear(d_memory, d_model, bias=bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)
        for parameter in self.parameters():
            nn.init.xavier_uniform_(parameter) if parameter.dim() == 2 else nn.init.zeros_(parameter)
        self.rotary = rotary

    @shaped
    def forward(
        self, query: Float[Tensor, "B T d_model"], key: Float[Tensor, "B S d_memory"] | None = None,
        value: Float[Tensor, "B S d_memory"] | None = None, *,
        mask: Bool[Tensor, "#T #S"] | Bool[Tensor, "#B #num_heads #T #S"] | None = None, is_causal: bool = False,
        cache: KeyValueCache | None = None, return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], Float[Tensor, "B H T S"]]:  # fmt: skip
        """The new vectors; with `return_attention` a pair: the vectors and the weights.

        Without `key` the query attends to itself (self-attention); without `value` the keys are the values too.
        `cache`: in self-attention this call's positions follow those of the calls before, and S counts them all: give
        `is_causal`, or a mask with a row for each of several queries. In cross-attention the first call fills the cache
        and later ones, with the same key, read it. With a cache a single query is not looked at for NaN.
        """
        T, before = query.shape[1], cache.length if cache else 0  # queries; positions that the cache holds
        self._check(query, key, value, mask, is_causal, cache, before)
        q = self.heads(self.query(query))  # (B, H, T, D)
        if before and key is not None:
            k, v = cache.read()  # (B, H, S, D) both
        else:
            source = query if key is None else key
            k, v = self.heads(self.key(source)), self.heads(self.value(source if value is None else value))
            if self.rotary is not None:  # before they are cached: a key's position never changes
                q, k = self.rotary(q, start=before), self.rotary(k, start=before)
            if cache:
                k, v = cache.extend(k, v, source=key)  # (B, H, S, D) both
        dropout = self.dropout if self.training else 0.0
        if return_attention:
            mask = _and_causal(mask, T, k.shape[2], q.device) if is_causal else mask
            output, weights = scaled_dot_product_attention(q, k, v, mask, dropout)
        else:
            output = fused_attention(q, k, v, mask, dropout, is_causal, look_for_nan=cache is None or T > 1)
        output = self.output(output.transpose(1, 2).flatten(2))  # (B, T, d_model)
        return (output, weights) if return_attention else output

    def heads(self, x: Float[Tensor, "B T d_model"]) -> Float[Tensor, "B H T D"]:
        """Cut each vector into heads. The transpose matters: a view alone would mix positions into heads."""
        return x.view(*x.shape[:2], -1, self.d_model // self.num_heads).transpose(1, 2)

    def _check(self, query, key, value, mask, is_causal, cache, before) -> None:
        """ValueError for what annotations cannot say, before the cache takes anything in."""
        require(key is not None or value is None, "key", key, "given with a value, or neither for self-attention")
        require(key is None or self.rotary is None, "key", key, "left out: rotary positions count along one sequence")
        known = not before or cache.source is key  # both None in self-attention
        require(known, "cache", cache, "that of this sequence, not of another sequence: start a new cache")
        T, S = query.shape[1], before + query.shape[1]
        if key is None and mask is not None and mask.shape[-1] not in (1, S):
            raise ValueError(f"mask has shape {tuple(mask.shape)}: its last size must be {S} keys, {before} cached.")
        if key is None and cache and not is_causal and (mask is None or not 1 < T == mask.shape[-2]):
            raise ValueError("A cache hides later keys: say is_causal=True too (or give each query its row of a mask).")


class AdditiveAttention(nn.Module):
    """Attention as it began: the score of a query q and a key k is v . tanh(W q + U k) (2015, appendix A.1.2)."""

    @shaped
    def __init__(self, d_query: Size, d_key: Size, d_hidden: Size):
        super().__init__()
        self.d_query, self.d_key = d_query, d_key
        self.query = nn.Linear(d_query, d_hidden, bias=False)
        self.key = nn.Linear(d_key, d_hidden, bias=False)
        self.score = nn.Linear(d_hidden, 1, bias=False)

    @shaped
    def forward(
        self, query: Float[Tensor, "B T d_query"], key: Float[Tensor, "B S d_key"],
        value: Float[Tensor, "B S V"] | None = None, mask: Bool[Tensor, "#B #T #S"] | None = None,
    ) -> tuple[Float[Tensor, "B T V"], Float[Tensor, "B T S"]]:  # fmt: skip
        """The mean of the values (of the keys, where no value is given) for each query, and its weights. For padding
        the mask is `attention_mask[:, None]`. Memory: B * T * S * d_hidden numbers.
        """
        q, k = self.query(query), self.key(key)  # (B, T, d_hidden), (B, S, d_hidden)
        scores = self.score(torch.tanh(q[:, :, None] + k[:, None])).squeeze(-1)  # (B, T, S)
        weights = masked_softmax(scores, mask)
        return weights @ (key if value is None else value), weights  # (B, T, V), (B, T, S)
