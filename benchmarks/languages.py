"""Two languages under one rotation, asked more often than a lesson has time for.

    python benchmarks/languages.py            everything on the CPU, one thread (about ten minutes)
    python benchmarks/languages.py --table    print the tables of the last run

English are the vectors of GoogleNews, French fastText's, Japanese chiVe's, 20,000 words each of the latter two. A seed
draws the 500 English words that are asked for, and all pairs that share a word with them are kept out of the learning.
"cosine" and "csls" are the shares of words whose first answer is right, "ten" those with a right one among ten (CSLS).

"ways": where the pairs come from; six draws of the two that lie close, three of the others. "shuffled": the
dictionary's words, paired at random. "least squares": the dictionary, but any matrix, no rotation. "same spelling": a
word and itself, where both languages have it; and both kinds once more with as many pairs as the shorter list has,
drawn at random. "spelled unlike": no pair of one spelling, learned or asked.
"pairs": a dictionary of so many pairs, as it is and refined in three rounds.
"pivot": from French to Japanese through English, without a pair of the two; and with a shuffled second half.
"texts": English vectors that the course's skip-gram has learned from so many words of the course's corpus, the
sentences drawn at random; all with the same pairs and the same questions, and GoogleNews's vectors with these, too.

The tables go to results/languages.json when they are whole. Lesson 24 shows them and reruns a row of each.
"""

import argparse
import json
import os
import pathlib
import random

import numpy as np
import torch
from measuring import machine, save

from course_lib import alignment, data, spacy_vectors
from course_lib.intervals import seed_interval
from course_lib.keyed_vectors import KeyedVectors
from course_lib.word2vec import Word2VecConfig, train

RESULT = pathlib.Path(__file__).parent / "results/languages.json"
SEEDS, DRAWS, ASKED, LANGUAGES = (1, 2, 3), (1, 2, 3, 4, 5, 6), 500, ("French", "Japanese")
PAIRS, WORDS = (50, 100, 200, 400, 800), (400_000, 1_200_000, 3_600_000, 10_800_000)


class Languages:
    """English and the others: the words, their vectors of length 1, the dictionaries."""

    def __init__(self):
        self.english = KeyedVectors.load_word2vec_format(data.path("googlenews"), binary=True)
        self.X = alignment.normalise(self.english.vectors)
        self.words, self.Y, self.pairs, self.lexicon = {}, {}, {}, {}
        for name in LANGUAGES:
            self.words[name] = spacy_vectors.load(data.path(f"{name.lower()}_vectors"))
            self.Y[name] = alignment.normalise(self.words[name].vectors)
            self.pairs[name] = data.load(f"english_{name.lower()}")
            self.lexicon[name] = alignment.Lexicon.of(self.pairs[name], self.english, self.words[name])

    def alike(self, name: str, lexicon: alignment.Lexicon) -> np.ndarray:
        """Which pairs are spelled alike."""
        return np.array([self.english.index_to_key[i] == self.words[name].index_to_key[j]
                         for i, j in zip(lexicon.rows, lexicon.partners)])  # fmt: skip

    def same_spelling(self, name: str, test: alignment.Lexicon) -> alignment.Lexicon:
        """A word and itself, but for those that share a word with the test."""
        both = [(word, word) for word in self.english if word in self.words[name].key_to_index]
        found = alignment.Lexicon.of(both, self.english, self.words[name])
        return found.only(~np.isin(found.rows, test.rows) & ~np.isin(found.partners, test.partners))


def scored(X, Y, W, test) -> dict[str, float]:
    return {name: round(value.value, 4) for name, value in alignment.evaluate(X, Y, W, test)._asdict().items()}


def turned(X, Y, lexicon) -> np.ndarray:
    return alignment.procrustes(X[lexicon.rows], Y[lexicon.partners])


def ways(all: Languages) -> list[dict]:
    rows = []
    for name in LANGUAGES:
        X, Y, lexicon = all.X, all.Y[name], all.lexicon[name]
        for seed in DRAWS:
            learned, test = lexicon.split(ASKED, seed)
            same = all.same_spelling(name, test)
            few = min(len(same), len(learned))
            unlike = learned.only(~all.alike(name, learned))
            strange = test.only(~np.isin(test.rows, test.rows[all.alike(name, test)]))
            matrix = np.linalg.lstsq(X[learned.rows], Y[learned.partners], rcond=None)[0].astype(np.float32)
            for how, pairs, W, asked in [
                ("dictionary", learned, None, test), ("shuffled", learned.shuffled(seed), None, test),
                ("least squares", learned, matrix, test), ("same spelling", same, None, test),
                ("same spelling, as few", same.some(few, seed), None, test),
                ("dictionary, as few", learned.some(few, seed), None, test), ("spelled unlike", unlike, None, strange),
            ]:  # fmt: skip
                if seed not in SEEDS and how not in ("dictionary", "least squares"):
                    continue
                W = turned(X, Y, pairs) if W is None else W
                rows.append({"language": name, "seed": seed, "how": how, "pairs": len(pairs),
                             "asked": len(asked.gold), **scored(X, Y, W, asked)})  # fmt: skip
                print(*rows[-1].values(), flush=True)
    return rows


