"""How many labels does each method need? Film reviews, from 50 labels to 20,000, three seeds each.

    python benchmarks/labels.py                      all rows that are missing (hours on one core; it can be stopped,
                                                     or run several times at once with other methods)
    python benchmarks/labels.py --methods "fastText" --labels 50 200
    python benchmarks/labels.py --tune               try other learning rates, on training reviews alone
    python benchmarks/labels.py --table              print the table of what is there

The reviews are the Internet Movie Database's 25,000. What lesson 08 holds out, whole shelves of films, is held out
here, and 2,000 of it are asked. A seed draws one order of the other 20,000; the first N of it are the labels that every
method gets, so methods are compared pair by pair.

Counting reads the whole review; "first and last" is the control that reads what the networks read: the first 64 and the
last 190 pieces (with [CLS] and [SEP] 256), as verdicts stand at the end. The penalty of the regression is chosen by
five-fold cross-validation on the labelled reviews. The BERTs are the mini model, once with random weights and once with
those of data/checkpoints/bert, which has read the unlabelled text of the 20,000, but not of the held-out ones; all have
one recipe and one learning rate (`LEARNING_RATES`; --tune tries others, which nobody has done for this table). "frozen"
is no training at all: the logistic regression again, on the mean of the last layer's vectors of a review. "asked in
words" needs no new head: "it was [MASK]." stands at the end of each review, and the pretrained head for masked pieces
says whether *great* or *terrible* fits better (Schick & Schütze 2021); with 0 labels it is asked as it is. The LSTM
reads the same pieces from both ends. The BERTs compute in bfloat16 where the processor has it.

One thread. Each row is written to results/labels.json at once, so a broken-off run goes on where it was.
"""

import argparse
import functools
import hashlib
import itertools
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
import torch
from filelock import FileLock
from measuring import has_bfloat16, machine, save
from torch import nn

from course_lib import bert, cleaning, data, fasttext, finetuning, pretrain, sequences, training

RESULT = pathlib.Path(__file__).parent / "results/labels.json"
LABELS, SEEDS, ASKED = (0, 50, 200, 1000, 5000, 20_000), (1, 2, 3), 2000
EPOCHS = {50: 20, 200: 10, 1000: 5, 5000: 3, 20_000: 1}
FIRST, LAST, BATCH = 64, 190, 16
QUESTION = "it was [MASK]."
WORDS = (["terrible", "bad", "awful", "boring"], ["great", "good", "excellent", "wonderful"])
LEARNING_RATES = {"BERT, from scratch": 3e-4, "BERT, pretrained": 3e-4, "BERT, asked in words": 3e-4}


@functools.cache
def reviews() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Texts, verdicts (1: liked it), and which are held out."""
    found = [review for review in data.load("film_sentiment") if review.source == "imdb"]
    held = pretrain.held_out_reviews()
    return [review.text for review in found], np.array([review.label for review in found]), held


def rows(seed: int, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Which reviews are learned from, and which are asked (the same for all)."""
    _, _, held = reviews()
    learned = np.random.default_rng(seed).permutation(np.flatnonzero(~held))[:labels]
    return learned, np.sort(np.random.default_rng(0).permutation(np.flatnonzero(held))[:ASKED])


@functools.cache
def pretrained():
    return pretrain.load(data.path("bert"))


@functools.cache
def pieces(row: int, question: str = "") -> tuple[int, ...]:
    """A review as the networks read it: [CLS], its beginning and its end, [SEP]; before that, perhaps a question."""
    _, tokenizer = pretrained()
    special, asked = tokenizer.special_tokens, []
    if question:
        before, after = (tokenizer.encode(part, special=False) for part in question.split("[MASK]"))
        asked = [*before, special["[MASK]"], *after]
    ids, last = tokenizer.encode(reviews()[0][row], special=False), LAST - len(asked)
    if len(ids) > FIRST + last:
        ids = ids[:FIRST] + ids[-last:]
    return special["[CLS]"], *ids, *asked, special["[SEP]"]


@functools.cache
def words(row: int) -> list[str]:
    return cleaning.words(reviews()[0][row])


# --- the methods: rows to learn from, their labels, rows to be asked about, a seed -> answers -------------------------


def penalised(penalties: Sequence[float]):
    """Logistic regression; which penalty (its C), five-fold cross-validation decides."""
    from sklearn.linear_model import LogisticRegressionCV

    return LogisticRegressionCV(
        Cs=penalties, l1_ratios=(0.0,), max_iter=2000, scoring="accuracy", use_legacy_attributes=False)


def regression(texts: Callable[[int], Sequence], learned, labels, asked, seed: int) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer

    tf_idf = TfidfVectorizer(analyzer=lambda one: one, sublinear_tf=True, min_df=1 if len(learned) < 1000 else 2)
    X = tf_idf.fit_transform([texts(row) for row in learned])
    model = penalised([0.3, 1, 3, 10, 30, 100])
    return model.fit(X, labels).predict(tf_idf.transform([texts(row) for row in asked]))


