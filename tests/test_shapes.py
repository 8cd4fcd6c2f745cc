"""shapes: what fits passes, what does not is named in one sentence; doors within doors, methods, compilation."""

import threading
import typing

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Bool, Float, Int, Real
from torch import Tensor, nn

from course_lib.settings import Size
from course_lib.shapes import check_tensor, look_up, shaped

FEW = settings(max_examples=60, deadline=None, derandomize=True)
Z = torch.zeros
Mask = Bool[Tensor, "*#batch #T #S"] | Bool[Tensor, "#S"]


@shaped
def attend(
    query: Float[Tensor, "*batch T D"],
    key: Float[Tensor, "*batch S D"],
    mask: Mask | None = None,
    *,
    ids: typing.Optional[Int[Tensor, "T"]] = None,  # noqa: F821, UP045  (an axis; the older spelling works as well)
    scale: float = 1.0,
) -> tuple:
    """Its docstring."""
    return query, key, mask, ids, scale


class Layer(nn.Module):
    def __init__(self, d_model: int, num_heads: int):
        super().__init__()
        self.d_model, self.num_heads = d_model, num_heads

    @shaped
    def forward(self, x: Float[Tensor, "B T d_model"], mask: Bool[Tensor, "#B #num_heads #T"] | None = None):
        return x


@FEW
@given(
    st.lists(st.integers(1, 3), max_size=2), st.lists(st.integers(1, 3), max_size=2),
    st.tuples(*[st.integers(1, 3)] * 4), st.lists(st.integers(1, 3), min_size=1, max_size=4),
)  # fmt: skip
def test_it_passes_what_broadcasting_says_and_nothing_else(batch, other, sizes, mask):
    T, D, S, E = sizes
    target = (*batch, T, S)
    try:
        broadcasts = np.broadcast_shapes(tuple(mask), target) == target
    except ValueError:
        broadcasts = False
    fits = batch == other and D == E and broadcasts
    call = lambda: attend(Z(*batch, T, D), Z(*other, S, E), Z(*mask).bool())  # noqa: E731
    if fits:
        assert len(call()) == 5
    else:
        with pytest.raises(ValueError, match="has shape"):
            call()


Q, K = Z(2, 5, 4), Z(2, 7, 4)


TENSOR = "give a tensor (torch.as_tensor makes one of an array)."
BOOLEANS = "give booleans, True for what counts"
BOTH = "beside query (2, 5, 4), key (2, 7, 4): give"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: attend([1.0], K), f"query is a list: {TENSOR}"),
        (lambda: attend(Q, K.numpy()), f"key is a ndarray: {TENSOR}"),
        (lambda: attend(Q, None), f"key is a NoneType: {TENSOR}"),
        (lambda: attend(Q.long(), K), "query is of type torch.int64: give floats."),
        (lambda: attend(Z(4), K), "query has shape (4,): give (*batch, T, D)."),
        (lambda: attend(Q, Z(2, 7, 3)), "key has shape (2, 7, 3) beside query (2, 5, 4): give (*batch=(2), S, D=4)."),
        (lambda: attend(Q, key=K[:1]), "key has shape (1, 7, 4) beside query (2, 5, 4): give (*batch=(2), S, D=4)."),
        (
            lambda: attend(Q, K[:, :0]),
            "key has shape (2, 0, 4) beside query (2, 5, 4): give (*batch=(2), S, D=4), each 1 or more.",
        ),
        (
            lambda: attend(Q, K, Z(5, 7)),
            f"mask is of type torch.float32: {BOOLEANS} (mask == 0 makes them out of a mask of 0 and -inf).",
        ),
        (lambda: attend(Q, K, mask=Z(5, 7).long()), f"mask is of type torch.int64: {BOOLEANS} (mask != 0 makes them)."),
        (
            lambda: attend(Q, K, Z(7, 5).bool()),
            f"mask has shape (7, 5) {BOTH} (*#batch=(2), #T=5, #S=7) or (#S=7), where # may be 1.",
        ),
        (lambda: attend(Q, K, ids=Z(5)), "ids is of type torch.float32: give whole numbers (torch.int64)."),
        (lambda: attend(Q, K, ids=Z(6).long()), f"ids has shape (6,) {BOTH} (T=5)."),
        (lambda: Layer(12, 3)(Z(2, 5, 8)), "x has shape (2, 5, 8): give (B, T, d_model=12)."),
        (
            lambda: Layer(12, 3)(Z(2, 5, 12), Z(2, 4, 5).bool()),
            "mask has shape (2, 4, 5) beside x (2, 5, 12): give (#B=2, #num_heads=3, #T=5), where # may be 1.",
        ),
    ],
)
def test_what_does_not_fit_is_named_in_one_sentence(call, sentence):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == sentence


def test_what_fits_comes_through_unchanged():
    mask, ids = Z(5, 1).bool(), Z(5).int()
    answer = attend(Q, mask=mask, key=K, ids=ids, scale=2.0)
    assert all(a is b for a, b in zip(answer[:4], (Q, K, mask, ids)))
    assert answer[4] == 2.0
    assert attend(Q.half(), K.double(), None)[2] is None
    x = Z(2, 5, 12, requires_grad=True)
    assert Layer(12, 3)(x, Z(1, 3, 5).bool()) is x
    assert (attend.__name__, attend.__doc__) == ("attend", "Its docstring.")


