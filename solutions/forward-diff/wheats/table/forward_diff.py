"""A wheat: one table of rules, one function apply(name, ...) that reads it.

An entry is (what numpy does, how a tangent in each position goes through). The operators and the
public functions are made from the table in a loop. A number is a Python float throughout.
"""

from __future__ import annotations

import itertools
import operator

import numpy as np

_tags = itertools.count(1)


def _tidy(x):
    """Python's float for a number, a float64 array for the rest."""
    x = np.asarray(x, dtype=np.float64)
    return float(x) if x.ndim == 0 else x


def _spread(x, shape):
    if isinstance(x, Dual):
        return Dual(_spread(x.value, shape), _spread(x.tangent, shape), x.tag)
    return _tidy(np.broadcast_to(x, shape))


class Dual:
    __hash__ = None
    __array_ufunc__ = None

    def __init__(self, value, tangent, tag=None):
        if not isinstance(value, Dual):
            value = _tidy(value)
        if not isinstance(tangent, Dual):
            tangent = _tidy(tangent)
        tangent = _spread(tangent, np.shape(value))
        if tag is None:
            tag = 0
            if isinstance(value, Dual) or isinstance(tangent, Dual):
                whole = value + tangent * Dual(0.0, 1.0)  # the tags sort themselves out
                value, tangent, tag = whole.value, whole.tangent, whole.tag
        self.value, self.tangent, self.tag = value, tangent, tag

    shape = property(lambda self: np.shape(self.value))
    ndim = property(lambda self: len(np.shape(self.value)))
    size = property(lambda self: int(np.prod(self.shape)))
    T = property(lambda self: apply("transpose", self))

    def __repr__(self):
        return f"Dual({self.value!r}, {self.tangent!r}, tag={self.tag})"


def _bottom(x):
    while isinstance(x, Dual):
        x = x.value
    return x


def apply(name, *args, **options):
    compute, rules = TABLE[name]
    tag = max((a.tag for a in args if isinstance(a, Dual)), default=None)
    if tag is None:
        with np.errstate(all="ignore"):
            plain = (np.asarray(a, dtype=np.float64) for a in args)
            return _tidy(compute(*plain, **options))
    moving = [isinstance(a, Dual) and a.tag == tag for a in args]
    values = [a.value if m else a for a, m in zip(args, moving, strict=True)]
    value = apply(name, *values, **options)
    tangent = None
    for arg, moves, rule in zip(args, moving, rules, strict=True):
        if moves:
            part = rule(arg.tangent, value, *values, **options)
            tangent = part if tangent is None else apply("add", tangent, part)
    return Dual(value, tangent, tag)


# -- products and quotients know which operand is a tangent: a zero there wins over inf and nan


def _mul(a, b, a_moves=False, b_moves=False):
    out = np.multiply(a, b)
    if a_moves:
        out = np.where(a == 0, 0.0, out)
    if b_moves:
        out = np.where(b == 0, 0.0, out)
    return out


def _div(a, b, a_moves=False):
    out = np.divide(a, b)
    return np.where(a == 0, 0.0, out) if a_moves else out


def push(t, factor):
    return apply("mul", t, factor, a_moves=True)


def _div_by(t, out, a, b, a_moves=False):
    slope = apply("div", a, apply("mul", b, b), a_moves=a_moves)
    return apply("neg", apply("mul", t, slope, a_moves=True, b_moves=a_moves))


def _pow_base(t, out, x, y):
    """y x**(y-1) t; a 0 in y wins, as a zero tangent does."""
    return push(t, apply("mul", y, apply("pow", x, apply("sub", y, 1.0)), a_moves=True))


def _pow_exponent(t, out, x, y):
    slope = apply("mul", out, apply("log", x))
    fixed = np.logical_and(np.equal(_bottom(x), 0), np.greater_equal(_bottom(y), 0))
    return push(t, apply("where", 0.0, slope, cond=fixed))


def _logistic(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1.0) / (1.0 + e)


def _share(mine, other, first):
    """1 where mine is the larger, 1/2 in a tie, else 0, as two masks."""
    mine, other = _bottom(mine), _bottom(other)
    nan = np.isnan(mine) if first else np.isnan(mine) & ~np.isnan(other)
    theirs = ~np.isnan(other)
    return (np.greater(mine, other) & theirs) | nan, np.equal(mine, other)


def _max_rule(first):
    def rule(t, out, a, b):
        wins, ties = _share(a, b, True) if first else _share(b, a, False)
        half = apply("where", apply("mul", t, 0.5), 0.0, cond=ties)
        return apply("where", t, half, cond=wins)

    return rule


