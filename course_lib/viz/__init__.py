"""Pictures with words: `show` puts a Matplotlib figure into the notebook, `explore` puts controls above one.

Both carry an alt text and a plain `<img>`, so that a fresh clone, an untrusted notebook, GitHub and a screen reader
get something true without a kernel. Leaves out: whatever needs the network, and models: viz takes arrays and tokens.
"""
import base64
import html
import io
import json
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import anywidget
import matplotlib.pyplot as plt
import traitlets
from IPython.display import display

from course_lib.viz.words import one_line, sendable, short_alt

STATIC = pathlib.Path(__file__).parent / "static"
UNSAFE = "\\u003c"  # how a string in a script writes <


def show(figure: plt.Figure, alt: str) -> None:
    """Displays `figure` with the words `alt` for whoever cannot see it, and closes it."""
    source, alt = png(figure), check_alt(alt)
    display({"text/html": image(source, alt), "text/plain": alt}, raw=True)


def png(figure: plt.Figure) -> str:
    """The figure as a `data:` address; no date and no version inside, so that one figure gives one text."""
    if not hasattr(figure, "savefig"):
        kind = type(figure).__name__
        raise ValueError(f"This needs a Matplotlib figure and got a {kind}: hand over `figure`, not its axes.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def check_alt(alt: str) -> str:
    """The alt text on one line; a picture without words is refused."""
    if not isinstance(alt, str) or not alt.strip():
        raise ValueError(f"A picture needs its words: alt is {alt!r}; say in a sentence what there is to see.")
    return short_alt(alt)


def image(source: str, alt: str) -> str:
    return f'<img src="{source}" alt="{html.escape(alt)}" style="max-width: 100%">'


# --- widgets -----------------------------------------------------------------------------------------------------

class Pictured(anywidget.AnyWidget):
    """A widget that says `_words` as text/plain and shows `_still` as text/html where no kernel runs."""

    def __repr__(self) -> str:
        return self._words

    def _repr_mimebundle_(self, **kwargs) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data |= {"text/plain": self._words, "text/html": self._still}
        return bundle


def script(name: str) -> str:
    """The browser's half of a viewer: what all of them share, then its own."""
    return "".join((STATIC / f"{part}.js").read_text("utf-8") for part in ("viewer", name))


def alone(name: str, picture: str, state: dict) -> str:
    """A still picture, and the script that puts the viewer with this state in its place where scripts run.

    Token text cannot end the script: no `<` of the data is left as it is. Bytes travel as base64.
    """
    code = script(name).replace("export default { render };", "stand(render);")
    for constant, value in (("CSS", (STATIC / f"{name}.css").read_text("utf-8")), ("STATE", state)):
        text = json.dumps(value, default=lambda part: {"base64": base64.b64encode(part).decode()})
        code = f"const {constant} = {text.replace('<', UNSAFE)};\n{code}"
    return f"<div>{picture}<script>/* viz.{name}_view */ (() => {{\n{code}}})();</script></div>"


# --- controls ----------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Slider:
    """Numbers from `low` to `high` in steps of `step`; whole numbers if all three are."""

    low: float
    high: float
    step: float = 1
    value: float | None = None
    label: str | None = None

    def __post_init__(self):
        if not self.low < self.high or self.step <= 0:
            raise ValueError(f"A slider runs up from low to high: low={self.low}, high={self.high}, step={self.step}.")
        if self.value is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"A slider from {self.low} to {self.high} cannot start at {self.value}.")

    def first(self) -> float:
        return self.low if self.value is None else self.value

    def read(self, sent: Any) -> float:
        """The nearest step to what the browser sent, inside the range."""
        steps = round((min(max(float(sent), self.low), self.high) - self.low) / self.step)
        whole = all(isinstance(n, int) for n in (self.low, self.high, self.step))
        return self.low + steps * self.step if whole else min(round(self.low + steps * self.step, 10), self.high)

    def spec(self) -> dict:
        return {"kind": "slider", "low": self.low, "high": self.high, "step": self.step, "value": self.first()}


