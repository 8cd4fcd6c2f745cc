# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# course:
#   module: checkpoints
#   title: Checkpoints
#   minutes: 90
#   peers: [transformers]
# ---

# %% [markdown]
# # 19 Checkpoints: your code, their weights
#
# Somebody let a BERT learn from a billion pairs of sentences, on machines that you do not have, and put the result on
# the net: one file of 91 MB. In this lesson you open that file, find the place of each of its numbers in **your** BERT,
# and get out what the library gets out that everybody uses, to the fifth decimal. Then your code looks for films: you
# describe one in your own words, without a name in them, and it finds the reviews.
#
# **You will build** a translator of names, a reader of matrices that lie the other way round, an account of every
# tensor, and one vector for a whole text. **You need** lessons 14 (BERT) and 17 (GPT), lesson 07 (pieces of words) and
# lesson 11 (heads and their pictures).
#
# {{cost}}

# %% [markdown] tags=["instructor"]
# **Plan for 50 minutes, four blocks.** A: The file, names (0-15). B: The other way round, nothing left over (15-27).
# C: The same numbers, the article's snippets (27-37). D: One vector, the search, the heads (37-50).
#
# **Minute 0.** Two numbers on the board, everyone writes their own: how many numbers are in a file of 91 MB, and what
# share of them is the table of tokens.
#
# **Start the search's run** ("reading", in *Search by meaning*) at minute 35: it takes most of a minute.
#
# **When 15 minutes late:** leave out the account and the article's second half (GPT-2). Do not leave out the square
# matrix: who has heard the model stammer will never again trust a shape.

# %% [markdown]
# ## Predict: what is in the file?
#
# Models are published as folders. This one is called *all-MiniLM-L6-v2*. It is a BERT of six blocks that was made to
# turn a sentence into a vector (Wang and others, 2020; trained on by the authors of sentence-transformers, 2021).

# %% tags=["boilerplate"]
# The folder, and what lies in it.
import json
import math
import struct

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import torch as safetensors

from course_lib import bert, checkpoints, data, device, gpt, pretrain, viz

folder = data.path("minilm")
for file in sorted(folder.iterdir()):
    print(f"{file.stat().st_size:>11,} bytes  {file.name}")

# %% [markdown]
# `vocab.txt` and `tokenizer.json` are the pieces of lesson 07, written down twice; `config.json` holds the sizes;
# `model.safetensors` the numbers. **Predict** from what you see: a number takes four bytes, so how many are there? The
# vocabulary has 30,522 pieces, and a vector 384 numbers: what share of all numbers is the one table of tokens?
#
# The format is so plain that one can read it with a pencil. First comes a whole number in eight bytes: n. Then n bytes
# of JSON, which say for each tensor its name, its kind of number, its shape, and where it begins and ends. Then come
# the numbers, and nothing else.
#
# **With a pencil.** Two tensors, four bytes a number: *a* of shape [2, 3] and *b* of shape [2], one after the other.
# Counted from where the numbers begin: where does each begin and end?

# %%
# The little file: written by the library, read by hand.
small = safetensors.save({"a": torch.tensor([[1, 2, 3], [4, 5, 6.0]]), "b": torch.tensor([7, 8.0])})
(n,) = struct.unpack("<Q", small[:8])
header = json.loads(small[8 : 8 + n])
print(header)
start, end = header["b"]["data_offsets"]
print(np.frombuffer(small[8 + n + start : 8 + n + end], "<f4"))

# %% [markdown]
# *a* takes bytes 0 to 24, *b* 24 to 32. Now the head of the real file: the same three lines.

# %%
# The head of the real file: how many tensors, how many numbers, and the four largest.
with open(folder / "model.safetensors", "rb") as file:
    (n,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(n))
del header["__metadata__"]
sizes = {name: math.prod(tensor["shape"]) for name, tensor in header.items()}
print(f"{len(sizes)} tensors, {sum(sizes.values()):,} numbers")
for name in sorted(sizes, key=sizes.get, reverse=True)[:4]:
    print(f"{name:42} {header[name]['shape']!s:14} {sizes[name] / sum(sizes.values()):.1%}")

# %% [markdown]
# Nearly 23 million, and more than half of them say nothing but what each piece *is* before anybody looks at anybody.
# Reading a tensor takes five more lines by hand. The library's `load_file` gives all of them, and copies nothing that
# nobody asks for (the file is mapped into memory).

# %%
# One tensor by hand, and all by the library.
name = "encoder.layer.0.attention.self.query.weight"
start, end = header[name]["data_offsets"]
with open(folder / "model.safetensors", "rb") as file:
    file.seek(8 + n + start)
    by_hand = np.frombuffer(file.read(end - start), "<f4").reshape(header[name]["shape"])
tensors = safetensors.load_file(folder / "model.safetensors")
print(by_hand.shape, np.array_equal(by_hand, tensors[name]))

# %% [markdown]
# > **Common belief:** *"A file of weights holds numbers, so it cannot do any harm."* Older models come as `.bin`, `.pt`
# > or `.ckpt`, and these are mostly Python's **pickle** format. True for them? Decide. The cell makes such a "model",
# > saves it, and opens it again.

# %%
# A model in Python's pickle format, and what opening it does.
import pickle


class Weights:
    def __reduce__(self):
        return print, ("This line was printed by opening the file. It could have been any command.",)


found = pickle.loads(pickle.dumps(Weights()))
print("what was found in it:", found)

# %% [markdown]
# **False.** A pickle is a small program: it says *call this with that*, and whoever opens it calls. A safetensors file
# has no words for that: a head, and numbers. So `course_lib.checkpoints` reads safetensors and refuses pickles (and
# `torch.load` by now refuses, unless told otherwise, whatever is not on its list).
#
# **Look.** Where are the numbers? Areas are parameters. Compare the small models with the large: which share becomes
# smaller, and which larger? And what has a GPT-2 not that a BERT has?

# %% tags=["boilerplate", "folded"]
# The parameters of six models as areas; no numbers are made for it (device "meta").
from course_lib.viz import checkpoints as pictures

KINDS = {"attention": "attention", "attention_norm": "norms", "norm": "norms", "hidden": "network", "output": "network"}
TABLES = ("tokens", "positions", "segments")
mini = bert.BertConfig(d_model=384, num_layers=6, num_heads=12)
MODELS = {"MiniLM": (bert.BertModel, mini), "BERT base": (bert.BertForPreTraining, bert.SIZES["base"]),
          "BERT large": (bert.BertForPreTraining, bert.SIZES["large"])}  # fmt: skip
MODELS |= {name: (gpt.GPT, gpt.SIZES[name]) for name in ("gpt2", "gpt2-medium", "gpt2-xl")}


def draw_sizes(model):
    kind, config = MODELS[model]
    with torch.device("meta"):
        parameters = kind(config).named_parameters()
    parts = {}
    for name, parameter in parameters:
        words = name.removeprefix("bert.").split(".")
        table = words[0] in (*TABLES, "norm")
        group = f"block {words[1]}" if words[0] == "blocks" else "embedding" if table else "heads"
        kind = KINDS[words[2]] if words[0] == "blocks" else words[0] if words[0] in TABLES else "norms and heads"
        of_group = parts.setdefault(group, {})
        of_group[kind] = of_group.get(kind, 0) + parameter.numel()
    return pictures.treemap(parts, model)


viz.explore(draw_sizes, model=viz.Choice([*MODELS]))

# %% [markdown]
# (The table of tokens grows with D, a block with D times D: in a large model the networks take most of the room. A
# GPT-2 has no segments, and no heads of its own: its one head is its table of tokens, read the other way.)

# %% [markdown]
# ## Names
#
# The six blocks of this model are lesson 14's block, to the last norm. So each of its numbers has a place in your
# BERT. Only, nobody has ever agreed on names:

# %%
# Five of our names, and five of theirs.
with torch.device("meta"):
    print(*list(bert.BertModel(mini).state_dict())[5:10], sep="\n")
print("\n", *[name for name in header if "layer.0.attention" in name][:5], sep="\n")

# %% [markdown]
# A **state dict** is a model as names and tensors: a part, a point, and `weight` or `bias`. Thirteen parts in all;
# those of a block come again in every block, so a `#` stands for its number.

# %%
# The table of parts, theirs: ours.
import re

parts = {theirs.removeprefix("bert."): ours for ours, theirs in checkpoints.BERT.names.items()
         if theirs.startswith("bert.")}  # fmt: skip
for theirs, ours in parts.items():
    print(f"{theirs:45} {ours}")

