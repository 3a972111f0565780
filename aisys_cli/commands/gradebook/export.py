"""aisys gradebook export"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.context import course_of, print_list, say
from aisys_cli.commands.gradebook.options import DbOption, LabOption, labs_of, with_doubts
from aisys_cli.errors import UsageError
from aisys_cli.language import N_

if TYPE_CHECKING:
    from aisys_cli.bulk.book_reader import GradebookReader
    from aisys_cli.course.records import Course, Lab
    from aisys_cli.report.grades import Grade

__all__ = ["export"]


class Target(StrEnum):
    csv = "csv"
    canvas = "canvas"
    moodle = "moodle"
    json = "json"
    html = "html"


def export(
    context: typer.Context,
    to: Annotated[Target, typer.Option("--to", help="The format.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write; else stdout.")
    ] = None,
    lab: LabOption = None,
    template: Annotated[
        Path | None, typer.Option(help="canvas: the gradebook that Canvas exported.")
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="TEXT", help="canvas: the column's title, or its number.")
    ] = "",
    db: DbOption = Path("gradebook.db"),
) -> None:
    """Write the grades in the format of another program.

    json has every attempt with its report. html is a page of the class, with
    what goes wrong most often, and of everybody in it. canvas fills one column of
    the file that Canvas exported and changes nothing else.
    """
    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.report.writing import write_whole

    course = course_of(context)
    if (template is None) == (to is Target.canvas):
        how = "aisys gradebook export --to canvas --template CANVAS.csv --lab LAB -o NEW.csv"
        if template is None:
            raise UsageError(f"--to {to.value} needs --template FILE", remedy=how)
        raise UsageError(f"--to {to.value} takes no --template FILE", remedy=how)
    with Gradebook.read(db) as book:
        labs = labs_of(course, book, lab)
        if template is not None:
            data = _canvas(course, book, labs, template, column)
        else:
            data = _rendered(to, course, book, labs, context.obj.language)
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(output, data)
        say(f"Wrote {output}")


def _each(course: Course, book: GradebookReader, labs: list[Lab]) -> Iterator[Grade]:
    from aisys_cli.bulk.policy import policy_of

    for lab in labs:
        policy = policy_of(course, lab.id)
        yield from with_doubts(book.each_grade(lab, policy), lab, policy)


def _rendered(
    to: Target, course: Course, book: GradebookReader, labs: list[Lab], language: str
) -> bytes:
    grades = _each(course, book, labs)
    if to is Target.csv:
        from aisys_cli.report.exports.csv import to_csv

        return to_csv(grades).encode()
    if to is Target.html:
        return _html(course, book, labs, language)
    if to is Target.json:
        from aisys_cli.report.exports.grades_json import to_json

        return to_json(grades, reports=True)
    return _moodle(book, labs, grades, language).encode()


def _html(course: Course, book: GradebookReader, labs: list[Lab], language: str) -> bytes:
    """The class with everybody's failures and the lines they are about."""
    from aisys_cli.report.html import class_html
    from aisys_cli.report.html.model import lab_page, student

    pages = []
    for number, lab in enumerate(labs, 1):
        students = []
        for place, grade in enumerate(_each(course, book, [lab])):
            report = grade.report
            sources = book.sources(report.submission_digest) if report else {}
            students.append(
                student(
                    grade.submission,
                    report,
                    anchor=f"l{number}-s{place}",
                    language=language,
                    name=grade.name,
                    score=grade.score,
                    max_score=grade.max_score,
                    sources=sources,
                    said=_said(grade),
                )
            )
        title = lab.facts.title.in_(language)
        pages.append(lab_page(lab.id, title, lab.max_score, students, anchor=f"l{number}"))
    title = course.facts.title.in_(language)
    return "".join(class_html(title, pages, language=language)).encode()


def _said(grade: Grade) -> tuple[str, ...]:
    """What people decided and remarked."""
    said = [f"{one.who}: {one.text}" for one in grade.comments]
    if grade.override:
        said.insert(0, f"{grade.override.who}: {grade.override.score}, {grade.override.why}")
    return tuple(said)


def _moodle(book: GradebookReader, labs: list[Lab], grades: Iterator[Grade], language: str) -> str:
    from aisys_cli.report.exports.moodle import to_moodle

    roster = {one.id for one in book.roster()}
    made = to_moodle(labs, grades, roster=roster, language=language)
    if made.left_out:
        say("Left out, for not on the roster or with an id that no file should have:")
        print_list(made.left_out)
    if any(lab.max_score > 100 for lab in labs):
        say("Moodle ends the import at a grade over 100, unless its site allows more.")
    if not roster:
        say("There is no roster: one id that Moodle does not know ends the whole import.")
    return made.text


def _canvas(
    course: Course, book: GradebookReader, labs: list[Lab], template: Path, column: str
) -> bytes:
    from aisys_cli.report.exports.canvas import fill

    if len(labs) > 1:
        raise UsageError(
            "--to canvas fills one column: for which lab?",
            remedy="\n".join(f"--lab {lab.id}" for lab in labs),
        )
    (lab,) = labs
    try:
        data = template.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the template {template}: {error.strerror}") from None
    filled = fill(
        data,
        _each(course, book, labs),
        names=(lab.id, lab.facts.title.en, lab.facts.title.zh),
        max_score=lab.max_score,
        column=column,
    )
    say(f"{filled.written} scores of {lab.id} in the column {filled.column}")
    for note in filled.notes:
        say(note)
    for ids, what in (
        (filled.unknown, N_(f"Not one of the students of {template}, or of more than one:")),
        (filled.excused, N_("Excused (EX) in Canvas, and left so:")),
    ):
        if ids:
            say(what)
            print_list(ids)
    return filled.data
