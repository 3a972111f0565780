"""Many reports in one table."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from samples import VERDICTS, of

from aisys_cli.report.table import render_table

some = settings(max_examples=100, deadline=None)

MANY = [f"1.{n}" for n in range(1, 30)]


def lines(reports):
    return render_table(reports).plain.splitlines()


def test_a_line_for_each_submission_with_what_did_not_pass():
    head, one, two, last = lines(
        [of("pass", "fail", "blocked", submission="chen"), of("pass", submission="li")]
    )
    assert head.split() == ["submission", "verdict", "score", "not", "passed"]
    assert one.split() == ["chen", "partial", "2/6", "1.2"]
    assert two.split() == ["li", "pass", "2/2"]
    assert last == "  2 submissions: 1 partial, 1 pass"


def test_all_is_said_in_one_word_and_no_score_is_a_dash():
    _, one, two, _ = lines([of("fail", "crash"), of("infra", "pass")])
    assert one.split()[-1] == "all"
    assert two.split()[1:] == ["infra", "-/4", "1.1"]


@pytest.mark.parametrize(
    "name", ["a", "李明", "x" * 200, "很长的名字" * 40, "[red]x[/red]", ":smile:"]
)
def test_a_table_fits_into_80_columns_whatever_the_names(name):
    reports = [of(*VERDICTS, submission=name), of(*["fail"] * 40, "pass", submission="b" * 40)]
    for line in lines(reports):
        assert cell_len(line) <= 80


@some
@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1), min_size=1))
def test_scores_stand_below_each_other(names):
    _, *rows, _ = lines([of("fail", submission=name) for name in names])
    ends = {cell_len(row.removesuffix("0/2    all")) for row in rows}
    assert all(row.endswith("0/2    all") for row in rows)
    assert len(ends) == 1


def test_markup_in_a_name_is_shown_as_it_is():
    _, row, _ = lines([of("pass", submission="[red]x[/red]")])
    assert row.startswith("  [red]x[/red]  pass")


def test_many_checks_are_cut_within_the_line():
    _, row, _ = lines([of(*["fail"] * 29, "pass")])
    assert row.endswith(" ...")
    assert cell_len(row) <= 80


def test_the_last_line_fits_too_when_everything_happened():
    kinds = ["pass", "fail", "error", "timeout", "deadlock", "crash", "forbidden", "infra"]
    reports = [of(kind) for kind in kinds] + [of("pass", "fail")]
    found = lines(reports)
    assert [line for line in found if cell_len(line) > 80] == []
    told = "\n".join(found).partition("9 submissions: ")[2]
    assert sorted(word for word in told.replace(",", " ").split() if word != "1") == sorted(
        [*kinds, "partial"]
    )


def test_no_submission_is_a_table_too():
    assert lines([])[-1].strip() == "0 submissions:"