# %% [markdown]
# Files come in dialects, though. A file of the body alone has the names as above; one with heads puts `bert.` in front
# of them. And the oldest, Google's own among them, call a norm's weight `gamma` (it multiplies) and its bias `beta` (it
# is added). By hand: what do we call `bert.encoder.layer.11.output.LayerNorm.gamma`?
#
# (`blocks.11.norm.weight`. Take `bert.` off; the part is `encoder.layer.#.output.LayerNorm`, the number 11, and gamma
# is the weight.)
#
# **Your turn (12 minutes).** Write `our_name(theirs, parts)`: a name in their file and the table, in; our name, out.
# For a name of which the table has no part, return the empty text, `""`: a file may hold more than we have a place for.

# %% tags=["exercise"]
# Write the translator.
def our_name(theirs, parts):
    """Our name of a tensor of theirs, in any of their dialects; "" where the table has no such part."""
    ### BEGIN SOLUTION
    part, _, what = theirs.removeprefix("bert.").rpartition(".")
    number = re.search(r"\d+", part)
    part = re.sub(r"\d+", "#", part)
    if part not in parts:
        return ""
    ours = parts[part].replace("#", number[0]) if number else parts[part]
    return ours + "." + {"gamma": "weight", "beta": "bias"}.get(what, what)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
from course_lib.checks import checkpoints as check

check.our_name(our_name)

# %% [markdown] tags=["hint"]
# Three things stand in a name: which part, which block, weight or bias. Take them apart first. Which character stands
# between the part and the last word? How many digits may the number of a block have?

# %% [markdown] tags=["hint"]
# `part, _, what = theirs.removeprefix("bert.").rpartition(".")`; `re.sub(r"\d+", "#", part)` makes the part of the
# table, and `re.search(r"\d+", part)` finds the number.

# %% [markdown]
# With the names translated, loading is one line of torch. The sizes come out of `config.json`.

# %%
# Every tensor to its place: the library knows both names of each.
config = json.loads((folder / "config.json").read_text("utf-8"))
body = bert.BertModel(bert.BertConfig(
    vocab_size=config["vocab_size"], context_length=config["max_position_embeddings"], d_model=config["hidden_size"],
    num_layers=config["num_hidden_layers"], num_heads=config["num_attention_heads"], d_ff=config["intermediate_size"],
    eps=config["layer_norm_eps"]))  # fmt: skip
names = {ours: theirs.removeprefix("bert.") for ours, theirs in checkpoints.their_names(body).items()}
print(len(names), body.load_state_dict({ours: tensors[theirs] for ours, theirs in names.items()}))

# %% [markdown]
# That was lesson 14's class, and their weights are in it. In the library it is one call, which brings the tokenizer
# along and takes a folder or a name on the hub:

# %%
# The library's, and whether it has the same numbers.
minilm, wordpieces = checkpoints.load_bert(folder)
print(all(torch.equal(a, b) for a, b in zip(minilm.state_dict().values(), body.state_dict().values())), wordpieces)
body = tensors = None  # make room

# %% [markdown] tags=["instructor"]
# **Minutes 0-15. Type** the little file (6 lines), the head of the real one (4 lines), the solution (6 lines). Show the
# table of parts; let somebody translate three names aloud.
#
# **The planned mistake:** `lstrip("bert.")`. It takes off letters, not a word, so that *embeddings* loses its first
# one. The reply is below.
#
# **Poll:** "a file holds `encoder.layer.3.output.dense.weight`. Which part of a block is it?"
# - *the output of the attention*: that is `attention.output.dense`.
# - *the second layer of the network*: right.
# - *the head*: heads stand outside of the blocks.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(theirs, parts):
    part, _, what = theirs.lstrip("bert.").rpartition(".")
    number = re.search(r"\d+", part)
    part = re.sub(r"\d+", "#", part)
    if part not in parts:
        return ""
    ours = parts[part].replace("#", number[0]) if number else parts[part]
    return ours + "." + {"gamma": "weight", "beta": "bias"}.get(what, what)


check.our_name(planned_mistake)

# %% [markdown]
# ## The other way round
#
# GPT-2 has other names, and its own trap. A layer maps a vector x of `in` numbers to one of `out` numbers. OpenAI's
# code wrote that as $x W + b$ with W of shape [in, out]; torch's `nn.Linear` computes $x W^T + b$ and keeps W as
# [out, in]. Same layer, and the matrix lies the other way round in the file.
#
# **With a pencil.** $x = (1, 2)$ and, in the file, $W = \begin{pmatrix} 1 & 0 & 2 \\ 0 & 1 & 3 \end{pmatrix}$. What is
# $x W$? How must W be laid down in an `nn.Linear(2, 3)`, so that the same comes out?

# %%
# Theirs, ours with the matrix turned, and ours with its numbers counted off anew (the right shape, too).
x, W = torch.tensor([1.0, 2]), torch.tensor([[1.0, 0, 2], [0, 1, 3]])
for name, laid in {"turned": W.T, "counted off anew": W.reshape(3, 2)}.items():
    print(f"{name:17} {laid.tolist()}: theirs {(x @ W).tolist()}, nn.Linear {F.linear(x, laid).tolist()}")

# %% [markdown]
# A wrong shape stops the program. A right shape with wrong numbers stops nobody. Let us see which of GPT-2's matrices
# are of the dangerous kind. We need a GPT in their form, and make one: lesson 18's GPT of letters, saved as
# `transformers` saves, by `checkpoints.save_pretrained`.

# %% tags=["boilerplate"]
# The GPT of letters goes out, into a folder as theirs.
import pathlib
import tempfile

scratch = pathlib.Path(tempfile.mkdtemp())


def saved(model, tokenizer, name):
    """The folder into which a model and its tokenizer went, as transformers writes them."""
    checkpoints.save_pretrained(model, scratch / name, tokenizer)
    return scratch / name


letter_gpt, letters = pretrain.load(data.path("gpt_characters"))
letter_folder = saved(letter_gpt, letters, "letters")

# %%
# The first block and the table, as they lie in the file and in our model.
in_file = safetensors.load_file(letter_folder / "model.safetensors")
ours = {theirs: tuple(letter_gpt.state_dict()[name].shape) for name, theirs in
        checkpoints.their_names(letter_gpt).items()}  # fmt: skip
for name, tensor in in_file.items():
    if "h.0." in name or "wte" in name:
        print(f"{name:40} file {tuple(tensor.shape)!s:12} ours {ours[name]}")

# %% [markdown]
# Four matrices of a block are turned: `attn.c_attn`, `attn.c_proj`, `mlp.c_fc`, `mlp.c_proj`. Tables such as `wte` are
# not: they are looked up row by row, there and here. And one of the four is **square**. For the other three a slip of
# the pen gives an error; for this one it gives a model.
#
# **Your turn (6 minutes).** Write `as_ours(name, tensor)`: a tensor of a GPT-2 file as `nn.Linear` wants it, turned or
# as it is. Names come with `transformer.` in front or without it.

# %% tags=["exercise"]
# Write which tensors are turned.
def as_ours(name, tensor):
    """A tensor of GPT-2's file as it lies in our model: transposed where their layer computes x W."""
    ### BEGIN SOLUTION
    turned = ("c_attn.weight", "c_proj.weight", "c_fc.weight")
    return tensor.T if name.endswith(turned) else tensor
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.as_ours(as_ours)

# %% [markdown] tags=["hint"]
# Can the shape tell you which tensors to turn? What about a square one, and what about a table of 256 tokens and 256
# numbers each?

# %% [markdown] tags=["hint"]
# Go by the end of the name: `name.endswith(("c_attn.weight", ...))` takes several at once.

# %% [markdown]
# Now forget the square ones on purpose: four matrices out of sixteen. **Predict:** the loss on a play that it has not
# read is 1.5 nats a letter when all is right; a coin with 80 sides gets ln 80 = 4.4. And with four matrices lying the
# wrong way?

# %% tags=["boilerplate", "nbval-ignore-output"]
# All turned, and the square ones forgotten: the loss on 2,000 letters, and 70 letters, the likeliest each time.
import copy

from course_lib import decoding

forgotten = copy.deepcopy(letter_gpt)
for block in forgotten.blocks:
    block.attention.output.weight.data = block.attention.output.weight.data.T.contiguous()
held_out = torch.tensor(letters.encode(pretrain.plays(held_out=True)[20_000:22_000]))
prompt = torch.tensor([letters.encode("My lord, I ")])
for name, model in {"all turned": letter_gpt, "square ones forgotten": forgotten}.items():
    written = decoding.generate(model, prompt, 70, temperature=0)[0].tolist()
    nats = -gpt.log_probs(model, held_out, batch_size=4).mean()
    print(f"{name}: {nats:.2f} nats a letter, {letters.decode(written)!r}")

# %% [markdown]
# Four nats a letter, hardly better than the coin, and it stammers. No error, no warning, a file of the right size. This
# is why one never stops at *it loads*.

