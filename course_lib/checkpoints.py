"""Checkpoints: the weights of others into the course's models, and the course's models out to others.

    model, tokenizer = load_bert("bert-base-uncased")     # a name on the Hugging Face hub, or a folder
    model, tokenizer = load_gpt("gpt2")
    model, tokenizer = load_llama(data.path("smollm2"), "int4")    # or a GGUF file; weights kept in 4 bits
    save_pretrained(model, "my_gpt", tokenizer)           # transformers' from_pretrained("my_gpt") reads it

What it is. A Hugging Face folder holds config.json (the sizes), model.safetensors (a name and numbers for each tensor)
and the tokenizer's files. BERT, GPT-2 and Llama are the same equations there and here; what differs is names, that
GPT-2's matrices lie the other way round, and that some of Llama's are parts of one of ours. Three tables translate,
`BERT`, `GPT` and `LLAMA`, in both directions; `GGUF` is for the files of llama.cpp. Whatever a folder or file holds
that the course's model would not compute is an error with its name: a wrong setting read in silence gives a model that
answers, wrongly.

What it leaves out. Other architectures; quantised weights but those of GGUF files; weights in Python's pickle format,
which can run code when they are read; the names of labels, which stay in config.json. Folders of `course_lib.pretrain`:
see its `load`.

Sources. Devlin et al. (2019), "BERT", and Radford et al. (2019), "Language Models are Unsupervised Multitask Learners",
with the weights that they released; Wolf et al. (2020), "Transformers: State-of-the-Art Natural Language Processing",
whose names these are; the format of safetensors, huggingface.co/docs/safetensors; for the rest `llama`, `gguf_file`.
"""

import json
import os
import re
import warnings
from collections.abc import Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from course_lib import bert, gpt, llama, tokenizers
from course_lib.device import give_back_memory
from course_lib.gguf_file import GGUFFile, Stored
from course_lib.linear import FEWER_BITS, KINDS, small
from course_lib.settings import require
from course_lib.tokenizers import BPETokenizer, Tokenizer, WordPieceTokenizer

# --- Their names and ours ---------------------------------------------------------------------------------------------


class Family(NamedTuple):
    """What is to be known about one architecture of theirs."""

    model_type: str  # as config.json calls it
    config: type  # ours
    prefix: str  # of the body's tensors; a file of the body alone leaves it out
    heads: tuple[str, ...]  # how the names of heads begin
    names: dict[str, str | tuple[str, ...]]  # the parts of the model, ours: theirs; # is the number of a block; several
    # of theirs are the rows of one of ours, one below the other
    settings: dict[str, str]  # the settings, ours: theirs
    silent: set[str]  # settings of which a config may be silent: both sides then mean the same
    fixed: dict[str, tuple]  # settings of theirs of which ours computes these values alone; the first is the default
    dropouts: tuple[str, ...]  # ours has one dropout for all of these
    buffers: str  # a pattern: tensors in old files that are no weights


BERT = Family(
    model_type="bert",
    config=bert.BertConfig,
    prefix="bert.",
    heads=("cls.", "classifier."),
    names={
        "tokens": "bert.embeddings.word_embeddings",
        "positions": "bert.embeddings.position_embeddings",
        "segments": "bert.embeddings.token_type_embeddings",
        "norm": "bert.embeddings.LayerNorm",
        "blocks.#.attention.query": "bert.encoder.layer.#.attention.self.query",
        "blocks.#.attention.key": "bert.encoder.layer.#.attention.self.key",
        "blocks.#.attention.value": "bert.encoder.layer.#.attention.self.value",
        "blocks.#.attention.output": "bert.encoder.layer.#.attention.output.dense",
        "blocks.#.attention_norm": "bert.encoder.layer.#.attention.output.LayerNorm",
        "blocks.#.hidden": "bert.encoder.layer.#.intermediate.dense",
        "blocks.#.output": "bert.encoder.layer.#.output.dense",
        "blocks.#.norm": "bert.encoder.layer.#.output.LayerNorm",
        "pooler": "bert.pooler.dense",
        "transform": "cls.predictions.transform.dense",
        "transform_norm": "cls.predictions.transform.LayerNorm",
        "": "cls.predictions",  # the bias of the decoder belongs to no part
        "next": "cls.seq_relationship",
        "classifier": "classifier",
    },
    settings={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "d_ff": "intermediate_size",
        "num_segments": "type_vocab_size",
        "dropout": "hidden_dropout_prob",
        "eps": "layer_norm_eps",
    },
    silent={"num_segments", "dropout", "eps"},
    fixed={
        "hidden_act": ("gelu",),
        "position_embedding_type": ("absolute",),
        "is_decoder": (False,),
        "add_cross_attention": (False,),
    },
    dropouts=("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"),
    buffers=r"^(bert\.)?embeddings\.(position_ids|token_type_ids)$",
)