@dataclass(frozen=True)
class Choice:
    """One of several `options`."""

    options: Sequence
    value: Any = None
    label: str | None = None

    def __post_init__(self):
        if not isinstance(self.options, Sequence) and not hasattr(self.options, "tolist"):
            raise ValueError(f"The options are a {type(self.options).__name__}: give a list of them, in their order.")
        if not len(self.options) or (self.value is not None and self.value not in self.options):
            raise ValueError(f"A choice needs options, and starts at one of them: {self.value!r} of {self.options!r}.")

    def first(self) -> Any:
        return self.options[0] if self.value is None else self.value

    def read(self, sent: Any) -> Any:
        return self.options[int(sent)]

    def spec(self) -> dict:
        options = [sendable(option) for option in self.options]
        return {"kind": "choice", "options": options, "value": list(self.options).index(self.first())}


@dataclass(frozen=True)
class Text:
    """A word or two that the learner types."""

    value: str
    label: str | None = None

    def first(self) -> str:
        return self.value

    def read(self, sent: Any) -> str:
        return str(sent).strip()[:200]

    def spec(self) -> dict:
        return {"kind": "text", "value": sendable(self.value)}


# --- explore -----------------------------------------------------------------------------------------------------

def explore(render: Callable, **controls: Slider | Choice | Text) -> "Explorer":
    """A picture with controls: `render(**values) -> (figure, alt)` is called anew whenever one moves.

    Make it the last expression of a cell. Without a kernel the first picture stays, as a plain image.
    """
    for name, control in controls.items():
        if not isinstance(control, Slider | Choice | Text):
            kind = type(control).__name__
            raise ValueError(f"The control {name!r} is a {kind}: use viz.Slider, viz.Choice or viz.Text.")
    if not controls:
        raise ValueError("explore needs at least one control; for a picture without controls use viz.show.")
    return Explorer(render, controls)


def draw(render: Callable, values: dict) -> tuple[str, str, str]:
    """Calls `render` and returns (image source, alt, problem); figures that a failed render left open are closed."""
    before = set(plt.get_fignums())
    try:
        figure, alt = render(**values)
        return png(figure), check_alt(alt), ""
    except Exception as error:
        # str(KeyError("a sentence")) wraps the sentence in quotes
        text = error.args[0] if type(error) is KeyError and error.args else error
        return "", "", one_line(text) or type(error).__name__
    finally:
        for number in set(plt.get_fignums()) - before:
            plt.close(number)


class Explorer(Pictured):
    """What `explore` returns: the browser sends `wanted`, the kernel answers with a `picture` of the same number."""

    _esm = STATIC / "explore.js"
    _css = STATIC / "explore.css"
    controls = traitlets.List().tag(sync=True)
    wanted = traitlets.Dict().tag(sync=True)
    picture = traitlets.Dict().tag(sync=True)

    def __init__(self, render: Callable, controls: dict):
        values = {name: control.first() for name, control in controls.items()}
        source, alt, problem = draw(render, values)
        self._render, self._named = render, controls
        start = ", ".join(f"{name}={value!r}" for name, value in values.items())
        self._words = f"explore({start}): {alt or 'could not draw: ' + problem}"
        self._still = image(source, alt) if source else f"<p>{html.escape(problem)}</p>"
        specs = [{"name": name, "label": one_line(control.label or name.replace("_", " ")), **control.spec()}
                 for name, control in controls.items()]  # fmt: skip
        super().__init__(controls=specs, picture={"source": source, "alt": alt, "problem": problem, "number": 0})
        self.observe(lambda change: self.answer(change.new), "wanted")

    def answer(self, wanted: dict) -> None:
        """Draws the picture for `wanted = {"number": n, "values": {name: what the browser sent}}`."""
        try:
            values = {name: control.read(wanted["values"][name]) for name, control in self._named.items()}
        except (KeyError, ValueError, TypeError, IndexError, OverflowError):
            source, alt, problem = "", "", "The controls sent a value that is out of range."
        else:
            source, alt, problem = draw(self._render, values)
        if problem:  # the last good picture stays, with its own words
            source, alt = self.picture["source"], self.picture["alt"]
        self.picture = {"source": source, "alt": alt, "problem": problem, "number": wanted.get("number", 0)}


from course_lib.viz.attention import AttentionView, attention_view  # noqa: E402, F401  (it needs the names above)
from course_lib.viz.bertviz import BertvizView, bertviz_view  # noqa: E402, F401
from course_lib.viz.model import ModelView, model_view  # noqa: E402, F401
