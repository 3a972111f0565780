"""The checks that you can read and run: aisys lab test.

A check draws inputs, asks your code through driver.py, and compares with PyTorch. The hidden
checks are written the same way; they ask for more forms, arrays, edge cases and compositions.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from composed import grown_at
from hypothesis import given
from hypothesis import strategies as st
from programs import (
    Together,
    arrays,
    dual_parts,
    integers,
    named,
    nested_derivative,
    numbers,
    show,
    torch_jvp,
)

from aisys_cli.grader import agree, always, check

# -- task 1 --------------------------------------------------------------------


@check("1.1")
@given(arrays((), (), (), ()))
def arithmetic_of_two_duals(student, drawn):
    """Value and tangent of + - * / and unary minus."""
    forms = ["x + y", "x - y", "x * y", "x / y", "-x", "x * x", "(x + y) * (x - y) / y"]
    with Together(student) as together:
        together.forms("x, y", forms, drawn[:2], drawn[2:])


@check("1.2")
@given(arrays((), (), ()), integers)
def numbers_on_either_side(student, drawn, n):
    """An int or a float is a constant: its tangent is zero."""
    x, tangent, c = drawn
    forms = [f"x {sign} {_bracketed(k)}" for sign in "+-*/" for k in (n, c)]
    forms += [f"{_bracketed(k)} {sign} x" for sign in "+-*/" for k in (n, c)]
    forms += ["x ** 2", "x ** 3", "x ** -1", "2 ** x", "1.5 ** x"]
    with Together(student) as together:
        together.forms("x", forms, [x], [tangent])


def _bracketed(number):
    return f"({number})" if number < 0 else str(number)


@check("1.3")
@given(arrays((), (), (3,), (3,)))
def comparisons_look_at_the_value(student, drawn):
    """Whatever the tangents are: y has the value of x in one of the draws below."""
    number, other, array, others = drawn
    signs = ("<", "<=", ">", ">=", "==", "!=")
    beside = np.nextafter(number, np.inf)
    pairs = [(number, other), (number, number), (number, beside), (array, others)]
    forms = [f"x {sign} y" for sign in signs]
    forms += [f"x {sign} 1" for sign in signs] + [f"1.0 {sign} y" for sign in signs]
    with Together(student) as together:
        for x, y in [*pairs, (np.nan, number)]:
            tangents = [np.ones(np.shape(x)), np.zeros(np.shape(y))]
            right = [np.asarray(eval(form, {"x": x, "y": y})) for form in forms]  # noqa: S307
            together.plain("x, y", forms, [x, y], tangents, right)


# -- task 2 --------------------------------------------------------------------

ELEMENTARY = ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sigmoid", "relu")


@check("2.1")
@given(arrays((), (), (), ()), arrays((2, 3), (2, 3), (3,), (3,)))
def elementary_functions(student, floats, matrices):
    """On floats and on arrays; log and sqrt of what is positive."""
    forms = [f"{name}({'x * x' if name in ('log', 'sqrt') else 'x'})" for name in ELEMENTARY]
    forms += ["maximum(x, y)", "where(x > y, x, y)", "sin(x) * y", "exp(tanh(x)) / y"]
    with Together(student) as together:
        for x, s, y, t in (floats, matrices):
            together.forms("x, y", forms, [x, y], [s, t])


@check("2.2")
def the_lectures_example(student):
    """f(x1, x2) = ln x1 + x1 x2 - sin x2 at (2, 5), once for each of its inputs."""
    source = "def f(x1, x2): return log(x1) + x1 * x2 - sin(x2)"
    value = math.log(2.0) + 10.0 - math.sin(5.0)
    for tangents, slope in (([1.0, 0.0], 0.5 + 5.0), ([0.0, 1.0], 2.0 - math.cos(5.0))):
        shown = show(source, "x1, x2", [2.0, 5.0], tangents)
        got = student.duals(source, [2.0, 5.0], tangents, of=shown)
        agree(got, named([value, slope]), of=shown, oracle="The lecture")


# -- task 3 --------------------------------------------------------------------

CONTROL = [
    "def f(x): return x",
    "def f(x): return 3.0",
    "def f(x): return x * x if x > 1 else -x",
    """def f(x):
    y = 1.0
    for k in range(1, 4):
        y = y * x / k + sin(x)
    return y""",
    # Steep: a difference quotient is nowhere near.
    "def f(x): return sin(1000 * x)",
]


@st.composite
def functions(draw):
    """A function of one float, and a point."""
    x = draw(numbers)
    return grown_at(draw, {"x": x}, "def f(x):", most=5), x


@check("3.1")
@always([(source, x) for source in CONTROL for x in (2.0, -0.5)])
@given(functions())
def derivative_of_one_variable(student, drawn):
    source, x = drawn
    shown = show(source, "x", [x])
    got = student.derivative(source, x, of=shown)
    agree(got, dual_parts(source, [x], [1.0])[1], of=shown)


MAPS = {
    "def f(x): return sin(x) * x": ((3,), (2, 2), (), (1,), (0,)),
    "def f(x): return sum(x * x * x)": ((3,), (2, 2), ()),
    "def f(x): return sum(x, axis=0) / 2": ((3, 2), (2,)),
    "def f(x): return reshape(x, (-1, 1)) * reshape(x, (1, -1))": ((3,), (2, 1)),
    "def f(x): return matmul(np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), x)": ((3,), (3, 2)),
    "def f(x): return matmul(np.array([[1.0, 2.0], [3.0, 4.0]]), x)": ((2,),),
    "def f(x): return transpose(x)": ((2, 3),),
    "def f(x): return relu(x - 1)": ((2,),),  # at 1 in the first case: relu'(0) = 0
    "def f(x): return 2.0": ((3,), ()),
    "def f(x): return np.array([1.0, 2.0, 3.0])": ((2,), ()),
}
MAPS_AT = [(source, shape) for source, shapes in MAPS.items() for shape in shapes]


@st.composite
def maps(draw):
    source, shape = draw(st.sampled_from(MAPS_AT))
    return source, draw(arrays(shape))[0]


@check("3.4")
@always([(f, np.arange(1.0, 1.0 + math.prod(shape)).reshape(shape)) for f, shape in MAPS_AT])
@given(maps())
def jacobian_of_arrays(student, drawn):
    """The shape is that of the output, then that of the input."""
    source, x = drawn
    shown = show(source, "x", [x])
    got = student.jacobian(source, x, of=shown)
    shape = np.shape(torch_jvp(source, [x], [None])[0])
    columns = np.zeros((*shape, np.size(x)))
    for i, direction in enumerate(np.eye(np.size(x))):
        columns[..., i] = torch_jvp(source, [x], [direction.reshape(np.shape(x))])[1]
    agree(got, columns.reshape(shape + np.shape(x)), of=shown)


# -- task 4 --------------------------------------------------------------------

NESTED = [
    "def f(x): return derivative(lambda y: y * y * y, x)",
    "def f(x): return derivative(sin, x) * x",
    "def f(x): return x * derivative(lambda y: x * y, x)",
]


@check("4.1")
def a_derivative_inside(student):
    """A function that takes a derivative has a derivative."""
    for source, x in itertools.product(NESTED, (1.0, 2.0, -0.5)):
        shown = show(source, "x", [x])
        agree(student.derivative(source, x, of=shown), nested_derivative(source, x), of=shown)
