"""The bank of wrong answers: `<topic>.py` holds `BANK = {"exercise": [Wrong(name, function, diagnosis), ...]}`."""
from collections.abc import Callable
from typing import NamedTuple


class Wrong(NamedTuple):
    """A known wrong answer, and the diagnosis that its check must give (None: turned away, but with no diagnosis)."""

    name: str
    function: Callable
    diagnosis: str | None = None
