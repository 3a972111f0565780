"""A command line, its exit code, and the words that go with it."""

import json
import os
import shutil
import signal
import subprocess

import pytest
from harness import clean_environment, copy_of_course, descendants, is_running, wait_until
from running import RIGHT, SYNTAX, WRONG, command, in_terminal, run, write

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.errors import ExitCode

SLOW = "import time\ntime.sleep(0.5)\n" + RIGHT


@pytest.fixture(scope="module")
def place(tmp_path_factory, course):
    """A workspace in which the starter was tested, with submissions beside it."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "none").mkdir()
    write(folder, {"right.py": RIGHT, "wrong.py": WRONG, "subs/a.py": RIGHT, "subs/b.py": SYNTAX})
    run("lab", "start", "small", cwd=folder, at=course)
    run("lab", "test", cwd=folder, at=course)
    return folder


@pytest.fixture(scope="module")
def courses(tmp_path_factory, course):
    """Courses that are wrong, by name."""
    folder = tmp_path_factory.mktemp("courses")
    made = {"right": course}
    for name in ("two", "malformed", "unknown-key", "broken-check", "no-hidden"):
        made[name] = copy_of_course(folder / name)
    toml = (course / "labs/small/lab.toml").read_text()
    write(made["malformed"], {"labs/small/lab.toml": "id = [\n"})
    write(made["unknown-key"], {"labs/small/lab.toml": f"colour = 'red'\n{toml}"})
    check = course / "grading/small/checks.py"
    broken = check.read_text().replace("-a, of", "-a / 0, of")
    write(made["broken-check"], {"grading/small/checks.py": broken})
    (made["no-hidden"] / "grading/small/checks.py").unlink()
    listed = (course / "course.toml").read_text().replace('["small"]', '["smart", "smaller"]')
    write(made["two"], {"course.toml": listed})
    for id in ("smart", "smaller"):
        shutil.copytree(course / "labs/small", made["two"] / "labs" / id)
        write(made["two"], {f"labs/{id}/lab.toml": toml.replace('id = "small"', f'id = "{id}"')})
    return made


@pytest.fixture(scope="module")
def without_sandbox(tmp_path_factory):
    """An environment in which bubblewrap does not work."""
    folder = tmp_path_factory.mktemp("bin")
    write(folder, {"bwrap": "#!/bin/sh\necho no namespaces today >&2\nexit 1\n"})
    (folder / "bwrap").chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


# Command line, exit code, words of stderr; the course, where it is not the right one.
LAB = ["--lab", "small"]
TABLE = [
    ("lab list", 0, []),
    ("lab status", 0, []),
    ("help", 0, []),
    ("--version", 0, []),
    ("lab test", 1, ["Testing small (current lab)", "3 public checks"]),
    ("grade right.py --lab small", 0, ["Grading right.py as small   4 checks, 3 public"]),
    ("grade wrong.py --lab small --exit-zero", 0, []),
    ("grade wrong.py --lab small --min-score 7", 0, []),
    ("grade wrong.py --lab small --min-score 8", 1, []),
    ("grade-all subs --lab small", 0, ["Wrote gradebook.db"]),
    # usage
    ("", 0, []),
    ("lab", 2, ["Usage: aisys lab [OPTIONS] COMMAND"]),
    ("lab tset", 2, ["No such command 'tset'", "Did you mean 'test'", "See: aisys lab --help"]),
    ("lab start smalll", 2, ['no lab named "smalll". Did you mean small?', "aisys lab list"]),
    ("lab start quite-another", 2, ['no lab named "quite-another".', "aisys lab list"]),
    ("lab test --sed 1", 2, ["No such option: --sed", "--seed", "See: aisys lab test --help"]),
    ("lab test --seed one", 2, ["'--seed'", "'one'"]),
    ("lab test --examples 0", 2, ["'--examples'", "0"]),
    ("lab test --report xml=out.xml", 2, ["--report xml=out.xml", "json, junit, text"]),
    ("lab reset", 2, ["no terminal", "--yes"]),
    ("lab reset 9 --yes", 2, ["no task '9'", "1, 2"]),
    ("lab hint 9", 2, ["no task '9'", "1, 2"]),
    ("lab show small/9", 2, ["'9'", "1, 2"]),
    ("grade", 2, ["Missing argument", "See: aisys grade --help"]),
    ("grade nothing.py --lab small", 2, ["nothing.py does not exist"]),
    ("grade right.py --lab small --report junit", 2, ["--report junit:", "junit=report.xml"]),
    ("grade right.py --lab small --details some", 2, ["'--details'", "'some'", "actual-only"]),
    ("grade-all subs", 2, ["Missing option '--lab'"]),
    ("grade-all nothing --lab small --db x.db", 2, ["nothing is not a folder of submissions"]),
    ("grade-all subs --lab small --regrade nobody", 2, ["--regrade nobody"]),
    ("grade-all subs --lab small -j 0", 2, ["'-j'", "0"]),
    ("grade-all subs --lab small --report x=y", 2, ["--report x=y", "json, junit, text"]),
    ("help everything", 2, ["'everything'", "exit-codes, environment, formats"]),
    ("--lang fr lab list", 2, ["'fr'", "neither en nor zh"]),
    ("--course nowhere lab list", 2, ["no course in nowhere", "--course DIR"]),
    # environment
    ("grade-all subs --lab small --db /dev/null/x.db", 4, ["/dev/null/x.db"]),
    # nothing to do
    ("grade-all none --lab small --db x.db", 5, ["no submissions in none", ".zip"]),
    ("lab test 7.7", 5, ["no task or public check '7.7'", "1.1, 1.2, 2.2"]),
    ("lab test 2.1", 5, ["no task or public check '2.1'"]),
    ("lab repro 7.7", 5, ["no task or public check '7.7'", "1.1, 1.2, 2.2"]),
    ("lab repro 1.2", 5, ["1.2", "blocked", "aisys lab test 1.2"]),
]
OF_COURSES = [
    ("right", "grade right.py", 2, ["which lab is right.py?", "--lab LAB", "small"]),
    ("two", "lab start sma", 2, ['"sma" could be smart or smaller', "aisys lab list"]),
    ("two", "lab start smal", 0, []),
    ("malformed", "lab list", 3, ["labs/small/lab.toml", "Invalid value"]),
    ("unknown-key", "lab list", 3, ["labs/small/lab.toml", "colour"]),
    ("broken-check", "grade right.py --lab small --exit-zero", 3, []),
    ("no-hidden", "grade right.py --lab small", 3, ["grading/small/checks.py", "aisys lab test"]),
]


def as_expected(done, code, words):
    assert done.returncode == code, done.stderr
    for word in words:
        assert word in done.stderr
    assert "Traceback" not in done.stderr
    if code > ExitCode.NOT_PASSED:
        assert done.stdout == "" or code == ExitCode.BUG


@pytest.mark.parametrize(("line", "code", "words"), TABLE, ids=[line for line, _, _ in TABLE])
def test_exit_code(line, code, words, place, course):
    as_expected(run(*line.split(), cwd=place, at=course if line else None), code, words)
    assert not (place / "x.db").exists()


@pytest.mark.parametrize(
    ("which", "line", "code", "words"), OF_COURSES, ids=[f"{r[0]}: {r[1]}" for r in OF_COURSES]
)
def test_exit_code_with_another_course(which, line, code, words, courses, tmp_path):
    write(tmp_path, {"right.py": RIGHT})
    as_expected(run(*line.split(), cwd=tmp_path, at=courses[which]), code, words)


@pytest.mark.parametrize(
    "line",
    [
        "lab test --format json nothing",
        "lab test --format=json 7.7",
        "grade nothing.py --lab small --format json",
        "grade right.py --lab small --format json --no-such-option",
        "grade-all none --lab small --format json",
        "lab list --format json --no-such-option",
        "doctor --format json --for nothing",
    ],
)
def test_in_json_mode_an_error_is_json_on_stderr_and_stdout_is_empty(line, place, course):
    done = run(*line.split(), cwd=place, at=course)
    assert done.stdout == ""
    error = json.loads(done.stderr)["error"]
    assert error["message"]
    assert error["remedy"]
    assert done.returncode in (ExitCode.USAGE, ExitCode.NOTHING_TO_DO)


def test_in_json_mode_a_bug_of_ours_is_json_too(monkeypatch, capsys):
    from aisys_cli import app as module

    def broken(**_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(module, "translate_help", lambda *_: broken())
    monkeypatch.setattr("sys.argv", ["aisys", "lab", "list", "--format", "json"])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert end.value.code == ExitCode.BUG
    written = capsys.readouterr()
    assert written.out == ""
    error = json.loads(written.err)["error"]
    assert "ZeroDivisionError: a bug" in error["message"]
    assert "in broken" in error["traceback"]


def test_what_was_graded_is_json_on_stdout(place, course):
    done = run("grade", "wrong.py", *LAB, "--format", "json", cwd=place, at=course)
    assert done.returncode == ExitCode.NOT_PASSED
    assert done.stderr == ""
    assert json.loads(done.stdout)["schema"] == "aisys/report/1"


@pytest.fixture(scope="module")
def refused(place, course, without_sandbox):
    words = ["grade-all", "subs", *LAB, "--db", "refused.db"]
    return run(*words, cwd=place, at=course, env=without_sandbox)


def test_without_a_sandbox_grade_all_grades_nothing(refused, place):
    as_expected(refused, ExitCode.ENVIRONMENT, ["cannot start the sandbox", "no namespaces today"])
    with Gradebook(place / "refused.db") as book:
        assert list(book.latest("small")) == []


def test_without_a_sandbox_grade_all_says_what_to_do(refused):
    assert "INTERNALERROR" not in refused.stderr
    assert "--isolation process" in refused.stderr


def test_isolation_process_grades_without_a_sandbox_and_says_so(
    place, course, without_sandbox, tmp_path
):
    words = ["grade-all", "subs", *LAB, "--db", tmp_path / "g.db", "--isolation", "process"]
    words += ["--report", f"text={tmp_path / 'all.txt'}"]
    done = run(*words, cwd=place, at=course, env=without_sandbox)
    as_expected(done, ExitCode.OK, ["2 graded"])
    with Gradebook(tmp_path / "g.db") as book:
        assert {r.submission: r.verdict for r in book.latest("small")} == {
            "a": "pass",
            "b": "error",
        }
    assert "No sandbox: only for code you trust." in (tmp_path / "all.txt").read_text()


def test_one_submission_is_graded_without_a_sandbox_unless_it_is_asked_for(
    place, course, without_sandbox
):
    words = ["grade", "right.py", *LAB]
    done = run(*words, cwd=place, at=course, env=without_sandbox)
    as_expected(done, ExitCode.OK, [])
    assert "Isolation: process. No sandbox" in done.stdout
    done = run(*words, "--isolation", "bwrap", cwd=place, at=course, env=without_sandbox)
    as_expected(done, ExitCode.ENVIRONMENT, ["no namespaces today"])


def test_doctor_says_that_there_is_no_sandbox(place, course, without_sandbox):
    done = run("doctor", "--for", "grade", cwd=place, at=course, env=without_sandbox)
    assert done.returncode == ExitCode.ENVIRONMENT
    assert "FAIL  sandbox" in done.stdout
    assert "--isolation process" in done.stdout


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory, course):
    """grade-all, and Ctrl-C after the first result: folder, stderr, code, processes left."""
    folder = tmp_path_factory.mktemp("interrupted")
    write(folder, {f"subs/s{n:02}.py": SLOW for n in range(20)})
    process = subprocess.Popen(
        command(["grade-all", "subs", *LAB], course),
        cwd=folder,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Also where the tests themselves run in the background, which ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    first = process.stderr.readline()
    below = descendants(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    out, rest = process.communicate(timeout=60)
    return folder, first + rest, out, process.returncode, below


def test_ctrl_c_ends_with_130_and_without_a_traceback(interrupted):
    _, stderr, out, code, _ = interrupted
    assert code == ExitCode.INTERRUPTED
    assert "interrupted; what was finished is kept" in stderr
    assert "Traceback" not in stderr
    assert out == ""


def test_ctrl_c_keeps_what_was_finished(interrupted):
    folder, stderr, *_ = interrupted
    finished = [line.split()[-1] for line in stderr.splitlines() if "10/10" in line]
    with Gradebook(folder / "gradebook.db") as book:
        kept = {report.submission for report in book.latest("small")}
    assert set(finished) <= kept
    assert 1 <= len(kept) < 20


def test_ctrl_c_leaves_no_process_behind(interrupted):
    *_, below = interrupted
    assert below
    assert wait_until(lambda: not any(map(is_running, below)))


def test_a_no_is_no_interruption(course, tmp_path):
    run("lab", "start", "small", cwd=tmp_path, at=course)
    write(tmp_path, {"small/small.py": RIGHT})
    text, code = in_terminal("lab", "reset", cwd=tmp_path, at=course, keys=b"n\n")
    assert code == ExitCode.OK
    assert "Put back the starter's text for small? [y/N]" in text
    assert "Nothing was changed." in text
    assert (tmp_path / "small/small.py").read_text() == RIGHT
