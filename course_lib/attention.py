"""Attention: each query takes the mean of the values, weighted by how well its keys match it.

What it is. `scaled_dot_product_attention` is the equation softmax(Q K^T / sqrt(D)) V and returns its weights too;
`fused_attention` is the same equation by torch's kernel, which never writes the weights down. `MultiHeadAttention` runs
several of them side by side, on one sequence (self attention) or from one to another (cross attention).
`AdditiveAttention` is the older form, which scores a query and a key with a small network.

Three promises. A mask is boolean, and True means "may attend". A query with nothing to attend to gets zeros, and zero
gradients, never NaN. A NaN that a query attends to shows in its output (one that the mask hides may show too: 0 * NaN
is NaN).

What it leaves out. Biases for distance, grouped queries, and masks of added numbers (float masks).

Papers. Bahdanau, Cho, Bengio (2015), "Neural Machine Translation by Jointly Learning to Align and Translate"; Vaswani
et al. (2017), "Attention Is All You Need"; for the kernel: Dao, Fu, Ermon, Rudra, Ré (2022), "FlashAttention".

Shapes: B sequences, H heads, T queries, S keys, D size of a query (d_model / H in a head), V size of a value.
"""

import math
import numbers

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from course_lib.settings import require, whole

# --- The equation ---------------------------------------------------------------------------------------------------


def scaled_dot_product_attention(
    query: Float[Tensor, "... T D"],
    key: Float[Tensor, "... S D"],
    value: Float[Tensor, "... S V"],
    mask: Bool[Tensor, "... T S"] | None = None,
    dropout: float = 0.0,
) -> tuple[Float[Tensor, "... T V"], Float[Tensor, "... T S"]]:
    """softmax(Q K^T / sqrt(D)) V (2017, equation 1), and the softmax's weights, each row of which sums to one.

    `mask`, of any shape that broadcasts to (..., T, S), is True where a query may attend. `dropout` sets that share of
    the weights to zero before they meet the values; the weights returned are those before. ValueError for shapes,
    masks or numbers that do not fit.
    """
    _check(query, key, value, dropout)
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # (..., T, S)
    weights = masked_softmax(scores, mask)
    return F.dropout(weights, dropout) @ value, weights  # (..., T, V), (..., T, S)


def masked_softmax(
    scores: Float[Tensor, "... T S"], mask: Bool[Tensor, "... T S"] | None = None
) -> Float[Tensor, "... T S"]:
    """Softmax over the keys that the mask allows; the others weigh exactly 0. A row without any is all zeros.

    >>> masked_softmax(torch.zeros(2, 3), torch.tensor([[True, True, False], [False, False, False]]))
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    if mask is None:
        return scores.softmax(-1)
    _check_mask(mask, scores.shape)
    # The softmax of -inf alone is NaN, and so is its gradient: give such a row all keys, then take the weights away.
    nothing = _nothing(mask)  # (..., T, 1)
    weights = scores.masked_fill(~(mask | nothing), -math.inf).softmax(-1)
    return weights.masked_fill(nothing, 0.0)  # (..., T, S)


def causal_mask(
    queries: int, keys: int | None = None, device: torch.device | str | None = None
) -> Bool[Tensor, "queries keys"]:
    """True where a key is not later than the query. The queries are the last positions of the keys (else ValueError).

    >>> causal_mask(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    keys = queries if keys is None else keys
    if not 1 <= queries <= keys:
        raise ValueError(f"{queries} queries cannot be the last positions of {keys} keys: give from 1 to {keys}.")
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def padding_mask(attention_mask: Bool[Tensor, "B S"]) -> Bool[Tensor, "B 1 1 S"]:
    """The mask for all heads and all queries of a batch, out of one True (a token) or False (padding) a position."""
    check_tensor("attention_mask", attention_mask)
    if attention_mask.dtype != torch.bool or attention_mask.dim() != 2:
        raise ValueError(
            f"attention_mask has shape {tuple(attention_mask.shape)} and type {attention_mask.dtype}: give booleans "
            "(batch, keys), True for a token and False for padding."
        )
    return attention_mask[:, None, None]


def _nothing(mask: Bool[Tensor, "... T S"]) -> Bool[Tensor, "... T 1"]:
    return ~mask.any(-1, keepdim=True)


def check_tensor(name: str, x: object) -> None:
    """ValueError for anything but a tensor: NumPy's arrays and lists are near enough to one to go wrong much later."""
    if not isinstance(x, Tensor):
        raise ValueError(f"The {name} is a {type(x).__name__}: give a tensor (torch.as_tensor makes one of an array).")


def _check(query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> None:
    """ValueError for what does not fit. Before any arithmetic: what broadcasts by accident gives wrong numbers."""
    require(isinstance(dropout, numbers.Real) and 0 <= dropout <= 1, "dropout", dropout, "a share from 0 to 1")
    for name, tensor in (("query", query), ("key", key), ("value", value)):
        check_tensor(name, tensor)
        if tensor.dim() < 2 or 0 in tensor.shape:
            raise ValueError(f"The {name} has shape {tuple(tensor.shape)}: give (..., length, size), each 1 or more.")
    if key.shape[-2] != value.shape[-2]:
        raise ValueError(f"There are {key.shape[-2]} keys and {value.shape[-2]} values: each key needs its own value.")
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"Queries have size {query.shape[-1]} and keys {key.shape[-1]}: they must be equal.")
    if not query.shape[:-2] == key.shape[:-2] == value.shape[:-2]:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (query, key, value))
        raise ValueError(f"Query, key and value have shapes {shapes}: all but the last two sizes must be equal.")


