"""A pretraining step of our BERT beside transformers' BertForPreTraining: time and memory.

    python benchmarks/bert.py               every row on the CPU (about ten minutes on a quiet core)
    python benchmarks/bert.py --rounds 3    a short look
    python benchmarks/bert.py --table       print the table of the last run

Both are the mini model (four blocks of 256), newly started, with dropout 0.1, on the same batch of 16 pairs of 128
tokens of which 15% are asked; a step is forward, backward, clipping at 1 and fused AdamW. Ours computes the logits of
the masked places, transformers' of all places, as it does by itself. In bfloat16, where the processor has it, both run
under the same autocast.

How. The two take turns in one process with one thread, a step each a round; a round's ratio compares its own two steps,
and the table gives the median of the rounds and the quarters beside it. Memory is what a process of its own adds at its
peak, over three steps. glibc is told to keep freed memory, as in benchmarks/attention.py. The table goes to
results/bert.json when it is whole.
"""

import argparse
import json
import pathlib
import sys
import time
from importlib.metadata import version

from measuring import has_bfloat16, in_a_process, machine, peak_mb, save, summary

RESULT = pathlib.Path(__file__).parent / "results/bert.json"
VOCABULARIES, LENGTH, BATCH, DROPOUT, ASKED = (8_000, 30_522), 128, 16, 0.1, 0.15
BOTH = ("course_lib", "transformers")


def batch_of(vocab_size: int) -> dict:
    import torch

    ids = torch.randint(vocab_size, (BATCH, LENGTH))
    asked = torch.rand(BATCH, LENGTH) < ASKED
    return {
        "ids": ids, "kinds": (torch.arange(LENGTH) >= LENGTH // 2).long().expand(BATCH, LENGTH).contiguous(),
        "follows": torch.randint(2, (BATCH,)), "labels": torch.where(asked, ids, -100),
        "places": asked.flatten().nonzero()[:, 0], "mask": torch.ones(BATCH, LENGTH, dtype=torch.bool),
    }  # fmt: skip


def model_and_loss(by: str, vocab_size: int, batch: dict):
    """A new model, and what gives its loss on the batch."""
    import torch
    from torch import nn

    if by == "course_lib":
        from course_lib import bert

        size = vars(bert.SIZES["mini"]) | {"vocab_size": vocab_size, "context_length": LENGTH, "dropout": DROPOUT}
        model = bert.BertForPreTraining(bert.BertConfig(**size))
        exercise = bert.PreTrainingBatch(batch["ids"], batch["mask"], batch["kinds"], batch["places"],
                                         batch["ids"].flatten()[batch["places"]], batch["follows"])  # fmt: skip
        return model, lambda: model.loss(exercise)
    import transformers

    model = transformers.BertForPreTraining(transformers.BertConfig(
        vocab_size=vocab_size, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024,
        max_position_embeddings=LENGTH, hidden_dropout_prob=DROPOUT, attention_probs_dropout_prob=DROPOUT))  # fmt: skip
    assert isinstance(model, nn.Module)
    mask = batch["mask"].to(torch.int64)
    return model, lambda: model(input_ids=batch["ids"], attention_mask=mask, token_type_ids=batch["kinds"],
                                labels=batch["labels"], next_sentence_label=batch["follows"]).loss  # fmt: skip


def step_of(by: str, vocab_size: int, dtype: str):
    """A function that trains one step, and how many parameters it trains."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model, loss = model_and_loss(by, vocab_size, batch_of(vocab_size))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)

    def step() -> float:
        start = time.process_time()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return time.process_time() - start

    return step, sum(parameter.numel() for parameter in model.parameters())


def measure_time(vocab_size: int, dtype: str, rounds: int) -> dict:
    """Both in this process, in turns."""
    steps, sizes = zip(*(step_of(by, vocab_size, dtype) for by in BOTH))
    assert sizes[0] == sizes[1], f"the models have {sizes} parameters"
    for _ in range(2):  # the first steps fetch code and memory
        for step in steps:
            step()
    seconds = list(zip(*([step() for step in steps] for _ in range(rounds))))
    return {"parameters": sizes[0], "rounds": rounds, **summary(dict(zip(BOTH, seconds)), BOTH[0])}


def measure_memory(vocab_size: int, dtype: str, by: str) -> int:
    """What the model, its optimizer and three steps add to this process, in millions of bytes."""
    import torch

    __import__(by)
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)], fused=True)
    before = peak_mb()
    step, _ = step_of(by, vocab_size, dtype)
    for _ in range(3):
        step()
    return peak_mb() - before


def run_all(rounds: int) -> None:
    rows = []
    for dtype in ("float32", "bfloat16") if has_bfloat16() else ("float32",):
        for vocab_size in VOCABULARIES:
            times = in_a_process("time", vocab_size, dtype, rounds, script=__file__)
            row = {"vocab_size": vocab_size, "dtype": dtype, **times}
            row["peak_mb"] = {by: in_a_process("memory", vocab_size, dtype, by, script=__file__) for by in BOTH}
            rows.append(row)
            print(row, flush=True)
    settings = {"model": "mini", "batch": BATCH, "length": LENGTH, "dropout": DROPOUT, "asked": ASKED}
    versions = {name: version(name) for name in ("torch", "transformers")}
    result = {"machine": machine(), "versions": versions, "settings": settings, "rows": rows}
    save(RESULT, result)


def print_table() -> None:
    saved = json.loads(RESULT.read_text())
    print(f"{saved['machine']}; {saved['versions']}; {saved['settings']}")
    print("milliseconds of one thread a step; MB added at the peak; transformers' time / ours")
    print("words    numbers     ours  transformers  speed (quarters)       MB ours  transformers")
    for row in saved["rows"]:
        (ours, theirs), (low, middle, high) = row["milliseconds"].values(), row["times_ours"]["transformers"]
        memory = "  {:8,}      {:8,}".format(*row["peak_mb"].values())
        print(f"{row['vocab_size']:6,}  {row['dtype']:8}  {ours:7,.0f}  {theirs:12,.0f}  {middle:5.2f} "
              f"({low:.2f} to {high:.2f}) {memory}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    parser.add_argument("--row", nargs="+", help="one measurement, as JSON")
    args = parser.parse_args()
    if args.row:
        what, vocab_size, dtype, last = args.row
        found = measure_time if what == "time" else measure_memory
        print(json.dumps(found(int(vocab_size), dtype, int(last) if what == "time" else last)))
        return
    if not args.table:
        run_all(args.rounds)
    print_table()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: its tokenizers.py is not the package that transformers asks for
    main()
