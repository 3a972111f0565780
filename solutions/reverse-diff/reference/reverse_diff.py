"""Reverse-mode automatic differentiation: scalars on a tape, then tensors in a graph.

Every tensor that rests on one with requires_grad keeps its operands and a function that
takes the gradient of the result to those of the operands. That function is itself written
with operators on tensors, so that gradients can be differentiated again.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from typing import NamedTuple

import numpy as np

# -- task 1: scalars on a tape -----------------------------------------------

_names = itertools.count(1)


class Variable:
    def __init__(self, value, name=None):
        self.value = float(value)
        self.name = name or f"v{next(_names)}"


class Entry(NamedTuple):
    inputs: list
    output: Variable
    propagate: object


gradient_tape = []


def reset_tape():
    gradient_tape.clear()


def _on_tape(value, inputs, propagate):
    output = Variable(value)
    gradient_tape.append(Entry(inputs, output, propagate))
    return output


def ops_add(a, b):
    return _on_tape(a.value + b.value, [a, b], lambda g: [g, g])


def ops_sub(a, b):
    return _on_tape(a.value - b.value, [a, b], lambda g: [g, -g])


def ops_mul(a, b):
    return _on_tape(a.value * b.value, [a, b], lambda g: [g * b.value, g * a.value])


def ops_sin(a):
    return _on_tape(math.sin(a.value), [a], lambda g: [g * math.cos(a.value)])


def ops_log(a):
    return _on_tape(math.log(a.value), [a], lambda g: [g / a.value])


def variable_grad(l, results):  # noqa: E741
    adjoints = {l: 1.0}
    for entry in reversed(gradient_tape):
        if entry.output in adjoints:
            contributions = entry.propagate(adjoints[entry.output])
            for variable, contribution in zip(entry.inputs, contributions):
                adjoints[variable] = adjoints.get(variable, 0.0) + contribution
    return [adjoints.get(variable, 0.0) for variable in results]


# -- task 2: tensors ---------------------------------------------------------

_recording = True


@contextlib.contextmanager
def _record_if(wanted):
    global _recording
    before, _recording = _recording, wanted
    try:
        yield
    finally:
        _recording = before


class Tensor:
    __array_ufunc__ = None  # an array on the left leaves the operator to us

    def __init__(self, data, requires_grad=False):
        self.data = np.array(data, dtype=np.float64)
        self.requires_grad = requires_grad
        self.grad = None
        self._inputs = ()
        self._vjp = None

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    T = property(lambda self: transpose(self))

    def __repr__(self):
        return f"Tensor({self.data})"

    def __neg__(self):
        return _result(-self.data, [self], lambda g: [-g])

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

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __getitem__(self, index):
        shape = self.shape
        return _result(self.data[index], [self], lambda g: [_scatter(g, index, shape)])

    def exp(self):
        return exp(self)

    def log(self):
        return log(self)

    def sin(self):
        return sin(self)

    def cos(self):
        return cos(self)

    def tanh(self):
        return tanh(self)

    def relu(self):
        return relu(self)

    def sum(self, axis=None, keepdims=False):
        return sum(self, axis, keepdims)

    def mean(self, axis=None, keepdims=False):
        return mean(self, axis, keepdims)

    def max(self, axis=None, keepdims=False):
        return max(self, axis, keepdims)

    def reshape(self, shape):
        return reshape(self, shape)

    def transpose(self, axes=None):
        return transpose(self, axes)

    def broadcast_to(self, shape):
        return broadcast_to(self, shape)

    def backward(self, grad=None, create_graph=False):
        if not self.requires_grad:
            raise RuntimeError("this tensor rests on nothing that requires a gradient")
        with _record_if(create_graph):
            order, adjoints = _sweep([self], [grad])
            for tensor in order:
                if tensor._vjp is None and tensor.requires_grad:
                    found = _copy(adjoints[id(tensor)])
                    tensor.grad = found if tensor.grad is None else tensor.grad + found


def _tensor(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def _result(data, inputs, vjp):
    """A tensor of this data; vjp(g) is a list, the gradient for each input."""
    out = Tensor(data)
    if _recording and any(one.requires_grad for one in inputs):
        out.requires_grad, out._inputs, out._vjp = True, inputs, vjp
    return out


def _copy(x):
    return _result(x.data, [x], lambda g: [g])


def _unbroadcast(g, shape):
    """The sum over every axis along which an operand of this shape was repeated."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    axes = [extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1]
    return reshape(sum(g, axis=(*range(extra), *axes)), shape)


