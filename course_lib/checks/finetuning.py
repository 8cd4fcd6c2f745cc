"""Checks of lesson 16: a text's mean vector whoever its neighbours are, labels for word pieces, a frozen body.

Texts are read by a small reader of ours, with attention and places, so that whatever looks at padding shows in the
numbers. A frozen body is judged by what moved: two steps of training, part by part.

Papers. Devlin et al. (2019), "BERT"; Ramshaw & Marcus (1995), "Text Chunking using Transformation-Based Learning".
"""

import math
from collections.abc import Callable

import torch
from torch import nn

from course_lib.checks.base import Case, Unfit, a_type
from course_lib.checks.slips import Exercise, Round, slip

# --- mean_vectors -----------------------------------------------------------------------------------------------------


def _mean_vectors(read, rows):
    longest = max(len(row) for row in rows)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[place < len(row) for place in range(longest)] for row in rows])
    hidden = read(ids, mask)
    return (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)


D = 3


def read(ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """A reader of 12 tokens: each looks at all that the mask shows, and knows its place. [B, T] -> [B, T, 3]."""
    rng = torch.Generator().manual_seed(3)
    table = torch.randn(12, D, generator=rng).round(decimals=1)
    table[0] = torch.tensor([9.0, -7.0, 5.0])  # padding is loud
    if not isinstance(ids, torch.Tensor) or ids.ndim != 2 or ids.is_floating_point():
        raise ValueError("read wants the ids as a tensor [B, T] of whole numbers, all rows of one length.")
    places = torch.arange(ids.shape[1])[:, None] * torch.tensor([0.7, 0.3, 0.1])
    x = table[ids] + places.sin()  # [B, T, D]
    scores = x @ x.mT / math.sqrt(D)
    if mask is not None:
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.shape != ids.shape:
            raise ValueError("read wants a mask of True and False, [B, T] as the ids, True for a token.")
        scores = scores.masked_fill(~mask[:, None], -math.inf)
    return x + scores.softmax(-1).nan_to_num(0.0) @ x


_MASK_LINE = "place < len(row)"
_FRONT = ("row + [0] * (longest - len(row)) -> [0] * (longest - len(row)) + row",
          f"{_MASK_LINE} -> place >= longest - len(row)")  # fmt: skip
_MEAN = "(hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)"
mean_vectors = Exercise(
    _mean_vectors,
    Round([
        Case((read, [[4, 7, 2]]), "one text of 3 tokens, and no padding"),
        Case((read, [[1, 5, 9, 2], [3, 3, 8, 11]]), "two texts of 4 tokens"),
    ], [
        slip("first-token", "this is the vector of the first token. Asked is the mean over all tokens of a text",
             f"{_MEAN} -> hidden[:, 0]"),
        slip("last-token", "this is the vector of the last token. Asked is the mean over all tokens of a text",
             f"{_MEAN} -> hidden[:, -1]"),
        slip("not-divided", "the vectors are added up and not divided by their number",
             "/ mask.sum(1, keepdim=True) ->"),
        slip("largest", "this is the largest number of each column. Asked is the mean", f"{_MEAN} -> hidden.amax(1)"),
        slip("over-the-texts", "the mean runs over the texts. It must run over the tokens of each: axis 1",
             f"{_MEAN} -> hidden.mean(0)"),
        slip("over-everything", "one mean was taken over all texts together. Each text has its own",
             f"{_MEAN} -> hidden.mean(1).mean(0, keepdim=True).expand(len(rows), -1)"),
        slip("over-the-columns", "the mean runs over the numbers of each vector. It must run over the tokens: axis 1",
             f"{_MEAN} -> hidden.mean(2)"),
        slip("unread", "this is a mean of the ids, unread: hand them to read, and take the mean of what comes back",
             f"{_MEAN} -> ids.float().mean(1)"),
        slip("mask-inverted", "the mask is upside down: True for padding. Ours is True for a token",
             f"{_MASK_LINE} -> place >= len(row)"),
        slip("mask-inverted",
             "the reader got the mask upside down. True is for a token, as in the course's own attention",
             "read(ids, mask) -> read(ids, ~mask)"),
        slip("one-too-few",
             "the last token of each text is taken for padding. A text of 3 tokens has places 0, 1 and 2",
             f"{_MASK_LINE} -> place < len(row) - 1"),
    ]),
    Round([
        Case((read, [[4, 7, 2], [1, 5, 9, 2, 6], [8]]), "texts of 3, 5 and 1 tokens"),
        Case((read, [[8], [4, 7, 2, 2, 1, 10, 11, 3]]), "texts of 1 and 8 tokens"),
        Case((read, [[2, 2], [2, 2], [2, 2, 2, 2]]), "texts of 2, 2 and 4 tokens, all alike"),
    ], [
        slip("padding-attended",
             "the mean leaves the padding out, and the reader did not: it was not told the mask, so each token looked "
             "at the padding too, and the answer changes with the batch mates. Call read(ids, mask)",
             "read(ids, mask) -> read(ids)", "read(ids, mask) -> read(ids, torch.ones_like(mask))"),
        slip("padding-in-the-mean",
             "the reader was told the mask, and the mean was not: the vectors of the padding are in it",
             f"{_MEAN} -> hidden.mean(1)"),
        slip("padding-everywhere",
             "the mask is used nowhere: the reader looks at the padding, and the mean takes it in",
             ("read(ids, mask) -> read(ids)", f"{_MEAN} -> hidden.mean(1)")),
        slip("divided-by-the-longest",
             "the sum is right and divided by T, the length of the longest. Divide by the tokens of each text: "
             "mask.sum(1, keepdim=True)", "mask.sum(1, keepdim=True) -> longest"),
        slip("divided-by-the-longest",
             "the reader was not told the mask, and the sum is divided by T, the length of the longest",
             ("read(ids, mask) -> read(ids)", "mask.sum(1, keepdim=True) -> longest")),
        slip("padding-in-the-sum",
             "the vectors of the padding are in the sum, which is then divided by the number of real tokens. Multiply "
             "by the mask before you add up", "(hidden * mask[:, :, None]).sum(1) -> hidden.sum(1)"),
        slip("one-too-many", "the first place of the padding is taken for a token. A text of 3 tokens has places 0, 1 "
             "and 2", f"{_MASK_LINE} -> place <= len(row)"),
        slip("padding-in-front",
             "the padding stands in front. Mask and mean are right, but each token has moved to another place, and the "
             "reader knows places: fill up on the right", _FRONT),
    ], held="without padding all is right"),
)  # fmt: skip


# --- align_labels -----------------------------------------------------------------------------------------------------


def _align_labels(pieces, labels):
    aligned, before = [], None
    for word in pieces:
        first = word is not None and word != before
        aligned.append(labels[word] if first else -100)
        before = word
    return aligned


def _last_piece(pieces, labels):
    following = [*pieces[1:], None]
    return [-100 if word is None or word == after else labels[word] for word, after in zip(pieces, following)]


_FIRST = "first = word is not None and word != before"
_ELSE = "if first else -100"
_WHOLE = [None, 0, 1, 2, None]
align_labels = Exercise(
    _align_labels,
    Round([
        Case((_WHOLE, [3, 0, 5]), "pieces [None, 0, 1, 2, None], labels [3, 0, 5]"),
        Case(([None, 0, 1, 2, 3, None], [0, 4, 2, 1]), "pieces [None, 0, 1, 2, 3, None], labels [0, 4, 2, 1]"),
    ], [
        slip("numbers-of-words", "these are the numbers of the words. The label of word w is labels[w]",
             "labels[word] if -> word if"),
        slip("off-by-one", "each piece has the label of the word before its own. Words are counted from 0, as the "
             "labels are: labels[word]", "labels[word] if -> labels[word - 1] if"),
        slip("off-by-one", "the labels were laid down from the first token on, and the first token is [CLS], which has "
             "none", "return aligned -> return aligned[1:] + [-100]"),
        slip("special-labelled",
             "the special tokens have a label. [CLS] and [SEP] stand for no word, so nothing is asked there: -100",
             f"{_ELSE} -> if first else (0 if word is None else -100)", "-100 -> 0"),
        slip("word-zero-lost",
             "word 0 has lost its label: in Python 0 counts as false, as None does. Ask `word is not None`",
             "word is not None and -> word and"),
        slip("another-sign", "what has no label is marked by another number. PyTorch's losses leave out -100",
             "-100 -> -1", "-100 -> 100"),
        slip("left-out", "the special tokens were left out. Each piece needs its place in the answer, -100 where "
             "nothing is asked, or labels and logits no longer stand side by side",
             "return aligned -> return [label for label in aligned if label != -100]"),
        slip("only-the-names", "where the label is 0 stands -100. 0 is a label too, that of O: what is no name must be "
             "learned as well", "if first else -100 -> if first and labels[word] else -100"),
    ]),
    Round([
        Case(([None, 0, 1, 1, 1, 2, None], [3, 0, 5]), "pieces [None, 0, 1, 1, 1, 2, None], labels [3, 0, 5]"),
        Case(([None, 0, 0, 1, 2, 2, None], [1, 2, 6]), "pieces [None, 0, 0, 1, 2, 2, None], labels [1, 2, 6]"),
        Case(([None, 0, 0, 0, None], [4]), "pieces [None, 0, 0, 0, None], labels [4]"),
    ], [
        slip("every-piece",
             "every piece of a word has its label: a long word then counts as often as it has pieces, and B- begins a "
             "name in each of them. Only the first piece is asked", "and word != before ->"),
        slip("last-piece", "the label stands on the last piece of a word. Ours stands on the first: there tags are "
             "read off, too", _last_piece),
        slip("rest-labelled", "the pieces after the first have the label 0. That is a label, O; nothing is asked "
             "there: -100", f"{_ELSE} -> if first else (-100 if word is None else 0)"),
        slip("pieces-taken-for-words", "the labels were dealt out piece by piece, as if each piece were a word",
             ("aligned, before = [], None -> aligned, before, dealt = [], None, iter([*labels, *[-100] * 99])",
              "labels[word] if first else -100 -> -100 if word is None else next(dealt)")),
        slip("left-out", "what is not asked was left out. Each piece needs its place in the answer, -100 where nothing "
             "is asked", "return aligned -> return [a for a, w in zip(aligned, pieces) if a != -100 or w is None]"),
    ], held="where each word is one piece all is right"),
    Round([
        Case(([None, 0, 1, 2, 2, 3, None], [0, 0, 7, 7]), "two neighbours with the same label: labels [0, 0, 7, 7]"),
        Case(([None, 0, 2, 2, 3, None], [1, 4, 5, 2]), "a word without a piece: pieces [None, 0, 2, 2, 3, None]"),
        Case(([None, 0, 1, 1, None], [1, 2, 3, 4]), "a text that was cut: 2 of 4 words are there"),
        Case(([None, None], []), "no word at all"),
        Case(([0, 1, 1], [5, 6]), "pieces without special tokens"),
    ], [
        slip("labels-compared",
             "a word whose label is the same as its neighbour's was taken for more of the same word. Compare the "
             "numbers of the words", ("word != before -> labels[word] != before",
                                      "before = word -> before = None if word is None else labels[word]")),
        slip("words-counted-on", "the labels were dealt out in order, one to each new word. A word may have no piece: "
             "the number says which it is",
             ("aligned, before = [], None -> aligned, before, dealt = [], None, iter([*labels, *[-100] * 99])",
              "labels[word] if first else -100 -> next(dealt) if first else -100")),
        slip("ends-taken-for-special", "the first and the last place have no label, whatever stands there. None says "
             "what is special", "return aligned -> return [-100, *aligned[1:-1], -100]"),
    ], held="where every word has a piece and a label of its own all is right"),
)  # fmt: skip


# --- frozen_optimizer -------------------------------------------------------------------------------------------------


def _frozen_optimizer(model, learning_rate):
    model.bert.requires_grad_(False)
    learning = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(learning, lr=learning_rate, weight_decay=0.1)


class _Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.pooler = nn.Embedding(6, 4), nn.Linear(4, 4)
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

    def forward(self, ids):
        x = self.tokens(ids).mean(1)  # [B, 4]
        for block in self.blocks:
            x = x + torch.tanh(block(x))
        return torch.tanh(self.pooler(x))


class _Classifier(nn.Module):
    """A body with a head: `bert` (tokens, blocks, pooler) and `classifier`."""

    def __init__(self):
        super().__init__()
        self.bert, self.classifier = _Body(), nn.Linear(4, 3)
        rng = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=rng).round(decimals=1))

    def forward(self, ids):
        return self.classifier(self.bert(ids))


