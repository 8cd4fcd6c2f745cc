"""batches: every row once an epoch, a batch of any kind moved, and a stream that comes back to where it was."""

from collections import namedtuple

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from course_lib.batches import BatchStream, moved, shuffled

CPU = torch.device("cpu")


def test_shuffled_gives_every_row_once_in_a_new_order():
    ids = torch.arange(10)
    epochs = shuffled(ids, ids * 2, batch_size=4)
    seen = [list(epochs(torch.Generator().manual_seed(seed))) for seed in (1, 1, 2)]
    assert [len(batch[0]) for batch in seen[0]] == [4, 4, 2]
    flat = [torch.cat([a for a, _ in epoch]).tolist() for epoch in seen]
    assert flat[0] == flat[1] != flat[2]
    assert sorted(flat[0]) == list(range(10))
    assert all(torch.equal(2 * a, b) for epoch in seen for a, b in epoch)
    with pytest.raises(ValueError, match=r"tensors=\[10, 9\] cannot"):
        shuffled(ids, ids[:9], batch_size=2)
    with pytest.raises(ValueError, match="batch_size=0"):
        shuffled(ids, batch_size=0)
    for other, name in ((ids.numpy(), "ndarray"), (ids.tolist(), "list")):
        with pytest.raises(ValueError, match=rf"tensors\[1\] is a {name}: give a tensor"):
            shuffled(ids, other, batch_size=2)
    for other in (ids[0], ids[:0]):
        with pytest.raises(ValueError, match=r"tensors=\[0\] cannot"):
            shuffled(other, batch_size=2)


def test_a_batch_is_moved_as_it_is():
    Pair = namedtuple("Pair", "x y")
    x = torch.zeros(2)
    for batch in ((x, 1), [x, "word"], Pair(x, None), {"x": x, "y": [x, 2]}, x, "word"):
        assert type(moved(batch, CPU)) is type(batch)
    meta = torch.device("meta")
    assert moved({"x": [x, Pair(x, 3)]}, meta)["x"][1].x.device == meta
    assert moved(Pair(x, 3), meta).y == 3


def random_rows(generator):
    """Batches drawn from torch's own random numbers."""
    for _ in range(3):
        yield torch.randint(100, (4,))


@pytest.mark.parametrize("batches", [
    shuffled(torch.arange(11), batch_size=4), random_rows,
    DataLoader(TensorDataset(torch.arange(11)), batch_size=4, shuffle=True),
])  # fmt: skip
def test_a_stream_comes_back_to_a_place_and_leaves_the_outside_numbers_alone(batches):
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    whole = BatchStream(batches, seed=3)
    seen = [str(next(whole)) for _ in range(8)]
    assert torch.equal(torch.rand(2), expected)
    assert (whole.epoch, whole.read) == (2, 2)
    torch.manual_seed(99)
    again = BatchStream(batches, seed=3)
    again.move_to(1, 1)
    assert [str(next(again)) for _ in range(4)] == seen[4:]
    assert seen[:3] != seen[3:6]


def test_what_a_stream_cannot_read_is_said():
    with pytest.raises(ValueError, match="batches=.* must be one to train on"):
        next(BatchStream([], seed=1))
    stream = BatchStream([1, 2], seed=1)
    with pytest.raises(ValueError, match="batches=2 cannot be used: batches must be the 3 or more"):
        stream.move_to(0, 3)
