"""`aisys lab repro`: a student's own code on the stored input, in the student's process.

No sandbox here: it is their code, on their machine, at their request, with prints shown
and a debugger allowed. Of a parallel lab, the very world, order and input come again: every
rank in a process, or one of them in this one and the others around it.
"""

from __future__ import annotations

import functools
import os
import pdb  # noqa: T100 - for --pdb
import socket
import sys
import threading
import traceback
from collections.abc import Container, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import msgspec

from aisys_cli.course.records import Lab
from aisys_cli.errors import UsageError
from aisys_cli.grader.jobs import KeptCall
from aisys_cli.language import N_, reader, translate
from aisys_cli.report.columns import fitted, folded
from aisys_cli.report.records import CheckResult, clean
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.cell import NotData, Submission, plain
from aisys_cli.sandbox.client import local_cell
from aisys_cli.workspace.state import StoredFailure

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["run_again"]

WIDTH, MARGIN = 80, 15
DAY = 86400.0  # seconds: nobody is timed who looks for a mistake with a debugger


def run_again(
    lab: Lab,
    folder: Path,
    failure: StoredFailure,
    out: Console,
    *,
    debug: bool,
    rank: int | None = None,
) -> bool:
    """Run the stored calls and print what they give; False if that is an exception, or the
    same wrong answer as before. Whether another answer is right, `aisys lab test` says.

    `rank`: which rank of a world runs in this process. UsageError if there is none such.
    """
    check = failure.report.checks[0]
    evidence = check.evidence
    calls: list[KeptCall] = wire.decode(failure.calls, list[KeptCall])
    _has_rank(calls, rank)
    if evidence is not None and evidence.input:
        _show(out, N_("Input"), evidence.input)
    if check.verdict in ("timeout", "crash"):
        _print(out, N_(f"When it was tested: {check.message}. Ctrl-C stops it here."))
    # Absolute names, so that a debugger finds the lines.
    files = {str(path): path.read_bytes() for path in folder.glob("*.py")}
    sys.path.insert(0, str(folder))
    submission = Submission(
        wire.Load(files, lab.entry, lab.driver.read_bytes(), lab.facts.forbid), on_disk=True
    )
    failed = submission.load()
    if failed is not None:
        _print(out, N_(f"{folder / lab.entry}.py does not import: {_words(failed.fault)}"))
        for frame in failed.fault.frames:
            out.print(f"    {os.path.basename(frame.file)}:{frame.line}  {frame.text}")
        return False
    shown: list[str] | None = []  # what the last call gave, of each rank
    for number, asked in enumerate(calls, 1):
        last = number == len(calls)
        if len(calls) > 1:
            out.print()
            call = N_(f"Call {number} of {len(calls)}")
            _print(out, N_(f"{call}, the one that failed") if last else call)
        debugger = _Debugger(frozenset(files)) if debug and last else None
        if asked.world is None:
            shown = _here(submission, asked, out, debugger)
        else:
            again = _Again(lab, folder, asked, submission, out)
            shown = again.with_rank(rank, debugger) if rank is not None else again.every_rank()
        if shown is None:
            return False
    return _compared(out, check, shown or [])


def _has_rank(calls: list[KeptCall], rank: int | None) -> None:
    ranks = {call.world.size for call in calls if call.world is not None}
    if rank is not None and not all(rank < size for size in ranks or {0}):
        if not ranks:
            raise UsageError(f"--rank {rank}: this input runs in one process")
        raise UsageError(f"--rank {rank}: this input has ranks 0 to {min(ranks) - 1}")


def _words(fault: wire.Fault) -> str:
    return f"{fault.type}: {fault.message}"


def _print(out: Console, sentence: str) -> None:
    out.print(translate(sentence, reader.get()))


def _show(out: Console, label: str, value: str) -> None:
    """A label and what belongs to it, in 80 columns."""
    first, *rest = folded(translate(value, reader.get()), WIDTH - MARGIN) or [""]
    out.print(f"{fitted(translate(label, reader.get()), MARGIN - 1)} {first}")
    for line in rest:
        out.print(f"{' ' * MARGIN}{line}")


def _here(
    submission: Submission, asked: KeptCall, out: Console, debugger: _Debugger | None
) -> list[str] | None:
    """A call in this process: what it returned, or None after showing what it raised."""
    from aisys_cli.grader.compare import describe

    try:
        value = plain(_run(submission, wire.Call(0, asked.method, asked.args), debugger))
        # Through the wire, so that it reads as it did when it was graded.
        reply: wire.Returned = wire.decode(wire.encode(wire.Returned(0, value)), wire.Returned)
    except NotData as error:
        _show(out, "Your value", N_(f"{error}, which is not plain data"))
        return None
    # The student-code boundary: show their traceback, without our frames.
    except (Exception, SystemExit) as error:
        _show_traceback(error, submission.files, out)
        if debugger is not None:
            debugger.look_at(error)
        return None
    shown = clean(describe(reply.value))
    _show(out, "Your value", shown)
    return [shown]


def _compared(out: Console, check: CheckResult, shown: list[str]) -> bool:
    """Say what the values come to, as far as one can know without the check."""
    evidence = check.evidence
    confirm = N_(f"Confirm: aisys lab test {check.id}")
    if evidence is None or not evidence.expected:
        _print(out, N_(f"It ends without an error now. {confirm}"))
        return True
    _show(out, evidence.oracle or "Expected", evidence.expected)
    # A check may ask for several answers in one call, of which the last is the wrong one.
    wrong, expected = ({one, f"[{one}]"} for one in (evidence.got, evidence.expected))
    if any(one in wrong for one in shown):
        _print(out, N_("Still the wrong value."))
        return False
    right = all(one in expected for one in shown)
    if right:
        _print(out, N_(f"As expected now. {confirm}"))
    else:
        _print(out, N_(f"Another value than before. {confirm}"))
    return True


