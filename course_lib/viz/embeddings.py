"""Pictures of word vectors: neighbours, maps in the plane, words moving during training, races of loss against time.

Each function returns (figure, alt): a Matplotlib figure 800 pixels wide, and words that say what it shows. It takes
arrays, words, or anything that answers like a `KeyedVectors`; never a model. Colours are Okabe & Ito's (2008), and no
picture needs them: markers and line styles say the same.
"""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from course_lib.viz.words import NAME, drawn, legible, tidy

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 3)))
GREY = "#595959"
# Where a label may stand: points from its dot across and up; the farther ones get a thin line back to it.
SPOTS = tuple((distance * np.cos(angle), distance * np.sin(angle))
              for distance, number in ((8, 8), (20, 12), (34, 16), (50, 20))
              for angle in 2 * np.pi * np.arange(number) / number)


@legible
def neighbours(vectors, word: str, topn: int = 10) -> tuple[Figure, str]:
    """The words nearest to `word`, with their cosines. Unknown words and a bad `topn` raise what `vectors` raises."""
    near = vectors.most_similar(word, topn=topn)
    if not near:
        raise ValueError(f"{word!r} has no neighbours: it is the only word.")
    words, cosines = zip(*near, strict=True)
    places = np.arange(len(near))
    figure, axes = _canvas(f"Nearest to “{word}”", height=1.6 + 0.32 * len(near))
    axes.hlines(places, 0, cosines, color=COLOURS[0], linewidth=2.5)
    axes.plot(cosines, places, "o", color=COLOURS[0], markersize=9)
    for place, cosine in zip(places, cosines, strict=True):
        axes.annotate(f"{cosine:.2f}", (cosine, place), (9 if cosine >= 0 else -9, 0), textcoords="offset points",
                      va="center", ha="left" if cosine >= 0 else "right")
    axes.set_yticks(places, words, parse_math=False)
    axes.set(xlabel="cosine similarity (no unit; 1 = same direction)", ylim=(len(near) - 0.4, -0.6),
             xlim=(min(0, *cosines, 0) * 1.18, max(*cosines, 0.1) * 1.12))
    axes.grid(axis="y", visible=False)
    axes.axvline(0, color=GREY, linewidth=1)
    rest = f"; then {', '.join(words[1:])}, the last at {cosines[-1]:.2f}" if len(near) > 1 else ""
    return figure, (f"Bar chart of the {len(near)} words nearest to {word}: {words[0]} with cosine "
                    f"{cosines[0]:.2f}{rest}.")


@legible
def map_words(vectors, words: Sequence[str] | Mapping[str, Sequence[str]],
              title: str = "A map of words") -> tuple[Figure, str]:
    """Words in the two directions in which their vectors differ most (PCA by SVD).

    `words`: a list, or group -> list; each group has a colour and a marker. Raises ValueError for fewer than two words.
    """
    groups = words if isinstance(words, Mapping) else {"": words}
    every = [word for group in groups.values() for word in group]
    if len(set(every)) < 2 or len(set(every)) < len(every):
        raise ValueError(f"a map needs two or more words, each once, not {every!r}: give a list of different words.")
    rows = np.stack([np.asarray(vectors[word]) for word in every])  # [n, D]
    centre, axes_2d, shares = _plane(rows)
    places = (rows - centre) @ axes_2d  # [n, 2]
    figure, axes = _canvas(title, height=6)
    owner = [group for group, members in groups.items() for _ in members]
    for style, group in enumerate(groups):
        mine = places[[name == group for name in owner]]
        _dots(axes, mine, style, group)
    _limits(axes, places)
    axes.set(xlabel=f"first principal direction ({shares[0]:.0%} of the variance; units of the vectors)",
             ylabel=f"second ({shares[1]:.0%}; same units)")
    place_labels(axes, places, every)
    if len(groups) > 1:
        _legend(axes)
    return figure, (f"Map of {len(every)} words in two dimensions that keep {sum(shares):.0%} of the variance. "
                    f"{_closest(places, every)}{_extremes(places, every)}")


