"""The gradebook: one SQLite file that keeps every report of a bulk run.

One writer, the coordinator; write-ahead log, so that others can read meanwhile. A report
is committed before its submission counts as graded: a killed run loses nothing that was
finished, and the next one finds it by (submission, digest, lab version, seed).

An attempt is a hand-in: the same files (digest) of the same submission to the same lab. Grading it
again adds a report to it. Reports, overrides and comments are only ever added; the newest
counts. What a person decided is in tables of its own, so no regrade comes near it.
"""

from __future__ import annotations

import sqlite3
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec

from aisys_cli.bulk.book_file import SCHEMA_VERSION, open_to_read, open_to_write, unlock
from aisys_cli.bulk.book_reader import GradebookReader
from aisys_cli.bulk.policy import instant
from aisys_cli.errors import EnvironmentFault
from aisys_cli.report.grades import Person
from aisys_cli.report.records import Report, clean_line

__all__ = ["SCHEMA_VERSION", "Gradebook"]


class Gradebook(GradebookReader):
    """Open for writing; a context manager. EnvironmentFault when the file cannot be used, or
    another process writes to it."""

    def __init__(self, path: Path) -> None:
        db, self._lock = open_to_write(path)
        super().__init__(path, db, SCHEMA_VERSION)

    @classmethod
    def read(cls, path: Path) -> GradebookReader:
        """Open for reading only, also while a run goes on. UsageError if there is none."""
        return GradebookReader(path, *open_to_read(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        unlock(self.path, self._lock)

    def add(
        self, report: Report, *, files: Mapping[str, bytes] | None = None, submitted_at: str = ""
    ) -> None:
        """Keep a report for good before returning, with the files it is about and when they
        were handed in (ISO 8601 with offset, "" if unknown)."""
        with self.writing():
            of = (report.lab, report.submission, report.submission_digest)
            self.note_hand_in(*of, (submitted_at,))
            if files:
                data = zlib.compress(msgspec.msgpack.encode(dict(files)))
                self.write(
                    "INSERT OR IGNORE INTO sources VALUES (?, ?)", report.submission_digest, data
                )
            self.write(
                "INSERT INTO reports (uid, lab, submission, digest, lab_version, seed, isolation,"
                " verdict, score, max_score, report, graded_at) VALUES"
                " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                _uid(),
                *of,
                report.lab_version,
                report.seed,
                report.isolation,
                report.verdict,
                report.score,
                report.max_score,
                msgspec.json.encode(report),
                self._next_instant(),
            )

    def _next_instant(self) -> str:
        """Later than any report that is there: two in one tick of the clock, or a clock that was
        set back, do not make the newest report an old one."""
        ((newest,),) = self._query("SELECT max(graded_at) FROM reports")
        now = _now()
        if newest is None or newest < now:
            return now
        return _text_of(datetime.fromisoformat(newest) + timedelta(microseconds=1))

    def handed_in(self, lab: str, found: Mapping[str, tuple[str, str]]) -> None:
        """Note submission -> (digest, submitted_at) of attempts that are in the book already."""
        with self.writing():
            for submission, (digest, submitted_at) in found.items():
                self.note_hand_in(lab, submission, digest, (submitted_at,))

    def override(self, lab: str, submission: str, score: int | None, *, who: str, why: str) -> None:
        """Set the score of a student for good, whatever is graded; None takes that back."""
        with self.writing():
            self.write(
                "INSERT INTO overrides VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(_uid(), lab, submission, score, who, _now(), why),
            )

    def comment(self, lab: str, submission: str, text: str, *, who: str) -> None:
        """Add a remark for the student."""
        with self.writing():
            self.write(
                "INSERT INTO comments VALUES (?, ?, ?, ?, ?, ?)",
                *(_uid(), lab, submission, text, who, _now()),
            )

    def enrol(self, people: Iterable[Person]) -> None:
        """Keep the roster; it takes the place of the one before."""
        with self.writing():
            self.write("DELETE FROM roster")
            for one in people:
                fields = map(clean_line, (one.id, one.name, one.email))
                self.write("INSERT OR REPLACE INTO roster VALUES (?, ?, ?)", *fields)

    # -- for a merge -------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All of it is kept, or nothing."""
        self.write("BEGIN IMMEDIATE")
        try:
            yield
            self.write("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def write(self, sql: str, *values: object) -> int:
        """Run a statement; how many rows it changed."""
        try:
            return self._db.execute(sql, values).rowcount
        except sqlite3.Error as error:
            raise EnvironmentFault(
                f"cannot write to the gradebook {self.path}: {error}",
                remedy="What was finished is kept. Make room, then run the same command again.",
            ) from None

    def note_hand_in(self, lab: str, submission: str, digest: str, times: Iterable[str]) -> None:
        """An attempt was handed in at these times; "" is an unknown one."""
        rows = self._query(
            "SELECT submitted_at, again_at FROM attempts"
            " WHERE lab = ? AND submission = ? AND digest = ?",
            *(lab, submission, digest),
        )
        before = rows[0] if rows else ()
        known = {time: when for time in (*before, *times) if (when := instant(time))}
        first = min(known, key=known.__getitem__, default="")
        last = max(known, key=known.__getitem__, default="")
        if before != (first, last):
            self.write(
                "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?)",
                *(lab, submission, digest, first, last),
            )


def _uid() -> str:
    return uuid.uuid4().hex


def _now() -> str:
    return _text_of(datetime.now(UTC))


def _text_of(instant: datetime) -> str:
    """Of one length, so that the order of the texts is that of the instants."""
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")
