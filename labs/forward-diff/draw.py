"""Pictures of this lab, for `aisys lab draw`: a graph with your values and your tangents.

All of it comes from one forward sweep of your code: each step makes a dual of duals.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from aisys_cli.draw import Graph, Node

# name, what makes it, what of
_LECTURE = [
    ("v1", "log(x1)", ["x1"]),
    ("v2", "x1 * x2", ["x1", "x2"]),
    ("v3", "sin(x2)", ["x2"]),
    ("v4", "v1 + v2", ["v1", "v2"]),
    ("v5", "v4 - v3", ["v4", "v3"]),
]
_NEURON = [
    ("h", "matmul(W, x)", ["W", "x"]),
    ("z", "h + b", ["h", "b"]),
    ("y", "tanh(z)", ["z"]),
    ("s", "y * y", ["y"]),
    ("loss", "sum(s)", ["s"]),
]


def lecture(student: Any, *, x1: int = 2, x2: int = 5, dx1: int = 1, dx2: int = 0) -> Graph:
    """The lecture's function (tasks 1 and 2); dx1 and dx2 are the direction."""
    values, tangents = [float(x1), float(x2)], [float(dx1), float(dx2)]
    title = f"f(x1, x2) = log(x1) + x1 * x2 - sin(x2) at ({x1}, {x2}) along ({dx1}, {dx2})"
    return _graph(student, title, ["x1", "x2"], _LECTURE, values, tangents)


def layer(student: Any) -> Graph:
    """A layer with a squared loss, along a change of the first weight (task 2)."""
    values = [np.array([[1.0, -0.5], [0.5, 2.0]]), np.array([0.5, -1.0]), np.array([0.1, 0.2])]
    tangents = [np.array([[1.0, 0.0], [0.0, 0.0]]), np.zeros(2), np.zeros(2)]
    title = "loss = sum(tanh(W x + b)**2) along W[0, 0]"
    return _graph(student, title, ["W", "x", "b"], _NEURON, values, tangents)


PICTURES = {"lecture": lecture, "layer": layer}


def _graph(
    student: Any, title: str, leaves: list[str], steps: Any, values: Any, tangents: Any
) -> Graph:
    names = [*leaves, *(name for name, *_ in steps)]
    lines = [f"{name} = {made}" for name, made, _ in steps]
    source = "\n    ".join([f"def f({', '.join(leaves)}):", *lines, f"return [{', '.join(names)}]"])
    made = {name: (label, inputs) for name, label, inputs in steps}
    nodes = []
    for name, dual in zip(names, student.duals(source, values, tangents), strict=True):
        label, inputs = made.get(name, ("given", []))
        known = [f"value {_short(dual['value'])}", f"tangent {_short(dual['tangent'])}"]
        nodes.append(Node(name, label, inputs, known))
    return Graph(title, nodes, ["tangent: the derivative of this value along the direction"])


def _short(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=4, separator=" ").replace("\n", "")