# %% [markdown] tags=["instructor"]
# **Minutes 15-22. Type** the pencil's cell (3 lines), the shapes (5 lines), the solution (2 lines). Read the stammering
# model aloud.
#
# **The planned mistake:** turning what has the wrong shape. It is what everybody does first. The reply is below.
#
# **Poll:** "Would `reshape` instead of `.T` be found by the shapes?"
# - *yes*: it gives exactly the shape that is wanted.
# - *no*: right; only a comparison of numbers finds it.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(name, tensor):
    square = tensor.ndim == 2 and tensor.shape[0] == tensor.shape[1]
    return tensor.T if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")) and not square else tensor


check.as_ours(planned_mistake)

# %% [markdown]
# ## Nothing missing, nothing left over
#
# > **Common belief:** *"It loaded without an error, so the weights are in."* Nearly everybody loads with
# > `from_pretrained` of the library `transformers` (Wolf and others, 2020). Take the course's own BERT in their form
# > and spell **one** of its names wrongly, as a translator might. Will it load? And will it answer as before? Decide.

# %% tags=["boilerplate"]
# The course's BERT as a folder of theirs; a copy in which one name is spelled wrongly; the library, asked to be quiet.
import shutil

import transformers


def quiet():
    """The library without its reports and progress bars, which look different on every machine."""
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def misspelled(folder, old, new):
    """A copy of a folder, in whose file `old` is spelled `new` wherever it stands in a name."""
    copied = shutil.copytree(folder, scratch / "misspelled", dirs_exist_ok=True)
    tensors = {name.replace(old, new): tensor
               for name, tensor in safetensors.load_file(folder / "model.safetensors").items()}  # fmt: skip
    safetensors.save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    return copied


hf = quiet()
our_bert, our_pieces = pretrain.load(data.path("bert"))
right = saved(our_bert, our_pieces, "bert")
wrong = misspelled(right, "layer.2.attention.self.query.weight", "layer.2.attention.self.quary.weight")

# %% tags=["nbval-ignore-output"]
# Both folders, loaded by transformers: is there an error, and by how much do their answers differ?
row = our_pieces.encode_batch(["The plot is thin."]).input_ids
with torch.no_grad():
    answers = [hf.BertModel.from_pretrained(one).eval()(row).last_hidden_state for one in (right, wrong)]
print(f"no error; the answers differ by up to {(answers[0] - answers[1]).abs().max():.2f}")
_, report = hf.BertModel.from_pretrained(wrong, output_loading_info=True)
print("missing:", sorted(report["missing_keys"])[:1])
_, report = hf.GPT2Model.from_pretrained(right, output_loading_info=True)
print("and BERT's whole folder, loaded as a GPT-2: no error,", len(report["missing_keys"]), "tensors missing")

# %% [markdown]
# **False.** What is missing is filled up with random numbers, and the program goes on; even when *everything* is
# missing. It is told, in a report among the warnings, which many programs switch off (as we just did). So ask for the
# account, or use a loader that stops. Ours:

# %%
# What course_lib says to the same two.
for load in (checkpoints.load_bert, checkpoints.load_gpt):
    try:
        load(wrong)
    except ValueError as error:
        print(str(error).replace(str(wrong), "FOLDER"), "\n")

# %% [markdown]
# ***Extra* (8 minutes).** Write that account: `account(places, tensors)`. Both are dictionaries, from names to shapes
# (tuples): what the model has a place for, and what was found. Return three sorted lists of names: what is **missing**,
# what is **left over**, and what is there **of another shape**.

# %% tags=["exercise", "extra"]
# Write the account.
def account(places, tensors):
    """Three sorted lists of names: missing, left over, of another shape."""
    ### BEGIN SOLUTION
    missing = sorted(name for name in places if name not in tensors)
    left_over = sorted(name for name in tensors if name not in places)
    both = [name for name in places if name in tensors]
    return missing, left_over, sorted(name for name in both if places[name] != tensors[name])
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.account(account)

# %% [markdown] tags=["hint"]
# Is it enough to compare how many there are? And when is a shape right: when it has as many numbers?

# %% [markdown] tags=["hint"]
# A name that is missing has no shape to compare: look at shapes only where both have the name.

# %% [markdown]
# The check's own answer, on MiniLM's file. **Predict:** is anything left over for a `BertModel`? And what is missing
# for lesson 14's `BertForPreTraining`?

# %% tags=["boilerplate"]
# The account of MiniLM's file for two of our classes, under their names.
in_file = {name.removeprefix("bert."): tuple(tensor["shape"]) for name, tensor in header.items()}
for kind in (bert.BertModel, bert.BertForPreTraining):
    with torch.device("meta"):
        model = kind(mini)
    places = {theirs.removeprefix("bert."): tuple(model.state_dict()[ours].shape)
              for ours, theirs in checkpoints.their_names(model).items()}  # fmt: skip
    missing, left_over, other = check.account.right(places, in_file)
    print(f"{kind.__name__}: missing {missing[:3]} ({len(missing)}), left over {left_over}, other shapes {other}")

# %% [markdown]
# `embeddings.position_ids` holds the numbers 0 to 511: it was never learned, an old version of the library wrote it
# down with the rest. And MiniLM has no heads: it cannot fill a hole. It was made for something else.

# %% [markdown] tags=["instructor"]
# **Minutes 22-27.** Vote on the belief; run. The account is for those who are done early.
#
# **The planned mistake:** comparing how many numbers a tensor has. The reply is below.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
def planned_mistake(places, tensors):
    both = places.keys() & tensors.keys()
    wrong = [name for name in both if math.prod(places[name]) != math.prod(tensors[name])]
    return sorted(places.keys() - both), sorted(tensors.keys() - both), sorted(wrong)


check.account(planned_mistake)

# %% [markdown]
# ## The same numbers?
#
# Now the proof. **The target:** 200 sentences of film reviews through `transformers` and through your BERT, and after
# the embedding and after every block no number differs by more than 0.00001 (or, where it is larger than one, by more
# than that share of it). The same ids go in; let us see whether the two tokenizers agree about those, too.

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# 200 one-sentence reviews through both models: the largest difference after each layer.
reviews = data.load("film_sentiment")
sentences = [review.text for review in reviews if review.source == "rotten_tomatoes"][::42][:200]
theirs, their_pieces = hf.BertModel.from_pretrained(folder).eval(), hf.BertTokenizer.from_pretrained(folder)
largest, close = torch.zeros(7), []
for start in range(0, 200, 10):
    batch = wordpieces.encode_batch(sentences[start : start + 10])
    same_ids = their_pieces(sentences[start : start + 10], padding=True)["input_ids"] == batch.input_ids.tolist()
    mask = batch.attention_mask
    with torch.no_grad():
        a = torch.stack(theirs(batch.input_ids, mask.long(), output_hidden_states=True).hidden_states)[:, mask]
        b = minilm(batch.input_ids, mask, return_layers=True).layers[:, mask]  # [7, tokens, 384]
    largest = largest.maximum((a - b).abs().amax((1, 2)))
    close += [torch.allclose(a, b, rtol=1e-5, atol=1e-5) and same_ids]
print("largest difference after each layer:", *(f"{value:.7f}" for value in largest))
print("the target, all 200 sentences:", all(close))
assert all(close)

# %% [markdown]
# Your code, their weights, the same numbers. They are not *exactly* the same, and should not be: float32 keeps seven
# digits, and sums in another order round otherwise. How much is that? The control is your own model against itself: the
# same sentences one by one instead of in a batch.

# %% tags=["hero", "nbval-ignore-output"]
# Ours against ours: the last ten sentences in a batch, and each alone.
with torch.no_grad():
    alone = torch.cat([minilm(wordpieces.encode_batch([text]).input_ids).hidden[0] for text in sentences[190:]])
print(f"the batch against one by one: {(alone - b[-1]).abs().max():.7f}")

# %% [markdown]
# The same order of magnitude: what is left between the two programs is rounding. And this is what the proof is good
# for. **Nine slips**, each made on purpose, one at a time, and the difference to `transformers` after each layer. Two
# change no number of the file, only a setting. **Predict** for each, before you choose it: in which layer does the
# difference begin, and how large is it? (The scale is logarithmic: a line up is a hundred times more.)

# %% tags=["boilerplate", "folded"]
# Nine slips of a loader, each as other tensors or other settings; 20 sentences through each.
from dataclasses import replace

state = minilm.state_dict()


def exchanged(one, other):
    """The tensors with two parts exchanged."""
    found = {name.replace(one, "@").replace(other, one).replace("@", other): tensor for name, tensor in state.items()}
    return {name: found[name] for name in state}


