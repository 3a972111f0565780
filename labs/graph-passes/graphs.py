"""The grader's own graphs: types, evaluator, text, columns. Nothing of a submission runs here."""

from __future__ import annotations

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "BINARY",
    "COMMUTATIVE",
    "EFFECTS",
    "ELEMENTWISE",
    "FLOATS",
    "NUMBERS",
    "Graph",
    "Node",
    "attrs_key",
    "canonical",
    "columns",
    "graph_of",
    "in_order",
    "key_of",
    "kind_of",
    "live_ids",
    "misfit",
    "nbytes",
    "node_key",
    "node_text",
    "results",
    "same_value",
    "show",
    "value_text",
]


class Node(NamedTuple):
    id: int
    op: str
    args: tuple[int, ...] = ()
    attrs: dict[str, Any] = {}  # noqa: RUF012 - never written to
    dtype: str = "float64"
    shape: tuple[int, ...] = ()
    effect: bool = False


class Graph(NamedTuple):
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


FLOATS = ("float64", "float32")
NUMBERS = (*FLOATS, "int64")
DTYPES = (*NUMBERS, "bool")
ELEMENTWISE = {  # op: args, their dtypes, dtype of the value ("" the same)
    **dict.fromkeys(("neg", "abs"), (1, NUMBERS, "")),
    **dict.fromkeys(("exp", "tanh", "sqrt"), (1, FLOATS, "")),
    "not": (1, ("bool",), ""),
    "cast": (1, DTYPES, ""),
    **dict.fromkeys(("add", "sub", "mul", "maximum"), (2, NUMBERS, "")),
    "div": (2, FLOATS, ""),
    "less": (2, NUMBERS, "bool"),
    "select": (3, DTYPES, ""),
}
BINARY = ("add", "sub", "mul", "maximum", "div", "less")
COMMUTATIVE = ("add", "mul")
EFFECTS = {"rand": 0, "read": 0, "print": 1, "all_reduce": 1, "write": 1}
OTHERS = ("input", "const", "sum", "broadcast", "matmul", "fused")


# -- columns -----------------------------------------------------------------


def columns(graph: Graph) -> dict[str, Any]:
    """What travels; driver.py makes a Graph of it. Graphs that are sent have nothing fused."""
    ops: dict[str, int] = {}
    kinds: dict[Any, int] = {}
    attrs: dict[Any, int] = {}
    own: list[dict[str, Any]] = []
    rows = []
    for node in graph.nodes:
        # Constants of the same value are arrays of their own.
        key = (node.id,) if "value" in node.attrs else attrs_key(node.attrs)
        if key not in attrs:
            own.append({k: list(v) if type(v) is tuple else v for k, v in node.attrs.items()})
        rows.append(
            (
                ops.setdefault(node.op, len(ops)),
                attrs.setdefault(key, len(attrs)),
                kinds.setdefault((node.dtype, node.shape), len(kinds)),
                len(node.args),
            )
        )
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return {
        "ids": np.array([node.id for node in graph.nodes], dtype=np.int64),
        "ops": list(ops),
        "op": table[:, 0],
        "args": np.array([arg for node in graph.nodes for arg in node.args], dtype=np.int64),
        "counts": table[:, 3],
        "attrs": own,
        "attr": table[:, 1],
        "kinds": [[dtype, list(shape)] for dtype, shape in kinds],
        "kind": table[:, 2],
        "effect": np.array([node.effect for node in graph.nodes], dtype=bool),
        "kernel": np.full(len(graph.nodes), -1, dtype=np.int64),
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
    }


def graph_of(sent: Any) -> Graph:
    """The graph that columns from a cell say; ValueError if they say none."""
    try:
        for name in ("ids", "op", "args", "counts", "attr", "kind", "kernel"):
            if sent[name].dtype != np.int64 or sent[name].ndim != 1:
                raise ValueError(f"{name} is no column")
        return _graph_of(sent)
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _graph_of(sent: Any) -> Graph:
    attrs = [{str(k): _tuple(v) for k, v in one.items()} for one in sent["attrs"]]
    kinds = [(str(dtype), tuple(map(int, shape))) for dtype, shape in sent["kinds"]]
    flat, ends = sent["args"].tolist(), np.cumsum(sent["counts"]).tolist()
    names = ("ids", "op", "attr", "kind", "effect", "kernel")
    rows = zip(*(sent[name].tolist() for name in names), ends, strict=True)
    nodes: list[Node] = []
    bodies: dict[int, list[Node]] = {}
    start = 0
    for id, op, attr, kind, effect, kernel, end in rows:
        args, start = tuple(flat[start:end]), end
        name, (dtype, shape) = str(sent["ops"][op]), kinds[kind]
        node = Node(id, name, args, attrs[attr], dtype, shape, bool(effect))
        if kernel >= 0:
            bodies.setdefault(kernel, []).append(node)
        else:
            nodes.append(node)
    for place, body in bodies.items():
        nodes[place] = nodes[place]._replace(attrs={"body": tuple(body)})
    return Graph(tuple(nodes), tuple(map(int, sent["inputs"])), tuple(map(int, sent["outputs"])))


