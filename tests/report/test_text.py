"""Reports on screen: 80 columns, words before colours, nothing that is read as markup."""

import io

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from samples import DEADLOCK, EVIDENCE, VERDICTS, check, failed, of, report

from aisys_cli.commands.context import console
from aisys_cli.report.records import Evidence, Place, RankState, Whole
from aisys_cli.report.text import (
    render_failure,
    render_report,
    render_rows,
    render_summary,
    render_whole,
)

some = settings(max_examples=100, deadline=None)

LONG = {"title_en": "a title that goes on " * 9, "title_zh": "一个很长很长的标题" * 9}
TITLES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=60)


def wide(text):
    return [line for line in str(text).splitlines() if cell_len(line) > 80]


def printed(text, **settings):
    out = io.StringIO()
    to = console()
    to.file = out
    to.print(text, end="")
    return out.getvalue()


def rows(**fields):
    checks = [check(v, f"1.{n}", **fields) for n, v in enumerate(VERDICTS, 1)]
    return report(*checks)


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": 100},
        {"inputs": 1000, "max_score": 100},
        {"message": "needs 1.1"},
        {"message": "needs 1.1, 1.2, 1.3, 1.4, 1.5, 1.6"},
        {"message": "not written yet (raises NotImplementedError)"},
        {"evidence": EVIDENCE, "duration": 120.5},
    ],
    ids=[
        "many inputs",
        "many points",
        "one need",
        "many needs",
        "not written",
        "a long time",
    ],
)
def test_rows_fit_into_80_columns(fields):
    for titles in ({}, LONG):
        for language in ("en", "zh"):
            text = render_rows(rows(**titles, **fields), language=language)
            assert wide(text.plain) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_columns_stand_below_each_other_in_both_languages(language):
    lines = render_rows(rows(**LONG), language=language).plain.splitlines()
    assert len({cell_len(line[: line.index("/")]) for line in lines}) == 1


@some
@given(TITLES)
def test_any_title_leaves_the_columns_where_they_are(title):
    one, two = render_rows(report(check(title_en=title), check(title_en="x"))).plain.splitlines()
    assert cell_len(one) == cell_len(two)
    assert one[one.rindex("2/2") :] == two[two.rindex("2/2") :]


def test_a_whole_report_fits_into_80_columns():
    made = rows(**LONG, message="values differ", evidence=EVIDENCE, output="printed\n" * 3)
    for language in ("en", "zh"):
        text = render_report(made, language=language, details=9, student=True)
        assert wide(text.plain) == []


def test_without_colour_every_verdict_has_its_own_mark():
    """The words alone tell what each check came to."""
    lines = render_rows(rows()).plain.splitlines()
    marks = [line[2:11].strip() for line in lines]
    assert len(set(marks)) == len(VERDICTS)
    assert marks[0] == "ok"
    assert all(
        mark.lower() == verdict for mark, verdict in zip(marks[1:], VERDICTS[1:], strict=True)
    )
    assert all(mark.isascii() for mark in marks)


def test_your_value_and_the_right_one_are_told_apart_in_words():
    plain = render_failure(check("fail", evidence=EVIDENCE)).plain
    assert "Your value       [1.]   float64\n" in plain
    assert "numpy            [-1.]   float64\n" in plain
    assert "Smallest failing input (after 3 tries)\n          scale(array([1.0]), -1.0)" in plain
    assert "Look at          small.py:16 in scale" in plain


def test_colours_change_nothing_but_colours(monkeypatch):
    made = rows(evidence=EVIDENCE, message="values differ")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    from rich.text import Text

    coloured = printed(render_report(made))
    assert "\x1b[" in coloured
    assert Text.from_ansi(coloured).plain.split() == render_report(made).plain.split()
    monkeypatch.delenv("FORCE_COLOR")
    assert printed(render_report(made)) == render_report(made).plain


MARKUP = ["[red]", "[/]", "[bold]x[/bold]", "[link=http://x]y[/link]", ":smile:", "\\[red]", "[0]"]


@pytest.mark.parametrize("text", MARKUP)
def test_what_looks_like_markup_is_shown_as_it_is(text):
    made = failed(text, notes=(text,), submission=text)
    shown = printed(render_report(made))
    for line in (f"      {text}\n", f"          {text}\n", f"Your value       {text}\n"):
        assert line in shown
    assert f"Note: {text}\n" in shown
    titled = report(check(title_en=text))
    assert f"1.1 {text}" in printed(render_report(titled))