def slips():
    """Each slip's name, its tensors and its settings; made one after the other, to save memory."""
    square = "blocks.2.attention.output.weight"
    yield "none", state, {}
    yield "one square matrix not turned", state | {square: state[square].T.contiguous()}, {}
    yield "query and key of a block exchanged", exchanged("blocks.2.attention.query", "blocks.2.attention.key"), {}
    yield "the two norms of a block exchanged", exchanged("blocks.2.attention_norm.", "blocks.2.norm."), {}
    yield "the last bias forgotten", state | {"blocks.5.output.bias": torch.zeros(384)}, {}
    yield "places counted from 1", state | {"positions.weight": state["positions.weight"].roll(-1, 0)}, {}
    yield "segments forgotten", state | {"segments.weight": torch.zeros(2, 384)}, {}
    yield "six heads instead of twelve", state, {"num_heads": 6}
    yield "eps 1e-5 instead of 1e-12", state, {"eps": 1e-5}
    yield "float16 on the way", {name: tensor.half().float() for name, tensor in state.items()}, {}


asked = wordpieces.encode_batch(sentences[:20])
with torch.no_grad():
    truth = torch.stack(theirs(asked.input_ids, asked.attention_mask.long(), output_hidden_states=True).hidden_states)
theirs = their_pieces = None  # make room


@torch.no_grad()
def with_slip(tensors, settings):
    """The largest difference after each layer, and the mean cosine of the sentences' vectors with the right ones."""
    with torch.device("meta"):
        model = bert.BertModel(replace(minilm.config, **settings))
    model.load_state_dict(tensors, assign=True)
    mask = asked.attention_mask
    layers = model.eval()(asked.input_ids, mask, return_layers=True).layers
    means = [(hidden * mask[:, :, None]).sum(1) for hidden in (layers[-1], truth[-1])]
    return (layers - truth)[:, mask].abs().amax((1, 2)).tolist(), F.cosine_similarity(*means).mean().item()


apart = {name: with_slip(tensors, settings) for name, tensors, settings in slips()}
asked = truth = state = None

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The differences after each layer, for each slip.
LAYERS = ["embedding", *(f"block {i}" for i in range(6))]


def draw_slip(slip):
    values, cosine = apart[slip]
    title = f"Slip: {slip} (cosine of the sentences' vectors {cosine:.4f})"
    return pictures.differences(values, LAYERS, title)


viz.explore(draw_slip, slip=viz.Choice([*apart], value="one square matrix not turned"))

# %% [markdown]
# Read them like a doctor. Where the bars jump, there the slip sits. Where all of them are off alike and by little, it
# is a setting, or the kind of number. These last two are the ones that live for years: the cosine of a sentence's
# vector with the right one is 1.0000 to four digits, and no user will ever complain. They show here.

# %% [markdown] tags=["instructor"]
# **Minutes 27-32.** Run the proof; then the slips as a quiz: call one out, the room says the layer, choose it.
#
# **Poll:** "The bars are 0 for the embedding, and jump at block 0. Which of these can it be?"
# - *the positions are shifted*: then the embedding would be off already.
# - *the number of heads*: right.
# - *the last bias is missing*: that begins at block 5.

# %% [markdown]
# ## An article's eight snippets
#
# This course began with an article on pretrained models. Its section 4 shows how to use BERT and GPT-2: eight snippets,
# in which `transformers` does the work. You can now run them twice, once with that library and once with your own code.
# Two of the eight crash, and one cannot do what the text around it says; let us see which.
#
# The article's names are `bert-base-uncased` and `gpt2`, which have to be downloaded. Without a network two small
# folders of our own stand in for them: the course's BERT, and a GPT-2 with GPT-2's own pieces and random numbers, whose
# answers mean nothing and are as good as any for comparing. (With a network, and 2 GB of memory to spare, set `HUB` to
# True: then it is the article's models, here and in our loader.) Snippet 4.1.1 begins with `!pip install transformers`;
# that is done.

# %% tags=["boilerplate"]
# Two folders to stand in for the article's models.
from course_lib.tokenizers import BPETokenizer

HUB = False  # True: download bert-base-uncased and gpt2, about 1 GB
minilm = None  # make room; it comes back later
hf = quiet()
torch.manual_seed(1)
little = replace(gpt.SIZES["gpt2"], context_length=64, d_model=64, num_layers=2, num_heads=2)
our_bert, our_pieces = pretrain.load(data.path("bert"))
BERT = "bert-base-uncased" if HUB else saved(our_bert, our_pieces, "bert")
GPT2 = "gpt2" if HUB else saved(gpt.GPT(little), BPETokenizer.load(data.path("gpt2_merges")), "gpt2")

# %%
# 4.1.1 and 4.1.2: BERT, as the article has it; then ours.
from transformers import BertModel, BertTokenizer

tokenizer = BertTokenizer.from_pretrained(BERT)
model = BertModel.from_pretrained(BERT)

body, pieces = checkpoints.load_bert(BERT, head=bert.BertModel)

# %% [markdown]
# > **Common belief:** *"tokenizer = BertTokenizer.from_pretrained(...)"* **loads the word embeddings**. The heading
# > over the two lines says so: "load the pretrained model and the word embeddings" (4.1.2, our translation). And 4.1.3,
# > which calls the tokenizer, is headed "preprocessing and **vectorisation** of the text". Is there a vector in the
# > tokenizer? Decide.

# %%
# What the tokenizer makes of a word in two texts; whether it holds a tensor; and where the table of vectors is.
for text in ("I sat on the bank of the river.", "I put my money in the bank."):
    ids = tokenizer(text)["input_ids"]
    print("bank is", [i for i in ids if tokenizer.decode([i]).strip() == "bank"], "in", text)
print("tensors in the tokenizer:", sum(isinstance(value, torch.Tensor) for value in vars(tokenizer).values()))
table = dict(model.named_parameters())["embeddings.word_embeddings.weight"]
print("in the model: embeddings.word_embeddings.weight, a row for each of", len(table), "pieces")

# %% [markdown]
# **False.** A tokenizer holds pieces and their numbers, lesson 07's. It makes a list of ids. All vectors are in the
# model: the table is its first layer, and what comes out at the top depends on the whole text. (It is a natural mixup:
# word2vec *was* a table of vectors, and there the table was all there was.) On to 4.1.3:

# %%
# 4.1.3, as the article has it, and what happens.
text = "Hello, how are you?"
try:
    inputs = tokenizer.encode_plus(text, add_special_tokens=True, return_tensors="pt")
except AttributeError as error:
    print("AttributeError:", error)

# %% [markdown]
# The first crash: `encode_plus` was the old name, and version 5 has taken it out. The mend is to call the tokenizer
# itself. Ours: `encode_batch`, which takes a list.

# %%
# 4.1.3 mended, and ours.
inputs = tokenizer(text, return_tensors="pt")
batch = pieces.encode_batch([text])
print([tokenizer.decode([i]) for i in inputs["input_ids"][0]])
print("the same ids:", torch.equal(inputs["input_ids"], batch.input_ids))

# %% tags=["nbval-ignore-output"]
# 4.1.4, and ours; the difference. (eval() switches dropout off; from_pretrained has done it already.)
with torch.no_grad():
    outputs = model(**inputs)
    last_hidden_states = outputs.last_hidden_state
    ours = body(batch.input_ids).hidden
print(f"BERT: {tuple(ours.shape)}, largest difference {(last_hidden_states - ours).abs().max():.7f}")
assert torch.allclose(last_hidden_states, ours, rtol=1e-5, atol=1e-5)

# %% [markdown]
# Now GPT-2. Snippet 4.2.4 is word for word 4.1.4. **Predict:** does it run?

# %%
# 4.2.1 to 4.2.4, as the article has them, and what happens; then ours.
from transformers import GPT2Model, GPT2Tokenizer

tokenizer = GPT2Tokenizer.from_pretrained(GPT2)
model = GPT2Model.from_pretrained(GPT2)
inputs = tokenizer.encode(text, return_tensors="pt")
try:
    outputs = model(**inputs)
except TypeError as error:
    print("TypeError:", str(error).splitlines()[-1].removeprefix(") "))

# %% [markdown]
# The second crash: 4.2.3 calls `encode`, which gives a bare tensor of ids, and `**` unpacks names. Either call the
# tokenizer itself, as for BERT, or hand the tensor over as it is.

# %% tags=["nbval-ignore-output"]
# 4.2.3 and 4.2.4 mended, and ours; the difference. (Theirs gives the stream after the last norm.)
writer, bytes_of_gpt2 = checkpoints.load_gpt(GPT2)
with torch.no_grad():
    last_hidden_states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
    ids = torch.tensor([bytes_of_gpt2.encode(text)])
    ours = writer.norm(writer(ids, return_layers=True).layers[-1])
print(f"GPT-2: {tuple(ours.shape)}, largest difference {(last_hidden_states - ours).abs().max():.7f}")
assert torch.equal(ids, inputs)
assert torch.allclose(last_hidden_states, ours, rtol=1e-5, atol=1e-5)

