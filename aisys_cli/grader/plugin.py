"""The pytest plugin that collects a lab's checks and runs them on a submission.

pytest collects `checks.py` (public) and the hidden one once; `Checks.run` then runs the
collected items through pytest's own protocol for one submission after another, each in
a fork of the process that collected (see worker.py). What a check found is taken from
the exception it ended with, never from text that pytest or Hypothesis wrote.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.errors
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, Verbosity

from aisys_cli.course.records import Check, Lab
from aisys_cli.errors import CourseError
from aisys_cli.grader.checks import check_id
from aisys_cli.grader.compare import Mismatch
from aisys_cli.grader.jobs import Job
from aisys_cli.grader.seeds import check_seed
from aisys_cli.grader.student import Asked, Failure, Student, StudentRaised
from aisys_cli.language import N_
from aisys_cli.report.records import CheckResult, Whole

__all__ = ["Checks", "pytest_arguments"]

WARM_INPUTS = 3


def pytest_arguments(lab: Lab, *, hidden: bool) -> list[str]:
    """The command line for pytest.main: this lab's files and nothing from around them."""
    files = [str(lab.folder / "checks.py")]
    if hidden:
        files.append(str(lab.hidden_folder / "checks.py"))
    return [
        *files,
        "--noconftest",
        f"--config-file={os.devnull}",
        "--assert=plain",
        "--import-mode=importlib",
        "--capture=no",
        f"--rootdir={lab.folder}",
        "--override-ini=python_files=checks.py",
        *(f"-pno:{name}" for name in ("terminal", "cacheprovider", "faulthandler", "logging")),
    ]


def forget_local_constants() -> None:
    """Keep Hypothesis from drawing constants that it finds in the code around it.

    It reads the source of whatever modules happen to be loaded from outside
    site-packages, and mixes their numbers into what it generates: then the inputs of a
    check would depend on how aisys is installed, and every fork would pay for the search.
    There is no setting for it; tests/grader/test_plugin.py notices when this stops working.
    """
    from hypothesis.internal import constants_ast
    from hypothesis.internal.conjecture import providers

    if hasattr(providers, "_get_local_constants"):
        providers._get_local_constants = constants_ast.Constants  # noqa: SLF001


def use_quiet_settings() -> None:
    """Hypothesis' defaults for checks: no clock, no memory of other runs, no output."""
    hypothesis.settings.register_profile(
        "aisys",
        deadline=None,
        database=None,
        derandomize=False,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )
    hypothesis.settings.load_profile("aisys")


