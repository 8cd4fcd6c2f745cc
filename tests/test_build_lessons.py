"""The builder: one small lesson in, three notebooks out; every mistake of an author ends in one sentence."""
import ast
import subprocess
import symtable
import sys

import build_lessons as builder
import nbformat
import pytest

SOURCE = '''# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: null
#   title: A small lesson
#   minutes: 5
# ---

# %% [markdown]
# # A small lesson
#
# {{cost}}

# %% [markdown]
# ## First block

# %%
# Name three numbers.
import math

numbers = [1, 2, 3]
unused = [4]
print(numbers)

# %% tags=["instructor"]
# Only whoever teaches sees this.
secret = 1

# %% tags=["exercise"]
# Write double.
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    two = 2
    return two * x
    ### END SOLUTION

# %% tags=["check"]
# Ask the check.
class check:
    double = staticmethod(lambda f: print("Passed." if works(f) else "double: not attempted yet."))

def works(f):
    try:
        return f(2) == 4
    except NotImplementedError:
        return False

check.double(double)

# %% [markdown] tags=["instructor"]
# Wait a minute here.

# %% [markdown] tags=["hint"]
# What is half of four?

# %% [markdown] tags=["hint"]
# Multiply by two.

# %% [markdown]
# ## Second block

# %%
# Take the root of the sum.
def root_of(values):
    return math.sqrt(sum(values) + offset)

offset = 0
numbers.append(3)
total = root_of(numbers)
print(total)

# %% tags=["boilerplate"]
# Show it once more.
print(round(total))

# %% [markdown]
# ## Only words

# %% [markdown]
# Nothing to run.

# %% [markdown]
# ## Third block

# %%
# Once more with another offset.
print(root_of(numbers), [x for x in numbers])

# %% [markdown]
# The end. The end.
'''


@pytest.fixture
def lesson(tmp_path):
    return read(tmp_path, SOURCE)


def read(folder, text):
    path = folder / "98_small.py"
    path.write_text(text)
    return builder.read_lesson(path)


def sources_of(notebook):
    return [cell.source for cell in notebook.cells]


def test_the_learners_notebook(lesson):
    cells = sources_of(builder.build(lesson, "learner", costs={}))
    whole = "\n".join(cells)
    assert "Only whoever teaches" not in whole
    assert "Wait a minute" not in whole
    assert '    """Twice x."""\n    raise NotImplementedError' in whole
    assert "BEGIN SOLUTION" not in whole
    first, second, solution = (i for i, cell in enumerate(cells) if cell.startswith("<details>"))
    assert (first + 1, second + 1) == (second, solution)
    assert cells[first] == "<details><summary>Hint 1</summary>\n\nWhat is half of four?\n\n</details>"
    assert "```python\n# Write double.\ndef double(x):" in cells[solution]
    assert "    return two * x\n```" in cells[solution]
    assert "**Cost:** about 5 minutes of your time; the cells' running time and memory are not measured" in cells[0]


def test_the_instructors_notebook(lesson):
    notebook = builder.build(lesson, "instructor", costs={})
    whole = "\n".join(sources_of(notebook))
    assert "    return two * x" in whole
    assert "NotImplementedError:" in whole  # the check's own
    assert "raise NotImplementedError" not in whole
    assert "Wait a minute" in whole
    assert "BEGIN SOLUTION" not in whole


def test_the_measured_cost(lesson):
    costs = {"98_small": {"seconds": 41.3, "cpu_seconds": 50.2, "peak_mb": 612}}
    text = builder.build(lesson, "learner", costs).cells[0].source
    assert "run in 41 seconds (50 CPU seconds) and use at most 612 MB" in text
    inline = builder.with_cost(lesson, "**It costs** {{cost}}", costs)
    assert inline.startswith("**It costs** about 5 minutes of your time; the cells run in 41 seconds")


