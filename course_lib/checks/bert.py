"""Checks of lesson 14: the masking of tokens, the making of pairs, the ids of segments.

All three are made by chance in the library and by numbers handed in here, so that one input has one right answer. Who
draws numbers of their own gets what no slip does: then the shares of a text of 20,000 tokens say what was done.

Paper. Devlin et al. (2019), "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 3.1.
"""

from collections.abc import Sequence

import numpy as np
import torch

from course_lib.checks.base import Case, Misconception, Outcome, Unfit, numbers
from course_lib.checks.slips import Exercise, Round, slip

# --- mask_tokens ------------------------------------------------------------------------------------------------------


def _mask_tokens(ids, special, chance, fate, strangers, mask_id):
    asked = (chance < 0.15) & ~special
    seen = torch.where(asked & (fate < 0.8), mask_id, ids)
    seen = torch.where(asked & (fate >= 0.8) & (fate < 0.9), strangers, seen)
    return seen, torch.where(asked, ids, -100)


_IDS = torch.tensor([2, 31, 7, 52, 31, 9, 44, 3, 60, 18, 77, 3, 0, 0])
_CHANCE = [0.02, 0.15, 0.14, 0.149, 0.6, 0.01, 0.16, 0.05, 0.03, 0.09, 0.99, 0.12, 0.0, 0.07]
_FATE = [0.5, 0.3, 0.79, 0.8, 0.85, 0.91, 0.95, 0.85, 0.89, 0.99, 0.82, 0.3, 0.1, 0.88]
_ONE = (_IDS, _IDS < 4, torch.tensor(_CHANCE), torch.tensor(_FATE), torch.arange(100, 114), 4)


def _text(shape: tuple, seed: int, mask_id: int, sure: bool = False) -> tuple:
    """Ids, special tokens, three draws and the number of [MASK]; `sure`: every token is asked."""
    rng = np.random.default_rng(seed)
    ids, strangers = (torch.from_numpy(rng.integers(10, 99, shape)) for _ in range(2))
    special = torch.from_numpy(rng.random(shape) < 0.2)
    chance, fate = (torch.from_numpy(rng.random(shape).astype(np.float32)) for _ in range(2))
    return ids, special, chance * 0.149 if sure else chance, fate, strangers, mask_id


def _shares(answers: Sequence[Outcome]) -> Misconception | None:
    """What became of the tokens of a long text, where the draws were not those handed in."""
    got = answers[-1].value if answers[-1].error is None else None
    if not isinstance(got, list | tuple) or len(got) != 2:
        return None
    ids, special, _, _, _, mask_id = (x.numpy() if isinstance(x, torch.Tensor) else x for x in _LONG)
    seen, labels = map(numbers, got)
    if seen is None or labels is None or seen.shape != ids.shape or labels.shape != ids.shape:
        return None
    asked = labels != -100
    masked, (_, right) = asked & (seen == mask_id), _mask_tokens(*_LONG)
    answered = (labels[asked] == ids[asked]).all() and not (asked & special).any()
    if not asked.any() or not answered or (labels == right.numpy()).all():
        return None
    other, kept = asked & ~masked & (seen != ids), asked & (seen == ids)
    parts = np.array([x.sum() for x in (masked, other, kept)]) / asked.sum()
    share = asked.sum() / (~special).sum()
    found = (f"of the {len(ids):,} tokens of a long text, {share:.1%} of those that are not special are asked; of "
             f"these {parts[0]:.0%} became the mask, {parts[1]:.0%} a stranger, {parts[2]:.0%} stayed")  # fmt: skip
    if min(parts[1:]) < 0.05 and abs(parts[0] - 0.8) < 0.03:
        key, why = "a-draw-for-each-question", (
            "each question drew a number of its own, so that the last one was put only to the fifth that was left. One "
            "number decides among three: below 0.8, from 0.8 to 0.9, from 0.9 on")  # fmt: skip
    elif abs(share - 0.15) < 0.01 and np.abs(parts - [0.8, 0.1, 0.1]).max() < 0.03:
        key, why = "draws-of-its-own", (
            "the shares are right, but the draws are your own. Use `chance`, `fate` and `strangers` as they come: then "
            "anybody can check")  # fmt: skip
    else:
        return None
    return Misconception(key, _shares, f"{why} ({found})")