def _tuple(value: Any) -> Any:
    return tuple(value) if type(value) is list else value


# -- keys --------------------------------------------------------------------


def attrs_key(attrs: dict[str, Any]) -> Any:
    """Equal for attrs that are the same: of an array the dtype, the shape and the bits."""
    if not attrs:
        return ()
    return tuple(sorted((name, _attr_key(value)) for name, value in attrs.items()))


def _attr_key(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple) and value and isinstance(value[0], Node):
        return "body", tuple(sorted((node_key(node) for node in value), key=repr))
    return type(value).__name__, repr(value)


def node_key(node: Node) -> Any:
    return node.id, node.op, node.args, attrs_key(node.attrs), node.dtype, node.shape, node.effect


def canonical(graph: Graph) -> Any:
    """Equal for graphs of the same nodes, whatever order they stand in; effects in theirs."""
    effects = tuple(node.id for node in graph.nodes if node.effect)
    nodes = {node.id: node_key(_plain_fused(node)) for node in graph.nodes}
    return nodes, effects, graph.inputs, graph.outputs


def _plain_fused(node: Node) -> Node:
    return node._replace(args=tuple(sorted(node.args))) if node.op == "fused" else node


def kind_of(node: Node) -> tuple[str, tuple[int, ...]]:
    return node.dtype, node.shape


def nbytes(node: Node) -> int:
    return np.dtype(node.dtype).itemsize * math.prod(node.shape)


def key_of(node: Node, classes: dict[int, Any]) -> Any:
    """Equal for nodes that compute the same from the same classes of args."""
    if node.op == "input" or node.effect:
        return ("itself", node.id)
    args = [classes[arg] for arg in node.args]
    if node.op in COMMUTATIVE:
        args.sort()
    return node.op, tuple(args), attrs_key(node.attrs), node.dtype, node.shape


# -- order and liveness --------------------------------------------------------


def in_order(graph: Graph) -> list[Node] | None:
    """The nodes in a legal order, effects as they stand; None if there is a cycle."""
    nodes = {node.id: node for node in graph.nodes}
    order: list[Node] = []
    done: set[int] = set()
    for node in graph.nodes:
        if not done.issuperset(node.args):
            break
        done.add(node.id)
    else:
        return list(graph.nodes)  # they stand in order
    waits = {node.id: len(node.args) for node in graph.nodes}
    users: dict[int, list[int]] = {node.id: [] for node in graph.nodes}
    for node in graph.nodes:
        for arg in node.args:
            users[arg].append(node.id)
    effects = [node.id for node in graph.nodes if node.effect]
    for before, after in itertools.pairwise(effects):
        users[before].append(after)
        waits[after] += 1
    ready = [node.id for node in reversed(graph.nodes) if waits[node.id] == 0]
    while ready:
        id = ready.pop()
        order.append(nodes[id])
        for user in reversed(users[id]):
            waits[user] -= 1
            if waits[user] == 0:
                ready.append(user)
    return order if len(order) == len(nodes) else None


def live_ids(graph: Graph) -> set[int]:
    """Inputs, effects, outputs, and what these need."""
    nodes = {node.id: node for node in graph.nodes}
    found: set[int] = set()
    todo = [*graph.inputs, *graph.outputs, *(n.id for n in graph.nodes if n.effect)]
    while todo:
        id = todo.pop()
        if id not in found:
            found.add(id)
            todo += nodes[id].args
    return found


# -- what fits -----------------------------------------------------------------


