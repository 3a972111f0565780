"""Reverse-mode automatic differentiation: first scalars on a tape, then tensors.

Run a program and remember each operation; then go back through them and pass gradients from
results to operands. The contract is in the handout: aisys lab show.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Plain = float | np.ndarray  # an int or a numpy scalar will do where a float does
Axis = int | tuple[int, ...] | None

# -- task 1: scalars on a tape. The class, the entry and the tape are given.

_fresh_number = itertools.count(1)


class Variable:
    """A number with a name. The name is for printing only: two variables may share one."""

    def __init__(self, value: float, name: str | None = None) -> None:
        self.value = float(value)
        self.name = name or f"v{next(_fresh_number)}"

    def __repr__(self) -> str:
        return f"{self.name} = {self.value}"


class Entry(NamedTuple):
    """One operation; propagate takes the adjoint of the output to one for each input."""

    inputs: list[Variable]
    output: Variable
    propagate: Callable[[float], list[float]]


gradient_tape: list[Entry] = []


def reset_tape() -> None:
    """Forget every operation recorded so far."""
    # TODO: task 1
    raise NotImplementedError


def ops_add(a: Variable, b: Variable) -> Variable:
    # TODO: task 1
    raise NotImplementedError


def ops_sub(a: Variable, b: Variable) -> Variable:
    # TODO: task 1
    raise NotImplementedError


def ops_mul(a: Variable, b: Variable) -> Variable:
    # TODO: task 1
    raise NotImplementedError


def ops_sin(a: Variable) -> Variable:
    # TODO: task 1
    raise NotImplementedError


def ops_log(a: Variable) -> Variable:
    """The natural logarithm."""
    # TODO: task 1
    raise NotImplementedError


def variable_grad(l: Variable, results: list[Variable]) -> list[float]:  # noqa: E741
    """dl/dv for each v of results, by going through the tape backwards once."""
    # TODO: task 1
    raise NotImplementedError


class Tensor:
    """A float64 array that knows which operation it comes from, if it needs a gradient."""

    def __init__(self, data: Plain | list, requires_grad: bool = False) -> None:
        """.data is a float64 copy, .grad is None."""
        # TODO: task 2
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def T(self) -> Tensor:  # noqa: N802 - numpy's name
        return transpose(self)

    def __repr__(self) -> str:
        return f"Tensor({self.data}{', requires_grad=True' if self.requires_grad else ''})"

    # -- operators: `other` is a Tensor, a number or an array; shapes broadcast as in numpy

    def __neg__(self) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __add__(self, other: Operand) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __radd__(self, other: Plain) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __sub__(self, other: Operand) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __rsub__(self, other: Plain) -> Tensor:
        """other - self"""
        # TODO: task 2
        raise NotImplementedError

    def __mul__(self, other: Operand) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __rmul__(self, other: Plain) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __truediv__(self, other: Operand) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __rtruediv__(self, other: Plain) -> Tensor:
        """other / self"""
        # TODO: task 2
        raise NotImplementedError

    def __pow__(self, other: Operand) -> Tensor:
        # TODO: task 2
        raise NotImplementedError

    def __rpow__(self, other: Plain) -> Tensor:
        """other ** self"""
        # TODO: task 2
        raise NotImplementedError

    def __matmul__(self, other: Operand) -> Tensor:
        return matmul(self, other)

    def __rmatmul__(self, other: Plain) -> Tensor:
        return matmul(other, self)

    def __getitem__(self, index: int | slice | tuple) -> Tensor:
        """Integers, slices, ... and None; no arrays."""
        # TODO: task 2
        raise NotImplementedError

    # -- the functions below, as methods (given)

    def exp(self) -> Tensor:
        return exp(self)

    def log(self) -> Tensor:
        return log(self)

    def sin(self) -> Tensor:
        return sin(self)

    def cos(self) -> Tensor:
        return cos(self)

    def tanh(self) -> Tensor:
        return tanh(self)

    def relu(self) -> Tensor:
        return relu(self)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return mean(self, axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        return max(self, axis, keepdims)

    def reshape(self, shape: int | tuple[int, ...]) -> Tensor:
        return reshape(self, shape)

    def transpose(self, axes: tuple[int, ...] | None = None) -> Tensor:
        return transpose(self, axes)

    def broadcast_to(self, shape: tuple[int, ...]) -> Tensor:
        return broadcast_to(self, shape)

    def backward(self, grad: Operand | None = None, create_graph: bool = False) -> None:
        """Add to the .grad of every leaf with requires_grad that this tensor rests on."""
        # TODO: task 3
        raise NotImplementedError


Operand = Tensor | Plain

# -- functions: operands are Tensors, numbers or arrays; the result is always a Tensor


def exp(x: Operand) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def log(x: Operand) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def sin(x: Operand) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def cos(x: Operand) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def tanh(x: Operand) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def relu(x: Operand) -> Tensor:
    """The derivative at 0 is 0."""
    # TODO: task 2
    raise NotImplementedError


def where(cond: bool | np.ndarray, a: Operand, b: Operand) -> Tensor:
    """cond, a and b broadcast together; cond is a bool or an array of bool."""
    # TODO: task 2
    raise NotImplementedError


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Entries that share the maximum share its gradient evenly."""
    # TODO: task 2
    raise NotImplementedError


