"""Files: what everyone who reads or writes one needs, so that what can go wrong is said in one sentence.

What it leaves out. Formats (`vector_files`, `evaluation_sets`, `tokenizer_files`) and downloads (`fetching`).
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

OTHERS = {  # how files of other kinds begin: what they are, and what to do
    rb"\x1f\x8b": "packed with gzip: unpack it first, with gunzip",
    rb"PK\x03\x04": "a zip archive, as .zip, .npz and PyTorch's .pt are: unpack it, or read it with what wrote it",
    rb"\xfd7zXZ\0": "packed with xz: unpack it first, with unxz",
    rb"BZh[1-9]1AY": "packed with bzip2: unpack it first, with bunzip2",
    rb"\x28\xb5\x2f\xfd": "packed with zstd: unpack it first, with unzstd",
    rb"\x80[\x02-\x05](?!.{6}\{)": "a pickle, which can run code when it is read: take the file in another format",
    rb"\xff\xfe|\xfe\xff": "text in UTF-16: save it as UTF-8",
    rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)\b": "a web page, perhaps one that asks for a "
    "login: fetch the file that it stands for",
}


def existing(path: str | os.PathLike, what: str, is_zip: bool = False) -> Path:
    """The path of a file that is there. FileNotFoundError, which says what was looked for, where none is.

    ValueError for one of another kind, as far as its first bytes say so: an archive (but for `is_zip`), a web page.
    """
    path = Path(path)
    if not path.is_file():
        folder = " (it is a folder)" if path.is_dir() else ""
        raise FileNotFoundError(f"there is no {what} at {path}: check the path{folder}.")
    with open(path, "rb") as file:
        begins = file.read(100)
    for pattern, kind in OTHERS.items():
        if re.match(pattern, begins, re.DOTALL) and not (is_zip and begins.startswith(b"PK")):
            raise ValueError(f"{path} is no {what} but {kind}.")
    return path


def require_whole(holds: bool, path: str | os.PathLike, what: str) -> None:
    """ValueError, with what is wrong, for a file that is not whole."""
    if not holds:
        raise ValueError(f"{path} {what}: it is damaged, cut off or of another kind; copy it again.")


def require_folder(path: str | os.PathLike) -> None:
    """ValueError where something stands that is no folder; nothing may."""
    if Path(path).exists() and not Path(path).is_dir():
        raise ValueError(f"{path} is a file: give the name of a folder.")


def read_text(path: str | os.PathLike, what: str) -> str:
    """The text of a file in UTF-8, every line ending in one character. Raises as `existing`, and ValueError."""
    raw = existing(path, what).read_bytes()
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ValueError(f"line {line} of {path} is not UTF-8 ({error.reason}): save it as UTF-8.") from None


@contextmanager
def complete_or_absent(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A file to write beside `path`, renamed onto it when all is written and removed when anything goes wrong."""
    path = Path(path).resolve()  # through a link, to the file itself
    if not path.parent.is_dir() or path.is_dir():
        why = "it is a folder." if path.is_dir() else f"there is no folder {path.parent}; make it first."
        raise FileNotFoundError(f"cannot write {path}: {why}")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: str | os.PathLike, content: bytes) -> None:
    """A file with this content, as `complete_or_absent`."""
    with complete_or_absent(path) as file:
        file.write(content)


def to_bytes(text: str) -> bytes:
    """The text as UTF-8. ValueError for a surrogate, half of a character that nothing follows: UTF-8 has no such."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        half = text[error.start]
        raise ValueError(
            f"The text holds the surrogate {half!r}, half a character, which no file of UTF-8 can hold: "
            "take it out, for example with text.encode(errors='replace').decode()."
        ) from None