GPT = Family(
    model_type="gpt2",
    config=gpt.GPTConfig,
    prefix="transformer.",
    heads=("lm_head.",),
    names={
        "tokens": "transformer.wte",
        "positions": "transformer.wpe",
        "blocks.#.attention_norm": "transformer.h.#.ln_1",
        "blocks.#.attention.qkv": "transformer.h.#.attn.c_attn",
        "blocks.#.attention.output": "transformer.h.#.attn.c_proj",
        "blocks.#.norm": "transformer.h.#.ln_2",
        "blocks.#.hidden": "transformer.h.#.mlp.c_fc",
        "blocks.#.output": "transformer.h.#.mlp.c_proj",
        "norm": "transformer.ln_f",
        "head": "lm_head",
    },
    settings={
        "vocab_size": "vocab_size",
        "context_length": "n_positions",
        "d_model": "n_embd",
        "num_layers": "n_layer",
        "num_heads": "n_head",
        "d_ff": "n_inner",
        "dropout": "resid_pdrop",
        "eps": "layer_norm_epsilon",
    },
    silent={"d_ff", "dropout", "eps"},
    fixed={
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),  # two names of the same function
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
    dropouts=("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    buffers=r"^(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)$",  # the causal mask
)

LLAMA = Family(
    model_type="llama",
    config=llama.LlamaConfig,
    prefix="model.",
    heads=("lm_head.",),
    names={
        "tokens": "model.embed_tokens",
        "blocks.#.attention_norm": "model.layers.#.input_layernorm",
        "blocks.#.attention.qkv": tuple(f"model.layers.#.self_attn.{part}_proj" for part in "qkv"),
        "blocks.#.attention.output": "model.layers.#.self_attn.o_proj",
        "blocks.#.norm": "model.layers.#.post_attention_layernorm",
        "blocks.#.hidden": ("model.layers.#.mlp.gate_proj", "model.layers.#.mlp.up_proj"),
        "blocks.#.output": "model.layers.#.mlp.down_proj",
        "norm": "model.norm",
        "head": "lm_head",
    },
    settings={
        "vocab_size": "vocab_size",
        "context_length": "max_position_embeddings",
        "d_model": "hidden_size",
        "num_layers": "num_hidden_layers",
        "num_heads": "num_attention_heads",
        "num_kv_heads": "num_key_value_heads",
        "d_ff": "intermediate_size",
        "rope_theta": "rope_theta",
        "dropout": "attention_dropout",
        "eps": "rms_norm_eps",
        "tied": "tie_word_embeddings",
    },
    silent=set(),
    fixed={"hidden_act": ("silu",), "attention_bias": (False,), "mlp_bias": (False,)},
    dropouts=("attention_dropout",),
    buffers=r"^(model\.)?layers\.\d+\.self_attn\.rotary_emb\.inv_freq$",
)

# The same model in a GGUF file of llama.cpp: its names, and its settings.
GGUF = LLAMA._replace(
    names={
        "tokens": "token_embd",
        "blocks.#.attention_norm": "blk.#.attn_norm",
        "blocks.#.attention.qkv": ("blk.#.attn_q", "blk.#.attn_k", "blk.#.attn_v"),
        "blocks.#.attention.output": "blk.#.attn_output",
        "blocks.#.norm": "blk.#.ffn_norm",
        "blocks.#.hidden": ("blk.#.ffn_gate", "blk.#.ffn_up"),
        "blocks.#.output": "blk.#.ffn_down",
        "norm": "output_norm",
        "head": "output",
    },
    settings={
        "context_length": "llama.context_length",
        "d_model": "llama.embedding_length",
        "num_layers": "llama.block_count",
        "num_heads": "llama.attention.head_count",
        "num_kv_heads": "llama.attention.head_count_kv",
        "d_ff": "llama.feed_forward_length",
        "rope_theta": "llama.rope.freq_base",
        "eps": "llama.attention.layer_norm_rms_epsilon",
    },
)

# Theirs. OpenAI's code computed x @ W where nn.Linear computes x @ W.T: these four matrices are transposed.
TURNED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")

# Theirs. One tensor with two names, of which a file may hold the first, the second, or both.
TIED = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
    "lm_head.weight": "transformer.wte.weight",
}

# What these architectures of theirs do not have, though our class does: no answer of theirs depends on it.
LACKS = {
    "BertForTokenClassification": ("bert.pooler.",),
    "BertForMaskedLM": ("bert.pooler.", "cls.seq_relationship."),
}

ARCHITECTURES = {
    "BertModel": bert.BertModel,
    "BertForPreTraining": bert.BertForPreTraining,
    "BertForSequenceClassification": bert.BertForSequenceClassification,
    "BertForTokenClassification": bert.BertForTokenClassification,
    "GPT2LMHeadModel": gpt.GPT,
    "LlamaForCausalLM": llama.Llama,
}


