"""aisys lab status"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_lab
from aisys_cli.commands.context import course_of, started_lab

__all__ = ["status"]


def status(
    context: typer.Context,
    lab: Annotated[
        str | None,
        typer.Argument(metavar="[LAB]", help="Default: the one here.", autocompletion=complete_lab),
    ] = None,
) -> None:
    """Where you are in a lab: each check's last verdict."""
    from aisys_cli.report.columns import cut, fitted
    from aisys_cli.report.text import MARKS
    from aisys_cli.workspace.progress import lab_progress

    workspace, found, how = started_lab(course_of(context), lab)
    state = workspace.labs[found.id]
    language = context.obj.language
    folder = os.path.relpath(workspace.folder(found.id))
    print(f"{found.id}{how and f' ({how})'}   in {'this folder' if folder == '.' else folder}")
    for task in found.facts.tasks:
        print("\n" + cut(f"  Task {task.id}  {task.title.in_(language)}", 80))
        for check in found.facts.checks:
            if check.task != task.id:
                continue
            verdict = state.verdicts.get(check.id, "")
            mark = MARKS.get(verdict, verdict.upper()) or "-"
            if check.visibility == "hidden":
                mark = "hidden"
            name = fitted(f"{check.id} {check.title.in_(language)}", 48)
            print(f"    {mark:<9} {name} {check.points:>3}")
    progress = lab_progress(found, workspace)
    print(
        f"\n  {progress.points} of {progress.public_points} public points; "
        f"{progress.max_score - progress.public_points} more when graded."
    )
    if progress.renewed:
        print(
            f"  The course has version {found.facts.version} of this lab, you began with "
            f"{state.version}.\n  New handout and checks, your files kept: "
            f"aisys lab start {found.id}"
        )