def fewer(all: Languages) -> list[dict]:
    rows = []
    for name in LANGUAGES:
        X, Y = all.X, all.Y[name]
        for seed in SEEDS:
            learned, test = all.lexicon[name].split(ASKED, seed)
            for count in PAIRS:
                W = turned(X, Y, learned.some(count, seed))
                for rounds in (0, 3):
                    W = alignment.refine(X, Y, W, rounds) if rounds else W
                    rows.append({"language": name, "seed": seed, "pairs": count, "rounds": rounds,
                                 **scored(X, Y, W, test)})  # fmt: skip
                    print(*rows[-1].values(), flush=True)
    return rows


def pivot(all: Languages) -> list[dict]:
    """French and Japanese are both turned into English; what an English word of the test joins is a right answer."""
    rows, (here, there) = [], (all.lexicon[name] for name in LANGUAGES)
    for seed in SEEDS:
        both = np.random.default_rng(seed).permutation(np.intersect1d(here.rows, there.rows))[:ASKED]
        ways, gold, tests = [], {}, [lexicon.only(np.isin(lexicon.rows, both)) for lexicon in (here, there)]
        for lexicon, test in zip((here, there), tests):
            free = ~np.isin(lexicon.rows, test.rows) & ~np.isin(lexicon.partners, test.partners)
            ways.append(lexicon.only(free))
        for word, partners in tests[0].gold.items():
            for partner in partners:
                gold.setdefault(partner, set()).update(tests[1].gold[word])
        test = alignment.Lexicon(*np.array([(one, other) for one, found in gold.items() for other in found]).T)
        X, Y = all.Y["French"], all.Y["Japanese"]
        into = turned(all.X, X, ways[0]).T  # French into English
        for how, pairs in (("pivot", ways[1]), ("pivot, shuffled", ways[1].shuffled(seed))):
            W = into @ turned(all.X, Y, pairs)
            rows.append({"how": how, "seed": seed, "asked": len(gold), **scored(X, Y, W, test)})
            print(*rows[-1].values(), flush=True)
    return rows


def texts(all: Languages) -> list[dict]:
    rows, Y = [], all.Y["French"]
    sentences = list(map(" ".join, data.load("course_corpus")))
    for seed in SEEDS:
        random.Random(seed).shuffle(sentences)
        known = {}
        for count in WORDS:
            some, size = [], 0
            for sentence in sentences:
                if size >= count:
                    break
                some.append(sentence)
                size += sentence.count(" ") + 1
            config = Word2VecConfig(vector_size=100, window=5, min_count=5, epochs=5, seed=seed)
            known[size] = train([sentence.split(" ") for sentence in some], config, progress=False)
            print(seed, size, known[size], flush=True)
        known[0] = all.english
        shared = set.intersection(*(set(vectors.index_to_key) for vectors in known.values()))
        pairs = [pair for pair in all.pairs["French"] if pair[0] in shared]
        for size, vectors in known.items():
            X, lexicon = alignment.normalise(vectors.vectors), alignment.Lexicon.of(pairs, vectors, all.words["French"])
            asked = random.Random(seed).sample(sorted({vectors.index_to_key[i] for i in lexicon.rows}), 250)
            held = np.isin(lexicon.rows, [vectors.key_to_index[word] for word in asked])
            test = lexicon.only(held)
            learned = lexicon.only(~held & ~np.isin(lexicon.partners, test.partners))
            rows.append({"words": size or "GoogleNews", "seed": seed, "vocabulary": len(vectors), "pairs": len(learned),
                         **scored(X, Y, turned(X, Y, learned), test)})  # fmt: skip
            print(*rows[-1].values(), flush=True)
    return rows


PARTS = {"ways": ways, "pivot": pivot, "pairs": fewer, "texts": texts}


def table(saved: dict) -> None:
    print(saved["machine"])
    groups = {"ways": ("language", "how"), "pairs": ("language", "pairs", "rounds"), "pivot": ("how",)}
    for part, keys in groups.items():
        if part not in saved:
            continue
        for group in dict.fromkeys(tuple(row[key] for key in keys) for row in saved[part]):
            some = [row for row in saved[part] if tuple(row[key] for key in keys) == group]
            found = {what: seed_interval(row[what] for row in some) for what in ("cosine", "csls", "ten")}
            print(part, *group, *(f"{what} {100 * x.value:.1f} [{100 * x.low:.1f}, {100 * x.high:.1f}]"
                                  for what, x in found.items()))  # fmt: skip
    for row in saved.get("texts", []):
        print("texts", *row.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--only", choices=PARTS, help="measure one part anew, keep the others")
    options = parser.parse_args()
    if not options.table:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
        saved = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {}
        everything = Languages()
        for name, part in PARTS.items():
            if options.only in (None, name):
                saved |= {"machine": machine(), name: part(everything)}
        save(RESULT, saved)
    table(json.loads(RESULT.read_text("utf-8")))


if __name__ == "__main__":
    main()
