"""Lesson 19: wrong answers beside its slips, right answers in other spellings, inputs to draw."""

import re

import torch
import torch.nn.functional as F

from course_lib import checkpoints
from wrong_answers import Wrong

# --- wrong ------------------------------------------------------------------------------------------------------------


def letters_taken_off(theirs, parts):
    name = theirs.lstrip("bert.")  # takes letters off, not a word
    part, _, what = name.rpartition(".")
    number = "".join(c for c in part if c.isdigit())
    part = part.replace(number, "#") if number else part
    what = {"gamma": "weight", "beta": "bias"}.get(what, what)
    return parts[part].replace("#", number) + "." + what if part in parts else ""


def the_part_and_the_rest(theirs, parts):
    part, _, what = theirs.removeprefix("bert.").rpartition(".")
    return parts.get(part), what


def turned_in_place(name, tensor):
    return tensor.t_() if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")) else tensor


def all_but_the_biases(name, tensor):
    return tensor.T if "c_" in name or tensor.ndim == 2 else tensor


def one_list(places, tensors):
    return sorted(places.keys() ^ tensors.keys())


def popped(places, tensors):
    missing = sorted(name for name in places if tensors.pop(name, None) is None)
    return missing, sorted(tensors), []


def softmax_of_the_mask(hidden, mask):
    weights = mask.float().softmax(1)
    return F.normalize((hidden * weights[:, :, None]).sum(1), dim=1)


def hidden_cleared(hidden, mask):
    hidden[~mask] = 0
    return F.normalize(hidden.sum(1), dim=1)


BANK = {
    "our_name": [
        Wrong("lstrip", letters_taken_off, "letters-taken-off"),
        Wrong("a pair", the_part_and_the_rest),
        Wrong("nothing", "return ours -> ours"),
        Wrong("the prefix everywhere", 'removeprefix("bert.") -> replace("bert", "")', "prefix-left"),
        Wrong("with the prefix in front", "return ours -> return 'bert.' + ours"),
    ],
    "as_ours": [
        Wrong("in place", turned_in_place),
        Wrong("everything with two axes", all_but_the_biases, "every-table-turned"),
        Wrong("nothing", "return tensor.T -> tensor.T"),
        Wrong("flipped", "tensor.T -> tensor.flip(0)"),
    ],
    "account": [
        Wrong("one list of all", one_list),
        Wrong("taken out on the way", popped),
        Wrong("numbers instead of names",
              "return missing, left_over, -> return len(missing), len(left_over),"),
        Wrong("nothing", "return missing -> missing"),
    ],
    "text_vectors": [
        Wrong("a softmax of the mask", softmax_of_the_mask),
        Wrong("the vectors themselves changed", hidden_cleared),
        Wrong("one vector for all", "return mean -> mean = mean.mean(0, keepdim=True); return mean"),
        Wrong("nothing", "return mean -> mean"),
    ],
}  # fmt: skip

# --- right ------------------------------------------------------------------------------------------------------------


def by_words(theirs, parts):
    words = theirs.split(".")
    words = words[1:] if words[0] == "bert" else words
    numbers = [word for word in words if word.isdigit()]
    part = ".".join("#" if word.isdigit() else word for word in words[:-1])
    what = words[-1].replace("gamma", "weight").replace("beta", "bias")
    return ".".join([parts[part].replace("#", "".join(numbers)), what]) if part in parts else ""


def by_a_table_of_all_blocks(theirs, parts):
    table = {}
    for part, ours in parts.items():
        for i in range(30):
            for new, old in {"weight": "gamma", "bias": "beta"}.items():
                for what in (new, old):
                    for prefix in ("", "bert."):
                        table[f"{prefix}{part.replace('#', str(i))}.{what}"] = f"{ours.replace('#', str(i))}.{new}"
    return table.get(theirs, "")


def by_matching(theirs, parts):
    for part, ours in parts.items():
        pattern = r"(?:bert\.)?" + re.escape(part).replace(r"\#", r"(?P<block>\d+)") + r"\.(?P<what>\w+)"
        if found := re.fullmatch(pattern, theirs):
            ours = ours.replace("#", found.groupdict().get("block", ""))
            return ours + "." + found["what"].replace("gamma", "weight").replace("beta", "bias")
    return ""