def their_names(model: nn.Module, family: Family | None = None) -> dict[str, str | tuple[str, ...]]:
    """Each name in the model's state_dict, and what transformers calls that tensor in a model with heads.

    A Llama has matrices of which theirs are parts, one below the other: there the answer is their several names.
    `family`: whose names, `GGUF` for those in such a file; None for transformers'. ValueError for a model that is none
    of `ARCHITECTURES`, and for a part that theirs does not have.
    """
    family, found = family or _family(model), {}
    for name in model.state_dict():
        part, _, what = name.removeprefix("bert.").rpartition(".")
        number = re.search(r"(?<=\.)\d+(?=\.)", part)
        pattern = part.replace(f".{number[0]}.", ".#.", 1) if number else part
        if pattern not in family.names:
            raise ValueError(f"transformers has no name for {name} of this {type(model).__name__}: take that part out "
                             "of the model, or save its state_dict with safetensors.")  # fmt: skip
        theirs = family.names[pattern]
        full = tuple(f"{one.replace('#', number[0] if number else '')}.{what}" for one in _several(theirs))
        found[name] = full if isinstance(theirs, tuple) else full[0]
    return found


def _several(theirs: str | tuple[str, ...]) -> tuple[str, ...]:
    return theirs if isinstance(theirs, tuple) else (theirs,)


def turned(name: str, tensor: Tensor) -> Tensor:
    """A tensor of theirs as ours, or of ours as theirs, by their name: transposed, or as it is."""
    return tensor.T if name.endswith(TURNED) else tensor


def _family(model: nn.Module) -> Family:
    if type(model) not in ARCHITECTURES.values():
        raise ValueError(f"A {type(model).__name__} cannot be saved for transformers: its architecture is none of "
                         f"{', '.join(ARCHITECTURES)}.")  # fmt: skip
    return {gpt.GPT: GPT, llama.Llama: LLAMA}.get(type(model), BERT)


# --- Loading ----------------------------------------------------------------------------------------------------------


def load_bert(path_or_name: str | Path, head: type[nn.Module] | None = None) -> tuple[nn.Module, Tokenizer | None]:
    """A BERT of others, on the CPU, in float32, ready to answer; and its tokenizer, None where the folder has none.

    The class follows from what the file holds, unless `head` names one of `bert`'s four. A file with tensors of the
    pretraining heads is a `BertForPreTraining`; with a classifier, the class that config.json names (for texts or for
    tokens); else a `BertModel`. `head=BertModel` takes the body and passes over the heads. Of a file that was saved
    without pooler or next-sentence head because its architecture has none (masked language model, tagger), these are
    zero: `pooled` is 0, and the next-sentence head says one half.

    FileNotFoundError where a file is missing, or a name that no folder and no model on the hub has. ValueError, with
    the name, for weights that are damaged, missing, left over, of another shape or in the pickle format, and for a
    config.json of another architecture or with a setting that the course's BERT does not compute. A warning where it
    names several dropouts: the course has one, and they change no answer.
    """
    folder, found, config = _read_config(path_or_name, BERT)
    tensors = _full_names(_read_tensors(folder), BERT, folder)
    head = _head(tensors, found, folder) if head is None else head
    if head not in ARCHITECTURES.values() or head in (gpt.GPT, llama.Llama):
        raise ValueError(f"head={head!r} cannot be used: head must be None or one of bert's four classes, such as "
                         "bert.BertModel for the body alone.")  # fmt: skip
    if head is bert.BertModel:
        tensors = {name: tensor for name, tensor in tensors.items() if name.startswith("bert.")}
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        unlabelled = head in (bert.BertModel, bert.BertForPreTraining)
        model = head(config) if unlabelled else head(config, _num_labels(found))
    return _fill(model, tensors, found, folder), _read_tokenizer(folder, config.vocab_size)


def load_gpt(path_or_name: str | Path) -> tuple[gpt.GPT, Tokenizer | None]:
    """A GPT-2 of others, on the CPU, in float32, ready to answer; and its tokenizer, None where the folder has none.

    The head is the token table, as in GPT-2, whether or not the file writes it down. Errors as `load_bert`'s; also
    ValueError for a head that is another table.
    """
    folder, found, config = _read_config(path_or_name, GPT)
    tensors = _full_names(_read_tensors(folder), GPT, folder)
    with torch.device("meta"):
        model = gpt.GPT(config)
    return _fill(model, tensors, found, folder), _read_tokenizer(folder, config.vocab_size)


def load_llama(path_or_name: str | Path, kind: str = "float32") -> tuple[llama.Llama, Tokenizer | None]:
    """A Llama of others, on the CPU, ready to answer; and its tokenizer, None where there is none.

    From a folder, a name on the hub, or a GGUF file (whatever ends in .gguf). `kind`: what the matrices become,
    "float32" or one of `decoding.quantize`'s kinds; those that a file keeps in 4 bits (Q4_0, Q4_1) keep these very bits
    as "int4". One tensor is read after the other, so that no second copy of all is ever in memory.

    Errors as `load_bert`'s; also ValueError for a GGUF file that is cut off, of another architecture or with weights of
    a kind that is not read, and for positions that are stretched (rope_type, rope scaling).
    """
    require(kind in KINDS, "kind", kind, f"one of {', '.join(KINDS)}")
    if Path(path_or_name).suffix == ".gguf":
        return _load_gguf(Path(path_or_name), kind)
    folder, found, config = _read_config(path_or_name, LLAMA)
    size = config.d_model // config.num_heads
    if found.get("head_dim", size) != size:
        raise ValueError(f"{folder / CONFIG} says head_dim={found['head_dim']!r}, and the course's model {size} "
                         "(hidden_size / num_attention_heads): take another model.")  # fmt: skip
    tensors = _full_names(_read_tensors(folder), LLAMA, folder)
    head, table = "lm_head.weight", "model.embed_tokens.weight"
    if config.tied and head in tensors and not _same(tensors.pop(head), tensors.get(table)):
        raise ValueError(f"{folder} has a {head} of its own, and its {CONFIG} says tie_word_embeddings=True: take the "
                         "two files from one model.")  # fmt: skip
    return _poured(config, tensors, LLAMA, folder, kind), _read_tokenizer(folder, config.vocab_size)


