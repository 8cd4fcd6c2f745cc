"""Checkpoints: what transformers saved answers the same here, and what is saved here transformers reads, bit by bit."""
import json
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import jinja2
import numpy as np
import pytest
import safetensors.torch
import torch
import transformers
from llama_peer import gguf_read_by_them, ours_of, their_llama, write_gguf

from course_lib import bert, checkpoints, data, decoding, finetuning, gpt, linear, llama, pretrain
from course_lib.checkpoints import load_bert, load_gpt, load_llama, rows_of, save_pretrained, their_names
from course_lib.gguf_file import GGUFFile
from course_lib.tokenizers import BPETokenizer, CharacterTokenizer, Tokenizer, WordPieceTokenizer, WordTokenizer, chat
from course_lib.vocab import Vocab

ROOT = Path(__file__).resolve().parent.parent

TEXTS = ["the lowest of the low", "widest and wider, naïve 北京!"]
SMALL_BERT = bert.BertConfig(vocab_size=60, context_length=13, d_model=12, num_layers=2, num_heads=3, d_ff=10)
SMALL_GPT = gpt.GPTConfig(vocab_size=300, context_length=13, d_model=12, num_layers=2, num_heads=3)
SMALL_LLAMA = llama.LlamaConfig(vocab_size=300, context_length=13, d_model=24, num_layers=2, num_heads=6,
                                num_kv_heads=2, d_ff=20)
HEADS = ["BertModel", "BertForPreTraining", "BertForSequenceClassification", "BertForTokenClassification"]

# --- models of theirs -------------------------------------------------------------------------------------------------


