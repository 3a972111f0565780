"""A wheat: duals as elements of one flat nilpotent algebra.

No nesting. A Dual holds coefficients x_S, one for each set S of tags, and stands for the sum of
x_S * product(eps_t for t in S). A smooth function is applied in one go, by Faa di Bruno's formula:

    g(x)_S = sum over the partitions of S of  g^(number of blocks)(x_{}) * product of the x_block

and for two arguments each block goes to either of them. So every function brings all of its
higher derivatives, and none is written in terms of another.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.polynomial import Polynomial

BODY = frozenset()  # the key of the plain part
_fresh_tag = itertools.count(1).__next__  # 0 is the tag of Duals made by hand


def _f64(x):
    return np.asarray(x, dtype=np.float64)[()]


@lru_cache(maxsize=None)
def _partitions(items: tuple) -> tuple:
    """All set partitions, each a tuple of frozensets."""
    if not items:
        return ((),)
    head, rest = items[0], items[1:]
    out = []
    for size in range(len(rest) + 1):
        for mates in itertools.combinations(rest, size):
            block = frozenset((head, *mates))
            left = tuple(i for i in rest if i not in mates)
            out += [(block, *more) for more in _partitions(left)]
    return tuple(out)


@lru_cache(maxsize=None)
def _subsets(items: tuple) -> tuple:
    """All subsets but the empty one, as sorted tuples."""
    sizes = range(1, len(items) + 1)
    return tuple(itertools.chain.from_iterable(itertools.combinations(items, k) for k in sizes))


def _coefs(x) -> dict:
    return x.coefs if isinstance(x, Dual) else {BODY: _f64(x)}


def _tags(*xs) -> frozenset:
    return frozenset().union(*(x.tags for x in xs if isinstance(x, Dual)))


def _element(coefs: dict, tags: frozenset):
    """A Dual, or the plain body if no tag is left."""
    if not tags:
        return coefs[BODY]
    made = object.__new__(Dual)
    made.coefs, made.tags = coefs, tags
    return made


def _without(x: Dual, tag: int):
    return _element({s: c for s, c in x.coefs.items() if tag not in s}, x.tags - {tag})


def _along(x: Dual, tag: int):
    coefs = {s - {tag}: c for s, c in x.coefs.items() if tag in s}
    coefs.setdefault(BODY, np.zeros(x.shape)[()])
    return _element(coefs, x.tags - {tag})


def _seeded(value, tangent, tag: int) -> tuple:
    """Coefficients and tags of value + tangent * eps_tag."""
    coefs = dict(_coefs(value))
    shape = np.shape(coefs[BODY])
    for s, c in _coefs(tangent).items():
        c = np.broadcast_to(c, shape)[()]
        if tag not in s:
            key = s | {tag}
            coefs[key] = coefs[key] + c if key in coefs else c
    return coefs, _tags(value, tangent) | {tag}


class Dual:
    __slots__ = ("coefs", "tags")
    __hash__ = None
    __array_ufunc__ = None

    def __init__(self, value, tangent):
        self.coefs, self.tags = _seeded(value, tangent, 0)

    @property
    def value(self):
        return _without(self, max(self.tags))

    @property
    def tangent(self):
        return _along(self, max(self.tags))

    shape = property(lambda self: np.shape(self.coefs[BODY]))
    ndim = property(lambda self: np.ndim(self.coefs[BODY]))
    size = property(lambda self: np.size(self.coefs[BODY]))
    T = property(lambda self: transpose(self))

    def __repr__(self):
        terms = (f"{c!r} {sorted(s)}" for s, c in self.coefs.items())
        return "Dual(" + " + ".join(terms) + ")"

    def __neg__(self):
        return _linear(np.negative, self)

    def __add__(self, other):
        return _plus(self, other, 1.0)

    __radd__ = __add__

    def __sub__(self, other):
        return _plus(self, other, -1.0)

    def __rsub__(self, other):
        return _plus(other, self, -1.0)

    def __mul__(self, other):
        return _faa_di_bruno(_times, self, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return _faa_di_bruno(_over, self, other)

    def __rtruediv__(self, other):
        return _faa_di_bruno(_over, other, self)

    def __pow__(self, other):
        return _faa_di_bruno(_power, self, other)

    def __rpow__(self, other):
        return _faa_di_bruno(_power, other, self)

    def __lt__(self, other):
        return np.less(_body(self), _body(other))

    def __le__(self, other):
        return np.less_equal(_body(self), _body(other))

    def __gt__(self, other):
        return np.greater(_body(self), _body(other))

    def __ge__(self, other):
        return np.greater_equal(_body(self), _body(other))

    def __eq__(self, other):
        return np.equal(_body(self), _body(other))

    def __ne__(self, other):
        return np.not_equal(_body(self), _body(other))


def _body(x):
    return _coefs(x)[BODY]


def _linear(g, x):
    """g is linear: it is applied to each coefficient."""
    return _element({s: _f64(g(c)) for s, c in _coefs(x).items()}, _tags(x))


def _plus(a, b, sign: float):
    a, b, tags = _coefs(a), _coefs(b), _tags(a, b)
    shape = np.broadcast_shapes(np.shape(a[BODY]), np.shape(b[BODY]))
    out = {}
    with np.errstate(all="ignore"):
        for s in a.keys() | b.keys():
            left, right = a.get(s), b.get(s)
            if right is None:
                total = left
            elif left is None:
                total = sign * right
            else:
                total = left + sign * right
            out[s] = np.broadcast_to(total, shape)[()]
    return _element(out, tags)


def _faa_di_bruno(derivative_of, *args):
    """derivative_of(orders, *bodies): the mixed partial derivative of these orders."""
    tags = _tags(*args)
    coefs = [_coefs(a) for a in args]
    shape = np.broadcast_shapes(*(np.shape(c[BODY]) for c in coefs))
    coefs = [{s: np.broadcast_to(v, shape)[()] for s, v in c.items()} for c in coefs]
    bodies = [c[BODY] for c in coefs]
    partials = {}

    def partial(orders):
        if orders not in partials:
            partials[orders] = derivative_of(orders, *bodies)
        return partials[orders]

    with np.errstate(all="ignore"):
        out = {BODY: _f64(partial((0,) * len(args)))}
        for subset in _subsets(tuple(sorted(tags))):
            total = None
            for blocks in _partitions(subset):
                for owners in itertools.product(range(len(args)), repeat=len(blocks)):
                    factors = [coefs[i].get(b) for i, b in zip(owners, blocks, strict=True)]
                    if any(f is None for f in factors):
                        continue
                    slope = partial(tuple(owners.count(i) for i in range(len(args))))
                    if slope is None:  # identically zero
                        continue
                    dead = np.zeros(shape, dtype=bool)
                    move = 1.0
                    for f in factors:
                        dead = dead | (f == 0)
                        move = move * f
                    term = np.where(dead, 0.0, slope * move)
                    total = term if total is None else total + term
            if total is not None:
                out[frozenset(subset)] = _f64(total)
    return _element(out, tags)


# -- the derivatives of every order


def _times(orders, x, y):
    match orders:
        case (0, 0):
            return x * y
        case (1, 0):
            return y
        case (0, 1):
            return x
        case (1, 1):
            return 1.0
    return None


def _over(orders, x, y):
    i, j = orders
    if i > 1:
        return None
    top = (x if i == 0 else 1.0) * (-1.0) ** j * math.factorial(j)
    return np.divide(top, y ** (j + 1)) if j else np.divide(top, y)


def _horner(poly, y):
    """poly(y), without numpy's 0 * y on top, which is NaN at inf."""
    total = poly.coef[-1]
    for c in poly.coef[-2::-1]:
        total = total * y + c
    return total


