"""A wheat: singledispatch for the functions, match for the operators, and numpy's own protocol.

Here numpy may come to a Dual through __array_ufunc__: np.multiply(array, dual), and with it the
operator array * dual, is answered with one Dual, and so are np.sin(dual) and its like.
"""

from __future__ import annotations

import itertools
from functools import reduce, singledispatch

import numpy as np

_serial = itertools.count(1)


def _number(x):
    return np.float64(x) if np.ndim(x) == 0 else np.asarray(x, dtype=np.float64)


class Dual:
    __hash__ = None
    __match_args__ = ("value", "tangent", "tag")

    def __init__(self, value, tangent, tag=0):
        match value, tangent:
            case (Dual(), _) | (_, Dual()):
                if tag == 0:  # by hand, on Duals: put the tags in order
                    whole = value + expand(tangent, np.shape(value)) * Dual(0.0, 1.0)
                    value, tangent, tag = whole.value, whole.tangent, whole.tag
            case _:
                value = _number(value)
        self.value = value
        self.tangent = expand(tangent, np.shape(value))
        self.tag = tag

    @property
    def shape(self):
        return self.value.shape

    @property
    def ndim(self):
        return self.value.ndim

    @property
    def size(self):
        return self.value.size

    @property
    def T(self):
        return transpose(self)

    def __repr__(self):
        return f"Dual({self.value}, {self.tangent}, tag={self.tag})"

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if method != "__call__" or options or ufunc not in UFUNCS:
            return NotImplemented
        return UFUNCS[ufunc](*inputs)  # `array += dual` asks for out: a Dual does not fit in

    def __neg__(self):
        return negative(self)

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __sub__(self, other):
        return add(self, negative(other))

    def __rsub__(self, other):
        return add(other, negative(self))

    def __mul__(self, other):
        return times(self, other)

    def __rmul__(self, other):
        return times(other, self)

    def __truediv__(self, other):
        return over(self, other)

    def __rtruediv__(self, other):
        return over(other, self)

    def __pow__(self, other):
        return power(self, other)

    def __rpow__(self, other):
        return power(other, self)

    def __lt__(self, other):
        return np.less(ground(self), ground(other))

    def __le__(self, other):
        return np.less_equal(ground(self), ground(other))

    def __gt__(self, other):
        return np.greater(ground(self), ground(other))

    def __ge__(self, other):
        return np.greater_equal(ground(self), ground(other))

    def __eq__(self, other):
        return np.equal(ground(self), ground(other))

    def __ne__(self, other):
        return np.not_equal(ground(self), ground(other))


def ground(x):
    match x:
        case Dual(value):
            return ground(value)
        case _:
            return _number(x)


def expand(x, shape):
    match x:
        case Dual(v, t, tag):
            return Dual(expand(v, shape), expand(t, shape), tag)
        case _:
            return _number(np.broadcast_to(_number(x), shape))


def aligned(a, b):
    """(tag, a, a', b, b') for the newer tag; a tangent is None where there is none."""
    match a, b:
        case Dual(v, t, m), Dual(w, u, n) if m == n:
            return m, v, t, w, u
        case Dual(v, t, m), Dual(tag=n) if m > n:
            return m, v, t, b, None
        case _, Dual(w, u, n):
            return n, a, None, w, u
        case Dual(v, t, m), _:
            return m, v, t, b, None
    return None


def both(*parts):
    parts = [p for p in parts if p is not None]
    return reduce(add, parts)


# -- arithmetic. "Live" operands are tangents: their zeros win over inf and nan.


def add(a, b):
    match aligned(a, b):
        case None:
            with np.errstate(all="ignore"):
                return _number(a) + _number(b)
        case tag, v, t, w, u:
            return Dual(add(v, w), both(t, u), tag)


