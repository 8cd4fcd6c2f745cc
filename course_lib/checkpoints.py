"""Checkpoints: the weights of others into the course's models, and the course's models out to others.

    model, tokenizer = load_bert("bert-base-uncased")     # a name on the Hugging Face hub, or a folder
    model, tokenizer = load_gpt("gpt2")
    model, tokenizer = load_llama(data.path("smollm2"), "int4")    # or a GGUF file; weights kept in 4 bits
    save_pretrained(model, "my_gpt", tokenizer)           # transformers' from_pretrained("my_gpt") reads it

What it is. Every tensor of theirs to its place in ours, and back, by the names of `checkpoint_names` and the files of
`checkpoint_folders`: all of them, each once, in its shape. Whatever is missing or left over is an error with its name.

What it leaves out. Other architectures; quantised weights but those of GGUF files; the names of labels, which stay in
config.json. Folders of `course_lib.pretrain`: see its `load`.

Sources. Devlin et al. (2019), "BERT", and Radford et al. (2019), "Language Models are Unsupervised Multitask Learners",
with the weights that they released; for the rest `llama`, `gguf_file`.
"""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import safetensors.torch
import torch
from torch import Tensor, nn

from course_lib import bert, gpt, llama
from course_lib.checkpoint_folders import (
    CONFIG,
    WEIGHTS,
    fitting,
    full_names,
    our_settings,
    read_config,
    read_tensors,
    read_tokenizer,
    require_values,
    some,
)
from course_lib.checkpoint_names import (
    ARCHITECTURES,
    BERT,
    GGUF,
    GPT,
    LACKS,
    LLAMA,
    TIED,
    Family,
    family_of,
    several,
    their_names,
    turned,
)
from course_lib.device import give_back_memory
from course_lib.files import require_folder
from course_lib.gguf_file import GGUFFile, Stored
from course_lib.linear import FEWER_BITS, KINDS, small
from course_lib.settings import Rule, require
from course_lib.shapes import require_tensors, shaped
from course_lib.tokenizers import BPETokenizer, Tokenizer, WordPieceTokenizer

# --- Loading ----------------------------------------------------------------------------------------------------------


BERTS = (None, bert.BertModel, bert.BertForPreTraining, bert.BertForSequenceClassification,
         bert.BertForTokenClassification)  # fmt: skip
Head = Annotated[type[nn.Module] | None, Rule(BERTS.__contains__, "None or a class of bert, such as BertModel")]


@shaped
def load_bert(path_or_name: str | Path, head: Head = None) -> tuple[nn.Module, Tokenizer | None]:
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
    folder, found, config = read_config(path_or_name, BERT)
    tensors = full_names(read_tensors(folder), BERT, folder)
    head = _head(tensors, found, folder) if head is None else head
    if head is bert.BertModel:
        tensors = {name: tensor for name, tensor in tensors.items() if name.startswith("bert.")}
    labels = () if head in (bert.BertModel, bert.BertForPreTraining) else (_num_labels(found),)
    model = _empty(head, config, tensors, folder, *labels)
    return _fill(model, tensors, found, folder), read_tokenizer(folder, config.vocab_size)


def load_gpt(path_or_name: str | Path) -> tuple[gpt.GPT, Tokenizer | None]:
    """A GPT-2 of others, on the CPU, in float32, ready to answer; and its tokenizer, None where the folder has none.

    The head is the token table, as in GPT-2, whether or not the file writes it down. Errors as `load_bert`'s; also
    ValueError for a head that is another table.
    """
    folder, found, config = read_config(path_or_name, GPT)
    tensors = full_names(read_tensors(folder), GPT, folder)
    model = _empty(gpt.GPT, config, tensors, folder)
    return _fill(model, tensors, found, folder), read_tokenizer(folder, config.vocab_size)