# %% [markdown]
# Both agree. And yet the snippets cannot do what the article says of GPT (3.2.2): that it "predicts the probability
# distribution of the words that follow". What comes out has one vector a token:

# %%
# What GPT2Model gives, and what a model with a language head gives.
with torch.no_grad():
    print("GPT2Model:      ", [name for name in model(inputs).keys() if name != "cache"])
    print("GPT2LMHeadModel:", [name for name in hf.GPT2LMHeadModel.from_pretrained(GPT2)(inputs).keys()
                               if name != "cache"])  # fmt: skip

# %% [markdown]
# `GPT2Model` is the body. The **logits** need the head, lesson 17's table turned round: the class for it is
# `GPT2LMHeadModel`. Let us end with a model that has something to say, and in the other direction: *your* GPT of
# letters, in *their* library. Does it write the same play, letter for letter?

# %%
# The course's GPT of letters, run by transformers and by us: 70 letters, the likeliest each time.
letter_gpt, letters = pretrain.load(data.path("gpt_characters"))
abroad = hf.GPT2LMHeadModel.from_pretrained(saved(letter_gpt, letters, "letters")).eval()
prompt = torch.tensor([letters.encode("My lord, I ")])
written = {"transformers": abroad.generate(prompt, max_new_tokens=70, do_sample=False, pad_token_id=0),
           "course_lib": decoding.generate(letter_gpt, prompt, 70, temperature=0)}  # fmt: skip
print("the same letters:", torch.equal(*written.values()))
model = body = writer = abroad = our_bert = tokenizer = bytes_of_gpt2 = forgotten = None  # make room
device.give_back_memory()

# %% [markdown] tags=["instructor"]
# **Minutes 32-37. Type** the two lines of 4.1.2 and ours (3 lines), 4.1.3 and its mend (3 lines). Vote on the belief.
# GPT-2 is to be shown, not typed.
#
# **Poll:** "Which of the eight snippets would still be fine in five years?"
# - *all that run today*: `encode_plus` ran for years.
# - *nobody can know; the equations will*: right. That is why you have your own.

# %% [markdown]
# ## One vector for a text
#
# What is MiniLM good for without a head? Its authors went on training until texts that mean the same got **vectors
# that point the same way** (Reimers and Gurevych, 2019, had shown how). A text's vector is the mean of its tokens' last
# vectors, `[CLS]` and `[SEP]` among them, scaled to length 1; then a cosine is a plain product.
#
# **With a pencil.** Three tokens with the vectors (3, 0), (0, 4), (3, 4), and a fourth place that is padding, where
# stands (100, 100). The mean of the three? Its length? The text's vector?
#
# (The sums are 6 and 8, so the mean is (2, 8/3), its length 10/3, and the vector (0.6, 0.8). One could have skipped the
# division by three: it changes nothing but the length, and that becomes 1 anyway.)
#
# **Your turn (6 minutes).** Write `text_vectors(hidden, mask)`: `hidden` [B, T, D], `mask` [B, T], True for a token.
# Return [B, D], each row of length 1. Padding can stand before the text or behind it.

# %% tags=["exercise"]
# Write the vectors of a batch of texts.
def text_vectors(hidden, mask):
    """The mean of each text's own tokens, scaled to length 1: [B, D]."""
    ### BEGIN SOLUTION
    kept = hidden * mask[:, :, None]
    mean = kept.sum(1) / mask.sum(1, keepdim=True)
    return mean / mean.norm(dim=1, keepdim=True)
    ### END SOLUTION


# %% tags=["check"]
# What does the check say?
check.text_vectors(text_vectors)

# %% [markdown] tags=["hint"]
# You wrote a mean that passes over padding in lesson 16. Of a tensor [B, D], along which axis lie the numbers of one
# text, whose squares its length is made of?

# %% [markdown] tags=["hint"]
# `hidden * mask[:, :, None]` sets padding to 0; `mean.norm(dim=1, keepdim=True)` has the shape [B, 1].

# %% [markdown]
# The library's `finetuning.mean_vectors` packs texts one after another instead of padding them (lesson 16) and needs no
# mask. **Predict** the cosines of these pairs, highest first:

# %% tags=["boilerplate"]
# MiniLM again; texts as it reads them, and their vectors.
from course_lib import finetuning

minilm, wordpieces = checkpoints.load_bert(folder)


def framed(text, size=256):
    """[CLS], the first pieces of a text, [SEP]: at most `size` of them."""
    return [wordpieces.cls_id, *wordpieces.encode(text, special=False)[: size - 2], wordpieces.sep_id]


def vectors_of(texts):
    return finetuning.mean_vectors(minilm, [framed(text) for text in texts], max_tokens=1024)


# %%
# Pairs of texts, and the cosine of their vectors.
PAIRS = [("A man is eating food.", "Someone is having a meal."), ("A man is eating food.", "The stock market fell."),
         ("The dog bites the man.", "The man bites the dog."), ("I love you.", "I hate you."), ("我爱你", "我恨你")]
for one, other in PAIRS:
    a, b = vectors_of([one, other])
    print(f"{a @ b:.2f}  {one} / {other}")

# %% [markdown]
# A meal is near food, though the two texts share no word but *is* and *a*. (Could lesson 03's vectors do that, too? The
# search below asks them.) But look at the other end. Who bites whom hardly matters. And the last pair is *I love you*
# and *I hate you* in Chinese, at 1.00, though in English they are apart. Why? Lesson 07 knows:

# %%
# What reaches the model of the last pair.
for text in PAIRS[-1]:
    print(text, wordpieces.tokens(text))

# %% [markdown]
# Of its 30,522 pieces few are Chinese. What it does not know becomes `[UNK]`, love and hate alike, and two texts
# that reach the model as the same ids *are* the same text. A number like 1.00 should always send you to the ids.
#
# The other way to lose something is to cut. How long may a text be? The folder has three answers:

# %%
# Three limits of one model, in three files.
def read(name):
    return json.loads((folder / name).read_text("utf-8"))


print("tokenizer.json       ", read("tokenizer.json")["truncation"]["max_length"])
print("sentence_bert_config ", read("sentence_bert_config.json")["max_seq_length"])
print("config.json          ", read("config.json")["max_position_embeddings"], "(the table of positions)")
lengths = np.array([len(wordpieces.encode(review.text)) + 2 for review in reviews[:25_000:50]])
print(f"film reviews longer than 256: {(lengths > 256).mean():.0%}; longer than 128: {(lengths > 128).mean():.0%}")

# %% [markdown]
# We take 256, as the authors' library does. Two reviews in five are longer, and the rest of them is never read. A
# review's verdict stands at its end (lesson 16). So, **predict:** take the first k pieces of a long review and put *I
# loved it.* behind them, or *I hated it.* From which k on does the model not hear the difference any more?

# %% tags=["nbval-ignore-output"]
# The cosine of the two, for longer and longer beginnings.
beginning = wordpieces.encode(max((review.text for review in reviews[:2000]), key=len), special=False)
for k in (0, 10, 30, 60, 120, 240, 260):
    both = [beginning[:k] + wordpieces.encode(end, special=False) for end in ("I loved it.", "I hated it.")]
    a, b = finetuning.mean_vectors(minilm, [[wordpieces.cls_id, *ids[:254], wordpieces.sep_id] for ids in both])
    same = both[0][:254] == both[1][:254]
    print(f"{k:3} pieces before it: {a @ b:.4f}", "the verdict is cut off" * same)
assert same

# %% [markdown]
# Behind the cut it is 1.0000, of course: nothing else was read. But long before that the verdict has drowned: a mean
# over a hundred tokens hardly notices five. **What a vector says is what most of its text is about.** Keep that in mind
# for the search.

# %% [markdown] tags=["instructor"]
# **Minutes 37-41. Type** the solution (3 lines), the pairs (3 lines). Ask for the order of the five pairs first.
#
# **The planned mistake:** `hidden.mean(1)`. The reply is below.
#
# **Poll:** "You translate all texts into English first, then embed. What have you gained, and what not?"
# - *all languages work now*: as well as the translation.
# - *the cut at 256 is gone*: no.

# %% tags=["instructor"]
# The planned mistake and the check's reply.
check.text_vectors(lambda hidden, mask: F.normalize(hidden.mean(1), dim=1))

