"""results.json of a Gradescope autograder (gradescope-autograders.readthedocs.io, Specifications).

A submission that we could not grade gets no file: Gradescope then says that the autograder
failed, and gives no score.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from aisys_cli.report.files import evidence_text
from aisys_cli.report.hosts.one import graded
from aisys_cli.report.records import CheckResult, Report

__all__ = ["to_gradescope"]


def to_gradescope(reports: Sequence[Report]) -> str:
    """Of one submission. Every check is a visible test: Gradescope hides the total from a
    student if any is hidden, and what may be told of hidden checks is `--details`' to say."""
    report = graded(reports, "gradescope")
    about = f"{report.lab} {report.lab_version}, seed {report.seed}"
    value = {
        "score": report.score,
        "execution_time": round(report.duration, 3),
        "output": "\n".join([about, *report.notes]),
        "output_format": "text",
        "test_output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(check) for check in report.checks],
        "extra_data": {"schema": report.schema, "digest": report.submission_digest},
    }
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _test(check: CheckResult) -> dict[str, object]:
    parts = [check.message, evidence_text(check.evidence)]
    if check.output:
        parts.append(f"printed:\n{check.output}")
    return {
        "number": check.id,
        "name": check.title_en,
        "status": "passed" if check.verdict == "pass" else "failed",
        "score": check.score or 0,
        "max_score": check.max_score,
        "output": "\n".join(part for part in parts if part) or check.verdict,
        "tags": [check.verdict],
    }
