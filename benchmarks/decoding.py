"""Writing with a GPT: our cached generation, in float32 and in 8 bits, beside transformers' `generate`.

    python benchmarks/decoding.py               every row on the CPU
    python benchmarks/decoding.py --rounds 2    a short look
    python benchmarks/decoding.py --table       print the table of the last run

Greedy, one text, a prompt of 16 tokens, random weights large enough for the text to wander: the small model (10.7 M
parameters, 84 letters, 200 tokens) and GPT-2's smallest (124 M, 50,257 tokens, 64 tokens). transformers once with its
default cache and once with its static one (not compiled).
"int8" keeps weights in 8 bits; "int8_dynamic" rounds what comes into a layer as well. "agreement" is how often an 8-bit
model's likeliest next token is the float model's, on the text that the latter wrote; what 8 bits cost a trained model
stands in "quality": nats a letter on held-out plays, beside float32.

How. All take turns in one process with one thread, a text each a round; a round's ratios compare its own texts, and the
table gives the median of the rounds and the quarters beside it. "of the memory's rate": the bytes of weights that a
token has to read, a second, over the rate at which one thread sums up a large table. The table goes to
results/decoding.json when it is whole.
"""

import argparse
import json
import pathlib
import statistics
import sys
import time
from importlib.metadata import version

from measuring import in_a_process, machine, save, summary

sys.path.pop(0)  # this folder: its tokenizers.py is not the package that transformers asks for
RESULT = pathlib.Path(__file__).parent / "results/decoding.json"
SIZES = {"small": (84, 200), "gpt2": (50_257, 64)}  # vocabulary, and how many tokens are written
PROMPT, OURS, KINDS = 16, "course_lib", ("int8", "int8_dynamic")


def twins(size: str):
    """transformers' GPT-2 and ours with the same random weights."""
    import torch
    import transformers

    from course_lib import checkpoints, gpt

    config = gpt.GPTConfig(**vars(gpt.SIZES[size]) | {"vocab_size": SIZES[size][0], "dropout": 0.0})
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=config.vocab_size, n_positions=config.context_length, n_embd=config.d_model,
        n_layer=config.num_layers, n_head=config.num_heads, bos_token_id=0, eos_token_id=0)).eval()  # fmt: skip
    ours, weights = gpt.GPT(config).eval(), theirs.state_dict()
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.dim() == 2:
                torch.nn.init.normal_(parameter, std=0.06)
    names = checkpoints.their_names(ours)
    ours.load_state_dict({name: checkpoints.turned(there, weights[there]) for name, there in names.items()})
    return theirs, ours


def measure(size: str, rounds: int) -> dict:
    """All in this process, in turns."""
    import torch

    from course_lib.decoding import generate, quantize

    torch.manual_seed(0)
    torch.set_num_threads(1)
    theirs, ours = twins(size)
    V, n = SIZES[size]
    small, prompt = {f"{OURS} {kind}": quantize(ours, kind) for kind in KINDS}, torch.randint(V, (1, PROMPT))
    asked = {"do_sample": False, "max_new_tokens": n, "min_new_tokens": n, "pad_token_id": 0,
             "attention_mask": torch.ones_like(prompt)}  # fmt: skip
    runs = {
        OURS: lambda: generate(ours, prompt, n, temperature=0),
        **{by: lambda model=model: generate(model, prompt, n, temperature=0) for by, model in small.items()},
        "transformers": lambda: theirs.generate(prompt, **asked),
        "transformers, static cache": lambda: theirs.generate(prompt, cache_implementation="static",
                                                              disable_compile=True, **asked),
    }  # fmt: skip
    written = {by: run() for by, run in runs.items()}
    assert torch.equal(written[OURS], written["transformers"]), "the texts differ"
    seconds = {by: [] for by in runs}
    for _ in range(rounds):
        for by, run in runs.items():
            start = time.process_time()
            run()
            seconds[by].append(time.process_time() - start)
    with torch.no_grad():
        best = {by: model(written[OURS]).logits.argmax(-1) for by, model in {OURS: ours, **small}.items()}
    read = sum(p.numel() for p in ours.parameters()) - ours.positions.weight.numel()  # numbers that a token reads
    rate = memory_rate()
    share = {by: round(read * bytes_each * n / statistics.median(seconds[by]) / rate, 2)
             for by, bytes_each in ((OURS, 4), *((by, 1) for by in small), ("transformers", 4))}  # fmt: skip
    return {"size": size, "tokens": n, "rounds": rounds,
            "tokens_a_second": {by: round(n / statistics.median(each), 1) for by, each in seconds.items()},
            **summary(seconds, OURS),
            "agreement": {by: round((best[by] == best[OURS]).float().mean().item(), 3) for by in small},
            "of_the_memorys_rate": share, "gigabytes_a_second": round(rate / 1e9, 1)}  # fmt: skip


def memory_rate() -> float:
    """Bytes a second that one thread reads of a table that no cache holds: the best of five sums."""
    import torch

    table, best = torch.ones(2**27), 0.0  # 0.5 GB
    for _ in range(5):
        start = time.perf_counter()
        table.sum()
        best = max(best, table.numel() * 4 / (time.perf_counter() - start))
    return best


def quality() -> dict:
    """The course's GPT of letters on the held-out plays' first 50,000: nats a letter, float32 and 8 bits."""
    import torch

    from course_lib import data, decoding, gpt, pretrain

    model, tokenizer = pretrain.load(data.path("gpt_characters"))
    ids = torch.tensor(tokenizer.encode(pretrain.plays(held_out=True)))[:50_000]
    models = {"float32": model, **{kind: decoding.quantize(model, kind) for kind in KINDS}}
    return {name: round(-gpt.log_probs(one, ids).mean().item(), 4) for name, one in models.items()}


def run_all(rounds: int) -> None:
    rows = []
    for size in SIZES:
        rows.append(in_a_process(size, rounds, script=__file__))
        print(rows[-1], flush=True)
    versions = {name: version(name) for name in ("torch", "transformers")}
    result = {"machine": machine(), "versions": versions, "prompt": PROMPT, "rows": rows,
              "quality": in_a_process("quality", script=__file__)}  # fmt: skip
    save(RESULT, result)


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; {saved['versions']}; nats a letter: {saved['quality']}")
    print("tokens a second of one thread; times as long as ours (quarters); share of the memory's rate")
    for row in saved["rows"]:
        print(f"{row['size']}, {row['tokens']} tokens; agreement {row['agreement']}")
        for by, speed in row["tokens_a_second"].items():
            low, middle, high = row["times_ours"].get(by, [1, 1, 1])
            share = row["of_the_memorys_rate"].get(by, "")
            print(f"    {by:28} {speed:8,.1f}  {middle:5.2f} ({low:.2f} to {high:.2f})  {share}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", nargs="+", help="one measurement, as JSON")
    args = parser.parse_args()
    if args.row:
        what, *rest = args.row
        print(json.dumps(quality() if what == "quality" else measure(what, int(rest[0]))))
        return
    if not args.table:
        run_all(args.rounds)
    print_table()


if __name__ == "__main__":
    main()