def _check_mask(mask: Tensor, shape: tuple[int, ...]) -> None:
    check_tensor("mask", mask)
    if mask.dtype != torch.bool:
        raise ValueError(
            f"The mask is of type {mask.dtype}: give booleans, True where a query may attend "
            "(mask == 0 makes them out of a mask of 0 and -inf)."
        )
    fits = mask.dim() <= len(shape) and all(m in (1, n) for m, n in zip(mask.shape[::-1], shape[::-1]))
    if not fits:
        raise ValueError(
            f"The mask has shape {tuple(mask.shape)}, which does not broadcast to the weights' {tuple(shape)}: its "
            "last two sizes are queries and keys (padding_mask makes one out of one boolean a token)."
        )


# --- The same, fast: torch's kernel ---------------------------------------------------------------------------------


def fused_attention(
    query: Float[Tensor, "B H T D"],
    key: Float[Tensor, "B H S D"],
    value: Float[Tensor, "B H S V"],
    mask: Bool[Tensor, "#B #H #T S"] | Bool[Tensor, "T S"] | None = None,
    dropout: float = 0.0,
    is_causal: bool = False,
) -> Float[Tensor, "B H T V"]:
    """The output of `scaled_dot_product_attention`, in memory that grows with T + S instead of T * S.

    `is_causal` adds the causal mask. It costs no memory where T = S and there is no other mask. On the CPU torch has no
    fused kernel with dropout, nor for V unlike D: there it writes the weights down after all. It also looks at the
    queries and keys there, for NaN: `torch.compile` breaks its graph at that, and `torch.vmap` fails. ValueErrors as in
    `scaled_dot_product_attention`.
    """
    _check(query, key, value, dropout)
    T, S = query.shape[-2], key.shape[-2]
    if mask is not None:
        _check_mask(mask, (*query.shape[:-1], S))
        mask = torch.atleast_2d(mask)  # the kernels take no fewer axes
    if is_causal and (mask is not None or T != S):
        mask, is_causal = _and_causal(mask, T, S, query.device), False
    if query.device.type == "cpu" and not (_finite(query) and _finite(key)):
        # Where a query's few scores are all NaN, the CPU's kernel answers with zeros: the equation shows the NaN.
        mask = causal_mask(T, S) if is_causal else mask
        return scaled_dot_product_attention(query, key, value, mask, dropout)[0]
    if mask is None:
        return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=is_causal)
    nothing = _nothing(mask)  # as in masked_softmax: the kernels disagree about rows without a key
    output = F.scaled_dot_product_attention(query, key, value, mask | nothing, dropout)
    return output.masked_fill(nothing, 0.0)  # (..., T, V)


def _finite(x: Tensor) -> bool:
    return bool(x.detach().sum(dtype=torch.float32).isfinite())  # a sum reads x once and makes nothing new


def _and_causal(mask: Tensor | None, T: int, S: int, device: torch.device) -> Tensor | None:
    """The mask, and the causal mask where that hides anything: the last position may see every key."""
    if T == 1:
        return mask
    causal = causal_mask(T, S, device)
    return causal if mask is None else mask & causal


# --- Modules --------------------------------------------------------------------------------------------------------