def shaken(model):
    """No norm is 1, no bias 0: a tensor in the wrong place is seen."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.2)
    return model.eval()


def their_bert(kind="BertForPreTraining", seed=0, **settings):
    rng, heads = random.Random(seed), random.Random(seed).choice([1, 2, 3, 5])
    torch.manual_seed(seed)
    config = transformers.BertConfig(**{
        "vocab_size": rng.randint(11, 60), "hidden_size": heads * rng.randint(1, 6), "num_attention_heads": heads,
        "num_hidden_layers": rng.randint(1, 3), "intermediate_size": rng.randint(3, 40), "num_labels": 3,
        "max_position_embeddings": rng.randint(9, 20), "type_vocab_size": rng.randint(1, 3),
        "layer_norm_eps": rng.choice([1e-12, 1e-5, 1e-3]), "attn_implementation": "eager"} | settings)  # fmt: skip
    return shaken(getattr(transformers, kind)(config))


def their_gpt(seed=0, kind="GPT2LMHeadModel", **settings):
    rng, heads = random.Random(seed), random.Random(seed).choice([1, 2, 3, 5])
    torch.manual_seed(seed)
    config = transformers.GPT2Config(**{
        "vocab_size": rng.randint(11, 60), "n_embd": heads * rng.randint(1, 6), "n_head": heads,
        "n_layer": rng.randint(1, 3), "n_inner": rng.choice([None, rng.randint(3, 40)]),
        "n_positions": rng.randint(9, 20), "layer_norm_epsilon": rng.choice([1e-5, 1e-3]), "bos_token_id": None,
        "eos_token_id": None, "attn_implementation": "eager"} | settings)  # fmt: skip
    return shaken(getattr(transformers, kind)(config))


def read_by_them(kind, folder):
    """Their model from a folder, and proof that they read all of it: a wrong folder raises nothing there."""
    model, told = getattr(transformers, kind).from_pretrained(folder, output_loading_info=True)
    assert not any(told.values()), told
    return model.eval()


def same_tensors(a, b):
    a, b = a.state_dict(), b.state_dict()
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a), [n for n in a if not torch.equal(a[n], b[n])]


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def ids_for(config, B=3, T=9):
    ids = torch.randint(config.vocab_size, (B, T), generator=torch.Generator().manual_seed(1))
    return ids, torch.arange(T) < torch.tensor([[T], [4], [1]])


# --- both ways, beside transformers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("kind", [*HEADS, "BertForMaskedLM"])
def test_a_bert_of_theirs_answers_the_same_here_and_goes_back_unchanged(kind, seed, tmp_path):
    theirs = their_bert(kind, seed)
    theirs.save_pretrained(tmp_path / "theirs")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    ours, tokenizer = load_bert(tmp_path / "theirs")
    assert torch.equal(torch.get_rng_state(), before), "loading draws no random numbers"
    assert tokenizer is None
    assert not ours.training
    assert type(ours).__name__ == ("BertForPreTraining" if kind == "BertForMaskedLM" else kind)
    ids, mask = ids_for(theirs.config)
    kinds = torch.randint(theirs.config.type_vocab_size, ids.shape)
    asked = {"input_ids": ids, "attention_mask": mask.long(), "token_type_ids": kinds}
    with torch.no_grad():
        right = theirs(**asked, output_hidden_states=True, output_attentions=True)
        body = ours if kind == "BertModel" else ours.bert
        output = body(ids, mask, kinds, return_layers=True, return_attention=True)
        assert len(right.attentions) == theirs.config.num_hidden_layers
        close(output.layers, torch.stack(right.hidden_states))
        close(output.attention, torch.stack(right.attentions))
        if kind == "BertModel":
            close(output.pooled, right.pooler_output)
        elif kind in ("BertForPreTraining", "BertForMaskedLM"):
            tokens, follows = ours(ids, mask, kinds)
            close(tokens.view(*ids.shape, -1), right.get("prediction_logits", right.get("logits")))
            close(follows, right.get("seq_relationship_logits", torch.zeros(3, 2)))
        else:
            close(ours(ids, mask, kinds), right.logits)
    assert (output.pooled == 0).all() == (kind in ("BertForMaskedLM", "BertForTokenClassification"))
    save_pretrained(ours, tmp_path / "ours")
    same_tensors(read_by_them(kind, tmp_path / "ours") if kind != "BertForMaskedLM" else theirs, theirs)
    same_tensors(load_bert(tmp_path / "ours")[0], ours)


@pytest.mark.parametrize("seed", range(10))
def test_a_gpt_of_theirs_answers_the_same_here_and_goes_back_unchanged(seed, tmp_path):
    theirs = their_gpt(seed)
    theirs.save_pretrained(tmp_path / "theirs")
    ours, tokenizer = load_gpt(tmp_path / "theirs")
    assert tokenizer is None
    assert not ours.training
    assert ours.head.weight is ours.tokens.weight
    ids, _ = ids_for(theirs.config)
    with torch.no_grad():
        right = theirs(ids, output_hidden_states=True, output_attentions=True)
        output = ours(ids, return_layers=True, return_attention=True)
        assert len(right.attentions) == theirs.config.n_layer
        close(output.logits, right.logits)
        close(output.layers[:-1], torch.stack(right.hidden_states[:-1]))
        close(ours.norm(output.layers[-1]), right.hidden_states[-1])  # theirs comes after the last norm
        close(output.attention, torch.stack(right.attentions))
    save_pretrained(ours, tmp_path / "ours")
    same_tensors(read_by_them("GPT2LMHeadModel", tmp_path / "ours"), theirs)
    saved, original = (safetensors.torch.load_file(tmp_path / who / "model.safetensors") for who in ("ours", "theirs"))
    assert saved.keys() == original.keys(), "what is tied is written once"


@pytest.mark.parametrize("seed", range(10))
def test_a_llama_of_theirs_answers_the_same_here_and_goes_back_unchanged(seed, tmp_path):
    theirs = their_llama(seed)
    theirs.save_pretrained(tmp_path / "theirs")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    ours, tokenizer = load_llama(tmp_path / "theirs")
    assert torch.equal(torch.get_rng_state(), before), "loading draws no random numbers"
    assert tokenizer is None
    assert not ours.training
    assert (ours.head.weight is ours.tokens.weight) == theirs.config.tie_word_embeddings == ours.config.tied
    ids, mask = ids_for(theirs.config)
    with torch.no_grad():
        right = theirs(ids, output_hidden_states=True, output_attentions=True)
        output = ours(ids, return_layers=True, return_attention=True)
        assert len(right.attentions) == theirs.config.num_hidden_layers
        close(output.logits, right.logits)
        close(output.layers[:-1], torch.stack(right.hidden_states[:-1]))
        close(ours.norm(output.layers[-1]), right.hidden_states[-1])  # theirs comes after the last norm
        close(output.attention, torch.stack(right.attentions))
        padded = theirs(ids, attention_mask=mask.long()).logits
        close(ours(ids, mask).logits[mask], padded[mask])
    save_pretrained(ours, tmp_path / "ours")
    same_tensors(read_by_them("LlamaForCausalLM", tmp_path / "ours"), theirs)
    saved, original = (safetensors.torch.load_file(tmp_path / who / "model.safetensors") for who in ("ours", "theirs"))
    assert saved.keys() == original.keys(), "what is tied is written once"
    same_tensors(load_llama(tmp_path / "ours")[0], ours)


@pytest.mark.parametrize("seed", range(10))
def test_a_llama_out_of_a_gguf_file_is_the_same_model(seed, tmp_path):
    """Whose rows of queries and keys stand in another order there."""
    theirs = their_llama(seed)
    ours, tokenizer = load_llama(write_gguf(tmp_path / "model.gguf", theirs))
    assert tokenizer is None
    expected = ours_of(theirs)
    assert ours.config == expected.config
    same_tensors(ours, expected)
    ids, _ = ids_for(theirs.config)
    with torch.no_grad():
        close(ours(ids).logits, theirs(ids).logits)


@pytest.mark.parametrize("kind", ["F16", "Q8_0", "Q4_0", "Q4_1"])
def test_stored_in_fewer_bits_it_is_what_transformers_reads(kind, tmp_path):
    """transformers reads such files too, by a program of its own."""
    theirs = gguf_read_by_them(write_gguf(tmp_path / "model.gguf", large_llama(), kind))
    assert theirs.config.num_key_value_heads == 2
    ours, _ = load_llama(tmp_path / "model.gguf")
    state = theirs.state_dict()
    for name, rows in rows_of(ours).items():
        assert torch.equal(rows, state[name]), name
    ids, _ = ids_for(theirs.config)
    with torch.no_grad():
        close(ours(ids).logits, theirs(ids).logits)


def large_llama(**settings):
    """Large enough for blocks of 32."""
    return their_llama(1, **{"vocab_size": 96, "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2,
                             "intermediate_size": 96, "num_hidden_layers": 2, "max_position_embeddings": 13}
                       | settings)  # fmt: skip


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1"])
def test_the_four_bits_of_a_file_are_kept(kind, tmp_path):
    """Also where a block does not reach from 0 to 15, so that rounding its numbers anew would give others."""
    path = write_gguf(tmp_path / "model.gguf", large_llama(), kind)
    whole, (kept, _) = load_llama(path)[0], load_llama(path, "int4")
    assert not any(isinstance(part, torch.nn.Linear) for part in kept.modules())
    assert not any(parameter.requires_grad for parameter in kept.parameters())
    weights = 0
    for name, part in whole.named_modules():
        if isinstance(part, torch.nn.Linear):
            small = kept.get_submodule(name)
            assert type(small) is (linear.Int8Linear if name == "head" else linear.Int4Linear)
            got = small(torch.eye(part.in_features)).T  # each weight, but for bfloat16
            assert (got - part.weight).abs().max() < 0.01 * part.weight.abs().max()
            weights += part.weight.numel()
    assert weights > 60_000
    ids, _ = ids_for(whole.config)
    with torch.no_grad():
        a, b = whole(ids).logits, kept(ids).logits
    assert (a - b).std() < 0.05 * a.std()
    again = decoding.quantize(whole, "int4")
    assert type(again.blocks[0].hidden) is linear.Int4Linear


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["int8", "int8_dynamic", "int4"])
def test_a_folder_is_read_into_fewer_bits(kind, tied, tmp_path):
    large_llama(tie_word_embeddings=tied).save_pretrained(tmp_path)
    whole, (kept, _) = load_llama(tmp_path)[0], load_llama(tmp_path, kind)
    same = decoding.quantize(whole, kind)
    ids, _ = ids_for(whole.config)
    with torch.no_grad():
        assert torch.equal(kept(ids).logits, same(ids).logits)
    assert torch.equal(kept.tokens.weight, whole.tokens.weight), "the table stays as it is"
    assert decoding.generate(kept, ids, 4, temperature=0).shape == (3, 13)
    refused(ValueError, "fewer bits", save_pretrained, kept, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    refused(ValueError, "kind='int3'", load_llama, tmp_path, "int3")


@pytest.mark.parametrize("kind", [*HEADS, "GPT2LMHeadModel"])
def test_what_the_course_trained_is_read_by_transformers_exactly(kind, tmp_path):
    torch.manual_seed(3)
    if kind == "GPT2LMHeadModel":
        ours = shaken(gpt.GPT(replace(SMALL_GPT, eps=1e-4, dropout=0.3)))
    else:
        labelled = [4] if "Classification" in kind else []
        ours = shaken(getattr(bert, kind)(replace(SMALL_BERT, num_segments=3, dropout=0.3), *labelled))
    save_pretrained(ours, tmp_path)
    theirs, state = read_by_them(kind, tmp_path), ours.state_dict()
    there = theirs.state_dict()
    if kind == "BertModel":
        there = {f"bert.{name}": tensor for name, tensor in there.items()}
    names = their_names(ours)
    if kind == "BertForTokenClassification":
        names = {a: b for a, b in names.items() if "pooler" not in b}
    assert len(names) >= len(there.keys() - checkpoints.TIED.keys())
    for a, b in names.items():
        assert torch.equal(checkpoints.turned(b, there[b]), state[a]), a
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == [kind]
    again = (load_gpt if kind == "GPT2LMHeadModel" else load_bert)(tmp_path)[0]
    assert type(again) is type(ours)
    assert (again.config if hasattr(again, "config") else again.bert.config).dropout == 0.3
    with safetensors.safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert not list(tmp_path.glob("*.part"))


def test_the_courses_own_bert_goes_out_to_transformers(tmp_path):
    folder = data.path("bert")
    refused(FileNotFoundError, "course_lib.pretrain.load", load_bert, folder)
    ours, tokenizer = pretrain.load(folder)
    save_pretrained(ours, tmp_path, tokenizer)
    theirs = read_by_them("BertForPreTraining", tmp_path)
    asked = transformers.AutoTokenizer.from_pretrained(tmp_path)("the king of [MASK]", return_tensors="pt")
    assert asked["input_ids"].tolist() == tokenizer.encode_batch(["the king of [MASK]"]).input_ids.tolist()
    with torch.no_grad():
        logits, follows = ours(asked["input_ids"])
        right = theirs(**asked)
    close(logits, right.prediction_logits[0])
    close(follows, right.seq_relationship_logits)


@pytest.mark.slow
def test_minilms_real_weights_answer_the_same_here():
    """200 real sentences: ids, hidden states, and vectors as sentence-transformers makes them (mean, length 1)."""
    folder = data.path("minilm")
    ours, tokenizer = load_bert(folder)
    theirs, their_tokenizer = read_by_them("BertModel", folder), transformers.BertTokenizer.from_pretrained(folder)
    assert len(their_tokenizer) == len(tokenizer) == 30_522
    texts = [review.text for review in data.load("film_sentiment") if review.source == "rotten_tomatoes"][::42][:200]
    assert len(texts) == 200
    mine, right = [], []
    for i in range(0, 200, 20):
        batch = tokenizer.encode_batch(texts[i : i + 20])
        mask = batch.attention_mask
        asked = their_tokenizer(texts[i : i + 20], padding=True, return_tensors="pt")
        assert asked["input_ids"].tolist() == batch.input_ids.tolist()
        assert asked["attention_mask"].tolist() == mask.long().tolist()
        with torch.no_grad():
            hidden = torch.stack(theirs(**asked, output_hidden_states=True).hidden_states)
            close(ours(batch.input_ids, mask, return_layers=True).layers[:, mask], hidden[:, mask])
        rows = [row[real] for row, real in zip(batch.input_ids, mask)]
        mine.append(finetuning.mean_vectors(ours, rows))
        means = (hidden[-1] * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        right.append(torch.nn.functional.normalize(means, dim=1))
    mine, right = torch.cat(mine), torch.cat(right)
    close(mine, right)
    pairs = torch.triu_indices(200, 200, 1)
    cosines, expected = ((a @ a.T)[pairs[0], pairs[1]] for a in (mine, right))
    apart = expected.sort().values.diff() > 1e-5  # nearer ones may change places by rounding
    assert apart.float().mean() > 0.5
    order = expected.argsort()
    assert (cosines[order].diff()[apart] > 0).all(), "pairs have the same order"


def test_a_trained_llama_is_read_by_transformers_exactly_and_learns_on(tmp_path):
    torch.manual_seed(3)
    ours = shaken(llama.Llama(replace(SMALL_LLAMA, eps=1e-4, rope_theta=777.0, dropout=0.3, tied=False)))
    save_pretrained(ours, tmp_path)
    theirs = read_by_them("LlamaForCausalLM", tmp_path)
    for name, rows in rows_of(ours).items():
        assert torch.equal(theirs.state_dict()[name], rows), name
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 777.0
    assert theirs.config.rope_parameters["rope_theta"] == 777.0
    assert (config["architectures"], theirs.config.head_dim) == (["LlamaForCausalLM"], 4)
    again, _ = load_llama(tmp_path)
    assert again.config == ours.config
    before = again.blocks[0].attention.qkv.weight.clone()
    again.loss(ids_for(again.config)[0]).backward()
    torch.optim.SGD(again.parameters(), 0.1).step()
    assert all(parameter.grad is not None for parameter in again.parameters())
    assert not torch.equal(again.blocks[0].attention.qkv.weight, before)


def test_a_model_can_be_saved_over_the_file_it_came_from(tmp_path):
    theirs = their_gpt()
    theirs.save_pretrained(tmp_path)
    for _ in range(2):
        save_pretrained(load_gpt(tmp_path)[0], tmp_path)
    same_tensors(read_by_them("GPT2LMHeadModel", tmp_path), theirs)


def test_a_loaded_gpt_learns_and_stays_tied(tmp_path):
    their_gpt().save_pretrained(tmp_path)
    model, _ = load_gpt(tmp_path)
    assert len(list(model.parameters())) == len(their_names(model)) - 1
    before = model.tokens.weight.clone()
    model.loss(ids_for(model.config)[0]).backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert not torch.equal(model.tokens.weight, before)
    assert model.head.weight is model.tokens.weight
    save_pretrained(model, tmp_path)
    assert torch.equal(read_by_them("GPT2LMHeadModel", tmp_path).lm_head.weight, model.tokens.weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_numbers_come_back_as_float32(dtype, tmp_path):
    their_gpt().to(dtype).save_pretrained(tmp_path)
    saved = safetensors.torch.load_file(tmp_path / "model.safetensors")
    assert {tensor.dtype for tensor in saved.values()} == {dtype}
    model, _ = load_gpt(tmp_path)
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    assert torch.equal(model.tokens.weight, saved["transformer.wte.weight"].float())
    save_pretrained(model.half(), tmp_path)
    assert read_by_them("GPT2LMHeadModel", tmp_path).dtype == torch.float16


# --- files of other times ---------------------------------------------------------------------------------------------


def rewrite(folder, change):
    """Change the tensors of a folder: `change` gets a dict and returns one."""
    tensors = change(safetensors.torch.load_file(folder / "model.safetensors"))
    tensors = {name: tensor.contiguous().clone() for name, tensor in tensors.items()}
    safetensors.torch.save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def configure(folder, remove=(), **settings):
    path = folder / "config.json"
    config = json.loads(path.read_text()) | settings
    path.write_text(json.dumps({name: value for name, value in config.items() if name not in remove}))


def renamed(*rules):
    def change(tensors):
        for old, new in rules:
            tensors = {re.sub(old, new, name): tensor for name, tensor in tensors.items()}
        return tensors

    return change


OLD_BERT = {
    "gamma and beta": renamed(("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")),
    "no prefix": renamed(("^bert\\.", "")),
    "buffers": lambda t: t | {"bert.embeddings.position_ids": torch.arange(9)[None]},
    "bare buffers": lambda t: renamed(("^bert\\.", ""))(t) | {"embeddings.position_ids": torch.arange(9)[None]},
    "tied twice": lambda t: t | {"cls.predictions.decoder.weight": t["bert.embeddings.word_embeddings.weight"],
                                 "cls.predictions.decoder.bias": t["cls.predictions.bias"]},
    "the other bias": renamed(("cls.predictions.bias", "cls.predictions.decoder.bias")),
}  # fmt: skip
OLD_GPT = {
    "no prefix": renamed(("^transformer\\.", "")),
    "masks": lambda t: t | {"transformer.h.0.attn.bias": torch.ones(1, 1, 4, 4, dtype=torch.bool),
                            "transformer.h.0.attn.masked_bias": torch.tensor(-1e4)},
    "as released": lambda t: renamed(("^transformer\\.", ""))(t) | {"h.0.attn.bias": torch.ones(1, 1, 4, 4)},
    "tied twice": lambda t: t | {"lm_head.weight": t["transformer.wte.weight"]},
    "the other name": renamed(("transformer.wte.weight", "lm_head.weight")),
}  # fmt: skip


OLD_LLAMA = {
    "no prefix": renamed(("^model\\.", "")),
    "frequencies": lambda t: t | {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)},
    "tied twice": lambda t: t | {"lm_head.weight": t["model.embed_tokens.weight"]},
}


@pytest.mark.parametrize(("load", "change"), [
    *[pytest.param(load_bert, change, id=f"bert: {name}") for name, change in OLD_BERT.items()],
    *[pytest.param(load_gpt, change, id=f"gpt: {name}") for name, change in OLD_GPT.items()],
    *[pytest.param(load_llama, change, id=f"llama: {name}") for name, change in OLD_LLAMA.items()],
])  # fmt: skip
def test_older_names_are_the_same_model(load, change, tmp_path):
    {load_bert: their_bert, load_gpt: their_gpt, load_llama: lambda: their_llama(1)}[load]().save_pretrained(tmp_path)
    expected = load(tmp_path)[0]
    before = set(safetensors.torch.load_file(tmp_path / "model.safetensors"))
    rewrite(tmp_path, change)
    assert set(safetensors.torch.load_file(tmp_path / "model.safetensors")) != before
    same_tensors(load(tmp_path)[0], expected)


def test_positions_in_older_words_are_the_same_model(tmp_path):
    their_llama(2, rope_theta=4321.0).save_pretrained(tmp_path)
    expected = load_llama(tmp_path)[0]
    assert expected.config.rope_theta == 4321.0
    for settings in ({"rope_theta": 4321.0}, {"rope_theta": 4321.0, "rope_scaling": None},
                     {"rope_theta": 1.5, "rope_parameters": {"rope_theta": 4321.0, "rope_type": "default"}}):
        configure(tmp_path, remove=["rope_parameters", "rope_theta", "rope_scaling"])
        configure(tmp_path, **settings)
        assert load_llama(tmp_path)[0].config == expected.config
        assert transformers.LlamaConfig.from_pretrained(tmp_path).rope_parameters["rope_theta"] == 4321.0


def test_what_a_config_leaves_unsaid_means_what_it_means_to_transformers(tmp_path):
    theirs = their_llama(2, num_attention_heads=3, num_key_value_heads=3, hidden_size=18, rms_norm_eps=1e-6,
                         rope_theta=10_000.0, tie_word_embeddings=False)  # fmt: skip
    theirs.save_pretrained(tmp_path)
    expected = load_llama(tmp_path)[0]
    unsaid = ["num_key_value_heads", "rms_norm_eps", "rope_parameters", "tie_word_embeddings", "attention_dropout",
              "attention_bias", "mlp_bias", "hidden_act", "head_dim"]  # fmt: skip
    configure(tmp_path, remove=unsaid)
    assert load_llama(tmp_path)[0].config == expected.config
    same_tensors(read_by_them("LlamaForCausalLM", tmp_path), theirs)


@pytest.mark.parametrize("load", [load_bert, load_gpt, load_llama])
def test_sharded_files_are_one_model(load, tmp_path):
    theirs = {load_bert: lambda: their_bert(seed=4), load_gpt: lambda: their_gpt(4), load_llama: large_llama}[load]()
    theirs.save_pretrained(tmp_path / "whole")
    theirs.save_pretrained(tmp_path / "parts", max_shard_size="2KB")
    assert len(list((tmp_path / "parts").glob("model-*.safetensors"))) > 1
    assert not (tmp_path / "parts/model.safetensors").exists()
    same_tensors(load(tmp_path / "parts")[0], load(tmp_path / "whole")[0])


def test_the_body_alone_leaves_any_head_behind(tmp_path):
    for kind in ("BertForPreTraining", "BertForSequenceClassification", "BertForQuestionAnswering"):
        their_bert(kind).save_pretrained(tmp_path / kind)
    rewrite(tmp_path / "BertForQuestionAnswering", lambda t: t | their_pooler())
    for kind in ("BertForPreTraining", "BertForSequenceClassification", "BertForQuestionAnswering"):
        body, _ = load_bert(tmp_path / kind, head=bert.BertModel)
        assert type(body) is bert.BertModel
    both = load_bert(tmp_path / "BertForPreTraining")[0].bert
    same_tensors(load_bert(tmp_path / "BertForPreTraining", head=bert.BertModel)[0], both)


def their_pooler():
    return {name: tensor for name, tensor in their_bert().state_dict().items() if "pooler" in name}


def test_a_body_of_gpt_2_and_its_table_are_a_gpt(tmp_path):
    theirs = their_gpt(kind="GPT2Model")
    theirs.save_pretrained(tmp_path)
    model, _ = load_gpt(tmp_path)
    ids, _ = ids_for(theirs.config)
    with torch.no_grad():
        close(model(ids).logits, theirs(ids).last_hidden_state @ theirs.wte.weight.T)


# --- tokenizers -------------------------------------------------------------------------------------------------------


def small_folder(folder, kind="bert"):
    """A small model with its tokenizer, as this course saves them."""
    torch.manual_seed(0)
    if kind == "bert":
        save_pretrained(bert.BertForPreTraining(SMALL_BERT), folder, WordPieceTokenizer().train(TEXTS, 40))
    elif kind == "gpt":
        save_pretrained(gpt.GPT(SMALL_GPT), folder, BPETokenizer().train(TEXTS, 270))
    else:
        save_pretrained(llama.Llama(SMALL_LLAMA), folder, BPETokenizer(digits=True).train(TEXTS, 270))
    return folder


@pytest.mark.parametrize("make", [
    lambda: WordPieceTokenizer().train(TEXTS, 40),
    lambda: WordPieceTokenizer(lowercase=False).train(TEXTS, 40),
    lambda: BPETokenizer().train(TEXTS, 270),
    lambda: BPETokenizer(special_tokens=()).train(TEXTS, 270),
    lambda: CharacterTokenizer.train(TEXTS),
])  # fmt: skip
def test_a_saved_tokenizer_cuts_the_same_in_transformers_and_when_loaded(make, tmp_path):
    tokenizer = make()
    word_pieces = isinstance(tokenizer, WordPieceTokenizer)
    model = bert.BertModel(SMALL_BERT) if word_pieces else gpt.GPT(SMALL_GPT)
    save_pretrained(model, tmp_path, tokenizer)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    _, again = (load_bert if word_pieces else load_gpt)(tmp_path)
    assert len(theirs) == len(tokenizer) == len(again) > 5
    assert theirs.model_max_length == 13
    assert type(again) is type(tokenizer)
    for text in (*TEXTS, TEXTS[1] * 2):
        assert theirs(text, add_special_tokens=False)["input_ids"] == tokenizer.encode(text) == again.encode(text)
    if word_pieces:
        assert theirs("the low")["input_ids"] == tokenizer.encode_batch(["the low"]).input_ids[0].tolist()
        assert theirs.pad_token_id == tokenizer.pad_id
        assert again.lowercase == tokenizer.lowercase
    elif "<|endoftext|>" in tokenizer.special_tokens:
        assert theirs.eos_token_id == tokenizer.special_tokens["<|endoftext|>"]
        assert json.loads((tmp_path / "config.json").read_text())["eos_token_id"] == theirs.eos_token_id


CHAT = ("<|im_end|>", "<|endoftext|>", "<|im_start|>")


def few_bytes():
    """A tokenizer without a token for most bytes, as SmolLM2's lacks some."""
    whole = BPETokenizer(special_tokens=CHAT, digits=True).train(TEXTS + ["1234 12 12"], 280)
    used = set("".join(whole.tokens(" ".join(TEXTS) + " 1234567890")))
    names = [*CHAT, *(name for name in whole.vocab if len(name) > 1 and name not in CHAT or name in used)]
    return BPETokenizer(whole.merges, CHAT, names, digits=True, unknown="<|endoftext|>")