# Of a GGUF file. llama.cpp turns neighbours, numbers 2i and 2i + 1 of a head, where Hugging Face and `llama.turn` turn
# i and i + d / 2: in these two matrices the file has each head's rows in that order, and `Stored` puts them back.
NEIGHBOURS = ("attn_q.weight", "attn_k.weight")


def _load_gguf(path: Path, kind: str) -> tuple[llama.Llama, Tokenizer]:
    file = GGUFFile(path)
    config = _gguf_config(file)
    for name, tensor in file.tensors.items():
        if name.endswith(NEIGHBOURS):
            tensor.head_size = config.d_model // config.num_heads
    return _poured(config, file.tensors, GGUF, path, kind), _fitting(file.tokenizer(), config.vocab_size, path)


def _gguf_config(file: GGUFFile) -> llama.LlamaConfig:
    """Our settings from a GGUF file's. ValueError for what ours does not compute."""
    found, path = file.settings, file.path
    kind = found.get("general.architecture")
    if kind != GGUF.model_type:
        raise ValueError(f"{path} says general.architecture={kind!r} where 'llama' is read here: take a model that "
                         "this course builds.")  # fmt: skip
    heads = found.get("llama.attention.head_count")
    found = {"llama.attention.head_count_kv": heads, "llama.rope.freq_base": 10_000.0} | found
    missing = [theirs for theirs in GGUF.settings.values() if found.get(theirs) is None]
    table = file.tensors.get("token_embd.weight")
    if missing:
        raise ValueError(f"{path} does not say {', '.join(missing)}: take a whole model.")
    try:
        settings = {ours: found[theirs] for ours, theirs in GGUF.settings.items()}
        config = llama.LlamaConfig(**settings, vocab_size=1 if table is None else table.shape[0],
                                   tied="output.weight" not in file.tensors)  # fmt: skip
    except ValueError as error:
        raise ValueError(f"{path} describes no model: {error}") from None
    size = config.d_model // config.num_heads
    for name, value in (("rope.scaling.type", "none"), ("rope.scale_linear", 1), ("rope.dimension_count", size),
                        ("attention.key_length", size), ("attention.value_length", size), ("expert_count", 0)):
        if found.get(f"llama.{name}", value) != value:
            raise ValueError(f"{path} says llama.{name}={found[f'llama.{name}']!r}, and the course's model computes "
                             f"{value!r}: take another model.")  # fmt: skip
    return config


def _poured(config: llama.LlamaConfig, tensors: dict[str, Tensor | Stored], family: Family, folder: Path, kind: str):
    """A model of these settings with these tensors, which are taken out of the dict, one layer after the other."""
    with torch.device("meta"):  # no memory and no random numbers for weights that are replaced at once
        model = llama.Llama(config)
    _compare(rows_of(model, family), tensors, model, folder)
    for ours, theirs in their_names(model, family).items():
        part, parts = model.get_submodule(ours.removesuffix(".weight")), []
        if part is model.head and config.tied:
            part.weight = model.tokens.weight
        else:
            weight = torch.empty(part.weight.shape)
            for name, rows in zip(_several(theirs), _split(weight, ours, config)):
                stored = tensors.pop(name)
                rows.copy_(stored) if isinstance(stored, Tensor) else stored.read(rows)
                parts.append(stored)
            part.weight = nn.Parameter(weight)
        if kind != "float32":
            _shrink(model, ours.removesuffix(".weight"), parts, kind)
        give_back_memory()  # what was read and copied leaves holes between what stays
    return model.eval().requires_grad_(kind == "float32")


def _shrink(model: llama.Llama, name: str, parts: list[Tensor | Stored], kind: str) -> None:
    """Put a small layer in the place of the linear layer of this name, whose float32 weight is then gone."""
    linear, (place, _, child) = model.get_submodule(name), name.rpartition(".")
    if isinstance(linear, nn.Linear):
        blocks = [part.blocks() for part in parts if isinstance(part, Stored)]
        whole = tuple(map(torch.cat, zip(*blocks))) if parts and len(blocks) == len(parts) and all(blocks) else None
        kind = "int8" if child == "head" and kind == "int4" else kind  # as decoding.quantize
        setattr(model.get_submodule(place), child, small(linear, kind, whole))


def rows_of(model: llama.Llama, family: Family = LLAMA) -> dict[str, Tensor]:
    """Each tensor of theirs, by its name there, and the rows of the model's where it stands. A tied head has none."""
    found = {}
    for ours, theirs in their_names(model, family).items():
        if ours != "head.weight" or not model.config.tied:
            found |= zip(_several(theirs), _split(model.get_parameter(ours).data, ours, model.config))
    return found


