"""aisys gradebook: what a teacher sees and changes, and the files that other programs take."""

import csv
import getpass
import io
import json
import os

import pytest
from running import run, write
from samples import of

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.errors import ExitCode
from aisys_cli.report.grades import Person

FILES = {"small.py": b"def add(a, b):\n    return a + b\n"}
CANVAS = """\
Student,ID,SIS Login ID,Section,Quiz (1),Arithmetic of Numbers (2)
    Points Possible,,,,5,10
"Chen, Ann",71,chen,Mo,3,
"Wang, Bo",72,bo,Tu,,1
"Zhao, Cy",73,zhao,Tu,,
"""


@pytest.fixture
def place(tmp_path):
    """A folder with a gradebook: chen twice, wang once by name only, li without a score."""
    with Gradebook(tmp_path / "gradebook.db") as book:
        book.add(of("pass", "fail", submission="chen"), files=FILES)
        book.add(of("pass", "pass", submission="chen", submission_digest="d2"), files=FILES)
        book.add(of("fail", submission="wang"))
        book.add(of("infra", submission="li"))
        book.enrol(
            [
                Person("chen", "Ann Chen", "chen@x.edu"),
                Person("wang", "Bo Wang", "wang@x.edu"),
                Person("zhao", "Cy Zhao", "zhao@x.edu"),
            ]
        )
    return tmp_path


@pytest.fixture
def gradebook(place, course):
    """gradebook("show") -> the finished process."""

    def run_it(*words, at=course, **options):
        return run("gradebook", *words, cwd=place, at=at, **options)

    return run_it


def good(done):
    assert done.returncode == ExitCode.OK, done.stderr
    return done.stdout


def row(text, start):
    (found,) = [line for line in text.splitlines() if line.split()[:1] == [start]]
    return " ".join(found.split())


# -- looking -----------------------------------------------------------------------


def test_show_has_every_student_and_what_is_missing(gradebook):
    text = good(gradebook("show"))
    assert row(text, "chen") == "chen Ann Chen 4 4"
    assert row(text, "wang") == "wang Bo Wang 0 0"
    assert row(text, "zhao") == "zhao Cy Zhao - 0"
    assert row(text, "li") == "li ? 0"
    assert max(map(len, text.splitlines())) <= 80


def test_show_of_a_lab_says_which_attempt_counts_and_by_which_rule(gradebook):
    done = gradebook("show", "--lab", "sm")
    text = good(done)
    assert text.startswith("small: the last attempt counts; no due date\n")
    assert row(text, "chen") == "chen Ann Chen 4/10 2 of 2 pass"
    assert row(text, "zhao") == "zhao Cy Zhao -/10 - missing"
    assert "small, attempt 1 ended in infra and may change the score:\n  li\n" in done.stderr
    assert "3 graded with another version of the lab" in done.stderr


def test_the_rules_of_the_course_are_applied(gradebook, own_course):
    with (own_course / "course.toml").open("a") as file:
        file.write('[grading]\ncounts = "best"\n[grading.due]\nsmall = 2026-03-01T23:59:00+08:00\n')
    done = gradebook("show", "--lab", "small", at=own_course)
    assert "the best attempt counts; due 2026-03-01 23:59+08:00" in good(done)
    assert "not known; taken to be in time:\n  chen, wang\n" in done.stderr


def test_show_is_json_when_asked(gradebook):
    made = json.loads(good(gradebook("show", "--format", "json")))
    assert made["schema"] == "aisys/grades/1"
    assert [(one["submission"], one["score"]) for one in made["grades"]] == [
        ("chen", 4),
        ("li", None),
        ("wang", 0),
        ("zhao", None),
    ]


def test_a_student_has_every_attempt_and_the_report_on_each(gradebook):
    assert "attempt 2 counts" in good(gradebook("student", "chen"))
    text = good(gradebook("student", "chen", "--lab", "small"))
    assert "Attempt 2\n" in text
    assert "2 of 2 checks passed" in text
    text = good(gradebook("student", "chen", "--lab", "small", "--attempt", "1"))
    assert "1 of 2 checks passed" in text
    assert "handed in nothing" in good(gradebook("student", "zhao", "--lab", "small"))
    made = json.loads(good(gradebook("student", "chen", "--format", "json")))
    assert [one["report"]["score"] for one in made["grades"][0]["attempts"]] == [2, 4]