def test_several_lines_stay_within_their_block():
    made = check("fail", message="one\ntwo", output="a\nb", evidence=EVIDENCE)
    lines = render_failure(made).plain.splitlines()
    assert "      one" in lines
    assert "      two" in lines
    assert "          b" in lines


def test_long_output_is_cut_and_says_so():
    made = check("fail", output="\n".join(map(str, range(100))))
    plain = render_failure(made).plain
    assert "... (88 more lines)" in plain
    assert "\n          50\n" not in plain


@pytest.mark.parametrize("verdict", VERDICTS)
def test_our_fault_is_called_ours_and_no_other(verdict):
    plain = render_failure(check(verdict, output="x")).plain
    assert ("not the submission's fault" in plain) == (verdict == "infra")


def failing(number):
    evidence = msgspec.structs.replace(EVIDENCE, input=f"scale([{number}.0], 2.0)")
    return check("fail", f"1.{number}", message="values differ", evidence=evidence)


def test_only_the_first_failures_are_explained_and_the_others_named():
    made = report(*map(failing, range(1, 6)))
    plain = render_report(made, details=2).plain
    assert plain.count("FAIL  1.") == 2
    assert "Also not passed: 1.3, 1.4, 1.5\n" in plain
    assert "1.5   Each explained: aisys lab test --all" in render_report(made, student=True).plain
    everything = render_report(made, details=None).plain
    assert everything.count("FAIL  1.") == 5
    assert "Also not passed" not in everything


def test_what_has_one_cause_is_told_once():
    evidence = Evidence(where=Place("small.py", 3, "<module>", "def f(:"))
    message = "the file does not parse: SyntaxError: invalid syntax"
    broken = [check("error", f"1.{n}", message=message, evidence=evidence) for n in range(1, 5)]
    plain = render_report(report(*broken), student=True).plain
    assert plain.count(message) == 1
    assert "For the same reason: 1.2, 1.3, 1.4\n" in plain
    assert "Also not passed" not in plain
    assert "aisys lab repro" not in plain


def test_alike_answers_to_inputs_are_no_common_cause():
    plain = render_report(report(failing(1), failing(2))).plain
    assert plain.count("values differ") == 2


def test_of_an_exception_the_callers_are_named_innermost_first():
    places = [Place("small.py", n, f"f{n}", f"line {n}") for n in range(1, 7)]
    evidence = Evidence(input="f(1)", where=places[-1], ran=tuple(places))
    plain = render_failure(check("error", message="ValueError: no", evidence=evidence)).plain
    assert "Look at          small.py:6 in f6\n" in plain
    callers = plain.partition("Called from")[2].splitlines()[:3]
    assert [line.split()[0] for line in callers] == ["small.py:5", "small.py:4", "small.py:3"]
    assert "Called from" not in render_failure(check("fail", evidence=evidence)).plain


def test_the_file_that_has_it_in_full_is_named_when_something_is_left_out():
    shown = render_failure(check("fail", evidence=EVIDENCE), file=".aisys/small/1.1.txt").plain
    assert "In full" not in shown
    for fields in (
        {"evidence": msgspec.structs.replace(EVIDENCE, got="[0., 1., ..., 9.]")},
        {"evidence": EVIDENCE, "output": "line\n" * 40},
        {"evidence": msgspec.structs.replace(EVIDENCE, input="x = 1\n" * 40)},
    ):
        shown = render_failure(check("fail", **fields), file=".aisys/small/1.1.txt").plain
        assert "In full          .aisys/small/1.1.txt\n" in shown


def test_a_file_has_everything():
    whole = Whole("scale(everything)", "x" * 10_000, "right")
    made = check("fail", message="values differ", evidence=EVIDENCE, output="line\n" * 40)
    text = render_whole(made, whole)
    assert "scale(everything)" in text
    assert text.count("x") >= 10_000
    assert text.count("line\n") == 40
    assert "..." not in text
    assert wide(text) == []


def test_who_has_passed_everything_is_told_to_hand_it_in():
    made = of("pass", "pass", hidden_not_run=2)
    assert (
        "All 2 public checks passed; 2 hidden checks run when graded."
        in render_report(made, student=True).plain
    )
    assert "Hand it in: aisys lab submit" in render_report(made, student=True).plain
    assert "Hand it in" not in render_report(made).plain


