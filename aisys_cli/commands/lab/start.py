"""aisys lab start"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_lab
from aisys_cli.commands.context import course_of
from aisys_cli.errors import UsageError
from aisys_cli.language import phrases

__all__ = ["start"]


def start(
    context: typer.Context,
    lab: Annotated[
        str,
        typer.Argument(
            help="Id of the lab, or a unique beginning of it.", autocompletion=complete_lab
        ),
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where; default: a folder of its name.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Put the starter over existing files (kept as .bak).")
    ] = False,
) -> None:
    """Put a lab's starter and handout into a folder.

    Its public checks too, to be read. The lab becomes the current one.
    """
    from aisys_cli.course.load import find_lab
    from aisys_cli.workspace import files
    from aisys_cli.workspace.state import Workspace, find_workspace

    found = find_lab(course_of(context), lab)
    workspace = find_workspace(Path.cwd()) or Workspace(Path.cwd())
    known = workspace.labs.get(found.id)
    target = folder or (workspace.folder(found.id) if known else Path.cwd() / found.id)
    if not target.resolve().is_relative_to(workspace.root.resolve()):
        raise UsageError(
            f"{target} is outside of the workspace {workspace.root}",
            remedy="Go there first; a workspace is the folder in which `lab start` was run.",
        )
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file; a folder is needed")
    existed = [name for name in found.facts.files if (target / name).exists()]
    names = files.start(found, target, force=force)
    workspace.start(found.id, target, found.facts.version)
    workspace.save()
    _ = phrases(context.obj.language)
    shown = _short(target)
    if existed and not force:
        kept = _("Kept your {} in {}; {} is current.")
        print(kept.format(", ".join(existed), shown, found.id))
    else:
        print(_("Started {} in {}").format(found.id, shown))
    print(_("Write your code into {}").format(f"{shown}/{names[0]}"))
    print("\n" + _("Next, one after another:"))
    print("  aisys lab show      " + _("the handout: what to do, and why"))
    print("  aisys lab watch     " + _("test whenever you save; just once: aisys lab test"))
    said = _("when you are stuck: from where to look to nearly the code")
    print(f"  aisys lab hint      {said}")


def _short(path: Path) -> Path:
    try:
        return path.resolve().relative_to(Path.cwd().resolve())
    except ValueError:
        return path
