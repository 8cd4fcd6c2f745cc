"""Races between ways of wiring a Transformer's blocks, on characters of plays that the models have not read.

    python benchmarks/transformer_races.py           every run on the CPU, one thread (about five minutes)
    python benchmarks/transformer_races.py --table   print the table of the last run

Both races train small causal stacks on the same windows of 36 plays and score them on two others, in nats a character.
"norm": pre-norm and post-norm blocks, with and without warm-up, at two learning rates and two depths, and post-norm
with smaller weights at the start. "cross": the plain block of 2017 beside the "cross-layer connection" of the article
that the course began from, H_i = LayerNorm(H_{i-1} + W0 H_{i-1} + W1 Cross(H_{i-1}, H_{i-2}) + b). The article leaves
Cross undefined; here Cross(a, b) is attention from a to b, whose output projection is W1 with b. Its controls: the same
block with Cross(H_{i-1}, H_{i-1}), equal in every other respect, and the article's without its first H_{i-1}. The plain
block gets a wider network instead of W0, so that all have as many parameters to within 16 a block.

The table goes to results/transformer_races.json when it is whole. Lesson 12 shows it and reruns two of its rows.
"""

import argparse
import json
import pathlib
import statistics
import time
from importlib.metadata import version

import torch
import torch.nn.functional as F
from measuring import machine, save
from torch import nn

from course_lib import data, device, training
from course_lib.attention import MultiHeadAttention
from course_lib.transformer import Embedding, Encoder, FeedForward, LayerNorm, TransformerConfig, initialise

RESULT = pathlib.Path(__file__).parent / "results/transformer_races.json"
HELD_OUT = ("Macbeth", "Twelfth Night")
D_MODEL, NUM_HEADS, LENGTH, BATCH, STEPS, WARMUP, EVERY = 32, 4, 32, 16, 200, 100, 50
SEEDS = (1, 2, 3)
NORM_RUNS = [  # blocks, norm, warm-up, learning rate, size of the first weights
    *((6, norm, warmup, rate, 1.0) for rate in (0.003, 0.01) for norm in ("pre", "post") for warmup in (0, WARMUP)),
    (12, "pre", 0, 0.003, 1.0),
    (12, "post", 0, 0.003, 1.0),
    (12, "post", WARMUP, 0.003, 1.0),
    (12, "post", WARMUP, 0.003, 0.5),
]
CROSS_RUNS = ("residual", "cross-layer", "own layer", "cross-layer, no residual")


class Speller(nn.Module):
    """Guesses the next character at every position: embedding, blocks, and the embedding's table once more."""

    def __init__(self, config: TransformerConfig, blocks: nn.Module | None = None):
        super().__init__()
        self.embedding, self.blocks = Embedding(config.vocab_size, config), blocks or Encoder(config)

    def forward(self, input_ids):
        x = self.blocks(self.embedding(input_ids), is_causal=True)  # (B, T, D)
        return F.linear(x, self.embedding.tokens.weight)  # (B, T, vocab)


