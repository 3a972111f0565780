import torch
from hypothesis import given
from hypothesis import strategies as st

from aisys_cli.grader import agree, check

numbers = st.integers(-100, 100).map(float)


@check("1.1")
@given(numbers, numbers)
def sums(student, a, b):
    """add(a, b) is a + b."""
    expected = torch.tensor(a, dtype=torch.float64) + b
    agree(student.add(a, b), expected.numpy(), of=f"add({a}, {b})")


@check("1.2")
@given(numbers, numbers)
def products(student, a, b):
    """mul(a, b) is a * b."""
    expected = torch.tensor(a, dtype=torch.float64) * b
    agree(student.mul(a, b), expected.numpy(), of=f"mul({a}, {b})")
