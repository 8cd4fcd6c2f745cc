"""The X-ray's answer: from a changed text to its picture, in JupyterLab, on a GPT of 10.7 million parameters.

    python benchmarks/xray.py                 needs Chromium (--chromium PATH, /usr/bin/chromium by default)
    python benchmarks/xray.py --table         print the table of the last run

Target: under 300 ms. A notebook makes the small GPT (six blocks of 384, six heads, 80 letters), newly started, and
opens `viz.model_view` on a text; a browser without a screen then puts in a stretch of *Macbeth* and presses Enter,
again and again. "asked" is the key's press, "arrived" the kernel's answer in the browser, "painted" the frame that
shows the new picture: all by the browser's own clock (the marks in viz/static/model.js). Who types and does not press
Enter waits another 100 ms, in case there is a next key. Kernel, JupyterLab and browser share the machine's cores. The
table goes to results/xray.json.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time
from importlib.metadata import version

from measuring import machine, save

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULT = ROOT / "benchmarks/results/xray.json"
sys.path[:1] = [str(ROOT / "tests"), str(ROOT)]  # not this folder, whose tokenizers.py is not the package
LENGTHS = (16, 32, 64)
NOTEBOOK = '''
import functools

import torch

from course_lib import data, gpt, viz
from course_lib.tokenizers import CharacterTokenizer

text = data.load("shakespeare_plays")["Macbeth"]
letters = CharacterTokenizer.train(data.load("shakespeare_plays").values())
torch.manual_seed(0)
model = gpt.GPT(gpt.GPTConfig(**vars(gpt.SIZES["small"]) | {"vocab_size": len(letters), "dropout": 0.0})).eval()
viz.model_view(functools.partial(gpt.trace, model), letters, text[1000:1016])
'''
MARKS = "() => performance.getEntriesByType('mark').map(mark => [mark.name, mark.startTime])"


def measure(chromium: str, rounds: int) -> list[dict]:
    import nbformat
    from browser import lab
    from nbformat.v4 import new_code_cell, new_notebook

    from course_lib import data

    play = " ".join(data.load("shakespeare_plays")["Macbeth"].split())
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as temp:
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = new_notebook(cells=[new_code_cell(NOTEBOOK.strip())], metadata=kernel)
        nbformat.write(notebook, pathlib.Path(folder) / "xray.ipynb")
        said: list[str] = []
        with lab.jupyterlab(pathlib.Path(folder), pathlib.Path(temp)) as address, \
                lab.browser_page(chromium, said) as page:  # fmt: skip
            lab.open_notebook(page, address, "xray.ipynb")
            lab.run_all(page)
            field = page.locator(".course-model input, .course-model textarea").first
            field.wait_for()
            rows = [measure_length(page, field, play, length, rounds) for length in LENGTHS]
            assert not lab.errors(page), lab.errors(page)
        assert not said, said
    return rows


def measure_length(page, field, play: str, length: int, rounds: int) -> dict:
    found = []
    for i in range(rounds + 2):
        page.evaluate("performance.clearMarks()")
        field.evaluate("(node, text) => { node.value = text; }", play[5000 + 97 * i:][:length])  # no pause while typing
        field.press("Enter")
        page.wait_for_function("performance.getEntriesByName('course-model-painted').length > 0")
        at = dict(page.evaluate(MARKS))
        found.append([at[f"course-model-{end}"] - at["course-model-asked"] for end in ("arrived", "painted")])
        time.sleep(0.3)
    arrived, painted = zip(*found[2:])  # the first two fetch code
    row = {"letters": length, "rounds": rounds, "arrived_ms": quarters(arrived), "painted_ms": quarters(painted)}
    print(row, flush=True)
    return row


def quarters(values) -> list[float]:
    return [round(value, 1) for value in statistics.quantiles(values, n=4)]


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; {saved['versions']}")
    print("milliseconds from Enter to the answer, and to the picture (quarters)")
    for row in saved["rows"]:
        for name in ("arrived_ms", "painted_ms"):
            low, middle, high = row[name]
            print(f"    {row['letters']:3} letters, {name[:-3]:8} {middle:6.0f} ({low:.0f} to {high:.0f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    args = parser.parse_args()
    if not args.table:
        rows = measure(args.chromium, args.rounds)
        versions = {name: version(name) for name in ("torch", "jupyterlab", "anywidget")}
        save(RESULT, {"machine": machine(), "versions": versions, "rows": rows})
    print_table()


if __name__ == "__main__":
    main()
