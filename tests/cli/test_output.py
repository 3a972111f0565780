"""What stdout carries: colours, cursor, encodings, widths, a few whole texts.

The texts are in golden/*.txt. To write them anew, after a change that is meant:

    AISYS_UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/cli/test_output.py
    git diff tests/cli/golden
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from harness import clean_environment, copy_of_course
from rich.cells import cell_len
from running import FLOAT32, RIGHT, SYNTAX, WRONG, command, in_terminal, run, without_times, write

GOLDEN = Path(__file__).parent / "golden"
ESCAPE = "\x1b"
COLOUR = re.compile("\x1b\\[[0-9;]*m")
CURSOR = re.compile("\x1b\\[[0-9;?]*[A-Zhl]|\r(?!\n)")
LANGUAGES = ["en", "zh"]
LONG = {"en": "a title that goes on " * 6, "zh": "一个很长很长的标题" * 8}


@pytest.fixture(scope="module")
def place(tmp_path_factory, course):
    """A workspace in which a wrong answer was tested, with submissions beside it."""
    folder = tmp_path_factory.mktemp("place")
    run("lab", "start", "small", cwd=folder, at=course)
    long = "a-name-that-is-longer-than-any-table-has-room-for-" + "x" * 60
    texts = {"small/small.py": FLOAT32, "subs/li-ming.py": RIGHT, "subs/wang-fang.py": WRONG}
    write(folder, {**texts, f"many/{long}.py": SYNTAX, "many/李明.py": RIGHT})
    run("lab", "test", cwd=folder, at=course)
    return folder


@pytest.fixture(scope="module")
def long_course(tmp_path_factory, course):
    """The small course with an id and titles that no line has room for."""
    folder = copy_of_course(tmp_path_factory.mktemp("long") / "course")
    id = "a-lab-whose-id-has-no-room"
    for part in ("labs", "grading", "solutions"):
        (folder / part / "small").rename(folder / part / id)
    path = folder / "labs" / id / "lab.toml"
    text = path.read_text().replace('id = "small"', f'id = "{id}"')
    for language, title in LONG.items():
        text = re.sub(rf'\b{language} = "[^"]+"', f'{language} = "{title}"', text)
    path.write_text(text)
    listed = folder / "course.toml"
    listed.write_text(listed.read_text().replace('["small"]', f'["{id}"]'))
    return folder


@pytest.fixture(scope="module")
def long_place(tmp_path_factory, long_course):
    folder = tmp_path_factory.mktemp("long-place")
    run("lab", "start", "a-lab", cwd=folder, at=long_course)
    text = FLOAT32.replace("return a * b", "return [float(i) / 7 for i in range(60)]")
    loud = text.replace("return a + b", "print('loud ' * 90); return a + b + 1")
    return write(
        folder, {"a-lab-whose-id-has-no-room/small.py": loud, "subs/李明" * 9 + ".py": loud}
    )


# -- colours and the cursor ----------------------------------------------------------


@pytest.mark.parametrize("words", ["lab list", "lab status", "grade-all subs --lab small"])
def test_into_a_pipe_goes_no_escape_code(words, place, course):
    done = run(*words.split(), cwd=place, at=course, env={"TERM": "xterm-256color"})
    assert done.stdout
    assert ESCAPE not in done.stdout + done.stderr


def test_force_color_colours_a_pipe_and_no_color_wins(place, course):
    words = ["grade", "subs/wang-fang.py", "--lab", "small"]
    coloured = run(*words, cwd=place, at=course, env={"FORCE_COLOR": "1", "TERM": "xterm"})
    plain = run(
        *words, cwd=place, at=course, env={"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}
    )
    assert COLOUR.search(coloured.stdout)
    assert not re.search("\x1b\\[[0-9;]*3[0-7]", plain.stdout)
    assert without_times(COLOUR.sub("", coloured.stdout)) == without_times(
        COLOUR.sub("", plain.stdout)
    )


def test_a_terminal_gets_colours_and_a_progress_bar(place, course):
    words = ["grade-all", "subs", "--lab", "small", "--db", "terminal.db"]
    text, code = in_terminal(*words, cwd=place, at=course)
    assert code == 0
    assert COLOUR.search(text)
    assert CURSOR.search(text)
    assert "2/2" in COLOUR.sub("", text)


def test_a_dumb_terminal_gets_lines_and_its_cursor_is_not_moved(place, course):
    words = ["grade-all", "subs", "--lab", "small", "--db", "dumb.db"]
    text, code = in_terminal(*words, cwd=place, at=course, env={"TERM": "dumb"})
    assert code == 0
    assert ESCAPE not in text
    assert not CURSOR.search(text)
    assert "    2/2  " in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_handout_in_a_terminal_is_wrapped_at_80_cells(lang, place, own_course):
    path = own_course / f"labs/small/handout.{lang}.md"
    path.write_text(path.read_text() + "\n" + "long words in a paragraph 很长的一段话。" * 20)
    text, code = in_terminal("--lang", lang, "lab", "show", "small", cwd=place, at=own_course)
    assert code == 0
    lines = COLOUR.sub("", text).splitlines()
    assert len(lines) > 10
    assert [line for line in lines if cell_len(line) > 80] == []


# -- encodings -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda env: next(iter(env.items())),
)
@pytest.mark.parametrize("words", ["lab list", "lab status", "lab hint", "lab show"])
def test_chinese_on_an_ascii_stdout_is_question_marks_and_no_error(words, env, place, course):
    done = run("--lang", "zh", *words.split(), cwd=place, at=course, env=env, encoding="ascii")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "??" in done.stdout


def test_a_report_in_chinese_on_an_ascii_terminal_is_no_error(place, course):
    words = ["--lang", "zh", "grade-all", "many", "--lab", "small", "--db", "ascii.db"]
    text, code = in_terminal(*words, cwd=place, at=course, env={"PYTHONIOENCODING": "ascii"})
    assert code == 0
    assert text.isascii()
    assert "Traceback" not in text


def test_the_language_is_that_of_the_locale_unless_it_is_named(place, course):
    def listed(**env):
        return run("lab", "list", cwd=place, at=course, env=env).stdout

    assert "数的四则运算" in listed(LANG="zh_CN.UTF-8")
    assert "数的四则运算" in listed(AISYS_LANG="zh")
    assert "Arithmetic" in listed(LANG="zh_CN.UTF-8", AISYS_LANG="en")
    assert "Arithmetic" in listed(LANG="zh_CN.UTF-8", LC_ALL="C.UTF-8")
    assert "数的四则运算" in listed(LANG="zh_CN.UTF-8", LC_ALL="")


# -- widths -----------------------------------------------------------------------------


WIDE = ["lab list", "lab test", "lab status", "grade-all subs --lab a-lab --db {}.db"]


@pytest.fixture(scope="module")
def wide(long_place, long_course):
    """What each of these commands gives, by (words, language)."""
    return {
        (words, lang): run(
            "--lang", lang, *words.format(lang).split(), cwd=long_place, at=long_course
        )
        for words in WIDE
        for lang in LANGUAGES
    }


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("words", WIDE)
def test_no_line_is_wider_than_80_cells(words, lang, wide):
    done = wide[words, lang]
    assert done.returncode in (0, 1), done.stderr
    lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
    assert len(lines) > 4
    assert [one for one in lines if cell_len(one) > 80] == []


def test_what_is_folded_is_all_there(wide):
    assert wide["lab test", "en"].stdout.count("loud") >= 90


# -- a pipe that is closed ----------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["lab list", "help exit-codes", "grade subs/li-ming.py --lab small", "--help"]
)
def test_a_closed_pipe_ends_it_quietly(words, place, course):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command(words.split(), course),
        cwd=place,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(writer)
    assert done.returncode == 0
    assert "Error" not in done.stderr
    assert "Exception" not in done.stderr


# -- whole texts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lab_list_zh", "--lang zh lab list"),
        ("lab_test", "lab test"),
        ("lab_status", "lab status"),
        ("grade_all", "grade-all subs --lab small --db golden.db"),
        ("unknown_lab", "lab start smol"),
    ],
)
def test_the_text_is_as_kept(name, words, place, course):
    done = run(*words.split(), cwd=place, at=course)
    text = without_times(f"$ aisys {words}\n{done.stdout}-- stderr\n{done.stderr}")
    kept = GOLDEN / f"{name}.txt"
    if os.environ.get("AISYS_UPDATE_GOLDEN"):
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")
