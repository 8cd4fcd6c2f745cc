"""Settings say at once what is wrong with them: the few lines that every configuration of the course shares.

What a setting may be stands in its annotation, and the annotation is the check:

    @dataclass(frozen=True)
    class GardenConfig(Settings):
        rows: Size = 4                        # GardenConfig(rows=0) is a ValueError: "rows=0 cannot be used: ..."
        order: Literal["sun", "rain"] = "sun"
        most: Size | None = None
        shade: Annotated[Count, at_most("rows")] = 1

`Settings` reads the annotations of a dataclass, `shapes.shaped` those of a function. What is left out: whatever more
than two settings say together, which `require` is for.
"""

import dataclasses
import math
import numbers
import operator
import types
import typing
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence, Sized
from typing import Annotated, Any, NamedTuple

import numpy as np


class Rule(NamedTuple):
    """What a value must be: a test, and the same in words. With `other`, beside the value of that name, in words {}."""

    holds: Callable[..., bool]
    words: str
    other: str = ""


def at_most(other: str) -> Rule:
    return Rule(operator.le, f"at most {other}={{}}", other)


def multiple_of(other: str, times: int = 1) -> Rule:
    factor = f"{times} * " if times > 1 else ""
    return Rule(lambda value, size: value % (times * size) == 0, f"a multiple of {factor}{other}={{}}", other)


def divisor_of(other: str) -> Rule:
    return Rule(lambda value, size: size % value == 0, f"a divisor of {other}={{}}", other)


def whole(value: object, least: int) -> bool:
    """True for a whole number (Python's or NumPy's, but not True or False) of at least `least`."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= least


def number(value: object) -> bool:
    """True for a finite number, but not for True or False."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


Size = Annotated[int, Rule(lambda value: whole(value, 1), "a whole number of 1 or more")]
Count = Annotated[int, Rule(lambda value: whole(value, 0), "a whole number of 0 or more")]
Token = Annotated[int, Rule(lambda value: isinstance(value, numbers.Integral), "the number of a token")]
Positive = Annotated[float, Rule(lambda value: number(value) and value > 0, "a number above 0")]
NotNegative = Annotated[float, Rule(lambda value: number(value) and value >= 0, "a number of 0 or more")]
Share = Annotated[float, Rule(lambda value: number(value) and 0 <= value < 1, "a share from 0 to below 1")]
Part = Annotated[float, Rule(lambda value: number(value) and 0 <= value <= 1, "a share from 0 to 1")]
Portion = Annotated[float, Rule(lambda value: number(value) and 0 < value <= 1, "a number above 0 and at most 1")]
Texts = Annotated[Sequence[str], Rule(lambda value: not isinstance(value, str), "a list of texts, in brackets")]
Width = Annotated[Size, multiple_of("num_heads")]  # of a vector, which is cut into heads of one size


def rules_of(hints: Mapping[str, Any]) -> list[tuple[str, Rule]]:
    """What annotations ask, by name: first of each value by itself. `| None` admits None as well."""
    found = []
    for name, hint in hints.items():
        if hint is bool:  # by itself: a `bool | Listener` may be either
            found.append((name, Rule(lambda value: isinstance(value, (bool, np.bool_)), "True or False")))
        parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
        for rule in (rule for part in parts for rule in _rules(part)):
            found.append((name, _or_none(rule) if type(None) in parts else rule))
    return sorted(found, key=lambda pair: bool(pair[1].other))


def _rules(part: Any) -> list[Rule]:
    if typing.get_origin(part) is typing.Literal:
        choices = typing.get_args(part)
        return [Rule(choices.__contains__, " or ".join(map(repr, choices)))]
    return [rule for rule in getattr(part, "__metadata__", ()) if isinstance(rule, Rule)]


def _or_none(rule: Rule) -> Rule:
    return Rule(lambda value: value is None or rule.holds(value), f"None or {rule.words}")


def require_rules(rules: list[tuple[str, Rule]], values: Mapping[str, Any]) -> None:
    """ValueError for the first value that is not as its rule says."""
    for name, (holds, words, other) in rules:
        if {name, other or name} <= values.keys():
            beside = [values[other]] if other else []
            require(holds(values[name], *beside), name, values[name], words.format(*beside) if other else words)


def require(holds: bool, name: str, value: object, what: str) -> None:
    """Nothing where it holds; otherwise a ValueError that names the setting, its value and what it must be.

    >>> require(whole(0, 1), "window", 0, "a whole number of 1 or more")
    Traceback (most recent call last):
    ValueError: window=0 cannot be used: window must be a whole number of 1 or more.
    """
    if not holds:
        raise ValueError(f"{name}={' '.join(repr(value).split()):.60} cannot be used: {name} must be {what}.")


def require_as_many(least: int = 0, /, **things: Sized) -> None:
    """ValueError unless there are as many of each, and at least so many."""
    sizes = [len(some) for some in things.values()]
    if len(set(sizes)) > 1 or min(sizes) < least:
        found = " and ".join(f"{size} {name.replace('_', ' ')}" for size, name in zip(sizes, things))
        raise ValueError(f"There are {found}: give as many of each, at least {max(1, least)}.")


def require_ids(ids: Iterable[int], size: int, what: str) -> None:
    """ValueError for the first that is none of 0 to size - 1."""
    for number in ids:
        if not 0 <= number < size or number % 1:
            raise ValueError(f"There is no {what} {number}: ids go from 0 to {size - 1}.")


def require_once(names: Iterable[Hashable], what: str, where: str = "") -> None:
    """ValueError for a name that comes again."""
    name, times = next(iter(Counter(names).most_common(1)), ("", 0))
    if times > 1:
        raise ValueError(f"The {what} {name!r} comes {times} times{where}: keep one of them.")


def require_context(length: int, context_length: int) -> None:
    """ValueError for a text that a model has no positions for."""
    if length > context_length:
        raise ValueError(f"The sequence has {length} positions and the model knows {context_length}: cut the sequence, "
                         "or make the model with a larger context_length.")  # fmt: skip


class Settings:
    """A dataclass of settings that are what their annotations say, or a ValueError names the first that is not.

    >>> @dataclasses.dataclass(frozen=True)
    ... class GardenConfig(Settings):
    ...     rows: Size = 4
    >>> GardenConfig(rows=-1)
    Traceback (most recent call last):
    ValueError: rows=-1 cannot be used: rows must be a whole number of 1 or more.
    """

    def __post_init__(self):
        require_rules(rules_of({field.name: field.type for field in dataclasses.fields(self)}), vars(self))
