"""Film reviews of all lengths through BERT: our padding-free rows beside transformers, padded and bucketed.

    python benchmarks/finetuning.py               every row on the CPU (about twenty minutes on a quiet core)
    python benchmarks/finetuning.py --rounds 3    a short look
    python benchmarks/finetuning.py --table       print the table of the last run

Both are the mini model (four blocks of 256, 30,522 words) with a classifier of two labels and the same weights, on 96
reviews drawn from the course's film sentiment, 32 a batch (once 16), cut at 512 tokens. The tokens are words and signs,
words of more than 8 letters two; that gives the number of BERT's own word pieces within half a percent. What a token's
id is changes no time: it is a hash.

"padded": batches as drawn, filled up to their longest text. "bucketed": the 96 sorted by length first, as one does who
has a few texts to answer. "bucketed of 50": batches out of 50 batches' worth of sorted reviews, as transformers' own
Trainer makes them with group_by_length; evenly spaced ones, compared by time a real token. "packed": batches as drawn,
without padding. "forward" is inference; "backward" is forward and backward of training, without dropout and with 0.1
(attention included, for which torch's CPU kernel is another). No optimizer: it costs both the same.

How. All take turns in one process with one thread, once a round; a round's ratios compare its own passes, and the table
gives the median of the rounds and the quarters beside it. The table goes to results/finetuning.json when it is whole.
"""

import argparse
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import time
import zlib
from importlib.metadata import version

from measuring import KEEP_MEMORY, machine, save, summary

sys.path.pop(0)  # this folder: its tokenizers.py is not the package that transformers asks for
RESULT = pathlib.Path(__file__).parent / "results/finetuning.json"
TEXTS, BUCKET, CONTEXT, VOCABULARY = 96, 50, 512, 30_522
CASES = {  # how many texts a batch, and the dropout
    "forward": (32, 0.0),
    "forward, 16 a batch": (16, 0.0),
    "backward": (32, 0.0),
    "backward, dropout": (32, 0.1),
}
OURS = "course_lib packed"


def reviews(number: int) -> list[tuple[list[int], int]]:
    """Token ids of film reviews, in random order, and whether their authors liked the film."""
    from course_lib import data

    found = []
    for review in random.Random(0).sample(data.load("film_sentiment"), number):
        words = re.findall(r"\w+|[^\w\s]", review.text.lower())
        pieces = [piece for word in words for piece in ([word] if len(word) <= 8 else [word[:6], "##" + word[6:]])]
        ids = [1000 + zlib.crc32(piece.encode()) % (VOCABULARY - 1000) for piece in pieces]
        found.append(([101, *ids[: CONTEXT - 2], 102], review.label))
    return found


def models(dropout: float):
    """Ours and transformers', with the same weights."""
    import torch
    import transformers

    from course_lib import bert, checkpoints

    ours = bert.BertForSequenceClassification(
        bert.BertConfig(**vars(bert.SIZES["mini"]) | {"vocab_size": VOCABULARY, "dropout": dropout}), num_labels=2)
    theirs = transformers.BertForSequenceClassification(transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024,
        max_position_embeddings=CONTEXT, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
        num_labels=2))  # fmt: skip
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.05)
    weights = ours.state_dict()
    state = {theirs_here: weights[name] for name, theirs_here in checkpoints.their_names(ours).items()}
    unknown = theirs.load_state_dict(state, strict=False)
    assert not unknown.unexpected_keys
    assert all("position_ids" in key for key in unknown.missing_keys), unknown.missing_keys
    return ours, theirs


def contenders(batch_size: int, dropout: float) -> dict:
    """For each its model, what gives the loss on a batch, and its batches."""
    import torch

    from course_lib import finetuning

    pool = [(torch.tensor(text), torch.tensor(label)) for text, label in reviews(BUCKET * batch_size)]
    drawn = pool[:TEXTS]
    ours, theirs = models(dropout)

    def batches(make, examples):
        parts = (examples[i : i + batch_size] for i in range(0, len(examples), batch_size))
        return [make(*zip(*part)) for part in parts]

    def by_length(examples):
        return sorted(examples, key=lambda example: len(example[0]))

    def our_loss(batch):
        return finetuning.loss(ours, batch)[0]

    def their_loss(batch):
        return theirs(batch.input_ids, batch.attention_mask.long(), labels=batch.labels).loss

    padded, of_50 = batches(finetuning.pad, drawn), batches(finetuning.pad, by_length(pool))
    number = TEXTS // batch_size
    return {
        OURS: (ours, our_loss, batches(finetuning.pack, drawn)),
        "course_lib padded": (ours, our_loss, padded),
        "transformers padded": (theirs, their_loss, padded),
        "transformers bucketed": (theirs, their_loss, batches(finetuning.pad, by_length(drawn))),
        f"transformers bucketed of {BUCKET}": (theirs, their_loss, [
            of_50[int((i + 0.5) / number * BUCKET)] for i in range(number)]),
    }  # fmt: skip


def measure(case: str, rounds: int) -> dict:
    """One row, in this process."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    runs = contenders(*CASES[case])
    same = [name for name in runs if "of" not in name.split()]  # the same texts
    answers = {}
    for name in same:
        model, loss, batches = runs[name]
        model.eval()
        with torch.inference_mode():
            answers[name] = sum(float(loss(batch)) for batch in batches) / len(batches)
    assert max(answers.values()) - min(answers.values()) < 1e-4, answers

    def one_pass(model, loss, batches) -> float:
        start = time.process_time()
        if case.startswith("forward"):
            with torch.inference_mode():
                for batch in batches:
                    loss(batch)
        else:
            for batch in batches:
                loss(batch).backward()
                model.zero_grad(set_to_none=True)
        return time.process_time() - start

    tokens = {name: sum(map(real_tokens, batches)) for name, (_, _, batches) in runs.items()}
    read = {name: sum(batch.input_ids.numel() for batch in batches) for name, (_, _, batches) in runs.items()}
    for run in runs.values():
        run[0].train(not case.startswith("forward"))
        one_pass(*run)
    passes = [[1000 * one_pass(*run) / tokens[name] for name, run in runs.items()] for _ in range(rounds)]
    found = summary(dict(zip(runs, zip(*passes))), OURS)  # of a thousand tokens
    return {
        "case": case, "batch": CASES[case][0], "dropout": CASES[case][1], "rounds": rounds,
        "real_share": {name: round(tokens[name] / read[name], 3) for name in runs},
        "milliseconds_per_1000_tokens": found["milliseconds"], "times_ours": found["times_ours"],
    }  # fmt: skip


def real_tokens(batch) -> int:
    return batch.input_ids.numel() if not hasattr(batch, "attention_mask") else int(batch.attention_mask.sum())


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
    settings = {"model": "mini", "texts": TEXTS, "context": CONTEXT, "vocabulary": VOCABULARY}
    versions = {name: version(name) for name in ("torch", "transformers")}
    result = {"machine": machine(), "versions": versions, "settings": settings, "rows": rows}
    save(RESULT, result)


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; {saved['versions']}; {saved['settings']}")
    print("milliseconds of one thread for 1,000 real tokens; that / that of our packed rows")
    for row in saved["rows"]:
        print(f"{row['case']} ({row['rounds']} rounds)")
        for name, milliseconds in row["milliseconds_per_1000_tokens"].items():
            low, middle, high = row["times_ours"].get(name, (1, 1, 1))
            times = f"{milliseconds:7.1f}  {middle:5.2f} ({low:.2f} to {high:.2f})"
            print(f"    {name:27} {times}  real tokens {row['real_share'][name]:4.0%}")


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
