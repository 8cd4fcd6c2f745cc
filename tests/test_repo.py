"""The repository keeps its own promises: who may import whom, one list of packages, files that exist where named."""

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import check_python
import open_lab
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "course_lib"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SOURCES = sorted((ROOT / "notebooks/src").glob("[0-9][0-9]_*.py"))

# A module may import the floors below its own, and its left neighbours.
FLOORS = [
    ["settings", "shapes", "files", "intervals", "device", "progress", "cleaning", "evaluation_sets", "manifest",
     "fetching", "data", "vocab", "dates", "scenes", "beliefs"],
    ["vector_files", "associations", "evaluation", "keyed_vectors", "spacy_vectors", "alignment", "counts", "bpe",
     "wordpiece", "tokenizer_files", "tokenizer_base", "subwords", "tokenizers", "linear", "gguf_file", "attention",
     "losses", "neuron", "ngram", "padding", "batches", "distributed", "training_files", "training"],
    ["word2vec", "glove", "character_ngrams", "fasttext_classifier", "fasttext", "convolution", "sequences",
     "positions", "layers", "transformer"],
    ["bert_data", "bert", "gpt", "llama", "clip"],
    ["finetuning", "decoding", "checkpoint_names", "checkpoint_folders", "checkpoints", "head_start", "pretrain",
     "interpretability", "lora", "privacy", "scaling", "last_table"],
]
PEERS = {"gensim", "transformers", "sklearn", "fasttext", "tokenizers", "tiktoken"}


def may_import(module: str) -> set[str]:
    """What of ours `module` may import: viz no model (bertviz's scripts are data), checks what the notebooks can."""
    everything = {name for floor in FLOORS for name in floor}
    if module == "viz":
        return {"viz", "data"}
    if module in ("classroom", "closed_room"):  # a command, and its other half; they ask the checks by their names
        return {"closed_room"} - {module}
    if module == "checks":
        return everything | {"checks", "viz"}
    for number, floor in enumerate(FLOORS):
        if module in floor:
            return {name for below in FLOORS[:number] for name in below} | set(floor[: floor.index(module)])
    raise AssertionError(f"course_lib/{module} stands on no floor: give it a place in tests/test_repo.py and DESIGN.md")


def imports(code: str, package: tuple[str, ...] = ("course_lib",)) -> set[str]:
    """Every dotted name that `code`, a file of `package`, imports: `from a import b` counts as a.b."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            stem = ".".join(part for part in (base, node.module) if part)
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return found


def ours(code: str, package: tuple[str, ...] = ("course_lib",)) -> set[str]:
    """The modules of course_lib that `code` imports, by their first name."""
    names = (name.split(".") for name in imports(code, package))
    return {parts[1] for parts in names if parts[0] == "course_lib" and len(parts) > 1} - {"__version__"}


def package_of(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).parts[:-1]


def module_of(path: Path) -> str:
    return path.relative_to(LIB).with_suffix("").parts[0]


@functools.cache
def tracked() -> list[Path]:
    """The files that git knows, or skip where this is not a clone."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git clone, so the list of committed files is not known")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def text(path: Path) -> str | None:
    """A committed file's text, without the bytes of pictures; None for a file that is not text."""
    try:
        words = path.read_text("utf-8")
    except UnicodeDecodeError:
        return None
    return re.sub(r"[A-Za-z0-9+/=]{200,}", "", words)


LIBRARY = sorted(LIB.rglob("*.py"))
CODE = [*LIBRARY, *SOURCES, *sorted(p for d in ("tools", "tests", "benchmarks") for p in (ROOT / d).rglob("*.py"))]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---- who imports whom ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [p for p in LIBRARY if p != LIB / "__init__.py"], ids=named)
def test_imports_point_down(path):
    module = module_of(path)
    wrong = ours(path.read_text("utf-8"), package_of(path)) - may_import(module) - {module}
    assert not wrong, f"{named(path)} imports {', '.join(sorted(wrong))}, which its floor may not"


@pytest.mark.parametrize("path", LIBRARY, ids=named)
def test_the_library_needs_no_peer_and_no_cuda(path):
    code = path.read_text("utf-8")
    assert not {name.split(".")[0] for name in imports(code, package_of(path))} & PEERS
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert not [c.lineno for c in calls if isinstance(c.func, ast.Attribute) and c.func.attr == "cuda"]


