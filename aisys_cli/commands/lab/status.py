"""aisys lab status"""

from __future__ import annotations

from typing import Annotated

import typer

from aisys_cli.commands.context import course_of, started_lab

__all__ = ["status"]


def status(
    context: typer.Context,
    lab: Annotated[str | None, typer.Argument(metavar="[LAB]")] = None,
) -> None:
    """Where you are in a lab: each check's last verdict."""
    from aisys_cli.report.text import MARKS

    workspace, found, how = started_lab(course_of(context), lab)
    state = workspace.labs[found.id]
    language = context.obj.language
    print(f"{found.id}{how and f' ({how})'}   {workspace.folder(found.id)}")
    points = 0
    for task in found.facts.tasks:
        print(f"\n  Task {task.id}  {task.title.in_(language)}")
        for check in found.facts.checks:
            if check.task != task.id:
                continue
            verdict = state.verdicts.get(check.id, "")
            points += check.points if verdict == "pass" else 0
            mark = MARKS.get(verdict, verdict.upper()) or "-"
            if check.visibility == "hidden":
                mark = "hidden"
            print(f"    {mark:<9} {check.id} {check.title.in_(language)}  {check.points}")
    total = sum(check.points for check in found.public())
    print(f"\n  {points} of {total} public points; {found.max_score - total} more when graded.")
