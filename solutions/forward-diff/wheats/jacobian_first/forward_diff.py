"""A wheat: everything goes through one primitive, push, which sends one direction through f.

Every operation is a Primitive: what it does to values, and a rule that takes all of its operands
and all of their tangents at once (a tangent that is not there is STILL) to the tangent of the
result. Numbers are arrays of rank 0. jvp, derivative and jacobian are three ways to call push.
"""

from __future__ import annotations

import numpy as np


class _Still:
    """The tangent of what does not move."""


STILL = _Still()


def _arr(x):
    return x if isinstance(x, Dual) else np.array(x, dtype=np.float64, copy=None)


class Dual:
    __hash__ = None
    __array_ufunc__ = None
    __array_priority__ = 1000

    def __init__(self, value, tangent, tag=0):
        self.value = _arr(value)
        self.tangent = _fill(_arr(tangent), self.value.shape)
        self.tag = tag
        if tag == 0 and (isinstance(value, Dual) or isinstance(tangent, Dual)):
            whole = value + self.tangent * Dual(0.0, 1.0)
            self.value, self.tangent, self.tag = whole.value, whole.tangent, whole.tag

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

    def __neg__(self):
        return _neg(self)

    def __add__(self, other):
        return _add(self, other)

    def __radd__(self, other):
        return _add(other, self)

    def __sub__(self, other):
        return _sub(self, other)

    def __rsub__(self, other):
        return _sub(other, self)

    def __mul__(self, other):
        return _mul(self, other)

    def __rmul__(self, other):
        return _mul(other, self)

    def __truediv__(self, other):
        return _div(self, other)

    def __rtruediv__(self, other):
        return _div(other, self)

    def __pow__(self, other):
        return _pow(self, other)

    def __rpow__(self, other):
        return _pow(other, self)

    def __lt__(self, other):
        return _root(self) < _root(other)

    def __le__(self, other):
        return _root(self) <= _root(other)

    def __gt__(self, other):
        return _root(self) > _root(other)

    def __ge__(self, other):
        return _root(self) >= _root(other)

    def __eq__(self, other):
        return _root(self) == _root(other)

    def __ne__(self, other):
        return _root(self) != _root(other)


def _root(x):
    return _root(x.value) if isinstance(x, Dual) else _arr(x)


def _fill(x, shape):
    if x is STILL:
        return np.zeros(shape)
    if isinstance(x, Dual):
        return Dual(_fill(x.value, shape), _fill(x.tangent, shape), x.tag)
    return x if x.shape == shape else np.array(np.broadcast_to(x, shape))


class Primitive:
    def __init__(self, compute, rule=None):
        self.compute, self.rule = compute, rule

    def __call__(self, *args, **fixed):
        tag = -1
        for a in args:
            if isinstance(a, Dual):
                tag = max(tag, a.tag)
        if tag < 0:
            with np.errstate(all="ignore"):
                return _arr(self.compute(*map(_arr, args), **fixed))
        values, moves = [], []
        for a in args:
            mine = isinstance(a, Dual) and a.tag == tag
            values.append(a.value if mine else a)
            moves.append(a.tangent if mine else STILL)
        return Dual(self(*values, **fixed), self.rule(values, moves, **fixed), tag)


def primitive(compute):
    """Decorates the rule."""
    return lambda rule: Primitive(compute, rule)


def _linear(compute):
    made = Primitive(compute)
    made.rule = lambda values, moves, **fixed: made(moves[0], **fixed)
    return made


def _join(a, b):
    if a is STILL:
        return b
    return a if b is STILL else _add(a, b)


# -- the bilinear ones. `guard` marks the operands whose zeros are zeros of a tangent.


def _guarded(ufunc):
    def compute(a, b, guard=(False, False)):
        out = np.zeros(np.broadcast_shapes(a.shape, b.shape))
        active = np.ones(out.shape, dtype=bool)
        if guard[0]:
            active &= a != 0
        if guard[1]:
            active &= b != 0
        ufunc(a, b, out=out, where=active)
        return out

    return compute


def _mul_rule(values, moves, guard=(False, False)):
    (a, b), (da, db) = values, moves
    left = STILL if da is STILL else _mul(da, b, guard=(True, guard[1]))
    right = STILL if db is STILL else _mul(a, db, guard=(guard[0], True))
    return _join(left, right)


def _div_rule(values, moves, guard=(False, False)):
    (a, b), (da, db) = values, moves
    left = STILL if da is STILL else _div(da, b, guard=(True, False))
    if db is STILL:
        return left
    rate = _div(a, _mul(b, b), guard=guard)
    return _join(left, _neg(_mul(rate, db, guard=(guard[0], True))))


_neg = _linear(np.negative)
_mul = Primitive(_guarded(np.multiply), _mul_rule)
_div = Primitive(_guarded(np.divide), _div_rule)
_add = Primitive(np.add, lambda values, moves: _join(*moves))
_sub = Primitive(
    np.subtract,
    lambda values, moves: _join(moves[0], STILL if moves[1] is STILL else _neg(moves[1])),
)