def test_only_notebooks_and_tests_import_the_checks():
    benches = [p for p in CODE if p.is_relative_to(ROOT / "benchmarks")]
    for path in [p for p in LIBRARY if module_of(p) != "checks"] + benches:
        assert "checks" not in ours(path.read_text("utf-8"), package_of(path)), named(path)


@pytest.mark.parametrize("path", CODE, ids=named)
def test_no_star_imports(path):
    assert not [name for name in imports(path.read_text("utf-8")) if name.endswith("*")]


def test_the_import_reader_sees_every_form():
    code = ["import course_lib.gpt", "from course_lib import bert", "from . import glove", "from .data import path"]
    assert ours("\n".join([*code, "import torch"])) == {"gpt", "bert", "glove", "data"}
    assert ours("from ..device import pick\nfrom .base import Case", ("course_lib", "checks")) == {"device", "checks"}
    assert may_import("settings") == set()
    assert "word2vec" in may_import("glove")
    assert "glove" not in may_import("word2vec")


def test_the_package_itself_is_a_docstring_and_a_version():
    tree = ast.parse((LIB / "__init__.py").read_text("utf-8"))
    assert ast.get_docstring(tree)
    assert [ast.unparse(node.targets[0]) for node in tree.body[1:]] == ["__version__"]


# ---- a lesson, its module, its check, its tests ----------------------------------------------------------------------


def lesson_header(path: Path) -> dict:
    lines = path.read_text("utf-8").split("# ---\n")[1].splitlines()
    return yaml.safe_load("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))


def test_there_are_lessons():
    assert SOURCES


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_each_lesson_names_a_module_that_exists_and_has_its_checks(path):
    course = lesson_header(path)["course"]
    module, topic = course["module"], path.stem[3:]
    assert module is None or (LIB / f"{module}.py").is_file() or (LIB / module).is_dir(), f"no course_lib/{module}"
    assert (LIB / "checks" / f"{topic}.py").is_file()
    assert (ROOT / "tests/wrong_answers" / f"{topic}.py").is_file()
    assert (ROOT / "notebooks" / f"{path.stem}.ipynb").is_file(), "run `make lessons` and commit the notebook"
    assert course["title"]
    assert 45 <= course["minutes"] <= 90


def test_each_notebook_has_a_source():
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert notebooks <= {path.stem for path in SOURCES}


@pytest.mark.parametrize("module", sorted({module_of(p) for p in LIBRARY} - {"__init__"}))
def test_each_module_has_its_tests(module):
    assert (ROOT / "tests" / f"test_{module}.py").is_file()


# ---- one list of packages --------------------------------------------------------------------------------------------


def listed() -> dict[str, Requirement]:
    project = PYPROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return {canonicalize_name(r.name): r for r in map(Requirement, (line for lines in lists for line in lines))}


def foreign(lines: list[str]) -> list[str]:
    """The lines of a pip list that name a package of their own, or an extra that pyproject does not have."""
    extras = PYPROJECT["project"]["optional-dependencies"]
    wrong = []
    for line in lines:
        editable = re.fullmatch(r"-e \.(?:\[([\w,]+)\])?", line)
        known = editable and set((editable[1] or "").split(",")) <= {*extras, ""}
        if not known and not line.startswith(("#", "-c ", "--extra-index-url ")):
            wrong.append(line)
    return wrong


def test_conda_names_no_package_a_second_time():
    recipe = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    plain = [line for line in recipe["dependencies"] if isinstance(line, str)]
    assert sorted(re.split("[<>=]", line)[0] for line in plain) == ["pip", "python"]
    (pip,) = [line["pip"] for line in recipe["dependencies"] if isinstance(line, dict)]
    assert pip == ["-e .[lab,hub]"]
    (python,) = [line for line in plain if line.startswith("python")]
    assert python.removeprefix("python") == PYPROJECT["project"]["requires-python"]


def test_binder_names_no_package_a_second_time():
    lines = (ROOT / "binder/requirements.txt").read_text("utf-8").splitlines()
    assert not foreign(lines)
    (constraints,) = [line.split()[1] for line in lines if line.startswith("-c ")]
    assert (ROOT / "binder" / constraints).resolve() == ROOT / "constraints.txt"  # pip reads -c beside the file
    version = (ROOT / "binder/runtime.txt").read_text("utf-8").strip().removeprefix("python-")
    assert version in SpecifierSet(PYPROJECT["project"]["requires-python"])


def test_foreign_packages_are_seen():
    assert foreign(["# note", "-c ../c.txt", "-e .[lab,test]", "-e ."]) == []
    assert foreign(["numpy", "-e .[nope]", "-e ../other"]) == ["numpy", "-e .[nope]", "-e ../other"]


def test_constraints_pin_what_we_list_to_versions_in_range():
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}
    assert set(listed()) <= set(versions), "every direct dependency has an exact version"
    for name, version in versions.items():
        assert re.fullmatch(r"\d+(\.\d+)*", version), f"{name}=={version}: a plain version, no local tag"
        assert name not in listed() or version in listed()[name].specifier, name


