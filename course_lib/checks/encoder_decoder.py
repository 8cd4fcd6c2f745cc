"""Checks of lesson 13: the table of positions, the loss under teacher forcing, writing token by token.

The second and the third call the learner's function with decoders of our own: small ones with fixed numbers, so that a
wrong input, a wrong answer and a wrong mask each leave their mark.

Papers. Vaswani et al. (2017), "Attention Is All You Need", 3.5 for the positions; Williams & Zipser (1989), "A Learning
Algorithm for Continually Running Fully Recurrent Neural Networks", for teacher forcing.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_lib.attention import scaled_dot_product_attention
from course_lib.checks.base import Case, Unfit
from course_lib.checks.slips import Exercise, Round, slip
from course_lib.transformer import sinusoidal_positions

# --- position_encoding ------------------------------------------------------------------------------------------------


def _position_encoding(length, d_model):
    i = torch.arange(d_model // 2)
    angles = torch.arange(length)[:, None] / 10_000 ** (2 * i / d_model)  # [T, d / 2]
    table = torch.zeros(length, d_model)
    table[:, 0::2] = torch.sin(angles)
    table[:, 1::2] = torch.cos(angles)
    return table


_I, _T = "i = torch.arange(d_model // 2)", "torch.arange(length)[:, None]"
_EACH_COLUMN = ("sin(angles) -> sin(angles[:, 0::2])", "cos(angles) -> cos(angles[:, 1::2])")
_IN_HALVES = ("0::2] -> : d_model // 2]", "1::2] -> d_model // 2 :]")
_TO_THE_BASE = "2 * i / d_model -> i / max(1, d_model // 2 - 1)"
position_encoding = Exercise(
    _position_encoding,
    Round([Case(sizes) for sizes in [(3, 4), (5, 6), (4, 2), (40, 8), (1, 6)]], [
        slip("other-base",
             "the base is not 10000. It decides how slow the slowest wave is, and that one must tell far from farther",
             *[f"10_000 -> {base}" for base in ("10.0", "1000.0", "100_000.0", "1_000_000.0")]),
        slip("degrees",
             "the angle is taken in degrees. torch.sin wants radians, and so does the formula: one place is one radian "
             "in the fastest pair", "(angles) -> (torch.deg2rad(angles))"),
        slip("counted-from-one",
             "the places are counted from 1. Row 0 belongs to place 0: its sines are 0 and its cosines 1",
             "arange(length) -> arange(1, length + 1)"),
        slip("sine-and-cosine-swapped",
             "sine and cosine have changed places. It would serve as well, but we asked for the paper's table: sine in "
             "the even columns, so that row 0 is 0, 1, 0, 1 ...",
             ("torch.sin -> wave", "torch.cos -> torch.sin", "wave -> torch.cos")),
        slip("only-one-wave",
             "sines and cosines are not both there. A sine alone takes each height twice on its way round; sine and "
             "cosine together tell where the hand points",
             "torch.cos -> torch.sin", "torch.sin -> torch.cos", "torch.cos(angles) -> 0", "torch.sin(angles) -> 0",
             f"return table -> return torch.sin({_T} / 10_000 ** (torch.arange(d_model) / d_model))"),
        slip("pairs-torn",
             "each column has a frequency of its own. The columns 2i and 2i + 1 are a pair, sine and cosine of one "
             "angle: the exponent is 2i / d_model for both", (f"{_I} -> i = torch.arange(d_model) / 2", *_EACH_COLUMN)),
        slip("exponent-doubled",
             "the exponent is twice that of the formula, 2i / d_model. There i counts pairs, so 2i is already the "
             "column, and d_model counts all columns",
             "2 * i -> 4 * i", (f"{_I} -> i = torch.arange(d_model)", *_EACH_COLUMN)),
        slip("exponent-halved",
             "the exponent is i / d_model for the pair i, or the base is 100 (that is the same). It should be "
             "2i / d_model, so that the frequencies fall from 1 to nearly 1 / 10000", "2 * i -> i"),
        slip("ends-at-the-base",
             "the frequencies end exactly at 1 / 10000. The authors' own program has them so (and all its sines before "
             "its cosines); the paper's formula stops a step before: the exponent is 2i / d_model", _TO_THE_BASE),
        slip("multiplied-by-the-power",
             "the place is multiplied by the power of 10000. Divide: waves get slower from left to right",
             # the angles are so large that float32, float64 and the negative exponent each give other sines
             "/ 10_000 -> * 10_000", (f"{_I} -> {_I}.double()", "/ 10_000 -> * 10_000"), "2 * i -> -2 * i"),
        slip("place-as-a-share",
             "the place is divided by the length. Then the same place means something else in a longer text: take t as "
             "it is, 0, 1, 2 ...", f"{_T} -> {_T} / length", f"{_T} -> {_T} / max(1, length - 1)"),
        slip("one-frequency",
             "all pairs turn equally fast (// in the exponent does that: its 2i // d_model is always 0). The frequency "
             "should fall from pair to pair: 1 / 10000^(2i / d_model)", "2 * i / -> 2 * i //"),
        slip("brackets-forgotten",
             "the exponent has lost its brackets: 10_000 ** 2 * i / d is (10_000 ** 2) * i / d. Write "
             "10_000 ** (2 * i / d)", "(2 * i / d_model) -> 2 * i / d_model"),
        slip("hands-counted-from-one",
             "the hands are counted from 1. Hand 0 turns by 1 radian a place: its exponent is 0",
             f"{_I} -> i = torch.arange(1, d_model // 2 + 1)"),
        slip("transposed", "rows and columns are exchanged: one row a place, one column a wave",
             "return table -> return table.T"),
        slip("angles-left", "these are the angles. Take their sine and their cosine",
             "return table -> return angles", "return table -> return angles.repeat_interleave(2, dim=1)",
             "return table -> return angles.repeat(1, 2)"),
    ]),
    also=[
        (_IN_HALVES, "the paper's table in another order of columns (first all sines, then all cosines), which serves "
                     "as well"),
        ((*_IN_HALVES, _TO_THE_BASE), "the table of the authors' own program (first all sines, then all cosines, with "
                                      "frequencies that end exactly at 1 / 10000), which serves as well"),
    ],
)  # fmt: skip


# --- teacher_forcing_loss ---------------------------------------------------------------------------------------------


def _teacher_forcing_loss(decode, target_ids, pad_id):
    inputs, labels = target_ids[:, :-1], target_ids[:, 1:]
    T = inputs.shape[1]
    mask = torch.ones(T, T, dtype=torch.bool).tril()
    scores = decode(inputs, mask)  # [B, T, V]
    real = labels != pad_id
    return F.cross_entropy(scores[real], labels[real])


def _decoder(size: int, seed: int, vocab_size: int = 9) -> Callable:
    """One layer of attention over the tokens, with positions and fixed numbers: decode(input_ids, mask) -> scores."""
    rng = torch.Generator().manual_seed(seed)
    shapes = (vocab_size, size), (size, size), (size, size), (size, size), (size, vocab_size)
    table, query, key, value, output = (torch.randn(shape, generator=rng) / math.sqrt(size) for shape in shapes)

    def decode(input_ids: Int[Tensor, "B T"], mask: Bool[Tensor, "T T"] | None = None) -> Float[Tensor, "B T V"]:
        if not isinstance(input_ids, Tensor) or input_ids.dim() != 2 or input_ids.shape[1] == 0:
            raise ValueError("decode takes token ids of shape [B, T], one row a target.")
        if mask is not None and getattr(mask, "dtype", None) != torch.bool:
            raise ValueError("decode takes a mask of True and False, True where a place may see: "
                             "torch.ones(T, T, dtype=torch.bool).tril(), for instance.")  # fmt: skip
        x = 2 * table[input_ids] + sinusoidal_positions(input_ids.shape[1], size)
        attended, _ = scaled_dot_product_attention(x @ query, x @ key, x @ value, mask)
        return (x + 2 * attended) @ output * 2

    return decode


def _free(decode: Callable) -> Callable:
    """The decoder, but that each place reads what was said at the one before, and not the target."""
    def wrong(inputs, mask):
        ids, scores = inputs[:, :1], []
        for written in range(1, inputs.shape[1] + 1):
            scores.append(decode(ids, mask[:written, :written])[:, -1])
            ids = torch.cat([ids, scores[-1].argmax(-1, keepdim=True)], dim=1)
        return torch.stack(scores, dim=1)

    return wrong


def _own_gradient(function: Callable, decode: Callable, target_ids: Tensor, pad_id: int) -> object:
    """The loss. The decoder's numbers here want no gradient: where the loss has one, it begins at the loss itself."""
    loss = function(decode, target_ids, pad_id)
    if isinstance(loss, Tensor) and loss.requires_grad:
        raise Unfit("the loss has a gradient of its own (requires_grad=True), and it ends where it begins: it never "
                    "reaches the decoder, which would learn nothing from it.")  # fmt: skip
    return loss


