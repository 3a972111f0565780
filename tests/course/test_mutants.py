"""Automatic mutants: what is changed, what is left alone, and how a change is called."""

import ast

import pytest

from aisys_cli.course.load import load_lab
from aisys_cli.course.mutants import equivalent, mutants
from aisys_cli.errors import CourseError


def changes(source):
    return [one.change for one in mutants(source)]


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("def f(a, b):\n    return a + b", "f: a + b -> a - b"),
        ("def f(a, b):\n    return a + b", "f: a + b -> a"),
        ("def f(a, b):\n    return a + b", "f: a + b -> b"),
        ("def f(a, b):\n    return a + b", "f: return a + b -> return None"),
        ("def f(a):\n    a += 1", "f: a += 1 -> a -= 1"),
        ("def f(a):\n    a += 1", "f: a += 1 -> pass"),
        ("def f(a):\n    return a < 3", "f: a < 3 -> a <= 3"),
        ("def f(a):\n    return a < 3", "f: 3 -> 4"),
        ("def f(a):\n    return a[1:]", "f: 1 -> 0"),
        ("def f(a, b):\n    return a and b", "f: a and b -> a or b"),
        ("def f(a):\n    return not a", "f: not a -> a"),
        ("def f(a):\n    return a is None", "f: a is None -> a is not None"),
        ("def f(a):\n    return g(a, k=True)", "f: True -> False"),
        ("def f(a):\n    return g(a, k=1)", "f: g(a, k=1) -> g(a)"),
        ("def f(a, b):\n    return g(a, b)", "f: g(a, b) -> g(b, a)"),
        ("class C:\n    def f(self, a):\n        raise a", "C.f: raise a -> pass"),
        ("x = 1.5", "module: 1.5 -> 2.5"),
    ],
)
def test_each_kind_of_change_is_made(source, change):
    assert change in changes(source)


def test_an_if_goes_the_other_way():
    (mutant,) = [m for m in mutants("def f(a):\n    if a:\n        g()") if "if not a" in m.source]
    assert mutant.line == 2


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring of 1 + 1."""',
        "import a\nfrom b import c",
        "__all__ = ['f']",
        "def f(a: Literal[1]) -> Literal[2]:\n    return a",
        'def f():\n    """Another."""\n    return None',
    ],
)
def test_what_is_no_code_is_left_alone(source):
    left = [one for one in mutants(source) if "return" not in one.change]
    assert left == []


def test_what_the_starter_gives_is_left_alone():
    given = "N = 1\ndef f(a):\n    return a + 1\nclass C:\n    def g(self):\n        return 2"
    source = given.replace("return 2", "return 3") + "\ndef h(a):\n    return a + 1"
    found = [one.change for one in mutants(source, given=given)]
    assert {one.partition(":")[0] for one in found} == {"C.g", "h"}
    assert len(found) < len(mutants(source))


def test_what_stands_in_another_place_is_not_given():
    given = "def g(a):\n    return a + 1"
    assert "C.g: 1 -> 2" in [
        one.change for one in mutants("class C:\n    def g(a):\n        return a + 1", given=given)
    ]


def test_each_mutant_parses_is_another_program_and_has_its_own_name():
    source = "def f(a, b):\n    a = a + 1\n    b = b + 1\n    return a + 1 if a > b else g(b, 1)"
    found = mutants(source)
    texts = [ast.unparse(ast.parse(one.source)) for one in found]
    assert len(set(texts)) == len(found) > 15
    assert ast.unparse(ast.parse(source)) not in texts
    assert len({one.change for one in found}) == len(found)


def test_the_same_change_elsewhere_is_counted():
    found = changes("def f(a):\n    a = a + 1\n    a = a + 1")
    assert "f: a + 1 -> a - 1" in found
    assert "f: a + 1 -> a - 1 (2)" in found


def test_explanations_are_read(own_course):
    path = own_course / "solutions/small/equivalent.toml"
    assert equivalent(load_lab(own_course, "small")) == {}
    path.write_text('[[mutants]]\nchange = "f: 1 -> 2"\nwhy = "never read"\n')
    assert equivalent(load_lab(own_course, "small")) == {"f: 1 -> 2": "never read"}


@pytest.mark.parametrize("text", ["[[mutants]]\nchange = 1\nwhy = 'x'\n", "mutants = 3", "[["])
def test_explanations_that_cannot_be_read_name_the_file(own_course, text):
    (own_course / "solutions/small/equivalent.toml").write_text(text)
    with pytest.raises(CourseError, match=r"equivalent\.toml"):
        equivalent(load_lab(own_course, "small"))
