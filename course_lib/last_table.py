"""One task and every method: the held-out film reviews that all are asked about, and the rows of the last table.

    add_row("my idea", predict, labels=100)     # predict: a list of texts -> a 0 or 1 for each

What it is. `asked` are 1,000 reviews of films that nobody has learned from, in an order that chance has drawn;
`labelled` are reviews to learn from, the same for every method that has the same seed. A `Row` is a method's answers to
them and what they cost. `saved_rows` reads those that `benchmarks/last_table.py` has measured; `add_row` measures yours
and says where it stands. `standing`, `verdict` and `front` compare.

What it leaves out. Tasks with more than two labels, and the time that others spent on pretraining what a method begins
with: a row names it in words (`begins_with`).

Papers. Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference"; McNemar (1947), "Note on
the Sampling Error of the Difference Between Correlated Proportions or Percentages".

Shapes: N reviews asked.
"""

import functools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from jaxtyping import Bool

from course_lib import data
from course_lib.intervals import Interval, mcnemar, wilson_interval
from course_lib.pretrain import held_out_reviews
from course_lib.settings import Count, Rule, require, require_as_many, whole
from course_lib.shapes import plain, shaped

ASKED = 1000
Asked = Annotated[int, Rule(lambda number: whole(number, 1) and number <= ASKED, f"1 to {ASKED:,}, which are asked")]
CONTROLS = ("majority", "counting, shuffled labels", "counting, same pieces")  # rows that nobody would take
RESULT = Path(__file__).parents[1] / "benchmarks/results/last_table.json"

# --- The task ---------------------------------------------------------------------------------------------------------


class Reviews(NamedTuple):
    """Texts, and for each 1 (liked the film) or 0."""

    texts: list[str]
    labels: list[int]


@functools.cache
def _imdb() -> list[data.Review]:
    return [review for review in data.load("film_sentiment") if review.source == "imdb"]


def _reviews(rows: Sequence[int]) -> Reviews:
    return Reviews([_imdb()[i].text for i in rows], [_imdb()[i].label for i in rows])


@shaped
def asked(number: Asked = ASKED) -> Reviews:
    """The first `number` of the 1,000 that everyone is asked about: of the films that lesson 08 holds out."""
    return _reviews(np.random.default_rng(0).permutation(np.flatnonzero(held_out_reviews()))[:number])


@shaped
def labelled(number: Count, seed: int = 1) -> Reviews:
    """The first `number` of the 20,000 reviews to learn from, in the order of this seed."""
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~held_out_reviews()))
    require(number <= len(rows), "number", number, f"at most {len(rows):,}, as there are labelled reviews")
    return _reviews(rows[:number])


# --- A row ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A method's answers and their price. `right`: for each review asked, in order, whether its answer was right.

    learn_seconds, ask_seconds: CPU-seconds from the texts to a trained model, and for all answers. parameters: numbers
    the answers are computed from; megabytes: what they take on the disk. begins_with: what was pretrained before.
    """

    method: str
    labels: int
    seed: int
    right: Bool[np.ndarray, " N"]
    learn_seconds: float = 0.0
    ask_seconds: float = 0.0
    parameters: int = 0
    megabytes: float = 0.0
    begins_with: str = ""

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def seconds(self) -> float:
        """To learn, and to answer 1,000 reviews (where fewer were asked: as many times as long)."""
        return self.learn_seconds + self.ask_seconds * ASKED / len(self.right)

    def to_json(self) -> dict:
        """As plain numbers and words; the answers as a number of N bits in hexadecimal."""
        bits = np.packbits(self.right).tobytes().hex()
        return {**{name: value for name, value in vars(self).items() if name != "right"}, "asked": len(self.right),
                "accuracy": round(self.accuracy, 4), "right": bits}  # fmt: skip

    @classmethod
    def from_json(cls, saved: dict) -> "Row":
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(saved["right"]), np.uint8))[: saved["asked"]]
        rest = {name: value for name, value in saved.items() if name not in ("asked", "accuracy", "right")}
        return cls(**rest, right=bits.astype(bool))


def saved_rows(path: str | Path = RESULT) -> list[Row]:
    """The rows of the benchmark's file."""
    return [Row.from_json(row) for row in json.loads(Path(path).read_text("utf-8"))["rows"]]


