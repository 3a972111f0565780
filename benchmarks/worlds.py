"""The parallel worlds: the metered one against gloo, both against new processes each time.

Each ratio is of figures taken in turn in one run, and the median of ROUNDS. A submission's
share of starting a world is in the figures that are said to be of a submission.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from aisys_cli.bulk.intake import Submission
from aisys_cli.bulk.run import job_for, open_pool
from aisys_cli.course.load import load_lab
from aisys_cli.course.records import Lab
from aisys_cli.grader.session import open_student
from aisys_cli.grader.student import Student, StudentRaised
from aisys_cli.grader.world import World

HERE = Path(__file__).resolve().parent
RANKS, ELEMENTS = 4, 100
METERED, GLOO, SPAWNED = 100, 20, 2  # examples measured
SUBMISSION = 10  # examples over gloo that a submission is graded with
ROUNDS = 3


def measure() -> dict[str, float]:
    """Every figure, in seconds or times."""
    lab = load_lab(HERE.parent, "all-reduce")
    reference = lab.solutions / "reference" / "all_reduce.py"
    rounds = [one_round(lab, reference) for _ in range(ROUNDS)]
    figures = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    figures["deadlocking_submission_s"] = deadlocking_submission(lab, stuck(reference))
    return figures


def one_round(lab: Lab, reference: Path) -> dict[str, float]:
    with open_student(lab, {"all_reduce.py": reference.read_bytes()}) as student:
        examples(student, World(RANKS), 3)  # the cells, and what they load on first use
        metered = examples(student, World(RANKS), METERED) / METERED
        start = time.perf_counter()
        examples(student, World(RANKS, gloo=True), SUBMISSION)
        submission = time.perf_counter() - start
        gloo = examples(student, World(RANKS, gloo=True), GLOO) / GLOO
    with open_student(lab, {"all_reduce.py": stuck(reference)}) as student:
        examples(student, World(RANKS), 1)
        deadlock = examples(student, World(RANKS, rendezvous=True), 10) / 10
        start = time.perf_counter()
        examples(student, World(RANKS, gloo=True), 1)
        gloo_deadlock = time.perf_counter() - start
    command = [sys.executable, str(HERE / "spawned.py"), str(reference)]
    command += [str(RANKS), str(SPAWNED)]
    spawned = statistics.mean(
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    )
    return {
        "metered_example_s": metered,
        "gloo_example_s": gloo,
        "spawned_example_s": spawned,
        "gloo_over_metered": gloo / metered,
        "metered_deadlock_s": deadlock,
        "gloo_deadlock_s": gloo_deadlock,
        "gloo_submission_s": submission,
        "spawned_over_gloo_submission": spawned * SUBMISSION / submission,
    }


def examples(student: Student, world: World, count: int) -> float:
    """Seconds of so many ring all-reduces; one that deadlocks is as good as another."""
    args = [(np.arange(float(ELEMENTS)) + rank, "sum") for rank in range(world.size)]
    start = time.perf_counter()
    for _ in range(count):
        student.begin_check()
        try:
            student.on(world).ring_all_reduce(args)
        except StudentRaised as error:
            if error.run is None or not error.run.deadlock:
                raise
    return time.perf_counter() - start


def stuck(reference: Path) -> bytes:
    """The reference with every sendrecv made a send and then a receive."""
    blocking = b"""

def sendrecv(comm, out, dst, into, src):
    comm.send(out, dst)
    comm.recv(into, src)
"""
    return reference.read_bytes().replace(b"comm.sendrecv(", b"sendrecv(comm, ") + blocking


def deadlocking_submission(lab: Lab, source: bytes) -> float:
    """Seconds that all checks take together in which such a submission deadlocks."""
    submission = Submission("stuck", {"all_reduce.py": source}, "stuck")
    with open_pool(lab, isolation="auto", hidden=True) as pool:
        (done,) = pool.grade([job_for(submission, seed=1)])
    stuck_in = [check for check in done.report.checks if check.verdict == "deadlock"]
    if not stuck_in:
        sys.exit("a submission that ought to deadlock does not")
    return sum(check.duration for check in stuck_in)


def report(figures: dict[str, float], say: Callable[..., None]) -> None:
    def ms(label: str, key: str, note: str = "") -> None:
        say(f"  {label}", 1000 * figures[key], f"ms  {note}".rstrip())

    say(f"ring all-reduce, p = {RANKS}, n = {ELEMENTS}: an example, median of {ROUNDS} rounds")
    ms("metered world", "metered_example_s", f"mean of {METERED}")
    ms("gloo world", "gloo_example_s", f"mean of {GLOO}")
    ms("new processes each time", "spawned_example_s", f"mean of {SPAWNED}")
    say("  gloo / metered", figures["gloo_over_metered"], "times")
    ms("a deadlock diagnosed, metered", "metered_deadlock_s")
    ms("a deadlock diagnosed, gloo", "gloo_deadlock_s", "its world started for it")
    ms(f"{SUBMISSION} examples over gloo, of a submission", "gloo_submission_s")
    say("  new processes / that", figures["spawned_over_gloo_submission"], "times")
    ms("every check that deadlocks, of a submission", "deadlocking_submission_s")
    say("")
