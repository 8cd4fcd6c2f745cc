"""One task, every method of the course: film reviews' sentiment, from counting to SmolLM2, with what each costs.

    python benchmarks/last_table.py            all rows that are missing (half an hour on a quiet core; it can be
                                               stopped, and goes on where it was)
    python benchmarks/last_table.py --methods "fastText" --labels 100 1000 --seeds 1
    python benchmarks/last_table.py --table                   print the table of what is there

Everyone is asked about the same 1,000 reviews of held-out films (`last_table.asked`; SmolLM2, which is slow, about the
first 200), and everyone with the same seed learns from the same labelled reviews (`last_table.labelled`). Counting
reads whole reviews, as do the word vectors, fastText and the n-grams. The networks read 126 pieces, the first 32 and
the last 94, as in lesson 16; "same pieces" is counting that reads no more than they. "shuffled labels" is counting
whose labelled reviews have one another's labels: what it still gets right is chance or a leak.

CPU-seconds are process time of one thread, from the texts to a trained model, and for 1,000 answers: cutting texts into
words or pieces counts, reading files does not, and no more does what was pretrained before (`begins_with`). Networks
compute in bfloat16 where the processor has it. Settings were set once, by hand, and tuned for nobody but the
regressions, whose penalty is chosen by cross-validation among the labelled reviews.

Each method and seed has a process of its own, and each row is written to results/last_table.json at once.
"""

import argparse
import functools
import json
import multiprocessing
import os
import pathlib
import time
from importlib.metadata import version

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy: a second thread only waits

import numpy as np
import torch
from measuring import has_bfloat16, machine, save
from torch import nn

from course_lib import (
    bert,
    checkpoints,
    cleaning,
    data,
    fasttext,
    finetuning,
    last_table,
    ngram,
    pretrain,
    sequences,
    training,
    transformer,
)
from course_lib.keyed_vectors import KeyedVectors
from course_lib.neuron import Neuron, TfIdf
from course_lib.vocab import Vocab

SEEDS, FIRST, LAST, BATCH = (1, 2, 3), 32, 94, 16
SAVED = {"seconds": 0.0}  # CPU-seconds of work that a row was spared, as an earlier one of its process had done it


def words(texts):
    return [cleaning.words(text) for text in texts]


# --- Without pretraining ----------------------------------------------------------------------------------------------
# A method takes texts, labels and a seed, and returns what answers, how many numbers that has, and its megabytes.


def majority(texts, labels, seed):
    answer = int(sum(labels) * 2 > len(labels))
    return lambda asked: [answer] * len(asked), 1, 0.0


def counting(texts, labels, seed, split=words):
    tf_idf = TfIdf(1 if len(texts) < 1000 else 2)
    neuron = Neuron().fit(tf_idf.fit(split(texts)), np.array(labels))
    size = 2 * len(tf_idf.vocab) + 1  # a weight and a rarity for each word
    return lambda asked: neuron.predict(tf_idf(split(asked))), size, 4e-6 * size


def same_pieces(texts, labels, seed):
    return counting(texts, labels, seed, lambda texts: [[str(i) for i in ids[1:-1]] for ids in cut(texts, "bert")])


def shuffled_labels(texts, labels, seed):
    return counting(texts, np.random.default_rng(seed).permutation(labels), seed)


@functools.cache
def skip_gram():
    return KeyedVectors.load_npz(data.path("vectors_skipgram"))


def mean_words(texts):
    """[N, 100]: the mean of the vectors of a review's known words."""
    table, found = skip_gram(), []
    for one in words(texts):
        rows = [table.key_to_index[word] for word in one if word in table.key_to_index]
        found.append(table.vectors[rows].mean(0) if rows else np.zeros(table.vector_size))
    return np.array(found, dtype=float)


def on_vectors(of, texts, labels):
    """Logistic regression on vectors, each number brought to mean 0 and spread 1."""
    X = of(texts)
    mean, spread = X.mean(0), X.std(0) + 1e-9
    neuron = Neuron().fit((X - mean) / spread, np.array(labels))
    return lambda asked: neuron.predict((of(asked) - mean) / spread)