def misfit(graph: Graph) -> str:
    """What is wrong with a graph, in words; "" if nothing is."""
    nodes = {node.id: node for node in graph.nodes}
    if len(nodes) < len(graph.nodes):
        return "two nodes have the same id"
    for node in graph.nodes:
        for arg in node.args:
            if arg not in nodes:
                return f"%{node.id} takes %{arg}, which is no node of the graph"
        if node.op == "fused":
            wrong = _misfit_body(node, nodes)
        else:
            wrong = _misfit_node(node, [nodes[arg] for arg in node.args])
        if wrong:
            return f"%{node.id} = {node.op}: {wrong}"
    for id in graph.outputs:
        if id not in nodes:
            return f"the output %{id} is no node of the graph"
    named = [node.id for node in graph.nodes if node.op == "input"]
    if sorted(named) != sorted(graph.inputs):
        return "graph.inputs and the nodes with op input are not the same"
    return "" if in_order(graph) is not None else "the graph has a cycle"


def _misfit_body(node: Node, outside: dict[int, Node]) -> str:
    body = node.attrs.get("body", ())
    inner = {one.id: one for one in body}
    given = {arg: outside[arg] for arg in node.args}
    if len(body) < 2 or len(inner) < len(body) or body[-1].id != node.id:
        return "a body has two nodes or more, each once, and ends with the one of the kernel's id"
    if kind_of(body[-1]) != kind_of(node) or node.effect:
        return "the value of the body has another dtype or shape"
    seen: dict[int, Node] = dict(given)
    for one in body:
        if one.op not in ELEMENTWISE:
            return f"{one.op} is not elementwise"
        for arg in one.args:
            if arg not in seen:
                return f"%{one.id} of the body takes %{arg}, which is not there before it"
        wrong = _misfit_node(one, [seen[arg] for arg in one.args])
        if wrong:
            return f"%{one.id} of the body: {wrong}"
        seen[one.id] = one
    used = {arg for one in body for arg in one.args}
    if set(given) & set(inner) or len(given) < len(node.args) or not used.issuperset(given):
        return "args must be the values that come from outside, each once"
    if any(one.id in outside for one in body[:-1]):
        return "a node of the body is still in the graph as well"
    return ""


def _misfit_node(node: Node, args: list[Node]) -> str:
    if node.op not in ELEMENTWISE and node.op not in EFFECTS and node.op not in OTHERS:
        return "there is no such op"
    if node.effect != (node.op in EFFECTS):
        return f"effect is {node.effect}"
    if node.dtype not in DTYPES:
        return f"there is no dtype {node.dtype}"
    kind = _kind(node, args)
    if kind is None:
        return f"args {', '.join(f'{a.dtype}{list(a.shape)}' for a in args)} do not fit"
    if kind != kind_of(node):
        return f"declared {node.dtype}{list(node.shape)}, it is {kind[0]}{list(kind[1])}"
    return ""


def _kind(node: Node, args: list[Node]) -> Any:
    """(dtype, shape) of the value; None if the args do not fit."""
    op, count = node.op, len(args)
    if op == "input":
        return None if count else kind_of(node)
    if op == "const":
        value = node.attrs.get("value")
        is_array = isinstance(value, np.ndarray) and not count
        return (str(value.dtype), value.shape) if is_array else None
    if op in EFFECTS:
        right = count == EFFECTS[op] and all(kind_of(arg) == kind_of(node) for arg in args)
        return kind_of(node) if right else None
    if op in ELEMENTWISE:
        wanted, dtypes, result = ELEMENTWISE[op]
        if count != wanted or len({arg.shape for arg in args}) > 1:
            return None
        same = args[1:] if op == "select" else args
        if op == "select" and args[0].dtype != "bool":
            return None
        if same[0].dtype not in dtypes or len({arg.dtype for arg in same}) > 1:
            return None
        to = node.attrs.get("to") if op == "cast" else result or same[0].dtype
        return to, args[0].shape
    if op == "sum" and count == 1 and args[0].dtype in NUMBERS:
        axis, shape = node.attrs.get("axis"), args[0].shape
        if type(axis) is int and 0 <= axis < len(shape):
            return args[0].dtype, shape[:axis] + shape[axis + 1 :]
    if op == "broadcast" and count == 1:
        shape, to = args[0].shape, node.attrs.get("shape")
        if isinstance(to, tuple) and len(to) >= len(shape):
            tail = to[len(to) - len(shape) :]
            if all(a in (1, b) for a, b in zip(shape, tail, strict=True)):
                return args[0].dtype, to
    if op == "matmul" and count == 2 and args[0].dtype in FLOATS:
        a, b = (arg.shape for arg in args)
        if len(a) == len(b) == 2 and a[1] == b[0] and args[0].dtype == args[1].dtype:
            return args[0].dtype, (a[0], b[1])
    return None


# -- values --------------------------------------------------------------------


