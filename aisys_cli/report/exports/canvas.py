"""The gradebook that Canvas exported, with one column filled in: `fill`.

Canvas makes a new assignment of a column that it does not know, and matches a row by its ID, then
SIS User ID, then SIS Login ID, then name. So nothing is made here: the file that comes out is
the one that came in, byte for byte, but for the scores.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence

import msgspec

from aisys_cli.errors import UsageError
from aisys_cli.language import N_
from aisys_cli.report.grades import Grade

__all__ = ["Filled", "fill"]

_ASSIGNMENT = re.compile(r"(.*?)\s*\((\d+)\)")
# Canvas takes a column with one of these in its title for a sum of its own.
_SUMS = re.compile("(Current|Final) (Score|Points|Grade)|Override (Score|Grade|Status)")
_SKIPPED = re.compile(r"(muted|manual posting.*)?", re.IGNORECASE)
_READ_ONLY = re.compile(r"read\s+only", re.IGNORECASE)


class Filled(msgspec.Struct, frozen=True):
    """The new file; the title of the column; how many scores are in it; submissions with a
    score that are nobody's in the template; those excused there, who stay it; remarks."""

    data: bytes
    column: str
    written: int
    unknown: tuple[str, ...]
    excused: tuple[str, ...]
    notes: tuple[str, ...] = ()


