"""Checks of lesson 11: many heads by view and transpose, cross-attention, one step with a cache.

Each exercise is asked first where a mix-up of axes or of sides still fits and so gives numbers that are wrong: as many
queries as keys, no mask. Sizes that are all unequal come next, then masks, then a query that may look at nothing.

Papers. Vaswani et al. (2017), "Attention Is All You Need", section 3.2; Bahdanau, Cho, Bengio (2015) for attention from
one sequence to another.
"""

import torch
from torch import Tensor

from course_lib.attention import causal_mask, scaled_dot_product_attention
from course_lib.checks.attention import _NO_MASK
from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, random_tensors, slip

_OVERFLOW = ("yours is nan", "The exponentials of such scores overflow: take the row's largest score away first, or "
             "let `softmax` do it.", "exponentials-overflow")  # fmt: skip
_LENGTH = ("invalid for input of size", "Keys and values have a length of their own, S, which need not be T: read the "
           "sizes off each tensor that you cut.", "length-of-the-query")  # fmt: skip
_PAIR = ("'tuple' object", "scaled_dot_product_attention returns a pair, output and weights: take the first.",
         "pair-not-opened")  # fmt: skip

# --- multi_head -------------------------------------------------------------------------------------------------------


def _multi_head(query, key, value, num_heads, mask=None):
    def split(x):
        B, length, D = x.shape
        return x.view(B, length, num_heads, D // num_heads).transpose(1, 2)  # [B, H, length, D/H]

    output, _ = scaled_dot_product_attention(split(query), split(key), split(value), mask)
    return output.transpose(1, 2).flatten(2)  # [B, T, D]


def _three(B: int, T: int, S: int, D: int, H: int, seed: int, *mask: Tensor) -> tuple:
    return (*random_tensors(seed, (B, T, D), (B, S, D), (B, S, D)), H, *mask)


_SELF = [Case(_three(B, T, T, D, H, seed), f"B={B}, T=S={T}, D={D} and {H} heads, no mask")
         for B, T, D, H, seed in [(1, 3, 6, 2, 1), (2, 4, 6, 3, 2), (2, 5, 8, 2, 3)]]  # fmt: skip
_LOUD = _three(2, 4, 3, 6, 2, 6)
_SPLIT = "x.view(B, length, num_heads, D // num_heads).transpose(1, 2)"
_VIEWED_IN = f"{_SPLIT} -> x.view(B, num_heads, length, D // num_heads)"
_DEALT_IN = f"{_SPLIT} -> x.view(B, length, D // num_heads, num_heads).permute(0, 3, 1, 2)"
_NOT_TURNED = f"{_SPLIT} -> x.view(B, length, num_heads, D // num_heads)"
_JOIN = "output.transpose(1, 2).flatten(2)"
_VIEWED_OUT = f"{_JOIN} -> output.reshape(query.shape)"
_DEALT_OUT = f"{_JOIN} -> output.permute(0, 2, 3, 1).flatten(2)"
_ATTEND = "scaled_dot_product_attention(split(query), split(key), split(value), mask)"
_BY_HAND = (f"output, _ = {_ATTEND} -> scores = split(query) @ split(key).mT / (query.shape[-1] // num_heads) ** 0.5\n"
            "    output = scores.softmax(-1) @ split(value)")  # fmt: skip
_HEADS = [
    slip("viewed-both-ways", "the vectors were viewed as [B, heads, T, D/heads] without a transpose, and the heads "
         "viewed back likewise. A view keeps the numbers in their order, so each 'head' got some whole positions "
         "instead of its part of every position: the last output never looks at token 0. View as [B, T, heads, "
         "D/heads], then transpose(1, 2)", (_VIEWED_IN, _VIEWED_OUT)),
    slip("viewed-on-the-way-in", "on the way in there is a view and no transpose. A 'head' then holds some whole "
         "positions instead of its part of every position, and even with a causal mask the future leaks. View as [B, "
         "T, heads, D/heads], then transpose(1, 2)", _VIEWED_IN),
    slip("viewed-on-the-way-out", "the way in is right, and on the way out the transpose is missing. A view of [B, "
         "heads, T, D/heads] as [B, T, D] puts several positions of one head into one vector: transpose(1, 2) first, "
         "then flatten the last two axes", _VIEWED_OUT),
    slip("heads-interleaved", "the numbers of a vector were dealt out to the heads like cards, one each in turn. Head "
         "h owns D/heads neighbours: view as [B, T, heads, D/heads]", (_DEALT_IN, _DEALT_OUT), _DEALT_IN),
    slip("heads-interleaved", "the heads were shuffled together on the way out, one number of each in turn. The "
         "outputs of a head stay neighbours: [B, T, heads, D/heads], then flatten the last two axes", _DEALT_OUT),
    slip("number-and-size-exchanged",
         "the number of heads and their size changed places: you have D/heads heads of `heads` numbers each. The heads "
         "come first: view as [B, T, heads, D/heads]", "num_heads, D // num_heads -> D // num_heads, num_heads"),
    slip("heads-attend-to-heads", "the heads of one position attended to one another, and no position saw another. "
         "Attention runs along the last axis but one, and there stood the heads: [B, T, heads, D/heads], then "
         "transpose(1, 2)", (_NOT_TURNED, f"{_JOIN} -> output.flatten(2)"),
         (_NOT_TURNED, f"{_JOIN} -> output.transpose(1, 2).reshape(query.shape)"),
         (f"{_SPLIT} -> x.view(B, length, num_heads, D // num_heads).transpose(0, 1)",
          f"{_JOIN} -> output.transpose(1, 2).reshape(query.shape)")),
    slip("one-head", "all D numbers went into a single attention; num_heads changed nothing. Each head compares its "
         "own D/heads numbers and has its own softmax", "def split -> num_heads = 1\n    def split"),
    slip("scaled-by-all", "the scores were divided by the root of D, the size of the whole vector. A head multiplies "
         "D/heads numbers: divide by the root of that", "split(query) -> split(query) / num_heads**0.5"),
    slip("not-scaled", "the scores were not divided by the root of the head's size, D/heads",
         "split(query) -> split(query) * (query.shape[-1] // num_heads) ** 0.5"),
    slip("scaled-twice", "the scores were divided twice: the library's attention already divides them by the root of "
         "the head's size", "split(query) -> split(query) / (query.shape[-1] // num_heads) ** 0.5"),
    slip("softmax-over-heads", "the softmax runs over the heads: they share one unit of weight for each pair of "
         "positions. Each head has a softmax of its own, over the keys", (_BY_HAND, "softmax(-1) -> softmax(1)")),
    slip("softmax-over-queries", "the softmax runs over the queries. For each query the weights of its keys sum to "
         "one: the last axis", (_BY_HAND, "softmax(-1) -> softmax(-2)")),
    slip("heads-averaged", "the heads were averaged or added up, so D/heads numbers came out. They stand side by side: "
         "D numbers", f"{_JOIN} -> output.mean(1)", f"{_JOIN} -> output.sum(1)"),
    slip("heads-not-joined", "the heads came back apart. Put them side by side again: transpose(1, 2), then flatten "
         "the last two axes", f"{_JOIN} -> output", ".flatten(2) ->"),
    slip("stacked-along-positions", "the heads stand behind one another along the positions. They belong side by side: "
         "torch.cat(heads, dim=-1)", f"{_JOIN} -> output.flatten(1, 2)"),
    slip("returned-the-pair", "you returned output and weights. Only the joined output was asked for: "
         "scaled_dot_product_attention(...)[0]", f"{_JOIN} -> {_JOIN}, _"),
    slip("returned-the-weights", "the weights came back. scaled_dot_product_attention returns output and weights: the "
         "output is the first, [0]", f"{_JOIN} -> _"),
]  # fmt: skip
_MASK = [
    slip("mask-forgotten", "the mask was not used", "split(value), mask -> split(value)"),
    slip("mask-not-read", "a causal mask was laid, whatever mask came in. Another mask hides other keys: hand on the "
         "one that you get", ", mask) -> , None if mask is None else torch.ones(mask.shape, dtype=torch.bool).tril())"),
    slip("mask-inverted", "the mask is the wrong way round: True means that the query may look",
         ", mask) -> , None if mask is None else ~mask)"),
    slip("mask-after-softmax", "the mask was applied after the softmax: what is left no longer sums to one",
         (_BY_HAND, "scores.softmax(-1) -> (scores.softmax(-1) * (1 if mask is None else mask))")),
    slip("filled-with-zero", "the hidden scores were set to 0. e to the 0 is 1, a share like any other: minus infinity",
         (_BY_HAND, "scores.softmax -> (scores * (1 if mask is None else mask)).softmax")),
]  # fmt: skip

multi_head = Exercise(_multi_head, Round(_SELF, _HEADS, hints=[_PAIR, *_NO_MASK]), Round([
    Case(_three(2, 3, 5, 8, 4, 4), "B=2, T=3 queries, S=5 keys, D=8 and 4 heads, no mask"),
    Case(_three(2, 3, 5, 6, 1, 5), "B=2, T=3 queries, S=5 keys, D=6 and 1 head, no mask"),
    Case(_three(1, 1, 2, 3, 3, 7), "one query, 2 keys, D=3 and 3 heads, no mask"),
    Case((90 * _LOUD[0], *_LOUD[1:]), "B=2, T=4, S=3, D=6, 2 heads, and queries that are large"),
], hints=[_LENGTH, _OVERFLOW], held="with as many queries as keys all is right"), Round([
    Case(_three(2, 4, 4, 6, 2, 8, causal_mask(4)), "B=2, T=S=4, D=6, 2 heads and a causal mask"),
    Case(_three(1, 3, 5, 6, 3, 9, torch.tensor([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [1, 1, 1, 1, 1]]) > 0),
         "B=1, T=3, S=5, D=6, 3 heads and a mask that hides some keys here and there"),
], _MASK, hints=_NO_MASK[:1], held="without a mask all is right"), Round([
    Case(_three(1, 3, 4, 6, 3, 10, torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 0]]) > 0),
         "B=1, T=3, S=4, D=6, 3 heads and a mask whose second row is all False"),
], [
    slip("looks-at-everything-on-an-empty-row", "a query that may look at nothing looks at everything: its hidden "
         "scores are all alike, and only minus infinity weighs nothing. As in lesson 10, it should get zeros",
         (_BY_HAND, "scores.softmax -> (scores if mask is None else scores.masked_fill(~mask, -1e9)).softmax")),
], hints=[("yours is nan", "A query that may look at nothing gets zeros, as in lesson 10: "
           "scaled_dot_product_attention sees to it.", "nan-on-an-empty-row")],
    held="with other masks all is right"))  # fmt: skip


