"""From the attempts on a lab to the grade: which one counts, and what being late costs.

An attempt that could not be graded (`infra`) has no score, so it never takes the place of one that
has: the earlier one counts on, and the grade says which attempts are `pending`. It is the
same within an attempt: a regrade that ends in infra leaves the score that was there. What came
after the cut-off is kept but counts only where there is nothing else, with a score of 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from aisys_cli.course.records import Counts, Course
from aisys_cli.language import N_
from aisys_cli.report.grades import Attempt, Grade
from aisys_cli.report.records import Report

__all__ = ["HandIn", "Policy", "Standing", "doubts", "in_words", "instant", "policy_of", "standing"]

_DAY = timedelta(days=1)


class Policy(msgspec.Struct, frozen=True):
    """The rules for one lab. Without `due` nothing is late, without `cutoff_days` nothing
    too late."""

    counts: Counts = "last"
    due: datetime | None = None
    grace: timedelta = timedelta()
    percent_per_day: int = 0
    cutoff_days: int | None = None


class HandIn(msgspec.Struct, frozen=True):
    """What the gradebook knows of one attempt.

    `submitted_at` is when these files were first handed in, "" if unknown. `last_at` is when
    they were handed in last (the same again, after something else) or, where no time is known,
    last graded. `report` is the newest with a score, else the newest; `unsettled`: there is a
    newer one, of a regrade that ended in infra.
    """

    report: Report
    submitted_at: str
    last_at: datetime
    reports: int = 1
    unsettled: bool = False


class Standing(msgspec.Struct, frozen=True):
    """`counts` and `pending` are numbers of attempts, as in a Grade."""

    attempts: tuple[Attempt, ...] = ()
    counts: int = 0
    pending: tuple[int, ...] = ()


def policy_of(course: Course, lab: str) -> Policy:
    """What course.toml says for a lab."""
    grading = course.facts.grading
    due = grading.due.get(lab)
    assert due is None or isinstance(due, datetime)
    return Policy(
        counts=grading.counts,
        due=due,
        grace=timedelta(minutes=grading.late.grace_minutes),
        percent_per_day=grading.late.percent_per_day,
        cutoff_days=grading.late.cutoff_days,
    )


_COUNTS = {
    "best": N_("the best attempt counts"),
    "last": N_("the last attempt counts"),
    "first": N_("the first attempt counts"),
}


def in_words(policy: Policy) -> str:
    """The rules in a line or two."""
    said = _COUNTS[policy.counts]
    if policy.due is None:
        return N_(f"{said}; no due date")
    said = N_(f"{said}; due {policy.due.isoformat(' ', 'minutes')}")
    if policy.grace:
        said = N_(f"{said}, {policy.grace // timedelta(minutes=1)} minutes of grace")
    late = N_(f"a late day costs {policy.percent_per_day}%")
    if policy.cutoff_days is not None:
        late = N_(f"{late}, nothing accepted after {policy.cutoff_days} days")
    return f"{said};\n  {late}"


def doubts(grade: Grade, policy: Policy) -> str:
    """What may still change a grade, or is not known of it; "" if nothing."""
    if grade.pending:
        which = " and ".join(map(str, grade.pending))
        return N_(f"attempt {which} ended in infra and may change the score")
    attempt = grade.attempt
    if policy.due and attempt and not attempt.submitted_at and not grade.override:
        return N_("when it was handed in is not known; taken to be in time")
    return ""


def instant(text: str) -> datetime | None:
    """A moment written in ISO 8601; None for what is none, or has no offset."""
    try:
        when = datetime.fromisoformat(text)
        return None if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def standing(hand_ins: Sequence[HandIn], policy: Policy) -> Standing:
    """The attempts, in the order given, and which of them counts.

    One in time before one after the cut-off, one with a score before one without. Then the
    best (of equal ones the first), or the one handed in last.
    """
    attempts = tuple(_assess(n, one, policy) for n, one in enumerate(hand_ins, 1))
    if not attempts:
        return Standing()

    def last_at(one: Attempt) -> datetime:
        return hand_ins[one.number - 1].last_at

    def rank(one: Attempt) -> tuple[object, ...]:
        best = (-1 if one.score is None else one.score, -one.number)
        chosen = best if policy.counts == "best" else (last_at(one), one.number)
        return (not one.too_late, one.score is not None, *chosen)

    counts = max(attempts, key=rank)
    pending = [
        one.number
        for one in attempts
        if (one.score is None or hand_ins[one.number - 1].unsettled)
        and one.too_late <= counts.too_late
        and (policy.counts == "best" or last_at(one) >= last_at(counts))
    ]
    return Standing(attempts, counts.number, tuple(pending))


def _assess(number: int, hand_in: HandIn, policy: Policy) -> Attempt:
    """One attempt, with what being late costs it."""
    report = hand_in.report
    days = _late_days(hand_in.submitted_at, policy)
    too_late = policy.cutoff_days is not None and days > policy.cutoff_days
    penalty = 100 if too_late else min(100, days * policy.percent_per_day)
    return Attempt(
        number=number,
        report=report,
        submitted_at=hand_in.submitted_at,
        late_days=days,
        penalty=penalty,
        score=None if report.score is None else _less(report.score, penalty),
        too_late=too_late,
        reports=hand_in.reports,
    )


def _late_days(submitted_at: str, policy: Policy) -> int:
    when = instant(submitted_at)
    if when is None or policy.due is None:
        return 0
    return max(0, -((policy.due + policy.grace - when) // _DAY))


def _less(score: int, percent: int) -> int:
    """So many percent less, to the nearest point; half a point is the student's."""
    return (score * (100 - percent) + 50) // 100
