"""What BERT learns from: pairs of passages, in which words are masked, made anew in every epoch.

What it is. `mask_tokens` asks some tokens of a batch and hides most of them; `SentencePairs` cuts documents into pairs
and gives batches for `training.train`. Each has what the two heads of `bert.BertForPreTraining` are asked.

What it leaves out. Where documents come from (see `pretrain`), and the original's masks, which were drawn once.

Paper. Devlin, Chang, Lee, Toutanova (2019), "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", 3.1 and appendix A.

Shapes: B texts, T tokens, M masked places in the whole batch, W words to draw from.
"""

import copy
import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from course_lib.settings import Count, Portion, Rule, Size, require, whole
from course_lib.shapes import shaped

RowLength = Annotated[int, Rule(lambda value: whole(value, 5), "a whole number of 5 or more")]


class PreTrainingBatch(NamedTuple):
    """A batch of pairs: what the model sees, and what it is asked.

    `masked_places` count along the flattened batch, `labels` are the tokens that stood there. `next_sentence_label`: 0
    where the second text follows the first, 1 where it was drawn at random (as in the released models).
    """

    input_ids: Int[Tensor, "B T"]
    attention_mask: Bool[Tensor, "B T"]
    token_type_ids: Int[Tensor, "B T"]
    masked_places: Int[Tensor, " M"]
    labels: Int[Tensor, " M"]
    next_sentence_label: Int[Tensor, " B"]


@shaped
def mask_tokens(
    input_ids: Int[Tensor, "B T"], maskable: Bool[Tensor, "B T"], mask_id: Count, words: Int[Tensor, " W"],
    generator: torch.Generator | None = None, share: Portion = 0.15,
) -> tuple[Int[Tensor, "B T"], Int[Tensor, " M"], Int[Tensor, " M"]]:  # fmt: skip
    """The masked batch, the places that are asked (of the flattened batch), and the tokens that stood there.

    Of the maskable tokens a `share` is asked (2019, 3.1), at least one in each batch. Of those 80% become [MASK], 10% a
    word drawn from `words`, and 10% stay: the model cannot know which of the words it sees is true. ValueError where
    nothing may be masked.
    """
    require(maskable.any(), "maskable", maskable, "True somewhere: give a text, not special tokens alone")
    draw = torch.rand(input_ids.shape, generator=generator).masked_fill(~maskable, 2.0)
    asked = draw <= max(share, draw.min().item())  # (B, T)
    fate = torch.rand(input_ids.shape, generator=generator)  # a second number: the first one is below `share` here
    strangers = words[torch.randint(len(words), input_ids.shape, generator=generator)]
    masked = torch.where(asked & (fate < 0.8), mask_id, input_ids)
    masked = torch.where(asked & (fate >= 0.8) & (fate < 0.9), strangers, masked)
    places = asked.flatten().nonzero()[:, 0]
    return masked, places, input_ids.flatten()[places]