@pytest.mark.parametrize("make", [few_bytes, lambda: BPETokenizer(digits=True).train(TEXTS, 270)])
def test_a_llamas_tokenizer_cuts_the_same_in_transformers_and_when_loaded(make, tmp_path):
    tokenizer = make()
    save_pretrained(llama.Llama(SMALL_LLAMA), tmp_path, tokenizer)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    again = load_llama(tmp_path)[1]
    assert len(theirs) == len(tokenizer) == len(again) > 5
    assert again.special_tokens == tokenizer.special_tokens
    for text in (*TEXTS, "12 low 345\n\n6. x", "  7", "a1b22", "low<|endoftext|>low"):
        assert theirs(text)["input_ids"] == tokenizer.encode(text) == again.encode(text), text
    end = "<|im_end|>" if "<|im_end|>" in tokenizer.special_tokens else "<|endoftext|>"
    assert theirs.eos_token == theirs.pad_token == end
    assert theirs.pad_token_id == tokenizer.pad_id
    assert json.loads((tmp_path / "config.json").read_text())["eos_token_id"] == theirs.eos_token_id
    assert not (tmp_path / "merges.txt").exists(), "an older file would not say that digits stand alone"


def test_the_older_files_of_a_tokenizer_are_read(tmp_path):
    cased = WordPieceTokenizer(lowercase=False).train(["The Low", "the low"], 20)
    save_pretrained(bert.BertModel(SMALL_BERT), tmp_path / "b", cased)
    (tmp_path / "b/tokenizer.json").unlink()
    assert load_bert(tmp_path / "b")[1].encode("The low") == cased.encode("The low")
    (tmp_path / "b/tokenizer_config.json").unlink()
    assert load_bert(tmp_path / "b")[1].lowercase, "as transformers: without a word, lower case"
    small_folder(tmp_path / "g", "gpt")
    expected = load_gpt(tmp_path / "g")[1].encode(TEXTS[1])
    (tmp_path / "g/tokenizer.json").unlink()
    assert load_gpt(tmp_path / "g")[1].encode(TEXTS[1]) == expected


