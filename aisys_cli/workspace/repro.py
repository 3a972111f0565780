"""`aisys lab repro`: a student's own code on the stored input, in the student's process.

No sandbox here: it is their code, on their machine, at their request, with prints shown
and a debugger allowed.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisys_cli.course.records import Lab
from aisys_cli.grader.jobs import KeptCall
from aisys_cli.report.records import clean
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.cell import NotData, Submission, plain
from aisys_cli.workspace.state import StoredFailure

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["run_again"]


def run_again(lab: Lab, folder: Path, failure: StoredFailure, out: Console, *, debug: bool) -> bool:
    """Run the stored calls and print what they give; False if that is an exception, or the
    same wrong answer as before. Whether another answer is right, `aisys lab test` says."""
    from aisys_cli.grader.compare import describe

    evidence = failure.report.checks[0].evidence
    if evidence is not None and evidence.input:
        out.print(f"Input          {evidence.input}")
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
    shown = ""
    calls: list[KeptCall] = wire.decode(failure.calls, list[KeptCall])
    for asked in calls:
        call = wire.Call(0, asked.method, asked.args)
        try:
            # Through the wire, so that it reads as it did when it was graded.
            reply = wire.Returned(0, plain(_run(submission, call, debug=debug)))
            shown = clean(describe(wire.decode(wire.encode(reply), wire.Returned).value))
            out.print(f"Your value     {shown}")
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
    return shown != evidence.got


def _run(submission: Submission, call: wire.Call, *, debug: bool) -> Any:
    if not debug:
        return submission.call(call)[0]
    import pdb  # noqa: T100 - asked for with --pdb

    debugger = pdb.Pdb(nosigint=True, skip=["aisys_cli.*"])
    value, _ = debugger.runcall(submission.call, call) or (None, [])
    return value


def _show_traceback(error: BaseException, files: dict[str, bytes], out: Console) -> None:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    for frame in frames:
        out.print(f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}")
        out.print(f"    {frame.line}")
    out.print(f"{type(error).__name__}: {error}")
