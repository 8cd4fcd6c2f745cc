"""Pictures for fine-tuning: accuracy against labels, what a batch wastes on padding, one word in many sentences.

Each picture is (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. They take numbers
and names, never a model. Markers, line styles, hatches and numbers say what the colours say.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import stats

from course_lib.viz.embeddings import COLOURS, GREY, LINES, MARKERS
from course_lib.viz.training import _canvas
from course_lib.viz.words import legible

# ---- accuracy against the number of labels ---------------------------------------------------------------------------

Rows = Sequence[Mapping]  # each with "method", "labels", "seed", "accuracy"


class Difference(NamedTuple):
    """How much better one method is, in the mean over seeds, and the 95% interval (Student's) of that mean."""

    mean: float
    low: float
    high: float
    seeds: int

    @property
    def verdict(self) -> str:
        """"win" or "loss" where 0 lies outside the interval, else "tie"."""
        return "win" if self.low > 0 else "loss" if self.high < 0 else "tie"


def paired(rows: Rows, method: str, other: str) -> dict[int, Difference]:
    """For each number of labels: `method` minus `other`, seed by seed; the seed names the labelled texts both had.

    A size at which they share no seed is left out. With one seed the interval has no end. ValueError for a method that
    no row has.
    """
    found = _table(rows)
    for name in (method, other):
        if name not in found:
            raise ValueError(f"there is no method {name!r} in the rows: there are {', '.join(found)}.")
    differences = {}
    for labels in sorted(found[method].keys() & found[other].keys()):
        a, b = found[method][labels], found[other][labels]
        seeds = sorted(a.keys() & b.keys())
        if seeds:
            differences[labels] = difference([a[seed] - b[seed] for seed in seeds])
    return differences


def difference(values: Sequence[float]) -> Difference:
    """The mean of some differences, with its interval."""
    values = np.asarray(values, dtype=float)
    mean, n = float(values.mean()), len(values)
    half = stats.t.ppf(0.975, n - 1) * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    return Difference(mean, mean - half, mean + half, n)


def _table(rows: Rows) -> dict[str, dict[int, dict[int, float]]]:
    """method -> labels -> seed -> accuracy, methods in the order in which they come."""
    table: dict[str, dict[int, dict[int, float]]] = {}
    for row in rows:
        accuracy = float(row["accuracy"])
        if not 0 <= accuracy <= 1:
            raise ValueError(f"{row['method']} has an accuracy of {accuracy}: it is a share, from 0 to 1.")
        table.setdefault(row["method"], {}).setdefault(int(row["labels"]), {})[int(row["seed"])] = accuracy
    if not table:
        raise ValueError("there are no rows to draw: give method, labels, seed and accuracy of one run or more.")
    return table


@legible
def label_curves(rows: Rows, title: str, chance: float = 0.5) -> tuple[Figure, str]:
    """Accuracy against the number of labels: for each method the mean over seeds, the bar from its worst to its best.

    The methods stand a little apart from one another, so that no bar hides another. What needed no label is a line.
    """
    table = _table(rows)
    figure, axes = _canvas(title, 6)
    words = []
    for style, (method, sizes) in enumerate(table.items()):
        labels = sorted(sizes.keys() - {0})
        if 0 in sizes:
            share = 100 * float(np.mean([*sizes[0].values()]))
            axes.axhline(share, color=COLOURS[style % len(COLOURS)], linewidth=1.5, linestyle=LINES[style % len(LINES)])
            axes.annotate(f"{method}, no label", (1, share), (-4, 4), xycoords=("axes fraction", "data"), ha="right",
                          textcoords="offset points", fontsize=11, parse_math=False)  # fmt: skip
            words.append(f"{method} {share:.1f} without a label")
        runs = [[100 * value for value in sizes[n].values()] for n in labels]
        means = [float(np.mean(run)) for run in runs]
        ends = [[m - min(run) for m, run in zip(means, runs)], [max(run) - m for m, run in zip(means, runs)]]
        shift = 1.035 ** (style - (len(table) - 1) / 2)
        axes.errorbar(np.array(labels) * shift, means, ends, color=COLOURS[style % len(COLOURS)], capsize=4,
                      linestyle=LINES[style % len(LINES)], marker=MARKERS[style % len(MARKERS)], markersize=8,
                      linewidth=2, label=method)  # fmt: skip
        if labels:
            words.append(f"{method} " + ", ".join(f"{mean:.1f} with {n:,}" for n, mean in zip(labels, means)))
    axes.axhline(100 * chance, color=GREY, linewidth=1.2, linestyle=(0, (2, 2)))
    every = sorted({n for sizes in table.values() for n in sizes} - {0})
    axes.set_xscale("log")
    axes.set_xticks(every, [f"{n:,}" for n in every])
    axes.minorticks_off()
    axes.set_xlabel("labelled texts to learn from (logarithmic)", fontsize=12)
    axes.set_ylabel("right answers (%)", fontsize=12)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2)
    seeds = {len(runs) for sizes in table.values() for runs in sizes.values()}
    many = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    return figure, (f"{title}. Right answers in per cent, mean of {many} runs: {'; '.join(words)}. "
                    f"The dotted line is a coin, {100 * chance:.0f}.")  # fmt: skip


# ---- padding ---------------------------------------------------------------------------------------------------------


def padded_size(batches: Sequence[Sequence[int]]) -> int:
    """How many places batches of texts of these lengths have when each is filled up to its longest.

    >>> padded_size([[3, 5], [2, 2]])
    14
    """
    return sum(len(lengths) * max(lengths) for lengths in batches)


