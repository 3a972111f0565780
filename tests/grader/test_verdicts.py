"""Every verdict end to end, through a worker, on the small course; and what it explains."""

import msgspec
import numpy as np
import pytest
from harness import REFERENCE, result, verdicts

from aisys_cli.report.records import without_durations

ALL = ("1.1", "1.2", "2.1", "2.2")


def with_(old, new):
    assert REFERENCE.count(old) == 1
    return REFERENCE.replace(old, new)


def with_neg(body):
    return with_("    return -a\n", f"    {body}\n")


# -- the ordinary ones -------------------------------------------------------------


def test_a_right_answer_passes_everything(grade):
    report = grade(REFERENCE)
    assert verdicts(report) == dict.fromkeys(ALL, "pass")
    assert (report.score, report.max_score, report.verdict) == (10, 10, "pass")
    assert [check.inputs for check in report.checks] == [10] * 4
    assert report.isolation == "bwrap"
    assert report.hidden_not_run == 0
    assert {"aisys", "python", "numpy", "hypothesis", "pytest"} <= set(report.versions)


def test_a_wrong_answer_is_explained_at_its_smallest_input(grade):
    report = grade(with_("return xs * k", "return xs * abs(k)"))
    assert verdicts(report) == {"1.1": "pass", "1.2": "pass", "2.1": "pass", "2.2": "fail"}
    assert report.score == 8
    failed = result(report, "2.2")
    evidence = failed.evidence
    assert failed.message == "values differ"
    assert evidence.input == "scale(array([1.0]), -1.0)"
    assert (evidence.got, evidence.expected) == ("[1.]   float64", "[-1.]   float64")
    assert (evidence.index, evidence.difference) == ("[0]", "1.0 instead of -1.0")
    assert (evidence.oracle, evidence.tolerance) == ("numpy", "rtol 1e-07, atol 1e-09")
    assert 1 <= evidence.tries <= 10
    assert (evidence.where.file, evidence.where.line) == ("small.py", 16)
    assert (evidence.where.function, evidence.where.text) == ("scale", "def scale(xs, k):")


def test_the_function_that_was_asked_is_named_and_all_that_ran_are_listed(grade):
    source = with_("return -a", "return _minus(a)") + "\n\ndef _minus(a):\n    return a\n"
    where = result(grade(source), "2.1").evidence.where
    assert where.function == "neg"
    assert [place.function for place in result(grade(source), "2.1").evidence.ran] == [
        "neg",
        "_minus",
    ]


def test_an_exception_is_an_error_with_its_line(grade):
    report = grade(with_neg("return a.negated"))
    failed = result(report, "2.1")
    assert (failed.verdict, failed.score) == ("error", 0)
    assert failed.message == "AttributeError: 'float' object has no attribute 'negated'"
    assert (failed.evidence.where.line, failed.evidence.where.text) == (13, "return a.negated")
    assert failed.evidence.input == "neg(0.0)"


def test_an_exception_on_some_inputs_is_shrunk(grade):
    failed = result(grade(with_neg("return [-a][int(a > 20)]")), "2.1")
    assert (failed.verdict, failed.evidence.input) == ("error", "neg(21.0)")
    assert failed.message == "IndexError: list index out of range"


def test_an_unwritten_function_says_so_at_once(grade):
    report = grade(with_neg("raise NotImplementedError"))
    failed = result(report, "2.1")
    assert (failed.verdict, failed.inputs) == ("error", 1)
    assert failed.message == "not written yet (raises NotImplementedError)"


def test_the_starter_has_no_points_and_blocks_what_needs_it(grade, lab):
    report = grade((lab.starter / "small.py").read_text())
    assert verdicts(report) == {"1.1": "error", "1.2": "blocked", "2.1": "error", "2.2": "error"}
    assert report.score == 0
    assert report.verdict == "error"
    assert result(report, "1.2").message == "needs 1.1"


