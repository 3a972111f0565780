"""Grades as CSV, for a spreadsheet: `to_csv`. A line for each student and lab."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from aisys_cli.report.grades import Grade

__all__ = ["defused", "to_csv"]

_COLUMNS = (
    "lab",
    "submission",
    "name",
    "email",
    "score",
    "max_score",
    "verdict",
    "attempts",
    "counts",
    "submitted_at",
    "late_days",
    "penalty",
    "set_by",
    "why",
    "comments",
    "pending",
)
# How a formula begins for one or another spreadsheet; the last four are the full-width forms.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def to_csv(grades: Iterable[Grade]) -> str:
    """`verdict` is "missing" where nothing was handed in; `score` is empty without one."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for grade in grades:
        writer.writerow([defused(cell) if isinstance(cell, str) else cell for cell in _row(grade)])
    return file.getvalue()


def _row(grade: Grade) -> list[str | int | None]:
    attempt, override = grade.attempt, grade.override
    return [
        grade.lab,
        grade.submission,
        grade.name,
        grade.email,
        grade.score,
        grade.max_score,
        attempt.report.verdict if attempt else "missing",
        len(grade.attempts),
        grade.counts,
        attempt.submitted_at if attempt else "",
        attempt.late_days if attempt else 0,
        attempt.penalty if attempt else 0,
        override.who if override else "",
        override.why if override else "",
        "\n".join(comment.text for comment in grade.comments),
        " ".join(map(str, grade.pending)),
    ]


def defused(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
