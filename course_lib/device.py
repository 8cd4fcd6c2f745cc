"""Which device to compute on, seeds, and the number types it is good at."""

import random
from contextlib import contextmanager

import numpy as np
import torch


def pick(prefer: str | None = None) -> torch.device:
    """`prefer` if given, else CUDA if there is one, else Apple's MPS, else the CPU."""
    if prefer:
        return torch.device(prefer)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def describe() -> str:
    """One line on what this machine computes with."""
    where = pick()
    name = torch.cuda.get_device_name() if where.type == "cuda" else where.type
    return f"PyTorch {torch.__version__} on {name}, with {torch.get_num_threads()} threads on the processor"


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators."""
    if seed < 0:
        raise ValueError(f"seed={seed} cannot be used: seeds are whole numbers of 0 or more.")
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (learners' own code may use it)
    torch.manual_seed(seed)


@contextmanager
def one_thread():
    """Inside, torch uses one thread: as fast for small tables, and the same bits whatever the machine's cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def autocast_dtype(device: torch.device) -> torch.dtype:
    """The type for mixed precision: bfloat16 where the device computes in it, else float16 on a GPU, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32
