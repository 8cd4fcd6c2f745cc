"""Vocab: hand-worked numbering, round trips over any text, the sentences it answers bad input with."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib import data
from course_lib.vocab import Vocab

TEXT = [["b", "a", "c", "a"], ["c", "d"], ["a"]]
WORDS = st.text("abcdeé'", min_size=1, max_size=3)
CORPORA = st.lists(st.lists(WORDS, max_size=6), max_size=30)


def test_ids_follow_falling_counts_and_ties_follow_the_text():
    vocab = Vocab.from_corpus([["x", "y"], ["z", "y"]], min_count=1)
    assert vocab.index_to_key == ["y", "x", "z"]
    assert vocab.key_to_index == {"y": 0, "x": 1, "z": 2}
    assert vocab.counts.tolist() == [2, 1, 1]
    assert vocab.counts.dtype == np.int64
    assert len(vocab) == 3
    assert "x" in vocab
    assert "w" not in vocab
    assert repr(vocab) == "Vocab(3 words, 4 in the text)"


def test_rare_words_and_words_beyond_the_limit_are_left_out():
    assert Vocab.from_corpus(TEXT, min_count=2).index_to_key == ["a", "c"]
    assert Vocab.from_corpus(TEXT, min_count=1, max_size=3).index_to_key == ["a", "c", "b"]
    assert Vocab({"a": 3, "b": 1}, min_count=2).index_to_key == ["a"]
    assert Vocab([("b", 1), ("a", 3)]).index_to_key == ["a", "b"]


def test_encoding_drops_unknown_words_and_empty_sentences():
    vocab = Vocab.from_corpus(TEXT, min_count=2)
    assert vocab.encode(["a", "?", "c"]).tolist() == [0, 1]
    assert vocab.encode([]).dtype == np.int32
    assert Vocab({"café": 2}).encode(["cafe\N{COMBINING ACUTE ACCENT}"]).tolist() == [0]  # the same word, decomposed
    both = Vocab({"café": 2, "cafe\N{COMBINING ACUTE ACCENT}": 1})
    assert both.encode(["cafe\N{COMBINING ACUTE ACCENT}", "café"]).tolist() == [1, 0]  # the exact spelling comes first
    ids, starts = vocab.encode_corpus([["b"], *TEXT, ["d"]])
    assert ids.tolist() == [0, 1, 0, 1, 0]
    assert starts.tolist() == [0, 3, 4, 5]
    assert (ids.dtype, starts.dtype) == (np.int32, np.int64)
    ids, starts = vocab.encode_corpus([["d"], []])
    assert (ids.tolist(), starts.tolist(), ids.dtype) == ([], [0], np.int32)


@given(CORPORA, CORPORA, st.integers(1, 3))
def test_any_corpus_survives_the_round_trip(corpus, other, min_count):
    counts = Counter(word for sentence in corpus for word in sentence)
    if not counts or max(counts.values()) < min_count:
        with pytest.raises(ValueError):
            Vocab.from_corpus(corpus, min_count)
        return
    vocab = Vocab.from_corpus(corpus, min_count)
    assert dict(zip(vocab.index_to_key, vocab.counts.tolist())) == {w: n for w, n in counts.items() if n >= min_count}
    assert (np.diff(vocab.counts) <= 0).all()
    ids, starts = vocab.encode_corpus(other)
    decoded = [vocab.decode(ids[start:end]) for start, end in zip(starts, starts[1:])]
    known = [[word for word in sentence if counts[word] >= min_count] for sentence in other]
    assert decoded == [sentence for sentence in known if sentence]
    assert all(vocab.decode(vocab.encode(sentence)) == sentence for sentence in known)


def test_a_corpus_of_many_chunks_is_encoded_as_one_sentence_at_a_time():
    corpus = [[f"w{(i * j) % 97}" for j in range(i % 7)] for i in range(2500)]
    vocab = Vocab.from_corpus(corpus, min_count=20)
    ids, starts = vocab.encode_corpus(iter(corpus))
    expected = [e for e in (vocab.encode(sentence).tolist() for sentence in corpus) if e]
    assert [ids[start:end].tolist() for start, end in zip(starts, starts[1:])] == expected


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Vocab.from_corpus([]), "corpus must be not empty"),
        (lambda: Vocab.from_corpus([[], []]), "corpus must be not empty"),
        (lambda: Vocab({}), "min_count=1 cannot be used: min_count must be lower"),
        (lambda: Vocab.from_corpus(TEXT), "lower, or the text longer: its most frequent word is [('a', 3)]"),
        (lambda: Vocab.from_corpus([["a"], ["b", 7]], 1), "a word of sentence 2=7 cannot"),
        (lambda: Vocab.from_corpus([["a", float("nan")]], 1), "a word of sentence 1=nan cannot"),
        (lambda: Vocab.from_corpus([[""]], 1), "a word of sentence 1='' cannot"),
        (lambda: Vocab.from_corpus([["a"], 3], 1), "sentence 2=3 cannot be used: sentence 2 must be a list of words"),
        (lambda: Vocab.from_corpus("the king"), "sentence='the king' cannot"),
        (lambda: Vocab.from_corpus(["the king"]), "sentence='the king' cannot"),
        (lambda: Vocab({"a": 1}).encode_corpus(["a b"]), "sentence='a b' cannot"),
        (lambda: Vocab({"a": 1}).encode("a b"), "words='a b' cannot"),
        (lambda: Vocab({"a": 1}).decode([0, 1]), "no word 1: ids go from 0 to 0"),
        (lambda: Vocab({"a": 1}).decode([-1]), "no word -1"),
        (lambda: Vocab({"a": 1}, min_count=0), "min_count=0 cannot be used"),
        (lambda: Vocab({"a": 1}, max_size=0), "max_size=0 cannot be used: max_size must be None or a whole number"),
        (lambda: Vocab({"a": 1, "b": -2}), "counts=[('b', -2)] cannot be used: counts must be 0 or more"),
        (lambda: Vocab([("a", 1), ("a", 2)]), "The word 'a' comes 2 times: keep one"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(make, says):
    with pytest.raises(ValueError, match=re.escape(says)) as raised:
        make()
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_the_course_corpus_is_encoded_whole():
    corpus = data.load("course_corpus")
    vocab = Vocab.from_corpus(corpus)
    ids, starts = vocab.encode_corpus(corpus)
    assert len(ids) == vocab.counts.sum()
    assert starts[0] == 0
    assert starts[-1] == len(ids)
    assert (np.diff(starts) > 0).all()
    assert (np.bincount(ids) == vocab.counts).all()
