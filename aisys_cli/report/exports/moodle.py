"""Grades for Moodle's import of a CSV file: `to_moodle`.

Moodle ends the whole import at a user it does not know, and clears the feedback of a grade that
comes without any, so there is only who has a grade or a comment, and both columns always.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence

import msgspec

from aisys_cli.course.records import Lab, Text
from aisys_cli.report.exports.csv import defused
from aisys_cli.report.grades import Grade

__all__ = ["Moodle", "to_moodle"]


class Moodle(msgspec.Struct, frozen=True):
    """The file, and the ids that could not be put into it."""

    text: str
    left_out: tuple[str, ...]


def to_moodle(
    labs: Sequence[Lab],
    grades: Iterable[Grade],
    *,
    roster: Collection[str] = (),
    language: str = "en",
) -> Moodle:
    """`ID number` is the id of the submission; two columns for each lab follow, its score and
    feedback. Who is not on the roster, if there is one, is left out."""
    by_student: dict[str, dict[str, tuple[str, str]]] = {}
    emails = {}
    for grade in grades:
        if grade.score is not None or grade.comments:
            cells = by_student.setdefault(grade.submission, {})
            cells[grade.lab] = _cells(grade, language)
            emails[grade.submission] = grade.email
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    titles = [lab.facts.title.in_(language) for lab in labs]
    columns = [name for title in titles for name in (title, f"{title} (feedback)")]
    writer.writerow(["ID number", "Email address", *columns])
    left_out = []
    for id in sorted(by_student):
        email = emails[id]
        # An id that a spreadsheet takes for a formula can be neither written nor changed.
        if (roster and id not in roster) or defused(id) != id or defused(email) != email:
            left_out.append(id)
            continue
        cells = by_student[id]
        pairs = (cells.get(lab.id, ("", "")) for lab in labs)
        writer.writerow([id, email, *(cell for pair in pairs for cell in pair)])
    return Moodle(file.getvalue(), tuple(left_out))


def _cells(grade: Grade, language: str) -> tuple[str, str]:
    score = "" if grade.score is None else str(grade.score)
    return score, defused(_feedback(grade, language))


def _feedback(grade: Grade, language: str) -> str:
    """Without a word that a submission wrote: Moodle shows this to others as HTML."""
    parts = []
    attempt = grade.attempt
    if attempt is not None:
        ids = [check.id for check in attempt.report.checks if check.verdict != "pass"]
        if ids:
            parts.append(_WORDS["checks"].in_(language) + " ".join(ids) + ".")
        if attempt.penalty and grade.override is None:
            late = _WORDS["late"].in_(language)
            parts.append(late.format(days=attempt.late_days, percent=attempt.penalty))
    if grade.override is not None:
        parts.append(_WORDS["set"].in_(language))
    parts += [comment.text for comment in grade.comments]
    return " ".join(parts)


_WORDS = {
    "checks": Text(en="Not passed: ", zh="未通过: "),
    "late": Text(en="Days late: {days} ({percent}% less).", zh="迟交 {days} 天 (扣 {percent}%)."),
    "set": Text(en="The score was set by a person.", zh="分数由教师评定."),
}
