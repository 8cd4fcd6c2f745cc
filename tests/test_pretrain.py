"""The pretraining command: on a little of the real text it leaves a folder that can be read again, and goes on."""
import json
import sys
from itertools import islice

import numpy as np
import safetensors.torch
import torch

from course_lib import bert, data, pretrain
from course_lib.tokenizers import WordPieceTokenizer

ARGUMENTS = ["--size", "tiny", "--vocab-size", "400", "--batch-size", "4", "--context-length", "32"]


def test_the_held_out_reviews_are_whole_shelves_and_are_not_read():
    held = pretrain.held_out_reviews()
    assert held.sum() == 5000
    assert {len(set(shelf)) for shelf in np.split(held, 100)} == {1}, "a shelf of 250 neighbours goes one way"
    texts = [review.text for review in data.load("film_sentiment") if review.source == "imdb"]
    first = [next(iter(pretrain.documents(held_out=side)))[0] for side in (False, True)]
    for side, sentence in zip((False, True), first, strict=True):
        assert texts[int(np.flatnonzero(held == side)[0])].startswith(sentence)


def test_a_run_leaves_a_model_a_tokenizer_and_a_card_and_goes_on(tmp_path, monkeypatch, capsys):
    real = pretrain.documents
    monkeypatch.setattr(pretrain, "documents", lambda held_out=False: islice(real(held_out), 60))
    for steps in ("3", "3"):  # the second time there is nothing left to do
        monkeypatch.setattr(sys, "argv", ["pretrain", str(tmp_path), "--steps", steps, *ARGUMENTS])
        pretrain.main()
    card = json.loads((tmp_path / "card.json").read_text("utf-8"))
    tokenizer = WordPieceTokenizer.load(tmp_path)
    assert len(tokenizer) == card["model"]["vocab_size"] == 400
    model = bert.BertForPreTraining(bert.BertConfig(**card["model"]))
    state = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    model.load_state_dict(state)
    assert 0 < card["held_out"]["loss"] < 7
    assert card["held_out"]["right"] <= card["held_out"]["top_5"] <= 1
    assert '"top_5"' in capsys.readouterr().out
