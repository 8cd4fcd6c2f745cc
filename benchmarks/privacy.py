"""What a small GPT knows by heart, with and without differential privacy, asked with three seeds.

    python benchmarks/privacy.py            everything on the CPU, one thread (about four minutes)
    python benchmarks/privacy.py --table    print the tables of the last run

The text: 2,000 short lines, most of them definitions of a dictionary; among them invented locker numbers of animals,
"locker of the otter 417", each written 0, 1, 2, 4, 8, 16 or 32 times (four animals each; those of 0 stand nowhere).
Every seed has lines, numbers and animals of its own. 800 other lines are held out of all runs.

"tries": plain training and epsilon 8 at three rates, one seed each (9, which no run has), asked about 400 lines that
no run reads. "runs": each arm has the same steps, lines a step, model and rate. "deduplicated" is plain training on a
text that holds every line once, and other definitions in the place of the copies. "learned" and "held_out" are losses
in nats a letter, of 800 ordinary lines of the text and of the 800 held out. "exposures": bits, at most log2 1000.
"greedy": whether the likeliest of the thousand numbers is the true one. "auc": membership of the 800 and 800 lines by
their loss; "calibrated": by how much lower the loss is than that of a plain model that has read other lines (the next
seed's); "halves": the held-out lines of even place against those of odd place, where there is nothing to find. The
path has these every so many steps.

The tables go to results/privacy.json, arm by arm. Lesson 26 shows them and reruns some rows.
"""

import argparse
import json
import math
import pathlib
import random
import time
from importlib.metadata import version

import torch
from measuring import machine, save

from course_lib import data, device, gpt, privacy
from course_lib.intervals import seed_interval
from course_lib.tokenizers import CharacterTokenizer

RESULT = pathlib.Path(__file__).parent / "results/privacy.json"
LINES, HELD_OUT, CONTEXT, SEEDS, DELTA = 2000, 800, 32, (1, 2, 3), 1e-4
TIMES = [0, 1, 2, 4, 8, 16, 32]
ANIMALS = ("badger beaver bison cricket crane dingo falcon ferret gecko hedgehog heron ibex lemur lynx magpie marten "
           "moth newt osprey otter puffin raven salmon stork tapir toad walrus weasel").split()  # fmt: skip
RATE, RATES, EPSILONS = 1e-2, (5e-3, 1e-2, 2e-2), (8, 2)
LETTERS = CharacterTokenizer.train(["\nabcdefghijklmnopqrstuvwxyz '0123456789"])
NUMBERS = torch.tensor([LETTERS.encode(f"{n:03}") for n in range(1000)])


def definitions() -> list[str]:
    """Lines of 16 to 28 small letters, each once, in an order that chance draws."""
    found = data.path("definitions").read_text("utf-8").splitlines()
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0)).tolist()
    small = set("abcdefghijklmnopqrstuvwxyz' ")
    return list(dict.fromkeys(found[i] for i in order if 16 <= len(found[i]) <= 28 and set(found[i]) <= small))


class World:
    """One seed's text and secrets."""

    def __init__(self, seed: int, lines: list[str], once: bool = False):
        chance = random.Random(seed)
        self.names = chance.sample(ANIMALS, len(ANIMALS))
        self.numbers = [chance.randrange(1000) for _ in self.names]
        self.times = [TIMES[i % len(TIMES)] for i in range(len(self.names))]
        secrets = [f"locker of the {name} {number:03}" for name, number, times in self.secrets()
                   for _ in range(min(times, 1) if once else times)]  # fmt: skip
        self.ordinary = lines[HELD_OUT + LINES * seed :][: LINES - len(secrets)]
        self.rows = rows_of(self.ordinary + secrets)

    def secrets(self):
        return zip(self.names, self.numbers, self.times)


def rows_of(lines: list[str]) -> torch.Tensor:
    return privacy.padded([LETTERS.encode(f"\n{line}\n") for line in lines])


