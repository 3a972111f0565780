"""Grades as JSON, schema `aisys/grades/1`: `to_json`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from aisys_cli.report.grades import Attempt, Grade

__all__ = ["to_json"]


def to_json(grades: Iterable[Grade], *, reports: bool = False) -> bytes:
    """A grade for each student and lab; `reports`: every attempt with its whole report."""
    # One at a time: all reports of a class at once would take much memory.
    parts = (msgspec.json.encode(_record(grade, reports=reports)) for grade in grades)
    return b'{"schema": "aisys/grades/1", "grades": [\n' + b",\n".join(parts) + b"\n]}\n"


def _record(grade: Grade, *, reports: bool) -> dict[str, Any]:
    attempts = [_attempt(one, reports=reports) for one in grade.attempts]
    return {**msgspec.structs.asdict(grade), "attempts": attempts}


def _attempt(one: Attempt, *, reports: bool) -> dict[str, Any]:
    report = one.report
    record = {
        **msgspec.structs.asdict(one),
        "verdict": report.verdict,
        "digest": report.submission_digest,
        "lab_version": report.lab_version,
        "seed": report.seed,
        "isolation": report.isolation,
        "graded_score": report.score,
    }
    # `reports` of an attempt is a count; the report itself is large.
    if not reports:
        del record["report"]
    return record