# --- cross_attention --------------------------------------------------------------------------------------------------


def split(x: Tensor, num_heads: int) -> Tensor:
    B, length, D = x.shape
    return x.view(B, length, num_heads, D // num_heads).transpose(1, 2)  # [B, H, length, D/H]


def join(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)  # [B, length, D]


def _cross_attention(x, memory, w_query, w_key, w_value, w_output, num_heads):
    query, key, value = x @ w_query, memory @ w_key, memory @ w_value
    output, _ = scaled_dot_product_attention(*(split(part, num_heads) for part in (query, key, value)))
    return join(output) @ w_output


def _sides(B: int, T: int, S: int, D: int, M: int, H: int, seed: int) -> Case:
    tensors = random_tensors(seed, (B, T, D), (B, S, M), (D, D), (M, D), (M, D), (D, D))
    size = f"D={D}" if D == M else f"D={D}, whose memory's vectors have {M} numbers"
    return Case((*tensors, H), f"B={B}, {T} queries, a memory of {S} vectors, {size}, and {H} heads")


_KEYS_VALUES, _PARTS = "memory @ w_key, memory @ w_value", "in (query, key, value)"
_CUT_BY_VIEW = "split(part, num_heads) -> part.reshape(len(x), num_heads, -1, x.shape[-1] // num_heads)"
_JOINED_BY_VIEW = "join(output) -> output.reshape(x.shape)"
_MADE = "query, key, value = x"
_TWO_MOVES = "View as [B, length, heads, D/heads], then transpose(1, 2), and back the same way"
# With as many queries as keys a mix-up of sides gives numbers. Elsewhere it stops with an exception or, by torch's
# kernel, reads beyond the end of the shorter one, and gives other numbers each time.
cross_attention = Exercise(_cross_attention, Round([
    _sides(1, 3, 3, 4, 4, 2, seed=5), _sides(2, 4, 4, 6, 6, 3, seed=6),
], [
    slip("keys-from-the-wrong-side",
         "the keys are made of x, the side that asks. x then compares itself with itself, and takes the memory's "
         "values by the wrong addresses. Keys and values are made of the memory", "memory @ w_key -> x @ w_key"),
    slip("values-from-the-query",
         "the values are made of x, the side that asks. It then finds the right place in the memory and brings home a "
         "piece of itself. Keys and values are made of the memory", "memory @ w_value -> x @ w_value"),
    slip("self-attention", "x attends to itself: queries, keys and values are all made of x, and the memory is never "
         "read", "memory @ -> x @"),
    slip("memory-attends-to-itself", "queries, keys and values are all made of the memory, and x is never read. The "
         "side that asks, x, makes the queries", "x @ w_query -> memory @ w_query"),
    slip("sides-exchanged",
         "the sides are exchanged: here the memory asks and x answers. x makes the queries, one output for each of its "
         "positions; the memory makes keys and values", f"{_MADE} -> x, memory = memory, x; {_MADE}"),
    slip("both-sides", "the keys and values are those of x and memory, one behind the other. In cross-attention x sees "
         "the memory alone", f"{_MADE} -> memory = torch.cat([memory, x], 1); {_MADE}"),
    slip("key-and-value-exchanged", "w_key and w_value have changed places",
         f"{_KEYS_VALUES} -> memory @ w_value, memory @ w_key"),
    slip("query-and-key-exchanged", "w_query and w_key have changed places",
         "x @ w_query, memory @ w_key -> x @ w_key, memory @ w_query"),
    slip("one-matrix-for-keys-and-values",
         "keys and values were made with the same matrix. Where to look and what to bring are two questions: w_key for "
         "the one, w_value for the other", "memory @ w_value -> memory @ w_key", "memory @ w_key -> memory @ w_value"),
    *[slip(f"{side}-not-multiplied", f"the {side} are {vectors} as it is, without a matrix: {right}",
           f"{right} -> {right.split(' @ ')[0]}")
      for side, vectors, right in [("queries", "x", "x @ w_query"), ("keys", "the memory", "memory @ w_key"),
                                   ("values", "the memory", "memory @ w_value")]],
    slip("keys-and-values-not-multiplied", "keys and values are the memory as it is. w_key and w_value make them: what "
         "is looked for, and what is brought", f"{_KEYS_VALUES} -> memory, memory"),
    slip("output-forgotten", "the last matrix, w_output, was not used. It mixes what the heads brought",
         "@ w_output ->"),
    slip("matrices-transposed", "the matrices were transposed, as nn.Linear stores them. Here a vector is a row: x @ "
         "w_query", tuple(f"@ {name} -> @ {name}.T" for name in ("w_query", "w_key", "w_value", "w_output"))),
    slip("one-head", "all D numbers went into a single attention; num_heads changed nothing",
         "(part, num_heads) -> (part, 1)"),
    slip("viewed-both-ways", f"the heads were cut and joined by views without a transpose. {_TWO_MOVES}",
         (_CUT_BY_VIEW, _JOINED_BY_VIEW)),
    slip("viewed-on-the-way-in", f"the heads were cut by a view without a transpose. {_TWO_MOVES}", _CUT_BY_VIEW),
    slip("viewed-on-the-way-out", f"the heads were joined by a view without a transpose. {_TWO_MOVES}",
         _JOINED_BY_VIEW),
    slip("heads-attend-to-heads", f"the heads of one position attended to one another. {_TWO_MOVES}",
         ("(part, num_heads) -> (part, num_heads).transpose(1, 2)", "join(output) -> output.flatten(2)")),
    slip("causal", "a causal mask hides the later part of the memory. All of it is there before the first question is "
         "asked: no mask", f"{_PARTS}) -> {_PARTS}), causal_mask(x.shape[1])"),
    slip("not-scaled", "the scores were not divided by the root of the head's size, D/heads",
         f"{_PARTS} -> in (query * (x.shape[-1] // num_heads) ** 0.5, key, value)"),
    slip("scaled-by-all", "the scores were divided by the root of D. A head multiplies D/heads numbers: divide by the "
         "root of that", f"{_PARTS} -> in (query / num_heads**0.5, key, value)"),
    slip("returned-the-pair", "you returned output and weights. Only the output was asked for: "
         "scaled_dot_product_attention(...)[0]", "@ w_output -> @ w_output, _"),
], hints=[_PAIR]), Round([
    _sides(2, 2, 5, 6, 6, 3, seed=7), _sides(1, 4, 3, 4, 6, 2, seed=8), _sides(2, 3, 1, 5, 2, 5, seed=9),
], hints=[_LENGTH], held="with as many queries as keys all is right"))  # fmt: skip


# --- cached_step ------------------------------------------------------------------------------------------------------


def _cached_step(x, keys, values, w_query, w_key, w_value):
    keys = torch.cat([keys, x @ w_key], dim=1)  # [B, S + 1, D]
    values = torch.cat([values, x @ w_value], dim=1)
    output, _ = scaled_dot_product_attention(x @ w_query, keys, values)
    return output, keys, values


def _one_more(B: int, S: int, D: int, seed: int) -> Case:
    tensors = random_tensors(seed, (B, 1, D), (B, S, D), (B, S, D), (D, D), (D, D), (D, D))
    return Case(tuple(tensors), f"B={B}, {S or 'nothing'} in the cache and D={D}")


_NEW_KEYS, _NEW_VALUES = "torch.cat([keys, x @ w_key], dim=1)", "torch.cat([values, x @ w_value], dim=1)"
_LOOK, _BACK = "output, _ = scaled_dot_product_attention(x @ w_query, keys, values)", "return output, keys, values"
cached_step = Exercise(_cached_step, Round([
    _one_more(1, 1, 2, seed=8), _one_more(2, 3, 4, seed=9), _one_more(1, 4, 3, seed=10),
], [
    slip("attends-before-appending",
         "the new token looked at the cache before its own key and value were in it. A token sees itself too: append "
         "first, then attend", (f"{_LOOK} ->", f"keys = {_NEW_KEYS} -> {_LOOK}\n    keys = {_NEW_KEYS}")),
    slip("cache-replaced", "the new key and value took the place of the old ones. The token then sees nobody but "
         "itself: append them, torch.cat([keys, new], dim=1)",
         (f"{_NEW_KEYS} -> x @ w_key", f"{_NEW_VALUES} -> x @ w_value")),
    slip("old-cache-returned", "the old cache came back. Return the longer one, or the next token will miss this one",
         f"{_BACK} -> return output, keys[:, :-1], values[:, :-1]"),
    slip("only-new-returned", "only the new key and value came back. Return all of them, the old ones first",
         f"{_BACK} -> return output, keys[:, -1:], values[:, -1:]"),
    slip("appended-in-front",
         "the new key and value were put in front of the old ones. The cache keeps the order of the text: at the end",
         ("[keys, x @ w_key] -> [x @ w_key, keys]", "[values, x @ w_value] -> [x @ w_value, values]")),
    slip("multiplied-again",
         "the cache was multiplied by w_key and w_value again. It holds keys and values already: multiply only x",
         ("keys, x @ w_key], dim=1) -> keys, x], dim=1) @ w_key",
          "values, x @ w_value], dim=1) -> values, x], dim=1) @ w_value")),
    slip("causal-from-the-first-place",
         "a causal mask took the one query for the first place of the text, and hid all but the first key from it. The "
         "cache holds nothing that is later: no mask", "keys, values) -> keys[:, :1], values[:, :1])"),
    slip("inputs-cached", "the token's own vector went into the cache, without w_key and w_value. Cache the products, "
         "or they must be computed anew at each step", ("x @ w_key -> x", "x @ w_value -> x")),
    slip("query-cached", "the query went into the cache of keys. Nobody asks for an old query again: cache x @ w_key "
         "and x @ w_value", "x @ w_key -> x @ w_query"),
    slip("key-and-value-exchanged", "the new key went to the values, and the new value to the keys",
         ("x @ w_key -> x @ W", "x @ w_value -> x @ w_key", "x @ W -> x @ w_value")),
    slip("only-the-output", "only the output came back. Return three things: the output, the keys, the values",
         f"{_BACK} -> return output"),
    slip("returned-in-another-order", "the three came back in another order. First the output, then the keys, then the "
         "values", f"{_BACK} -> return keys, values, output", f"{_BACK} -> return output, values, keys"),
    slip("pair-in-the-output", "the output is the pair of output and weights: take the first, "
         "scaled_dot_product_attention(...)[0]", "output, _ = -> output ="),
    slip("not-scaled", "the scores were not divided by the root of D",
         "(x @ w_query -> (x @ w_query * len(w_query) ** 0.5"),
], hints=[
    ("value has shape", "Each key needs its own value: the values grow by one place, along dim=1, as the keys do.",
     "values-not-appended"),
    ("key has shape", "The cache grows by one place. torch.cat glues along the batch unless it is told: dim=1.", None),
]), Round([
    _one_more(2, 0, 3, seed=11),
], held="with something in the cache all is right"), parts=("output", "keys", "values"))  # fmt: skip
