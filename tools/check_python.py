"""Say in one sentence why this Python cannot hold the course, or say nothing. Runs on any Python, however old."""
import sys

OLDEST = (3, 11)
TOO_OLD = (
    "The course needs Python 3.11 or newer and {} is {}.{}: install a newer one and name it, as in: "
    "make lab PYTHON=python3.12"
)
NO_VENV = (
    "This Python has no {}, which makes the course's own environment: on Debian or Ubuntu run "
    "`sudo apt install python3-venv`, then try again."
)


def complaint():
    """The sentence to show, or None when this Python will do."""
    if sys.version_info[:2] < OLDEST:
        return TOO_OLD.format(sys.executable or "this Python", *sys.version_info[:2])
    for module in ("venv", "ensurepip"):  # Debian and Ubuntu ship ensurepip apart, in python3-venv
        try:
            __import__(module)
        except ImportError:
            return NO_VENV.format(module)
    return None


if __name__ == "__main__":
    sys.exit(complaint())
