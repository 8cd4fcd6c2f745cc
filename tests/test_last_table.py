"""The last table: who is asked, what a row keeps, where a new one stands."""

import json
import math

import numpy as np
import pytest

from course_lib import last_table
from course_lib.last_table import Row
from course_lib.pretrain import held_out_reviews


def row(method, right, **more):
    return Row(method, more.pop("labels", 10), more.pop("seed", 1), np.array(right, dtype=bool), **more)


def test_who_is_asked_is_held_out_and_who_is_learned_from_is_not():
    asked, known = last_table.asked(), last_table.labelled(200, seed=3)
    reviews = last_table._imdb()
    held = {review.text for review, out in zip(reviews, held_out_reviews()) if out}
    assert len(asked.texts) == len(asked.labels) == 1000
    assert set(asked.texts) <= held
    assert not set(known.texts) & held
    assert known.texts[:50] == last_table.labelled(50, seed=3).texts
    assert known.texts[:50] != last_table.labelled(50, seed=2).texts
    assert asked.texts[:200] == last_table.asked(200).texts
    assert 0.4 < np.mean(asked.labels) < 0.6
    with pytest.raises(ValueError, match="1 to 1,000, which are asked"):
        last_table.asked(1001)
    with pytest.raises(ValueError, match="20,000"):
        last_table.labelled(20_001)


@pytest.mark.parametrize("number", [1, 8, 13, 1000])
def test_a_row_survives_its_file(number):
    right = np.random.default_rng(number).random(number) < 0.7
    one = Row("a", 3, 2, right, 1.5, 0.25, 7, 0.5, "a book")
    two = Row.from_json(json.loads(json.dumps(one.to_json())))
    assert (two.right == right).all()
    assert {k: v for k, v in vars(two).items() if k != "right"} == {k: v for k, v in vars(one).items() if k != "right"}
    assert two.seconds == pytest.approx(1.5 + 0.25 * 1000 / number)


def test_the_file_of_the_benchmark_can_be_read():
    rows = last_table.of_seeds(last_table.saved_rows())
    assert {"majority", "counting", "fastText", "frozen MiniLM"} <= {method for method, _ in rows}
    for (method, labels), some in rows.items():
        assert len({one.seed for one in some}) == len(some), (method, labels)
        assert {len(one.right) for one in some} in ({1000}, {200})
    assert 0.4 < last_table.interval(rows["counting, shuffled labels", 1000]).value < 0.6


def test_two_rows_are_compared_where_they_differ():
    one = row("one", [1] * 20 + [0] * 5 + [1] * 9 + [0])
    other = row("other", [1] * 20 + [0] * 5 + [0] * 9 + [1])
    assert last_table.verdict(one, other)[:2] == (9, 1)
    assert last_table.verdict(one, other).p == pytest.approx(2 * 11 / 1024)
    assert last_table.verdict(one, other).word == "better"
    assert last_table.verdict(other, one).word == "worse"
    assert last_table.verdict(one, one) == (0, 0, 1.0, "a tie")
    assert last_table.verdict(one, row("few", [0] * 4)) == (4, 0, 0.125, "a tie")


def test_where_a_row_stands():
    rows = [row("low", [1, 0, 0, 0]), row("high", [1, 1, 1, 1]), row("high", [1, 1, 1, 1], seed=2)]
    told = last_table.standing(row("mine", [1, 1, 0, 0], labels=5, ask_seconds=0.004), rows)
    assert told.splitlines() == [
        "mine: 50.0% [15.0%, 85.0%] of 4 reviews, 5 labels, 1.0 CPU-seconds",
        "  place 2 among the 3 rows of the table",
        "  against low (10 labels): alone right 1, the other alone 0, p = 1.000: a tie",
        "  against high (10 labels): alone right 0, the other alone 2, p = 0.500: a tie",
    ]
    assert last_table.standing(row("mine", [1]), []).count("\n") == 0


def test_a_row_of_ones_own(capsys):
    mine = last_table.add_row("praise", lambda texts: np.ones(len(texts)), number=40, rows=[row("low", [0] * 40)])
    assert mine.accuracy == np.mean(last_table.asked(40).labels)
    assert "praise" in capsys.readouterr().out


def test_a_new_row_is_set_against_methods_and_not_against_controls(capsys):
    last_table.add_row("praise", lambda texts: [1] * len(texts), number=200)
    told = capsys.readouterr().out
    assert told.count("against") == 2
    assert not any(f"against {control} (" in told for control in last_table.CONTROLS)
    assert {row.method for row in last_table.saved_rows()} >= {*last_table.CONTROLS}



@pytest.mark.parametrize(("predict", "words"), [
    (lambda texts: [1], "1 answers and 10 texts"),
    (lambda texts: [2] * 10, "answer=2 cannot"),
    (lambda texts: ["good"] * 10, "answer='good' cannot"),
])  # fmt: skip
def test_answers_that_are_none_are_refused(predict, words):
    with pytest.raises(ValueError, match=words):
        last_table.add_row("_", predict, number=10, rows=[])


def test_the_front():
    assert last_table.front([1, 2, 3, 3], [0.5, 0.4, 0.9, 0.9]) == [True, False, True, True]
    assert last_table.front([], []) == []
    for words, costs, scores in ((r"costs=\[nan\]", [math.nan, 1], [0.5, 0.6]),
                                 (r"scores=\[inf\]", [1, 2], [0.5, math.inf])):  # fmt: skip
        with pytest.raises(ValueError, match=f"{words} .* finite numbers"):
            last_table.front(costs, scores)
