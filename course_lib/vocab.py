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

from course_lib.settings import Size
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
        if strange := [word for word, count in pairs[-1:] if count < 0] or _repeated(pairs):
            raise ValueError(f"The word {strange[0]!r} has a count below 0, or two of them: give each word one count.")
        word, most = pairs[0] if pairs else ("", 0)
        if most < min_count:
            found = f"the most frequent, {word!r}, comes {most} times" if pairs else "the counts are empty"
            raise ValueError(f"No word comes {min_count} times or more: {found}; lower min_count or give more text.")
        kept = [pair for pair in pairs[:max_size] if pair[1] >= min_count]
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


def _repeated(pairs: list[tuple[str, int]]) -> list[str]:
    return [word for word, times in Counter(word for word, _ in pairs).items() if times > 1]


def _sentences(corpus: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
    """The corpus as it is, unless it is a string, or its sentences are: those would be read letter by letter."""
    for sentence in [corpus] if isinstance(corpus, str) else corpus:
        if isinstance(sentence, str):
            raise ValueError(f"A corpus is a list of sentences, each a list of words, not the string "
                             f"{_short(sentence)}: split each sentence, or wrap a single one in a list.")  # fmt: skip
        yield sentence


def _check_words(sentence: Sequence[str], number: int) -> None:
    """ValueError for the first that is no word, by its place; C looks at the others, of which there are millions."""
    try:
        "".join(sentence)
        if all(sentence):
            return
    except TypeError:
        if not hasattr(sentence, "__len__"):
            kind = type(sentence).__name__
            raise ValueError(f"Sentence {number} of the corpus is a {kind}: give lists of words.") from None
    place, word = next((i, word) for i, word in enumerate(sentence, 1) if not (isinstance(word, str) and word))
    raise ValueError(f"Word {place} of sentence {number} of the corpus is {word!r}: give strings that are not empty.")


def _short(text: str) -> str:
    return repr(text if len(text) <= 30 else text[:27] + "...")
