"""fastText: n-grams, ids, files and answers against the original's, training against autograd, the classifier."""

import importlib.util
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from fasttext_original import make

from course_lib import character_ngrams, fasttext, word2vec
from course_lib.fasttext import FastTextConfig, FastTextKeyedVectors
from course_lib.keyed_vectors import KeyedVectors, UnknownWordError
from course_lib.vocab import Vocab

HERE = Path(make.__file__).parent
ANSWERS = json.loads((HERE / "answers.json").read_text("utf-8"))
needs_original = pytest.mark.skipif(
    importlib.util.find_spec("fasttext") is None,
    reason="the fasttext package is not installed: its recorded answers are compared instead, in the other tests",
)


@pytest.fixture(scope="module")
def words():
    return make.many_words()


@pytest.fixture(scope="module")
def model():
    return fasttext.load(HERE / "skipgram.bin")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: FastTextConfig(min_n=7), "min_n=7 cannot be used: min_n must be at most max_n=6"),
        (lambda: FastTextConfig(bucket=-1), "bucket=-1"),
        (lambda: FastTextConfig(workers=2), "workers=2"),
        (lambda: FastTextConfig(window=0), "window=0"),
        (lambda: fasttext.train([["a"]], word2vec.Word2VecConfig()), "must be a FastTextConfig"),
        (lambda: fasttext.train([["", "a"]], FastTextConfig(min_count=1), progress=False), "a word of sentence 1=''"),
    ],
)
def test_bad_input_is_a_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()


# --- the original's files ---------------------------------------------------------------------------------------------


def test_a_model_of_the_original_gives_the_same_vectors(model):
    assert model.index_to_key == ANSWERS["words"]
    for word, vector in ANSWERS["vectors"].items():
        np.testing.assert_allclose(model.get_vector(word), vector, rtol=1e-5, atol=1e-7)
        assert model.ngram_vectors(word)[0] == ANSWERS["subwords"][word]
        piece = fasttext.word_vector(word, model.key_to_index, model.table, bucket=model.bucket)
        np.testing.assert_allclose(piece, vector, rtol=1e-5, atol=1e-7)


def test_a_model_of_the_original_gives_the_same_neighbours(model):
    for word, neighbours in ANSWERS["neighbours"].items():
        ours = model.most_similar(word, topn=5)
        assert [found for found, _ in ours] == [found for _, found in neighbours]
        np.testing.assert_allclose([cosine for _, cosine in ours], [cosine for cosine, _ in neighbours], atol=1e-6)


@needs_original
def test_the_installed_original_agrees_on_unseen_words(model, words):
    import fasttext as original

    theirs = original.load_model(str(HERE / "skipgram.bin"))
    for word in words[::50]:
        np.testing.assert_allclose(model.get_vector(word), theirs.get_word_vector(word), rtol=1e-4, atol=1e-6)
        ours = model.most_similar(word, topn=3)
        for (found, cosine), (expected, name) in zip(ours, theirs.get_nearest_neighbors(word, k=3)):
            assert cosine == pytest.approx(expected, abs=1e-5)
            assert found == name or cosine == pytest.approx(expected, abs=1e-6)  # a tie may fall either way


def test_the_original_s_classifier_mixes_words_and_runs_of_words_as_ours():
    loaded = fasttext.load(HERE / "supervised.bin")
    assert not any(word.startswith("__label__") for word in loaded)
    for text, vector in ANSWERS["supervised"].items():
        words = [*text.split(), "</s>"]  # the original reads a line and its end
        rows = [loaded.key_to_index[word] for word in words if word in loaded]
        rows += [len(loaded) + i for i in fasttext.word_ngram_ids(words, 3, loaded.bucket)]
        np.testing.assert_allclose(loaded.table[rows].mean(axis=0), vector, rtol=1e-4, atol=1e-6)


