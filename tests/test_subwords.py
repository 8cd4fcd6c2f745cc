"""subwords: GPT-2's and BERT's real vocabularies against `tokenizers` and `tiktoken`.

Every oracle's vocabulary is counted first: some ways to make one swallow a path and build an empty tokenizer.
Of BERT's, U+2B820 to U+2B91F and some characters younger than Unicode 8 are left out: see test_wordpiece.
"""

# ruff: noqa: F811  (fixtures are imported)

import hashlib
import random

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer_peers import bert, bert_of_others, gpt2, gpt2_of_others, reviews, sentence, small  # noqa: F401
from tokenizers import Tokenizer, models, pre_tokenizers

from course_lib import bpe, data
from course_lib.tokenizers import BPETokenizer, CharacterTokenizer, WordPieceTokenizer

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


KNOWN = st.text(st.characters(exclude_categories=["Cs", "Cn"]))


ODD = "aB ,.'  \n\t\r\x0b\x1c\x85\xa0\u2028sllvedÉßİΣσς\u0301\u0308ー가が北½Ⅷ²_\0😀\ue000"


HOSTILE = st.text(st.sampled_from(ODD), max_size=40)


# for BERT: what is neither mark nor punctuation nor format character; ODD has old ones of each
# and U+166D, which was punctuation before Unicode 12 and still is to `tokenizers`, is a symbol today
LEFT_OUT = "\u166d" + "".join(map(chr, range(0x2B820, 0x2B920)))


OLD = st.text(st.characters(exclude_categories=["Cs", "Cn", "P", "M", "Cf"], exclude_characters=LEFT_OUT))


def test_gpt2s_files_are_written_as_openai_did(gpt2, tmp_path):
    """The ids follow from the merges: what we write has the sha256 of encoder.json and vocab.bpe in the wheel."""
    gpt2.save(tmp_path)
    digests = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("vocab.json", "merges.txt")]
    assert digests == [
        "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    ]
    assert len(gpt2) == 50257
    assert gpt2.special_tokens == {"<|endoftext|>": 50256}


def test_ids_on_a_part_of_the_corpus_are_those_of_both_engines(gpt2, gpt2_of_others, reviews):
    ranks = {bpe.unspell(name): i for name, i in gpt2.vocab.items() if i < 50256}
    other = tiktoken.Encoding("gpt2", pat_str=GPT2, mergeable_ranks=ranks, special_tokens={})
    assert other.n_vocab == 50256
    texts = [*reviews, *list(data.load("shakespeare_plays").values())[::19]]
    for path in data.load("course_corpus").paths:
        with path.open(encoding="utf-8") as file:
            texts.append(file.read(100_000))
    for text in texts:
        ids = gpt2.encode(text)
        assert ids == other.encode_ordinary(text)
        encoding = gpt2_of_others.encode(text)
        assert ids == encoding.ids
        assert gpt2.offsets(text) == encoding.offsets
        assert gpt2.decode(ids) == text


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(text=KNOWN | HOSTILE)
def test_ids_and_offsets_of_hostile_texts_are_those_of_tokenizers(gpt2, gpt2_of_others, text):
    encoding = gpt2_of_others.encode(text)
    assert gpt2.encode(text, special=False) == encoding.ids
    assert [(start, end) for _, start, end in gpt2.cuts(text, special=False)] == encoding.offsets


@pytest.fixture(scope="module")
def few_bytes() -> BPETokenizer:
    """Digits alone, and no token for a byte that its text does not have: as SmolLM2's."""
    play = next(iter(data.load("shakespeare_plays").values()))[:50_000] + " 1  22\n\n333"
    whole = BPETokenizer(digits=True).train(play, 500)
    used = {bpe.spell(letter) for letter in set(play)}
    names = ["<|endoftext|>", *(name for name in list(whole.vocab)[:-1] if len(name) > 1 or name in used)]
    assert len(whole) - 250 < len(names) < len(whole) - 100
    return BPETokenizer(whole.merges, ["<|endoftext|>"], names, digits=True, unknown="<|endoftext|>")


@settings(max_examples=500, deadline=None)
@given(text=KNOWN | HOSTILE | st.text(st.sampled_from("a 1\n²")))
def test_digits_alone_and_unknown_bytes_are_those_of_tokenizers(few_bytes, text):
    engine = Tokenizer(models.BPE(few_bytes.vocab, few_bytes.merges, unk_token="<|endoftext|>"))
    engine.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)])
    encoding = engine.encode(text)
    assert few_bytes.encode(text, special=False) == encoding.ids
    assert [(start, end) for _, start, end in few_bytes.cuts(text, special=False)] == encoding.offsets


