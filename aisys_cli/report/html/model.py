"""What stands on the HTML report; plain records, no markup."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aisys_cli.report.records import CheckResult, Evidence, Report
from aisys_cli.report.text import render_failure

__all__ = ["Failure", "Group", "LabPage", "Rate", "Student", "lab_page"]

BINS = 10
GROUPS = 60  # misconceptions shown
AROUND = 3  # lines of source before and after the one to look at
Sources = Mapping[str, bytes]


@dataclass(frozen=True)
class Failure:
    """A check that did not pass. `text` is what a terminal shows; `source` are numbered lines."""

    check: CheckResult
    anchor: str
    text: str
    source: list[tuple[int, str, bool]]
    file: str


@dataclass(frozen=True)
class Student:
    id: str
    name: str
    anchor: str
    verdict: str
    score: int | None
    max_score: int
    report: Report | None
    failures: list[Failure] = field(default_factory=list)
    said: tuple[str, ...] = ()  # overrides and comments


@dataclass(frozen=True)
class Rate:
    """How many of those who were graded passed a check."""

    check: CheckResult
    passed: int
    blocked: int
    graded: int

    @property
    def percent(self) -> int:
        return 100 * self.passed // self.graded if self.graded else 0


@dataclass
class Group:
    """Students who failed a check on the same smallest input."""

    check: CheckResult
    input: str
    # What they answered, and who: (answer, [(student, anchor of the failure)])
    answers: dict[str, list[tuple[Student, str]]]

    @property
    def size(self) -> int:
        return sum(map(len, self.answers.values()))


@dataclass(frozen=True)
class LabPage:
    id: str
    title: str
    anchor: str
    max_score: int
    students: list[Student]
    rates: list[Rate]
    groups: list[Group]
    # (from, to, students) of ten equal parts of the scores; those without one are not in it
    bins: list[tuple[int, int, int]]
    unscored: int

    @property
    def scores(self) -> list[int]:
        return sorted(s.score for s in self.students if s.score is not None)

    @property
    def median(self) -> float | None:
        scores = self.scores
        if not scores:
            return None
        middle = len(scores) // 2
        return scores[middle] if len(scores) % 2 else (scores[middle - 1] + scores[middle]) / 2


def student(
    id: str,
    report: Report | None,
    *,
    anchor: str,
    language: str,
    name: str = "",
    score: int | None = None,
    max_score: int = 0,
    sources: Sources | None = None,
    said: tuple[str, ...] = (),
) -> Student:
    """One student with what failed, as the terminal would say it."""
    failures = []
    for check in report.checks if report else ():
        if check.verdict in ("pass", "blocked"):
            continue
        text = render_failure(check, language=language).plain
        source, file = _around(check.evidence, sources or {})
        failures.append(Failure(check, f"{anchor}-{check.id}", text, source, file))
    verdict = report.verdict if report else ""
    return Student(id, name, anchor, verdict, score, max_score, report, failures, said)


def _around(evidence: Evidence | None, sources: Sources) -> tuple[list[tuple[int, str, bool]], str]:
    """The lines of a submission around the one to look at."""
    where = evidence.where if evidence else None
    if where is None or where.file not in sources:
        return [], ""
    lines = sources[where.file].decode(errors="replace").splitlines()
    start = max(0, where.line - 1 - AROUND)
    shown = lines[start : where.line + AROUND]
    return [(n, line[:200], n == where.line) for n, line in enumerate(shown, start + 1)], where.file


def lab_page(
    id: str, title: str, max_score: int, students: Iterable[Student], *, anchor: str
) -> LabPage:
    """The page of a lab, from all its students."""
    all_students = list(students)
    graded = [one for one in all_students if one.report is not None and one.verdict != "infra"]
    bins = _bins([s.score for s in all_students if s.score is not None], max_score)
    return LabPage(
        id=id,
        title=title,
        anchor=anchor,
        max_score=max_score,
        students=all_students,
        rates=_rates([one.report for one in graded if one.report is not None]),
        groups=_groups(graded),
        bins=bins,
        unscored=sum(one.score is None for one in all_students),
    )


def _bins(scores: Sequence[int], most: int) -> list[tuple[int, int, int]]:
    """Ten parts; the last has the full score as well."""
    edges = [most * k // BINS for k in range(BINS)] + [most + 1]
    return [
        (low, high - 1, sum(low <= score < high for score in scores))
        for low, high in itertools.pairwise(edges)
        if low < high
    ]


def _rates(reports: Sequence[Report]) -> list[Rate]:
    found: dict[str, list[CheckResult]] = {}
    for report in reports:
        for check in report.checks:
            found.setdefault(check.id, []).append(check)
    return [
        Rate(
            checks[0],
            sum(check.verdict == "pass" for check in checks),
            sum(check.verdict == "blocked" for check in checks),
            len(checks),
        )
        for checks in found.values()
    ]


def _groups(students: Sequence[Student]) -> list[Group]:
    """Two or more, the biggest group first; then by check."""
    found: dict[tuple[str, str], Group] = {}
    for one in students:
        for failure in one.failures:
            evidence = failure.check.evidence
            if evidence is None or not evidence.input:
                continue
            key = (failure.check.id, evidence.input)
            group = found.setdefault(key, Group(failure.check, evidence.input, {}))
            answer = evidence.got or failure.check.message
            group.answers.setdefault(answer, []).append((one, failure.anchor))
    groups = [group for group in found.values() if group.size > 1]
    groups.sort(key=lambda group: (-group.size, group.check.id, group.input))
    for group in groups:
        group.answers = dict(sorted(group.answers.items(), key=lambda item: -len(item[1])))
    return groups[:GROUPS]
