"""What a check is tried on. Each `<topic>.py` holds, by exercise:

`BANK`    wrong answers that no slip of the check says already: [Wrong(name, function or edits, diagnosis), ...]
`RIGHT`   right answers in other spellings: [function, ...], three or more
`INPUTS`  a function of a NumPy generator that draws valid inputs, for telling a mutant from an equal spelling

Lessons that are not in the form of slips yet have a `BANK` alone.
"""
from collections.abc import Callable
from typing import NamedTuple


class Wrong(NamedTuple):
    """A known wrong answer, and the diagnosis that its check must give (None: turned away, but with no diagnosis).

    `function`: the answer, or edits "old -> new" of the right one.
    """

    name: str
    function: Callable | str | tuple[str, ...]
    diagnosis: str | None = None