def _along(move, rate):
    return _mul(move, rate, guard=(True, False))


@primitive(np.power)
def _pow(values, moves):
    (x, y), (dx, dy) = values, moves
    left = right = STILL
    if dx is not STILL:
        left = _along(dx, _mul(y, _pow(x, _sub(y, 1.0)), guard=(True, False)))
    if dy is not STILL:
        rate = _mul(_pow(x, y), log(x))
        right = _along(dy, where((_root(x) == 0) & (_root(y) >= 0), 0.0, rate))
    return _join(left, right)


# -- functions


@primitive(np.sin)
def sin(values, moves):
    return _along(moves[0], cos(values[0]))


@primitive(np.cos)
def cos(values, moves):
    return _along(moves[0], _neg(sin(values[0])))


@primitive(np.tan)
def tan(values, moves):
    return _along(moves[0], _add(_pow(tan(values[0]), 2.0), 1.0))


@primitive(np.exp)
def exp(values, moves):
    return _along(moves[0], exp(values[0]))


@primitive(np.log)
def log(values, moves):
    return _div(moves[0], values[0], guard=(True, False))


@primitive(np.sqrt)
def sqrt(values, moves):
    return _div(moves[0], _mul(2.0, sqrt(values[0])), guard=(True, False))


@primitive(np.tanh)
def tanh(values, moves):
    return _along(moves[0], _sub(1.0, _pow(tanh(values[0]), 2.0)))


def _stable(x):
    return np.exp(-np.logaddexp(0.0, -x))


@primitive(_stable)
def sigmoid(values, moves):
    return _along(moves[0], _mul(sigmoid(values[0]), sigmoid(_neg(values[0]))))


@primitive(lambda a, b, cond: np.where(cond, a, b))
def _select(values, moves, cond):
    return _select(*(0.0 if m is STILL else m for m in moves), cond=cond)


def where(cond, a, b):
    return _select(a, b, cond=cond)


@primitive(lambda x: np.maximum(x, 0.0))
def relu(values, moves):
    return where(_root(values[0]) > 0, moves[0], 0.0)


@primitive(np.maximum)
def maximum(values, moves):
    a, b = map(_root, values)
    da, db = (0.0 if m is STILL else m for m in moves)
    ahead = where((a > b) | np.isnan(a), da, db)
    return where(a == b, _add(_mul(da, 0.5), _mul(db, 0.5)), ahead)


_sum = _linear(np.sum)
_reshape = _linear(lambda x, shape: np.reshape(x, shape))
_transpose = _linear(np.transpose)


def sum(x, axis=None, keepdims=False):
    return _sum(x, axis=axis, keepdims=keepdims)


def reshape(x, shape):
    return _reshape(x, shape=shape)


def transpose(x, axes=None):
    return _transpose(x, axes=axes)


@primitive(np.matmul)
def matmul(values, moves):
    (a, b), (da, db) = values, moves
    left = STILL if da is STILL else matmul(da, b)
    right = STILL if db is STILL else matmul(a, db)
    return _join(left, right)


# -- push, and what is made of it

_pushes = 0


def push(f, points, direction):
    """f at the points, and its rate of change in the direction: two lists, and was it a tuple."""
    global _pushes
    _pushes += 1
    tag = _pushes
    seeds = [Dual(p, d, tag) for p, d in zip(points, direction, strict=True)]
    result = f(*seeds)
    several = isinstance(result, tuple)
    values, rates = [], []
    for one in result if several else [result]:
        mine = isinstance(one, Dual) and one.tag == tag
        value = _arr(one.value if mine else one)
        values.append(value)
        rates.append(one.tangent if mine else np.zeros(value.shape))
    return values, rates, several


def jvp(f, primals, tangents):
    if not all(isinstance(t, tuple) for t in (primals, tangents)):
        raise ValueError("tuples, please")
    if len(primals) != len(tangents):
        raise ValueError("a tangent for each primal, please")
    points = [_arr(p) for p in primals]
    direction = [
        _fill(STILL if t is None else _arr(t), p.shape)
        for p, t in zip(points, tangents, strict=True)
    ]
    values, rates, several = push(f, points, direction)
    return (tuple(values), tuple(rates)) if several else (values[0], rates[0])


def derivative(f, x):
    _, (rate,), _ = push(f, [_arr(x)], [np.ones(())])
    return rate


def jacobian(f, x):
    x = _arr(x)
    (value,), _, _ = push(f, [x], [np.zeros(x.shape)])
    rows = []
    for place in reversed(list(np.ndindex(x.shape))):
        basis = np.zeros(x.shape)
        basis[place] = 1.0
        rows.append(jvp(f, (x,), (basis,))[1])
    if not rows:
        return np.zeros(value.shape + x.shape)
    stacked = np.stack(rows[::-1]).reshape(x.shape + value.shape)
    return np.moveaxis(stacked, range(x.ndim), range(-x.ndim, 0))
