"""The neuron that counts: a table worked by hand and by loops, and weights at which torch finds no slope."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_lib.neuron import Neuron, TfIdf

TEXTS = [text.split() for text in ["a good good film", "a bad film", "good fun", "bad bad a", "so so", "a film"]]


def test_weights_by_hand():
    X = TfIdf().fit([["a", "a", "b"], ["a"]]).toarray()
    a, b = 1 + np.log(2), 1 + np.log(2)  # a twice, worth 1 + ln 2 / 2 = 1; b once, in one text of two
    np.testing.assert_allclose(X, [[a / np.hypot(a, b), b / np.hypot(a, b)], [1, 0]])


def test_the_table_is_that_of_plain_loops():
    ours = TfIdf()
    ours.fit(TEXTS)
    other = [["good", "new", "film", "good"], ["new"], []]
    table = ours(other).toarray()
    for text, row in zip(other, table):
        weights = {word: (1 + math.log(text.count(word))) * (1 + math.log(len(TEXTS) / sum(word in t for t in TEXTS)))
                   for word in set(text) & {"good", "film"}}  # fmt: skip
        length = math.sqrt(sum(w * w for w in weights.values()))
        for word, place in ours.vocab.key_to_index.items():
            assert row[place] == pytest.approx(weights[word] / length if word in weights else 0)


@pytest.mark.parametrize("C", [0.1, 1.0, 30.0])
def test_at_the_weights_the_loss_has_no_slope(C):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 7))
    labels = (X[:, 0] + rng.normal(size=60) > 0.3).astype(int)
    ours = Neuron(C).fit(X, labels)
    w, b = torch.tensor(ours.weights, requires_grad=True), torch.tensor(ours.bias, dtype=torch.float64).requires_grad_()
    scores = torch.tensor(X) @ w + b
    loss = F.binary_cross_entropy_with_logits(scores, torch.tensor(labels, dtype=torch.float64), reduction="sum")
    (loss + w @ w / (2 * C)).backward()
    assert w.grad.abs().max() < 1e-2
    assert b.grad.abs() < 1e-2
    np.testing.assert_allclose(ours.scores(X), scores.detach().numpy(), atol=1e-12)
    assert ours.predict(X).tolist() == (scores > 0).int().tolist()


def test_the_penalty_is_chosen_among_the_labelled():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 40))
    noise = Neuron().fit(X, rng.integers(0, 2, 100))
    clear = Neuron().fit(X, (X[:, 0] > 0).astype(int))
    assert noise.C <= clear.C
    assert (clear.predict(X) == (X[:, 0] > 0)).mean() > 0.9


def test_the_penalty_is_chosen_anew_for_other_labels_and_any_table_will_do():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(100, 40)), rng.integers(0, 2, 100)
    again = Neuron()
    choices = [again.fit(X, labels).C for labels in (y, X[:, 0] > 0)]
    assert choices == [Neuron().fit(X, y).C, Neuron().fit(X, X[:, 0] > 0).C]
    assert choices[0] != choices[1]
    for table in (torch.tensor(X), X.tolist()):
        np.testing.assert_array_equal(again.predict(X), Neuron().fit(table, X[:, 0] > 0).predict(table))
    assert TfIdf().fit(iter(TEXTS)).shape == TfIdf().fit(TEXTS).shape


def test_what_cannot_be_learned_is_refused():
    for C in (0, -1.0, "1"):
        with pytest.raises(ValueError, match="C must be None or a number above 0"):
            Neuron(C)
    with pytest.raises(ValueError, match="a table of finite numbers"):
        Neuron(1.0).fit([[1.0, np.nan], [0.0, 1.0]], [0, 1])
    with pytest.raises(ValueError, match="There are 3 rows and 2 labels"):
        Neuron(1.0).fit(np.eye(3), [0, 1])
    with pytest.raises(ValueError, match=r"labels=\[1\] cannot"):
        Neuron(1.0).fit(np.eye(2), [1, 1])
    with pytest.raises(ValueError, match="min_count=5 cannot be used"):
        TfIdf(5).fit(TEXTS)
    with pytest.raises(RuntimeError, match="fit"):
        TfIdf()(TEXTS)
