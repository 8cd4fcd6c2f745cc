"""A tiny CLIP on drawn scenes, asked more often than a lesson has time for: more seeds, its controls, its weakness.

    python benchmarks/images.py            everything on the CPU, one thread (some fifteen minutes)
    python benchmarks/images.py --only more --seeds 4 5    some arms, some seeds, beside what the file holds already
    python benchmarks/images.py --table    print the tables of the last run

Each run learns from 4,000 pictures and captions of its own. "shuffled" learns from the same pictures and captions in
other pairs, "untrained" from none. "more" goes on from "trained" for as many steps again, and so does "false captions",
which sees for each picture of two things one caption more, made false by a change of order, colours or direction alone
(for a picture of one thing, of its place). All else, as the learning rate, is the same. Four seeds were run first; then
it was settled that there would be eight, whatever the other four say. "half" and "twice" beside these two: at half and
twice their learning rate, with three seeds.

"retrieval": 500 pictures and their captions, all different, from scenes that no run has learned from: which caption
belongs to this picture ("to texts"), which picture to this caption ("to pictures"), at 1 and at 5. "same names" is the
share of wrong first captions that name the same colours and shapes. A caption told from its other side (right of, for
left of) counts as wrong where it stands among the 500.
"names": 600 pictures of one thing of a seen name, 600 of a name that no run has seen; 30 names to choose from, each the
mean over nine captions. "false": 600 pictures of two things, each with its caption and one that a single change made
false: how often has the true one the higher score? (A tie counts half.)

The table goes to results/images.json after each run. Lesson 25 shows it and reruns a row.
"""

import argparse
import copy
import functools
import json
import os
import pathlib
import platform
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np
import torch
from measuring import save

from course_lib import clip, device, scenes, training
from course_lib.intervals import seed_interval

RESULT = pathlib.Path(__file__).parent / "results/images.json"
COUNT, STEPS, BATCH, RATE = 4000, 400, 128, 4e-3
RATES = {"": RATE, ", half": RATE / 2, ", twice": 2 * RATE}
# How many seeds each.
ARMS = {"trained": 8, "shuffled": 3, "untrained": 3, "more": 8, "false captions": 8, "more, half": 3,
        "false captions, half": 3, "more, twice": 3, "false captions, twice": 3}  # fmt: skip


def coded(captions) -> torch.Tensor:
    return torch.tensor(scenes.encode(captions))


def false_of(scene, rng) -> str:
    """A caption that a single change made false: of a single thing another place, of two a change by chance."""
    if len(scene) == 1:
        place = (scene[0].place + int(rng.integers(1, 9))) % 9
        return scenes.caption([scene[0]._replace(place=place)])
    return scenes.false_caption(scene, scenes.CHANGES[rng.integers(1, 4)])


def fitted(model: clip.CLIP, seed: int, *tensors: torch.Tensor, rate: float = RATE) -> clip.CLIP:
    """A copy of the model after 400 steps on these."""
    model = copy.deepcopy(model)
    plan = training.TrainingConfig(steps=STEPS, learning_rate=rate, warmup_steps=30, seed=seed)
    training.train(model, training.shuffled(*tensors, batch_size=BATCH), clip.contrastive, plan, progress=False)
    return model


def models(seed: int, arms: list[str]) -> Iterator[tuple[str, clip.CLIP]]:
    """These arms, one after another; what goes on from "trained" shares it."""
    rng, learned = np.random.default_rng(seed), scenes.sample(COUNT, seed=seed)
    shown, said = torch.tensor(learned.pictures), coded(learned.captions)
    torch.manual_seed(seed)
    start = clip.CLIP(clip.CLIPConfig(len(scenes.WORDS))).eval()
    base = fitted(start, seed, shown, said) if {*arms} - {"shuffled", "untrained"} else None
    mixed = said[torch.tensor(rng.permutation(COUNT))]
    wrong = coded([false_of(scene, rng) for scene in learned.scenes])
    ways = {"trained": lambda: base, "untrained": lambda: start, "shuffled": lambda: fitted(start, seed, shown, mixed)}
    for name, rate in RATES.items():
        for arm, texts in (("more", (said,)), ("false captions", (said, wrong))):
            ways[arm + name] = functools.partial(fitted, base, seed + 100, shown, *texts, rate=rate)
    for arm in arms:
        yield arm, ways[arm]()


