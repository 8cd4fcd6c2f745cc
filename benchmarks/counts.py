"""Time and memory of `counts.cooccurrence` against the size of the corpus, and of PPMI and SVD on the whole of it.

    python benchmarks/counts.py            every row, one after the other (about six minutes on a quiet core)
    python benchmarks/counts.py --control  the control alone, beside the rows of the last run
    python benchmarks/counts.py --table    print the table of the last run

Each row is a process of its own with one thread, so that its CPU seconds and its peak memory are its own. The clock of
`cooccurrence` starts with the corpus, a stream of lists of words read from disk, and a vocabulary, and stops with the
finished matrix; the time to read and encode the text, which is part of it, is measured once more alone. There is no
peer: pip brings no tool that counts the co-occurrences of a vocabulary (GloVe's is a C program to compile). The control
of lesson 01 is its own run on the same words, all shuffled: what counting finds where nothing is to be found. The table
goes to results/counts.json when it is whole.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from itertools import pairwise, takewhile

from measuring import machine, save

RESULTS = pathlib.Path(__file__).parent / "results" / "counts.json"
WINDOW = 10
SHARES = (8, 4, 2, 1)  # one part in so many of the corpus


class FirstWords:
    """The first `limit` words of a corpus, in whole sentences; like the corpus, a stream that can be read again."""

    def __init__(self, corpus, limit: int):
        self.corpus, self.limit = corpus, limit

    def __iter__(self):
        words = 0

        def more(sentence) -> bool:
            nonlocal words
            words += len(sentence)
            return words <= self.limit

        return takewhile(more, self.corpus)


def peak_mb() -> int:
    """The most memory that this process has held so far, in millions of bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)


def count_row(limit: int, harmonic: bool) -> dict:
    """Count the first `limit` words of the course corpus, in this process."""
    from course_lib import counts, data
    from course_lib.vocab import Vocab

    corpus = FirstWords(data.load("course_corpus"), limit)
    words = sum(map(len, corpus))
    vocab = Vocab.from_corpus(corpus)
    before, start = peak_mb(), time.process_time()
    for _ in counts._pieces(corpus, vocab):  # what cooccurrence reads and encodes
        pass
    encoding, start = time.process_time() - start, time.process_time()
    matrix = counts.cooccurrence(corpus, vocab, WINDOW, harmonic)
    seconds = time.process_time() - start
    return {
        "words": words, "types": len(vocab), "window": WINDOW, "harmonic": harmonic, "cells": int(matrix.nnz),
        "cpu_seconds": round(seconds, 2), "of_which_encoding": round(encoding, 2),
        "words_per_cpu_second": round(words / seconds),
        "words_per_cpu_second_once_encoded": round(words / (seconds - encoding)),
        "peak_mb": peak_mb(), "before_mb": before, "matrix_mb": round((8 * matrix.nnz + 4 * len(vocab)) / 1e6),
    }  # fmt: skip


def vectors_row() -> dict:
    """From the whole corpus to word vectors, step by step, in this process, with the settings of `CountsConfig()`."""
    from course_lib import counts, data
    from course_lib.keyed_vectors import KeyedVectors
    from course_lib.vocab import Vocab

    corpus, config, seconds = data.load("course_corpus"), counts.CountsConfig(), {}

    def timed(name, step, *args):
        start = time.process_time()
        result = step(*args)
        seconds[name] = round(time.process_time() - start, 2)
        return result

    vocab = timed("vocabulary", Vocab.from_corpus, corpus)
    matrix = timed("cooccurrence", counts.cooccurrence, corpus, vocab, config.window)
    matrix = timed("ppmi", counts.ppmi, matrix, config.smoothing)
    rows = timed("svd", counts.svd, matrix, config.vector_size, config.power, config.seed)
    peak = peak_mb()
    vectors = KeyedVectors(vocab.index_to_key, rows)
    return {
        "types": len(vocab), "window": config.window, "vector_size": config.vector_size, "power": config.power,
        "cells": int(matrix.nnz),
        "cpu_seconds": seconds, "peak_mb": peak,
        "wordsim353": round(vectors.evaluate_word_pairs(data.path("wordsim353"))[1][0], 4),
        "simlex999": round(vectors.evaluate_word_pairs(data.path("simlex999"))[1][0], 4),
    }  # fmt: skip


