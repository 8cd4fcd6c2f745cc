"""Pictures of two languages: their words in one plane, how translation grows with the pairs, what a sentence costs.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays, numbers and names, never a model. Markers and line styles say what the colours say.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS, _canvas, _legend, _limits, _plane, place_labels
from course_lib.viz.words import legible


@legible
def matched(
    vectors: Mapping[str, Float[np.ndarray, "n D"]], pairs: Sequence[tuple[str, str]], title: str
) -> tuple[Figure, str]:
    """Two languages in one plane, the one in which the second differs most; a thin line joins what means the same.

    `vectors`: two names, each with a row a pair. ValueError for other than two, fewer than two pairs, unequal counts.
    """
    counts = {name: len(rows) for name, rows in vectors.items()}
    if len(counts) != 2 or set(counts.values()) != {len(pairs)} or len(pairs) < 2:
        raise ValueError(f"there are {len(pairs)} pairs and the languages {counts}: give two languages, and a row for "
                         "each of two or more pairs.")  # fmt: skip
    (one, here), (other, there) = ((name, np.asarray(rows, np.float64)) for name, rows in vectors.items())
    centre, plane, _ = _plane(there)
    here, there = (here - centre) @ plane, (there - centre) @ plane
    figure, axes = _canvas(title, height=6.5)
    for start, end in zip(here, there):
        axes.plot(*zip(start, end), color=GREY, linewidth=0.9, zorder=1)
    for number, (name, places) in enumerate(((one, here), (other, there))):
        axes.plot(*places.T, MARKERS[number], color=COLOURS[number], markersize=8, label=name, zorder=3, linestyle="")
    everything = np.concatenate([here, there])
    _limits(axes, everything)
    _legend(axes)
    axes.set(xlabel="first direction (no unit)", ylabel="second direction (no unit)")
    place_labels(axes, everything, [*(word for word, _ in pairs), *(word for _, word in pairs)], size=11)
    apart = np.linalg.norm(here[:, None] - there[None], axis=2)
    near = sum(apart[i].argmin() == i for i in range(len(pairs)))
    return figure, (f"{title}. {len(pairs)} words of {one} and their translations into {other}, {other} as in its own "
                    f"plane: in it {near} of {len(pairs)} lie nearest to their own translation; a pair is "
                    f"{np.diag(apart).mean():.2f} apart in the mean, any two words {apart.mean():.2f}.")  # fmt: skip


@legible
def growth(
    curves: Mapping[str, Mapping[float, tuple[float, float, float]]], title: str, xlabel: str,
    level: tuple[str, float] | None = None,
) -> tuple[Figure, str]:  # fmt: skip
    """Shares of right answers against a count, on a logarithmic axis: name -> {count: (share, low, high)}.

    `level`: a name and a share, a dotted line. ValueError for no curve, and for an interval that does not hold its
    share.
    """
    if not curves or not all(curves.values()):
        raise ValueError("there is nothing to draw: give name -> {count: (share, low, high)}.")
    for name, curve in curves.items():
        for count, (share, low, high) in curve.items():
            if not 0 <= low <= share <= high <= 1 or count <= 0:
                raise ValueError(f"{name!r} has {share}, from {low} to {high}, at {count}: give shares, low to high, "
                                 "at counts above 0.")  # fmt: skip
    figure, axes = _canvas(title, height=5)
    for number, (name, curve) in enumerate(curves.items()):
        shares, low, high = 100 * np.array([*curve.values()]).T
        axes.errorbar([*curve], shares, [shares - low, high - shares], color=COLOURS[number % 7], capsize=4,
                      linestyle=LINES[number % 7], marker=MARKERS[number % 7], markersize=8, linewidth=2,
                      label=name)  # fmt: skip
    counts = sorted({count for curve in curves.values() for count in curve})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.set(xlabel=xlabel, ylabel="right at once (%, 95% interval)")
    told = ""
    if level:
        axes.axhline(100 * level[1], color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
        axes.annotate(level[0], (counts[0], 100 * level[1]), (0, 5), textcoords="offset points", fontsize=11)
        told = f" The dotted line, {level[0]}, is at {100 * level[1]:.0f}."
    axes.set_ylim(0)
    _legend(axes)
    words = "; ".join(f"{name} " + ", ".join(f"{100 * row[0]:.0f} at {count:,.0f}" for count, row in curve.items())
                      for name, curve in curves.items())  # fmt: skip
    return figure, f"{title}. Right at once in per cent, against {xlabel}: {words}.{told}"


@legible
def prices(table: Mapping[str, Mapping[str, float]], title: str) -> tuple[Figure, str]:
    """What one text costs in each language, as a multiple of English: tokenizer -> {language: times}.

    The line is 1, the price of English. ValueError for no tokenizer, other languages in one, and no price above 0.
    """
    languages = [*next(iter(table.values()), {})]
    if not languages or any([*row] != languages for row in table.values()):
        raise ValueError("give tokenizer -> {language: times}, with the same languages for all, one or more.")
    if bad := [value for row in table.values() for value in row.values() if not 0 < value < math.inf]:
        raise ValueError(f"a price of {bad[0]} cannot be drawn: give finite prices above 0.")
    figure, axes = _canvas(title, height=1.8 + 0.55 * len(languages))
    for number, (name, row) in enumerate(table.items()):
        places = np.arange(len(languages)) + 0.14 * (number - (len(table) - 1) / 2)
        axes.plot([*row.values()], places, MARKERS[number % 7], color=COLOURS[number % 7], markersize=8, label=name,
                  linestyle="")  # fmt: skip
    axes.axvline(1, color=GREY, linewidth=1.5)
    axes.set_yticks(range(len(languages)), languages, parse_math=False)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set(xlabel="times the price of the English text (logarithmic)", ylim=(len(languages) - 0.5, -0.5))
    _legend(axes)
    words = "; ".join(f"{name}: " + ", ".join(f"{language} {times:.1f}" for language, times in row.items())
                      for name, row in table.items())  # fmt: skip
    return figure, f"{title}. Times the price of English, the line at 1. {words}."


@legible
def answers(found: Sequence[tuple[str, float, bool]], title: str, xlabel: str) -> tuple[Figure, str]:
    """What a word was translated into: (word, score, right?), best first; right ones are full dots, others rings."""
    if not found:
        raise ValueError("there is no answer to draw: give (word, score, whether it is right).")
    words, scores, right = zip(*found)
    figure, axes = _canvas(title, height=1.6 + 0.32 * len(found))
    for place, (score, good) in enumerate(zip(scores, right)):
        axes.hlines(place, 0, score, color=COLOURS[2 if good else 0], linewidth=2.5, linestyle="-" if good else "--")
        axes.plot(score, place, "o", color=COLOURS[2 if good else 0], markersize=9,
                  markerfacecolor=COLOURS[2] if good else "white")  # fmt: skip
    axes.set_yticks(range(len(found)), words, parse_math=False)
    axes.set(xlabel=xlabel, ylim=(len(found) - 0.4, -0.6))
    axes.axvline(0, color=GREY, linewidth=1)
    told = ", ".join(f"{word} {score:.2f}" + " (right)" * good for word, score, good in found)
    return figure, f"{title}. {xlabel}, best first: {told}."
