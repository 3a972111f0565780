"""Shards into one book: nothing lost, nothing twice, and what does not fit is said."""

import shutil
import sqlite3

import pytest
from harness import DATA
from samples import of

from aisys_cli.bulk.gradebook import SCHEMA_VERSION, Gradebook
from aisys_cli.bulk.merge import merge
from aisys_cli.bulk.policy import Policy
from aisys_cli.errors import EnvironmentFault, UsageError
from aisys_cli.report.grades import Person


@pytest.fixture
def shards(tmp_path):
    """Two books of different students, and the name of one that is not there yet."""
    one, two = tmp_path / "1.db", tmp_path / "2.db"
    with Gradebook(one) as book:
        book.add(of("fail", submission="chen"), files={"small.py": b"1"})
        book.add(of("pass", submission="chen", submission_digest="d2"), files={"small.py": b"2"})
        book.override("small", "chen", 5, who="ta", why="first")
        book.enrol([Person("chen", "Chen")])
    with Gradebook(two) as book:
        book.add(of("pass", submission="wang"), submitted_at="2026-03-02T10:00:00+08:00")
        book.comment("small", "wang", "Well done.", who="ta")
        book.enrol([Person("wang", "Wang")])
    return one, two, tmp_path / "out.db"


def everything(path):
    """Every table's rows, but for the numbers that a book gives to its own."""
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = {}
    for name in tables:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})") if row[1] != "id"]
        rows[name] = sorted(map(repr, db.execute(f"SELECT {', '.join(columns)} FROM {name}")))
    db.close()
    return rows


def grades(path, lab, **policy):
    with Gradebook.read(path) as book:
        return {grade.submission: grade for grade in book.grades(lab, Policy(**policy))}


def test_everything_of_every_shard_is_in_the_book(shards, lab):
    one, two, out = shards
    merged = merge(out, [one, two])
    assert (merged.reports, merged.overrides, merged.comments) == (3, 1, 1)
    assert (merged.versions, merged.older) == ({}, {})
    found = grades(out, lab)
    assert found["chen"] == grades(one, lab)["chen"]
    assert found["wang"] == grades(two, lab)["wang"]
    assert found["wang"].attempt.submitted_at == "2026-03-02T10:00:00+08:00"
    with Gradebook.read(out) as book:
        assert book.sources("d2") == {"small.py": b"2"}
        assert [one.name for one in book.roster()] == ["Chen", "Wang"]
        assert book.graded("small", "1-abc", seed=1, isolation="bwrap") == {
            "chen": ("d2", "pass"),
            "wang": ("d1", "pass"),
        }


def test_a_merge_twice_is_a_merge_once(shards):
    one, two, out = shards
    merge(out, [one, two])
    before = everything(out)
    again = merge(out, [one, two, one])
    assert (again.reports, again.overrides, again.comments) == (0, 0, 0)
    assert everything(out) == before


def test_the_order_of_shards_does_not_matter(shards, tmp_path):
    one, two, out = shards
    merge(out, [one, two])
    merge(tmp_path / "other.db", [two])
    merge(tmp_path / "other.db", [one])
    assert everything(tmp_path / "other.db") == everything(out)


def test_shards_of_shards_bring_nothing_twice(shards, tmp_path):
    one, two, out = shards
    merge(tmp_path / "half.db", [one])
    merge(out, [tmp_path / "half.db", one, two])
    merge(tmp_path / "plain.db", [one, two])
    assert everything(out) == everything(tmp_path / "plain.db")


def test_a_shard_that_grew_brings_what_is_new(shards, lab):
    one, two, out = shards
    merge(out, [one, two])
    with Gradebook(two) as book:
        book.add(of("fail", submission="wang", submission_digest="d2"))
    assert merge(out, [one, two]).reports == 1
    assert len(grades(out, lab)["wang"].attempts) == 2


def test_the_newest_report_counts_wherever_it_was_made(shards, lab):
    """A shard of yesterday must not put an old report over today's."""
    one, _, out = shards
    shutil.copy(one, out)
    with Gradebook(out) as book:
        book.add(of("crash", submission="chen", submission_digest="d2"))
    with Gradebook(one) as book:
        book._db.execute(
            "UPDATE reports SET graded_at = '2020-01-01T00:00:00.000000Z', uid = uid || 'x'"
        )
    assert merge(out, [one]).reports == 2
    assert grades(out, lab)["chen"].report.verdict == "crash"


def test_of_overrides_that_contradict_the_newest_counts_and_all_are_kept(shards, lab):
    one, two, out = shards
    with Gradebook(two) as book:
        book.override("small", "chen", 8, who="tb", why="second")
    with Gradebook(out) as book:
        book.override("small", "chen", 2, who="tc", why="third")
    merge(out, [two, one])
    grade = grades(out, lab)["chen"]
    assert (grade.score, grade.override.who) == (2, "tc")
    assert [o.why for o in grade.overrides] == ["first", "second", "third"]


def test_times_of_the_same_files_are_the_first_and_the_last_of_all(shards, lab):
    one, two, out = shards
    for path, day in ((one, 3), (two, 1), (out, 2)):
        with Gradebook(path) as book:
            book.add(of("pass", submission="zhao"), submitted_at=f"2026-03-0{day}T10:00:00Z")
    merge(out, [one, two])
    assert grades(out, lab)["zhao"].attempt.submitted_at == "2026-03-01T10:00:00Z"
    assert ("2026-03-01T10:00:00Z', '2026-03-03T10:00:00Z") in "".join(everything(out)["attempts"])


def test_different_versions_of_a_lab_are_told(shards):
    one, two, out = shards
    with Gradebook(two) as book:
        book.add(of("pass", submission="wang", lab_version="2-def"))
    assert merge(out, [one, two]).versions == {"small": {"1-abc": 1, "2-def": 1}}


def test_a_shard_of_an_older_schema_is_taken_and_told(tmp_path, lab):
    old, out = tmp_path / "old.db", tmp_path / "out.db"
    shutil.copy(DATA / "gradebook-1.db", old)
    assert merge(out, [old]).older == {old: 1}
    before = everything(out)
    with Gradebook(old):
        pass  # brings it up to date
    assert (merge(out, [old]).reports, everything(out)) == (0, before)
    assert len(grades(out, lab)["chen"].attempts) == 2


def test_a_shard_of_a_newer_schema_stops_the_merge_before_it_begins(shards):
    one, two, out = shards
    db = sqlite3.connect(two)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(EnvironmentFault, match=f"{two} has gradebook schema {SCHEMA_VERSION + 1}"):
        merge(out, [one, two])
    assert not out.exists()


def test_a_shard_that_is_not_there_stops_the_merge_before_it_begins(shards, tmp_path):
    one, _, out = shards
    with pytest.raises(UsageError, match="no gradebook"):
        merge(out, [one, tmp_path / "3.db"])
    assert not out.exists()


def test_a_damaged_shard_leaves_the_book_as_it_was(shards):
    one, two, out = shards
    merge(out, [one])
    before = everything(out)
    db = sqlite3.connect(two)
    db.execute("ALTER TABLE comments RENAME TO gone")
    db.close()
    with pytest.raises(EnvironmentFault, match="comments"):
        merge(out, [two])
    assert everything(out) == before


def test_a_book_is_no_shard_of_itself(shards, tmp_path):
    one, *_ = shards
    with pytest.raises(UsageError, match="cannot be a shard of itself"):
        merge(tmp_path / "x" / ".." / one.name, [one])
