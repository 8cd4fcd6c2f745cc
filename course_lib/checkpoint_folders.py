"""The files of a Hugging Face folder: settings, tensors, tokenizer; and where it is, on this machine or on the hub.

What it is. A folder holds config.json (the sizes), model.safetensors, or several with an index (a name and numbers for
each tensor), and the tokenizer's files. Whatever one says that the course's model would not compute is an error with
its name: a wrong setting read in silence gives a model that answers, wrongly.

What it leaves out. Weights in Python's pickle format, which can run code when they are read.

Source. The format of safetensors: huggingface.co/docs/safetensors.
"""

import json
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from course_lib import tokenizers
from course_lib.checkpoint_names import LLAMA, Family
from course_lib.files import existing, require_whole
from course_lib.settings import require
from course_lib.tokenizers import BPETokenizer, Tokenizer, WordPieceTokenizer

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
HUB_FILES = [CONFIG, "model*.safetensors", INDEX, "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json",
             "merges.txt"]  # fmt: skip


def read_config(path_or_name: str | Path, family: Family) -> tuple[Path, dict, Any]:
    """The folder, its config.json, and our settings."""
    folder = find_folder(path_or_name)
    path = folder / CONFIG
    if not path.is_file():
        own = (folder / "card.json").is_file()
        advice = "read it with course_lib.pretrain.load" if own else "name one that transformers wrote"
        raise FileNotFoundError(f"There is no {CONFIG} in the folder {folder}: {advice}.")
    found = read_json(path)
    found = _spelled_out(found, path) if family is LLAMA else found
    kind = found.get("model_type")
    if kind != family.model_type:
        right = {"bert": "load_bert", "gpt2": "load_gpt", "llama": "load_llama"}.get(kind)
        advice = f"use {right}" if right else "take a model that this course builds"
        raise ValueError(f"{path} says model_type={kind!r} where {family.model_type!r} is read here: {advice}.")
    shares = {name: found[name] for name in family.dropouts if found.get(name) is not None}
    if len(set(map(str, shares.values()))) > 1:
        warnings.warn(f"{path} says {shares}, and the course's model has one dropout, {family.dropouts[0]}: its "
                      "answers are the same, further training is not.", stacklevel=3)  # fmt: skip
    config = our_settings(found, family, path)
    if family is LLAMA:
        require_values(found, {"rope_type": ("default",), "head_dim": (config.d_model // config.num_heads,)}, path)
    return folder, found, config


def our_settings(found: dict, family: Family, path: Path, **more: Any) -> Any:
    """Our settings from theirs. ValueError for one that is missing, or that ours does not compute, by their name."""
    require_values(found, family.fixed, path)
    missing = [theirs for ours, theirs in family.settings.items() if theirs not in found and ours not in family.silent]
    if missing:
        raise ValueError(f"{path} does not say {', '.join(missing)}: take the file that came with the weights.")
    settings = {ours: found[theirs] for ours, theirs in family.settings.items() if theirs in found}
    try:
        return family.config(**settings, **more)
    except ValueError as error:
        ours = str(error).partition("=")[0]
        said = str(error).replace(ours, family.settings.get(ours, ours))
        raise ValueError(f"{path} describes no model: {said}") from None


def require_values(found: dict, wanted: dict[str, tuple], path: Path) -> None:
    """ValueError for a setting of another value than these; of a name that is not there the first is meant."""
    for name, values in wanted.items():
        words = f"{' or '.join(map(repr, values))} in {path}, as ours computes no other: take another model"
        require(found.get(name, values[0]) in values, name, found.get(name), words)


def _spelled_out(found: dict, path: Path) -> dict:
    """A Llama's config.json with what theirs means where it is silent, and positions in its older word, rope_theta."""
    rope = found.get("rope_parameters") or found.get("rope_scaling") or {}
    require(isinstance(rope, dict), "rope_parameters", rope, f"names and values in {path}: copy it again")
    unsaid = {"num_key_value_heads": found.get("num_attention_heads"), "rms_norm_eps": 1e-6, "rope_theta": 10_000.0,
              "attention_dropout": 0.0, "tie_word_embeddings": False}  # fmt: skip
    found = unsaid | {name: value for name, value in found.items() if value is not None}
    stretched = rope.get("rope_type", rope.get("type", "default"))
    return found | {"rope_theta": rope.get("rope_theta", found["rope_theta"]), "rope_type": stretched}


def read_json(path: Path) -> dict:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise ValueError(f"{path} is damaged or cut off: copy it again.") from None
    require(isinstance(found, dict), str(path), found, "names and values: copy it again")
    return found


def read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, under the names in its file or files."""
    if (folder / WEIGHTS).is_file():
        return _read_safetensors(existing(folder / WEIGHTS, "file of weights"))
    if not (folder / INDEX).is_file():
        raise _no_weights(folder)
    places = read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or any(Path(str(file)).name != file for file in places.values()):
        raise ValueError(f"{folder / INDEX} does not say in which file of its folder each tensor is: copy it again.")
    tensors = {}
    for file in sorted(set(places.values())):
        part = _read_safetensors(existing(folder / file, f"{file} (which {INDEX} names)"))
        wrong = part.keys() ^ {name for name, place in places.items() if place == file}
        require_whole(not wrong, folder, f"has {file} and {INDEX}, which do not agree about {some(wrong)}")
        tensors |= part
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, ValueError):
        raise ValueError(f"{path} is damaged or cut off: copy it again.") from None


def _no_weights(folder: Path) -> Exception:
    """FileNotFoundError; or ValueError where there are weights, but in Python's pickle format."""
    if pickles := sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES):
        return ValueError(f"{folder} has a pickle, {pickles[0]}, which can run code when it is read: take {WEIGHTS}.")
    return FileNotFoundError(f"There is no {WEIGHTS} in {folder}, and no {INDEX}: name a folder with weights.")


def full_names(tensors: dict[str, Tensor], family: Family, folder: Path) -> dict[str, Tensor]:
    """The tensors under the names that transformers gives them today in a model with heads; old buffers left out."""
    short = not any(name.startswith(family.prefix) for name in tensors)
    full = {}
    for name, tensor in tensors.items():
        if re.search(family.buffers, name):
            continue
        new = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        new = family.prefix + new if short and not new.startswith(family.heads) else new
        require(new not in full, name, new, f"another tensor: {folder} holds it twice, so take a version that does not")
        full[new] = tensor
    return full


def read_tokenizer(folder: Path, vocab_size: int) -> Tokenizer | None:
    """The tokenizer of a folder, None where it has no file of one."""
    if (folder / "tokenizer.json").is_file():
        tokenizer = tokenizers.load(folder)
    elif (folder / "vocab.txt").is_file():
        tokenizer = WordPieceTokenizer.load(folder, _lowercase(folder / "tokenizer_config.json"))
    elif (folder / "merges.txt").is_file():
        tokenizer = BPETokenizer.load(folder)
    else:
        tokenizer = None
    return fitting(tokenizer, vocab_size, folder)


def fitting(tokenizer: Tokenizer | None, vocab_size: int, path: Path) -> Tokenizer | None:
    """The tokenizer; it may have fewer tokens than the model, as some tables are filled up to a round number."""
    fits = tokenizer is None or len(tokenizer) <= vocab_size
    require(fits, "tokenizer", tokenizer, f"of at most {vocab_size} tokens, as the model in {path}: take one's")
    return tokenizer


def _lowercase(path: Path) -> bool:
    """Whether a vocab.txt is of lower-cased text, which only this file beside it says; without it, yes, as theirs."""
    found = read_json(path) if path.is_file() else {}
    lowercase = found.get("do_lower_case", True)
    require_values(found, {"strip_accents": (lowercase, None), "tokenize_chinese_chars": (True,)}, path)
    return lowercase


def find_folder(path_or_name: str | Path) -> Path:
    """The folder itself, or where the files of that name on the hub lie on this machine."""
    folder = Path(path_or_name)
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise ValueError(f"{folder} is a file (and a pickle can run code): name a folder with {CONFIG} and {WEIGHTS}.")
    if isinstance(path_or_name, Path) or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", path_or_name):
        raise FileNotFoundError(f"There is no folder {path_or_name}: name one, or a model on the Hugging Face hub.")
    return _from_hub(path_or_name)


def _from_hub(name: str) -> Path:
    """Fetch what is missing of a model; without a network, take what an earlier call left in the hub's own cache."""
    try:
        import huggingface_hub  # a large package, for whoever asks the hub
    except ImportError:
        raise ImportError(f"There is no folder {name}: name one, or pip install huggingface_hub.") from None
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=HUB_FILES))
    except Exception as error:  # of many kinds: no network, no such name, a name for members only
        reason = type(error).__name__
    cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    try:
        held = sorted(repo.repo_id for repo in huggingface_hub.scan_cache_dir(cache).repos if repo.repo_type == "model")
    except (huggingface_hub.errors.CacheNotFound, OSError, ValueError):
        held = []
    raise FileNotFoundError(f"There is no folder {name}, the hub gave nothing ({reason}), and its cache {cache} holds "
                            f"{some(held) or 'no model'}: name one of these or a folder, or ask again with a network.")


def some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
