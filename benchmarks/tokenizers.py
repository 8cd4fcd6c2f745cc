"""Our tokenizers beside `tokenizers` (Rust) and `tiktoken` (Rust) on film reviews: megabytes a CPU-second, one thread.

    python benchmarks/tokenizers.py                        every row, five rounds
    python benchmarks/tokenizers.py --mb 3 --rounds 2      a quick look
    python benchmarks/tokenizers.py --table                print the table of the last run

All sides work on the same texts in the same process, one after the other, in turning order, several rounds. Time is
the process's CPU time, and a row shows the median round. `cold` is a tokenizer that has seen no text yet (made anew for
each round), `known` the same one on the same texts again. `tokenizers` keeps 10,000 words in a cache of its own,
tiktoken none. BPE: merges are learned by each side and must be equal, then each encodes by them to lists of ids; of
`tokenizers`' two ways, encode_batch (with offsets) and encode_batch_fast, the faster counts. WordPiece: MiniLM's
vocab.txt, batches of 32 reviews as padded tensors of at most 512 tokens; the other side is the engine of
BertTokenizerFast called directly, without the Python around it.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from importlib.metadata import version

from measuring import machine, save

# this folder holds a tokenizers.py: without it on the path, `import tokenizers` finds the package
sys.path = [folder for folder in sys.path if pathlib.Path(folder or ".").resolve() != pathlib.Path(__file__).parent]
os.environ |= {"TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

import tiktoken  # noqa: E402
import tokenizers as rust  # noqa: E402
import torch  # noqa: E402
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

from course_lib import bpe, data  # noqa: E402
from course_lib.tokenizers import BPETokenizer, WordPieceTokenizer  # noqa: E402

RESULTS = pathlib.Path(__file__).parent / "results" / "tokenizers.json"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def reviews(megabytes: float) -> list[str]:
    """Reviews of every part of the file, so many megabytes."""
    every = [review.text for review in data.load("film_sentiment")]
    texts, size = [], 0
    for start in range(17):
        for text in every[start::17]:
            if size >= megabytes * 1e6:
                return texts
            texts.append(text)
            size += len(text.encode())
    return texts


def clock(function) -> tuple[float, object]:
    start = time.process_time()
    answer = function()
    return time.process_time() - start, answer


def run_round(sides: dict, turn: int) -> tuple[dict[str, float], dict[str, object]]:
    """Every side once, starting with another one each round."""
    names = list(sides)
    names = names[turn % len(names) :] + names[: turn % len(names)]
    timed = {name: clock(sides[name]) for name in names}
    return {name: timed[name][0] for name in sides}, {name: timed[name][1] for name in sides}


# ---- BPE -------------------------------------------------------------------------------------------------------------


def train_rust(texts: list[str], vocab_size: int) -> rust.Tokenizer:
    tokenizer = rust.Tokenizer(models.BPE())  # anew: an object that is trained twice keeps stale words
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def bpe_training(texts: list[str], vocab_size: int, turn: int):
    sides = {
        "ours": lambda: BPETokenizer(special_tokens=()).train(texts, vocab_size),
        "tokenizers": lambda: train_rust(texts, vocab_size),
    }
    seconds, trained = run_round(sides, turn)
    theirs = [tuple(pair) for pair in json.loads(trained["tokenizers"].to_str())["model"]["merges"]]
    assert trained["ours"].merges == theirs, "the merges differ"
    return seconds, trained


def bpe_encoding(texts: list[str], trained: dict, turn: int) -> dict[str, float]:
    ours = BPETokenizer(trained["ours"].merges, special_tokens=())
    saved = trained["tokenizers"].to_str()
    theirs, theirs_fast = rust.Tokenizer.from_str(saved), rust.Tokenizer.from_str(saved)
    ranks = {bpe.unspell(name): token_id for name, token_id in ours.vocab.items()}
    other = tiktoken.Encoding("reviews", pat_str=GPT2, mergeable_ranks=ranks, special_tokens={})
    bpe.gpt2_words("")  # the pattern is made once a process
    thousands = batches(texts, 1000)
    sides = {
        "ours": lambda: [ours.encode(text) for text in texts],
        "tokenizers": lambda: [e.ids for batch in thousands for e in theirs.encode_batch(batch)],
        "tokenizers_fast": lambda: [e.ids for batch in thousands for e in theirs_fast.encode_batch_fast(batch)],
        "tiktoken": lambda: [other.encode_ordinary(text) for text in texts],
    }
    found = {}
    for state in ("cold", "known"):
        seconds, ids = run_round(sides, turn)
        assert all(each == ids["ours"] for each in ids.values()), "the ids differ"
        found |= {f"{name} {state}": spent for name, spent in seconds.items()}
    return found


# ---- WordPiece -------------------------------------------------------------------------------------------------------


def bert_of_rust() -> rust.Tokenizer:
    tokenizer = rust.Tokenizer(models.WordPiece.from_file(str(data.path("bert_vocab")), unk_token="[UNK]"))
    assert tokenizer.get_vocab_size() == 30522
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    tokenizer.enable_truncation(512)
    tokenizer.enable_padding()
    return tokenizer


def batches(texts: list[str], size: int) -> list[list[str]]:
    return [texts[start : start + size] for start in range(0, len(texts), size)]


def tensors(encodings) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor([getattr(e, name) for e in encodings]) for name in ("ids", "attention_mask", "type_ids"))


def wordpiece_encoding(texts: list[str], turn: int) -> dict[str, float]:
    ours, theirs, theirs_fast = WordPieceTokenizer.load(data.path("bert_vocab")), bert_of_rust(), bert_of_rust()
    sides = {
        "ours": lambda: [ours.encode_batch(batch, max_length=512).input_ids for batch in batches(texts, 32)],
        "tokenizers": lambda: [tensors(theirs.encode_batch(batch))[0] for batch in batches(texts, 32)],
        "tokenizers_fast": lambda: [tensors(theirs_fast.encode_batch_fast(batch))[0] for batch in batches(texts, 32)],
    }
    found = {}
    for state in ("cold", "known"):
        seconds, ids = run_round(sides, turn)
        assert all(all(map(torch.equal, each, ids["ours"])) for each in ids.values()), "the ids differ"
        found |= {f"{name} {state}": spent for name, spent in seconds.items()}
    return found


# ---- all of it -------------------------------------------------------------------------------------------------------


def run_all(args) -> None:
    torch.set_num_threads(1)
    texts = reviews(args.mb)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    rounds: dict[str, list[dict[str, float]]] = {"bpe_training": [], "bpe_encoding": [], "wordpiece_encoding": []}
    for turn in range(args.rounds):
        seconds, trained = bpe_training(texts, args.vocab, turn)
        rounds["bpe_training"].append(seconds)
        rounds["bpe_encoding"].append(bpe_encoding(texts, trained, turn))
        rounds["wordpiece_encoding"].append(wordpiece_encoding(texts, turn))
        print(f"round {turn + 1} of {args.rounds} done", flush=True)
    rows = [row(task, side, [r[side] for r in done], megabytes) for task, done in rounds.items() for side in done[0]]
    result = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("tokenizers", "tiktoken", "torch")},
        "texts": {"reviews": len(texts), "megabytes": round(megabytes, 2), "vocab_size": args.vocab},
        "rows": rows,
        "ratios": {name: ratio(rounds, *what) for name, what in RATIOS.items()},
    }
    args.out.parent.mkdir(exist_ok=True)
    save(args.out, result)


def row(task: str, side: str, seconds: list[float], megabytes: float) -> dict:
    spent = statistics.median(seconds)
    return {"task": task, "side": side, "megabytes_per_cpu_second": round(megabytes / spent, 2),
            "cpu_seconds": round(spent, 3), "rounds": [round(s, 3) for s in seconds]}  # fmt: skip


# how many times as fast ours is: task, our side, the others (the fastest of them counts)
RATIOS = {
    "bpe training / tokenizers": ("bpe_training", "ours", ["tokenizers"]),
    "bpe cold / tokenizers": ("bpe_encoding", "ours cold", ["tokenizers cold", "tokenizers_fast cold"]),
    "bpe known / tokenizers": ("bpe_encoding", "ours known", ["tokenizers known", "tokenizers_fast known"]),
    "bpe cold / tiktoken": ("bpe_encoding", "ours cold", ["tiktoken cold"]),
    "bpe known / tiktoken": ("bpe_encoding", "ours known", ["tiktoken known"]),
    "wordpiece cold / tokenizers": ("wordpiece_encoding", "ours cold", ["tokenizers cold", "tokenizers_fast cold"]),
    "wordpiece known / tokenizers": ("wordpiece_encoding", "ours known", ["tokenizers known", "tokenizers_fast known"]),
}


def ratio(rounds: dict, task: str, ours: str, others: list[str]) -> float:
    """The median over the rounds, each with its own ratio: what slows one round slows all its sides."""
    return round(statistics.median(min(r[other] for other in others) / r[ours] for r in rounds[task]), 2)


def print_table(path: pathlib.Path) -> None:
    result = json.loads(path.read_text())
    texts = result["texts"]
    print(f"{result['machine']}; {texts['reviews']:,} reviews, {texts['megabytes']} MB, {texts['vocab_size']:,} tokens")
    for each in result["rows"]:
        print(f"{each['task']:20}{each['side']:24}{each['megabytes_per_cpu_second']:8.2f} MB/CPU-s")
    for name, value in result["ratios"].items():
        print(f"{name:44}{value:6.2f} x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mb", type=float, default=15.0)
    parser.add_argument("--vocab", type=int, default=16_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    args = parser.parse_args()
    if not args.table:
        run_all(args)
    print_table(args.out)


if __name__ == "__main__":
    main()