_LONG = _text((20_000,), seed=6, mask_id=4)
_ASKED = "asked = (chance < 0.15) & ~special"
_LABELS = "torch.where(asked, ids, -100)"
mask_tokens = Exercise(
    _mask_tokens,
    Round([
        Case(_ONE, "a row of 14 tokens (two texts and padding), with chance and fate at every bound and beside it"),
        Case(_text((3, 17), seed=1, mask_id=103), "a batch [3, 17] in which mask_id = 103"),
        Case(_text((40,), seed=2, mask_id=4, sure=True), "40 tokens whose chance is below 0.15 throughout"),
        Case(_LONG, "a text of 20,000 tokens"),
    ], [
        slip("special-tokens-masked",
             "special tokens are asked too. [CLS], [SEP] and padding are no words of the text: ask where `special` is "
             "False, `& ~special`", "& ~special ->"),
        slip("only-special-tokens",
             "exactly the special tokens are asked. `special` is True where *nothing* may be asked: `& ~special`",
             "~special -> special"),
        slip("loss-on-all-tokens",
             "every token has a label, so that the loss is taken on all of them. Most of them the model can copy; put "
             "-100 wherever nothing is asked", f"{_LABELS} -> ids",
             f"{_LABELS} -> torch.where(special, -100, ids)", f"{_LABELS} -> ids.clone()"),
        slip("labels-after-the-masking",
             "the labels were taken after the masking: they say [MASK] where the hidden word should stand. The answer "
             "is what stood there *before*: take labels from ids", f"{_LABELS} -> torch.where(asked, seen, -100)"),
        slip("masked-places-unlabelled",
             "the places that became [MASK] have no label. They are the questions: every asked place has its word as "
             "label, whatever became of it", f"{_LABELS} -> torch.where(asked & (fate >= 0.8), ids, -100)"),
        slip("kept-tokens-unlabelled",
             "the tokens that were asked and stay as they are have no label, so that 13.5% of the text are asked and "
             "not 15%. They are asked as well: that is what they are kept for",
             f"{_LABELS} -> torch.where(asked & (fate < 0.9), ids, -100)",
             f"{_LABELS} -> torch.where(seen != ids, ids, -100)"),
        slip("only-masks-labelled",
             "only what became [MASK] has a label. Strangers and tokens that stay are asked as well: every asked place "
             "has its word as label", f"{_LABELS} -> torch.where(asked & (fate < 0.8), ids, -100)",
             f"{_LABELS} -> torch.where(seen == mask_id, ids, -100)"),
        slip("fate-decides-twice",
             "`fate` decides both questions. Then whoever is asked has drawn low, and all of them become [MASK]: who "
             "is asked is for `chance` to say", "chance < -> fate <"),
        slip("the-two-numbers-exchanged",
             "`chance` and `fate` have changed places: chance says who is asked, fate what becomes of it",
             f"{_ASKED} -> chance, fate = fate, chance\n    {_ASKED}"),
        slip("all-become-mask",
             "all asked tokens become [MASK]. One in ten becomes a stranger, and one in ten stays. (If you asked "
             "`chance` a second time: whoever is asked has drawn below 0.15, and that is always below 0.8. The second "
             "question has a number of its own, `fate`)",
             ("& (fate < 0.8) ->", "seen = torch.where(asked & (fate >= 0.8) & (fate < 0.9), strangers, seen) ->"),
             ("fate < -> chance <", "fate >= -> chance >=")),
        slip("nothing-is-kept",
             "what does not become [MASK] becomes a stranger, all of it. From 0.9 on a token stays as it is",
             "& (fate < 0.9) ->"),
        slip("no-strangers",
             "what does not become [MASK] stays as it is, all of it. From 0.8 to 0.9 a token becomes a stranger",
             "seen = torch.where(asked & (fate >= 0.8) & (fate < 0.9), strangers, seen) ->"),
        slip("strangers-over-masks",
             "the strangers were put in wherever fate is below 0.9, over the [MASK]s. They belong where it is from 0.8 "
             "to 0.9", "(fate >= 0.8) & ->"),
        slip("strangers-everywhere",
             "strangers stand at places that are not asked. Nothing changes but what is asked",
             "asked & (fate >= 0.8) -> (fate >= 0.8)"),
        slip("masks-everywhere", "[MASK] stands at places that are not asked. Nothing changes but what is asked",
             "asked & (fate < 0.8) -> (fate < 0.8)"),
        slip("eight-stay", "eight in ten stay as they are and one in ten becomes [MASK]: the 80 are for [MASK]",
             ("(fate < 0.8) -> (fate >= 0.9)", "(fate >= 0.8) & (fate < 0.9) -> (fate >= 0.8) & (fate < 0.9)")),
        slip("eight-become-strangers",
             "eight in ten become strangers and one in ten [MASK]: the 80 are for [MASK]",
             ("(fate < 0.8) -> (0.8 <= fate) & (fate < 0.9)", "& (fate >= 0.8) & (fate < 0.9) -> & (fate < 0.8)")),
        slip("85-percent-asked", "those are asked whose chance is 0.15 or more: that is 85 of 100. Fewer: below 0.15",
             "chance < -> chance >="),
        slip("chance-at-the-bound",
             "a token whose chance is 0.15 exactly is asked. Those *below* 0.15 are: `chance < 0.15`",
             "chance < -> chance <="),
        slip("fate-at-the-bound",
             "a token whose fate is 0.8 exactly stays as it is. From 0.8 on it becomes a stranger: `fate >= 0.8`",
             "(fate >= 0.8) -> (fate > 0.8)"),
        slip("12-percent-asked",
             "0.8 was taken off twice: 12% are asked, and of those 80% become [MASK]. 15% are asked",
             "0.15 -> 0.12"),
        slip("no-label-is-zero",
             "the label of what is not asked is 0. But 0 is a token too (here the padding), and it would be learned. "
             "The loss passes over -100", "-100 -> 0", f"{_LABELS} -> ids * asked"),
        slip("labels-minus-one", "the label of what is not asked is -1. The loss passes over -100 and nothing else",
             "-100 -> -1"),
        slip("places-not-labels",
             "the labels are True and False. That says where something is asked; the label says what stood there",
             f"{_LABELS} -> asked"),
        slip("returned-in-the-other-order", "the two came back in the other order: first what the model sees, then the "
             "labels", f"return seen, {_LABELS} -> return {_LABELS}, seen"),
        slip("one-of-the-two", "only one of the two came back. Return both: what the model sees, and the labels",
             f"return seen, {_LABELS} -> return seen", f"return seen, {_LABELS} -> return {_LABELS}"),
    ], otherwise=_shares),
    parts=("tokens that are seen", "labels"),
)  # fmt: skip


