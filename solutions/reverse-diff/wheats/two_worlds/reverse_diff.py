"""The same vjp runs on arrays, and on tensors when the gradients need a graph.

Inside, a value is an array or a Tensor; the functions with an underscore take both. So a
plain backward sweep never makes a Tensor.
"""

import math

import numpy as np


class Variable:
    def __init__(self, value, name=None):
        self.value, self.name = float(value), name


gradient_tape = []


def reset_tape():
    gradient_tape[:] = []


def _write(value, inputs, slopes):
    out = Variable(value, f"v{len(gradient_tape)}")
    gradient_tape.append((out, inputs, slopes))
    return out


def ops_add(a, b):
    return _write(a.value + b.value, (a, b), (1.0, 1.0))


def ops_sub(a, b):
    return _write(a.value - b.value, (a, b), (1.0, -1.0))


def ops_mul(a, b):
    return _write(a.value * b.value, (a, b), (b.value, a.value))


def ops_sin(a):
    return _write(math.sin(a.value), (a,), (math.cos(a.value),))


def ops_log(a):
    return _write(math.log(a.value), (a,), (1.0 / a.value,))


def variable_grad(l, results):  # noqa: E741
    """Only what l rests on, found by marking backwards; then the sweep."""
    adjoint = {l: 1.0}
    for out, inputs, slopes in gradient_tape[::-1]:
        here = adjoint.get(out)
        if here is None:
            continue
        for x, slope in zip(inputs, slopes):
            adjoint[x] = adjoint.get(x, 0.0) + here * slope
    return [adjoint.get(x, 0.0) for x in results]


# -- values: arrays or tensors -------------------------------------------------


class Tensor:
    __array_ufunc__ = None

    def __init__(self, data, requires_grad=False):
        self.data = np.array(data, dtype="float64")
        self.requires_grad = requires_grad
        self.grad = None
        self._from = None  # (operands, vjp): vjp(g, *operands) of arrays or of tensors

    shape = property(lambda self: self.data.shape)
    ndim = property(lambda self: self.data.ndim)
    size = property(lambda self: self.data.size)
    T = property(lambda self: _transpose(self, None))

    def __neg__(self):
        return _apply(np.negative, lambda g, x: (-g,), self)

    def __add__(self, other):
        return _apply(np.add, lambda g, x, y: (g, g), self, other)

    def __radd__(self, other):
        return _apply(np.add, lambda g, x, y: (g, g), other, self)

    def __sub__(self, other):
        return _apply(np.subtract, lambda g, x, y: (g, -g), self, other)

    def __rsub__(self, other):
        return _apply(np.subtract, lambda g, x, y: (g, -g), other, self)

    def __mul__(self, other):
        return _apply(np.multiply, lambda g, x, y: (g * y, g * x), self, other)

    def __rmul__(self, other):
        return _apply(np.multiply, lambda g, x, y: (g * y, g * x), other, self)

    def __truediv__(self, other):
        return _apply(np.divide, _quotient, self, other)

    def __rtruediv__(self, other):
        return _apply(np.divide, _quotient, other, self)

    def __pow__(self, other):
        return _apply(np.power, _power, self, other)

    def __rpow__(self, other):
        return _apply(np.power, _power, other, self)

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __getitem__(self, index):
        return _apply(lambda x: x[index], lambda g, x: (_put(g, index, x.shape),), self)

    def backward(self, grad=None, create_graph=False):
        if not self.requires_grad:
            raise RuntimeError("requires_grad is False")
        tensors, found = _sweep([self], [grad], create_graph)
        for key, x in tensors.items():
            if x._from is None:
                old = 0.0 if x.grad is None else x.grad
                if create_graph:
                    x.grad = found[key] + old
                else:
                    x.grad = Tensor(found[key] + (old.data if isinstance(old, Tensor) else 0.0))


def _apply(function, vjp, *operands):
    """On arrays the plain result; a Tensor if one operand is."""
    if not any(isinstance(x, Tensor) for x in operands):
        return function(*operands)
    operands = [x if isinstance(x, Tensor) else Tensor(x) for x in operands]
    with np.errstate(all="ignore"):
        out = Tensor(function(*(x.data for x in operands)))
    if any(x.requires_grad for x in operands):
        out.requires_grad, out._from = True, (operands, vjp)
    return out


def _raw(x):
    return x.data if isinstance(x, Tensor) else x


def _quotient(g, x, y):
    return g / y, -g * x / y**2


def _power(g, x, y):
    flat = _raw(y) == 0
    with np.errstate(all="ignore"):
        in_x = g * y * x ** (_where(flat, 1.0, y) - 1)
        return in_x, g * x**y * _log(x)


def _put(g, index, shape):
    def put(x):
        out = np.zeros(shape)
        out[index] = x
        return out

    return _apply(put, lambda u, x: (u[index],), g)


