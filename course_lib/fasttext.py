"""fastText: a word's vector is the mean of the vectors of its pieces, so that unseen words have one too.

What it is. Every word owns a row, and so does every string of 3 to 6 characters inside `<word>` (its n-grams; millions,
so they share a fixed number of rows by a hash). word2vec's training is unchanged but for one thing: the vector of the
word as it is read is the mean of these rows, and its step goes to each of them. Files of the original are read by
`load`. The n-grams are in `character_ngrams`, the classifier of texts in `fasttext_classifier`; both can be had from
here as well.

What it leaves out. Quantised models, and several processes (`workers` above 1).

Paper. Bojanowski, Grave, Joulin, Mikolov (2017), "Enriching Word Vectors with Subword Information".

Shapes: V words, D vector size, R = V + bucket rows (words first), n rows of one word, P positions in a text.
"""

import os
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Real
from torch import Tensor

from course_lib import word2vec
from course_lib.character_ngrams import (  # noqa: F401  (lessons)
    END_OF_LINE,
    hash_ngram,
    ngram_ids,
    ngrams,
    raw_ngrams,
    rows_of_words,
    to_hash,
)
from course_lib.fasttext_classifier import Classifier, word_ngram_ids  # noqa: F401  (to be had from here, too)
from course_lib.files import existing, require_whole
from course_lib.keyed_vectors import KeyedVectors, UnknownWordError
from course_lib.progress import Listener
from course_lib.settings import Size, at_most, require
from course_lib.shapes import shaped
from course_lib.vocab import Vocab


@dataclass(frozen=True)
class FastTextConfig(word2vec.Word2VecConfig):
    """word2vec's settings, and: n-grams of `min_n` to `max_n` characters share `bucket` rows.

    `alpha` and `ns_exponent` are the original's (the paper draws noise by the square root of the count). The
    original's `bucket` is 2,000,000, which at 100 numbers a vector takes 0.8 GB.
    """

    ns_exponent: word2vec.Finite = 0.5
    alpha: word2vec.Rate = 0.05
    min_n: Annotated[Size, at_most("max_n")] = 3
    max_n: Size = 6
    bucket: Size = 200_000
    workers: Literal[1] = 1


# --- A word's vector (lesson 05) --------------------------------------------------------------------------------------


@shaped
def word_vector(
    word: str,
    index_of: dict[str, int],
    table: Real[np.ndarray, "R D"],
    min_n: Size = 3,
    max_n: Size = 6,
    bucket: Size = 200_000,
) -> Float[np.ndarray, " D"]:
    """The mean of the word's own row (where `index_of` knows it) and the rows of its n-grams, which follow the words'.

    Raises KeyError for an unknown word too short to have an n-gram.
    """
    rows = [index_of[word]] if word in index_of else []
    rows += [len(index_of) + i for i in ngram_ids(word, min_n, max_n, bucket)]
    if not rows:
        raise UnknownWordError(f"{word!r} is unknown and has no n-gram of {min_n} to {max_n} characters: nothing "
                               "speaks for it; ask for a longer word.")
    return table[rows].mean(axis=0)


# --- Training: word2vec's, on a table of composed words ---------------------------------------------------------------


def train(
    corpus: Iterable[list[str]],
    config: FastTextConfig | None = None,
    device: torch.device | str | None = None,
    progress: bool | Listener = True,
) -> "FastTextKeyedVectors":
    """Train word and n-gram vectors on an iterable of sentences (lists of words) that can be read twice.

    `progress`, one seed and the errors are as in `word2vec.train`.
    """
    config = config or FastTextConfig()
    require(isinstance(config, FastTextConfig), "config", config, "a FastTextConfig")
    vocab, tables = word2vec._fit(corpus, config, device, progress, SubwordTables, "fastText")
    return FastTextKeyedVectors(
        vocab.index_to_key, tables.rows.cpu().numpy(), config.min_n, config.max_n, config.bucket
    )


