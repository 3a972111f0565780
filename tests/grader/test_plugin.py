"""Collecting a lab's checks: what a lab author can get wrong, and how it is said."""

import subprocess
import sys
import textwrap

import pytest
from harness import REFERENCE, grade_with, result, setup_of, verdicts

from aisys_cli.bulk.pool import Pool
from aisys_cli.course.load import load_lab
from aisys_cli.errors import CourseError
from aisys_cli.grader import agree, check
from aisys_cli.grader.checks import check_id
from aisys_cli.grader.plugin import pytest_arguments

HEAD = """
from hypothesis import given, strategies as st
from aisys_cli.grader import agree, check
"""
HIDDEN = "grading/small/checks.py"
PUBLIC = "labs/small/checks.py"

WRONG = {
    "a check written twice": (
        HIDDEN,
        '@check("2.1")\ndef again(student): pass',
        "2.1 is written tw",
    ),
    "a check that lab.toml lacks": (
        HIDDEN,
        '@check("9.9")\ndef more(student): pass',
        "has check 9.9",
    ),
    "a public check among the hidden": (
        PUBLIC,
        '@check("2.1")\ndef moved(student): pass',
        "check 2.1 is written twice",
    ),
    "an import error": (HIDDEN, "import nothing_like_it", "No module named 'nothing_like_it'"),
    "a syntax error": (PUBLIC, "def f(:", "SyntaxError"),
    "an exception while loading": (HIDDEN, "1 / 0", "ZeroDivisionError"),
}


def grade_in(course, what=REFERENCE, *, hidden=True, **options):
    lab = load_lab(course, "small")
    with Pool(lab, setup_of(lab, hidden=hidden, isolation="process")) as pool:
        return grade_with(pool, what, **options)


@pytest.mark.parametrize(("file", "added", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_lab_is_a_course_error(own_course, file, added, said):
    path = own_course / file
    path.write_text(f"{path.read_text()}\n{HEAD}\n{added}\n")
    with pytest.raises(CourseError) as caught:
        grade_in(own_course)
    assert said in caught.value.message


def test_a_check_that_nobody_wrote(own_course):
    path = own_course / HIDDEN
    path.write_text(path.read_text().replace('@check("2.1")', ""))
    with pytest.raises(CourseError, match=r"lab\.toml has check 2\.1, but no function is marked"):
        grade_in(own_course)


def test_a_hidden_check_in_the_public_folder_is_refused(own_course):
    """It would be handed to students."""
    hidden, public = own_course / HIDDEN, own_course / PUBLIC
    moved = hidden.read_text().partition("@check")[2]
    hidden.write_text("")
    public.write_text(f"{public.read_text()}\n@check{moved}")
    with pytest.raises(CourseError, match=r"check 2\.1 is hidden but stands in"):
        grade_in(own_course)


def test_a_course_without_its_hidden_part_runs_the_public_checks(own_course):
    (own_course / HIDDEN).unlink()
    report = grade_in(own_course, hidden=False)
    assert verdicts(report) == {"1.1": "pass", "1.2": "pass", "2.2": "pass"}
    assert report.hidden_not_run == 1
    assert (report.score, report.max_score) == (7, 7)


ORACLES = """
import os, signal
import pytest
from hypothesis import given, strategies as st, assume
from aisys_cli.grader import agree, check
from ranges import numbers

@check("1.1")
@given(numbers)
def raises(student, a):
    student.add(a, 1.0)
    raise ZeroDivisionError('the oracle is wrong')

@check("1.2")
def without_given(student):
    agree(student.mul(2.0, 3.0), 6.0, of='mul(2.0, 3.0)')

@check("2.2")
@given(st.lists(numbers, min_size=1))
def dies(student, xs):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def broken_oracles(own_course):
    """1.1 raises and 2.2 takes its process down."""
    (own_course / PUBLIC).write_text(ORACLES)
    text = (own_course / "labs/small/lab.toml").read_text()
    (own_course / "labs/small/lab.toml").write_text(text.replace('needs = ["1.1"]\n', ""))
    return own_course


def test_an_oracle_that_raises_is_infra_with_its_traceback(broken_oracles):
    lab = load_lab(broken_oracles, "small")
    with Pool(lab, setup_of(lab, isolation="process", warm=False)) as pool:
        report = grade_with(pool, REFERENCE, only=["1.1", "1.2", "2.1"])
    assert verdicts(report) == {"1.1": "infra", "1.2": "pass", "2.1": "pass"}
    assert report.score is None
    broken = result(report, "1.1")
    assert broken.score is None
    assert "the oracle is wrong" in broken.message
    assert "checks.py" in broken.output
    assert report.verdict == "infra"


def test_an_oracle_that_kills_its_process_costs_that_submission_only(broken_oracles):
    lab = load_lab(broken_oracles, "small")
    with Pool(lab, setup_of(lab, isolation="process", warm=False)) as pool:
        report = grade_with(pool, REFERENCE)
        assert set(verdicts(report).values()) == {"infra"}
        assert report.score is None
        assert "ended with -9" in report.checks[0].message
        after = grade_with(pool, REFERENCE, only=["1.2"])
        assert verdicts(after) == {"1.2": "pass"}


def test_helper_functions_and_imports_are_not_taken_for_checks(own_course):
    path = own_course / PUBLIC
    path.write_text(
        f"{path.read_text()}\ndef test_not_me(): raise ValueError\n\n\nclass TestMe: pass"
    )
    (own_course / "conftest.py").write_text("raise ValueError('nobody loads this')")
    (own_course / "pytest.ini").write_text("[pytest]\naddopts = --unknown-option")
    assert grade_in(own_course).passed


def test_the_command_line_of_pytest_reads_nothing_around_the_lab(lab):
    words = pytest_arguments(lab, hidden=True)
    assert {"--noconftest", "--assert=plain", "-pno:cacheprovider"} <= set(words)
    assert pytest_arguments(lab, hidden=False).count(str(lab.hidden_folder / "checks.py")) == 0


def test_the_mark_is_kept_on_the_function():
    @check("4.2")
    def one(student):
        agree(1, 1, of="x")

    assert check_id(one) == "4.2"
    assert check_id(test_the_mark_is_kept_on_the_function) is None


def test_hypothesis_draws_no_constants_from_the_code_around_it(tmp_path):
    """A module outside of site-packages, full of one odd number, must not change what
    Hypothesis generates. The first half shows that it does when nothing is done about it."""
    (tmp_path / "neighbour.py").write_text(
        "X = [" + ", ".join(str(7_654_321_000 + n) for n in range(40)) + "]\n"
    )
    script = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[1])
        import neighbour
        from hypothesis import given, seed, settings, strategies as st
        if sys.argv[2] == "ours":
            from aisys_cli.grader.plugin import forget_local_constants
            forget_local_constants()
        seen = []
        @seed(1)
        @settings(max_examples=1000, database=None, deadline=None)
        @given(st.integers())
        def look(n):
            seen.append(n)
        look()
        print(sum(7_654_321_000 <= n < 7_654_321_040 for n in seen))
    """)

    def drawn(how):
        command = [sys.executable, "-c", script, str(tmp_path), how]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return int(done.stdout)

    assert drawn("plain") > 0
    assert drawn("ours") == 0
