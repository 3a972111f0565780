"""aisys lab repro"""

from __future__ import annotations

from typing import Annotated

import typer

from aisys_cli.commands.context import choose_checks, console, course_of, started_lab
from aisys_cli.errors import ExitCode, NothingToDo

__all__ = ["repro"]


def repro(
    context: typer.Context,
    check: Annotated[str, typer.Argument(help="Id of a check that did not pass, such as 1.3.")],
    pdb: Annotated[
        bool, typer.Option("--pdb", help="Stop in your code with the debugger.")
    ] = False,
) -> ExitCode:
    """Run the smallest failing input again, prints shown."""
    from aisys_cli.workspace.repro import run_again

    workspace, lab, _ = started_lab(course_of(context), None)
    choose_checks(lab, [check], hidden=False)
    failure = workspace.failure(lab.id, check)
    if failure is None:
        verdict = workspace.labs[lab.id].verdicts.get(check, "")
        last = f"its last verdict is {verdict}" if verdict else "it was not run yet"
        raise NothingToDo(
            f"no failing input of check {check} is stored: {last}",
            remedy=f"Run it: aisys lab test {check}",
        )
    ok = run_again(lab, workspace.folder(lab.id), failure, console(), debug=pdb)
    return ExitCode.OK if ok else ExitCode.NOT_PASSED
