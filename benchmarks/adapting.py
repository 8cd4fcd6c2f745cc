"""What adapting does, asked more often than a lesson has time for: examples in a prompt, LoRA beside full fine-tuning.

    python benchmarks/adapting.py            everything on the CPU, one thread (about fifteen minutes)
    python benchmarks/adapting.py --table    print the tables of the last run

"prompts": SmolLM2 in 4 bits is asked whether the author of a short film review liked the film. Six draws, each with
examples and 30 questions of its own; the same questions in every row of a draw. "shuffled" and "all negative" have the
same examples in the same order, half of them with a wrong label. "sorted" is the share of pairs, one review of each
kind, in which the positive one has the larger margin: it does not depend on where the line between the words lies.

"tries", "runs": the course's GPT of letters learns a dictionary, with all its numbers or by LoRA. Both get the same
text, steps, batches and three rates to try with a seed of their own. The rate is chosen by "price", on rows that are
asked about nowhere else; "new" and "old" are the prices of the dictionary and of the plays that the runs are asked for.
A path is (step, price of the dictionary, price of the plays), in nats a letter, on rows that no run has learned from.

"lines": what the models write, given to a judge that counts runs of four letters in three hands. "real" lines are those
of the texts themselves, which the judge has not counted.

The tables go to results/adapting.json when they are whole. Lesson 23 shows them and reruns a row of each.
"""

import argparse
import json
import math
import os
import pathlib
import platform
import time
from collections import Counter
from importlib.metadata import version

import torch
import torch.nn.functional as F
from measuring import save

from course_lib import checkpoints, data, decoding, device, gpt, lora, pretrain, training
from course_lib.intervals import seed_interval

RESULT = pathlib.Path(__file__).parent / "results/adapting.json"
WORDS, DRAWS, ASKED = ["negative", "positive"], 6, 30
ROWS = [("right", 0), ("right", 1), ("right", 4), ("right", 8), ("shuffled", 8), ("all negative", 8)]
RANK, STEPS, LENGTH, BATCH, SEEDS = 4, 120, 128, 4, (1, 2, 3)
RATES = {"full": (1e-4, 3e-4, 1e-3), "LoRA": (2e-3, 5e-3, 1e-2)}
SMALL = "abcdefghijklmnopqrstuvwxyz' "


# --- Examples in the prompt -------------------------------------------------------------------------------------------


def short_reviews() -> list[tuple[str, int]]:
    critics = [review for review in data.load("film_sentiment") if review.source != "imdb"]
    some = [review for review in critics if 5 <= len(review.text.split()) < 11]
    order = torch.randperm(len(some), generator=torch.Generator().manual_seed(0)).tolist()
    return [(some[i].text.strip(), some[i].label) for i in order]


def examples_of(reviews, draw: int, labels: str, count: int) -> list[tuple[str, int]]:
    """Positive and negative in turn; of the shuffled labels every second pair has changed places."""
    pool = reviews[60 * draw : 60 * draw + 60]
    sides = [[review for review in pool if review[1] == side] for side in (1, 0)]
    shots = [sides[(i + draw) % 2][i // 2] for i in range(count)]
    said = {"right": lambda i, label: label, "shuffled": lambda i, label: label if i // 2 % 2 else 1 - label,
            "all negative": lambda i, label: 0}[labels]  # fmt: skip
    return [(text, said(i, label)) for i, (text, label) in enumerate(shots)]


@torch.no_grad()
def margins(model, pieces, shots, texts) -> torch.Tensor:
    """ "positive" over "negative" for each text, in nats; the examples are read once."""
    begun = "\n\n".join(f"Review: {text}\nSentiment: {WORDS[label]}" for text, label in shots)
    between = "\n\n" if shots else ""
    asked = [pieces.encode(f"{between}Review: {text}\nSentiment:") for text in texts]
    one = model.new_cache(1, len(start := pieces.encode(begun)) + 60)
    if start:
        model(torch.tensor([start]), cache=one, last=True)
    answers, found = [pieces.encode(f" {word}")[0] for word in WORDS], []
    for i in range(0, len(asked), 4):
        some = asked[i : i + 4]
        longest, cache = max(map(len, some)), model.new_cache(len(some), one.max_length)
        for mine, theirs in [(cache.keys, one.keys), (cache.values, one.values), (cache.real, one.real)]:
            mine.copy_(theirs.expand_as(mine))
        cache.length = one.length.clone()
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in some])  # padding in front
        mask = torch.tensor([[place >= longest - len(row) for place in range(longest)] for row in some])
        logits = model(ids, mask, cache=cache, last=True).logits[:, -1]
        found.append(logits[:, answers[1]] - logits[:, answers[0]])
    return torch.cat(found)