def _two_steps(function: Callable, learning_rate: float, seed: int) -> tuple:
    """How far each part of the body went in two steps, whether gradients were computed for it, and the head then."""
    model = _Classifier()
    parts = {"tokens": model.bert.tokens, "blocks": model.bert.blocks, "pooler": model.bert.pooler}
    before = {name: nn.utils.parameters_to_vector(part.parameters()).detach().clone() for name, part in parts.items()}
    optimizer = function(model, learning_rate)
    if optimizer is None:
        return None
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise Unfit(f"expected an optimizer and got {a_type(optimizer)}: return the AdamW that you have made.")
    rng = torch.Generator().manual_seed(seed)
    ids, labels = torch.randint(6, (5, 4), generator=rng), torch.randint(3, (5,), generator=rng)
    gradients = 0
    for _ in range(2):
        loss = nn.functional.cross_entropy(model(ids), labels)
        model.zero_grad()
        if loss.requires_grad:
            loss.backward()
        gradients = sum(p.grad is not None for p in model.bert.parameters())
        optimizer.step()
    after = {name: nn.utils.parameters_to_vector(part.parameters()).detach() for name, part in parts.items()}
    head = nn.utils.parameters_to_vector(model.classifier.parameters()).detach()
    return (*(after[name] - before[name] for name in parts), gradients, head)


