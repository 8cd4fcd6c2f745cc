"""What a function may do in the closed room, and how each way out of it ends."""
import sys
import time

import psutil
import pytest

from course_lib.closed_room import ask

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits on memory, and forks")


@linux
@pytest.mark.parametrize(("line", "words"), [
    ("open(__import__('os').path.expanduser('~/classroom_test'), 'w')", "may not write"),
    ("__import__('os').mkdir('/tmp/classroom_test')", "may not change files"),
    ("__import__('os').fork()", "may not do this here (os.fork)"),
    ("__import__('subprocess').run(['true'])", "may not do this here (subprocess.Popen)"),
    ("__import__('socket').create_connection(('127.0.0.1', 9))", "may not do this here (socket.connect)"),
    ("bytearray(10**11)", "MemoryError"),
    ("open('own.txt', 'w').write('fine') and 1 / 0", "ZeroDivisionError"),
])  # fmt: skip
def test_the_fence(line, words):
    code = f"def causal_mask(length):\n    {line}\n"
    answer = ask("attention", "causal_mask", code, 60, 2000)
    assert answer["status"] == "not yet"
    assert words in answer["message"]


def test_a_right_answer_passes():
    code = "import torch\n\ndef causal_mask(length):\n    return torch.ones(length, length).tril() > 0\n"
    assert ask("attention", "causal_mask", code, 60, 2000)["status"] == "passed"


@pytest.mark.parametrize(("code", "diagnosis"), [
    ("def causal_mask(length):\n    while True: pass\n", "no-end"),
    ("import os\ndef causal_mask(length):\n    os._exit(3)\n", "process-ended"),
    ("x = 1 / 0\ndef causal_mask(length):\n    return x\n", "stopped"),
])  # fmt: skip
def test_how_it_may_end(code, diagnosis):
    answer = ask("attention", "causal_mask", code, 25, 2000)
    assert (answer["status"], answer["diagnosis"]) == ("not yet", diagnosis)


@linux
def test_who_is_killed_leaves_no_loop_behind():
    code = "from course_lib.closed_room import ask\n" \
           "ask('attention', 'causal_mask', 'def causal_mask(n):\\n    while True: pass', 5, 2000)"
    asker = psutil.Popen([sys.executable, "-c", code])
    while not (looping := [child for child in asker.children(recursive=True)  # its fork server's child
                           if child.ppid() != asker.pid and child.cpu_times().user > 1]):  # fmt: skip
        assert asker.poll() is None
        time.sleep(0.05)
    asker.kill()
    asker.wait()
    assert psutil.wait_procs(looping, timeout=300)[1] == []
