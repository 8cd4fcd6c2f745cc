"""Measures every learner's notebook, alone, and writes notebooks/costs.json: seconds, CPU seconds, peak memory.

    python tools/measure_lessons.py [NN ...]

Run it on a quiet machine; then `python tools/build_lessons.py --no-run` puts the numbers into the lessons. Memory is
the largest resident size of the kernel and its children together, sampled ten times a second; on Linux a page that
several of them share counts once, as it does for a container's limit, whatever else runs on the machine.
"""
import argparse
import contextlib
import json
import pathlib
import re
import sys
import threading
import time
from collections.abc import Iterable

import psutil

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import build_lessons as builder

LIMITS = {"cpu_seconds": 2 * 2 * 180, "peak_mb": 1000}


class Watch(threading.Thread):
    """Samples the processes below this one while a notebook runs: peak resident bytes and CPU seconds.

    Each kernel is a child of this process; the processes that existed before `start` are left out.
    """

    def __init__(self):
        super().__init__(daemon=True)
        self.before = {child.pid for child in psutil.Process().children(recursive=True)}
        self.peak, self.cpu, self.done = 0, {}, threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.1):
            self.sample()

    def sample(self) -> None:
        sizes, processes = 0, []
        for process in psutil.Process().children(recursive=True):
            if process.pid not in self.before:
                with contextlib.suppress(psutil.Error):  # it has just ended
                    times = process.cpu_times()
                    self.cpu[process.pid] = times.user + times.system
                    sizes += process.memory_info().rss
                    processes.append(process)
        if sizes > self.peak:  # else there is nothing to learn from a closer look, which takes its time
            self.peak = max(self.peak, sizes if len(processes) == 1 else resident(processes))

    def stop(self) -> dict:
        """{"cpu_seconds", "peak_mb"} of everything that ran."""
        self.done.set()
        self.join()
        return {"cpu_seconds": round(sum(self.cpu.values()), 1), "peak_mb": round(self.peak / 1e6)}


def resident(processes: Iterable[psutil.Process]) -> int:
    """Bytes in memory of a kernel and its children together: a page that several of them share counts once.

    That holds whatever else runs: files (the libraries) are counted whole, though another kernel may map the same.
    """
    own, files = 0, 0
    for process in processes:
        try:
            texts = [pathlib.Path(f"/proc/{process.pid}/{name}").read_text() for name in ("smaps_rollup", "status")]
            sizes = {name: 1024 * int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", "".join(texts), re.M)}
            own += sizes["Pss_Anon"] + sizes["Pss_Shmem"]
            files = max(files, sizes["RssFile"])
        except (OSError, KeyError):
            with contextlib.suppress(psutil.Error):
                own += process.memory_info().rss
    return own + files


def require_within_limits(name: str, cost: dict) -> None:
    """AssertionError where a lesson took over 1 GB, or 3 minutes of two cores of a processor half as fast as most.

    CPU time, so that waiting for other work fails none; but work that shares the memory makes it half as long again.
    """
    for what, limit in LIMITS.items():
        assert cost[what] <= limit, f"{name} took {cost[what]:g} {what}, and a lesson may take {limit}: {cost}"


def measure(lesson: "builder.Lesson") -> dict:
    """Runs the learner's notebook and returns its cost; the kernel's start counts, as a learner waits for it too."""
    notebook, watch, start = builder.build(lesson, "learner"), Watch(), time.perf_counter()
    watch.start()
    try:
        builder.execute(lesson, notebook, "the learner's notebook")
    finally:
        used = watch.stop()
    seconds = round(time.perf_counter() - start, 1)
    builder.require_checks(lesson, notebook, "not attempted yet")
    return {"seconds": seconds, **used}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons by number; default: all")
    args = parser.parse_args()
    costs = builder.read_costs()
    try:
        for path in builder.sources(args.lessons):
            lesson = builder.read_lesson(path)
            costs[lesson.name] = measure(lesson)
            print(lesson.name, costs[lesson.name], flush=True)
    except builder.LessonError as error:
        print(error, file=sys.stderr)
        return 1
    path = builder.NOTEBOOKS / "costs.json"
    path.write_text(json.dumps(dict(sorted(costs.items())), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