def _forcing(rows: Sequence[Sequence[int]], pad_id: int, size: int, seed: int, words: str) -> Case:
    return Case((_decoder(size, seed), torch.tensor(rows), pad_id), words)


_SHIFT = "target_ids[:, :-1], target_ids[:, 1:] ->"
_MASK = "torch.ones(T, T, dtype=torch.bool).tril() ->"
_LOSS = "return F.cross_entropy(scores[real], labels[real]) ->"
_PRICES = "F.cross_entropy(scores.mT, labels, reduction='none')"
_P = "scores.softmax(-1).gather(-1, labels[..., None])[..., 0][real]"
teacher_forcing_loss = Exercise(_teacher_forcing_loss, Round([
    _forcing([[1, 5, 3, 8, 2], [1, 4, 4, 7, 2]], 0, 4, 1, "two targets of 5 tokens without padding"),
    _forcing([[1, 7, 3, 4, 6, 8, 2], [1, 6, 5, 2, 0, 0, 0], [1, 3, 8, 5, 2, 0, 0]], 0, 6, 2,
             "three targets of 7, 4 and 5 tokens, padded with 0"),
    _forcing([[1, 0, 8, 3, 2, 4], [1, 5, 0, 6, 7, 2]], 4, 4, 3,
             "two targets of 5 and 6 tokens, padded with 4 (here 0 is a token like any other)"),
    _forcing([[3, 6]], 0, 6, 4, "one target of 2 tokens"),
], [
    slip("target-not-shifted",
         "the target is not shifted: each place is asked for the very token that it reads. Such a model learns to copy "
         "its input, and at the first place of a real text it has nothing to copy. Read target_ids[:, :-1], ask for "
         "target_ids[:, 1:]", f"{_SHIFT} target_ids, target_ids", "[:, 1:] -> [:, :-1]", "[:, :-1] -> [:, 1:]",
         ("[:, :-1] ->", "scores[real] -> scores[:, 1:][real]")),
    slip("shifted-the-wrong-way",
         "the target is shifted the wrong way: each place is asked for the token *before* the one that it reads. It "
         "has seen that one, so the loss will fall near 0, and the model learns to write backwards. Read "
         "target_ids[:, :-1], ask for target_ids[:, 1:]", f"{_SHIFT} target_ids[:, 1:], target_ids[:, :-1]"),
    slip("shifted-twice", "the target is shifted by two: the token in between is never asked for",
         f"{_SHIFT} target_ids[:, :-2], target_ids[:, 2:]"),
    slip("rolled-round",
         "torch.roll brings the start token round to the end, and the last place is asked for it. Nothing comes after "
         "the end: read target_ids[:, :-1], ask for target_ids[:, 1:]", f"{_SHIFT} target_ids, target_ids.roll(-1, 1)"),
    slip("start-not-read",
         "the start token is not read, so nobody is asked for the first token of the text. The decoder begins from it: "
         "read target_ids[:, :-1], ask for target_ids[:, 1:]", f"{_SHIFT} target_ids[:, 1:-1], target_ids[:, 2:]"),
    slip("mask-forgotten",
         "the causal mask is forgotten: every place sees the whole target, the token that it is asked for included. "
         "The loss will fall near 0 and the model will write nonsense, because then the answer is not there to be "
         "copied. Hand decode a mask that is True on and below the diagonal", ".tril() ->"),
    slip("mask-inverted",
         "the mask is upside down: places see what comes later and not what came before. True means *may see*: on and "
         "below the diagonal", "(inputs, mask) -> (inputs, ~mask)", "tril -> triu"),
    slip("mask-shows-the-next-token",
         "the mask is off by one: each place also sees the next token, and that is the one it is asked for. True on "
         "and below the diagonal, no further: .tril()", "tril() -> tril(1)"),
    slip("mask-shows-the-token-alone",
         "each place sees its own token and none before it (a diagonal mask). It may see all that is read so far: on "
         "*and below* the diagonal", f"{_MASK} torch.eye(T) > 0"),
    slip("mask-hides-the-token-itself",
         "the mask is off by one: a place does not see the token that stands there. That one it has read already, it "
         "is the *next* one that is asked for: the diagonal belongs to the mask", "tril() -> tril(-1)"),
    slip("reads-what-it-wrote",
         "the decoder reads the tokens that it wrote itself. Under teacher forcing it reads the target's own, mistakes "
         "or not, target_ids[:, :-1], and one run is enough", "decode(inputs -> _free(decode)(inputs"),
    slip("padding-counted",
         "the padding is asked for too. Nobody wrote it: take the mean over the places where labels != pad_id",
         f"{_LOSS} return {_PRICES}.mean()"),
    slip("padding-zeroed-but-counted",
         "the padding's prices are set to 0, but its places still count in the mean, which makes the loss too small. "
         "Divide by the number of places where labels != pad_id", f"{_LOSS} return ({_PRICES} * real).mean()"),
    slip("pad-id-ignored", "the padding is taken to be 0, whatever pad_id says", "!= pad_id -> != 0"),
    slip("padding-sought-in-the-inputs",
         "places that *read* padding are left out, but those count that are *asked* for it (after a short target's end "
         "comes padding). Look at the labels: labels != pad_id", "labels != -> inputs !="),
    slip("sign", "the minus is missing: log p is below 0, its price is -log p", "return F -> return -F"),
    slip("other-unit",
         "the price is right but in another unit: in bits (the logarithm to base 2) or as a perplexity (its "
         "exponential). We asked for the mean of -log p, with the natural logarithm",
         "labels[real]) -> labels[real]) / math.log(2)", "labels[real]) -> labels[real]).exp()"),
    slip("no-logarithm", "this is the mean of p, not of -log p", f"{_LOSS} return {_P}.mean()",
         f"{_LOSS} return -{_P}.mean()", f"{_LOSS} return 1 - {_P}.mean()"),
    slip("mean-of-means",
         "this is the mean of the targets' means, so that a token of a short target counts more than one of a long "
         "one. Take one mean over all tokens that are not padding",
         f"{_LOSS} return (({_PRICES} * real).sum(1) / real.sum(1)).mean()"),
    slip("summed", "this is the sum over the tokens. We asked for their mean", f"{_LOSS} return {_PRICES}[real].sum()"),
    slip("left-as-a-table", "these are the prices of the single tokens. Take their mean: one number",
         f"{_LOSS} return {_PRICES} * real", f"{_LOSS} return {_PRICES}[real]"),
    slip("softmax-taken-twice",
         "the scores went through a softmax before F.cross_entropy, which takes one itself: hand it the scores as they "
         "are", "= decode(inputs, mask) -> = decode(inputs, mask).softmax(-1)",
         ("= decode(inputs, mask) -> = decode(inputs, mask).softmax(-1)", f"{_LOSS} return {_PRICES}.mean()")),
], hints=[
    ("a gradient of its own", "Return what F.cross_entropy gives as it is, without .item() and a new tensor.",
     "gradient-of-its-own"),
]), play=_own_gradient)  # fmt: skip


