"""Grading runs: one submission, or a folder of them into a gradebook."""

from __future__ import annotations

import difflib
import os
import platform
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.bulk.intake import Handed, Submission, read_handed
from aisys_cli.bulk.pool import Pool
from aisys_cli.course.records import Lab
from aisys_cli.errors import WSL, EnvironmentFault, UsageError
from aisys_cli.grader.jobs import Done, Job, Setup
from aisys_cli.grader.seeds import course_secret
from aisys_cli.language import N_
from aisys_cli.report.records import Report

if TYPE_CHECKING:
    from aisys_cli.bulk.cluster import Cluster

__all__ = [
    "Plan",
    "check_system",
    "grade_all",
    "grade_one",
    "job_for",
    "open_cluster",
    "open_pool",
    "plan",
    "shard",
]


def open_pool(
    lab: Lab,
    *,
    isolation: str,
    hidden: bool,
    workers: int = 1,
    many: bool = True,
    pinned: bool = True,
) -> Pool:
    """Worker processes for a lab, to be used as a context manager. `many`: jobs to come;
    `pinned`: each on a processor of its own, if there are enough."""
    check_system()
    setup = _setup(lab, isolation=isolation, hidden=hidden, many=many)
    return Pool(lab, setup, size=workers, pinned=pinned)


def check_system() -> None:
    """EnvironmentFault on a system where nothing can be graded."""
    if not hasattr(os, "fork"):
        system = platform.system()
        raise EnvironmentFault(f"{system} has no fork, which grading rests on", remedy=WSL)


def open_cluster(lab: Lab, address: str, *, isolation: str, hidden: bool) -> Cluster:
    """The workers of a dask.distributed scheduler, to be used like a pool."""
    try:
        from aisys_cli.bulk.cluster import Cluster
    except ImportError as error:
        raise EnvironmentFault(
            f"--cluster needs dask.distributed, which does not import: {error}",
            remedy="Install it, on every machine: pip install 'aisys[cluster]'",
        ) from None
    return Cluster(lab, _setup(lab, isolation=isolation, hidden=hidden, many=True), address)


def _setup(lab: Lab, *, isolation: str, hidden: bool, many: bool) -> Setup:
    root = lab.folder.resolve().parent.parent
    return Setup(str(root), lab.id, isolation, hidden, course_secret(), warm=many)


def shard(found: list[Handed], part: str) -> list[Handed]:
    """Part I of N of the submissions, for "I/N" with I from 1 to N.

    By a hash of the id: whatever else is in the folder, a student is always in the same part.
    """
    number, _, count = part.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise UsageError(
            f"--shard {part}: want I/N with I from 1 to N", remedy="For example: --shard 1/4"
        )
    mine = int(number) - 1
    return [one for one in found if zlib.crc32(one.id.encode()) % int(count) == mine]


def job_for(submission: Submission, *, seed: int, only: Iterable[str] = ()) -> Job:
    return Job(
        submission=submission.id,
        digest=submission.digest,
        files=submission.files,
        seed=seed,
        problem=submission.problem,
        notes=list(submission.notes),
        only=list(only),
    )


def grade_one(
    pool: Pool,
    submission: Submission,
    *,
    seed: int,
    only: Iterable[str] = (),
    examples: int | None = None,
    exit_first: bool = False,
) -> Done:
    """One submission's report, with the calls of its smallest failing inputs."""
    job = job_for(submission, seed=seed, only=only)
    job.keep_calls = True
    job.examples = examples
    job.exit_first = exit_first
    return next(iter(pool.grade([job])))


class Plan(msgspec.Struct, frozen=True):
    """What a bulk run will do: `todo` is graded, `kept` has a valid report already."""

    todo: list[Handed]
    kept: list[str]


def plan(
    found: list[Handed],
    lab: Lab,
    book: Gradebook,
    *,
    seed: int,
    isolation: str,
    resume: bool = True,
    regrade: tuple[str, ...] = (),
) -> Plan:
    """Which submissions still need grading.

    One is kept if its newest report was made of the same files with the same lab version,
    seed and isolation, and is not `infra`; `regrade` holds ids, "infra" or "all". When it
    was handed in is noted all the same: the last run may not have known.
    """
    known = {one.id for one in found}
    for id in regrade:
        if id not in ("all", "infra") and id not in known:
            close = difflib.get_close_matches(id, known, n=1)
            hint = N_(f" Did you mean {close[0]}?") if close else ""
            raise UsageError(
                f"--regrade {id}: there is no submission of that name.{hint}",
                remedy="Ids are the names in the folder, without .py or .zip; or: infra, all",
            )
    done = book.graded(lab.id, lab.version, seed=seed, isolation=isolation)
    todo, kept = [], {}
    for one in found:
        digest, verdict = done.get(one.id, ("", ""))
        again = not resume or "all" in regrade or one.id in regrade or verdict in ("", "infra")
        submission = None if again else read_handed(one, lab)
        if submission is None or submission.digest != digest:
            todo.append(one)
        else:
            kept[one.id] = (digest, submission.submitted_at)
    book.handed_in(lab.id, kept)
    return Plan(todo, list(kept))


def grade_all(
    pool: Pool | Cluster,
    lab: Lab,
    todo: list[Handed],
    book: Gradebook,
    *,
    seed: int,
    each: Callable[[Report], None],
) -> None:
    """Grade what the plan says; a report is in the gradebook before `each` hears of it."""
    under_way: dict[str, Submission] = {}

    def jobs() -> Iterator[Job]:
        # A generator: a submission is read when a worker is free for it.
        for one in todo:
            under_way[one.id] = read_handed(one, lab)
            yield job_for(under_way[one.id], seed=seed)

    for done in pool.grade(jobs()):
        submission = under_way.pop(done.report.submission)
        book.add(done.report, files=submission.files, submitted_at=submission.submitted_at)
        each(done.report)
