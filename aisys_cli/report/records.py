"""What grading one submission found: schema `aisys/report/1`.

Two runs of the same submission, course and seed give equal reports but for the fields
named `duration`. Everything that came from a submission is bounded text without control
characters; a renderer still has to escape it for its own format.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from aisys_cli.language import N_

__all__ = [
    "CheckResult",
    "Evidence",
    "Place",
    "RankState",
    "Report",
    "Verdict",
    "Whole",
    "clean",
    "clean_line",
    "without_durations",
]

SCHEMA = "aisys/report/1"

Verdict = Literal[
    "pass", "fail", "error", "timeout", "deadlock", "crash", "forbidden", "blocked", "infra"
]


class Place(msgspec.Struct, frozen=True):
    """A line of the student's file."""

    file: str
    line: int
    function: str = ""
    text: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class RankState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a rank of a deadlocked world does: it has returned, or waits in a `call` of comm
    for one of `peers`, after so many messages."""

    rank: int
    call: str
    peers: tuple[int, ...] = ()
    where: Place | None = None
    sent: int = 0
    received: int = 0

    def __str__(self) -> str:
        counts = N_(f"sent {self.sent}, received {self.received}")
        if not self.peers:
            return f"{self.rank} {self.call}; {counts}"
        peers = " or ".join(map(str, self.peers))
        if not self.where:
            return N_(f"{self.rank} waits in {self.call} for {peers}; {counts}")
        return N_(f"{self.rank} waits in {self.call} for {peers}, line {self.where.line}; {counts}")


class Evidence(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a check did not pass, at the smallest input found.

    `input` is written as a student would write it. `got` and `expected` are values with
    type and shape. `index` says where they first differ. `tries` counts the inputs up to
    the first failure. `where` is the line to look at, `ran` the student's functions that
    the failing call ran, in order of their first call. `world` is how the ranks of a parallel
    lab were connected, `ranks` what each of them does if they got stuck.
    """

    input: str = ""
    got: str = ""
    expected: str = ""
    difference: str = ""
    index: str = ""
    tolerance: str = ""
    oracle: str = ""
    tries: int = 0
    where: Place | None = None
    ran: tuple[Place, ...] = ()
    unsteady: bool = False
    world: str = ""
    ranks: tuple[RankState, ...] = ()


class Whole(msgspec.Struct, frozen=True):
    """What an Evidence has in short, at the length that a file has room for."""

    input: str = ""
    got: str = ""
    expected: str = ""


class CheckResult(msgspec.Struct, frozen=True):
    """The verdict of one check. `score` is None for `infra`: nothing was graded."""

    id: str
    task: str
    title_en: str
    title_zh: str
    verdict: Verdict
    score: int | None
    max_score: int
    visibility: Literal["public", "hidden"]
    duration: float
    inputs: int = 0
    message: str = ""
    limit: str = ""
    evidence: Evidence | None = None
    output: str = ""

    def title(self, language: str) -> str:
        return self.title_zh if language == "zh" else self.title_en


class Report(msgspec.Struct, frozen=True):
    """One submission's results. `score` is None while any check is `infra`."""

    lab: str
    lab_version: str
    submission: str
    submission_digest: str
    seed: int
    isolation: str
    score: int | None
    max_score: int
    checks: tuple[CheckResult, ...]
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = {}
    duration: float = 0.0
    hidden_not_run: int = 0
    schema: str = SCHEMA

    @property
    def verdict(self) -> str:
        """The submission in one word: pass, partial, infra, or its commonest trouble."""
        verdicts = [check.verdict for check in self.checks]
        if "infra" in verdicts:
            return "infra"
        if all(verdict == "pass" for verdict in verdicts):
            return "pass"
        if any(verdict == "pass" for verdict in verdicts):
            return "partial"
        bad = [verdict for verdict in verdicts if verdict != "blocked"] or ["fail"]
        return max(sorted(set(bad)), key=bad.count)

    @property
    def passed(self) -> bool:
        return self.verdict == "pass"


def without_durations(report: Report) -> Report:
    """The part of a report that must not depend on when or how fast it was made."""
    checks = tuple(msgspec.structs.replace(check, duration=0.0) for check in report.checks)
    return msgspec.structs.replace(report, checks=checks, duration=0.0)


# C0 and C1 controls but tab and newline; surrogates; bidirectional overrides, which can
# make a line on screen read differently from what it holds.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def clean(text: str, *, limit: int = 4000) -> str:
    """Text from a submission, made safe to show: no control characters, bounded."""
    text = text.replace("\r\n", "\n")
    if len(text) > limit:
        text = text[:limit] + f"... ({len(text) - limit} more characters)"
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def clean_line(text: str, *, limit: int = 200) -> str:
    """The same for what must stay on one line, such as the name of a file."""
    return clean(text, limit=limit).replace("\n", "\\x0a").replace("\t", "\\x09")
