"""The gradebook: what was added is there again, and a file that is none is said to be that."""

import sqlite3

import pytest
from samples import of

from aisys_cli.bulk.gradebook import SCHEMA_VERSION, Gradebook
from aisys_cli.errors import EnvironmentFault


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gradebook.db"


def added(path, *reports):
    with Gradebook(path) as book:
        for report in reports:
            book.add(report)


def latest(path, lab="small"):
    with Gradebook.read(path) as book:
        return list(book.latest(lab))


def graded(path, lab="small", version="1-abc", *, seed=1, isolation="bwrap"):
    with Gradebook(path) as book:
        return book.graded(lab, version, seed=seed, isolation=isolation)


def execute(path, sql):
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()


def test_a_report_is_found_again_after_reopening(path):
    made = of("pass", "fail", "infra", notes=("一个注释",), versions={"numpy": "2"})
    added(path, made)
    assert latest(path) == [made]
    assert graded(path) == {"li-ming": ("d1", "infra")}


def test_a_report_is_there_for_others_before_the_book_is_closed(path):
    with Gradebook(path) as book:
        book.add(of("pass"))
        assert latest(path) == [of("pass")]


def test_the_folder_of_the_book_is_made(tmp_path):
    added(tmp_path / "a/b/book.db", of("pass"))
    assert len(latest(tmp_path / "a/b/book.db")) == 1


def test_the_latest_of_each_submission_is_told_by_id(path):
    added(
        path,
        of("fail", submission="wang"),
        of("fail", submission="chen"),
        of("pass", submission="wang"),
        of("pass", submission="chen", seed=2),
        of("crash", submission="wang", lab="other"),
    )
    assert [(r.submission, r.verdict, r.seed) for r in latest(path)] == [
        ("chen", "pass", 2),
        ("wang", "pass", 1),
    ]
    assert [r.verdict for r in latest(path, "other")] == ["crash"]
    assert latest(path, "none") == []


def test_every_report_is_kept(path):
    added(path, of("fail"), of("pass"), of("pass"))
    db = sqlite3.connect(path)
    rows = db.execute("SELECT verdict, score, max_score, graded_at FROM reports ORDER BY id")
    found = list(rows)
    db.close()
    assert [row[:3] for row in found] == [("fail", 0, 2), ("pass", 2, 2), ("pass", 2, 2)]
    assert all(row[3].endswith("Z") for row in found)


@pytest.mark.parametrize(
    ("how", "count"),
    [
        ({}, 1),
        ({"seed": 2}, 0),
        ({"isolation": "process"}, 0),
        ({"version": "2-abc"}, 0),
        ({"lab": "other"}, 0),
    ],
)
def test_graded_is_what_was_graded_in_just_this_way(path, how, count):
    added(path, of("pass"))
    assert len(graded(path, **how)) == count


def test_of_several_gradings_in_the_same_way_the_newest_counts(path):
    added(path, of("infra"), of("fail", submission_digest="d2"))
    assert graded(path) == {"li-ming": ("d2", "fail")}


def not_a_database(path):
    path.write_text("submission,score\nli-ming,10\n" * 100)


def folder(path):
    path.mkdir()


def in_a_file(path):
    path.parent.rmdir()
    path.parent.write_text("")


def somebody_elses(path):
    execute(path, "CREATE TABLE reports (x); CREATE TABLE notes (y);")


def without_tables(path):
    execute(path, f"PRAGMA user_version = {SCHEMA_VERSION}; CREATE TABLE x (y)")


BROKEN = {
    "no database": not_a_database,
    "a folder": folder,
    "a file in place of the folder": in_a_file,
    "another program's database": somebody_elses,
    "a book without its tables": without_tables,
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_gradebook_is_a_fault_of_the_environment(tmp_path, spoil):
    path = tmp_path / "folder" / "book.db"
    path.parent.mkdir()
    spoil(path)
    with pytest.raises(EnvironmentFault) as raised:
        graded(path)
    assert str(path) in raised.value.message


def test_what_is_no_gradebook_stays_as_it_is(path):
    not_a_database(path)
    before = path.read_bytes()
    with pytest.raises(EnvironmentFault):
        Gradebook(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_not_written_to(path):
    execute(path, "CREATE TABLE notes (y)")
    with pytest.raises(EnvironmentFault):
        Gradebook(path)
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master")]
    db.close()
    assert tables == ["notes"]


@pytest.mark.parametrize("data", [b"", b"not json", b'{"lab": "small"}'])
def test_a_damaged_row_is_a_fault_of_the_environment(path, data):
    added(path, of("pass"))
    db = sqlite3.connect(path)
    db.execute("UPDATE reports SET report = ?", (data,))
    db.commit()
    db.close()
    with pytest.raises(EnvironmentFault, match="gradebook"):
        latest(path)


def test_a_book_that_cannot_be_written_says_what_to_do(path):
    added(path, of("pass"))
    with Gradebook(path) as book:
        book._db.execute("PRAGMA query_only = 1")
        with pytest.raises(EnvironmentFault, match="cannot write to the gradebook") as raised:
            book.add(of("fail"))
    assert "run the same command again" in raised.value.remedy
    assert latest(path) == [of("pass")]
