"""The pretraining command: on a little of the real text it leaves a folder that can be read again, and goes on."""
import hashlib
import json
import sys
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from course_lib import bert, data, gpt, pretrain
from course_lib.tokenizers import WordPieceTokenizer

ROOT = Path(__file__).resolve().parent.parent
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
    model, tokenizer = pretrain.load(tmp_path)
    assert len(tokenizer) == card["model"]["vocab_size"] == 400
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    state = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in state.values()} == {torch.float16}
    assert torch.equal(model.bert.tokens.weight.half(), state["bert.tokens.weight"])
    assert card["seconds"] == round(float((tmp_path / "seconds.txt").read_text())), "of both runs"
    assert card["sha256"] == hashlib.sha256((tmp_path / "model.safetensors").read_bytes()).hexdigest()
    assert 0 < card["held_out"]["loss"] < 7
    assert card["held_out"]["right"] <= card["held_out"]["top_5"] <= 1
    assert '"top_5"' in capsys.readouterr().out

    started = tmp_path / "second"  # and another run starts from it
    monkeypatch.setattr(sys, "argv", ["pretrain", str(started), "--steps", "1", "--start-from", str(tmp_path),
                                      *ARGUMENTS])  # fmt: skip
    pretrain.main()
    second = json.loads((started / "card.json").read_text("utf-8"))
    assert second["before"] == card
    assert second["model"] == card["model"]
    moved = pretrain.load(started)[0].bert.tokens.weight - model.bert.tokens.weight
    assert 0 < moved.abs().max() < 0.01, "one step away"


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["pretrain", *map(str, arguments)])
    pretrain.main()


SMALL_GPT = ["--model", "gpt", "--size", "tiny", "--batch-size", "4", "--context-length", "32"]


def test_a_gpt_learns_a_text_of_yours(tmp_path, monkeypatch, capsys):
    """In letters and in pieces of its own; the last twentieth is not read; another run starts from it."""
    lines = [f"{a} and {b} make {a + b}." for a in range(40) for b in range(20)]
    text = tmp_path / "sums.txt"
    text.write_text("\n".join(lines), encoding="utf-8")
    for tokens, vocab_size in (("characters", len(set(text.read_text("utf-8")))), ("bpe", 270)):
        folder = tmp_path / tokens
        run(monkeypatch, folder, *SMALL_GPT, "--text", text, "--tokens", tokens, "--vocab-size", 270, "--steps", 60)
        model, tokenizer = pretrain.load(folder)
        card = json.loads((folder / "card.json").read_text("utf-8"))
        assert len(tokenizer) == model.config.vocab_size == vocab_size
        assert card["texts"] == ["sums.txt"]
        held = pretrain.read_files([text])[1]
        assert 0.03 < len(held) / len(text.read_text("utf-8")) <= 0.05
        ids = torch.tensor(tokenizer.encode(held)[: 200 * 32])
        nats = -gpt.log_probs(model, ids).sum().item()
        assert card["held_out"]["nats_per_character"] == pytest.approx(nats / len(held), rel=0.02)
        assert nats / len(held) < 2, "it has learned"
        assert model.head.weight is model.tokens.weight
        assert "head.weight" not in safetensors.torch.load_file(folder / "model.safetensors")
    given = ["--text", text, "--steps", 1, "--weight-decay", 0.5]
    run(monkeypatch, tmp_path / "more", *SMALL_GPT, *given, "--start-from", folder)
    more, _ = pretrain.load(tmp_path / "more")
    assert json.loads((tmp_path / "more/card.json").read_text("utf-8"))["training"]["weight_decay"] == 0.5
    assert 0 < (more.tokens.weight - model.tokens.weight).abs().max() < 0.01
    letters = tmp_path / "characters"  # nobody says --tokens: the run that it starts from knows
    run(monkeypatch, tmp_path / "on", "--model", "gpt", "--text", text, "--steps", 1, "--start-from", letters)
    card = json.loads((tmp_path / "on/card.json").read_text("utf-8"))
    assert (card["size"], card["tokens"]) == ("tiny", "characters")
    with pytest.raises(SystemExit, match="does not hold a model of the kind --model bert"):
        run(monkeypatch, tmp_path / "x", "--start-from", folder)


def test_a_bert_learns_a_text_of_yours(tmp_path, monkeypatch, capsys):
    text = tmp_path / "facts.txt"
    text.write_text("\n\n".join(f"The number is {i}. It comes after {i - 1}." for i in range(300)), encoding="utf-8")
    run(monkeypatch, tmp_path / "run", *ARGUMENTS, "--vocab-size", 100, "--text", text, "--steps", 2)
    model, tokenizer = pretrain.load(tmp_path / "run")
    assert "number" in tokenizer.vocab
    assert json.loads((tmp_path / "run/card.json").read_text("utf-8"))["architecture"] == "bert"


