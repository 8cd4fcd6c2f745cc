"""Runs code cells as a fresh kernel does, without starting one: in a fork of a process that has imported torch.

The warm process is Python's fork server. It has imported packages by others and nothing of the course, it has run
nothing, and it has one thread, so that a fork of it is sound: no lock is held by a thread that the child lacks. Each
run gets an empty namespace in IPython's own shell, and its outputs in the form in which a kernel sends them. Elsewhere
than on Linux every run is a new process: slower, and otherwise the same.
"""
import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import pathlib
import sys
from collections.abc import Sequence

ROOT = pathlib.Path(__file__).resolve().parent.parent
WARM = ["numpy", "scipy.sparse", "scipy.stats", "torch", "torch._dynamo", "matplotlib.pyplot",
        "anywidget", "jaxtyping", "safetensors.torch", "ipykernel.zmqshell"]  # by the last, tqdm knows a notebook
SETTINGS = {"MPLBACKEND": "module://matplotlib_inline.backend_inline",  # what a kernel draws with
            **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}}


def run(cells: Sequence[str], folder: pathlib.Path) -> list[list[dict]]:
    """Runs the cells one after another in `folder`; returns the outputs of each, up to the first that fails.

    An output is what nbformat calls a stream, display_data, execute_result or error. A process that dies (out of
    memory, say) leaves an error in the cell that it was in.
    """
    context, here = start()
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(list(cells), str(folder), send))
    with here:
        process.start()
    send.close()
    outputs, over = [], False
    try:
        while not over:
            over, told = receive.recv()
            outputs.append(told)
    except EOFError:
        process.join()
        outputs.append([_error("DeadProcess", f"its process ended with code {process.exitcode}")])
    finally:
        if not over:
            process.kill()
        process.join()
        receive.close()
    return outputs


def start() -> tuple[multiprocessing.context.BaseContext, contextlib.AbstractContextManager]:
    """The kind of process to make, and the environment in which to start it; the first call warms the fork server."""
    if sys.platform != "linux":  # macOS has forks, and libraries that do not survive them
        return multiprocessing.get_context("spawn"), _environment(SETTINGS)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(WARM)
    with _environment(SETTINGS):
        multiprocessing.forkserver.ensure_running()
    return context, contextlib.nullcontext()


@contextlib.contextmanager
def _environment(settings: dict[str, str]):
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _error(name: str, value: str) -> dict:
    return {"output_type": "error", "ename": name, "evalue": value, "traceback": []}


def _run(cells: list[str], folder: str, send) -> None:
    """In the new process: sends, for each cell, whether it is the last to run, and its outputs."""
    os.chdir(folder)
    tools = {str(ROOT / name) for name in ("tools", "tests")}  # on the path of whoever runs this, and of no learner
    sys.path[:] = [str(ROOT), *(place for place in sys.path if place not in tools)]
    shell, outputs = _shell()
    for number, cell in enumerate(cells, 1):
        outputs.clear()
        with _streams(outputs):
            shell.run_cell(cell, store_history=True)
        over = number == len(cells) or any(output["output_type"] == "error" for output in outputs)
        send.send((over, list(outputs)))
        if over:
            break


def _shell():
    """IPython's shell, and the list to which it adds whatever it shows."""
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets import Type
    from traitlets.config import Config

    outputs: list[dict] = []

    class Results(DisplayHook):
        def write_output_prompt(self):
            pass

        def write_format_data(self, format_dict, md_dict=None):
            outputs.append({"output_type": "execute_result", "execution_count": self.prompt_count,
                            "data": dict(format_dict), "metadata": md_dict or {}})

    class Displays(DisplayPublisher):
        def publish(self, data, metadata=None, **more):
            outputs.append({"output_type": "display_data", "data": dict(data), "metadata": metadata or {}})

    class Shell(InteractiveShell):
        displayhook_class = Type(Results)
        display_pub_class = Type(Displays)

        def _showtraceback(self, etype, evalue, stb):
            outputs.append(_error(etype.__name__, str(evalue)))

        def enable_gui(self, gui=None):  # a kernel needs no window either
            pass

    return Shell.instance(config=Config({"HistoryManager": {"enabled": False}})), outputs


@contextlib.contextmanager
def _streams(outputs: list[dict]):
    """Adds what is printed to `outputs`, in order."""
    class Stream:
        encoding = "utf-8"

        def __init__(self, name: str):
            self.name = name

        def write(self, text: str) -> int:
            last = outputs[-1] if outputs else {}
            if last.get("name") == self.name:
                last["text"] += text
            elif text:
                outputs.append({"output_type": "stream", "name": self.name, "text": text})
            return len(text)

        def flush(self) -> None:
            pass

        def isatty(self) -> bool:
            return False

    with contextlib.redirect_stdout(Stream("stdout")), contextlib.redirect_stderr(Stream("stderr")):
        yield
