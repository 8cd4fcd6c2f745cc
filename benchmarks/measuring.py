"""What the benchmarks share: what machine this is, a process for a row, medians and quarters, a table on the disk."""

import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys

KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**40)}


def processor() -> str:
    """Its name, as far as the system tells."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def machine() -> str:
    """One line for a table: the processor, its cores, the system, Python."""
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def has_bfloat16() -> bool:
    info = pathlib.Path("/proc/cpuinfo")
    return info.exists() and "bf16" in info.read_text()


def peak_mb() -> int:
    """The most memory that this process has held so far, in millions of bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)


def in_a_process(*arguments: object, script: str, settings: dict[str, str] = KEEP_MEMORY):
    """What `script --row arguments` prints last, as JSON: one thread, in a process of its own that keeps its memory."""
    root = str(pathlib.Path(__file__).parent.parent)
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", PYTHONPATH=root)
    command = [sys.executable, script, "--row", *map(str, arguments)]
    done = subprocess.run(command, env=env | settings, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def summary(seconds: dict[str, tuple[float, ...]], ours: str) -> dict:
    """Medians in milliseconds, and how many times as long the others took as ours: low quarter, median, high."""
    ratios = {by: [theirs / mine for theirs, mine in zip(each, seconds[ours])] for by, each in seconds.items()}
    return {
        "milliseconds": {by: round(1000 * statistics.median(each), 1) for by, each in seconds.items()},
        "times_ours": {by: [round(x, 2) for x in statistics.quantiles(each, n=4, method="inclusive")]
                       for by, each in ratios.items() if by != ours},
    }  # fmt: skip


def save(path: pathlib.Path, result: dict) -> None:
    """The whole table at once: an interrupted run leaves the last one in place."""
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(unfinished, path)
