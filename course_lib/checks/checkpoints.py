"""Checks of lesson 19: names translated, matrices turned, every tensor accounted for, one vector for a text.

Names and shapes are those that released BERTs and GPT-2s have in their files, also the old ones; the tensors are small.

Papers. Devlin et al. (2019), "BERT"; Radford et al. (2019), "Language Models are Unsupervised Multitask Learners"
(GPT-2); Reimers & Gurevych (2019), "Sentence-BERT".
"""

import math
import re

import torch

from course_lib.checks.base import Case
from course_lib.checks.slips import Exercise, Round, slip

# --- our_name ---------------------------------------------------------------------------------------------------------


def _our_name(theirs, parts):
    part, _, what = theirs.removeprefix("bert.").rpartition(".")
    number = re.search(r"\d+", part)
    part = re.sub(r"\d+", "#", part)
    if part not in parts:
        return ""
    ours = parts[part].replace("#", number[0]) if number else parts[part]
    return ours + "." + {"gamma": "weight", "beta": "bias"}.get(what, what)


def _by_the_first_that_fits(theirs, parts):
    name = theirs.removeprefix("bert.")
    number = re.search(r"\d+", name)
    what = name.rpartition(".")[2]
    for part, ours in parts.items():
        if part.rpartition("#.")[2] in name:
            ours = ours.replace("#", number[0]) if number else ours
            return ours + "." + {"gamma": "weight", "beta": "bias"}.get(what, what)
    return ""


_NUMBER, _DIALECT = 'parts[part].replace("#", number[0])', '{"gamma": "weight", "beta": "bias"}.get(what, what)'
_PARTS = {
    "embeddings.word_embeddings": "tokens",
    "embeddings.LayerNorm": "norm",
    "encoder.layer.#.output.dense": "blocks.#.output",
    "encoder.layer.#.output.LayerNorm": "blocks.#.norm",
    "encoder.layer.#.attention.self.query": "blocks.#.attention.query",
    "encoder.layer.#.attention.output.dense": "blocks.#.attention.output",
    "encoder.layer.#.attention.output.LayerNorm": "blocks.#.attention_norm",
    "pooler.dense": "pooler",
}


def _names(*theirs: str) -> list[Case]:
    return [Case((name, _PARTS), f"the name {name}") for name in theirs]


our_name = Exercise(
    _our_name,
    Round(_names("embeddings.word_embeddings.weight", "encoder.layer.4.output.dense.bias", "pooler.dense.weight",
                 "encoder.layer.0.attention.output.dense.weight", "encoder.layer.3.attention.output.LayerNorm.bias"), [
        slip("number-lost", "the # is still there: the number of the block belongs in its place",
             f"{_NUMBER} if number else parts[part] -> parts[part]"),
        slip("what-lost", "the end of the name is missing: a part has a weight, and mostly a bias, and they are two "
             "tensors", 'ours + "." + {"gamma": "weight", "beta": "bias"}.get(what, what) -> ours'),
        slip("first-that-fits", "you took the first part whose name is *in* the name: output.dense is also the end of "
             "attention.output.dense. Compare the whole part", _by_the_first_that_fits),
        slip("letters-taken-off", 'lstrip("bert.") takes off letters, whichever of b, e, r, t and the point stand in '
             "front, and embeddings begins with an e: removeprefix takes off the word",
             'removeprefix("bert.") -> lstrip("bert.")'),
        slip("theirs-kept", "the name came back as it was, without the prefix: the table says what we call that part",
             ("if part not in parts: -> if True:", 'return "" -> return theirs.removeprefix("bert.")')),
    ]),
    Round(_names("encoder.layer.10.output.dense.weight", "encoder.layer.11.attention.self.query.bias",
                 "encoder.layer.23.output.LayerNorm.weight"), [
        slip("one-digit", "only one digit was read as the number: the base model has a block 11, the large one a "
             "block 23", r'"\d+" -> "\d"',
             r're.search(r"\d+", part) -> re.search(r"\d", part)',
             r're.search(r"\d+", part) -> re.search(r"\d", part[::-1])'),
    ], held="for blocks 0 to 9 all is right"),
    Round(_names("bert.embeddings.LayerNorm.weight", "bert.encoder.layer.2.output.dense.weight",
                 "bert.pooler.dense.bias", "bert.encoder.layer.12.attention.self.query.weight"), [
        slip("prefix-left", "names that begin with bert. find no part: take the prefix off first",
             'theirs.removeprefix("bert.") -> theirs'),
    ], held="without a prefix all is right"),
    Round(_names("embeddings.LayerNorm.gamma", "embeddings.LayerNorm.beta",
                 "bert.encoder.layer.5.attention.output.LayerNorm.beta", "encoder.layer.5.output.LayerNorm.gamma"), [
        slip("old-names-left", "gamma and beta came through. They are the old names of a norm's weight and bias",
             f"{_DIALECT} -> what"),
        slip("gamma-beta-exchanged", "gamma and beta changed places: gamma multiplies, so it is the weight, and beta "
             "is added, so it is the bias", f'{_DIALECT} -> {{"gamma": "bias", "beta": "weight"}}.get(what, what)'),
    ], held="for today's names all is right"),
    Round(_names("embeddings.position_ids", "cls.predictions.bias", "classifier.weight", "bert.encoder.layer.3.query.x",
                 "logit_scale", "embeddings.word_embeddings", "distilbert.embeddings.LayerNorm.weight"), [
        slip("invented", "a name that the table does not have came through. We have no place for it: return the empty "
             'text, ""', 'return "" -> return theirs',
             ("if part not in parts: -> if False:", "parts[part] -> parts.get(part, part)")),
        slip("stops", 'your function stops at a name that the table does not have. Return "" there: a file may hold '
             "more than we have a place for", "if part not in parts: -> if False:"),
    ], held="for names of the table all is right"),
)  # fmt: skip


