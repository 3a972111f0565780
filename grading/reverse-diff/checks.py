"""Hidden checks of reverse-diff.

Two kinds, because random programs alone miss mistakes in shapes. The strata go through every
form of every operator with each input (nothing is left to chance but the numbers); the
composed programs mix them. Every gradient starts from a seed whose entries differ.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import torch
from composed import composed, tape_programs
from hypothesis import given
from hypothesis import strategies as st
from networks import batches, training_agrees
from programs import (
    RTOL,
    arrays,
    data,
    forms_agree,
    numbers,
    run_agrees,
    seconds_agree,
    show,
    torch_function,
    torch_grad,
    torch_run,
    values_agree,
)

from aisys_cli.grader import agree, check

POOL = arrays((61,))

# -- task 1 --------------------------------------------------------------------

RESET = """def f(a, b):
    reset_tape()
    x, y = Variable(a), Variable(b)
    l = ops_mul(x, y)
    before = grad(l, [x, y])
    again = grad(l, [y, y, x])
    reset_tape()
    forgotten = grad(l, [x, y, l])
    m = ops_mul(l, x)
    return before, again, forgotten, grad(m, [x, y, l]), x.value, y.value, l.value"""
LONG_TAPES = [
    """def f(a):
    reset_tape()
    x = Variable(a)
    l = x
    for _ in range(40):
        l = ops_add(l, l)
    return l.value, grad(l, [x])""",
    """def f(a):
    reset_tape()
    x = Variable(a)
    l = x
    for _ in range(5000):
        l = ops_sin(ops_add(l, x))
    return l.value, grad(l, [x])""",
    """def f(a):
    reset_tape()
    x = Variable(a)
    one = Variable(1.0)
    l = ops_mul(x, one)
    for k in range(64):
        l = ops_add(l, ops_sin(ops_mul(x, Variable(k / 8))))
    return l.value, grad(l, [x, one])""",
]


@check("1.3")
@given(tape_programs(), numbers, numbers)
def programs_on_the_tape(student, program, a, b):
    """Gradients of three nodes for all nodes; names may be equal; a tape that was reset."""
    run_agrees(student, program.source, program.names, program.values)
    right = [[b, a], [a, a, b], [0.0, 0.0, 1.0], [a * b, 0.0, a], a, b, a * b]
    run_agrees(student, RESET, "a, b", [a, b], right)


@check("1.4")
def long_tapes(student):
    """10^4 operations in a row, 2^40 ways from the end to the start, 64 uses of one node."""
    _each_long_one_agrees(student, LONG_TAPES)


def _each_long_one_agrees(student, sources):
    """Programs that take PyTorch long, at a point that is always the same."""
    for source in sources:
        shown = show(source, "a", [0.5])
        agree(student.run(source, [0.5], of=shown), _long_one(source), of=shown, rtol=RTOL)


@functools.lru_cache(maxsize=64)
def _long_one(source):
    return torch_run(source, [0.5])


# -- strata of tasks 2, 3 and 4 --------------------------------------------------

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
    ((0, 1), (1, 3)),
    ((1, 1), ()),
    ((2, 2), (2, 2)),
    ((1, 2, 1, 2), (2, 1, 3, 1)),
    ((1,), (1, 1)),
    ((), ()),
    ((2, 2, 3), ()),
    ((3,), (2, 2, 3)),
]
ALL_PAIRS = [shape for pair in PAIRS for shape in pair]
BINARY = ["x + y", "x - y", "x * y", "x / y", "where(x.data > 0, x, y)", "where(y.data > 0, x, y)"]
POSITIVE = ["x ** y", "y ** x", "x ** 0.5", "x ** -1.5", "log(x)"]
UNARY = ["-x", "exp(x)", "sin(x)", "cos(x)", "tanh(x)", "relu(x)", "log(x * x)"]
NUMBERS = ["x + 2", "3 - x", "x - 0.5", "2.5 * x", "x * 3", "x / 4", "1 / x", "2 ** x", "0.5 ** x"]
POWERS = ["x ** 2", "x ** 3", "x ** 1", "x ** 0", "x ** -1", "x ** -2", "x ** np.float64(2)"]
TWICE = ["x + x", "x - x", "x * x", "x / x", "where(x.data > 0, x, x)", "(x * x) ** (x * x)"]
METHODS = ["x.exp()", "x.sin()", "x.cos()", "x.tanh()", "x.relu()", "(x * x).log()"]
LEFT = ["np.float64(1.5)", "np.int64(3)", "np.float32(0.5)", "np.array([0.5, 2.0, 1.25])"]
ON_THE_LEFT = [f"{left} {sign} x" for left in LEFT for sign in ("+", "-", "*", "/", "**")]
ON_THE_RIGHT = [f"x {sign} {right}" for right in LEFT for sign in ("+", "-", "*", "/")]
METHODS[-1] = "x.log()"  # of positive entries, see below
RANKS = [(), (1,), (3,), (2, 3), (2, 1, 3), (0, 3), (2, 2, 1, 2)]
PRODUCTS = [
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 2)),
    ((2, 2, 3), (3, 2)),
    ((2, 3), (2, 3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((2, 1, 2, 3), (3, 3, 2)),
    ((1, 2, 3), (4, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 2)),
    ((1, 1), (1, 1)),
    ((1,), (1,)),
]
ALL_PRODUCTS = [shape for pair in PRODUCTS for shape in pair]
PLACES = {
    0: ["...", "()", "None"],
    1: ["0", "-1", "1:", "::-1", "::2", "None", "...", ":0", "1:1", ":-1", "..., None", "-3::2"],
    2: ["0", "-1", ":, 1", "..., 0", "1, 2", "1:, :2", ":, ::-1", "0, ::2", "None, 0", ":, -1:"],
    3: ["1", ":, 0", "..., 1", "0, ..., 2", ":, :, 1:", "::-1, 0, ::2", "1, 0, 1", "-1:, None"],
    4: ["..., 0", "1, :, 0", ":, 1, 0, ::-1", "0, ..., 1:", "None, ..., 1"],
}


def _axes_forms(shape):
    rank = len(shape)
    axes = [None, *range(-rank, rank), *itertools.combinations(range(rank), 2)]
    axes += [(0, -1), (1, 0), (-1, -2)] * (rank >= 2) + [(-1,)] * (rank >= 1)
    axes += [(0, 1, 2), (2, 0)] * (rank >= 3)
    names = ["sum", "mean", "max"] if 0 not in shape else ["sum"]
    forms = [f"{name}(x)" for name in names] + [f"x.{name}()" for name in names]
    for name, axis, keep in itertools.product(names, axes, ("", ", keepdims=True")):
        forms.append(f"{name}(x, axis={axis}{keep})")
    forms += [f"x.{name}(axis=-1, keepdims=True)" for name in names if rank]
    if 0 in shape:
        forms += ["mean(x, axis=1)", "max(x, axis=-1)", "mean(x, axis=1, keepdims=True)"]
    return forms


def _shape_forms(shape):
    """Every form of what moves entries, for a tensor of this shape."""
    rank = len(shape)
    shapes = [(1, *shape), shape[::-1], (*shape, 1)]
    shapes += [-1, (-1, 1)] if 0 not in shape else [(3, 0)]
    forms = [f"reshape(x, {wanted})" for wanted in shapes] + [f"x.reshape({shapes[0]})"]
    forms += ["transpose(x)", "x.T", "x.transpose()"]
    forms += [f"transpose(x, {order})" for order in itertools.permutations(range(rank)) if rank]
    if rank >= 2:
        forms += [f"transpose(x, {(-1, *range(rank - 1))})"]
    wider = tuple(4 if n == 1 else n for n in shape)
    forms += [
        f"broadcast_to(x, {wanted})" for wanted in {shape, wider, (2, *shape), (3, 1, *wider)}
    ]
    forms += [f"x.broadcast_to({(2, *shape)})", f"broadcast_to(x, {(0, *shape)})"]
    forms += [f"x[{place}]" for place in PLACES[rank] if 0 not in shape]
    forms += ["x[:0]", "x[:, 1]", "x[:, ::-1]"] if shape == (0, 3) else []
    for axis in range(-rank, rank):
        forms += [f"concatenate([x, x], axis={axis})", f"concatenate([x, x * 2, x], {axis})"]
    if rank:
        forms += ["concatenate([x])", "concatenate([x * x, x[:1], x[:0]])"]
    forms += ["where(True, x, 2.0)", "where(False, x, x * 3)", "where(x.data > 0, 1, x)"]
    forms += ["where(x.data > 0, x, -x)"]
    forms += ["where(np.array([[True], [False]]), x, 1.0)"] if 0 not in shape else []
    return forms


AXES_FORMS = {shape: _axes_forms(shape) for shape in RANKS}
SHAPE_FORMS = {shape: _shape_forms(shape) for shape in RANKS}
JOINED = [
    # shapes of x and y, and forms that join them
    ((2, 3), (1, 3), ["concatenate([x, y])", "concatenate([y, x, y], axis=-2)"]),
    ((2,), (3,), ["concatenate([x, y])", "concatenate([y, x, x], axis=-1)"]),
    ((2, 1, 2), (2, 3, 2), ["concatenate([x, y], axis=1)", "concatenate([y, x], axis=-2)"]),
    ((0, 3), (2, 3), ["concatenate([x, y])", "concatenate([y, x], 0)"]),
    ((3,), (2, 1), ["where(np.array([True, False, True]), x, y)", "where(x.data > 0, y, x)"]),
    ((2, 3), (3,), ["where(np.array([[[True]], [[False]]]), x, y)", "where(True, y, x)"]),
]
ALL_JOINED = [shape for x, y, _ in JOINED for shape in (x, y)]


def _pairs(values):
    return zip(values[::2], values[1::2], strict=True)


# What a hand-written list could lose without notice.
assert (len(PAIRS), len(PRODUCTS), len(RANKS)) == (17, 14, 7)
assert sum(map(len, AXES_FORMS.values())) > 250
assert sum(map(len, SHAPE_FORMS.values())) > 180
assert {len(shape) for shape in ALL_PAIRS} == {len(shape) for shape in RANKS} == {0, 1, 2, 3, 4}


# -- task 2 --------------------------------------------------------------------

FLAGS = """def f(a, b):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b)
    with_x = [x, x * y, y - x, 2 / x, exp(x), x ** 2, 2 ** x, x[0], sum(x), max(x), mean(x), x.T]
    with_x += [where(True, y, x), where(False, x, y), concatenate([y, x]), reshape(x, -1)]
    with_x += [broadcast_to(x, (2, 3)), y @ x, matmul(x, y), relu(x), -x, cos(x), tanh(x * y)]
    without = [y, y * y, y + 1, exp(y), 2 - y, y ** 2, y[0], sum(y), -y, where(True, y, 1.0)]
    without += [concatenate([y, y]), y @ y, max(y), Tensor(x.data) * 2]
    return [t.requires_grad for t in with_x], [t.requires_grad for t in without]"""
COPIED = """def f(a):
    a = a + 0.0
    x = Tensor(a, requires_grad=True)
    y = Tensor(x.data)
    a[0] = 99.0
    z = Tensor([1, 2])
    u = Tensor(3)
    old = x
    x += 1.0
    facts = y.grad, y.requires_grad, z.shape, u.ndim, y.size
    return x.data, old.data, y.data, z.data, u.data, facts"""
PLAIN = [
    *("exp(x)", "sin(x)", "cos(x)", "tanh(x)", "relu(x)", "log(x * x)", "sum(x)", "mean(x)"),
    *("max(x)", "reshape(x, (1, -1))", "transpose(x)", "broadcast_to(x, (2, 2, 2))"),
    *("where(True, x, 1)", "matmul(reshape(x, -1), reshape(x, -1))"),
    *("concatenate([reshape(x, -1), reshape(x, -1)])", "mean(x, keepdims=True)"),
]


@check("2.3")
@given(arrays((3,), (3,), (2, 3), ()), arrays(*RANKS), arrays(*ALL_PRODUCTS, *ALL_JOINED))
def values_of_every_form(student, some, ranks, pairs):
    row, other, matrix, number = some
    run_agrees(student, FLAGS, "a, b", [row, other])
    right = [row + 1.0, row, row, np.array([1.0, 2.0]), 3.0, [None, False, [2], 0, 3]]
    run_agrees(student, COPIED, "a", [row], right)
    for x in (row, matrix, number):
        values_agree(student, "x", [*ON_THE_LEFT, *ON_THE_RIGHT, *NUMBERS, *POWERS], [x])
    values_agree(
        student, "x", ["np.array([[1.0, 2.0, 3.0]]) @ x", "x @ np.array([1, 2, 3])"], [row]
    )
    for x in (np.array([[1, -2], [3, 4]]), np.array([1.5, -2.5], np.float32), 2, 0.75):
        values_agree(student, "x", [*PLAIN, "x * Tensor(1.0)", "Tensor(1.0) - x"], [x], [None])
        values_agree(student, "x", PLAIN, [x])
    for shape, x in zip(RANKS, ranks, strict=True):
        values_agree(student, "x", [*UNARY, *AXES_FORMS[shape], *SHAPE_FORMS[shape]], [x])
    for x, y in _pairs(pairs[: len(ALL_PRODUCTS)]):
        values_agree(student, "x, y", ["x @ y", "matmul(x, y)"], [x, y])
        values_agree(student, "x, y", ["x @ y"], [x, y], [None, False])
    for (*_, forms), pair in zip(JOINED, _pairs(pairs[len(ALL_PRODUCTS) :]), strict=True):
        values_agree(student, "x, y", forms, list(pair))
        plain = [form for form in forms if ".data" not in form]  # an array's .data is no array
        for needs in ([None, False], [False, None], [None, None]):
            values_agree(student, "x, y", plain, list(pair), needs)


# -- task 3 --------------------------------------------------------------------

NEEDS = [[True, True], [True, None], [None, True], [True, False], [False, True]]
KINKS = """def f(a, s):
    x = Tensor(a, requires_grad=True)
    outs = [relu(x), relu(-x), x ** 0, x ** 2, x ** 1, x ** 3, x * 0 + max(x), max(x, axis=1) + x.T]
    return [grad(out, x, s)[0].data for out in outs[:6]], grad(max(x), x, 1.5)[0].data"""


@check("3.4")
@given(arrays(*ALL_PAIRS), arrays(*RANKS), arrays((2, 3)), POOL)
def elementwise_gradients(student, pairs, ranks, seeds, pool):
    pool = pool[0]
    for k, (x, y) in enumerate(_pairs(pairs)):
        for needs in NEEDS:
            arrayless = [f for f in BINARY if ".data" not in f] if None in needs else BINARY
            forms_agree(student, "x, y", arrayless, [x, y], needs, np.roll(pool, k))
        forms_agree(student, "x, y", POSITIVE[:2], [abs(x), abs(y)], [True, True], pool)
        forms_agree(student, "x, y", POSITIVE[:2], [abs(x), abs(y)], [False, True], pool)
    for x in ranks:
        forms = [*UNARY, *NUMBERS, *POWERS, *TWICE, *METHODS[:-1]]
        forms_agree(student, "x", forms, [x], [True], pool)
        forms_agree(student, "x", [*POSITIVE[2:], METHODS[-1]], [abs(x)], [True], pool)
    forms_agree(student, "x", [*ON_THE_LEFT, *ON_THE_RIGHT], [ranks[2]], [True], pool)
    s = seeds[0]
    x = np.array([[0.0, -1.0, 2.0], [-0.0, 2.0, 1.0]])
    zero, one = np.zeros((2, 3)), s * 1.0
    tied = 0.75 * (x == 2.0)
    right = [[s * (x > 0), -s * (x < 0), zero, 2 * x * s, one, 3 * x * x * s], tied]
    run_agrees(student, KINKS, "a, s", [x, s], right)
    ties = [f"max(x{a}{k})" for a in ("", ", axis=0", ", axis=1") for k in ("", ", keepdims=True")]
    for x in ([[1.0, 1.0, 0.0], [1.0, 2.0, 2.0]], [[3.0] * 3] * 2):
        forms_agree(student, "x", ties, [np.array(x)], [True], pool)


@check("3.5")
@given(arrays(*RANKS), arrays(*ALL_PRODUCTS), arrays(*ALL_JOINED), POOL)
def gradients_of_shapes(student, ranks, factors, joined, pool):
    pool = pool[0]
    for shape, x in zip(RANKS, ranks, strict=True):
        forms_agree(student, "x", [*AXES_FORMS[shape], *SHAPE_FORMS[shape]], [x], [True], pool)
    for k, (x, y) in enumerate(_pairs(factors)):
        for needs in NEEDS:
            forms_agree(student, "x, y", ["x @ y"], [x, y], needs, np.roll(pool, k))
        forms_agree(student, "x, y", ["matmul(x, y)"], [x, y], [True, True], pool)
    forms = ["x @ x.T", "x.T @ x", "matmul(x, reshape(x, (3, 2)))"]
    forms_agree(student, "x", forms, [ranks[3]], [True], pool)
    for (*_, forms), pair in zip(JOINED, _pairs(joined), strict=True):
        for needs in ([True, True], [False, True], [True, False]):
            forms_agree(student, "x, y", forms, list(pair), needs, pool)
        plain = [form for form in forms if ".data" not in form]
        for needs in ([True, None], [None, True]):
            forms_agree(student, "x, y", plain, list(pair), needs, pool)


# An output that is an input, given twice, under another output, or unused.
ENDS = [
    "x, [x, y], s",
    "[w, w], [x, x, y], [s, 3 * t]",
    "[v, w], [v, x, y, w], [s, t]",
    "[w, v, x], [x, v], [t, s, s]",
    "[w, v], [y, x], [s, t]",
    "y, x, s",
]
GRAPHS = [
    *(
        f"""def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    v = x * y
    w = v * x
    return [g.data for g in grad({ends})]"""
        for ends in ENDS
    ),
    # Branches that lead nowhere, and one that ends in a constant.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    early = exp(x) * y
    v = x * x + y
    late = log(v * v + 1) + early
    unused = sum(late)
    constant = Tensor(b) * 2
    v.backward(s)
    more = [g.data for g in grad([constant, v], [x, y], [t, s])]
    return x.grad.data, y.grad.data, more, [g.data for g in grad(constant, [x], t)]""",
    # Nodes that are used again much later, so that a wrong order passes on too little.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    u = sin(x)
    v = u * y
    w = v + u
    p = w * v
    q = p + x
    r = q * u + p * y + w
    o = r + q + v
    o.backward(s)
    return x.grad.data, y.grad.data, [g.data for g in grad([o, p], [u, v, w, p, q, r], [s, t])]""",
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    h = x * y
    out = h
    for k in range(64):
        out = out + sin(h * (k / 8)) * x
    parts = [h[k % 3] for k in range(64)]
    total = sum(h)
    for k in range(64):
        total = total + parts[k] * k
    return [g.data for g in grad([out, total], [x, y, h], [s, 0.75])]""",
    # The same outputs backwards several times.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    v = x * y
    w = tanh(v) + x
    first = grad(w, [x, y, v], s)
    second = grad(w, [x, y, v], t)
    v.backward(s)
    w.backward(t)
    x.backward(s)
    total = sum(v)
    total.backward()
    third = grad(w, [x], s)
    return [[g.data for g in some] for some in [first, second, third]], x.grad.data, y.grad.data""",
    # A tensor that takes part in its own update, and two leaves of the same data.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    twin = Tensor(a, requires_grad=True)
    z = x
    z = z * z
    z += x
    z *= twin
    z.backward(s)
    return x.grad.data, twin.grad.data, (z * z).grad, z.requires_grad""",
]
LONG_GRAPHS = [
    """def f(a):
    x = Tensor(a, requires_grad=True)
    y = x
    for k in range(40):
        y = y + y
    y.backward(np.float64(0.75))
    return y.data, x.grad.data""",
    """def f(a):
    x = Tensor(a, requires_grad=True)
    y = x * 1.0
    middle = y
    for k in range(60):
        y = y * 0.75 - y * y * 0.0625
        middle = y if k == 30 else middle
    return y.data, [g.data for g in grad(y, [x, middle], 1.5)]""",
    """def f(a):
    x = Tensor(a, requires_grad=True)
    y = x
    for k in range(5000):
        y = y * 0.999 + 0.001
    y.backward(np.float64(0.75))
    return y.data, x.grad.data""",
    """def f(a):
    x = Tensor(a, requires_grad=True)
    y = x
    for k in range(3500):
        y = sin(y) + x * 0.5
    return y.data, [g.data for g in grad(y, [x], 0.75)]""",
]


