"""Writing with SmolLM2-135M: its weights in float32, 8 and 4 bits in our Llama, beside transformers in float32.

    python benchmarks/llama.py               every row on the CPU (fetches 93 MB the first time)
    python benchmarks/llama.py --rounds 2    a short look
    python benchmarks/llama.py --table       print the table of the last run

Targets: 1.2 times transformers' speed in float32 and 3.2 times in 4 or 8 bits; loaded in 10 seconds; under 1 GB
resident, loading included. Greedy, one text, a prompt of 16 tokens, 100 new ones. transformers has the very weights
that the file gives in float32, and writes the same text. "int8" is 8 bits for each weight; "int8_dynamic" rounds what
comes in as well; "int4" are the file's own 4 bits, with 8 for the head.

How. All take turns in one process with one thread, a text each a round; a round's ratios compare its own texts, and the
table gives the median of the rounds and the quarters beside it. "of the memory's rate": the bytes of weights that a
token has to read, a second, over the rate at which one thread sums up a large table. Quality is that of the very models
that were timed, on 2,000 tokens of film reviews read 500 at a time: nats a token, how often the likeliest next token is
that of float32, and the divergence KL(float32 || this) in nats. Memory and loading are a process of its own for each:
seconds of CPU and on the wall for the whole of `load_llama`, what is resident after it and 20 tokens more, and the most
that ever was; Python and torch alone stand beside them. The table goes to results/llama.json when it is whole.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
from importlib.metadata import version

from decoding import memory_rate  # which takes this folder from the path: its tokenizers.py is not the package
from measuring import in_a_process, machine, peak_mb, save

RESULT = pathlib.Path(__file__).parent / "results/llama.json"
KINDS = ("float32", "int8", "int8_dynamic", "int4")
THEIRS = "transformers"
PROMPT, NEW, READ, AT_ONCE = 16, 100, 2000, 500


def their_llama(ours):
    """transformers' model with our weights."""
    import torch
    import transformers

    from course_lib import checkpoints

    c = ours.config
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(
        vocab_size=c.vocab_size, max_position_embeddings=c.context_length, hidden_size=c.d_model,
        num_hidden_layers=c.num_layers, num_attention_heads=c.num_heads, num_key_value_heads=c.num_kv_heads,
        intermediate_size=c.d_ff, rms_norm_eps=c.eps, rope_theta=c.rope_theta, tie_word_embeddings=c.tied,
        bos_token_id=1, eos_token_id=2))  # fmt: skip
    missing, left = theirs.load_state_dict(checkpoints.rows_of(ours), strict=False)
    assert missing == ["lm_head.weight"], missing
    assert not left, left
    assert torch.equal(theirs.lm_head.weight, ours.tokens.weight)
    return theirs.eval()


def read_bytes(model) -> int:
    """What one token has to read of the weights: all matrices, but of the table a row."""
    from torch import nn

    from course_lib import linear

    total = 0
    for part in model.modules():
        if isinstance(part, nn.Linear):
            total += part.weight.numel() * 4
        elif isinstance(part, linear.Int4Linear):
            total += part.packed.numel() + part.scales.numel() * 2  # two weights a byte; bfloat16
        elif isinstance(part, linear.FEWER_BITS):
            total += part.packed.unpack()[0].numel() if hasattr(part, "packed") else part.rounded.numel()
    return total


