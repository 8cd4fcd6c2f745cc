"""dates: the written forms by hand, no doubt about any of them, and characters to numbers and back."""

import re
from collections import Counter
from datetime import date, timedelta

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import dates

DAYS = st.dates(dates.FIRST, dates.LAST)


def test_every_form_by_hand():
    assert [dates.write(date(1987, 3, 3), form) for form in dates.FORMS] == [
        "3 March 1987", "3 March, 1987", "3rd March 1987", "3rd of March 1987", "the 3rd of March 1987",
        "the 3rd of March, 1987", "the third of March 1987", "third of March, 1987", "March 3, 1987",
        "March 3 1987", "March 3rd, 1987", "March the third, 1987", "3 MARCH 1987", "MARCH 3, 1987",
        "Tuesday, 3 March 1987", "Tuesday, March 3, 1987", "Tuesday the 3rd of March 1987",
        "on Tuesday, March 3rd, 1987", "Tue 3 Mar 1987", "Tue, Mar 3, 1987", "03-Mar-1987", "3/Mar/1987",
        "03MAR1987", "1987/03/03", "1987.03.03", "1987. 3. 3.", "1987, March 3", "1987-Mar-03",
    ]  # fmt: skip


def test_the_days_of_a_month_in_letters():
    endings = {dates.write(date(2000, 1, n), "{th} {word}") for n in range(1, 32)}
    assert {"1st first", "2nd second", "3rd third", "4th fourth", "11th eleventh", "12th twelfth", "13th thirteenth",
            "20th twentieth", "21st twenty-first", "22nd twenty-second", "23rd twenty-third", "30th thirtieth",
            "31st thirty-first"} <= endings  # fmt: skip
    assert len(endings) == 31


def read(text: str) -> date:
    """An outside reader: finds year, day and month without knowing the forms."""
    words = re.findall(r"twenty-\w+|thirty-\w+|[A-Za-z]+|\d+", re.sub(r"(\d)(st|nd|rd|th)\b", r"\1", text))
    year = next(int(word) for word in words if re.fullmatch(r"\d{4}", word))
    starts = {month[:3].lower(): number for number, month in enumerate(dates.MONTHS, 1)}
    named = [starts[word[:3].lower()] for word in words if word.capitalize() in dates.MONTHS
             or (len(word) == 3 and word.lower() in starts)]  # fmt: skip
    numbers = [int(word) for word in words if re.fullmatch(r"\d\d?", word)]
    numbers += [dates.ORDINALS.index(word) + 1 for word in words if word in dates.ORDINALS]
    return date(year, *named, *numbers)  # a wrong count of either is a TypeError


@settings(deadline=None)
@given(DAYS, st.sampled_from(dates.FORMS))
def test_another_reader_finds_the_same_day(day, form):
    assert read(dates.write(day, form)) == day


@settings(deadline=None)
@given(DAYS)
def test_a_weekday_is_the_right_one(day):
    assert dates.write(day, "{weekday} {day}") == day.strftime("%A %a")


def test_no_text_is_written_twice_so_the_space_is_days_times_forms():
    days = [date(1999, 1, 1) + timedelta(n) for n in range(4 * 365 + 1)]
    texts = Counter(dates.write(day, form) for day in days for form in dates.FORMS)
    assert max(texts.values()) == 1
    whole = (dates.LAST - dates.FIRST).days + 1
    for number in (whole, len(dates.FORMS), whole * len(dates.FORMS)):
        assert f"{number:,}" in dates.__doc__
    assert f"{whole * len(dates.FORMS):,}" in dates.examples.__doc__


def test_one_seed_one_list_and_another_seed_hardly_the_same_pairs():
    pairs = dates.examples(30_000, seed=1)
    assert pairs == dates.examples(30_000, seed=1)
    assert pairs[:10] == dates.examples(10)
    assert all(read(text).isoformat() == iso for text, iso in pairs[:300])
    held_out = dates.examples(3000, seed=2)
    shared = len(set(held_out) & set(pairs)) / len(held_out)
    assert 0.005 < shared < 0.025  # 1.5% expected
    years = Counter(int(iso[:4]) for _, iso in pairs)
    assert set(years) == set(range(1900, 2100))
    assert {iso[5:7] for _, iso in pairs} == {f"{month:02}" for month in range(1, 13)}
    assert max(len(text) for text, _ in pairs) < 40


def test_counts_that_cannot_be():
    assert dates.examples(0) == []
    with pytest.raises(ValueError, match="count=-1 cannot be used"):
        dates.examples(-1)
    with pytest.raises(ValueError, match="count=2.5 cannot be used"):
        dates.examples(2.5)


# ---- characters ----


def test_characters_by_hand():
    characters = dates.Characters()
    assert (characters.pad_id, characters.start_id, characters.end_id) == (0, 1, 2)
    three, dash = characters.encode(["3-"])[0].tolist()
    ids = characters.encode(["3", "3-3"], ends=True)
    assert ids.dtype == torch.int64
    assert ids.tolist() == [[1, three, 2, 0, 0], [1, three, dash, three, 2]]
    assert characters.encode(["3", "3-3"]).tolist() == [[three, 0, 0], [three, dash, three]]
    assert characters.decode(ids) == ["3", "3-3"]
    assert characters.decode([[1, three, 2, dash, three], [three, 0, dash, 1, three]]) == ["3", "3-3"]
    assert characters.decode(torch.empty(0, 4, dtype=torch.long)) == []
    assert characters.encode([]).shape == (0, 0)
    assert characters.tokens("3 Mar") == ["3", " ", "M", "a", "r"]


@pytest.mark.parametrize("ends", [False, True])
def test_every_example_survives_the_numbers(ends):
    characters = dates.Characters()
    for side in zip(*dates.examples(500, seed=3)):
        ids = characters.encode(side, ends=ends)
        assert 0 <= ids.min()
        assert ids.max() < len(characters)
        assert characters.decode(ids) == list(side)


def test_every_character_is_used_and_the_order_is_fixed():
    characters = dates.Characters()
    used = {letter for pair in dates.examples(5000) for text in pair for letter in text}
    assert set(characters.symbols[3:]) == used
    assert characters.ids == dates.Characters().ids


def test_texts_that_cannot_be_encoded():
    with pytest.raises(ValueError, match=r"texts='3 March' cannot be used: texts must be a list of texts"):
        dates.Characters().encode("3 March")
    with pytest.raises(ValueError, match="character='é' cannot be used: character must be one of ' ,-./0123"):
        dates.Characters().encode(["3 février"])


def test_numbers_that_are_no_characters():
    characters = dates.Characters()
    assert characters.decode([[3, 2, 3], [4]]) == [characters.symbols[3], characters.symbols[4]]  # rows of any length
    for wrong in (-1, len(characters)):
        with pytest.raises(ValueError, match=f"no character {wrong}: ids go from 0 to {len(characters) - 1}"):
            characters.decode([[3, wrong]])
