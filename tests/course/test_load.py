"""A course that is wrong: the message names the file, the key and the value."""

import pytest

from aisys_cli.course.load import find_course, find_lab, load_course, load_lab
from aisys_cli.errors import CourseError, UsageError


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# What is changed in lab.toml, and all that the message must say of it.
LABS = {
    "a number as text": ("points = 10", 'points = "10"', ["points", "'10'", "int"]),
    "a truth as a number": ("points = 10", "points = true", ["points", "True", "int"]),
    "a number in a list of names": ('["small.py"]', "[3]", ["files[0]", "3", "str"]),
    "a text as a list": ('needs = ["1.1"]', 'needs = "1.1"', ["checks[1].needs", "1.1", "array"]),
    "an unknown key": ("version = 1", "version = 1\ncolour = 1", ["top level", "colour"]),
    "an unknown key of a check": ("points = 2", "points = 2\nhard = 1", ["checks[0]", "hard"]),
    "an unknown limit": ("[limits]", "[limits]\ncores = 2", ["limits", "cores"]),
    "a missing key": ("version = 1\n", "", ["top level", "version"]),
    "a missing key of a check": ("points = 2\n", "", ["checks[0]", "points"]),
    "a missing translation": (', zh = "两个数"', "", ["tasks[0].title", "zh"]),
    "another folder's name": ('id = "small"', 'id = "large"', ["id", "'large'", "'small'"]),
    "a version before the first": ("version = 1", "version = 0", ["version", "0"]),
    "an unknown profile": ('"numpy"', '"nunpy"', ["profile", "'nunpy'", "numpy, torch"]),
    "no file": ('["small.py"]', "[]", ["files", "[]"]),
    "a file out of the folder": ('"small.py"', '"../small.py"', ["files", "'../small.py'"]),
    "a file that no import finds": ('"small.py"', '"my-small.py"', ["files", "'my-small.py'"]),
    "a file of another kind": ('"small.py"', '"small.txt"', ["files", "'small.txt'"]),
    "points that do not add up": ("points = 10", "points = 11", ["points", "11", "to 10"]),
    "negative points": ("points = 3", "points = -3", ["checks[1.2].points", "-3"]),
    "no examples": ("examples = 10", "examples = 0", ["checks[1.1].examples", "0"]),
    "an unknown need": ('needs = ["1.1"]', 'needs = ["1.9"]', ["checks[1.2].needs", "'1.9'"]),
    "a need that comes later": ('["1.1"]', '["2.1"]', ["checks[1.2].needs", "'2.1'", "before"]),
    "a need of itself": ('["1.1"]', '["1.2"]', ["checks[1.2].needs", "'1.2'", "before"]),
    "a check twice": ('id = "1.2"', 'id = "1.1"', ["checks.id", "'1.1'", "twice"]),
    "a task twice": ('id = "2"', 'id = "1"', ["tasks.id", "'1'", "twice"]),
    "a check of no task": ('id = "2.2"', 'id = "3.1"', ["checks.id", "'3.1'", "1, 2"]),
    "a check without a task": ('id = "2.2"', 'id = "2"', ["checks.id", "'2'", "<task>"]),
    "a path as a check": ('id = "2.2"', 'id = "2./x"', ["checks.id", "'2./x'"]),
    "visibility misspelt": ('"hidden"', '"hiden"', ["checks[2].visibility", "'hiden'"]),
    "no time": ("call_seconds = 0.4", "call_seconds = 0", ["limits.call_seconds", "0"]),
    "negative memory": ("memory_mib = 128", "memory_mib = -1", ["limits.memory_mib", "-1"]),
    "a time that is no number": (
        "call_seconds = 0.4",
        "call_seconds = nan",
        ["limits.call_seconds", "nan"],
    ),
    "an endless time": ("call_seconds = 0.4", "call_seconds = inf", ["limits.call_seconds", "inf"]),
    "half a processor": ("processes = 16", "processes = 0.5", ["limits.processes", "0.5", "int"]),
    "broken TOML": ("version = 1", "version = ", ["line 2"]),
    "a key twice": ("version = 1", "version = 1\nversion = 2", ["line 3"]),
}


@pytest.mark.parametrize(("old", "new", "words"), LABS.values(), ids=LABS)
def test_a_wrong_lab_is_named_by_file_key_and_value(own_course, old, new, words):
    path = own_course / "labs/small/lab.toml"
    change(path, old, new)
    with pytest.raises(CourseError) as raised:
        load_course(own_course)
    for word in [str(path), *words]:
        assert word in raised.value.message


