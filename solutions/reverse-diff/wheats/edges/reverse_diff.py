"""Each result has edges: pairs of an operand and a closure. Order by an iterative postorder."""

import math
from functools import partial

import numpy as np


class Variable:
    counter = 0

    def __init__(self, value, name=None):
        Variable.counter += 1
        self.value = float(value)
        self.name = name if name is not None else f"v{Variable.counter}"


gradient_tape = []


def reset_tape():
    global gradient_tape
    gradient_tape = []


def _noted(value, *edges):
    out = Variable(value)
    gradient_tape.append((out, edges))
    return out


def ops_add(a, b):
    return _noted(a.value + b.value, (a, lambda g: g), (b, lambda g: g))


def ops_sub(a, b):
    return _noted(a.value - b.value, (a, lambda g: g), (b, lambda g: -g))


def ops_mul(a, b):
    return _noted(a.value * b.value, (a, lambda g: g * b.value), (b, lambda g: g * a.value))


def ops_sin(a):
    return _noted(np.sin(a.value), (a, lambda g: g * np.cos(a.value)))


def ops_log(a):
    return _noted(np.log(a.value), (a, lambda g: g / a.value))


def variable_grad(l, results):  # noqa: E741
    """A mark in every variable, taken away at the end."""
    touched = [l]
    l.adjoint = 1.0
    for out, edges in gradient_tape[::-1]:
        if hasattr(out, "adjoint"):
            for one, pull in edges:
                if not hasattr(one, "adjoint"):
                    one.adjoint = 0.0
                    touched.append(one)
                one.adjoint += pull(out.adjoint)
    found = [float(getattr(one, "adjoint", 0.0)) for one in results]
    for one in touched:
        del one.adjoint
    return found


# -- tensors -----------------------------------------------------------------


class Tensor:
    __array_ufunc__ = None
    __slots__ = ("data", "requires_grad", "grad", "edges")

    def __init__(self, data, requires_grad=False, edges=()):
        self.data = np.array(data, dtype=np.float64)
        self.edges = [(x, pull) for x, pull in edges if x.requires_grad] if keeping[0] else []
        self.requires_grad = requires_grad or bool(self.edges)
        self.grad = None

    shape = property(lambda self: np.shape(self.data))
    ndim = property(lambda self: np.ndim(self.data))
    size = property(lambda self: np.size(self.data))
    T = property(lambda self: transpose(self))

    def __neg__(self):
        return Tensor(-self.data, edges=[(self, lambda g: -g)])

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __sub__(self, other):
        return add(self, -tensor(other))

    def __rsub__(self, other):
        return add(other, -self)

    def __mul__(self, other):
        return multiply(self, other)

    def __rmul__(self, other):
        return multiply(other, self)

    def __truediv__(self, other):
        return multiply(self, reciprocal(tensor(other)))

    def __rtruediv__(self, other):
        return multiply(other, reciprocal(self))

    def __pow__(self, other):
        return power(self, other)

    def __rpow__(self, other):
        return power(other, self)

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __getitem__(self, index):
        return Tensor(self.data[index], edges=[(self, partial(put, index, self.shape))])

    def backward(self, grad=None, create_graph=False):
        if not self.requires_grad:
            raise RuntimeError("no gradient is required here")
        gradients = sweep([self], [grad], create_graph)
        for one, g in gradients.values():
            if not one.edges and one.requires_grad:
                before, keeping[0] = keeping[0], create_graph
                one.grad = g * 1.0 if one.grad is None else one.grad + g
                keeping[0] = before


keeping = [True]


