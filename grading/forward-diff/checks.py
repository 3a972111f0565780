"""Hidden checks of forward-diff.

Two kinds, because random programs alone miss mistakes in shapes. The checks of tasks 1 and 2
go through every form of every operator with each input (strata: nothing is left to chance but
the numbers); those of tasks 3 and 4 run composed programs.
"""

from __future__ import annotations

import functools
import itertools
import re

import numpy as np
from composed import Program, grown_at, programs
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
    positive,
    show,
    torch_jvp,
)

from aisys_cli.grader import agree, always, check

# -- task 1 --------------------------------------------------------------------

PAIRS = [
    ((3,), ()),
    ((), (3,)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((2, 3), (2, 1)),
    ((1,), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((0, 3), (3,)),
    ((1, 1), ()),
    ((2, 2), (2, 2)),
]
ALL_PAIRS = [shape for pair in PAIRS for shape in pair]
UNFIT = [((), (2,)), ((3,), (2,)), ((3,), (1, 3)), ((1, 3), (2, 3))]  # value, tangent


@check("1.4")
@given(arrays(*ALL_PAIRS), arrays(*ALL_PAIRS))
def broadcasting(student, values, tangents):
    """Both duals; only one of them; a tangent that is itself to be broadcast."""
    forms = ["x + y", "x - y", "x * y", "x / y", "-x", "-y"]
    rows, row = np.ones((3, 2)), tangents[0][:2]
    with Together(student) as together:
        for i in range(0, len(values), 2):
            x, y = values[i : i + 2]
            s, t = tangents[i : i + 2]
            together.forms("x, y", forms, [x, y], [s, t])
            together.forms("x, y", forms[:5], [x, y], [s, None])
            together.forms("x, y", [*forms[:4], "-y"], [x, y], [None, t])
            together.forms("x, y", forms, [x, y], [1.0, 0.5])
        together.forms("x", ["x * x", "-x"], [rows], [row])
        for shape, other in UNFIT:
            value, tangent = np.ones(shape), np.ones(other)
            _refused(together, "def f(x): return x", value, tangent, oracle="The handout")


def _refused(together, source, value, tangent, *, oracle):
    shown = show(source, "x", [value], [tangent])
    together.call(
        "refusal", source, [value], [tangent], of=shown, right="ValueError", oracle=oracle
    )


@check("1.5")
@given(arrays((), (), (), (2, 3), (2, 3)), positive, integers)
def powers(student, drawn, p, n):
    x, s, t, xs, ss = drawn
    with Together(student) as together:
        whole = [
            "x ** 2",
            "x ** 3",
            "x ** 1",
            "x ** 0",
            "x ** -1",
            "x ** -2",
            "x ** 2.0",
            f"x ** {n}",
        ]
        for value, tangent in ((x, s), (xs, ss)):
            together.forms("x", whole, [value], [tangent])
            forms = ["x ** 0.5", "x ** -1.5", "x ** np.float64(1.5)", "2 ** x", "0.5 ** x"]
            forms += ["np.float64(2.5) ** x", "x ** x", "x ** np.int64(2)"]
            together.forms("x", forms, [abs(value)], [tangent])
        pair = ["x ** y", "y ** x", "x ** (y + 1)", "(x * y) ** -0.5"]
        together.forms("x, y", pair, [abs(xs), p], [ss, t])
        together.forms("x, y", pair, [p, abs(xs)], [s, ss])
        together.forms("x, y", ["x ** y", "y ** x"], [abs(xs), p], [ss, None])
        # At 0, in numbers: a derivative of x ** n there is 0, but for n = 1.
        for tangent in (s, 0.0):
            known = [[0.0, 0.0], [0.0, 0.0], [0.0, tangent], [1.0, 0.0], [0.0, 0.0]]
            forms = ["x ** 2", "x ** 3", "x ** 1", "x ** 0", "x ** 1.5"]
            together.forms("x", forms, [0.0], [tangent], expected=known, oracle="By hand")
        for exponent, value in ((p, 0.0), (0.0, 1.0)):
            known = [[value, 0.0]]
            together.forms("x", ["0.0 ** x"], [exponent], [s], expected=known, oracle="By hand")
        for base, exponent, pair, known in (
            (0.0, 0.0, [s, t], [1.0, 0.0]),
            (-2.0, 2.0, [s, 0.0], [4.0, -4.0 * s]),
            (-2.0, 2.0, [s, t], [4.0, np.nan]),  # the logarithm of a negative base counts here
        ):
            at = [base, exponent]
            together.forms("x, y", ["x ** y"], at, pair, expected=[known], oracle="By hand")
        known = [[np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, s])]]
        mixed = ["x ** np.array([0.0, 2.0, 1.0])"]
        together.forms("x", mixed, [np.zeros(3)], [s], expected=known, oracle="By hand")
        array = np.array([0.0, x, 2.0])
        right = [[array**2, 2 * array * s], [np.ones(3), np.zeros(3)]]
        together.forms("x", ["x ** 2", "x ** 0"], [array], [s], expected=right, oracle="By hand")


