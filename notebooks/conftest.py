"""Under nbval every lesson is measured while it runs: its last cell fails where the lesson took too much."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import measure_lessons

watches = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.path.suffix == ".ipynb" and item.path not in watches:  # before the file's kernel starts
        watches[item.path] = measure_lessons.Watch()
        watches[item.path].start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    if item.path in watches and (nextitem is None or nextitem.path != item.path):
        measure_lessons.require_within_limits(item.path.stem, watches[item.path].stop())
