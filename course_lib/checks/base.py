"""What every check is made of: run the learner's function safely, compare it with the reference, say what is wrong.

A check never raises into the notebook, whatever the learner's code does. It names the first input that fails with
expected and got, and gives a diagnosis when exactly one known misconception reproduces all of the learner's answers.
Warnings that the learner's code causes are told, in one sentence at the end.
It leaves out time limits: a loop that never ends is stopped with the notebook's own stop button.
"""
import ast
import contextlib
import copy
import functools
import inspect
import io
import linecache
import random
import re
import sys
import textwrap
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import torch

ADDRESS = re.compile(r"\b0x[0-9a-f]+")
MARKS = {"passed": "Passed.", "not attempted": "Not attempted yet.", "failed": "Not yet."}


@dataclass(frozen=True, repr=False)
class Result:
    """The answer of a check. `diagnosis` is a short stable key, set only when a known misconception was recognised."""

    status: str
    message: str
    diagnosis: str | None = None

    def __post_init__(self):
        if self.status not in MARKS:
            raise ValueError(f"The status of a Result is one of {', '.join(MARKS)}, not {self.status!r}.")
        text = ADDRESS.sub("0x...", self.message)  # one answer gives one text
        object.__setattr__(self, "message", text.encode("utf-8", "backslashreplace").decode())  # half characters

    def __repr__(self) -> str:
        return self.message if self.status == "not attempted" else f"{MARKS[self.status]} {self.message}"


@dataclass(frozen=True)
class Case:
    """One input: positional and named arguments, and the words in which the learner is told about it."""

    args: tuple
    label: str | None = None
    kwargs: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Misconception:
    """A known wrong answer. `message` completes the sentence "it looks as if ..."."""

    key: str
    function: Callable
    message: str


@dataclass(frozen=True)
class Outcome:
    """What a call did: `kind` is value, stub, raised, unfit, none, generator or changed; only a value has no error."""

    kind: str
    value: Any = None
    error: Result | None = None
    warned: str = ""  # the first warning on the way, as a sentence


def passed(name: str, text: str = "") -> Result:
    """A pass; `text` says in one sentence what held."""
    return Result("passed", f"{name}: {text or 'every case holds.'}")


def failed(name: str, text: str, diagnosis: str | None = None) -> Result:
    """A refusal; `text` says in a sentence or two what is wrong."""
    return Result("failed", f"{name}: {text}", diagnosis)


class Unfit(Exception):
    """Raised by a check that finds an answer it cannot go on with; the text says what was expected and what came."""


# --- running the learner's code ---------------------------------------------------------------------------------