def by_the_library(name, tensor):
    return checkpoints.turned(name, tensor)


def permuted(name, tensor):
    if any(f".{part}." in f".{name}" for part in ("c_attn", "c_proj", "c_fc")) and tensor.ndim == 2:
        return tensor.permute(1, 0).contiguous()
    return tensor.clone()


def with_numpy(name, tensor):
    array = tensor.numpy()
    kind, what = name.split(".")[-2:]
    return array.transpose() if kind.startswith("c_") and what == "weight" else array


def by_sets(places, tensors):
    wrong = {name for name in places.keys() & tensors.keys() if tuple(places[name]) != tuple(tensors[name])}
    return sorted(places.keys() - tensors.keys()), sorted(tensors.keys() - places.keys()), sorted(wrong)


def by_a_loop(places, tensors):
    missing, left, wrong = [], [], []
    for name in sorted({*places, *tensors}):
        if name not in tensors:
            missing.append(name)
        elif name not in places:
            left.append(name)
        elif list(places[name]) != list(tensors[name]):
            wrong.append(name)
    return [missing, left, wrong]


def by_items(places, tensors):
    missing, left = [*{**places}.keys() - {*tensors}], [*{**tensors}.keys() - {*places}]
    wrong = [name for name, _ in {*places.items()} - {*tensors.items()} if name not in missing]
    return tuple(map(sorted, (missing, left, wrong)))


def the_sum_will_do(hidden, mask):
    return F.normalize((hidden * mask.unsqueeze(-1)).sum(1), dim=-1)


def text_by_text(hidden, mask):
    means = [row[real].mean(0) for row, real in zip(hidden, mask)]
    return torch.stack([mean / (mean @ mean) ** 0.5 for mean in means])


def by_products(hidden, mask):
    weights = mask / mask.sum(1, keepdim=True)
    mean = torch.einsum("btd,bt->bd", hidden, weights)
    return (mean.double() / mean.double().pow(2).sum(1, keepdim=True).sqrt()).numpy()


RIGHT = {
    "our_name": [by_words, by_a_table_of_all_blocks, by_matching],
    "as_ours": [by_the_library, permuted, with_numpy],
    "account": [by_sets, by_a_loop, by_items],
    "text_vectors": [the_sum_will_do, text_by_text, by_products],
}

# --- inputs -----------------------------------------------------------------------------------------------------------

PARTS = {theirs.removeprefix("bert."): ours for ours, theirs in checkpoints.BERT.names.items()
         if theirs.startswith("bert.")}  # fmt: skip


def draw_name(rng):
    parts = [*PARTS, "embeddings", "cls.predictions", "encoder.layer.#.attention", "encoder.layer"]
    part = parts[rng.integers(len(parts))].replace("#", str(rng.integers(0, 24)))
    prefix = ["", "bert."][rng.integers(2)]
    return f"{prefix}{part}.{['weight', 'bias', 'gamma', 'beta'][rng.integers(4)]}", PARTS


def draw_tensor(rng):
    names = ["attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight", "ln_1.weight",
             "attn.c_attn.bias", "mlp.c_proj.bias"]  # fmt: skip
    names = [f"h.{rng.integers(12)}.{name}" for name in names] + ["wte.weight", "wpe.weight", "ln_f.bias"]
    name = names[rng.integers(len(names))]
    axes = 2 if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight", "te.weight", "pe.weight")) else 1
    return name, torch.tensor(rng.normal(size=rng.integers(1, 5, axes)), dtype=torch.float32)


def draw_lists(rng):
    def some():
        names = rng.permutation(list("abcdefg"))[: rng.integers(0, 7)]
        return {str(name): tuple(rng.integers(1, 4, rng.integers(1, 3)).tolist()) for name in names}

    return some(), some()


def draw_texts(rng):
    B, T, D = rng.integers(1, 5, 3)
    mask = torch.tensor(rng.random((B, T)) < 0.6)
    mask[:, rng.integers(T)] = True
    return torch.tensor(rng.normal(0.3, 1, (B, T, D)), dtype=torch.float32), mask


INPUTS = {"our_name": draw_name, "as_ours": draw_tensor, "account": draw_lists, "text_vectors": draw_texts}
