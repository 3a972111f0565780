"""Reading a gradebook: reports, sources, and where each student stands.

Reports are decoded one student at a time: `each_grade` and `latest` do not grow with the class.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from aisys_cli.bulk.policy import HandIn, Policy, instant, standing
from aisys_cli.course.records import Lab
from aisys_cli.errors import EnvironmentFault
from aisys_cli.report.grades import Comment, Grade, Override, Person
from aisys_cli.report.records import Report

__all__ = ["GradebookReader"]


class _Row(msgspec.Struct, frozen=True):
    """What the table of reports says beside the report."""

    submission: str
    digest: str
    id: int
    graded_at: str
    verdict: str


class GradebookReader:
    """What everybody may ask of a gradebook. A context manager; see Gradebook.read."""

    def __init__(self, path: Path, db: sqlite3.Connection, schema: int) -> None:
        self.path = path
        self.schema = schema  # of the file; what is read is of the newest
        self._db = db

    def __enter__(self) -> GradebookReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # -- what a run asks ---------------------------------------------------------

    def latest(self, lab: str) -> Iterator[Report]:
        """The newest report of each submission, by id."""
        rows = self._query(
            "SELECT id FROM (SELECT id, submission, row_number() OVER"
            " (PARTITION BY submission ORDER BY graded_at DESC, id DESC) AS nth"
            " FROM reports WHERE lab = ?) WHERE nth = 1 ORDER BY submission",
            lab,
        )
        for (id,) in rows:
            yield self._report(id)

    def graded(
        self, lab: str, lab_version: str, *, seed: int, isolation: str
    ) -> dict[str, tuple[str, str]]:
        """submission -> (digest, verdict) of its newest report, if made in just this way."""
        rows = self._query(
            "SELECT submission, digest, verdict FROM (SELECT *, row_number() OVER"
            " (PARTITION BY submission ORDER BY graded_at DESC, id DESC) AS nth"
            " FROM (SELECT id, graded_at, submission, digest, verdict, lab_version, seed, isolation"
            " FROM reports WHERE lab = ?))"
            " WHERE nth = 1 AND lab_version = ? AND seed = ? AND isolation = ?",
            *(lab, lab_version, seed, isolation),
        )
        return {submission: (digest, verdict) for submission, digest, verdict in rows}

    # -- what was handed in ------------------------------------------------------

    def labs(self) -> list[str]:
        """The labs that anything is known of."""
        rows = self._query(
            "SELECT lab FROM reports UNION SELECT lab FROM overrides"
            " UNION SELECT lab FROM comments ORDER BY lab"
        )
        return [lab for (lab,) in rows]

    def submissions(self) -> list[str]:
        """Everybody of whom anything is known, and the roster."""
        rows = self._query(
            "SELECT submission FROM reports UNION SELECT submission FROM overrides"
            " UNION SELECT submission FROM comments UNION SELECT id FROM roster ORDER BY 1"
        )
        return [id for (id,) in rows]

    def versions(self, lab: str) -> dict[str, int]:
        """lab version -> how many submissions have their newest report from it."""
        rows = self._query(
            "SELECT lab_version, count(*) FROM (SELECT lab_version, row_number() OVER"
            " (PARTITION BY submission ORDER BY graded_at DESC, id DESC) AS nth"
            " FROM reports WHERE lab = ?) WHERE nth = 1 GROUP BY lab_version ORDER BY 2 DESC, 1",
            lab,
        )
        return dict(rows)

    def sources(self, digest: str) -> dict[str, bytes]:
        """The files of a submission; none where they could not be read, or were not kept."""
        rows = self._query("SELECT files FROM sources WHERE digest = ?", digest)
        if not rows:
            return {}
        try:
            return msgspec.msgpack.decode(zlib.decompress(rows[0][0]), type=dict[str, bytes])
        except (zlib.error, msgspec.DecodeError, TypeError) as error:
            raise self._damaged(error) from None

    def roster(self) -> list[Person]:
        rows = self._query("SELECT id, name, email FROM roster ORDER BY id")
        return [Person(*row) for row in rows]

    # -- grades ------------------------------------------------------------------

    def grades(
        self, lab: Lab, policy: Policy, *, roster: Iterable[Person] | None = None
    ) -> list[Grade]:
        """each_grade, all at once."""
        return list(self.each_grade(lab, policy, roster=roster))

    def grade(self, lab: Lab, policy: Policy, submission: str) -> Grade:
        """Of one student, also of one of whom nothing is known."""
        return next(self.each_grade(lab, policy, only=submission))

    def each_grade(
        self,
        lab: Lab,
        policy: Policy,
        *,
        roster: Iterable[Person] | None = None,
        only: str | None = None,
    ) -> Iterator[Grade]:
        """Where each student stands on a lab, by id. Who is on the roster (the one given, else
        the one that is kept) but handed in nothing has no attempt and no score."""
        people = {one.id: one for one in (self.roster() if roster is None else roster)}
        by_id = {
            id: list(rows)
            for id, rows in groupby(self._rows(lab.id), key=lambda row: row.submission)
        }
        times = self._times(lab.id)
        overrides, comments = self._overrides(lab.id), self._comments(lab.id)
        every = {*people, *by_id, *overrides, *comments} if only is None else {only}
        for id in sorted(every):
            person = people.get(id, Person(id))
            stands = standing(self._hand_ins(by_id.get(id, []), times), policy)
            history = tuple(overrides.get(id, ()))
            current = history[-1] if history and not history[-1].withdrawn else None
            counts = stands.attempts[stands.counts - 1] if stands.counts else None
            yield Grade(
                lab=lab.id,
                submission=id,
                max_score=lab.max_score,
                name=person.name,
                email=person.email,
                attempts=stands.attempts,
                counts=stands.counts,
                override=current,
                comments=tuple(comments.get(id, ())),
                score=current.score if current else counts.score if counts else None,
                pending=() if current else stands.pending,
                overrides=history,
            )

    def _rows(self, lab: str) -> list[_Row]:
        rows = self._query(
            "SELECT submission, digest, id, graded_at, verdict FROM reports WHERE lab = ?"
            " ORDER BY submission, graded_at, id",
            lab,
        )
        return [_Row(*row) for row in rows]

    def _times(self, lab: str) -> dict[tuple[str, str], tuple[str, str]]:
        rows = self._query(
            "SELECT submission, digest, submitted_at, again_at FROM attempts WHERE lab = ?", lab
        )
        return {(row[0], row[1]): (row[2], row[3]) for row in rows}

    def _hand_ins(
        self, rows: list[_Row], times: Mapping[tuple[str, str], tuple[str, str]]
    ) -> list[HandIn]:
        """A student's attempts, in the order in which they were first handed in."""
        by_digest: dict[str, list[_Row]] = {}
        for row in rows:
            by_digest.setdefault(row.digest, []).append(row)
        found = []
        for digest, of_it in by_digest.items():
            submitted_at, again_at = times.get((of_it[0].submission, digest), ("", ""))
            scored = [row for row in of_it if row.verdict != "infra"]
            hand_in = HandIn(
                report=self._report((scored or of_it)[-1].id),
                submitted_at=submitted_at,
                last_at=self._instant(again_at or of_it[-1].graded_at),
                reports=len(of_it),
                unsettled=bool(scored) and of_it[-1].verdict == "infra",
            )
            found.append((self._instant(submitted_at or of_it[0].graded_at), hand_in))
        found.sort(key=lambda pair: pair[0])
        return [hand_in for _, hand_in in found]

    def _overrides(self, lab: str) -> dict[str, list[Override]]:
        """By submission, the newest last."""
        rows = self._query(
            "SELECT submission, score, who, at, why FROM overrides WHERE lab = ?"
            " ORDER BY at, rowid",
            lab,
        )
        found: dict[str, list[Override]] = {}
        for submission, score, who, at, why in rows:
            one = Override(score or 0, who, at, why, withdrawn=score is None)
            found.setdefault(submission, []).append(one)
        return found

    def _comments(self, lab: str) -> dict[str, list[Comment]]:
        rows = self._query(
            "SELECT submission, text, who, at FROM comments WHERE lab = ? ORDER BY at, rowid", lab
        )
        found: dict[str, list[Comment]] = {}
        for submission, *rest in rows:
            found.setdefault(submission, []).append(Comment(*rest))
        return found

    # -- rows --------------------------------------------------------------------

    def _report(self, id: int) -> Report:
        ((data,),) = self._query("SELECT report FROM reports WHERE id = ?", id)
        try:
            return msgspec.json.decode(data, type=Report)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
            raise self._damaged(error) from None

    def _instant(self, text: str) -> datetime:
        when = instant(text)
        if when is None:
            raise self._damaged(f"{text!r} is no time")
        return when

    def _damaged(self, what: object) -> EnvironmentFault:
        return EnvironmentFault(
            f"the gradebook {self.path} is damaged: {what}",
            remedy="Move it away and grade again, or use a copy of it.",
        )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """What is read inside is of one moment, whatever a run adds."""
        self._query("BEGIN")
        try:
            yield
        finally:
            self._db.execute("ROLLBACK")

    def each_row(self, sql: str) -> Iterator[Any]:
        """Rows as they come, for a merge."""
        try:
            yield from self._db.execute(sql)
        except sqlite3.Error as error:
            raise EnvironmentFault(f"cannot read the gradebook {self.path}: {error}") from None

    def _query(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise EnvironmentFault(f"cannot read the gradebook {self.path}: {error}") from None
