"""A worker: imports and collects once, then grades each submission in a fork.

    coordinator (bulk/pool.py)      Job ->, <- Ready, Done       one socketpair
      worker    pytest.main: collect the lab, warm up, freeze, then loop:
        fork -> run the checks on one submission, Report to a pipe, exit
        host    started before the imports, shared by the forks one after another

A fork that dies or overstays costs its submission an `infra` report and nothing else.
Started as `python -m aisys_cli.grader.worker FD`.
"""

from __future__ import annotations

import gc
import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from aisys_cli import __version__
from aisys_cli.course.load import load_lab
from aisys_cli.course.records import Lab
from aisys_cli.errors import AisysError, CourseError, EnvironmentFault
from aisys_cli.grader.jobs import (
    Checked,
    Done,
    Failed,
    Hurry,
    Job,
    KeptCall,
    Ready,
    Setup,
    build_report,
    infra_report,
)
from aisys_cli.report.records import CheckResult
from aisys_cli.sandbox import frames, wire
from aisys_cli.sandbox.client import Host
from aisys_cli.sandbox.launcher import find_bwrap
from aisys_cli.sandbox.limits import WALL_FACTOR
from aisys_cli.sandbox.profile import profile

__all__ = ["load_driver", "main"]

# A fork gets this many times its submission's own limit, and this much more, for our
# side of the work, before it is given up as our fault.
GRACE_FACTOR, GRACE_SECONDS = 4.0, 60.0


def freeze() -> None:
    """What is loaded stays out of the collector's way: forks share its pages."""
    gc.collect()
    gc.freeze()


class _Worker:
    def __init__(self, line: socket.socket, setup: Setup, lab: Lab, host: Host) -> None:
        self.line = line
        self.setup = setup
        self.lab = lab
        self.host = host
        self.driver, self.requests = load_driver(lab)
        self.fault: AisysError | None = None

    def serve(self, checks: Any) -> None:
        """Runs inside pytest's session, once the checks are collected.

        A fault waits in `fault`: pytest would make an internal error of its own of it.
        """
        try:
            self.grade_jobs(checks)
        except AisysError as error:
            self.fault = error

    def grade_jobs(self, checks: Any) -> None:
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)  # a pool of threads cannot be forked
        versions = self.ready_host().versions
        if self.setup.cpus:
            os.sched_setaffinity(0, self.setup.cpus)
        for name in ("torch", "hypothesis", "pytest"):
            if name in sys.modules:
                versions[name] = str(sys.modules[name].__version__)
        self.versions = {"aisys": __version__, **versions}
        freeze()
        wire.send(self.line, Ready(sorted(checks.items)))
        receiver = wire.Receiver(self.line)
        while (body := receiver.read()) is not None:
            job: Job | Hurry = wire.decode(body, Job | Hurry)
            if isinstance(job, Hurry):
                continue  # it came too late: that job is done
            wanted = self.setup.warm and checks.cold and not job.problem
            if wanted and not job.stream:
                self.warm(checks, job)
            frames.send(self.line, self.in_fork(checks, job))
            if wanted and job.stream:  # somebody waits for the result: warm up while they read
                self.warm(checks, job)

    def warm(self, checks: Any, job: Job) -> None:
        """Run the cold checks here, with this job's submission, before it is graded."""
        student = self.student(job)
        try:
            checks.warm(student, job, enough=self.is_awaited)
        finally:
            student.close()
        freeze()

    def student(self, job: Job) -> Any:
        from aisys_cli.grader.student import Failure, Student

        load = wire.Load(job.files, self.lab.entry, self.driver, self.lab.facts.forbid)
        limits = job.limits or self.lab.facts.limits
        student = Student(lambda: self.host, limits, load, self.requests, job)
        if job.problem:
            student.load_failure = Failure("error", job.problem)
        return student

    def ready_host(self) -> wire.HostReady:
        try:
            return self.host.wait_ready()
        except EnvironmentFault:
            if self.setup.isolation != "auto":
                raise
            self.host = Host(self.host.profile, isolation="process")
            return self.host.wait_ready()

    # -- the parent's half --------------------------------------------------------

    def in_fork(self, checks: Any, job: Job) -> bytes:
        """The encoded Done of a fork that ran the job; made up here if it made none."""
        self.host.cpus = self.setup.cpus
        if not self.host.alive:
            self.host.close()
            self.host = Host(self.host.profile, isolation=self.host.isolation)
            self.host.cpus = self.setup.cpus
            self.host.wait_ready()
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            self.child(checks, job, writer)
        os.close(writer)
        limits = job.limits or self.lab.facts.limits
        seconds = limits.submission_seconds * WALL_FACTOR * GRACE_FACTOR + GRACE_SECONDS
        body = _read_until(reader, time.monotonic() + seconds)
        os.close(reader)
        if body is None:
            os.kill(pid, 9)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if body and status == 0:
            return body
        what = "was given up" if body is None else f"ended with {status}"
        self.host.close()  # its cells belong to the fork that is gone
        report = infra_report(
            self.lab,
            job,
            f"the grading process {what}",
            isolation=self.host.isolation,
            versions=self.versions,
        )
        return wire.encode(Done(report, {}))

    # -- the child's half -----------------------------------------------------------

    def child(self, checks: Any, job: Job, writer: int) -> None:
        """In the fork: grade, write the Done to the pipe, end. Never returns."""
        try:
            done = self.grade(checks, job)
            data = wire.encode(done)
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(data)
            os._exit(0)
        # The process boundary: the parent reports the loss, stderr keeps the reason.
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)

    def grade(self, checks: Any, job: Job) -> Done:
        student = self.student(job)
        student.prepare()
        start = time.monotonic()
        try:
            results = checks.run(
                student,
                job,
                secret=self.setup.secret,
                each=lambda result: self.tell(job, result),
                enough=self.is_awaited,
            )
        finally:
            student.close()
        calls = {}
        if job.keep_calls:
            for id, asked in checks.failing_calls.items():
                kept = [KeptCall(one.method, list(one.args), one.world) for one in asked]
                calls[id] = wire.encode(kept)
        report = build_report(
            self.lab,
            job,
            results,
            isolation=self.host.isolation,
            versions=self.versions,
            duration=time.monotonic() - start,
        )
        return Done(report, calls, dict(checks.whole) if job.keep_calls else {})

    def is_awaited(self) -> bool:
        """Whether the coordinator has said something that we have not read yet."""
        return bool(select.select([self.line], [], [], 0)[0])

    def tell(self, job: Job, result: CheckResult) -> None:
        """Send it past our parent, which is silent while it waits for this fork."""
        if job.stream:
            wire.send(self.line, Checked(job.submission, result))


