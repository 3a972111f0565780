"""Forward-mode automatic differentiation with dual numbers.

A dual number is value + tangent * eps with eps * eps = 0. Every call of `jvp` has an eps
of its own, numbered by `tag`; inside another call the value and the tangent of a dual may
be duals of an eps that was made before. Only numbers and arrays are at the bottom.
"""

from __future__ import annotations

import itertools
import operator

import numpy as np

_tags = itertools.count(1)


class Dual:
    """A value and its tangent, both float64 and of the same shape."""

    __array_ufunc__ = None  # an array on the left leaves the operator to us
    __hash__ = None

    def __init__(self, value, tangent, tag=0):
        self.value = _number(value)
        self.tangent = _number(tangent)
        self.tag = tag
        if self.tangent.shape != self.value.shape:
            self.tangent = self.tangent + np.zeros(self.value.shape)
        if self.tangent.shape != self.value.shape:
            raise ValueError(f"a tangent of shape {np.shape(tangent)} for value {self.shape}")

    shape = property(lambda self: self.value.shape)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    T = property(lambda self: transpose(self))

    def __repr__(self):
        return f"Dual({self.value}, {self.tangent})"

    def __neg__(self):
        return Dual(-self.value, -self.tangent, self.tag)

    def __add__(self, other):
        return _binary(operator.add, lambda a, b: (1.0, 1.0), self, other)

    def __sub__(self, other):
        return _binary(operator.sub, lambda a, b: (1.0, -1.0), self, other)

    def __mul__(self, other):
        return _binary(operator.mul, lambda a, b: (b, a), self, other)

    def __truediv__(self, other):
        return _binary(operator.truediv, lambda a, b: (1.0 / b, -a / (b * b)), self, other)

    def __pow__(self, other):
        return _binary(operator.pow, _pow_partials, self, other)

    def __rsub__(self, other):
        return _binary(operator.sub, lambda a, b: (1.0, -1.0), other, self)

    def __rtruediv__(self, other):
        return _binary(operator.truediv, lambda a, b: (1.0 / b, -a / (b * b)), other, self)

    def __rpow__(self, other):
        return _binary(operator.pow, _pow_partials, other, self)

    __radd__ = __add__
    __rmul__ = __mul__

    def __lt__(self, other):
        return _values(self) < _values(other)

    def __le__(self, other):
        return _values(self) <= _values(other)

    def __gt__(self, other):
        return _values(self) > _values(other)

    def __ge__(self, other):
        return _values(self) >= _values(other)

    def __eq__(self, other):
        return _values(self) == _values(other)

    def __ne__(self, other):
        return _values(self) != _values(other)


# -- the chain rule ----------------------------------------------------------


def _number(x):
    return x if isinstance(x, Dual) else np.asarray(x, dtype=np.float64)


def _values(x):
    """The numbers at the bottom."""
    return _values(x.value) if isinstance(x, Dual) else x


def _tag(x):
    return x.tag if isinstance(x, Dual) else -1


def _split(x, tag):
    """Value and tangent of x with respect to the eps of `tag`."""
    if _tag(x) == tag and tag >= 0:
        return x.value, x.tangent
    x = _number(x)
    return x, np.zeros(x.shape)


def _times(derivative, tangent):
    """derivative * tangent, where a tangent of 0 gives 0 even if the derivative is infinite."""
    tag = max(_tag(derivative), _tag(tangent))
    if tag < 0:
        with np.errstate(invalid="ignore"):
            return np.where(tangent == 0.0, 0.0, derivative * tangent)
    (a, da), (b, db) = _split(derivative, tag), _split(tangent, tag)
    return Dual(_times(a, b), _times(da, b) + _times(a, db), tag)


def _unary(x, function, derivative):
    """function(x); both are called on what lies one level below x."""
    with np.errstate(divide="ignore", invalid="ignore"):
        value, tangent = _split(x, x.tag)
        return Dual(function(value), _times(derivative(value), tangent), x.tag)


