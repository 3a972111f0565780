"""A student edition shows nothing hidden and works; an autograder's archive grades."""

import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from harness import DATA, clean_environment, copy_of_course

from aisys_cli.course.load import load_course
from aisys_cli.course.new_lab import new_lab
from aisys_cli.course.release import leaks, student_edition
from aisys_cli.errors import CourseError
from aisys_cli.sandbox.client import Host
from aisys_cli.sandbox.profile import profile

ROOT = Path(__file__).resolve().parent.parent.parent
SPEC = "git+https://example.org/aisys.git@v1"
REFERENCE = DATA / "small-course/solutions/small/reference/small.py"


@pytest.fixture
def released(aisys, tmp_path):
    def run(*words, at=ROOT, to="edition"):
        done = aisys("course", "release", to, *words, at=at)
        assert done.returncode == 0, done.stderr
        return tmp_path / to

    return run


# -- nothing hidden ------------------------------------------------------------------------


def functions(text):
    """The bodies of functions of some length, as text without layout."""
    import ast

    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            body = [ast.unparse(line) for line in node.body if not _is_doc(line)]
            if sum(map(len, body)) > 150:
                found.add("\n".join(body))
    return found


def _is_doc(node):
    import ast

    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_no_byte_of_the_edition_is_of_a_solution_or_a_hidden_check(released):
    """By another way than the command's own: whole functions, and names of files."""
    edition = released("--ci", "github", "--install", SPEC)
    files = [path for path in edition.rglob("*") if path.is_file()]
    assert len(files) > 50
    shown = set().union(*(functions(p.read_text()) for p in files if p.suffix == ".py"))
    course = load_course(ROOT)
    hidden = solutions = 0
    for lab in course.labs:
        given = set().union(*(functions(p.read_text()) for p in lab.starter.rglob("*.py")))
        for path in lab.solutions.rglob("*.py"):
            mine = functions(path.read_text()) - given
            assert not mine & shown, path
            solutions += len(mine)
        public = "\n".join(p.read_text() for p in (edition / "labs" / lab.id).rglob("*.py"))
        for path in lab.hidden_folder.rglob("*.py"):
            mine = functions(path.read_text())
            assert len(mine & functions(public)) <= len(mine) / 3, path  # on other inputs
            hidden += len(mine)
    assert solutions > 100
    assert hidden > 50
    names = {part for path in files for part in path.relative_to(edition).parts}
    assert not names & {"grading", "solutions", "reference", "chaffs", "wheats", "equivalent.toml"}


HOLDS = {
    "a handout": ("handout.en.md", "# x\n\n```python\n{}\n```\n"),
    "a hint": ("hints.en.md", "# Hints\n{}\n"),
    "a public check": ("checks.py", '"""Public."""\n{}\n'),
    "a forgotten copy": ("old.py", "{}\n"),
}


@pytest.mark.parametrize("what", HOLDS)
@pytest.mark.parametrize("part", ["solutions", "grading"])
def test_what_has_got_into_the_public_part_stops_the_release(tmp_path, what, part):
    new_lab(tmp_path, "one")
    source = {
        "solutions": "solutions/one/wheats/by_loop/one.py",
        "grading": "grading/one/checks.py",
    }[part]
    hidden = (tmp_path / source).read_text()
    name, form = HOLDS[what]
    (tmp_path / "labs/one" / name).write_text(form.format(hidden))
    course = load_course(tmp_path)
    with pytest.raises(CourseError, match="would show what is hidden") as raised:
        student_edition(course, course.labs, ci="", install="x", language="en")
    assert f"labs/one/{name}:" in raised.value.message
    assert source in raised.value.message


def test_the_lab_as_it_is_made_leaks_nothing(tmp_path):
    new_lab(tmp_path, "one")
    course = load_course(tmp_path)
    files = student_edition(course, course.labs, ci="", install="x", language="en")
    assert leaks(course.labs, files) == []
    assert "labs/one/checks.py" in files
    assert not any("grading" in name or "solutions" in name for name in files)