def load_driver(lab: Lab) -> tuple[bytes, frozenset[str]]:
    """The driver's source, and the names of its functions.

    It runs beside a submission, where nobody could tell its faults from the student's; so
    it is run once here first. It is the course's own code, as the checks are.
    """
    names: dict[str, Any] = {"__name__": "driver"}
    try:
        source = lab.driver.read_bytes()
        exec(compile(source, str(lab.driver), "exec", dont_inherit=True), names)  # noqa: S102
    except Exception as error:
        raise CourseError(f"{lab.driver} cannot be used: {type(error).__name__}: {error}") from None
    from aisys_cli.grader.student import Student

    requests = frozenset(name for name, value in names.items() if callable(value))
    taken = sorted(requests.intersection(dir(Student)))
    if taken:
        raise CourseError(f"{lab.driver}: {taken[0]} is a name that `student` has itself")
    return source, requests


def _read_until(fd: int, deadline: float) -> bytes | None:
    """All bytes of a pipe; None if it is still open at the deadline."""
    parts: list[bytes] = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            return None
        data = os.read(fd, 1 << 16)
        if not data:
            return b"".join(parts)
        parts.append(data)


def _run(line: socket.socket) -> None:
    receiver = wire.Receiver(line)
    body = receiver.read()
    if body is None:
        return
    setup: Setup = wire.decode(body, Setup)
    lab = load_lab(Path(setup.course), setup.lab)
    wanted = profile(lab.facts.profile)
    if setup.isolation == "auto" and find_bwrap() is None:
        setup.isolation = "process"
    first = "bwrap" if setup.isolation == "auto" else setup.isolation
    worker = _Worker(line, setup, lab, Host(wanted, isolation=first))
    try:
        _serve_in_pytest(worker)
    finally:
        worker.host.close()


def _serve_in_pytest(worker: _Worker) -> None:
    lab, hidden = worker.lab, worker.setup.hidden
    # Support modules of the lab: `import programs` in a check finds labs/<lab>/programs.py.
    sys.path[:0] = [str(lab.folder), str(lab.hidden_folder)]
    try:
        import pytest

        from aisys_cli.grader.plugin import Checks, pytest_arguments
    except ImportError as error:
        raise EnvironmentFault(
            f"cannot import {error.name}: {error}", remedy="aisys doctor --for grade"
        ) from None
    checks = Checks(lab, hidden=hidden, serve=worker.serve)
    code = pytest.main(pytest_arguments(lab, hidden=hidden), plugins=[checks])
    fault = worker.fault or checks.problem
    if fault is not None:
        raise fault
    if not checks.served:
        raise CourseError(f"pytest could not run the checks of {lab.id}: {code!r}")


def main(argv: list[str]) -> None:
    """Serve until the coordinator hangs up; a fault goes to it as a Failed message."""
    line = socket.socket(fileno=int(argv[0]))
    try:
        _run(line)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the coordinator is gone
    except AisysError as error:
        _tell(line, Failed(int(error.exit_code), error.message, error.remedy))
    except KeyboardInterrupt:
        pass
    # The process boundary: the coordinator hears of a bug of ours as one.
    except BaseException as error:
        import traceback

        _tell(line, Failed(3, f"{type(error).__name__}: {error}", traceback.format_exc()))


def _tell(line: socket.socket, message: msgspec.Struct) -> None:
    try:
        wire.send(line, message)
    except OSError:
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