def fresh(value: Any) -> Any:
    """A copy of an input, so that the learner's code can never change ours."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if type(value) in (list, tuple):
        return type(value)(fresh(item) for item in value)
    if type(value) is dict:
        return {key: fresh(item) for key, item in value.items()}
    return copy.deepcopy(value)


def _put_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # a device that is named slows every call down


AS_IT_IS = object()
SETTINGS = [  # of the whole process: how to ask for one, how to set it, and what holds in the quiet room
    (torch.get_default_device, _put_device, torch.device("cpu")),
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    *[(functools.partial(torch.is_autocast_enabled, kind), functools.partial(torch.set_autocast_enabled, kind), False)
      for kind in ("cpu", "cuda")],
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
    (lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
     lambda both: torch.set_anomaly_enabled(*both), (False, True)),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"),
    (lambda: sys.float_info.min / 2 == 0, torch.set_flush_denormal, False),
    (torch.is_warn_always_enabled, torch.set_warn_always, True),  # or a kernel warns in its first call and in no other
    (torch.get_num_threads, torch.set_num_threads, AS_IT_IS),
    (torch._tensor_str.get_printoptions, lambda options: torch.set_printoptions(**options), AS_IT_IS),
    (sys.getrecursionlimit, sys.setrecursionlimit, AS_IT_IS),
]  # fmt: skip


@contextlib.contextmanager
def quiet_room() -> Iterator[list[warnings.WarningMessage]]:
    """Runs code with a fixed seed and no output, and leaves random numbers and settings as the learner had them.

    Gives the list in which the warnings of that code are collected, each time anew.
    """
    before = [ask() for ask, _, _ in SETTINGS]
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  (learners use the old generator too)
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()),
          warnings.catch_warnings(record=True) as caught, np.errstate(all="warn", under="ignore"), np.printoptions(),
          torch.random.fork_rng(gpus, device_type="cuda"), torch.inference_mode(False), torch.enable_grad()):
        warnings.simplefilter("always")
        _furnish([inside for _, _, inside in SETTINGS])
        random.seed(0), np.random.seed(0)  # noqa: NPY002
        torch.default_generator.manual_seed(0)  # torch.manual_seed would seed the GPUs as well
        try:
            yield caught
        finally:
            random.setstate(python), np.random.set_state(legacy)  # noqa: NPY002
            _furnish(before)


def _furnish(values: Sequence) -> None:
    for (ask, put, _), value in zip(SETTINGS, values, strict=True):
        if value is not AS_IT_IS and ask() != value:
            put(value)


def call(learner: Callable, *args, name: str | None = None, play: Callable | None = None, **kwargs) -> Outcome:
    """Calls `learner` on copies of the inputs; whatever it does comes back as an `Outcome`, with the raw value.

    `play(learner, *inputs)`, where given, uses the learner's function on the inputs and returns what shows its work.
    """
    name = name or attempt(getattr, learner, "__name__") or "your function"
    if not callable(learner):
        text = f"hand the function itself to the check, without calling it; this is {a_type(learner)}."
        return Outcome("raised", TypeError, failed(name, text))
    mine, my_kwargs = fresh(args), fresh(kwargs)
    used = learner if play is None else functools.partial(play, learner)

    def modest(*args, **kwargs):
        value = learner(*args, **kwargs)
        if size(value) > MOST:
            raise Unfit(f"it returned {a_type(value)} of more than {MOST:,} things, far more than the right answer has")
        return value

    try:
        with quiet_room() as caught:
            value = modest(*mine, **my_kwargs) if play is None else play(modest, *mine, **my_kwargs)
    except KeyboardInterrupt:  # the learner pressed stop
        raise
    except Unfit as error:
        return Outcome("unfit", str(error), failed(name, str(error)))
    except BaseException as error:
        return raised(name, learner, error)
    warned = warning(learner, caught)
    for (key, before), after in zip(named(used, args, kwargs), [*mine, *my_kwargs.values()], strict=True):
        if not unchanged(before, after):
            text = f"it changed its input `{key}` in place. The caller still needs it: work on a copy."
            return Outcome("changed", value, failed(name, text), warned)
    if value is None:
        return Outcome("none", None, failed(name, "it returned None: did you forget `return`?"), warned)
    if isinstance(value, Iterator) or inspect.iscoroutine(value):
        close = getattr(value, "close", lambda: None)
        close()
        text = f"it returned {a_type(value)}, which has computed nothing yet: collect the values, then return them."
        return Outcome("generator", None, failed(name, text), warned)
    return Outcome("value", value, None, warned)


MOST = 500_000  # numbers, words and letters of an answer: whatever is larger is not looked into


def size(value: Any) -> int:
    """How many numbers, words and letters a value holds, in lists of lists too; beyond `MOST` it stops counting."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.numel() if isinstance(value, torch.Tensor) else value.size
    found = len(value) if isinstance(value, Sized) else 1
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
    for item in inside:
        if found > MOST:
            break
        found += size(item)
    return found


def attempt(function: Callable, *arguments) -> Any:
    """What a function says about something of a learner's; None where it stops, by whatever but the stop button."""
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def file_of(learner: Callable) -> str | None:
    code = attempt(getattr, learner, "__code__")
    return code.co_filename if type(code) is types.CodeType else None


