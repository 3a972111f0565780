"""aisys lab show"""

from __future__ import annotations

import re
import sys
from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_lab_or_task
from aisys_cli.commands.context import console, course_of, meant_lab
from aisys_cli.errors import CourseError, UsageError

__all__ = ["show"]


def show(
    context: typer.Context,
    lab: Annotated[
        str | None,
        typer.Argument(
            metavar="[LAB[/TASK]]", help="Default: all of it.", autocompletion=complete_lab_or_task
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="The Markdown as it is.")] = False,
) -> None:
    """The handout, or the part of it about one task."""
    name, _, task = (lab or "").partition("/")
    found, _ = meant_lab(course_of(context), name or None)
    path = found.handout(context.obj.language)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}") from None
    if task:
        text = _section(text, task)
        if not text:
            known = ", ".join(one.id for one in found.facts.tasks)
            raise UsageError(
                f"{path.name} has no section for task {task!r}", remedy=f"Tasks: {known}"
            )
    if plain or not sys.stdout.isatty():
        print(text)
        return
    from rich.markdown import Markdown

    # Not as the console's default would: prose is wrapped at words.
    out = console()
    out.print(Markdown(text), soft_wrap=False, width=min(out.width, 80))


def _section(text: str, task: str) -> str:
    """The part under the first heading that names the task ("Task 2", "任务 2")."""
    heading = re.compile(rf"^(#+)\s.*(?:Task|任务)\s*{re.escape(task)}\b.*$", re.MULTILINE)
    match = heading.search(text)
    if match is None:
        return ""
    level = len(match.group(1))
    end = re.compile(rf"^#{{1,{level}}}\s", re.MULTILINE).search(text, match.end())
    return text[match.start() : end.start() if end else None].rstrip()
