"""A vocabulary: the words of a text, each with its number and its count.

Models work on numbers. Words are numbered by falling count, so that small ids are frequent words (as word2vec does);
words of equal count keep the order in which the text first used them. What is left out: special tokens and subwords
(see `tokenizers`).
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice, repeat
from unicodedata import normalize

import numpy as np
from jaxtyping import Int32, Int64

from course_lib.settings import Size, require, require_ids, require_once
from course_lib.shapes import shaped


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

    @shaped
    def __init__(
        self, counts: Mapping[str, int] | Iterable[tuple[str, int]], min_count: Size = 1, max_size: Size | None = None
    ):
        pairs = list(counts.items() if isinstance(counts, Mapping) else counts)
        pairs.sort(key=lambda pair: -pair[1])  # a stable sort: equal counts keep their order
        require_once((word for word, _ in pairs), "word")
        require(not pairs or pairs[-1][1] >= 0, "counts", pairs[-1:], "0 or more")
        kept = [pair for pair in pairs[:max_size] if pair[1] >= min_count]
        require(bool(kept), "min_count", min_count, f"lower, or the text longer: its most frequent word is {pairs[:1]}")
        self.index_to_key = [word for word, _ in kept]
        self.key_to_index = {word: index for index, word in enumerate(self.index_to_key)}
        self.counts = np.array([count for _, count in kept], dtype=np.int64)

    @classmethod
    def from_corpus(cls, corpus: Iterable[Sequence[str]], min_count: int = 5, max_size: int | None = None) -> "Vocab":
        """Count the words of a corpus: an iterable of sentences, each a list of words. ValueError where it has none."""
        counts: Counter[str] = Counter()
        for number, sentence in enumerate(_sentences(corpus), start=1):
            _check_words(sentence, number)
            counts.update(sentence)
        require(bool(counts), "corpus", corpus, "not empty: give it some text, a sentence with a word at least")
        return cls(counts, min_count, max_size)

    def __len__(self) -> int:
        return len(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return word in self.key_to_index

    def __repr__(self) -> str:
        return f"Vocab({len(self):,} words, {int(self.counts.sum()):,} in the text)"

    def encode(self, words: Sequence[str]) -> Int32[np.ndarray, " num_known"]:
        """The ids of the words; words that the vocabulary lacks, in Unicode's composed form as well, are dropped."""
        require(not isinstance(words, str), "words", words, "a list of words: split the string first")
        index = self.key_to_index
        found = (index[word] if word in index else index.get(normalize("NFC", word)) for word in words)
        return np.array([i for i in found if i is not None], dtype=np.int32)

    def decode(self, ids: Iterable[int]) -> list[str]:
        """The words of the ids. ValueError for an id that is none."""
        ids = [int(i) for i in ids]
        require_ids(ids, len(self), "word")
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


def _sentences(corpus: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """The corpus as it is, unless it is a string, or its sentences are: those would be read letter by letter."""
    for sentence in [corpus] if isinstance(corpus, str) else corpus:
        require(not isinstance(sentence, str), "sentence", sentence, "a list of words: split it, and list the lists")
        yield sentence


def _check_words(sentence: Sequence[str], number: int) -> None:
    """ValueError for the first that is no word, by its place; C looks at the others, of which there are millions."""
    with suppress(TypeError):
        if all(sentence) and "".join(sentence):
            return
    require(hasattr(sentence, "__len__"), f"sentence {number}", sentence, "a list of words")
    for word in sentence:
        require(isinstance(word, str) and word, f"a word of sentence {number}", word, "a string that is not empty")
