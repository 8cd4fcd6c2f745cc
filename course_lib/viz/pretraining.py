"""Pictures for pretraining: what a model says to a hole in a text, beside another that is asked the same.

`guesses` returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes pieces
and probabilities, never a model. Each bar bears its number, so no picture needs its colours.
"""

from collections.abc import Mapping

from matplotlib.figure import Figure

from course_lib.viz.attention import shown
from course_lib.viz.embeddings import COLOURS, _canvas
from course_lib.viz.words import drawable, legible


@legible
def guesses(sides: Mapping[str, Mapping[str, float]], title: str) -> tuple[Figure, str]:
    """For each side, named, the pieces it gives for a hole and their p, the likeliest first: one panel of bars each.

    All panels share one axis, so that sure and unsure can be told apart. ValueError for no side, for one without a
    piece, and for what is no probability.
    """
    for name, pieces in sides.items():
        wrong = [f"{piece!r} has p = {p}" for piece, p in pieces.items() if not 0 <= p <= 1]
        if wrong or not pieces:
            raise ValueError(f"The side {name!r} cannot be drawn ({wrong[0] if wrong else 'it has no piece'}): give "
                             "one piece or more, each with a p from 0 to 1.")  # fmt: skip
    if not sides:
        raise ValueError("there is no side to draw: give at least one, name -> {piece: p}.")
    figure, axes = _canvas("", 1.6 + 0.36 * max(map(len, sides.values())))
    axes.remove()
    figure.suptitle(drawable(title), fontsize=14, parse_math=False)
    highest = max(p for pieces in sides.values() for p in pieces.values())
    panels = figure.subplots(1, len(sides), squeeze=False)[0]
    for colour, panel, (name, pieces) in zip(COLOURS, panels, sides.items()):
        names, shares = [drawable(shown(piece)) for piece in pieces], [*pieces.values()]
        panel.barh(range(len(names)), shares, color=colour)
        for place, share in enumerate(shares):
            panel.annotate(f"{share:.2f}", (share, place), (4, 0), textcoords="offset points", va="center", fontsize=11)
        panel.set_yticks(range(len(names)), names, fontsize=12, parse_math=False)
        panel.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, 1.2 * highest or 1))
        panel.set_xlabel("p", fontsize=12)
        panel.set_title(name, fontsize=13, parse_math=False)
        panel.spines[["top", "right"]].set_visible(False)
    words = [f"{name} says " + ", ".join(f"{piece} {p:.2f}" for piece, p in pieces.items())
             for name, pieces in sides.items()]  # fmt: skip
    return figure, f"{title}: {'; '.join(words)}."
