"""Hints, read from their Markdown."""

import pytest

from aisys_cli.errors import CourseError
from aisys_cli.workspace.hints import read_hints


@pytest.fixture
def read(tmp_path):
    def parse(text):
        path = tmp_path / "hints.en.md"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_hints(path)

    return parse


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_hints_of_the_small_course(lab, language):
    hints = read_hints(lab.hints(language))
    assert list(hints) == ["1", "2"]
    assert [len(steps) for steps in hints.values()] == [3, 3]
    assert hints["1"][2] == "`return a + b`"


def test_a_step_is_all_text_up_to_the_next_heading(read):
    text = "# Hints\n\nan introduction\n\n## 1 One\n\n### 1\n\nfirst\n\n- a\n- b\n\n### 2\nsecond\n"
    assert read(text) == {"1": ["first\n\n- a\n- b", "second"]}


def test_headings_in_code_are_code(read):
    text = "## 1 One\n### 1\n```python\n## 2 not a task\n### 2\n```\nafter\n"
    assert read(text) == {"1": ["```python\n## 2 not a task\n### 2\n```\nafter"]}


def test_lines_of_windows_are_lines(read):
    assert read("## 1 One\r\n### 1\r\nfirst\r\n### 2\r\nsecond\r\n") == {"1": ["first", "second"]}


def test_a_task_without_steps_has_none(read):
    assert read("## 1 One\n\nsome text\n") == {"1": []}
    assert read("") == {}


ORDERS = {
    "a step is missing": ("## 1 One\n### 1\na\n### 3\nb\n", "hints.en.md:4: step 3"),
    "a step twice": ("## 1 One\n### 1\na\n### 1\nb\n", "hints.en.md:4: step 1"),
    "not from 1 on": ("## 1 One\n### 2\na\n", "hints.en.md:2: step 2"),
    "from 0 on": ("## 1 One\n### 0\na\n", "hints.en.md:2: step 0"),
    "before any task": ("### 1\na\n", "hints.en.md:1: step 1"),
    "it does not begin anew": (
        "## 1 One\n### 1\na\n## 2 Two\n### 2\nb\n",
        "hints.en.md:5: step 2",
    ),
}


@pytest.mark.parametrize(("text", "words"), ORDERS.values(), ids=ORDERS)
def test_steps_out_of_order_are_named_with_their_line(read, text, words):
    with pytest.raises(CourseError) as raised:
        read(text)
    assert raised.value.message.endswith(f"{words} is out of order")


def test_a_task_that_stands_twice_is_not_lost(read):
    with pytest.raises(CourseError, match="1"):
        read("## 1 One\n### 1\na\n## 1 Two\n### 1\nb\n")


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(CourseError, match=r"hints\.zh\.md: No such file"):
        read_hints(tmp_path / "hints.zh.md")


def test_text_in_another_encoding_is_a_course_error(read):
    with pytest.raises(CourseError, match=r"hints\.en\.md.*UTF-8"):
        read("## 1 提示\n".encode("gbk"))
