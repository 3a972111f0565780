"""Operators in a table of names; nodes are numbered, and a heap hands out the youngest."""

from __future__ import annotations

import heapq
import math
import operator

import numpy as np


class Variable:
    made = 0

    def __init__(self, value, name=None):
        Variable.made += 1
        self.number, self.value = Variable.made, float(value)
        self.name = name or f"v{self.number}"


gradient_tape = []  # [number of the output, operation, operands]

SCALARS = {
    "add": (operator.add, lambda a, b: (1.0, 1.0)),
    "sub": (operator.sub, lambda a, b: (1.0, -1.0)),
    "mul": (operator.mul, lambda a, b: (b, a)),
    "sin": (math.sin, lambda a: (math.cos(a),)),
    "log": (math.log, lambda a: (1.0 / a,)),
}


def reset_tape():
    gradient_tape.clear()


def _scalar(operation):
    def run(*operands):
        out = Variable(SCALARS[operation][0](*(x.value for x in operands)))
        gradient_tape.append((out.number, operation, operands))
        return out

    return run


ops_add, ops_sub, ops_mul, ops_sin, ops_log = map(_scalar, SCALARS)


def variable_grad(l, results):  # noqa: E741
    adjoints = dict.fromkeys((v.number for v in results), 0.0)
    adjoints[l.number] = 1.0
    for number, operation, operands in reversed(gradient_tape):
        if number > l.number or not adjoints.get(number):
            continue
        slopes = SCALARS[operation][1](*(x.value for x in operands))
        for x, slope in zip(operands, slopes, strict=True):
            adjoints[x.number] = adjoints.get(x.number, 0.0) + adjoints[number] * slope
    return [adjoints[v.number] for v in results]


# -- tensors -----------------------------------------------------------------


class Tensor:
    __array_ufunc__ = None
    made = 0
    recording = True

    def __init__(self, data, requires_grad=False):
        Tensor.made += 1
        self.number = Tensor.made
        self.data = np.array(data, np.float64)
        self.requires_grad, self.grad, self.record = requires_grad, None, None

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    T = property(lambda self: transpose(self))

    def __getitem__(self, index):
        return run("index", self, index=index)

    def backward(self, grad=None, create_graph=False):
        if not self.requires_grad:
            raise RuntimeError("this tensor is a constant")
        before = Tensor.recording
        leaves = sweep([self], [grad], None, create_graph)
        Tensor.recording = create_graph
        for leaf, g in leaves:
            leaf.grad = run("same", g) if leaf.grad is None else leaf.grad + g
        Tensor.recording = before


