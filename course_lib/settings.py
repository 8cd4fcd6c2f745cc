"""Settings say at once what is wrong with them: the few lines that every configuration of the course shares."""

import numbers


def whole(value: object, least: int) -> bool:
    """True for a whole number (Python's or NumPy's, but not True or False) of at least `least`."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= least


def require(holds: bool, name: str, value: object, what: str) -> None:
    """Nothing where it holds; otherwise a ValueError that names the setting, its value and what it must be.

    >>> require(whole(0, 1), "window", 0, "a whole number of 1 or more")
    Traceback (most recent call last):
    ValueError: window=0 cannot be used: window must be a whole number of 1 or more.
    """
    if not holds:
        raise ValueError(f"{name}={value!r} cannot be used: {name} must be {what}.")


def require_sizes(**sizes: object) -> None:
    """ValueError for the first that is no whole number of 1 or more."""
    for name, size in sizes.items():
        require(whole(size, 1), name, size, "a whole number of 1 or more")
