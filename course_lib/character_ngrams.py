"""A word's pieces, its n-grams of characters, and the rows that they fall on by the hash of the original fastText.

`ngrams` and `ngram_ids` say it for one word, `rows_of_words` does the same for a whole vocabulary at once. What is left
out: pieces that a text has taught (see `bpe` and `wordpiece`).

Paper. Bojanowski, Grave, Joulin, Mikolov (2017), "Enriching Word Vectors with Subword Information".

Shapes: V words, P characters of all of them end to end, N rows of all of them.
"""

import re
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.files import to_bytes
from course_lib.settings import Size, at_most, require
from course_lib.shapes import shaped

END_OF_LINE = "</s>"  # what the original reads at the end of a line; the one word without n-grams


@shaped
def ngrams(word: str, min_n: Annotated[Size, at_most("max_n")] = 3, max_n: Size = 6) -> list[str]:
    """The n-grams of `<word>` in order: by where they begin, short ones first. A border alone is none.

    >>> ngrams("cat", 3, 4)
    ['<ca', '<cat', 'cat', 'cat>', 'at>']

    Characters are Unicode code points, as in the original: an accent that combines counts as one. The end of a line,
    `</s>`, has no n-grams. Raises ValueError for an empty word and for `min_n` above `max_n`.
    """

    return [ngram.decode() for ngram in raw_ngrams(to_hash(word), min_n, max_n)]


def raw_ngrams(word: bytes, min_n: int, max_n: int) -> list[bytes]:
    """The same of bytes that may be no UTF-8: a character begins, as in the original, at each byte but 10xxxxxx."""
    if word == END_OF_LINE.encode():
        return []
    text, found = re.findall(rb"[^\x80-\xbf][\x80-\xbf]*", b"<" + word + b">"), []
    for begin in range(len(text)):
        for end in range(begin + min_n, min(begin + max_n, len(text)) + 1):
            if end - begin > 1 or 0 < begin < len(text) - 1:
                found.append(b"".join(text[begin:end]))
    return found


def hash_ngram(ngram: str | bytes) -> int:
    """32-bit FNV-1a of the UTF-8 bytes, but with bytes above 127 taken as negative: a slip that the original keeps.

    >>> hash_ngram("<ca"), hash_ngram("é")
    (1066916747, 1023043777)
    """
    value = 2166136261
    for byte in ngram.encode() if isinstance(ngram, str) else ngram:
        signed = byte - 256 if byte > 127 else byte
        value = ((value ^ signed & 0xFFFFFFFF) * 16777619) & 0xFFFFFFFF
    return value


@shaped
def ngram_ids(word: str, min_n: Size = 3, max_n: Size = 6, bucket: Size = 200_000) -> list[int]:
    """The rows, 0 to bucket - 1, that the n-grams of a word fall on, in the order of `ngrams`."""
    return [hash_ngram(ngram) % bucket for ngram in ngrams(word, min_n, max_n)]


def to_hash(word: str) -> bytes:
    """The bytes of a word. ValueError for what is none: no string, an empty one, or half of a character."""
    require(isinstance(word, str) and word != "", "word", word, "a string that is not empty")
    return to_bytes(word)


def rows_of_words(
    words: Sequence[str | bytes], min_n: int, max_n: int, bucket: int
) -> tuple[Int[Tensor, " N"], Int[Tensor, " V_plus_1"]]:
    """Own row and n-gram rows of all words, those of word w being rows[starts[w]:starts[w + 1]].

    All words at once: one array step hashes the next byte of every n-gram that is still growing. Of a word that is not
    UTF-8 the bytes are given.
    """
    V = len(words)
    words = [word if isinstance(word, bytes) else to_hash(word) for word in words]
    texts = [b"<%b>" % word for word in words]
    raw = np.frombuffer(b"".join(texts), dtype=np.uint8)
    begins = np.flatnonzero((raw & 0xC0) != 0x80)  # of each character
    lengths = np.diff(np.searchsorted(begins, np.cumsum([0, *map(len, texts)])))
    min_n, max_n = max(min_n, 1), min(max_n, max(lengths, default=0))  # a file may say 0, or a million
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(lengths.sum())  # characters from here to the end, [P]
    signed = _signed_bytes(raw, begins, max_n)
    P, whole = len(left), np.repeat(lengths, lengths)
    plain = np.repeat(np.array([word != END_OF_LINE.encode() for word in words], dtype=bool), lengths)
    value = np.full(P, 2166136261, dtype=np.uint32)
    ids = np.zeros((P, max(0, max_n - min_n + 1)), dtype=np.int64)
    valid = np.zeros(ids.shape, dtype=bool)
    for n in range(1, max_n + 1):
        for byte, present in signed:
            grown = (value ^ byte[n - 1 : n - 1 + P]) * np.uint32(16777619)
            value = np.where(present[n - 1 : n - 1 + P], grown, value)
        if n >= min_n:
            ids[:, n - min_n] = V + value % np.uint32(max(bucket, 1))
            border = (left == whole) | (left == 1) if n == 1 else False
            valid[:, n - min_n] = (left >= n) & plain & ~np.asarray(border)
    counts = np.add.reduceat(valid.sum(1), np.cumsum(lengths) - lengths)
    starts = np.concatenate([[0], np.cumsum(counts + 1)])
    rows = np.empty(starts[-1], dtype=np.int64)
    own = np.zeros(len(rows), dtype=bool)
    own[starts[:-1]] = True
    rows[own], rows[~own] = np.arange(V), ids[valid]
    return torch.from_numpy(rows), torch.from_numpy(starts)


def _signed_bytes(
    raw: Int[np.ndarray, " bytes"], begins: Int[np.ndarray, " P"], padding: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The first, second, ... byte of each character, sign-extended, and where there is one."""
    sizes = np.diff(begins, append=len(raw))
    most, found = sizes.max(initial=1), []
    raw = np.concatenate([raw, np.zeros(most, dtype=np.uint8)])
    for k in range(most):
        byte = raw[begins + k].astype(np.int8).astype(np.int32).astype(np.uint32)
        found.append((np.pad(byte, (0, padding)), np.pad(sizes > k, (0, padding))))
    return found
