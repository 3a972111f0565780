"""A student's whole way in one folder: start, read, test, get stuck, repair, hand in.

The fixture `way` walks it once; each test looks at some of its steps.
"""

import json
import zipfile
from xml.etree import ElementTree

import pytest
from running import FLOAT32, RIGHT, UNWRITTEN, WRONG, in_terminal, run, write

WRONG_MUL = RIGHT.replace("return a * b", 'print("in mul")\n    return a * b * 1.5')


class Way:
    """A workspace; what each step gave, and the student's file after it, by name."""

    def __init__(self, root, course):
        self.root, self.course = root, course
        self.done, self.text = {}, {}

    def step(self, name, *words, cwd=""):
        self.done[name] = run(*words, cwd=self.root / cwd, at=self.course)
        file = self.root / "small/small.py"
        self.text[name] = file.read_text() if file.exists() else ""

    def edit(self, text):
        write(self.root, {"small/small.py": text})

    def out(self, name, code=0):
        assert self.done[name].returncode == code, self.done[name].stderr
        return self.done[name].stdout


@pytest.fixture(scope="module")
def way(tmp_path_factory, course):
    one = Way(tmp_path_factory.mktemp("student"), course)
    step, edit = one.step, one.edit
    step("list before", "lab", "list")
    step("start", "lab", "start", "small")
    step("starter tested", "lab", "test")
    step("show", "lab", "show")
    step("show plain", "lab", "show", "--plain")
    step("show task", "lab", "show", "small/2")
    step("show zh", "--lang", "zh", "lab", "show")
    for name in ("hint", "hint again"):
        step(name, "lab", "hint")
    step("hint next", "lab", "hint", "--next")
    step("hint of a check", "lab", "hint", "2.2", "--all")
    step("hint remembered", "lab", "hint", "2")

    edit(WRONG_MUL)
    step("wrong tested", "lab", "test")
    step("wrong repro", "lab", "repro", "1.2")
    step("start again", "lab", "start", "small")
    step("submit failing", "lab", "submit")
    step("list", "lab", "list")
    step("status", "lab", "status")
    step("status inside", "lab", "status", cwd="small/public")
    step("last failed", "lab", "test", "--last-failed")
    edit(RIGHT)
    step("right repro", "lab", "repro", "1.2")
    reports = [f"--report={kind}=out/{kind}" for kind in ("json", "junit", "text")]
    step("right tested", "lab", "test", "--seed", "7", "--examples", "3", *reports)
    step("nothing failed", "lab", "test", "--last-failed")
    step("no failure", "lab", "repro", "1.2")
    step("one check", "lab", "test", "2.2", "--format", "json", cwd="small")
    step("one task", "lab", "test", "small/1", "--format", "json")
    step("submit", "lab", "submit")

    edit(FLOAT32.replace("return a * b", "return a"))
    step("exit first", "lab", "test", "-x")
    step("reset task", "lab", "reset", "1", "--yes")
    step("reset", "lab", "reset", "--yes")
    step("reset nothing", "lab", "reset", "--yes")
    step("submit allowed", "lab", "submit", "--allow-failing", "-o", "failing.zip")
    step("start by force", "lab", "start", "small", "--force")
    return one


def test_the_list_shows_the_lab_before_it_is_started_and_how_far_one_is(way):
    assert "small              Arithmetic of numbers" in way.out("list before")
    assert "Start one: aisys lab start LAB" in way.out("list before")
    assert "passed" not in way.out("list before")
    assert "* begun  small " in way.out("list")
    assert " 2/3\n" in way.out("list")


def test_start_says_where_things_are_and_what_to_do_next(way):
    out = way.out("start")
    for words in ("Started small in small", "small/small.py", "aisys lab test", "aisys lab hint"):
        assert words in out
    assert (way.root / "small/public/handout.en.md").is_file()
    assert (way.root / "small/public/checks.py").is_file()
    assert not list(way.root.glob("small/**/hints*"))
    assert "NotImplementedError" in way.text["start"]


