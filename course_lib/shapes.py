"""`@shaped`: the shapes in a signature are not only read by people, a tensor that does not fit them is refused.

What it is. A decorator for the public doors of a module: functions, and `forward`s. In

    def attend(query: Float[Tensor, "*batch T D"], key: Float[Tensor, "*batch S D"], mask: Bool[Tensor, "#T #S"] | None)

the key must have the query's batch and D. `*batch` stands for any number of axes, an axis marked # may also be 1, and
one named like a whole number of `self` has that size; each holds 1 or more. jaxtyping keeps count of them. Where an
array of NumPy is asked for, anything that NumPy makes one of will do: the function then gets the array. The limits of
`settings` hold as well: `topn: Size` refuses 0.

What it leaves out. Results, arguments of other kinds, and every call from within a checked call: a stack of twelve
blocks pays once, at its own door (10 to 30 microseconds on a CPU), and no block pays again. Nor does `torch.compile`.
"""

import contextlib
import functools
import inspect
import io
import itertools
import re
import threading
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Integer, Real, Shaped, jaxtyped, print_bindings
from torch import Tensor, nn

from course_lib.settings import require_rules, rules_of


class _Doors(threading.local):
    entered = False  # whether this thread is inside a checked call


_doors = _Doors()


def shaped(function: Callable) -> Callable:
    """The function, but with a ValueError, one sentence, for the first argument that does not fit its annotation."""
    parameters = inspect.signature(function).parameters
    hints = {name: parts for name, parameter in parameters.items() if (parts := _parts(parameter.annotation))}
    axes = {axis.lstrip("*#") for parts in hints.values() for part in parts for axis in _axes_of(part)}
    names = list(itertools.takewhile(lambda name: parameters[name].kind in BY_POSITION, parameters))
    rules = rules_of({name: parameter.annotation for name, parameter in parameters.items()})
    defaults = {name: p.default for name, p in parameters.items() if p.default is not p.empty}

    @functools.wraps(function)
    def checked(*args, **kwargs):
        if _doors.entered or torch.compiler.is_compiling():
            return function(*args, **kwargs)
        given = dict(zip(names, args)) | kwargs
        if rules:
            require_rules(rules, defaults | given)
        if hints and (arrays := _check_shapes(given, hints, axes)):
            args = (*(arrays.get(name, value) for name, value in zip(names, args)), *args[len(names) :])
            kwargs = {name: arrays.get(name, value) for name, value in kwargs.items()}
        _doors.entered = True
        try:
            return function(*args, **kwargs)
        finally:
            _doors.entered = False

    return checked


BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _check_shapes(given: dict[str, object], hints: dict[str, tuple], axes: set[str]) -> dict[str, np.ndarray]:
    """What NumPy has made arrays of, so that the function gets what its annotation says. ValueError for a misfit."""
    arrays = {}
    with jaxtyped("context"):
        if "self" in given:
            _remember({name: size for name, size in vars(given["self"]).items() if name in axes})
        for name, parts in hints.items():
            value = _seen(given.get(name), parts)
            if name in given and (not isinstance(value, parts) or 0 in getattr(value, "shape", ())):
                _refuse(name, given | {name: value}, hints)
            if value is not given.get(name):
                arrays[name] = value
    return arrays


def _parts(hint: Any) -> tuple[type, ...]:
    """What an annotation allows, if one of it is a tensor with axes."""
    parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    return parts if any(hasattr(part, "dim_str") for part in parts) else ()


def _seen(value: Any, parts: tuple[type, ...]) -> Any:
    """The value as NumPy sees it, where one of its arrays is asked for and it can: a list of numbers is as good."""
    if np.ndarray not in map(_kind, parts) or isinstance(value, parts):
        return value
    with contextlib.suppress(TypeError, ValueError, RuntimeError):
        return np.asarray(value)
    return value


def _kind(part: type) -> type | None:
    return getattr(part, "array_type", None)


def _axes_of(part: type) -> list[str]:
    return part.dim_str.split() if hasattr(part, "dim_str") else []


def _remember(sizes: dict[str, int]) -> None:
    """Bind the axes to sizes: jaxtyping sees something like an array that has them."""
    if sizes:
        isinstance(types.SimpleNamespace(shape=tuple(sizes.values()), dtype="sizes"), _anything(tuple(sizes)))


