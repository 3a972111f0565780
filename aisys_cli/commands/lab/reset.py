"""aisys lab reset"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_task
from aisys_cli.commands.context import course_of, started_lab, tell
from aisys_cli.errors import UsageError
from aisys_cli.language import N_, reader, translate

__all__ = ["reset"]


def reset(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Argument(metavar="[TASK]", help="Default: all.", autocompletion=complete_task),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put the starter's text back; yours stays as .bak."""
    from aisys_cli.workspace import files

    workspace, lab, _ = started_lab(course_of(context), None)
    folder = workspace.folder(lab.id)
    if task and task not in [one.id for one in lab.facts.tasks]:
        known = ", ".join(one.id for one in lab.facts.tasks)
        raise UsageError(f"{lab.id} has no task {task!r}", remedy=f"Tasks: {known}")
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("reset asks first, and there is no terminal", remedy="Add --yes")
        what = N_(f"task {task} of {lab.id}") if task else lab.id
        if not typer.confirm(translate(f"Put back the starter's text for {what}?", reader.get())):
            tell("Nothing was changed.")
            return
    if task:
        names, backup = files.reset_task(lab, folder, task)
        if backup is None:
            tell(f"Nothing to put back: {', '.join(names)} are the starter's text already")
        else:
            tell(f"Put back {', '.join(names)}; your text is in {backup}")
        return
    backups = files.reset(lab, folder)
    if not backups:
        tell(f"Nothing to put back: {', '.join(lab.facts.files)} is the starter's text already")
    for backup in backups:
        tell(f"Put back {backup.name.removesuffix('.bak')}; your text is in {backup}")
