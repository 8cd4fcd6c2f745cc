"""The vocabulary: which words there are, how often each occurs, and each word's number.

What it leaves out: unknown-word and padding symbols, which word vectors do not need (`tokenizers` has them).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice

import numpy as np
from jaxtyping import Int

CHUNK = 1 << 16  # sentences encoded at a time


class Vocab:
    """Words by falling count (ties: first come, first served), numbered from 0.

    >>> vocab = Vocab({"a": 1, "the": 3, "of": 3})
    >>> vocab.index_to_key, vocab.encode(["of", "unknown", "a"]).tolist()
    (['the', 'of', 'a'], [1, 2])
    """

    def __init__(
        self, counts: Mapping[str, int] | Iterable[tuple[str, int]], min_count: int = 1, max_size: int | None = None
    ):
        pairs = list(counts.items() if isinstance(counts, Mapping) else counts)
        if not pairs:
            raise ValueError("The corpus is empty: there is no word to make a vocabulary of.")
        pairs.sort(key=lambda pair: -pair[1])  # a stable sort: ties keep their order
        word, count = pairs[0]
        if count < min_count:
            raise ValueError(
                f"No word occurs min_count={min_count} times; the most frequent, {word!r}, occurs {count} times:"
                " lower min_count or bring more text."
            )
        pairs = [pair for pair in pairs[:max_size] if pair[1] >= min_count]
        self.index_to_key: list[str] = [word for word, _ in pairs]
        self.key_to_index: dict[str, int] = {word: i for i, word in enumerate(self.index_to_key)}
        self.counts: Int[np.ndarray, " V"] = np.array([count for _, count in pairs], dtype=np.int64)
        if len(self.key_to_index) < len(pairs):
            raise ValueError("A word stands twice in the counts: add its counts up first.")

    @classmethod
    def from_corpus(cls, corpus: Iterable[Sequence[str]], min_count: int = 5, max_size: int | None = None) -> "Vocab":
        """Count the words of an iterable of sentences, each a list of words."""
        counts: Counter[str] = Counter()
        for sentence in _sentences(corpus):
            counts.update(sentence)
        return cls(counts, min_count, max_size)

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: str) -> bool:
        return word in self.key_to_index

    def encode(self, words: Iterable[str]) -> Int[np.ndarray, " T"]:
        """The words' numbers as int32; unknown words are dropped."""
        return np.array([self.key_to_index[word] for word in words if word in self.key_to_index], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        return [self.index_to_key[i] for i in ids]

    def encode_corpus(self, corpus: Iterable[Sequence[str]]) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, " M"]]:
        """All known words as one int32 array, and where each sentence starts in it (int64, the end included).

        Sentence i is ids[starts[i] : starts[i + 1]]. Sentences without a known word are left out.
        """
        parts, lengths = [], []
        sentences = _sentences(corpus)
        get, unknown = self.key_to_index.get, -1
        while batch := list(islice(sentences, CHUNK)):
            sizes = np.fromiter(map(len, batch), dtype=np.int64, count=len(batch))
            words = chain.from_iterable(batch)
            ids = np.fromiter((get(word, unknown) for word in words), dtype=np.int32, count=int(sizes.sum()))
            known = ids != unknown
            ends = np.concatenate([[0], np.cumsum(known)])[np.cumsum(sizes)]
            lengths.append(np.diff(ends, prepend=0))
            parts.append(ids[known])
        lengths = np.concatenate([np.zeros(1, dtype=np.int64), *lengths])
        starts = np.cumsum(lengths[np.concatenate([[True], lengths[1:] > 0])])
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int32), starts


def _sentences(corpus: Iterable[Sequence[str]]):
    """The corpus's sentences; a string where a list of words should be is refused, not read letter by letter."""
    for sentence in [corpus] if isinstance(corpus, str) else corpus:
        if isinstance(sentence, str):
            raise ValueError(f"A corpus is made of lists of words, and here is the string {sentence[:40]!r}: split it.")
        yield sentence