class Checks:
    """A lab's collected checks. `serve` is called once, when they are ready to run."""

    def __init__(self, lab: Lab, *, hidden: bool, serve: Callable[[Checks], None]) -> None:
        self.lab = lab
        self.hidden = hidden
        self.items: dict[str, pytest.Function] = {}
        self.problem: CourseError | None = None
        self.served = False
        self._serve = serve
        self._student: Any = None
        self._outcome: BaseException | None = None
        self._calls: dict[str, list[Asked]] = {}
        self.whole: dict[str, Whole] = {}  # of each check that did not pass, if kept
        self._warm: set[str] = set()
        use_quiet_settings()
        forget_local_constants()

    # -- collection --------------------------------------------------------------

    def pytest_pycollect_makeitem(self, collector: Any, name: str, obj: object) -> Any:
        if check_id(obj) is None or getattr(obj, "__module__", "") != collector.obj.__name__:
            return []
        return [pytest.Function.from_parent(collector, name=name)]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.problem is None:
            self.problem = CourseError(f"cannot collect {report.nodeid}:\n{report.longreprtext}")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found: dict[str, pytest.Function] = {}
        for item in items:
            assert isinstance(item, pytest.Function)
            id = check_id(item.obj) or ""
            if id in found:
                self._wrong(f"check {id} is written twice: {found[id].nodeid}, {item.nodeid}")
            found[id] = item
        wanted = [c for c in self.lab.facts.checks if self.hidden or c.visibility == "public"]
        for check in wanted:
            if check.id not in found:
                self._wrong(f"lab.toml has check {check.id}, but no function is marked with it")
                continue
            item = found.pop(check.id)
            folder = self.lab.hidden_folder if check.visibility == "hidden" else self.lab.folder
            if item.path.parent != folder:
                self._wrong(f"check {check.id} is {check.visibility} but stands in {item.path}")
            self.items[check.id] = item
        for id, item in found.items():
            self._wrong(f"{item.path} has check {id}, which lab.toml does not have")

    def _wrong(self, what: str) -> None:
        if self.problem is None:
            self.problem = CourseError(f"{self.lab.id}: {what}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        del session
        if self.problem is None:
            self.served = True
            self._serve(self)
        return True

    # -- running -----------------------------------------------------------------

    @pytest.fixture
    def student(self) -> Any:
        return self._student

    def warm(
        self, student: Student, job: Job, *, enough: Callable[[], bool] = lambda: False
    ) -> None:
        """Run a few inputs of every check that is still cold, and drop the results.

        What Hypothesis, PyTorch and the oracles load and cache on first use is then
        shared by every fork. A check is warm once it has got through to its end, so it
        takes a submission that passes it: cold ones are tried again with the next.
        """
        self._student = student
        for check in self.lab.facts.checks:
            if check.id in self._warm or check.id not in self.items:
                continue
            if enough():
                return
            item = self.items[check.id]
            if hasattr(item.obj, "hypothesis"):
                hypothesis.seed(check_seed(self.lab.facts, check, job.seed, secret=""))(item.obj)
            student.begin_check(most_inputs=WARM_INPUTS)
            self._protocol(item)
            if self._outcome is None or student.inputs > WARM_INPUTS:
                self._warm.add(check.id)

    @property
    def cold(self) -> bool:
        """Whether some check has not been run to its end in this process."""
        return len(self._warm) < len(self.items)

    def run(
        self,
        student: Student,
        job: Job,
        *,
        secret: str,
        each: Callable[[CheckResult], None] = lambda _: None,
        enough: Callable[[], bool] = lambda: False,
    ) -> list[CheckResult]:
        """The results of the job's checks, in lab.toml's order. `each` hears of every one as
        it comes; no check is begun once there is `enough`."""
        self._student = student
        results: dict[str, CheckResult] = {}
        chosen = [c for c in self.lab.facts.checks if c.id in self.items]
        if job.only:
            chosen = [c for c in chosen if c.id in job.only]
        for check in sorted(chosen, key=lambda check: check.id not in job.first):
            if enough():
                break
            missing = [n for n in check.needs if n in results and results[n].verdict != "pass"]
            if missing and job.blocking:
                results[check.id] = _blocked(check, missing)
                each(results[check.id])
                continue
            item = self.items[check.id]
            if hasattr(item.obj, "hypothesis"):
                seed = check_seed(self.lab.facts, check, job.seed, secret=secret)
                hypothesis.seed(seed)(item.obj)
                hypothesis.settings(max_examples=job.examples or check.examples)(item.obj)
            results[check.id] = self._run_one(check, student)
            each(results[check.id])
            if job.exit_first and results[check.id].verdict != "pass":
                break
        return self._in_order(results, job)

    def _in_order(self, results: dict[str, CheckResult], job: Job) -> list[CheckResult]:
        """As if the checks had run in lab.toml's order: one that ran before another that it
        needs is blocked after all if that one did not pass."""
        for check in self.lab.facts.checks if job.first and job.blocking else []:
            missing = [n for n in check.needs if n in results and results[n].verdict != "pass"]
            if check.id in results and missing:
                results[check.id] = _blocked(check, missing)
                self._calls.pop(check.id, None)
                self.whole.pop(check.id, None)
        return [results[check.id] for check in self.lab.facts.checks if check.id in results]

    @property
    def failing_calls(self) -> dict[str, list[Asked]]:
        """For each check that did not pass: the calls of its smallest failing input."""
        return self._calls

    def _run_one(self, check: Check, student: Student) -> CheckResult:
        student.begin_check()
        start = time.monotonic()
        failure = student.load_failure
        if failure is None:
            self._protocol(self.items[check.id])
            failure = self._judge(student)
        if failure is not None and failure.verdict != "infra" and student.smallest_calls:
            self._calls[check.id] = student.smallest_calls
        if failure is not None and student.whole is not None:
            self.whole[check.id] = student.whole
        return _result(check, failure, student.inputs, time.monotonic() - start)

    def _protocol(self, item: pytest.Function) -> None:
        self._outcome = None
        # Everything is torn down each time: the next item may turn out to be blocked.
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)

    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        del item
        if call.excinfo is not None and self._outcome is None:
            self._outcome = call.excinfo.value

    def _judge(self, student: Student) -> Failure | None:
        """The failure that the check's outcome stands for; None if it passed."""
        error = self._outcome
        if error is None:
            return None
        if student.ended is not None:
            return student.ended
        if isinstance(error, Mismatch | StudentRaised):
            return student.failure(error)
        if isinstance(error, hypothesis.errors.FlakyFailure) and student.last_error is not None:
            return _unsteady(student.failure(student.last_error))
        # Ours: the lab's check or oracle, the host, Hypothesis. Nothing is scored.
        text = "".join(traceback.format_exception(error, limit=-8))
        return Failure("infra", f"{type(error).__name__}: {str(error)[:500]}", output=text[-4000:])


def _blocked(check: Check, missing: list[str]) -> CheckResult:
    failure = Failure("blocked", N_(f"needs {', '.join(missing)}"))
    return _result(check, failure, 0, 0.0)


def _unsteady(failure: Failure) -> Failure:
    evidence = failure.evidence
    if evidence is not None:
        evidence = msgspec.structs.replace(evidence, unsteady=True)
    message = N_(f"{failure.message}; not the same each time it runs on the same input")
    return msgspec.structs.replace(failure, message=message, evidence=evidence)


def _result(check: Check, failure: Failure | None, inputs: int, seconds: float) -> CheckResult:
    verdict = "pass" if failure is None else failure.verdict
    score = {"pass": check.points, "infra": None}.get(verdict, 0)
    failure = failure or Failure("pass", "")
    return CheckResult(
        id=check.id,
        task=check.task,
        title_en=check.title.en,
        title_zh=check.title.zh,
        verdict=verdict,
        score=score,
        max_score=check.points,
        visibility=check.visibility,
        duration=round(seconds, 4),
        inputs=inputs,
        message=failure.message,
        limit=failure.limit,
        evidence=failure.evidence,
        output=failure.output,
    )
