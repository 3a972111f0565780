"""results.json of a PrairieLearn external grader: a score from 0 to 1, at most a megabyte.

What we could not grade is not gradable: it costs the student no attempt and no points.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from aisys_cli.report.files import evidence_text
from aisys_cli.report.hosts.one import only
from aisys_cli.report.records import CheckResult, Report

__all__ = ["to_prairielearn"]

_MOST_BYTES = 1_000_000


def to_prairielearn(reports: Sequence[Report]) -> str:
    """Of one submission."""
    report = only(reports, "prairielearn")
    for room in (4000, 1000, 200, 0):  # of each check's texts; the points always fit
        text = _rendered(report, room)
        if len(text.encode()) < _MOST_BYTES:
            break
    return text


def _rendered(report: Report, room: int) -> str:
    value: dict[str, object] = {"gradable": report.score is not None}
    if report.score is None:
        bad = next(check for check in report.checks if check.verdict == "infra")
        value["format_errors"] = [f"This could not be graded, and costs you nothing: {bad.message}"]
    else:
        value["score"] = report.score / report.max_score if report.max_score else 0.0
        value["tests"] = [_test(check, room) for check in report.checks]
    value["message"] = f"{report.lab}, seed {report.seed}"
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _test(check: CheckResult, room: int) -> dict[str, object]:
    return {
        "name": f"{check.id} {check.title_en}",
        "description": check.verdict,
        "points": check.score or 0,
        "max_points": check.max_score,
        "message": "\n".join(
            part for part in (check.message, evidence_text(check.evidence)) if part
        )[:room],
        "output": check.output[:room],
    }
