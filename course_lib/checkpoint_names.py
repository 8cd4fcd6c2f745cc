"""Their names and ours: what Hugging Face and llama.cpp call the parts and settings of BERT, GPT-2 and Llama.

What it is. The three models are the same equations there and here; what differs is names, that GPT-2's matrices lie the
other way round, and that some of Llama's are parts of one of ours. Three tables translate, `BERT`, `GPT` and `LLAMA`,
in both directions; `GGUF` is for the files of llama.cpp.

What it leaves out. Other architectures. Reading and writing: see `checkpoint_folders` and `checkpoints`.

Sources. Wolf et al. (2020), "Transformers: State-of-the-Art Natural Language Processing"; github.com/ggml-org/ggml.
"""

import re
from typing import NamedTuple

from torch import Tensor, nn

from course_lib import bert, gpt, llama
from course_lib.settings import require


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
        "pruned_heads": (None, {}),
        "quantization_config": (None, {}),
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
        "pruned_heads": (None, {}),
        "quantization_config": (None, {}),
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
    fixed={
        "hidden_act": ("silu",),
        "attention_bias": (False,),
        "mlp_bias": (False,),
        "quantization_config": (None, {}),
    },
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
    fixed={
        "general.architecture": ("llama",),
        "llama.rope.scaling.type": ("none",),
        "llama.rope.scale_linear": (1,),
        "llama.expert_count": (0,),
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
    family, found = family or family_of(model), {}
    for name in model.state_dict():
        part, _, what = name.removeprefix("bert.").rpartition(".")
        number = re.search(r"(?<=\.)\d+(?=\.)", part)
        pattern = part.replace(f".{number[0]}.", ".#.", 1) if number else part
        require(pattern in family.names, "model", name, "made of what transformers has names for: take that part out")
        theirs = family.names[pattern]
        full = tuple(f"{one.replace('#', number[0] if number else '')}.{what}" for one in several(theirs))
        found[name] = full if isinstance(theirs, tuple) else full[0]
    return found


def several(theirs: str | tuple[str, ...]) -> tuple[str, ...]:
    return theirs if isinstance(theirs, tuple) else (theirs,)


def turned(name: str, tensor: Tensor) -> Tensor:
    """A tensor of theirs as ours, or of ours as theirs, by their name: transposed, or as it is."""
    return tensor.T if name.endswith(TURNED) else tensor


def family_of(model: nn.Module) -> Family:
    known = type(model) in ARCHITECTURES.values()
    require(known, "model", type(model).__name__, f"one that transformers has: {', '.join(ARCHITECTURES)}")
    return {gpt.GPT: GPT, llama.Llama: LLAMA}.get(type(model), BERT)
