"""Builds the three notebooks of a lesson from its one source, `notebooks/src/NN_topic.py` (Jupytext py:percent).

    python tools/build_lessons.py [NN ...] [--check] [--no-run] [--only learner|instructor|live]

- learner     notebooks/NN_topic.ipynb         executed, committed with its outputs; solutions become stubs
- instructor  build/instructor/NN_topic.ipynb  executed, solutions and speaker notes in place, every check passed
- type-along  build/live/NN_topic.ipynb        code cells emptied to their first comment, a checkpoint per block

`--check` runs nothing: it says whether the committed notebooks' cells (sources, ids, tags) are what the sources
build; file times are never looked at. `--no-run` keeps the outputs of unchanged cells (a corrected typo, a new cost).

A block of the type-along notebook is a `## ` heading. Its checkpoint holds every earlier statement that the block's
names depend on, found by walking the statements backwards. Leaves out: cells that tie names together in other ways
(files, global state); tag those `checkpoint`, and every later checkpoint holds them.
"""
import argparse
import ast
import builtins
import contextlib
import hashlib
import json
import os
import pathlib
import re
import symtable
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # the kernel of the Python that runs this, whatever else is installed

import jupytext  # noqa: E402
import nbclient  # noqa: E402
import nbformat  # noqa: E402
import run_cells  # noqa: E402
import yaml  # noqa: E402
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook  # noqa: E402

BEGIN, END, STUB = "### BEGIN SOLUTION", "### END SOLUTION", "raise NotImplementedError"
TAGS = {"exercise", "check", "hint", "instructor", "boilerplate", "hero", "extra", "checkpoint", "folded",
        "nbval-ignore-output"}
# Without the last, jupytext takes comments such as `# copy the weights` for shell commands, and uncomments them.
FORMAT = {"extension": ".py", "format_name": "percent", "comment_magics": False}
WIDGET = "application/vnd.jupyter.widget-view+json"
PEERS = {"gensim", "transformers"}  # oracles of the tests and benchmarks; a lesson that shows one says so in its header
SHOWS = ("viz", "check", "print", "display")  # calls that only show something
IMPORTS = ast.Import | ast.ImportFrom
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp,
          ast.GeneratorExp)
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python",
                      "nbconvert_exporter": "python", "pygments_lexer": "ipython3",
                      "codemirror_mode": {"name": "ipython", "version": 3}},
}


class LessonError(Exception):
    """A mistake in a lesson's source, told in one sentence that names the lesson and the cell."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source; `number` counts from 1, as a person does."""

    number: int
    kind: str
    source: str
    tags: tuple[str, ...]

    def has(self, tag: str) -> bool:
        return tag in self.tags

    @property
    def runs(self) -> bool:
        """Whether this is code that a learner's notebook runs too."""
        return self.kind == "code" and not self.has("instructor")


@dataclass(frozen=True)
class Lesson:
    """A lesson's source, read and checked. `name` is NN_topic; `course` is the header's `course:` table."""

    name: str
    course: dict
    cells: tuple[Cell, ...]

    @property
    def topic(self) -> str:
        return self.name.split("_", 1)[1]

    @property
    def strangers(self) -> set[str]:
        """The peers that this lesson may not import: all but those of its header's `peers:`."""
        return PEERS - set(self.course.get("peers", ()))

    def fail(self, cell: Cell | None, text: str):
        where = self.name
        if cell is not None:
            first = next((line for line in cell.source.splitlines() if line.strip()), "")[:60]
            where += f", cell {cell.number} ({first!r})"
        raise LessonError(f"{where}: {text}")


# --- reading -----------------------------------------------------------------------------------------------------

def sources(wanted: Sequence[str] = (), folder: pathlib.Path | None = None) -> list[pathlib.Path]:
    """The lessons' sources in order; `wanted` picks some by number or name."""
    folder = folder or NOTEBOOKS / "src"
    paths = sorted(folder.glob("[0-9][0-9]_*.py"))
    for want in wanted:
        if not any(path.stem == want or path.stem.startswith(f"{want}_") for path in paths):
            raise LessonError(f"There is no lesson {want!r}: {folder.name}/ holds {', '.join(p.stem for p in paths)}.")
    return [p for p in paths if not wanted or any(p.stem == w or p.stem.startswith(f"{w}_") for w in wanted)]


