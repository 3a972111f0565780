"""A student's files: nothing of theirs is lost, whatever is started or reset."""

import zipfile

import pytest
from samples import of

from aisys_cli.bulk.intake import read_submission
from aisys_cli.course.load import load_lab
from aisys_cli.errors import AisysError, EnvironmentFault, UsageError
from aisys_cli.workspace.files import archive, reset, reset_task, start

MINE = "# mine\n"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "small"


@pytest.fixture
def started(lab, folder):
    start(lab, folder, force=False)
    return folder


@pytest.fixture
def starter(lab):
    return (lab.starter / "small.py").read_text(encoding="utf-8")


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def saved(folder):
    """Every text that stands in a file of the folder itself."""
    return [path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()]


# -- start -----------------------------------------------------------------------


def test_start_puts_the_starter_and_what_is_read_beside_it(lab, folder, starter):
    assert start(lab, folder, force=False) == ["small.py"]
    assert (folder / "small.py").read_text() == starter
    assert names(folder) == [
        "public/checks.py",
        "public/driver.py",
        "public/handout.en.md",
        "public/handout.zh.md",
        "public/ranges.py",
        "small.py",
    ]


def test_neither_hints_nor_hidden_checks_are_handed_out(lab, started):
    hidden = (lab.hidden_folder / "checks.py").read_text()
    for path in started.rglob("*.*"):
        assert "hints" not in path.name
        assert path.read_text() != hidden


def test_start_keeps_files_that_are_there(lab, started):
    (started / "small.py").write_text(MINE)
    (started / "notes.txt").write_text("my notes")
    start(lab, started, force=False)
    assert (started / "small.py").read_text() == MINE
    assert (started / "notes.txt").read_text() == "my notes"


def test_start_renews_what_is_read(lab, started):
    (started / "public/handout.en.md").write_text("of last year")
    start(lab, started, force=False)
    assert (started / "public/handout.en.md").read_text() == lab.handout("en").read_text()


def test_force_leaves_a_copy(lab, started, starter):
    (started / "small.py").write_text(MINE)
    start(lab, started, force=True)
    assert (started / "small.py").read_text() == starter
    assert (started / "small.py.bak").read_text() == MINE


def again(lab, folder):
    start(lab, folder, force=True)


@pytest.mark.parametrize("put_back", [again, reset], ids=["start --force", "reset"])
def test_putting_back_twice_does_not_lose_the_first_copy(lab, started, put_back):
    (started / "small.py").write_text(MINE)
    put_back(lab, started)
    put_back(lab, started)
    assert MINE in saved(started)


def test_what_python_left_in_the_starter_is_not_handed_out(own_course, folder):
    lab = load_lab(own_course, "small")
    (lab.starter / "__pycache__").mkdir()
    (lab.starter / "__pycache__/small.cpython-311.pyc").write_bytes(b"")
    start(lab, folder, force=False)
    assert not (folder / "__pycache__").exists()
    reset(lab, folder)


@pytest.mark.parametrize("blocked", ["public", "small.py/x", ""])
def test_a_folder_that_cannot_be_written_is_no_bug_of_ours(lab, folder, blocked):
    path = folder / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    with pytest.raises(AisysError) as raised:
        start(lab, folder, force=True)
    assert raised.value.exit_code in (2, 4)
    assert path.read_text() == "in the way"


# -- reset -----------------------------------------------------------------------


def test_reset_puts_everything_back_and_names_the_copies(lab, started, starter):
    (started / "small.py").write_text(MINE)
    (started / "notes.txt").write_text("my notes")
    assert reset(lab, started) == [started / "small.py.bak"]
    assert (started / "small.py").read_text() == starter
    assert (started / "small.py.bak").read_text() == MINE
    assert (started / "notes.txt").read_text() == "my notes"


def test_reset_of_a_file_that_is_gone_has_nothing_to_keep(lab, started, starter):
    (started / "small.py").unlink()
    assert reset(lab, started) == []
    assert (started / "small.py").read_text() == starter


SOLVED = '''"""My own words."""

import math  # mine


def helper(x):
    return x


def add(a, b):
    return helper(a) + b


def mul(a, b):
    return a * b


def neg(a):
    return -a


def scale(xs, k):
    return xs * k
'''


