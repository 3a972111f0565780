"""aisys course release"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.context import course_of, say
from aisys_cli.errors import UsageError

__all__ = ["course_release"]


class Ci(StrEnum):
    github = "github"
    gitlab = "gitlab"


class To(StrEnum):
    students = "students"
    gradescope = "gradescope"


def course_release(
    context: typer.Context,
    target: Annotated[Path, typer.Argument(help="A new folder; for gradescope a .zip file.")],
    to: Annotated[
        To, typer.Option("--to", help="gradescope: an autograder, hidden checks included.")
    ] = To.students,
    labs: Annotated[
        list[str] | None, typer.Option("--lab", help="Only this lab; repeat for more.")
    ] = None,
    ci: Annotated[Ci | None, typer.Option(help="With a workflow that runs the checks.")] = None,
    install: Annotated[
        str, typer.Option(metavar="SPEC", help="What pip installs aisys from, over there.")
    ] = "",
) -> None:
    """Write a student edition, without solutions and hidden checks.

    It is searched first, and refused if a solution or a hidden check has
    got into it.
    """
    from aisys_cli.course.load import find_lab
    from aisys_cli.course.release import autograder_archive, student_edition, write_edition
    from aisys_cli.report.writing import write_whole

    course = course_of(context)
    chosen = [find_lab(course, name) for name in labs] if labs else course.labs
    if (ci or to is To.gradescope) and not install:
        raise UsageError(
            "aisys is not on PyPI: what is to be installed over there?",
            remedy='For example: --install "git+https://HOST/PATH/aisys.git@TAG"',
        )
    if any(letter in install for letter in "\"'\\$`\n"):
        raise UsageError(f"--install {install}: no quotes, backslashes, dollars or newlines")
    if to is To.gradescope:
        if len(chosen) != 1:
            raise UsageError(
                "an autograder is for one lab: which?",
                remedy="\n".join(f"--lab {lab.id}" for lab in chosen),
            )
        (lab,) = chosen
        if not lab.has_hidden:
            raise UsageError(f"{lab.id} has no hidden checks here: is this a student edition?")
        write_whole(target, autograder_archive(course, lab, install=install))
        say(f"Wrote {target}: upload it as the autograder; {lab.max_score} points in all.")
        return
    language = context.obj.language
    files = student_edition(
        course, chosen, ci=ci.value if ci else "", install=install or "aisys", language=language
    )
    write_edition(files, target)
    say(f"Wrote {target}: {len(files)} files, {len(chosen)} labs, nothing hidden among them.")
