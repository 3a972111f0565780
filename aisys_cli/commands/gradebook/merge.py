"""aisys gradebook merge"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.context import counted, say

__all__ = ["merge"]


def merge(
    out: Annotated[Path, typer.Argument(help="The gradebook to write; made if need be.")],
    shards: Annotated[list[Path], typer.Argument(metavar="SHARD...", help="Gradebooks to add.")],
) -> None:
    """Put several gradebooks into one. Twice is the same as once.

    Of several scores that were set for a student the newest counts; all are kept.
    """
    from aisys_cli.bulk.merge import merge as merge_books

    merged = merge_books(out, shards)
    new = [
        counted(merged.reports, "new report"),
        counted(merged.overrides, "new override"),
        counted(merged.comments, "new comment"),
    ]
    say(f"Wrote {out}: {', '.join(new)}, from {counted(len(shards), 'gradebook')}")
    for shard, schema in merged.older.items():
        say(f"{shard} has gradebook schema {schema}, from an older aisys; it was converted")
    for lab, versions in merged.versions.items():
        words = ", ".join(f"{version} ({count})" for version, count in versions.items())
        say(f"{lab}: graded with different versions of the lab: {words}.")
        say("  Scores of different versions do not compare; grade again with one of them.")
