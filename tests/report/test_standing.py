"""Where students stand, in 80 columns: what counts, what is missing, what people said."""

import pytest
from rich.cells import cell_len
from samples import attempt, grade

from aisys_cli.report.grades import Comment, Override
from aisys_cli.report.standing import render_class, render_grade, render_lab

WHEN = "2026-03-01T10:20:30.123Z"
SET = Override(9, "ta", WHEN, "the check was too strict, as we saw in class on Monday; all of you")
BACK = Override(0, "tb", WHEN, "no", withdrawn=True)
GRADES = [
    grade(submission="missing", name="李明"),
    grade(
        attempt("fail", "fail"),
        attempt("pass", number=2, late_days=2, penalty=20, score=1, submitted_at=WHEN),
        submission="late",
        comments=(Comment("one", "ta", WHEN), Comment("two", "ta", WHEN)),
    ),
    grade(attempt("infra"), submission="infra", pending=(1,)),
    grade(
        attempt("pass"),
        attempt("infra", number=2),
        submission="both",
        counts=1,
        pending=(2,),
        comments=(Comment("one", "ta", WHEN),),
    ),
    grade(attempt("fail"), submission="set", override=SET, overrides=(BACK, SET), score=9),
    grade(attempt("pass", too_late=True, late_days=9, score=0), submission="over"),
    grade(submission="set-missing", override=SET, overrides=(SET,), score=9),
]


def row(text, start):
    (found,) = [line for line in text.splitlines() if line.split()[:1] == [start]]
    return " ".join(found.split())


def test_a_lab_has_a_line_for_each_student():
    text = render_lab(GRADES)
    assert row(text, "missing") == "missing 李明 -/10 - missing"
    assert row(text, "late") == "late 1/10 2 of 2 pass 2d 2 comments"
    assert row(text, "infra") == "infra -/10 1 of 1 infra infra: 1"
    assert row(text, "both") == "both 2/10 1 of 2 pass infra: 2, 1 comment"
    assert row(text, "set") == "set 9/10 1 of 1 fail set"
    assert row(text, "over") == "over 0/10 1 of 1 pass over"
    assert text.splitlines()[-1].split(": ")[1] == (
        "5 with a score, 1 handed in nothing, 1 could not be graded (infra)"
    )


def test_a_class_has_a_column_for_each_lab_and_a_sum():
    other = [
        grade(attempt("pass", "pass"), submission="late", lab="other", max_score=20),
        grade(submission="new", lab="other"),
    ]
    text = render_class([GRADES, [], other])
    assert row(text, "late") == "late 1 4 5"
    assert row(text, "missing") == "missing 李明 - - 0"
    assert row(text, "infra") == "infra ? - 0"
    assert row(text, "both") == "both 2? - 2"
    assert row(text, "set") == "set 9* - 9"
    assert row(text, "set-missing") == "set-missing 9* - 9"
    assert row(text, "new") == "new - - 0"
    assert "[1] small, of 10" in text
    assert "[2] other, of 20" in text


def test_one_student_has_every_attempt_and_all_that_was_said():
    lines = render_grade(GRADES[1]).splitlines()
    assert lines[0] == "small  1/10  attempt 2 counts"
    assert lines[1].split() == ["1", "fail", "0/4", "time", "unknown", "d1"]
    assert lines[2].startswith("  > 2  pass")
    assert lines[2].endswith("2026-03-01 10:20  d2        2d late: -20% = 1")
    assert lines[3:] == ["    ta, 2026-03-01 10:20: one", "    ta, 2026-03-01 10:20: two"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "small  -/10  handed in nothing"),
        (2, "small  -/10  attempt 1 counts; infra, may change it: 1"),
        (3, "small  2/10  attempt 1 counts; infra, may change it: 2"),
        (4, "small  9/10  set by a person"),
        (5, "small  0/10  attempt 1 counts"),
    ],
)
def test_the_first_line_says_why_the_score_is_what_it_is(number, words):
    assert render_grade(GRADES[number]).splitlines()[0] == words


def test_overrides_are_told_the_newest_first():
    text = " ".join(render_grade(GRADES[4]).split())
    assert "ta set 9, 2026-03-01 10:20: the check was too strict, as we saw in class" in text
    assert text.endswith("earlier: tb took that back, 2026-03-01 10:20: no")
    assert "after the cut-off" in render_grade(GRADES[5])


@pytest.mark.parametrize("name", ["x" * 200, "名" * 100, "name " * 40])
def test_nothing_is_wider_than_80_cells(name):
    said = (Comment(name, name, WHEN),)
    one = grade(
        *(attempt("infra", number=n) for n in range(1, 40)),
        submission=name,
        name=name,
        comments=said,
        pending=tuple(range(1, 40)),
        overrides=(Override(1, name, WHEN, name),),
    )
    labs = [[grade(attempt("pass"), submission=name, lab=f"lab-{n}")] for n in range(6)]
    for text in (render_lab([*GRADES, one]), render_class([GRADES, *labs])):
        assert max(map(cell_len, text.splitlines())) <= 80
    assert max(map(cell_len, render_grade(one).splitlines()[1:])) <= 80