@shaped
def load_llama(path_or_name: str | Path, kind: Literal[KINDS] = "float32") -> tuple[llama.Llama, Tokenizer | None]:
    """A Llama of others, on the CPU, ready to answer; and its tokenizer, None where there is none.

    From a folder, a name on the hub, or a GGUF file (whatever ends in .gguf). `kind`: what the matrices become,
    "float32" or one of `decoding.quantize`'s kinds; those that a file keeps in 4 bits (Q4_0, Q4_1) keep these very bits
    as "int4". One tensor is read after the other, so that no second copy of all is ever in memory.

    Errors as `load_bert`'s; also ValueError for a GGUF file that is cut off, of another architecture or with weights of
    a kind that is not read, and for positions that are stretched (rope_type, rope scaling).
    """
    if Path(path_or_name).suffix == ".gguf":
        return _load_gguf(Path(path_or_name), kind)
    folder, found, config = read_config(path_or_name, LLAMA)
    tensors = full_names(read_tensors(folder), LLAMA, folder)
    if config.tied and "model.embed_tokens.weight" in tensors:
        _one_name(tensors, "lm_head.weight", "model.embed_tokens.weight", folder)
    return _poured(config, tensors, LLAMA, folder, kind), read_tokenizer(folder, config.vocab_size)


# Of a GGUF file. llama.cpp turns neighbours, numbers 2i and 2i + 1 of a head, where Hugging Face and `llama.turn` turn
# i and i + d / 2: in these two matrices the file has each head's rows in that order, and `Stored` puts them back.
NEIGHBOURS = ("attn_q.weight", "attn_k.weight")


def _load_gguf(path: Path, kind: str) -> tuple[llama.Llama, Tokenizer]:
    file = GGUFFile(path)
    config = _gguf_config(file)
    for name, tensor in file.tensors.items():
        if name.endswith(NEIGHBOURS):
            tensor.head_size = config.d_model // config.num_heads
    return _poured(config, file.tensors, GGUF, path, kind), fitting(file.tokenizer(), config.vocab_size, path)