LEFT = ["np.float64(1.5)", "np.int64(3)", "np.float32(0.5)", "np.array([0.5, 2.0, 1.25])"]


@check("1.6")
@given(arrays((), (), (3,), (3,), (2, 1), (2, 1)))
def numpy_on_the_left(student, drawn):
    """numpy must leave the operator to the dual, and not make an array of duals."""
    forms = [f"{left} {sign} x" for left in LEFT for sign in ("+", "-", "*", "/", "**")]
    forms += [f"x {sign} {right}" for right in LEFT for sign in ("+", "-", "*", "/")]
    compared = [f"{left} {sign} x" for left in LEFT for sign in ("<", "<=", ">", ">=", "==", "!=")]
    with Together(student) as together:
        for x, s in zip(drawn[::2], drawn[1::2], strict=True):
            together.forms("x", forms, [x], [s])
            right = [np.asarray(eval(form, {"np": np, "x": x})) for form in compared]  # noqa: S307
            together.plain("x", compared, [x], [s], right)


# -- task 2 --------------------------------------------------------------------


@check("2.3")
@given(arrays((), (), (3,), (3,)))
def kinks_and_extremes(student, drawn):
    """Where derivatives are a convention, and where a careless formula gives NaN."""
    s, t, ss, xs = drawn
    by_hand = [
        # the form, the value of x, its tangent, the value and tangent that are right
        ("relu(x)", 0.0, s, 0.0, 0.0),
        ("maximum(x, x)", 2.0, s, 2.0, s),
        ("maximum(x, 0.0)", 0.0, s, 0.0, s / 2),
        ("maximum(0, x)", 0.0, s, 0.0, s / 2),
        ("maximum(1.5, x)", 2.0, s, 2.0, s),
        ("maximum(x, 2.5)", 2.0, s, 2.5, 0.0),
        ("sqrt(x)", 0.0, 0.0, 0.0, 0.0),
        ("log(x)", 0.0, 0.0, -np.inf, 0.0),
        ("x ** -1", 0.0, 0.0, np.inf, 0.0),
        ("sigmoid(x)", 1000.0, s, 1.0, 0.0),
        ("sigmoid(x)", -1000.0, s, 0.0, 0.0),
        ("tanh(x)", 1000.0, s, 1.0, 0.0),
        ("tanh(x)", -1000.0, s, -1.0, 0.0),
        ("exp(x)", -1000.0, s, 0.0, 0.0),
        ("exp(x)", 1000.0, 0.0, np.inf, 0.0),
        ("exp(x)", 1000.0, 1.0, np.inf, np.inf),
        ("sqrt(x)", 0.0, 1.0, 0.0, np.inf),
        ("sqrt(x)", -1.0, 1.0, np.nan, np.nan),
        ("sqrt(x)", 1e-12, 1e-6, 1e-6, 0.5),
        ("log(x)", 0.0, 1.0, -np.inf, np.inf),
        ("log(x)", -1.0, 1.0, np.nan, -1.0),
        ("log(x)", 1e-9, 1e-9, np.log(1e-9), 1.0),
        ("1 / x", 0.0, 2.0, np.inf, -np.inf),
        ("1 / x", 1e-9, 1e-9, 1e9, -1e9),
        ("x / 0.0", 1.0, 2.0, np.inf, np.inf),
        ("x ** -1", 0.0, 2.0, np.inf, -np.inf),
        ("x ** 0.5", -1.0, 1.0, np.nan, np.nan),
        ("x * np.array(np.inf)", 2.0, 0.0, np.inf, 0.0),
        ("relu(x)", -np.inf, s, 0.0, 0.0),
        ("relu(x)", -1.0, np.inf, 0.0, 0.0),
        ("maximum(x, -np.inf)", 2.0, s, 2.0, s),
        ("maximum(x, 1.0)", 0.0, np.inf, 1.0, 0.0),
        ("tan(x)", 0.0, np.inf, 0.0, np.inf),
        ("1e15 * x", 1.0, 1e-13, 1e15, 100.0),
        ("1e12 * x", 1.0, 1e-9, 1e12, 1000.0),
        ("where(x > 0, log(x), 0.0)", -1.0, s, 0.0, 0.0),
        ("where(x > 0, sqrt(x), x)", 0.0, s, 0.0, s),
        ("where(x == 0, 1.0, sin(x) / x)", 0.0, s, 1.0, 0.0),
        ("where(True, x, 1.0)", 2.0, s, 2.0, s),
        ("where(False, x, 1.0)", 2.0, s, 1.0, 0.0),
    ]
    x = np.array([0.0, -1.0, 2.0])
    mask = np.array([False, False, True])
    half = np.array([0.5, 0.0, 1.0])
    many = [
        "relu(x)",
        "maximum(x, 0.0)",
        "where(x > 0, log(x), -1.0)",
        "where(x < 1, 0.0, sqrt(x))",
    ]
    right = [
        [np.array([0.0, 0.0, 2.0]), mask * ss],
        [np.array([0.0, 0.0, 2.0]), half * ss],
        [np.array([-1.0, -1.0, np.log(2.0)]), mask * ss / 2],
        [np.array([0.0, 0.0, np.sqrt(2.0)]), mask * ss / np.sqrt(8.0)],
    ]
    part = np.array([0.0, 1.0, 1.0]) * s
    known = [[np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.5, 0.25]) * s]]
    roots = [np.array([0.0, 1.0, 4.0])]
    ties = ["maximum(x, y)", "maximum(y, x)", "where(x > y, x, y)", "relu(x - y)"]
    y = np.where([True, False, True], xs, xs + 1.0)
    spread = [
        "where(x > 0, x, 2.0)",
        "where(x > 0, 1, x)",
        "where(np.array([[True], [False]]), x, 1.0)",
    ]
    stacked = [np.stack([xs, np.ones(3)]), np.stack([ss, np.zeros(3)])]
    with Together(student) as together:
        for form, at, tangent, *one in by_hand:
            together.forms("x", [form], [at], [tangent], expected=[one], oracle="By hand")
        together.forms("x", many, [x], [ss], expected=right, oracle="By hand")
        together.forms("x", ["sqrt(x)"], roots, [part], expected=known, oracle="By hand")
        plain_results(together, xs)
        together.forms("x, y", ties, [xs, y], [ss, t])
        together.forms("x", spread[:2], [xs], [ss])
        together.forms("x", spread[2:], [xs], [ss], expected=[stacked], oracle="numpy")


