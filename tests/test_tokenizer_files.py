"""tokenizer_files: files read and written beside `tokenizers`, and every bad file in one sentence."""

# ruff: noqa: F811  (fixtures are imported)

import json
import shutil

import pytest
from tokenizer_peers import gpt2, reviews, sentence, small  # noqa: F401
from tokenizers import Tokenizer, models, pre_tokenizers

from course_lib import data
from course_lib.tokenizers import BPETokenizer, WordPieceTokenizer


@pytest.mark.parametrize("kind", ["bpe", "wordpiece"])
def test_either_file_alone_is_read_and_tokenizers_reads_ours(small, kind, tmp_path, reviews):
    ours = small[kind]
    ours.save(tmp_path / "all" / "deep")
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(tmp_path / "all/deep", old)
    (old / "tokenizer.json").unlink()
    new.mkdir()
    shutil.copy(tmp_path / "all/deep/tokenizer.json", new)
    others = Tokenizer.from_file(str(new / "tokenizer.json"))
    assert others.get_vocab_size() == 600
    others.save(str(tmp_path / "theirs.json"))
    one_file = old / ("merges.txt" if kind == "bpe" else "vocab.txt")
    paths = [old, new, tmp_path / "all/deep", new / "tokenizer.json", one_file, tmp_path / "theirs.json"]
    for path in paths:
        read = type(ours).load(path)
        assert read.vocab == ours.vocab
        assert read.special_tokens == ours.special_tokens
        assert read.encode(reviews[0]) == ours.encode(reviews[0])
    for text in [*reviews[:50], "a [MASK] b<|endoftext|>"]:
        assert others.encode(text, add_special_tokens=False).ids == ours.encode(text)
        assert others.encode(text).ids == ours.encode_batch([text]).input_ids[0].tolist()
    if kind == "bpe":
        assert others.decode(ours.encode(reviews[0])) == reviews[0]


def test_ids_of_others_are_kept(tmp_path):
    """`tokenizers` gives special tokens the first ids, and may add tokens beyond the model's."""
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers.trainers import BpeTrainer

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    theirs.train_from_iterator(["to be or not to be"] * 3, BpeTrainer(
        vocab_size=265, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False))  # fmt: skip
    theirs.add_special_tokens(["<mask>"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = BPETokenizer.load(tmp_path)
    assert ours.vocab == dict(sorted(theirs.get_vocab().items(), key=lambda pair: pair[1]))
    assert list(ours.special_tokens) == ["<s>", "<mask>"]
    for text in ("to be<mask>", "<s>not or"):
        assert ours.encode(text) == theirs.encode(text).ids


SPECIAL = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("vocab.txt", SPECIAL + "a\nb\na\n", "^The token 'a' comes 2 times"),
        ("vocab.txt", "a\nb\n", r"^The vocabulary lacks \[PAD\]"),
        ("vocab.txt", "", r"^The vocabulary lacks \[PAD\]"),
        ("vocab.txt", b"\xff\xff", "^line 1 of .*vocab.txt is not UTF-8 .*: save it as UTF-8"),
        ("tokenizer.json", "{", "is no whole JSON file"),
        ("tokenizer.json", "[1]", "cannot be used: .* must be names and what they mean, in braces"),
        ("tokenizer.json", "{}", "has no model: it is damaged"),
        ("tokenizer.json", '{"model": {"type": "WordPiece"}}', "has no vocab: it is damaged"),
        ("tokenizer.json", '{"model": {"type": "Unigram", "vocab": []}}', "type='Unigram' cannot"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": {}, "merges": []}}',
         "type='BPE' cannot .* WordPiece in .*: try tokenizers.load.$"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": 0, "b": 2}}}', "none with the id 1: ids"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": 0, "b": 0}}}', "none with the id 1: ids"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": 0, "a": 1}}}', "'a' comes 2 times in"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": "0"}}}', "none with the id 0: ids"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": 0}}}', "is not cut as .* .type=None"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": 0}}, '
         '"added_tokens": [{"content": "a", "id": 1}]}', "'a' of .* has two ids, 0 and 1.$"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {"a": 0}}, '
         '"added_tokens": [{"content": "m", "id": 1, "lstrip": true}]}', "'m' of .* has lstrip, which"),
        ("merges.txt", "#version: 0.2\na b\n", "has no tokenizer.json and no vocab.txt, but a merges.txt: load it"),
        ("other.txt", "a", "has no tokenizer.json and no vocab.txt.$"),
    ],
)  # fmt: skip
def test_folders_that_are_no_wordpiece(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    sentence(WordPieceTokenizer.load, tmp_path, says=says)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("vocab.txt", SPECIAL, "no merges.txt, but a vocab.txt: load it with WordPieceTokenizer.$"),
        ("merges.txt", SPECIAL, r"^Merge 1 of .*merges.txt, '\[PAD\]', is no pair of byte-level tokens"),
        ("merges.txt", "#version: 0.2\na b\nc d e\n", "^Merge 3 of .*, 'c d e', is no pair"),
        ("merges.txt", "a 北\n", "^Merge 1 of .* is no pair of byte-level tokens"),
        ("merges.txt", "a b\nc d\na b\n", "^Merge 1 of .*, 'a b', is no pair of byte-level tokens or comes twice"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": {}}}', "has no merges: it is damaged"),
        ("tokenizer.json", '{"model": {"type": "WordPiece", "vocab": {}}}',
         "type='WordPiece' cannot .* BPE in .*: try tokenizers.load.$"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Split"}}',
         "is not cut as BPETokenizer .type='Split', add_prefix_space=None"),
        ("tokenizer.json", '{"model": {"type": "BPE", "vocab": {}, "merges": [], "byte_fallback": true}, '
         '"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "normalizer": {"type": "NFC"}}',
         "BPETokenizer .byte_fallback=True, normalizer NFC"),
    ],
)  # fmt: skip
def test_folders_that_are_no_bpe(tmp_path, name, content, says):
    (tmp_path / name).write_text(content, encoding="utf-8")
    sentence(BPETokenizer.load, tmp_path, says=says)


def test_files_of_two_tokenizers(small, tmp_path, gpt2):
    small["bpe"].save(tmp_path)
    vocab = json.loads((tmp_path / "vocab.json").read_text())
    gpt2.save(tmp_path / "gpt2")
    shutil.copy(tmp_path / "gpt2/merges.txt", tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    sentence(BPETokenizer.load, tmp_path, says="^The vocabulary lacks '.*', which its merges need: they belong")
    del vocab["!"]
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    sentence(BPETokenizer.load, tmp_path, says="vocab.json has 599 tokens and none with the id 0: ids must")
    with pytest.raises(FileNotFoundError, match="^there is no file of a tokenizer at .*nowhere.txt: check"):
        BPETokenizer.load(tmp_path / "nowhere.txt")
    sentence(WordPieceTokenizer.load, data.path("gpt2_merges"), says="^The vocabulary lacks")
