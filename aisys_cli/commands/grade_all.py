"""aisys grade-all"""

from __future__ import annotations

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
    print_list,
    say,
    write_reports,
)
from aisys_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from aisys_cli.bulk.intake import Handed
    from aisys_cli.bulk.roster import Roster
    from aisys_cli.course.records import Lab
    from aisys_cli.report.records import Report

__all__ = ["grade_all", "run_bulk"]


class Layout(StrEnum):
    auto = "auto"
    plain = "plain"
    gradescope = "gradescope"
    canvas = "canvas"
    moodle = "moodle"


def grade_all(
    context: typer.Context,
    submissions: Annotated[Path, typer.Argument(help="A folder with a submission a student.")],
    lab: Annotated[str, typer.Option(help="Id of the lab, or a unique beginning of it.")],
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes at work.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Keep reports that still hold.")
    ] = True,
    regrade: Annotated[
        list[str] | None,
        typer.Option(metavar="infra|all|ID", help="Grade these again. Infra always is."),
    ] = None,
    isolation: Annotated[
        Isolation, typer.Option(help="auto is bwrap; process must be asked for by name.")
    ] = Isolation.auto,
    seed: SeedOption = 1,
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Grade part I of N only; see gradebook merge.")
    ] = "",
    cluster: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Grade on this dask.distributed cluster.")
    ] = "",
    roster: Annotated[
        Path | None,
        typer.Option(help="CSV of the class: id, name, email, ..."),
    ] = None,
    layout: Annotated[
        Layout, typer.Option(help="How the folder is laid out; auto finds out.")
    ] = Layout.auto,
    db: Annotated[Path, typer.Option(help="The gradebook to write.")] = Path("gradebook.db"),
    report: ReportOption = None,
    format: FormatOption = Format.text,
) -> ExitCode:
    """Grade a folder of submissions into a gradebook.

    Run again, it goes on where it was stopped.
    """
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.roster import read_roster
    from aisys_cli.course.load import find_lab
    from aisys_cli.report.files import to_json
    from aisys_cli.report.hosts.github import no_commands
    from aisys_cli.report.table import render_table

    check_report_options(report)
    found = find_lab(course_of(context), lab)
    people = read_roster(roster) if roster else None
    # Before there is a gradebook: a mistyped folder must not leave one behind.
    handed = _handed(submissions, layout, people)
    with Gradebook(db) as book:
        if people:
            book.enrol(people.people)
        reports = run_bulk(
            found,
            handed,
            book,
            jobs=jobs,
            seed=seed,
            isolation="bwrap" if isolation is Isolation.auto else isolation,
            resume=resume,
            regrade=tuple(regrade or ()),
            shard=shard,
            cluster=cluster,
        )
    if format is Format.json:
        print(to_json(reports, many=True), end="")
    else:
        with no_commands():
            console().print(render_table(reports, language=context.obj.language), end="")
    write_reports(report, reports, language=context.obj.language)
    if people:
        _say_who_is_missing(people, {one.id for one in handed})
    infra = sum(one.verdict == "infra" for one in reports)
    say(f"Wrote {db}")
    if infra:
        where = "" if db == Path("gradebook.db") else f" --db {db}"
        say(f"{infra} of {len(reports)} could not be graded (infra). Try them again:")
        say(f"  aisys grade-all {submissions} --lab {found.id}{where} --regrade infra")
    return ExitCode.OK


def _handed(folder: Path, layout: Layout, people: Roster | None) -> list[Handed]:
    from aisys_cli.bulk.intake import find_submissions
    from aisys_cli.bulk.intake.layouts import layout_of

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of submissions")
    chosen = layout_of(folder) if layout is Layout.auto else layout.value
    names = people.id_of if people else str
    handed = find_submissions(folder, layout=chosen, names=names)
    if chosen != "plain":
        say(f"{folder}: a download of {chosen.capitalize()}, {counted(len(handed), 'submission')}")
    return handed


def _say_who_is_missing(people: Roster, handed: set[str]) -> None:
    missing, strangers = people.without(handed), people.strangers(handed)
    say(f"{len(people.people) - len(missing)} of {len(people.people)} on the roster handed in.")
    if missing:
        say("Nothing from:")
        print_list(f"{one.id}  {one.name}".rstrip() for one in missing)
    if strangers:
        say("Not on the roster:")
        print_list(strangers)


def run_bulk(
    lab: Lab,
    found: list[Handed],
    book: object,
    *,
    jobs: int,
    seed: int,
    isolation: str,
    resume: bool = True,
    regrade: tuple[str, ...] = (),
    shard: str = "",
    cluster: str = "",
) -> list[Report]:
    """Grade submissions with progress on stderr; the newest report of each."""
    import time

    from aisys_cli.bulk import run
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.progress import Progress

    assert isinstance(book, Gradebook)
    if shard:
        found = run.shard(found, shard)
        say(f"Part {shard}: {len(found)} submissions")
    plan = run.plan(
        found, lab, book, seed=seed, isolation=isolation, resume=resume, regrade=regrade
    )
    if plan.kept:
        say(f"{len(plan.kept)} of {len(found)} already graded, and unchanged")
    started = time.monotonic()
    if plan.todo:
        size = min(jobs, len(plan.todo))
        hidden = lab.has_hidden
        with (
            Progress(len(plan.todo)) as progress,
            run.open_cluster(lab, cluster, isolation=isolation, hidden=hidden)
            if cluster
            else run.open_pool(lab, isolation=isolation, hidden=hidden, workers=size) as pool,
        ):
            run.grade_all(pool, lab, plan.todo, book, seed=seed, each=progress.advance)
        say(f"{len(plan.todo)} graded in {time.monotonic() - started:.1f}s")
    wanted = {one.id for one in found}
    return [one for one in book.latest(lab.id) if one.submission in wanted]
