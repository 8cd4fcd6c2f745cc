"""Film reviews of all lengths through BERT: our padding-free rows beside transformers, padded and bucketed.

    python benchmarks/finetuning.py               every row on the CPU (about ten minutes on a quiet core)
    python benchmarks/finetuning.py --rounds 3    a short look
    python benchmarks/finetuning.py --table       print the table of the last run

Both are the mini model (four blocks of 256, 30,522 words) with a classifier of two labels and the same weights, on 64
reviews drawn from the course's film sentiment, 16 a batch, cut at 512 tokens. The tokens are words and signs, words of
more than 8 letters two; that gives the number of BERT's own word pieces within half a percent. What a token's id is
changes no time: it is a hash.

"padded": batches as drawn, filled up to their longest text. "bucketed": the reviews sorted by length first, which in
training costs some of the mixing. "packed": batches as drawn, without padding. "forward" is inference; "backward" is
forward and backward of training, without dropout and with 0.1 (attention included, for which torch's CPU kernel is
another). No optimizer: it costs both the same.

How. All take turns in one process with one thread, once a round; a round's ratios compare its own passes, and the table
gives the median of the rounds and the quarters beside it. The table goes to results/finetuning.json when it is whole.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import re
import subprocess
import sys
import time
import zlib
from importlib.metadata import version

from bert import KEEP_MEMORY, processor, summary

RESULT = pathlib.Path(__file__).parent / "results/finetuning.json"
TEXTS, BATCH, CONTEXT, VOCABULARY = 64, 16, 512, 30_522
CASES = {"forward": 0.0, "backward": 0.0, "backward, dropout": 0.1}  # and its dropout
OURS, OURS_FILLED = "course_lib packed", ("course_lib padded", "course_lib bucketed")  # the latter forward alone


def reviews() -> tuple[list[list[int]], list[int]]:
    """Token ids of film reviews, in random order, and whether their authors liked the film."""
    from course_lib import data

    drawn = random.Random(0).sample(data.load("film_sentiment"), TEXTS)
    texts = []
    for review in drawn:
        words = re.findall(r"\w+|[^\w\s]", review.text.lower())
        pieces = [piece for word in words for piece in ([word] if len(word) <= 8 else [word[:6], "##" + word[6:]])]
        ids = [1000 + zlib.crc32(piece.encode()) % (VOCABULARY - 1000) for piece in pieces]
        texts.append([101, *ids[: CONTEXT - 2], 102])
    return texts, [review.label for review in drawn]


def models(dropout: float):
    """Ours and transformers', with the same weights."""
    import torch
    import transformers

    from course_lib import bert

    ours = bert.BertForSequenceClassification(
        bert.BertConfig(**vars(bert.SIZES["mini"]) | {"vocab_size": VOCABULARY, "dropout": dropout}), num_labels=2)
    theirs = transformers.BertForSequenceClassification(transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024,
        max_position_embeddings=CONTEXT, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
        num_labels=2))  # fmt: skip
    names = {"bert.embeddings.word_embeddings": "bert.tokens", "bert.embeddings.position_embeddings": "bert.positions",
             "bert.embeddings.token_type_embeddings": "bert.segments", "bert.embeddings.LayerNorm": "bert.norm",
             "bert.pooler.dense": "bert.pooler", "classifier": "classifier"}  # fmt: skip
    for i in range(4):
        theirs_here, ours_here = f"bert.encoder.layer.{i}", f"bert.blocks.{i}"
        names |= {f"{theirs_here}.attention.self.{part}": f"{ours_here}.attention.{part}"
                  for part in ("query", "key", "value")}  # fmt: skip
        names |= {f"{theirs_here}.{a}": f"{ours_here}.{b}" for a, b in (
            ("attention.output.dense", "attention.output"), ("attention.output.LayerNorm", "attention_norm"),
            ("intermediate.dense", "hidden"), ("output.dense", "output"), ("output.LayerNorm", "norm"))}  # fmt: skip
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.05)
    weights = ours.state_dict()
    state = {name: weights[f"{names[stem]}.{kind}"] for name in theirs.state_dict()
             for stem, _, kind in [name.rpartition(".")] if stem in names}  # fmt: skip
    unknown = theirs.load_state_dict(state, strict=False)
    assert not unknown.unexpected_keys
    assert all("position_ids" in key for key in unknown.missing_keys), unknown.missing_keys
    return ours, theirs


