"""Public checks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from ranges import numbers

from aisys_cli.grader import agree, check


@check("1.1")
@given(numbers, numbers)
def adds(student, a, b):
    agree(student.add(a, b), a + b, of=f"add({a}, {b})", oracle="Python")


@check("1.2")
@given(numbers, numbers)
def multiplies(student, a, b):
    agree(student.mul(a, b), a * b, of=f"mul({a}, {b})", oracle="Python")


@check("2.2")
@given(st.lists(numbers, min_size=1, max_size=4), numbers)
def scales(student, xs, k):
    given_array = np.array(xs)
    agree(
        student.scale(given_array, k),
        given_array * k,
        of=lambda: f"scale(array({xs}), {k})",
        oracle="numpy",
    )