# ---- the files say what is true --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "GLOSSARY.md"])
def test_links_lead_to_files(name):
    page = (ROOT / name).read_text("utf-8")
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page) if "://" not in link]
    missing = [link for link in links if link and not (ROOT / link).exists()]
    assert not missing, f"{name} links to {missing}"


def file_map() -> list[str]:
    """The first word of each line of the README's file map."""
    page = (ROOT / "README.md").read_text("utf-8")
    block = re.search(r"## What is where\n.*?```text\n(.*?)```", page, re.DOTALL)
    return [line.split()[0] for line in block[1].splitlines() if line.strip() and not line.startswith(" ")]


def test_the_file_map_names_files_that_exist():
    ignored = (ROOT / ".gitignore").read_text("utf-8").split()
    missing = [name for name in file_map() if name not in ignored and not list(ROOT.glob(name.rstrip("/")))]
    assert file_map()
    assert not missing


def test_the_file_map_leaves_no_folder_out():
    tops = {path.relative_to(ROOT).parts[0] for path in tracked()}
    known = {name.split("/")[0] for name in file_map()}
    assert not tops - known


def test_the_lesson_table_holds_every_lesson():
    page = (ROOT / "README.md").read_text("utf-8")
    for path in SOURCES:
        assert f"(notebooks/{path.stem}.ipynb)" in page, path.stem


def test_glossary_rows_are_whole_and_bilingual():
    rows = [line for line in (ROOT / "GLOSSARY.md").read_text("utf-8").splitlines() if line.startswith("|")]
    terms = [row for row in rows if not re.match(r"\|[-|\s]+$|\| (term|symbol) ", row)]
    assert len(terms) > 40
    for row in terms:
        cells = re.split(r"(?<!\\)\|", row)[1:-1]
        assert len(cells) == 4, row
        assert re.search(r"[\u4e00-\u9fff]", cells[1]), row


def test_the_workflow_runs_every_test():
    flow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    runs = {job: [step.get("run", "") for step in jobs["steps"]] for job, jobs in flow["jobs"].items()}
    assert set(runs) == {"linux", "lessons", "builder", "macos", "windows"}
    assert ".ci/run unit" in runs["linux"]
    assert any(step.startswith("make nbval LESSONS=") for step in runs["lessons"])
    assert flow["jobs"]["lessons"]["strategy"]["matrix"]["lesson"] == [path.stem[:2] for path in SOURCES]
    assert any(step.startswith("make test") for step in runs["macos"])
    assert not any("make" in step for step in runs["windows"])


def test_citation_is_complete_and_keeps_no_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "title", "message", "authors", "license"} <= set(citation)
    assert all(author.get("name") or author.get("family-names") for author in citation["authors"])
    assert "version" not in citation


def test_the_version_is_in_one_place():
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "course_lib.__version__"}
    stated = [p for p in CODE if re.search(r"^__version__\s*=", p.read_text("utf-8"), re.MULTILINE)]
    assert stated == [LIB / "__init__.py"]


MACHINE = re.compile(r"/(?:root|home|Users)/\w|[A-Z]:\\+Users\\|file://+/|/site-packages/")
INDEX = re.compile(r"https?://(?!127\.0\.0\.1)[^\s\"'`)]*(?:/simple\b|/whl\b)[^\s\"'`)]*|(?:--find-links|--index-url)\s+\S+")
PYTORCH = "https://download.pytorch.org/whl/cpu"  # public; Linux needs it to get PyTorch without CUDA
INDEX_MAY = {"README.md", "binder/requirements.txt", ".github/workflows/ci.yml"}


