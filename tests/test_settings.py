"""Settings: what counts as a whole number, and the sentence for what cannot be used."""

import numpy as np
import pytest

from course_lib.settings import require, whole


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
