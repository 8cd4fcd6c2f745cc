"""Progress: what a bar shows, when a function is called, and that silence is silent."""

import pytest

from course_lib.progress import Progress, reporter


def test_a_function_is_told_seldom_and_at_the_end():
    told = []
    with reporter(told.append, total=1000, unit="words", name="reading", seconds=3600) as report:
        states = [report(done, loss=1 / done) for done in range(1, 1001)]
    assert [state.done for state in states] == list(range(1, 1001))
    assert [state.done for state in told] == [1, 1000]
    assert told[-1] == states[-1]
    assert told[-1].total == 1000
    assert told[-1].loss == pytest.approx(1e-3)
    assert told[-1].per_second > 0


def test_a_function_can_be_told_everything():
    told = []
    with reporter(told.append, total=3, unit="steps", name="training", seconds=0.0) as report:
        for done in (1, 2, 3):
            report(done, 0.5, learning_rate=0.1, held_out=None)
    assert [state.step for state in told] == [1, 2, 3]
    assert told[0].steps == 3
    assert (told[0].learning_rate, told[0].held_out, told[0].gradient_norm) == (0.1, None, None)


def test_a_bar_shows_the_losses_and_where_a_resumed_run_began(capsys):
    with reporter(True, total=12, unit="steps", name="training", first=4, digits=3, scaled=False) as report:
        for done in range(5, 13):
            state = report(done, 0.25, held_out=0.75)
    assert isinstance(state, Progress)
    bar = capsys.readouterr().err
    assert "4/12" in bar
    assert "12/12" in bar
    assert "loss 0.250, held-out 0.750" in bar


def test_silence_is_silent(capfd):
    with reporter(False, total=2, unit="words", name="reading") as report:
        assert report(2, 1.0) == Progress(2, 2, 1.0, pytest.approx(0, abs=1e12))
    assert capfd.readouterr() == ("", "")