# -- changing ------------------------------------------------------------------------


def test_a_score_that_is_set_counts_and_says_who_when_and_why(gradebook, place):
    done = gradebook("set", "wang", "--lab", "small", "--score", "7", "--why", "a fair point")
    assert good(done).startswith("small  7/10  set by a person\n")
    good(gradebook("set", "wang", "--lab", "small", "--score", "8", "--why", "b", "--who", "Eve"))
    with Gradebook(place / "gradebook.db") as book:
        book.add(of("pass", submission="wang"))
    (one,) = json.loads(good(gradebook("student", "wang", "--format", "json")))["grades"]
    assert (one["score"], one["override"]["who"]) == (8, "Eve")
    assert [(o["who"], o["why"]) for o in one["overrides"]] == [
        (getpass.getuser(), "a fair point"),
        ("Eve", "b"),
    ]
    good(gradebook("set", "wang", "--lab", "small", "--clear", "--why", "no"))
    assert row(good(gradebook("show")), "wang") == "wang Bo Wang 2 2"


def test_a_comment_is_kept_and_clean(gradebook):
    text = good(gradebook("comment", "chen", "看 line 3\x1b[31m", "--lab", "small", "--who", "Eve"))
    assert "看 line 3\\x1b[31m" in text
    assert "\x1b" not in text


