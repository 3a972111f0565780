"""aisys lab watch"""

from __future__ import annotations

from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_lab
from aisys_cli.commands.context import course_of, named, say, started_lab
from aisys_cli.errors import UsageError

__all__ = ["watch"]


def watch(
    context: typer.Context,
    lab: Annotated[
        str | None,
        typer.Argument(metavar="[LAB]", help="Default: the one here.", autocompletion=complete_lab),
    ] = None,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look now and then: for disks without file events.")
    ] = False,
    clear: Annotated[
        bool, typer.Option("--clear/--no-clear", help="A screen of its own, or line after line.")
    ] = True,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="How long after the save everything came.")
    ] = False,
) -> None:
    """Test whenever you save; the check that failed last first."""
    from aisys_cli.bulk.run import check_system
    from aisys_cli.watch.loop import Watch
    from aisys_cli.watch.terminal import Terminal
    from aisys_cli.watch.view import KEYS, failing

    check_system()
    course = course_of(context)
    workspace, found, how = started_lab(course, lab)
    folder = workspace.folder(found.id)
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is gone",
            remedy=f"Put it back, or start again: aisys lab start {found.id}",
        )
    terminal = Terminal(clear=clear)
    if not terminal.calm:
        say(f"Watching {named(found, how)} in {folder}")
        if terminal.has_keys:
            say(f"Keys: {KEYS}")
        else:
            say("Ctrl-C ends it; no terminal, no keys.")
    watching = Watch(
        course,
        workspace.root,
        found,
        terminal,
        language=context.obj.language,
        poll=poll,
        verbose=verbose,
    )
    with terminal:
        watching.run()
    scene = watching.scene
    left = failing(scene)
    if left:
        say(f"{scene.lab.id}: not passed: {', '.join(left)}")
    elif len(scene.results) == len(scene.lab.public()):
        say(f"{scene.lab.id}: nothing fails")
    say("Go on: aisys lab watch")
