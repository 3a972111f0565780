"""The keys that are read, and the screen as a pure function of a scene."""

import pytest
from rich.cells import cell_len
from samples import EVIDENCE, check

from aisys_cli.report.columns import bar, cut, fitted, folded
from aisys_cli.watch.terminal import keys_of
from aisys_cli.watch.view import KEYS, Scene, failing, render_lines

READ = {
    "q": ["q"],
    "Q": ["q"],
    "hh": ["h", "h"],
    "\r": ["again"],
    "\x1b": ["back"],
    "\x1b[A\x1b[B\x1bOA": ["up", "down", "up"],
    "\x1b[5~\x1b[6~ b": ["page up", "page down", "page down", "page up"],
    "\x1b[1;5Cq": ["\x1b[1;5c", "q"],
    "\x01\t": ["\x01", "\t"],
    "中": ["中"],
}


@pytest.mark.parametrize("data", READ, ids=repr)
def test_keys_are_told_from_sequences(data):
    assert keys_of(data) == [key for key in READ[data] if key.isprintable()]


def scene(lab, **verdicts):
    """1.1 and so on, as `x11="fail"`."""
    made = Scene(lab, "en")
    for name, verdict in verdicts.items():
        id = f"{name[1]}.{name[2]}"
        evidence = EVIDENCE if verdict == "fail" else None
        made.results[id] = check(verdict, id, evidence=evidence, message="values differ")
        made.fresh.add(id)
    return made


def shown(made, width=80, height=24):
    lines = render_lines(made, width, height)
    assert len(lines) == height
    return [line.plain for line in lines]


def test_the_failure_in_focus_stands_above_the_keys(lab):
    made = scene(lab, x11="pass", x12="fail", x22="fail")
    made.focus = "1.2"
    lines = shown(made)
    assert lines[0] == "small   1 of 3 public checks passed"
    assert lines[1] == "  1.1 ok  1.2 FAIL  2.2 FAIL "
    assert lines[3].startswith("  FAIL  1.2")
    assert lines[-1] == KEYS
    assert not any(line.startswith("  FAIL  2.2") for line in lines)


def test_all_of_them_on_request(lab):
    made = scene(lab, x11="pass", x12="fail", x22="fail")
    made.focus, made.show = "1.2", "all"
    lines = shown(made, height=60)
    assert sum(line.startswith("  FAIL  ") for line in lines) == 4


def test_what_has_no_room_is_scrolled_to_and_no_further(lab):
    made = scene(lab, x12="fail")
    made.focus = "1.2"
    assert "more lines" in "\n".join(shown(made, height=10))
    made.scroll = 1000
    last = shown(made, height=10)
    assert "more lines" not in "\n".join(last)
    assert made.scroll < 100
    made.scroll = -5
    shown(made, height=10)
    assert made.scroll == 0


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_marks_and_keys_fit_into_any_window(lab, width):
    made = scene(lab, x11="pass", x12="fail", x22="infra")
    lines = shown(made, width)
    marks = lines[1 : lines.index("")]
    assert "".join(marks).split() == ["1.1", "ok", "1.2", "FAIL", "2.2", "INFRA"]
    assert all(cell_len(line) <= width for line in [*marks, lines[-1]])


def test_while_checks_run_only_what_is_known_counts_as_failing(lab):
    made = scene(lab, x11="fail", x12="blocked", x22="fail")
    assert failing(made) == ["1.1", "2.2"]
    made.running, made.fresh = True, {"2.2"}
    assert failing(made) == ["2.2"]


# -- cells -----------------------------------------------------------------------------


def test_text_is_cut_and_filled_by_cells():
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcd.."
    assert cell_len(fitted("中文标题很长", 8)) == 8
    assert fitted("ab", 4) == "ab  "
    assert cut("abc", 1) == "."
    assert cut("abc", 0) == fitted("abc", -1) == ""


def test_text_is_folded_at_spaces_or_anywhere():
    assert folded("one two three", 8) == ["one two", "three"]
    assert folded("x" * 10, 4) == ["xxxx", "xxxx", "xx"]
    assert folded("a\n\nb", 4) == ["a", "", "b"]
    assert all(cell_len(line) <= 7 for line in folded("自动微分与计算图", 7))


def test_a_bar_is_full_only_at_the_end_and_empty_only_at_the_start():
    assert bar(0, 10) == "[----------]"
    assert bar(1, 1000) == "[#---------]"
    assert bar(999, 1000) == "[#########-]"
    assert bar(10, 10) == "[##########]"
    assert bar(0, 0) == "[----------]"
