"""Pictures for a Llama: where its numbers lie.

`treemap` returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes counts,
never a model.
"""

import textwrap
from collections.abc import Mapping

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.viz.embeddings import COLOURS, _canvas
from course_lib.viz.words import drawable, fonts, legible

WIDEST = 80  # characters that fit into the whole width
SMALLEST = 0.012  # of the whole: a part below it is too small for its name


@legible
def treemap(groups: Mapping[str, Mapping[str, int]], title: str) -> tuple[Figure, str]:
    """Each group a column as wide as its share of the whole, in it its parts, each as high as its share of the group.

    So areas can be compared. ValueError for nothing to draw, and for counts that are not above 0.
    """
    counts = [count for parts in groups.values() for count in parts.values()]
    if not counts or min(counts) <= 0 or not all(groups.values()):
        raise ValueError(f"there are {len(groups)} groups, and their counts are {counts[:5]}: give each group a part "
                         "or more, each above 0.")  # fmt: skip
    whole, x = sum(counts), 0.0
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        figure, axes = _canvas(drawable(title), 4.6)
        for colour, (group, parts) in zip(COLOURS * len(groups), groups.items()):
            width, y = sum(parts.values()) / whole, 0.0
            for part, count in parts.items():
                height = count / whole / width
                axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="white", linewidth=2))
                if count / whole > SMALLEST:
                    name = "\n".join(textwrap.wrap(drawable(part), max(8, int(WIDEST * width))))
                    axes.text(x + width / 2, y + height / 2, f"{name}\n{count / 1e6:.1f} M", fontsize=11.5,
                              ha="center", va="center", color="black", parse_math=False,
                              bbox={"facecolor": "white", "edgecolor": "none", "pad": 2})  # fmt: skip
                y += height
            if width > SMALLEST:
                axes.text(x + width / 2, 1.02, f"{drawable(group)} {width:.0%}", fontsize=12, ha="center",
                          parse_math=False)  # fmt: skip
            x += width
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    axes.set_title(drawable(title), fontsize=14, pad=26, parse_math=False)
    axes.spines[:].set_visible(False)
    told = "; ".join(f"{group} {sum(parts.values()) / whole:.1%} ("
                     + ", ".join(f"{part} {count:,}" for part, count in parts.items()) + ")"
                     for group, parts in groups.items())  # fmt: skip
    return figure, f"{title}: {whole:,} in all. {told}."