class SentencePairs:
    """BERT's exercises out of documents, new ones each epoch: batches for `training.train`.

    documents: each a list of sentences, each a list of token ids; two documents or more. Half of the time the second
    text of a pair goes on where the first ends, half of the time it comes from another document. `words`: the ids that
    a masked token may be exchanged for; every other id is special, and never masked.
    """

    @shaped
    def __init__(
        self, documents: Iterable[Sequence[Sequence[int]]], *, cls_id: Count, sep_id: Count, mask_id: Count,
        words: Sequence[int], context_length: RowLength = 128, batch_size: Size = 32, pad_id: Count = 0,
    ):  # fmt: skip
        self.cls_id, self.sep_id, self.mask_id, self.pad_id = cls_id, sep_id, mask_id, pad_id
        self.words = torch.as_tensor(words, dtype=torch.int64)
        self.context_length, self.batch_size = context_length, batch_size
        ids, self.ends, self.documents = array("i"), [0], [0]  # all ids in a row; where sentences end; and documents
        for document in documents:
            for sentence in document:
                ids.extend(sentence)
                if len(ids) > self.ends[-1]:
                    self.ends.append(len(ids))
            if len(self.ends) - 1 > self.documents[-1]:
                self.documents.append(len(self.ends) - 1)
        require(len(self.documents) > 2, "documents", len(self.documents) - 1, "two with words in them, or more")
        self.ids = torch.frombuffer(ids, dtype=torch.int32)
        self.maskable = torch.zeros(int(max(self.ids.max(), self.words.max(), cls_id, sep_id, mask_id, pad_id)) + 1,
                                    dtype=torch.bool)  # fmt: skip
        self.maskable[self.words] = True

    @shaped
    def resized(self, *, context_length: RowLength, batch_size: Size) -> "SentencePairs":
        """The same documents, cut into rows of another length."""
        other = copy.copy(self)  # the ids are shared
        other.context_length, other.batch_size = context_length, batch_size
        return other

    def __call__(self, generator: torch.Generator) -> Iterator[PreTrainingBatch]:
        """The batches of one epoch: each document is cut into pairs once, and the pairs are shuffled."""
        rng = random.Random(int(torch.randint(2**62, (), generator=generator)))
        pairs = [pair for number in range(len(self.documents) - 1) for pair in self._pairs(number, rng)]
        rng.shuffle(pairs)
        for i in range(0, len(pairs), self.batch_size):
            yield self._batch(pairs[i : i + self.batch_size], generator)

    def _pairs(self, number: int, rng: random.Random) -> Iterator[tuple[slice, slice, int]]:
        """A document cut into pairs of passages, each with its label.

        Whatever comes second begins with a whole sentence, goes on until the row is full, and is cut there: if
        strangers alone were cut, the length of a row would say which it is.
        """
        room = self.context_length - 3  # [CLS] and two [SEP]
        first, last = self.documents[number], self.documents[number + 1]
        while first < last:
            end = min(first + 2, last)
            while end < last and self.ends[end] - self.ends[first] < room:
                end += 1
            middle = rng.randint(first + 1, max(first + 1, end - 1))
            if middle == end or rng.random() < 0.5:  # a single sentence has nothing that follows
                middle += middle == last - 1  # no sentence is left alone
                room_left = room - (self.ends[middle] - self.ends[first])
                yield self._passage(first, middle), self._stranger(number, room_left, rng), 1
                first = middle  # what would have followed is read again
            else:
                yield self._passage(first, middle), self._passage(middle, end), 0
                first = end - 1 if end < last else last  # and so is the sentence that was cut

    def _passage(self, first: int, last: int) -> slice:
        return slice(self.ends[first], self.ends[last])

    def _stranger(self, number: int, room: int, rng: random.Random) -> slice:
        """A passage of another document, from one of its sentences on: as many as fill the room, and at least one."""
        other = rng.randrange(len(self.documents) - 2)
        other += other >= number
        last = self.documents[other + 1]
        first = rng.randrange(self.documents[other], last)
        end = first + 1
        while end < last and self.ends[end] - self.ends[first] < room:
            end += 1
        return self._passage(first, end)

    def _batch(self, pairs: Sequence[tuple[slice, slice, int]], generator: torch.Generator) -> PreTrainingBatch:
        rows, kinds = [], []
        for one, two, _ in pairs:
            a, b = self._cut(self.ids[one], self.ids[two])
            parts = [torch.tensor([self.cls_id]), a, torch.tensor([self.sep_id]), b, torch.tensor([self.sep_id])]
            rows.append(torch.cat(parts).long())
            kinds.append(torch.arange(len(rows[-1])) >= len(a) + 2)
        input_ids = pad_sequence(rows, batch_first=True, padding_value=self.pad_id)  # (B, T)
        attention_mask = pad_sequence([torch.ones_like(kind) for kind in kinds], batch_first=True)
        masked, places, labels = mask_tokens(
            input_ids, self.maskable[input_ids] & attention_mask, self.mask_id, self.words, generator)  # fmt: skip
        follows = torch.tensor([label for _, _, label in pairs])
        return PreTrainingBatch(
            masked, attention_mask, pad_sequence(kinds, batch_first=True).long(), places, labels, follows)  # fmt: skip

    def _cut(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Both texts cut until they fit, a at its beginning and b at its end, so that they still meet.

        The longer one is cut first: a keeps half, and what b leaves.
        """
        room = self.context_length - 3
        for_a = max(room - len(b), (room + 1) // 2)
        a = a[-for_a:]
        return a, b[: room - len(a)]
