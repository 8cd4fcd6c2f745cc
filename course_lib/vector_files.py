"""Files of word vectors: word2vec.c's, text or binary, and NumPy's archive. `KeyedVectors` reads and writes by these.

Here vectors are no more than words and a matrix with a row for each. Every file is read with suspicion: one that is
truncated, damaged or of another kind is a ValueError, one sentence that names the row. What is left out: GloVe's own
files, which lack the first line; fastText's (see `fasttext`); compressed text.

The formats: word2vec.c (Mikolov et al. 2013, https://code.google.com/archive/p/word2vec); a line "V D", then each word,
a space, and D numbers, in digits or as raw float32.

Shapes: V words, D numbers a word.
"""

import codecs
import io
import math
import mmap
import os
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Literal

import numpy as np
from jaxtyping import Float

from course_lib.files import complete_or_absent, existing, require_whole, to_bytes
from course_lib.settings import Size, require
from course_lib.shapes import shaped

LONGEST_WORD = 4096  # bytes; a "word" beyond this is not a word but the middle of a vector
SPACE = re.compile("[ \t\n\v\f\r\0]")  # what word2vec.c's reader takes for the end of a word

Words = list[str]
Vectors = Float[np.ndarray, "V D"]


# ---- word2vec.c's --------------------------------------------------------------------------------------------------


def write_word2vec(path: str | os.PathLike, words: Sequence[str], vectors: Vectors, binary: bool) -> None:
    """Text keeps nine significant digits, so that float32 comes back bit for bit (word2vec.c keeps six decimals)."""
    if odd := list(filter(SPACE.search, words)):
        raise ValueError(f"the word {odd[0]!r} holds white space or a zero byte, which would end it: put in '_'.")
    words = list(map(to_bytes, words))
    template = b" ".join([b"%.9g"] * vectors.shape[1])
    with complete_or_absent(path) as file:
        file.write(b"%d %d\n" % vectors.shape)
        for word, row in zip(words, vectors, strict=True):
            row = row.astype("<f4").tobytes() if binary else template % tuple(row.tolist())
            file.write(b"%b %b\n" % (word, row))


@shaped
def read_word2vec(path: str | os.PathLike, binary: bool = False, limit: Size | None = None,
                  unicode_errors: str = "strict") -> tuple[Words, Vectors]:
    """The words and vectors of a file, up to `limit` of them. Of a word that comes twice the first vector is kept."""
    path = existing(path, "vector file")
    with open(path, "rb") as file:
        count, size = _read_header(file, path)
        asked = min(count, limit or count)
        room = path.stat().st_size // (2 + (4 if binary else 2) * size)  # rows that fit, whatever the header says
        vectors = np.empty((min(asked, room), size), dtype=np.float32)
        require(_is_binary(file, size) in (binary, None), "binary", binary, f"{not binary} for {path}")
        rows = (_binary_rows if binary else _text_rows)(file, path, count, size, asked)
        words = _fill(vectors, rows, path, unicode_errors)
        whole = asked < count or not _more(file)
        require_whole(whole, path, f"holds more than the {count} rows of {size} numbers of its first line (see limit=)")
    return words, vectors[:len(words)]


def _read_header(file: IO[bytes], path: Path) -> tuple[int, int]:
    """The two numbers of the first line: how many words, how many numbers each."""
    line = file.readline(1000)
    found = re.fullmatch(rb"\s*(\d{1,15})\s+(\d{1,15})\s*\n", line)
    fits = found and 0 not in map(int, found.groups())
    require(fits, f"line 1 of {path}", line, "how many words and how many numbers a word (which GloVe's files lack)")
    return int(found[1]), int(found[2])


def _is_binary(file: IO[bytes], size: int) -> bool | None:
    """Does the first row hold raw float32, or numbers in digits? None where it does not say. The file stays there."""
    place = file.tell()
    _, _, rest = file.readline(min(LONGEST_WORD + 64 * size, 1 << 20)).partition(b" ")
    file.seek(place)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(rest)  # a letter may be cut off at the end
    except UnicodeDecodeError:
        return True
    if b"\0" in rest:
        return True
    in_digits = not rest.strip(b"0123456789+-.eEinfaNIFA \t\r\n")
    return False if rest and in_digits and len(rest.split()) >= min(size, 2) else None


def _text_rows(file: IO[bytes], path: Path, count: int, size: int, asked: int) -> Iterator[tuple[bytes, list]]:
    """(word, numbers) of each line."""
    for number in range(2, 2 + asked):
        line = file.readline()
        word, _, rest = line.partition(b" ")
        try:
            row = list(map(float, rest.split()))
        except ValueError:
            row = []
        if not word.strip() or len(row) != size:
            end = "" if line.endswith(b"\n") else f" (the file ends there, after {number - 2} of {count} words)"
            raise ValueError(f"line {number} of {path} is {line[:40]!r}: it needs a word and {size} numbers{end}.")
        yield word, row
    if not line.endswith(b"\n"):
        warnings.warn(f"the last line of {path} has no line end: its last number may be cut short.", stacklevel=6)