class SubwordTables(word2vec.Tables):
    """word2vec's tables, where `w_in` is composed: `rows` [R, D] is what is trained.

    A word's step g moves each of its n rows by g, as in the original, so it moves their mean by g: to the word itself
    nothing has changed since word2vec, and only the words that share its n-grams move with it, each by g times the
    share of its rows. So a chunk of batches runs on composed words as it would in word2vec; then each word's
    whole step goes to its rows. The original does both for every single pair.
    """

    chunk = 3  # with 1 no better; with 10 the summed steps of an n-gram such as `ing>` explode

    def __init__(self, vocab: Vocab, config: FastTextConfig, device: torch.device):
        super().__init__(vocab.counts, config, device)
        V, D = self.w_in.shape
        generator = torch.Generator().manual_seed(config.seed)
        self.rows = ((torch.rand(V + config.bucket, D, generator=generator) * 2 - 1) / D).to(device)
        pieces, starts = rows_of_words(vocab.index_to_key, config.min_n, config.max_n, config.bucket)
        self.pieces, self.starts, self.sizes = pieces.to(device), starts[:-1].to(device), starts.diff().to(device)
        self.only_centres = config.window if config.sg and not config.hs else 0

    def read(self, words: Int[Tensor, "N H"]) -> None:
        """Compose the words that this chunk reads."""
        if self.only_centres:
            words = words[:, self.only_centres : -self.only_centres]
        words = words.unique().long()
        sizes = self.sizes[words]
        begins = sizes.cumsum(0) - sizes
        owners = torch.arange(len(words), device=words.device).repeat_interleave(sizes)
        places = torch.arange(len(owners), device=words.device) + (self.starts[words] - begins)[owners]
        pieces = self.pieces[places]
        composed = F.embedding_bag(pieces, self.rows, begins, mode="mean")
        self.w_in.index_copy_(0, words, composed)
        self.open = words, owners, pieces, composed

    def write(self) -> None:
        """Hand each word's step since `read` to all of its rows."""
        words, owners, pieces, composed = self.open
        steps = self.w_in.index_select(0, words) - composed
        word2vec._add_rows(self.rows, pieces[None], word2vec._rows(steps, owners[None]))


# --- What is left when training is over -------------------------------------------------------------------------------


class FastTextKeyedVectors(KeyedVectors):
    """KeyedVectors that answer for any word: one outside the vocabulary is the mean of its n-grams.

    `table` [V + bucket, D]: the words' own rows, then the n-grams'. `vectors` [V, D] are the composed words; `in`,
    `len` and the answers of `most_similar` are about the vocabulary alone. `raw`: of keys that stand for words that are
    not UTF-8, their bytes, out of which their n-grams are.
    """

    @shaped
    def __init__(
        self,
        keys: Iterable[str],
        table: Real[np.ndarray, "R D"],
        min_n: int = 3,
        max_n: int = 6,
        bucket: int = 200_000,
        raw: Mapping[str, bytes] | None = None,
    ):
        keys, self.raw = list(keys), dict(raw or {})
        require(len(table) == len(keys) + bucket, "table", len(table), f"{len(keys)} words and {bucket} buckets long")
        table = np.require(table, np.float32, ["C", "W"])
        self.min_n, self.max_n, self.bucket = min_n, max_n, bucket
        pieces, starts = rows_of_words([self.raw.get(key, key) for key in keys], min_n, max_n, bucket)
        super().__init__(keys, F.embedding_bag(pieces, torch.from_numpy(table), starts[:-1], mode="mean").numpy())
        self.table = table.view()
        self.table.flags.writeable = False

    def unknown_vector(self, word: str) -> Float[np.ndarray, " D"] | None:
        """The mean of the n-grams of a word outside the vocabulary; None for one too short to have any."""
        if not isinstance(word, str):
            return None
        names, rows = self.ngram_vectors(word)
        return rows.mean(axis=0) if names else None

    def ngram_vectors(self, word: str) -> tuple[list[str], Float[np.ndarray, "n D"]]:
        """The pieces of a word and their rows, whose mean is its vector; first, for a known word, its own row."""
        row = self._row(word)
        word = word if row is None else self.index_to_key[row]
        found = raw_ngrams(self.raw.get(word) or to_hash(word), max(self.min_n, 1), self.max_n)
        names = [name.decode(errors="replace") for name in found]
        rows = [len(self) + hash_ngram(name) % self.bucket for name in found]
        if row is not None:
            names, rows = [word, *names], [row, *rows]
        return names, self.table[rows]


# --- Files of the original --------------------------------------------------------------------------------------------