def prompts() -> list[dict]:
    reviews, rows = short_reviews(), []
    model, pieces = checkpoints.load_llama(data.path("smollm2"), "int4")
    for draw in range(DRAWS):
        questions = reviews[400 + ASKED * draw : 400 + ASKED * (draw + 1)]
        truth = torch.tensor([label for _, label in questions]).bool()
        for labels, count in ROWS:
            margin = margins(model, pieces, examples_of(reviews, draw, labels, count), [text for text, _ in questions])
            gaps = margin[truth][:, None] - margin[~truth]  # each positive review with each negative one
            row = {"right": ((margin > 0) == truth).float().mean(), "positive": (margin > 0).float().mean(),
                   "sorted": (gaps > 0).float().mean() + (gaps == 0).float().mean() / 2}  # fmt: skip
            rows.append({"labels": labels, "examples": count, "draw": draw,
                         **{name: round(value.item(), 3) for name, value in row.items()}})  # fmt: skip
            print(*rows[-1].values(), flush=True)
    return rows


# --- All numbers, or few ----------------------------------------------------------------------------------------------


def lines_of(name: str, count: int) -> list[str]:
    found = data.path(name).read_text("utf-8").splitlines()
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0)).tolist()
    good = (line for line in map(found.__getitem__, order) if 25 <= len(line) <= 110 and set(line) <= set(SMALL))
    return [line for line, _ in zip(good, range(count))]


class Task:
    """The texts, as letters of the GPT's; what is learned, what is asked."""

    def __init__(self):
        self.letters = pretrain.load(data.path("gpt_characters"))[1]
        self.hands = {"dictionary": lines_of("definitions", 8000), "factbook": lines_of("facts", 8000),
                      "Shakespeare": lines_of("shakespeare", 8000)}  # fmt: skip
        self.judged = self.rows("\n".join(self.hands["dictionary"][7300:7400]))
        self.asked = self.rows("\n".join(self.hands["dictionary"][7400:7600]))
        self.old = self.rows(pretrain.plays(held_out=True)[50_000:60_000])

    def coded(self, hand: str) -> torch.Tensor:
        return torch.tensor(self.letters.encode("\n".join(self.hands[hand][:4000]) + "\n"))

    def rows(self, text: str, count: int = 24) -> torch.Tensor:
        return torch.tensor(self.letters.encode(text)).unfold(0, LENGTH + 1, LENGTH)[:count]


@torch.no_grad()
def scores(model, rows) -> tuple[float, float]:
    """The price of a letter in nats, and the share of letters whose likeliest guess is right."""
    with training.evaluation_mode(model):
        logits = model(rows[:, :-1]).logits
    price = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    return price.item(), (logits.argmax(-1) == rows[:, 1:]).float().mean().item()


def said(model, task: Task) -> dict[str, float]:
    """Price and share of right letters, of the dictionary and of the plays."""
    (new, new_right), (old, old_right) = scores(model, task.asked), scores(model, task.old)
    return {name: round(value, 4) for name, value in
            {"new": new, "old": old, "new_right": new_right, "old_right": old_right}.items()}  # fmt: skip


def adapt(task: Task, how: str, rate: float, seed: int, hand: str = "dictionary", watch: int = 20):
    """The model, its path, and the CPU seconds of its steps."""
    model, _ = pretrain.load(data.path("gpt_characters"))
    if how == "LoRA":
        lora.add(model, rank=RANK, seed=seed)
    plan = training.TrainingConfig(steps=STEPS, learning_rate=rate, warmup_steps=5, decay="linear", betas=(0.9, 0.98),
                                   weight_decay=0.0, seed=seed)  # fmt: skip
    path, spent = [], 0.0

    def on_step(progress):
        nonlocal spent
        if progress.step % watch == 0:
            began = time.process_time()
            found = said(model, task)
            path.append([progress.step, found["new"], found["old"]])
            spent += time.process_time() - began

    began = time.process_time()
    batches = gpt.windows(task.coded(hand), LENGTH, BATCH)
    training.train(model, batches, lambda model, rows: model.loss(rows), plan, on_step=on_step, progress=False)
    return model.eval(), path, time.process_time() - began - spent


# --- Another author ---------------------------------------------------------------------------------------------------


def fours(lines) -> Counter:
    return Counter(padded[i : i + 4] for line in lines for padded in [f"   {line}\n"] for i in range(len(line) + 1))