def read_lesson(path: pathlib.Path) -> Lesson:
    """Reads and checks one source; the first mistake raises `LessonError`."""
    try:
        notebook = jupytext.read(path, fmt=FORMAT)
    except nbformat.ValidationError as error:
        wrong = str(error).partition("\n")[0]
        raise LessonError(f"{path.stem}: a cell's metadata cannot be used, {wrong}: write tags=[\"...\"].") from None
    course = dict(notebook.metadata.get("course") or {})
    if notebook.cells and notebook.cells[0].cell_type == "raw":  # jupytext's form of the header beside `jupyter:`
        course = (yaml.safe_load(notebook.cells.pop(0).source.strip("- \n")) or {}).get("course") or {}
    cells = [Cell(number, cell.cell_type, cell.source.strip("\n"), tuple(cell.metadata.get("tags", ())))
             for number, cell in enumerate(notebook.cells, 1) if cell.source.strip()]
    lesson = Lesson(path.stem, course, tuple(cells))
    for key in ("title", "minutes"):
        if key not in lesson.course:
            lesson.fail(None, f"the header needs `course: {{title: ..., minutes: ...}}`, and {key} is missing.")
    for cell in lesson.cells:
        check_cell(lesson, cell)
    check_exercises(lesson)
    return lesson


def check_cell(lesson: Lesson, cell: Cell) -> None:
    if unknown := set(cell.tags) - TAGS:
        lesson.fail(cell, f"the tag {sorted(unknown)[0]!r} is none of {', '.join(sorted(TAGS))}.")
    if cell.kind != "code":
        if re.search(r"!\[\s*\]\(", cell.source) or has_bare_image(cell.source):
            lesson.fail(cell, "a picture has no alt text: say in a sentence what there is to see.")
        return
    tree = parse(lesson, cell)
    if not cell.source.startswith("#"):
        lesson.fail(cell, "a code cell starts with a comment that says in words what to type next.")
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if taken := lesson.strangers & {name.split(".")[0] for name in names}:
            lesson.fail(cell, f"it imports {taken.pop()}, which only tests and benchmarks may.")
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "plt.show":
            lesson.fail(cell, "it calls plt.show(): use viz.show(figure, alt), which carries an alt text.")


def has_bare_image(text: str) -> bool:
    """Whether some <img> has no alt text."""
    return any(not re.search(r"""\balt=("\s*[^"\s]|'\s*[^'\s])""", tag) for tag in re.findall(r"<img\b[^>]*>", text))


def parse(lesson: Lesson, cell: Cell) -> ast.Module:
    try:
        return ast.parse(cell.source)
    except SyntaxError as error:
        lesson.fail(cell, f"line {error.lineno} is not Python ({error.msg}; magics are not used in lessons).")


def check_exercises(lesson: Lesson) -> None:
    """Markers, one function, the check right after it, hints only behind it."""
    open_for_hints = False
    for i, cell in enumerate(lesson.cells):
        if cell.has("hint") and not open_for_hints:
            lesson.fail(cell, "a hint follows the check of an exercise, or another hint.")
        if cell.has("exercise"):
            check_exercise(lesson, cell, next((c for c in lesson.cells[i + 1:] if c.kind == "code"), None))
        elif BEGIN in cell.source or END in cell.source:
            lesson.fail(cell, "it has solution markers but is not tagged exercise.")
        if not cell.has("instructor"):  # notes may stand between a check and its hints
            open_for_hints = cell.has("check") or cell.has("hint")


