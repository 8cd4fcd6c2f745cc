"""The checks' framework: whatever a learner hands in, the answer is a true sentence and never an exception."""
import inspect
import random
import sys
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.checks import base
from course_lib.checks.base import Case, Misconception, Result, call, compare, guarded, show


def log_share(counts):
    return np.log(counts / counts.sum())


def base_two(counts):
    return np.log2(counts / counts.sum())


CASES = [Case((np.array([[1.0, 2.0], [2.0, 1.0]]),)), Case((np.arange(1.0, 7.0).reshape(2, 3),), label="six counts")]
KNOWN = [Misconception("base-two", base_two, "the logarithm is to base 2."),
         Misconception("no-log", lambda counts: counts / counts.sum(), "the logarithm is missing")]


def ask(function, cases=CASES, known=KNOWN):
    return compare("pmi", function, log_share, cases, known)


@pytest.mark.parametrize("convert", [np.asarray, torch.tensor, lambda a: a.tolist(), lambda a: tuple(map(tuple, a))])
def test_numpy_torch_lists_and_tuples_are_accepted_alike(convert):
    assert ask(lambda counts: convert(log_share(counts))).status == "passed"


def test_the_first_failing_input_is_named_with_expected_and_got():
    result = ask(lambda counts: log_share(counts) + (counts == 6))
    assert result.status == "failed"
    assert "1 of 2 held. For six counts, entry (1, 2) should be -1.253 and yours is -0.2528" in result.message


def test_a_misconception_that_fits_every_answer_is_named():
    result = ask(base_two)
    assert result.diagnosis == "base-two"
    assert result.message.endswith("it looks as if the logarithm is to base 2.")


def test_no_diagnosis_unless_every_answer_fits():
    result = ask(lambda counts: base_two(counts) if counts.size == 4 else log_share(counts) * 3)
    assert (result.status, result.diagnosis) == ("failed", None)


def test_no_diagnosis_where_two_misconceptions_fit():
    twin = Misconception("twin", base_two, "something else happened")
    assert ask(base_two, known=[*KNOWN, twin]).diagnosis is None


def test_a_misconception_may_be_told_by_its_exception():
    def needs_a_square(counts):
        return log_share(counts) + counts.T * 0

    result = ask(needs_a_square, known=[Misconception("square", needs_a_square, "a square table was assumed")])
    assert (result.diagnosis, "six counts" in result.message) == ("square", True)


def stub(counts):
    raise NotImplementedError


def recursive(counts):
    return recursive(counts)


def in_place(counts):
    counts += 1
    return log_share(counts - 1)


def generator(counts):
    yield counts


async def coroutine(counts):
    return counts


class Nasty:
    def __repr__(self):
        raise ValueError("no repr")

    def __array__(self, *args, **kwargs):
        raise SystemExit

    def __eq__(self, other):
        raise ArithmeticError

    __hash__ = None


ABUSE = {
    "returns None": (lambda c: None, "returned None"),
    "raises": (lambda c: 1 / 0, "ZeroDivisionError in line"),
    "exits": (lambda c: sys.exit(), "SystemExit"),
    "recursion": (recursive, "RecursionError"),
    "in place": (in_place, "changed its input `counts` in place"),
    "generator": (generator, "a generator, which has computed nothing yet"),
    "coroutine": (coroutine, "a coroutine"),
    "no arguments": (lambda: 1, "takes 0 positional arguments"),
    "not a function": (3, "hand the function itself"),
    "a result": (None, "hand the function itself"),
    "text": (lambda c: "s", "expected numbers of shape (2, 2) and got a str: 's'"),
    "dict": (lambda c: {}, "got a dict"),
    "ragged": (lambda c: [[1], [1, 2]], "got a list"),
    "object": (lambda c: object(), "got an object: <object object at 0x...>"),
    "complex": (lambda c: log_share(c) + 1j, "expected numbers of shape (2, 2) and got an array"),
    "wrong shape": (lambda c: log_share(c)[None], "the shape should be (2, 2) and yours is (1, 2, 2)"),
    "transposed": (lambda c: log_share(c).T, "the shape should be (2, 3) and yours is (3, 2)"),
    "scalar": (lambda c: 0.0, "the shape should be (2, 2) and yours is ()"),
    "NaN": (lambda c: log_share(c) * np.nan, "yours is nan (NaN is what"),
    "infinite": (lambda c: log_share(c) * np.inf, "yours is -inf"),
    "half precision": (lambda c: torch.tensor(log_share(c)).half(), "yours is float16, which keeps only a few digits"),
    "nasty object": (lambda c: Nasty(), "pmi:"),
    "class": (Nasty, "stopped with TypeError"),
}


