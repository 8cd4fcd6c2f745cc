"""A training step of our GPT beside transformers' GPT-2 and nanoGPT: time, memory, and the share of what is possible.

    git clone https://github.com/karpathy/nanoGPT peers/nanoGPT       (any folder; it has no package)
    python benchmarks/gpt.py --nanogpt peers/nanoGPT                  every row on the CPU
    python benchmarks/gpt.py --rounds 3                               a short look, without nanoGPT
    python benchmarks/gpt.py --device cuda                            the same on a GPU: results/gpt_cuda.json
    python benchmarks/gpt.py --table                                  print the table of the last run

All are the small model (six blocks of 384, six heads, 84 letters, 10.7 M parameters), newly started, on the same batch
of 8 rows of 256; a step is forward, backward, clipping at 1 and fused AdamW. "bfloat16" is the same autocast for all;
"compiled" is torch.compile of the model.

How. All take turns in one process with one thread, a step each a round; a round's ratios compare its own steps, and the
table gives the median of the rounds and the quarters beside it. "of the product's rate": the step's multiplications and
additions (6 for each parameter and token, and the attention's) a second, over those of one large float32 matrix product
timed in the same rounds. nanoGPT bends with the exact GELU and the other two, as GPT-2, with its tanh form, which on a
CPU is the dearer one: "GELU alone" is what six layers of each take, there and back. Memory is what a process of its own
adds at its peak, over three steps; glibc is told to keep freed memory, as in benchmarks/attention.py. The table goes to
results/gpt.json when it is whole.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time
from importlib.metadata import version

from measuring import has_bfloat16, in_a_process, machine, peak_mb, save, summary

sys.path.pop(0)  # this folder: its tokenizers.py is not the package that transformers asks for
RESULTS = pathlib.Path(__file__).parent / "results"
LETTERS, LENGTH, BATCH, PRODUCTS = 84, 256, 8, 20
CASES = [(dtype, dropout, compiled) for dtype in ("float32", "bfloat16") for compiled in (False, True)
         for dropout in (0.0, 0.2)]  # fmt: skip
OURS = "course_lib"


def sides(nanogpt: str | None) -> list[str]:
    return [OURS, "transformers", *(["nanoGPT"] if nanogpt else [])]


def model_and_loss(by: str, dropout: float, ids, nanogpt: str | None):
    """A new model, and a function that gives its loss on rows of LENGTH + 1 ids."""
    if by == OURS:
        from course_lib import gpt

        size = vars(gpt.SIZES["small"]) | {"vocab_size": LETTERS, "context_length": LENGTH, "dropout": dropout}
        model = gpt.GPT(gpt.GPTConfig(**size))
        return model, model.loss
    x, y = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    if by == "nanoGPT":
        sys.path.insert(0, nanogpt)
        import model as nano

        found = nano.GPT(nano.GPTConfig(block_size=LENGTH, vocab_size=LETTERS, n_layer=6, n_head=6, n_embd=384,
                                        dropout=dropout, bias=True))  # fmt: skip
        return found, lambda rows: found(x, y)[1]
    import transformers

    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=LETTERS, n_positions=LENGTH, n_embd=384, n_layer=6, n_head=6, resid_pdrop=dropout,
        embd_pdrop=dropout, attn_pdrop=dropout, bos_token_id=0, eos_token_id=0))  # fmt: skip
    return model, lambda rows: model(input_ids=x, labels=x, shift_labels=y).loss


def step_of(by: str, dtype: str, dropout: float, compiled: bool, device: str, nanogpt: str | None):
    """A function that trains one step and returns its seconds, and how many parameters it trains."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    ids = torch.randint(LETTERS, (BATCH, LENGTH + 1), device=device)
    model, loss = model_and_loss(by, dropout, ids, nanogpt)
    model.to(device).train()
    loss = torch.compile(loss) if compiled else loss
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

    def step() -> float:
        start = clock(device)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            value = loss(ids)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return clock(device) - start

    return step, sum(parameter.numel() for parameter in model.parameters())


def clock(device: str) -> float:
    """Seconds: of this process's CPU, or, once the GPU has done what it was asked to, on the wall."""
    if device == "cpu":
        return time.process_time()
    import torch

    torch.cuda.synchronize()
    return time.perf_counter()


