"""transformers' Llama with random weights, ours with the same, and GGUF files of them."""
import random

import gguf
import numpy as np
import torch
import transformers
import transformers.modeling_gguf_pytorch_utils

from course_lib import checkpoints, llama


def their_llama(seed: int = 0, **settings):
    """A random model of theirs: unequal sizes, groups of every size, tied or not; no norm is 1."""
    rng = random.Random(seed)
    kv_heads, group, size = rng.choice([1, 2, 3]), rng.choice([1, 2, 3]), 2 * rng.randint(1, 4)
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(**{
        "vocab_size": rng.randint(11, 60), "max_position_embeddings": rng.randint(9, 20),
        "hidden_size": kv_heads * group * size, "intermediate_size": rng.randint(3, 40),
        "num_attention_heads": kv_heads * group, "num_key_value_heads": kv_heads,
        "num_hidden_layers": rng.randint(1, 3),
        "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-3]), "rope_theta": rng.choice([100.0, 10_000.0, 123_456.0]),
        "tie_word_embeddings": bool(seed % 2), "attn_implementation": "eager"} | settings)  # fmt: skip
    theirs = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    return theirs


def ours_of(theirs) -> llama.Llama:
    """Our model with their weights, without a file between."""
    c = theirs.config
    ours = llama.Llama(llama.LlamaConfig(
        vocab_size=c.vocab_size, context_length=c.max_position_embeddings, d_model=c.hidden_size,
        num_layers=c.num_hidden_layers, num_heads=c.num_attention_heads, num_kv_heads=c.num_key_value_heads,
        d_ff=c.intermediate_size, rope_theta=c.rope_parameters["rope_theta"], eps=c.rms_norm_eps,
        tied=c.tie_word_embeddings))  # fmt: skip
    state = theirs.state_dict()
    for name, rows in checkpoints.rows_of(ours).items():
        rows.copy_(state[name])
    return ours.eval()


def gguf_read_by_them(path) -> transformers.LlamaForCausalLM:
    """The model that transformers makes of a GGUF file, without the package that its from_pretrained asks for."""
    read = transformers.modeling_gguf_pytorch_utils.load_gguf_checkpoint
    config = transformers.LlamaConfig(**read(str(path))["config"], attn_implementation="eager")
    theirs = transformers.LlamaForCausalLM(config)
    missing, left = theirs.load_state_dict(read(str(path), True, theirs)["tensors"], strict=False)
    assert set(missing) <= {"lm_head.weight"}, missing
    assert not left
    return theirs.eval()


def quantized(array: np.ndarray, kind: str) -> np.ndarray:
    """The numbers after they have been stored as this kind."""
    kind = gguf.GGMLQuantizationType[kind]
    return gguf.dequantize(gguf.quantize(array, kind), kind)


def neighbours(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows as llama.cpp's converter orders them: of each head the two halves, taken in turn."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def write_gguf(path, theirs, kind="F32", *, tokenizer=None, architecture="llama", change=None, **settings):
    """Their model as a GGUF file, by the package's own writer and with its own table of names.

    `change` gets the tensors by name, (numbers, kind), and returns them; `settings` are written over the usual ones,
    and None leaves one out. `tokenizer`: names, their types, merges, and the kinds of model and pattern.
    """
    c, writer = theirs.config, gguf.GGUFWriter(path, architecture)
    usual = {
        "vocab_size": c.vocab_size, "context_length": c.max_position_embeddings, "embedding_length": c.hidden_size,
        "block_count": c.num_hidden_layers, "feed_forward_length": c.intermediate_size,
        "attention.head_count": c.num_attention_heads,
        "attention.head_count_kv": c.num_key_value_heads, "rope.freq_base": float(c.rope_parameters["rope_theta"]),
        "attention.layer_norm_rms_epsilon": c.rms_norm_eps, "rope.dimension_count": c.head_dim}  # fmt: skip
    for name, value in (usual | {name.replace("__", "."): value for name, value in settings.items()}).items():
        add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}.get(type(value))
        if add is not None:
            add(f"{architecture}.{name}", value)
    if tokenizer is not None:
        names, types, merges, kinds = tokenizer
        writer.add_tokenizer_model(kinds[0]), writer.add_tokenizer_pre(kinds[1])
        writer.add_token_list(names), writer.add_token_types(types), writer.add_token_merges(merges)
        writer.add_unk_token_id(0), writer.add_pad_token_id(2)
    table, tensors = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, c.num_hidden_layers), {}
    for name, tensor in theirs.state_dict().items():
        if name != "lm_head.weight" or not c.tie_word_embeddings:
            array = tensor.float().numpy()
            heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}.get(name.split(".")[-2])
            array = neighbours(array, heads) if heads else array
            tensors[table.get_name(name, try_suffixes=(".weight",))] = array, kind if array.ndim == 2 else "F32"
    for name, (array, kind) in (tensors if change is None else change(tensors)).items():
        kind = gguf.GGMLQuantizationType[kind]
        stored = array if array.dtype.kind == "i" or array.dtype == np.float64 else gguf.quantize(array, kind)
        writer.add_tensor(name, stored, raw_dtype=kind)
    writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()
    return path