@pytest.mark.parametrize("name", ABUSE)
def test_abuse_gets_a_true_sentence_and_never_an_exception(name):
    function, words = ABUSE[name]
    result = ask(function)
    assert result.status == "failed"
    assert result.diagnosis is None
    assert words in result.message
    assert repr(result) == f"Not yet. {result.message}"
    assert result == ask(function), "the answer must be the same each time: nbval compares it"


def test_the_stub_is_not_attempted():
    assert repr(ask(stub)) == "pmi: not attempted yet."
    assert ask(stub).status == "not attempted"


def given_line(counts):
    """Some exercises come with a first line."""
    table = np.zeros(counts.shape)  # noqa: F841  it waits for the learner
    raise NotImplementedError


def answer_below(counts):
    raise NotImplementedError
    return log_share(counts)


def answer_above(counts):
    total = counts.sum()
    table = np.log(counts / total)  # noqa: F841  the `return` is missing
    raise NotImplementedError()


def answer_in_a_branch(counts):
    if counts.size == 6:
        return log_share(counts)
    raise NotImplementedError


@pytest.mark.parametrize(("function", "below", "words"), [
    (answer_below, 1, "above what you wrote, and Python goes no further: delete that line"),
    (answer_above, 3, "below what you wrote, and is reached before anything is returned"),
    (answer_in_a_branch, 3, "below what you wrote"),
])
def test_a_stub_left_standing_beside_an_answer_is_named_with_its_line(function, below, words):
    line = inspect.getsourcelines(function)[1] + below
    result = ask(function)
    assert (result.status, result.diagnosis) == ("failed", "stub-left-standing")
    assert f"`raise NotImplementedError` still stands in line {line}, {words}" in result.message


def test_a_stub_that_is_never_reached_is_told_with_the_pass():
    def answer(counts):
        return log_share(counts)
        raise NotImplementedError

    @guarded("pmi")
    def outer(learner):
        return ask(learner)

    line = inspect.getsourcelines(answer)[1] + 2
    for check in (ask, outer):
        assert check(answer) == Result("passed", "pmi: all 2 cases hold. (`raise NotImplementedError` still stands in "
                                       f"line {line}, where it is never reached: you can delete it.)")
    assert repr(ask(given_line)) == "pmi: not attempted yet."


def test_not_implemented_by_torch_is_an_error_and_not_a_stub():
    def refused(counts):
        raise NotImplementedError("'addmm' is not implemented for 'Half'")

    assert "addmm" in ask(refused).message


def test_the_learners_line_is_quoted():
    def careful(counts):
        total = counts.sum()
        return counts @ np.ones(99) / total

    line = inspect.getsourcelines(careful)[1] + 2
    assert f"ValueError in line {line}, `return counts @ np.ones(99) / total`: " in ask(careful).message


def test_printing_is_swallowed(capsys):
    def chatty(counts):
        print("here")
        print("there", file=sys.stderr)
        return log_share(counts)

    assert ask(chatty).status == "passed"
    assert capsys.readouterr() == ("", "")


def test_warnings_of_the_learners_code_are_told(recwarn):
    def careless(counts):
        np.log(np.zeros(1))
        return log_share(counts)

    def deaf(counts):
        torch.as_tensor(np.broadcast_to(1.0, 3))  # torch says once a process that this array cannot be written to
        return base_two(counts)

    line = inspect.getsourcelines(careless)[1] + 1
    told = f"(On the way your code caused a RuntimeWarning in line {line}: divide by zero encountered in log.)"
    assert ask(careless) == Result("passed", f"pmi: all 2 cases hold. {told}")
    for _ in range(2):
        assert ask(deaf).diagnosis == "base-two"
        assert "(On the way your code caused a UserWarning" in ask(deaf).message
    assert not torch.is_warn_always_enabled()
    assert not recwarn.list


