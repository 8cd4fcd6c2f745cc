"""What counts as hand-written validation, and what does not, on code written out; and on the library itself."""

import textwrap

import validation_share
from validation_share import code_lines, validation_lines

COUNTED = '''
def share(x, low, high):
    """A docstring: no line of code."""
    fits = low < high  #!
    if not fits:  #!
        raise ValueError(f"{low} is not below "  #!
                         f"{high}.")  #!
    # a comment
    require(x > 0, "x", x, "above 0")  #!
    check_mask(  #!
        x)  #!
    for value in (low, high):  #!
        assert value  #!
    try:
        y = 1 / x
    except ZeroDivisionError:  #?
        raise ValueError("x is 0.") from None  #?
    if not path.is_file():  #?
        raise FileNotFoundError(path)  #?
    if y < low:
        y = low
    elif y > high:  #!
        raise ValueError(y)  #!
    else:
        high = y
    return y + high

def _check_all(rows):  #!
    """Its name says it."""
    for row in rows:  #!
        if len(row) == 2:  #!
            continue  #!
        raise ValueError(row)  #!

def _no_number(x) -> ValueError:  #!
    return ValueError(x)  #!

def _pip_failed(output) -> Exception:  #?
    if "full" in output:  #?
        return OSError("The disk is full.")  #?
    return FetchError(output)  #?

def check_of(source: str) -> str | None:
    return source.split()[0]

def _check_loss(loss):  #?
    if not loss.weight:  #!
        raise ValueError("Nothing counts.")  #!
    if not math.isfinite(loss):  #?
        raise RuntimeError(loss)  #?

class Model:
    def __post_init__(self):  #!
        require(self.size > 0, "size", self.size, "above 0")  #!

    def step(self):
        raise NotImplementedError

    @shaped
    def forward(self, x: Float[Tensor, "B T"]):
        checked = self.check(x)
        process(x).check_returncode()
        try:
            return checked
        except RuntimeError:
            self.close()
            raise
'''


def test_it_counts_what_its_docstring_says():
    lines = list(enumerate(COUNTED.splitlines(), 1))
    marked = {mark: {n for n, line in lines if line.endswith(mark)} for mark in ("#!", "#?")}
    assert validation_lines(COUNTED) == marked["#!"]
    assert validation_lines(COUNTED, all_errors=True) == marked["#!"] | marked["#?"]


def test_code_lines_are_those_with_code():
    code = '"""Text,\nin two lines."""\n\n# a comment\nx = (1,\n     2)  # fmt: skip\ny = """a\nb"""\n'
    assert code_lines(code) == {5, 6, 7, 8}


def test_a_name_that_is_read_elsewhere_is_no_part_of_a_check():
    code = textwrap.dedent("""
        def f(x):
            size = len(x)
            if not size:
                raise ValueError(x)
            return size
    """)
    assert validation_lines(code) == {4, 5}


def test_it_prints_a_row_a_module_and_the_sum(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["validation_share.py"])
    validation_share.main()
    rows = {name: words for name, *words in map(str.split, capsys.readouterr().out.splitlines())}
    assert {"settings", "shapes", "training", "in"} <= rows.keys()
    assert not {"base", "heatmap"} & rows.keys()  # of checks and viz
    monkeypatch.setattr("sys.argv", ["validation_share.py", "--lines", "settings"])
    validation_share.main()
    assert "raise ValueError" in capsys.readouterr().out
