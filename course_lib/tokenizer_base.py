"""What every tokenizer answers, whatever its tokens are: texts to ids and back, places in the text, padded batches.

`Tokenizer` is the one interface that lessons and models may ask. A kind of tokenizer says how it cuts a piece of text;
this class looks up pieces that come again, reads special tokens, and fills a `Batch`.

What it leaves out. The kinds themselves (`subwords`, `tokenizers`) and their files (`tokenizer_files`); rows padded or
cut on the left; the parts that a cut text loses.

Shapes: B texts, T tokens of the longest row.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from course_lib import bpe
from course_lib.settings import Size, Texts, require, require_as_many, require_ids, require_once
from course_lib.shapes import shaped

Cut = tuple[int, int, int]  # a token's id, and the places in the text where it starts and ends


@dataclass(frozen=True)
class Batch:
    """Texts as tensors, one row each, padded on the right; the names are those of a model's arguments."""

    input_ids: Int64[Tensor, "B T"]
    attention_mask: Bool[Tensor, "B T"]  # True for a token, False for padding
    token_type_ids: Int64[Tensor, "B T"]  # 1 for the second text of a pair and its end mark, else 0
    offsets: Int64[Tensor, "B T 2"] | None = None  # where in its text a token starts and ends; (0, 0) for added ones

    def to(self, device: str | torch.device) -> "Batch":
        """The same batch on a device (the offsets stay: they belong to the text)."""
        moved = {name: getattr(self, name).to(device) for name in ("input_ids", "attention_mask", "token_type_ids")}
        return replace(self, **moved)


class Cache(dict):
    """What a function answers, worked out once for each key: texts repeat their words.

    Forgotten when there are 2 ** 18 answers, so that a long text does not fill the memory; long keys are not kept.
    """

    def __init__(self, function):
        super().__init__()
        self.function = function

    def __missing__(self, key):
        answer = self.function(key)
        if len(self) >= 2**18:
            self.clear()
        if len(key) <= 100:
            self[key] = answer
        return answer