def measure_time(rounds: int) -> dict:
    """All in this process, in turns; and how well each says what float32 says."""
    import torch

    from course_lib import checkpoints, data
    from course_lib.decoding import generate

    torch.set_num_threads(1)
    file = data.path("smollm2")
    ours = {kind: checkpoints.load_llama(file, kind)[0].requires_grad_(False) for kind in KINDS}
    theirs, tokenizer = their_llama(ours["float32"]), checkpoints.load_llama(file, "int4")[1]
    ids = torch.tensor(tokenizer.encode("\n".join(review.text for review in data.load("film_sentiment")[:60])))
    prompt, ids = ids[None, :PROMPT], ids[: READ + READ // AT_ONCE].view(-1, AT_ONCE + 1)
    asked = {"do_sample": False, "max_new_tokens": NEW, "min_new_tokens": NEW, "pad_token_id": 0,
             "attention_mask": torch.ones_like(prompt)}  # fmt: skip
    runs = {kind: lambda model=model: generate(model, prompt, NEW, temperature=0) for kind, model in ours.items()}
    runs[THEIRS] = lambda: theirs.generate(prompt, **asked)
    written = {by: run() for by, run in runs.items()}
    assert torch.equal(written["float32"], written[THEIRS]), "the texts differ"
    seconds, rate = {by: [] for by in runs}, memory_rate()
    for _ in range(rounds):
        for by, run in runs.items():
            start = time.process_time()
            run()
            seconds[by].append(time.process_time() - start)
    speed = {by: NEW / statistics.median(each) for by, each in seconds.items()}
    ratios = {by: [other / mine for other, mine in zip(seconds[THEIRS], each)] for by, each in seconds.items()}
    times = {by: [round(x, 2) for x in statistics.quantiles(each, n=4, method="inclusive")]
             for by, each in ratios.items() if by != THEIRS}  # fmt: skip
    read = {by: read_bytes(ours[by]) for by in KINDS} | {THEIRS: read_bytes(theirs)}
    return {"rounds": rounds, "tokens_a_second": {by: round(each, 1) for by, each in speed.items()},
            "times_transformers": times, "megabytes_a_token": {by: round(each / 1e6) for by, each in read.items()},
            "of_the_memorys_rate": {by: round(read[by] * speed[by] / rate, 2) for by in runs},
            "gigabytes_a_second": round(rate / 1e9, 1), "quality": quality(ours, ids)}  # fmt: skip


def quality(models: dict, ids) -> dict:
    """Each model beside the first, on rows of ids."""
    import torch

    logs = {}
    with torch.no_grad():
        for kind, model in models.items():
            logs[kind] = torch.cat([model(row[None, :-1]).logits[0] for row in ids]).log_softmax(-1)
    best, answers = logs["float32"], ids[:, 1:].flatten()
    return {kind: {
        "nats_a_token": round(-log.gather(1, answers[:, None]).mean().item(), 4),
        "agreement": round((log.argmax(-1) == best.argmax(-1)).float().mean().item(), 4),
        "kl": round((best.exp() * (best - log)).sum(-1).mean().item(), 5),
    } for kind, log in logs.items()}  # fmt: skip


def measure_memory(kind: str) -> dict:
    """Megabytes and seconds for one kind, in this process."""
    import psutil
    import torch

    from course_lib import checkpoints, data, decoding

    torch.set_num_threads(1)
    process, before = psutil.Process(), psutil.Process().memory_info().rss
    wall, cpu = time.perf_counter(), time.process_time()
    model, tokenizer = checkpoints.load_llama(data.path("smollm2"), kind)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    decoding.generate(model, torch.tensor([tokenizer.encode("The capital of France is")]), 20, temperature=0)
    return {"kind": kind, "torch_alone_mb": round(before / 1e6), "resident_mb": round(process.memory_info().rss / 1e6),
            "peak_mb": peak_mb(), "load_cpu_seconds": round(cpu, 1), "load_seconds": round(wall, 1)}  # fmt: skip


def memory_of(kind: str) -> dict:
    """`measure_memory` in a process that gives freed memory back, as a notebook's does."""
    env = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=str(RESULT.parent.parent.parent))
    command = [sys.executable, __file__, "--row", "memory", kind]
    done = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_all(rounds: int) -> None:
    memory = [memory_of(kind) for kind in KINDS]
    print(memory, flush=True)
    row = in_a_process("time", rounds, script=__file__)
    print(row, flush=True)
    versions = {name: version(name) for name in ("torch", "transformers", "gguf")}
    settings = {"prompt": PROMPT, "new_tokens": NEW, "tokens_read": READ, "read_at_once": AT_ONCE}
    result = {"machine": machine(), "versions": versions, "settings": settings, **row, "memory": memory}
    save(RESULT, result)


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; {saved['versions']}; {saved['gigabytes_a_second']} GB/s")
    print("tokens a second of one thread; times transformers (quarters); share of the memory's rate; MB a token")
    for by, speed in saved["tokens_a_second"].items():
        low, middle, high = saved["times_transformers"].get(by, [1, 1, 1])
        print(f"    {by:13} {speed:7.1f}  {middle:5.2f} ({low:.2f} to {high:.2f})  "
              f"{saved['of_the_memorys_rate'][by]:.2f}  {saved['megabytes_a_token'][by]:4}")  # fmt: skip
    print("nats a token; agreement with float32; KL in nats; resident and peak MB; loading, CPU and wall seconds")
    for row in saved["memory"]:
        found = saved["quality"][row["kind"]]
        print(f"    {row['kind']:13} {found['nats_a_token']:.4f}  {found['agreement']:.4f}  {found['kl']:.5f}  "
              f"{row['resident_mb']:4} {row['peak_mb']:4}  {row['load_cpu_seconds']:.1f} {row['load_seconds']:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", nargs=2, help="one measurement, as JSON")
    args = parser.parse_args()
    if args.row:
        what, argument = args.row
        print(json.dumps(measure_memory(argument) if what == "memory" else measure_time(int(argument))))
        return
    if not args.table:
        run_all(args.rounds)
    print_table()


if __name__ == "__main__":
    main()
