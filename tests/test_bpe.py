"""bpe: merges against `tokenizers`, words against the `regex` module, Wikipedia's case by hand, long words, bad input.

The oracle's BPE object is made anew for each training: one that is trained twice answers with stale words.
"""

import doctest
import json
import random
import sys
import unicodedata
from collections import Counter
from itertools import chain

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from course_lib import bpe, data

GPT2 = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
# code points that Python's Unicode tables know: `regex` may know younger ones
KNOWN = st.text(st.characters(exclude_categories=["Cs", "Cn"]))
ODD = "aB ,.'  \n\t\r\x0b\x1c\x1f\x85\xa0\u2028'sllvedé北½Ⅷ²_\u0301\0😀\ue000"
HOSTILE = st.text(st.sampled_from(ODD), max_size=40)


def digits_apart(text: str) -> list[str]:
    """SmolLM2's rule, as llama.cpp has it: the text is split at each number, and each part is cut as GPT-2 does."""
    return [word for part in regex.split(r"(\p{N})", text) for word in GPT2.findall(part)]


def trained_by_others(texts: list[str], vocab_size: int, min_count: int = 0) -> list[tuple[str, str]]:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, min_frequency=min_count, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    assert len(alphabet) == 256
    assert tokenizer.get_vocab_size() >= 256
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(bpe).attempted >= 8
    assert doctest.testmod(bpe).failed == 0


# ---- GPT-2's words ---------------------------------------------------------------------------------------------------


def test_every_character_is_of_the_class_that_regex_gives_it():
    characters = [chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i)) not in ("Cs", "Cn")]
    assert len(characters) > 280_000
    for start in range(0, len(characters), 1000):
        some = characters[start : start + 1000]
        text = "".join(f"a{c}1{c}." for c in some)  # beside a letter, a number and a symbol: which does it join?
        assert bpe.gpt2_words(text) == GPT2.findall(text), f"between {some[0]!r} and {some[-1]!r}"
        assert bpe.gpt2_words(text, digits=True) == digits_apart(text), f"between {some[0]!r} and {some[-1]!r}"


@settings(max_examples=500, deadline=None)
@given(KNOWN | HOSTILE)
def test_words_are_those_of_the_original_pattern(text):
    words = bpe.gpt2_words(text)
    assert words == GPT2.findall(text)
    assert "".join(words) == text
    assert bpe.gpt2_words(text, digits=True) == digits_apart(text)


@settings(max_examples=500, deadline=None)
@given(st.lists(KNOWN | HOSTILE, max_size=3))
def test_counts_over_chunks_are_those_over_the_whole(texts):
    assert bpe.count_words(texts) == Counter(chain.from_iterable(map(GPT2.findall, texts)))
    assert bpe.count_words(texts, digits=True) == Counter(chain.from_iterable(map(digits_apart, texts)))


@pytest.mark.slow
def test_counts_over_chunks_of_a_long_text_are_those_over_the_whole():
    reviews = "\n".join(review.text for review in data.load("film_sentiment"))[:15_000_000]
    spaces = random.Random(1)
    gaps = "   ".join(reviews[i : i + 100] + " " * spaces.randrange(4) + "\n" * spaces.randrange(3)
                      for i in range(0, 1_000_000, 100))  # fmt: skip
    for text in (reviews, gaps):
        assert bpe.count_words([text]) == Counter(GPT2.findall(text))


def test_each_digit_alone_by_hand():
    assert bpe.gpt2_words("a  12 b1.5", digits=True) == ["a", "  ", "1", "2", " b", "1", ".", "5"]
    assert bpe.gpt2_words("\n\n1. x", digits=True) == ["\n\n", "1", ".", " x"]
    assert bpe.gpt2_words("\n\n1. x") == ["\n", "\n", "1", ".", " x"]


def test_one_string_is_one_text():
    assert bpe.count_words("a b") == bpe.count_words(["a b"]) == {"a": 1, " b": 1}
    for wrong in (["a", None], [b"a"], [["a"]]):
        with pytest.raises(ValueError, match=r"^text=.* cannot be used: text must be a string\.$"):
            bpe.count_words(wrong)


# ---- names of bytes --------------------------------------------------------------------------------------------------


