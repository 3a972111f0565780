"""Which attempt counts and what being late costs: every rule, and every pair that can meet."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import attempt, check, grade, of, report

from aisys_cli.bulk.policy import HandIn, Policy, doubts, in_words, instant, policy_of, standing
from aisys_cli.course.load import load_course
from aisys_cli.report.grades import Override

CHINA = timezone(timedelta(hours=8))
DUE = datetime(2026, 3, 1, 23, 59, tzinfo=CHINA)
START = datetime(2026, 3, 1, tzinfo=UTC)


def scoring(score, *, of_points=100):
    """A report with that score; None is infra."""
    if score is None:
        return of("infra")
    return report(check("fail", score=score, max_score=of_points))


def at(minutes=0, *, days=0):
    """So long after the due date, as a submission would say it."""
    return (DUE + timedelta(minutes=minutes, days=days)).isoformat()


def handed(*scores, times=None, unsettled=()):
    """Hand-ins an hour apart; `times` are when, if that is known."""
    times = times or [""] * len(scores)
    return [
        HandIn(
            scoring(score),
            time,
            instant(time) or START + timedelta(hours=n),
            unsettled=n in unsettled,
        )
        for n, (score, time) in enumerate(zip(scores, times, strict=True), 1)
    ]


def only(score=100, *, time, **policy):
    """The attempt of somebody who handed in once."""
    (one,) = standing(handed(score, times=[time]), Policy(due=DUE, **policy)).attempts
    return one


# -- late --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "days"),
    [
        (at(-1), 0),
        (at(0), 0),
        (at(0.1), 1),
        (at(days=1), 1),
        (at(0.1, days=1), 2),
        (at(days=-400), 0),
        ("2026-03-01T17:00:00+01:00", 1),
        ("2026-03-01T16:59:00+01:00", 0),
        ("2026-03-01T15:59:00Z", 0),
        ("2026-03-01T15:59:00.001Z", 1),
        ("", 0),
        ("2026-03-09T10:00:00", 0),
        ("yesterday", 0),
        ("0001-01-01T00:00:00+23:00", 0),
    ],
)
def test_days_begun_after_the_due_date_are_counted_whatever_the_offset(time, days):
    assert only(time=time, percent_per_day=10).late_days == days


@pytest.mark.parametrize(("minutes", "days"), [(0, 0), (30, 0), (31, 1), (30 + 1440, 1)])
def test_grace_moves_the_due_date(minutes, days):
    assert only(time=at(minutes), grace=timedelta(minutes=30)).late_days == days


def test_without_a_due_date_nothing_is_late():
    (one,) = standing(handed(7, times=[at(days=99)]), Policy(percent_per_day=50)).attempts
    assert (one.late_days, one.penalty, one.score, one.too_late) == (0, 0, 7, False)


@pytest.mark.parametrize(
    ("score", "percent", "days", "penalty", "left"),
    [
        (100, 10, 1, 10, 90),
        (100, 10, 2, 20, 80),
        (100, 10, 10, 100, 0),
        (100, 10, 50, 100, 0),
        (100, 0, 50, 0, 100),
        (7, 10, 1, 10, 6),  # 6.3
        (5, 10, 1, 10, 5),  # 4.5: half a point is the student's
        (3, 50, 1, 50, 2),  # 1.5
        (0, 50, 1, 50, 0),
        (1, 51, 1, 51, 0),
    ],
)
def test_each_day_costs_its_percent_to_the_nearest_point(score, percent, days, penalty, left):
    one = only(score, time=at(days=days), percent_per_day=percent)
    assert (one.penalty, one.score) == (penalty, left)
    assert one.report.score == score


@pytest.mark.parametrize(("days", "too_late"), [(0, False), (3, False), (3.01, True)])
def test_after_the_cut_off_nothing_is_left(days, too_late):
    one = only(time=at(days=days), cutoff_days=3)
    assert (one.too_late, one.score) == (too_late, 0 if too_late else 100)
    assert one.penalty == (100 if too_late else 0)


def test_a_cut_off_of_no_days_is_the_due_date_with_its_grace():
    settings = {"cutoff_days": 0, "grace": timedelta(minutes=5)}
    assert [only(time=at(m), **settings).score for m in (5, 6)] == [100, 0]


def test_infra_has_no_score_however_late():
    assert only(None, time=at(days=1), percent_per_day=10).score is None
    assert only(None, time=at(days=9), cutoff_days=1).score is None


@given(st.integers(0, 1000), st.integers(0, 100), st.integers(0, 40), st.integers(0, 40))
def test_later_is_never_better_and_nobody_gets_more_than_was_graded(score, percent, one, two):
    first, last = sorted((one, two))
    early, late = (only(score, time=at(days=d), percent_per_day=percent) for d in (first, last))
    assert 0 <= late.score <= early.score <= score


# -- which one counts ----------------------------------------------------------------

IN_TIME, LATE, OVER = at(-60), at(days=1), at(days=9)
CUT = {"due": DUE, "cutoff_days": 3, "percent_per_day": 10}
# scores, times, policy, the attempt that counts, pending
COUNTS = {
    "nothing handed in": ([], None, {}, 0, ()),
    "the last": ([9, 5], None, {}, 2, ()),
    "the best": ([5, 9, 7], None, {"counts": "best"}, 2, ()),
    "of equal ones the first": ([5, 9, 9], None, {"counts": "best"}, 2, ()),
    "the last, though it is late": ([90, 95], [IN_TIME, LATE], CUT, 2, ()),
    "the best after the penalty": (
        [90, 95],
        [IN_TIME, LATE],
        {**CUT, "counts": "best"},
        1,
        (),
    ),
    "infra does not replace a score": ([9, None], None, {}, 1, (2,)),
    "nor where the best counts": ([9, None], None, {"counts": "best"}, 1, (2,)),
    "infra before a score does not matter": ([None, 9], None, {}, 2, ()),
    "but may have been the best": ([None, 9], None, {"counts": "best"}, 2, (1,)),
    "infra alone": ([None], None, {}, 1, (1,)),
    "infra twice": ([None, None], None, {}, 2, (2,)),
    "infra twice, the best": ([None, None], None, {"counts": "best"}, 1, (1, 2)),
    "a zero is a score": ([0, None], None, {"counts": "best"}, 1, (2,)),
    "after the cut-off does not replace": ([50, 90], [IN_TIME, OVER], CUT, 1, ()),
    "after the cut-off does not beat a zero": (
        [0, 90],
        [IN_TIME, OVER],
        {**CUT, "counts": "best"},
        1,
        (),
    ),
    "after the cut-off alone": ([90], [OVER], CUT, 1, ()),
    "infra in time before a zero after the cut-off": ([None, 90], [IN_TIME, OVER], CUT, 1, (1,)),
    "infra after the cut-off cannot change a score": ([50, None], [IN_TIME, OVER], CUT, 1, ()),
    "infra and a score after the cut-off": ([90, None], [OVER, at(days=10)], CUT, 1, (2,)),
}


@pytest.mark.parametrize(
    ("scores", "times", "policy", "counts", "pending"), COUNTS.values(), ids=COUNTS
)
def test_one_attempt_counts(scores, times, policy, counts, pending):
    found = standing(handed(*scores, times=times), Policy(**policy))
    assert (found.counts, found.pending) == (counts, pending)
    assert [one.number for one in found.attempts] == list(range(1, len(scores) + 1))


def test_files_that_were_handed_in_again_are_the_last():
    first, second = handed(9, 5)
    first = msgspec.structs.replace(first, last_at=second.last_at + timedelta(hours=1))
    assert standing([first, second], Policy()).counts == 1
    assert standing([first, second], Policy(counts="best")).counts == 1


def test_a_regrade_that_ended_in_infra_leaves_the_score_and_is_said():
    found = standing(handed(9, 5, unsettled={2}), Policy())
    assert (found.counts, found.pending) == (2, (2,))
    assert standing(handed(9, 5, unsettled={1}), Policy()).pending == ()
    assert standing(handed(9, 5, unsettled={1}), Policy(counts="best")).pending == (1,)


@given(st.lists(st.none() | st.integers(0, 9), min_size=1), st.sampled_from(["last", "best"]))
def test_infra_counts_only_where_there_is_no_score(scores, counts):
    found = standing(handed(*scores), Policy(counts=counts))
    scored = [score for score in scores if score is not None]
    wanted = None if not scored else max(scored) if counts == "best" else scored[-1]
    assert found.attempts[found.counts - 1].score == wanted


# -- from course.toml, and in words ----------------------------------------------------

GRADING = """
[grading]
counts = "best"

