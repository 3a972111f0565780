"""aisys gradebook similar: who is shown with whom, and that nothing else happens."""

import json

import pytest
from harness import REFERENCE

COPIED = REFERENCE.replace(
    "    return a * b\n",
    """    total, sign = 0.0, 1.0
    if a < 0:
        a, sign = -a, -sign
    while a >= 1.0:
        total, a = total + b, a - 1.0
        if total > 1e9 and sign > 2.0:
            total = total - b * 0.0
    return sign * (total + a * b)
""",
)
RENAMED = COPIED.replace("total", "summe").replace("sign", "vorzeichen")


@pytest.fixture
def graded(aisys, tmp_path):
    sources = {f"s{n}": f"# {n}\n{REFERENCE}" for n in range(8)}
    for id, source in {**sources, "li": COPIED, "wang": f"# mine\n{RENAMED}"}.items():
        (tmp_path / "subs" / id).mkdir(parents=True)
        (tmp_path / "subs" / id / "small.py").write_text(source)
    assert aisys("grade-all", "subs", "--lab", "small").returncode == 0
    return lambda *words: aisys("gradebook", "similar", "--lab", "small", *words)


def test_two_are_alike_and_those_who_write_what_all_write_are_not(graded):
    done = graded()
    assert done.returncode == 0, done.stderr
    assert "10 submissions compared" in done.stdout
    assert "100%  li  and  wang" in done.stdout
    assert "s0" not in done.stdout
    assert "this is no score" in done.stdout.lower()
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "a, vorzeichen = -a, -vorzeic" in done.stdout


def test_as_json(graded):
    (pair,) = json.loads(graded("--format", "json").stdout)
    assert (pair["first"], pair["second"]) == ("li", "wang")
    assert pair["passages"][0]["file"] == "small.py"


def test_what_everybody_was_given_is_left_out(graded, tmp_path):
    (tmp_path / "lecture.py").write_text(COPIED)
    done = graded("--given", "lecture.py")
    assert "No two have anything unusual in common" in done.stdout


def test_what_is_not_there(graded, aisys):
    assert graded("--given", "nowhere").returncode == 2
    done = aisys("gradebook", "similar", "--lab", "small", "--db", "none.db")
    assert done.returncode == 2
