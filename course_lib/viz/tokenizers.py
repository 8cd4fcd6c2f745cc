"""Pictures of tokens: merges step by step, a text's boundaries, tokens glued together, lines of sizes and lengths.

Each function but `boundaries` returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it
shows. `boundaries` is text on the page, so that the browser's own fonts show every script, and a screen reader reads
it. All take strings and numbers, never a tokenizer. No picture needs its colours: bars between tokens, numbers, hatches
and markers say the same.
"""

import html
import math
import unicodedata
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.viz.attention import shown
from course_lib.viz.embeddings import COLOURS, LINES, MARKERS, _canvas, _legend
from course_lib.viz.words import drawable, legible

TINTS = ("#CFE8F7", "#FFF1C9", "#E8E1F5")  # blue, yellow and violet so light that black is read on them
Span = tuple[int, int]
Pair = tuple[str, str]

# ---- merges, step by step --------------------------------------------------------------------------------------------


@legible
def stepper(words: Mapping[Sequence[str], int], pairs: Mapping[Pair, int],
            merges: Sequence[Pair]) -> tuple[Figure, str]:
    """The words of a text after some merges, a box for each token, beside the counts of their pairs.

    words: a word's tokens -> how often it comes. pairs: (left, right) -> count, the next to be joined first; pairs that
    come as often as the first are hatched. merges: those done so far; what the last one made has a thick frame.
    """
    if not words:
        raise ValueError("there are no words to show: give their tokens and how often they come.")
    new = "".join(merges[-1]) if merges else None
    shown_pairs = list(pairs.items())[:8]
    height = 1.7 + 0.42 * max(len(words), len(shown_pairs))
    figure, axes = _canvas("", height)
    axes.remove()
    left, right = figure.subplots(1, 2)
    _draw_words(left, words, new)
    _draw_pairs(right, shown_pairs)
    done = f"after {len(merges)} joins" if len(merges) != 1 else "after 1 join"
    last = f": {merges[-1][0]} + {merges[-1][1]} → {new}" if merges else ""
    figure.suptitle(f"{done}{last}", fontsize=15, parse_math=False)
    return figure, _say_step(words, shown_pairs, f"{done}{last}")


def _draw_words(axes: Axes, words: Mapping[Sequence[str], int], new: str | None) -> None:
    widest = max(sum(_width(token) for token in tokens) for tokens in words)
    for row, (tokens, count) in enumerate(words.items()):
        axes.text(0, row, f"{count} ×", fontsize=13, va="center", ha="right")
        x = 0.5
        for place, token in enumerate(tokens):
            axes.add_patch(Rectangle((x, row - 0.36), _width(token) - 0.2, 0.72, facecolor=TINTS[place % 3],
                                     edgecolor="black", linewidth=3 if token == new else 0.8))  # fmt: skip
            axes.text(x + (_width(token) - 0.2) / 2, row, drawable(shown(token)), fontsize=13, ha="center", va="center",
                      family="monospace", weight="bold" if token == new else "normal", parse_math=False)  # fmt: skip
            x += _width(token)
    axes.set(xlim=(-1.2, max(widest + 0.6, 8)), ylim=(len(words) - 0.3, -0.7))
    axes.set_title("the words, a box for each token", fontsize=12)
    axes.axis("off")


def _width(token: str) -> float:
    return 0.7 + 0.6 * len(shown(token))


def _draw_pairs(axes: Axes, pairs: Sequence[tuple[Pair, int]]) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if not pairs:
        axes.text(0.5, 0.5, "no pair is left", ha="center", va="center", fontsize=13, style="italic")
        axes.axis("off")
        return
    most = pairs[0][1]
    for row, (_, count) in enumerate(pairs):
        axes.barh(row, count, height=0.7, facecolor=COLOURS[5] if count == most else "#E3E3E3", edgecolor="black",
                  linewidth=2 if row == 0 else 0.6, hatch="//" if count == most and row else None)  # fmt: skip
        note = " next" if row == 0 else " as many" if count == most else ""
        axes.text(count + 0.03 * most, row, f"{count}{note}", va="center", fontsize=12)
    names = [f"{drawable(shown(left))} {drawable(shown(right))}" for (left, right), _ in pairs]
    axes.set_yticks(range(len(pairs)), names, family="monospace", fontsize=13, parse_math=False)
    axes.set(xlim=(0, 1.4 * most), ylim=(len(pairs) - 0.3, -0.7), xticks=[])
    axes.spines["bottom"].set_visible(False)
    axes.set_title("how often each pair of neighbours comes", fontsize=12)


