"""A wheat: the value is always an array, and there is no nesting of values at all.

A Dual has a base (an array, at every depth) and its slopes: for each level of differentiation
that it depends on, the tangent along it. The tangent along level n is an array, or a Dual that
depends on levels older than n only. An operation gives the array and a small closure, tangent_along
(level); `_node` calls it once for each level in play.
"""

from __future__ import annotations

import numpy as np

_HAND = 0  # the level of Duals made by hand
_levels = [_HAND]  # a stack, the level that runs on top
_last = _HAND


def _enter():
    global _last
    _last += 1
    _levels.append(_last)
    return _last


def _array(x):
    return np.asarray(x, dtype=np.float64)


def _base(x):
    return x.base if isinstance(x, Dual) else _array(x)


def _slopes(x):
    return x.slopes if isinstance(x, Dual) else {}


def _make(base, slopes):
    if not slopes:
        return base
    new = Dual.__new__(Dual)
    new.base, new.slopes = base, slopes
    return new


def _below(x, level):
    """x as the levels older than this one see it."""
    if not isinstance(x, Dual):
        return _array(x)
    return _make(x.base, {n: t for n, t in x.slopes.items() if n < level})


def _stretch(x, shape):
    if isinstance(x, Dual):
        return _make(_stretch(x.base, shape), {n: _stretch(t, shape) for n, t in x.slopes.items()})
    x = _array(x)
    if x.shape == shape:
        return x
    out = np.empty(shape)
    np.copyto(out, np.broadcast_to(x, shape))  # ValueError if it does not fit
    return out


def _node(base, inputs, tangent_along):
    base = _array(base)
    playing = sorted({n for x in inputs for n in _slopes(x)})
    return _make(base, {n: _stretch(tangent_along(n), base.shape) for n in playing})


def _total(parts):
    """The sum of the parts that are there."""
    out = None
    for part in parts:
        if part is not None:
            out = part if out is None else _add(out, part)
    return out


class Dual:
    __slots__ = ("base", "slopes")
    __hash__ = None
    __array_ufunc__ = None

    def __init__(self, value, tangent):
        shape = _base(value).shape
        tangent = _stretch(tangent, shape)
        if isinstance(value, Dual) or isinstance(tangent, Dual):
            eps = _make(np.zeros(shape), {_HAND: np.ones(shape)})
            whole = _add(value, _multiply(tangent, eps))
            self.base, self.slopes = whole.base, whole.slopes
        else:
            self.base, self.slopes = _array(value), {_HAND: tangent}

    @property
    def value(self):
        return _below(self, max(self.slopes))

    @property
    def tangent(self):
        return self.slopes[max(self.slopes)]

    @property
    def shape(self):
        return self.base.shape

    @property
    def ndim(self):
        return self.base.ndim

    @property
    def size(self):
        return self.base.size

    @property
    def T(self):
        return transpose(self)

    def __neg__(self):
        return _linear(np.negative, self)

    def __add__(self, other):
        return _add(self, other)

    def __radd__(self, other):
        return _add(other, self)

    def __sub__(self, other):
        return _add(self, _linear(np.negative, other))

    def __rsub__(self, other):
        return _add(other, -self)

    def __mul__(self, other):
        return _multiply(self, other)

    def __rmul__(self, other):
        return _multiply(other, self)

    def __truediv__(self, other):
        return _divide(self, other)

    def __rtruediv__(self, other):
        return _divide(other, self)

    def __pow__(self, other):
        return _power(self, other)

    def __rpow__(self, other):
        return _power(other, self)

    def __lt__(self, other):
        return self.base < _base(other)

    def __le__(self, other):
        return self.base <= _base(other)

    def __gt__(self, other):
        return self.base > _base(other)

    def __ge__(self, other):
        return self.base >= _base(other)

    def __eq__(self, other):
        return self.base == _base(other)

    def __ne__(self, other):
        return self.base != _base(other)


# -- arithmetic


def _linear(g, x):
    """g works on arrays and is linear."""
    return _node(g(_base(x)), [x], lambda n: _linear(g, x.slopes[n]))


def _add(a, b):
    with np.errstate(all="ignore"):
        base = _base(a) + _base(b)
    return _node(base, [a, b], lambda n: _total([_slopes(a).get(n), _slopes(b).get(n)]))


def _zeroed(out, *zeros):
    """A fresh copy of out with 0 where one of the arrays is 0."""
    out = np.array(out)
    for z in zeros:
        np.copyto(out, 0.0, where=z == 0)
    return out


def _multiply(a, b, a_moves=False, b_moves=False):
    """a * b. An operand that is a tangent ("moves") makes 0 of anything where it is 0."""
    with np.errstate(all="ignore"):
        base = _base(a) * _base(b)
    movers = [_base(x) for x, moves in [(a, a_moves), (b, b_moves)] if moves]

    def along(n):
        da, db = _slopes(a).get(n), _slopes(b).get(n)
        return _total(
            [
                None if da is None else _multiply(da, _below(b, n), True, b_moves),
                None if db is None else _multiply(_below(a, n), db, a_moves, True),
            ]
        )

    return _node(_zeroed(base, *movers), [a, b], along)


def _divide(a, b, a_moves=False):
    with np.errstate(all="ignore"):
        base = _base(a) / _base(b)

    def along(n):
        da, db = _slopes(a).get(n), _slopes(b).get(n)
        low_a, low_b = _below(a, n), _below(b, n)
        parts = [None if da is None else _divide(da, low_b, True)]
        if db is not None:
            rate = _divide(low_a, _multiply(low_b, low_b), a_moves)
            parts.append(_linear(np.negative, _multiply(db, rate, True, a_moves)))
        return _total(parts)

    return _node(_zeroed(base, *[_base(a)][: int(a_moves)]), [a, b], along)