@functools.cache
def _anything(axes: tuple[str, ...]) -> type:
    return Shaped[Any, " ".join(axes)]


def look_up(table: nn.Embedding, ids: Int[Tensor, "*B T"], what: str = "token") -> Float[Tensor, "*B T D"]:
    """The table's rows. ValueError for an id that it does not have: on the CPU, as elsewhere to look would be to wait.

    There CUDA looks by itself, and stops.
    """
    try:
        return table(ids)
    except IndexError:
        wrong = next(i for i in ids.flatten().tolist() if not 0 <= i < len(table.weight))
        raise ValueError(f"There is no {what} {wrong}: ids go from 0 to {len(table.weight) - 1}.") from None


def require_tensors(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], origin: str) -> None:
    """ValueError, with `origin` in it, unless there is a tensor of its shape for each that is wanted, and no other."""
    for name in sorted(tensors.keys() | wanted.keys()):
        a, b = (tuple(part[name].shape) if name in part else "none" for part in (tensors, wanted))
        if a != b:
            raise ValueError(f"{origin} is of another model, its {name} is {a} and this model's {b}: take one's.")


def wide(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """In 32 bits where it is in 16, in which squares and products overflow and sums lose digits."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


# --- What is wrong, in one sentence ---------------------------------------------------------------------------------

WHOLE = "whole numbers (torch.int64)"
WORDS = {Float: "floats", Int: WHOLE, Integer: WHOLE, Bool: "booleans, True for what counts", Real: "numbers"}


def plain(values: Sequence) -> Sequence:
    """The values of a tensor, an array or a list of tensors as Python's own, for whoever counts or compares them.

    A tensor of one number equals no other as a key: it is told apart by its place in memory.
    """
    if isinstance(values, Tensor | np.ndarray):
        return values.tolist()
    if isinstance(values, list | tuple) and any(isinstance(value, Tensor) for value in values):
        return [value.tolist() if isinstance(value, Tensor) else value for value in values]
    return values


def check_tensor(name: str, x: object) -> None:
    """ValueError for anything but a tensor: NumPy's arrays and lists are near enough to one to go wrong much later."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} is a {type(x).__name__}: give a tensor (torch.as_tensor makes one of an array).")


def _refuse(name: str, given: dict[str, object], hints: dict[str, tuple]) -> None:
    value, parts = given[name], [part for part in hints[name] if hasattr(part, "dim_str")]
    if all(_kind(part) is Tensor for part in parts):
        check_tensor(name, value)
    elif not isinstance(value, np.ndarray):
        raise ValueError(f"{name} is a {type(value).__name__}: give an array, or lists of numbers of equal lengths.")
    if not any(isinstance(value, part.dtype[_kind(part), "..."]) for part in parts):
        words = WORDS.get(parts[0].dtype, parts[0].dtype.__name__)
        if parts[0].dtype is Bool:
            way = "== 0 makes them out of a mask of 0 and -inf" if "float" in str(value.dtype) else "!= 0 makes them"
            words += f" ({name} {way})"
        raise ValueError(f"{name} is of type {value.dtype}: give {words}.")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        print_bindings()  # a line for each axis that has a size by now: T=5, or batch=torch.Size([2])
    lines = re.sub(r"torch\.Size\(\[(.*)\]\)", r"(\1)", printed.getvalue()).splitlines()
    sizes = dict(line.split("=") for line in lines if "=" in line and not line.endswith("=0"))
    known = {mark + axis: f"{mark}{axis}={size}" for axis, size in sizes.items() for mark in ("", "*", "#", "*#")}
    wanted = " or ".join(f"({', '.join(known.get(axis, axis) for axis in _axes_of(part))})" for part in parts)
    notes = (", where # may be 1" if "#" in wanted else "") + (", each 1 or more" if 0 in value.shape else "")
    earlier = [other for other in itertools.takewhile(name.__ne__, hints) if hasattr(given.get(other), "shape")]
    beside = (" beside " if earlier else "") + ", ".join(f"{other} {tuple(given[other].shape)}" for other in earlier)
    raise ValueError(f"{name} has shape {tuple(value.shape)}{beside}: give {wanted}{notes}.")
