"""Checks of lesson 05: the pieces of a word, their buckets, and the vector of a word that nobody has seen.

N-grams may come in any order: the lesson asks for none, and their mean is the same. Plain words are asked before short
ones and before letters outside ASCII, known words before unknown ones, so that what is right already can be said.

Papers. Bojanowski, Grave, Joulin, Mikolov (2017), "Enriching Word Vectors with Subword Information"; Fowler, Noll,
Vo, Eastlake, Hansen (2019), "The FNV Non-Cryptographic Hash Algorithm", internet draft.
"""

from collections import Counter

import numpy as np

from course_lib import fasttext
from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip

# --- ngrams -----------------------------------------------------------------------------------------------------------


def _ngrams(word, min_n, max_n):
    text = f"<{word}>"
    return [text[begin : begin + n] for begin in range(len(text)) for n in range(min_n, max_n + 1)
            if begin + n <= len(text)]  # fmt: skip


class _AnyOrder(Exercise):
    """An exercise whose answer is a list of words in any order; the words that differ are named."""

    def __init__(self, right, *rounds):
        super().__init__(right, *rounds, play=self._sorted)

    @staticmethod
    def _sorted(function, word, min_n, max_n):
        found = function(word, min_n, max_n)
        if isinstance(found, list | tuple | set) or isinstance(found, np.ndarray) and found.ndim == 1:
            found = sorted((str(one) if isinstance(one, str) else one for one in found), key=repr)
        return found

    def _difference(self, right, got):
        if not isinstance(got, list) or not all(isinstance(one, str) for one in got):
            return super()._difference(right, got)
        ours, yours = Counter(right), Counter(got)
        wrong = [*list(ours - yours)[:1], *list(yours - ours)[:1]]  # the first that is missing, the first too many
        return " and ".join(f"{one!r} {_how_often(ours[one], yours[one])}" for one in wrong) or None


def _how_often(right: int, got: int) -> str:
    if not got or not right:
        return "should not be there" if got else "is missing"
    times = {1: "once", 2: "twice"}
    return f"should come {times.get(right, f'{right} times')} and comes {times.get(got, f'{got} times')}"


def _cut(word: str, min_n: int, max_n: int) -> Case:
    return Case((word, min_n, max_n), f"{word!r} with min_n = {min_n}, max_n = {max_n}")


_MARKED, _WINDOW, _FITS = 'f"<{word}>"', "[text[begin : begin + n] for", "if begin + n <= len(text)"
_BYTES = ("the windows were cut from bytes. In UTF-8 the `é` of *café* is two bytes and a Chinese character three, and "
          "a window may cut through the middle of one: count characters, which is what Python's str does by itself")
