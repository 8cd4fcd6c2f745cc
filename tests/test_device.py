"""device: the choice, the seeds, the thread count that comes back."""

import os
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from course_lib import device


def test_pick_takes_the_best_that_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert device.pick() == torch.device("cpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.pick() == torch.device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device.pick() == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for process, gpu in (("1", 1), ("3", 1), ("0", 0)):  # torchrun numbers the processes of a machine
        monkeypatch.setenv("LOCAL_RANK", process)
        assert device.pick() == device.pick("cuda") == torch.device("cuda", gpu)
        assert device.pick("cuda:1") == torch.device("cuda:1")
    monkeypatch.delenv("LOCAL_RANK")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert device.pick("cpu") == torch.device("cpu")
    assert device.pick(torch.device("cuda:0")) == torch.device("cuda:0")
    with pytest.raises(ValueError, match="device='cuda:7' .* this machine has: cuda, mps, cpu"):
        device.pick("cuda:7")


def test_pick_refuses_what_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device='cuda' .* this machine has: cpu"):
        device.pick("cuda")
    with pytest.raises(ValueError, match="'gpu' names no device"):
        device.pick("gpu")


def draws() -> list[float]:
    return [random.random(), float(np.random.random()), float(torch.rand(1))]  # noqa: NPY002  (the global numbers)


def test_one_seed_gives_the_same_numbers_again():
    device.seed_everything(7)
    first = draws()
    device.seed_everything(np.int64(8))
    other = draws()
    device.seed_everything(7)
    assert draws() == first
    assert all(a != b for a, b in zip(first, other))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_out_of_range_are_refused_before_anything_is_seeded(seed):
    device.seed_everything(7)
    first = draws()
    device.seed_everything(7)
    with pytest.raises(ValueError, match=f"seed={seed} cannot be used"):
        device.seed_everything(seed)
    assert draws() == first


def test_one_thread_gives_the_threads_back_even_after_an_error():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with device.one_thread():
            inside = torch.get_num_threads()
        with pytest.raises(ZeroDivisionError), device.one_thread():
            _ = 1 / 0
        assert (inside, torch.get_num_threads()) == (1, 2)
    finally:
        torch.set_num_threads(before)


def test_own_random_numbers_start_no_other_device(monkeypatch):
    """torch.manual_seed starts those of every GPU, of which only one would be put back."""
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: pytest.fail("every GPU was seeded"))
    torch.default_generator.manual_seed(5)
    expected = torch.rand(2)
    torch.default_generator.manual_seed(7)
    inside = torch.rand(2)
    torch.default_generator.manual_seed(5)
    with device.own_random_numbers(torch.device("cpu"), 7):
        assert torch.equal(torch.rand(2), inside)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.gpu
def test_own_random_numbers_of_a_gpu():
    where = device.pick("cuda")
    torch.manual_seed(5)
    expected = torch.rand(2, device=where)
    torch.manual_seed(5)
    with device.own_random_numbers(where, 7):
        first = torch.rand(2, device=where)
    with device.own_random_numbers(where, 7):
        assert torch.equal(torch.rand(2, device=where), first)
    assert torch.equal(torch.rand(2, device=where), expected)


def test_describe_is_one_line_that_names_the_device():
    line = device.describe("cpu")
    assert line.startswith("cpu: ")
    assert torch.__version__.split("+")[0] in line
    assert "\n" not in line


def test_autocast_dtype_on_the_cpu():
    assert device.autocast_dtype("cpu") == torch.float32


@pytest.mark.gpu
def test_on_a_gpu():
    assert device.pick().type == "cuda"
    assert device.describe().startswith("cuda: ")
    assert device.autocast_dtype("cuda") in (torch.bfloat16, torch.float16)


@pytest.mark.skipif(os.name != "posix", reason="only where there is a C library to ask")
def test_freed_memory_is_given_back_where_the_library_can(monkeypatch):
    device.give_back_memory()  # whatever the C library
    asked = []
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: SimpleNamespace(malloc_trim=asked.append))
    device.give_back_memory()
    assert asked == [0]
    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: SimpleNamespace())
    device.give_back_memory()  # as on macOS