# --- bad input: one sentence that names it ----------------------------------------------------------------------------


def refused(kind, part, function, *arguments, **settings):
    with pytest.raises(kind) as caught:
        function(*arguments, **settings)
    said = str(caught.value)
    assert part in said, said
    assert said.endswith(".")
    assert ". " not in said, "one sentence"
    assert "\n" not in said


def cut(folder, name="model.safetensors", keep=-3):
    (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def drop(part):
    return lambda folder: rewrite(folder, lambda t: {name: x for name, x in t.items() if part not in name})


def add(name, tensor=None):
    return lambda folder: rewrite(folder, lambda t: t | {name: torch.ones(2) if tensor is None else tensor})


def says(**settings):
    return lambda folder: configure(folder, **settings)


def silent(*names):
    return lambda folder: configure(folder, remove=names)


def write(name, text):
    return lambda folder: (folder / name).write_text(text)


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def whole_numbers(name):
    return lambda folder: rewrite(folder, lambda t: t | {name: t[name].to(torch.int8)})


BAD_BERT = [
    (lambda folder: (folder / "config.json").unlink(), FileNotFoundError, "no config.json in the folder"),
    (lambda folder: cut(folder, "config.json"), ValueError, "config.json is damaged"),
    (write("config.json", "[1]"), ValueError, "must be names and values"),
    (says(model_type="roberta"), ValueError, "model_type='roberta'"),
    (says(model_type="gpt2"), ValueError, "use load_gpt"),
    (silent("model_type"), ValueError, "model_type=None"),
    (says(hidden_act="relu"), ValueError, "hidden_act='relu'"),
    (says(position_embedding_type="relative_key"), ValueError, "position_embedding_type='relative_key'"),
    (says(is_decoder=True), ValueError, "is_decoder=True"),
    (says(add_cross_attention=True), ValueError, "add_cross_attention=True"),
    (says(quantization_config={"bits": 8}), ValueError, "quantization_config"),
    (silent("hidden_size", "vocab_size"), ValueError, "does not say vocab_size, hidden_size"),
    (says(hidden_size="12"), ValueError, "hidden_size='12'"),
    (says(num_attention_heads=5), ValueError, "num_heads=5"),
    (says(hidden_dropout_prob="x", attention_probs_dropout_prob="x", classifier_dropout="x"), ValueError,
     "hidden_dropout_prob='x'"),
    (says(layer_norm_eps=None), ValueError, "layer_norm_eps=None"),
    (says(vocab_size=61), ValueError, "is (60, 12) and this model's (61, 12)"),
    (says(hidden_size=24), ValueError, "of another model"),
    (says(num_hidden_layers=3), ValueError, "lack bert.encoder.layer.2."),
    (says(num_hidden_layers=1), ValueError, "have bert.encoder.layer.1."),
    (says(intermediate_size=11), ValueError, "intermediate.dense"),
    (says(tie_word_embeddings=False), ValueError, "tie_word_embeddings=False"),
    (drop("layer.1.output.dense.bias"), ValueError, "lack bert.encoder.layer.1.output.dense.bias"),
    (drop("pooler"), ValueError, "lack bert.pooler.dense.bias, bert.pooler.dense.weight"),
    (drop("seq_relationship"), ValueError, "lack cls.seq_relationship"),
    (add("bert.extra"), ValueError, "have bert.extra"),
    (add("bert.embeddings.LayerNorm.gamma", torch.ones(12)), ValueError, "twice"),
    (add("cls.predictions.decoder.weight", torch.ones(60, 12)), ValueError, "predictions.decoder.weight of its own"),
    (add("cls.predictions.decoder.weight", torch.ones(9, 12)), ValueError, "predictions.decoder.weight of its own"),
    (add("cls.predictions.decoder.bias", torch.zeros(60).half()), ValueError, "predictions.decoder.bias of its own"),
    (add("qa_outputs.weight"), ValueError, "head=bert.BertModel"),
    (add("classifier.weight", torch.ones(2, 12)), ValueError, "have classifier.weight"),
    (whole_numbers("bert.pooler.dense.weight"), ValueError, "=torch.int8 cannot be used"),
    (cut, ValueError, "model.safetensors is damaged"),
    (write("model.safetensors", ""), ValueError, "model.safetensors is damaged"),
    (write("model.safetensors", "x" * 100), ValueError, "model.safetensors is damaged"),
    (lambda folder: (folder / "model.safetensors").unlink(), FileNotFoundError, "no model.safetensors"),
    (pickled, ValueError, "can run code"),
    (lambda folder: cut(folder, "tokenizer.json"), ValueError, "tokenizer.json"),
    (lambda folder: WordPieceTokenizer([*bert_names(), *map(str, range(60))]).save(folder), ValueError, "tokens"),
]  # fmt: skip

BAD_GPT = [
    (says(model_type="bert"), ValueError, "use load_bert"),
    (says(model_type="gpt_neo"), ValueError, "model_type='gpt_neo'"),
    (says(activation_function="relu"), ValueError, "activation_function='relu'"),
    (says(scale_attn_by_inverse_layer_idx=True), ValueError, "scale_attn_by_inverse_layer_idx=True"),
    (says(scale_attn_weights=False), ValueError, "scale_attn_weights=False"),
    (says(tie_word_embeddings=False), ValueError, "no lm_head.weight"),
    (says(n_positions=14), ValueError, "transformer.wpe.weight"),
    (says(n_layer=3), ValueError, "lack transformer.h.2."),
    (says(n_layer=10**9), ValueError, "are too few"),
    (says(n_inner=2**62), ValueError, "are too few"),
    (says(vocab_size=10**30), ValueError, "are too few"),
    (write("config.json", "[" * 100_000), ValueError, "config.json is damaged"),
    (says(n_inner=7), ValueError, "mlp.c_fc.bias"),
    (silent("n_embd"), ValueError, "n_embd"),
    (add("lm_head.weight", torch.ones(300, 12)), ValueError, "lm_head.weight of its own"),
    (add("score.weight"), ValueError, "have score.weight"),
    (drop("ln_f.bias"), ValueError, "lack transformer.ln_f.bias"),
    (cut, ValueError, "damaged"),
    (pickled, ValueError, "can run code"),
]  # fmt: skip


BAD_LLAMA = [
    (says(model_type="gpt2"), ValueError, "use load_gpt"),
    (says(model_type="mistral"), ValueError, "model_type='mistral'"),
    (says(hidden_act="gelu"), ValueError, "hidden_act='gelu'"),
    (says(attention_bias=True), ValueError, "attention_bias=True"),
    (says(mlp_bias=True), ValueError, "mlp_bias=True"),
    (says(rope_parameters={"rope_type": "llama3", "rope_theta": 5e5}), ValueError, "rope_type='llama3'"),
    (lambda folder: configure(folder, ["rope_parameters"], rope_scaling={"type": "linear", "factor": 2}), ValueError,
     "rope_type='linear'"),
    (says(rope_parameters=[1]), ValueError, "rope_parameters=[1]"),
    (says(rope_parameters={"rope_theta": "x"}), ValueError, "rope_theta='x'"),
    (says(head_dim=8), ValueError, "head_dim=8"),
    (says(quantization_config={"bits": 4}), ValueError, "quantization_config"),
    (says(num_key_value_heads=4), ValueError, "num_key_value_heads=4"),
    (says(num_key_value_heads=3), ValueError, "k_proj.weight"),
    (says(num_attention_heads=4), ValueError, "head_dim=4"),
    (lambda folder: configure(folder, ["head_dim"], num_attention_heads=4), ValueError, "k_proj.weight"),
    (says(num_attention_heads=5), ValueError, "hidden_size=24"),
    (says(num_attention_heads="6"), ValueError, "num_attention_heads='6'"),
    (says(intermediate_size=21), ValueError, "mlp.down_proj.weight"),
    (says(tie_word_embeddings=False), ValueError, "lack lm_head.weight"),
    (says(tie_word_embeddings="no"), ValueError, "tie_word_embeddings='no'"),
    (says(rms_norm_eps=None), None, ""),
    (says(rms_norm_eps="x"), ValueError, "rms_norm_eps='x'"),
    (silent("hidden_size"), ValueError, "does not say hidden_size"),
    (silent("intermediate_size", "vocab_size"), ValueError, "does not say vocab_size, intermediate_size"),
    (add("lm_head.weight", torch.ones(300, 24)), ValueError, "lm_head.weight of its own"),
    (add("lm_head.weight", torch.ones(3, 24)), ValueError, "lm_head.weight of its own"),
    (add("lm_head.weight", torch.ones(300, 24).half()), ValueError, "lm_head.weight of its own"),
    (add("model.layers.0.self_attn.q_proj.bias", torch.ones(24)), ValueError, "have model.layers.0.self_attn.q_proj.b"),
    (drop("layers.1.self_attn.k_proj"), ValueError, "lack model.layers.1.self_attn.k_proj.weight"),
    (drop("embed_tokens"), ValueError, "lack model.embed_tokens.weight"),
    (whole_numbers("model.layers.1.mlp.up_proj.weight"), ValueError, "=torch.int8 cannot be used"),
    (cut, ValueError, "damaged"),
    (pickled, ValueError, "can run code"),
    (lambda folder: BPETokenizer(special_tokens=[f"<{i}>" for i in range(99)]).save(folder), ValueError,
     "of at most 300 tokens"),
]  # fmt: skip


def bert_names():
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.mark.parametrize(("spoil", "kind", "part"), BAD_BERT, ids=[f"{i}-{b[2][:40]}" for i, b in enumerate(BAD_BERT)])
def test_a_bad_bert_is_refused(spoil, kind, part, tmp_path):
    folder = small_folder(tmp_path)
    load_bert(folder)
    spoil(folder)
    refused(kind, part, load_bert, folder)


@pytest.mark.parametrize(("spoil", "kind", "part"), BAD_GPT, ids=[f"{i}-{b[2][:40]}" for i, b in enumerate(BAD_GPT)])
def test_a_bad_gpt_is_refused(spoil, kind, part, tmp_path):
    folder = small_folder(tmp_path, "gpt")
    load_gpt(folder)
    spoil(folder)
    refused(kind, part, load_gpt, folder)


@pytest.mark.parametrize(("spoil", "kind", "part"), BAD_LLAMA,
                         ids=[f"{i}-{b[2][:40]}" for i, b in enumerate(BAD_LLAMA)])  # fmt: skip
def test_a_bad_llama_is_refused(spoil, kind, part, tmp_path):
    folder = small_folder(tmp_path, "llama")
    load_llama(folder)
    spoil(folder)
    if kind is None:
        load_llama(folder)
    else:
        refused(kind, part, load_llama, folder)


def without(name):
    return lambda tensors: {other: value for other, value in tensors.items() if other != name}


BAD_GGUF = [
    ({"architecture": "gpt2"}, "general.architecture='gpt2'"),
    ({"context_length": None}, "does not say llama.context_length"),
    ({"attention.head_count": None}, "does not say llama.attention.head_count"),
    ({"embedding_length": 72, "rope.dimension_count": None}, "is (32, 64) and this model's (36, 72)"),
    ({"embedding_length": 63}, "llama.embedding_length=63"),
    ({"attention.head_count_kv": 4}, "blk.0.attn_k.weight"),
    ({"block_count": 3}, "of the sizes in its head the weights in"),
    ({"block_count": 1}, "have blk.1."),
    ({"rope.scaling.type": "linear"}, "llama.rope.scaling.type='linear'"),
    ({"rope.dimension_count": 8}, "llama.rope.dimension_count=8"),
    ({"attention.key_length": 32}, "llama.attention.key_length=32"),
    ({"expert_count": 8}, "llama.expert_count=8"),
    ({"change": without("token_embd.weight")}, "lack token_embd.weight"),
    ({"change": without("blk.1.ffn_up.weight")}, "lack blk.1.ffn_up.weight"),
    ({"change": lambda t: t | {"rope_freqs.weight": (np.ones(8, np.float32), "F32")}}, "have rope_freqs.weight"),
    ({"change": lambda t: t | {"blk.0.ffn_up.weight": (np.ones((96, 64)), "F64")}}, "is stored as F64"),
    ({"change": lambda t: t | {"blk.0.ffn_up.weight": (np.ones((96, 64), np.int32), "I32")}}, "='I32' cannot be used"),
    ({"tokenizer": (["a"], [1], ["a b"], ("llama", "default"))}, "tokenizer=('llama', 'default')"),
]


@pytest.mark.parametrize(("change", "part"), BAD_GGUF, ids=[f"{i}-{b[1][:40]}" for i, b in enumerate(BAD_GGUF)])
def test_a_bad_gguf_file_is_refused(change, part, tmp_path):
    refused(ValueError, part, load_llama, write_gguf(tmp_path / "x.gguf", large_llama(), **change))


def test_a_gguf_file_that_is_cut_off_or_not_there_is_refused(tmp_path):
    path = write_gguf(tmp_path / "x.gguf", large_llama())
    cut(tmp_path, "x.gguf", -200)
    refused(ValueError, "x.gguf is damaged, cut off", load_llama, path)
    refused(FileNotFoundError, "no GGUF file at", load_llama, tmp_path / "y.gguf")
    path.rename(tmp_path / "weights")
    refused(ValueError, "is a file", load_llama, tmp_path / "weights")


def test_a_gguf_files_tokenizer_belongs_to_its_model(tmp_path):
    whole = BPETokenizer(special_tokens=("<|endoftext|>", "<|im_start|>", "<|im_end|>"), digits=True)
    names, types = [*list(whole.vocab)[-3:], *list(whole.vocab)[:-3]], [3, 3, 3] + [1] * 256
    parts = (names, types, ["t h"], ("gpt2", "smollm"))
    refused(ValueError, "which its merges need", load_llama,
            write_gguf(tmp_path / "a.gguf", large_llama(vocab_size=259), tokenizer=parts))  # fmt: skip
    parts = ([*names, "th"], [*types, 1], *parts[2:])
    refused(ValueError, "of at most 259 tokens", load_llama,
            write_gguf(tmp_path / "b.gguf", large_llama(vocab_size=259), tokenizer=parts))  # fmt: skip
    model, tokenizer = load_llama(write_gguf(tmp_path / "c.gguf", large_llama(vocab_size=260), tokenizer=parts))
    assert tokenizer.tokens("the 12") == ["th", "e", "Ġ", "1", "2"]
    save_pretrained(model, tmp_path / "folder", tokenizer)
    assert load_llama(tmp_path / "folder")[1].encode("the 12") == tokenizer.encode("the 12")


def test_square_matrices_are_turned(tmp_path):
    """No shape tells when d_ff = d_model: the table must."""
    theirs = their_gpt(n_embd=6, n_head=2, n_inner=6)
    theirs.save_pretrained(tmp_path)
    assert torch.equal(load_gpt(tmp_path)[0].blocks[0].hidden.weight, theirs.transformer.h[0].mlp.c_fc.weight.T)


def test_a_head_that_is_asked_for_must_be_there(tmp_path):
    folder = small_folder(tmp_path / "b")
    refused(ValueError, "lack classifier", load_bert, folder, head=bert.BertForSequenceClassification)
    refused(ValueError, "head='pretraining'", load_bert, folder, head="pretraining")
    refused(ValueError, "head must be", load_bert, folder, head=gpt.GPT)
    refused(ValueError, "head must be", load_bert, folder, head=llama.Llama)
    save_pretrained(bert.BertModel(SMALL_BERT), tmp_path / "body")
    refused(ValueError, "lack cls.", load_bert, tmp_path / "body", head=bert.BertForPreTraining)
    save_pretrained(bert.BertForSequenceClassification(SMALL_BERT, 3), tmp_path / "classes")
    configure(tmp_path / "classes", remove=["architectures"])
    refused(ValueError, "architectures=None", load_bert, tmp_path / "classes")
    model, _ = load_bert(tmp_path / "classes", head=bert.BertForSequenceClassification)
    assert model.classifier.out_features == 3
    configure(tmp_path / "classes", id2label={"0": "a"})
    refused(ValueError, "classifier.", load_bert, tmp_path / "classes", head=bert.BertForSequenceClassification)


def test_broken_shards_are_refused(tmp_path):
    def fresh():
        shutil.rmtree(tmp_path, ignore_errors=True)
        their_gpt(4).save_pretrained(tmp_path, max_shard_size="2KB")
        index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
        return index, sorted(set(index["weight_map"].values()))

    def rewritten(index):
        (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))

    _, files = fresh()
    (tmp_path / files[0]).unlink()
    refused(FileNotFoundError, f"no {files[0]}", load_gpt, tmp_path)
    _, files = fresh()
    cut(tmp_path, files[1])
    refused(ValueError, f"{files[1]} is damaged", load_gpt, tmp_path)
    index, files = fresh()
    name = next(name for name, file in index["weight_map"].items() if file == files[0])
    index["weight_map"][name] = files[1]
    rewritten(index)
    refused(ValueError, f"do not agree about {name}", load_gpt, tmp_path)
    index, files = fresh()
    index["weight_map"][name] = "../elsewhere.safetensors"
    rewritten(index)
    refused(ValueError, "does not say in which file", load_gpt, tmp_path)
    rewritten({})
    refused(ValueError, "does not say in which file", load_gpt, tmp_path)