def fast_text(learned, labels, asked, seed: int) -> list[int]:
    epochs = max(5, min(100, 60_000 // len(learned)))
    model = fasttext.Classifier(vector_size=10, min_count=1 if len(learned) < 1000 else 2, epochs=epochs, seed=seed)
    return model.fit([words(row) for row in learned], labels.tolist()).predict([words(row) for row in asked])


def loss(model, batch):
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        return finetuning.loss(model, batch)


def config(learned, seed: int, learning_rate: float, epochs: int) -> training.TrainingConfig:
    steps = epochs * -(-len(learned) // BATCH)
    return training.TrainingConfig(
        steps=steps, learning_rate=learning_rate, warmup_steps=steps // 10, decay="linear", seed=seed, log_every=50)


def train_and_ask(name: str, model, learned, labels, asked, seed: int, rate: float | None, question: str = ""):
    """Train on the labelled reviews (if there are any), and answer about the others."""
    if len(learned):
        batches = finetuning.packed_batches([pieces(row, question) for row in learned], labels, batch_size=BATCH)
        settings = config(learned, seed, rate or LEARNING_RATES[name], EPOCHS[len(learned)])
        training.train(model, batches, loss, settings, progress=False)
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        return finetuning.predict(model, [pieces(row, question) for row in asked])


def classifier(name: str, learned, labels, asked, seed: int, learning_rate: float | None = None) -> list[int]:
    body = pretrained()[0].bert
    torch.manual_seed(seed)
    model = bert.BertForSequenceClassification(bert.BertConfig(**vars(body.config) | {"dropout": 0.1}), num_labels=2)
    full = name == "BERT, pretrained"
    finetuning.prepare(model, "full" if full else "scratch", body if full else None)
    return train_and_ask(name, model, learned, labels, asked, seed, learning_rate)


class AskedInWords(nn.Module):
    """[B, 2] logits: do the words of the first group fit the hole, or those of the second?"""

    def __init__(self, model: bert.BertForPreTraining, mask_id: int, groups: list[list[int]]):
        super().__init__()
        self.model, self.mask_id, self.groups = model, mask_id, torch.tensor(groups)

    def forward(self, input_ids, attention_mask=None, *, lengths=None):
        hidden = self.model.bert(input_ids, attention_mask, lengths=lengths).hidden
        h = self.model.transform(hidden[input_ids == self.mask_id])  # (B, D): there is one hole in each text
        h = self.model.transform_norm(nn.functional.gelu(h))
        table, bias = self.model.bert.tokens.weight[self.groups], self.model.bias[self.groups]  # (2, k, D), (2, k)
        return (torch.einsum("bd,gkd->bgk", h, table) + bias).logsumexp(-1)


def asked_in_words(name: str, learned, labels, asked, seed: int, learning_rate: float | None = None) -> list[int]:
    model, tokenizer = pretrained()
    torch.manual_seed(seed)
    model = bert.BertForPreTraining(bert.BertConfig(**vars(model.bert.config) | {"dropout": 0.1}))
    model.load_state_dict(pretrained()[0].state_dict())
    groups = [[tokenizer.encode(word, special=False)[0] for word in group] for group in WORDS]
    model = AskedInWords(model, tokenizer.special_tokens["[MASK]"], groups)
    return train_and_ask(name, model, learned, labels, asked, seed, learning_rate, QUESTION)


@functools.cache
def mean_vector(row: int) -> np.ndarray:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        return pretrained()[0].bert(torch.tensor([pieces(row)])).hidden[0].float().mean(0).numpy()


def frozen(learned, labels, asked, seed: int) -> np.ndarray:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), penalised([1e-4, 1e-3, 1e-2, 0.1, 1]))
    return model.fit([mean_vector(row) for row in learned], labels).predict([mean_vector(row) for row in asked])


def lstm(learned, labels, asked, seed: int) -> list[int]:
    torch.manual_seed(seed)
    model = sequences.RecurrentClassifier(len(pretrained()[1]), 2, d_model=100, dropout=0.3, bidirectional=True)
    batches = finetuning.bucketed_batches([pieces(row) for row in learned], labels.tolist(), batch_size=BATCH)
    training.train(model, batches, finetuning.loss, config(learned, seed, 3e-3, EPOCHS[len(learned)]), progress=False)
    order = sorted(asked, key=lambda row: len(pieces(row)))
    answers = {}
    with torch.no_grad():
        for some in np.array_split(order, len(order) // 100):
            batch = finetuning.pad([torch.tensor(pieces(row)) for row in some], [torch.tensor(0)] * len(some))
            answers |= zip(some.tolist(), model(batch.input_ids, batch.attention_mask).argmax(-1).tolist())
    return [answers[row] for row in asked]


METHODS = {
    "TF-IDF + logistic regression": functools.partial(regression, words),
    "TF-IDF + logistic regression, first and last": functools.partial(regression, lambda row: list(pieces(row))),
    "fastText": fast_text,
    "LSTM": lstm,
    "BERT, from scratch": functools.partial(classifier, "BERT, from scratch"),
    "BERT, pretrained": functools.partial(classifier, "BERT, pretrained"),
    "BERT, pretrained and frozen": frozen,
    "BERT, asked in words": functools.partial(asked_in_words, "BERT, asked in words"),
}
OF_THE_CHECKPOINT = ("BERT, pretrained", "BERT, pretrained and frozen", "BERT, asked in words")


def checkpoint() -> str:
    return hashlib.sha256((data.path("bert") / "model.safetensors").read_bytes()).hexdigest()[:16]


def measure(method: str, labels: int, seed: int) -> dict:
    learned, asked = rows(seed, labels)
    for row in (*learned, *asked):  # reading and cutting is not counted
        words(row) if method in ("TF-IDF + logistic regression", "fastText") else pieces(row)
    began = time.process_time()
    answers = METHODS[method](learned, reviews()[1][learned], asked, seed)
    right = float(np.mean(np.asarray(answers) == reviews()[1][asked]))
    return {"method": method, "labels": labels, "seed": seed, "accuracy": round(right, 4),
            "cpu_seconds": round(time.process_time() - began, 1)}  # fmt: skip


def run(methods: Sequence[str], sizes: Sequence[int]) -> None:
    """What is missing, small sizes first; rows of another checkpoint are measured again."""
    for labels in sizes:
        for method in methods:
            for seed in SEEDS if labels else SEEDS[: method == "BERT, asked in words"]:  # others need labels
                if not any(same(row, method, labels, seed) for row in saved()["rows"]):
                    add(measure(method, labels, seed))


def same(row: dict, method: str, labels: int, seed: int) -> bool:
    return (row["method"], row["labels"], row["seed"]) == (method, labels, seed)


def saved() -> dict:
    settings = {"epochs": EPOCHS, "batch": BATCH, "first": FIRST, "last": LAST, "learning_rates": LEARNING_RATES,
                "question": QUESTION, "words": WORDS, "bfloat16": has_bfloat16()}  # fmt: skip
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {"rows": []}
    of_another = found.get("checkpoint") != checkpoint()
    kept = [row for row in found["rows"] if not (of_another and row["method"] in OF_THE_CHECKPOINT)]
    versions = {name: version(name) for name in ("torch", "scikit-learn")}
    return {"machine": machine(), "versions": versions, "settings": settings, "held_out": ASKED,
            "checkpoint": checkpoint(), "rows": kept}  # fmt: skip


def add(row: dict) -> None:
    def place(row: dict) -> tuple:
        return row["labels"], [*METHODS].index(row["method"]), row["seed"]

    with FileLock(pathlib.Path(tempfile.gettempdir(), "labels.json.lock")):  # others may be at work on other rows
        result = saved()
        result["rows"] = sorted([*result["rows"], row], key=place)
        save(RESULT, result)
    print(row, flush=True)


def tune() -> None:
    """200 labels, 600 reviews to ask about, both of the shelves to learn from: which learning rate?"""
    _, verdicts, held = reviews()
    order = np.random.default_rng(9).permutation(np.flatnonzero(~held))
    learned, asked = order[:200], np.sort(order[1000:1600])
    for name, rate in itertools.product(LEARNING_RATES, (1e-4, 3e-4, 1e-3)):
        answers = METHODS[name](learned, verdicts[learned], asked, 1, learning_rate=rate)
        print(f"{name:20} {rate:.0e}  {np.mean(np.asarray(answers) == verdicts[asked]):.3f}", flush=True)


def print_table() -> None:
    result = saved()
    print(result["machine"])
    for labels in LABELS:
        for method in METHODS:
            found = [row for row in result["rows"] if (row["method"], row["labels"]) == (method, labels)]
            if found:
                scores = [row["accuracy"] for row in found]
                spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
                print(f"{labels:6,}  {method:45} {statistics.mean(scores):.3f} ± {spread:.3f}   "
                      f"{statistics.mean(row['cpu_seconds'] for row in found):7.1f} CPU seconds")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--labels", nargs="+", type=int, choices=LABELS, default=LABELS)
    parser.add_argument("--tune", action="store_true", help="try learning rates for the two BERTs")
    parser.add_argument("--table", action="store_true", help="print the table of what is there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.tune:
        return tune()
    if not options.table:
        run(options.methods, options.labels)
    print_table()


if __name__ == "__main__":
    main()
