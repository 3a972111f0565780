"""Are a lab's checks right? They must accept every wheat and reject every chaff.

The part of `aisys course check` that grades: the starter passes nothing, the reference
and the wheats pass everything on several seeds, every chaff fails the checks that it
names and no others than those it allows, and the reference can be drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import msgspec

from aisys_cli.bulk.intake import Submission
from aisys_cli.bulk.run import job_for, open_pool
from aisys_cli.course import solutions
from aisys_cli.course.records import Lab
from aisys_cli.grader.drawing import undrawable
from aisys_cli.grader.jobs import Job
from aisys_cli.report.records import CheckResult, Report

__all__ = ["Audit", "audit"]


class Audit(msgspec.Struct):
    """What was tried and what was wrong; `rejections` maps a chaff to the checks that
    failed it and how many inputs each took, on the first seed."""

    graded: int = 0
    problems: list[str] = []
    rejections: dict[str, dict[str, int]] = {}


class _Case(msgspec.Struct, frozen=True):
    solution: solutions.Solution
    seed: int


def audit(
    lab: Lab,
    *,
    seeds: int,
    chaff_seeds: int,
    workers: int,
    isolation: str,
    progress: Callable[[int, int], None],
) -> Audit:
    """Grade every solution of the lab; `progress` hears (done, total)."""
    cases = {f"{c.solution.name}@{c.seed}": c for c in _cases(lab, seeds, chaff_seeds)}
    result = Audit()
    with open_pool(lab, isolation=isolation, hidden=True, workers=workers) as pool:
        for done in pool.grade(_job(name, case) for name, case in cases.items()):
            report = done.report
            case = cases[report.submission]
            result.graded += 1
            result.problems += _problems(case, report)
            if isinstance(case.solution, solutions.Chaff) and case.seed == 1:
                result.rejections[case.solution.name] = {
                    check.id: check.inputs for check in report.checks if _failed(check)
                }
            progress(result.graded, len(cases))
    right = solutions.reference(lab)
    drawn = Submission(right.name, right.files, "")
    result.problems += undrawable(lab, drawn, isolation=isolation)
    result.problems.sort()
    return result


def _cases(lab: Lab, seeds: int, chaff_seeds: int) -> Iterator[_Case]:
    yield _Case(solutions.starter(lab), 1)
    for solution in [solutions.reference(lab), *solutions.wheats(lab)]:
        for seed in range(1, seeds + 1):
            yield _Case(solution, seed)
    for chaff in solutions.chaffs(lab):
        for seed in range(1, chaff_seeds + 1):
            yield _Case(chaff, seed)


def _job(name: str, case: _Case) -> Job:
    digest = hashlib.blake2b(b"".join(case.solution.files.values()), digest_size=12)
    job = job_for(Submission(name, case.solution.files, digest.hexdigest()), seed=case.seed)
    # Whether a check rejects is all that counts here; the smallest input is not needed.
    job.shrink = False
    return job


def _failed(check: CheckResult) -> bool:
    return check.verdict not in ("pass", "blocked", "infra")


def _problems(case: _Case, report: Report) -> list[str]:
    found = []
    for check in report.checks:
        if check.verdict == "infra":
            found.append(f"{report.submission}: check {check.id} broke: {check.message}")
        elif (wrong := _wrong(case, check)) is not None:
            found.append(f"{report.submission}: check {check.id} {wrong}")
    return found


def _wrong(case: _Case, check: CheckResult) -> str | None:
    """What is wrong with this verdict on this solution; None if nothing is."""
    failed = _failed(check)
    if isinstance(case.solution, solutions.Chaff):
        facts = case.solution.facts
        if check.id in facts.rejected_by and not failed:
            return f"must reject it, but said {check.verdict}"
        if failed and check.id not in [*facts.rejected_by, *facts.may_fail]:
            return f"failed it too ({check.message}), which its may_fail does not have"
        return None
    if case.solution.name == "starter":
        return "passes on the untouched starter" if check.verdict == "pass" else None
    if check.verdict == "pass":
        return None
    shown = f" on {check.evidence.input}" if check.evidence and check.evidence.input else ""
    return f"said {check.verdict}: {check.message}{shown}"