# %% [markdown]
# ## Search by meaning
#
# You have forgotten the title, but know what happened: *a tidy man and a messy one share a flat after their divorces*.
# A search engine that counts words looks for *tidy* and *flat*. Whoever wrote about the film may have called them neat
# and an apartment. A search by vectors compares what both are about.
#
# 55 films, four reviews of each, and 391 other reviews as a haystack. (The file does not name the films; it holds their
# reviews in runs, and we looked up what each run is about.) For each film a description in other words, without a name
# and without its title, written by us before any model was asked. **Found** is a film when a review of it comes first.
#
# Who competes: **BM25**, the formula of word-counting search engines since the nineties (Robertson and others, 1994): a
# relative of TF-IDF that counts a word's second appearance less than its first, and punishes long texts. The **mean of
# word vectors**, lesson 03's, rare words weighing more. **MiniLM without its blocks**: the mean of its table of tokens,
# to see what the six blocks are for. **MiniLM**. And **both together**, MiniLM and BM25: each ranks all reviews, and a
# review gets 1 / (60 + its rank) from each (Cormack and others, 2009; the 60 is theirs).
#
# **The target:** both together find more films than counting alone does, and MiniLM more than lesson 03's mean.
# **Predict** five numbers from 0 to 55. Who wins, counting or meaning?

# %% tags=["boilerplate", "folded", "hero"]
# 55 films as runs of the file (first, behind the last), each with a description of ours.
FILMS = {
    (13306, 13330): "an ageing hit man makes friends with a travelling salesman in a hotel bar",
    (12660, 12672): "two old comedians who cannot stand each other are to appear together once more",
    (14306, 14335): "a rich drunkard is to marry for money and falls in love with a waitress",
    (14906, 14929): "a farm girl falls in love for the first time and her older sister takes the boy away",
    (15197, 15207): "a girl secretly plays football though her parents forbid it",
    (15273, 15286): "two drifters kill a whole family in their farmhouse, a true crime",
    (4573, 4585): "a poor child is sold and brought up to entertain rich men in Japan",
    (7252, 7263): "a clumsy policeman with tools built into his body",
    (5903, 5923): "a puppet series about a rescue team, made again with real actors and children",
    (6440, 6459): "the daughter of a sea princess wants to live under water",
    (10827, 10835): "a boy frees a giant genie who sings rap",
    (11440, 11450): "a whale hunts the fisherman who killed its mate",
    (9781, 9791): "teenagers in coloured suits fight monsters with giant robots",
    (10243, 10249): "children travel through space to find their lost father, a scientist",
    (12756, 12774): "a black woman in the South is beaten by her husband and parted from her sister",
    (13593, 13600): "a couple builds a house in the country and the costs run away",
    (13524, 13532): "jealousy and chaos behind the scenes of a daytime television serial",
    (14185, 14196): "a shy middle-aged man has never slept with a woman and his friends at work want to help",
    (14335, 14351): "a navy psychiatrist helps an angry young sailor who had a terrible childhood",
    (6667, 6674): "a small car with a mind of its own wins races",
    (2039, 2045): "a green creature on a mountain hates the holidays and steals all presents",
    (2143, 2149): "a man leaves a woman with superhuman powers and she takes revenge",
    (14601, 14613): "two people quarrel at work and do not know that they write each other love letters",
    (13465, 13490): "a miser is visited by ghosts in the night and becomes kind",
    (8672, 8678): "slimy animals from the garden kill the people of a small town",
    (14877, 14905): "a man can wake the dead by touching them",
    (3094, 3108): "the ghost of a dead bride haunts her fiance's new girlfriend",
    (7488, 7496): "a couple's trip to the big city goes wrong in every way",
    (13628, 13642): "a German who fights the Nazis brings his family to Washington, and a guest blackmails him",
    (12685, 12701): "a country girl goes to Hollywood in the days of silent film and becomes a star",
    (11074, 11087): "the true story of a man who killed young men and kept parts of them",
    (4050, 4057): "vampires live openly among people and a waitress can read minds",
    (12387, 12397): "a cheating army sergeant runs games of chance in the barracks",
    (13545, 13552): "a king must sacrifice his daughter so that his ships get wind",
    (3170, 3183): "small furry monsters escape and make people's dreams come true until they die",
    (734, 745): "a killer hunts students on the night of their school ball",
    (5079, 5087): "a giant turtle that breathes fire destroys a city",
    (15885, 15898): "in an overcrowded future a detective finds out what the food is made of",
    (16177, 16206): "an angry girl from a poor quarter learns to box",
    (17267, 17297): "the first years of a young queen and her love for a German prince",
    (17300, 17316): "an old man rides a lawn mower across the country to see his sick brother",
    (18024, 18035): "a young woman alone in a flat loses her mind",
    (19547, 19559): "boys in a prison camp must dig in the desert every day",
    (19739, 19764): "a writer of thrillers without success plans a murder to steal a play",
    (20415, 20429): "a white newspaper man flees from South Africa to tell of a murdered black leader",
    (20752, 20773): "a boy keeps a tame living corpse as a pet in a neat suburb",
    (21859, 21881): "four men from the city go down a river by canoe and are hunted",
    (22136, 22157): "a talking parrot crosses the country to find the girl he grew up with",
    (22909, 22928): "two strangers meet on a train and walk through a city all night, talking",
    (23018, 23029): "the people of a London street find that it belongs to another country",
    (24108, 24125): "a tidy man and a messy one share a flat after their divorces",
    (24027, 24051): "on a night flight a man forces the woman beside him to help in a murder",
    (23708, 23721): "whoever is buried in that ground comes back, but not the same",
    (23744, 23760): "a young man comes to New York to sell himself to rich women and meets a sick cheat",
    (21121, 21145): "a couple visits the places of famous murders with a murderer in the car",
}

# %% tags=["boilerplate", "hero"]
# Four reviews of each film, every 60th other one; the number of the film, or -1.
runs, descriptions = [*FILMS], [*FILMS.values()]
rows, film = [], []
for number, (first, last) in enumerate(runs):
    some = [i for i in range(first, last) if len(reviews[i].text) > 400][:4]
    rows, film = rows + some, film + [number] * len(some)
near = {i for first, last in runs for i in range(first - 10, last + 10)}
others = [i for i in range(7, 25_000, 60) if i not in near]
rows, film = rows + others, np.array(film + [-1] * len(others))
texts = [reviews[i].text for i in rows]
print(f"{len(rows)} reviews, {(film >= 0).sum()} of them of the {len(runs)} films")

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# MiniLM: a vector for each review, with progress; then the descriptions. Cosines [55, reviews].
from tqdm.auto import tqdm

found = []
for i in tqdm(range(0, len(texts), 10), desc="reading"):
    found.append(vectors_of(texts[i : i + 10]))
    device.give_back_memory()  # texts of other lengths each time leave holes in it
index = torch.cat(found)
scores = {"MiniLM": (vectors_of(descriptions) @ index.T).numpy()}

# %% tags=["boilerplate", "folded", "hero"]
# The others: BM25, the mean of lesson 03's vectors, the mean of MiniLM's table.
from collections import Counter

from course_lib import cleaning
from course_lib.keyed_vectors import KeyedVectors

documents, questions = ([cleaning.words(text) for text in some] for some in (texts, descriptions))
comes_in = Counter(word for words in documents for word in set(words))
N, usual = len(documents), sum(map(len, documents)) / len(documents)
rarity = {word: math.log(1 + (N - count + 0.5) / (count + 0.5)) for word, count in comes_in.items()}


def bm25(question, counts, length):
    """Rare words of the question, counted in a document, with the usual constants 1.2 and 0.75."""
    fade = 1.2 * (0.25 + 0.75 * length / usual)
    return sum(rarity[word] * 2.2 * counts[word] / (counts[word] + fade) for word in {*question} if counts[word])


counted = [(Counter(words), len(words)) for words in documents]
scores["BM25"] = np.array([[bm25(question, *document) for document in counted] for question in questions])


def cosines(question_rows, document_rows):
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (question_rows, document_rows))
    return a @ b.T


keyed = KeyedVectors.load_npz(data.path("vectors_skipgram"))
means = [np.stack([sum(rarity.get(word, 0) * keyed.get_vector(word) for word in words if word in keyed.key_to_index)
                   for words in some]) for some in (questions, documents)]  # fmt: skip
scores["mean of word vectors"] = cosines(*means)
table = minilm.tokens.weight.detach().numpy()
scores["MiniLM without blocks"] = cosines(*[np.stack([table[framed(text)[1:-1]].mean(0) for text in some])
                                            for some in (descriptions, texts)])  # fmt: skip
keyed = means = None  # make room


# %% tags=["boilerplate", "hero"]
# Ranks, the best one of each film's reviews, and both together.
def ranks(table):
    """The rank of each review for each question, from 1 on."""
    order = np.argsort(-table, axis=1, kind="stable")
    found = np.empty_like(order)
    np.put_along_axis(found, order, np.arange(1, table.shape[1] + 1)[None].repeat(len(table), 0), axis=1)
    return found


