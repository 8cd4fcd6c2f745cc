"""Lesson 08's neuron: a text is weighed counts (TF-IDF), and one neuron adds them up (logistic regression).

    tf_idf = TfIdf(); X = tf_idf.fit(known)       # [texts, V], sparse, each row of length 1
    neuron = Neuron().fit(X, labels)              # the strength of its penalty by cross-validation
    neuron.predict(tf_idf(asked))                 # 0 or 1 for each

What it is. `TfIdf` counts each text's words, takes 1 + log of a count, times 1 + log(texts / texts with the word), and
brings the row to length 1. `Neuron` finds the weights with the smallest sum of losses, plus |w|^2 / 2C, all texts at
once. It takes any table, as one of mean vectors.

What it leaves out. More than two labels, runs of words, and steps on batches: the whole table has to be in memory.

Papers. Spärck Jones (1972), "A Statistical Interpretation of Term Specificity and its Application in Retrieval"; Cox
(1958), "The Regression Analysis of Binary Sequences"; Liu & Nocedal (1989), for L-BFGS.

Shapes: N texts, V words or other inputs.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import optimize, sparse

from course_lib.settings import Count, Positive, Size, require, require_as_many
from course_lib.shapes import shaped
from course_lib.vocab import Vocab

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
TRIED = 3000  # texts at most among which the penalty is chosen
Table = sparse.csr_array | Float[np.ndarray, "N V"]


def _table(X) -> Table:
    return X if sparse.issparse(X) else np.asarray(X, dtype=np.float64)


class TfIdf:
    """Texts, each a list of words, as rows of weighed counts. Words rarer than `min_count` are left out."""

    @shaped
    def __init__(self, min_count: Size = 1):
        self.min_count = min_count

    def fit(self, texts: Sequence[Sequence[str]]) -> sparse.csr_array:
        """Learns the vocabulary and how rare each word is; returns the table [N, V]. ValueError for no word."""
        texts = list(texts)
        self.vocab = Vocab.from_corpus(texts, self.min_count)
        X = self._counts(texts)
        self.rarity = 1 + np.log(len(texts) / np.bincount(X.indices, minlength=len(self.vocab)))
        return self._weighed(X)

    def __call__(self, texts: Sequence[Sequence[str]]) -> sparse.csr_array:
        """The table [N, V] of other texts; words not seen in `fit` are passed over."""
        if not hasattr(self, "vocab"):
            raise RuntimeError("This TfIdf has counted nothing yet: call fit(texts) first.")
        return self._weighed(self._counts(texts))

    def _counts(self, texts) -> sparse.csr_array:
        ids = [self.vocab.encode(words) for words in texts]
        rows = np.repeat(np.arange(len(ids)), [len(one) for one in ids])
        columns = np.concatenate([np.asarray(one, dtype=np.int64) for one in ids]) if ids else rows
        X = sparse.csr_array((np.ones(len(rows)), (rows, columns)), (len(ids), len(self.vocab)))
        X.sum_duplicates()
        return X

    def _weighed(self, X: sparse.csr_array) -> sparse.csr_array:
        X.data = (1 + np.log(X.data)) * self.rarity[X.indices]
        lengths = np.sqrt(np.maximum((X**2).sum(1), 1e-12))
        X.data /= np.repeat(lengths, np.diff(X.indptr))
        return X


class Neuron:
    """Logistic regression for labels 0 and 1. C: how little large weights are punished; None: whichever of
    `PENALTIES` is right most often about a fifth of the texts after learning from the other four (five-fold
    cross-validation among the first 3,000; with ties the smallest)."""

    weights: Float[np.ndarray, " V"]
    bias: float

    @shaped
    def __init__(self, C: Positive | None = None, seed: Count = 0):
        self.given, self.seed = C, seed

    def fit(self, X: Table, labels: Int[np.ndarray, " N"]) -> "Neuron":
        """Finds the weights; returns itself. ValueError where lengths differ or one of the two labels is missing."""
        X, labels = _table(X), np.asarray(labels)
        require_as_many(rows=range(X.shape[0]), labels=labels)
        require(set(labels.tolist()) == {0, 1}, "labels", sorted(set(labels.tolist())), "0 and 1, both of them")
        self.C = self._chosen(X[:TRIED], labels[:TRIED]) if self.given is None else self.given
        sign, turned, C = np.where(labels == 1, 1, -1), X.T, self.C

        def loss_and_slope(w):
            s = sign * (X @ w[:-1] + w[-1])
            slope = -sign * np.exp(-np.logaddexp(0, s))  # - sign * sigmoid(-s), without overflow
            loss = np.logaddexp(0, -s).sum() + w[:-1] @ w[:-1] / (2 * C)
            return loss, np.append(turned @ slope + w[:-1] / C, slope.sum())

        found = optimize.minimize(loss_and_slope, np.zeros(X.shape[1] + 1), jac=True, method="L-BFGS-B",
                                  options={"maxiter": 100})  # fmt: skip
        require(bool(np.isfinite(found.fun)), "X", X, "a table of finite numbers")
        self.weights, self.bias = found.x[:-1], float(found.x[-1])
        return self

    def scores(self, X: Table) -> Float[np.ndarray, " N"]:
        """How far each row is on the side of label 1: the log of its odds."""
        return _table(X) @ self.weights + self.bias

    def predict(self, X: Table) -> Int[np.ndarray, " N"]:
        return (self.scores(X) > 0).astype(int)

    def _chosen(self, X: Table, labels: Int[np.ndarray, " N"]) -> float:
        folds = np.empty(len(labels), dtype=int)  # each label is dealt out over the five, as evenly as it goes
        for label in (0, 1):
            rows = np.random.default_rng(self.seed).permutation(np.flatnonzero(labels == label))
            folds[rows] = np.arange(len(rows)) % 5
        usable = [k for k in range(5) if len(set(labels[folds != k].tolist())) == 2 and (folds == k).any()]
        hits = {C: sum((Neuron(C).fit(X[folds != k], labels[folds != k]).predict(X[folds == k])
                        == labels[folds == k]).sum() for k in usable) for C in PENALTIES}  # fmt: skip
        return max(hits, key=hits.get)
