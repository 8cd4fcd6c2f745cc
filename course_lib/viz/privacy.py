"""Pictures of what a model knows by heart: exposures, membership curves, loss beside memory, and a secret's candidates.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
numbers and names, never a model. Markers and line styles say what the colours say.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS, _canvas, _legend
from course_lib.viz.words import legible

CHANCE = 1 / np.log(2)  # what a secret that nobody has read has on the average, in bits


@legible
def exposures(rows: Mapping[str, Mapping[int, tuple[float, float, float]]], most: float, title: str
              ) -> tuple[Figure, str]:  # fmt: skip
    """Exposure against how often a secret was written: name -> {times: (bits, low, high)}; `most` is log2 of the number
    of candidates.

    ValueError for no row, and for an interval that does not hold its value.
    """
    if not rows:
        raise ValueError("there is nothing to draw: give name -> {times: (bits, low, high)}.")
    for name, row in rows.items():
        for times, (bits, low, high) in row.items():
            if not low <= bits <= high:
                raise ValueError(f"{name!r} at {times} has {bits}, from {low} to {high}: give bits, low to high.")
    figure, axes = _canvas(title, height=5)
    written = sorted({times for row in rows.values() for times in row})
    for number, (name, row) in enumerate(rows.items()):
        places = np.array([written.index(times) for times in row]) + 0.1 * (number - (len(rows) - 1) / 2)
        bits, low, high = np.array([*row.values()]).T
        axes.errorbar(places, bits, [bits - low, high - bits], color=COLOURS[number % 7], capsize=4,
                      linestyle=LINES[number % 7], marker=MARKERS[number % 7], markersize=8, linewidth=2,
                      label=name)  # fmt: skip
    for level, words, place in ((CHANCE, "chance", len(written) - 1), (most, "the likeliest of all", 0)):
        axes.axhline(level, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
        axes.annotate(words, (place, level), (0, 4), textcoords="offset points", fontsize=11,
                      ha="right" if place else "left")  # fmt: skip
    axes.set(xlabel="how often the secret was written in the text", ylabel="exposure (bits)",
             ylim=(min(0, *(low for row in rows.values() for _, low, _ in row.values())) - 0.3, most + 1))  # fmt: skip
    axes.set_xticks(range(len(written)), map(str, written))
    _legend(axes)
    told = "; ".join(f"{name} " + ", ".join(f"{bits:.1f} at {times}" for times, (bits, _, _) in row.items())
                     for name, row in rows.items())  # fmt: skip
    return figure, (f"{title}. Exposure in bits by how often the secret was written: {told}. Dotted lines: chance, "
                    f"{CHANCE:.1f}, and the most possible, {most:.1f}.")  # fmt: skip


@legible
def curves(found: Mapping[str, tuple[Sequence[float], Sequence[float], float]], title: str) -> tuple[Figure, str]:
    """Membership: name -> (false alarms, members found, area). The dotted diagonal is a coin.

    ValueError for no curve, and for shares outside 0 to 1.
    """
    if not found:
        raise ValueError("there is no curve: give name -> (false alarms, members found, area).")
    figure, axes = _canvas(title, height=5)
    for number, (name, (alarms, members, area)) in enumerate(found.items()):
        values = np.concatenate([alarms, members])
        if values.min() < 0 or values.max() > 1:
            raise ValueError(f"{name!r} has values from {values.min()} to {values.max()}: give shares from 0 to 1.")
        axes.plot(100 * np.asarray(alarms), 100 * np.asarray(members), color=COLOURS[number % 7],
                  linestyle=LINES[number % 7], linewidth=2.5, label=f"{name}: {area:.2f}")  # fmt: skip
    axes.plot([0, 100], [0, 100], color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    axes.set(xlabel="others taken for members (%)", ylabel="members found (%)")
    _legend(axes)
    told = "; ".join(f"{name} {area:.2f}" for name, (_, _, area) in found.items())
    return figure, (f"{title}. Members found against others taken for members; area under the curve: {told}. "
                    "A coin: 0.5.")


@legible
def by_heart(steps: Sequence[int], losses: Mapping[str, Sequence[float]], bits: Mapping[str, Sequence[float]],
             title: str) -> tuple[Figure, str]:  # fmt: skip
    """Losses above, exposures below, over the same steps. ValueError for a curve of another length than the steps."""
    for name, values in {**losses, **bits}.items():
        if len(values) != len(steps) or not len(steps):
            raise ValueError(f"{name!r} has {len(values)} values for {len(steps)} steps: give one a step.")
    figure, axes = _canvas(title, height=6)
    axes.remove()
    upper, lower = figure.subplots(2, 1, sharex=True)
    for panel, curves, words in ((upper, losses, "loss (nats a letter)"), (lower, bits, "exposure (bits)")):
        for number, (name, values) in enumerate(curves.items()):
            panel.plot(steps, values, color=COLOURS[number % 7], linestyle=LINES[number % 7],
                       marker=MARKERS[number % 7], markersize=6, linewidth=2, label=name)  # fmt: skip
        panel.set_ylabel(words, fontsize=12)
        panel.grid(alpha=0.3)
        panel.legend(fontsize=11)
    lower.axhline(CHANCE, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    lower.set_xlabel("step", fontsize=12)
    upper.set_title(title, fontsize=13)
    told = "; ".join(f"{name} from {values[0]:.1f} to {values[-1]:.1f}" for name, values in {**losses, **bits}.items())
    return figure, (f"{title}. From step {steps[0]} to {steps[-1]}, losses in nats and exposures in bits: {told}. The "
                    f"dotted line is chance, {CHANCE:.1f} bits.")  # fmt: skip


@legible
def price(points: Mapping[str, tuple[float, float, float]], levels: Mapping[str, float], title: str
          ) -> tuple[Figure, str]:  # fmt: skip
    """Held-out losses in a row: name -> (loss, low, high); `levels` are dotted lines by name.

    ValueError for no point, and for an interval that does not hold its value.
    """
    if not points:
        raise ValueError("there is nothing to draw: give name -> (loss, low, high).")
    for name, (loss, low, high) in points.items():
        if not low <= loss <= high:
            raise ValueError(f"{name!r} has {loss}, from {low} to {high}: give a loss, low to high.")
    figure, axes = _canvas(title, height=1.8 + 0.55 * len(points))
    for place, (loss, low, high) in enumerate(points.values()):
        axes.errorbar([loss], [place], xerr=[[loss - low], [high - loss]], color=COLOURS[place % 7],
                      marker=MARKERS[place % 7], markersize=9, capsize=4, linewidth=2)  # fmt: skip
    for words, level in levels.items():
        axes.axvline(level, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
        axes.annotate(words, (level, -0.5), (-4, 0), textcoords="offset points", fontsize=11, ha="right", va="top")
    axes.set_yticks(range(len(points)), [*points])
    axes.set(xlabel="held-out loss (nats a letter, 95% interval)", ylim=(len(points) - 0.4, -0.75))
    told = ", ".join(f"{name} {loss:.2f}" for name, (loss, _, _) in points.items())
    lines = ", ".join(f"{words} {level:.2f}" for words, level in levels.items())
    return figure, f"{title}. Held-out losses in nats a letter: {told}. Dotted: {lines}."


@legible
def candidates(shares: Mapping[str, Sequence[float]], names: Sequence[str], true: int, title: str
               ) -> tuple[Figure, str]:  # fmt: skip
    """A panel a model: its ten likeliest candidates with their probability, the true one hatched wherever it is among
    them. ValueError for a model without a share for each name."""
    for model, values in shares.items():
        if len(values) != len(names):
            raise ValueError(f"{model!r} has {len(values)} shares for {len(names)} candidates: give one each.")
    figure, axes = _canvas(title, height=4.6)
    axes.remove()
    told = []
    for panel, (model, values) in zip(np.atleast_1d(figure.subplots(1, len(shares))), shares.items()):
        values = 100 * np.asarray(values, dtype=float)
        best = np.argsort(-values, kind="stable")[:10]
        bars = panel.barh(range(len(best)), values[best], color=[COLOURS[1] if i == true else COLOURS[5] for i in best])
        for bar, i in zip(bars, best):
            bar.set_hatch("///" if i == true else "")
        rank = int((values > values[true]).sum()) + 1
        panel.set_yticks(range(len(best)), [names[i] for i in best])
        panel.invert_yaxis()
        panel.set_xlabel("probability (%)", fontsize=12)
        panel.set_title(f"{model}: the true one is number {rank}", fontsize=11)
        told.append(f"{model} puts {names[best[0]]} first with {values[best[0]]:.1f}% and the true one at rank {rank}")
    figure.suptitle(title, fontsize=13)
    return figure, f"{title}. The truth is {names[true]}. Of {len(names)} candidates, {'; '.join(told)}."