ngrams = _AnyOrder(
    _ngrams,
    Round([
        _cut("where", 3, 3), _cut("banana", 3, 5), _cut("unkind", 2, 4), _cut("aaaa", 2, 5),
    ], [
        slip("no-marks",
             "the word was cut without its marks. Put `<` before it and `>` behind it first: only so does the *her* "
             "inside *where* differ from the word *her*, whose piece is `<her>`", f"{_MARKED} -> word"),
        slip("no-mark-before", "the word has no `<` before it. Without it a piece does not know that a word begins "
             "here", f'{_MARKED} -> word + ">"'),
        slip("no-window-at-the-end",
             "the last window of each length, the one that ends with `>`, is missing: either the word has no `>` "
             "behind it, or the loop stops one place too early. A window of n characters may start at 0, 1, ... "
             "len(text) - n (that one included)", "<= len(text) -> < len(text)"),
        slip("no-place-at-the-end",
             "the last place at which a window may start is missing. The shortest windows, of min_n characters, start "
             "at 0, 1, ... len(text) - min_n (that one included)", "range(len(text)) -> range(len(text) - min_n)"),
        slip("bytes", _BYTES, f"{_MARKED} -> {_MARKED}.encode()"),
        slip("whole-word-added",
             "`<word>` was added for every word, as the paper says. Here only windows of min_n to max_n characters "
             "count: a known word gets a row of its own later, and an unknown word has none to give",
             "return -> return [text] +", "return -> return [text][min_n <= len(text) <= max_n :] +"),
        slip("longest-left-out", "the longest length is missing. `range(min_n, max_n)` stops before max_n: go to "
             "max_n + 1", "max_n + 1 -> max_n"),
        slip("lengths-between-left-out", "only windows of min_n and of max_n characters are here. Take every length "
             "between them too", "range(min_n, max_n + 1) -> sorted({min_n, max_n})"),
        slip("tails-kept",
             "shorter pieces from the word's end came in. Python cuts a slice that runs past the end without "
             "complaint: keep a window only if all its n characters are there", f"{_FITS} ->"),
        slip("once-each",
             "each n-gram was kept only once. *banana* holds `ana` twice, and the original counts it twice: keep a "
             "list, not a set", f"{_FITS}] -> {_FITS} and text.index(text[begin : begin + n]) == begin]"),
        slip("marks-on-each", "every n-gram got both marks. The marks belong to the word: put them on first, then cut",
             (f"{_MARKED} -> word", f'{_WINDOW} -> ["<" + text[begin : begin + n] + ">" for')),
        slip("starts-only", "these are the beginnings of the word alone. A window may start at every place",
             "range(len(text)) -> [0]"),
        slip("one-length", "all n-grams have min_n characters. Take every length from min_n to max_n",
             "range(min_n, max_n + 1) -> [min_n]"),
        slip("last-length-alone", "all n-grams have max_n characters. Those of the shorter lengths belong to the list "
             "too: was it begun anew for each length?", "range(min_n, max_n + 1) -> [max_n]"),
    ]),
    Round([
        _cut("as", 3, 6), _cut("as", 4, 4),
        Case(("a", 4, 5), "'a' with min_n = 4, max_n = 5, where no piece is long enough"),
    ], [
        slip("whole-word-left-out",
             "the window that takes in all of `<word>` was left out. A short word fits into one window (*as* is "
             "`<as>`, four characters), and that window is an n-gram like any other", f"{_FITS} -> {_FITS} and n < "
             "len(text)"),
        slip("whole-word-added",
             "`<word>` was added where no window is as long as that. Here only windows of min_n to max_n characters "
             "count, and a word too short for them has none", f"{_FITS}] -> {_FITS}] or [text]"),
    ], held="words longer than the windows are right"),
    Round([
        _cut("café", 3, 4), _cut("东京塔", 2, 3), _cut("I'm😀", 2, 3),
        Case(("cafe\u0301", 4, 5), "'cafe' and a separate accent, with min_n = 4, max_n = 5"),
    ], [
        slip("bytes", _BYTES, f'{_MARKED} -> {_MARKED}.encode().decode("latin-1")',
             *((f"{_MARKED} -> {_MARKED}.encode()", f"{_WINDOW} -> [text[begin : begin + n].decode(errors={how!r}) for")
               for how in ("replace", "ignore", "backslashreplace", "surrogateescape"))),
        slip("composed", "a letter and its separate accent were made one character, or an accent was dropped. Python "
             "counts code points, and so does the original: take the word as it comes", f"{_MARKED} -> "
             f'__import__("unicodedata").normalize("NFC", {_MARKED})',
             f'{_MARKED} -> __import__("unicodedata").normalize("NFD", {_MARKED})',
             f'{_MARKED} -> {_MARKED}.encode("ascii", "ignore").decode()'),
        slip("lower-case", "the word was written in small letters first. Cut it as it comes",
             f"{_MARKED} -> {_MARKED}.lower()"),
    ], held="words of plain small letters are right"),
)  # fmt: skip


# --- hash_bucket ------------------------------------------------------------------------------------------------------


