"""Dual numbers on Python's floats: right for one number, without any array."""

import math


class Dual:
    __hash__ = None
    shape = ()
    ndim = 0
    size = 1

    def __init__(self, value, tangent):
        self.value = float(value)
        self.tangent = float(tangent)

    def __neg__(self):
        return Dual(-self.value, -self.tangent)

    def __add__(self, other):
        other = lift(other)
        return Dual(self.value + other.value, self.tangent + other.tangent)

    def __sub__(self, other):
        other = lift(other)
        return Dual(self.value - other.value, self.tangent - other.tangent)

    def __mul__(self, other):
        other = lift(other)
        return Dual(
            self.value * other.value, self.tangent * other.value + self.value * other.tangent
        )

    def __truediv__(self, other):
        other = lift(other)
        top = self.tangent * other.value - self.value * other.tangent
        return Dual(self.value / other.value, top / other.value**2)

    def __pow__(self, other):
        other = lift(other)
        value = self.value**other.value
        tangent = 0.0
        if other.value != 0:
            tangent += other.value * self.value ** (other.value - 1) * self.tangent
        if other.tangent != 0 and self.value != 0:
            tangent += value * math.log(self.value) * other.tangent
        return Dual(value, tangent)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return lift(other) - self

    def __rtruediv__(self, other):
        return lift(other) / self

    def __rpow__(self, other):
        return lift(other) ** self

    def __lt__(self, other):
        return self.value < lift(other).value

    def __le__(self, other):
        return self.value <= lift(other).value

    def __gt__(self, other):
        return self.value > lift(other).value

    def __ge__(self, other):
        return self.value >= lift(other).value

    def __eq__(self, other):
        return self.value == lift(other).value

    def __ne__(self, other):
        return self.value != lift(other).value


def lift(x):
    return x if isinstance(x, Dual) else Dual(x, 0.0)


def elementary(function, slope):
    def wrapped(x):
        if not isinstance(x, Dual):
            return function(float(x))
        return Dual(function(x.value), slope(x.value) * x.tangent)

    return wrapped


def logistic(x):
    return 0.5 * math.tanh(0.5 * x) + 0.5


sin = elementary(math.sin, math.cos)
cos = elementary(math.cos, lambda x: -math.sin(x))
tan = elementary(math.tan, lambda x: 1 + math.tan(x) ** 2)
exp = elementary(math.exp, math.exp)
log = elementary(math.log, lambda x: 1 / x)
sqrt = elementary(math.sqrt, lambda x: 0.5 / math.sqrt(x))
tanh = elementary(math.tanh, lambda x: 1 - math.tanh(x) ** 2)
sigmoid = elementary(logistic, lambda x: logistic(x) * (1 - logistic(x)))
relu = elementary(lambda x: max(x, 0.0), lambda x: float(x > 0))


def maximum(a, b):
    if a == b:
        return 0.5 * a + 0.5 * b
    return a if a > b else b


def where(cond, a, b):
    return a if cond else b


def sum(x, axis=None, keepdims=False):
    return x


def reshape(x, shape):
    return x


def transpose(x, axes=None):
    return x


def matmul(a, b):
    return a * b


def jvp(f, primals, tangents):
    if len(primals) != len(tangents):
        raise ValueError("primals and tangents differ in length")
    pairs = zip(primals, tangents, strict=True)
    out = f(*(Dual(p, 0.0 if t is None else t) for p, t in pairs))
    if isinstance(out, tuple):
        duals = [lift(one) for one in out]
        return tuple(d.value for d in duals), tuple(d.tangent for d in duals)
    out = lift(out)
    return out.value, out.tangent


def derivative(f, x):
    return jvp(f, (x,), (1.0,))[1]


def jacobian(f, x):
    return derivative(f, x)