# --- make_pair --------------------------------------------------------------------------------------------------------


def _make_pair(documents, number, place, coin, pick, spot):
    first = documents[number][place]
    if coin < 0.5 and place + 1 < len(documents[number]):
        return first, documents[number][place + 1], 0
    others = documents[:number] + documents[number + 1:]
    other = others[int(pick * len(others))]
    return first, other[int(spot * len(other))], 1


_DOCUMENTS = [
    ["a storm", "the ship sinks", "one man swims", "an island"],
    ["she sings", "they clap"],
    ["a dull plot", "no jokes", "too long"],
    ["snow falls"],
    ["he runs", "he hides", "he is found", "he talks", "the end"],
]


def _across_documents(documents, number, place, coin, pick, spot):
    if coin >= 0.5 or (number == len(documents) - 1 and place + 1 == len(documents[number])):
        return _make_pair(documents, number, place, 1.0, pick, spot)
    rest = documents[number][place + 1:] + [sentence for document in documents[number + 1:] for sentence in document]
    return documents[number][place], rest[0], 0


_NEXT = "return first, documents[number][place + 1], 0"
_OTHERS = "documents[:number] + documents[number + 1:]"
_FOLLOWS = [
    slip("label-reversed",
         "the texts are right and the label is the wrong way round. As in the released models, 0 says that the second "
         "text follows, and 1 that it is a stranger", (f"{_NEXT} -> return first, documents[number][place + 1], 1",
         "len(other))], 1 -> len(other))], 0")),
    slip("coin-reversed",
         "the coin is read the other way round: below 0.5 the second text is to be the one that follows",
         "coin < 0.5 -> coin >= 0.5"),
    slip("strangers-missing",
         "the half with strangers is missing: whatever the coin says, the next sentence comes second. Then there is "
         "nothing to tell apart, and who always says *follows* is always right", "coin < 0.5 and -> "),
    slip("always-a-stranger",
         "the half that follows is missing: a stranger comes second, whatever the coin says",
         "if coin < 0.5 -> if False"),
    slip("follows-itself", "the second text is the first once more. The next sentence stands at place + 1",
         "documents[number][place + 1] -> documents[number][place]"),
    slip("the-sentence-before",
         "the second text is the one that stands *before* the first: the order of the two is what the model is asked "
         "about", "documents[number][place + 1] -> documents[number][place - 1]"),
    slip("texts-exchanged", "the two texts have changed places", (
        f"{_NEXT} -> return documents[number][place + 1], first, 0",
        "return first, other[int(spot * len(other))], 1 -> return other[int(spot * len(other))], first, 1")),
    slip("the-first-document", "the first text comes from document 0, always: it is documents[number][place]",
         "documents[number] -> documents[0]"),
]  # fmt: skip
_STRANGER = [
    slip("stranger-of-the-same-document",
         "the stranger was drawn from all documents, the text's own among them. From there it may well be what "
         "follows, or nearly: draw from the others", f"{_OTHERS} -> documents"),
    slip("stranger-at-home",
         "the stranger is a random sentence of the *same* document. It speaks of the same film, so it is no stranger: "
         "take it from another document", "other = others[int(pick * len(others))] -> other = documents[number]"),
    slip("always-the-same-document", "`pick` has no say in which document the stranger comes from",
         "int(pick * len(others)) -> 0", "int(pick * len(others)) -> -1"),
    slip("always-its-first-sentence",
         "`spot` has no say: the stranger is always the first sentence of its document, and the model would learn how "
         "texts begin", "int(spot * len(other)) -> 0"),
    slip("the-own-number-shifted",
         "the number was drawn among the others, and then used for all documents: from the text's own number on it is "
         "one too small", "others[int(pick * len(others))] -> documents[int(pick * len(others))]"),
    slip("pick-and-spot-exchanged", "`pick` and `spot` have changed places: pick chooses the document, spot the "
         "sentence in it", ("int(spot * -> int(PICK *", "int(pick * -> int(spot *", "PICK -> pick")),
    slip("one-number-for-both",
         "one number chooses the document and the sentence, so that the first documents give only their first "
         "sentences", "int(spot * -> int(pick *"),
    slip("the-last-is-never-drawn",
         "the last one is never drawn: int(...) cuts off already, so multiply by the whole length",
         "len(other)) -> (len(other) - 1))", "len(others) -> (len(others) - 1)",
         ("len(other)) -> (len(other) - 1))", "len(others) -> (len(others) - 1)")),
    slip("rounded",
         "the place was rounded where it should be cut off: 0.99 times 3 is the last of three, number 2, not number 3",
         "int(spot * len(other)) -> min(round(spot * len(other)), len(other) - 1)",
         "int(pick * len(others)) -> min(round(pick * len(others)), len(others) - 1)",
         ("int(spot * len(other)) -> min(round(spot * len(other)), len(other) - 1)",
          "int(pick * len(others)) -> min(round(pick * len(others)), len(others) - 1)")),
]  # fmt: skip
_LAST = [
    slip("round-the-corner",
         "after the last sentence of a document comes its first. Nothing follows there: draw a stranger",
         ("and place + 1 < len(documents[number]) -> ", "[place + 1], 0 -> [(place + 1) % len(documents[number])], 0")),
    slip("across-documents",
         "after the last sentence of a document comes the first of the next document, with the label *follows*. It "
         "does not follow: draw a stranger", _across_documents),
    slip("last-follows-itself", "the last sentence follows itself. Nothing follows it: draw a stranger",
         ("and place + 1 < len(documents[number]) -> ", "[place + 1], 0 -> [min(place + 1, "
          "len(documents[number]) - 1)], 0")),
    slip("stranger-called-next", "where nothing follows the stranger is right, and its label says that it follows",
         "len(other))], 1 -> len(other))], int(coin >= 0.5)"),
    slip("one-sentence-too-early",
         "the last but one is taken for the last: it has a sentence that follows it",
         "place + 1 < -> place + 2 <"),
]  # fmt: skip
_PARTS = ("first text", "second text", "label")
_CHOSEN = [(2, 0, 0.1, 0.9, 0.5), (0, 0, 0.7, 0.3, 0.4), (4, 2, 0.499, 0.0, 0.0), (1, 0, 0.501, 0.99, 0.99),
           (0, 1, 0.0, 0.5, 0.5), (4, 1, 0.99, 0.6, 0.75)]  # fmt: skip