def times(a, b, live=""):
    match aligned(a, b):
        case None:
            a, b = _number(a), _number(b)
            with np.errstate(all="ignore"):
                out = a * b
            for name, operand in ("a", a), ("b", b):
                if name in live:
                    out = np.where(operand == 0, 0.0, out)
            return _number(out)
        case tag, v, t, w, u:
            left = None if t is None else times(t, w, live + "a")
            right = None if u is None else times(v, u, live + "b")
            return Dual(times(v, w, live), both(left, right), tag)


def over(a, b, live=False):
    match aligned(a, b):
        case None:
            a, b = _number(a), _number(b)
            with np.errstate(all="ignore"):
                out = a / b
            return _number(np.where(a == 0, 0.0, out)) if live else out
        case tag, v, t, w, u:
            left = None if t is None else over(t, w, live=True)
            right = None
            if u is not None:
                rate = over(v, times(w, w), live)
                right = negative(times(rate, u, "ab" if live else "b"))
            return Dual(over(v, w, live), both(left, right), tag)


def power(x, y):
    match aligned(x, y):
        case None:
            with np.errstate(all="ignore"):
                return _number(x) ** _number(y)
        case tag, v, t, w, u:
            left = right = None
            if t is not None:
                left = times(t, times(w, power(v, add(w, -1.0)), "a"), "a")
            if u is not None:
                settled = (ground(v) == 0) & (ground(w) >= 0)
                rate = where(settled, 0.0, times(power(v, w), log(v)))
                right = times(u, rate, "a")
            return Dual(power(v, w), both(left, right), tag)


# -- functions of one argument: the plain case, then the one for Dual


def _elementary(g):
    @singledispatch
    def function(x):
        with np.errstate(all="ignore"):
            return _number(g(_number(x)))

    function.__name__ = g.__name__
    return function


def _logistic(x):
    e = np.exp(-abs(x))
    return np.where(x < 0, e, 1.0) / (1.0 + e)


negative = _elementary(np.negative)
sin = _elementary(np.sin)
cos = _elementary(np.cos)
tan = _elementary(np.tan)
exp = _elementary(np.exp)
log = _elementary(np.log)
sqrt = _elementary(np.sqrt)
tanh = _elementary(np.tanh)
sigmoid = _elementary(_logistic)
relu = _elementary(lambda x: np.maximum(x, 0.0))


@negative.register
def _(x: Dual):
    return Dual(negative(x.value), negative(x.tangent), x.tag)


@sin.register
def _(x: Dual):
    return Dual(sin(x.value), times(x.tangent, cos(x.value), "a"), x.tag)


@cos.register
def _(x: Dual):
    return Dual(cos(x.value), negative(times(x.tangent, sin(x.value), "a")), x.tag)


@tan.register
def _(x: Dual):
    value = tan(x.value)
    return Dual(value, times(x.tangent, 1.0 + value * value, "a"), x.tag)


@exp.register
def _(x: Dual):
    value = exp(x.value)
    return Dual(value, times(x.tangent, value, "a"), x.tag)


@log.register
def _(x: Dual):
    return Dual(log(x.value), over(x.tangent, x.value, live=True), x.tag)


@sqrt.register
def _(x: Dual):
    value = sqrt(x.value)
    return Dual(value, over(x.tangent, 2.0 * value, live=True), x.tag)


@tanh.register
def _(x: Dual):
    value = tanh(x.value)
    return Dual(value, times(x.tangent, 1.0 - value * value, "a"), x.tag)


@sigmoid.register
def _(x: Dual):
    value = sigmoid(x.value)
    return Dual(value, times(x.tangent, value * (1.0 - value), "a"), x.tag)


@relu.register
def _(x: Dual):
    return Dual(relu(x.value), where(ground(x) > 0, x.tangent, 0.0), x.tag)


def where(cond, a, b):
    match aligned(a, b):
        case None:
            return _number(np.where(cond, _number(a), _number(b)))
        case tag, v, t, w, u:
            tangent = where(cond, 0.0 if t is None else t, 0.0 if u is None else u)
            return Dual(where(cond, v, w), tangent, tag)