class Shuffled:
    """All words of a corpus in one heap, shuffled, in sentences of the old lengths; a stream that can be read again."""

    def __init__(self, corpus, seed: int):
        import numpy as np

        from course_lib.vocab import Vocab

        vocab = Vocab.from_corpus(corpus, min_count=1)
        ids, self.starts = vocab.encode_corpus(corpus)
        self.words, self.ids = np.array(vocab.index_to_key, dtype=object), np.random.default_rng(seed).permutation(ids)

    def __iter__(self):
        for start, end in pairwise(self.starts.tolist()):
            yield self.words[self.ids[start:end]].tolist()


def control_row() -> dict:
    """The scores of the hero run of lesson 01, by its own settings, on the shuffled corpus."""
    from course_lib import counts, data

    config = counts.CountsConfig(vector_size=100, window=5, max_size=30_000, power=0.5, seed=1)
    start = time.process_time()
    vectors = counts.train(Shuffled(data.load("course_corpus"), seed=0), config)
    return {
        "cpu_seconds": round(time.process_time() - start, 1), "peak_mb": peak_mb(),
        "wordsim353": round(vectors.evaluate_word_pairs(data.path("wordsim353"))[1][0], 4),
        "simlex999": round(vectors.evaluate_word_pairs(data.path("simlex999"))[1][0], 4),
    }  # fmt: skip


def in_a_process(*key) -> dict:
    root = str(RESULTS.parent.parent.parent)
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", PYTHONPATH=root)
    command = [sys.executable, __file__, "--row", *map(str, key)]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    row = json.loads(done.stdout.splitlines()[-1])
    print(row, flush=True)
    return row


def run_all() -> None:
    from course_lib import data

    words = sum(map(len, data.load("course_corpus")))
    result = {"machine": machine(), "versions": {name: version(name) for name in ("numpy", "scipy")}}
    result["rows"] = [in_a_process(words // share, 0) for share in SHARES] + [in_a_process(words, 1)]
    result["vectors"] = in_a_process("vectors", 0)
    result["shuffled"] = in_a_process("control", 0)
    write(result)


def write(result: dict) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    save(RESULTS, result)


def print_table() -> None:
    result = json.loads(RESULTS.read_text())
    print(f"{result['machine']}; one thread, window {WINDOW}")
    print("     words   types       cells  CPU-s  encoding  words/CPU-s  once encoded  peak MB  before  matrix")
    for row in result["rows"]:
        print(f"{row['words']:10,}  {row['types']:6,}  {row['cells']:10,}  {row['cpu_seconds']:5.1f}"
              f"  {row['of_which_encoding']:8.1f}  {row['words_per_cpu_second']:11,}"
              f"  {row['words_per_cpu_second_once_encoded']:12,}  {row['peak_mb']:7,}  {row['before_mb']:6,}"
              f"  {row['matrix_mb']:6,}{'  harmonic' if row['harmonic'] else ''}")  # fmt: skip
    row = result["vectors"]
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in row["cpu_seconds"].items())
    print(f"vectors of {row['vector_size']} numbers, window {row['window']}: {steps}; peak {row['peak_mb']:,} MB; "
          f"WordSim {row['wordsim353']:.3f}, SimLex {row['simlex999']:.3f}")
    row = result["shuffled"]
    print(f"control, all words shuffled: WordSim {row['wordsim353']:.3f}, SimLex {row['simlex999']:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--control", action="store_true", help="measure the control alone, keep the other rows")
    parser.add_argument("--row", nargs=2, metavar=("WORDS", "HARMONIC"), help="one row, as JSON (vectors 0, control 0)")
    args = parser.parse_args()
    if args.row:
        name, harmonic = args.row
        named = {"vectors": vectors_row, "control": control_row}
        print(json.dumps(named[name]() if name in named else count_row(int(name), harmonic == "1")))
    elif args.control:
        write(json.loads(RESULTS.read_text()) | {"shuffled": in_a_process("control", 0)})
    elif args.table:
        print_table()
    else:
        run_all()
        print_table()


if __name__ == "__main__":
    main()
