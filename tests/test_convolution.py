"""convolution: a classifier worked by hand, and what its filters can and cannot see. See also test_sequences."""

import pytest
import torch

from course_lib import sequences
from course_lib.convolution import CNNClassifier

V, D = 11, 6


def test_cnn_by_hand():
    model = CNNClassifier(4, 2, d_model=1, widths=(2,), filters=1).eval()
    with torch.no_grad():
        model.embedding.weight.copy_(torch.tensor([[9.0], [1.0], [-2.0], [3.0]]))
        model.convolutions[0].weight.copy_(torch.tensor([[[1.0, -1.0]]]))
        model.convolutions[0].bias.fill_(0.5)
        model.output.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        model.output.bias.zero_()
    # 1, -2, 3: differences 3 and -5, with the bias 3.5 and -4.5; the strongest is 3.5. One word alone: 1 - 0 + 0.5
    ids, mask = torch.tensor([[1, 2, 3], [1, 0, 0]]), torch.tensor([[True] * 3, [True, False, False]])
    assert model(ids, mask).tolist() == [[3.5, -3.5], [1.5, -1.5]]


def test_cnn_sees_order_within_its_width_and_no_place():
    torch.manual_seed(0)
    model = CNNClassifier(V, 2, D, widths=(2, 3)).eval()
    text = torch.tensor([[1, 2, 3]])
    assert not torch.allclose(model(text), model(text.flip(1)))
    twice = torch.tensor([[1, 2, 3, 1, 2, 3]])
    moved = torch.tensor([[2, 3, 1, 2, 3, 1, 2]])  # every window of `twice` and no other
    torch.testing.assert_close(model(twice), model(moved))


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: CNNClassifier(V, 2, widths=()), r"widths=\(\).*one or more whole numbers of 1 or more"),
        (lambda: CNNClassifier(V, 2, widths=(3, 0)), r"widths=\(3, 0\)"),
        (lambda: CNNClassifier(V, 2, dropout=-0.1), "dropout=-0.1"),
        (lambda: CNNClassifier(V, 2, filters=0), "filters=0"),
    ],
)
def test_it_refuses(act, sentence):
    with pytest.raises(ValueError, match=sentence):
        act()


def test_lessons_find_it_in_sequences():
    assert sequences.CNNClassifier is CNNClassifier