def reshape(x: Operand, shape: int | tuple[int, ...]) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def transpose(x: Operand, axes: tuple[int, ...] | None = None) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def broadcast_to(x: Operand, shape: tuple[int, ...]) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def concatenate(tensors: list[Operand], axis: int = 0) -> Tensor:
    # TODO: task 2
    raise NotImplementedError


def matmul(a: Operand, b: Operand) -> Tensor:
    """numpy's rules for shapes: 1-d, 2-d, and leading axes that broadcast."""
    # TODO: task 2
    raise NotImplementedError


def tensor_grad(
    outputs: Tensor | list[Tensor],
    inputs: Tensor | list[Tensor],
    grad_outputs: Operand | list[Operand | None] | None = None,
    create_graph: bool = False,
) -> list[Tensor]:
    """The gradient of the outputs, weighted by grad_outputs, for each input."""
    # TODO: task 3
    raise NotImplementedError


def grad(outputs, inputs, grad_outputs=None, create_graph=False):
    """grad(l, results) of variables, or of tensors as in the handout (given)."""
    if isinstance(outputs, Variable):
        return variable_grad(outputs, inputs)
    return tensor_grad(outputs, inputs, grad_outputs, create_graph)


class MLP:
    """Linear layers with relu between them."""

    def __init__(self, sizes: list[int], seed: int = 0) -> None:
        # TODO: task 5
        raise NotImplementedError

    def parameters(self) -> list[Tensor]:
        """[W, b, W, b, ...], W of shape (fan_in, fan_out); always the same tensors."""
        # TODO: task 5
        raise NotImplementedError

    def __call__(self, x: Operand) -> Tensor:
        """x of shape (rows, sizes[0]) to logits of shape (rows, sizes[-1])."""
        # TODO: task 5
        raise NotImplementedError


def cross_entropy(logits: Operand, targets: np.ndarray) -> Tensor:
    """The mean over the rows of -log softmax(row)[target]."""
    # TODO: task 5
    raise NotImplementedError


class SGD:
    """v = momentum * v + gradient, parameter -= lr * v."""

    def __init__(self, params: list[Tensor], lr: float, momentum: float = 0.0) -> None:
        # TODO: task 5
        raise NotImplementedError

    def step(self) -> None:
        # TODO: task 5
        raise NotImplementedError

    def zero_grad(self) -> None:
        """The .grad of every parameter becomes None."""
        # TODO: task 5
        raise NotImplementedError
