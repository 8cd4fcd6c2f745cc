"""Byte pair encoding: words cut into pieces that a text itself has taught, over bytes and GPT-2's words.

    merges = learn_merges(count_words(texts), vocab_size=1000)   # [('Ġ', 't'), ('h', 'e'), ...]
    replay(word, ranks, merges)                                  # a new word, cut by them

What it is. Words are too many, and each new one is unknown; characters are few, but a text of them is long. BPE stands
between: it starts from single bytes and joins the most frequent pair of neighbours into a new token, again and again.
To cut a new word it replays the joins in the order in which they were learned, which is not the same as taking the
longest token that fits. As the 256 bytes are tokens themselves, nothing is unknown. `tokenizers.BPETokenizer` makes a
tokenizer of these functions.

Everywhere here a word is a string with one character a token: a pair is two characters, and joining it is replacing it.

What it leaves out. Patterns other than GPT-2's, with or without its digits cut one by one as SmolLM2 has them (Llama 3
cuts them in threes), dropout of merges (Provilkov et al. 2020), Unigram models (Kudo 2018).

Papers: Gage 1994 (byte pairs, to compress); Sennrich, Haddow and Birch 2016 (BPE for words); Radford et al. 2019
(GPT-2: bytes instead of characters, and the pattern).
"""

import functools
import heapq
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise, repeat
from operator import add

from course_lib.files import to_bytes
from course_lib.settings import require

# ---- GPT-2's words ---------------------------------------------------------------------------------------------------

# Unicode's white space. Python's \s has four control characters more (1C to 1F), which GPT-2 takes for symbols.
SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
CHUNKS = re.compile(f"[{SPACE}]*[^{SPACE}]+|[{SPACE}]+")


@functools.cache
def _gpt2_pattern(digits: bool = False) -> re.Pattern:
    r"""GPT-2's pattern, which needs \p{L} (letters) and \p{N} (numbers), in the words of Python's `re`.

    `re` has \w = letters, numbers and _, and \d = decimal digits. What lies between \p{N} and \d (², ½, Ⅷ) is spelled
    out. Letters that are younger than Python's Unicode tables count as symbols. `digits`: a text is cut around each
    number first, so that none has a space in front, and spaces that stand before one stay together.
    """
    odd = [i for i in range(0x110000) if unicodedata.category(chr(i)) in ("No", "Nl")]
    starts = [i for before, i in pairwise([-2, *odd]) if i != before + 1]
    ends = [i for i, after in pairwise([*odd, -2]) if after != i + 1]
    numbers = r"\d" + "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends))
    letter, number, other = rf"[^\W_{numbers}]", rf"[{numbers}]", rf"(?:[^\w{SPACE}]|[_\x1c-\x1f])"
    contractions = "'s|'t|'re|'ve|'m|'ll|'d"
    space = rf"[{SPACE}]+(?![^{SPACE}])|[{SPACE}]+"  # all but the last of several spaces: that one belongs to the word
    if digits:
        return re.compile(f"{contractions}| ?{letter}+|{number}| ?{other}+|[{SPACE}]+(?={number})|{space}")
    return re.compile(f"{contractions}| ?{letter}+| ?{number}+| ?{other}+|{space}")


def gpt2_words(text: str, digits: bool = False) -> list[str]:
    """The words that GPT-2 cuts first; no token reaches beyond one. A word keeps the space in front of it.

    `digits`: each digit is a word of its own, as for SmolLM2.

    >>> gpt2_words("We'll see 24 cats, ok?  Fine")
    ['We', "'ll", ' see', ' 24', ' cats', ',', ' ok', '?', ' ', ' Fine']
    >>> gpt2_words("see 24 cats", digits=True)
    ['see', ' ', '2', '4', ' cats']
    """
    return _gpt2_pattern(digits).findall(text)


