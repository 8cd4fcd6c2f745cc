#!/usr/bin/env bash
# PyTorch's counter of FLOPs reports that attention on the CPU costs nothing.
#
# Expected: torch.utils.flop_counter counts the two products of scaled_dot_product_attention, Q K' and the weights times
#           V, whatever kernel computes them: 4 B H T S D operations. On a GPU it has formulas for the fused kernels.
# Seen:     torch 2.13.0 on the CPU counts 0 for it, without a word, as soon as the fused kernel for the CPU is chosen,
#           which is the default. The same call by the plain ("math") kernel is counted in full. So the total of a model
#           is too low by the share of its attention, forward and backward.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q "torch==2.13.0" "numpy==2.3.5"
"$folder/env/bin/python" - <<'PY'
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.flop_counter import FlopCounterMode

B, H, T, D = 2, 4, 64, 32
query, key, value = (torch.randn(B, H, T, D, requires_grad=True) for _ in range(3))


def counted():
    with FlopCounterMode(display=False) as counter:
        scaled_dot_product_attention(query, key, value).sum().backward()
    return counter.get_total_flops()


by_hand = 3 * 4 * B * H * T * T * D  # two products forward, four backward, 2 operations a multiplication with its sum
default = counted()
with sdpa_kernel(SDPBackend.MATH):
    plain = counted()
print(f"by hand {by_hand:,}; the default kernel {default:,}; the plain kernel {plain:,}")
assert plain == by_hand, "the behaviour has changed"
assert default == 0, "the behaviour has changed"
PY
echo "seen as described, with torch 2.13.0"
