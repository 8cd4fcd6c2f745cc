"""Time and memory of our attention and our block beside torch's own modules, forward and backward, by length.

    python benchmarks/attention.py                  every row on the CPU (about ten minutes on a quiet core)
    python benchmarks/attention.py --device cuda    the same on a GPU, in bfloat16
    python benchmarks/attention.py --table          print the table of the last run (of the GPU's: with --device cuda)

`MultiHeadAttention` runs beside `nn.MultiheadAttention(need_weights=False)`, `Block(norm="pre")` beside
`nn.TransformerEncoderLayer(norm_first=True)`; the same sizes, the same number of tokens a batch at every length, no
dropout. "forward" is inference (eval, no gradients: torch's layer has a fused path of its own for that), "backward" a
training pass, forward and backward. A few rows repeat with the causal mask, and with the weights asked for, where
memory grows with the square of the length. The table goes to results/attention.json (of a GPU: attention_gpu.json)
when it is whole.

How. Each row is processes of its own with one thread, so that its CPU seconds and its peak memory are its own. Ours and
torch's take turns, three processes each, and the fastest pass counts: what else the machine does only ever adds. glibc
is told to keep freed memory, as it does by itself in a program that has used more: otherwise it may hand memory back
after every pass of so small a process, and fetching it again takes up to a third of the time, by luck of either side.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from importlib.metadata import version

from measuring import KEEP_MEMORY, machine, save

RESULTS = pathlib.Path(__file__).parent / "results"
D_MODEL, NUM_HEADS, D_FF, TOKENS = 256, 4, 1024, 4096
LENGTHS = (64, 256, 1024, 4096)
CASES = [(length, "plain") for length in LENGTHS] + [(1024, "causal")]
WEIGHTS = [(length, "weights") for length in (256, 1024, 4096)]
ROWS = [
    (module, direction, length, case)
    for module, cases in (("attention", CASES + WEIGHTS), ("block", CASES))
    for direction in ("forward", "backward")
    for length, case in cases
]
BOTH = ("course_lib", "torch")
SECONDS, PASSES, ROUNDS = 1.0, 5, 3  # a process ends after both


def peak_mb() -> int:
    """The most memory that this process has held so far, in millions of bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)


def attention(by: str, case: str):
    """The module, and what calls it on x."""
    from torch import nn

    from course_lib.attention import MultiHeadAttention

    weights, causal = case == "weights", case == "causal"
    if by == "course_lib":
        module = MultiHeadAttention(D_MODEL, NUM_HEADS)
        if weights:
            return module, lambda x, mask: module(x, return_attention=True)[0]
        return module, lambda x, mask: module(x, is_causal=causal)
    module = nn.MultiheadAttention(D_MODEL, NUM_HEADS, batch_first=True)
    how = {"need_weights": weights, "average_attn_weights": False}
    return module, lambda x, mask: module(x, x, x, attn_mask=mask, is_causal=causal, **how)[0]


def block(by: str, case: str):
    """The module, and what calls it on x."""
    from torch import nn

    from course_lib.transformer import Block

    causal = case == "causal"
    if by == "course_lib":
        module = Block(D_MODEL, NUM_HEADS, D_FF, norm="pre")
        return module, lambda x, mask: module(x, is_causal=causal)
    module = nn.TransformerEncoderLayer(D_MODEL, NUM_HEADS, D_FF, 0.0, batch_first=True, norm_first=True)
    return module, lambda x, mask: module(x, src_mask=mask, is_causal=causal)