def marked(predict: Callable[[list[str]], Sequence], number: int = ASKED) -> tuple[Bool[np.ndarray, " N"], float]:
    """Whether each answer is right, and the CPU-seconds that all took. ValueError for answers that are not 0 or 1."""
    reviews = asked(number)
    began = time.process_time()
    answers = predict(list(reviews.texts))
    seconds = time.process_time() - began
    answers = list(plain(answers))
    require_as_many(answers=answers, texts=reviews.texts)
    for answer in answers:
        require(answer in (0, 1), "answer", answer, "1 (liked the film) or 0")
    return np.array(answers, dtype=int) == np.array(reviews.labels), seconds


def add_row(
    name: str, predict: Callable[[list[str]], Sequence], *, labels: int = 0, seed: int = 1, learn_seconds: float = 0.0,
    parameters: int = 0, megabytes: float = 0.0, number: int = ASKED, rows: Sequence[Row] | None = None,
) -> Row:  # fmt: skip
    """Score any function from texts to 0 or 1 on the reviews that all were asked; say where it stands, return its row.

    labels: how many labelled reviews it has learned from. number: ask fewer, where it is slow. rows: whom to compare
    with (the saved ones without the controls). ValueError for answers that are not one 0 or 1 a text.
    """
    right, seconds = marked(predict, number)
    row = Row(name, labels, seed, right, learn_seconds, seconds, parameters, megabytes)
    print(standing(row, [one for one in saved_rows() if one.method not in CONTROLS] if rows is None else rows))
    return row


# --- Comparing --------------------------------------------------------------------------------------------------------


def of_seeds(rows: Sequence[Row]) -> dict[tuple[str, int], list[Row]]:
    """(method, labels) -> its rows, one a seed, in the order of the file."""
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row.method, row.labels), []).append(row)
    return found


def interval(rows: Sequence[Row]) -> Interval:
    """The mean accuracy of a method's seeds, with Wilson's interval for as many reviews as one seed was asked."""
    mean = float(np.mean([row.accuracy for row in rows]))
    return wilson_interval(mean * len(rows[0].right), len(rows[0].right))


class Comparison(NamedTuple):
    """Of the reviews that both were asked: how many only the one, only the other got right; McNemar's p; a word."""

    only_one: int
    only_other: int
    p: float
    word: str

    @property
    def chance(self) -> str:
        """p in words: a small one is not written as 0."""
        return "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"


def verdict(one: Row, other: Row, level: float = 0.05) -> Comparison:
    """Is `one` better than `other`, by the reviews on which just one of them is right? "better", "worse" or "a tie"."""
    number = min(len(one.right), len(other.right))
    a, b = one.right[:number], other.right[:number]
    only_one, only_other = int((a & ~b).sum()), int((b & ~a).sum())
    p = mcnemar(only_one, only_other)
    word = "a tie" if p >= level else "better" if only_one > only_other else "worse"
    return Comparison(only_one, only_other, p, word)


def standing(row: Row, rows: Sequence[Row]) -> str:
    """Three lines: the accuracy with its interval; the place among the methods' means; against the nearest of them."""
    value, low, high = interval([row])
    lines = [f"{row.method}: {value:.1%} [{low:.1%}, {high:.1%}] of {len(row.right):,} reviews, "
             f"{row.labels:,} labels, {row.seconds:.1f} CPU-seconds"]  # fmt: skip
    others = {key: some for key, some in of_seeds(rows).items() if key != (row.method, row.labels)}
    if not others:
        return lines[0]
    means = {key: float(np.mean([other.accuracy for other in some])) for key, some in others.items()}
    place = 1 + sum(mean > value for mean in means.values())
    lines.append(f"  place {place} among the {len(others) + 1} rows of the table")
    near = sorted(means, key=lambda key: abs(means[key] - value))[:2]
    for method, labels in near:
        other = min(others[method, labels], key=lambda one: one.seed != row.seed)
        told = verdict(row, other)
        lines.append(f"  against {method} ({labels:,} labels): alone right {told.only_one}, the other alone "
                     f"{told.only_other}, {told.chance}: {told.word}")  # fmt: skip
    return "\n".join(lines)


def front(costs: Sequence[float], scores: Sequence[float]) -> list[bool]:
    """Pareto's front: True for whom nobody beats. To beat: to cost no more and score no less, and not be equal in both.

    >>> front([1, 2, 3], [0.7, 0.6, 0.8])
    [True, False, True]
    """
    for name, values in (("costs", costs), ("scores", scores)):
        bad = [value for value in values if not math.isfinite(value)]
        require(not bad, name, bad, "finite numbers")
    pairs = list(zip(costs, scores, strict=True))
    return [not any(c <= cost and s >= score and (c < cost or s > score) for c, s in pairs) for cost, score in pairs]