def _gradients_zeroed(model, learning_rate):
    for parameter in model.bert.parameters():
        parameter.register_hook(torch.zeros_like)
    return torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.1)


_FREEZE = "model.bert.requires_grad_(False)"
_LEARNING = "[p for p in model.parameters() if p.requires_grad]"
frozen_optimizer = Exercise(
    _frozen_optimizer,
    Round([Case((0.1, 1), "learning_rate = 0.1"), Case((0.03, 2), "learning_rate = 0.03")], [
        slip("nothing-frozen",
             "the whole body went on learning. `module.requires_grad = False` only hangs a new name on the module, "
             "which nobody reads, and `.eval()` only switches dropout off. The parameters have to be told: "
             "model.bert.requires_grad_(False), or each parameter in a loop",
             f"{_FREEZE} -> model.bert.requires_grad = False", f"{_FREEZE} -> model.bert.eval()"),
        slip("head-frozen-too",
             "nothing moved, the head neither: everything was frozen. Freeze model.bert, not the model",
             (f"{_FREEZE} -> model.requires_grad_(False)", f"{_LEARNING} -> list(model.parameters())")),
        slip("the-wrong-half", "the head stood still and the body learned: freeze model.bert, not model.classifier",
             f"{_FREEZE} -> model.classifier.requires_grad_(False)"),
        slip("pooler-forgotten",
             "the pooler moved. It belongs to the body (model.bert.pooler) and was pretrained with it",
             f"{_FREEZE} -> model.bert.tokens.requires_grad_(False), model.bert.blocks.requires_grad_(False)"),
        slip("embeddings-only", "only the embeddings stood still. The blocks and the pooler are the body too",
             f"{_FREEZE} -> model.bert.tokens.requires_grad_(False)"),
        slip("blocks-only", "only the blocks stood still. The embeddings and the pooler are the body too",
             f"{_FREEZE} -> model.bert.blocks.requires_grad_(False)"),
        slip("embeddings-forgotten", "the embeddings moved. They are of the body too",
             f"{_FREEZE} -> model.bert.blocks.requires_grad_(False), model.bert.pooler.requires_grad_(False)"),
        slip("decayed",
             "the gradients of the body were set to 0, and the body shrank all the same: AdamW takes the weight decay "
             "off every parameter that has a gradient, be it 0. Without requires_grad a parameter has none, and AdamW "
             "passes it by", _gradients_zeroed),
        slip("gradients-for-nothing",
             "the body stood still, but gradients were computed for all of it: half the time of a step, for nothing. "
             "Freeze it as well: model.bert.requires_grad_(False)",
             (f"{_FREEZE} ->", f"{_LEARNING} -> model.classifier.parameters()")),
        slip("half-a-head", "only a part of the head learned: it has weights and biases",
             f"{_LEARNING} -> [model.classifier.weight]", f"{_LEARNING} -> [model.classifier.bias]"),
        slip("another-decay", "the body is frozen, and the head learned with another weight decay than 0.1",
             ", weight_decay=0.1 ->", "weight_decay=0.1 -> weight_decay=0.0"),
        slip("another-rate", "the body is frozen, and the head learned with another learning rate than the one given",
             "lr=learning_rate, ->"),
        slip("another-optimizer", "the body is frozen, and the head learned by another optimizer than AdamW",
             "torch.optim.AdamW -> torch.optim.Adam", "torch.optim.AdamW -> torch.optim.SGD"),
    ], hints=[("empty parameter list", "Everything is frozen, the head too: freeze model.bert, not the model.",
               "head-frozen-too")]),
    play=_two_steps,
    parts=("movement of the embeddings", "movement of the blocks", "movement of the pooler",
           "number of the body's parameters that got a gradient", "head after two steps"),
)  # fmt: skip