def _say_step(words: Mapping[Sequence[str], int], pairs: Sequence[tuple[Pair, int]], done: str) -> str:
    texts = ", ".join(f"{count} × {' '.join(map(shown, tokens))}" for tokens, count in words.items())
    counts = ", ".join(f"{shown(left)} {shown(right)} {count}" for (left, right), count in pairs) or "no pair is left"
    return f"The words {done}: {texts}. Pairs, the next to be joined first: {counts}."


# ---- where a text is cut ---------------------------------------------------------------------------------------------


def clusters(text: str) -> list[Span]:
    """What a reader takes for one letter each: a character with the marks that belong to it.

    Marks are Unicode's combining ones; after a virama (the sign that ties two Hindi consonants) and after a joiner the
    next character belongs to it too.

    >>> clusters("चाय"), clusters("e\\u0301a")
    ([(0, 2), (2, 3)], [(0, 2), (2, 3)])
    """
    starts = [i for i, character in enumerate(text) if not i or not _belongs(text[i - 1], character)]
    return list(zip(starts, [*starts[1:], len(text)]))


def _belongs(before: str, character: str) -> bool:
    joins = before == "\u200d" or unicodedata.combining(before) == 9  # 9: virama
    return joins or character in "\u200d\ufe0f" or unicodedata.category(character).startswith("M")


def segments(text: str, spans: Sequence[Span]) -> list[tuple[str, int]]:
    """The text in stretches that begin and end where both a token and a letter do: [(stretch, its tokens), ...].

    spans: where each token starts and ends; a token of some bytes of a character has the whole character.

    >>> segments("tea 茶", [(0, 3), (3, 5), (4, 5), (4, 5)])
    [('tea', 1), (' 茶', 3)]
    """
    if "".join(text[start:end] for start, end in _union(spans)) != text:
        raise ValueError(f"the tokens' places {list(spans)[:4]} ... do not cover the text {text[:40]!r}.")
    found = []
    for start, end in _union([*spans, *clusters(text)]):
        found.append((text[start:end], sum(start <= first < end for first, _ in spans)))
    return found