_STRANGERS = [(0, 1, 0.6, 0.0, 0.6), (0, 2, 0.8, 0.99, 0.99), (1, 0, 0.9, 0.3, 0.7), (2, 0, 0.51, 0.49, 0.2),
              (4, 2, 0.75, 0.62, 0.99), (2, 2, 0.55, 0.95, 0.45), (3, 0, 0.7, 0.1, 0.9), (4, 4, 0.97, 0.99, 0.5),
              (1, 1, 0.6, 0.72, 0.35), (0, 1, 0.6, 0.95, 0.35)]  # fmt: skip
_ENDS = [(2, 2, 0.2, 0.8, 0.7), (4, 4, 0.3, 0.1, 0.3), (3, 0, 0.1, 0.99, 0.1), (0, 2, 0.3, 0.2, 0.2),
         (0, 3, 0.4, 0.4, 0.6), (1, 0, 0.4, 0.2, 0.4)]  # fmt: skip


def _case(number, place, coin, pick, spot) -> Case:
    words = f"document {number} of {len(_DOCUMENTS)}, sentence {place} of {len(_DOCUMENTS[number])}, coin = {coin}"
    return Case((_DOCUMENTS, number, place, coin, pick, spot), f"{words}, pick = {pick}, spot = {spot}")


make_pair = Exercise(
    _make_pair,
    Round([_case(*draw) for draw in _CHOSEN], _FOLLOWS + _STRANGER),
    Round([_case(*draw) for draw in _STRANGERS], _STRANGER, held="the coin is read as it should be"),
    Round([_case(*draw) for draw in _ENDS], _LAST, held="in the middle of a document all is right", hints=[
        ("IndexError", "After the last sentence of a document nothing follows, whatever the coin says: draw a "
         "stranger.", "no-end")]),
    parts=_PARTS,
)  # fmt: skip


