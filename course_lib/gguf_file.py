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

import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.files import existing, require_whole
from course_lib.linear import BLOCK, Blocks
from course_lib.settings import require
from course_lib.tokenizers import BPETokenizer, checked_merges

CONTROL = 3  # the type of a token that stands for no text


class Stored:
    """One tensor of a file: `shape` as torch has it, `kind` ("F32", "Q4_1", ...), and its numbers on request.

    `head_size`: set it where the rows are heads whose pairs are neighbours, and they come as `halves` has them.
    """

    head_size: int | None = None

    def __init__(self, path: Path, found):
        self.path, self.name, self._type = path, found.name, found.tensor_type
        self.kind = self.dtype = found.tensor_type.name
        self.shape = tuple(int(size) for size in reversed(found.shape))
        self._offset, self._size = found.data_offset, found.n_bytes

    def is_floating_point(self) -> bool:
        return self.kind not in ("I8", "I16", "I32", "I64")

    def _bytes(self, rows: range) -> np.ndarray:
        """Of some rows, as they are stored: one a row."""
        size = self._size // (math.prod(self.shape) // self.shape[-1])
        found = np.fromfile(self.path, np.uint8, size * len(rows), offset=self._offset + size * rows.start)
        return found.reshape(len(rows), size)

    def read(self, into: Float[Tensor, "..."] | None = None) -> Float[Tensor, "..."]:
        """The numbers in float32, whatever they are stored in, in a new tensor or in this one.

        ValueError for a kind that `gguf` does not turn back.
        """
        import gguf

        into = torch.empty(self.shape) if into is None else into
        rows, step = into.view(-1, self.shape[-1]), self.head_size or 256
        try:
            for i in range(0, len(rows), step):  # not all at once: `gguf` takes twice the memory of what it returns
                stored = self._bytes(range(i, min(i + step, len(rows))))
                rows[i : i + step] = halves(torch.from_numpy(gguf.dequantize(stored, self._type)), self.head_size)
            return into
        except NotImplementedError:
            where = f"{self.name} in {self.path}"
            raise ValueError(f"{where} is stored as {self.kind}: take a file in F16, Q8_0 or Q4_1.") from None

    def blocks(self) -> Blocks | None:
        """Of a tensor in 4 bits the whole numbers, scales and least values (see `linear.Int4Linear`); else None."""
        if self.kind not in ("Q4_0", "Q4_1"):
            return None
        head = 2 * (1 + (self.kind == "Q4_1"))  # bytes: d and, in Q4_1, m as float16; then 16 bytes of two q each
        blocks = torch.from_numpy(self._bytes(range(self.shape[0]))).view(-1, self.shape[1] // BLOCK, head + BLOCK // 2)
        d, *m = blocks[..., :head].contiguous().view(torch.float16).float().unbind(-1)  # (N, D / 32)
        q = torch.cat([blocks[..., head:] & 15, blocks[..., head:] >> 4], -1).flatten(1)  # (N, D)
        return tuple(halves(part, self.head_size) for part in (q, d, m[0] if m else -8 * d))


def halves(rows: Float[Tensor, "N D"], head_size: int | None) -> Float[Tensor, "N D"]:
    """Rows of heads in which 2i and 2i + 1 make a pair, put in the order in which i and i + head_size / 2 make it.

    >>> halves(torch.tensor([[0], [1], [2], [3]]), 4).flatten().tolist()
    [0, 2, 1, 3]
    """
    if head_size is None:
        return rows
    return rows.view(-1, head_size // 2, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)


class GGUFFile:
    """What a file says. ImportError without the package `gguf`, ValueError for what is no whole GGUF file."""

    def __init__(self, path: str | Path):
        self.path = existing(path, "GGUF file")
        try:
            import gguf  # a package of its own, for whoever reads such files
        except ImportError:
            raise ImportError(f"Reading {path} takes the package gguf: pip install gguf, or name a folder.") from None

        class Reader(gguf.GGUFReader):
            """Theirs goes on beyond the file's end for as long as a count says, which may be for ever."""

            def _get(self, offset, dtype, count=1, **more):
                end = offset + int(count) * np.dtype(dtype).itemsize
                require(end <= len(self.data), "end", end, "in the file")
                return super()._get(offset, dtype, count, **more)

        try:
            found = Reader(self.path)
            self.settings = {name: _value(field) for name, field in found.fields.items()}
            self.tensors = {tensor.name: Stored(self.path, tensor) for tensor in found.tensors}
        except (ValueError, IndexError, KeyError, OverflowError, TypeError, MemoryError):
            raise ValueError(f"{path} is damaged, cut off or no GGUF file: copy it again.") from None

    def tokenizer(self) -> BPETokenizer | None:
        """The file's own tokenizer, None where it has none. ValueError for one that is not GPT-2's or SmolLM2's."""
        found = {name.removeprefix("tokenizer.ggml."): value for name, value in self.settings.items()}
        if "model" not in found:
            return None
        kind, pre = found["model"], found.get("pre")
        known = kind == "gpt2" and pre in ("gpt-2", "smollm")
        require(known, "tokenizer", (kind, pre), f"'gpt2' with 'gpt-2' or 'smollm' in {self.path}")
        missing = [name for name in ("tokens", "token_type", "merges") if not found.get(name)]
        require_whole(not missing, self.path, f"has a tokenizer without {', '.join(missing)}")
        names = found["tokens"]
        special = [name for name, kind in zip(names, found["token_type"]) if kind == CONTROL]
        pad, unknown = (dict(enumerate(names)).get(found.get(f"{use}_token_id")) for use in ("padding", "unknown"))
        special.sort(key=lambda name: name != pad)  # the first of them pads
        merges = checked_merges([tuple(pair.split(" ")) for pair in found["merges"]], self.path, 0)
        return BPETokenizer(merges, special, names, digits=pre == "smollm", unknown=unknown)


def _value(field) -> object:
    """A setting as Python has it; 1e-05 in 4 bytes is that again, and not 9.999999747378752e-06."""
    value = field.contents()
    return float(str(np.float32(value))) if field.types[0].name == "FLOAT32" else value
