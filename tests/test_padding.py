"""padding: lengths out of masks, sequences back to front."""

import pytest
import torch

from course_lib.padding import lengths_of, reverse


def test_reverse_leaves_padding_at_the_end():
    x = torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0]])[:, :, None]
    assert reverse(x, torch.tensor([3, 1]))[:, :, 0].tolist() == [[3, 2, 1, 0], [4, 0, 0, 0]]
    assert reverse(x)[:, :, 0].tolist() == [[0, 3, 2, 1], [0, 0, 0, 4]]


def test_a_length_is_the_number_of_places_before_the_padding():
    assert lengths_of(None) is None
    assert lengths_of(torch.tensor([[True, True, False], [True, True, True]])).tolist() == [2, 3]
    with pytest.raises(ValueError, match="lengths=tensor.* leave an empty sequence out"):
        lengths_of(torch.tensor([[True, True], [False, False]]))
    with pytest.raises(ValueError, match="attention_mask is of type torch.int64: give booleans"):
        lengths_of(torch.tensor([[1, 1, 0]]))
    with pytest.raises(ValueError, match="True after False"):
        lengths_of(torch.tensor([[True, False, True]]))
