"""Where a computation runs, and with which random numbers.

Everything in the course takes a `device` and returns its results on it; this module chooses one. What is left out: more
than one device in a process.
"""

import contextlib
import ctypes
import operator
import os
import platform
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from course_lib.settings import require

KINDS = ("cuda", "mps", "cpu")  # the best first


def pick(prefer: str | torch.device | None = None) -> torch.device:
    """The device to use: `prefer` where it is given, else CUDA, else Apple's MPS, else the CPU.

    Under torchrun "cuda" is another GPU in each process. Raises ValueError where `prefer` is not a device of this
    machine.
    """
    if prefer is None:
        prefer = next(filter(_available, KINDS))
    try:
        device = torch.device(prefer)
    except (RuntimeError, TypeError):
        raise ValueError(f"{prefer!r} names no device: use 'cpu', 'cuda' or 'mps'.") from None
    if device == torch.device("cuda") and "LOCAL_RANK" in os.environ and _available("cuda"):
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    here = ", ".join(filter(_available, KINDS))
    require(_available(device.type, device.index or 0), "device", str(device), f"one that this machine has: {here}")
    return device


def _available(kind: str, index: int = 0) -> bool:
    if kind == "cuda":
        return torch.cuda.is_available() and index < torch.cuda.device_count()
    if kind == "mps":
        return torch.backends.mps.is_available() and index == 0
    return kind == "cpu"


def of(model: nn.Module) -> torch.device:
    """Where a model is."""
    return next((tensor.device for tensor in model.parameters()), torch.device("cpu"))


def as_numbers(values: list[float | Tensor]) -> list[float]:
    """Plain numbers out of numbers and tensors of one number. Here a GPU is waited for, once for all of them."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    read = iter(torch.stack(tensors).tolist() if tensors else [])
    return [next(read) if isinstance(value, Tensor) else value for value in values]


def seed_everything(seed: int) -> None:
    """Start the random numbers of Python, NumPy and torch from one seed; ValueError unless 0 <= seed < 2**32."""
    seed = operator.index(seed)  # NumPy's whole numbers are as good
    require(0 <= seed < 2**32, "seed", seed, f"between 0 and {2**32 - 1}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (for code that uses NumPy's global numbers; ours takes a Generator)
    torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Where torch's random numbers stand, on the CPU and on the device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_random_state(device: torch.device, states: dict[str, Tensor]) -> None:
    """Let torch's random numbers go on from where `random_state` found them."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["mps"])


def start_random_numbers(device: torch.device, seed: int) -> None:
    """Start those of the CPU and of the device from one seed; torch.manual_seed would start those of every GPU."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Within it torch's random numbers start from `seed`; afterwards they go on from where they were."""
    before = random_state(device)
    start_random_numbers(device, seed)
    try:
        yield
    finally:
        set_random_state(device, before)


def describe(device: str | torch.device | None = None) -> str:
    """One line for the learner: the device, its name and memory, the versions that matter."""
    device = pick(device)
    versions = f"torch {torch.__version__.split('+')[0]}, Python {platform.python_version()}"
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{device}: {properties.name}, {properties.total_memory / 2**30:.0f} GB; {versions}"
    if device.type == "mps":
        return f"mps: Apple GPU; {versions}"
    return f"cpu: {_cores()} cores, {torch.get_num_threads()} used by torch; {versions}"


def _cores() -> int:
    """The cores that this process may use, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch computes with one thread, so that sums keep their order; afterwards with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast_dtype(device: str | torch.device) -> torch.dtype:
    """The number format for `torch.autocast`: bfloat16 or float16 on a CUDA GPU, float32 elsewhere."""
    if torch.device(device).type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def autocast(device: torch.device, mixed: bool = True) -> contextlib.AbstractContextManager:
    """Within it torch computes in 16 bits, if so wished and if the device is made for it."""
    dtype = autocast_dtype(device)
    return torch.autocast(device.type, dtype) if mixed and dtype != torch.float32 else contextlib.nullcontext()


def give_back_memory() -> None:
    """Hand freed memory back to the system, where the C library keeps it (glibc does; elsewhere nothing happens).

    Tensors of another size in each batch leave holes between those that live on (0.2 GB after a run of lesson 15).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)
