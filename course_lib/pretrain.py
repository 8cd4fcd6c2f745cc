"""Pretrain the course's BERT: `python -m course_lib.pretrain FOLDER --steps 6000`, and again to go on after a break.

`--start-from OTHER` begins with the weights and the tokenizer of a folder that is done, as the course's own did.

What it is. Texts with their punctuation (film reviews; passages of definitions, facts, Shakespeare and Wikipedia), a
WordPiece vocabulary learned from them, BERT's two exercises (`bert.SentencePairs`) and the one loop (`training`).
What comes out is a folder: `model.safetensors` in float16, the tokenizer's files, and `card.json` with settings, loss
curve, held-out scores, seconds and device. Under `torchrun` several processes share each step.

What it leaves out. Anything larger than an afternoon. The reviews that lesson 08 and 16 hold out are not read: on them
the losses are measured.
"""

import argparse
import itertools
import json
import platform
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from course_lib import bert, data, device, training, word2vec
from course_lib.tokenizers import WordPieceTokenizer
from course_lib.transformer import sinusoidal_positions
from course_lib.wordpiece import count_score

PASSAGE = 20  # sentences of a corpus without documents that are read as one
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


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


def train_tokenizer(vocab_size: int = 8000) -> WordPieceTokenizer:
    """Pieces that are joined by count, as BPE's are: the textbooks' score would spend them on rare names."""
    texts = (sentence for document in documents() for sentence in document)
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


def log_frequencies(ids: Int[Tensor, " N"], vocab_size: int) -> Float[Tensor, " V"]:
    """log p of each piece, counted with one more of each: the bias to begin with.

    A model that knows nothing but the bias then has the loss of counting, the unigram's, and need not find it first.
    """
    counts = torch.bincount(ids.long(), minlength=vocab_size) + 1.0  # (V,)
    return (counts / counts.sum()).log()


class _Pieces:
    """The sentences of an exercise for word2vec, which reads words: the numbers of the pieces, written out."""

    def __init__(self, exercise: bert.SentencePairs):
        self.exercise = exercise

    def __iter__(self) -> Iterator[list[str]]:
        for first, last in itertools.pairwise(self.exercise.ends):
            yield [str(i) for i in self.exercise.ids[first:last].tolist()]


def skipgram_table(exercise: bert.SentencePairs, vocab_size: int, d_model: int) -> Float[Tensor, "V D"]:
    """Vectors of the pieces by skip-gram (lesson 03), as small as BERT's random ones: the token table to begin with."""
    config = word2vec.Word2VecConfig(vector_size=d_model, min_count=1, epochs=2, sample=1e-4)
    found = word2vec.train(_Pieces(exercise), config)
    vectors = torch.from_numpy(found.vectors - found.vectors.mean(0))
    table = torch.randn(vocab_size, d_model) * bert.STD  # for what never came, such as [PAD]
    table[[int(piece) for piece in found.index_to_key]] = vectors / vectors.std() * bert.STD
    return table


@torch.no_grad()
def begin(model: bert.BertForPreTraining, exercise: bert.SentencePairs) -> None:
    """Start where earlier lessons ended, instead of at random: the model is the same, and less is left to learn.

    The bias holds frequencies (01), the token table skip-gram vectors (03), the position table sinusoids (13).
    """
    config = model.bert.config
    model.bias.copy_(log_frequencies(exercise.ids, config.vocab_size))
    model.bert.tokens.weight.copy_(skipgram_table(exercise, config.vocab_size, config.d_model))
    waves = sinusoidal_positions(config.context_length, config.d_model)
    model.bert.positions.weight.copy_(waves / waves.std() * bert.STD)


def loss(
    model: bert.BertForPreTraining, batch: bert.PreTrainingBatch, bfloat16: bool = False
) -> tuple[Tensor, int]:
    """Both losses summed, in nats; `bfloat16`: multiply in 16 bits, faster on processors that are made for it."""
    with torch.autocast(batch.input_ids.device.type, torch.bfloat16, enabled=bfloat16):
        return model.loss(batch), len(batch.labels)


def masked_scores(model: bert.BertForPreTraining, batches: list[bert.PreTrainingBatch]) -> dict[str, float]:
    """Of masked tokens: mean loss in nats, share guessed right, share among the first five; and pairs told apart."""
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


