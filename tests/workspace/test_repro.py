"""`lab repro`: the stored smallest input again, in this process, on what the student has now."""

import io
import sys

import pytest
from harness import REFERENCE, jobs_of

from aisys_cli.commands.context import console
from aisys_cli.workspace.repro import run_again
from aisys_cli.workspace.state import Workspace

WRONG = REFERENCE.replace("return xs * k", "return xs * abs(k)")


def source(body):
    assert REFERENCE.count("    return xs * k\n") == 1
    return REFERENCE.replace("    return xs * k\n", f"    {body}\n")


@pytest.fixture(scope="module")
def graded(pool):
    (done,) = pool.grade(jobs_of({"one": WRONG}, keep_calls=True))
    return done


@pytest.fixture
def workspace(tmp_path, graded):
    (tmp_path / "small").mkdir()
    workspace = Workspace(tmp_path)
    workspace.start("small", tmp_path / "small", 1)
    workspace.record(graded.report, graded.calls)
    return Workspace(tmp_path)


@pytest.fixture
def again(lab, workspace, monkeypatch):
    """again(source) -> whether it gave no exception, what was printed."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    folder = workspace.folder("small")

    def run(text):
        (folder / "small.py").write_text(text)
        out = console()
        out.file = io.StringIO()
        failure = workspace.failure("small", "2.2")
        return run_again(lab, folder, failure, out, debug=False), out.file.getvalue()

    yield run
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", "") == str(folder / f"{name}.py"):
            del sys.modules[name]


def test_a_wrong_answer_is_shown_beside_the_right_one(again):
    fine, shown = again(WRONG)
    assert not fine
    assert shown.splitlines() == [
        "Input          scale(array([1.0]), -1.0)",
        "Your value     [1.]   float64",
        "numpy          [-1.]   float64",
        "Still the wrong value.",
    ]


def test_a_corrected_file_gives_the_right_answer(again):
    fine, shown = again(REFERENCE)
    assert fine
    assert "Your value     [-1.]" in shown
    assert "As expected now. Confirm: aisys lab test 2.2" in shown


def test_another_wrong_answer_is_not_called_right(again):
    fine, shown = again(source("return xs * 0"))
    assert fine, "only the check can tell"
    assert "Another value than before. Confirm: aisys lab test 2.2" in shown


def test_prints_are_shown(again, capsys):
    again(source("print('now', k); return xs"))
    assert capsys.readouterr().out == "now -1.0\n"


def test_the_stored_values_are_what_the_check_gave(again):
    _, shown = again(source("return type(xs).__name__ + str(xs.dtype) + type(k).__name__"))
    assert "Your value     'ndarrayfloat64float'" in shown


RAISING = {
    "an exception": ("return xs.minus", "AttributeError: 'numpy.ndarray' object has no attribute"),
    "an exception in a helper": ("return helper(xs)", "ValueError: [no] :smile:"),
    "not written": ("raise NotImplementedError", "NotImplementedError"),
    "a forbidden module": ("import sqlite3", "sqlite3 is not to be used in this lab"),
    "an exit": ("raise SystemExit(0)", "SystemExit: 0"),
    "an exit from within": ("import sys; sys.exit('bye')", "SystemExit: bye"),
}
HELPER = "\n\ndef helper(x):\n    raise ValueError('[no] :smile:')\n"


@pytest.mark.parametrize(("body", "words"), RAISING.values(), ids=RAISING)
def test_an_exception_is_shown_with_the_students_lines_only(again, body, words):
    try:
        fine, shown = again(source(body) + HELPER)
    except SystemExit:
        pytest.fail("their exit became ours")
    assert not fine
    assert words in shown
    assert "small.py:16 in scale" in shown.replace("small.py:17", "small.py:16")
    assert "aisys_cli" not in shown
    assert "driver.py" not in shown


def test_what_is_no_data_is_named(again):
    fine, shown = again(source("return lambda: xs"))
    assert not fine
    assert "Your value     a function, which is not plain data" in shown


IMPORTS = {
    "a syntax error": ("def f(:\n", "small.py does not import: SyntaxError"),
    "an exception": ("\n1 / 0\n", "small.py does not import: ZeroDivisionError"),
    "an exit": ("raise SystemExit(0)\n", "small.py does not import: SystemExit"),
    "a forbidden module": ("import torch\n", "torch is not to be used in this lab"),
}


@pytest.mark.parametrize(("text", "words"), IMPORTS.values(), ids=IMPORTS)
def test_a_file_that_does_not_import_says_why(again, text, words):
    fine, shown = again(text)
    assert not fine
    assert words in shown


def test_a_second_file_of_the_student_is_found(again, workspace):
    (workspace.folder("small") / "repro_part.py").write_text("def scale(xs, k):\n    return 7.5\n")
    fine, shown = again("from repro_part import scale\n")
    assert fine
    assert "Your value     7.5" in shown
