"""Who reads dates: an RNN that writes from its last state, one that looks back, a Transformer; and lines twice as long.

    python benchmarks/dates.py           every run on the CPU, one thread (about seven minutes)
    python benchmarks/dates.py --table   print the table of the last run

Lessons 09 and 13 train on one date a line, in 28 forms, to be written as ISO 8601. "Twice as long" is two dates a line,
to be written one behind the other; there each is also given three times the steps. The models are those of the lessons,
each with its lesson's learning rate; all read the same dates, as many and in batches of the same size, and are judged
by exact match on 1,000 lines none of whose days they have read. One seed. The table goes to results/dates.json when it
is whole. Lesson 13 shows it.
"""

import argparse
import json
import pathlib
import time
from importlib.metadata import version

import torch
import torch.nn.functional as F
from measuring import machine, save

from course_lib import dates, device, training
from course_lib.sequences import RecurrentEncoderDecoder
from course_lib.transformer import EncoderDecoder, TransformerConfig

RESULT = pathlib.Path(__file__).parent / "results/dates.json"
RUNS, BATCH, SEEDS = ((1, 500), (2, 500), (2, 1500)), 64, (1,)  # dates a line, and steps
CHARACTERS = dates.Characters()
SIZES = {"context_length": 96, "d_model": 64, "num_layers": 2, "num_heads": 4, "d_ff": 128, "dropout": 0.0}
MODELS = {  # how it is made, and its learning rate
    "RNN": (lambda: RecurrentEncoderDecoder(len(CHARACTERS), d_model=64, cell="rnn", attention=False), 6e-3),
    "RNN, looks back": (lambda: RecurrentEncoderDecoder(len(CHARACTERS), d_model=64, cell="rnn"), 6e-3),
    "Transformer": (lambda: EncoderDecoder(TransformerConfig(vocab_size=len(CHARACTERS), norm="pre", **SIZES)), 5e-3),
}


def lines(count: int, dates_each: int, seed: int) -> list[tuple[str, str]]:
    """`count` lines: dates as written, and as ISO."""
    pairs = dates.examples(count * dates_each, seed=seed)
    groups = [pairs[i::count] for i in range(count)]
    return [("  ".join(text for text, _ in group), " ".join(iso for _, iso in group)) for group in groups]


def loss_fn(model, batch) -> torch.Tensor:
    source, target = batch
    source = source[:, : int((source != 0).sum(1).max())]  # no column of padding alone
    logits = model(source, target[:, :-1], source != 0)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


def exact_match(model, judged: list[tuple[str, str]]) -> float:
    ids = CHARACTERS.encode([text for text, _ in judged])
    length = len(judged[0][1]) + 2
    said = CHARACTERS.decode(model.generate(ids, CHARACTERS.start_id, CHARACTERS.end_id, length, ids != 0))
    return sum(one == iso for one, (_, iso) in zip(said, judged, strict=True)) / len(judged)


def row(name: str, dates_each: int, steps: int, seed: int) -> dict:
    read = lines(40_000, dates_each, seed)
    known = {iso for _, isos in read for iso in isos.split()}
    judged = [line for line in lines(12_000, dates_each, seed=100) if known.isdisjoint(line[1].split())][:1000]
    data = CHARACTERS.encode([text for text, _ in read]), CHARACTERS.encode([iso for _, iso in read], ends=True)
    make, rate = MODELS[name]
    torch.manual_seed(seed)
    model = make()
    settings = training.TrainingConfig(steps=steps, learning_rate=rate, warmup_steps=60, betas=(0.9, 0.98),
                                       weight_decay=0, seed=seed)  # fmt: skip
    began = time.process_time()
    training.train(model, training.shuffled(*data, batch_size=BATCH), loss_fn, settings, progress=False)
    return {
        "model": name, "dates": dates_each, "steps": steps, "seed": seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "cpu_seconds": round(time.process_time() - began, 1), "judged": len(judged),
        "exact_match": round(exact_match(model, judged), 4),
    }  # fmt: skip


def run_all() -> None:
    rows = []
    with device.one_thread():
        for seed in SEEDS:
            for dates_each, steps in RUNS:
                for name in MODELS:
                    rows.append(row(name, dates_each, steps, seed))
                    print(rows[-1], flush=True)
    result = {"machine": machine(), "versions": {"torch": version("torch")}, "batch": BATCH, "rows": rows}
    save(RESULT, result)


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; steps of {saved['batch']} lines")
    for row in saved["rows"]:
        print(f"{row['dates']} a line, {row['steps']:4} steps  {row['model']:16} {row['parameters']:8,} numbers  "
              f"{row['cpu_seconds']:4.0f} CPU s  {row['exact_match']:.1%}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--table", action="store_true", help="print the table of the last run")
    print_table() if arguments.parse_args().table else run_all()
