"""What Tab offers, in the words of the three shells, and that it loads next to nothing."""

import os
import subprocess
import sys

import pytest
from harness import clean_environment
from running import FLOAT32, run, write

BEGIN = [sys.executable, "-m", "aisys_cli"]


@pytest.fixture(scope="module")
def place(tmp_path_factory, course):
    """A workspace in which 2.2 failed last."""
    folder = tmp_path_factory.mktemp("place")
    run("lab", "start", "small", cwd=folder, at=course)
    write(folder, {"small/small.py": FLOAT32})
    run("lab", "test", cwd=folder, at=course)
    return folder


def offered(line, *, cwd, course, **env):
    """What bash is told for the last word of the line."""
    words = line.split(" ")
    environment = clean_environment(
        _AISYS_COMPLETE="complete_bash",
        COMP_WORDS=line,
        COMP_CWORD=str(len(words) - 1),
        AISYS_COURSE=str(course),
        **env,
    )
    done = subprocess.run(
        BEGIN, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


OFFERS = {
    "aisys lab st": {"start", "status"},
    "aisys lab start ": {"small"},
    "aisys lab status s": {"small"},
    "aisys lab test ": {"small", "1", "2", "1.1", "1.2", "2.2"},
    "aisys lab test 1.": {"1.1", "1.2"},
    "aisys lab test small/": {"small/1", "small/2"},
    "aisys lab test 1.1 2": {"2", "2.2"},
    "aisys lab show small/": {"small/1", "small/2"},
    "aisys lab repro ": {"2.2"},
    "aisys lab hint ": {"1", "2"},
    "aisys lab reset ": {"1", "2"},
    "aisys course check ": {"small"},
    "aisys lab start big": set(),
}


@pytest.mark.parametrize("line", OFFERS)
def test_tab_offers_what_there_is(line, place, course):
    assert set(offered(line, cwd=place, course=course)) == OFFERS[line]


def test_without_a_workspace_there_are_labs_only(tmp_path, course):
    assert offered("aisys lab test ", cwd=tmp_path, course=course) == ["small"]
    assert offered("aisys lab repro ", cwd=tmp_path, course=course) == []


@pytest.mark.parametrize("text", ["labs = 3", "labs = [", 'labs = ["no"]', ""])
def test_a_wrong_course_or_workspace_offers_nothing_and_says_nothing(text, tmp_path, own_course):
    write(tmp_path, {".aisys/workspace.json": "{"})
    (own_course / "course.toml").write_text(text)
    for line in ("aisys lab start ", "aisys lab hint "):
        assert offered(line, cwd=tmp_path, course=own_course) == []
    assert offered("aisys lab start ", cwd=tmp_path, course=tmp_path / "nowhere") == []


def test_zsh_and_fish_show_the_title_in_the_language_of_the_student(place, course):
    for shell in ("zsh", "fish"):
        environment = clean_environment(
            _AISYS_COMPLETE=f"complete_{shell}",
            _TYPER_COMPLETE_ARGS="aisys --lang zh lab test 2.",
            _TYPER_COMPLETE_FISH_ACTION="get-args",
            AISYS_COURSE=str(course),
        )
        done = subprocess.run(
            BEGIN, cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        assert "2.2" in done.stdout
        assert "scale 逐元素相乘" in done.stdout


def test_bash_completes_with_the_script_that_is_installed(place, course, tmp_path):
    program = tmp_path / "aisys"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m aisys_cli "$@"\n')
    program.chmod(0o755)
    script = """
        source <(_AISYS_COMPLETE=source_bash aisys)
        COMP_WORDS=(aisys lab repro ""); COMP_CWORD=3
        _aisys_completion aisys
        echo "${COMPREPLY[@]}"
    """
    environment = clean_environment(
        AISYS_COURSE=str(course), PATH=f"{tmp_path}:{os.environ['PATH']}"
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=place, env=environment, capture_output=True, check=False
    )
    assert done.stdout.split() == [b"2.2"], done.stderr


def test_a_tab_loads_nothing_that_takes_time(place, course):
    source = """
import runpy, sys
try:
    runpy.run_module("aisys_cli", run_name="__main__")
finally:
    heavy = {"torch", "numpy", "hypothesis", "pytest", "msgspec", "rich", "watchfiles"}
    print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    environment = clean_environment(
        _AISYS_COMPLETE="complete_bash",
        COMP_WORDS="aisys lab test ",
        COMP_CWORD="3",
        AISYS_COURSE=str(course),
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1.1" in done.stdout
    assert done.stderr.strip() == "[]"