class Judge:
    """Whose hand finds a line cheapest, by runs of four letters."""

    def __init__(self, hands: dict[str, list[str]]):
        self.counted = {hand: fours(lines[4000:7000]) for hand, lines in hands.items()}
        self.begun = {hand: Counter() for hand in hands}
        for hand, table in self.counted.items():
            for four, count in table.items():
                self.begun[hand][four[:3]] += count

    def __call__(self, line: str) -> str:
        def nats(hand):
            counted, begun, padded = self.counted[hand], self.begun[hand], f"   {line}\n"
            return -sum(math.log((counted[padded[i : i + 4]] + 0.05) / (begun[padded[i : i + 3]] + 0.05 * 29))
                        for i in range(len(line) + 1))  # fmt: skip

        return min(self.counted, key=nats)


def written(model, letters, seed: int, count: int = 64) -> list[str]:
    """Whole lines, in small letters alone."""
    start = torch.tensor([letters.encode("\n")]).expand(count, 1)
    ids = decoding.generate(model, start, LENGTH, temperature=0.7, generator=torch.Generator().manual_seed(seed))
    whole = [line for row in ids for line in letters.decode(row.tolist()).split("\n")[1:-1]]
    small = ["".join(c for c in line.lower() if c in SMALL).strip() for line in whole]
    return [line for line in small if len(line) >= 15]


def verdicts(judge: Judge, lines: list[str]) -> dict:
    found = Counter(map(judge, lines))
    return {"lines": len(lines), **{hand: round(found[hand] / len(lines), 3) for hand in judge.counted}}


def tries(task: Task) -> list[dict]:
    rows = []
    for how, rates in RATES.items():
        for rate in rates:
            model, *_ = adapt(task, how, rate, 9, watch=STEPS + 1)
            row = {"how": how, "rate": rate, "price": round(scores(model, task.judged)[0], 4)}
            rows.append(row | {name: value for name, value in said(model, task).items() if name in ("new", "old")})
            print(*rows[-1].values(), flush=True)
    return rows


def runs(task: Task, tried: list[dict]) -> dict:
    judge, speller = Judge(task.hands), pretrain.load(data.path("gpt_characters"))[0]
    cheapest = sorted(tried, key=lambda row: row["price"])
    best = {how: next(row["rate"] for row in cheapest if row["how"] == how) for how in RATES}
    found = {"start": said(speller, task), "runs": [], "lines": []}
    for hand, lines in task.hands.items():
        found["lines"].append({"pen": f"real: {hand}", "seed": 0, **verdicts(judge, lines[7000:7300])})
    for seed in SEEDS:
        pens = {"untuned": speller}
        for how, rate in best.items():
            model, path, seconds = adapt(task, how, rate, seed)
            found["runs"].append({"how": how, "seed": seed, **said(model, task), "path": path,
                                  "cpu_seconds": round(seconds, 1)})  # fmt: skip
            print(*found["runs"][-1].values(), flush=True)
            pens[how] = model
        pens["LoRA, factbook"], *_ = adapt(task, "LoRA", best["LoRA"], seed, "factbook", watch=STEPS + 1)
        for pen, model in pens.items():
            found["lines"].append({"pen": pen, "seed": seed, **verdicts(judge, written(model, task.letters, seed))})
            print(*found["lines"][-1].values(), flush=True)
    return found


def measure() -> dict:
    with device.one_thread():
        task = Task()
        tried = tries(task)
        found = {"prompts": prompts(), "tries": tried, **runs(task, tried)}
    machine = f"{os.cpu_count()} cores {platform.machine()}, {platform.system()}, torch {version('torch')}, one thread"
    sizes = {"rank": RANK, "steps": STEPS, "length": LENGTH, "batch": BATCH, "questions": ASKED, "draws": DRAWS}
    return {"machine": machine, "settings": sizes, **found}


def table(found: dict) -> None:
    print("measured on", found["machine"])
    for labels, count in ROWS:
        rows = [row for row in found["prompts"] if (row["labels"], row["examples"]) == (labels, count)]
        words = [f"{name} {value:.0%} [{low:.0%}, {high:.0%}]" for name in ("right", "positive", "sorted")
                 for value, low, high in [seed_interval(row[name] for row in rows)]]  # fmt: skip
        print(f"{labels:12} {count}:", ", ".join(words))
    print("before:", found["start"])
    for row in found["runs"]:
        print(f"{row['how']} {row['seed']}: {row['new']:.3f}, {row['old']:.3f}, right {row['new_right']:.1%}, "
              f"{row['old_right']:.1%}; {row['cpu_seconds']} s")  # fmt: skip
    for row in found["lines"]:
        print(*row.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the tables of the last run")
    if not parser.parse_args().table:
        found = measure()
        save(RESULT, found)
    table(json.loads(RESULT.read_text()))
