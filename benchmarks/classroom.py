"""A class: many unlike submissions, run again, killed, on two processes and on a cluster.

Everything through the command, as a teacher uses it. `mixed` are right, unusual and wrong
submissions of forward-diff; where only the coordinator is measured they are of the small course.
"""

from __future__ import annotations

import itertools
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aisys_cli.course import solutions
from aisys_cli.course.load import load_lab

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
AISYS = [sys.executable, "-m", "aisys_cli"]
MIXED = 200
CACHED = 500
FEW, MANY = 50, 2000
KILLED, KILLS = 120, 50

Figures = dict[str, float]


def measure(scratch: Path) -> Figures:
    """Every figure, in seconds, MiB or times."""
    folder = scratch / "mixed"
    mixed_submissions(folder, MIXED)
    one = run(ROOT, "forward-diff", folder, scratch / "j1.db", "-j1")
    two = run(ROOT, "forward-diff", folder, scratch / "j2.db", "-j2")
    again = run(ROOT, "forward-diff", folder, scratch / "j2.db", "-j2")
    figures = {
        "mixed_j1_s": one.seconds,
        "mixed_j2_s": two.seconds,
        "j1_over_j2": one.seconds / two.seconds,
        "resume_of_mixed_s": again.seconds,
        "cluster_over_j2": cluster(folder, scratch) / two.seconds,
    }
    small = HERE / "small-course"
    for count in (FEW, CACHED, MANY):
        synthetic_submissions(small, scratch / f"n{count}", count)
    few = run(small, "small", scratch / f"n{FEW}", scratch / "few.db", "-j2")
    many = run(small, "small", scratch / f"n{MANY}", scratch / "many.db", "-j2")
    run(small, "small", scratch / f"n{CACHED}", scratch / "cached.db", "-j2")
    cached = run(small, "small", scratch / f"n{CACHED}", scratch / "cached.db", "-j2")
    figures |= {
        "coordinator_mib_few": few.mib,
        "coordinator_mib_many": many.mib,
        "many_over_few_mib": many.mib / few.mib,
        "cached_rerun_s": cached.seconds,
    }
    lost, twice = kills(small, scratch)
    return figures | {"kills": KILLS, "lost": lost, "graded_twice": twice}


class Measured:
    def __init__(self, seconds: float, mib: float) -> None:
        self.seconds, self.mib = seconds, mib


def run(root: Path, lab: str, folder: Path, db: Path, *options: str) -> Measured:
    """A whole `aisys grade-all`: seconds, and the most memory that the coordinator had."""
    start = time.perf_counter()
    process = begin(root, lab, folder, db, *options)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _peak_kib(process.pid))
        time.sleep(0.05)
    if process.returncode != 0:
        sys.exit(f"grade-all of {folder} failed with {process.returncode}")
    return Measured(time.perf_counter() - start, peak / 1024)


def begin(root: Path, lab: str, folder: Path, db: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [*AISYS, "--course", str(root), "grade-all", str(folder), "--lab", lab]
    command += ["--db", str(db), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(x.split()[1]) for x in status.splitlines() if x.startswith("VmHWM")), 0)


def mixed_submissions(folder: Path, count: int) -> None:
    """The reference, the wheats and the chaffs of forward-diff, over and over."""
    lab = load_lab(ROOT, "forward-diff")
    kinds = [solutions.reference(lab), *solutions.wheats(lab), *solutions.chaffs(lab)]
    for i, kind in zip(range(count), itertools.cycle(kinds), strict=False):
        for name, data in kind.files.items():
            (folder / f"s{i:04}").mkdir(parents=True, exist_ok=True)
            (folder / f"s{i:04}" / name).write_bytes(data)


def synthetic_submissions(root: Path, folder: Path, count: int) -> None:
    """The reference of the small course, each with a comment of its own."""
    reference = solutions.reference(load_lab(root, "small")).files
    for i in range(count):
        (folder / f"s{i:04}").mkdir(parents=True)
        for name, data in reference.items():
            (folder / f"s{i:04}" / name).write_bytes(data + f"# {i}\n".encode())


def cluster(folder: Path, scratch: Path) -> float:
    """Seconds on a scheduler and two workers of this machine, which run already."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    address = f"tcp://127.0.0.1:{port}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": scratch}
    words = [["scheduler", "--host", "127.0.0.1", "--port", port]]
    words += [["worker", address, "--nthreads", "1", "--no-nanny"]] * 2
    started = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{word}", *rest, "--no-dashboard"], **quiet
        )
        for word, *rest in words
    ]
    try:
        time.sleep(5)
        return run(ROOT, "forward-diff", folder, scratch / "c.db", "--cluster", address).seconds
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def kills(root: Path, scratch: Path) -> tuple[int, int]:
    """Kill a run again and again, then let it end: submissions without a report, and with two."""
    folder, db = scratch / "killed", scratch / "killed.db"
    synthetic_submissions(root, folder, KILLED)
    draw = random.Random(1)  # noqa: S311
    for _ in range(KILLS):
        process = begin(root, "small", folder, db, "-j2")
        time.sleep(draw.uniform(0.1, 2.5))
        process.kill()
        process.wait()
    run(root, "small", folder, db, "-j2")
    with sqlite3.connect(db) as book:
        counts = dict(book.execute("SELECT submission, count(*) FROM reports GROUP BY submission"))
    shutil.rmtree(folder)
    return KILLED - len(counts), sum(count > 1 for count in counts.values())


def report(figures: Figures, say: Callable[..., None]) -> None:
    say(f"a class: {MIXED} unlike submissions of forward-diff, one run each")
    say("  grade-all -j1", figures["mixed_j1_s"], "s")
    say("  -j1 / -j2", figures["j1_over_j2"], "times")
    say("  a cluster of two workers / -j2", figures["cluster_over_j2"], "times")
    say("  the same command again", figures["resume_of_mixed_s"], "s")
    say(f"  again, {CACHED} of the small course", figures["cached_rerun_s"], "s")
    say(f"  memory of the coordinator at {FEW}", figures["coordinator_mib_few"], "MiB")
    say(f"  at {MANY} / at {FEW}", figures["many_over_few_mib"], "times")
    say(f"  lost after {KILLS} kills", figures["lost"])
    say(f"  graded twice after {KILLS} kills", figures["graded_twice"])
    say("")