# --- exact_match ------------------------------------------------------------------------------------------------------


def _exact_match(decode, target, start_id, end_id, max_length):
    ids = [start_id]
    while len(ids) <= max_length:
        token = int(decode(ids)[-1].argmax())
        if token == end_id:
            break
        ids.append(token)
    return ids[1:], ids[1:] == target


_VOCAB = 8
_PATIENCE = 50  # ids and calls: a learner's loop without an end must come to one


class _Writer:
    """A decoder that goes on as `script` tells for what is written so far; where it tells nothing, by a sum."""

    def __init__(self, script: dict[tuple[int, ...], int], start: int, end: int):
        self.script, self.calls = script, 0
        self.others = [token for token in range(_VOCAB) if token not in (start, end)]

    def follow(self, written: tuple[int, ...]) -> int:
        return self.script.get(written, self.others[(sum(written) + 3 * len(written)) % len(self.others)])

    def __call__(self, ids: Sequence[int]) -> Float[Tensor, "T V"]:
        ids = torch.as_tensor(ids).flatten().tolist()
        self.calls += 1
        if not ids:
            raise ValueError("decode got no ids: hand it those written so far, with the start token in front.")
        if len(ids) > _PATIENCE:
            raise ValueError(f"decode was handed {len(ids)} ids, and max_length is less than 10: the model may never "
                             "say the end token, so stop after max_length tokens, too.")  # fmt: skip
        if self.calls > _PATIENCE:
            raise ValueError(f"decode was called {self.calls} times, and max_length is less than 10: append each "
                             "token, or the text never gets longer.")  # fmt: skip
        if not all(0 <= i < _VOCAB for i in ids):
            raise ValueError(f"decode got the ids {ids}, and a token is a number from 0 to {_VOCAB - 1}: argmax over "
                             "all rows at once counts through all of them, so take the last row first.")  # fmt: skip
        scores = torch.sin(torch.arange(len(ids) * _VOCAB, dtype=torch.float32) * 1.7).view(len(ids), _VOCAB)
        scores[range(len(ids)), [self.follow(tuple(ids[: place + 1])) for place in range(len(ids))]] += 2.5
        return scores