scores["both together"] = sum(1 / (60 + ranks(scores[name])) for name in ("MiniLM", "BM25"))
best = {name: np.array([row[film == number].min() for number, row in enumerate(ranks(table))])
        for name, table in scores.items()}  # fmt: skip

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# How many of 55 films come first, and among the first three; and the differences of 1 / rank, paired by film.
def paired(one, other, some=slice(None)):
    """The mean difference of 1 / rank over some films, with its 95% interval."""
    gap = (1 / best[one] - 1 / best[other])[some]
    mean, half = gap.mean(), 1.96 * gap.std() / len(gap) ** 0.5
    verdict = "a win" if mean > half else "a loss" if mean < -half else "a tie"
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}], {verdict}"


for name in ("mean of word vectors", "MiniLM without blocks", "BM25", "MiniLM", "both together"):
    print(f"{name:22} first {(best[name] == 1).sum():2} of {len(runs)}, among three {(best[name] <= 3).sum():2}, "
          f"mean of 1 / rank {(1 / best[name]).mean():.2f}")  # fmt: skip
for one, other in [("MiniLM", "mean of word vectors"), ("MiniLM", "MiniLM without blocks"), ("MiniLM", "BM25"),
                   ("both together", "BM25")]:  # fmt: skip
    print(f"{one} minus {other}: {paired(one, other)}")
assert (best["MiniLM"] == 1).sum() > (best["mean of word vectors"] == 1).sum()
assert (1 / best["both together"]).mean() > (1 / best["BM25"]).mean()

# %% [markdown]
# Both parts of the target are reached. Six blocks are worth a lot: without them, and with lesson 03's vectors, a text's
# mean finds few films. But alone MiniLM does **not** beat counting: in the run saved here that is a tie. It is the
# course's old story: whoever counts well is hard to beat. But both together do. Where? **Predict:** split the
# descriptions by how many of their rarer words the luckiest review of the film shares. Do both together gain where few
# are shared, where many are, or in both?

# %% tags=["boilerplate", "hero", "nbval-ignore-output"]
# By the share of a description's rarer words that the best review of its film has.
shared = []
for number, question in enumerate(questions):
    rare = [word for word in {*question} if comes_in[word] < 0.12 * N]
    of_film = [set(documents[i]) for i in np.flatnonzero(film == number)]
    shared.append(max(sum(word in words for word in rare) for words in of_film) / len(rare))
few = np.array(shared) < 0.5
for name, some in {"less than half shared": few, "half or more": ~few}.items():
    firsts = ", ".join(f"{who} {(best[who][some] == 1).sum()}" for who in ("BM25", "MiniLM", "both together"))
    print(f"{name}, {some.sum()} films: first {firsts}")
    print(f"    both together minus BM25: {paired('both together', 'BM25', some)}")

# %% [markdown]
# Where the words are the same, counting is nearly perfect and cheap, and nothing is gained here. Where they are not, it
# has little to count; there lies the whole gain of asking a model, too.
#
# **Your film.** Change the line and run it again: what happens in it, in your own words. Beside it the counter's
# answer.

# %% tags=["hero", "nbval-ignore-output"]
# Your description: the two best reviews by MiniLM and by BM25.
QUESTION = "a dangerous animal in the sea"

answers = {"MiniLM": (vectors_of([QUESTION]) @ index.T)[0].numpy(),
           "BM25": np.array([bm25(cleaning.words(QUESTION), *document) for document in counted])}  # fmt: skip
for name, found in answers.items():
    for i in np.argsort(-found, kind="stable")[:2]:
        print(f"{name:7} {found[i]:5.2f}  {' '.join(texts[i].split())[:100]} ...")

# %% [markdown]
# One more question to the index, and the honest control beside the moment. For each of the other reviews take its
# nearest one of another place in the file. Is it of the same **verdict**, for or against? By chance half of them are.

# %% tags=["hero", "nbval-ignore-output"]
# The nearest review at least 60 lines away in the file: does it agree about the film?
place, liked = np.array(rows), np.array([reviews[i].label for i in rows])
close = (index @ index.T).numpy()
close[np.abs(place - place[:, None]) < 60] = -1
agrees = (liked[close.argmax(1)] == liked)[film == -1]
print(f"the nearest has the same verdict: {agrees.mean():.0%} of {len(agrees)}, "
      f"give or take {1.96 * agrees.std() / len(agrees) ** 0.5:.0%}")

# %% [markdown]
# More often than not, and no more. As the endings told us: the vector knows what a film is about, and little of whether
# it was any good. Whoever wants verdicts fine-tunes (lesson 16).

# %% [markdown] tags=["instructor"]
# **Minutes 41-46.** Collect five numbers, then show the table; let the room describe a film for *your film*.
#
# **The outputs below the cells are saved** from the machine that built this notebook; say so if you show them instead
# of a run of your own.
#
# **Poll:** "The index has a million reviews. What does one question cost?"
# - *a run of the model over a million texts*: those were read once, when the index was made.
# - *one short text, and a million products of 384 numbers*: right.

# %% [markdown]
# ## Where its heads look
#
# Six blocks of twelve heads, trained by somebody else for longer than ours. **Predict:** of all attention, which share
# rests on `[CLS]`, and which on `[SEP]`? In lesson 14 the course's own BERT gave its last block's to `[SEP]`. The real
# BERT has the same habit: in its middle layers more than half of the attention goes there (Clark and others, 2019).
# With so many tokens in a row, looking at all alike would give each of the two about five per cent.

# %% tags=["boilerplate", "nbval-ignore-output"]
# The share of attention on [CLS], on [SEP], and on each other token, in every layer: 100 sentences, two models.
our_bert, our_pieces = pretrain.load(data.path("bert"))


@torch.no_grad()
def rests_on(body, tokenizer, texts):
    """[layers, 3]: the mean weight on the first token, on the last, and on one of the others."""
    sums = torch.zeros(body.config.num_layers, 3)
    for text in texts:
        weights = body(tokenizer.encode_batch([text]).input_ids, return_attention=True).attention[:, 0].mean((1, 2))
        sums += torch.stack([weights[:, 0], weights[:, -1], weights[:, 1:-1].mean(1)], 1)
    return sums / len(texts)


rest = {"MiniLM": rests_on(minilm, wordpieces, sentences[::2]),
        "the course's BERT": rests_on(our_bert.bert, our_pieces, sentences[::2])}  # fmt: skip
for name, table in rest.items():
    for layer, (first, last, other) in enumerate(table):
        print(f"{name:17} layer {layer}: [CLS] {first:.2f}, [SEP] {last:.2f}, each other token {other:.2f}")
assert rest["MiniLM"][1:, 0].min() > rest["MiniLM"][1:, 1].max()

# %% [markdown]
# MiniLM has it **the other way round**: from its second block on a third to a half of all attention rests on `[CLS]`,
# and next to nothing on `[SEP]`. Two models of one architecture, two habits; what a paper saw in one model is a fact
# about that model. A resting place it is in both: somewhere the weights must go, for they sum to one, even where a head
# has nothing to do. Lesson 21 comes back to that.
#
# **Look.** One sentence, all 72 heads. In layer 0 one head looks at the word before, and at nothing else: which? In
# layer 1 one prefers the word after. Then go on to layer 3 and hover over *it*: which head ties it to what *it* is?

# %% tags=["nbval-ignore-output"]
# MiniLM's heads on a sentence, in our viewer.
sentence = "The plot is thin but the bank robbery by the river is worth it."
row = wordpieces.encode_batch([sentence]).input_ids
names = [wordpieces.id_to_token(i) for i in row[0].tolist()]
with torch.no_grad():
    looks = minilm(row, return_attention=True).attention[:, 0]  # [6, 12, T, T]
viz.attention_view(looks, names, layer=0, head=[0, 1, 2, 3], title="MiniLM")

# %% tags=["nbval-ignore-output"]
# All 72 side by side, in bertviz.
viz.bertviz_view(looks, names, view="model")

# %% [markdown]
# Head 2 of layer 0 has the word before, head 8 of layer 1 prefers the word after; and in layer 3 head 1 ties *it* to
# *robbery*, head 7 to *plot*. (Which of the two it is, the sentence leaves open.)
#
# Where lines run together in the upper right corner of a picture, they run to `[CLS]`. The control is the course's own
# BERT on the same sentence, its last block: there they run to the lower right. (In its layer 0 you find the two heads
# of lesson 14 for the word before and after. What one training has found, another finds as well.)

# %% tags=["nbval-ignore-output"]
# The control: the heads of the course's BERT.
row = our_pieces.encode_batch([sentence]).input_ids
with torch.no_grad():
    ours = our_bert.bert(row, return_attention=True).attention[:, 0]  # [4, 4, T, T]
viz.attention_view(ours, [our_pieces.id_to_token(i) for i in row[0].tolist()], layer=3, title="The course's BERT")

# %% [markdown]
# **The X-ray**, on real weights: the same text on its way through the blocks, every number of it. Click on a token and
# on a layer. The lowest panel asks which rows of the table of tokens the stream points to. MiniLM has no head for
# words, so that is no forecast; but see how long *bank* still points to *bank*.

