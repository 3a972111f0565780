"""aisys course new-lab"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.context import tell
from aisys_cli.errors import UsageError

__all__ = ["new_lab"]


def new_lab(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="Of the new lab: small letters, digits, hyphens.")],
) -> None:
    """Begin a lab: a small one that is whole, to be changed into yours.

    In the course named by --course, which is made if it is not there.
    """
    from aisys_cli.course.new_lab import new_lab as make

    named = context.obj.course or os.environ.get("AISYS_COURSE")
    root = Path(named) if named else Path.cwd()
    if not named and not (root / "course.toml").exists():
        raise UsageError(
            "a new lab of which course?",
            remedy=f"Name its folder, new or not: aisys --course DIR course new-lab {id}",
        )
    for folder in make(root, id):
        tell(f"Made {folder}")
    at = "" if not named else f" --course {named}"
    print()
    tell("Next, one after another:")
    tell(f"  aisys{at} course check {id}       all is right: what you change, check again")
    tell(f"  aisys{at} lab show {id}           what a student reads")
    tell("  docs/how-to/write-a-lab.md       from here to a lab of your own")