# --- as_ours ----------------------------------------------------------------------------------------------------------


def _as_ours(name, tensor):
    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    return tensor.T if name.endswith(turned) else tensor


def _tensor(*shape: int) -> torch.Tensor:
    return torch.arange(float(math.prod(shape))).reshape(shape) * 0.5 - 3


def _tensors(**shapes: tuple[int, ...]) -> list[Case]:
    names = {name.replace("__", "."): shape for name, shape in shapes.items()}
    return [Case((name, _tensor(*shape)), f"{name} {list(shape)}") for name, shape in names.items()]


_FITS, _TUPLE = "name.endswith(turned)", '("c_attn.weight", "c_proj.weight", "c_fc.weight")'
as_ours = Exercise(
    _as_ours,
    Round(_tensors(transformer__h__0__attn__c_attn__weight=(3, 9), h__11__mlp__c_fc__weight=(3, 12),
                   h__1__mlp__c_proj__weight=(12, 3), wte__weight=(5, 3), transformer__wpe__weight=(4, 3),
                   h__0__attn__c_attn__bias=(9,), h__0__ln_1__weight=(3,), lm_head__weight=(5, 3)), [
        slip("nothing-turned", "every tensor came back as it was: nn.Linear keeps [out, in], GPT-2's file [in, out]",
             f"tensor.T if {_FITS} else tensor -> tensor"),
        slip("every-table-turned", "the tables of tokens and places were turned too. A table is looked up row by row, "
             "there and here: only what is multiplied lies the other way round", f"{_FITS} -> tensor.ndim == 2",
             f'{_FITS} -> name.endswith("weight")'),
        slip("counted-off-anew", "the shape is turned and the numbers are not: reshape counts them off anew, row by "
             "row. .T puts what was a column into a row", "tensor.T -> tensor.reshape(tensor.shape[::-1])"),
        slip("the-others-turned", "what should stay was turned, and what should be turned stayed",
             "tensor.T if name.endswith(turned) else tensor -> tensor if name.endswith(turned) else tensor.T"),
        slip("head-turned", "lm_head was turned. It is the table of tokens once more, and that is looked up by rows, "
             "there and here", f'{_TUPLE} -> ("c_attn.weight", "c_proj.weight", "c_fc.weight", "lm_head.weight")'),
        slip("one-of-the-four", "only some of the four were turned: c_attn, attn.c_proj, c_fc and mlp.c_proj all are",
             f'{_TUPLE} -> ("c_attn.weight",)', f'{_TUPLE} -> ("c_attn.weight", "c_proj.weight")',
             f'{_TUPLE} -> ("c_proj.weight", "c_fc.weight")', f'{_TUPLE} -> ("c_attn.weight", "c_fc.weight")',
             f'{_TUPLE} -> ("c_fc.weight",)', f'{_TUPLE} -> ("c_proj.weight",)',
             f'{_TUPLE} -> ("c_attn.weight", "attn.c_proj.weight", "c_fc.weight")'),
    ]),
    Round(_tensors(h__0__attn__c_proj__weight=(3, 3), transformer__h__7__attn__c_proj__weight=(4, 4),
                   h__0__mlp__c_proj__weight=(3, 3), wte__weight=(3, 3)), [
        slip("square-left", "a square matrix was left as it is. Its shape is right either way, so nothing will ever "
             "protest; its numbers are wrong",
             f"{_FITS} -> name.endswith(turned) and tensor.shape[0] != tensor.shape[1]"),
        slip("one-c-proj", "attn.c_proj was forgotten: there are two c_proj in a block, one behind the attention and "
             "one behind the network", f'{_TUPLE} -> ("c_attn.weight", "mlp.c_proj.weight", "c_fc.weight")'),
        slip("every-square-turned", "a square table of tokens was turned. Go by the name, not by the shape",
             f"{_FITS} -> name.endswith(turned) or tensor.ndim == 2 and tensor.shape[0] == tensor.shape[1]"),
    ], held="where the shape tells, all is right"),
)  # fmt: skip


