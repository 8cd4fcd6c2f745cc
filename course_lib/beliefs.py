"""The course's myth cards in one list: what is commonly believed, the verdict, and the lesson whose run settled it.

    for card in cards(): print(card.lesson, card.belief, card.verdict)

What it is. `cards_of` reads the "Common belief" cards out of a lesson's source; `cards` reads all lessons and puts to
each card its verdict from `data/beliefs.toml`.

What it leaves out. The evidence: that is the lesson.
"""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from course_lib.settings import require

ROOT = Path(__file__).parents[1]
VERDICTS = ("true", "half true", "false")


class Card(NamedTuple):
    """A belief in the words of its card; `because` goes on behind the verdict."""

    lesson: str  # its two digits
    belief: str
    verdict: str
    because: str


def cards_of(source: str) -> list[str]:
    """The beliefs of one lesson's source, in its order: what stands in quotes first behind each "Common belief".

    >>> cards_of('# > **Common belief:** *"Longer is **always**' + chr(10) + '# > better."* True?')
    ['Longer is always better.']
    """
    found = []
    for card in re.findall(r"^# > \*\*Common belief:\*\* (.*(?:\n# > .*)*)", source, re.MULTILINE):
        words = " ".join(card.replace("\n# > ", " ").split())
        quoted = re.search(r'\*"(.+?)"\*(?: (\*\*.+?\*\*)(?= |\.))?', words)  # bold words right behind it belong to it
        require(quoted is not None, "card", words, 'a belief in quotes first, as *"..."*')
        found.append(" ".join(filter(None, quoted.groups())).replace("**", ""))
    return found


def cards(root: str | Path = ROOT) -> list[Card]:
    """All cards of all lessons, with their verdicts. ValueError for a card without a verdict, or a verdict without."""
    written = tomllib.loads((Path(root) / "data/beliefs.toml").read_text("utf-8"))["card"]
    found = []
    for path in sorted((Path(root) / "notebooks/src").glob("[0-9][0-9]_*.py")):
        for belief in cards_of(path.read_text("utf-8")):
            mine = [one for one in written if one["lesson"] == path.stem[:2] and belief.startswith(one["begins"])]
            words = f"a card of lesson {path.stem[:2]} with one verdict in data/beliefs.toml, where it has {len(mine)}"
            require(len(mine) == 1, "card", belief, words)
            require(mine[0]["verdict"] in VERDICTS, "verdict", mine[0]["verdict"], f"one of {', '.join(VERDICTS)}")
            found.append(Card(path.stem[:2], belief, mine[0]["verdict"], mine[0]["because"]))
    kept = [(card.lesson, card.because) for card in found]
    for one in written:
        has = (one["lesson"], one["because"]) in kept
        require(has, "begins", one["begins"], f"of a card in lesson {one['lesson']}: take it out of data/beliefs.toml")
    return found
