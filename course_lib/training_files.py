"""The folder of a training run: its latest checkpoint, whole at every moment, whenever the run is killed.

What it is. A checkpoint is a small record, checkpoint.json, and a file of tensors that it names, in the format of
safetensors. Both are written in a folder of their own and brought to the disk before they take their places; the record
is replaced last, in one stroke, and so always points to a whole file. `training.Run.save` says what is in them.

What it leaves out. More than one checkpoint of a run; the folders of others' models (see `checkpoints`).
"""

import json
import os
import secrets
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

RECORD = "checkpoint.json"


def write_checkpoint(folder: str | Path, record: dict, tensors: dict[str, Tensor]) -> None:
    """Put tensors and a small record, with its `step`, into a folder, in the place of the checkpoint that it held."""
    folder = Path(folder)
    make_folder(folder)
    name = f"step_{record['step']}_{secrets.token_hex(4)}.safetensors"
    unfinished = folder / f"{RECORD}.part"
    shutil.rmtree(unfinished, ignore_errors=True)  # of a run that was killed in the middle of this
    try:
        unfinished.mkdir()
        safetensors.torch.save_file(_unshared(tensors), unfinished / name)
        (unfinished / RECORD).write_text(_json(record | {"tensors": name}), "utf-8")
        for file in (name, RECORD):
            _bring_to_disk(unfinished / file)
            os.replace(unfinished / file, folder / file)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        current = _named_by_record(folder)
        for file in folder.glob("step_*_????????.safetensors"):
            if file.name != current and (file.name == name or current == name):
                file.unlink(missing_ok=True)  # the old one if all went well, else the new one


def make_folder(folder: Path) -> None:
    """ValueError where no checkpoint can be written: `train` asks before its first step, not after its last."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: a checkpoint is a folder; give another name.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"No checkpoint can be written in {folder} ({error.strerror}): name another folder.") from None


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU. Tied ones become two, as safetensors allows no memory under two names."""
    apart, seen = {}, set()
    for key, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        apart[key] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return apart


def _bring_to_disk(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _json(record: dict) -> str:
    return json.dumps(record, indent=1, default=lambda number: number.item())  # NumPy's numbers become Python's


def _named_by_record(folder: Path) -> str | None:
    try:
        return json.loads((folder / RECORD).read_text("utf-8"))["tensors"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_checkpoint(folder: str | Path) -> tuple[dict, dict[str, Tensor]]:
    """The record and the tensors of a folder. FileNotFoundError where there is none, ValueError where it is damaged."""
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        raise FileNotFoundError(f"{folder} holds no checkpoint, {RECORD} is missing: train with checkpoint= first.")
    name = _named_by_record(folder) or RECORD  # a record that names nothing is damaged, and is no file of tensors
    tensors = read_tensors(folder / name)
    return json.loads((folder / RECORD).read_text("utf-8")), tensors


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file. ValueError for one that is damaged, or gone though a record speaks of it."""
    try:
        return safetensors.torch.load(path.read_bytes())
    except (OSError, SafetensorError, ValueError):
        damage = "damaged or cut off" if path.is_file() else "not there"
        raise ValueError(f"{path} is {damage}: delete the folder and train anew, or copy it again.") from None


def load_weights(folder: str | Path, model: nn.Module) -> int:
    """Put the weights of a checkpoint into the model; returns the step that they are from."""
    record, tensors = read_checkpoint(folder)
    load_model(folder, tensors, model)
    return record["step"]


def load_model(folder: str | Path, tensors: dict[str, Tensor], model: nn.Module) -> None:
    """Put those of a checkpoint's tensors that are weights into the model."""
    weights = {key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")}
    load_tensors(weights, model, f"The checkpoint in {folder}")


def load_tensors(tensors: dict[str, Tensor], model: nn.Module, origin: str) -> None:
    """Put tensors into the model, every one by its name; ValueError, with `origin` in it, for one that does not fit."""
    wanted = model.state_dict()
    for name in sorted(tensors.keys() | wanted.keys()):
        a, b = (f"{tuple(part[name].shape)}" if name in part else "none" for part in (tensors, wanted))
        if a != b:
            raise ValueError(f"{origin} is of another model, its {name} is {a} and this model's {b}: "
                             "build the model that was saved, or name another folder.")  # fmt: skip
    model.load_state_dict(tensors)


MAY_CHANGE = {"evaluate_every", "checkpoint_every", "log_every"}  # they change no weight


def require_same(folder: str | Path, saved: dict, config: object) -> None:
    """ValueError, with its name, for a setting by which the run of a checkpoint would go on differently."""
    now = json.loads(_json(asdict(config)))  # tuples become lists, as in the file
    for name in now:
        if name not in MAY_CHANGE and saved.get(name) != now[name]:
            raise ValueError(f"The checkpoint in {folder} was made with {name}={saved.get(name)!r}, not {now[name]!r}: "
                             "resume with the same settings, or name another folder.")  # fmt: skip
