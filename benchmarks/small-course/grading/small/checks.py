import torch
from hypothesis import given
from hypothesis import strategies as st

from aisys_cli.grader import agree, check


@check("1.3")
@given(st.integers(-100, 100).map(float))
def negatives(student, a):
    """neg(a) is -a."""
    expected = -torch.tensor(a, dtype=torch.float64)
    agree(student.neg(a), expected.numpy(), of=f"neg({a})")
