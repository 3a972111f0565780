"""aisys lab hint"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.completion import complete_task
from aisys_cli.commands.context import course_of, started_lab
from aisys_cli.errors import NothingToDo, UsageError

if TYPE_CHECKING:
    from aisys_cli.course.records import Lab
    from aisys_cli.workspace.state import LabState

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
    from aisys_cli.workspace.hints import read_hints

    workspace, lab, _ = started_lab(course_of(context), None)
    hints = read_hints(lab.hints(context.obj.language))
    state = workspace.labs[lab.id]
    chosen = _task(lab, state, task)
    steps = hints.get(chosen, [])
    if not steps:
        raise NothingToDo(
            f"{lab.id} has no hints for task {chosen}", remedy="The handout: aisys lab show"
        )
    seen = state.hints.get(chosen, 0)
    upto = len(steps) if everything else min(len(steps), max(1, seen + (1 if more else 0)))
    title = next(one.title for one in lab.facts.tasks if one.id == chosen)
    print(f"Task {chosen}: {title.in_(context.obj.language)}")
    for number, text in enumerate(steps[:upto], 1):
        print(f"\n({number}/{len(steps)}) {text}")
    if upto < len(steps):
        print(f"\nMore: aisys lab hint {chosen} --next")
    state.hints[chosen] = max(seen, upto)
    workspace.save()


def _task(lab: Lab, state: LabState, asked: str | None) -> str:
    """The task asked for (a check's id will do), else the first with a check not passed."""
    tasks = [task.id for task in lab.facts.tasks]
    if asked:
        wanted = asked.partition(".")[0]
        if wanted not in tasks:
            raise UsageError(f"{lab.id} has no task {asked!r}", remedy=f"Tasks: {', '.join(tasks)}")
        return wanted
    for check in lab.public():
        if state.verdicts.get(check.id) != "pass":
            return check.task
    return tasks[-1]