def test_one_dropout_for_several_is_said(tmp_path):
    folder = small_folder(tmp_path)
    configure(folder, attention_probs_dropout_prob=0.0)
    with pytest.warns(UserWarning, match=r"attention_probs_dropout_prob.*one dropout"):
        model, _ = load_bert(folder)
    assert model.config.dropout == 0.1


def test_a_place_that_is_no_folder_is_refused(tmp_path):
    refused(FileNotFoundError, "There is no folder", load_bert, tmp_path / "none")
    refused(FileNotFoundError, "There is no folder", load_bert, "./no/such/folder")
    for name in ("model.safetensors", "weights.pt"):
        (tmp_path / name).write_bytes(b"x")
        refused(ValueError, "is a file", load_gpt, tmp_path / name)
    refused(ValueError, "can run code", load_gpt, str(tmp_path / "weights.pt"))


def test_what_cannot_be_saved_is_refused_before_anything_is_written(tmp_path):
    model, folder = gpt.GPT(SMALL_GPT), tmp_path / "new"
    refused(ValueError, "model='Linear'", save_pretrained, torch.nn.Linear(2, 2), folder)
    long = CharacterTokenizer(map(chr, range(1000, 1400)))
    refused(ValueError, "tokens, as the model", save_pretrained, model, folder, long)
    refused(ValueError, "with a file format", save_pretrained, model, folder, WordTokenizer(Vocab({"a": 1})))
    (tmp_path / "file").write_text("x")
    refused(ValueError, "is a file", save_pretrained, model, tmp_path / "file")
    model.head.weight = torch.nn.Parameter(model.head.weight + 1)
    refused(ValueError, "not its token table", save_pretrained, model, folder)
    model = gpt.GPT(SMALL_GPT)
    model.blocks[0].adapter = torch.nn.Linear(2, 2)
    refused(ValueError, "model='blocks.0.adapter.weight'", save_pretrained, model, folder)
    assert not folder.exists()