# %% tags=["nbval-ignore-output"]
# The X-ray of MiniLM.
def trace(ids):
    return bert.trace(minilm, torch.tensor([wordpieces.cls_id, *ids.tolist(), wordpieces.sep_id]))


viz.model_view(trace, wordpieces, "the bank of the river was steep", layer=3, position=2, title="MiniLM")

# %% [markdown]
# *bank* is its own likeliest token to the very end, though after the last block with two per cent only. So, *bank* once
# more, lesson 16's 28 sentences of the dictionary, fourteen of the shore and fourteen of the money.
# **Predict** for the last block: the cosine of two *banks* of the same sense, and of unlike senses. Far apart?

# %% tags=["boilerplate", "folded"]
# Lesson 16's sentences; the vectors of "bank" after each block, of both models; the other words' average.
SHORE = "alluvion brae brookside cave curb embankment heelpath levee pitching rivage riverside scaur snowdrift wharf"
MONEY = ("banco cash cashier's circulating counterfeiter customer depositor discountable interconvertible lombar "
         "national offshore place teller")  # fmt: skip
found = {}
for words in data.load("definitions"):
    for sense, heads in {"shore": SHORE.split(), "money": MONEY.split()}.items():
        if words[0] in heads and words[0] not in found and words[1:].count("bank") == 1 and 5 <= len(words) <= 25:
            found[words[0]] = sense, " ".join(words)
heads, senses = [*found], np.array([sense for sense, _ in found.values()])


@torch.no_grad()
def banks(body, tokenizer):
    """[28, layers and embedding, D]: the vectors of "bank" in each sentence."""
    stack = []
    for _, text in found.values():
        ids = tokenizer.encode_batch([text]).input_ids
        place = ids[0].tolist().index(tokenizer.vocab["bank"])
        stack.append(body(ids, return_layers=True).layers[:, 0, place])
    return torch.stack(stack)


def company(body, tokenizer):
    """[28, 1, D]: the average of the other pieces of each sentence, which no block has touched."""
    bank = tokenizer.vocab["bank"]
    rows = [[i for i in tokenizer.encode(text) if i != bank] for _, text in found.values()]
    return torch.stack([body.tokens.weight[row].detach().mean(0) for row in rows])[:, None]


stacks = {"MiniLM": banks(minilm, wordpieces), "the course's BERT": banks(our_bert.bert, our_pieces),
          "the other words": company(minilm, wordpieces)}  # fmt: skip

# %% tags=["boilerplate", "nbval-ignore-output"]
# MiniLM: the mean cosine within and across senses, layer by layer; for each model how many of 28 have a nearest alike.
from course_lib.viz import finetuning as sense_pictures


def cosines_of(vectors, centre):
    vectors = vectors - vectors.mean(0) if centre else vectors
    return (F.normalize(vectors, dim=-1) @ F.normalize(vectors, dim=-1).T).numpy()


alike = (senses == senses[:, None]) & ~np.eye(28, dtype=bool)
for layer in range(7):
    table = cosines_of(stacks["MiniLM"][:, layer], centre=False)
    across = table[senses != senses[:, None]].mean()
    print(f"layer {layer}: the same sense {table[alike].mean():.2f}, the other sense {across:.2f}")
hits = {name: [int(sense_pictures.nearest_alike(cosines_of(stack[:, layer], True), senses).sum())
               for layer in range(stack.shape[1])] for name, stack in stacks.items()}  # fmt: skip
print("nearest of the same sense, of 28, layer by layer:", hits)

# %% [markdown]
# *All* banks are alike, in every layer: even after the last block a river's and a teller's have a cosine of more than
# 0.7. A vector says mostly *which word*, and a little *which sense*. That little is enough to find a neighbour of the
# same sense for nearly all of the 28. But look at the controls before you praise the blocks. The other words alone do
# nearly as well, and so does the course's BERT. And layer 0 (here the embedding, where nobody has looked at anybody)
# has 21 where 13 would be chance: it knows nothing but the *place* at which *bank* stands. (The means are taken away
# first, as in lesson 16.) Move the layer; then look at the other words alone.

# %% tags=["boilerplate", "folded", "nbval-ignore-output"]
# The cosines of 28 banks, layer by layer.
def draw_senses(whose, layer):
    stack = stacks[whose]
    layer = min(layer, stack.shape[1] - 1)
    title = "The other words' average" if len(stack[0]) == 1 else f"bank, {whose}, layer {layer}"
    return sense_pictures.senses(cosines_of(stack[:, layer], True), heads, senses.tolist(), title)


viz.explore(draw_senses, whose=viz.Choice([*stacks]), layer=viz.Slider(0, 6, value=6))

# %% [markdown] tags=["instructor"]
# **Minutes 46-50. Type** the viewer (5 lines). The table of resting places first, as a vote: who expects `[SEP]`?
#
# **Poll:** "Half of all attention goes to `[CLS]`. Is `[CLS]` the most important token?"
# - *yes*: try it: in lesson 21 we take things away and see.
# - *it cannot be said from weights*: right (lesson 10's belief).

# %% [markdown]
# ## What you know now
#
# - A checkpoint is a folder: sizes in `config.json`, numbers in `model.safetensors` (a head in JSON, then bytes), and
#   the tokenizer's pieces. A pickle is a program; do not open one from a stranger.
# - To load weights is to translate **names**, to turn the matrices that lie the other way round, and to **account** for
#   every tensor. What is missing becomes random numbers elsewhere, and an error here.
# - Shapes do not prove it, and no error does not: **equal numbers, layer by layer**, do. Where the bars jump, the slip
#   sits.
# - A tokenizer holds no vectors; `GPT2Model` holds no head.
# - One vector a text: the mean of its tokens, length 1. It says what most of the text is about; it is deaf behind the
#   cut, to `[UNK]`, and nearly so to verdicts.
# - Search: counting and meaning tie here, and win together; the whole gain is where few words are shared.
# - Where attention rests is a habit of a model: MiniLM's is `[CLS]`, our BERT's `[SEP]`.
#
# **Quiz.** Open the answer that you would give.
#
# **1. You load a GPT-2 into your own code. All shapes fit, the loss on text is 9 nats. What do you look at first?**
#
# <details><summary>The learning rate.</summary>
#
# Nothing learns while a model is loaded.
#
# </details>
# <details><summary>The square matrices: whether they were turned.</summary>
#
# Right: theirs is the one mistake that no shape can show.
#
# </details>
# <details><summary>The tokenizer's version.</summary>
#
# Possible, but compare the streams layer by layer with the same ids: that rules it out in a minute.
#
# </details>

# %% [markdown]
# **2. The differences to the reference are 0.003 after the embedding and 0.003 after every block. What is it?**
#
# <details><summary>A matrix of one block lies the wrong way round.</summary>
#
# Then they would jump at that block, and be small before.
#
# </details>
# <details><summary>A setting of the norms, or numbers that were kept in 16 bits.</summary>
#
# Right: something small that is everywhere.
#
# </details>
# <details><summary>Rounding of float32.</summary>
#
# That is a thousand times smaller.
#
# </details>

# %% [markdown]
# **3. Two long reviews have a cosine of exactly 1. What do you do?**
#
# <details><summary>Conclude that they mean the same.</summary>
#
# Perhaps only their first 256 pieces are the same, or what is left of them after `[UNK]`.
#
# </details>
# <details><summary>Look at the ids that reached the model.</summary>
#
# Right: equal ids give equal vectors, whatever the texts say.
#
# </details>

# %% [markdown]
# **4. `model = AutoModel.from_pretrained(folder)` printed nothing. Are the weights in?**
#
# <details><summary>Yes, or it would have raised an error.</summary>
#
# It fills up what is missing with random numbers, and says so in a report that may be switched off.
#
# </details>
# <details><summary>It cannot be said: ask for the account, or compare numbers.</summary>
#
# Right. `output_loading_info=True` gives the account there; `course_lib.checkpoints` stops by itself.
#
# </details>
#
# **Papers.** Wolf and others (2020), "Transformers: State-of-the-Art Natural Language Processing". Wang, Wei, Dong,
# Bao, Yang, Zhou (2020), "MiniLM: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained
# Transformers". Reimers, Gurevych (2019), "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks". Robertson,
# Walker, Jones, Hancock-Beaulieu, Gatford (1994), "Okapi at TREC-3", for BM25. Cormack, Clarke, Buettcher (2009),
# "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods". Clark, Khandelwal, Levy, Manning
# (2019), "What Does BERT Look At? An Analysis of BERT's Attention". Shneiderman (1992), "Tree Visualization with
# Tree-Maps". The format: huggingface.co/docs/safetensors.
