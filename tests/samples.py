"""Reports made by hand, for tests of how they are shown and written."""

import msgspec

from aisys_cli.report.grades import Attempt, Grade
from aisys_cli.report.records import CheckResult, Evidence, Place, RankState, Report

VERDICTS = (
    "pass",
    "fail",
    "error",
    "timeout",
    "deadlock",
    "crash",
    "forbidden",
    "blocked",
    "infra",
)
EVIDENCE = Evidence(
    input="scale(array([1.0]), -1.0)",
    got="[1.]   float64",
    expected="[-1.]   float64",
    difference="1.0 instead of -1.0",
    index="[0]",
    tolerance="rtol 1e-07, atol 1e-09",
    oracle="numpy",
    tries=3,
    where=Place("small.py", 16, "scale", "def scale(xs, k):"),
    ran=(Place("small.py", 16, "scale", "def scale(xs, k):"),),
)
DEADLOCK = Evidence(
    input='ring_all_reduce(x, comm, "sum")\nrank 0: x = [1.]   float64\nrank 1: x = [2.]   float64',
    tries=2,
    where=Place("all_reduce.py", 21, "ring_all_reduce", "comm.send(chunks[r], right)"),
    world="p = 3, rendezvous sends",
    ranks=(
        RankState(0, "send", (1,), Place("all_reduce.py", 21, "ring_all_reduce"), 2, 1),
        RankState(1, "recv", (0, 2), Place("all_reduce.py", 34, "ring_all_reduce"), 0, 1),
        RankState(2, "returned", sent=1),
    ),
)


def check(verdict="pass", id="1.1", **fields):
    score = {"pass": 2, "infra": None}.get(verdict, 0)
    values = {
        "task": id.partition(".")[0],
        "title_en": "add adds",
        "title_zh": "add 求和",
        "score": score,
        "max_score": 2,
        "visibility": "public",
        "duration": 0.25,
        "inputs": 10,
        **fields,
    }
    return CheckResult(id=id, verdict=verdict, **values)


def report(*checks, **fields):
    scores = [one.score for one in checks]
    values = {
        "lab": "small",
        "lab_version": "1-abc",
        "submission": "li-ming",
        "submission_digest": "d1",
        "seed": 1,
        "isolation": "bwrap",
        "score": None if None in scores else sum(scores),
        "max_score": sum(one.max_score for one in checks),
        "duration": 1.5,
        **fields,
    }
    return Report(checks=checks, **values)


def of(*verdicts, **fields):
    """A report whose checks 1.1, 1.2, ... have these verdicts."""
    return report(*(check(v, f"1.{n}") for n, v in enumerate(verdicts, 1)), **fields)


def failed(text, **fields):
    """A report on one failed check that says `text` wherever a submission has a say."""
    place = Place(text, 3, text, text)
    evidence = msgspec.structs.replace(EVIDENCE, input=text, got=text, where=place, ran=(place,))
    return report(check("fail", message=text, output=text, evidence=evidence), **fields)


def attempt(*verdicts, number=1, **fields):
    """An attempt whose report has these verdicts."""
    made = of(*verdicts, submission_digest=f"d{number}")
    return Attempt(number, made, **{"score": made.score, **fields})


def grade(*attempts, submission="li-ming", counts=None, **fields):
    """A grade for which the last attempt counts."""
    counts = len(attempts) if counts is None else counts
    score = attempts[counts - 1].score if counts else None
    values = {"lab": "small", "max_score": 10, "score": score, **fields}
    return Grade(submission=submission, attempts=attempts, counts=counts, **values)
