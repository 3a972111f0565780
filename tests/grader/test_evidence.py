"""What a student reads of a wrong answer: said in words, in full where it is long, with the
prints and warnings of that very call; and results that come one by one."""

import pytest
from harness import REFERENCE, jobs_of, result, verdicts


def done_with(pool, body, **fields):
    source = REFERENCE.replace("return xs * k", body)
    assert source != REFERENCE
    (done,) = pool.grade(jobs_of({"one": source}, keep_calls=True, **fields))
    return done


WORDS = {
    "NaN": ("import math; return xs * math.nan", "yours is NaN, not a number"),
    "an infinity": ("return xs * k + float('inf')", "yours is infinite"),
    "a shape": ("return (xs * k)[None]", "shape (1, 1), expected (1,)"),
    "a dtype": ("return (xs * k).astype('float32')", "dtype float32, expected float64"),
    "nothing": ("xs * k", "None was returned; is a return statement missing?"),
    "a list": ("return list(xs * k)", "a sequence where an array of dtype float64"),
}


@pytest.mark.parametrize(("body", "words"), WORDS.values(), ids=WORDS)
def test_what_is_wrong_is_said_in_words(pool, body, words):
    assert words in result(done_with(pool, body).report, "2.2").message


def test_none_that_the_driver_trips_over_is_traced_to_the_function_that_gave_it(
    own_course, tmp_path
):
    from harness import setup_of

    from aisys_cli.bulk.pool import Pool
    from aisys_cli.course.load import load_lab

    driver = own_course / "labs/small/driver.py"
    text = driver.read_text()
    assert "return student.add(a, b)" in text
    driver.write_text(text.replace("return student.add(a, b)", "return student.add(a, b).real"))
    lab = load_lab(own_course, "small")
    with Pool(lab, setup_of(lab)) as pool:
        source = REFERENCE.replace("return a + b", "a + b")
        (done,) = pool.grade(jobs_of({"one": source}))
    check = result(done.report, "1.1")
    assert "your code returned None: is a return statement missing?" in check.message
    assert check.evidence.where.function == "add"


def test_warnings_and_prints_are_those_of_the_call_that_failed(pool):
    body = "import warnings; warnings.warn(f'k is {k}'); print('twice', k); return xs * abs(k)"
    output = result(done_with(pool, body).report, "2.2").output
    assert "UserWarning: k is -1.0" in output
    assert "twice -1.0" in output
    assert "small.py:" in output


def test_numpy_warns_in_the_failing_call_although_it_warned_before(pool):
    body = "import numpy as np; return np.float64(1.0) / (xs * 0 * k)"
    assert "RuntimeWarning: divide by zero" in result(done_with(pool, body).report, "2.2").output


def test_a_filter_that_the_student_sets_is_kept(pool):
    body = "warnings.warn('careful'); return xs"
    source = "import warnings\nwarnings.simplefilter('ignore')\n"
    source += REFERENCE.replace("return xs * k", body)
    (done,) = pool.grade(jobs_of({"one": source}))
    assert "careful" not in result(done.report, "2.2").output


def test_a_long_value_is_kept_as_a_whole_beside_the_short_one(pool):
    done = done_with(pool, "return [float(i) for i in range(3000)]")
    evidence = result(done.report, "2.2").evidence
    assert len(evidence.got) < 500
    assert "2999.0" not in evidence.got
    assert "2999.0" in done.whole["2.2"].got
    assert done.whole["2.2"].input == evidence.input
    assert set(done.whole) == set(done.calls) == {"2.2"}


def test_an_answer_of_any_size_is_kept_within_bounds(pool):
    done = done_with(pool, "import numpy as np; return np.zeros(100_000)")
    assert len(done.whole["2.2"].got) < 250_000


def test_nothing_is_kept_of_it_when_nobody_asks(pool):
    source = REFERENCE.replace("return xs * k", "return xs")
    (done,) = pool.grade(jobs_of({"one": source}))
    assert (done.whole, done.calls) == ({}, {})


# -- results as they come ----------------------------------------------------------------


def streamed(pool, source, **fields):
    heard = []
    job = jobs_of({"one": source}, stream=True, **fields)
    (done,) = pool.grade(job, each=heard.append)
    return done, heard


def test_each_result_is_heard_before_the_report_which_has_the_same(pool):
    done, heard = streamed(pool, REFERENCE)
    assert [one.id for one in heard] == ["1.1", "1.2", "2.1", "2.2"]
    assert tuple(heard) == done.report.checks


def test_the_checks_that_are_asked_for_first_run_first_and_the_report_is_in_order(pool):
    done, heard = streamed(pool, REFERENCE, first=["2.2", "2.1"])
    assert [one.id for one in heard] == ["2.1", "2.2", "1.1", "1.2"]
    assert [one.id for one in done.report.checks] == ["1.1", "1.2", "2.1", "2.2"]


def test_a_check_that_ran_before_one_it_needs_is_blocked_after_all(pool):
    """So the report does not depend on the order."""
    broken = REFERENCE.replace("return a + b", "return a").replace("return a * b", "return a")
    done, heard = streamed(pool, broken, first=["1.2"], keep_calls=True)
    assert [(one.id, one.verdict) for one in heard][:2] == [("1.2", "fail"), ("1.1", "fail")]
    assert verdicts(done.report)["1.2"] == "blocked"
    assert "1.2" not in done.calls
    assert "1.2" not in done.whole
    (plain,) = pool.grade(jobs_of({"one": broken}))
    assert verdicts(plain.report) == verdicts(done.report)


def test_with_hurry_the_checks_that_have_not_begun_are_left_out_and_the_pool_goes_on(pool):
    heard = []

    def hear(result):
        heard.append(result.id)
        pool.hurry()

    slow = REFERENCE.replace("return a + b", "import time; time.sleep(0.2); return a + b")
    (done,) = pool.grade(jobs_of({"one": slow}, stream=True, examples=2), each=hear)
    assert len(done.report.checks) < 4
    assert heard[0] == "1.1"
    (whole,) = pool.grade(jobs_of({"two": REFERENCE}))
    assert set(verdicts(whole.report).values()) == {"pass"}
