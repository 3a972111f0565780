"""A real scheduler and two real workers on loopback; one of them is killed midway."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import msgspec
import pytest
from harness import (
    REFERENCE,
    clean_environment,
    copy_of_course,
    descendants,
    grade_with,
    jobs_of,
    setup_of,
    wait_until,
)

from aisys_cli.course.load import load_lab
from aisys_cli.errors import EnvironmentFault
from aisys_cli.report.records import without_durations

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

from distributed import Client

from aisys_cli.bulk.cluster import Cluster

WRONG = REFERENCE.replace("return -a", "return a")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def start(*words):
    command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
    return subprocess.Popen(
        [*command, "--no-dashboard"],
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/tmp",
    )


@contextlib.contextmanager
def cluster_of(count):
    """(address, worker processes)."""
    address = f"tcp://127.0.0.1:{free_port()}"
    host, port = address.removeprefix("tcp://").split(":")
    scheduler = start("scheduler", "--host", host, "--port", port)
    workers = []
    try:
        for _ in range(count):
            workers.append(start("worker", address, "--nthreads", "1", "--no-nanny"))
        yield address, workers
    finally:
        for one in [*workers, scheduler]:  # a worker says good-bye to its scheduler
            one.terminate()
            one.wait(30)


def sources(count):
    return {f"s{i:02}": f"# {i}\n{WRONG if i % 4 == 3 else REFERENCE}" for i in range(count)}


def test_a_killed_worker_loses_nothing_and_nothing_is_graded_twice(lab, pool):
    wanted = sources(24)
    alone = {id: grade_with(pool, {id: source})[id] for id, source in list(wanted.items())[:4]}
    reports, of_the_killed = {}, set()
    with cluster_of(2) as (address, workers), Cluster(lab, setup_of(lab), address) as cluster:
        for done in cluster.grade(jobs_of(wanted)):
            assert done.report.submission not in reports, "graded twice"
            reports[done.report.submission] = done.report
            if len(reports) == 5:
                of_the_killed = descendants(workers[0].pid)
                assert of_the_killed, "it was not grading"
                os.kill(workers[0].pid, signal.SIGKILL)
        assert wait_until(lambda: not of_the_killed & _alive())
        left = descendants(workers[1].pid)
    assert reports.keys() == wanted.keys()
    assert [r.score for _, r in sorted(reports.items())] == [10, 10, 10, 7] * 6
    for id, report in alone.items():
        assert without_durations(reports[id]) == without_durations(report)
    assert wait_until(lambda: not left & _alive())


def _alive():
    return {int(name) for name in os.listdir("/proc") if name.isdecimal()}


@pytest.mark.parametrize("joins", ["before", "after"])
def test_a_worker_with_another_course_is_refused(lab, tmp_path, joins):
    other = load_lab(copy_of_course(tmp_path / "course"), "small")
    with (other.folder / "checks.py").open("a") as file:
        file.write("\n# stronger\n")
    changed = load_lab(tmp_path / "course", "small")
    setup = setup_of(lab)
    # The coordinator has `changed`, the worker finds `lab` at the path of the setup.
    with cluster_of(1 if joins == "before" else 0) as (address, workers):
        if joins == "before":
            with Client(address) as client:
                client.wait_for_workers(1, timeout=60)
        wanted = pytest.raises(EnvironmentFault, match="is wanted")
        with wanted, Cluster(changed, setup, address) as cluster:
            if joins == "after":
                workers.append(start("worker", address, "--nthreads", "1", "--no-nanny"))
            list(cluster.grade(jobs_of(sources(1))))


def _graded(lab, setup, address):
    with Cluster(lab, setup, address) as cluster:
        yield from cluster.grade(jobs_of(sources(1)))


def test_no_scheduler_there(lab, monkeypatch):
    monkeypatch.setattr("aisys_cli.bulk.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(EnvironmentFault, match="cannot reach a dask scheduler at tcp://127"):
        Cluster(lab, setup_of(lab), f"tcp://127.0.0.1:{free_port()}").__enter__()


def test_no_worker_there(lab, monkeypatch):
    monkeypatch.setattr("aisys_cli.bulk.cluster.ALONE_SECONDS", 0)
    with cluster_of(0) as (address, _), pytest.raises(EnvironmentFault, match="no worker"):
        list(_graded(lab, setup_of(lab), address))


def test_what_travels_is_messagepack(lab):
    """A job and a result survive the way as they are."""
    (job,) = jobs_of(sources(1))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(job), type=type(job)) == job
