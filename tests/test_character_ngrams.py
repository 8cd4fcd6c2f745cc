"""character_ngrams: n-grams by hand, ids against the original's and gensim's, every bad input."""

import importlib.util
import json
from pathlib import Path

import pytest
from fasttext_original import make

from course_lib import character_ngrams

ANSWERS = json.loads((Path(make.__file__).parent / "answers.json").read_text("utf-8"))
needs_original = pytest.mark.skipif(
    importlib.util.find_spec("fasttext") is None,
    reason="the fasttext package is not installed: its recorded answers are compared instead, in the other tests",
)


@pytest.fixture(scope="module")
def words():
    return make.many_words()


def all_at_once(words, min_n, max_n, bucket):
    """The ids as training computes them, in the form of `ngram_ids`."""
    rows, starts = character_ngrams.rows_of_words(words, min_n, max_n, bucket)
    assert rows[starts[:-1]].tolist() == list(range(len(words)))  # first its own row
    return [(rows[a + 1 : b] - len(words)).tolist() for a, b in zip(starts[:-1], starts[1:])]


def test_ngrams_by_hand():
    assert character_ngrams.ngrams("cat", 3, 4) == ["<ca", "<cat", "cat", "cat>", "at>"]
    assert character_ngrams.ngrams("ab", 1, 2) == ["<a", "a", "ab", "b", "b>"]  # a border alone is none
    assert character_ngrams.ngrams("a<", 1, 1) == ["a", "<"]  # but the same character inside the word is one
    assert character_ngrams.ngrams("a", 4, 6) == []
    assert character_ngrams.ngrams("é", 3, 3) == ["<é>"]
    assert character_ngrams.ngrams("e\u0301", 3, 3) == ["<e\u0301", "e\u0301>"]  # a combining accent is a character
    assert character_ngrams.ngrams("👍🏽", 3, 3) == ["<👍🏽", "👍🏽>"]
    assert character_ngrams.ngrams("</s>") == []


def test_the_hash_is_fnv_1a_and_sign_extends():
    assert character_ngrams.hash_ngram("a") == 0xE40C292C  # from the table of the hash's authors
    assert character_ngrams.hash_ngram("foobar") == 0xBF9CF968
    first = ((2166136261 ^ 0xFFFFFFC3) * 16777619) % 2**32
    assert character_ngrams.hash_ngram("é") == ((first ^ 0xFFFFFFA9) * 16777619) % 2**32


@pytest.mark.parametrize("sizes", ANSWERS["digests"])
def test_ids_of_ten_thousand_words_are_the_original_s(words, sizes):
    assert len(words) == len(set(words)) == 10_000
    assert sum(not word.isascii() for word in words) > 5_000
    settings = [int(number) for number in sizes.split()]
    assert make.digest([character_ngrams.ngram_ids(word, *settings) for word in words]) == ANSWERS["digests"][sizes]
    assert make.digest(all_at_once(words, *settings)) == ANSWERS["digests"][sizes]


@needs_original
@pytest.mark.parametrize("sizes", [(3, 6, 2_000_000), (1, 3, 999_983), (2, 9, 7)])
def test_ids_are_what_the_installed_original_says(words, sizes):
    some = words[::3]
    assert [character_ngrams.ngram_ids(word, *sizes) for word in some] == make.ids_of_original(some, *sizes)


def test_ids_are_gensim_s(words):
    gensim = pytest.importorskip("gensim.models.fasttext")
    for word in words[::7]:
        assert character_ngrams.ngram_ids(word, 3, 6, 2_000_000) == gensim.ft_ngram_hashes(word, 3, 6, 2_000_000)


def test_a_word_of_ten_thousand_characters():
    word = "ab" * 5000
    ids = character_ngrams.ngram_ids(word)
    assert len(ids) == 4 * 10_000 - 6
    assert all_at_once([word], 3, 6, 200_000) == [ids]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: character_ngrams.ngrams("cat", 5, 4), "min_n=5 cannot be used: min_n must be at most max_n=4"),
        (lambda: character_ngrams.ngrams("cat", 0, 4), "min_n=0"),
        (lambda: character_ngrams.ngrams(""), "word='' cannot be used"),
        (lambda: character_ngrams.ngrams(7), "word=7 cannot be used"),
        (lambda: character_ngrams.ngrams("\ud83d"), "half a character"),
        (lambda: character_ngrams.ngram_ids("cat", 3, 6, 0), "bucket=0"),
    ],
)
def test_bad_input_is_a_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()
