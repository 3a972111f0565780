"""aisys grade-all"""

from __future__ import annotations

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
    course_of,
    say,
    write_reports,
)
from aisys_cli.errors import ExitCode

if TYPE_CHECKING:
    from aisys_cli.course.records import Lab
    from aisys_cli.report.records import Report

__all__ = ["grade_all", "run_bulk"]


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
    db: Annotated[Path, typer.Option(help="The gradebook to write.")] = Path("gradebook.db"),
    report: ReportOption = None,
    format: FormatOption = Format.text,
) -> ExitCode:
    """Grade a folder of submissions into a gradebook.

    Run again, it goes on where it was stopped.
    """
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.intake import find_submissions
    from aisys_cli.course.load import find_lab
    from aisys_cli.report.files import to_json
    from aisys_cli.report.hosts.github import no_commands
    from aisys_cli.report.table import render_table

    check_report_options(report)
    found = find_lab(course_of(context), lab)
    find_submissions(submissions)  # a mistyped folder must not leave a gradebook behind
    with Gradebook(db) as book:
        reports = run_bulk(
            found,
            submissions,
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
            console().print(render_table(reports), end="")
    write_reports(report, reports)
    infra = sum(one.verdict == "infra" for one in reports)
    say(f"Wrote {db}")
    if infra:
        where = "" if db == Path("gradebook.db") else f" --db {db}"
        say(f"{infra} of {len(reports)} could not be graded (infra). Try them again:")
        say(f"  aisys grade-all {submissions} --lab {found.id}{where} --regrade infra")
    return ExitCode.OK


def run_bulk(
    lab: Lab,
    folder: Path,
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
    """Grade a folder with progress on stderr; the newest report of each submission."""
    import time

    from aisys_cli.bulk import run
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.intake import find_submissions
    from aisys_cli.bulk.progress import Progress

    assert isinstance(book, Gradebook)
    found = find_submissions(folder)
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
    wanted = {id for id, _ in found}
    return [one for one in book.latest(lab.id) if one.submission in wanted]