def _gguf_config(file: GGUFFile) -> llama.LlamaConfig:
    """Our settings from a GGUF file's. ValueError for what ours does not compute."""
    heads, table = file.settings.get("llama.attention.head_count"), file.tensors.get("token_embd.weight")
    found = {"llama.attention.head_count_kv": heads, "llama.rope.freq_base": 10_000.0} | file.settings
    found = {name: value for name, value in found.items() if value is not None}
    config = our_settings(found, GGUF, file.path, vocab_size=1 if table is None else table.shape[0],
                          tied="output.weight" not in file.tensors)  # fmt: skip
    sizes = ("rope.dimension_count", "attention.key_length", "attention.value_length")
    require_values(found, {f"llama.{name}": (config.d_model // config.num_heads,) for name in sizes}, file.path)
    return config


def _poured(config: llama.LlamaConfig, tensors: dict[str, Tensor | Stored], family: Family, folder: Path, kind: str):
    """A model of these settings with these tensors, which are taken out of the dict, one layer after the other."""
    model = _empty(llama.Llama, config, tensors, folder)
    _compare(rows_of(model, family), tensors, model, folder)
    for ours, theirs in their_names(model, family).items():
        part, parts = model.get_submodule(ours.removesuffix(".weight")), []
        if part is model.head and config.tied:
            part.weight = model.tokens.weight
        else:
            weight = torch.empty(part.weight.shape)
            for name, rows in zip(several(theirs), _split(weight, ours, config)):
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
            found |= zip(several(theirs), _split(model.get_parameter(ours).data, ours, model.config))
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
    classifiers = ("BertForSequenceClassification", "BertForTokenClassification")
    require(named in classifiers, "architectures", named, f"one of {classifiers} in {folder / CONFIG}: or give head=")
    return ARCHITECTURES[named]


def _architecture(found: dict) -> str | None:
    listed = found.get("architectures")
    return str(listed[0]) if isinstance(listed, list) and listed else None


def _num_labels(found: dict) -> int:
    labels = found.get("id2label")
    return len(labels) if isinstance(labels, dict) else found.get("num_labels", 2)


def _empty(kind: type[nn.Module], config, tensors: dict[str, Tensor], folder: Path, *more: int) -> nn.Module:
    """A model without numbers, on "meta": all of them are replaced. ValueError for sizes that the file cannot fill."""
    try:
        if config.num_layers <= len(tensors):  # or a wrong number would have us build layers for hours
            with torch.device("meta"):
                return kind(config, *more)
    except (RuntimeError, TypeError):  # a table of more numbers than torch can count
        pass
    raise ValueError(f"For {config} the {len(tensors)} tensors in {folder} are too few: take all files from one model.")


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
        own = found.get("tie_word_embeddings") is False and second.endswith("weight") and first in needed
        if own and second not in tensors:
            raise ValueError(f"{folder / CONFIG} says tie_word_embeddings=False, with no {second}: take one model's.")
        _one_name(tensors, second, first, folder)


def _one_name(tensors: dict[str, Tensor], second: str, first: str, folder: Path) -> None:
    """Leave the first name for a tensor that may have two. ValueError where there are two tensors."""
    if second in tensors:
        tensors.setdefault(first, tensors[second])
        if not _same(tensors.pop(second), tensors[first]):
            raise ValueError(f"{folder} has a {second} of its own, where ours is {first}: take a tied model.")


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


def _compare(places: dict[str, Tensor], tensors: dict[str, Tensor], model: nn.Module, folder: Path) -> None:
    """ValueError for tensors that are missing, left over, of another shape, or no numbers with a fraction."""
    sizes = CONFIG if folder.is_dir() else "its head"  # of a GGUF file
    missing, left = places.keys() - tensors.keys(), tensors.keys() - places.keys()
    parts = [f"lack {some(missing)}"] if missing else []
    parts += [f"have {some(left)}, for which there is no place"] if left else []
    if parts:
        of_heads = isinstance(model, bert.BertForPreTraining) and not any(n.startswith("bert.") for n in missing | left)
        advice = "load the body alone with head=bert.BertModel" if of_heads else "take all files from one model"
        raise ValueError(f"For a {type(model).__name__} of the sizes in {sizes} the weights in {folder} "
                         f"{' and '.join(parts)}: {advice}.")  # fmt: skip
    require_tensors(tensors, {name: turned(name, place) for name, place in places.items()}, f"{folder} beside {sizes}")
    for name, tensor in tensors.items():
        require(tensor.is_floating_point(), f"{name} in {folder}", tensor.dtype, "of float32 or float16")


# --- Saving -----------------------------------------------------------------------------------------------------------


def save_pretrained(model: nn.Module, folder: str | Path, tokenizer: Tokenizer | None = None) -> None:
    """Write a model of `ARCHITECTURES`, and its tokenizer, as transformers writes and reads them.

    config.json, model.safetensors (each tensor once, as exact as the model is), and with a tokenizer tokenizer.json,
    tokenizer_config.json and the older files. A tagger's pooler, which no answer depends on, is left out as theirs is.
    ValueError for another model, weights in fewer bits, a head that is no longer tied, and a tokenizer that cannot be
    saved or has more tokens than the model.
    """
    folder, family = Path(folder), family_of(model)
    require_folder(folder)
    if tokenizer is not None:
        require(hasattr(tokenizer, "save"), "tokenizer", tokenizer, "of a kind with a file format")
        fitting(tokenizer, _config(model).vocab_size, folder)
    few = [name for name, part in model.named_modules() if isinstance(part, FEWER_BITS)]
    require(not few, "model", few, "the one that it was made of: these hold weights in fewer bits")
    if getattr(model, "head", None) and _tied(model) and not torch.equal(model.head.weight, model.tokens.weight):
        raise ValueError("The head is not its token table any more: set model.head.weight = model.tokens.weight.")
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
    written |= {name: values[0] for name, values in family.fixed.items() if values[0] is not None}
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
