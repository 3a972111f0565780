"""The coordinator: workers that die, hosts that die, one or several at a time."""

import os
import signal
import threading

import pytest
from harness import (
    REFERENCE,
    descendants,
    grade_with,
    is_running,
    jobs_of,
    setup_of,
    verdicts,
    wait_until,
)

from aisys_cli.bulk.pool import Pool
from aisys_cli.course.load import load_lab
from aisys_cli.errors import CourseError, EnvironmentFault
from aisys_cli.grader.seeds import check_seed
from aisys_cli.report.records import without_durations
from aisys_cli.sandbox import launcher

SLOW = "import time\ntime.sleep(1)\n" + REFERENCE
MANY = {
    "right": REFERENCE,
    "wrong": REFERENCE.replace("return -a", "return a"),
    "loop": REFERENCE.replace("return -a", "while True: pass"),
    "exit": "import os\nos._exit(0)",
    "syntax": "def f(:",
    "float32": REFERENCE.replace("return xs * k", "return (xs * k).astype('float32')"),
}


def only_worker(pool):
    (worker,) = pool._workers
    return worker.process.pid


def kill_when_busy(pool, *, times):
    """Kill the worker as soon as it has a job, and its successor, as often as that."""

    def watch():
        killed = set()
        while len(killed) < times:
            for worker in list(pool._workers):
                if worker.job is not None and worker.process.pid not in killed:
                    killed.add(worker.process.pid)
                    worker.process.send_signal(signal.SIGKILL)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_worker_that_is_killed_is_replaced_and_its_job_tried_again(lab):
    with Pool(lab, setup_of(lab)) as pool:
        grade_with(pool, REFERENCE)
        first = only_worker(pool)
        watcher = kill_when_busy(pool, times=1)
        report = grade_with(pool, SLOW)
        watcher.join()
        assert report.passed
        assert only_worker(pool) != first
        assert wait_until(lambda: not descendants(first))


def test_a_job_that_loses_its_worker_twice_is_infra_and_the_next_is_graded(lab):
    with Pool(lab, setup_of(lab)) as pool:
        grade_with(pool, REFERENCE)
        watcher = kill_when_busy(pool, times=2)
        reports = grade_with(pool, {"unlucky": SLOW})
        watcher.join()
        report = reports["unlucky"]
        assert set(verdicts(report).values()) == {"infra"}
        assert report.score is None
        assert all(check.score is None for check in report.checks)
        assert report.max_score == 10
        assert "lost 2 times" in report.checks[0].message
        assert grade_with(pool, REFERENCE).passed


def test_a_submission_that_was_unlucky_once_may_be_so_again_another_time(lab):
    """Each grading has its own two tries."""
    with Pool(lab, setup_of(lab)) as pool:
        for _ in range(2):
            watcher = kill_when_busy(pool, times=1)
            assert grade_with(pool, SLOW).passed
            watcher.join()


