"""Named corpora, evaluation sets and weights: fetched once, checked, cleaned, and from then on read without a network.

    data.load("course_corpus")       # a Corpus: sentences, each a list of lower-case words
    data.load("wordsim353")          # [(word_a, word_b, score), ...]
    data.load("film_sentiment")      # [Review(text, label, source), ...]
    data.load("entities")            # [Tagged(words, tags), ...]
    data.load("shakespeare_plays")   # {title: text, ...}
    data.load("english_french")      # [(english, french), ...]
    data.path("googlenews")          # a file of vectors
    data.path("minilm")              # a folder of others' weights, for `checkpoints`; data.path("smollm2"), a file
    python -m course_lib.data        # the table of all names; `... fetch NAME` fetches

What there is stands in `data/sources.toml` (see `manifest`), and `fetching` brings it. What is left out: data that is
not on the package index.
"""

import argparse
import csv
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from course_lib.evaluation_sets import Analogies, Pairs, read_analogies, read_pairs
from course_lib.fetching import FetchError, fetch
from course_lib.files import existing
from course_lib.manifest import Table, entries, named
from course_lib.settings import require

# ---- what a program asks for -----------------------------------------------------------------------------------------


class Corpus:
    """A stream of sentences, each a list of words; it can be read again and again.

    Only one sentence is in memory at a time: 11 million words as Python lists would take 0.84 GB.
    The files hold UTF-8, one sentence a line, words separated by spaces. An accent and its letter come as one character
    where there is one (NFC), as in all texts of the course.
    """

    def __init__(self, name: str, *paths: str | Path):
        self.name = name
        self.paths = tuple(Path(path) for path in paths)

    def __iter__(self) -> Iterator[list[str]]:
        for path in self.paths:
            try:
                with existing(path, f"file of the corpus {self.name!r}").open(encoding="utf-8-sig") as lines:
                    yield from filter(None, (normalize("NFC", line).split() for line in lines))
            except UnicodeDecodeError as error:
                raise ValueError(f"{path} is not UTF-8 text ({error.reason}): save it as UTF-8.") from None

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, {len(self.paths)} {'file' if len(self.paths) == 1 else 'files'})"


class Review(NamedTuple):
    """One judged text about a film, as its author wrote it; `<br />` has become a newline."""

    text: str
    label: int  # 1 = liked it, 0 = did not
    source: str  # "imdb" or "rotten_tomatoes"


class Tagged(NamedTuple):
    """A sentence whose names people have marked: one tag a word, in IOB2 (B-KIND begins a name, I-KIND goes on)."""

    words: list[str]
    tags: list[str]


def load(name: str) -> Corpus | Pairs | Analogies | list[Review] | list[Tagged] | list[tuple] | dict[str, str]:
    """What a name stands for, as Python objects by its kind; fetched first where it is missing.

    corpus: a `Corpus` · pairs: [(word, word, score)] · analogies: {section: [four words]} · reviews: [Review]
    in the file's order · plays: {title: text}, with case, line breaks and speakers' names · tags: [Tagged] ·
    translations: rows of English and another language, [(english, other)] or [(language, english, other)].
    Raises KeyError for an unknown name, ValueError for files (vectors, vocabularies, scripts: see `path`), FetchError.
    """
    wanted = named(name)
    if wanted.kind in FILES:
        what, call = FILES[wanted.kind]
        raise ValueError(f"{name!r} is {what}, not a corpus or a set: use {call.format(name)}.")
    if wanted.kind == "corpus":
        fetch(name)
        return Corpus(name, *(part.file() for part in wanted.whole()))
    return READERS[wanted.kind](path(name))


def path(name: str) -> Path:
    """The file of a name (a model's or checkpoint's folder), fetched first where it is missing.

    Raises KeyError for an unknown name, ValueError for a name that is several files, FetchError.
    """
    wanted = named(name)
    require(not wanted.parts, "name", name, f"one file, not {', '.join(wanted.parts)}: use data.load(name).paths")
    fetch(name)
    return wanted.file()


def table() -> Table:
    """What exists: name, kind, licence, size of the download, whether it is on disk."""
    return Table(list(entries().values()))


FILES = {  # kinds that are files for others to read: what they are, and who reads them
    "script": ("a script for the browser", 'data.path("{}")'),
    "tokenizer": ("a vocabulary of subwords", 'tokenizers.BPETokenizer.load(data.path("{0}")) for merges, '
                  'tokenizers.WordPieceTokenizer.load(data.path("{0}")) for a vocab'),
    "model": ("a trained model", 'pretrain.load(data.path("{}"))'),
    "checkpoint": ("a folder of weights by others", 'checkpoints.load_bert(data.path("{}"))'),
    "gguf": ("a file of weights by others", 'checkpoints.load_llama(data.path("{}"))'),
    "weights": ("a file of vectors", 'KeyedVectors.load_word2vec_format(data.path("{}"), binary=True)'),
    "spacy": ("a folder of vectors by others", 'spacy_vectors.load(data.path("{}"))'),
    "vectors": ("a file of vectors", 'KeyedVectors.load_npz(data.path("{}"))'),
}  # fmt: skip


def _read_pairs(file: Path) -> Pairs:
    return [(one.lower(), other.lower(), score) for one, other, score in read_pairs(file)]


def _read_analogies(file: Path) -> Analogies:
    return {name: [tuple(map(str.lower, question)) for question in questions]
            for name, questions in read_analogies(file).items()}  # fmt: skip


def _read_reviews(file: Path) -> list[Review]:
    with file.open(encoding="utf-8", newline="") as lines:
        return [Review(re.sub(r"<br\s*/?>", "\n", row["text"]), int(row["label"]), sys.intern(row["source"]))
                for row in csv.DictReader(lines)]  # fmt: skip


def _read_plays(file: Path) -> dict[str, str]:
    _, *parts = re.split(r"^# (.+)\n", file.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2]))


def _read_tags(file: Path) -> list[Tagged]:
    """A word, a tab and its tag a line; a line without a word ends a sentence."""
    sentences, words, tags = [], [], []
    for line in [*file.read_text("utf-8").split("\n"), ""]:
        word, _, tag = line.rstrip("\r").partition("\t")
        if word:
            words.append(word)
            tags.append(sys.intern(tag))
        elif words:
            sentences.append(Tagged(words, tags))
            words, tags = [], []
    return sentences


def _read_translations(file: Path) -> list[tuple[str, ...]]:
    return [tuple(normalize("NFC", line).split("\t")) for line in file.read_text("utf-8").split("\n") if line]


READERS = {"pairs": _read_pairs, "analogies": _read_analogies, "reviews": _read_reviews, "plays": _read_plays,
           "tags": _read_tags, "translations": _read_translations}  # fmt: skip


# ---- the command -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m course_lib.data` prints the table; with `fetch NAME ...` it fetches."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.data", description="The course's data.")
    commands = parser.add_subparsers(dest="command")
    fetcher = commands.add_parser("fetch", help="fetch by name; `first` is all that the lessons need")
    fetcher.add_argument("names", nargs="+", metavar="NAME")
    options = parser.parse_args(arguments)
    try:
        if options.command == "fetch":
            fetch(*options.names)
        else:
            print(table())
    except (FetchError, KeyError) as error:
        print(error.args[0], file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped: nothing half-written is left, and the next try starts clean.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
