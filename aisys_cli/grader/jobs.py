"""What a coordinator and a worker say to each other. Both are trusted."""

from __future__ import annotations

from typing import Any

import msgspec

from aisys_cli.course.records import Lab
from aisys_cli.grader.world import World
from aisys_cli.report.records import CheckResult, Report, Whole
from aisys_cli.sandbox.limits import Limits

__all__ = [
    "Checked",
    "Done",
    "Failed",
    "Hurry",
    "Job",
    "KeptCall",
    "Ready",
    "Setup",
    "build_report",
    "infra_report",
]


class Setup(msgspec.Struct, tag=True):
    """coordinator -> worker, first: the lab to collect and how to confine submissions.

    `isolation` is "bwrap", "process", or "auto": bwrap, and process where that is closed.
    `warm`: run a few inputs of every check before forking, which pays when many jobs follow.
    `cpus`: the processors for this worker and its cells; [] is any.
    """

    course: str
    lab: str
    isolation: str
    hidden: bool
    secret: str
    warm: bool = True
    cpus: list[int] = []


class Ready(msgspec.Struct, tag=True):
    """worker -> coordinator: the checks are collected and warm."""

    checks: list[str]


class Job(msgspec.Struct, tag=True):
    """coordinator -> worker: grade this. `problem` says why the files cannot be used.

    `examples` replaces the number of inputs of every check. Without `shrink` a check ends
    at its first failing input; without `blocking` it runs although one that it `needs` failed.
    With `exit_first` the checks after the first that does not pass are left out. Those of `first`
    run before the others; with `stream` each result is sent as it comes.
    """

    submission: str
    digest: str
    files: dict[str, bytes]
    seed: int
    problem: str = ""
    only: list[str] = []
    notes: list[str] = []
    keep_calls: bool = False
    limits: Limits | None = None
    examples: int | None = None
    shrink: bool = True
    blocking: bool = True
    exit_first: bool = False
    first: list[str] = []
    stream: bool = False


class Hurry(msgspec.Struct, tag=True):
    """coordinator -> worker, during a job: nobody waits for it any more; leave out the checks
    that have not begun."""


class KeptCall(msgspec.Struct, frozen=True):
    """A call on the driver, kept so that `aisys lab repro` can make it again."""

    method: str
    args: list[Any]
    world: World | None = None


class Checked(msgspec.Struct, tag=True):
    """worker -> coordinator, during a job with `stream`: the result of one of its checks."""

    submission: str
    result: CheckResult


class Done(msgspec.Struct, tag=True):
    """worker -> coordinator: the report, and for each failing check, if they were to be kept,
    its smallest input's calls (a list of KeptCall, encoded) and its values as a whole."""

    report: Report
    calls: dict[str, bytes]
    whole: dict[str, Whole] = {}


class Failed(msgspec.Struct, tag=True):
    """worker -> coordinator, last: an AisysError, or a bug as exit code 3."""

    exit_code: int
    message: str
    remedy: str


def build_report(
    lab: Lab,
    job: Job,
    results: list[CheckResult],
    *,
    isolation: str,
    versions: dict[str, str],
    duration: float = 0.0,
) -> Report:
    """The report on a job. While one check has no score, the submission has none."""
    scores = [result.score for result in results]
    return Report(
        lab=lab.id,
        lab_version=lab.version,
        submission=job.submission,
        submission_digest=job.digest,
        seed=job.seed,
        isolation=isolation,
        score=None if None in scores else sum(score for score in scores if score is not None),
        max_score=sum(result.max_score for result in results),
        checks=tuple(results),
        notes=tuple(job.notes),
        versions=versions,
        duration=round(duration, 4),
        hidden_not_run=_hidden(lab) - sum(one.visibility == "hidden" for one in results),
    )


def _hidden(lab: Lab) -> int:
    return len(lab.facts.checks) - len(lab.public())


def infra_report(
    lab: Lab, job: Job, message: str, *, isolation: str, versions: dict[str, str]
) -> Report:
    """A report that scores nothing: grading itself failed."""
    results = [
        CheckResult(
            id=check.id,
            task=check.task,
            title_en=check.title.en,
            title_zh=check.title.zh,
            verdict="infra",
            score=None,
            max_score=check.points,
            visibility=check.visibility,
            duration=0.0,
            message=message,
        )
        for check in lab.facts.checks
        if not job.only or check.id in job.only
    ]
    return build_report(lab, job, results, isolation=isolation, versions=versions)