def test_links_and_caches_are_left_out(tmp_path):
    new_lab(tmp_path, "one")
    (tmp_path / "labs/one/secret.py").symlink_to(tmp_path / "grading/one/checks.py")
    (tmp_path / "labs/one/__pycache__").mkdir()
    (tmp_path / "labs/one/__pycache__/x.py").write_text("x")
    (tmp_path / "labs/one/.notes.md").write_text("x")
    course = load_course(tmp_path)
    names = set(student_edition(course, course.labs, ci="", install="x", language="en"))
    assert not any("secret" in n or "__pycache__" in n or ".notes" in n for n in names)


# -- it works ------------------------------------------------------------------------------


def test_a_student_works_in_the_edition(aisys, released):
    edition = released(at=DATA / "small-course")
    assert aisys("lab", "start", "small", cwd=edition, at=edition).returncode == 0
    (edition / "small/small.py").write_bytes(REFERENCE.read_bytes())
    done = aisys("lab", "test", "small", cwd=edition, at=edition)
    assert done.returncode == 0, done.stderr
    assert "All 3 public checks passed" in done.stdout
    graded = aisys("grade", "small", "--lab", "small", cwd=edition, at=edition)
    assert graded.returncode == 3
    assert "only public checks" in graded.stderr


def test_only_the_labs_that_were_asked_for(released):
    edition = released("--lab", "forward-diff", "--lab", "all-reduce")
    assert {path.name for path in (edition / "labs").iterdir()} == {"forward-diff", "all-reduce"}
    assert [lab.id for lab in load_course(edition).labs] == ["forward-diff", "all-reduce"]