def check_exercise(lesson: Lesson, cell: Cell, check: Cell | None) -> None:
    marks = [line.strip() for line in cell.source.splitlines() if line.strip() in (BEGIN, END)]
    if cell.kind != "code" or not marks or marks != [BEGIN, END] * (len(marks) // 2):
        lesson.fail(cell, f"an exercise is code that holds its solution between {BEGIN} and {END}.")
    functions = [node.name for node in parse(lesson, cell).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if len(functions) != 1:
        lesson.fail(cell, f"an exercise holds one function, and this one holds {len(functions)}.")
    name = functions[0]
    if check is None or not check.has("check") or f"check.{name}({name})" not in check.source:
        lesson.fail(cell, f"the code cell after an exercise is tagged check and calls check.{name}({name}).")


def exercise_name(cell: Cell) -> str:
    return next(node.name for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef | ast.ClassDef))


# --- solutions and stubs -----------------------------------------------------------------------------------------

def solved(source: str) -> str:
    """The exercise with its solution and without the markers."""
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def stubbed(source: str) -> str:
    """The exercise with `raise NotImplementedError` in place of its solution."""
    lines, inside = [], False
    for line in source.splitlines():
        if line.strip() == BEGIN:
            inside = True
            lines.append(line.replace(BEGIN, STUB))
        elif line.strip() == END:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def exercises(lesson: Lesson) -> dict[str, tuple]:
    """Name -> (solution, stub) as functions, taken out of the source with the definitions that they need."""
    found = {}
    for cell in lesson.cells:
        if cell.has("exercise"):
            name, both = exercise_name(cell), []
            for source in (solved(cell.source), stubbed(cell.source)):
                space = {"__name__": lesson.name}
                exec("\n".join([*(part.source for part in slice_for(lesson, [cell], forced=False)), source]), space)
                both.append(space[name])
            found[name] = tuple(both)
    return found


# --- the three notebooks -----------------------------------------------------------------------------------------

class Ids:
    """Cell ids from what the source says: the same text gives the same id, a repeated text is counted."""

    def __init__(self):
        self.seen: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        name = hashlib.sha256(text.encode()).hexdigest()[:10]
        self.seen[name] = self.seen.get(name, 0) + 1
        return name if self.seen[name] == 1 else f"{name}-{self.seen[name]}"


def make_notebook(lesson: Lesson, cells: list) -> nbformat.NotebookNode:
    return new_notebook(cells=cells, metadata=nbformat.from_dict(METADATA | {"course": lesson.course}))


def make_cell(kind: str, source: str, tags: Iterable[str], cell_id: str) -> nbformat.NotebookNode:
    make = new_code_cell if kind == "code" else new_markdown_cell
    tags = [tag for tag in tags if tag]
    metadata = {"tags": tags} if tags else {}
    if "folded" in tags:  # JupyterLab shows three dots instead of long drawing code, and the output
        metadata["jupyter"] = {"source_hidden": True}
    return make(source, id=cell_id, metadata=metadata)


def build(lesson: Lesson, view: str, costs: dict | None = None) -> nbformat.NotebookNode:
    """The learner's or the instructor's notebook, not executed."""
    ids, cells, pending, hints = Ids(), [], None, 0
    for i, cell in enumerate(lesson.cells):
        if cell.has("instructor") and view == "learner":
            continue
        source = with_cost(lesson, cell.source, costs)
        if cell.has("exercise"):
            pending, hints = cell, 0
            source = stubbed(source) if view == "learner" else solved(source)
        if cell.has("hint"):
            hints += 1
            source = folded(f"Hint {hints}", source)
        cells.append(make_cell(cell.kind, source, cell.tags, ids(cell.kind + cell.source)))
        following = next((c for c in lesson.cells[i + 1:] if not c.has("instructor")), None)
        if pending and (cell.has("check") or cell.has("hint")) and not (following and following.has("hint")):
            text = folded("Solution", f"```python\n{solved(pending.source)}\n```")
            if view == "learner":
                cells.append(make_cell("markdown", text, ["solution"], ids("solution" + pending.source)))
            pending = None
    return make_notebook(lesson, cells)


def with_cost(lesson: Lesson, source: str, costs: dict | None = None) -> str:
    """`{{cost}}` filled in; where it opens a paragraph it gets its heading."""
    if "{{cost}}" not in source:
        return source
    line = cost_line(lesson, read_costs() if costs is None else costs)
    return re.sub(r"^\{\{cost\}\}", lambda _: f"**Cost:** {line}", source, flags=re.M).replace("{{cost}}", line)


def cost_line(lesson: Lesson, costs: dict) -> str:
    """What the lesson costs, as measured by tools/measure_lessons.py."""
    minutes = f"about {lesson.course['minutes']} minutes of your time"
    if not (cost := costs.get(lesson.name)):
        return f"{minutes}; the cells' running time and memory are not measured yet."
    return (f"{minutes}; the cells run in {cost['seconds']:.0f} seconds ({cost['cpu_seconds']:.0f} CPU seconds) and "
            f"use at most {cost['peak_mb']:.0f} MB of memory; nothing to download once the data is fetched.")


def read_costs() -> dict:
    path = NOTEBOOKS / "costs.json"
    return json.loads(path.read_text()) if path.exists() else {}


# --- the type-along notebook and its checkpoints -----------------------------------------------------------------

@dataclass(frozen=True)
class Block:
    """What stands under one `## ` heading (the first block: what stands before any)."""

    title: str
    cells: tuple[Cell, ...]


def blocks(lesson: Lesson) -> list[Block]:
    found, cells = [], []
    for cell in lesson.cells:
        if cell.kind == "markdown" and re.match(r"## ", cell.source) and not cell.has("instructor"):
            found.append(cells)
            cells = []
        cells.append(cell)
    return [Block(group[0].source.splitlines()[0].lstrip("# "), tuple(group)) for group in [*found, cells] if group]


def bound_names(node: ast.AST) -> tuple[set[str], set[str]]:
    """(names that a statement binds, names whose object it changes in place); inner scopes are left out."""
    binds, changes = set(), set()
    for part in own_scope(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store | ast.Del):
            binds.add(part.id)
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            binds.add(part.name)
        elif isinstance(part, ast.alias):
            binds.add((part.asname or part.name).split(".")[0])
        elif isinstance(part, ast.Subscript | ast.Attribute) and isinstance(part.ctx, ast.Store | ast.Del):
            changes.add(root(part))
        elif isinstance(part, ast.Expr) and isinstance(part.value, ast.Call) and root(part.value) not in SHOWS:
            changes |= {root(part.value)} | {root(argument) for argument in part.value.args}  # x.append(y), shuffle(x)
    return binds, changes - {None}


def own_scope(node: ast.AST) -> Iterable[ast.AST]:
    """A statement and its parts, except what lies inside functions, classes, lambdas and comprehensions."""
    yield node
    if not isinstance(node, SCOPES):
        for child in ast.iter_child_nodes(node):
            yield from own_scope(child)


def root(node: ast.AST) -> str | None:
    """The name that `name.attribute[index](...)` starts from."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def flow(nodes: Iterable[ast.AST], have: set[str]) -> tuple[set[str], set[str]]:
    """(names that a run of statements reads before it binds them, names bound at its end, `have` included).

    A branch counts as taken and a loop's body as run once; what a function reads counts where it is defined.
    """
    need, have = set(), set(have)
    for node in nodes:
        inner = [getattr(node, key, []) for key in ("body", "handlers", "orelse", "finalbody")]
        if isinstance(node, SCOPES) or not any(inner):
            need |= global_reads(node) - have
            have |= bound_names(node)[0]
            continue
        items = getattr(node, "items", [])
        reads = [getattr(node, key, None) for key in ("iter", "test", "type")] + [item.context_expr for item in items]
        for part in filter(None, reads):
            need |= global_reads(part) - have
        for part in filter(None, [getattr(node, "target", None), *(item.optional_vars for item in items)]):
            have |= {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        have |= {getattr(node, "name", None)} - {None}  # except ... as error
        for body in inner:
            more, have = flow(body, have)
            need |= more
    return need, have


def global_reads(node: ast.AST) -> set[str]:
    """The module-level names that an expression, a simple statement or a definition reads, inner bodies included."""
    def walk(table: symtable.SymbolTable, top: bool) -> set[str]:
        names = {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
        return names.union(*(walk(child, False) for child in table.get_children()))
    code = ast.unparse(Generators().visit(ast.parse(ast.unparse(node))))
    names = walk(symtable.symtable(code, "lesson", "exec"), True)
    return names | ({root(node.target)} - {None} if isinstance(node, ast.AugAssign) else set())


class Generators(ast.NodeTransformer):
    """Makes every comprehension a generator expression, whose variables are its own on every Python.

    From 3.12 on a comprehension is inlined (PEP 709), and `symtable` gives its variables as the enclosing scope's.
    """

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp) -> ast.GeneratorExp:
        return ast.GeneratorExp(self.visit(node.elt), [self.visit(part) for part in node.generators])

    visit_SetComp = visit_ListComp

    def visit_DictComp(self, node: ast.DictComp) -> ast.GeneratorExp:
        return self.visit_ListComp(ast.ListComp(ast.Tuple([node.key, node.value], ast.Load()), node.generators))


@dataclass(frozen=True)
class Statement:
    """A top-level statement with its source; `last` in its cell; `forced` if the cell is tagged checkpoint."""

    source: str
    node: ast.stmt
    last: bool = False
    forced: bool = False

    @property
    def only_shows(self) -> bool:
        """A print, an assertion, the value that a cell ends with: nothing that a later cell could need."""
        if not isinstance(self.node, ast.Expr):
            return isinstance(self.node, ast.Assert)
        value = self.node.value
        return self.last or not isinstance(value, ast.Call) or root(value) in SHOWS

    @property
    def seeds(self) -> bool:
        """A call such as torch.manual_seed(0) or device.seed_everything(0)."""
        call = self.node.value if isinstance(self.node, ast.Expr) else None
        return isinstance(call, ast.Call) and "seed" in ast.unparse(call.func)


def statements(cells: Iterable[Cell]) -> list[Statement]:
    """The top-level statements of code cells, solutions filled in; the instructor's cells left out."""
    found = []
    for cell in cells:
        if cell.runs:
            source = solved(cell.source)
            lines = source.splitlines()
            body = ast.parse(source).body
            for node in body:
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
                text = "\n".join(lines[first - 1:node.end_lineno])
                if node.col_offset or lines[node.end_lineno - 1][node.end_col_offset:].lstrip().startswith(";"):
                    text = ast.unparse(node)  # several statements on one line
                found.append(Statement(text, node, node is body[-1], cell.has("checkpoint")))
    return found


def needed_names(parts: Iterable[Statement]) -> set[str]:
    """Names that a run of statements needs from before it."""
    return flow([part.node for part in parts], set(dir(builtins)))[0]


def backward_slice(earlier: Sequence[Statement], need: set[str], forced: bool = True) -> list[Statement]:
    """The earlier statements that `need` depends on, in order.

    Walking back, a plain binding of a needed name is taken and satisfies it; what it reads is needed from there on.
    A function reads its names when it is called, so those count as needed at the end: repeat until nothing is added.
    """
    at_end = set(need)
    imports = {n for part in earlier if isinstance(part.node, IMPORTS) for n in bound_names(part.node)[0]}
    while True:
        wanted, taken = set(at_end), []
        for part in reversed(earlier):
            binds, changes = bound_names(part.node)
            if not part.seeds:  # a bare call on a module changes nothing, except torch.manual_seed(0) and its like
                changes -= imports
            if (forced and part.forced) or (not part.only_shows and (binds | changes) & wanted):
                taken.append(part)
                if isinstance(part.node, ast.Assign | ast.AnnAssign | ast.FunctionDef | IMPORTS):
                    wanted -= binds
                wanted |= needed_names([part])
        late = set().union(*(needed_names([p]) for p in taken if isinstance(p.node, ast.FunctionDef | ast.ClassDef)))
        if late <= at_end:
            return taken[::-1]
        at_end |= late


def slice_for(lesson: Lesson, cells: Sequence[Cell], forced: bool = True) -> list[Statement]:
    """What `cells` need from the code before them; `forced`: and what is tagged checkpoint."""
    first = min(cell.number for cell in cells)
    earlier = statements(cell for cell in lesson.cells if cell.number < first)
    return backward_slice(earlier, needed_names(statements(cells)), forced)


def checkpoint(lesson: Lesson, block: Block) -> str | None:
    """The source of a block's checkpoint cell; None where the block holds no code."""
    if not any(cell.runs for cell in block.cells):
        return None
    taken = slice_for(lesson, block.cells)
    if not taken:
        return "# Checkpoint: this block needs nothing from the blocks before it."
    head = "# Checkpoint: all that this block needs from earlier ones. After a fresh start, run this and go on below."
    return "\n".join([head, *(part.source for part in taken)])


def build_live(lesson: Lesson) -> nbformat.NotebookNode:
    """The type-along notebook: intent comments, boilerplate, stubs, and a checkpoint at the start of each block."""
    ids, cells = Ids(), []
    for i, block in enumerate(blocks(lesson)):
        source = checkpoint(lesson, block) if i else None
        for cell in block.cells:
            if not (cell.has("instructor") or cell.has("hint")):
                text = with_cost(lesson, live_source(cell))
                cells.append(make_cell(cell.kind, text, cell.tags, ids(cell.kind + cell.source)))
            if source and cell is block.cells[0]:
                cells.append(make_cell("code", source, ["checkpoint"], ids("checkpoint" + block.title)))
    return make_notebook(lesson, cells)


def live_source(cell: Cell) -> str:
    if cell.kind != "code" or cell.has("boilerplate") or cell.has("check"):
        return cell.source
    if cell.has("exercise"):
        return stubbed(cell.source)
    lines = cell.source.splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "\n".join([*lines[:end], ""])


def run_checkpoints(lesson: Lesson) -> list[str]:
    """Runs every block as a fresh kernel would: its checkpoint, then its own code. Returns the titles that ran.

    A block's hero cells, and the cells of that block that read what they bind, are left out (they run in the learner's
    notebook); a hero that a checkpoint depends on runs as it is. No block may import a peer, not even by a side door.
    """
    last = f"import sys\nassert not {lesson.strangers} & set(sys.modules), 'a lesson imports a peer'"
    ran = []
    for block in blocks(lesson)[1:]:
        if source := checkpoint(lesson, block):
            code, unbound = [], set()
            for cell in block.cells:
                if not cell.runs:
                    continue
                parts = statements([cell])
                if cell.has("hero") or needed_names(parts) & unbound:
                    unbound |= set().union(*(bound_names(part.node)[0] for part in parts), set())
                    continue
                code.append(make_cell("code", solved(cell.source), cell.tags, f"block-{cell.number}"))
            first = make_cell("code", source, ["checkpoint"], "checkpoint")
            notebook = make_notebook(lesson, [first, *code, make_cell("code", last, (), "last")])
            what = f"the block {block.title!r} from its checkpoint"
            for cell, outputs in zip(notebook.cells, run_cells.run([c.source for c in notebook.cells], NOTEBOOKS)):
                cell.outputs = [nbformat.from_dict(output) for output in outputs]
            clean(lesson, notebook, what)
            require_checks(lesson, notebook, "Passed.")
            ran.append(block.title)
    return ran


# --- running -----------------------------------------------------------------------------------------------------

def execute(lesson: Lesson, notebook: nbformat.NotebookNode, what: str, timeout: int = 900) -> None:
    """Runs the cells in a fresh kernel of this Python, in notebooks/; an error names its cell in one sentence."""
    try:
        run_in_kernel(notebook, timeout)
    except nbclient.exceptions.CellTimeoutError:
        raise LessonError(f"{lesson.name}, {what}: a cell ran longer than {timeout} s.") from None
    notebook.metadata = nbformat.from_dict(METADATA | {"course": lesson.course})
    clean(lesson, notebook, what)


def run_in_kernel(notebook: nbformat.NotebookNode, timeout: int = 900) -> None:
    """Runs the cells up to the first that fails, whose error is then among its outputs."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    client = nbclient.NotebookClient(notebook, timeout=timeout, kernel_name="python3", store_widget_state=False,
                                     record_timing=False, coalesce_streams=True, startup_timeout=600, iopub_timeout=600,
                                     resources={"metadata": {"path": str(NOTEBOOKS)}})
    with contextlib.suppress(nbclient.exceptions.CellExecutionError):
        client.execute(env={**os.environ, "PYTHONPATH": path})


def clean(lesson: Lesson, notebook: nbformat.NotebookNode, what: str) -> None:
    """Cleans the outputs of cells that ran; an error names its cell in one sentence."""
    for cell in notebook.cells:
        for error in (output for output in cell.get("outputs", ()) if output.output_type == "error"):
            first = cell.source.splitlines()[0][:60]
            text = f"the cell {first!r} stopped with {error.ename}: {error.evalue}"
            raise LessonError(f"{lesson.name}, {what}: {text}")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if keep(lesson, cell, output)]


def keep(lesson: Lesson, cell: nbformat.NotebookNode, output: nbformat.NotebookNode) -> bool:
    """Cleans an output for the committed notebook; False where it goes. Red text and wordless pictures are refused.

    A widget's view needs its kernel, so only its static half is kept; a progress bar has none and goes as a whole.
    """
    first = cell.source.splitlines()[0][:60]
    if output.output_type == "stream" and output.name == "stderr":
        raise LessonError(f"{lesson.name}: the cell {first!r} printed in red: {output.text.strip()[:200]!r}.")
    data = output.get("data", {})
    if "image/png" in data or has_bare_image(data.get("text/html", "")):
        raise LessonError(f"{lesson.name}: the cell {first!r} shows a picture without words: use viz.show.")
    if data.pop(WIDGET, None) and "text/html" not in data:
        # A type-along notebook's checkpoint may train what a block needs; nobody compares its outputs.
        if "nbval-ignore-output" not in cell.metadata.get("tags", ()) and cell.get("id") != "checkpoint":
            raise LessonError(f"{lesson.name}: the cell {first!r} shows a widget of its own (a progress bar?), "
                              "which cannot be compared: tag it nbval-ignore-output.")
        return False
    return True


def require_checks(lesson: Lesson, notebook: nbformat.NotebookNode, words: str) -> None:
    """Every check in an executed notebook says `words`."""
    for cell in notebook.cells:
        if "check" in cell.metadata.get("tags", ()) and cell.cell_type == "code":
            said = " ".join(o.get("data", {}).get("text/plain", o.get("text", "")) for o in cell.outputs)
            if words not in said:
                line = cell.source.splitlines()[-1]
                raise LessonError(f"{lesson.name}: {line!r} should say {words!r} and says {said[:300]!r}.")


def keep_outputs(notebook: nbformat.NotebookNode, path: pathlib.Path) -> None:
    """Takes over the outputs of cells whose id and source are unchanged."""
    old = {cell.id: cell for cell in nbformat.read(path, 4).cells} if path.exists() else {}
    for cell in notebook.cells:
        before = old.get(cell.id)
        if cell.cell_type == "code" and before is not None and before.source == cell.source:
            cell.outputs, cell.execution_count = before.outputs, before.execution_count


# --- comparing and writing ---------------------------------------------------------------------------------------

def cells_of(notebook: nbformat.NotebookNode) -> list[tuple]:
    return [(c.id, c.cell_type, c.source, tuple(c.metadata.get("tags", ()))) for c in notebook.cells]


def compare(lesson: Lesson, path: pathlib.Path | None = None) -> str | None:
    """None where the committed notebook is what the source builds, else a sentence."""
    path = path or NOTEBOOKS / f"{lesson.name}.ipynb"
    again = f"run `python tools/build_lessons.py {lesson.name[:2]}`."
    if not path.exists():
        return f"{lesson.name}: notebooks/{path.name} does not exist; {again}"
    notebook = nbformat.read(path, 4)
    wanted, found = cells_of(build(lesson, "learner")), cells_of(notebook)
    for number, (want, have) in enumerate(zip(wanted, found, strict=False), 1):
        if want != have:
            cell = f"cell {number} of the notebook ({have[2][:60]!r})"
            return f"{lesson.name}: {cell} is not what its source builds; {again}"
    if len(wanted) != len(found):
        return f"{lesson.name}: the source builds {len(wanted)} cells and the notebook has {len(found)}; {again}"
    if any(cell.cell_type == "code" and cell.execution_count is None for cell in notebook.cells):
        return f"{lesson.name}: the notebook has cells that never ran; {again}"
    return None


def write(notebook: nbformat.NotebookNode, path: pathlib.Path) -> None:
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    nbformat.write(notebook, temporary)
    temporary.replace(path)
    print(f"wrote {path.relative_to(ROOT)}")


def build_lesson(lesson: Lesson, views: Sequence[str], run: bool) -> None:
    """Writes the asked-for notebooks; nothing is written of a view that fails."""
    folders = {"learner": NOTEBOOKS, "instructor": ROOT / "build/instructor", "live": ROOT / "build/live"}
    for view in views:
        path = folders[view] / f"{lesson.name}.ipynb"
        notebook = build_live(lesson) if view == "live" else build(lesson, view)
        if view != "live" and run:
            execute(lesson, notebook, f"the {view}'s notebook")
            require_checks(lesson, notebook, "not attempted yet" if view == "learner" else "Passed.")
        elif view != "live":
            keep_outputs(notebook, path)
        write(notebook, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", metavar="NN", help="lessons by number; default: all")
    parser.add_argument("--check", action="store_true", help="only say whether the committed notebooks are up to date")
    parser.add_argument("--no-run", action="store_true", help="run nothing; keep the outputs of unchanged cells")
    parser.add_argument("--only", choices=["learner", "instructor", "live"], help="build one of the three")
    args = parser.parse_args()
    try:
        lessons = [read_lesson(path) for path in sources(args.lessons)]
        if args.check:
            problems = [problem for lesson in lessons if (problem := compare(lesson))]
            print("\n".join(problems) or f"{len(lessons)} notebooks are what their sources build.")
            return int(bool(problems))
        for lesson in lessons:
            build_lesson(lesson, [args.only] if args.only else ["learner", "instructor", "live"], not args.no_run)
    except LessonError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