def contenders(dropout: float) -> tuple[dict, int]:
    """For each its model, what gives the loss on a batch, and its batches; and how many tokens the texts have."""
    import torch

    from course_lib import finetuning

    texts, labels = reviews()
    ours, theirs = models(dropout)
    by_length = sorted(range(TEXTS), key=lambda i: len(texts[i]))

    def batches(make, order):
        rows = [order[i : i + BATCH] for i in range(0, TEXTS, BATCH)]
        tensors = [torch.tensor(text) for text in texts], [torch.tensor(label) for label in labels]
        return [make([tensors[0][i] for i in some], [tensors[1][i] for i in some]) for some in rows]

    def our_loss(batch):
        return finetuning.loss(ours, batch)[0]

    def their_loss(batch):
        return theirs(batch.input_ids, batch.attention_mask.long(), labels=batch.labels).loss

    drawn = range(TEXTS)
    padded, bucketed = batches(finetuning.pad, list(drawn)), batches(finetuning.pad, by_length)
    return {
        OURS: (ours, our_loss, batches(finetuning.pack, list(drawn))),
        OURS_FILLED[0]: (ours, our_loss, padded),
        OURS_FILLED[1]: (ours, our_loss, bucketed),
        "transformers padded": (theirs, their_loss, padded),
        "transformers bucketed": (theirs, their_loss, bucketed),
    }, sum(map(len, texts))


def measure(case: str, rounds: int) -> dict:
    """One row, in this process."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    runs, tokens = contenders(CASES[case])

    def one_pass(model, loss, batches) -> float:
        start = time.process_time()
        if case == "forward":
            with torch.inference_mode():
                for batch in batches:
                    loss(batch)
        else:
            for batch in batches:
                loss(batch).backward()
                model.zero_grad(set_to_none=True)
        return time.process_time() - start

    answers = {}
    for name, (model, loss, batches) in runs.items():
        model.eval()
        with torch.inference_mode():
            answers[name] = sum(float(loss(batch)) for batch in batches) / len(batches)
    assert max(answers.values()) - min(answers.values()) < 1e-4, answers
    if case != "forward":
        runs = {name: run for name, run in runs.items() if name not in OURS_FILLED}
    for run in runs.values():
        run[0].train(case != "forward")
        one_pass(*run)
    passes = [[one_pass(*run) for run in runs.values()] for _ in range(rounds)]
    found = summary(dict(zip(runs, zip(*passes))), OURS)
    read = {name: sum(batch.input_ids.numel() for batch in batches) for name, (_, _, batches) in runs.items()}
    return {
        "case": case, "dropout": CASES[case], "rounds": rounds, "tokens": tokens,
        "real_share": {name: round(tokens / number, 3) for name, number in read.items()},
        "tokens_per_cpu_second": {name: round(1000 * tokens / ms) for name, ms in found["milliseconds"].items()},
        "times_ours": found["times_ours"],
    }  # fmt: skip


def in_a_process(case: str, rounds: int) -> dict:
    root = str(RESULT.parent.parent.parent)
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", PYTHONPATH=root)
    command = [sys.executable, __file__, "--row", case, "--rounds", str(rounds)]
    done = subprocess.run(command, env=env | KEEP_MEMORY, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_all(rounds: int) -> None:
    rows = []
    for case in CASES:
        rows.append(in_a_process(case, rounds))
        print(rows[-1], flush=True)
    machine = f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    settings = {"model": "mini", "texts": TEXTS, "batch": BATCH, "context": CONTEXT, "vocabulary": VOCABULARY}
    versions = {name: version(name) for name in ("torch", "transformers")}
    result = {"machine": machine, "versions": versions, "settings": settings, "rows": rows}
    unfinished = RESULT.with_suffix(".part")
    unfinished.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(unfinished, RESULT)


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; {saved['versions']}; {saved['settings']}")
    print("real tokens a CPU-second, one thread; its time / that of our packed rows")
    for row in saved["rows"]:
        print(f"{row['case']} ({row['rounds']} rounds)")
        for name, rate in row["tokens_per_cpu_second"].items():
            low, middle, high = row["times_ours"].get(name, (1, 1, 1))
            share = row["real_share"][name]
            print(f"    {name:21}  {rate:7,}  {middle:5.2f} ({low:.2f} to {high:.2f})  real tokens {share:4.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", choices=CASES, help="one row, as JSON")
    args = parser.parse_args()
    if args.row:
        print(json.dumps(measure(args.row, args.rounds)))
        return
    if not args.table:
        run_all(args.rounds)
    print_table()


if __name__ == "__main__":
    main()
