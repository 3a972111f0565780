"""`aisys lab repro`: a student's own code on the stored input, in the student's process.

No sandbox here: it is their code, on their machine, at their request, with prints shown
and a debugger allowed. Of a parallel lab, the very world, order and input come again: every
rank in a process, or one of them in this one and the others around it.
"""

from __future__ import annotations

import functools
import os
import socket
import sys
import threading
import traceback
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aisys_cli.course.records import Lab
from aisys_cli.errors import UsageError
from aisys_cli.grader.jobs import KeptCall
from aisys_cli.report.records import clean
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.cell import NotData, Submission, plain
from aisys_cli.sandbox.client import local_cell
from aisys_cli.workspace.state import StoredFailure

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["run_again"]

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
    from aisys_cli.grader.compare import describe

    evidence = failure.report.checks[0].evidence
    if evidence is not None and evidence.input:
        out.print(f"Input          {evidence.input}")
    calls: list[KeptCall] = wire.decode(failure.calls, list[KeptCall])
    ranks = {call.world.size for call in calls if call.world is not None}
    if rank is not None and not all(rank < size for size in ranks or {0}):
        has = f"has ranks 0 to {min(ranks) - 1}" if ranks else "runs in one process"
        raise UsageError(f"--rank {rank}: this input {has}")
    # Absolute names, so that a debugger finds the lines.
    files = {str(path): path.read_bytes() for path in folder.glob("*.py")}
    entry = str(folder / lab.entry)
    sys.path.insert(0, str(folder))
    submission = Submission(
        wire.Load(files, lab.entry, lab.driver.read_bytes(), lab.facts.forbid), on_disk=True
    )
    failed = submission.load()
    if failed is not None:
        out.print(f"{entry}.py does not import: {failed.fault.type}: {failed.fault.message}")
        for frame in failed.fault.frames:
            out.print(f"    {os.path.basename(frame.file)}:{frame.line}  {frame.text}")
        return False
    shown: list[str] = []  # what the last call gave, of each rank
    for asked in calls:
        if asked.world is not None:
            run = _Again(lab, folder, asked, submission, out)
            values = run.with_rank(rank, debug=debug) if rank is not None else run.every_rank()
            if values is None:
                return False
            shown = [clean(describe(value)) for value in values]
            for number, text in enumerate(shown):
                out.print(f"{f'Rank {number}':<14} {text}")
            continue
        call = wire.Call(0, asked.method, asked.args)
        try:
            # Through the wire, so that it reads as it did when it was graded.
            reply = wire.Returned(0, plain(_run(submission, call, debug=debug)))
            shown = [clean(describe(wire.decode(wire.encode(reply), wire.Returned).value))]
            out.print(f"Your value     {shown[0]}")
        except NotData as error:
            out.print(f"Your value     {error}, which is not plain data")
            return False
        # The student-code boundary: show their traceback, without our frames.
        except (Exception, SystemExit) as error:
            _show_traceback(error, files, out)
            return False
    if evidence is None or not evidence.expected:
        return True
    out.print(f"{evidence.oracle:<14} {evidence.expected}")
    return evidence.got not in shown


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
        out.print(f"World          {self.world}")

    def every_rank(self) -> list[Any] | None:
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
                return run.values
        self.out.print(failure.output, end="")
        evidence = failure.evidence and msgspec.structs.replace(failure.evidence, input="")
        self.out.print(render_evidence(failure.message, evidence), end="")
        return None

    def with_rank(self, rank: int, *, debug: bool) -> list[Any] | None:
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
            self.serve(theirs, debug=debug)
            thread.join()
            cells[rank].close()
        ended = outcome[0] if outcome else None
        if isinstance(ended, Run):
            return ended.values
        self.out.print(str(ended))
        for state in getattr(ended, "states", ()):
            self.out.print(f"  {rank_state(state)}")
        return None

    def serve(self, line: socket.socket, *, debug: bool) -> None:
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
            value = plain(_run(self.submission, request, debug=debug))
            reply = wire.Returned(request.id, value)
        except NotData as error:
            reply = wire.Refused(request.id, str(error))
        except BaseException as error:  # the student-code boundary
            if not isinstance(error, Stopped):
                _show_traceback(error, self.submission.files, self.out)
            reply = wire.Raised(request.id, self.submission.fault(error))
        wire.send(line, reply)


def _run(submission: Submission, call: wire.Call, *, debug: bool) -> Any:
    if not debug:
        return submission.call(call)
    import pdb  # noqa: T100 - asked for with --pdb

    debugger = pdb.Pdb(nosigint=True, skip=["aisys_cli.*"])
    return debugger.runcall(submission.call, call)


def _show_traceback(error: BaseException, files: Container[str], out: Console) -> None:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    for frame in frames:
        out.print(f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}")
        out.print(f"    {frame.line}")
    out.print(f"{type(error).__name__}: {error}")
