"""Who is alike, and who only writes what everybody writes."""

import random
import re

import pytest

from aisys_cli.bulk.similar import given_code, similar

STARTER = """def solve(a, b):
    raise NotImplementedError


def helper(x):
    return [y for y in x if y]
"""
WORDS = ["alpha", "beta", "gamma", "delta", "omega"]
COPIED = """
def solve(a, b):
    total, seen = 0, {}
    for index, value in enumerate(a):
        if value in seen and b[index] != seen[value]:
            total += b[index] - seen[value]
        elif index % 3 == 1:
            total -= value
        seen[value] = b[index] * 2 + total
    while total > 100:
        total //= 3
    return total, {k: v for k, v in seen.items() if v > total}
"""


def program(seed):
    """A program of its own: statements in a random order and form."""
    draw = random.Random(seed)
    lines = ["def solve(a, b):"]
    for _ in range(30):
        x, y = draw.sample(WORDS, 2)
        op, n = draw.choice("+-*/%"), draw.randint(0, 99)
        forms = [
            f"    {x} = {y} {op} a[{n}]",
            f"    for {x} in range({n}): b.append({x} {op} {y})",
            f"    if {x} < {n} and {y}: return {x} {op} {n}",
            f"    {x} = [{y} {op} q for q in a if q > {n}]",
            f"    while {x}: {x} -= {y}",
            f"    b[{x}] {op}= max({y}, {n}, a)",
        ]
        lines.append(draw.choice(forms))
    return "\n".join(lines)


def of(sources):
    return {id: {"lab.py": text.encode()} for id, text in sources.items()}


def others(count=10):
    return {f"s{i}": STARTER + program(i) for i in range(count)}


def test_a_copy_is_the_first_pair_by_far():
    sources = {**others(), "wang": STARTER + COPIED, "li": STARTER + COPIED}
    first, second, *_ = [*similar(of(sources), given_code([STARTER])), None, None]
    assert {first.first, first.second} == {"wang", "li"}
    assert first.share == 1.0
    assert second is None or second.share < 0.5
    (passage,) = first.passages
    assert passage.lines[1] - passage.lines[0] > 8
    assert passage.lines == passage.other_lines


@pytest.mark.parametrize(
    "disguise",
    [
        lambda text: re.sub(r"\b(total|seen|index|value)\b", r"my_\1", text),
        lambda text: text.replace("\n", "\n\n").replace("return", "# mine\n    return"),
        lambda text: text.replace("100", "200").replace(" 3", " 7"),
        lambda text: "import math\n\n\ndef other(x):\n    return math.sqrt(x)\n" + text,
    ],
    ids=["names", "comments and blanks", "numbers", "something before"],
)
def test_a_copy_in_disguise_is_found(disguise):
    sources = {**others(), "wang": STARTER + COPIED, "li": STARTER + disguise(COPIED)}
    first = similar(of(sources), given_code([STARTER]))[0]
    assert {first.first, first.second} == {"wang", "li"}
    assert first.share > 0.8


def test_the_starter_and_the_handouts_code_make_nobody_alike():
    sources = {f"s{i}": STARTER + COPIED + program(i) for i in range(4)}
    handout = f"# Lab\n\n```python\n{COPIED}```\n"
    pairs = similar(of(sources), given_code([STARTER, handout]))
    seen = similar(of(sources), given_code([STARTER]))
    assert max(pair.share for pair in pairs) < 0.25 < 0.3 < max(pair.share for pair in seen)


def test_what_many_have_makes_nobody_alike():
    sources = {f"s{i}": COPIED + program(i) for i in range(40)}
    assert all(pair.share < 0.5 for pair in similar(of(sources), set()))


@pytest.mark.parametrize("text", ["", "def f(:\n  ((", "\0\xff", "x" * 100_000, "(" * 5000])
def test_any_text_is_compared(text):
    assert similar(of({"a": text, "b": text}), set()) is not None


def test_what_is_not_utf8_is_compared():
    assert similar({"a": {"lab.py": b"\xff\xfe"}, "b": {"lab.py": b"\xff"}}, set()) == []


def test_the_same_input_gives_the_same_pairs():
    sources = of({**others(), "wang": COPIED, "li": COPIED})
    assert similar(sources, set()) == similar(dict(reversed(sources.items())), set())
