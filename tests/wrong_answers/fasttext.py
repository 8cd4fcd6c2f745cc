"""Wrong answers to the exercises of lesson 05, as learners write them, and the diagnosis each must get."""
import zlib

import numpy as np

from course_lib import fasttext
from tests.wrong_answers import Wrong

# --- ngrams -------------------------------------------------------------------------------------------------------


def ngrams_without_marks(word, min_n, max_n):
    return [word[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(word) - n + 1)]


def ngrams_without_marks_by_place(word, min_n, max_n):
    return [word[i : i + n] for i in range(len(word)) for n in range(min_n, max_n + 1) if i + n <= len(word)]


def ngrams_without_end_mark(word, min_n, max_n):
    return ngrams_without_marks("<" + word, min_n, max_n)


def ngrams_without_first_mark(word, min_n, max_n):
    return ngrams_without_marks_by_place(word + ">", min_n, max_n)


def ngrams_of_bytes(word, min_n, max_n):
    text = f"<{word}>".encode()
    return [text[i : i + n] for i in range(len(text)) for n in range(min_n, max_n + 1) if i + n <= len(text)]


def ngrams_of_bytes_decoded(word, min_n, max_n):
    text = f"<{word}>".encode()
    pieces = [text[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(text) - n + 1)]
    return [piece.decode(errors="ignore") for piece in pieces]


def ngrams_of_bytes_replaced(word, min_n, max_n):
    return [piece.decode(errors="replace") for piece in ngrams_of_bytes(word, min_n, max_n)]


def ngrams_whole_word_missing(word, min_n, max_n):
    text, pieces = f"<{word}>", []
    for i in range(len(text)):
        for n in range(min_n, min(max_n, len(text) - 1) + 1):
            if i + n <= len(text):
                pieces.append(text[i : i + n])
    return pieces


def ngrams_whole_word_filtered(word, min_n, max_n):
    text = f"<{word}>"
    pieces = [text[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(text) - n + 1)]
    return [piece for piece in pieces if piece != text]


def ngrams_whole_word_added(word, min_n, max_n):
    pieces = fasttext.ngrams(word, min_n, max_n)
    if f"<{word}>" not in pieces:
        pieces.append(f"<{word}>")
    return pieces


def ngrams_whole_word_first(word, min_n, max_n):
    return [f"<{word}>", *fasttext.ngrams(word, min_n, max_n)]


def ngrams_max_left_out(word, min_n, max_n):
    text = f"<{word}>"
    return [text[i : i + n] for n in range(min_n, max_n) for i in range(len(text) - n + 1)]


def ngrams_last_window_forgotten(word, min_n, max_n):
    text = f"<{word}>"
    return [text[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(text) - n)]


def ngrams_last_place_forgotten(word, min_n, max_n):
    text, pieces = f"<{word}>", []
    for i in range(len(text) - min_n):
        pieces += [text[i : i + n] for n in range(min_n, max_n + 1) if i + n <= len(text)]
    return pieces


def ngrams_with_tails(word, min_n, max_n):
    text = f"<{word}>"
    return [text[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(text))]


def ngrams_with_tails_by_place(word, min_n, max_n):
    text = f"<{word}>"
    return [text[i : i + n] for i in range(len(text)) for n in range(min_n, max_n + 1)]


def ngrams_as_a_sorted_set(word, min_n, max_n):
    return sorted(set(fasttext.ngrams(word, min_n, max_n)))


def ngrams_unless_seen(word, min_n, max_n):
    text, pieces = f"<{word}>", []
    for n in range(min_n, max_n + 1):
        for i in range(len(text) - n + 1):
            if text[i : i + n] not in pieces:
                pieces.append(text[i : i + n])
    return pieces


def ngrams_marked_each(word, min_n, max_n):
    return [f"<{piece}>" for piece in ngrams_without_marks(word, min_n, max_n)]