OUTLINE = """
[[modules.sections]]
id = "1"
title = { en = "One", zh = "一" }
lectures = ["1-1", "1-2"]
"""
LATER = '\n[[modules]]\nid = "later"'


def outlined(text=OUTLINE):
    return LATER, text + LATER


COURSES = {
    "a section twice": (*outlined(OUTLINE + OUTLINE), ["modules.sections.id", "'1'", "twice"]),
    "a lecture twice": (
        *outlined(OUTLINE.replace("1-2", "1-1")),
        ["modules.sections.lectures", "'1-1'", "twice"],
    ),
    "a section without a title": (
        *outlined('\n[[modules.sections]]\nid = "1"\n'),
        ["modules[0].sections[0]", "title"],
    ),
    "a number as text": ('id = "small-course"', "id = 3", ["id", "3", "str"]),
    "an unknown key": ('["small"]', '["small"]\nlab = 1', ["top level", "lab"]),
    "a missing key": ('labs = ["small"]\n', "", ["top level", "labs"]),
    "a lab that is not there": ('["small"]', '["small", "big"]', ["labs", "'big'"]),
    "a lab twice": ('["small"]', '["small", "small"]', ["labs", "'small'", "twice"]),
    "a module twice": ('id = "later"', 'id = "numbers"', ["modules", "'numbers'", "twice"]),
    "a missing translation": (', zh = "以后"', "", ["modules[1].title", "zh"]),
    "broken TOML": ("[[modules]]", "[[modules]", ["line"]),
    "another way to count": (
        "[[modules]]",
        '[grading]\ncounts = "first"\n[[modules]]',
        ["grading.counts", "'first'"],
    ),
    "an unknown key of grading": (
        "[[modules]]",
        "[grading]\ndate = 1\n[[modules]]",
        ["grading", "date"],
    ),
    **{
        f"late: {line}": (
            "[[modules]]",
            f"[grading.late]\n{line}\n[[modules]]",
            ["grading.late." + line.partition(" ")[0], line.rpartition(" ")[2]],
        )
        for line in (
            "percent_per_day = 101",
            "percent_per_day = -1",
            "percent_per_day = 2.5",
            "grace_minutes = -1",
            "grace_minutes = 10081",
            "cutoff_days = -1",
        )
    },
    **{
        f"due: {line}": (
            "[[modules]]",
            f"[grading.due]\n{line}\n[[modules]]",
            [f"grading.due.{line.partition(' ')[0]} = '{said}'", why],
        )
        for line, said, why in (
            ("small = 2026-03-01T23:59:00", "2026-03-01 23:59:00", "offset"),
            ("small = 2026-03-01", "2026-03-01", "offset"),
            ('small = "2026-03-01T23:59:00Z"', "2026-03-01T23:59:00Z", "unquoted"),
            ("small = 3", "3", "offset"),
            ("big = 2026-03-01T23:59:00Z", "2026-03-01 23:59:00+00:00", "no lab"),
        )
    },
}


@pytest.mark.parametrize(("old", "new", "words"), COURSES.values(), ids=COURSES)
def test_a_wrong_course_is_named_by_file_key_and_value(own_course, old, new, words):
    path = own_course / "course.toml"
    change(path, old, new)
    with pytest.raises(CourseError) as raised:
        load_course(own_course)
    for word in [str(path), *words]:
        assert word in raised.value.message


def test_a_lab_of_an_unknown_module_is_shown_the_known_ones(own_course):
    path = own_course / "labs/small/lab.toml"
    change(path, 'module = "numbers"', 'module = "number"')
    with pytest.raises(CourseError) as raised:
        load_course(own_course)
    for word in (str(path), "module = 'number'", "later, numbers"):
        assert word in raised.value.message


@pytest.mark.parametrize("name", ["course.toml", "labs/small/lab.toml"])
def test_text_in_another_encoding_is_said_to_be_that(own_course, name):
    path = own_course / name
    before = path.read_bytes()
    path.write_bytes(b"# " + "课程".encode("gbk") + b"\n" + before)
    with pytest.raises(CourseError) as raised:
        load_course(own_course)
    assert raised.value.message == f"{path}: not UTF-8 at byte 2"


def test_a_lab_without_a_lab_toml_is_named(own_course):
    (own_course / "labs/small/lab.toml").unlink()
    with pytest.raises(CourseError, match=r"course\.toml: labs = 'small': has no .*lab\.toml"):
        load_lab(own_course, "small")


