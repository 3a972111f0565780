"""What the commands on a gradebook share: options, the labs and the student that are meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.context import print_list, say
from aisys_cli.errors import NothingToDo, UsageError
from aisys_cli.language import N_, reader, translate

if TYPE_CHECKING:
    from aisys_cli.bulk.book_reader import GradebookReader
    from aisys_cli.bulk.policy import Policy
    from aisys_cli.course.records import Course, Lab
    from aisys_cli.report.grades import Grade

__all__ = [
    "DbOption",
    "IdArgument",
    "LabOption",
    "OneLabOption",
    "WhoOption",
    "known_id",
    "labs_of",
    "person",
    "with_doubts",
]

DbOption = Annotated[Path, typer.Option("--db", help="The gradebook.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The student: id of a submission.")]
LabOption = Annotated[
    str | None, typer.Option("--lab", help="Only this lab: its id, or a unique beginning.")
]
OneLabOption = Annotated[
    str, typer.Option("--lab", help="Id of the lab, or a unique beginning of it.")
]
WhoOption = Annotated[
    str, typer.Option("--who", metavar="NAME", help="Who says so; else your login name.")
]


def labs_of(course: Course, book: GradebookReader, name: str | None) -> list[Lab]:
    """The lab named, else every lab of the course that the gradebook knows of."""
    from aisys_cli.course.load import find_lab

    there = book.labs()
    if name:
        return [find_lab(course, name)]
    found = [lab for lab in course.labs if lab.id in there]
    others = [id for id in there if id not in course.facts.labs]
    if others:
        say(f"Left out, as the course has no such lab: {', '.join(others)}")
    if not found:
        raise NothingToDo(
            f"{book.path} has nothing on a lab of the course {course.facts.id}",
            remedy="aisys grade-all SUBMISSIONS --lab LAB\nAnother course: aisys --course DIR ...",
        )
    return found


def with_doubts(grades: Iterable[Grade], lab: Lab, policy: Policy) -> Iterator[Grade]:
    """The same grades; a word on stderr on those that may change."""
    from aisys_cli.bulk.policy import doubts

    found: dict[str, list[str]] = {}
    for grade in grades:
        if doubt := doubts(grade, policy):
            found.setdefault(doubt, []).append(grade.submission)
        yield grade
    for doubt, ids in found.items():
        say(f"{lab.id}, {doubt}:")
        more = [translate(f"and {len(ids) - 10} more", reader.get())] if ids[10:] else []
        print_list([", ".join(ids[:10]), *more])


def known_id(book: GradebookReader, id: str) -> str:
    """The id, if anything is known of it; UsageError with a suggestion if not."""
    known = book.submissions()
    if id in known:
        return id
    close = difflib.get_close_matches(id, known, n=1)
    hint = N_(f" Did you mean {close[0]}?") if close else ""
    raise UsageError(
        f"{book.path} knows no student {id!r}.{hint}",
        remedy="See who is there: aisys gradebook show",
    )


def person(who: str) -> str:
    """Who does it: the name given, else the login name."""
    import getpass

    from aisys_cli.report.records import clean_line

    if not who:
        try:
            who = getpass.getuser()
        except (KeyError, OSError):
            who = ""
    if not who.strip():
        raise UsageError("who are you? This system has no name for you", remedy="Say: --who NAME")
    return clean_line(who.strip())