def _power(orders, x, y):
    """d^i/dx^i d^j/dy^j of x ** y, by Leibniz on (y (y-1) .. (y-i+1)) * x**(y-i)."""
    i, j = orders
    if orders == (0, 0):
        return np.power(x, y)
    falling = Polynomial([1.0])
    for k in range(i):
        falling = falling * Polynomial([-float(k), 1.0])
    total = np.zeros(np.shape(x))
    for lower in range(min(i, j) + 1):
        logs = j - lower
        front = math.comb(j, lower) * _horner(falling.deriv(lower) if lower else falling, y)
        term = np.power(x, y - i)
        gone = front == 0
        if logs:
            term = term * np.log(x) ** logs
            gone = gone | ((x == 0) & (y - i >= 0))
        total = total + np.where(gone, 0.0, front * term)
    return total


def _cycle(*functions):
    return lambda orders, x: functions[orders[0] % len(functions)](x)


def _riccati(function, slope):
    """g' = slope(g), slope a polynomial: so is every derivative."""

    def derivative_of(orders, x):
        g, poly = function(x), Polynomial([0.0, 1.0])
        if orders[0] == 0:
            return g
        for _ in range(orders[0]):
            poly = poly.deriv() * slope
        return _horner(poly, g)

    return derivative_of


def _log(orders, x):
    (k,) = orders
    return np.log(x) if k == 0 else (-1.0) ** (k - 1) * math.factorial(k - 1) / x**k