def test_the_plays_are_divided_as_in_lesson_09():
    rows = json.loads((ROOT / "benchmarks/results/ngram_characters.json").read_text())
    assert list(pretrain.SCORED_PLAYS) == rows["plays"]["scored"]
    assert list(pretrain.OTHER_PLAYS) == rows["plays"]["held_out"]
    assert len(pretrain.plays()) == rows["characters"]["counted"]
    assert len(pretrain.plays(held_out=True)) == rows["characters"]["scored"]


@pytest.mark.parametrize(("arguments", "words"), [
    (["--model", "gpt", "--size", "base"], "--size base is none of gpt2, "),
    (["--tokens", "bpe"], "--tokens bpe does not go with --model bert"),
    (["--model", "gpt", "--tokens", "wordpiece"], "--tokens wordpiece does not go with --model gpt"),
])  # fmt: skip
def test_options_that_do_not_go_together(tmp_path, monkeypatch, capsys, arguments, words):
    with pytest.raises(SystemExit):
        run(monkeypatch, tmp_path, *arguments)
    assert words in capsys.readouterr().err


def test_texts_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match="line 1 of .*latin.txt is not UTF-8"):
        run(monkeypatch, tmp_path / "a", *SMALL_GPT, "--text", tmp_path / "latin.txt")
    with pytest.raises(ValueError, match="There is no file .*nowhere.txt"):
        run(monkeypatch, tmp_path / "b", *SMALL_GPT, "--text", tmp_path / "nowhere.txt")
    (tmp_path / "short.txt").write_text("short")
    with pytest.raises(ValueError, match="ids=. cannot be used: ids must be 33 tokens or more"):
        run(monkeypatch, tmp_path / "c", *SMALL_GPT, "--tokens", "characters", "--text", tmp_path / "short.txt")


def exercise(**settings):
    tokenizer = WordPieceTokenizer().train(["a b c d"], 9)
    documents = [["a b c", "b c", "d d a"], ["c a", "a b d"], ["d", "b b"]]
    return tokenizer, pretrain.exercises(tokenizer, documents, **{"context_length": 16, "batch_size": 2} | settings)


def test_short_rows_are_spread_among_the_long_ones():
    _, long = exercise()
    short = long.resized(context_length=8, batch_size=4)
    batches = list(islice(pretrain.mixed_lengths(short, long, 0.4)(torch.Generator().manual_seed(0)), 20))
    is_short = [i % 5 in (2, 4) for i in range(20)]
    assert all(batch.input_ids.shape[1] <= 8 for batch, few in zip(batches, is_short, strict=True) if few)
    assert all(len(batch.input_ids) <= 2 for batch, few in zip(batches, is_short, strict=True) if not few)
    assert any(batch.input_ids.shape[1] > 8 for batch in batches)
    for share, longest in ((0, 16), (1, 8)):
        some = islice(pretrain.mixed_lengths(short, long, share)(torch.Generator().manual_seed(0)), 20)
        assert max(batch.input_ids.shape[1] for batch in some) == longest
    assert long.context_length == 16, "the long one is as it was"
    with pytest.raises(ValueError, match="context_length=4"):
        long.resized(context_length=4, batch_size=1)
    with pytest.raises(ValueError, match="batch_size=0"):
        long.resized(context_length=8, batch_size=0)


def test_holes_are_what_is_shown_as_the_mask():
    tokenizer, pairs = exercise(batch_size=4)
    mask_id = tokenizer.special_tokens["[MASK]"]
    batch = next(iter(pairs(torch.Generator().manual_seed(0))))
    hidden = pretrain.holes(batch, mask_id)
    shown = batch.input_ids.flatten()
    assert hidden.masked_places.tolist() == (shown == mask_id).nonzero()[:, 0].tolist()
    answers = dict(zip(batch.masked_places.tolist(), batch.labels.tolist(), strict=True))
    assert hidden.labels.tolist() == [answers[place] for place in hidden.masked_places.tolist()]
    assert hidden.input_ids is batch.input_ids, "the rows stay"


