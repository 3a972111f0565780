"""Forward-mode automatic differentiation with dual numbers.

A dual number is value + tangent * eps, where eps * eps = 0. Run a function on duals and its
derivative comes out beside its value. The contract is in the handout: aisys lab show.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Plain = float | np.ndarray  # an int or a numpy scalar will do where a float does
Mask = bool | np.ndarray
Axis = int | tuple[int, ...] | None


class Dual:
    """A value and its tangent: float64, both of the value's shape."""

    __hash__ = None  # == compares entries, so a Dual is no key

    def __init__(self, value: Operand, tangent: Operand) -> None:
        """Both become float64; the tangent is broadcast to the value's shape, or ValueError."""
        # TODO: task 1
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        return np.ndim(self.value)

    @property
    def size(self) -> int:
        return np.size(self.value)

    @property
    def T(self) -> Dual:  # noqa: N802 - numpy's name
        return transpose(self)

    def __neg__(self) -> Dual:
        # TODO: task 1
        raise NotImplementedError

    # -- arithmetic: `other` is a Dual, a number or an array; shapes broadcast as in numpy

    def __add__(self, other: Operand) -> Dual:
        # TODO: task 1
        raise NotImplementedError

    def __radd__(self, other: Plain) -> Dual:
        # TODO: task 1
        raise NotImplementedError

    def __sub__(self, other: Operand) -> Dual:
        # TODO: task 1
        raise NotImplementedError

    def __rsub__(self, other: Plain) -> Dual:
        """other - self"""
        # TODO: task 1
        raise NotImplementedError

    def __mul__(self, other: Operand) -> Dual:
        """(a + a' eps) * (b + b' eps)"""
        # TODO: task 1
        raise NotImplementedError

    def __rmul__(self, other: Plain) -> Dual:
        # TODO: task 1
        raise NotImplementedError

    def __truediv__(self, other: Operand) -> Dual:
        # TODO: task 1
        raise NotImplementedError

    def __rtruediv__(self, other: Plain) -> Dual:
        """other / self"""
        # TODO: task 1
        raise NotImplementedError

    def __pow__(self, other: Operand) -> Dual:
        """Tangent y x**(y-1) x' + x**y log(x) y', with the handout's conventions at 0."""
        # TODO: task 1
        raise NotImplementedError

    def __rpow__(self, other: Plain) -> Dual:
        """other ** self"""
        # TODO: task 1
        raise NotImplementedError

    # -- comparisons look at the value only and give a bool or an array of bool

    def __lt__(self, other: Operand) -> Mask:
        raise NotImplementedError  # TODO: task 1

    def __le__(self, other: Operand) -> Mask:
        raise NotImplementedError  # TODO: task 1

    def __gt__(self, other: Operand) -> Mask:
        raise NotImplementedError  # TODO: task 1

    def __ge__(self, other: Operand) -> Mask:
        raise NotImplementedError  # TODO: task 1

    def __eq__(self, other: Operand) -> Mask:
        raise NotImplementedError  # TODO: task 1

    def __ne__(self, other: Operand) -> Mask:
        raise NotImplementedError  # TODO: task 1


Operand = Dual | Plain

# -- functions: a Dual if an input is one, else numpy's plain float64 result


def sin(x: Operand) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def cos(x: Operand) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def tan(x: Operand) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def exp(x: Operand) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def log(x: Operand) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def sqrt(x: Operand) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def tanh(x: Operand) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def sigmoid(x: Operand) -> Operand:
    """1 / (1 + exp(-x)), for large |x| too."""
    # TODO: task 2
    raise NotImplementedError


def relu(x: Operand) -> Operand:
    """The derivative at 0 is 0."""
    # TODO: task 2
    raise NotImplementedError


def maximum(a: Operand, b: Operand) -> Operand:
    """Where a equals b, each gets half of the derivative."""
    # TODO: task 2
    raise NotImplementedError


def where(cond: Mask, a: Operand, b: Operand) -> Operand:
    """The tangent is selected like the value: nothing comes from the branch not taken."""
    # TODO: task 2
    raise NotImplementedError


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def reshape(x: Operand, shape: int | tuple[int, ...]) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def transpose(x: Operand, axes: tuple[int, ...] | None = None) -> Operand:
    # TODO: task 2
    raise NotImplementedError


def matmul(a: Operand, b: Operand) -> Operand:
    """numpy's rules for shapes: 1-d, 2-d and batched. The tangent is A' B + A B'."""
    # TODO: task 2
    raise NotImplementedError


def derivative(f: Callable, x: float) -> float:
    """f'(x) for a function of one float that returns one float."""
    # TODO: task 3
    raise NotImplementedError


def jvp(f: Callable, primals: tuple, tangents: tuple) -> tuple:
    """(value, tangent) of f(*primals); two tuples if f returns a tuple. None: a zero tangent."""
    # TODO: task 3
    raise NotImplementedError


def jacobian(f: Callable, x: Plain) -> np.ndarray:
    """d out[i] / d x[j] at [i, j]: shape out.shape + x.shape, one forward sweep per entry of x."""
    # TODO: task 3
    raise NotImplementedError