def test_no_path_of_a_machine_and_no_private_index_is_committed():
    here = [str(place) for place in (ROOT, Path(sys.prefix)) if len(place.parts) > 2]
    for path in tracked():
        words = text(path)
        if words is None or path == Path(__file__):
            continue
        found = MACHINE.findall(words) + [place for place in here if place in words]
        hosts = [host for host in INDEX.findall(words) if not (named(path) in INDEX_MAY and host == PYTORCH)]
        assert not found + hosts, f"{named(path)} names {found + hosts}"


def test_machine_paths_and_indexes_are_seen():
    for words in ("/home/ann/x.py", r"C:\Users\ann", "file:///srv/wheels", "/usr/lib/site-packages/torch"):
        assert MACHINE.search(words)
    for words in ("https://pip.example.org/simple", "pip --index-url http://x", f"see {PYTORCH}"):
        assert INDEX.search(words)
    assert not MACHINE.search("work/00_start_here.ipynb, notebooks/, ~/courses")


def test_settings_files_parse():
    for path in (ROOT / ".jupyter").rglob("*.json"):
        json.loads(path.read_text("utf-8"))
    assert list((ROOT / ".jupyter").rglob("*.json"))


def lab_schema(plugin: str) -> dict:
    """The installed JupyterLab's list of the settings of one plug-in."""
    package, name = plugin.split(":")
    share = Path(sys.prefix, "share/jupyter")
    places = [share / "lab/schemas", *share.glob("labextensions/*/schemas"), *share.glob("labextensions/*/*/schemas")]
    (found,) = [place / package / f"{name}.json" for place in places if (place / package / f"{name}.json").is_file()]
    return json.loads(found.read_text("utf-8"))["properties"]