def test_start_again_keeps_the_work_and_says_so(way):
    assert way.text["start again"] == WRONG_MUL
    assert "Kept your small.py in small" in way.out("start again")


def test_start_by_force_puts_the_starter_back(way):
    assert "Started small" in way.out("start by force")
    assert "NotImplementedError" in way.text["start by force"]


def test_show_is_the_handout_in_each_language_and_by_task(way):
    assert way.out("show").startswith("# Arithmetic of numbers")
    assert way.out("show plain") == way.out("show")
    assert way.out("show zh").startswith("# 数的四则运算")
    assert way.out("show task").startswith("## Task 2")
    assert "Task 1" not in way.out("show task")


def test_the_starter_passes_nothing_and_says_that_nothing_is_written(way):
    out = way.out("starter tested", 1)
    assert out.count("not written") == 2
    assert "blocked   1.2" in out
    assert "0 of 3 public checks passed; 1 hidden check runs when graded." in out
    assert "Traceback" not in out


def test_a_hint_at_a_time_and_more_only_when_asked(way):
    first = way.out("hint")
    assert "Task 1: Two numbers" in first
    assert "(1/3)" in first
    assert "(2/3)" not in first
    assert "More: aisys lab hint 1 --next" in first
    assert way.out("hint again") == first
    assert "(2/3)" in way.out("hint next")
    assert "(3/3)" not in way.out("hint next")


def test_all_hints_of_the_task_of_a_check_and_they_stay_open(way):
    out = way.out("hint of a check")
    assert "Task 2" in out
    assert "(3/3) `return xs * k`" in out
    assert "More:" not in out
    assert way.out("hint remembered") == out


def test_a_wrong_answer_is_explained_with_the_next_commands(way):
    out = way.out("wrong tested", 1)
    assert "FAIL      1.2 mul multiplies" in out
    assert "mul(1.0, 1.0)" in out
    assert "Your value       1.5\n" in out
    assert "Python           1.0\n" in out
    assert "Look at          small.py:8 in mul\n                       def mul(a, b):" in out
    assert "in mul" in out.partition("Printed")[2]
    assert "aisys lab repro 1.2        Stuck?  aisys lab hint 1" in out


def test_repro_shows_input_print_value_and_the_right_one(way):
    out = way.done["wrong repro"].stdout
    assert "Input          mul(1.0, 1.0)" in out
    assert "in mul" in out
    assert "Your value     1.5" in out
    assert "Python         1.0" in out


def test_repro_of_an_answer_that_is_still_wrong_ends_with_1(way):
    assert way.done["wrong repro"].returncode == 1


def test_after_the_repair_repro_gives_the_right_value_and_ends_with_0(way):
    out = way.out("right repro")
    assert "Your value     1.0" in out
    assert "Python         1.0" in out


def test_repro_without_a_failure_says_how_the_check_ended_last(way):
    assert way.done["no failure"].returncode == 5
    assert "its last verdict is pass" in way.done["no failure"].stderr
    assert "aisys lab test 1.2" in way.done["no failure"].stderr


def test_status_shows_each_check_and_the_points(way):
    out = way.out("status")
    assert "small (current lab)   in small" in out
    assert "ok        1.1 add adds" in out
    assert "FAIL      1.2 mul multiplies" in out
    assert "hidden    2.1" in out
    assert "4 of 7 public points; 3 more when graded." in out


def test_a_lab_is_found_from_inside_its_folder(way):
    assert "small (lab of this directory)   in .." in way.out("status inside")
    assert "Testing small (current lab)" in way.done["starter tested"].stderr


def test_last_failed_runs_only_what_did_not_pass(way):
    out = way.out("last failed", 1)
    assert "FAIL      1.2" in out
    assert "2.2" not in out
    assert way.done["nothing failed"].returncode == 5
    assert "passed last time" in way.done["nothing failed"].stderr


