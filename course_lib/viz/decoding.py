"""Pictures of choosing: the probabilities before and after a rule, and the tree that a beam search walks.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
names and numbers, never a model. Numbers stand beside bars and nodes, so that no picture needs its colours.
"""

import textwrap
from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from course_lib.viz.attention import shown
from course_lib.viz.embeddings import COLOURS, GREY, _canvas
from course_lib.viz.words import drawable, fonts, legible


@legible
def choices(names: Sequence[str], before: Float[np.ndarray, " V"], after: Float[np.ndarray, " V"], title: str,
            most: int = 14) -> tuple[Figure, str]:
    """The likeliest tokens: what the model gives them, an outline, and what is drawn from, a bar; hatched is cut.

    ValueError for shares that do not fit the names, are no probabilities, or do not sum to one.
    """
    before, after = (np.asarray(shares, dtype=float) for shares in (before, after))
    for what, shares in (("before", before), ("after", after)):
        if shares.shape != (len(names),):
            raise ValueError(f"{what} has the shape {shares.shape} for {len(names)} names: give one share a name.")
        if not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-3:
            raise ValueError(f"{what} sums to {shares.sum():.3g} (smallest {shares.min():.3g}): give probabilities.")
    order = np.argsort(-before, kind="stable")[:most]
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        figure, axes = _canvas("\n".join(textwrap.wrap(drawable(title), 74)), 1.9 + 0.3 * len(order))
        places = np.arange(len(order))
        cut = after[order] == 0
        axes.barh(places, before[order], 0.76, color="none", edgecolor=GREY, linewidth=1.2,
                  hatch=["////" if gone else "" for gone in cut], label="the model's own")  # fmt: skip
        axes.barh(places, after[order], 0.5, color=COLOURS[0], alpha=0.85, label="drawn from")
        widest = max(before[order].max(), after[order].max())
        for place, i in enumerate(order):
            text = "cut" if after[i] == 0 else f"{after[i]:.3f}"
            axes.annotate(text, (max(before[i], after[i]), place), (5, 0), textcoords="offset points", va="center",
                          fontsize=10.5)  # fmt: skip
        axes.set_yticks(places, [drawable(shown(names[i])) for i in order], fontsize=12, parse_math=False)
        axes.set(ylim=(len(order) - 0.4, -0.6), xlim=(0, 1.13 * widest))
        axes.set_xlabel("probability", fontsize=12)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=11, loc="lower right")
    kept = int((after > 0).sum())
    told = ", ".join(f"{shown(names[i])} {before[i]:.3f} to {after[i]:.3f}" for i in order[:5])
    return figure, f"{title}: {kept} of {len(names)} tokens can be drawn. Before and after: {told}."


@legible
def tree(steps: Sequence[Sequence[tuple[str, int, float]]], best: Sequence[int], title: str) -> tuple[Figure, str]:
    """A beam search: a column a step, and in it what it kept, the best on top.

    Each of a step's entries: the token, which entry of the step before it goes on from (0 at first), and its total log
    probability. `best`: for each step the entry through which the text that won went. ValueError for no step, and for
    entries that are not there.
    """
    if not steps or not all(steps) or len(best) != len(steps):
        raise ValueError(f"there are {len(steps)} steps and {len(best)} entries of the best text: give one a step, and "
                         "at least one entry in each.")  # fmt: skip
    sizes = [1, *map(len, steps)]
    for number, (step, winner) in enumerate(zip(steps, best)):
        wrong = [i for i in (*(parent for _, parent, _ in step),) if not 0 <= i < sizes[number]]
        if wrong or not 0 <= winner < len(step):
            raise ValueError(f"step {number} names entry {wrong[0] if wrong else winner}, which is not there.")
    tallest = max(sizes)
    with matplotlib.rc_context({"font.family": [*fonts()]}):
        figure, axes = _canvas("\n".join(textwrap.wrap(drawable(title), 74)), 1.4 + 0.52 * tallest)
        axes.text(0, 0, "start", ha="center", va="center", fontsize=11)
        for number, (step, winner) in enumerate(zip(steps, best)):
            for row, (name, parent, total) in enumerate(step):
                won = row == winner
                axes.plot([number + 0.3, number + 0.68], [parent, row], color=COLOURS[1] if won else GREY,
                          linewidth=2.6 if won else 1, linestyle="-" if won else (0, (3, 2)))  # fmt: skip
                axes.text(number + 1, row, f"{drawable(shown(name))}  {total:.2f}", ha="center", va="center",
                          fontsize=11, weight="bold" if won else "normal", parse_math=False)  # fmt: skip
        axes.set(xlim=(-0.3, len(steps) + 0.45), ylim=(tallest - 0.4, -0.7))
        axes.axis("off")
    path = " ".join(shown(step[winner][0]) for step, winner in zip(steps, best))
    first = steps[0][0][0]
    total = steps[-1][best[-1]][2]
    return figure, (f"{title}: a tree of {len(steps)} steps with up to {tallest} texts each. The text that won is "
                    f"{path}, total {total:.2f}; the likeliest first token is {shown(first)}.")