def measure(name: str, direction: str, length: int, case: str, by: str, kind: str) -> dict:
    """One row, in this process."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    device, dtype = torch.device(kind), torch.bfloat16 if kind == "cuda" else torch.float32
    before = peak_mb()
    module, call = (attention if name == "attention" else block)(by, case)
    module.to(device, dtype).train(direction == "backward")
    x = torch.randn(TOKENS // length, length, D_MODEL, device=device, dtype=dtype)
    mask = None
    if case == "causal" and by == "torch":  # its modules want the mask even where is_causal says it
        mask = torch.ones(length, length, dtype=torch.bool, device=device).triu(1)
    clock = time.process_time if kind == "cpu" else time.perf_counter

    def one_pass() -> float:
        start = clock()
        if direction == "forward":
            with torch.no_grad():
                call(x, mask)
        else:
            call(x.requires_grad_(), mask).sum().backward()
            module.zero_grad()
        if kind == "cuda":
            torch.cuda.synchronize()
        return clock() - start

    one_pass()  # the first fetches code and memory
    seconds = []
    while sum(seconds) < SECONDS or len(seconds) < PASSES:
        seconds.append(one_pass())
    peak = round(torch.cuda.max_memory_allocated() / 1e6) if kind == "cuda" else peak_mb() - before
    fastest = min(seconds)
    return {
        "module": name, "by": by, "direction": direction, "length": length, "case": case, "device": kind,
        "batch": TOKENS // length, "passes": len(seconds), "milliseconds": round(fastest * 1000, 3),
        "median_milliseconds": round(statistics.median(seconds) * 1000, 3),
        "tokens_per_second": round(TOKENS / fastest), "peak_mb": peak,
    }  # fmt: skip


def in_a_process(row: tuple, by: str, kind: str) -> dict:
    root = str(RESULTS.parent.parent)
    env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", PYTHONPATH=root)
    env |= KEEP_MEMORY
    command = [sys.executable, __file__, "--device", kind, "--row", *map(str, row), by]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def take_turns(row: tuple, kind: str) -> list[dict]:
    """Ours and torch's, each the fastest of its processes; `all_milliseconds` tells how far apart they were."""
    rounds = [[in_a_process(row, by, kind) for by in BOTH] for _ in range(ROUNDS)]
    results = []
    for done in zip(*rounds):
        done = sorted(done, key=lambda result: result["milliseconds"])
        results.append(done[0] | {"all_milliseconds": [result["milliseconds"] for result in done]})
        print(results[-1], flush=True)
    return results


def results_of(kind: str) -> pathlib.Path:
    return RESULTS / ("attention_gpu.json" if kind == "cuda" else "attention.json")


def run_all(kind: str) -> None:
    on = machine()
    if kind == "cuda":
        import torch

        on = f"GPU: {torch.cuda.get_device_name()}, bfloat16; {on}"
    settings = {"d_model": D_MODEL, "num_heads": NUM_HEADS, "d_ff": D_FF, "tokens": TOKENS}
    result = {"machine": on, "versions": {"torch": version("torch")}, "settings": settings}
    result["rows"] = [result for row in ROWS for result in take_turns(row, kind)]
    RESULTS.mkdir(exist_ok=True)
    save(results_of(kind), result)


def print_table(kind: str) -> None:
    result = json.loads(results_of(kind).read_text())
    a_second = "second" if kind == "cuda" else "CPU-second, one thread"
    print(f"{result['machine']}; torch {result['versions']['torch']}; {result['settings']}")
    print(f"thousands of tokens a {a_second}; MB added at the peak; speed: ours / torch's")
    print("module     pass      length  case         ours   torch  speed   MB ours  torch")
    by_key = {}
    for row in result["rows"]:
        key = row["module"], row["direction"], row["length"], row["case"]
        by_key.setdefault(key, {})[row["by"]] = row
    for (module, direction, length, case), pair in by_key.items():
        ours, theirs = pair["course_lib"], pair["torch"]
        speed = ours["tokens_per_second"] / theirs["tokens_per_second"]
        mb = f"{ours['peak_mb']:7,}  {theirs['peak_mb']:5,}"
        rates = "".join(f" {row['tokens_per_second'] / 1000:7,.1f}" for row in (ours, theirs))
        print(f"{module:9}  {direction:8}  {length:6,}  {case:8} {rates}  {speed:5.2f}   {mb}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", nargs=5, metavar=("MODULE", "DIRECTION", "LENGTH", "CASE", "BY"), help="one, as JSON")
    args = parser.parse_args()
    if args.row:
        name, direction, length, case, by = args.row
        print(json.dumps(measure(name, direction, int(length), case, by, args.device)))
        return
    if not args.table:
        run_all(args.device)
    print_table(args.device)


if __name__ == "__main__":
    main()
