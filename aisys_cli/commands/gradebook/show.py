"""aisys gradebook show"""

from __future__ import annotations

from pathlib import Path

import typer

from aisys_cli.commands.context import Format, FormatOption, course_of, say
from aisys_cli.commands.gradebook.options import DbOption, LabOption, labs_of, with_doubts
from aisys_cli.language import translate

__all__ = ["show"]


def show(
    context: typer.Context,
    lab: LabOption = None,
    db: DbOption = Path("gradebook.db"),
    format: FormatOption = Format.text,
) -> None:
    """Where every student stands.

    With --lab: which attempt counts, late days, what a person set. Does not disturb a run.
    """
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.policy import in_words, policy_of
    from aisys_cli.report.exports.grades_json import to_json
    from aisys_cli.report.grades import brief
    from aisys_cli.report.standing import render_class, render_lab

    course, language = course_of(context), context.obj.language
    with Gradebook.read(db) as book:
        labs = labs_of(course, book, lab)
        grades = []
        for one in labs:
            policy = policy_of(course, one.id)
            each = with_doubts(book.each_grade(one, policy), one, policy)
            grades.append([brief(grade) for grade in each])
            old = sum(n for version, n in book.versions(one.id).items() if version != one.version)
            if old:
                say(f"{one.id}: {old} graded with another version of the lab than {one.version}")
    if format is Format.json:
        print(to_json(grade for of_lab in grades for grade in of_lab).decode(), end="")
    elif lab:
        print(f"{labs[0].id}: {translate(in_words(policy), language)}\n")
        print(render_lab(grades[0], language=language), end="")
    else:
        print(render_class(grades, language=language), end="")
