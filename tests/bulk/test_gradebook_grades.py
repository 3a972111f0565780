"""Attempts, sources, overrides and comments: kept whatever is graded later; who stands where."""

import zlib
from datetime import UTC, datetime, timedelta

import pytest
from harness import REFERENCE
from samples import of

from aisys_cli.bulk import run
from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.bulk.intake import find_submissions, read_submission
from aisys_cli.bulk.policy import Policy
from aisys_cli.errors import EnvironmentFault
from aisys_cli.report.grades import Comment, Person

LAST, BEST = Policy(), Policy(counts="best")
FILES = {"small.py": b"def add(a, b):\n    return a + b\n", "more.py": b"\xff\0"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gradebook.db"


@pytest.fixture
def book(path):
    with Gradebook(path) as opened:
        yield opened


def verdicts(attempts):
    return [(one.number, one.report.verdict, one.report.submission_digest) for one in attempts]


def one(book, lab, policy=LAST, **options):
    (found,) = book.grades(lab, policy, **options)
    return found


# -- attempts ----------------------------------------------------------------------


def test_files_are_an_attempt_and_a_regrade_is_not(book, lab):
    book.add(of("fail", submission_digest="d1"))
    book.add(of("pass", "fail", submission_digest="d2"))
    book.add(of("fail", "fail", submission_digest="d2"))
    grade = one(book, lab)
    assert verdicts(grade.attempts) == [(1, "fail", "d1"), (2, "fail", "d2")]
    assert [attempt.reports for attempt in grade.attempts] == [1, 2]
    assert (grade.counts, grade.score, grade.max_score) == (2, 0, 10)
    rows = book._db.execute("SELECT verdict FROM reports ORDER BY id").fetchall()
    assert rows == [("fail",), ("partial",), ("fail",)]


def test_the_policy_says_which_attempt_counts(book, lab):
    book.add(of("pass", submission_digest="d1"))
    book.add(of("fail", submission_digest="d2"))
    assert (one(book, lab, LAST).counts, one(book, lab, BEST).counts) == (2, 1)


def test_a_regrade_that_ends_in_infra_leaves_the_score_and_is_pending(book, lab):
    book.add(of("pass"))
    book.add(of("infra"))
    grade = one(book, lab)
    assert (grade.score, grade.report.verdict, grade.pending) == (2, "pass", (1,))
    book.add(of("fail"))
    grade = one(book, lab)
    assert (grade.score, grade.report.verdict, grade.pending) == (0, "fail", ())


def test_an_attempt_that_is_infra_leaves_the_score_of_the_one_before(book, lab):
    book.add(of("pass", submission_digest="d1"))
    book.add(of("infra", submission_digest="d2"))
    grade = one(book, lab)
    assert (grade.counts, grade.score, grade.pending) == (1, 2, (2,))


def test_nothing_but_infra_is_no_score_and_no_zero(book, lab):
    book.add(of("infra"))
    grade = one(book, lab)
    assert (grade.counts, grade.score, grade.pending) == (1, None, (1,))
    assert grade.report.verdict == "infra"


def test_going_back_to_files_of_before_makes_them_the_last(book, lab):
    for digest in ("d1", "d2", "d1"):
        book.add(of("pass" if digest == "d1" else "fail", submission_digest=digest))
    assert one(book, lab).counts == 1


def test_attempts_are_in_the_order_in_which_they_were_handed_in(book, lab):
    """And not in that in which they were graded."""
    times = {
        "d3": "2026-03-03T10:00:00+08:00",
        "d1": "2026-03-01T10:00:00+08:00",
        "d2": "2026-03-01T21:00:00-06:00",
    }
    for digest, time in times.items():
        book.add(of("pass", submission_digest=digest), submitted_at=time)
    grade = one(book, lab)
    assert [a.report.submission_digest for a in grade.attempts] == ["d1", "d2", "d3"]
    assert grade.attempts[1].submitted_at == times["d2"]
    assert grade.counts == 3


EARLY, MIDDLE, LATE = (f"2026-03-0{day}T10:00:00+08:00" for day in (1, 2, 3))


def test_the_same_files_handed_in_again_keep_their_first_time_and_are_the_last(book, lab):
    due = Policy(due=datetime(2026, 3, 2, 12, tzinfo=UTC), percent_per_day=10)
    for digest, time in (("d1", EARLY), ("d2", MIDDLE), ("d1", LATE), ("d1", "")):
        book.add(of("pass", submission_digest=digest), submitted_at=time)
    grade = one(book, lab, due)
    assert (grade.counts, grade.attempt.late_days) == (1, 0)
    assert grade.attempt.submitted_at == EARLY


@pytest.mark.parametrize("time", ["", "yesterday", "2026-03-01T10:00:00"])
def test_a_time_that_is_none_is_unknown(book, lab, time):
    book.add(of("pass"), submitted_at=EARLY)
    book.add(of("pass"), submitted_at=time)
    book.add(of("pass", submission="wang"), submitted_at=time)
    assert [g.attempt.submitted_at for g in book.grades(lab, LAST)] == [EARLY, ""]


def test_a_time_that_becomes_known_is_noted_for_what_is_not_graded_again(book, lab):
    book.add(of("pass"))
    book.handed_in("small", {"li-ming": ("d1", MIDDLE)})
    book.handed_in("small", {"li-ming": ("d1", "")})
    assert one(book, lab).attempt.submitted_at == MIDDLE


def test_late_days_cost_points(book, lab):
    book.add(of("pass", "pass"), submitted_at=LATE)
    due = datetime.fromisoformat(LATE) - timedelta(hours=30)
    grade = one(book, lab, Policy(due=due, percent_per_day=25))
    assert (grade.attempt.late_days, grade.attempt.penalty, grade.score) == (2, 50, 2)


def test_a_clock_that_was_set_back_does_not_make_the_newest_report_an_old_one(book, lab):
    book.add(of("fail"))
    book._db.execute("UPDATE reports SET graded_at = '2999-01-01T00:00:00.000000Z'")
    book.add(of("pass"))
    assert [report.verdict for report in book.latest("small")] == ["pass"]
    assert one(book, lab).report.verdict == "pass"


def test_other_labs_do_not_matter(book, lab):
    book.add(of("pass"))
    book.add(of("pass", lab="other", submission="wang"))
    book.override("other", "zhao", 3, who="ta", why="w")
    assert [grade.submission for grade in book.grades(lab, LAST)] == ["li-ming"]
    assert book.labs() == ["other", "small"]
    assert book.submissions() == ["li-ming", "wang", "zhao"]


# -- sources -------------------------------------------------------------------------


def test_the_files_of_every_attempt_are_kept_once(book):
    book.add(of("pass"), files=FILES)
    book.add(of("fail"), files=FILES)
    book.add(of("fail", submission="wang"), files=FILES)
    book.add(of("fail", submission_digest="d2"), files={"small.py": b""})
    assert book.sources("d1") == FILES
    assert book.sources("d2") == {"small.py": b""}
    assert book._db.execute("SELECT count(*) FROM sources").fetchone() == (2,)


def test_where_no_files_could_be_read_there_are_none(book):
    book.add(of("error"), files={})
    book.add(of("error", submission_digest="d2"))
    assert book.sources("d1") == book.sources("d2") == book.sources("x") == {}


@pytest.mark.parametrize("data", [b"", b"x" * 9, zlib.compress(b"\x93"), zlib.compress(b"\x01")])
def test_damaged_sources_are_a_fault_of_the_environment(book, data):
    book.add(of("pass"), files=FILES)
    book._db.execute("UPDATE sources SET files = ?", (data,))
    with pytest.raises(EnvironmentFault, match="is damaged"):
        book.sources("d1")


# -- what people decide ----------------------------------------------------------------


def test_an_override_beats_everything_and_no_regrade_touches_it(book, lab):
    book.add(of("fail"))
    book.override("small", "li-ming", 7, who="ta", why="the check was too strict")
    book.comment("small", "li-ming", "Well done.", who="wang")
    for verdict in ("pass", "infra", "fail"):
        book.add(of(verdict, submission_digest=f"d-{verdict}"))
        book.add(of(verdict))
    grade = one(book, lab, BEST)
    assert grade.score == 7
    assert (grade.override.score, grade.override.who) == (7, "ta")
    assert grade.override.why == "the check was too strict"
    assert grade.comments == (Comment("Well done.", "wang", grade.comments[0].when),)
    assert grade.pending == ()
    assert len(grade.attempts) == 4


def test_an_override_has_the_time_at_which_it_was_made(book, lab):
    before = datetime.now(UTC) - timedelta(seconds=1)
    book.override("small", "li-ming", 7, who="ta", why="w")
    assert before <= datetime.fromisoformat(one(book, lab).override.when) <= datetime.now(UTC)


def test_the_newest_override_counts_and_all_are_kept(book, lab):
    book.add(of("pass"))
    for score in (3, 5, None, 0):
        book.override("small", "li-ming", score, who="ta", why=f"to {score}")
    grade = one(book, lab)
    assert (grade.score, grade.override.why) == (0, "to 0")
    assert [o.why for o in grade.overrides] == ["to 3", "to 5", "to None", "to 0"]
    assert [o.withdrawn for o in grade.overrides] == [False, False, True, False]


def test_an_override_that_is_taken_back_leaves_what_was_graded(book, lab):
    book.add(of("pass"))
    book.override("small", "li-ming", 9, who="ta", why="a")
    book.override("small", "li-ming", None, who="ta", why="b")
    grade = one(book, lab)
    assert (grade.score, grade.override, len(grade.overrides)) == (2, None, 2)


def test_who_handed_in_nothing_can_be_given_a_score(book, lab):
    book.override("small", "zhao", 4, who="ta", why="was ill")
    book.comment("small", "qian", "Come and see me.", who="ta")
    found = {grade.submission: grade for grade in book.grades(lab, LAST)}
    assert (found["zhao"].score, found["zhao"].attempt, found["zhao"].report) == (4, None, None)
    assert (found["qian"].score, found["qian"].counts) == (None, 0)


# -- the roster ------------------------------------------------------------------------

CLASS = [Person("li-ming", "李明", "li@x.edu"), Person("zhao", "Zhao", "zhao@x.edu")]


def test_who_is_on_the_roster_and_handed_in_nothing_is_there(book, lab):
    book.add(of("pass"))
    book.add(of("pass", submission="guest"))
    found = {grade.submission: grade for grade in book.grades(lab, LAST, roster=CLASS)}
    assert set(found) == {"guest", "li-ming", "zhao"}
    assert (found["li-ming"].name, found["li-ming"].email) == ("李明", "li@x.edu")
    assert (found["zhao"].attempts, found["zhao"].score, found["zhao"].counts) == ((), None, 0)
    assert found["guest"].name == ""


def test_the_roster_that_is_kept_is_the_one_unless_another_is_given(book, lab):
    book.enrol([Person("gone"), *CLASS])
    book.enrol(CLASS)
    assert book.roster() == CLASS
    assert [grade.submission for grade in book.grades(lab, LAST)] == ["li-ming", "zhao"]
    assert book.grades(lab, LAST, roster=[]) == []


def test_one_student_can_be_asked_for(book, lab):
    book.enrol(CLASS)
    book.add(of("pass"))
    assert book.grade(lab, LAST, "li-ming") == book.grades(lab, LAST)[0]
    assert book.grade(lab, LAST, "nobody").attempts == ()


def test_a_name_is_clean_before_it_is_kept(book):
    book.enrol([Person("a", "A\x1b[31m\nB", "a\tb")])
    assert book.roster() == [Person("a", "A\\x1b[31m\\x0aB", "a\\x09b")]


# -- from a run ------------------------------------------------------------------------


def test_a_run_keeps_the_files_it_graded_and_when_they_were_handed_in(book, lab, pool, tmp_path):
    (tmp_path / "subs").mkdir()
    for id, source in {"a": REFERENCE, "b": "\0"}.items():
        (tmp_path / f"subs/{id}.py").write_text(source)

    found = [one._replace(submitted_at=EARLY) for one in find_submissions(tmp_path / "subs")]
    run.grade_all(pool, lab, found, book, seed=1, each=lambda report: None)
    first, second = book.grades(lab, LAST)
    assert first.attempt.submitted_at == second.attempt.submitted_at == EARLY
    assert book.sources(first.report.submission_digest) == {"small.py": REFERENCE.encode()}
    assert book.sources(second.report.submission_digest) == {}


def test_a_plan_notes_when_what_it_keeps_was_handed_in(book, lab, tmp_path):
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs/a.py").write_text(REFERENCE)
    submission = read_submission("a", tmp_path / "subs/a.py", lab)
    book.add(
        of("pass", submission="a", submission_digest=submission.digest, lab_version=lab.version)
    )
    found = [one._replace(submitted_at=LATE) for one in find_submissions(tmp_path / "subs")]
    assert run.plan(found, lab, book, seed=1, isolation="bwrap").kept == ["a"]
    assert one(book, lab).attempt.submitted_at == LATE


# -- in memory, and on a disk that is full ------------------------------------------------


def test_reports_are_read_one_student_at_a_time(book, lab, monkeypatch):
    for id in "abc":
        book.add(of("pass", submission=id))
        book.add(of("fail", submission=id, submission_digest="d2"))
    read = []
    report = type(book)._report
    monkeypatch.setattr(
        type(book), "_report", lambda self, row: read.append(row) or report(self, row)
    )
    grades = book.each_grade(lab, LAST)
    next(grades)
    assert len(read) == 2
    next(grades)
    assert len(read) == 4


def test_what_cannot_be_written_whole_is_not_written_at_all(book, lab):
    book.add(of("fail"))
    book._db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON reports BEGIN SELECT RAISE(FAIL, 'full'); END"
    )
    with pytest.raises(EnvironmentFault, match="full"):
        book.add(of("pass", submission="wang"), files=FILES, submitted_at=EARLY)
    assert book._db.execute("SELECT count(*) FROM attempts").fetchone() == (1,)
    assert book.sources("d1") == {}
    book._db.execute("DROP TRIGGER full")
    book.add(of("pass", submission="wang"), files=FILES)
    assert book.sources("d1") == FILES


def test_a_time_that_is_damaged_is_said_to_be_that(book, lab):
    book.add(of("pass"))
    book._db.execute("UPDATE reports SET graded_at = 'noon'")
    with pytest.raises(EnvironmentFault, match="'noon' is no time"):
        book.grades(lab, LAST)


def test_rows_that_cannot_be_read_are_a_fault_of_the_environment(book):
    with pytest.raises(EnvironmentFault, match="cannot read the gradebook"):
        list(book.each_row("SELECT x FROM nowhere"))
