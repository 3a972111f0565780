"""What formats with room for a single submission have in common."""

from __future__ import annotations

from collections.abc import Sequence

from aisys_cli.errors import EnvironmentFault, UsageError
from aisys_cli.report.records import Report

__all__ = ["graded", "only"]


def only(reports: Sequence[Report], format: str) -> Report:
    """The one report. UsageError if there are more."""
    if len(reports) != 1:
        raise UsageError(
            f"--report {format}=...: that format holds one submission, and here are {len(reports)}",
            remedy="Use it with: aisys grade SUBMISSION",
        )
    return reports[0]


def graded(reports: Sequence[Report], format: str) -> Report:
    """The one report, with a score. EnvironmentFault if it has none: a format that must have
    a score would make a zero of it."""
    report = only(reports, format)
    if report.score is None:
        why = next(check.message for check in report.checks if check.verdict == "infra")
        raise EnvironmentFault(
            f"{report.submission} was not graded (infra: {why}), and {format} has no word for that",
            remedy="Nothing was written. See: aisys doctor --for grade",
        )
    return report
