"""What size buys, and what four ways to save buy on this machine: the runs that lesson 22 has no time for.

    python benchmarks/scaling.py                    all of it, one thread (about eight minutes of one core)
    python benchmarks/scaling.py --part law         one part; the others stay: tries, law, text, savings, peaks
    python benchmarks/scaling.py --table            print the tables of the last run

"tries": the learning rate is pull / width. (In a first look one rate for all did not do: width 24 liked one that threw
width 64 back.) Three pulls, each tried by a narrow, a middle and a wide model with three seeds of their own; the pull
with the lowest mean price is that of every run.

"law": six GPTs of letters that differ in their width alone, three seeds each, the same 400 steps of 8 rows of 64
letters of Shakespeare's plays; the price, in nats a letter, of the same 64,000 letters of plays that nobody has read.
"larger": two wider models, asked after the law was fitted.

"text": three of the widths again, with three times the steps, and so three times the text. Width 32 then takes about as
many FLOPs as width 64 with its 400 steps.

"savings": one training step of a larger model, plainly and in four other ways. All ways take turns in one process, a
step each a round. "first" is the first step, in which torch.compile translates; the C++ compiler that it calls works in
other processes, and is not in these seconds.

"peaks": the memory of such a step, in megabytes. "asked" is what torch had asked for at its peak, the model and AdamW's
means included; "held" is what the process held, above what it held before; "given back" the same where the C library is
told to give memory back as soon as it is free (Linux alone: MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_).

The tables go to results/scaling.json, a part when it is whole, with the machine of each part.
"""

import argparse
import itertools
import json
import pathlib
import statistics
import time
from importlib.metadata import version

import torch
from measuring import in_a_process, machine, peak_mb, save
from torch.utils.checkpoint import checkpoint

from course_lib import data, device, gpt, pretrain, scaling, training
from course_lib.tokenizers import CharacterTokenizer

RESULT = pathlib.Path(__file__).parent / "results/scaling.json"
LENGTH, BATCH, STEPS, LETTERS = 64, 8, 400, 80
WIDTHS, LARGER, SEEDS = (8, 12, 16, 24, 32, 48), (64, 96), (1, 2, 3)
LONGER = (16, 32, 64)
PULLS, TRIED, TRYING = (0.15, 0.3, 0.6), (8, 24, 64), (9, 10, 11)
WAYS = ("plain", "bfloat16", "accumulated", "checkpointed", "compiled")
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": str(2**16), "MALLOC_TRIM_THRESHOLD_": "0"}


# --- The law ----------------------------------------------------------------------------------------------------------


class Task:
    """The plays as letters: what is read, and what is asked."""

    def __init__(self):
        tokenizer = CharacterTokenizer.train(data.load("shakespeare_plays").values())
        assert len(tokenizer) == LETTERS
        self.ids = torch.tensor(tokenizer.encode(pretrain.plays()), dtype=torch.int32)
        held = torch.tensor(tokenizer.encode(pretrain.plays(held_out=True)[:66_000]))
        self.held = held.unfold(0, LENGTH + 1, LENGTH)[:1000].long()


def config_of(width: int) -> gpt.GPTConfig:
    return gpt.GPTConfig(LETTERS, LENGTH, width, num_layers=2, num_heads=2, dropout=0.0)


def run(task: Task, width: int, pull: float, seed: int, steps: int = STEPS) -> dict:
    """One run: its price, and what it took."""
    torch.manual_seed(seed)
    model = gpt.GPT(config_of(width))
    model.initialise(width**-0.5)
    pretrain.look_back(model)
    plan = training.TrainingConfig(steps=steps, learning_rate=pull / width, warmup_steps=steps // 20, decay="linear",
                                   betas=(0.9, 0.98), weight_decay=0.0, seed=seed)  # fmt: skip
    began = time.process_time()
    training.train(model, gpt.windows(task.ids, LENGTH, BATCH), gpt.GPT.loss, plan, progress=False)
    spent = time.process_time() - began
    with torch.no_grad():
        loss = model.loss(task.held).item()
    row = {"width": width, "parameters": scaling.parameters(model.config), "pull": pull, "seed": seed, "steps": steps,
           "flops": steps * scaling.training_flops(model.config, BATCH), "loss": round(loss, 4),
           "cpu_seconds": round(spent, 1)}  # fmt: skip
    print(*row.values(), flush=True)
    return row


def tries() -> dict:
    task = Task()
    rows = [run(task, width, pull, seed) for seed in TRYING for width in TRIED for pull in PULLS]
    return {"tries": rows, "pull": min(PULLS, key=lambda pull: sum(r["loss"] for r in rows if r["pull"] == pull))}