def test_a_file_that_is_no_whole_model_is_a_sentence(tmp_path):
    whole = (HERE / "skipgram.bin").read_bytes()
    path = tmp_path / "damaged.bin"

    def refusal(raw):
        path.write_bytes(raw)
        with pytest.raises(ValueError) as error:
            fasttext.load(path)
        return str(error.value)

    for length in (0, 7, 30, 70, 100, 200, 3000, len(whole) // 2):
        assert "ends after" in refusal(whole[:length]) or "cut off" in refusal(whole[:length])
    assert "must be a fastText model" in refusal(b"2 3\nking 1 2 3\nqueen 4 5 6\n")
    assert "must be a fastText model" in refusal(whole[:4] + struct.pack("<i", 13) + whole[8:])
    flag = whole.index(struct.pack("<?qq", False, len(ANSWERS["words"]) + 211, 8))
    assert "quantised" in refusal(whole[:flag] + b"\1" + whole[flag + 1 :])
    assert "='quantised' cannot" in refusal(whole[:84] + struct.pack("<q", 3) + whole[92:])
    wrong = struct.pack("<?qq", False, len(ANSWERS["words"]) + 210, 8)
    assert "buckets" in refusal(whole[:flag] + wrong + whole[flag + 17 :])
    count = len(ANSWERS["words"])
    for bucket in (0, -1):
        assert f"holds {count} words and {bucket} buckets" in refusal(with_argument("bucket", bucket))
    assert "promises 9 numbers" in refusal(with_argument("dim", 9))
    assert "promises 9 words" in refusal(whole[:68] + struct.pack("<i", 9) + whole[72:])
    nothing = struct.pack("<iiiqq?qq", 0, 0, 0, 0, -1, False, 211, 8) + bytes(211 * 32)
    assert "holds 0 words" in refusal(whole[:64] + nothing)
    with pytest.raises(FileNotFoundError, match="no fastText model"):
        fasttext.load(tmp_path / "absent.bin")


def changed(tmp_path, *pairs):
    """The model in a file of its own, with some bytes exchanged for as many others."""
    raw = (HERE / "skipgram.bin").read_bytes()
    for old, new in pairs:
        assert len(old) == len(new)
        assert old in raw
        raw = raw.replace(old, new, 1)
    (tmp_path / "changed.bin").write_bytes(raw)
    return tmp_path / "changed.bin"


def test_words_that_are_not_utf8_keep_their_bytes(tmp_path):
    path = changed(tmp_path, (b"king\0", b"k\xedng\0"), (b"queen\0", b"qu\x80en\0"))
    with pytest.raises(ValueError, match=r"the word b'(k\\xedng|qu\\x80en)' of .* pass on_unicode_error='replace'"):
        fasttext.load(path)
    loaded = fasttext.load(path, on_unicode_error="replace")
    for name, raw in (("k\ufffdng", b"k\xedng"), ("qu\ufffden", b"qu\x80en")):
        rows = [loaded.key_to_index[name]]
        rows += [len(loaded) + fasttext.hash_ngram(ngram) % loaded.bucket for ngram in fasttext.raw_ngrams(raw, 3, 6)]
        np.testing.assert_allclose(loaded[name], loaded.table[rows].mean(axis=0), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(loaded.ngram_vectors(name)[1], loaded.table[rows])
    assert set(fasttext.load(path, on_unicode_error="ignore")) >= {"kng", "quen"}
    with pytest.raises(ValueError, match="on_unicode_error='x' cannot be used"):
        fasttext.load(path, "x")


def test_bytes_are_cut_where_the_original_cuts_them():
    """Whatever is no 10xxxxxx begins a character, and takes what follows with it."""
    assert fasttext.raw_ngrams(b"a\x80\x80b\xed", 2, 2) == [b"<a\x80\x80", b"a\x80\x80b", b"b\xed", b"\xed>"]
    for raw in (b"a\x80\x80\x80\x80\x80b\xed", b"\x80a", b"\xff", "né".encode()):
        rows, starts = character_ngrams.rows_of_words([b"xy", raw, "z"], 1, 4, 1000)
        expected = [3 + fasttext.hash_ngram(ngram) % 1000 for ngram in fasttext.raw_ngrams(raw, 1, 4)]
        assert rows[starts[1] : starts[2]].tolist() == [1, *expected]


def test_two_words_that_look_alike_stay_two(tmp_path):
    loaded = fasttext.load(changed(tmp_path, (b"king\0", b"k\xedng\0"), (b"cake\0", b"k\xeeng\0")), "replace")
    assert [word for word in loaded if word[0] == "k"] == ["k\ufffdng", "k\ufffdng\ufffd"]
    assert loaded.raw["k\ufffdng\ufffd"] == b"k\xeeng"


def test_a_model_without_ngrams_answers_with_its_own_rows(tmp_path):
    found = struct.unpack("<12i", (HERE / "skipgram.bin").read_bytes()[8:56])
    minn = 8 + 4 * 9
    raw = bytearray((HERE / "skipgram.bin").read_bytes())
    assert (found[9], found[10]) == (3, 6)
    raw[minn : minn + 8] = struct.pack("<ii", 7, 6)  # minn above maxn
    (tmp_path / "plain.bin").write_bytes(raw)
    loaded = fasttext.load(tmp_path / "plain.bin")
    np.testing.assert_array_equal(loaded["king"], loaded.table[loaded.key_to_index["king"]])
    assert loaded.ngram_vectors("king")[0] == ["king"]
    with pytest.raises(UnknownWordError, match="'kingly' is not among"):
        loaded["kingly"]


def with_argument(name, value):
    """The model of the original with another number in its head."""
    whole, place = (HERE / "skipgram.bin").read_bytes(), 8 + 4 * fasttext.ARGUMENTS.index(name)
    return whole[:place] + struct.pack("<i", value) + whole[place + 4 :]


def test_ngrams_of_any_length_are_those_that_words_have(tmp_path):
    for name, value, ngrams in (("maxn", 10**6, True), ("maxn", -1, False), ("minn", 10, False)):
        (tmp_path / "m.bin").write_bytes(with_argument(name, value))
        model = fasttext.load(tmp_path / "m.bin")
        assert bool(model.ngram_vectors("kingdom")[0][1:]) == ngrams


# --- vectors of any word ----------------------------------------------------------------------------------------------


def test_unknown_words_answer_and_stay_unknown(model):
    assert "kingly" not in model
    names, rows = model.ngram_vectors("kingly")
    assert names == fasttext.ngrams("kingly")
    np.testing.assert_allclose(model.get_vector("kingly"), rows.mean(axis=0), rtol=1e-6)
    assert model[["king", "kingly"]].shape == (2, 8)
    np.testing.assert_array_equal(model[["kingly"]][0], model.get_vector("kingly"))
    assert model.similarity("kingly", "kingly") == pytest.approx(1)
    assert np.linalg.norm(model.get_vector("kingly", norm=True)) == pytest.approx(1)
    both = model.most_similar(positive=["kingly", "woman"], negative="man", topn=3)
    by_hand = sum(s * model.get_vector(w, norm=True) for s, w in ((1, "kingly"), (1, "woman"), (-1, "man")))
    expected = [word for word, _ in model.most_similar(by_hand, topn=6) if word not in ("woman", "man")][:3]
    assert [word for word, _ in both] == expected
    assert model.most_similar(model.get_vector("king"), topn=1)[0][0] == "king"  # a vector is no word of the question


def test_a_word_too_short_for_an_ngram_is_a_sentence():
    few = FastTextKeyedVectors(["word"], np.ones((11, 2)), min_n=5, max_n=6, bucket=10)
    with pytest.raises(UnknownWordError, match="'ab' is not among"):
        few.get_vector("ab")
    with pytest.raises(UnknownWordError, match="has no n-gram"):
        fasttext.word_vector("ab", {}, np.ones((10, 2)), 5, 6, 10)
    with pytest.raises(ValueError, match="table=10 cannot .* words and .* buckets long"):
        FastTextKeyedVectors(["word"], np.ones((10, 2)), bucket=10)


def test_pairs_with_unknown_words_are_scored_on_request(model):
    pairs = [("king", "queen", 9.0), ("kingly", "queen", 7.0), ("man", "bread", 1.0), ("unman", "soupy", 0.5)]
    *_, left_out = model.evaluate_word_pairs(pairs)
    assert left_out == 50
    (_, (rho, _), none) = model.evaluate_word_pairs(pairs, unknown_too=True)
    assert none == 0
    cosines = np.array([model.similarity(a, b) for a, b, _ in pairs])
    ranks = [cosines.argsort().argsort(), np.array([score for *_, score in pairs]).argsort().argsort()]
    assert rho == pytest.approx(np.corrcoef(*ranks)[0, 1])


# --- training ---------------------------------------------------------------------------------------------------------

SMALL = {"vector_size": 16, "min_count": 1, "epochs": 4, "sample": 0, "bucket": 500}


def topics(sentences=150, seed=0):
    """Sentences of one of two topics, whose words share a beginning: `red...` meet each other, never `blue...`."""
    rng = np.random.default_rng(seed)
    ends = ["ish", "ness", "den", "s", "bird", "ly", "wood", "er", "est", "some"]
    return [[("red", "blue")[i % 2] + ends[k] for k in rng.integers(0, 10, 12)] for i in range(sentences)]


@pytest.mark.parametrize("kind", [{"sg": 1}, {"sg": 0}, {"sg": 0, "cbow_mean": False}, {"hs": True, "negative": 0}])
def test_a_chunk_is_one_step_down_the_loss_for_every_piece(kind):
    """Each piece of a word gets the word's whole step, as the original gives it, not its share of the mean."""
    words = ["cat", "cats", "scat", "dog", "dogs", "mad", "made"]
    config = FastTextConfig(vector_size=3, window=2, sample=0, bucket=23, min_count=1, **kind)
    tables = fasttext.SubwordTables(Vocab(dict.fromkeys(words, 9)), config, torch.device("cpu"))
    generator = torch.Generator().manual_seed(3)
    for table in (tables.rows, tables.w_out, *([tables.w_tree] if config.hs else [])):
        table.copy_(torch.randn(table.shape, generator=generator))
    ids = np.random.default_rng(0).integers(0, 7, 40).astype(np.int32)
    keep = np.ones(7, dtype=np.float32)
    text, reach = word2vec._thin(ids, np.array([0, 40]), keep, 2, tables.block, np.random.default_rng(1))
    begins = torch.arange(0, len(reach), tables.block)[:, None]
    halo = text[begins + torch.arange(tables.block + 4)]
    seen = reach.view(-1, tables.block) + torch.arange(tables.block) * 9
    noise = torch.randint(7, (len(begins), tables.noise_words), generator=generator)

    def batch(tables):
        if config.hs:
            return word2vec._tree_batch(tables, config, halo, seen, 0.01)
        return word2vec._negative_sampling_batch(tables, config, halo, seen, noise, 0.01)

    before = tables.rows.clone()
    rows, starts = character_ngrams.rows_of_words(words, 3, 6, 23)
    whole = word2vec.Tables(np.full(7, 9), config, torch.device("cpu"))  # word2vec on the words' means
    whole.w_in = torch.stack([before[rows[a:b]].mean(0) for a, b in zip(starts[:-1], starts[1:])])
    whole.w_out, means = tables.w_out.clone(), whole.w_in.clone()
    if config.hs:
        whole.w_tree = tables.w_tree.clone()
    batch(whole)
    expected = before.clone()
    for w, (a, b) in enumerate(zip(starts[:-1], starts[1:])):
        for row in rows[a:b]:
            expected[row] += whole.w_in[w] - means[w]
    tables.read(halo)
    batch(tables)
    tables.write()
    assert (expected - before).abs().max() > 0.01
    torch.testing.assert_close(tables.rows, expected, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(tables.w_out, whole.w_out)


@pytest.mark.parametrize("kind", [{"sg": 1}, {"sg": 0}, {"hs": True, "negative": 0}])
def test_words_of_a_topic_end_up_together_unseen_ones_too(kind):
    vectors = fasttext.train(topics(), FastTextConfig(**SMALL, **kind), progress=False)
    assert [key[:3] for key, _ in vectors.most_similar("redness", topn=9)] == ["red"] * 9
    assert "bluefish" not in vectors
    assert [key[:4] for key, _ in vectors.most_similar("bluefish", topn=9)] == ["blue"] * 9
    assert vectors.vectors.shape == (20, 16)
    assert len(vectors.table) == 20 + 500


def test_one_seed_gives_the_same_bits_whatever_the_threads():
    def once(seed=3):
        return fasttext.train(topics(50), FastTextConfig(**SMALL | {"epochs": 2}, seed=seed), progress=False)

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = once()
        torch.set_num_threads(2)
        two = once()
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(one.table, two.table)
    assert np.array_equal(one.vectors, two.vectors)
    assert not np.array_equal(one.table, once(seed=4).table)


def test_progress_reaches_the_end_and_the_loss_falls():
    seen = []
    fasttext.train(topics(), FastTextConfig(**SMALL), progress=seen.append)
    assert seen[-1].done == seen[-1].total == 4 * 150 * 12
    assert seen[-1].loss < seen[0].loss


def test_words_of_emoji_accents_and_great_length_train():
    odd = ["👩‍👩‍👧", "e\u0301te\u0301", "北京", "x" * 10_000]
    vectors = fasttext.train([odd] * 20, FastTextConfig(**SMALL | {"epochs": 1}), progress=False)
    assert set(vectors) == set(odd)
    assert np.isfinite(vectors.vectors).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_it_runs_on_a_gpu_unchanged():
    vectors = fasttext.train(topics(), FastTextConfig(**SMALL), device="cuda", progress=False)
    assert [key[:3] for key, _ in vectors.most_similar("redness", topn=9)] == ["red"] * 9


def test_vectors_travel_as_plain_ones(model, tmp_path):
    model.save_word2vec_format(tmp_path / "model.vec")
    plain = KeyedVectors.load_word2vec_format(tmp_path / "model.vec")
    np.testing.assert_array_equal(plain.vectors, model.vectors)