def _split(weight: Tensor, name: str, config: llama.LlamaConfig) -> Sequence[Tensor]:
    """The rows of a matrix of ours, one of theirs after the other."""
    kv = config.d_model * config.num_kv_heads // config.num_heads
    sizes = {"qkv": [config.d_model, kv, kv], "hidden": [config.d_ff, config.d_ff]}
    return weight.split(sizes.get(name.split(".")[-2], len(weight)))


def _head(tensors: Iterable[str], found: dict, folder: Path) -> type[nn.Module]:
    """The class for what the file holds."""
    if any(name.startswith("cls.") for name in tensors):
        return bert.BertForPreTraining
    if not any(name.startswith("classifier.") for name in tensors):
        return bert.BertModel
    named = _architecture(found)
    if named not in ("BertForSequenceClassification", "BertForTokenClassification"):
        raise ValueError(f"{folder} holds a classifier, and its config.json says architectures={named!r}: say with "
                         "head= whether bert.BertForSequenceClassification or bert.BertForTokenClassification.")
    return ARCHITECTURES[named]


def _architecture(found: dict) -> str | None:
    listed = found.get("architectures")
    return str(listed[0]) if isinstance(listed, list) and listed else None


def _num_labels(found: dict) -> int:
    labels = found.get("id2label")
    return len(labels) if isinstance(labels, dict) else found.get("num_labels", 2)


def _fill(model: nn.Module, tensors: dict[str, Tensor], found: dict, folder: Path) -> nn.Module:
    """The model (made on "meta") with these tensors, named as theirs: every one has its place, every place its one."""
    _untie(tensors, model, found, folder)
    lacks = LACKS.get(_architecture(found), ())
    lacks = tuple(part for part in lacks if not any(name.startswith(part) for name in tensors))
    empty, state = model.state_dict(), {}
    places = {theirs: empty[ours] for ours, theirs in their_names(model).items() if theirs not in TIED}
    _compare({name: place for name, place in places.items() if not name.startswith(lacks)}, tensors, model, folder)
    for ours, theirs in their_names(model).items():
        if theirs in tensors:  # taken out, so that the file's own copy can go
            tensor = turned(theirs, tensors.pop(theirs))
            state[ours] = tensor.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        elif theirs not in TIED:
            state[ours] = torch.zeros(empty[ours].shape)
    if isinstance(model, gpt.GPT):
        state["head.weight"] = state["tokens.weight"]
    model.load_state_dict(state, assign=True)
    if isinstance(model, gpt.GPT):
        model.head.weight = model.tokens.weight  # assign has made two parameters of what is tied
    return model.eval()


def _untie(tensors: dict[str, Tensor], model: nn.Module, found: dict, folder: Path) -> None:
    """Leave one name for what has two. ValueError where the two are not the same numbers."""
    needed = set(their_names(model).values()) if isinstance(model, gpt.GPT | bert.BertForPreTraining) else set()
    for second, first in TIED.items():
        if second in tensors:
            tensor = tensors.pop(second)
            other = tensors.setdefault(first, tensor)
            if not _same(tensor, other):
                raise ValueError(f"{folder} has a {second} of its own, and the course's model takes {first} for both: "
                                 "take a model with tied weights.")  # fmt: skip
        elif found.get("tie_word_embeddings") is False and second.endswith("weight") and first in needed:
            raise ValueError(f"{folder / CONFIG} says tie_word_embeddings=False, and there is no {second}: take the "
                             "two files from one model.")  # fmt: skip


def _same(a: Tensor, b: Tensor | None) -> bool:
    return b is not None and a.dtype == b.dtype and torch.equal(a, b)


def _compare(places: dict[str, Tensor], tensors: dict[str, Tensor], model: nn.Module, folder: Path) -> None:
    """ValueError for tensors that are missing, left over, of another shape, or no numbers with a fraction."""
    sizes = CONFIG if folder.is_dir() else "its head"  # of a GGUF file
    missing, left = places.keys() - tensors.keys(), tensors.keys() - places.keys()
    parts = [f"lack {_some(missing)}"] if missing else []
    parts += [f"have {_some(left)}, for which there is no place"] if left else []
    if parts:
        of_heads = isinstance(model, bert.BertForPreTraining) and not any(n.startswith("bert.") for n in missing | left)
        advice = "load the body alone with head=bert.BertModel" if of_heads else "take all files from one model"
        raise ValueError(f"For a {type(model).__name__} of the sizes in {sizes} the weights in {folder} "
                         f"{' and '.join(parts)}: {advice}.")  # fmt: skip
    for name, place in places.items():
        got, expected = tuple(tensors[name].shape), tuple(turned(name, place).shape)
        if got != expected:
            raise ValueError(f"{name} in {folder} has the shape {got} where {sizes} asks for {expected}: take what "
                             "belongs to one model.")  # fmt: skip
        if not tensors[name].is_floating_point():
            raise ValueError(f"{name} in {folder} holds {str(tensors[name].dtype).removeprefix('torch.')} numbers: "
                             "quantised weights are not read, so take the model in float32 or float16.")  # fmt: skip


