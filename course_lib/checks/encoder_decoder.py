"""Checks of lesson 13: the table of positions, the loss under teacher forcing, writing token by token.

The second and the third call the learner's function with decoders of our own: small ones with fixed numbers, so that a
wrong input, a wrong answer and a wrong mask each leave their mark. Every wrong answer below is computed on the check's
own inputs, and named only when it alone explains what came back.

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
from course_lib.checks.base import Case, Misconception, Result, compare, passed
from course_lib.transformer import sinusoidal_positions


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- position_encoding ------------------------------------------------------------------------------------------------

_SIZES = [(3, 4), (5, 6), (4, 2), (40, 8)]


def _reference(length: int, d_model: int) -> Float[Tensor, "length d_model"]:
    return sinusoidal_positions(length, d_model)


def _waves(angles: Callable, even: Callable = torch.sin, odd: Callable = torch.cos) -> Callable:
    """The table whose pairs of columns are `even` and `odd` of `angles(length, d_model)`, (length, d_model / 2)."""

    def table(length, d_model):
        turned = angles(length, d_model).double()
        return torch.stack([even(turned), odd(turned)], dim=-1).flatten(1)

    return table


def _halves(angles: Callable, first: Callable = torch.sin, second: Callable = torch.cos) -> Callable:
    """The same two waves, one beside the other instead of column by column."""
    return lambda length, d_model: torch.cat([f(angles(length, d_model).double()) for f in (first, second)], dim=1)


def _angles(
    base: float = 10_000.0, start: int = 0, step: float = 2.0, scale: float = 1.0, first: int = 0
) -> Callable:
    """Position times frequency: (t + start) * scale / base^(step * (i + first) / d_model) for the pair i."""

    def angles(length, d_model):
        t = (torch.arange(length, dtype=torch.float64) + start) * scale
        return t[:, None] / base ** (step * (torch.arange(d_model // 2, dtype=torch.float64) + first) / d_model)

    return angles


def _unbracketed(length: int, d_model: int) -> Float[Tensor, "length d_model/2"]:
    """Python's reading of t / 10_000 ** 2 * i / d_model, where the brackets are missing."""
    i = torch.arange(d_model // 2, dtype=torch.float64)
    return torch.arange(length, dtype=torch.float64)[:, None] / 10_000**2 * i / d_model


def _spread(length: int, d_model: int) -> Float[Tensor, "length d_model/2"]:
    """The frequencies of the authors' released program: the last pair's is exactly 1 / 10000."""
    pairs = d_model // 2
    frequencies = torch.exp(-torch.arange(pairs, dtype=torch.float64) * math.log(10_000) / max(1, pairs - 1))
    return torch.arange(length, dtype=torch.float64)[:, None] * frequencies


def _every_column(step: float) -> Callable:
    """Sine in even columns, cosine in odd ones, and for each single column j an angle t / 10000^(step * j / d)."""

    def table(length, d_model):
        columns = torch.arange(d_model, dtype=torch.float64)
        angles = torch.arange(length, dtype=torch.float64)[:, None] / 10_000 ** (step * columns / d_model)
        return torch.where(columns % 2 == 0, angles.sin(), angles.cos())

    return table


_RIGHT = _angles()
_CONVENTIONS = [
    (_halves(_RIGHT), "all cases hold, in another order of columns than the paper's: first all sines, then all "
                      "cosines. Nothing is lost by that, as the model learns what each column means."),
    (_halves(_spread), "all cases hold, as the authors' own program has it: first all sines, then all cosines, with "
                       "frequencies that end exactly at 1 / 10000. (The paper's formula differs a little.)"),
]  # fmt: skip

_POSITION_MISCONCEPTIONS = [
    *_each(
        "other-base",
        "the base is not 10000. It decides how slow the slowest wave is, and that one must tell far from farther",
        *[make(_angles(base)) for base in (10.0, 1000.0, 100_000.0, 1_000_000.0) for make in (_waves, _halves)],
    ),
    *_each(
        "degrees",
        "the angle is taken in degrees. torch.sin wants radians, and so does the formula: one place is one radian in "
        "the fastest pair",
        _waves(_angles(scale=math.pi / 180)),
        _halves(_angles(scale=math.pi / 180)),
    ),
    *_each(
        "counted-from-one",
        "the places are counted from 1. Row 0 belongs to place 0: its sines are 0 and its cosines 1",
        _waves(_angles(start=1)),
        _halves(_angles(start=1)),
    ),
    *_each(
        "sine-and-cosine-swapped",
        "sine and cosine have changed places. It would serve as well, but we asked for the paper's table: sine in the "
        "even columns, so that row 0 is 0, 1, 0, 1 ...",
        _waves(_RIGHT, torch.cos, torch.sin),
        _halves(_RIGHT, torch.cos, torch.sin),
    ),
    *_each(
        "only-one-wave",
        "sines and cosines are not both there. A sine alone takes each height twice on its way round; sine and cosine "
        "together tell where the hand points",
        _waves(_RIGHT, torch.sin, torch.sin),
        _waves(_RIGHT, torch.cos, torch.cos),
        _halves(_RIGHT, torch.sin, torch.sin),
        lambda length, d_model: _column_sines(length, d_model),
        _waves(_RIGHT, torch.sin, torch.zeros_like),
        _waves(_RIGHT, torch.zeros_like, torch.cos),
    ),
    *_each(
        "pairs-torn",
        "each column has a frequency of its own. The columns 2i and 2i + 1 are a pair, sine and cosine of one angle: "
        "the exponent is 2i / d_model for both",
        _every_column(1.0),
    ),
    *_each(
        "exponent-doubled",
        "the exponent is twice that of the formula, 2i / d_model. There i counts pairs, so 2i is already the column, "
        "and d_model counts all columns",
        _every_column(2.0),
        _waves(_angles(step=4.0)),
        _halves(_angles(step=4.0)),
    ),
    *_each(
        "exponent-halved",
        "the exponent is i / d_model for the pair i, or the base is 100 (that is the same). It should be 2i / d_model, "
        "so that the frequencies fall from 1 to nearly 1 / 10000",
        _waves(_angles(step=1.0)),
        _halves(_angles(step=1.0)),
    ),
    *_each(
        "multiplied-by-the-power",
        "the place is multiplied by the power of 10000. Divide: waves get slower from left to right",
        _waves(_angles(base=1e-4)),
        _halves(_angles(base=1e-4)),
        lambda length, d_model: _waves(lambda T, d: torch.arange(T)[:, None] * 10_000 ** (torch.arange(0, d, 2) / d))(
            length, d_model),
    ),
    *_each(
        "place-as-a-share",
        "the place is divided by the length. Then the same place means something else in a longer text: take t as it "
        "is, 0, 1, 2 ...",
        lambda length, d_model: _waves(_angles(scale=1 / length))(length, d_model),
        lambda length, d_model: _waves(_angles(scale=1 / max(1, length - 1)))(length, d_model),
    ),
    *_each(
        "one-frequency",
        "all pairs turn equally fast (// in the exponent does that: its 2i // d_model is always 0). The frequency "
        "should fall from pair to pair: 1 / 10000^(2i / d_model)",
        _waves(_angles(base=1.0)),
        _halves(_angles(base=1.0)),
    ),
    *_each(
        "brackets-forgotten",
        "the exponent has lost its brackets: 10_000 ** 2 * i / d is (10_000 ** 2) * i / d. Write 10_000 ** (2 * i / d)",
        _waves(_unbracketed),
        _halves(_unbracketed),
    ),
    *_each(
        "hands-counted-from-one",
        "the hands are counted from 1. Hand 0 turns by 1 radian a place: its exponent is 0",
        _waves(_angles(first=1)),
        _halves(_angles(first=1)),
    ),
    *_each(
        "transposed",
        "rows and columns are exchanged: one row a place, one column a wave",
        lambda length, d_model: _reference(length, d_model).T,
        lambda length, d_model: _halves(_RIGHT)(length, d_model).T,
    ),
    *_each(
        "angles-left",
        "these are the angles. Take their sine and their cosine",
        _RIGHT,
        lambda length, d_model: _RIGHT(length, d_model).repeat_interleave(2, dim=1),
    ),
]


def _column_sines(length: int, d_model: int) -> Float[Tensor, "length d_model"]:
    """A sine in every column, each with its own frequency."""
    return (torch.arange(length, dtype=torch.float64)[:, None] / 10_000 ** (torch.arange(d_model) / d_model)).sin()


def position_encoding(function: Callable) -> Result:
    """Compare with the paper's table; the same waves in another known order pass, and it is said which."""
    name, cases = "position_encoding", [Case(sizes) for sizes in _SIZES]
    result = compare(name, function, _reference, cases, _POSITION_MISCONCEPTIONS)
    if result.status == "failed":
        for convention, words in _CONVENTIONS:
            if compare(name, function, convention, cases).status == "passed":
                return passed(name, words)
    return result


# --- teacher_forcing_loss ---------------------------------------------------------------------------------------------


def _small_decoder(vocab_size: int, size: int, seed: int) -> Callable:
    """One layer of attention over the tokens, with positions and fixed numbers: decode(input_ids, mask) -> logits."""
    generator = torch.Generator().manual_seed(seed)
    table, query, key, value, output = (
        torch.randn(shape, generator=generator) / math.sqrt(size)
        for shape in ((vocab_size, size), (size, size), (size, size), (size, size), (size, vocab_size))
    )

    def decode(input_ids: Int[Tensor, "B T"], mask: Bool[Tensor, "T T"] | None = None) -> Float[Tensor, "B T V"]:
        if not isinstance(input_ids, Tensor) or input_ids.dim() != 2 or input_ids.shape[1] == 0:
            raise ValueError("decode takes token ids of shape [B, T], one row a target.")
        x = 2 * table[input_ids] + _reference(input_ids.shape[1], size)
        attended, _ = scaled_dot_product_attention(x @ query, x @ key, x @ value, mask)
        return (x + 2 * attended) @ output * 2

    return decode


def _forcing_case(rows: Sequence[Sequence[int]], pad_id: int, size: int, seed: int, words: str) -> Case:
    return Case((_small_decoder(9, size, seed), torch.tensor(rows), pad_id), words)


_FORCING_CASES = [
    _forcing_case([[1, 5, 3, 8, 2], [1, 4, 4, 7, 2]], 0, 4, 1, "two targets of 5 tokens without padding"),
    _forcing_case(
        [[1, 7, 3, 4, 6, 8, 2], [1, 6, 5, 2, 0, 0, 0], [1, 3, 8, 5, 2, 0, 0]], 0, 6, 2,
        "three targets of 7, 4 and 5 tokens, padded with 0",
    ),
    _forcing_case(
        [[1, 0, 8, 3, 2, 4], [1, 5, 0, 6, 7, 2]], 4, 4, 3,
        "two targets of 5 and 6 tokens, padded with 4 (here 0 is a token like any other)",
    ),
]  # fmt: skip


def _lower(T: int, diagonal: int = 0) -> Bool[Tensor, "T T"]:
    return torch.ones(T, T, dtype=torch.bool).tril(diagonal)


def _mean_of_real(logits: Tensor, labels: Tensor, pad_id: int) -> Tensor:
    return F.cross_entropy(logits[labels != pad_id], labels[labels != pad_id])


def _forcing(inputs: Callable = lambda t: t[:, :-1], labels: Callable = lambda t: t[:, 1:], mask: Callable = _lower,
             price: Callable = _mean_of_real) -> Callable:  # fmt: skip
    """The right loss, with one of its parts changed."""

    def loss(decode, target_ids, pad_id):
        read, asked = inputs(target_ids), labels(target_ids)
        return price(decode(read, mask(read.shape[1])), asked, pad_id)

    return loss


def _terms(logits: Tensor, labels: Tensor, pad_id: int) -> Float[Tensor, "B T"]:
    """The price of every place; 0 where there is padding."""
    prices = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none").view(labels.shape)
    return torch.where(labels != pad_id, prices, 0.0)


def _all_places(logits, labels, pad_id):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def _reads_its_own(decode, target_ids, pad_id):
    """Token by token, each place handed what the decoder said at the one before."""
    ids, scores = target_ids[:, :1], []
    for written in range(1, target_ids.shape[1]):
        scores.append(decode(ids, _lower(written))[:, -1])
        ids = torch.cat([ids, scores[-1].argmax(-1, keepdim=True)], dim=1)
    return _mean_of_real(torch.stack(scores, dim=1), target_ids[:, 1:], pad_id)


_FORCING_MISCONCEPTIONS = [
    *_each(
        "target-not-shifted",
        "the target is not shifted: each place is asked for the very token that it reads. Such a model learns to copy "
        "its input, and at the first place of a real text it has nothing to copy. Read target_ids[:, :-1], ask for "
        "target_ids[:, 1:]",
        _forcing(lambda t: t, lambda t: t),
        _forcing(lambda t: t[:, :-1], lambda t: t[:, :-1]),
        _forcing(lambda t: t[:, 1:], lambda t: t[:, 1:]),
        _forcing(lambda t: t, lambda t: t[:, 1:], price=lambda logits, *rest: _mean_of_real(logits[:, 1:], *rest)),
    ),
    *_each(
        "shifted-the-wrong-way",
        "the target is shifted the wrong way: each place is asked for the token *before* the one that it reads. It has "
        "seen that one, so the loss will fall near 0, and the model learns to write backwards. Read target_ids[:, "
        ":-1], ask for target_ids[:, 1:]",
        _forcing(lambda t: t[:, 1:], lambda t: t[:, :-1]),
    ),
    *_each(
        "shifted-twice",
        "the target is shifted by two: the token in between is never asked for",
        _forcing(lambda t: t[:, :-2], lambda t: t[:, 2:]),
    ),
    *_each(
        "rolled-round",
        "torch.roll brings the start token round to the end, and the last place is asked for it. Nothing comes after "
        "the end: read target_ids[:, :-1], ask for target_ids[:, 1:]",
        _forcing(lambda t: t, lambda t: torch.roll(t, -1, 1)),
    ),
    *_each(
        "start-not-read",
        "the start token is not read, so nobody is asked for the first token of the text. The decoder begins from it: "
        "read target_ids[:, :-1], ask for target_ids[:, 1:]",
        _forcing(lambda t: t[:, 1:-1], lambda t: t[:, 2:]),
    ),
    *_each(
        "mask-forgotten",
        "the causal mask is forgotten: every place sees the whole target, the token that it is asked for included. The "
        "loss will fall near 0 and the model will write nonsense, because then the answer is not there to be copied. "
        "Hand decode a mask that is True on and below the diagonal",
        _forcing(mask=lambda T: None),
    ),
    *_each(
        "mask-inverted",
        "the mask is upside down: places see what comes later and not what came before. True means *may see*: on and "
        "below the diagonal",
        _forcing(mask=lambda T: ~_lower(T)),
        _forcing(mask=lambda T: _lower(T).T),
    ),
    *_each(
        "mask-shows-the-next-token",
        "the mask is off by one: each place also sees the next token, and that is the one it is asked for. True on and "
        "below the diagonal, no further: .tril()",
        _forcing(mask=lambda T: _lower(T, 1)),
    ),
    *_each(
        "mask-shows-the-token-alone",
        "each place sees its own token and none before it (a diagonal mask). It may see all that is read so far: on "
        "*and below* the diagonal",
        _forcing(mask=lambda T: torch.eye(T, dtype=torch.bool)),
    ),
    *_each(
        "reads-what-it-wrote",
        "the decoder reads the tokens that it wrote itself. Under teacher forcing it reads the target's own, mistakes "
        "or not, target_ids[:, :-1], and one run is enough",
        _reads_its_own,
    ),
    *_each(
        "mask-hides-the-token-itself",
        "the mask is off by one: a place does not see the token that stands there. That one it has read already, it "
        "is the *next* one that is asked for: the diagonal belongs to the mask",
        _forcing(mask=lambda T: _lower(T, -1)),
    ),
    *_each(
        "padding-counted",
        "the padding is asked for too. Nobody wrote it: take the mean over the places where labels != pad_id",
        _forcing(price=_all_places),
    ),
    *_each(
        "padding-zeroed-but-counted",
        "the padding's prices are set to 0, but its places still count in the mean, which makes the loss too small. "
        "Divide by the number of places where labels != pad_id",
        _forcing(price=lambda logits, labels, pad_id: _terms(logits, labels, pad_id).mean()),
    ),
    *_each(
        "pad-id-ignored",
        "the padding is taken to be 0, whatever pad_id says",
        _forcing(price=lambda logits, labels, pad_id: _mean_of_real(logits, labels, 0)),
    ),
    *_each(
        "padding-sought-in-the-inputs",
        "places that *read* padding are left out, but those count that are *asked* for it (after a short target's end "
        "comes padding). Look at the labels: labels != pad_id",
        lambda decode, target_ids, pad_id: F.cross_entropy(
            decode(target_ids[:, :-1], _lower(target_ids.shape[1] - 1))[target_ids[:, :-1] != pad_id],
            target_ids[:, 1:][target_ids[:, :-1] != pad_id]),
    ),
    *_each(
        "sign",
        "the minus is missing: log p is below 0, its price is -log p",
        _forcing(price=lambda *args: -_mean_of_real(*args)),
    ),
    *_each(
        "other-unit",
        "the price is right but in another unit: in bits (the logarithm to base 2) or as a perplexity (its "
        "exponential). We asked for the mean of -log p, with the natural logarithm",
        _forcing(price=lambda *args: _mean_of_real(*args) / math.log(2)),
        _forcing(price=lambda *args: _mean_of_real(*args).exp()),
    ),
    *_each(
        "no-logarithm",
        "this is the mean of p, not of -log p",
        _forcing(price=lambda logits, labels, pad_id: (
            logits.softmax(-1).gather(-1, labels[..., None])[..., 0][labels != pad_id].mean())),
        _forcing(price=lambda logits, labels, pad_id: (
            -logits.softmax(-1).gather(-1, labels[..., None])[..., 0][labels != pad_id].mean())),
    ),
    *_each(
        "mean-of-means",
        "this is the mean of the targets' means, so that a token of a short target counts more than one of a long "
        "one. Take one mean over all tokens that are not padding",
        _forcing(price=lambda logits, labels, pad_id: (
            _terms(logits, labels, pad_id).sum(1) / (labels != pad_id).sum(1)).mean()),
    ),
    *_each(
        "summed",
        "this is the sum over the tokens. We asked for their mean",
        _forcing(price=lambda *args: _terms(*args).sum()),
    ),
    *_each(
        "left-as-a-table",
        "these are the prices of the single tokens. Take their mean: one number",
        _forcing(price=_terms),
        _forcing(price=lambda logits, labels, pad_id: _terms(logits, labels, pad_id)[labels != pad_id]),
    ),
    *_each(
        "softmax-taken-twice",
        "the scores went through a softmax before F.cross_entropy, which takes one itself: hand it the scores as they "
        "are",
        _forcing(price=lambda logits, *rest: _mean_of_real(logits.softmax(-1), *rest)),
        _forcing(price=lambda logits, *rest: _all_places(logits.softmax(-1), *rest)),
    ),
]  # fmt: skip


def teacher_forcing_loss(function: Callable) -> Result:
    """Compare with the mean of -log p(next token), each place seeing the target's tokens up to its own."""
    return compare("teacher_forcing_loss", function, _forcing(), _FORCING_CASES, _FORCING_MISCONCEPTIONS)


# --- exact_match ------------------------------------------------------------------------------------------------------

_START, _END, _VOCAB = 1, 2, 8
_PATIENCE = 50  # ids: a learner's loop without max_length must come to an end


def _scripted(script: dict[tuple[int, ...], int]) -> Callable:
    """A decoder that says what `script` tells for all that is written so far; elsewhere a number from its sum."""

    def follow(written: tuple[int, ...]) -> int:
        return script.get(written, 3 + (sum(written) + 3 * len(written)) % (_VOCAB - 3))

    def decode(ids: Sequence[int]) -> Float[Tensor, "T V"]:
        ids = torch.as_tensor(ids).flatten().tolist()
        if not ids:
            raise ValueError("decode got no ids: hand it those written so far, with the start token in front.")
        if len(ids) > _PATIENCE:
            raise ValueError(f"decode was handed {len(ids)} ids, and max_length is less than 10: the model may never "
                             "say the end token, so stop after max_length tokens, too.")  # fmt: skip
        if not all(0 <= i < _VOCAB for i in ids):
            raise ValueError(f"decode got the ids {ids}, and a token is a number from 0 to {_VOCAB - 1}: argmax over "
                             "all rows at once counts through all of them, so take the last row first.")  # fmt: skip
        scores = torch.sin(torch.arange(len(ids) * _VOCAB, dtype=torch.float32) * 1.7).view(len(ids), _VOCAB)
        for place in range(len(ids)):
            scores[place, follow(tuple(ids[: place + 1]))] += 2.5
        return scores

    return decode


def _says(*tokens: int, **more) -> Callable:
    """A decoder that writes these tokens one after the other."""
    return _scripted({(_START, *tokens[:place]): token for place, token in enumerate(tokens)} | more.get("also", {}))


_MATCH_CASES = [
    Case((_says(5, 3, 3, 6, _END), [5, 3, 3, 6], _START, _END, 9),
         "a model that writes 5, 3, 3, 6, then says the end token 2; the right answer is [5, 3, 3, 6]"),
    Case((_says(5, 4, 7, 6, _END, also={(_START, 5, 3): 6, (_START, 5, 3, 6): _END}), [5, 3, 6], _START, _END, 9),
         "a model that writes 5, 4, 7, 6, then says the end token 2; the right answer is [5, 3, 6]"),
    Case((_says(7, 3, 5, 5, _END), [7, 3, 5], _START, _END, 8),
         "a model that writes 7, 3, 5, 5, then says the end token 2; the right answer is [7, 3, 5]"),
    Case((_says(4, 6, 5, 3, 7, 6, 4, 4), [4, 6, 3], _START, _END, 6),
         "a model that never says the end token 2, with max_length 6; the right answer is [4, 6, 3]"),
    Case((_says(_END), [4, 3], _START, _END, 7),
         "a model that says the end token 2 at once; the right answer is [4, 3]"),
    Case((_says(6, 3, 4, _END), [3, 6, 4], _START, _END, 8),
         "a model that writes 6, 3, 4, then says the end token 2; the right answer is [3, 6, 4]"),
]  # fmt: skip


def _write(stop: bool = True, row: int = -1, last_only: bool = False, fewer: int = 0, keep_end: bool = False,
           keep_start: bool = False) -> Callable:  # fmt: skip
    """What is written, with one slip or none."""

    def written(decode, target, start_id, end_id, max_length):
        ids = [start_id]
        while len(ids) - 1 < max_length - fewer:
            token = int(decode(ids[-1:] if last_only else ids)[row].argmax())
            if stop and token == end_id:
                return ids[not keep_start :] + [end_id] * keep_end
            ids.append(token)
        return ids[not keep_start :]

    return written


def _judged(write: Callable, exact: Callable = lambda written, target: written == target) -> Callable:
    def function(decode, target, *rest):
        written = write(decode, target, *rest)
        return written, exact(written, target)

    return function


def _told(cut: bool, row_of_end: bool = True) -> Callable:
    """What the model says when it is handed the right answer."""

    def written(decode, target, start_id, end_id, max_length):
        said = decode([start_id, *target]).argmax(-1).tolist()
        said = said[: said.index(end_id)] if cut and end_id in said else said
        return said if row_of_end or len(said) <= len(target) else said[: len(target)]

    return written


def _corrected(decode, target, start_id, end_id, max_length):
    """Token by token, but after each the model is shown the right one instead of its own."""
    read, written = [start_id], []
    while len(written) < max_length and (token := int(decode(read)[-1].argmax())) != end_id:
        written.append(token)
        read.append(target[len(written) - 1] if len(written) <= len(target) else token)
    return written


_write_right = _write()


def _share(written: list, target: list) -> float:
    return sum(a == b for a, b in zip(written, target)) / len(target)


_MATCH_MISCONCEPTIONS = [
    *_each(
        "reads-the-target",
        "the model was handed the right answer and only asked for the next token at each place. When it writes by "
        "itself it must live with its own mistakes: start with [start_id] and append what it says",
        _judged(_told(cut=True)),
        _judged(_told(cut=False)),
        _judged(_told(cut=False, row_of_end=False)),
        _judged(_told(cut=True, row_of_end=False)),
        _judged(_corrected),
    ),
    *_each(
        "does-not-stop",
        "it goes on after the end token. What a model says after that means nothing, it never learnt it: stop there",
        _judged(_write(stop=False)),
        lambda decode, target, *rest: (_write(stop=False)(decode, target, *rest),
                                       _write_right(decode, target, *rest) == target),
    ),
    *_each(
        "end-token-kept",
        "the end token stands at the end of the list. It says that the text is over, and belongs to no text",
        _judged(_write(keep_end=True)),
        _judged(_write(keep_end=True), lambda written, target: [i for i in written if i != _END] == target),
    ),
    *_each(
        "start-token-kept",
        "the start token stands at the beginning of the list. It is a place to begin from, and belongs to no text (nor "
        "does the end token)",
        _judged(_write(keep_start=True)),
        _judged(_write(keep_start=True, keep_end=True)),
        _judged(_write(keep_start=True), lambda written, target: written[1:] == target),
    ),
    *_each(
        "wrong-row",
        "the next token is read from the first row of the scores. Row t is about the token after ids[t]: take the "
        "last row, decode(ids)[-1]",
        _judged(_write(row=0)),
    ),
    *_each(
        "forgets-what-it-wrote",
        "decode gets the last token alone. It has no memory: hand it all the ids written so far",
        _judged(_write(last_only=True)),
    ),
    *_each(
        "length-taken-from-the-target",
        "it stops as soon as the text is as long as the target. When the model is used there is no target: only the "
        "end token and max_length may stop it",
        lambda decode, target, start_id, end_id, most: _match(decode, target, start_id, end_id, min(most, len(target))),
        lambda decode, target, start_id, end_id, most: _judged(_write(stop=False))(
            decode, target, start_id, end_id, min(most, len(target))),
    ),
    *_each(
        "one-too-few",
        "where the model never says the end token, one token is missing. max_length counts the tokens written (the "
        "start token is none of them), and only an end token is to be cut off",
        _judged(_write(fewer=1)),
    ),
    *_each(
        "one-too-many",
        "it writes one token more than max_length",
        _judged(_write(fewer=-1)),
    ),
    *_each(
        "compares-the-beginning-alone",
        "what was written is right, but the comparison ends where one of the two lists ends (zip does that). Compare "
        "the whole lists: written == target",
        _judged(_write_right, lambda written, target: all(a == b for a, b in zip(written, target))),
        _judged(_write_right, lambda written, target: written[: len(target)] == target),
    ),
    *_each(
        "order-not-compared",
        "what was written is right, but the comparison looks only at which tokens there are, or how many. Compare the "
        "whole lists, in order: written == target",
        _judged(_write_right, lambda written, target: len(written) == len(target)),
        _judged(_write_right, lambda written, target: sorted(written) == sorted(target)),
        _judged(_write_right, lambda written, target: set(written) == set(target)),
    ),
    *_each(
        "share-of-tokens",
        "the second value is the share of tokens that are right. An exact match is True or False: one wrong digit "
        "makes a wrong date",
        _judged(_write_right, _share),
        _judged(_write_right, lambda w, target: sum(a == b for a, b in zip(w, target)) / max(len(w), len(target), 1)),
        _judged(_write_right, lambda w, target: sum(a == b for a, b in zip(w, target)) / max(len(w), 1)),
    ),
    *_each(
        "only-the-list",
        "only the list came back. Return both: the list, and whether it equals the target",
        _write_right,
    ),
    *_each(
        "only-the-verdict",
        "only the verdict came back. Return both: the list, and whether it equals the target",
        lambda decode, target, *rest: _write_right(decode, target, *rest) == target,
    ),
    *_each(
        "returned-in-the-other-order",
        "the two came back in the other order: first the list, then the verdict",
        lambda *args: _judged(_write_right)(*args)[::-1],
    ),
]  # fmt: skip


def _match(decode, target, start_id, end_id, max_length):
    return _judged(_write_right)(decode, target, start_id, end_id, max_length)


def exact_match(function: Callable) -> Result:
    """Compare with writing the likeliest token until the end token or max_length, and comparing the whole."""
    return compare("exact_match", function, _match, _MATCH_CASES, _MATCH_MISCONCEPTIONS)