@legible
def moving_map(snapshots: Sequence[np.ndarray] | Mapping[int, np.ndarray], words: Sequence[str],
               step: int) -> tuple[Figure, str]:
    """Where words stood at one training step, and their way there, on axes that stay the same for every step.

    `snapshots`: step -> matrix [n, D] with one row per word of `words`, or a list of them (steps 0, 1, 2, ...). The
    axes are the principal directions of the last snapshot. Raises ValueError for a step that was not kept.
    """
    table = dict(snapshots) if isinstance(snapshots, Mapping) else dict(enumerate(snapshots))
    steps = sorted(table)
    if step not in table:
        raise ValueError(f"there is no snapshot of step {step!r}: the steps kept are {', '.join(map(str, steps))}.")
    shapes = {np.shape(rows) for rows in table.values()}
    if len(shapes) > 1 or len(next(iter(shapes))) != 2 or next(iter(shapes))[0] != len(words) or len(words) < 2:
        raise ValueError(f"snapshots have shapes {sorted(shapes)} for {len(words)} words: each needs one row per word, "
                         "and at least two words.")
    centre, axes_2d, _ = _plane(np.asarray(table[steps[-1]]))
    ways = np.stack([(np.asarray(table[one]) - centre) @ axes_2d for one in steps])  # [steps, n, 2]
    now = steps.index(step)
    figure, axes = _canvas(f"Step {step} of {steps[-1]}: where the vectors have moved", height=6)
    for way in ways[:now + 1].transpose(1, 0, 2):
        axes.plot(*way.T, color=COLOURS[1], linewidth=1.2, alpha=0.6, zorder=1)
    axes.plot(*ways[0].T, "x", color=GREY, markersize=6, label=f"at step {steps[0]}", zorder=2)
    _dots(axes, ways[now], 0, f"at step {step}")
    _limits(axes, ways.reshape(-1, 2))
    axes.set(xlabel="first principal direction of the last step (units of the vectors)", ylabel="second (same units)")
    place_labels(axes, ways[now], list(words))
    _legend(axes)
    moved = np.linalg.norm(ways[now] - ways[0], axis=1)
    far = int(moved.argmax())
    story = (f"On average a word has moved {moved.mean():.2f} since step {steps[0]}, {words[far]} the farthest "
             f"({moved[far]:.2f}). " if now else "No word has moved yet. ")
    return figure, (f"Map of {len(words)} words at training step {step} of {steps[-1]}. {story}"
                    f"{_closest(ways[now], words)}").strip()


