"""GGUF: the one file in which llama.cpp keeps a model, its weights mostly in 4 to 8 bits, and its tokenizer.

    file = GGUFFile(data.path("smollm2"))
    file.settings["llama.block_count"], file.tokenizer(), file.tensors["blk.0.attn_q.weight"].read()

What it is. The package `gguf` reads the file's head: settings by name, and for each tensor its shape, its kind and
where its bytes lie. Here these become Python's values, a `BPETokenizer`, and `Stored` tensors, each of which is read
when it is asked for and not before, so that no file is ever in memory as a whole. A kind such as Q4_1 is a row cut into
blocks of 32 weights, which share a scale d and a least value m: w = d q + m, where q is a whole number of 4 bits.

What it leaves out. Which tensor is which part of a model (see `checkpoints`), writing, and tokenizers other than BPE.

Source. The format: github.com/ggml-org/ggml, docs/gguf.md.
"""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.tokenizers import BPETokenizer

BLOCK = 32  # weights that share a scale
CONTROL = 3  # the type of a token that stands for no text


class Stored:
    """One tensor of a file: `shape` as torch has it, `kind` ("F32", "Q4_1", ...), and its numbers on request."""

    def __init__(self, path: Path, found):
        self.path, self.name, self._type = path, found.name, found.tensor_type
        self.kind, self.shape = found.tensor_type.name, tuple(int(size) for size in reversed(found.shape))
        self._offset, self._size, self._rows = found.data_offset, found.n_bytes, found.data.shape

    def is_floating_point(self) -> bool:
        return not self.kind.startswith("I")  # I8 to I64

    def _bytes(self) -> np.ndarray:
        return np.fromfile(self.path, np.uint8, self._size, offset=self._offset)

    def read(self) -> Float[Tensor, "..."]:
        """The numbers in float32, whatever they are stored in. ValueError for a kind that `gguf` does not turn back.

        Some rows at a time, as turning back takes several times their room.
        """
        import gguf

        numbers = torch.empty(self.shape)
        count = self.shape[0] if len(self.shape) > 1 else 1
        row = self._size // count  # bytes
        target, step = numbers.view(count, -1).numpy(), max(1, 2**20 // row)
        try:
            for i in range(0, count, step):
                some = min(step, count - i)
                rows = np.fromfile(self.path, np.uint8, some * row, offset=self._offset + i * row).reshape(some, row)
                target[i : i + some] = gguf.dequantize(rows, self._type).reshape(some, -1)
            return numbers
        except NotImplementedError:
            raise ValueError(f"{self.name} in {self.path} is stored as {self.kind}, which this course does not read: "
                             "take a file in F16, Q8_0 or Q4_1.") from None  # fmt: skip

    def blocks(self) -> tuple[Int[Tensor, "N D"], Float[Tensor, "N D/32"], Float[Tensor, "N D/32"]] | None:
        """Of a tensor in 4 bits its whole numbers q (0 to 15), scales d and least values m: w = d q + m; else None."""
        if self.kind not in ("Q4_0", "Q4_1"):
            return None
        head = 2 * (1 + (self.kind == "Q4_1"))  # bytes: d and, in Q4_1, m as float16; then 16 bytes of two q each
        blocks = torch.from_numpy(self._bytes()).view(-1, self.shape[1] // BLOCK, head + BLOCK // 2)
        d, *m = blocks[..., :head].contiguous().view(torch.float16).float().unbind(-1)  # (N, D / 32)
        q = torch.cat([blocks[..., head:] & 15, blocks[..., head:] >> 4], -1).flatten(1)  # (N, D)
        return q, d, m[0] if m else -8 * d


class GGUFFile:
    """What a file says. ImportError without the package `gguf`, ValueError for what is no whole GGUF file."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        try:
            import gguf  # a package of its own, for whoever reads such files
        except ImportError:
            raise ImportError(f"Reading {path} takes the package gguf: pip install gguf.") from None
        try:
            found = gguf.GGUFReader(self.path)
            self.settings = {name: _value(field) for name, field in found.fields.items()}
            self.tensors = {tensor.name: Stored(self.path, tensor) for tensor in found.tensors}
        except (ValueError, IndexError, KeyError, OverflowError, TypeError, MemoryError):
            raise ValueError(f"{path} is damaged, cut off or no GGUF file: copy it again.") from None

    def tokenizer(self) -> BPETokenizer:
        """The file's own tokenizer. ValueError for one that is not GPT-2's, or SmolLM2's."""
        kind, pre = (self.settings.get(f"tokenizer.ggml.{name}") for name in ("model", "pre"))
        if kind != "gpt2" or pre not in ("gpt-2", "smollm"):
            raise ValueError(f"The tokenizer in {self.path} is of the kind {kind!r}, {pre!r}, which this course does "
                             "not read: take a model of the kind 'gpt2', 'gpt-2' or 'smollm'.")  # fmt: skip
        names, types, merges = (self.settings[f"tokenizer.ggml.{name}"] for name in ("tokens", "token_type", "merges"))
        special = [name for name, kind in zip(names, types) if kind == CONTROL]
        pad = self.settings.get("tokenizer.ggml.padding_token_id")
        special.sort(key=lambda name: pad is None or name != names[pad])  # the first of them pads
        unknown = self.settings.get("tokenizer.ggml.unknown_token_id")
        return BPETokenizer([tuple(pair.split(" ")) for pair in merges], special, names, digits=pre == "smollm",
                            unknown=None if unknown is None else names[unknown])


def _value(field) -> object:
    """A setting as Python has it; 1e-05 in 4 bytes is that again, and not 9.999999747378752e-06."""
    value = field.contents()
    return float(str(np.float32(value))) if field.types[0].name == "FLOAT32" else value
