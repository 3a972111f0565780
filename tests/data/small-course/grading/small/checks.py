"""Hidden checks."""

from hypothesis import given
from ranges import numbers

from aisys_cli.grader import agree, check


@check("2.1")
@given(numbers)
def changes_sign(student, a):
    agree(student.neg(a), -a, of=f"neg({a})", oracle="Python")
