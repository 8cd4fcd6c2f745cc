"""Lesson 13's checks: of tables of positions more than one is right, and it is said which; loops come to an end."""

import pytest
from wrong_answers import encoder_decoder as bank

from course_lib.checks import encoder_decoder as check


@pytest.mark.parametrize(("table", "words"), [
    (bank.in_halves(bank.right_angles), "all 5 cases hold. This is the paper's table in another order of columns"),
    (bank.positions_of_tensor2tensor, "all 5 cases hold. This is the table of the authors' own program"),
])
def test_another_right_table_passes_and_is_named(table, words):
    result = check.position_encoding(table)
    assert result.status == "passed"
    assert words in result.message


@pytest.mark.parametrize(("base", "key"), [(1000, "other-base"), (500, None)])
def test_a_wrong_table_is_compared_with_the_nearest_right_one(base, key):
    result = check.position_encoding(bank.in_halves(lambda n, d: bank.right_angles(n, d, base)))
    assert result.diagnosis == key
    assert "For length = 3, d_model = 4, entry (1, 1) should be 0.01 and yours" in result.message
    assert "(Compared with the paper's table in another order of columns" in result.message


def test_what_is_near_to_none_is_compared_with_the_papers():
    assert "Compared with" not in check.position_encoding(bank.noise).message


@pytest.mark.parametrize(("answer", "words"), [
    (bank.without_limit, "decode was handed 51 ids, and max_length is less than 10"),
    (bank.over_all_rows, "take the last row first"),
])
def test_a_decoder_says_what_it_cannot_read(answer, words):
    assert words in check.exact_match(answer).message
