"""aisys gradebook student"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.context import Format, FormatOption, console, course_of, tell
from aisys_cli.commands.gradebook.options import (
    DbOption,
    IdArgument,
    LabOption,
    known_id,
    labs_of,
)
from aisys_cli.errors import UsageError

if TYPE_CHECKING:
    from aisys_cli.report.grades import Attempt, Grade

__all__ = ["student"]


def student(
    context: typer.Context,
    id: IdArgument,
    lab: LabOption = None,
    attempt: Annotated[
        int | None, typer.Option(min=1, help="With --lab: the report on this attempt.")
    ] = None,
    db: DbOption = Path("gradebook.db"),
    format: FormatOption = Format.text,
) -> None:
    """Attempts, set scores and comments of one student.

    With --lab: the report, too.
    """
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.policy import policy_of
    from aisys_cli.report.exports.grades_json import to_json
    from aisys_cli.report.standing import render_grade
    from aisys_cli.report.text import render_report

    course = course_of(context)
    if attempt and not lab:
        raise UsageError("--attempt needs --lab", remedy=f"aisys gradebook student {id} --lab LAB")
    with Gradebook.read(db) as book:
        known_id(book, id)
        grades = [
            book.grade(one, policy_of(course, one.id), id) for one in labs_of(course, book, lab)
        ]
    shown = _chosen(grades[0], attempt) if lab else None
    if format is Format.json:
        print(to_json(grades, reports=True).decode(), end="")
        return
    print(f"{id}  {grades[0].name}".rstrip() + "\n")
    language = context.obj.language
    print("\n".join(render_grade(grade, language=language) for grade in grades), end="")
    if shown is not None:
        print()
        tell(f"Attempt {shown.number}", end="\n\n")
        console().print(render_report(shown.report, language=language), end="")


def _chosen(grade: Grade, number: int | None) -> Attempt | None:
    """The attempt asked for, else the one that counts."""
    if number is None:
        return grade.attempt
    for one in grade.attempts:
        if one.number == number:
            return one
    raise UsageError(f"{grade.submission} has {len(grade.attempts)} attempts, and no {number}")
