"""The gradebooks of several machines become one: `merge`.

Each report, override and comment has an id of its own, so what is there already is not added
again: the same merge twice, or in another order, gives the same book.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from aisys_cli.bulk.book_reader import GradebookReader
from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.errors import UsageError

__all__ = ["Merged", "merge"]

_REPORT = (
    "uid, lab, submission, digest, lab_version, seed, isolation, verdict, score, max_score,"
    " graded_at, report"
)


class Merged(msgspec.Struct, frozen=True):
    """How many of each were new. `versions`: of each lab whose newest reports come from more
    than one version, version -> number of submissions. `older`: shard -> its schema, where
    that is not ours."""

    reports: int
    overrides: int
    comments: int
    versions: dict[str, dict[str, int]]
    older: dict[Path, int]


def merge(out: Path, shards: Sequence[Path]) -> Merged:
    """Put what the shards have into `out`, which is made if it is not there; all or nothing."""
    for shard in shards:
        if shard.resolve() == out.resolve():
            raise UsageError(f"{shard} is the book to write, and cannot be a shard of itself")
    with ExitStack() as stack:
        # Every shard is opened before anything is written.
        books = [stack.enter_context(Gradebook.read(shard)) for shard in shards]
        book = stack.enter_context(Gradebook(out))
        with book.writing():
            counts = [_take(book, shard) for shard in books]
        reports, overrides, comments = (sum(kind) for kind in zip(*counts, strict=True))
        versions = {lab: found for lab in book.labs() if len(found := book.versions(lab)) > 1}
        older = {one.path: one.schema for one in books if one.schema != book.schema}
    return Merged(reports, overrides, comments, versions, older)


def _take(book: Gradebook, shard: GradebookReader) -> tuple[int, int, int]:
    """How many reports, overrides and comments were new."""
    with shard.snapshot():
        for lab, submission, digest, *times in shard.each_row(
            "SELECT lab, submission, digest, submitted_at, again_at FROM attempts"
        ):
            book.note_hand_in(lab, submission, digest, times)
        _copy(book, shard, "sources", "digest, files")
        _copy(book, shard, "roster", "id, name, email")
        return (
            _copy(book, shard, "reports", _REPORT),
            _copy(book, shard, "overrides", "uid, lab, submission, score, who, at, why"),
            _copy(book, shard, "comments", "uid, lab, submission, text, who, at"),
        )


def _copy(book: Gradebook, shard: GradebookReader, table: str, columns: str) -> int:
    """Add the rows that are not there yet; how many."""
    holes = ", ".join("?" * len(columns.split(",")))
    insert = f"INSERT INTO {table} ({columns}) VALUES ({holes}) ON CONFLICT DO NOTHING"  # noqa: S608
    rows = shard.each_row(f"SELECT {columns} FROM {table} ORDER BY rowid")  # noqa: S608
    return sum(book.write(insert, *row) for row in rows)
