"""A vocabulary: the words of a text, each with its number and its count.

Models work on numbers. Words are numbered by falling count, so that small ids are frequent words (as word2vec does);
words of equal count keep the order in which the text first used them. What is left out: special tokens and subwords
(see `tokenizers`).
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, repeat

import numpy as np
from jaxtyping import Int32, Int64


class Vocab:
    """Words and their ids.

    counts:    a mapping word -> count, or pairs (word, count)
    min_count: rarer words are left out
    max_size:  at most so many words, the most frequent ones

    index_to_key: the words by id · key_to_index: the ids by word · counts: int64 [vocab_size], the counts by id.
    Raises ValueError where no word is left, for a count that is negative and for a word that comes twice.
    """

    index_to_key: list[str]
    key_to_index: dict[str, int]
    counts: Int64[np.ndarray, " vocab_size"]

    def __init__(
        self, counts: Mapping[str, int] | Iterable[tuple[str, int]], min_count: int = 1, max_size: int | None = None
    ):
        if min_count < 1:
            raise ValueError(f"min_count is {min_count}: it must be 1 or more.")
        if max_size is not None and max_size < 1:
            raise ValueError(f"max_size is {max_size}: it must be 1 or more, or None for no limit.")
        pairs = list(counts.items() if isinstance(counts, Mapping) else counts)
        pairs.sort(key=lambda pair: -pair[1])  # a stable sort: equal counts keep their order
        _check_pairs(pairs, min_count)
        kept = [pair for pair in pairs[:max_size] if pair[1] >= min_count]
        self.index_to_key = [word for word, _ in kept]
        self.key_to_index = {word: index for index, word in enumerate(self.index_to_key)}
        self.counts = np.array([count for _, count in kept], dtype=np.int64)

    @classmethod
    def from_corpus(cls, corpus: Iterable[Sequence[str]], min_count: int = 5, max_size: int | None = None) -> "Vocab":
        """Count the words of a corpus: an iterable of sentences, each a list of words. ValueError where it has none."""
        counts: Counter[str] = Counter()
        for sentence in _sentences(corpus):
            counts.update(sentence)
        if not counts:
            raise ValueError("The corpus is empty: it has no sentence with a word in it; give it some text.")
        return cls(counts, min_count, max_size)

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return word in self.key_to_index

    def __repr__(self) -> str:
        return f"Vocab({len(self):,} words, {int(self.counts.sum()):,} in the text)"

    def encode(self, words: Sequence[str]) -> Int32[np.ndarray, " num_known"]:
        """The ids of the words; words that the vocabulary lacks are dropped."""
        if isinstance(words, str):
            raise ValueError(f"encode wants a list of words, not the string {_short(words)}: split it first.")
        index = self.key_to_index
        return np.array([index[word] for word in words if word in index], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of the ids. ValueError for an id that is none."""
        ids = [int(i) for i in ids]
        for i in ids:
            if not 0 <= i < len(self):
                raise ValueError(f"There is no word with the id {i}: ids go from 0 to {len(self) - 1}.")
        return [self.index_to_key[i] for i in ids]

    def encode_corpus(
        self, corpus: Iterable[Sequence[str]]
    ) -> tuple[Int32[np.ndarray, " num_words"], Int64[np.ndarray, " num_sentences_plus_1"]]:
        """The whole corpus as ids, sentence i being `ids[starts[i]:starts[i + 1]]`.

        Unknown words are dropped, and so are sentences without a known word. Takes 4 bytes a word and 8 a sentence.
        """
        all_ids, starts = array("i"), array("q", [0])
        sentences = _sentences(corpus)
        while chunk := list(islice(sentences, 300)):  # loops in C, over words that are still in the cache
            found = map(self.key_to_index.get, chain.from_iterable(chunk), repeat(-1))
            ids = np.fromiter(found, dtype=np.int32)
            known = np.concatenate([[0], np.cumsum(ids >= 0)])  # how many known words come before each word
            ends = known[np.cumsum([len(sentence) for sentence in chunk])]
            ends = ends[np.diff(ends, prepend=0) > 0]  # a sentence without a known word ends where it starts
            starts.frombytes((len(all_ids) + ends).astype(np.int64).tobytes())
            all_ids.frombytes(ids[ids >= 0].tobytes())
        return np.asarray(all_ids), np.asarray(starts)


def _check_pairs(pairs: list[tuple[str, int]], min_count: int) -> None:
    """Refuse counts out of which no vocabulary can be made; `pairs` are sorted by falling count."""
    if not pairs:
        raise ValueError("There are no words to number: the counts are empty; count some text first.")
    if pairs[-1][1] < 0:
        raise ValueError(f"The word {pairs[-1][0]!r} has the count {pairs[-1][1]}: a count cannot be negative.")
    if len({word for word, _ in pairs}) < len(pairs):
        twice = next(word for word, times in Counter(word for word, _ in pairs).items() if times > 1)
        raise ValueError(f"The word {twice!r} comes twice in the counts: add its counts up first.")
    word, count = pairs[0]
    if count < min_count:
        raise ValueError(
            f"No word comes {min_count} times or more: the most frequent, {word!r}, comes {count} "
            f"{'time' if count == 1 else 'times'}; lower min_count or give more text."
        )


def _sentences(corpus: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """The corpus as it is, unless it is a string, or its sentences are: those would be read letter by letter."""
    if isinstance(corpus, str):
        raise ValueError(f"A corpus is a list of sentences, each a list of words, not one string: {_short(corpus)}.")
    for sentence in corpus:
        if isinstance(sentence, str):
            raise ValueError(
                f"A sentence of a corpus is a list of words, not the string {_short(sentence)}: "
                "split each sentence, or wrap a single one in a list."
            )
        yield sentence


def _short(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:27] + "...")
