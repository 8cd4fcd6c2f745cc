"""Named corpora, evaluation sets and weights (the fetcher follows)."""

import os
from collections.abc import Iterator
from pathlib import Path

_CORPORA = ("definitions", "facts", "shakespeare", "wikipedia", "film_reviews")


class Corpus:
    """A stream of sentences, each a list of lower-case words; it can be read again and again.

    Reading keeps one sentence in memory: 11 million words as Python lists would take 0.84 GB.
    """

    def __init__(self, name: str, *paths: str | Path):
        self.name = name
        self.paths = tuple(Path(path) for path in paths)

    def __iter__(self) -> Iterator[list[str]]:
        for path in self.paths:
            with path.open(encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    yield line.split()

    def __repr__(self) -> str:
        return f"Corpus({self.name!r})"


def _cache() -> Path:
    return Path(os.environ.get("COURSE_DATA") or Path(__file__).resolve().parents[1] / "data" / "cache")


def path(name: str) -> Path:
    """The file of a named entry."""
    return _cache() / f"{name}.txt"


def load(name: str) -> Corpus:
    """A corpus by its name; `course_corpus` is the five together."""
    return Corpus(name, *(path(part) for part in (_CORPORA if name == "course_corpus" else (name,))))
