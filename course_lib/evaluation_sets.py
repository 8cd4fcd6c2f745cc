"""Evaluation sets as files: pairs of words that people have judged, and questions "a is to b as c is to ?".

A set is read as it stands, case and all; `data.load` hands it out in small letters. What is left out: scoring (see
`evaluation`), and sets beyond single words.
"""

import math
import os

from course_lib.files import read_text

Pairs = list[tuple[str, str, float]]
Analogies = dict[str, list[tuple[str, ...]]]  # section -> questions (a, b, c, answer)


def read_pairs(path: str | os.PathLike, delimiter: str = "\t") -> Pairs:
    """(word, word, score) of each line that is one; headings, comments (#) and other lines are passed over."""
    parts = (line.split(delimiter) for line in _lines(path) if not line.startswith("#"))
    return [(pair[0], pair[1], float(pair[2])) for pair in parts if len(pair) == 3 and is_finite(pair[2])]


def read_analogies(path: str | os.PathLike) -> Analogies:
    """The questions of each section; a section begins with `: name`, and lines without four words are passed over."""
    sections: Analogies = {}
    for number, line in enumerate(_lines(path), start=1):
        if line.startswith(": "):
            questions = sections.setdefault(line.lstrip(": ").strip(), [])
        elif not sections:
            raise ValueError(f"line {number} of {path} comes before any ': section' line: is it an analogy set?")
        elif len(words := line.split()) == 4:
            questions.append(tuple(words))
    return sections


def is_finite(score: object) -> bool:
    """Whether something is a number, or spells one, that is neither NaN nor infinite."""
    try:
        return math.isfinite(float(score))
    except (TypeError, ValueError):
        return False


def _lines(path: str | os.PathLike) -> list[str]:
    return read_text(path, "evaluation set").split("\n")