def load(folder: str | Path) -> tuple[bert.BertForPreTraining, WordPieceTokenizer]:
    """The model (on the CPU, in float32, ready to answer) and the tokenizer of a folder that this command wrote.

    FileNotFoundError for a missing file, ValueError for one that is damaged or of another model. Nothing but numbers
    and names is read: weights in Python's pickle format, which can run code, are not.
    """
    folder = Path(folder)
    for name in ("card.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"There is no {name} in {folder}: name a folder that course_lib.pretrain wrote.")
    tokenizer = WordPieceTokenizer.load(folder)
    try:
        config = bert.BertConfig(**json.loads((folder / "card.json").read_text("utf-8"))["model"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / 'card.json'} does not describe a BERT ({error}): copy the folder again.") from None
    try:
        tensors = safetensors.torch.load((folder / "model.safetensors").read_bytes())
    except (safetensors.SafetensorError, ValueError):
        raise ValueError(f"{folder / 'model.safetensors'} is damaged or cut off: copy the folder again.") from None
    if len(tokenizer) != config.vocab_size:
        raise ValueError(f"The tokenizer in {folder} has {len(tokenizer)} pieces and its model {config.vocab_size}: "
                         "they belong to two runs.")  # fmt: skip
    model = bert.BertForPreTraining(config)
    training.load_tensors(tensors, model, f"The model in {folder}")
    return model.eval(), tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretrain the course's BERT.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=bert.SIZES, default="mini")
    parser.add_argument("--vocab-size", type=int, default=8000)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch-size", type=int, default=16, help="pairs of full length; of short ones four times it")
    parser.add_argument("--context-length", type=int, default=256)
    parser.add_argument("--short-share", type=float, default=0.5, help="of the steps, on a quarter of the length")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--start-from", type=Path, help="an earlier run's folder: its model, vocabulary, length")
    parser.add_argument("--bfloat16", action="store_true", help="compute in 16 bits, on a CPU that is made for it")
    options = parser.parse_args()
    run, clock = options.folder / "run", options.folder / "seconds.txt"
    options.folder.mkdir(parents=True, exist_ok=True)
    earlier, before, context_length = None, None, options.context_length
    if options.start_from:
        earlier, tokenizer = load(options.start_from)
        context_length = earlier.bert.config.context_length
        before = json.loads((options.start_from / "card.json").read_text("utf-8"))
        tokenizer.save(options.folder)
    elif not (options.folder / "vocab.txt").exists():
        train_tokenizer(options.vocab_size).save(options.folder)
    tokenizer = WordPieceTokenizer.load(options.folder)
    shape = {"context_length": context_length, "batch_size": options.batch_size}
    asked = exercises(tokenizer, documents(held_out=True), **shape)
    held_out = list(islice(asked(torch.Generator().manual_seed(0)), 40))
    long = exercises(tokenizer, documents(), **shape)
    short = long.resized(context_length=context_length // 4, batch_size=4 * options.batch_size)
    batches = mixed_lengths(short, long, options.short_share)
    torch.manual_seed(1)
    # Each text is read about once, so there is nothing to learn by heart: no dropout (Geiping & Goldstein 2022).
    config = earlier.bert.config if earlier else replace(
        bert.SIZES[options.size], vocab_size=len(tokenizer), context_length=context_length, dropout=0.0)
    place = device.pick()
    model = (earlier or bert.BertForPreTraining(config)).train().to(place)
    if not earlier and not (run / training.RECORD).is_file():  # nothing to go on from
        begin(model, long)
    settings = training.TrainingConfig(
        steps=options.steps, learning_rate=options.learning_rate, warmup_steps=options.steps // 20, betas=(0.9, 0.98),
        checkpoint_every=100, evaluate_every=500, log_every=10)  # fmt: skip
    began = time.time() - (float(clock.read_text()) if clock.exists() else 0.0)

    def note_seconds(progress: training.Progress) -> None:
        if progress.step % settings.checkpoint_every == 0:
            clock.write_text(f"{time.time() - began:.1f}")

    history = training.train(
        model, batches, partial(loss, bfloat16=options.bfloat16), settings, held_out=held_out,
        checkpoint=run, resume=True, on_step=note_seconds)  # fmt: skip
    clock.write_text(f"{time.time() - began:.1f}")
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(state, options.folder / "model.safetensors")
    card = {"model": asdict(config), "training": asdict(settings), **shape, "short_share": options.short_share,
            "held_out": masked_scores(model, held_out), "losses_every": 20,
            "losses": [round(x, 3) for x in history.losses[::20]],
            "held_out_losses": history.held_out, "bfloat16": options.bfloat16,
            "seconds": round(float(clock.read_text())), "device": str(place), "machine": platform.machine(),
            "torch": torch.__version__, "before": before}  # fmt: skip
    (options.folder / "card.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(card["held_out"], indent=1))


if __name__ == "__main__":
    main()