def _sqrt(orders, x):
    (k,) = orders
    if k == 0:
        return np.sqrt(x)
    front = math.prod(0.5 - i for i in range(k))
    return front / (np.sqrt(x) * x ** (k - 1))


def _logistic(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


_sin = _cycle(np.sin, np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x))
_cos = _cycle(np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin)
_exp = _cycle(np.exp)
_tan = _riccati(np.tan, Polynomial([1.0, 0.0, 1.0]))
_tanh = _riccati(np.tanh, Polynomial([1.0, 0.0, -1.0]))
_sigmoid = _riccati(_logistic, Polynomial([0.0, 1.0, -1.0]))


def sin(x):
    return _faa_di_bruno(_sin, x)


def cos(x):
    return _faa_di_bruno(_cos, x)


def tan(x):
    return _faa_di_bruno(_tan, x)


def exp(x):
    return _faa_di_bruno(_exp, x)


def log(x):
    return _faa_di_bruno(_log, x)


def sqrt(x):
    return _faa_di_bruno(_sqrt, x)


def tanh(x):
    return _faa_di_bruno(_tanh, x)


def sigmoid(x):
    return _faa_di_bruno(_sigmoid, x)


def _choose(masks, args):
    """From each argument where its mask says so; the masks exclude each other."""
    coefs = [_coefs(a) for a in args]
    shape = np.broadcast_shapes(*(np.shape(m) for m in masks), *(np.shape(c[BODY]) for c in coefs))
    out = {}
    for s in set().union(*coefs):
        picked = np.zeros(shape)
        for mask, c in zip(masks, coefs, strict=True):
            picked = np.where(mask, c.get(s, 0.0), picked)
        out[s] = _f64(picked)
    return _element(out, _tags(*args))


def relu(x):
    body = _body(x)
    return _choose([(body > 0) | np.isnan(body)], [x]) if not _tags(x) else _relu_dual(x, body)


def _relu_dual(x, body):
    out = _choose([body > 0], [x])
    out.coefs[BODY] = np.maximum(body, 0.0)  # numpy's: NaN stays NaN
    return out


def maximum(a, b):
    x, y = _body(a), _body(b)
    left = (x > y) | np.isnan(x)
    right = ~left & ((y > x) | np.isnan(y))
    tie = ~left & ~right
    with np.errstate(all="ignore"):
        mean = _plus(_linear(lambda c: c / 2, a), _linear(lambda c: c / 2, b), 1.0)
    out = _choose([left, right, tie], [a, b, mean])
    if not _tags(a, b):
        return np.maximum(x, y)
    out.coefs[BODY] = np.maximum(x, y)
    return out


def where(cond, a, b):
    cond = np.asarray(cond, dtype=bool)
    return _choose([cond, ~cond], [a, b])


def sum(x, axis=None, keepdims=False):
    return _linear(lambda c: np.sum(c, axis=axis, keepdims=keepdims), x)


def reshape(x, shape):
    return _linear(lambda c: np.reshape(c, shape), x)


def transpose(x, axes=None):
    return _linear(lambda c: np.transpose(c, axes), x)


def matmul(a, b):
    left, right = _coefs(a), _coefs(b)
    out = {}
    for (s, c), (r, d) in itertools.product(left.items(), right.items()):
        if not s & r:
            term = np.matmul(c, d)
            out[s | r] = _f64(out[s | r] + term if s | r in out else term)
    return _element(out, _tags(a, b))


# -- the drivers


def jvp(f, primals, tangents):
    if not (isinstance(primals, tuple) and isinstance(tangents, tuple)):
        raise ValueError("primals and tangents are tuples")
    if len(primals) != len(tangents):
        raise ValueError("one tangent for each primal")
    tag = _fresh_tag()
    seeds = [
        _element(*_seeded(p, 0.0 if t is None else t, tag))
        for p, t in zip(primals, tangents, strict=True)
    ]
    out = f(*seeds)
    if isinstance(out, tuple):
        split = [_split(one, tag) for one in out]
        return tuple(v for v, _ in split), tuple(t for _, t in split)
    return _split(out, tag)


def _split(out, tag):
    if isinstance(out, Dual):
        return _without(out, tag), _along(out, tag)
    out = _f64(out)
    return out, np.zeros(np.shape(out))[()]


def derivative(f, x):
    return jvp(f, (x,), (1.0,))[1]


def jacobian(f, x):
    x = np.asarray(x, dtype=np.float64)
    shape = np.shape(jvp(f, (x,), (None,))[0])
    out = np.zeros(shape + x.shape)
    for place in np.ndindex(x.shape):
        seed = np.zeros(x.shape)
        seed[place] = 1.0
        out[(..., *place)] = jvp(f, (x,), (seed,))[1]
    return out
