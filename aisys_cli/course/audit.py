"""Are a lab's checks right? They must accept every wheat and reject every chaff.

The part of `aisys course check` that grades: the starter passes nothing, the reference
and the wheats pass everything on several seeds, every chaff fails the checks that it
names (and, if asked, no others than those it allows), and the reference can be drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from aisys_cli.bulk.intake import Submission
from aisys_cli.bulk.run import job_for, open_pool
from aisys_cli.course import solutions
from aisys_cli.course.mutants import equivalent, mutants
from aisys_cli.course.records import Lab
from aisys_cli.grader.drawing import undrawable
from aisys_cli.grader.jobs import Job
from aisys_cli.language import N_
from aisys_cli.report.records import CheckResult, Report

__all__ = ["Audit", "MutantAudit", "audit", "audit_mutants", "matrix"]


class Audit(msgspec.Struct):
    """What was tried and what was wrong; `rejections` maps a chaff to the checks that
    failed it and how many inputs each took, on the first seed."""

    graded: int = 0
    problems: list[str] = []
    rejections: dict[str, dict[str, int]] = {}


class MutantAudit(msgspec.Struct):
    """How many automatic mutants of the reference there are, how many the checks noticed, and
    the changes that they did not: explained in equivalent.toml, or not. `stale` are
    explanations of changes that are noticed, or that there are not."""

    total: int = 0
    killed: int = 0
    explained: list[str] = []
    survivors: list[str] = []
    stale: list[str] = []

    @property
    def share(self) -> float:
        """Of those that are not explained, the share that was noticed."""
        return self.killed / max(1, self.total - len(self.explained))


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
    chaffs_meet: Literal["theirs", "all", "blocked too"] = "theirs",
) -> Audit:
    """Grade every solution of the lab; `progress` hears (done, total).

    `chaffs_meet` says which checks a chaff is graded with: those that it says must reject it;
    all of them, so that one that fails beyond its may_fail is a problem; or even those
    that need one which it fails, to see who rejects whom (nothing then is beyond may_fail).
    """
    cases = {f"{c.solution.name}@{c.seed}": c for c in _cases(lab, seeds, chaff_seeds)}
    result = Audit()
    with open_pool(lab, isolation=isolation, hidden=True, workers=workers) as pool:
        for done in pool.grade(_job(name, case, chaffs_meet) for name, case in cases.items()):
            report = done.report
            case = cases[report.submission]
            result.graded += 1
            result.problems += _problems(case, report, strict=chaffs_meet == "all")
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


def audit_mutants(
    lab: Lab, *, workers: int, isolation: str, progress: Callable[[int, int], None]
) -> MutantAudit:
    """Grade every automatic mutant of the reference, but of what the starter has, on one seed."""
    right, given = solutions.reference(lab).files, solutions.starter(lab).files
    changes = {}
    for file in lab.facts.files:
        for mutant in mutants(right[file].decode(), given=given[file].decode()):
            changes[f"{file}: {mutant.change}"] = {**right, file: mutant.source.encode()}
    why = equivalent(lab)
    result = MutantAudit(total=len(changes), stale=[one for one in why if one not in changes])
    cases = [_Case(solutions.Solution(name, files), 1) for name, files in changes.items()]
    jobs = [_job(case.solution.name, case, "all") for case in cases]
    for job in jobs:
        job.exit_first = True
    with open_pool(lab, isolation=isolation, hidden=True, workers=workers) as pool:
        for done, report in enumerate((one.report for one in pool.grade(jobs)), 1):
            name = report.submission
            if not report.passed:
                result.killed += 1
                result.stale += [name] if name in why else []
            else:
                (result.explained if name in why else result.survivors).append(name)
            progress(done, len(changes))
    for names in (result.explained, result.survivors, result.stale):
        names.sort()
    return result


def matrix(lab: Lab, rejections: dict[str, dict[str, int]]) -> list[str]:
    """Chaffs by checks as lines of text: after how many inputs each check rejected each
    chaff; then what only one check rejects."""
    ids = [check.id for check in lab.facts.checks]
    width = max(map(len, rejections), default=0) + 1
    lines = [" " * width + "".join(f"{id:>5}" for id in ids)]
    for name, tries in sorted(rejections.items()):
        cells = "".join(f"{tries.get(id, '.'):>5}" for id in ids)
        lines.append(f"{name:<{width}}{cells}")
    lines.append("")
    for id in ids:
        mine = [name for name, tries in rejections.items() if id in tries]
        alone = [name for name in mine if len(rejections[name]) == 1]
        note = "" if alone else "   rejects nothing that another does not"
        lines.append(f"{id:<5} rejects {len(mine)}, {len(alone)} of them alone{note}")
    return lines


def _job(name: str, case: _Case, chaffs_meet: str) -> Job:
    digest = hashlib.blake2b(b"".join(case.solution.files.values()), digest_size=12)
    job = job_for(Submission(name, case.solution.files, digest.hexdigest()), seed=case.seed)
    # Whether a check rejects is all that counts here; the smallest input is not needed.
    job.shrink = False
    if isinstance(case.solution, solutions.Chaff):
        job.only = case.solution.facts.rejected_by if chaffs_meet == "theirs" else []
        job.blocking = chaffs_meet != "blocked too"
    return job


def _failed(check: CheckResult) -> bool:
    return check.verdict not in ("pass", "blocked", "infra")


def _problems(case: _Case, report: Report, *, strict: bool) -> list[str]:
    found = []
    for check in report.checks:
        if check.verdict == "infra":
            found.append(N_(f"{report.submission}: check {check.id} broke: {check.message}"))
        elif (wrong := _wrong(case, check, strict=strict)) is not None:
            found.append(N_(f"{report.submission}: check {check.id} {wrong}"))
    return found


def _wrong(case: _Case, check: CheckResult, *, strict: bool) -> str | None:
    """What is wrong with this verdict on this solution; None if nothing is."""
    failed = _failed(check)
    if isinstance(case.solution, solutions.Chaff):
        facts = case.solution.facts
        if check.id in facts.rejected_by and not failed:
            return N_(f"must reject it, but said {check.verdict}")
        if failed and strict and check.id not in [*facts.rejected_by, *facts.may_fail]:
            return N_(f"failed it too ({check.message}), which its may_fail does not have")
        return None
    if case.solution.name == "starter":
        return N_("passes on the untouched starter") if check.verdict == "pass" else None
    if check.verdict == "pass":
        return None
    if check.evidence and check.evidence.input:
        return N_(f"said {check.verdict} of {check.evidence.input}: {check.message}")
    return N_(f"said {check.verdict}: {check.message}")