SET = ["set", "wang", "--lab", "small"]
REFUSED = {
    "an unknown student": (["set", "wagn", *SET[2:], "--score", "1", "--why", "x"], "wang?"),
    "a student of nowhere": (["student", "nobody"], "gradebook show"),
    "no reason": ([*SET, "--score", "1"], "--why"),
    "a blank reason": ([*SET, "--score", "1", "--why", " "], "--why is empty"),
    "neither score nor clear": ([*SET, "--why", "x"], "--score N or --clear"),
    "both score and clear": ([*SET, "--score", "1", "--clear", "--why", "x"], "--clear"),
    "nothing to take back": ([*SET, "--clear", "--why", "x"], "no score of wang is set"),
    "too many points": ([*SET, "--score", "11", "--why", "x"], "0 to 10"),
    "less than none": ([*SET, "--score=-1", "--why", "x"], "0 to 10"),
    "half a point": ([*SET, "--score", "1.5", "--why", "x"], "1.5"),
    "an unknown lab": (["set", "wang", "--lab", "smell", "--score", "1", "--why", "x"], "small?"),
    "a blank comment": (["comment", "wang", " ", "--lab", "small"], "comment is empty"),
    "an attempt without its lab": (["student", "wang", "--attempt", "1"], "--lab LAB"),
    "an attempt too many": (["student", "wang", "--lab", "small", "--attempt", "2"], "no 2"),
    "a book that is not there": (["show", "--db", "x.db"], "no gradebook x.db"),
    "canvas without a template": (["export", "--to", "canvas"], "needs --template"),
    "a template without canvas": (["export", "--to", "csv", "--template", "x"], "no --template"),
    "a template that is not there": (
        ["export", "--to", "canvas", "--template", "x.csv"],
        "x.csv: No such file",
    ),
    "a template that is none": (
        ["export", "--to", "canvas", "--template", "gradebook.db"],
        "no gradebook that Canvas exported",
    ),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(gradebook, place, words, message):
    before = (place / "gradebook.db").read_bytes()
    done = gradebook(*words)
    assert done.returncode == ExitCode.USAGE
    assert done.stdout == ""
    assert message in done.stderr
    assert (place / "gradebook.db").read_bytes() == before
    assert os.listdir(place) == ["gradebook.db"]


def test_while_a_run_writes_others_may_look_and_not_write(gradebook, place):
    with Gradebook(place / "gradebook.db") as book:
        book.add(of("pass", submission="sun"))
        assert row(good(gradebook("show")), "sun") == "sun 2 2"
        done = gradebook("set", "sun", "--lab", "small", "--score", "1", "--why", "x")
    assert done.returncode == ExitCode.ENVIRONMENT
    assert f"another aisys (process {os.getpid()}) is writing" in done.stderr


def test_a_book_of_another_course_has_nothing_to_show(gradebook, place):
    with Gradebook(place / "other.db") as book:
        book.add(of("pass", lab="other"))
    done = gradebook("show", "--db", "other.db")
    assert done.returncode == ExitCode.NOTHING_TO_DO
    assert "the course has no such lab: other" in done.stderr


# -- exports -------------------------------------------------------------------------


def test_csv_is_on_stdout_or_in_a_file(gradebook, place):
    text = good(gradebook("export", "--to", "csv"))
    scores = {one["submission"]: one["score"] for one in csv.DictReader(io.StringIO(text))}
    assert scores == {"chen": "4", "li": "", "wang": "0", "zhao": ""}
    done = gradebook("export", "--to", "csv", "-o", "grades.csv")
    assert good(done) == ""
    assert "Wrote grades.csv" in done.stderr
    assert (place / "grades.csv").read_text() == text


def test_canvas_gets_its_own_file_back_with_the_scores(gradebook, place):
    write(place, {"canvas.csv": CANVAS.replace("\n", "\r\n")})
    done = gradebook("export", "--to", "canvas", "--template", "canvas.csv", "-o", "new.csv")
    good(done)
    wanted = CANVAS.replace("Mo,3,", "Mo,3,4").replace("Tu,,1", "Tu,,0")
    assert (place / "new.csv").read_bytes() == wanted.replace("\n", "\r\n").encode()
    assert "2 scores of small in the column Arithmetic of Numbers (2)" in done.stderr


def test_canvas_is_told_of_students_it_does_not_have(gradebook, place):
    write(place, {"canvas.csv": CANVAS.replace("Wang, Bo", "Wu, Bo").replace("Mo,3,", "Mo,3,EX")})
    done = gradebook("export", "--to", "canvas", "--template", "canvas.csv", "--column", "2")
    good(done)
    assert "Not one of the students of canvas.csv, or of more than one:\n  wang\n" in done.stderr
    assert "Excused (EX) in Canvas, and left so:\n  chen\n" in done.stderr


def test_moodle_gets_who_is_on_the_roster(gradebook, place):
    with Gradebook(place / "gradebook.db") as book:
        book.add(of("pass", submission="guest"))
    done = gradebook("export", "--to", "moodle", "--lab", "small")
    rows = list(csv.reader(io.StringIO(good(done))))
    assert rows[0][:3] == ["ID number", "Email address", "Arithmetic of numbers"]
    assert [row[:3] for row in rows[1:]] == [
        ["chen", "chen@x.edu", "4"],
        ["wang", "wang@x.edu", "0"],
    ]
    assert "  guest\n" in done.stderr


def test_json_has_every_attempt_with_its_report(gradebook):
    made = json.loads(good(gradebook("export", "--to", "json")))
    chen = made["grades"][0]
    assert [one["report"]["score"] for one in chen["attempts"]] == [2, 4]


def test_files_are_utf_8_whatever_the_terminal_is(gradebook, place):
    with Gradebook(place / "gradebook.db") as book:
        book.enrol([Person("chen", "陈安")])
    env = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    assert "陈安" in good(gradebook("export", "--to", "csv", env=env))


# -- merging -------------------------------------------------------------------------


def test_shards_are_merged_and_what_does_not_fit_is_said(gradebook, place):
    with Gradebook(place / "2.db") as book:
        book.add(of("pass", submission="sun", lab_version="2-def"))
        book.override("small", "chen", 3, who="ta", why="w")
    done = gradebook("merge", "all.db", "gradebook.db", "2.db")
    good(done)
    assert "Wrote all.db: 5 new reports, 1 new override, 0 new comments" in done.stderr
    assert "different versions of the lab: 1-abc (3), 2-def (1)" in done.stderr
    text = good(gradebook("show", "--db", "all.db"))
    assert row(text, "chen") == "chen Ann Chen 3* 3"
    assert row(text, "sun") == "sun 2 2"
    assert "0 new reports" in gradebook("merge", "all.db", "2.db").stderr


def test_a_shard_that_is_missing_makes_no_book(gradebook, place):
    done = gradebook("merge", "all.db", "gradebook.db", "3.db")
    assert done.returncode == ExitCode.USAGE
    assert not (place / "all.db").exists()