def maximum(a, b):
    match aligned(a, b):
        case None:
            return np.maximum(_number(a), _number(b))
        case tag, v, t, w, u:
            t, u = 0.0 if t is None else t, 0.0 if u is None else u
            p, q = ground(v), ground(w)
            rest = where(p == q, times(0.5, add(t, u)), u)
            return Dual(maximum(v, w), where((p > q) | np.isnan(p), t, rest), tag)


@singledispatch
def sum(x, axis=None, keepdims=False):
    return _number(np.sum(_number(x), axis=axis, keepdims=keepdims))


@sum.register
def _(x: Dual, axis=None, keepdims=False):
    return Dual(sum(x.value, axis, keepdims), sum(x.tangent, axis, keepdims), x.tag)


@singledispatch
def reshape(x, shape):
    return _number(np.reshape(_number(x), shape))


@reshape.register
def _(x: Dual, shape):
    return Dual(reshape(x.value, shape), reshape(x.tangent, shape), x.tag)


@singledispatch
def transpose(x, axes=None):
    return _number(np.transpose(_number(x), axes))


@transpose.register
def _(x: Dual, axes=None):
    return Dual(transpose(x.value, axes), transpose(x.tangent, axes), x.tag)


def matmul(a, b):
    match aligned(a, b):
        case None:
            return _number(np.matmul(_number(a), _number(b)))
        case tag, v, t, w, u:
            left = None if t is None else matmul(t, w)
            right = None if u is None else matmul(v, u)
            return Dual(matmul(v, w), both(left, right), tag)


UFUNCS = {
    np.add: add,
    np.subtract: lambda a, b: add(a, negative(b)),
    np.multiply: times,
    np.divide: over,
    np.power: power,
    np.float_power: power,
    np.negative: negative,
    np.positive: lambda x: x,
    np.less: lambda a, b: np.less(ground(a), ground(b)),
    np.less_equal: lambda a, b: np.less_equal(ground(a), ground(b)),
    np.greater: lambda a, b: np.greater(ground(a), ground(b)),
    np.greater_equal: lambda a, b: np.greater_equal(ground(a), ground(b)),
    np.equal: lambda a, b: np.equal(ground(a), ground(b)),
    np.not_equal: lambda a, b: np.not_equal(ground(a), ground(b)),
    np.sin: sin,
    np.cos: cos,
    np.tan: tan,
    np.exp: exp,
    np.log: log,
    np.sqrt: sqrt,
    np.tanh: tanh,
    np.maximum: maximum,
    np.matmul: matmul,
}


# -- the drivers


def jvp(f, primals, tangents):
    match primals, tangents:
        case tuple(), tuple() if len(primals) == len(tangents):
            pass
        case _:
            raise ValueError("jvp wants two tuples of one length")
    tag = next(_serial)

    def seed(primal, tangent):
        primal = primal if isinstance(primal, Dual) else _number(primal)
        return Dual(primal, 0.0 if tangent is None else tangent, tag)

    def opened(out):
        match out:
            case Dual(v, t, n) if n == tag:
                return v, t
            case Dual():
                return out, expand(0.0, out.shape)
            case _:
                return _number(out), np.zeros(np.shape(out))[()]

    match f(*map(seed, primals, tangents)):
        case tuple(several):
            opened_ones = [opened(one) for one in several]
            return tuple(v for v, _ in opened_ones), tuple(t for _, t in opened_ones)
        case one:
            return opened(one)


def derivative(f, x):
    return jvp(f, (x,), (1.0,))[1]


def jacobian(f, x):
    x = _number(x)
    columns = []
    for seed in np.eye(x.size):
        columns.append(jvp(f, (x,), (seed.reshape(x.shape),))[1])
    out_shape = np.shape(columns[0] if columns else jvp(f, (x,), (None,))[0])
    flat = np.array(columns, dtype=np.float64).reshape((x.size, int(np.prod(out_shape))))
    return _number(np.ascontiguousarray(flat.T).reshape(out_shape + x.shape))