def test_ids_come_from_the_source_alone(lesson, tmp_path):
    one, two = builder.build(lesson, "learner", {}), builder.build(lesson, "learner", {"98_small": {
        "seconds": 1, "cpu_seconds": 1, "peak_mb": 1}})
    assert [cell.id for cell in one.cells] == [cell.id for cell in two.cells]
    assert len({cell.id for cell in one.cells}) == len(one.cells)
    changed = builder.build(read(tmp_path, SOURCE.replace("numbers = [1, 2, 3]", "numbers = [1, 2]")), "learner", {})
    assert sum(a.id != b.id for a, b in zip(one.cells, changed.cells, strict=True)) == 1
    assert nbformat.writes(one) == nbformat.writes(builder.build(lesson, "learner", {}))


def test_repeated_cells_get_different_ids(tmp_path):
    notebook = builder.build(read(tmp_path, SOURCE + "\n# %% [markdown]\n# The end. The end.\n"), "learner", {})
    assert [cell.id for cell in notebook.cells][-1] == notebook.cells[-2].id + "-2"


def test_the_type_along_notebook(lesson):
    cells = sources_of(builder.build_live(lesson))
    whole = "\n".join(cells)
    assert "# Name three numbers.\n" in cells
    assert "numbers = [1, 2, 3]" not in cells[3]
    assert "# Show it once more.\nprint(round(total))" in cells, "boilerplate stays whole"
    assert '    """Twice x."""\n    raise NotImplementedError' in whole
    assert "two * x" not in whole, "neither hints nor solutions"
    assert "half of four" not in whole
    for block, following in (("## First block", "# Checkpoint: this block needs nothing"),
                             ("## Second block", "# Checkpoint: all"), ("## Third block", "# Checkpoint: all")):
        assert cells[cells.index(block) + 1].startswith(following)
    assert cells[cells.index("## Only words") + 1] == "Nothing to run."


def test_a_checkpoint_holds_what_the_block_needs_and_no_more(lesson):
    _, first, second, _, third = builder.blocks(lesson)
    assert builder.checkpoint(lesson, second).splitlines()[1:] == ["import math", "numbers = [1, 2, 3]"]
    text = builder.checkpoint(lesson, third)
    for line in ("import math", "numbers = [1, 2, 3]", "offset = 0", "numbers.append(3)", "def root_of(values):"):
        assert line in text.splitlines()
    for line in ("unused", "secret", "total", "double", "print"):
        assert line not in text
    assert first.title == "First block"


@pytest.mark.parametrize(("earlier", "need", "kept"), [
    ("x = 1\nx = 2", "x", "x = 2"),
    ("x = 1\nx = x + 1", "x", "x = 1|x = x + 1"),
    ("x = 1\nx += 1", "x", "x = 1|x += 1"),
    ("x = []\nfor i in range(3):\n    x.append(i)\ny = 1", "x", "x = []|for i in range(3):"),
    ("x = [1]\nfor i in x:\n    print(i, x.copy())\ny = 1", "x", "x = [1]"),
    ("x = {}\nx['a'] = 1\ny = 0", "x", "x = {}|x['a'] = 1"),
    ("import a.b as c\nd = c.e()", "d", "import a.b as c|d = c.e()"),
    ("i = 1\nx = [i for i in range(3)]", "x", "x = [i for i in range(3)]"),
    ("def f():\n    return g()\ndef g():\n    return z\nz = 1\nz2 = 2", "f", "def f():|def g():|z = 1"),
    ("from contextlib import suppress\nwith suppress(KeyError) as w:\n    x = w\nassert x", "x",
     "from contextlib import suppress|with suppress(KeyError) as w:"),
    ("try:\n    x = 1\nexcept ValueError as e:\n    print(e)\ny = 1", "x", "try:"),
    ("a, (b, c) = 1, (2, 3)\nq = lambda k: k + c", "q", "a, (b, c) = 1, (2, 3)|q = lambda k: k + c"),
    ("s = 1\nt = f'{s}'", "t", "s = 1|t = f'{s}'"),
    ("r = 1; x = 2", "x", "x = 2"),
    ("x = 1\nprint(x)\nx.show()", "x", "x = 1"),
    ("import m\nbig = 1\nm.warm_up(big)\nx = m.f()", "x", "import m|x = m.f()"),
    ("import m\nm.manual_seed(0)\nx = m.f()", "x", "import m|m.manual_seed(0)|x = m.f()"),
    ("s = [1]\nq = 2\nfor q in s:\n    print(q)\nfor x in [q for q in s]:\n    y = x", "y",
     "s = [1]|for x in [q for q in s]:"),
    ("k = i = v = 1\ns = [1]\nx = [{k: v for k, v in [i]} for i in {i for i in s}]", "x",
     "s = [1]|x = [{k: v for k, v in [i]} for i in {i for i in s}]"),
    ("i = 1\ns = [1]\ndef f():\n    return [[i] for i in s]", "f", "s = [1]|def f():"),
    ("i = 1\ns = [1]\ndef f():\n    return i, [i for i in s]", "f", "i = 1|s = [1]|def f():"),
    ("i = 1\ns = [1]\nclass A:\n    b = {i: i for i in s}", "A", "s = [1]|class A:"),
    ("d = wrap = int\n@wrap\ndef f(a=d):\n    return a", "f", "d = wrap = int|@wrap"),
])
def test_the_slice_over_names(earlier, need, kept):
    parts = builder.statements([builder.Cell(1, "code", earlier, ())])
    assert "|".join(p.source.splitlines()[0] for p in builder.backward_slice(parts, {need})) == kept