def test_a_blocked_check_is_not_run(grade):
    source = with_("return a + b", "return a - b").replace("return a * b", "while True: pass")
    report = grade(source)
    assert verdicts(report) == {"1.1": "fail", "1.2": "blocked", "2.1": "pass", "2.2": "pass"}
    assert result(report, "1.2").inputs == 0


def test_a_check_that_is_asked_for_alone_runs_without_what_it_needs(grade):
    report = grade(with_("return a + b", "return a - b"), only=["1.2"])
    assert verdicts(report) == {"1.2": "pass"}
    assert report.max_score == 3


# -- the others --------------------------------------------------------------------


CALLS = {
    "a loop": ("while True: pass", "timeout", "0.4 s of CPU time; the code was computing"),
    "sleeping": ("__import__('time').sleep(1000)", "timeout", "1.2 s; the code was waiting"),
    "an exit": ("__import__('os')._exit(0)", "crash", "ended with exit code 0 before it answered"),
    "a crash": ("__import__('ctypes').string_at(0)", "crash", "died of SIGSEGV"),
    "sys.exit": ("raise SystemExit(0)", "error", "SystemExit: 0"),
    "forbidden": (
        "import sqlite3; return -a",
        "forbidden",
        "sqlite3 is not to be used in this lab",
    ),
    "a generator": ("yield -a", "error", "returned a generator, which is not plain data"),
    "a closure": ("return lambda: a", "error", "returned a function, which is not plain data"),
    "recursion": ("return neg(a)", "error", "RecursionError"),
    "a large array": (
        "import numpy as np; return np.zeros(1 << 20)",
        "error",
        "returned an array of shape (1048576,), 8388608 bytes",
    ),
    "None": ("-a", "fail", "None was returned; is a return statement missing?"),
    "NaN": ("return float('nan')", "fail", "values differ"),
    "text": ("return str(-a)", "fail", "a str where a float was expected"),
    "a float32": ("import numpy as np; return np.float32(-a)", "fail", "dtype float32, expected"),
    "a subclass of float": (
        "return type('Mine', (float,), {})(-a)",
        "error",
        "Mine, a subclass of float; return the plain type",
    ),
    "always equal": (
        "return type('Equal', (), {'__eq__': lambda *_: True})()",
        "error",
        "Equal, which is not plain data",
    ),
    "memory": (
        "kept = [bytearray(1 << 20) for _ in range(1 << 20)]",
        "error",
        "MemoryError (limit memory_mib = 128)",
    ),
    "memory of many processes": (
        "import os, time; kept = [os.fork(), os.fork(), bytearray(60 << 20)]; time.sleep(1)",
        "crash",
        "used more memory than the limit memory_mib = 128",
    ),
    "replaced stdout": ("import sys; sys.stdout = None; return -a", "pass", ""),
}


@pytest.fixture(scope="module")
def graded(grade):
    return grade({name: with_neg(body) for name, (body, _, _) in CALLS.items()})


@pytest.mark.parametrize("name", CALLS)
def test_each_way_to_fail_has_its_verdict_and_words(graded, name):
    _, verdict, words = CALLS[name]
    report = graded[name]
    assert verdicts(report) == {"1.1": "pass", "1.2": "pass", "2.1": verdict, "2.2": "pass"}
    failed = result(report, "2.1")
    assert words in failed.message
    assert failed.score == (3 if verdict == "pass" else 0)
    if verdict != "pass":
        assert failed.evidence.input.startswith("neg(")


PLACES = ("a loop", "sleeping", "a crash", "sys.exit", "forbidden", "recursion", "memory", "None")


@pytest.mark.parametrize("name", PLACES)
def test_the_line_to_look_at_is_known(graded, name):
    where = result(graded[name], "2.1").evidence.where
    assert where.file == "small.py"
    assert where.function.startswith("neg")
    assert where.line in (12, 13)


@pytest.mark.parametrize(
    ("name", "limit"),
    [("a loop", "call_seconds = 0.4"), ("memory of many processes", "memory_mib = 128")],
)
def test_the_limit_that_was_hit_is_named(graded, name, limit):
    assert result(graded[name], "2.1").limit == limit