def _writes(said: list[int], target: list[int], max_length: int, start: int = 1, end: int = 2, also=()) -> Case:
    """A model that says these tokens one after the other, and what `also` tells elsewhere."""
    script = {(start, *said[:place]): token for place, token in enumerate(said)} | dict(also)
    if said == [end]:
        words = f"says the end token {end} at once"
    elif said[-1] == end and len(said) <= max_length:
        words = f"writes {', '.join(map(str, said[:-1]))}, then says the end token {end}"
    else:
        words = f"does not say the end token {end} in time, with max_length {max_length}"
    return Case((_Writer(script, start, end), target, start, end, max_length),
                f"a model that {words}; the right answer is {target}")  # fmt: skip


_TOLD = ("while len(ids) <= max_length -> for token in decode([start_id, *target]).argmax(-1).tolist()",
         "token = int(decode(ids)[-1].argmax()) ->")  # fmt: skip
_NO_STOP, _AS_LONG = "token == end_id -> False", ".tolist() -> .tolist()[: len(target)]"
_SAME = "ids[1:] == target ->"
_RIGHT_ONES = "sum(a == b for a, b in zip(ids[1:], target))"
exact_match = Exercise(_exact_match, Round([
    _writes([5, 3, 3, 6, 2], [5, 3, 3, 6], 9),
    _writes([5, 4, 7, 6, 2], [5, 3, 6], 9, also={(1, 5, 3): 6, (1, 5, 3, 6): 2}),
    _writes([7, 3, 5, 5, 2], [7, 3, 5], 8),
    _writes([4, 6, 5, 3, 7, 6, 4, 4], [4, 6, 3], 6),
    _writes([2], [4, 3], 7),
    _writes([6, 3, 4, 2], [3, 6, 4], 8),
    _writes([0, 2, 1, 4, 3], [0, 2, 1, 4], 4, start=7, end=3),
    _writes([5, 0], [5], 3, start=6, end=0),
    _writes([2], [], 4),
], [
    slip("reads-the-target",
         "the model was handed the right answer and only asked for the next token at each place. When it writes by "
         "itself it must live with its own mistakes: start with [start_id] and append what it says",
         _TOLD, (*_TOLD, _NO_STOP), (*_TOLD, _AS_LONG), (*_TOLD, _NO_STOP, _AS_LONG),
         "decode(ids) -> decode([start_id, *(target + ids[len(target) + 1 :])[: len(ids) - 1]])"),
    slip("does-not-stop",
         "it goes on after the end token. What a model says after that means nothing, it never learnt it: stop there",
         _NO_STOP, (_NO_STOP, f"{_SAME} ids[1 : (ids + [end_id]).index(end_id)] == target")),
    slip("end-token-kept",
         "the end token stands at the end of the list. It says that the text is over, and belongs to no text",
         "break -> ids.append(token); break",
         ("break -> ids.append(token); break", f"{_SAME} [i for i in ids[1:] if i != end_id] == target")),
    slip("start-token-kept",
         "the start token stands at the beginning of the list. It is a place to begin from, and belongs to no text "
         "(nor does the end token)", "ids[1:] -> ids", "return ids[1:] -> return ids",
         ("ids[1:] -> ids", "break -> ids.append(token); break")),
    slip("wrong-row",
         "the next token is read from the first row of the scores. Row t is about the token after ids[t]: take the "
         "last row, decode(ids)[-1]", "[-1] -> [0]"),
    slip("forgets-what-it-wrote",
         "decode gets the last token alone. It has no memory: hand it all the ids written so far",
         "decode(ids) -> decode(ids[-1:])"),
    slip("drawn-not-greedy", "the next token is drawn at random. Greedy means the likeliest each time: argmax",
         "decode(ids)[-1].argmax() -> torch.multinomial(decode(ids)[-1].softmax(-1), 1)"),
    slip("end-token-fixed", "the end token is taken to be 2, and the start token 1, whatever end_id and start_id say",
         "== end_id -> == 2", "[start_id] -> [1]", ("== end_id -> == 2", "[start_id] -> [1]")),
    slip("length-taken-from-the-target",
         "it stops as soon as the text is as long as the target. When the model is used there is no target: only the "
         "end token and max_length may stop it",
         "<= max_length -> <= min(max_length, len(target))", ("<= max_length -> <= len(target)", _NO_STOP)),
    slip("one-too-few",
         "where the model never says the end token, one token is missing. max_length counts the tokens written (the "
         "start token is none of them), and only an end token is to be cut off", "<= max_length -> < max_length"),
    slip("one-too-many", "it writes one token more than max_length", "<= max_length -> <= max_length + 1"),
    slip("compares-the-beginning-alone",
         "what was written is right, but the comparison ends where one of the two lists ends (zip does that). Compare "
         "the whole lists: written == target",
         f"{_SAME} all(a == b for a, b in zip(ids[1:], target))", f"{_SAME} ids[1 : len(target) + 1] == target"),
    slip("order-not-compared",
         "what was written is right, but the comparison looks only at which tokens there are, or how many. Compare the "
         "whole lists, in order: written == target", f"{_SAME} len(ids[1:]) == len(target)",
         f"{_SAME} sorted(ids[1:]) == sorted(target)", f"{_SAME} set(ids[1:]) == set(target)"),
    slip("share-of-tokens",
         "the second value is the share of tokens that are right. An exact match is True or False: one wrong digit "
         "makes a wrong date", f"{_SAME} {_RIGHT_ONES} / len(target)", f"{_SAME} {_RIGHT_ONES} / max(1, len(target))",
         f"{_SAME} {_RIGHT_ONES} / max(len(ids) - 1, len(target), 1)", f"{_SAME} {_RIGHT_ONES} / max(1, len(ids) - 1)"),
    slip("verdict-turned", "the verdict is the wrong way round: True where the two lists are equal", "== target -> != "
         "target"),
    slip("only-the-list", "only the list came back. Return both: the list, and whether it equals the target",
         ", ids[1:] == target ->"),
    slip("only-the-verdict", "only the verdict came back. Return both: the list, and whether it equals the target",
         "ids[1:], ids[1:] == target -> ids[1:] == target"),
    slip("returned-in-the-other-order", "the two came back in the other order: first the list, then the verdict",
         "ids[1:], ids[1:] == target -> ids[1:] == target, ids[1:]"),
]), parts=("list that was written", "verdict"))  # fmt: skip