@st.composite
def random_graphs(draw):
    """Lines that combine any two nodes: whoever takes them in a wrong order loses a part."""
    lines = ["x = Tensor(a, requires_grad=True)", "y = Tensor(b, requires_grad=True)"]
    nodes = ["x", "y"]
    forms = ["{} + {}", "{} - {}", "sin({} + {})", "tanh({} * {})", "{} * 0.5 - {} * 0.25"]
    picks = draw(st.binary(min_size=75, max_size=75))
    for k in range(25):
        form, i, j = picks[3 * k : 3 * k + 3]
        # A fourth of the operands is old: an edge that spans many others.
        ends = [
            nodes[-1 - p // 4 % 4] if p % 4 and len(nodes) > 4 else nodes[p % len(nodes)]
            for p in (i, j)
        ]
        lines.append(f"v{k + 1} = {forms[form % len(forms)].format(*ends)}")
        nodes.append(f"v{k + 1}")
    lines.append("v25.backward(s)")
    lines.append("used = [None if p.grad is None else p.grad.data for p in [x, y]]")
    lines.append("return used, [g.data for g in grad([v25, v20], [x, y, v5, v12, v20], [s, t])]")
    return "\n    ".join(["def f(a, b, s, t):", *lines])


@check("3.6")
@given(arrays((3,), (3,), (3,), (3,)), st.lists(random_graphs(), min_size=8, max_size=8))
def graphs_of_every_kind(student, values, random):
    for source in [*GRAPHS, *random]:
        run_agrees(student, source, "a, b, s, t", values)


@check("3.9")
def long_graphs(student):
    _each_long_one_agrees(student, LONG_GRAPHS)


@check("3.7")
@given(composed())
def composed_programs(student, program):
    run_agrees(student, program.source, program.names, program.values)


APART = """def f(a, b, s):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    unused = Tensor(b, requires_grad=True)
    outs = [x + y, x - y, x * y, x, x.T, x[:], reshape(x, (2, 3)) + y, broadcast_to(x, (2, 3)) + y]
    outs += [sum(x) * y, concatenate([x, y])[:2], where(True, x, y)]
    found = []
    for out in outs:
        start = s + 0.0
        gradients = grad(out, [x, y, x, unused, unused], start.reshape(out.shape))
        for k, g in enumerate(gradients):
            g.data[...] += 10.0 ** (k + 1)
        found.append([start, *[g.data for g in gradients]])
    return found, x.data, y.data, a, b, s, x.grad, y.grad"""
LEAVES = """def f(a, b, s):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    u = Tensor(s)
    z = x + y
    x.backward(u)
    x.backward(u)
    z.backward(u)
    z.backward(s)
    before = x.grad.data + 0.0, y.grad.data + 0.0, u.data + 0.0
    v = Tensor(b, requires_grad=True)
    w = Tensor(b, requires_grad=True)
    p = Tensor(a, requires_grad=True)
    v.backward(u)
    (w + p).backward(u)
    y.grad.data[...] = 0.0
    w.grad.data[...] = 5.0
    u.data[...] = 7.0
    once = v.grad.data, p.grad.data
    held = x.grad.data + 0.0
    sum(x * y).backward()
    return before, once, held, x.grad.data, y.grad.data, s, a, b, x.data, y.data"""
AFTER_A_REFUSAL = """def f(a, b, s):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    try:
        (x * y).backward()
    except RuntimeError:
        pass
    try:
        grad(x * y, x, create_graph=True)
    except RuntimeError:
        pass
    z = x * y
    flags = z.requires_grad, exp(x).requires_grad
    (g,) = grad(z * z, x, s)
    return flags, x.grad, y.grad, g.data, g.requires_grad, (g * 2).requires_grad"""
ONE_ENTRY = """def f(a, b):
    x = Tensor(a, requires_grad=True)
    y = reshape(x * x, (1, 1, 1))
    y.backward()
    z = x * 3
    z.backward()
    return x.grad.data, grad([y, x], [x], [None, b])[0].data, grad([y, x], x)[0].data"""
MADE = """def f():
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = Tensor([3.0, 4.0], requires_grad=True)
    c = Tensor([1.0, 2.0])
    z = x * y
    {}"""
REFUSED = [
    "z.backward()",
    "grad(z, x)",
    "grad(z, [x], None)",
    "grad([z, sum(z)], [x], [None, 1.0])",
    "grad(z, x, np.ones((1, 2)))",
    "grad(z, x, np.ones(1))",
    "grad(z, x, 1.0)",
    "z.backward(np.ones(3))",
    "sum(z).backward(np.ones(1))",
    "grad(z, c, np.ones(2))",
    "grad(z, [x, c], np.ones(2))",
    "grad([z, z], x, [np.ones(2)])",
    "(c * 2).backward(np.ones(2))",
    "sum(c).backward()",
]
ALLOWED = ["grad(z, x, Tensor([1.0, 2.0]))", "grad(sum(z), [x], 2)", "sum(z).backward(2)"]


def _apart(a, b, s):
    """What APART returns."""
    source = APART[: APART.index("    found")] + "    return [x, y, unused], outs"
    leaves, outs = torch_function(source)(a, b, s)
    found = []
    for out in outs:
        start = s.reshape(out.shape)
        x, y, unused = data(torch_grad(out, leaves, start))
        gradients = [g + 10.0 ** (k + 1) for k, g in enumerate([x, y, x, unused, unused])]
        found.append([s, *gradients])
    return [found, a, b, a, b, s, None, None]


@check("3.8")
@given(arrays((2, 3), (2, 3), (2, 3)), arrays((1,), (1,)))
def nothing_shared_nothing_kept(student, drawn, single):
    """A write into one gradient reaches no other array; the arrays put in are as they were."""
    a, b, s = drawn
    for _ in range(2):
        run_agrees(student, APART, "a, b, s", [a, b, s], lambda: _apart(a, b, s))
        u = 4 * s + b
        before = [4 * s, 2 * s, s]
        right = [before, [s, s], 4 * s, u, a, s, a, b, a, b]
        run_agrees(student, LEAVES, "a, b, s", [a, b, s], right)
        right = [[True, True], None, None, 2 * a * b * b * s, False, False]
        run_agrees(student, AFTER_A_REFUSAL, "a, b, s", [a, b, s], right)
    run_agrees(student, ONE_ENTRY, "a, b", single)
    for statement in REFUSED:
        source = MADE.format(statement)
        got = student.refusal(source, [], of=source)
        agree(got, "RuntimeError", of=source, oracle="The handout")
    for statement in ALLOWED:
        source = MADE.format(statement)
        agree(student.refusal(source, [], of=source), "", of=source, oracle="The handout")


# -- task 4 --------------------------------------------------------------------

SECOND_PAIRS = [((), ()), ((2, 3), (3,)), ((2, 1), (1, 3)), ((3,), (2, 3)), ((2, 1, 2), (1, 1))]
SECOND_RANKS = [(), (3,), (2, 3), (2, 1, 2), (0, 3)]
SECOND_PRODUCTS = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 1, 2, 3), (3, 3, 2))]
SECOND_BINARY = [
    *("x + y", "x - y", "x * y", "x / y", "x * x * y", "where(x.data > 0, x * y, y * y)"),
    *("exp(x) * y", "sin(x * y)", "tanh(x) / y", "relu(x) * y * y", "x + y * 2"),
]
SECOND_UNARY = [
    *("-x", "exp(x)", "sin(x)", "cos(x)", "tanh(x)", "relu(x)", "log(x * x)", "relu(x) * x"),
    *("x ** 2", "x ** 3", "x ** -1", "x ** -2", "x ** 1", "x ** 0", "2 ** x", "1 / x", "x * x"),
    *("x / x", "x * 3", "sum(x)", "sum(x * x)", "mean(x) * x", "mean(x * x * x)", "x.T * x.T"),
    *("where(x.data > 0, x * x, x * x * x)", "x[...] * x", "sum(sin(x)) * x"),
]
SECOND_SHAPED = [  # of rank 2
    *("sum(x * x, axis=0) * x", "sum(x, axis=1, keepdims=True) * x", "sum(x * x, axis=(0, 1))"),
    *("mean(x * x, axis=-1)", "mean(x, axis=0) * x", "max(x * x)", "max(x, axis=1)"),
    *("max(x * x, axis=0) * x", "max(x, axis=-1, keepdims=True) * x", "max(x, axis=(0, 1)) * x"),
    *("transpose(x, (1, 0)) * 2", "x @ x.T", "x.T @ x", "x[0] * x[0]", "x[:, ::-1] * x[:, ::-1]"),
    *(
        "x[1, 1:] * x[0, :1] * x[1, 1:]",
        "concatenate([x * x, x])",
        "concatenate([x, x * x], axis=1)",
    ),
    *("x[None, 0] * x[None, 0]", "reshape(x, (3, 2)) @ x", "x * x[:, :1]", "x[0] @ x[1]"),
]


