"""One function of somebody else's, asked its check in a closed room: a process of its own, with limits and a fence.

    ask("attention", "causal_mask", "def causal_mask(length): ...", seconds=30, megabytes=2000)

What it is. On Linux the process is a fork of one that has imported the check already, so it starts at once. Time is
watched from outside (and, should the watcher be killed, by the system); memory and the size of files are limits of the
system; Python's audit events make the fence: no
writing outside an empty folder, no connection, no program.

What it leaves out. Safety against code that wants to get out: an audit hook is no prison. Limits on Windows, but time.
"""

import contextlib
import importlib
import math
import multiprocessing
import os
import sys
import tempfile
import time

NOTHING_SENT = "Its process ended without an answer"


def ask(topic: str, exercise: str, code: str, seconds: float, megabytes: int) -> dict:
    """The check's answer to a function: status, diagnosis, message. Never raises for what the learner's code does."""
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    receive, send = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory(prefix="classroom-") as room:
        arguments = (topic, exercise, code, room, seconds, megabytes, send)
        process = context.Process(target=_answer, args=arguments, daemon=True)
        process.start()
        send.close()
        try:
            if not receive.poll(seconds):
                return {"status": "not yet", "diagnosis": "no-end",
                        "message": f"Did not end within {seconds:g} seconds: is there a loop that never stops?"}
            return receive.recv()
        except EOFError:
            process.join(5)
            return {"status": "not yet", "diagnosis": "process-ended",
                    "message": f"{NOTHING_SENT} (code {process.exitcode}): it left Python, or took more than "
                               f"{megabytes:,} MB."}  # fmt: skip
        finally:
            process.kill()
            process.join()
            receive.close()


def _answer(topic: str, exercise: str, code: str, room: str, seconds: float, megabytes: int, send) -> None:
    """In the process: the check is imported, the room is closed, the learner's code is run, the check is asked."""
    import torch

    torch.set_num_threads(1)
    check = getattr(importlib.import_module(f"course_lib.checks.{topic}"), exercise)
    os.chdir(room)
    sys.dont_write_bytecode = True
    _limit(seconds, megabytes)
    silence = open(os.devnull, "w")  # stays open as long as the process lives
    os.dup2(silence.fileno(), 1), os.dup2(silence.fileno(), 2)
    sys.stdin = open(os.devnull)
    sys.addaudithook(_fence(os.path.realpath(room)))
    space = {"__name__": "handed_in"}
    try:
        exec(compile(code, "<handed in>", "exec"), space)
        result = check(space.get(exercise))
        status = {"failed": "not yet"}.get(result.status, result.status)
        answer = {"status": status, "diagnosis": result.diagnosis or "", "message": result.message}
    except BaseException as error:  # of the statements around the function; the check itself never raises
        words = " ".join(str(error).split())[:200]
        answer = {"status": "not yet", "diagnosis": "stopped",
                  "message": f"{exercise}: what it needs stopped with {type(error).__name__}: {words}"}
    send.send(answer)


def _limit(seconds: float, megabytes: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows has no limits of this kind
        import resource

        last = math.ceil(time.process_time() + seconds) + 1  # for a loop whose asker was killed and cannot end it
        resource.setrlimit(resource.RLIMIT_CPU, (last, last))
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes * 10**6, megabytes * 10**6))
        resource.setrlimit(resource.RLIMIT_FSIZE, (10**7, 10**7))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


CLOSED = ("socket.connect", "socket.bind", "socket.sendto", "subprocess.Popen", "os.system", "os.fork", "os.forkpty",
          "os.posix_spawn", "os.exec", "os.spawn", "os.kill", "os.startfile", "pty.spawn", "ctypes.dlopen")  # fmt: skip
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
           "os.chown", "os.utime", "shutil.rmtree", "shutil.move", "shutil.copyfile")  # fmt: skip


def _fence(room: str):
    """What may not be done from here on: a hook for Python's audit events."""

    def inside(path: object) -> bool:
        return isinstance(path, int) or os.path.realpath(os.fsdecode(path)).startswith((room + os.sep, os.devnull))

    def hook(event: str, arguments: tuple) -> None:
        if event in CLOSED:
            raise PermissionError(f"an exercise may not do this here ({event}).")
        if event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
                isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))
            if writes and not inside(path):
                raise PermissionError(f"an exercise may not write {str(path)[:80]!r}.")
        elif event in CHANGES and not all(inside(path) for path in arguments[:2] if isinstance(path, str | bytes)):
            raise PermissionError(f"an exercise may not change files outside its folder ({event}).")

    return hook
