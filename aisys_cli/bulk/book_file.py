"""The file of a gradebook: its tables, its one writer, its older forms.

A writer holds a lock on FILE.lock as long as it has the book open; the kernel takes the lock back
from a process that is killed. SQLite's own locks last for one commit only: they would let two
runs grade everything twice, and must not last longer, since others read meanwhile.

A reader changes nothing. A file of an older schema is brought up to date by the first
who writes to it; who only reads does so in a copy in memory.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aisys_cli.errors import WSL, EnvironmentFault, UsageError

__all__ = ["SCHEMA_VERSION", "open_to_read", "open_to_write", "unlock"]

SCHEMA_VERSION = 2
# A report, an override and a comment have a `uid`, by which a merge knows those it has already.
# `submitted_at` of an attempt is when it was first handed in, `again_at` when it was last.
_TABLES = (
    """CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    lab TEXT NOT NULL,
    submission TEXT NOT NULL,
    digest TEXT NOT NULL,
    lab_version TEXT NOT NULL,
    seed INTEGER NOT NULL,
    isolation TEXT NOT NULL,
    verdict TEXT NOT NULL,
    score INTEGER,
    max_score INTEGER NOT NULL,
    graded_at TEXT NOT NULL,
    report BLOB NOT NULL
    )""",
    "CREATE INDEX reports_of ON reports (lab, submission, graded_at, id)",
    "CREATE INDEX reports_by_time ON reports (graded_at)",
    """CREATE TABLE attempts (
    lab TEXT NOT NULL,
    submission TEXT NOT NULL,
    digest TEXT NOT NULL,
    submitted_at TEXT NOT NULL,
    again_at TEXT NOT NULL,
    PRIMARY KEY (lab, submission, digest)
    ) WITHOUT ROWID""",
    "CREATE TABLE sources (digest TEXT PRIMARY KEY, files BLOB NOT NULL)",
    """CREATE TABLE overrides (
    uid TEXT PRIMARY KEY,
    lab TEXT NOT NULL,
    submission TEXT NOT NULL,
    score INTEGER,
    who TEXT NOT NULL,
    at TEXT NOT NULL,
    why TEXT NOT NULL
    )""",
    """CREATE TABLE comments (
    uid TEXT PRIMARY KEY,
    lab TEXT NOT NULL,
    submission TEXT NOT NULL,
    text TEXT NOT NULL,
    who TEXT NOT NULL,
    at TEXT NOT NULL
    )""",
    "CREATE TABLE roster (id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL)",
)


def open_to_write(path: Path) -> tuple[sqlite3.Connection, int]:
    """The book, made or brought up to date where need be, and its lock for `unlock`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
    except OSError as error:
        raise _unusable(path, error.strerror) from None
    try:
        db = _connect(path, path.absolute().as_uri() + "?mode=rwc")
        with _faults(path, db):
            version = _version(path, db)
            db.execute("PRAGMA journal_mode = WAL")
            _bring_up_to_date(db, version)
    except BaseException:
        unlock(path, lock)
        raise
    return db, lock


def open_to_read(path: Path) -> tuple[sqlite3.Connection, int]:
    """The book as it is now, while a run may go on writing to it, and the schema of its file."""
    if not path.exists():
        raise UsageError(
            f"there is no gradebook {path}",
            remedy="aisys grade-all SUBMISSIONS --lab LAB makes one; name another with --db FILE",
        )
    # Reading takes two small files beside this one, which a connection that may not write would
    # leave behind. So it may, and is told not to.
    how = "mode=rw" if os.access(path, os.W_OK) else "mode=ro"
    if not os.access(path.parent, os.W_OK) and not _beside(path, "-wal").exists():
        how = "mode=ro&immutable=1"  # nobody can write there, SQLite itself included
    db = _connect(path, f"{path.absolute().as_uri()}?{how}")
    with _faults(path, db):
        db.execute("PRAGMA query_only = 1")
        version = _version(path, db)
        if version == 0:
            raise EnvironmentFault(f"{path} is empty, no gradebook yet")
        if version == SCHEMA_VERSION:
            return db, version
        copy = sqlite3.connect(":memory:", isolation_level=None)
        db.backup(copy)
        db.close()
        _bring_up_to_date(copy, version)
        return copy, version