def count_words(texts: Iterable[str], digits: bool = False) -> Counter[str]:
    """How often each of GPT-2's words (see `gpt2_words`) comes in the texts.

    A word never has white space after anything else, so wherever that happens a text may be cut without cutting a word.
    Each of these chunks is looked at once, however often it comes.

    >>> count_words(["so so", "so  so"])
    Counter({'so': 2, ' so': 2, ' ': 1})
    """
    counts: Counter[str] = Counter()
    for chunk, count in count_chunks(texts).items():
        for word in gpt2_words(chunk, digits):
            counts[word] += count
    return counts


def count_chunks(texts: Iterable[str], chunks: re.Pattern = CHUNKS) -> Counter[str]:
    """How often each chunk comes in the texts (one string is one text). ValueError for what is no text."""
    texts = [texts] if isinstance(texts, str) else texts
    return Counter(chain.from_iterable(chunks.findall(checked_text(text)) for text in texts))


def checked_text(text: str) -> str:
    """The text itself; ValueError where it is none."""
    require(isinstance(text, str), "text", text, "a string")
    return text


# ---- bytes with names ------------------------------------------------------------------------------------------------


def _byte_names() -> list[str]:
    """GPT-2's name of each byte, one visible character: itself where it is one, else the next from U+0100 on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = map(chr, range(0x100, 0x200))
    return [chr(byte) if byte in visible else next(others) for byte in range(256)]


BYTE_NAMES = _byte_names()
ALPHABET = sorted(BYTE_NAMES)  # the first 256 tokens, by id
NAME_OF = dict(enumerate(BYTE_NAMES))
_BYTE_OF = {ord(name): byte for byte, name in enumerate(BYTE_NAMES)}


def spell(text: str) -> str:
    """The text's bytes as GPT-2's files write them: a space is Ġ, a character beyond ASCII several letters.

    >>> spell(" é")
    'ĠÃ©'
    """
    return to_bytes(text).decode("latin-1").translate(NAME_OF)


def unspell(token: str) -> bytes:
    """The bytes behind a token's name.

    >>> unspell("Ġthe")
    b' the'
    """
    return token.translate(_BYTE_OF).encode("latin-1")


# ---- byte pair encoding ----------------------------------------------------------------------------------------------


def count_pairs(words: Mapping[str, int]) -> Counter[str]:
    """How often each pair of neighbours comes: `words` are strings with one character a token, and their counts.

    Pairs that overlap all count: aaa has aa twice, though only one of them can be joined.

    >>> count_pairs({"low": 5, "aaa": 1})
    Counter({'lo': 5, 'ow': 5, 'aa': 2})
    """
    pairs: Counter[str] = Counter()
    for word, count in words.items():
        for pair in map(add, word, word[1:]):
            pairs[pair] += count
    return pairs


def join_pair(word: str, pair: str, new: str) -> tuple[str, list[str], list[str]]:
    """The word with each `pair`, from the left, replaced by `new`; the pairs that are gone, and those that came.

    >>> join_pair("aaabdaaabac", "aa", "Z")
    ('ZabdZabac', ['aa', 'da', 'aa'], ['Za', 'dZ', 'Za'])
    """
    first, last = pair
    gone, came = [], []
    parts = word.split(pair)
    for place, (before, after) in enumerate(pairwise(parts)):
        if before:
            gone.append(before[-1] + first)
            came.append(before[-1] + new)
        elif place:  # the pair comes twice in a row
            gone.append(last + first)
            came.append(new + new)
        if after:
            gone.append(last + after[0])
            came.append(new + after[0])
    return new.join(parts), gone, came


def learn_merges(words: Mapping[str, int], vocab_size: int, min_count: int = 1) -> list[tuple[str, str]]:
    """The pairs to join, in order, as names of tokens, until there are `vocab_size` tokens (the 256 bytes included).

    Each step joins the most frequent pair; of equally frequent ones the pair whose left token, then whose right token
    has the smaller id (the older one), as `tokenizers` does. It ends early where no pair comes `min_count` times.
    Only the words that hold the pair change, so only their pairs are counted anew (Sennrich's fast version).
    A token that two pairs spell (ab + c, a + bc) is one token with two merges.

    >>> learn_merges({"aaabdaaabac": 1}, 256 + 3)
    [('a', 'a'), ('a', 'b'), ('aa', 'ab')]
    """
    names = list(ALPHABET)
    ids = {name: i for i, name in enumerate(names)}
    symbols = {byte: chr(ids[name]) for byte, name in enumerate(BYTE_NAMES)}  # a token is one character: chr(id)
    texts = [to_bytes(word).decode("latin-1").translate(symbols) for word in words]
    counts = list(words.values())
    pairs = count_pairs(dict(zip(texts, counts)))
    where = defaultdict(list)  # pair -> places in `texts`; a place may come twice, or no longer hold the pair
    for place, text in enumerate(texts):
        for pair in map(add, text, text[1:]):
            where[pair].append(place)
    queue = [(-count, pair) for pair, count in pairs.items()]
    heapq.heapify(queue)
    merges = []
    while len(names) < vocab_size and queue:
        count, pair = heapq.heappop(queue)
        if -count != pairs[pair]:  # it has become rarer since: back in line with its true count
            if pairs[pair] > 0:
                heapq.heappush(queue, (-pairs[pair], pair))
            continue
        if -count < min_count:
            break
        left, right = (names[ord(symbol)] for symbol in pair)
        merges.append((left, right))
        if left + right not in ids:
            ids[left + right] = len(names)
            names.append(left + right)
        new = chr(ids[left + right])
        fresh = set()
        for place in where.pop(pair):
            texts[place], gone, came = join_pair(texts[place], pair, new)
            for other in gone:
                pairs[other] -= counts[place]
            for other in came:
                pairs[other] += counts[place]
                where[other].append(place)
            fresh.update(came)
        pairs[pair] = 0
        for other in fresh:
            heapq.heappush(queue, (-pairs[other], other))
    return merges


def replay(word: str, ranks: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> str:
    """Join the pair of the lowest rank, the leftmost first, until no pair has a rank.

    word: one character a token. ranks: pair -> its place in `merges`. merges: (pair, the token that it becomes).

    >>> replay("abcb", {"bc": 0, "ab": 1}, [("bc", "X"), ("ab", "Y")])
    'aXb'
    """
    if len(word) > 64:
        return _replay_long(word, ranks, merges)
    never = len(merges)
    tokens = list(word)
    waiting = list(map(ranks.get, map(add, word, word[1:]), repeat(never)))  # the rank of each pair of neighbours
    while waiting and (lowest := min(waiting)) < never:
        i = waiting.index(lowest)
        tokens[i] = new = merges[lowest][1]
        del tokens[i + 1], waiting[i]
        if i > 0:
            waiting[i - 1] = ranks.get(tokens[i - 1] + new, never)
        if i < len(waiting):
            waiting[i] = ranks.get(new + tokens[i + 1], never)
    return "".join(tokens)


def _replay_long(word: str, ranks: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> str:
    """The same in n log n steps for a word of n characters: the pairs wait in a heap, the tokens are a linked list."""
    tokens = [*word, ""]  # a joined token stands at the place of its left half; the right half's place becomes ""
    before, after = list(range(-1, len(word))), list(range(1, len(word) + 2))
    queue = [(ranks[pair], i) for i, pair in enumerate(map(add, word, word[1:])) if pair in ranks]
    heapq.heapify(queue)
    while queue:
        rank, i = heapq.heappop(queue)
        j = after[i] if tokens[i] else i
        pair, new = merges[rank]
        if tokens[i] + tokens[j] != pair:  # one of the two has been joined to another since
            continue
        tokens[i], tokens[j], after[i] = new, "", after[j]
        before[after[j]] = i
        for left in (before[i], i):
            pair = tokens[left] + tokens[after[left]] if left >= 0 else ""
            if pair in ranks:
                heapq.heappush(queue, (ranks[pair], left))
    return "".join(tokens)
