"""The article's eight snippets (sections 4.1 and 4.2), word for word, beside course_lib.

Offline they find folders of the names that they ask for, with random checkpoints that transformers wrote. What crashes
with transformers 5 has to crash here, with the sentence that lesson 19 shows: or the lesson is out of date.
"""
import os

import pytest
import torch
import transformers

from course_lib import bert, checkpoints, data
from course_lib.tokenizers import BPETokenizer, WordPieceTokenizer

TEXT = "Hello, how are you?"
SNIPPETS = {
    "4.1.1": "import torch\nfrom transformers import BertTokenizer, BertModel",  # behind !pip install transformers
    "4.1.2": "tokenizer = BertTokenizer.from_pretrained('bert-base-uncased')\n"
             "model = BertModel.from_pretrained('bert-base-uncased')",
    "4.1.3": 'text = "Hello, how are you?"\n'
             "inputs = tokenizer.encode_plus(text, add_special_tokens=True, return_tensors='pt')",
    "4.1.4": "outputs = model(**inputs)\nlast_hidden_states = outputs.last_hidden_state",
    "4.2.1": "import torch\nfrom transformers import GPT2Tokenizer, GPT2Model",
    "4.2.2": "tokenizer = GPT2Tokenizer.from_pretrained('gpt2')\nmodel = GPT2Model.from_pretrained('gpt2')",
    "4.2.3": "text = \"Hello, how are you?\"\ninputs = tokenizer.encode(text, return_tensors='pt')",
    "4.2.4": "outputs = model(**inputs)\nlast_hidden_states = outputs.last_hidden_state",
}  # fmt: skip


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """A working folder with two random checkpoints, named as the article's models."""
    torch.manual_seed(0)
    pieces = WordPieceTokenizer().train(["hello how are you", "who are you, how old?"] * 3, vocab_size=60)
    small = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40}
    config = transformers.BertConfig(vocab_size=len(pieces), max_position_embeddings=32, **small)
    transformers.BertForPreTraining(config).save_pretrained(tmp_path / "bert-base-uncased")
    pieces.save(tmp_path / "bert-base-uncased")
    letters = BPETokenizer.load(data.path("gpt2_merges"))
    config = transformers.GPT2Config(vocab_size=len(letters), n_positions=32, n_embd=24, n_layer=3, n_head=4)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt2")
    letters.save(tmp_path / "gpt2")
    monkeypatch.chdir(tmp_path)
    return len(pieces), len(letters)


def run(number, space):
    exec(SNIPPETS[number], space)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def the_bert_half(vocab_size):
    space = {}
    run("4.1.1", space)
    run("4.1.2", space)
    assert len(space["tokenizer"]) == vocab_size, "an empty tokenizer would compare with nothing"
    with pytest.raises(AttributeError, match="BertTokenizer has no attribute encode_plus"):
        run("4.1.3", space)
    space["inputs"] = space["tokenizer"](TEXT, add_special_tokens=True, return_tensors="pt")  # the mend
    run("4.1.4", space)
    ours, pieces = checkpoints.load_bert("bert-base-uncased", head=bert.BertModel)
    batch = pieces.encode_batch([TEXT])
    assert torch.equal(batch.input_ids, space["inputs"]["input_ids"])
    assert batch.input_ids.unique().numel() > 5
    with torch.no_grad():
        close(ours(batch.input_ids, batch.attention_mask).hidden, space["last_hidden_states"])


def the_gpt_half(vocab_size):
    space = {}
    for number in ("4.2.1", "4.2.2", "4.2.3"):
        run(number, space)
    assert len(space["tokenizer"]) == vocab_size
    with pytest.raises(TypeError, match=r"argument after \*\* must be a mapping, not Tensor"):
        run("4.2.4", space)
    ids = space["inputs"]
    space["inputs"] = space["tokenizer"](TEXT, return_tensors="pt")  # the mend
    run("4.2.4", space)
    assert torch.equal(ids, space["inputs"]["input_ids"])
    ours, letters = checkpoints.load_gpt("gpt2")
    assert letters.encode(TEXT) == ids[0].tolist()
    with torch.no_grad():
        output = ours(ids, return_layers=True)
        close(ours.norm(output.layers[-1]), space["last_hidden_states"])
        assert "logits" not in space["outputs"], "GPT2Model has no language head"
        close(output.logits, transformers.GPT2LMHeadModel.from_pretrained("gpt2")(ids).logits)


def test_the_berts_half_offline(offline):
    the_bert_half(offline[0])


def test_the_gpts_half_offline(offline):
    the_gpt_half(offline[1])


@pytest.mark.slow
@pytest.mark.skipif("ASK_THE_HUB" not in os.environ, reason="ASK_THE_HUB=1 downloads the article's models, about 1 GB")
def test_both_halves_by_hub_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # nothing of these names lies here
    the_bert_half(30_522)
    the_gpt_half(50_257)
