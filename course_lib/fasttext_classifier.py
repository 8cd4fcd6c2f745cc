"""fastText's classifier of texts: softmax over the mean of the vectors of a text's words and runs of words.

What it is. The same trick as fastText's word vectors, on texts: each known word owns a row, each run of two or more
words falls on one of a fixed number of rows by its hash, and the mean of these rows goes into a linear layer. It is
often as good as a deep model, and trains in seconds.

What it leaves out. The original's hierarchical softmax and one-versus-all loss, n-grams of characters, and the
automatic search for settings.

Paper. Joulin, Grave, Bojanowski, Mikolov (2017), "Bag of Tricks for Efficient Text Classification".

Shapes: N texts, n rows of one text, B texts in a batch, L labels, D vector size, P words of a text.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib import device as devices
from course_lib.character_ngrams import hash_ngram, to_hash
from course_lib.settings import Positive, Size, Texts, require, require_as_many
from course_lib.shapes import plain, shaped
from course_lib.vocab import Vocab


@shaped
def word_ngram_ids(words: Sequence[str], longest: Size = 2, bucket: Size = 200_000) -> list[int]:
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

    @shaped
    def __init__(
        self,
        vector_size: Size = 20,
        word_ngrams: Size = 2,
        min_count: Size = 1,
        bucket: Size = 200_000,
        epochs: Size = 5,
        learning_rate: Positive = 0.5,
        batch_size: Size = 16,
        seed: int = 1,
    ):
        self.vector_size, self.word_ngrams, self.min_count, self.bucket = vector_size, word_ngrams, min_count, bucket
        self.epochs, self.learning_rate, self.batch_size, self.seed = epochs, learning_rate, batch_size, seed
        self.table = self.output = None

    @shaped
    def fit(self, texts: Texts, labels: Sequence) -> "Classifier":
        """Train from scratch. ValueError for no texts, unequal lengths, labels of one kind, texts without a word."""
        texts, labels = _split(texts), list(plain(labels))
        require_as_many(texts=texts, labels=labels)
        self.labels = sorted(set(labels), key=str)
        require(len(self.labels) > 1, "labels", self.labels, "of two kinds or more, for a classifier")
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
                    hashes[word] = _signed(hash_ngram(to_hash(word)))
            signed = np.array([hashes[word] for word in words], dtype=np.int64)
            chained = _chained(signed, self.word_ngrams, self.bucket)
            own = self.vocab.encode(words).astype(np.int64)
            found.append(torch.from_numpy(np.concatenate([own, len(self.vocab) + chained])))
        return found

    @shaped
    def predict_proba(self, texts: Texts) -> Float[np.ndarray, "N L"]:
        """The probability of each of `labels` for each text; a text of which nothing is known gets equal ones."""
        if self.table is None:
            raise RuntimeError("this classifier has not been trained: call fit(texts, labels) first.")
        with torch.no_grad():
            return F.softmax(self._scores(self._rows(_split(texts))), dim=1).numpy()

    @shaped
    def predict(self, texts: Texts) -> list:
        """The most probable label of each text."""
        return [self.labels[i] for i in self.predict_proba(texts).argmax(axis=1)]


def _split(texts: Texts) -> list[Sequence[str]]:
    require(len(texts) > 0, "texts", texts, "one text or more")
    return [text.split() if isinstance(text, str) else text for text in texts]
