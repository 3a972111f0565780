"""aisys lab hint"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.completion import complete_task
from aisys_cli.commands.context import course_of, started_lab
from aisys_cli.errors import NothingToDo, UsageError
from aisys_cli.language import phrases

if TYPE_CHECKING:
    from aisys_cli.course.records import Lab

__all__ = ["hint"]


def hint(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="[TASK]",
            help="Default: the first unfinished one.",
            autocompletion=complete_task,
        ),
    ] = None,
    more: Annotated[bool, typer.Option("--next", help="One step more.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every step.")] = False,
) -> None:
    """Hints for a task, from where to look to nearly the code."""
    from aisys_cli.workspace.hints import reveal, unfinished_task

    workspace, lab, _ = started_lab(course_of(context), None)
    language = context.obj.language
    _ = phrases(language)
    chosen = _asked(lab, task) if task else unfinished_task(lab, workspace)
    steps, total = reveal(
        lab, workspace, chosen, language=language, more=more, everything=everything
    )
    if not steps:
        raise NothingToDo(
            f"{lab.id} has no hints for task {chosen}", remedy="The handout: aisys lab show"
        )
    title = next(one.title for one in lab.facts.tasks if one.id == chosen)
    print(_("Task {}: {}").format(chosen, title.in_(language)))
    for number, text in enumerate(steps, 1):
        print(f"\n({number}/{total}) {text}")
    if len(steps) < total:
        print(f"\n{_('More:')} aisys lab hint {chosen} --next")


def _asked(lab: Lab, asked: str) -> str:
    """The task asked for; a check's id will do."""
    tasks = [task.id for task in lab.facts.tasks]
    wanted = asked.partition(".")[0]
    if wanted not in tasks:
        raise UsageError(f"{lab.id} has no task {asked!r}", remedy=f"Tasks: {', '.join(tasks)}")
    return wanted
