"""How far a run has come: a bar for the eye, calls of a function for a program, or silence. For every loop that trains.

    with reporter(progress, total=len(batches), unit="steps", name="training") as report:
        for done, batch in enumerate(batches, 1):
            report(done, loss=step(batch))

What it leaves out. Curves and logs: a function that is given as `progress` can keep whatever it is told.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm.auto import tqdm


@dataclass(frozen=True)
class Progress:
    """Where a run stands: `done` of `total` words, cells or steps, the latest loss, and how many are done in a second.

    Of a run of `training` also: the gradient's length before clipping, the learning rate, the latest held-out loss.
    """

    done: int
    total: int
    loss: float
    per_second: float
    gradient_norm: float | None = None
    learning_rate: float | None = None
    held_out: float | None = None

    @property
    def step(self) -> int:
        return self.done

    @property
    def steps(self) -> int:
        return self.total


Listener = Callable[[Progress], None]


@contextmanager
def reporter(
    progress: bool | Listener, total: int, *, unit: str, name: str, first: int = 0, digits: int = 2,
    scaled: bool = True, seconds: float = 0.25,
) -> Iterator[Callable[..., Progress]]:  # fmt: skip
    """Turns each report(done, loss, ...) into a bar (progress=True), calls of a function, or nothing; returns it too.

    The function is called when `seconds` have passed since the last call, and at the end. `first`: what was done before
    this run began. `digits` of the loss, and whether large numbers are `scaled` to thousands, are for the bar.
    """
    began, told = time.perf_counter(), -math.inf
    with tqdm(total=total, initial=first, unit=f" {unit}", unit_scale=scaled, desc=name,
              disable=progress is not True) as bar:  # fmt: skip

        def report(done: int, loss: float, **more: float | None) -> Progress:
            nonlocal told
            now = time.perf_counter()
            state = Progress(done, total, loss, (done - first) / max(now - began, 1e-9), **more)
            held_out = "" if state.held_out is None else f", held-out {state.held_out:.{digits}f}"
            bar.set_postfix_str(f"loss {loss:.{digits}f}{held_out}", refresh=False)
            bar.update(done - bar.n)
            if callable(progress) and (now - told > seconds or done == total):
                told = now
                progress(state)
            return state

        yield report
