"""wordpiece: cleaning against `tokenizers`' BERT, the textbook's example by hand, its tie that is none."""

import doctest
import sys
import unicodedata
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from course_lib import data, wordpiece

HUGS = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}  # the example of Hugging Face's course


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(wordpiece).attempted >= 7
    assert doctest.testmod(wordpiece).failed == 0


# ---- cleaning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lowercase", [True, False])
def test_every_old_character_is_cleaned_as_tokenizers_does(lowercase):
    """All code points, and the few that differ: `tokenizers` knows the Unicode of 2015, and not all of CJK extension E.

    So what differs may be a mark, punctuation or a format character that is younger (or has changed since: U+166D, no
    punctuation since Unicode 12; U+1734, no mark since 14; U+11938, two marks in NFD since 13), never a letter, digit,
    symbol or common punctuation.
    """
    cleaner, cutter = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    cleaning = wordpiece.Cleaning(lowercase)

    def theirs(text):
        return [word for word, _ in cutter.pre_tokenize_str(cleaner.normalize_str(text))]

    codes = [i for i in range(sys.maxunicode + 1) if not 0xD800 <= i < 0xE000]
    differ = []
    for start in range(0, len(codes), 64):
        some = [f"A{chr(i)}B" for i in codes[start : start + 64]]
        if theirs(" ".join(some)) != " ".join(some).translate(cleaning).split():
            differ += [ord(text[1]) for text in some if theirs(text) != text.translate(cleaning).split()]
    differ = {code for code in differ if not 0x2B820 <= code < 0x2B920}
    assert min(differ) > 0x600
    kinds = {unicodedata.category(chr(code)) for code in differ - {0x166D, 0x1734, 0x11938}}
    assert kinds <= {"Mn", "Cf", "Po", "Pd", "Ps", "Pe", "Cn"}
    assert len(differ) < 1000


def test_cleaning_by_hand():
    assert wordpiece.clean("Don't STOP—now").split() == ["don", "'", "t", "stop", "—", "now"]
    assert wordpiece.clean("Naïve É\u0301 İ").split() == ["naive", "e", "i"]
    assert wordpiece.clean("Naïve É", lowercase=False).split() == ["Naïve", "É"]
    assert wordpiece.clean("北京abc").split() == ["北", "京", "abc"]
    assert wordpiece.clean("a\0b\x0bc\ue000d\u200be\ufffdf").split() == ["abcdef"]
    assert wordpiece.clean("a\xa0b\u2028c\td").split() == ["a", "b", "c", "d"]
    assert wordpiece.clean("ΟΔΟΣ") == "οδοσ"  # Python's lower() ends the word with ς


def test_words_are_counted_cleaned():
    counts = wordpiece.count_words(["No, no!", "NO\x0bno"])
    assert counts == {"no": 2, ",": 1, "!": 1, "nono": 1}
    assert wordpiece.count_words(["No"], lowercase=False) == {"No": 1}


# ---- cutting ---------------------------------------------------------------------------------------------------------


def test_the_longest_piece_from_the_left_wins():
    vocab = {"un", "unaff", "##aff", "##able", "##ffable", "a"}
    assert wordpiece.longest_match("unaffable", vocab) == ["unaff", "##able"]
    assert wordpiece.longest_match("unable", vocab) == ["un", "##able"]
    assert wordpiece.longest_match("una", vocab) is None  # a is no ##a, and nothing is tried twice
    assert wordpiece.longest_match("a" * 101, {"a", "##a"}) is None
    assert wordpiece.longest_match("a" * 100, {"a", "##a"}) == ["a", *["##a"] * 99]


@given(st.text("ab", max_size=12), st.sets(st.text("ab", min_size=1, max_size=3).map("##".__add__)), st.integers(1, 3))
def test_pieces_make_the_word_again(word, pieces, longest):
    vocab = pieces | {piece[2:] for piece in pieces}
    found = wordpiece.longest_match(word, vocab, longest)
    if found is not None:
        assert "".join(piece.removeprefix("##") for piece in found) == word
        assert set(found) <= vocab
    assert wordpiece.longest_match(word, vocab) == wordpiece.longest_match(word, vocab, 3)


# ---- learning --------------------------------------------------------------------------------------------------------