def results(graph: Graph, inputs: dict[int, Any]) -> tuple[dict[int, Any], list[Any]]:
    """The value of every node, and what the effects did, in order."""
    values: dict[int, Any] = {}
    log: list[Any] = []
    writes: dict[str, int] = {}
    order = in_order(graph)
    assert order is not None
    with np.errstate(all="ignore"):
        for node in order:
            args = [values[arg] for arg in node.args]
            if node.op == "input":
                values[node.id] = inputs[node.id]
            elif node.effect:
                values[node.id] = _effect(node, args, log, writes)
            elif node.op == "fused":
                inner = dict(zip(node.args, args, strict=True))
                for one in node.attrs["body"]:
                    inner[one.id] = _value(one, [inner[arg] for arg in one.args])
                values[node.id] = inner[node.id]
            else:
                values[node.id] = _value(node, args)
    return values, log


def _effect(node: Node, args: list[Any], log: list[Any], writes: dict[str, int]) -> Any:
    """What rand and read give depends on what was done before."""
    name = str(node.attrs.get("name", ""))
    if node.op == "rand":
        value = _filled(node, 0.25 + sum(entry[0] == "rand" for entry in log))
    elif node.op == "read":
        value = _filled(node, 1.0 + writes.get(name, 0))
    elif node.op == "all_reduce":
        value = args[0] + args[0]
    else:
        value = args[0]
    if node.op == "write":
        writes[name] = writes.get(name, 0) + 1
    log.append((node.op, attrs_key(node.attrs), node.dtype, node.shape, args))
    return value


def _filled(node: Node, first: float) -> Any:
    """first, first + 1, ... in the node's dtype and shape."""
    values = first + np.arange(math.prod(node.shape), dtype=np.float64)
    return values.reshape(node.shape).astype(node.dtype)


def _value(node: Node, args: list[Any]) -> Any:
    op = node.op
    if op == "const":
        value = node.attrs["value"]
    elif op == "maximum":
        value = np.where(args[0] > args[1], args[0], args[1])
    elif op == "cast":
        value = args[0].astype(node.dtype)
    elif op == "sum":
        value = np.sum(args[0], axis=node.attrs["axis"])
    elif op == "broadcast":
        value = np.broadcast_to(args[0], node.shape)
    else:
        value = _FUNCTIONS[op](*args)
    # In the order of C: a sum or a product may depend on how its argument lies in memory.
    return np.array(value, dtype=node.dtype, order="C")


_FUNCTIONS = {
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
    "select": np.where,
}


def same_value(a: Any, b: Any) -> bool:
    """Same dtype, shape and bits; one NaN is as good as another."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.tobytes() == b.tobytes():
        return True
    if a.dtype.kind != "f":
        return False
    both = np.isnan(a) & np.isnan(b)
    unsigned = f"u{a.dtype.itemsize}"
    return bool(
        (
            both | (a.reshape(-1).view(unsigned) == b.reshape(-1).view(unsigned)).reshape(a.shape)
        ).all()
    )


# -- text ----------------------------------------------------------------------


class show:  # noqa: N801 - used like a function
    """Text that is written on demand, and that stays as it is where a value is described."""

    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __str__(self) -> str:
        return "\n".join(_text(part) for part in self.parts)

    __repr__ = __str__


def _text(part: Any) -> str:
    if isinstance(part, Graph):
        return graph_text(part)
    return part() if callable(part) else str(part)


def value_text(value: Any) -> str:
    return f"{np.array2string(value, separator=', ', threshold=8)}".replace("\n", "")


def node_text(node: Node) -> str:
    attrs = "".join(
        f" {name}={value_text(value) if isinstance(value, np.ndarray) else value}"
        for name, value in node.attrs.items()
        if name != "body"
    )
    args = ", ".join(f"%{arg}" for arg in node.args)
    kind = f"{node.dtype}{list(node.shape) if node.shape else ''}"
    return f"%{node.id} = {node.op}({args}){attrs}: {kind}{'  effect' if node.effect else ''}"


def graph_text(graph: Graph, most: int = 24) -> str:
    lines = []
    for node in graph.nodes[:most]:
        lines.append(node_text(node))
        lines += [f"    {node_text(one)}" for one in node.attrs.get("body", ())[:most]]
    if len(graph.nodes) > most:
        lines.append(f"... {len(graph.nodes) - most} more nodes")
    return "\n".join([*lines, "outputs " + ", ".join(f"%{i}" for i in graph.outputs[:most])])
