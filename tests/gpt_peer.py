"""transformers' GPT-2 with random weights and ours with the same: for test_gpt and test_decoding."""
import torch
import transformers

from course_lib import checkpoints, gpt


def theirs_and_ours(config: gpt.GPTConfig, seed: int = 0):
    """Both models, in float64 and evaluation mode, and which name of ours is which of theirs."""
    torch.manual_seed(seed)
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=config.vocab_size, n_positions=config.context_length, n_embd=config.d_model,
        n_layer=config.num_layers, n_head=config.num_heads, n_inner=config.d_ff, layer_norm_epsilon=config.eps,
        bos_token_id=None, eos_token_id=None, attn_implementation="eager"))  # fmt: skip
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    ours, state = gpt.GPT(config), theirs.state_dict()
    names = checkpoints.their_names(ours)
    ours.load_state_dict({a: checkpoints.turned(b, state[b]) for a, b in names.items()})
    return theirs.eval().double(), ours.eval().double(), names