def room():
    """All that a learner's function may have changed for everybody."""
    return {"python": random.getstate(), "numpy": str(np.random.get_state()), "torch": torch.get_rng_state().tolist(),  # noqa: NPY002
            "printing": (np.get_printoptions(), torch._tensor_str.get_printoptions()), "errors": np.geterr(),
            "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
            "settings": [ask() for ask, _, _ in base.SETTINGS]}  # fmt: skip


def rude(counts):
    random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    torch.set_autocast_enabled("cpu", True)
    torch.use_deterministic_algorithms(True)
    torch.set_anomaly_enabled(True)
    torch.set_float32_matmul_precision("medium")
    torch.set_flush_denormal(True)
    torch.set_warn_always(True)
    torch.set_grad_enabled(False)
    torch.set_printoptions(precision=1), np.set_printoptions(precision=1), np.seterr(all="raise")
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)
    return log_share(counts)


def test_random_numbers_and_settings_are_put_back():
    before = room()
    assert ask(rude).status == "passed"
    assert room() == before


def test_whatever_the_learner_has_set_the_room_is_the_same():
    def half(counts):
        share = torch.tensor(counts / counts.sum(), dtype=torch.float32)
        return (torch.eye(len(counts)) @ share).log()

    torch.set_default_device("meta"), torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu"), torch.inference_mode():
            before = room()
            assert ask(half).status == "passed"
            assert room() == before
    finally:
        torch.set_default_device(None), torch.set_default_dtype(torch.float32)


