"""Settings: what counts as a whole number, and the sentence for what cannot be used."""

import dataclasses
import math
from typing import Annotated, Literal

import numpy as np
import pytest

from course_lib.settings import (
    Count,
    NotNegative,
    Positive,
    Settings,
    Share,
    Size,
    Width,
    at_most,
    divisor_of,
    multiple_of,
    number,
    require,
    require_as_many,
    require_context,
    require_ids,
    rules_of,
    whole,
)


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_whole_numbers(value):
    assert whole(value, 1)


@pytest.mark.parametrize("value", [0, -2, True, 1.0, 2.5, "3", None, float("nan")])
def test_what_is_no_whole_number_of_one_or_more(value):
    assert not whole(value, 1)


def test_the_sentence_names_the_setting_its_value_and_what_it_must_be():
    require(True, "window", 5, "anything")
    with pytest.raises(ValueError, match=r"^window=0 cannot be used: window must be 1 or more\.$"):
        require(False, "window", 0, "1 or more")


@pytest.mark.parametrize(("value", "holds"), [(1, True), (2.5, True), (np.float32(2), True), (True, False),
                                              (math.inf, False), (math.nan, False), ("1", False), (None, False)])
def test_finite_numbers(value, holds):
    assert number(value) == holds


@dataclasses.dataclass(frozen=True)
class Garden(Settings):
    rows: Size = 4
    birds: Count = 0
    most: Size | None = None
    rate: Positive = 0.5
    order: Literal["sun", "rain"] = "sun"
    fence: bool = False
    owner: str = "Ann"


@dataclasses.dataclass(frozen=True)
class WalledGarden(Garden):
    height: Positive = 2.0


@pytest.mark.parametrize(("setting", "value", "words"), [
    ("rows", 0, "a whole number of 1 or more"), ("rows", True, "a whole number of 1 or more"),
    ("birds", -1, "a whole number of 0 or more"), ("birds", 1.0, "a whole number of 0 or more"),
    ("most", 0, "None or a whole number of 1 or more"), ("rate", 0, "a number above 0"),
    ("rate", math.nan, "a number above 0"), ("rate", "1", "a number above 0"), ("order", "wind", "'sun' or 'rain'"),
    ("fence", "no", "True or False"), ("fence", 1, "True or False"), ("fence", None, "True or False"),
])  # fmt: skip
def test_a_dataclass_of_settings_checks_its_annotations(setting, value, words):
    with pytest.raises(ValueError) as error:
        Garden(**{setting: value})
    assert str(error.value) == f"{setting}={value!r} cannot be used: {setting} must be {words}."
    with pytest.raises(ValueError):
        dataclasses.replace(WalledGarden(), **{setting: value})


def test_good_settings_pass():
    assert Garden(rows=np.int64(2), most=7, rate=1, order="rain", fence=np.True_, owner=3).owner == 3
    assert rules_of({"owner": str, "most": int | None, "bell": bool | int}) == []
    with pytest.raises(ValueError, match="height"):
        WalledGarden(height=-1)


@dataclasses.dataclass(frozen=True)
class Shed(Settings):
    shade: Share = 0.0
    rent: NotNegative = 0.0


@pytest.mark.parametrize(("setting", "value", "words"), [
    ("shade", 1.0, "a share from 0 to below 1"), ("shade", "0.1", "a share from 0 to below 1"),
    ("shade", math.nan, "a share from 0 to below 1"), ("rent", -0.1, "a number of 0 or more"),
])  # fmt: skip
def test_shares_and_what_is_not_below_zero(setting, value, words):
    assert Shed(0.5, 3) == Shed(shade=0.5, rent=3.0)
    with pytest.raises(ValueError, match=f"{setting}={value!r} cannot be used: {setting} must be {words}"):
        Shed(**{setting: value})


@dataclasses.dataclass(frozen=True)
class Beds(Settings):
    width: Width = 12
    pairs: Annotated[Size, multiple_of("num_heads", 2)] = 12
    warm: Annotated[Count, at_most("rows")] = 2
    side: Annotated[Size, divisor_of("rows")] = 2
    num_heads: Size = 3
    rows: Size = 8


@pytest.mark.parametrize(("settings", "words"), [
    ({"width": 10}, "width=10 cannot be used: width must be a multiple of num_heads=3."),
    ({"pairs": 9}, "pairs=9 cannot be used: pairs must be a multiple of 2 * num_heads=3."),
    ({"warm": 9}, "warm=9 cannot be used: warm must be at most rows=8."),
    ({"side": 3}, "side=3 cannot be used: side must be a divisor of rows=8."),
    ({"rows": 1}, "warm=2 cannot be used: warm must be at most rows=1."),
    ({"num_heads": 0}, "num_heads=0 cannot be used: num_heads must be a whole number of 1 or more."),
    ({"side": 0}, "side=0 cannot be used: side must be a whole number of 1 or more."),
])  # fmt: skip
def test_settings_that_stand_beside_others(settings, words):
    assert Beds(warm=8, side=8).warm == 8
    with pytest.raises(ValueError) as error:
        Beds(**settings)
    assert str(error.value) == words


def test_what_several_modules_ask():
    require_as_many(texts=[1, 2], labels="ab")
    require_as_many(texts=[], labels=[])
    require_ids([0, 4], 5, "token")
    require_context(8, 8)
    with pytest.raises(ValueError, match="^There are 1 texts and 2 right answers: give as many of each, at least 1.$"):
        require_as_many(texts=[1], right_answers=[2, 3])
    with pytest.raises(ValueError, match="^There are 0 texts and 0 labels: give as many of each, at least 1.$"):
        require_as_many(1, texts=[], labels=[])
    for wrong in (-1, 5):
        with pytest.raises(ValueError, match=f"^There is no token {wrong}: ids go from 0 to 4.$"):
            require_ids([0, wrong], 5, "token")
    with pytest.raises(ValueError, match="The sequence has 9 positions and the model knows 8: cut the"):
        require_context(9, 8)
