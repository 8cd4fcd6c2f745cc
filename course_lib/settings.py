"""Settings say at once what is wrong with them: the few lines that every configuration of the course shares.

What a setting may be stands in its annotation, and the annotation is the check:

    @dataclass(frozen=True)
    class GardenConfig(Settings):
        rows: Size = 4                        # GardenConfig(rows=0) is a ValueError: "rows=0 cannot be used: ..."
        order: Literal["sun", "rain"] = "sun"
        most: Size | None = None

`Settings` reads the annotations of a dataclass, `shapes.shaped` those of a function. What is left out: settings that
must fit together, which `require` is for.
"""

import dataclasses
import math
import numbers
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple


class Rule(NamedTuple):
    """What a value must be: a test, and the same in words."""

    holds: Callable[[Any], bool]
    words: str


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
Texts = Annotated[Sequence[str], Rule(lambda value: not isinstance(value, str), "a list of texts, in brackets")]


def rule_of(hint: Any) -> Rule | None:
    """What an annotation asks of a value; `| None` admits None as well."""
    parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    rules = [rule for part in parts for rule in _rules(part)]
    if not rules:
        return None
    (rule,) = rules
    if type(None) in parts:
        return Rule(lambda value: value is None or rule.holds(value), f"None or {rule.words}")
    return rule


def _rules(part: Any) -> list[Rule]:
    if typing.get_origin(part) is typing.Literal:
        choices = typing.get_args(part)
        return [Rule(choices.__contains__, " or ".join(map(repr, choices)))]
    return [rule for rule in getattr(part, "__metadata__", ()) if isinstance(rule, Rule)]


def require(holds: bool, name: str, value: object, what: str) -> None:
    """Nothing where it holds; otherwise a ValueError that names the setting, its value and what it must be.

    >>> require(whole(0, 1), "window", 0, "a whole number of 1 or more")
    Traceback (most recent call last):
    ValueError: window=0 cannot be used: window must be a whole number of 1 or more.
    """
    if not holds:
        raise ValueError(f"{name}={value!r:.60} cannot be used: {name} must be {what}.")


def require_sizes(**sizes: object) -> None:
    """ValueError for the first that is no whole number of 1 or more."""
    for name, size in sizes.items():
        require(whole(size, 1), name, size, "a whole number of 1 or more")


def require_heads(d_model: int, num_heads: int) -> None:
    """ValueError unless a vector can be cut into as many heads of one size."""
    require(d_model % num_heads == 0, "d_model", d_model, f"a multiple of num_heads={num_heads}")


def require_context(length: int, context_length: int) -> None:
    """ValueError for a text that a model has no positions for."""
    if length > context_length:
        raise ValueError(f"A text has {length} tokens and the model reads {context_length}: cut it, or make a model "
                         "with a larger context_length.")  # fmt: skip


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
        for field in dataclasses.fields(self):
            if rule := rule_of(field.type):
                value = getattr(self, field.name)
                require(rule.holds(value), field.name, value, rule.words)