class KeyValueCache:
    """The keys and values of all positions read so far: generating one more token then reads that token alone.

    It belongs to one attention module and one batch of sequences; start a new one for the next batch.
    """

    def __init__(self):
        self.length = 0
        self.source: Tensor | None = None  # in cross attention: the sequence whose keys these are
        self._room: tuple[Tensor, Tensor] | None = None

    def extend(
        self, key: Float[Tensor, "B H T D"], value: Float[Tensor, "B H T D"]
    ) -> tuple[Float[Tensor, "B H S D"], Float[Tensor, "B H S D"]]:
        """Append, and return all keys and all values so far. Room doubles when it runs out, so that copying is rare.

        RuntimeError where gradients are kept, ValueError for another batch, other heads or other sizes than before.
        """
        if key.requires_grad or value.requires_grad:
            raise RuntimeError("A cache keeps no gradients: call the model under torch.no_grad(), or without a cache.")
        B, H, T, D = key.shape
        if value.shape != key.shape:
            raise ValueError(f"There are {T} keys and {value.shape[2]} values: each key needs its own value.")
        if self._room is None:
            self._room = key.new_empty(B, H, T, D), value.new_empty(B, H, T, D)
        room = self._room[0].shape[2]
        if (B, H, room, D) != tuple(self._room[0].shape):
            held = tuple(self.read()[0].shape)
            raise ValueError(
                f"The cache holds keys of shape {held} and cannot take more of shape {tuple(key.shape)}: use one cache "
                "for each module and batch."
            )
        end = self.length + T
        if end > room:
            self._room = tuple(F.pad(old, (0, 0, 0, max(end, 2 * room) - room)) for old in self._room)
        for kept, new in zip(self._room, (key, value)):
            kept[:, :, self.length : end] = new
        self.length = end
        return self.read()

    def read(self) -> tuple[Float[Tensor, "B H S D"], Float[Tensor, "B H S D"]]:
        """All keys and all values so far."""
        key, value = self._room
        return key[:, :, : self.length], value[:, :, : self.length]


