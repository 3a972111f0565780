"""A submission that is asked outside of a check: for a picture, or to run an input again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aisys_cli.course.records import Lab
from aisys_cli.grader.jobs import Job
from aisys_cli.grader.student import Student
from aisys_cli.grader.worker import load_driver
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import Host
from aisys_cli.sandbox.launcher import find_bwrap
from aisys_cli.sandbox.profile import profile

__all__ = ["open_student"]


@contextmanager
def open_student(
    lab: Lab, files: dict[str, bytes], *, isolation: str = "auto", seed: int = 1
) -> Iterator[Student]:
    """The files as a Student, in a host of their own; `isolation` as for `aisys grade`."""
    if isolation == "auto":
        isolation = "bwrap" if find_bwrap() else "process"
    driver, requests = load_driver(lab)
    host = Host(profile(lab.facts.profile), isolation=isolation)
    load = wire.Load(files, lab.entry, driver, lab.facts.forbid)
    job = Job(submission="", digest="", files=files, seed=seed)
    student = Student(lambda: host, lab.facts.limits, load, requests, job)
    try:
        yield student
    finally:
        student.close()
        host.close()