# --- account ----------------------------------------------------------------------------------------------------------


def _account(places, tensors):
    missing = sorted(name for name in places if name not in tensors)
    left_over = sorted(name for name in tensors if name not in places)
    both = [name for name in places if name in tensors]
    return missing, left_over, sorted(name for name in both if places[name] != tensors[name])


_WRONG = "places[name] != tensors[name]"
_ONE = {"tokens.weight": (9, 4), "blocks.1.norm.bias": (4,), "blocks.0.norm.bias": (4,), "pooler.weight": (4, 4)}
_OTHER = {"tokens.weight": (9, 4), "blocks.0.norm.bias": (4,), "position_ids": (1, 16), "classifier.bias": (2,),
          "classifier.weight": (2, 4)}  # fmt: skip
account = Exercise(
    _account,
    Round([
        Case((_ONE, _OTHER), "four places and five tensors of other names"),
        Case(({"b": (1,), "a": (1,), "c": (1,)}, {"c": (1,), "d": (1,), "e": (1,)}), "places b, a, c; tensors c, d, e"),
        Case((_ONE, dict(reversed(_ONE.items()))), "the same names in another order"),
    ], [
        slip("exchanged", "the first two lists changed places: missing is a place without a tensor, left over a tensor "
             "without a place", "return missing, left_over -> return left_over, missing"),
        slip("unsorted", "the names are right and not sorted", ("missing = sorted(name -> missing = list(name",
             "left_over = sorted(name -> left_over = list(name")),
        slip("missing-misshapen", "a place without a tensor counts as one of a wrong shape, too. It is missing, and "
             "that is all", ("name for name in places if name in tensors] -> name for name in places]",
             "places[name] != tensors[name] -> places[name] != tensors.get(name)")),
        slip("what-is-there", "the first list holds the names that both have: asked is what has no tensor",
             "name in places if name not in tensors -> name in places if name in tensors"),
    ]),
    Round([
        Case(({"c_attn": (3, 9), "wte": (9, 3)}, {"wte": (9, 3), "c_attn": (9, 3)}), "c_attn [3, 9], found [9, 3]"),
        Case(({"head": (5, 4), "a": (2, 2), "b": (7,)}, {"head": (4, 5), "a": (4,), "b": (6,)}),
             "three tensors of other shapes"),
        Case(({"b": (1,), "a": (1,)}, {"b": (1, 1), "a": (2,)}), "[1] and [1, 1]"),
    ], [
        slip("shapes-passed-over", "shapes are not compared: a tensor of the right name and a wrong shape is no find",
             f"if {_WRONG} -> if False"),
        slip("only-numel", "you compared how many numbers there are. A matrix that lies the other way round has as "
             "many", f"{_WRONG} -> math.prod(places[name]) != math.prod(tensors[name])"),
        slip("turned-forgiven", "a shape and its mirror image count as the same. Who turns a matrix does it before: "
             "here [3, 9] is not [9, 3]", f"{_WRONG} -> places[name] not in (tensors[name], tensors[name][::-1])",
             f"{_WRONG} -> sorted(places[name]) != sorted(tensors[name])"),
        slip("first-axis", "only the first number of the shapes is compared",
             f"{_WRONG} -> places[name][0] != tensors[name][0]"),
        slip("axes-counted", "only the number of axes is compared",
             f"{_WRONG} -> len(places[name]) != len(tensors[name])"),
    ], held="the names are right"),
    parts=("missing names", "names left over", "names of another shape"),
)  # fmt: skip


