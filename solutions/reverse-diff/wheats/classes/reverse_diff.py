"""A class for each operator; the sweep goes by serial number, youngest first."""

import itertools
import math

import numpy as np

# -- task 1: a tape of plain tuples, adjoints in a list by position ------------


class Variable:
    def __init__(self, value, name=None):
        self.value, self.name, self.place = float(value), name or "v", None


gradient_tape = []


def reset_tape():
    for _, out in gradient_tape:
        out.place = None
    del gradient_tape[:]


def _put(value, *pairs):
    out = Variable(value)
    out.place = len(gradient_tape)
    gradient_tape.append((pairs, out))
    return out


def ops_add(a, b):
    return _put(a.value + b.value, (a, 1.0), (b, 1.0))


def ops_sub(a, b):
    return _put(a.value - b.value, (a, 1.0), (b, -1.0))


def ops_mul(a, b):
    return _put(a.value * b.value, (a, b.value), (b, a.value))


def ops_sin(a):
    return _put(math.sin(a.value), (a, math.cos(a.value)))


def ops_log(a):
    return _put(math.log(a.value), (a, 1.0 / a.value))


def variable_grad(l, results):  # noqa: E741
    adjoints = {id(l): 1.0}
    for k in range(-1 if l.place is None else l.place, -1, -1):
        pairs, out = gradient_tape[k]
        adjoint = adjoints.get(id(out), 0.0)
        for one, slope in pairs:
            adjoints[id(one)] = adjoints.get(id(one), 0.0) + adjoint * slope
    return [adjoints.get(id(one), 0.0) for one in results]


# -- tensors -----------------------------------------------------------------

_serials = itertools.count()
_state = {"recording": True}