@check("4.2")
@given(
    arrays(*(s for pair in SECOND_PAIRS for s in pair)),
    arrays(*SECOND_RANKS),
    arrays(*(s for pair in SECOND_PRODUCTS for s in pair)),
    POOL,
)
def every_operator_twice(student, pairs, ranks, factors, pool):
    """Gradients of the gradients, for the inputs and for the seed of the first ones."""
    pool = pool[0]
    for x, y in _pairs(pairs):
        for needs in ([True, True], [True, False], [False, True]):
            seconds_agree(student, "x, y", SECOND_BINARY, [x, y], needs, pool)
        powers = ["x ** y", "y ** x", "x ** (y * y)", "(x * y) ** -0.5"]
        seconds_agree(student, "x, y", powers, [abs(x), abs(y)], [True, True], pool)
    for x in ranks:
        forms = SECOND_UNARY if np.size(x) else [f for f in SECOND_UNARY if "mean" not in f]
        seconds_agree(student, "x", forms, [x], [True], pool)
        wider = [f"broadcast_to(x * x, {(2, 1, *np.shape(x))})", "reshape(x * x, (1, *x.shape))"]
        seconds_agree(student, "x", wider, [x], [True], pool)
    seconds_agree(student, "x", SECOND_SHAPED, [ranks[2]], [True], pool)
    for x, y in _pairs(factors):
        for needs in ([True, True], [True, False], [False, True]):
            forms = ["x @ y", "sin(x) @ (y * y)"]
            seconds_agree(student, "x, y", forms, [x, y], needs, pool)


