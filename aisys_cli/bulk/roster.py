"""Who is in the class: a CSV file with a row for each student.

One column is the id (id, student id, login, username, user); what other columns have, such as a
name, an email address or the number that a learning system gives, is another word for the same
student, as long as no two have it.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from aisys_cli.errors import UsageError
from aisys_cli.report.grades import Person
from aisys_cli.report.records import clean_line

__all__ = ["Roster", "read_roster"]

MAX_BYTES = 16 << 20
_ID = ("id", "student id", "sid", "login", "login id", "username", "user", "student", "学号")
_NAME = ("name", "full name", "student name", "姓名")
_EMAIL = ("email", "email address", "e-mail", "mail", "邮箱", "电子邮件")


class Roster:
    """The people, and the id of whoever goes by a word."""

    def __init__(self, people: list[Person], words: dict[str, str]) -> None:
        self.people, self._words = people, words

    def id_of(self, word: str) -> str:
        """The id of the student with that name, address or number; the word itself if none."""
        return self._words.get(_plain(word), word)

    def without(self, handed: set[str]) -> list[Person]:
        """Those of whom nothing is there."""
        return [person for person in self.people if person.id not in handed]

    def strangers(self, handed: set[str]) -> list[str]:
        """Those who are not on the roster."""
        return sorted(handed - {person.id for person in self.people})


def _plain(word: str) -> str:
    """As systems differ in writing it: without case, blanks and marks."""
    return re.sub(r"[\s_.,'-]+", "", word).casefold()


def read_roster(path: Path) -> Roster:
    """UsageError, with the line, for what cannot be read as one."""
    rows = _rows(path)
    if not rows:
        raise UsageError(f"{path} is empty", remedy="A roster: id,name,email and a row a student")
    columns = [" ".join(cell.split()).casefold() for cell in rows[0]]
    id_at = _column(columns, _ID)
    if id_at is None:
        raise UsageError(
            f"{path} has no column for the id: {clean_line(', '.join(rows[0]))[:200]}",
            remedy="Call it id; then name, email and more as you have them.",
        )
    name_at, email_at = _column(columns, _NAME), _column(columns, _EMAIL)
    people: list[Person] = []
    seen: dict[str, int] = {}
    found: dict[str, set[str]] = {}
    for line, row in enumerate(rows[1:], 2):
        cells = [clean_line(cell.strip()) for cell in row]
        if not any(cells):
            continue
        id = cells[id_at] if id_at < len(cells) else ""
        if not id:
            raise UsageError(f"{path}, row {line}: no id")
        if id in seen:
            raise UsageError(f"{path}, row {line}: {id!r} stands in row {seen[id]} already")
        seen[id] = line
        people.append(Person(id, _cell(cells, name_at), _cell(cells, email_at)))
        for cell in filter(None, cells):
            found.setdefault(_plain(cell), set()).add(id)
    words = {word: next(iter(ids)) for word, ids in found.items() if word and len(ids) == 1}
    words |= {_plain(person.id): person.id for person in people}
    return Roster(people, words)


def _column(columns: list[str], wanted: tuple[str, ...]) -> int | None:
    return next((columns.index(name) for name in wanted if name in columns), None)


def _cell(cells: list[str], at: int | None) -> str:
    return cells[at] if at is not None and at < len(cells) else ""


def _rows(path: Path) -> list[list[str]]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the roster {path}: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"the roster {path} has more than {MAX_BYTES >> 20} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")  # what a Chinese Excel writes
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path} is neither UTF-8 nor GB 18030 (byte {error.start})",
                remedy="Save it as CSV UTF-8.",
            ) from None
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    try:
        return list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path}: not CSV ({error})") from None
