"""Checks of lesson 11: many heads by view and transpose, cross attention, one step with a cache.

Every wrong answer below is computed on the check's own inputs, and named only when it alone explains what came back.
Where an answer stops with an exception its type depends on whose attention the learner called: such answers are
computed with ours and with torch's.

Papers. Vaswani et al. (2017), "Attention Is All You Need", section 3.2; Bahdanau, Cho, Bengio (2015) for attention from
one sequence to another.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.attention import causal_mask, masked_softmax, scaled_dot_product_attention
from course_lib.checks.base import Case, Misconception, Result, compare


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


def _random(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Numbers to one decimal, so that a learner can type an input in again."""
    rng = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=rng).round(decimals=1) for shape in shapes]


# --- the moves, right and wrong ---------------------------------------------------------------------------------------


def _split(x: Tensor, H: int) -> Tensor:
    B, T, D = x.shape
    return x.reshape(B, T, H, D // H).transpose(1, 2)  # (B, H, T, D / H)


def _split_viewed(x: Tensor, H: int) -> Tensor:
    B, T, D = x.shape
    return x.reshape(B, H, T, D // H)


def _split_interleaved(x: Tensor, H: int) -> Tensor:
    B, T, D = x.shape
    return x.reshape(B, T, D // H, H).permute(0, 3, 1, 2)


def _split_not_turned(x: Tensor, H: int) -> Tensor:
    B, T, D = x.shape
    return x.reshape(B, T, H, D // H)


def _split_exchanged(x: Tensor, H: int) -> Tensor:
    B, T, D = x.shape
    return x.reshape(B, T, D // H, H).transpose(1, 2)


def _join(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)  # (B, T, D)


def _join_viewed(x: Tensor) -> Tensor:
    B, H, T, size = x.shape
    return x.reshape(B, T, H * size)


def _join_interleaved(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).flatten(2)


def _ours(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    return scaled_dot_product_attention(q, k, v, mask)[0]


def _torchs(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, mask)


def _weighing(weights: Callable) -> Callable:
    """An attention whose weights come from `weights(scores, mask)`; the scores are divided by the root of D / H."""

    def attend(q, k, v, mask):
        return weights(q @ k.mT / math.sqrt(q.shape[-1]), mask) @ v

    return attend


def _scaled_by(factor: Callable) -> Callable:
    """An attention whose scores are multiplied by `factor(heads, size of a head)`."""
    return lambda q, k, v, mask: masked_softmax(q @ k.mT * factor(q.shape[1], q.shape[-1]), mask) @ v


def _heads(split: Callable = _split, attend: Callable = _ours, join: Callable = _join) -> Callable:
    """Many heads, with one of the three steps changed."""

    def function(query, key, value, num_heads, mask=None):
        return join(attend(*(split(x, num_heads) for x in (query, key, value)), mask))

    return function


# --- multi_head -------------------------------------------------------------------------------------------------------


def _head_cases() -> list[Case]:
    """Self and cross, free and causal; no two sizes are equal in the causal ones, where a view leaks the future."""
    free, causal = _random(1, (1, 3, 4), (1, 3, 4), (1, 3, 4)), _random(2, (2, 4, 6), (2, 4, 6), (2, 4, 6))
    wide, cross = _random(3, (1, 5, 6), (1, 5, 6), (1, 5, 6)), _random(4, (2, 3, 8), (2, 5, 8), (2, 5, 8))
    return [
        Case((*free, 2), "B=1, T=S=3, D=4 and 2 heads, no mask"),
        Case((*causal, 2, causal_mask(4)), "B=2, T=S=4, D=6, 2 heads and a causal mask"),
        Case((*wide, 3, causal_mask(5)), "B=1, T=S=5, D=6, 3 heads and a causal mask"),
        Case((*cross, 4), "B=2, T=3 queries, S=5 keys, D=8 and 4 heads, no mask"),
        Case((*cross, 1), "B=2, T=3 queries, S=5 keys, D=8 and 1 head, no mask"),
    ]


_HEAD_MISCONCEPTIONS = [
    *_each(
        "viewed-both-ways",
        "the vectors were viewed as (B, heads, T, D/heads) without a transpose, and the heads viewed back likewise. A "
        "view keeps the numbers in their order, so each 'head' got some whole positions instead of its part of every "
        "position: the last output never looks at token 0. View as (B, T, heads, D/heads), then transpose(1, 2)",
        _heads(_split_viewed, join=_join_viewed),
    ),
    *_each(
        "viewed-on-the-way-in",
        "on the way in there is a view and no transpose. A 'head' then holds some whole positions instead of its part "
        "of every position, and even with a causal mask the future leaks. View as (B, T, heads, D/heads), then "
        "transpose(1, 2)",
        _heads(_split_viewed),
    ),
    *_each(
        "viewed-on-the-way-out",
        "the way in is right, and on the way out the transpose is missing. A view of (B, heads, T, D/heads) as (B, T, "
        "D) puts several positions of one head into one vector: transpose(1, 2) first, then flatten the last two axes",
        _heads(join=_join_viewed),
    ),
    *_each(
        "heads-interleaved",
        "the numbers of a vector were dealt out to the heads like cards, one each in turn. Head "
        "h owns D/heads neighbours: view as (B, T, heads, D/heads), with the heads before their numbers",
        _heads(_split_interleaved, join=_join_interleaved),
        _heads(_split_interleaved),
    ),
    *_each(
        "heads-interleaved",
        "the heads were shuffled together on the way out, one number of each in turn. The outputs of a head stay "
        "neighbours: (B, T, heads, D/heads), then flatten the last two axes",
        _heads(join=_join_interleaved),
    ),
    *_each(
        "number-and-size-exchanged",
        "the number of heads and their size changed places: you have D/heads heads of `heads` numbers each. The heads "
        "come first: view as (B, T, heads, D/heads)",
        _heads(_split_exchanged),
    ),
    *_each(
        "heads-attend-to-heads",
        "nothing was transposed: attention runs along the last axis but one, and there stood the heads of one "
        "position. They attended to one another, and no position saw another. transpose(1, 2) puts positions there",
        *(
            _heads(_split_not_turned, attend, join)
            for attend in (_ours, _torchs)
            for join in (lambda x: x.flatten(2), lambda x: x.transpose(1, 2).reshape(*x.shape[:2], -1))
        ),
    ),
    *_each(
        "one-head",
        "all D numbers went into a single attention; num_heads changed nothing. Each head compares its own D/heads "
        "numbers and has its own softmax",
        lambda q, k, v, H, mask=None: _ours(q, k, v, mask),
    ),
    *_each(
        "scaled-by-all",
        "the scores were divided by the root of D, the size of the whole vector. A head multiplies D/heads numbers, so "
        "divide by the root of D/heads",
        _heads(attend=_scaled_by(lambda H, size: 1 / math.sqrt(H * size))),
    ),
    *_each(
        "not-scaled",
        "the scores were not divided by the root of the head's size, D/heads",
        _heads(attend=_scaled_by(lambda H, size: 1.0)),
    ),
    *_each(
        "scaled-twice",
        "the scores were divided twice: the library's attention already divides them by the root of the head's size",
        _heads(attend=_scaled_by(lambda H, size: 1 / size)),
    ),
    *_each(
        "softmax-over-heads",
        "the softmax runs over the heads: they share one unit of weight for each pair of positions. Each head has a "
        "softmax of its own, over the keys, the last axis",
        _heads(attend=_weighing(lambda scores, mask: _blocked(scores, mask).softmax(1))),
    ),
    *_each(
        "softmax-over-queries",
        "the softmax runs over the queries. For each query the weights of its keys sum to one: the last axis",
        _heads(attend=_weighing(lambda scores, mask: _blocked(scores, mask).softmax(-2))),
    ),
    *_each(
        "heads-averaged",
        "the heads were averaged or added up, so D/heads numbers came out. They stand side by side: D numbers",
        _heads(join=lambda x: x.mean(1)),
        _heads(join=lambda x: x.sum(1)),
    ),
    *_each(
        "heads-not-joined",
        "the heads came back apart. Put them side by side again: transpose(1, 2), then flatten the last two axes",
        _heads(join=lambda x: x),
        _heads(join=lambda x: x.transpose(1, 2)),
    ),
    *_each(
        "stacked-along-positions",
        "the heads stand behind one another along the positions. They belong side by side: torch.cat(heads, dim=-1)",
        _heads(join=lambda x: torch.cat(list(x.unbind(1)), 1)),
    ),
    *_each(
        "mask-forgotten",
        "the mask was not used",
        lambda q, k, v, H, mask=None: _heads()(q, k, v, H),
    ),
    *_each(
        "mask-inverted",
        "the mask is the wrong way round: True means that the query may look",
        lambda q, k, v, H, mask=None: _heads()(q, k, v, H, None if mask is None else ~mask),
    ),
    *_each(
        "mask-after-softmax",
        "the mask was applied after the softmax: what is left no longer sums to one",
        _heads(attend=_weighing(lambda scores, mask: scores.softmax(-1) * (1.0 if mask is None else mask))),
    ),
    *_each(
        "returned-the-pair",
        "you returned output and weights. Only the joined output was asked for: scaled_dot_product_attention(...)[0]",
        lambda q, k, v, H, mask=None: (
            _heads()(q, k, v, H, mask),
            scaled_dot_product_attention(*(_split(x, H) for x in (q, k, v)), mask)[1],
        ),
    ),
    *_each(
        "returned-the-weights",
        "the weights came back. scaled_dot_product_attention returns output and weights: the output is the first, [0]",
        lambda q, k, v, H, mask=None: scaled_dot_product_attention(*(_split(x, H) for x in (q, k, v)), mask)[1],
    ),
]


def _blocked(scores: Tensor, mask: Tensor | None) -> Tensor:
    return scores if mask is None else scores.masked_fill(~mask, -math.inf)


def multi_head(function: Callable) -> Result:
    """Compare with `num_heads` attentions on D / num_heads neighbouring numbers each, side by side again."""
    return compare("multi_head", function, _heads(), _head_cases(), _HEAD_MISCONCEPTIONS)


# --- cross_attention --------------------------------------------------------------------------------------------------


def _cross_case(seed: int, B: int, T: int, S: int, D: int, M: int, H: int) -> Case:
    tensors = _random(seed, (B, T, D), (B, S, M), (D, D), (M, D), (M, D), (D, D))
    size = f"D={D}" if D == M else f"D={D}, whose memory's vectors have {M} numbers"
    return Case((*tensors, H), f"{T} queries, a memory of {S} vectors, {size}, and {H} heads")


# As many queries as keys first: there a mix-up of sides gives wrong numbers. Elsewhere it stops with an exception, or,
# with torch's kernel, reads beyond the end of the shorter one, and gives other numbers each time.
_SQUARE = [_cross_case(5, 1, 3, 3, 4, 4, 2), _cross_case(6, 2, 4, 4, 6, 6, 3)]
_OBLONG = [_cross_case(7, 2, 2, 5, 6, 6, 3), _cross_case(8, 1, 4, 3, 4, 6, 2)]


def _cross(pick: Callable = lambda x, memory: (x, memory, memory), attend: Callable = _ours, split: Callable = _split,
           join: Callable = _join, mask: Callable = lambda T, S: None) -> Callable:  # fmt: skip
    """Cross attention; `pick(x, memory)` says what queries, keys and values are made of."""

    def function(x, memory, w_query, w_key, w_value, w_output, num_heads):
        q, k, v = (side @ w for side, w in zip(pick(x, memory), (w_query, w_key, w_value), strict=True))
        hidden = mask(q.shape[1], k.shape[1])
        return join(attend(*(split(part, num_heads) for part in (q, k, v)), hidden)) @ w_output

    return function


def _with_matrices(change: Callable) -> Callable:
    """The right answer with other matrices: `change(w_query, w_key, w_value, w_output)` gives four."""
    return lambda x, memory, a, b, c, d, H: _cross()(x, memory, *change(a, b, c, d), H)


def _cross_pair(x, memory, w_query, w_key, w_value, w_output, H):
    parts = (_split(part, H) for part in (x @ w_query, memory @ w_key, memory @ w_value))
    output, weights = scaled_dot_product_attention(*parts)
    return _join(output) @ w_output, weights


_CROSS_MISCONCEPTIONS = [
    *_each(
        "keys-from-the-wrong-side",
        "the keys are made of x, the side that asks. x then compares itself with itself, and takes the memory's values "
        "by the wrong addresses. Keys and values are made of the memory",
        _cross(lambda x, memory: (x, x, memory)),
    ),
    *_each(
        "values-from-the-query",
        "the values are made of x, the side that asks. It then finds the right place in the memory and brings home a "
        "piece of itself. Keys and values are made of the memory",
        _cross(lambda x, memory: (x, memory, x)),
    ),
    *_each(
        "self-attention",
        "x attends to itself: queries, keys and values are all made of x, and the memory is never read",
        _cross(lambda x, memory: (x, x, x)),
    ),
    *_each(
        "memory-attends-to-itself",
        "queries, keys and values are all made of the memory, and x is never read. The side that asks, x, makes the "
        "queries",
        _cross(lambda x, memory: (memory, memory, memory)),
    ),
    *_each(
        "sides-exchanged",
        "the sides are exchanged: here the memory asks and x answers. x makes the queries, one output for each of its "
        "positions; the memory makes keys and values",
        _cross(lambda x, memory: (memory, x, x)),
    ),
    *_each(
        "both-sides",
        "the keys and values are those of x and memory, one behind the other. In cross attention x sees the memory "
        "alone",
        _cross(lambda x, memory: (x, *(2 * (torch.cat([memory, x], 1),)))),
        _cross(lambda x, memory: (x, *(2 * (torch.cat([x, memory], 1),)))),
    ),
    *_each(
        "key-and-value-exchanged",
        "w_key and w_value have changed places",
        _with_matrices(lambda a, b, c, d: (a, c, b, d)),
    ),
    *_each(
        "query-and-key-exchanged",
        "w_query and w_key have changed places",
        _with_matrices(lambda a, b, c, d: (b, a, c, d)),
    ),
    *_each(
        "one-matrix-for-keys-and-values",
        "keys and values were made with the same matrix. Where to look and what to bring are two questions: w_key for "
        "the one, w_value for the other",
        _with_matrices(lambda a, b, c, d: (a, b, b, d)),
        _with_matrices(lambda a, b, c, d: (a, c, c, d)),
    ),
    *_each(
        "output-forgotten",
        "the last matrix, w_output, was not used. It mixes what the heads brought",
        lambda x, memory, a, b, c, d, H: _cross()(x, memory, a, b, c, torch.eye(len(d)), H),
    ),
    *_each(
        "matrices-transposed",
        "the matrices were transposed, as nn.Linear stores them. Here a vector is a row: x @ w_query",
        _with_matrices(lambda a, b, c, d: (a.T, b.T, c.T, d.T)),
    ),
    *_each(
        "one-head",
        "all D numbers went into a single attention; num_heads changed nothing",
        lambda x, memory, a, b, c, d, H: _cross()(x, memory, a, b, c, d, 1),
    ),
    *_each(
        "viewed-both-ways",
        "the heads were cut and joined by views without a transpose. View as (B, length, heads, D/heads), then "
        "transpose(1, 2), and back the same way",
        _cross(split=_split_viewed, join=_join_viewed),
    ),
    *_each(
        "viewed-on-the-way-in",
        "the heads were cut by a view without a transpose. View as (B, length, heads, D/heads), then transpose(1, 2)",
        _cross(split=_split_viewed),
    ),
    *_each(
        "viewed-on-the-way-out",
        "the heads were joined by a view without a transpose: transpose(1, 2) first, then flatten the last two axes",
        _cross(join=_join_viewed),
    ),
    *_each(
        "causal",
        "a causal mask hides the later part of the memory. All of it is there before the first question is asked: no "
        "mask",
        _cross(mask=lambda T, S: torch.ones(T, S, dtype=torch.bool).tril()),
        _cross(mask=lambda T, S: torch.ones(T, S, dtype=torch.bool).tril(S - T)),
    ),
    *_each(
        "not-scaled",
        "the scores were not divided by the root of the head's size, D/heads",
        _cross(attend=_scaled_by(lambda H, size: 1.0)),
    ),
    *_each(
        "scaled-by-all",
        "the scores were divided by the root of D. A head multiplies D/heads numbers: divide by the root of that",
        _cross(attend=_scaled_by(lambda H, size: 1 / math.sqrt(H * size))),
    ),
    *_each(
        "returned-the-pair",
        "you returned output and weights. Only the output was asked for: scaled_dot_product_attention(...)[0]",
        _cross_pair,
    ),
]


def cross_attention(function: Callable) -> Result:
    """Compare with attention whose queries are made of x, and whose keys and values are made of the memory."""
    name = "cross_attention"
    result = compare(name, function, _cross(), _SQUARE, _CROSS_MISCONCEPTIONS)
    return compare(name, function, _cross(), _SQUARE + _OBLONG) if result.status == "passed" else result


# --- cached_step ------------------------------------------------------------------------------------------------------


def _step_cases() -> list[Case]:
    """One token after 1, 3 and 4 others."""
    cases = []
    for seed, B, S, D in ((8, 1, 1, 2), (9, 2, 3, 4), (10, 1, 4, 3)):
        tensors = _random(seed, (B, 1, D), (B, S, D), (B, S, D), (D, D), (D, D), (D, D))
        cases.append(Case(tuple(tensors), f"B={B}, {S} in the cache and D={D}"))
    return cases


def _step(x, keys, values, w_query, w_key, w_value):
    keys, values = torch.cat([keys, x @ w_key], 1), torch.cat([values, x @ w_value], 1)
    return _ours(x @ w_query, keys, values, None), keys, values


def _step_with(change: Callable) -> list[Callable]:
    """`change(attend, q, k, v, keys, values, x)` gives the answer, with our attention and with torch's."""

    def make(attend):
        def function(x, keys, values, w_query, w_key, w_value):
            return change(lambda *qkv: attend(*qkv, None), x @ w_query, x @ w_key, x @ w_value, keys, values, x)

        return function

    return [make(_ours), make(_torchs)]


def _cat(*parts: Tensor) -> Tensor:
    return torch.cat(parts, 1)


_STEP_MISCONCEPTIONS = [
    *_each(
        "attends-before-appending",
        "the new token looked at the cache before its own key and value were in it. A token sees itself too: append "
        "first, then attend",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, K, V), _cat(K, k), _cat(V, v))),
    ),
    *_each(
        "cache-replaced",
        "the new key and value took the place of the old ones. The token then sees nobody but itself: append them, "
        "torch.cat([keys, new], dim=1)",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, k, v), k, v)),
    ),
    *_each(
        "old-cache-returned",
        "the old cache came back. Return the longer one, or the next token will miss this one",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(K, k), _cat(V, v)), K, V)),
    ),
    *_each(
        "only-new-returned",
        "only the new key and value came back. Return all of them, the old ones first",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(K, k), _cat(V, v)), k, v)),
    ),
    *_each(
        "appended-in-front",
        "the new key and value were put in front of the old ones. The cache keeps the order of the text: at the end",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(k, K), _cat(v, V)), _cat(k, K), _cat(v, V))),
    ),
    *_each(
        "multiplied-again",
        "the cache was multiplied by w_key and w_value again. It holds keys and values already: multiply only x",
        lambda x, K, V, a, b, c: (
            _ours(x @ a, _cat(K, x) @ b, _cat(V, x) @ c, None), _cat(K, x) @ b, _cat(V, x) @ c
        ),
    ),
    *_each(
        "causal-from-the-first-place",
        "a causal mask took the one query for the first place of the text, and hid all but the first key from it. The "
        "cache holds nothing that is later: no mask",
        *_step_with(lambda attend, q, k, v, K, V, x: (V[:, :1], _cat(K, k), _cat(V, v)))[:1],
    ),
    *_each(
        "inputs-cached",
        "the token's own vector went into the cache, without w_key and w_value. Cache the products, or they must be "
        "computed anew at each step",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(K, x), _cat(V, x)), _cat(K, x), _cat(V, x))),
    ),
    *_each(
        "query-cached",
        "the query went into the cache of keys. Nobody asks for an old query again: cache x @ w_key and x @ w_value",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(K, q), _cat(V, v)), _cat(K, q), _cat(V, v))),
    ),
    *_each(
        "key-and-value-exchanged",
        "the new key went to the values, and the new value to the keys",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(K, v), _cat(V, k)), _cat(K, v), _cat(V, k))),
    ),
    *_each(
        "values-not-appended",
        "the keys grew and the values did not: each key needs its own value",
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(K, k), V), _cat(K, k), V))[:1],
    ),
    *_each(
        "only-the-output",
        "only the output came back. Return three things: the output, the keys, the values",
        *_step_with(lambda attend, q, k, v, K, V, x: attend(q, _cat(K, k), _cat(V, v))),
    ),
    *_each(
        "returned-in-another-order",
        "the three came back in another order. Return the output first, then the keys, then the values",
        *_step_with(lambda attend, q, k, v, K, V, x: (_cat(K, k), _cat(V, v), attend(q, _cat(K, k), _cat(V, v)))),
        *_step_with(lambda attend, q, k, v, K, V, x: (attend(q, _cat(K, k), _cat(V, v)), _cat(V, v), _cat(K, k))),
    ),
    *_each(
        "pair-in-the-output",
        "the output is the pair of output and weights: take the first, scaled_dot_product_attention(...)[0]",
        lambda x, keys, values, a, b, c: (
            scaled_dot_product_attention(x @ a, _cat(keys, x @ b), _cat(values, x @ c)),
            _cat(keys, x @ b),
            _cat(values, x @ c),
        ),
    ),
    *_each(
        "not-scaled",
        "the scores were not divided by the root of D",
        *_step_with(
            lambda attend, q, k, v, K, V, x: (attend(q * math.sqrt(q.shape[-1]), _cat(K, k), _cat(V, v)), _cat(K, k),
                                              _cat(V, v))
        ),
    ),
]  # fmt: skip


def cached_step(function: Callable) -> Result:
    """Compare with attention of one new token to all tokens so far, its own key and value appended to the cache."""
    return compare("cached_step", function, _step, _step_cases(), _STEP_MISCONCEPTIONS)