def _some(names: Iterable[str]) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


# --- The files of a folder --------------------------------------------------------------------------------------------

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
HUB_FILES = [CONFIG, "model*.safetensors", INDEX, "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json",
             "merges.txt"]  # fmt: skip


def _read_config(path_or_name: str | Path, family: Family) -> tuple[Path, dict, bert.BertConfig | gpt.GPTConfig]:
    """The folder, its config.json, and our settings."""
    folder = _folder(path_or_name)
    path = folder / CONFIG
    if not path.is_file():
        own = (folder / "card.json").is_file()
        advice = "read it with course_lib.pretrain.load" if own else "name one that transformers wrote"
        raise FileNotFoundError(f"There is no {CONFIG} in the folder {folder}: {advice}.")
    found = _read_json(path)
    found = _spelled_out(found, path) if family is LLAMA else found
    kind = found.get("model_type")
    if kind != family.model_type:
        right = {"bert": "load_bert", "gpt2": "load_gpt", "llama": "load_llama"}.get(kind)
        advice = f"use {right}" if right else "take a model that this course builds"
        raise ValueError(f"{path} says model_type={kind!r} where {family.model_type!r} is read here: {advice}.")
    for name, values in family.fixed.items():
        if found.get(name, values[0]) not in values:
            raise ValueError(f"{path} says {name}={found[name]!r}, and the course's model computes "
                             f"{' or '.join(map(repr, values))}: take another model.")  # fmt: skip
    for name in ("quantization_config", "pruned_heads"):
        if found.get(name):
            raise ValueError(f"{path} has a {name}, which this course does not read: take the whole model.")
    missing = [theirs for ours, theirs in family.settings.items() if theirs not in found and ours not in family.silent]
    if missing:
        raise ValueError(f"{path} does not say {', '.join(missing)}: take the config.json that came with the weights.")
    shares = {name: found[name] for name in family.dropouts if found.get(name) is not None}
    if len(set(map(str, shares.values()))) > 1:
        warnings.warn(f"{path} says {shares}, and the course's model has one dropout, {family.dropouts[0]}: its "
                      "answers are the same, further training is not.", stacklevel=3)  # fmt: skip
    try:
        settings = {ours: found[theirs] for ours, theirs in family.settings.items() if theirs in found}
        for name in settings.keys() & {"dropout", "eps"}:
            number = isinstance(settings[name], Real) and 0 <= settings[name] < 1
            require(number, family.settings[name], settings[name], "a number from 0 to below 1")
        return folder, found, family.config(**settings)
    except ValueError as error:
        raise ValueError(f"{path} describes no model: {error}") from None


def _spelled_out(found: dict, path: Path) -> dict:
    """A Llama's config.json with what theirs means where it is silent, and positions in its older word, rope_theta."""
    rope = found.get("rope_parameters") or found.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise ValueError(f"{path} says rope_parameters={rope!r}, where names and values are expected: take the file "
                         "that came with the weights.")  # fmt: skip
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ValueError(f"{path} stretches positions (rope_type={kind!r}), and the course's model does not: take "
                         "another model.")  # fmt: skip
    unsaid = {"num_key_value_heads": found.get("num_attention_heads"), "rms_norm_eps": 1e-6, "rope_theta": 10_000.0,
              "attention_dropout": 0.0, "tie_word_embeddings": False}  # fmt: skip
    found = unsaid | {name: value for name, value in found.items() if value is not None}
    return found | {"rope_theta": rope.get("rope_theta", found["rope_theta"])}


def _read_json(path: Path) -> dict:
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError:
        raise ValueError(f"{path} is damaged or cut off: copy it again.") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__} where names and values are expected: copy it again.")
    return found


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, under the names in its file or files."""
    if (folder / WEIGHTS).is_file():
        return _read_safetensors(folder / WEIGHTS)
    if not (folder / INDEX).is_file():
        raise _no_weights(folder)
    places = _read_json(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or any(Path(str(file)).name != file for file in places.values()):
        raise ValueError(f"{folder / INDEX} does not say in which file of its folder each tensor is: copy it again.")
    tensors = {}
    for file in sorted(set(places.values())):
        if not (folder / file).is_file():
            raise FileNotFoundError(f"There is no {file} in {folder}, though {INDEX} names it: copy the whole folder.")
        part = _read_safetensors(folder / file)
        wrong = part.keys() ^ {name for name, place in places.items() if place == file}
        if wrong:
            raise ValueError(f"{file} in {folder} and {INDEX} do not agree about {_some(wrong)}: copy the whole "
                             "folder.")  # fmt: skip
        tensors |= part
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (SafetensorError, ValueError):
        raise ValueError(f"{path} is damaged or cut off: copy it again.") from None


def _no_weights(folder: Path) -> Exception:
    """FileNotFoundError; or ValueError where there are weights, but in Python's pickle format."""
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
    if pickles:
        return ValueError(f"The weights in {folder} are in {pickles[0]}, Python's pickle format, which can run code of "
                          f"its author when it is read: take a version of the model with {WEIGHTS}.")  # fmt: skip
    return FileNotFoundError(f"There is no {WEIGHTS} in {folder}, and no {INDEX}: name a folder with weights.")