def test_when_all_public_checks_pass_it_says_that_hidden_ones_remain(way):
    out = way.out("right tested")
    assert "3 of 3 checks passed, 7/7 points   seed 7" in out
    assert "All 3 public checks passed; 1 hidden check runs when graded." in out
    assert out.count("3 inputs") == 3


def test_reports_are_written_beside_what_the_screen_shows(way):
    report = json.loads((way.root / "out/json").read_text())
    assert (report["lab"], report["score"], report["seed"]) == ("small", 7, 7)
    cases = ElementTree.parse(way.root / "out/junit").getroot().iter("testcase")
    assert [case.get("name").split()[0] for case in cases] == ["1.1", "1.2", "2.2"]
    assert "3 of 3 checks passed" in (way.root / "out/text").read_text()


@pytest.mark.parametrize(
    ("name", "ids"), [("one check", ["2.2"]), ("one task", ["1.1", "1.2"])], ids=str
)
def test_a_check_or_a_task_can_be_tested_alone(way, name, ids):
    report = json.loads(way.out(name))
    assert [check["id"] for check in report["checks"]] == ids


def test_with_x_it_stops_at_the_first_failure(way):
    out = way.out("exit first", 1)
    assert out.count("Smallest failing input") == 1
    assert "2.2" not in out


def test_all_explains_every_failure_and_a_file_has_each_in_full(course, tmp_path):
    run("lab", "start", "small", cwd=tmp_path, at=course)
    body = "import numpy as np; return np.arange(90.0)"
    source = RIGHT.replace("return xs * k", body).replace("return a + b", "return a - b")
    write(tmp_path, {"small/small.py": source})
    out = run("lab", "test", "--all", cwd=tmp_path, at=course).stdout
    assert "In full          .aisys/small/2.2.txt" in out
    text = (tmp_path / ".aisys/small/2.2.txt").read_text()
    assert " 45., " in text
    assert " 45., " not in out
    assert "First difference" not in out.partition("FAIL  2.2")[2]


def test_reset_of_a_task_leaves_the_others_and_keeps_a_copy(way):
    assert "Put back add, mul; your text is in" in way.out("reset task")
    text = way.text["reset task"]
    assert "return (xs * k).astype" in text
    assert "return a + b" not in text


def test_reset_puts_everything_back_and_says_when_there_is_nothing_to_do(way):
    assert "Put back small.py" in way.out("reset")
    assert "return" not in way.text["reset"]
    assert "Nothing to put back: small.py is the starter's text" in way.out("reset nothing")
    assert "return (xs * k)" in (way.root / "small/small.py.bak").read_text()


def test_reset_of_a_task_twice_keeps_the_copy_of_the_work(course, tmp_path):
    run("lab", "start", "small", cwd=tmp_path, at=course)
    write(tmp_path, {"small/small.py": RIGHT})
    for _ in range(2):
        run("lab", "reset", "1", "--yes", cwd=tmp_path, at=course)
    assert (tmp_path / "small/small.py.bak").read_text() == RIGHT


def test_submit_refuses_what_fails_and_says_how_to_hand_it_in_all_the_same(way):
    out = way.out("submit failing", 1)
    assert "FAIL      1.2" in out
    assert "Nothing was packed." in out
    assert "aisys lab submit --allow-failing" in out


def test_submit_packs_the_files_with_a_manifest(way):
    assert "Wrote" in way.out("submit")
    with zipfile.ZipFile(way.root / "small.zip") as archive:
        assert sorted(archive.namelist()) == ["aisys.json", "small.py"]
        assert archive.read("small.py").decode() == RIGHT
        manifest = json.loads(archive.read("aisys.json"))
    assert (manifest["lab"], manifest["public_score"]) == ("small", "7/7")
    assert set(manifest["files"]) == {"small.py"}