def _binary(function, partials, a, b):
    """function(a, b); partials(a, b) are its derivatives in a and in b."""
    tag = max(_tag(a), _tag(b))
    (a, da), (b, db) = _split(a, tag), _split(b, tag)
    with np.errstate(divide="ignore", invalid="ignore"):
        in_a, in_b = partials(a, b)
        return Dual(function(a, b), _times(in_a, da) + _times(in_b, db), tag)


def _pow_partials(a, b):
    a, b = _number(a), _number(b)
    in_a = where((a == 0.0) & (b == 0.0), 0.0, b * a ** (b - 1.0))
    in_b = where((a == 0.0) & (b >= 0.0), 0.0, a**b * log(a))
    return in_a, in_b


# -- functions ---------------------------------------------------------------


def sin(x):
    return _unary(x, sin, cos) if isinstance(x, Dual) else np.sin(_number(x))


def cos(x):
    return _unary(x, cos, lambda v: -sin(v)) if isinstance(x, Dual) else np.cos(_number(x))


def tan(x):
    if isinstance(x, Dual):
        return _unary(x, tan, lambda v: 1.0 + tan(v) * tan(v))
    return np.tan(_number(x))


def exp(x):
    return _unary(x, exp, exp) if isinstance(x, Dual) else np.exp(_number(x))


def log(x):
    return _unary(x, log, lambda v: 1.0 / v) if isinstance(x, Dual) else np.log(_number(x))


def sqrt(x):
    if isinstance(x, Dual):
        return _unary(x, sqrt, lambda v: 0.5 / sqrt(v))
    return np.sqrt(_number(x))


def tanh(x):
    if isinstance(x, Dual):
        return _unary(x, tanh, lambda v: 1.0 - tanh(v) * tanh(v))
    return np.tanh(_number(x))


def sigmoid(x):
    return 0.5 * tanh(0.5 * x) + 0.5  # never overflows


def relu(x):
    return where(x > 0.0, x, 0.0)


def maximum(a, b):
    return where(a > b, a, where(b > a, b, 0.5 * a + 0.5 * b))


def where(cond, a, b):
    tag = max(_tag(a), _tag(b))
    if tag < 0:
        return np.where(cond, _number(a), _number(b))
    (a, da), (b, db) = _split(a, tag), _split(b, tag)
    return Dual(where(cond, a, b), where(cond, da, db), tag)


def sum(x, axis=None, keepdims=False):
    if isinstance(x, Dual):
        return Dual(sum(x.value, axis, keepdims), sum(x.tangent, axis, keepdims), x.tag)
    return np.sum(_number(x), axis=axis, keepdims=keepdims)


def reshape(x, shape):
    if isinstance(x, Dual):
        return Dual(reshape(x.value, shape), reshape(x.tangent, shape), x.tag)
    return np.reshape(_number(x), shape)


def transpose(x, axes=None):
    if isinstance(x, Dual):
        return Dual(transpose(x.value, axes), transpose(x.tangent, axes), x.tag)
    return np.transpose(_number(x), axes)


def matmul(a, b):
    tag = max(_tag(a), _tag(b))
    if tag < 0:
        return np.matmul(_number(a), _number(b))
    (a, da), (b, db) = _split(a, tag), _split(b, tag)
    return Dual(matmul(a, b), matmul(da, b) + matmul(a, db), tag)


# -- derivatives -------------------------------------------------------------


def jvp(f, primals, tangents):
    if len(primals) != len(tangents):
        raise ValueError(f"{len(primals)} primals but {len(tangents)} tangents")
    tag = next(_tags)
    out = f(*(Dual(p, 0.0 if t is None else t, tag) for p, t in zip(primals, tangents)))
    if not isinstance(out, tuple):
        return _split(out, tag)
    pairs = [_split(one, tag) for one in out]
    return tuple(value for value, _ in pairs), tuple(tangent for _, tangent in pairs)


def derivative(f, x):
    return jvp(f, (x,), (1.0,))[1]


def jacobian(f, x):
    x = _number(x)
    shape = jvp(f, (x,), (None,))[0].shape
    result = np.empty((*shape, x.size))
    for i, direction in enumerate(np.eye(x.size)):
        result[..., i] = jvp(f, (x,), (direction.reshape(x.shape),))[1]
    return result.reshape(shape + x.shape)