def _binary(function, partials, a, b):
    """partials(g, a, b) has the two gradients before the broadcasting is undone."""
    a, b = _tensor(a), _tensor(b)

    def vjp(g):
        wanted = zip(partials, (a, b))
        return [_unbroadcast(p(g, a, b), x.shape) if x.requires_grad else None for p, x in wanted]

    with np.errstate(all="ignore"):
        return _result(function(a.data, b.data), [a, b], vjp)


def _add(a, b):
    return _binary(np.add, (lambda g, a, b: g, lambda g, a, b: g), a, b)


def _sub(a, b):
    return _binary(np.subtract, (lambda g, a, b: g, lambda g, a, b: -g), a, b)


def _mul(a, b):
    return _binary(np.multiply, (lambda g, a, b: g * b, lambda g, a, b: g * a), a, b)


def _div(a, b):
    partials = (lambda g, a, b: g / b, lambda g, a, b: -g * a / (b * b))
    return _binary(np.divide, partials, a, b)


def _pow(a, b):
    def in_a(g, a, b):
        return g * where(b.data == 0.0, 0.0, b * a ** (b - 1.0))

    return _binary(np.power, (in_a, lambda g, a, b: g * a**b * log(a)), a, b)


def _scatter(g, index, shape):
    """Zeros of this shape with g at the index."""
    data = np.zeros(shape)
    data[index] = g.data
    return _result(data, [g], lambda u: [u[index]])


def _unary(x, function, vjp):
    with np.errstate(all="ignore"):
        return _result(function(x.data), [x], vjp)


def exp(x):
    x = _tensor(x)
    return _unary(x, np.exp, lambda g: [g * exp(x)])


def log(x):
    x = _tensor(x)
    return _unary(x, np.log, lambda g: [g / x])


def sin(x):
    x = _tensor(x)
    return _unary(x, np.sin, lambda g: [g * cos(x)])


def cos(x):
    x = _tensor(x)
    return _unary(x, np.cos, lambda g: [-g * sin(x)])


def tanh(x):
    x = _tensor(x)

    def vjp(g):
        y = tanh(x)
        return [g * (1.0 - y * y)]

    return _unary(x, np.tanh, vjp)


def relu(x):
    x = _tensor(x)
    return where(x.data > 0.0, x, 0.0)


def where(cond, a, b):
    cond = np.asarray(cond)
    partials = (lambda g, a, b: where(cond, g, 0.0), lambda g, a, b: where(cond, 0.0, g))
    return _binary(lambda a, b: np.where(cond, a, b), partials, a, b)


def _kept(shape, axis):
    """The shape that keepdims=True gives."""
    axes = range(len(shape)) if axis is None else np.atleast_1d(np.array(axis, int)) % len(shape)
    return tuple(1 if i in axes else n for i, n in enumerate(shape))


def sum(x, axis=None, keepdims=False):
    x = _tensor(x)

    def vjp(g):
        return [broadcast_to(reshape(g, _kept(x.shape, axis)), x.shape)]

    return _result(np.sum(x.data, axis=axis, keepdims=keepdims), [x], vjp)


def mean(x, axis=None, keepdims=False):
    total = sum(x, axis, keepdims)
    with np.errstate(all="ignore"):
        return total / (np.float64(_tensor(x).size) / total.size if total.size else 1.0)


def max(x, axis=None, keepdims=False):
    x = _tensor(x)
    top = np.max(x.data, axis=axis, keepdims=True)
    ties = x.data == top

    def vjp(g):
        share = ties / np.sum(ties, axis=axis, keepdims=True)
        return [reshape(g, top.shape) * share]

    return _result(np.max(x.data, axis=axis, keepdims=keepdims), [x], vjp)


def reshape(x, shape):
    x = _tensor(x)
    return _result(np.reshape(x.data, shape), [x], lambda g: [reshape(g, x.shape)])


def transpose(x, axes=None):
    x = _tensor(x)
    back = None if axes is None else np.argsort(np.array(axes, int) % max_rank(x))
    return _result(np.transpose(x.data, axes), [x], lambda g: [transpose(g, back)])


def max_rank(x):
    return x.ndim or 1


def broadcast_to(x, shape):
    x = _tensor(x)
    return _result(np.broadcast_to(x.data, shape), [x], lambda g: [_unbroadcast(g, x.shape)])


def concatenate(tensors, axis=0):
    tensors = [_tensor(one) for one in tensors]
    ends = np.cumsum([one.shape[axis] for one in tensors])

    def vjp(g):
        front = (slice(None),) * (axis % g.ndim)
        pieces = zip(tensors, ends)
        return [g[(*front, slice(end - one.shape[axis], end))] for one, end in pieces]

    return _result(np.concatenate([one.data for one in tensors], axis), tensors, vjp)


