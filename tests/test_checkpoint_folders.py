"""checkpoint_folders: values that ours does not compute, by their name. Whole folders: see test_checkpoints."""

from pathlib import Path

import pytest

from course_lib.checkpoint_folders import require_values, some


def test_values_that_ours_does_not_compute():
    require_values({"hidden_act": "gelu"}, {"hidden_act": ("gelu",), "is_decoder": (False,)}, Path("config.json"))
    with pytest.raises(ValueError, match="hidden_act='relu' cannot .* must be .gelu. in config.json, as ours"):
        require_values({"hidden_act": "relu"}, {"hidden_act": ("gelu",)}, Path("config.json"))


def test_some_of_many_names():
    assert some("cab") == "a, b, c"
    assert some("abcde") == "a, b, c and 2 more"
