"""aisys where Linux is not, as far as that can be tried on Linux: see elsewhere.py."""

import ast
import os
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent / "aisys_cli"
ONLY_UNIX = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp"}


def at_top_level(tree):
    """The nodes that run when a module is imported."""
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def names(node):
    match node:
        case ast.Import():
            return {alias.name.partition(".")[0] for alias in node.names}
        case ast.ImportFrom():
            return {(node.module or "").partition(".")[0]}
        case ast.Attribute(value=ast.Name(id="os"), attr="fork"):
            return {"os.fork"}
    return set()


def test_nothing_of_unix_alone_is_imported_outside_the_sandbox():
    looked = 0
    for path in PACKAGE.rglob("*.py"):
        if "sandbox" in path.relative_to(PACKAGE).parts:
            continue
        found = set().union(*map(names, at_top_level(ast.parse(path.read_text()))))
        assert not found & {*ONLY_UNIX, "os.fork"}, path
        looked += 1
    assert looked > 80


@pytest.fixture
def elsewhere(aisys, tmp_path):
    """elsewhere("Windows", "lab", "list") -> the finished process there."""
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(HERE / "elsewhere.py", site / "sitecustomize.py")

    def run(system, *words, **options):
        env = {"AISYS_TEST_SYSTEM": system, "PYTHONPATH": str(site), "USERNAME": "li"}
        return aisys(*words, env=env, **options)

    return run


def ends_well(done):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_a_student_reads_and_writes_anywhere(elsewhere, tmp_path, system):
    assert "small" in ends_well(elsewhere(system, "lab", "list"))
    assert "small.py" in ends_well(elsewhere(system, "lab", "start", "small"))
    assert (tmp_path / "small/small.py").exists()
    for words in (["show"], ["hint", "1"], ["status"], ["reset", "--yes"]):
        done = elsewhere(system, "lab", *words, cwd=tmp_path / "small")
        assert done.returncode in (0, 1), (words, done.stderr)
        assert "Traceback" not in done.stderr, words
    ends_well(elsewhere(system))
    ends_well(elsewhere(system, "--help"))


@pytest.mark.parametrize(
    "words",
    [["lab", "test"], ["lab", "watch"], ["lab", "submit"], ["grade", "small.py", "--lab", "small"]],
    ids=str,
)
def test_windows_says_that_it_cannot_grade_and_what_to_do(elsewhere, tmp_path, words):
    ends_well(elsewhere("Windows", "lab", "start", "small"))
    done = elsewhere("Windows", *words, cwd=tmp_path / "small")
    assert done.returncode == 4, done.stderr
    assert "Windows has no fork" in done.stderr
    assert "wsl --install" in done.stderr


def test_a_teacher_on_windows_reads_the_gradebook(aisys, elsewhere, tmp_path):
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs/li-ming.py").write_text("def add(a, b):\n    return a + b\n")
    assert aisys("grade-all", "subs", "--lab", "small").returncode == 0
    assert "li-ming" in ends_well(elsewhere("Windows", "gradebook", "show"))
    assert "li-ming" in ends_well(elsewhere("Windows", "gradebook", "export", "--to", "csv"))
    done = elsewhere("Windows", "gradebook", "comment", "li-ming", "x", "--lab", "small")
    assert done.returncode in (2, 4)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_doctor_says_what_is_to_be_had(elsewhere, system):
    done = elsewhere(system, "doctor")
    assert done.returncode == (4 if system == "Windows" else 0), done.stdout
    assert "bubblewrap" not in done.stdout
    said = {"Darwin": "no sandbox; --isolation process", "Windows": "wsl --install"}
    assert said[system] in done.stdout
    assert elsewhere(system, "doctor", "--for", "grade").returncode == 4


def test_a_mac_tests_in_a_plain_process(elsewhere, tmp_path):
    ends_well(elsewhere("Darwin", "lab", "start", "small"))
    shutil.copy(
        HERE.parent / "data/small-course/solutions/small/reference/small.py", tmp_path / "small"
    )
    done = elsewhere("Darwin", "lab", "test", cwd=tmp_path / "small")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "process" in done.stdout + done.stderr  # said, for it is not what grades


def test_a_mac_does_not_grade_a_class_unasked(elsewhere, tmp_path):
    (tmp_path / "subs").mkdir()
    (tmp_path / "subs/li-ming.py").write_text("x = 1\n")
    done = elsewhere("Darwin", "grade-all", "subs", "--lab", "small")
    assert done.returncode == 4
    assert "--isolation process" in done.stderr
    asked = elsewhere("Darwin", "grade-all", "subs", "--lab", "small", "--isolation", "process")
    assert asked.returncode == 0, asked.stderr


def test_what_stands_in_for_another_system_does_take_things_away(elsewhere, tmp_path):
    assert hasattr(os, "fork")
    ends_well(elsewhere("Windows", "--version"))
    with (tmp_path / "site/sitecustomize.py").open("a") as file:
        file.write("import fcntl\n")
    assert "No module named 'fcntl'" in elsewhere("Windows", "--version").stderr
