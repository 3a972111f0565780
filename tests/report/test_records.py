"""Reports as data: the verdict of a whole, text made safe, what two runs have in common."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import DEADLOCK, EVIDENCE, check, of, report

from aisys_cli.report.records import Evidence, Report, clean, without_durations

some = settings(max_examples=100, deadline=None)


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "fail"], "partial"),
        (["pass", "blocked"], "partial"),
        (["fail", "fail", "timeout"], "fail"),
        (["timeout", "crash", "crash"], "crash"),
        (["error", "blocked", "blocked", "blocked"], "error"),
        (["blocked"], "fail"),
        (["pass", "infra"], "infra"),
        (["pass", "pass", "fail", "infra"], "infra"),
        (["infra", "blocked"], "infra"),
    ],
)
def test_the_verdict_of_a_submission_in_one_word(verdicts, verdict):
    found = of(*verdicts)
    assert found.verdict == verdict
    assert found.passed is (verdict == "pass")


def test_between_two_equally_common_troubles_the_order_decides_nothing():
    assert of("timeout", "crash").verdict == of("crash", "timeout").verdict


def test_a_report_survives_json_and_messagepack():
    made = of("pass", "fail", "infra", notes=("one",), versions={"aisys": "0.1"})
    assert msgspec.json.decode(msgspec.json.encode(made), type=Report) == made
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Report) == made


def test_what_the_ranks_do_survives_json_and_messagepack():
    made = report(check("deadlock", evidence=DEADLOCK), check("fail", "1.2", evidence=EVIDENCE))
    for codec in (msgspec.json, msgspec.msgpack):
        back = codec.decode(codec.encode(made), type=Report)
        assert back == made
        assert back.checks[0].evidence.ranks == DEADLOCK.ranks
        assert back.checks[0].evidence.world == DEADLOCK.world
    assert made.verdict == without_durations(made).verdict == "deadlock"


def test_a_report_of_a_lab_without_ranks_does_not_mention_them():
    """One written before there were any is still a report."""
    data = msgspec.json.encode(EVIDENCE)
    assert b"ranks" not in data
    assert b"world" not in data
    assert msgspec.json.decode(data, type=Evidence) == EVIDENCE


def test_without_durations_only_durations_differ():
    fast, slow = (
        report(check("pass", duration=d), check("fail", "1.2", duration=2 * d), duration=3 * d)
        for d in (0.1, 7.0)
    )
    assert fast != slow
    assert without_durations(fast) == without_durations(slow)
    other = report(check("pass", inputs=9), check("fail", "1.2"))
    assert without_durations(other) != without_durations(fast)


CLEANED = {
    "an escape sequence": ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
    "a bell and a backspace": ("a\x07\x08", "a\\x07\\x08"),
    "NUL": ("a\0b", "a\\x00b"),
    "a carriage return that hides a line": ("bad\rgood", "bad\\x0dgood"),
    "lines and tabs stay": ("a\tb\nc", "a\tb\nc"),
    "lines of Windows": ("a\r\nb", "a\nb"),
    "C1 controls": ("\x9b31m", "\\x9b31m"),
    "a right-to-left override": ("\u202egnp.exe", "\\x202egnp.exe"),
    "a lone surrogate": ("\ud800", "\\xd800"),
    "a byte order mark": ("\ufeffx", "\\xfeffx"),
    "Chinese and emoji stay": ("求和 🙂", "求和 🙂"),
}


@pytest.mark.parametrize(("text", "shown"), CLEANED.values(), ids=CLEANED)
def test_control_characters_are_shown_not_sent(text, shown):
    assert clean(text) == shown


def test_long_text_is_cut_and_says_by_how_much():
    assert clean("x" * 50, limit=10) == "xxxxxxxxxx... (40 more characters)"
    assert clean("x" * 10, limit=10) == "x" * 10


ANYTHING = st.text(st.characters(exclude_categories=[]))


@some
@given(ANYTHING)
def test_cleaned_text_can_be_written_and_has_no_control_character(text):
    found = clean(text)
    found.encode("utf-8")
    assert not [c for c in found if ord(c) < 32 and c not in "\t\n"]
    assert "\x1b" not in found
    assert clean(found) == found


@some
@given(ANYTHING, st.integers(0, 20))
def test_cleaned_text_is_bounded(text, limit):
    assert len(clean(text, limit=limit)) <= 7 * limit + len("... (1000000 more characters)")
