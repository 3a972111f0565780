"""`student.later`: many calls in one frame, and the same verdicts as one by one."""

import pytest

from aisys_cli.grader.session import open_student
from aisys_cli.grader.student import EndCheck, StudentRaised
from aisys_cli.sandbox.client import Cell


@pytest.fixture
def batches(monkeypatch):
    """The sizes of what was sent together."""
    sizes = []
    call_all = Cell.call_all

    def counted(self, calls, *, seconds):
        sizes.append(len(calls))
        return call_all(self, calls, seconds=seconds)

    monkeypatch.setattr(Cell, "call_all", counted)
    return sizes


PRELUDE = """
import os, stat, sys, time
from aisys_cli.sandbox import frames, wire
told = []

def write(data):
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, data)
        except OSError:
            pass

def answer_the_next_call_too():
    frame = sys._getframe()
    while not isinstance(frame.f_locals.get("request"), wire.Call):
        frame = frame.f_back
    id = frame.f_locals["request"].id
    write(frames.framed(wire.encode(wire.Returned(id + 1, -2.0))))
"""


@pytest.fixture
def student_of(lab):
    opened = []

    def open_one(body):
        """A submission whose neg(a) is this body; a is 1.0, 2.0, 3.0 in most tests."""
        source = f"{PRELUDE}\n\ndef neg(a):\n"
        source += "".join(f"    {line}\n" for line in body.splitlines())
        context = open_student(lab, {"small.py": source.encode()})
        opened.append(context)
        return context.__enter__()

    yield open_one
    for context in opened:
        context.__exit__(None, None, None)


def ask(student, *values):
    return [student.later.neg(a, of=f"neg({a})") for a in values]


def test_what_is_asked_later_is_sent_together_and_answered_in_order(student_of, batches):
    student = student_of("told.append(a)\nreturn [-a, len(told)]")
    with student.one_input():
        first, second, third = ask(student, 1.0, 2.0, 3.0)
        assert second() == [-2.0, 2]  # all were sent when the first answer was wanted
        assert (first(), third()) == ([-1.0, 1], [-3.0, 3])
        assert student.neg(4.0) == [-4.0, 4]
        (alone,) = ask(student, 5.0)
        assert alone() == [-5.0, 5]
    assert batches == [3]


def test_an_exception_is_raised_by_its_own_answer_with_its_own_prints(student_of, batches):
    student = student_of("print('at', a)\nreturn 1 / (2.0 - a)")
    with pytest.raises(StudentRaised) as raised, student.one_input():
        first, second, third = ask(student, 1.0, 2.0, 3.0)
        assert (first(), third()) == (1.0, -1.0)
        second()
    failure = student.failure(raised.value)
    assert (failure.verdict, failure.message) == (
        "error",
        "ZeroDivisionError: float division by zero",
    )
    assert failure.evidence.input == "neg(2.0)"
    assert failure.output.splitlines() == ["at 1.0", "at 3.0", "at 2.0"]
    assert batches == [3]


ENDS = {
    "crash": ("os._exit(7)", "ended with exit code 7 before it answered"),
    "timeout": ("while True: pass", "no answer after 0.4 s of CPU time"),
    "error": ("write(b'nonsense' * 100)", "the answer was not a valid reply"),
}


@pytest.mark.parametrize("verdict", ENDS)
def test_what_ends_a_batch_is_the_verdict_of_the_call_that_did_it(student_of, batches, verdict):
    act, words = ENDS[verdict]
    student = student_of(f"if a == 2.0:\n    {act}\nreturn -a")
    with pytest.raises(EndCheck), student.one_input():
        first, second, _ = ask(student, 1.0, 2.0, 3.0)
        assert first() == -1.0
        second()
    assert student.ended.verdict == verdict
    assert words in student.ended.message
    assert student.ended.evidence.input == "neg(2.0)"
    student.begin_check()  # from now on there are no batches
    with student.one_input():
        assert [answer() for answer in ask(student, 1.0, 3.0)] == [-1.0, -3.0]
    assert batches == [3]


def test_a_submission_that_answers_for_other_calls_gains_nothing(student_of, batches):
    student = student_of("if a == 1.0:\n    answer_the_next_call_too()\nreturn 0.0")
    with pytest.raises(EndCheck), student.one_input():
        first, _ = ask(student, 1.0, 2.0)
        first()
    assert (student.ended.verdict, student.ended.evidence.input) == ("error", "neg(1.0)")
    assert "an answer to request" in student.ended.message
    assert batches == [2]


def test_a_batch_holds_no_more_than_one_answer_may(student_of, batches):
    student = student_of("return bytes(700_000)")
    with student.one_input():
        assert [len(answer()) for answer in ask(student, *range(20))] == [700_000] * 20
    assert student._one_by_one
    assert batches == [20]


def test_a_batch_may_take_longer_than_one_call(student_of, batches, lab):
    assert lab.facts.limits.call_seconds == 0.4
    wait = "end = time.process_time() + 0.15\nwhile time.process_time() < end: pass\nreturn -a"
    student = student_of(wait)
    with student.one_input():
        assert [answer() for answer in ask(student, 1.0, 2.0, 3.0, 4.0)] == [-1.0, -2.0, -3.0, -4.0]
    assert batches == [4]
    assert student._check_start >= 0.4  # the batch that was given up is not counted


def test_no_batch_while_a_smaller_input_is_looked_for(student_of, batches):
    student = student_of("return 1 / a")
    for _ in range(3):
        with pytest.raises(StudentRaised), student.one_input():
            for answer in ask(student, 1.0, 0.0, 2.0):
                answer()
    assert batches == [3]


def test_answers_that_nobody_wanted_are_dropped_with_their_input(student_of, batches):
    student = student_of("told.append(a)\nreturn len(told)")
    with student.one_input():
        ask(student, 1.0, 2.0)
    with student.one_input():
        assert [answer() for answer in ask(student, 3.0, 4.0)] == [1, 2]
    assert batches == [2]


def test_a_name_that_the_driver_lacks(student_of):
    student = student_of("return -a")
    with pytest.raises(AttributeError, match="has no function negate"):
        student.later.negate(1.0)
