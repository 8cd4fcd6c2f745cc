"""fastText: a word's vector is the mean of the vectors of its pieces, so that unseen words have one too.

What it is. Every word owns a row, and so does every string of 3 to 6 characters inside `<word>` (its n-grams; millions,
so they share a fixed number of rows by a hash). word2vec's training is unchanged but for one thing: the vector of the
word as it is read is the mean of these rows, and its step goes to each of them. A linear classifier of texts on the
same trick (`Classifier`) comes with it. Files of the original are read by `load`.

What it leaves out. Quantised models, the original's one-versus-all loss and its automatic search for settings, and
several processes (`workers` above 1).

Papers. Bojanowski, Grave, Joulin, Mikolov (2017), "Enriching Word Vectors with Subword Information"; Joulin, Grave,
Bojanowski, Mikolov (2017), "Bag of Tricks for Efficient Text Classification".

Shapes: V words, D vector size, R = V + bucket rows (words first), n rows of one word, P positions in a text.
"""

import os
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib import device as devices
from course_lib import word2vec
from course_lib.keyed_vectors import KeyedVectors, UnknownWordError
from course_lib.vocab import Vocab

END_OF_LINE = "</s>"  # what the original reads at the end of a line; the one word without n-grams


@dataclass(frozen=True)
class FastTextConfig(word2vec.Word2VecConfig):
    """word2vec's settings, and: n-grams of `min_n` to `max_n` characters share `bucket` rows.

    `alpha` and `ns_exponent` are the original's (the paper draws noise by the square root of the count). The
    original's `bucket` is 2,000,000, which at 100 numbers a vector takes 0.8 GB.
    """

    ns_exponent: float = 0.5
    alpha: float = 0.05
    min_n: int = 3
    max_n: int = 6
    bucket: int = 200_000

    def __post_init__(self):
        super().__post_init__()
        _check_sizes(self.min_n, self.max_n, self.bucket)
        if self.workers != 1:
            raise ValueError(f"workers={self.workers} cannot be used: fastText trains in one process; use workers=1.")


def _check_sizes(min_n: int, max_n: int, bucket: int = 1) -> None:
    for name, value in (("min_n", min_n), ("max_n", max_n), ("bucket", bucket)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}={value!r} cannot be used: {name} must be a whole number of 1 or more.")
    if min_n > max_n:
        raise ValueError(f"min_n={min_n} is above max_n={max_n}: no n-gram is that long and that short; swap them.")


# --- A word's pieces (lesson 05) --------------------------------------------------------------------------------------


def ngrams(word: str, min_n: int = 3, max_n: int = 6) -> list[str]:
    """The n-grams of `<word>` in order: by where they begin, short ones first. A border alone is none.

    >>> ngrams("cat", 3, 4)
    ['<ca', '<cat', 'cat', 'cat>', 'at>']

    Characters are Unicode code points, as in the original: an accent that combines counts as one. The end of a line,
    `</s>`, has no n-grams. Raises ValueError for an empty word and for `min_n` above `max_n`.
    """
    _check_sizes(min_n, max_n)
    _check_word(word)
    if word == END_OF_LINE:
        return []
    text, found = f"<{word}>", []
    for begin in range(len(text)):
        for end in range(begin + min_n, min(begin + max_n, len(text)) + 1):
            if end - begin > 1 or 0 < begin < len(text) - 1:
                found.append(text[begin:end])
    return found


def hash_ngram(ngram: str) -> int:
    """32-bit FNV-1a of the UTF-8 bytes, but with bytes above 127 taken as negative: a slip that the original keeps.

    >>> hash_ngram("<ca"), hash_ngram("é")
    (1066916747, 1023043777)
    """
    value = 2166136261
    for byte in ngram.encode():
        signed = byte - 256 if byte > 127 else byte
        value = ((value ^ signed & 0xFFFFFFFF) * 16777619) & 0xFFFFFFFF
    return value