def constant(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def run(name, *operands, **facts):
    operands = [constant(x) for x in operands]
    with np.errstate(all="ignore"):
        out = Tensor(TABLE[name][0](*(x.data for x in operands), **facts))
    out.requires_grad = Tensor.recording and any(x.requires_grad for x in operands)
    if out.requires_grad:
        out.record = (name, operands, facts)
    return out


def like(g, x):
    """g summed until it has the shape of x."""
    if g.shape == x.shape:
        return g
    wide = (1,) * (g.ndim - x.ndim) + x.shape
    axes = [k for k, (n, m) in enumerate(zip(wide, g.shape, strict=True)) if n != m]
    return run("reshape", run("sum", g, axis=tuple(axes), keepdims=True), shape=x.shape)


def power_in_base(g, a, b):
    return g * where(b.data == 0, 0, b * a ** where(b.data == 0, 1, b - 1))


def kept(x, axis):
    return np.sum(np.zeros(x.shape), axis=axis, keepdims=True).shape


def scattered(x, index, shape):
    out = np.zeros(shape)
    out[index] = x
    return out


def max_vjp(g, x, axis, keepdims):
    top = np.max(x.data, axis=axis, keepdims=True)
    hit = x.data == top
    return [reshape(g, top.shape) * (hit / np.sum(hit, axis=axis, keepdims=True))]


def transpose_vjp(g, x, axes):
    back = np.empty(x.ndim, int)
    back[list(axes)] = range(x.ndim)
    return [transpose(g, tuple(back))]


def concatenate_vjp(g, *xs, axis):
    ends = np.cumsum([0] + [x.shape[axis] for x in xs])
    lead = [slice(None)] * (axis if axis >= 0 else axis + g.ndim)
    return [g[(*lead, slice(a, b))] for a, b in zip(ends, ends[1:], strict=False)]


# name: numpy's function, and the gradients for the operands from that of the result
TABLE = {
    "same": (lambda x: x, lambda g, x: [g]),
    "neg": (np.negative, lambda g, x: [-g]),
    "add": (np.add, lambda g, a, b: [like(g, a), like(g, b)]),
    "sub": (np.subtract, lambda g, a, b: [like(g, a), like(-g, b)]),
    "mul": (np.multiply, lambda g, a, b: [like(g * b, a), like(g * a, b)]),
    "truediv": (np.divide, lambda g, a, b: [like(g / b, a), like(-g * (a / b) / b, b)]),
    "pow": (
        np.power,
        lambda g, a, b: [
            like(power_in_base(g, a, b), a) if a.requires_grad else None,
            like(g * a**b * log(a), b) if b.requires_grad else None,
        ],
    ),
    "exp": (np.exp, lambda g, x: [g * exp(x)]),
    "log": (np.log, lambda g, x: [g / x]),
    "sin": (np.sin, lambda g, x: [g * cos(x)]),
    "cos": (np.cos, lambda g, x: [-g * sin(x)]),
    "tanh": (np.tanh, lambda g, x: [g * (1 - tanh(x)) * (1 + tanh(x))]),
    "relu": (lambda x: np.where(x > 0, x, 0.0), lambda g, x: [where(x.data > 0, g, 0)]),
    "where": (
        lambda a, b, cond: np.where(cond, a, b),
        lambda g, a, b, cond: [like(where(cond, g, 0), a), like(where(cond, 0, g), b)],
    ),
    "sum": (
        np.sum,
        lambda g, x, axis, keepdims: [broadcast_to(reshape(g, kept(x, axis)), x.shape)],
    ),
    "max": (np.max, max_vjp),
    "reshape": (lambda x, shape: x.reshape(shape), lambda g, x, shape: [reshape(g, x.shape)]),
    "transpose": (np.transpose, transpose_vjp),
    "broadcast_to": (np.broadcast_to, lambda g, x, shape: [like(g, x)]),
    "index": (
        lambda x, index: x[index],
        lambda g, x, index: [run("scatter", g, index=index, shape=x.shape)],
    ),
    "scatter": (scattered, lambda g, x, index, shape: [g[index]]),
    "concatenate": (lambda *xs, axis: np.concatenate(xs, axis), concatenate_vjp),
    "product": (
        np.matmul,
        lambda g, a, b: [
            like(run("product", g, mirror(b)), a),
            like(run("product", mirror(a), g), b),
        ],
    ),
}


def mirror(x):
    return transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(Tensor, f"__{_name}__", lambda a, b, _name=_name: run(_name, a, b))
    setattr(Tensor, f"__r{_name}__", lambda a, b, _name=_name: run(_name, b, a))
Tensor.__neg__ = lambda x: run("neg", x)
Tensor.__matmul__ = lambda a, b: matmul(a, b)
Tensor.__rmatmul__ = lambda a, b: matmul(b, a)
exp, log, sin, cos, tanh, relu = (
    (lambda x, _name=_name: run(_name, x)) for _name in ("exp", "log", "sin", "cos", "tanh", "relu")
)


def where(cond, a, b):
    return run("where", a, b, cond=cond)


def sum(x, axis=None, keepdims=False):
    return run("sum", x, axis=axis, keepdims=keepdims)


def mean(x, axis=None, keepdims=False):
    x = constant(x)
    with np.errstate(all="ignore"):
        return sum(x, axis, keepdims) / (np.divide(x.size, math.prod(kept(x, axis))))


def max(x, axis=None, keepdims=False):
    return run("max", x, axis=axis, keepdims=keepdims)


def reshape(x, shape):
    return run("reshape", x, shape=shape)


def transpose(x, axes=None):
    x = constant(x)
    return run("transpose", x, axes=tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


def broadcast_to(x, shape):
    return run("broadcast_to", x, shape=shape)


def concatenate(tensors, axis=0):
    return run("concatenate", *tensors, axis=axis)


def matmul(a, b):
    a, b = constant(a), constant(b)
    if a.ndim > 1 and b.ndim > 1:
        return run("product", a, b)
    shape = np.matmul(a.data, b.data).shape
    wide_a = a[None] if a.ndim == 1 else a
    wide_b = b[..., None] if b.ndim == 1 else b
    return reshape(run("product", wide_a, wide_b), shape)


for _name in "exp log sin cos tanh relu sum mean max reshape transpose broadcast_to".split():  # noqa: SIM905
    setattr(Tensor, _name, globals()[_name])


# -- backward and grad -------------------------------------------------------


def begin(out, g):
    if g is None:
        if out.size == 1:
            return Tensor(np.ones(out.shape))
        raise RuntimeError("start gradient needed")
    g = constant(g)
    if g.shape != out.shape:
        raise RuntimeError("start gradient does not fit")
    return g


def sweep(outputs, grads, inputs, create_graph):
    """(leaf, gradient) for each leaf; or the gradients of the inputs, None for unused ones."""
    starts = [begin(out, g) for out, g in zip(outputs, grads, strict=True)]
    gradients, tensors, heap, leaves = {}, {}, [], []

    def give(x, g):
        if x.number in gradients:
            gradients[x.number] = gradients[x.number] + g
        else:
            gradients[x.number], tensors[x.number] = g, x
            heapq.heappush(heap, -x.number)

    before, Tensor.recording = Tensor.recording, create_graph
    try:
        for out, g in zip(outputs, starts, strict=True):
            if out.requires_grad:
                give(out, g)
        while heap:  # whoever uses a tensor is younger than it
            x = tensors[-heapq.heappop(heap)]
            if x.record is None:
                leaves.append((x, gradients[x.number]))
                continue
            name, operands, facts = x.record
            found = TABLE[name][1](gradients[x.number], *operands, **facts)
            for operand, g in zip(operands, found, strict=True):
                if operand.requires_grad:
                    give(operand, g)
        if inputs is None:
            return leaves
        zeros = [gradients.get(x.number, np.zeros(x.shape)) for x in inputs]
        return [run("same", g) for g in zeros]
    finally:
        Tensor.recording = before


def tensor_grad(outputs, inputs, grad_outputs=None, create_graph=False):
    outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    if not isinstance(grad_outputs, list | tuple):
        grad_outputs = [grad_outputs] * (len(outputs) if grad_outputs is None else 1)
    if len(outputs) != len(grad_outputs) or not all(x.requires_grad for x in inputs):
        raise RuntimeError("arguments do not fit together")
    return sweep(outputs, grad_outputs, inputs, create_graph)


def grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if isinstance(outputs, Variable):
        return variable_grad(outputs, inputs)
    return tensor_grad(outputs, inputs, grad_outputs, create_graph)


# -- task 5 --------------------------------------------------------------------


class MLP:
    def __init__(self, sizes, seed=0):
        rng, shapes = np.random.default_rng(seed), list(zip(sizes, sizes[1:], strict=False))
        self.weights = [Tensor(rng.standard_normal(s) * np.sqrt(2.0 / s[0]), True) for s in shapes]
        self.biases = [Tensor(np.zeros(s[1]), True) for s in shapes]

    def parameters(self):
        return [p for pair in zip(self.weights, self.biases, strict=True) for p in pair]

    def __call__(self, x):
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = relu(matmul(x, weight) + bias)
        return matmul(x, self.weights[-1]) + self.biases[-1]


def cross_entropy(logits, targets):
    """Of the differences to the chosen logit: log of the sum of their exponentials."""
    logits = constant(logits)
    rows = np.arange(logits.shape[0])
    chosen = np.zeros(logits.shape)
    chosen[rows, np.asarray(targets)] = 1.0
    apart = logits - sum(logits * chosen, axis=1, keepdims=True)
    top = max(apart, axis=1, keepdims=True)
    return mean(log(sum(exp(apart - top), axis=1, keepdims=True)) + top)


class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum = params, lr, momentum
        self.velocity = {}

    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is not None:
                self.velocity[k] = self.momentum * self.velocity.get(k, 0.0) + p.grad.data
                np.subtract(p.data, self.lr * self.velocity[k], out=p.data)

    def zero_grad(self):
        for p in self.params:
            p.grad = None
