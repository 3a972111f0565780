"""result.json of Classroom 50 (schema classroom50/result/v1): scores are whole numbers.

Who submitted what, and where, comes from the variables that the runner sets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from aisys_cli.report.files import evidence_text
from aisys_cli.report.hosts.one import graded
from aisys_cli.report.records import CheckResult, Report

__all__ = ["to_classroom50"]

_FROM = {
    "classroom": "CLASSROOM",
    "assignment": "ASSIGNMENT",
    "owner": "USERNAME",
    "submission": "SUBMISSION_TAG",
    "commit": "COMMIT_URL",
    "release": "RELEASE_URL",
    "review": "REVIEW_URL",
}


def to_classroom50(reports: Sequence[Report], environment: Mapping[str, str] = os.environ) -> str:
    """Of one submission."""
    report = graded(reports, "classroom50")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    value = {
        "schema": "classroom50/result/v1",
        **{field: environment.get(name, "") for field, name in _FROM.items()},
        "assignment_type": environment.get("ASSIGNMENT_TYPE", "individual"),
        "datetime": environment.get("SUBMITTED_AT", now),
        "graded_at": now,
        "score": report.score,
        "max-score": report.max_score,
        "tests": [_test(check) for check in report.checks],
    }
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _test(check: CheckResult) -> dict[str, object]:
    text = "\n".join(part for part in (check.message, evidence_text(check.evidence)) if part)
    return {
        "test-name": f"{check.id} {check.title_en}",
        "passed": check.verdict == "pass",
        "score": check.score or 0,
        "max-score": check.max_score,
        "verdict": check.verdict,
        "output": text[:2000],
    }
