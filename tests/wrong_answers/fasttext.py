"""Lesson 05: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import zlib
from itertools import combinations

import numpy as np

from course_lib import fasttext
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def ngrams_that_do_not_overlap(word, min_n, max_n):
    text = f"<{word}>"
    return [text[i : i + n] for n in range(min_n, max_n + 1) for i in range(0, len(text) - n + 1, n)]


BANK = {
    "ngrams": [
        Wrong("a set", lambda *inputs: set(fasttext.ngrams(*inputs)), "once-each"),
        Wrong("the whole word twice", lambda w, *sizes: [f"<{w}>", *fasttext.ngrams(w, *sizes)], "whole-word-added"),
        Wrong("no place behind the last window of the longest",
              "range(len(text)) -> range(len(text) - max_n + 1)"),
        Wrong("without overlap", ngrams_that_do_not_overlap),
        Wrong("any letters in order", lambda w, low, high: [
            "".join(some) for n in range(low, high + 1) for some in combinations(f"<{w}>", n)]),
        Wrong("spelled backwards", "text[begin : begin + n] for -> text[begin : begin + n][::-1] for"),
        Wrong("one string", lambda *inputs: " ".join(fasttext.ngrams(*inputs))),
        Wrong("their number", lambda *inputs: len(fasttext.ngrams(*inputs))),
        Wrong("bytes of each", "text[begin : begin + n] for -> text[begin : begin + n].encode() for", "bytes"),
        Wrong("one list a length", lambda w, low, high: [fasttext.ngrams(w, n, n) for n in range(low, high + 1)]),
        Wrong("with counts", lambda *inputs: dict.fromkeys(fasttext.ngrams(*inputs), 1)),
    ],
    "hash_bucket": [
        Wrong("no wrap, negative bytes", ("byte |= 0xFFFFFF00 -> byte -= 256", "& 0xFFFFFFFF ->"), "not-wrapped"),
        Wrong("no wrap, bytes from 0 to 255", ("byte |= 0xFFFFFF00 -> pass", "& 0xFFFFFFFF ->"), "not-wrapped"),
        Wrong("starts from 0, bytes from 0 to 255", ("byte |= 0xFFFFFF00 -> pass", "2166136261 -> 0"),
              "start-forgotten"),
        Wrong("adds bytes from 0 to 255", ("byte |= 0xFFFFFF00 -> pass", "h ^ byte -> h + byte"), "added-instead"),
        Wrong("ASCII only", ("byte |= 0xFFFFFF00 -> pass", 'encode() -> encode("ascii")'), "other-encoding"),
        Wrong("letters mixed in", "ngram.encode() -> ngram"),
        Wrong("buckets from 1", "h % bucket -> h % bucket + 1"),
        Wrong("another checksum", lambda ngram, bucket: zlib.crc32(ngram.encode()) % bucket),
        Wrong("one bucket more", "h % bucket -> h % (bucket + 1)"),
        Wrong("a float", "h % bucket -> h / bucket % 1 * bucket // 1 + 0.5"),
    ],
    "word_vector": [
        Wrong("all buckets of the default", "len(table) - V -> 200_000"),
        Wrong("of unit length", "return table[rows].mean(axis=0) -> total = table[rows].sum(axis=0); "
              "return total / np.linalg.norm(total)"),
        Wrong("the largest instead of the mean", "mean(axis=0) -> max(axis=0)"),
        Wrong("a mean that counts words", "mean(axis=0) -> sum(axis=0) / (V + 1)"),
        Wrong("a row of its own that is not its own", "index_of[word] -> (index_of[word] + 1) % V"),
        Wrong("a list of rows", "return table[rows].mean(axis=0) -> return table[rows]"),
        Wrong("one bucket further", "V + i for -> V + 1 + i for"),
    ],
}

# --- right ------------------------------------------------------------------------------------------------------------


def ngrams_by_length(word, min_n, max_n):
    text, pieces = "<" + word + ">", []
    for n in range(min_n, max_n + 1):
        for i in range(len(text) - n + 1):
            pieces.append(text[i : i + n])
    return pieces


def ngrams_longest_first(word, min_n, max_n):
    text = f"<{word}>"
    return tuple("".join(some) for n in range(max_n, min_n - 1, -1) for some in zip(*(text[i:] for i in range(n))))


def ngrams_between_two_cuts(word, min_n, max_n):
    text = f"<{word}>"
    return np.array(sorted(text[i:j] for i, j in combinations(range(len(text) + 1), 2) if min_n <= j - i <= max_n))


def hash_with_negative_bytes(ngram, bucket):
    h = 2166136261
    for byte in np.frombuffer(ngram.encode("utf-8"), dtype=np.int8):
        h = (h ^ int(byte)) * 16777619 % 2**32
    return h % bucket


def hash_in_32_bits(ngram, bucket):
    h, prime = np.array([2166136261], dtype=np.uint32), np.uint32(16777619)
    for byte in np.frombuffer(ngram.encode(), dtype=np.int8).astype(np.int32).view(np.uint32):
        h = (h ^ byte) * prime
    return int(h[0]) % bucket


def hash_by_shifts(ngram, bucket):
    h = 0x811C9DC5
    for byte in bytes(ngram, "utf-8"):
        h ^= byte
        if byte & 0x80:
            h ^= 0xFFFFFF00
        h += (h << 1) + (h << 4) + (h << 7) + (h << 8) + (h << 24)
        h &= (1 << 32) - 1
    return divmod(h, bucket)[1]


def vector_by_a_loop(word, index_of, table):
    total, number = np.zeros(table.shape[1]), 0
    if (own := index_of.get(word)) is not None:
        total, number = total + table[own], 1
    for i in fasttext.ngram_ids(word, 3, 6, len(table) - len(index_of)):
        total, number = total + table[len(index_of) + i], number + 1
    return total / number


def vector_of_two_tables(word, index_of, table):
    words, buckets = np.split(table, [len(index_of)])
    rows = list(buckets[fasttext.ngram_ids(word, 3, 6, len(buckets))])
    return np.mean([words[index_of[word]], *rows] if word in index_of else rows, axis=0)


def vector_by_counts(word, index_of, table):
    calls = np.zeros(len(table))
    np.add.at(calls, len(index_of) + np.array(fasttext.ngram_ids(word, 3, 6, len(table) - len(index_of))), 1)
    calls[[index_of[word]] if word in index_of else []] += 1
    return calls @ table / calls.sum()


def vector_by_the_library(word, index_of, table):
    return fasttext.word_vector(word, index_of, table, 3, 6, len(table) - len(index_of)).tolist()


RIGHT = {
    "ngrams": [ngrams_by_length, ngrams_longest_first, ngrams_between_two_cuts, fasttext.ngrams],
    "hash_bucket": [hash_with_negative_bytes, hash_in_32_bits, hash_by_shifts],
    "word_vector": [vector_by_a_loop, vector_of_two_tables, vector_by_counts, vector_by_the_library],
}


# --- inputs -----------------------------------------------------------------------------------------------------------


def draw_word(rng, letters, least=1):
    return "".join(rng.choice(list(letters), rng.integers(least, 7)))


def draw_sizes(rng):
    min_n = int(rng.integers(2, 5))
    return draw_word(rng, "abé"), min_n, min_n + int(rng.integers(0, 4))


def draw_rows(rng):
    known = sorted({draw_word(rng, "ab") for _ in range(rng.integers(1, 6))})
    table = rng.normal(size=(len(known) + rng.integers(5, 30), 3))
    return draw_word(rng, "ab"), {word: row for row, word in enumerate(known)}, table


INPUTS = {
    "ngrams": draw_sizes,
    "hash_bucket": lambda rng: (draw_word(rng, "a>~\x7fÀéр东", 0), int(rng.choice([1, 7, 1009, 200_000, 1 << 32]))),
    "word_vector": draw_rows,
}