def ngrams_beginnings(word, min_n, max_n):
    text = f"<{word}>"
    return [text[:n] for n in range(min_n, max_n + 1) if n <= len(text)]


def ngrams_one_length(word, min_n, max_n):
    text = f"<{word}>"
    return [text[i : i + min_n] for i in range(len(text) - min_n + 1)]


def ngrams_backwards(word, min_n, max_n):
    return [piece[::-1] for piece in fasttext.ngrams(word, min_n, max_n)]


def ngrams_as_text(word, min_n, max_n):
    return " ".join(fasttext.ngrams(word, min_n, max_n))


def ngrams_counted(word, min_n, max_n):
    return len(fasttext.ngrams(word, min_n, max_n))


# --- hash_bucket --------------------------------------------------------------------------------------------------


def hash_unsigned(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h % bucket


def hash_sign_on_every_byte(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = (h ^ (byte | 0xFFFFFF00)) * 16777619 & 0xFFFFFFFF
    return h % bucket


def hash_multiplies_first(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = (h * 16777619) & 0xFFFFFFFF
        h ^= byte if byte < 128 else byte | 0xFFFFFF00
    return h % bucket


def hash_multiplies_first_unsigned(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = h * 16777619 % 2**32 ^ byte
    return h % bucket


def hash_without_wrap(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = (h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619
    return h % bucket


def hash_without_wrap_unsigned(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = (h ^ byte) * 16777619
    return h % bucket


def hash_without_wrap_negative(ngram, bucket):
    h = 2166136261
    for byte in np.frombuffer(ngram.encode("utf-8"), dtype=np.int8).tolist():
        h = (h ^ byte) * 16777619
    return h % bucket


def hash_of_python(ngram, bucket):
    return hash(ngram) % bucket


def hash_of_python_bytes(ngram, bucket):
    return hash(ngram.encode()) % bucket


def hash_of_characters(ngram, bucket):
    h = 2166136261
    for character in ngram:
        h = (h ^ ord(character)) * 16777619 & 0xFFFFFFFF
    return h % bucket


def hash_without_bucket(ngram, bucket):
    return fasttext.hash_ngram(ngram)


def hash_from_zero(ngram, bucket):
    h = 0
    for byte in ngram.encode("utf-8"):
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0xFFFFFFFF
    return h % bucket


def hash_adds(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = (h + byte) * 16777619 & 0xFFFFFFFF
    return h % bucket


def hash_remainder_each_round(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619 & 0xFFFFFFFF) % bucket
    return h


def hash_of_64_bits(ngram, bucket):
    h = 0xCBF29CE484222325
    for byte in ngram.encode("utf-8"):
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return h % bucket


def hash_of_crc(ngram, bucket):
    return zlib.crc32(ngram.encode()) % bucket


def hash_wraps_to_31_bits(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("utf-8"):
        h = ((h ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 16777619) & 0x7FFFFFFF
    return h % bucket


def hash_of_ascii_only(ngram, bucket):
    h = 2166136261
    for byte in ngram.encode("ascii"):
        h = (h ^ byte) * 16777619 & 0xFFFFFFFF
    return h % bucket


# --- word_vector --------------------------------------------------------------------------------------------------


def _pieces(word, index_of, table):
    """The rows of the n-grams."""
    V = len(index_of)
    return [table[V + i] for i in fasttext.ngram_ids(word, 3, 6, len(table) - V)]


def _all_rows(word, index_of, table):
    own = [table[index_of[word]]] if word in index_of else []
    return own + _pieces(word, index_of, table)


def vector_first_words_row(word, index_of, table):
    return np.mean([table[index_of.get(word, 0)], *_pieces(word, index_of, table)], axis=0)


def vector_last_tables_row(word, index_of, table):
    return np.mean([table[index_of.get(word, -1)], *_pieces(word, index_of, table)], axis=0)


def vector_counts_a_missing_row(word, index_of, table):
    own = table[index_of[word]] if word in index_of else np.zeros(table.shape[1])
    return np.mean([own, *_pieces(word, index_of, table)], axis=0)


def vector_divides_by_ngrams(word, index_of, table):
    return sum(_all_rows(word, index_of, table)) / len(_pieces(word, index_of, table))


def vector_divides_by_length(word, index_of, table):
    return sum(_all_rows(word, index_of, table)) / len(word)


def vector_sums(word, index_of, table):
    return np.sum(_all_rows(word, index_of, table), axis=0)


def vector_without_own_row(word, index_of, table):
    return np.mean(_pieces(word, index_of, table), axis=0)


def vector_own_row_alone(word, index_of, table):
    return table[index_of[word]] if word in index_of else np.mean(_pieces(word, index_of, table), axis=0)


def vector_half_and_half(word, index_of, table):
    pieces = np.mean(_pieces(word, index_of, table), axis=0)
    return (table[index_of[word]] + pieces) / 2 if word in index_of else pieces


def vector_own_row_on_top(word, index_of, table):
    pieces = np.mean(_pieces(word, index_of, table), axis=0)
    return table[index_of[word]] + pieces if word in index_of else pieces


def vector_of_distinct_rows(word, index_of, table):
    V = len(index_of)
    rows = {V + i for i in fasttext.ngram_ids(word, 3, 6, len(table) - V)} | {index_of.get(word)} - {None}
    return table[sorted(rows)].mean(axis=0)


def vector_without_offset(word, index_of, table):
    rows = fasttext.ngram_ids(word, 3, 6, len(table) - len(index_of))
    return table[[index_of[word], *rows] if word in index_of else rows].mean(axis=0)


def vector_hashed_into_all(word, index_of, table):
    rows = fasttext.ngram_ids(word, 3, 6, len(table))
    return table[[index_of[word], *rows] if word in index_of else rows].mean(axis=0)


def vector_hashes_the_word(word, index_of, table):
    V, bucket = len(index_of), len(table) - len(index_of)
    rows = [fasttext.hash_ngram(piece) % bucket for piece in [f"<{word}>", *fasttext.ngrams(word, 3, 6)]]
    return table[[V + row for row in rows]].mean(axis=0)


def vector_mean_over_numbers(word, index_of, table):
    return np.mean(_all_rows(word, index_of, table), axis=1)


def vector_mean_of_all(word, index_of, table):
    return np.mean(_all_rows(word, index_of, table))


def vector_of_known_words_only(word, index_of, table):
    return np.mean([table[index_of[word]], *_pieces(word, index_of, table)], axis=0)


def vector_of_unit_length(word, index_of, table):
    total = vector_sums(word, index_of, table)
    return total / np.linalg.norm(total)


def vector_largest_instead_of_mean(word, index_of, table):
    return np.max(_all_rows(word, index_of, table), axis=0)


BANK = {
    "ngrams": [
        Wrong("no marks", ngrams_without_marks, "no-marks"),
        Wrong("no marks, place by place", ngrams_without_marks_by_place, "no-marks"),
        Wrong("no mark at the end", ngrams_without_end_mark, "no-window-at-the-end"),
        Wrong("no mark at the beginning", ngrams_without_first_mark, "no-mark-before"),
        Wrong("bytes", ngrams_of_bytes, "bytes"),
        Wrong("bytes, decoded", ngrams_of_bytes_decoded, "bytes"),
        Wrong("bytes, decoded with replacement", ngrams_of_bytes_replaced, "bytes"),
        Wrong("the whole word missing", ngrams_whole_word_missing, "whole-word-left-out"),
        Wrong("the whole word filtered out", ngrams_whole_word_filtered, "whole-word-left-out"),
        Wrong("the whole word added, as in the paper", ngrams_whole_word_added, "whole-word-added"),
        Wrong("the whole word put first", ngrams_whole_word_first, "whole-word-added"),
        Wrong("max_n left out", ngrams_max_left_out, "longest-left-out"),
        Wrong("the last window forgotten", ngrams_last_window_forgotten, "no-window-at-the-end"),
        Wrong("the last place forgotten", ngrams_last_place_forgotten, "no-place-at-the-end"),
        Wrong("tails", ngrams_with_tails, "tails-kept"),
        Wrong("tails, place by place", ngrams_with_tails_by_place, "tails-kept"),
        Wrong("a sorted set", ngrams_as_a_sorted_set, "once-each"),
        Wrong("unless seen before", ngrams_unless_seen, "once-each"),
        Wrong("marks on each", ngrams_marked_each, "marks-on-each"),
        Wrong("beginnings only", ngrams_beginnings, "starts-only"),
        Wrong("one length", ngrams_one_length, "one-length"),
        Wrong("spelled backwards", ngrams_backwards),
        Wrong("one string", ngrams_as_text),
        Wrong("their number", ngrams_counted),
    ],
    "hash_bucket": [
        Wrong("bytes from 0 to 255", hash_unsigned, "not-sign-extended"),
        Wrong("a sign on every byte", hash_sign_on_every_byte, "sign-on-every-byte"),
        Wrong("multiplies first", hash_multiplies_first, "multiply-first"),
        Wrong("multiplies first, bytes from 0 to 255", hash_multiplies_first_unsigned, "multiply-first"),
        Wrong("no wrap", hash_without_wrap, "not-wrapped"),
        Wrong("no wrap, bytes from 0 to 255", hash_without_wrap_unsigned, "not-wrapped"),
        Wrong("no wrap, negative bytes", hash_without_wrap_negative, "not-wrapped"),
        Wrong("Python's hash", hash_of_python, "python-hash"),
        Wrong("Python's hash of the bytes", hash_of_python_bytes, "python-hash"),
        Wrong("characters instead of bytes", hash_of_characters, "code-points"),
        Wrong("no remainder", hash_without_bucket, "no-bucket"),
        Wrong("starts from 0", hash_from_zero, "start-forgotten"),
        Wrong("adds the byte", hash_adds, "added-instead"),
        Wrong("remainder in each round", hash_remainder_each_round, "bucket-in-each-round"),
        Wrong("64 bits", hash_of_64_bits, "64-bit"),
        Wrong("another checksum", hash_of_crc),
        Wrong("31 bits", hash_wraps_to_31_bits),
        Wrong("ASCII only", hash_of_ascii_only),
    ],
    "word_vector": [
        Wrong("the first word's row for strangers", vector_first_words_row, "unknown-words-row"),
        Wrong("the last row for strangers", vector_last_tables_row, "unknown-words-row"),
        Wrong("counts a row of zeros", vector_counts_a_missing_row, "wrong-count"),
        Wrong("divides by the n-grams", vector_divides_by_ngrams, "wrong-count"),
        Wrong("divides by the letters", vector_divides_by_length, "wrong-count"),
        Wrong("a sum", vector_sums, "sum"),
        Wrong("no row of its own", vector_without_own_row, "own-row-forgotten"),
        Wrong("its own row alone", vector_own_row_alone, "own-row-alone"),
        Wrong("half and half", vector_half_and_half, "mean-of-means"),
        Wrong("its own row on top", vector_own_row_on_top, "own-row-on-top"),
        Wrong("each row once", vector_of_distinct_rows, "once-each"),
        Wrong("no offset", vector_without_offset, "rows-of-words"),
        Wrong("hashed into the whole table", vector_hashed_into_all, "too-many-buckets"),
        Wrong("hashes the word too", vector_hashes_the_word, "own-row-hashed"),
        Wrong("mean over the numbers of a row", vector_mean_over_numbers, "mean-over-numbers"),
        Wrong("mean of everything", vector_mean_of_all, "mean-of-all"),
        Wrong("known words only", vector_of_known_words_only),
        Wrong("of unit length", vector_of_unit_length),
        Wrong("the largest instead of the mean", vector_largest_instead_of_mean),
    ],
}
