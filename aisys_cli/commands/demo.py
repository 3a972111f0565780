"""aisys demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.context import console, course_of, say, tell
from aisys_cli.commands.grade_all import run_bulk
from aisys_cli.errors import ExitCode

__all__ = ["demo"]

LAB = "forward-diff"


def demo(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Option("--dir", help="Where the submissions and reports go.")
    ] = Path("aisys-demo"),
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes at work.")] = 2,
) -> ExitCode:
    """Grade bundled submissions: the whole way in one command.

    Right ones, wrong ones, a crash, an endless loop, a syntax error, an empty file.
    """
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.intake import find_submissions
    from aisys_cli.course.demo import explained, write_submissions
    from aisys_cli.course.load import find_lab
    from aisys_cli.report.formats import FORMATS
    from aisys_cli.report.table import render_table
    from aisys_cli.report.text import render_failure
    from aisys_cli.report.writing import write_whole

    lab = find_lab(course_of(context), LAB)
    submissions = folder / "submissions"
    count = write_submissions(lab, submissions)
    say(f"Grading {count} submissions of {lab.id} from {submissions}, {jobs} at a time", end="\n\n")
    with Gradebook(folder / "gradebook.db") as book:
        handed = find_submissions(submissions)
        reports = run_bulk(lab, handed, book, jobs=jobs, seed=1, isolation="auto")
    out = console()
    out.print()
    out.print(render_table(reports, language=context.obj.language), end="")
    shown = explained(reports)
    if shown is not None:
        report, check = shown
        print()
        tell(f"One of them explained: {report.submission}", end="\n\n")
        out.print(render_failure(check, language=context.obj.language), end="")
    print()
    tell("Reports")
    for name, file in (("json", "reports.json"), ("junit", "reports.xml"), ("text", "reports.txt")):
        write_whole(folder / file, FORMATS[name](reports))
        out.print(f"  {folder / file}")
    tell(f"  {folder / 'gradebook.db'}    run the command again: nothing is graded twice")
    print()
    tell("Next: aisys lab start forward-diff")
    return ExitCode.OK
