"""The checks that you can read and run: aisys lab test.

A check draws inputs, asks your code through driver.py, and compares with PyTorch. The hidden
checks are written the same way; they ask for more forms, shapes, graphs and compositions.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import batches, training_agrees
from programs import (
    RTOL,
    arrays,
    forms_agree,
    numbers,
    positive,
    run_agrees,
    seconds_agree,
    show,
    values_agree,
)

from aisys_cli.grader import agree, check

# -- task 1 --------------------------------------------------------------------

LECTURE = """def f(a, b):
    reset_tape()
    x1, x2 = Variable(a), Variable(b)
    v1 = ops_log(x1)
    v2 = ops_mul(x1, x2)
    v3 = ops_sin(x2)
    v4 = ops_add(v1, v2)
    v5 = ops_sub(v4, v3)
    return v5.value, grad(v5, [x1, x2, v1, v2, v3, v4])"""
ONE_OPERATION = """def f(a, b):
    reset_tape()
    x, y = Variable(a), Variable(b)
    l = {}
    return l.value, grad(l, [x, y])"""
OPERATIONS = ["ops_add(x, y)", "ops_sub(x, y)", "ops_mul(x, y)", "ops_sin(x)", "ops_log(y)"]


@check("1.1")
@given(numbers, positive)
def the_lectures_example(student, a, b):
    """Every adjoint of the table in the handout, then each operation alone."""
    shown = show(LECTURE, "a, b", [2.0, 5.0])
    value, slopes = math.log(2.0) + 10.0 - math.sin(5.0), [5.5, 2.0 - math.cos(5.0)]
    got = student.run(LECTURE, [2.0, 5.0], of=shown)
    agree(got, [value, [*slopes, 1.0, 1.0, -1.0, 1.0]], of=shown, oracle="The lecture")
    for operation in [*OPERATIONS, "ops_mul(ops_sin(x), ops_log(y))"]:
        run_agrees(student, ONE_OPERATION.format(operation), "a, b", [a, b])


@check("1.2")
@given(numbers, numbers)
def used_several_times(student, a, b):
    """What comes back along several ways is added; along none it is 0."""
    for operation in (
        "ops_mul(x, x)",
        "ops_add(x, x)",
        "ops_sub(x, x)",
        "ops_mul(ops_mul(x, x), x)",
        "ops_mul(ops_add(x, y), ops_sub(x, y))",
        "x",
    ):
        run_agrees(student, ONE_OPERATION.format(operation), "a, b", [a, b])


# -- task 2 --------------------------------------------------------------------

ARITHMETIC = ["x + y", "x - y", "x * y", "x / y", "-x", "x + 2", "2 - x", "1.5 * x", "3 / x"]
POWERS = ["x ** 2", "x ** 3", "x ** -1", "x ** 0", "(x * x) ** 0.5", "2 ** x"]
ELEMENTARY = ["exp(x)", "log(x * x)", "sin(x)", "cos(x)", "tanh(x)", "relu(x)", "x.exp()"]
REDUCED = [
    f"{name}(x{form})"
    for name in ("sum", "mean", "max")
    for form in ("", ", axis=0", ", axis=-1", ", axis=(0, 1)", ", axis=1, keepdims=True")
]
SHAPED = [
    "reshape(x, (3, 2))",
    "reshape(x, -1)",
    "transpose(x)",
    "x.T",
    "broadcast_to(y, (2, 3))",
    "x[0]",
    "x[:, 1:]",
    "x[1, 2]",
    "concatenate([x, x])",
    "concatenate([x, x * 2], axis=1)",
    "where(x.data > y.data, x, y)",
    "x @ y",
    "x @ x.T",
    "matmul(y, x.T)",
]


@check("2.1")
@given(arrays((), ()), arrays((2, 3), (2, 3)))
def values_of_arithmetic(student, floats, matrices):
    for values in (floats, matrices):
        values_agree(student, "x, y", [*ARITHMETIC, *POWERS, *ELEMENTARY], values)


@check("2.2")
@given(arrays((2, 3), (3,)))
def values_of_reductions_and_shapes(student, values):
    values_agree(student, "x, y", [*REDUCED, *SHAPED], values)


# -- task 3 --------------------------------------------------------------------

POOL = arrays((31,))


@check("3.1")
@given(arrays((), ()), arrays((2, 3), (2, 3)), POOL)
def gradients_of_arithmetic(student, floats, matrices, pool):
    """The gradient that comes in is not one: each operator must use it."""
    for values in (floats, matrices):
        forms = [*ARITHMETIC, *POWERS, *ELEMENTARY, "x * x", "x * y + x / y"]
        forms_agree(student, "x, y", forms, values, [True, True], pool[0])


@check("3.2")
@given(arrays((2, 3), (3,), (2, 1), ()), POOL)
def broadcast_operands(student, drawn, pool):
    """An entry that was repeated gets the sum of the gradients of its copies."""
    x, row, column, number = drawn
    for y in (row, column, number):
        forms = ["x + y", "y - x", "x * y", "y / x", "where(x.data > 0, x, y)"]
        forms_agree(student, "x, y", forms, [x, y], [True, True], pool[0])
    shapes = ["sum(x, axis=0)", "mean(x, axis=1)", "max(x, axis=0)", "x.T", "x[:, 1:]", "x @ y"]
    forms_agree(student, "x, y", shapes, [x, row], [True, True], pool[0])


ACCUMULATING = """def f(a, b, s):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    constant = Tensor(b)
    z = x * y * constant
    z.backward(s)
    once = x.grad.data + 0.0
    z.backward(s)
    w = sum(x * x)
    w.backward()
    return once, x.grad.data, y.grad.data, constant.grad, z.grad"""
LEFT_ALONE = """def f(a, b, s):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    unused = Tensor(b, requires_grad=True)
    z = x * y
    w = z * z
    gradients = grad(w, [x, z, unused], s)
    both = grad([z, w], [y], [s, 2 * s])
    return [g.data for g in gradients], [g.data for g in both], x.grad, y.grad, unused.grad"""


@check("3.3")
@given(arrays((3,), (3,), (3,)))
def backward_and_grad(student, drawn):
    run_agrees(student, ACCUMULATING, "a, b, s", drawn)
    run_agrees(student, LEFT_ALONE, "a, b, s", drawn)


# -- task 4 --------------------------------------------------------------------


@check("4.1")
@given(arrays((), ()), POOL)
def second_derivatives(student, values, pool):
    forms = ["x * x * x", "x * y", "sin(x)", "exp(x) * y", "x / y", "x + y", "x ** 3", "tanh(x)"]
    seconds_agree(student, "x, y", forms, values, [True, True], pool[0])


# -- task 5 --------------------------------------------------------------------

LOSS = """def f(a, targets, s):
    logits = Tensor(a, requires_grad=True)
    loss = cross_entropy(logits, targets)
    return loss.data, grad(loss, logits, s)[0].data"""


@check("5.1")
@given(
    arrays((4, 3)),
    st.lists(st.integers(0, 2), min_size=4, max_size=4),
    st.sampled_from([1.0, -0.5, 3.0]),
)
def cross_entropy(student, drawn, targets, s):
    for scale in (1.0, 1000.0):
        values = [drawn[0] * scale, np.array(targets), s]
        shown = show(LOSS, "a, targets, s", values)
        got = student.run(LOSS, values, of=shown)
        logits = torch.tensor(values[0], requires_grad=True)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(values[1]))
        loss.backward(torch.tensor(s, dtype=torch.float64))
        agree(got, [loss.detach().numpy(), logits.grad.numpy()], of=shown, rtol=RTOL)


@check("5.2")
@given(batches([3, 4, 2], steps=1))
def one_step(student, training):
    training_agrees(student, training)