# --- text_vectors -----------------------------------------------------------------------------------------------------


def _text_vectors(hidden, mask):
    kept = hidden * mask[:, :, None]
    mean = kept.sum(1) / mask.sum(1, keepdim=True)
    return mean / mean.norm(dim=1, keepdim=True)


def _hidden(B: int, T: int, D: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(B, T, D, generator=torch.Generator().manual_seed(seed))
    return (drawn * torch.linspace(0.5, 3, B)[:, None, None] + 0.3).round(decimals=2)


_MEAN, _LENGTH = "kept.sum(1) / mask.sum(1, keepdim=True)", "mean / mean.norm(dim=1, keepdim=True)"
_T, _F = True, False
text_vectors = Exercise(
    _text_vectors,
    Round([
        Case((torch.tensor([[[3.0, 0], [0, 4], [3, 4]]]), torch.ones(1, 3, dtype=torch.bool)),
             "one text of three tokens, (3, 0), (0, 4), (3, 4)"),
        Case((_hidden(2, 4, 3, 1), torch.ones(2, 4, dtype=torch.bool)), "two texts of four tokens, no padding"),
        Case((_hidden(3, 2, 5, 2), torch.ones(3, 2, dtype=torch.bool)), "three texts of two tokens, no padding"),
    ], [
        slip("not-scaled", "the mean is right and was not scaled to length 1: divide it by its norm",
             f"return {_LENGTH} -> return mean"),
        slip("first-token", "you took the first token's vector, [CLS]. That seat is BERT's pooler's; here it is the "
             "mean of all tokens", f"{_MEAN} -> hidden[:, 0]"),
        slip("each-token-scaled", "every token was scaled to length 1 before the mean. Then a long vector counts no "
             "more than a short one: take the mean first", "hidden * -> hidden / hidden.norm(dim=-1, keepdim=True) *"),
        slip("largest", "you took the largest number of each column. Asked is the mean", f"{_MEAN} -> hidden.amax(1)"),
        slip("mask-turned-round", "the mean is that of the padding: True is a token",
             "hidden * mask[:, :, None] -> hidden * ~mask[:, :, None]"),
        slip("one-length-for-all", "all texts were divided by one length: each has its own",
             "mean.norm(dim=1, keepdim=True) -> mean.norm()"),
        slip("scaled-over-texts", "the norm runs over the texts. The numbers of one text lie along dim=1",
             "mean.norm(dim=1, keepdim=True) -> mean.norm(dim=0, keepdim=True)"),
        slip("sum-to-one", "each vector was divided by the sum of its numbers. The length is the root of the sum of "
             "their squares", "mean.norm(dim=1, keepdim=True) -> mean.sum(1, keepdim=True)"),
        slip("absolute-sum", "each vector was divided by the sum of its sizes. The length is the root of the sum of "
             "their squares", "mean.norm(dim=1, keepdim=True) -> mean.abs().sum(1, keepdim=True)"),
        slip("square-of-the-length", "each vector was divided by the square of its length",
             "mean.norm(dim=1, keepdim=True) -> mean.pow(2).sum(1, keepdim=True)"),
        slip("specials-left-out", "the first and the last token were left out. [CLS] and [SEP] are in the mean: "
             "the model was trained so", "return -> mean = hidden[:, 1:-1].mean(1); return"),
    ]),
    Round([
        Case((_hidden(3, 5, 2, 3), torch.tensor([[_T, _T, _F, _F, _F], [_T] * 5, [_T, _T, _T, _T, _F]])),
             "texts of 2, 5 and 4 tokens, padding behind them"),
        Case((_hidden(2, 4, 3, 4) * torch.tensor([1, 1, 1, 50.0])[None, :, None], torch.tensor([[_T, _T, _T, _F]] * 2)),
             "padding with large numbers in it"),
        Case((_hidden(2, 4, 3, 5), torch.tensor([[_F, _F, _T, _T], [_F, _T, _T, _T]])), "padding before the texts"),
    ], [
        slip("padding-counted", "the padding is in the mean: only places where the mask is True count",
             "hidden * mask[:, :, None] -> hidden"),
        slip("first-mask-for-all", "the first text's mask was used for all texts",
             "mask[:, :, None] -> mask[:1, :, None]"),
        slip("as-many-as-tokens", "as many places were taken from the front as the mask has True: it says *where* the "
             "tokens stand", "mask[:, :, None] -> mask.sort(1, descending=True).values[:, :, None]"),
    ], held="without padding all is right"),
)  # fmt: skip