def _exp(x):
    return _apply(np.exp, lambda g, x: (g * _exp(x),), x)


def _log(x):
    return _apply(np.log, lambda g, x: (g / x,), x)


def _sin(x):
    return _apply(np.sin, lambda g, x: (g * _cos(x),), x)


def _cos(x):
    return _apply(np.cos, lambda g, x: (-(g * _sin(x)),), x)


def _tanh(x):
    return _apply(np.tanh, lambda g, x: (g * (1.0 - _tanh(x) ** 2),), x)


def _where(cond, a, b):
    def vjp(g, a, b):
        return _where(cond, g, 0.0), _where(cond, 0.0, g)

    return _apply(lambda a, b: np.where(cond, a, b), vjp, a, b)


def _sum(x, axis, keepdims):
    def vjp(g, x):
        kept = np.sum(_raw(x), axis=axis, keepdims=True).shape
        return (_broadcast(_reshape(g, kept), x.shape),)

    return _apply(lambda x: np.sum(x, axis=axis, keepdims=keepdims), vjp, x)


def _max(x, axis, keepdims):
    def vjp(g, x):
        top = np.max(_raw(x), axis=axis, keepdims=True)
        hits = (_raw(x) == top).astype(float)
        return (_reshape(g, top.shape) * (hits / hits.sum(axis=axis, keepdims=True)),)

    return _apply(lambda x: np.max(x, axis=axis, keepdims=keepdims), vjp, x)


def _reshape(x, shape):
    return _apply(lambda x: np.reshape(x, shape), lambda g, x: (_reshape(g, x.shape),), x)


def _transpose(x, axes):
    def vjp(g, x):
        if axes is None:
            return (_transpose(g, None),)
        return (_transpose(g, np.argsort([k % x.ndim for k in axes])),)

    return _apply(lambda x: np.transpose(x, axes), vjp, x)


def _broadcast(x, shape):
    return _apply(lambda x: np.broadcast_to(x, shape), lambda g, x: (g,), x)


def _matmul(a, b):
    def vjp(g, a, b):
        return _matmul(g, _flip(b)), _matmul(_flip(a), g)

    return _apply(np.matmul, vjp, a, b)


def _flip(x):
    return _transpose(x, (*range(x.ndim - 2), -1, -2))


def _narrow(g, shape):
    """Undo the broadcasting of an operand of this shape."""
    g_shape = np.shape(_raw(g))
    if g_shape == shape:
        return g
    extra = len(g_shape) - len(shape)
    ones = [extra + k for k, n in enumerate(shape) if n == 1]
    return _reshape(_sum(g, (*range(extra), *ones), False), shape)


# -- the functions of the contract ---------------------------------------------


