"""Pretrain a BERT or a GPT: `python -m course_lib.pretrain FOLDER`, and the same again to go on after a break.

    python -m course_lib.pretrain FOLDER --steps 6000                       the course's BERT
    python -m course_lib.pretrain FOLDER --model gpt --tokens characters    a GPT on Shakespeare's letters
    python -m course_lib.pretrain FOLDER --model gpt --size gpt2 --text mine.txt more.txt
    python -m course_lib.pretrain FOLDER --start-from OTHER                 the weights and tokenizer of another run
    torchrun --nproc-per-node 2 -m course_lib.pretrain FOLDER               two processes, a batch each for every step

What it is. Texts, a tokenizer learned from them, what the model learns from (`bert_data.SentencePairs`, `gpt.windows`),
weights to begin with (`head_start`), and the one loop (`training`). What comes out is a folder: `model.safetensors` in
float16, the tokenizer's files, and `card.json` with settings, loss curve, held-out scores, seconds and device. Without
`--text` the texts are the course's: film reviews; passages of definitions, facts, Shakespeare and Wikipedia; and for
letters Shakespeare's plays. Held out are the reviews that lessons 08 and 16 hold out, the plays of lessons 09 and 17,
or the last twentieth of your texts. Options that are not given are those the course's own BERT was trained with.

What it leaves out. Anything larger than one machine's afternoon: shards of data, parts of a model on several devices.
"""

import argparse
import hashlib
import itertools
import json
import os
import platform
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from course_lib import bert, data, device, files, gpt, tokenizers, training, training_files
from course_lib.files import existing, write_whole
from course_lib.head_start import begin, log_frequencies, look_around, look_at, look_back, skipgram_table  # noqa: F401
from course_lib.settings import require
from course_lib.shapes import require_tensors
from course_lib.tokenizers import BPETokenizer, CharacterTokenizer, Tokenizer, WordPieceTokenizer
from course_lib.wordpiece import count_score

WEIGHTS = "model.safetensors"
PASSAGE = 20  # sentences of a corpus without documents that are read as one
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
SCORED_PLAYS = ("The Tempest", "King John", "Macbeth")  # as benchmarks/ngram.py: scored there, held out here
OTHER_PLAYS = ("Twelfth Night", "Henry V", "Othello")  # there they fit the mixture; here nobody reads them
DEFAULTS = {  # BERT's are what the course's own was trained with
    "bert": {"size": "mini", "tokens": "wordpiece", "vocab_size": 8000, "context_length": 256, "batch_size": 16,
             "learning_rate": 1e-3, "dropout": 0.0},
    "gpt": {"size": "mini", "tokens": "bpe", "vocab_size": 4000, "context_length": 256, "batch_size": 16,
            "learning_rate": 1e-3, "dropout": 0.0},
}  # fmt: skip


