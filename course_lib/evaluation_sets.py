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
    """(word, word, score) of each line; comments (#) and a heading, as the first line, are passed over.

    ValueError for any other line that is no such triple: one passed over would be missing from every score.
    """
    pairs, heading_may_come = [], True
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(delimiter)
        if len(parts) == 3 and is_finite(parts[2]):
            pairs.append((parts[0], parts[1], float(parts[2])))
        elif not heading_may_come or is_finite(parts[-1].replace(",", ".")):
            raise ValueError(f"line {number} of {path} is {line[:40]!r}: it must be two words and a number, as 7.5.")
        heading_may_come = False
    return pairs


def read_analogies(path: str | os.PathLike) -> Analogies:
    """The questions of each section, which begins with `: name`. ValueError for another line that is not four words."""
    sections: Analogies = {}
    for number, line in enumerate(_lines(path), start=1):
        if line.startswith(": "):
            questions = sections.setdefault(line.lstrip(": ").strip(), [])
        elif not sections:
            raise ValueError(f"line {number} of {path} comes before any ': section' line: is it an analogy set?")
        elif len(words := line.split()) == 4:
            questions.append(tuple(words))
        elif words:
            raise ValueError(f"line {number} of {path} is {line[:40]!r}: it must be four words, or ': ' and a name.")
    return sections


def is_finite(score: object) -> bool:
    """Whether something is a number, or spells one, that is neither NaN nor infinite."""
    try:
        return math.isfinite(float(score))
    except (TypeError, ValueError):
        return False


def _lines(path: str | os.PathLike) -> list[str]:
    return read_text(path, "evaluation set").split("\n")
