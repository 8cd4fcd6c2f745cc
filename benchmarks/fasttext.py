"""fastText beside the `fasttext` package and gensim's FastText on the course corpus: speed, memory, and the scores.

    python benchmarks/fasttext.py                                    every row (the peers take over ten minutes each)
    python benchmarks/fasttext.py --by course_lib --seeds 1 2 3      ours alone
    python benchmarks/fasttext.py --every 10 --epochs 1              speed on a tenth of the sentences
    python benchmarks/fasttext.py --table                            print the table of the last run

Settings are the same on all sides (SETTINGS); the original calls `sample` t, and draws noise by the square root of the
count whatever one says, so all do. Three differences stay. The original reads a file, in which each line's end is a
word "</s>"; the file is written before its clock starts. It and gensim take whole words at random as noise for each
pair, ours shares them within a block (see word2vec). With one thread the original fills a tenth of its table with
random numbers and leaves the rest at zero. Each row is a process of its own, timed from text to finished vectors,
vocabulary included; words are counted as read, before thinning. Scores are computed by one code for all.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version

from measuring import machine, save

sys.path = [folder for folder in sys.path if pathlib.Path(folder or ".").resolve() != pathlib.Path(__file__).parent]

RESULTS = pathlib.Path(__file__).parent / "results" / "fasttext.json"
SIDES = ("course_lib", "fasttext", "gensim")
SETTINGS = {"vector_size": 100, "window": 5, "min_count": 5, "negative": 5, "ns_exponent": 0.5, "sample": 1e-3,
            "alpha": 0.05, "min_n": 3, "max_n": 6, "bucket": 200_000}  # fmt: skip


def train_ours(corpus, settings, model):
    from course_lib import fasttext

    config = fasttext.FastTextConfig(**settings, sg=int(model == "skip-gram"))
    return lambda: fasttext.train(corpus, config, progress=False), lambda vectors: vectors


def train_original(corpus, settings, model):
    """Two steps, of which the first is timed; the second takes the vectors over into our class."""
    import fasttext as original
    from fasttext.FastText import _build_args, _FastText, unsupervised_default

    from course_lib import fasttext

    folder = tempfile.mkdtemp()
    text, saved = os.path.join(folder, "corpus.txt"), os.path.join(folder, "model.bin")
    with open(text, "w", encoding="utf-8") as file:
        file.writelines(" ".join(sentence) + "\n" for sentence in corpus)
    names = {"vector_size": "dim", "window": "ws", "min_count": "minCount", "negative": "neg", "sample": "t",
             "alpha": "lr", "min_n": "minn", "max_n": "maxn", "bucket": "bucket", "epochs": "epoch"}  # fmt: skip
    args = unsupervised_default | {theirs: settings[ours] for ours, theirs in names.items()}
    args |= {"input": text, "model": {"skip-gram": "skipgram"}.get(model, model), "thread": 1, "verbose": 0}
    built = _build_args(args, {})
    built.seed = settings["seed"]

    def train():
        trained = _FastText(args=built)
        original.FastText.fasttext.train(trained.f, built)
        return trained

    def take_over(trained):
        trained.save_model(saved)
        try:
            return fasttext.load(saved)
        finally:
            os.remove(saved), os.remove(text), os.rmdir(folder)

    return train, take_over


def train_gensim(corpus, settings, model):
    import numpy as np
    from gensim.models import FastText

    from course_lib import fasttext

    def take_over(trained):
        table = np.concatenate([trained.wv.vectors_vocab, trained.wv.vectors_ngrams])
        return fasttext.FastTextKeyedVectors(trained.wv.index_to_key, table, bucket=settings["bucket"])

    return lambda: FastText(sentences=corpus, workers=1, sg=int(model == "skip-gram"), **settings), take_over


class Every:
    """Every n-th sentence of a corpus, as often as one asks."""

    def __init__(self, corpus, n: int):
        self.corpus, self.n = corpus, n

    def __iter__(self):
        return (sentence for i, sentence in enumerate(self.corpus) if i % self.n == 0)


def run_row(model: str, by: str, seed: int, epochs: int, every: int) -> dict:
    """Train and score one row, in this process."""
    from course_lib import data

    corpus = Every(data.load("course_corpus"), every)
    words = sum(len(sentence) for sentence in corpus)
    settings = SETTINGS | {"epochs": epochs, "seed": seed}
    sides = {"course_lib": train_ours, "fasttext": train_original, "gensim": train_gensim}
    train, take_over = sides[by](corpus, settings, model)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cpu, wall = time.process_time(), time.perf_counter()
    trained = train()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    to_mb = 2**20 if sys.platform == "darwin" else 2**10
    row = {"method": "fastText", "model": model, "by": by, "seed": seed, "epochs": epochs, "every": every,
           "words_per_cpu_second": round(epochs * words / cpu), "seconds": round(wall, 1),
           "cpu_seconds": round(cpu, 1), "peak_mb": round(peak / to_mb),
           "before_mb": round(before / to_mb)}  # fmt: skip
    vectors = take_over(trained)
    return row | scores(vectors) | {"settings": settings, "corpus": {"words": words, "types": len(vectors)}}


def scores(vectors) -> dict:
    """Spearman's rho on the four sets of pairs, rare words also with unknown ones, and Google's analogies."""
    from course_lib import data, evaluation

    found, known = {}, {}
    for name, column in (("wordsim353",) * 2, ("simlex999",) * 2, ("men",) * 2, ("rarewords", "rarewords_known")):
        score = evaluation.score_pairs(vectors, data.load(name))
        found[column], known[name] = round(score.rho, 4), [score.known, score.asked]
    found["rarewords_all"] = round(evaluation.score_pairs(vectors, data.load("rarewords"), unknown_too=True).rho, 4)
    total = evaluation.score_analogies(vectors, data.load("google_analogies"))["total"]
    return found | {"known": known, "analogies_correct": total.correct, "analogies_asked": total.known}


def run_all(args) -> None:
    rows = []
    packages = {"torch", "numpy", *(by for by in args.by if by != "course_lib")}
    result = {"machine": machine(), "versions": {name: installed(name) for name in sorted(packages)}}

    for seed in args.seeds:
        for by in args.by:
            key = (args.model, by, seed, args.epochs, args.every)
            env = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(RESULTS.parent.parent.parent))
            command = [sys.executable, __file__, "--row", *map(str, key)]
            done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
            row = json.loads(done.stdout.splitlines()[-1])
            result["corpus"] = row.pop("corpus")
            rows.append(row)
            print(row, flush=True)
    save(args.out, result | {"rows": rows})


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # the same module from another wheel
        return version(f"{package}-numpy2-wheel")


def print_table(path: pathlib.Path) -> None:
    """One line a side: means over the seeds, and our ratio to it per CPU-second."""
    result = json.loads(path.read_text())
    first = result["rows"][0]
    print(f"{result['machine']}; {result['corpus']['words']:,} words, {first['model']}, {first['epochs']} epochs")
    columns = ("wordsim353", "simlex999", "men", "rarewords_known", "rarewords_all", "analogies_correct")
    print(f"{'':12}words/CPU-s  peak MB  " + "  ".join(columns))
    for by in dict.fromkeys(row["by"] for row in result["rows"]):
        rows = [row for row in result["rows"] if row["by"] == by]
        mean = {name: sum(row[name] for row in rows) / len(rows)
                for name in (*columns, "words_per_cpu_second", "peak_mb")}  # fmt: skip
        numbers = "  ".join(f"{mean[name]:{len(name)}.{0 if mean[name] > 1 else 3}f}" for name in columns)
        print(f"{by:12}{mean['words_per_cpu_second']:11,.0f}  {mean['peak_mb']:7,.0f}  {numbers}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--by", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--every", type=int, default=1, help="train on every n-th sentence")
    parser.add_argument("--model", choices=("skip-gram", "cbow"), default="skip-gram")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", nargs=5, metavar=("MODEL", "BY", "SEED", "EPOCHS", "EVERY"), help="one row, as JSON")
    args = parser.parse_args()
    if args.row:
        model, by, *numbers = args.row
        print(json.dumps(run_row(model, by, *map(int, numbers))))
        return
    if not args.table:
        run_all(args)
    print_table(args.out)


if __name__ == "__main__":
    main()
