"""Linear layers for writing: on a CPU the next token costs about what it takes to read every weight once.

    Linear(576, 1536)             # nn.Linear, but by a faster kernel where nobody asks for gradients
    small(linear, "int8")         # a layer with one byte a weight
    small(linear, "int4")         # with half a byte, and a scale and a least value for every 32 weights

What it is. One row times a matrix multiplies each weight once, and memory is slower than that: so the number of bytes a
weight, and how well a kernel reads them, decide how fast a model writes. `Linear` keeps all 32 bits. `Int8Linear`,
`DynamicInt8Linear` and `Int4Linear` hold less, and can be used but not trained. Whole models: `decoding.quantize`,
`checkpoints.load_llama`.

What it leaves out. Weights chosen by what they do to the answer (GPTQ, AWQ), training with rounded weights, GPUs.

Sources. Dettmers et al. (2022), "LLM.int8()", for a scale for each row, and for what one large number does; llama.cpp's
Q4_1, whose blocks of 32 these are. The kernels are torch's own.

Shapes: N rows of the matrix (numbers that come out), D columns (numbers that go in).
"""

import functools
import warnings

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.settings import require

BLOCK = 32  # weights of a row that share a scale and a least value, in 4 bits
FEW = 2**17  # weights; with fewer a call of oneDNN's kernel costs more than it saves
KINDS = ("float32", "int8", "int8_dynamic", "int4")


