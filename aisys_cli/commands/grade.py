"""aisys grade"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.context import (
    Format,
    FormatOption,
    Isolation,
    ReportOption,
    SeedOption,
    check_report_options,
    console,
    counted,
    course_of,
    meant_lab,
    say,
    write_reports,
)
from aisys_cli.commands.lab.test import exit_code_of
from aisys_cli.errors import CourseError, ExitCode, UsageError
from aisys_cli.language import N_

if TYPE_CHECKING:
    from aisys_cli.course.records import Course, Lab

__all__ = ["grade"]


class Details(StrEnum):
    full = "full"
    actual_only = "actual-only"
    none = "none"


def grade(
    context: typer.Context,
    submission: Annotated[Path, typer.Argument(help="A folder, a .py file or a .zip file.")],
    lab: Annotated[
        str | None, typer.Option(help="Default: the one whose file the submission has.")
    ] = None,
    isolation: Annotated[
        Isolation, typer.Option(help="auto: bwrap, or process where that is closed.")
    ] = Isolation.auto,
    details: Annotated[
        Details, typer.Option(help="What reports tell of hidden checks.")
    ] = Details.full,
    seed: SeedOption = 1,
    report: ReportOption = None,
    format: FormatOption = Format.text,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="End with 0 whatever the score.")
    ] = False,
    min_score: Annotated[
        int | None, typer.Option(help="End with 0 from this score on, else with 1.")
    ] = None,
) -> ExitCode:
    """Run public and hidden checks on one submission."""
    from aisys_cli.bulk.intake import read_submission
    from aisys_cli.bulk.run import grade_one, open_pool
    from aisys_cli.report.files import to_json
    from aisys_cli.report.hosts.github import no_commands
    from aisys_cli.report.redact import redact
    from aisys_cli.report.text import render_report

    check_report_options(report)
    if not submission.exists() and not submission.is_symlink():
        raise UsageError(
            f"{submission} does not exist", remedy="Name a folder, a .py file or a .zip file."
        )
    found = _lab_of(course_of(context), lab, submission)
    if not found.has_hidden:
        raise CourseError(
            f"{found.hidden_folder}/checks.py is not here: this copy of the course has only "
            "public checks",
            remedy="Those run with: aisys lab test",
        )
    with open_pool(found, isolation=isolation, hidden=True, many=False) as pool:
        if format is Format.text:
            count, public = len(found.facts.checks), len(found.public())
            checks = N_(f"{counted(count, 'check')}, {public} public")
            say(f"Grading {submission} as {found.id}   {checks}", end="\n\n")
        read = read_submission(submission.resolve().stem, submission, found)
        result = redact(grade_one(pool, read, seed=seed).report, details)
    if format is Format.json:
        print(to_json([result]), end="")
    else:
        with no_commands():
            console().print(render_report(result, language=context.obj.language), end="")
    folder = submission if submission.is_dir() else submission.parent
    language = context.obj.language
    write_reports(report, [result], folder=os.path.relpath(folder), language=language)
    if exit_zero and result.verdict != "infra":
        return ExitCode.OK
    if min_score is not None and result.score is not None:
        return ExitCode.OK if result.score >= min_score else ExitCode.NOT_PASSED
    return exit_code_of(result)


def _lab_of(course: Course, name: str | None, submission: Path) -> Lab:
    """The lab named, else the only one whose file the submission has, else the current."""
    if name:
        return meant_lab(course, name)[0]
    names = {submission.name}
    if submission.is_dir():
        names = {path.name for path in submission.iterdir()}
    fitting = [lab for lab in course.labs if lab.facts.files[0] in names]
    if len(fitting) == 1:
        return fitting[0]
    try:
        return meant_lab(course, None)[0]
    except UsageError:
        known = ", ".join(lab.id for lab in course.labs)
        raise UsageError(
            f"which lab is {submission}? It has no file that a lab asks for",
            remedy=f"Add --lab LAB, one of: {known}",
        ) from None
