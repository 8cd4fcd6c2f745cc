"""Tokenizers for the tests of ours: the real vocabularies, small trained ones, and the engines of others."""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from course_lib import data
from course_lib.tokenizers import BPETokenizer, CharacterTokenizer, WordPieceTokenizer, WordTokenizer
from course_lib.vocab import Vocab


@pytest.fixture(scope="module")
def reviews() -> list[str]:
    return [review.text for review in data.load("film_sentiment")[::60]]


@pytest.fixture(scope="module")
def gpt2() -> BPETokenizer:
    return BPETokenizer.load(data.path("gpt2_merges"))


@pytest.fixture(scope="module")
def gpt2_of_others(gpt2, tmp_path_factory) -> Tokenizer:
    """`tokenizers`' engine on GPT-2's files; that encoder.json is what we write has a test of its own."""
    folder = tmp_path_factory.mktemp("gpt2")
    gpt2.save(folder)
    tokenizer = Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    assert tokenizer.get_vocab_size() == 50257
    return tokenizer


@pytest.fixture(scope="module")
def bert() -> WordPieceTokenizer:
    """BERT's real vocabulary: 84 MB the first time."""
    try:
        return WordPieceTokenizer.load(data.path("bert_vocab"))
    except data.FetchError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bert_of_others(bert) -> Tokenizer:
    tokenizer = engine_of_bert(models.WordPiece.from_file(str(data.path("bert_vocab")), unk_token="[UNK]"))
    assert tokenizer.get_vocab_size() == 30522
    return tokenizer


def engine_of_bert(model: models.WordPiece, lowercase: bool = True) -> Tokenizer:
    """The pipeline of BertTokenizerFast, made by hand."""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )  # fmt: skip
    return tokenizer


@pytest.fixture(scope="module")
def small() -> dict[str, object]:
    """One trained tokenizer of each kind."""
    play = next(iter(data.load("shakespeare_plays").values()))
    letters = CharacterTokenizer.train([play], special_tokens=["<pad>", "<start>", "<end>"])
    words = WordTokenizer(Vocab.from_corpus([play.split()], min_count=2))
    pieces = WordPieceTokenizer().train(play, 600, min_count=2)
    return {"bpe": BPETokenizer().train(play, 600), "wordpiece": pieces, "characters": letters, "words": words}


def sentence(call, *arguments, says: str, **named) -> None:
    with pytest.raises(ValueError, match=says) as raised:
        call(*arguments, **named)
    message = str(raised.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