def test_unknown_bytes_and_digits_survive_a_file(few_bytes, tmp_path):
    few_bytes.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["tokenizer.json"], "older files cannot say it"
    again = BPETokenizer.load(tmp_path)
    text = "the 12  3 北"
    assert (again.digits, again.unknown) == (True, "<|endoftext|>")
    assert again.encode(text) == few_bytes.encode(text) == Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(
        text).ids  # fmt: skip
    assert again.encode("北") == [0, 0, 0]
    assert again.decode(again.encode("a北")) == "a" + "<|endoftext|>" * 3
    with pytest.raises(ValueError, match=r"unknown='\[UNK\]' cannot be used"):
        BPETokenizer(unknown="[UNK]")
    with pytest.raises(ValueError, match="The vocabulary lacks the byte"):
        BPETokenizer(few_bytes.merges, ["<|endoftext|>"], list(few_bytes.vocab))


@settings(max_examples=500, deadline=None)
@given(text=st.text() | HOSTILE)
def test_any_text_comes_back(gpt2, text):
    for tokenizer in (gpt2, BPETokenizer()):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert max(ids, default=0) < len(tokenizer)
    assert len(BPETokenizer().encode(text, special=False)) == len(text.encode())


LONG = ["北京大学" * 30_000, "\0" * 10**6, " " * 10**6, "ab1." * 250_000]


@pytest.mark.parametrize("text", [pytest.param("a" * 10**6, marks=pytest.mark.slow), *LONG])
def test_a_long_text_without_a_space_comes_back(gpt2, text):
    assert gpt2.decode(gpt2.encode(text)) == text


def test_half_a_character_is_told_and_not_hidden(gpt2):
    ids = gpt2.encode("北")
    assert len(ids) > 1
    assert gpt2.decode(ids[:1]) == "\ufffd"
    assert gpt2.offsets("a 北") == [(0, 1), *[(1, 3)], *[(2, 3)] * (len(gpt2.encode(" 北")) - 1)]


def test_reviews_are_cut_as_berts(bert, bert_of_others, reviews):
    for text in reviews:
        encoding = bert_of_others.encode(text, add_special_tokens=False)
        assert bert.encode(text) == encoding.ids
        assert bert.offsets(text) == encoding.offsets
        assert bert.tokens(text) == encoding.tokens


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(text=OLD | HOSTILE)
def test_hostile_texts_are_cut_as_berts(bert, bert_of_others, text):
    encoding = bert_of_others.encode(text, add_special_tokens=False)
    assert bert.encode(text) == encoding.ids
    assert bert.offsets(text) == encoding.offsets


def test_batches_of_pairs_are_cut_to_length_as_berts(bert, bert_of_others, reviews):
    draw = random.Random(3)
    for _ in range(300):
        some = [draw.choice(reviews)[: draw.randrange(200)] for _ in range(6)]
        length = draw.randrange(5, 70)
        bert_of_others.enable_truncation(length, strategy="longest_first")
        bert_of_others.enable_padding(pad_id=bert.pad_id)
        expected = bert_of_others.encode_batch(list(zip(some[:3], some[3:])))
        batch = bert.encode_batch(some[:3], some[3:], max_length=length, offsets=True)
        assert batch.input_ids.tolist() == [encoding.ids for encoding in expected]
        assert batch.attention_mask.long().tolist() == [encoding.attention_mask for encoding in expected]
        assert batch.token_type_ids.tolist() == [encoding.type_ids for encoding in expected]
        assert batch.offsets.tolist() == [list(map(list, encoding.offsets)) for encoding in expected]
    bert_of_others.no_truncation()
    bert_of_others.no_padding()