def matmul(a, b):
    a, b = _tensor(a), _tensor(b)
    rows = reshape(a, (1, -1)) if a.ndim == 1 else a
    columns = reshape(b, (-1, 1)) if b.ndim == 1 else b
    value = np.matmul(a.data, b.data)
    product = _binary(
        np.matmul,
        (lambda g, a, b: matmul(g, _swapped(b)), lambda g, a, b: matmul(_swapped(a), g)),
        rows,
        columns,
    )
    return reshape(product, value.shape) if product.shape != value.shape else product


def _swapped(x):
    """The last two axes exchanged."""
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


# -- task 3: backward and grad -----------------------------------------------


def _seed(output, grad):
    if grad is None:
        if output.size != 1:
            raise RuntimeError(f"an output of shape {output.shape} needs a start gradient")
        return Tensor(np.ones(output.shape))
    seed = _tensor(grad)
    if seed.shape != output.shape:
        raise RuntimeError(f"a gradient of shape {seed.shape} for an output of {output.shape}")
    return seed


def _topological(roots):
    """What the roots rest on: every tensor behind all that use it."""
    uses = {id(root): 0 for root in roots}
    found = list({id(root): root for root in roots}.values())
    for tensor in found:  # grows while it is gone through
        for one in tensor._inputs:
            if id(one) not in uses:
                uses[id(one)] = 0
                found.append(one)
            uses[id(one)] += 1
    order = [tensor for tensor in found if uses[id(tensor)] == 0]
    for tensor in order:
        for one in tensor._inputs:
            uses[id(one)] -= 1
            if uses[id(one)] == 0:
                order.append(one)
    return order


def _sweep(outputs, grads):
    """Every tensor under the outputs, and the adjoints of those that need one, by id."""
    adjoints = {}

    def add(tensor, gradient):
        before = adjoints.get(id(tensor))
        adjoints[id(tensor)] = gradient if before is None else before + gradient

    seeds = [_seed(output, grad) for output, grad in zip(outputs, grads)]
    for output, seed in zip(outputs, seeds):
        add(output, seed)
    order = _topological(outputs)
    for tensor in order:
        if tensor._vjp is not None:
            for one, gradient in zip(tensor._inputs, tensor._vjp(adjoints[id(tensor)])):
                if one.requires_grad:
                    add(one, gradient)
    return order, adjoints


def tensor_grad(outputs, inputs, grad_outputs=None, create_graph=False):
    outputs, inputs = _list(outputs), _list(inputs)
    grads = [None] * len(outputs) if grad_outputs is None else _list(grad_outputs)
    if len(grads) != len(outputs):
        raise RuntimeError(f"{len(grads)} start gradients for {len(outputs)} outputs")
    if not all(one.requires_grad for one in inputs):
        raise RuntimeError("an input does not require a gradient")
    with _record_if(create_graph):
        _, adjoints = _sweep(outputs, grads)
        return [
            _copy(adjoints[id(one)]) if id(one) in adjoints else Tensor(np.zeros(one.shape))
            for one in inputs
        ]


def _list(x):
    return list(x) if isinstance(x, list | tuple) else [x]


def grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if isinstance(outputs, Variable):
        return variable_grad(outputs, inputs)
    return tensor_grad(outputs, inputs, grad_outputs, create_graph)


# -- task 5: a network and its training --------------------------------------


class MLP:
    def __init__(self, sizes, seed=0):
        rng = np.random.default_rng(seed)
        self.layers = [
            (
                Tensor(rng.standard_normal((n, m)) * np.sqrt(2.0 / n), requires_grad=True),
                Tensor(np.zeros(m), requires_grad=True),
            )
            for n, m in itertools.pairwise(sizes)
        ]

    def parameters(self):
        return [parameter for layer in self.layers for parameter in layer]

    def __call__(self, x):
        for i, (weight, bias) in enumerate(self.layers):
            x = (relu(x) if i else x) @ weight + bias
        return x


def cross_entropy(logits, targets):
    logits = _tensor(logits)
    rows = logits - np.max(logits.data, axis=1, keepdims=True)
    chosen = np.eye(logits.shape[1])[np.asarray(targets)]
    return mean(log(sum(exp(rows), axis=1)) - sum(rows * chosen, axis=1))


class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.velocities = [0.0] * len(self.params)

    def step(self):
        for i, parameter in enumerate(self.params):
            if parameter.grad is not None:
                self.velocities[i] = self.momentum * self.velocities[i] + parameter.grad.data
                parameter.data = parameter.data - self.lr * self.velocities[i]

    def zero_grad(self):
        for parameter in self.params:
            parameter.grad = None