def test_a_graphics_card_keeps_its_random_numbers(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", asked.append)
    assert ask(log_share).status == "passed"
    assert not asked


@pytest.mark.gpu
def test_a_real_graphics_card_keeps_its_random_numbers():
    torch.rand(1, device="cuda")
    before = torch.cuda.get_rng_state()
    assert ask(lambda counts: torch.manual_seed(1) and log_share(counts)).status == "passed"
    assert torch.equal(torch.cuda.get_rng_state(), before)


class Deep:
    """A function that fails at whatever is asked of it but to be called."""

    def __getattribute__(self, name):
        raise SystemExit

    def __call__(self, counts):
        return counts


def test_what_is_asked_of_the_function_itself_may_fail():
    assert ask(Deep()).status == "failed"
    assert call(Deep(), np.ones(2)).kind == "value"


@pytest.mark.parametrize("answer", [
    "x" * 10**7, ["w"] * 10**6, list(range(10**6)), [[0.5] * 1000] * 1000, {i: i for i in range(10**6)}, range(10**9),
    np.broadcast_to(1.0, 10**9), torch.ones(1).expand(10**9), (np.ones(2), [b"x" * 10**7])],
    ids=["text", "words", "numbers", "rows", "dict", "range", "array", "tensor", "tuple"])  # fmt: skip
def test_a_huge_answer_is_not_looked_into(answer):
    began = time.process_time()  # of this process: others may want the machine
    assert "of more than 500,000 things, far more than the right answer has" in ask(lambda counts: answer).message
    played = call(lambda counts: answer, np.ones(2), play=lambda function, counts: sorted(function(counts)))
    assert (played.kind, "of more than 500,000 things" in played.value) == ("unfit", True)
    assert time.process_time() - began < 2


def test_half_characters_are_written_out():
    def half(counts):
        raise ValueError("\ud800")

    assert r"ValueError in line" in ask(half).message
    assert r"\ud800" in repr(ask(half))
    repr(ask(half)).encode()


def test_the_checks_own_inputs_survive_a_learner_who_edits_them():
    counts = np.ones((2, 2))
    compare("pmi", in_place, log_share, [Case((counts,))])
    assert (counts == 1).all()


def test_gradients_and_lists_and_dicts_among_the_inputs():
    leaf = torch.ones(3, requires_grad=True)
    outcome = call(lambda x: (x * x).sum(), leaf)
    outcome.value.backward()
    assert leaf.grad is None, "the learner works on a copy"
    for value in ([1, [2]], {"a": [1]}, {1, 2}):
        assert call(lambda x: x.clear() or 1, value).kind == "changed"


def test_the_stop_button_is_obeyed():
    def stopped(counts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask(stopped)


def test_one_random_stream_for_learner_and_reference():
    def draw(rng):
        return rng.integers(1, 1000, size=9)

    assert compare("draw", draw, draw, [Case((np.random.default_rng(0),))]).status == "passed"


def test_a_guarded_check_never_raises():
    @guarded("odd")
    def check(learner):
        return learner().no_such_attribute

    assert check(lambda: 1).message.startswith("odd: the check could not make sense of the answer (AttributeError")
    assert "hand the function itself" in check(3).message


def test_a_checks_own_warnings_stay_inside(recwarn):
    @guarded("odd")
    def check(learner):
        return base.failed("odd", f"{np.array([np.nan]).astype(int)} {np.log(np.zeros(1))} is no answer")

    assert "-inf" in check(lambda: 1).message
    assert not recwarn.list


def test_a_broken_check_does_not_pass():
    assert compare("pmi", log_share, lambda counts: 1 / 0, CASES).status == "failed"
    with pytest.raises(ValueError, match="'maybe'"):
        Result("maybe", "pmi: who knows")


PAIRS = [(0, 1), (1, 0), (1, 2), (2, 1)]


@pytest.mark.parametrize(("got", "words"), [
    (PAIRS[:3], "expected 4 items, [(0, 1), (1, 0), (1, 2), (2, 1)], and got 3, [(0, 1), (1, 0), (1, 2)]"),
    ([(1, 0), *PAIRS[1:]], "item 0 should be (0, 1) and yours is (1, 0)"),
    ([], "expected 4 items"),
    ("pairs", "expected a list of 4 and got a str"),
])
def test_lists_of_pairs(got, words):
    assert words in compare("pairs", lambda n: got, lambda n: PAIRS, [Case((3,))]).message


def test_numpys_strings_are_strings():
    assert compare("f", lambda n: np.array(["01", "1"]), lambda n: ["01", "1"], [Case((1,))]).status == "passed"
    assert compare("f", lambda n: [np.str_("a")], lambda n: ["b"], [Case((1,))]).status == "failed"


def test_whole_numbers_are_compared_exactly():
    right, large = [167_652], np.array([3_826_002_220])
    assert compare("hash", lambda n: [167_653], lambda n: right, [Case((3,))]).status == "failed"
    assert compare("hash", lambda n: large + 1, lambda n: large, [Case((3,))]).status == "failed"
    assert compare("hash", lambda n: [167_652.0], lambda n: right, [Case((3,))]).status == "passed"


@pytest.mark.parametrize(("right", "wrong", "words"), [
    (["01", "1"], ["0", "1"], "in item 0, expected '01' and got '0'"),
    (["01", "1"], "01", "expected a list of 2 and got a str"),
    ([("a", "b"), ("b", "a")], [("a", "b"), ("b", 1)], "item 1 should be ('b', 'a') and yours is ('b', 1)"),
    ((np.ones(2), np.ones((3, 2))), (np.ones(2), np.zeros((3, 2))), "in item 1, entry (0, 0) should be 1 and yours"),
    ((np.ones(2), np.ones((3, 2))), (np.ones(2),), "expected 2 items"),
    ({"a": 1}, {"b": 1}, "the key 'a' is missing"),
    ({"a": 1}, {"a": 2}, "under key 'a', expected 1 and got 2"),
    ({"a"}, ["a"], "expected {'a'} and got ['a']"),
    (np.array([0.5, 0.25]), np.array([0.5, 0.2501]), "expected [0.5, 0.25] and got [0.5, 0.2501]"),
    (1.0, 1.00004, "expected 1 and got 1.00004"),
    (True, False, "expected True and got False"),
])
def test_other_kinds_of_answers(right, wrong, words):
    assert words in compare("f", lambda n: wrong, lambda n: right, [Case((1,))]).message
    assert compare("f", lambda n: right, lambda n: right, [Case((1,))]).status == "passed"


ANSWERS = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
                       lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=2), part, max_size=2),
                       max_leaves=8)


@given(ANSWERS, ANSWERS)
def test_any_two_answers_can_be_compared(right, got):
    result = base.compare("f", lambda: got, lambda: right, [Case(())])
    assert result.status in ("passed", "failed")
    assert "could not make sense" not in result.message
    assert len(show(got)) < 2000