def _connect(path: Path, uri: str) -> sqlite3.Connection:
    try:
        return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=30)
    except sqlite3.Error as error:
        raise _unusable(path, error) from None


@contextmanager
def _faults(path: Path, db: sqlite3.Connection) -> Iterator[None]:
    """What goes wrong is a fault of the environment, and closes the connection."""
    try:
        yield
    except sqlite3.Error as error:
        db.close()
        raise _unusable(path, error) from None
    except BaseException:
        db.close()
        raise


def _unusable(path: Path, why: object) -> EnvironmentFault:
    return EnvironmentFault(
        f"cannot use the gradebook {path}: {why}",
        remedy="Is there room, may this user write there, and is it a whole gradebook?\n"
        "Bring back a copy of it, or begin another one: --db FILE",
    )


def _version(path: Path, db: sqlite3.Connection) -> int:
    """The schema of the file; 0 for a new one."""
    version: int
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and tables:
        raise EnvironmentFault(f"{path} is another program's database, no gradebook")
    if not 0 <= version <= SCHEMA_VERSION:
        raise EnvironmentFault(
            f"{path} has gradebook schema {version}; this aisys knows 1 to {SCHEMA_VERSION}",
            remedy="A newer aisys wrote it: use that one.",
        )
    return version


# -- older forms -----------------------------------------------------------------


def _bring_up_to_date(db: sqlite3.Connection, version: int) -> None:
    """From any older schema, in one transaction."""
    if version == SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if version == 0:
            _make_tables(db)
        else:
            _from_1(db)
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk has ended it already
            db.execute("ROLLBACK")
        raise


def _make_tables(db: sqlite3.Connection) -> None:
    for statement in _TABLES:
        db.execute(statement)


def _from_1(db: sqlite3.Connection) -> None:
    """Version 1 had reports only. Those of two copies of a file keep the same uid."""
    db.create_function("uid_of_1", -1, _uid_of_1)
    db.execute("ALTER TABLE reports RENAME TO reports_1")
    db.execute("DROP INDEX reports_of")
    _make_tables(db)
    same = "lab, submission, digest, lab_version, seed, isolation, verdict, score, max_score"
    db.execute(
        f"INSERT INTO reports (id, uid, {same}, graded_at, report)"  # noqa: S608 - fixed names
        f" SELECT id, uid_of_1(id, {same}, graded_at, report), {same},"
        " replace(graded_at, 'Z', '.000000Z'), report FROM reports_1 ORDER BY id"
    )
    db.execute("DROP TABLE reports_1")
    db.execute(
        "INSERT INTO attempts (lab, submission, digest, submitted_at, again_at)"
        " SELECT DISTINCT lab, submission, digest, '', '' FROM reports"
    )


def _uid_of_1(*row: object) -> str:
    return hashlib.blake2b(repr(row).encode(), digest_size=16).hexdigest()


# -- the one writer ---------------------------------------------------------------


def _beside(path: Path, ending: str) -> Path:
    return Path(f"{path}{ending}")


def _lock(path: Path) -> int:
    try:
        import fcntl  # here, because without it a gradebook can still be read
    except ImportError:
        raise EnvironmentFault(
            f"{platform.system()} can read a gradebook, but not lock it to write", remedy=WSL
        ) from None

    name = _beside(path, ".lock")
    while True:
        lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(lock, 20).decode("ascii", "replace") or "?"
            os.close(lock)
            raise EnvironmentFault(
                f"another aisys (process {pid}) is writing to the gradebook {path}",
                remedy="Wait until it has ended, then run the same command again.\n"
                "To look meanwhile is fine: aisys gradebook show",
            ) from None
        except OSError:
            os.close(lock)
            raise
        if _is_still(name, lock):
            os.truncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return lock
        os.close(lock)  # its writer ended and took it away, between our two calls


def _is_still(name: Path, lock: int) -> bool:
    try:
        return os.path.samestat(os.stat(name), os.fstat(lock))
    except FileNotFoundError:
        return False


def unlock(path: Path, lock: int) -> None:
    """Let others write. The file goes first: whoever has it open sees that it is gone."""
    _beside(path, ".lock").unlink(missing_ok=True)
    os.close(lock)