def _t(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def exp(x):
    return _exp(_t(x))


def log(x):
    return _log(_t(x))


def sin(x):
    return _sin(_t(x))


def cos(x):
    return _cos(_t(x))


def tanh(x):
    return _tanh(_t(x))


def relu(x):
    x = _t(x)
    return _where(x.data > 0, x, 0.0)


def where(cond, a, b):
    return _where(cond, _t(a), b)


def sum(x, axis=None, keepdims=False):
    return _sum(_t(x), axis, keepdims)


def mean(x, axis=None, keepdims=False):
    with np.errstate(all="ignore"):
        return _sum(_t(x), axis, keepdims) * np.mean(np.ones(_t(x).shape) / _count(_t(x), axis))


def _count(x, axis):
    """How many entries go into one."""
    with np.errstate(all="ignore"):
        return np.float64(x.size) / np.sum(x.data, axis=axis).size


def max(x, axis=None, keepdims=False):
    return _max(_t(x), axis, keepdims)


def reshape(x, shape):
    return _reshape(_t(x), shape)


def transpose(x, axes=None):
    return _transpose(_t(x), axes)


def broadcast_to(x, shape):
    return _broadcast(_t(x), shape)


def concatenate(tensors, axis=0):
    tensors = [_t(x) for x in tensors]
    cuts = np.cumsum([x.shape[axis] for x in tensors])

    def vjp(g, *xs):
        lead = (slice(None),) * (axis % xs[0].ndim)
        return [g[(*lead, slice(c - x.shape[axis], c))] for c, x in zip(cuts, xs)]

    return _apply(lambda *xs: np.concatenate(xs, axis), vjp, *tensors)


def matmul(a, b):
    a, b = _t(a), _t(b)
    shape = (a.data @ b.data).shape
    wide_a = _reshape(a, (1, a.size)) if a.ndim == 1 else a
    wide_b = _reshape(b, (b.size, 1)) if b.ndim == 1 else b
    return _reshape(_matmul(wide_a, wide_b), shape)


for _f in (exp, log, sin, cos, tanh, relu, sum, mean, max, reshape, transpose, broadcast_to):
    setattr(Tensor, _f.__name__, _f)


# -- backward and grad -------------------------------------------------------


def _sweep(outputs, starts, create_graph):
    """Two dicts by id: the tensors that need a gradient, and their gradients."""
    seeds = []
    for out, start in zip(outputs, starts):
        if start is None and out.size != 1:
            raise RuntimeError("a start gradient is needed")
        start = np.ones(out.shape) if start is None else start
        if np.shape(_raw(start)) != out.shape:
            raise RuntimeError("a start gradient of the wrong shape")
        seeds.append(_t(start) if create_graph else np.array(_raw(start), float))
    tensors, waiting = {}, {}
    stack = [out for out in outputs if out.requires_grad]
    tensors.update((id(out), out) for out in stack)
    stack = list(tensors.values())
    while stack:
        for x in _operands(stack.pop()):
            waiting[id(x)] = waiting.get(id(x), 0) + 1
            if id(x) not in tensors:
                tensors[id(x)] = x
                stack.append(x)
    found = {}
    for out, seed in zip(outputs, seeds):
        if out.requires_grad:
            found[id(out)] = found[id(out)] + seed if id(out) in found else seed
    ready = [x for key, x in tensors.items() if not waiting.get(key)]
    while ready:
        out = ready.pop()
        if out._from is None:
            continue
        operands, vjp = out._from
        values = operands if create_graph else [x.data for x in operands]
        with np.errstate(all="ignore"):
            gradients = vjp(found[id(out)], *values)
        for x, g in zip(operands, gradients):
            if x.requires_grad:
                g = _narrow(g, x.shape)
                found[id(x)] = found[id(x)] + g if id(x) in found else g
                waiting[id(x)] -= 1
                if not waiting[id(x)]:
                    ready.append(x)
    return tensors, found


def _operands(x):
    return [] if x._from is None else [one for one in x._from[0] if one.requires_grad]


def tensor_grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if isinstance(outputs, Tensor):
        outputs = [outputs]
        grad_outputs = None if grad_outputs is None else grad_outputs
        grad_outputs = grad_outputs if isinstance(grad_outputs, list) else [grad_outputs]
    if isinstance(inputs, Tensor):
        inputs = [inputs]
    starts = grad_outputs or [None] * len(outputs)
    if len(starts) != len(outputs):
        raise RuntimeError("outputs and start gradients differ in number")
    if any(not x.requires_grad for x in inputs):
        raise RuntimeError("an input without requires_grad")
    _, found = _sweep(outputs, starts, create_graph)
    gradients = [found.get(id(x), np.zeros(x.shape)) for x in inputs]
    return [g + 0.0 if isinstance(g, Tensor) else Tensor(g) for g in gradients]


def grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if isinstance(outputs, Variable):
        return variable_grad(outputs, inputs)
    return tensor_grad(outputs, inputs, grad_outputs, create_graph)


# -- task 5 --------------------------------------------------------------------


class MLP:
    def __init__(self, sizes, seed=0):
        draw = np.random.default_rng(seed).standard_normal
        self.params = []
        for fan_in, fan_out in zip(sizes[:-1], sizes[1:]):
            self.params.append(Tensor(draw((fan_in, fan_out)) * np.sqrt(2.0 / fan_in), True))
            self.params.append(Tensor([0.0] * fan_out, True))

    def parameters(self):
        return self.params

    def __call__(self, x):
        h = _t(x)
        for k in range(0, len(self.params), 2):
            h = h @ self.params[k] + self.params[k + 1]
            if k + 2 < len(self.params):
                h = relu(h)
        return h


def cross_entropy(logits, targets):
    """The gradient is known: softmax minus one-hot. It is an operator of tensors here too."""
    logits = _t(logits)
    onehot = np.eye(logits.shape[1])[np.asarray(targets)]
    rows = len(onehot)

    def value(x):
        x = x - x.max(axis=1, keepdims=True)
        return np.mean(np.log(np.exp(x).sum(axis=1)) - (x * onehot).sum(axis=1))

    def vjp(g, x):
        e = _exp(x - _raw(x).max(axis=1, keepdims=True))
        return (g * ((e / _sum(e, 1, True) - onehot) / rows),)

    return _apply(value, vjp, logits)


class SGD:
    def __init__(self, params, lr, momentum=0.0):
        self.params, self.lr, self.mu = list(params), lr, momentum
        self.v = [np.zeros(p.shape) for p in self.params]

    def step(self):
        for v, p in zip(self.v, self.params):
            if p.grad is not None:
                v[...] = self.mu * v + p.grad.data
                p.data = p.data - self.lr * v

    def zero_grad(self):
        for p in self.params:
            p.grad = None