def measure_time(dtype: str, dropout: float, compiled: bool, rounds: int, device: str, nanogpt: str | None) -> dict:
    """All in this process, in turns."""
    import torch
    import torch.nn.functional as F

    by = sides(nanogpt)
    steps, sizes = zip(*(step_of(one, dtype, dropout, compiled, device, nanogpt) for one in by))
    assert len(set(sizes)) == 1, f"the models have {sizes} parameters"
    a, w = torch.randn(BATCH * LENGTH, 384, device=device), torch.randn(1536, 384, device=device)

    def product() -> float:
        start = clock(device)
        for _ in range(PRODUCTS):
            F.linear(a, w)
        return clock(device) - start

    bent, slope = (torch.randn(BATCH * LENGTH, 1536, device=device) for _ in range(2))

    def gelu(form: str) -> float:
        start, x = clock(device), bent.requires_grad_()
        for _ in range(6):
            torch.autograd.grad(F.gelu(x, approximate=form), x, slope)
        return clock(device) - start

    others = [product, lambda: gelu("tanh"), lambda: gelu("none")]
    for _ in range(3):  # the first steps fetch code and memory, and compile
        for step in (*steps, *others):
            step()
    seconds = list(zip(*([step() for step in (*steps, *others)] for _ in range(rounds))))
    *seconds, products, tanh, exact = seconds
    rate = PRODUCTS * 2 * a.numel() * 1536 / statistics.median(products)
    blocks = sizes[0] - LENGTH * 384  # the table of positions multiplies nothing
    work = BATCH * LENGTH * (6 * blocks + 6 * 6 * 384 * LENGTH)  # a causal query meets half of the keys
    found = summary(dict(zip(by, seconds)), OURS)
    share = {one: round(work / statistics.median(each) / rate, 2) for one, each in zip(by, seconds)}
    return {"parameters": sizes[0], "rounds": rounds, **found, "of_the_products_rate": share,
            "gflops_of_the_product": round(rate / 1e9, 1),
            "gelu_milliseconds": {"tanh": round(1e3 * statistics.median(tanh), 1),
                                  "exact": round(1e3 * statistics.median(exact), 1)}}  # fmt: skip


def measure_memory(dtype: str, dropout: float, compiled: bool, by: str, device: str, nanogpt: str | None) -> int:
    """What the model, its optimizer and three steps add to this process (or the GPU), in millions of bytes."""
    import torch

    if by != "nanoGPT":
        __import__(by)
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)], fused=True)
    before = peak_mb()
    step, _ = step_of(by, dtype, dropout, compiled, device, nanogpt)
    for _ in range(3):
        step()
    return peak_mb() - before if device == "cpu" else round(torch.cuda.max_memory_allocated() / 1e6)


def measured(what: str, **arguments: object):
    return in_a_process(json.dumps([what, arguments]), script=__file__)


def run_all(rounds: int, device: str, nanogpt: str | None) -> None:
    rows = []
    for dtype, dropout, compiled in CASES:
        if dtype == "bfloat16" and device == "cpu" and not has_bfloat16():
            continue
        case = {"dtype": dtype, "dropout": dropout, "compiled": compiled}
        place = {"device": device, "nanogpt": nanogpt}
        row = {**case, **measured("time", **case, rounds=rounds, **place)}
        if not compiled:
            row["peak_mb"] = {by: measured("memory", **case, by=by, **place) for by in sides(nanogpt)}
        rows.append(row)
        print(row, flush=True)
    import torch

    on = machine() if device == "cpu" else f"{torch.cuda.get_device_name()}, {machine()}"
    versions = {name: version(name) for name in ("torch", "transformers")}
    settings = {"model": "small", "batch": BATCH, "length": LENGTH, "letters": LETTERS}
    result = {"machine": on, "versions": versions, "settings": settings, "rows": rows}
    file = result_file(device)
    save(file, result)


def result_file(device: str) -> pathlib.Path:
    return RESULTS / ("gpt.json" if device == "cpu" else f"gpt_{device}.json")


def print_table(device: str) -> None:
    saved = json.loads(result_file(device).read_text())
    print(f"{saved['machine']}; {saved['versions']}; {saved['settings']}")
    print("milliseconds a step, times as long as ours (quarters), share of the product's rate, MB added at the peak")
    for row in saved["rows"]:
        print(f"{row['dtype']}, dropout {row['dropout']}{', compiled' if row['compiled'] else ''}")
        for by, milliseconds in row["milliseconds"].items():
            low, middle, high = row["times_ours"].get(by, [1, 1, 1])
            memory = f"{row['peak_mb'][by]:6,} MB" if "peak_mb" in row else ""
            print(f"    {by:13} {milliseconds:8,.0f} ms  {middle:5.2f} ({low:.2f} to {high:.2f})  "
                  f"{row['of_the_products_rate'][by]:.2f}  {memory}")  # fmt: skip
        if gelu := row.get("gelu_milliseconds"):
            print(f"    GELU alone, six layers: tanh {gelu['tanh']:.0f} ms, exact {gelu['exact']:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--nanogpt", help="the folder of nanoGPT, where its model.py is")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", help="one measurement, as JSON")
    args = parser.parse_args()
    if args.row:
        what, arguments = json.loads(args.row)
        print(json.dumps((measure_time if what == "time" else measure_memory)(**arguments)))
        return
    if not args.table:
        run_all(args.rounds, args.device, args.nanogpt)
    print_table(args.device)


if __name__ == "__main__":
    main()