def _hash_bucket(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode():
        if byte > 127:
            byte |= 0xFFFFFF00
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h % bucket


_ROUND, _LAST, _ALL = "h = (h ^ byte) * 16777619 & 0xFFFFFFFF", "return h % bucket", 1 << 32
_SIGNED = "(h - (h >> 31 << 32))"
hash_bucket = Exercise(
    _hash_bucket,
    # Some hashes have their highest bit set and some have not, in large and in small buckets.
    Round([
        Case(("a", _ALL), "'a' with 2 ** 32 buckets, where the whole hash is seen"),
        Case(("<wh", 200_000)), Case(("here>", 1009)), Case(("a", 997)), Case(("king", 200_000)),
        Case(("as>", 1)), Case(("<aA", 5000)),
    ], [
        slip("sign-on-every-byte", "the upper 24 bits were set for every byte. Only a byte above 127 counts as "
             "negative: those up to 127 stay as they are", "if byte > 127 -> if True",
             "if byte > 127 -> if byte < 128"),
        slip("multiply-first",
             "each round multiplies first and mixes the byte in afterwards. That is FNV-1; the original is FNV-1a, "
             "which mixes first: `h = (h ^ byte) * 16777619`. In FNV-1 the last byte reaches only the lowest bits",
             f"{_ROUND} -> h = h * 16777619 & 0xFFFFFFFF ^ byte"),
        slip("not-wrapped",
             "the hash was never cut to 32 bits. In C it overflows by itself; a Python integer grows without end, and "
             "its remainder is another one. Keep the lower 32 bits in each round: `& 0xFFFFFFFF`",
             "& 0xFFFFFFFF ->"),
        slip("31-bits", "only 31 bits of the hash were kept. There are 32: `& 0xFFFFFFFF`",
             "& 0xFFFFFFFF -> & 0x7FFFFFFF"),
        slip("signed-at-the-end",
             "the finished hash was read as a number with a sign, so that one of 2 ** 31 or more became negative. Only "
             "the bytes have a sign: the hash has none, and is 0 to 2 ** 32 - 1",
             f"{_LAST} -> return {_SIGNED} % bucket", f"{_LAST} -> return abs({_SIGNED}) % bucket",
             f"{_LAST} -> return int(np.fmod({_SIGNED}, bucket))"),
        slip("python-hash",
             "Python's own `hash` was used. It starts from another secret number in every process, so that a saved "
             "model would answer differently each time it is loaded", f"{_LAST} -> return hash(ngram) % bucket",
             f"{_LAST} -> return abs(hash(ngram)) % bucket", f"{_LAST} -> return hash(ngram.encode()) % bucket"),
        slip("no-bucket", "this is the hash itself, and there are only `bucket` rows: take the remainder, `h % bucket`",
             f"{_LAST} -> return h"),
        slip("start-forgotten", "the hash starts from another number. Start from 2166136261, so that the first byte is "
             "spread too", "h = 2166136261 -> h = 0", "h = 2166136261 -> h = 1"),
        slip("added-instead", "the byte was added. Mix it in bit by bit, with `^` (exclusive or)",
             "h ^ byte -> h + byte"),
        slip("bucket-in-each-round", "the remainder was taken in each round. Keep all 32 bits until the last byte is "
             "in, and take `% bucket` once", f"{_ROUND} -> {_ROUND}; h %= bucket"),
        slip("64-bit", "this is the 64-bit FNV-1a, with its own two constants. The original uses the 32-bit one: "
             "2166136261 and 16777619", ("2166136261 -> 14695981039346656037", "16777619 -> 1099511628211",
                                         "0xFFFFFFFF -> 0xFFFFFFFFFFFFFFFF")),
        slip("first-byte-alone", "only the first byte was mixed in. Does `return` stand inside the loop?",
             "ngram.encode() -> ngram.encode()[:1]"),
        slip("last-byte-alone", "only the last byte was mixed in. Set h to 2166136261 once, before the loop",
             "ngram.encode() -> ngram.encode()[-1:]"),
        slip("backwards", "the bytes were mixed in from the last to the first. Begin with the first",
             "ngram.encode() -> ngram.encode()[::-1]"),
    ], hints=[("TypeError", "`for byte in ngram.encode()` gives bytes, and they are numbers already.", None)]),
    Round([
        Case(("fé>", _ALL), "'fé>' with 2 ** 32 buckets"),
        Case(("café", 200_000)), Case(("东京", 997)), Case(("Àp", 1009)), Case(("р>", 200_000)),
        Case(("e\u0301>", 613), "'e', a separate accent and '>', with bucket = 613"),
        Case(("", 997), "'' with 997 buckets, where the start value shows"),
        Case(("~\x7f", _ALL), "'~' and the byte 127, with 2 ** 32 buckets"),
    ], [
        slip("not-sign-extended",
             "the bytes were taken as 0 to 255. ASCII agrees, and the `é` of *café* (195, 169) does not: the original "
             "reads a byte as a signed number, so that one of 128 or more has its upper 24 bits set. Use `byte | "
             "0xFFFFFF00` for those, or models trained elsewhere will look into the wrong rows",
             "byte |= 0xFFFFFF00 -> pass"),
        slip("sign-from-the-wrong-byte", "the sign begins at the wrong byte. 127 is the last that counts as positive, "
             "128 the first that counts as negative: `byte > 127`", "> 127 -> > 128", "> 127 -> > 126"),
        slip("other-bits-set", "a byte above 127 did not get its upper 24 bits set: `byte | 0xFFFFFF00` keeps the "
             "lower eight and makes all others 1", "|= 0xFFFFFF00 -> = 0xFFFFFF00", "|= 0xFFFFFF00 -> &= 0x7F",
             "|= 0xFFFFFF00 -> |= 0xFF00"),
        slip("code-points",
             "the numbers of the characters (`ord`) were mixed in. The original mixes bytes: take `ngram.encode()`, "
             "where `é` is two of them", "ngram.encode() -> map(ord, ngram)",
             ("ngram.encode() -> map(ord, ngram)", "byte |= 0xFFFFFF00 -> pass")),
        slip("other-encoding", "the letters were turned into bytes in another way. The original reads UTF-8, where `é` "
             "is two bytes: `ngram.encode()`, with nothing in the brackets",
             *(f"encode() -> encode({name!r}, {how!r})" for name in ("ascii", "latin-1")
               for how in ("ignore", "replace", "strict"))),
        slip("composed", "a letter and its separate accent were made one character first. Take the letters as they "
             "come",
             'ngram.encode() -> __import__("unicodedata").normalize("NFC", ngram).encode()'),
    ], held="n-grams of English letters are right"),
)  # fmt: skip


# --- word_vector ------------------------------------------------------------------------------------------------------


def _word_vector(word, index_of, table):
    V = len(index_of)
    rows = [V + i for i in fasttext.ngram_ids(word, 3, 6, len(table) - V)]
    if word in index_of:
        rows.append(index_of[word])
    return table[rows].mean(axis=0)


def _asked(word: str) -> Case:
    """One of 5 words or another one, of 211 buckets and 3 numbers a row: all differ."""
    index_of = {"as": 0, "banana": 1, "whereabouts": 2, "café": 3, "东京": 4}
    table = np.random.default_rng(4).normal(size=(5 + 211, 3)).round(2)
    return Case((word, index_of, table), f"the {'known' if word in index_of else 'unknown'} word {word!r}")


_MEAN, _OWN, _KNOWN = "table[rows].mean(axis=0)", "rows.append(index_of[word])", "if word in index_of"
_SUM = f"return {_MEAN} -> return table[rows].sum(axis=0)"
_COUNT = ("the sum was divided by the wrong number, {0}. Divide by how many rows were added up: a known word's n-grams "
          "and one more, an unknown word's n-grams alone")
word_vector = Exercise(
    _word_vector,
    Round([_asked(word) for word in ("banana", "as", "café", "whereabouts")], [
        slip("wrong-count", _COUNT.format("that of the n-grams without the word's own row"),
             f"{_SUM} / (len(rows) - (word in index_of))"),
        slip("wrong-count", _COUNT.format("the word's length"), f"{_SUM} / len(word)", f"{_SUM} / (len(word) + 2)"),
        slip("sum",
             "the rows were summed and not averaged. A long word has more n-grams than a short one, and would get the "
             "longer arrow for its spelling alone: divide by their number", _SUM),
        slip("own-row-forgotten", "a known word's own row was left out. It carries what the word's pieces cannot say: "
             "add it before you take the mean", f"{_KNOWN} -> if False"),
        slip("row-zero-forgotten", "the word in row 0 was taken for an unknown one. 0 is a row like any other, but "
             "`if index_of.get(word)` takes it for False: ask `word in index_of`",
             f"{_KNOWN} -> if index_of.get(word)"),
        slip("own-row-alone",
             "a known word got its own row alone, without its n-grams: that is word2vec, and the n-grams answer only "
             "for strangers. Here a word is always the mean of everything it has",
             f"{_OWN} -> rows = [index_of[word]]"),
        slip("mean-of-means", "a known word's own row counts as much as all its n-grams together. It is one row among "
             "the others: put it beside them, then take one mean", f"{_OWN} -> return (table[index_of[word]] + "
             f"{_MEAN}) / 2"),
        slip("own-row-on-top", "a known word's own row was added to the mean of its n-grams. It is one row among the "
             "others: take the mean of all of them", f"{_OWN} -> return table[index_of[word]] + {_MEAN}"),
        slip("once-each", "a row that was called twice was taken once. *banana* holds `ana` twice, and two n-grams may "
             "share a bucket: each of them counts", "table[rows] -> table[sorted(set(rows))]"),
        slip("rows-of-words",
             "the n-grams' numbers were taken for rows of the whole table, which begins with the words' rows. The "
             "first bucket comes after the last word: add len(index_of) to each number", "V + i for -> i for"),
        slip("too-many-buckets",
             "the n-grams were hashed into all rows of the table. Only what comes after the words is theirs: there are "
             "len(table) - len(index_of) buckets, and they begin at row len(index_of)",
             ("V + i for -> i for", "len(table) - V -> len(table)"), "len(table) - V -> len(table)"),
        slip("own-row-hashed", "`<word>` was hashed like an n-gram. A known word has a row of its own, index_of[word], "
             "which it shares with nobody; an unknown word has none",
             (f"{_KNOWN} -> if True", "index_of[word]) -> V + fasttext.hash_ngram(f'<{word}>') % (len(table) - V))")),
        slip("marked-twice", "the word got its marks twice. `fasttext.ngram_ids` puts them on by itself: give it the "
             "word",
             "ngram_ids(word -> ngram_ids(f'<{word}>'"),
        slip("mean-over-numbers", "the mean went over the numbers of a row instead of over the rows: `axis=0` goes "
             "down the rows and leaves D numbers", "axis=0 -> axis=1",
             ("axis=0 -> axis=1", "rows.append( -> rows.insert(0, ")),
        slip("mean-of-all", "the mean of everything is one number. Take the mean over the rows, `axis=0`, and D "
             "numbers are left", "mean(axis=0) -> mean()"),
    ], hints=[("out of bounds", "Tell `ngram_ids` how many buckets there are: all rows behind the words', "
               "len(table) - len(index_of).", None)]),
    Round([_asked(word) for word in ("bananas", "a", "cafés", "where", "as")], [
        slip("unknown-words-row",
             "an unknown word was given a row of its own (`get(word, 0)` and `get(word, -1)` hand out another's). It "
             "has none: take the mean of its n-grams' rows alone",
             *((f"{_KNOWN} -> if True", f"index_of[word] -> index_of.get(word, {row})") for row in (0, -1))),
        slip("wrong-count", _COUNT.format("one more than the n-grams for unknown words too"),
             f"{_SUM} / (len(rows) + (word not in index_of))"),
        slip("known-words-only", "an unknown word was looked up in `index_of`, which does not hold it. Ask first, "
             "`if word in index_of`, and go on with its n-grams where it is not", f"{_KNOWN} -> if True"),
        slip("zeros-for-strangers", "an unknown word got zeros. It has n-grams, and they have rows: take their mean",
             f"return {_MEAN} -> return {_MEAN} * (word in index_of)"),
    ], held="known words are right"),
)  # fmt: skip
