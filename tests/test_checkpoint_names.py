"""checkpoint_names: every name of a model has one of theirs. The tables beside real folders: see test_checkpoints."""

from course_lib import bert, checkpoint_names, checkpoints


def test_names_of_a_small_bert():
    config = bert.BertConfig(vocab_size=9, context_length=5, d_model=4, num_layers=2, num_heads=2)
    names = checkpoint_names.their_names(bert.BertModel(config))
    assert names["tokens.weight"] == "bert.embeddings.word_embeddings.weight"
    assert names["blocks.1.attention.key.bias"] == "bert.encoder.layer.1.attention.self.key.bias"


def test_lessons_find_them_in_checkpoints():
    for name in ("BERT", "their_names", "turned"):
        assert getattr(checkpoints, name) is getattr(checkpoint_names, name)
