"""What the tests share: tools/ on the path, pictures without a window, one torch thread, skips that say why."""
import multiprocessing.forkserver
import os
import pathlib
import re
import shutil
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "tools", ROOT / "tests"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import hypothesis  # noqa: E402
import matplotlib  # noqa: E402
import pytest  # noqa: E402
import torch  # noqa: E402
from wheel_shop import shop  # noqa: E402, F401  (a fixture)

matplotlib.use("agg")  # in this process; a notebook's kernel chooses its own


def pytest_configure(config):
    torch.set_num_threads(1)  # the same digits everywhere
    hypothesis.settings.register_profile("course", deadline=None,  # a busy machine fails no test
                                         suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("course")
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's `make test &` is deaf to Ctrl-C, and would make
        signal.signal(signal.SIGINT, signal.default_int_handler)  # all deaf that the tests start in order to stop it


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Shares the tests out over several workers (`make test`), but never those that make something once for all.

    A file goes to one worker; of test_lessons.py, what belongs to one lesson, and apart from it that lesson's blocks.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            lesson = re.search(r"\[(\d\d_\w+)", test)
            if not file.endswith("test_lessons.py") or not lesson:
                return file
            return nodeid if test.startswith("test_every_block") else f"{file} {lesson[1]}"

    return Together(config, log)


def pytest_collection_modifyitems(items):
    """The longest first where there are several workers, that none ends long after the others."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not (item.get_closest_marker("browser") or item.get_closest_marker("slow")))


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, and torch finds none")


@pytest.fixture(scope="module", autouse=True)
def own_fork_server():
    """Python has one fork server a process, which keeps what its first user let it import: none comes after another."""
    yield
    multiprocessing.forkserver._forkserver._stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; without one the test is skipped, or fails where REQUIRE_BROWSER=1."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        reason = f"no Chromium on the PATH (looked for {', '.join(names)}); install it to run the browser tests"
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip)(reason)
    return found


def pytest_terminal_summary(terminalreporter):
    """How many one-step mutants of each solution its check refused (tests/test_slips.py)."""
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    rows = [value.split() for report in reports
            for name, value in getattr(report, "user_properties", ()) if name == "mutants"]
    for exercise, killed, made in sorted(rows):
        terminalreporter.write_line(f"mutants refused: {exercise:32} {killed:>3} of {made:>3}")
