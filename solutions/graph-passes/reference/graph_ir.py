"""The graphs that the passes work on. Nothing to write here; read it once.

The grader has an evaluator of its own: a change to this file changes nothing for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class GraphError(ValueError):
    """The graph is refused: it has a cycle, or something in it does not fit."""


class Node(NamedTuple):
    """One operation and its one value. Immutable: `node._replace(args=...)` makes another."""

    id: int
    op: str
    args: tuple[int, ...] = ()  # ids of the nodes whose values go in
    attrs: dict[str, Any] = {}  # noqa: RUF012 - never change one; make a new dict
    dtype: str = "float64"  # of the value: float64, float32, int64 or bool
    shape: tuple[int, ...] = ()  # of the value
    effect: bool = False  # it does something besides computing its value


class Graph(NamedTuple):
    """The nodes in any order, except that effects happen in the order in which they stand."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


FLOATS = ("float64", "float32")
NUMBERS = (*FLOATS, "int64")
DTYPES = (*NUMBERS, "bool")

# op: (number of args, dtypes of the args, dtype of the value or "" for that of the args)
ELEMENTWISE = {
    "neg": (1, NUMBERS, ""),
    "abs": (1, NUMBERS, ""),
    "exp": (1, FLOATS, ""),
    "tanh": (1, FLOATS, ""),
    "sqrt": (1, FLOATS, ""),
    "not": (1, ("bool",), ""),
    "cast": (1, DTYPES, ""),  # attrs to: the dtype of the value
    "add": (2, NUMBERS, ""),
    "sub": (2, NUMBERS, ""),
    "mul": (2, NUMBERS, ""),
    "div": (2, FLOATS, ""),
    "maximum": (2, NUMBERS, ""),  # x if x > y else y
    "less": (2, NUMBERS, "bool"),
    "select": (3, DTYPES, ""),  # x if c else y, of args (c, x, y); c is bool
}
COMMUTATIVE = ("add", "mul")
EFFECTS = {"rand": 0, "read": 0, "print": 1, "all_reduce": 1, "write": 1}


def nbytes(node: Node) -> int:
    """Bytes of the node's value."""
    return np.dtype(node.dtype).itemsize * int(np.prod(node.shape, dtype=np.int64))


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Same dtype, shape and bits: -0.0 is not 0.0, and a NaN is itself."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def evaluate(node: Node, args: list[np.ndarray]) -> np.ndarray:
    """The value of a node without effect, from the values of its args."""
    with np.errstate(all="ignore"):
        return np.array(_value(node.op, node.attrs, args), dtype=node.dtype, order="C")


def _value(op: str, attrs: dict[str, Any], args: list[np.ndarray]) -> Any:
    if op == "const":
        return attrs["value"]
    if op == "maximum":
        return np.where(args[0] > args[1], args[0], args[1])
    if op == "select":
        return np.where(*args)
    if op == "cast":
        return args[0].astype(attrs["to"])
    if op == "sum":
        return np.sum(args[0], axis=attrs["axis"])
    if op == "broadcast":
        return np.broadcast_to(args[0], attrs["shape"])
    return _NUMPY[op](*args)


_NUMPY = {
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "tanh": np.tanh,
    "sqrt": np.sqrt,
    "not": np.logical_not,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "less": np.less,
    "matmul": np.matmul,
}


def check_node(node: Node, args: list[Node]) -> None:
    """GraphError unless the node fits the nodes that its args name."""
    kind, value = (node.dtype, tuple(node.shape)), node.attrs.get("value")
    if node.op == "input":
        right = not args
    elif node.op == "const":
        right = not args and (str(value.dtype), value.shape) == kind
    elif node.op in EFFECTS:
        right = len(args) == EFFECTS[node.op] and all(_kind(a) == kind for a in args)
    elif node.op in ELEMENTWISE:
        right = _elementwise_kind(node, args) == kind
    elif node.op == "fused":
        right = _kind(node.attrs["body"][-1]) == kind
    else:
        right = _other_kind(node, args) == kind
    if not right or node.effect != (node.op in EFFECTS) or node.dtype not in DTYPES:
        raise GraphError(f"node {node.id} does not fit: {node}, args {args}")


def _kind(node: Node) -> tuple[str, tuple[int, ...]]:
    return node.dtype, tuple(node.shape)


def _elementwise_kind(node: Node, args: list[Node]) -> Any:
    count, dtypes, result = ELEMENTWISE[node.op]
    if len(args) != count or any(a.shape != args[0].shape for a in args):
        return None
    if node.op == "select":
        condition, *args = args
        if condition.dtype != "bool":
            return None
    if args[0].dtype not in dtypes or any(a.dtype != args[0].dtype for a in args):
        return None
    if node.op == "cast":
        result = node.attrs.get("to")
    return result or args[0].dtype, tuple(args[0].shape)


def _other_kind(node: Node, args: list[Node]) -> Any:
    shapes = [tuple(a.shape) for a in args]
    if node.op == "sum" and len(args) == 1 and args[0].dtype in NUMBERS:
        axis = node.attrs.get("axis")
        if type(axis) is int and 0 <= axis < len(shapes[0]):
            return args[0].dtype, shapes[0][:axis] + shapes[0][axis + 1 :]
    if node.op == "broadcast" and len(args) == 1:
        to = tuple(node.attrs.get("shape", ()))
        tail = to[len(to) - len(shapes[0]) :]
        if len(to) >= len(shapes[0]) and all(
            a in (1, b) for a, b in zip(shapes[0], tail, strict=True)
        ):
            return args[0].dtype, to
    if node.op == "matmul" and len(args) == 2 and args[0].dtype in FLOATS:
        a, b = shapes
        if len(a) == len(b) == 2 and a[1] == b[0] and args[0].dtype == args[1].dtype:
            return args[0].dtype, (a[0], b[1])
    return None


def text(graph: Graph) -> str:
    """One node a line, for print while you look for a mistake."""
    lines = []
    for n in graph.nodes:
        attrs = "".join(f" {k}={v}" for k, v in n.attrs.items() if k != "body")
        args = ", ".join(f"%{a}" for a in n.args)
        lines.append(f"%{n.id} = {n.op}({args}){attrs}: {n.dtype}{list(n.shape)}")
        if n.op == "fused":
            body = text(Graph(n.attrs["body"], (), (n.id,)))
            lines += ["    " + line for line in body.splitlines()]
    outputs = ", ".join(f"%{i}" for i in graph.outputs)
    return "\n".join([*lines, f"outputs {outputs}"])