class Linear(nn.Linear):
    """`nn.Linear`; but oneDNN multiplies where it can and no gradient is asked for: a CPU, float32, a large matrix.

    Elsewhere torch gives float32 to MKL, Intel's own: on an AMD processor with AVX-512 it took up to twice as long for
    the same, on an Intel Xeon a tenth less (benchmarks/llama.py), so there it stays. Each sums in an order of its own,
    and the last digits differ.
    """

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... N"]:
        if torch.is_grad_enabled() or torch.compiler.is_compiling() or not _fits(x, self.weight):
            return F.linear(x, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


def _fits(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN's kernel is there, and takes these two."""
    return (weight.numel() >= FEW and weight.device.type == "cpu" and x.dtype == weight.dtype == torch.float32
            and torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled and not _by_intel())  # fmt: skip


@functools.cache
def _by_intel() -> bool:
    tell = getattr(torch.cpu, "get_capabilities", dict)  # torch 2.9 and before do not say
    return "Intel" in tell().get("cpu_name", "")


class Int8Linear(nn.Module):
    """A linear layer with one byte a weight: row i is scale_i times whole numbers from -127 to 127.

    What comes in and what goes out is bfloat16 on the way, of 8 significant bits.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight, self.bias = linear.weight.detach().float().cpu(), linear.bias
        scale = weight.abs().amax(1).clamp(min=1e-9) / 127  # (N,)
        rounded = (weight / scale[:, None]).round_().to(torch.int8)
        self.extra = -weight.shape[1] % 32  # columns of zeros: torch's kernel reads whole stretches, and beyond the end
        self.rounded, self.scale = F.pad(rounded, (0, self.extra)), scale.bfloat16()

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... N"]:
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        rows = F.pad(rows, (0, self.extra)) if self.extra else rows
        y = torch._weight_int8pack_mm(rows, self.rounded, self.scale)
        return (y.to(x.dtype) if self.bias is None else y + self.bias).view(*x.shape[:-1], -1)


class DynamicInt8Linear(nn.Module):
    """The same weights, multiplied as whole numbers: what comes in is rounded too, to 7 bits, by one scale for a call.

    Faster still. But one large number makes that scale coarse for all others, and the streams of large models have such
    numbers (Dettmers et al. 2022): measure before you trust it.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        weight = linear.weight.detach().float().cpu()
        scale = weight.abs().amax(1).clamp(min=1e-9) / 127  # (N,)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zeros = torch.zeros(len(weight), dtype=torch.int64)
            rounded = torch.quantize_per_channel(weight, scale.double(), zeros, 0, torch.qint8)
            bias = None if linear.bias is None else linear.bias.detach().float().cpu()
            self.packed = torch.ops.quantized.linear_prepack(rounded, bias)

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... N"]:
        # reduce_range: 7 bits of x, as processors without VNNI add pairs of products in 16 bits, which 8 overflow
        return torch.ops.quantized.linear_dynamic(x, self.packed, reduce_range=True)


class Int4Linear(nn.Module):
    """A linear layer with 4 bits a weight, w = d q + m: q from 0 to 15, one scale d and least value m for 32 of a row.

    torch's kernel takes d and m, what comes in and what goes out as bfloat16, of 8 significant bits; q is exact.
    ValueError for a matrix that it does not take: N must be a multiple of 16, D of 32.
    """

    def __init__(self, q: Int[Tensor, "N D"], d: Float[Tensor, "N D/32"], m: Float[Tensor, "N D/32"],
                 bias: Float[Tensor, " N"] | None = None):  # fmt: skip
        super().__init__()
        fits = q.shape[0] % 16 == q.shape[1] % BLOCK == 0
        require(fits, "q", tuple(q.shape), f"of sides that are multiples of 16 and {BLOCK}, for 4 bits")
        self.packed = torch._convert_weight_to_int4pack_for_cpu(q.int(), 1)
        pairs = torch.stack([d, m + 8 * d], -1)  # torch computes (q - 8) d + what is second
        self.scales = pairs.transpose(0, 1).contiguous().bfloat16()  # (D / 32, N, 2)
        self.bias = bias

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... N"]:
        rows = x.reshape(-1, x.shape[-1]).bfloat16()
        y = torch._weight_int4pack_mm_for_cpu(rows, self.packed, BLOCK, self.scales)
        return (y.to(x.dtype) if self.bias is None else y + self.bias).view(*x.shape[:-1], -1)


FEWER_BITS = (Int8Linear, DynamicInt8Linear, Int4Linear)
Blocks = tuple[Int[Tensor, "N D"], Float[Tensor, "N D/32"], Float[Tensor, "N D/32"]]  # q, d, m


def four_bits(weight: Float[Tensor, "N D"]) -> Blocks:
    """q, d and m of a matrix, as llama.cpp's Q4_1 finds them: a block's least weight becomes 0, its greatest 15.

    >>> q, d, m = four_bits(torch.linspace(0, 31, 32)[None])
    >>> q[0, :6].tolist(), round(d.item(), 3), m.item()
    ([0, 0, 1, 1, 2, 2], 2.067, 0.0)
    """
    blocks = weight.unflatten(1, (-1, BLOCK))  # (N, D / 32, 32)
    m, most = blocks.aminmax(dim=-1)  # (N, D / 32) both
    d = (most - m) / 15
    q = ((blocks - m[..., None]) / d.clamp(min=1e-12)[..., None]).round().byte()
    return q.flatten(1), d, m


def small(linear: nn.Linear, kind: str, blocks: Blocks | None = None) -> nn.Module:
    """The layer with fewer bits a weight, for the CPU. "int4" for a matrix that cannot have it is "int8".

    `blocks`: the 4 bits of a layer that comes out of a file in 4 bits, which rounding anew would not quite find again.
    Where this torch has no such kernel the layer itself comes back, with a warning.
    """
    try:
        if kind == "int4" and not (linear.out_features % 16 or linear.in_features % BLOCK):
            layer = Int4Linear(*(blocks or four_bits(linear.weight.detach().float().cpu())), linear.bias)
        else:
            layer = (DynamicInt8Linear if kind == "int8_dynamic" else Int8Linear)(linear)
        with torch.no_grad():
            layer(torch.zeros(1, linear.in_features))
        return layer
    except (RuntimeError, AttributeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        warnings.warn(f"This torch multiplies no {kind} weights here ({reason}): they stay float32.", stacklevel=2)
        return linear
