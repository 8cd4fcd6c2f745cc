"""How much of course_lib is hand-written validation? Its share of the code lines, by module and in all.

    python tools/validation_share.py [--lines MODULE]    # --lines prints the lines that it counts

A code line has a token of Python that is neither comment nor docstring; `checks` and `viz` are left out. Of these, the
syntax tree finds as validation:

- every `assert`; every `raise` or `return` of a ValueError or TypeError, with the `if` that leads to nothing else;
- every call, as a statement, of a function or a method of somebody's that is called `require...`, `check...` or
  `refuse...`, and all of the functions of these names that give nothing back and raise nothing but these two;
- every assignment whose names are read by counted lines alone, and every loop, `with`, `else` or function that holds
  nothing but counted lines (a function that makes an error, for one).

So a condition that is worked out beforehand counts, and so does a sentence that is put together in several lines. An
annotation under `@shaped` or in `Settings` is not counted: it tells the reader, with or without the check.

A second column counts every error: also those that say what went wrong outside (a file that is damaged or not there, no
network, a package, a loss that is no number): `raise`s and `return`s of other errors, `except`s that lead to a `raise`.
"""

import argparse
import ast
import io
import re
import tokenize
from pathlib import Path

LIB = Path(__file__).resolve().parent.parent / "course_lib"
LEFT_OUT = ("checks", "viz")
VALIDATOR = re.compile(r"_*(require|check|refuse)(_|$)")
OF_ARGUMENTS = {"ValueError", "TypeError"}
NO_ERRORS = {"NotImplementedError", "StopIteration", "SystemExit"}
ERROR = re.compile(r"\w*(Error|Exception)$")
LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
BLOCKS = ("body", "orelse", "finalbody")


def code_lines(code: str) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(code).readline)
    lines = {n for token in tokens if token.type not in LAYOUT for n in range(token.start[0], token.end[0] + 1)}
    return lines - {n for node in ast.walk(ast.parse(code)) if _is_text(node) for n in _span(node)}


def validation_lines(code: str, all_errors: bool = False) -> set[int]:
    """The lines that check what a caller gave; or those that say any error."""
    tree, found = ast.parse(code), set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.Module):
            while True:  # an assignment can turn out to serve the check alone once that is found
                counted = [_counted(statement, function, found, all_errors) for statement in function.body]
                if all(lines <= found for lines in counted):
                    break
                found = found.union(*counted)
    return found & code_lines(code)


def _counted(node: ast.stmt, function: ast.AST, found: set[int], all_errors: bool) -> set[int]:
    """The lines of one statement that are validation, `found` being known as such."""
    if _complains(node, all_errors) or _serves(node, function, found):
        return set(_span(node))
    lines = set()
    for block in BLOCKS:
        some = getattr(node, block, [])
        lines |= {n for statement in some for n in _counted(statement, function, found, all_errors)}
        if isinstance(node, ast.If) and _all(some, lines):  # the two arms of an `if` count by themselves
            lines |= set(range(node.lineno if block == "body" else node.body[-1].end_lineno + 1, some[0].lineno))
    for handler in getattr(node, "handlers", []) if all_errors else []:
        lines |= {n for statement in handler.body for n in _counted(statement, function, found, all_errors)}
        if _all(handler.body, lines):
            lines |= set(_span(handler))
    if not isinstance(node, ast.If | ast.Try) and _all(getattr(node, "body", []), lines):
        lines |= set(_span(node))
    return lines


def _complains(node: ast.stmt, all_errors: bool) -> bool:
    if isinstance(node, ast.Raise) and node.exc:
        return _name(node.exc) in OF_ARGUMENTS or (all_errors and _name(node.exc) not in NO_ERRORS)
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
        name = _name(node.value)
        return name in OF_ARGUMENTS or (all_errors and bool(ERROR.match(name)))
    if isinstance(node, ast.FunctionDef):
        gives = node.returns is not None and ast.unparse(node.returns) != "None"
        raised = {_name(part.exc) for part in ast.walk(node) if isinstance(part, ast.Raise) and part.exc}
        return bool(VALIDATOR.match(node.name)) and not gives and raised <= OF_ARGUMENTS
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        owner = getattr(node.value.func, "value", None)  # of a method: a name, and not the result of another call
        return bool(VALIDATOR.match(_name(node.value))) and isinstance(owner, ast.Name | None)
    return isinstance(node, ast.Assert)


def _serves(node: ast.stmt, function: ast.AST, found: set[int]) -> bool:
    """Whether it is an assignment in a function, read by lines that are counted and by no others."""
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) or isinstance(function, ast.Module):
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [part for target in targets for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
    if not all(isinstance(name, ast.Name) for name in names):
        return False
    names = {name.id for name in names}
    reads = [part.lineno for part in ast.walk(function) if isinstance(part, ast.Name)
             and isinstance(part.ctx, ast.Load) and part.id in names and part.lineno not in _span(node)]  # fmt: skip
    return bool(reads) and found.issuperset(reads)


def _all(block: list[ast.stmt], lines: set[int]) -> bool:
    """Whether a block, but for its docstring, is nothing but these lines."""
    block = [node for node in block if not _is_text(node)]
    return bool(block) and all(lines.issuperset(_span(node)) for node in block)


def _name(node: ast.expr) -> str:
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _span(node: ast.AST) -> range:
    return range(node.lineno, node.end_lineno + 1)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def share(paths: list[Path]) -> dict[str, tuple[int, int, int]]:
    """For each module: lines of validation, lines that say any error, lines of code."""
    codes = {path.stem: path.read_text("utf-8") for path in paths}
    return {name: (len(validation_lines(code)), len(validation_lines(code, all_errors=True)), len(code_lines(code)))
            for name, code in codes.items()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", metavar="MODULE", help="print the lines of one module that count")
    options = parser.parse_args()
    if options.lines:
        code = (LIB / f"{options.lines}.py").read_text("utf-8")
        for n in sorted(validation_lines(code)):
            print(f"{n:4}  {code.splitlines()[n - 1]}")
        return
    table = share([path for path in sorted(LIB.rglob("*.py")) if path.relative_to(LIB).parts[0] not in LEFT_OUT])
    table["in all"] = tuple(map(sum, zip(*table.values())))
    print(f"{'module':20} validation   all errors    lines of code")
    for name, (*counted, code) in table.items():
        print(f"{name:20}", *(f"{lines:5} {lines / code:6.1%}" for lines in counted), f"{code:8}")


if __name__ == "__main__":
    main()