def _power(x, y):
    with np.errstate(all="ignore"):
        base = _base(x) ** _base(y)

    def along(n):
        dx, dy = _slopes(x).get(n), _slopes(y).get(n)
        low_x, low_y = _below(x, n), _below(y, n)
        parts = []
        if dx is not None:
            rate = _multiply(low_y, _power(low_x, _add(low_y, -1.0)), True)
            parts.append(_multiply(dx, rate, True))
        if dy is not None:
            rate = _multiply(_power(low_x, low_y), log(low_x))
            flat = (_base(x) == 0) & (_base(y) >= 0)
            parts.append(_multiply(dy, where(flat, 0.0, rate), True))
        return _total(parts)

    return _node(base, [x, y], along)


# -- functions


def _smooth(g, rate):
    """rate(x, g(x)) is the derivative, with operations of this module."""

    def function(x):
        with np.errstate(all="ignore"):
            base = _array(g(_base(x)))

        def along(n):
            low = _below(x, n)
            return _multiply(x.slopes[n], rate(low, function(low)), True)

        return _node(base, [x], along)

    return function


def _logistic(x):
    small = np.exp(-np.abs(x))
    out = np.array(1.0 / (1.0 + small))
    np.copyto(out, small / (1.0 + small), where=x < 0)
    return out


sin = _smooth(np.sin, lambda x, g: cos(x))
cos = _smooth(np.cos, lambda x, g: _linear(np.negative, sin(x)))
tan = _smooth(np.tan, lambda x, g: _add(1.0, _multiply(g, g)))
exp = _smooth(np.exp, lambda x, g: g)
tanh = _smooth(np.tanh, lambda x, g: _add(1.0, _linear(np.negative, _multiply(g, g))))
sigmoid = _smooth(
    _logistic, lambda x, g: _multiply(g, sigmoid(_linear(np.negative, x)))
)  # 1 - s(x) is s(-x)


def log(x):
    with np.errstate(all="ignore"):
        base = np.log(_base(x))
    return _node(base, [x], lambda n: _divide(x.slopes[n], _below(x, n), True))


def sqrt(x):
    with np.errstate(all="ignore"):
        base = np.sqrt(_base(x))

    def along(n):
        root = sqrt(_below(x, n))
        return _divide(x.slopes[n], _add(root, root), True)

    return _node(base, [x], along)


def where(cond, a, b):
    cond = np.asarray(cond, dtype=bool)
    shape = np.broadcast_shapes(cond.shape, _base(a).shape, _base(b).shape)
    out = np.empty(shape)
    np.copyto(out, _base(b))
    np.copyto(out, _base(a), where=cond)
    return _node(out, [a, b], lambda n: where(cond, _slopes(a).get(n, 0.0), _slopes(b).get(n, 0.0)))


def relu(x):
    base = _base(x)
    out = np.array(base)
    np.copyto(out, 0.0, where=base <= 0)
    return _node(out, [x], lambda n: where(base > 0, x.slopes[n], 0.0))


def maximum(a, b):
    x, y = _base(a), _base(b)
    out = np.maximum(x, y)
    left = (x > y) | np.isnan(x)

    def along(n):
        da, db = _slopes(a).get(n, 0.0), _slopes(b).get(n, 0.0)
        mean = _multiply(_add(da, db), 0.5)
        return where(left, da, where(x == y, mean, db))

    return _node(out, [a, b], along)


def sum(x, axis=None, keepdims=False):
    return _linear(lambda c: np.sum(c, axis=axis, keepdims=keepdims), x)


def reshape(x, shape):
    return _linear(lambda c: np.reshape(c, shape), x)


def transpose(x, axes=None):
    return _linear(lambda c: np.transpose(c, axes), x)


def matmul(a, b):
    def along(n):
        da, db = _slopes(a).get(n), _slopes(b).get(n)
        return _total(
            [
                None if da is None else matmul(da, _below(b, n)),
                None if db is None else matmul(_below(a, n), db),
            ]
        )

    return _node(np.matmul(_base(a), _base(b)), [a, b], along)


# -- the drivers


def jvp(f, primals, tangents):
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise ValueError("primals and tangents: two tuples")
    if len(primals) != len(tangents):
        raise ValueError(f"{len(primals)} primals, {len(tangents)} tangents")
    level = _enter()

    def seeded(primal, tangent):
        tangent = _stretch(0.0 if tangent is None else tangent, _base(primal).shape)
        return _make(_base(primal), {**_slopes(primal), level: tangent})

    def parts(out):
        zero = np.zeros(_base(out).shape)
        return _below(out, level), _slopes(out).get(level, zero)

    try:
        out = f(*[seeded(p, t) for p, t in zip(primals, tangents, strict=True)])
        if isinstance(out, tuple):
            both = [parts(one) for one in out]
            return tuple([v for v, _ in both]), tuple([t for _, t in both])
        return parts(out)
    finally:
        _levels.pop()


def derivative(f, x):
    _, slope = jvp(f, (x,), (1.0,))
    return slope


def jacobian(f, x):
    x = _array(x)
    still, _ = jvp(f, (x,), (None,))
    out = np.zeros((np.size(still), x.size))
    for j in range(x.size):
        seed = np.zeros(x.size)
        seed[j] = 1.0
        out[:, j] = np.ravel(jvp(f, (x,), (seed.reshape(x.shape),))[1])
    return out.reshape(np.shape(still) + x.shape)