def test_reset_of_one_task_puts_back_its_functions_and_no_others(lab, started, starter):
    (started / "small.py").write_text(SOLVED)
    found, backup = reset_task(lab, started, "1")
    assert found == ["add", "mul"]
    assert backup.read_text() == SOLVED
    wanted = SOLVED
    for name, body in (("add", "return helper(a) + b"), ("mul", "return a * b")):
        todo = f"# TODO: task 1.{1 if name == 'add' else 2}\n    raise NotImplementedError"
        assert todo in starter
        wanted = wanted.replace(body, todo)
    assert (started / "small.py").read_text() == wanted


MARKS = {
    "a form feed": "\x0c\n\n",
    "a line separator in a comment": "# a\u2028b\n",
    "a separator in a text": 'TEXT = "a\x1cb\x85c"\n',
    "decorators": "import functools\n\n\n@functools.cache\n@functools.wraps(print)\n",
    "lines of Windows": "# a\r\n# b\r\n",
}


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS)
def test_reset_of_one_task_hits_its_lines_whatever_stands_above(lab, started, mark):
    text = SOLVED.replace("def helper", mark + "def helper")
    (started / "small.py").write_bytes(text.encode())
    found, backup = reset_task(lab, started, "2")
    assert found == ["neg", "scale"]
    assert backup.read_bytes() == text.encode()
    after = (started / "small.py").read_text(encoding="utf-8")
    compile(after, "small.py", "exec")
    assert "def mul(a, b):\n    return a * b\n" in after
    assert "return helper(a) + b" in after
    assert after.count("raise NotImplementedError") == 2
    assert "return -a" not in after


UNRESETTABLE = {
    "does not parse": ("def add(:\n", "1", r"small\.py:1 does not parse"),
    "renamed": (SOLVED.replace("def neg", "def minus"), "3", "nothing in small.py belongs"),
    "nothing there": ("", "1", "nothing in small.py belongs to task 1"),
    "a zero byte": ("x = '\0'\n", "1", "does not parse"),
}


@pytest.mark.parametrize(("text", "task", "words"), UNRESETTABLE.values(), ids=UNRESETTABLE)
def test_what_cannot_be_reset_is_a_usage_error_and_stays(lab, started, text, task, words):
    (started / "small.py").write_text(text)
    with pytest.raises(UsageError, match=words):
        reset_task(lab, started, task)
    assert (started / "small.py").read_text() == text
    assert not (started / "small.py.bak").exists()


def test_a_file_in_another_encoding_is_a_usage_error_and_stays(lab, started):
    data = "# 求和\n".encode("gbk")
    (started / "small.py").write_bytes(data)
    with pytest.raises(UsageError, match=r"small\.py"):
        reset_task(lab, started, "1")
    assert (started / "small.py").read_bytes() == data


def test_reset_of_one_task_of_a_file_that_is_gone_is_a_usage_error(lab, started):
    (started / "small.py").unlink()
    with pytest.raises(UsageError, match=r"small\.py"):
        reset_task(lab, started, "1")


# -- archive ---------------------------------------------------------------------


FILES = {"small.py": b"x = 1\n", "part.py": "# 求和\n".encode()}


def test_the_same_files_make_the_same_archive(tmp_path):
    for name, files in (("a", FILES), ("b", dict(reversed(FILES.items())))):
        archive(files, of("pass", duration=len(name)), tmp_path / f"{name}.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_an_archive_is_read_as_the_files_that_went_in(tmp_path, lab):
    target = tmp_path / "deep/small.zip"
    archive(FILES, of("pass"), target)
    found = read_submission("id", target, lab)
    assert (found.files, found.problem, found.notes) == (FILES, "", ())
    assert list(target.parent.iterdir()) == [target]


def test_an_archive_says_what_it_is(tmp_path):
    import json

    archive(FILES, of("pass", "fail"), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as read:
        manifest = json.loads(read.read("aisys.json"))
    assert (manifest["lab"], manifest["lab_version"]) == ("small", "1-abc")
    assert manifest["public_score"] == "2/4"
    assert list(manifest["files"]) == ["part.py", "small.py"]


def test_an_archive_replaces_the_one_before(tmp_path, lab):
    target = tmp_path / "small.zip"
    archive(FILES, of("pass"), target)
    archive({"small.py": b"y = 2\n"}, of("pass"), target)
    assert read_submission("id", target, lab).files == {"small.py": b"y = 2\n"}


@pytest.mark.parametrize("target", ["folder", "file/small.zip"])
def test_an_archive_that_cannot_be_written_is_a_fault_of_the_environment(tmp_path, target):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault, match="cannot write"):
        archive(FILES, of("pass"), tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