@legible
def race(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str = "Loss against time",
         ylabel: str = "loss (nats)") -> tuple[Figure, str]:
    """Loss against seconds, one line per runner: name -> (seconds, loss).

    The finish is the lowest loss that every runner reaches; the dotted line shows it, the alt text says who is there
    first and last. Raises ValueError for no runner, unequal or empty lists, NaN.
    """
    runs = {name: tuple(np.asarray(one, dtype=float) for one in curve) for name, curve in curves.items()}
    for name, curve in runs.items():
        if len(curve) != 2 or curve[0].shape != curve[1].shape or curve[0].ndim != 1 or not curve[0].size:
            raise ValueError(f"the curve of {name!r} has shapes {[one.shape for one in curve]}: give two lists of "
                             "equal length, seconds and loss.")
        if not np.isfinite(curve).all():
            raise ValueError(f"the curve of {name!r} holds NaN or infinity: leave those points out, or look why.")
    if not runs:
        raise ValueError("a race needs at least one curve: name -> (seconds, loss).")
    finish = max(loss.min() for _, loss in runs.values())
    times = {name: float(seconds[np.flatnonzero(loss <= finish)[0]]) for name, (seconds, loss) in runs.items()}
    figure, axes = _canvas(title, height=5)
    for style, (name, (seconds, loss)) in enumerate(runs.items()):
        axes.plot(seconds, loss, color=COLOURS[style % 7], linestyle=LINES[style % 7], marker=MARKERS[style % 7],
                  markevery=max(1, len(loss) // 8), markersize=8, linewidth=2, label=f"{name} ({times[name]:.3g} s)")
    axes.axhline(finish, color=GREY, linewidth=1.2, linestyle=(0, (1, 3)), label=f"finish: {finish:.3g}")
    axes.set(xlabel="time (seconds)", ylabel=ylabel)
    positive = [seconds[seconds > 0] for seconds, _ in runs.values()]
    ends = [seconds.max() for seconds in positive if seconds.size]
    if ends and max(ends) > 20 * min(ends):
        _log_seconds(axes, min(seconds.min() for seconds in positive if seconds.size))
    _legend(axes)
    return figure, (f"Line chart of {ylabel} against seconds for {len(runs)} runs. {_result(times, finish, ylabel)}"
                    f"{_last_values(runs)}")


# ---- Words for the pictures ------------------------------------------------------------------------------------

def _result(times: dict[str, float], finish: float, ylabel: str) -> str:
    order = sorted(times, key=times.get)
    if len(order) == 1:
        return f"{order[0]} reaches its lowest {ylabel}, {finish:.3g}, after {times[order[0]]:.3g} seconds. "
    return (f"{order[0]} is the first to reach {ylabel} of {finish:.3g}, after {times[order[0]]:.3g} seconds; "
            f"{order[-1]} is the last, after {times[order[-1]]:.3g}. ")


def _last_values(runs: dict) -> str:
    return "Last values: " + ", ".join(f"{name} {loss[-1]:.3g}" for name, (_, loss) in runs.items()) + "."


def _closest(places: Float[np.ndarray, "n 2"], words: Sequence[str]) -> str:
    first, second = min(combinations(range(len(words)), 2),
                        key=lambda pair: np.linalg.norm(places[pair[0]] - places[pair[1]]))
    return f"Closest together on the map: {words[first]} and {words[second]}. "


def _extremes(places: Float[np.ndarray, "n 2"], words: Sequence[str]) -> str:
    left, bottom = places.argmin(axis=0)
    right, top = places.argmax(axis=0)
    return f"Leftmost: {words[left]}; rightmost: {words[right]}; top: {words[top]}; bottom: {words[bottom]}."


# ---- Drawing ---------------------------------------------------------------------------------------------------

def _canvas(title: str, height: float) -> tuple[Figure, Axes]:
    """A figure 800 pixels wide that pyplot does not keep (a slider makes hundreds)."""
    figure = Figure(figsize=(8, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    lines = [part for line in title.split("\n") for part in textwrap.wrap(line, 72)]
    axes.set_title("\n".join(lines), fontsize=15, parse_math=False)  # a word may be "$", which is not a formula
    axes.tick_params(labelsize=12)
    axes.xaxis.label.set_size(12)
    axes.yaxis.label.set_size(12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    return figure, axes


def _plane(rows: Float[np.ndarray, "n D"]) -> tuple[np.ndarray, Float[np.ndarray, "D 2"], list[float]]:
    """Centre, first two principal directions, and their shares of the variance; signs are fixed."""
    rows = np.asarray(rows, dtype=np.float64)
    centre = rows.mean(axis=0)
    _, sizes, directions = np.linalg.svd(rows - centre, full_matrices=False)
    axes_2d = np.zeros((rows.shape[1], 2))
    axes_2d[:, :len(directions[:2])] = directions[:2].T
    biggest = np.abs(axes_2d).argmax(axis=0)
    axes_2d *= np.where(axes_2d[biggest, [0, 1]] < 0, -1, 1)
    shares = np.append(sizes**2, 0)[:2] / max(float((sizes**2).sum()), 1e-30)
    return centre, axes_2d, shares.tolist()


def _dots(axes: Axes, places: Float[np.ndarray, "n 2"], style: int, label: str) -> None:
    axes.plot(*places.T, MARKERS[style % 7], color=COLOURS[style % 7], markersize=8, label=label, zorder=3)


def _limits(axes: Axes, places: Float[np.ndarray, "n 2"]) -> None:
    """Room for all places and, at the sides, for their words."""
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.maximum(high - low, 1e-9) * (0.14, 0.1)
    axes.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))


def place_labels(axes: Axes, places: Float[np.ndarray, "n 2"], words: Sequence[str], size: float = 12) -> None:
    """A word beside each place, where it covers least of what is there already. The axes' limits must be set."""
    figure = axes.figure
    tidy(figure)
    figure.draw_without_rendering()  # the layout must stand before boxes can be compared
    renderer, frame, points = figure.canvas.get_renderer(), axes.get_window_extent(), figure.dpi / 72
    dots = axes.transData.transform(places)
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in dots]
    line = {"arrowstyle": "-", "color": GREY, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 5}
    for word, place, dot in zip(words, places, dots, strict=True):
        text = axes.annotate(drawn(word, NAME), place, (0, 0), textcoords="offset points", fontsize=size, zorder=4,
                             parse_math=False, arrowprops=line)
        box = Text.get_window_extent(text, renderer)
        boxes = [_box(dot, spot, box.width, box.height, points) for spot in SPOTS]
        costs = [_cost(one, taken, frame) + 0.3 * i for i, one in enumerate(boxes)]  # the nearest of two good ones
        best = int(np.argmin(costs))
        text.set(position=SPOTS[best], ha=_side(SPOTS[best][0], "left", "right"),
                 va=_side(SPOTS[best][1], "bottom", "top"))
        text.arrow_patch.set_visible(best >= 8)
        taken.append(boxes[best])


def _side(offset: float, positive: str, negative: str) -> str:
    return "center" if abs(offset) < 1 else positive if offset > 0 else negative


def _box(dot, spot, width: float, height: float, points: float) -> tuple[float, float, float, float]:
    """The pixels of a label at one of the spots around its dot."""
    x, y = dot[0] + spot[0] * points, dot[1] + spot[1] * points
    left = x - width * {"left": 0, "center": 0.5, "right": 1}[_side(spot[0], "left", "right")]
    low = y - height * {"bottom": 0, "center": 0.5, "top": 1}[_side(spot[1], "bottom", "top")]
    return left, low, left + width, low + height


def _cost(box, taken, frame) -> float:
    """Pixels of a label's box that cover others or leave the frame."""
    left, low, right, high = box
    covered = sum(max(0, min(right, r) - max(left, x)) * max(0, min(high, h) - max(low, y)) for x, y, r, h in taken)
    return covered + 1000 * (max(0, frame.x0 - left) + max(0, right - frame.x1)
                             + max(0, frame.y0 - low) + max(0, high - frame.y1))


def _legend(axes: Axes) -> None:
    """Below the picture, where it covers nothing."""
    legend = axes.figure.legend(loc="outside lower center", ncols=3, fontsize=11, frameon=False, handlelength=3.5)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _log_seconds(axes: Axes, first: float) -> None:
    axes.set_xscale("symlog", linthresh=first, linscale=0.3)
    axes.set_xlim(left=0)
    axes.set_xlabel("time (seconds, logarithmic scale)")
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
