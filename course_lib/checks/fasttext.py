"""Checks of lesson 05: the pieces of a word, their buckets, and the vector of a word that nobody has seen.

Every wrong answer below is computed on the check's own inputs, and named only when it alone explains what came back.
N-grams may come place by place, as in the original program, or length by length: their mean is the same.

Papers. Bojanowski, Grave, Joulin, Mikolov (2017), "Enriching Word Vectors with Subword Information"; Fowler, Noll,
Vo, Eastlake, Hansen (2019), "The FNV Non-Cryptographic Hash Algorithm", internet draft.
"""

from collections.abc import Callable

import numpy as np

from course_lib import fasttext
from course_lib.checks.base import Case, Misconception, Result, compare, passed


def _each(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return [Misconception(key, function, message) for function in functions]


# --- ngrams -----------------------------------------------------------------------------------------------------------

_NGRAM_CASES = [
    Case(("where", 3, 3), "'where' with min_n = max_n = 3"),
    Case(("as", 3, 6), "'as' with min_n = 3, max_n = 6"),
    Case(("a", 4, 5), "'a' with min_n = 4, max_n = 5, where no piece is long enough"),
    Case(("café", 3, 4), "'café' with min_n = 3, max_n = 4"),
    Case(("banana", 3, 5), "'banana' with min_n = 3, max_n = 5"),
    Case(("东京塔", 2, 3), "'东京塔' with min_n = 2, max_n = 3"),
]


def _cut(text, lengths, tails=False):
    """Windows of a text or of bytes, place by place; with `tails` also those that the end cuts short."""
    return [text[i : i + n] for i in range(len(text)) for n in lengths if tails or i + n <= len(text)]


def _by_length(function: Callable) -> Callable:
    """The same answer, one length after the other (in each length, place by place)."""

    def ordered(word, min_n, max_n):
        pieces = [function(word, n, n) for n in range(min_n, max_n + 1)]
        return [piece for some in pieces for piece in some]

    return ordered


def _of_text(text_of: Callable) -> Callable:
    """Windows of what `text_of(word)` gives."""
    return lambda word, min_n, max_n: _cut(text_of(word), range(min_n, max_n + 1))


def _whole_left_out(word, min_n, max_n):
    return [piece for piece in fasttext.ngrams(word, min_n, max_n) if piece != f"<{word}>"]


def _whole_added(word, min_n, max_n):
    pieces = fasttext.ngrams(word, min_n, max_n)
    return pieces if f"<{word}>" in pieces else [*pieces, f"<{word}>"]


def _whole_twice(word, min_n, max_n):
    return [*fasttext.ngrams(word, min_n, max_n), f"<{word}>"]


def _longest_left_out(word, min_n, max_n):
    return _cut(f"<{word}>", range(min_n, max_n))


def _last_place_left_out(word, min_n, max_n):
    last = f"<{word}>"[-min_n:]
    pieces = fasttext.ngrams(word, min_n, max_n)
    return pieces[:-1] if pieces and pieces[-1] == last else pieces


def _tails_kept(word, min_n, max_n):
    return _cut(f"<{word}>", range(min_n, max_n + 1), tails=True)


def _tails_kept_by_length(word, min_n, max_n):
    text = f"<{word}>"
    return [text[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(text))]


def _decoded(errors: str) -> Callable:
    def decoded(word, min_n, max_n):
        pieces = _cut(f"<{word}>".encode(), range(min_n, max_n + 1))
        return [piece.decode("utf-8", errors) for piece in pieces]

    return decoded


def _once_each(word, min_n, max_n):
    return list(dict.fromkeys(fasttext.ngrams(word, min_n, max_n)))


def _sorted_once_each(word, min_n, max_n):
    return sorted(set(fasttext.ngrams(word, min_n, max_n)))


def _marks_on_each(word, min_n, max_n):
    return [f"<{piece}>" for piece in _cut(word, range(min_n, max_n + 1))]


def _starts_only(word, min_n, max_n):
    return [f"<{word}>"[:n] for n in range(min_n, max_n + 1) if n <= len(word) + 2]


def _both_orders(key: str, message: str, *functions: Callable) -> list[Misconception]:
    return _each(key, message, *functions, *(_by_length(function) for function in functions))


_BYTES = (
    "the windows were cut from bytes. In UTF-8 the `é` of *café* is two bytes and a Chinese character three, and a "
    "window may cut through the middle of one: count characters, which is what Python's str does by itself"
)

_NGRAM_MISCONCEPTIONS = [
    Misconception("by-length", _by_length(fasttext.ngrams), "the n-grams come length by length"),
    *_both_orders(
        "no-marks",
        "the word was cut without its marks. Put `<` before it and `>` behind it first: only so does the *her* inside "
        "*where* differ from the word *her*, whose piece is `<her>`",
        _of_text(lambda word: word),
    ),
    *_both_orders(
        "no-mark-before",
        "the word has no `<` before it. Without it a piece does not know that a word begins here",
        _of_text(lambda word: f"{word}>"),
    ),
    *_both_orders(
        "no-window-at-the-end",
        "the last window of each length, the one that ends with `>`, is missing: either the word has no `>` behind it, "
        "or the loop stops one place too early. A window of n characters may start at 0, 1, ... len(text) - n "
        "(that one included)",
        _of_text(lambda word: f"<{word}"),
    ),
    *_each(
        "no-place-at-the-end",
        "the last place at which a window may start is missing. The shortest windows, of min_n characters, start at 0, "
        "1, ... len(text) - min_n (that one included)",
        _last_place_left_out,
    ),
    *_both_orders(
        "bytes",
        _BYTES,
        _of_text(lambda word: f"<{word}>".encode()),
        _of_text(lambda word: f"<{word}>".encode().decode("latin-1")),
        *(_decoded(errors) for errors in ("replace", "ignore", "backslashreplace", "surrogateescape")),
    ),
    *_both_orders(
        "whole-word-left-out",
        "the window that takes in all of `<word>` was left out. A short word fits into one window (*as* is `<as>`, "
        "four characters), and that window is an n-gram like any other",
        _whole_left_out,
    ),
    *_each(
        "whole-word-added",
        "`<word>` was added for every word, as the paper says. Here only windows of min_n to max_n characters count: a "
        "known word gets a row of its own later, and an unknown word has none to give",
        _whole_added, _whole_twice,
        lambda word, min_n, max_n: [f"<{word}>", *fasttext.ngrams(word, min_n, max_n)],
        lambda word, min_n, max_n: [*_by_length(fasttext.ngrams)(word, min_n, max_n), f"<{word}>"],
    ),
    *_each(
        "longest-left-out",
        "the longest length is missing. `range(min_n, max_n)` stops before max_n: go to max_n + 1",
        _longest_left_out,
        lambda word, min_n, max_n: _by_length(fasttext.ngrams)(word, min_n, max_n - 1),
    ),
    *_each(
        "tails-kept",
        "shorter pieces from the word's end came in. Python cuts a slice that runs past the end without complaint: "
        "keep a window only if all its n characters are there",
        _tails_kept, _tails_kept_by_length,
    ),
    *_each(
        "once-each",
        "each n-gram was kept only once. *banana* holds `ana` twice, and the original counts it twice: keep a list, "
        "not a set (which loses the order too)",
        _once_each, _sorted_once_each, _by_length(_once_each),
        lambda word, min_n, max_n: sorted(set(fasttext.ngrams(word, min_n, max_n)), key=len),
    ),
    *_both_orders(
        "marks-on-each",
        "every n-gram got both marks. The marks belong to the word: put them on first, then cut",
        _marks_on_each,
    ),
    *_each("starts-only", "these are the beginnings of the word alone. A window may start at every place",
           _starts_only),
    *_each("one-length", "all n-grams have min_n characters. Take every length from min_n to max_n",
           lambda word, min_n, max_n: fasttext.ngrams(word, min_n, min_n)),
]


def ngrams(function: Callable) -> Result:
    """Compare with the windows of `<word>`, min_n to max_n characters; two orders are right."""
    result = compare("ngrams", function, fasttext.ngrams, _NGRAM_CASES, _NGRAM_MISCONCEPTIONS)
    if result.diagnosis == "by-length":
        text = "length by length (the original goes place by place; the mean of the rows is the same)."
        return passed("ngrams", f"all {len(_NGRAM_CASES)} cases hold, {text}")
    return result


# --- hash_bucket ------------------------------------------------------------------------------------------------------

OFFSET, PRIME = 2166136261, 16777619

_HASH_CASES = [
    Case(("a", 1 << 32), "'a' with 2 ** 32 buckets, where the whole hash is seen"),
    Case(("<wh", 200_000)),
    Case(("here>", 1009)),
    Case(("fé>", 1 << 32), "'fé>' with 2 ** 32 buckets"),
    Case(("café", 200_000)),
    Case(("东京", 997)),
    Case(("", 1 << 32), "'' with 2 ** 32 buckets, where the start value comes back"),
]


def _signed(byte: int) -> int:
    """A byte's 32 bits after sign extension: from 128 on, the upper 24 are ones."""
    return byte if byte < 128 else byte | 0xFFFFFF00


def _fnv(units=lambda text: text.encode(), byte=_signed, first_multiply=False, wrap=0xFFFFFFFF, start=OFFSET,
         prime=PRIME) -> Callable:
    """A hash of the FNV family, with one part exchanged; `wrap=-1` keeps every bit of Python's long integers."""

    def bucket_of(ngram, bucket):
        h = start
        for unit in units(ngram):
            if first_multiply:
                h = (h * prime & wrap) ^ byte(unit)
            else:
                h = (h ^ byte(unit)) * prime & wrap
        return h % bucket

    return bucket_of


def _code_points(text: str) -> list[int]:
    return [ord(character) for character in text]


def _unsigned(byte: int) -> int:
    return byte


def _negative(byte: int) -> int:
    return byte - 256 if byte > 127 else byte



_HASH_MISCONCEPTIONS = [
    *_each(
        "not-sign-extended",
        "the bytes were taken as 0 to 255. ASCII agrees, and the `é` of *café* (195, 169) does not: the original reads "
        "a byte as a signed number, so that one of 128 or more has its upper 24 bits set. Use `byte | 0xFFFFFF00` for "
        "those, or models trained elsewhere will look into the wrong rows",
        _fnv(byte=_unsigned),
    ),
    *_each(
        "sign-on-every-byte",
        "the upper 24 bits were set for every byte. Only a byte above 127 counts as negative: those up to 127 stay as "
        "they are",
        _fnv(byte=lambda byte: byte | 0xFFFFFF00), _fnv(byte=lambda byte: byte - 256),
    ),
    *_each(
        "multiply-first",
        "each round multiplies first and mixes the byte in afterwards. That is FNV-1; the original is FNV-1a, which "
        "mixes first: `h = (h ^ byte) * 16777619`. In FNV-1 the last byte reaches only the lowest bits",
        _fnv(first_multiply=True), _fnv(first_multiply=True, byte=_unsigned),
        lambda ngram, bucket: _fnv(first_multiply=True, wrap=-1, byte=_unsigned)(ngram, 1 << 32) % bucket,
    ),
    *_each(
        "not-wrapped",
        "the hash was never cut to 32 bits. In C it overflows by itself; a Python integer grows without end, and its "
        "remainder is another one. Keep the lower 32 bits in each round: `& 0xFFFFFFFF`",
        _fnv(wrap=-1), _fnv(wrap=-1, byte=_unsigned), _fnv(wrap=-1, byte=_negative),
    ),
    *_each(
        "python-hash",
        "Python's own `hash` was used. It starts from another secret number in every process, so that a saved model "
        "would answer differently each time it is loaded",
        lambda ngram, bucket: hash(ngram) % bucket, lambda ngram, bucket: abs(hash(ngram)) % bucket,
        lambda ngram, bucket: hash(ngram.encode()) % bucket,
    ),
    *_each(
        "code-points",
        "the numbers of the characters (`ord`) were mixed in. The original mixes bytes: take `ngram.encode()`, where "
        "`é` is two of them",
        _fnv(units=_code_points, byte=_unsigned), _fnv(units=_code_points),
        _fnv(units=_code_points, byte=lambda unit: _signed(unit) & 0xFFFFFFFF),
    ),
    *_each(
        "no-bucket",
        "this is the hash itself, and there are only `bucket` rows: take the remainder, `h % bucket`",
        lambda ngram, bucket: fasttext.hash_ngram(ngram),
    ),
    *_each(
        "start-forgotten",
        "the hash starts from another number. Start from 2166136261, so that the first byte is spread too",
        _fnv(start=0), _fnv(start=1), _fnv(start=0, byte=_unsigned),
    ),
    *_each(
        "added-instead",
        "the byte was added. Mix it in bit by bit, with `^` (exclusive or)",
        lambda ngram, bucket: _added(ngram, bucket, _signed), lambda ngram, bucket: _added(ngram, bucket, _unsigned),
        lambda ngram, bucket: _added(ngram, bucket, _negative),
    ),
    *_each(
        "bucket-in-each-round",
        "the remainder was taken in each round. Keep all 32 bits until the last byte is in, and take `% bucket` once",
        lambda ngram, bucket: _remainder_each_round(ngram, bucket, _signed),
        lambda ngram, bucket: _remainder_each_round(ngram, bucket, _unsigned),
    ),
    *_each(
        "64-bit",
        "this is the 64-bit FNV-1a, with its own two constants. The original uses the 32-bit one: 2166136261 and "
        "16777619",
        _fnv(byte=_unsigned, start=14695981039346656037, prime=1099511628211, wrap=(1 << 64) - 1),
    ),
]


def _added(ngram, bucket, byte) -> int:
    h = OFFSET
    for unit in ngram.encode():
        h = (h + byte(unit)) * PRIME & 0xFFFFFFFF
    return h % bucket


def _remainder_each_round(ngram, bucket, byte) -> int:
    h = OFFSET
    for unit in ngram.encode():
        h = ((h ^ byte(unit)) * PRIME & 0xFFFFFFFF) % bucket
    return h % bucket


def _bucket(ngram, bucket):
    return fasttext.hash_ngram(ngram) % bucket


def hash_bucket(function: Callable) -> Result:
    """Compare with 32-bit FNV-1a over sign-extended UTF-8 bytes, modulo `bucket`."""
    return compare("hash_bucket", function, _bucket, _HASH_CASES, _HASH_MISCONCEPTIONS, tolerance=0)


# --- word_vector ------------------------------------------------------------------------------------------------------

_INDEX = {"as": 0, "banana": 1, "whereabouts": 2, "café": 3, "東京": 4}


def _vector_cases() -> list[Case]:
    """Known and unknown words, short ones, repeated n-grams; 5 words, 211 buckets and 3 numbers a row all differ."""
    table = np.random.default_rng(5).normal(size=(5 + 211, 3)).round(2)
    asked = ["banana", "as", "café", "bananas", "a", "cafés", "where"]
    kinds = [f"the {'known' if word in _INDEX else 'unknown'} word {word!r}" for word in asked]
    return [Case((word, _INDEX, table), kind) for word, kind in zip(asked, kinds, strict=True)]


def _vector(word, index_of, table):
    return fasttext.word_vector(word, index_of, table, 3, 6, len(table) - len(index_of))


def _rows(word, index_of, table) -> tuple[np.ndarray, np.ndarray]:
    """(its own row, as a table of one row or of none; the rows of its n-grams)."""
    V = len(index_of)
    own = table[[index_of[word]]] if word in index_of else table[:0]
    return own, table[V + np.array(fasttext.ngram_ids(word, 3, 6, len(table) - V))]


def _from_rows(combine: Callable) -> Callable:
    return lambda word, index_of, table: combine(*_rows(word, index_of, table))


def _with_default(row: int) -> Callable:
    """What `index_of.get(word, row)` does to an unknown word."""

    def with_default(word, index_of, table):
        own, pieces = _rows(word, index_of, table)
        return np.concatenate([own if len(own) else table[[row]], pieces]).mean(axis=0)

    return with_default


def _ids_once(word, index_of, table):
    V = len(index_of)
    own, _ = _rows(word, index_of, table)
    ids = sorted({V + i for i in fasttext.ngram_ids(word, 3, 6, len(table) - V)})
    return np.concatenate([own, table[ids]]).mean(axis=0)


def _no_offset(all_rows: bool) -> Callable:
    """The n-grams' numbers taken for rows of the whole table; with `all_rows`, hashed into all of it."""

    def no_offset(word, index_of, table):
        own, _ = _rows(word, index_of, table)
        bucket = len(table) - (0 if all_rows else len(index_of))
        return np.concatenate([own, table[fasttext.ngram_ids(word, 3, 6, bucket)]]).mean(axis=0)

    return no_offset


def _own_as_ngram(word, index_of, table):
    """The paper's `<word>` for everyone, hashed like an n-gram."""
    V = len(index_of)
    ids = fasttext.ngram_ids(word, 3, 6, len(table) - V) + [fasttext.hash_ngram(f"<{word}>") % (len(table) - V)]
    return table[[V + i for i in ids]].mean(axis=0)


_COUNT = (
    "the sum was divided by the wrong number, {0}. Divide by how many rows were added up: a known word's n-grams and "
    "one more, an unknown word's n-grams alone"
)

_VECTOR_MISCONCEPTIONS = [
    *_each(
        "unknown-words-row",
        "an unknown word was given a row of its own (`get(word, 0)` and `get(word, -1)` hand out another's). It has "
        "none: take the mean of its n-grams' rows alone",
        _with_default(0), _with_default(-1),
    ),
    *_each(
        "wrong-count",
        _COUNT.format("one more than the n-grams for unknown words too"),
        _from_rows(lambda own, rows: (own.sum(0) + rows.sum(0)) / (1 + len(rows))),
    ),
    *_each(
        "wrong-count",
        _COUNT.format("that of the n-grams without the word's own row"),
        _from_rows(lambda own, rows: (own.sum(0) + rows.sum(0)) / len(rows)),
    ),
    *_each(
        "wrong-count",
        _COUNT.format("the word's length"),
        lambda word, *rest: np.concatenate(_rows(word, *rest)).sum(0) / len(word),
        lambda word, *rest: np.concatenate(_rows(word, *rest)).sum(0) / (len(word) + 2),
    ),
    *_each(
        "sum",
        "the rows were summed and not averaged. A long word has more n-grams than a short one, and would get "
        "the longer arrow for its spelling alone: divide by their number",
        _from_rows(lambda own, rows: own.sum(0) + rows.sum(0)),
    ),
    *_each(
        "own-row-forgotten",
        "a known word's own row was left out. It carries what the word's pieces cannot say: add it before you take the "
        "mean",
        _from_rows(lambda own, rows: rows.mean(0)),
    ),
    *_each(
        "own-row-alone",
        "a known word got its own row alone, without its n-grams: that is word2vec, and the n-grams answer only for "
        "strangers. Here a word is always the mean of everything it has",
        _from_rows(lambda own, rows: own[0] if len(own) else rows.mean(0)),
    ),
    *_each(
        "mean-of-means",
        "a known word's own row counts as much as all its n-grams together. It is one row among the others: put it "
        "beside them, then take one mean",
        _from_rows(lambda own, rows: (own[0] + rows.mean(0)) / 2 if len(own) else rows.mean(0)),
    ),
    *_each(
        "own-row-on-top",
        "a known word's own row was added to the mean of its n-grams. It is one row among the others: take the mean of "
        "all of them",
        _from_rows(lambda own, rows: own.sum(0) + rows.mean(0)),
    ),
    *_each(
        "once-each",
        "a row that was called twice was taken once. *banana* holds `ana` twice, and two n-grams may share a bucket: "
        "each of them counts",
        _ids_once,
    ),
    *_each(
        "rows-of-words",
        "the n-grams' numbers were taken for rows of the whole table, which begins with the words' rows. The first "
        "bucket comes after the last word: add len(index_of) to each number",
        _no_offset(False),
    ),
    *_each(
        "too-many-buckets",
        "the n-grams were hashed into all rows of the table. Only what comes after the words is theirs: there are "
        "len(table) - len(index_of) buckets, and they begin at row len(index_of)",
        _no_offset(True),
    ),
    *_each(
        "own-row-hashed",
        "`<word>` was hashed like an n-gram for every word. A known word has a row of its own, index_of[word], "
        "which it shares with nobody; an unknown word has none",
        _own_as_ngram,
    ),
    *_each(
        "mean-over-numbers",
        "the mean went over the numbers of a row instead of over the rows: `axis=0` goes down the rows and leaves D "
        "numbers",
        _from_rows(lambda own, rows: np.concatenate([own, rows]).mean(axis=1)),
    ),
    *_each(
        "mean-of-all",
        "the mean of everything is one number. Take the mean over the rows, `axis=0`, and D numbers are left",
        _from_rows(lambda own, rows: np.concatenate([own, rows]).mean()),
    ),
]


def word_vector(function: Callable) -> Result:
    """Compare with the mean of a known word's own row and its n-grams' rows; of an unknown word's n-grams' alone."""
    return compare("word_vector", function, _vector, _vector_cases(), _VECTOR_MISCONCEPTIONS)
