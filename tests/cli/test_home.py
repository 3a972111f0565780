"""`aisys` alone, the outline, and progress that survives what happens to a workspace."""

import json
import shutil

import pytest
from rich.cells import cell_len
from running import FLOAT32, RIGHT, run, write

SECTIONS = """
[[modules.sections]]
id = "1-2"
title = { en = "Counting", zh = "计数" }
lectures = ["1", "2"]
coming = [{ en = "Fractions", zh = "分数" }]

[[modules.sections]]
id = "3"
title = { en = "Words", zh = "词" }
"""


def with_sections(course, section="1"):
    listed = course / "course.toml"
    head, marker, tail = listed.read_text().partition('\n[[modules]]\nid = "later"')
    listed.write_text(head + SECTIONS + marker + tail)
    facts = course / "labs/small/lab.toml"
    lines = facts.read_text().splitlines(keepends=True)
    text = "".join(f'section = "{section}"\n' if x.startswith("section") else x for x in lines)
    facts.write_text(text)


def out(*words, cwd, at):
    done = run(*words, cwd=cwd, at=at)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if cell_len(line) > 80] == []
    return done.stdout


@pytest.fixture
def place(tmp_path, course):
    """A workspace in which one of three public checks fails."""
    place = tmp_path / "place"
    place.mkdir()
    run("lab", "start", "small", cwd=place, at=course)
    write(place, {"small/small.py": FLOAT32})
    run("lab", "test", cwd=place, at=course)
    return place


def test_outside_of_a_workspace_it_says_how_to_begin_and_writes_nothing(tmp_path, course):
    shown = out(cwd=tmp_path, at=course)
    for words in ("aisys lab list", "aisys lab start small", "aisys lab watch", "aisys --help"):
        assert words in shown
    assert list(tmp_path.iterdir()) == []


def test_in_a_workspace_it_says_where_one_is_what_is_next_and_how_far(place, course):
    shown = out(cwd=place, at=course)
    assert "You are at    small: Arithmetic of numbers" in shown
    assert "2 of 3 public checks passed, 5 of 7 points" in shown
    assert "task 2: One number, many numbers" in shown
    assert "write small/small.py\n                aisys lab watch    tests it" in shown
    assert "[#######---]  0 of 1 lab, 5 of 7 points" in shown
    assert "no lab yet" in shown.partition("Later")[2]


def test_it_speaks_chinese_in_columns(place, course):
    shown = out("--lang", "zh", cwd=place, at=course)
    line = next(line for line in shown.splitlines() if "[###" in line)
    other = next(line for line in shown.splitlines() if "尚无实验" in line)
    assert cell_len(line.partition("[")[0]) == cell_len(other.partition("尚无")[0])


def test_when_all_public_checks_pass_it_says_to_hand_in(place, course):
    write(place, {"small/small.py": RIGHT})
    run("lab", "test", cwd=place, at=course)
    shown = out(cwd=place / "small", at=course)
    assert "aisys lab submit" in shown
    assert "[##########]  1 of 1 lab, 7 of 7 points" in shown


def test_a_folder_that_is_gone_and_a_lab_that_is_no_more_are_said(place, course, own_course):
    (place / "small").rename(place / "away")
    assert "aisys lab start small" in out(cwd=place, at=course).partition("is gone")[2]
    path = place / ".aisys/workspace.json"
    path.write_text(path.read_text().replace('"current": "small"', '"current": "tall"'))
    assert "tall, is not in this course" in out(cwd=place, at=course)


def test_help_is_still_there(aisys):
    assert "Usage: aisys" in aisys("--help").stdout
    assert aisys("lab").returncode == 2


# -- the outline -----------------------------------------------------------------------


def test_the_list_shows_sections_with_their_labs_and_what_is_coming(place, own_course):
    with_sections(own_course, "2")
    lines = out("lab", "list", cwd=place, at=own_course).splitlines()
    at = lines.index("  Numbers")
    assert lines[at + 1] == "    1-2  Counting"
    assert lines[at + 2].startswith("    * begun  small ")
    assert lines[at + 2].endswith("2/3")
    assert lines[at + 3] == "      coming Fractions"
    assert lines[at + 4] == "    3    Words"
    assert "  Later   (no lab yet)" in lines


@pytest.mark.parametrize(
    ("text", "state"),
    [(RIGHT, "done"), (FLOAT32, "begun"), (None, "open")],
    ids=["done", "begun", "open"],
)
def test_a_lab_is_done_begun_or_open(tmp_path, course, text, state):
    if text:
        run("lab", "start", "small", cwd=tmp_path, at=course)
        write(tmp_path, {"small/small.py": text})
        run("lab", "test", cwd=tmp_path, at=course)
    (record,) = json.loads(run("lab", "list", "--format", "json", cwd=tmp_path, at=course).stdout)
    assert record["state"] == state
    assert f" {state} " in out("lab", "list", cwd=tmp_path, at=course)


def test_the_bundled_course_has_an_outline_in_80_columns(tmp_path):
    for language in ("en", "zh"):
        shown = out("--lang", language, "lab", "list", cwd=tmp_path, at="")
        assert "2.2 " in shown
        assert shown.count("100 points" if language == "en" else "100 分") >= 5


# -- progress survives -----------------------------------------------------------------


def test_progress_survives_a_move_and_another_machine(place, course, tmp_path):
    moved = tmp_path / "other machine" / "作业"
    shutil.copytree(place, moved)
    shutil.rmtree(place)
    assert "5 of 7 points" in out(cwd=moved / "small", at=course)
    assert run("lab", "repro", "2.2", cwd=moved, at=course).returncode == 1


def test_progress_survives_an_update_of_the_course_which_is_said(place, own_course):
    facts = own_course / "labs/small/lab.toml"
    facts.write_text(facts.read_text().replace("version = 1", "version = 2"))
    assert "5 of 7 points" in out(cwd=place, at=own_course)
    assert "aisys lab start small" in out(cwd=place, at=own_course)
    assert "version 2" in out("lab", "status", cwd=place, at=own_course)
    out("lab", "start", "small", cwd=place, at=own_course)
    assert (place / "small/small.py").read_text() == FLOAT32
    assert "version 2" not in out("lab", "status", cwd=place, at=own_course)
    assert "5 of 7 points" in out(cwd=place, at=own_course)


def test_a_check_that_the_course_no_longer_has_counts_for_nothing(place, own_course):
    path = place / ".aisys/workspace.json"
    path.write_text(path.read_text().replace('"2.2": "fail"', '"9.9": "pass"'))
    assert "2 of 3 public checks passed, 5 of 7 points" in out(cwd=place, at=own_course)
