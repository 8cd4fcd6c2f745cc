"""fasttext_classifier: it learns what only pairs of words tell, its scores by hand, every bad input."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib.fasttext_classifier import Classifier, word_ngram_ids


def reviews(number=400, seed=0):
    """Short texts that praise or blame; `not` turns them round, so that only pairs of words tell."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(number):
        good, turned = rng.integers(0, 2, 2)
        word = rng.choice([["awful", "dull", "weak"], ["great", "fine", "fresh"]][good])
        texts.append(f"the {rng.choice(['film', 'plot', 'cast'])} is {'not ' if turned else 'so '}{word}")
        labels.append("praise" if good != turned else "blame")
    return texts, labels


def test_the_classifier_needs_pairs_of_words_to_tell_not_good_from_good():
    texts, labels = reviews()
    unseen, truth = reviews(100, seed=1)
    accuracy = {}
    for longest in (1, 2):
        classifier = Classifier(word_ngrams=longest, bucket=3000, epochs=10).fit(texts, labels)
        accuracy[longest] = np.mean([a == b for a, b in zip(classifier.predict(unseen), truth)])
    assert accuracy[2] > 0.95
    assert accuracy[1] < 0.8  # no sum over single words can turn round at `not`


def test_classifier_scores_are_the_softmax_of_the_mean():
    texts, labels = reviews(40)
    classifier = Classifier(word_ngrams=3, bucket=50, epochs=2).fit([text.split() for text in texts], labels)
    again = Classifier(word_ngrams=3, bucket=50, epochs=2).fit(texts, labels)
    words = "the film is really not fine".split()
    rows = [classifier.vocab.key_to_index[word] for word in words if word in classifier.vocab]
    rows += [len(classifier.vocab) + i for i in word_ngram_ids(words, 3, 50)]
    by_hand = F.softmax(classifier.table[rows].mean(0) @ classifier.output.T, dim=0)
    np.testing.assert_allclose(classifier.predict_proba([" ".join(words)])[0], by_hand, rtol=1e-5)
    np.testing.assert_array_equal(classifier.predict_proba(texts), again.predict_proba(texts))
    np.testing.assert_allclose(classifier.predict_proba([""]), [[0.5, 0.5]])
    assert classifier.labels == ["blame", "praise"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Classifier().fit([], []), "texts=.* one text or more"),
        (lambda: Classifier().fit(["a", "b"], ["x"]), "2 texts and 1 labels"),
        (lambda: Classifier().fit(["a", "b"], ["x", "x"]), r"labels=\['x'\] cannot"),
        (lambda: Classifier().fit(["", ""], ["x", "y"]), "corpus must be not empty"),
        (lambda: Classifier().fit("text", ["x"]), "texts='text' cannot be used: texts must be a list"),
        (lambda: Classifier().fit([["a", 7], ["b"]], ["x", "y"]), "a word of sentence 1=7 cannot"),
        (lambda: Classifier(bucket=9).fit(["a", "b"], ["x", "y"]).predict([["a", 7]]), "word=7 cannot"),
        (lambda: Classifier(bucket=0), "bucket=0"),
        (lambda: Classifier(vector_size=True), "vector_size=True"),
        (lambda: Classifier(learning_rate=0), "learning_rate=0"),
    ],
)
def test_the_classifier_refuses_in_a_sentence(call, said):
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("kind", [torch.tensor, np.array, lambda labels: list(torch.tensor(labels))])
def test_labels_of_any_kind_are_told_apart_by_their_value(kind):
    labels = [1, 1, 0, 0] * 5
    texts = ["good", "fine", "bad", "dull"] * 5
    classifier = Classifier(bucket=10).fit(texts, kind(labels))
    assert classifier.labels == [0, 1]
    np.testing.assert_array_equal(classifier.predict_proba(texts),
                                  Classifier(bucket=10).fit(texts, labels).predict_proba(texts))


def test_a_classifier_must_be_trained_first():
    with pytest.raises(RuntimeError, match="call fit"):
        Classifier().predict(["a"])
