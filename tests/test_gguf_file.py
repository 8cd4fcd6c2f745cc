"""GGUF files, written by the package `gguf` itself: every kind of number, heads in their order, the tokenizer."""
import doctest
import sys

import gguf
import numpy as np
import pytest
import torch
from llama_peer import quantized

from course_lib import gguf_file
from course_lib.gguf_file import GGUFFile, halves
from course_lib.tokenizers import BPETokenizer

KINDS = ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")


def written(path, tensors=None, **settings):
    """A file with these tensors (name: numbers and kind) and tokenizer settings."""
    writer = gguf.GGUFWriter(path, "llama")
    for name, (array, kind) in (tensors or {}).items():
        kind = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name, gguf.quantize(array, kind) if array.dtype == np.float32 else array, raw_dtype=kind)
    for name, value in settings.items():
        getattr(writer, f"add_{name}")(value)
    writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()
    return path


def matrix(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def test_examples_in_docstrings():
    assert doctest.testmod(gguf_file).attempted >= 1
    assert doctest.testmod(gguf_file).failed == 0


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_read_as_gguf_reads_it(kind, tmp_path):
    a, b = matrix(600, 96), matrix(96, seed=1)  # more rows than are read at once
    file = GGUFFile(written(tmp_path / "x.gguf", {"a": (a, kind), "b": (b, "F32"), "c": (a[:5], kind)}))
    assert file.tensors["a"].shape == (600, 96)
    assert file.tensors["a"].kind == kind
    assert torch.equal(file.tensors["a"].read(), torch.from_numpy(quantized(a, kind)))
    assert torch.equal(file.tensors["b"].read(), torch.from_numpy(b))
    into = torch.zeros(7, 96)
    file.tensors["c"].read(into[1:6])
    assert torch.equal(into[1:6], torch.from_numpy(quantized(a[:5], kind)))
    assert (into[[0, 6]] == 0).all()


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1"])
@pytest.mark.parametrize("head_size", [None, 8])
def test_four_bits_are_the_numbers_that_are_read(kind, head_size, tmp_path):
    tensor = GGUFFile(written(tmp_path / "x.gguf", {"a": (matrix(24, 64), kind)})).tensors["a"]
    tensor.head_size = head_size
    q, d, m = tensor.blocks()
    assert q.shape == (24, 64)
    assert q.min() == 0
    assert q.max() == 15
    assert d.shape == m.shape == (24, 2)
    weights = q.unflatten(1, (2, 32)) * d[..., None] + m[..., None]
    assert torch.allclose(weights.flatten(1), tensor.read(), atol=1e-6)


def test_other_kinds_have_no_four_bits(tmp_path):
    file = GGUFFile(written(tmp_path / "x.gguf", {kind: (matrix(4, 64), kind) for kind in KINDS[:-2]}))
    assert {tensor.blocks() for tensor in file.tensors.values()} == {None}


def test_halves_is_llama_cpps_order_undone():
    rows = torch.arange(2 * 6)[:, None].expand(12, 3)  # two heads of six
    file_order = rows.reshape(2, 2, 3, 3).swapaxes(1, 2).reshape(12, 3)  # as convert_hf_to_gguf.py permutes
    assert file_order[:6, 0].tolist() == [0, 3, 1, 4, 2, 5]
    assert torch.equal(halves(file_order, 6), rows)
    assert halves(rows, None) is rows


def test_a_setting_in_four_bytes_is_the_number_that_was_meant(tmp_path):
    path = written(tmp_path / "x.gguf", layer_norm_rms_eps=1e-5, rope_freq_base=123_456.0, context_length=77)
    settings = GGUFFile(path).settings
    assert settings["llama.attention.layer_norm_rms_epsilon"] == 1e-5
    assert settings["llama.rope.freq_base"] == 123_456.0
    assert settings["llama.context_length"] == 77


# --- tokenizers -------------------------------------------------------------------------------------------------------

TRAINED = BPETokenizer(special_tokens=("<|endoftext|>", "<|im_start|>", "<|im_end|>"), digits=True).train(
    ["the lowest of the low, 12 or 123"] * 3, 290)  # fmt: skip
NAMES = [*list(TRAINED.vocab)[-3:], *list(TRAINED.vocab)[:-3]]  # special tokens first, as in SmolLM2's file
TYPES = [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(NAMES) - 3)
MERGES = list(map(" ".join, TRAINED.merges))
WHOLE = {"tokenizer_model": "gpt2", "tokenizer_pre": "smollm", "token_list": NAMES, "token_types": TYPES,
         "token_merges": MERGES, "unk_token_id": 0, "pad_token_id": 2}  # fmt: skip


def test_the_tokenizer_of_a_file(tmp_path):
    tokenizer = GGUFFile(written(tmp_path / "x.gguf", **WHOLE)).tokenizer()
    assert tokenizer.encode("<|im_start|>the low")[0] == 1
    assert tokenizer.pad_id == 2
    assert set(tokenizer.special_tokens) == set(NAMES[:3])
    assert tokenizer.digits
    for text in ("the lowest\n\n12", "naïve  3 of 33"):
        assert tokenizer.tokens(text) == TRAINED.tokens(text)
        assert tokenizer.decode(tokenizer.encode(text)) == text
    plain = GGUFFile(written(tmp_path / "y.gguf", **WHOLE | {"tokenizer_pre": "gpt-2"})).tokenizer()
    assert not plain.digits
    assert GGUFFile(written(tmp_path / "z.gguf")).tokenizer() is None


@pytest.mark.parametrize(("change", "words"), [
    ({"tokenizer_model": "llama"}, "tokenizer=\\('llama', 'smollm'\\)"),
    ({"tokenizer_pre": "llama-bpe"}, "tokenizer=\\('gpt2', 'llama-bpe'\\)"),
    ({"token_merges": ["x"]}, "Merge 1"), ({"token_list": NAMES[:-1]}, "which its merges need"),
    ({"token_list": [*NAMES[:-1], NAMES[5]]}, "comes 2 times"),
])  # fmt: skip
def test_tokenizers_that_are_not_read(change, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        GGUFFile(written(tmp_path / "x.gguf", **WHOLE | change)).tokenizer()


def test_a_tokenizer_without_its_merges(tmp_path):
    some = {name: value for name, value in WHOLE.items() if name != "token_merges"}
    with pytest.raises(ValueError, match="a tokenizer without merges"):
        GGUFFile(written(tmp_path / "x.gguf", **some)).tokenizer()


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_file_cut_off_anywhere_is_refused(tmp_path):
    whole = written(tmp_path / "x.gguf", {"a": (matrix(8, 32), "F32")}, **WHOLE).read_bytes()
    GGUFFile(tmp_path / "x.gguf")
    for keep in (0, 3, 4, 11, 20, 30, 100, 1000, len(whole) // 2, len(whole) - 1):
        (tmp_path / "x.gguf").write_bytes(whole[:keep])
        with pytest.raises(ValueError, match=r"x\.gguf is damaged, cut off or no GGUF file: copy it again\.$"):
            GGUFFile(tmp_path / "x.gguf")


def test_a_count_beyond_the_files_end_is_refused(tmp_path):
    path = written(tmp_path / "x.gguf", token_types=[1] * 77)
    whole, count = path.read_bytes(), (77).to_bytes(8, "little")
    assert whole.count(count) == 1
    path.write_bytes(whole.replace(count, (2**40).to_bytes(8, "little")))
    with pytest.raises(ValueError, match="is damaged, cut off or no GGUF file"):
        GGUFFile(path)


def test_what_is_no_gguf_file_is_refused(tmp_path):
    (tmp_path / "x.gguf").write_text("no model at all " * 100)
    with pytest.raises(ValueError, match="no GGUF file"):
        GGUFFile(tmp_path / "x.gguf")
    with pytest.raises(FileNotFoundError, match=r"there is no GGUF file at .*none\.gguf"):
        GGUFFile(tmp_path / "none.gguf")


def test_a_kind_that_is_not_read_is_named(tmp_path):
    path = written(tmp_path / "x.gguf", {"a": (np.ones((4, 32)), "F64"), "b": (np.ones((4, 32), np.int32), "I32")})
    file = GGUFFile(path)
    with pytest.raises(ValueError, match=r"a in .*x\.gguf is stored as F64: take a file in F16"):
        file.tensors["a"].read()
    assert file.tensors["a"].is_floating_point()
    assert not file.tensors["b"].is_floating_point()


def test_without_the_package_it_is_said_what_to_install(tmp_path, monkeypatch):
    path = written(tmp_path / "x.gguf")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError, match=r"takes the package gguf: pip install gguf"):
        GGUFFile(path)
