"""A teacher's way: a folder of submissions into a gradebook, again, and a course checked."""

import json
import zipfile
from xml.etree import ElementTree

import pytest
from running import FLOAT32, RIGHT, SYNTAX, UNWRITTEN, WRONG, run, write

from aisys_cli.bulk.gradebook import Gradebook

VERDICTS = {
    "ada": "pass",
    "bo": "partial",
    "chen": "partial",
    "dora": "error",
    "emil": "error",
    "fei": "error",
    "gus": "crash",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("teacher")
    files = {
        "ada.py": RIGHT,
        "bo/small.py": WRONG,
        "dora.py": SYNTAX,
        "emil/notes.txt": "I could not do it.",
        "fei.py": UNWRITTEN.replace("return", "raise ValueError #"),
        "gus.py": "import os\nos._exit(1)\n",
        "README.txt": "not a submission",
    }
    write(root / "subs", files)
    with zipfile.ZipFile(root / "subs/chen.zip", "w") as archive:
        archive.writestr("chen/small.py", FLOAT32)
    return root


@pytest.fixture(scope="module")
def grade_all(folder, course):
    def run_it(*words):
        return run("grade-all", "subs", "--lab", "small", *words, cwd=folder, at=course)

    return run_it


@pytest.fixture(scope="module")
def first(grade_all):
    return grade_all("-j2", "--report", "json=all.json", "--report", "junit=all.xml")


@pytest.fixture(scope="module")
def later(first, folder, grade_all):
    """What is graded when the same command is run again, and again with --regrade."""
    runs = {"again": grade_all("--format", "json")}
    runs["one"] = grade_all("--regrade", "bo")
    runs["all"] = grade_all("--regrade", "all", "-j2")
    write(folder, {"subs/dora.py": RIGHT})
    runs["changed"] = grade_all("--regrade", "infra", "--format", "json")
    runs["seed"] = grade_all("--seed", "2", "--db", "other.db", "--report", "text=all.txt")
    return runs


def graded(done):
    """Names of the submissions that progress speaks of."""
    assert done.returncode == 0, done.stderr
    return {line.split()[-1] for line in done.stderr.splitlines() if "/10 " in line}


def test_every_submission_gets_a_verdict_in_the_table_and_in_the_gradebook(first, folder, later):
    assert first.returncode == 0, first.stderr
    rows = [line.split() for line in first.stdout.splitlines()]
    assert {row[0]: row[1] for row in rows if row[0] in VERDICTS} == VERDICTS
    assert "7 submissions: 3 error, 2 partial, 1 pass, 1 crash" in first.stdout
    with Gradebook(folder / "gradebook.db") as book:
        assert {one.submission for one in book.latest("small")} == set(VERDICTS)


def test_progress_is_on_stderr_and_data_on_stdout(first):
    assert graded(first) == set(VERDICTS)
    assert "7 graded in" in first.stderr
    assert "Wrote gradebook.db" in first.stderr
    assert "/7 " not in first.stdout
    assert "submission " in first.stdout.splitlines()[0]


def test_reports_of_all_are_in_one_json_and_one_junit_file(first, folder):
    made = json.loads((folder / "all.json").read_text())
    assert made["schema"] == "aisys/reports/1"
    scores = {one["submission"]: one["score"] for one in made["reports"]}
    assert scores == {"ada": 10, "bo": 7, "chen": 8, "dora": 0, "emil": 0, "fei": 0, "gus": 0}
    suites = ElementTree.parse(folder / "all.xml").getroot().findall("testsuite")
    assert {suite.get("name"): suite.get("failures") for suite in suites}["bo"] == "1"


def test_what_cannot_be_run_says_why(first, folder):
    reports = json.loads((folder / "all.json").read_text())["reports"]
    emil = next(one for one in reports if one["submission"] == "emil")
    assert "small.py is not in the submission" in emil["checks"][0]["message"]
    dora = next(one for one in reports if one["submission"] == "dora")
    assert "SyntaxError" in dora["checks"][0]["message"]
    assert dora["checks"][0]["evidence"]["where"]["line"] == 1


def test_run_again_it_grades_nothing_and_shows_the_same(later, folder):
    assert graded(later["again"]) == set()
    assert "7 of 7 already graded, and unchanged" in later["again"].stderr
    before = json.loads((folder / "all.json").read_text())
    assert json.loads(later["again"].stdout) == before


def test_what_is_named_is_graded_again(later):
    assert graded(later["one"]) == {"bo"}
    assert "6 of 7 already graded" in later["one"].stderr
    assert graded(later["all"]) == set(VERDICTS)


def test_a_file_that_changed_is_graded_again_and_nothing_else(later):
    assert graded(later["changed"]) == {"dora"}
    reports = json.loads(later["changed"].stdout)["reports"]
    assert {one["submission"]: one["score"] for one in reports}["dora"] == 10


def test_another_seed_and_another_gradebook_begin_anew(later, folder):
    assert graded(later["seed"]) == set(VERDICTS)
    assert "Wrote other.db" in later["seed"].stderr
    assert (folder / "all.txt").read_text().count("seed 2") == 7


def test_a_submission_that_could_not_be_graded_has_no_score_and_the_command_to_try_again(
    tmp_path, own_course
):
    check = own_course / "grading/small/checks.py"
    right = check.read_text()
    check.write_text(right.replace("-a, of", "-a / 0, of"))
    write(tmp_path, {"subs/ada.py": RIGHT})
    words = ["grade-all", "subs", "--lab", "small", "--db", "g.db"]
    done = run(*words, cwd=tmp_path, at=own_course)
    assert "1 of 1 could not be graded (infra)" in done.stderr
    again = "grade-all subs --lab small --db g.db --regrade infra"
    assert f"  aisys {again}\n" in done.stderr
    assert "infra        -/10" in done.stdout
    check.write_text(right)
    done = run(*again.split(), cwd=tmp_path, at=own_course)
    assert graded(done) == {"ada"}
    assert "pass        10/10" in done.stdout


@pytest.mark.parametrize("details", ["full", "actual-only", "none"])
def test_details_hide_what_a_hidden_check_expects_everywhere(details, course, tmp_path):
    """The answer to neg is a value that stands nowhere else."""
    submission = RIGHT.replace("return -a", "return 4321.5 if a else 0.0")
    write(tmp_path, {"small.py": submission})
    words = ["grade", "small.py", "--details", details, "--seed", "3"]
    words += [f"--report={kind}=out.{kind}" for kind in ("json", "junit", "text")]
    done = run(*words, cwd=tmp_path, at=course)
    files = [(tmp_path / f"out.{kind}").read_text() for kind in ("json", "junit", "text")]
    assert done.returncode == 1
    for text in [done.stdout, *files]:
        assert "2.1" in text
        assert ("4321.5" in text) == (details != "none")
        assert ("neg(1.0)" in text) == (details != "none")
        assert ("-1.0" in text) == (details == "full")
        assert ("Tolerance" in text or "tolerance: " in text or '"rtol' in text) == (
            details == "full"
        )
    assert "Expected" not in done.stdout


def test_the_small_course_is_right(course, tmp_path):
    done = run("course", "check", "--seeds", "1", "--chaff-seeds", "1", cwd=tmp_path, at=course)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok    small")
    assert "3 chaffs rejected" in done.stdout


def test_a_chaff_that_no_check_rejects_makes_the_course_wrong(own_course, tmp_path):
    chaff = """\
    mistake = "none at all"
    rejected_by = ["1.2"]

    [[edits]]
    old = "return a * b"
    new = "return b * a"
    """
    write(own_course / "solutions/small/chaffs", {"right.toml": chaff.replace("    ", "")})
    words = ["course", "check", "small", "--seeds", "1", "--chaff-seeds", "1"]
    done = run(*words, cwd=tmp_path, at=own_course)
    assert done.returncode == 3
    assert "FAIL  small" in done.stdout
    assert "chaff-right@1: check 1.2 must reject it, but said pass" in done.stdout
    assert "Not right: small\n" in done.stderr