def warning(learner: Callable, caught: Sequence[warnings.WarningMessage]) -> str:
    """The first warning as a sentence, with the learner's line where it came from there; "" for none."""
    if not caught:
        return ""
    first, file = caught[0], file_of(learner)
    where = f" in line {first.lineno}" if first.filename == file else ""
    text = (safe_text(first.message).strip().splitlines() or [""])[0][:200].removesuffix(".")
    return f" (On the way your code caused a {first.category.__name__}{where}: {text}.)"


def raised(name: str, learner: Callable, error: BaseException) -> Outcome:
    """The outcome of an exception: its type, its first sentence, and the learner's line."""
    text = (safe_text(error).strip().splitlines() or [""])[0][:200]
    if isinstance(error, NotImplementedError) and not text:
        return Outcome("stub", None, Result("not attempted", f"{name}: not attempted yet."))
    file, line, step = file_of(learner), None, error.__traceback__
    while step is not None:
        line = step.tb_lineno if step.tb_frame.f_code.co_filename == file else line
        step = step.tb_next
    where = "" if line is None else f" in line {line}"
    code = "" if line is None else linecache.getline(file, line).strip()[:80]
    where += f", `{code}`" if code else ""
    message = f"it stopped with {type(error).__name__}{where}{': ' + text if text else ''}"
    return Outcome("raised", type(error), failed(name, message if message.endswith(".") else message + "."))


def named(learner: Callable, args: tuple, kwargs: dict) -> list[tuple[str, Any]]:
    """The inputs with the names that the learner's signature gives them."""
    signature = attempt(inspect.signature, learner)
    names = [p.name for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
             ] if signature else []  # fmt: skip
    names += [f"argument {i + 1}" for i in range(len(names), len(args))]
    return [*zip(names, args, strict=False), *kwargs.items()]


def unchanged(before: Any, after: Any) -> bool:
    """Whether an input still is what it was; objects of unknown kinds (a random generator) may change."""
    if isinstance(before, torch.Tensor | np.ndarray):
        a, b = numbers(before), numbers(after)
        return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
    if isinstance(before, list | tuple):
        return len(before) == len(after) and all(map(unchanged, before, after))
    if isinstance(before, dict):
        return list(before) == list(after) and all(unchanged(before[key], after[key]) for key in before)
    return before == after if isinstance(before, set | str | bytes | int | float) else True


def guarded(name: str, right: Callable | None = None) -> Callable:
    """Decorator of hand-written checks `check(learner) -> Result`: whatever escapes becomes a `Result`.

    `right`, the lesson's solution, is kept as the check's attribute.
    """
    def decorate(check: Callable) -> Callable:
        @functools.wraps(check)
        def safe(learner, *args, **kwargs) -> Result:
            try:
                if not callable(learner):
                    return call(learner, name=name).error
                with warnings.catch_warnings(), np.errstate(all="ignore"):  # a warning would print in red
                    warnings.simplefilter("ignore")
                    return with_stub(name, check(learner, *args, **kwargs), learner)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                reason = f"{type(error).__name__}: {safe_text(error)[:200]}".removesuffix(": ")
                return failed(name, f"the check could not make sense of the answer ({reason}).")
        safe.right = right
        return safe
    return decorate


def with_stub(name: str, result: Result, learner: Callable) -> Result:
    """The same result, unless the stub was left standing beside an answer: then its line is named."""
    if result.status == "failed" or not (found := leftover(learner)):
        return result
    line, above = found
    told = f"`raise NotImplementedError` still stands in line {line}"
    if result.status == "passed":
        note = f" ({told}, where it is never reached: you can delete it.)"
        return result if note in result.message else Result("passed", result.message + note)
    place = ("above what you wrote, and Python goes no further: delete that line" if above else
             "below what you wrote, and is reached before anything is returned: put `return` above it and delete it")
    return failed(name, f"{told}, {place}.", "stub-left-standing")