class CrossStack(nn.Module):
    """Blocks whose attention may read the layer before the last: see the top of this file for the four `kinds`."""

    def __init__(self, config: TransformerConfig, kind: str):
        super().__init__()
        D = config.d_model
        self.kind = kind
        d_ff = 4 * D + (D // 2 if kind == "residual" else 0)
        parts = {
            "attention": lambda: MultiHeadAttention(D, config.num_heads),
            "own": lambda: nn.Linear(D, D, bias=False) if kind != "residual" else nn.Identity(),
            "network": lambda: FeedForward(D, d_ff),
            "first_norm": lambda: LayerNorm(D),
            "second_norm": lambda: LayerNorm(D),
        }
        layers = range(config.num_layers)
        self.layers = nn.ModuleList(nn.ModuleDict({name: make() for name, make in parts.items()}) for _ in layers)
        initialise(self, "xavier")

    def forward(self, x, is_causal: bool):
        before = x  # H_{i-2}; under the first layer there is only its input
        for layer in self.layers:
            other = before if "cross" in self.kind else x
            change = layer["attention"](x, other, is_causal=is_causal)
            if self.kind != "residual":
                change = change + layer["own"](x)
            h = layer["first_norm"](change if "no residual" in self.kind else x + change)
            before, x = x, layer["second_norm"](h + layer["network"](h))
        return x


def texts() -> tuple[str, torch.Tensor, torch.Tensor]:
    """The characters, and the ids of the plays to read and of the plays to be scored on."""
    plays = data.load("shakespeare_plays")
    characters = "".join(sorted(set("".join(plays.values()))))
    number = {character: i for i, character in enumerate(characters)}
    parts = ([text for title, text in plays.items() if (title in HELD_OUT) == held] for held in (False, True))
    read, held = (torch.tensor([number[character] for character in "".join(part)]) for part in parts)
    return characters, read, held


def windows(ids: torch.Tensor):
    """Batches of windows from random places, for ever."""

    def epoch(generator: torch.Generator):
        while True:
            places = torch.randint(len(ids) - LENGTH, (BATCH, 1), generator=generator)
            yield ids[places + torch.arange(LENGTH + 1)]  # (B, T + 1)

    return epoch


def loss_fn(model: nn.Module, window: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())


def run(config: TransformerConfig, blocks: nn.Module | None, rate: float, warmup: int, start: float, seed: int, text):
    """One run; its held-out losses every `EVERY` steps."""
    characters, read, held = text
    model = Speller(config, blocks)
    with torch.no_grad():
        for parameter in model.blocks.parameters():
            if parameter.ndim == 2:
                parameter *= start
    held_out = held.unfold(0, LENGTH + 1, len(held) // 256)[:256].split(64)
    settings = training.TrainingConfig(steps=STEPS, learning_rate=rate, min_learning_rate=rate / 10,
                                       warmup_steps=warmup, evaluate_every=EVERY, seed=seed)  # fmt: skip
    began = time.process_time()
    history = training.train(model, windows(read), loss_fn, settings, held_out=held_out, progress=False)
    return {
        "seed": seed, "held_out": [[step, round(loss, 4)] for step, loss in history.held_out],
        "parameters": sum(parameter.numel() for parameter in model.blocks.parameters()),
        "cpu_seconds": round(time.process_time() - began, 1),
    }  # fmt: skip


def settings_of(characters: str, **changes) -> TransformerConfig:
    return TransformerConfig(vocab_size=len(characters), context_length=LENGTH, d_model=D_MODEL, num_heads=NUM_HEADS,
                             dropout=0.0, positions="learned", **changes)  # fmt: skip


def norm_row(text, blocks: int, norm: str, warmup: int, rate: float, start: float, seed: int) -> dict:
    torch.manual_seed(seed)
    config = settings_of(text[0], num_layers=blocks, norm=norm)
    row = {"race": "norm", "blocks": blocks, "norm": norm, "warmup": warmup, "learning_rate": rate, "start": start}
    return row | run(config, None, rate, warmup, start, seed, text)


def cross_row(text, kind: str, seed: int) -> dict:
    torch.manual_seed(seed)
    config = settings_of(text[0], num_layers=6, norm="post")
    row = {"race": "cross", "kind": kind, "learning_rate": 0.003, "warmup": WARMUP}
    return row | run(config, CrossStack(config, kind), 0.003, WARMUP, 1.0, seed, text)


def counting(text) -> dict:
    """What counting reaches, in nats a character: single characters, and characters after the one before."""
    characters, read, held = text
    V = len(characters)
    single = torch.bincount(read, minlength=V) + 0.1
    pairs = torch.bincount(read[:-1] * V + read[1:], minlength=V * V).view(V, V) + 0.1
    return {
        "single": round(float(-(single / single.sum()).log()[held].mean()), 4),
        "pairs": round(float(-(pairs / pairs.sum(1, keepdim=True)).log()[held[:-1], held[1:]].mean()), 4),
    }


def run_all() -> None:
    text = texts()
    rows = []
    with device.one_thread():
        for seed in SEEDS:
            for settings in NORM_RUNS:
                rows.append(norm_row(text, *settings, seed))
                print(rows[-1], flush=True)
            for kind in CROSS_RUNS:
                rows.append(cross_row(text, kind, seed))
                print(rows[-1], flush=True)
    settings = {"d_model": D_MODEL, "num_heads": NUM_HEADS, "length": LENGTH, "batch": BATCH, "steps": STEPS}
    result = {"machine": machine(), "versions": {"torch": version("torch")}, "settings": settings,
              "held_out": HELD_OUT, "counting": counting(text), "rows": rows}  # fmt: skip
    save(RESULT, result)


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; counting {saved['counting']}")
    groups = {}
    for row in saved["rows"]:
        name = tuple(value for key, value in row.items() if key not in ("seed", "held_out", "cpu_seconds"))
        groups.setdefault(name, []).append(row["held_out"][-1][1])
    for name, losses in groups.items():
        print(*name, f"held-out {statistics.mean(losses):.3f} ({min(losses):.3f} to {max(losses):.3f})")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--table", action="store_true", help="print the table of the last run")
    print_table() if arguments.parse_args().table else run_all()