@pytest.mark.parametrize(
    ("ci", "path", "schema"),
    [
        ("github", ".github/workflows/labs.yml", "vendor.github-workflows"),
        ("gitlab", ".gitlab-ci.yml", "vendor.gitlab-ci"),
    ],
)
def test_the_workflow_fits_its_schema(released, ci, path, schema):
    edition = released("--ci", ci, "--install", SPEC)
    text = (edition / path).read_text()
    assert SPEC in text
    assert "@INSTALL@" not in text
    assert yaml.safe_load(text)
    checker = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [checker, "--builtin-schema", schema, edition / path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def scripts_of(value):
    """Every shell script in a parsed workflow."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "run" and isinstance(inner, str):
                yield inner
            elif key in ("script", "before_script"):
                yield "\n".join(inner)
            else:
                yield from scripts_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scripts_of(inner)


@pytest.mark.parametrize(
    ("ci", "path"), [("github", ".github/workflows/labs.yml"), ("gitlab", ".gitlab-ci.yml")]
)
def test_the_scripts_of_the_workflow_do_what_they_say(released, tmp_path, ci, path):
    """With pip and sudo that do nothing, and this aisys."""
    edition = released("--ci", ci, "--install", SPEC, at=DATA / "small-course")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in {
        "aisys": f'exec {sys.executable} -m aisys_cli "$@"',
        "python": "true",
        "sudo": "true",
        "git": f'cp -r {copy_of_course(tmp_path / "teacher")} "${{@: -1}}"',
    }.items():
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    summary = tmp_path / "summary.md"
    environment = clean_environment(
        PATH=f"{tools}:{os.environ['PATH']}",
        GITHUB_STEP_SUMMARY=str(summary),
        GITHUB_ACTIONS="true",
        COURSE_URL="example.org/course",
        COURSE_TOKEN="t",
    )
    (edition / "small").mkdir()
    (edition / "small/small.py").write_text(REFERENCE.read_text())
    start = subprocess.run(
        [tools / "aisys", "--course", ".", "lab", "start", "small"],
        cwd=edition, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert start.returncode == 0, start.stderr
    if ci == "github":
        copy_of_course(edition / ".course")
    outputs = []
    for script in scripts_of(yaml.safe_load((edition / path).read_text())):
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=edition, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        outputs.append(done.stdout)
    said = "\n".join(outputs)
    assert "All 3 public checks passed" in said
    assert "10/10 points" in said
    assert (edition / "small.xml").read_text().count("<testcase") == 4
    if ci == "github":
        assert "::notice title=small::small: 10/10" in said
        assert summary.read_text().count(": small, ") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ci", "github"], "aisys is not on PyPI"),
        (["--to", "gradescope", "--lab", "small"], "aisys is not on PyPI"),
        (["--install", 'x"; rm -rf ~'], "no quotes"),
        (["--lab", "nothing"], "no lab named"),
    ],
)
def test_what_cannot_be_released(aisys, tmp_path, words, said):
    done = aisys("course", "release", "out", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(aisys, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    done = aisys("course", "release", "out")
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert os.listdir(tmp_path / "out") == ["mine.txt"]


# -- Gradescope ------------------------------------------------------------------------------


@pytest.fixture
def autograder(released, tmp_path):
    """As Gradescope lays it out, below a folder of our own."""
    archive = released(
        "--to", "gradescope", "--lab", "small", "--install", SPEC,
        at=DATA / "small-course", to="a.zip",
    )  # fmt: skip
    root = tmp_path / "autograder"
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        assert {"setup.sh", "run_autograder"} <= set(names)
        assert not any("solutions" in name for name in names)
        assert stat.S_IMODE(opened.getinfo("run_autograder").external_attr >> 16) == 0o755
        opened.extractall(root / "source")
    (root / "submission").mkdir()
    (tmp_path / "aisys.sh").write_text(f'#!/bin/sh\nexec {sys.executable} -m aisys_cli "$@"\n')
    (tmp_path / "aisys.sh").chmod(0o755)

    def run(source, **environment):
        (root / "submission/small.py").write_text(source)
        done = subprocess.run(
            ["bash", root / "source/run_autograder"],
            env=clean_environment(
                AUTOGRADER_ROOT=str(root), AISYS=str(tmp_path / "aisys.sh"), **environment
            ),
            capture_output=True,
            text=True,
            check=False,
        )
        results = root / "results/results.json"
        return done, json.loads(results.read_text()) if results.exists() else None

    return run


def test_gradescope_grades_public_and_hidden_checks(autograder):
    done, results = autograder(REFERENCE.read_text())
    assert done.returncode == 0, done.stderr
    assert results["score"] == 10
    assert [one["number"] for one in results["tests"]] == ["1.1", "1.2", "2.1", "2.2"]


def test_gradescope_does_not_tell_the_answer_of_a_hidden_check(autograder):
    wrong = REFERENCE.read_text().replace("return -a", "return a")
    done, results = autograder(wrong)
    assert done.returncode == 0
    hidden = results["tests"][2]
    assert (results["score"], hidden["status"]) == (7, "failed")
    assert "wrong answer" in hidden["output"]
    assert "neg(" in hidden["output"]
    assert "Python" not in hidden["output"]


def test_what_was_not_graded_has_no_results(autograder, tmp_path):
    """Also none of an earlier run."""
    autograder(REFERENCE.read_text())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/bwrap").chmod(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done, results = autograder(REFERENCE.read_text(), AISYS_ISOLATION="bwrap", PATH=path)
    assert done.returncode == 4
    assert results is None


def test_the_scripts_are_shell(released):
    archive = released("--to", "gradescope", "--lab", "all-reduce", "--install", SPEC, to="b.zip")
    with zipfile.ZipFile(archive) as opened:
        for name in ("setup.sh", "run_autograder"):
            text = opened.read(name)
            subprocess.run(["bash", "-n"], input=text, check=True)
            assert not re.search(rb"@[A-Z]+@", text)
        assert f'"{SPEC}"'.encode() in opened.read("setup.sh")


# -- the page ------------------------------------------------------------------------------


def test_the_page_has_the_words_of_doctor():
    page = (ROOT / "docs/ci.md").read_text()
    host = Host(profile("numpy"), isolation="bwrap")
    try:
        remedy = host._no_sandbox(RuntimeError("x")).remedy
    finally:
        host.close()
    assert remedy in page


def test_the_commands_of_the_page_run(aisys, tmp_path):
    page = (ROOT / "docs/ci.md").read_text()
    lines = re.findall(r"^\$ aisys (.*)$", page, re.MULTILINE)
    assert len(lines) == 3
    import shlex

    for line in lines:
        done = aisys(*shlex.split(line), at=ROOT)
        assert done.returncode == 0, done.stderr
    assert {"student-edition", "for-gitlab", "forward-diff.zip"} <= set(os.listdir(tmp_path))