MAGIC, VERSIONS = 793712314, (11, 12)
ARGUMENTS = "dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate t".split()
SUPERVISED = 3


@shaped
def load(
    path: str | os.PathLike, on_unicode_error: Literal["strict", "replace", "ignore"] = "strict"
) -> FastTextKeyedVectors:
    """Read a model that the `fasttext` program saved (`.bin`, not quantised): same vectors, same neighbours.

    Of a classifier, the word and n-gram vectors come back. `on_unicode_error`: of words that are not UTF-8, which
    official models hold, "replace" puts U+FFFD for the bytes and "ignore" nothing; where that makes two words one, a
    U+FFFD more tells them apart. Raises FileNotFoundError, and ValueError for a file that is no such model, quantised,
    shorter than it says, or, with "strict", for such a word.
    """
    path = existing(path, "fastText model")
    with open(path, "rb") as file:
        magic, version = _read(file, path, "<ii")
        known = magic == MAGIC and version in VERSIONS
        require(known, str(path), (magic, version), "a fastText model: .vec is for KeyedVectors.load_word2vec_format")
        args = dict(zip(ARGUMENTS, _read(file, path, "<12id"), strict=True))
        if version == 11 and args["model"] == SUPERVISED:
            args["maxn"] = 0  # such old classifiers had no n-grams of characters
        words, raw, pruned = _read_words(file, path, on_unicode_error)
        whole = not pruned and not _read(file, path, "<?")[0]
        require(whole, str(path), "quantised", "a model that was saved before quantize()")
        if args["minn"] > args["maxn"]:
            args["maxn"] = 0  # no n-grams, as in the original
        holds = f"says that it holds {len(words)} words and {args['bucket']} buckets"
        require_whole(words and args["bucket"] >= (args["maxn"] > 0), path, holds)
        table = _read_matrix(file, path)
        require_whole(table.shape[1] == args["dim"], path, f"promises {args['dim']} numbers, and has {table.shape[1]}")
    return FastTextKeyedVectors(words, table, args["minn"], args["maxn"], args["bucket"], raw)


def _read(file: BinaryIO, path: Path, form: str) -> tuple:
    raw = file.read(struct.calcsize(form))
    require_whole(len(raw) == struct.calcsize(form), path, f"ends after {path.stat().st_size:,} bytes, in the middle")
    return struct.unpack(form, raw)


def _read_words(file: BinaryIO, path: Path, on_unicode_error: str) -> tuple[list[str], dict[str, bytes], bool]:
    """The words of the dictionary, without the labels (type 1) that follow them; the bytes of those that are not UTF-8;
    and whether it was pruned.
    """
    size, count, labels, _, pruned = _read(file, path, "<iiiqq")
    found = []
    for _ in range(size):
        raw = bytearray()
        while (byte := _read(file, path, "<c")[0]) != b"\0":
            raw += byte
        _, label = _read(file, path, "<qb")
        found += [] if label else [bytes(raw)]
    words, odd = [], {}
    taken = {raw.decode("utf-8", "surrogateescape") for raw in found}  # no other word is given the name of one of these
    for raw in found:
        try:
            words.append(raw.decode())
        except UnicodeDecodeError:
            if on_unicode_error == "strict":
                raise ValueError(f"the word {raw[:40]!r} of {path} is not UTF-8: pass on_unicode_error='replace'."
                                 ) from None  # fmt: skip
            name = raw.decode(errors=on_unicode_error)
            while not name or name in taken:
                name += "\ufffd"
            taken.add(name)
            words.append(name)
            odd[name] = raw
    holds = len(words), size - len(words)
    require_whole(holds == (count, labels), path, f"promises {count} words and {labels} labels, and holds {holds}")
    return words, odd, pruned >= 0


def _read_matrix(file: BinaryIO, path: Path) -> Float[np.ndarray, "R D"]:
    rows, columns = _read(file, path, "<qq")
    left = path.stat().st_size - file.tell()
    promise = f"promises {rows:,} rows of {columns:,} numbers, but only {left:,} bytes are left"
    require_whole(rows >= 0 and columns >= 1 and rows * columns * 4 <= left, path, promise)
    return np.fromfile(file, dtype="<f4", count=rows * columns).reshape(rows, columns)