class _Table:
    """A CSV file as raw cells, each with what ends it, so that it can be put together again."""

    def __init__(self, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise _wrong(f"it is not UTF-8 at byte {error.start}") from None
        self._mark = "\ufeff" if text.startswith("\ufeff") else ""
        text = text.removeprefix("\ufeff")
        delimiter = _delimiter(text)
        cell = re.compile(rf'("(?:[^"]|"")*"|[^{delimiter}\r\n]*)({delimiter}|\r\n|\r|\n|\Z)')
        self._raw: list[list[list[str]]] = [[]]
        at = 0
        while at < len(text):
            match = cell.match(text, at)
            assert match is not None  # the second form of a cell matches anywhere
            self._raw[-1].append([match[1], match[2]])
            if match[2] != delimiter:
                self._raw.append([])
            at = match.end()
        self.rows = [[_value(raw) for raw, _ in row] for row in self._raw]

    def set(self, row: int, column: int, value: str) -> None:
        self._raw[row][column][0] = value

    def data(self) -> bytes:
        cells = (part for row in self._raw for cell in row for part in cell)
        return (self._mark + "".join(cells)).encode()


def _delimiter(text: str) -> str:
    """What gives the header more cells. Canvas looks at three lines; its own have equally many."""
    head = re.split(r"[\r\n]", text, maxsplit=1)[0][:100_000]
    return max(",;", key=lambda one: len(next(csv.reader([head], delimiter=one), [])))


def _value(raw: str) -> str:
    if len(raw) > 1 and raw[0] == raw[-1] == '"':
        raw = raw[1:-1].replace('""', '"')
    return raw.strip()


def fill(
    template: bytes,
    grades: Iterable[Grade],
    *,
    names: Sequence[str],
    max_score: int,
    column: str = "",
) -> Filled:
    """Put the scores of one lab into the column named `column`, else like one of `names`."""
    table = _Table(template)
    first = _after_section(table.rows[0])
    at = _find_column(table.rows[0], first, names=names, column=column)
    title = table.rows[0][at]
    notes = _check_points(table, at, max_score)
    students = [
        number
        for number, row in enumerate(table.rows)
        if number > 0 and _is_student(row) and len(row) > at
    ]
    scored = [grade for grade in grades if grade.score is not None]
    found = _match(table.rows, students, scored)
    excused = []
    for grade in scored:
        row = found.get(grade.submission)
        if row is None:
            continue
        if table.rows[row][at].upper() == "EX":
            excused.append(grade.submission)
        else:
            table.set(row, at, str(grade.score))
    unknown = tuple(one.submission for one in scored if one.submission not in found)
    written = len(found) - len(excused)
    return Filled(table.data(), title, written, unknown, tuple(excused), tuple(notes))


def _wrong(what: str) -> UsageError:
    return UsageError(
        f"the template is no gradebook that Canvas exported: {what}",
        remedy="In Canvas: Grades, Export, Export Entire Gradebook.",
    )


def _after_section(header: list[str]) -> int:
    """The first column of an assignment; UsageError where Canvas says "Invalid header row"."""
    names = [*header[:3], "", "", ""][:3]
    if names == ["LastName", "FirstName", "ID"] and len(header) > 4:
        at = 3
    elif "Student" in names[0] and "ID" in names[1] and len(header) > 3:
        at = 2
    else:
        raise _wrong(f'it begins with "{", ".join(header[:3])[:80]}" and not with "Student, ID"')
    if header[at] == "SIS Login ID":
        at += 1
    elif header[at : at + 2] == ["SIS User ID", "SIS Login ID"]:
        at += 2
        at += header[at : at + 1] == ["Integration ID"]
        at += header[at : at + 1] == ["Root Account"]
    after = ", ".join(header[at : at + 1])
    if "Section" not in after:
        raise _wrong(f'after the columns of the student comes "{after[:80]}" and not "Section"')
    return at + 1


def _find_column(header: list[str], first: int, *, names: Sequence[str], column: str) -> int:
    titles = {}
    for at in range(first, len(header)):
        match = _ASSIGNMENT.fullmatch(header[at])
        if match is not None and not _SUMS.search(header[at]):
            titles[at] = (header[at].casefold(), match[1].casefold(), match[2])
    wanted = {name.casefold().strip() for name in ([column] if column else names)}
    found = [at for at, words in titles.items() if wanted.intersection(words)]
    if len(found) == 1:
        return found[0]
    asked = column or " or ".join(names)
    there = ", ".join(header[at] for at in found or titles) or "none"
    how = N_(f"There are: {there}\nName one, or its number: --column TEXT")
    if not found:
        raise UsageError(f'the template has no column of an assignment named "{asked}"', remedy=how)
    raise UsageError(
        f'the template has {len(found)} columns of an assignment named "{asked}"', remedy=how
    )


def _check_points(table: _Table, at: int, max_score: int) -> list[str]:
    """UsageError for a column that Canvas would ignore; a remark where its points differ."""
    for row in table.rows[1:]:
        if not row or "Points Possible" not in row[0] or len(row) <= at:
            continue
        if _READ_ONLY.search(row[at]):
            title = table.rows[0][at]
            raise UsageError(f'"{title}" is read only in Canvas, which would ignore its scores')
        try:
            same = float(row[at].replace(",", ".")) == max_score
        except ValueError:
            same = False
        if not same:
            return [f"Canvas gives {row[at] or 'no'} points for it, the lab {max_score}"]
    return []


def _is_student(row: list[str]) -> bool:
    """Not the rows of points and of posting, nor an empty one."""
    return bool(row) and "Points Possible" not in row[0] and not all(map(_SKIPPED.fullmatch, row))


def _match(rows: list[list[str]], students: list[int], grades: Sequence[Grade]) -> dict[str, int]:
    """submission -> row. A better match goes first; two that are alike are none."""
    header = rows[0]
    two = header[0] == "LastName"
    found: dict[str, int] = {}
    for key in ("ID", "SIS User ID", "SIS Login ID", "name"):
        if key != "name" and key not in header:
            continue
        index: dict[str, set[int]] = {}
        for number in students:
            row = rows[number]
            words = _names(row, two=two) if key == "name" else {row[header.index(key)].casefold()}
            for word in words - {""}:
                index.setdefault(word, set()).add(number)
        claims: dict[int, list[str]] = {}
        for grade in grades:
            if grade.submission not in found:
                hits = set().union(*(index.get(word, set()) for word in _words(grade, key)))
                if len(hits) == 1:
                    claims.setdefault(hits.pop(), []).append(grade.submission)
        taken = set(found.values())
        for number, ids in claims.items():
            if len(ids) == 1 and number not in taken:
                found[ids[0]] = number
    return found


def _words(grade: Grade, key: str) -> set[str]:
    """What a submission may be called in that column."""
    if key == "name":
        return {_squeezed(grade.name), _squeezed(grade.submission)} - {""}
    ids = {grade.submission.casefold()}
    if key == "SIS Login ID" and grade.email:
        ids.add(grade.email.casefold())
    return ids


def _names(row: list[str], *, two: bool) -> set[str]:
    """ "Last, First" in both orders; `two`: in columns of their own."""
    last, _, first = (row[0], "", row[1]) if two else row[0].partition(",")
    return {_squeezed(last + first), _squeezed(first + last)}


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
