"""What a report may tell of hidden checks."""

import msgspec
import pytest
from harness import REFERENCE, result
from samples import EVIDENCE, VERDICTS, check, report

from aisys_cli.report.redact import redact

SECRET = "the-answer-4711"


def told(visibility, verdict="fail"):
    evidence = msgspec.structs.replace(
        EVIDENCE, expected=SECRET, difference=f"1 instead of {SECRET}"
    )
    return report(
        check(
            verdict,
            visibility=visibility,
            message="values differ",
            evidence=evidence,
            output="printed",
            limit="call_seconds = 1",
        )
    )


@pytest.mark.parametrize("details", ["full", "actual-only", "none"])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_public_checks_keep_everything(details, verdict):
    made = told("public", verdict)
    assert redact(made, details) == made


@pytest.mark.parametrize("verdict", VERDICTS)
def test_full_keeps_everything_of_hidden_checks_too(verdict):
    made = told("hidden", verdict)
    assert redact(made, "full") == made


def test_actual_only_keeps_the_input_and_what_was_returned_but_not_the_answer():
    (found,) = redact(told("hidden"), "actual-only").checks
    assert (found.evidence.input, found.evidence.got) == (EVIDENCE.input, EVIDENCE.got)
    assert (found.evidence.where, found.evidence.tries) == (EVIDENCE.where, 3)
    assert found.output == "printed"
    assert SECRET.encode() not in msgspec.json.encode(found)
    assert (found.evidence.expected, found.evidence.difference, found.evidence.index) == ("",) * 3


@pytest.mark.parametrize("verdict", [v for v in VERDICTS if v != "infra"])
def test_none_keeps_the_verdict_and_the_score_only(verdict):
    before = told("hidden", verdict)
    after = redact(before, "none")
    assert (after.score, after.max_score, after.verdict) == (
        before.score,
        before.max_score,
        before.verdict,
    )
    (found,) = after.checks
    assert (found.message, found.evidence, found.output, found.limit) == ("", None, "", "")
    assert (found.id, found.verdict, found.score) == ("1.1", verdict, before.checks[0].score)


@pytest.mark.parametrize("details", ["actual-only", "none"])
def test_our_own_fault_stays_told(details):
    made = told("hidden", "infra")
    assert redact(made, details).checks[0].message == "values differ"


def test_a_check_without_evidence_stays_without():
    made = report(check("pass", visibility="hidden"))
    assert redact(made, "actual-only") == made


def test_redacting_twice_is_redacting_once():
    once = redact(told("hidden"), "actual-only")
    assert redact(once, "actual-only") == once
    assert redact(once, "none") == redact(told("hidden"), "none")


WRONG = {
    "a number": "return a",
    "a text": "return str(a)",
    "another dtype": "import numpy as np; return np.float32(a)",
    "another shape": "import numpy as np; return np.zeros(3)",
    "a list": "return [a]",
    "nothing": "pass",
}


@pytest.fixture(scope="module")
def graded(grade):
    return grade({name: REFERENCE.replace("return -a", body) for name, body in WRONG.items()})


@pytest.mark.parametrize("name", WRONG)
def test_nothing_of_the_answer_is_left_in_a_real_report(graded, name):
    """2.1 is hidden; its answer to neg(...) must not be read from any field."""
    before = result(graded[name], "2.1")
    assert before.verdict == "fail"
    answer = before.evidence.expected
    assert answer.startswith("-")
    after = result(redact(graded[name], "actual-only"), "2.1")
    assert answer not in msgspec.json.encode(after).decode()
    assert after.evidence.got == before.evidence.got
