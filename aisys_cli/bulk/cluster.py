"""Grading on many machines: the same jobs, given to the workers of a dask.distributed cluster.

    coordinator                           scheduler           dask worker, one or more a machine
    Cluster.grade  -- job as bytes ---------->  - - - - - - >  Graders: a Pool of one, kept warm
                   <- report as bytes -------   < - - - - - -   \\- grading process - host - cells

A submission travels with its task, and its report with the result, both as MessagePack: nothing of
a submission is ever pickled. A worker needs aisys and the course, at the same path or on a
shared disk; one whose course differs is refused. What a lost worker was grading is given to
another by the scheduler; a job that has lost several workers is `infra`.

Every machine of the cluster is trusted, and so is its network, unless the address says tls://.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from distributed import Client, Future, WorkerPlugin, get_worker, wait

from aisys_cli.bulk.pool import Pool
from aisys_cli.course.load import load_lab
from aisys_cli.course.records import Lab
from aisys_cli.errors import AisysError, EnvironmentFault
from aisys_cli.grader.jobs import Done, Job, Setup, infra_report

__all__ = ["Cluster"]

CONNECT_SECONDS = 20
ALONE_SECONDS = 60  # without a single worker
AHEAD = 3  # jobs given out, for each thread of the cluster
PLUGIN = "aisys-graders"


class Cluster:
    """Takes the place of a Pool. EnvironmentFault if there is no such cluster."""

    def __init__(self, lab: Lab, setup: Setup, address: str) -> None:
        self._lab, self._setup, self._address = lab, setup, address
        self._client: Any = None

    def __enter__(self) -> Cluster:
        try:
            self._client = _connected(self._address)
        except (OSError, ValueError, TypeError) as error:
            raise EnvironmentFault(
                f"cannot reach a dask scheduler at {self._address}: {_first_line(error)}",
                remedy="Start one: dask scheduler --port 8786; dask worker tcp://HOST:8786",
            ) from None
        try:
            self._client.register_plugin(Graders(self._setup, self._lab.version), name=PLUGIN)
        except Exception as error:
            self._client.close()
            if isinstance(error, AisysError):
                raise
            raise EnvironmentFault(
                f"a worker of {self._address} cannot grade: {_first_line(error)}",
                remedy="Every worker needs the same aisys, and the course at the same path.",
            ) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._client.unregister_worker_plugin(PLUGIN)
        except Exception:  # the cluster may be what went wrong
            pass
        self._client.close()

    def grade(self, jobs: Iterable[Job]) -> Iterator[Done]:
        """The results of the jobs, as they come; takes jobs as the workers need them."""
        queue = iter(jobs)
        under_way: dict[Future[bytes], Job] = {}
        alone_since = None
        while True:
            workers: dict[str, int] = self._client.nthreads()
            room = AHEAD * sum(workers.values())
            while len(under_way) < max(room, 1) and (job := next(queue, None)) is not None:
                sent = msgspec.msgpack.encode(job)
                under_way[self._client.submit(_grade, sent, pure=False)] = job
            if not under_way:
                return
            alone_since = None if workers else alone_since or time.monotonic()
            if alone_since and time.monotonic() - alone_since > ALONE_SECONDS:
                raise EnvironmentFault(
                    f"{self._address} has had no worker for {ALONE_SECONDS} seconds",
                    remedy="What was finished is kept. Start workers, then run this again.",
                )
            for future in self._finished(list(under_way)):
                yield self._result(future, under_way.pop(future))

    def _finished(self, futures: list[Future[bytes]]) -> list[Future[bytes]]:
        try:
            done = wait(futures, timeout=2, return_when="FIRST_COMPLETED").done  # type: ignore[no-untyped-call]
        except TimeoutError:
            return []
        return list(done)

    def _result(self, future: Future[bytes], job: Job) -> Done:
        """Of a task that ended: what it returned, or an `infra` report on why it did not."""
        try:
            return msgspec.msgpack.decode(future.result(), type=Done)
        # The boundary to other machines: a lost worker, a full disk, a fault of theirs.
        except Exception as error:
            if isinstance(error, AisysError):
                raise
            said = f"{type(error).__name__}: {_first_line(error)}"
            isolation = self._setup.isolation
            return Done(infra_report(self._lab, job, said, isolation=isolation, versions={}), {})


def _connected(address: str) -> Client:
    return Client(address, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


class Graders(WorkerPlugin):
    """On a dask worker: a grading process for each of its threads, started on first use."""

    name = PLUGIN

    def __init__(self, setup: Setup, version: str) -> None:
        self._sent, self._version = msgspec.msgpack.encode(setup), version

    def setup(self, worker: Any) -> None:
        del worker
        self._setup = msgspec.msgpack.decode(self._sent, type=Setup)
        self._own = threading.local()
        self._pools: list[Pool] = []
        # Raised again by every task: nobody waits for the plugin of a worker that joins late.
        self._fault: AisysError | None = None
        try:
            self._lab = load_lab(Path(self._setup.course), self._setup.lab)
            if self._lab.version != self._version:
                raise EnvironmentFault(
                    f"{socket.gethostname()} has {self._lab.id} {self._lab.version}, "
                    f"and {self._version} is wanted"
                )
        except AisysError as error:
            self._fault = error
            raise

    def grade(self, job: Job) -> Done:
        """In one of the worker's threads."""
        if self._fault:
            raise self._fault
        if not hasattr(self._own, "pool"):
            self._own.pool = Pool(self._lab, self._setup).__enter__()
            self._pools.append(self._own.pool)
        pool: Pool = self._own.pool
        return next(iter(pool.grade([job])))

    def teardown(self, worker: Any) -> None:
        del worker
        for pool in self._pools:
            pool.__exit__(None, None, None)


def _grade(sent: bytes) -> bytes:
    """The task."""
    graders = get_worker().plugins[PLUGIN]
    assert isinstance(graders, Graders)
    return msgspec.msgpack.encode(graders.grade(msgspec.msgpack.decode(sent, type=Job)))