def leftover(learner: Callable) -> tuple[int, bool] | None:
    """The line of a stub with an answer beside it, and whether it stands above that; None if there is no such thing.

    One assignment above a stub is no answer: some exercises come with it.
    """
    source = attempt(inspect.getsourcelines, learner)
    function = attempt(lambda: ast.parse(textwrap.dedent("".join(source[0]))).body[0])
    if not hasattr(function, "body"):  # made by exec, built in, a lambda
        return None
    body, start = function.body, source[1]
    body = [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    stub = next((node for part in body for node in ast.walk(part) if isinstance(node, ast.Raise) and node.exc
                 and ast.unparse(node.exc) in ("NotImplementedError", "NotImplementedError()")), None)  # fmt: skip
    if not stub or (stub is body[-1] and len(body) < 3 and isinstance(body[0], ast.Raise | ast.Assign)):
        return None
    return start + stub.lineno - 1, body[-1].lineno > stub.lineno


# --- comparing ---------------------------------------------------------------------------------------------------

def numbers(value: Any) -> np.ndarray | None:
    """`value` as an array of numbers, or None if it is not one (text, a ragged list, a tuple of unlike arrays)."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.to_dense() if value.layout != torch.strided else value
        value = value.double() if value.is_floating_point() else value
        return value.resolve_conj().resolve_neg().numpy()
    if isinstance(value, list | tuple) and any(isinstance(item, torch.Tensor) for item in value):
        value = [numbers(item) for item in value]
    try:
        array = np.asarray(value)
        if array.size and all(isinstance(item, Fraction) for item in array.flat):
            array = array.astype(float)
    except (ValueError, TypeError):
        return None
    return array if array.dtype.kind in "biufc" else None


def difference(expected: Any, got: Any, tolerance: float) -> str | None:
    """None where `got` agrees with `expected`, else a clause that says where and how it does not."""
    if isinstance(expected, str | bytes | set | frozenset):
        same = isinstance(got, type(expected)) and expected == got  # NumPy's strings are strings
        return None if same else f"expected {show(expected)} and got {show(got)}"
    if isinstance(expected, Mapping):
        return mapping_difference(expected, got, tolerance)
    array, mine = numbers(expected), numbers(got)
    if array is not None and mine is not None and array.size == mine.size == 0:
        return None
    if array is None:
        return sequence_difference(expected, got, tolerance)
    if mine is None or (mine.dtype.kind == "c") > (array.dtype.kind == "c"):
        return f"expected {what(expected)} and got {a_type(got)}: {show(got)}"
    if array.shape != mine.shape:
        if isinstance(expected, list) and isinstance(got, list | tuple):
            return f"expected {len(expected)} items, {show(expected)}, and got {len(got)}, {show(got)}"
        return f"the shape should be {array.shape} and yours is {mine.shape}"
    if array.dtype.kind in "biu" and mine.dtype.kind in "biu":  # a large whole number is no measurement
        wrong = mine != array
    else:
        wrong = ~np.isclose(mine, array, rtol=tolerance, atol=tolerance, equal_nan=True)
    if not wrong.any():
        return None
    if isinstance(expected, list) and array.ndim == 2 and array.shape[1] <= 4:  # a list of pairs: show the whole pair
        i = int(np.argwhere(wrong)[0][0])
        return f"item {i} should be {show(tuple(array[i]))} and yours is {show(tuple(mine[i]))}"
    return entry_difference(array, mine, wrong, got)


def entry_difference(expected: np.ndarray, mine: np.ndarray, wrong: np.ndarray, got: Any) -> str:
    """The sentence about the first wrong number; a short array is shown whole."""
    nan = np.isnan(mine) & ~np.isnan(expected)
    note = ""
    if nan.any():
        note = " (NaN is what 0/0, inf - inf or the log of a negative number leave behind)"
        wrong = nan
    elif str(getattr(got, "dtype", "")).endswith(("float16", "bfloat16")):
        note = f" (yours is {str(got.dtype).removeprefix('torch.')}, which keeps only a few digits)"
    if expected.ndim == 1 and expected.size <= 8:
        digits = enough_digits(expected, mine)
        return f"expected {show(expected, digits)} and got {show(mine, digits)}{note}"
    where = tuple(int(i) for i in np.argwhere(wrong)[0])
    right, yours = expected[where], mine[where]
    digits = enough_digits(right, yours)
    place = "" if not where else f"entry {where if len(where) > 1 else where[0]} "
    if not where:
        return f"expected {show(right, digits)} and got {show(yours, digits)}{note}"
    return f"{place}should be {show(right, digits)} and yours is {show(yours, digits)}{note}"


def sequence_difference(expected: Any, got: Any, tolerance: float) -> str | None:
    """For lists of words, of unlike arrays, and other values that are not one array of numbers."""
    if not isinstance(expected, Sequence):
        return None if expected == got else f"expected {show(expected)} and got {show(got)}"
    if isinstance(got, str) or not isinstance(got, Sequence | np.ndarray | torch.Tensor):
        return f"expected {what(expected)} and got {a_type(got)}: {show(got)}"
    if len(expected) != len(got):
        return f"expected {len(expected)} items, {show(expected)}, and got {len(got)}, {show(got)}"
    for i, (right, yours) in enumerate(zip(expected, got, strict=True)):
        if text := difference(right, yours, tolerance):
            if isinstance(right, tuple) and all(isinstance(part, str | int | float) for part in right):  # a short pair
                return f"item {i} should be {show(right)} and yours is {show(yours)}"
            return f"in item {i}, {text}"
    return None


def mapping_difference(expected: Mapping, got: Any, tolerance: float) -> str | None:
    """For dictionaries: the keys first, then the first value that differs."""
    if not isinstance(got, Mapping):
        return f"expected a dict and got {a_type(got)}: {show(got)}"
    if set(expected) != set(got):
        lacks, extra = [k for k in expected if k not in got], [k for k in got if k not in expected]
        return f"the key {show((lacks or extra)[0])} {'is missing' if lacks else 'should not be there'}"
    for key, right in expected.items():
        if text := difference(right, got[key], tolerance):
            return f"under key {show(key)}, {text}"
    return None


def compare(name: str, learner: Callable, reference: Callable, cases: Sequence[Case],
            misconceptions: Sequence[Misconception] = (), tolerance: float = 1e-5) -> Result:
    """Calls `learner` and `reference` on every case; the first difference is told, and a misconception if one fits."""
    return guarded(name)(_compare)(learner, name, reference, cases, misconceptions, tolerance)


def _compare(learner, name, reference, cases, misconceptions, tolerance) -> Result:
    cases = [case if isinstance(case, Case) else Case(tuple(case)) for case in cases]
    answers = [call(learner, *case.args, name=name, **case.kwargs) for case in cases]
    if stub := next((a for a in answers if a.kind == "stub"), None):
        return stub.error
    problems = []
    for case, answer in zip(cases, answers, strict=True):
        right = run_ours(reference, case)
        problems.append(complaint(answer.error, name) if answer.error else difference(right, answer.value, tolerance))
    result = judge(name, reference, cases, problems, lambda: diagnose(answers, cases, misconceptions))
    return with_warning(result, answers)


def judge(name: str, reference: Callable, cases: Sequence[Case], problems: Sequence[str | None],
          diagnosis: Callable[[], Misconception | None]) -> Result:
    """A pass if no case has a problem, else the first one, told with its input and with the diagnosis that fits."""
    bad = [i for i, problem in enumerate(problems) if problem]
    if not bad:
        return passed(name, f"all {len(cases)} cases hold." if len(cases) > 1 else "it holds.")
    found = diagnosis()
    held = f"{len(cases) - len(bad)} of {len(cases)} held. " if len(cases) > 1 else ""
    case, problem = cases[bad[0]], problems[bad[0]].removesuffix(".")
    ending = f": it looks as if {found.message.removesuffix('.')}." if found else "" if problem[-1] in "?!" else "."
    return failed(name, f"{held}For {label(case, reference)}, {problem}{ending}", found and found.key)


def with_warning(result: Result, answers: Sequence[Outcome]) -> Result:
    """The same result, and after it the first warning that the learner's code caused."""
    warned = next(filter(None, (answer.warned for answer in answers)), "")
    return Result(result.status, result.message + warned, result.diagnosis)


def run_ours(reference: Callable, case: Case, play: Callable | None = None) -> Any:
    """The reference's answer; it sees copies too, and the same fixed seed."""
    used = reference if play is None else functools.partial(play, reference)
    with quiet_room():
        return used(*fresh(case.args), **fresh(case.kwargs))


def complaint(error: Result, name: str) -> str:
    return error.message.removeprefix(f"{name}: ")


def diagnose(answers: Sequence[Outcome], cases: Sequence[Case], known: Sequence[Misconception]) -> Misconception | None:
    """The one misconception that does exactly what the learner's function did on every case, else None."""
    fits = [m for m in known if all(alike(answer, call(m.function, *case.args, **case.kwargs))
                                    for answer, case in zip(answers, cases, strict=True))]
    return fits[0] if len({m.key for m in fits}) == 1 else None


def alike(one: Outcome, other: Outcome) -> bool:
    """Whether two calls ended alike: the same values to 1e-5, or the same type of exception."""
    if one.kind != other.kind or one.kind in ("none", "generator"):
        return False
    return one.value is other.value if one.kind == "raised" else difference(other.value, one.value, 1e-5) is None


# --- words -------------------------------------------------------------------------------------------------------

def label(case: Case, reference: Callable) -> str:
    """How the input is shown: the case's own words, or `name = value` for each argument."""
    return case.label or ", ".join(f"{key} = {show(value)}" for key, value in named(reference, case.args, case.kwargs))


def show(value: Any, digits: int = 4) -> str:
    """A value in a form that reads well: rounded, and short."""
    array = numbers(value) if not isinstance(value, str | bytes | Mapping | set) else None
    if array is not None and array.size > 24 and not isinstance(value, list):
        return f"an array of shape {array.shape}"
    if array is not None and array.ndim == 0:
        return f"{array.item() + 0.0:.{digits}g}" if array.dtype.kind == "f" else str(array.item())
    if isinstance(value, np.ndarray | torch.Tensor) and array is not None:
        value = list(array)
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        items = [show(item, digits) for item in value[:8]] + ["..."] * (len(value) > 8)
        left, right = "()" if isinstance(value, tuple) else "[]"
        return left + ", ".join(items) + ("," if isinstance(value, tuple) and len(value) == 1 else "") + right
    text = ADDRESS.sub("0x...", repr(value)).replace("\n", " ")
    return text if len(text) <= 120 else text[:117] + "..."


def enough_digits(one: Any, other: Any) -> int:
    """The fewest significant digits, from 4, at which two unequal values print differently."""
    return next((digits for digits in range(4, 10) if show(one, digits) != show(other, digits)), 10)


def what(expected: Any) -> str:
    """The kind of answer that was expected, in words."""
    array = numbers(expected)
    if array is None or isinstance(expected, list | tuple):
        return f"a {type(expected).__name__} of {len(expected)}" if isinstance(expected, Sequence) else a_type(expected)
    return "a number" if array.ndim == 0 else f"numbers of shape {array.shape}"


def a_type(value: Any) -> str:
    name = {"ndarray": "array", "Tensor": "tensor"}.get(type(value).__name__, type(value).__name__)
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def safe_text(value: Any) -> str:
    """str(value), also for objects whose own str() fails."""
    text = attempt(str, value)
    return f"a {type(value).__name__} that cannot be printed" if text is None else text
