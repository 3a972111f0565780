"""aisys lab test"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.completion import complete_what
from aisys_cli.commands.context import (
    Format,
    FormatOption,
    Isolation,
    ReportOption,
    SeedOption,
    check_report_options,
    choose_checks,
    console,
    counted,
    course_of,
    named,
    say,
    started_lab,
    write_reports,
)
from aisys_cli.errors import ExitCode, NothingToDo, UsageError

if TYPE_CHECKING:
    from aisys_cli.course.records import Course, Lab
    from aisys_cli.report.records import Report
    from aisys_cli.workspace.state import Workspace

__all__ = ["exit_code_of", "test"]


def test(
    context: typer.Context,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAB[/TASK]|CHECK]...",
            help="Default: every public check.",
            autocompletion=complete_what,
        ),
    ] = None,
    first: Annotated[
        bool, typer.Option("-x", "--exitfirst", help="Stop at the first failure.")
    ] = False,
    last_failed: Annotated[
        bool, typer.Option("--last-failed", help="Only checks that did not pass last time.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Explain every check that did not pass.")
    ] = False,
    seed: SeedOption = 1,
    examples: Annotated[
        int | None, typer.Option(min=1, help="Inputs a check, in place of lab.toml's.")
    ] = None,
    isolation: Annotated[Isolation, typer.Option(help="How to confine the code.")] = Isolation.auto,
    report: ReportOption = None,
    format: FormatOption = Format.text,
) -> ExitCode:
    """Run the public checks on your files."""
    from aisys_cli.bulk.intake import read_submission
    from aisys_cli.bulk.run import grade_one, open_pool
    from aisys_cli.report.files import to_json
    from aisys_cli.report.hosts.github import no_commands
    from aisys_cli.report.text import render_report

    check_report_options(report)
    workspace, lab, how, words = _meant(course_of(context), what or [])
    only = choose_checks(lab, words, hidden=False)
    if last_failed:
        only = _failed(workspace, lab, only)
    # Before the submission is read, so that the imports of the worker run beside the rest.
    with open_pool(lab, isolation=isolation, hidden=False, many=False) as pool:
        submission = read_submission(workspace.root.name, workspace.folder(lab.id), lab)
        if format is Format.text:
            count = counted(len(only) or len(lab.public()), "public check")
            say(f"Testing {named(lab, how)}   seed {seed}   {count}", end="\n\n")
        done = grade_one(
            pool, submission, seed=seed, only=only, examples=examples, exit_first=first
        )
    language = context.obj.language
    texts = workspace.record(done.report, done.calls, done.whole, language=language)
    if format is Format.json:
        print(to_json([done.report]), end="")
    else:
        text = render_report(
            done.report,
            language=language,
            details=None if everything else 3,
            student=True,
            files={id: os.path.relpath(path) for id, path in texts.items()},
        )
        with no_commands():
            console().print(text, end="")
    folder = os.path.relpath(workspace.folder(lab.id))
    write_reports(report, [done.report], folder=folder, language=language)
    return exit_code_of(done.report)


def exit_code_of(report: Report) -> ExitCode:
    """0 passed, 1 not, 3 when a check could not be graded: not the submission's fault."""
    if report.verdict != "infra":
        return ExitCode.OK if report.passed else ExitCode.NOT_PASSED
    return ExitCode.BUG


def _meant(course: Course, words: list[str]) -> tuple[Workspace, Lab, str, list[str]]:
    """The lab, and which of its tasks and checks: `2`, `1.3`, `lab`, `lab/2`, `lab 1.3`."""
    rest = list(words)
    name: str | None = None
    if rest and not rest[0][:1].isdigit():
        name, _, task = rest.pop(0).partition("/")
        rest = [task, *rest] if task else rest
    workspace, lab, how = started_lab(course, name)
    if not Path(workspace.folder(lab.id)).is_dir():
        raise UsageError(
            f"{workspace.folder(lab.id)} is gone",
            remedy=f"Put it back, or start again: aisys lab start {lab.id}",
        )
    return workspace, lab, how, rest


def _failed(workspace: Workspace, lab: Lab, only: list[str]) -> list[str]:
    verdicts = workspace.labs[lab.id].verdicts
    ids = only or [check.id for check in lab.public()]
    failed = [id for id in ids if verdicts.get(id, "") != "pass"]
    if not failed:
        raise NothingToDo(
            "every one of these checks passed last time", remedy="Run them all: aisys lab test"
        )
    return failed