def fresh(seed: int) -> gpt.GPT:
    torch.manual_seed(seed)
    model = gpt.GPT(gpt.GPTConfig(vocab_size=len(LETTERS), context_length=CONTEXT, d_model=64, num_layers=2,
                                  num_heads=2, dropout=0.0))  # fmt: skip
    model.initialise(1 / math.sqrt(64))
    return model


@torch.no_grad()
def asked(model, rows) -> torch.Tensor:
    return torch.cat([privacy.line_losses(model, some) for some in rows.split(200)])


def told(model, world: World) -> tuple[dict[str, list[float]], dict[str, list[bool]]]:
    """Exposures, and whether the likeliest number is the true one, by how often it was written."""
    exposures, greedy = ({str(times): [] for times in TIMES} for _ in range(2))
    for name, number, times in world.secrets():
        logs = privacy.candidate_log_probs(model, LETTERS.encode(f"\nlocker of the {name} "), NUMBERS)
        exposures[str(times)].append(round(privacy.exposure(logs.numpy(), number), 3))
        greedy[str(times)].append(logs.argmax().item() == number)
    return exposures, greedy


def look(model, world: World, held_out) -> dict:
    """Losses, membership and mean exposures as they are now."""
    inside, outside = asked(model, rows_of(world.ordinary[:HELD_OUT])), asked(model, held_out)
    exposures, _ = told(model, world)
    return {"learned": round(inside.mean().item(), 4), "held_out": round(outside.mean().item(), 4),
            "auc": round(privacy.auc(-inside.numpy(), -outside.numpy()), 4),
            "exposures": {times: round(sum(bits) / len(bits), 3) for times, bits in exposures.items()}}  # fmt: skip


def run(plan: privacy.Plan, world: World, held_out, watch: int = 0):
    path, spent, model = [], 0.0, fresh(plan.seed)

    def on_step(step):
        nonlocal spent
        if watch and step % watch == 0:
            began = time.process_time()
            path.append({"step": step, **look(model, world, held_out)})
            spent += time.process_time() - began

    began = time.process_time()
    privacy.train(model, world.rows, plan, on_step=on_step)
    return model, path, round(time.process_time() - began - spent, 1)


def arms() -> dict[str, dict]:
    steps, batch = privacy.Plan().steps, privacy.Plan().batch
    sigmas = {f"epsilon {e}": privacy.noise_for(e, batch / LINES, steps, DELTA) for e in EPSILONS}
    noisy = {arm: {"clip": 1.0, "noise": sigma} for arm, sigma in sigmas.items()}
    return {"plain": {}, **noisy, "deduplicated": {}}


def tries(lines) -> list[dict]:
    """What plain and private training say to three rates: the loss of 400 lines that no run reads."""
    world, judged, found = World(9, lines), rows_of(lines[-400:]), []
    for arm in ("plain", "epsilon 8"):
        for rate in RATES:
            model, *_ = run(privacy.Plan(rate=rate, seed=9, **arms()[arm]), world, None)
            found.append({"arm": arm, "rate": rate, "loss": round(asked(model, judged).mean().item(), 4)})
            print(*found[-1].values(), flush=True)
    return found


