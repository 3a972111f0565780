"""Moodle's import: one user it does not know, or a missing column, spoils all of it."""

import csv
import io

import msgspec
import pytest
from samples import attempt, check, grade, report

from aisys_cli.course.records import Lab
from aisys_cli.report.exports.moodle import to_moodle
from aisys_cli.report.grades import Attempt, Comment, Override

WHEN = "2026-03-01T00:00:00Z"
TITLE = "Arithmetic of numbers"


def rows(made):
    return list(csv.reader(io.StringIO(made.text, newline="")))


def one(lab, *grades, **options):
    """The only student's row, without the id and the address."""
    _, row = rows(to_moodle([lab], grades, **options))
    return row[2:]


def test_the_columns_are_those_that_moodle_maps(lab):
    made = to_moodle([lab], [grade(attempt("pass"), email="li@x.edu")])
    assert rows(made) == [
        ["ID number", "Email address", TITLE, f"{TITLE} (feedback)"],
        ["li-ming", "li@x.edu", "2", ""],
    ]
    assert made.left_out == ()
    assert "\r" not in made.text


def test_two_labs_have_two_columns_each(lab):
    other = Lab(msgspec.structs.replace(lab.facts, id="other"), lab.folder)
    grades = [
        grade(attempt("pass"), submission="a"),
        grade(attempt("fail"), submission="b", lab="other"),
        grade(attempt("pass", "pass"), submission="a", lab="other"),
    ]
    assert rows(to_moodle([lab, other], grades))[1:] == [
        ["a", "", "2", "", "4", ""],
        ["b", "", "", "", "0", "Not passed: 1.1."],
    ]


def test_who_has_neither_grade_nor_comment_is_not_in_it(lab):
    comment = (Comment("See me.", "ta", WHEN),)
    grades = [grade(submission="missing"), grade(attempt("infra"), submission="infra")]
    assert len(rows(to_moodle([lab], grades))) == 1
    assert one(lab, *grades, grade(submission="c", comments=comment)) == ["", "See me."]
    assert one(lab, *grades, grade(attempt("infra"), comments=comment)) == [
        "",
        "Not passed: 1.1. See me.",
    ]


def test_who_is_not_on_the_roster_is_left_out_and_told(lab):
    grades = [grade(attempt("pass"), submission=id) for id in "abc"]
    made = to_moodle([lab], grades, roster={"a", "c"})
    assert [row[0] for row in rows(made)[1:]] == ["a", "c"]
    assert made.left_out == ("b",)


@pytest.mark.parametrize("start", list("=+-@"))
def test_an_id_that_is_a_formula_is_left_out_and_told(lab, start):
    grades = [
        grade(attempt("pass"), submission=f"{start}1+1"),
        grade(attempt("pass"), submission="b", email=f"{start}cmd"),
        grade(attempt("pass"), submission="c"),
    ]
    made = to_moodle([lab], grades)
    assert [row[0] for row in rows(made)[1:]] == ["c"]
    assert made.left_out == tuple(sorted((f"{start}1+1", "b")))


def test_feedback_says_what_did_not_pass_and_what_cost_points(lab):
    late = attempt("pass", "fail", "blocked", late_days=2, penalty=20, score=1)
    comments = (Comment("First.", "ta", WHEN), Comment("Second.", "ta", WHEN))
    assert one(lab, grade(late, comments=comments)) == [
        "1",
        "Not passed: 1.2 1.3. Days late: 2 (20% less). First. Second.",
    ]
    assert one(lab, grade(late), language="zh") == ["1", "未通过: 1.2 1.3. 迟交 2 天 (扣 20%)."]


def test_feedback_on_a_score_that_was_set_has_no_penalty_and_no_reason(lab):
    """The reason is for teachers."""
    late = attempt("pass", late_days=2, penalty=20, score=1)
    override = Override(9, "ta", WHEN, "a secret")
    shown = one(lab, grade(late, override=override, score=9))
    assert shown == ["9", "The score was set by a person."]


def test_feedback_holds_no_word_of_a_submission(lab):
    made = report(check("fail", message="<script>", output="<script>"), notes=("<script>",))
    assert "<script>" not in to_moodle([lab], [grade(Attempt(1, made, score=0))]).text


def test_a_comment_is_no_formula(lab):
    comments = (Comment("=1+1", "ta", WHEN),)
    assert one(lab, grade(attempt("pass"), comments=comments))[1] == "'=1+1"


def test_the_title_is_in_the_language_asked_for(lab):
    made = to_moodle([lab], [grade(attempt("pass"))], language="zh")
    assert rows(made)[0][2:] == ["数的四则运算", "数的四则运算 (feedback)"]
