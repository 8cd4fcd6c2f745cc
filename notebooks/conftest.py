"""Under nbval every lesson is measured while it runs: its last cell fails where the lesson took too much.

Several lessons may run at once (`make test`): each on one worker, with one thread, the longest first. With
LESSON_COSTS=FILE in the environment every lesson's cost is appended there.
"""
import json
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import measure_lessons

watches = {}


def pytest_collection_modifyitems(items):
    for item in items:
        item.output_timeout = 600  # for what a cell has sent; nbval's own 5 seconds are few on a busy machine
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"  # for the kernels: two that want both cores wait for each other
        costs = measure_lessons.builder.read_costs()
        items.sort(key=lambda item: -costs.get(item.path.stem, {"seconds": 999})["seconds"])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    if item.path.suffix == ".ipynb" and item.path not in watches:  # before the file's kernel starts
        watches[item.path] = measure_lessons.Watch()
        watches[item.path].start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item, nextitem):
    yield  # first pytest's own: were it cut short, the next lesson's first cell would not run
    if item.path in watches and (nextitem is None or nextitem.path != item.path):
        cost = watches[item.path].stop()
        if log := os.environ.get("LESSON_COSTS"):  # a file that gathers what every lesson took
            with open(log, "a") as file:
                file.write(json.dumps({item.path.stem: cost}) + "\n")
        measure_lessons.require_within_limits(item.path.stem, cost)
