"""What stood behind the mask? The course's BERT beside two who count, on the same questions about held-out reviews.

    python benchmarks/fill_mask.py           some minutes
    python benchmarks/fill_mask.py --table   print the table of the last run

The questions: the hidden pieces (four fifths of 15%) of pairs of passages out of the reviews that data/checkpoints/bert
has not read, twice 40 batches of some 4,000 pieces: in rows of 64 pieces, and in rows of 256. The unigram always gives
the frequencies of what BERT has read. The trigram is lesson 09's interpolated n-gram of three pieces, counted in what
BERT has read but for the last fiftieth, on which its weights are fitted. It looks at the two pieces on the left of the
hole, which it sees even where they are hidden from BERT; what stands on the right it never sees. The table goes to
results/fill_mask.json.
"""

import argparse
import hashlib
import json
import pathlib
from importlib.metadata import version
from itertools import islice

import numpy as np
import torch
from measuring import machine

from course_lib import data, pretrain
from course_lib.sequences import NgramModel

RESULT = pathlib.Path(__file__).parent / "results/fill_mask.json"
BATCHES = 40


def scores(log_p: np.ndarray, right: int, first_five: int) -> dict:
    """Mean loss in nats, share guessed right, share among the first five."""
    return {"loss": round(float(-log_p.mean()), 4), "right": round(right / len(log_p), 4),
            "top_5": round(first_five / len(log_p), 4)}  # fmt: skip


def unigram(known: torch.Tensor, questions: list) -> dict:
    labels, best = torch.cat([q.labels for q in questions]), known.topk(5).indices
    return scores(known[labels].numpy(), int((labels == best[0]).sum()), int(torch.isin(labels, best).sum()))


def trigram(ids: np.ndarray, questions: list) -> dict:
    last = len(ids) - len(ids) // 50
    model = NgramModel(3, buckets=8).fit(ids[:last].tolist(), ids[last:].tolist())
    number = {piece: i for i, piece in enumerate(model.symbols)}
    log_p, right, first_five = [], 0, 0
    for q in questions:
        text = q.input_ids.flatten().scatter(0, q.masked_places, q.labels).tolist()
        for place, label in zip(q.masked_places.tolist(), q.labels.tolist()):
            p = model.probabilities(text[max(0, place - 2) : place])
            answer = number.get(label, len(p) - 1)
            above = int((p > p[answer]).sum())  # pieces that it finds likelier
            log_p.append(np.log(p[answer]))
            right, first_five = right + (above < 1), first_five + (above < 5)
    return scores(np.array(log_p), right, first_five)


def run_all() -> None:
    model, tokenizer = pretrain.load(data.path("bert"))
    asked = pretrain.exercises(tokenizer, pretrain.documents(held_out=True), context_length=256, batch_size=16)
    ids = pretrain.exercises(tokenizer, pretrain.documents(), context_length=256, batch_size=16).ids
    known = pretrain.log_frequencies(ids, len(tokenizer))
    rows, asked_in_all = [], 0
    for length in (64, 256):
        batches = asked.resized(context_length=length, batch_size=4096 // length)(torch.Generator().manual_seed(0))
        questions = [pretrain.holes(q, tokenizer.special_tokens["[MASK]"]) for q in islice(batches, BATCHES)]
        asked_in_all += sum(len(q.labels) for q in questions)
        for method, found in {
            "unigram": unigram(known, questions),
            "trigram, from the left": trigram(ids.numpy(), questions),
            "the course's BERT": pretrain.masked_scores(model, questions),
        }.items():
            rows.append({"method": method, "length": length} | {name: round(float(x), 4) for name, x in found.items()})
            print(rows[-1], flush=True)
    sha256 = hashlib.sha256((data.path("bert") / "model.safetensors").read_bytes()).hexdigest()
    result = {"machine": machine(), "versions": {"torch": version("torch")}, "checkpoint": sha256[:16],
              "questions": asked_in_all, "rows": rows}  # fmt: skip
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; {saved['questions']:,} questions")
    for row in saved["rows"]:
        print(f"{row['length']:3} {row['method']:24} loss {row['loss']:.2f}  right {row['right']:5.1%}  "
              f"first five {row['top_5']:5.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    torch.set_num_threads(1)
    if not parser.parse_args().table:
        run_all()
    print_table()


if __name__ == "__main__":
    main()