DEEPER = [
    # Third derivatives, and a gradient that is used in a function.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    (g,) = grad(x ** 4 + sin(x) * y, x, s, create_graph=True)
    h, k = grad(g, [x, y], t, create_graph=True)
    third = grad([h, k], [x, y], [s, t], create_graph=True)
    fourth = grad(third, [x], [t, s])
    return [[q.data for q in some] for some in [[g], [h, k], third, fourth]]""",
    # A gradient penalty.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    w = Tensor(b, requires_grad=True)
    loss = sum(tanh(x * w) * s)
    (g,) = grad(loss, x, create_graph=True)
    total = loss + sum(g * g * t)
    total.backward()
    return total.data, x.grad.data, w.grad.data, x.grad.requires_grad, g.grad""",
    # backward with create_graph: .grad can be differentiated, and accumulates.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    z = x * x * y
    z.backward(s, create_graph=True)
    first = x.grad
    second = grad(first, [x, y], t)
    w = sin(z)
    w.backward(t, create_graph=True)
    third = grad(x.grad, [x, y], s)
    flags = first.requires_grad, y.grad.requires_grad
    return [g.data for g in second], [g.data for g in third], x.grad.data, y.grad.data, flags""",
    # Without create_graph a gradient is a constant.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    (g,) = grad(x * x * y, x, s)
    z = g * x
    u = Tensor(t, requires_grad=True)
    (h,) = grad(x * y, [x], u)
    (constant,) = grad(x * 3 + y, [x], s, create_graph=True)
    flags = g.requires_grad, h.requires_grad, z.requires_grad, constant.requires_grad
    zeros = grad(constant, [x, y], t) + grad([g, z], [y], [s, t])
    return flags, [q.data for q in grad(z, [x, y], t)], [q.data for q in zeros]""",
    # The first gradients with create_graph; the same ones again without.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    y = Tensor(b, requires_grad=True)
    v = exp(x * 0.25) * y
    first = grad(v * v, [x, v], s, create_graph=True)
    again = grad(v * v, [x, v], s)
    mixed = grad(first, [y, v, x], [t, s])
    return [[q.data for q in some] for some in [first, again, mixed]], x.grad, y.grad""",
    # An output that is an input: its gradient is the start gradient.
    """def f(a, b, s, t):
    x = Tensor(a, requires_grad=True)
    u = Tensor(s, requires_grad=True)
    (g,) = grad(x, x, u * u, create_graph=True)
    h, k = grad(g * x, [u, x], t)
    return g.data, h.data, k.data""",
]
LONG_SECONDS = [
    """def f(a):
    x = Tensor(a, requires_grad=True)
    y = x
    for k in range(40):
        y = y + y
    (g,) = grad(y * y, x, 0.75, create_graph=True)
    return g.data, grad(g, x, 1.5)[0].data""",
    """def f(a):
    x = Tensor(a, requires_grad=True)
    y = x
    for k in range(1200):
        y = sin(y) + x * 0.5
    (g,) = grad(y, x, 0.75, create_graph=True)
    return g.data, grad(g, x, 1.5)[0].data""",
]


@check("4.3")
@given(composed(second=True, most=8), arrays((3,), (3,), (3,), (3,)))
def graphs_of_gradients(student, program, values):
    for source in DEEPER:
        run_agrees(student, source, "a, b, s, t", values)
    run_agrees(student, program.source, program.names, program.values)


@check("4.4")
def long_graphs_twice(student):
    _each_long_one_agrees(student, LONG_SECONDS)


# -- task 5 --------------------------------------------------------------------


@check("5.3")
@given(st.one_of(batches([3, 5, 4, 2], steps=10), batches([2, 3, 3], steps=10, every=3)))
def ten_steps(student, training):
    training_agrees(student, training)


OPTIMIZER = """def f(a, b, g, h):
    p = Tensor(a, requires_grad=True)
    q = Tensor(b, requires_grad=True)
    r = Tensor(b, requires_grad=True)
    optimizer = SGD([p, q, r], 0.5, momentum=0.75)
    states = [[p.data + 0.0, q.data + 0.0, r.data + 0.0]]
    for k in range(5):
        if k % 2 == 0:
            optimizer.zero_grad()
        sum(p * g).backward()
        if k != 2:
            sum(q * h).backward()
        gradient = p.grad.data + 0.0
        optimizer.step()
        if k == 0:
            optimizer.step()
        states.append([p.data + 0.0, q.data + 0.0, r.data + 0.0, gradient, p.grad.data + 0.0])
    optimizer.zero_grad()
    grads = p.grad, q.grad, r.grad
    optimizer.step()
    return states, grads, p.data, q.data, p.requires_grad, a, b, g, h"""
TWO_OPTIMIZERS = """def f(a, b, g, h):
    p = Tensor(a, requires_grad=True)
    q = Tensor(b, requires_grad=True)
    fast, slow = SGD([p], 1.0, 0.5), SGD([q], 0.125)
    for k in range(3):
        (sum(p * q * g)).backward()
        fast.step()
        slow.step()
        slow.zero_grad()
    return p.data, q.data, p.grad.data, q.grad"""
NETWORK = """def f(x0, s):
    model = MLP([3, 4, 4, 2], seed=5)
    same = MLP([3, 4, 4, 2], seed=5)
    other = MLP([3, 4, 4, 2], seed=6)
    default = MLP([3, 2])
    x = Tensor(x0, requires_grad=True)
    out = model(x)
    gradients = grad(out, [x, *model.parameters()], s)
    equal = [p is q for p, q in zip(model.parameters(), model.parameters())]
    apart = [p is q for p, q in zip(model.parameters(), same.parameters())]
    made = [[p.data for p in m.parameters()] for m in [model, same, other, default]]
    leaves = [(p.requires_grad, p.grad) for p in model.parameters()]
    shown = [g.data for g in gradients]
    return out.data, same(x0).data, default(x0).data, shown, equal, apart, made, leaves"""
LOSSES = """def f(a, targets, s, t):
    x = Tensor(a, requires_grad=True)
    loss = cross_entropy(x, targets)
    (g,) = grad(loss, x, create_graph=True)
    (h,) = grad(g, x, t)
    (k,) = grad(cross_entropy(x * x, targets), x, s)
    plain = cross_entropy(a, targets)
    flags = plain.requires_grad, loss.requires_grad
    return loss.data, g.data, h.data, k.data, plain.data, loss.shape, flags, a, targets"""


@check("5.4")
@given(arrays((3,), (3,), (3,), (3,)), arrays((4, 3), (4, 3), (4, 2), (4, 3)), numbers)
def corners_of_training(student, vectors, matrices, s):
    run_agrees(student, OPTIMIZER, "a, b, g, h", vectors, _optimized(*vectors))
    run_agrees(student, TWO_OPTIMIZERS, "a, b, g, h", vectors, _two_optimized(*vectors))
    x, logits, seed, t = matrices
    x = x + np.arange(12).reshape(4, 3) / 64  # no unit at its kink
    run_agrees(student, NETWORK, "x0, s", [x, seed], _network(x, seed))
    for scale, rows in ((1.0, 4), (1.0, 1), (300.0, 4)):
        a = logits[:rows] * scale
        targets = np.arange(rows) % 3 if scale == 1.0 else np.array([2, 0, 2, 2])
        _losses_agree(student, [a, targets, s, t[:rows]])
    _losses_agree(student, [np.zeros((2, 5)), np.array([4, 0]), s, np.ones((2, 5)) * t[0, 0]])


def _optimized(a, b, g, h):
    """What OPTIMIZER returns. r never has a gradient; q has none at k = 2, so it stays."""
    p, q, v, w = a, b, 0.0, 0.0
    states, dp, dq = [[a, b, b]], 0.0, None
    for k in range(5):
        if k % 2 == 0:
            dp, dq = 0.0, None
        dp = dp + g
        if k != 2:
            dq = h if dq is None else dq + h
        for _ in range(2 if k == 0 else 1):
            v = 0.75 * v + dp
            p = p - 0.5 * v
            if dq is not None:
                w = 0.75 * w + dq
                q = q - 0.5 * w
        states.append([p, q, b, dp, dp])
    return [states, [None, None, None], p, q, True, a, b, g, h]


def _two_optimized(a, b, g, h):
    p, q, v, dp = a, b, 0.0, 0.0
    for _ in range(3):
        dp, dq = dp + q * g, p * g
        v = 0.5 * v + dp
        p, q = p - v, q - 0.125 * dq
    return [p, q, dp, None]


def _network(x0, s):
    """What NETWORK returns."""

    def made(sizes, seed):
        rng = np.random.default_rng(seed)
        for n, m in itertools.pairwise(sizes):
            yield rng.standard_normal((n, m)) * np.sqrt(2.0 / n)
            yield np.zeros(m)

    def run(parameters, h):
        for i in range(0, len(parameters), 2):
            h = (torch.relu(h) if i else h) @ parameters[i] + parameters[i + 1]
        return h

    all_made = [list(made([3, 4, 4, 2], seed)) for seed in (5, 5, 6)] + [list(made([3, 2], 0))]
    x = torch.tensor(x0, requires_grad=True)
    parameters = [torch.tensor(p, requires_grad=True) for p in all_made[0]]
    out = run(parameters, x)
    gradients = data(torch_grad(out, [x, *parameters], s))
    plain = x0 @ all_made[3][0]
    flags = [[True] * 6, [False] * 6]
    out = data(out)
    return [out, out, plain, gradients, *flags, all_made, [[True, None]] * 6]


def _losses_agree(student, values):
    a, targets, s, t = values
    shown = show(LOSSES, "a, targets, s, t", values)
    got = student.run(LOSSES, values, of=shown)
    entropy = torch.nn.functional.cross_entropy
    x, wanted = torch.tensor(a, requires_grad=True), torch.tensor(targets)
    loss = entropy(x, wanted)
    (g,) = torch_grad(loss, x, create_graph=True)
    (h,) = torch_grad(g, x, t)
    (k,) = torch_grad(entropy(x * x, wanted), x, s)
    right = [loss, g, h, k, loss, [], [False, True], a, targets]
    agree(got, data(right), of=shown, rtol=RTOL)