def law() -> dict:
    task, pull = Task(), json.loads(RESULT.read_text())["pull"]
    runs, larger = ([run(task, width, pull, seed) for width in widths for seed in SEEDS] for widths in (WIDTHS, LARGER))
    return {"runs": runs, "larger": larger}


def text() -> dict:
    task, pull = Task(), json.loads(RESULT.read_text())["pull"]
    return {"text": [run(task, width, pull, seed, 3 * STEPS) for width in LONGER for seed in SEEDS]}


# --- The savings ------------------------------------------------------------------------------------------------------

SAVING = gpt.GPTConfig(LETTERS, 256, 192, num_layers=4, num_heads=4, dropout=0.0)
ROWS = 8


def step_of(way: str):
    """A function that trains one step."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = gpt.GPT(SAVING).train()
    rows = torch.randint(LETTERS, (ROWS, SAVING.context_length + 1))
    if way == "checkpointed":
        for block in model.blocks:
            block.forward = lambda *inputs, forward=block.forward: checkpoint(forward, *inputs, use_reentrant=False)
    loss = torch.compile(model.loss) if way == "compiled" else model.loss
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

    def step() -> float:
        began = time.process_time()
        optimizer.zero_grad(set_to_none=True)
        for some in rows.split(ROWS // 4 if way == "accumulated" else ROWS):
            with torch.autocast("cpu", torch.bfloat16, enabled=way == "bfloat16"):
                value = loss(some)
            (value * len(some) / ROWS).backward()
        optimizer.step()
        return time.process_time() - began

    return step


def seconds(rounds: int) -> dict:
    steps, first = {way: step_of(way) for way in WAYS}, {}
    for way, step in steps.items():
        first[way] = step()
        step()
    found = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, step in steps.items():
            found[way].append(step())
    return {way: {"milliseconds": [round(1000 * x, 1) for x in each], "first": round(first[way], 2)}
            for way, each in found.items()}  # fmt: skip


def savings(rounds: int) -> dict:
    sizes = {"width": SAVING.d_model, "layers": SAVING.num_layers, "length": SAVING.context_length, "rows": ROWS,
             "parameters": scaling.parameters(SAVING)}  # fmt: skip
    return {"savings": in_a_process("seconds", rounds, script=__file__), "saving_sizes": sizes}


def held(way: str) -> int:
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)], fused=True)
    torch.randn(300, 300) @ torch.randn(300, 300)
    before, step = peak_mb(), step_of(way)
    for _ in range(2):
        step()
    return peak_mb() - before


def asked(way: str) -> int:
    """The highest sum of what torch asked for and gave back in a step, above the weights and AdamW's two means."""
    step = step_of(way)
    step()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    events = [event for event in seen.profiler.kineto_results.events() if event.name() == "[memory]"]
    sizes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return round((12 * scaling.parameters(SAVING) + max(itertools.accumulate(sizes))) / 1e6)


def peaks() -> dict:
    found = {}
    for way in WAYS[:-1]:
        found[way] = {"asked": in_a_process("asked", way, script=__file__, settings={}),
                      "held": in_a_process("held", way, script=__file__, settings={}),
                      "given back": in_a_process("held", way, script=__file__, settings=GIVE_BACK)}  # fmt: skip
        print(way, found[way], flush=True)
    return {"peaks": found}


# --- All of it --------------------------------------------------------------------------------------------------------


def table(found: dict) -> None:
    for part, on in found["machines"].items():
        print(f"{part:7} measured on {on}")
    for part in ("tries", "runs", "larger", "text"):
        for row in found.get(part, ()):
            print(f"{part:7}", *row.values())
    for way, row in found.get("savings", {}).items():
        print(f"{way:13} {statistics.median(row['milliseconds']):7.0f} ms, first {row['first']:.1f} s",
              found["peaks"].get(way, ""))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("tries", "law", "text", "savings", "peaks"), help="this part alone")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--table", action="store_true", help="print the tables of the last run")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        what, argument = args.row
        print(json.dumps({"seconds": lambda: seconds(int(argument)), "held": lambda: held(argument),
                          "asked": lambda: asked(argument)}[what]()))  # fmt: skip
        return
    parts = {"tries": tries, "law": law, "text": text, "savings": lambda: savings(args.rounds), "peaks": peaks}
    for part in [args.part] if args.part else [] if args.table else parts:
        with device.one_thread():
            rows = parts[part]()
        before = json.loads(RESULT.read_text()) if RESULT.exists() else {}
        on = f"{machine()}, torch {version('torch')}, one thread"
        settings = {"letters": LETTERS, "length": LENGTH, "batch": BATCH, "steps": STEPS, "layers": 2, "heads": 2}
        machines = before.get("machines", {}) | {part: on}
        save(RESULT, before | {"machines": machines, "settings": settings} | rows)
    table(json.loads(RESULT.read_text()))


if __name__ == "__main__":
    main()