def test_python_still_says_what_is_wrong_with_a_call():
    for call, words in (
        (lambda: attend(Q), "missing 1 required positional argument: 'key'"),
        (lambda: attend(Q, K, maks=None), "unexpected keyword argument 'maks'"),
        (lambda: attend(Q, K, query=Q), "multiple values for argument 'query'"),
        (lambda: attend(Q, K, None, None), "takes from 2 to 3 positional arguments but 4"),
    ):
        with pytest.raises(TypeError, match=words):
            call()


def test_a_size_of_self_is_that_of_this_self():
    for size in (12, 8):  # two of one class: neither remembers the other's
        assert Layer(size, 2)(Z(1, 3, size)).shape[-1] == size
        with pytest.raises(ValueError, match=f"d_model={size}"):
            Layer(size, 2)(Z(1, 3, 5))


def test_a_door_within_a_door_is_open():
    seen = []

    @shaped
    def inner(x: Float[Tensor, "A"]):  # noqa: F821
        seen.append(x)
        if isinstance(x, str):
            raise RuntimeError(x)

    @shaped
    def outer(x: Float[Tensor, "A B"], y=None):
        inner(y)

    outer(Z(2, 3), [1.0])  # from outside the list would be refused
    assert seen == [[1.0]]
    with pytest.raises(RuntimeError, match="deep"):
        outer(Z(2, 3), "deep")
    with pytest.raises(ValueError, match="x is a list"):  # and is, once the outer call is over, error or not
        inner([1.0])
    errors = []

    @shaped
    def elsewhere(x: Float[Tensor, "A B"]):
        def call():
            with pytest.raises(ValueError, match="x is a list"):
                inner([1.0])
            errors.append("refused")

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    elsewhere(Z(2, 3))
    assert errors == ["refused"]  # another thread's call comes from outside


def test_it_steps_aside_under_compilation():
    compiled = torch.compile(lambda x: Layer.forward(layer, x) + 1, fullgraph=True, backend="eager")
    layer = Layer(12, 3)
    assert (compiled(Z(2, 5, 12)) == 1).all()
    assert compiled(Z(2, 5, 8)).shape == (2, 5, 8)


def test_what_a_star_takes_in_is_not_taken_for_what_comes_after_it():
    @shaped
    def rows(*tensors: Float[Tensor, "N"], batch_size: Size = 1, **more):  # noqa: F821
        return len(tensors), batch_size

    assert rows(Z(3), Z(3), Z(3), batch_size=2) == (3, 2)
    assert rows(Z(3), Z(3), other=0) == (2, 1)
    with pytest.raises(ValueError, match="batch_size=0 cannot be used"):
        rows(Z(3), Z(3), batch_size=0)


def test_look_up():
    table = nn.Embedding(5, 2)
    assert torch.equal(look_up(table, torch.tensor([[4, 0]])), table.weight[[4, 0]][None])
    for wrong in (5, -1):
        with pytest.raises(ValueError, match=f"There is no token {wrong}: ids go from 0 to 4"):
            look_up(table, torch.tensor([0, wrong]))
    with pytest.raises(ValueError, match="There is no segment 7: "):
        look_up(table, torch.tensor([7]), "segment")


def test_check_tensor():
    check_tensor("x", Z(1))
    with pytest.raises(ValueError, match="x is a float: give a tensor"):
        check_tensor("x", 1.0)


@shaped
def nearest(table: Real[np.ndarray, "V D"], query: Float[np.ndarray, "D"] | None = None, topn: Size = 1):  # noqa: F821
    return table


@pytest.mark.parametrize("table", [[[1, 2], [3, 4]], np.eye(2), ((1.0, 2),), Z(3, 2), np.ones((1, 2), np.float16)])
def test_an_array_is_whatever_numpy_makes_one_of(table):
    given = nearest(table, [0.5, 1])
    assert isinstance(given, np.ndarray)
    assert given.tolist() == np.asarray(table).tolist()
    with pytest.raises(ValueError, match=r"query has shape \(3,\).*: give \(D=2\)\."):
        nearest(table, np.ones(3))


def test_an_array_by_name_and_values_behind_all_names():
    @shaped
    def kinds(table: Real[np.ndarray, "V D"], *rest, query: Real[np.ndarray, "D"] | None = None):  # noqa: F821
        return type(table), rest, type(query)

    assert kinds([[1, 2]], 3, query=torch.ones(2)) == (np.ndarray, (3,), np.ndarray)
    assert kinds(torch.ones(1, 2)) == (np.ndarray, (), type(None))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: nearest([[1, 2], [3]]), "table is a list: give an array, or lists of numbers of equal lengths."),
        (lambda: nearest(Z(2, 2).requires_grad_()),
         "table is a Tensor: give an array, or lists of numbers of equal lengths."),
        (lambda: nearest([["x"]]), "table is of type <U1: give numbers."),
        (lambda: nearest(None), "table is of type object: give numbers."),
        (lambda: nearest([1, 2]), "table has shape (2,): give (V, D)."),
        (lambda: nearest(np.zeros((0, 3))), "table has shape (0, 3): give (V, D=3), each 1 or more."),
        (lambda: nearest(np.eye(2), [1, 2]), "query is of type int64: give floats."),
        (lambda: nearest(np.eye(2), np.ones(3)), "query has shape (3,) beside table (2, 2): give (D=2)."),
        (lambda: nearest(np.eye(2), topn=0), "topn=0 cannot be used: topn must be a whole number of 1 or more."),
    ],
)  # fmt: skip
def test_arrays_and_limits_are_named_in_one_sentence(call, sentence):
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == sentence