def test_symtable_is_never_asked_about_a_comprehension(monkeypatch):
    """From Python 3.12 on it gives a comprehension's own variables as names of the enclosing scope (PEP 709)."""
    asked, ask = [], symtable.symtable
    monkeypatch.setattr(symtable, "symtable", lambda code, *more: asked.append(ast.parse(code)) or ask(code, *more))
    code = "x = [i for i in y], {j for j in [i for i in z]}, {k: [v for v in w] for k in (l for l in u)}"
    assert builder.global_reads(ast.parse(code).body[0]) == set("yzwu")
    inlined = ast.ListComp | ast.SetComp | ast.DictComp
    assert asked
    assert not [node for tree in asked for node in ast.walk(tree) if isinstance(node, inlined)]


@pytest.mark.parametrize("comment", ["copy the weights", "cat sat on the mat", "less is more", "ls -l", "%timeit x"])
def test_a_comment_stays_a_comment(comment, tmp_path):
    text = SOURCE.replace("# Name three numbers.", f"# Name three numbers.\n# {comment}")
    assert f"# Name three numbers.\n# {comment}\nimport math" in read(tmp_path, text).cells[2].source


def test_a_forced_cell_is_in_every_later_checkpoint(tmp_path):
    text = SOURCE.replace("# %%\n# Name three numbers.", '# %% tags=["checkpoint"]\n# Name three numbers.')
    lesson = read(tmp_path, text)
    assert "unused = [4]" in builder.checkpoint(lesson, builder.blocks(lesson)[4])


def test_solutions_and_stubs_come_out_of_the_source(lesson):
    solution, stub = builder.exercises(lesson)["double"]
    assert solution(4) == 8
    with pytest.raises(NotImplementedError):
        stub(4)


def test_a_tag_without_its_list_is_a_sentence(tmp_path):
    said = r"^98_small: a cell's metadata .*, 'boilerplate' is not of type 'array': write tags=\[\"...\"\]\.$"
    with pytest.raises(builder.LessonError, match=said):
        read(tmp_path, SOURCE.replace('tags=["boilerplate"]', 'tags="boilerplate"'))


