"""Whether the checks are right: each way in which they or the solutions are not is told."""

import pytest
from harness import copy_of_course

from aisys_cli.course.audit import audit, audit_mutants, matrix
from aisys_cli.course.load import load_lab


def audit_of(course, **options):
    heard = []
    settings = {"seeds": 1, "chaff_seeds": 1, "workers": 1, "isolation": "bwrap", **options}
    found = audit(
        load_lab(course, "small"), progress=lambda *counts: heard.append(counts), **settings
    )
    assert heard == [(n, found.graded) for n in range(1, found.graded + 1)]
    return found


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_small_course_is_right(course):
    found = audit_of(course, seeds=2, workers=2)
    assert found.problems == []
    assert found.graded == 1 + 3 * 2 + 3
    assert {name: list(by) for name, by in found.rejections.items()} == {
        "chaff-adds-one": ["1.1"],
        "chaff-neg-is-identity": ["2.1"],
        "chaff-scales-in-half": ["2.2"],
    }
    assert all(1 <= inputs <= 10 for by in found.rejections.values() for inputs in by.values())


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    """Of a course with one of each mistake, audited once."""
    course = copy_of_course(tmp_path_factory.mktemp("audited") / "wrong-course")
    change(
        course / "labs/small/starter/small.py",
        "# TODO: task 2.2\n    raise NotImplementedError",
        "return xs * k",
    )
    solutions = course / "solutions/small"
    change(solutions / "wheats/floats/small.py", "return 0.0 - a", "return a")
    (solutions / "chaffs/harmless.toml").write_text(
        'mistake = "none at all"\nrejected_by = ["1.1"]\n'
        '[[edits]]\nold = "return a + b"\nnew = "return b + a"\n'
    )
    (solutions / "chaffs/too-much.toml").write_text(
        'mistake = "two at once"\nrejected_by = ["2.1"]\nedits = [\n'
        '{ old = "return -a", new = "return a" },\n'
        '{ old = "return xs * k", new = "return xs" },\n]\n'
    )
    (solutions / "chaffs/blocked.toml").write_text(
        'mistake = "mul is wrong, which add hides"\nrejected_by = ["1.1", "1.2"]\nedits = [\n'
        '{ old = "return a + b", new = "return a" },\n'
        '{ old = "return a * b", new = "return a" },\n]\n'
    )
    return audit_of(course, chaffs_meet="all").problems


PROBLEMS = {
    "a starter that passes something": (
        "starter@1: check 2.2 passes on the untouched starter",
        "starter@",
    ),
    "a wheat that fails": (
        "wheat-floats@1: check 2.1 said fail of neg(",
        "wheat-floats@",
    ),
    "a chaff that no check rejects": (
        "chaff-harmless@1: check 1.1 must reject it, but said pass",
        "chaff-harmless@",
    ),
    "a chaff that fails a check it does not name": (
        "chaff-too-much@1: check 2.2 failed it too (values differ), which its may_fail",
        "chaff-too-much@",
    ),
    "a chaff that is blocked where it should be rejected": (
        "chaff-blocked@1: check 1.2 must reject it, but said blocked",
        "chaff-blocked@",
    ),
}


@pytest.mark.parametrize(("words", "whose"), PROBLEMS.values(), ids=PROBLEMS)
def test_each_mistake_is_one_problem(problems, words, whose):
    (found,) = [one for one in problems if one.startswith(whose)]
    assert words in found


def test_what_is_right_is_no_problem(problems):
    """Neither the reference nor the other solutions; and the order is always the same."""
    assert not [one for one in problems if one.startswith(("reference", "wheat-numbers"))]
    assert problems == sorted(problems)


def test_a_check_that_breaks_is_told_as_broken(own_course):
    change(
        own_course / "grading/small/checks.py",
        "agree(student.neg(a), -a,",
        "agree(student.neg(a), oracle_that_is_not_there(a),",
    )
    found = audit_of(own_course).problems
    broken = [one for one in found if one.startswith("reference@1: check 2.1 broke: NameError")]
    assert len(broken) == 1


def test_by_default_a_chaff_meets_its_own_checks_only(own_course):
    (own_course / "solutions/small/chaffs/too-much.toml").write_text(
        'mistake = "two at once"\nrejected_by = ["2.1"]\nedits = [\n'
        '{ old = "return -a", new = "return a" },\n'
        '{ old = "return xs * k", new = "return xs" },\n]\n'
    )
    found = audit_of(own_course)
    assert found.problems == []
    assert list(found.rejections["chaff-too-much"]) == ["2.1"]


def test_the_matrix_runs_what_would_be_blocked(own_course):
    (own_course / "solutions/small/chaffs/both.toml").write_text(
        'mistake = "mul is wrong, which add hides"\nrejected_by = ["1.1"]\nedits = [\n'
        '{ old = "return a + b", new = "return a" },\n'
        '{ old = "return a * b", new = "return a" },\n]\n'
    )
    found = audit_of(own_course, chaffs_meet="blocked too")
    assert found.problems == []
    assert {"1.1", "1.2"} <= set(found.rejections["chaff-both"])


def test_a_matrix_says_who_rejects_whom_and_what_only_one_does(lab):
    lines = matrix(lab, {"a": {"1.1": 3}, "b": {"1.1": 1, "2.1": 12}})
    ids = [check.id for check in lab.facts.checks]
    assert lines[0].split() == ids
    assert lines[1].split() == ["a", *("3" if id == "1.1" else "." for id in ids)]
    assert lines[2].split() == ["b", *({"1.1": "1", "2.1": "12"}.get(id, ".") for id in ids)]
    assert "1.1   rejects 2, 1 of them alone" in lines
    assert "2.1   rejects 1, 0 of them alone   rejects nothing that another does not" in lines


def mutants_of(course):
    settings = {"workers": 2, "isolation": "bwrap", "progress": lambda *_: None}
    return audit_mutants(load_lab(course, "small"), **settings)


def test_mutants_are_noticed_and_an_explanation_must_be_of_one_that_is_not(own_course):
    (own_course / "solutions/small/equivalent.toml").write_text(
        "[[mutants]]\nchange = 'small.py: neg: -a -> a'\nwhy = 'but it is noticed'\n"
        "[[mutants]]\nchange = 'small.py: gone: 1 -> 2'\nwhy = 'there is no such one'\n"
    )
    found = mutants_of(own_course)
    assert found.survivors == []
    assert found.killed == found.total > 5
    assert found.share == 1.0
    assert found.stale == ["small.py: gone: 1 -> 2", "small.py: neg: -a -> a"]


def test_a_mutant_that_no_check_notices_is_listed_until_it_is_explained(own_course):
    path = own_course / "solutions/small/reference/small.py"
    path.write_text(path.read_text() + "\n\ndef never_called(a):\n    return a < 3\n")
    found = mutants_of(own_course)
    survivor = "small.py: never_called: a < 3 -> a <= 3"
    assert survivor in found.survivors
    assert found.share < 1.0
    (own_course / "solutions/small/equivalent.toml").write_text(
        f"[[mutants]]\nchange = '{survivor}'\nwhy = 'nobody calls it'\n"
    )
    again = mutants_of(own_course)
    assert again.explained == [survivor]
    assert survivor not in again.survivors
    assert again.stale == []
