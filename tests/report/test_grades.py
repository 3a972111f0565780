"""Grades as CSV and JSON: every fact in its place, and no formula of a student's."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import attempt, failed, grade

from aisys_cli.report.exports.csv import defused, to_csv
from aisys_cli.report.exports.grades_json import to_json
from aisys_cli.report.grades import Attempt, Comment, Override

WHEN = "2026-03-01T00:00:00Z"
FULL = grade(
    attempt("fail", submitted_at="2026-03-01T10:00:00+08:00"),
    attempt("pass", "fail", number=2, late_days=1, penalty=10, submitted_at=WHEN, reports=3),
    attempt("infra", number=3),
    counts=2,
    name="李明",
    email="li@x.edu",
    override=Override(9, "ta", WHEN, "was right"),
    overrides=(Override(9, "ta", WHEN, "was right"),),
    comments=(Comment("one", "ta", WHEN), Comment("two", "tb", WHEN)),
    score=9,
    pending=(1, 3),
)


def table(*grades):
    return list(csv.DictReader(io.StringIO(to_csv(grades), newline="")))


def test_a_line_has_all_there_is_on_a_grade():
    assert table(FULL) == [
        {
            "lab": "small",
            "submission": "li-ming",
            "name": "李明",
            "email": "li@x.edu",
            "score": "9",
            "max_score": "10",
            "verdict": "partial",
            "attempts": "3",
            "counts": "2",
            "submitted_at": WHEN,
            "late_days": "1",
            "penalty": "10",
            "set_by": "ta",
            "why": "was right",
            "comments": "one\ntwo",
            "pending": "1 3",
        }
    ]


def test_missing_and_infra_have_no_score():
    rows = table(grade(submission="a"), grade(attempt("infra"), submission="b", pending=(1,)))
    assert [(row["score"], row["verdict"]) for row in rows] == [("", "missing"), ("", "infra")]


def test_a_zero_is_a_zero():
    assert table(grade(attempt("fail")))[0]["score"] == "0"


STARTS = ["=", "+", "-", "@", "\t=", " =", "\n-", "\r@", "\uff1d", "\uff20"]


@pytest.mark.parametrize("start", STARTS, ids=repr)
@pytest.mark.parametrize("field", ["submission", "name", "email"])
def test_no_cell_of_a_student_is_a_formula(start, field):
    text = f'{start}HYPERLINK("http://x.example","a")'
    (row,) = table(grade(attempt("pass"), **{field: text}))
    assert row[field] == f"'{text}"


@given(st.text())
def test_defused_text_begins_with_no_formula_and_loses_nothing(text):
    made = defused(text)
    assert made.removeprefix("'") in (text, text.removeprefix("'"))
    assert not made.lstrip().startswith(("=", "+", "-", "@"))


def test_plain_names_stay_as_they_are():
    for text in ("li-ming", "O'Neil", "a=b", "李明", "", "s@x.edu"):
        assert defused(text) == text


def test_what_breaks_lines_and_quotes_stays_one_cell():
    names = ['a,"b"', "a\nb", "a\r\nb", ";"]
    assert [row["name"] for row in table(*(grade(name=name) for name in names))] == names


def test_json_has_everything_and_the_reports_only_when_asked():
    plain, whole = (json.loads(to_json([FULL], reports=asked)) for asked in (False, True))
    assert plain["schema"] == whole["schema"] == "aisys/grades/1"
    (one,), (full,) = plain["grades"], whole["grades"]
    assert (one["score"], one["counts"], one["pending"]) == (9, 2, [1, 3])
    assert one["override"]["why"] == "was right"
    assert [comment["who"] for comment in one["comments"]] == ["ta", "tb"]
    second = one["attempts"][1]
    assert (second["verdict"], second["digest"], second["score"]) == ("partial", "d2", 2)
    assert (second["late_days"], second["reports"], second["lab_version"]) == (1, 3, "1-abc")
    assert one["attempts"][2]["score"] is None
    assert "report" not in second
    assert full["attempts"][1]["report"]["schema"] == "aisys/report/1"
    for attempt_ in full["attempts"]:
        del attempt_["report"]
    assert full == one


def test_json_of_nobody_and_of_several_is_a_list():
    assert json.loads(to_json([]))["grades"] == []
    assert [
        one["name"] for one in json.loads(to_json([grade(name="a"), grade(name="b")]))["grades"]
    ] == [
        "a",
        "b",
    ]


def test_json_takes_any_text():
    text = '</script>\u2028"\\\n\x7f\U0001f600'
    made = json.loads(to_json([grade(Attempt(1, failed(text), score=0))], reports=True))
    assert made["grades"][0]["attempts"][0]["report"]["checks"][0]["message"] == text