def naive_pieces(words: dict[str, int], num_pieces: int) -> list[str]:
    """The textbook's algorithm with everything counted again at every step."""
    spelled = {word: [word[0], *("##" + c for c in word[1:])] for word in words}
    pieces = sorted({piece for parts in spelled.values() for piece in parts})
    seen = {}
    while len(pieces) < num_pieces:
        single, pairs = {}, {}
        for word, parts in spelled.items():
            for piece in parts:
                single[piece] = single.get(piece, 0) + words[word]
            for pair in zip(parts, parts[1:]):
                pairs[pair] = pairs.get(pair, 0) + words[word]
                seen.setdefault(pair, len(seen))  # on a tie, the pair that came first
        if not pairs:
            break
        score = {(a, b): Fraction(count, single[a] * single[b]) for (a, b), count in pairs.items()}
        left, right = max(pairs, key=lambda pair: (score[pair], -seen[pair]))
        joined = left + right[2:]
        for word, parts in spelled.items():
            new = []
            for piece in parts:
                if new and new[-1] == left and piece == right:
                    new[-1] = joined
                else:
                    new.append(piece)
            spelled[word] = new
        if joined not in pieces:
            pieces.append(joined)
    return pieces


def test_the_textbooks_example_and_its_tie_that_is_none():
    """After ##gs and hu, the course calls (hu, ##g) and (hu, ##gs) a tie at 1/15. They are 2/45 and 1/15."""
    pieces = wordpiece.learn_pieces(HUGS, 10)
    assert pieces == ["##g", "##n", "##s", "##u", "b", "h", "p", "##gs", "hu", "hugs"]
    assert wordpiece.textbook_score(10, 15, 15) == pytest.approx(2 / 45)
    assert wordpiece.textbook_score(5, 15, 5) == pytest.approx(1 / 15)


def test_counting_what_changed_is_as_good_as_counting_everything():
    words = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5, "banana": 7, "anagram": 11, "mississippi": 2}
    for size in (14, 20, 26):
        assert wordpiece.learn_pieces(words, size) == naive_pieces(words, size)


def test_by_count_it_learns_what_the_trainer_of_tokenizers_learns():
    """That trainer goes by count alone. No two counts are equal here: on a tie it goes by ids of its own.

    (It also takes in every character both with and without ##, wherever in a word it stands.)
    """
    words = {"hug": 10, "pug": 6, "pun": 12, "bun": 4, "hugs": 7}
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordPieceTrainer(vocab_size=16, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator([" ".join([word] * count) for word, count in words.items()], trainer)
    theirs = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)[12:]
    ours = wordpiece.learn_pieces(words, 11, score=wordpiece.count_score)[7:]
    assert ours == theirs == ["##ug", "hug", "##un", "pun"]
    assert wordpiece.learn_pieces(words, 11)[7:] == ["##gs", "hu", "hugs", "hug"]  # the textbook's score


def test_rare_pairs_long_words_and_too_many_characters():
    words = {"ab": 5, "xy": 1, "z" * 101: 9}
    assert wordpiece.learn_pieces(words, 6) == ["##b", "##y", "a", "x", "xy", "ab"]  # 1/1 beside 5/25
    assert wordpiece.learn_pieces(words, 6, min_count=2) == ["##b", "##y", "a", "x", "ab"]
    assert wordpiece.learn_pieces({}, 6) == []
    with pytest.raises(ValueError, match=r"^num_pieces=3 cannot .* must be 4 or more, as the texts have so many"):
        wordpiece.learn_pieces(words, 3)


def test_a_real_text_learns_as_many_pieces_as_asked():
    play = next(iter(data.load("shakespeare_plays").values()))
    counts = wordpiece.count_words([play])
    pieces = wordpiece.learn_pieces(counts, 700, min_count=5)
    assert len(pieces) == len(set(pieces)) == 700
    assert all(wordpiece.longest_match(word, set(pieces)) for word in counts)

    def length(pieces):
        vocab = set(pieces)
        return sum(count * len(wordpiece.longest_match(word, vocab)) for word, count in counts.items())

    assert length(wordpiece.learn_pieces(counts, 700)) > length(pieces)  # words that come once are no good pieces
    assert length(wordpiece.learn_pieces(counts, 700, wordpiece.count_score)) < length(pieces)
    assert isinstance(wordpiece.textbook_score(np.array([1]), np.array([2]), np.array([3])), np.ndarray)
