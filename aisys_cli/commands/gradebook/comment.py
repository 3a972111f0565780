"""aisys gradebook comment"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.context import course_of
from aisys_cli.commands.gradebook.options import (
    DbOption,
    IdArgument,
    OneLabOption,
    WhoOption,
    known_id,
    person,
)
from aisys_cli.errors import UsageError

__all__ = ["comment"]


def comment(
    context: typer.Context,
    id: IdArgument,
    text: Annotated[str, typer.Argument(help="What the student shall read.")],
    lab: OneLabOption,
    who: WhoOption = "",
    db: DbOption = Path("gradebook.db"),
) -> None:
    """Add a remark for a student."""
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.policy import policy_of
    from aisys_cli.course.load import find_lab
    from aisys_cli.report.records import clean
    from aisys_cli.report.standing import render_grade

    course = course_of(context)
    found = find_lab(course, lab)
    if not text.strip():
        raise UsageError("the comment is empty")
    who = person(who)
    with Gradebook.read(db) as book:
        known_id(book, id)
    with Gradebook(db) as book:
        book.comment(found.id, id, clean(text.strip()), who=who)
        grade = book.grade(found, policy_of(course, found.id), id)
        print(render_grade(grade, language=context.obj.language), end="")
