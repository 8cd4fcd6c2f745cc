"""Settings: what counts as a whole number, and the sentence for what cannot be used."""

import dataclasses
import math
from typing import Literal

import numpy as np
import pytest

from course_lib.settings import (
    Count,
    NotNegative,
    Positive,
    Settings,
    Share,
    Size,
    number,
    require,
    require_context,
    require_heads,
    rule_of,
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
    owner: str = "Ann"


@dataclasses.dataclass(frozen=True)
class WalledGarden(Garden):
    height: Positive = 2.0


@pytest.mark.parametrize(("setting", "value", "words"), [
    ("rows", 0, "a whole number of 1 or more"), ("rows", True, "a whole number of 1 or more"),
    ("birds", -1, "a whole number of 0 or more"), ("birds", 1.0, "a whole number of 0 or more"),
    ("most", 0, "None or a whole number of 1 or more"), ("rate", 0, "a number above 0"),
    ("rate", math.nan, "a number above 0"), ("rate", "1", "a number above 0"), ("order", "wind", "'sun' or 'rain'"),
])  # fmt: skip
def test_a_dataclass_of_settings_checks_its_annotations(setting, value, words):
    with pytest.raises(ValueError) as error:
        Garden(**{setting: value})
    assert str(error.value) == f"{setting}={value!r} cannot be used: {setting} must be {words}."
    with pytest.raises(ValueError):
        dataclasses.replace(WalledGarden(), **{setting: value})


def test_good_settings_pass():
    assert Garden(rows=np.int64(2), most=7, rate=1, order="rain", owner=3).owner == 3
    assert rule_of(str) is None
    assert rule_of(int | None) is None
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


def test_what_several_models_ask_of_their_settings_and_texts():
    require_heads(12, 3)
    require_context(8, 8)
    with pytest.raises(ValueError, match="d_model=12 cannot be used: d_model must be a multiple of num_heads=5"):
        require_heads(12, 5)
    with pytest.raises(ValueError, match="A text has 9 tokens and the model reads 8: cut it, or make a model with a l"):
        require_context(9, 8)
