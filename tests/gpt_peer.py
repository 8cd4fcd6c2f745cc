"""transformers' GPT-2 with random weights and ours with the same: for test_gpt and test_decoding."""
import torch
import transformers

from course_lib import gpt

NAMES = {"tokens": "transformer.wte", "positions": "transformer.wpe", "norm": "transformer.ln_f", "head": "lm_head"}
IN_A_BLOCK = {  # ours, theirs; their four matrices stand the other way round
    "attention_norm": "ln_1", "attention.qkv": "attn.c_attn", "attention.output": "attn.c_proj", "norm": "ln_2",
    "hidden": "mlp.c_fc", "output": "mlp.c_proj",
}  # fmt: skip


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
    blocks = {f"blocks.{i}.{a}": f"transformer.h.{i}.{b}" for i in range(config.num_layers)
              for a, b in IN_A_BLOCK.items()}  # fmt: skip
    ours, state, names = gpt.GPT(config), theirs.state_dict(), NAMES | blocks
    ours.load_state_dict({f"{a}.{what}": turned(a, state[f"{b}.{what}"]) for a, b in names.items()
                          for what in ("weight", "bias") if f"{b}.{what}" in state})  # fmt: skip
    return theirs.eval().double(), ours.eval().double(), names


def turned(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Theirs as ours: the matrices in a block are transposed."""
    return tensor.T if name.startswith("blocks") and tensor.dim() == 2 else tensor
