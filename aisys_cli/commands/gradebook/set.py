"""aisys gradebook set"""

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

__all__ = ["set_score"]


def set_score(
    context: typer.Context,
    id: IdArgument,
    lab: OneLabOption,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason; it is kept.")],
    score: Annotated[int | None, typer.Option(help="The score that counts from now on.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take back the score set before.")] = False,
    who: WhoOption = "",
    db: DbOption = Path("gradebook.db"),
) -> None:
    """Set a student's score, whatever is graded before or after.

    Nothing is lost: what was graded, and what was set before, stay in the gradebook.
    """
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.policy import policy_of
    from aisys_cli.course.load import find_lab
    from aisys_cli.report.records import clean
    from aisys_cli.report.standing import render_grade

    course = course_of(context)
    found = find_lab(course, lab)
    if (score is None) != clear:
        raise UsageError("give either --score N or --clear")
    if score is not None and not 0 <= score <= found.max_score:
        raise UsageError(f"--score {score}: {found.id} has 0 to {found.max_score} points")
    if not why.strip():
        raise UsageError("--why is empty: say the reason in a few words")
    who = person(who)
    policy = policy_of(course, found.id)
    with Gradebook.read(db) as book:
        known_id(book, id)
        if clear and book.grade(found, policy, id).override is None:
            raise UsageError(f"no score of {id} is set in {found.id}")
    with Gradebook(db) as book:
        book.override(found.id, id, score, who=who, why=clean(why.strip()))
        print(render_grade(book.grade(found, policy, id), language=context.obj.language), end="")
