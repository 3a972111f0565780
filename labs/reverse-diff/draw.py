"""Pictures of this lab, for `aisys lab draw`: a graph with your values and your adjoints.

Each value of the function is made by your code, and its adjoint asked of it as the gradient of the
result for that value.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aisys_cli.draw import Graph, Node

# name, how your functions make it, what of
_LECTURE = [
    ("v1", "ops_log(x1)", "log(x1)", ["x1"]),
    ("v2", "ops_mul(x1, x2)", "x1 * x2", ["x1", "x2"]),
    ("v3", "ops_sin(x2)", "sin(x2)", ["x2"]),
    ("v4", "ops_add(v1, v2)", "v1 + v2", ["v1", "v2"]),
    ("v5", "ops_sub(v4, v3)", "v4 - v3", ["v4", "v3"]),
]
_NEURON = [
    ("h", "W @ x", "W @ x", ["W", "x"]),
    ("z", "h + b", "h + b", ["h", "b"]),
    ("y", "tanh(z)", "tanh(z)", ["z"]),
    ("s", "y * y", "y * y", ["y", "y"]),
    ("loss", "sum(s)", "sum(s)", ["s"]),
]


def tape(student: Any, *, x1: int = 2, x2: int = 5) -> Graph:
    """The lecture's function on your tape of scalars (task 1)."""
    names = ["x1", "x2", *(name for name, *_ in _LECTURE)]
    lines = ["reset_tape()", "x1, x2 = Variable(a), Variable(b)"]
    lines += [f"{name} = {made}" for name, made, _, _ in _LECTURE]
    listed = ", ".join(names)
    lines.append(f"return [v.value for v in ({listed})], list(grad(v5, [{listed}]))")
    values, adjoints = student.run(_function("a, b", lines), [float(x1), float(x2)])
    title = f"f(x1, x2) = log(x1) + x1 * x2 - sin(x2) at ({x1}, {x2})"
    return _graph(title, ["x1", "x2"], _LECTURE, values, adjoints)


def tensors(student: Any) -> Graph:
    """A layer with a squared loss, on your tensors (tasks 2 and 3)."""
    leaves = ["W", "x", "b"]
    names = [*leaves, *(name for name, *_ in _NEURON)]
    lines = ["W, x, b = (Tensor(one, requires_grad=True) for one in (w, u, c))"]
    lines += [f"{name} = {made}" for name, made, _, _ in _NEURON]
    listed = ", ".join(names)
    lines.append(f"return [v.data for v in ({listed})], [g.data for g in grad(loss, [{listed}])]")
    given = [np.array([[1.0, -0.5], [0.5, 2.0]]), np.array([0.5, -1.0]), np.array([0.1, 0.2])]
    values, adjoints = student.run(_function("w, u, c", lines), given)
    return _graph("loss = sum(tanh(W @ x + b)**2)", leaves, _NEURON, values, adjoints)


PICTURES = {"tape": tape, "tensors": tensors}


def _function(names: str, lines: list[str]) -> str:
    return "\n    ".join([f"def f({names}):", *lines])


def _graph(title: str, leaves: list[str], steps: Any, values: Any, adjoints: Any) -> Graph:
    made = {name: (label, inputs) for name, _, label, inputs in steps}
    nodes = []
    for name, value, adjoint in zip([*leaves, *made], values, adjoints, strict=True):
        label, inputs = made.get(name, ("given", []))
        known = [f"value {_short(value)}", f"adjoint {_short(adjoint)}"]
        nodes.append(Node(name, label, list(dict.fromkeys(inputs)), known))
    return Graph(
        title, nodes, ["adjoint: the derivative of the last value with respect to this one"]
    )


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=4, separator=" ").replace("\n", "")
