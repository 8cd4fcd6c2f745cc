"""GloVe on the course corpus: cells per CPU-second, memory, and how good the vectors are.

    python benchmarks/glove.py            every row, one after the other (about 12 minutes on two quiet cores)
    python benchmarks/glove.py --table    print the table of the last run

No peer stands beside it: gensim has no GloVe, and `glove-python` does not build on a current Python. The bar is
Stanford's C program, about 450,000 cells a CPU-second at 100 dimensions on such a machine. The row "small batches" is
the same objective and the same AdaGrad, its sums from 0, on 1,024 cells in random order a step, at a rate of 0.05: it
says whether tiles cost anything in loss or score. It is not the released program's rule (`GloVeConfig` says what that
is). All rows have lesson 04's table: the 20,000 most frequent words, window 5, the upper half of the matrix. Each row
is a process of its own; the results go to results/glove.json when they are whole.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.metadata import version

from measuring import machine, peak_mb, save

RESULTS = pathlib.Path(__file__).parent / "results" / "glove.json"
SEEDS = (1, 2, 3)
BAR = 450_000  # cells a CPU-second
BATCH = 1024  # cells, in the row of small batches


def lesson_config(seed: int):
    from course_lib.glove import GloVeConfig

    return GloVeConfig(max_size=20_000, window=5, seed=seed)


def plan() -> list[tuple[str, int, int]]:
    """(by, seed, epochs): the lesson's setting; then few epochs of it beside as many in small batches."""
    epochs = lesson_config(1).epochs
    return [("tiles", seed, epochs) for seed in SEEDS] + [("tiles", 1, 10), ("small batches", 1, 10)]


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime



def train_at_random(model, config) -> float:
    """Train a model's tables on BATCH cells at a time, in random order; -> the last epoch's mean loss."""
    import numpy as np
    import torch

    from course_lib.glove import EPSILON

    rows, columns, logs, weights = [], [], [], []
    for tile in model.tiles:
        places = tile.log_counts.to_sparse_coo().indices()
        rows.append(places[0] + tile.rows.start)
        columns.append(places[1] + tile.columns.start)
        logs.append(tile.log_counts.values())
        weights.append(tile.weights)
    rows, columns, logs, weights = (torch.cat(parts) for parts in (rows, columns, logs, weights))
    for epoch in range(1, config.epochs + 1):
        rng = np.random.default_rng((config.seed, epoch))
        total = 0.0
        for cells in torch.from_numpy(rng.permutation(len(rows))).split(BATCH):
            swap = torch.from_numpy(rng.random(len(cells)) < 0.5)
            i = torch.where(swap, columns[cells], rows[cells])
            j = torch.where(swap, rows[cells], columns[cells])
            a, b = model.words.table.index_select(0, i), model.contexts.table.index_select(0, j)
            e = (a * b).sum(1) - logs[cells]
            total += float((e * e * weights[cells]).sum())
            e = 2 * (e * weights[cells])[:, None]
            for side, words, steps in ((model.words, i, e * b), (model.contexts, j, e * a)):
                distinct, place = torch.unique(words, return_inverse=True)
                gradient = torch.zeros(len(distinct), steps.shape[1])
                gradient.scatter_add_(0, place[:, None].expand_as(steps), steps)
                gradient[:, side.fixed] = 0
                summed = side.accumulated.index_select(0, distinct).addcmul_(gradient, gradient)
                side.accumulated.index_copy_(0, distinct, summed)
                moved = side.table.index_select(0, distinct)
                moved.addcdiv_(gradient, summed.sqrt_().add_(EPSILON), value=-config.learning_rate)
                side.table.index_copy_(0, distinct, moved)
    return total / model.cells


def run_row(by: str, seed: int, epochs: int) -> dict:
    """Count, train and score one row, in this process."""
    import torch

    from course_lib import counts, data, device, glove
    from course_lib.keyed_vectors import KeyedVectors
    from course_lib.vocab import Vocab

    corpus = data.load("course_corpus")
    config = replace(lesson_config(seed), epochs=epochs)
    if by != "tiles":
        config = replace(config, learning_rate=0.05)
    cpu = [cpu_seconds()]
    vocab = Vocab.from_corpus(corpus, min_count=config.min_count, max_size=config.max_size)
    matrix = counts.cooccurrence(corpus, vocab, window=config.window, harmonic=True)
    cpu.append(cpu_seconds())
    if by == "tiles":
        said = []
        vectors = glove.train_counts(matrix, vocab, config, progress=said.append)
        loss, cells = said[-1].loss, (matrix.nnz + (matrix.diagonal() > 0).sum()) // 2
    else:
        with device.one_thread():
            model = glove.Model(matrix, config, torch.device("cpu"))
            cpu[1] = cpu_seconds()
            loss, cells = train_at_random(model, config), model.cells
            vectors = KeyedVectors(vocab.index_to_key, model.vectors())
    cpu.append(cpu_seconds())
    peak = peak_mb()
    _, sections = vectors.evaluate_word_analogies(data.path("google_analogies"))
    total = sections[-1]
    return {
        "by": by, "seed": seed, "epochs": epochs, "words": len(vocab), "cells": int(cells),
        "counting_cpu_seconds": round(cpu[1] - cpu[0], 1), "training_cpu_seconds": round(cpu[2] - cpu[1], 1),
        "cells_per_cpu_second": round(epochs * cells / (cpu[2] - cpu[1])), "peak_mb": peak,
        "loss": round(loss, 5),
        "wordsim353": round(vectors.evaluate_word_pairs(data.path("wordsim353"))[1][0], 4),
        "simlex999": round(vectors.evaluate_word_pairs(data.path("simlex999"))[1][0], 4),
        "analogies_correct": len(total["correct"]), "analogies_asked": len(total["correct"]) + len(total["incorrect"]),
        "settings": asdict(config),
    }  # fmt: skip


def run_all() -> None:
    rows = []
    for key in plan():
        command = [sys.executable, __file__, "--row", *map(str, key)]
        env = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(RESULTS.parent.parent.parent))
        done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    versions = {package: version(package) for package in ("torch", "scipy", "numpy")}
    save(RESULTS, {"machine": machine(), "versions": versions, "bar": BAR, "rows": rows})


def print_table() -> None:
    result = json.loads(RESULTS.read_text())
    print(f"{result['machine']}; the bar is {result['bar']:,} cells a CPU-second")
    print("                 seed  epochs  cells/CPU-s   bar   CPU-s   peak MB    loss  WordSim  SimLex  analogies")
    for row in result["rows"]:
        speed = f"{row['cells_per_cpu_second']:11,}  {row['cells_per_cpu_second'] / result['bar']:4.1f}x"
        cost = f"{row['training_cpu_seconds']:6.1f}  {row['peak_mb']:8,}"
        scores = f"{row['loss']:6.4f}  {row['wordsim353']:7.3f}  {row['simlex999']:6.3f}"
        analogies = f"{row['analogies_correct']:,} of {row['analogies_asked']:,}"
        print(f"{row['by']:15}  {row['seed']:4}  {row['epochs']:6}  {speed}  {cost}  {scores}  {analogies}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", nargs=3, metavar=("BY", "SEED", "EPOCHS"), help="one row, as JSON")
    args = parser.parse_args()
    if args.row:
        by, seed, epochs = args.row
        print(json.dumps(run_row(by, int(seed), int(epochs))))
    elif args.table:
        print_table()
    else:
        run_all()
        print_table()


if __name__ == "__main__":
    main()