def _union(spans: Sequence[Span]) -> list[Span]:
    """Stretches that overlap are one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


class Boundaries:
    """What `boundaries` returns: coloured text in a notebook, bars between tokens anywhere else."""

    def __init__(self, rows: Mapping[str, list[tuple[str, int]]], note: str):
        self.rows, self.note = rows, note

    def __repr__(self) -> str:
        lines = [f"{name}: {'|'.join(_marked(text, n) for text, n in row)}" for name, row in self.rows.items()]
        return "\n".join([*lines, self.note])

    def _repr_html_(self) -> str:
        rows = "".join(f"<p><b>{html.escape(name)}</b>, {sum(n for _, n in row)} tokens<br>{_coloured(row)}</p>"
                       for name, row in self.rows.items())  # fmt: skip
        return f'<div style="font-size: 125%; line-height: 1.9">{rows}</div><p><i>{html.escape(self.note)}</i></p>'


def _marked(text: str, tokens: int) -> str:
    return shown(text) + (f"({tokens})" if tokens > 1 else "")


def _coloured(row: Sequence[tuple[str, int]]) -> str:
    """Each stretch on its own ground, a bar between two, a small number where it is more than one token."""
    parts = []
    for place, (text, tokens) in enumerate(row):
        number = f'<sub style="color: black">{tokens}</sub>' if tokens > 1 else ""
        style = f"background-color: {TINTS[place % 3]}; color: black; padding: 2px 1px"
        parts.append(f'<span style="{style}" dir="auto">{html.escape(shown(text))}{number}</span>')
    return '<span style="color: gray">|</span>'.join(parts)


def boundaries(texts: Mapping[str, tuple[str, Sequence[Span]]]) -> Boundaries:
    """Where texts are cut: name -> (text, places of its tokens). Make it the last expression of a cell.

    A small number stands behind a stretch of several tokens that cannot be shown apart: they are parts of one letter.
    Raises ValueError for places that do not cover their text.
    """
    if not texts:
        raise ValueError("there is no text to show: give a name, a text and the places of its tokens.")
    note = "A bar stands between two tokens, ␣ is a space; a small number: so many tokens, none of them a whole letter."
    return Boundaries({name: segments(text, spans) for name, (text, spans) in texts.items()}, note)


@legible
def glued(text: str, spans: Sequence[Span], title: str) -> tuple[Figure, str]:
    """One text, a box for each token, in lines; a number in a box of several tokens that are parts of one letter."""
    row = [(drawable(shown(part)) + (f"·{n}" if n > 1 else ""), n) for part, n in segments(text, spans)]
    if not row:
        raise ValueError("there is no text: write a word or two.")
    places, x, line = [], 0.0, 0
    for word, _ in row:
        if x and x + len(word) > 62:
            x, line = 0, line + 1
        places.append((x, line))
        x += len(word) + 0.5
    tokens = sum(n for _, n in row)
    figure, axes = _canvas(f"{title}: {tokens} tokens", height=1.1 + 0.5 * (line + 1))
    for number, ((x, line), (word, _)) in enumerate(zip(places, row)):
        axes.add_patch(Rectangle((x, line - 0.36), len(word) + 0.3, 0.72, facecolor=TINTS[number % 3],
                                 edgecolor="black", linewidth=0.8))  # fmt: skip
        axes.text(x + (len(word) + 0.3) / 2, line, word, fontsize=12.5, family="monospace", ha="center", va="center",
                  parse_math=False)  # fmt: skip
    axes.set(xlim=(-0.5, 64), ylim=(line + 0.6, -0.6))
    axes.axis("off")
    cut = "|".join(_marked(part, n) for part, n in segments(text, spans))
    return figure, f"{title}: {len(text)} characters in {tokens} tokens: {cut}"


# ---- lines -----------------------------------------------------------------------------------------------------------


@legible
def lines(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str, xlabel: str, ylabel: str,
          log: str = "x") -> tuple[Figure, str]:
    """One line a name: name -> (x, y); a marker and a style of its own for each. log: "x", "y", "xy" or "".

    On a logarithmic axis 0 stands at its beginning. The alt text has the first and the last point of each line.
    Raises ValueError for no lines, and for lists that are empty or do not match.
    """
    for name, (x, y) in curves.items():
        if len(x) != len(y) or not len(x) or not all(map(math.isfinite, [*x, *y])):
            raise ValueError(f"{name!r} has {len(x)} places and {len(y)} values: give as many, and all finite numbers.")
    if not curves:
        raise ValueError(f"{title!r} has no lines to show.")
    figure, axes = _canvas(title, height=5)
    for number, (name, (x, y)) in enumerate(curves.items()):
        axes.plot(x, y, color=COLOURS[number % 7], linestyle=LINES[number % 7], marker=MARKERS[number % 7],
                  markersize=7, linewidth=2, label=name)  # fmt: skip
    for axis in log:
        values = [value for curve in curves.values() for value in curve["xy".index(axis)]]
        least = min((value for value in values if value > 0), default=1)
        scale = {"value": "symlog", "linthresh": least, "linscale": 0.3} if min(values) <= 0 else {"value": "log"}
        getattr(axes, f"set_{axis}scale")(**scale)
        getattr(axes, f"{axis}axis").set_major_formatter(lambda value, _: f"{value:,.0f}")
        getattr(axes, f"{axis}axis").set_minor_formatter(lambda value, _: "")
    axes.set_xlabel(xlabel, fontsize=12)
    axes.set_ylabel(ylabel, fontsize=12)
    _legend(axes)
    ends = "; ".join(f"{name} from {y[0]:.4g} at {x[0]:,.0f} to {y[-1]:.4g} at {x[-1]:,.0f}"
                     for name, (x, y) in curves.items())  # fmt: skip
    return figure, f"{title}. {ylabel} against {xlabel}: {ends}."
