"""What a lesson costs: memory of a kernel and its children, shared pages once, and the time of those alone."""
import subprocess
import sys

import measure_lessons
import psutil
import pytest

BLOCK = 40_000_000  # bytes
FAMILY = f"""
import os, sys
mine = bytearray(os.urandom(1)) * {BLOCK}
for _ in range(2):
    if not os.fork():
        more = bytearray(os.urandom(1)) * {BLOCK}
        os.write(1, b"ready\\n")
        sys.stdin.read()
        os._exit(0)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is shared")
def test_what_a_kernel_and_its_children_share_counts_once():
    command = [sys.executable, "-c", FAMILY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        said = [parent.stdout.readline() for _ in range(2)]
        family = [psutil.Process(parent.pid), *psutil.Process(parent.pid).children()]
        bare = sum(process.memory_info().rss for process in family)
        shared, alone = measure_lessons.resident(family), measure_lessons.resident(family[:1])
        parent.stdin.close()
    assert said == [b"ready\n"] * 2
    assert bare > 5 * BLOCK
    assert 3 * BLOCK < shared < 4 * BLOCK, "three blocks, and not five"
    assert alone < 1.5 * BLOCK


def test_a_watch_leaves_out_what_was_there_before():
    loop = [sys.executable, "-c", "print(sum(range(10**7)), flush=True); input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(loop, **pipes) as before:
        watch = measure_lessons.Watch()
        with subprocess.Popen(loop, **pipes) as after:
            after.stdout.readline()
            watch.sample()
            spent = sum(psutil.Process(after.pid).cpu_times()[:2])
            assert set(watch.cpu) == {after.pid}
            assert 0 < watch.cpu[after.pid] <= spent
            assert watch.peak == pytest.approx(psutil.Process(after.pid).memory_info().rss, rel=0.2)
            after.communicate(b"\n")
        before.communicate(b"\n")
    watch.start()
    assert watch.stop()["peak_mb"] == round(watch.peak / 1e6)
