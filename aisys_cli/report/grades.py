"""Where a student stands on a lab: attempts, what counts, overrides and comments.

Frozen records between the gradebook, which makes them, and the exports and pages, which show
them. Everything in them that came from a submission is clean, as in a Report.
"""

from __future__ import annotations

import msgspec

from aisys_cli.report.records import Report

__all__ = ["Attempt", "Comment", "Grade", "Override", "Person", "brief"]


class Person(msgspec.Struct, frozen=True):
    """A student on the roster. `id` is the one that submissions have."""

    id: str
    name: str = ""
    email: str = ""


class Attempt(msgspec.Struct, frozen=True):
    """One hand-in and its newest report that has a score, else its newest.

    `number` counts from 1. `submitted_at` is ISO 8601 with its offset, "" where the intake
    could not tell. `late_days` are whole or begun days after due date and grace; `penalty` is
    what they cost in percent. `score` is the report's after the penalty, None for infra.
    `too_late`: after the cut-off. `reports` is how often it was graded.
    """

    number: int
    report: Report
    submitted_at: str = ""
    late_days: int = 0
    penalty: int = 0
    score: int | None = None
    too_late: bool = False
    reports: int = 1


class Override(msgspec.Struct, frozen=True):
    """A score that a person set, with who, when (ISO 8601, UTC) and why.

    `withdrawn`: what a person did was to take the one before it back.
    """

    score: int
    who: str
    when: str
    why: str
    withdrawn: bool = False


class Comment(msgspec.Struct, frozen=True):
    """A remark of a person for the student."""

    text: str
    who: str
    when: str


class Grade(msgspec.Struct, frozen=True):
    """One student on one lab. `attempts` is empty for one on the roster who handed in nothing.

    `counts` is the number of the attempt that counts, 0 if none does. `score` is what is
    exported: the override's, else that attempt's; None while it is infra or missing.
    `pending` are the numbers of the attempts that could not be graded yet (infra) and may change
    it. `overrides` are all there ever were, the oldest first.
    """

    lab: str
    submission: str
    max_score: int
    name: str = ""
    email: str = ""
    attempts: tuple[Attempt, ...] = ()
    counts: int = 0
    override: Override | None = None
    comments: tuple[Comment, ...] = ()
    score: int | None = None
    pending: tuple[int, ...] = ()
    overrides: tuple[Override, ...] = ()

    @property
    def attempt(self) -> Attempt | None:
        """The one that counts."""
        return next((one for one in self.attempts if one.number == self.counts), None)

    @property
    def report(self) -> Report | None:
        return self.attempt.report if self.attempt else None


def brief(grade: Grade) -> Grade:
    """Without evidence and output: for a table of many, in a fraction of the memory."""
    attempts = tuple(
        msgspec.structs.replace(one, report=_brief(one.report)) for one in grade.attempts
    )
    return msgspec.structs.replace(grade, attempts=attempts)


def _brief(report: Report) -> Report:
    checks = tuple(
        msgspec.structs.replace(
            check, evidence=None, message="", output="", title_en="", title_zh=""
        )
        for check in report.checks
    )
    return msgspec.structs.replace(report, checks=checks, versions={})