def held_out_reviews() -> np.ndarray:
    """True for the reviews of the Internet Movie Database that lesson 08 holds out: whole shelves of neighbours."""
    rng = np.random.default_rng(1)
    shelves = np.concatenate([rng.choice(50, 10, replace=False), 50 + rng.choice(50, 10, replace=False)])
    return np.isin(np.arange(25_000) // 250, shelves)


def documents(held_out: bool = False) -> Iterator[list[str]]:
    """Documents, each a list of sentences: those to learn from, or the reviews that are held out."""
    reviews = data.load("film_sentiment")
    imdb = [review for review in reviews if review.source == "imdb"]
    for review, held in zip(imdb, held_out_reviews(), strict=True):
        if held == held_out:
            yield [sentence for sentence in SENTENCE_END.split(review.text) if sentence.strip()]
    if held_out:
        return
    single = [review.text for review in reviews if review.source != "imdb"]
    names = ("definitions", "facts", "shakespeare", "wikipedia")
    corpora = [map(" ".join, data.load(name)) for name in names]
    for sentences in [iter(single), *corpora]:
        while passage := list(islice(sentences, PASSAGE)):
            yield passage


def plays(held_out: bool = False) -> str:
    """Shakespeare's plays in a row, as lesson 09 divides them: without the six it holds out, or three of those."""
    texts = data.load("shakespeare_plays")
    if held_out:
        return "".join(texts[title] for title in SCORED_PLAYS)
    return "".join(text for title, text in texts.items() if title not in SCORED_PLAYS + OTHER_PLAYS)


def read_files(paths: Sequence[Path]) -> tuple[str, str]:
    """The texts of some files in a row, and of it the last twentieth, cut off where a line ends, to be held out."""
    text = "\n".join(read_text(path) for path in paths)
    cut = text.find("\n", round(0.95 * len(text))) + 1 or round(0.95 * len(text))
    return text[:cut], text[cut:]


def read_text(path: Path) -> str:
    try:
        return files.read_text(path, "text file")
    except FileNotFoundError:
        raise ValueError(f"There is no file {path}: give --text the names of text files.") from None


def paragraphs(text: str) -> list[list[str]]:
    """A text as documents: what stands between blank lines, cut into sentences."""
    parts = re.split(r"\n\s*\n", text)
    return [[sentence for sentence in SENTENCE_END.split(part) if sentence.strip()] for part in parts if part.strip()]


def train_tokenizer(documents: Iterable[Sequence[str]], vocab_size: int = 8000) -> WordPieceTokenizer:
    """Pieces that are joined by count, as BPE's are: the textbooks' score would spend them on rare names."""
    texts = (sentence for document in documents for sentence in document)
    return WordPieceTokenizer().train(texts, vocab_size, score=count_score, min_count=5)


def exercises(
    tokenizer: WordPieceTokenizer, documents: Iterable[Sequence[str]], **settings: int
) -> bert.SentencePairs:
    """BERT's exercises out of documents, each a list of sentences; `settings` as those of `bert.SentencePairs`."""
    special = tokenizer.special_tokens
    words = [i for i in range(len(tokenizer)) if i not in special.values()]
    return bert.SentencePairs(
        ([tokenizer.encode(sentence, special=False) for sentence in document] for document in documents),
        cls_id=special["[CLS]"], sep_id=special["[SEP]"], mask_id=special["[MASK]"], pad_id=special["[PAD]"],
        words=words, **settings)  # fmt: skip


def mixed_lengths(short: bert.SentencePairs, long: bert.SentencePairs, share: float) -> training.Batches:
    """Batches without end: a `share` of them of short texts, spread evenly among the long ones.

    Short rows cost less a token. The paper (appendix A.2) reads all of them first; but what lies further on than they
    reach is learned from the long rows alone, and where those come late, and few, the model reads badly there.
    """

    def all_steps(generator: torch.Generator) -> Iterator[bert.PreTrainingBatch]:
        forever = itertools.repeat(generator)
        epochs = [itertools.chain.from_iterable(map(exercise, forever)) for exercise in (long, short)]
        for step in itertools.count():
            yield next(epochs[int((step + 1) * share) - int(step * share)])

    return all_steps


def loss(
    model: bert.BertForPreTraining, batch: bert.PreTrainingBatch, bfloat16: bool = False
) -> tuple[Tensor, int]:
    """Both losses summed, in nats; `bfloat16`: multiply in 16 bits, faster on processors that are made for it."""
    with torch.autocast(batch.input_ids.device.type, torch.bfloat16, enabled=bfloat16):
        return model.loss(batch), len(batch.labels)


def holes(batch: bert.PreTrainingBatch, mask_id: int) -> bert.PreTrainingBatch:
    """The same rows, asked only where [MASK] is shown: one asked token in ten can be read off and copied."""
    hidden = batch.input_ids.flatten()[batch.masked_places] == mask_id
    return batch._replace(masked_places=batch.masked_places[hidden], labels=batch.labels[hidden])


def masked_scores(model: bert.BertForPreTraining, batches: list[bert.PreTrainingBatch]) -> dict[str, float]:
    """Of asked tokens: mean loss in nats, share guessed right, share among the first five; and of pairs told apart."""
    totals = np.zeros(5)
    with torch.no_grad():
        for batch in batches:
            batch = bert.PreTrainingBatch(*(tensor.to(model.bias.device) for tensor in batch))
            logits, follows = model(batch.input_ids, batch.attention_mask, batch.token_type_ids, batch.masked_places)
            first = logits.topk(5).indices == batch.labels[:, None]  # (M, 5)
            right = follows.argmax(-1) == batch.next_sentence_label
            totals += [F.cross_entropy(logits, batch.labels, reduction="sum").item(), first[:, 0].sum().item(),
                       first.sum().item(), len(batch.labels), right.float().mean().item()]  # fmt: skip
    return {"loss": totals[0] / totals[3], "right": totals[1] / totals[3], "top_5": totals[2] / totals[3],
            "next_sentence": totals[4] / len(batches)}  # fmt: skip


def load(folder: str | Path) -> tuple[bert.BertForPreTraining | gpt.GPT, Tokenizer]:
    """The model (on the CPU, in float32, ready to answer) and the tokenizer of a folder that this command wrote.

    FileNotFoundError for a missing file, ValueError for one that is damaged or of another model. Nothing but numbers
    and names is read: weights in Python's pickle format, which can run code, are not.
    """
    folder = Path(folder)
    path, weights = (existing(folder / name, f"{name} of course_lib.pretrain") for name in ("card.json", WEIGHTS))
    tokenizer = tokenizers.load(folder)
    try:
        card = json.loads(path.read_text("utf-8"))
        build, config = MODELS[card.get("architecture", "bert")]
        config = config(**card["model"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not describe a model ({error}): copy it again.") from None
    tensors = training_files.read_tensors(weights, card.get("sha256"))  # folders of before have no sum
    require(len(tokenizer) == config.vocab_size, "tokenizer", tokenizer, f"of {config.vocab_size} pieces, as its model")
    if isinstance(config, gpt.GPTConfig) and "tokens.weight" in tensors:
        tensors["head.weight"] = tensors["tokens.weight"]  # the file holds what is tied once
    origin = f"The model in {folder}"
    try:
        if config.num_layers > len(tensors):
            raise RuntimeError
        with torch.device("meta"):  # before any memory is taken
            require_tensors(tensors, build(config).state_dict(), origin)
    except (RuntimeError, TypeError):  # a table of more numbers than torch can count
        raise ValueError(f"{path} speaks of a larger model than {weights} holds: they belong to two runs.") from None
    model = build(config)
    training_files.load_tensors(tensors, model, origin)
    return model.eval(), tokenizer


# --- The command ------------------------------------------------------------------------------------------------------

MODELS = {"bert": (bert.BertForPreTraining, bert.BertConfig), "gpt": (gpt.GPT, gpt.GPTConfig)}


class Task(NamedTuple):
    """What is trained, on what, and how it is judged."""

    model: nn.Module
    batches: training.Batches
    held_out: list
    loss: training.LossFunction
    scores: Callable[[], dict[str, float]]


def bert_task(options: argparse.Namespace, tokenizer: WordPieceTokenizer, earlier: nn.Module | None) -> Task:
    if options.text:
        learned, held = map(paragraphs, read_files(options.text))
    else:
        learned, held = documents(), documents(held_out=True)
    shape = {"context_length": options.context_length, "batch_size": options.batch_size}
    long = exercises(tokenizer, learned, **shape)
    short = long.resized(context_length=max(5, options.context_length // 4), batch_size=4 * options.batch_size)
    asked = exercises(tokenizer, held, **shape)(torch.Generator().manual_seed(0))
    held_out = list(islice(asked, 40))
    if earlier is None:
        model = bert.BertForPreTraining(configured(bert.SIZES[options.size], options, tokenizer))
        if not begun(options.folder):
            begin(model, long)
    else:
        model = earlier
    return Task(model, mixed_lengths(short, long, options.short_share), held_out,
                partial(loss, bfloat16=options.bfloat16), lambda: masked_scores(model, held_out))  # fmt: skip


def gpt_task(options: argparse.Namespace, tokenizer: Tokenizer, earlier: nn.Module | None) -> Task:
    texts = [learned_and_held_out(options, held_out) for held_out in (False, True)]
    ids, held = (torch.cat([encoded(tokenizer, part) for part in text]) for text in texts)
    model = earlier or gpt.GPT(configured(gpt.SIZES[options.size], options, tokenizer))
    if earlier is None and not begun(options.folder):
        look_back(model)
    batches = gpt.windows(ids, options.context_length, options.batch_size)
    held_out = list(islice(gpt.windows(held, options.context_length, options.batch_size)(torch.Generator()), 40))

    def scores() -> dict[str, float]:
        some = held[:400_000]  # all of the three plays
        nats = -gpt.log_probs(model, some.to(next(model.parameters()).device)).mean().item()
        return {"loss": nats, "nats_per_character": nats * (len(some) - 1) / len(tokenizer.decode(some[1:].tolist()))}

    def next_token(model: gpt.GPT, rows: Tensor) -> Tensor:
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=options.bfloat16):
            return model.loss(rows)

    return Task(model, batches, held_out, next_token, scores)


def learned_and_held_out(options: argparse.Namespace, held_out: bool) -> Iterator[str]:
    """For a GPT: texts that stand in a row, those to learn from or those that are held out."""
    if options.text:
        yield read_files(options.text)[held_out]
    elif options.tokens == "characters":
        yield plays(held_out)
    else:
        yield from (" ".join(document) for document in documents(held_out))


def encoded(tokenizer: Tokenizer, text: str) -> Int[Tensor, " N"]:
    """A text's ids in little memory; behind it the token that ends a text, if there is one."""
    end = tokenizer.special_tokens.get("<|endoftext|>")
    return torch.tensor([*tokenizer.encode(text, special=False), *([] if end is None else [end])], dtype=torch.int32)


def learned_tokenizer(options: argparse.Namespace) -> Tokenizer:
    if options.tokens == "wordpiece":
        own = options.text and paragraphs(read_files(options.text)[0])
        return train_tokenizer(own or documents(), options.vocab_size)
    texts = learned_and_held_out(options, held_out=False)
    if options.tokens == "characters":
        own = options.text and read_files(options.text)
        return CharacterTokenizer.train(own or data.load("shakespeare_plays").values())
    return BPETokenizer().train(texts, options.vocab_size)


def configured(size, options: argparse.Namespace, tokenizer: Tokenizer):
    return replace(
        size, vocab_size=len(tokenizer), context_length=options.context_length, dropout=options.dropout)


def begun(folder: Path) -> bool:
    """Whether there is a run in it to go on from."""
    return (folder / "run" / training_files.RECORD).is_file()


def seconds_before(clock: Path) -> float:
    """What earlier calls have taken. SystemExit for a file that says something else."""
    try:
        return float(clock.read_text("utf-8")) if clock.exists() else 0.0
    except ValueError:
        raise SystemExit(f"{clock} is damaged: delete it, and the seconds are counted anew.") from None


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="course_lib.pretrain", description="Pretrain a BERT or a GPT.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=MODELS, default="bert")
    parser.add_argument("--size", help=f"of BERT: {', '.join(bert.SIZES)}; of GPT: {', '.join(gpt.SIZES)}")
    parser.add_argument("--text", type=Path, nargs="+", help="text files to learn from, instead of the course's texts")
    parser.add_argument("--tokens", choices=("wordpiece", "bpe", "characters"), help="wordpiece is BERT's; GPT's: bpe")
    parser.add_argument("--vocab-size", type=int)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch-size", type=int, help="rows of full length; four times as many of BERT's short")
    parser.add_argument("--accumulate", type=int, default=int(os.environ.get("WORLD_SIZE", 1)),
                        help="batches a step, shared by the processes: not given, one each")  # fmt: skip
    parser.add_argument("--context-length", type=int)
    parser.add_argument("--short-share", type=float, default=0.5, help="of BERT's steps: rows of a quarter of it")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--weight-decay", type=float, default=0.01, help="more of it where a text is read many times")
    parser.add_argument("--dropout", type=float)
    parser.add_argument("--start-from", type=Path, help="an earlier run's folder: its model, tokenizer, length")
    parser.add_argument("--bfloat16", action="store_true", help="compute in 16 bits, on a CPU that is made for it")
    options = parser.parse_args()
    for name, value in DEFAULTS[options.model].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    sizes = bert.SIZES if options.model == "bert" else gpt.SIZES
    if options.size not in sizes:
        parser.error(f"--size {options.size} is none of {', '.join(sizes)}")
    if (options.model == "bert") != (options.tokens == "wordpiece"):
        parser.error(f"--tokens {options.tokens} does not go with --model {options.model}")
    return options


def main() -> None:
    options = parsed()
    clock, rank = options.folder / "seconds.txt", int(os.environ.get("RANK", 0))
    earlier, before = None, None
    if options.start_from:
        earlier, tokenizer = load(options.start_from)
        if not isinstance(earlier, MODELS[options.model][0]):
            raise SystemExit(f"{options.start_from} does not hold a model of the kind --model {options.model}.")
        options.context_length = earlier.config.context_length
        before = json.loads((options.start_from / "card.json").read_text("utf-8"))
        for name in ("size", "tokens"):  # they belong to the model: what its texts are cut into decides which they are
            setattr(options, name, before.get(name, getattr(options, name)))
    else:
        tokenizer = tokenizers.load(options.folder) if begun(options.folder) else learned_tokenizer(options)
    if rank == 0 and not begun(options.folder):  # no process reads what another one is writing
        tokenizer.save(options.folder)
    torch.manual_seed(1)
    task = (bert_task if options.model == "bert" else gpt_task)(options, tokenizer, earlier)
    chosen = device.pick()
    model = task.model.train().to(chosen)
    settings = training.TrainingConfig(
        steps=options.steps, learning_rate=options.learning_rate, warmup_steps=options.steps // 20, betas=(0.9, 0.98),
        weight_decay=options.weight_decay, accumulate=options.accumulate, checkpoint_every=100, evaluate_every=500,
        log_every=10)  # fmt: skip
    began = time.time() - seconds_before(clock)

    def write_seconds() -> None:
        write_whole(clock, f"{time.time() - began:.1f}".encode())

    def note_seconds(progress: training.Progress) -> None:
        if rank == 0 and progress.step % settings.checkpoint_every == 0:
            write_seconds()

    history = training.train(
        model, task.batches, task.loss, settings, held_out=task.held_out, checkpoint=options.folder / "run",
        resume=True, on_step=note_seconds)  # fmt: skip
    if rank:
        return
    write_seconds()
    state = {name: parameter.detach().half().cpu() for name, parameter in model.named_parameters()}  # tied ones once
    weights = safetensors.torch.save(state)
    write_whole(options.folder / WEIGHTS, weights)
    told = {name: getattr(options, name) for name in ("size", "tokens", "context_length", "batch_size", "bfloat16")}
    card = {
        "architecture": options.model, "model": asdict(model.config), "training": asdict(settings), **told,
        "texts": [path.name for path in options.text] if options.text else "the course's",
        **({"short_share": options.short_share} if options.model == "bert" else {}),
        "held_out": task.scores(), "losses_every": 20, "losses": [round(x, 3) for x in history.losses[::20]],
        "held_out_losses": history.held_out, "seconds": round(seconds_before(clock)), "device": str(chosen),
        "machine": platform.machine(), "torch": torch.__version__, "before": before,
        "sha256": hashlib.sha256(weights).hexdigest(),
    }  # fmt: skip
    write_whole(options.folder / "card.json", (json.dumps(card, indent=1) + "\n").encode())
    print(json.dumps(card["held_out"], indent=1))


if __name__ == "__main__":
    main()