# --- SmolLM2 itself (94 MB are fetched) -------------------------------------------------------------------------------

PROMPTS = [
    "The capital of France is", "Once upon a time", "def fibonacci(n):", "Water boils at 100 degrees", "A list:\n\n1.",
    "In 1969,  3 men", "Die Hauptstadt von", "import numpy as np\n\n\n2", "The opposite of hot is", "😀 naïve 北京",
]  # fmt: skip


@pytest.fixture(scope="module")
def smollm2():
    """The model, its tokenizer, the file, and transformers' model out of the same file."""
    try:
        file = data.path("smollm2")
    except data.FetchError as error:
        pytest.skip(str(error))
    return *load_llama(file), file, gguf_read_by_them(file)


@pytest.mark.slow
def test_smollm2_is_the_published_model(smollm2):
    model, tokenizer, _, theirs = smollm2
    assert model.config == llama.SIZES["smollm2-135m"]
    state = theirs.state_dict()
    assert all(torch.equal(rows, state[name]) for name, rows in rows_of(model).items()), "the same dequantised weights"
    ids = torch.tensor([tokenizer.encode("The capital of France is")])
    assert tokenizer.decode(decoding.generate(model, ids, 1, temperature=0)[0, -1:]) == " Paris"


@pytest.mark.slow
@pytest.mark.parametrize("prompt", PROMPTS)
def test_smollm2_writes_what_it_writes_in_transformers(smollm2, prompt):
    model, tokenizer, _, theirs = smollm2
    ids = torch.tensor([tokenizer.encode(prompt)])
    right = theirs.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=20,
                            min_new_tokens=20, pad_token_id=0)  # fmt: skip
    assert right.shape[1] == ids.shape[1] + 20
    assert decoding.generate(model, ids, 20, temperature=0).tolist() == right.tolist()