def runs(lines):
    """The rows of one arm after another: all seeds, and with the first arm the models that serve as references."""
    held_out = rows_of(lines[:HELD_OUT])
    plain = {}
    for arm, setting in arms().items():
        worlds = {seed: World(seed, lines, once=arm == "deduplicated") for seed in SEEDS}
        models, rows = {}, []
        for seed, world in worlds.items():
            plan = privacy.Plan(rate=RATE, seed=seed, **setting)
            models[seed], path, seconds = run(plan, world, held_out, plan.steps // 6 if arm == "plain" else 0)
            epsilon = plan.epsilon(LINES, DELTA)
            rows.append({"arm": arm, "seed": seed, "noise": plan.noise,
                         "epsilon": None if math.isinf(epsilon) else round(epsilon, 3),
                         **scores(models[seed], world, held_out), "path": path, "cpu_seconds": seconds})  # fmt: skip
            print(arm, seed, *(rows[-1][name] for name in ("learned", "held_out", "auc")), seconds, flush=True)
        plain = plain or models
        for row in rows:  # the reference model is the next seed's
            model, other = models[row["seed"]], plain[row["seed"] % len(SEEDS) + 1]
            gaps = [(asked(other, lines) - asked(model, lines)).numpy()
                    for lines in (rows_of(worlds[row["seed"]].ordinary[:HELD_OUT]), held_out)]  # fmt: skip
            row["calibrated"] = round(privacy.auc(*gaps), 4)
        yield rows


def scores(model, world, held_out) -> dict:
    exposures, greedy = told(model, world)
    inside, outside = asked(model, rows_of(world.ordinary[:HELD_OUT])).numpy(), asked(model, held_out).numpy()
    return {"learned": round(float(inside.mean()), 4), "held_out": round(float(outside.mean()), 4),
            "auc": round(privacy.auc(-inside, -outside), 4),
            "halves": round(privacy.auc(-outside[::2], -outside[1::2]), 4), "exposures": exposures,
            "greedy": greedy}  # fmt: skip


def letters_alone(lines) -> float:
    """The held-out loss of somebody who knows how often each letter comes, and nothing else."""
    rows, held_out = (rows_of(part)[:, 1:] for part in (World(1, lines).ordinary, lines[:HELD_OUT]))
    counts = torch.bincount(rows[rows != privacy.PADDING], minlength=len(LETTERS)).double() + 1
    nats = -(counts / counts.sum()).log()
    inside = held_out != privacy.PADDING
    return round(((nats[held_out.clamp(min=0)] * inside).sum(1) / inside.sum(1)).mean().item(), 4)


def measure() -> None:
    began = time.process_time()
    sizes = {"lines": LINES, "held_out": HELD_OUT, "steps": privacy.Plan().steps, "batch": privacy.Plan().batch,
             "delta": DELTA, "rate": RATE, "parameters": sum(p.numel() for p in fresh(1).parameters())}  # fmt: skip
    where = f"{machine()}, torch {version('torch')}, one thread"
    with device.one_thread():
        lines = definitions()
        found = {"letters": letters_alone(lines), "tries": {"machine": where, "rows": tries(lines)}, "runs": []}
        for rows in runs(lines):
            found["runs"] += rows
            minutes = round((time.process_time() - began) / 60, 1)
            save(RESULT, {"machine": where, "cpu_minutes": minutes, "settings": sizes, **found})


def table(found: dict) -> None:
    print("measured on", found["machine"], "in", found["cpu_minutes"], "CPU minutes;", found["settings"])
    print("letters alone", found["letters"])
    for row in found["tries"]["rows"]:
        print("one seed:", *row.values())
    for arm in dict.fromkeys(row["arm"] for row in found["runs"]):
        rows = [row for row in found["runs"] if row["arm"] == arm]
        words = [f"{name} {value:.3f} [{low:.3f}, {high:.3f}]" for name in
                 ("learned", "held_out", "auc", "halves", "calibrated")
                 for value, low, high in [seed_interval(row[name] for row in rows)]]  # fmt: skip
        print(f"{arm} (noise {rows[0]['noise']}):", ", ".join(words))
        for times in map(str, TIMES):
            bits = [x for row in rows for x in row["exposures"][times]]
            means = [sum(row["exposures"][times]) / 4 for row in rows]
            right = sum(x for row in rows for x in row["greedy"][times])
            print(f"   {times:>2} times: {sum(bits) / len(bits):.2f} bits, seeds {[round(x, 2) for x in means]}, "
                  f"greedy {right} of {len(bits)}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the tables of the last run")
    if not parser.parse_args().table:
        measure()
    table(json.loads(RESULT.read_text()))
