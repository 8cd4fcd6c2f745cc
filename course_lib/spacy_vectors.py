"""Word vectors as spaCy keeps them: a folder in which no word stands beside its vector.

    load(data.path("french_vectors"))        # KeyedVectors(20,000 words x 300)

What it is. The folder has three files: `vectors`, NumPy's; `strings.json`, all the words that were ever met, in the
order of the alphabet; and `key2row`, which says for the *hash* of a word which row is its own. To find out which word a
row belongs to, all words are hashed. Rows and hashes stand in the order of frequency; after the last row come further
words that were given the row of a neighbour, to save room. Those are left out: each row keeps the word that it is of.

What it leaves out. Writing; spaCy itself, its pipelines and floret's vectors.

Sources: spaCy's `Vectors.prune` and `StringStore` (https://spacy.io/api/vectors); MurmurHash64A (Appleby 2008, public
domain); MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md).

Shapes: V words, D numbers a word, S strings.
"""

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt64

from course_lib.files import existing, require_whole
from course_lib.keyed_vectors import KeyedVectors

MIX, SHIFT = np.uint64(0xC6A4A7935BD1E995), np.uint64(47)  # MurmurHash64A's two constants
FILES = {"vectors": "file of vectors", "strings.json": "list of words", "key2row": "file of hashes"}
NUMBERS = {0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}  # MessagePack: the first byte says how a number is written


def hashes(strings: Sequence[str], seed: int = 1) -> UInt64[np.ndarray, " S"]:
    """MurmurHash64A of each string's UTF-8, strings of one length at a time. spaCy's seed is 1.

    >>> int(hashes(["coffee"])[0])  # the example of spaCy's documentation
    3197928453018144401
    """
    encoded = [str.encode(string, "utf-8", "surrogatepass") for string in strings]
    lengths, found = np.array([len(one) for one in encoded]), np.zeros(len(encoded), np.uint64)
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        joined = b"".join(encoded[place].ljust(-(-length // 8) * 8, b"\0") for place in places)
        blocks = np.frombuffer(joined, "<u8").reshape(len(places), -1)  # eight bytes each
        found[places] = _murmur(blocks, int(length), seed)
    return found


def _murmur(blocks: UInt64[np.ndarray, "S B"], length: int, seed: int) -> UInt64[np.ndarray, " S"]:
    hashed = np.full(len(blocks), seed ^ (length * int(MIX)) % 2**64, np.uint64)
    for block in blocks[:, :length // 8].T:
        mixed = block * MIX
        hashed = (hashed ^ (mixed ^ mixed >> SHIFT) * MIX) * MIX
    if length % 8:
        hashed = (hashed ^ blocks[:, -1]) * MIX
    hashed = (hashed ^ hashed >> SHIFT) * MIX
    return hashed ^ hashed >> SHIFT


def load(folder: str | Path) -> KeyedVectors:
    """The words of a folder and their vectors, most frequent first. ValueError for what is no such folder.

    A row whose word is not among the strings is left out.
    """
    folder = Path(folder)
    files = [existing(folder / name, what) for name, what in FILES.items()]
    try:
        vectors = np.load(files[0])
        strings = [*json.loads(files[1].read_text("utf-8")), ""]  # "" so that there is one; no row is its own
        count, hashed = len(vectors), hashes(strings)
    except Exception as error:  # NumPy and json raise as many kinds as there are ways to break a file
        raise ValueError(f"{folder} is damaged, or not spaCy's ({error}): copy it again.") from None
    owners = _first_keys(files[2], count)
    order = np.argsort(hashed)
    place = order[np.searchsorted(hashed, owners, sorter=order).clip(max=len(order) - 1)]
    known = hashed[place] == owners
    return KeyedVectors([strings[i] for i in place[known]], vectors[known])


def _first_keys(file: Path, count: int) -> UInt64[np.ndarray, " V"]:
    """The hashes of the words that rows 0, 1, 2, ... are of: the first entries of a MessagePack map {hash: row}."""
    read, keys = file.read_bytes(), []
    at = {0xDE: 3, 0xDF: 5}.get(read[0] if read else 0, 1)  # behind the map's size
    for row in range(count):
        try:
            key, at = _number(read, at)
            found, at = _number(read, at)
        except (KeyError, IndexError, struct.error):
            raise ValueError(f"{file} is damaged, or no map of hashes to rows: it ends before row {row}.") from None
        require_whole(found == row, file, f"has row {found} where row {row} was due, as pruned vectors (md) do")
        keys.append(key)
    return np.array(keys, np.uint64)


def _number(read: bytes, at: int) -> tuple[int, int]:
    """A number of MessagePack, and the place behind it."""
    if read[at] < 0x80:
        return read[at], at + 1
    form = NUMBERS[read[at]]
    return struct.unpack_from(form, read, at + 1)[0], at + 1 + struct.calcsize(form)
