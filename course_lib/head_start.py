"""A head start: weights to begin with that earlier lessons know already, so that pretraining need not find them first.

What it is. `begin` gives a BERT the frequencies of its pieces (01), vectors by skip-gram (03), and heads that look at
their neighbours (13); `look_back` gives a GPT heads that look back, as an n-gram does (09). The models are the same
afterwards as before, and nothing holds these weights in place: training changes them like any others.

What it leaves out. Weights of a model that has been trained: see `pretrain`'s --start-from, and `checkpoints`.

Paper. Vaswani et al. (2017), "Attention Is All You Need", 3.5, for the waves that make a distance a turn.

Shapes: T positions, D = d_model, d = D / H numbers a head, V pieces, N of them in all texts.
"""

import itertools
import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib import bert, gpt, word2vec
from course_lib.bert_data import SentencePairs
from course_lib.settings import Size, require
from course_lib.shapes import shaped


@shaped
def log_frequencies(ids: Int[Tensor, " N"], vocab_size: Size) -> Float[Tensor, " V"]:
    """log p of each piece, counted with one more of each: the bias to begin with.

    A model that knows nothing but the bias then has the loss of counting, the unigram's, and need not find it first.
    """
    counts = torch.bincount(ids.long(), minlength=vocab_size) + 1.0  # (V,)
    return (counts / counts.sum()).log()


class _Pieces:
    """The sentences of an exercise for word2vec, which reads words: the numbers of the pieces, written out."""

    def __init__(self, exercise: SentencePairs):
        self.exercise = exercise

    def __iter__(self) -> Iterator[list[str]]:
        for first, last in itertools.pairwise(self.exercise.ends):
            yield [str(i) for i in self.exercise.ids[first:last].tolist()]


def skipgram_table(exercise: SentencePairs, vocab_size: int, d_model: int) -> Float[Tensor, "V D"]:
    """Vectors of the pieces by skip-gram (lesson 03), as small as BERT's random ones: the token table to begin with."""
    sample = 1e-4 if len(exercise.ids) > 100_000 else 0.0  # a short text would be thinned to nothing
    config = word2vec.Word2VecConfig(vector_size=d_model, min_count=1, epochs=2, sample=sample)
    found = word2vec.train(_Pieces(exercise), config)
    vectors = torch.from_numpy(found.vectors - found.vectors.mean(0))
    table = torch.randn(vocab_size, d_model) * bert.STD  # for what never came, such as [PAD]
    table[[int(piece) for piece in found.index_to_key]] = vectors / vectors.std() * bert.STD
    return table


@torch.no_grad()
def begin(model: bert.BertForPreTraining, exercise: SentencePairs) -> None:
    """Start where earlier lessons ended, instead of at random: the model is the same, and less is left to learn.

    The bias holds frequencies (01), the token table skip-gram vectors (03), and heads look at neighbours (13).
    """
    config = model.bert.config
    model.bias.copy_(log_frequencies(exercise.ids, config.vocab_size))
    model.bert.tokens.weight.copy_(skipgram_table(exercise, config.vocab_size, config.d_model))
    look_around(model)


def look_around(model: bert.BertForPreTraining) -> None:
    """The first block's heads begin by looking one token back, one ahead, two back, two ahead, ...; see `look_at`."""
    attention, heads = model.bert.blocks[0].attention, range(model.bert.config.num_heads)
    offsets = [-(h // 2 + 1) if h % 2 else h // 2 + 1 for h in heads]
    look_at(offsets, model.bert.positions.weight, attention.query.weight, attention.key.weight, loudness=2 * bert.STD)


def look_back(model: gpt.GPT) -> None:
    """Head h of the first block begins by looking h + 1 tokens back, as an n-gram does (09); see `look_at`."""
    query, key, _ = model.blocks[0].attention.qkv.weight.split(model.config.d_model)  # (D, D) each, head by head
    loudness = 2 * model.tokens.weight.std().item()
    look_at(range(1, model.config.num_heads + 1), model.positions.weight, query, key, loudness)


@torch.no_grad()
def look_at(
    offsets: Sequence[int], positions: Float[Tensor, "T D"], query: Float[Tensor, "D D"], key: Float[Tensor, "D D"],
    loudness: float, sharpness: float = 1.5,
) -> None:  # fmt: skip
    """Write into a position table and a block's query and key: head h looks offsets[h] tokens back (below 0: ahead).

    The positions become waves (13), a frequency each. To all of them, b tokens are a turn by a fixed angle: so a head's
    keys are some of the waves, and its queries the same waves, turned back. Nothing holds the head there later.
    `loudness` is the waves' standard deviation, beside the tokens'. ValueError for heads of an odd size, as waves come
    in pairs.
    """
    D, d = len(query), len(query) // len(offsets)
    require(d % 2 == 0, "d_model / num_heads", d, "even")
    frequencies, places = math.pi * torch.rand(D // 2), torch.arange(len(positions))[:, None]
    waves = torch.cat([(places * frequencies).sin(), (places * frequencies).cos()], 1)  # (T, D)
    positions.copy_(waves / waves.std() * loudness)
    sines, cosines = torch.eye(D).split(D // 2)  # each row picks one wave
    for h, back in enumerate(offsets):
        some, rows = slice(h * d // 2, (h + 1) * d // 2), slice(h * d, (h + 1) * d)
        turn, sine, cosine = back * frequencies[some, None], sines[some], cosines[some]
        key[rows] = sharpness * torch.cat([sine, cosine])
        query[rows] = sharpness * torch.cat([turn.cos() * sine - turn.sin() * cosine,
                                             turn.cos() * cosine + turn.sin() * sine])  # fmt: skip
