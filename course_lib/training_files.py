"""The folder of a training run: its latest checkpoint, whole at every moment, whenever the run is killed.

What it is. A checkpoint is a small record, checkpoint.json, and a file of tensors that it names, in the format of
safetensors. Both are written in a folder of their own and brought to the disk before they take their places; the record
is replaced last, in one stroke, and so always points to a whole file. `training.Run.save` says what is in them.

What it leaves out. More than one checkpoint of a run; the folders of others' models (see `checkpoints`).
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from torch import Tensor, nn

from course_lib.files import require_folder
from course_lib.settings import require
from course_lib.shapes import require_tensors

RECORD = "checkpoint.json"
UNFINISHED = f"{RECORD}.part"  # a folder, while a checkpoint is being written
LOCK = f"{RECORD}.lock"  # a file, while a run may write
OURS = re.compile(r"step_\d+_[0-9a-f]{8}\.safetensors")


def write_checkpoint(folder: str | Path, record: dict, tensors: dict[str, Tensor]) -> None:
    """Put tensors and a small record, with its `step`, into a folder, in the place of the checkpoint that it held.

    ValueError where another run writes there, OSError where there is no room: the one before is then still there.
    """
    folder = Path(folder)
    make_folder(folder)
    name, unfinished = f"step_{record['step']}_{secrets.token_hex(4)}.safetensors", folder / UNFINISHED
    with alone(folder):
        _sweep(folder)  # of a run that was killed in the middle of this
        try:
            unfinished.mkdir()
            (unfinished / "names.json").write_text(json.dumps([_named_by_record(folder), name]), "utf-8")
            safetensors.torch.save_file(_unshared(tensors), unfinished / name)
            with open(unfinished / name, "rb") as file:
                found = {"tensors": name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
            (unfinished / RECORD).write_text(_sealed(record | found), "utf-8")
            for file in (name, RECORD):
                _bring_to_disk(unfinished / file)
                os.replace(unfinished / file, folder / file)
        except (OSError, SafetensorError) as error:
            raise OSError(f"The checkpoint of step {record['step']} could not be written in {folder} ({error}): make "
                          "room there or name another folder, then go on with resume=True.") from None  # fmt: skip
        finally:
            _sweep(folder)


def _sweep(folder: Path) -> None:
    """Remove what a finished or a broken-off checkpoint leaves: of the old file and the new, the one not in use."""
    with suppress(OSError, ValueError, TypeError):
        current = _named_by_record(folder)
        for name in json.loads((folder / UNFINISHED / "names.json").read_text("utf-8")):
            if name != current and OURS.fullmatch(name or ""):
                (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / UNFINISHED, ignore_errors=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within it no other run writes into the folder. ValueError where one does."""
    lock = FileLock(folder.resolve() / LOCK, is_singleton=True)  # so that `train` may hold it and call us
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"Another run is writing its checkpoints in {folder}: wait for its end, or name another "
                         "folder.") from None  # fmt: skip
    except (OSError, NotImplementedError):
        pass  # there is no folder yet, or a disk without locks
    try:
        yield
    finally:
        if lock.lock_counter == 1:
            with suppress(OSError):  # Windows removes no file in use
                os.unlink(lock.lock_file)
        lock.release()


def make_folder(folder: Path) -> None:
    """ValueError where no checkpoint can be written: `train` asks before its first step, not after its last."""
    require_folder(folder)
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


def _sealed(record: dict) -> str:
    """The record as text, with the sum of all that it says."""
    return _json(record | {"sum": hashlib.sha256(_json(record).encode()).hexdigest()})


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
    try:
        text = (folder / RECORD).read_text("utf-8")
        record = json.loads(text)
        del record["sum"]
        require(_sealed(record) == text, "sum", None, "that of the record")
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(f"{folder / RECORD} {DAMAGED}") from None
    return record, read_tensors(folder / record["tensors"], record["sha256"])


DAMAGED = "is damaged or cut off: delete the folder and train anew, or copy it again."


def read_tensors(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """The tensors of a file. ValueError for one that is damaged (has another sum), or gone though a record names it."""
    try:
        content = path.read_bytes()
        require(sha256 in (None, hashlib.sha256(content).hexdigest()), "sha256", sha256, "that of the file")
        return safetensors.torch.load(content)
    except (OSError, SafetensorError, ValueError):
        damage = DAMAGED if path.is_file() else DAMAGED.replace("damaged or cut off", "not there")
        raise ValueError(f"{path} {damage}") from None


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
    """Put tensors into the model, every one by its name. ValueError as `require_tensors`."""
    require_tensors(tensors, model.state_dict(), origin)
    model.load_state_dict(tensors)


MAY_CHANGE = {"evaluate_every", "checkpoint_every", "log_every"}  # they change no weight


def require_same(folder: str | Path, saved: dict, config: object) -> None:
    """ValueError, with its name, for a setting by which the run of a checkpoint would go on differently."""
    now = json.loads(_json(asdict(config)))  # tuples become lists, as in the file
    for name in (name for name in now if name not in MAY_CHANGE):
        was = f"{saved.get(name)!r} again: with it the checkpoint in {folder} was made"
        require(saved.get(name) == now[name], name, now[name], was)