PLAIN = {
    **{f"{name}(x)": getattr(np, name) for name in ("sin", "cos", "tan", "exp", "tanh", "sum")},
    "log(x * x)": lambda x: np.log(x * x),
    "sqrt(x * x)": np.abs,
    "sigmoid(x)": lambda x: 1 / (1 + np.exp(-x)),
    "relu(x)": lambda x: np.maximum(x, 0.0),
    "maximum(x, 1)": lambda x: np.maximum(x, 1.0),
    "where(True, x, 1)": lambda x: x * 1.0,
    "reshape(x, (1, -1))": lambda x: np.reshape(x, (1, -1)),
    "transpose(x)": np.transpose,
    "matmul(reshape(x, -1), reshape(x, -1))": lambda x: np.sum(x * x),
}


def plain_results(together, array):
    """Functions of what is no dual give numpy's plain result, in float64."""
    for x in (array, 0.75, 2, np.array([[1, -2], [3, 4]])):
        as_float = np.asarray(x, np.float64)
        right = [np.asarray(function(as_float)) for function in PLAIN.values()]
        together.plain("x", list(PLAIN), [x], [None], right)


SHAPES = [(), (1,), (3,), (2, 3), (2, 1, 3), (0, 3), (2, 2, 1, 2)]
PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 2)),
    ((2, 2, 3), (3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((0, 3), (3, 2)),
    ((1, 1), (1, 1)),
]
ALL_PRODUCTS = [shape for pair in PRODUCTS for shape in pair]


def _linear_forms(shape):
    """Every form of sum, reshape and transpose for an array of this shape."""
    rank = len(shape)
    axes = [None, *range(-rank, rank), *itertools.combinations(range(rank), 2)]
    axes += [(0, -1)] * (rank >= 2) + [(-1,)] * (rank >= 1) + [(0, 1, 2)] * (rank >= 3)
    forms = ["sum(x)", "sum(x, keepdims=True)"]
    forms += [f"sum(x, axis={axis})" for axis in axes]
    forms += [f"sum(x, axis={axis}, keepdims=True)" for axis in axes]
    shapes = [(1, *shape), shape[::-1], (*shape, 1)]
    shapes += [-1, (-1, 1)] if 0 not in shape else [(3, 0)]
    forms += [f"reshape(x, {wanted})" for wanted in shapes]
    forms += ["transpose(x)", "x.T", "x * x.ndim", "x * (1 + x.size)", "reshape(x, x.shape)"]
    forms += [f"transpose(x, {order})" for order in itertools.permutations(range(rank)) if rank]
    return forms


FORMS = {shape: _linear_forms(shape) for shape in SHAPES}


@check("2.4")
@given(arrays(*SHAPES), arrays(*SHAPES), arrays(*ALL_PRODUCTS), arrays(*ALL_PRODUCTS))
def linear_operations(student, values, tangents, factors, slopes):
    with Together(student) as together:
        for shape, x, s in zip(SHAPES, values, tangents, strict=True):
            together.forms("x", FORMS[shape], [x], [s])
        for i in range(0, len(factors), 2):
            a, b = factors[i : i + 2]
            s, t = slopes[i : i + 2]
            for pair in ([s, t], [s, None], [None, t]):
                together.forms("x, y", ["matmul(x, y)"], [a, b], pair)
        _refused(together, "def f(x): return matmul(x, 3.0)", 2.0, 1.0, oracle="numpy")


# -- task 3 --------------------------------------------------------------------

SPECIAL = [
    "def f(x, y): return 2.0",
    "def f(x, y): return y * y",
    "def f(x, y): return x, 1.0",
    "def f(x, y): return x * y, x, y * 2",
    "def f(x, y): return (x * y,)",
    "def f(x, y): return np.array([1.0, 2.0])",
    "def f(x, y): return (x * x if x > y else y / x) + y",
    """def f(x, y):
    while x * x < 20:
        x = x * 1.5 + y * y
    return x""",
    """def f(x, y):
    for _ in range(20):
        y = sin(y) + x * y / 4
    return y""",
    "def f(x, y): return sin(1000 * x) * cos(500 * y)",
]


@check("3.2")
@always([Program(f, "x, y", [1.0, 2.0], t) for f in SPECIAL for t in ([1.0, None], [None, -0.5])])
@given(st.integers(1, 3).flatmap(lambda n: programs(inputs=n)))
def composed_programs(student, program):
    """Also control flow, constants and tuples, with tangents left out."""
    source, values, tangents = program.source, program.values, program.tangents
    shown = show(source, program.names, values, tangents)
    got = student.jvp(source, values, tangents, of=shown)
    agree(got, torch_jvp(source, values, tangents), of=shown)


AT_ZERO = [
    # the function, x, and f(x): the derivative or a factor in it is infinite or undefined
    ("def f(x): return x ** 0", 0.0, 1.0),
    ("def f(x): return x ** -1", 0.0, np.inf),
    ("def f(x): return sqrt(x) + x ** 0.5", 0.0, 0.0),
    ("def f(x): return x ** x", 0.0, 1.0),
    ("def f(x): return log(x)", 0.0, -np.inf),
    ("def f(x): return where(x > 0, log(x), 0.0)", 0.0, 0.0),
    ("def f(x): return 1.0 / x", 0.0, np.inf),
]


@check("3.3")
@given(programs(inputs=2), arrays((), ()), st.data())
def linear_in_the_tangent(student, program, factors, data):
    """jvp(a s + b t) = a jvp(s) + b jvp(t), and jvp(0) is exactly 0."""
    source, values, s = program.source, program.values, program.tangents
    a, b = factors
    t = [data.draw(arrays(np.shape(v)))[0] for v in values]
    both = [a * one + b * other for one, other in zip(s, t, strict=True)]
    zeros = [np.zeros(np.shape(v)) for v in values]
    zero = data.draw(st.sampled_from([0.0, None]))
    shown = show(source, program.names, values, both)
    asked = [_tangents(student, source, values, d, shown) for d in (s, t, both)]
    untouched = []
    for nothing in (zeros, [None] * len(values)):
        alone = show(source, program.names, values, nothing)
        untouched.append((alone, _tangents(student, source, values, nothing, alone)))
    first, second, sum_of = (answer() for answer in asked)
    if not first or [x.shape for x in first] != [x.shape for x in second]:
        agree(first, second, of=shown, oracle="Linearity")
    right = [a * one + b * other for one, other in zip(first, second, strict=True)]
    agree(sum_of, right, of=shown, rtol=1e-6, atol=1e-7, oracle="Linearity")
    exact = {"rtol": 0.0, "atol": 0.0, "oracle": "A zero tangent"}
    for alone, answer in untouched:
        agree(answer(), [np.zeros(one.shape) for one in first], of=alone, **exact)
    with Together(student) as together:
        for source, x, value in AT_ZERO:
            shown = show(source, "x", [x], [zero])
            together.call("jvp", source, [x], [zero], of=shown, right=[value, 0.0], **exact)


def _tangents(student, source, values, tangents, shown):
    """To be called for the tangents of every output as arrays; what is none is reported as
    the answer."""
    answer = student.later.jvp(source, values, tangents, of=shown)

    def arrays_of():
        got = answer()
        if type(got) is not list or len(got) != 2:
            agree(got, [0.0, 0.0], of=shown, oracle="jvp")
        found = got[1] if type(got[1]) is list else [got[1]]
        for one in found:
            if type(one) not in (float, np.ndarray):
                agree(one, 0.0, of=shown, oracle="jvp")
        return [np.asarray(one) for one in found]

    return arrays_of


KEEPING = [
    """def f(x, y):
    x += y
    x *= y
    x -= 1
    x /= 2
    return x, x + y""",
    "def f(x, y): return x + y, x - y, x * y, x / y, -x",
    """def f(x, y):
    z = x * 2
    z += y
    z *= x
    z -= 1
    return z, sum(z), reshape(x, -1), transpose(y)""",
    """def f(x, y):
    z = x
    z *= 3
    return z + x, z * y""",
    "def f(x, y): return maximum(x, y), where(x > y, x, y), relu(x), sin(x) + exp(y / 8)",
    "def f(x, y): return x, y, x ** 2, 2 ** y",
]
KINDS = ["float64", "float32", "int64"]


@check("3.5")
@given(
    st.permutations(KEEPING), arrays((2, 3), (2, 3), (3,), (3,)), st.permutations(KINDS), integers
)
def float64_and_untouched(student, sources, drawn, kinds, n):
    """Ints and float32 come out as float64; two calls agree; what was put in is as it was.
    What does not fit is refused."""
    source = "def f(*all): return all[0]"
    counts = np.array([1, 2, n])
    with Together(student) as together:
        for primals, directions in ([1.0, 2.0], [1.0]), ([np.ones(3)], [np.ones((1, 3))]):
            how = {"of": f"jvp(f, {primals}, {directions})", "oracle": "The handout"}
            together.call("jvp_refusal", source, primals, directions, right="ValueError", **how)
        identity = "def f(x): return x"
        how = {"of": show(identity, "x", [counts]), "oracle": "By hand"}
        together.call("jacobian", identity, counts, right=np.eye(3), **how)
        for source, kind in zip(sources, itertools.cycle(kinds)):  # every source, every kind
            _left_as_they_were(together, source, drawn, kind, n)


def _twice(source, values, tangents):
    right = torch_jvp(source, values, tangents)
    return {"first call": right, "second call": right, "inputs after": [values, tangents]}


def _left_as_they_were(together, source, drawn, kind, n):
    x, s, y, t = drawn
    x = (x * 8).astype(kind) if kind == "int64" else x.astype(kind)
    for values, tangents in (([x, y], [s, t]), ([n, y], [1, t]), ([x, n], [s, None])):
        shown = show(source, "x, y", values, tangents)
        right = functools.partial(_twice, source, values, tangents)
        together.call("jvp_twice", source, values, tangents, of=shown, right=right)
    source = source.replace("return ", "return [", 1) + "]"
    shown = show(source, "x, y", [x, y], [s, t])
    parts = [named(pair) for pair in dual_parts(source, [x, y], [s, t])]
    duals = [named([np.asarray(v, np.float64), d]) for v, d in ((x, s), (y, t))]
    expected = {
        "first call": parts,
        "second call": parts,
        "duals after": duals,
        "inputs after": [[x, y], [s, t]],
    }
    together.call("duals_twice", source, [x, y], [s, t], of=shown, right=expected)


# -- task 4 --------------------------------------------------------------------

# No exponent that varies is a whole number at a multiple of 1/8: see _general_power.
CURVED = [
    *(f"{name}(y)" for name in ("sin", "cos", "tan", "exp", "tanh", "sigmoid")),
    *("log(y * y)", "sqrt(y * y + x)", "relu(y) * y", "maximum(y, x * x - 9) * y"),
    *("where(y > x, y * y, y * y * y)", "y ** 3", "y ** -2", "2 ** y", "y ** 2 / (x * x + y)"),
    *("(y * y + 1) ** (y + 0.3)", "x * x * y - x / y", "3 - y * y", "1 / y"),
    "sum(np.array([1.0, 2.0, 3.0]) * y * y)",
    "sum(reshape(np.array([1.0, 2.0]) * y, (2, 1)) * x, axis=0, keepdims=True) * y",
    "sum(matmul(np.array([[1.0, 2.0], [3.0, 4.0]]) * y, np.array([1.0, -1.0]) * y))",
    "sum(transpose(np.array([[1.0, 2.0], [3.0, 4.0]]) * y) * y)",
]
OF_Y_ALONE = [form for form in CURVED if not re.search(r"\bx\b", form)]
FLAT_AT_ZERO = ["sin(y * y)", "y * y", "y ** 2", "x * y * y", "1 - cos(y)", "exp(y * y) * y"]
CONFUSING = [
    "def f(x): return x * derivative(lambda y: x + y, {at})",
    "def f(x): return derivative(lambda y: x * y * y, {at})",
    "def f(x): return x * derivative(lambda y: x * sin(y), x) + derivative(lambda y: y * y, {at})",
    "def f(x): return derivative(lambda y: derivative(lambda z: x * y * z * z, y), x)",
    "def f(x): return jvp(lambda y, z: x * y * z, (x, {at}), (1.0, x))[1]",
    "def f(x): return jvp(lambda y: (y * y, x * y), (x,), (None,))[0][0] * x",
    "def f(x): return derivative(lambda y: x, {at}) + derivative(lambda y: 3.0, x) + x",
    "def f(x): return derivative(lambda y: y if y > x else y * y * x, x + 1)",
    "def f(x): return x * derivative(lambda y: where(True, x, y), {at})",
    """def f(x):
    ones = np.array([1.0, 1.0])
    return derivative(lambda y: matmul(x * ones, y * ones), {at})""",
    "def f(x): return x * jvp(lambda y: (x * x, y), ({at},), (1.0,))[1][0] + x",
]
# Both orders of d/dx d/dy x ** y at y = 0 are 1 / x; PyTorch masks one of them.
MIXED = [
    ("def f(x): return derivative(lambda y: y ** x, 2.0)", 0.0, 0.5),
    ("def f(x): return derivative(lambda y: x ** y, 0.0)", 2.0, 0.5),
]


@check("4.2")
@given(st.data())
def nothing_is_confused(student, data):
    """Every form of each list; besides, third derivatives and random functions."""
    x, at = data.draw(positive), data.draw(numbers)
    asked = [(source.format(at=at), x) for source in CONFUSING]
    asked += [(_second(form), x) for form in CURVED]
    # A tangent that is 0 here and not beside it must not be taken for a constant 0.
    asked += [(_second(form), 0.0) for form in FLAT_AT_ZERO]
    asked += [(_third(data), x), (_third(data), x)]
    asked += [(_grown(data, x, at), x) for _ in range(4)]
    with Together(student) as together:
        for source, point in asked:
            right = functools.partial(nested_derivative, source, point)
            shown = show(source, "x", [point])
            together.call("derivative", source, point, of=shown, right=right)
        for source, point, right in MIXED:
            how = {"of": show(source, "x", [point]), "oracle": "By hand"}
            together.call("derivative", source, point, right=right, **how)


def _second(inner):
    return f"def f(x): return derivative(lambda y: {inner}, x)"


def _third(data):
    inner = data.draw(st.sampled_from(OF_Y_ALONE))
    second = f"derivative(lambda y: {inner}, z)"
    return f"def f(x): return derivative(lambda z: {second}, x)"


def _grown(data, x, at):
    """A derivative in y of a random function of x and y, differentiated in x."""
    inner = grown_at(data.draw, {"x": x, "y": at}, "def g(y):", most=5)
    lines = "\n".join(f"    {line}" for line in inner.splitlines())
    return f"def f(x):\n{lines}\n    return x * derivative(g, {at})"