def _binary_rows(file: IO[bytes], path: Path, count: int, size: int, asked: int) -> Iterator[tuple[bytes, np.ndarray]]:
    """(word, numbers) of each row; the file is mapped, not read, so that memory holds only the result."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        place = file.tell()
        for row in range(1, 1 + asked):
            while raw[place:place + 1] == b"\n":  # word2vec.c ends each vector with one, gensim does not
                place += 1
            space = raw.find(b" ", place, place + LONGEST_WORD)
            word, end = raw[place:max(space, place)], space + 1 + 4 * size
            if not word or end > len(raw) or re.search(b"[\0\n]", word):
                cut = len(raw) < (place + LONGEST_WORD if space < 0 else end)
                what = "is cut off" if cut else "does not start with a word"
                raise ValueError(f"row {row} of {path} {what}: its first line promises {count} rows of {size} numbers.")
            yield word, np.frombuffer(raw[space + 1:end], dtype="<f4")
            place = end
    file.seek(place)


def _more(file: IO[bytes]) -> bool:
    """Is anything but line ends left?"""
    return any(block.strip() for block in iter(lambda: file.read(io.DEFAULT_BUFFER_SIZE), b""))


def _fill(vectors: Vectors, rows: Iterable, path: Path, unicode_errors: str) -> Words:
    """Copy the rows into `vectors`, the first one of each word; -> the words, as many as rows were filled."""
    words: dict[str, None] = {}
    repeated = []
    for number, (raw, row) in enumerate(rows, start=1):
        try:
            word = raw.decode("utf-8", errors=unicode_errors)
        except UnicodeDecodeError:
            raise ValueError(f"the word of row {number} of {path}, {raw[:40]!r}, is not UTF-8: the file is damaged or "
                             "its first line wrong, or pass unicode_errors='replace'.") from None
        if word in words:
            repeated.append(word)
            continue
        with np.errstate(over="ignore"):  # a number too large for float32 becomes inf, which KeyedVectors refuses
            vectors[len(words)] = row
        words[word] = None
    if repeated:
        warnings.warn(f"{path} repeats {len(repeated)} of its words, the first of them {repeated[0]!r}: "
                      "the first vector of each is kept.", stacklevel=5)
    return list(words)


# ---- NumPy's archive -----------------------------------------------------------------------------------------------


@shaped
def write_npz(path: str | os.PathLike, words: Sequence[str], vectors: Vectors,
              dtype: Literal["float16", "float32"] = "float16") -> None:
    """Words and vectors in one compressed archive, the words end to end as bytes, with their lengths."""
    with np.errstate(over="ignore"):
        stored = vectors.astype(dtype)
    if not np.isfinite(stored).all():
        word = words[int(np.flatnonzero(~np.isfinite(stored).all(axis=1))[0])]
        raise ValueError(f"the vector of {word!r} holds a number beyond 65,504: save it with dtype='float32'.")
    raw = list(map(to_bytes, words))
    arrays = {"words": np.frombuffer(b"".join(raw), dtype=np.uint8),
              "lengths": np.array([len(word) for word in raw], dtype=np.uint32)}  # of each word, in bytes
    with complete_or_absent(path) as file:
        np.savez_compressed(file, vectors=stored, **arrays)


def read_npz(path: str | os.PathLike) -> tuple[Words, Vectors]:
    """What `write_npz` wrote."""
    path = existing(path, "vector file", is_zip=True)
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                letters, lengths, vectors = (_array(archive, path.stat().st_size, *part) for part in (
                    ("words", "u", 1), ("lengths", "u", 1), ("vectors", "f", 2)))  # fmt: skip
            ends = np.cumsum(lengths, dtype=np.int64)
            require(len(ends) == len(vectors) and ends[-1] == len(letters), "lengths", ends[-1], "of all words")
            raw = letters.tobytes()
            words = [raw[end - length:end].decode("utf-8") for end, length in zip(ends.tolist(), lengths.tolist())]
        except Exception:  # of a dozen kinds, as zipfile and NumPy meet what they did not write
            raise ValueError(f"{path} is not a whole file of save_npz: it is truncated, damaged or of another kind; "
                             "write or download it again.") from None
    return words, vectors


def _array(archive: zipfile.ZipFile, length: int, name: str, kind: str, axes: int) -> np.ndarray:
    """One array, after its sizes were held against the file's length: memory is taken for what can be there."""
    info = archive.getinfo(f"{name}.npy")
    room = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DEFLATE_AT_MOST}[info.compress_type] * length
    with archive.open(info) as member:
        version, (shape, _, dtype) = np.lib.format.read_magic(member), np.lib.format.read_array_header_1_0(member)
        size = math.prod(shape) * dtype.itemsize
        whole = size == info.file_size - member.tell() <= room
        require((version, dtype.kind, len(shape), whole) == ((1, 0), kind, axes, True), name, shape, "whole")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


DEFLATE_AT_MOST = 1032  # a byte stands for at most so many
