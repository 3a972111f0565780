"""The coordinator: worker processes, a job at a time each, results as they come.

A worker that dies is replaced and its job tried once more; then the job is `infra`.
The coordinator imports no torch, numpy or hypothesis, and runs no student code.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import msgspec
from msgspec.structs import replace

from aisys_cli.bulk.processors import Claim, claim
from aisys_cli.course.records import Lab
from aisys_cli.errors import AisysError, CourseError, EnvironmentFault, ExitCode, UsageError
from aisys_cli.grader.jobs import (
    Checked,
    Done,
    Failed,
    Hurry,
    Job,
    Ready,
    Setup,
    infra_report,
)
from aisys_cli.report.records import CheckResult
from aisys_cli.sandbox import frames

__all__ = ["Pool"]

TRIES = 2
_ERRORS: dict[int, type[AisysError]] = {
    ExitCode.USAGE: UsageError,
    ExitCode.BUG: CourseError,
    ExitCode.ENVIRONMENT: EnvironmentFault,
}


class _Lost(Exception):
    """The worker is gone; str() is the end of its stderr."""


class _Worker:
    def __init__(self, setup: Setup, claim: Claim | None) -> None:
        self._claim = claim
        self.sock, theirs = socket.socketpair()
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "aisys_cli.grader.worker", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            env=_environment(),
        )
        theirs.close()
        self.receiver = frames.Receiver(self.sock)
        self.job: Job | None = None
        _send(self.sock, replace(setup, cpus=[claim.processor] if claim else []))

    def messages(self) -> list[Ready | Checked | Done]:
        """What has arrived as a whole, if anything has. AisysError, _Lost."""
        try:
            alive = self.receiver.feed()
        except OSError:
            alive = False
        said: list[Ready | Checked | Done] = []
        try:
            while (body := self.receiver.frame()) is not None:
                said.append(_decoded(body))
        except frames.Malformed as error:
            self.process.kill()
            raise _Lost(str(error)) from None
        if not said and not alive:
            raise _Lost(self.last_words())
        return said

    def last_words(self) -> str:
        self.process.wait()
        self.errors.seek(0)
        return self.errors.read()[-2000:].decode(errors="replace")

    def close(self) -> None:
        self.sock.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        if self._claim is not None:
            self._claim.release()

    def kill(self) -> None:
        self.process.kill()
        self.close()


def _decoded(body: bytes) -> Ready | Checked | Done:
    said = msgspec.msgpack.decode(body, type=Ready | Checked | Done | Failed)
    if isinstance(said, Failed):
        raise _ERRORS.get(said.exit_code, CourseError)(said.message, remedy=said.remedy)
    return said


def _send(sock: socket.socket, message: Setup | Job | Hurry) -> None:
    frames.send(sock, msgspec.msgpack.encode(message))


def _environment() -> dict[str, str]:
    """The worker's environment: one thread, no hash randomness, nobody else's plugins."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment.update(
        PYTHONHASHSEED="0",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        MKL_NUM_THREADS="1",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    return environment


class Pool:
    """`size` workers for one lab. A context manager; leaving it ends every process.

    `pinned`: each has a processor to itself, while there are enough.
    """

    def __init__(self, lab: Lab, setup: Setup, *, size: int = 1, pinned: bool = True) -> None:
        self._lab = lab
        self._setup = setup
        self._size = size
        self._pinned = pinned
        self._selector = selectors.DefaultSelector()
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._retry: list[Job] = []
        self._tries: dict[str, int] = {}

    def __enter__(self) -> Pool:
        # Started at once: the imports of the first worker run while the caller reads on.
        for _ in range(self._size):
            self._start()
        return self

    def _claim(self) -> Claim | None:
        """One processor for the next worker and its cells, while there are enough.

        Grader and cell take turns and never work at once: on one processor they hand over
        without waking another one up, which takes a third off the time of a call. Not for
        a single submission: its start-up has use for two.
        """
        if not (self._pinned and self._setup.warm and hasattr(os, "sched_getaffinity")):
            return None
        return claim() if self._size <= len(os.sched_getaffinity(0)) else None

    def kill(self) -> None:
        """Leave it without waiting for what the workers are at."""
        for worker in list(self._workers):
            worker.kill()
        self._selector.close()

    def __exit__(self, *_: object) -> None:
        for worker in list(self._workers):
            worker.kill() if worker.job else worker.close()
        self._selector.close()

    def grade(
        self, jobs: Iterable[Job], *, each: Callable[[CheckResult], None] = lambda _: None
    ) -> Iterator[Done]:
        """The results of the jobs, as they come; takes a job only when a worker is free.
        `each` hears of every check of the jobs with `stream`."""
        queue = iter(jobs)
        more = True
        while True:
            while more and self._idle:
                job = self._retry.pop() if self._retry else next(queue, None)
                if job is None:
                    more = False
                    break
                self._give(self._idle.pop(), job)
            if not more and not any(worker.job for worker in self._workers):
                return
            for done in self._listen(each):
                yield done
            more = more or bool(self._retry)

    def fileno(self) -> int:
        """For a selector of the caller's own: readable when `heard` would not wait."""
        selector: Any = self._selector
        return int(selector.fileno())  # of epoll and kqueue, which this is wherever we run

    def offer(self, job: Job) -> None:
        """Have a job graded as soon as a worker is free; `heard` tells of it."""
        self._retry.append(job)
        self._feed()

    def heard(self, each: Callable[[CheckResult], None]) -> list[Done]:
        """What came of the jobs that were offered; waits until something is heard."""
        results = self._listen(each)
        self._feed()
        return results

    def _feed(self) -> None:
        while self._idle and self._retry:
            self._give(self._idle.pop(), self._retry.pop())

    def hurry(self) -> None:
        """Let the jobs at work end with the checks that they have begun."""
        for worker in list(self._workers):
            if worker.job is not None:
                try:
                    _send(worker.sock, Hurry())
                except OSError:
                    pass  # its end will be read as such

    def _start(self) -> None:
        worker = _Worker(self._setup, self._claim())
        self._workers.add(worker)
        self._selector.register(worker.sock, selectors.EVENT_READ, worker)

    def _give(self, worker: _Worker, job: Job) -> None:
        worker.job = job
        try:
            _send(worker.sock, job)
        except OSError:
            pass  # its end will be read as such

    def _listen(self, each: Callable[[CheckResult], None]) -> list[Done]:
        results: list[Done] = []
        for key, _ in self._selector.select():
            worker: _Worker = key.data
            try:
                said = worker.messages()
            except _Lost as error:
                self._replace(worker, str(error), results)
                continue
            for one in said:
                if isinstance(one, Checked):
                    each(one.result)
                    continue
                if isinstance(one, Done):
                    results.append(one)
                    self._tries.pop(one.report.submission, None)
                    worker.job = None
                self._idle.append(worker)
        return results

    def _replace(self, worker: _Worker, words: str, results: list[Done]) -> None:
        self._selector.unregister(worker.sock)
        self._workers.discard(worker)
        worker.kill()
        job = worker.job
        if job is None:
            last = words.strip().splitlines()[-1:] or ["no message"]
            raise EnvironmentFault(
                f"a grading process ended before it was ready: {last[0]}",
                remedy="aisys doctor --for grade",
            )
        self._tries[job.submission] = self._tries.get(job.submission, 1) + 1
        self._start()
        if self._tries[job.submission] <= TRIES:
            self._retry.append(job)
            return
        del self._tries[job.submission]
        message = f"the grading process was lost {TRIES} times"
        report = infra_report(self._lab, job, message, isolation=self._setup.isolation, versions={})
        results.append(Done(report, {}))
