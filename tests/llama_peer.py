"""transformers' Llama with random weights and ours with the same: for test_llama and test_checkpoints."""
import random

import torch
import transformers

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
