"""Skip-gram and CBOW beside gensim on the course corpus: speed, and whether the vectors are as good.

    python benchmarks/word2vec.py            every row, one after the other (about 40 minutes on two quiet cores)
    python benchmarks/word2vec.py --table    print the table of the last run

Both sides get the same iterable of sentences and the same settings (gensim's defaults, five epochs) and are timed from
that iterable to finished vectors, vocabulary included. Each row is a process of its own, so that its CPU seconds, those
of its workers included, are its own. Scores are computed by the same code for both. The table goes to
results/word2vec.json when it is whole; a run that was interrupted goes on where it stopped.
"""

import argparse
import json
import pathlib
import resource
import time
from dataclasses import asdict
from importlib.metadata import version

from measuring import in_a_process, machine, save

RESULTS = pathlib.Path(__file__).parent / "results" / "word2vec.json"
SEEDS = (1, 2, 3)
QUEEN_SEEDS = (1, 2, 3, 4, 5)  # skip-gram with one worker, ours alone beyond SEEDS


def plan() -> list[tuple[str, str, int, int]]:
    """(model, by, workers, seed): the two sides alternate, so that a busy spell of the machine meets both."""
    sides = ("course_lib", "gensim")
    rows = [(m, by, 1, s) for m in ("skip-gram", "cbow") for s in SEEDS for by in sides]
    rows += [("skip-gram", "course_lib", 1, s) for s in QUEEN_SEEDS if s not in SEEDS]
    return rows + [(m, by, 2, SEEDS[0]) for m in ("skip-gram", "cbow") for by in sides]


def cpu_seconds() -> float:
    """User and system time of this process and of its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def train_ours(corpus, config):
    from course_lib import word2vec

    return word2vec.train(corpus, config, progress=False)


def train_gensim(corpus, config):
    from gensim.models import Word2Vec

    from course_lib.keyed_vectors import KeyedVectors

    settings = asdict(config) | {"hs": int(config.hs), "cbow_mean": int(config.cbow_mean)}
    model = Word2Vec(corpus, **settings)
    return KeyedVectors(model.wv.index_to_key, model.wv.vectors)


def run_row(model: str, by: str, workers: int, seed: int) -> dict:
    """Train and score one row, in this process."""
    from course_lib import data, word2vec

    corpus = data.load("course_corpus")
    words = sum(len(sentence) for sentence in corpus)
    config = word2vec.Word2VecConfig(sg=int(model == "skip-gram"), workers=workers, seed=seed)
    train = train_ours if by == "course_lib" else train_gensim
    import gensim.models  # noqa: F401  (both sides are imported before the clock starts)

    cpu, wall = cpu_seconds(), time.perf_counter()
    vectors = train(corpus, config)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    _, sections = vectors.evaluate_word_analogies(data.path("google_analogies"))
    total = sections[-1]
    queen = vectors.most_similar(positive=["king", "woman"], negative=["man"], topn=1)[0][0]
    return {
        "model": model, "by": by, "workers": workers, "seed": seed, "epochs": config.epochs,
        "words_per_second": round(config.epochs * words / wall),
        "words_per_cpu_second": round(config.epochs * words / cpu),
        "seconds": round(wall, 1), "cpu_seconds": round(cpu, 1),
        "wordsim353": round(vectors.evaluate_word_pairs(data.path("wordsim353"))[1][0], 4),
        "simlex999": round(vectors.evaluate_word_pairs(data.path("simlex999"))[1][0], 4),
        "analogies_correct": len(total["correct"]), "analogies_asked": len(total["correct"]) + len(total["incorrect"]),
        "king_man_woman": queen, "corpus": {"words": words, "types": len(vectors)},
    }  # fmt: skip


def run_all() -> None:
    part = RESULTS.with_suffix(".part")  # what an interrupted run has measured: the next one goes on from there
    rows = json.loads(part.read_text()) if part.exists() else []
    for key in plan()[len(rows) :]:
        rows.append(in_a_process(*key, script=__file__))
        part.write_text(json.dumps(rows))
        print(rows[-1], flush=True)
    corpus = [row.pop("corpus") for row in rows][0]
    queens = {str(row["seed"]): row["king_man_woman"] for row in rows
              if (row["model"], row["by"], row["workers"]) == ("skip-gram", "course_lib", 1)}  # fmt: skip
    versions = {package: version(package) for package in ("torch", "gensim", "numpy")}
    result = {"machine": machine(), "versions": versions, "corpus": corpus, "rows": rows, "queens": queens}
    save(RESULTS, result)


def print_table() -> None:
    """One line a model, side and number of workers: means over the seeds, and the ratio to gensim per CPU-second."""
    result = json.loads(RESULTS.read_text())
    print(f"{result['machine']}; {result['corpus']['words']:,} words, {result['corpus']['types']:,} types, five epochs")
    print(f"{'':25}   words/s  words/CPU-s  ratio  WordSim  SimLex  analogies  seeds")
    groups: dict[tuple, list[dict]] = {}
    for row in result["rows"]:
        if row["seed"] not in SEEDS:  # our seeds without a peer's beside them: for the queens alone
            continue
        groups.setdefault((row["model"], row["workers"], row["by"]), []).append(row)
    for (model, workers, by), rows in sorted(groups.items(), reverse=True):

        def mean(name, rows=rows):
            return sum(row[name] for row in rows) / len(rows)

        peer = groups.get((model, workers, "gensim"), rows)
        ratio = mean("words_per_cpu_second") / mean("words_per_cpu_second", peer)
        speed = f"{mean('words_per_second'):9,.0f}  {mean('words_per_cpu_second'):11,.0f}  {ratio:4.1f}x"
        scores = f"{mean('wordsim353'):7.3f}  {mean('simlex999'):6.3f}  {mean('analogies_correct'):9,.0f}"
        print(f"{model:9} {by:10} {workers} w  {speed}  {scores}  {sorted(row['seed'] for row in rows)}")
    print("king - man + woman, by seed:", result["queens"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", nargs=4, metavar=("MODEL", "BY", "WORKERS", "SEED"), help="one row, as JSON")
    args = parser.parse_args()
    if args.row:
        model, by, workers, seed = args.row
        print(json.dumps(run_row(model, by, int(workers), int(seed))))
    elif args.table:
        print_table()
    else:
        run_all()
        print_table()


if __name__ == "__main__":
    main()