def ngram_ids(word: str, min_n: int = 3, max_n: int = 6, bucket: int = 200_000) -> list[int]:
    """The rows, 0 to bucket - 1, that the n-grams of a word fall on, in the order of `ngrams`."""
    _check_sizes(min_n, max_n, bucket)
    return [hash_ngram(ngram) % bucket for ngram in ngrams(word, min_n, max_n)]


def word_vector(
    word: str,
    index_of: dict[str, int],
    table: Float[np.ndarray, "R D"],
    min_n: int = 3,
    max_n: int = 6,
    bucket: int = 200_000,
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


def _check_word(word: str) -> None:
    if not isinstance(word, str):
        raise ValueError(f"{word!r} is a {type(word).__name__}, not a word: give a string.")
    if not word:
        raise ValueError("the word is empty: '' has no characters; give at least one.")
    try:
        word.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{ascii(word[:40])} has half a character (a surrogate): decode the text as UTF-8.") from None


def _input_rows(
    words: Sequence[str], min_n: int, max_n: int, bucket: int
) -> tuple[Int[Tensor, " N"], Int[Tensor, " V_plus_1"]]:
    """Own row and n-gram rows of all words, those of word w being rows[starts[w]:starts[w + 1]].

    All words at once: one array step hashes the next byte of every n-gram that is still growing.
    """
    V = len(words)
    for word in words:
        _check_word(word)
    texts = [f"<{word}>" for word in words]
    lengths = np.array([len(text) for text in texts])
    min_n = max(min_n, 1)  # a file of the original may say 0
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(lengths.sum())  # characters from here to the end, [P]
    signed = _signed_bytes("".join(texts), max_n)
    P, whole = len(left), np.repeat(lengths, lengths)
    plain = np.repeat(np.array([word != END_OF_LINE for word in words], dtype=bool), lengths)
    value = np.full(P, 2166136261, dtype=np.uint32)
    ids = np.zeros((P, max(0, max_n - min_n + 1)), dtype=np.int64)
    valid = np.zeros(ids.shape, dtype=bool)
    for n in range(1, max_n + 1):
        for byte, present in signed:
            grown = (value ^ byte[n - 1 : n - 1 + P]) * np.uint32(16777619)
            value = np.where(present[n - 1 : n - 1 + P], grown, value)
        if n >= min_n:
            ids[:, n - min_n] = V + value % np.uint32(max(bucket, 1))
            border = (left == whole) | (left == 1) if n == 1 else False
            valid[:, n - min_n] = (left >= n) & plain & ~np.asarray(border)
    counts = np.add.reduceat(valid.sum(1), np.cumsum(lengths) - lengths)
    starts = np.concatenate([[0], np.cumsum(counts + 1)])
    rows = np.empty(starts[-1], dtype=np.int64)
    own = np.zeros(len(rows), dtype=bool)
    own[starts[:-1]] = True
    rows[own], rows[~own] = np.arange(V), ids[valid]
    return torch.from_numpy(rows), torch.from_numpy(starts)


def _signed_bytes(text: str, padding: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The first, second, third and fourth UTF-8 byte of each character, sign-extended, and where there is one."""
    raw = np.frombuffer(text.encode(), dtype=np.uint8)
    begins = np.flatnonzero((raw & 0xC0) != 0x80)
    sizes = np.diff(begins, append=len(raw))
    raw = np.concatenate([raw, np.zeros(4, dtype=np.uint8)])
    found = []
    for k in range(4):
        byte = raw[begins + k].astype(np.int8).astype(np.int32).astype(np.uint32)
        found.append((np.pad(byte, (0, padding)), np.pad(sizes > k, (0, padding))))
    return found if len(raw) - 4 > len(begins) else found[:1]


# --- Training: word2vec's, on a table of composed words ---------------------------------------------------------------


def train(
    corpus: Iterable[list[str]],
    config: FastTextConfig | None = None,
    device: torch.device | str | None = None,
    progress: bool | Callable[[word2vec.Progress], None] = True,
) -> "FastTextKeyedVectors":
    """Train word and n-gram vectors on an iterable of sentences (lists of words) that can be read twice.

    `progress`, one seed and the errors are as in `word2vec.train`.
    """
    config = config or FastTextConfig()
    if not isinstance(config, FastTextConfig):
        raise ValueError(f"config is a {type(config).__name__}: fastText needs a FastTextConfig.")
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

    chunk = 4  # with 1 no better; with 16 the summed steps of an n-gram such as `ing>` explode

    def __init__(self, vocab: Vocab, config: FastTextConfig, device: torch.device):
        super().__init__(vocab.counts, config, device)
        V, D = self.w_in.shape
        generator = torch.Generator().manual_seed(config.seed)
        self.rows = ((torch.rand(V + config.bucket, D, generator=generator) * 2 - 1) / D).to(device)
        pieces, starts = _input_rows(vocab.index_to_key, config.min_n, config.max_n, config.bucket)
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
    `len` and the answers of `most_similar` are about the vocabulary alone.
    """

    def __init__(
        self,
        keys: Iterable[str],
        table: Float[np.ndarray, "R D"],
        min_n: int = 3,
        max_n: int = 6,
        bucket: int = 200_000,
    ):
        keys = list(keys)
        if np.ndim(table) != 2 or len(table) != len(keys) + bucket:
            raise ValueError(f"the table has shape {np.shape(table)}: {len(keys)} words and {bucket} buckets need "
                             f"{len(keys) + bucket} rows.")
        table = np.require(table, np.float32, ["C", "W"])
        self.min_n, self.max_n, self.bucket = min_n, max_n, bucket
        pieces, starts = _input_rows(keys, min_n, max_n, bucket)
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
        _check_word(word)
        names = ngrams(word, max(self.min_n, 1), self.max_n) if self.max_n else []
        rows = [len(self) + hash_ngram(name) % self.bucket for name in names]
        if word in self:
            names, rows = [word, *names], [self.key_to_index[word], *rows]
        return names, self.table[rows]


# --- Files of the original --------------------------------------------------------------------------------------------

MAGIC, VERSIONS = 793712314, (11, 12)
ARGUMENTS = "dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate t".split()
SUPERVISED = 3


def load(path: str | os.PathLike) -> FastTextKeyedVectors:
    """Read a model that the `fasttext` program saved (`.bin`, not quantised): same vectors, same neighbours.

    Of a classifier, the word and n-gram vectors come back. Raises FileNotFoundError, and ValueError for a file that is
    no such model, quantised, or shorter than it says.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no fastText model at {path}: check the path.")
    with open(path, "rb") as file:
        magic, version = _read(file, path, "<ii")
        if magic != MAGIC or version not in VERSIONS:
            raise ValueError(f"{path} is not a fastText model: it begins with {magic} and {version}, not with {MAGIC} "
                             "and 12; for a .vec file use KeyedVectors.load_word2vec_format.")
        args = dict(zip(ARGUMENTS, _read(file, path, "<12id"), strict=True))
        if version == 11 and args["model"] == SUPERVISED:
            args["maxn"] = 0  # such old classifiers had no n-grams of characters
        words = _read_words(file, path)
        if _read(file, path, "<?")[0]:
            raise ValueError(f"{path} is quantised, which is not read here: save the model before quantize().")
        table = _read_matrix(file, path)
        if table.shape != (len(words) + args["bucket"], args["dim"]):
            raise ValueError(f"the table of {path} is {table.shape}, but {len(words)} words and {args['bucket']} "
                             f"buckets of {args['dim']} numbers were promised: the file is damaged.")
    return FastTextKeyedVectors(words, table, args["minn"], args["maxn"], args["bucket"])


def _read(file: BinaryIO, path: Path, form: str) -> tuple:
    raw = file.read(struct.calcsize(form))
    if len(raw) < struct.calcsize(form):
        raise ValueError(f"{path} ends after {path.stat().st_size:,} bytes, in the middle of the model: "
                         "copy it again from where it came.")
    return struct.unpack(form, raw)


def _read_words(file: BinaryIO, path: Path) -> list[str]:
    """The words of the dictionary, without the labels (type 1) that follow them."""
    size, num_words, num_labels, _, pruned = _read(file, path, "<iiiqq")
    if not 0 <= num_words <= size == num_words + num_labels:
        raise ValueError(f"{path} promises {num_words} words and {num_labels} labels of {size}: the file is damaged.")
    if pruned >= 0:
        raise ValueError(f"{path} was pruned for quantising, which is not read here: save it before quantize().")
    words = []
    for _ in range(size):
        raw = bytearray()
        while (byte := _read(file, path, "<c")[0]) != b"\0":
            raw += byte
        _, label = _read(file, path, "<qb")
        try:
            words += [] if label else [raw.decode()]
        except UnicodeDecodeError:
            raise ValueError(f"the word {bytes(raw[:40])!r} of {path} is not UTF-8: train on UTF-8 text.") from None
    return words


def _read_matrix(file: BinaryIO, path: Path) -> Float[np.ndarray, "R D"]:
    rows, columns = _read(file, path, "<qq")
    left = path.stat().st_size - file.tell()
    if rows < 0 or columns < 1 or rows * columns * 4 > left:
        raise ValueError(f"{path} promises {rows:,} rows of {columns:,} numbers, but only {left:,} bytes are left: "
                         "it is cut short; copy it again.")
    return np.fromfile(file, dtype="<f4", count=rows * columns).reshape(rows, columns)


# --- The classifier ---------------------------------------------------------------------------------------------------


def word_ngram_ids(words: Sequence[str], longest: int = 2, bucket: int = 200_000) -> list[int]:
    """The rows, 0 to bucket - 1, of the runs of 2 to `longest` words of a text, by where they begin, short ones first.

    The original's hash: the words' own hashes as signed 32-bit numbers, chained by h = h * 116049371 + next, 64 bits.
    """
    hashes = [_signed(hash_ngram(word)) for word in words]
    return _chained(np.array(hashes, dtype=np.int64), longest, bucket).tolist()


def _signed(value: int) -> int:
    return value - (value >> 31 << 32)


def _chained(hashes: Int[np.ndarray, " P"], longest: int, bucket: int) -> Int[np.ndarray, " N"]:
    values, found = hashes.astype(np.uint64), np.full((len(hashes), max(longest - 1, 0)), -1)
    for n in range(1, longest):
        values = values[:-1] * np.uint64(116049371) + hashes[n:].astype(np.uint64)  # modulo 2 ** 64
        found[: len(values), n - 1] = values % np.uint64(bucket)
        if not len(values):
            break
    return found[found >= 0]


class Classifier:
    """Which label does a text bear? Softmax over the mean of its words' and runs of words' vectors (Joulin et al.).

    texts: strings, split at white space, or lists of words. labels: one a text, anything that can be a dict's key.
    A run of words (up to `word_ngrams`) falls on one of `bucket` rows by its hash. `min_count`: rarer words have no
    row of their own. `learning_rate` falls in a straight line to 0; one seed gives one result.

    >>> texts = ["a good film", "a bad film", "good", "bad"]
    >>> Classifier(bucket=100, epochs=50).fit(texts, ["+", "-", "+", "-"]).predict(["so good"])
    ['+']
    """

    def __init__(
        self,
        vector_size: int = 20,
        word_ngrams: int = 2,
        min_count: int = 1,
        bucket: int = 200_000,
        epochs: int = 5,
        learning_rate: float = 0.5,
        batch_size: int = 16,
        seed: int = 1,
    ):
        sizes = {"vector_size": vector_size, "word_ngrams": word_ngrams, "min_count": min_count, "bucket": bucket,
                 "epochs": epochs, "batch_size": batch_size}  # fmt: skip
        for name, value in sizes.items():
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name}={value!r} cannot be used: {name} must be a whole number of 1 or more.")
        if not learning_rate > 0:
            raise ValueError(f"learning_rate={learning_rate!r} cannot be used: it must be above 0.")
        self.__dict__.update(sizes, learning_rate=learning_rate, seed=seed)
        self.table = self.output = None

    def fit(self, texts: Sequence[str | Sequence[str]], labels: Sequence) -> "Classifier":
        """Train from scratch. ValueError for no texts, unequal lengths, labels of one kind, texts without a word."""
        texts, labels = _split(texts), list(labels)
        if len(texts) != len(labels):
            raise ValueError(f"there are {len(texts)} texts but {len(labels)} labels: give one label for each text.")
        self.labels = sorted(set(labels), key=str)
        if len(self.labels) < 2:
            raise ValueError(f"all labels are {self.labels[0]!r}: a classifier needs texts of two kinds or more.")
        self.vocab = Vocab.from_corpus(texts, self.min_count)
        generator = torch.Generator().manual_seed(self.seed)
        D = self.vector_size
        self.table = (torch.rand(len(self.vocab) + self.bucket, D, generator=generator) * 2 - 1) / D
        self.output = torch.zeros(len(self.labels), D)
        rank = {label: i for i, label in enumerate(self.labels)}
        answers = torch.tensor([rank[label] for label in labels])
        with devices.one_thread():
            self._train(self._rows(texts), answers, generator)
        return self

    def _train(self, rows: list[Int[Tensor, " n"]], answers: Int[Tensor, " N"], generator: torch.Generator) -> None:
        parameters = [self.table.requires_grad_(), self.output.requires_grad_()]
        optimizer = torch.optim.SGD(parameters, lr=self.learning_rate)
        steps = self.epochs * -(-len(rows) // self.batch_size)
        schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
        for _ in range(self.epochs):
            for batch in torch.randperm(len(rows), generator=generator).split(self.batch_size):
                optimizer.zero_grad()
                scores = self._scores([rows[i] for i in batch.tolist()])
                F.cross_entropy(scores, answers[batch], reduction="sum").backward()  # a batch: so many steps at once
                optimizer.step()
                schedule.step()
        self.table, self.output = self.table.detach(), self.output.detach()
        if not torch.isfinite(self.output).all():
            raise RuntimeError(f"The training diverged: lower learning_rate={self.learning_rate}.")

    def _scores(self, rows: list[Int[Tensor, " n"]]) -> Float[Tensor, "B L"]:
        starts = torch.tensor([0] + [len(one) for one in rows[:-1]]).cumsum(0)
        hidden = F.embedding_bag(torch.cat(rows), self.table, starts, mode="mean", sparse=True)  # (B, D)
        return hidden @ self.output.T

    def _rows(self, texts: list[Sequence[str]]) -> list[Int[Tensor, " n"]]:
        """The rows of each text: its known words, then its runs of words."""
        hashes: dict[str, int] = {}
        found = []
        for words in texts:
            for word in words:
                if word not in hashes:
                    hashes[word] = _signed(hash_ngram(word))
            signed = np.array([hashes[word] for word in words], dtype=np.int64)
            chained = _chained(signed, self.word_ngrams, self.bucket)
            own = self.vocab.encode(words).astype(np.int64)
            found.append(torch.from_numpy(np.concatenate([own, len(self.vocab) + chained])))
        return found

    def predict_proba(self, texts: Sequence[str | Sequence[str]]) -> Float[np.ndarray, "N L"]:
        """The probability of each of `labels` for each text; a text of which nothing is known gets equal ones."""
        if self.table is None:
            raise RuntimeError("this classifier has not been trained: call fit(texts, labels) first.")
        with torch.no_grad():
            return F.softmax(self._scores(self._rows(_split(texts))), dim=1).numpy()

    def predict(self, texts: Sequence[str | Sequence[str]]) -> list:
        """The most probable label of each text."""
        return [self.labels[i] for i in self.predict_proba(texts).argmax(axis=1)]


def _split(texts: Sequence[str | Sequence[str]]) -> list[Sequence[str]]:
    if isinstance(texts, str):
        raise ValueError(f"texts is one string, {texts[:30]!r}: give a list of texts.")
    texts = [text.split() if isinstance(text, str) else text for text in texts]
    if not texts:
        raise ValueError("there are no texts: give at least one.")
    return texts
