"""What `course check` says of a lab before it runs anything."""

import shutil

import pytest

from aisys_cli.course.lint import lint
from aisys_cli.course.load import load_course, load_lab


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def problems_of(course):
    return lint(load_lab(course, "small"))


def test_the_small_course_is_whole(course):
    assert problems_of(course) == []


def test_the_bundled_course_can_be_linted():
    from aisys_cli.course.load import find_course

    for lab in load_course(find_course()).labs:
        assert all(isinstance(problem, str) for problem in lint(lab))


@pytest.mark.parametrize(
    "name",
    [
        "labs/small/driver.py",
        "labs/small/checks.py",
        "labs/small/handout.en.md",
        "labs/small/handout.zh.md",
        "labs/small/hints.en.md",
        "labs/small/hints.zh.md",
        "labs/small/starter/small.py",
        "grading/small/checks.py",
        "solutions/small/reference/small.py",
        "solutions/small/wheats",
        "solutions/small/chaffs",
    ],
)
def test_each_part_that_is_missing_is_named(own_course, name):
    path = own_course / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert f"{path} is missing" in problems_of(own_course)


@pytest.mark.parametrize(
    "name",
    [
        "labs/small/notes.txt",
        "labs/small/unused.py",
        "labs/small/starter/solution.py",
        "grading/small/old_checks.py",
        "solutions/small/todo.md",
        "solutions/small/reference/other.py",
    ],
)
def test_a_stray_file_is_named(own_course, name):
    (own_course / name).write_text("")
    assert problems_of(own_course) == [f"{own_course / name} is a stray file: nothing uses it"]


@pytest.mark.parametrize(
    ("name", "by"),
    [
        ("labs/small/helper.py", "labs/small/checks.py"),
        ("labs/small/helper.py", "grading/small/checks.py"),
        ("grading/small/helper.py", "grading/small/checks.py"),
    ],
)
def test_a_module_that_a_check_imports_is_no_stray(own_course, name, by):
    (own_course / name).write_text("")
    change(own_course / by, "from ranges", "import helper  # noqa\nfrom ranges")
    assert problems_of(own_course) == []


@pytest.mark.parametrize("name", ["labs/small", "labs/small/starter", "solutions/small/reference"])
def test_what_python_leaves_behind_is_no_stray(own_course, name):
    (own_course / name / "__pycache__").mkdir()
    assert problems_of(own_course) == []


def test_a_chaffs_folder_without_its_toml_is_named(own_course):
    folder = own_course / "solutions/small/chaffs/forgotten"
    folder.mkdir()
    assert problems_of(own_course) == [f"{folder} has no forgotten.toml"]


TEXTS = {
    "the lab": ("数的四则运算", "Arithmetic of numbers", "the lab has the same title"),
    "a task": ("两个数", "Two numbers", "task 1 has the same title in both languages: Two numbers"),
    "a check": ("add 求和", "add adds", "check 1.1 has the same title in both languages: add adds"),
    "nothing": ("add 求和", " ", "check 1.1 has no title in one of the languages"),
    "nothing in English": ("add adds", "", "check 1.1 has no title in one of the languages"),
}


@pytest.mark.parametrize(("old", "new", "problem"), TEXTS.values(), ids=TEXTS)
def test_a_title_is_wanted_in_both_languages(own_course, old, new, problem):
    change(own_course / "labs/small/lab.toml", old, new)
    (found,) = problems_of(own_course)
    assert problem in found


def test_a_task_without_a_check_is_named(own_course):
    path = own_course / "labs/small/lab.toml"
    change(
        path,
        "[[checks]]",
        '[[tasks]]\nid = "3"\ntitle = { en = "More", zh = "更多" }\n\n[[checks]]',
    )
    assert "task 3 has no check" in problems_of(own_course)


HINTS = {
    "a step that is missing": ("### 3\n\n`return a + b`\n", "", ["task 1 has 2 steps, not 3"]),
    "a step too many": ("`return a + b`", "`x`\n\n### 4\n\ny", ["task 1 has 4 steps, not 3"]),
    "a step out of order": ("### 2", "### 3", ["hints.en.md:9: step 3 is out of order"]),
    "a step twice": ("### 2", "### 1", ["hints.en.md:9: step 1 is out of order"]),
    "another task": ("## 2 One", "## 3 One", ["has tasks ['1', '3']; lab.toml has ['1', '2']"]),
}


@pytest.mark.parametrize(("old", "new", "problems"), HINTS.values(), ids=HINTS)
def test_wrong_hints_are_named_with_their_file(own_course, old, new, problems):
    path = own_course / "labs/small/hints.en.md"
    change(path, old, new)
    found = problems_of(own_course)
    assert len(found) == len(problems)
    for problem, one in zip(problems, found, strict=True):
        assert str(path) in one
        assert problem in one


def test_a_step_without_a_word_in_it_is_said_to_be_empty(own_course):
    change(own_course / "labs/small/hints.zh.md", "看看 Python 的运算符。", "")
    (found,) = problems_of(own_course)
    assert "task 1" in found
    assert "has 3 steps, not 3" not in found


def test_hints_in_another_encoding_are_a_problem_not_a_traceback(own_course):
    path = own_course / "labs/small/hints.zh.md"
    path.write_bytes("# 提示".encode("gbk"))
    assert any(str(path) in problem for problem in problems_of(own_course))


@pytest.mark.parametrize("data", [b"def f(:\n", b"# \xff\n", b"x = '\0'\n"])
@pytest.mark.parametrize("name", ["labs/small/checks.py", "grading/small/checks.py"])
def test_checks_that_do_not_parse_are_a_problem_not_a_traceback(own_course, name, data):
    path = own_course / name
    path.write_bytes(data)
    assert any(str(path) in problem for problem in problems_of(own_course))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('"{0} is odd" = "{0} 是奇数"\n', None),
        ('"{0} is odd" = "是奇数"\n', "'是奇数': it has other values"),
        ('"{0}{1}" = "{0}{1}"\n', "never side by side"),
        ('"a {0}" = "{0} {"\n', "never side by side"),
        ('"{0} is odd" = 7\n', "words.zh.toml"),
        ('"odd\n', "words.zh.toml"),
    ],
)
def test_words_in_chinese_have_the_same_values(own_course, text, problem):
    (own_course / "labs/small/words.zh.toml").write_text(text)
    found = problems_of(own_course)
    assert (found == []) if problem is None else (len(found) == 1 and problem in found[0])


def test_a_check_speaks_chinese_with_the_words_of_its_lab(own_course, tmp_path, aisys):
    (own_course / "labs/small/words.zh.toml").write_text('"the sign of {0}" = "{0} 的符号"\n')
    checks = own_course / "grading/small/checks.py"
    checks.write_text(checks.read_text().replace('oracle="Python"', 'oracle="the sign of a"'))
    wrong = (own_course / "solutions/small/reference/small.py").read_text()
    (tmp_path / "small.py").write_text(wrong.replace("return -a", "return a"))
    words = ["grade", str(tmp_path / "small.py"), "--lab", "small"]
    assert "a 的符号" in aisys("--lang", "zh", *words, at=own_course).stdout
    assert "the sign of a" in aisys("--lang", "en", *words, at=own_course).stdout
