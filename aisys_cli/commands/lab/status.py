"""aisys lab status"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from aisys_cli.commands.context import course_of, started_lab

__all__ = ["status"]


def status(
    context: typer.Context,
    lab: Annotated[
        str | None, typer.Argument(metavar="[LAB]", help="Default: the one here.")
    ] = None,
) -> None:
    """Where you are in a lab: each check's last verdict."""
    from aisys_cli.report.text import MARKS

    workspace, found, how = started_lab(course_of(context), lab)
    state = workspace.labs[found.id]
    language = context.obj.language
    folder = os.path.relpath(workspace.folder(found.id))
    print(f"{found.id}{how and f' ({how})'}   in {'this folder' if folder == '.' else folder}")
    points = 0
    for task in found.facts.tasks:
        print("\n" + _fitted(f"  Task {task.id}  {task.title.in_(language)}", 80).rstrip())
        for check in found.facts.checks:
            if check.task != task.id:
                continue
            verdict = state.verdicts.get(check.id, "")
            points += check.points if verdict == "pass" else 0
            mark = MARKS.get(verdict, verdict.upper()) or "-"
            if check.visibility == "hidden":
                mark = "hidden"
            name = _fitted(f"{check.id} {check.title.in_(language)}", 48)
            print(f"    {mark:<9} {name} {check.points:>3}")
    total = sum(check.points for check in found.public())
    print(f"\n  {points} of {total} public points; {found.max_score - total} more when graded.")


def _fitted(text: str, cells: int) -> str:
    """Exactly that many cells, with two dots where something is left out."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > cells:
        text = set_cell_size(text, cells - 2) + ".."
    return set_cell_size(text, cells)