class MultiHeadAttention(nn.Module):
    """`num_heads` attentions side by side, each on its own d_model / num_heads numbers of every projected vector.

    `d_memory`: the size of the vectors that keys and values are made of, where it is not `d_model`. `rotary`: a module
    that turns queries and keys by their positions (`transformer.RotaryPositions`), for self attention. `dropout` falls
    on the weights, in training alone. The projections start as Xavier uniform, their biases as zeros.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        d_memory: int | None = None,
        rotary: nn.Module | None = None,
    ):
        super().__init__()
        d_memory = d_model if d_memory is None else d_memory
        _check_sizes(d_model=d_model, num_heads=num_heads, d_memory=d_memory)
        if d_model % num_heads:
            raise ValueError(f"d_model={d_model} is not divisible by num_heads={num_heads}: give a multiple of it.")
        if not (isinstance(dropout, numbers.Real) and 0 <= dropout < 1):
            raise ValueError(f"dropout={dropout!r} cannot be used: give a share of the weights, from 0 to below 1.")
        self.d_model, self.num_heads, self.dropout, self.rotary = d_model, num_heads, dropout, rotary
        self.query = nn.Linear(d_model, d_model, bias=bias)
        self.key = nn.Linear(d_memory, d_model, bias=bias)
        self.value = nn.Linear(d_memory, d_model, bias=bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)
        for layer in (self.query, self.key, self.value, self.output):
            nn.init.xavier_uniform_(layer.weight)
            if bias:
                nn.init.zeros_(layer.bias)

    def forward(
        self,
        query: Float[Tensor, "B T d_model"],
        key: Float[Tensor, "B S d_memory"] | None = None,
        value: Float[Tensor, "B S d_memory"] | None = None,
        *,
        mask: Bool[Tensor, "T S"] | Bool[Tensor, "#B #H #T S"] | None = None,
        is_causal: bool = False,
        cache: KeyValueCache | None = None,
        return_attention: bool = False,
    ) -> Float[Tensor, "B T d_model"] | tuple[Float[Tensor, "B T d_model"], Float[Tensor, "B H T S"]]:
        """The new vectors; with `return_attention` a pair: the vectors and the weights.

        Without `key` the query attends to itself (self attention); without `value` the keys are the values too.
        `cache`: in self attention this call's positions follow those of the calls before, and S counts them all; in
        cross attention the first call fills the cache and later ones, with the same key, read it. ValueError for
        inputs, masks or caches that do not fit.
        """
        self._check(query, key, value, mask, cache)
        B, T, _ = query.shape
        q = self._heads(self.query(query))  # (B, H, T, D)
        k, v = self._keys_and_values(query, key, value, cache)  # (B, H, S, D) both
        if self.rotary is not None:
            q = self.rotary(q, start=k.shape[2] - T)
        dropout = self.dropout if self.training else 0.0
        if return_attention:
            mask = _and_causal(mask, T, k.shape[2], q.device) if is_causal else mask
            output, weights = scaled_dot_product_attention(q, k, v, mask, dropout)
        else:
            output = fused_attention(q, k, v, mask, dropout, is_causal)
        output = self.output(output.transpose(1, 2).reshape(B, T, self.d_model))  # (B, T, d_model)
        return (output, weights) if return_attention else output

    def _heads(self, x: Float[Tensor, "B T d_model"]) -> Float[Tensor, "B H T D"]:
        """Cut each vector into heads. The transpose matters: a view alone would mix positions into heads."""
        B, T, d_model = x.shape
        return x.view(B, T, self.num_heads, d_model // self.num_heads).transpose(1, 2)

    def _keys_and_values(self, query, key, value, cache) -> tuple[Tensor, Tensor]:
        is_self = key is None
        key = query if is_self else key
        if cache is not None and cache.length:
            if cache.source is not (None if is_self else key):
                raise ValueError("The cache holds the keys of another sequence: start a new cache for this one.")
            if not is_self:
                return cache.read()
        k = self._heads(self.key(key))
        v = self._heads(self.value(key if value is None else value))
        if self.rotary is not None:  # before they are cached: a key's position never changes
            k = self.rotary(k, start=0 if cache is None else cache.length)
        if cache is None:
            return k, v
        cache.source = None if is_self else key
        return cache.extend(k, v)

    def _check(self, query, key, value, mask, cache) -> None:
        """ValueError for inputs that do not fit, before a cache takes them in."""
        if value is not None and key is None:
            raise ValueError("A value came without a key: give both, or neither for self attention.")
        if key is not None and self.rotary is not None:
            raise ValueError("Rotary positions count along one sequence: leave the key out.")
        inputs = (("query", query, self.query), ("key", key, self.key), ("value", value, self.value))
        for name, tensor, layer in inputs:
            if tensor is not None:
                _check_input(name, tensor, layer)
        if mask is None:
            return
        check_tensor("mask", mask)
        if mask.dim() not in (2, 4):
            raise ValueError(
                f"The mask has shape {tuple(mask.shape)}: give (queries, keys) or (batch, heads, queries, keys), where "
                "batch, heads and queries may be 1."
            )
        B, T, _ = query.shape
        S = T + (cache.length if cache else 0) if key is None else key.shape[1]
        _check_mask(mask, (B, self.num_heads, T, S))


def _check_sizes(**sizes: int) -> None:
    for name, number in sizes.items():
        require(whole(number, 1), name, number, "a whole number of 1 or more")


def _check_input(name: str, x: Tensor, layer: nn.Linear) -> None:
    check_tensor(name, x)
    size = layer.in_features
    if x.dim() != 3 or x.shape[-1] != size or 0 in x.shape:
        raise ValueError(f"The {name} has shape {tuple(x.shape)}: give (batch, length, {size}), all 1 or more.")


class AdditiveAttention(nn.Module):
    """Attention as it began: the score of a query q and a key k is v . tanh(W q + U k) (2015, appendix A.1.2)."""

    def __init__(self, d_query: int, d_key: int, d_hidden: int):
        super().__init__()
        _check_sizes(d_query=d_query, d_key=d_key, d_hidden=d_hidden)
        self.query = nn.Linear(d_query, d_hidden, bias=False)
        self.key = nn.Linear(d_key, d_hidden, bias=False)
        self.score = nn.Linear(d_hidden, 1, bias=False)

    def forward(
        self,
        query: Float[Tensor, "B T d_query"],
        key: Float[Tensor, "B S d_key"],
        value: Float[Tensor, "B S V"] | None = None,
        mask: Bool[Tensor, "#B #T S"] | None = None,
    ) -> tuple[Float[Tensor, "B T V"], Float[Tensor, "B T S"]]:
        """The mean of the values (of the keys, where no value is given) for each query, and its weights.

        For padding the mask is `attention_mask[:, None]`. Memory: B * T * S * d_hidden numbers. ValueErrors as above.
        """
        value = key if value is None else value
        _check_input("query", query, self.query)
        _check_input("key", key, self.key)
        q, k = self.query(query), self.key(key)  # (B, T, d_hidden), (B, S, d_hidden)
        _check(q, k, value)
        scores = self.score(torch.tanh(q[:, :, None] + k[:, None])).squeeze(-1)  # (B, T, S)
        weights = masked_softmax(scores, mask)
        return weights @ value, weights  # (B, T, V), (B, T, S)