TABLE = {
    "neg": (np.negative, [lambda t, out, x: apply("neg", t)]),
    "add": (np.add, [lambda t, out, a, b: t, lambda t, out, a, b: t]),
    "sub": (np.subtract, [lambda t, out, a, b: t, lambda t, out, a, b: apply("neg", t)]),
    "mul": (
        _mul,
        [
            lambda t, out, a, b, a_moves=False, b_moves=False: apply(
                "mul", t, b, a_moves=True, b_moves=b_moves
            ),
            lambda t, out, a, b, a_moves=False, b_moves=False: apply(
                "mul", a, t, a_moves=a_moves, b_moves=True
            ),
        ],
    ),
    "div": (
        _div,
        [lambda t, out, a, b, a_moves=False: apply("div", t, b, a_moves=True), _div_by],
    ),
    "pow": (np.power, [_pow_base, _pow_exponent]),
    "sin": (np.sin, [lambda t, out, x: push(t, apply("cos", x))]),
    "cos": (np.cos, [lambda t, out, x: push(t, apply("neg", apply("sin", x)))]),
    "tan": (np.tan, [lambda t, out, x: push(t, apply("add", 1.0, apply("mul", out, out)))]),
    "exp": (np.exp, [lambda t, out, x: push(t, out)]),
    "log": (np.log, [lambda t, out, x: apply("div", t, x, a_moves=True)]),
    "sqrt": (
        np.sqrt,
        [lambda t, out, x: apply("div", t, apply("mul", 2.0, out), a_moves=True)],
    ),
    "tanh": (np.tanh, [lambda t, out, x: push(t, apply("sub", 1.0, apply("mul", out, out)))]),
    "sigmoid": (
        _logistic,
        [lambda t, out, x: push(t, apply("mul", out, apply("sub", 1.0, out)))],
    ),
    "relu": (
        lambda x: np.maximum(x, 0.0),
        [lambda t, out, x: apply("where", t, 0.0, cond=np.greater(_bottom(x), 0))],
    ),
    "maximum": (np.maximum, [_max_rule(True), _max_rule(False)]),
    "where": (
        lambda a, b, cond: np.where(cond, a, b),
        [
            lambda t, out, a, b, cond: apply("where", t, 0.0, cond=cond),
            lambda t, out, a, b, cond: apply("where", 0.0, t, cond=cond),
        ],
    ),
    "sum": (np.sum, [lambda t, out, x, **how: apply("sum", t, **how)]),
    "reshape": (
        lambda x, shape: np.reshape(x, shape),
        [lambda t, out, x, **how: apply("reshape", t, **how)],
    ),
    "transpose": (np.transpose, [lambda t, out, x, **how: apply("transpose", t, **how)]),
    "matmul": (
        np.matmul,
        [
            lambda t, out, a, b: apply("matmul", t, b),
            lambda t, out, a, b: apply("matmul", a, t),
        ],
    ),
}


def _operators():
    def forward(name):
        return lambda self, other: apply(name, self, other)

    def reflected(name):
        return lambda self, other: apply(name, other, self)

    def compared(test):
        def compare(self, other):
            return test(np.asarray(_bottom(self)), np.asarray(_bottom(other)))

        return compare

    for name, stem in [
        ("add", "add"), ("sub", "sub"), ("mul", "mul"), ("div", "truediv"), ("pow", "pow"),
    ]:  # fmt: skip
        setattr(Dual, f"__{stem}__", forward(name))
        setattr(Dual, f"__r{stem}__", reflected(name))
    for stem in ["lt", "le", "gt", "ge", "eq", "ne"]:
        setattr(Dual, f"__{stem}__", compared(getattr(operator, stem)))
    Dual.__neg__ = lambda self: apply("neg", self)
    Dual.__hash__ = None


_operators()

for _name in ["sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sigmoid", "relu"]:
    globals()[_name] = lambda x, _name=_name: apply(_name, x)
for _name in ["maximum", "matmul"]:
    globals()[_name] = lambda a, b, _name=_name: apply(_name, a, b)


def where(cond, a, b):
    return apply("where", a, b, cond=cond)


def sum(x, axis=None, keepdims=False):
    return apply("sum", x, axis=axis, keepdims=keepdims)


def reshape(x, shape):
    return apply("reshape", x, shape=shape)


def transpose(x, axes=None):
    return apply("transpose", x, axes=axes)


def jvp(f, primals, tangents):
    if type(primals) is not tuple or type(tangents) is not tuple:
        raise ValueError("jvp takes two tuples")
    pairs = list(zip(primals, tangents, strict=True))
    tag = next(_tags)
    results = f(*(Dual(p, 0 if t is None else t, tag) for p, t in pairs))
    single = not isinstance(results, tuple)
    values, slopes = [], []
    for one in (results,) if single else results:
        if isinstance(one, Dual) and one.tag == tag:
            value, slope = one.value, one.tangent
        else:
            value = one if isinstance(one, Dual) else _tidy(one)
            slope = _spread(0.0, np.shape(value))
        values.append(value)
        slopes.append(slope)
    return (values[0], slopes[0]) if single else (tuple(values), tuple(slopes))


def derivative(f, x):
    return jvp(f, (x,), (1,))[1]


def jacobian(f, x):
    x = _tidy(x)
    units = np.eye(np.size(x)).reshape((np.size(x), *np.shape(x)))
    columns = [jvp(f, (x,), (unit,))[1] for unit in units]
    if not columns:
        return np.zeros(np.shape(jvp(f, (x,), (None,))[0]) + np.shape(x))
    return np.stack(columns, axis=-1).reshape(np.shape(columns[0]) + np.shape(x))
