"""aisys lab repro"""

from __future__ import annotations

from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_failed
from aisys_cli.commands.context import choose_checks, console, course_of, started_lab
from aisys_cli.errors import ExitCode, NothingToDo
from aisys_cli.language import N_

__all__ = ["repro"]


def repro(
    context: typer.Context,
    check: Annotated[
        str,
        typer.Argument(
            help="Id of a check that did not pass, such as 1.3.", autocompletion=complete_failed
        ),
    ],
    rank: Annotated[
        int | None,
        typer.Option(min=0, help="Of a parallel lab: run this rank here, the others beside it."),
    ] = None,
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
        last = N_(f"its last verdict is {verdict}") if verdict else N_("it was not run yet")
        raise NothingToDo(
            f"no failing input of check {check} is stored: {last}",
            remedy=f"Run it: aisys lab test {check}",
        )
    folder = workspace.folder(lab.id)
    ok = run_again(lab, folder, failure, console(), debug=pdb, rank=rank)
    return ExitCode.OK if ok else ExitCode.NOT_PASSED
