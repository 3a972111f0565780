"""Where students stand, as people read it in 80 columns. Pure: grades in, text out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

from aisys_cli.report.grades import Attempt, Grade

__all__ = ["render_class", "render_grade", "render_lab"]

_WIDTH = 80


def render_lab(grades: Sequence[Grade]) -> str:
    """A line for each student on one lab: score, which attempt, its verdict, days late."""
    room = _name_room(grades, 30)
    lines = [f"  {_cell('student', room)}  {'score':>8}  attempt   verdict    late  remarks"]
    for grade in grades:
        start = f"  {_cell(_name(grade), room)}  {_score(grade):>8}  {_row(grade)}  "
        lines.append(start.rstrip() + _end(_remarks(grade), _WIDTH - cell_len(start)))
    lines.append(_summary(grades))
    return "\n".join(lines) + "\n"


def _row(grade: Grade) -> str:
    attempt = grade.attempt
    if attempt is None:
        return f"{'-':<8}  {'missing':<9}  {'':<4}"
    which = f"{attempt.number} of {len(grade.attempts)}"
    late = "over" if attempt.too_late else f"{attempt.late_days}d" if attempt.late_days else ""
    return f"{which:<8}  {attempt.report.verdict:<9}  {late:>4}"


def _end(text: str, room: int) -> str:
    return f"  {_cut(text, room)}" if text else ""


def _remarks(grade: Grade) -> str:
    parts = []
    if grade.override is not None:
        parts.append("set")
    if grade.pending:
        parts.append(f"infra: {' '.join(map(str, grade.pending))}")
    if grade.comments:
        parts.append(f"{len(grade.comments)} comments" if grade.comments[1:] else "1 comment")
    return ", ".join(parts)


def _summary(grades: Sequence[Grade]) -> str:
    scored = [grade for grade in grades if grade.score is not None]
    missing = sum(not grade.attempts and grade.score is None for grade in grades)
    words = [f"{len(scored)} with a score"]
    if missing:
        words.append(f"{missing} handed in nothing")
    infra = len(grades) - len(scored) - missing
    if infra:
        words.append(f"{infra} could not be graded (infra)")
    return f"  {len(grades)} students: {', '.join(words)}"


def render_class(grades: Sequence[Sequence[Grade]]) -> str:
    """A line for each student, a column for each lab. One sequence for each lab."""
    labs = [of_lab[0].lab for of_lab in grades if of_lab]
    by_student: dict[str, dict[str, Grade]] = {}
    for of_lab in grades:
        for grade in of_lab:
            by_student.setdefault(grade.submission, {})[grade.lab] = grade
    every = [next(iter(found.values())) for _, found in sorted(by_student.items())]
    room = _name_room(every, max(_WIDTH - 10 - 6 * len(labs), 8))
    heads = "".join(f"{f'[{n}]':>6}" for n in range(1, len(labs) + 1))
    lines = [f"  {_cell('student', room)}{heads}{'total':>8}"]
    for one in every:
        found = by_student[one.submission]
        cells = "".join(f"{_short(found.get(lab)):>6}" for lab in labs)
        total = sum(grade.score or 0 for grade in found.values())
        lines.append(f"  {_cell(_name(one), room)}{cells}{total:>8}")
    lines.append("")
    for number, lab in enumerate(labs, 1):
        best = next(grade.max_score for of_lab in grades for grade in of_lab if grade.lab == lab)
        lines.append(f"  [{number}] {lab}, of {best}")
    lines.append("  -  missing    ?  could not be graded (infra)    *  set by a person")
    return "\n".join(lines) + "\n"


def _short(grade: Grade | None) -> str:
    if grade is None or (grade.score is None and not grade.attempts):
        return "-"
    mark = "*" if grade.override else "?" if grade.pending else ""
    return f"{'' if grade.score is None else grade.score}{mark}"


def render_grade(grade: Grade) -> str:
    """All there is on one student and lab but the reports."""
    lines = [f"{grade.lab}  {_score(grade)}  {_why(grade)}".rstrip()]
    for one in grade.attempts:
        mark = ">" if one.number == grade.counts else " "
        lines.append(f"  {mark} {_attempt(one)}".rstrip())
    for number, override in enumerate(reversed(grade.overrides)):
        did = "took that back" if override.withdrawn else f"set {override.score}"
        past = "" if number == 0 else "earlier: "
        lines += _told(f"{past}{override.who} {did}, {_day(override.when)}: {override.why}")
    for comment in grade.comments:
        lines += _told(f"{comment.who}, {_day(comment.when)}: {comment.text}")
    return "\n".join(lines) + "\n"


def _why(grade: Grade) -> str:
    if grade.override is not None:
        return "set by a person"
    if grade.attempt is None:
        return "handed in nothing"
    said = f"attempt {grade.counts} counts"
    if grade.pending:
        which = ", ".join(map(str, grade.pending))
        said += f"; infra, may change it: {which}"
    return said


def _attempt(one: Attempt) -> str:
    report = one.report
    graded = "-" if report.score is None else str(report.score)
    line = f"{one.number}  {report.verdict:<9} {graded:>4}/{report.max_score:<4}"
    line += f" {_day(one.submitted_at) or 'time unknown':<16}  {report.submission_digest[:8]:<8}"
    if one.too_late:
        line += "  after the cut-off"
    elif one.late_days:
        line += f"  {one.late_days}d late: -{one.penalty}% = {one.score}"
    return line


def _told(text: str) -> list[str]:
    room = _WIDTH - 6
    lines = [piece for line in textwrap.wrap(text, room) for piece in chop_cells(line, room)]
    return [f"{'      ' if number else '    '}{line}" for number, line in enumerate(lines)]


def _day(when: str) -> str:
    return when[:16].replace("T", " ")


def _score(grade: Grade) -> str:
    return f"{'-' if grade.score is None else grade.score}/{grade.max_score}"


def _name(grade: Grade) -> str:
    return f"{grade.submission}  {grade.name}" if grade.name else grade.submission


def _name_room(grades: Sequence[Grade], most: int) -> int:
    return min(most, max([cell_len("student"), *(cell_len(_name(one)) for one in grades)]))


def _cell(text: str, room: int) -> str:
    return set_cell_size(_cut(text, room), room)


def _cut(text: str, room: int) -> str:
    return text if cell_len(text) <= room else set_cell_size(text, max(room - 2, 0)) + ".."