def test_the_shipped_bert_fills_a_sentence_sensibly_where_it_is_framed_as_it_was_read():
    model, tokenizer = pretrain.load(data.path("bert"))
    ids = tokenizer.encode_batch(["the [MASK] was great , I loved this movie"]).input_ids
    assert ids[0, [0, -1]].tolist() == [tokenizer.cls_id, tokenizer.sep_id]
    with torch.no_grad():
        logits, _ = model(ids, masked_places=(ids[0] == tokenizer.mask_id).nonzero()[:, 0])
    said = {tokenizer.decode([i]) for i in logits[0].topk(4).indices.tolist()}
    assert said <= {"movie", "film", "acting", "story", "cast", "ending", "plot", "music", "show"}


def test_a_run_that_broke_off_before_its_first_checkpoint_begins_anew(tmp_path, monkeypatch):
    real, begun = pretrain.documents, []
    monkeypatch.setattr(pretrain, "documents", lambda held_out=False: islice(real(held_out), 60))
    monkeypatch.setattr(pretrain, "begin", lambda model, pairs: begun.append(len(pairs.ids)))
    monkeypatch.setattr(sys, "argv", ["pretrain", str(tmp_path), "--steps", "2", *ARGUMENTS])
    (tmp_path / "run").mkdir()  # what a broken-off run leaves
    pretrain.main()
    assert len(begun) == 1
    pretrain.main()
    assert len(begun) == 1, "it goes on from its checkpoint"


@pytest.fixture
def folder(tmp_path):
    """A folder as the command leaves it: random weights, a vocabulary of eight pieces."""
    config = bert.BertConfig(vocab_size=8, context_length=6, d_model=4, num_layers=1, num_heads=2)
    tokenizer = WordPieceTokenizer().train(["a b c"], 8)
    tokenizer.save(tmp_path)
    (tmp_path / "card.json").write_text(json.dumps({"model": asdict(config)}))
    safetensors.torch.save_file(bert.BertForPreTraining(config).state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def change(folder, **tensors):
    """Tensors renamed, added or (None) left out."""
    state = safetensors.torch.load_file(folder / "model.safetensors") | tensors
    file = folder / "model.safetensors"
    safetensors.torch.save_file({name: tensor for name, tensor in state.items() if tensor is not None}, file)


def speak(folder, **sizes):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"model": card["model"] | sizes}))


def flip_a_bit(folder):
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    card = json.loads((folder / "card.json").read_text()) | {"sha256": hashlib.sha256(content).hexdigest()}
    (folder / "card.json").write_text(json.dumps(card))
    pretrain.load(folder)
    content[-9] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(("breaks", "error", "words"), [
    (lambda f: (f / "card.json").unlink(), FileNotFoundError, "there is no card.json of course_lib.pretrain at "),
    (lambda f: (f / "model.safetensors").rename(f / "model.pkl"), FileNotFoundError, "no model.safetensors of course"),
    (lambda f: (f / "card.json").write_text('{"model": {"width": 3}}'), ValueError, r"not describe a model \(.*width"),
    (lambda f: (f / "card.json").write_text("{"), ValueError, "does not describe a model"),
    (lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-9]), ValueError,
     r"model.safetensors is damaged or cut off: delete the folder and train anew, or copy it again"),
    (lambda f: torch.save({"bias": torch.zeros(8)}, f / "model.safetensors"), ValueError, "but a zip archive"),
    (lambda f: change(f, bias=torch.zeros(9)), ValueError, r"its bias is \(9,\) and this model's \(8,\)"),
    (lambda f: change(f, bias=None), ValueError, r"its bias is none and this model's \(8,\)"),
    (lambda f: change(f, more=torch.zeros(2)), ValueError, r"its more is \(2,\) and this model's none"),
    (lambda f: [(f / name).unlink() for name in ("vocab.txt", "tokenizer.json")], FileNotFoundError, "no file of a"),
    (lambda f: WordPieceTokenizer().train(["a b c d"], 9).save(f), ValueError, "9 tokens.* must be of 8 pieces, as"),
    (flip_a_bit, ValueError, "model.safetensors is damaged"),
    (lambda f: speak(f, num_layers=10**9), ValueError, "a larger model than"),
    (lambda f: speak(f, d_model=2**62), ValueError, "a larger model than"),
    (lambda f: speak(f, context_length=10**12), ValueError, "this model's .1000000000000, 4."),
])  # fmt: skip
def test_a_folder_that_cannot_be_used_is_refused_in_a_sentence(folder, breaks, error, words):
    pretrain.load(folder)
    breaks(folder)
    with pytest.raises(error, match=words):
        pretrain.load(folder)


def test_seconds_that_are_damaged_are_named(tmp_path):
    (tmp_path / "seconds.txt").write_text("3.x")
    with pytest.raises(SystemExit, match="seconds.txt is damaged: delete it"):
        pretrain.seconds_before(tmp_path / "seconds.txt")