def test_bert_by_hand(bert):
    assert bert.tokens("Unaffable naïveté, 北京! [MASK]") == [
        "una", "##ffa", "##ble", "naive", "##te", ",", "北", "京", "!", "[MASK]",
    ]  # fmt: skip
    assert bert.tokens("[mask]") == ["[", "mask", "]"]
    assert bert.encode("[MASK]", special=False) == bert.encode("[ mask ]")
    assert bert.decode(bert.encode("Don't stop, NOW.")) == "don ' t stop , now ."
    assert bert.tokens("x" * 101 + " " + "\u0c85") == ["[UNK]", "[UNK]"]
    assert (bert.cls_id, bert.sep_id, bert.pad_id, bert.unk_id, bert.mask_id) == (101, 102, 0, 100, 103)
    assert bert.decode([101, 7592, 102, 0, 0], skip_special_tokens=True) == "hello"
    assert bert.encode("") == bert.encode(" \n\0") == []


def test_training_anew_forgets_every_cut(small):
    """Hugging Face's trainer leaves old cuts of words behind in the same object."""
    texts = ["low lower lowest", "newer wider"]
    for again, size in ((BPETokenizer(), 280), (WordPieceTokenizer(), 40)):
        again.train(["the cat sat on the mat " * 3], size)
        for text in texts:
            again.encode(text)
            again.cuts(text)
        fresh = type(again)().train(texts, size + 2)
        assert again.train(texts, size + 2).vocab == fresh.vocab
        for text in texts:
            assert again.encode(text) == fresh.encode(text)
            assert again.cuts(text) == fresh.cuts(text)
            assert again.decode(again.encode(text)) == text


def test_a_trained_bpe_has_the_size_that_was_asked(small):
    assert len(small["bpe"]) == len(small["wordpiece"]) == 600
    assert small["bpe"].special_tokens == {"<|endoftext|>": 599}
    assert small["wordpiece"].special_tokens["[MASK]"] == 4
    assert len(BPETokenizer().train("ab", 600)) == 258  # nothing left to join
    several = BPETokenizer(special_tokens=("<|a|>", "<|a|>b")).train("ab", 600)
    assert several.tokens("ab<|a|>b<|a|>") == ["ab", "<|a|>b", "<|a|>"]
    assert several.decode(several.encode("ab<|a|>b")) == "ab<|a|>b"


def test_a_cased_wordpiece_keeps_its_case(tmp_path):
    cased = WordPieceTokenizer(lowercase=False).train("Été Ete ete", 30)
    cased.save(tmp_path)
    others = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    for text in ("Été", "Ete ete", "été"):
        assert others.encode(text, add_special_tokens=False).tokens == cased.tokens(text)
        assert WordPieceTokenizer.load(tmp_path).tokens(text) == cased.tokens(text)
    (tmp_path / "tokenizer.json").unlink()
    assert WordPieceTokenizer.load(tmp_path, lowercase=False).tokens("Été") == cased.tokens("Été")


def test_sizes_without_room():
    sentence(BPETokenizer().train, ["a"], 256, says="^vocab_size=256 cannot be used: vocab_size must be 257 or more")
    sentence(BPETokenizer().train, ["a"], 300, 0, says="^min_count=0 cannot be used")
    for tokenizer in (BPETokenizer(), WordPieceTokenizer()):
        sentence(tokenizer.train, iter([]), 300, says="^texts=.* cannot be used: .* texts with words in them")
    sentence(WordPieceTokenizer().train, ["a"], 5, says="^vocab_size=5 cannot be used")
    sentence(WordPieceTokenizer().train, ["abc def"], 9, says="^num_pieces=4 .* must be 6 or more, as")


def test_merges_and_names_that_do_not_fit():
    sentence(BPETokenizer, [("a", "b")], (), [*bpe.ALPHABET], says="^The vocabulary lacks 'ab', which its merges need")
    sentence(BPETokenizer, [], (), bpe.ALPHABET[1:], says="^The vocabulary lacks the byte b'!'")
    sentence(BPETokenizer, [], (), [*bpe.ALPHABET, "北"], says="^The vocabulary uses '北', which names no byte")
    sentence(BPETokenizer, [("a", "b")], ("ab",), says="^The token 'ab' comes 2 times: keep one")
    sentence(WordPieceTokenizer, ["a", "[UNK]"], says=r"^The vocabulary lacks \[PAD\], \[CLS\], \[SEP\], \[MASK\]")
    sentence(CharacterTokenizer, "aba", says="^The token 'a' comes 2 times")
