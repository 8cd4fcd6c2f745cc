"""The list of beliefs is that of the lessons: every card has its verdict, every verdict its card."""

import pytest

from course_lib import beliefs

SOURCE = '''# %% [markdown]
# > **Common belief:** *"Longer is
# > **always** better."* (So says *"somebody"*.) True?
#
# > **Common belief:** *"Two."* Decide.
'''


def test_every_card_of_every_lesson_has_its_verdict():
    found = beliefs.cards()
    assert len(found) > 25
    assert [card.lesson for card in found] == sorted(card.lesson for card in found)
    assert all(card.because and not card.because.endswith(".") for card in found)


def test_a_card_is_read_across_its_lines():
    assert beliefs.cards_of(SOURCE) == ["Longer is always better.", "Two."]
    assert beliefs.cards_of('# > **Common belief:** *"x = 1"* **makes y**. So?') == ["x = 1 makes y"]
    with pytest.raises(ValueError, match="a belief in quotes first"):
        beliefs.cards_of("# > **Common belief:** that is so.")


@pytest.fixture
def small(tmp_path):
    (tmp_path / "notebooks/src").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "notebooks/src/07_long.py").write_text(SOURCE)

    def verdicts(*cards):
        lines = [f'[[card]]\nlesson = "{lesson}"\nbegins = "{begins}"\nverdict = "{verdict}"\nbecause = "{number}"\n'
                 for number, (lesson, begins, verdict) in enumerate(cards)]  # fmt: skip
        (tmp_path / "data/beliefs.toml").write_text("\n".join(lines))
        return tmp_path

    return verdicts


def test_cards_and_verdicts_meet(small):
    root = small(("07", "Two", "true"), ("07", "Longer", "half true"))
    assert beliefs.cards(root) == [("07", "Longer is always better.", "half true", "1"), ("07", "Two.", "true", "0")]


@pytest.mark.parametrize(("cards", "words"), [
    ([("07", "Longer", "true")], "card='Two.' cannot"),
    ([("07", "Longer", "true"), ("07", "Two", "true"), ("07", "Three", "true")], "begins='Three' cannot"),
    ([("07", "Longer", "maybe"), ("07", "Two", "true")], "'maybe'"),
    ([("08", "Longer", "true"), ("07", "Two", "true")], "where it has 0"),
])  # fmt: skip
def test_what_does_not_meet_is_named(small, cards, words):
    with pytest.raises(ValueError) as caught:
        beliefs.cards(small(*cards))
    assert words in str(caught.value)
