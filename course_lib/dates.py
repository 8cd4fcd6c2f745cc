"""Dates as people write them, and as ISO 8601 does: a small task of translation whose right answer is always known.

    examples(1000, seed=1)   # [("the 3rd of March 1987", "1987-03-03"), ("03-Mar-1987", "1987-03-03"), ...]
    Characters()             # the symbols of both sides, as numbers and back

What it is. The 73,049 days of the years 1900 to 2099 in 28 written forms, 2,045,372 pairs in all. No form leaves a
doubt which number is the day: the month is a word, or the year comes first. Names must become numbers, things change
places, and some of the text (the weekday) must be passed over: what attention is for.

What it leaves out. 03/04/1987 (March or April?), years of two digits, days that do not exist, other languages.
"""

import random
import re
import string
from collections.abc import Iterable, Sequence
from datetime import date

import torch
from jaxtyping import Int
from torch import Tensor

from course_lib.settings import Count, Texts, require, require_ids
from course_lib.shapes import shaped

MONTHS = ("January February March April May June July August September October November December").split()
WEEKDAYS = ("Monday Tuesday Wednesday Thursday Friday Saturday Sunday").split()
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth "
    "twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
# d 3, dd 03, th 3rd, word third; m 3, mm 03, mon Mar, month March; day Tue, weekday Tuesday; capitals shout
FORMS = (
    "{d} {month} {y}", "{d} {month}, {y}", "{th} {month} {y}", "{th} of {month} {y}", "the {th} of {month} {y}",
    "the {th} of {month}, {y}", "the {word} of {month} {y}", "{word} of {month}, {y}", "{month} {d}, {y}",
    "{month} {d} {y}", "{month} {th}, {y}", "{month} the {word}, {y}", "{d} {MONTH} {y}", "{MONTH} {d}, {y}",
    "{weekday}, {d} {month} {y}", "{weekday}, {month} {d}, {y}", "{weekday} the {th} of {month} {y}",
    "on {weekday}, {month} {th}, {y}", "{day} {d} {mon} {y}", "{day}, {mon} {d}, {y}", "{dd}-{mon}-{y}",
    "{d}/{mon}/{y}", "{dd}{MON}{y}", "{y}/{mm}/{dd}", "{y}.{mm}.{dd}", "{y}. {m}. {d}.", "{y}, {month} {d}",
    "{y}-{mon}-{dd}",
)  # fmt: skip
FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)


@shaped
def examples(count: Count, seed: int = 1) -> list[tuple[str, str]]:
    """`count` pairs (as written, as ISO 8601), drawn evenly from all days and forms; one seed gives one list.

    Held-out pairs come from another seed. Of those, about 1 - exp(-n / 2,045,372) also stand among n training pairs:
    1.5% for n = 30,000; leave them out where it matters. Whole days repeat more often, in other forms.
    """

    draw = random.Random(seed)
    pairs = []
    for _ in range(count):
        day = date.fromordinal(draw.randint(FIRST.toordinal(), LAST.toordinal()))
        pairs.append((write(day, draw.choice(FORMS)), day.isoformat()))
    return pairs


def write(day: date, form: str) -> str:
    """A day in one of FORMS.

    >>> write(date(1987, 3, 3), "the {th} of {month} {y}")
    'the 3rd of March 1987'
    """
    month, weekday = MONTHS[day.month - 1], WEEKDAYS[day.weekday()]
    ending = "th" if day.day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return form.format(
        d=day.day, dd=f"{day.day:02}", th=f"{day.day}{ending}", word=ORDINALS[day.day - 1], m=day.month,
        mm=f"{day.month:02}", mon=month[:3], month=month, MON=month[:3].upper(), MONTH=month.upper(),
        day=weekday[:3], weekday=weekday, y=day.year,
    )  # fmt: skip


class Characters:
    """Texts as rows of numbers, one a character, and back. 0 fills up short rows, 1 starts a text, 2 ends it.

    Made for dates: the characters are those of FORMS and of ISO 8601, in a fixed order.
    """

    pad_id, start_id, end_id = 0, 1, 2

    def __init__(self):
        between = re.sub(r"\{\w+\}", "", "".join(FORMS))
        used = {*between, *string.digits, *"".join((*MONTHS, *WEEKDAYS, *ORDINALS, *map(str.upper, MONTHS)))}
        self.symbols = ["<pad>", "<start>", "<end>", *sorted(used)]
        self.ids = {symbol: number for number, symbol in enumerate(self.symbols)}
        self.known = f"one of {''.join(self.symbols[3:])!r}"

    def __len__(self) -> int:
        return len(self.symbols)

    def tokens(self, text: str) -> list[str]:
        """The characters, one by one: names for the rows and columns of a picture."""
        return list(text)

    @shaped
    def encode(self, texts: Texts, ends: bool = False) -> Int[Tensor, "B T"]:
        """One row a text, padded to the longest; with `ends`, each stands between start and end."""
        rows = [[self._id(character) for character in text] for text in texts]
        if ends:
            rows = [[self.start_id, *row, self.end_id] for row in rows]
        ids = torch.full((len(rows), max(map(len, rows), default=0)), self.pad_id)
        for row, numbers in zip(ids, rows):
            row[: len(numbers)] = torch.tensor(numbers)
        return ids  # [B, T]

    def _id(self, character: str) -> int:
        require(character in self.ids, "character", character, self.known)
        return self.ids[character]

    def decode(self, ids: Int[Tensor, "B T"] | Iterable[Sequence[int]]) -> list[str]:
        """The texts of the rows: each stops at its first end, start and padding are left out."""
        texts = []
        for row in ids.tolist() if hasattr(ids, "tolist") else map(list, ids):
            require_ids(row, len(self), "character")
            row = row[: row.index(self.end_id)] if self.end_id in row else row
            texts.append("".join(self.symbols[i] for i in row if i not in (self.pad_id, self.start_id)))
        return texts
