"""WordPiece: BERT's way to cut a text. Clean it, split it at spaces and punctuation, take the longest pieces that fit.

    clean("Naïve, 北京!")                                # 'naive ,  北  京  !': words between spaces
    longest_match("unaffable", {"un", "##aff", "##able"})  # ['un', '##aff', '##able']
    learn_pieces(words, num_pieces=1000)                   # a vocabulary out of words and their counts

What it is. A word is either one piece or a first piece and further ones, marked ##. Cutting is greedy: from the left,
the longest piece that the vocabulary has. A word of which some part fits no piece is [UNK] as a whole, as is one of
more than 100 characters. `tokenizers.WordPieceTokenizer` makes a tokenizer of these functions.

How the vocabulary was learned, Google never published as code. The papers say: join the pair that makes the text most
likely. The textbooks' reading of that, and ours, is the score count(pair) / (count(left) * count(right)), which prefers
pairs that are rarely apart, and so the rarest words (`learn_pieces` has a min_count against that). The trainer that
Hugging Face's `tokenizers` calls WordPiece goes by count(pair), as BPE does, and cuts text into fewer pieces; here that
is learn_pieces(words, n, score=count_score).

What it leaves out. Text that is normalised otherwise (NFKC), words of a list that is never split, cutting in linear
time (Song et al. 2021): a cache by word is enough here.

Papers: Schuster and Nakajima 2012; Wu et al. 2016 (GNMT); Devlin et al. 2019 (BERT).
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping
from operator import add

import numpy as np
from jaxtyping import Float, Int64

from course_lib.bpe import count_chunks, join_pair
from course_lib.settings import require

LONGEST_WORD = 100  # characters
CHUNKS = re.compile("[^\t\n\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")  # what BERT's spaces part

# ---- cleaning --------------------------------------------------------------------------------------------------------

CHINESE = [(0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
           (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]  # fmt: skip


class Cleaning(dict):
    """What becomes of each character, by its code point: for str.translate. Worked out when a character first comes.

    >>> "Été à 北京".translate(Cleaning(lowercase=True))
    'ete a  北  京 '
    """

    def __init__(self, lowercase: bool):
        super().__init__()
        self.lowercase = lowercase

    def __missing__(self, code: int) -> str:
        self[code] = became = clean_character(chr(code), self.lowercase)
        return became


def clean_character(character: str, lowercase: bool) -> str:
    """What BERT reads for a character: nothing, a space, the letter itself or its plain form, or a word of its own.

    Control and private-use characters go. White space is a space. Chinese characters and punctuation stand between
    spaces, so each is a word. With `lowercase`, letters lose their accents (é is e and a mark that combines, in
    Unicode's form NFD; the mark goes) and their capitals. Every character is treated by itself, as in `tokenizers`:
    Python's lower() would make another letter of a Σ that ends a word.

    Google's first code also dropped code points that no character has yet. Which these are changes with every version
    of Unicode, and so would the ids; we keep them, as `tokenizers`.

    >>> [clean_character(c, lowercase=True) for c in "É,\\n\\0"]
    ['e', ' , ', ' ', '']
    """
    if character in "\t\n\r":
        return " "
    if character in "\0\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co"):
        return ""
    if character.isspace():
        return " "
    chinese = any(first <= ord(character) <= last for first, last in CHINESE)
    if lowercase:
        plain = unicodedata.normalize("NFD", character)
        character = "".join(c.lower() for c in plain if unicodedata.category(c) != "Mn")
    if chinese:
        return f" {character} "
    return "".join(f" {c} " if is_punctuation(c) else c for c in character)


def is_punctuation(character: str) -> bool:
    """Whatever ASCII has between its letters and digits, $ and + too, and Unicode's punctuation.

    >>> [c for c in "a1$、é" if is_punctuation(c)]
    ['$', '、']
    """
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character).startswith("P")


def clean(text: str, lowercase: bool = True) -> str:
    """The text as BERT's first step leaves it: what stands between spaces is a word.

    >>> clean("Don't panic.").split()
    ['don', "'", 't', 'panic', '.']
    """
    return text.translate(Cleaning(lowercase))


def count_words(texts, lowercase: bool = True) -> Counter[str]:
    """How often each word of the cleaned texts comes.

    >>> count_words(["No, no!"])
    Counter({'no': 2, ',': 1, '!': 1})
    """
    cleaning, counts = Cleaning(lowercase), Counter()
    for chunk, count in count_chunks(texts, CHUNKS).items():
        for word in chunk.translate(cleaning).split():
            counts[word] += count
    return counts


# ---- cutting ---------------------------------------------------------------------------------------------------------


def longest_match(word: str, vocab: Container[str], longest: int = LONGEST_WORD) -> list[str] | None:
    """The pieces of a word: each the longest that the vocabulary has from there on; None where there is none.

    longest: no piece has more characters than that.

    >>> longest_match("hugs", {"h", "hug", "##s", "##gs"}), longest_match("hugz", {"hug", "##s"})
    (['hug', '##s'], None)
    """
    if len(word) > LONGEST_WORD:
        return None
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        for end in range(min(len(word), start + longest), start, -1):
            if mark + word[start:end] in vocab:
                break
        else:
            return None
        pieces.append(mark + word[start:end])
        start = end
    return pieces


# ---- learning --------------------------------------------------------------------------------------------------------

Score = Callable[[Int64[np.ndarray, " P"], Int64[np.ndarray, " P"], Int64[np.ndarray, " P"]], Float[np.ndarray, " P"]]


def textbook_score(pair, left, right):
    """The textbooks' score: how often two pieces stand together, beside how often each comes at all.

    >>> textbook_score(20, 36, 20), textbook_score(5, 20, 5)      # in the course of Hugging Face: u + g, g + s
    (0.027777777777777776, 0.05)
    """
    return pair / (left * right)


def count_score(pair, left, right):
    """BPE's score, and that of the WordPiece trainer of `tokenizers`: how often two pieces stand together."""
    return pair


def learn_pieces(
    words: Mapping[str, int], num_pieces: int, score: Score = textbook_score, min_count: int = 1
) -> list[str]:
    """The pieces that some words teach: their characters, sorted, then what was joined, in order; `num_pieces` in all.

    Each step joins the pair of the highest score; of equal ones the pair that came first. Pairs that come fewer than
    `min_count` times are not joined: the textbooks' score is highest for what comes once. Words of more than 100
    characters are passed over. Ends early where nothing is left to join.
    Raises ValueError where the characters alone are more than `num_pieces`.

    >>> learn_pieces({"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}, 10)
    ['##g', '##n', '##s', '##u', 'b', 'h', 'p', '##gs', 'hu', 'hugs']
    """
    words = {word: count for word, count in words.items() if 0 < len(word) <= LONGEST_WORD}
    spelled = [[word[0], *("##" + character for character in word[1:])] for word in words]
    pieces = sorted(set().union(*spelled))
    what = f"{len(pieces)} or more, as the texts have so many characters, ##x beside x"
    require(len(pieces) <= num_pieces, "num_pieces", num_pieces, what)
    ids = {piece: i for i, piece in enumerate(pieces)}
    texts = ["".join(chr(ids[piece]) for piece in word) for word in spelled]  # a piece is one character: chr(id)
    repeats = list(words.values())
    table = _PairTable(num_pieces)
    for place, text in enumerate(texts):
        for symbol in text:
            table.single[ord(symbol)] += repeats[place]
        for pair in map(add, text, text[1:]):
            table.add(pair, repeats[place])
            table.where[pair].append(place)
    while len(pieces) < num_pieces and (pair := table.best(score, min_count)) is not None:
        left, right = map(ord, pair)
        joined = pieces[left] + pieces[right].removeprefix("##")
        if joined not in ids:
            ids[joined] = len(pieces)
            pieces.append(joined)
        new = chr(ids[joined])
        for place in table.where.pop(pair):
            before, count = len(texts[place]), repeats[place]
            texts[place], gone, came = join_pair(texts[place], pair, new)
            times = (before - len(texts[place])) * count
            table.single[left] -= times
            table.single[right] -= times
            table.single[ord(new)] += times
            for other in gone:
                table.add(other, -count)
            for other in came:
                table.add(other, count)
                table.where[other].append(place)
        table.drop(pair)
    return pieces


class _PairTable:
    """Pairs and their counts as arrays: one join changes the score of every pair that shares a piece with it."""

    def __init__(self, num_pieces: int):
        self.single = np.zeros(num_pieces, dtype=np.int64)  # how often each piece comes
        self.row: dict[str, int] = {}
        self.pairs: list[str] = []
        self.where = defaultdict(list)  # pair -> places of the words that hold it, or held it
        self.left, self.right, self.count = np.zeros((3, 1024), dtype=np.int64)

    def add(self, pair: str, count: int) -> None:
        row = self.row.get(pair)
        if row is None:
            row = self.row[pair] = len(self.pairs)
            self.pairs.append(pair)
            if row == len(self.count):
                columns = np.stack([self.left, self.right, self.count])
                self.left, self.right, self.count = np.concatenate([columns, np.zeros_like(columns)], axis=1)
            self.left[row], self.right[row] = map(ord, pair)
        self.count[row] += count

    def drop(self, pair: str) -> None:
        self.count[self.row[pair]] = 0

    def best(self, score: Score, min_count: int) -> str | None:
        rows = np.flatnonzero(self.count[: len(self.pairs)] >= min_count)
        if not len(rows):
            return None
        scores = score(self.count[rows], self.single[self.left[rows]], self.single[self.right[rows]])
        return self.pairs[rows[np.argmax(scores)]]