def _full_names(tensors: dict[str, Tensor], family: Family, folder: Path) -> dict[str, Tensor]:
    """The tensors under the names that transformers gives them today in a model with heads; old buffers left out."""
    short = not any(name.startswith(family.prefix) for name in tensors)
    full = {}
    for name, tensor in tensors.items():
        if re.search(family.buffers, name):
            continue
        new = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
        new = family.prefix + new if short and not new.startswith(family.heads) else new
        if new in full:
            raise ValueError(f"{folder} holds {new} twice, once as {name}: take a version with one of the two.")
        full[new] = tensor
    return full


def _read_tokenizer(folder: Path, vocab_size: int) -> Tokenizer | None:
    """The tokenizer of a folder, None where it has no file of one."""
    if (folder / "tokenizer.json").is_file():
        tokenizer = tokenizers.load(folder)
    elif (folder / "vocab.txt").is_file():
        tokenizer = WordPieceTokenizer.load(folder, _lowercase(folder / "tokenizer_config.json"))
    elif (folder / "merges.txt").is_file():
        tokenizer = BPETokenizer.load(folder)
    else:
        tokenizer = None
    return _fitting(tokenizer, vocab_size, folder)


def _fitting(tokenizer: Tokenizer | None, vocab_size: int, place: Path) -> Tokenizer | None:
    """The tokenizer; it may have fewer tokens than the model, as some tables are filled up to a round number."""
    if tokenizer is not None and len(tokenizer) > vocab_size:
        raise ValueError(f"The tokenizer in {place} has {len(tokenizer)} tokens and its model {vocab_size}: they "
                         "belong to two models.")  # fmt: skip
    return tokenizer


def _lowercase(path: Path) -> bool:
    """Whether a vocab.txt is of lower-cased text, which only this file beside it says; without it, yes, as theirs."""
    found = _read_json(path) if path.is_file() else {}
    lowercase = found.get("do_lower_case", True)
    if found.get("strip_accents") not in (None, lowercase) or not found.get("tokenize_chinese_chars", True):
        raise ValueError(f"{path} cleans text otherwise than BERT (strip_accents or tokenize_chinese_chars), which "
                         "this course does not read: take another model.")  # fmt: skip
    return lowercase


def _folder(path_or_name: str | Path) -> Path:
    """The folder itself, or where the files of that name on the hub lie on this machine."""
    folder = Path(path_or_name)
    if folder.is_dir():
        return folder
    if folder.is_file():
        why = ", in Python's pickle format, which can run code when it is read" if folder.suffix in PICKLES else ""
        raise ValueError(f"{folder} is a file{why}: name a folder with {CONFIG} and {WEIGHTS}.")
    if isinstance(path_or_name, Path) or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", path_or_name):
        raise FileNotFoundError(f"There is no folder {path_or_name}: name one, or a model on the Hugging Face hub.")
    return _from_hub(path_or_name)


def _from_hub(name: str) -> Path:
    """Fetch what is missing of a model; without a network, take what an earlier call left in the hub's own cache."""
    try:
        import huggingface_hub  # a large package, for whoever asks the hub
    except ImportError:
        raise ImportError(f"There is no folder {name}, and asking the hub takes the package huggingface_hub: "
                          "pip install huggingface_hub, or name a folder.") from None  # fmt: skip
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=HUB_FILES))
    except Exception as error:  # of many kinds: no network, no such name, a name for members only
        reason = type(error).__name__
    cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    try:
        held = sorted(repo.repo_id for repo in huggingface_hub.scan_cache_dir(cache).repos if repo.repo_type == "model")
    except (huggingface_hub.errors.CacheNotFound, OSError, ValueError):
        held = []
    raise FileNotFoundError(f"There is no folder {name}, the hub gave nothing ({reason}), and its cache {cache} holds "
                            f"{_some(held) or 'no model'}: name one of these or a folder, or ask again with a network.")


# --- Saving -----------------------------------------------------------------------------------------------------------


