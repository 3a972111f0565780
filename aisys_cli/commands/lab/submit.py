"""aisys lab submit"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.context import console, course_of, named, say, started_lab, tell
from aisys_cli.errors import ExitCode, UsageError

__all__ = ["submit"]


def submit(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Archive to write.")] = None,
    allow_failing: Annotated[
        bool, typer.Option("--allow-failing", help="Also when a public check does not pass.")
    ] = False,
) -> ExitCode:
    """Test, then pack your files into one archive."""
    from aisys_cli.bulk.intake import read_submission
    from aisys_cli.bulk.run import grade_one, open_pool
    from aisys_cli.report.text import render_rows, render_summary
    from aisys_cli.workspace.files import archive

    workspace, lab, how = started_lab(course_of(context), None)
    folder = workspace.folder(lab.id)
    submission = read_submission(workspace.root.name, folder, lab)
    if submission.problem:
        raise UsageError(submission.problem, remedy=f"Your files are in {folder}")
    say(f"Testing {named(lab, how)} before packing it", end="\n\n")
    with open_pool(lab, isolation="auto", hidden=False, many=False) as pool:
        done = grade_one(pool, submission, seed=1)
    workspace.record(done.report, done.calls)
    console().print(render_rows(done.report, language=context.obj.language), end="")
    console().print()
    console().print(render_summary(done.report, language=context.obj.language), end="")
    print()
    if not done.report.passed and not allow_failing:
        tell("Nothing was packed. Hand it in as it is: aisys lab submit --allow-failing")
        tell("See what failed: aisys lab test")
        return ExitCode.NOT_PASSED
    target = output or workspace.root / f"{lab.id}.zip"
    archive(submission.files, done.report, target)
    tell(f"Wrote {target} with {', '.join(sorted(submission.files))}")
    return ExitCode.OK
