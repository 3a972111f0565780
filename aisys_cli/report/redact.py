"""What a report may tell of hidden checks: full, actual-only or none."""

from __future__ import annotations

import msgspec

from aisys_cli.language import N_
from aisys_cli.report.records import CheckResult, Evidence, Report

__all__ = ["redact"]


def redact(report: Report, details: str) -> Report:
    """The report as `details` allows. Public checks always keep everything.

    full: all. actual-only: the input and what the submission returned, not the answer.
    none: the verdict and the score.
    """
    if details == "full":
        return report
    checks = tuple(
        check if check.visibility == "public" else _redact(check, details)
        for check in report.checks
    )
    return msgspec.structs.replace(report, checks=checks)


def _redact(check: CheckResult, details: str) -> CheckResult:
    if check.verdict == "infra":
        return check  # ours, and nothing in it is about an answer
    if details == "none":
        return msgspec.structs.replace(check, message="", evidence=None, output="", limit="")
    message = check.message
    if check.verdict == "fail":
        message = N_("wrong answer")  # the full one may name the dtype or shape that is right
    evidence = check.evidence
    if evidence is not None:
        evidence = Evidence(
            input=evidence.input,
            got=evidence.got,
            tries=evidence.tries,
            where=evidence.where,
            world=evidence.world,
            ranks=evidence.ranks,
        )
    return msgspec.structs.replace(check, message=message, evidence=evidence)