def word_vectors(texts, labels, seed):
    size = skip_gram().vectors.size + 101
    return on_vectors(mean_words, texts, labels), size, 4e-6 * size


def two_together(texts, labels, seed):
    """Counting and word vectors: the sum of both neurons' scores."""
    tf_idf = TfIdf(1 if len(texts) < 1000 else 2)
    counts = Neuron().fit(tf_idf.fit(words(texts)), np.array(labels))
    X = mean_words(texts)
    mean, spread = X.mean(0), X.std(0) + 1e-9
    vectors = Neuron().fit((X - mean) / spread, np.array(labels))

    def answer(asked):
        return counts.scores(tf_idf(words(asked))) + vectors.scores((mean_words(asked) - mean) / spread) > 0

    size = 2 * len(tf_idf.vocab) + 1 + skip_gram().vectors.size + 101
    return answer, size, 4e-6 * size


def fast_text(texts, labels, seed):
    epochs = max(5, min(100, 60_000 // len(texts)))
    model = fasttext.Classifier(vector_size=10, min_count=1 if len(texts) < 1000 else 2, epochs=epochs, seed=seed)
    model.fit(words(texts), labels)
    size = model.table.numel() + model.output.numel()
    return lambda asked: model.predict(words(asked)), size, 4e-6 * size


def n_grams(texts, labels, seed):
    """A model of word pairs for each label; whichever finds a review likelier. Rare words are one word."""
    lists = words(texts)
    known = set(frequent(lists))
    plain = [[word if word in known else "?" for word in one] for one in lists]
    models = []
    for label in (0, 1):
        own = [one for one, truth in zip(plain, labels) if truth == label]
        held = max(1, len(own) // 10)
        parts = [[word for one in some for word in [".", *one]] for some in (own[held:], own[:held])]
        models.append(ngram.NgramModel(2, buckets=8).fit(*parts))

    def answer(asked):
        asked = [[".", *(word if word in known else "?" for word in one)] for one in words(asked)]
        return [int(models[1].log_probs(one).sum() > models[0].log_probs(one).sum()) for one in asked]

    size = sum(2 * len(grams.keys) for model in models for grams in model.grams)
    return answer, size, 8e-6 * size


def frequent(lists):
    return Vocab.from_corpus(lists, min_count=2).index_to_key


# --- Networks ---------------------------------------------------------------------------------------------------------


@functools.cache
def body(name):
    """A pretrained body, and its tokenizer."""
    if name == "minilm":
        return checkpoints.load_bert(data.path("minilm"), head=bert.BertModel)
    model, tokenizer = pretrain.load(data.path("bert"))
    return model.bert, tokenizer


def cut(texts, name):
    """[CLS], the first 32 pieces, the last 94, [SEP]."""
    tokenizer, found = body(name)[1], []
    for text in texts:
        ids = tokenizer.encode(text, special=False)
        ids = ids if len(ids) <= FIRST + LAST else ids[:FIRST] + ids[-LAST:]
        found.append([tokenizer.cls_id, *ids, tokenizer.sep_id])
    return found


class OnMean(nn.Module):
    """Two scores from the mean of a body's vectors, padding left out. The body: (ids, mask) -> [B, T, D]."""

    def __init__(self, body: nn.Module, d_model: int):
        super().__init__()
        self.body, self.output = body, nn.Linear(d_model, 2)

    def forward(self, input_ids, attention_mask):
        hidden = self.body(input_ids, attention_mask)
        hidden = getattr(hidden, "hidden", hidden) * attention_mask[:, :, None]
        return self.output(hidden.sum(1) / attention_mask.sum(1, keepdim=True))


class Reader(nn.Module):
    """Lesson 12's encoder over pieces and their places."""

    def __init__(self, config: transformer.TransformerConfig):
        super().__init__()
        self.embedding, self.encoder = transformer.Embedding(config.vocab_size, config), transformer.Encoder(config)

    def forward(self, input_ids, attention_mask):
        return self.encoder(self.embedding(input_ids), attention_mask)


def mixed():
    return torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16())


def learned(model, name, texts, labels, seed, rate, epochs):
    """Lesson 08's loop over padded batches of like length."""

    def loss(model, batch):
        with mixed():
            return finetuning.loss(model, batch)

    batches = finetuning.bucketed_batches(cut(texts, name), list(labels), batch_size=BATCH)
    steps = epochs * -(-len(texts) // BATCH)
    config = training.TrainingConfig(steps=steps, learning_rate=rate, warmup_steps=steps // 10, decay="linear",
                                     seed=seed, log_every=50)  # fmt: skip
    training.train(model, batches, loss, config, progress=False)
    size = sum(p.numel() for p in model.parameters())
    return functools.partial(answers, model, name), size, 4e-6 * size


@torch.no_grad()
def answers(model, name, asked):
    ids = [torch.tensor(one) for one in cut(asked, name)]
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    found = [0] * len(ids)
    model.eval()
    for start in range(0, len(order), 32):
        some = order[start : start + 32]
        batch = finetuning.pad([ids[i] for i in some], [torch.tensor(0)] * len(some))
        with mixed():
            best = model(batch.input_ids, batch.attention_mask).argmax(-1).tolist()
        for i, answer in zip(some, best):
            found[i] = answer
    return found


def lstm(texts, labels, seed):
    torch.manual_seed(seed)
    model = sequences.RecurrentClassifier(len(body("bert")[1]), 2, d_model=100, dropout=0.3, bidirectional=True)
    return learned(model, "bert", texts, labels, seed, 3e-3, {100: 15, 1000: 5, 3000: 3}[len(texts)])


def small_transformer(texts, labels, seed):
    torch.manual_seed(seed)
    config = transformer.TransformerConfig(vocab_size=len(body("bert")[1]), context_length=128, d_model=64,
                                           num_layers=2, num_heads=4, norm="pre")  # fmt: skip
    model = OnMean(Reader(config), 64)
    return learned(model, "bert", texts, labels, seed, 2e-3, {100: 15, 1000: 8, 3000: 5}[len(texts)])


def own_bert(texts, labels, seed):
    torch.manual_seed(seed)
    ours = body("bert")[0]
    model = bert.BertForSequenceClassification(bert.BertConfig(**vars(ours.config) | {"dropout": 0.1}), num_labels=2)
    finetuning.prepare(model, "full", ours)
    return learned(model, "bert", texts, labels, seed, 3e-4, {100: 6, 1000: 2}[len(texts)])


SCORN, PRAISE = ["terrible", "bad", "awful", "boring"], ["great", "good", "excellent", "wonderful"]


def asked_in_words(texts, labels, seed):
    """Lesson 16's question without a new head: "it was [MASK].", praise or scorn?"""
    model, tokenizer = pretrain.load(data.path("bert"))
    before, after = (tokenizer.encode(part, special=False) for part in ("it was", "."))
    question = [*before, tokenizer.mask_id, *after, tokenizer.sep_id]
    sides = [[tokenizer.vocab[word] for word in some] for some in (SCORN, PRAISE)]

    @torch.no_grad()
    def answer(asked):
        found = []
        for one in cut(asked, "bert"):
            ids = torch.tensor([one[:-1] + question])
            with mixed():
                p = model(ids, masked_places=(ids[0] == tokenizer.mask_id).nonzero()[:, 0])[0][0].float().softmax(-1)
            found.append(int(p[sides[1]].sum() > p[sides[0]].sum()))
        return found

    size = sum(p.numel() for p in model.parameters())
    return answer, size, 4e-6 * size


VECTORS: dict[str, np.ndarray] = {}


def sentence_vectors(texts):
    """MiniLM's mean vectors. What this process has read before is not read again, but its seconds are counted."""
    new = [text for text in dict.fromkeys(texts) if text not in VECTORS]
    began = time.process_time()
    if new:
        with mixed():
            rows = finetuning.mean_vectors(body("minilm")[0], cut(new, "minilm"), max_tokens=2048)
        VECTORS.update(zip(new, rows.float().numpy()))
        SAVED["each"] = (time.process_time() - began) / len(new)
    SAVED["seconds"] += (len(texts) - len(new)) * SAVED["each"]
    return np.array([VECTORS[text] for text in texts], dtype=float)


def frozen_minilm(texts, labels, seed):
    size = sum(p.numel() for p in body("minilm")[0].parameters()) + 385
    return on_vectors(sentence_vectors, texts, labels), size, 4e-6 * size


def tuned_minilm(texts, labels, seed):
    torch.manual_seed(seed)
    theirs = body("minilm")[0]
    model = OnMean(bert.BertModel(theirs.config), theirs.config.d_model)
    model.body.load_state_dict(theirs.state_dict())
    return learned(model, "minilm", texts, labels, seed, 2e-4, {100: 5, 1000: 2}[len(texts)])


# --- SmolLM2, by prompt -----------------------------------------------------------------------------------------------


@functools.cache
def smol():
    model, pieces = checkpoints.load_llama(data.path("smollm2"))
    return (model.bfloat16() if has_bfloat16() else model), pieces


def form(text, label=None):
    """A review, shortened as for the other networks, and lesson 23's question."""
    some = text.split()
    text = " ".join(some if len(some) <= 100 else [*some[:25], "...", *some[-75:]])
    return f"Review: {text}\nSentiment:" + ("" if label is None else [" negative", " positive"][label])


def prompted(texts, labels, seed):
    """The examples are read once; every question goes on from there."""
    model, pieces = smol()
    shots = pieces.encode("\n\n".join(form(*shot) for shot in zip(texts, labels))) if texts else []
    start, words = model.new_cache(1, len(shots) + 300), [pieces.encode(word)[0] for word in (" negative", " positive")]
    with torch.no_grad():
        if shots:
            model(torch.tensor([shots]), cache=start, last=True)

    @torch.no_grad()
    def answer(asked):
        found = []
        for text in asked:
            cache = model.new_cache(1, start.max_length)
            for mine, read in [(cache.keys, start.keys), (cache.values, start.values), (cache.real, start.real)]:
                mine.copy_(read)
            cache.length = start.length.clone()
            ids = torch.tensor([pieces.encode(("\n\n" if shots else "") + form(text))])
            logits = model(ids, cache=cache, last=True).logits[0, -1]
            found.append(int(logits[words[1]] > logits[words[0]]))
        return found

    return answer, sum(p.numel() for p in model.parameters()), data.path("smollm2").stat().st_size / 1e6


FEW, MANY = (100, 1000), (100, 1000, 3000, 20_000)
READ_REVIEWS = "text of the course, all reviews' without verdicts"
READ = "text of the course, without the held-out reviews"
METHODS = {  # name: the method, the numbers of labels, how many reviews are asked, what it begins with
    "majority": (majority, (100,), 1000, ""),
    "counting": (counting, MANY, 1000, ""),
    "counting, same pieces": (same_pieces, (*FEW, 3000), 1000, ""),
    "counting, shuffled labels": (shuffled_labels, (1000,), 1000, ""),
    "word vectors": (word_vectors, MANY, 1000, READ_REVIEWS),
    "two together": (two_together, MANY, 1000, READ_REVIEWS),
    "fastText": (fast_text, MANY, 1000, ""),
    "n-grams": (n_grams, MANY, 1000, ""),
    "BERT, asked in words": (asked_in_words, (0,), 1000, READ),
    "frozen MiniLM": (frozen_minilm, FEW, 1000, "a billion pairs of sentences, read by others"),
    "SmolLM2, no example": (prompted, (0,), 200, "two trillion pieces, read by others"),
    "small Transformer": (small_transformer, FEW, 1000, ""),
    "own BERT": (own_bert, FEW, 1000, READ),
    "LSTM": (lstm, FEW, 1000, ""),
    "SmolLM2, four examples": (prompted, (4,), 200, "two trillion pieces, read by others"),
    "tuned MiniLM": (tuned_minilm, FEW, 1000, "a billion pairs of sentences, read by others"),
}
ONCE = {"BERT, asked in words", "SmolLM2, no example"}  # nothing in them is drawn


def balanced(number, seed):
    """The first `number` labelled reviews, half of either kind: negative and positive in turn."""
    texts, labels = last_table.labelled(200, seed)
    sides = [[text for text, label in zip(texts, labels) if label == side] for side in (0, 1)]
    return [sides[i % 2][i // 2] for i in range(number)], [i % 2 for i in range(number)]


def measure(method: str, labels: int, seed: int) -> last_table.Row:
    make, _, number, begins_with = METHODS[method]
    texts, truth = balanced(labels, seed) if labels < 10 else last_table.labelled(labels, seed)
    SAVED["seconds"], began = 0.0, time.process_time()
    answer, size, megabytes = make(texts, truth, seed)
    learning = time.process_time() - began + SAVED["seconds"]
    SAVED["seconds"] = 0.0
    right, asking = last_table.marked(answer, number)
    return last_table.Row(method, labels, seed, right, round(learning, 2), round(asking + SAVED["seconds"], 2), size,
                          round(megabytes, 1), begins_with)  # fmt: skip


def load_first(method: str) -> None:
    """Files are read before the clock starts."""
    if method in ("word vectors", "two together"):
        skip_gram()
    elif "SmolLM2" in method:
        smol()
    else:
        body("minilm" if "MiniLM" in method else "bert")


def run_one(method: str, sizes: list[int], seed: int) -> None:
    """In a process of its own: the missing rows of a method and a seed, one after another."""
    torch.set_num_threads(1)
    load_first(method)
    for labels in sizes:
        add(measure(method, labels, seed))


def run(methods, seeds, labels) -> None:
    last_table.asked(), last_table.labelled(0)  # read once, before the processes part
    forked = multiprocessing.get_context("fork")
    for seed in seeds:
        for method in methods:
            had = {(row["method"], row["labels"], row["seed"]) for row in saved()["rows"]}
            sizes = [size for size in METHODS[method][1] if size in labels and (method, size, seed) not in had]
            if sizes and (seed == SEEDS[0] or method not in ONCE):
                process = forked.Process(target=run_one, args=(method, sizes, seed))
                process.start()
                process.join()
                if process.exitcode:
                    print(f"{method}, seed {seed}, ended with {process.exitcode}", flush=True)


def saved() -> dict:
    path = last_table.RESULT
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    settings = {"asked": last_table.ASKED, "pieces": [FIRST, LAST], "batch": BATCH, "bfloat16": has_bfloat16()}
    return {"machine": machine(), "versions": {"torch": version("torch")}, "settings": settings, "rows": rows}


def add(row: last_table.Row) -> None:
    result = saved()
    result["rows"] = sorted([*result["rows"], row.to_json()],
                            key=lambda row: ([*METHODS].index(row["method"]), row["labels"], row["seed"]))  # fmt: skip
    save(pathlib.Path(last_table.RESULT), result)
    print(f"{row.method:26} {row.labels:6,} labels, seed {row.seed}: {row.accuracy:.3f} "
          f"{row.learn_seconds:7.2f} + {row.ask_seconds:6.2f} CPU-seconds", flush=True)  # fmt: skip


def print_table() -> None:
    for (method, labels), rows in last_table.of_seeds(last_table.saved_rows()).items():
        value, low, high = last_table.interval(rows)
        seconds = np.mean([row.seconds for row in rows])
        print(f"{method:26} {labels:6,} labels, {len(rows)} seeds: {value:.3f} [{low:.3f}, {high:.3f}] "
              f"{seconds:7.1f} CPU-seconds {rows[0].parameters:12,} numbers {rows[0].megabytes:6.1f} MB")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[*METHODS])
    parser.add_argument("--seeds", nargs="+", type=int, choices=SEEDS, default=SEEDS)
    parser.add_argument("--labels", nargs="+", type=int, choices=(0, 4, *MANY), default=(0, 4, *MANY))
    parser.add_argument("--table", action="store_true", help="print the table of what is there")
    options = parser.parse_args()
    if not options.table:
        run(options.methods, options.seeds, options.labels)
    print_table()


if __name__ == "__main__":
    main()