def test_a_folder_in_place_of_a_file_is_an_error_with_its_reason(own_course):
    path = own_course / "course.toml"
    path.unlink()
    path.mkdir()
    with pytest.raises(CourseError, match=r"course\.toml: Is a directory"):
        load_course(own_course)


# -- versions --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("labs/small/lab.toml", True),
        ("labs/small/driver.py", True),
        ("labs/small/ranges.py", True),
        ("labs/small/checks.py", True),
        ("grading/small/checks.py", True),
        ("labs/small/handout.en.md", False),
        ("labs/small/hints.zh.md", False),
        ("labs/small/starter/small.py", False),
        ("solutions/small/reference/small.py", False),
    ],
)
def test_a_labs_version_follows_what_can_change_a_grade(own_course, name, changes):
    before = load_lab(own_course, "small").version
    with (own_course / name).open("a") as file:
        file.write("\n# a word more\n")
    after = load_lab(own_course, "small").version
    assert before.startswith("1-")
    assert (before != after) is changes


def test_two_copies_of_a_course_have_the_same_version(course, own_course):
    assert load_lab(course, "small").version == load_lab(own_course, "small").version


# -- finding a lab ---------------------------------------------------------------


@pytest.fixture
def three(own_course):
    """A course with the labs small, smart and forward-diff."""
    for id in ("smart", "forward-diff"):
        folder = own_course / "labs" / id
        folder.mkdir()
        text = (own_course / "labs/small/lab.toml").read_text(encoding="utf-8")
        (folder / "lab.toml").write_text(text.replace('"small"', f'"{id}"', 1), encoding="utf-8")
    change(own_course / "course.toml", '["small"]', '["small", "smart", "forward-diff"]')
    return load_course(own_course)


@pytest.mark.parametrize(
    ("name", "id"),
    [("small", "small"), ("smal", "small"), ("smar", "smart"), ("f", "forward-diff")],
)
def test_a_lab_is_found_by_its_id_or_a_unique_beginning(three, name, id):
    assert find_lab(three, name).id == id


def test_an_exact_id_wins_over_being_a_beginning(own_course, three):
    folder = own_course / "labs/small-2"
    folder.mkdir()
    text = (own_course / "labs/small/lab.toml").read_text(encoding="utf-8")
    (folder / "lab.toml").write_text(text.replace('"small"', '"small-2"', 1), encoding="utf-8")
    change(own_course / "course.toml", '"smart"', '"smart", "small-2"')
    assert find_lab(load_course(own_course), "small").id == "small"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sma", '"sma" could be small or smart'),
        ("foward-dif", 'no lab named "foward-dif". Did you mean forward-diff?'),
        ("xyz", 'no lab named "xyz".'),
        ("", 'no lab named "".'),
        ("small/../small", 'no lab named "small/../small". Did you mean small?'),
    ],
)
def test_an_unknown_lab_is_answered_with_what_may_be_meant(three, name, message):
    with pytest.raises(UsageError) as raised:
        find_lab(three, name)
    assert raised.value.message == message
    assert "aisys lab list" in raised.value.remedy


# -- finding a course --------------------------------------------------------------


def test_the_course_asked_for_beats_the_environment(course, tmp_path, monkeypatch):
    monkeypatch.setenv("AISYS_COURSE", str(tmp_path))
    assert find_course(course) == course.resolve()


def test_the_environment_names_a_course(course, monkeypatch):
    monkeypatch.setenv("AISYS_COURSE", str(course))
    assert find_course() == course.resolve()


@pytest.mark.parametrize("value", ["", None])
def test_without_one_named_it_is_the_bundled_course(monkeypatch, value):
    monkeypatch.delenv("AISYS_COURSE", raising=False)
    if value is not None:
        monkeypatch.setenv("AISYS_COURSE", value)
    assert load_course(find_course()).facts.id == "aisystem"


def test_a_folder_without_course_toml_is_a_usage_error(tmp_path, monkeypatch):
    monkeypatch.setenv("AISYS_COURSE", str(tmp_path))
    with pytest.raises(UsageError, match=r"no course in .*: it has no course\.toml") as raised:
        find_course()
    assert "--course DIR" in raised.value.remedy


def test_a_file_in_place_of_the_course_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="no course in"):
        find_course(tmp_path / "file")


def test_a_lab_of_no_section_is_named_with_the_sections_there_are(own_course):
    change(own_course / "course.toml", *outlined())
    change(own_course / "labs/small/lab.toml", 'section = "', 'section = "no-such-')
    with pytest.raises(CourseError, match=r"section = .no-such-.*is no section.*numbers \(1\)"):
        load_course(own_course)