def tensor(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def fitted(shape, g):
    """What broadcasting from this shape to that of g made of it, undone."""
    padded = (1,) * (g.ndim - len(shape)) + shape
    axes = tuple(k for k in range(g.ndim) if padded[k] != g.shape[k])
    return reshape(sum(g, axes, True) if axes else g, shape)


def elementwise(value, a, b, in_a, in_b):
    edges = [(a, lambda g: fitted(a.shape, in_a(g))), (b, lambda g: fitted(b.shape, in_b(g)))]
    return Tensor(value, edges=edges)


def add(a, b):
    a, b = tensor(a), tensor(b)
    return elementwise(a.data + b.data, a, b, lambda g: g, lambda g: g)


def multiply(a, b):
    a, b = tensor(a), tensor(b)
    return elementwise(a.data * b.data, a, b, lambda g: g * b, lambda g: g * a)


def reciprocal(x):
    with np.errstate(all="ignore"):
        return Tensor(1.0 / x.data, edges=[(x, lambda g: -g * reciprocal(x) * reciprocal(x))])


def power(a, b):
    a, b = tensor(a), tensor(b)

    def in_a(g):
        return where(b.data == 0, 0.0, g * b * power(a, b - 1))

    with np.errstate(all="ignore"):
        value = np.power(a.data, b.data)
    return elementwise(value, a, b, in_a, lambda g: g * power(a, b) * log(a))


def put(index, shape, g):
    data = np.zeros(shape)
    data[index] = g.data
    return Tensor(data, edges=[(g, lambda u: u[index])])


def exp(x):
    x = tensor(x)
    with np.errstate(all="ignore"):
        return Tensor(np.exp(x.data), edges=[(x, lambda g: g * exp(x))])


def log(x):
    x = tensor(x)
    with np.errstate(all="ignore"):
        return Tensor(np.log(x.data), edges=[(x, lambda g: g / x)])


def sin(x):
    x = tensor(x)
    return Tensor(np.sin(x.data), edges=[(x, lambda g: g * cos(x))])


def cos(x):
    x = tensor(x)
    return Tensor(np.cos(x.data), edges=[(x, lambda g: g * -sin(x))])


def tanh(x):
    x = tensor(x)
    return Tensor(np.tanh(x.data), edges=[(x, lambda g: g - g * tanh(x) * tanh(x))])


def relu(x):
    x = tensor(x)
    mask = x.data > 0
    return Tensor(np.maximum(x.data, 0), edges=[(x, lambda g: where(mask, g, 0))])


def where(cond, a, b):
    a, b = tensor(a), tensor(b)
    value = np.where(cond, a.data, b.data)
    return elementwise(value, a, b, lambda g: where(cond, g, 0), lambda g: where(cond, 0, g))


def sum(x, axis=None, keepdims=False):
    x = tensor(x)
    kept = np.sum(x.data, axis=axis, keepdims=True)
    value = kept if keepdims else np.sum(x.data, axis=axis)
    return Tensor(value, edges=[(x, lambda g: broadcast_to(g.reshape(kept.shape), x.shape))])


def mean(x, axis=None, keepdims=False):
    x = tensor(x)
    ones = sum(np.ones(x.shape), axis, keepdims).data
    with np.errstate(all="ignore"):
        return sum(x, axis, keepdims) * (1 / ones)


def max(x, axis=None, keepdims=False):
    x = tensor(x)
    top = x.data.max(axis=axis, keepdims=True)
    ties = np.where(x.data == top, 1.0, 0.0)
    ties /= ties.sum(axis=axis, keepdims=True)
    value = top if keepdims else x.data.max(axis=axis)
    return Tensor(value, edges=[(x, lambda g: g.reshape(top.shape) * ties)])


def reshape(x, shape):
    x = tensor(x)
    return Tensor(x.data.reshape(shape), edges=[(x, lambda g: reshape(g, x.shape))])


def transpose(x, axes=None):
    x = tensor(x)
    if axes is None:
        axes = tuple(range(x.ndim))[::-1]
    axes = [k + x.ndim if k < 0 else k for k in axes]
    back = [0] * x.ndim
    for place, k in enumerate(axes):
        back[k] = place
    return Tensor(x.data.transpose(axes), edges=[(x, lambda g: transpose(g, back))])


def broadcast_to(x, shape):
    x = tensor(x)
    return Tensor(np.broadcast_to(x.data, shape), edges=[(x, partial(fitted, x.shape))])


def concatenate(tensors, axis=0):
    tensors = [tensor(x) for x in tensors]
    value = np.concatenate([x.data for x in tensors], axis=axis)
    edges, start = [], 0
    for x in tensors:
        index = [slice(None)] * x.ndim
        index[axis] = slice(start, start + x.shape[axis])
        start += x.shape[axis]
        edges.append((x, partial(lambda where, g: g[where], tuple(index))))
    return Tensor(value, edges=edges)


def matmul(a, b):
    """Gradients with the missing axes put in, and broadcasting undone last."""
    a, b = tensor(a), tensor(b)

    def parts(g):
        wide_a = a[None, :] if a.ndim == 1 else a
        wide_b = b[:, None] if b.ndim == 1 else b
        g = g[..., None, :] if a.ndim == 1 and b.ndim > 1 else g
        g = g[..., None] if b.ndim == 1 and a.ndim > 1 else g
        g = g.reshape((1, 1)) if a.ndim == b.ndim == 1 else g
        return wide_a, wide_b, g

    def in_a(g):
        wide_a, wide_b, g = parts(g)
        return reshape(fitted(wide_a.shape, matmul(g, swapped(wide_b))), a.shape)

    def in_b(g):
        wide_a, wide_b, g = parts(g)
        return reshape(fitted(wide_b.shape, matmul(swapped(wide_a), g)), b.shape)

    return Tensor(np.matmul(a.data, b.data), edges=[(a, in_a), (b, in_b)])


def swapped(x):
    return transpose(x, (*range(x.ndim - 2), -1, -2))


for name in ("exp log sin cos tanh relu sum mean max reshape transpose broadcast_to").split():
    setattr(Tensor, name, globals()[name])


# -- the sweep ---------------------------------------------------------------


def postorder(outputs):
    """Operands before results; every node once; without recursion."""
    done, order = set(), []
    for out in outputs:
        stack = [(out, iter(out.edges))]
        if id(out) in done:
            continue
        done.add(id(out))
        while stack:
            node, edges = stack[-1]
            for x, _ in edges:
                if id(x) not in done:
                    done.add(id(x))
                    stack.append((x, iter(x.edges)))
                    break
            else:
                order.append(node)
                stack.pop()
    return order


def sweep(outputs, starts, create_graph):
    """{id: (tensor, gradient)}"""
    checked = []
    for out, g in zip(outputs, starts):
        if g is None:
            if out.size != 1:
                raise RuntimeError("start gradient missing")
            g = np.ones(out.shape)
        g = tensor(g)
        if g.shape != out.shape:
            raise RuntimeError("start gradient of another shape")
        checked.append(g)
    gradients = {}
    before, keeping[0] = keeping[0], create_graph
    try:
        for out, g in zip(outputs, checked):
            _collect(gradients, out, g)
        for node in reversed(postorder(outputs)):
            for x, pull in node.edges:
                _collect(gradients, x, pull(gradients[id(node)][1]))
    finally:
        keeping[0] = before
    return gradients


def _collect(gradients, x, g):
    gradients[id(x)] = (x, gradients[id(x)][1] + g if id(x) in gradients else g)


def tensor_grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if not isinstance(outputs, list | tuple):
        outputs, grad_outputs = [outputs], [grad_outputs]
    if not isinstance(inputs, list | tuple):
        inputs = [inputs]
    if grad_outputs is None:
        grad_outputs = [None for _ in outputs]
    if len(grad_outputs) != len(outputs):
        raise RuntimeError("as many start gradients as outputs, please")
    for x in inputs:
        if not x.requires_grad:
            raise RuntimeError("an input requires no gradient")
    gradients = sweep(outputs, grad_outputs, create_graph)
    found = []
    for x in inputs:
        _, g = gradients.get(id(x), (x, Tensor(np.zeros(x.shape))))
        found.append(Tensor(g.data, edges=[(g, lambda u: u)] if create_graph else []))
    return found


def grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if isinstance(outputs, Variable):
        return variable_grad(outputs, inputs)
    return tensor_grad(outputs, inputs, grad_outputs, create_graph)


# -- task 5 --------------------------------------------------------------------


class MLP:
    def __init__(self, sizes, seed=0):
        rng = np.random.default_rng(seed)
        self.all = []
        for k in range(len(sizes) - 1):
            weight = rng.standard_normal((sizes[k], sizes[k + 1])) * math.sqrt(2 / sizes[k])
            self.all += [Tensor(weight, True), Tensor(np.zeros(sizes[k + 1]), True)]

    def parameters(self):
        return self.all

    def __call__(self, x):
        *hidden, weight, bias = self.all
        for k in range(0, len(hidden), 2):
            x = relu(tensor(x) @ hidden[k] + hidden[k + 1])
        return tensor(x) @ weight + bias


def cross_entropy(logits, targets):
    """softmax - onehot is written as it is known: by logsumexp with a constant shift."""
    logits = tensor(logits)
    rows, classes = logits.shape
    shift = logits.data.max(axis=1, keepdims=True)
    normal = log(sum(exp(logits - shift), axis=1)) + shift[:, 0]
    onehot = np.arange(classes) == np.asarray(targets)[:, None]
    return sum(normal - sum(where(onehot, logits, 0.0), axis=1)) / rows


class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.momentum, self.velocity = params, lr, momentum, {}

    def step(self):
        for p in self.params:
            if p.grad is None:
                continue
            v = p.grad.data.copy()
            if id(p) in self.velocity:
                v += self.momentum * self.velocity[id(p)]
            self.velocity[id(p)] = v
            p.data[...] -= self.lr * v

    def zero_grad(self):
        for p in self.params:
            p.grad = None
