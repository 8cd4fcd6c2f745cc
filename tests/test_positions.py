"""positions: the papers' formulas by hand; rotary scores depend on distances alone."""

import math

import pytest
import torch
from test_attention import inputs

from course_lib import transformer
from course_lib.positions import LearnedPositions, RotaryPositions, SinusoidalPositions, sinusoidal_positions

B, H, T, D_MODEL = 2, 3, 5, 12


def test_sinusoidal_positions_are_the_papers():
    table = sinusoidal_positions(50, 6)
    for t in (0, 1, 7, 49):
        for i in range(3):
            angle = t / 10_000 ** (2 * i / 6)
            assert table[t, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)


@pytest.mark.parametrize("make", [SinusoidalPositions, LearnedPositions])
def test_positions_are_rows_of_one_table(make):
    positions = make(16, D_MODEL)
    whole = positions(16)
    assert whole.shape == (16, D_MODEL)
    assert torch.equal(positions(3, start=5), whole[5:8])
    assert len(torch.unique(whole, dim=0)) == 16
    assert bool(list(positions.parameters())) == (make is LearnedPositions)
    assert bool(positions.state_dict()) == (make is LearnedPositions)


def test_rotary_positions_turn_complex_numbers():
    x = inputs((B, H, T, 6))[0]
    turned = RotaryPositions(16, 6).double()(x, start=3)
    frequencies = 10_000.0 ** (-torch.arange(0, 6, 2, dtype=torch.float64) / 6)
    angles = torch.arange(3, 3 + T, dtype=torch.float64)[:, None] * frequencies
    expected = torch.view_as_real(torch.view_as_complex(x.detach().unflatten(-1, (3, 2))) * torch.polar(
        torch.ones_like(angles), angles)).flatten(-2)  # fmt: skip
    torch.testing.assert_close(turned, expected, atol=1e-6, rtol=0)  # the tables are float32


def test_rotary_scores_depend_on_the_distance_alone():
    rotary = RotaryPositions(400, 8)
    q, k = (x.detach().float() for x in inputs((1, 8), (1, 8)))
    near = rotary(q, start=9) @ rotary(k, start=4).T
    far = rotary(q, start=309) @ rotary(k, start=304).T
    other = rotary(q, start=9) @ rotary(k, start=5).T
    torch.testing.assert_close(near, far, atol=1e-4, rtol=0)
    assert (near - other).abs() > 1e-2


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: RotaryPositions(8, 4)(torch.zeros(B, T, 2)), "x=.* cannot .* vectors of size 4"),
        (lambda: sinusoidal_positions(4, 5), "size=5 cannot be used: size must be an even"),
        (lambda: RotaryPositions(0, 4), "context_length=0 cannot be used"),
        (lambda: LearnedPositions(4, 6)(3, start=2), "has 5 positions and the model knows 4: cut the sequence"),
        (lambda: SinusoidalPositions(4, 6)(3, start=-1), "start=-1 cannot be used"),
    ],
)
def test_inputs_that_cannot_be(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_lessons_find_them_in_transformer():
    assert transformer.SinusoidalPositions is SinusoidalPositions
    assert transformer.sinusoidal_positions is sinusoidal_positions