class Questions:
    """What every model is asked, on scenes of their own."""

    def __init__(self):
        gallery = scenes.sample(3000, seed=1000)
        first = list({text: i for i, text in reversed([*enumerate(gallery.captions)])}.values())[:500]
        self.captions = [gallery.captions[i] for i in first]
        self.gallery = torch.tensor(gallery.pictures[first])
        self.prompts = torch.stack([coded([scenes.caption([scenes.Thing(*name, place)]) for place in range(9)])
                                    for name in scenes.NAMES])  # fmt: skip
        self.single = {"seen": scenes.sample(600, seed=2000, pairs=0),
                       "never": scenes.sample(600, seed=2001, pairs=0, names=scenes.NEVER_SEEN)}  # fmt: skip
        self.pairs = scenes.sample(600, seed=3000, pairs=1)

    @torch.no_grad()
    def ask(self, model: clip.CLIP) -> dict[str, float]:
        scores = model.scores(self.gallery, coded(self.captions))
        found = {f"to {what} at {k}": clip.retrieval_at(table, k)
                 for what, table in (("texts", scores), ("pictures", scores.T)) for k in (1, 5)}  # fmt: skip
        first = [self.captions[i] for i in scores.argmax(1).tolist()]
        lost = [(said, true) for said, true in zip(first, self.captions) if said != true]
        found["same names"] = sum(names_of(a) == names_of(b) for a, b in lost) / max(1, len(lost))
        vectors = clip.name_vectors(model, self.prompts)
        for what, asked in self.single.items():
            best = (model.encode_pictures(torch.tensor(asked.pictures)) @ vectors.T).argmax(1).tolist()
            pairs = [(scenes.NAMES[i], scene[0]) for i, scene in zip(best, asked.scenes)]
            found[f"{what}: colour"] = np.mean([name[0] == thing.colour for name, thing in pairs])
            found[f"{what}: shape"] = np.mean([name[1] == thing.shape for name, thing in pairs])
            found[f"{what}: name"] = np.mean([name == thing[:2] for name, thing in pairs])
        shown = model.encode_pictures(torch.tensor(self.pairs.pictures))
        true = (shown * model.encode_texts(coded(self.pairs.captions))).sum(1)
        for change in scenes.CHANGES:
            texts = coded([scenes.false_caption(scene, change) for scene in self.pairs.scenes])
            gap = true - (shown * model.encode_texts(texts)).sum(1)
            found[f"false: {change}"] = ((gap > 0).float().mean() + (gap == 0).float().mean() / 2).item()
        return {name: round(float(value), 4) for name, value in found.items()}


def names_of(caption: str) -> list[str]:
    return sorted(word for word in caption.split() if word in scenes.COLOURS or word in scenes.SHAPES)


def measure(wanted: list[tuple[str, int]], rows: list[dict]) -> None:
    """Run these (arm, seed), and put them beside the rows there are."""
    machine = f"{os.cpu_count()} cores {platform.machine()}, {platform.system()}, torch {version('torch')}, one thread"
    sizes = {"scenes": COUNT, "steps": STEPS, "batch": BATCH, "rate": RATE, "gallery": 500}
    with device.one_thread():
        asked = Questions()
        for seed in sorted({seed for _, seed in wanted}):
            for arm, model in models(seed, [arm for arm, other in wanted if other == seed]):
                rows.append({"arm": arm, "seed": seed, **asked.ask(model),
                             "temperature": round(model.temperature.item(), 4)})  # fmt: skip
                print(rows[-1], flush=True)
                save(RESULT, {"machine": machine, "settings": sizes, "runs": rows})


def table(found: dict) -> None:
    print("measured on", found["machine"], found["settings"])
    for arm in dict.fromkeys(row["arm"] for row in found["runs"]):
        rows = [row for row in found["runs"] if row["arm"] == arm]
        for name in rows[0]:
            if name not in ("arm", "seed"):
                value, low, high = seed_interval(row[name] for row in rows)
                print(f"{arm:22} {name:28} {value:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the tables of the last run")
    parser.add_argument("--only", nargs="+", choices=ARMS, help="these arms, beside what the file holds already")
    parser.add_argument("--seeds", nargs="+", type=int, help="these seeds alone")
    given = parser.parse_args()
    if not given.table:
        wanted = [(arm, seed) for arm in given.only or ARMS for seed in given.seeds or range(1, ARMS[arm] + 1)]
        old = json.loads(RESULT.read_text())["runs"] if given.only else []
        measure(wanted, [row for row in old if (row["arm"], row["seed"]) not in wanted])
    table(json.loads(RESULT.read_text()))
