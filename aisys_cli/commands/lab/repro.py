"""aisys lab repro"""

from __future__ import annotations

from typing import Annotated

import typer

from aisys_cli.commands.context import console, course_of, started_lab
from aisys_cli.errors import ExitCode, NothingToDo

__all__ = ["repro"]


def repro(
    context: typer.Context,
    check: Annotated[str, typer.Argument(help="Id of a check that did not pass, such as 1.3.")],
    pdb: Annotated[
        bool, typer.Option("--pdb", help="Stop in your code with the debugger.")
    ] = False,
) -> ExitCode:
    """Run the stored smallest failing input again in this process, prints shown."""
    from aisys_cli.workspace.repro import run_again

    workspace, lab, _ = started_lab(course_of(context), None)
    lab_check = next((one for one in lab.facts.checks if one.id == check), None)
    failure = workspace.failure(lab.id, check) if lab_check else None
    if failure is None:
        raise NothingToDo(f"no stored failure of check {check!r}", remedy="aisys lab test")
    ok = run_again(lab, workspace.folder(lab.id), failure, console(), debug=pdb)
    return ExitCode.OK if ok else ExitCode.NOT_PASSED
