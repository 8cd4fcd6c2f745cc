"""What each of Llama's four parts is worth in a small model: one part exchanged at a time, the rest as in GPT.

    python benchmarks/llama_parts.py           every run on the CPU, one thread (about five minutes)
    python benchmarks/llama_parts.py --table   print the table of the last run

Two blocks without biases read 33 plays letter by letter, 64 letters at a time; the first 20,000 letters of three others
are held out. Runners: GPT's parts (LayerNorm, a table of positions, GELU, one head of keys and values for each head of
queries); the same with one part exchanged; with all four; and, as a control for the gate, SiLU in GELU's place. With
SwiGLU the network is narrower, so that it has as many weights (to 0.2 %); shared heads have fewer, nothing makes up
for it. Rate, steps, batches and seeds are the same for all. First weights are as large as 1 / sqrt(numbers that come
in), 0.125 in most matrices; "start 0.02" has those of GPT-2, which are made for wider models.

"lengths": the loss by place in rows of 256 letters, four times as long as any row in training. The table of positions
has 256 rows, of which the last 192 were never trained. "cut" is the same text read 64 letters at a time, each letter
with 32 to 63 letters before it, as `gpt.log_probs` does.

The table goes to results/llama_parts.json when it is whole. Lesson 20 shows it and reruns two of its rows.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import time
from dataclasses import replace
from importlib.metadata import version

import torch
import torch.nn.functional as F
from torch import nn

from course_lib import data, device, gpt, llama, pretrain, training
from course_lib.tokenizers import CharacterTokenizer

RESULT = pathlib.Path(__file__).parent / "results/llama_parts.json"
SCORED = ("The Tempest", "King John", "Macbeth")
LENGTH, LONG, BATCH, STEPS, RATE, SEEDS = 64, 256, 16, 300, 5e-3, (1, 2, 3)
SIZES = {"context_length": LONG, "d_model": 64, "num_layers": 2, "num_heads": 4, "d_ff": 171, "rope_theta": 10_000.0}
PARTS = ("RMSNorm", "rotary", "SwiGLU", "grouped")
RUNNERS = {
    "GPT": (), **{part: (part,) for part in PARTS}, "SiLU, no gate": ("SiLU",), "all four": PARTS,
    "GPT, start 0.02": ("0.02",), "SwiGLU, start 0.02": ("SwiGLU", "0.02"),
}  # fmt: skip


class OldBlock(llama.Block):
    """A block with a network as in GPT: up, a curve, down."""

    def __init__(self, config: llama.LlamaConfig, curve):
        super().__init__(config)
        self.curve, D = curve, config.d_model
        self.hidden, self.output = nn.Linear(D, 4 * D, bias=False), nn.Linear(4 * D, D, bias=False)

    def forward(self, x, turns, mask=None, extend=None, return_attention=False):
        attended, weights = self.attention(self.attention_norm(x), turns, mask, extend, return_attention)
        x = x + attended
        return x + self.output(self.curve(self.hidden(self.norm(x)))), weights


class Grown(llama.Llama):
    """A Llama in which only `parts` are Llama's; the others are GPT's."""

    def __init__(self, vocab_size: int, parts):
        shared = 2 if "grouped" in parts else 4
        config = llama.LlamaConfig(vocab_size=vocab_size, num_kv_heads=shared, **SIZES)
        super().__init__(config)
        D = config.d_model
        if "SwiGLU" not in parts:
            curve = F.silu if "SiLU" in parts else F.gelu
            self.blocks = nn.ModuleList(OldBlock(config, curve) for _ in range(config.num_layers))
        if "RMSNorm" not in parts:
            self.norm = nn.LayerNorm(D)
            for block in self.blocks:
                block.attention_norm, block.norm = nn.LayerNorm(D), nn.LayerNorm(D)
        self.positions = None if "rotary" in parts else nn.Embedding(config.context_length, D)
        self.initialise()
        if "0.02" not in parts:
            with torch.no_grad():
                for matrix in self.blocks.parameters():
                    if matrix.dim() == 2:
                        matrix *= matrix.shape[1] ** -0.5 / gpt.STD

    def embed(self, input_ids, longest):
        x = super().embed(input_ids, longest)
        return x if self.positions is None else x + self.positions.weight[:longest]

    def turns(self, positions):
        cos, sin = super().turns(positions)
        return (cos, sin) if self.positions is None else (torch.ones_like(cos), torch.zeros_like(sin))


def run(parts, seed: int, read: torch.Tensor, held: torch.Tensor, vocab_size: int) -> dict:
    """One run: the held-out loss, and the loss by place in rows that are four times too long."""
    torch.manual_seed(seed)
    model = Grown(vocab_size, parts)
    settings = training.TrainingConfig(steps=STEPS, learning_rate=RATE, min_learning_rate=RATE / 10,
                                       warmup_steps=STEPS // 10, decay="cosine", seed=seed)  # fmt: skip
    began = time.process_time()
    training.train(model, gpt.windows(read, LENGTH, BATCH), gpt.GPT.loss, settings, progress=False)
    seconds = time.process_time() - began
    with torch.no_grad():
        rows = held.unfold(0, LENGTH + 1, LENGTH)[::4].long()
        loss = sum(model.loss(some).item() * len(some) for some in rows.split(64)) / len(rows)
        rows = held.unfold(0, LONG + 1, LONG)[::4].long()  # (N, 257)
        found = torch.cat([F.cross_entropy(model(some[:, :-1]).logits.mT, some[:, 1:], reduction="none")
                           for some in rows.split(8)])  # fmt: skip
        by_place = found.view(len(rows), -1, 16).mean((0, 2))
        cut = replace(model.config, context_length=LENGTH)
        whole, model.config = model.config, cut
        parts_of_text = [-gpt.log_probs(model, row)[LENGTH:].mean().item() for row in rows]
        model.config = whole
    return {
        "seed": seed, "held_out": round(loss, 4), "by_place": [round(x, 4) for x in by_place.tolist()],
        "cut": round(statistics.mean(parts_of_text), 4), "rows": len(rows),
        "parameters": sum(p.numel() for p in model.parameters()), "cpu_seconds": round(seconds, 1),
    }  # fmt: skip


def measure() -> dict:
    plays = data.load("shakespeare_plays")
    tokenizer = CharacterTokenizer.train(plays.values())
    read = torch.tensor(tokenizer.encode(pretrain.plays()), dtype=torch.int32)
    held = torch.cat([torch.tensor(tokenizer.encode(plays[title][:20_000]), dtype=torch.int32) for title in SCORED])
    rows = []
    with device.one_thread():
        for seed in SEEDS:
            for name, parts in RUNNERS.items():
                rows.append({"runner": name, **run(parts, seed, read, held, len(tokenizer))})
                print(rows[-1]["runner"], rows[-1]["held_out"], rows[-1]["cpu_seconds"], flush=True)
    machine = f"{os.cpu_count()} cores {platform.machine()}, {platform.system()}, torch {version('torch')}, one thread"
    sizes = {"length": LENGTH, "batch": BATCH, "steps": STEPS, "learning_rate": RATE, **SIZES}
    return {"machine": machine, "settings": sizes, "rows": rows}


def table(found: dict) -> None:
    print("measured on", found["machine"])
    for name in RUNNERS:
        rows = [row for row in found["rows"] if row["runner"] == name]
        losses = [row["held_out"] for row in rows]
        long = statistics.mean(statistics.mean(row["by_place"][4:]) for row in rows)
        print(f"{name:14} {rows[0]['parameters']:7,} parameters: {min(losses):.3f} to {max(losses):.3f}; past the "
              f"trained length {long:.3f}, cut {statistics.mean(row['cut'] for row in rows):.3f}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    if not parser.parse_args().table:
        found = measure()
        RESULT.write_text(json.dumps(found, indent=1) + "\n")
    table(json.loads(RESULT.read_text()))
