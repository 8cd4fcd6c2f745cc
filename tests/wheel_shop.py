"""A package index of our own for the tests of data: a folder of small wheels, a manifest of them, an empty cache."""

import hashlib
import os
import re
import zipfile
from pathlib import Path

import pytest

from course_lib import manifest

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
    monkeypatch.setattr(manifest, "MANIFEST", tmp_path / "sources.toml")
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


PLAY_WORDS = [["who's", "there"], ["i", "am", "the", "king"], ["exit", "king"], ["good"], ["aside"], ["night"]]
