"""Four ways from text to vectors on one corpus, on one scoreboard: PPMI-SVD, skip-gram, GloVe and fastText.

    python benchmarks/word_vectors.py            every row, one after the other
    python benchmarks/word_vectors.py --table    print the table of the last run

Each row is a process of its own with one thread: it trains on the course corpus with 100 numbers a word and every word
seen five times, and is scored on WordSim-353, SimLex-999, MEN, RareWords and the Google analogies. A method's other
settings are those its own paper or its own lesson uses, and stand in the row; GloVe comes once more with the window of
the others. The vectors of the first seed, of the 15,000 most frequent words, become the small files in
data/checkpoints/ that the explorers of the lessons read. The peers of skip-gram and fastText stand in word2vec.json and
fasttext.json beside this one.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from measuring import machine, peak_mb, save

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results/word_vectors.json"
CHECKPOINTS = ROOT / "data/checkpoints"
SHIPPED_WORDS = 15_000  # of each method, so that all four files together stay under 15 MB
METHODS = {"PPMI-SVD": "counts", "skip-gram": "skipgram", "GloVe": "glove", "GloVe, window 5": None,
           "fastText": "fasttext"}  # and what its file of vectors is called
SEEDS = (1, 2, 3)
PAIRS = ("wordsim353", "simlex999", "men", "rarewords")


def settings(method: str, seed: int):
    """The module that trains a method, and its configuration."""
    from course_lib import counts, fasttext, glove, word2vec

    return {
        "PPMI-SVD": (counts, counts.CountsConfig(seed=seed)),
        "skip-gram": (word2vec, word2vec.Word2VecConfig(seed=seed)),
        "GloVe": (glove, glove.GloVeConfig(window=10, epochs=40, seed=seed)),  # the paper's window
        "GloVe, window 5": (glove, glove.GloVeConfig(window=5, epochs=40, seed=seed)),
        "fastText": (fasttext, fasttext.FastTextConfig(seed=seed)),
    }[method]


def cpu_seconds() -> float:
    """User and system time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run_row(method: str, seed: int) -> dict:
    """Train and score one row, in this process."""
    import torch

    from course_lib import data

    torch.set_num_threads(1)
    module, config = settings(method, seed)
    corpus = data.load("course_corpus")
    cpu, wall = cpu_seconds(), time.perf_counter()
    vectors = module.train(corpus, config, progress=False)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    row = {  # the memory is read before the scores, whose own is not the method's
        "method": method, "by": "course_lib", "seed": seed, "seconds": round(wall, 1), "cpu_seconds": round(cpu, 1),
        "peak_mb": peak_mb(),
    }  # fmt: skip
    if seed == SEEDS[0] and METHODS[method]:
        ship(vectors, CHECKPOINTS / f"vectors_{METHODS[method]}.npz")
    words = sum(len(sentence) for sentence in corpus)
    corpus_size = {"words": words, "types": len(vectors)}
    return row | scores(vectors) | {"settings": asdict(config), "corpus": corpus_size}


def ship(vectors, path: Path) -> None:
    """Write the most frequent words' vectors as float16."""
    from course_lib.keyed_vectors import KeyedVectors

    path.parent.mkdir(exist_ok=True)
    words = vectors.index_to_key[:SHIPPED_WORDS]
    KeyedVectors(words, vectors[words]).save_npz(path)


def scores(vectors) -> dict:
    """Spearman's rho on each set over the pairs whose words are both in the vocabulary, and analogies answered.

    RareWords once more over all pairs, for a method that has a vector for any word.
    """
    from course_lib import data, evaluation, fasttext

    row: dict = {"known": {}}
    for name in PAIRS:
        score = evaluation.score_pairs(vectors, data.load(name))
        row["rarewords_known" if name == "rarewords" else name] = round(score.rho, 4)
        row["known"][name] = [score.known, score.asked]
    makes_up = isinstance(vectors, fasttext.FastTextKeyedVectors)  # vectors for words that it never saw
    everything = evaluation.score_pairs(vectors, data.load("rarewords"), unknown_too=True).rho if makes_up else None
    row["rarewords_all"] = everything and round(everything, 4)
    total = evaluation.score_analogies(vectors, data.load("google_analogies"))["total"]
    return row | {"analogies_correct": total.correct, "analogies_asked": total.known}


def run_all(methods: list[str]) -> None:
    """Every row of the methods asked for; the other methods keep the rows they have."""
    old = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    rows = [row for row in old if row["method"] not in methods]
    for seed in SEEDS:
        for method in methods:
            command = [sys.executable, __file__, "--row", method, str(seed)]
            env = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
            done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            corpus = row.pop("corpus")
            rows.append(row)
            print(row, flush=True)
    rows.sort(key=lambda row: (list(METHODS).index(row["method"]), row["seed"]))
    versions = {package: version(package) for package in ("torch", "numpy", "scipy")}
    save(RESULTS, {"machine": machine(), "versions": versions, "corpus": corpus, "rows": rows})


def print_table() -> None:
    """One line a method: means over the seeds."""
    result = json.loads(RESULTS.read_text())
    print(f"{result['machine']}; {result['corpus']['words']:,} words, {result['corpus']['types']:,} types")
    names = ("wordsim353", "simlex999", "men", "rarewords_known", "rarewords_all", "analogies_correct")
    print(f"{'':15}" + "".join(f"{name:>18}" for name in (*names, "cpu_seconds", "peak_mb")))
    for method in METHODS:
        rows = [row for row in result["rows"] if row["method"] == method]
        cells = []
        for name in (*names, "cpu_seconds", "peak_mb"):
            values = [row[name] for row in rows if row[name] is not None]
            mean = sum(values) / len(values) if values else float("nan")
            cells.append(f"{mean:18.3f}" if mean < 1 else f"{mean:18,.0f}")
        print(f"{method:15}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="only these, anew")
    parser.add_argument("--row", nargs=2, metavar=("METHOD", "SEED"), help="one row, as JSON")
    args = parser.parse_args()
    if args.row:
        method, seed = args.row
        print(json.dumps(run_row(method, int(seed))))
        return
    if not args.table:
        run_all(args.methods)
    print_table()


if __name__ == "__main__":
    main()
