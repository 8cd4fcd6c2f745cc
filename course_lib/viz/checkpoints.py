"""Pictures of a checkpoint: where its numbers are, and how far two models that should agree are apart, layer by layer.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. They take
numbers and names, never a model. Hatches and labels say what the colours say.

A treemap gives every number the same area: Shneiderman (1992), "Tree Visualization with Tree-Maps: A 2-D Space-Filling
Approach". Here a rectangle is cut along its longer side, into two parts as equal as may be, and so on.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.viz.embeddings import COLOURS, GREY, _canvas
from course_lib.viz.words import legible

HATCHES = ("", "//", "..", "\\\\", "xx", "++", "oo")
Box = tuple[float, float, float, float]  # left, bottom, width, height
LEAST, MOST = 1e-9, 1e3  # of the axis of differences; 0 has no logarithm


def boxes(sizes: Mapping[str, float], box: Box) -> Iterator[tuple[str, Box]]:
    """A place in `box` for each name, its area by its size; in their order, from the lower left on.

    >>> dict(boxes({"a": 3, "b": 1}, (0, 0, 4, 1)))
    {'a': (0, 0, 3.0, 1), 'b': (3.0, 0, 1.0, 1)}
    """
    if len(sizes) == 1:
        yield next(iter(sizes)), box
        return
    names, (left, low, width, height) = [*sizes], box
    sums = np.cumsum([sizes[name] for name in names])
    cut = 1 + int(np.abs(sums[:-1] - sums[-1] / 2).argmin())  # the first part has so many names
    share = float(sums[cut - 1] / sums[-1])
    if width >= height:
        halves = (left, low, share * width, height), (left + share * width, low, (1 - share) * width, height)
    else:
        halves = (left, low, width, share * height), (left, low + share * height, width, (1 - share) * height)
    for some, half in zip((names[:cut], names[cut:]), halves):
        yield from boxes({name: sizes[name] for name in some}, half)


@legible
def treemap(parts: Mapping[str, Mapping[str, int]], title: str) -> tuple[Figure, str]:
    """A model's parameters as areas: group -> part -> how many. Parts of one name have one colour and one hatch.

    ValueError where a group is empty or a part has no number above 0.
    """
    if not parts or not all(parts.values()) or min(min(group.values()) for group in parts.values()) <= 0:
        raise ValueError("a map of parameters needs groups of parts, and a number above 0 for each part.")
    kinds = [*dict.fromkeys(name for group in parts.values() for name in group)]
    groups = {name: sum(group.values()) for name, group in parts.items()}
    total, shares = sum(groups.values()), dict.fromkeys(kinds, 0)
    figure, axes = _canvas(f"{title}: {total:,} parameters", 5.2)
    for name, (left, low, width, height) in boxes(groups, (0, 0, 8, 4.2)):
        for kind, box in boxes(parts[name], (left, low, width, height)):
            shares[kind] += parts[name][kind]
            _tile(axes, box, kind, kinds.index(kind), parts[name][kind] / total)
        axes.add_patch(Rectangle((left, low), width, height, fill=False, edgecolor="black", linewidth=2))
        if width * height > 0.4:
            axes.text(left + 0.07, low + height - 0.07, name, va="top", fontsize=10, weight="bold", parse_math=False,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
    axes.set(xlim=(-0.02, 8.02), ylim=(-0.02, 4.22), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.set_xlabel("area: how many parameters; black frames: what belongs together", fontsize=11)
    words = ", ".join(f"{kind} {number / total:.0%}" for kind, number in shares.items())
    largest = max(groups, key=groups.get)
    return figure, (f"{title}: {total:,} parameters as areas, in {len(groups)} groups. {words}. The largest group is "
                    f"{largest} with {groups[largest] / total:.0%}.")  # fmt: skip


def _tile(axes, box: Box, kind: str, number: int, share: float) -> None:
    left, low, width, height = box
    axes.add_patch(Rectangle((left, low), width, height, facecolor=COLOURS[number % len(COLOURS)], alpha=0.35,
                             hatch=HATCHES[number % len(HATCHES)], edgecolor="white", linewidth=0.8))  # fmt: skip
    if share >= 0.02:
        ground = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1}
        axes.text(left + width / 2, low + height / 2, f"{kind}\n{share:.0%}", ha="center", va="center", fontsize=10,
                  parse_math=False, bbox=ground)  # fmt: skip


@legible
def differences(values: Sequence[float], names: Sequence[str], title: str, limit: float = 1e-5) -> tuple[Figure, str]:
    """The largest difference after each layer as a bar, on a logarithmic axis; hatched where it is above `limit`.

    ValueError for unequal numbers of values and names, and for what is no number of 0 or more.
    """
    values = np.asarray(values, dtype=float)
    if values.shape != (len(names),) or not len(names) or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(f"there are {len(names)} names and the values {values.tolist()}: give one value a name, each "
                         "finite, and 0 or more.")  # fmt: skip
    figure, axes = _canvas(title, 4.2)
    for place, value in enumerate(values):
        over = value > limit
        axes.bar(place, max(value, LEAST), bottom=0, width=0.7, color=COLOURS[1] if over else COLOURS[0],
                 hatch="//" if over else "", edgecolor="white")  # fmt: skip
        axes.annotate(f"{value:.0e}" if value else "0", (place, max(value, LEAST)), (0, 4), ha="center", fontsize=11,
                      textcoords="offset points")  # fmt: skip
    axes.axhline(limit, color=GREY, linewidth=1.5, linestyle="--")
    axes.annotate(f"{limit:.0e}", (1, limit), (4, 0), xycoords=("axes fraction", "data"), va="center", color=GREY,
                  textcoords="offset points", fontsize=11)  # fmt: skip
    axes.set_yscale("log")
    axes.set(ylim=(LEAST / 2, MOST), xlim=(-0.6, len(names) - 0.4))
    axes.set_xticks(range(len(names)), names, parse_math=False)
    axes.set_ylabel("largest difference (no unit, logarithmic)", fontsize=12)
    axes.grid(axis="y", alpha=0.3)
    first = next((name for name, value in zip(names, values) if value > limit), None)
    words = ", ".join(f"{name} {value:.0e}" for name, value in zip(names, values))
    verdict = f"all are below {limit:.0e}" if first is None else f"the first above {limit:.0e} is {first}"
    return figure, f"{title}. Largest difference after each layer: {words}; {verdict}."
