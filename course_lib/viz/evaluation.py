"""Pictures of scores: agreement with people, intervals, answers to a sum of words, a bias beside chance, a scoreboard.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
numbers and strings, never a model. Colours are Okabe & Ito's (2008), and no picture needs them: hatches, markers and
places say the same.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS, _canvas, _legend, place_labels
from course_lib.viz.words import legible


@legible
def agreement(people: Float[np.ndarray, " N"], model: Float[np.ndarray, " N"], names: Sequence[str], title: str,
              marked: int = 6) -> tuple[Figure, str]:
    """Each pair of words at its rank among people's judgements and among the cosines; the farthest off are named.

    `people`, `model`: ranks from 1, equal ones averaged; on the diagonal both agree.
    """
    people, model = np.asarray(people, dtype=float), np.asarray(model, dtype=float)
    if not len(people) == len(model) == len(names) or len(names) < 2:
        raise ValueError(f"there are {len(people)}, {len(model)} ranks and {len(names)} names: give one of each for "
                         "every pair, and two pairs or more.")
    off = model - people
    worst = np.argsort(-np.abs(off), kind="stable")[:marked]
    rho = float(np.corrcoef(people, model)[0, 1])
    figure, axes = _canvas(f"{title}: Spearman {rho:.2f}", height=6)
    axes.plot([1, len(people)], [1, len(people)], color=GREY, linewidth=1.2, linestyle="--", zorder=1)
    axes.plot(people, model, MARKERS[0], color=COLOURS[5], markersize=5, alpha=0.8, zorder=2)
    places = np.stack([people, model], axis=1)[worst]
    axes.plot(*places.T, MARKERS[1], color=COLOURS[1], markersize=8, zorder=3)
    room = 0.16 * len(people)
    axes.set(xlabel="rank among people's judgements (1 = least alike)", ylabel="rank among the cosines (1 = lowest)",
             xlim=(-room, len(people) + room), ylim=(-0.05 * len(people), 1.05 * len(people)))
    place_labels(axes, places, [names[i] for i in worst])
    told = ", ".join(f"{names[i]} ({'too high' if off[i] > 0 else 'too low'})" for i in worst)
    return figure, (f"Scatter plot of {len(people)} pairs of words by rank: people against cosines, "
                    f"Spearman {rho:.2f}. Farthest from the diagonal, which is dashed: {told}.")


@legible
def intervals(rows: Mapping[str, tuple[float, float, float]], title: str, xlabel: str) -> tuple[Figure, str]:
    """A value and the interval around it in each row: name -> (value, low, high)."""
    if not rows:
        raise ValueError("there is no interval to draw: give name -> (value, low, high).")
    for name, (value, low, high) in rows.items():
        if not low <= value <= high:
            raise ValueError(f"the interval of {name!r} is {low} to {high} and does not hold its value {value}.")
    figure, axes = _canvas(title, height=1.5 + 0.5 * len(rows))
    for place, (value, low, high) in enumerate(rows.values()):
        axes.plot([low, high], [place, place], "|-", color=COLOURS[0], linewidth=2.5, markersize=14)
        axes.plot(value, place, MARKERS[place % 7], color=COLOURS[0], markersize=9)
        axes.annotate(f"{value:z.2f}", (value, place), (0, 9), textcoords="offset points", ha="center", fontsize=11)
    axes.set_yticks(range(len(rows)), list(rows), parse_math=False)
    axes.set(xlabel=xlabel, ylim=(len(rows) - 0.5, -0.7))
    axes.grid(axis="y", visible=False)
    if min(low for _, low, _ in rows.values()) < 0 < max(high for *_, high in rows.values()):
        axes.axvline(0, color=GREY, linewidth=1.2, linestyle="--")
    told = "; ".join(f"{name} {value:z.2f}, from {low:z.2f} to {high:z.2f}"  # z: no "-0.00"
                     for name, (value, low, high) in rows.items())
    return figure, f"{title}. {told}."


@legible
def strata(labels: Sequence[str], series: Mapping[str, Sequence[float]], title: str, xlabel: str) -> tuple[Figure, str]:
    """One line a series over the same groups, rarest first; NaN is a gap: name -> one score a group."""
    for name, scores in series.items():
        if len(scores) != len(labels):
            raise ValueError(f"{name!r} has {len(scores)} scores for {len(labels)} groups: give one a group.")
    if not series:
        raise ValueError("there is no series to draw: give name -> scores.")
    figure, axes = _canvas(title, height=4.6)
    for style, (name, scores) in enumerate(series.items()):
        axes.plot(scores, color=COLOURS[style % 7], linestyle=LINES[style % 7], marker=MARKERS[style % 7],
                  markersize=9, linewidth=2, label=name)
    axes.set_xticks(range(len(labels)), labels, parse_math=False)
    axes.set(xlabel=xlabel, ylabel="Spearman correlation with people")
    _legend(axes)
    told = " ".join(f"{name}: {', '.join(f'{score:.2f}' for score in scores)}." for name, scores in series.items())
    return figure, f"{title}. Line chart over {len(labels)} groups ({'; '.join(labels)}). {told}"


@legible
def answers(found: Sequence[tuple[str, float]], question: Collection[str], title: str,
            xlabel: str = "cosine (no unit)") -> tuple[Figure, str]:
    """The words nearest to a sum, with their cosines; words of the `question` are hatched."""
    if not found:
        raise ValueError(f"nothing answers {title}: allow the words of the question, or take more words.")
    words, cosines = zip(*found, strict=True)
    mine = [word in question for word in words]
    figure, axes = _canvas(title, height=1.9 + 0.36 * len(words))
    axes.barh(range(len(words)), cosines, height=0.66, edgecolor="white", linewidth=0,
              color=[COLOURS[1] if one else COLOURS[0] for one in mine], hatch=["//" if one else None for one in mine])
    for place, cosine in enumerate(cosines):
        axes.annotate(f"{cosine:.2f}", (max(cosine, 0), place), (6, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(words)), words, parse_math=False)
    axes.set(xlabel=xlabel, ylim=(len(words) - 0.4, -0.6), xlim=(min(0, *cosines), max(*cosines, 0.1) * 1.12))
    axes.grid(axis="y", visible=False)
    if any(mine):
        axes.legend(handles=[Patch(facecolor=COLOURS[1], edgecolor="white", hatch="//", label="a word of the question"),
                             Patch(facecolor=COLOURS[0], label="another word")], loc="lower right", fontsize=11)
    told = ", ".join(f"{word} {cosine:.2f}{' (of the question)' if one else ''}"
                     for word, cosine, one in zip(words, cosines, mine, strict=True))
    return figure, f"{title}: {told}."


@legible
def associations(groups: Mapping[str, Mapping[str, float]], sides: tuple[str, str], title: str) -> tuple[Figure, str]:
    """Words of some groups on a line between two sides: group -> {word: association}, positive on the second side."""
    if not groups or not all(groups.values()):
        raise ValueError("there is a group without a word: give group -> {word: association}.")
    rows = [(group, word, value) for group, words in groups.items()
            for word, value in sorted(words.items(), key=lambda item: -item[1])]
    figure, axes = _canvas(title, height=1.9 + 0.27 * len(rows))
    for style, group in enumerate(groups):
        mine = [(value, place) for place, (name, _, value) in enumerate(rows) if name == group]
        values, places = zip(*mine, strict=True)
        mean = float(np.mean(values))
        axes.hlines(places, 0, values, color=COLOURS[style % 7], linewidth=2)
        axes.plot(values, places, MARKERS[style % 7], color=COLOURS[style % 7], markersize=8, label=group)
        axes.plot([mean, mean], [min(places) - 0.4, max(places) + 0.4], color=COLOURS[style % 7], linestyle=":",
                  linewidth=2, label=f"mean of {group}: {mean:+.3f}")
    axes.axvline(0, color=GREY, linewidth=1.2)
    axes.set_yticks(range(len(rows)), [word for _, word, _ in rows], parse_math=False)
    axes.set(ylim=(len(rows) - 0.4, -0.6),
             xlabel=f"← nearer to {sides[0]}          difference of mean cosines          nearer to {sides[1]} →")
    axes.grid(axis="y", visible=False)
    _legend(axes)
    told = " ".join(f"{group}: {', '.join(f'{w} {v:+z.2f}' for g, w, v in rows if g == group)}." for group in groups)
    return figure, f"{title}. Negative is nearer to {sides[0]}, positive nearer to {sides[1]}. {told}"


@legible
def chance(observed: Mapping[str, float], drawn: Float[np.ndarray, " N"], title: str,
           xlabel: str) -> tuple[Figure, str]:
    """Where some values stand among those that chance gave: a histogram, and a line for each of `observed`."""
    drawn = np.asarray(drawn, dtype=float)
    if drawn.ndim != 1 or len(drawn) < 2 or not np.isfinite(drawn).all() or not observed:
        raise ValueError(f"chance is an array of shape {drawn.shape} beside {len(observed)} values: give two numbers "
                         "or more, all finite, and one value or more.")
    figure, axes = _canvas(title, height=4.4)
    axes.hist(drawn, bins=30, color=COLOURS[5], edgecolor="white", label=f"{len(drawn):,} draws of random words")
    top = axes.get_ylim()[1]
    for style, (name, value) in enumerate(observed.items()):
        height = top * (0.95 - 0.22 * (style % 4))
        axes.vlines(value, 0, height, color=COLOURS[1], linewidth=2)
        axes.plot(value, height, MARKERS[style % 7], color=COLOURS[1], markersize=9, label=f"{name}: {value:.2f}")
    axes.set(xlabel=xlabel, ylabel="draws")
    _legend(axes)
    low, high = np.quantile(drawn, [0.025, 0.975])
    told = ", ".join(f"{name} {value:.2f} ({_beyond(value, drawn)})" for name, value in observed.items())
    return figure, (f"Histogram of {len(drawn):,} values that chance gave, 95 of 100 between {low:.2f} and {high:.2f}. "
                    f"Beside it: {told}.")


def _beyond(value: float, drawn: Float[np.ndarray, " N"]) -> str:
    share = float((np.abs(drawn) >= abs(value)).mean())
    return f"{share:.1%} of the draws are as far from 0"


@legible
def scoreboard(rows: Mapping[str, Mapping[str, Sequence[float]]], columns: Mapping[str, str],
               title: str, mine: str | None = None) -> tuple[Figure, str]:
    """One panel a column, one line a row, one mark a seed: row -> column -> scores; an empty list is a dash.

    `columns`: key -> heading. The row called `mine` is drawn as a diamond of another colour.
    """
    if not rows or not columns:
        raise ValueError(f"a scoreboard needs rows and columns: there are {len(rows)} and {len(columns)}.")
    wide = min(3, len(columns))
    tall = -(-len(columns) // wide)
    figure = Figure(figsize=(8, 1.2 + tall * (0.9 + 0.34 * len(rows))), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=15, parse_math=False)
    figure.supxlabel("scores: rank correlations (no unit) or right answers (a count); one mark a seed, means above",
                     fontsize=11)
    panels = figure.subplots(tall, wide, squeeze=False, sharey=True).ravel()
    for panel, (key, heading) in zip(panels, columns.items(), strict=False):
        _panel(panel, {name: np.asarray(row.get(key, ()), dtype=float) for name, row in rows.items()}, heading, mine)
    for panel in panels[len(columns):]:
        panel.set_visible(False)
    told = " ".join(f"{heading}: {_means(rows, key)}." for key, heading in columns.items())
    return figure, f"{title}, {len(columns)} panels. {told}"


def _panel(axes, scores: Mapping[str, np.ndarray], heading: str, mine: str | None) -> None:
    every = np.concatenate(list(scores.values()))
    for place, (name, values) in enumerate(scores.items()):
        colour, marker = (COLOURS[1], "D") if name == mine else (COLOURS[0], "o")
        axes.plot(values, np.full(len(values), place), marker, color=colour, markersize=7, alpha=0.7)
        if len(values):
            axes.annotate(f"{values.mean():{_form(every)}}", (values.mean(), place), (0, 6), ha="center", fontsize=10,
                          textcoords="offset points")
        else:
            axes.annotate("–", (0.5, place), xycoords=("axes fraction", "data"), ha="center", va="center", color=GREY)
    axes.set_title(heading, fontsize=12, parse_math=False)
    axes.set_yticks(range(len(scores)), list(scores), parse_math=False)
    axes.set_ylim(len(scores) - 0.5, -0.8)
    if len(every):
        room = 0.3 * max(float(np.ptp(every)), 0.4 * float(np.abs(every).max()), 1e-9)
        axes.set_xlim(every.min() - room, every.max() + room)
    axes.tick_params(labelsize=10)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _form(values: Float[np.ndarray, " N"]) -> str:
    return ",.0f" if np.abs(values).max() > 10 else ".2f"


def _means(rows: Mapping[str, Mapping[str, Sequence[float]]], key: str) -> str:
    every = np.array([score for row in rows.values() for score in row.get(key, ())] or [0.0])
    return ", ".join(f"{name} {np.mean(row[key]):{_form(every)}}" if len(row.get(key, ())) else f"{name} none"
                     for name, row in rows.items())