IMPORTS = {
    "a syntax error": ("def f(:\n    pass", "error", "the file does not parse: SyntaxError", 1),
    "an exception": ("\n1 / 0", "error", "importing the file failed: ZeroDivisionError", 2),
    "an exit": ("import os\nos._exit(0)", "crash", "importing the file: the process ended", None),
    "a crash": ("import ctypes\nctypes.string_at(0)", "crash", "died of SIGSEGV", 2),
    "sys.exit": ("raise SystemExit", "error", "importing the file failed: SystemExit", 1),
    "a loop": (
        "while True:\n    pass",
        "timeout",
        "importing the file: no answer after 0.4 s",
        None,
    ),
    "a forbidden module": ("import sqlite3", "forbidden", "sqlite3 is not to be used", 1),
    "no such module": ("import torchvision", "error", "ModuleNotFoundError", 1),
    "nothing in it": ("x = 1", "error", "AttributeError", None),
    "a null byte": ("x = '\0'", "error", "the file does not parse", None),
    "not Python": ("%PDF-1.4 ...", "error", "the file does not parse", 1),
}


@pytest.fixture(scope="module")
def imported(grade):
    return grade({name: source for name, (source, _, _, _) in IMPORTS.items()})


@pytest.mark.parametrize("name", IMPORTS)
def test_an_import_that_fails_costs_every_check_and_is_tried_once(imported, name):
    _, verdict, words, line = IMPORTS[name]
    report = imported[name]
    assert result(report, "1.1").verdict == verdict
    assert result(report, "1.2").verdict == "blocked"
    assert result(report, "2.1").verdict == result(report, "2.2").verdict == verdict
    assert words in result(report, "1.1").message
    assert report.score == 0
    if line is not None:
        assert result(report, "1.1").evidence.where.line == line


def test_after_a_lost_cell_the_next_check_starts_clean(grade):
    source = f"""
CALLS = []
{with_("return a + b", "CALLS.append(1); return [a + b, None][len(CALLS) > 20]")}
""".replace("return -a", "import os; os._exit(3)")
    report = grade(source)
    assert verdicts(report) == {"1.1": "pass", "1.2": "pass", "2.1": "crash", "2.2": "pass"}


def test_a_submission_may_use_up_its_whole_time(grade):
    """No call is over its limit, but all together are over the submission's."""
    source = """
import time
def add(a, b):
    end = time.process_time() + 0.3
    while time.process_time() < end: pass
    return a + b
mul = neg = scale = None
"""
    report = grade(source)
    first = result(report, "1.1")
    assert (first.verdict, first.limit) == ("timeout", "check_seconds = 2")


def test_limits_of_a_job_replace_those_of_the_lab(grade, lab):
    limits = msgspec.structs.replace(lab.facts.limits, call_seconds=0.2)
    failed = result(grade(with_neg("while True: pass"), limits=limits), "2.1")
    assert failed.limit == "call_seconds = 0.2"


def test_what_the_failing_call_printed_is_in_the_report(grade):
    source = with_("return -a", "print('looking at', a)\n    return a")
    assert result(grade(source), "2.1").output == "looking at 1.0\n"


def test_printed_control_characters_are_shown_not_sent(grade):
    source = with_("return -a", "print('\\x1b[31mred\\x07\\u202e')\n    return a")
    output = result(grade(source), "2.1").output
    assert "\x1b" not in output
    assert output.startswith("\\x1b[31mred\\x07\\x202e")


def test_a_flood_of_output_is_cut_in_the_report(grade):
    source = with_("return -a", "print('x' * 10_000_000)\n    return a")
    assert len(result(grade(source), "2.1").output) < 9000


def test_without_shrinking_the_first_failing_input_is_the_last(grade):
    source = with_neg("return a if a > 1 else -a")
    quick = result(grade(source, shrink=False), "2.1")
    assert quick.verdict == "fail"
    assert quick.inputs <= quick.evidence.tries + 3
    assert result(grade(source), "2.1").evidence.input == "neg(2.0)"