def save_pretrained(model: nn.Module, folder: str | Path, tokenizer: Tokenizer | None = None) -> None:
    """Write a model of `ARCHITECTURES`, and its tokenizer, as transformers writes and reads them.

    config.json, model.safetensors (each tensor once, as exact as the model is), and with a tokenizer tokenizer.json,
    tokenizer_config.json and the older files. A tagger's pooler, which no answer depends on, is left out as theirs is.
    ValueError for another model, weights in fewer bits, a head that is no longer tied, and a tokenizer that cannot be
    saved or has more tokens than the model.
    """
    folder, family = Path(folder), _family(model)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: give the name of a folder.")
    if tokenizer is not None and (len(tokenizer) > _config(model).vocab_size or not hasattr(tokenizer, "save")):
        raise ValueError(f"{tokenizer!r} does not belong to a model of {_config(model).vocab_size:,} tokens, or has no "
                         "file format: give the tokenizer that the model learned with.")  # fmt: skip
    if any(isinstance(part, FEWER_BITS) for part in model.modules()):
        raise ValueError(f"This {type(model).__name__} holds its weights in fewer bits, which are not saved: save the "
                         "model that it was made of.")  # fmt: skip
    if getattr(model, "head", None) and _tied(model) and not torch.equal(model.head.weight, model.tokens.weight):
        raise ValueError(f"The head of this {type(model).__name__} is not its token table any more, and config.json "
                         "would say that it is: set model.head.weight = model.tokens.weight.")  # fmt: skip
    architecture = next(name for name, kind in ARCHITECTURES.items() if kind is type(model))
    tensors = {name: tensor.cpu().contiguous() for name, tensor in _to_save(model, family, architecture).items()}
    folder.mkdir(parents=True, exist_ok=True)
    if tokenizer is not None:
        tokenizer.save(folder)
        _write_json(folder / "tokenizer_config.json", _tokenizer_config(tokenizer, _config(model).context_length))
    _write_json(folder / CONFIG, _their_config(model, architecture, family, tokenizer))
    unfinished = folder / f"{WEIGHTS}.part"
    try:
        safetensors.torch.save_file(tensors, unfinished, metadata={"format": "pt"})
        os.replace(unfinished, folder / WEIGHTS)  # in one stroke: whoever reads meanwhile has a whole file
    finally:
        unfinished.unlink(missing_ok=True)


def _to_save(model: nn.Module, family: Family, architecture: str) -> dict[str, Tensor]:
    """The tensors of a file, each once, as theirs."""
    if family is LLAMA:
        return rows_of(model)
    lacks, state = LACKS.get(architecture, ()), model.state_dict()
    found = {theirs: turned(theirs, state[ours]) for ours, theirs in their_names(model).items()
             if theirs not in TIED and not theirs.startswith(lacks)}  # fmt: skip
    return {name.removeprefix(BERT.prefix): found[name] for name in found} if architecture == "BertModel" else found


def _config(model: nn.Module) -> bert.BertConfig | gpt.GPTConfig | llama.LlamaConfig:
    return model.config if hasattr(model, "config") else model.bert.config


def _their_config(model: nn.Module, architecture: str, family: Family, tokenizer: Tokenizer | None) -> dict:
    config = _config(model)
    written = {"architectures": [architecture], "model_type": family.model_type}
    written |= {theirs: getattr(config, ours) for ours, theirs in family.settings.items()}
    written |= {name: values[0] for name, values in family.fixed.items()}
    written |= dict.fromkeys(family.dropouts, config.dropout)
    written |= {"initializer_range": bert.STD, "tie_word_embeddings": _tied(model)}
    written["dtype"] = str(next(model.parameters()).dtype).removeprefix("torch.")
    if family is BERT:
        written |= {"intermediate_size": config.d_ff or 4 * config.d_model}
        written |= {"pad_token_id": 0 if tokenizer is None else tokenizer.pad_id}
    else:
        begin, end = (None if tokenizer is None else tokenizer.special_tokens.get(mark) for mark in _marks(tokenizer))
        written |= {"bos_token_id": begin, "eos_token_id": end}
    if family is LLAMA:  # theirs wants the newer word, whoever reads the older one would fall back to 10,000 without it
        written |= {"rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
                    "head_dim": config.d_model // config.num_heads}  # fmt: skip
    if hasattr(model, "classifier"):
        labels = [f"LABEL_{i}" for i in range(model.classifier.out_features)]
        written |= {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    return written


def _tokenizer_config(tokenizer: Tokenizer, context_length: int) -> dict:
    """What tokenizer.json does not say: the class of theirs, and what each special token is for."""
    if isinstance(tokenizer, WordPieceTokenizer):
        use = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
        use |= {"tokenizer_class": "BertTokenizer", "do_lower_case": tokenizer.lowercase}
    elif isinstance(tokenizer, BPETokenizer) and "<|endoftext|>" in tokenizer.special_tokens:
        use = dict(zip(("bos_token", "eos_token", "unk_token"), (*_marks(tokenizer), "<|endoftext|>")))
        use |= {"pad_token": tokenizer.id_to_token(tokenizer.pad_id)} if tokenizer.digits else {}
        kind = "PreTrainedTokenizerFast" if tokenizer.digits else "GPT2Tokenizer"  # that one would not cut the digits
        use |= {"tokenizer_class": kind, "add_prefix_space": False}
    else:
        use = {"tokenizer_class": "PreTrainedTokenizerFast"}
    return use | {"model_max_length": context_length}


def _marks(tokenizer: Tokenizer | None) -> tuple[str, str]:
    """The special tokens that begin and end a text: those of a chat where there are such."""
    chats = tokenizer is not None and "<|im_end|>" in tokenizer.special_tokens
    return ("<|im_start|>", "<|im_end|>") if chats else ("<|endoftext|>", "<|endoftext|>")


def _tied(model: nn.Module) -> bool:
    """Whether the head is the token table: always so but for a Llama that says otherwise."""
    return getattr(_config(model), "tied", True)


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