@pytest.mark.slow
def test_smollm2s_tokenizer_differs_from_transformers_where_the_file_says_so(smollm2):
    """Each digit alone, before anything else is cut (tokenizer.ggml.pre = smollm), which transformers leaves out."""
    _, ours, file, _ = smollm2
    theirs = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    plain = BPETokenizer(ours.merges, tuple(ours.special_tokens), list(ours.vocab), digits=False, unknown=ours.unknown)
    assert len(theirs) == len(ours) == 49_152
    texts = [review.text for review in data.load("film_sentiment")[:300]] + PROMPTS
    texts += ["\n\n1", "a\n 7", "  5", "x 5", "\t\t3", "1234", "v2.0", "1  2", "²³", "\n\n\n10", "end\n\n"]
    differ = {}
    for text in texts:
        a, b = ours.encode(text, special=False), theirs(text, add_special_tokens=False)["input_ids"]
        assert plain.encode(text, special=False) == b, "without that rule nothing differs"
        assert ours.decode(a) == text
        if a != b:
            differ[text] = [ours.id_to_token(i) for i in a], [ours.id_to_token(i) for i in b]
    assert differ["\n\n1"] == (["ĊĊ", "1"], ["Ċ", "Ċ", "1"])
    assert differ["  5"] == (["ĠĠ", "5"], ["Ġ", "Ġ", "5"])
    assert differ["\t\t3"] == (["ĉĉ", "3"], ["ĉ", "ĉ", "3"])
    assert set(differ) & {"x 5", "1234", "v2.0", "²³", "end\n\n"} == set()
    assert all(re.search(r"\s\s\d", text) for text in differ), "only where white space of two or more meets a digit"


