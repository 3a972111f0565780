"""The gradebook: one SQLite file that keeps every report of a bulk run.

One writer, the coordinator; write-ahead log, so that others can read meanwhile. A report
is committed before its submission counts as graded: a killed run loses nothing that was
finished, and the next one finds it by (submission, digest, lab version, seed).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from aisys_cli.errors import EnvironmentFault
from aisys_cli.report.records import Report

__all__ = ["Gradebook"]

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    lab TEXT NOT NULL,
    submission TEXT NOT NULL,
    digest TEXT NOT NULL,
    lab_version TEXT NOT NULL,
    seed INTEGER NOT NULL,
    isolation TEXT NOT NULL,
    verdict TEXT NOT NULL,
    score INTEGER,
    max_score INTEGER NOT NULL,
    graded_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    report BLOB NOT NULL
);
CREATE INDEX reports_of ON reports (lab, submission, id);
"""


class Gradebook:
    """Open for writing; a context manager. EnvironmentFault when the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            (tables,) = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if version == 0 and tables:
                raise EnvironmentFault(f"{path} is another program's database, no gradebook")
            if version == 0:
                self._db.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                )
            elif version != SCHEMA_VERSION:
                raise EnvironmentFault(
                    f"{path} has gradebook schema {version}; this aisys knows {SCHEMA_VERSION}"
                )
        except (sqlite3.Error, OSError) as error:
            raise EnvironmentFault(f"cannot use the gradebook {path}: {error}") from None

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, report: Report) -> None:
        """Keep a report for good before returning."""
        try:
            self._db.execute(
                "INSERT INTO reports (lab, submission, digest, lab_version, seed, isolation,"
                " verdict, score, max_score, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    report.lab,
                    report.submission,
                    report.submission_digest,
                    report.lab_version,
                    report.seed,
                    report.isolation,
                    report.verdict,
                    report.score,
                    report.max_score,
                    msgspec.json.encode(report),
                ),
            )
        except sqlite3.Error as error:
            raise EnvironmentFault(
                f"cannot write to the gradebook {self.path}: {error}",
                remedy="What was finished is kept. Make room, then run the same command again.",
            ) from None

    def latest(self, lab: str) -> Iterator[Report]:
        """The newest report of each submission, by id."""
        rows = self._query(
            "SELECT report FROM reports WHERE id IN"
            " (SELECT max(id) FROM reports WHERE lab = ? GROUP BY submission)"
            " ORDER BY submission",
            lab,
        )
        for (data,) in rows:
            try:
                yield msgspec.json.decode(data, type=Report)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise EnvironmentFault(
                    f"the gradebook {self.path} is damaged: {error}",
                    remedy="Move it away and grade again, or use a copy of it.",
                ) from None

    def graded(
        self, lab: str, lab_version: str, *, seed: int, isolation: str
    ) -> dict[str, tuple[str, str]]:
        """submission -> (digest, verdict) of its newest report, if made in just this way."""
        rows = self._query(
            "SELECT submission, digest, verdict FROM reports WHERE id IN"
            " (SELECT max(id) FROM reports WHERE lab = ? GROUP BY submission)"
            " AND lab_version = ? AND seed = ? AND isolation = ?",
            *(lab, lab_version, seed, isolation),
        )
        return {submission: (digest, verdict) for submission, digest, verdict in rows}

    def _query(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise EnvironmentFault(f"cannot read the gradebook {self.path}: {error}") from None
