"""The file of the gradebook: one writer, readers meanwhile, and the schema of old."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from harness import DATA, clean_environment, wait_until
from samples import failed, of

from aisys_cli.bulk.gradebook import SCHEMA_VERSION, Gradebook
from aisys_cli.errors import EnvironmentFault, UsageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gradebook.db"


@pytest.fixture
def old(path):
    """A book that the first version of aisys wrote."""
    return Path(shutil.copy(DATA / "gradebook-1.db", path))


def latest(path, lab="small"):
    with Gradebook.read(path) as book:
        return {report.submission: report for report in book.latest(lab)}


def version(path):
    db = sqlite3.connect(path)
    ((found,),) = db.execute("PRAGMA user_version")
    db.close()
    return found


def everything(path):
    """Every table of a book with its rows, and how the tables are made."""
    db = sqlite3.connect(path)
    made = dict(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    rows = {
        name: list(db.execute(f"SELECT * FROM {name}"))
        for name, sql in made.items()
        if sql.startswith("CREATE TABLE")
    }
    db.close()
    return made, rows


# -- the schema of old --------------------------------------------------------------

OLD = {
    "chen": of("pass", "pass", submission="chen", submission_digest="d2"),
    "li-ming": of("infra", "pass", notes=("一个注释",)),
    "wang": failed("wrong", submission="wang", submission_digest="d2"),
}


def test_an_old_book_reads_as_it_always_did_and_stays_as_it_is(old):
    before = old.read_bytes()
    assert latest(old) == OLD
    with Gradebook.read(old) as book:
        assert book.graded("small", "1-abc", seed=1, isolation="bwrap") == {
            "chen": ("d2", "pass"),
            "li-ming": ("d1", "infra"),
            "wang": ("d2", "fail"),
        }
        assert book.labs() == ["other", "small"]
    assert old.read_bytes() == before
    assert os.listdir(old.parent) == [old.name]


def test_an_old_book_is_brought_up_to_date_by_who_writes_to_it(old):
    with Gradebook(old) as book:
        book.add(of("fail", submission="chen", submission_digest="d3"))
    assert version(old) == SCHEMA_VERSION
    newest = of("fail", submission="chen", submission_digest="d3")
    assert latest(old) == {**OLD, "chen": newest}
    _, rows = everything(old)
    assert len(rows["reports"]) == 7
    assert len(rows["attempts"]) == 7
    Gradebook(old).__exit__()
    assert everything(old)[1] == rows


def test_a_book_brought_up_to_date_has_the_tables_of_a_new_one(old, tmp_path):
    for path in (old, tmp_path / "new.db"):
        Gradebook(path).__exit__()
    assert everything(old)[0] == everything(tmp_path / "new.db")[0]


def test_two_copies_of_an_old_book_are_brought_up_to_date_alike(old, tmp_path):
    """Or a merge would take each report twice."""
    other = Path(shutil.copy(old, tmp_path / "other.db"))
    for path in (old, other):
        Gradebook(path).__exit__()
    assert everything(old)[1] == everything(other)[1]


def test_an_old_book_that_cannot_be_brought_up_to_date_stays_as_it_is(old):
    db = sqlite3.connect(old)
    db.execute("CREATE TABLE comments (x)")
    db.commit()
    db.close()
    before = everything(old)
    with pytest.raises(EnvironmentFault, match="comments already exists"):
        Gradebook(old)
    assert everything(old) == before
    assert version(old) == 1


@pytest.mark.parametrize("found", [SCHEMA_VERSION + 1, -1, 99])
@pytest.mark.parametrize("open_it", [Gradebook, Gradebook.read], ids=["write", "read"])
def test_another_schema_is_a_fault_that_names_both(path, found, open_it):
    Gradebook(path).__exit__()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {found}")
    db.close()
    with pytest.raises(EnvironmentFault) as raised:
        open_it(path)
    for word in (str(path), f"schema {found};", f"1 to {SCHEMA_VERSION}"):
        assert word in raised.value.message
    assert os.listdir(path.parent) == [path.name]


# -- one writer ----------------------------------------------------------------------

WRITER = """
import pathlib, sys
from aisys_cli.bulk.gradebook import Gradebook
with Gradebook(pathlib.Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(path):
    """A process that has the book open for writing; closing its stdin ends it."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(),
        text=True,
    )
    assert process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_writer_is_told_who_the_first_is(path, writer):
    with pytest.raises(EnvironmentFault) as raised:
        Gradebook(path)
    assert raised.value.message == (
        f"another aisys (process {writer.pid}) is writing to the gradebook {path}"
    )
    assert "aisys gradebook show" in raised.value.remedy
    writer.communicate("")
    added(path)


def test_a_writer_that_is_killed_locks_nobody_out(path, writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert wait_until(lambda: added(path))
    assert os.listdir(path.parent) == [path.name]


def added(path):
    with Gradebook(path) as book:
        book.add(of("pass"))
    return True


def test_a_reader_and_the_writer_do_not_mind_each_other(path):
    with Gradebook(path) as book:
        book.add(of("fail"))
        with Gradebook.read(path) as reader:
            book.add(of("pass"))
            book.add(of("pass", submission="wang"))
            assert [r.verdict for r in reader.latest("small")] == ["pass", "pass"]
        book.add(of("pass", submission="zhao"))
    assert set(latest(path)) == {"li-ming", "wang", "zhao"}
    assert os.listdir(path.parent) == [path.name]


def test_a_reader_writes_nothing(path):
    added(path)
    before = path.read_bytes()
    with Gradebook.read(path) as reader, pytest.raises(sqlite3.OperationalError):
        reader._db.execute("DELETE FROM reports")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_two_books_in_one_folder_have_a_writer_each(path, tmp_path):
    with Gradebook(path), Gradebook(tmp_path / "other.db"):
        pass


def test_a_lock_that_is_a_link_is_not_followed(path, tmp_path):
    (tmp_path / "gradebook.db.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(EnvironmentFault, match="cannot use the gradebook"):
        Gradebook(path)
    assert not (tmp_path / "precious").exists()


# -- files that are none ---------------------------------------------------------------


def test_without_a_book_there_is_nothing_to_read(path):
    with pytest.raises(UsageError, match="there is no gradebook") as raised:
        Gradebook.read(path)
    assert "aisys grade-all" in raised.value.remedy
    assert os.listdir(path.parent) == []


def test_an_empty_file_is_no_book_to_read(path):
    path.touch()
    with pytest.raises(EnvironmentFault, match="is empty"):
        Gradebook.read(path)
    added(path)
    assert set(latest(path)) == {"li-ming"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_book_in_a_folder_that_nobody_can_write_to_can_be_read(path):
    added(path)
    path.parent.chmod(0o500)
    try:
        assert set(latest(path)) == {"li-ming"}
        with pytest.raises(EnvironmentFault, match="cannot use the gradebook"):
            Gradebook(path)
    finally:
        path.parent.chmod(0o700)


@pytest.mark.parametrize("name", ["a b?.db", "100%.db", "#1.db", "书.db"])
def test_the_name_of_a_book_may_be_anything(tmp_path, name):
    added(tmp_path / name)
    assert set(latest(tmp_path / name)) == {"li-ming"}
    assert os.listdir(tmp_path) == [name]


def test_reports_are_kept_as_json_that_others_can_read(path):
    added(path)
    (row,) = everything(path)[1]["reports"]
    assert json.loads(row[-1])["schema"] == "aisys/report/1"