def test_unwritten_and_blocked_checks_are_not_explained():
    unwritten = check("error", message="not written yet (raises NotImplementedError)")
    plain = render_report(report(unwritten, check("blocked", "1.2", message="needs 1.1"))).plain
    assert "not written" in plain
    assert "ERROR  1.1" not in plain
    assert "aisys lab repro" not in plain


def test_a_student_is_told_the_next_commands_and_a_teacher_is_not():
    made = report(failing(1))
    assert "aisys lab repro 1.1" in render_report(made, student=True).plain
    assert "aisys lab" not in render_report(made).plain


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (of("pass", "fail"), "1 of 2 checks passed, 2/4 points   seed 1"),
        (of("pass", "infra"), "1 of 2 checks passed, not graded points"),
        (
            of("pass", hidden_not_run=2),
            "1 of 1 public check passed; 2 hidden checks run when graded.",
        ),
        (of("pass", "fail", hidden_not_run=2), "1 of 2 public checks passed; 2 hidden checks"),
        (of("pass", isolation="process"), "No sandbox: only for code you trust."),
        (of("pass", notes=("x.py: not used",)), "Note: x.py: not used"),
    ],
)
def test_the_summary_says_what_was_run_and_how(made, words):
    if "not graded" in words:
        words = words.removesuffix(" points")
    assert words in render_summary(made).plain
    assert wide(render_summary(made).plain) == []


# -- ranks ----------------------------------------------------------------------------


STUCK = "deadlock: ranks 0 -> 1 -> 0 wait in a circle"


def test_a_deadlock_says_what_each_rank_does():
    plain = render_failure(check("deadlock", message=STUCK, evidence=DEADLOCK)).plain
    lines = plain.splitlines()
    assert lines[0] == "  DEADLOCK  1.1 add adds"
    assert lines[1] == f"      {STUCK}"
    at = next(n for n, line in enumerate(lines) if line.startswith("      World "))
    assert lines[at] == "      World            p = 3, rendezvous sends"
    for rank, words in enumerate(
        (
            ("waits in send", "for 1", "line 21", "sent 2", "received 1"),
            ("waits in recv", "for 0 or 2", "line 34", "sent 0", "received 1"),
            ("returned", "sent 1", "received 0"),
        )
    ):
        line = lines[at + 1 + rank]
        assert (line[6:22].strip() != "") is (rank == 0), "one label for all of them"
        assert str(rank) in line[:30]
        for word in words:
            assert word in line
    assert "Look at          all_reduce.py:21 in ring_all_reduce" in plain
    assert "comm.send(chunks[r], right)" in plain
    assert "Your value" not in plain
    assert wide(plain) == []


def test_sixteen_ranks_with_long_names_fit_into_80_columns():
    others = tuple(range(15))
    place = Place("a/folder/with/a/long/name/all_reduce.py", 1234, "f" * 200, "x" * 200)
    states = tuple(RankState(r, "sendrecv", others, place, 12_345, 6_789) for r in range(16))
    world = "p = 16, buffered sends, messages to any-source receives in order [6, 5, 4, 3, 2, 1]"
    evidence = msgspec.structs.replace(DEADLOCK, ranks=states, world=world, where=place)
    circle = " -> ".join(map(str, [*range(16), 0]))
    made = check("deadlock", message=f"deadlock: ranks {circle} wait in a circle")
    made = msgspec.structs.replace(made, evidence=evidence)
    for text in (
        render_failure(made, student=True).plain,
        render_report(report(made), student=True).plain,
    ):
        assert wide(text) == []
        for number in range(16):
            assert any(line[23:].startswith(f"{number} waits") for line in text.splitlines())


def test_what_looks_like_markup_in_a_call_is_shown_as_it_is():
    state = RankState(0, "[red]send[/]", (1,), Place("[b].py", 3, "[i]"), 1, 1)
    evidence = msgspec.structs.replace(DEADLOCK, ranks=(state,))
    assert "[red]send[/]" in printed(render_failure(check("deadlock", evidence=evidence)))


def test_a_wrong_answer_in_a_world_says_which():
    evidence = msgspec.structs.replace(EVIDENCE, world="p = 2 processes over gloo")
    plain = render_failure(check("fail", evidence=evidence)).plain
    assert "World            p = 2 processes over gloo\n" in plain
    assert "World" not in render_failure(check("fail", evidence=EVIDENCE)).plain