[grading.late]
grace_minutes = 15
percent_per_day = 20
cutoff_days = 4

[grading.due]
small = 2026-03-01T23:59:00+08:00
"""


def test_the_rules_come_from_the_course(own_course):
    assert policy_of(load_course(own_course), "small") == Policy()
    with (own_course / "course.toml").open("a") as file:
        file.write(GRADING)
    policy = policy_of(load_course(own_course), "small")
    assert policy == Policy("best", DUE, timedelta(minutes=15), 20, 4)
    assert in_words(policy) == (
        "the best attempt counts; due 2026-03-01 23:59+08:00, 15 minutes of grace;\n"
        "  a late day costs 20%, nothing accepted after 4 days"
    )


def test_rules_in_words_name_what_there_is_only():
    assert in_words(Policy()) == "the last attempt counts; no due date"
    assert in_words(Policy(due=DUE)).endswith("23:59+08:00;\n  a late day costs 0%")


def test_a_lab_without_a_due_date_has_the_other_rules(own_course):
    with (own_course / "course.toml").open("a") as file:
        file.write(GRADING.partition("[grading.due]")[0])
    assert policy_of(load_course(own_course), "small").due is None
    assert policy_of(load_course(own_course), "small").counts == "best"


def test_doubts_are_put_into_words():
    due = Policy(due=DUE)
    override = Override(3, "wang", "2026-03-01T00:00:00Z", "why")
    infra = grade(attempt("pass"), attempt("infra", number=2), counts=1, pending=(2,))
    assert "attempt 2 ended in infra" in doubts(infra, Policy())
    assert "not known" in doubts(grade(attempt("pass")), due)
    assert doubts(grade(attempt("pass")), Policy()) == ""
    assert doubts(grade(attempt("pass", submitted_at=IN_TIME)), due) == ""
    assert doubts(grade(attempt("pass"), override=override), due) == ""
    assert doubts(grade(), due) == ""
