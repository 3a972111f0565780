"""aisys lab status"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_lab
from aisys_cli.commands.context import course_of, started_lab
from aisys_cli.language import phrases

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
    _ = phrases(language)
    place = _("in this folder") if folder == "." else _("in {}").format(folder)
    print(f"{found.id}{how and f' ({_(how)})'}   {place}")
    for task in found.facts.tasks:
        print("\n" + cut(f"  {_('Task {}').format(task.id)}  {task.title.in_(language)}", 80))
        for check in found.facts.checks:
            if check.task != task.id:
                continue
            verdict = state.verdicts.get(check.id, "")
            mark = MARKS.get(verdict, verdict.upper()) or "-"
            if check.visibility == "hidden":
                mark = _("hidden")
            name = fitted(f"{check.id} {check.title.in_(language)}", 48)
            print(f"    {fitted(mark, 9)} {name} {check.points:>3}")
    progress = lab_progress(found, workspace)
    later = progress.max_score - progress.public_points
    said = _("{} of {} public points; {} more when graded.")
    print("\n  " + said.format(progress.points, progress.public_points, later))
    if progress.renewed:
        newer = _("The course has version {} of this lab, you began with {}.")
        print("  " + newer.format(found.facts.version, state.version))
        kept = _("New handout and checks, your files kept:")
        print(f"  {kept} aisys lab start {found.id}")