def test_our_jupyterlab_settings_are_found_and_still_exist(monkeypatch):
    from jupyter_server.services.config.manager import ConfigManager  # how JupyterLab itself looks them up

    monkeypatch.setenv("JUPYTER_CONFIG_PATH", open_lab.environment()["JUPYTER_CONFIG_PATH"])
    found = ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")
    assert found["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    assert found["@jupyter-widgets/jupyterlab-manager:plugin"]["saveState"] is True
    for plugin in json.loads((ROOT / ".jupyter/labconfig/default_setting_overrides.json").read_text("utf-8")):
        assert set(found[plugin]) <= set(lab_schema(plugin)), plugin


# ---- the commands ----------------------------------------------------------------------------------------------------

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
posix = pytest.mark.skipif(os.name != "posix", reason="files have no executable bit here")


@needs_make
def test_every_promised_command_exists():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("lab", "test", "quick", "lessons", "measure", "bench", "instructor", "clean"):
        assert f"make {target} " in said


@needs_make
def test_clean_keeps_what_the_learner_wrote_and_downloaded(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    mine = [tmp_path / "work/02_word2vec.ipynb", tmp_path / "data/cache/text.txt"]
    gone = [tmp_path / ".venv/lab.done", tmp_path / "build/live/x.ipynb", tmp_path / "tools/__pycache__/x.pyc"]
    for path in mine + gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, check=True)
    assert all(path.exists() for path in mine)
    assert not any(path.exists() for path in gone)


@needs_make
def test_a_set_up_environment_needs_no_pip(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    for step in ("lab", "test"):  # in the order in which make finishes them
        (tmp_path / f".venv/{step}.done").write_text("")
    plan = subprocess.run(["make", "-n", "test"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "pip" not in plan
    assert "pytest" in plan


@posix
@pytest.mark.parametrize("name", [".ci/run", "binder/postBuild", "binder/start"])
def test_scripts_can_be_run(name):
    assert os.access(ROOT / name, os.X_OK)
    assert (ROOT / name).read_text("utf-8").startswith("#!/bin/")
    subprocess.run(["sh" if name == ".ci/run" else "bash", "-n", ROOT / name], check=True)


@posix
def test_binder_hands_jupyterlab_our_settings():
    script = [ROOT / "binder/start", sys.executable, "-c", "import os; print(os.environ['JUPYTER_CONFIG_PATH'])"]
    env = {"PATH": os.environ["PATH"], "REPO_DIR": str(ROOT), "JUPYTER_CONFIG_PATH": "before"}
    said = subprocess.run(script, capture_output=True, text=True, check=True, env=env).stdout
    assert said.strip() == f"{ROOT / '.jupyter'}:before"


def write_lesson(folder: Path, name: str, source: str = "é = 1") -> None:
    folder.mkdir(exist_ok=True)
    cell = {"cell_type": "code", "source": source, "outputs": ["a spoiler"], "execution_count": 3}
    (folder / name).write_text(json.dumps({"cells": [cell]}), encoding="utf-8")


def sources(path: Path) -> list[str]:
    return [cell["source"] for cell in json.loads(path.read_text("utf-8"))["cells"]]


def test_a_lesson_is_copied_once_and_never_again(tmp_path):
    source, target = tmp_path / "notebooks", tmp_path / "work"
    for name in ("00_a.ipynb", "02_b.ipynb", "costs.json", "notes.ipynb"):
        write_lesson(source, name)
    target.mkdir()
    (target / "02_b.ipynb").write_text("mine")
    assert [path.name for path in open_lab.copy_lessons(source, target)] == ["00_a.ipynb"]
    assert (target / "02_b.ipynb").read_text() == "mine"
    copied = json.loads((target / "00_a.ipynb").read_text("utf-8"))["cells"][0]
    assert copied == {"cell_type": "code", "source": "é = 1", "outputs": [], "execution_count": None}
    assert sorted(path.name for path in target.iterdir()) == ["00_a.ipynb", "02_b.ipynb"]
    assert open_lab.copy_lessons(source, target) == []


def test_a_new_version_of_a_lesson_comes_where_nothing_was_written(tmp_path, capsys):
    source, target = tmp_path / "notebooks", tmp_path / "work"
    for name in ("00_a.ipynb", "01_b.ipynb", "02_c.ipynb", "03_d.ipynb"):
        write_lesson(source, name)
    open_lab.copy_lessons(source, target)
    for name, line in (("00_a.ipynb", "é = 1"), ("01_b.ipynb", "é = 2  # mine"), ("03_d.ipynb", "é = 4  # mine")):
        written = json.loads((target / name).read_text("utf-8"))  # as JupyterLab saves: lines, outputs, more metadata
        written["cells"][0] |= {"source": [line], "outputs": ["ran"], "execution_count": 1}
        written["metadata"]["kernelspec"] = {"name": "python3"}
        (target / name).write_text(json.dumps(written), encoding="utf-8")
    for name in ("00_a.ipynb", "01_b.ipynb", "02_c.ipynb"):
        write_lesson(source, name, "é = 3")
    assert [path.name for path in open_lab.copy_lessons(source, target)] == ["00_a.ipynb", "02_c.ipynb"]
    assert sources(target / "00_a.ipynb") == sources(target / "02_c.ipynb") == ["é = 3"]
    assert sources(target / "01_b.ipynb") == [["é = 2  # mine"]]
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("work/01_b.ipynb is as you left it. There is a newer version of this lesson: look at it in")


def test_a_damaged_lesson_keeps_none_of_the_others_back(tmp_path, capsys):
    source, target = tmp_path / "notebooks", tmp_path / "work"
    write_lesson(source, "02_c.ipynb")
    (source / "00_a.ipynb").write_text("<<<<<<< HEAD\n{}\n=======\n")
    (source / "01_b.ipynb").write_text('{"cells": [3]}')
    assert [path.name for path in open_lab.copy_lessons(source, target)] == ["02_c.ipynb"]
    said = capsys.readouterr().out
    for name in ("00_a.ipynb", "01_b.ipynb"):
        assert f"notebooks/{name} is damaged, as by a merge" in said
        assert f"`git checkout HEAD notebooks/{name}` brings it back" in said


def test_work_that_cannot_be_written_is_a_sentence(tmp_path, monkeypatch, capsys):
    source, target = tmp_path / "notebooks", tmp_path / "work"
    write_lesson(source, "00_a.ipynb")
    target.write_text("a file")
    with pytest.raises(SystemExit, match="work, which cannot be made a folder .File exists.: rename what stands in"):
        open_lab.copy_lessons(source, target)
    target.unlink()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert open_lab.copy_lessons(source, target) == []
    assert "work/00_a.ipynb was not copied (No space left on device): make room for it" in capsys.readouterr().out
    assert not list(target.iterdir())


@posix
def test_two_starts_at_once_copy_the_same_lessons(tmp_path):
    for number in range(9):
        write_lesson(tmp_path / "notebooks", f"{number:02d}_a.ipynb", "x" * 100_000)
    code = "import pathlib, sys; sys.path.insert(0, sys.argv[1]); import open_lab\n"
    code += "open_lab.copy_lessons(pathlib.Path('notebooks'), pathlib.Path('work'))"
    starts = [subprocess.Popen([sys.executable, "-c", code, ROOT / "tools"], cwd=tmp_path) for _ in range(4)]
    assert [start.wait() for start in starts] == [0] * 4
    assert len(list((tmp_path / "work").iterdir())) == 9


def test_a_folder_that_was_moved_finds_its_own_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "before")
    assert open_lab.environment()["PYTHONPATH"] == f"{ROOT}{os.pathsep}before"
    settings, old = tmp_path / "pyvenv.cfg", tmp_path / "an old place" / ".venv"
    assert open_lab.moved_from(tmp_path) is None
    settings.write_text(f"version = 3.11.7\ncommand = /usr/bin/python3 -m venv --clear {old}\n")
    assert open_lab.moved_from(tmp_path) == str(old.parent)
    settings.write_text(f"command = /usr/bin/python3 -m venv {tmp_path}\n")
    assert open_lab.moved_from(tmp_path) is None


@posix
@needs_make
def test_lab_opens_without_a_network_whatever_was_touched(tmp_path):
    """A Python that only says what it was asked, and cannot install or fetch."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python, done = tmp_path / "python", tmp_path / ".venv/lab.done"
    python.write_text('#!/bin/sh\necho "asked: $*"\ncase "$*" in *"pip install"*|*"data fetch"*) exit 1;; esac\n')
    python.chmod(0o755)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(python)
    done.touch()
    os.utime(done, (1, 1))
    (tmp_path / "constraints.txt").touch()
    command = ["make", "lab", f"PYTHON={python}"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    for words in ("pip could not finish", "A lesson that needs what is missing", "asked: tools/open_lab.py"):
        assert words in said
    done.unlink()
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode, "nothing is installed yet"


@posix
@needs_make
def test_two_set_ups_at_once_do_not_meet(tmp_path):
    """A Python that takes its time over pip: the second make says so and ends, the first goes on."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    waits = "touch begun; while ! test -e go; do sleep .1; done"
    python.write_text(f'#!/bin/sh\ncase "$*" in *"pip install"*) {waits};; esac\n')
    python.chmod(0o755)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(python)
    command = {"args": ["make", ".venv/lab.done", f"PYTHON={python}"], "cwd": tmp_path, "text": True}
    with subprocess.Popen(**command, stdout=subprocess.PIPE) as first:
        while not (tmp_path / "begun").exists():
            assert first.poll() is None
            time.sleep(0.1)
        second = subprocess.run(**command, capture_output=True)
        (tmp_path / "go").touch()
        assert first.wait() == 0
    assert second.returncode
    assert "Another make is setting .venv up: wait for its end" in second.stdout
    assert (tmp_path / ".venv/lab.done").exists()
    assert not (tmp_path / ".setting-up").exists()


@posix
@needs_make
def test_an_environment_whose_python_is_gone_is_made_anew(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/lab.done").touch()
    link = tmp_path / ".venv/bin/python"
    for target, anew in ((sys.executable, False), (tmp_path / "gone", True)):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        plan = subprocess.run(["make", "-n", "lab"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        assert ("-m venv --clear .venv" in plan) == anew


def test_settings_of_the_learner_stay_behind_ours(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "before")
    assert open_lab.environment()["JUPYTER_CONFIG_PATH"] == f"{ROOT / '.jupyter'}{os.pathsep}before"
    monkeypatch.delenv("JUPYTER_CONFIG_PATH")
    assert open_lab.environment()["JUPYTER_CONFIG_PATH"] == str(ROOT / ".jupyter")


def test_an_old_python_is_told_so_in_one_sentence(monkeypatch):
    assert check_python.complaint() is None
    assert ">=" + ".".join(map(str, check_python.OLDEST)) == PYPROJECT["project"]["requires-python"]
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    assert "is 3.9: install a newer one" in check_python.complaint()


def test_a_python_without_venv_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)  # what Debian's python3 without python3-venv does
    assert "no ensurepip" in check_python.complaint()
    assert "python3-venv" in check_python.complaint()
