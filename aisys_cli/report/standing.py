"""Where students stand, as people read it in 80 columns. Pure: grades in, text out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells

from aisys_cli.language import phrases
from aisys_cli.report.columns import aligned, cut, fitted
from aisys_cli.report.grades import Attempt, Grade

__all__ = ["render_class", "render_grade", "render_lab"]

_WIDTH = 80


def render_lab(grades: Sequence[Grade], *, language: str = "en") -> str:
    """A line for each student on one lab: score, which attempt, its verdict, days late."""
    _ = phrases(language)
    room = _name_room(grades, 30, language)
    heads = f"{fitted(_('attempt'), 8)}  {fitted(_('verdict'), 9)}  {aligned(_('late'), 4)}"
    lines = [
        f"  {fitted(_('student'), room)}  {aligned(_('score'), 8)}  {heads}  {_('remarks')}",
    ]
    for grade in grades:
        start = f"  {fitted(_name(grade), room)}  {_score(grade):>8}  {_row(grade, language)}  "
        lines.append(start.rstrip() + _end(_remarks(grade, language), _WIDTH - cell_len(start)))
    lines.append(_summary(grades, language))
    return "\n".join(lines) + "\n"


def _row(grade: Grade, language: str) -> str:
    _ = phrases(language)
    attempt = grade.attempt
    if attempt is None:
        return f"{'-':<8}  {fitted(_('missing'), 9)}  {'':<4}"
    which = fitted(_("{} of {}").format(attempt.number, len(grade.attempts)), 8)
    late = _("over") if attempt.too_late else f"{attempt.late_days}d" if attempt.late_days else ""
    return f"{which}  {attempt.report.verdict:<9}  {aligned(late, 4)}"


def _end(text: str, room: int) -> str:
    return f"  {cut(text, room)}" if text else ""


def _remarks(grade: Grade, language: str) -> str:
    _ = phrases(language)
    parts = []
    if grade.override is not None:
        parts.append(_("set"))
    if grade.pending:
        parts.append(f"infra: {' '.join(map(str, grade.pending))}")
    if grade.comments[1:]:
        parts.append(_("{} comments").format(len(grade.comments)))
    elif grade.comments:
        parts.append(_("1 comment"))
    return ", ".join(parts)


def _summary(grades: Sequence[Grade], language: str) -> str:
    _ = phrases(language)
    scored = [grade for grade in grades if grade.score is not None]
    missing = sum(not grade.attempts and grade.score is None for grade in grades)
    words = [_("{} with a score").format(len(scored))]
    if missing:
        words.append(_("{} handed in nothing").format(missing))
    infra = len(grades) - len(scored) - missing
    if infra:
        words.append(_("{} could not be graded (infra)").format(infra))
    return f"  {_('{} students: {}').format(len(grades), ', '.join(words))}"


def render_class(grades: Sequence[Sequence[Grade]], *, language: str = "en") -> str:
    """A line for each student, a column for each lab. One sequence for each lab."""
    _ = phrases(language)
    labs = [of_lab[0].lab for of_lab in grades if of_lab]
    by_student: dict[str, dict[str, Grade]] = {}
    for of_lab in grades:
        for grade in of_lab:
            by_student.setdefault(grade.submission, {})[grade.lab] = grade
    every = [next(iter(found.values())) for _, found in sorted(by_student.items())]
    room = _name_room(every, max(_WIDTH - 10 - 6 * len(labs), 8), language)
    heads = "".join(f"{f'[{n}]':>6}" for n in range(1, len(labs) + 1))
    lines = [f"  {fitted(_('student'), room)}{heads}{aligned(_('total'), 8)}"]
    for one in every:
        found = by_student[one.submission]
        cells = "".join(f"{_short(found.get(lab)):>6}" for lab in labs)
        total = sum(grade.score or 0 for grade in found.values())
        lines.append(f"  {fitted(_name(one), room)}{cells}{total:>8}")
    lines.append("")
    for number, lab in enumerate(labs, 1):
        best = next(grade.max_score for of_lab in grades for grade in of_lab if grade.lab == lab)
        lines.append(f"  [{number}] " + _("{}, of {}").format(lab, best))
    marks = (("-", _("missing")), ("?", _("could not be graded (infra)")))
    legend = [f"{mark}  {words}" for mark, words in (*marks, ("*", _("set by a person")))]
    lines.append("  " + "    ".join(legend))
    return "\n".join(lines) + "\n"


def _short(grade: Grade | None) -> str:
    if grade is None or (grade.score is None and not grade.attempts):
        return "-"
    mark = "*" if grade.override else "?" if grade.pending else ""
    return f"{'' if grade.score is None else grade.score}{mark}"


def render_grade(grade: Grade, *, language: str = "en") -> str:
    """All there is on one student and lab but the reports."""
    _ = phrases(language)
    lines = [f"{grade.lab}  {_score(grade)}  {_why(grade, language)}".rstrip()]
    for one in grade.attempts:
        mark = ">" if one.number == grade.counts else " "
        lines.append(f"  {mark} {_attempt(one, language)}".rstrip())
    for number, override in enumerate(reversed(grade.overrides)):
        score = _("set {}").format(override.score)
        did = _("took that back") if override.withdrawn else score
        past = "" if number == 0 else _("earlier: ")
        lines += _told(f"{past}{override.who} {did}, {_day(override.when)}: {override.why}")
    for comment in grade.comments:
        lines += _told(f"{comment.who}, {_day(comment.when)}: {comment.text}")
    return "\n".join(lines) + "\n"


def _why(grade: Grade, language: str) -> str:
    _ = phrases(language)
    if grade.override is not None:
        return _("set by a person")
    if grade.attempt is None:
        return _("handed in nothing")
    said = _("attempt {} counts").format(grade.counts)
    if grade.pending:
        which = ", ".join(map(str, grade.pending))
        said += _("; infra, may change it: {}").format(which)
    return said


def _attempt(one: Attempt, language: str) -> str:
    _ = phrases(language)
    report = one.report
    graded = "-" if report.score is None else str(report.score)
    line = f"{one.number}  {report.verdict:<9} {graded:>4}/{report.max_score:<4}"
    when = fitted(_day(one.submitted_at) or _("time unknown"), 16)
    line += f" {when}  {report.submission_digest[:8]:<8}"
    if one.too_late:
        line += "  " + _("after the cut-off")
    elif one.late_days:
        line += "  " + _("{}d late: -{}% = {}").format(one.late_days, one.penalty, one.score)
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


def _name_room(grades: Sequence[Grade], most: int, language: str) -> int:
    head = phrases(language)("student")
    return min(most, max([cell_len(head), *(cell_len(_name(one)) for one in grades)]))
