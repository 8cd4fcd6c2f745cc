"""Tokenizers' files: tokenizer.json, as Hugging Face's `tokenizers` reads and writes it, and the older lists of lines.

What it leaves out. What the files of each kind of tokenizer must say (`subwords` and `tokenizers` look); a file's
truncation and padding, which belong to a call and not to a vocabulary.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from course_lib.files import read_text, require_whole
from course_lib.settings import require, require_once


def file_in(path: Path, older: str, others: str, other: str) -> Path:
    """The file to read in a folder: tokenizer.json, else the older one. ValueError where there is neither."""
    if not path.is_dir():
        return path
    for name in ("tokenizer.json", older):
        if (path / name).is_file():
            return path / name
    hint = f", but a {others}: load it with {other}" if (path / others).is_file() else ""
    raise ValueError(f"{path} has no tokenizer.json and no {older}{hint}.")


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; not splitlines, for a token may be a line separator. Raises as `files.read_text`."""
    return read_text(path, "file of a tokenizer").removesuffix("\n").split("\n")


def read_json(path: Path) -> dict:
    """The object in a JSON file. ValueError for anything else, and for a key that comes twice."""

    def once(pairs):
        require_once((key for key, _ in pairs), "name", f" in {path}")
        return dict(pairs)

    try:
        content = json.loads("\n".join(read_lines(path)), object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no whole JSON file ({error}).") from None
    require(isinstance(content, dict), str(path), content, "names and what they mean, in braces")
    return content


def differences(found: Mapping[str, object], **expected: object) -> list[str]:
    """What of a file is not as expected, as a list of key=value."""
    return [f"{key}={found.get(key)!r}" for key, value in expected.items() if found.get(key) != value]


def names_by_id(vocab: Mapping[str, int], path: Path) -> list[str]:
    """The names in the order of their ids. ValueError unless the ids are 0, 1, 2, ..., each once."""
    names = {token_id: name for name, token_id in vocab.items() if isinstance(token_id, int)}
    if missing := [i for i in range(len(vocab)) if i not in names]:
        raise ValueError(f"{path} has {len(vocab)} tokens and none with the id {missing[0]}: ids must be 0, 1, 2, ...")
    return [names[i] for i in range(len(vocab))]


def write_tokenizer_json(folder: Path, model: dict, special_tokens: Mapping[str, int], **parts: dict) -> None:
    """tokenizer.json, as `tokenizers` reads it; `parts` are its normalizer, pre_tokenizer, post_processor, decoder."""
    added = [{"id": token_id, "content": name, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for name, token_id in special_tokens.items()]  # fmt: skip
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"))
    content = {"version": "1.0", "added_tokens": added, **empty, **parts, "model": model}
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


def read_tokenizer_json(path: Path, kind: str) -> tuple[dict, list[str], list[str], dict]:
    """A tokenizer.json's model, special tokens, names by id, and whole content. ValueError unless it is of this kind.

    Its truncation and padding are not read: they belong to a call, not to a vocabulary.
    """
    content = read_json(path)
    model = _part(content, "model", dict, path)
    found = model.get("type") or ("BPE" if "merges" in model else "WordPiece")
    require(found == kind, "type", found, f"{kind} in {path}: try tokenizers.load")
    if kind == "BPE":
        _part(model, "merges", list, path)
    vocab, special_tokens = dict(_part(model, "vocab", dict, path)), []
    for token in content.get("added_tokens") or []:
        name, odd = token["content"], [key for key in ("single_word", "lstrip", "rstrip") if token.get(key)]
        if odd or vocab.setdefault(name, token["id"]) != token["id"]:
            why = f"{odd[0]}, which this course does not read" if odd else f"two ids, {vocab[name]} and {token['id']}"
            raise ValueError(f"The added token {name!r} of {path} has {why}.")
        special_tokens.append(name)
    return model, special_tokens, names_by_id(vocab, path), content


def require_kind(wrong: Sequence[str], path: Path, kind: str) -> None:
    """ValueError for whatever of a file is not as a kind of tokenizer has it."""
    if wrong:
        raise ValueError(f"{path} is not cut as {kind} ({', '.join(wrong)}), which reads no other: take another file.")


def _part(content: Mapping, name: str, form: type, path: Path):
    """A part that a file must have."""
    require_whole(isinstance(content.get(name), form), path, f"has no {name}")
    return content[name]