# --- segment_ids ------------------------------------------------------------------------------------------------------


def _segment_ids(ids, sep_id, pad_id):
    ends = (ids == sep_id).long()
    before = ends.cumsum(-1) - ends
    return ((before > 0) & (ids != pad_id)).long()


def _whole(function, ids, sep_id, pad_id):
    """What the function gives; True and False would be refused by the table of segments, so they are here."""
    answer = function(ids, sep_id, pad_id)
    array = numbers(answer)
    if array is not None and array.dtype.kind == "b":
        raise Unfit("these are True and False. Segment ids choose rows of a table, so make whole numbers of them: "
                    ".long() makes 1 of True and 0 of False.")  # fmt: skip
    return answer


_PAIRS = torch.tensor([[2, 9, 8, 3, 7, 6, 5, 3, 0, 0], [2, 5, 3, 5, 5, 5, 9, 7, 8, 3], [2, 4, 4, 4, 4, 3, 6, 3, 0, 0]])
_SINGLE = torch.tensor([[5, 7, 7, 8, 1, 1], [5, 7, 7, 7, 9, 8], [5, 8, 7, 8, 1, 1]])
segment_ids = Exercise(
    _segment_ids,
    Round([
        Case((_PAIRS, 3, 0), "three rows with [SEP] = 3 and [PAD] = 0"),
        Case((_SINGLE, 8, 1), "rows with one text or with two, [SEP] = 8 and [PAD] = 1"),
        Case((_PAIRS[0], 3, 0), "a single row [10]"),
    ], [
        slip("first-sep-in-the-second-text",
             "the first [SEP] was counted to the second text. It ends the first, and still has a 0",
             "ends.cumsum(-1) - ends -> ends.cumsum(-1)"),
        slip("padding-is-one",
             "padding has a 1. It belongs to no text; it gets 0, as in the first BERT",
             "& (ids != pad_id) ->"),
        slip("first-sep-and-padding",
             "the first [SEP] was counted to the second text, and the padding too: [SEP] ends its own text and still "
             "has a 0, and padding has 0", ("- ends ->", "& (ids != pad_id) ->")),
        slip("separators-counted",
             "the separators were only counted, so that the padding has a 2. There are two texts, 0 and 1, and the "
             "padding has 0", "return ((before > 0) & (ids != pad_id)).long() -> return before"),
        slip("separators-counted-with-themselves",
             "the separators were only counted, each one with itself: the first [SEP] has a 1 already, and the last "
             "and the padding have a 2. [SEP] belongs to the text that it ends, and padding has 0",
             ("return ((before > 0) & (ids != pad_id)).long() -> return before", "- ends ->")),
        slip("last-sep-in-no-text",
             "the last [SEP] has a 0. It ends the second text and belongs to it: 1",
             "(ids != pad_id)).long() -> (ids != pad_id) & (ids != sep_id)).long()"),
        slip("cls-on-its-own",
             "the texts are numbered 1 and 2, and [CLS] or the padding has a 0. The first text, [CLS] included, has 0, "
             "the second 1",
             "(before > 0) & (ids != pad_id)).long() -> (1 + (before > 0)) * (ids != pad_id)).long()",
             ("(before > 0) & (ids != pad_id)).long() -> (1 + (before > 0)) * (ids != pad_id) * "
              "(torch.arange(ids.shape[-1]) > 0)).long()",)),
        slip("texts-exchanged", "0 and 1 have changed places: the first text has 0, the second 1",
             "before > 0 -> before == 0", ("before > 0 -> before == 0", "& (ids != pad_id) ->")),
        slip("along-the-batch", "the separators were counted down the rows of the batch. Count along each row: dim=-1",
             "cumsum(-1) -> cumsum(0)"),
    ]),
    play=_whole,
)  # fmt: skip
