"""aisys course check"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from aisys_cli.commands.completion import complete_lab
from aisys_cli.commands.context import Isolation, console, course_of, say, tell
from aisys_cli.errors import ExitCode
from aisys_cli.language import N_, translate

__all__ = ["course_check"]


def course_check(
    context: typer.Context,
    labs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAB]...", help="Default: every lab.", autocompletion=complete_lab),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds for reference and wheats.")] = 5,
    chaff_seeds: Annotated[int, typer.Option(min=1, help="Seeds for each chaff.")] = 1,
    all_checks: Annotated[
        bool, typer.Option("--all-checks", help="Chaffs meet every check, not only theirs.")
    ] = False,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Show which check rejects which chaff.")
    ] = False,
    mutants: Annotated[
        bool, typer.Option("--mutants", help="Try automatic mutants of the reference instead.")
    ] = False,
    jobs: Annotated[int, typer.Option("-j", "--jobs", min=1, help="Processes at work.")] = 2,
    isolation: Annotated[Isolation, typer.Option(help="How to confine.")] = Isolation.auto,
) -> ExitCode:
    """Is the course itself right?

    The starter passes nothing, reference and wheats pass everything, chaffs are rejected.
    """
    from aisys_cli.course.audit import audit, audit_mutants
    from aisys_cli.course.audit import matrix as matrix_lines
    from aisys_cli.course.lint import lint
    from aisys_cli.course.load import find_lab

    course = course_of(context)
    chosen = [find_lab(course, name) for name in labs] if labs else course.labs
    out = console()
    bad = []
    for lab in chosen:
        problems = lint(lab)
        tried = ""
        if not problems and mutants:
            found = audit_mutants(lab, workers=jobs, isolation=isolation, progress=_progress)
            problems = [N_(f"no check notices: {change}") for change in found.survivors]
            problems += [
                N_(f"equivalent.toml explains what is noticed: {one}") for one in found.stale
            ]
            tell(
                f"{lab.id}: {found.killed} of {found.total} mutants noticed, "
                f"{len(found.explained)} do the same: {100 * found.share:.1f}%"
            )
        elif not problems:
            result = audit(
                lab,
                seeds=seeds,
                chaff_seeds=chaff_seeds,
                workers=jobs,
                isolation=isolation,
                progress=_progress,
                chaffs_meet="blocked too" if matrix else "all" if all_checks else "theirs",
            )
            problems = result.problems
            chaffs = len(result.rejections)
            tried = N_(f"{result.graded} gradings, {chaffs} chaffs rejected as they must be")
            if matrix:
                out.print("\n".join(matrix_lines(lab, result.rejections)))
        for problem in problems:
            out.print(f"  {translate(problem, context.obj.language)}")
        said = "" if problems else "   " + translate(tried, context.obj.language)
        out.print(f"{'ok  ' if not problems else 'FAIL'}  {lab.id}{said}".rstrip())
        bad += [lab.id] if problems else []
    if bad:
        say(f"Not right: {', '.join(bad)}")
    return ExitCode.BUG if bad else ExitCode.OK


def _progress(done: int, total: int) -> None:
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        end = "\n" if done == total else ""
        print(f"\r  {done}/{total} gradings", end=end, file=sys.stderr, flush=True)