class _Again:
    """A call in a world. Both ways of running it return what the ranks returned, or print
    what went wrong and return None."""

    def __init__(
        self, lab: Lab, folder: Path, kept: KeptCall, submission: Submission, out: Console
    ) -> None:
        assert kept.world is not None
        self.lab, self.kept, self.submission, self.out = lab, kept, submission, out
        self.world = kept.world
        self.files = {path.name: path.read_bytes() for path in folder.glob("*.py")}
        _show(out, "World", str(self.world))

    def shown(self, values: list[Any]) -> list[str]:
        from aisys_cli.grader.compare import describe

        texts = [clean(describe(value)) for value in values]
        for number, text in enumerate(texts):
            _show(self.out, f"Rank {number}", text)
        return texts

    def every_rank(self) -> list[str] | None:
        from aisys_cli.grader.session import open_student
        from aisys_cli.grader.student import Asked, EndCheck, StudentRaised
        from aisys_cli.report.text import render_evidence

        asked = Asked(self.kept.method, tuple(self.kept.args), None, self.world)
        with open_student(self.lab, self.files, isolation="process") as student:
            try:
                with student.one_input():
                    run = student.ask_ranks(asked)
            except StudentRaised as error:
                failure = student.failure(error)
            except EndCheck:
                assert student.ended is not None
                failure = student.ended
            else:
                self.out.print(clean(run.output), end="")
                return self.shown(run.values)
        self.out.print(failure.output, end="")
        evidence = failure.evidence and msgspec.structs.replace(failure.evidence, input="")
        shown = render_evidence(failure.message, evidence, language=reader.get())
        self.out.print(shown, end="")
        return None

    def with_rank(self, rank: int, debugger: _Debugger | None) -> list[str] | None:
        """One rank in this process, in the main thread, for a debugger and prints."""
        from aisys_cli.grader.session import open_student
        from aisys_cli.grader.student import rank_state
        from aisys_cli.grader.world import Fault, RankLost, Run, metered_run

        if self.world.gloo:
            raise UsageError(
                "--rank is for worlds without gloo", remedy="Without it every rank is run again"
            )
        outcome: list[Any] = []
        with open_student(self.lab, self.files, isolation="process") as student:
            cells = list(student.cells_of(self.world))
            ours, theirs = socket.socketpair()
            cells[rank] = local_cell(ours)

            def run() -> None:
                call = wire.Call(1, self.kept.method, [])
                try:
                    args = self.kept.args
                    outcome.append(metered_run(cells, self.world, call, args, seconds=DAY))
                except (Fault, RankLost) as error:
                    outcome.append(error)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            self.serve(theirs, debugger)
            thread.join()
            cells[rank].close()
        ended = outcome[0] if outcome else None
        if isinstance(ended, Run):
            return self.shown(ended.values)
        _print(self.out, str(ended))
        for state in getattr(ended, "states", ()):
            self.out.print(f"  {translate(str(rank_state(state)), reader.get())}")
        return None

    def serve(self, line: socket.socket, debugger: _Debugger | None) -> None:
        """Be a rank: run the one call that comes, as a cell would."""
        from aisys_cli.sandbox.comm import Stopped
        from aisys_cli.sandbox.links import MeteredLink

        receiver = wire.Receiver(line)
        self.submission.link = functools.partial(MeteredLink, line, receiver)
        body = receiver.read()
        if body is None:
            return
        request: wire.Call = wire.decode(body, wire.Call)
        reply: wire.Returned | wire.Refused | wire.Raised
        try:
            value = plain(_run(self.submission, request, debugger))
            reply = wire.Returned(request.id, value)
        except NotData as error:
            reply = wire.Refused(request.id, str(error))
        except BaseException as error:  # the student-code boundary
            if not isinstance(error, Stopped):
                _show_traceback(error, self.submission.files, self.out)
            reply = wire.Raised(request.id, self.submission.fault(error))
        wire.send(line, reply)


def _run(submission: Submission, call: wire.Call, debugger: _Debugger | None) -> Any:
    if debugger is None:
        return submission.call(call)
    return debugger.runcall(submission.call, call)


class _Debugger(pdb.Pdb):
    """Stops in the student's files and steps over everything else, the driver too."""

    def __init__(self, files: frozenset[str]) -> None:
        super().__init__(nosigint=True)
        self._files = files

    def stop_here(self, frame: FrameType) -> bool:
        return frame.f_code.co_filename in self._files and super().stop_here(frame)

    def user_call(self, frame: FrameType, argument_list: None) -> None:
        """Not at a function's head, but at its first line, which comes next."""

    def look_at(self, error: BaseException) -> None:
        """After an exception in the student's code: where it was raised."""
        if any(frame.f_code.co_filename in self._files for frame, _ in _walk(error)):
            self.reset()
            self.interaction(None, error.__traceback__)


def _walk(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    return traceback.walk_tb(error.__traceback__)


def _show_traceback(error: BaseException, files: Container[str], out: Console) -> None:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    for frame in frames:
        out.print(f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}")
        out.print(f"    {frame.line}")
    out.print(f"{type(error).__name__}: {error}")