@pytest.mark.slow
def test_a_conversation_is_written_as_the_files_own_template_does(smollm2):
    _, tokenizer, file, _ = smollm2
    template = jinja2.Template(GGUFFile(file).settings["tokenizer.chat_template"])
    user, answer = {"role": "user", "content": "Hi, 2 + 2?\n\n1"}, {"role": "assistant", "content": " 4"}
    for messages in ([user], [user, answer, user], [{"role": "system", "content": "Be brief."}, user], [user, answer]):
        for open_end in (True, False):
            text = template.render(messages=messages, add_generation_prompt=open_end)
            ids = chat(tokenizer, messages, answer=open_end)
            assert tokenizer.decode(ids) == text
            assert tokenizer.encode(text) == ids


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "most"), [("int8", 0.02), ("int4", 0.02)])
def test_smollm2_in_fewer_bits_says_nearly_the_same(smollm2, kind, most):
    model, tokenizer, file, _ = smollm2
    kept, _ = load_llama(file, kind)
    ids = torch.tensor([tokenizer.encode(data.load("film_sentiment")[0].text)[:200]])
    with torch.no_grad():
        a, b = (one(ids).logits[0].log_softmax(-1) for one in (model, kept))
    assert 0 < (a.exp() * (a - b)).sum(-1).mean() < most, "Kullback-Leibler divergence in nats"
    assert (a.argmax(-1) == b.argmax(-1)).float().mean() > 0.9


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is told elsewhere in another way")
@pytest.mark.parametrize("kind", ["float32", "int4"])
def test_smollm2_takes_less_than_a_gigabyte_with_its_loading(kind):
    script = ("import torch; from course_lib import checkpoints, data, decoding; "
              f"model, tokenizer = checkpoints.load_llama(data.path('smollm2'), {kind!r}); "
              "decoding.generate(model, torch.tensor([tokenizer.encode('The')]), 20, temperature=0); "
              # not ru_maxrss: a child begins with the peak of the process that it was forked from
              "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))")
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert int(said) * 1024 < 1e9


# --- the hub ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The hub's cache with one small model, and no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    model = tmp_path / "models--ann--tiny-gpt"
    small_folder(model / "snapshots/0123456789", "gpt")
    (model / "refs").mkdir()
    (model / "refs/main").write_text("0123456789")
    return tmp_path


def test_a_name_is_found_in_the_cache_without_a_network(cache):
    model, tokenizer = load_gpt("ann/tiny-gpt")
    assert model.config == replace(SMALL_GPT, d_ff=model.config.d_ff)
    assert isinstance(tokenizer, BPETokenizer)


def test_a_name_that_is_not_in_the_cache_is_told_what_is(cache, monkeypatch):
    refused(FileNotFoundError, "holds ann/tiny-gpt", load_bert, "bert-base-uncased")
    shutil.rmtree(cache / "models--ann--tiny-gpt")
    refused(FileNotFoundError, "holds no model", load_gpt, "ann/tiny-gpt")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache / "none"))
    refused(FileNotFoundError, "holds no model", load_gpt, "gpt2")
    refused(FileNotFoundError, "holds no model", load_gpt, "a" * 200)


def test_only_what_the_course_reads_is_fetched(cache, monkeypatch):
    asked = []

    def download(name, allow_patterns):
        asked.extend(huggingface_hub.utils.filter_repo_objects([
            "config.json", "model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json",
            "tokenizer.json", "vocab.txt", "merges.txt", "pytorch_model.bin", "onnx/model.onnx", "flax_model.msgpack",
            "README.md", "modeling.py",
        ], allow_patterns=allow_patterns))  # fmt: skip
        return str(cache / "models--ann--tiny-gpt/snapshots/0123456789")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    load_gpt("ann/tiny-gpt")
    assert asked == ["config.json", "model.safetensors", "model-00001-of-00002.safetensors",
                     "model.safetensors.index.json", "tokenizer.json", "vocab.txt", "merges.txt"]  # fmt: skip


def test_the_hub_is_only_needed_for_names(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    _, tokenizer = load_gpt(small_folder(tmp_path, "gpt"))
    assert isinstance(tokenizer, Tokenizer)
    refused(ImportError, "pip install huggingface_hub", load_gpt, "gpt2")