def test_the_number_of_inputs_can_be_asked_for(grade):
    report = grade(REFERENCE, examples=25)
    assert [check.inputs for check in report.checks] == [25] * 4


def test_a_submission_without_files_gets_its_problem_as_the_reason(grade):
    report = grade(REFERENCE, problem="small.py is empty")
    assert result(report, "1.1").message == "small.py is empty"
    assert [check.verdict for check in report.checks] == ["error", "blocked", "error", "error"]
    assert report.score == 0


def test_the_calls_of_the_smallest_failing_input_are_kept(pool):
    from harness import jobs_of

    from aisys_cli.grader.jobs import KeptCall
    from aisys_cli.sandbox import wire

    source = with_("return xs * k", "return xs * abs(k)")
    (done,) = pool.grade(jobs_of({"one": source}, keep_calls=True))
    assert set(done.calls) == {"2.2"}
    (asked,) = wire.decode(done.calls["2.2"], list[KeptCall])
    assert asked.method == "scale"
    np.testing.assert_array_equal(asked.args[0], [1.0])
    assert asked.args[1] == -1.0


# -- the same again ------------------------------------------------------------------


UNSTEADY = {
    "differs on the second call": "N[0] += 1\n    return -a if N[0] % 2 else a",
    "fails only once": "N[0] += 1\n    return a if N[0] == 3 else -a",
    "raises now and then": "N[0] += 1\n    return [-a][N[0] % 3 == 2]",
    "another answer each time": "N[0] += 1\n    return float(N[0])",
    "right until it is shrunk": "N[0] += 1\n    return a if 5 < N[0] < 8 else -a",
    "another exception each time": (
        "N[0] += 1\n    raise [ValueError, KeyError, TypeError][N[0] % 3](N[0])"
    ),
    "slow now and then": "N[0] += 1\n    while N[0] == 4: pass\n    return -a",
    "by the process id and the time": (
        "import time, os\n    return -a if hash((time.time_ns(), os.getpid())) % 2 else a"
    ),
}


@pytest.mark.parametrize("name", UNSTEADY)
def test_a_submission_that_changes_its_answers_gets_a_verdict(grade, name):
    source = f"N = [0]\n{with_neg(UNSTEADY[name])}"
    failed = result(grade(source), "2.1")
    assert failed.verdict in ("fail", "error", "timeout"), failed.message
    assert failed.score == 0
    assert failed.message


def test_an_unsteady_answer_is_called_that(grade):
    source = f"N = [0]\n{with_neg(UNSTEADY['fails only once'])}"
    failed = result(grade(source), "2.1")
    assert failed.evidence.unsteady
    assert "not the same each time" in failed.message


def test_two_runs_give_the_same_report(grade, graded):
    again = grade({name: with_neg(body) for name, (body, _, _) in CALLS.items()})
    for name, report in graded.items():
        assert without_durations(again[name]) == without_durations(report), name


def test_another_seed_gives_other_inputs(grade):
    """The tenth call tells all inputs so far."""
    tells = "SEEN.append(a); print(SEEN[9:] and SEEN); return [-a, a][len(SEEN) == 10]"
    source = f"SEEN = []\n{with_neg(tells)}"
    told = {
        seed: result(grade(source, seed=seed, shrink=False), "2.1").output for seed in (1, 2, 3)
    }
    assert len(set(told.values())) == 3
    assert all(text.count(",") == 9 for text in told.values())
    assert result(grade(source, seed=2, shrink=False), "2.1").output == told[2]


def test_what_was_graded_before_changes_nothing(grade):
    wrong = with_("return xs * k", "return xs * abs(k)")
    alone = without_durations(grade(wrong))
    grade({"loop": with_neg("while True: pass"), "exit": "import os; os._exit(0)"})
    assert without_durations(grade(wrong)) == alone
