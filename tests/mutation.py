"""One-step mutants of a right answer: a check is proved by refusing each that does not do the same as the answer.

`mutants(function)` makes them from its source: each constant, comparison, sign, operator, axis, slice edge, order of
arguments, truth value, call and line changed or dropped, one at a time. `differs` tells a mutant from another spelling
of the same: it looks for a difference on inputs drawn at random.
"""

import ast
import copy
import functools
import inspect
import signal
import textwrap
from collections.abc import Callable, Iterator

import numpy as np

from course_lib.checks.base import alike, call

COMPARE = {ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
           ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
           ast.In: (ast.NotIn,), ast.NotIn: (ast.In,)}  # fmt: skip
OPERATE = {ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div, ast.Add), ast.Div: (ast.Mult, ast.FloorDiv),
           ast.FloorDiv: (ast.Div, ast.Mod), ast.Mod: (ast.FloorDiv,), ast.Pow: (ast.Mult,), ast.BitAnd: (ast.BitOr,),
           ast.BitOr: (ast.BitAnd,), ast.MatMult: (ast.Mult,)}  # fmt: skip
TWINS = [("any", "all"), ("min", "max"), ("sum", "mean"), ("argmin", "argmax"), ("zeros", "ones"), ("tril", "triu"),
         ("sin", "cos"), ("floor", "ceil"), ("append", "extend"), ("log", "log2"), ("train", "eval")]  # fmt: skip
TWIN = dict(TWINS) | {b: a for a, b in TWINS}
BLOCKS = ("body", "orelse", "finalbody")


def mutants(function: Callable) -> Iterator[tuple[str, Callable]]:
    """Each mutant, and what was changed, as "line: after"."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    head = tree.body[0]
    head.decorator_list = []
    seen = {ast.unparse(tree)}
    size = len(list(ast.walk(tree)))
    for place in range(size):
        for change in changes(list(ast.walk(tree))[place]):
            mutant = copy.deepcopy(tree)
            change(list(ast.walk(mutant))[place], mutant)
            try:
                text = ast.unparse(ast.fix_missing_locations(mutant))
                code = compile(text, f"<mutant of {function.__name__}>", "exec")
            except (ValueError, SyntaxError):
                continue
            if text in seen:
                continue
            seen.add(text)
            space = dict(function.__globals__)
            exec(code, space)
            yield described(ast.unparse(tree), text), limited(space[function.__name__])


def limited(function: Callable, seconds: float = 1.0) -> Callable:
    """`function`, stopped with a TimeoutError where it seems to run for ever, and in every call after that."""
    over = False

    def stop(*_):
        nonlocal over
        over = True
        raise TimeoutError

    @functools.wraps(function)
    def run(*args, **kwargs):
        if over:
            raise TimeoutError
        before, left = signal.signal(signal.SIGALRM, stop), signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return function(*args, **kwargs)
        finally:  # pytest's own alarm goes on
            signal.signal(signal.SIGALRM, before), signal.setitimer(signal.ITIMER_REAL, *left)

    return run


def described(old: str, new: str) -> str:
    """The first line of the mutant that is new, or the line that is gone."""
    before, after = old.splitlines(), new.splitlines()
    for one, other in zip(before, after, strict=False):
        if one != other:
            return f"{one.strip()}  =>  {other.strip()}"
    return f"{before[len(after):]} dropped"


def changes(node: ast.AST) -> Iterator[Callable[[ast.AST, ast.AST], None]]:
    """The one-step changes of a node, each a function of the node's copy and of the copied tree."""
    if isinstance(node, ast.Constant):
        yield from constants(node.value)
    if isinstance(node, ast.Compare):
        for i, sign in enumerate(node.ops):
            for other in COMPARE[type(sign)]:
                yield lambda n, t, i=i, other=other: n.ops.__setitem__(i, other())
        if len(node.ops) == 1:
            yield swap_sides
    if isinstance(node, ast.BinOp | ast.AugAssign):
        for other in OPERATE.get(type(node.op), ()):
            yield lambda n, t, other=other: setattr(n, "op", other())
    if isinstance(node, ast.BinOp):
        yield lambda n, t: replace(t, n, n.left)
        yield lambda n, t: replace(t, n, n.right)
        if not isinstance(node.op, ast.Add | ast.Mult | ast.BitAnd | ast.BitOr):
            yield lambda n, t: (lambda a, b: (setattr(n, "left", b), setattr(n, "right", a)))(n.left, n.right)
    if isinstance(node, ast.UnaryOp):
        yield lambda n, t: replace(t, n, n.operand)
    if isinstance(node, ast.BoolOp):
        yield lambda n, t: setattr(n, "op", ast.Or() if isinstance(n.op, ast.And) else ast.And())
    if isinstance(node, ast.If | ast.IfExp):
        for truth in (True, False):
            yield lambda n, t, truth=truth: setattr(n, "test", ast.Constant(truth))
    if isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            yield lambda n, t, i=i: n.ifs.pop(i)
    if isinstance(node, ast.Slice):
        for edge in ("lower", "upper", "step"):
            if getattr(node, edge) is not None:
                yield lambda n, t, edge=edge: setattr(n, edge, None)
                yield lambda n, t, edge=edge: setattr(n, edge, ast.BinOp(getattr(n, edge), ast.Add(), ast.Constant(1)))
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield lambda n, t: replace(t, n, n.value)
    if isinstance(node, ast.Attribute) and node.attr in TWIN:
        yield lambda n, t: setattr(n, "attr", TWIN[n.attr])
    if isinstance(node, ast.Call):
        yield from calls(node)
    if isinstance(node, ast.Tuple | ast.List) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        for i in range(len(node.elts) - 1):
            yield lambda n, t, i=i: swap(n.elts, i)
        for i in range(len(node.elts)):
            yield lambda n, t, i=i: n.elts.pop(i)
    for block in BLOCKS:
        lines = getattr(node, block, None)  # the body of a lambda is one expression, not a list of lines
        for i, line in enumerate(lines if isinstance(lines, list) else ()):
            if isinstance(line, ast.stmt) and not isinstance(line, ast.FunctionDef | ast.Pass):
                yield lambda n, t, block=block, i=i: getattr(n, block).__setitem__(i, ast.Pass())
                if hasattr(line, "body"):  # the line that opens a block goes, the block stays
                    yield lambda n, t, block=block, i=i: unfold(getattr(n, block), i)


