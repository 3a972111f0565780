"""Hidden checks: what the textbook's formula breaks on. The examples come first, on every seed."""

import numpy as np
from hypothesis import example, given
from vectors import logsumexp_agrees, softmax_agrees, vectors

from aisys_cli.grader import check

LARGE, SMALL = np.array([1000.0, 1001.0]), np.array([-1000.0, -1001.0])
FAR, EQUAL, ONE = np.array([-800.0, 800.0]), np.array([5.0, 5.0, 5.0]), np.array([-3.0])


@check("1.2")
@example(LARGE)
@example(SMALL)
@example(ONE)
@given(vectors(-2000, 2000))
def logsumexp_holds(student, x):
    logsumexp_agrees(student, x)


@check("2.2")
@example(LARGE)
@example(FAR)
@example(EQUAL)
@given(vectors(-2000, 2000))
def softmax_holds(student, x):
    softmax_agrees(student, x)