MISTAKES = {
    "no header": ("#   title: A small lesson\n", "", "title is missing"),
    "unknown tag": ('tags=["boilerplate"]', 'tags=["boilerplat"]', "the tag 'boilerplat' is none of"),
    "no markers": ("    ### BEGIN SOLUTION\n", "", "holds its solution between"),
    "markers the wrong way": ("    ### END SOLUTION", "    ### BEGIN SOLUTION", "holds its solution between"),
    "two functions": ("# Write double.\n", "# Write double.\ndef triple(x):\n    return 3 * x\n\n", "this one holds 2"),
    "no check": ('tags=["check"]', 'tags=["extra"]', "is tagged check and calls check.double(double)"),
    "another check": ("check.double(double)", "check.triple(double)", "is tagged check and calls check.double(double)"),
    "markers without the tag": ('tags=["exercise"]', 'tags=["extra"]', "it has solution markers but is not tagged"),
    "a hint too early": ('# %% [markdown]\n# ## First block', '# %% [markdown] tags=["hint"]\n# ## First block',
                         "a hint follows the check of an exercise"),
    "no comment": ("# Show it once more.\n", "", "a code cell starts with a comment"),
    "not Python": ("print(round(total))", "print(round(total)", "line 2 is not Python"),
    "a magic": ("print(round(total))", "%timeit total", "line 2 is not Python"),
    "a picture without words": ("# Nothing to run.", "# ![](a.png)", "a picture has no alt text"),
    "an img without words": ("# Nothing to run.", '# <img src="a.png" alt="">', "a picture has no alt text"),
    "a peer": ("import math", "import math\nfrom gensim.models import Word2Vec", "it imports gensim"),
    "plt.show": ("print(total)", "plt.show()", "use viz.show(figure, alt)"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_an_authors_mistake_ends_in_one_sentence(name, tmp_path):
    before, after, words = MISTAKES[name]
    assert before in SOURCE.replace("# %timeit", "%timeit")
    with pytest.raises(builder.LessonError) as caught:
        read(tmp_path, SOURCE.replace(before, after, 1))
    text = str(caught.value)
    assert text.startswith("98_small")
    assert words in text
    assert "\n" not in text
    assert name == "no header" or ", cell " in text


def test_a_lesson_may_show_the_peer_that_its_header_names(tmp_path):
    text = SOURCE.replace("import math", "import math\nimport transformers", 1)
    with pytest.raises(builder.LessonError, match="it imports transformers"):
        read(tmp_path, text)
    lesson = read(tmp_path, text.replace("#   title:", "#   peers: [transformers]\n#   title:", 1))
    assert lesson.strangers == builder.PEERS - {"transformers"}


def test_unknown_lessons_are_named(tmp_path):
    (tmp_path / "98_small.py").write_text(SOURCE)
    assert [p.stem for p in builder.sources(["98"], tmp_path)] == ["98_small"]
    with pytest.raises(builder.LessonError, match="no lesson '97'"):
        builder.sources(["97"], tmp_path)


def test_the_command_line_says_it_in_one_sentence():
    command = [sys.executable, str(builder.ROOT / "tools/build_lessons.py"), "97"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no lesson '97'")
    assert len(done.stderr.splitlines()) == 1


def test_check_compares_sources_and_never_times(lesson, tmp_path):
    path = tmp_path / "98_small.ipynb"
    assert "does not exist" in builder.compare(lesson, path)
    notebook = builder.build(lesson, "learner")
    nbformat.write(notebook, path)
    assert "never ran" in builder.compare(lesson, path)
    for cell in notebook.cells:
        cell.update({"execution_count": 1} if cell.cell_type == "code" else {})
    nbformat.write(notebook, path)
    assert builder.compare(lesson, path) is None
    notebook.cells[2].source += " "
    nbformat.write(notebook, path)
    assert "cell 3 of the notebook" in builder.compare(lesson, path)
    notebook.cells[2].source = notebook.cells[2].source[:-1]
    nbformat.write(nbformat.from_dict(notebook | {"cells": notebook.cells[:-1]}), path)
    assert "builds 16 cells and the notebook has 15" in builder.compare(lesson, path)


def test_outputs_of_unchanged_cells_can_be_kept(lesson, tmp_path):
    old = builder.build(lesson, "learner")
    for number, cell in enumerate(c for c in old.cells if c.cell_type == "code"):
        cell.outputs, cell.execution_count = [nbformat.v4.new_output("stream", text=str(number))], number
    nbformat.write(old, tmp_path / "98_small.ipynb")
    new = builder.build(read(tmp_path, SOURCE.replace("print(round(total))", "print(int(total))")), "learner")
    builder.keep_outputs(new, tmp_path / "98_small.ipynb")
    texts = {c.source.splitlines()[0]: [o.text for o in c.outputs] for c in new.cells if c.cell_type == "code"}
    assert texts["# Name three numbers."] == ["0"]
    assert texts["# Show it once more."] == []


def output(data, tags=()):
    cell = builder.make_cell("code", "# A cell", tags, "a")
    return cell, nbformat.v4.new_output("display_data", data=data)


def test_outputs_are_cleaned_or_refused(lesson):
    cell, picture = output({"text/html": '<img src="data:," alt="A line.">', builder.WIDGET: {"model_id": "1"}})
    assert builder.keep(lesson, cell, picture)
    assert list(picture.data) == ["text/html"], "only the static half of our widget is committed"
    cell, bar = output({"text/plain": "0%", builder.WIDGET: {"model_id": "1"}}, ["nbval-ignore-output"])
    assert not builder.keep(lesson, cell, bar)
    cell, bar = output({"text/plain": "0%", builder.WIDGET: {"model_id": "1"}})
    with pytest.raises(builder.LessonError, match="tag it nbval-ignore-output"):
        builder.keep(lesson, cell, bar)
    cell["id"] = "checkpoint"  # of a type-along notebook, which nobody compares
    _, bar = output({"text/plain": "0%", builder.WIDGET: {"model_id": "1"}})
    assert not builder.keep(lesson, cell, bar)
    for data in ({"image/png": "x"}, {"text/html": '<img src="data:,">'}):
        with pytest.raises(builder.LessonError, match="a picture without words"):
            builder.keep(lesson, *output(data))
    with pytest.raises(builder.LessonError, match="printed in red: 'careful'"):
        builder.keep(lesson, cell, nbformat.v4.new_output("stream", name="stderr", text="careful"))


def test_learner_and_instructor_run(lesson):
    for view, words in (("learner", "not attempted yet"), ("instructor", "Passed.")):
        notebook = builder.build(lesson, view, {})
        builder.execute(lesson, notebook, view)
        builder.require_checks(lesson, notebook, words)
        other = "Passed." if view == "learner" else "not attempted yet"
        with pytest.raises(builder.LessonError, match="should say"):
            builder.require_checks(lesson, notebook, other)
        assert notebook.metadata.language_info == builder.METADATA["language_info"], "no version that differs"
        assert all("execution" not in cell.metadata for cell in notebook.cells), "no times"


def test_every_block_runs_from_a_fresh_kernel(lesson):
    assert builder.run_checkpoints(lesson) == ["First block", "Second block", "Third block"]


def test_a_block_that_cannot_run_alone_is_named(tmp_path):
    lesson = read(tmp_path, SOURCE.replace("import math\n", "import math\nglobals()['hidden'] = 1\n")
                  .replace("# Once more with another offset.\n", "# Once more with another offset.\nhidden\n"))
    with pytest.raises(builder.LessonError, match="the block 'Third block' from its checkpoint: .* NameError"):
        builder.run_checkpoints(lesson)


@pytest.mark.parametrize(("before", "after", "says"), [
    ("unused = [4]", "1 / 0", "the cell '# Name three numbers.' stopped with ZeroDivisionError: division by zero"),
    ("unused = [4]", "__import__('tabnanny')", "stopped with AssertionError: a lesson imports a peer"),
    ("unused = [4]", "print('!', file=__import__('sys').stderr)", "printed in red: '!'"),
    ("unused = [4]", "import matplotlib.pyplot as plt\n_ = plt.plot([1])", "shows a picture without words"),
    ("print(numbers)", "type('Odd', (), {'_repr_html_': lambda self: 1 / 0})()", "stopped with ZeroDivisionError"),
    ("unused = [4]", "import os\nos._exit(3)", "stopped with DeadProcess: its process ended with code 3"),
    ("    two = 2\n", "    two = 3\n", "should say 'Passed.' and says 'double: not attempted yet."),
])
def test_a_block_at_fault_is_named_with_its_cell(before, after, says, tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "PEERS", {"tabnanny"})  # a module that nothing else imports
    with pytest.raises(builder.LessonError) as caught:
        builder.run_checkpoints(read(tmp_path, SOURCE.replace(before, after, 1)))
    assert says in str(caught.value)
    assert str(caught.value).startswith("98_small")