def test_the_bytes_have_the_names_of_gpt2():
    assert sorted(pre_tokenizers.ByteLevel.alphabet()) == bpe.ALPHABET
    assert bpe.BYTE_NAMES[ord(" ")] == "Ġ"
    assert bpe.BYTE_NAMES[ord("\n")] == "Ċ"
    assert bpe.spell("naïve 北") == "naÃ¯veĠåĮĹ"


@given(st.text())
def test_spelling_goes_back(text):
    assert bpe.unspell(bpe.spell(text)).decode() == text


def test_surrogates_get_a_sentence():
    with pytest.raises(ValueError, match=r"^The text holds the surrogate '\\udc80', half a character, .*\.$"):
        bpe.spell("ab\udc80")


# ---- learning --------------------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("ab c", max_size=20), max_size=8), st.integers(256, 300), st.integers(1, 3))
def test_merges_are_those_of_tokenizers(texts, vocab_size, min_count):
    """Few letters: many ties, overlaps (aaa), and tokens that two pairs spell."""
    merges = bpe.learn_merges(bpe.count_words(texts), vocab_size, min_count)
    assert merges == trained_by_others(texts, vocab_size, min_count)


def test_merges_of_reviews_and_of_plays_are_those_of_tokenizers():
    reviews = [review.text for review in data.load("film_sentiment")[:300]]
    plays = list(data.load("shakespeare_plays").values())[:2]
    for texts in (reviews, plays, reviews[:5]):
        merges = bpe.learn_merges(bpe.count_words(texts), 3000)
        assert len(merges) > 1000
        assert merges == trained_by_others(texts, 3000)


def test_wikipedias_example_by_hand():
    """aaabdaaabac: aa comes four times; then ab and Za both twice, and a is older than Z; then ZY."""
    assert bpe.learn_merges({"aaabdaaabac": 1}, 259) == [("a", "a"), ("a", "b"), ("aa", "ab")]


def test_a_tie_goes_to_the_older_tokens():
    assert bpe.learn_merges({"zy": 1, "ba": 1, "bc": 1}, 257) == [("b", "a")]
    assert bpe.learn_merges({"zy": 2, "ba": 1}, 257) == [("z", "y")]


def test_learning_ends_where_no_pair_is_frequent_enough():
    words = {"abc": 3, "xy": 1}
    assert bpe.learn_merges(words, 10_000) == [("a", "b"), ("ab", "c"), ("x", "y")]
    assert bpe.learn_merges(words, 10_000, min_count=2) == [("a", "b"), ("ab", "c")]
    assert bpe.learn_merges({}, 10_000) == []
    assert bpe.learn_merges(words, 256) == []


@given(st.text("ab", min_size=1, max_size=12), st.sampled_from(["aa", "ab", "ba", "bb"]))
def test_joining_tells_which_pairs_go_and_come(word, pair):
    joined, gone, came = bpe.join_pair(word, pair, "X")
    assert joined == word.replace(pair, "X")
    change = Counter(bpe.count_pairs({joined: 1}))
    change.subtract(bpe.count_pairs({word: 1}))
    told = Counter(came)
    told.subtract(gone)
    for counts in (change, told):
        counts.pop(pair, None)  # the pair itself is done with
    assert +change == +told
    assert -change == -told


# ---- cutting ---------------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.text("abcd", max_size=90), st.lists(st.sampled_from(["aa", "ab", "bc", "cd", "da", "Xa", "Xb", "YX", "bX"]),
       unique=True, max_size=9))  # fmt: skip
def test_long_words_are_cut_as_short_ones(word, pairs):
    """The heap beside the plain loop, also where merges come in an order that no training gives."""
    merges = [(pair, "XYZWVUTSR"[place]) for place, pair in enumerate(pairs)]
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    plain = word
    while found := [(ranks[pair], i) for i, pair in enumerate(map("".join, zip(plain, plain[1:]))) if pair in ranks]:
        rank, i = min(found)
        plain = plain[:i] + merges[rank][1] + plain[i + 2 :]
    assert bpe.replay(word, ranks, merges) == plain
    assert bpe._replay_long(word, ranks, merges) == plain