class Tokenizer:
    """What a lesson may ask of any tokenizer, whatever its tokens are.

    len(tokenizer)          how many tokens there are: a model's vocab_size
    encode(text)            a text's ids, as a list; nothing is added to them
    decode(ids)             the text of some ids
    tokens(text)            the names of encode's tokens, and offsets(text) their places in the text
    encode_batch(texts)     a `Batch`: padded, cut to a length, with the tokens that mark start and end
    token_to_id, id_to_token, vocab (name -> id), special_tokens, pad_id

    A special token that is spelled out in a text, such as [MASK], is read as that token, as `tokenizers` does;
    special=False reads it as any other text. Texts of strangers want that.

    A tokenizer says how to cut a chunk (`_cut`) and where a text may be cut into chunks (`chunks`); chunks that come
    again are looked up. `_know` forgets all of them, so that none outlives the vocabulary it was cut with.
    """

    chunks = bpe.CHUNKS
    frame: tuple[list[int], list[int], list[int]] = ([], [], [])  # ids before a text, after it, after a second one
    pad_id: int | None = None
    vocab: dict[str, int]

    def _know(self, names: Sequence[str], special_tokens: Sequence[str]) -> None:
        """Take over a vocabulary, its names in the order of their ids. ValueError for a name that comes twice."""
        require_once(names, "token")
        self._names = list(names)
        self.vocab = {name: i for i, name in enumerate(names)}
        self.special_tokens = {name: self.token_to_id(name) for name in special_tokens}
        longest_first = sorted(map(re.escape, special_tokens), key=len, reverse=True)
        self._special = re.compile(f"({'|'.join(longest_first)})") if special_tokens else None
        self._cuts: dict[str, list[Cut]] = Cache(self._cut)
        self._ids: dict[str, tuple[int, ...]] = Cache(self._cut_ids)

    def _cut(self, chunk: str) -> list[Cut]:
        """The tokens of a chunk, with their places in it."""
        raise NotImplementedError

    def _cut_ids(self, chunk: str) -> tuple[int, ...]:
        """The same without the places, for those who can do it faster."""
        return tuple([token_id for token_id, _, _ in self._cut(chunk)])

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} tokens)"

    def token_to_id(self, token: str) -> int:
        """The id of a token's name. ValueError where there is no such token."""
        require(token in self.vocab, "token", token, "in this vocabulary: see the names in tokenizer.vocab")
        return self.vocab[token]

    def id_to_token(self, token_id: int) -> str:
        """The name of an id. ValueError where there is no such id."""
        require_ids([token_id], len(self), "token")
        return self._names[token_id]

    def encode(self, text: str, special: bool = True) -> list[int]:
        """The ids of the text alone: what a model expects around it, such as [CLS] and [SEP], `encode_batch` adds.

        ValueError for what is no string, and for surrogates.
        """
        ids = []
        for place, part in enumerate(self._parts(text, special)):
            if place % 2:
                ids.append(self.special_tokens[part])
            else:
                ids += chain.from_iterable(map(self._ids.__getitem__, self.chunks.findall(part)))
        return ids

    def _parts(self, text: str, special: bool) -> list[str]:
        """Text, special token, text, special token, ..., text."""
        bpe.checked_text(text)
        return self._special.split(text) if special and self._special else [text]

    def cuts(self, text: str, special: bool = True) -> list[Cut]:
        """(id, start, end) for each token of a text: text[start:end] is what it stands for, as near as can be said.

        A token of some bytes of a character gets the whole character.
        """
        found, start = [], 0
        for place, part in enumerate(self._parts(text, special)):
            if place % 2:
                found.append((self.special_tokens[part], start, start + len(part)))
            else:
                for match in self.chunks.finditer(part):
                    at = start + match.start()
                    found += [(token_id, at + first, at + last) for token_id, first, last in self._cuts[match[0]]]
            start += len(part)
        return found

    def tokens(self, text: str) -> list[str]:
        """The names of a text's tokens."""
        return [self._names[i] for i in self.encode(text)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text starts and ends."""
        return [(start, end) for _, start, end in self.cuts(text)]

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """The text of some ids. ValueError for an id that is none."""
        names = [self.id_to_token(int(i)) for i in ids]
        if skip_special_tokens:
            names = [name for name in names if name not in self.special_tokens]
        return self._join(names)

    def _join(self, names: list[str]) -> str:
        raise NotImplementedError

    @shaped
    def encode_batch(
        self,
        texts: Texts,
        pairs: Texts | None = None,
        *,
        max_length: Size | None = None,
        padding: Literal["longest", "max_length"] = "longest",
        add_special_tokens: bool = True,
        special: bool = True,
        offsets: bool = False,
    ) -> Batch:
        """Texts, or pairs of texts, as one `Batch`.

        max_length: longer rows are cut at the end of their text. Of a pair the longer text is cut until both fit or
            are equally long, then both; an odd token goes to the one that was longer, on a tie to the second (as
            `tokenizers`; BERT's first code always gave it to the first).
        padding: "longest" fills up to the longest row, "max_length" to that length, whatever the rows are.
        add_special_tokens: put the tokens around each text that the model expects ([CLS] and [SEP] for BERT).
        offsets: also say where each token stands in its text.
        Raises ValueError where max_length leaves no room for a token of the text, or texts and pairs do not match.
        """
        texts, pairs = list(texts), None if pairs is None else list(pairs)
        require_as_many(texts=texts, pairs=texts if pairs is None else pairs)
        require(padding == "longest" or max_length, "max_length", max_length, "said, for padding='max_length'")
        before, between, after = self.frame if add_special_tokens else ([], [], [])
        after = after if pairs else []
        room = self._room(max_length, len(before) + len(between) + len(after), 2 if pairs else 1)
        read = self.cuts if offsets else self.encode
        if offsets:
            before, between, after = ([(i, 0, 0) for i in ids] for ids in (before, between, after))
        flat, firsts, lengths = [], [], []
        for text, other in zip(texts, pairs or repeat("")):
            first, second = read(text, special), read(other, special) if pairs else []
            if room is not None and len(first) + len(second) > room:
                keep, keep_other = truncated(len(first), len(second), room)
                first, second = first[:keep], second[:keep_other]
            firsts.append(len(before) + len(first) + len(between))
            lengths.append(firsts[-1] + len(second) + len(after))
            for part in (before, first, between, second, after):
                flat += part
        return self._padded(flat, firsts, lengths, max_length if padding == "max_length" else None, offsets)

    def _room(self, max_length: int | None, added: int, texts: int) -> int | None:
        """How many tokens of the texts themselves fit."""
        if max_length is None:
            return None
        what = f"{added + texts} or more, for {added} special tokens and one of each text"
        require(max_length >= added + texts, "max_length", max_length, what)
        return max_length - added

    def _padded(self, flat: list, firsts: list[int], lengths: list[int], width: int | None, offsets: bool) -> Batch:
        """Rows that lie end to end in `flat` as the tensors of a batch."""
        width = max(lengths, default=0) if width is None else width
        places, ends = np.arange(width), np.array(lengths, dtype=np.int64)[:, None]
        mask = places < ends  # [B, T]
        pads = self.pad_id is not None or mask.all()
        require(pads, "lengths", lengths, f"all {width}, as {self!r} has no padding token")
        values = np.array(flat, dtype=np.int64).reshape(len(flat), 3 if offsets else 1)
        input_ids = np.full(mask.shape, self.pad_id or 0, dtype=np.int64)
        input_ids[mask] = values[:, 0]
        types = mask & (places >= np.array(firsts, dtype=np.int64)[:, None])
        spans = None
        if offsets:
            spans = np.zeros((*mask.shape, 2), dtype=np.int64)
            spans[mask] = values[:, 1:]
            spans = torch.from_numpy(spans)
        return Batch(torch.from_numpy(input_ids), torch.from_numpy(mask), torch.from_numpy(types).long(), spans)


def truncated(first: int, second: int, room: int) -> tuple[int, int]:
    """How many of `first` and `second` tokens a pair keeps in `room`: see `encode_batch`.

    >>> truncated(3, 10, 8), truncated(10, 9, 7), truncated(9, 9, 7)
    ((3, 5), (4, 3), (3, 4))
    """
    if first > second:
        return truncated(second, first, room)[::-1]
    keep = min(first, room // 2)
    return keep, min(second, room - keep)