class Tensor:
    __array_ufunc__ = None

    def __init__(self, data, requires_grad=False):
        self.data = np.array(data, dtype=float)
        self.requires_grad = bool(requires_grad)
        self.grad = None
        self.maker = None
        self.serial = next(_serials)

    @property
    def shape(self):
        return self.data.shape

    @property
    def ndim(self):
        return self.data.ndim

    @property
    def size(self):
        return self.data.size

    @property
    def T(self):  # noqa: N802
        return transpose(self)

    def __neg__(self):
        return Negative().on(self)

    def __add__(self, other):
        return Add().on(self, other)

    __radd__ = __add__

    def __sub__(self, other):
        return self + -_as(other)

    def __rsub__(self, other):
        return _as(other) + -self

    def __mul__(self, other):
        return Multiply().on(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return Divide().on(self, other)

    def __rtruediv__(self, other):
        return Divide().on(other, self)

    def __pow__(self, other):
        return Power().on(self, other)

    def __rpow__(self, other):
        return Power().on(other, self)

    def __matmul__(self, other):
        return matmul(self, other)

    def __rmatmul__(self, other):
        return matmul(other, self)

    def __getitem__(self, index):
        return Index(index).on(self)

    def backward(self, grad=None, create_graph=False):
        if not self.requires_grad:
            raise RuntimeError("nothing to differentiate")
        for leaf, g in _sweep([self], [grad], create_graph).items():
            if leaf.maker is None:
                with _Recording(create_graph):
                    leaf.grad = Copy().on(g) if leaf.grad is None else leaf.grad + g


def _as(x):
    return x if isinstance(x, Tensor) else Tensor(x)


class _Recording:
    def __init__(self, on):
        self.on = on

    def __enter__(self):
        self.before = _state["recording"]
        _state["recording"] = self.on

    def __exit__(self, *_):
        _state["recording"] = self.before


class Operator:
    def __init__(self, *facts):
        self.facts = facts

    def on(self, *operands):
        self.operands = tuple(map(_as, operands))
        with np.errstate(all="ignore"):
            out = Tensor(self.value(*(x.data for x in self.operands)))
        if _state["recording"] and any(x.requires_grad for x in self.operands):
            out.requires_grad, out.maker = True, self
        return out

    def pull(self, g):
        """(operand, gradient) for each operand that needs one."""
        for k, x in enumerate(self.operands):
            if x.requires_grad:
                yield x, _fit(self.gradient(k, g, *self.operands), x.shape)


def _fit(g, shape):
    while g.ndim > len(shape):
        g = sum(g, axis=0)
    for k, n in enumerate(shape):
        if n == 1 and g.shape[k] != 1:
            g = sum(g, axis=k, keepdims=True)
    return g


class Copy(Operator):
    def value(self, x):
        return x

    def gradient(self, k, g, x):
        return g


class Negative(Copy):
    def value(self, x):
        return -x

    def gradient(self, k, g, x):
        return -g


class Add(Operator):
    def value(self, x, y):
        return x + y

    def gradient(self, k, g, x, y):
        return g


class Multiply(Operator):
    def value(self, x, y):
        return x * y

    def gradient(self, k, g, x, y):
        return g * (x if k else y)


class Divide(Operator):
    def value(self, x, y):
        return x / y

    def gradient(self, k, g, x, y):
        return -(g * x) / (y * y) if k else g / y


class Power(Operator):
    def value(self, x, y):
        return x**y

    def gradient(self, k, g, x, y):
        if k:
            return g * x**y * log(x)
        lowered = where(y.data == 0.0, 1.0, y - 1.0)
        return g * y * x**lowered


class Exp(Operator):
    def value(self, x):
        return np.exp(x)

    def gradient(self, k, g, x):
        return g * exp(x)


class Log(Operator):
    def value(self, x):
        return np.log(x)

    def gradient(self, k, g, x):
        return g / x


class Sin(Operator):
    def value(self, x):
        return np.sin(x)

    def gradient(self, k, g, x):
        return g * cos(x)


class Cos(Operator):
    def value(self, x):
        return np.cos(x)

    def gradient(self, k, g, x):
        return -(g * sin(x))


class Tanh(Operator):
    def value(self, x):
        return np.tanh(x)

    def gradient(self, k, g, x):
        return g * (1.0 - tanh(x) ** 2)


class Where(Operator):
    def value(self, a, b):
        return np.where(self.facts[0], a, b)

    def gradient(self, k, g, a, b):
        return where(np.logical_xor(self.facts[0], k), g, 0.0)


class Sum(Operator):
    def value(self, x):
        axis, keepdims = self.facts
        return np.sum(x, axis=axis, keepdims=keepdims)

    def gradient(self, k, g, x):
        kept = np.sum(np.empty(x.shape), axis=self.facts[0], keepdims=True).shape
        return broadcast_to(reshape(g, kept), x.shape)


class Max(Operator):
    def value(self, x):
        axis, keepdims = self.facts
        return np.max(x, axis=axis, keepdims=keepdims)

    def gradient(self, k, g, x):
        axis = self.facts[0]
        top = np.max(x.data, axis=axis, keepdims=True)
        mask = np.where(x.data == top, 1.0, 0.0)
        return reshape(g, top.shape) * (mask / mask.sum(axis=axis, keepdims=True))


class Reshape(Operator):
    def value(self, x):
        return x.reshape(self.facts[0])

    def gradient(self, k, g, x):
        return reshape(g, x.shape)


class Transpose(Operator):
    def value(self, x):
        return np.transpose(x, self.facts[0])

    def gradient(self, k, g, x):
        axes = self.facts[0]
        if axes is None:
            return transpose(g)
        places = [axis % x.ndim for axis in axes]
        return transpose(g, tuple(places.index(axis) for axis in range(x.ndim)))


class Broadcast(Operator):
    def value(self, x):
        return np.broadcast_to(x, self.facts[0])

    def gradient(self, k, g, x):
        return g


class Index(Operator):
    def value(self, x):
        return x[self.facts[0]]

    def gradient(self, k, g, x):
        return Scatter(self.facts[0], x.shape).on(g)


class Scatter(Operator):
    def value(self, x):
        index, shape = self.facts
        out = np.zeros(shape)
        out[index] = x
        return out

    def gradient(self, k, g, x):
        return g[self.facts[0]]


class Concatenate(Operator):
    def value(self, *xs):
        return np.concatenate(xs, axis=self.facts[0])

    def gradient(self, k, g, *xs):
        axis = self.facts[0] % xs[0].ndim
        start = int(np.sum([x.shape[axis] for x in xs[:k]]))
        index = [slice(None)] * axis + [slice(start, start + xs[k].shape[axis])]
        return g[tuple(index)]


class Matmul(Operator):
    """Of operands with at least two axes."""

    def value(self, a, b):
        return a @ b

    def gradient(self, k, g, a, b):
        return _flip(a) @ g if k else g @ _flip(b)


def _flip(x):
    axes = list(range(x.ndim))
    axes[-2:] = axes[:-3:-1]
    return transpose(x, tuple(axes))


def exp(x):
    return Exp().on(x)


def log(x):
    return Log().on(x)


def sin(x):
    return Sin().on(x)


def cos(x):
    return Cos().on(x)


def tanh(x):
    return Tanh().on(x)


def relu(x):
    x = _as(x)
    return x * np.where(x.data > 0, 1.0, 0.0)


def where(cond, a, b):
    return Where(cond).on(a, b)


def sum(x, axis=None, keepdims=False):
    return Sum(axis, keepdims).on(x)


def mean(x, axis=None, keepdims=False):
    x = _as(x)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    count = math.prod(x.shape[k] for k in axes)
    return sum(x, axis, keepdims) * (1.0 / count if count else math.nan)


def max(x, axis=None, keepdims=False):
    return Max(axis, keepdims).on(x)


def reshape(x, shape):
    return Reshape(shape).on(x)


def transpose(x, axes=None):
    return Transpose(axes).on(x)


def broadcast_to(x, shape):
    return Broadcast(shape).on(x)


def concatenate(tensors, axis=0):
    return Concatenate(axis).on(*tensors)


def matmul(a, b):
    a, b = _as(a), _as(b)
    if a.ndim and b.ndim == 1:
        return reshape(matmul(a, reshape(b, (b.size, 1))), a.shape[:-1])
    if a.ndim == 1:
        out = matmul(reshape(a, (1, a.size)), b)
        return reshape(out, (*out.shape[:-2], out.shape[-1]))
    return Matmul().on(a, b)


for _function in (exp, log, sin, cos, tanh, relu, sum, mean, max, reshape, transpose, broadcast_to):
    setattr(Tensor, _function.__name__, _function)


# -- backward and grad -------------------------------------------------------


def _start(out, g):
    if g is None and out.size == 1:
        g = np.ones(out.shape)
    if g is None or np.shape(g.data if isinstance(g, Tensor) else g) != out.shape:
        raise RuntimeError("wrong or missing start gradient")
    return _as(g)


def _sweep(outputs, grads, create_graph):
    """The gradient of each tensor that requires one, by tensor."""
    starts = [_start(out, g) for out, g in zip(outputs, grads)]
    found, stack = set(), [out for out in outputs if out.requires_grad]
    while stack:
        one = stack.pop()
        if one not in found:
            found.add(one)
            if one.maker:
                stack.extend(x for x in one.maker.operands if x.requires_grad)
    gradients = {}
    with _Recording(create_graph):
        for out, g in zip(outputs, starts):
            gradients[out] = gradients[out] + g if out in gradients else g
        for one in sorted(found, key=lambda t: -t.serial):
            if one.maker:
                for x, g in one.maker.pull(gradients[one]):
                    gradients[x] = gradients[x] + g if x in gradients else g
    return {one: g for one, g in gradients.items() if one.requires_grad}


def tensor_grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if isinstance(outputs, Tensor):
        outputs = [outputs]
        grad_outputs = grad_outputs if isinstance(grad_outputs, list) else [grad_outputs]
    inputs = [inputs] if isinstance(inputs, Tensor) else inputs
    grad_outputs = [None] * len(outputs) if grad_outputs is None else grad_outputs
    if len(grad_outputs) != len(outputs) or any(not x.requires_grad for x in inputs):
        raise RuntimeError("inputs or start gradients that do not fit")
    gradients = _sweep(outputs, grad_outputs, create_graph)
    with _Recording(create_graph):
        return [Copy().on(gradients.get(x, np.zeros(x.shape))) for x in inputs]


def grad(outputs, inputs, grad_outputs=None, create_graph=False):
    if isinstance(outputs, Variable):
        return variable_grad(outputs, inputs)
    return tensor_grad(outputs, inputs, grad_outputs, create_graph)


# -- task 5 --------------------------------------------------------------------


class MLP:
    def __init__(self, sizes, seed=0):
        rng = np.random.default_rng(seed)
        self._parameters = []
        for n, m in zip(sizes, sizes[1:]):
            self._parameters.append(Tensor(rng.standard_normal((n, m)) * np.sqrt(2.0 / n), True))
            self._parameters.append(Tensor(np.zeros(m), True))

    def parameters(self):
        return list(self._parameters)

    def __call__(self, x):
        h = _as(x)
        for k in range(0, len(self._parameters), 2):
            if k:
                h = h.relu()
            h = h @ self._parameters[k] + self._parameters[k + 1]
        return h


def cross_entropy(logits, targets):
    logits = _as(logits)
    shifted = logits - max(logits, axis=1, keepdims=True)
    log_softmax = shifted - log(sum(exp(shifted), axis=1, keepdims=True))
    picked = [log_softmax[k, int(target)] for k, target in enumerate(targets)]
    total = picked[0]
    for one in picked[1:]:
        total = total + one
    return -total / len(picked)


class SGD:
    """Writes into the parameters' arrays."""

    def __init__(self, params, lr, momentum=0.0):
        self.lr, self.momentum = lr, momentum
        self.pairs = [(p, np.zeros(p.shape)) for p in params]

    def step(self):
        for p, velocity in self.pairs:
            if p.grad is not None:
                velocity *= self.momentum
                velocity += p.grad.data
                p.data -= self.lr * velocity

    def zero_grad(self):
        for p, _ in self.pairs:
            p.grad = None
