"""Workflow commands of GitHub Actions: an annotation for each check that did not pass.

A runner takes a command from any line of a step's output. What comes from a submission is
therefore escaped here, and printed nowhere else in a step without being told to be no command:
see `no_commands`. GitHub shows ten errors a step.
"""

from __future__ import annotations

import os
import posixpath
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from aisys_cli.report.files import evidence_text
from aisys_cli.report.records import CheckResult, Report

__all__ = ["MOST", "no_commands", "to_github"]

MOST = 10
_LONGEST = 4000


def to_github(reports: Sequence[Report], *, folder: str = "") -> str:
    """Annotations, the costliest checks first; a notice with the score of each submission.
    `folder`: of the submission's files, from the root of the repository."""
    failed = [
        (report, check)
        for report in reports
        for check in report.checks
        if check.verdict not in ("pass", "blocked")
    ]
    failed.sort(key=lambda one: (one[1].score or 0) - one[1].max_score)
    lines = [_annotation(report, check, folder) for report, check in failed[:MOST]]
    if len(failed) > MOST:
        lines.append(_command("notice", f"{len(failed) - MOST} more checks did not pass"))
    for report in reports[:MOST]:
        score = "no score (infra)" if report.score is None else f"{report.score}"
        lines.append(
            _command("notice", f"{report.lab}: {score}/{report.max_score}", title=report.submission)
        )
    return "".join(f"{line}\n" for line in lines)


def _annotation(report: Report, check: CheckResult, folder: str) -> str:
    where = check.evidence.where if check.evidence else None
    place = {}
    if where is not None:
        place = {"file": posixpath.normpath(posixpath.join(folder, where.file))}
        place["line"] = str(where.line)
    title = f"{check.id} {check.title_en}: {check.verdict}"
    if report.submission:
        title = f"{report.submission}: {title}"
    text = "\n".join(part for part in (check.message, evidence_text(check.evidence)) if part)
    kind = "warning" if check.verdict == "infra" else "error"
    return _command(kind, text[:_LONGEST] or check.verdict, **place, title=title)


def _command(kind: str, message: str, **properties: str) -> str:
    """The documented escapes; `%` first, or the others would be escaped twice."""
    message = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    listed = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {listed}::{message}" if listed else f"::{kind}::{message}"


def _property(value: str) -> str:
    value = value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return value.replace(":", "%3A").replace(",", "%2C")


@contextmanager
def no_commands() -> Iterator[None]:
    """In a job of GitHub Actions: what is printed meanwhile is text, whatever it looks like."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        yield
        return
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"::{token}::", flush=True)
