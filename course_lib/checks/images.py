"""Checks of lesson 25: a picture cut into patches, the contrastive loss, what is among the k best, names from texts.

Papers. Dosovitskiy et al. (2021), "An Image is Worth 16x16 Words"; Radford et al. (2021), "Learning Transferable Visual
Models From Natural Language Supervision", figure 3.
"""

import torch
import torch.nn.functional as F

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, random_tensors, slip, with_slopes

# --- patches ----------------------------------------------------------------------------------------------------------


def _patches(pictures, side):
    B, height, width, C = pictures.shape
    x = pictures.reshape(B, height // side, side, width // side, side, C)
    return x.transpose(2, 3).reshape(B, -1, side * side * C)


def _counted(B: int, height: int, width: int, C: int) -> torch.Tensor:
    """Every dot another number, so that each has one place to be."""
    return torch.arange(1.0, B * height * width * C + 1).view(B, height, width, C)


def _unfolded(pictures, side):
    return F.unfold(pictures.permute(0, 3, 1, 2), side, stride=side).transpose(1, 2)


def _a_dot_on(pictures, side):
    """As many squares as there should be, but each begins one dot after the last."""
    B, height, width, _ = pictures.shape
    squares = [pictures[:, y : y + side, x : x + side].reshape(B, -1)
               for y in range(height // side) for x in range(width // side)]  # fmt: skip
    return torch.stack(squares, 1)


_CUT = "x = pictures.reshape(B, height // side, side, width // side, side, C)"
_LAID = "x.transpose(2, 3).reshape(B, -1, side * side * C)"
patches = Exercise(
    _patches,
    Round([
        Case((_counted(1, 4, 6, 2), 2), "1 picture of 4 x 6 dots, 2 numbers a dot, squares of side 2"),
        Case((_counted(2, 6, 3, 3), 3), "2 pictures of 6 x 3 dots, 3 numbers a dot, squares of side 3"),
        Case((_counted(3, 4, 8, 1), 4), "3 pictures of 4 x 8 dots, 1 number a dot, squares of side 4"),
        Case((_counted(2, 6, 4, 3), 2), "2 pictures of 6 x 4 dots, 3 numbers a dot, squares of side 2"),
    ], [
        slip("strips", "the picture was only cut along its memory: dots that follow one another in a row of the "
             "picture came together, and not those of a square. Two axes have to change places first",
             f"{_LAID} -> x.reshape(B, -1, side * side * C)"),
        slip("columns-first", "the squares are numbered down the columns: they go row by row, like words on a page",
             f"{_LAID} -> x.permute(0, 3, 1, 2, 4, 5).reshape(B, -1, side * side * C)"),
        slip("turned-inside", "each square lies on its side: its own dots go row by row, too",
             f"{_LAID} -> x.permute(0, 1, 3, 4, 2, 5).reshape(B, -1, side * side * C)"),
        slip("all-turned", "the picture was turned before it was cut: down and across changed places",
             f"{_LAID} -> x.permute(0, 3, 1, 4, 2, 5).reshape(B, -1, side * side * C)"),
        slip("colours-first", "a square's colours come one after the other: all its red, then all its green. The "
             "numbers of one dot belong together", _unfolded),
        slip("one-dot-of-each", "a patch holds one dot of every square: the axes inside a square and those of the "
             "squares changed places", f"{_LAID} -> x.permute(0, 2, 4, 1, 3, 5).reshape(B, side * side, -1)"),
        slip("cut-the-other-way", "an axis was cut the wrong way: of H dots there are first H / side squares, and then "
             "the side dots of each", f"{_CUT} -> x = pictures.reshape(B, side, height // side, side, width // side, "
             "C)"),
        slip("other-axes", "other axes changed places: side by side belong the two that count the *squares*, down and "
             "across, so it is 2 and 3", "x.transpose(2, 3) -> x.transpose(1, 2)", "x.transpose(2, 3) -> "
             "x.transpose(3, 4)"),
        slip("not-flat", "a patch is still a small picture: lay its dots in one row",
             f"{_LAID} -> x.transpose(2, 3).reshape(B, -1, side, side, C)"),
        slip("one-list", "the patches of all pictures stand in one list: each picture keeps its own",
             f"{_LAID} -> x.transpose(2, 3).reshape(-1, side * side * C)"),
        slip("squares-in-a-table", "the squares are still a table of rows and columns: put them into one line, as "
             "words of a text",
             f"{_LAID} -> x.transpose(2, 3).reshape(B, height // side, width // side, side * side * C)"),
        slip("first-colour", "only the first number of each dot is left",
             f"return {_LAID} -> return x.transpose(2, 3)[..., 0].reshape(B, -1, side * side)"),
        slip("mean-of-the-square", "each patch was made one dot, the mean of its square: what is inside it is gone",
             f"return {_LAID} -> return x.mean((2, 4)).reshape(B, -1, C)"),
        slip("overlap", "the squares overlap: the next one begins where the last one ends",
             lambda pictures, side: F.unfold(pictures.permute(0, 3, 1, 2), side).transpose(1, 2), _a_dot_on),
    ]),
)  # fmt: skip


# --- contrastive_loss -------------------------------------------------------------------------------------------------


def _contrastive_loss(pictures, texts, temperature):
    pictures = pictures / pictures.norm(dim=-1, keepdim=True)
    texts = texts / texts.norm(dim=-1, keepdim=True)
    scores = pictures @ texts.T / temperature
    labels = torch.arange(len(scores))
    return (F.cross_entropy(scores, labels) + F.cross_entropy(scores.T, labels)) / 2


_UNIT_P, _UNIT_T = "pictures / pictures.norm(dim=-1, keepdim=True)", "texts / texts.norm(dim=-1, keepdim=True)"
_TO_TEXTS, _TO_PICTURES = "F.cross_entropy(scores, labels)", "F.cross_entropy(scores.T, labels)"
_BOTH = f"({_TO_TEXTS} + {_TO_PICTURES}) / 2"
contrastive_loss = Exercise(
    _contrastive_loss,
    Round([
        Case((*random_tensors(0, (3, 4), (3, 4)), 0.5), "3 pictures and 3 texts of 4 numbers, temperature 0.5"),
        Case((*random_tensors(1, (5, 2), (5, 2)), 0.2), "5 pictures and 5 texts of 2 numbers, temperature 0.2"),
        Case((*random_tensors(2, (4, 6), (4, 6)), 2.0), "4 pictures and 4 texts of 6 numbers, temperature 2"),
    ], [
        slip("pictures-alone", "only the pictures choose among texts: the texts choose among pictures as well",
             f"{_BOTH} -> {_TO_TEXTS}", f"{_TO_PICTURES} -> {_TO_TEXTS}"),
        slip("texts-alone", "only the texts choose among pictures: the pictures choose among texts as well",
             f"{_BOTH} -> {_TO_PICTURES}", f"{_TO_TEXTS} -> {_TO_PICTURES}"),
        slip("off-by-one", "the labels are off by one: row i belongs to column i",
             "torch.arange(len(scores)) -> (torch.arange(len(scores)) + 1) % len(scores)",
             "torch.arange(len(scores)) -> (torch.arange(len(scores)) - 1) % len(scores)"),
        slip("first-is-right", "every label is 0, as if the first text belonged to every picture",
             "torch.arange(len(scores)) -> torch.zeros(len(scores), dtype=torch.long)"),
        slip("not-normalised", "the vectors keep their own lengths: a long one would win by its length. Divide each by "
             "its length first", (f"{_UNIT_P} -> pictures", f"{_UNIT_T} -> texts")),
        slip("half-normalised", "only one of the two sides has length 1", f"{_UNIT_P} -> pictures",
             f"{_UNIT_T} -> texts"),
        slip("wrong-axis", "the columns were given length 1, and not the vectors: a vector is a row, so its length is "
             "taken over the last axis", "dim=-1 -> dim=0"),
        slip("squared-length", "the vectors were divided by their squared length",
             (".norm(dim=-1, keepdim=True) -> .square().sum(-1, keepdim=True)",)),
        slip("one-length-for-all", "the whole table was divided by one number: each vector has a length of its own",
             (".norm(dim=-1, keepdim=True) -> .norm()",)),
        slip("sum-for-length", "the vectors were divided by the sum of their numbers: the length is the root of the "
             "sum of their squares", (".norm(dim=-1, keepdim=True) -> .sum(-1, keepdim=True)",)),
        slip("numbers-compared", "the table compares the D numbers of a vector with one another: it is to compare "
             "the B pictures with the B texts", "pictures @ texts.T -> pictures.T @ texts"),
        slip("temperature-multiplied", "the scores were multiplied by the temperature: a small one is to make them "
             "large", "/ temperature -> * temperature"),
        slip("no-temperature", "the temperature is missing", "/ temperature ->"),
        slip("temperature-exp", "the scores were multiplied by exp(temperature). That is how CLIP keeps its number; "
             "here temperature is the number itself",
             "/ temperature -> * torch.as_tensor(temperature).exp()"),
        slip("sum", "the losses were added up over the batch: it is their mean",
             "labels) -> labels, reduction='sum')"),
        slip("not-halved", "the two directions were added and not averaged", ") / 2 -> )"),
        slip("softmax-twice", "the scores went through softmax before the cross-entropy, which has one of its own",
             ("cross_entropy(scores, -> cross_entropy(scores.softmax(-1),",
              "cross_entropy(scores.T, -> cross_entropy(scores.T.softmax(-1),")),
        slip("sign", "the sign is turned round: right pairs would be pushed apart", "return ( -> return -("),
        slip("right-pairs-alone", "only the right pairs count, and nothing is pushed apart: then all vectors may "
             "become one", f"{_BOTH} -> -scores.diagonal().mean()"),
    ]),
    play=with_slopes(_contrastive_loss, 2),
)  # fmt: skip


# --- retrieval_at -----------------------------------------------------------------------------------------------------


def _retrieval_at(scores, k):
    right = scores.diagonal()[:, None]
    ahead = (scores >= right).sum(1) - 1
    return (ahead < k).float().mean()


_TABLE = torch.tensor([[0.9, 0.1, 0.3, 0.2], [0.8, 0.5, 0.1, 0.6], [0.2, 0.7, 0.6, 0.1], [0.85, 0.8, 0.7, 0.1]])
_WIDE = torch.tensor([[-0.1, -0.5, -0.2, -0.9, -0.3], [0.2, 0.1, 0.9, 0.8, -0.3], [0.1, 0.3, 0.2, 0.9, 0.7],
                      [0.9, 0.2, 0.1, 0.5, 0.4], [0.9, 0.8, 0.3, 0.2, 0.1]])  # fmt: skip
_TIES = torch.tensor([[0.5, 0.5, 0.2, 0.1], [0.4, 0.4, 0.1, 0.3], [0.3, 0.2, 0.7, 0.1], [0.9, 0.8, 0.2, 0.1]])
_AHEAD = "(scores >= right).sum(1) - 1"
retrieval_at = Exercise(
    _retrieval_at,
    Round([
        Case((_TABLE, 1), "4 rows, no ties, k = 1"),
        Case((_TABLE, 2), "4 rows, no ties, k = 2"),
        Case((_WIDE, 1), "5 rows, no ties, k = 1"),
        Case((_WIDE, 3), "5 rows, no ties, k = 3"),
        Case((_WIDE, 5), "5 rows, k = 5"),
    ], [
        slip("one-more", "one place too many counts: with k = 1 only the best is right", "ahead < k -> ahead <= k"),
        slip("itself-counted", "the right one is counted among those ahead of itself", "sum(1) - 1 -> sum(1)"),
        slip("columns", "the columns were looked down: each *row* looks for its own column",
             ("scores.diagonal()[:, None] -> scores.diagonal()[None, :]", "sum(1) -> sum(0)")),
        slip("wrong-right", "a row was compared with the right scores of the other rows: its own is in its own row",
             "[:, None] -> [None, :]"),
        slip("added-up-downwards", "who is ahead was added up down the columns: for each row it is counted across",
             "sum(1) -> sum(0)"),
        slip("worst", "the smallest scores come first: the best is the largest", ">= right -> <= right"),
        slip("count", "hits were counted and not divided by the rows: it is a share",
             "(ahead < k).float().mean() -> (ahead < k).sum()"),
        slip("missed", "this is the share of misses", "ahead < k -> ahead >= k"),
        slip("k-is-one", "k is not used: only the best one counts", "ahead < k -> ahead < 1"),
        slip("exactly-k", "only the k-th place counts: one of the first k is enough", "ahead < k -> ahead == k - 1"),
        slip("first-column", "the first column was taken for the right one of every row",
             "scores.diagonal()[:, None] -> scores[:, :1]"),
        slip("precision", "this was divided by k as well: that is another measure, precision",
             "(ahead < k).float().mean() -> (ahead < k).float().mean() / k"),
    ]),
    Round([
        Case((_TIES, 1), "4 rows, the right one tied with another in two of them, k = 1"),
        Case((torch.full((4, 4), 0.5), 1), "4 rows, all scores alike, k = 1"),
        Case((torch.full((4, 4), 0.5), 3), "4 rows, all scores alike, k = 3"),
        Case((_TIES, 2), "the same 4 rows, k = 2"),
        Case((torch.full((4, 4), 0.5), 4), "4 rows, all scores alike, k = 4"),
    ], [
        slip("tie-won", "a tie counts as won. A model that gives the same score to everything would then find all",
             f"{_AHEAD} -> (scores > right).sum(1)"),
        slip("tie-by-place", "a tie goes to whoever stands first in the row. Which column that is says nothing about "
             "the model: here a tie is lost",
             lambda scores, k: (scores.sort(dim=1, descending=True, stable=True).indices[:, :k]
                                == torch.arange(len(scores))[:, None]).any(1).float().mean()),
    ], held="without ties all is right"),
)  # fmt: skip


# --- zero_shot --------------------------------------------------------------------------------------------------------


def _zero_shot(pictures, prompts):
    names = prompts.mean(1)
    names = names / names.norm(dim=-1, keepdim=True)
    return (pictures @ names.T).argmax(1)


def _unit(seed: int, *shape: int) -> torch.Tensor:
    return F.normalize(random_tensors(seed, shape)[0], dim=-1)


def _prompts(seed: int, names: int, ways: int, D: int) -> torch.Tensor:
    """Texts of some names agree with one another, those of others do not: their means are of unlike length."""
    middle = _unit(seed, names, 1, D)
    spread = torch.linspace(0.1, 2.0, names)[:, None, None]
    return F.normalize(middle + spread * _unit(seed + 1, names, ways, D), dim=-1)


zero_shot = Exercise(
    _zero_shot,
    Round([
        Case((_unit(0, 24, 3), _prompts(10, 6, 4, 3)), "24 pictures, 6 names, each in 4 texts of 3 numbers"),
        Case((_unit(1, 30, 4), _prompts(20, 5, 3, 4)), "30 pictures, 5 names, each in 3 texts of 4 numbers"),
        Case((_unit(2, 20, 2), _prompts(30, 4, 7, 2)), "20 pictures, 4 names, each in 7 texts of 2 numbers"),
    ], [
        slip("not-normalised", "the mean was not brought to length 1: a name whose texts agree would win by the length "
             "of its mean", "names / names.norm(dim=-1, keepdim=True) -> names"),
        slip("mean-over-names", "the mean was taken over the names, and not over the texts of one name",
             "prompts.mean(1) -> prompts.mean(0)"),
        slip("first-text", "only the first text of each name was used", "prompts.mean(1) -> prompts[:, 0]"),
        slip("picture-for-a-name", "for each name a picture was chosen: it is for each picture a name",
             ".argmax(1) -> .argmax(0)"),
        slip("least", "the least similar name was chosen", ".argmax(1) -> .argmin(1)"),
        slip("scores", "these are the scores: asked is the number of the best name", ".argmax(1) ->",
             ".argmax(1) -> .amax(1)"),
        slip("both-of-max", "`max(1)` gives two things, the best scores and their numbers: asked are the numbers",
             ".argmax(1) -> .max(1)"),
        slip("best-text", "the single best text decides, and not the mean over a name's texts",
             lambda pictures, prompts: (pictures @ prompts.flatten(0, 1).T).view(len(pictures), *prompts.shape[:2])
             .amax(2).argmax(1)),
        slip("number-of-the-text", "this is the number of a text among all texts: asked is the name's",
             lambda pictures, prompts: (pictures @ prompts.flatten(0, 1).T).argmax(1)),
        slip("wrong-axis", "the columns were given length 1 and not the names", "norm(dim=-1 -> norm(dim=0"),
    ]),
)  # fmt: skip