def constants(value) -> Iterator[Callable]:
    if isinstance(value, bool):
        others = [not value]
    elif isinstance(value, int):
        others = [value + 1, value - 1]
    elif isinstance(value, float):
        others = [value * 1.5, 0.0, 1.0]
    else:
        others = []
    for other in others:
        if other != value or type(other) is not type(value):
            yield lambda n, t, other=other: setattr(n, "value", other)


def calls(node: ast.Call) -> Iterator[Callable]:
    for i in range(len(node.args) - 1):
        yield lambda n, t, i=i: swap(n.args, i)
    for i in range(len(node.args)):
        if len(node.args) > 1:
            yield lambda n, t, i=i: n.args.pop(i)
    for i in range(len(node.keywords)):
        yield lambda n, t, i=i: n.keywords.pop(i)
    if isinstance(node.func, ast.Attribute):  # x.f(...): x
        yield lambda n, t: replace(t, n, n.func.value)
    if node.args:  # f(x, ...): x
        yield lambda n, t: replace(t, n, n.args[0])


def swap(items: list, i: int) -> None:
    items[i], items[i + 1] = items[i + 1], items[i]


def swap_sides(node: ast.Compare, tree: ast.AST) -> None:
    node.left, node.comparators[0] = node.comparators[0], node.left


def unfold(lines: list, i: int) -> None:
    lines[i : i + 1] = lines[i].body


def replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, field, new)
            elif isinstance(value, list):
                setattr(parent, field, [new if item is old else item for item in value])


def differs(mutant: Callable, right: Callable, draw: Callable, play: Callable | None = None, draws: int = 200) -> bool:
    """Whether a mutant does something else than the right answer on one of the inputs drawn."""
    rng = np.random.default_rng(0)
    for _ in range(draws):
        inputs = draw(rng)
        one, other = (call(function, *inputs, play=play) for function in (mutant, right))
        if not alike(one, other):
            return True
    return False


@functools.cache
def different(right: Callable, draw: Callable, play: Callable | None = None) -> list[tuple[str, Callable]]:
    """The mutants that are wrong on some input."""
    return [(what, mutant) for what, mutant in mutants(right) if differs(mutant, right, draw, play)]