def test_a_host_that_is_killed_is_replaced(lab):
    with Pool(lab, setup_of(lab)) as pool:
        assert grade_with(pool, REFERENCE).passed
        for pid in descendants(only_worker(pool)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        assert wait_until(lambda: not descendants(only_worker(pool)))
        assert grade_with(pool, REFERENCE).passed


def test_a_host_that_is_killed_in_a_grading_costs_no_points(lab):
    with Pool(lab, setup_of(lab)) as pool:
        assert grade_with(pool, REFERENCE).passed
        worker = only_worker(pool)
        before = descendants(worker)

        def kill():
            wait_until(lambda: pool._workers and next(iter(pool._workers)).job is not None)
            wait_until(lambda: descendants(worker) - before)
            for pid in before:
                os.kill(pid, signal.SIGKILL)

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        report = grade_with(pool, SLOW)
        thread.join()
        assert report.score is None or report.passed
        assert report.verdict in ("infra", "pass")
        assert grade_with(pool, REFERENCE).passed


def test_one_and_two_workers_give_the_same_reports(pool, lab):
    one = grade_with(pool, MANY)
    with Pool(lab, setup_of(lab), size=2) as two:
        other = grade_with(two, MANY)
    for id in MANY:
        assert without_durations(one[id]) == without_durations(other[id]), id


def test_in_another_order_the_reports_are_the_same(pool, lab):
    one = grade_with(pool, MANY)
    with Pool(lab, setup_of(lab)) as other:
        again = grade_with(other, dict(reversed(MANY.items())))
    for id in MANY:
        assert without_durations(one[id]) == without_durations(again[id]), id


def test_without_warming_up_the_reports_are_the_same(pool, lab):
    one = grade_with(pool, MANY)
    with Pool(lab, setup_of(lab, warm=False)) as cold:
        again = grade_with(cold, MANY)
    for id in MANY:
        assert without_durations(one[id]) == without_durations(again[id]), id


def test_process_isolation_gives_the_same_verdicts_and_says_so(pool, lab):
    one = grade_with(pool, MANY)
    with Pool(lab, setup_of(lab, isolation="process")) as plain:
        again = grade_with(plain, MANY)
    for id in MANY:
        assert verdicts(one[id]) == verdicts(again[id]), id
        assert again[id].isolation == "process"


def test_a_secret_changes_the_inputs_of_hidden_checks_only(lab):
    check = lab.check("2.1")
    seeds = {check_seed(lab.facts, check, 1, secret=secret) for secret in ("", "a", "b")}
    assert len(seeds) == 3
    tell = REFERENCE.replace(
        "return -a", "SEEN.append(a); print(SEEN); return [-a, a][len(SEEN) == 10]"
    )
    tell = tell.replace("return xs * k", "SEEN.append(k); print(SEEN); return None")
    told = []
    for secret in ("", "a secret"):
        with Pool(lab, setup_of(lab, secret=secret)) as pool:
            report = grade_with(pool, f"SEEN = []\n{tell}", shrink=False)
            told.append({check.id: check.output for check in report.checks})
    assert told[0]["2.1"] != told[1]["2.1"]
    assert told[0]["2.1"].count(",") == told[1]["2.1"].count(",") == 9


def test_jobs_are_taken_only_when_a_worker_is_free(pool):
    taken = []

    def jobs():
        for job in jobs_of({f"s{n}": REFERENCE for n in range(5)}):
            taken.append(job.submission)
            yield job

    for count, _ in enumerate(pool.grade(jobs()), 1):
        assert len(taken) == count


def test_no_jobs_are_no_reports(pool):
    assert list(pool.grade([])) == []


def test_leaving_the_pool_ends_every_process(lab):
    with Pool(lab, setup_of(lab), size=2) as pool:
        grade_with(pool, {"a": REFERENCE, "b": REFERENCE})
        workers = {worker.process.pid for worker in pool._workers}
        below = set().union(*map(descendants, workers))
        assert below
    assert wait_until(lambda: not any(map(is_running, workers | below)), seconds=5.0)


def test_a_sandbox_that_cannot_start_is_a_fault_of_the_environment(lab, monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho no namespaces today >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert launcher.find_bwrap() == str(fake)
    with (
        pytest.raises(EnvironmentFault, match="no namespaces today"),
        Pool(lab, setup_of(lab)) as pool,
    ):
        grade_with(pool, REFERENCE)
    with Pool(lab, setup_of(lab, isolation="auto")) as pool:
        report = grade_with(pool, REFERENCE)
    assert (report.verdict, report.isolation) == ("pass", "process")


def test_pytest_options_of_the_callers_environment_do_not_matter(lab, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only --unknown")
    monkeypatch.setenv("PYTEST_PLUGINS", "nothing_like_it")
    monkeypatch.setenv("HYPOTHESIS_STORAGE_DIRECTORY", "/nonexistent")
    with Pool(lab, setup_of(lab, isolation="process")) as pool:
        assert grade_with(pool, REFERENCE).passed


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, r"driver\.py"),
        ("def neg(student, a): return student.neg(a\n", "SyntaxError"),
        ("def later(student): return 1\n", "later is a name that `student` has itself"),
    ],
)
def test_a_lab_that_is_wrong_is_said_once_and_not_as_lost(own_course, source, words):
    lab = load_lab(own_course, "small")
    driver = own_course / "labs/small/driver.py"
    driver.unlink() if source is None else driver.write_text(source)
    with (
        pytest.raises(CourseError, match=words),
        Pool(lab, setup_of(lab, isolation="process")) as pool,
    ):
        grade_with(pool, REFERENCE)