def test_submit_packs_what_fails_when_it_is_allowed_to_where_it_is_told(way):
    way.out("submit allowed")
    with zipfile.ZipFile(way.root / "failing.zip") as archive:
        assert json.loads(archive.read("aisys.json"))["public_score"] == "0/7"


# -- the other end: what a grader makes of it -----------------------------------------


@pytest.fixture(scope="module")
def handed_in(way):
    """{name: finished `aisys grade`} for the archive, a folder and a .py file."""
    folder = way.root / "handed-in"
    write(folder, {"li-ming/small.py": WRONG, "small.py": UNWRITTEN})
    cases = {
        "zip": [way.root / "small.zip", "--lab", "small"],
        "folder": [folder / "li-ming"],
        "file": [folder / "small.py"],
    }
    return {name: run("grade", *w, cwd=folder, at=way.course) for name, w in cases.items()}


def test_the_archive_of_submit_can_be_graded(handed_in):
    assert handed_in["zip"].returncode == 0
    assert "4 of 4 checks passed, 10/10 points" in handed_in["zip"].stdout


def test_a_folder_and_a_file_can_be_graded_and_the_lab_is_found_by_the_file(handed_in):
    assert "Grading" in handed_in["folder"].stderr
    assert "as small" in handed_in["folder"].stderr
    assert "FAIL      2.1 neg changes the sign" in handed_in["folder"].stdout
    assert "blocked   1.2" in handed_in["file"].stdout
    assert {handed_in[name].returncode for name in ("folder", "file")} == {1}


@pytest.mark.parametrize(
    "words", ["lab test", "lab status", "lab hint", "lab repro 1.1", "lab submit", "lab show"]
)
def test_without_a_workspace_every_command_says_how_to_begin(words, course, tmp_path):
    done = run(*words.split(), cwd=tmp_path, at=course)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"none is started in {tmp_path}" in done.stderr
    assert "aisys lab start LAB" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_lab_that_is_not_started_here_says_how_to_start_it(course, tmp_path):
    done = run("lab", "test", "small", cwd=tmp_path, at=course)
    assert done.returncode == 2
    assert f"small is not started in {tmp_path}" in done.stderr
    assert "aisys lab start small" in done.stderr


def test_a_lab_whose_folder_is_gone_says_where_it_was(course, tmp_path):
    run("lab", "start", "small", cwd=tmp_path, at=course)
    (tmp_path / "small").rename(tmp_path / "moved")
    done = run("lab", "test", cwd=tmp_path, at=course)
    assert done.returncode == 2
    assert f"{tmp_path / 'small'} is gone" in done.stderr
    assert "aisys lab start small" in done.stderr


def test_repro_with_pdb_stops_at_the_first_line_of_the_students_code(course, tmp_path):
    run("lab", "start", "small", cwd=tmp_path, at=course)
    body = "double = xs + xs\n    return helper(double)"
    helper = "\n\ndef helper(y):\n    return 1 / 0\n"
    write(tmp_path, {"small/small.py": RIGHT.replace("return xs * k", body) + helper})
    run("lab", "test", "2.2", cwd=tmp_path, at=course)
    keys = b"p 'k is', k\nnext\nstep\np 'y is', y\ncontinue\np 'died with', y\nquit\n"
    shown, code = in_terminal(
        "lab", "repro", "2.2", "--pdb", cwd=tmp_path, at=course, keys=keys, env={"TERM": "dumb"}
    )
    assert code == 1, shown
    assert "small/small.py(17)scale()" in shown
    assert "-> double = xs + xs" in shown
    assert "('k is', 0.0)" in shown
    assert "('y is', array([0.]))" in shown
    assert "ZeroDivisionError" in shown
    assert "('died with', array([0.]))" in shown
    for ours in ("driver.py", "aisys_cli", "--Call--"):
        assert ours not in shown