@legible
def padding(ways: Mapping[str, Sequence[Sequence[int]]], title: str) -> tuple[Figure, str]:
    """Batches as rows of tokens: name -> batches, each the lengths of its texts; what is filled up is hatched.

    A batch with one text is one row; in a packed batch the texts follow one another, so it is given as [[total]].
    """
    if not ways or any(not batches or not all(batches) for batches in ways.values()):
        raise ValueError("there are no batches to draw: give for each way a list of batches, each with its lengths.")
    figure, _ = _canvas("", 5.4)
    figure.clf()
    words = []
    panels = figure.subplots(1, len(ways), sharey=True, squeeze=False)[0]
    for axes, (name, batches) in zip(panels, ways.items()):
        y = 0
        for batch in batches:
            longest = max(batch)
            for length in batch:
                axes.add_patch(Rectangle((0, y), length, 0.9, facecolor=COLOURS[0]))
                if length < longest:
                    axes.add_patch(Rectangle((length, y), longest - length, 0.9, facecolor="white", hatch="////",
                                             edgecolor=COLOURS[1], linewidth=0))  # fmt: skip
                y += 1
            y += 1
        tokens, places = sum(map(sum, batches)), padded_size(batches)
        share = 1 - tokens / places
        axes.set_title(f"{name}\n{places:,} places, {share:.0%} padding", fontsize=12, parse_math=False)
        axes.set(xlim=(0, max(map(max, batches)) * 1.03), xlabel="tokens", yticks=[])
        axes.spines[["top", "right", "left"]].set_visible(False)
        words.append(f"{name}: {len(batches)} batches, {tokens:,} tokens in {places:,} places, {share:.0%} padding")
    panels[0].set_ylim(max(sum(map(len, batches)) + len(batches) for batches in ways.values()), 0)
    panels[0].set_ylabel("texts, a gap between two batches", fontsize=12)
    figure.suptitle(title, fontsize=14, parse_math=False)
    return figure, f"{title}. {'; '.join(words)}."


# ---- one word in many sentences --------------------------------------------------------------------------------------


def nearest_alike(cosines: np.ndarray, senses: Sequence[str]) -> np.ndarray:
    """For each place: whether its nearest other one (largest cosine) has the same sense. [N, N] -> [N].

    >>> nearest_alike(np.array([[1, 0.9, 0.1], [0.9, 1, 0.2], [0.1, 0.2, 1]]), ["a", "a", "b"]).tolist()
    [True, True, False]
    """
    others = np.where(np.eye(len(senses), dtype=bool), -np.inf, cosines)
    return np.array([senses[i] == senses[j] for i, j in enumerate(others.argmax(1))])


@legible
def senses(cosines: np.ndarray, names: Sequence[str], kinds: Sequence[str], title: str) -> tuple[Figure, str]:
    """The cosines of one word's vectors in many sentences, as a table of shades; sentences sorted by sense.

    cosines: [N, N]. names: what stands at each row. kinds: its sense. The dot in a row marks its nearest other one,
    filled where that has the same sense. The shades run from the smallest to the largest cosine of two of them.
    """
    cosines = np.asarray(cosines, dtype=float)
    if cosines.shape != (len(names), len(names)) or len(kinds) != len(names) or len(names) < 3:
        raise ValueError(f"there are cosines of shape {cosines.shape}, {len(names)} names and {len(kinds)} senses: "
                         "give three sentences or more, and a row, a column, a name and a sense for each.")
    if not 1 < len(set(kinds)) < len(kinds):
        raise ValueError(f"the senses are {', '.join(map(repr, kinds[:4]))} ...: two senses are needed, one twice.")
    order = sorted(range(len(names)), key=lambda i: kinds[i])
    table, names, kinds = cosines[np.ix_(order, order)], [names[i] for i in order], [kinds[i] for i in order]
    apart = table[~np.eye(len(names), dtype=bool)]
    figure, axes = _canvas(title, 7)
    shades = axes.imshow(np.where(np.eye(len(names)), np.nan, table), cmap="cividis", vmin=apart.min(),
                         vmax=max(apart.max(), apart.min() + 1e-6))  # fmt: skip
    figure.colorbar(shades, ax=axes, shrink=0.8, label="cosine (no unit)")
    nearest = np.where(np.eye(len(names), dtype=bool), -np.inf, table).argmax(1)
    for row, column in enumerate(nearest):
        same = kinds[row] == kinds[column]
        axes.plot(column, row, "o", markersize=8, markeredgecolor="white", markeredgewidth=1.5,
                  markerfacecolor="black" if same else "none")  # fmt: skip
    for place in [i + 0.5 for i in range(len(kinds) - 1) if kinds[i] != kinds[i + 1]]:
        axes.axhline(place, color="white", linewidth=2)
        axes.axvline(place, color="white", linewidth=2)
    axes.set_yticks(range(len(names)), [f"{name} ({kind})" for name, kind in zip(names, kinds)], fontsize=10)
    axes.set_xticks([])
    for label in axes.get_yticklabels():
        label.set_parse_math(False)
    axes.set_xlabel("the same sentences; a dot is the nearest,\nfilled where the sense is the same", fontsize=11)
    alike = np.equal.outer(kinds, kinds) & ~np.eye(len(names), dtype=bool)
    within, across = table[alike].mean(), table[np.not_equal.outer(kinds, kinds)].mean()
    return figure, (f"{title}. Mean cosine of two sentences with the same sense {within:.2f}, with another sense "
                    f"{across:.2f}; the nearest has the same sense for "
                    f"{nearest_alike(table, kinds).sum()} of {len(names)}.")  # fmt: skip
